"""The protocol on oscillators: closed forms, brute force, limits, and what the words promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from tests.solvers.test_oscillators import random_stiffness

import qet
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, UnknownName
from qet.physics.gaussian_reading import symplectic_form
from qet.protocols.oscillator_entanglement import gaussian_entropy
from qet.protocols.squeezing import best_symplectic

READINGS = [
    qet.coherent(),
    qet.coherent(0.2),
    qet.coherent(3.0, strength=0.4),
    qet.coherent(covariance=[[0.5, 0.2], [0.2, 0.58]]),
    qet.homodyne("x", resolution=0.6),
    qet.homodyne((0.4, -0.7), resolution=0.3),
]


def chain(n=7, *, seed=0, A=1, B=4, pinning=0.3):
    rng = np.random.default_rng(seed)
    return qet.harmonic(n, spring=qet.by_site(rng.uniform(0.4, 1.5, n - 1)), pinning=pinning, A=A, B=B)


@pytest.mark.parametrize("T", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_of_an_alice_who_is_no_neighbor(seed, T):
    """E_A = K_AA s + 1/(4s), E_B = [(K V_x)_BA]²/(2 K_BB (V_x,AA + s)) + V_p,BA²/(2 (V_p,AA + 1/(4s)))."""
    model, s = chain(seed=seed), np.array([0.05, 0.4, 2.0])
    state = qet.gibbs(model, T=T)
    run = qet.teleport(state, measure=qet.coherent(s))
    (V_x, V_p, _), K = state.blocks, model.K
    force = (K @ V_x)[4, 1] ** 2 / (2 * K[4, 4] * (V_x[1, 1] + s))
    speed = V_p[4, 1] ** 2 / (2 * (V_p[1, 1] + 1 / (4 * s)))
    assert run.injected == pytest.approx(K[1, 1] * s + 1 / (4 * s), rel=1e-14)
    assert run.extracted == pytest.approx(force + speed, rel=1e-9)  # V_x and V_p come from eigenvectors here
    assert np.all(run.local == 0.0)
    assert run.leak == pytest.approx(np.zeros(3), abs=1e-15)


@pytest.mark.parametrize("reading", READINGS, ids=repr)
def test_what_alice_pays_does_not_depend_on_the_state(reading):
    model = chain()
    rng = np.random.default_rng(4)
    L = rng.normal(size=(14, 14))
    states = [qet.ground(model), qet.gibbs(model, T=2.0), qet.state(model, L @ L.T + 2.0 * np.eye(14))]
    costs = [qet.teleport(state, measure=reading).injected for state in states]
    assert costs == pytest.approx([costs[0]] * 3, rel=1e-14)
    ledgers = [qet.teleport(state, measure=reading).ledger.change(end="measured") for state in states]
    assert ledgers == pytest.approx(costs, abs=1e-12)


@pytest.mark.parametrize("reading", READINGS, ids=repr)
@pytest.mark.parametrize("delay", [0.0, 0.9])
def test_a_pure_state_stays_pure_with_every_outcome(reading, delay):
    """One Kraus operator an outcome: (2ΩV)² = -1 for the conditional V + N - D Σ^-1 D^T, which ties all the noises."""
    state = qet.ground(qet.harmonic(3, A=0, B=1))
    run = qet.teleport(state, measure=reading, delay=delay)
    disturbed = run.late.covariance() + run.kicks @ run.noise.back_action @ run.kicks.T
    V = disturbed - run.joint @ np.linalg.solve(run.outcomes, run.joint.T)
    turned = symplectic_form(3) @ V
    assert 4 * turned @ turned == pytest.approx(-np.eye(6), abs=1e-11)


def test_the_matched_seed_is_the_cheapest_and_costs_the_frequency():
    """min over s of K s + 1/(4s) is √K at s = 1/(2√K)."""
    state = qet.ground(chain())
    root = np.sqrt(state.model.K[1, 1])
    assert qet.teleport(state).injected == pytest.approx(root, rel=1e-14)
    assert np.all(qet.teleport(state, measure=qet.coherent(np.geomspace(0.01, 10, 40))).injected > root)


@pytest.mark.parametrize("feedback", ["best", "ground", "gaussian", [[0.1, -0.2], [0.3, 0.05]]], ids=str)
@pytest.mark.parametrize("parties", [(1, 4), (1, 2), (2, 0)])
@pytest.mark.parametrize("delay", [0.0, 1.3])
def test_every_number_is_a_sum_of_cells_of_the_ledger(feedback, parties, delay):
    state = qet.gibbs(chain(), T=[0.0, 0.7]).between(*parties)
    for reading in READINGS[:4]:
        run = qet.teleport(state, measure=reading, feedback=feedback, delay=delay)
        ledger = run.ledger
        assert ledger.change(end="measured") == pytest.approx(run.injected, abs=1e-12)
        assert ledger.change(start="measured", end="delayed") == pytest.approx(np.zeros(2), abs=1e-12)
        assert ledger.drop() == pytest.approx(run.extracted, abs=1e-12)
        touched = [row for row, meets in zip(ledger.rows, ledger.meets_B, strict=True) if meets]
        assert ledger.change(*touched, end="delayed") == pytest.approx(run.leak, abs=1e-12)
        untouched = [row for row in ledger.rows if row not in touched]
        assert ledger.drop(*untouched) == pytest.approx(np.zeros(2), abs=1e-14)


def test_several_modes_on_both_sides_obey_the_ledger_and_more_modes_hear_more():
    state = qet.gibbs(chain(9), T=0.2)
    gains = []
    for A in ((1,), (1, 2), (0, 1, 2)):
        run = qet.teleport(state.between(A, (6, 4)), measure=qet.coherent(0.4), delay=0.4)
        assert run.ledger.drop() == pytest.approx(run.extracted, abs=1e-13)
        assert run.ledger.change(end="measured") == pytest.approx(run.injected, abs=1e-13)
        gains.append(qet.teleport(state.between(A, (6, 4)), measure=qet.coherent(0.4)).extracted)
    assert gains[0] < gains[1] < gains[2]


@pytest.mark.parametrize("parties", [(1, 4), (1, 2), ((0, 1), (3, 5))])
def test_no_displacement_does_better(parties):
    """The energy is a parabola in G, so a quasi-Newton search over all G ends at the formula."""
    state = qet.gibbs(chain(), T=0.3).between(*parties)
    run = qet.teleport(state, measure=qet.coherent(0.3), delay=0.8)

    def loss(flat):
        return -float(
            qet.teleport(state, measure=qet.coherent(0.3), delay=0.8, feedback=flat.reshape(run.gain.shape)).extracted
        )

    found = minimize(loss, np.zeros(run.gain.size), tol=1e-12)
    assert -found.fun == pytest.approx(run.extracted, abs=1e-11)  # the search's own tolerance
    assert found.x.reshape(run.gain.shape) == pytest.approx(run.gain, abs=1e-4)
    assert -loss(run.gain.ravel()) == pytest.approx(run.extracted, rel=1e-12)


def test_a_table_of_the_best_displacements_is_the_best():
    state = qet.ground(chain())
    best = qet.teleport(state, measure=qet.coherent(0.3))
    assert qet.teleport(state, measure=qet.coherent(0.3), feedback=best.gain).extracted == pytest.approx(best.extracted)


def test_the_rule_of_the_ground_state_does_worse_when_it_is_warm_and_the_same_when_not():
    state = qet.gibbs(chain(B=3), T=[0.0, 0.2, 1.0])
    best, fixed = (qet.teleport(state, feedback=rule) for rule in ("best", "ground"))
    assert fixed.extracted[0] == pytest.approx(best.extracted[0], rel=1e-12)
    assert np.all(fixed.extracted[1:] < best.extracted[1:])


@pytest.mark.parametrize("feedback", ["best", "gaussian"])
def test_nothing_is_won_on_passive_states(feedback):
    """Alice's channel mixes displacements and Bob's unitaries, so the entropy rises, and then the energy must."""
    rng = np.random.default_rng(7)
    for _ in range(20):
        model = qet.oscillators(random_stiffness(rng, 4), A=0, B=int(rng.integers(1, 4)))
        reading = qet.coherent(rng.uniform(0.05, 3.0), strength=rng.uniform(0.1, 1.0))
        state = qet.gibbs(model, T=[0.0, 0.3, 3.0])
        run = qet.teleport(state, measure=reading, feedback=feedback, delay=rng.uniform(0.0, 5.0))
        assert np.all(run.net_work < 0.0)
        assert np.all(run.extracted >= run.local)
        assert run.local_before == pytest.approx(np.zeros(3), abs=1e-14)


def test_a_message_between_uncoupled_oscillators_is_worth_nothing():
    run = qet.teleport(qet.gibbs(qet.harmonic(4, spring=0.0), T=0.4), delay=[0.0, 2.0])
    assert np.all(run.extracted == 0.0)
    assert not np.any(run.resolved)


def test_hot_oscillators_teleport_nothing_without_a_delay():
    """V_p = T + K/(12T) - K²/(720T³) + ..: at distance n only K^n reaches, V_p,BA ~ T^(1-2n), E_B ~ T^(1-4n)."""
    run = qet.teleport(qet.gibbs(chain(B=3), T=[100.0, 200.0]), measure=qet.coherent(0.4))
    assert np.log2(run.extracted[0] / run.extracted[1]) == pytest.approx(7.0, abs=0.01)


def test_news_travels_at_the_speed_of_sound():
    """Nothing is gained by waiting until the front of Alice's kick is there, at n/c with c <= 1 for unit springs."""
    run = qet.teleport(qet.ground(qet.harmonic(60, pinning=0.2, A=10, B=40)), delay=[0.0, 5.0, 15.0, 50.0])
    assert np.all(run.leak[:3] < 1e-12)
    assert run.leak[3] > 1e-3
    assert run.extracted[3] > 1e4 * run.extracted[0]


