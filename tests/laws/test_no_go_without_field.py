"""Without a field a single spin's message is worth nothing on its own, and time between measurement and feedback helps.

If the state is invariant under time reversal and H is bilinear in the spins, T_k changes in Alice's outcome only
through <σ_A H_a σ_b>, a product of three operators odd under time reversal: zero. So one-spin projective measurements
and one-spin rotations teleport nothing, whatever the distance, unless a field is there.
"""

from __future__ import annotations

import numpy as np
import pytest

import qet

DIRECTIONS = ["X", "Y", "Z", (1.0, 2.0, -0.5)]


def chain(n, Jx, Jy, Jz, hz=0.0):
    bonds = [f"{Jx} X{i} X{i + 1} + {Jy} Y{i} Y{i + 1} + {Jz} Z{i} Z{i + 1}" for i in range(n - 1)]
    terms = {f"V_{i}": text for i, text in enumerate(bonds)}
    if hz:
        terms |= {f"H_{i}": f"{hz} Z{i}" for i in range(n)}
    return qet.model(terms, A=0, B=n - 1)


@pytest.mark.parametrize(
    ("n", "couplings"),
    [(6, (1.0, 1.0, 1.0)), (8, (1.0, 1.0, 0.4)), (8, (1.0, 0.7, -0.4)), (10, (0.6, 0.6, 1.0)), (12, (1.0, 0.8, 0.5))],
)
def test_nothing_is_teleported_without_a_field(n, couplings):
    state = qet.ground(chain(n, *couplings), solver="krylov")
    for A, B in ((0, 2), (0, n - 1), (2, 4), (n - 1, 1)):
        for direction in DIRECTIONS:
            run = qet.teleport(state.between(A, B), measure=direction)
            np.testing.assert_allclose(run.extracted, 0.0, atol=1e-12)
            np.testing.assert_allclose(run.teleported, 0.0, atol=1e-12)


def test_between_neighbors_too_the_message_is_worth_nothing():
    """There Bob may take what Alice pushed in, but he needs no message for it."""
    state = qet.ground(chain(8, 1.0, 0.7, -0.4), solver="krylov")
    for direction in DIRECTIONS:
        run = qet.teleport(state.between(3, 4), measure=direction)
        np.testing.assert_allclose(run.teleported, 0.0, atol=1e-12)


def test_a_field_lifts_it():
    state = qet.ground(chain(8, 1.0, 0.7, -0.4, hz=0.3), solver="krylov")
    assert qet.teleport(state.between(0, 2)).teleported > 1e-4


@pytest.mark.parametrize(
    ("delay", "extracted", "digits"), [(0.0, 7.70e-5, 5e-8), (1.0, 2.51e-3, 5e-6), (3.0, 0.1838, 5e-5)]
)
def test_time_between_measurement_and_feedback_helps(delay, extracted, digits):
    """The critical Ising chain of 6 sites, Alice at 0, Bob at 4: her energy travels to him."""
    model = qet.ising(6, g=1.0, A=0, B=4)
    run = qet.teleport(qet.ground(model, solver="krylov"), delay=delay)
    np.testing.assert_allclose(run.extracted, extracted, rtol=0, atol=digits)
    same = qet.teleport(qet.ground(model, solver="dense"), delay=delay)
    np.testing.assert_allclose(run.extracted, same.extracted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.local, same.local, rtol=0, atol=1e-12)
