"""Information of a run: whole-system definitions by hand, limits, and what the message changes."""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.errors import NotOffered
from qet.protocols.entanglement import concurrence, negativity
from qet.protocols.information import SCALARS, information

qutip = pytest.importorskip("qutip")


def random_density(rng, d, rank):
    G = rng.normal(size=(d, rank)) + 1j * rng.normal(size=(d, rank))
    rho = G @ G.conj().T
    return rho / np.trace(rho).real


def entropy_by_qutip(rho):
    return qutip.entropy_vn(qutip.Qobj(rho))


def by_hand(H, rho, P, unitaries, n_A, n_B):
    """Loops over outcomes on the full matrices: holevo_B, iqc, after and final states of A and B (the whole system)."""
    dA, dB = 2**n_A, 2**n_B
    chi_average, chi_mean, whole_mean = np.zeros((dB, dB), complex), 0.0, 0.0
    after, final = np.zeros_like(rho, complex), np.zeros_like(rho, complex)
    for Pk, U in zip(P, unitaries, strict=True):
        wide = np.kron(Pk, np.eye(dB))
        s = wide @ rho @ wide.conj().T
        p = np.trace(s).real
        b = s.reshape(dA, dB, dA, dB).trace(axis1=0, axis2=2)
        chi_average += b
        chi_mean += p * entropy_by_qutip(b / p)
        whole_mean += p * entropy_by_qutip(s / p)
        after += s
        wide_U = np.kron(np.eye(dA), U)
        final += wide_U @ s @ wide_U.conj().T
    return entropy_by_qutip(chi_average) - chi_mean, entropy_by_qutip(rho) - whole_mean, after, final


@pytest.mark.parametrize("seed", range(4))
def test_run_on_a_random_state_matches_the_definitions(seed):
    rng = np.random.default_rng(seed)
    rho = random_density(rng, 4, seed + 1)
    model = qet.minimal(h=1.0, k=0.7, detuning=0.4)
    run = qet.teleport(qet.state(model, rho), measure=(1.0, 0.3, -0.5))
    found = information(run)
    P = run.measurement.kraus((0,))
    chi, iqc, after, final = by_hand(model.matrix(), rho, P, run.operations, 1, 1)
    assert found.holevo_B == pytest.approx(chi, abs=1e-12)
    assert found.iqc == pytest.approx(iqc, abs=1e-12)
    assert found.iqc_received == found.iqc
    assert found.iqc == pytest.approx(found.holevo_B + found.S_AB - found.S_B, abs=1e-12)
    for stages, measure in ((found.concurrence, concurrence), (found.negativity, lambda r: negativity(r, (0,)))):
        assert stages.before == pytest.approx(measure(rho), abs=1e-12)
        assert stages.after == pytest.approx(measure(after), abs=1e-12)
        assert stages.final == pytest.approx(measure(final), abs=1e-12)
        np.testing.assert_allclose(stages.per_outcome, 0.0, atol=1e-7)  # projected: a product, rank deficient


def test_ground_state_of_the_minimal_pair():
    """S_AB-entanglement at h = k = 1 is 0.4164955307; the state is pure, so chi = S_B and iqc = 0."""
    found = information(qet.teleport(qet.ground(qet.minimal(h=1.0, k=1.0))))
    assert found.S_A == pytest.approx(0.4164955307, abs=1e-10)
    assert found.holevo_B == pytest.approx(found.S_B, abs=1e-12)
    assert found.iqc == pytest.approx(0.0, abs=1e-13)
    assert found.mutual_information == pytest.approx(2 * found.S_A, abs=1e-12)
    assert found.discord == pytest.approx(found.S_A, abs=1e-12)
    assert found.concurrence.before == pytest.approx(np.sqrt(0.5), abs=1e-14)  # sin α = 2k/R
    assert found.concurrence.after == pytest.approx(0.0, abs=1e-14)


def test_weak_measurement_leaves_entanglement_per_outcome():
    """Each outcome of a weak measurement on a pure state is pure: C_k = C |det M_k|/p_k = C sqrt(1-s²)/(2 p_k)."""
    s = np.array([0.0, 0.3, 0.8])
    run = qet.teleport(qet.ground(qet.minimal(h=1.0, k=1.0)), measure=qet.measure("X", strength=s))
    found = information(run).concurrence
    assert found.per_outcome.shape == (3, 2)
    expected = np.sqrt(0.5) * np.sqrt(1 - s**2)
    np.testing.assert_allclose(found.per_outcome, np.stack([expected, expected], -1), atol=1e-13)


def test_outcome_that_never_occurs_has_no_entanglement_to_speak_of():
    model = qet.minimal(h=1.0, k=0.0)
    run = qet.teleport(qet.ground(model), measure="Z", feedback=qet.feedback(angle=0.1))
    found = information(run).negativity.per_outcome
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0.0, abs=1e-14)


