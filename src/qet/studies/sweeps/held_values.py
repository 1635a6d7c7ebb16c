"""What a value holds, as plain data, so that two values can be told apart in the header of a store.

Numbers, arrays, lists and the nouns of this package are as they are. Any other object is told by what it would be made
again from (its `__reduce_ex__`, as of pickle), piece by piece; where it does not say, by its type alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from qet.foundations.values import plain

SCALARS = (bool, int, float, complex, str, np.generic, type(None))
USUAL = "biufcmMUO"  # kinds of arrays
EXPECTED = ("f8", "c16", "i8", "b1")  # numbers of these kinds are told without naming it
SILENT = {"matplotlib", "logging", "rich", "tqdm", "threading", "concurrent", "distributed"}  # decide no numbers
DEEPEST = 40
LARGE = 4096  # entries up to which an array is told one by one


@dataclass(eq=False)
class Telling:
    """Values told one after another; an object that comes again is told by its type.

    Attributes:
        code: What tells functions, classes and modules; None for anything else.
        told: Objects told before, by where they are in memory.
        inside: Which containers are being told.
    """

    code: Callable[[Any], Any]
    told: dict[int, Any] = field(default_factory=dict)
    inside: list[int] = field(default_factory=list)

    def of(self, value: Any) -> Any:
        """A value as plain data."""
        if isinstance(value, SCALARS):
            return plain(value)
        if id(value) in self.inside or len(self.inside) > DEEPEST:
            return f"a {type(value).__name__}"
        self.inside.append(id(value))
        try:
            return self._container(value)
        finally:
            self.inside.pop()

    def _container(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, (list, tuple, range)):
            return [self.of(item) for item in value]
        if isinstance(value, Mapping):
            return {str(name): self.of(item) for name, item in value.items()}
        if isinstance(value, (set, frozenset)):
            return sorted((self.of(item) for item in value), key=lambda item: json.dumps(item, default=repr))
        if isinstance(value, (bytes, bytearray)):
            return {"count": len(value), "sha": sha256(value).hexdigest()[:16]}
        if isinstance(value, np.ufunc):
            return value.__name__
        code = self.code(value)
        if code is not None:
            return code
        return plain(value.recipe) if hasattr(value, "recipe") else self._object(value)

    def _array(self, value: np.ndarray) -> Any:
        if value.dtype.kind == "O":
            return [self.of(item) for item in value.tolist()]
        if value.dtype.kind not in USUAL:
            return {"dtype": str(value.dtype), "bytes": sha256(value.tobytes()).hexdigest()[:16]}
        if value.size > LARGE:  # as a long list is told in the header, without ever being one
            form = f"{value.shape} {value.dtype.str} ".encode()
            sha = sha256(form + np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
            return {"count": value.size, "first": plain(value.flat[0]), "last": plain(value.flat[-1]), "sha": sha}
        values = plain(value)
        return values if value.dtype.kind == "U" or value.dtype.str[1:] in EXPECTED else [str(value.dtype), values]

    def _object(self, value: Any) -> Any:
        if id(value) in self.told or type(value).__module__.split(".")[0] in SILENT:
            return f"a {type(value).__name__}"
        self.told[id(value)] = value  # kept, so that its place in memory is not another's
        kind = self.code(type(value))
        found = dict(kind) if isinstance(kind, Mapping) else {"type": kind}
        try:
            made = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - of any class: open files and locks say that they cannot be made again
            return found if len(found) > 1 else f"a {type(value).__name__}"
        if isinstance(made, str):
            return found | {"name": made}
        arguments = [item for item in made[1] if item is not type(value)]
        state, items, entries = (*made[2:5], None, None, None)[:3]
        found |= {"arguments": self.of(arguments)} if arguments else {}
        if isinstance(state, Mapping):
            found |= {str(name): self.of(item) for name, item in state.items()}
        elif state is not None:
            found["state"] = self.of(state)
        found |= {"items": self.of(list(items))} if items is not None else {}
        return found | ({"entries": self.of(list(entries))} if entries is not None else {})
