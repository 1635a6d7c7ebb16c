"""Compiled twins, by numba (the extra `fast`), of what the generator of a driven chain does to one block.

Each function gives None where numba is not installed: the caller then takes the plain way, which the tests compare.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray
_TILE = 16  # rows of a tile of a transpose: a line of the cache or two


@cache
def without_jumps_kernel() -> Callable[..., None] | None:
    """out = (QM)ᵀ - Q Mᵀ - lost M - M lost, with Q given as CSR, M and out square and apart, two square buffers."""
    if find_spec("numba") is None:
        return None
    import numba

    compiled: Any = numba.njit(cache=True, fastmath={"contract"})(_without_jumps)
    return compiled


@cache
def transfer_kernel() -> Callable[..., None] | None:
    """out[rows, columns] += x M[from_rows, from_columns] + y Mᵀ[from_rows, from_columns]."""
    if find_spec("numba") is None:
        return None
    import numba

    compiled: Any = numba.njit(cache=True, fastmath={"contract"})(_transfer)
    return compiled


def _without_jumps(
    M: Array, out: Array, turned: Array, tile: Array, first: Array, columns: Array, values: Array, lost: Array
) -> None:
    n = M.shape[0]
    for top in range(0, n, _TILE):
        bottom = min(top + _TILE, n)
        for c in range(n):
            for r in range(top, bottom):
                turned[c, r] = M[r, c]
    for r in range(n):
        row, leaving = out[r], lost[r]
        for c in range(n):
            row[c] = -(leaving + lost[c]) * M[r, c]
        for k in range(first[r], first[r + 1]):
            q, source = values[k], turned[columns[k]]
            for c in range(n):
                row[c] -= q * source[c]
    for top in range(0, n, _TILE):
        bottom = min(top + _TILE, n)
        for r in range(top, bottom):
            line = tile[r - top]
            line[:] = 0.0
            for k in range(first[r], first[r + 1]):
                q, source = values[k], M[columns[k]]
                for c in range(n):
                    line[c] += q * source[c]
        for c in range(n):
            for r in range(top, bottom):
                out[c, r] += tile[r - top, c]


def _transfer(
    M: Array, out: Array, rows: Array, columns: Array, from_rows: Array, from_columns: Array, x: float, y: float
) -> None:
    for i in range(len(rows)):
        row, source = out[rows[i]], M[from_rows[i]]
        if x != 0.0:
            for j in range(len(columns)):
                row[columns[j]] += x * source[from_columns[j]]
        if y != 0.0:
            for j in range(len(columns)):
                row[columns[j]] += y * M[from_columns[j], from_rows[i]]
