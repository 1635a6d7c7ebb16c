"""How a thing was made on this machine: versions, solver, residual, precision, seconds.

It stands beside the recipe and in no hash: the same recipe is the same thing whoever made it. Of a batch the largest
residual and precision are told, which are the ones to worry about.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from qet.foundations.errors import QetError

LEANED_ON = ("numpy", "scipy")


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of what the numbers lean on."""
    from qet import __version__

    found = {"qet": __version__, "python": platform.python_version()}
    for name in LEANED_ON:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def made_here(thing: Any, seconds: float | None = None) -> dict[str, Any]:
    """How a thing was made here, as plain data: versions, solver, master equation, residual, precision, seconds.

    None of it is part of the recipe or its hash.

    Args:
        thing: A model, a state, a run or another noun.
        seconds: How long its numbers took, where that was measured.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=0.3))
        >>> made_here(run)["solver"]
        'closed form'
    """
    found: dict[str, Any] = {"versions": versions()}
    state = getattr(thing, "state", thing)
    for name in ("solver", "master"):
        if getattr(state, name, None) is not None:
            found[name] = _plain(getattr(state, name))
    for name, owner in (("solver_error", state), ("precision", thing), ("residual", _diagnostics(state))):
        value = _number(owner, name)
        if value is not None:
            found[name] = value
    if seconds is not None:
        found["seconds"] = round(seconds, 6)
    return found


def _diagnostics(state: Any) -> Any:
    return getattr(state, "diagnostics", None)


def _number(owner: Any, name: str) -> Any:
    """A number as plain data; None where there is none. Of a batch the largest, which is the one to worry about."""
    try:
        value = getattr(owner, name, None)
    except QetError:
        return None  # not offered here
    if value is None or not isinstance(value, (int, float, np.ndarray, np.number)):
        return None
    values = np.asarray(value)
    return float(np.max(values)) if values.size and values.dtype.kind in "iuf" else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
