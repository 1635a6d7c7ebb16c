"""Pauli sums: the text, the algebra and the matrices agree with Kronecker products."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import qet
from qet.foundations.errors import BadOperator, ShapeMismatch, TooLarge
from qet.foundations.paulis import collect, pauli_decomposition

STRINGS = st.lists(st.sampled_from("IXYZ"), min_size=3, max_size=3).map(
    lambda letters: " ".join(f"{letter}{i}" for i, letter in enumerate(letters) if letter != "I") or "I"
)
SUMS = st.dictionaries(STRINGS, cases.COEFFICIENTS, min_size=1, max_size=5)


def matrix(text: str) -> np.ndarray:
    return qet.pauli(text).matrix((0, 1, 2))


@given(SUMS)
def test_the_matrix_of_a_text_is_the_sum_of_kronecker_products(term):
    np.testing.assert_allclose(matrix(cases.text(term)), reference.term_matrix(term, 3), atol=1e-15)


@given(SUMS, SUMS)
def test_products_sums_and_adjoints_are_those_of_the_matrices(left, right):
    a, b = qet.pauli(cases.text(left)), qet.pauli(cases.text(right))
    A, B = reference.term_matrix(left, 3), reference.term_matrix(right, 3)
    np.testing.assert_allclose((a * b).matrix((0, 1, 2)), A @ B, atol=1e-13)
    np.testing.assert_allclose((a - 2 * b).matrix((0, 1, 2)), A - 2 * B, atol=1e-13)
    np.testing.assert_allclose((1j * (a * b)).dagger().matrix((0, 1, 2)), (1j * A @ B).conj().T, atol=1e-13)


@given(cases.SEEDS)
def test_decomposition_of_a_matrix_gives_the_matrix_back(seed):
    rng = np.random.default_rng(seed)
    M = rng.normal(size=(2, 8, 8)) + 1j * rng.normal(size=(2, 8, 8))
    np.testing.assert_allclose(pauli_decomposition(M, (2, 0, 1)).matrix((2, 0, 1)), M, atol=1e-14)


@pytest.mark.parametrize(
    "text, same",
    [
        ("X0 Y0", "(1) X0 * Y0"),
        ("2(X0X1+Y0Y1)", "2 X0 X1 + 2 Y0 Y1"),
        ("X1 X0", "X0 X1"),
        ("-Z0", "0 - Z0"),
        ("1e-3 Z0", ".001 Z0"),
        ("1E3Z0", "1000 Z0"),
        ("3", "3 I"),
        ("I2", "I"),
        ("X0 - X0", "0"),
        ("-(X0 - Z0)(X0 + Z0)", "-(X0 Z0 - Z0 X0)"),
        ("Z12", "1 Z12"),
    ],
)
def test_two_spellings_of_one_sum_are_equal(text, same):
    assert qet.pauli(text) == qet.pauli(same)
    assert hash(qet.pauli(text)) == hash(qet.pauli(same))


def test_letters_on_one_site_multiply_in_their_order():
    np.testing.assert_array_equal(qet.pauli("X0 Y0").matrix((0,)), 1j * reference.PAULI["Z"])
    np.testing.assert_array_equal(qet.pauli("Y0 X0").matrix((0,)), -1j * reference.PAULI["Z"])


@pytest.mark.parametrize(
    "text, place",
    [
        ("", "character 1"),
        ("X", "character 1"),
        ("0.5 Q0", "character 5"),
        ("X0 +", "character 5"),
        ("(X0", "character 4"),
        ("X0)", "character 3"),
        ("X0 ** X1", "character 5"),
        ("__import__('os')", "character 1"),
        ("X0 + + ", "character 6"),
        ("1.2.3 X0", "character 4"),
        ("nan X0", "character 1"),
        ("x0", "character 1"),
    ],
)
def test_text_that_is_no_sum_is_refused_with_the_place(text, place):
    with pytest.raises(BadOperator, match=place):
        qet.pauli(text)


def test_what_is_not_text_is_refused():
    with pytest.raises(BadOperator, match="int"):
        qet.pauli(3)


def test_an_array_coefficient_makes_one_sum_of_many_points():
    k = np.linspace(-1, 1, 5)
    many = qet.pauli("X0 X1 - 2 Y0", coefficient=k)
    assert many.shape == (5,)
    for i, value in enumerate(k):
        np.testing.assert_array_equal(
            many.matrix((0, 1))[i], qet.pauli("X0 X1 - 2 Y0", coefficient=value).matrix((0, 1))
        )


def test_array_and_sum_multiply_from_both_sides():
    k = np.array([1.0, 2.0])
    assert k * qet.pauli("X0") == qet.pauli("X0") * k == qet.pauli("X0", coefficient=k)


def test_coefficients_that_do_not_broadcast_are_refused():
    total = qet.pauli("X0", coefficient=np.ones(2)) + qet.pauli("Z0", coefficient=np.ones(3))
    with pytest.raises(ShapeMismatch, match="broadcast"):
        _ = total.shape


def test_a_matrix_on_too_few_sites_is_refused():
    with pytest.raises(BadOperator, match=r"\[3\]"):
        qet.pauli("X0 X3").matrix((0, 1))
    with pytest.raises(ShapeMismatch, match="4x4"):
        pauli_decomposition(np.eye(2), (0, 1))


@given(SUMS)
def test_repr_evaluates_to_the_same_sum(term):
    total = qet.pauli(cases.text(term))
    assert eval(repr(total)) == total


def test_real_sums_have_real_matrices_and_complex_ones_are_seen():
    assert qet.pauli("Y0 Y1 + X0").is_real
    assert qet.pauli("Y0 Y1 + X0").matrix((0, 1)).dtype == float
    assert not qet.pauli("Y0").is_real
    assert qet.pauli("Y0").is_hermitian
    assert not qet.pauli("X0 Y0").is_hermitian


def test_relabeling_moves_the_sites():
    assert qet.pauli("X0 Z1").relabel({0: 4, 1: 2}) == qet.pauli("Z2 X4")


def test_support_ignores_the_identity_and_cancelled_strings():
    assert qet.pauli("3 + X2 + Z5 - Z5").support == (2,)
    assert collect([]).matrix((0,)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_number_after_a_sign_may_bear_its_own():
    assert qet.pauli("1 Z0 + -0.5 X0 - -2.0 Y1 - +3 Z1") == qet.pauli("1 Z0 - 0.5 X0 + 2 Y1 - 3 Z1")
    assert qet.pauli(f"{-0.5} Z0 + {-1e-3} X0") == qet.pauli("-0.5 Z0 - 0.001 X0")
    with pytest.raises(qet.errors.BadOperator):
        qet.pauli("Z0 + - + 1 X0")


def test_a_matrix_of_many_sites_is_refused_before_it_is_begun():
    with pytest.raises(TooLarge, match="matrix on 60 sites"):
        qet.ergotropy(qet.ground(qet.ising(60)))
