"""The compiled player of tapes (extra `fast`): one numba function for every program; none is compiled for a model.

A program is a list of operations on slots; a slot is a row of `BLOCK` numbers that stays in the cache. `run` plays a
program to one block of points after the other. Its twin in Python is the function that the tape was recorded from.

Arithmetic, square roots and comparisons are IEEE's, in the order of the tape, never contracted: they give NumPy's bits.
exp, expm1 and tanh are written out, so that they are vectorized; they are within 2 units in the last place.

    exp(x) = 2^k e^r,  k = round(x / ln 2),  |r| <= ln(2)/2,  e^r - 1 by its series to r^13

This file needs numba; it is imported by `blocks` alone, and only for large batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, float64, int64, types, uint8  # type: ignore[attr-defined]
from numba.extending import intrinsic

from qet.foundations.kernels import compiled_on_disk

Array = np.ndarray
Kernel = Callable[..., Any]
BLOCK = 256  # points; the forty slots of two kilobytes of a usual program stay near the first cache
LANES = 8  # points a number of the whole block is kept for
OPERATIONS = (
    *("add", "subtract", "multiply", "divide", "multiply_add", "multiply_subtract", "subtract_product"),
    *("negative", "absolute", "sqrt", "maximum", "minimum", "sign", "copysign", "where", "copy"),
    *("less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not", "isnan", "isfinite"),
    *("exp", "expm1", "tanh", "log", "hypot", "power"),
    *("min", "max", "any", "all", "fill", "store_logical", "store_column", "guard"),
)
CODE = {name: number for number, name in enumerate(OPERATIONS)}
ROUND = 6755399441055744.0  # 1.5·2^52: added to a small number it leaves the integer in the last bits
LOG2E, LN2, LN2_REST = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """`compiled_on_disk` with IEEE's division by zero, and without Python's lock."""
    return compiled_on_disk(error_model="numpy", nogil=True, **options)


def _made(function: Kernel) -> Kernel:
    made: Kernel = intrinsic(function)
    return made


@_made
def _pointer(context, address):  # type: ignore[no-untyped-def]
    """An address as a pointer to numbers."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(float64)(int64), generate  # type: ignore[no-untyped-call]


@_made
def _byte_pointer(context, address):  # type: ignore[no-untyped-def]
    """An address as a pointer to bytes."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(uint8)(int64), generate  # type: ignore[no-untyped-call]


@_made
def _bits(context, x):  # type: ignore[no-untyped-def]
    """The bits of a number as an integer."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], context.get_value_type(int64))

    return int64(float64), generate


