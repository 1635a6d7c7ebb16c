"""Compiled twins of array code, by numba (the extra `fast`); each has a plain twin that the tests compare it with.

A function here compiles its kernel on first use, keeps it on disk where that can be written, and gives None where numba
is not installed: its caller then takes the plain way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray
TILE = 16  # rows of a transpose taken at once


def has_numba() -> bool:
    """Whether compiled kernels can be had."""
    return find_spec("numba") is not None


def compiled_on_disk(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """numba's `njit`; what it makes is kept on disk, or compiled anew in every process where nothing can be written."""
    from numba import njit

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            kernel: Callable[..., Any] = njit(cache=True, **options)(function)
        except RuntimeError:  # of numba's, which finds no directory to write to
            kernel = njit(**options)(function)
        return kernel

    return decorate


def compiled_here(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same for functions of a module that can be imported without numba; they then stay as they are."""
    return compiled_on_disk(**options) if has_numba() else lambda function: function


@cache
def pauli_product() -> Callable[..., None] | None:
    """A sum of Pauli strings on a flat vector; `solvers.vectors.compiled` says what it is given."""
    if not has_numba():
        return None
    from qet.foundations.pauli_kernel import product

    kernel: Callable[..., None] = product
    return kernel


@cache
def block_without_jumps() -> Callable[..., None] | None:
    """out = (QM)ᵀ - Q Mᵀ - lost M - M lost on a block; `solvers.chains.action.Compiled` says what it is given."""
    if not has_numba():
        return None

    @compiled_on_disk(fastmath={"contract"})
    def block(M, out, turned, tile, first, columns, values, lost):  # type: ignore[no-untyped-def] # pragma: no cover
        n = M.shape[0]
        for top in range(0, n, TILE):
            bottom = min(top + TILE, n)
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
        for top in range(0, n, TILE):
            bottom = min(top + TILE, n)
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

    kernel: Callable[..., None] = block
    return kernel


@cache
def block_transfer() -> Callable[..., None] | None:
    """out[rows, columns] += x M[from_rows, from_columns] + y Mᵀ[from_rows, from_columns], places as arrays."""
    if not has_numba():
        return None

    @compiled_on_disk(fastmath={"contract"})
    def transfer(M, out, rows, columns, from_rows, from_columns, x, y):  # type: ignore[no-untyped-def] # pragma: no cover
        for i in range(len(rows)):
            row, source = out[rows[i]], M[from_rows[i]]
            if x != 0.0:
                for j in range(len(columns)):
                    row[columns[j]] += x * source[from_columns[j]]
            if y != 0.0:
                for j in range(len(columns)):
                    row[columns[j]] += y * M[from_columns[j], from_rows[i]]

    kernel: Callable[..., None] = transfer
    return kernel
