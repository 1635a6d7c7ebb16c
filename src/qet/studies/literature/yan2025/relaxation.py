"""Relaxation of the pair: states at given times under a master equation, and the time scales of the way there.

rho(t) = exp(L t) rho(0) with the dense generator that the steady-state solver assembles,
in its energy basis and packed as a real matrix R + M of rho = R + iM.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.linalg import dagger
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.liouville import frame_of, generator
from qet.solvers.redfield import channels_of
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
    from scipy.linalg import expm

    setting = setting_of(model, tuple(surroundings), master)
    n, d = setting.n_points, setting.d
    frame = frame_of(setting.H, setting.n_sites)
    channels = channels_of(setting.H, frame, setting.surroundings, setting.n_sites, master).channels
    built = generator(frame, channels, setting.layout, setting.is_secular)
    P = np.broadcast_to(built, (n, *_sizes(setting.layout.pairs)))
    flat = np.broadcast_to(start, (*setting.shape, d, d)).reshape(n, d, d)
    inside = np.broadcast_to(frame.rotate(flat), (n, d, d))
    packed = (np.real(inside) + np.imag(inside)).reshape(n, d * d)[:, setting.layout.pairs]  # (n, classes, s)
    times = np.asarray(times, dtype=float)
    many = times.shape[-1]
    when = np.broadcast_to(times, (*setting.shape, many)).reshape(n, many)
    propagators = expm(P[:, None] * when[:, :, None, None, None])  # (n, times, classes, s, s)
    N = np.empty((n, many, d * d))
    N[..., setting.layout.pairs] = np.einsum("ntcij,ncj->ntci", propagators, packed)
    N = N.reshape(n, many, d, d)
    turned = np.swapaxes(N, -1, -2)
    rho = (N + turned) / 2 + 1j * (N - turned) / 2
    V = np.broadcast_to(frame.V, (n, d, d))[:, None]
    return np.asarray((V @ rho @ dagger(V)).reshape(*setting.shape, many, d, d))


def _sizes(pairs: Array) -> tuple[int, int, int]:
    n_classes, s = pairs.shape
    return n_classes, s, s
