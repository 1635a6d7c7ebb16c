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
        >>> spelled_bytes(3 * 2**30), spelled_bytes(900.0)
        ('3 GiB', '900 bytes')
    """
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.3g} bytes"
