"""A number, the range of a batch of them, or an amount of memory, as the printed records spell it."""

from __future__ import annotations

from typing import Any

import numpy as np


def spelled(value: Any, digits: int = 6, range_digits: int = 4) -> str:
    """A number with some significant digits; of a batch the range of its finite values; "no points" for none.

    Example:
        >>> spelled(1 / 3), spelled([0.25, float("nan"), 0.5]), spelled([])
        ('0.333333', '0.25 .. 0.5', 'no points')
    """
    array = np.asarray(value, dtype=float) + 0.0  # no negative zeros
    if array.ndim == 0:
        return f"{float(array):.{digits}g}"
    finite = array[np.isfinite(array)]
    if not finite.size:
        return "nan" if array.size else "no points"
    return f"{finite.min():.{range_digits}g} .. {finite.max():.{range_digits}g}"


def spelled_bytes(count: float) -> str:
    """An amount of memory in a unit of its size.

    Example:
        >>> spelled_bytes(3 * 2**30), spelled_bytes(900.0), spelled_bytes(1000 * 2**20)
        ('3 GiB', '900 bytes', '1000 MiB')
    """
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= 0.9995 * size:  # 1023.6 MiB is 1 GiB in three digits
            return f"{_three(count / size)} {unit}"
    return f"{_three(count)} bytes"


def spelled_seconds(count: float) -> str:
    """A time in a unit of its size, two digits.

    Example:
        >>> spelled_seconds(0.034), spelled_seconds(75.0), spelled_seconds(3 * 3600)
        ('0.034 s', '75 s', '3 h')
    """
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if count >= 2.0 * size:
            return f"{count / size:.2g} {unit}"
    return f"{count:.2g} s"


def points_spelled(shape: tuple[int, ...]) -> str:
    """How many points a batch has.

    Example:
        >>> points_spelled(()), points_spelled((3, 2))
        ('1 point', '6 points')
    """
    count = int(np.prod(shape, dtype=float))
    return f"{count} point{'s' if count != 1 else ''}"


def _three(value: float) -> str:
    """Three digits, or all before the point of a number up to 1024."""
    return f"{value:.0f}" if 999.5 <= value < 1024.5 else f"{value:.3g}"
