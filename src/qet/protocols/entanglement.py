"""Entanglement of a two-party state: Wootters' concurrence for two qubits, negativity for any sizes.

Pure functions of density matrices; leading axes are points. Both measures are
homogeneous of degree one, so an unnormalized matrix of trace p gives p times the
value of its normalized form, and the sum over outcomes is the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qet.foundations.conventions import PAULI_Y
from qet.foundations.errors import ShapeMismatch
from qet.foundations.linalg import partial_transpose

Array = np.ndarray
_FLIP = np.real(np.kron(PAULI_Y, PAULI_Y))  # Y ⊗ Y is real


def concurrence(rho: Array) -> Any:
    """Concurrence of two qubits: max(0, l1 - l2 - l3 - l4).

    With rho = W W† the l are the singular values of W^T (Y ⊗ Y) W, in descending order: no square
    root of a computed eigenvalue is taken, so a nearly pure or rank-deficient state keeps its digits.

    Args:
        rho: Density matrices of two qubits, shape (..., 4, 4); the trace may differ from 1.

    Returns:
        The concurrence, shape (...), between 0 and the trace.

    Raises:
        ShapeMismatch: if the matrices are not 4x4.

    References:
        W. K. Wootters, Phys. Rev. Lett. 80, 2245 (1998); the singular-value form is derived here from
        spec(rho rho~) = spec(S S†), S = W^T (Y ⊗ Y) W.
    """
    if rho.shape[-2:] != (4, 4):
        raise ShapeMismatch(
            f"the concurrence is defined here for two qubits, a 4x4 matrix; got {rho.shape[-2:]}. "
            "Use the negativity for larger parties."
        )
    weights, vectors = np.linalg.eigh(rho)
    root = vectors * np.sqrt(weights.clip(min=0.0))[..., None, :]
    singular = np.linalg.svd(np.swapaxes(root, -1, -2) @ _FLIP @ root, compute_uv=False)
    return np.maximum(2 * singular[..., 0] - singular.sum(-1), 0.0)


def negativity(rho: Array, positions: Sequence[int]) -> Any:
    """Negativity: the sum of |negative eigenvalues| of the partial transpose, (‖rho^T_A‖₁ - Tr rho)/2.

    Args:
        rho: Density matrices of n qubits, shape (..., 2^n, 2^n).
        positions: The qubits of one party; the others are the second party.

    Returns:
        The negativity, shape (...); 1/2 for a Bell pair.

    References:
        G. Vidal and R. F. Werner, Phys. Rev. A 65, 032314 (2002).
    """
    n = rho.shape[-1].bit_length() - 1
    eigenvalues = np.linalg.eigvalsh(partial_transpose(rho, positions, n))
    return np.maximum(-eigenvalues, 0.0).sum(-1)
