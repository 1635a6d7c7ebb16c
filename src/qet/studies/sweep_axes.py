"""The axes of a sweep: which parameters are passed as arrays, and which are gone through one value at a time.

Numbers with a fraction are vectorized: all their values go to the function in one call, each axis along its own
dimension of the arrays. Whole numbers, names, yes-or-no and everything else make another model or another protocol at
every value and are looped over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.foundations.values import spell

Array = np.ndarray
Block = tuple[slice, ...]  # of the vectorized axes, in their order


@dataclass(frozen=True, eq=False)
class Axis:
    """One parameter of a sweep.

    Attributes:
        name: The parameter.
        values: A float array, or a list of anything.
        is_vectorized: Whether its values are passed as an array.
    """

    name: str
    values: Any
    is_vectorized: bool

    @property
    def labels(self) -> Array:
        """Its values as a coordinate: numbers and names as they are, anything else as text."""
        if all(isinstance(x, (bool, int, float, str, np.generic)) for x in self.values):
            return np.asarray(self.values)
        return np.array([x if isinstance(x, str) else spell(x) for x in self.values], dtype=str)


@dataclass(frozen=True, eq=False)
class Grid:
    """All combinations of the values of several axes.

    Attributes:
        axes: In the order given, which is the order of the result's dimensions.
        fixed: Parameters with one value, which make no dimension.
    """

    axes: tuple[Axis, ...]
    fixed: Mapping[str, Any]

    @property
    def looped(self) -> tuple[Axis, ...]:
        """The axes gone through one value at a time."""
        return tuple(axis for axis in self.axes if not axis.is_vectorized)

    @property
    def vectorized(self) -> tuple[Axis, ...]:
        """The axes passed as arrays."""
        return tuple(axis for axis in self.axes if axis.is_vectorized)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the looped axes, then of the vectorized ones."""
        return tuple(len(axis.values) for axis in (*self.looped, *self.vectorized))

    @property
    def order(self) -> tuple[int, ...]:
        """Where each axis, in the order given, stands in `shape`."""
        stored = (*self.looped, *self.vectorized)
        return tuple(next(i for i, other in enumerate(stored) if other is axis) for axis in self.axes)

    @property
    def whole(self) -> Block:
        """All points of the vectorized axes."""
        return tuple(slice(0, len(axis.values)) for axis in self.vectorized)

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Every combination of the looped axes."""
        return product(*(range(len(axis.values)) for axis in self.looped))

    def arguments(self, index: tuple[int, ...], block: Block) -> dict[str, Any]:
        """What the function is called with at a looped index and a block of the vectorized axes."""
        given = dict(self.fixed)
        for axis, i in zip(self.looped, index, strict=True):
            given[axis.name] = axis.values[i]
        count = len(self.vectorized)
        for place, (axis, part) in enumerate(zip(self.vectorized, block, strict=True)):
            given[axis.name] = axis.values[part].reshape([-1 if i == place else 1 for i in range(count)])
        return given

    def point_text(self, index: tuple[int, ...], block: Block, inside: tuple[int, ...] | None) -> str:
        """A point in words, "B = 12, T = 0.5 (index (0, 3))"; `inside` the block, or None where it is not known."""
        at: dict[str, str] = {axis.name: spell(axis.values[i]) for axis, i in zip(self.looped, index, strict=True)}
        places: dict[str, int] = {axis.name: i for axis, i in zip(self.looped, index, strict=True)}
        for i, (axis, part) in enumerate(zip(self.vectorized, block, strict=True)):
            if inside is not None or part.stop - part.start == 1:
                places[axis.name] = part.start + (inside[i] if inside is not None else 0)
                at[axis.name] = spell(axis.values[places[axis.name]])
            else:
                at[axis.name] = f"{spell(axis.values[part.start])} .. {spell(axis.values[part.stop - 1])}"
        where = tuple(places.get(axis.name, slice(None)) for axis in self.axes)
        text = ", ".join(":" if isinstance(place, slice) else str(place) for place in where)
        return f"{', '.join(f'{axis.name} = {at[axis.name]}' for axis in self.axes)} (index ({text}))"


def grid_of(axes: Mapping[str, Any], loop: Collection[str]) -> Grid:
    """The grid of a sweep.

    Args:
        axes: Parameter -> a sequence of values, or one value.
        loop: Names of axes to loop over although they could be vectorized.

    Raises:
        BadParameter: for no axis, or one without values. ShapeMismatch: for an array that is no sequence.
        UnknownName: for a name in `loop` that is no axis.
    """
    names = (loop,) if isinstance(loop, str) else tuple(loop)
    for name in names:
        if name not in axes:
            raise unknown("axis of the sweep", name, axes)
    found, fixed = [], {}
    for name, value in axes.items():
        if isinstance(value, (list, tuple, range)) or np.ndim(value) > 0:
            found.append(_axis(name, value, name in names))
        else:
            fixed[name] = value
    if not found:
        raise BadParameter(
            "a sweep needs at least one axis with its values: g=np.linspace(0.5, 1.5, 101), B=range(1, 8)."
        )
    return Grid(tuple(found), fixed)


def _axis(name: str, value: Any, is_looped: bool) -> Axis:
    if isinstance(value, np.ndarray) or hasattr(value, "dims"):
        value = np.asarray(value)
        if value.ndim != 1:
            raise ShapeMismatch(f"the axis {name} is a sequence of values; got an array of shape {value.shape}.")
        items = value.tolist() if value.dtype.kind != "O" else list(value)
    else:
        items = list(value)
    if not items:
        raise BadParameter(f"the axis {name} has no values.")
    is_number = all(isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool) for x in items)
    if not is_number or all(isinstance(x, (int, np.integer)) for x in items):
        return Axis(name, [x.item() if isinstance(x, np.generic) else x for x in items], False)
    numbers = np.asarray(real(name, items), dtype=float)
    return Axis(name, numbers.tolist(), False) if is_looped else Axis(name, numbers, True)
