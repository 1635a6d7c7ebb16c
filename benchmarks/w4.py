"""W4: steady states of a boundary-driven XXZ chain; against QuTiP where it can; peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import numpy as np

import qet
from benchmarks.harness import ROOT, SEED, Row, cpu_times, package_version, peers

POINTS = 13  # sites of the longest chain with --all
RUNS = {8: 5, 9: 5, 10: 3, 11: 3}  # of each length; one of the longer ones
TARGETS = {8: 0.15, 10: 3.0, 12: 120.0, 13: 720.0}
TOLERANCE = 1e-8  # of a mean beside QuTiP's iterations
SETUP = """
import resource, sys, time
import qet
from qet.foundations import kernels
n, is_compiled = int(sys.argv[1]), sys.argv[2] == "compiled"
if not is_compiled:
    kernels.has_numba = lambda: False
def driven(n):
    ends = ((0, 1.5, 0.5), (n - 1, 0.5, 1.5))
    jumps = [qet.jump(sign, site, rate) for site, up, down in ends for sign, rate in (("+", up), ("-", down))]
    return qet.xxz(n, J=0.25, Delta=1.0), jumps
qet.steady(*driven(4), solver="chains")
if is_compiled:
    from qet.solvers.chains import action
    action.LONG, long = 0, action.LONG
    qet.steady(*driven(6), solver="chains")
    action.LONG = long
before = time.process_time()
state = qet.steady(*driven(n), solver="chains")
spent = time.process_time() - before
loss = 2.0  # mean rate of jumps: the residual asked for is ‖L rho‖/‖rho‖ itself
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(spent, peak, float(state.diagnostics.residual) * loss, float(state.solver_error))
"""


def run(points: int = 0) -> list[Row]:
    rows = [row for n in (5, 6) for row in _beside_qutip(n)]
    lengths = range(8, 11) if points < POINTS else range(8, POINTS + 1)
    for n in lengths:
        for way in ("compiled", "plain"):
            if not (way == "plain" and n > 12) and not (way == "compiled" and n < 10):
                rows.append(_alone(n, way))
    return rows


def _beside_qutip(n: int) -> list[Row]:
    """Three random points, all magnetizations and the current of the first bond."""
    rng = np.random.default_rng(SEED)
    names = ("J", "Delta", "gamma", "mu")
    given = dict(zip(names, rng.uniform([0.2, 0.5, 0.5, 0.1], [0.5, 1.5, 1.5, 0.9], (3, 4)).T, strict=True))

    def ours() -> np.ndarray:
        found = []
        for J, Delta, gamma, mu in zip(*given.values(), strict=True):
            rates = ((0, 1 + mu, 1 - mu), (n - 1, 1 - mu, 1 + mu))
            jumps = [qet.jump(s, site, gamma * r) for site, up, down in rates for s, r in (("+", up), ("-", down))]
            flow = qet.transport(qet.steady(qet.xxz(n, J=J, Delta=Delta), jumps, solver="chains"))
            found.append([*flow.magnetization, flow.spin_current[0]])
        return np.array(found)

    seconds, means = cpu_times(ours, 5)
    each = [s / 3 * 1e9 for s in seconds]
    versions = {"python": sys.version.split()[0], "qet": package_version()}
    name = f"W4 driven XXZ, {n}"
    row = Row(name, "qet", "ns/point", statistics.median(each), each, 3, None, None, versions)
    given = {**given, "n": np.full(3, n)}
    return [row, *peers(name, "qutip_driven.py", given, {"means": means}, TOLERANCE)]


def _alone(n: int, way: str) -> Row:
    runs = [_fresh(n, way) for _ in range(RUNS.get(n, 1))]
    seconds = [one[0] for one in runs]
    peak = f"{max(one[1] for one in runs):.0f}"
    residual, error = f"{runs[0][2]:.1e}", f"{runs[0][3]:.1e}"
    versions = {"python": sys.version.split()[0], "qet": package_version(), "peak MiB": peak, "residual": residual}
    versions["energy to"] = error
    contender = f"qet, {way} ({peak} MiB at most)"
    target = TARGETS.get(n)
    return Row(f"W4 driven XXZ, {n}", contender, "s", statistics.median(seconds), seconds, 1, target, None, versions)


def _fresh(n: int, way: str) -> list[float]:
    """What a fresh interpreter prints: CPU seconds after the imports, peak memory in MiB, residual, error."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", SETUP, str(n), way]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]
