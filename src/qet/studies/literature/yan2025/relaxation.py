"""Relaxation of the pair: states at given times under a master equation, and the time scales of the way there.

rho(t) = exp(L t) rho(0), many times at once, by the propagator of `qet.solvers.evolve`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.evolve import propagate
from qet.solvers.setting import setting_of

Array = np.ndarray


def relax(model: Model, surroundings: list[Bath] | list[Jump], *, master: str, start: Array, times: Any) -> Array:
    """Density matrices at some times.

    Args:
        model: The pair, with or without batch axes.
        surroundings: What it relaxes into; broadcasts with the model.
        master: "redfield", "secular", "local" or "gksl".
        start: rho(0), shape (..., d, d), broadcasts with the model and surroundings.
        times: Times >= 0, shape (..., times), leading axes broadcast with the points.

    Returns:
        rho(t), shape (*shape, times, d, d), with the shape of model and surroundings.
    """
    times = np.asarray(times, dtype=float)
    setting = setting_of(model, tuple(surroundings), master)
    states, _ = propagate(setting, np.asarray(start)[..., None, :, :], times)
    return states[..., 0, :, :]
