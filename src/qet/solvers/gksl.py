"""Steady states of GKSL equations in Pauli coordinates, a million points in one call.

The unknowns are the means of the Pauli strings reachable from the identity: for the minimal pair with a
local bath on each site <Z0>, <Z1>, <X0X1>, <Y0Y1>, <X0Y1>, <Y0X1> and <Z0Z1>. A sparse block is solved by
elimination on arrays, chunk by chunk, with its residual checked; flagged points are refined by the same
elimination, and what that leaves, and dense blocks, goes through LAPACK.

Uniqueness is certified, or counted where it cannot be, by `uniqueness`.

Positivity is guaranteed by the GKSL form. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from qet.foundations.chunks import SIZE, in_chunks, is_played
from qet.foundations.elimination import Plan, solve
from qet.foundations.errors import NoUniqueSteadyState, TooLarge
from qet.physics.model import Model
from qet.solvers.dissipators import Dissipator
from qet.solvers.generator import Block, Generator, Key, block, correction, evaluate, full_generator
from qet.solvers.questions import marginal_of
from qet.solvers.states import Expectations
from qet.solvers.uniqueness import CHUNK, count_states, dense_size, lacks_certificate

Array = np.ndarray
Parameters = dict[Key, Any]

MAX_SITES = 6
FEW = 500  # operations of a plan up to which a chunk of the usual size stays in the cache
QUICK_RESIDUAL = 1e-13  # relative to the smallest diagonal entry of the chunk: then no point needs a look
RESIDUAL = 32 * float(np.finfo(float).eps)  # of a row, relative to the sum of its terms


def gksl_steady(model: Model, dissipators: Sequence[Dissipator]) -> Expectations:
    """The steady state of -i[H, rho] + Σ D_i(rho).

    Args:
        model: H; coefficients may be arrays.
        dissipators: From `local_jumps` or `jump_dissipators`.

    Returns:
        The means of the strings reachable from the identity, each of the broadcast shape.

    Raises:
        NoUniqueSteadyState: with the number of steady states found (dimension of the null space), the first
            point and the mask; `.best` is the density matrix that was found, any one of them.
        TooLarge: beyond six sites.
    """
    _check_size(model)
    inputs, parameters_of = _parameters(model, dissipators)
    keys = _keys(model, dissipators)
    system = block(model.n_sites, keys, is_played(*inputs))

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        parameters = parameters_of(pieces)
        if not system.generator.strings:
            means = []  # nothing drives a mean away from zero: the maximally mixed state
        elif system.plan is None:
            means = _dense_means(system.generator, parameters)
        else:
            means = _eliminated_means(system, system.plan, parameters, (model.n_sites, keys))
        return (*means, lacks_certificate(model.n_sites, parameters))

    size = dense_size(len(system.generator.strings))
    if system.plan is not None:
        size = SIZE if system.plan.flops <= FEW else CHUNK
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        *means, doubtful = in_chunks(chunk, *inputs, size=size, is_elementwise=system.plan is not None)
    payload = Expectations(model.n_sites, dict(zip(system.generator.strings, means, strict=True)))
    if np.any(doubtful):
        _check_unique(model, keys, inputs, parameters_of, payload)
    return payload


def gksl_residual(model: Model, dissipators: Sequence[Dissipator], payload: Expectations) -> Any:
    """max_P |d<P>/dt| over the strings of the payload, in units of energy; the shape of the batch."""
    inputs, parameters_of = _parameters(model, dissipators)
    system = block(model.n_sites, _keys(model, dissipators)).generator
    n = len(inputs)

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        parameters, means = parameters_of(pieces[:n]), pieces[n:]
        worst: Any = 0.0
        for i in range(len(system.strings)):
            total = evaluate(system.constant[i], parameters) if i in system.constant else 0.0
            for (row, j), form in system.matrix.items():
                if row == i:
                    total = total + evaluate(form, parameters) * means[j]
            worst = np.maximum(worst, np.abs(total))
        return (worst,)

    return in_chunks(chunk, *inputs, *(payload[s] for s in system.strings))[0]


def gksl_error(model: Model, dissipators: Sequence[Dissipator], payload: Expectations) -> Any:
    """Estimated absolute error of a mean, the worst of all; the shape of the batch.

    A solution whose residual is r = M x + v is off by M⁻¹ r, and r itself is known up to the rounding y of its terms,
    c ε (|M| |x| + |v|) row by row, c = 4, with the ε of the longest float. M⁻¹ is applied to r and to two vectors of
    the size of y with fixed signs: an estimate, no bound.
    """
    inputs, parameters_of = _parameters(model, dissipators)
    generator = block(model.n_sites, _keys(model, dissipators)).generator
    n = len(inputs)
    if not generator.strings:
        return 0.0

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        M, v = generator.dense(parameters_of(pieces[:n]))
        x = np.stack(np.broadcast_arrays(*pieces[n:], v[..., 0])[:-1], axis=-1)
        worst = _off_by(M, v, x)
        return (worst if any(np.ndim(piece) for piece in pieces) else float(worst[0]),)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        means = (payload[s] for s in generator.strings)
        return in_chunks(chunk, *inputs, *means, size=dense_size(len(generator.strings)))[0]


def _off_by(M: Array, v: Array, x: Array) -> Array:
    """The estimate of `gksl_error`, shape (points,); infinite where M is singular."""
    r = _residual(M, v, x)
    y = 4.0 * float(np.finfo(np.longdouble).eps) * ((np.abs(M) @ np.abs(x)[..., None])[..., 0] + np.abs(v))
    signs = np.sign(np.cos(1.0 + np.arange(v.shape[-1]) * 2.399963229728653))  # multiples of the golden angle
    right = np.stack([r, y, signs * y], axis=-1)
    try:
        found = np.linalg.solve(M, right)
    except np.linalg.LinAlgError:
        found = np.array([_solved_or_nan(a, b) for a, b in zip(M, right, strict=True)])
    return np.asarray(np.nan_to_num(np.abs(found).max(axis=(-1, -2)), nan=np.inf))


def _residual(M: Array, v: Array, x: Array) -> Array:
    """M x + v, summed in the longest float that the platform has."""
    long = np.longdouble
    return np.asarray((M.astype(long) @ x.astype(long)[..., None])[..., 0] + v, dtype=float)


def gksl_matrix(model: Model, dissipators: Sequence[Dissipator]) -> Array:
    """The full generator acting on the vector of the 4^n means, identity first; shape (*shape, 4^n, 4^n)."""
    _check_size(model)
    inputs, parameters_of = _parameters(model, dissipators)
    generator = full_generator(model.n_sites, _keys(model, dissipators))
    m = len(generator.strings)

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        M, v = generator.dense(parameters_of(pieces))
        full = np.zeros((len(M), m + 1, m + 1))
        full[:, 1:, 1:], full[:, 1:, 0] = M, v
        return (full if any(np.ndim(p) for p in pieces) else full[0],)

    if not any(np.ndim(x) for x in inputs):
        return np.asarray(chunk(*inputs)[0])
    return np.asarray(in_chunks(chunk, *inputs, size=dense_size(m))[0])


def _keys(model: Model, dissipators: Sequence[Dissipator]) -> tuple[Key, ...]:
    fields = [("h", string) for string, _ in model.H.terms if string]
    return tuple(dict.fromkeys([*fields, *(key for d in dissipators for key in d.keys)]))


def _parameters(
    model: Model, dissipators: Sequence[Dissipator]
) -> tuple[tuple[Any, ...], Callable[[Sequence[Any]], Parameters]]:
    """The raw inputs of the whole problem, and the map from their pieces to the generator's parameters."""
    terms = [(("h", string), np.real(c) if np.iscomplexobj(c) else c) for string, c in model.H.terms if string]

    def parameters_of(pieces: Sequence[Any]) -> Parameters:
        parameters: Parameters = {key: piece for (key, _), piece in zip(terms, pieces, strict=False)}
        start = len(terms)
        for d in dissipators:
            stop = start + len(d.inputs)
            for key, value in zip(d.keys, d.evaluate(*pieces[start:stop]), strict=True):
                parameters[key] = parameters[key] + value if key in parameters else value
            start = stop
        return parameters

    return (*(c for _, c in terms), *(x for d in dissipators for x in d.inputs)), parameters_of


