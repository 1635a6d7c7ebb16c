"""Derivatives for the pair between reservoirs as arithmetic on arrays: transposed elimination, then the chain rule.

From the energy to the means of the state, the parameters of the generator and the raw numbers of the run (its leaves)
by formulas; from the leaves to the user's parameters along the lines of `leaves`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qet.foundations.chunks import SIZE, in_chunks
from qet.foundations.errors import NotOffered
from qet.protocols import shortcut
from qet.protocols.message import is_matrix
from qet.protocols.pair_slopes import extracted_slopes, injected_slopes, local_slopes
from qet.protocols.run import Run
from qet.solvers.pair import XX
from qet.solvers.states import Expectations
from qet.solvers.transposed import Leaf, chained, inputs_of, pulled, transposed
from qet.studies.gradients.implicit import Answers, Called, Found, implicit, is_settled, scale_of
from qet.studies.gradients.leaves import Lines, NotALeaf, lines_of

Array = np.ndarray
PARTS = ("injected", "extracted", "local")
ROUNDING = 256.0 * float(np.finfo(float).eps)
MOST_OTHERS = 1 << 16  # doubtful points that are taken up by matrices


def is_offered(run: Run, parts: Sequence[str]) -> bool:
    """Whether the closed forms and the elimination hold: the minimal pair's H, a GKSL steady state, X measured."""
    state = run.state
    return (
        set(parts) <= set(PARTS)
        and state.solver == "elimination"
        and state.origin.word == "steady"
        and shortcut._is_pair(run)
        and shortcut._is_free(run)
        and not is_matrix(run.message_error, 2)
        and inputs_of(state.model, state.surroundings, str(state.master)) is not None
    )


def by_leaves(called: Called, run: Run, values: Mapping[str, Any], parts: Sequence[str], method: str) -> Answers:
    """The derivatives of some parts of a run; points where they are in doubt go through matrices.

    Arguments as in `implicit`; `method` is "implicit" or "jax".
    """
    try:
        lines = lines_of(called, run, values)
    except NotALeaf:
        if method == "jax":
            raise NotOffered(
                'method="jax" follows numbers (coefficients, temperatures, rates, strengths); here operators follow a '
                'parameter. Take method="implicit".'
            ) from None
        return implicit(called, run, values, tuple(parts))
    answers: Answers = {name: {} for name in values}
    for part in parts:
        for name, found in _of_part(run, part, values, lines, method).items():
            answers[name][part] = found
    return _completed(called, run, values, parts, answers)


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

    worst = dict.fromkeys(names, 0.0)

    def joined(*pieces: Any) -> tuple[Any, ...]:
        slopes, doubtful = function(*pieces)
        found = [_along(slopes, lines.slopes[name]) for name in names]
        for name, derivative in zip(names, found, strict=True):  # while the piece is in the cache
            worst[name] = np.fmax(worst[name], np.max(np.abs(derivative), initial=0.0))
        return (*found, doubtful | ~np.isfinite(sum(found)))

    def apart(*pieces: Any) -> tuple[Any, ...]:
        slopes, doubtful = function(*pieces)
        return (*(slopes.get(leaf, 0.0) for leaf in needed), doubtful)

    size = 1 << 18 if method == "jax" else SIZE
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        *found, doubtful = in_chunks(joined if are_numbers else apart, *inputs, size=size)
    smooth = ~np.asarray(doubtful)
    if are_numbers:
        return {
            name: Found(derivative, ROUNDING * worst[name], smooth, lines.one_sided[name])
            for name, derivative in zip(names, found, strict=True)
        }
    answers, own = {}, dict(zip(needed, found, strict=True))
    for name in names:
        derivative = np.asarray(_along(own, lines.slopes[name]))
        error = ROUNDING * np.max(np.abs(derivative), initial=0.0, where=np.isfinite(derivative))
        error = error + sum(np.abs(own[leaf]) * lines.errors[name][leaf] for leaf in lines.slopes[name])
        size = np.abs(getattr(run, part)) / scale_of(values[name])
        is_found = smooth & np.isfinite(derivative) & is_settled(derivative, error, size)
        answers[name] = Found(derivative, error, is_found, lines.one_sided[name])
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
    raw, strings = inputs.raw, list(payload.values)
    s, q = (v if np.ndim(v) else float(v) for v in (run.measurement.strength, run.message_error))
    is_strong = isinstance(s, float) and isinstance(q, float) and abs(s * (1.0 - 2.0 * q)) == 1.0

    def function(*pieces: Any) -> tuple[dict[Leaf, Any], Any]:
        given, held, (s, q) = pieces[: len(raw)], pieces[len(raw) : -2], pieces[-2:]
        means = dict(zip(strings, held, strict=True))
        h = dict(zip(inputs.strings, given, strict=False))
        point = {"a": h.get(zA, 0.0), "b": h.get(zB, 0.0), "c": h.get(XX, 0.0), "zA": means.get(zA, 0.0)}
        point |= {"z": means.get(zB, 0.0), "x": means.get(XX, 0.0), "y": means.get(current, 0.0)}
        by, kinked = _energy_slopes(part, point, s, q, is_strong)
        weights = {string: by[name] for name, string in wanted.items() if string in means}
        rates = [d.evaluate(*share) for d, share in zip(inputs.dissipators, inputs.shares(given), strict=True)]
        slopes = chained(inputs, given, rates, pulled(system, inputs.parameters(given, rates), means, weights))
        for name, string in (("a", zA), ("b", zB), ("c", XX)):
            if name in by:
                slopes["h", string] = slopes["h", string] + by[name] if ("h", string) in slopes else by[name]
        if ("strength",) in needed:
            slopes["strength",] = by["s"]() * (1.0 if part == "injected" else 1.0 - 2.0 * q)
        if ("error",) in needed:
            slopes["error",] = 0.0 if part == "injected" else -2.0 * s * by["s"]()
        return slopes, kinked

    return function, (*raw, *(payload.values[string] for string in strings), s, q)


def _energy_slopes(part: str, point: Mapping[str, Any], s: Any, q: Any, is_strong: bool) -> tuple[dict[str, Any], Any]:
    a, b, c, zA, z, x, y = (point[name] for name in ("a", "b", "c", "zA", "z", "x", "y"))
    if part == "injected":
        return injected_slopes(a, zA, s)
    if part == "local":
        return local_slopes(b, c, z, x, y)
    return extracted_slopes(b, c, z, x, y, s * (1.0 - 2.0 * q), is_strong=is_strong)


# -- what is left to matrices --------------------------------------------------------------------------


def _completed(called: Called, run: Run, values: Mapping[str, Any], parts: Sequence[str], answers: Answers) -> Answers:
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
