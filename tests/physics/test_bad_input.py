"""Input that makes no sense is refused by name, with the first point of a batch; odd but sensible input is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadOperator, BadParameter, BadParties, NotAState, NotHermitian, ShapeMismatch

RAGGED = [[1.0, 0.0], [0.0]]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: qet.model({"V": "X0 X1"}, n_sites=2.5), BadParties, r"n_sites is a whole number.*2\.5"),
        (lambda: qet.model({"V": "X0 X1"}, n_sites="3"), BadParties, "n_sites is a whole number.*'3'"),
        (lambda: qet.model({"V": "X0 X1"}, n_sites=True), BadParties, "n_sites is a whole number"),
        (lambda: qet.model({"V": "X0 X1"}, n_sites=-1), BadParties, "n_sites is a whole number"),
        (lambda: qet.model(["X0 X1"]), BadOperator, "named terms"),
        (lambda: qet.model({"V": (RAGGED, 0)}), ShapeMismatch, "rows differ in length"),
        (lambda: qet.pauli("X0", "a"), BadOperator, "coefficient of X0"),
        (lambda: qet.pauli("X0", None), BadOperator, "coefficient of X0"),
        (lambda: qet.pauli("X0", RAGGED), BadOperator, "coefficient of X0"),
        (lambda: qet.state(qet.minimal(), RAGGED), NotAState, "differ in length"),
        (lambda: qet.measure(observable=qet.pauli("X0", float("nan"))), BadParameter, "NaN or infinite"),
        (lambda: qet.measure(np.ones((2, 3)), strength=[0.1, 0.2, 0.3]), ShapeMismatch, r"direction \(2,\)"),
        (lambda: qet.feedback(kraus=5), ShapeMismatch, "one list of operators for each symbol"),
        (lambda: qet.feedback(kraus=[1, 2]), ShapeMismatch, "one list of operators for each symbol"),
        (lambda: qet.teleport(qet.ground(qet.minimal()), feedback=np.eye(2)), qet.errors.UnknownName, "policy"),
        (lambda: qet.rerun({"word": ["ground"]}), qet.errors.UnknownName, "no word"),
        (lambda: qet.rerun({"word": "ground", "modle": 1}), BadParameter, "does not fit"),
    ],
)
def test_it_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("values", "error"), [([1.0, 1j, 2.0, 1j], NotHermitian), ([1.0, np.nan, 2.0, np.inf], BadParameter)]
)
def test_a_coefficient_at_fault_in_a_batch_is_named_with_index_count_and_mask(values, error):
    with pytest.raises(error, match=r"X0 X1.*first at index \(1,\); 2 of 4 points") as caught:
        qet.model({"V": qet.pauli("X0 X1", np.array(values))})
    assert caught.value.mask.tolist() == [False, True, False, True]


def test_outcomes_of_an_observable_do_not_depend_on_its_unit_or_its_zero():
    state = qet.ground(qet.minimal())
    usual = qet.teleport(state, measure=qet.measure(observable="X0")).probabilities
    for text in ("1e-10 X0", "1e-200 X0", "1e12 X0", "1 X0 + 1e12", "1e-12 X0 - 3"):
        found = qet.teleport(state, measure=qet.measure(observable=text)).probabilities
        assert np.allclose(found, usual, rtol=0, atol=1e-13), text
    assert qet.measure(observable="3 I").kraus((0,)).shape == (1, 2, 2)


@pytest.mark.parametrize("kind", [np.float32, np.longdouble, np.complex64, np.clongdouble, int])
def test_arrays_of_any_precision_are_computed_in_double(kind):
    psi = np.array([1, 0, 0, 0], dtype=kind)
    state = qet.state(qet.minimal(), psi)
    assert state.density_matrix.dtype in (np.float64, np.complex128)
    assert state.density_matrix[0, 0] == 1.0
    model = qet.model({"H": (np.array([[1, 0], [0, -1]], dtype=kind), 0), "V": "X0 X1"})
    assert qet.gibbs(model, T=1.0).density_matrix.dtype in (np.float64, np.complex128)
    projectors = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=kind)
    assert qet.measure(kraus=projectors).operators.dtype in (np.float64, np.complex128)


@pytest.mark.parametrize(
    "thing",
    [
        qet.model({"word": "1 X0 X1", "re": "1 Z0", "im": "1 Z1"}),
        qet.model({"re": "1 X0 X1", "im": "1 Z0"}),
        qet.ising(4, A=range(2), B=np.array([3, 2])),
        qet.jump(qet.pauli("X0") + qet.pauli("Y0", -1j), rate=0.1),
        qet.pauli("0.5 X0 Y0 + 2 Z1"),
    ],
)
def test_odd_names_sites_and_coefficients_come_back_from_repr_and_file(thing):
    assert eval(repr(thing)) == thing
    assert qet.rerun(json.loads(json.dumps(thing.recipe))) == thing


def test_kraus_maps_given_as_qutip_operators_can_be_written_down():
    qutip = pytest.importorskip("qutip")
    rule = qet.feedback(kraus=[[qutip.qeye(2)], [qutip.sigmax()]])
    assert eval(repr(rule)) == rule
    assert qet.rerun(json.loads(json.dumps(rule.recipe))) == rule
