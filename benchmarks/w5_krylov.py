"""W5, Krylov: ground states of chains as state vectors, matrix-free, against explicit sparse matrices.

A point is one site: the size of the problem is the number of sites. Every contender finds the lowest two levels (QuTiP
one) of the same Pauli sums to rounding: a mixed-field Ising chain, an XXZ chain, and a random two-body sum over
neighbors, which is complex and without symmetries. SciPy's `eigsh` is given the matrix ready made.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import qet
from benchmarks.harness import SEED, Row, package_version
from qet.foundations.kernels import has_numba
from qet.foundations.paulis import PauliSum, collect
from qet.solvers.vectors.product import sparse_of
from qet.solvers.vectors.strings import strings_of

POINTS = 20
TARGET = 8.0  # seconds, for 20 sites with the compiled product
QUTIP_SITES = 16


def run(points: int = POINTS) -> list[Row]:
    qet.ground(qet.ising(13, hx=0.3), solver="krylov")  # loads, and compiles where nothing is on disk
    rows = []
    for name, model in models(points).items():
        seconds, state = _timed(lambda model=model: qet.ground(model, solver="krylov"))
        kind = "qet" if has_numba() else "qet, not compiled"
        target = TARGET if points == POINTS and has_numba() else None
        rows.append(_row(name, kind, seconds, points, target, versions={"qet": package_version()}))
        energy = float(state.diagnostics.energy)
        rows += [row for row in (_scipy(name, model, energy), _qutip(name, model, energy)) if row is not None]
    return rows


def models(n: int) -> dict[str, Any]:
    """The Pauli sums."""
    rng = np.random.default_rng(SEED)
    strings = [((i, a), (i + 1, b)) for i in range(n - 1) for a in "XYZ" for b in "XYZ"]
    strings += [((i, a),) for i in range(n) for a in "XYZ"]
    total: PauliSum = collect([(string, float(rng.normal())) for string in strings])
    return {
        "Ising, hx": qet.ising(n, hx=0.3),
        "XXZ": qet.xxz(n, Delta=0.4),
        "random": qet.model({"H": total}, A=0, B=n - 1),
    }


def _scipy(name: str, model: Any, energy: float) -> Row:
    import scipy
    from scipy.sparse.linalg import eigsh

    matrix = sparse_of(strings_of(model.dynamics, model.n_sites), np.arange(2**model.n_sites))
    start = np.random.default_rng(SEED).normal(size=matrix.shape[0]).astype(matrix.dtype)
    seconds, found = _timed(lambda: eigsh(matrix, k=2, which="SA", v0=start, tol=0.0))
    deviation = abs(float(np.min(found[0])) - energy)
    return _row(
        name, "SciPy eigsh, matrix ready", seconds, model.n_sites, None, deviation, {"scipy": scipy.__version__}
    )


def _qutip(name: str, model: Any, energy: float) -> Row | None:
    if model.n_sites > QUTIP_SITES:
        return None
    try:
        import qutip
    except ImportError:
        return None
    dims = [[2] * model.n_sites] * 2
    matrix = sparse_of(strings_of(model.dynamics, model.n_sites), np.arange(2**model.n_sites))
    H = qutip.Qobj(matrix.astype(complex), dims=dims)
    seconds, found = _timed(lambda: H.groundstate(sparse=True))
    deviation = abs(found[0] - energy)
    return _row(name, "QuTiP groundstate", seconds, model.n_sites, None, deviation, {"qutip": qutip.__version__})


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads in one run: it takes long enough."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def _row(
    name: str,
    contender: str,
    seconds: float,
    n: int,
    target: float | None,
    deviation: float | None = None,
    versions: dict[str, str] | None = None,
) -> Row:
    known = {"python": platform.python_version(), "numpy": np.__version__, **(versions or {})}
    return Row(f"W5 {name}", contender, "s", seconds, [seconds], n, target, deviation, known)
