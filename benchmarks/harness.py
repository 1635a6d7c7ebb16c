"""Timing, peers and records, shared by the workloads.

A figure is CPU seconds of one core, the median of several runs on the same random parameters. A peer runs in an
environment of its own, made on first use, on a subset of those parameters that it finishes in a few seconds; it
returns its numbers, which are compared with ours before any time is printed.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from qet.foundations import chunks
from qet.foundations.threads import threads

Arrays = Mapping[str, np.ndarray]
ROOT = Path(__file__).resolve().parent.parent
SEED = 20100201
BUDGET = 6.0  # CPU seconds a peer may take for its points
ENVIRONMENTS = {".venv-qutip511": "qutip==5.1.1", ".venv-qutip": "qutip"}
BROKEN_SCIPY = "scipy!=1.16.0,!=1.17.0"  # QuTiP fails with these two


@dataclass
class Row:
    """One contender on one workload."""

    workload: str
    contender: str
    unit: str
    median: float
    runs: list[float]
    points: int
    target: float | None = None
    deviation: float | None = None  # largest difference from ours
    versions: dict[str, str] = field(default_factory=dict)
    limit: float | None = None  # what it could be at best here, in the row's unit; see `limits`


def cpu_times(function: Callable[[], Any], runs: int = 7) -> tuple[list[float], Any]:
    """CPU seconds of each run after one that warms up, and the last result."""
    result = function()
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return seconds, result


def ours(workload: str, function: Callable[[], Any], points: int, target: float, runs: int = 7) -> tuple[Row, Any]:
    """Our row, in nanoseconds a point; `target` likewise."""
    seconds, result = cpu_times(function, runs)
    per_point = [s / points * 1e9 for s in seconds]
    versions = {"python": platform.python_version(), "numpy": np.__version__, "qet": package_version()}
    middle = statistics.median(per_point)
    return Row(workload, "qet", "ns/point", middle, per_point, points, target, None, versions), result


@contextmanager
def plain() -> Iterator[None]:
    """Nothing compiled within the block, as without the extra `fast`."""
    large, chunks.LARGE = chunks.LARGE, sys.maxsize
    try:
        yield
    finally:
        chunks.LARGE = large


def fast(workload: str, function: Callable[[], Any], points: int, target: float, runs: int = 5) -> list[Row]:
    """The function with the extra `fast`, by one thread and by two, beside the plain one; all in this run.

    Figures of one thread are CPU time; that of two is by the clock, and says little on a machine with other work.
    """
    if find_spec("numba") is None:
        return []
    with plain():
        before, expected = ours(workload, function, points, target, runs)
    with threads(1):
        one, found = ours(workload, function, points, target, runs)
    seconds = []
    with threads(2):
        for _ in range(runs):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
    per_point = [s / points * 1e9 for s in seconds]
    two = replace(one, contender="qet, 2 threads, by the clock", median=statistics.median(per_point), runs=per_point)
    pairs = zip(_arrays(expected), _arrays(found), strict=True)
    one.deviation = max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)
    if one.deviation > 1e-11:
        raise SystemExit(f"{workload}: compiled and plain numbers differ by {one.deviation:.1e}.")
    versions = {**one.versions, "numba": version("numba")}
    return [replace(one, versions=versions), replace(two, versions=versions), replace(before, contender="qet, plain")]


def _arrays(result: Any) -> list[np.ndarray]:
    """The numbers of a result: of a state its Pauli means or its density matrix."""
    payload = getattr(result, "payload", None)
    if payload is not None:
        values = getattr(payload, "values", None)
        return [np.asarray(x) for x in values.values()] if isinstance(values, Mapping) else [result.density_matrix]
    return [np.asarray(x) for x in result] if isinstance(result, tuple) else [np.asarray(result)]


def two_qubit_strings() -> list[str]:
    """The fifteen Pauli strings of two qubits."""
    return [f"{a}{i}" for a in "XYZ" for i in (0, 1)] + [f"{a}0 {b}1" for a in "XYZ" for b in "XYZ"]


def package_version() -> str:
    """The version and the commit."""
    import qet

    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{qet.__version__} {found.stdout.strip()}".strip()


def environments() -> dict[str, Path]:
    """Python of each peer's environment, made by pip where missing; those that cannot be made are left out."""
    found = {}
    for folder, requirement in ENVIRONMENTS.items():
        python = ROOT / folder / "bin" / "python"
        if not (ROOT / folder / ".ready").exists() and not _make(ROOT / folder, requirement):
            print(f"{requirement}: no environment could be made; left out", file=sys.stderr)
            continue
        found[folder] = python
    return found


def _make(folder: Path, requirement: str) -> bool:
    env = {k: v for k, v in os.environ.items() if k not in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PYTHONPATH")}
    print(f"making {folder.name} with {requirement} ...", file=sys.stderr)
    python = str(folder / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [python, "-m", "pip", "install", "--quiet", requirement, BROKEN_SCIPY],
    ):
        if subprocess.run(command, env=env, check=False).returncode:
            return False
    (folder / ".gitignore").write_text("*\n")
    (folder / ".ready").touch()
    return True


def peers(workload: str, script: str, parameters: Arrays, expected: Arrays, tolerance: float) -> list[Row]:
    """Run a peer script in every environment, check its numbers against ours, and give its rows."""
    rows = []
    for python in environments().values():
        with tempfile.TemporaryDirectory() as folder:
            given, returned = Path(folder) / "given.npz", Path(folder) / "returned.npz"
            np.savez(given, budget=BUDGET, **parameters)
            env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            env.pop("PYTHONPATH", None)
            peer = ROOT / "benchmarks" / "peers" / script
            command = [str(python), "-W", "ignore", str(peer), str(given), str(returned)]
            done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
            if done.returncode:
                where = python.parent.parent.name
                print(f"{workload}: {script} failed in {where}:\n{done.stderr[-800:]}", file=sys.stderr)
                continue
            with np.load(returned) as file:
                answer = {name: file[name] for name in file.files}
        rows.append(_compared(workload, answer, expected, tolerance))
    return rows


def _compared(workload: str, answer: Arrays, expected: Arrays, tolerance: float) -> Row:
    seconds = answer["seconds"]
    n = len(seconds)
    deviation = max(float(np.abs(answer[name] - expected[name][:n]).max()) for name in expected)
    contender = f"QuTiP {answer['version']} ({answer['method']})"
    if not deviation <= tolerance:
        raise SystemExit(f"{workload}: {contender} and qet differ by {deviation:.1e}, more than {tolerance:.0e}.")
    versions = {"qutip": str(answer["version"]), "numpy": str(answer["numpy"]), "scipy": str(answer["scipy"])}
    middle = float(np.median(seconds)) * 1e9
    return Row(workload, contender, "ns/point", middle, [middle], n, None, deviation, versions)


def machine() -> str:
    """The processor's name and the number of cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"
