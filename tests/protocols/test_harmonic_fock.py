"""The Gaussian protocol against number states of two oscillators, which know nothing of covariances."""

from __future__ import annotations

import numpy as np
import pytest
from tests.protocols.fock_oscillators import TwoOscillators, averages

import qet

K = [[1.2, -0.35], [-0.35, 0.9]]
TAIL = 2e-9  # of 40 number states and of 22 Gauss-Hermite points


@pytest.fixture(scope="module")
def pair():
    return TwoOscillators(K)


@pytest.mark.slow
@pytest.mark.parametrize(
    "covariance, strength",
    [
        ([[0.45, 0.0], [0.0, 0.25 / 0.45]], 1.0),
        ([[0.5, 0.1], [0.1, 0.26 / 0.5]], 1.0),
        ([[0.45, 0.0], [0.0, 0.25 / 0.45]], 0.6),
    ],
)
def test_coherent_measurement_and_displacement_in_number_states(pair, covariance, strength):
    """Energies, and the distribution of the outcomes, with Bob next to Alice; squeezed, tilted and weak seeds."""
    run = qet.teleport(qet.ground(qet.oscillators(K)), measure=qet.coherent(covariance=covariance, strength=strength))
    seed = pair.seed(covariance, None if strength == 1.0 else 4 * np.arctanh(strength))
    total, injected, extracted, moments = averages(pair, seed, run.outcomes, run.gain)
    assert abs(total - 1.0) < TAIL
    assert abs(injected - run.injected) < TAIL
    assert abs(extracted - run.extracted) < TAIL
    assert np.abs(moments - run.outcomes).max() < TAIL


@pytest.mark.parametrize("h, delay", [((1.0, 0.0), 0.0), ((0.8, 0.5), 0.9)])
def test_homodyne_measurement_with_a_delay_in_number_states(pair, h, delay):
    run = qet.teleport(qet.ground(qet.oscillators(K)), measure=qet.homodyne(h, resolution=0.7), delay=delay)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    readings = np.sqrt(1.2 * run.outcomes[0, 0]) * nodes
    branches = [pair.pointer(h, 0.7, q) @ pair.ground for q in readings]
    weights = weights * np.exp(nodes**2 / 2) * np.sqrt(1.2 * run.outcomes[0, 0])
    late = pair.evolved(branches, delay)
    measured = sum(w * pair.energy(psi) for w, psi in zip(weights, late, strict=True))
    after = sum(
        w * pair.energy(psi @ pair.displacement(*(run.gain[:, 0] * q)).T)
        for w, q, psi in zip(weights, readings, late, strict=True)
    )
    assert abs(measured - pair.energy(pair.ground) - run.injected) < TAIL
    assert abs(measured - after - run.extracted) < TAIL
