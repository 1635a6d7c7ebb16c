"""The work of a sweep: the function at all points of one chunk, whatever is vectorized, looped or refused.

A chunk is computed alone, from its number, and always by the same calls, so that it does not matter who computes it,
when, and after what. Work is plain data beside the user's function, and goes to other processes through cloudpickle.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, QetError
from qet.protocols.run import Run
from qet.studies.named_function import name_of
from qet.studies.sweeps.axes import Block, Grid
from qet.studies.sweeps.chunks import Chunks, Filled, Refused, Region
from qet.studies.sweeps.columns import Columns
from qet.studies.sweeps.variables import ALL, Variable, variables_of

Array = np.ndarray
WHERE = re.compile(r" \(first at index \([\d, ]*\); \d+ of \d+ points\)$")  # as `refuse_where` adds it


@dataclass(eq=False)
class Work:
    """What a sweep computes, chunk by chunk.

    Attributes:
        point: The user's function.
        grid: Where it is called.
        chunks: How the grid's points are cut.
        is_recording: Whether refusals are kept rather than raised.
        kept: Which numbers of a run are kept.
        run: What the only call of the only chunk returned, if a run.
    """

    point: Callable[..., Any]
    grid: Grid
    chunks: Chunks
    is_recording: bool
    kept: tuple[str, ...] = ALL
    run: Run | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "run": None}

    def fill(self, number: int) -> Filled:
        """Compute one chunk.

        Raises:
            QetError: with the point in its message, for the first refusal where they are not recorded; where they are,
                refused points are nan. Whatever else the function raises, with the point in a note.
        """
        start = time.perf_counter()
        filling = Filling(self, self.chunks.region(number))
        for index in self.grid.indices(filling.region):
            filling.call(index, filling.region[len(index) :])
        self.run = filling.run if filling.calls == 1 == len(self.chunks) else None
        refused = tuple(sorted(filling.refused, key=lambda found: found.place))
        columns = filling.columns
        values = filling.masked() if self.is_recording else columns.values
        return Filled(number, values, columns.dims, columns.attributes, refused, time.perf_counter() - start)

    def text(self, number: int) -> str:
        """The points of a chunk in words."""
        return self.grid.region_text(self.chunks.region(number))

    @property
    def name(self) -> str:
        """What a single number of the function is called."""
        name = name_of(self.point)
        taken = {axis.name for axis in self.grid.axes} | set(self.grid.parameters)
        return name if name.isidentifier() and name not in taken else "value"

    def check_names(self, found: Filled) -> None:
        """Refuse what would give two things in the result one name."""
        axes = {axis.name for axis in self.grid.axes} | set(self.grid.parameters) | set(self.grid.scalars)
        dims = {dim for own in found.dims.values() for dim in own}
        names = found.values.keys()
        taken = axes & (names | dims) or dims & names or {"why"} & (names | dims)
        if taken:
            raise BadParameter(f"{sorted(taken)[0]!r} names two things in the result; rename what the function gives.")


@dataclass(eq=False)
class Filling:
    """One chunk being filled.

    Attributes:
        work: Whose chunk it is.
        region: Where it lies in the box of points.
        columns: What it has so far.
        refused: Points without an answer.
        run: What the last call returned, if a run.
        calls: How many calls were answered.
    """

    work: Work
    region: Region
    columns: Columns = field(init=False)
    refused: list[Refused] = field(default_factory=list)
    run: Run | None = None
    calls: int = 0

    def __post_init__(self) -> None:
        self.columns = Columns(name_of(self.work.point), tuple(part.stop - part.start for part in self.region))

    def call(self, index: tuple[int, ...], block: Block) -> None:
        """Call the function at a looped index and a block of the vectorized axes; halve the block where it fails."""
        work = self.work
        try:
            result = work.point(**work.grid.arguments(index, block))
            found = variables_of(result, work.name, work.kept)
            shape = tuple(part.stop - part.start for part in block)
            values = {name: variable.over(name, shape) for name, variable in found.items()}
        except QetError as refusal:
            if not work.is_recording:
                self._locate(refusal, index, block)
                raise
            self._record(refusal, index, block)
            return
        except Exception as error:  # of the user's function: his own, with the point added
            error.add_note(f"in sweep at {work.grid.point_text(index, block, None)}")
            raise
        self.calls += 1
        self.run = result if isinstance(result, Run) else None
        self._enter(found, values, index, block)

    def _enter(
        self, found: dict[str, Variable], values: dict[str, Array], index: tuple[int, ...], block: Block
    ) -> None:
        parts = (*(slice(i, i + 1) for i in index), *block)
        at = tuple(
            slice(part.start - all_.start, part.stop - all_.start)
            for part, all_ in zip(parts, self.region, strict=True)
        )
        dims = {name: variable.dims for name, variable in found.items()}
        attributes = {name: variable.attributes for name, variable in found.items()}
        given = {name: array[(None,) * len(index)] for name, array in values.items()}
        self.columns.enter(at, given, dims, attributes, is_all=parts == self.region)

    def _record(self, refusal: QetError, index: tuple[int, ...], block: Block) -> None:
        lengths = tuple(part.stop - part.start for part in block)
        if max(lengths, default=1) == 1 or _is_everywhere(refusal, lengths):
            text = WHERE.sub("", str(refusal))
            places = product(*(range(part.start, part.stop) for part in block))
            self.refused += [Refused((*index, *place), type(refusal).__name__, text) for place in places]
            return
        longest = int(np.argmax(lengths))
        middle = (block[longest].start + block[longest].stop) // 2
        for part in (slice(block[longest].start, middle), slice(middle, block[longest].stop)):
            self.call(index, (*block[:longest], part, *block[longest + 1 :]))

    def _locate(self, refusal: QetError, index: tuple[int, ...], block: Block) -> None:
        """Add to a refusal where it happened."""
        inside = None
        shape = tuple(part.stop - part.start for part in block)
        if refusal.mask is not None and np.any(refusal.mask) and np.ndim(refusal.mask) <= len(shape):
            try:
                mask = np.broadcast_to(refusal.mask, shape)
                inside = tuple(int(i) for i in np.unravel_index(int(mask.argmax()), shape)) if shape else ()
            except ValueError:
                inside = None  # the mask has axes of its own
        refusal.args = (f"{refusal} [sweep at {self.work.grid.point_text(index, block, inside)}]",)

    def masked(self) -> dict[str, Array]:
        """The values as floating-point numbers, nan at refused points."""
        starts = [part.start for part in self.region]
        if not self.refused:
            return {
                n: column.astype(np.result_type(column, 1.0), copy=False) for n, column in self.columns.values.items()
            }
        places = tuple(np.array([found.place for found in self.refused], dtype=int).reshape(-1, len(starts)).T)
        masked = {}
        for name, column in self.columns.values.items():
            masked[name] = column.astype(np.result_type(column, 1.0))
            masked[name][tuple(place - start for place, start in zip(places, starts, strict=True))] = np.nan
        return masked


def _is_everywhere(refusal: QetError, shape: tuple[int, ...]) -> bool:
    """Whether an error says that all points of a block are at fault."""
    return refusal.mask is not None and np.shape(refusal.mask) == shape and bool(np.all(refusal.mask))
