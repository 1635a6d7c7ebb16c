"""One run from words: a model, a state and a protocol as they are typed on a command line.

Everything arrives as text. A word that means nothing where it stands is refused, with
the nearest one that does; nothing given is left unused.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qet.foundations.errors import BadParameter, unknown
from qet.physics.baths import Bath, Jump, bath, jump
from qet.physics.catalog import find_model, model_names
from qet.physics.feedback import Feedback, feedback
from qet.physics.measurement import AXES, Measurement, measure
from qet.physics.model import Model
from qet.physics.models import model as model_of_terms
from qet.solvers.masters import Master, checked_master

STATES = ("ground", "eigenstate", "gibbs", "steady")
BATH_WORDS = ("site", "T", "rate", "mu", "statistics", "coupling", "full_band", "spectrum", "lamb_shift", "common")
JUMP_WORDS = ("operator", "site", "rate")
FROM_TERMS = "model"


@dataclass(frozen=True)
class Preparation:
    """How the state is to be made, as it was typed; None or empty where nothing was."""

    state: str | None = None
    T: float | None = None
    level: int | None = None
    master: str | None = None
    solver: str | None = None
    baths: Sequence[str] = ()
    jumps: Sequence[str] = ()

    def kind(self) -> str:
        """The kind of state, said or implied: T means gibbs, a level eigenstate, a bath steady, nothing ground.

        Raises:
            UnknownName: for a kind that is not known.
            BadParameter: for something given that this kind of state does not take.
        """
        given = {
            "T": ("gibbs", self.T), "level": ("eigenstate", self.level), "bath": ("steady", self.baths),
            "jump": ("steady", self.jumps), "master": ("steady", self.master),
        }  # fmt: skip
        needed = {option: kind for option, (kind, value) in given.items() if value is not None and value != ()}
        kind = self.state or next(iter(needed.values()), "ground")
        if kind not in STATES:
            raise unknown("state", kind, STATES)
        for option, owner in needed.items():
            if owner != kind:
                raise BadParameter(f"--{option} goes with --state {owner}; the state asked for is {kind}.")
        missing = {"gibbs": ("T", self.T), "eigenstate": ("level", self.level)}.get(kind)
        if missing is not None and missing[1] is None:
            raise BadParameter(f"--state {kind} needs --{missing[0]}.")
        if kind == "steady" and not (self.baths or self.jumps):
            raise BadParameter('--state steady needs reservoirs, such as --bath "site=0 T=1 rate=0.1".')
        return kind


def read_solver(text: str | None) -> Any:
    """A solver from its name and numbers, such as "mps:64"; None is "auto"."""
    name, *numbers = (text or "auto").split(":")
    if not all(number.isdecimal() for number in numbers):
        raise BadParameter(f"--solver {text}: a solver is a name, or a name and whole numbers such as mps:64.")
    return (name, *map(int, numbers)) if numbers else name


def read_words(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """The model's name and its parameters out of words like `minimal --h 1 --k=0.5 --offsets`."""
    name: str | None = None
    parameters: dict[str, str] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("--"):
            key, sign, value = word[2:].partition("=")
            if not sign:
                has_value = bool(waiting) and not waiting[0].startswith("--")
                value = waiting.pop(0) if has_value else "true"
            parameters[key.replace("-", "_")] = value
        elif name is None:
            name = word
        else:
            raise BadParameter(f"two models are named, {name!r} and {word!r}; a parameter is written --name value.")
    return name, parameters


def read_model(name: str | None, parameters: Mapping[str, str], terms: Sequence[str], options: Sequence[str]) -> Model:
    """The model of that name with its parameters as text, or one made from terms like "V=0.5 X0 X1".

    Args:
        name: A model's name; None means the minimal pair, or a model of terms where terms are given.
        parameters: Name -> text.
        terms: Terms of the Hamiltonian, "name=Pauli sum".
        options: Other words that would have been understood, for the answer to a mistyped one.
    """
    name = name or (FROM_TERMS if terms else "minimal")
    if name == FROM_TERMS:
        values = _typed(model_of_terms, parameters, options)
        return model_of_terms(dict(pair("--term", term) for term in terms), **values)
    if terms:
        raise BadParameter(f"--term goes with the model {FROM_TERMS!r}; the model asked for is {name!r}.")
    if name not in model_names():
        raise unknown("model", name, (*model_names(), FROM_TERMS))
    function = find_model(name)
    values = _typed(function, parameters, options)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is parameter.empty and parameter.name not in values:
            raise BadParameter(f"the model {name!r} needs --{parameter.name}.")
    return function(**values)


