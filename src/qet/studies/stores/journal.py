"""What is finished of a study, one line a chunk, brought to the disk before the chunk counts.

Every process appends to a file of its own, so that no two write to one; they are read as a union. A line that was cut
off when its process was killed is no line, and what it would have said is done again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qet.studies.stores.durable import HOST

log = logging.getLogger("qet.store")
SUFFIX = ".jsonl"


def append(folder: Path, line: Mapping[str, Any]) -> None:
    """Add a line to this process's file and bring it to the disk.

    A line of which only a part could be written is taken back, so that the next one does not run into it.

    Raises:
        OSError: whatever the system refuses with.
    """
    text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    with open(folder / f"{HOST}-{os.getpid()}{SUFFIX}", "ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                text = b"\n" + text  # an earlier process with this number was killed while it wrote
        try:
            while text:
                text = text[file.write(text) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of every process; one that cannot be read is passed over with a warning."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        content = path.read_bytes()
        whole, _, torn = content.rpartition(b"\n")
        if torn:
            log.info("%s: the last line was cut off; what it spoke of is done again", path)
        for number, text in enumerate(whole.split(b"\n"), 1):
            if not text.strip():
                continue
            line = _read(text)
            if line is None:
                log.warning("%s:%d: not a line of a journal; it is passed over", path, number)
            else:
                yield line


def _read(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):  # of JSON, of bytes that are no text, of brackets without end
        return None
    is_line = isinstance(line, dict) and isinstance(line.get("chunk"), int) and isinstance(line.get("files"), dict)
    return line if is_line else None
