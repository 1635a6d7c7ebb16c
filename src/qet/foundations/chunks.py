"""Work through a large batch in pieces that stay in the cache.

A chain of elementwise operations on a million points moves every temporary through main
memory; on pieces of a few thousand points the temporaries stay in the L2 cache, and the same
chain runs several times faster. The pieces are flat, in the order of the broadcast shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray
SIZE = 8192  # points: some thirty temporaries of 64 KiB fit in 2 MiB of L2, and a NumPy call is amortized


def in_chunks(function: Callable[..., tuple[Any, ...]], *inputs: Any, size: int = SIZE) -> tuple[Any, ...]:
    """The function's outputs over a broadcast batch, computed piece by piece.

    Args:
        function: Takes one flat array (or number) an input and returns a tuple of outputs, each an
            array with the points on its first axis (trailing axes are free), or a number that
            holds for all points. Called with numbers alone where every input is one.
        inputs: Numbers or arrays that broadcast. Numbers stay numbers.
        size: Points a piece. A batch of at most twice as many goes through in one call.

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
    outputs: list[Any] = []
    for start, pieces in _pieces(arrays, shape, points, size):
        for i, piece in zip(places, pieces, strict=True):
            values[i] = piece
        results = function(*values)
        if not outputs:
            outputs = [r if _is_number(r) else np.empty((points, *np.shape(r)[1:]), np.asarray(r).dtype) for r in results]
        stop = start + len(pieces[0])
        for k, result in enumerate(results):
            if isinstance(outputs[k], np.ndarray):
                outputs[k][start:stop] = result
            elif not (_is_number(result) and result == outputs[k]):  # a number in the first piece, but not in all
                outputs[k] = np.full(points, outputs[k], np.result_type(outputs[k], result))
                outputs[k][start:stop] = result
    return tuple(o.reshape(*shape, *o.shape[1:]) if isinstance(o, np.ndarray) else o for o in outputs)


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
    flags = ["external_loop", "buffered", "zerosize_ok"]
    with np.nditer(arrays, flags, [["readonly", "contig"]] * len(arrays), order="C", buffersize=size) as pieces:  # type: ignore[arg-type]
        start = 0
        for piece in pieces:
            group = list(piece) if isinstance(piece, tuple) else [piece]
            yield start, group
            start += group[0].size
