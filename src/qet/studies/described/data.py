"""A study as plain data: a model, a state, a protocol, and the axes they are swept over; no code.

The data have the layout of a study file, sections of names and values, and wherever a number is expected an expression
over the names of axes and constants may stand. A `Study` is a function of the axes: called with values, arrays too, it
builds the run by the public words. It is therefore a sweep's point which a recipe holds whole, so that a dataset made
from a study can be made again from the dataset alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import BadParameter, unknown
from qet.foundations.values import Call, Value, plain
from qet.protocols.run import Run
from qet.studies.described.expression import expression
from qet.studies.described.outputs import outputs_of
from qet.studies.described.parts import run_of
from qet.studies.described.slots import filled, model_name, slots, state_kind
from qet.studies.sweeps.sampling import sampled, zipped
from qet.studies.sweeps.sweep import sweep

if TYPE_CHECKING:
    import xarray as xr

POINT = ("constants", "model", "state", "bath", "jump", "protocol", "output")
AXES = ("axes", "zipped", "sampled")
SECTIONS = ("study", *POINT, *AXES)
SETTINGS = ("title", "out", "engine", "workers", "chunks", "errors", "loop")
SCALES = ("linear", "log")


@dataclass(frozen=True, eq=False, repr=False)
class Study(Value):
    """A study; made by `qet.study` from a file or a mapping, and called with values of its axes.

    Attributes:
        data: Its sections, plain data.
    """

    data: Mapping[str, Any]
    _identity = ("data",)

    @property
    def made_by(self) -> Call:
        """The call that makes it again."""
        return Call("study", {"source": self.data})

    @property
    def title(self) -> str:
        """What it is called; without a title, its model and the kind of its state."""
        usual = f"{model_name(self.data.get('model', {}))}, {state_kind(self.data)}"
        return str(self.data.get("study", {}).get("title", usual))

    @property
    def settings(self) -> dict[str, Any]:
        """How it is to be run: out, engine, workers, chunks, errors, loop, where the study says so."""
        return {name: value for name, value in self.data.get("study", {}).items() if name != "title"}

    @property
    def point(self) -> Study:
        """What it computes at a point, without its axes and settings: what a dataset made from it is known by."""
        kept = {name: self.data[name] for name in POINT if name in self.data}
        has_title = "title" in self.data.get("study", {})
        return Study({**({"study": {"title": self.title}} if has_title else {}), **kept})

    @property
    def constants(self) -> dict[str, Any]:
        """The named constants; each may be computed from those before it."""
        found: dict[str, Any] = {}
        for name, value in self.data.get("constants", {}).items():
            found[name] = float(expression(value)(found)) if isinstance(value, str) else value
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities it depends on, constants apart."""
        constants = self.data.get("constants", {})
        found = {name: None for slot in slots(self.data) for name in slot.names() if name not in constants}
        return tuple(found)

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of every axis that is a dimension of its own: floats, unless whole numbers or words are needed."""
        return {name: self._values(name, given) for name, given in self.data.get("axes", {}).items()}

    @property
    def together(self) -> tuple[Any, ...]:
        """The axes that share a dimension, as `zipped` and `sampled` make them."""
        groups: list[Any] = []
        for table in self.data.get("zipped", []):
            values = {name: self._values(name, given) for name, given in table.items() if name != "dim"}
            groups.append(zipped(table.get("dim", "sample"), **values))
        if "sampled" in self.data:
            given: dict[str, Any] = dict(self.data["sampled"])
            given |= {name: tuple(map(self._bound, pair)) for name, pair in given.pop("bounds", {}).items()}
            groups.append(sampled(**given))
        return tuple(groups)

    @property
    def __signature__(self) -> inspect.Signature:
        """Its parameters, so that a sweep refuses an axis that nothing depends on."""
        return inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in self.names])

    def __call__(self, **values: Any) -> Run | dict[str, Any]:
        """The run at these values of the axes; with [output] only what it names.

        Raises:
            BadParameter: for an axis without a value. QetError: whatever the physics refuses.
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            raise BadParameter(f"{self.title} needs a value for {', '.join(missing)}.")
        with np.errstate(over="ignore", invalid="ignore"):
            run = run_of(filled(self.data, {**self.constants, **values}))
        wanted = self.data.get("output", {}).get("variables")
        return run if wanted is None else outputs_of(run, list(wanted))

    def run(self, **options: Any) -> xr.Dataset:
        """The dataset: the study swept over its axes.

        Args:
            options: In place of the study's settings: out, engine, workers, chunks, errors, loop; and shard, progress.
                See `qet.sweep`.

        Raises:
            QetError: see `qet.sweep`.
        """
        chosen = {**self.settings, **{name: value for name, value in options.items() if value is not None}}
        named: dict[str, Any] = {**chosen, **self.axes}
        return sweep(self.point, *self.together, **named)

    def _values(self, name: str, given: Any) -> list[Any]:
        if name in self._names_of("word", "flag"):
            return list(given)
        numbers = [float(x) for x in axis_numbers(given, self.constants)]
        if name not in self._names_of("whole"):
            return numbers
        for number in numbers:
            if number != int(number):
                raise BadParameter(f"the axis {name} stands for whole numbers; got {number:g}.")
        return [int(number) for number in numbers]

    def _names_of(self, *kinds: str) -> set[str]:
        """Names that stand where such values are needed."""
        return {name for slot in slots(self.data) if slot.kind in kinds for name in slot.names()}

    def _bound(self, value: Any) -> Any:
        return float(expression(value)(self.constants)) if isinstance(value, str) and value not in SCALES else value


def study_of(source: Mapping[str, Any]) -> Study:
    """A study from its data; `qet.study` reads files too, and checks everything in them at once.

    Raises:
        BadParameter: for what is no mapping. UnknownName: for a section that is not known.
    """
    if not isinstance(source, Mapping):
        raise BadParameter(f"a study is a mapping of sections; got {type(source).__name__}.")
    for name in source:
        if name not in SECTIONS:
            raise unknown("section of a study", name, SECTIONS)
    return Study(deepcopy(plain(source)))


def axis_numbers(given: Any, constants: Mapping[str, Any]) -> np.ndarray:
    """The numbers of an axis: a list, or {from, to, points, scale}.

    Raises:
        BadParameter: for bounds without a range. UnknownName: for a scale that is not known.
    """

    def number(value: Any) -> Any:
        return expression(value)(constants) if isinstance(value, str) else value

    if not isinstance(given, Mapping):
        return np.array([number(item) for item in given], dtype=float)
    low, high, points = number(given["from"]), number(given["to"]), given["points"]
    scale = given.get("scale", "linear")
    if scale not in SCALES:
        raise unknown("scale of an axis", scale, SCALES)
    if scale == "log" and not (low > 0.0 and high > 0.0):
        raise BadParameter(f"a logarithmic axis runs between numbers above 0; got {low:g} to {high:g}.")
    return np.geomspace(low, high, points) if scale == "log" else np.linspace(low, high, points)
