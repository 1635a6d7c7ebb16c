"""The best point of any function of named parameters, and whether there is a bell: rates, ratios, temperatures, angles.

A grid first, in one call where the function takes arrays; then a polish of its best maxima; on request differential
evolution before the polish. See `search` for the algorithms, `bell` for what a bell is, `trends` for how far a theory
is to be believed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, NotConverged
from qet.foundations.values import Call, call_of
from qet.protocols.run import Run
from qet.studies.axes import Axis, axes_of
from qet.studies.bell import curve_shapes, verdict_on
from qet.studies.curvature import hessian
from qet.studies.named_function import check_parameters, identity
from qet.studies.objective import Objective, checked_maximize
from qet.studies.optimum import Optimum
from qet.studies.search import Recorder, find_maxima
from qet.studies.trends import theory_of, trends_of

Array = np.ndarray
AT_BOUND = 1e-7  # of the cube: this close to a bound is at it
FEWEST, MOST = 5, 1025  # points along an axis of the grid


def optimize(
    point: Callable[..., Any],
    *,
    maximize: Any = "extracted",
    global_: bool = False,
    seed: int = 0,
    resolution: int = 33,
    **bounds: Any,
) -> Optimum:
    """The largest value of a function between bounds, its curvature, and whether it is a bell.

    Args:
        point: Function of named parameters that returns a `Run`, a number, or a mapping of names to numbers. Called
            with one array a parameter, all of one shape; point by point where it cannot take them.
        maximize: Of a run: "extracted", "teleported", "local", "injected", "leak", "net_work", "efficiency",
            "efficiency_teleported", or ("drop", "H_B") for what named terms alone lose in Bob's operation. Of a
            mapping: the name. Or a function of whatever `point` returns.
        global_: Also search by differential evolution, for functions with many maxima.
        seed: Of the points of the grid with three or more parameters, and of the evolution.
        resolution: Points along each axis of the grid; with three or more parameters its square is their number.
        bounds: For each parameter (low, high), or ("log", low, high) for a logarithmic axis.

    Returns:
        An `Optimum`: .at, .value, .curvature, .is_interior, .verdict, .maxima, .history, ...; printed as a table.

    Warns:
        OutsideDomain: where the best point is outside the domain of its theory; the other points are searched in
            silence.

    Raises:
        BadParameter, UnknownName, ShapeMismatch: for bounds, energies or functions that do not fit.
        NotConverged: where no point has a value.

    References:
        docs/optimize.md, with the definition of a bell and of a trend below the theory's order. The evolution is
        SciPy's, of Storn and Price, J. Glob. Optim. 11, 341 (1997).

    Example:
        >>> import qet
        >>> def driven(gamma, f=0.2):
        ...     up, down = gamma * (1 + f) / 2, gamma * (1 - f) / 2
        ...     ends = [qet.jump("+", 0, up), qet.jump("-", 0, down), qet.jump("+", 2, down), qet.jump("-", 2, up)]
        ...     return qet.teleport(qet.steady(qet.xxz(3), ends))
        >>> qet.optimize(driven, gamma=("log", 1e-3, 1e2))
        <Optimum 0.19755 at gamma=4.21028: bell>
    """
    axes, chosen = axes_of(bounds), checked_maximize(maximize)
    check_parameters("optimize", point, tuple(bounds), give="bounds, {}=(low, high)")
    _check_search(global_, seed, resolution)
    objective = Objective(point, axes, chosen)
    record = Recorder(objective)
    maxima = find_maxima(record, len(axes), resolution=resolution, seed=seed, is_global=global_)
    if not maxima:
        raise NotConverged(
            f"optimize: none of {objective.n_points} points has a value. The first refusal: {objective.why or 'NaN'}"
        ) from objective.refusal
    options = {
        "maximize": (chosen if not callable(chosen) else identity(chosen), "extracted"),
        "global_": (bool(global_), False),
        "seed": (int(seed), 0),
        "resolution": (int(resolution), 33),
    }
    told = {"point": identity(point), **{name: tuple(bound) for name, bound in bounds.items()}}
    return _gathered(objective, record, maxima, resolution, call_of("optimize", told, options))


def _gathered(
    objective: Objective, record: Recorder, maxima: list[tuple[Array, float]], resolution: int, made_by: Call
) -> Optimum:
    """Everything that is said about the best point."""
    axes, (u, value) = objective.axes, (at_bounds(maxima[0][0]), maxima[0][1])
    lines = _lines(record, u, resolution)
    best = objective.result(u)
    scale = max(abs(value), *(float(np.abs(y).max()) for _, y in lines))
    noise = float(np.max(best.state.precision)) if isinstance(best, Run) else 4 * float(np.finfo(float).eps) * scale
    verdicts, shapes, height = {}, {}, {}
    for axis, x, (place, y) in zip(axes, u, lines, strict=True):
        verdicts[axis.name] = verdict_on(axis.name, y, value, _end(x, place), noise=noise)
        shapes[axis.name] = str(curve_shapes(y, noise=noise)) if y.size > 2 else "flat"
        height[axis.name] = value - float(max(y[0], y[-1]))
    width = np.array([axis.width for axis in axes])
    curvature, error = hessian(objective, u, noise)
    return Optimum(
        at=_named(axes, u),
        value=value,
        curvature=curvature / np.outer(width, width),
        curvature_error=error / np.outer(width, width),
        coordinates=tuple(axis.coordinate for axis in axes),
        verdicts=verdicts,
        shapes=shapes,
        height=height,
        maxima=tuple((_named(axes, place), found) for place, found in maxima),
        history=tuple(record.stages),
        n_missing=objective.n_missing,
        why_missing=objective.why,
        theory=theory_of(best),
        energy=objective.energy_of(best),
        trends=trends_of(objective, best, u, value, [(float(y[0]), float(y[-1])) for _, y in lines]),
        result=best,
        made_by=made_by,
    )


def _lines(record: Recorder, u: Array, resolution: int) -> list[tuple[Array, Array]]:
    """Through the best point along each axis: places that have a value, and the values there."""
    k, line = u.size, np.linspace(0.0, 1.0, resolution)
    if k == 1:
        values = [record.stages[0].values]
    else:
        points = np.repeat(u[None], k * resolution, axis=0).reshape(k, resolution, k)
        points[np.arange(k), :, np.arange(k)] = line
        record(points.reshape(-1, k))
        values = list(record.close("lines")[1].reshape(k, resolution))
    found = []
    for i, y in enumerate(values):
        has_value = np.isfinite(y)
        lone = (u[i : i + 1], np.array([record.stages[0].best]))
        found.append((line[has_value], y[has_value]) if has_value.any() else lone)
    return found


def at_bounds(u: Array) -> Array:
    """A place of the cube, moved to the bounds that it has reached to within a polish."""
    return np.where(u < AT_BOUND, 0.0, np.where(u > 1.0 - AT_BOUND, 1.0, u))


def _end(x: float, place: Array) -> str:
    """Which end of its curve a best point lies at, in words; "" inside."""
    if x <= 0.0 or x >= 1.0:
        return "its lower bound" if x <= 0.0 else "its upper bound"
    return "the end of the values it has" if x <= place[0] or x >= place[-1] else ""


def _named(axes: tuple[Axis, ...], u: Array) -> dict[str, float]:
    return {axis.name: float(axis.value(x)) for axis, x in zip(axes, u, strict=True)}


def _check_search(global_: Any, seed: Any, resolution: Any) -> None:
    if not isinstance(global_, (bool, np.bool_)):
        raise BadParameter(f"global_ is True or False; got {global_!r}.")
    for name, value in (("seed", seed), ("resolution", resolution)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise BadParameter(f"{name} is an integer, not negative; got {value!r}.")
    if not FEWEST <= resolution <= MOST:
        raise BadParameter(f"resolution is {FEWEST} to {MOST} points along an axis; got {resolution}.")
