"""Matrices in fixed-point arithmetic of any number of bits, multiplied by exact products of doubles.

A matrix with entries of at most 1 in size is held in slices, integers D_k kept as doubles,

    X = Σ_k D_k 2^{1 - β(k+1)},    |D_k| <= 2^{β-1}.

With 2β - 2 + log2(terms) <= 53 every product of slices, and the sum of all that share a weight, is an exact integer in
double precision, so that a product of matrices is a few ordinary ones. Numbers near zero have leading slices of zeros:
rounding them to doubles keeps all their digits.

Source: Ozaki, Ogita, Oishi, Rump, Numer. Algorithms 59, 95 (2012), for the idea of error-free slices; the fixed-point
form is written for this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
MANTISSA = 53  # bits of a double


@dataclass(frozen=True, eq=False)
class Sliced:
    """A matrix in slices.

    Attributes:
        slices: D_k, shape (count, n, m).
        width: β, bits a slice.
    """

    slices: Array
    width: int

    @property
    def bits(self) -> int:
        """The last bit has the weight 2^(1 - bits)."""
        return self.width * len(self.slices)

    @property
    def T(self) -> Sliced:
        """The transpose."""
        return Sliced(np.swapaxes(self.slices, -1, -2), self.width)

    def rounded(self) -> Array:
        """The nearest doubles, to full relative precision however small."""
        total = np.zeros(self.slices.shape[1:])
        for k in range(len(self.slices) - 1, -1, -1):
            total += np.ldexp(self.slices[k], 1 - self.width * (k + 1))
        return total

    def widened(self, width: int, count: int) -> Sliced:
        """The same matrix in slices of another width, cut or filled with zeros behind."""
        if width == self.width:
            slices = np.zeros((count, *self.slices.shape[1:]))
            kept = min(count, len(self.slices))
            slices[:kept] = self.slices[:kept]
            return Sliced(slices, width)
        total = Sliced(np.zeros((count, *self.slices.shape[1:])), width)
        for k, slice_ in enumerate(self.slices):
            part = sliced(np.ldexp(slice_, 1 - self.width * (k + 1)), width, count)
            total = total + part
        return total

    def __add__(self, other: Sliced) -> Sliced:
        return Sliced(_carried(self.slices + other.slices, self.width), self.width)

    def __sub__(self, other: Sliced) -> Sliced:
        return Sliced(_carried(self.slices - other.slices, self.width), self.width)

    def __matmul__(self, other: Sliced) -> Sliced:
        """The product to the bits of its factors; its entries must not exceed 1 in size."""
        left, right = self.slices, other.slices
        count = len(left)
        places = [(i, j) for i in _filled(left) for j in _filled(right)]
        out = np.zeros((count + 1, left.shape[-2], right.shape[-1]))
        for weight in range(1, count + 1):  # D_i E_j has twice the weight of slice i + j + 1; one more guards the last
            pairs = [(i, j) for i, j in places if i + j + 1 == weight]
            if pairs:
                row = np.concatenate([left[i] for i, _ in pairs], axis=-1)
                column = np.concatenate([right[j] for _, j in pairs], axis=-2)
                out[weight] = 2.0 * (row @ column)
        return Sliced(_carried(out, self.width)[:count], self.width)

    def gram(self) -> Sliced:
        """XᵀX: of every two products that are each other's transposes one is taken."""
        D = self.slices
        count, n = len(D), D.shape[-1]
        out = np.zeros((count + 1, n, n))
        for weight in range(1, count + 1):
            pairs = [(i, weight - 1 - i) for i in range(weight // 2)]
            if pairs:
                row = np.concatenate([D[i].T for i, _ in pairs], axis=-1)
                half = row @ np.concatenate([D[j] for _, j in pairs], axis=-2)
                out[weight] = 2.0 * (half + half.T)
            if weight % 2:
                middle = D[(weight - 1) // 2]
                out[weight] += 2.0 * (middle.T @ middle)
        return Sliced(_carried(out, self.width)[:count], self.width)

    def times_sparse(self, C: Array) -> Sliced:
        """CᵀX for a sparse matrix C of doubles; entries must not exceed 1 in size, here or there."""
        from scipy.sparse import csr_array

        count = len(self.slices)
        parts = sliced(C.T, self.width, count).slices
        out = np.zeros((count + 1, *self.slices.shape[1:]))
        for i in _filled(parts):
            part = csr_array(parts[i])
            for j in range(count - i):
                out[i + j + 1] += 2.0 * (part @ self.slices[j])
        return Sliced(_carried(out, self.width)[:count], self.width)

    def integers(self, rows: Array, columns: Array) -> Array:
        """A part of the matrix as Python integers, in units of 2^(1 - bits), shape (rows, columns)."""
        part = self.slices[:, rows[:, None], columns]
        total: Any = np.zeros(part.shape[1:], dtype=object)
        for slice_ in part:
            total = (total << self.width) + slice_.astype(np.int64).astype(object)
        return np.asarray(total)


def sliced(X: Array, width: int, count: int) -> Sliced:
    """A matrix of doubles with entries of at most 1, in slices; exact where they have enough bits."""
    rest = np.array(X, dtype=float)
    slices = np.zeros((count, *rest.shape))
    for k in range(count):
        weight = 1 - width * (k + 1)
        slices[k] = np.rint(np.ldexp(rest, -weight))
        rest -= np.ldexp(slices[k], weight)
    return Sliced(slices, width)


def layout(bits: int, order: int) -> tuple[int, int]:
    """(width, count) of the slices for at least so many bits and matrices of this order."""
    width = 26
    while True:
        count = -(-bits // width)
        if 2 * width - 1 + float(np.log2(order * (count + 1))) <= MANTISSA:
            return width, count
        width -= 1


def _filled(slices: Array) -> list[int]:
    return [k for k, slice_ in enumerate(slices) if slice_.any()]


def _carried(slices: Array, width: int) -> Array:
    """Digits of any size brought into |D| <= 2^(width - 1), from the last slice upward."""
    slices = slices.copy()
    unit = float(2**width)
    for k in range(len(slices) - 1, 0, -1):
        carry = np.rint(slices[k] / unit)
        slices[k] -= carry * unit
        slices[k - 1] += carry
    return slices
