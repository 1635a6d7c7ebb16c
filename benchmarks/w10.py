"""W10: a study of a million points of the pair between two baths, as a dataset: in memory, and kept on disk.

Beside them the bare call of the same function on the same grid, which a dataset cannot be faster than.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import qet
from benchmarks.harness import Row, ours, plain

KEPT = ("injected", "extracted")


def point(k: Any, T: Any) -> qet.Run:
    baths = [qet.bath(0, T=T, rate=0.1), qet.bath(1, T=0.2, rate=0.1)]
    return qet.teleport(qet.steady(qet.minimal(h=1.0, k=k), baths, master="local", allow=("OutsideDomain",)))


def run(points: int = 1_000_000) -> list[Row]:
    side = round(points**0.5)
    k, T = np.linspace(0.01, 2.0, side), np.geomspace(0.05, 5.0, side)

    def bare() -> list[np.ndarray]:
        done = point(k[:, None], T[None, :])
        return [getattr(done, name) for name in KEPT]

    def kept(**options: Any) -> Any:
        return qet.sweep(point, k=k, T=T, variables=KEPT, progress=False, **options)

    with plain(), tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(1000))

        def stored() -> Any:
            return kept(out=Path(folder) / f"{next(numbers)}.zarr")

        limit, expected = ours("W10", bare, side * side, 0.0, runs=5)
        rows = [_row("W10 in memory", kept, expected, side, 1.2 * limit.median)]
        rows.append(_row("W10 in a store", stored, expected, side, None))
    for row in rows:
        row.limit = limit.median
    return rows


def _row(name: str, study: Callable[[], Any], expected: list[np.ndarray], side: int, target: float | None) -> Row:
    row, data = ours(name, study, side * side, 0.0, runs=5)
    row.target = target
    row.deviation = max(float(np.abs(data[n].values - x).max()) for n, x in zip(KEPT, expected, strict=True))
    return row
