"""Things in files, and things again from files: a recipe with its hash, and the numbers for a reader.

A noun is kept as its recipe, in JSON: the public word that made it and the arguments. Loading runs the word again, so a
file holds no code, nothing in it is executed, and what comes back is the thing itself. The numbers in the file are for
people and other programs. A Dataset is kept as netCDF-4.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from qet.foundations.errors import BadParameter, NotReadable, QetError, TooLarge
from qet.foundations.made_here import made_here
from qet.foundations.values import plain
from qet.studies.provenance import check_attributes, check_sealed, sealed, warn_if_newer
from qet.studies.stores.durable import whole
from qet.studies.stores.netcdf import read_dataset, write_dataset
from qet.studies.stores.store import Store
from qet.studies.study import WORDS, rerun

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger("qet.store")
FORMAT = 1
KIND = "qet"  # the key that says what a file is
MOST = 1 << 26  # bytes of a recipe
SHOWN = 4096  # numbers of one array that are written for the reader
RUN = ("injected", "extracted", "local", "teleported", "leak", "net_work", "efficiency", "precision", "shape")
STATE = ("solver_error", "precision", "shape")
HDF5 = b"\x89HDF\r\n\x1a\n"
SPECIAL = "float"  # {"float": "nan"}: JSON has no such number
POINTED = ("optimize", "sweep", "gradient")  # words whose recipe names a function and does not hold it


def save(thing: Any, path: str | os.PathLike[str], *, check: bool = True) -> Path:
    """Keep a thing in a file that anyone can read: JSON, or netCDF-4 for a Dataset.

    The file has the recipe with its hash, key numbers with all digits, and beside them what made them here: versions,
    solver, residual, seconds. It is there whole or not at all.

    Args:
        thing: A model, bath, measurement, state, run, optimum or any other noun that a public word made; or a Dataset.
        path: The file, usually "name.json" or "name.nc"; one that is there is replaced.
        check: Whether the thing is made again from its recipe and compared before anything is written, and its numbers
            timed. False saves that time.

    Returns:
        The path.

    Raises:
        BadParameter: for a thing without a recipe, or with one that does not make it again. TooLarge: for a recipe
            with too large arrays. NotWritten: for a full disk, a folder that is read-only or not there.

    Example:
        >>> import tempfile, qet
        >>> run = qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=0.3))
        >>> file = qet.save(run, f"{tempfile.mkdtemp()}/run.json")
        >>> qet.load(file) == run
        True
    """
    target = Path(path)
    if _is_dataset(thing):
        if target.suffix == ".zarr":
            raise BadParameter(f"{target}: a store is made by a sweep with out=; a Dataset is kept as a file, name.nc.")
        write_dataset(thing, target)
        return target
    if target.suffix in (".nc", ".zarr"):
        raise BadParameter(f"{target}: a {type(thing).__name__} is kept as JSON, name.json; netCDF is for Datasets.")
    recipe = _recipe_of(thing)
    text = sealed("recipe", recipe)
    if len(text["recipe"]) > MOST:
        raise TooLarge(
            f"the recipe of this {type(thing).__name__} is {len(text['recipe']) / 1e6:.0f} MB of text, more than "
            f"{MOST >> 20} MB: {_largest(recipe)}. Save the Dataset of its numbers, made by qet.sweep."
        )
    seconds, shown = None, thing
    if check and recipe["word"] not in POINTED:
        start = perf_counter()
        shown = _made_again(thing, text["recipe"])
        numbers = _numbers(shown)
        seconds = perf_counter() - start
    else:
        numbers = _numbers(shown)
    content = {
        KIND: FORMAT,
        "kind": type(thing).__name__,
        "recipe": recipe,
        "recipe_sha": text["recipe_sha"],
        "numbers": numbers,
        "made_here": made_here(shown, seconds),
    }
    with whole(target, f"the file {target.name}") as name:
        name.write_text(_text(_strict(content)) + "\n", encoding="utf-8")
    return target


def load(path: str | os.PathLike[str]) -> Any:
    """A thing again, from a file that `save` or `pack` made, or the Dataset of a store.

    Nothing in the file is executed: only public words of this package are run, with plain data.

    Args:
        path: A ".json" or ".nc" file, or the folder of a store.

    Returns:
        The noun, made again from its recipe; or a Dataset whose arrays are read when they are asked for.

    Raises:
        NotReadable: naming the file and the reason: damaged, edited, not of this package, of a newer format, or a
            recipe that this version does not follow. NotAStore: for a folder that is none.

    Warns:
        NewerVersion: for a file that a newer version made.

    Example:
        >>> import tempfile, qet
        >>> file = qet.save(qet.minimal(h=1.0, k=0.5), f"{tempfile.mkdtemp()}/model.json")
        >>> qet.load(file)
        qet.minimal(h=1.0, k=0.5, detuning=0.0)
    """
    target = Path(path)
    if target.is_dir():
        data = Store.open(target).dataset()
        if "unfinished" in data.attrs:
            log.warning("%s is not finished: %s", target, data.attrs["unfinished"])
        return _checked(data, target)
    try:
        with open(target, "rb") as file:
            begin = file.read(len(HDF5))
    except OSError as error:
        raise NotReadable(f"{target} cannot be read: {error.strerror or error}.") from error
    if begin == HDF5:
        return _checked(read_dataset(target), target)
    if not begin.lstrip().startswith(b"{"):
        raise NotReadable(
            f"{target} is neither JSON nor netCDF-4; load reads what save and pack write, and executes nothing."
        )
    return _noun(target)


def _checked(data: xr.Dataset, path: Path) -> xr.Dataset:
    """A Dataset whose recipes still have their hashes."""
    check_attributes(data.attrs, str(path))
    warn_if_newer(str(data.attrs.get("source", "")), str(path))
    return data


def _noun(path: Path) -> Any:
    if path.stat().st_size > 4 * MOST:
        raise NotReadable(f"{path} has {path.stat().st_size / 1e6:.0f} MB, more than any file that save writes.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotReadable(f"{path} is damaged: {error}.") from error
    if not isinstance(content, dict) or KIND not in content:
        raise NotReadable(f"{path} is JSON, but no file of qet: it has no {KIND!r}.")
    if not isinstance(content[KIND], int) or content[KIND] > FORMAT:
        raise NotReadable(f"{path} has format {content[KIND]!r}; this qet reads up to {FORMAT}. Update qet.")
    for name in ("kind", "recipe", "recipe_sha"):
        if name not in content:
            raise NotReadable(f"{path} is damaged: {name!r} is missing.")
    recipe = content["recipe"]
    check_sealed("recipe", json.dumps(recipe), content["recipe_sha"], str(path))
    made = content.get("made_here")
    known = made.get("versions", {}) if isinstance(made, dict) else {}
    warn_if_newer(str(known.get("qet", "")) if isinstance(known, dict) else "", str(path))
    word = recipe.get("word") if isinstance(recipe, dict) else None
    if word in POINTED:
        raise NotReadable(
            f"{path} holds the answer of {word}, whose function is not in the file, since nothing in a file is "
            f"executed; call qet.{word} with the function again. The numbers are in the file under 'numbers'."
        )
    try:
        thing = rerun(recipe)
    except QetError as error:
        raise NotReadable(f"{path}: this version does not follow the recipe: {error}") from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise NotReadable(f"{path}: the recipe is none: {type(error).__name__}: {error}") from error
    if type(thing).__name__ != content["kind"]:
        raise NotReadable(f"{path} says it holds a {content['kind']!r}; its recipe makes a {type(thing).__name__}.")
    return thing


def _is_dataset(thing: Any) -> bool:
    return type(thing).__name__ == "Dataset" and hasattr(thing, "data_vars")


def _recipe_of(thing: Any) -> dict[str, Any]:
    recipe = getattr(thing, "recipe", None)
    if not isinstance(recipe, Mapping) or recipe.get("word") not in WORDS:
        raise BadParameter(
            f"a {type(thing).__name__} has no recipe by a public word, so it cannot be kept; save what it came from."
        )
    return dict(recipe)


def _made_again(thing: Any, text: str) -> Any:
    try:
        again = rerun(json.loads(text))
    except QetError as error:
        raise BadParameter(
            f"this {type(thing).__name__} cannot be kept: its recipe does not make it again ({error})."
        ) from error
    if again != thing:
        raise BadParameter(f"this {type(thing).__name__} cannot be kept: its recipe makes another one.")
    return again


def _numbers(thing: Any) -> dict[str, Any]:
    """The numbers of a thing for a reader; what is not offered says why."""
    is_run = hasattr(type(thing), "injected") and hasattr(type(thing), "extracted")
    names = RUN if is_run else STATE if hasattr(thing, "payload") else _own(thing)
    found: dict[str, Any] = {}
    for name in names:
        try:
            value = plain(getattr(thing, name, None))
        except QetError as refusal:
            found[name] = {"not_offered": str(refusal)}
            continue
        if 0 < _count(value) <= SHOWN:
            found[name] = value
    return found


def _own(thing: Any) -> list[str]:
    return [field.name for field in fields(thing) if field.name != "made_by"] if is_dataclass(thing) else []


def _count(value: Any) -> float:
    """How many numbers and words a value has; infinitely many where it has anything else."""
    if isinstance(value, Mapping):
        return sum(map(_count, value.values())) if "word" not in value else math.inf
    if isinstance(value, list):
        return sum(map(_count, value))
    return 1 if isinstance(value, (int, float, str)) else math.inf


def _largest(recipe: Mapping[str, Any]) -> str:
    sizes = {name: len(json.dumps(value, default=repr)) for name, value in recipe.items()}
    name = max(sizes, key=lambda key: sizes[key])
    return f"most of it is {name!r}"


# -- text ------------------------------------------------------------------------------------------


def _strict(data: Any) -> Any:
    """Data that JSON has a form for: nan and infinities by name."""
    if isinstance(data, Mapping):
        return {str(name): _strict(item) for name, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_strict(item) for item in data]
    if isinstance(data, float) and not math.isfinite(data):
        return {SPECIAL: repr(data)}
    return data if isinstance(data, (str, int, float, bool, type(None))) else repr(data)


def _text(data: Any, depth: int = 0) -> str:
    """JSON with a line an entry, and lists in one line."""
    if not isinstance(data, Mapping) or not data or len(inline := json.dumps(data, ensure_ascii=False)) < 80:
        return json.dumps(data, ensure_ascii=False) if not isinstance(data, Mapping) or not data else inline
    pad = "  " * (depth + 1)
    rows = [f"{pad}{json.dumps(name, ensure_ascii=False)}: {_text(item, depth + 1)}" for name, item in data.items()]
    return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    """An object; one key twice is a fault, and a named number is that number."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("one key stands twice in an object")
    if found.keys() == {SPECIAL} and found[SPECIAL] in ("nan", "inf", "-inf"):
        return float(found[SPECIAL])
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
