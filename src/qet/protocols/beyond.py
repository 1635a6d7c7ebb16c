"""Energies beyond the patch: the terms that neither party touches, and what a delay brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.paulis import PauliSum
from qet.solvers.history import History
from qet.solvers.questions import means_after
from qet.solvers.states import expect

if TYPE_CHECKING:
    from qet.protocols.run import Run


def beyond_patch(run: Run, operators: tuple[PauliSum, ...]) -> dict[int, list[Any]]:
    """Means of the operators that do not lie on the run's patch, by their place, at the four stages of the ledger.

    They meet neither party, so the parties' acts leave them alone; a delay moves them.
    """
    state, patch = run.state, set(run.patch.sites)
    places = [i for i, operator in enumerate(operators) if not set(operator.support) <= patch]
    outside = tuple(operators[i] for i in places)
    before = [expect(state, operator) for operator in outside]
    late = before
    if run.has_delay and outside:
        told = History(state.model, run.measurement.kraus(state.model.A), run.delay)
        means = means_after(state.payload, told, outside, np.zeros(1))[..., 0, :]
        late = [means[..., i] for i in range(len(outside))]
    return {place: [a, a, b, b] for place, a, b in zip(places, before, late, strict=True)}
