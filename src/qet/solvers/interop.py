"""Out to QuTiP. Nothing here is stored: a state keeps arrays, and converts when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qet.foundations.errors import NotOffered, ShapeMismatch

if TYPE_CHECKING:
    from qet.solvers.states import State


def to_qutip(state: State) -> Any:
    """The density matrix as a QuTiP Qobj with tensor dims [[2, ...], [2, ...]].

    Raises:
        ShapeMismatch: for a batch; pick one point first.
        NotOffered: if QuTiP is not installed.
    """
    if state.shape:
        raise ShapeMismatch(f"a Qobj holds one point; this state has shape {state.shape}. Prepare a single point.")
    try:
        import qutip
    except ImportError:
        raise NotOffered("to_qutip needs QuTiP: pip install 'qet[qutip]'.") from None
    n = state.model.n_sites
    return qutip.Qobj(state.density_matrix, dims=[[2] * n, [2] * n])
