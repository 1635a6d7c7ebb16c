"""Time evolution: closed and open, against series, other propagators and closed forms."""

import numpy as np
import pytest
from reference import superoperator
from scipy.linalg import expm

import qet
from qet.foundations.linalg import dagger

RNG = np.random.default_rng(20251122)
PAIR = qet.minimal(h=0.9, k=0.45, detuning=0.5)
BATHS = [qet.bath(0, T=1.0, rate=0.08), qet.bath(1, T=0.3, rate=0.15)]
MASTERS = ("redfield", "secular", "local")


def random_state(n=2, seed=1):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2**n, 2**n)) + 1j * rng.normal(size=(2**n, 2**n))
    rho = root @ root.conj().T
    return rho / np.trace(rho)


def test_a_closed_system_turns_unitarily():
    rho, H = random_state(), PAIR.matrix()
    for t in (0.0, 0.7, 31.0):
        U = expm(-1j * H * t)
        found = qet.evolve(qet.state(PAIR, rho), t).density_matrix
        np.testing.assert_allclose(found, U @ rho @ U.conj().T, atol=1e-12)


@pytest.mark.parametrize("n", [2, 3])
def test_bare_jumps_follow_the_exponential_of_their_generator(n):
    rng = np.random.default_rng(n)
    model = qet.model({"fields": "0.7 Z0 - 0.3 X1", "bond": "0.5 X0 X1 + 0.2 Y0 Z1"}, n_sites=n)
    A = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    jumps = [qet.jump("-", 0, 0.3), qet.jump(A, 1, 0.2), qet.jump("Z0 X1", rate=0.1)]
    matrices = [(jump.rate, jump.operator.matrix(tuple(range(n)))) for jump in jumps]
    L, rho = superoperator(matrices, model.matrix()), random_state(n, seed=3)
    for t in (0.4, 3.0):
        expected = (expm(L * t) @ rho.reshape(-1)).reshape(rho.shape)
        found = qet.evolve(qet.state(model, rho), t, surroundings=jumps).density_matrix
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("master", MASTERS)
def test_evolution_composes_and_ends_in_the_steady_state(master):
    steady = qet.steady(PAIR, BATHS, master=master)
    start = qet.state(PAIR, random_state(seed=5))
    options = {"surroundings": BATHS, "master": master, "allow": ("NotPositive",)}
    once = qet.evolve(start, 5.0, **options).density_matrix
    twice = qet.evolve(qet.evolve(start, 2.0, **options), 3.0, **options).density_matrix
    np.testing.assert_allclose(twice, once, atol=1e-12)
    np.testing.assert_allclose(np.trace(once), 1.0, atol=1e-13)
    late = qet.evolve(start, 60.0 / float(steady.diagnostics.gap), **options).density_matrix
    np.testing.assert_allclose(late, steady.density_matrix, atol=1e-12)
    still = qet.evolve(steady, 7.3, surroundings=steady.surroundings)
    assert still.master == master
    np.testing.assert_allclose(still.density_matrix, steady.density_matrix, atol=1e-13)


def test_qutip_integrates_to_the_same_state():
    qutip = pytest.importorskip("qutip")
    rho = random_state(seed=7)
    jumps = [qet.jump("-", 0, 0.3), qet.jump("+", 1, 0.1), qet.jump("Z", 0, 0.2)]
    ops = [np.sqrt(j.rate) * qutip.Qobj(j.operator.matrix((0, 1)), dims=[[2, 2]] * 2) for j in jumps]
    H = qutip.Qobj(PAIR.matrix(), dims=[[2, 2]] * 2)
    start = qutip.Qobj(rho, dims=[[2, 2]] * 2)
    solved = qutip.mesolve(H, start, [0.0, 2.0], ops, options={"atol": 1e-12, "rtol": 1e-12, "nsteps": 10**5})
    found = qet.evolve(qet.state(PAIR, rho), 2.0, surroundings=jumps).density_matrix
    np.testing.assert_allclose(found, solved.states[-1].full(), atol=1e-9)


def test_times_models_and_baths_broadcast():
    k, t = np.array([0.2, 0.6])[:, None], np.array([0.0, 0.5, 4.0])
    model = qet.minimal(h=1.0, k=k)
    batch = qet.evolve(qet.gibbs(model, T=2.0), t, surroundings=BATHS)
    assert batch.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one = qet.evolve(qet.gibbs(qet.minimal(h=1.0, k=float(k[i, 0])), T=2.0), float(t[j]), surroundings=BATHS)
            np.testing.assert_allclose(batch.density_matrix[i, j], one.density_matrix, atol=1e-13)


def test_the_natural_evolution_after_the_measurement():
    """Field of Bob: h²(1 - cos 4kt)/(2 sqrt(h² + k²)) above its ground-state mean (Ikeda, arXiv:2301.02666, App. A)."""
    h, k, t = 1.0, 0.5, np.linspace(0.0, 3.0, 7)
    run = qet.teleport(qet.ground(qet.minimal(h=h, k=k, offsets=True)), delay=t)
    np.testing.assert_allclose(
        run.ledger["H_B"][:, 2], h**2 * (1 - np.cos(4 * k * t)) / (2 * np.hypot(h, k)), atol=1e-13
    )
    np.testing.assert_allclose(run.ledger["V"][:, 2], 0.0, atol=1e-13)


