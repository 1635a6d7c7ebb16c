"""Derivatives of a smooth function by central differences, extrapolated, with an error estimate at every point.

    D(h) = [f(x + h) - f(x - h)]/2h = f'(x) + c h² + ...,     h, h/2, h/4, ...

Romberg's table removes the powers of h one after the other; of all its entries the one is taken whose changes from
its neighbors, plus the rounding of f over h, are the least, and that sum is the error reported. For a polynomial of
low degree the table is exact already at large steps, where rounding is least; the smallest step must not contradict
it by more than its own change. Where the function is refused on one
side (the end of a parameter's domain) the step goes to the other side, with all powers of h.

References:
    C. J. F. Ridders, Adv. Eng. Softw. 4, 75 (1982), for choosing the entry by its neighbors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import QetError

Array = np.ndarray
LADDER = 6  # steps, each half the one before
FIRST = 1.0 / 16.0  # the first step, relative to the scale of the argument
SHRINKINGS = 5  # how often a step that is refused on both sides is divided by 16
ROUNDING = 4.0 * float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Slope:
    """A derivative, elementwise.

    Attributes:
        value: The derivative; NaN where the function has no value nearby.
        error: Estimated absolute error.
        is_one_sided: Where the function exists on one side only.
    """

    value: Array
    error: Array
    is_one_sided: Array


def slope(function: Callable[[Array], Any], x: Any, scale: Any) -> Slope:
    """The derivative of a function that acts point by point.

    Args:
        function: Values at shifted arguments of the shape of `x`; they may have more axes in front (broadcast).
            It may raise a QetError, whose mask says where.
        x: The arguments.
        scale: On which the function varies, > 0; a sixteenth of it is the first step.

    Returns:
        The derivative with its error, in the shape of the values.
    """
    x = np.asarray(x, dtype=float)
    step, no_plus, no_minus = _allowed(function, x, FIRST * np.broadcast_to(np.asarray(scale, dtype=float), x.shape))
    is_one_sided = no_plus ^ no_minus
    power = np.where(is_one_sided, 2.0, 4.0)
    rows: list[list[Array]] = []
    candidates: list[tuple[Array, Array]] = []
    rounding = np.asarray(0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        for j in range(LADDER):
            h = step / 2.0**j
            right, left = x + np.where(no_plus, 0.0, h), x - np.where(no_minus, 0.0, h)
            above, below = _values(function, right), _values(function, left)
            row = [np.asarray((above - below) / (right - left))]
            rounding = ROUNDING * np.maximum(np.abs(above), np.abs(below)) / h
            for k in range(1, j + 1):
                row.append(row[-1] + (row[-1] - rows[-1][k - 1]) / (power**k - 1.0))
                change = np.maximum(np.abs(row[k] - row[k - 1]), np.abs(row[k] - rows[-1][k - 1]))
                candidates.append((row[k], change + rounding))
            rows.append(row)
        best, least = _chosen(candidates, rows[-1][0], rows[-2][0], rounding)
    return Slope(best, least, np.broadcast_to(is_one_sided, best.shape))


def _chosen(candidates: list[tuple[Array, Array]], last: Array, before: Array, rounding: Array) -> tuple[Array, Array]:
    """The candidate of least error that does not contradict the smallest step; where all do, that step, and an
    infinite error.

    Large steps that agree with each other may all have missed what the smallest sees.
    """
    reach = 4.0 * np.abs(last - before) + 4.0 * rounding
    best, least = last, np.full(last.shape, np.inf)
    for value, error in candidates:
        is_better = (error < least) & (np.abs(value - last) <= reach)
        best, least = np.where(is_better, value, best), np.where(is_better, error, least)
    return best, least


def _allowed(function: Callable[[Array], Any], x: Array, step: Array) -> tuple[Array, Array, Array]:
    """Steps that the function takes on one side at least, and where it refuses to go up, and down."""
    for _ in range(SHRINKINGS):
        no_plus, no_minus = _refused(function, x + step), _refused(function, x - step)
        neither = no_plus & no_minus
        if not neither.any():
            break
        step = np.where(neither, step / 16.0, step)
    return step, no_plus & ~no_minus, no_minus & ~no_plus


def _refused(function: Callable[[Array], Any], x: Array) -> Array:
    try:
        function(x)
    except QetError as error:
        mask = np.ones(()) if error.mask is None else np.asarray(error.mask)
        return _reduced(mask.astype(bool), x.shape)
    return np.zeros(x.shape, dtype=bool)


def _reduced(mask: Array, shape: tuple[int, ...]) -> Array:
    """A mask on the shape of the argument: where any of the points that broadcast from an entry is marked."""
    try:
        if np.broadcast_shapes(mask.shape, shape) == shape:
            return np.array(np.broadcast_to(mask, shape))
        extra = mask.ndim - len(shape)
        axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and mask.shape[extra + i] > 1))
        return np.array(
            np.broadcast_to(mask.any(axis=axes, keepdims=True).reshape(mask.shape[extra:] and shape), shape)
        )
    except ValueError:
        return np.ones(shape, dtype=bool)


def _values(function: Callable[[Array], Any], x: Array) -> Array:
    try:
        return np.asarray(function(x), dtype=float)
    except QetError:
        return np.full(x.shape, np.nan)
