"""W10 at a hundred million points: ground states of the pair, two numbers each, into a store, in a fresh process.

Held: the peak memory, below 1 GiB, and the size of the store, below 10 bytes a number.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import ROOT, Row, package_version

CODE = """
import resource, sys, time
import numpy as np
import qet
side = int(sys.argv[1])
def point(h, k):
    return qet.teleport(qet.ground(qet.minimal(h=h, k=k)))
before, clock = time.process_time(), time.perf_counter()
axes = {"h": np.linspace(0.2, 2.0, side), "k": np.linspace(0.2, 2.0, side)}
data = qet.sweep(point, **axes, variables=("injected", "extracted"), out=sys.argv[2], progress=False)
i = side // 3
expected = point(axes["h"][i], axes["k"][i]).extracted
off = abs(float(data.extracted[i, i]) - float(expected))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(time.process_time() - before, time.perf_counter() - clock, peak, off)
"""


def run(points: int = 100_000_000) -> list[Row]:
    side = round(points**0.5)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "map.zarr"
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-c", CODE, str(side), str(store)]
        told = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
        size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    cpu, clock, peak, off = map(float, told.split())
    a_value = size / (2 * side * side)
    if peak > 1024 or a_value > 10:
        raise SystemExit(f"W10: {peak:.0f} MiB at the peak, {a_value:.2f} bytes a number.")
    versions = {"python": sys.version.split()[0], "qet": package_version()}
    versions |= {"peak MiB": f"{peak:.0f}", "bytes a number": f"{a_value:.2f}", "seconds by the clock": f"{clock:.1f}"}
    contender = f"qet ({peak:.0f} MiB, {a_value:.2f} bytes a number)"
    return [Row("W10 hundred million", contender, "s", cpu, [cpu], side * side, None, off, versions)]
