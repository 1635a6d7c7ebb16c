"""Known answers of the literature on the minimal pair and on chains, to the digits printed or to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from scipy.optimize import brentq

import qet

PAIRS = [(1.0, 0.5), (0.3, 2.0), (2.0, 2.0), (1.0, 1.0), (1.5, 1.0), (1.0, -0.5)]


@pytest.mark.parametrize("h, k", PAIRS)
def test_the_minimal_pair_matches_hotta(h, k):
    """Two qubits, X measured on A (Hotta, arXiv:1002.0200). With r² = h² + k², s = h² + 2k²:

    E_A = h²/r,   E_B = (s/r) [sqrt(1 + (hk/s)²) - 1] = sqrt(h² + 4k²) - s/r,   tan 2θ = hk/s.
    """
    r, s = np.hypot(h, k), h * h + 2 * k * k
    run = qet.teleport(qet.ground(qet.minimal(h=h, k=k)))
    np.testing.assert_allclose(run.injected, h * h / r, rtol=1e-14)
    np.testing.assert_allclose(run.extracted, s / r * (np.sqrt(1 + (h * k / s) ** 2) - 1), rtol=1e-12)
    np.testing.assert_allclose(run.extracted, np.sqrt(h * h + 4 * k * k) - s / r, rtol=1e-11)
    np.testing.assert_allclose([run.local, run.leak], 0.0, atol=1e-14)
    np.testing.assert_allclose(run.probabilities, [0.5, 0.5], atol=1e-15)
    angle = 0.5 * np.arctan(h * k / s)
    hotta = qet.teleport(run.state, feedback=qet.feedback(angle=angle, axis="Y"))
    np.testing.assert_allclose(hotta.extracted, run.extracted, rtol=1e-11)
    for operation, sign in zip(run.operations, (+1, -1), strict=True):  # up to a phase
        np.testing.assert_allclose(
            abs(np.trace(operation.conj().T @ reference.rotation("Y", sign * angle))), 2.0, atol=1e-7
        )


def test_printed_numbers():
    run = qet.teleport(qet.ground(qet.minimal(h=1.0, k=np.array([0.5, 1.0]))))
    np.testing.assert_allclose(run.extracted, [0.07257, 0.1147476], atol=5e-6)
    assert round(float(qet.teleport(qet.ground(qet.minimal(h=1.5, k=1.0))).efficiency), 5) == 0.11420


def test_every_eigenstate_has_its_own_output():
    """At the best angle sqrt(eps_B² + 4k²) -+ (...): e- 0.07257, o- 0.41421 (unpaid), e+ 2.7559 (mostly local)."""
    model = qet.minimal(h=1.0, k=0.5)
    runs = [qet.teleport(qet.eigenstate(model, level)) for level in range(4)]
    w = np.hypot(1.0, 1.0)
    expected = [w - 3 / np.sqrt(5), w - 1, w + 1, w + 3 / np.sqrt(5)]
    np.testing.assert_allclose([run.extracted for run in runs], expected, rtol=1e-12)
    np.testing.assert_allclose([run.injected for run in runs], [2 / np.sqrt(5), 0, 0, -2 / np.sqrt(5)], atol=1e-14)
    np.testing.assert_allclose([runs[3].teleported, runs[0].teleported], w - 3 / np.sqrt(5), rtol=1e-12)
    np.testing.assert_allclose(runs[1].extracted, 0.4142135624, atol=1e-10)
    np.testing.assert_allclose(runs[1].local, 0.0, atol=1e-14)


def test_the_angle_of_the_ground_state_is_linear_in_the_state():
    """Per eigenstate +0.07257, -0.36754, +0.36754, -0.07257: exactly opposite inside a parity sector."""
    model = qet.minimal(h=1.0, k=0.5)
    outputs = [qet.teleport(qet.eigenstate(model, level), feedback="ground").extracted for level in range(4)]
    np.testing.assert_allclose(outputs, [0.07257, -0.36754, 0.36754, -0.07257], atol=5e-6)
    np.testing.assert_allclose([outputs[0] + outputs[3], outputs[1] + outputs[2]], 0.0, atol=1e-14)


def test_the_angle_of_the_ground_state_fails_when_heated():
    """The Gibbs output at Hotta's angle crosses zero at T = 0.8028 (h = 1, k = 0.5), 0.6406990130 (h = k = 1)."""

    def output(T, k):
        return float(qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=k), T=T), feedback="ground").extracted)

    assert abs(brentq(output, 0.5, 1.2, args=(0.5,)) - 0.8028) < 5e-5
    assert abs(brentq(output, 0.5, 1.2, args=(1.0,), xtol=1e-13) - 0.6406990130) < 1e-9
    assert output(1.5, 0.5) < 0 < qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=1.5)).extracted


