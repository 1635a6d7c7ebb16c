"""Whether a study means something: names that are known, numbers in their domain, parts that fit together.

Every check goes on past what another has found, so that all mistakes are told at once; parts that have the right shape
are built by the public words at the first point of the axes, and what these refuse is told at the part's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from qet.foundations.errors import QetError
from qet.foundations.paulis import pauli
from qet.physics.baths import STATISTICS
from qet.physics.catalog import model_names
from qet.physics.feedback import CLASSES, POLICIES
from qet.physics.measurement import AXES
from qet.solvers.masters import MASTERS
from qet.studies.described.expression import expression
from qet.studies.described.outputs import STEADY_OUTPUTS
from qet.studies.described.slots import (
    AXIS,
    FROM_TERMS,
    STATES,
    Slot,
    model_name,
    model_parameters,
    parameter_kind,
    slots,
    state_kind,
)

from .mistakes import Mistake, nearest_of, no_such
from .study_axes import Axes
from .study_parts_tried import refused_parts

Data = Mapping[str, Any]
STATE_OF = {"T": "gibbs", "level": "eigenstate", "master": "steady", "allow": "steady"}
WORDS: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {
    ("state", "kind"): ("state", STATES),
    ("state", "master"): ("master equation", MASTERS),
    ("protocol", "measure"): ("axis", tuple(AXES)),
    ("bath", "statistics"): ("statistics", STATISTICS),
    ("protocol", "feedback"): ("feedback policy", (*POLICIES, "channel")),
    ("protocol", "feedback", "policy"): ("feedback policy", POLICIES),
    ("protocol", "feedback", "operations"): ("class of operations", CLASSES),
}


def mistakes_in(data: Data, faults: list[Mistake]) -> list[Mistake]:
    """What is wrong with the meaning of a study, apart from the faults of its shape that are known already."""
    axes = Axes(data)
    found = [*_of_model(data), *axes.mistakes(), *_of_output(data), *_of_settings(data, axes)]
    if not any(fault.path[:1] in (("state",), ("bath",), ("jump",)) and len(fault.path) == 1 for fault in faults):
        found += _of_state(data)
    bad = {fault.path for fault in (*faults, *found)}
    usable = [slot for slot in slots(data) if not _is_within(slot.path, bad)]
    found += [mistake for slot in usable for mistake in _of_slot(slot, axes)]
    if not any(fault.path[:1] in (("axes",), ("zipped",), ("sampled",)) for fault in faults):
        found += _of_unused(data, axes)
    return found + refused_parts(data, axes, {mistake.path for mistake in (*faults, *found)})


def _is_within(path: tuple[Any, ...], bad: set[tuple[Any, ...]]) -> bool:
    return any(path[: len(other)] == other for other in bad if other)


def _of_model(data: Data) -> Iterator[Mistake]:
    section = data.get("model", {})
    if not isinstance(section, Mapping):
        return
    name, has_terms = model_name(section), "terms" in section
    if name not in (*model_names(), FROM_TERMS):
        yield Mistake(("model", "name"), no_such("model", name, (*model_names(), FROM_TERMS)))
        return
    if has_terms and name != FROM_TERMS:
        yield Mistake(("model", "terms"), f"terms make a model of their own; the model asked for is {name!r}.")
    try:
        known = {key: value for key, value in model_parameters(name).items() if key != "terms"}
    except QetError as error:
        yield Mistake(("model", "name"), str(error))
        return
    for key, value in section.items():
        if key in ("name", "terms"):
            continue
        if key not in known:
            yield Mistake(("model", key), f"there is no {key!r} in [model] of {name}{nearest_of(key, known)}")
        elif (wanted := _unfit(parameter_kind(known[key]), value, is_site=key in ("A", "B"))) is not None:
            yield Mistake(("model", key), f"{key} is {wanted}; got {value!r}.")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in section:
            yield Mistake(("model",), f"the model {name!r} needs {key}: write {key} = ... in [model].")
    if name == FROM_TERMS and not section.get("terms"):
        yield Mistake(("model",), 'a model of terms needs [model.terms], such as V = "0.5 X0 X1".')
    for term, entry in section.get("terms", {}).items() if isinstance(section.get("terms"), Mapping) else ():
        yield from _of_term(("model", "terms", term), entry)


def _of_term(path: tuple[Any, ...], entry: Any) -> Iterator[Mistake]:
    for i, part in enumerate(entry if isinstance(entry, list) else [entry]):
        text = part.get("operator") if isinstance(part, Mapping) else part
        if isinstance(text, str) and (refusal := _refusal(pauli, text)):
            yield Mistake((*path, i) if isinstance(entry, list) else path, refusal)


def _unfit(kind: str, value: Any, *, is_site: bool) -> str | None:
    """What a model's parameter takes, if this is not it."""
    parts = value if is_site and isinstance(value, list) and value else [value]
    is_text = isinstance(value, str)
    if kind == "flag":
        fits, what = isinstance(value, bool) or (is_text and value.startswith(AXIS)), "true or false"
    elif kind == "whole":
        fits = all(isinstance(part, (int, str)) and not isinstance(part, bool) for part in parts)
        what = "a site, or a list of sites" if is_site else "a whole number, or an expression"
    else:
        fits = isinstance(value, (int, float, str)) and not isinstance(value, bool)
        what = "a number, or an expression"
    return None if fits else what


