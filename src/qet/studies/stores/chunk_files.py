"""The files of a store's chunks: made in memory, brought to the disk whole, and checked against what was meant.

zarr encodes a chunk into memory, from the array's own description on disk, so that the bytes are those of any zarr
writer and their checksum is known before anything touches the disk. The codec (Blosc: bytes of equal weight together,
then LZ4) runs on one thread, since with several its output depends on which comes first.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch
from qet.studies.stores.template import stored_dtype
from qet.studies.sweeps.chunks import Region

Array = np.ndarray
BLOCK = 1 << 20  # bytes read at once


class ChunkFiles:
    """The chunk files of one variable.

    Attributes:
        name: The variable.
        folder: Where its files are.
        description: The content of its zarr.json.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.folder = root / name
        self.description = (self.folder / "zarr.json").read_bytes()
        array, _ = self._in_memory()
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.lengths: tuple[int, ...] = tuple(array.chunks)
        self.dims: tuple[str, ...] = tuple(array.metadata.dimension_names)

    def path(self, region: Region) -> Path:
        """The file of a region, which is one chunk; the region has the variable's own axes too."""
        places = [part.start // length for part, length in zip(region, self.lengths, strict=True)]
        return self.folder / ".".join(["c", *map(str, places)])

    def encoded(self, region: Region, values: Array) -> bytes:
        """The content of a chunk's file."""
        array, held = self._in_memory()
        array[region] = values
        return b"".join(buffer.to_bytes() for key, buffer in held.items() if key != "zarr.json")

    def fitting(self, values: Array, dims: tuple[str, ...], count: int) -> Array:
        """Values of a chunk in the variable's format, if they fit it without loss.

        Args:
            values: Shape (*region, *own).
            dims: Names of the own axes.
            count: How many axes are the region's.

        Raises:
            ShapeMismatch: for own axes that differ. BadParameter: for numbers of a wider kind than the stored ones.
        """
        own, room = values.shape[count:], self.shape[count:]
        if own != room or tuple(dims) != self.dims[count:]:
            raise ShapeMismatch(
                f"{self.name} has axes {tuple(dims)} of shape {own} in one chunk and {self.dims[count:]} of shape "
                f"{room} in another; sweep points with axes of one length."
            )
        given = stored_dtype(values.dtype)
        if np.result_type(given, self.dtype) != self.dtype:
            raise BadParameter(
                f"{self.name} is {given} in one chunk and {self.dtype} in another; give numbers of one kind "
                f"everywhere, such as float({self.name})."
            )
        return values.astype(self.dtype, copy=False)

    def _in_memory(self) -> tuple[Any, dict[str, Any]]:
        import zarr
        from zarr.core.buffer import default_buffer_prototype
        from zarr.storage import MemoryStore

        held: dict[str, Any] = {"zarr.json": default_buffer_prototype().buffer.from_bytes(self.description)}
        array: Any = zarr.open_array(MemoryStore(held), mode="r+")
        always: Any = {"write_empty_chunks": True}  # a chunk of nothing but zeros is a file as well
        return zarr.Array(zarr.AsyncArray(metadata=array.metadata, store_path=array.store_path, config=always)), held


def names_of(values: Mapping[str, Array], stored: Mapping[str, ChunkFiles]) -> None:
    """Refuse a chunk with other variables than the store's; one that has none at all was refused everywhere.

    Raises:
        BadParameter: naming both sets.
    """
    if values and values.keys() != stored.keys():
        raise BadParameter(
            f"there is {', '.join(values)} in one chunk and {', '.join(stored)} in another; a dataset needs the same "
            "names everywhere."
        )


def checksum(content: bytes) -> str:
    """CRC-32 of bytes, eight hexadecimal digits."""
    return f"{zlib.crc32(content):08x}"


def checksum_of_file(path: Path) -> str:
    """CRC-32 of a file, read block by block."""
    found = 0
    for block in _blocks(path):
        found = zlib.crc32(block, found)
    return f"{found:08x}"


def fault_of(path: Path, size: int, crc: str | None) -> str | None:
    """What is wrong with a file, in words; None if it is as it was meant. Without `crc` only its size is looked at."""
    try:
        found = path.stat().st_size
        if found != size:
            return f"{path.name} of {path.parent.name} has {found} bytes of {size}"
        if crc is not None and checksum_of_file(path) != crc:
            return f"{path.name} of {path.parent.name} has been damaged"
    except FileNotFoundError:
        return f"{path.name} of {path.parent.name} is not there"
    except OSError as error:
        return f"{path.name} of {path.parent.name} cannot be read ({error.strerror})"
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            yield block
