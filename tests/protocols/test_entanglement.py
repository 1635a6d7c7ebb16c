"""Entanglement and information of matrices, against QuTiP, closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from qet.foundations.conventions import PAULIS
from qet.foundations.errors import NotOffered, ShapeMismatch
from qet.foundations.linalg import entropy, kron, partial_trace
from qet.protocols.discord import classical_correlation
from qet.protocols.entanglement import concurrence, negativity
from qet.protocols.entropies import groenewold, holevo, mean_entropy, mutual_information

qutip = pytest.importorskip("qutip")


def random_states(rng, d, rank, count):
    G = rng.normal(size=(count, d, rank)) + 1j * rng.normal(size=(count, d, rank))
    rho = G @ G.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None]


def as_qobj(rho, dims):
    return qutip.Qobj(rho, dims=[dims, dims])


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_concurrence_and_negativity_agree_with_qutip(rank):
    """QuTiP takes square roots of computed eigenvalues: for rank-deficient states it is good to 1e-7 only."""
    rho = random_states(np.random.default_rng(rank), 4, rank, 30)
    theirs = [qutip.concurrence(as_qobj(r, [2, 2])) for r in rho]
    np.testing.assert_allclose(concurrence(rho), theirs, atol=1e-12 if rank == 4 else 1e-7)
    theirs = [qutip.negativity(as_qobj(r, [2, 2]), 0) for r in rho]
    np.testing.assert_allclose(negativity(rho, (0,)), theirs, atol=1e-13)


def test_concurrence_of_a_pure_state_keeps_its_digits():
    """C = 2 |ad - bc| for a|00> + b|01> + c|10> + d|11>, also when it is tiny."""
    rng = np.random.default_rng(3)
    psi = rng.normal(size=(200, 4)) + 1j * rng.normal(size=(200, 4))
    psi[:50] = [1, 0, 0, 0] + 1e-6 * psi[:50]
    psi /= np.linalg.norm(psi, axis=-1, keepdims=True)
    rho = psi[:, :, None] * psi[:, None, :].conj()
    expected = 2 * np.abs(psi[:, 0] * psi[:, 3] - psi[:, 1] * psi[:, 2])
    np.testing.assert_allclose(concurrence(rho), expected, atol=1e-14)


def test_concurrence_of_a_werner_state():
    """C = max(0, (3p - 1)/2) and N = C/2 for p |singlet><singlet| + (1 - p)/4."""
    singlet = np.array([0, 1, -1, 0]) / np.sqrt(2)
    p = np.linspace(0, 1, 31)[:, None, None]
    rho = p * np.outer(singlet, singlet) + (1 - p) * np.eye(4) / 4
    expected = np.maximum(0, (3 * p[:, 0, 0] - 1) / 2)
    np.testing.assert_allclose(concurrence(rho), expected, atol=1e-14)
    np.testing.assert_allclose(negativity(rho, (1,)), expected / 2, atol=1e-14)


def test_measures_are_homogeneous_of_degree_one():
    rho = random_states(np.random.default_rng(4), 4, 2, 10)
    np.testing.assert_allclose(concurrence(0.3 * rho), 0.3 * concurrence(rho), atol=1e-14)
    np.testing.assert_allclose(negativity(0.3 * rho, (0,)), 0.3 * negativity(rho, (0,)), atol=1e-14)


def test_negativity_of_larger_parties_agrees_with_qutip():
    rho = random_states(np.random.default_rng(5), 8, 2, 5)
    theirs = [qutip.negativity(as_qobj(r, [2, 2, 2]), 1) for r in rho]
    np.testing.assert_allclose(negativity(rho, (1,)), theirs, atol=1e-13)


def test_concurrence_refuses_larger_parties():
    with pytest.raises(ShapeMismatch, match="negativity"):
        concurrence(np.eye(8) / 8)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_mutual_information_agrees_with_qutip(rank):
    rho = random_states(np.random.default_rng(10 + rank), 4, rank, 10)
    theirs = [qutip.entropy_mutual(as_qobj(r, [2, 2]), [0], [1]) for r in rho]
    np.testing.assert_allclose(mutual_information(rho, (0,), (1,)), theirs, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_groenewold_is_holevo_plus_conditional_entropy_for_rank_one_projectors(rank):
    """I = S(rho) - Σ p S(rho_k) = chi_B + S(A|B), S(A|B) = S(AB) - S(B)."""
    rng = np.random.default_rng(20 + rank)
    rho = random_states(rng, 4, rank, 20)
    n = rng.normal(size=(20, 3))
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    spin = np.einsum("na,aij->nij", n, PAULIS[1:])
    P = np.stack([np.eye(2) + spin, np.eye(2) - spin], axis=1) / 2
    wide = kron(P, np.eye(2))
    branches = wide @ rho[:, None] @ wide
    chi = holevo(partial_trace(branches, [1], 2))
    conditional = entropy(rho) - entropy(partial_trace(rho, [1], 2))
    np.testing.assert_allclose(groenewold(rho, branches), chi + conditional, atol=1e-13)


def test_mean_entropy_counts_an_impossible_outcome_as_nothing():
    branches = np.array([np.eye(2) / 2, np.zeros((2, 2))])
    assert mean_entropy(branches) == pytest.approx(np.log(2), abs=1e-15)


def test_holevo_of_orthogonal_signals_is_their_shannon_entropy():
    branches = np.array([np.diag([0.3, 0.0]), np.diag([0.0, 0.7])])
    assert holevo(branches) == pytest.approx(-0.3 * np.log(0.3) - 0.7 * np.log(0.7), abs=1e-15)


@pytest.mark.parametrize("d, rank", [(2, 1), (2, 2), (2, 4), (4, 1), (4, 3), (4, 8)])
def test_classical_correlation_is_not_beaten_by_brute_force(d, rank):
    """Nelder–Mead from many starts, straight from the definition, finds nothing better and the same maximum."""
    rng = np.random.default_rng(100 * d + rank)
    rho = random_states(rng, 2 * d, rank, 4)
    value, direction = classical_correlation(rho)

    def chi(angles, r):
        n = np.array([np.sin(angles[0]) * np.cos(angles[1]), np.sin(angles[0]) * np.sin(angles[1]), np.cos(angles[0])])
        spin = np.einsum("a,aij->ij", n, PAULIS[1:])
        wide = np.array([np.kron((np.eye(2) + s * spin) / 2, np.eye(d)) for s in (1, -1)])
        qubits = (2 * d).bit_length() - 1
        return holevo(partial_trace(wide @ r @ wide, range(1, qubits), qubits))

    for r, found, n in zip(rho, value, direction, strict=True):
        options = {"xatol": 1e-8, "fatol": 1e-15, "maxiter": 150}
        best = max(
            -minimize(lambda a, r=r: -chi(a, r), start, method="Nelder-Mead", options=options).fun
            for start in rng.uniform(0, np.pi, (4, 2))
        )
        assert abs(found - best) < 1e-10
        assert chi((np.arccos(n[2]), np.arctan2(n[1], n[0])), r) == pytest.approx(found, abs=1e-12)


def test_classical_correlation_of_bell_diagonal_states():
    """J = [(1+c) ln(1+c) + (1-c) ln(1-c)]/2 with c = max|c_i| (Luo, PRA 77, 042303 (2008))."""
    c = np.array([[0.3, -0.4, 0.1], [0.2, 0.2, -0.6], [-0.5, 0.1, 0.3], [0.0, 0.0, 0.0]])
    strings = np.array([np.kron(P, P) for P in PAULIS[1:]])
    rho = (np.eye(4) + np.einsum("na,aij->nij", c, strings)) / 4
    largest = np.abs(c).max(-1)
    expected = ((1 + largest) * np.log1p(largest) + (1 - largest) * np.log1p(-largest)) / 2
    np.testing.assert_allclose(classical_correlation(rho)[0], expected, atol=1e-12)


def test_discord_of_a_pure_state_is_its_entanglement_entropy():
    rho = random_states(np.random.default_rng(7), 4, 1, 10)
    value, _ = classical_correlation(rho)
    S = entropy(partial_trace(rho, [1], 2))
    np.testing.assert_allclose(value, S, atol=1e-12)
    np.testing.assert_allclose(mutual_information(rho, [0], [1]) - value, S, atol=1e-12)


def test_classical_correlation_of_a_batch_is_that_of_its_points():
    rho = random_states(np.random.default_rng(8), 4, 3, 6).reshape(2, 3, 4, 4)
    whole, n = classical_correlation(rho)
    assert whole.shape == (2, 3)
    assert n.shape == (2, 3, 3)
    np.testing.assert_allclose(whole[1, 2], classical_correlation(rho[1, 2])[0], atol=1e-13)


def test_classical_correlation_needs_a_partner():
    with pytest.raises(NotOffered, match="beside"):
        classical_correlation(np.eye(2) / 2)
