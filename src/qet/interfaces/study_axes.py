"""The axes and constants of a study that is being checked: their names, their values, and what is wrong with them.

Everything here bears with data that are wrong: an axis that cannot be read has no values, and whatever depends on it is
not computed.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.errors import QetError
from qet.studies.described.data import axis_numbers
from qet.studies.described.expression import FUNCTIONS, KNOWN, expression
from qet.studies.described.outputs import OUTPUTS
from qet.studies.described.slots import Path, slots
from qet.studies.sweeps.sampling import sampled
from qet.studies.sweeps.sweep import sweep

from .mistakes import Mistake, no_such

Array = np.ndarray
Data = Mapping[str, Any]
MOST, FEW = 200_000, 33  # points at which an expression is looked at, and values an axis where there are more
TAKEN = {**dict.fromkeys(OUTPUTS, "a variable of the result"), "why": "a variable of the result",
         **dict.fromkeys(FUNCTIONS, "a function"), **dict.fromkeys(KNOWN, "a number")}  # fmt: skip

OPTIONS = tuple(inspect.signature(sweep).parameters)
RESERVED = {"axes": OPTIONS, "zipped": (*OPTIONS, "dim"), "sampled": (*OPTIONS, *inspect.signature(sampled).parameters)}


class Axes:
    """The axes and constants of a study's data."""

    def __init__(self, data: Data) -> None:
        self.data = data
        settings = data.get("study")
        self.is_recording = isinstance(settings, Mapping) and settings.get("errors") == "record"

    @cached_property
    def given(self) -> list[tuple[str, Path, Any, str]]:
        """Every axis: name, place, what is given, and its dimension."""
        found: list[tuple[str, Path, Any, str]] = []
        table = self.data.get("axes")
        for name, given in table.items() if isinstance(table, Mapping) else ():
            found.append((name, ("axes", name), given, name))
        groups = self.data.get("zipped")
        for i, group in enumerate(groups if isinstance(groups, list) else ()):
            for name, given in group.items() if isinstance(group, Mapping) else ():
                if name != "dim":
                    found.append((name, ("zipped", i, name), given, str(group.get("dim", "sample"))))
        sampled = self.data.get("sampled")
        group = sampled if isinstance(sampled, Mapping) else {}
        bounds = group.get("bounds")
        for name, given in bounds.items() if isinstance(bounds, Mapping) else ():
            found.append((name, ("sampled", "bounds", name), given, str(group.get("dim", "sample"))))
        return found

    @property
    def names(self) -> list[str]:
        """Of all axes."""
        return [name for name, *_ in self.given]

    @property
    def dims(self) -> list[str]:
        """Names of the dimensions."""
        return list(dict.fromkeys(dim for *_, dim in self.given))

    @property
    def known(self) -> list[str]:
        """What an expression may compute with."""
        table = self.data.get("constants")
        return [*self.names, *(table if isinstance(table, Mapping) else ()), *KNOWN]

    def path(self, name: str) -> Path:
        """Where an axis stands."""
        return next(path for other, path, *_ in self.given if other == name)

    def is_of_words(self, name: str) -> bool:
        """Whether an axis stands for words."""
        return name in self._words

    @cached_property
    def _words(self) -> set[str]:
        return {name for slot in slots(self.data) if slot.kind in ("word", "flag") for name in _names(slot)}

    @cached_property
    def _used(self) -> set[str]:
        return {name for slot in slots(self.data) for name in _names(slot)}

    @cached_property
    def constants(self) -> dict[str, float]:
        """The constants that can be computed."""
        return self._constants[0]

    @cached_property
    def _constants(self) -> tuple[dict[str, float], list[Mistake]]:
        found: dict[str, float] = {}
        mistakes = []
        table = self.data.get("constants")
        for name, given in table.items() if isinstance(table, Mapping) else ():
            path = ("constants", name)
            value, refusal = _number(given, found, "constant before this one")
            if refusal:
                mistakes.append(Mistake(path, refusal))
            elif value is not None:
                found[name] = value
            mistakes += _of_name(path, name)
        return found, mistakes

    def values(self, name: str) -> list[Any]:
        """The values of an axis; none where they cannot be read."""
        return self._values.get(name, [])

    @cached_property
    def _values(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for name, path, given, _ in self.given:
            if self.is_of_words(name):
                found[name] = (
                    [item for item in given if isinstance(item, (str, bool))] if isinstance(given, list) else []
                )
            elif path[0] == "sampled":
                ends = [_number(end, self.constants, "")[0] for end in _ends(given)]
                found[name] = [] if None in ends or len(ends) != 2 else np.linspace(*ends, 5).tolist()  # type: ignore[call-overload]
            else:
                found[name] = _listed(given, self.constants)
        return found

    def computed(self, part: Any) -> tuple[Array | None, dict[str, Array]]:
        """A number over the axes: its values and the axes they run along; None where they cannot be told."""
        if not isinstance(part, str):
            return np.asarray(part, dtype=float), {}
        try:
            names = [name for name in expression(part).names if name not in self.constants]
        except QetError:
            return None, {}
        lists = {name: self.values(name) for name in names}
        if not all(lists.values()) or any(self.is_of_words(name) for name in names):
            return None, {}
        dims = {name: dim if path[0] == "zipped" else name for name, path, _, dim in self.given if name in lists}
        order, points = list(dict.fromkeys(dims.values())), {}
        is_many = np.prod([float(len(values)) for values in lists.values()]) > MOST
        for name, values in lists.items():
            array = np.asarray(values, dtype=float)
            if is_many and array.size > FEW:
                array = array[np.linspace(0, array.size - 1, FEW).astype(int)]
            points[name] = array.reshape([-1 if dim == dims[name] else 1 for dim in order])
        try:
            return np.asarray(expression(part)({**self.constants, **points}), dtype=float), points
        except (QetError, ValueError):  # lists side by side that differ in length
            return None, {}

    def mistakes(self) -> Iterator[Mistake]:
        """What is wrong with them, apart from their shape."""
        yield from self._constants[1]
        seen: dict[str, Path] = {}
        constants = self.data.get("constants")
        for name, path, given, _ in self.given:
            yield from _of_name(path, name)
            if name in seen:
                yield Mistake(path, f"the axis {name!r} is given twice.")
            elif isinstance(constants, Mapping) and name in constants:
                yield Mistake(path, f"{name!r} is an axis and a constant.")
            seen[name] = path
            yield from self._of_values(name, path, given)
        yield from self._of_groups()
        if not self.given and not any(self.data.get(section) for section in ("axes", "zipped", "sampled")):
            yield Mistake((), "a study needs at least one axis, in [axes], [[zipped]] or [sampled].")

    def _of_values(self, name: str, path: Path, given: Any) -> Iterator[Mistake]:
        if self.is_of_words(name):
            if path[0] == "sampled" or not isinstance(given, list):
                yield Mistake(path, f"{name} stands for words; give a list of them.")
            return
        if name not in self._used:
            return  # told as an axis that nothing depends on; what it was to be is not known
        items: list[tuple[Path, Any]] = []
        if isinstance(given, Mapping):
            items = [((*path, key), given[key]) for key in ("from", "to") if key in given]
        elif path[0] == "sampled":
            items = [(path, end) for end in _ends(given)]
        elif isinstance(given, list):
            items = [((*path, i), item) for i, item in enumerate(given) if isinstance(item, (str, bool))]
        numbers = [_number(item, self.constants, "constant") for _, item in items]
        yield from (Mistake(at, text) for (at, _), (_, text) in zip(items, numbers, strict=True) if text)
        is_log = (
            given.get("scale") == "log" if isinstance(given, Mapping) else isinstance(given, list) and "log" in given
        )
        ends = [number for number, _ in numbers]
        if is_log and any(end is not None and end <= 0.0 for end in ends):
            yield Mistake(path, f"a logarithmic axis runs between numbers above 0; got {ends[0]:g} to {ends[-1]:g}.")
        if path[0] == "sampled" and len(ends) == 2 and None not in ends and not ends[0] < ends[1]:  # type: ignore[operator]
            yield Mistake(path, f"the lower bound comes first; got {ends[0]:g} to {ends[1]:g}.")

    def _of_groups(self) -> Iterator[Mistake]:
        groups = self.data.get("zipped")
        dims = [dim for *_, dim in self.given if dim in self.names]
        seen: set[str] = set()
        for i, group in enumerate(groups if isinstance(groups, list) else ()):
            if not isinstance(group, Mapping):
                continue
            own = [(name, path) for name, path, *_ in self.given if path[:2] == ("zipped", i)]
            lengths = {name: len(self.values(name)) for name, _ in own if self.values(name)}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"{name} has {count}" for name, count in lengths.items())
                yield Mistake(("zipped", i), f"axes side by side have one length; {told} values.")
            if not own:
                yield Mistake(("zipped", i), "[[zipped]] needs axes, such as h = [1.0, 2.0].")
            yield from self._of_dim(("zipped", i), str(group.get("dim", "sample")), seen, dims)
        sampled = self.data.get("sampled")
        if isinstance(sampled, Mapping):
            if sampled.get("bounds") == {}:
                yield Mistake(("sampled", "bounds"), "[sampled] needs bounds, such as h = [0.5, 1.5].")
            yield from self._of_dim(("sampled",), str(sampled.get("dim", "sample")), seen, dims)

    def _of_dim(self, path: Path, dim: str, seen: set[str], axes: list[str]) -> Iterator[Mistake]:
        alone = [name for name, where, *_ in self.given if where[0] == "axes"]
        if dim in seen or (dim in axes and dim in alone):
            yield Mistake((*path, "dim"), f'two dimensions are called {dim!r}; give one of them another dim = "...".')
        seen.add(dim)


