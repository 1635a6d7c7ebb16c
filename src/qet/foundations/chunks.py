"""Work through a large batch in pieces that stay in the cache.

A chain of elementwise operations on a million points moves every temporary through main
memory; on pieces of a few thousand points the temporaries stay in the L2 cache, and the same
chain runs several times faster. The pieces are flat, in the order of the broadcast shape.

With numba installed (the extra `fast`) what is arithmetic point by point goes through a compiled program from `LARGE`
points on; see `blocks`. A smaller batch never loads numba.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray
SIZE = 8192  # points: some thirty temporaries of 64 KiB fit in 2 MiB of L2, and a NumPy call is amortized
LARGE = 1 << 16  # points from which a compiled program is used, where numba is installed
COMPILED_SIZE = 1 << 18  # points of a piece that is then handed to all threads


def is_played(*inputs: Any) -> bool:
    """Whether arithmetic on these numbers and arrays, which broadcast, goes through a compiled program."""
    points = int(np.prod(np.broadcast_shapes(*(np.shape(x) for x in inputs))))
    return points >= LARGE and find_spec("numba") is not None


def in_chunks(
    function: Callable[..., tuple[Any, ...]], *inputs: Any, size: int = SIZE, is_elementwise: bool = False
) -> tuple[Any, ...]:
    """The function's outputs over a broadcast batch, computed piece by piece.

    Args:
        function: Takes one flat array (or number) an input and returns a tuple of outputs, each an
            array with the points on its first axis (trailing axes are free), or a number that
            holds for all points. Called with numbers alone where every input is one.
        inputs: Numbers or arrays that broadcast. Numbers stay numbers.
        size: Points a piece. A batch of at most twice as many goes through in one call.
        is_elementwise: The function does nothing but arithmetic point by point, and changes nothing outside; a
            reduction over the piece at most chooses between ways that are right for all its points. It may then be
            compiled.

    Returns:
        One array an output, of the broadcast shape and the output's trailing axes; numbers stay numbers.
    """
    values = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
    places = [i for i, x in enumerate(values) if np.ndim(x)]
    if not places:
        return tuple(function(*values))
    arrays = [np.asarray(values[i]) for i in places]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    points = int(np.prod(shape))
    if points <= 2 * size:
        size = max(points, 1)
    outputs = Outputs(points)
    if is_elementwise and is_played(*arrays):
        from qet.foundations.blocks import Player

        play = Player(function, values, places, outputs).play
        size = COMPILED_SIZE
    else:

        def play(start: int, pieces: list[Array]) -> None:
            for i, piece in zip(places, pieces, strict=True):
                values[i] = piece
            outputs.put(start, start + len(pieces[0]), function(*values))

    for start, pieces in _pieces(arrays, shape, points, size):
        play(start, pieces)
    return tuple(o.reshape(*shape, *o.shape[1:]) if isinstance(o, np.ndarray) else o for o in outputs.whole)


class Outputs:
    """Whole outputs, filled piece by piece.

    What is a number in every piece stays a number, and outputs that are one object in every piece share memory.
    """

    def __init__(self, points: int) -> None:
        self.points = points
        self.whole: list[Any] = []
        self.twins: dict[int, int] = {}  # output -> the earlier one that it is

    def put(self, start: int, stop: int, results: tuple[Any, ...]) -> None:
        """Take one piece's results."""
        if not self.whole:
            self._open(results)
        if len(results) != len(self.whole):
            raise ValueError(f"a piece gave {len(results)} outputs, the first one {len(self.whole)}")
        for k, result in enumerate(results):
            whole = self.whole[k]
            if k in self.twins:
                if result is results[self.twins[k]]:
                    continue
                del self.twins[k]
                self.whole[k] = whole = whole.copy()
            if not isinstance(whole, np.ndarray):
                if _is_number(result) and result == whole:
                    continue
                self.whole[k] = whole = np.full(self.points, whole, np.result_type(whole, result))
            whole[start:stop] = result

    def _open(self, results: tuple[Any, ...]) -> None:
        first: dict[int, int] = {}
        for k, result in enumerate(results):
            if _is_number(result):
                self.whole.append(result)
            elif id(result) in first:
                self.twins[k] = first[id(result)]
                self.whole.append(self.whole[self.twins[k]])
            else:
                first[id(result)] = k
                self.whole.append(np.empty((self.points, *np.shape(result)[1:]), np.asarray(result).dtype))


def _is_number(value: Any) -> bool:
    return np.ndim(value) == 0


def _pieces(arrays: list[Array], shape: tuple[int, ...], points: int, size: int) -> Iterator[tuple[int, list[Array]]]:
    """(first point, one flat piece an array): views where the arrays allow it."""
    if all(a.shape == shape and a.flags.c_contiguous for a in arrays):
        flat = [a.reshape(-1) for a in arrays]
        for start in range(0, max(points, 1), size):
            yield start, [a[start : start + size] for a in flat]
        return
    if points <= size:
        yield 0, [np.broadcast_to(a, shape).reshape(-1) for a in arrays]
        return
    # Broadcast axes: a buffered iterator copies each piece, and no input is ever expanded whole.
    flags: list[Any] = ["external_loop", "buffered", "zerosize_ok"]
    reading: list[list[Any]] = [["readonly", "contig"] for _ in arrays]
    with np.nditer(arrays, flags, reading, order="C", buffersize=size) as pieces:
        start = 0
        for piece in pieces:
            group = list(piece) if isinstance(piece, tuple) else [piece]
            yield start, group
            start += group[0].size
