"""Where a study's plain data have room for a number, a site, a word or a yes-or-no, and what each may depend on.

The data have the layout of a study file. Every place that takes a value is a `Slot`: from the slots follow the names a
study depends on, which of them stand for whole numbers, and, with values for the names, the arguments of the public
words. One table serves computing and checking.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qet.foundations.errors import BadParameter, QetError, unknown
from qet.physics.catalog import find_model
from qet.physics.models import model as model_of_terms
from qet.studies.described.expression import expression

Path = tuple[str | int, ...]
Kind = Literal["number", "whole", "word", "flag"]
STATES = ("ground", "eigenstate", "gibbs", "steady")
FROM_TERMS = "model"
PARTIES = ("A", "B")
AXIS = "$"  # before the name of an axis of words
INFINITY = float("inf")


@dataclass(frozen=True)
class Slot:
    """One place for a value.

    Attributes:
        path: Where it stands.
        kind: "number" and "whole" take an expression where they find text; in "word" and "flag" text that begins with $
            is the name of an axis of words, "$master".
        value: What stands there; a list is a vector of such values.
        low: The smallest number allowed.
        high: The largest.
    """

    path: Path
    kind: Kind
    value: Any
    low: float = -INFINITY
    high: float = INFINITY

    @property
    def parts(self) -> list[Any]:
        """The value, or the values of a vector."""
        return list(self.value) if isinstance(self.value, (list, tuple)) else [self.value]

    def names(self) -> list[str]:
        """The quantities it depends on.

        Raises:
            QetError: for text that is no expression.
        """
        texts = [part for part in self.parts if isinstance(part, str)]
        if self.kind in ("word", "flag"):
            return [text[1:] for text in texts if text.startswith(AXIS)]
        return [name for text in texts for name in expression(text).names]

    def resolved(self, values: Mapping[str, Any]) -> Any:
        """What the public word is given, where the names have these values.

        Raises:
            BadParameter, UnknownName: for text that is no expression over the names, and sites that are not whole.
        """
        if self.kind in ("word", "flag"):
            if not (isinstance(self.value, str) and self.value.startswith(AXIS)):
                return self.value
            if self.value[1:] not in values:
                raise unknown("quantity", self.value[1:], values)
            return values[self.value[1:]]
        if self.kind == "whole":
            found = tuple(self._whole(part, values) for part in self.parts)
            return found if isinstance(self.value, (list, tuple)) else found[0]
        numbers = [expression(part)(values) if isinstance(part, str) else part for part in self.parts]
        if not isinstance(self.value, (list, tuple)):
            return numbers[0]
        return np.stack(np.broadcast_arrays(*numbers), axis=-1) if any(map(np.ndim, numbers)) else numbers

    def _whole(self, part: Any, values: Mapping[str, Any]) -> Any:
        number = expression(part)(values) if isinstance(part, str) else part
        if np.ndim(number) or (isinstance(part, str) and (not np.isfinite(number) or number != int(number))):
            raise BadParameter(f"{place(self.path)} must be a whole number; {part!r} is {number!r}.")
        return int(number) if isinstance(part, str) else number


def place(path: Path) -> str:
    """A path as a reader says it: "bath[1].T"."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def slots(data: Mapping[str, Any]) -> Iterator[Slot]:
    """Every slot that is filled, of the sections that make a point."""
    yield from _of_model(_table(data.get("model")))
    yield from _of_state(_table(data.get("state")))
    for i, bath in enumerate(_tables(data.get("bath"))):
        yield from _of_bath(("bath", i), bath)
    for i, jump in enumerate(_tables(data.get("jump"))):
        kinds: dict[str, tuple[Any, ...]] = {"operator": ("word",), "site": ("whole", 0), "rate": ("number", 0.0)}
        yield from _of_table(("jump", i), jump, kinds)
    yield from _of_protocol(_table(data.get("protocol")))


