"""How the raw numbers of a run follow the parameters of the function that made it.

The raw numbers that a run holds (coefficients of H, temperatures, rates, chemical potentials, the strength of the
measurement and the error of the message) are its leaves. The derivatives by the leaves are exact formulas; those of
the leaves by the parameters come from small steps of the user's function, which is never solved. Where the leaves are
linear in the parameters with the same slopes at sampled points, and the line through the samples passes through every
point of the batch, the slopes hold everywhere and the function is called on the samples alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.errors import QetError
from qet.foundations.stencil import Slope, slope
from qet.physics.baths import Bath
from qet.protocols.run import Run
from qet.solvers.deferred import unsolved
from qet.solvers.transposed import Leaf
from qet.studies.gradients.implicit import Called, scale_of

Array = np.ndarray
SAMPLES = 8
FEW = 64  # points up to which every one is sampled
STRAIGHT = 1e-11  # of a leaf: how far from its line it may lie


class NotALeaf(Exception):
    """What is not a leaf depends on a parameter."""


def leaves_of(run: Run) -> dict[Leaf, Any]:
    """The raw numbers of a run, by name."""
    found: dict[Leaf, Any] = {("h", s): c for s, c in run.state.model.H.terms if s}
    for i, thing in enumerate(run.state.surroundings):
        found["rate", i] = thing.rate
        if isinstance(thing, Bath):
            found["T", i], found["mu", i] = thing.T, thing.mu
    found["strength",], found["error",] = run.measurement.strength, run.message_error
    return found


def _fixed(run: Run) -> Any:
    """What must not depend on a parameter: everything but the leaves."""
    things = tuple(
        (t.sites, t.statistics, str(t.coupling), t.full_band, t.spectrum) if isinstance(t, Bath) else t.operator.terms
        for t in run.state.surroundings
    )
    direction = run.measurement.direction
    letters = None if direction is None else direction.tobytes()
    parties = (run.state.model.A, run.state.model.B, run.state.master)
    return things, letters, parties, run.feedback.recipe, tuple(leaves_of(run))


@dataclass(frozen=True, eq=False)
class Lines:
    """How the leaves follow the parameters.

    Attributes:
        slopes: Parameter -> leaf -> slope (a number where it is the same at all points).
        errors: Parameter -> leaf -> its error, likewise.
        one_sided: Parameter -> where it is at the end of its domain.
    """

    slopes: dict[str, dict[Leaf, Any]]
    errors: dict[str, dict[Leaf, Any]]
    one_sided: dict[str, Any]


def lines_of(called: Called, run: Run, values: Mapping[str, Any]) -> Lines:
    """How the leaves of a run follow its parameters.

    Raises:
        NotALeaf: where something that is no leaf follows them, too.
    """
    shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
    n = int(np.prod(shape))
    if n > FEW:
        found = _sampled(called, run, values, shape, n)
        if found is not None:
            return found
    lines = Lines({}, {}, {})
    for name in values:
        _enter(lines, name, _leaf_slopes(called, run, values, name), list(leaves_of(run)))
    return lines


def _enter(lines: Lines, name: str, found: Slope, leaves: list[Leaf]) -> None:
    lines.slopes[name] = {leaf: found.value[i] for i, leaf in enumerate(leaves) if np.any(found.value[i] != 0.0)}
    lines.errors[name] = {leaf: found.error[i] for i, leaf in enumerate(leaves)}
    lines.one_sided[name] = found.is_one_sided[0]


def _leaf_slopes(called: Called, run: Run, values: Mapping[str, Any], name: str) -> Slope:
    """The slopes of all leaves by one parameter, stacked on the first axis."""
    fixed, shape = _fixed(run), run.shape

    def shifted(x: Array) -> Array:
        with np.errstate(all="ignore"):
            other = unsolved(lambda: called({**values, name: x if x.ndim else float(x)}))
        if _fixed(other) != fixed:
            raise NotALeaf
        return np.stack([np.broadcast_to(value, shape) for value in leaves_of(other).values()])

    return slope(shifted, values[name], scale_of(values[name]))


def _sampled(called: Called, run: Run, values: Mapping[str, Any], shape: tuple[int, ...], n: int) -> Lines | None:
    """The slopes at a few points, if they hold at all; else None."""
    places = np.unique(np.linspace(0, n - 1, SAMPLES).astype(int))
    where = np.unravel_index(places, shape)
    some = {name: np.broadcast_to(value, shape)[where] for name, value in values.items()}
    try:
        small = unsolved(lambda: called(some))
        if small.shape != places.shape or _fixed(small) != _fixed(run):
            return None
        leaves = leaves_of(small)
        lines = Lines({}, {}, {})
        for name in values:
            found = _leaf_slopes(called, small, some, name)
            first = found.value[:, :1]
            noise = found.error + found.error[:, :1]
            unlike = np.abs(found.value - first) > STRAIGHT * np.maximum(np.abs(first), np.abs(found.value)) + noise
            if unlike.any() or found.is_one_sided.any() or not np.isfinite(found.value).all():
                return None
            settled = replace(found, value=_rounded(first[:, 0]), error=found.error.max(-1))
            _enter(lines, name, settled, list(leaves))
            lines.one_sided[name] = False
    except (QetError, ValueError, IndexError):  # a function with arrays of its own
        return None
    whole = leaves_of(run)
    is_straight = all(_on_line(whole[leaf], leaf, lines, values, some, leaves[leaf]) for leaf in whole)
    return lines if is_straight else None


def _rounded(slopes: Array) -> Array:
    """Slopes that are simple fractions to rounding, as such: then a line is exact."""
    near = np.round(slopes * 64.0) / 64.0
    return np.where(np.abs(slopes - near) <= 1e-12, near, slopes)


def _on_line(
    whole: Any, leaf: Leaf, lines: Lines, values: Mapping[str, Any], some: Mapping[str, Any], sampled: Any
) -> bool:
    """Whether a leaf lies on the line through its samples at every point."""
    bent = {name: slopes[leaf] for name, slopes in lines.slopes.items() if leaf in slopes}
    at_zero = sampled - sum(number * some[name] for name, number in bent.items())
    middle, size = np.mean(at_zero), np.max(np.abs(sampled))
    if np.max(np.abs(at_zero - middle)) > STRAIGHT * size:
        return False
    middle = 0.0 if abs(middle) <= STRAIGHT * size else middle

    def off(value: Any, *given: Any) -> tuple[Any, ...]:
        line: Any = middle
        for number, x in zip(bent.values(), given, strict=True):
            line = line + (x if number == 1.0 else number * x)
        return (np.max(np.abs(value - line)) if np.ndim(value) or np.ndim(line) else abs(value - line),)

    worst = 0.0

    def gathered(*pieces: Any) -> tuple[Any, ...]:
        nonlocal worst
        worst = max(worst, float(off(*pieces)[0]))
        return (0.0,)

    in_chunks(gathered, whole, *(values[name] for name in bent))
    return worst <= STRAIGHT * max(float(size), float(np.max(np.abs(whole))))
