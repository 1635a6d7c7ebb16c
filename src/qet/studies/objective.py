"""What is maximized: a user's function of named parameters, as numbers over points of the unit cube.

The function may return a `Run`, a number or an array, or a mapping of names to them. It is called with arrays, one
entry a point; where it cannot take them it is called point by point. A point that has no answer (one of `REFUSALS`,
or NaN) has no value; it is counted and left out. Errors in the question itself are raised.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qet.foundations.errors import (
    BadParameter,
    DegenerateLevel,
    DivergentOccupation,
    NotAState,
    NotConverged,
    NotPositive,
    NoUniqueSteadyState,
    OutsideDomain,
    QetError,
    ShapeMismatch,
    unknown,
)
from qet.protocols.run import Run
from qet.studies.axes import Axis
from qet.studies.named_function import name_of

Array = np.ndarray
REFUSALS = (DegenerateLevel, DivergentOccupation, NotAState, NotConverged, NotPositive, NoUniqueSteadyState)
ENERGIES = {
    "extracted": "extracted, the drop of all terms Bob touches",
    "teleported": "teleported, what of the extracted energy needed the message",
    "local": "local, what Bob takes without the message",
    "injected": "injected, what Alice's measurement pays in",
    "leak": "leak, what Alice's act brought within Bob's reach",
    "net_work": "net work, extracted less injected",
    "efficiency": "efficiency, extracted over injected",
    "efficiency_teleported": "efficiency, teleported over injected",
}


@dataclass(eq=False)
class Objective:
    """A function of points u, shape (n, k), with its values, shape (n,); counts what it does.

    Attributes:
        point: The user's function.
        axes: Its parameters.
        maximize: What of its result counts.
        is_batched: Whether the function takes arrays; None before it was asked.
        calls: How often it was called.
        n_points: How many points it gave.
        n_missing: How many of them have no value.
        why: The first refusal, in words.
    """

    point: Callable[..., Any]
    axes: tuple[Axis, ...]
    maximize: Any
    is_batched: bool | None = None
    calls: int = 0
    n_points: int = 0
    n_missing: int = 0
    why: str = ""
    refusal: QetError | None = field(default=None, repr=False)

    def __call__(self, u: Array) -> Array:
        """Values at the points, NaN where there is none."""
        u = np.atleast_2d(np.asarray(u, dtype=float))
        values = None
        with quiet():
            if self.is_batched is not False and len(u) > 1:
                values = self._at_once(u)
                if self.is_batched is None:
                    self.is_batched = values is not None
            if values is None:
                values = np.array([self._one(row) for row in u])
        values = np.where(np.isfinite(values), values, np.nan)
        self.n_points += len(u)
        self.n_missing += int(np.isnan(values).sum())
        return values

    def result(self, u: Array) -> Any:
        """What the user's function returns at one point, u of shape (k,)."""
        self.calls += 1
        return self.point(**{axis.name: float(axis.value(x)) for axis, x in zip(self.axes, u, strict=True)})

    def _one(self, u: Array) -> float:
        try:
            value = self._numbers(self.value_of(self.result(u)))
        except REFUSALS as refusal:
            self._refused(refusal)
            return np.nan
        if value.ndim:
            raise ShapeMismatch(
                f"optimize maximizes one number a point; {name_of(self.point)} gives an array of shape {value.shape} "
                "there. Choose one entry, or maximize=lambda result: ... that gives a number."
            )
        return float(value)

    def _at_once(self, u: Array) -> Array | None:
        """Values of all points in one call; None where the function does not take arrays."""
        values, keep = np.full(len(u), np.nan), np.arange(len(u))
        while keep.size:
            given = {axis.name: axis.value(u[keep, i]) for i, axis in enumerate(self.axes)}
            self.calls += 1
            try:
                found = self._numbers(self.value_of(self.point(**given)))
            except REFUSALS as refusal:
                bad = None if refusal.mask is None else np.asarray(refusal.mask).reshape(-1)
                if bad is None or bad.size != keep.size or not bad.any():
                    return None
                self._refused(refusal)
                keep = keep[~bad]
                continue
            except (TypeError, ValueError):
                return None
            if found.shape != (keep.size,):
                return None
            values[keep] = found
            break
        return values

    def _numbers(self, value: Any) -> Array:
        """Values as real numbers; None and complex numbers, of which NumPy would make some, are refused."""
        if value is None or np.iscomplexobj(value):
            raise BadParameter(
                f"{name_of(self.maximize if callable(self.maximize) else self.point)} gives {value!r} where a real "
                "number is maximized. Return one; of a complex number its real part or its modulus."
            )
        return np.asarray(value, dtype=float)

    def value_of(self, result: Any) -> Any:
        """The number, or array of numbers, that counts in a result of the user's function."""
        if callable(self.maximize):
            return self.maximize(result)
        if isinstance(result, Run):
            if isinstance(self.maximize, tuple):
                return result.ledger.drop(*self.maximize[1:])
            if self.maximize not in ENERGIES:
                raise unknown("energy of a run", self.maximize, [*ENERGIES, '("drop", "H_B")'])
            return getattr(result, self.maximize)
        if isinstance(result, Mapping):
            if self.maximize not in result:
                raise unknown("entry of the point's result", self.maximize, result)
            return result[self.maximize]
        try:
            return self._numbers(result)
        except (TypeError, ValueError):
            raise BadParameter(
                f"{name_of(self.point)} gives a {type(result).__name__}; optimize takes a Run, a number or an array, "
                "or a mapping of names to them. For anything else give maximize=lambda result: ..., a number."
            ) from None

    def energy_of(self, result: Any) -> str:
        """In words what is maximized."""
        if callable(self.maximize):
            return f"{name_of(self.maximize)}, a function of the result"
        if isinstance(result, Run):
            if isinstance(self.maximize, tuple):
                return f"drop of {' + '.join(self.maximize[1:])} alone in Bob's operation"
            return ENERGIES[self.maximize]
        return str(self.maximize) if isinstance(result, Mapping) else f"the value of {name_of(self.point)}"

    def _refused(self, refusal: QetError) -> None:
        self.refusal = self.refusal or refusal
        self.why = self.why or f"{type(refusal).__name__}: {refusal}"


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that a theory is outside its domain: only the best point's is of interest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideDomain)
        yield


def checked_maximize(maximize: Any) -> Any:
    """The energy asked for: a name, ("drop", rows...) or a function.

    Raises:
        BadParameter: for anything else.
    """
    if callable(maximize) or isinstance(maximize, str):
        return maximize
    is_drop = isinstance(maximize, (tuple, list)) and len(maximize) > 1 and maximize[0] == "drop"
    if is_drop and all(isinstance(row, str) for row in maximize):
        return tuple(maximize)
    raise BadParameter(
        f'maximize is the name of an energy ("extracted", "teleported", ...), ("drop", "H_B") with the rows of the '
        f"ledger, or a function of the result; got {maximize!r}."
    )
