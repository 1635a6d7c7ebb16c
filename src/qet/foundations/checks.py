"""Checks at the public door: numbers are finite and in their domain, shapes broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch, refuse_where
from qet.foundations.values import frozen

Array = np.ndarray
Real = Any  # float or float array
PIECE = 1 << 15  # numbers looked at while they are in the cache


def real(name: str, value: Any, *, minimum: float | None = None, maximum: float | None = None) -> Real:
    """A finite real number, or an array of them, as float or float array.

    Raises:
        BadParameter: if it is no real number, NaN or infinite, or outside [minimum, maximum]; the
            first offending index, the count and the mask are on the error.
    """
    try:
        if isinstance(value, (str, bytes)) or value is None or np.iscomplexobj(value):
            raise TypeError
        # what the caller does to his array later is his
        array, whole, least, most = _copied(value, minimum is not None, maximum is not None)
    except (TypeError, ValueError):
        raise BadParameter(f"{name} must be a real number or an array of them; got {value!r}.") from None
    if array.size:
        if not np.isfinite(whole):  # NaN and infinity show in the sum, which may also overflow
            refuse_where(~np.isfinite(array), BadParameter, lambda i: f"{name} must be finite; got {array[i]}")
        if minimum is not None and least < minimum:
            refuse_where(
                array < minimum, BadParameter, lambda i: f"{name} must be at least {minimum:g}; got {array[i]:g}"
            )
        if maximum is not None and most > maximum:
            refuse_where(
                array > maximum, BadParameter, lambda i: f"{name} must be at most {maximum:g}; got {array[i]:g}"
            )
    return array.item() if array.ndim == 0 else frozen(array)


def _copied(value: Any, has_minimum: bool, has_maximum: bool) -> tuple[Array, float, float, float]:
    """A copy as floats, its sum and, where bounds ask for it, its least and greatest.

    A large array is looked at in pieces that stay in the cache.
    """
    if not isinstance(value, np.ndarray):
        value = np.array(value, dtype=float)
    array = np.empty(value.shape)
    pieces = [(array, value)]
    if value.size > PIECE and value.flags.c_contiguous:
        to, source = array.reshape(-1), value.reshape(-1)
        pieces = [(to[i : i + PIECE], source[i : i + PIECE]) for i in range(0, value.size, PIECE)]
    whole, least, most = 0.0, np.inf, -np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for to, source in pieces:
            to[...] = source
            whole += to.sum()
            least = min(least, to.min(initial=np.inf)) if has_minimum else least
            most = max(most, to.max(initial=-np.inf)) if has_maximum else most
    return array, whole, least, most


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
