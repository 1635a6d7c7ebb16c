"""The axes of a sweep: which parameters are passed as arrays, and which are gone through one value at a time.

Numbers with a fraction are vectorized: all their values go to the function in one call, each axis along its own
dimension of the arrays. Whole numbers, names, yes-or-no and everything else make another model or another protocol at
every value and are looped over. Parameters that run together (`zipped`, `sampled`) share one dimension, vectorized
where all of them are numbers with a fraction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.foundations.values import nameless, spell
from qet.studies.sweeps.chunks import Region
from qet.studies.sweeps.sampling import Together

Array = np.ndarray
Block = tuple[slice, ...]  # of the vectorized axes, in their order
Coordinate = tuple[tuple[str, ...], Array, dict[str, Any]]
NUMBERS = (bool, int, float, complex, np.number, np.bool_)


@dataclass(frozen=True, eq=False)
class Axis:
    """One dimension of a sweep: a parameter, or several that run together.

    Attributes:
        name: The dimension, which of a single parameter is its name.
        values: A float array, or a list of anything; of several parameters the places 0, 1, ...
        is_vectorized: Whether its values are passed as an array.
        together: Parameter -> its values, of several that run together; empty for a single one.
    """

    name: str
    values: Any
    is_vectorized: bool
    together: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def columns(self) -> Mapping[str, Any]:
        """Parameter -> its values along this axis."""
        return self.together or {self.name: self.values}

    @property
    def labels(self) -> Array:
        """Its values as a coordinate: numbers and names as they are, anything else as text."""
        return labels_of(self.values)


def labels_of(values: Any) -> Array:
    """Values as a coordinate: numbers and names as they are, anything else as text."""
    if isinstance(values, np.ndarray):
        return values
    kinds = {"text" if isinstance(x, str) else "number" if isinstance(x, NUMBERS) else "other" for x in values}
    labels = np.asarray(values) if kinds == {"number"} else np.empty(0, dtype=object)
    if labels.dtype.kind in "biufc":
        return labels
    return np.array([x if isinstance(x, str) else nameless(x) for x in map(_item, values)], dtype=str)


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


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
    def stored(self) -> tuple[Axis, ...]:
        """The looped axes, then the vectorized ones: the order of `shape`."""
        return (*self.looped, *self.vectorized)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the looped axes, then of the vectorized ones."""
        return tuple(map(len, self.stored))

    @property
    def order(self) -> tuple[int, ...]:
        """Where each axis, in the order given, stands in `shape`."""
        return tuple(next(i for i, other in enumerate(self.stored) if other is axis) for axis in self.axes)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every parameter that varies, in the order given."""
        return tuple(name for axis in self.axes for name in axis.columns)

    @property
    def coordinates(self) -> dict[str, Coordinate]:
        """Parameter -> (its dimension, its values as labels, long_name), of all that vary."""
        return {
            name: ((axis.name,), labels_of(values), {"long_name": name})
            for axis in self.axes
            for name, values in axis.columns.items()
        }

    @property
    def scalars(self) -> dict[str, Any]:
        """The fixed parameters that are numbers or names."""
        held = {name: value.item() if isinstance(value, np.ndarray) else value for name, value in self.fixed.items()}
        return {name: labels_of([value])[0] for name, value in held.items() if isinstance(value, (*NUMBERS, str))}

    def indices(self, region: Region) -> Iterator[tuple[int, ...]]:
        """Every combination of the looped axes in a region of the box of points."""
        return product(*(range(part.start, part.stop) for part in region[: len(self.looped)]))

    def arguments(self, index: tuple[int, ...], block: Block) -> dict[str, Any]:
        """What the function is called with at a looped index and a block of the vectorized axes."""
        given = dict(self.fixed)
        for axis, i in zip(self.looped, index, strict=True):
            given |= {name: values[i] for name, values in axis.columns.items()}
        count = len(self.vectorized)
        for place, (axis, part) in enumerate(zip(self.vectorized, block, strict=True)):
            along = [-1 if i == place else 1 for i in range(count)]
            given |= {name: values[part].reshape(along) for name, values in axis.columns.items()}
        return given

    def point_text(self, index: tuple[int, ...], block: Block, inside: tuple[int, ...] | None) -> str:
        """A point in words, "B = 12, T = 0.5 (index (0, 3))"; `inside` the block, or None where it is not known."""
        spans = [slice(i, i + 1) for i in index] + list(block)
        if inside is not None:
            first = [part.start + i for part, i in zip(block, inside, strict=True)]
            spans[len(index) :] = [slice(i, i + 1) for i in first]
        return self.region_text(tuple(spans))

    def region_text(self, region: Region) -> str:
        """A part of the box of points in words, "B = 12, T = 0.1 .. 0.5 (index (0, :))"."""
        texts, places = [], []
        for axis, where in zip(self.axes, self.order, strict=True):
            first, last = region[where].start, region[where].stop - 1
            for name, values in axis.columns.items():
                ends = [spell(values[first])] + ([spell(values[last])] if last > first else [])
                texts.append(f"{name} = {' .. '.join(ends)}")
            places.append(str(first) if last == first else ":")
        return f"{', '.join(texts)} (index ({', '.join(places)}))"


def grid_of(axes: Mapping[str, Any], loop: Collection[str], together: Sequence[Together] = ()) -> Grid:
    """The grid of a sweep.

    Args:
        axes: Parameter -> a sequence of values, or one value.
        together: Groups of parameters, each along one dimension; they come first.
        loop: Names of axes to loop over although they could be vectorized.

    Raises:
        BadParameter: for no axis, or one without values. ShapeMismatch: for an array that is no sequence.
        UnknownName: for a name in `loop` that is no axis.
    """
    names = (loop,) if isinstance(loop, str) else tuple(loop)
    groups = {group.dim: group for group in together}
    for name in names:
        if name not in axes and name not in groups:
            raise unknown("axis of the sweep", name, [*groups, *axes])
    _refuse_twice(together, axes)
    found, fixed = [_group(group, group.dim in names) for group in together], {}
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


def _refuse_twice(together: Sequence[Together], axes: Mapping[str, Any]) -> None:
    """Refuse a parameter or dimension that is given twice."""
    seen: set[str] = set()
    for names in (*({group.dim} | set(group.values) for group in together), axes):
        for name in sorted(seen & set(names)):
            raise BadParameter(
                f"{name!r} is given twice to the sweep; a parameter has one place, and every group a dimension of its "
                'own: qet.zipped(dim="pair", ...).'
            )
        seen |= set(names)


def _group(group: Together, is_looped: bool) -> Axis:
    columns = {name: _axis(name, values, is_looped) for name, values in group.values.items()}
    if not is_looped and all(axis.is_vectorized for axis in columns.values()):
        return Axis(group.dim, np.arange(len(group)), True, {name: axis.values for name, axis in columns.items()})
    values = {name: axis.values.tolist() if axis.is_vectorized else axis.values for name, axis in columns.items()}
    return Axis(group.dim, list(range(len(group))), False, values)


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