def filled(data: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The data with every slot resolved."""
    copy = deepcopy(dict(data))
    for slot in slots(data):
        inside: Any = copy
        for part in slot.path[:-1]:
            inside = inside[part]
        inside[slot.path[-1]] = slot.resolved(values)
    return copy


def model_parameters(name: str) -> dict[str, inspect.Parameter]:
    """The parameters of a model that a study file can give.

    Raises:
        UnknownName, NotOffered: for a model that is not known or cannot be loaded.
    """
    function = model_of_terms if name == FROM_TERMS else find_model(name)
    parameters = inspect.signature(function).parameters
    return {name: p for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def model_name(section: Mapping[str, Any]) -> str:
    """The model's name, said or implied: terms make a model of their own, nothing the minimal pair."""
    return str(section.get("name", FROM_TERMS if "terms" in section else "minimal"))


def state_kind(data: Mapping[str, Any]) -> str:
    """The kind of state, said or implied: T means gibbs, a level eigenstate, a bath or jump steady, nothing ground."""
    section = _table(data.get("state"))
    if "kind" in section:
        return str(section["kind"])
    if "T" in section:
        return "gibbs"
    if "level" in section:
        return "eigenstate"
    return "steady" if data.get("bath") or data.get("jump") or "master" in section else "ground"


def parameter_kind(parameter: inspect.Parameter) -> Kind:
    """What a model's parameter takes, by its signature."""
    if isinstance(parameter.default, bool):
        return "flag"
    return "whole" if parameter.name in PARTIES or "int" in str(parameter.annotation) else "number"


def _of_model(section: Mapping[str, Any]) -> Iterator[Slot]:
    try:
        known = model_parameters(model_name(section))
    except QetError:
        known = {}
    for name, value in section.items():
        if name == "terms":
            for term, entry in _table(value).items():
                yield from _of_term(("model", "terms", term), entry)
        elif name in known:
            yield Slot(("model", name), parameter_kind(known[name]), value)
        elif name != "name":
            yield Slot(("model", name), "number", value)


def _of_term(path: Path, entry: Any) -> Iterator[Slot]:
    parts = [((*path, i), part) for i, part in enumerate(entry)] if isinstance(entry, list) else [(path, entry)]
    for where, part in parts:
        if isinstance(part, Mapping) and "coefficient" in part:
            yield Slot((*where, "coefficient"), "number", part["coefficient"])


def _of_state(section: Mapping[str, Any]) -> Iterator[Slot]:
    yield from _of_table(("state",), section, {"kind": ("word",), "T": ("number", 0.0), "level": ("whole", 0)})
    yield from _named(("state", "master"), section.get("master"))
    yield from _named(("state", "solver"), section.get("solver"))


def _of_bath(path: Path, section: Mapping[str, Any]) -> Iterator[Slot]:
    kinds: dict[str, tuple[Any, ...]] = {
        "sites": ("whole", 0), "T": ("number", 0.0), "rate": ("number", 0.0), "mu": ("number",),
        "statistics": ("word",), "coupling": ("word",), "full_band": ("flag",),
        "lamb_shift": ("flag",), "common": ("flag",),
    }  # fmt: skip
    yield from _of_table(path, section, kinds)
    yield from _named((*path, "spectrum"), section.get("spectrum"))


def _of_protocol(section: Mapping[str, Any]) -> Iterator[Slot]:
    kinds: dict[str, tuple[Any, ...]] = {
        "strength": ("number", 0.0, 1.0), "delay": ("number", 0.0), "surroundings": ("flag",), "target": ("word",),
    }  # fmt: skip
    yield from _of_table(("protocol",), section, kinds)
    measure, feedback = section.get("measure"), section.get("feedback")
    if not isinstance(measure, Mapping) and measure is not None:
        yield Slot(("protocol", "measure"), "number" if isinstance(measure, list) else "word", measure)
    path = ("protocol", "feedback")
    if isinstance(feedback, Mapping):
        for name in ("policy", "operations"):
            yield from _of_table(path, feedback, {name: ("word",)})
        axis = "number" if isinstance(feedback.get("axis"), list) else "word"
        yield from _of_table(path, feedback, {"axis": (axis,), "angle": ("number",), "angles": ("number",)})
    elif feedback is not None:
        yield Slot(path, "word", feedback)
    error = section.get("message_error")
    if isinstance(error, list):
        yield from _named(("protocol", "message_error"), error, 0.0, 1.0)
    elif error is not None:
        yield Slot(("protocol", "message_error"), "number", error, 0.0, 1.0)


def _of_table(path: Path, section: Mapping[str, Any], kinds: Mapping[str, tuple[Any, ...]]) -> Iterator[Slot]:
    for name, (kind, *limits) in kinds.items():
        if name in section:
            yield Slot((*path, name), kind, section[name], *limits)


def _named(path: Path, value: Any, *limits: float) -> Iterator[Slot]:
    """A word, or a word with its numbers such as ["partial", 0.1]."""
    if isinstance(value, list) and value:
        yield Slot((*path, 0), "word", value[0])
        for i, number in enumerate(value[1:], start=1):
            if not isinstance(number, (list, Mapping)):
                is_count = isinstance(number, int) and not isinstance(number, bool)
                yield Slot((*path, i), "whole" if is_count else "number", number, *limits)
    elif isinstance(value, str):
        yield Slot(path, "word", value)


def _table(section: Any) -> Mapping[str, Any]:
    return section if isinstance(section, Mapping) else {}


def _tables(section: Any) -> list[Mapping[str, Any]]:
    return [_table(item) for item in section] if isinstance(section, list) else []
