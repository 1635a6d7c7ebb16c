"""The generator on packed vectors as one sparse real matrix: fastest for short chains, and solved directly for shorter.

On a block with vec in row order, K rho + h.c. is  (P⊗1) + (1⊗P)  on M and  (Q⊗1) - (1⊗Q)  on Mᵀ (see `action`);
every transfer of a jump copies entries. Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.solvers.chains.action import Action

Array = np.ndarray


def explicit(action: Action) -> Any:
    """L as a sparse matrix (CSR) in the precision of an action."""
    from scipy.sparse import block_diag, coo_array, eye_array, kron

    layout, blocks = action.layout, []
    for b, n in enumerate(layout.sizes):
        one, P, Q, lost = eye_array(n), action.real[b], action.imaginary[b], action.leaving[b]
        turn = np.arange(n * n).reshape(n, n).T.reshape(-1)
        gains = -lost[:, None] - lost if action.factors[b] is None else action.factors[b] - lost[:, None] - lost
        part = (kron(one, Q, format="csr") - kron(Q, one, format="csr"))[:, turn]
        part = part + coo_array((gains.reshape(-1), (np.arange(n * n), np.arange(n * n))), shape=(n * n, n * n)).tocsr()
        blocks.append(part if P is None else part - kron(P, one, format="csr") - kron(one, P, format="csr"))
    whole = block_diag(blocks, format="csr")
    rows, columns, values = [], [], []
    for moves in action.transfers:
        for move in moves:
            into, out = _grid(layout, move.target, move.rows, move.columns), move.source
            straight = _grid(layout, out, move.from_rows, move.from_columns)
            turned = _grid(layout, out, move.from_columns, move.from_rows).T
            for c, found in ((move.x, straight), (move.y, turned)):
                if c != 0.0:
                    rows.append(into.reshape(-1))
                    columns.append(found.reshape(-1))
                    values.append(np.full(into.size, c))
    if rows:
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        whole = whole + coo_array(entries, shape=whole.shape).tocsr()
    return whole.astype(action.dtype)


def _grid(layout: Any, b: int, rows: Any, columns: Any) -> Array:
    """Places in the vector of a part of one block."""
    n = layout.sizes[b]
    places = np.arange(n)
    return np.asarray(layout.starts[b] + places[rows][:, None] * n + places[columns])


def solve_directly(action: Action) -> tuple[Array, float]:
    """The state of unit trace with L x = 0, by sparse LU with one row replaced by the trace; and a bound of ‖L⁻¹‖.

    The rows that give diagonal elements add up to zero, so one of them can be left out. The bound is the growth of
    two fixed traceless probes, infinite where the matrix is singular.
    """
    from scipy.sparse import csr_array, vstack
    from scipy.sparse.linalg import splu

    layout, L = action.layout, explicit(action)
    trace = np.zeros(layout.unknowns)
    for b, n in enumerate(layout.sizes):
        trace[layout.starts[b] : layout.starts[b + 1] : n + 1] = layout.weights[b]
    scale = max(float(np.abs(L.data).max(initial=0.0)), np.finfo(float).tiny)
    system = vstack([csr_array(trace[None, :] * scale), L[1:]], format="csc")
    try:
        factors = splu(system)
    except RuntimeError:  # exactly singular
        return layout.identity(), np.inf
    right = np.zeros((layout.unknowns, 3))
    right[0, 0] = scale
    right[1:, 1:] = np.cos(1.0 + np.arange(1, layout.unknowns)[:, None] ** 2 * np.array([0.7, 1.9]))
    found = factors.solve(right)
    x = found[:, 0]
    if not np.all(np.isfinite(found)):
        return layout.identity(), np.inf
    x = x - factors.solve(np.concatenate([[0.0], (L @ x)[1:]]))
    growth = np.linalg.norm(found[:, 1:], axis=0) / np.linalg.norm(right[1:, 1:], axis=0)
    return x / layout.trace(x), float(growth.max()) * np.sqrt(layout.unknowns)
