"""The shape of a study file, as pydantic models: which sections there are, which keys, and what each takes.

The models say what is a number, a word or a table, and collect everything that is not; what the names mean, and whether
the physics makes sense, is checked in `study_checks`. Fields bear the names of the public words' parameters. A place for
a number also takes text, an expression; a place for a word also "$name", an axis of words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from qet.studies.engines import ENGINES
from qet.studies.study_data import SCALES
from qet.studies.study_outputs import OUTPUTS
from qet.studies.sweep import ERRORS
from qet.studies.sweep_sampling import KINDS

from .mistakes import no_such

NUMBER = 'a number, or an expression such as "gamma*(1 + mu)"'


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _wanted(what: str, value: Any) -> PydanticCustomError:
    return PydanticCustomError("wanted", "{what} is expected; got {value}", {"what": what, "value": _told(value)})


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "a table" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else repr(value)


def _checked(what: str, holds: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not holds(value):
            raise _wanted(what, value)
        return value

    return check


def _place(what: str, holds: Callable[[Any], bool], schema: dict[str, Any]) -> Any:
    return Annotated[Any, AfterValidator(_checked(what, holds)), WithJsonSchema({**schema, "description": what})]


def _choice(what: str, known: tuple[str, ...]) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise _wanted(f"one of {', '.join(known)}", value)
        if value not in known:
            raise PydanticCustomError("choice", "{text}", {"text": no_such(what, value, known)})
        return value

    return Annotated[Any, AfterValidator(check), WithJsonSchema({"enum": list(known)})]


def _list_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(holds, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_named(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and bool(value) and isinstance(value[0], str))


_TEXT, _NUMBER = {"type": "string"}, {"type": ["number", "string"]}
_WHOLE = {"type": ["integer", "string"]}
Text = _place("text", _is_text, _TEXT)
Texts = _place("a list of names", _list_of(_is_text), {"type": "array", "items": _TEXT})
Number = _place(NUMBER, _is_number, _NUMBER)
Numbers = _place("a list of numbers", _list_of(_is_number), {"type": "array", "items": _NUMBER})
Whole = _place("a whole number", _is_whole, _WHOLE)
Count = _place(
    "a whole number above 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    {"type": "integer", "minimum": 1},
)
Seed = _place(
    "a whole number, 0 or above",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    {"type": "integer", "minimum": 0},
)
Sites = _place(
    "a site, or a list of sites such as [0, 1]",
    lambda value: _is_whole(value) or _list_of(_is_whole)(value),
    {"anyOf": [_WHOLE, {"type": "array", "items": _WHOLE}]},
)
Flag = _place(
    "true or false",
    lambda value: isinstance(value, bool) or (isinstance(value, str) and value.startswith("$")),
    {"type": ["boolean", "string"]},
)
Named = _place('a name, or a name with its numbers such as ["partial", 0.1]', _is_named, {"type": ["string", "array"]})
Direction = _place(
    'an axis such as "X", or a direction [x, y, z]',
    lambda value: isinstance(value, str) or (_list_of(_is_number)(value) and len(value) == 3),
    {"type": ["string", "array"]},
)
MessageError = _place(
    'a probability, or a name with its numbers such as ["lost", 0.1]',
    lambda value: _is_number(value) or _is_named(value),
    {"type": ["number", "string", "array"]},
)
Chunks = _place(
    '"auto", a number of points, or a table of lengths such as { k = 100 }',
    lambda value: (
        value == "auto"
        or (isinstance(value, int) and not isinstance(value, bool) and value > 0)
        or (isinstance(value, Mapping) and all(isinstance(n, int) and n > 0 for n in value.values()))
    ),
    {"type": ["string", "integer", "object"]},
)


class Table(BaseModel):
    """A section: no key but the listed ones."""

    model_config = ConfigDict(extra="forbid")


class Settings(Table):
    """[study]: what it is called and how it is run."""

    title: Text = None
    out: Text = None
    engine: _choice("engine", ENGINES) = None  # type: ignore[valid-type]
    workers: Count = None
    chunks: Chunks = None
    errors: _choice("way with errors", ERRORS) = None  # type: ignore[valid-type]
    loop: Texts = None


class TermPart(Table):
    """A Pauli sum with a coefficient of its own."""

    operator: Text
    coefficient: Number = 1.0


def _term(value: Any) -> Any:
    parts = value if isinstance(value, list) else [value]
    for part in parts:
        if isinstance(part, Mapping):
            TermPart.model_validate(part)
        elif not isinstance(part, str):
            raise _wanted('a Pauli sum such as "0.5 X0 X1", or { operator = "X0 X1", coefficient = "2*k" }', value)
    return value


class Model(BaseModel):
    """[model]: a name with its parameters, or [model.terms]."""

    model_config = ConfigDict(extra="allow")
    name: Text = None
    terms: dict[str, Annotated[Any, BeforeValidator(_term)]] = Field(default_factory=dict)


class State(Table):
    """[state]: ground, eigenstate, gibbs or steady."""

    kind: Text = None
    T: Number = None
    level: Whole = None
    master: Named = None
    solver: Named = None
    allow: Texts = None


class Bath(Table):
    """[[bath]]: a reservoir, as `qet.bath` takes it."""

    sites: Sites
    T: Number
    rate: Number
    mu: Number = None
    statistics: Text = None
    coupling: Text = None
    full_band: Flag = None
    spectrum: Named = None
    lamb_shift: Flag = None
    common: Flag = None


class Jump(Table):
    """[[jump]]: a bare Lindblad operator, as `qet.jump` takes it."""

    operator: Text
    site: Whole = None
    rate: Number = 1.0


class Observable(Table):
    """A measurement of an observable."""

    observable: Text


class Feedback(Table):
    """Bob's rule, as `qet.feedback` takes it."""

    policy: Text = None
    operations: Text = None
    axis: Direction = None
    angle: Number = None
    angles: Numbers = None