def test_the_critical_chain_teleports_with_the_fourth_power_of_the_distance():
    """(√K)_n = -(4/π)/(4n² - 1) without pins, hence V_p,n = -(2/π)/(4n² - 1), V_p,0 = 2/π and E_B ~ n^(-4)."""
    n = np.array([8, 16, 32])
    big = qet.ground(qet.harmonic(1000, pinning=0.0, ends="fixed"))
    middle = 500
    runs = [qet.teleport(big.between(middle - int(d) // 2, middle + int(d) // 2), measure=qet.coherent(0.4)) for d in n]
    found = np.array([r.learned[1][0, 1] for r in runs])
    # a finite chain has corrections of order (n/N)²
    assert found == pytest.approx(-(2 / np.pi) / (4 * n**2 - 1.0), rel=2e-3)
    V_x = np.array([r.state.covariance(r.model.A)[0, 0] for r in runs])
    expected = (2 / np.pi / (4 * n**2 - 1.0)) ** 2 * (1 / (2 * (V_x + 0.4)) + 1 / (2 / np.pi + 1 / 1.6)) / 2
    energies = np.array([r.extracted for r in runs])
    assert energies == pytest.approx(expected, rel=5e-3)
    assert np.diff(np.log(energies)) / np.diff(np.log(n)) == pytest.approx([-4.0, -4.0], abs=0.02)


def test_a_gapped_chain_loses_exponentially_with_all_its_digits():
    """Per site E_B falls by e^(-2μ), 2 (cosh μ - 1) = pinning/spring, far below 1e-200, and is resolved all the way."""
    state = qet.ground(qet.harmonic(200, pinning=1.0))
    energies = []
    for d in (100, 101, 130):
        run = qet.teleport(state.between(30, 30 + d))
        assert run.resolved
        assert run.precision < 1e-10 * run.extracted
        energies.append(run.extracted)
    mu = np.arccosh(1.5)
    assert energies[0] < 1e-80
    # the power law n^-3 beside the exponential of the infinite chain
    assert np.log(energies[0] / energies[1]) == pytest.approx(2 * mu + 3 * np.log(101 / 100), abs=1e-3)
    assert np.log(energies[0] / energies[2]) == pytest.approx(60 * mu + 3 * np.log(1.3), abs=2e-2)


def test_a_weak_reading_is_as_efficient_as_any_can_be_whatever_its_seed():
    """t -> 0: E_B/E_A -> 4 V_p,BA²/K for equal stiffnesses, at every s; the sharp one has less."""
    state = qet.ground(qet.harmonic(9, pinning=0.1, A=3, B=5))
    V_p, K = state.blocks[1][3, 5], state.model.K[3, 3]
    weak = qet.teleport(state, measure=qet.coherent(np.array([0.1, 0.4, 5.0]), strength=1e-6)).efficiency
    assert weak == pytest.approx([4 * V_p**2 / K] * 3, rel=1e-4)  # the next order is t
    strengths = qet.teleport(state, measure=qet.coherent(strength=np.linspace(0.05, 1.0, 20))).efficiency
    assert np.all(np.diff(strengths) < 0.0)
    assert np.all(strengths < weak.min())
    pointer = qet.teleport(state, measure=qet.homodyne("p", resolution=1e4)).efficiency
    assert pointer == pytest.approx(4 * V_p**2 / K, rel=1e-6)


def test_a_pure_seed_becomes_a_pointer_when_it_is_squeezed():
    """s -> 0 reads x alone: E_B -> F²/(2 K_BB V_x)."""
    state = qet.ground(chain())
    limit = qet.teleport(state, measure=qet.homodyne("x", resolution=1e-5)).extracted
    assert qet.teleport(state, measure=qet.coherent(1e-10)).extracted == pytest.approx(limit, rel=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_symplectic_matrix_beats_a_search(seed):
    rng = np.random.default_rng(seed)
    K, c = rng.uniform(0.3, 3.0), rng.normal(size=2) * (seed != 0) * np.array([1.0, seed != 1])
    L = np.array([[1.0, 0.0], [rng.normal(), 1.0]]) * rng.uniform(0.5, 2.0)
    covariance = L @ L.T
    S, gain = best_symplectic(np.array(K), covariance, c)

    def energy(S):
        return np.trace(np.diag([K, 1.0]) @ S @ covariance @ S.T) / 2 + S[0] @ c

    def of_angles(v):
        turn = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in v[:2]]
        return turn[0] @ np.diag([np.exp(v[2]), np.exp(-v[2])]) @ turn[1]

    starts = rng.normal(size=(12, 3))
    best = min(minimize(lambda v: energy(of_angles(v)), start, tol=1e-13).fun for start in starts)
    assert np.linalg.det(S) == pytest.approx(1.0, abs=1e-12)
    assert energy(np.eye(2)) - energy(S) == pytest.approx(gain, abs=1e-12)
    assert energy(S) == pytest.approx(best, abs=1e-9)  # the search's own tolerance
    assert energy(S) <= best + 1e-12


def test_squeezing_adds_to_displacements_what_the_covariance_allows():
    state = qet.ground(chain(B=2))
    plain, full = (qet.teleport(state, feedback=rule, measure=qet.coherent(0.1)) for rule in ("best", "gaussian"))
    assert full.extracted > plain.extracted + 1e-4
    assert np.array_equal(plain.squeezing, np.eye(2))
    assert np.linalg.det(full.squeezing) == pytest.approx(1.0, abs=1e-12)
    squeezed = qet.state(qet.harmonic(2, spring=0.0), np.diag([1.0, 0.5, 0.25, 0.5])).between(1, 0)
    alone = qet.teleport(squeezed, feedback="gaussian")
    assert alone.local == pytest.approx(0.125, abs=1e-14)  # (1 + 1/4)/2 - 1/2, the vacuum of frequency one
    assert alone.teleported == pytest.approx(0.0, abs=1e-14)


def test_what_a_round_leaves_of_the_entanglement():
    """A pure seed unties Alice from everything; what Bob hears can only lower his entropy."""
    state = qet.ground(chain())
    run = qet.teleport(state, measure=qet.coherent([0.1, 0.5, 2.0]))
    found = run.entanglement
    rest = tuple(j for j in range(7) if j != 1)
    assert found.entropy_A[..., 0] == pytest.approx([gaussian_entropy(state.covariance(rest))] * 3, abs=1e-10)
    assert found.entropy_A[..., 1] == pytest.approx(np.zeros(3), abs=1e-12)
    assert np.all(found.entropy_B[..., 1] < found.entropy_B[..., 0])
    near = qet.teleport(state.between(1, 2), measure=qet.coherent(strength=[0.01, 0.3, 1.0])).entanglement
    assert np.all(np.diff(near.negativity[:, 1]) < 0.0)
    assert near.negativity[-1, 1] == 0.0
    assert np.all(near.negativity[:, 1] < near.negativity[:, 0])
    assert near.negativity[0, 1] == pytest.approx(near.negativity[0, 0], rel=0.1)


def test_two_modes_in_their_ground_state_are_a_squeezed_pair():
    """ω_± of the two normal modes: 2ν = (√(ω_+/ω_-) + √(ω_-/ω_+))/2, negativity |ln(ω_+/ω_-)|/2."""
    run = qet.teleport(qet.ground(qet.harmonic(2, spring=1.5, pinning=1.0)))
    ratio = np.sqrt(4.0)  # ω² = 1 and 1 + 3
    nu = (np.sqrt(ratio) + np.sqrt(1 / ratio)) / 4
    entropy = (nu + 0.5) * np.log(nu + 0.5) - (nu - 0.5) * np.log(nu - 0.5)
    assert run.entanglement.entropy_A[0] == pytest.approx(entropy, abs=1e-12)
    assert run.entanglement.negativity[0] == pytest.approx(np.log(ratio) / 2, abs=1e-12)


def test_the_most_efficient_seed_has_no_better_neighbor():
    for T, delay in (([0.0, 0.5], 0.0), ([0.0, 0.0], 1.5)):
        state = qet.gibbs(chain(pinning=np.array([[0.2], [1.5]])), T=T)
        best = qet.best_measurement(state, objective="efficiency", delay=delay)
        top = qet.teleport(state, measure=best, delay=delay).efficiency
        assert best.spread.shape == (2, 2)
        for factor in (0.3, 0.99, 1.01, 4.0):
            other = qet.teleport(state, measure=qet.coherent(factor * best.spread), delay=delay)
            assert np.all(other.efficiency < top)


def test_the_seed_that_extracts_most_has_the_closed_form():
    """s* = (V_x - ρ)/(4ρ V_p - 1) with ρ = |F|/(2√K_BB |P|), where 1/(4V_p) < ρ < V_x."""
    state = qet.gibbs(chain(), T=1.5)
    best = qet.best_measurement(state, objective="extracted")
    K, V = state.model.K, state.covariance(1)
    rho = 1 / (2 * np.sqrt(K[4, 4]))
    assert best.spread == pytest.approx((V[0, 0] - rho) / (4 * rho * V[1, 1] - 1), rel=1e-6)  # of a flat maximum


def test_where_no_seed_is_best_the_error_says_what_is_approached():
    with pytest.raises(BadParameter, match="homodyne detection of p"):
        qet.best_measurement(qet.ground(qet.harmonic(8, A=2, B=5)), objective="extracted")
    with pytest.raises(UnknownName, match="did you mean 'efficiency'"):
        qet.best_measurement(qet.ground(qet.harmonic(8)), objective="eficiency")
    with pytest.raises(NotOffered, match="width"):
        qet.best_measurement(qet.ground(qet.harmonic(8)), kind="povm")


def test_a_batch_is_its_points():
    state = qet.gibbs(qet.harmonic(6, pinning=np.array([0.2, 1.0]), A=1, B=4), T=np.array([[0.0], [0.4], [1.0]]))
    s, delay = np.array([0.3, 0.6]), np.array([0.0, 0.7])
    for feedback in ("best", "gaussian"):
        run = qet.teleport(state, measure=qet.coherent(s), delay=delay, feedback=feedback)
        assert run.shape == (3, 2)
        assert run.ledger.energies.shape == (3, 2, 11, 4)
        for j in range(2):
            alone = qet.gibbs(qet.harmonic(6, pinning=float([0.2, 1.0][j]), A=1, B=4), T=[0.0, 0.4, 1.0])
            point = qet.teleport(alone, measure=qet.coherent(s[j]), delay=float(delay[j]), feedback=feedback)
            for name in ("injected", "extracted", "local", "leak"):
                assert getattr(run, name)[:, j] == pytest.approx(getattr(point, name), abs=1e-13)


def test_recipes_and_text_come_back():
    state = qet.gibbs(qet.oscillators([[2.0, -0.5], [-0.5, 1.0]]), T=0.3)
    for reading in READINGS:
        for options in ({}, {"feedback": "gaussian"}, {"delay": [0.0, 1.0]}):
            run = qet.teleport(state, measure=reading, **options)
            assert qet.rerun(run.recipe) == run
            assert eval(repr(run)) == run
            assert len({run.id, qet.rerun(run.recipe).id}) == 1
    run = qet.teleport(state, measure=READINGS[4], feedback=[[0.1], [0.2]])
    assert qet.rerun(run.recipe) == run
    assert "V_0_1" in str(run)
    assert "unit masses" in str(run)
    assert "Z|0>" not in str(run)
    assert "<table>" in run._repr_html_()


@pytest.mark.parametrize(
    "error, match, options",
    [
        (BadParameter, "qet.coherent", {"measure": "Y"}),
        (UnknownName, "did you mean 'gaussian'", {"feedback": "gausian"}),
        (NotOffered, "message_error is for qubits", {"message_error": 0.1}),
        (NotOffered, "target is for qubits", {"target": "Z0"}),
        (ShapeMismatch, r"G of shape \(2, 2\)", {"feedback": [[1.0, 2.0]]}),
        (BadParameter, "at least 0", {"delay": -1.0}),
    ],
)
def test_what_oscillators_do_not_take_is_refused(error, match, options):
    with pytest.raises(error, match=match):
        qet.teleport(qet.ground(qet.harmonic(4)), **options)


def test_squeezing_of_several_modes_is_refused():
    with pytest.raises(NotOffered, match="offered for one"):
        qet.teleport(qet.ground(qet.harmonic(5, B=(3, 4))), feedback="gaussian")


@pytest.mark.parametrize(
    "error, match, make",
    [
        (BadParameter, "positive", lambda: qet.coherent([0.3, 0.0])),
        (BadParameter, "not both", lambda: qet.coherent(0.3, covariance=np.eye(2) / 2)),
        (BadParameter, "at most 1", lambda: qet.coherent(strength=1.5)),
        (BadParameter, "no pure Gaussian state", lambda: qet.coherent(covariance=np.eye(2))),
        (BadParameter, "no pure Gaussian state", lambda: qet.coherent(covariance=-np.eye(2) / 2)),
        (ShapeMismatch, "a modes", lambda: qet.coherent(covariance=np.eye(3))),
        (BadParameter, "'x', 'p'", lambda: qet.homodyne("q", resolution=1.0)),
        (BadParameter, "reads nothing", lambda: qet.homodyne((0.0, 0.0), resolution=1.0)),
        (ShapeMismatch, "last axis", lambda: qet.homodyne((1.0, 0.0, 0.0), resolution=1.0)),
        (BadParameter, "resolution", lambda: qet.homodyne("x", resolution=0.0)),
    ],
)
def test_a_reading_that_is_none_is_refused(error, match, make):
    with pytest.raises(error, match=match):
        make()


def test_a_seed_of_several_modes_may_be_entangled():
    """The product of two seeds is the seed of both; a two-mode squeezed one is another measurement."""
    state = qet.ground(chain(A=(1, 2), B=5))
    one = np.diag([0.3, 0.3, 0.25 / 0.3, 0.25 / 0.3])
    both = [qet.teleport(state, measure=reading) for reading in (qet.coherent(0.3), qet.coherent(covariance=one))]
    assert both[0].extracted == pytest.approx(both[1].extracted, rel=1e-12)
    c, s = np.cosh(0.6) / 2, np.sinh(0.6) / 2
    pair = np.array([[c, s, 0, 0], [s, c, 0, 0], [0, 0, c, -s], [0, 0, -s, c]])
    run = qet.teleport(state, measure=qet.coherent(covariance=pair))
    assert run.ledger.drop() == pytest.approx(run.extracted, abs=1e-13)
    with pytest.raises(ShapeMismatch, match="2 modes"):
        qet.teleport(state, measure=qet.coherent(covariance=np.eye(2) / 2)).noise  # noqa: B018
