"""Compiled twins of array code, by numba (the extra `fast`); each has a plain twin that the tests compare it with.

A function here compiles its kernel on first use, keeps it on disk, and gives None where numba is not installed: its
caller then takes the plain way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray


def has_numba() -> bool:
    """Whether compiled kernels can be had."""
    return find_spec("numba") is not None


@cache
def pauli_product() -> Callable[..., None] | None:
    """A sum of Pauli strings on columns: see `solvers.vectors.product.compiled` for what it is given."""
    if not has_numba():
        return None
    import numba

    sign = numba.njit(cache=True)(_is_odd)
    add_one, add_row = (numba.njit(cache=True, fastmath={"contract"})(add) for add in (_add_one, _add_row))
    compiled: Any = numba.njit(cache=True, parallel=True)(_pauli_product(sign, add_one, add_row, numba.prange))
    return compiled  # type: ignore[no-any-return]


def _is_odd(bits: int) -> bool:
    """Whether an odd number of bits is set."""
    odd = False
    while bits:
        odd = not odd
        bits &= bits - 1
    return odd


def _add_one(out: Array, c: complex, x: Array, flip: int, width: int) -> None:
    """out[r] += c x[r ^ flip] for rows of `width` numbers, all flat; in runs where the flip leaves them whole."""
    run = (flip & -flip) * width if flip else len(out)
    if run >= 8:
        for start in range(0, len(out), run):
            source = (start // width ^ flip) * width
            for k in range(run):
                out[start + k] += c * x[source + k]
    elif width == 2:
        for r in range(len(out) // 2):
            source = (r ^ flip) * 2
            out[2 * r] += c * x[source]
            out[2 * r + 1] += c * x[source + 1]
    else:
        for r in range(len(out) // width):
            source = (r ^ flip) * width
            for b in range(width):
                out[r * width + b] += c * x[source + b]


def _add_row(out: Array, row: Array, x: Array, flip: int, width: int) -> None:
    """The same with a number for each row."""
    run = (flip & -flip) * width if flip else len(out)
    if run >= 8:
        for start in range(0, len(out), run):
            source = (start // width ^ flip) * width
            for k in range(run):
                out[start + k] += row[start + k] * x[source + k]
    elif width == 2:
        for r in range(len(out) // 2):
            source = (r ^ flip) * 2
            out[2 * r] += row[2 * r] * x[source]
            out[2 * r + 1] += row[2 * r + 1] * x[source + 1]
    else:
        for r in range(len(out) // width):
            source = (r ^ flip) * width
            for b in range(width):
                out[r * width + b] += row[r * width + b] * x[source + b]


def _pauli_product(is_odd: Any, add_one: Any, add_row: Any, blocks: Any) -> Callable[..., None]:
    """The kernel, with the pieces that it calls."""

    def product(
        x: Array,
        y: Array,
        low: int,
        flips: Array,
        first: Array,
        number_signs: Array,
        numbers: Array,
        begin: Array,
        table_signs: Array,
        tables: Array,
    ) -> None:
        width = x.shape[1]
        size = width << low
        flat_x, flat_y = x.reshape(-1), y.reshape(-1)
        for high in blocks(x.shape[0] >> low):
            out = np.zeros(size, dtype=x.dtype)
            row = np.empty(size, dtype=tables.dtype)
            for f in range(len(flips)):
                c = numbers.dtype.type(0.0)
                for k in range(first[f], first[f + 1]):
                    c += -numbers[k] if is_odd(high & number_signs[k]) else numbers[k]
                source = (high ^ flips[f, 0]) * size
                part = flat_x[source : source + size]
                if begin[f] == begin[f + 1]:
                    add_one(out, c, part, flips[f, 1], width)
                    continue
                row[:] = c
                for k in range(begin[f], begin[f + 1]):
                    if is_odd(high & table_signs[k]):
                        row -= tables[k]
                    else:
                        row += tables[k]
                add_row(out, row, part, flips[f, 1], width)
            flat_y[high * size : (high + 1) * size] = out

    return product