def _table_or(table: type[Table], other: Any) -> Any:
    """A table where a table stands, and what `other` is elsewhere."""
    check = next(part for part in other.__metadata__ if isinstance(part, AfterValidator)).func

    def validate(value: Any) -> Any:
        return table.model_validate(value) if isinstance(value, Mapping) else check(value)

    schema = {"anyOf": [table.model_json_schema(), other.__metadata__[1].json_schema]}
    return Annotated[Any, AfterValidator(validate), WithJsonSchema(schema)]


class Protocol(Table):
    """[protocol]: Alice's measurement, the message, Bob's rule, as `qet.teleport` takes them."""

    measure: _table_or(Observable, Direction) = None  # type: ignore[valid-type]
    strength: Number = None
    feedback: _table_or(Feedback, Text) = None  # type: ignore[valid-type]
    delay: Number = None
    message_error: MessageError = None
    surroundings: Flag = None
    target: Text = None


class Range(Table):
    """An axis by its ends."""

    from_: Number = Field(alias="from")
    to: Number
    points: Count
    scale: _choice("scale", SCALES) = "linear"  # type: ignore[valid-type]


def _is_entry(value: Any) -> bool:
    return isinstance(value, (int, float, str, bool))


Values = _place(
    "a list of values, or { from = 0, to = 1, points = 11 }",
    _list_of(_is_entry),
    {"type": "array", "items": {"type": ["number", "string", "boolean"]}},
)
Axis = _table_or(Range, Values)


class Zipped(BaseModel):
    """[[zipped]]: axes that run side by side."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Axis]  # type: ignore[valid-type]
    dim: Text = "sample"


def _is_bounds(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    ends = value[1:] if len(value) == 3 and value[0] in SCALES else value
    return len(ends) == 2 and all(map(_is_number, ends))


Bounds = _place('bounds [low, high], or ["log", low, high]', _is_bounds, {"type": "array"})


class Sampled(Table):
    """[sampled]: points scattered in a box."""

    n: Count
    kind: _choice("kind of sample", KINDS) = "sobol"  # type: ignore[valid-type]
    seed: Seed = 0
    dim: Text = "sample"
    bounds: dict[str, Bounds]


class Output(Table):
    """[output]: which numbers are kept."""

    variables: list[_choice("variable", OUTPUTS)] = Field(min_length=1)  # type: ignore[valid-type]


class StudyFile(Table):
    """A study file."""

    study: Settings = Field(default_factory=Settings)
    constants: dict[str, Number] = Field(default_factory=dict)
    model: Model = Field(default_factory=Model)
    state: State = Field(default_factory=State)
    bath: list[Bath] = Field(default_factory=list)
    jump: list[Jump] = Field(default_factory=list)
    protocol: Protocol = Field(default_factory=Protocol)
    axes: dict[str, Axis] = Field(default_factory=dict)
    zipped: list[Zipped] = Field(default_factory=list)
    sampled: Sampled | None = None
    output: Output | None = None
