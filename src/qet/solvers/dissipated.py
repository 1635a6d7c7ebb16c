"""What each bath or jump brings of an observable: Tr[O D_i(rho)], from the Pauli means of the state.

With O the full H this is the energy that flows from it into the system; with the number of bare quanta, the particles.
A million points in one call, chunk by chunk, as in `gksl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.paulis import PauliString, PauliSum
from qet.physics.model import Model
from qet.solvers.dissipators import Dissipator
from qet.solvers.generator import Action, action
from qet.solvers.states import Expectations

Array = np.ndarray


def dissipated(
    model: Model, dissipators: Sequence[Dissipator], payload: Expectations, operator: PauliSum | None = None
) -> Array:
    """Tr[O D_i(rho)] of every source, the rate at which bath or jump i changes the mean of O.

    Args:
        model: Its H is the default operator: the energy that flows from bath i into the system.
        dissipators: Those of the steady state.
        payload: The means.
        operator: A Hermitian Pauli sum.

    Returns:
        Shape (*shape, sources), in units of O times energy.
    """
    observable = model.H if operator is None else operator
    count = 1 + max((d.source for d in dissipators), default=-1)
    terms = [(string, np.real(c)) for string, c in observable.terms if string]
    acts = [
        [(k, action(key, string)) for k, key in enumerate(d.keys) if action(key, string)]
        for d in dissipators
        for string, _ in terms
    ]
    strings = sorted({u for a in acts for _, act in a for u in act if u in payload.values})
    starts = np.cumsum([0, *(len(d.inputs) for d in dissipators)])

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        means = dict(zip(strings, pieces[starts[-1] :], strict=False))
        coefficients = pieces[starts[-1] + len(strings) :]
        totals: list[Any] = [0.0] * count
        for m, d in enumerate(dissipators):
            values = d.evaluate(*pieces[starts[m] : starts[m + 1]])
            for t, h in enumerate(coefficients):
                rate = _rate_of(acts[m * len(terms) + t], values, means)
                if rate is not None:
                    totals[d.source] = totals[d.source] + h * rate
        return (_stack(totals),) if any(np.ndim(t) for t in totals) else tuple(totals)

    flat = [x for d in dissipators for x in d.inputs]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        results = in_chunks(
            chunk, *flat, *(payload.values[s] for s in strings), *(c for _, c in terms), is_elementwise=True
        )
    return results[0] if len(results) == 1 and np.ndim(results[0]) else np.array(results)


def _rate_of(acts: Sequence[tuple[int, Action]], values: Sequence[Any], means: Mapping[PauliString, Any]) -> Any:
    """Σ parameter · number · <u>, grouped by parameter; None where nothing contributes."""
    total: Any = None
    for k, act in acts:
        part: Any = None
        for u, number in act.items():
            mean = 1.0 if not u else means.get(u)
            if mean is None:
                continue
            scaled = number if not u else mean if number == 1.0 else -mean if number == -1.0 else number * mean
            part = scaled if part is None else part + scaled
        if part is not None:
            part = values[k] * part
            total = part if total is None else total + part
    return total


def _stack(values: Sequence[Any]) -> Any:
    return np.stack(np.broadcast_arrays(*values), axis=-1)
