"""Where a number comes from: the recipe that makes it again with its hash, and beside it what made it here.

The recipe and its hash say what was computed; equal studies have equal ones. How it was computed here
(`foundations.made_here`) is kept beside it and is in no hash. In the attributes of a Dataset there is nothing of the
machine, the clock or the folder, so that the same study makes the same file.
"""

from __future__ import annotations

import json
import platform
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from qet.foundations.conventions import STAMP
from qet.foundations.errors import NewerVersion, NotReadable
from qet.foundations.values import digest, nameless, plain
from qet.studies.stores.header import identity_of_text

CONVENTIONS = "qet-1"  # of the attributes of a Dataset, told on the page on files


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
    text = json.dumps(plain(recipe), default=nameless)
    return {name: text, f"{name}_sha": digest(json.loads(text))}


def check_attributes(attributes: Mapping[str, Any], path: str) -> None:
    """Refuse the recipes of a file whose hashes they no longer have.

    Raises:
        NotReadable: naming the file and which recipe was changed.
    """
    for name in ("recipe", "recipe_of_run"):
        sha = attributes.get(f"{name}_sha")
        if sha is not None:
            check_sealed(name, attributes.get(name), sha, path)
    study, sha = attributes.get("qet_study"), attributes.get("qet_study_sha")
    if study is not None and identity_of_text(study) != sha:
        raise NotReadable(f"{path}: the qet_study was changed after it was saved: its hash is no longer {sha}.")


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
