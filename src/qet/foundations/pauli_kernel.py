"""The compiled product of a sum of Pauli strings with vectors; `solvers.vectors.compiled` says what it is given.

A vector is cut into tiles of 2^low rows that stay in the nearest cache. A string takes a tile to another one, in runs
of rows that stay side by side and keep their signs. Runs are short for strings that meet the lowest bits: these are
applied to the tile with its lowest `half` bits moved above the others. So a run is long enough for vector instructions
either way, for strings on neighboring sites.

A complex weight u + iv enters as two real ones: A += u x and B += v x, with A + iB formed once for a tile. Rows are
taken as real numbers side by side, `unit` of them: one for a real vector, two for a complex one, more for columns.

Three strings are applied at once: each reads its own source, and the sums are read and written once.

Without numba this module can be imported, and is not used.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from qet.foundations.kernels import compiled_here

TRIPLE = 3


@compiled_here(fastmath={"contract"})
def _add_real(a, x, y, z, w):  # pragma: no cover
    u, v, t = w[0, 0], w[1, 0], w[2, 0]
    for k in range(len(a)):
        a[k] += u * x[k] + v * y[k] + t * z[k]


@compiled_here(fastmath={"contract"})
def _add_complex(a, b, x, y, z, w):  # pragma: no cover
    u, v, t, iu, iv, it = w[0, 0], w[1, 0], w[2, 0], w[0, 1], w[1, 1], w[2, 1]
    for k in range(len(a)):
        a[k] += u * x[k] + v * y[k] + t * z[k]
        b[k] += iu * x[k] + iv * y[k] + it * z[k]


@compiled_here(fastmath={"contract"})
def _fold(A, B):  # pragma: no cover
    """A + iB, of pairs of real numbers."""
    for k in range(0, len(A), 2):
        A[k] -= B[k + 1]
        A[k + 1] += B[k]


@compiled_here()
def _turn(x, start, unit, low, half, source):  # pragma: no cover
    """A tile with its lowest bits above the others."""
    top = low - half
    for b in range(1 << half):
        for a in range(1 << top):
            p, q = ((b << top) + a) * unit, start + ((a << half) + b) * unit
            if unit == 1:
                source[p] = x[q]
            elif unit == 2:
                source[p] = x[q]
                source[p + 1] = x[q + 1]
            else:
                for k in range(unit):
                    source[p + k] = x[q + k]


@compiled_here()
def _turn_back(turned, A, unit, low, half):  # pragma: no cover
    """A += the tile turned back."""
    top = low - half
    for a in range(1 << top):
        for b in range(1 << half):
            p, q = ((a << half) + b) * unit, ((b << top) + a) * unit
            if unit == 1:
                A[p] += turned[q]
            elif unit == 2:
                A[p] += turned[q]
                A[p + 1] += turned[q + 1]
            else:
                for k in range(unit):
                    A[p + k] += turned[q + k]


@compiled_here(fastmath={"contract"})
def _set_weights(tile, sign, constants, tables, weights, table_weights):  # pragma: no cover
    """What the signs of the high bits make of the numbers and of the tables."""
    first, signs, numbers = constants
    for f in range(len(weights)):
        u, v = 0.0, 0.0
        for k in range(first[f], first[f + 1]):
            s = sign[tile & signs[k]]
            u += s * numbers[k, 0]
            v += s * numbers[k, 1]
        weights[f, 0] = u
        weights[f, 1] = v
    table_signs = tables[1]
    for k in range(len(table_weights)):
        table_weights[k] = sign[tile & table_signs[k]]


@compiled_here(fastmath={"contract"})
def _start(x, tile, unit, low, diagonal, A, B, turned_A, turned_B, is_complex):  # pragma: no cover
    """A = the diagonal part, and the other sums empty."""
    rows, here, row = 1 << low, tile * (unit << low), tile << low
    if unit == 1:
        for r in range(rows):
            A[r] = diagonal[row + r] * x[here + r]
    elif unit == 2:
        for r in range(rows):
            w = diagonal[row + r]
            A[2 * r] = w * x[here + 2 * r]
            A[2 * r + 1] = w * x[here + 2 * r + 1]
    else:
        for r in range(rows):
            w = diagonal[row + r]
            for k in range(r * unit, (r + 1) * unit):
                A[k] = w * x[here + k]
    turned_A[:] = 0.0
    if is_complex:
        B[:] = 0.0
        turned_B[:] = 0.0


@compiled_here(fastmath={"contract"})
def _add(source, A, B, tile, group, flips, tables, how):  # pragma: no cover
    """Three strings at a time, chunk by chunk of rows."""
    weights, table_weights, is_complex, unit, low = how
    begin, _, values = tables
    bits = group[4]
    run = unit << bits
    start = tile << low - bits
    w = np.empty((TRIPLE, 2))
    for c in range(1 << low - bits):
        a, b = A[c * run : (c + 1) * run], B[c * run : (c + 1) * run]
        for f in range(group[2], group[3], TRIPLE):
            for i in range(TRIPLE):
                u, v = weights[f + i, 0], weights[f + i, 1]
                for k in range(begin[f + i], begin[f + i + 1]):
                    u += table_weights[k] * values[k, c, 0]
                    v += table_weights[k] * values[k, c, 1]
                w[i, 0] = u
                w[i, 1] = v
            p, q, r = (
                ((start + c) ^ flips[f]) * run,
                ((start + c) ^ flips[f + 1]) * run,
                ((start + c) ^ flips[f + 2]) * run,
            )
            x, y, z = source[p : p + run], source[q : q + run], source[r : r + run]
            if is_complex:
                _add_complex(a, b, x, y, z, w)
            else:
                _add_real(a, x, y, z, w)


@compiled_here(nogil=True, fastmath={"contract"})
def product(x, y, first, last, unit, is_complex, low, half, diagonal, sign, groups, strings):  # pragma: no cover
    """y = H x on the tiles from `first` to `last`, both flat and real."""
    flips, constants, tables = strings
    size = unit << low
    scratch = np.zeros((5, size))
    A, B, turned_A, turned_B, source = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    weights, table_weights = np.empty((len(flips), 2)), np.empty(len(tables[1]))
    how = (weights, table_weights, is_complex, unit, low)
    for tile in range(first, last):
        _set_weights(tile, sign, constants, tables, weights, table_weights)
        _start(x, tile, unit, low, diagonal, A, B, turned_A, turned_B, is_complex)
        is_any_turned = False
        for g in range(len(groups)):
            if groups[g, 0]:
                is_any_turned = True
                _turn(x, (tile ^ groups[g, 1]) * size, unit, low, half, source)
                _add(source, turned_A, turned_B, 0, groups[g], flips, tables, how)
            else:
                _add(x, A, B, tile, groups[g], flips, tables, how)
        if is_complex:
            _fold(A, B)
        if is_any_turned:
            if is_complex:
                _fold(turned_A, turned_B)
            _turn_back(turned_A, A, unit, low, half)
        y[tile * size : (tile + 1) * size] = A
