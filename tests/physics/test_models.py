"""Models: the named ones are the matrices they claim to be, and what makes no sense is refused by name."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from hypothesis import given

import qet
from qet.foundations.errors import (
    BadOperator,
    BadParameter,
    BadParties,
    NotHermitian,
    ShapeMismatch,
    UnknownName,
)


def chain(n, bonds, fields):
    terms = {f"{j}": {f"{letter}{j}": c for letter, c in fields.items()} for j in range(n)}
    terms |= {f"{j}{j + 1}": {f"{b[0]}{j} {b[1]}{j + 1}": c for b, c in bonds.items()} for j in range(n - 1)}
    return reference.hamiltonian(terms, n)


@pytest.mark.parametrize("h, k, detuning", [(1.0, 0.5, 0.0), (0.3, -2.0, 0.4), (-1.0, 0.0, 3.0)])
def test_minimal_is_the_hotta_pair(h, k, detuning):
    expected = (h + detuning / 2) * reference.string_matrix("Z0", 2) + (h - detuning / 2) * reference.string_matrix(
        "Z1", 2
    )
    expected = expected + 2 * k * reference.string_matrix("X0 X1", 2)
    model = qet.minimal(h=h, k=k, detuning=detuning)
    cases.close(model.matrix(), expected)
    assert (model.A, model.B, model.n_sites) == ((0,), (1,), 2)
    assert [term.name for term in model.terms] == ["H_A", "H_B", "V"]


@pytest.mark.parametrize("h, k, detuning", [(1.0, 0.5, 0.0), (0.3, -2.0, 0.4), (2.0, 0.7, -1.0)])
def test_hotta_offsets_make_every_mean_vanish_in_the_ground_state(h, k, detuning):
    model = qet.minimal(h=h, k=k, detuning=detuning, offsets=True)
    rho = reference.eigenstate(model.matrix())
    for term in model.terms:
        assert abs(np.trace(term.operator.matrix((0, 1)) @ rho)) < 1e-14


def test_chains_are_their_formulas():
    cases.close(qet.ising(4, J=0.7, g=1.3, hx=-0.2).matrix(), chain(4, {"XX": -0.7}, {"Z": -1.3, "X": 0.2}))
    cases.close(qet.xy(3, Jx=0.7, Jy=-0.4, g=0.9).matrix(), chain(3, {"XX": -0.7, "YY": 0.4}, {"Z": -0.9}))
    cases.close(
        qet.xxz(4, J=0.7, Delta=-0.5, hz=0.3).matrix(), chain(4, {"XX": 0.7, "YY": 0.7, "ZZ": -0.35}, {"Z": 0.3})
    )
    assert qet.ising(4).B == (3,)


def test_by_site_gives_one_value_a_site_or_bond_and_an_array_is_a_batch():
    g, J = [1.0, 2.0, 3.0], [0.5, -0.5]
    terms = {f"{j}": {f"Z{j}": -g[j]} for j in range(3)} | {f"b{j}": {f"X{j} X{j + 1}": -J[j]} for j in range(2)}
    disordered = qet.ising(3, g=qet.by_site(g), J=qet.by_site(J))
    cases.close(disordered.matrix(), reference.hamiltonian(terms, 3))
    assert disordered.shape == ()
    batch = qet.ising(3, g=np.array(g))
    assert batch.shape == (3,)
    cases.close(batch.matrix()[1], qet.ising(3, g=2.0).matrix())
    many = qet.ising(3, g=qet.by_site(np.outer([1.0, 2.0], g)), J=np.array([0.5, 0.25]))
    cases.close(many.matrix()[1], qet.ising(3, g=qet.by_site([2.0, 4.0, 6.0]), J=0.25).matrix())


@given(cases.models())
def test_a_model_from_text_has_the_matrix_of_its_terms(case):
    model = case.model()
    cases.close(model.matrix(), case.H, case.norm)
    cases.close(model.H.matrix(model.sites), case.H, case.norm)
    for term in model.terms:
        cases.close(term.operator.matrix(model.sites), reference.term_matrix(case.terms[term.name], case.n))


def test_a_term_as_matrix_text_or_sum_is_the_same_term():
    M = np.kron(reference.PAULI["X"], reference.PAULI["Y"]).real * 0 + np.kron(
        reference.PAULI["X"], reference.PAULI["Z"]
    )
    by_matrix = qet.model({"V": (M, (1, 0))}, A=0, B=1)
    assert by_matrix == qet.model({"V": "Z0 X1"}, A=0, B=1) == qet.model({"V": qet.pauli("X1 Z0")}, A=0, B=1)


def test_classes_of_terms_follow_their_support():
    model = qet.model(
        {"a": "Z0", "b": "Z3", "ab": "X0 X3", "a_rest": "X0 X1", "b_rest": "X2 X3", "rest": "X1 X2", "constant": "1.5"},
        A=0,
        B=3,
    )
    classes = {term.name: model.class_of(term) for term in model.terms}
    assert classes == {
        "a": "H_A",
        "b": "H_B",
        "ab": "V_AB",
        "a_rest": "V_A",
        "b_rest": "V_B",
        "rest": "rest",
        "constant": "rest",
    }
    swapped = model.swapped()
    assert {t.name: swapped.class_of(t) for t in swapped.terms}["a_rest"] == "V_B"
    assert (swapped.A, swapped.B) == (model.B, model.A)
    assert swapped.swapped() == model


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.minimal(h=NAN), BadParameter, "h must be finite; got nan"),
        (lambda: qet.minimal(k=INF), BadParameter, "k must be finite; got inf"),
        (lambda: qet.minimal(k=[0.1, NAN, INF]), BadParameter, r"first at index \(1,\); 2 of 3"),
        (lambda: qet.ising(3, g=qet.by_site([1.0, NAN, 0.0])), BadParameter, "must be finite; got nan"),
        (lambda: qet.minimal(h="1"), BadParameter, "h must be a real number"),
        (lambda: qet.minimal(h=1j), BadParameter, "h must be a real number"),
        (lambda: qet.minimal(h=np.ones(2), k=np.ones(3)), ShapeMismatch, r"\(2,\).*\(3,\)"),
        (lambda: qet.ising(3, g=qet.by_site([1.0, 2.0])), ShapeMismatch, "2 values along the chain; 3 are needed"),
        (lambda: qet.ising(3, J=qet.by_site([1.0, 2.0, 3.0])), ShapeMismatch, "3 values along the chain; 2 are needed"),
        (lambda: qet.by_site(1.0), ShapeMismatch, "sequence"),
        (lambda: qet.ising(1), BadParties, "n=1"),
        (lambda: qet.ising(2.0), BadParties, "n=2.0"),
        (lambda: qet.ising(True), BadParties, "n=True"),
        (lambda: qet.ising(3, A=3), BadParties, "A holds site 3, outside the 3 sites"),
        (lambda: qet.ising(3, B=-1), BadParties, "negative"),
        (lambda: qet.ising(3, A=(0, 1), B=(1, 2)), BadParties, "share site 1"),
        (lambda: qet.ising(3, A=()), BadParties, "A is empty"),
        (lambda: qet.ising(3, B=[]), BadParties, "B is empty"),
        (lambda: qet.ising(3, A=(0, 0)), BadParties, "twice"),
        (lambda: qet.ising(3, A="0"), BadParties, "'0'"),
        (lambda: qet.ising(3, A=0.0), BadParties, "0.0"),
        (lambda: qet.model({"V": "X0 X5"}, n_sites=3), BadParties, "site 5, outside the 3 sites"),
        (lambda: qet.model({"V": "X0"}, A=0, B=0), BadParties, "share site 0"),
        (lambda: qet.model({}), BadParameter, "at least one term"),
        (lambda: qet.model({"V": "X0 Y0"}), NotHermitian, "term 'V'.*Z0.*1.0e"),
        (lambda: qet.model({"V": ([[0, 1], [0, 0]], 0)}), NotHermitian, "term 'V'"),
        (lambda: qet.model({"V": ([[0, NAN], [NAN, 0]], 0)}), BadParameter, "'V'.*NaN"),
        (lambda: qet.model({"V": qet.pauli("X0", coefficient=NAN)}), BadParameter, "'V' is not finite"),
        (lambda: qet.model({"V": qet.pauli("X0", coefficient=[1.0, INF])}), BadParameter, "'V' is not finite"),
        (lambda: qet.model({"V": NAN}), BadParameter, "not finite"),
        (lambda: qet.model({"V": (np.eye(2), (0, 1))}), ShapeMismatch, "2x2.*need 4"),
        (lambda: qet.model({"V": (np.ones((2, 3)), 0)}), ShapeMismatch, "square"),
        (lambda: qet.model({"V": np.eye(4)}), BadOperator, "pair"),
        (lambda: qet.model({"V": "X0 Q1"}), BadOperator, "character 4"),
        (lambda: qet.model({"V": None}), BadOperator, "NoneType"),
        (
            lambda: qet.model(
                {"a": qet.pauli("X0", coefficient=np.ones(2)), "b": qet.pauli("Z1", coefficient=np.ones(3))}
            ),
            ShapeMismatch,
            r"a \(2,\), b \(3,\)",
        ),
        (lambda: qet.minimal().party("C"), UnknownName, "'C'"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_batch_of_coefficients_is_refused_with_its_mask():
    k = np.ones((2, 3))
    k[1, 0] = NAN
    with pytest.raises(BadParameter, match=r"first at index \(1, 0\); 1 of 6") as caught:
        qet.minimal(k=k)
    np.testing.assert_array_equal(caught.value.mask, np.isnan(k))


def test_a_nearly_hermitian_term_is_accepted_and_a_slightly_skew_one_is_not():
    skew = np.array([[1.0, 1.0], [1.0 + 1e-8, -1.0]])
    with pytest.raises(NotHermitian):
        qet.model({"V": (skew, 0)})
    almost = np.array([[1.0, 1.0], [1.0 + 1e-14, -1.0]])
    H = qet.model({"V": (almost, 0)}, n_sites=2).matrix()
    np.testing.assert_array_equal(H, H.conj().T)
