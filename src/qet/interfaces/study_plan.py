"""What a study will take, before it is started: points, chunks, memory, room on the disk and time.

Memory and time are measured at some points of the first chunk and carried to a whole one; what a solver takes
is proportional to the points of a call. They say the order of magnitude.
"""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from qet.foundations.errors import QetError
from qet.foundations.spelling import spelled_bytes
from qet.studies.described.data import Study
from qet.studies.sweeps.axes import Grid, grid_of
from qet.studies.sweeps.chunks import Chunks
from qet.studies.sweeps.plan import plan
from qet.studies.sweeps.variables import variables_of

SIZES = (1, 16, 128, 1024, 8192)  # points of the trials
ENOUGH = 0.1  # seconds after which a trial says how long a point takes
BASE = 2**27  # bytes of the interpreter and its packages


@dataclass(frozen=True)
class Plan:
    """What a study will take.

    Attributes:
        lengths: Dimension -> its length.
        points: How many there are.
        chunks: How many pieces they are cut into.
        largest: Points of a full chunk.
        variables: Name -> how many numbers it has a point.
        stored: Bytes of the store before it is compressed.
        memory: Bytes that one process takes at most, about; None where the trial was refused.
        seconds: Of one process, about; None likewise.
        refusal: Why the trial was refused.
    """

    lengths: dict[str, int]
    points: int
    chunks: int
    largest: int
    variables: dict[str, int]
    stored: int
    memory: float | None
    seconds: float | None
    refusal: str = ""

    def text(self) -> str:
        """The plan in words."""
        axes = " x ".join(f"{name} {count}" for name, count in self.lengths.items())
        lines = [
            f"points   {self.points:,} ({axes})",
            f"chunks   {self.chunks} of up to {self.largest:,} points",
        ]
        if self.refusal:
            return "\n".join([*lines, f"the first point is refused, so nothing more can be said: {self.refusal}"])
        kept = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in self.variables.items())
        lines += [
            f"kept     {kept}",
            f"store    {spelled_bytes(self.stored)} before compression",
            f"memory   about {spelled_bytes(self.memory or 0.0)} a process",
            f"time     about {_spelled_time(self.seconds or 0.0)} of one processor",
        ]
        return "\n".join(lines)


def plan_of(study: Study, chunks: Any = None) -> Plan:
    """What a study will take.

    Args:
        study: The study.
        chunks: In place of its own.
    """
    grid, cut = cut_of(study, chunks)
    lengths = {axis.name: len(axis) for axis in grid.axes}
    points, largest = prod(cut.shape), prod(cut.lengths)
    try:
        some, peak, seconds, variables = _trial(study, grid)
    except QetError as refusal:
        return Plan(lengths, points, len(cut), largest, {}, 0, None, None, str(refusal))
    numbers = {name: count for name, (count, _) in variables.items()}
    width = sum(count * size for count, size in variables.values())
    width += 2 if study.settings.get("errors") == "record" else 0
    in_one_call = prod(cut.lengths[len(grid.looped) :])
    memory = BASE + peak / some * in_one_call + 2.0 * width * largest
    return Plan(lengths, points, len(cut), largest, numbers, width * points, memory, seconds / some * points)


def cut_of(study: Study, chunks: Any = None) -> tuple[Grid, Chunks]:
    """The points of a study and how they are cut."""
    grid = grid_of(study.axes, study.settings.get("loop", ()), study.together)
    return grid, plan(grid, study.settings.get("chunks", "auto") if chunks is None else chunks)


def _trial(study: Study, grid: Grid) -> tuple[int, float, float, dict[str, tuple[int, int]]]:
    """Points of a small call, its peak of memory, its seconds; of each variable the numbers a point and their size."""
    seconds = 0.0
    for most in SIZES:
        region = plan(grid, most).region(0)
        index = next(iter(grid.indices(region)))
        block = region[len(index) :]
        start = time.perf_counter()
        _called(study, grid, index, block)
        seconds = time.perf_counter() - start
        if seconds > ENOUGH and most > SIZES[0]:  # the first call pays for imports
            break
    shape = tuple(part.stop - part.start for part in block)
    tracemalloc.start()
    try:
        values = _called(study, grid, index, block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    sizes = {name: (int(np.prod(array.shape[len(shape) :])), array.dtype.itemsize) for name, array in values.items()}
    return prod(shape), float(peak), seconds, sizes


def _called(study: Study, grid: Grid, index: tuple[int, ...], block: tuple[slice, ...]) -> dict[str, np.ndarray]:
    shape = tuple(part.stop - part.start for part in block)
    found = variables_of(study.point(**grid.arguments(index, block)), "value")
    return {name: variable.over(name, shape) for name, variable in found.items()}


def _spelled_time(seconds: float) -> str:
    if seconds < 90.0:
        return f"{max(seconds, 0.1):.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 5400.0 else f"{seconds / 3600:.3g} h"
