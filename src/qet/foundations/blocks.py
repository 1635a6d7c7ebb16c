"""Play a function to a large batch as a compiled program, block by block, on all cores that may be used.

The function is recorded on one block of points (`tape`), turned into a program (`programs`) and played to all blocks by
one numba function that is the same for every program (`kernels_tape`); the threads take turns in fetching blocks.
Blocks where a guard fails, for which the recorded way is not the one that the function takes, are recorded anew up to
`WAYS` times and played again; those that are left, and functions that cannot be recorded, go through Python in pieces.

A point's result does not depend on the number of threads, nor, while its block goes through a program, on its place. To
the plain function it agrees to rounding: arithmetic, roots and comparisons bit by bit, exponentials and hyperbolic
tangents to 2 units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.chunks import SIZE, Outputs
from qet.foundations.kernels_tape import BLOCK, CODE, LANES, run
from qet.foundations.programs import Program, Store, encoded, program
from qet.foundations.tape import Columns, NotTraceable, Tape, Traced, TracedComplex

Array = np.ndarray
WAYS = 4  # programs a function is recorded in before the rest goes through Python
STRIDE = 8 * BLOCK + 64  # bytes from slot to slot: not a power of two, so that they do not fall on each other
TURN = 256  # blocks that a thread fetches at once, at most


@dataclass(frozen=True, eq=False)
class _Way:
    """One program and where its results go."""

    made: Program
    code: Array
    stores: tuple[Store, ...]


class Player:
    """Fills the outputs of a function, piece by piece.

    Args:
        function: As in `chunks.in_chunks`.
        values: Its inputs; those at `places` are given piece by piece, the others are numbers.
        places: Which inputs are arrays.
        outputs: What is filled.
    """

    def __init__(
        self, function: Callable[..., tuple[Any, ...]], values: list[Any], places: list[int], outputs: Outputs
    ) -> None:
        self.function, self.values, self.places, self.outputs = function, values, places, outputs
        self.ways: list[_Way] = []
        self.attempts = 0

    def play(self, start: int, pieces: list[Array]) -> None:
        """Fill the outputs from point `start` on."""
        points = len(pieces[0])
        left = np.arange(points // BLOCK)
        if all(piece.dtype == np.float64 for piece in pieces):
            pieces = [np.ascontiguousarray(piece) for piece in pieces]
            twins = len(self.outputs.twins)
            number = 0
            while len(left) and (number < len(self.ways) or self._record(start, pieces, left)):
                left = left[_played(self.ways[number], self.outputs.whole, start, pieces, left) > 0]
                number += 1
            self._plainly(start, pieces, left)
            if len(self.outputs.twins) < twins:  # what was one output is two: the programs fill but one
                self.ways, self.attempts = [], WAYS
        else:
            self._plainly(start, pieces, left)
        if points % BLOCK:
            self._last(start, pieces, points)

    def _record(self, start: int, pieces: list[Array], blocks: Array) -> bool:
        """One more program, from the block in the middle; whether there is one."""
        if self.attempts >= WAYS:
            return False
        self.attempts += 1
        block = int(blocks[len(blocks) // 2])
        sample = [piece[block * BLOCK : (block + 1) * BLOCK] for piece in pieces]
        first = start + block * BLOCK
        self.outputs.put(first, first + BLOCK, self._called(sample))
        tape = Tape(sample)
        traced = [Traced(tape, tape.note("input", k)) for k in range(len(sample))]
        try:
            stores = _stores(tape, self._called(traced), self.outputs)
            made = program(tuple(tape.nodes), stores)
        except (NotTraceable, TypeError, ValueError):  # the plain function has just done without
            self.attempts = WAYS
            return False
        self.ways.append(_Way(made, encoded(made, CODE, BLOCK, LANES), stores))
        return True

    def _called(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        for i, array in zip(self.places, arrays, strict=True):
            self.values[i] = array
        return self.function(*self.values)

    def _plainly(self, start: int, pieces: list[Array], blocks: Array) -> None:
        """The given blocks by the function itself, neighbors together."""
        if not len(blocks):
            return
        for group in np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1):
            for begin in range(int(group[0]) * BLOCK, (int(group[-1]) + 1) * BLOCK, SIZE):
                end = min(begin + SIZE, (int(group[-1]) + 1) * BLOCK)
                self.outputs.put(start + begin, start + end, self._called([piece[begin:end] for piece in pieces]))

    def _last(self, start: int, pieces: list[Array], points: int) -> None:
        """The points after the last whole block: in a block of their own, filled up with points before them."""
        begin = points - points % BLOCK
        if points >= BLOCK:
            ends = [np.ascontiguousarray(piece[points - BLOCK :]) for piece in pieces]
            for way in self.ways:
                if not _played(way, self.outputs.whole, start + points - BLOCK, ends, np.zeros(1, dtype=np.int64))[0]:
                    return
        self.outputs.put(start + begin, start + points, self._called([piece[begin:] for piece in pieces]))


def _stores(tape: Tape, results: Sequence[Any], outputs: Outputs) -> tuple[Store, ...]:
    """Where each result goes; they must be of the kind of the plain function's."""
    stores: list[Store] = []
    for k, (result, whole) in enumerate(zip(results, outputs.whole, strict=True)):
        if k in outputs.twins:
            if result is not results[outputs.twins[k]]:
                raise NotTraceable("outputs that were one")
        elif not isinstance(whole, np.ndarray):
            if isinstance(result, (Traced, Columns)) or result != whole:
                raise NotTraceable("an output that was a number")
        elif isinstance(result, Columns):
            if whole.dtype != np.float64 or whole.shape[1:] != (len(result.values),):
                raise NotTraceable("columns")
            stores += [("column", _noted(tape, x, whole), k, len(result.values)) for x in result.values]
        elif whole.ndim == 1 and whole.dtype in (np.float64, np.bool_):
            stores.append(("real" if whole.dtype == np.float64 else "logical", _noted(tape, result, whole), k, 1))
        else:
            raise NotTraceable("an output of another kind")
    return tuple(stores)