def test_the_dominant_policy_follows_the_largest_population():
    model = qet.minimal(h=1.0, k=0.5)
    vectors = np.linalg.eigh(model.matrix())[1]
    for populations in ([0.7, 0.1, 0.1, 0.1], [0.3, 0.4, 0.2, 0.1], [0.1, 0.2, 0.6, 0.1], [0.0, 0.1, 0.2, 0.7]):
        level = int(np.argmax(populations))
        rho = (vectors * np.array(populations)) @ vectors.conj().T
        run = qet.teleport(qet.state(model, rho), feedback="dominant")
        borrowed = qet.teleport(qet.eigenstate(model, level)).operations
        table = qet.teleport(run.state, feedback=qet.feedback(unitaries=borrowed))
        np.testing.assert_allclose(run.extracted, table.extracted, atol=1e-13)
    thermal = qet.gibbs(model, T=np.array([0.1, 0.7, 3.0]))
    np.testing.assert_allclose(
        qet.teleport(thermal, feedback="dominant").extracted,
        qet.teleport(thermal, feedback="ground").extracted,
        atol=1e-13,
    )


def test_heating_never_kills_the_best_output():
    """.07257, .04222, .00858, .00061, 8.4e-6 at T = .1, .5, 1, 2, 5.

    Then the tail h κ² (h/T)^5/(18 (1 + κ²)).
    """
    run = qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=np.array([0.1, 0.5, 1.0, 2.0, 5.0])))
    np.testing.assert_allclose(run.extracted, [0.07257, 0.04222, 0.00858, 0.00061, 8.4e-6], atol=5e-6)
    T = np.array([100.0, 300.0])
    tail = qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=T)).extracted
    np.testing.assert_allclose(tail, 1.0 / (18 * 2 * T**5), rtol=2e-3)  # κ = 2k/h = 1


@pytest.mark.parametrize("h, k", [(1.0, 0.5), (0.7, 1.3)])
@pytest.mark.parametrize("T", [0.2, 1.0])
def test_any_mixture_of_eigenstates(h, k, T):
    """κ = 2k/h, m = sqrt(κ² + 4), η = (2/m)(p0 - p3), ξ = (κ²/m)(p0 - p3) + κ(p1 - p2):

    E_A = h η,  E_B = h [sqrt(1 + κ²) sqrt(η² + ξ²/κ²) - η - ξ];
    at the ground state's angle h [sqrt(1 + κ²) (2η + ξ)/m - η - ξ].
    """
    kappa, m = 2 * k / h, np.sqrt(4 * k * k / h / h + 4)
    energies = h * np.array([-m, -kappa, kappa, m])
    p = np.exp(-(energies - energies[0]) / T)
    p = p / p.sum()
    eta = 2 / m * (p[0] - p[3])
    xi = kappa**2 / m * (p[0] - p[3]) + kappa * (p[1] - p[2])
    state = qet.gibbs(qet.minimal(h=h, k=k), T=T)
    run, fixed = qet.teleport(state), qet.teleport(state, feedback="ground")
    np.testing.assert_allclose(run.injected, h * eta, atol=1e-14)
    np.testing.assert_allclose(
        run.extracted, h * (np.sqrt(1 + kappa**2) * np.hypot(eta, xi / kappa) - eta - xi), atol=1e-14
    )
    np.testing.assert_allclose(fixed.extracted, h * (np.sqrt(1 + kappa**2) * (2 * eta + xi) / m - eta - xi), atol=1e-14)


