"""Gains far from Alice: by correlators as by matrices, and to full relative precision however small."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from many_digits import Ground

import qet
from qet.foundations.errors import BadParties
from qet.foundations.paulis import pauli
from qet.foundations.values import Call
from qet.protocols import best, policies
from qet.protocols.far import is_stationary
from qet.protocols.secular import largest_gain, largest_root
from qet.solvers.gaussian import Gaussian

KRAUS = np.sqrt(0.5) * np.array([[[1, 0.2j], [0, 1]], [[np.sqrt(0.96), 0], [0.1, 0.9j]]])


def chain(n, seed, letters="XYZ"):
    """Couplings of every kind between neighbors, and fields."""
    rng = np.random.default_rng(seed)
    terms = {f"H_{j}": " + ".join(f"{rng.normal()} {c}{j}" for c in letters) for j in range(n)}
    for j in range(n - 1):
        terms[f"V_{j}"] = " + ".join(f"{rng.normal()} {a}{j} {b}{j + 1}" for a in letters for b in letters)
    return qet.model(terms, A=0, B=n - 1)


def complete(kraus):
    """Kraus operators mended so that they sum to one."""
    values, vectors = np.linalg.eigh((np.swapaxes(kraus.conj(), -1, -2) @ kraus).sum(0))
    return kraus @ (vectors / np.sqrt(values)) @ vectors.conj().T


MEASUREMENTS = {
    "X": {},
    "weak and noisy": {"measure": qet.measure((0.3, 0.5, -0.8), strength=0.4), "message_error": [0.0, 0.1]},
    "general": {"measure": qet.measure(kraus=complete(KRAUS))},
    "lost": {"measure": "Y", "message_error": ("lost", 0.3)},
}
STATES = {
    "ground": qet.ground,
    "excited": lambda model: qet.eigenstate(model, 5),
    "thermal": lambda model: qet.gibbs(model, T=np.array([[0.0], [0.4], [2.0]])),
    "noisy": lambda model: qet.depolarize(qet.gibbs(model, T=0.3), 0.1),
    "given": lambda model: qet.state(model, np.diag(np.arange(1.0, 17.0)) / 136 + 0.01 * (np.eye(16)[::-1])),
    "driven": lambda model: qet.steady(model, [qet.jump("-", 0, 0.5), qet.jump("+", 3, 0.2), qet.jump("X", 1, 0.1)]),
}


@pytest.mark.parametrize("measured", MEASUREMENTS)
@pytest.mark.parametrize("made", STATES)
@pytest.mark.parametrize(("seed", "letters"), [(1, "XYZ"), (2, "XYZ"), (3, "XZ")])
def test_correlators_give_what_matrices_give(seed, letters, made, measured):
    run = qet.teleport(STATES[made](chain(4, seed, letters)), **MEASUREMENTS[measured])
    assert run.far is not None
    whole = policies.optimal_gain(run.patch, run.received, run.feedback).sum(-1)
    alone = policies.optimal_gain(run.patch, run.average[..., None, :, :], run.feedback)[..., 0]
    tolerance = 1e-14 * 20  # of energies near 20
    np.testing.assert_allclose(run.extracted, whole, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(run.local, alone, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(run.teleported, whole - alone, atol=tolerance)
    np.testing.assert_allclose(run.ledger.drop(), whole, atol=tolerance)
    assert np.all(run.certificate.is_certified)
    assert np.all(np.abs(run.extracted - whole) <= run.extracted_error + 1e-13 * whole + 1e-16)


@pytest.mark.parametrize("made", ["ground", "thermal"])
def test_passive_states_yield_exactly_nothing_without_the_message(made):
    run = qet.teleport(STATES[made](chain(4, 7)))
    assert np.all(run.local == 0.0)
    assert np.array_equal(run.teleported, run.extracted)


def test_stationary_are_levels_and_thermal_states_of_the_same_model():
    model = chain(3, 1)
    ground, hot = qet.ground(model), qet.gibbs(model, T=0.3)
    for state in (ground, hot, qet.eigenstate(model, 2), qet.depolarize(hot, 0.2), ground.between(2, 0)):
        assert is_stationary(state)
    assert is_stationary(qet.State(model.swapped(), ground.payload, "dense", ground.made_by))
    other = qet.State(chain(3, 2), ground.payload, "dense", ground.made_by)
    driven = qet.steady(model, [qet.jump("-", 0, 0.5), qet.jump("X", 1, 0.2)])
    for state in (other, driven, qet.state(model, ground.density_matrix)):
        assert not is_stationary(state)


def test_the_torque_of_a_driven_state_is_kept():
    state = STATES["driven"](chain(4, 1))
    run = qet.teleport(state)
    assert run.local > 1e-3
    assert not np.all(run.far._K0[..., 0, 1:] == 0.0)


@pytest.mark.parametrize("g", [3.0, 20.0, 300.0, 2000.0])
@pytest.mark.parametrize("measure", ["X", "Y"])
def test_tiny_gains_have_the_digits_of_decimal_arithmetic(g, measure):
    """Bob turns about x for Y: E = g (√(<Z>² + <YY>²) - <Z>). For X about y, and E = z²/|W| to second order."""
    n = 8
    run = qet.teleport(qet.ground(qet.ising(n, g=g)), measure=measure)
    exact, last = Ground(run.state.model), n - 1
    Z, field = exact.mean(pauli(f"Z{last}")), Decimal(g)
    if measure == "Y":
        yy = exact.mean(pauli(f"Y0 Y{last}"))
        expected = field * yy**2 / ((Z**2 + yy**2).sqrt() + Z)
    else:
        z = field * exact.mean(pauli(f"X0 X{last}")) - exact.mean(pauli(f"X0 X{last - 1} Z{last}"))
        bond = exact.mean(pauli(f"X{last - 1} X{last}"))
        expected = z**2 / (2 * (field * Z + bond))
    assert abs(Decimal(float(run.extracted)) / expected - 1) < (Decimal("1e-13") if g > 3 else Decimal("1e-9"))
    assert run.extracted_error < 1e-9 * run.extracted
    assert run.resolved
    assert run.local == 0.0
    assert "not resolved" not in str(run)
    assert run.precision > run.extracted or g == 3.0


def test_gains_down_to_1e_45_are_told_apart():
    gains = [qet.teleport(qet.ground(qet.ising(8, g=g)), measure="Y").extracted for g in (20.0, 300.0, 2000.0)]
    assert 1e-22 < gains[0] < 1e-20
    assert 1e-37 < gains[1] < 1e-35
    assert gains[2] < 1e-45


@pytest.mark.parametrize("kind", ["disorder", "chiral"])
def test_general_chains_have_their_digits_too(kind):
    rng = np.random.default_rng(8)
    terms = {f"H_{j}": f"{rng.uniform(60, 90)} Z{j}" for j in range(6)}
    for j in range(5):
        c = rng.normal(size=4) * [1, 1, *(2 * [kind == "chiral"])]
        terms[f"V_{j}"] = " + ".join(
            f"{x} {a}{j} {b}{j + 1}" for x, (a, b) in zip(c, ("XX", "YY", "XY", "YX"), strict=True)
        )
    run = qet.teleport(qet.ground(qet.model(terms, A=0, B=5)), measure=(0.6, 0.8, 0.0))
    exact, H = Ground(run.state.model), run.state.model.dynamics
    z = np.array([torque(exact, H, letter) for letter in "XYZ"]).astype(float)
    T = np.array([[stiffness(run.state, H, a, b) for b in "XYZ"] for a in "XYZ"])
    W = 2 * np.trace(T) * np.eye(3) - T - T.T
    assert run.extracted < 1e-16
    np.testing.assert_allclose(run.extracted, z @ np.linalg.solve(-W, z), rtol=1e-12)
    x, y, _ = np.linalg.solve(-W, z)  # U = 1 - i q·σ, both outcomes turn against each other
    np.testing.assert_allclose(run.operations[:, 0, 1], np.array([1, -1]) * (-1j * x - y), rtol=1e-12)


def torque(exact, H, letter):
    """<σ_A i[H, σ_B]>/2 for a rotation about the letter's axis, σ_A = 0.6 X + 0.8 Y."""
    B, A = pauli(f"{letter}5"), pauli("0.6 X0 + 0.8 Y0")
    commutator = 0.5j * (H * B - B * H)
    return exact.mean(A * qet.pauli(" + ".join(f"{float(np.real(c))} {spell(s)}" for s, c in commutator.terms)))


