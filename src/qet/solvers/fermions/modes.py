"""Normal modes of a quadratic Hamiltonian by singular values, and the functions of it that states and motion need.

H = (i/4) Σ A_mn a_m a_n with a real antisymmetric A = U diag(ε) Vᵀ. The ε are the energies of the modes, each twice;
odd and even functions of A keep real matrices,

    -i f(iA) = U f(ε) Vᵀ  (f odd),    e^{At} = U cos(εt) Uᵀ + U sin(εt) Vᵀ.

Where A couples even Majoranas to odd ones alone, by C = U diag(ε) Vᵀ of half the order (every real H does), the ε come
once. No energy is squared on the way, so small ones keep their digits. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from qet.foundations.paulis import PauliSum
from qet.physics.model import Model
from qet.solvers.nambu import quadratic_form

Array = np.ndarray
REMEMBERED = 2  # models whose modes are kept: all questions of one run ask for the same


@dataclass(frozen=True, eq=False)
class Modes:
    """Normal modes of A.

    Attributes:
        left: U, orthogonal, shape (..., n, n); n = N where the columns are split, else 2N.
        energies: ε >= 0, descending, shape (..., n).
        right: Vᵀ.
        is_split: Whether U turns the even Majoranas and V the odd ones; else both turn all of them.
    """

    left: Array
    energies: Array
    right: Array
    is_split: bool

    @classmethod
    def of(cls, A: Array) -> Modes:
        """From A, real antisymmetric, shape (..., 2N, 2N)."""
        is_split = not (A[..., ::2, ::2].any() or A[..., 1::2, 1::2].any())
        return cls(*np.linalg.svd(A[..., ::2, 1::2] if is_split else A), is_split)

    @property
    def single(self) -> Array:
        """The N energies, descending, shape (..., N)."""
        return self.energies if self.is_split else self.energies[..., ::2]

    @property
    def norm(self) -> Any:
        """‖H‖ without its constants, shape (...): half the sum of the energies."""
        return self.single.sum(-1) / 2

    def odd(self, weights: Array) -> Array:
        """U diag(w) Vᵀ on all 2N Majoranas, antisymmetric, for weights w = f(ε) of an odd f; shape (..., 2N, 2N)."""
        block = (self.left * weights[..., None, :]) @ self.right
        if not self.is_split:
            return np.asarray((block - np.swapaxes(block, -1, -2)) / 2)
        n = block.shape[-1]
        full = np.zeros((*block.shape[:-2], 2 * n, 2 * n))
        full[..., ::2, 1::2] = block
        full[..., 1::2, ::2] = -np.swapaxes(block, -1, -2)
        return full

    def propagator(self, t: Any) -> Array:
        """e^{At} with a(t) = e^{At} a, shape (*shape, 2N, 2N); t broadcasts with the batch."""
        angle = self.energies * np.asarray(t)[..., None]
        cosine, sine = np.cos(angle)[..., None, :], np.sin(angle)[..., None, :]
        U, Vt = self.left, self.right
        turned = (U * cosine) @ np.swapaxes(U, -1, -2)
        mixed = (U * sine) @ Vt
        if not self.is_split:
            return np.asarray(turned + mixed)
        n = turned.shape[-1]
        full = np.empty((*turned.shape[:-2], 2 * n, 2 * n))
        full[..., ::2, ::2], full[..., ::2, 1::2] = turned, mixed
        full[..., 1::2, ::2] = -np.swapaxes(mixed, -1, -2)
        full[..., 1::2, 1::2] = (np.swapaxes(Vt, -1, -2) * cosine) @ Vt
        return full


def modes_of(model: Model) -> Modes:
    """The modes of a model's H; of the last models they are remembered.

    Raises:
        NotOffered: if H is not quadratic.
    """
    operators = tuple(term.operator for term in model.terms)
    for known, n_sites, modes in _recent:
        if n_sites == model.n_sites and len(known) == len(operators) and all(map(is_, known, operators)):
            return modes
    modes = Modes.of(quadratic_form(model.dynamics, model.n_sites))
    _recent.insert(0, (operators, model.n_sites, modes))
    del _recent[REMEMBERED:]
    return modes


_recent: list[tuple[tuple[PauliSum, ...], int, Modes]] = []  # found by identity: a model between other parties is alike
