"""Checks at the public door: numbers are finite and in their domain, shapes broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch, refuse_where
from qet.foundations.values import frozen

Real = Any  # float or float array


def real(name: str, value: Any, *, minimum: float | None = None, maximum: float | None = None) -> Real:
    """A finite real number, or an array of them, as float or float array.

    Raises:
        BadParameter: if it is no real number, NaN or infinite, or outside [minimum, maximum]; the
            first offending index, the count and the mask are on the error.
    """
    try:
        if isinstance(value, (str, bytes)) or value is None or np.iscomplexobj(value):
            raise TypeError
        array = np.array(value, dtype=float)  # a copy: what the caller does to his array later is his
    except (TypeError, ValueError):
        raise BadParameter(f"{name} must be a real number or an array of them; got {value!r}.") from None
    if array.size:
        with np.errstate(over="ignore", invalid="ignore"):
            is_finite = np.isfinite(array.sum())  # one pass: NaN and infinity show in the sum
        if not is_finite:  # the sum may also overflow
            refuse_where(~np.isfinite(array), BadParameter, lambda i: f"{name} must be finite; got {array[i]}")
        if minimum is not None and array.min() < minimum:
            refuse_where(
                array < minimum, BadParameter, lambda i: f"{name} must be at least {minimum:g}; got {array[i]:g}"
            )
        if maximum is not None and array.max() > maximum:
            refuse_where(
                array > maximum, BadParameter, lambda i: f"{name} must be at most {maximum:g}; got {array[i]:g}"
            )
    return array.item() if array.ndim == 0 else frozen(array)


def broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of named shapes.

    Raises:
        ShapeMismatch: naming every shape, if they do not broadcast.
    """
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape != ())
        raise ShapeMismatch(
            f"the parameters' shapes do not broadcast: {found}. Put each on its own axis, "
            "for example k[:, None] and T[None, :]."
        ) from None
