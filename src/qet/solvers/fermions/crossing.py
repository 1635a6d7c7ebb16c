"""Two Jordan–Wigner strings at different times: what is left of them once all that they share is canceled.

The string Π_{m<p} a_m of an operator now and the string Π_{m<q} a_m(t) of a later one are, up to signs, the volume
elements of two spaces of Majoranas, E and F(t). A Majorana of F that lies in E stands in both strings and drops out,
b b = 1. Motion from one place to another at a bounded speed leaves most of F within E, so the product of the two
strings holds about 2|A - B| Majoranas and as many as the light cones add, wherever in the chain they end. At equal
times this is the usual cancellation. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
SHARED = 1e-15  # sine of the angle to E below which a direction of F counts as its own


@dataclass(frozen=True, eq=False)
class Crossing:
    """Π_{m<p} a_m · r · Π_{m<q} b_m = phase · i^n · Π early · r · Π late, r an odd product of a_m, m >= p.

    n pairs have dropped out. In Pfaffians, which count (-i) for each pair, what is left is the factor `phase`.

    Attributes:
        early: Rows of Majoranas in E that are left, shape (p - n, 2N).
        late: The combinations of the b_m that are left, shape (q - n, q).
        phase: ± (-i)^n.
    """

    early: Array
    late: Array
    phase: complex

    @classmethod
    def of(cls, F: Array, p: int, q: int) -> Crossing:
        """From the propagator, b_m = Σ F_mn a_n, shape (2N, 2N)."""
        n_modes = F.shape[-1]
        turn, sines = _directions(F[:q, p:])
        is_shared = sines <= SHARED * np.sqrt(n_modes)
        shared = turn[is_shared] @ F[:q, :p]  # orthonormal rows within E
        n, late = len(shared), turn[~is_shared]
        basis = np.linalg.qr(shared.T, mode="complete")[0].T
        sign = _orientation(basis[n:], shared) * _orientation(turn[is_shared], late)
        sign *= (-1.0) ** (n + n * (n - 1) // 2)  # Π shared, past the odd r, times Π shared
        early = np.zeros((p - n, n_modes))
        early[:, :p] = basis[n:]
        return cls(early, late, sign * (-1j) ** n)


def _directions(outside: Array) -> tuple[Array, Array]:
    """Orthonormal combinations of the rows, shape (q, q), and the length of each."""
    q = len(outside)
    if 0 in outside.shape:
        return np.eye(q), np.zeros(q)
    turn, sines, _ = np.linalg.svd(outside)
    return turn.T, np.concatenate([sines, np.zeros(q - len(sines))])


def _orientation(first: Array, second: Array) -> float:
    """The determinant, 1 or -1, of orthonormal rows."""
    return float(np.linalg.slogdet(np.concatenate([first, second]))[0])