def spell(string):
    return " ".join(f"{letter}{site}" for site, letter in string)


def stiffness(state, H, a, b):
    """T_ab = <H_a σ_b> at site 5."""
    pairs = [(s, c) for s, c in H.terms if (5, a) in s]
    replaced = [(tuple((site, b if site == 5 else letter) for site, letter in s), c) for s, c in pairs]
    return sum(c * float(qet.expect(state, pauli(spell(s)))) for s, c in replaced)


def test_bobs_turns_keep_the_digits_of_tiny_angles():
    run = qet.teleport(qet.ground(qet.ising(8, g=300.0)), measure="Y")
    U = run.operations
    yy = float(Ground(run.state.model).mean(pauli("Y0 Y7")))
    angle = yy / qet.expect(run.state, "Z7") / 2  # about x: tan 2θ = <YY>/<Z>
    assert abs(angle) < 1e-18
    np.testing.assert_allclose(np.abs(U[:, 0, 1]), abs(angle), rtol=1e-12)
    np.testing.assert_allclose(U[0, 0, 1], -U[1, 0, 1], rtol=1e-12)


def test_symmetry_makes_an_exact_zero_and_no_lack_of_digits():
    run = qet.teleport(qet.ground(qet.ising(8, g=20.0)), measure="Z")
    assert run.extracted == run.extracted_error == 0.0
    assert not run.resolved
    assert "not resolved" not in str(run)


