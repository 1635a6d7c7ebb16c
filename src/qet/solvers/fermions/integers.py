"""Determinants and Pfaffians of integer matrices in fixed-point arithmetic, to as many bits as the integers have.

Entries are Python integers in units of 2^-bits. Elimination with pivots multiplies and shifts integers: an
absolute error of a few units an operation, so a determinant that is tiny because one direction nearly vanishes has it
in its last pivot alone. A hundred rows take a few hundredths of a second.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

Array = np.ndarray


def determinant(matrix: Array, bits: int) -> Fraction:
    """det of a square matrix of integers in units of 2^-bits, by elimination with row pivots.

    Example:
        >>> half = 1 << 49
        >>> print(determinant(np.array([[half, 0], [half, half]], dtype=object), 50))
        1/4
    """
    a = matrix.copy()
    n, sign = len(a), 1
    for k in range(n):
        best = k + int(np.argmax(np.abs(a[k:, k])))
        if a[best, k] == 0:
            return Fraction(0)
        if best != k:
            a[[k, best]] = a[[best, k]]
            sign = -sign
        factor = (a[k + 1 :, k] << bits) // a[k, k]
        a[k + 1 :, k + 1 :] -= (factor[:, None] * a[k, k + 1 :]) >> bits
    return sign * _product([int(a[k, k]) for k in range(n)], bits)


def pfaffian_of_integers(matrix: Array, bits: int) -> Fraction:
    """Pf of an antisymmetric matrix of integers in units of 2^-bits, by elimination two rows at a time (Parlett–Reid).

    Example:
        >>> one = 1 << 50
        >>> rows = [[0, 2, 3, 4], [-2, 0, 5, 6], [-3, -5, 0, 7], [-4, -6, -7, 0]]
        >>> print(pfaffian_of_integers(np.array(rows, dtype=object) * one, 50))  # 2·7 - 3·6 + 4·5
        16
    """
    a = matrix.copy()
    n, sign, pivots = len(a), 1, []
    for k in range(0, n, 2):
        best = k + 1 + int(np.argmax(np.abs(a[k, k + 1 :])))
        if a[k, best] == 0:
            return Fraction(0)
        if best != k + 1:
            a[[k + 1, best]] = a[[best, k + 1]]
            a[:, [k + 1, best]] = a[:, [best, k + 1]]
            sign = -sign
        pivot = a[k, k + 1]
        pivots.append(int(pivot))
        factor, row = (a[k, k + 2 :] << bits) // pivot, a[k + 1, k + 2 :]
        outer = (factor[:, None] * row) >> bits
        a[k + 2 :, k + 2 :] -= outer - outer.T
    return sign * _product(pivots, bits)


def _product(pivots: list[int], bits: int) -> Fraction:
    """Π p 2^-bits, rounded to 2 · bits on the way."""
    value, shift = 1, 0
    for pivot in pivots:
        value *= pivot
        shift += bits
        excess = value.bit_length() - 2 * bits
        if excess > 0:
            value >>= excess
            shift -= excess
    return Fraction(value, 1 << shift) if shift >= 0 else Fraction(value << -shift)
