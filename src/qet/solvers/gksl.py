"""Steady states of GKSL equations in Pauli coordinates, a million points in one call.

The unknowns are the means of the Pauli strings reachable from the identity: for the minimal pair with a
local bath on each site <Z0>, <Z1>, <X0X1>, <Y0Y1>, <X0Y1>, <Y0X1> and <Z0Z1>. A sparse block is solved by
elimination on arrays, chunk by chunk, with its residual checked; flagged points, and dense blocks, go
through LAPACK.

Uniqueness. If every site carries a σ⁻-like operator |g><e| (or its adjoint) with nonzero rate, the steady
state is unique. Proof: were it not, there would be two orthogonal enclosures, subspaces that every
Lindblad operator maps into themselves. Inside each, one nilpotent operator a site, commuting with each
other, have a common kernel vector; but their common kernel in the whole space is spanned by the single
product vector |g g ... g>. It would lie in both, which are orthogonal. (Enclosures: B. Baumgartner and
H. Narnhofer, J. Phys. A 41, 395303 (2008).) Where a point has no such certificate, the null space of its
full generator is determined, including the blocks that the identity does not reach.

Positivity is guaranteed by the GKSL form. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qet.foundations.chunks import SIZE, in_chunks
from qet.foundations.conventions import UNIQUENESS_TOLERANCE
from qet.foundations.elimination import Plan, solve
from qet.foundations.errors import NoUniqueSteadyState, TooLarge
from qet.foundations.paulis import PauliString, PauliSum
from qet.physics.model import Model
from qet.solvers.dissipators import Dissipator, jump_dissipators, local_jumps
from qet.solvers.generator import Action, Block, Generator, Key, action, block, evaluate, full_generator
from qet.solvers.questions import marginal_of
from qet.solvers.states import Expectations

__all__ = [
    "Dissipator",
    "dissipated",
    "gksl_matrix",
    "gksl_residual",
    "gksl_steady",
    "jump_dissipators",
    "local_jumps",
]

Array = np.ndarray
Parameters = dict[Key, Any]

MAX_SITES = 6
DENSE_NUMBERS = 1 << 20  # of a batch of dense matrices handled at once: 8 MiB
QUICK_RESIDUAL = 1e-13  # relative to the smallest diagonal entry of the chunk: then no point needs a look
RESIDUAL = 32 * float(np.finfo(float).eps)  # of a row, relative to the sum of its entries


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
    system = block(model.n_sites, keys)

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        parameters = parameters_of(pieces)
        if not system.generator.strings:
            means = []  # nothing drives a mean away from zero: the maximally mixed state
        elif system.plan is None:
            means = _dense_means(system.generator, parameters)
        else:
            means = _eliminated_means(system, system.plan, parameters)
        return (*means, _lacks_certificate(model.n_sites, parameters))

    size = SIZE if system.plan is not None else _dense_size(len(system.generator.strings))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        *means, doubtful = in_chunks(chunk, *inputs, size=size)
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


def dissipated(
    model: Model, dissipators: Sequence[Dissipator], payload: Expectations, operator: PauliSum | None = None
) -> Array:
    """Tr[O D_i(rho)] of every source, the rate at which bath or jump i changes the mean of O.

    Args:
        model: Its H is the default operator: the energy that flows from bath i into the system.
        dissipators: Those of the steady state.
        payload: The means.
        operator: A Hermitian Pauli sum.

    Returns:
        Shape (*shape, sources), in units of O times energy.
    """
    observable = model.H if operator is None else operator
    count = 1 + max((d.source for d in dissipators), default=-1)
    terms = [(string, np.real(c)) for string, c in observable.terms if string]
    acts = [
        [(k, action(key, string)) for k, key in enumerate(d.keys) if action(key, string)]
        for d in dissipators
        for string, _ in terms
    ]
    strings = sorted({u for a in acts for _, act in a for u in act if u in payload.values})
    starts = np.cumsum([0, *(len(d.inputs) for d in dissipators)])

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        means = dict(zip(strings, pieces[starts[-1] :], strict=False))
        coefficients = pieces[starts[-1] + len(strings) :]
        totals: list[Any] = [0.0] * count
        for m, d in enumerate(dissipators):
            values = d.evaluate(*pieces[starts[m] : starts[m + 1]])
            for t, h in enumerate(coefficients):
                rate = _rate_of(acts[m * len(terms) + t], values, means)
                if rate is not None:
                    totals[d.source] = totals[d.source] + h * rate
        return (_stack(totals),) if any(np.ndim(t) for t in totals) else tuple(totals)

    flat = [x for d in dissipators for x in d.inputs]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        results = in_chunks(chunk, *flat, *(payload.values[s] for s in strings), *(c for _, c in terms))
    return results[0] if len(results) == 1 and np.ndim(results[0]) else np.array(results)


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
    return np.asarray(in_chunks(chunk, *inputs, size=_dense_size(m))[0])


def _rate_of(acts: Sequence[tuple[int, Action]], values: Sequence[Any], means: Mapping[PauliString, Any]) -> Any:
    """Σ parameter · number · <u>, grouped by parameter; None where nothing contributes."""
    total: Any = None
    for k, act in acts:
        part: Any = None
        for u, number in act.items():
            mean = 1.0 if not u else means.get(u)
            if mean is None:
                continue
            scaled = number if not u else mean if number == 1.0 else -mean if number == -1.0 else number * mean
            part = scaled if part is None else part + scaled
        if part is not None:
            part = values[k] * part
            total = part if total is None else total + part
    return total


def _stack(values: Sequence[Any]) -> Array:
    out = np.empty((max(np.size(v) for v in values), len(values)))
    for k, value in enumerate(values):
        out[:, k] = value
    return out


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


def _eliminated_means(system: Block, plan: Plan, parameters: Parameters) -> list[Any]:
    values = {label: evaluate(form, parameters) for label, form in system.forms.items()}
    means = solve(plan, values)
    flagged = None
    for entries, right, diagonal in system.rows:
        wrong = _wrong_rows(entries, right, diagonal, values, means)
        if wrong is not None:
            flagged = wrong if flagged is None else flagged | wrong
    if flagged is None or not np.any(flagged):
        return means
    if not np.ndim(flagged):
        return _dense_means(system.generator, parameters)
    where = np.flatnonzero(flagged)
    there = {key: value[where] if np.ndim(value) else value for key, value in parameters.items()}
    size = len(flagged)
    better = _dense_means(system.generator, there, len(where))
    means = [np.array(np.broadcast_to(x, size)) for x in means]
    for mean, values_there in zip(means, better, strict=True):
        mean[where] = values_there
    return means


def _wrong_rows(
    entries: Sequence[tuple[int, int, Any]], right: Any, diagonal: Any, values: Mapping[Any, Any], means: Sequence[Any]
) -> Any:
    """Where a row's residual is too large; None if nowhere. The means are at most one, so entries set the scale."""
    residual: Any = 0.0 if right is None else -right[0] * values[right[1]]
    for j, sign, label in entries:
        part = values[label] * means[j]
        residual = residual + part if sign > 0 else residual - part
    worst = max(np.max(residual, initial=0.0), -np.min(residual, initial=0.0))
    if diagonal is not None and worst <= QUICK_RESIDUAL * np.min(np.abs(values[diagonal]), initial=np.inf):
        return None
    scale = sum(np.abs(values[label]) for _, _, label in entries)
    wrong = ~(np.abs(residual) <= RESIDUAL * scale)
    if diagonal is not None:
        wrong = wrong & ~(np.abs(residual) <= QUICK_RESIDUAL * np.abs(values[diagonal]))
    return wrong if np.any(wrong) else None


