"""The best width of Alice's seed: how much of x and how much of p she should read.

With one mode each, no delay and Bob no neighbor, E_B(s) = a/(2(V_x + s)) + b/(2(V_p + 1/(4s))), a = F²/K_BB and
b = P². With ρ = √a/(2√b) its only stationary point is

    s* = (V_x - ρ)/(4ρ V_p - 1),

a maximum, and there only if 1/(4V_p) < ρ < V_x; else E_B grows all the way to homodyne detection of x (ρ >= V_x,
s -> 0) or of p (s -> ∞), which takes infinite energy. In the ground state of a uniform chain ρ = 1/(2√K_BB) is at
most 1/(4V_p): momentum. The efficiency falls on both sides and has a best s; after a delay it need not, as what Alice
pays reaches Bob. What has no such formula (delay, neighbors, several modes) is searched for: a grid in ln s, then ever
finer ones around its best point.

Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, refuse_where, unknown
from qet.physics.gaussian_reading import GaussianReading, coherent
from qet.protocols.oscillators import teleport_oscillators
from qet.protocols.projective import OBJECTIVES
from qet.solvers.oscillators import OscillatorState

Array = np.ndarray
WIDTH = 14.0  # of the search in ln s, to both sides of the matched seed
COARSE, FINE, ROUNDS = 113, 17, 9  # points of the first grid, of the finer ones, and how many of these


def best_seed(
    state: OscillatorState,
    *,
    objective: str = "efficiency",
    strength: Any = 1.0,
    delay: Any = 0.0,
    feedback: Any = "best",
) -> GaussianReading:
    """The seed diag(s, 1/(4s)), the same on all of Alice's modes, for which a number of the run is largest.

    Args:
        state: A state of oscillators.
        objective: "efficiency", "extracted", "teleported", "net_work", or "beyond_leak" = extracted - leak.
        strength: t of the measurement, number or array.
        delay: As in `teleport`.
        feedback: A policy, as in `teleport`.

    Returns:
        A measurement with one s a point.

    Raises:
        BadParameter: where the objective grows all the way to homodyne detection, which no seed reaches.
        UnknownName: for another objective.
    """
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    strength = real("strength", strength, minimum=0.0, maximum=1.0)
    A = state.model.A[0]
    matched = 0.5 / np.sqrt(state.model.K[..., A, A])

    def value(logarithm: Array) -> Array:
        reading = coherent(matched * np.exp(logarithm), strength=strength)
        run = teleport_oscillators(state, reading, feedback, delay, {})
        return run.extracted - run.leak if objective == "beyond_leak" else getattr(run, objective)

    shape = np.broadcast_shapes(state.shape, np.shape(strength), np.shape(delay))
    grid = np.linspace(-WIDTH, WIDTH, COARSE).reshape(-1, *([1] * len(shape)))
    values = np.broadcast_to(value(grid), (COARSE, *shape))
    best = values.argmax(0)
    _refuse_ends(best, values, objective)
    center, step = grid.ravel()[best], 2 * WIDTH / (COARSE - 1)
    for _ in range(ROUNDS):
        offsets = np.linspace(-step, step, FINE).reshape(-1, *([1] * len(shape)))
        values = value(center + offsets)
        center = center + offsets.ravel()[values.argmax(0)]
        step = 2 * step / (FINE - 1)
    return coherent((matched * np.exp(center))[()], strength=strength)


def _refuse_ends(best: Array, values: Array, objective: str) -> None:
    remedy = "Choose s" if objective == "efficiency" else "Take objective='efficiency', or choose s"
    refuse_where(
        (best == 0) | (best == COARSE - 1),
        BadParameter,
        lambda i: (
            f"no seed is best for {objective!r}: it goes on growing towards homodyne detection of "
            f"{'x' if best[i] == 0 else 'p'}, {values[(int(best[i]), *i)]:.6g} at the end of the search, while the "
            f"energy that Alice pays grows without bound. {remedy}"
        ),
    )
