"""H times vectors, without H: strings of one flip at a time, in the form that is fastest for the space.

- In the whole space (or one that a parity has halved, see `spaces`) the bits are cut into high and low ones, and a
  vector is a matrix of the two. Strings on the high bits are one small sparse matrix from the left, those on the low
  bits one from the right, and every string of the high bits that crosses carries its own small sparse matrix. Nothing
  of the size of H is stored. With the extra `fast` a compiled kernel takes its place.
- On a list of labels (a sector of fixed magnetization) H is an explicit sparse matrix: the sector is small.

Vectors are columns, shape (d, b). Real strings act on pairs of real columns where a vector is complex; a complex H is a
real sum and i times another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qet.foundations.kernels import pauli_product
from qet.solvers.vectors.compiled import Compiled
from qet.solvers.vectors.strings import Strings, collected

Array = np.ndarray
Apply = Callable[[Array], Array]
_WORTH_COMPILED = 12  # bits from which the compiled kernel is taken


class Product:
    """H on columns.

    Attributes:
        d: Their length.
        dtype: float where H is real, else complex.
        count: How many columns have been multiplied so far.
    """

    def __init__(self, strings: Strings, labels: Array | None = None, *, is_compiled: bool | None = None) -> None:
        self.strings = strings
        self.dtype = strings.dtype
        self.d = strings.d if labels is None else len(labels)
        self.count = 0
        kernel = pauli_product() if is_compiled or (is_compiled is None and strings.n >= _WORTH_COMPILED) else None
        self._apply: Apply
        self._compiled: Compiled | None = None
        if labels is not None:
            self._apply = on_labels(strings, labels)
        elif kernel is not None:
            self._apply = self._compiled = Compiled(strings, kernel)
        elif strings.is_real:
            self._apply = in_two_halves(strings)
        else:
            self._apply = _complex(*map(in_two_halves, strings.parts))

    def __call__(self, x: Array) -> Array:
        """H x for x of shape (d, b); a complex x under a real H is taken as pairs of real columns."""
        self.count += x.shape[1]
        if self._compiled is not None:
            return self._compiled(np.ascontiguousarray(x, dtype=np.result_type(x, self.dtype)))
        if self.dtype is float and np.iscomplexobj(x):
            return _on_pairs(self._apply, x)
        return self._apply(np.ascontiguousarray(x, dtype=self.dtype))

    def rows(self, x: Array) -> Array:
        """H x for vectors as rows, shape (b, d), of H's own dtype."""
        if self._compiled is None:
            return np.ascontiguousarray(self(x.T).T)
        self.count += len(x)
        return self._compiled.rows(x)


def _on_pairs(apply: Apply, x: Array) -> Array:
    """A real product on complex columns."""
    return np.ascontiguousarray(apply(np.ascontiguousarray(x).view(float))).view(complex)


def _complex(real: Apply, imaginary: Apply) -> Apply:
    def apply(x: Array) -> Array:
        y = _on_pairs(imaginary, x)
        y *= 1j
        y += _on_pairs(real, x)
        return y

    return apply


def sparse_of(strings: Strings, labels: Array) -> Any:
    """H between some labels (ascending, closed under H) as a SciPy CSR matrix."""
    from scipy.sparse import csr_array

    size = len(labels)
    place = np.zeros(strings.d, dtype=np.int32)
    place[labels] = np.arange(size, dtype=np.int32)
    pieces = []
    for flip in strings.groups:
        entries = strings.diagonal(flip, labels)
        rows = np.flatnonzero(np.abs(entries) > 0.0)
        pieces.append((rows, place[labels[rows] ^ flip], entries[rows]))
    counts = np.zeros(size, dtype=np.int64)
    for rows, _, _ in pieces:
        counts[rows] += 1
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = np.empty(starts[-1], dtype=np.int32)
    values = np.empty(starts[-1], dtype=strings.dtype)
    free = starts[:-1].copy()
    for rows, at, entries in pieces:
        columns[free[rows]] = at
        values[free[rows]] = entries
        free[rows] += 1
    return csr_array((values, columns, starts.astype(np.int32) if starts[-1] < 2**31 else starts), shape=(size, size))


def on_labels(strings: Strings, labels: Array) -> Apply:
    """H as a sparse matrix on a list of labels."""
    matrix = sparse_of(strings, labels)
    return lambda x: np.asarray(matrix @ x)


def in_two_halves(strings: Strings) -> Apply:
    """Real strings on the matrix of high and low bits: Σ_A A ⊗ B_A over the strings A of the high bits."""
    n_low = strings.n // 2
    n_high = strings.n - n_low
    low_mask = 2**n_low - 1
    high: list[tuple[int, int, complex]] = []  # strings on the high bits alone
    crossing: dict[tuple[int, int], list[tuple[int, int, complex]]] = {}
    for flip, part in strings.groups.items():
        for signs, c in part.items():
            if not (flip | signs) & low_mask:
                high.append((flip >> n_low, signs >> n_low, c))
            else:
                key = (flip >> n_low, signs >> n_low)
                crossing.setdefault(key, []).append((flip & low_mask, signs & low_mask, c))
    d_low, d_high = 2**n_low, 2**n_high
    left = _small(n_high, high)
    rows = np.arange(d_high)
    others = []
    for (flip, signs), terms in crossing.items():
        sign = 1.0 - 2.0 * (np.bitwise_count(rows & signs) & 1)
        others.append((rows ^ flip, sign if signs else None, _small(n_low, terms)))

    def apply(x: Array) -> Array:
        b = x.shape[1]
        y = left @ x.reshape(d_high, d_low * b)
        if others:
            turned = np.ascontiguousarray(x.reshape(d_high, d_low, b).transpose(1, 0, 2))  # (low, high, b)
            total = np.zeros((d_low, d_high * b), dtype=x.dtype)
            for order, sign, matrix in others:
                moved = turned if order[0] == 0 else turned[:, order]
                moved = moved if sign is None else moved * sign[:, None]
                total += matrix @ moved.reshape(d_low, d_high * b)
            y = y.reshape(d_high, d_low, b) + total.reshape(d_low, d_high, b).transpose(1, 0, 2)
        return np.asarray(y).reshape(-1, b)

    return apply


def _small(n: int, terms: list[tuple[int, int, complex]]) -> Any:
    return sparse_of(collected(n, terms), np.arange(2**n))