@pytest.mark.parametrize("h, k", PAIRS)
def test_a_weak_measurement(h, k):
    """E_A = (1 - sqrt(1 - s²)) h²/r, E_B = [sqrt((h² + 2k²)² + s²h²k²) - (h² + 2k²)]/r; efficiency -> k²/(h² + 2k²)."""
    s = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    r, S = np.hypot(h, k), h * h + 2 * k * k
    run = qet.teleport(qet.ground(qet.minimal(h=h, k=k)), measure=qet.measure("X", strength=s))
    np.testing.assert_allclose(run.injected, (1 - np.sqrt(1 - s * s)) * h * h / r, atol=1e-13)
    np.testing.assert_allclose(run.extracted, (np.sqrt(S * S + (s * h * k) ** 2) - S) / r, atol=1e-13)
    assert np.isnan(run.efficiency[0])
    weak = qet.teleport(qet.ground(qet.minimal(h=h, k=k)), measure=qet.measure("X", strength=1e-3))
    np.testing.assert_allclose(weak.efficiency, k * k / S, rtol=1e-5)


@pytest.mark.parametrize("h, k", PAIRS)
def test_a_message_that_lies_with_probability_q(h, k):
    """E_B = sqrt(C² + (1 - 2q)² S²) - C, C = (h² + 2k²)/r, S = hk/r.

    The fixed angle breaks even at 1 - 2q = C tan θ/S.
    """
    r = np.hypot(h, k)
    C, S = (h * h + 2 * k * k) / r, h * k / r
    q = np.array([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
    state = qet.ground(qet.minimal(h=h, k=k))
    run = qet.teleport(state, message_error=q)
    np.testing.assert_allclose(run.extracted, np.hypot(C, (1 - 2 * q) * S) - C, atol=1e-13)
    angle = 0.5 * np.arctan(h * k / (h * h + 2 * k * k))
    even = (1 - C * np.tan(angle) / S) / 2
    for rule in (qet.feedback(angle=angle), "ground"):
        np.testing.assert_allclose(qet.teleport(state, feedback=rule, message_error=even).extracted, 0.0, atol=1e-13)
    if (h, k) == (1.5, 1.0):
        assert abs(even - 0.25734) < 5e-6


@pytest.mark.parametrize("h, k", [(1.0, 0.5), (1.0, 1.0)])
def test_white_noise_multiplies_the_output(h, k):
    p = np.array([0.0, 0.2, 0.9, 1.0])
    state = qet.ground(qet.minimal(h=h, k=k))
    noisy = qet.teleport(qet.depolarize(state, p))
    np.testing.assert_allclose(noisy.extracted, (1 - p) * qet.teleport(state).extracted, atol=1e-14)
    np.testing.assert_allclose(noisy.injected, (1 - p) * qet.teleport(state).injected, atol=1e-14)


@pytest.mark.parametrize("h, k", [(1.0, 0.5), (1.5, 1.0)])
def test_natural_evolution_after_the_measurement(h, k):
    """Left alone, H_B gains h² (1 - cos 4kt)/(2r) and V keeps its mean.

    Ikeda, PR Applied 20, 024051 (2023), App. A; derived again.
    """
    t = np.linspace(0.0, 3.0, 7)
    r = np.hypot(h, k)
    run = qet.teleport(qet.ground(qet.minimal(h=h, k=k)), delay=t)
    np.testing.assert_allclose(
        run.ledger.change("H_B", start="measured", end="delayed"), h * h * (1 - np.cos(4 * k * t)) / (2 * r), atol=1e-13
    )
    np.testing.assert_allclose(run.ledger.change("V", start="measured", end="delayed"), 0.0, atol=1e-13)
    np.testing.assert_allclose(run.leak, h * h * (1 - np.cos(4 * k * t)) / (2 * r), atol=1e-13)
    offsets = qet.teleport(qet.ground(qet.minimal(h=h, k=k, offsets=True)), delay=t).ledger
    np.testing.assert_allclose(offsets.energies[:, :, 0], 0.0, atol=1e-13)  # every mean vanishes before
    np.testing.assert_allclose(offsets.energies[:, 2, 2], 0.0, atol=1e-13)


def test_the_wrong_energy_of_bob_is_not_what_he_gets():
    """With H_B alone the pair seems to give 0.106 and in fact costs 0.342 (h = 1, k = 0.5); -1.1213 at h = k = 1."""
    model = qet.minimal(h=1.0, k=0.5)
    rho = qet.ground(model)
    Z, X = qet.expect(rho, "Z1"), qet.expect(rho, "X0 X1")
    angle = 0.5 * np.arctan2(X, -Z)  # the best for H_B alone
    run = qet.teleport(rho, feedback=qet.feedback(angle=angle))
    np.testing.assert_allclose(run.ledger.drop("H_B"), 0.106, atol=5e-4)
    np.testing.assert_allclose(run.extracted, -0.342, atol=5e-4)
    np.testing.assert_allclose(run.ledger.drop("H_B", "V"), run.extracted, atol=1e-14)
    strong = qet.ground(qet.minimal(h=1.0, k=1.0))
    run = qet.teleport(strong, feedback=qet.feedback(angle=-np.pi / 8))
    np.testing.assert_allclose([run.ledger.drop("H_B"), run.extracted], [0.2929, -1.1213], atol=5e-5)


def test_alice_along_other_axes():
    """h = k = 1: the net gain is largest for X, 0.1147476; elsewhere the step gain is mostly Alice's own energy."""
    state = qet.ground(qet.minimal(h=1.0, k=1.0))
    angle = np.linspace(0, np.pi, 25)
    directions = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=-1)
    run = qet.teleport(state, measure=qet.measure(directions))
    beyond = run.extracted - run.leak
    assert int(np.argmax(beyond)) in (0, 24)
    np.testing.assert_allclose(beyond[0], 0.1147476, atol=5e-8)
    assert run.extracted.max() > 0.2 > 0.1148 > beyond.max()
    assert run.extracted.max() <= 1 / (2 * np.sqrt(2)) + 1e-12


def test_teleportation_through_time_in_the_critical_ising_chain():
    """N = 6, g = 1, A = 0, B = 4: E_B = 7.70e-5 at once, 2.51e-3 at t = 1, 0.1838 at t = 3, where 21 % come out."""
    run = qet.teleport(qet.ground(qet.ising(6, A=0, B=4)), delay=np.array([0.0, 1.0, 3.0]))
    np.testing.assert_allclose(run.extracted, [7.70e-5, 2.51e-3, 0.1838], rtol=2e-3)
    np.testing.assert_allclose(run.efficiency[2], 0.21, atol=5e-3)
    np.testing.assert_allclose(run.local, [0.0, 0.0, 2.7e-4], atol=1e-4)
    assert abs(run.local[0]) < 1e-14
    assert run.injected[0] == run.injected[2]


def test_weak_measurement_doubles_the_efficiency_far_away():
    """Ising N = 6, g = 1, A = 0, B = 4: 9.00e-5 -> 1.80e-4."""
    state = qet.ground(qet.ising(6, A=0, B=4))
    run = qet.teleport(state, measure=qet.measure("X", strength=np.array([0.01, 1.0])))
    np.testing.assert_allclose(run.efficiency, [1.80e-4, 9.00e-5], rtol=5e-3)


def test_energy_from_a_product_ground_state():
    """H = -hx X0 - c |0><0| Z1 + d |1><1| Z1: no entanglement, and yet 0.2 comes out at (hx, c, d) = (1, 1, 1/2).

    Alice measures Z, which does not commute with -hx X0; Bob's qubit then sits in a known field.
    """
    hx, c, d = 1.0, 1.0, 0.5
    model = qet.model({"H_A": f"{-hx} X0", "V": f"{-(c - d) / 2} Z1 - {(c + d) / 2} Z0 Z1"})
    state = qet.ground(model)
    np.testing.assert_allclose(np.linalg.eigvalsh(qet.marginal(state, 1)), [0.0, 1.0], atol=1e-12)
    mean = (c + d) / 2
    expected = d * (1 - mean / np.hypot(mean, hx))
    run = qet.teleport(state, measure="Z")
    np.testing.assert_allclose(run.extracted, expected, atol=1e-12)
    np.testing.assert_allclose(expected, 0.2, atol=1e-12)


def test_measuring_both_of_two_alices():
    """Joint outcomes of a product measurement: a second Alice never harms Bob."""
    one = qet.teleport(qet.ground(qet.ising(4, A=0, B=3)))
    two = qet.teleport(qet.ground(qet.ising(4, A=(0, 1), B=3)))
    assert two.extracted > one.extracted > 0
    assert two.probabilities.shape == (4,)
