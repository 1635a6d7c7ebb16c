"""How many threads compiled code may use.

As many as the process has cores, and no more than numba's and OpenMP's own settings (`NUMBA_NUM_THREADS`,
`OMP_NUM_THREADS`) allow; one inside a worker process or beside other threads, whose owner divides the cores. The number
changes how fast a result comes, never the result.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ASKED: ContextVar[int | None] = ContextVar("threads", default=None)


def thread_count() -> int:
    """Threads that compiled code may use here, at least one."""
    asked = _ASKED.get()
    if asked is not None:
        return asked
    if multiprocessing.parent_process() is not None or threading.current_thread() is not threading.main_thread():
        return 1
    limits = (os.environ.get(name, "").split(",")[0] for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"))
    return max(1, min([processors(), *(int(limit) for limit in limits if limit.strip().isdecimal())]))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads within the block, whatever the settings say."""
    token = _ASKED.set(count)
    try:
        yield
    finally:
        _ASKED.reset(token)
