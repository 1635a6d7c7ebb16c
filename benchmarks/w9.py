"""W9: Bob's optima: a million one-qubit rotations, and channels and several qubits with their certificates.

A point of the first row is a random 3x3 matrix T. Of the others it is a random state and a random H of Bob's qubits
and two more: the best operation and a bound on all of its class. The difference is that of gain and bound, relative
(rotations: against Davenport's matrix in LAPACK; unitaries: the median, as the gap need not close).
"""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import limits
from benchmarks.harness import SEED, Row, cpu_times, fast, package_version, plain
from qet.protocols.best import best_gain, gain_bound
from qet.protocols.channel import best_channel, solved
from qet.protocols.choi import choi_of, cost
from qet.protocols.many_qubits import best_unitary

POINTS = 1_000_000
TARGETS = {
    "rotation": 1e3,
    "channel": 3e6,
    "channel, 2 qubits": None,
    "unitary, 2 qubits": 0.2e9,
    "unitary, 3 qubits": 2e9,
}


def run(points: int = POINTS) -> list[Row]:
    rng = np.random.default_rng(SEED)
    T = rng.normal(size=(points, 3, 3))
    with plain():
        rows = [_row("rotation", lambda: best_gain(T), points, 5)]
    rows[0].limit = limits.arithmetic(lambda: best_gain(T), points)
    exact = gain_bound(T[:10_000])
    rows[0].deviation = float(np.abs(best_gain(T[:10_000]) / exact - 1).max())
    for n, count in ((1, 500), (2, 20)):
        rho, H = _random(rng, n + 2, count)
        name = "channel" if n == 1 else f"channel, {n} qubits"
        row = _row(name, lambda rho=rho, H=H, n=n: best_channel(rho, H, tuple(range(n))), count)
        found = best_channel(rho, H, tuple(range(n)))
        row.deviation = float(np.max((found.bound - found.gain) / found.gain))
        rows.append(row)
    for n, count in ((2, 20), (3, 3)):
        rho, H = _random(rng, n + 2, count)
        row = _row(f"unitary, {n} qubits", lambda rho=rho, H=H, n=n: _certified(rho, H, range(n)), count)
        row.deviation = float(np.median(_certified(rho, H, range(n))))
        rows.append(row)
    return [*rows, *fast("W9 rotation, fast", lambda: best_gain(T), points, 500.0)]


def _certified(rho: np.ndarray, H: np.ndarray, positions: range) -> np.ndarray:
    """Best unitaries and unital bounds; their relative gaps."""
    found = best_unitary(rho, H, positions)
    bound = solved(cost(rho, H, positions), choi_of(found.unitary[:, None]), unital=True).bound
    return (bound - found.gain) / found.gain


def _random(rng: np.random.Generator, n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    G, H = (rng.normal(size=(count, 2**n, 2**n)) + 1j * rng.normal(size=(count, 2**n, 2**n)) for _ in range(2))
    rho = G @ G.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None], H + H.conj().swapaxes(-1, -2)


def _row(name: str, function: Callable[[], Any], points: int, runs: int = 3) -> Row:
    seconds, _ = cpu_times(function, runs)
    per_point = [s / points * 1e9 for s in seconds]
    versions = {"python": platform.python_version(), "numpy": np.__version__, "qet": package_version()}
    middle = statistics.median(per_point)
    return Row(f"W9 {name}", "qet", "ns/point", middle, per_point, points, TARGETS[name], None, versions)
