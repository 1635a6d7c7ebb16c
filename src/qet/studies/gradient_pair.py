"""Derivatives for the pair between reservoirs as arithmetic on arrays: transposed elimination, then the chain rule.

The raw numbers that a run holds (coefficients of H, temperatures, rates, chemical potentials, the strength of the
measurement and the error of the message) are its leaves. The derivatives by the leaves are exact formulas; those of
the leaves by the parameters come from small steps of the user's function, which is never solved. Where the leaves are
linear in the parameters with the same slopes at sampled points, and the line through the samples passes through every
point of the batch, the slopes hold everywhere and the function is called on the samples alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.errors import QetError
from qet.foundations.stencil import Slope, slope
from qet.physics.baths import Bath
from qet.protocols import shortcut
from qet.protocols.message import is_matrix
from qet.protocols.pair_slopes import extracted_slopes, injected_slopes, local_slopes
from qet.protocols.run import Run
from qet.solvers.deferred import deferred
from qet.solvers.pair import XX
from qet.solvers.states import Expectations
from qet.solvers.transposed import Inputs, Leaf, chained, inputs_of, pulled, transposed
from qet.studies.gradient_implicit import Answers, Called, Found, implicit, scale_of

Array = np.ndarray
PARTS = ("injected", "extracted", "local")
SAMPLES = 8
FEW = 64  # points up to which every one is sampled
STRAIGHT = 1e-11  # of a leaf: how far from its line it may lie
SIZE = 4096  # points a piece: some eighty temporaries
ROUNDING = 256.0 * float(np.finfo(float).eps)
MOST_OTHERS = 1 << 16  # doubtful points that are taken up by matrices


def is_offered(run: Run, parts: Sequence[str]) -> bool:
    """Whether the closed forms and the elimination hold: the minimal pair's H, a GKSL steady state, X measured."""
    state = run.state
    return (
        set(parts) <= set(PARTS)
        and state.solver == "elimination"
        and state.origin is state.made_by
        and shortcut._is_pair(run)
        and shortcut._is_free(run)
        and not is_matrix(run.message_error, 2)
        and inputs_of(state.model, state.surroundings, str(state.master)) is not None
    )


def by_leaves(
    called: Called, run: Run, values: Mapping[str, Any], parts: Sequence[str], method: str
) -> Answers:
    """The derivatives of some parts of a run; points where they are in doubt go through matrices.

    Arguments as in `implicit`; `method` is "implicit" or "jax".
    """
    try:
        lines = _lines(called, run, values)
    except _Other:
        return implicit(called, run, values, tuple(parts))
    answers: Answers = {name: {} for name in values}
    for part in parts:
        for name, found in _of_part(run, part, values, lines, method).items():
            answers[name][part] = found
    return _completed(called, run, values, parts, answers)


class _Other(Exception):
    """What is not a leaf depends on a parameter."""


# -- leaves ----------------------------------------------------------------------------------------


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


def _lines(called: Called, run: Run, values: Mapping[str, Any]) -> Lines:
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
        with deferred():
            other = called({**values, name: x if x.ndim else float(x)})
        if _fixed(other) != fixed:
            raise _Other
        return np.stack([np.broadcast_to(value, shape) for value in leaves_of(other).values()])

    return slope(shifted, values[name], scale_of(values[name]))


def _sampled(called: Called, run: Run, values: Mapping[str, Any], shape: tuple[int, ...], n: int) -> Lines | None:
    """The slopes at a few points, if they hold at all; else None."""
    places = np.unique(np.linspace(0, n - 1, SAMPLES).astype(int))
    where = np.unravel_index(places, shape)
    some = {name: np.broadcast_to(value, shape)[where] for name, value in values.items()}
    try:
        with deferred():
            small = called(some)
        if small.shape != places.shape or _fixed(small) != _fixed(run):
            return None
        leaves = leaves_of(small)
        lines = Lines({}, {}, {})
        for name in values:
            found = _leaf_slopes(called, small, some, name)
            first = found.value[:, :1]
            unlike = np.abs(found.value - first) > STRAIGHT * np.maximum(np.abs(first), np.abs(found.value))
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


# -- derivatives by the leaves -----------------------------------------------------------------------


def _of_part(run: Run, part: str, values: Mapping[str, Any], lines: Lines, method: str) -> dict[str, Found]:
    names = list(values)
    are_numbers = not any(np.ndim(number) for table in lines.slopes.values() for number in table.values())
    needed = tuple(dict.fromkeys(leaf for table in lines.slopes.values() for leaf in table))
    if method == "jax":
        from qet.protocols.traced_pair import leaf_slopes as by_jax

        function, inputs = by_jax(run, part, needed)
    else:
        function, inputs = _by_hand(run, part, needed)

    def joined(*pieces: Any) -> tuple[Any, ...]:
        slopes, doubtful = function(*pieces)
        return (*(_along(slopes, lines.slopes[name]) for name in names), doubtful)

    def apart(*pieces: Any) -> tuple[Any, ...]:
        slopes, doubtful = function(*pieces)
        return (*(slopes.get(leaf, 0.0) for leaf in needed), doubtful)

    size = max(SIZE, 1 << 18) if method == "jax" else SIZE
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        *found, doubtful = in_chunks(joined if are_numbers else apart, *inputs, size=size)
    smooth = ~np.asarray(doubtful)
    answers = {}
    for i, name in enumerate(names):
        derivative = found[i] if are_numbers else _along(dict(zip(needed, found, strict=True)), lines.slopes[name])
        error = ROUNDING * np.max(np.abs(derivative), initial=0.0, where=np.isfinite(derivative))
        if not are_numbers:
            own = dict(zip(needed, found, strict=True))
            error = error + sum(np.abs(own[leaf]) * lines.errors[name][leaf] for leaf in lines.slopes[name])
        answers[name] = Found(derivative, error, smooth & np.isfinite(derivative), lines.one_sided[name])
    return answers