def read_bath(text: str) -> Bath:
    """A reservoir from words like "site=0 T=1 rate=0.1 statistics=fermion spectrum=power:0.5:5"."""
    given = named("--bath", text, BATH_WORDS)
    for needed in ("site", "T", "rate"):
        if needed not in given:
            raise BadParameter(f'--bath "{text}" needs {needed}=...; for example --bath "site=0 T=1 rate=0.1".')
    values: dict[str, Any] = {name: number(name, given[name]) for name in ("T", "rate", "mu") if name in given}
    values |= {name: given[name] for name in ("statistics", "coupling") if name in given}
    values |= {name: truth(name, given[name]) for name in ("full_band", "lamb_shift", "common") if name in given}
    if "spectrum" in given:
        shape, *numbers = given["spectrum"].split(":")
        values["spectrum"] = (shape, *(number("a number of the spectrum", x) for x in numbers)) if numbers else shape
    return bath(sites("site", given["site"]), **values)


def read_jump(text: str) -> Jump:
    """A bare Lindblad operator from words like "operator=- site=0 rate=0.1"."""
    given = named("--jump", text, JUMP_WORDS)
    if "operator" not in given:
        raise BadParameter(f'--jump "{text}" needs operator=...; for example --jump "operator=- site=0 rate=0.1".')
    site = sites("site", given["site"]) if "site" in given else None
    return jump(given["operator"], site, number("rate", given.get("rate", "1")))


def read_master(text: str | None) -> Master | None:
    """A master equation from its name, or "partial:0.05" with its cut-off; None where nothing was said."""
    name, sign, cutoff = (text or "").partition(":")
    return checked_master((name, number("the cut-off", cutoff))) if sign else text


def read_measurement(text: str, strength: float | None) -> Measurement | str:
    """Alice's measurement: an axis "X" (kept as its name), a direction "0.6,0,0.8", or an observable "X0 X1"."""
    weak: dict[str, Any] = {} if strength is None else {"strength": strength}
    if "," in text:
        return measure([number("Alice's direction", part) for part in text.split(",")], **weak)
    if any(letter.isdigit() for letter in text):
        return measure(observable=text, **weak)
    if text not in AXES:
        raise unknown("axis", text, (*AXES, "a direction such as 0.6,0,0.8", "an observable such as 'X0 X1'"))
    return measure(text, **weak) if weak else text


def read_feedback(policy: str | None, operations: str | None, axis: str | None, angle: float | None) -> Feedback | str:
    """Bob's rule: a policy with its class of operations or axis, or a signed angle; a policy alone stays its name."""
    about: Any = [number("Bob's axis", part) for part in axis.split(",")] if axis and "," in axis else axis
    chosen = {"operations": operations, "axis": about, "angle": angle}
    options = {name: value for name, value in chosen.items() if value is not None}
    if not options:
        return policy or "best"
    return feedback(policy if policy is not None or angle is not None else "best", **options)


def number(name: str, text: str) -> float:
    """A number from its text."""
    try:
        return float(text)
    except ValueError:
        raise BadParameter(f"{name} must be a number; got {text!r}.") from None


def truth(name: str, text: str) -> bool:
    """True or false from its text."""
    if text.lower() not in ("true", "false"):
        raise BadParameter(f"{name} is true or false; got {text!r}.")
    return text.lower() == "true"


def sites(name: str, text: str) -> Any:
    """A site, or a tuple of them, from "0" or "0,1"."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadParameter(f"{name} is a site or sites such as 0 or 0,1; got {text!r}.") from None
    return found[0] if len(found) == 1 else found


def _typed(function: Callable[..., Any], parameters: Mapping[str, str], options: Sequence[str]) -> dict[str, Any]:
    """Parameters turned from text into what the function takes, by its signature."""
    known = {name: p for name, p in inspect.signature(function).parameters.items() if name != "terms"}
    values: dict[str, Any] = {}
    for name, text in parameters.items():
        if name not in known:
            raise unknown("option", f"--{name}", (*(f"--{each}" for each in known), *options))
        if name in ("A", "B"):
            values[name] = sites(name, text)
        elif isinstance(known[name].default, bool):
            values[name] = truth(name, text)
        elif "int" in str(known[name].annotation):
            values[name] = _whole(name, text)
        else:
            values[name] = number(name, text)
    return values


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"{name} must be a whole number; got {text!r}.") from None


def named(option: str, text: str, known: Sequence[str]) -> dict[str, str]:
    """Words "name=value" as a dict; a value with spaces is quoted."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadParameter(f"{option} {text!r} has a quotation mark that is not closed.") from None
    pairs = dict(pair(option, word) for word in words)
    for name in pairs:
        if name not in known:
            raise unknown(f"part of {option}", name, known)
    return pairs


def pair(option: str, word: str) -> tuple[str, str]:
    """A word "name=value" as its two parts."""
    name, sign, value = word.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise BadParameter(f"{option} is written name=value; got {word!r}.")
    return name.strip(), value.strip()