def test_noisy_message_lowers_what_bob_learns_but_not_what_alice_learned():
    state = qet.gibbs(qet.minimal(h=1.0, k=1.0), T=0.3)
    q = np.array([0.0, 0.1, 0.3, 0.5])
    found = information(qet.teleport(state, message_error=q))
    clean = information(qet.teleport(state))
    assert np.all(np.diff(found.holevo_B) < 0)
    assert found.holevo_B[0] == pytest.approx(clean.holevo_B, abs=1e-13)
    assert found.holevo_B[-1] == pytest.approx(0.0, abs=1e-13)
    np.testing.assert_allclose(found.iqc, clean.iqc, atol=1e-13)
    assert np.all(np.diff(found.iqc_received) < 0)
    assert found.iqc_received[0] == pytest.approx(clean.iqc, abs=1e-13)


def test_holevo_is_taken_when_bob_acts():
    """After a delay Bob's ensemble has moved, and his average state is no longer the unmeasured one."""
    state = qet.ground(qet.minimal(h=1.0, k=0.5))
    found = information(qet.teleport(state, delay=1.0))
    assert found.holevo_B == pytest.approx(0.272, abs=5e-4)
    assert found.iqc == pytest.approx(0.0, abs=1e-13)


def test_batch_has_the_shape_of_the_run_and_equals_its_points():
    k, T = np.array([0.3, 1.0]), np.array([0.1, 0.5, 2.0])[:, None]
    run = qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=k), T=T), message_error=0.1)
    found = information(run)
    single = information(qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.3), T=2.0), message_error=0.1))
    for name in SCALARS:
        value = getattr(found, name)
        assert value.shape == run.shape == (3, 2)
        assert value[2, 0] == pytest.approx(getattr(single, name), abs=1e-12)
    assert found.concurrence.final.shape == (3, 2)


def test_holevo_of_the_best_axis_is_at_most_the_classical_correlation():
    state = qet.gibbs(qet.minimal(h=1.0, k=1.0, detuning=0.6), T=np.array([0.1, 0.5, 1.5]))
    rng = np.random.default_rng(1)
    best = information(qet.teleport(state)).classical_correlation
    for axis in rng.normal(size=(10, 3)):
        assert np.all(information(qet.teleport(state, measure=axis)).holevo_B <= best + 1e-12)


def test_groenewold_information_is_of_the_whole_chain():
    """Three sites, parties at the ends: the middle site counts in iqc though neither party holds it."""
    model = qet.ising(3, A=0, B=2)
    state = qet.gibbs(model, T=0.7)
    found = information(qet.teleport(state))
    rho = state.density_matrix
    P = [np.kron((np.eye(2) + s * np.array([[0, 1], [1, 0]])) / 2, np.eye(4)) for s in (1, -1)]
    mean = sum(np.trace(p @ rho).real * entropy_by_qutip(p @ rho @ p / np.trace(p @ rho).real) for p in P)
    assert found.iqc == pytest.approx(entropy_by_qutip(rho) - mean, abs=1e-12)
    pair = rho.reshape(2, 2, 2, 2, 2, 2).trace(axis1=1, axis2=4).reshape(4, 4)
    assert found.concurrence.before == pytest.approx(concurrence(pair), abs=1e-13)
    assert found.S_AB == pytest.approx(entropy_by_qutip(pair), abs=1e-12)


def test_larger_parties_have_negativity_but_no_concurrence_or_discord():
    model = qet.ising(3, A=(0, 1), B=2)
    found = information(qet.teleport(qet.ground(model)))
    _, vectors = np.linalg.eigh(model.matrix())
    schmidt = np.linalg.svd(vectors[:, 0].reshape(4, 2), compute_uv=False)  # N = ((Σ s)² - 1)/2 for a pure state
    assert found.negativity.before == pytest.approx((schmidt.sum() ** 2 - 1) / 2, abs=1e-13)
    with pytest.raises(NotOffered, match="negativity"):
        found.concurrence  # noqa: B018
    with pytest.raises(NotOffered, match="one-qubit A"):
        found.discord  # noqa: B018
    assert "not offered" in str(found)


def test_text_names_every_quantity():
    text = str(information(qet.teleport(qet.ground(qet.minimal(h=1.0, k=1.0)))))
    for word in ("nats", "holevo_B", "iqc", "discord", "concurrence", "negativity", "0.4164955307"):
        assert word in text


def test_the_whole_of_a_long_chain_is_nan_with_a_reason():
    """Nine sites between leads are a covariance: what lies on the patch is there, what needs every site is not."""
    ends = [qet.bath(site, T=T, rate=0.2, statistics="fermion", full_band=True) for site, T in ((0, 0.3), (8, 0.5))]
    run = qet.teleport(qet.steady(qet.xy(9, Jy=0.5, B=4), ends, master="leads"))
    found = qet.information(run)
    assert np.isnan(found.iqc)
    assert np.isnan(found.iqc_received)
    assert "9 sites" in found.why_no_iqc
    assert found.why_no_iqc in str(found)
    assert 0.0 < found.holevo_B < found.S_B
    assert qet.information(qet.teleport(qet.ground(qet.minimal()))).why_no_iqc == ""