def _names(slot: Any) -> list[str]:
    try:
        return list(slot.names())
    except QetError:
        return []


def _of_name(path: Path, name: str) -> Iterator[Mistake]:
    if not name.isidentifier():
        text = "a name has letters, digits and _, and does not begin with a digit"
        yield Mistake(path, f"{name!r} cannot be computed with: {text}.")
    elif keyword.iskeyword(name):
        yield Mistake(path, f"{name!r} cannot be computed with: it is a word of Python; take another name, {name}_.")
    elif name in TAKEN:
        yield Mistake(path, f"{name!r} is {TAKEN[name]} already; take another name.")
    elif name in RESERVED.get(str(path[0]), ()):
        yield Mistake(path, f"{name!r} is an option of the sweep; take another name, {name}_.")


def _ends(given: Any) -> list[Any]:
    """The two bounds of a sampled axis."""
    if not isinstance(given, list):
        return []
    return given[1:] if len(given) == 3 else given


def _number(given: Any, constants: Mapping[str, float], known_as: str) -> tuple[float | None, str]:
    """A number that depends on constants alone, or why there is none."""
    if isinstance(given, bool):
        return None, f"a number is expected; got {str(given).lower()}."
    if not isinstance(given, str):
        return (float(given), "") if isinstance(given, (int, float)) else (None, "")
    try:
        parsed = expression(given)
    except QetError as error:
        return None, str(error)
    for name in parsed.names:
        if name not in constants:
            return None, no_such(known_as, name, [*constants, *KNOWN])
    return float(parsed(constants)), ""


def _listed(given: Any, constants: Mapping[str, float]) -> list[float]:
    try:
        return [float(x) for x in axis_numbers(given, constants)]
    except (QetError, KeyError, TypeError, ValueError):
        return []
