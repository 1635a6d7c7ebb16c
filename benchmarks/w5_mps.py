"""W5, matrix products: a critical Ising chain of 100 sites by DMRG, the ledger on top, TeNPy's correlators beside it.

DMRG is the peer's own; the row says what the state costs with its scouts, its gap and its residual. The ledger row is
a protocol on a state that is there: extracted energy and all 199 terms. The peer's row is what TeNPy takes for the
means of the same terms alone, by `expectation_value` and `expectation_value_term`.
"""

from __future__ import annotations

import platform
import statistics
import time
import warnings
from importlib.metadata import version

import numpy as np

import qet
from benchmarks.harness import Row, package_version
from qet.solvers.mps.contract import means_of
from qet.solvers.mps.payload import MatrixProduct
from qet.solvers.mps.peer import Peer

N = 100
TARGET = 0.1  # seconds of the ledger


def run(points: int = 0) -> list[Row]:
    model = qet.ising(N, A=N // 2 - 5, B=N // 2 + 5)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "qet": package_version()}
    versions |= {"tenpy": version("physics-tenpy")}
    start = time.process_time()
    state = qet.ground(model, solver=("mps", 64))
    seconds = time.process_time() - start
    bond = state.payload.bond
    rows = [Row("W5 DMRG, 100", f"qet through TeNPy (bond {bond})", "s", seconds, [seconds], 1, None, None, versions)]
    runs, ours = [], None
    for _ in range(5):
        fresh = MatrixProduct(
            tuple(type(chain)(chain.tensors, chain.norm) for chain in state.payload.chains), (), state.payload.distance
        )
        start = time.process_time()
        protocol = qet.teleport(type(state)(model, fresh, "mps", state.made_by, 0.0))
        ours = (float(protocol.extracted), protocol.ledger)
        runs.append(time.process_time() - start)
    rows.append(Row("W5 ledger, 100", "qet", "s", statistics.median(runs), runs, 1, TARGET, None, versions))
    assert ours is not None
    theirs, values = _peer(state, model)
    own = means_of(state.payload.chains[0], [string for string, _ in model.dynamics.terms])
    deviation = max(abs(own[string] - value) for string, value in values.items())
    name = f"TeNPy {versions['tenpy']} (the means of the terms)"
    rows.append(Row("W5 ledger, 100", name, "s", statistics.median(theirs), theirs, 1, None, deviation, versions))
    return rows


def _peer(state: qet.State, model: qet.Model) -> tuple[list[float], dict[object, float]]:
    """TeNPy's seconds for the means of the terms of H, and the means."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tenpy.networks.mps import MPS

        peer = Peer.of([(string, float(c)) for string, c in model.dynamics.terms], N, "None")
        order = list(np.argsort(peer.order))
        tensors = [B[:, order, 0].transpose(1, 0, 2) for B in state.payload.chains[0].tensors]
        psi = MPS.from_Bflat(peer.model.lat.mps_sites(), tensors, form=None)
        psi.canonical_form()
        seconds = []
        for _ in range(5):
            start = time.process_time()
            fields = psi.expectation_value("Sigmaz")
            bonds = [psi.expectation_value_term([("Sigmax", i), ("Sigmax", i + 1)]) for i in range(N - 1)]
            seconds.append(time.process_time() - start)
    values: dict[object, float] = {((i, "Z"),): float(fields[i]) for i in range(N)}
    values |= {((i, "X"), (i + 1, "X")): float(np.real(value)) for i, value in enumerate(bonds)}
    return seconds, values
