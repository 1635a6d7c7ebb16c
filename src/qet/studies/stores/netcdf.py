"""Labeled arrays in one netCDF-4 file, written piece by piece, the same bytes for the same content.

netCDF knows text and numbers, and lists of numbers. Yes-or-no is written as 0 and 1 in the way xarray reads back;
attributes of any other kind go into one text, `qet_json`. Every piece is compressed with its own checksum, so that a
damaged file is not read as numbers. Nothing in a file says when or where it was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import BadParameter, NotReadable
from qet.foundations.values import plain
from qet.studies.stores.durable import whole
from qet.studies.stores.template import stored_dtype
from qet.studies.stores.unfailing_file import UnfailingFile
from qet.studies.sweeps.chunks import Region

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
OTHERS = "qet_json"  # the attribute that holds what netCDF has no form for
AUTOMATIC = 1 << 18  # values in a piece where nothing else is said
COMPLEX_SINCE = (1, 8)  # h5netcdf writes complex numbers without being told to since then


class Writer:
    """An open file."""

    def __init__(self, file: Any, disk: UnfailingFile) -> None:
        self._file = file
        self._disk = disk
        self._coordinates: dict[str, tuple[str, ...]] = {}

    def coordinate(self, name: str, dims: tuple[str, ...], values: Array, attributes: Mapping[str, Any]) -> None:
        """Write a coordinate; all of them come before the variables."""
        self.variable(name, dims, values.shape, values.dtype, attributes)
        self.put(name, tuple(slice(0, n) for n in values.shape), values)
        if dims != (name,):
            self._coordinates[name] = dims

    def variable(
        self,
        name: str,
        dims: tuple[str, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        attributes: Mapping[str, Any],
        pieces: tuple[int, ...] | None = None,
    ) -> None:
        """Add a variable without values.

        Args:
            name: Its name.
            dims: Its dimensions, made where they are new.
            shape: Their lengths.
            dtype: Its kind of number, or text.
            attributes: Anything.
            pieces: Lengths of what is compressed together.

        Raises:
            BadParameter: for a kind netCDF has no form for, or a name with a slash.
        """
        if "/" in name or not name:
            raise BadParameter(f"{name!r} is no name in a netCDF file. Give it another one.")
        for dim, length in zip(dims, shape, strict=True):
            if dim not in self._file.dimensions:
                self._file.dimensions[dim] = length
        said = dict(attributes) | ({"dtype": "bool"} if dtype.kind == "b" else {})
        others = " ".join(other for other, along in self._coordinates.items() if set(along) <= set(dims))
        said |= {"coordinates": others} if others and name not in self._coordinates and dims != (name,) else {}
        options: dict[str, Any] = {}
        if shape and 0 not in shape:
            options = {"chunks": pieces or _pieces(shape)}
        if options and dtype.kind not in "UOST":
            options |= {"compression": "gzip", "compression_opts": 4, "shuffle": True}
        made = self._file.create_variable(name, dims, dtype=_written_as(name, dtype), **options)
        for key, value in netcdf_attributes(said).items():
            made.attrs[key] = value

    def put(self, name: str, region: Region, values: Array) -> None:
        """Write values into a part of a variable.

        Raises:
            OSError: for what the disk refuses.
        """
        if 0 in values.shape:
            return
        if values.dtype.kind in "UOT":
            values = np.array([str(item) for item in values.ravel()], dtype=object).reshape(values.shape)
        self._file[name][region or ...] = values.astype("i1") if values.dtype.kind == "b" else values
        self._disk.refuse_failure()


@contextmanager
def written(path: Path, attributes: Mapping[str, Any], *, has_complex: bool) -> Iterator[Writer]:
    """A new file that is there whole when the block has ended, or not at all.

    Raises:
        NotWritten: for what the system refuses.
    """
    import h5netcdf

    known = tuple(int(part) for part in h5netcdf.__version__.split(".")[:2])
    options = {"invalid_netcdf": True} if has_complex and known < COMPLEX_SINCE else {}
    with whole(path, f"the file {path.name}") as name, closing(UnfailingFile(name)) as disk:
        with h5netcdf.File(disk, "w", **options) as file:
            yield Writer(file, disk)
            for key, value in netcdf_attributes(attributes).items():
                file.attrs[key] = value
        disk.refuse_failure()


def write_dataset(data: xr.Dataset, path: Path) -> None:
    """Write a Dataset that is in memory, or as much of it at a time as its pieces are.

    Raises:
        BadParameter: for what netCDF has no form for. NotWritten: for what the system refuses.
    """
    kinds = {name: _kind(str(name), variable) for name, variable in data.variables.items()}
    has_complex = any(kind.kind == "c" for kind in kinds.values())
    with written(path, data.attrs, has_complex=has_complex) as file:
        for name in data.coords:
            known = data[name].variable
            file.coordinate(str(name), tuple(map(str, known.dims)), _given(known), known.attrs)
        for name in data.data_vars:
            known = data[name].variable
            file.variable(str(name), tuple(map(str, known.dims)), known.shape, kinds[name], known.attrs)
            step = max(1, AUTOMATIC * known.shape[0] // max(known.size, 1)) if known.dims else 1
            for start in range(0, known.shape[0] if known.dims else 1, step):
                part = slice(start, min(start + step, known.shape[0])) if known.dims else slice(0, 1)
                piece = known[part] if known.dims else known
                region = (part, *(slice(0, n) for n in known.shape[1:])) if known.dims else ()
                file.put(str(name), region, _given(piece))


def read_dataset(path: Path) -> xr.Dataset:
    """The Dataset in a file, whose arrays are read when they are asked for.

    Raises:
        NotReadable: for a file that is no netCDF-4.
    """
    import xarray as xr

    try:
        data = xr.open_dataset(
            path, engine="h5netcdf", mask_and_scale=False, decode_times=False, decode_timedelta=False
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise NotReadable(f"{path} cannot be read as netCDF-4: {error}.") from error
    for name, thing in [*((name, data[name]) for name in data.variables), ("", data)]:
        if OTHERS in thing.attrs:
            try:
                others = json.loads(thing.attrs.pop(OTHERS))
                thing.attrs.update(others)
            except (ValueError, TypeError):
                raise NotReadable(
                    f"{path} has been changed: {OTHERS} of {str(name) or 'the file'} is no JSON."
                ) from None
    return data


def netcdf_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as netCDF takes them: text, numbers, lists of numbers, and one text with all others."""
    found: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in attributes.items():
        if (isinstance(value, str) and value and "\0" not in value) or _is_number(value):
            found[str(name)] = value
        elif isinstance(value, (list, tuple, np.ndarray)) and len(np.shape(value)) == 1 and _are_numbers(value):
            found[str(name)] = np.asarray(value)
        else:
            others[str(name)] = plain(value)
    return found | ({OTHERS: json.dumps(others, default=str)} if others else {})


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return False
    is_small = not isinstance(value, int) or -(2**63) <= value < 2**63
    return isinstance(value, (int, float, np.integer, np.floating)) and is_small


def _are_numbers(values: Any) -> bool:
    return len(values) > 1 and all(map(_is_number, values))  # one alone comes back as a number


def _written_as(name: str, dtype: np.dtype[Any]) -> Any:
    import h5py

    if dtype.kind in "UOT":
        return h5py.string_dtype()
    if dtype.kind == "b":
        return np.dtype("i1")
    if dtype.kind not in "iufc":
        raise BadParameter(f"{name} is {dtype}; a file holds numbers, yes-or-no and text.")
    return stored_dtype(dtype)


def _kind(name: str, variable: Any) -> np.dtype[Any]:
    if variable.dtype.kind == "O" and not all(isinstance(item, str) for item in variable.values.ravel()):
        raise BadParameter(f"{name} holds things that are neither numbers nor text; a file has no form for them.")
    kind: np.dtype[Any] = variable.dtype
    _written_as(name, kind)
    return kind


def _given(variable: Any) -> Array:
    return np.asarray(variable.values)


def _pieces(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths with at most so many values, whole along the last axes."""
    room, found = AUTOMATIC, []
    for length in reversed(shape):
        found.append(max(1, min(length, room)))
        room //= found[-1]
    return tuple(reversed(found))
