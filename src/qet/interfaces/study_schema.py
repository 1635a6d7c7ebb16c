"""The shape of a study file, as pydantic models: which sections there are, which keys, and what each takes.

The models say what is a number, a word or a table, and collect everything that is not; what the names mean, and
whether the physics makes sense, is checked in `study_checks`. Fields bear the names of the public words' parameters. A
place for a number also takes text, an expression; a place for a word also "$name", an axis of words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError, core_schema

from qet.studies.described.data import SCALES
from qet.studies.described.outputs import OUTPUTS
from qet.studies.described.slots import AXIS
from qet.studies.engines.run import ENGINES
from qet.studies.sweeps.sampling import KINDS
from qet.studies.sweeps.sweep import ERRORS

from .mistakes import no_such

NUMBER = 'a number, or an expression such as "gamma*(1 + mu)"'


@dataclass(frozen=True)
class Place:
    """What a key takes, as pydantic metadata.

    Attributes:
        what: In words, for the message.
        holds: Whether a value is that.
        form: The JSON schema.
    """

    what: str
    holds: Callable[[Any], bool]
    form: Mapping[str, Any]

    def check(self, value: Any) -> Any:
        """The value itself, or the mistake."""
        if not self.holds(value):
            told = {"what": self.what, "value": _told(value)}
            raise PydanticCustomError("wanted", "{what} is expected; got {value}", told)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        return {**self.form, "description": self.what}


@dataclass(frozen=True)
class Choice(Place):
    """One of several names."""

    known: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        """The value itself, or the nearest name."""
        if isinstance(value, str) and value not in self.known:
            raise PydanticCustomError("choice", "{text}", {"text": no_such(self.what, value, self.known)})
        return super().check(value)


@dataclass(frozen=True)
class TableOr(Place):
    """A table of its own where a table stands, something else elsewhere."""

    table: type[BaseModel] | None = None

    def check(self, value: Any) -> Any:
        """The value itself, or the mistakes in the table."""
        if isinstance(value, Mapping) and self.table is not None:
            self.table.model_validate(value)
            return value
        return super().check(value)

    def __get_pydantic_json_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        own = {} if self.table is None else self.table.model_json_schema()
        return {"anyOf": [own, dict(self.form)], "description": self.what}


def _choice(what: str, known: tuple[str, ...]) -> Choice:
    return Choice(what, _is_text, {"enum": list(known)}, known)


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "a table" if isinstance(value, Mapping) else repr(value)[:60]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_seed(value: Any) -> bool:
    return value == 0 or _is_count(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.startswith(AXIS))


def _is_named(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and bool(value) and isinstance(value[0], str))


def _is_direction(value: Any) -> bool:
    return isinstance(value, str) or (_list_of(_is_number)(value) and len(value) == 3)


def _are_chunks(value: Any) -> bool:
    return value == "auto" or _is_count(value) or (isinstance(value, Mapping) and all(map(_is_count, value.values())))


def _are_bounds(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    ends = value[1:] if len(value) == 3 and value[0] in SCALES else value
    return len(ends) == 2 and all(map(_is_number, ends))


def _list_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(holds, value))


TEXT: dict[str, Any] = {"type": "string"}
NUMERIC: dict[str, Any] = {"type": ["number", "string"]}
WHOLE: dict[str, Any] = {"type": ["integer", "string"]}
Text = Annotated[Any, Place("text", _is_text, TEXT)]
Texts = Annotated[Any, Place("a list of names", _list_of(_is_text), {"type": "array", "items": TEXT})]
Number = Annotated[Any, Place(NUMBER, _is_number, NUMERIC)]
Numbers = Annotated[Any, Place("a list of numbers", _list_of(_is_number), {"type": "array", "items": NUMERIC})]
Whole = Annotated[Any, Place("a whole number", _is_whole, WHOLE)]
Count = Annotated[Any, Place("a whole number above 0", _is_count, {"type": "integer", "minimum": 1})]
Seed = Annotated[Any, Place("a whole number, 0 or above", _is_seed, {"type": "integer", "minimum": 0})]
Sites = Annotated[
    Any,
    Place(
        "a site, or a list of sites such as [0, 1]",
        lambda value: _is_whole(value) or _list_of(_is_whole)(value),
        {"anyOf": [WHOLE, {"type": "array", "items": WHOLE}]},
    ),
]
Flag = Annotated[Any, Place("true or false", _is_flag, {"type": ["boolean", "string"]})]
Named = Annotated[
    Any, Place('a name, or a name with its numbers such as ["partial", 0.1]', _is_named, {"type": ["string", "array"]})
]
DIRECTION = 'an axis such as "X", or a direction [x, y, z]'
Direction = Annotated[Any, Place(DIRECTION, _is_direction, {"type": ["string", "array"]})]
MessageError = Annotated[
    Any,
    Place(
        'a probability, or a name with its numbers such as ["lost", 0.1]',
        lambda value: _is_number(value) or _is_named(value),
        {"type": ["number", "string", "array"]},
    ),
]
Cut = Annotated[
    Any,
    Place(
        '"auto", a number of points, or a table of lengths such as { k = 100 }',
        _are_chunks,
        {"type": ["string", "integer", "object"]},
    ),
]
Bounds = Annotated[Any, Place('bounds [low, high], or ["log", low, high]', _are_bounds, {"type": "array"})]


class Table(BaseModel):
    """A section: no key but the listed ones."""

    model_config = ConfigDict(extra="forbid")


class Settings(Table):
    """[study]: what it is called and how it is run."""

    title: Text = None
    out: Text = None
    engine: Annotated[Any, _choice("engine", ENGINES)] = None
    workers: Count = None
    chunks: Cut = None
    errors: Annotated[Any, _choice("way with errors", ERRORS)] = None
    loop: Texts = None


class TermPart(Table):
    """A Pauli sum with a coefficient of its own."""

    operator: Text
    coefficient: Number = 1.0


@dataclass(frozen=True)
class TermPlace(Place):
    """A term of a model: text, a table of operator and coefficient, or a list of these."""

    def check(self, value: Any) -> Any:
        """The value itself, or the mistake."""
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping):
                TermPart.model_validate(part)
            elif not isinstance(part, str):
                super().check(value)
        return value


TERM = 'a Pauli sum such as "0.5 X0 X1", or { operator = "X0 X1", coefficient = "2*k" }'
Term = Annotated[Any, TermPlace(TERM, _is_text, {"type": ["string", "object", "array"]})]


class Model(BaseModel):
    """[model]: a name with its parameters, or [model.terms]."""

    model_config = ConfigDict(extra="allow")
    name: Text = None
    terms: dict[str, Term] = Field(default_factory=dict)


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


Measured = Annotated[Any, TableOr(DIRECTION, _is_direction, {"type": ["string", "array"]}, Observable)]
Rule = Annotated[Any, TableOr("text", _is_text, TEXT, Feedback)]


class Protocol(Table):
    """[protocol]: Alice's measurement, the message, Bob's rule, as `qet.teleport` takes them."""

    measure: Measured = None
    strength: Number = None
    feedback: Rule = None
    delay: Number = None
    message_error: MessageError = None
    surroundings: Flag = None
    target: Text = None


class Range(Table):
    """An axis by its ends."""

    from_: Number = Field(alias="from")
    to: Number
    points: Count
    scale: Annotated[Any, _choice("scale", SCALES)] = "linear"


def _is_entry(value: Any) -> bool:
    return isinstance(value, (int, float, str, bool))


VALUES = "a list of values, or { from = 0, to = 1, points = 11 }"
LIST: dict[str, Any] = {"type": "array", "items": {"type": ["number", "string", "boolean"]}}
Axis = Annotated[Any, TableOr(VALUES, _list_of(_is_entry), LIST, Range)]


class Zipped(BaseModel):
    """[[zipped]]: axes that run side by side."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Axis] = Field(init=False)
    dim: Text = "sample"


class Sampled(Table):
    """[sampled]: points scattered in a box."""

    n: Count
    kind: Annotated[Any, _choice("kind of sample", KINDS)] = "sobol"
    seed: Seed = 0
    dim: Text = "sample"
    bounds: dict[str, Bounds]


class Output(Table):
    """[output]: which numbers are kept."""

    variables: list[Annotated[Any, _choice("variable", OUTPUTS)]] = Field(min_length=1)


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
