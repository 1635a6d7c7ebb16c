"""How a sweep is cut into chunks: from the axes and the user's word alone, never from the machine.

A chunk is what is computed in one go: arrays of some hundred thousand points, large enough that calls cost nothing
beside the arithmetic, small enough for the memory of any machine. Looped values are computed one by one, each usually
another model, and are a chunk each as long as there are not too many of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, prod
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, unknown
from qet.studies.sweeps.axes import Grid
from qet.studies.sweeps.chunks import Chunks

POINTS = 2**18  # of a chunk of vectorized axes: 2 MiB a number
MOST_LOOPED = 1024  # chunks of a sweep that is mostly looped; beyond, neighbors share one


def plan(grid: Grid, chunks: Any) -> Chunks:
    """The chunks of a grid.

    Args:
        grid: The axes.
        chunks: "auto", the most points of a chunk, or a mapping of axes to lengths, where the other axes are cut as by
            "auto".

    Raises:
        BadParameter: for anything else. UnknownName: for a name that is no axis.
    """
    shape, n_looped = grid.shape, len(grid.looped)
    if isinstance(chunks, Mapping):
        return Chunks(shape, _named(grid, chunks))
    if isinstance(chunks, str) and chunks == "auto":
        return Chunks(shape, _auto(shape, n_looped, (0,) * len(shape)))
    return Chunks(shape, _tile(shape, _length("", chunks), (0,) * len(shape)))


def _named(grid: Grid, chunks: Mapping[str, Any]) -> tuple[int, ...]:
    names = [axis.name for axis in grid.stored]
    home = {parameter: axis.name for axis in grid.axes for parameter in axis.columns}
    given = {home.get(name, name): (name, length) for name, length in chunks.items()}
    for axis, (name, _) in given.items():
        if axis not in names:
            raise unknown("axis of the sweep", name, names)
    fixed = [
        min(_length(f" along {name}", given[name][1]), n) if name in given else 0
        for name, n in zip(names, grid.shape, strict=True)
    ]
    return _auto(grid.shape, len(grid.looped), tuple(fixed))


def _auto(shape: tuple[int, ...], n_looped: int, fixed: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths of chunks: vectorized axes to `POINTS`, then looped ones where the chunks would be too many."""
    vectorized = _tile(shape[n_looped:], POINTS, fixed[n_looped:])
    size = prod(vectorized)
    one_by_one = prod(shape[:n_looped])
    neighbors = ceil(one_by_one / MOST_LOOPED) if vectorized == shape[n_looped:] else 1
    return _tile(shape[:n_looped], max(1, min(neighbors, POINTS // max(size, 1))), fixed[:n_looped]) + vectorized


def _tile(shape: tuple[int, ...], most: int, fixed: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths of a tile of at most `most` points, the last axes first, balanced; axes with a fixed length keep it."""
    room = max(1, most // prod(length for length in fixed if length))
    lengths: list[int] = []
    for n, given in zip(reversed(shape), reversed(fixed), strict=True):
        length = given or ceil(n / ceil(n / room))
        room = room if given else max(1, room // length)
        lengths.append(length)
    return tuple(reversed(lengths))


def _length(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise BadParameter(
            f'chunks{where} is {value!r}; give "auto", the most points of a chunk (65536), or lengths along axes, '
            '{"T": 100}.'
        )
    return int(value)