def _along(slopes: Mapping[Leaf, Any], line: Mapping[Leaf, Any]) -> Any:
    """The chain rule: Σ over the leaves."""
    total: Any = None
    for leaf, number in line.items():
        if leaf not in slopes:
            continue
        value = slopes[leaf] if not np.ndim(number) and number == 1.0 else number * slopes[leaf]
        total = value if total is None else total + value
    return 0.0 if total is None else total


Function = Callable[..., tuple[dict[Leaf, Any], Any]]


def _by_hand(run: Run, part: str, needed: tuple[Leaf, ...]) -> tuple[Function, tuple[Any, ...]]:
    """A function of flat pieces with the derivatives by the leaves and where they are in doubt, and its inputs."""
    payload, model = run.state.payload, run.state.model
    assert isinstance(payload, Expectations)
    A, B = model.A[0], model.B[0]
    inputs = inputs_of(model, run.state.surroundings, str(run.state.master))
    assert inputs is not None
    current = ((A, "X"), (B, "Y")) if A < B else ((B, "Y"), (A, "X"))
    zA, zB = ((A, "Z"),), ((B, "Z"),)
    wanted = {"z": zB, "x": XX, "y": current} if part != "injected" else {"zA": zA}
    system = transposed(model.n_sites, inputs.keys, tuple(wanted.values()))
    assert system is not None
    raw, parameters_of = inputs.parameters()
    strings = list(payload.values)
    s, q = (v if np.ndim(v) else float(v) for v in (run.measurement.strength, run.message_error))
    is_strong = isinstance(s, float) and isinstance(q, float) and abs(s * (1.0 - 2.0 * q)) == 1.0

    def function(*pieces: Any) -> tuple[dict[Leaf, Any], Any]:
        given, held, (s, q) = pieces[: len(raw)], pieces[len(raw) : -2], pieces[-2:]
        means = dict(zip(strings, held, strict=True))
        h = {string: given[i] for i, string in enumerate(t for t, _ in model.H.terms if t)}
        point = {"a": h.get(zA, 0.0), "b": h.get(zB, 0.0), "c": h.get(XX, 0.0), "zA": means.get(zA, 0.0)}
        point |= {"z": means.get(zB, 0.0), "x": means.get(XX, 0.0), "y": means.get(current, 0.0)}
        by, kinked = _energy_slopes(part, point, s, q, is_strong)
        weights = {string: by[name] for name, string in wanted.items() if string in means}
        from_state, doubtful = pulled(system, parameters_of(given), means, weights)
        slopes = chained(inputs, given, from_state)
        for name, string in (("a", zA), ("b", zB), ("c", XX)):
            if name in by:
                slopes["h", string] = slopes["h", string] + by[name] if ("h", string) in slopes else by[name]
        if ("strength",) in needed:
            slopes["strength",] = by["s"]() * (1.0 if part == "injected" else 1.0 - 2.0 * q)
        if ("error",) in needed:
            slopes["error",] = 0.0 if part == "injected" else -2.0 * s * by["s"]()
        return slopes, kinked | doubtful

    return function, (*raw, *(payload.values[string] for string in strings), s, q)


def _energy_slopes(part: str, point: Mapping[str, Any], s: Any, q: Any, is_strong: bool) -> tuple[dict[str, Any], Any]:
    a, b, c, zA, z, x, y = (point[name] for name in ("a", "b", "c", "zA", "z", "x", "y"))
    if part == "injected":
        return injected_slopes(a, zA, s)
    if part == "local":
        return local_slopes(b, c, z, x, y)
    return extracted_slopes(b, c, z, x, y, s * (1.0 - 2.0 * q), is_strong=is_strong)


# -- what is left to matrices --------------------------------------------------------------------------


def _completed(
    called: Called, run: Run, values: Mapping[str, Any], parts: Sequence[str], answers: Answers
) -> Answers:
    """The answers, with doubtful points taken up by matrices where the parameters name every point."""
    smooth = [found.smooth for table in answers.values() for found in table.values()]
    rough = ~np.logical_and.reduce([np.broadcast_to(mask, run.shape) for mask in smooth])
    shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
    if not rough.any() or shape != run.shape or rough.sum() > MOST_OTHERS:
        return answers
    if not shape:
        return implicit(called, run, values, tuple(parts))
    some = {name: np.broadcast_to(value, shape)[rough] for name, value in values.items()}
    others = implicit(called, called(some), some, tuple(parts))
    for name, table in answers.items():
        for part, found in table.items():
            table[part] = _filled(found, others[name][part], rough)
    return answers


def _filled(found: Found, other: Found, where: Array) -> Found:
    fields = []
    for name in ("derivative", "error", "smooth", "one_sided"):
        whole = np.array(np.broadcast_to(getattr(found, name), where.shape))
        whole[where] = np.broadcast_to(getattr(other, name), int(where.sum()))
        fields.append(whole)
    return Found(*fields)


__all__ = ["Inputs", "by_leaves", "is_offered", "leaves_of"]
