"""A packet of energy on its way: how much there is, where, how wide, and how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qet.foundations.values import Value

Array = np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Packet(Value):
    """The energy of one sign along a chain, at every time; arrays have the shape of the run, then time.

    Attributes:
        times: Shape (time,).
        depth: |energy| of that sign, summed along the chain.
        center: Its mean position, in sites; nan where there is no energy.
        spread: Its standard deviation, in sites; likewise.
        velocity: Slope of the center in time; nan where fewer than two times are asked. No signal's: where the packet
            shrinks at one place and wells up at another, its center may jump.
    """

    times: Array
    depth: Array
    center: Array
    spread: Array
    velocity: Array


def packet_of(times: Array, positions: Array, density: Array) -> Packet:
    """The packet of positive density.

    depth = Σ_x n(x), center = Σ_x x n(x) / depth, spread² = Σ_x (x - center)² n(x) / depth with n = max(density, 0).

    Args:
        times: Shape (time,).
        positions: Shape (label,).
        density: Shape (..., label, time).
    """
    n = np.maximum(density, 0.0)
    depth = n.sum(-2)
    weights = n / np.where(depth > 0.0, depth, np.nan)[..., None, :]
    x = positions[:, None]
    center = (x * weights).sum(-2)
    spread = np.sqrt(((x - center[..., None, :]) ** 2 * weights).sum(-2))
    velocity = np.gradient(center, times, axis=-1) if times.size > 1 else np.full_like(center, np.nan)
    return Packet(times, depth, center, spread, velocity)
