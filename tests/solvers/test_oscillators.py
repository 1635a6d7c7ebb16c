"""Gaussian states of oscillators: covariances, far correlations to full relative precision, motion."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.linalg import expm, sqrtm

import qet
from qet.foundations.errors import (
    BadParameter,
    BadParties,
    NotAState,
    NotHermitian,
    NotOffered,
    ShapeMismatch,
    UnknownName,
)
from qet.physics.gaussian_reading import symplectic_form
from qet.solvers import far_chain

PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"
    "21480865132823066470938446095505822317253594081284811174502841027019385211055596446229489549303819644"
)


def _cos(x):
    x %= 2 * PI
    term, total, k = Decimal(1), Decimal(1), 0
    while abs(term) > Decimal(10) ** -195:
        k += 2
        term = -term * x * x / (k * (k - 1))
        total += term
    return total


def exact_momenta(n, pinning, i, j, T=0):
    """<p_i p_j> of a free-ended chain of unit springs in 190 digits, from its cosine modes."""
    with localcontext() as context:
        context.prec = 190
        total, pinning = Decimal(0), Decimal(pinning)
        for q in range(n):
            omega = (pinning + 2 * (1 - _cos(PI * q / n))).sqrt()
            shape = _cos(PI * q * (2 * i + 1) / (2 * n)) * _cos(PI * q * (2 * j + 1) / (2 * n)) * (2 if q else 1) / n
            if T:
                growth = (omega / Decimal(T)).exp()
                omega *= (growth + 1) / (growth - 1)
            total += omega * shape / 2
        return total


def relative(value, exact):
    return abs(float(Decimal(float(value)) / exact - 1))


def random_stiffness(rng, n, shape=()):
    root = rng.normal(size=(*shape, n, n))
    return root @ np.swapaxes(root, -1, -2) + 0.3 * np.eye(n)


@pytest.mark.parametrize(
    "n, pinning, i, j", [(12, 0.3, 2, 4), (60, 1.0, 50, 3), (150, 1.0, 0, 149), (120, 0.01, 10, 100), (90, 20.0, 5, 80)]
)
def test_far_momenta_of_the_ground_state_have_full_relative_precision(n, pinning, i, j):
    """Down to 1e-120 and below, where the eigenvectors of K know nothing."""
    model = qet.harmonic(n, pinning=pinning)
    squares = model.modes[0]
    found = far_chain.ground_correlation(
        model.pins[None], model.springs[None], i, j, squares[None, 0], squares[None, -1]
    )
    assert relative(found[0], exact_momenta(n, pinning, i, j)) < far_chain.RELATIVE_ERROR


@pytest.mark.parametrize("T", ["0.0625", "0.25", "2"])
def test_far_momenta_of_a_gibbs_state_have_full_relative_precision(T):
    state = qet.gibbs(qet.harmonic(50, A=5, B=40), T=float(T))
    found, error = state.momentum_correlations((40,), (5,))
    assert relative(found[0, 0], exact_momenta(50, 1, 40, 5, T)) < far_chain.RELATIVE_ERROR
    assert 0.0 < error[0, 0] <= far_chain.RELATIVE_ERROR * abs(found[0, 0])


@pytest.mark.parametrize("T", [0.0, 0.4])
def test_both_routes_to_a_correlation_agree_where_both_hold(T):
    rng = np.random.default_rng(3)
    springs, pins = qet.by_site(rng.uniform(0.2, 2.0, 9)), qet.by_site(rng.uniform(0.0, 1.0, (4, 10)))
    state = qet.gibbs(qet.harmonic(10, spring=springs, pinning=pins), T=T)
    V_p = state.blocks[1]
    for i, j in ((0, 6), (8, 2), (4, 9)):
        found, _ = state.momentum_correlations((i,), (j,))
        assert found[..., 0, 0] == pytest.approx(V_p[..., i, j], abs=1e-15)


def test_the_ground_state_has_the_square_roots_of_the_stiffness():
    """V_x = K^(-1/2)/2, V_p = K^(1/2)/2, with SciPy's matrix square root."""
    rng = np.random.default_rng(1)
    K = random_stiffness(rng, 5)
    V = qet.ground(qet.oscillators(K)).covariance()
    root = np.real(sqrtm(K))
    expected = np.block([[np.linalg.inv(root) / 2, np.zeros((5, 5))], [np.zeros((5, 5)), root / 2]])
    assert pytest.approx(expected, abs=1e-12) == V
    turned = symplectic_form(5) @ V
    assert 4 * turned @ turned == pytest.approx(-np.eye(10), abs=1e-12)  # pure


def test_the_ground_state_saturates_and_heat_adds_to_every_direction():
    model = qet.harmonic(6, pinning=0.2)
    cold, warm = qet.ground(model).covariance(), qet.gibbs(model, T=[0.0, 0.1, 1.0]).covariance()
    assert np.array_equal(warm[0], cold)
    assert np.linalg.eigvalsh(warm[1:] - cold).min() > 0.0


def test_hot_oscillators_are_classical():
    """V_p = T (1 + O(ω/T)²), V_x = T K^-1."""
    model = qet.harmonic(5, pinning=0.7)
    V = qet.gibbs(model, T=1e4).covariance()
    assert V[5:, 5:] == pytest.approx(1e4 * np.eye(5), rel=1e-6, abs=1e-3)  # the next order is K/12T
    assert V[:5, :5] == pytest.approx(1e4 * np.linalg.inv(model.K), rel=1e-6)


def test_the_mean_energy_is_that_of_the_modes():
    model = qet.harmonic(7, pinning=0.3, ends="periodic")
    omega = np.sqrt(0.3 + 2 * (1 - np.cos(2 * np.pi * np.arange(7) / 7)))
    for T in (0.0, 0.8):
        run = qet.teleport(qet.gibbs(model, T=T))
        energy = (omega / (2 * np.tanh(omega / (2 * T))) if T else omega / 2).sum()
        assert run.ledger.energies[:, 0].sum() == pytest.approx(energy, abs=1e-12)


