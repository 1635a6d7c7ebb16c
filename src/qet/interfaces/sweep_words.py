"""A study from words on a command line: the sections of a study file, without the file.

A value is a number, an expression, a list "0.1,0.2,0.5" or a range "0:2:201" or "0.05:5:101:log". A list or a range
makes an axis of the parameter's own name; with `--over name=0:2:201` an axis has any name, and expressions may use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qet.foundations.errors import BadParameter
from qet.studies.described.data import SCALES

from .point import BATH_WORDS, JUMP_WORDS, named, pair

SPELLED = "a range is from:to:points, or from:to:points:log, such as 0.05:5:101:log"


def study_data(
    name: str | None,
    parameters: Mapping[str, str],
    options: Mapping[str, str | None],
    *,
    terms: Sequence[str] = (),
    over: Sequence[str] = (),
    baths: Sequence[str] = (),
    jumps: Sequence[str] = (),
) -> dict[str, Any]:
    """The sections of a study, as they were typed.

    Args:
        name: Of the model.
        parameters: Of the model, name -> text.
        options: state, T, level, master, solver; measure, strength, feedback, operations, axis, angle, delay,
            message_error: name -> text, None where nothing was typed.
        terms: Of a model of one's own, "V=0.5 X0 X1".
        over: Axes, "gamma=1e-4:1e-1:50:log".
        baths: "site=0 T=1 rate=gamma".
        jumps: "operator=- site=0 rate=0.1".

    Raises:
        BadParameter, UnknownName: for words that are none.
    """
    axes: dict[str, Any] = {}
    for word in over:
        axis, text = pair("--over", word)
        values = _axis(text)
        axes[axis] = values if values is not None else [value(text)]
    model: dict[str, Any] = {} if name is None else {"name": name}
    model |= {key: _placed(key, text, axes) for key, text in parameters.items()}
    if terms:
        model["terms"] = dict(pair("--term", term) for term in terms)
    state: dict[str, Any] = {}
    for key, typed in (("kind", options.get("state")), ("T", options.get("T")), ("level", options.get("level"))):
        if typed is not None:
            state[key] = typed if key == "kind" else _placed(key, typed, axes)
    state |= {key: _name(str(options[key])) for key in ("master", "solver") if options.get(key) is not None}
    data: dict[str, Any] = {"model": model, "state": state, "protocol": _protocol(options, axes)}
    data |= {"bath": [_bath(text) for text in baths]} if baths else {}
    data |= {"jump": [_jump(text) for text in jumps]} if jumps else {}
    return {**data, "axes": axes}


def _protocol(options: Mapping[str, str | None], axes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("strength", "delay", "message_error"):
        typed = options.get(key)
        if typed is not None:
            found[key] = _placed(key, typed, axes)
    measured, policy, about = options.get("measure"), options.get("feedback"), options.get("axis")
    if measured is not None:
        found["measure"] = [value(part) for part in measured.split(",")] if "," in measured else measured
    rule: dict[str, Any] = {} if policy is None else {"policy": policy}
    if options.get("operations") is not None:
        rule["operations"] = options["operations"]
    if about is not None:
        rule["axis"] = [value(part) for part in about.split(",")] if "," in about else about
    if options.get("angle") is not None:
        rule["angle"] = _placed("angle", str(options["angle"]), axes)
    if rule:
        found["feedback"] = policy if rule.keys() == {"policy"} else rule
    return found


def value(text: str) -> Any:
    """A number, true or false, or the text of an expression."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _placed(name: str, text: str, axes: dict[str, Any]) -> Any:
    """The value of a parameter; a list or a range becomes the axis of its name."""
    values = None if name in ("A", "B") and ":" not in text else _axis(text)
    if values is None:
        return [value(part) for part in text.split(",")] if name in ("A", "B") and "," in text else value(text)
    if name in axes:
        raise BadParameter(f"two axes are called {name}; give one as --over with a name of its own.")
    axes[name] = values
    return name


def _axis(text: str) -> Any:
    if "," in text:
        return [value(part) for part in text.split(",")]
    if ":" not in text:
        return None
    low, high, *rest = text.split(":")
    if len(rest) not in (1, 2) or not rest[0].isdecimal() or (len(rest) == 2 and rest[1] not in SCALES):
        raise BadParameter(f"{text!r} is no range; {SPELLED}.")
    scale = {"scale": rest[1]} if len(rest) == 2 else {}
    return {"from": value(low), "to": value(high), "points": int(rest[0]), **scale}


def _bath(text: str) -> dict[str, Any]:
    given = named("--bath", text, BATH_WORDS)
    found: dict[str, Any] = {("sites" if key == "site" else key): value(part) for key, part in given.items()}
    if "," in given.get("site", ""):
        found["sites"] = [value(part) for part in given["site"].split(",")]
    if "spectrum" in given:
        found["spectrum"] = _name(given["spectrum"])
    return found


def _jump(text: str) -> dict[str, Any]:
    given = named("--jump", text, JUMP_WORDS)
    return {key: part if key == "operator" else value(part) for key, part in given.items()}


def _name(text: str) -> Any:
    """A name, or a name with its numbers: "partial:0.05" is ["partial", 0.05]."""
    name, *numbers = text.split(":")
    return [name, *map(value, numbers)] if numbers else name
