"""The questions every representation of a state answers, dispatched on its payload.

A new representation is one file: its payload class, and its answers registered here.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum
from qet.physics.model import Model
from qet.solvers.history import History

Array = np.ndarray


@singledispatch
def shape_of(payload: Any) -> tuple[int, ...]:
    """Batch shape of a payload."""
    raise _not_offered(payload, "a batch shape")


@singledispatch
def marginal_of(payload: Any, sites: tuple[int, ...]) -> Array:
    """Reduced density matrix on the sites, in that order, shape (*shape, d, d)."""
    raise _not_offered(payload, "a marginal")


@singledispatch
def expect_of(payload: Any, operator: PauliSum) -> Any:
    """Mean of a Pauli sum, shape (*shape); real for a Hermitian one."""
    raise _not_offered(payload, "an expectation value")


@singledispatch
def evolved_of(payload: Any, model: Model, t: Any) -> Any:
    """The payload after a time t >= 0 under H alone; t broadcasts with its shape."""
    raise _not_offered(payload, "evolution in time")


@singledispatch
def drift_of(payload: Any, model: Model) -> Any:
    """Error of an extracted energy that evolution in time has added to the payload, shape ()-or-batch."""
    return 0.0


@singledispatch
def branches_of(payload: Any, history: History, sites: tuple[int, ...]) -> Array:
    """Unnormalized states on the sites when Bob acts, one for each of Alice's outcomes, shape (*shape, K, d, d)."""
    raise _not_offered(payload, "branches after a delay")


@singledispatch
def error_after(payload: Any, history: History) -> Any:
    """Error of an extracted energy that following the delay of a history adds, shape ()-or-batch."""
    return 0.0


@singledispatch
def means_after(payload: Any, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    """Means of some operators at times after Bob's act, all outcomes added, shape (*shape, times, operators).

    Where Bob does not act the times count from the end of the delay.
    """
    raise _not_offered(payload, "what follows a protocol")


@singledispatch
def trace_error_of(payload: Any, sites: tuple[int, ...]) -> Any:
    """Stated trace norm of the error of the marginal on some sites, shape (*shape).

    None where a state states the error of its energies alone, which is then the same everywhere.
    """
    return None


@singledispatch
def error_of_means(payload: Any, operators: tuple[PauliSum, ...]) -> Any:
    """Stated error of each of a family of means, shape (*shape); None where the state states that of energies alone."""
    return None


def _not_offered(payload: Any, what: str) -> NotOffered:
    return NotOffered(f"a state held as {type(payload).__name__} does not offer {what}.")
