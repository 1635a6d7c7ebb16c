"""A function over a grid of its parameters, as one labeled dataset.

Every parameter of the physics may be an array, so a sweep over such parameters is one call; only what makes another
model at every value, the number of sites or the place of Bob, is gone through value by value (`sweep_axes`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.conventions import STAMP
from qet.foundations.errors import BadParameter, QetError, ShapeMismatch, unknown
from qet.foundations.values import call_of
from qet.protocols.run import Run
from qet.studies.named_function import check_parameters, identity, name_of
from qet.studies.sweep_axes import Block, Grid, grid_of
from qet.studies.sweep_variables import Variable, variables_of

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
ERRORS = ("raise", "record")


def sweep(point: Callable[..., Any], *, loop: Collection[str] = (), errors: str = "raise", **axes: Any) -> xr.Dataset:
    """A function at all combinations of values of its parameters, as an xarray Dataset.

    Axes of numbers with a fraction are passed as arrays, all in one call: the i-th of them has its values along the
    i-th dimension and length one elsewhere, so that they broadcast. Axes of whole numbers, names and anything else are
    looped over. One state serves all distances: it is prepared outside, and `state.between(A, B)` places the parties.

    Args:
        point: Function of named parameters that returns a `Run`, a number, an array with one value a point, a pair
            (names, array) whose last axes bear these names, or a mapping of names to any of these.
        loop: Names of axes to loop over though their values have a fraction: for functions that take one number at a
            time.
        errors: "raise": the first refusal is raised, with the point in its message. "record": points that are
            refused are nan, and the variable `why` says why.
        axes: For each parameter its values, or one value, which makes no dimension.

    Returns:
        A Dataset with one dimension an axis, in the order given, and the axes' values as coordinates. Of a run:
        injected, extracted, local, teleported, leak, net_work, efficiency, precision (in units of energy) and
        resolved. Attributes: where it comes from, the recipe, and where one call made it all the recipe of the run.

    Raises:
        UnknownName: for a parameter that the function does not have. BadParameter: for one without a value, and for
            results that are no numbers. ShapeMismatch: where results do not fit the axes.
        QetError: whatever the function is refused with, where errors are not recorded or no point has an answer.

    Example:
        >>> import numpy as np, qet
        >>> state = qet.ground(qet.ising(8, g=np.array([0.5, 1.0, 2.0])))
        >>> data = qet.sweep(lambda B: qet.teleport(state.between(0, B)).extracted.max(), B=range(2, 8))
        >>> dict(data.sizes)
        {'B': 6}
        >>> T = np.geomspace(0.1, 1.0, 3)
        >>> data = qet.sweep(lambda n, T: qet.teleport(qet.gibbs(qet.ising(n), T=T)), n=[2, 3], T=T)
        >>> data.extracted.dims, data.extracted.attrs["units"]
        (('n', 'T'), 'energy')
    """
    check_parameters("sweep", point, axes, give="its values, {}=[...]")
    if errors not in ERRORS:
        raise unknown("way with errors", errors, ERRORS)
    found = Sweep(point, grid_of(axes, loop), errors == "record")
    for index in found.grid.indices():
        found.fill(index, found.grid.whole)
    options = {"loop": (list(loop) if not isinstance(loop, str) else [loop], []), "errors": (errors, "raise")}
    return found.dataset(call_of("sweep", {"point": identity(point), **axes}, options).recipe)


@dataclass(eq=False)
class Sweep:
    """A sweep being filled.

    Attributes:
        point: The user's function.
        grid: Where it is called.
        is_recording: Whether refusals are kept rather than raised.
        columns: Variable -> its values over the looped axes, the vectorized ones, and its own.
        described: Variable -> its own dims and attributes.
        why: Reason for each point that has no answer, over the looped and vectorized axes.
        run: What the last call returned, if a run.
        calls: How many calls were answered.
        refusal: The first refusal.
    """

    point: Callable[..., Any]
    grid: Grid
    is_recording: bool
    columns: dict[str, Array] = field(default_factory=dict)
    described: dict[str, Variable] = field(default_factory=dict)
    why: Array = field(init=False)
    run: Run | None = None
    calls: int = 0
    refusal: QetError | None = None

    def __post_init__(self) -> None:
        self.why = np.full(self.grid.shape, "", dtype=object)

    def fill(self, index: tuple[int, ...], block: Block) -> None:
        """Call the function at a looped index and a block of the vectorized axes; halve the block where it fails."""
        try:
            result = self.point(**self.grid.arguments(index, block))
            found = variables_of(result, self._own_name())
            shape = tuple(part.stop - part.start for part in block)
            values = {name: variable.over(name, shape) for name, variable in found.items()}
        except QetError as refusal:
            if not self.is_recording:
                self._locate(refusal, index, block)
                raise
            self._record(refusal, index, block)
            return
        except Exception as error:  # of the user's function: his own, with the point added
            error.add_note(f"in sweep at {self.grid.point_text(index, block, None)}")
            raise
        self.calls += 1
        self.run = result if isinstance(result, Run) else None
        self._enter(found, values, (*index, *block))

    def _record(self, refusal: QetError, index: tuple[int, ...], block: Block) -> None:
        self.refusal = self.refusal or refusal
        lengths = [part.stop - part.start for part in block]
        if max(lengths, default=1) == 1:
            here: tuple[Any, ...] = (*index, *block)
            self.why[here] = f"{type(refusal).__name__}: {refusal}"
            return
        longest = int(np.argmax(lengths))
        middle = (block[longest].start + block[longest].stop) // 2
        for part in (slice(block[longest].start, middle), slice(middle, block[longest].stop)):
            self.fill(index, (*block[:longest], part, *block[longest + 1 :]))

    def _locate(self, refusal: QetError, index: tuple[int, ...], block: Block) -> None:
        """Add to a refusal where it happened."""
        inside = None
        shape = tuple(part.stop - part.start for part in block)
        if refusal.mask is not None and np.any(refusal.mask) and np.ndim(refusal.mask) <= len(shape):
            try:
                mask = np.broadcast_to(refusal.mask, shape)
                inside = tuple(int(i) for i in np.unravel_index(int(mask.argmax()), shape)) if shape else ()
            except ValueError:
                inside = None  # the mask has axes of its own
        refusal.args = (f"{refusal} [sweep at {self.grid.point_text(index, block, inside)}]",)

    def _enter(self, found: dict[str, Variable], values: dict[str, Array], at: tuple[Any, ...]) -> None:
        if not self.columns:
            self._check_names(found)
            self.described = found
            for name, array in values.items():
                own = array.shape[array.ndim - len(found[name].dims) :]
                self.columns[name] = np.zeros((*self.grid.shape, *own), dtype=array.dtype)
        if found.keys() != self.columns.keys():
            raise BadParameter(
                f"{name_of(self.point)} gives {', '.join(found)} at one point and {', '.join(self.columns)} at "
                "another; a dataset needs the same names everywhere."
            )
        for name, array in values.items():
            column = self.columns[name]
            own, room = found[name].dims, column.shape[len(self.grid.shape) :]
            if own != self.described[name].dims or array.shape[array.ndim - len(own) :] != room:
                raise ShapeMismatch(
                    f"{name} has axes {own} of shape {array.shape[array.ndim - len(own) :]} at one point and {room} at "
                    "another; sweep points with axes of one length."
                )
            wide = np.result_type(column.dtype, array.dtype)
            self.columns[name] = column if wide == column.dtype else column.astype(wide)
            self.columns[name][at] = array

    def _check_names(self, found: dict[str, Variable]) -> None:
        axes = {axis.name for axis in self.grid.axes}
        dims = {dim for variable in found.values() for dim in variable.dims}
        taken = axes & (found.keys() | dims) or dims & found.keys() or {"why"} & (found.keys() | dims)
        if taken:
            raise BadParameter(f"{sorted(taken)[0]!r} names two things in the result; rename what the function gives.")

    def _own_name(self) -> str:
        name = name_of(self.point)
        return name if name.isidentifier() and name not in {axis.name for axis in self.grid.axes} else "value"

    def dataset(self, recipe: dict[str, Any]) -> xr.Dataset:
        """Everything with its names.

        Raises:
            QetError: the first refusal, if no point has an answer.
        """
        import xarray as xr

        from qet import __version__

        if not self.columns and self.refusal is not None:
            raise self.refusal
        names, order = tuple(axis.name for axis in self.grid.axes), self.grid.order
        is_missing = self.why != ""
        variables: dict[str, Any] = {}
        for name, column in self.columns.items():
            values = column
            if is_missing.any():
                values = column if column.dtype.kind in "fc" else column.astype(float)
                values[is_missing] = np.nan
            own = range(len(order), values.ndim)
            variable = self.described[name]
            variables[name] = ((*names, *variable.dims), values.transpose(*order, *own), variable.attributes)
        if self.is_recording:
            attributes = {"long_name": "why there is no answer"}
            variables["why"] = (names, self.why.astype(str).transpose(order), attributes)
        coordinates = {axis.name: (axis.name, axis.labels, {"long_name": axis.name}) for axis in self.grid.axes}
        fixed = {name: value for name, value in self.grid.fixed.items() if isinstance(value, (int, float, str))}
        attributes = {
            "title": f"{name_of(self.point)} over {', '.join(names)}",
            "source": f"qet {__version__}, numpy {np.__version__}",
            "point": json.dumps(recipe["point"]),
            "recipe": json.dumps(recipe, default=str),
            "conventions_of_physics": STAMP,
        }
        if self.run is not None and self.calls == 1:
            attributes["recipe_of_run"] = json.dumps(self.run.recipe)
        return xr.Dataset(variables, coordinates | fixed, attributes)
