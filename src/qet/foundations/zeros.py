"""Arithmetic in which an exact zero or one costs nothing.

A coefficient that a Hamiltonian does not have, or a component of an axis along X, Y or Z, is the plain number
0.0 or 1.0 beside arrays of a million points. These functions skip the operations that such a number makes void,
and so the formulas can be written once, for the general case. The numbers that come out are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def is_zero(value: Any) -> bool:
    """Whether a value is the plain number 0.0; an array never is, whatever it holds."""
    return isinstance(value, float) and value == 0.0


def times(a: Any, b: Any) -> Any:
    """a b."""
    if is_zero(a) or is_zero(b):
        return 0.0
    if isinstance(a, float) and a == 1.0:
        return b
    return a * b


def total(parts: Iterable[Any]) -> Any:
    """The sum of the parts; 0.0 for none."""
    found: Any = 0.0
    for part in parts:
        if not is_zero(part):
            found = part if is_zero(found) else found + part
    return found


def safe_divisor(divisor: Any, xp: Any = np) -> Any:
    """A non-negative divisor with 1 in place of 0, for quotients whose numerator vanishes with it.

    With another `xp` than NumPy (jax.numpy) no entry is looked at: arrays under a trace have none.
    """
    is_safe = xp is np and np.min(divisor, initial=1.0) > 0.0
    return divisor if is_safe else xp.where(divisor > 0.0, divisor, 1.0)