def _eliminated_means(
    system: Block, plan: Plan, parameters: Parameters, name: tuple[int, tuple[Key, ...]]
) -> list[Any]:
    values = {label: evaluate(form, parameters) for label, form in system.forms.items()}
    means = solve(plan, values)
    flagged = _flagged(system, plan.modified, values, means)
    if flagged is None:
        return means
    if not np.ndim(flagged):
        better = _corrected(system, correction(*name), values, means)
        is_wrong = _flagged(system, range(len(system.rows)), values, better) is not None
        return _dense_means(system.generator, parameters, is_refined=True) if is_wrong else better
    where = np.flatnonzero(flagged)
    there = {label: value[where] if np.ndim(value) else value for label, value in values.items()}
    means = [np.array(np.broadcast_to(x, len(flagged))) for x in means]
    _put(means, where, _corrected(system, correction(*name), there, [x[where] for x in means]))
    wrong = _flagged(system, range(len(system.rows)), there, [x[where] for x in means])
    if wrong is not None:
        where = where[np.broadcast_to(wrong, len(where))]
        left = {key: value[where] if np.ndim(value) else value for key, value in parameters.items()}
        _put(means, where, _dense_means(system.generator, left, len(where), is_refined=True))
    return means


def _put(means: Sequence[Array], where: Array, better: Sequence[Any]) -> None:
    for mean, values in zip(means, better, strict=True):
        mean[where] = values


