"""Gaussian states of free fermions at any length: the covariance as a payload, and the questions it answers.

The state is even and Gaussian in the Jordan–Wigner Majoranas a_m of `nambu`; its covariance M, <a_m a_n> = δ_mn + i
M_mn, says everything. The mean of a Pauli string is a Pfaffian of M. Strings on a few distant sites are products of
many Majoranas, since every site between two letters X or Y enters with its parity. All strings of a marginal with the
same gaps filled share these modes, so they are taken out once, as one large block (`pfaffian.Parted`); what is left
is a small covariance on the marginal's own modes. A marginal thus costs one eigenvalue problem per set of filled
gaps, not one Pfaffian of order N per string.

Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliString, PauliSum, real_if_real
from qet.foundations.values import frozen
from qet.physics.model import Model
from qet.solvers.fermions.wick import matrix_of, products, reordered
from qet.solvers.fermions.wick import string_means as strings
from qet.solvers.history import History
from qet.solvers.nambu import majoranas_of
from qet.solvers.pfaffian import minor_pfaffian
from qet.solvers.questions import branches_of, evolved_of, expect_of, marginal_of, means_after, shape_of

Array = np.ndarray
LARGEST_MARGINAL = 8  # sites: 2^15 strings


@dataclass(frozen=True, eq=False)
class Gaussian:
    """An even Gaussian state of a qubit chain.

    Attributes:
        covariance: M, real antisymmetric, shape (*shape, 2N, 2N).
    """

    covariance: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", frozen(self.covariance))

    @property
    def n_sites(self) -> int:
        """Number of qubits, N."""
        return self.covariance.shape[-1] // 2

    def smallest_eigenvalue(self) -> Any:
        """Smallest eigenvalue of the density matrix, shape (*shape): its 2^N eigenvalues are Π (1 ± λ_j)/2.

        ±λ_j are the eigenvalues of iM. Where some λ_j exceeds one the smallest is negative.
        """
        lam = np.linalg.eigvalsh(1j * self.covariance)[..., self.n_sites :]
        low, high = (1.0 - lam) / 2.0, (1.0 + lam) / 2.0
        return np.where((low < 0.0).any(-1), high.prod(-1) * (low / high).min(-1), low.prod(-1))[()]


def string_means(M: Array, sites: tuple[int, ...]) -> dict[PauliString, Any]:
    """Means of all nonempty even Pauli strings on some sites, each of shape (...).

    Args:
        M: Covariance, shape (..., 2N, 2N).
        sites: Ascending.
    """
    means = _means(M, sites)
    found = {}
    for number in products(len(sites), False).letters:
        digits = np.base_repr(number, 4).zfill(len(sites))
        string = tuple((site, "IXYZ"[int(digit)]) for site, digit in zip(sites, digits, strict=True) if digit != "0")
        if string:
            found[string] = means[..., number]
    return found


def _means(M: Array, sites: tuple[int, ...]) -> Array:
    """Means of all Pauli strings on some sites, ascending, shape (..., 4^n)."""
    own = np.array([2 * site + one for site in sites for one in (0, 1)])
    gaps = [np.arange(2 * left + 2, 2 * right) for left, right in pairwise(sites)]
    nothing = np.zeros(0, dtype=int)
    return strings(M, nothing, [nothing, *gaps], own, is_odd=False)


@shape_of.register
def _(payload: Gaussian) -> tuple[int, ...]:
    return payload.covariance.shape[:-2]


@marginal_of.register
def _(payload: Gaussian, sites: tuple[int, ...]) -> Array:
    if len(sites) > LARGEST_MARGINAL:
        raise NotOffered(
            f"the density matrix of {len(sites)} sites of a free-fermion state; marginals are offered up to "
            f"{LARGEST_MARGINAL} sites. Ask for fewer sites, or for expectation values."
        )
    ascending = tuple(sorted(sites))
    means = _means(payload.covariance, ascending)
    return matrix_of(reordered(means, tuple(ascending.index(site) for site in sites)))


@expect_of.register
def _(payload: Gaussian, operator: PauliSum) -> Any:
    total: Any = 0.0
    for string, c in operator.terms:
        found = majoranas_of(string)
        if found is None:
            continue
        modes, sign = found
        if len(modes) == 2:
            total = total + c * (sign * payload.covariance[..., modes[0], modes[1]])
        else:
            total = total + c * (sign * minor_pfaffian(payload.covariance, modes))
    return real_if_real(total)


@evolved_of.register
def _(payload: Gaussian, model: Model, t: Any) -> Gaussian:
    from qet.solvers.fermions.modes import modes_of

    F = modes_of(model).propagator(t)
    M = F @ payload.covariance @ np.swapaxes(F, -1, -2)
    return Gaussian((M - np.swapaxes(M, -1, -2)) / 2)


@branches_of.register
def _(payload: Gaussian, history: History, sites: tuple[int, ...]) -> Array:
    from qet.solvers.fermions.branches import branches

    return branches(payload, history, sites)


@means_after.register
def _(payload: Gaussian, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    from qet.solvers.fermions.aftermath import means

    return means(payload, history, operators, times)
