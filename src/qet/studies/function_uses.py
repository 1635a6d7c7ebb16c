"""What a user's function takes from around itself: the numbers that its source does not show.

Two functions with one source give different numbers where a global value, a default, a variable of the function that
made them or a function they call is another. A store must not mix them, so its header has these values beside the
source, and a refusal can name the one that differs. Nothing is executed; what is no plain data is told by its type.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from qet.foundations.values import plain
from qet.studies.named_function import identity

SCALARS = (bool, int, float, complex, str, np.generic, type(None))


def uses_of(point: Any) -> dict[str, Any]:
    """What a function takes from around itself, as plain data: name -> value, hash of a source, or type.

    Args:
        point: A function, a method, `functools.partial` of one, or any object that can be called.

    Example:
        >>> k = 0.5
        >>> def made(h):
        ...     return lambda T: h * T
        >>> uses_of(made(2.0))["h"]
        2.0
    """
    return dict(_uses(point, _home(point), []))


def _uses(function: Any, home: str, seen: list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(function, (FunctionType, partial)):
        if any(function is other for other in seen):
            return
        seen.append(function)
    if isinstance(function, partial):
        yield from _uses(function.func, home, seen)
        yield from ((f"argument {i}", _told(value, home, seen)) for i, value in enumerate(function.args))
        yield from ((name, _told(value, home, seen)) for name, value in function.keywords.items())
    elif isinstance(function, MethodType):
        yield "self", _told(function.__self__, home, seen)
        yield from _uses(function.__func__, home, seen)
    elif isinstance(function, FunctionType):
        yield from ((name, _told(value, home, seen)) for name, value in _around(function))
        if not identity(function)["source"]:  # as of what is typed at a prompt
            yield "code", sha256(_code_text(function.__code__).encode()).hexdigest()[:16]
    elif not inspect.isbuiltin(function) and not isinstance(function, type):
        yield "self", _told(function, home, seen)


def _around(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values of a function's defaults, of what it encloses, and of the globals that it reads."""
    signature = inspect.signature(function)
    yield from ((p.name, p.default) for p in signature.parameters.values() if p.default is not p.empty)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue  # not filled yet
    for name in sorted(set(_globals_read(function.__code__))):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _globals_read(code: CodeType) -> Iterator[str]:
    yield from (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_read(constant)


def _told(value: Any, home: str, seen: list[Any]) -> Any:
    """A value as plain data; functions of the user's own by their source and what they use in turn."""
    if isinstance(value, (*SCALARS, np.ndarray, range)):
        return list(value) if isinstance(value, range) else plain(value)
    if isinstance(value, (list, tuple)):
        return [_told(item, home, seen) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _told(item, home, seen) for name, item in value.items()}
    if inspect.ismodule(value) or inspect.isbuiltin(value) or isinstance(value, (type, np.ufunc)):
        return _name(value)
    if isinstance(value, (FunctionType, MethodType, partial)):
        is_own = _home(value) == home
        return identity(value) | (dict(_uses(value, home, seen)) if is_own else {})
    if hasattr(value, "recipe"):
        return plain(value.recipe)
    if any(value is other for other in seen) or not hasattr(value, "__dict__"):
        return f"a {type(value).__name__}"
    seen.append(value)
    source = identity(type(value))["source"]
    return {
        "type": _name(type(value)),
        "source": source,
        **{name: _told(held, home, seen) for name, held in vars(value).items()},
    }


def _code_text(code: CodeType) -> str:
    inner = [_code_text(constant) if isinstance(constant, CodeType) else repr(constant) for constant in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, inner))


def _home(function: Any) -> str:
    """The package that a function is of."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", "")).split(".")[0]


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", getattr(value, "__name__", type(value).__name__)))