@_made
def _number(context, bits):  # type: ignore[no-untyped-def]
    """The number with these bits."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], context.get_value_type(float64))

    return float64(int64), generate


@compiled(inline="always")
def _row(address, n):  # type: ignore[no-untyped-def]
    return carray(_pointer(address), (n,))


@compiled()
def _arithmetic(op, n, d, x, y, z):  # type: ignore[no-untyped-def]
    if op == 0:
        for i in range(n):
            d[i] = x[i] + y[i]
    elif op == 1:
        for i in range(n):
            d[i] = x[i] - y[i]
    elif op == 2:
        for i in range(n):
            d[i] = x[i] * y[i]
    elif op == 3:
        for i in range(n):
            d[i] = x[i] / y[i]
    elif op == 4:
        for i in range(n):
            d[i] = x[i] * y[i] + z[i]
    elif op == 5:
        for i in range(n):
            d[i] = x[i] * y[i] - z[i]
    else:
        for i in range(n):
            d[i] = z[i] - x[i] * y[i]


@compiled()
def _selection(op, n, d, x, y, z):  # type: ignore[no-untyped-def]
    if op == 7:
        for i in range(n):
            d[i] = -x[i]
    elif op == 8:
        for i in range(n):
            d[i] = abs(x[i])
    elif op == 9:
        for i in range(n):
            d[i] = math.sqrt(x[i])
    elif op == 10:
        for i in range(n):
            d[i] = x[i] if (x[i] >= y[i]) | (x[i] != x[i]) else y[i]
    elif op == 11:
        for i in range(n):
            d[i] = x[i] if (x[i] <= y[i]) | (x[i] != x[i]) else y[i]
    elif op == 12:
        for i in range(n):
            d[i] = (1.0 if x[i] > 0.0 else 0.0) - (1.0 if x[i] < 0.0 else 0.0) if x[i] == x[i] else x[i]
    elif op == 13:
        for i in range(n):
            d[i] = math.copysign(x[i], y[i])
    elif op == 14:
        for i in range(n):
            d[i] = y[i] if x[i] != 0.0 else z[i]
    else:
        for i in range(n):
            d[i] = x[i]


@compiled()
def _comparison(op, n, d, x, y):  # type: ignore[no-untyped-def]
    if op == 16:
        for i in range(n):
            d[i] = 1.0 if x[i] < y[i] else 0.0
    elif op == 17:
        for i in range(n):
            d[i] = 1.0 if x[i] <= y[i] else 0.0
    elif op == 18:
        for i in range(n):
            d[i] = 1.0 if x[i] == y[i] else 0.0
    elif op == 19:
        for i in range(n):
            d[i] = 1.0 if x[i] != y[i] else 0.0
    elif op == 20:
        for i in range(n):
            d[i] = 1.0 if (x[i] != 0.0) & (y[i] != 0.0) else 0.0
    elif op == 21:
        for i in range(n):
            d[i] = 1.0 if (x[i] != 0.0) | (y[i] != 0.0) else 0.0
    elif op == 22:
        for i in range(n):
            d[i] = 1.0 if x[i] == 0.0 else 0.0
    elif op == 23:
        for i in range(n):
            d[i] = 1.0 if x[i] != x[i] else 0.0
    else:
        for i in range(n):
            d[i] = 1.0 if abs(x[i]) < math.inf else 0.0


@compiled(inline="always")
def _series(r):  # type: ignore[no-untyped-def]
    """e^r - 1 for |r| <= 0.35."""
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    return p * (r * r) + r


@compiled(inline="always")
def _below(x):  # type: ignore[no-untyped-def]
    """e^x - 1 for -700 <= x <= 700; a NaN stays one."""
    shifted = x * LOG2E + ROUND
    k = shifted - ROUND
    r = (x - k * LN2) - k * LN2_REST
    power = _number((_bits(shifted) << 52) + (1023 << 52))
    return power * _series(r) + (power - 1.0)


@compiled()
def _exponential(op, n, d, x):  # type: ignore[no-untyped-def]
    if op < 27:
        for i in range(n):
            v = min(max(x[i], -750.0), 750.0)
            shifted = v * (0.5 * LOG2E) + ROUND  # the power of two in two steps: it may overflow, or be subnormal
            twice = 2.0 * (shifted - ROUND)
            rest = _below((v - twice * LN2) - twice * LN2_REST)
            bits = _bits(shifted) << 52
            power = _number((1023 << 52) + bits)
            less = 0.0 if op == 25 else _number((1023 << 52) - bits)
            found = (power * rest + (power - less)) * power
            found = x[i] if (op == 26) & (abs(x[i]) < 1e-300) else found
            d[i] = found if x[i] == x[i] else x[i]
    else:
        for i in range(n):
            t = _below(max(-2.0 * abs(x[i]), -100.0))
            found = math.copysign(t / (t + 2.0), x[i])
            d[i] = found if x[i] == x[i] else x[i]


@compiled()
def _rare(op, n, d, x, y):  # type: ignore[no-untyped-def]
    if op == 28:
        for i in range(n):
            d[i] = math.log(x[i]) if x[i] > 0.0 else (-math.inf if x[i] == 0.0 else math.nan)
    elif op == 29:
        for i in range(n):
            d[i] = math.hypot(x[i], y[i])
    else:
        for i in range(n):
            d[i] = x[i] ** y[i]


@compiled()
def _halved(op, n, d, x, y):  # type: ignore[no-untyped-def]
    if op == 31:
        for i in range(n):
            d[i] = x[i] if (x[i] <= y[i]) | (x[i] != x[i]) else y[i]
    else:
        for i in range(n):
            d[i] = x[i] if (x[i] >= y[i]) | (x[i] != x[i]) else y[i]


@compiled()
def _extreme(op, d, x, half):  # type: ignore[no-untyped-def]
    """The least or greatest of the row at x in each lane of d, a NaN before all; `half`: a free row."""
    n = BLOCK // 2
    _halved(op, n, _row(half, n), _row(x, n), _row(x + 8 * n, n))
    while n > LANES:  # each half is written behind the one it comes from, so that they do not overlap
        n //= 2
        _halved(op, n, _row(half + 16 * n, n), _row(half, n), _row(half + 8 * n, n))
        half += 16 * n
    last = _row(half, LANES)
    found = last[0]
    for j in range(1, LANES):
        is_first = (found <= last[j]) if op == 31 else (found >= last[j])
        found = found if is_first | (found != found) else last[j]
    for j in range(LANES):
        d[j] = found


@compiled()
def _count(n, x):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(n):
        count += 1 if x[i] != 0.0 else 0
    return count


@compiled()
def _other(op, addresses, target, source, c):  # type: ignore[no-untyped-def]
    d, x = _row(addresses[target], BLOCK), _row(addresses[source], BLOCK)
    if op <= 32:
        _extreme(op, d, addresses[source], addresses[len(addresses) - 1])
    elif op <= 34:
        count = _count(BLOCK, x)
        found = 1.0 if (count > 0 if op == 33 else count == BLOCK) else 0.0
        for j in range(LANES):
            d[j] = found
    elif op == 35:
        for i in range(BLOCK):
            d[i] = x[0]
    elif op == 36:
        flags = carray(_byte_pointer(addresses[target]), (BLOCK,))
        for i in range(BLOCK):
            flags[i] = 1 if x[i] != 0.0 else 0
    else:
        wide = _row(addresses[target], BLOCK * c)
        for i in range(BLOCK):
            wide[i * c] = x[i]


@compiled()
def _play(code, addresses):  # type: ignore[no-untyped-def]
    """One block; 0, or the number of the guard that fails, counted from 1."""
    for k in range(len(code)):
        op, n = code[k, 0], code[k, 1]
        x = _row(addresses[code[k, 3]], BLOCK)
        if op == 38:
            if (x[0] != 0.0) != (code[k, 2] != 0):
                return k + 1
            continue
        d = _row(addresses[code[k, 2]], BLOCK)
        if op < 16:
            y, z = _row(addresses[code[k, 4]], BLOCK), _row(addresses[code[k, 5]], BLOCK)
            if op < 7:
                _arithmetic(op, n, d, x, y, z)
            else:
                _selection(op, n, d, x, y, z)
        elif op < 25:
            _comparison(op, n, d, x, _row(addresses[code[k, 4]], BLOCK))
        elif op < 28:
            _exponential(op, n, d, x)
        elif op < 31:
            _rare(op, n, d, x, _row(addresses[code[k, 4]], BLOCK))
        else:
            _other(op, addresses, code[k, 2], code[k, 3], code[k, 5])
    return 0


@compiled()
def run(code, addresses, moving, blocks, failed):  # type: ignore[no-untyped-def]
    """Play a program to blocks of points.

    Args:
        code: A row an operation: its number, how many points it takes, the slot it fills and three that it reads.
        addresses: Where each slot is, the last for reductions.
        moving: Rows (slot, address, bytes a block) of the slots that go along with the points.
        blocks: The numbers of the blocks.
        failed: Filled: which guard fails in each, 0 for none.
    """
    for b in range(len(blocks)):
        for m in range(len(moving)):
            addresses[moving[m, 0]] = moving[m, 1] + blocks[b] * moving[m, 2]
        failed[b] = _play(code, addresses)
