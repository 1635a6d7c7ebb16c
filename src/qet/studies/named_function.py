"""A user's function of named parameters: whether it has them, what it is called, and how a recipe identifies it.

A recipe never stores code: it has the name of the function and the hash of its source.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from qet.foundations.errors import BadParameter, unknown
from qet.foundations.values import Value


def check_parameters(word: str, point: Any, names: Collection[str], *, give: str) -> None:
    """Refuse what is no function of these parameters.

    Args:
        word: The public word that was given the function.
        point: The function.
        names: The parameters it is to be called with.
        give: What to give for a parameter that has no value, such as "bounds, {}=(low, high)".

    Raises:
        BadParameter: if it is not callable, or needs a parameter that is not among them.
        UnknownName: for a parameter that it does not have.
    """
    if isinstance(point, Mapping):
        raise BadParameter(
            f"a recipe of {word} names its point ({point.get('name')!r}, source {point.get('source')!r}) and does "
            f"not hold it, since nothing in a file is executed. Call qet.{word}(point, ...) with the function itself."
        )
    if not callable(point):
        raise BadParameter(f"{word} takes a function of named parameters; got {type(point).__name__}.")
    parameters = _parameters(point)
    if parameters is None:
        return
    free = any(p.kind is p.VAR_KEYWORD for p in parameters)
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for name in names:
        if name not in known and not free:
            raise unknown(f"parameter of {name_of(point)}", name, known)
    needed = [p.name for p in parameters if p.default is p.empty and p.name in known and p.name not in names]
    if needed:
        raise BadParameter(
            f"{name_of(point)} also needs {', '.join(needed)}: give {give.format(needed[0])}, or a default."
        )


def identity(function: Any) -> dict[str, Any]:
    """A function for a recipe: its name and the hash of its source, never the code; of a study, which has none, all."""
    if isinstance(function, Value):
        return function.recipe
    try:
        source = inspect.getsource(function.func if isinstance(function, partial) else function)
    except (OSError, TypeError, IndexError, SyntaxError):
        source = ""  # written at a prompt, or not in Python
    return {"name": name_of(function), "source": sha256(source.encode()).hexdigest()[:16] if source else ""}


def _parameters(point: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters of a function; None where it does not tell them."""
    try:
        return list(inspect.signature(point).parameters.values())
    except (TypeError, ValueError):
        return None


def name_of(function: Any) -> str:
    """The name of a function, without where it was defined."""
    if isinstance(function, Value):
        return str(getattr(function, "title", type(function).__name__))
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__name__)).replace("<locals>.", "").split(".")[-1]
