"""W5: long chains. Free fermions at a thousand sites: ground and driven states, protocols near, far and after a delay.

A row is one call in a fresh process, in CPU seconds after the imports, with its peak memory. To add a workload add a
line to CALLS; what it calls is in SETUP.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from benchmarks import limits
from benchmarks.harness import ROOT, Row, package_version

SETUP = """
import resource, time
import qet
def protocol(n, A, B, **options):
    run = qet.teleport(qet.ground(qet.ising(n, A=A, B=B)), **options)
    return run.extracted, run
def far(n, A, B, near):
    run = qet.teleport(qet.ground(qet.ising(n, A=A, B=near)))
    return qet.teleport(run.state.between(A, B)).extracted, run
def wide(n):
    state = qet.ground(qet.ising(n))
    return sum(qet.teleport(state.between(n // 4, n // 4 + d)).extracted for d in range(2, n // 2, 10)), state
def driven(n, A, B):
    jumps = [qet.jump("+", 0, 1.0), qet.jump("-", 0, 0.5), qet.jump("+", n - 1, 0.2), qet.jump("-", n - 1, 1.0)]
    run = qet.teleport(qet.steady(qet.xy(n, Jx=1.0, Jy=0.4, g=0.9, A=A, B=B), jumps, solver="fermions"))
    return run.extracted, run
before = time.process_time()
value, run = {call}
{also}
print(time.process_time() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, float(value))
"""
CALLS: dict[str, tuple[str, str, float | None]] = {  # what is called, what is asked of it besides, seconds aimed at
    "W5 10 apart": ("protocol(1000, 495, 505)", "run.injected", 2.0),
    "W5 with ledger": ("protocol(1000, 495, 505)", "run.ledger", None),
    "W5 500 apart": ("far(1000, 100, 600, 110)", "", None),
    "W5 50 distances": ("wide(1000)", "", None),
    "W5 delay": ("protocol(1000, 495, 505, delay=3.0)", "run.ledger", None),
    "W5 driven": ("driven(1000, 495, 505)", "", 60.0),
}


def run(points: int = 0) -> list[Row]:
    rows = []
    limit = limits.diagonalized(1000)
    for workload, (call, also, target) in CALLS.items():
        runs = [_fresh(SETUP.replace("{call}", call).replace("{also}", also)) for _ in range(3)]
        seconds = [one[0] for one in runs]
        peak = f"{max(one[1] for one in runs):.0f}"
        versions = {"python": sys.version.split()[0], "qet": package_version(), "peak MiB": peak}
        contender = f"qet, fermions ({peak} MiB at most)"
        rows.append(
            Row(workload, contender, "s", statistics.median(seconds), seconds, 1, target, None, versions, limit)
        )
    return rows


def _fresh(code: str) -> list[float]:
    """What a fresh interpreter prints: CPU seconds after the imports, peak memory in MiB, and the number found."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]
