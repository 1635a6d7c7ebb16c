"""Derivatives of a run on density matrices: the slope of what remains explicit, parameter by parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.stencil import slope
from qet.protocols.run import Run
from qet.protocols.tangent import alternatives, has_optimum, is_searched, optimal, tangent
from qet.solvers.deferred import unsolved

Array = np.ndarray
SEEDS = (1, 2)  # of the other best operations that are tried
SAME = 1e-6  # two derivatives that differ by more, relative to their scale, are two
LOST = 1e-4  # an error above this, relative to the derivative, says that there is none
NOISE = 16.0  # roundings of an energy, over the scale of the parameter, that an error always has: one over a step
PIECE = 1 << 18  # entries of the density matrices handled at once
KINK = 2.0**-9  # of the scale of a parameter: the larger step that looks for a kink


@dataclass(frozen=True, eq=False)
class Found:
    """One derivative of one part, shapes ()-or-batch."""

    derivative: Any
    error: Any
    smooth: Any
    one_sided: Any


Called = Callable[[Mapping[str, Any]], Run]
Answers = dict[str, dict[str, Found]]  # parameter -> part -> found


def implicit(called: Called, run: Run, values: Mapping[str, Any], parts: tuple[str, ...]) -> Answers:
    """The derivatives of some parts of a run.

    Args:
        called: The run at given parameters.
        run: The run at `values`.
        values: The parameters.
        parts: Of "injected", "extracted", "local", "leak".
    """
    most = max(1, PIECE // 4**run.state.model.n_sites)
    shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
    n = int(np.prod(run.shape))
    if shape != run.shape or n <= most:
        return _whole(called, run, values, parts)
    flat = {name: np.broadcast_to(value, shape).reshape(-1) for name, value in values.items()}
    pieces = []
    for start in range(0, n, most):
        some = {name: value[start : start + most] for name, value in flat.items()}
        pieces.append(_whole(called, called(some), some, parts))
    return {name: {part: _joined([piece[name][part] for piece in pieces], shape) for part in parts} for name in values}


def _joined(pieces: list[Found], shape: tuple[int, ...]) -> Found:
    fields = ("derivative", "error", "smooth", "one_sided")
    return Found(*(np.concatenate([getattr(piece, f) for piece in pieces]).reshape(shape) for f in fields))


def _whole(called: Called, run: Run, values: Mapping[str, Any], parts: tuple[str, ...]) -> Answers:
    functions: list[Callable[[Run], Any]] = []
    places: dict[str, list[int]] = {}
    smooth: dict[str, Any] = {}
    rounding: dict[str, Any] = {}
    for part in parts:
        tables: list[Array | None] = [None]
        if has_optimum(run, part):
            tables = [optimal(run, part)]
            if not is_searched(run):
                others = [alternatives(run, part, seed) for seed in SEEDS]
                tables += [table for table, several in others if several.any()]
        made = [tangent(run, part, table) for table in tables]
        places[part] = list(range(len(functions), len(functions) + len(made)))
        functions += [one.of for one in made]
        smooth[part] = made[0].is_smooth
        rounding[part] = NOISE * (np.asarray(run.precision) + made[0].rounding)
    answers: Answers = {}
    for name in values:
        answers[name] = _by(called, run, values, name, functions, places)
        for part, found in answers[name].items():
            is_smooth = found.smooth & smooth[part]
            if has_optimum(run, part) and is_searched(run):
                is_smooth = is_smooth & ~_is_kinked(called, values, name, part, run)
            error = found.error + rounding[part] / scale_of(values[name])
            answers[name][part] = Found(found.derivative, error, is_smooth, found.one_sided)
    return answers


def _by(
    called: Called,
    run: Run,
    values: Mapping[str, Any],
    name: str,
    functions: list[Callable[[Run], Any]],
    places: Mapping[str, list[int]],
) -> dict[str, Found]:
    """The derivatives of all parts by one parameter; those of equally good operations must agree."""
    size = scale_of(values[name])

    def shifted(x: Array) -> Array:
        with np.errstate(all="ignore"):
            other = unsolved(lambda: called({**values, name: x if x.ndim else float(x)}))
            return np.stack([np.broadcast_to(f(other), run.shape) for f in functions])

    found = slope(shifted, values[name], size)
    answers = {}
    for part, indices in places.items():
        derivative, error = found.value[indices[0]], found.error[indices[0]]
        ample = np.abs(getattr(run, part)) / size
        smooth = is_settled(derivative, error, ample, NOISE * np.asarray(run.precision) / size)
        for i in indices[1:]:
            limit = (
                SAME * (np.abs(derivative) + ample) + error + found.error[i] + NOISE * np.asarray(run.precision) / size
            )
            smooth = smooth & (np.abs(found.value[i] - derivative) <= limit)
        answers[part] = Found(derivative, error, smooth, found.is_one_sided[indices[0]])
    return answers


def is_settled(derivative: Any, error: Any, ample: Any, noise: Any = 0.0) -> Any:
    """Whether an error is small beside the derivative, or beside the energy over the parameter; else there is none."""
    return error <= LOST * np.abs(derivative) + SAME * ample + noise


def scale_of(value: Any) -> Array:
    """What a parameter varies on: its size; where it is zero the largest of the batch; one where all are zero."""
    size = np.abs(np.asarray(value, dtype=float))
    return np.asarray(np.where(size > 0.0, size, size.max(initial=0.0) or 1.0))


def _is_kinked(called: Called, values: Mapping[str, Any], name: str, part: str, run: Run) -> Array:
    """Where the slopes on both sides do not approach each other: of an optimum that is searched, by its values."""
    x, middle = np.asarray(values[name], dtype=float), np.asarray(getattr(run, part))
    jumps = []
    for h in (KINK * scale_of(x), KINK / 2 * scale_of(x)):
        with np.errstate(all="ignore"):
            up, down = (np.asarray(getattr(called({**values, name: x + s * h}), part)) for s in (1, -1))
        jumps.append(np.abs(up - 2 * middle + down) / h)
    noise = (16 * np.asarray(run.precision) + 1e-9 * np.abs(middle)) / (KINK * scale_of(x))
    return np.asarray((jumps[1] > 0.75 * jumps[0]) & (jumps[1] > noise + 1e-6 * np.abs(middle) / scale_of(x)))
