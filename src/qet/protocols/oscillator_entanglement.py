"""Entanglement of oscillators, and what a round of the protocol leaves of it.

For a Gaussian state everything is in the symplectic eigenvalues ν >= 1/2 of small covariances: the entropy of a party
is Σ_j (ν+1/2) ln(ν+1/2) - (ν-1/2) ln(ν-1/2), the logarithmic negativity of A and B Σ_j max(0, -ln 2ν_j) after turning
the sign of Bob's momenta. After the round they are those of the state with the outcome, the same for every outcome;
Bob's Gaussian unitaries change none of them. In a pure state the entropy of a party is its entanglement with all the
rest. A pure seed leaves A in a product state: nothing of Alice's entanglement survives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.physics.gaussian_reading import symplectic_form

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class OscillatorEntanglement:
    """Entropies and negativity in nats, before Alice measures and when Bob acts: shape (*shape, 2).

    Attributes:
        entropy_A: Of Alice's modes.
        entropy_B: Of Bob's.
        negativity: Logarithmic negativity between A and B.
    """

    entropy_A: Array
    entropy_B: Array
    negativity: Array


def symplectic_eigenvalues(covariance: Array) -> Array:
    """ν_j >= 1/2 of covariances in the order (x.., p..), ascending: shape (..., 2m, 2m) -> (..., m)."""
    m = covariance.shape[-1] // 2
    turned = np.linalg.eigvals(symplectic_form(m) @ covariance)
    return np.sort(np.abs(turned.imag), axis=-1)[..., ::2]


def gaussian_entropy(covariance: Array) -> Array:
    """Entropy in nats, shape (...)."""
    nu = symplectic_eigenvalues(covariance)
    low, high = np.maximum(nu - 0.5, 0.0), nu + 0.5
    return (high * np.log(high) - low * np.log(np.where(low > 0.0, low, 1.0))).sum(-1)


def log_negativity(covariance: Array, n_first: int) -> Array:
    """Logarithmic negativity in nats between the first modes and the others, shape (...)."""
    m = covariance.shape[-1] // 2
    sign = np.ones(2 * m)
    sign[m + n_first :] = -1.0
    nu = symplectic_eigenvalues(sign[:, None] * covariance * sign)
    return np.maximum(0.0, -np.log(2.0 * nu)).sum(-1)


def entanglement_of(run: Any) -> OscillatorEntanglement:
    """Before and after a run."""
    model, n = run.model, run.model.n_sites
    a, b = len(model.A), len(model.B)
    both = (*model.A, *model.B)
    rows = [*both, *(n + j for j in both)]
    before = run.state.covariance(both)
    late, kicks = run.late.covariance(both), run.kicks[..., rows, :]
    D = run.joint[..., rows, :]
    heard = D @ np.linalg.solve(run.outcomes, np.swapaxes(D, -1, -2))
    after = late + kicks @ run.noise.back_action @ np.swapaxes(kicks, -1, -2) - heard
    A = [*range(a), *range(a + b, 2 * a + b)]
    B = [*range(a, a + b), *range(2 * a + b, 2 * (a + b))]

    def stages(measure: Any) -> Array:
        return np.stack([np.broadcast_to(measure(V), run.shape) for V in (before, after)], -1)

    return OscillatorEntanglement(
        stages(lambda V: gaussian_entropy(V[..., A, :][..., A])),
        stages(lambda V: gaussian_entropy(V[..., B, :][..., B])),
        stages(lambda V: log_negativity(V, a)),
    )
