"""The pieces a sweep is cut into: what is computed in one go, written in one go, and lost at most when a run is killed.

A sweep's points are the product of its looped axes and then of its vectorized ones (`Grid.shape`). Chunks are the
tiles of that box with lengths `lengths` an axis, the last of an axis shorter, numbered from 0 with the last axis
fastest. The plan depends on the axes alone, never on the machine, so that a study resumed elsewhere has the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np

Array = np.ndarray
Region = tuple[slice, ...]


@dataclass(frozen=True)
class Chunks:
    """How a box of points is cut.

    Attributes:
        shape: Lengths of the box's axes.
        lengths: Length of a full chunk along each.
    """

    shape: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(ceil(n / length) for n, length in zip(self.shape, self.lengths, strict=True))

    def __len__(self) -> int:
        return prod(self.counts)

    def region(self, number: int) -> Region:
        """Where a chunk lies in the box."""
        place = np.unravel_index(number, self.counts) if self.counts else ()
        starts = [int(i) * length for i, length in zip(place, self.lengths, strict=True)]
        return tuple(
            slice(start, min(start + length, n))
            for start, length, n in zip(starts, self.lengths, self.shape, strict=True)
        )


@dataclass(frozen=True)
class Refused:
    """A point without an answer.

    Attributes:
        place: Its index in the box.
        error: Name of the error.
        text: Its message.
    """

    place: tuple[int, ...]
    error: str
    text: str


@dataclass(frozen=True, eq=False)
class Filled:
    """What one chunk gave.

    Attributes:
        number: Of the chunk.
        values: Variable -> its values, shape (*shape of the region, *own axes); NaN where refused.
        dims: Variable -> names of its own axes.
        attributes: Variable -> its attributes (units, long name).
        refused: Points without an answer, in the order of their places.
        seconds: How long it took, on the clock.
    """

    number: int
    values: Mapping[str, Array]
    dims: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, Mapping[str, Any]]
    refused: tuple[Refused, ...]
    seconds: float
