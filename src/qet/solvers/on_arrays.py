"""Steady states of Redfield's equation and its secular kin at many points of two qubits, by elimination on arrays.

The twin of `setting.solve` for large batches: levels, channels and equations are arrays over a chunk of points
(`levels_on_arrays`, `channels_on_arrays`, `equations_on_arrays`), eliminated in the order that the pattern wants.
Nothing is pivoted by size, so every point is judged: by the residual of each row against its largest entry, by probes
that grow with the condition of every class, by rows that vanish against the largest rate, and by frequencies at which
a bath may have no rate. What fails goes through `setting.solve`, which pivots and counts steady states. Derived here.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.paulis import PauliSum
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.channels_on_arrays import element_channels
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.elements import Place, add, adjoint, conjugate, largest
from qet.solvers.equations_on_arrays import Couplings, Equations, equations_of, solve_class
from qet.solvers.levels_on_arrays import BLOCKS, Levels, has_parity, levels_of
from qet.solvers.masters import Master, label_of, name_of
from qet.solvers.reasons_on_arrays import reasons_on_arrays
from qet.solvers.setting import Found, Setting, cut, picked, solve

Array = np.ndarray
FEWEST = 64  # points from which a straight line of array operations is cheaper than LAPACK
SIZE = 4096  # points of a chunk
SITES = 2  # a single qubit is quick anyhow, and of three the entries alone cost what LAPACK does
_CONDITION = 1e6  # a growth of the probe beyond this is judged by singular values
_ROUNDING = 64 * float(np.finfo(float).eps)  # of a row's residual, relative to its largest entry
_SMALL_ROW = 1e-12  # a row this far below the largest rate may be rounding


def why_not(model: Model, things: tuple[Bath | Jump, ...], master: Master, points: int) -> str:
    """Why a steady state of Redfield's kin is not eliminated on arrays; empty where it is."""
    if name_of(master) not in ("redfield", "secular", "partial"):
        return f"the {label_of(master)} equation has no entries as arrays"
    if model.n_sites != SITES:
        return f"it is for {SITES} qubits"
    if any(isinstance(thing, Bath) and thing.lamb_shift for thing in things):
        return "a Lamb shift is an integral at every gap"
    if points < FEWEST:
        return f"it is for {FEWEST} points and more"
    return ""


def solve_on_arrays(setting: Setting, *, is_judged: bool = False) -> Found:
    """The steady states of all points, as `setting.solve` gives them."""
    n, d = setting.n_points, setting.d
    rho = np.zeros((n, d, d), dtype=complex)
    find = _all_at_once if has_parity(setting.H, setting.n_sites) else _by_chunks
    try:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            residual, smallest, error, flagged, because = find(setting, rho, is_judged)
    except ZeroDivisionError:  # nothing determines some unknown, whatever the numbers: the states are to be counted
        return solve(setting, is_judged=is_judged)
    null = np.ones(n, dtype=int)
    diverges = {column: np.full(n, np.nan) for column in range(len(setting.surroundings))}
    if flagged.any():
        better = solve(picked(setting, flagged), is_judged=is_judged)
        rho[flagged], null[flagged] = better.rho, better.null_dimension
        residual[flagged], smallest[flagged], error[flagged] = better.residual, better.smallest_eigenvalue, better.error
        for column, frequency in better.diverges.items():
            diverges[column][flagged] = frequency
        for name, ratio in better.because.items():
            because[name][flagged] = ratio
    shaped = setting.shaped
    return Found(
        shaped(rho),
        shaped(residual),
        shaped(smallest),
        shaped(error),
        shaped(null),
        {column: np.asarray(shaped(frequency)) for column, frequency in diverges.items()},
        {name: shaped(ratio) for name, ratio in because.items()},
    )


def _by_chunks(setting: Setting, rho: Array, is_judged: bool) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """`_chunk` for all points."""
    n = setting.n_points
    numbers = tuple(np.empty(n, dtype=kind) for kind in (float, float, float, bool))
    because: dict[str, Array] = {}
    for start in range(0, n, SIZE):
        part = slice(start, min(start + SIZE, n))
        found, near = _chunk(setting, part, rho[part], is_judged)
        for whole, number in zip(numbers, found, strict=True):
            whole[part] = number
        for name, ratio in near.items():
            because.setdefault(name, np.zeros(n))[part] = ratio
    residual, smallest, error, flagged = numbers
    return residual, smallest, error, flagged, because


