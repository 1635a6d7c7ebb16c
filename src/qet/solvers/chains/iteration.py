"""A driven steady state by preconditioned GMRES on the traceless vectors, where the generator can be inverted.

From x of trace 1 the correction δ solves L δ = -L x; r = -L x has no trace, and neither has anything that L makes of
it, so the singular direction is never met. Three ways, by size and by the rate beside H:

- *direct*: sparse LU with a row replaced by the trace, up to about a thousand unknowns;
- *no jump*: the exact inverse without jumps (`nojump`) where rates are small beside the coupling, or blocks are small;
- *polynomial*: the residual polynomial of GMRES on a vector of random numbers (`polynomial`), everywhere else.

Long vectors are iterated in single precision, in passes: every pass starts from the residual in double precision and
need only bring it down by five digits.

*Errors.* A pass turns a residual r into a correction δ with L δ ≈ r, so that ‖δ‖/‖r‖ measures L⁻¹ where it matters.
The largest ratio seen, ten times over, times the last residual bounds the distance to the steady state.

Derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.solvers.chains.action import LONG, Action, Generator
from qet.solvers.chains.explicit import explicit, solve_directly
from qet.solvers.chains.layout import Layout
from qet.solvers.chains.nojump import NoJump
from qet.solvers.chains.polynomial import Apply, Polynomial, Space, krylov

Array = np.ndarray
Preconditioned = Callable[[Array], Array]
DIRECT = 1100  # unknowns up to which a sparse LU is fastest
SHORT = 5000  # unknowns up to which the goal is rounding
MEDIUM = 66_000  # unknowns up to which it is a few digits less: any 8 sites
DOUBLE = LONG  # unknowns up to which vectors are iterated in double precision
EXPLICIT = 150_000  # unknowns up to which the generator is one sparse matrix, where nothing is compiled
SLOW = 0.3  # of the mean rate a site with jumps over the coupling: below, the inverse without jumps is best
GOAL, MEDIUM_GOAL, SHORT_GOAL = 4e-10, 1e-12, 1e-14  # of ‖L x‖ / (mean loss ‖x‖)
_SINGLE = 3e-6  # of the residual of one pass in single precision
_DEGREE, _VECTORS, _PASSES = 40, 45, 25
MANY = 150  # vectors between restarts where they are short and the inverse is dear
_SAFETY = 10.0
_STALLED = 0.7  # of the residual that a pass leaves: more, and it helps no longer


@dataclass(frozen=True, eq=False)
class Solved:
    """Where the iteration stopped.

    Attributes:
        x: The state, trace 1, packed.
        residual: ‖L x‖ / ‖x‖ relative to the mean loss rate, which is below ‖L‖.
        distance: Estimated bound of ‖x - x*‖, Frobenius.
        preconditioner: "direct", "no jump" or "polynomial".
        applications: Of the generator.
        is_converged: Whether the goal was met.
    """

    x: Array
    residual: float
    distance: float
    preconditioner: str
    applications: int
    is_converged: bool


def preconditioner_of(generator: Generator, layout: Layout) -> str:
    """Which of the three ways is taken."""
    if layout.unknowns <= DIRECT:
        return "direct"
    n_driven = max(len(generator.jumps), 1)
    is_slow = generator.mean_loss / n_driven < SLOW * 4.0 * generator.coupling
    return "no jump" if is_slow else "polynomial"


def solved(generator: Generator, layout: Layout, start: Array | None = None, way: str | None = None) -> Solved:
    """The state with L x = 0 on a layout.

    Args:
        generator: What acts; its mean loss must not vanish.
        layout: The blocks.
        start: A vector of trace 1 to start from; by default the maximally mixed state.
        way: One of the three, instead of the one chosen.
    """
    chosen = way or preconditioner_of(generator, layout)
    action = Action(generator, layout)
    if chosen == "direct":
        x, growth = solve_directly(action)
        residual = layout.norm(action(x))
        relative = residual / (layout.norm(x) * generator.mean_loss)
        is_met = bool(np.isfinite(growth)) and relative <= 1e-10
        return Solved(x, relative, _SAFETY * growth * residual, chosen, action.applications, is_met)
    return _iterated(action, layout.identity() if start is None else start.copy(), chosen)


def goal_of(unknowns: int) -> float:
    """The residual asked for, relative to the mean loss."""
    return SHORT_GOAL if unknowns <= SHORT else MEDIUM_GOAL if unknowns <= MEDIUM else GOAL


def _iterated(action: Action, x: Array, chosen: str) -> Solved:
    """Passes of GMRES until the goal is met or nothing helps."""
    layout, loss = action.layout, action.generator.mean_loss
    goal = goal_of(layout.unknowns)
    apply, dtype = _working(action)
    inverse = _inverse(apply, action, chosen, dtype)
    floor = _SINGLE if dtype == np.float32 else 0.1 * SHORT_GOAL
    image = action(x)
    amplification, used, stalls = 0.0, 0, 0
    for _ in range(_PASSES):
        before = float(np.linalg.norm(image))
        wanted = goal * loss * float(np.linalg.norm(x))
        if before <= wanted:
            break
        right = (image / -before).astype(dtype)
        change, made = inverse(right, max(0.5 * wanted / before, floor))
        used += made
        trial = x + before * change
        trial /= layout.trace(trial)
        moved = action(trial)
        after = float(np.linalg.norm(moved))
        if not after < before:
            break
        amplification = max(amplification, float(np.linalg.norm(trial - x)) / before)
        x, image = trial, moved
        stalls = stalls + 1 if after > _STALLED * before else 0
        if stalls and chosen == "no jump":  # rates that differ: the other way may still work
            chosen, stalls = "polynomial", 0
            inverse = _inverse(apply, action, chosen, dtype)
        if stalls == 3 or (stalls and layout.unknowns <= SHORT):
            break
    residual = layout.norm(image)
    relative = residual / (layout.norm(x) * loss)
    if amplification == 0.0:  # a start that was the answer
        amplification = 1.0 / loss
    is_met = relative <= max(2.0 * goal, 1e-12)
    return Solved(x, relative, _SAFETY * amplification * residual, chosen, used, is_met)


def _working(action: Action) -> tuple[Apply, Any]:
    """The generator as the iteration applies it, and in which precision."""
    unknowns = action.layout.unknowns
    dtype = np.float64 if unknowns <= DOUBLE else np.float32
    if unknowns <= EXPLICIT and action.compiled is None:
        matrix = explicit(action).astype(dtype)
        return lambda v: matrix @ v, dtype
    return (action if dtype == action.dtype else Action(action.generator, action.layout, dtype)), dtype


def _inverse(apply: Apply, action: Action, chosen: str, dtype: Any) -> Callable[[Array, float], tuple[Array, int]]:
    """What turns a right side of norm 1 and a goal into a correction, and the number of applications it took."""
    if chosen == "no jump":
        without = NoJump(action, dtype)

        def by_jumps(right: Array, goal: float) -> tuple[Array, int]:
            most = MANY if action.layout.unknowns <= DOUBLE else _VECTORS
            space = krylov(lambda v: apply(without(v)), right, most, goal)
            return without(space.combined(space.least_squares()[0])), space.size

        return by_jumps
    polynomial = Polynomial.of(_probed(apply, action.layout, dtype))

    def by_polynomial(right: Array, goal: float) -> tuple[Array, int]:
        space = krylov(lambda v: polynomial(apply, v)[1], right, _VECTORS, goal, 1)
        found = polynomial(apply, space.combined(space.least_squares()[0]))[0]
        return found, polynomial.degree * (space.size + 1)

    return by_polynomial


def _probed(apply: Apply, layout: Layout, dtype: Any) -> Space:
    """The Krylov space of a vector that has a share in every mode: roots fitted to one right side fail on others."""
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(layout.unknowns, dtype=dtype)
    return krylov(apply, apply(vector), min(_DEGREE, layout.unknowns - 1))


def bytes_of(generator: Generator, layout: Layout) -> float:
    """Memory that the solution takes at most, about: vectors, sparse matrices, bases of the inverse."""
    unknowns, largest = float(layout.unknowns), float(max(layout.sizes))
    if unknowns <= DIRECT:
        return 4.0 * 8.0 * unknowns**2
    width = 8.0 if unknowns <= DOUBLE else 4.0
    vectors = 8.0 * 5.0 * unknowns + width * unknowns * ((MANY if unknowns <= DOUBLE else _VECTORS) + 6)
    matrix = 60.0 * unknowns * (len(generator.H.terms) + 4) if unknowns <= EXPLICIT else 0.0
    factors = 12.0 * unknowns if any(np.any(np.einsum("rcrc->rc", J)) for J, _ in generator.jumps.values()) else 0.0
    if preconditioner_of(generator, layout) == "no jump":
        factors += 4.0 * width * unknowns + 16.0 * 6.0 * largest**2
    return vectors + matrix + factors + 60.0 * largest**2
