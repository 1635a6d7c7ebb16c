"""What a point of a sweep gives, as named variables: the numbers of a run, a number, an array, or a mapping of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, unknown
from qet.protocols.run import Run
from qet.studies.masters_dataset import ENERGIES

Array = np.ndarray
RUN_ENERGIES = {
    **ENERGIES,
    "leak": "energy that Alice's act brought within Bob's reach",
    "net_work": "extracted less injected energy",
    "precision": "absolute precision of the energies",
}
RUN_NUMBERS = {
    "efficiency": "extracted over injected energy",
    "resolved": "whether the extracted energy exceeds the precision",
}
ENCODING = {"_FillValue", "missing_value", "scale_factor", "add_offset", "dtype", "coordinates", "calendar"}
ALL = (*RUN_ENERGIES, *RUN_NUMBERS)


@dataclass(frozen=True, eq=False)
class Variable:
    """One number a point, or an array of them.

    Attributes:
        values: Shape (*points, *own): broadcasts with the points of the call.
        dims: Names of the own axes.
        attributes: long_name, units, ...
    """

    values: Array
    dims: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)

    def over(self, name: str, shape: tuple[int, ...]) -> Array:
        """The values at every point of a call.

        Raises:
            ShapeMismatch: if they do not broadcast with the points.
        """
        count = len(self.dims)
        own = self.values.shape[self.values.ndim - count :]
        try:
            if self.values.ndim < count:
                raise ValueError
            return np.broadcast_to(self.values, (*shape, *own))
        except ValueError:
            raise ShapeMismatch(
                f"{name} has shape {self.values.shape}, which does not fit the points {shape} of the vectorized "
                'axes. Give axes of its own a name, {"profile": ("site", array)}; where the function takes one number '
                'at a time, name the axis in loop=("T",).'
            ) from None


def numbers_of_runs(wanted: Collection[str] | None) -> tuple[str, ...]:
    """Names of the numbers to keep of every run, in their usual order; all of them for None.

    Raises:
        UnknownName: for one that is not known. BadParameter: for none at all.
    """
    if wanted is None:
        return ALL
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in names:
        if name not in ALL:
            raise unknown("number of a run", name, ALL)
    if not names:
        raise BadParameter(f"variables= is empty; name at least one of {', '.join(ALL)}.")
    return tuple(name for name in ALL if name in names)


def variables_of(result: Any, name: str, kept: Collection[str] = ALL) -> dict[str, Variable]:
    """The variables in what the function returned; a single number is called `name`, and of runs `kept` are kept.

    Raises:
        BadParameter: for what holds no numbers.
    """
    if isinstance(result, Run):
        return _of_run(result, kept)
    if not isinstance(result, Mapping):
        return {name: _of_numbers(name, result)}
    found: dict[str, Variable] = {}
    for key, value in result.items():
        inner = {f"{key}_{own}": v for own, v in _of_run(value, kept).items()} if isinstance(value, Run) else None
        found |= inner if inner is not None else {str(key): _of_numbers(str(key), value)}
    if not found:
        raise BadParameter("the point of a sweep gives an empty mapping; nothing is left to keep.")
    return found


def _of_run(run: Run, kept: Collection[str]) -> dict[str, Variable]:
    units = "energy" if run.target is None else "of the target"
    found = {}
    for name in kept:
        text = (RUN_ENERGIES | RUN_NUMBERS)[name]
        attributes = {"long_name": text, "units": units if name in RUN_ENERGIES else "1"}
        try:
            values = np.asarray(getattr(run, name))
        except NotOffered as refusal:
            values, attributes = np.asarray(np.nan), {**attributes, "not_offered": str(refusal)}
        found[name] = Variable(values, (), attributes)
    return found


def _attributes_given(name: str, attributes: Any) -> dict[str, Any]:
    if not isinstance(attributes, Mapping) or ENCODING & attributes.keys():
        found = sorted(ENCODING & attributes.keys()) if isinstance(attributes, Mapping) else type(attributes).__name__
        raise BadParameter(
            f"the attributes of {name} are a mapping such as {{'units': 'm'}}, without words that tell a file how its "
            f"numbers are to be read; got {found}."
        )
    return dict(attributes)


def _of_numbers(name: str, value: Any) -> Variable:
    dims: tuple[str, ...] = ()
    is_named = isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[0], (str, tuple, list))
    units = {"units": "energy"} if name in RUN_ENERGIES else {}
    attributes: dict[str, Any] = {"long_name": {**RUN_ENERGIES, **RUN_NUMBERS}.get(name, name), **units}
    if is_named:
        dims = (value[0],) if isinstance(value[0], str) else tuple(map(str, value[0]))
        attributes |= _attributes_given(name, value[2]) if len(value) == 3 else {}
        value = value[1]
    if isinstance(value, np.ma.MaskedArray):
        value = np.where(np.ma.getmaskarray(value), np.nan, np.asarray(value))
    try:
        values = np.asarray(value)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "biufc":
        raise BadParameter(
            f"{name} of the sweep is {value!r}; a point gives a Run, a number, an array, a pair (names, array), or a "
            "mapping of names to them."
        )
    return Variable(values, dims, attributes)
