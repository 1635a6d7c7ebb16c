"""Where a number comes from: the recipe that makes it again with its hash, and beside it what made it here.

The recipe and its hash say what was computed; equal studies have equal ones. Versions, solvers, residuals and seconds
say how it was computed here; they are kept beside and are in no hash. In the attributes of a Dataset there is nothing
of the machine, the clock or the folder, so that the same study makes the same file.
"""

from __future__ import annotations

import json
import platform
import re
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from qet.foundations.conventions import STAMP
from qet.foundations.errors import NewerVersion, NotReadable, QetError
from qet.foundations.values import digest, plain

CONVENTIONS = "qet-1"  # of the attributes of a Dataset, told on the page on files
LEANED_ON = ("numpy", "scipy")


def dataset_attributes(
    title: str, recipe: Mapping[str, Any], *, recipe_of_run: Mapping[str, Any] | None = None, **more: str
) -> dict[str, str]:
    """The attributes of every Dataset: what it is, its recipe and the hash of it, and what made it.

    Args:
        title: In a line.
        recipe: How to make it again, as plain data.
        recipe_of_run: Of the one run it is made from, where there is one.
        more: Further attributes.
    """
    run = {} if recipe_of_run is None else sealed("recipe_of_run", recipe_of_run)
    return {
        "Conventions": CONVENTIONS,
        "title": title,
        "source": source(),
        **more,
        **sealed("recipe", recipe),
        **run,
        "conventions_of_physics": STAMP,
    }


def source() -> str:
    """The program in a line: its version and those of what it leans on, which decide the last digits."""
    from qet import __version__

    return f"qet {__version__}, numpy {np.__version__}, python {platform.python_version()}"


def sealed(name: str, recipe: Mapping[str, Any]) -> dict[str, str]:
    """A recipe as text, and its hash."""
    text = json.dumps(plain(recipe), default=repr)
    return {name: text, f"{name}_sha": digest(json.loads(text))}


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
            found[name] = plain(getattr(state, name))
    for name, owner in (("solver_error", state), ("precision", thing), ("residual", _diagnostics(state))):
        value = _number(owner, name)
        if value is not None:
            found[name] = value
    if seconds is not None:
        found["seconds"] = round(seconds, 6)
    return found


def check_attributes(attributes: Mapping[str, Any], path: str) -> None:
    """Refuse the recipes of a file whose hashes they no longer have.

    Raises:
        NotReadable: naming the file and which recipe was changed.
    """
    for name in ("recipe", "recipe_of_run"):
        sha = attributes.get(f"{name}_sha")
        if sha is not None:
            check_sealed(name, attributes.get(name), sha, path)


def check_sealed(name: str, text: Any, sha: Any, path: str) -> None:
    """Refuse a recipe, as JSON text, that does not have this hash.

    Raises:
        NotReadable: naming the file.
    """
    try:
        found = digest(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        found = "none: it is no JSON"
    if found != sha:
        raise NotReadable(
            f"{path}: the {name} was changed after it was saved: its hash is {found}, the file says {sha}. What it "
            "holds is not what was computed; take the file that was saved."
        )


def warn_if_newer(text: str, path: str) -> None:
    """Warn where a file says that a newer version of this package made it.

    Args:
        text: A version, or a text such as `source`.
        path: The file.
    """
    from qet import __version__

    match = re.search(r"(?:^|qet )(\d+)\.(\d+)(?:\.(\d+))?", text)
    own = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", __version__)
    if match is None or own is None:
        return
    if tuple(int(part or 0) for part in match.groups()) > tuple(int(part or 0) for part in own.groups()):
        warnings.warn(
            f"{path} was made by qet {match[0].removeprefix('qet ')}, newer than this one ({__version__}); words that "
            "changed since may mean something else.",
            NewerVersion,
            stacklevel=3,
        )


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
