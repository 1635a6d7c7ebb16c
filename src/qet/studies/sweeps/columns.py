"""The variables of a sweep gathered over a box of points, one part after another, with the same names everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch
from qet.studies.sweeps.chunks import Region

Array = np.ndarray


@dataclass(eq=False)
class Columns:
    """Variables over a box of points.

    Attributes:
        who: Name of the function they come from.
        shape: Of the box.
        values: Variable -> its values, shape (*shape, *own axes); zero where nothing was entered yet. Not to be written
            to where one part was all there is: that is kept as it came.
        dims: Variable -> names of its own axes.
        attributes: Variable -> its attributes, those of the first part.
    """

    who: str
    shape: tuple[int, ...]
    values: dict[str, Array] = field(default_factory=dict)
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def enter(
        self,
        at: Region,
        values: Mapping[str, Array],
        dims: Mapping[str, tuple[str, ...]],
        attributes: Mapping[str, Mapping[str, Any]],
        *,
        is_all: bool = False,
    ) -> None:
        """Enter one part; a variable becomes wide enough for all its parts.

        Args:
            at: Where the part lies in the box.
            values: Variable -> its values, shape (*shape of the part, *own axes).
            dims, attributes: As above.
            is_all: Whether the part is the whole box.

        Raises:
            BadParameter: for other names than before. ShapeMismatch: for other axes than before.
        """
        if not self.values:
            self.dims, self.attributes = dict(dims), dict(attributes)
            if is_all:
                self.values = dict(values)
                return
            for name, array in values.items():
                self.values[name] = np.zeros((*self.shape, *_own(array, dims[name])), dtype=array.dtype)
        self.refuse_other(values, dims)
        for name, array in values.items():
            column = self.values[name]
            wide = np.result_type(column.dtype, array.dtype)
            self.values[name] = column if wide == column.dtype else column.astype(wide)
            self.values[name][at] = array

    def refuse_other(self, values: Mapping[str, Array], dims: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse a part with other names or other axes than the first."""
        if values.keys() != self.values.keys():
            raise BadParameter(
                f"{self.who} gives {', '.join(values)} at one point and {', '.join(self.values)} at another; a dataset "
                "needs the same names everywhere."
            )
        for name, array in values.items():
            own, room = _own(array, dims[name]), _own(self.values[name], self.dims[name])
            if dims[name] != self.dims[name] or own != room:
                raise ShapeMismatch(
                    f"{name} has axes {dims[name]} of shape {own} at one point and {room} at another; sweep points "
                    "with axes of one length."
                )


def _own(array: Array, dims: tuple[str, ...]) -> tuple[int, ...]:
    """The shape of the own axes of a variable."""
    return array.shape[array.ndim - len(dims) :]