def _noted(tape: Tape, result: Any, whole: Array) -> int:
    is_number = isinstance(result, (bool, int, float, np.bool_, np.integer, np.floating))
    if is_number:
        return tape.note("const", float(result))
    if not isinstance(result, Traced) or isinstance(result, TracedComplex):
        raise NotTraceable("a result")
    if result.is_logical != (whole.dtype == np.bool_):
        raise NotTraceable("a result of another kind")
    return result.node


def _played(way: _Way, whole: Sequence[Any], start: int, pieces: Sequence[Array], blocks: Array) -> Array:
    """Play a program to some blocks of a piece; which guard fails in each, 0 where all hold."""
    from qet.foundations.threads import thread_count

    failed = np.zeros(len(blocks), dtype=np.int64)
    moving = _moving(way, whole, start, pieces)
    count = min(thread_count(), len(blocks))
    turn = max(1, min(TURN, len(blocks) // (4 * count)))
    turns = iter(range(0, len(blocks), turn))

    def work() -> None:
        memory, addresses = _memory(way.made)
        for first in turns:
            here = slice(first, first + turn)
            run(way.code, addresses, moving, blocks[here], failed[here])
        del memory

    if count == 1:
        work()
    else:
        with ThreadPoolExecutor(count - 1) as pool:
            others = [pool.submit(work) for _ in range(count - 1)]
            work()
        for other in others:
            other.result()
    return failed


def _moving(way: _Way, whole: Sequence[Any], start: int, pieces: Sequence[Array]) -> Array:
    """Rows (slot, address, bytes a block) of inputs and outputs; each column of an output has a slot of its own."""
    first = len(way.made.constants)
    rows = [(first + k, pieces[i].ctypes.data, 8 * BLOCK) for k, i in enumerate(way.made.inputs)]
    first += len(rows)
    seen: dict[int, int] = {}
    for k, (_, _, output, columns) in enumerate(way.stores):
        column = seen[output] = seen.get(output, -1) + 1
        array = whole[output]
        size = array.itemsize * columns
        rows.append((first + k, array.ctypes.data + start * size + column * array.itemsize, BLOCK * size))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _memory(made: Program) -> tuple[Array, Array]:
    """The slots of constants and of what is in between, and the address of every slot."""
    moving = len(made.inputs) + made.outputs
    slots = len(made.constants) + moving + made.others + 1  # the last is for reductions
    memory = np.zeros((slots + 1) * STRIDE // 8)
    base = -(-memory.ctypes.data // 64) * 64
    offset = (base - memory.ctypes.data) // 8
    for k, value in enumerate(made.constants):
        memory[offset + k * STRIDE // 8 :][:BLOCK] = value
    return memory, base + STRIDE * np.arange(slots, dtype=np.int64)
