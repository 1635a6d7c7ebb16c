"""Compiled twins of array code, by numba (the extra `fast`); each has a plain twin that the tests compare it with.

A function here compiles its kernel on first use, keeps it on disk, and gives None where numba is not installed: its
caller then takes the plain way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np

Array = np.ndarray


def has_numba() -> bool:
    """Whether compiled kernels can be had."""
    return find_spec("numba") is not None


@cache
def pauli_product() -> Callable[..., None] | None:
    """A sum of Pauli strings on columns; `solvers.vectors.product.compiled` says what it is given.

    The rows come in blocks that differ in their low bits alone. A flip takes one block to another, in runs of rows
    that stay side by side.
    """
    if not has_numba():
        return None
    from numba import njit, prange

    @njit(cache=True, parallel=True, fastmath={"contract"})  # type: ignore[untyped-decorator,unused-ignore]
    def product(x, y, low, sign, flips, first, number_signs, numbers, begin, table_signs, tables):  # type: ignore[no-untyped-def] # pragma: no cover
        width = x.shape[1]
        size = width << low
        flat_x, flat_y = x.reshape(-1), y.reshape(-1)
        for high in prange(x.shape[0] >> low):
            out = np.zeros(size, dtype=x.dtype)
            row = np.empty(size, dtype=tables.dtype)
            for f in range(len(flips)):
                c = 0.0 * numbers[0]
                for k in range(first[f], first[f + 1]):
                    c += sign[high & number_signs[k]] * numbers[k]
                source, flip = (high ^ flips[f, 0]) * size, flips[f, 1]
                run = (flip & -flip) * width if flip else size
                is_one_number = begin[f] == begin[f + 1]
                if is_one_number and run >= 8:
                    for start in range(0, size, run):
                        there = source + (start // width ^ flip) * width
                        for k in range(run):
                            out[start + k] += c * flat_x[there + k]
                    continue
                row[:] = c
                for k in range(begin[f], begin[f + 1]):
                    row += sign[high & table_signs[k]] * tables[k]
                if run >= 8:
                    for start in range(0, size, run):
                        there = source + (start // width ^ flip) * width
                        for k in range(run):
                            out[start + k] += row[start + k] * flat_x[there + k]
                else:
                    for r in range(size // width):
                        there = source + (r ^ flip) * width
                        for b in range(width):
                            out[r * width + b] += row[r * width + b] * flat_x[there + b]
            flat_y[high * size : (high + 1) * size] = out

    kernel: Callable[..., None] = product
    return kernel
