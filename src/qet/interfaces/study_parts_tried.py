"""The parts of a study, each built by the public words at the first point of the axes, and what these refuse.

Nothing is solved: a model, a reservoir, a measurement or a rule is made in no time, and knows what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from qet.studies.described.parts import bath_of, feedback_of, jump_of, measurement_of, model_of
from qet.studies.described.slots import Path, filled, slots

from .mistakes import Mistake
from .study_axes import Axes

Data = Mapping[str, Any]
FIRST = 50  # values of one axis at which parts are built


def refused_parts(data: Data, axes: Axes, bad: set[Path]) -> list[Mistake]:
    """What the public words refuse in the parts where nothing else is wrong; if refusals are recorded, everywhere."""
    found = _refused_from(data, axes, bad, 0.0)
    for place in (0.5, 1.0) if axes.is_recording and found else ():
        still = {mistake.path for mistake in _refused_from(data, axes, bad, place)}
        found = [mistake for mistake in found if mistake.path in still]
    return found


def _refused_from(data: Data, axes: Axes, bad: set[Path], place: float) -> list[Mistake]:
    found: dict[Mistake, None] = {}
    for values in _points(data, axes, place):
        for mistake in _at(data, values, bad):
            found.setdefault(mistake)
            bad = bad | {mistake.path}  # one refusal a part
    return list(found)


def _at(data: Data, values: Mapping[str, Any], bad: set[Path]) -> Iterator[Mistake]:
    model, refusal = _tried(data, ("model",), values, bad, _model)
    if refusal:
        yield Mistake(("model",), refusal)
    for name, build in (("bath", _bath), ("jump", _jump)):
        tables = data.get(name)
        for i, table in enumerate(tables if isinstance(tables, list) else ()):
            at: Path = (name, i)
            if not isinstance(table, Mapping) or _is_bad(at, bad):
                continue
            made, refusal = _tried({name: [table]}, (name,), values, set(), build)
            if refusal:
                yield Mistake(at, refusal)
            last = -1 if made is None else max(made.sites if name == "bath" else made.operator.support, default=-1)
            if model is not None and last >= model.n_sites:
                text = f"the model has {model.n_sites} sites, counted from 0; got site {last}."
                yield Mistake((*at, "sites" if name == "bath" else "operator"), text)
    section = data.get("protocol")
    for key, make in (("measure", _measurement), ("feedback", _feedback)):
        if not isinstance(section, Mapping) or not (key in section or (key == "measure" and "strength" in section)):
            continue
        path: Path = ("protocol", key if key in section else "strength")
        if key == "feedback" or not _is_bad(("protocol", "strength"), bad):
            refusal = _tried({"protocol": section}, path, values, bad, make)[1]
            if refusal:
                yield Mistake(path, refusal)


def _model(part: Data) -> Any:
    return model_of(part.get("model", {}))


def _bath(part: Data) -> Any:
    return bath_of(part["bath"][0])


def _jump(part: Data) -> Any:
    return jump_of(part["jump"][0])


def _measurement(part: Data) -> Any:
    section = part["protocol"]
    strength = {"strength": section["strength"]} if "strength" in section else {}
    return measurement_of(section.get("measure", "X"), strength)


def _feedback(part: Data) -> Any:
    return feedback_of(part["protocol"]["feedback"])


def _tried(
    data: Data, path: Path, values: Mapping[str, Any], bad: set[Path], build: Callable[[Data], Any]
) -> tuple[Any, str]:
    """What a part is, or the refusal; neither where the part is bad already, or needs a name without a value."""
    if _is_bad(path, bad):
        return None, ""
    section = str(path[0])
    own = {section: data.get(section, {})}
    try:
        if any(name not in values for slot in slots(own) for name in slot.names()):
            return None, ""
        return build(filled(own, values)), ""
    except (ValueError, TypeError) as refusal:  # ours, or what a model of another package raises
        return None, str(refusal)


def _is_bad(path: Path, bad: set[Path]) -> bool:
    return any(other[: len(path)] == path or (other and path[: len(other)] == other) for other in bad)


def _points(data: Data, axes: Axes, place: float) -> Iterator[dict[str, Any]]:
    """One value of every axis, 0 the first, 1 the last; of axes of words and whole numbers each value in its turn."""
    lists = {name: axes.values(name) for name in axes.names if axes.values(name)}
    start = {**axes.constants, **{name: values[round(place * (len(values) - 1))] for name, values in lists.items()}}
    yield start
    whole = {name for slot in slots(data) if slot.kind == "whole" for name in _names(slot)}
    for name in axes.names:
        if axes.is_of_words(name) or name in whole:
            for value in axes.values(name)[:FIRST]:
                yield {**start, name: value}


def _names(slot: Any) -> list[str]:
    try:
        return list(slot.names())
    except ValueError:
        return []
