"""A dataset from whatever it is kept in, a store X.zarr or a file X.nc, and what is in it, in words.

Ranges are read piece by piece, so that a study larger than the memory is told as well.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import BadParameter, NotReadable
from qet.studies.stores.store import Store

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
ENDINGS = (".nc", ".zarr")
PIECE = 2**20  # numbers read at a time
TOLD = ("title", "source", "history", "git", "seed", "recipe_sha", "qet_study_sha", "unfinished")
NO_REASON = ("", "answered")


def is_data_file(word: str) -> bool:
    """Whether a word of a command line names a dataset rather than a model."""
    return word.rstrip("/").endswith(ENDINGS)


def opened(path: str) -> xr.Dataset:
    """A dataset, read lazily from a store.

    Raises:
        NotAStore, NotReadable: for what is none. OSError: for a file that is not there.
    """
    word = path.rstrip("/")
    if word.endswith(".zarr"):
        return Store.open(word).dataset()
    if not word.endswith(".nc"):
        raise BadParameter(f"{path} is no dataset; give a store X.zarr or a file X.nc.")
    if not Path(word).exists():
        raise FileNotFoundError(f"there is no file {word}.")
    from qet.studies.saving import load

    return load(word)


@contextmanager
def reading(path: str) -> Iterator[xr.Dataset]:
    """A dataset whose numbers are read within the block.

    Raises:
        NotReadable: where some were damaged since they were written. Others as `opened`.
    """
    data, word = opened(path), path.rstrip("/")
    try:
        yield data
    except (ValueError, OSError, RuntimeError) as error:
        way_out = ""
        if word.endswith(".zarr"):
            store = Store.open(word)
            if store.done(thorough=False).keys() == store.done().keys():
                raise
            way_out = " Its command again, or qet resume, computes what was damaged once more."
        elif "read data" not in str(error):  # as HDF5 says it
            raise
        raise NotReadable(f"{word} was damaged after it was written: {error}.{way_out}") from error


def described(path: str) -> dict[str, Any]:
    """What is in a store or a file, as plain data: dimensions, variables, refusals, chunks, where it comes from.

    Raises:
        As `reading`.
    """
    with reading(path) as data:
        return _described(data, path)


def _described(data: xr.Dataset, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {"path": path, "dimensions": {str(name): size for name, size in data.sizes.items()}}
    dims = list(map(str, data.sizes))
    places = {str(name): [dims.index(str(dim)) for dim in data[name].dims] for name in data.coords}
    found["coordinates"] = {name: _coordinate(data[name]) for name in sorted(places, key=lambda name: places[name])}
    found["variables"] = {str(name): _variable(data[name]) for name in data.data_vars if name != "why"}
    found["refused"] = _refused(data["why"]) if "why" in data else {}
    if path.rstrip("/").endswith(".zarr"):
        store = Store.open(path.rstrip("/"))
        done = store.done(thorough=False)
        seconds = sum(line.get("seconds", 0.0) for line in done.values())
        found["chunks"] = {"done": len(done), "of": len(store.chunks), "seconds": seconds}
    found["made"] = {name: data.attrs[name] for name in TOLD if name in data.attrs}
    study = json.loads(data.attrs["point"]) if "point" in data.attrs else None
    if study is not None:
        found["point"] = study
    return found


def text_of(found: Mapping[str, Any]) -> str:
    """The same as text."""
    made = dict(found["made"])
    lines = [f"{found['path']}: {made.pop('title', 'a dataset')}"]
    along = found["coordinates"]
    sizes = [f"{name} {size}" for name, size in found["dimensions"].items()]
    lines += ["", f"dimensions    {' x '.join(sizes) or 'none'}"]
    width = max(map(len, [*along, *found["variables"]]), default=0)
    for name, axis in along.items():
        lines.append(f"  {name:{width}}  {axis['range']}{_units(axis)}")
    lines += ["", "variables"]
    for name, held in found["variables"].items():
        missing = f", {held['missing']:,} of {held['count']:,} NaN" if held["missing"] else ""
        own = f"  over {', '.join(held['own'])}" if held["own"] else ""
        lines.append(f"  {name:{width}}  {held['range']}{_units(held)}{missing}  {held['long_name']}{own}".rstrip())
    if found["refused"]:
        told = ", ".join(f"{count:,} {name}" for name, count in found["refused"].items())
        lines += ["", f"refused       {sum(found['refused'].values()):,} points: {told}"]
    if "chunks" in found:
        chunks = found["chunks"]
        lines += ["", f"chunks        {chunks['done']} of {chunks['of']} done, {chunks['seconds']:.3g} s of computing"]
    lines += ["", *(f"{name:13} {value}" for name, value in made.items())]
    return "\n".join([*lines, *_point_lines(found.get("point"))])


def _point_lines(point: Any) -> list[str]:
    """What was computed: the sections of a study, or the name of a function."""
    if not isinstance(point, Mapping):
        return []
    if point.get("word") != "study":
        return [f"{'point':13} the Python function {point.get('name')!r}, source {point.get('source') or 'unknown'}"]
    lines = []
    for section, values in point["source"].items():
        for part in values if isinstance(values, list) else [values]:
            if section not in ("study", "output"):
                told = ", ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in part.items())
                lines.append(f"{section:13} {told}")
    return lines


def _units(held: Mapping[str, Any]) -> str:
    return f" [{held['units']}]" if held.get("units") not in (None, "", "1") else ""


def _coordinate(array: xr.DataArray) -> dict[str, Any]:
    values = np.asarray(array.values)
    return {"range": _range_text(values), "units": str(array.attrs.get("units", ""))}


def _range_text(values: Array) -> str:
    if values.dtype.kind not in "iuf" or values.size == 0:
        names = list(dict.fromkeys(map(str, values.ravel())))
        return ", ".join(names[:6]) + (f", ... ({len(names)} names)" if len(names) > 6 else "")
    return f"{values.min():g} .. {values.max():g}" if values.size > 1 else f"{values.item():g}"


def _variable(array: xr.DataArray) -> dict[str, Any]:
    low, high, missing, yes = np.inf, -np.inf, 0, 0
    is_flag = array.dtype.kind == "b"
    for piece in _pieces(array):
        numbers = np.abs(piece) if np.iscomplexobj(piece) else piece
        finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers
        missing += int(np.isnan(numbers).sum()) if numbers.dtype.kind == "f" else 0
        yes += int(finite.sum()) if is_flag else 0
        if finite.size and not is_flag:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    told = f"{low:.6g} .. {high:.6g}" if low <= high else "no numbers"
    return {
        "range": f"{yes:,} of {array.size:,} yes" if is_flag else f"|z| {told}" if array.dtype.kind == "c" else told,
        "low": low if low <= high else None,
        "high": high if low <= high else None,
        "missing": missing,
        "count": int(array.size),
        "units": str(array.attrs.get("units", "")),
        "long_name": str(array.attrs.get("long_name", "")),
        "own": [str(dim) for dim in array.dims if not any(dim in axis.dims for axis in array.coords.values())],
    }


def _refused(why: xr.DataArray) -> dict[str, int]:
    """How many points each error has refused."""
    counts: Counter[str] = Counter()
    if why.dtype.kind in "iu":
        names = str(why.attrs.get("flag_meanings", "")).split()
        values = np.atleast_1d(why.attrs.get("flag_values", range(len(names)))).tolist()
        meaning = dict(zip(values, names, strict=False))
        for piece in _pieces(why):
            codes, numbers = np.unique(piece, return_counts=True)
            counts.update({str(meaning.get(int(c), c)): int(n) for c, n in zip(codes, numbers, strict=True)})
    else:
        for piece in _pieces(why):
            counts.update(str(text).partition(":")[0] for text in piece.ravel())
    return {name: count for name, count in counts.most_common() if name not in NO_REASON}


def _pieces(array: xr.DataArray) -> Iterator[Array]:
    """The values, a slice of the first dimensions at a time."""
    if array.size <= PIECE or array.ndim == 0:
        yield np.asarray(array.values)
        return
    rows = max(1, PIECE // max(1, array.size // array.shape[0]))
    for start in range(0, array.shape[0], rows):
        part = array[start : start + rows]
        yield from _pieces(part[0]) if rows == 1 and part.size > PIECE else (np.asarray(part.values),)
