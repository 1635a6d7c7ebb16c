"""States: ground, excited, thermal, given, depolarized; against the reference, in batches, and refused by name."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import close
from hypothesis import assume, given
from hypothesis import strategies as st

import qet
from qet.foundations.errors import (
    BadOperator,
    BadParameter,
    BadParties,
    DegenerateLevel,
    NotAState,
    ShapeMismatch,
    TooLarge,
)


@given(cases.models())
def test_levels_are_eigenprojectors_in_order(case):
    energies = np.linalg.eigvalsh(case.H)
    assume(np.diff(energies).min() > 1e-3)
    model = case.model()
    for level in (0, 1, 2**case.n - 1):
        rho = qet.eigenstate(model, level).density_matrix
        close(case.H @ rho, energies[level] * rho, 1e3 * case.norm)
        close(rho @ rho, rho)
        close(np.trace(rho), 1.0)
    close(qet.ground(model).density_matrix, qet.eigenstate(model, 0).density_matrix)


@given(cases.models(), st.sampled_from([0.05, 0.7, 30.0]))
def test_thermal_states_are_the_exponential(case, T):
    state = qet.gibbs(case.model(), T=T)
    np.testing.assert_allclose(state.density_matrix, reference.gibbs(case.H, T), atol=1e-11)


@given(cases.models())
def test_the_limits_of_temperature(case):
    cases.unique_ground_state(case, gap=0.05)
    model = case.model()
    ground = qet.ground(model).density_matrix
    cold = qet.gibbs(model, T=np.array([0.0, 1e-300, 1e-3]))
    for rho in cold.density_matrix[:2]:
        close(rho, ground)
    close(cold.density_matrix[2], ground, 1.0, tolerance=1e-9)
    close(qet.gibbs(model, T=1e300).density_matrix, np.eye(2**case.n) / 2**case.n)


@pytest.mark.filterwarnings("error")
def test_extreme_temperatures_make_no_warning():
    for model in (qet.minimal(h=1.0, k=0.5), qet.minimal(h=0.0, k=0.0), qet.ising(3), qet.minimal(h=1e60, k=1e-60)):
        rho = qet.gibbs(model, T=np.array([0.0, 1e-300, 1e-10, 1.0, 1e300])).density_matrix
        assert np.all(np.isfinite(rho))
        np.testing.assert_allclose(np.trace(rho, axis1=-2, axis2=-1), 1.0, atol=1e-14)


@pytest.mark.parametrize(
    "model, rank",
    [
        (lambda: qet.minimal(h=0.0, k=0.5), 2),
        (lambda: qet.minimal(h=1.0, k=0.0, detuning=2.0), 2),
        (lambda: qet.minimal(h=0.0, k=0.0), 4),
        (lambda: qet.xxz(3), 2),
        (lambda: qet.model({"V": "Z0 Z1"}), 2),
        (lambda: qet.ising(3, g=0.0), 2),
    ],
)
def test_at_zero_temperature_a_degenerate_level_is_mixed_equally_and_ground_refuses_it(model, rank):
    rho = qet.gibbs(model(), T=0.0).density_matrix
    populations = np.linalg.eigvalsh(rho)
    np.testing.assert_allclose(populations[-rank:], 1 / rank, atol=1e-14)
    close(populations[:-rank], 0.0)
    H = model().matrix()
    close(np.trace(H @ rho), np.linalg.eigvalsh(H)[0])
    with pytest.raises(DegenerateLevel, match="gibbs"):
        qet.ground(model())


def test_zero_temperature_inside_a_batch():
    T = np.array([0.5, 0.0, 2.0])
    h = np.array([1.0, 0.0])[:, None]
    batch = qet.gibbs(qet.minimal(h=h, k=0.3), T=T).density_matrix
    assert batch.shape == (2, 3, 4, 4)
    for i in range(2):
        for j in range(3):
            close(batch[i, j], qet.gibbs(qet.minimal(h=float(h[i, 0]), k=0.3), T=float(T[j])).density_matrix)


@pytest.mark.parametrize("make", [lambda h: qet.minimal(h=h, k=0.5), lambda h: qet.ising(3, g=h)])
def test_a_degenerate_point_of_a_batch_is_named(make):
    h = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 2.0]])
    with pytest.raises(DegenerateLevel, match=r"first at index \(0, 1\); 2 of 6 points") as caught:
        qet.ground(make(h))
    np.testing.assert_array_equal(caught.value.mask, h == 0.0)


def test_batches_of_states_are_their_points():
    k = np.array([[0.1], [0.7]])
    T = np.array([0.2, 0.5, 3.0])
    for make in (lambda k: qet.minimal(k=k, detuning=0.3), lambda k: qet.xxz(3, J=k, Delta=0.4, hz=0.3)):
        batch = qet.gibbs(make(k), T=T)
        assert batch.shape == (2, 3)
        ground, excited = qet.ground(make(k[:, 0])), qet.eigenstate(make(k[:, 0]), 1)
        for i in range(2):
            close(ground.density_matrix[i], qet.ground(make(k[i, 0])).density_matrix)
            close(excited.density_matrix[i], qet.eigenstate(make(k[i, 0]), 1).density_matrix)
            for j in range(3):
                close(batch.density_matrix[i, j], qet.gibbs(make(k[i, 0]), T=T[j]).density_matrix)
                close(qet.marginal(batch, 1)[i, j], qet.marginal(qet.gibbs(make(k[i, 0]), T=T[j]), 1))


@given(cases.models(n_sites=(3,)), cases.SEEDS, st.permutations(range(3)), st.integers(1, 3))
def test_marginals_and_means_are_the_references(case, seed, order, m):
    rho = reference.random_state(np.random.default_rng(seed), 8)
    state = qet.state(case.model(), rho)
    np.testing.assert_allclose(
        qet.marginal(state, tuple(order[:m])), reference.marginal(rho, list(order[:m]), 3), atol=1e-15
    )
    close(qet.expect(state, state.model.H), np.trace(case.H @ rho).real, case.norm)
    text = "X0 Y1 - Y0 X1 + 0.3 Z2 + 2"
    operator = reference.term_matrix({"X0 Y1": 1, "Y0 X1": -1, "Z2": 0.3, "I": 2}, 3)
    close(qet.expect(state, text), np.trace(operator @ rho).real)
    assert isinstance(qet.expect(state, text), np.float64)
    close(
        qet.expect(state, qet.pauli("Z0 Z1", coefficient=1j)), 1j * np.trace(reference.string_matrix("Z0 Z1", 3) @ rho)
    )


def test_a_closed_form_state_answers_like_its_matrix():
    model = qet.minimal(h=np.array([1.0, 0.3]), k=np.array([[0.5], [-2.0], [0.0]]), detuning=0.2)
    for state in (qet.gibbs(model, T=0.4), qet.depolarize(qet.gibbs(model, T=0.4), 0.3)):
        dense = qet.state(model, state.density_matrix)
        for text in ("Z0", "Z1", "Z0 Z1", "X0 X1", "Y0 Y1", "X0", "X0 Y1", "3"):
            close(qet.expect(state, text), qet.expect(dense, text))
            assert np.shape(qet.expect(state, text)) == (3, 2)
        for sites in (0, 1, (1, 0), (0, 1)):
            close(qet.marginal(state, sites), qet.marginal(dense, sites))


def test_vectors_matrices_lists_and_qutip_objects_are_the_same_state():
    qutip = pytest.importorskip("qutip")
    psi = np.array([0.6, 0.0, 0.0, 0.8j])
    rho = np.outer(psi, psi.conj())
    model = qet.minimal()
    ket = qutip.Qobj(psi.reshape(4, 1), dims=[[2, 2], [1, 1]])
    for given_state in (psi, rho, psi.reshape(4, 1), rho.tolist(), ket, ket.proj()):
        np.testing.assert_allclose(qet.state(model, given_state).density_matrix, rho, atol=1e-15)
    batch = qet.state(model, np.array([psi, [1, 0, 0, 0], [0, 1, 0, 0]]))
    assert batch.shape == (3,)
    np.testing.assert_allclose(batch.density_matrix[0], rho, atol=1e-15)


def test_four_vectors_are_a_batch_of_vectors_only_where_they_are_no_density_matrix():
    """A (4, 4) array is read as a density matrix; a batch of four kets says so with another axis."""
    kets = np.eye(4)
    with pytest.raises(NotAState, match="trace 4"):
        qet.state(qet.minimal(), kets)
    batch = qet.state(qet.minimal(), kets[:, None])
    assert batch.shape == (4, 1)
    close(batch.density_matrix[2, 0], np.diag([0.0, 0.0, 1.0, 0.0]))


NAN = float("nan")
MODEL = qet.minimal()
GROUND = qet.ground(MODEL)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.gibbs(MODEL, T=-1.0), BadParameter, "T must be at least 0; got -1"),
        (
            lambda: qet.gibbs(MODEL, T=[[0.1, -0.5], [-1, 2]]),
            BadParameter,
            r"got -0.5.*first at index \(0, 1\); 2 of 4",
        ),
        (lambda: qet.gibbs(MODEL, T=NAN), BadParameter, "T must be finite; got nan"),
        (lambda: qet.gibbs(MODEL, T=np.inf), BadParameter, "T must be finite; got inf"),
        (lambda: qet.gibbs(MODEL, T="hot"), BadParameter, "'hot'"),
        (lambda: qet.gibbs(qet.minimal(k=np.ones(3)), T=np.ones(2)), ShapeMismatch, r"model \(3,\), T \(2,\)"),
        (lambda: qet.eigenstate(MODEL, 4), BadParameter, r"level=4.*0 \.\. 3"),
        (lambda: qet.eigenstate(MODEL, -1), BadParameter, "level=-1"),
        (lambda: qet.eigenstate(MODEL, 1.0), BadParameter, "integer.*1.0"),
        (lambda: qet.eigenstate(qet.xxz(2), 1), DegenerateLevel, "level 1.*differ by"),
        (lambda: qet.state(MODEL, np.eye(4)), NotAState, "trace 4"),
        (lambda: qet.state(MODEL, np.diag([1.5, -0.5, 0, 0])), NotAState, "negative eigenvalue -5.0e-01"),
        (lambda: qet.state(MODEL, np.diag([1.0, 0, 0, 0]) + np.eye(4, k=1)), NotAState, "not Hermitian.*1.0e"),
        (lambda: qet.state(MODEL, [1.0, 1.0, 0, 0]), NotAState, "trace 2"),
        (lambda: qet.state(MODEL, np.array([np.eye(4) / 4, np.eye(4), np.eye(4)])), NotAState, r"\(1,\); 2 of 3"),
        (lambda: qet.state(MODEL, np.full((4, 4), NAN)), NotAState, "NaN"),
        (lambda: qet.state(MODEL, "ground"), NotAState, "numeric"),
        (lambda: qet.state(MODEL, np.eye(8) / 8), ShapeMismatch, r"\(4, 4\) or \(4,\); got \(8, 8\)"),
        (lambda: qet.state(MODEL, np.ones(3)), ShapeMismatch, r"got \(3,\)"),
        (
            lambda: qet.state(qet.minimal(k=np.ones(3)), np.broadcast_to(np.eye(4) / 4, (2, 4, 4))),
            ShapeMismatch,
            r"\(3,\).*\(2,\)",
        ),
        (lambda: qet.depolarize(GROUND, 1.5), BadParameter, "probability must be at most 1; got 1.5"),
        (lambda: qet.depolarize(GROUND, [0.5, -0.5]), BadParameter, r"at least 0; got -0.5.*\(1,\); 1 of 2"),
        (lambda: qet.depolarize(qet.ground(qet.minimal(k=[0.1, 0.2])), [0.1] * 3).shape, ShapeMismatch, r"\(2,\)"),
        (lambda: qet.marginal(GROUND, 2), BadParties, "site 2 is outside"),
        (lambda: qet.marginal(GROUND, (0, 0)), BadParties, "twice"),
        (lambda: qet.marginal(GROUND, ()), BadParties, "empty"),
        (lambda: qet.expect(GROUND, "X5"), BadParties, "site 5 is outside"),
        (lambda: qet.expect(GROUND, "W0"), BadOperator, "character 1"),
        (lambda: qet.ground(qet.ising(20), solver="dense"), TooLarge, "20 sites .* solver='fermions'"),
        (
            lambda: qet.gibbs(qet.ising(10, hx=0.1, g=np.ones(10_000)), T=1.0),
            TooLarge,
            "fermions: .*X0.* 10000 points",
        ),
    ],
)
def test_a_state_that_makes_no_sense_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_batch_of_bad_states_carries_its_mask():
    rho = np.array([np.eye(4) / 4, np.diag([1.5, -0.5, 0, 0]), np.diag([0, 0, 1.0, 0])])
    with pytest.raises(NotAState) as caught:
        qet.state(MODEL, rho)
    np.testing.assert_array_equal(caught.value.mask, [False, True, False])


STATES = [
    lambda: qet.ground(qet.minimal(h=1.0, k=0.5)),
    lambda: qet.eigenstate(qet.minimal(h=1.0, k=0.5), 2),
    lambda: qet.gibbs(qet.minimal(h=1.0, k=0.5), T=0.3),
    lambda: qet.gibbs(qet.ising(3).swapped(), T=0.3),
    lambda: qet.gibbs(qet.minimal(k=[0.5, 0.6]), T=[[0.1], [0.3]]),
    lambda: qet.depolarize(qet.ground(qet.minimal()), 0.25),
    lambda: qet.state(qet.minimal(), np.diag([0.1, 0.2, 0.3, 0.4])),
    lambda: qet.state(qet.minimal(), [0.6, 0, 0, 0.8j]),
    lambda: qet.state(qet.model({"V": "X0 Z1"}), np.diag([0.1, 0.2, 0.3, 0.4]) + 0j),
]


@pytest.mark.parametrize("make", STATES)
def test_a_state_is_made_again_from_its_repr_and_from_its_recipe(make):
    state = make()
    assert eval(repr(state)) == state == make()
    assert hash(eval(repr(state))) == hash(state)
    again = qet.rerun(state.recipe)
    assert again == state
    np.testing.assert_array_equal(again.density_matrix, state.density_matrix)


def test_different_states_differ():
    states = [make() for make in STATES]
    for i, state in enumerate(states):
        for other in states[i + 1 :]:
            assert state != other


def test_precision_is_the_rounding_of_the_norm():
    state = qet.ground(qet.minimal(h=np.array([1.0, 100.0]), k=0.5))
    assert state.precision.shape == (2,)
    assert np.all(state.precision > 0)
    assert state.precision[1] > 50 * state.precision[0]
    with_zero = qet.ground(qet.minimal(h=1.0, k=0.5, offsets=True))
    assert with_zero.precision == qet.ground(qet.minimal(h=1.0, k=0.5)).precision
