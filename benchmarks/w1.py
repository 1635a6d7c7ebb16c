"""W1: the protocol on ground states of the minimal pair over random (h, k): injected and extracted energy."""

from __future__ import annotations

import numpy as np

import qet
from benchmarks.harness import SEED, Row, ours, peers

POINTS, TARGET = 1_000_000, 25.0


def run(points: int = POINTS) -> list[Row]:
    rng = np.random.default_rng(SEED)
    h, k = rng.uniform(0.2, 2.0, (2, points))
    T = rng.uniform(0.05, 2.0, points)

    def ground() -> tuple[np.ndarray, np.ndarray]:
        done = qet.teleport(qet.ground(qet.minimal(h=h, k=k)))
        return done.injected, done.extracted

    def gibbs() -> tuple[np.ndarray, np.ndarray]:
        done = qet.teleport(qet.gibbs(qet.minimal(h=h, k=k), T=T))
        return done.injected, done.extracted

    first, (injected, extracted) = ours("W1 ground", ground, points, TARGET)
    second, (warm_injected, warm_extracted) = ours("W1 gibbs", gibbs, points, 3 * TARGET)
    cold_expected = {"injected": injected, "extracted": extracted}
    cold = peers("W1 ground", "qutip_states.py", {"h": h, "k": k}, cold_expected, 1e-12)
    warm_expected = {"injected": warm_injected, "extracted": warm_extracted}
    warm = peers("W1 gibbs", "qutip_states.py", {"h": h, "k": k, "T": T}, warm_expected, 1e-12)
    return [first, *cold, second, *warm]