def _chunk(
    setting: Setting, part: slice, rho: Array, is_judged: bool
) -> tuple[tuple[Any, Any, Any, Any], dict[str, Any]]:
    """Residual, smallest eigenvalue, error and doubt of a chunk, and reasons; its density matrices go into `rho`."""
    numbers, near, sites = _eliminated(setting, *cut(setting, part), is_judged)
    for (x, y), value in sites.items():
        rho[:, x, y] = np.real(value) if x == y else value
        if x != y:
            rho[:, y, x] = conjugate(value)
    return numbers, near


def _all_at_once(setting: Setting, rho: Array, is_judged: bool) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """`_chunk` for all points, through `in_chunks`, which may compile it: nothing here is a matrix."""
    inputs: list[Any] = []

    def listed(value: Any) -> Any:
        inputs.append(value)
        return value

    each_coefficient(setting.H, listed)
    for thing in setting.surroundings:
        each_parameter(thing, listed)
    names: list[str] = []
    places = [(x, y) for x in range(setting.d) for y in range(x, setting.d)]  # some pieces may fill fewer than others

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        rest = iter(pieces)
        H = each_coefficient(setting.H, lambda _: next(rest))
        things = tuple(each_parameter(thing, lambda _: next(rest)) for thing in setting.surroundings)
        numbers, near, sites = _eliminated(setting, H, things, is_judged)
        names[:] = near
        found = [sites.get(place, 0.0) for place in places]
        return (*numbers, *near.values(), *map(np.real, found), *map(np.imag, found))

    results = in_chunks(chunk, *inputs, size=SIZE, is_elementwise=True)
    n = len(rho)
    residual, smallest, error, flagged = (np.array(np.broadcast_to(x, n)) for x in results[:4])
    because = {name: np.array(np.broadcast_to(x, n)) for name, x in zip(names, results[4:], strict=False)}
    first = 4 + len(names)
    for k, (x, y) in enumerate(places):
        re, im = results[first + k], results[first + len(places) + k]
        if not np.ndim(re) and not np.ndim(im) and re == im == 0.0:
            continue  # as it is
        rho[:, x, y].real, rho[:, x, y].imag = re, 0.0 if x == y else im
        if x != y:
            rho[:, y, x] = np.conj(rho[:, x, y])
    return residual, smallest, error, flagged, because


