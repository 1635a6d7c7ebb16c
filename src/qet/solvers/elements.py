"""Matrices over a batch as their elements: a dict of arrays over the points, without what vanishes by structure.

A few thousand small matrices with one pattern of zeros are handled as that many numbers at once: products visit only
what is there, and arithmetic on whole arrays needs no library of matrices. Elements are real arrays where they can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray
Place = tuple[int, int]
Elements = Mapping[Place, Any]  # (row, column) -> number or array of shape (points,)


def conjugate(value: Any) -> Any:
    """The complex conjugate; a real array itself."""
    return np.conj(value) if np.iscomplexobj(value) else value


def adjoint(matrix: Elements) -> dict[Place, Any]:
    """The conjugate transpose."""
    return {(j, i): conjugate(value) for (i, j), value in matrix.items()}


def product(left: Elements, right: Elements) -> dict[Place, Any]:
    """The matrix product."""
    by_row: dict[int, list[tuple[int, Any]]] = {}
    for (k, j), value in right.items():
        by_row.setdefault(k, []).append((j, value))
    total: dict[Place, Any] = {}
    for (i, k), value in left.items():
        for j, other in by_row.get(k, ()):
            add(total, (i, j), times(value, other))
    return total


def times(left: Any, right: Any) -> Any:
    """A product, in which the number one costs nothing."""
    if isinstance(left, float) and left == 1.0:
        return right
    if isinstance(right, float) and right == 1.0:
        return left
    return left * right


def add(total: dict[Place, Any], place: Place, value: Any) -> None:
    """Add to an element."""
    total[place] = total[place] + value if place in total else value


def largest(values: Iterable[Any]) -> Any:
    """The largest of several arrays, point by point."""
    total: Any = None
    for value in values:
        total = value if total is None else np.maximum(total, value)
    return total


def from_matrix(matrix: Array) -> dict[Place, Any]:
    """The elements of a matrix of shape (d, d) or (points, d, d); those that are zero at every point are left out."""
    if np.iscomplexobj(matrix) and not np.any(matrix.imag):
        matrix = matrix.real
    d = matrix.shape[-1]
    found: dict[Place, Any] = {}
    for i in range(d):
        for j in range(d):
            value = matrix[..., i, j]
            if np.any(value):
                found[i, j] = value.item() if value.ndim == 0 else np.ascontiguousarray(value)
    return found
