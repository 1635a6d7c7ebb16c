"""Overlaps and sums of long rows, a slice at a time and on every core.

Vectors are rows, shape (k, d). A slice of a few of them stays in the nearest cache while many others pass by once:
what limits these sums is how fast memory is read. The linear algebra of NumPy takes so few rows on one core; here each
core takes its part of the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qet.solvers.vectors.cores import shared

Array = np.ndarray
_SLICE = 2**13  # entries of each row
_WORTH_SHARING = 2**16  # entries of a row from which several cores are faster


def overlaps(known: Array, few: Array) -> Array:
    """<known_k|few_i>, shape (i, k)."""

    def sums(first: int, last: int) -> Array:
        out = np.zeros((len(few), len(known)), dtype=few.dtype)
        for part in _slices(first, last):
            out += few[:, part].conj() @ known[:, part].T
        return out

    total: Array = sum(_on_slices(sums, known.shape[1]), start=np.zeros((), dtype=few.dtype))
    return total.conj()


def take_out(known: Array, few: Array, c: Array) -> None:
    """few_i -= Σ_k c_ik known_k, in place."""

    def subtract(first: int, last: int) -> None:
        for part in _slices(first, last):
            few[:, part] -= c @ known[:, part]

    _on_slices(subtract, known.shape[1])


def combined(c: Array, known: Array, out: Array | None = None) -> Array:
    """Σ_k c_ik known_k; `out` may be the first of the known rows."""
    result = np.empty((len(c), known.shape[1]), dtype=known.dtype) if out is None else out

    def combine(first: int, last: int) -> None:
        for part in _slices(first, last):
            result[:, part] = c @ known[:, part]

    _on_slices(combine, known.shape[1])
    return result


def _on_slices(work: Any, length: int) -> list[Any]:
    count = -(-length // _SLICE)
    return [work(0, count)] if length < _WORTH_SHARING else shared(work, count)


def _slices(first: int, last: int) -> Iterator[slice]:
    return (slice(k * _SLICE, (k + 1) * _SLICE) for k in range(first, last))
