"""A matrix product of means of Pauli strings as a payload: a density matrix of any length, with its stated error.

r_s = Tr[P_s rho] is a product of one matrix a letter, so that a mean is a row times matrices; outside the sites asked
for all letters are identities, and these products are kept. A marginal opens the legs of its sites.

Beside the state stands a coarse one, of half the bond dimension. What is asked of both differs by an amount that, times
`factor` and with `floor` for every string, is stated as its error (`driven_state` says how these come about): for a
family of means the largest change over the family; for a marginal the trace norm of its change, which bounds what any
measurement or operation there can make of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliString, PauliSum, real_if_real
from qet.foundations.values import frozen
from qet.solvers.mps.driven_operator import LETTERS, pauli_basis
from qet.solvers.mps.driven_train import Tensors, distance
from qet.solvers.questions import error_of_means, expect_of, marginal_of, shape_of, trace_error_of

Array = np.ndarray
LARGEST_MARGINAL = 8  # sites


@dataclass(frozen=True, eq=False)
class Means:
    """One point: tensors (left, 4, right) whose products are the means of all strings, the trace one."""

    tensors: Tensors
    found: dict[str, list[Array]] = field(default_factory=dict)

    @property
    def edges(self) -> tuple[list[Array], list[Array]]:
        """What identities make of the sites left of a site, and right of one."""
        if not self.found:
            left, right = [np.ones(1)], [np.ones(1)]
            for B in self.tensors:
                left.append(left[-1] @ B[:, 0])
            for B in reversed(self.tensors):
                right.append(B[:, 0] @ right[-1])
            self.found.update(left=left, right=right[::-1])
        return self.found["left"], self.found["right"]

    def mean(self, string: PauliString) -> float:
        """The mean of a string."""
        left, right = self.edges
        if not string:
            return 1.0
        letters, (first, last) = dict(string), (string[0][0], string[-1][0])
        row = left[first]
        for site in range(first, last + 1):
            row = row @ self.tensors[site][:, LETTERS[letters.get(site, "I")]]
        return float(row @ right[last + 1])

    def strings_on(self, sites: Sequence[int]) -> Array:
        """Means of all strings on some sites in that order, shape (4, 4, ...)."""
        ordered = sorted(sites)
        if not ordered:
            return np.ones(())
        left, right = self.edges
        rows, wanted = left[ordered[0]][None], set(ordered)
        for site in range(ordered[0], ordered[-1] + 1):
            B = self.tensors[site]
            rows = np.tensordot(rows, B, (1, 0)).reshape(-1, B.shape[2]) if site in wanted else rows @ B[:, 0]
        means = (rows @ right[ordered[-1] + 1]).reshape((4,) * len(ordered))
        return means.transpose([ordered.index(site) for site in sites])

    def matrix_on(self, sites: Sequence[int]) -> Array:
        """The density matrix on some sites in that order, shape (2^m, 2^m)."""
        means, m = self.strings_on(sites), len(sites)
        letters = pauli_basis(1)
        for _ in range(m):  # the first letter becomes the last pair of axes (row, column)
            means = np.tensordot(means, letters, (0, 0))
        order = [2 * i for i in range(m)] + [2 * i + 1 for i in range(m)]
        return means.transpose(order).reshape(2**m, 2**m) / 2**m


@dataclass(frozen=True, eq=False)
class DensityProduct:
    """Density matrices of a batch as matrix products of means.

    Attributes:
        shape: Batch shape.
        fine: The states, one a point in C order.
        coarse: The same with half the bond dimension.
        factor: A change from coarse to fine times this is the stated error, shape (*shape).
        floor: What is added to a stated error for every string, shape (*shape).
        history: For every point, how its sweeps went (`driven.Sweep`).
    """

    shape: tuple[int, ...]
    fine: tuple[Means, ...]
    coarse: tuple[Means, ...]
    factor: Array
    floor: Array
    history: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", frozen(np.asarray(self.factor)))
        object.__setattr__(self, "floor", frozen(np.asarray(self.floor)))

    @property
    def bond(self) -> int:
        """Largest bond dimension."""
        return max((B.shape[2] for means in self.fine for B in means.tensors), default=1)


@shape_of.register
def _(payload: DensityProduct) -> tuple[int, ...]:
    return payload.shape


@marginal_of.register
def _(payload: DensityProduct, sites: tuple[int, ...]) -> Array:
    _refuse_wide(sites)
    return _stacked([means.matrix_on(sites) for means in payload.fine], payload.shape)


@expect_of.register
def _(payload: DensityProduct, operator: PauliSum) -> Any:
    return real_if_real(_summed(payload.fine, operator, payload.shape))


@error_of_means.register
def _(payload: DensityProduct, operators: tuple[PauliSum, ...]) -> Any:
    worst: Any = np.zeros(payload.shape)
    for operator in operators:
        change = _summed(payload.fine, operator, payload.shape) - _summed(payload.coarse, operator, payload.shape)
        size = sum((np.abs(c) for string, c in operator.terms if string), 0.0)
        worst = np.maximum(worst, _stated(np.abs(change), size, payload))
    return np.asarray(worst)[()]


@trace_error_of.register
def _(payload: DensityProduct, sites: tuple[int, ...]) -> Any:
    pairs = zip(payload.fine, payload.coarse, strict=True)
    if len(sites) > LARGEST_MARGINAL:  # the norm of the vector bounds the trace norm of every marginal
        change = [distance(fine.tensors, coarse.tensors) for fine, coarse in pairs]
    else:
        change = [float(np.abs(np.linalg.eigvalsh(a.matrix_on(sites) - b.matrix_on(sites))).sum()) for a, b in pairs]
    return _stated(np.reshape(change, payload.shape), 2.0 ** len(sites), payload)[()]  # 4^m strings, in squares


def _stated(change: Any, strings: Any, payload: DensityProduct) -> Array:
    """A change as an error: infinite where nothing can be stated."""
    is_known = np.isfinite(payload.factor + payload.floor)
    factor, floor = (np.where(is_known, value, 0.0) for value in (payload.factor, payload.floor))
    return np.where(is_known, np.asarray(change) * factor + strings * floor, np.inf)


def _refuse_wide(sites: tuple[int, ...]) -> None:
    if len(sites) > LARGEST_MARGINAL:
        raise NotOffered(
            f"the density matrix of {len(sites)} sites of a matrix product; marginals are offered up to "
            f"{LARGEST_MARGINAL} sites. Ask for fewer sites, or for expectation values."
        )


def _summed(points: tuple[Means, ...], operator: PauliSum, shape: tuple[int, ...]) -> Any:
    total: Any = np.zeros(shape)
    for string, c in operator.terms:
        total = total + c * np.reshape([means.mean(string) for means in points], shape)
    return np.asarray(total)[()]


def _stacked(matrices: list[Array], shape: tuple[int, ...]) -> Array:
    return np.array(matrices).reshape(*shape, *matrices[0].shape)
