"""The inverse of the generator without its jumps, as a preconditioner: best where rates are small beside H.

rho -> K rho + rho K† is inverted block by block: with K = V λ V⁻¹,

    rho = V [ (V⁻¹ sigma V⁻†)_ab / (λ_a + λ_b*) ] V†,

or, where the eigenvectors of K are nearly dependent, in its Schur basis (see `blockwise`). What is left, jumps after
the inverse, is the map from one jump to the next, whose fixed point is well conditioned however slow the jumps are.

Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.linalg import dagger
from qet.solvers.blockwise import triangular_sylvester
from qet.solvers.chains.action import Action

Array = np.ndarray
_FLOOR = 1e-4  # of the mean loss, added to every level: one that no jump leaves has an inverse, too
_DEPENDENT = 1e6  # of the condition of the eigenvectors


class NoJump:
    """M⁻¹ on packed vectors, in the precision of the vectors given.

    Args:
        action: The generator.
        dtype: Precision.
    """

    def __init__(self, action: Action, dtype: Any = float) -> None:
        self.layout = action.layout
        kind = complex if np.dtype(dtype) == np.float64 else np.complex64
        self.bases: list[tuple[Array, Array, Array | None]] = []
        floor = 0.5 * _FLOOR * action.generator.mean_loss
        for b in range(len(self.layout.sizes)):
            K = 1j * action.imaginary[b].toarray() + np.diag(action.leaving[b] + floor)
            P = action.real[b]
            if P is not None:
                K = K + P.toarray()
            V, levels, inverse = _basis(K, floor)
            self.bases.append((V.astype(kind), levels.astype(kind), None if inverse is None else inverse.astype(kind)))

    def __call__(self, x: Array) -> Array:
        """The packed rho whose loss is a packed sigma."""
        out = np.empty_like(x)
        for b, (V, levels, inverse) in enumerate(self.bases):
            M = self.layout.part(x, b)
            sigma = 0.5 * (M + M.T) + (0.5j * (M - M.T)).astype(V.dtype)
            if inverse is None:
                rho = V @ triangular_sylvester(levels, levels, dagger(V) @ sigma @ V) @ dagger(V)
            else:
                turned = inverse @ sigma @ dagger(inverse)
                turned /= levels[:, None] + levels.conj()
                rho = V @ turned @ dagger(V)
            rho = rho + dagger(rho)
            self.layout.part(out, b)[...] = 0.5 * (rho.real + rho.imag)
        return out


def _basis(K: Array, floor: float) -> tuple[Array, Array, Array | None]:
    """V, the eigenvalues and V⁻¹; or Q, the triangle and None."""
    from scipy.linalg import eig, schur

    values, V = eig(K)
    values = np.maximum(values.real, floor) + 1j * values.imag
    if np.linalg.cond(V) < _DEPENDENT:
        return V, values, np.linalg.inv(V)
    T, Q = schur(K, output="complex")
    np.fill_diagonal(T, np.maximum(np.diagonal(T).real, floor) + 1j * np.diagonal(T).imag)
    return Q, T, None
