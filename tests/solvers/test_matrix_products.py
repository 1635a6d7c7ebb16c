"""Matrix product states give what dense matrices give, and say how far off they may be."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

import qet
from qet.foundations.errors import DegenerateLevel, NotConverged, NotOffered
from qet.foundations.linalg import embed, partial_trace
from qet.foundations.paulis import collect
from qet.foundations.values import Call
from qet.solvers.gaussian import Gaussian
from qet.solvers.mps.chain import applied, chain_of_vector, distance_between
from qet.solvers.mps.contract import density_matrix, means_of
from qet.solvers.mps.motion import ORDER, STAGES, Motion
from qet.solvers.mps.payload import strings_at
from qet.solvers.mps.peer import Peer, charge_of
from qet.solvers.mps.states import gibbs_by_mps, ground_by_mps
from qet.solvers.questions import means_after
from qet.solvers.states import Prepared, State

WORD = Call("given", {})


def state_of(model: qet.Model, prepared: Prepared) -> State:
    return State(model, prepared.payload, "mps", WORD, prepared.error, diagnostics=prepared.diagnostics)


def dense_ground(model: qet.Model) -> State:
    return qet.ground(model, solver="dense")


def dense_gibbs(model: qet.Model, T: Any) -> State:
    return qet.gibbs(model, T=T, solver="dense")


def long_range(n: int) -> qet.Model:
    """Couplings that fall with the square of the distance, a field that rises, and terms of several letters."""
    terms = {
        f"V_{i}_{j}": f"{1 / (j - i) ** 2} X{i} X{j} + {0.3 / (j - i)} Z{i} Y{j}"
        for i, j in itertools.combinations(range(n), 2)
    }
    terms |= {f"H_{i}": f"{0.7 + 0.1 * i} Z{i}" for i in range(n)}
    return qet.model({**terms, "three": "0.3 X0 Y2 Z4 + 0.2 Z1 Z2 Z3"}, A=0, B=n - 1)


def disordered(n: int) -> qet.Model:
    return qet.xxz(n, Delta=1.5, hz=qet.by_site(np.random.default_rng(3).normal(size=n)))


def _short(model: qet.Model) -> str:
    return f"{model.made_by.word} {model.n_sites}"


def random_vector(rng: np.random.Generator, n: int, *, is_real: bool) -> np.ndarray:
    psi = rng.normal(size=2**n) + (0.0 if is_real else 1j * rng.normal(size=2**n))
    return psi


def strings(model: qet.Model) -> list:
    return list(strings_at(model, (), ()))


@pytest.mark.parametrize("n, is_real", [(2, True), (3, False), (6, True), (6, False)])
def test_marginals_and_means_of_a_chain_are_those_of_its_vector(n, is_real):
    rng = np.random.default_rng(n)
    psi = random_vector(rng, n, is_real=is_real)
    chain, rho = chain_of_vector(psi, n), np.outer(psi, psi.conj())
    for m in range(1, min(n, 4) + 1):
        for sites in list(itertools.permutations(range(n), m))[::5]:
            assert np.abs(density_matrix(chain, sites) - partial_trace(rho, sites, n)).max() < 1e-12 * chain.norm**2
    letters = list(itertools.product("IXYZ", repeat=n))[:: max(1, 4**n // 300)]
    asked = [tuple((i, one) for i, one in enumerate(word) if one != "I") for word in letters]
    means = means_of(chain, asked)
    for string in asked:
        exact = np.trace(collect([(string, 1.0)]).matrix(range(n)) @ rho).real
        assert means[string] == pytest.approx(exact, abs=1e-11 * chain.norm**2)


def test_an_operator_on_distant_sites_is_applied_as_its_matrix():
    rng, n = np.random.default_rng(7), 6
    psi = random_vector(rng, n, is_real=False)
    M = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    for sites in ((0, 1), (4, 1), (5, 0), (2, 3)):
        found, dropped = applied(chain_of_vector(psi, n), M, sites, 64)
        exact = chain_of_vector(embed(M, sites, n) @ psi, n)
        assert distance_between(found, exact) < 1e-9 * exact.norm  # of the cut of 1e-10 in both
        assert dropped < 1e-20


def test_the_composition_has_the_order_it_claims():
    assert sum(STAGES) == pytest.approx(1.0, abs=1e-15)
    rng = np.random.default_rng(0)
    A, B = (M + M.T for M in rng.normal(size=(2, 6, 6)))
    errors = []
    for dt in (0.1, 0.05):
        step = np.eye(6)
        for part in STAGES:
            half = expm(-0.5j * dt * part * A)
            step = half @ expm(-1j * dt * part * B) @ half @ step
        errors.append(np.abs(step - expm(-1j * dt * (A + B))).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(ORDER + 1, abs=0.3)


@pytest.mark.parametrize("is_thermal", [False, True])
@pytest.mark.parametrize("model", [qet.ising(5, hx=0.3), qet.xxz(5, Delta=0.5, hz=0.2), long_range(5)], ids=_short)
def test_a_moved_chain_is_as_near_the_exact_vector_as_it_says(model, is_thermal):
    n, t = 5, 0.3
    psi = random_vector(np.random.default_rng(1), n, is_real=False)
    psi /= np.linalg.norm(psi)
    [_, (found, distance)] = Motion.of(strings(model), n, 64, is_thermal=is_thermal).over(
        chain_of_vector(psi, n), [0.1, t]
    )
    exact = expm((-1.0 if is_thermal else -1j) * t * model.dynamics.matrix(model.sites)) @ psi
    exact /= np.linalg.norm(exact)
    apart = distance_between(found, chain_of_vector(exact, n))
    assert apart <= distance < 1e-8


def test_a_capped_bond_is_told_in_the_distance():
    model, n = qet.ising(8, g=0.7, hx=0.4), 8
    psi = np.zeros(2**n)
    psi[0] = 1.0
    [(found, distance)] = Motion.of(strings(model), n, 5).over(chain_of_vector(psi, n), [2.0])
    exact = expm(-2j * model.dynamics.matrix(model.sites)) @ psi
    apart = distance_between(found, chain_of_vector(exact, n))
    assert 1e-5 < apart <= distance


def test_the_charge_is_found_from_the_model():
    cases = [(qet.xxz(4), "Sz"), (qet.ising(4), "parity"), (qet.xy(4, Jy=1.0), "Sz"), (qet.ising(4, hx=0.1), "None")]
    assert [charge_of(strings(model)) for model, _ in cases] == [charge for _, charge in cases]


@pytest.mark.parametrize("model", [qet.xxz(4, hz=0.3), qet.ising(4, hx=0.2), long_range(5)], ids=_short)
def test_the_peer_has_the_same_hamiltonian(model):
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    product = np.ones((1, 1, 1))
    for W in Peer.of(strings(model), model.n_sites).operators(0.3):
        product = np.einsum("aij,abkl->bikjl", product, W).reshape(W.shape[1], 2 * product.shape[1], -1)
    H = model.dynamics.matrix(model.sites)
    assert np.abs(product[0] - H + 0.3 * np.eye(len(H))).max() < 1e-13


GROUND = [
    qet.minimal(),
    qet.ising(7, hx=0.3),
    qet.ising(6, A=(0, 1), B=4),
    qet.xxz(6, Delta=0.5, A=1, B=4),
    disordered(5),
    long_range(6),
]


@pytest.mark.slow
@pytest.mark.parametrize("model", GROUND, ids=_short)
def test_ground_states_are_those_of_dense_matrices(model):
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    found, exact = qet.ground(model, solver="mps"), dense_ground(model)
    for sites in ((1, 0), (model.n_sites - 1, 0), model.sites[:4][::-1]):
        assert np.abs(qet.marginal(found, sites) - qet.marginal(exact, sites)).max() < 1e-11
    assert qet.expect(found, model.H) == pytest.approx(qet.expect(exact, model.H), abs=1e-11)
    ours, theirs = (qet.teleport(state, feedback="channel") for state in (found, exact))
    assert abs(ours.extracted - theirs.extracted) <= found.precision < 1e-9
    assert np.abs(ours.ledger.energies - theirs.ledger.energies).max() < 1e-9  # a flat optimum of Bob's


@pytest.mark.slow
@pytest.mark.parametrize("bond", [3, 7])
@pytest.mark.parametrize("model", [qet.ising(8, A=3, B=5), qet.xxz(8, Delta=0.7, hz=0.2, A=2, B=5)], ids=_short)
def test_the_stated_error_covers_the_true_one(model, bond):
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    try:
        best = ground_by_mps(model, bond)
    except NotConverged as stopped:
        best = stopped.best
    found, exact = state_of(model, best), dense_ground(model)
    sites = tuple(range(1, 7))
    change = qet.marginal(found, sites) - qet.marginal(exact, sites)
    assert 1e-8 < np.abs(np.linalg.eigvalsh(change)).sum() <= 2 * best.diagnostics.distance
    for measure, feedback in (("X", "best"), ("Y", "best"), ("Z", "channel")):
        ours, theirs = (qet.teleport(state, measure=measure, feedback=feedback) for state in (found, exact))
        assert abs(ours.extracted - theirs.extracted) <= found.precision


def test_a_bond_that_is_too_small_is_refused_with_what_it_reached():
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    with pytest.raises(NotConverged, match="Allow a larger bond") as caught:
        ground_by_mps(qet.ising(5, hx=0.2), 2)
    assert caught.value.best.payload.bond == 2
    assert 1e-4 < caught.value.best.diagnostics.distance < 1.0
    with pytest.raises(NotConverged) as caught:
        qet.gibbs(qet.ising(5, hx=0.2), T=0.5, solver=("mps", 2))
    state = caught.value.best  # of the public words it is a state
    assert abs(qet.teleport(state).extracted) < state.precision


def test_a_spin_that_nothing_touches_is_free():
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    with pytest.raises(DegenerateLevel, match="no term of H acts on site 1"):
        ground_by_mps(qet.model({"ends": "Z0 + Z9"}, A=0, B=9))
    with pytest.raises(DegenerateLevel, match=r"site 0, .*first at index \(1,\); 1 of 2 points"):
        ground_by_mps(qet.ising(10, J=[1.0, 0.0], g=[1.0, 0.0]))


@pytest.mark.slow
def test_a_batch_is_a_loop_and_says_its_sectors():
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    model = qet.xxz(5, Delta=0.5, hz=np.array([0.5, 9.0]))
    prepared = ground_by_mps(model)
    found, exact = state_of(model, prepared), dense_ground(model)
    assert prepared.diagnostics.sector == ("Σ Z = -1", "Σ Z = -5")
    assert np.abs(qet.marginal(found, (0, 3)) - qet.marginal(exact, (0, 3))).max() < 1e-11
    assert prepared.payload.bond > 1
    assert all(one.number == i + 1 for i, one in enumerate(prepared.diagnostics.sweeps[0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [qet.ising(12, g=0.05), qet.xxz(7), qet.xxz(6, Delta=-2.0), qet.xxz(6, J=-1.0), qet.ising(3, g=0.0)],
    ids=_short,
)
def test_levels_that_are_not_told_apart_are_refused(model):
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    with pytest.raises(DegenerateLevel, match="Lift the degeneracy"):
        ground_by_mps(model)


@pytest.mark.parametrize(
    "model",
    [
        qet.ising(5, hx=0.2, g=np.array([0.5, 1.0])[:, None]),
        pytest.param(long_range(5), marks=pytest.mark.slow),
    ],
    ids=_short,
)
def test_thermal_states_are_those_of_dense_matrices(model):
    T = np.array([0.4, 3.0])
    prepared = gibbs_by_mps(model, T)
    found, exact = state_of(model, prepared), dense_gibbs(model, T)
    for sites in ((3, 0), (1, 0, 2, 4)):
        change = qet.marginal(found, sites) - qet.marginal(exact, sites)
        assert np.abs(change).max() < 1e-8  # of a distance of 1e-9 aimed at, several matrices on few sites
        assert np.all(np.abs(np.linalg.eigvalsh(change)).sum(-1) <= 2 * prepared.diagnostics.distance)
    ours, theirs = qet.teleport(found), qet.teleport(exact)
    assert np.all(np.abs(ours.extracted - theirs.extracted) <= found.precision)


def test_cooling_to_the_ground_state_gives_it():
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    model = qet.ising(4, g=1.5)
    found = state_of(model, gibbs_by_mps(model, np.array([0.05, 0.0])))
    exact = qet.marginal(dense_ground(model), (0, 3))
    assert np.abs(qet.marginal(found, (0, 3)) - exact).max() < 1e-8


@pytest.mark.parametrize("is_thermal", [False, True])
def test_what_follows_a_protocol_is_what_dense_matrices_say(is_thermal):
    model = qet.ising(4, hx=0.2, g=np.array([0.8, 1.2]), A=(0, 1), B=3)
    if is_thermal:
        found, exact = state_of(model, gibbs_by_mps(model, 0.7)), dense_gibbs(model, 0.7)
    else:
        pytest.importorskip("tenpy", reason="TeNPy is not installed")
        found, exact = state_of(model, ground_by_mps(model)), dense_ground(model)
    options = {"measure": "X", "delay": np.array([0.4, 0.9]), "message_error": ("lost", 0.2)}
    ours, theirs = (qet.teleport(state, **options) for state in (found, exact))
    assert np.abs(ours.branches - theirs.branches).max() < 1e-8  # of a distance of 1e-9 aimed at
    assert np.abs(ours.ledger.energies - theirs.ledger.energies).max() < 1e-8
    operators, times = (model.H, qet.pauli("X0 Y3 - 0.5 Z1")), np.array([0.6, 0.0, 0.2])
    late = [means_after(run.state.payload, run.history, operators, times) for run in (ours, theirs)]
    assert late[0].shape == late[1].shape == (2, 3, 2)
    assert np.abs(late[0] - late[1]).max() < 1e-8
    before, after = (qet.evolve(state, np.array([0.0, 0.5])) for state in (found, exact))
    assert np.abs(qet.marginal(before, (3, 0)) - qet.marginal(after, (3, 0))).max() < 1e-8


def test_an_evolution_beyond_its_bond_is_refused_with_what_it_reached(monkeypatch):
    model = qet.ising(6, g=0.7, hx=0.4)
    hot = state_of(model, gibbs_by_mps(model, 5.0))
    monkeypatch.setattr("qet.solvers.mps.payload.MOVING", 2)
    monkeypatch.setattr("qet.solvers.mps.payload.GROWTH", 0)
    with pytest.raises(NotConverged, match="entanglement has grown") as caught:
        qet.teleport(hot, delay=1.0).extracted  # noqa: B018
    assert caught.value.best.bond == 2


def test_a_gibbs_state_beyond_its_bond_is_refused_with_what_it_reached():
    with pytest.raises(NotConverged, match="gibbs: .* bond dimension 2") as caught:
        gibbs_by_mps(qet.ising(6), 0.5, bond=2)
    assert caught.value.best.payload.bond == 2


def test_without_tenpy_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tenpy", None)
    with pytest.raises(NotOffered, match=r"pip install 'qet\[mps\]'"):
        ground_by_mps(qet.ising(5))


def test_a_marginal_of_many_sites_is_refused():
    found = state_of(qet.ising(12), gibbs_by_mps(qet.ising(12), 20.0))
    with pytest.raises(NotOffered, match="up to 10 sites"):
        qet.marginal(found, range(11))


def critical_covariance(n: int) -> np.ndarray:
    """Covariance of the ground state of -Σ XX - Σ Z in the Majoranas of the Jordan–Wigner order, by its own route.

    With the singular vectors U S V^T of the bidiagonal matrix that couples even to odd Majoranas, <i a_2j a_2k+1> is
    the polar factor U V^T up to a sign, fixed by <Z> > 0.
    """
    U, _, Vt = np.linalg.svd(np.eye(n) - np.diag(np.ones(n - 1), -1))
    block = U @ Vt
    block *= np.sign(np.trace(block))
    M = np.zeros((2 * n, 2 * n))
    M[::2, 1::2] = block
    return M - M.T


@pytest.mark.slow
def test_thirty_critical_sites_agree_with_free_fermions():
    pytest.importorskip("tenpy", reason="TeNPy is not installed")
    model = qet.ising(30, A=10, B=20)
    found = state_of(model, ground_by_mps(model))
    exact = State(model, Gaussian(critical_covariance(30)), "gaussian", WORD)
    assert qet.expect(exact, model.H) == pytest.approx(1.0 - 1.0 / np.sin(np.pi / 122), rel=1e-12)
    assert qet.expect(found, model.H) == pytest.approx(qet.expect(exact, model.H), rel=1e-12)
    for A, B in ((10, 20), (0, 29), (14, 16)):
        ours, theirs = (qet.teleport(state.between(A, B), measure="Y") for state in (found, exact))
        assert ours.extracted == pytest.approx(theirs.extracted, abs=1e-13)
        assert np.abs(ours.ledger.energies - theirs.ledger.energies).max() < 1e-11
        assert abs(ours.extracted - theirs.extracted) <= found.precision < 1e-8
        assert ours.resolved


def test_the_error_of_a_delay_and_of_an_evolution_reaches_the_precision():
    """A large step and a small bond: what they cost is said, and covers the difference from density matrices."""
    model = qet.ising(6, g=1.0, hx=0.3, A=1, B=4)
    held, exact = qet.ground(model, solver="mps"), qet.ground(model, solver="dense")
    late, right = qet.teleport(held, delay=1.5), qet.teleport(exact, delay=1.5)
    assert late.precision > qet.teleport(held).precision
    assert abs(late.extracted - right.extracted) < late.precision < 1e-4
    aimed = qet.teleport(held, delay=1.5, target="3 Z4")
    assert aimed.precision < late.precision  # Σ|c| of the target is 3, that of H is more
    moved = qet.evolve(held.between((0, 1), (4, 5)), 0.0)
    assert moved.solver_error >= held.solver_error
    assert held.between(0, (4, 5)).solver_error == pytest.approx(2 * held.solver_error)
    assert held.between(0, 3).solver_error == held.solver_error
    kicked = qet.evolve(qet.gibbs(model, T=0.7, solver="mps"), 0.7)
    assert kicked.solver_error >= qet.gibbs(model, T=0.7, solver="mps").solver_error
