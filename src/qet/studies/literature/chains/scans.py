"""Energies against the distance in long chains: ground, thermal and driven states of free fermions.

One state serves all distances: Alice stays, Bob moves away from her along the middle of the chain. Points that are
not resolved are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from qet.physics.baths import jump
from qet.physics.models import ising, xy
from qet.protocols.teleport import teleport
from qet.solvers.prepare import gibbs
from qet.solvers.states import State
from qet.solvers.steady import steady
from qet.studies.sweeps.sweep import sweep

Array = np.ndarray
LONG = 1000  # sites
DRIVES = {"left": (0.8, 0.2), "right": (0.3, 0.7)}  # rates of σ⁺ and σ⁻ at the two ends


@cache
def equilibrium(n: int, g: float, T: float = 0.0) -> State:
    """The Ising chain with J = 1; at T = 0 in the ordered phase the mixture of its two lowest levels."""
    return gibbs(ising(n, g=g), T=T)


@cache
def driven(n: int, Jx: float, Jy: float, g: float) -> State:
    """The XY chain between two unequal drives."""
    ends = [(0, DRIVES["left"]), (n - 1, DRIVES["right"])]
    things = [jump(kind, site, rate) for site, rates in ends for kind, rate in zip("+-", rates, strict=True)]
    return steady(xy(n, Jx=Jx, Jy=Jy, g=g), things, solver="fermions")


def along(state: State, distances: Sequence[int], *, measure: Any = "Y") -> tuple[Array, Any]:
    """The resolved distances, and the Dataset of a run at each; Alice stands at 2/5 of the chain."""
    A = 2 * state.model.n_sites // 5
    data = sweep(lambda d: teleport(state.between(A, A + d), measure=measure), d=[int(d) for d in distances])
    is_seen = data.resolved.values.astype(bool)
    return np.asarray(distances, dtype=float)[is_seen], data.isel(d=is_seen)


def spread(low: int, high: int, count: int) -> list[int]:
    """Whole numbers between two, evenly on a logarithmic scale."""
    return sorted({round(x) for x in np.geomspace(low, high, count)})
