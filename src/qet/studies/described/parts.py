"""From the sections of a study, with a value in every place, to what the public words make of them.

The sections are those of a study file; a part may be built alone, so that its faults can be told apart from another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qet.foundations.errors import BadParameter, unknown
from qet.foundations.paulis import PauliSum, pauli
from qet.physics.baths import Bath, Jump, bath, jump
from qet.physics.catalog import find_model
from qet.physics.feedback import feedback
from qet.physics.measurement import measure
from qet.physics.model import Model
from qet.physics.models import model
from qet.protocols.run import Run
from qet.protocols.teleport import teleport
from qet.solvers.prepare import eigenstate, gibbs, ground
from qet.solvers.states import State
from qet.solvers.steady import steady
from qet.studies.described.slots import FROM_TERMS, STATES, model_name, state_kind


def run_of(data: Mapping[str, Any]) -> Run:
    """The run that data without names describe."""
    state = state_of(data)
    section = dict(data.get("protocol", {}))
    strength = {"strength": section.pop("strength")} if "strength" in section else {}
    options: dict[str, Any] = {"measure": measurement_of(section.pop("measure", "X"), strength)}
    options["feedback"] = feedback_of(section.pop("feedback", "best"))
    if section.pop("surroundings", False):
        options["surroundings"] = state.surroundings
    if isinstance(section.get("message_error"), list):
        section["message_error"] = tuple(section["message_error"])
    return teleport(state, **options, **section)


def model_of(section: Mapping[str, Any]) -> Model:
    """The model of a [model] section."""
    name = model_name(section)
    values = {key: _tupled(value) for key, value in section.items() if key not in ("name", "terms")}
    if name == FROM_TERMS:
        return model({term: _operator(entry) for term, entry in section.get("terms", {}).items()}, **values)
    return find_model(name)(**values)


def state_of(data: Mapping[str, Any]) -> State:
    """The state of a study's data."""
    built, section, kind = model_of(data.get("model", {})), data.get("state", {}), state_kind(data)
    solver = _tupled(section.get("solver", "auto"))
    if kind == "ground":
        return ground(built, solver=solver)
    if kind == "eigenstate":
        return eigenstate(built, section.get("level", 0), solver=solver)
    if kind == "gibbs":
        return gibbs(built, T=section["T"], solver=solver)
    if kind != "steady":
        raise unknown("state", kind, STATES)
    options = {name: _tupled(section[name]) for name in ("master", "allow") if name in section}
    return steady(built, surroundings_of(data), solver=solver, **options)


def surroundings_of(data: Mapping[str, Any]) -> list[Bath | Jump]:
    """The reservoirs and the bare jumps."""
    return [*map(bath_of, data.get("bath", [])), *map(jump_of, data.get("jump", []))]


def bath_of(section: Mapping[str, Any]) -> Bath:
    """The reservoir of a [[bath]] table."""
    return bath(**{name: _tupled(value) for name, value in section.items()})


def jump_of(section: Mapping[str, Any]) -> Jump:
    """The Lindblad operator of a [[jump]] table."""
    return jump(**section)


def measurement_of(measured: Any, strength: Mapping[str, Any]) -> Any:
    """Alice's measurement: a letter, a direction, or an observable, in words as {observable = "X0 X1"} or "X0 X1"."""
    if isinstance(measured, Mapping):
        return measure(observable=measured.get("observable"), **strength)
    if isinstance(measured, str) and any(letter.isdigit() for letter in measured):
        return measure(observable=measured, **strength)
    return measure(measured, **strength) if strength or not isinstance(measured, str) else measured


def feedback_of(chosen: Any) -> Any:
    """Bob's rule: a word, or a table of policy, operations, axis, angle and angles."""
    if not isinstance(chosen, Mapping):
        return chosen
    options = dict(chosen)
    has_angle = "angle" in options or "angles" in options
    policy = options.pop("policy", None if has_angle else "best")
    return feedback(policy, **options)


def _operator(entry: Any) -> PauliSum | Any:
    """A term: text, {operator, coefficient}, or a list of these, which are added."""
    if isinstance(entry, (list, tuple)):
        parts = [_operator(part) for part in entry]
        if not parts or not all(isinstance(part, PauliSum) for part in parts):
            raise BadParameter(f"a term is a Pauli sum, or a list of them; got {entry!r}.")
        return sum(parts[1:], parts[0])
    if isinstance(entry, Mapping):
        return pauli(entry["operator"], coefficient=entry.get("coefficient", 1.0))
    return pauli(entry) if isinstance(entry, str) else entry


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
