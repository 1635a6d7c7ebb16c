"""The ground state of two qubits by arithmetic on arrays, against LAPACK."""

import numpy as np
import pytest

import qet
from qet.foundations.paulis import collect
from qet.solvers.quartic import STRINGS, ground_two_qubits

REAL = [s for s in STRINGS if sum(letter == "Y" for _, letter in s) % 2 == 0]
FIELDS = [((0, "Z"),), ((1, "Z"),), ((1, "X"),), ((0, "X"), (1, "X"))]
PRODUCT = [((0, "Z"),), ((1, "X"),)]


def batch(strings, points, seed):
    rng = np.random.default_rng(seed)
    return qet.model({"H": collect([(s, rng.normal(size=points)) for s in strings])})


def lapack_means(model):
    vectors = np.linalg.eigh(model.matrix())[1]
    g = vectors[..., :, 0]
    rho = g[..., :, None] * g[..., None, :].conj()
    return {s: np.real(np.einsum("ij,nji->n", collect([(s, 1.0)]).matrix((0, 1)), rho)) for s in STRINGS}


@pytest.mark.parametrize("strings", [list(STRINGS), REAL, FIELDS, PRODUCT], ids=["any", "real", "fields", "product"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_means_are_those_of_the_lapack_ground_state(strings, seed):
    model = batch(strings, 4000, seed)
    found, expected = ground_two_qubits(model), lapack_means(model)
    gaps = np.diff(np.linalg.eigvalsh(model.matrix()))[..., 0]
    # LAPACK's own vectors are good to rounding over the gap
    tolerance = 1e-12 + 1e-14 / gaps
    for string in STRINGS:
        assert np.all(np.abs(found[string] - expected[string]) <= tolerance), string


def test_a_large_batch_takes_this_route_and_equals_its_points():
    model = batch(STRINGS, 600, 5)
    state = qet.ground(model)
    assert state.solver == "quartic"
    run = qet.teleport(state)
    for i in (0, 299, 599):
        one = qet.model({"H": collect([(s, float(c[i])) for s, c in model.H.terms])})
        assert qet.ground(one).solver == "dense"
        single = qet.teleport(qet.ground(one))
        for quantity in ("injected", "extracted", "local", "leak"):
            np.testing.assert_allclose(getattr(run, quantity)[i], getattr(single, quantity), atol=2e-12)


def test_a_degenerate_point_of_a_large_batch_is_named():
    c = np.ones(700)
    c[[3, 500]] = 0.0
    with pytest.raises(qet.errors.DegenerateLevel, match=r"index \(3,\); 2 of 700") as caught:
        qet.ground(qet.model({"H": qet.pauli("Z0 + 0.3 Y0 + 0.5 X1", c) + qet.pauli("0.2 Z0 Z1")}))
    assert np.flatnonzero(caught.value.mask).tolist() == [3, 500]


def test_a_vanishing_hamiltonian_has_no_ground_state():
    with pytest.raises(qet.errors.DegenerateLevel):
        ground_two_qubits(qet.model({"H": qet.pauli("1.0")}, n_sites=2))