def test_noise_is_called_not_resolved():
    """H is not quadratic: no precise correlators, and the double's are noise."""
    run = qet.teleport(qet.ground(qet.ising(8, g=300.0, hx=0.1)), measure="Y")
    assert not run.resolved
    assert run.extracted < 1e-30
    assert "not resolved" in str(run)
    batch = qet.teleport(qet.ground(qet.ising(8, g=300.0, hx=np.array([0.0, 0.1]))), measure="Y")
    assert "not resolved  " in str(batch)


def test_weak_measurements_keep_their_digits():
    """E_B ∝ s² for small gains."""
    state = qet.ground(qet.ising(6, g=5.0))
    s = np.array([1.0, 1e-3, 1e-7])
    run = qet.teleport(state, measure=qet.measure("X", strength=s))
    np.testing.assert_allclose(run.extracted / s**2, run.extracted[0], rtol=1e-9)  # s² z² is dropped
    noisy = qet.teleport(state, measure="X", message_error=0.25)
    np.testing.assert_allclose(noisy.extracted, run.extracted[0] / 4, rtol=1e-9)


def test_a_batch_equals_its_points():
    g = np.array([1.0, 30.0])[:, None]
    run = qet.teleport(qet.ground(qet.ising(6, g=g)), measure=qet.measure(np.eye(3)[:2]))
    assert run.extracted.shape == (2, 2)
    for i, j in np.ndindex(2, 2):
        one = qet.teleport(qet.ground(qet.ising(6, g=float(g[i, 0]))), measure="XY"[j])
        np.testing.assert_allclose(run.extracted[i, j], one.extracted, rtol=1e-12)
        np.testing.assert_allclose(run.extracted_error[i, j], one.extracted_error, rtol=1e-3)