def _flagged(system: Block, rows: Iterable[int], values: Mapping[Any, Any], means: Sequence[Any]) -> Any:
    """Where some row is off by more than rounding; None if nowhere."""
    flagged = None
    for i in rows:
        wrong = _wrong_rows(*system.rows[i], values, means)
        if wrong is not None:
            flagged = wrong if flagged is None else flagged | wrong
    return flagged


def _corrected(system: Block, plan: Plan, values: Mapping[Any, Any], means: Sequence[Any]) -> list[Any]:
    """One step of refinement by the same elimination, with the residual in the longest float."""
    long = [np.asarray(x, dtype=np.longdouble)[()] for x in means]
    off = dict(values)
    for i, (entries, right, _) in enumerate(system.rows):
        off["residual", i] = np.asarray(_off(entries, right, values, long), dtype=float)[()]
    return [x - d for x, d in zip(means, solve(plan, off), strict=True)]


def _off(entries: Sequence[tuple[int, int, Any]], right: Any, values: Mapping[Any, Any], means: Sequence[Any]) -> Any:
    """What a row is off by."""
    residual: Any = 0.0 if right is None else -right[0] * values[right[1]]
    for j, sign, label in entries:
        part = values[label] * means[j]
        residual = residual + part if sign > 0 else residual - part
    return residual


def _wrong_rows(
    entries: Sequence[tuple[int, int, Any]], right: Any, diagonal: Any, values: Mapping[Any, Any], means: Sequence[Any]
) -> Any:
    """Where a row's residual is too large for the rounding of its terms; None if nowhere."""
    residual = _off(entries, right, values, means)
    worst = np.maximum(np.max(residual, initial=0.0), -np.min(residual, initial=0.0))
    if diagonal is not None and worst <= QUICK_RESIDUAL * np.min(np.abs(values[diagonal]), initial=np.inf):
        return None
    scale: Any = 0.0 if right is None else np.abs(values[right[1]])
    for j, _, label in entries:
        scale = scale + np.abs(values[label] * means[j])
    wrong = ~(np.abs(residual) <= RESIDUAL * scale)
    if diagonal is not None:
        wrong = wrong & ~(np.abs(residual) <= QUICK_RESIDUAL * np.abs(values[diagonal]))
    elif np.any(wrong):  # the means of a row that turns alone may vanish by symmetry, and be rounding
        largest: Any = 0.0
        for _, _, label in entries:
            largest = np.maximum(largest, np.abs(values[label]))
        wrong = wrong & ~(np.abs(residual) <= np.finfo(float).eps * largest)
    return wrong if np.any(wrong) else None


def _dense_means(
    generator: Generator, parameters: Parameters, points: int | None = None, *, is_refined: bool = False
) -> list[Any]:
    """The means by pivoted LAPACK; NaN where the matrix is singular.

    A step of refinement, with its residual in the longest float, recovers the digits that a nearly singular matrix
    takes.
    """
    M, v = generator.dense(parameters)
    try:
        x = np.linalg.solve(M, -v[..., None])[..., 0]
        if is_refined:
            x = x - np.linalg.solve(M, _residual(M, v, x)[..., None])[..., 0]
    except np.linalg.LinAlgError:
        x = np.array([_solved_or_nan(a, b) for a, b in zip(M, -v, strict=True)])
    x = np.broadcast_to(x, (points or len(x), x.shape[-1]))
    is_number = points is None and not any(np.ndim(value) for value in parameters.values())
    return [float(x[0, i]) if is_number else x[:, i] for i in range(x.shape[-1])]


def _solved_or_nan(M: Array, b: Array) -> Array:
    try:
        return np.linalg.solve(M, b)
    except np.linalg.LinAlgError:
        return np.full_like(b, np.nan)


def _check_unique(
    model: Model,
    keys: tuple[Key, ...],
    inputs: Sequence[Any],
    parameters_of: Callable[[Sequence[Any]], Parameters],
    payload: Expectations,
) -> None:
    """Raise where the full generator has more than one null vector."""
    count = count_states(model.n_sites, keys, inputs, parameters_of)
    mask = count > 1
    if not mask.any():
        return
    first = tuple(int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))
    where = f" (first at index {first}; {int(mask.sum())} of {mask.size} points)" if mask.ndim else ""
    raise NoUniqueSteadyState(
        f"steady: the generator has a null space of dimension {int(count[first])}, so the steady state depends on "
        "where the system starts. Something is conserved: give every site a bath or jump with rate > 0, couple the "
        f"sites, or choose jumps that do not commute with H{where}.",
        mask=mask,
        best=marginal_of(payload, model.sites),
    )


def _check_size(model: Model) -> None:
    if model.n_sites > MAX_SITES:
        gigabytes = 8e-9 * 16.0**model.n_sites
        raise TooLarge(
            f"a steady state of {model.n_sites} sites takes a generator of {4**model.n_sites} means, "
            f"{gigabytes:.3g} GB a point; this solver goes up to {MAX_SITES} sites."
        )
