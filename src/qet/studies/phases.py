"""E_B as a detector of phases: what Bob gets, beside the entanglement that phases are usually told apart by.

The parties stand in the middle of the chain, a few sites apart, so that Alice's measurement commutes with all that Bob
touches. The entropy is that of the left half, -Tr[rho ln rho] in nats; of the ground state, which is pure, it is the
entanglement between the halves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.errors import BadParties
from qet.physics.model import Model
from qet.protocols.entropies import x_log_x
from qet.protocols.teleport import teleport
from qet.solvers.prepare import ground
from qet.solvers.states import State, marginal

NEGATIVE = 1e-15  # rounding of an eigenvalue of a marginal


def half_chain_entropy(state: State) -> Any:
    """Entropy of the sites 0 .. N//2 - 1, in nats; of a pure state the entanglement of the halves.

    Args:
        state: Any state of at most sixteen sites.

    Example:
        >>> import qet
        >>> round(float(half_chain_entropy(qet.ground(qet.xxz(2)))), 12) == round(float(np.log(2)), 12)
        True
    """
    p = np.linalg.eigvalsh(marginal(state, range(state.model.n_sites // 2)))
    return -x_log_x(np.where(p > NEGATIVE, p, 0.0)).sum(-1)[()]


def phase_point(model: Model, *, apart: int = 2, measure: Any = "X") -> dict[str, Any]:
    """Bob's energy and the half-chain entropy of a ground state: a point of a phase map, for `sweep`.

    Args:
        model: The model; its parties are not used.
        apart: Distance of Alice and Bob, who stand about the middle.
        measure: What Alice measures.

    Returns:
        "extracted", "teleported" and "entropy", each of the model's shape.

    Raises:
        BadParties: for a distance that does not fit into the chain.

    Example:
        >>> import numpy as np, qet
        >>> data = qet.sweep(lambda g: phase_point(qet.ising(6, g=g)), g=np.array([0.5, 1.0, 2.0]))
        >>> float(data.entropy[0]) > float(data.entropy[2])
        True
    """
    if not 1 <= apart < model.n_sites:
        raise BadParties(f"two sites {apart} apart do not fit into {model.n_sites} sites.")
    A = (model.n_sites - 1 - apart) // 2
    state = ground(model)
    run = teleport(state.between(A, A + apart), measure=measure)
    return {"extracted": run.extracted, "teleported": run.teleported, "entropy": half_chain_entropy(state)}
