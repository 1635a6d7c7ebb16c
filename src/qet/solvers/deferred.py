"""States that are asked for but not solved: for whoever needs the question and not the answer.

A derivative of a steady state takes the generator at shifted parameters, but never another solve. Inside
`deferred()` the words that make states (`ground`, `eigenstate`, `gibbs`, `steady`, `depolarize`, `evolve`) check their
arguments as always and return a state that is solved on first access to its numbers, which may be never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum
from qet.foundations.values import Call
from qet.physics.model import Model
from qet.solvers.history import History
from qet.solvers.questions import branches_of, drift_of, error_after, evolved_of, expect_of, marginal_of, shape_of
from qet.solvers.states import State

Array = np.ndarray
Made = TypeVar("Made")
_IS_DEFERRED: ContextVar[bool] = ContextVar("qet_is_deferred", default=False)


@contextmanager
def deferred(is_on: bool = True) -> Iterator[None]:
    """Put off every solve in this block (in this thread)."""
    token = _IS_DEFERRED.set(is_on)
    try:
        yield
    finally:
        _IS_DEFERRED.reset(token)


def is_deferred() -> bool:
    """Whether solves are put off here."""
    return _IS_DEFERRED.get()


def unsolved(make: Callable[[], Made]) -> Made:
    """What a function makes with its solves put off; where it looks into a state it is called again, and solves."""
    try:
        with deferred():
            return make()
    except (NotOffered, AttributeError, TypeError, KeyError):
        return make()


@dataclass(frozen=True, eq=False)
class Deferred:
    """A payload that is not there yet.

    Attributes:
        shape: Of the batch.
        solve: The state that holds it.
    """

    shape: tuple[int, ...]
    solve: Callable[[], State]

    @cached_property
    def payload(self) -> Any:
        """The payload, solved for now."""
        with deferred(False):
            return self.solve().payload


def put_off(
    model: Model,
    shape: tuple[int, ...],
    made_by: Call,
    solve: Callable[[], State],
    surroundings: tuple[Any, ...] = (),
    master: Any = None,
) -> State:
    """A state whose payload is found by `solve` when it is asked for."""
    return State(model, Deferred(shape, solve), "deferred", made_by, 0.0, surroundings, master)


@shape_of.register
def _(payload: Deferred) -> tuple[int, ...]:
    return payload.shape


@marginal_of.register
def _(payload: Deferred, sites: tuple[int, ...]) -> Array:
    return marginal_of(payload.payload, sites)


@expect_of.register
def _(payload: Deferred, operator: PauliSum) -> Any:
    return expect_of(payload.payload, operator)


@evolved_of.register
def _(payload: Deferred, model: Model, t: Any) -> Any:
    return evolved_of(payload.payload, model, t)


@drift_of.register
def _(payload: Deferred, model: Model) -> Any:
    return drift_of(payload.payload, model)


@branches_of.register
def _(payload: Deferred, history: History, sites: tuple[int, ...]) -> Array:
    return branches_of(payload.payload, history, sites)


@error_after.register
def _(payload: Deferred, history: History) -> Any:
    return error_after(payload.payload, history)
