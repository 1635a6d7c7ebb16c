"""Files that are there whole or not at all, also after a power cut.

A file is written under a temporary name beside its own, brought to the disk (fsync), and renamed. The temporary name
says which process made it, so that what a killed process left behind can be told from what a living one is writing.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from qet.foundations.errors import NotWritten

HOST = re.sub(r"[^A-Za-z0-9]+", "_", socket.gethostname()) or "host"
_TOKEN = uuid.uuid4().hex[:12]  # tells this process from an earlier one with its number, as in containers
_NAME = re.compile(r"\.tmp-(?P<host>\w+)-(?P<pid>\d+)-(?P<token>[0-9a-f]{12})-[0-9a-f]{8}$")
FORGOTTEN = 3600.0  # seconds after which a temporary file of a process that cannot be asked counts as left behind
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "this folder may not be written to",
    errno.EPERM: "this folder may not be written to",
    errno.ENOENT: "its folder does not exist",
    errno.ENOTDIR: "its folder is a file",
}


def temporary(path: Path) -> Path:
    """A fresh name beside `path` that says whose it is."""
    return path.with_name(f"{path.name}.tmp-{HOST}-{os.getpid()}-{_TOKEN}-{uuid.uuid4().hex[:8]}")


def shown(path: Path) -> str:
    """A place for a message: as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)


def reason_of(error: OSError) -> str:
    """Why the system refused, in words."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))


@contextmanager
def whole(path: Path, what: str, kept: str = "") -> Iterator[Path]:
    """A temporary name for what becomes `path` when the block ends well, and is removed when it does not.

    Args:
        path: The file.
        what: What it is, for the message of a refusal.
        kept: What is not lost, added to that message.

    Raises:
        NotWritten: for whatever the system refuses.
    """
    clear_left_behind(beside(path))
    name = temporary(path)
    try:
        yield name
        to_disk(name)
        os.replace(name, path)
    except OSError as error:
        remove(name)
        raise NotWritten(f"{what} was not written: {reason_of(error)} ({path}).{f' {kept}' if kept else ''}") from error
    except BaseException:
        remove(name)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, bring it to the disk and rename it.

    Raises:
        OSError: whatever the system refuses with; nothing is left behind.
    """
    name = temporary(path)
    try:
        with open(name, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        remove(name)
        raise


def to_disk(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # a folder cannot be opened there
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # where nothing can be written there is nothing to remove either


def beside(path: Path) -> Iterator[Path]:
    """The temporary files and folders of a path, of whatever process."""
    return path.parent.glob(f"{escape(path.name)}.tmp-*")


def clear_left_behind(paths: Iterable[Path]) -> list[Path]:
    """Remove, of these files and folders, the temporary ones whose process is gone; what was removed."""
    gone = [path for path in paths if _is_left_behind(path)]
    for path in gone:
        remove(path)
    return gone


def _is_left_behind(path: Path) -> bool:
    match = _NAME.search(path.name)
    if match is None:
        return False
    if match["host"] == HOST:
        pid = int(match["pid"])
        if pid == os.getpid():
            return match["token"] != _TOKEN
        if not _is_alive(pid):
            return True
    try:
        return time.time() - path.stat().st_mtime > FORGOTTEN
    except FileNotFoundError:
        return False


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_unburied(pid)


def _is_unburied(pid: int) -> bool:
    """Whether a process has ended and only its number is left, because nobody asked how it ended (Linux)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
