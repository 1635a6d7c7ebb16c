"""Value semantics and recipes: how a thing compares, prints, and says how it was made.

Two nouns are equal when their fields are, arrays included. A noun that a public word
made carries the `Call` that made it: the word and its arguments. From the call come
the text of `repr` (which evaluates back where parameters are scalars), the recipe
(plain data, fit for a file) and its hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, comparing arrays entry by entry (NaN equals NaN)."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        left, right = np.asarray(left), np.asarray(right)
        if left.shape != right.shape:
            return False
        nan = left.dtype.kind in "fc" and right.dtype.kind in "fc"
        return bool(np.array_equal(left, right, equal_nan=nan))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)


def frozen(array: Any) -> Any:
    """A read-only view of an array; anything else as it is."""
    if not isinstance(array, np.ndarray):
        return array
    view = array.view()
    view.setflags(write=False)
    return view


class Value:
    """Mixin for frozen dataclasses: equality and hash by value, the fields in `_identity` (default: all)."""

    _identity: tuple[str, ...] = ()

    def _compared(self) -> tuple[str, ...]:
        return self._identity or tuple(field.name for field in fields(self))  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in self._compared())

    def __hash__(self) -> int:
        return hash(
            (type(self).__name__, digest(_canonical([plain(getattr(self, name)) for name in self._compared()])))
        )

    @property
    def recipe(self) -> dict[str, Any]:
        """The value as plain data, fit for a file: how to make it again, or its fields."""
        made_by = getattr(self, "made_by", None)
        if made_by is not None:
            return dict(made_by.recipe)
        return {name: plain(getattr(self, name)) for name in self._compared()}

    @property
    def provenance(self) -> dict[str, Any]:
        """How it was made here, as plain data: versions, solver, residual, precision; in no hash, nor in the recipe."""
        from qet.foundations.made_here import made_here

        return made_here(self)

    def __repr__(self) -> str:
        made_by = getattr(self, "made_by", None)
        if made_by is not None:
            return repr(made_by)
        return (
            f"{type(self).__name__}({', '.join(f'{name}={spell(getattr(self, name))}' for name in self._compared())})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Call(Value):
    """A public word and the keyword arguments it was called with; a method's object is its argument `of`."""

    word: str
    arguments: Mapping[str, Any]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={spell(value)}" for name, value in self.arguments.items() if name != "of")
        return f"{spell(self.arguments['of']) if 'of' in self.arguments else 'qet'}.{self.word}({inside})"

    @property
    def recipe(self) -> dict[str, Any]:
        """The call as plain data: strings, numbers, lists and dicts."""
        return {"word": self.word, **{name: plain(value) for name, value in self.arguments.items()}}


def call_of(word: str, required: Mapping[str, Any], options: Mapping[str, tuple[Any, Any]]) -> Call:
    """The call of a word: its required arguments, and of its options (given, usual) those that are unusual."""
    unusual = {name: given for name, (given, usual) in options.items() if not same(given, usual)}
    return Call(word, {**required, **unusual})


def spell(value: Any) -> str:
    """Python text of a value: exact for scalars and small arrays, a summary for large ones.

    Complex numbers are added to zero first: Python writes -1j with a real part of -0 as (-0-1j), which reads back
    as another number.
    """
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return spell(value.item())
        if value.size <= 64:
            return repr((value + 0 if np.iscomplexobj(value) else value).tolist())
        return f"<array {value.shape}, {value.min():.6g} .. {value.max():.6g}>"
    if isinstance(value, np.generic):
        return spell(value.item())
    if isinstance(value, complex):
        return repr(value + 0)
    if isinstance(value, tuple):
        return "(" + ", ".join(map(spell, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(spell, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {spell(item)}" for name, item in value.items()) + "}"
    return repr(value)


def nameless(value: Any) -> str:
    """`repr` without places in memory, which are others in every process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def plain(value: Any) -> Any:
    """A value as plain data for a file. Complex numbers become {"re": ..., "im": ...}."""
    if type(value) in (float, int, str, bool):
        return value
    if hasattr(value, "recipe"):
        return value.recipe
    if isinstance(value, np.ndarray):
        if np.iscomplexobj(value):
            return {"re": value.real.tolist(), "im": value.imag.tolist()}
        return value.tolist()
    if isinstance(value, np.generic):
        return plain(np.asarray(value))
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def _canonical(data: Any) -> Any:
    """Plain data in which equal numbers look alike: 1, 1.0 and 1+0j, 0.0 and -0.0."""
    if isinstance(data, Mapping):
        if data.keys() == {"re", "im"} and not np.any(data["im"]):
            return _canonical(data["re"])
        return {name: _canonical(item) for name, item in data.items()}
    if isinstance(data, list):
        return [_canonical(item) for item in data]
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return float(data) + 0.0
    return data


def digest(data: Any) -> str:
    """SHA-256 of plain data, independent of the order of keys; 16 hexadecimal digits."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