def test_other_protocols_do_not_take_the_route():
    near = qet.ground(qet.ising(4, B=1))
    far = qet.ground(qet.ising(4))
    for run in (
        qet.teleport(near),
        qet.teleport(far, delay=0.1),
        qet.teleport(far, target="Z3"),
        qet.teleport(qet.ground(qet.ising(4, B=(2, 3)))),
    ):
        assert run.far is None
        assert np.array_equal(run.extracted_error, run.precision)
    about = qet.teleport(far, feedback=qet.feedback("best", axis="X"))
    assert np.array_equal(about.extracted_error, about.precision)
    np.testing.assert_allclose(
        about.extracted, policies.optimal_gain(about.patch, about.received, about.feedback).sum()
    )


def test_two_sites_of_alice_take_the_route():
    model = qet.ising(5, g=1.3, A=(0, 1))
    for measure in ("X", qet.measure(observable="X0 X1 + 0.3 Z0")):
        run = qet.teleport(qet.gibbs(model, T=0.2), measure=measure)
        assert run.far is not None
        dense = policies.optimal_gain(run.patch, run.received, run.feedback).sum(-1)
        np.testing.assert_allclose(run.extracted, dense, rtol=1e-11, atol=1e-16)


def test_the_critical_chain_falls_with_nine_halves():
    """Infinite chain, g = J: <a_2j+1 a_2l> is known, E_B = c n^(-9/2) with c_Y = (π/64) 2^(1/6) e^(6 ζ'(-1))."""
    n, A = 110, 20
    r = np.arange(n)[:, None] - np.arange(n)
    M = np.zeros((2 * n, 2 * n))
    M[::2, 1::2] = -1 / (np.pi * (r - 0.5))
    M[1::2, ::2] = -M[::2, 1::2].T
    model = qet.ising(n, A=A, B=A + 16)
    state = qet.State(model, Gaussian(M), "given", Call("state", {"model": model}))
    assert qet.expect(state, "Z50") == pytest.approx(2 / np.pi, abs=1e-14)
    gains = []
    for distance in (16, 32, 64):
        run = qet.teleport(state.between(A, A + distance), measure="Y")
        Z, yy = qet.expect(state, "Z50"), qet.expect(state, f"Y{A} Y{A + distance}")
        np.testing.assert_allclose(run.extracted, yy**2 / (np.hypot(Z, yy) + Z), rtol=1e-7)
        gains.append(run.extracted)
    c = np.pi / 64 * 2 ** (1 / 6) * np.exp(6 * -0.1654211437004509)
    np.testing.assert_allclose(gains, c * np.array([16.0, 32, 64]) ** -4.5, rtol=0.02)  # corrections of order 1/n²


def test_a_gain_from_w_and_z_equals_that_from_t():
    T = np.random.default_rng(4).normal(size=(200, 3, 3))
    W = 2 * np.trace(T, axis1=-2, axis2=-1)[:, None, None] * np.eye(3) - T - np.swapaxes(T, -1, -2)
    z = np.stack([T[:, i - 2, i - 1] - T[:, i - 1, i - 2] for i in range(3)], axis=-1)
    np.testing.assert_allclose(largest_root(W, z), largest_gain(T), rtol=1e-12, atol=1e-14)
    assert largest_root(-np.eye(3), np.array([1e-100, 0.0, 0.0])) == pytest.approx(1e-200, rel=1e-12)
    np.testing.assert_allclose(largest_root(W, z[:1]), [largest_root(one, z[0]) for one in W], rtol=1e-15)
    assert best.best_quaternion(best.davenport(-np.eye(3)))[0] == pytest.approx(1.0)


def test_parties_change_without_building_the_model_again():
    model = qet.ising(5, g=[1.0, 2.0])
    other = model.between(1, (3, 4))
    assert other.terms is model.terms
    assert other.H is model.H
    assert (other.A, other.B, other.shape) == ((1,), (3, 4), (2,))
    assert other == qet.ising(5, g=[1.0, 2.0], A=1, B=(3, 4))
    for A, B in ((1, 1), (0, 5), (-1, 2), (0, ())):
        with pytest.raises(BadParties):
            model.between(A, B)
