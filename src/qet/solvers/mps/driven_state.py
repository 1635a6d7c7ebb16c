"""One point of a driven chain as a matrix product: bonds that double, sweeps until they settle, and the stated error.

The error of what is asked of the state is estimated from three things that are all measured:

- *The bond dimension.* From half the bond dimension to the whole one, every mean changes; the residual ‖L r‖, which is
  computed without approximation, falls by a factor q. If the error falls likewise, it is q/(1 - q) of the change; for
  small q the root of q is taken, since the error of slow modes falls less.
- *The sweeps.* Where the last sweeps still drift the same way, with a ratio p from one to the next, p/(1 - p) of the
  last change is to come, and no less than that change itself.
- *Slow modes.* What GMRES left of the local equations times the largest inverse that it met, against the change of the
  whole vector from the coarse to the fine bond: that share of the largest change of a mean.

The first belongs to what is asked for, and in part to the mean of any string, as do the others. All are stated
threefold. Derived here; held against exact states of random chains at small bonds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qet.solvers.chains.action import Generator
from qet.solvers.mps.density import Means
from qet.solvers.mps.driven_operator import operator_tensors
from qet.solvers.mps.driven_train import SMALLEST, TRACE, Sweeps, Tensors, distance, residual_norm

Array = np.ndarray
BOND = 64  # where none is given
FIRST = 4  # the smallest bond dimension that is swept
GROWING = 2  # sweeps at bonds on the way
MOST_SWEEPS = 8  # at the coarse and the fine bond
FEW, MANY = 20, 50  # vectors of GMRES on the way, and at the coarse and the fine bond
SAFETY = 3.0
NOISE = 0.1  # of the start, beside the 1 of the trace
SETTLED = 0.3  # of the error by bonds: a drift below it is no longer followed
COARSE = 0.1  # of the norm dropped: a drift below it is not followed at the coarse bond
SLOWEST = 0.9  # ratio of two residuals above which nothing has fallen
SHARED = 0.5  # of the largest change of a mean, at most half of it, counted for every string: slow modes hide in some
EXACT = 1e-9  # a residual, or a change of a mean, that rounding and the slowest modes leave
STEADY = 0.98  # ratio of two drifts above which what is to come cannot be told


class Sweep(NamedTuple):
    """One sweep: its bond dimension, the residual ‖L r‖ after it, the norm dropped, the largest change of a mean."""

    bond: int
    residual: float
    dropped: float
    change: float


@dataclass(frozen=True, eq=False)
class Found:
    """One point.

    Attributes:
        fine: The state.
        coarse: That of half the bond dimension.
        residual: ‖L r‖/‖r‖ of the fine one.
        factor: What turns a change between the two into a stated error.
        floor: What is added for every string, from the sweeps, slow modes and rounding.
        is_converged: Whether the sweeps settled.
        history: Every sweep.
    """

    fine: Means
    coarse: Means
    residual: float
    factor: float
    floor: float
    is_converged: bool
    history: tuple[Sweep, ...]


class Stage(NamedTuple):
    """Where the sweeps at one bond dimension ended."""

    tensors: Tensors
    local: Array
    residual: float
    drift: float  # of the local means, still to come
    unsolved: float


def bonds_to(bond: int) -> list[int]:
    """Bond dimensions on the way: halves of the last one, down to 4."""
    bonds = [bond]
    while bonds[0] // 2 >= FIRST:
        bonds.insert(0, bonds[0] // 2)
    return bonds if len(bonds) > 1 else [max(1, bond // 2), bond]


def found_at(generator: Generator, bond: int) -> Found:
    """The steady state of one point.

    Args:
        generator: H of strings on single sites and nearest neighbors, jumps on single sites.
        bond: Largest bond dimension.
    """
    operator = operator_tensors(generator)
    work = Sweeps(operator, _start(generator.n_sites, min(bond, FIRST)))
    history: list[Sweep] = []
    *way, coarse_bond, fine_bond = bonds_to(bond)
    for one in way:
        _stage(work, one, GROWING, FEW, None, history)
    coarse = _stage(work, coarse_bond, MOST_SWEEPS, MANY, None, history)
    fine = _stage(work, fine_bond, MOST_SWEEPS, MANY, coarse, history)
    factor, floor = _error(coarse, fine)
    floor += 10.0 * SMALLEST * max(work.growth.values(), default=1.0)
    norm = distance(fine.tensors, tuple(np.zeros((1, 4, 1)) for _ in fine.tensors))
    states = Means(fine.tensors), Means(coarse.tensors)
    return Found(*states, fine.residual / norm, factor, floor, bool(np.isfinite(factor + floor)), tuple(history))


def _start(n: int, bond: int) -> list[Array]:
    """The state of infinite temperature and noise: a product state may solve every two-site equation and be stuck."""
    rng, tensors = np.random.default_rng(n), []
    for j in range(n):
        B = NOISE * rng.normal(size=(1 if j == 0 else bond, 4, 1 if j == n - 1 else bond))
        B[0, :, 0] = TRACE
        tensors.append(B)
    return tensors


def local_means(tensors: Tensors) -> Array:
    """Means of all strings on nearest neighbors, shape (N - 1, 16)."""
    means = Means(tensors)
    return np.array([means.strings_on((j, j + 1)).ravel() for j in range(len(tensors) - 1)])


def _stage(work: Sweeps, bond: int, sweeps: int, most: int, before: Stage | None, history: list[Sweep]) -> Stage:
    """Sweeps at one bond dimension, until what they still change is small beside what the bond dimension changed."""
    changes: list[Array] = []
    local = local_means(work.normalized())
    for number in range(sweeps):
        work.sweep(bond, most)
        tensors = work.normalized()
        now = local_means(tensors)
        changes.append(now - local)
        local = now
        residual = residual_norm(work.operator, tensors)
        history.append(Sweep(bond, residual, work.dropped, float(np.abs(changes[-1]).max())))
        drift = _drift(changes)
        expected = COARSE * work.dropped
        if before is not None:
            expected = _still_off(residual, before.residual) * float(np.abs(local - before.local).max())
        if number >= 2 and np.isfinite(expected) and drift <= max(SETTLED * expected, SMALLEST):
            break
    return Stage(tensors, local, residual, drift, work.unsolved)


def _still_off(residual: float, before: float) -> float:
    """The error that is left in units of the last change: q/(1 - q), and up to a half the root of q.

    The root allows for slow modes, whose share of the error falls less than their share of the residual.
    """
    if max(residual, before) < EXACT:  # rounding at both
        return 0.5
    q = residual / before if before > 0.0 else 0.0
    return max(q / (1.0 - q), min(np.sqrt(q), 0.5)) if q < SLOWEST else np.inf


def _drift(changes: list[Array]) -> float:
    """What is still to come of the local means: the last change, times p/(1 - p) where it repeats the one before."""
    last = float(np.abs(changes[-1]).max())
    if len(changes) < 3:
        return np.inf if last > 0.0 else 0.0
    if last < EXACT:
        return 10.0 * last
    size = float(np.sum(changes[-2] ** 2))
    p = float(np.sum(changes[-1] * changes[-2])) / size if size > 0.0 else 0.0
    return last * max(1.0, p / (1.0 - p)) if p < STEADY else np.inf


def _error(coarse: Stage, fine: Stage) -> tuple[float, float]:
    """What turns a change from coarse to fine into a stated error, and what is added for every string."""
    near = float(np.abs(fine.local - coarse.local).max())
    whole = distance(fine.tensors, coarse.tensors)
    slow = near * fine.unsolved / whole if whole > 0.0 else 0.0
    left = _still_off(fine.residual, coarse.residual)
    left = left if np.isfinite(coarse.drift) else max(left, 1.0)  # then the residuals do not compare like with like
    return SAFETY * left, SAFETY * (fine.drift + slow + SHARED * min(left, 0.5) * near)
