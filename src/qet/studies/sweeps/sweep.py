"""A function over many values of its parameters, as one labeled dataset, in memory or in a store.

Every parameter of the physics may be an array, so a sweep over such parameters is few calls on large arrays; only what
makes another model at every value, the number of sites or the place of Bob, is gone through value by value
(`axes`). The points are cut into chunks (`plan`), each computed alone (`work`) by whatever engine is
at hand (`qet.studies.engines`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import BadParameter, unknown
from qet.foundations.values import call_of
from qet.studies.engines.run import check_engine, run_chunks
from qet.studies.named_function import check_parameters, identity, name_of
from qet.studies.provenance import dataset_attributes, sealed
from qet.studies.stores.header import condensed
from qet.studies.sweeps.axes import grid_of
from qet.studies.sweeps.chunks import Filled, Refused, Region
from qet.studies.sweeps.columns import Columns
from qet.studies.sweeps.function_uses import told_of, uses_of
from qet.studies.sweeps.plan import plan
from qet.studies.sweeps.progress import Progress
from qet.studies.sweeps.sampling import Together
from qet.studies.sweeps.stored import Ask, refusal_of, stored
from qet.studies.sweeps.variables import numbers_of_runs
from qet.studies.sweeps.work import Work

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
ERRORS = ("raise", "record")
WRITTEN_OUT = 100_000  # points up to which the recipe of a run is kept


def sweep(
    point: Callable[..., Any],
    *together: Together,
    loop: Collection[str] = (),
    errors: str = "raise",
    out: Any = None,
    chunks: Any = "auto",
    engine: Any = "serial",
    workers: int | None = None,
    shard: str | None = None,
    progress: bool | None = None,
    variables: Collection[str] | None = None,
    **axes: Any,
) -> xr.Dataset:
    """A function at many values of its parameters, as an xarray Dataset.

    Axes of numbers with a fraction are passed as arrays: the i-th of them has its values along the i-th dimension and
    length one elsewhere, so that they broadcast. Axes of whole numbers, names and anything else are looped over. One
    state serves all distances: it is prepared outside, and `state.between(A, B)` places the parties.

    The points are computed in chunks. With `out` every finished chunk is on the disk before it counts, and the same
    call again goes on where the last one stopped, however it was stopped; the result is then read lazily from there.

    Args:
        point: Function of named parameters that returns a `Run`, a number, an array with one value a point, a pair
            (names, array) whose last axes bear these names, or a mapping of names to any of these.
        together: Parameters that share a dimension: `zipped`, `sampled`.
        loop: Names of axes to loop over though their values have a fraction: for functions that take one number at a
            time.
        errors: "raise": the first refusal is raised, with the point in its message. "record": points that are
            refused are nan, and the variable `why` says why.
        out: A folder to keep the results in while they are made, such as "map.zarr"; None: memory.
        chunks: "auto" (about 2^18 points of vectorized axes, looped values one by one), the most points of a chunk, or
            lengths along axes, {"T": 100}. Part of what a store is made for: another cut is another study.
        engine: "serial", "processes" (of this machine), "dask" (a local cluster), "slurm", or a `distributed.Client`.
        workers: How many processes; None: one for every processor this process may use.
        shard: "3/64": only the third of 64 parts, each of which may run anywhere with the same `out`.
        progress: None: a bar at a terminal where it takes longer than a second, else a line every half minute through
            the logger "qet". True: a bar. False: silence.
        variables: Which numbers of a run to keep, such as ("extracted", "injected"); None: all nine.
        axes: For each parameter its values, or one value, which makes no dimension.

    Returns:
        A Dataset with one dimension an axis, in the order given, and the axes' values as coordinates. Of a run:
        injected, extracted, local, teleported, leak, net_work, efficiency, precision (in units of energy) and
        resolved. Attributes: where it comes from, the recipe, and where one call made it all the recipe of the run.

    Raises:
        UnknownName: for a parameter that the function does not have. BadParameter: for one without a value, and for
            results that are no numbers. ShapeMismatch: where results do not fit the axes.
        OtherStudy: for a store that holds another study. NotWritten: for a disk that is full or read-only.
        WorkerLost: where processes keep dying at one chunk. NotOffered: for a function that cannot be sent to others.
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
    _check_call(point, together, errors, axes)
    check_engine(engine, workers)
    grid = grid_of(axes, loop, together)
    work = Work(point, grid, plan(grid, chunks), errors == "record", numbers_of_runs(variables))
    options = {
        "together": (list(together), []),
        "loop": ([loop] if isinstance(loop, str) else list(loop), []),
        "errors": (errors, "raise"),
        "variables": (variables if variables is None else list(work.kept), None),
    }
    plainly = {name: list(value) if isinstance(value, range) else value for name, value in axes.items()}
    recipe = call_of("sweep", {"point": identity(point), **plainly}, options).recipe
    attributes = dataset_attributes(title_of(work), recipe, point=json.dumps(recipe["point"]))
    if out is not None:
        return stored(work, attributes, Ask(out, header_of(work, recipe), shard, engine, workers, progress))
    if shard is not None:
        raise BadParameter('a part of a sweep needs a place where the parts meet: give out="map.zarr" beside shard=.')
    gathered = Gathered(work)
    total = len(work.chunks)
    with Progress(name_of(point), total, wanted=progress) as bar:

        def on_done(filled: Filled) -> None:
            gathered.enter(filled)
            bar.advance(bool(filled.refused))

        run_chunks(work, range(total), None, engine=engine, workers=workers, on_done=on_done)
    return gathered.dataset(attributes)