def _dense_means(generator: Generator, parameters: Parameters, points: int | None = None) -> list[Any]:
    """The means by pivoted LAPACK; NaN where the matrix is singular."""
    M, v = generator.dense(parameters)
    try:
        x = np.linalg.solve(M, -v[..., None])[..., 0]
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


def _lacks_certificate(n_sites: int, parameters: Parameters) -> Any:
    """Where some site has no relaxation: False if nowhere (see the module's proof)."""
    doubtful: Any = False
    for site in range(n_sites):
        rates = [parameters[key] for key in (("total", site), ("relaxes", site)) if key in parameters]
        if any(np.min(rate, initial=np.inf) > 0.0 for rate in rates):
            continue
        is_quiet: Any = True
        for rate in rates:
            is_quiet = is_quiet & ~(np.asarray(rate) > 0.0)
        doubtful = doubtful | is_quiet
    return doubtful


def _check_unique(
    model: Model,
    keys: tuple[Key, ...],
    inputs: Sequence[Any],
    parameters_of: Callable[[Sequence[Any]], Parameters],
    payload: Expectations,
) -> None:
    """Raise where the full generator has more than one null vector."""
    generator = full_generator(model.n_sites, keys)

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        parameters = parameters_of(pieces)
        doubtful = _lacks_certificate(model.n_sites, parameters)
        M, v = generator.dense(parameters)
        doubtful = np.broadcast_to(doubtful, len(M))
        count = np.ones(len(M), dtype=int)
        if doubtful.any():
            count[doubtful] += _nullity(M[doubtful], v[doubtful])
        return (count if any(np.ndim(p) for p in pieces) else count[0],)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        count = np.asarray(in_chunks(chunk, *inputs, size=_dense_size(len(generator.strings)))[0])
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


def _nullity(M: Array, v: Array) -> Array:
    """Dimension of the null space of each M, relative to UNIQUENESS_TOLERANCE·‖L‖.

    A fixed right-hand side without symmetry is solved first: where the answer is moderate there is no null
    vector, and only the other points pay for singular values.
    """
    m = M.shape[-1]
    size = np.sqrt((M * M).sum((-1, -2)) + (v * v).sum(-1))
    probe = np.cos(1.0 + np.arange(m) * 2.399963229728653)  # multiples of the golden angle
    try:
        x = np.linalg.solve(M, np.broadcast_to(probe[:, None], (*M.shape[:-1], 1)))[..., 0]
        suspect = ~(np.sqrt((x * x).sum(-1)) * size <= 1e-3 / UNIQUENESS_TOLERANCE)
    except np.linalg.LinAlgError:
        suspect = np.ones(len(M), dtype=bool)
    count = np.zeros(len(M), dtype=int)
    if suspect.any():
        values = np.linalg.svd(M[suspect], compute_uv=False)
        count[suspect] = (values <= UNIQUENESS_TOLERANCE * size[suspect, None]).sum(-1)
    return count


def _dense_size(m: int) -> int:
    return max(1, DENSE_NUMBERS // max(m * m, 1) // 2)


def _check_size(model: Model) -> None:
    if model.n_sites > MAX_SITES:
        gigabytes = 8e-9 * 16.0**model.n_sites
        raise TooLarge(
            f"a steady state of {model.n_sites} sites takes a generator of {4**model.n_sites} means, "
            f"{gigabytes:.3g} GB a point; this solver goes up to {MAX_SITES} sites."
        )
