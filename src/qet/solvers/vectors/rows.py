"""Overlaps and sums of long rows, a slice at a time and on every core.

Vectors are rows, shape (k, d). A slice of a few of them stays in the nearest cache while many others pass by once:
what limits these sums is how fast memory is read. The linear algebra of NumPy takes so few rows on one core; here each
core takes its part of the columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qet.solvers.vectors.cores import shared

Array = np.ndarray
_SLICE = 2**13  # entries of each row, at most
_SHORTEST = 2**6
_ONE_CORE = {"d": 2**18, "D": 2**15}  # multiplications that OpenBLAS leaves to one core: its threads wait busily
_WORTH_SHARING = 2**16  # entries of a row from which several cores are faster


def overlaps(known: Array, few: Array) -> Array:
    """<known_k|few_i>, shape (i, k)."""

    def sums(part: slice) -> Array:
        return np.asarray(few[:, part].conj() @ known[:, part].T)

    return sum(_on_slices(sums, known, len(few) * len(known)), start=np.zeros((), few.dtype)).conj()


def take_out(known: Array, few: Array, c: Array) -> None:
    """few_i -= Σ_k c_ik known_k, in place."""

    def subtract(part: slice) -> None:
        few[:, part] -= c @ known[:, part]

    _on_slices(subtract, known, c.size)


def combined(c: Array, known: Array, out: Array | None = None) -> Array:
    """Σ_k c_ik known_k; `out` may be the first of the known rows."""
    result = np.empty((len(c), known.shape[1]), dtype=known.dtype) if out is None else out

    def combine(part: slice) -> None:
        result[:, part] = c @ known[:, part]

    _on_slices(combine, known, c.size)
    return result


def _on_slices(work: Callable[[slice], Any], rows: Array, size: int) -> list[Any]:
    """Work on slices of the columns; each column takes `size` multiplications."""
    length = rows.shape[1]
    step = max(_SHORTEST, min(_SLICE, _ONE_CORE[rows.dtype.char] // max(size, 1)))

    def some(first: int, last: int) -> list[Any]:
        return [work(slice(k * step, (k + 1) * step)) for k in range(first, last)]

    count = -(-length // step)
    parts = [some(0, count)] if length < _WORTH_SHARING else shared(some, count)
    return [one for part in parts for one in part]