def _of_state(data: Data) -> Iterator[Mistake]:
    section = data.get("state", {})
    if not isinstance(section, Mapping):
        return
    kind = state_kind(data)
    if kind not in STATES:
        return  # an axis of states, or a name that is told with the other words
    for key, owner in STATE_OF.items():
        if key in section and kind != owner:
            yield Mistake(("state", key), f"{key} goes with the {owner} state; the state here is {kind}.")
    for name in ("bath", "jump"):
        if data.get(name) and kind != "steady":
            yield Mistake((name, 0), f"a {name} goes with the steady state; the state here is {kind}.")
    if kind == "gibbs" and "T" not in section:
        yield Mistake(("state",), "the gibbs state needs its temperature: T = ... in [state].")
    if kind == "eigenstate" and "level" not in section:
        yield Mistake(("state",), "the eigenstate needs its number: level = ... in [state], 0 is the lowest.")
    if kind == "steady" and not (data.get("bath") or data.get("jump")):
        place = ("state", "master") if "master" in section else ("state",)
        yield Mistake(place, "the steady state needs reservoirs: at least one [[bath]] or [[jump]].")
    protocol = data.get("protocol", {})
    if isinstance(protocol, Mapping) and protocol.get("surroundings") is True and kind != "steady":
        yield Mistake(("protocol", "surroundings"), f"the {kind} state has no surroundings to keep on.")


def _of_output(data: Data) -> Iterator[Mistake]:
    section = data.get("output")
    variables = section.get("variables") if isinstance(section, Mapping) else None
    if state_kind(data) in ("ground", "eigenstate", "gibbs"):
        for i, name in enumerate(variables if isinstance(variables, list) else ()):
            if name in STEADY_OUTPUTS:
                yield Mistake(("output", "variables", i), f"{name} is of a steady state; the state here is not one.")


def _of_settings(data: Data, axes: Axes) -> Iterator[Mistake]:
    section = data.get("study", {})
    if not isinstance(section, Mapping):
        return
    out = section.get("out")
    if isinstance(out, str) and not out.endswith(".zarr"):
        yield Mistake(("study", "out"), f"a study is kept in a store X.zarr while it runs; got {out!r}. `qet pack` or "
                      "`qet run --pack X.nc` makes one file of it.")  # fmt: skip
    loop = section.get("loop")
    for i, name in enumerate(loop if isinstance(loop, list) else ()):
        if name not in axes.names:
            yield Mistake(("study", "loop", i), no_such("axis", name, axes.names))
    chunks = section.get("chunks")
    for name in chunks if isinstance(chunks, Mapping) else ():
        if name not in axes.dims:
            yield Mistake(("study", "chunks", name), no_such("dimension", name, axes.dims))