def _check_call(point: Any, together: tuple[Any, ...], errors: str, axes: Mapping[str, Any]) -> None:
    names = list(axes)
    if not isinstance(point, Mapping):
        for group in together:
            if not isinstance(group, Together):
                raise BadParameter(
                    f"after the function, sweep takes qet.zipped(...) and qet.sampled(...), and axes by name; got "
                    f"{type(group).__name__}."
                )
            names += list(group.values)
    check_parameters("sweep", point, names, give="its values, {}=[...]")
    if errors not in ERRORS:
        raise unknown("way with errors", errors, ERRORS)


def title_of(work: Work) -> str:
    """What a sweep is, in a line."""
    return f"{name_of(work.point)} over {', '.join(work.grid.parameters)}"


def header_of(work: Work, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What makes this study another than others, as plain data."""
    lengths = {axis.name: n for axis, n in zip(work.grid.stored, work.chunks.lengths, strict=True)}
    header = {
        "point": recipe["point"],
        "uses": uses_of(work.point),
        "axes": {axis.name: told_of(axis.values) for axis in work.grid.axes if not axis.together}
        | {name: told_of(value) for name, value in work.grid.fixed.items()},
        "together": recipe.get("together", []),
        "loop": sorted(recipe.get("loop", [])),
        "errors": "record" if work.is_recording else "raise",
        "variables": list(work.kept),
        "chunks": lengths,
    }
    return dict(condensed(header))  # here, so that a million values along an axis are gone through once


@dataclass(eq=False)
class Gathered:
    """A sweep whose chunks come together in memory.

    Attributes:
        work: What is computed.
        columns: The variables over the box of points.
        why: Reason for each point that has no answer, where they are recorded.
        refused: The first refusal.
        blank: Chunks in which every point was refused.
    """

    work: Work
    columns: Columns = field(init=False)
    why: Array | None = None
    refused: Refused | None = None
    blank: list[Region] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.columns = Columns(name_of(self.work.point), self.work.grid.shape)
        if self.work.is_recording:
            self.why = np.full(self.work.grid.shape, "", dtype=object)

    def enter(self, filled: Filled) -> None:
        """Enter one chunk."""
        region = self.work.chunks.region(filled.number)
        if self.why is not None:
            for found in filled.refused:
                self.refused = self.refused or found
                self.why[found.place] = f"{found.error}: {found.text}"
        if not filled.values:
            self.blank.append(region)
            return
        if not self.columns.values:
            self.work.check_names(filled)
        self.columns.enter(region, filled.values, filled.dims, filled.attributes)

    def dataset(self, attributes: Mapping[str, Any]) -> xr.Dataset:
        """Everything with its names.

        Raises:
            QetError: the first refusal, if no point has an answer.
        """
        import xarray as xr

        if not self.columns.values and self.refused is not None:
            raise refusal_of(self.refused)
        grid, columns = self.work.grid, self.columns
        names, order = tuple(axis.name for axis in grid.axes), grid.order
        for region in self.blank:
            for column in columns.values.values():
                column[region] = np.nan
        variables: dict[str, Any] = {}
        for name, column in columns.values.items():
            own = range(len(order), column.ndim)
            dims = (*names, *columns.dims[name])
            variables[name] = (dims, column.transpose(*order, *own), columns.attributes[name])
        if self.why is not None:
            attributes_of_why = {"long_name": "why there is no answer"}
            variables["why"] = (names, self.why.transpose(order), attributes_of_why)
        found = dict(attributes)
        run = self.work.run
        if run is not None and sum(map(len, grid.axes)) <= WRITTEN_OUT:
            found |= sealed("recipe_of_run", run.recipe)
        return xr.Dataset(variables, grid.coordinates | grid.scalars, found)
