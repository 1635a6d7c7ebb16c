"""The null vector of a hierarchy of equations of motion: the steady state with its auxiliary matrices.

The blocks are diagonal in the energy basis, but for the couplings between tiers. GMRES, preconditioned by the lowest
tiers exactly, with the higher ones eliminated to second order (of the state alone this is the Redfield equation), and
by the diagonal of the rest. The auxiliary matrices are scaled by Π_k (n_k! |c_k|^{n_k})^{1/2}, which keeps them of
order one (Shi, Chen, Nan, Xu and Yan, J. Chem. Phys. 130, 084105 (2009)). The preconditioner is derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
RESTART = 60  # vectors of GMRES
_HEAD = 1500  # unknowns of the tiers solved directly by the preconditioner
_SOLVED = 1e-8  # of one pass of GMRES
_PASSES = 5
_STEADY = 1e-10  # of the state, by the last pass


def null_vector(L: Any, labels: Array, sizes: Array, d: int) -> tuple[Array, float]:
    """x of L x = 0 with Tr ρ_0 = 1, blocks in the order of the labels, and ‖L x‖ / (‖L‖ ‖x‖) of the scaled problem."""
    import scipy.sparse as sparse
    from scipy.sparse import linalg

    tiers = labels.sum(1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, labels.max() + 1)))])
    scales = np.repeat(np.exp(0.5 * (logs[labels].sum(1) + labels @ np.log(sizes))), d * d)
    order = (np.argsort(tiers, kind="stable")[:, None] * d * d + np.arange(d * d)).ravel()
    L = (sparse.diags_array(1.0 / scales) @ sparse.csr_array(L) @ sparse.diags_array(scales))[order][:, order]
    weight = float(np.abs(L.diagonal()[: d * d]).max()) or 1.0
    places = np.arange(d) * (d + 1)  # the trace is a left null vector, so weight Tr ρ_0 in one row fixes it alone
    closed = sparse.csr_array(L + sparse.csr_array((np.full(d, weight), (0 * places, places)), shape=L.shape))
    ends = np.bincount(tiers).cumsum() * d * d
    head = int(ends[max(0, int((ends <= _HEAD).sum()) - 1)])
    precondition: Any = linalg.LinearOperator(closed.shape, _preconditioner(closed, head), dtype=complex)
    right = np.zeros(L.shape[0], dtype=complex)
    right[0] = weight
    x = np.zeros_like(right)
    for _ in range(_PASSES):  # refine: a slow mode needs digits beyond the first residual
        step = linalg.gmres(closed, right - closed @ x, M=precondition, rtol=_SOLVED, restart=RESTART, maxiter=4)[0]
        x = x + step
        if np.linalg.norm(step[: d * d]) <= _STEADY * np.linalg.norm(x[: d * d]):
            break
    norm = float(linalg.norm(L)) * float(np.linalg.norm(x))
    residual = float(np.linalg.norm(L @ x)) / norm
    unscaled = np.empty_like(x)
    unscaled[order] = x
    return unscaled * scales, residual


def _preconditioner(A: Any, head: int) -> Callable[[Array], Array]:
    """r -> z ≈ A⁻¹ r: the first `head` unknowns directly, with the others eliminated by their diagonal."""
    import scipy.sparse as sparse
    from scipy.sparse import linalg

    diagonal = A.diagonal()[head:]
    across, back = A[:head, head:], A[head:, :head]
    core = A[:head, :head] - across @ (sparse.diags_array(1.0 / diagonal) @ back)
    factors = linalg.splu(sparse.csc_array(core))

    def apply(r: Array) -> Array:
        rest = r[head:] / diagonal
        low = factors.solve(r[:head] - across @ rest)
        return np.concatenate([low, rest - (back @ low) / diagonal])

    return apply