@pytest.mark.parametrize("master", MASTERS)
def test_a_delay_with_reservoirs_by_hand(master):
    """Branches evolved one by one as density matrices, Bob's gain from them, and the heat on the ledger."""
    state = qet.steady(PAIR, BATHS, master=master, allow=("NotPositive",))
    t = 0.8
    run = qet.teleport(state, delay=t, surroundings=state.surroundings)
    assert run.master == master
    X = np.kron([[0, 1], [1, 0]], np.eye(2))
    total = 0.0
    for sign in (1, -1):
        P = (np.eye(4) + sign * X) / 2
        branch = P @ state.density_matrix @ P
        p = np.trace(branch).real
        later = qet.evolve(qet.state(PAIR, branch / p), t, surroundings=BATHS, master=master, allow=("NotPositive",))
        gain = qet.teleport(later, measure=qet.measure(kraus=[np.eye(2)])).extracted
        total += p * gain
    np.testing.assert_allclose(run.extracted, total, atol=1e-13)
    ledger = run.ledger
    assert ledger.rows[-1] == "heat"
    np.testing.assert_allclose(ledger.change(start="measured", end="delayed"), 0.0, atol=1e-13)
    np.testing.assert_allclose(ledger.drop(), run.extracted, atol=1e-13)
    H, measured = (
        PAIR.matrix(),
        sum((np.eye(4) + s * X) @ state.density_matrix @ (np.eye(4) + s * X) / 4 for s in (1, -1)),
    )
    given = np.trace(H @ measured).real - np.trace(H @ run.average).real
    np.testing.assert_allclose(ledger["heat"], [0.0, 0.0, given, given], atol=1e-13)
    unmeasured = qet.evolve(state, t, surroundings=BATHS, master=master).density_matrix
    np.testing.assert_allclose(run.leak, np.trace(run.patch.H_B @ (run.average - unmeasured)).real, atol=1e-13)
    counted = {row.name for row in qet.bounds(run) if np.any(row.applies)}  # none that would have to count the heat
    assert counted == {"Bob's floor", "best unital", "best channel", "distinguishability", "Holevo"}
    assert all(np.all(row.holds) for row in qet.bounds(run) if row.name in counted)
    assert np.shape(qet.profile(run, by="site").energies) == (2, 4)


def test_a_long_delay_with_reservoirs_forgets_the_message():
    state = qet.steady(PAIR, BATHS)
    run = qet.teleport(state, delay=np.array([0.0, 400.0]), surroundings=BATHS)
    assert run.teleported[0] > 1e-3
    np.testing.assert_allclose(run.teleported[1], 0.0, atol=1e-12)
    np.testing.assert_allclose(run.leak[1], 0.0, atol=1e-12)


def test_recipes_of_evolution_run_again():
    state = qet.evolve(qet.gibbs(PAIR, T=3.0), 0.4, surroundings=BATHS, master="secular")
    run = qet.teleport(state, delay=0.2, surroundings=BATHS)
    assert qet.rerun(state.recipe) == state
    assert qet.rerun(run.recipe) == run
    assert eval(repr(run), {"qet": qet}) == run
    assert qet.teleport(state, delay=0.2) != run


def test_what_cannot_evolve_is_refused_by_name():
    state = qet.gibbs(PAIR, T=1.0)
    with pytest.raises(qet.errors.BadParameter, match="at least 0"):
        qet.evolve(state, -1.0)
    with pytest.raises(qet.errors.NotOffered, match="leads"):
        qet.evolve(state, 1.0, surroundings=qet.bath(0, T=1, rate=0.1, statistics="fermion"), master="leads")
    with pytest.raises(qet.errors.BadParameter, match="takes a state"):
        qet.evolve(PAIR, 1.0)
    with pytest.raises(qet.errors.DivergentOccupation, match="ohmic"):
        qet.evolve(
            qet.gibbs(qet.model({"V": "0.5 Z0 Z1"}), T=1.0), 1.0, surroundings=qet.bath(0, T=1, rate=0.1, coupling="Z")
        )
    with pytest.raises(qet.errors.TooLarge, match=r"2\^9 levels"):
        qet.evolve(qet.gibbs(qet.ising(9), T=1.0), 1.0, surroundings=qet.bath(0, T=1, rate=0.1))
    with pytest.raises(qet.errors.ShapeMismatch, match="broadcast"):
        qet.evolve(qet.gibbs(PAIR, T=[1.0, 2.0]), [1.0, 2.0, 3.0])


@pytest.mark.filterwarnings("ignore::qet.foundations.errors.OutsideDomain")
def test_a_negative_state_on_the_way_is_refused_with_its_mask():
    pure = np.array([0.222 - 0.178j, -0.204 + 0.228j, -0.201 + 0.710j, 0.177 - 0.500j])
    pure = pure / np.linalg.norm(pure)
    strong = [qet.bath(0, T=0.05, rate=3.0), qet.bath(1, T=0.05, rate=3.0)]
    times = np.array([0.0, 0.3, 50.0])
    with pytest.raises(qet.errors.NotPositive) as caught:
        qet.evolve(qet.state(PAIR, pure), times, surroundings=strong)
    assert not caught.value.mask[0]
    smallest = np.linalg.eigvalsh(caught.value.best)[:, 0]
    np.testing.assert_array_equal(caught.value.mask, smallest < -1e-9)
    allowed = qet.evolve(qet.state(PAIR, pure), times, surroundings=strong, allow="NotPositive")
    np.testing.assert_allclose(allowed.density_matrix, dagger(allowed.density_matrix), atol=1e-15)
