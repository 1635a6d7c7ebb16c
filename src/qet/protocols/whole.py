"""A run on the whole system: its branches on every site, where the patch of a prompt protocol holds only a few.

What a party can take is decided on the patch. Entropies of the whole, global ergotropies and the second law are not:
they need every site, and a density matrix small enough to write down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.linalg import dagger, embed
from qet.foundations.values import Call
from qet.solvers.states import Dense, State

if TYPE_CHECKING:
    from qet.protocols.run import Run

Array = np.ndarray


def whole_branches(run: Run) -> Array:
    """Unnormalized states of the whole when Bob acts, one for each of Alice's outcomes, shape (*run.shape, K, d, d)."""
    if run.is_written_out:  # the patch is the whole already
        return run.branches
    if run.has_delay:
        raise NotOffered(
            f"the branches of all {run.state.model.n_sites} sites after a delay are not written out. Take delay=0, or "
            "fewer sites."
        )
    model, rho = run.state.model, run.state.density_matrix  # which is refused where it would not fit
    M = embed(run.measurement.kraus(model.A), model.A, model.n_sites)
    branches = M @ rho[..., None, :, :] @ dagger(M)
    return np.broadcast_to(branches, (*run.shape, *branches.shape[-3:]))


def whole_received(run: Run) -> Array:
    """The same for each symbol that Bob receives, shape (*run.shape, M, d, d)."""
    branches = whole_branches(run)
    return branches if run.message is None else np.einsum("...mk,...kij->...mij", run.message, branches)


def whole_final(run: Run) -> Array:
    """The same after Bob's operation, shape (*run.shape, M, d, d)."""
    model = run.state.model
    K = embed(run.bob, model.B, model.n_sites)  # (..., M, R, d, d)
    return np.asarray((K @ whole_received(run)[..., None, :, :] @ dagger(K)).sum(-3))


def averaged(run: Run) -> State:
    """The state of the whole when Bob acts, the message forgotten."""
    rho = whole_branches(run).sum(-3)
    return State(run.state.model, Dense(rho), "dense", Call("averaged", {"run": run}), run.state.found_error)