def _of_slot(slot: Slot, axes: Axes) -> Iterator[Mistake]:
    if slot.kind in ("word", "flag"):
        yield from _of_word(slot, axes)
        return
    for i, part in enumerate(slot.parts):
        path = (*slot.path, i) if isinstance(slot.value, (list, tuple)) else slot.path
        if not isinstance(part, str):
            continue
        if (refusal := _refusal(expression, part)) is not None:
            yield Mistake(path, refusal)
            return
        for name in expression(part).names:
            if name not in axes.known:
                yield Mistake(path, no_such("axis or constant", name, axes.known))
                return
            if axes.is_of_words(name):
                yield Mistake(path, f"{name} is an axis of words, and a number is expected.")
                return
    yield from _of_domain(slot, axes)


def _of_word(slot: Slot, axes: Axes) -> Iterator[Mistake]:
    key = tuple(part for part in slot.path if isinstance(part, str))
    what, known = WORDS.get(key, ("word", ()))
    if not isinstance(slot.value, str) or (key == ("protocol", "measure") and any(map(str.isdigit, slot.value))):
        return  # a yes-or-no, or an observable
    if slot.value.startswith(AXIS):
        name = slot.value[1:]
        if name not in axes.names:
            yield Mistake(slot.path, no_such("axis", name, axes.names))
            return
        for word in axes.values(name) if known else ():
            if isinstance(word, str) and word not in known:
                yield Mistake(axes.path(name), no_such(what, word, known))
    elif slot.value in axes.names and slot.value not in known:
        yield Mistake(slot.path, f'an axis of words is written with a $: "${slot.value}".')
    elif known and slot.value not in known:
        yield Mistake(slot.path, no_such(what, slot.value, known))


def _of_domain(slot: Slot, axes: Axes) -> Iterator[Mistake]:
    """Numbers outside their domain somewhere on the axes, everywhere where refusals are recorded."""
    if not np.isfinite(slot.low) and not np.isfinite(slot.high) and slot.kind != "whole":
        return
    for i, part in enumerate(slot.parts):
        path = (*slot.path, i) if isinstance(slot.value, (list, tuple)) else slot.path
        values, points = axes.computed(part)
        if values is None:
            continue
        bad = ~((values >= slot.low) & (values <= slot.high))
        told = f"at least {slot.low:g}" if slot.high == np.inf else f"between {slot.low:g} and {slot.high:g}"
        if slot.kind == "whole" and not bad.any():
            bad, told = values != np.round(values), "a whole number"
        if not (bad.all() if axes.is_recording else bad.any()):
            continue
        first = tuple(int(index) for index in np.unravel_index(int(bad.argmax()), bad.shape))
        where = ", ".join(f"{name} = {np.broadcast_to(axis, bad.shape)[first]:g}" for name, axis in points.items())
        text = f"{part} = {values[first]:g} at {where}" if where else f"{values[first]:g}"
        yield Mistake(path, f"{slot.path[-1]} must be {told}; got {text}.")


def _of_unused(data: Data, axes: Axes) -> Iterator[Mistake]:
    used: set[str] = set()
    for slot in slots(data):
        try:
            used |= set(slot.names())
        except QetError:
            continue
    section = data.get("model", {})
    try:
        own = model_parameters(model_name(section)) if isinstance(section, Mapping) else {}
    except QetError:
        own = {}
    for name in axes.names:
        if name not in used:
            hint = f' Write {name} = "{name}" in [model].' if name in own else ""
            yield Mistake(axes.path(name), f"nothing depends on the axis {name!r}.{hint}")


def _refusal(build: Callable[[Any], Any], argument: Any) -> str | None:
    try:
        build(argument)
    except QetError as error:
        return str(error)
    return None
