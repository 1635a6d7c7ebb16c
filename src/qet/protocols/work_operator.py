"""Bob's gain as one operator on the state before the protocol: with his operations fixed, extracted = Tr[W rho].

    W = Σ_m Σ_k P[m, k] (U M_k)† (H - Φ_m†(H)) (U M_k),    U the (closed) evolution during the delay.

It carries everything that a wrong state can do to the gain. For operations that were optimized the true best is at
least Tr[W rho'], so every lower bound on Tr[W rho'] is one on the optimum too. Derived here.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.linalg import dagger, expm_hermitian
from qet.protocols import policies
from qet.protocols.run import Run

Array = np.ndarray


def work_operator(run: Run) -> Array:
    """W on the patch, shape (*shape, d, d).

    Raises:
        NotOffered: where reservoirs act during the delay.
    """
    M = run.kraus
    if run.has_delay:
        M = delayed(run) @ M
    W = told(run, policies.work_operators(run.patch, run.bob))  # (..., K, d, d)
    W = (dagger(M) @ W @ M).sum(-3)
    return np.asarray(np.broadcast_to(W, (*run.shape, *W.shape[-2:])))


def told(run: Run, operators: Array) -> Array:
    """Operators of Bob's, one a symbol, as Alice's outcomes call for them: Σ_m P[m, k] O_m, shape (..., K, d, d)."""
    return operators if run.message is None else np.einsum("...mk,...mij->...kij", run.message, operators)


def delayed(run: Run) -> Array:
    """The unitary of the delay on the whole, shape (..., 1, d, d).

    Raises:
        NotOffered: where reservoirs act during the delay.
    """
    if run.surroundings:
        raise NotOffered("this is offered where H alone acts during the delay; here reservoirs do.")
    model = run.state.model
    if not run.is_written_out:
        raise NotOffered(
            f"this follows matrices on all {model.n_sites} sites through the delay. Take delay=0, or fewer sites."
        )
    return expm_hermitian(model.dynamics.matrix(model.sites), run.delay)[..., None, :, :]