def test_evolution_is_the_exponential_of_the_equations_of_motion():
    rng = np.random.default_rng(5)
    K = random_stiffness(rng, 3)
    model = qet.oscillators(K)
    L = rng.normal(size=(6, 6))
    V = L @ L.T + np.diag([2.0] * 6)
    S = expm(0.7 * np.block([[np.zeros((3, 3)), np.eye(3)], [-K, np.zeros((3, 3))]]))
    found = qet.evolve(qet.state(model, V), [0.0, 0.7]).covariance()
    assert found[0] == pytest.approx(V, abs=1e-12)
    assert found[1] == pytest.approx(S @ V @ S.T, abs=1e-12)


def test_stationary_states_do_not_move():
    model = qet.oscillators(random_stiffness(np.random.default_rng(6), 4))
    state = qet.gibbs(model, T=0.5)
    moved = qet.evolve(qet.state(model, state.covariance()), 1.7)
    assert moved.covariance() == pytest.approx(state.covariance(), abs=1e-12)
    assert np.array_equal(qet.evolve(state, [1.0, 2.0]).covariance()[1], state.covariance())


def test_a_batch_is_its_points():
    k, kappa, T = np.array([0.5, 1.0]), np.array([[0.3], [2.0], [1.0]]), np.array([0.0, 0.6])
    state = qet.gibbs(qet.harmonic(4, spring=k, pinning=kappa), T=T)
    assert state.shape == (3, 2)
    for i in range(3):
        for j in range(2):
            alone = qet.gibbs(qet.harmonic(4, spring=k[j], pinning=kappa[i, 0]), T=T[j])
            assert state.covariance((2, 0))[i, j] == pytest.approx(alone.covariance((2, 0)), abs=1e-14)


def test_the_ends_say_what_holds_them():
    assert qet.harmonic(3, spring=2.0, pinning=0.0, ends="fixed").K.tolist() == [[4, -2, 0], [-2, 4, -2], [0, -2, 4]]
    assert qet.harmonic(3, spring=qet.by_site([1.0, 2.0, 4.0]), pinning=1.0, ends="periodic").K.tolist() == [
        [6, -1, -4], [-1, 4, -2], [-4, -2, 7]
    ]  # fmt: skip
    walls = qet.harmonic(2, spring=qet.by_site([1.0, 2.0, 4.0]), pinning=0.0, ends="fixed")
    assert walls.K.tolist() == [[3, -2], [-2, 6]]
    assert qet.harmonic(6, ends="periodic").B == (3,)


def test_any_stiffness_is_springs_and_pins():
    rng = np.random.default_rng(8)
    K = random_stiffness(rng, 4, (3,))
    model = qet.oscillators(K, A=1, B=(0, 2))
    assert model.K == pytest.approx(K, abs=1e-14)
    assert qet.rerun(model.recipe) == model
    assert model.swapped() == model.between((0, 2), 1)
    assert eval(repr(qet.harmonic(4).swapped())) == qet.harmonic(4).swapped()


def test_other_parties_solve_nothing_again():
    state = qet.ground(qet.harmonic(30))
    modes = state.model.modes
    moved = state.between(3, 9)
    assert moved.model.modes is modes
    assert (moved.model.A, moved.model.B) == ((3,), (9,))
    assert qet.rerun(moved.recipe) == moved
    assert eval(repr(moved)) == moved


def refused(error, match, word, *arguments, **options):
    with pytest.raises(error, match=match):
        word(*arguments, **options)


def test_refusals_say_what_to_try():
    refused(BadParameter, "pinning > 0, or ends='fixed'", lambda: qet.ground(qet.harmonic(5, pinning=0.0)))
    refused(
        BadParameter,
        r"first at index \(1,\); 1 of 3",
        lambda: qet.gibbs(qet.harmonic(5, pinning=[1.0, 0.0, 2.0]), T=1.0),
    )
    refused(BadParameter, "not positive", lambda: qet.ground(qet.oscillators([[1.0, 2.0], [2.0, 1.0]])))
    refused(BadParameter, "at least 0", qet.harmonic, 4, spring=-1.0)
    refused(ShapeMismatch, "3 are needed", qet.harmonic, 4, spring=qet.by_site([1.0, 2.0]))
    refused(UnknownName, "did you mean 'fixed'", qet.harmonic, 4, ends="fixd")
    refused(BadParties, "at least two", qet.harmonic, 1)
    refused(BadParties, "ring", qet.harmonic, 2, ends="periodic")
    refused(BadParties, "share site 2", qet.harmonic, 4, A=2, B=2)
    refused(BadParties, "outside", qet.harmonic, 4, B=4)
    refused(NotHermitian, "not symmetric", qet.oscillators, [[1.0, 0.2], [0.1, 1.0]])
    refused(ShapeMismatch, "square", qet.oscillators, [[1.0, 0.2]])
    refused(BadParameter, "at least 0", lambda: qet.gibbs(qet.harmonic(3), T=-1.0))
    refused(NotAState, "uncertainty", qet.state, qet.harmonic(2), 0.4 * np.eye(4))
    refused(ShapeMismatch, r"\(4, 4\)", qet.state, qet.harmonic(2), np.eye(3))
    refused(NotOffered, "normal modes", qet.ground, qet.harmonic(2), solver="krylov")
    refused(NotOffered, "surroundings", qet.evolve, qet.ground(qet.harmonic(2)), 1.0, surroundings=[])
    refused(BadParties, "outside", qet.ground(qet.harmonic(2)).covariance, 5)
