"""The empty store of a study: a zarr v3 folder with every array described and the axes written, and no result yet.

Each variable is cut exactly as the sweep is, its own axes in one piece, so that a chunk of the sweep is one file a
variable. It ends in its CRC-32C, by which any reader of zarr refuses a file that was damaged. Names are stored as
numbers with a list of labels, since zarr has no settled form for text; why a point has no answer is stored as the
number of its error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from qet.foundations import errors
from qet.foundations.errors import BadParameter, QetError
from qet.foundations.values import plain
from qet.studies.sweeps.chunks import Chunks, Filled

Array = np.ndarray
FORMAT = 1  # of the store; a store with a higher number is not opened
JOURNAL = "journal"
LABELS = "labels"
WHY = "why"
WIDEST = {"f": "f8", "c": "c16"}


class Named(Protocol):
    """Name and length of one dimension."""

    @property
    def name(self) -> str:
        """Its name."""


class Box(Protocol):
    """The points of a sweep, as `Grid` has them."""

    @property
    def axes(self) -> Sequence[Named]:
        """Dimensions of the result, in its order."""

    @property
    def order(self) -> tuple[int, ...]:
        """Where each of them stands in the box of points."""

    @property
    def coordinates(self) -> Mapping[str, tuple[tuple[str, ...], Array, dict[str, Any]]]:
        """Parameter -> (its dimension, its values, its attributes)."""

    @property
    def scalars(self) -> Mapping[str, Any]:
        """Parameters with one value."""


def error_names() -> list[str]:
    """The errors that `why` counts, "answered" first."""
    named = [name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, QetError)]
    return ["answered", *sorted(named), "other"]


def stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The number format of a variable on disk: any that every reader has."""
    if dtype.kind in "fc" and dtype.itemsize not in {"f": (4, 8), "c": (8, 16)}[dtype.kind]:
        return np.dtype(WIDEST[dtype.kind])
    return dtype.newbyteorder("=")


def write_template(
    folder: Path, box: Box, chunks: Chunks, first: Filled, attributes: Mapping[str, Any], *, with_why: bool
) -> None:
    """Write the empty store into a new folder.

    Args:
        folder: To be made.
        box: Dimensions and coordinates.
        chunks: How the points are cut.
        first: A chunk that was computed: which variables there are, their formats and their own axes.
        attributes: Of the dataset: text and numbers.
        with_why: Whether there is a variable that says which points were refused.

    Raises:
        BadParameter: for a variable whose name is no name of a folder. OSError: for what the system refuses.
    """
    import zarr

    folder.mkdir()
    root = zarr.create_group(str(folder), zarr_format=3, attributes=dict(attributes))
    root.create_group(JOURNAL)
    dims = tuple(axis.name for axis in box.axes)
    lengths = tuple(chunks.lengths[i] for i in box.order)
    shape = tuple(chunks.shape[i] for i in box.order)
    for name, values in first.values.items():
        own = values.shape[len(shape) :]
        cut = ((*shape, *own), (*lengths, *own))
        _create(root, name, cut, stored_dtype(values.dtype), (*dims, *first.dims[name]), first.attributes[name])
    if with_why:
        names = error_names()
        flags = {"flag_values": list(range(len(names))), "flag_meanings": " ".join(names)}
        _create(root, WHY, (shape, lengths), np.dtype("i2"), dims, {"long_name": "why there is no answer", **flags})
    for name, (along, labels, said) in box.coordinates.items():
        _write_labels(root, name, along, labels, said)
    for name, value in box.scalars.items():
        _write_labels(root, name, (), np.asarray(value), {})


def _create(
    root: Any,
    name: str,
    cut: tuple[tuple[int, ...], tuple[int, ...]],
    dtype: np.dtype[Any],
    dims: tuple[str, ...],
    attributes: Mapping[str, Any],
) -> Any:
    from zarr.codecs import BloscCodec, Crc32cCodec

    if not name or name == JOURNAL or name.startswith((".", "__", "zarr.json")) or set(name) & set('/\\:*?"<>|'):
        raise BadParameter(f"{name!r} cannot be stored: every variable is a folder of its name. Give it another one.")
    shape, lengths = cut
    packed = (BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=dtype.itemsize),) if shape else ()
    return root.create_array(
        name,
        shape=shape,
        chunks=tuple(max(length, 1) for length in lengths),
        dtype=dtype,
        compressors=(*packed, Crc32cCodec()),
        fill_value=np.nan if dtype.kind in "fc" else 0,
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=dims,
        attributes=plain(attributes),
        config={"write_empty_chunks": True},
    )


def _write_labels(root: Any, name: str, along: tuple[str, ...], labels: Array, attributes: Mapping[str, Any]) -> None:
    """Write a coordinate; names as places in the list of all of them."""
    values, said = np.asarray(labels), dict(attributes)
    if values.dtype.kind not in "biufc":
        known, places = np.unique(values.astype(str), return_inverse=True)
        values, said[LABELS] = places.reshape(values.shape).astype("i4"), json.dumps(known.tolist())
    array = _create(root, name, (values.shape, values.shape), stored_dtype(values.dtype), along, said)
    array[...] = values


def labels_read(values: Array, labels: str) -> Array:
    """The names that `_write_labels` turned into places."""
    return np.asarray(np.array(json.loads(labels), dtype=str)[values])
