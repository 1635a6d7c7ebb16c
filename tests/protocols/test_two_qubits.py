"""Closed forms of two qubits against dense matrices on the patch."""

import numpy as np
import pytest

import qet
from qet.foundations.linalg import dagger, expectation
from qet.foundations.paulis import collect
from qet.protocols import policies
from qet.solvers.quartic import STRINGS

DIRECTIONS = ["X", "Y", "Z", (0.3, -0.4, 0.8), (-0.6, 0.0, 0.8)]


def random_states(seed, points=300):
    """Mixed states of every rank on a random Hamiltonian with every string, roles both ways round."""
    rng = np.random.default_rng(seed)
    terms = {}
    for name, chosen in (
        ("H_A", [s for s in STRINGS if {i for i, _ in s} == {0}]),
        ("H_B", [s for s in STRINGS if {i for i, _ in s} == {1}]),
        ("V", [s for s in STRINGS if len(s) == 2]),
    ):
        terms[name] = collect([(s, rng.normal(size=points)) for s in chosen])
    A = seed % 2
    model = qet.model(terms, A=A, B=1 - A)
    rank = 1 + seed % 4
    root = rng.normal(size=(points, 4, rank)) + 1j * rng.normal(size=(points, 4, rank))
    rho = root @ dagger(root)
    return qet.state(model, rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None])


def dense(run):
    """The four energies by matrices, not by closed forms."""
    patch, kraus = run.patch, run.kraus
    change = {
        "injected": (dagger(kraus) @ patch.H_A[:, None] @ kraus).sum(-3) - patch.H_A,
        "leak": (dagger(kraus) @ patch.H_B[:, None] @ kraus).sum(-3) - patch.H_B,
    }
    found = {name: expectation(operator, patch.rho) for name, operator in change.items()}
    found["extracted"] = policies.optimal_gain(patch, run.received, run.feedback).sum(-1)
    found["local"] = policies.optimal_gain(patch, run.average[..., None, :, :], run.feedback)[..., 0]
    return found


@pytest.mark.parametrize("direction", DIRECTIONS, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_closed_forms_equal_dense_matrices(seed, direction):
    run = qet.teleport(random_states(seed), measure=direction)
    for name, expected in dense(run).items():
        np.testing.assert_allclose(getattr(run, name), expected, atol=1e-13, err_msg=name)


def test_the_operations_reach_the_closed_form():
    run = qet.teleport(random_states(2), measure="Y")
    np.testing.assert_allclose(run.certificate.value, run.extracted, atol=1e-12)
    assert np.all(run.certificate.is_certified)


def test_a_direction_may_be_an_array():
    state = random_states(1, points=3)
    directions = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0.6, 0.8]])[:, None, :]
    run = qet.teleport(state, measure=qet.measure(directions))
    assert run.shape == (3, 3)
    for i, direction in enumerate(directions[:, 0]):
        single = qet.teleport(state, measure=tuple(direction))
        for name in ("injected", "extracted", "local", "leak"):
            np.testing.assert_allclose(getattr(run, name)[i], getattr(single, name), atol=1e-14)
