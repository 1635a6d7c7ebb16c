"""W2q: the steady states of W2 with what is asked of them: E_A, the best E_B, and both heat currents."""

from __future__ import annotations

from typing import Any

import numpy as np

import qet
from benchmarks import limits
from benchmarks.harness import Row, fast, ours, peers, plain
from benchmarks.w2 import POINTS, local_steady, parameters

TARGET = 143.0


def run(points: int = POINTS) -> list[Row]:
    p = parameters(points)

    def ask() -> tuple[Any, Any, Any]:
        state = local_steady(p)
        done = qet.teleport(state)
        return done.injected, done.extracted, state.diagnostics.heat_currents

    with plain():
        row, (injected, extracted, heat) = ours("W2q", ask, points, TARGET, runs=5)
    row.limit = limits.arithmetic(ask, points)
    expected = {
        "injected": np.asarray(injected),
        "extracted": np.asarray(extracted),
        "heatA": heat[:, 0],
        "heatB": heat[:, 1],
    }
    return [
        row,
        *peers("W2q", "qutip_local.py", {**p, "ask": np.array(True)}, expected, 1e-10),
        *fast("W2q, fast", ask, points, 100.0),
    ]
