"""The models known by name: those of this package, and those other packages announce.

Another package announces a model by an entry point in the group "qet.models": a
function of keyword parameters that returns a model. A plug-in that cannot be loaded
is reported by its name when it is asked for, and hinders nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from qet.foundations.errors import NotOffered, unknown

from .model import Model
from .models import MODELS

GROUP = "qet.models"
OWN: Mapping[str, Any] = MODELS


@dataclass(frozen=True)
class Entry:
    """A model as the catalog lists it.

    Attributes:
        name: What it is called.
        origin: "qet", or the package that brings it.
        signature: Its parameters, as text.
        summary: First line of its documentation, or why it cannot be loaded.
    """

    name: str
    origin: str
    signature: str
    summary: str


def model_names() -> tuple[str, ...]:
    """Every name `find_model` knows."""
    return (*OWN, *_plugins())


def find_model(name: str) -> Callable[..., Model]:
    """The function behind a model's name.

    Raises:
        UnknownName: with the nearest name.
        NotOffered: for a plug-in that cannot be loaded, with its name and the reason.
    """
    if name in OWN:
        function: Callable[..., Model] = OWN[name]
        return function
    plugins = _plugins()
    if name not in plugins:
        raise unknown("model", name, (*OWN, *plugins))
    return _loaded(plugins[name])


def catalog() -> list[Entry]:
    """All models, this package's first."""
    entries = [_entry(name, "qet", function) for name, function in OWN.items()]
    for name, plugin in _plugins().items():
        try:
            entries.append(_entry(name, _origin(plugin), _loaded(plugin)))
        except NotOffered as error:
            entries.append(Entry(name, _origin(plugin), "", str(error)))
    return entries


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in OWN}


def _origin(plugin: EntryPoint) -> str:
    return plugin.dist.name if plugin.dist is not None else plugin.value


def _loaded(plugin: EntryPoint) -> Callable[..., Model]:
    try:
        function: Any = plugin.load()
    except Exception as error:  # someone else's code may raise anything
        raise NotOffered(
            f"the plug-in model {plugin.name!r} of {_origin(plugin)} cannot be loaded: "
            f"{type(error).__name__}: {error}. Update or remove that package."
        ) from error
    if not callable(function):
        raise NotOffered(f"the plug-in model {plugin.name!r} of {_origin(plugin)} is {function!r}, not a function.")
    found: Callable[..., Model] = function
    return found


def _entry(name: str, origin: str, function: Callable[..., Model]) -> Entry:
    parts = [
        parameter.name if parameter.default is parameter.empty else f"{parameter.name}={parameter.default!r}"
        for parameter in inspect.signature(function).parameters.values()
    ]
    summary = (inspect.getdoc(function) or "").partition("\n")[0]
    return Entry(name, origin, ", ".join(parts), summary)
