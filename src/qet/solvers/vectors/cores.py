"""Work on long vectors, shared among the cores of this process by threads that hold no lock while they count.

The parts are the same on any number of cores, and so are the digits. A core that others keep busy takes fewer of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from qet.foundations.threads import thread_count

PARTS = 16
T = TypeVar("T")


def shared(work: Callable[[int, int], T], count: int) -> list[T]:
    """`work(first, last)` on each part of `count` pieces, in order."""
    parts = min(PARTS, count)
    firsts = [k * count // parts for k in range(parts)]
    lasts = [(k + 1) * count // parts for k in range(parts)]
    at_once = min(thread_count(), parts)
    if at_once == 1:
        return list(map(work, firsts, lasts))
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, firsts, lasts))
