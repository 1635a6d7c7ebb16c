"""Closed forms of the open minimal pair, as the claims state them; derived here (docs/open-pair.md).

H = eps_A Z0 + eps_B Z1 + 2 kappa X0 X1, with Omega = eps_A + eps_B, Delta = eps_A - eps_B,
R = sqrt(Omega² + 4 kappa²), r = sqrt(Delta² + 4 kappa²). Levels in the order e-, o-, o+, e+
(even and odd parity), of energies -R, -r, r, R; ascending where eps_A eps_B > 0.
The last axis counts levels. All other axes broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
LEVELS = ("e-", "o-", "o+", "e+")


@dataclass(frozen=True, eq=False)
class ClosedForms:
    """The pair's closed forms.

    Attributes:
        eps_A, eps_B, kappa: Parameters; arrays broadcast.
    """

    eps_A: Any
    eps_B: Any
    kappa: Any

    def at(self, index: Any) -> ClosedForms:
        """Some of the points."""
        return ClosedForms(*(part[index] for part in np.broadcast_arrays(self.eps_A, self.eps_B, self.kappa)))

    @property
    def Omega(self) -> Any:
        """eps_A + eps_B."""
        return np.asarray(self.eps_A) + self.eps_B

    @property
    def Delta(self) -> Any:
        """eps_A - eps_B."""
        return np.asarray(self.eps_A) - self.eps_B

    @property
    def R(self) -> Any:
        """Energy of e+."""
        return np.hypot(self.Omega, 2 * np.asarray(self.kappa))

    @property
    def r(self) -> Any:
        """Energy of o+."""
        return np.hypot(self.Delta, 2 * np.asarray(self.kappa))

    @property
    def modes(self) -> tuple[Any, Any]:
        """The two transition energies w1 = R - r, w2 = R + r."""
        return self.R - self.r, self.R + self.r

    @property
    def w(self) -> Any:
        """Length of Bob's conditional field, sqrt(eps_B² + 4 kappa²)."""
        return np.hypot(self.eps_B, 2 * np.asarray(self.kappa))

    @property
    def vectors(self) -> Array:
        """Eigenvectors in columns, shape (..., 4, 4)."""
        a = np.arctan2(2 * np.asarray(self.kappa), self.Omega) / 2
        d = np.arctan2(2 * np.asarray(self.kappa), self.Delta) / 2
        a, d = np.broadcast_arrays(a, d)
        o = np.zeros_like(a)
        columns = (
            (-np.sin(a), o, o, np.cos(a)),
            (o, -np.sin(d), np.cos(d), o),
            (o, np.cos(d), np.sin(d), o),
            (np.cos(a), o, o, np.sin(a)),
        )
        return np.stack([np.stack(column, axis=-1) for column in columns], axis=-1)

    def in_levels(self, rho: Array) -> Array:
        """A density matrix in the order e-, o-, o+, e+."""
        V = self.vectors
        return np.asarray(np.swapaxes(V, -1, -2) @ rho @ V)

    @property
    def Z_levels(self) -> Array:
        """<Z1> of each level."""
        even, odd = np.broadcast_arrays(self.Omega / self.R, -self.Delta / self.r)
        return np.stack([-even, -odd, odd, even], axis=-1)

    @property
    def X_levels(self) -> Array:
        """<X0 X1> of each level."""
        even, odd = np.broadcast_arrays(2 * self.kappa / self.R, 2 * self.kappa / self.r)
        return np.stack([-even, -odd, odd, even], axis=-1)

    def means(self, in_levels: Array) -> tuple[Array, Array]:
        """Z = <Z1> and X = <X0 X1> from populations and the two real coherences inside a parity sector."""
        p = np.real(np.diagonal(in_levels, axis1=-2, axis2=-1))
        ce, co = np.real(in_levels[..., 3, 0]), np.real(in_levels[..., 2, 1])
        k = np.asarray(self.kappa)
        Z = (p * self.Z_levels).sum(-1) - 4 * k / self.R * ce + 4 * k / self.r * co
        X = (p * self.X_levels).sum(-1) + 2 * self.Omega / self.R * ce + 2 * self.Delta / self.r * co
        return Z, X

    def output(self, Z: Any, X: Any) -> Any:
        """Energy of H_B + V at the best angle: |w||v| + w·v with w = (eps_B, 2 kappa), v = (Z, X)."""
        return self.w * np.hypot(Z, X) + self.eps_B * Z + 2 * self.kappa * X

    def gain(self, Z: Any, X: Any, angle: Any) -> Any:
        """Energy of H_B + V taken by exp(-i mu angle Y): (w·v)(1 - cos 2a) + (eps_B X - 2 kappa Z) sin 2a."""
        along = self.eps_B * Z + 2 * self.kappa * X
        return along * (1 - np.cos(2 * angle)) + (self.eps_B * X - 2 * self.kappa * Z) * np.sin(2 * angle)

    def angle(self, Z: Any, X: Any) -> Any:
        """The best angle of exp(-i mu angle Y): half of atan2(eps_B X - 2 kappa Z, -(eps_B Z + 2 kappa X))."""
        return np.arctan2(self.eps_B * X - 2 * self.kappa * Z, -(self.eps_B * Z + 2 * self.kappa * X)) / 2

    def local(self, Z: Any, X: Any) -> Any:
        """The part that needs no message, 2 max(0, eps_B Z) + 2 max(0, 2 kappa X); real parity-even states."""
        return 2 * np.maximum(0.0, self.eps_B * Z) + 2 * np.maximum(0.0, 2 * self.kappa * X)

    def only_H_B(self, Z: Any, X: Any) -> Any:
        """What the founding note calls Bob's energy: the largest drop of H_B, eps_B Z + |eps_B| sqrt(Z² + X²)."""
        return self.eps_B * Z + np.abs(self.eps_B) * np.hypot(Z, X)

    @property
    def outputs(self) -> Array:
        """Output of each level at its own best angle, shape (..., 4)."""
        return np.asarray(self._columns.output(self.Z_levels, self.X_levels))

    @property
    def local_parts(self) -> Array:
        """Local part of each level's output, shape (..., 4)."""
        return np.asarray(self._columns.local(self.Z_levels, self.X_levels))

    @property
    def _columns(self) -> ClosedForms:
        parts = (np.asarray(part)[..., None] for part in (self.eps_A, self.eps_B, self.kappa))
        return ClosedForms(*parts)
