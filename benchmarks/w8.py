"""W8: the extracted energy of W2 and its gradient by all seven parameters, against the value alone.

Nobody else offers it. Beside it the way that needs no theory: central differences, fourteen values a point, on fewer
points, checked against the gradient; and the same gradient through JAX where that is installed (CPU time of all its
threads, compilation apart).
"""

from __future__ import annotations

import statistics
from importlib.util import find_spec
from typing import Any

import numpy as np

import qet
from benchmarks.harness import Row, cpu_times, ours, package_version, plain
from benchmarks.w2 import NAMES, POINTS, local_steady, parameters

TIMES = 6.0  # the aim: as many values
STEP = 1e-5


def point(**p: Any) -> qet.Run:
    return qet.teleport(local_steady(p))


def run(points: int = POINTS) -> list[Row]:
    with plain():
        return _rows(points)


def _rows(points: int) -> list[Row]:
    p = parameters(points)
    value, _ = ours("W8 value", lambda: point(**p).extracted, points, 143.0, runs=5)
    row, found = ours("W8 gradient", lambda: qet.gradient(point, **p), points, TIMES * value.median, runs=5)
    rows = [value, row, _differences(p, found, max(points // 10, 100))]
    if find_spec("jax") is not None:
        seconds, traced = cpu_times(lambda: qet.gradient(point, method="jax", **p), 3)
        rows.append(_row("JAX", seconds, points, max(_off(traced[n], found[n]) for n in NAMES)))
    for other in rows[1:]:
        other.contender += f" (x{other.median / value.median:.1f} the value)"
    return rows


def _differences(p: dict[str, np.ndarray], found: Any, points: int) -> Row:
    few = {name: value[:points].copy() for name, value in p.items()}

    def ask() -> dict[str, np.ndarray]:
        def value(name: str, step: float) -> np.ndarray:
            return np.asarray(point(**{**few, name: few[name] + step}).extracted)

        return {name: (value(name, STEP) - value(name, -STEP)) / (2 * STEP) for name in NAMES}

    seconds, slopes = cpu_times(ask, 3)
    return _row("central differences", seconds, points, max(_off(slopes[n], found[n][:points]) for n in NAMES))


def _row(contender: str, seconds: list[float], points: int, deviation: float) -> Row:
    times = [s / points * 1e9 for s in seconds]
    versions = {"qet": package_version(), "numpy": np.__version__}
    return Row("W8 gradient", contender, "ns/point", statistics.median(times), times, points, None, deviation, versions)


def _off(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b)))
