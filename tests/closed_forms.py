"""Closed forms of the pair, of one state at a time, on Python floats: the third route.

H = a Z0 + b Z1 + c X0 X1, Alice measures X, Bob rotates. With Z = <Z1>, X = <X0 X1>,
Y = <X0 Y1>, w = (b, c), v = (Z, X):

    injected  = -a <Z0>
    extracted = |w| sqrt(Z² + X² + Y²) + w·v          over all unitaries
    local     = b Z + |b Z| + c X + |c| sqrt(X² + Y²)
    angle     = (1/2) atan2(b X - c Z, -(b Z + c X))  about Y, where Y = 0
    E(θ)      = (b Z + c X)(1 - cos 2θ) + (b X - c Z) sin 2θ

valid for every parity-even state (the four populations and the two coherences inside the
sectors). Derived in docs/open-pair.md; Hotta's ground-state value is arXiv:1002.0200.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, hypot, sin, sqrt


@dataclass(frozen=True)
class Pair:
    """The five means that decide everything, and the couplings."""

    a: float
    b: float
    c: float
    Z0: float
    Z1: float
    XX: float
    XY: float = 0.0

    @property
    def injected(self) -> float:
        return -self.a * self.Z0

    @property
    def _mean(self) -> float:
        return self.b * self.Z1 + self.c * self.XX

    @property
    def extracted(self) -> float:
        """The branch of outcome ± is Bob's Bloch vector (±X, ±Y, Z) in the field (±c, 0, b)."""
        return hypot(self.b, self.c) * sqrt(self.Z1**2 + self.XX**2 + self.XY**2) + self._mean

    @property
    def local(self) -> float:
        b, c = self.b, self.c
        return b * self.Z1 + abs(b * self.Z1) + c * self.XX + abs(c) * hypot(self.XX, self.XY)

    @property
    def teleported(self) -> float:
        return self.extracted - self.local

    @property
    def angle(self) -> float:
        return 0.5 * atan2(self.b * self.XX - self.c * self.Z1, -self._mean)

    def extracted_at(self, angle: float) -> float:
        b, c = self.b, self.c
        return self._mean * (1 - cos(2 * angle)) + (b * self.XX - c * self.Z1) * sin(2 * angle)


def spectrum(a: float, b: float, c: float) -> list[tuple[float, float, float, float]]:
    """Energies and means (E, <Z0>, <Z1>, <XX>) of e-, o-, o+, e+, from the two parity sectors."""
    Omega, Delta = a + b, a - b
    R, r = hypot(Omega, c), hypot(Delta, c)
    even, odd = (Omega / R, c / R), (Delta / r, c / r)
    return [
        (-R, -even[0], -even[0], -even[1]),
        (-r, -odd[0], odd[0], -odd[1]),
        (r, odd[0], -odd[0], odd[1]),
        (R, even[0], even[0], even[1]),
    ]
