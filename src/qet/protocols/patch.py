"""The patch: the few sites a protocol touches, as small dense matrices.

Alice acts on A and Bob on B, so with no delay only terms that meet A or B change their
energy, and the marginal on A, B and those terms' sites is all a protocol needs. With a
delay the whole system evolves and the patch is the whole system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qet.foundations.linalg import embed
from qet.foundations.paulis import collect
from qet.physics.model import Model, Term
from qet.solvers.states import State, marginal

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Patch:
    """The sites a protocol touches.

    Attributes:
        model: The model it was cut from.
        sites: The sites, ascending.
        rho: Reduced density matrix on them, shape (*shape, d, d).
    """

    model: Model
    sites: tuple[int, ...]
    rho: Array

    @property
    def n(self) -> int:
        """Number of qubits."""
        return len(self.sites)

    @cached_property
    def A(self) -> tuple[int, ...]:
        """Alice's positions on the patch."""
        return tuple(self.sites.index(site) for site in self.model.A)

    @cached_property
    def B(self) -> tuple[int, ...]:
        """Bob's positions on the patch."""
        return tuple(self.sites.index(site) for site in self.model.B)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The terms that lie on the patch."""
        return tuple(t for t in self.model.terms if set(t.operator.support) <= set(self.sites))

    @cached_property
    def H_A(self) -> Array:
        """Sum of all terms that meet A, without constants, shape (*, d, d)."""
        return self._sum(self.model.meeting(self.model.A))

    @cached_property
    def H_B(self) -> Array:
        """Sum of all terms that meet B, without constants, shape (*, d, d)."""
        return self._sum(self.model.meeting(self.model.B))

    def matrix_of(self, term: Term) -> Array:
        """One term as a matrix on the patch."""
        return term.operator.matrix(self.sites)

    def on_A(self, operator: Array) -> Array:
        """An operator on Alice's sites as one on the patch."""
        return embed(operator, self.A, self.n)

    def on_B(self, operator: Array) -> Array:
        """An operator on Bob's sites as one on the patch."""
        return embed(operator, self.B, self.n)

    def _sum(self, terms: Iterable[Term]) -> Array:
        """The sum without its constants: only changes of energy are asked, and a large zero would cost digits."""
        return collect([(s, c) for term in terms for s, c in term.operator.terms if s]).matrix(self.sites)


def cut(state: State, *, whole: bool = False) -> Patch:
    """The patch of a state: A, B and the sites of every term that meets them; or the whole system."""
    model = state.model
    if whole:
        return Patch(model, model.sites, state.density_matrix)
    touched = {site for term in model.meeting((*model.A, *model.B)) for site in term.operator.support}
    sites = tuple(sorted(touched | set(model.A) | set(model.B)))
    return Patch(model, sites, marginal(state, sites))
