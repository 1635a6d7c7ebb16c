"""How fast a workload could be at best on this machine, measured in the same run.

*arithmetic*: of a workload that is arithmetic on arrays the operations are known, since they are recorded for the
compiled player (`qet.foundations.blocks`). The limit is their number times what NumPy takes for each on an array that
stays in the cache: no checks of parameters, no temporaries in memory, no Python between operations. A compiled
workload can be below it, as it saves the way through the cache from one operation to the next.

Of others it is the one call that they cannot do without: LAPACK's, or `import numpy`.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

IN_CACHE = 2048  # numbers: three arrays of them fit into the first cache
REPEATS = 2000
SINGLE = {  # operation of a program -> NumPy functions that do it
    "multiply_add": ("multiply", "add"),
    "multiply_subtract": ("multiply", "subtract"),
    "subtract_product": ("multiply", "subtract"),
    "min": ("minimum",),
    "max": ("maximum",),
    "where": ("maximum",),  # a choice between two arrays, as fast as the larger of them
    "any": ("logical_or",),
    "all": ("logical_and",),
}
FREE = {"copy", "fill", "guard", "store_logical", "store_column"}


def arithmetic(function: Callable[[], Any], points: int) -> float | None:
    """Nanoseconds a point of a function's operations on whole arrays.

    None without numba, which records them, and for a batch too small to be played.
    """
    if find_spec("numba") is None:
        return None
    with _recorded() as counts:
        function()
    return sum(n * nanoseconds(name) for name, n in counts.items()) / points or None


@contextmanager
def _recorded() -> Iterator[Counter[str]]:
    """Counts of the operations that programs do on points while the block runs."""
    from qet.foundations import blocks

    counts: Counter[str] = Counter()
    played = blocks._played

    def counted(way: Any, whole: Any, start: int, pieces: Any, found: np.ndarray) -> np.ndarray:
        for name, is_of_points, *_ in way.made.operations:
            if is_of_points and name not in FREE:
                for single in SINGLE.get(name, (name,)):
                    counts[single] += len(found) * blocks.BLOCK
        return played(way, whole, start, pieces, found)

    blocks._played = counted
    try:
        yield counts
    finally:
        blocks._played = played


@cache
def nanoseconds(name: str) -> float:
    """What NumPy takes for one number of an array in the cache."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 1.5, (2, IN_CACHE))
    function = getattr(np, name)
    if name.startswith("logical"):
        x, y = x > 1.0, y > 1.0
    given = (x,) if function.nin == 1 else (x, y)
    out = function(*given)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(REPEATS):
            function(*given, out=out)
        seconds.append(time.process_time() - start)
    return min(seconds) / (REPEATS * IN_CACHE) * 1e9


def call(function: Callable[[], Any], runs: int = 3) -> float:
    """CPU seconds of a call, the median of some after one that warms up."""
    function()
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def lapack_solve(unknowns: int, points: int) -> float:
    """Nanoseconds a point of LAPACK's solution of that many equations, all matrices being at hand."""
    rng = np.random.default_rng(0)
    M, b = rng.normal(size=(points, unknowns, unknowns)), rng.normal(size=(points, unknowns, 1))
    return call(lambda: np.linalg.solve(M, b)) / points * 1e9


def diagonalized(n: int) -> float:
    """CPU seconds of LAPACK's eigenvectors of one symmetric matrix of that size."""
    M = np.random.default_rng(0).normal(size=(n, n))
    return call(lambda: np.linalg.eigh(M + M.T))
