"""W6: CPU seconds of a fresh process: importing the package, and reaching the first number."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

from benchmarks.harness import ROOT, Row, environments, package_version

OURS = {
    "W6 import": "import qet",
    "W6 first number": "import qet; print(float(qet.teleport(qet.ground(qet.minimal(h=1.0, k=0.5))).extracted))",
}
PEER_FIRST = (
    "import qutip as q; z, x, i = q.sigmaz(), q.sigmax(), q.qeye(2); "
    "H = q.tensor(z, i) + q.tensor(i, z) + q.tensor(x, x); print(q.expect(H, H.groundstate()[1]))"
)
PEER = {"W6 import": "import qutip", "W6 first number": PEER_FIRST}
TARGETS = {"W6 import": 0.25, "W6 first number": 0.5}


def run(points: int = 0) -> list[Row]:
    rows = []
    limit = statistics.median(
        _cpu(sys.executable, "import numpy") for _ in range(5)
    )  # without which there are no arrays
    for workload, code in OURS.items():
        runs = [_cpu(sys.executable, code) for _ in range(7)]
        versions = {"python": sys.version.split()[0], "qet": package_version()}
        rows.append(Row(workload, "qet", "s", statistics.median(runs), runs, 1, TARGETS[workload], None, versions))
        rows[-1].limit = limit if "number" in workload else None  # the package alone imports nothing
        for python in environments().values():
            peer = [_cpu(str(python), PEER[workload]) for _ in range(3)]
            command = [str(python), "-W", "ignore", "-c", "import qutip; print(qutip.__version__)"]
            version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            middle = statistics.median(peer)
            rows.append(Row(workload, f"QuTiP {version}", "s", middle, peer, 1, None, None, {"qutip": version}))
    return rows


def _cpu(python: str, code: str) -> float:
    """CPU seconds, user and system, of a fresh interpreter running a line of code."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-W", "ignore", "-c", code], env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