def _eliminated(
    setting: Setting, H: PauliSum, things: tuple[Bath | Jump, ...], is_judged: bool
) -> tuple[tuple[Any, Any, Any, Any], dict[str, Any], dict[Place, Any]]:
    """Residual, smallest eigenvalue, error and doubt, reasons, and the upper triangle of the density matrix."""
    levels = levels_of(H, setting.n_sites)
    channels, doubtful = element_channels(things, levels, setting.n_sites)
    couplings = Couplings(channels, levels, setting.cutoff)
    d = setting.d
    classes = [
        equations_of(tuple((int(x) // d, int(x) % d) for x in pairs), couplings, has_trace=k == 0)
        for k, pairs in enumerate(setting.layout.pairs)
    ]
    scales = [_row_scales(equations) for equations in classes]
    strength = largest(abs(v) for e in classes for (i, j), v in e.matrix.items() if i == j)
    flagged = doubtful | levels.is_bad | ~np.greater(strength, 0.0)
    growth: Any = 0.0
    unknowns: list[Any] = []
    for k, (equations, scale) in enumerate(zip(classes, scales, strict=True)):
        for row in scale[1 if k == 0 else 0 :]:
            flagged = flagged | ~(row > _SMALL_ROW * strength)
        found, grown, wrong = solve_class(equations, scale, has_trace=k == 0)
        growth, flagged = np.maximum(growth, grown), flagged | wrong
        unknowns = found or unknowns
    wrong, residual = _residual(classes[0], unknowns, scales[0])
    flagged = flagged | wrong | ~(growth < _CONDITION)
    inside = _density(classes[0], unknowns)
    sites = _restored(inside, levels)
    rounding = np.maximum(residual, 4.0 * np.sqrt(setting.layout.pairs.shape[1]) * np.finfo(float).eps)
    loose = 4.0 * np.finfo(float).eps * levels.scale  # of a gap
    rounding = rounding + loose * _turning(classes[0], unknowns, scales[0], levels)
    blur = loose / levels.closest if setting.is_blurred else 0.0
    near = reasons_on_arrays(channels, things, levels, setting.cutoff) if is_judged else {}
    return (residual, _smallest(inside, sites), (rounding * growth + blur) * levels.scale, flagged), near, sites


def _row_scales(equations: Equations) -> list[Any]:
    """The largest entry of every row; 1 for a row without any, which is the trace."""
    rows: list[list[Any]] = [[] for _ in equations.pairs]
    for (i, _), value in equations.matrix.items():
        rows[i].append(np.abs(value))
    return [largest(row) if row else 1.0 for row in rows]


def _residual(equations: Equations, unknowns: list[Any], scales: list[Any]) -> tuple[Any, Any]:
    """Where a row is off by more than its rounding, and ‖L rho‖/(‖L‖ ‖rho‖) in the norms of the real form."""
    rows: dict[int, Any] = {}
    size: Any = 0.0
    for (i, j), value in equations.matrix.items():
        part = value * unknowns[j]
        rows[i] = rows[i] + part if i in rows else part
        size = size + value * value
    wrong: Any = False
    image: Any = 0.0
    for i, row in rows.items():
        wrong = wrong | ~(np.abs(row) <= _ROUNDING * scales[i])
        image = image + row * row
    whole: Any = 0.0
    for value in unknowns:
        whole = whole + value * value
    return wrong, np.sqrt(image / (size * whole))


def _turning(equations: Equations, unknowns: list[Any], scales: list[Any], levels: Levels) -> Any:
    """The largest coherence over the scale of its row: how far an error of a gap is felt, where it may have one."""
    total: Any = 0.0
    for i, j in equations.turning:
        if levels.is_loose(*equations.pairs[i]):
            total = np.maximum(total, np.maximum(np.abs(unknowns[j] / scales[i]), np.abs(unknowns[i] / scales[j])))
    return total


def _density(equations: Equations, unknowns: list[Any]) -> dict[Place, Any]:
    """rho in the energy basis: populations and the upper triangle."""
    n = equations.n_real
    rho: dict[Place, Any] = dict(zip(equations.pairs[:n], unknowns[:n], strict=True))
    for pair, value in zip(equations.pairs[n:], unknowns[n:], strict=True):
        if not (isinstance(value, float) and value == 0.0):
            rho[pair] = rho[pair] + 1j * value
    return rho


def _smallest(inside: dict[Place, Any], sites: dict[Place, Any]) -> Any:
    """The smallest eigenvalue: of blocks of two by formula, else by LAPACK on the sites."""
    if not all(pair in BLOCKS for pair in inside if pair[0] != pair[1]):
        rho = _matrices(sites)
        good = np.isfinite(rho).all(axis=(-1, -2))
        return np.linalg.eigvalsh(rho if good.all() else np.where(good[:, None, None], rho, 0.0))[:, 0]
    lowest = [inside[a, a] for a in range(2 * len(BLOCKS))]
    for a, b in BLOCKS:
        if (a, b) in inside:
            half, mean = 0.5 * (inside[a, a] - inside[b, b]), 0.5 * (inside[a, a] + inside[b, b])
            c = inside[a, b]
            lowest[a] = lowest[b] = mean - np.sqrt(half * half + np.real(c) ** 2 + np.imag(c) ** 2)
    return reduce(np.minimum, lowest)


def _matrices(sites: dict[Place, Any]) -> Array:
    """The density matrices, shape (points, 4, 4), from their upper triangle."""
    points = max(np.size(value) for value in sites.values())
    rho = np.zeros((points, 4, 4), dtype=complex)
    for (x, y), value in sites.items():
        rho[:, x, y] = value
        rho[:, y, x] = conjugate(value)
    return rho


def _restored(inside: dict[Place, Any], levels: Levels) -> dict[Place, Any]:
    """The upper triangle of the density matrices on the sites: of V rho V†, whose blocks are Hermitian."""
    whole = dict(inside)
    for (a, b), value in inside.items():
        if a != b:
            whole[b, a] = conjugate(value)
    turned = adjoint(levels.V)
    half: dict[Place, Any] = {}
    for (x, a), value in levels.V.items():
        for b in range(levels.d):
            if (a, b) in whole:
                add(half, (x, b), value * whole[a, b])
    found: dict[Place, Any] = {}
    for (x, b), value in half.items():
        for y in range(x, levels.d):
            if (b, y) in turned:
                add(found, (x, y), value * turned[b, y])
    return found
