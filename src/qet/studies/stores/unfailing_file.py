"""A file that a library writes to and that never fails it: what the disk refuses is held in memory and told later.

HDF5 does not survive a full disk: a file that it could not flush stays half open, and the process ends with a fault of
memory when that is closed again, be it minutes later by the collector of garbage. So HDF5 writes to this object, and
whoever owns it asks in time whether the disk refused, ends the writing, and closes HDF5's file as if nothing had been.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class UnfailingFile:
    """A new file of bytes, to be read and written anywhere.

    Attributes:
        failure: The first thing that the disk refused; None as long as it took everything.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "xb+", buffering=0)  # noqa: SIM115 - closed by `close`
        self._place = 0
        self._held: list[tuple[int, bytes]] = []  # what the disk did not take: place and content
        self._end = 0
        self.failure: OSError | None = None

    def write(self, content: Any) -> int:
        """Write bytes at the present place; all of them count as written."""
        left = memoryview(content).cast("B")
        size = len(left)
        try:
            if self.failure is None:
                self._file.seek(self._place)
                while left:
                    left = left[self._file.write(left) :]
        except OSError as error:
            self.failure = error
        if left:
            self._held.append((self._place + size - len(left), bytes(left)))
        self._place += size
        self._end = max(self._end, self._place)
        return size

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the present place."""
        view = memoryview(buffer).cast("B")
        start, size = self._place, max(0, min(len(view), self._end - self._place))
        view[:size] = bytes(size)
        self._file.seek(start)
        self._file.readinto(view[:size])
        for place, content in self._held:
            first, last = max(start, place), min(start + size, place + len(content))
            if first < last:
                view[first - start : last - start] = content[first - place : last - place]
        self._place += size
        return size

    def read(self, size: int) -> bytes:
        """At most so many bytes from the present place."""
        buffer = bytearray(max(0, min(size, self._end - self._place)))
        self.readinto(buffer)
        return bytes(buffer)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._place = place + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        return self._place

    def tell(self) -> int:
        """The present place."""
        return self._place

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        self._end = self._place if size is None else size
        if self.failure is None:
            try:
                self._file.truncate(self._end)
            except OSError as error:
                self.failure = error
        return self._end

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def refuse_failure(self) -> None:
        """Tell what the disk refused.

        Raises:
            OSError: that.
        """
        if self.failure is not None:
            raise self.failure
