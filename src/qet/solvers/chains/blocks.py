"""A density matrix in its symmetry sectors as a payload, and the questions it answers without the full matrix.

A Pauli string has one element in each row, so its mean is a sum over the labels r of the phases times rho at
(r XOR flip, r), which is found in the block of r where both labels share a sector, and vanishes elsewhere. A marginal
on m sites gathers, for each pair of labels of these, the elements of rho over the labels of the other sites. Neither
costs more than 4^m 2^(N-m) elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered, TooLarge
from qet.foundations.paulis import PauliSum, real_if_real
from qet.physics.model import Model
from qet.solvers.chains.action import string_entries
from qet.solvers.chains.layout import Layout
from qet.solvers.history import History
from qet.solvers.questions import branches_of, evolved_of, expect_of, marginal_of, means_after, shape_of
from qet.solvers.states import Dense

Array = np.ndarray
LARGEST_MARGINAL = 8  # sites
LARGEST_MATRIX = 12  # sites up to which the density matrix is written out
LARGEST_EVOLVED = 10  # sites up to which it is evolved in time


@dataclass(frozen=True, eq=False)
class Blocks:
    """States of a batch, each in the blocks of its own layout.

    Attributes:
        shape: The batch shape.
        layouts: For every point, in order.
        vectors: Packed, one a point.
    """

    shape: tuple[int, ...]
    layouts: tuple[Layout, ...]
    vectors: tuple[Array, ...]

    def __post_init__(self) -> None:
        for vector in self.vectors:
            vector.setflags(write=False)

    @property
    def n_sites(self) -> int:
        """Number of qubits."""
        return self.layouts[0].n_sites

    def dense(self) -> Dense:
        """The density matrices, shape (*shape, d, d)."""
        made = np.array([layout.unpacked(x) for layout, x in zip(self.layouts, self.vectors, strict=True)])
        return Dense(made.reshape(*self.shape, *made.shape[-2:]))


def elements(layout: Layout, x: Array, rows: Array, columns: Array) -> Array:
    """The elements of rho at some pairs of labels, zero between sectors."""
    is_inside = layout.sector[rows] == layout.sector[columns]
    block, sizes = layout.block[rows], np.array(layout.sizes)[layout.block[rows]]
    r, c = layout.place[rows], layout.place[columns]
    straight = x[np.where(is_inside, layout.starts[block] + r * sizes + c, 0)]
    turned = x[np.where(is_inside, layout.starts[block] + c * sizes + r, 0)]
    return np.where(is_inside, 0.5 * (straight + turned) + 0.5j * (straight - turned), 0.0)


@shape_of.register
def _(payload: Blocks) -> tuple[int, ...]:
    return payload.shape


@marginal_of.register
def _(payload: Blocks, sites: tuple[int, ...]) -> Array:
    n = payload.n_sites
    if len(sites) == n:
        if n > LARGEST_MATRIX:
            raise TooLarge(
                f"the density matrix of {n} qubits takes {16 * 4.0**n / 2**30:.3g} GiB; it is written out up to "
                f"{LARGEST_MATRIX}. Ask for marginals and expectation values."
            )
        if tuple(sites) == tuple(range(n)):
            return payload.dense().rho
    elif len(sites) > LARGEST_MARGINAL:
        raise NotOffered(
            f"the density matrix of {len(sites)} sites out of {n}; marginals are offered up to {LARGEST_MARGINAL} "
            "sites. Ask for fewer sites, or for expectation values."
        )
    rows, columns = _grid(sites, n)
    made = [
        np.stack([elements(layout, x, row[None, :], columns).sum(axis=-1) for row in rows])
        for layout, x in zip(payload.layouts, payload.vectors, strict=True)
    ]
    return np.array(made).reshape(*payload.shape, *made[0].shape)


def _grid(sites: tuple[int, ...], n: int) -> tuple[Array, Array]:
    """For every label of the sites, the labels of the chain that have it, shape (2^m, 2^(n - m)); twice."""
    own, rest = np.arange(2 ** len(sites)), [site for site in range(n) if site not in sites]
    inside, outside = np.zeros_like(own), np.zeros(2 ** len(rest), dtype=own.dtype)
    for place, site in enumerate(sites):
        inside |= ((own >> (len(sites) - 1 - place)) & 1) << (n - 1 - site)
    for place, site in enumerate(rest):
        outside |= ((np.arange(len(outside)) >> (len(rest) - 1 - place)) & 1) << (n - 1 - site)
    labels = inside[:, None] | outside
    return labels, labels


@expect_of.register
def _(payload: Blocks, operator: PauliSum) -> Any:
    labels = np.arange(2**payload.n_sites)
    total: Any = np.zeros(payload.shape) if payload.shape else 0.0
    for string, c in operator.terms:
        flip, entries = string_entries(string, labels, payload.n_sites)
        means = [
            complex(np.sum(entries * elements(layout, x, labels ^ flip, labels))).real
            for layout, x in zip(payload.layouts, payload.vectors, strict=True)
        ]
        total = total + c * (np.reshape(means, payload.shape) if payload.shape else means[0])
    return real_if_real(total)


def _as_dense(payload: Blocks, what: str) -> Dense:
    if payload.n_sites > LARGEST_EVOLVED:
        raise NotOffered(
            f"{what} of a driven chain of {payload.n_sites} sites; it is offered up to {LARGEST_EVOLVED}, through the "
            "density matrix. Without a delay the protocol takes marginals alone, at any length."
        )
    return payload.dense()


@evolved_of.register
def _(payload: Blocks, model: Model, t: Any) -> Any:
    return evolved_of(_as_dense(payload, "evolution in time"), model, t)


@branches_of.register
def _(payload: Blocks, history: History, sites: tuple[int, ...]) -> Array:
    return branches_of(_as_dense(payload, "branches after a delay"), history, sites)


@means_after.register
def _(payload: Blocks, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    return means_after(_as_dense(payload, "what follows a protocol"), history, operators, times)
