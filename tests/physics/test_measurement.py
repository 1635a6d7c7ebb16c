"""Measurements: the Kraus operators are those of the definition, complete, in the promised order."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import qet
from qet.foundations.errors import (
    BadParameter,
    BadParties,
    NotComplete,
    NotHermitian,
    ShapeMismatch,
    UnknownName,
)


@given(cases.DIRECTIONS, st.integers(0, 20).map(lambda i: i / 20), st.integers(1, 3))
def test_a_direction_on_several_sites_is_the_product_of_square_roots(direction, strength, n_sites):
    operators = qet.measure(direction, strength=strength).kraus(range(n_sites))
    expected = reference.product_kraus(direction, n_sites, strength)
    assert operators.shape == (2**n_sites, 2**n_sites, 2**n_sites)
    np.testing.assert_allclose(operators, expected, atol=2e-15 if strength == 1 else 1e-12)
    np.testing.assert_allclose((operators.conj().swapaxes(-1, -2) @ operators).sum(0), np.eye(2**n_sites), atol=1e-14)


@pytest.mark.parametrize("axis", "XYZ")
def test_outcome_zero_is_the_eigenvalue_plus_one(axis):
    M = qet.measure(axis).kraus([0])
    np.testing.assert_allclose(reference.PAULI[axis] @ M[0], M[0], atol=1e-15)
    np.testing.assert_allclose(reference.PAULI[axis] @ M[1], -M[1], atol=1e-15)


def test_strength_zero_learns_nothing():
    np.testing.assert_allclose(qet.measure("X", strength=0.0).kraus([0]), [np.eye(2) / np.sqrt(2)] * 2)


def test_an_observable_is_measured_in_its_eigenspaces_largest_first():
    M = qet.measure(observable="X2 X5").kraus([2, 5])
    XX = reference.string_matrix("X0 X1", 2)
    np.testing.assert_allclose(M, [(np.eye(4) + XX) / 2, (np.eye(4) - XX) / 2], atol=1e-14)
    np.testing.assert_allclose(
        qet.measure(observable="Z0 + 2 Z1").kraus([0, 1]), [np.diag(row) for row in np.eye(4)[[0, 2, 1, 3]]], atol=1e-14
    )
    np.testing.assert_allclose(
        qet.measure(observable="Z0 + 2 Z1").kraus([1, 0]), [np.diag(row) for row in np.eye(4)[[0, 1, 2, 3]]], atol=1e-14
    )


def test_directions_and_strengths_are_batched():
    directions = np.array([[1.0, 0, 0], [0, 3.0, 4.0]])
    many = qet.measure(directions[:, None], strength=np.array([0.2, 0.5, 1.0]))
    assert many.shape == (2, 3)
    M = many.kraus([0, 1])
    assert M.shape == (2, 3, 4, 4, 4)
    for i, direction in enumerate(directions):
        for j, strength in enumerate([0.2, 0.5, 1.0]):
            np.testing.assert_allclose(M[i, j], reference.product_kraus(tuple(direction), 2, strength), atol=1e-12)


def test_the_length_of_a_direction_does_not_matter():
    assert qet.measure((0, 0, 5)) == qet.measure("Z")
    assert not qet.measure("X", strength=0.5).is_projective_axis
    assert qet.measure("X").is_projective_axis


NAN = float("nan")
HALF = np.eye(2) / np.sqrt(2)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.measure(), BadParameter, "exactly one"),
        (lambda: qet.measure("X", observable="X0"), BadParameter, "exactly one"),
        (lambda: qet.measure("W"), UnknownName, "'W'.*Known: X, Y, Z"),
        (lambda: qet.measure("x"), UnknownName, "did you mean 'X'"),
        (lambda: qet.measure((0, 0, 0)), BadParameter, "length zero"),
        (lambda: qet.measure([(1, 0, 0), (0, 0, 0)]), BadParameter, r"length zero.*first at index \(1,\); 1 of 2"),
        (lambda: qet.measure((1, 0)), ShapeMismatch, "last axis 3"),
        (lambda: qet.measure((1, NAN, 0)), BadParameter, "finite"),
        (lambda: qet.measure("X", strength=1.5), BadParameter, "strength must be at most 1; got 1.5"),
        (lambda: qet.measure("X", strength=[0.5, -0.1]), BadParameter, r"at least 0; got -0.1.*\(1,\); 1 of 2"),
        (lambda: qet.measure("X", strength=NAN), BadParameter, "finite"),
        (lambda: qet.measure(kraus=[HALF, HALF], strength=0.5), BadParameter, "strength goes with an axis"),
        (lambda: qet.measure(kraus=[HALF]), NotComplete, "5.0e-01"),
        (lambda: qet.measure(kraus=np.array([[HALF, HALF], [HALF, 0 * HALF]])), NotComplete, r"\(1,\); 1 of 2"),
        (lambda: qet.measure(kraus=[np.eye(2), np.eye(4)]), ShapeMismatch, "differ in shape"),
        (lambda: qet.measure(kraus=[np.ones((2, 3))]), ShapeMismatch, r"\(1, 2, 3\)"),
        (lambda: qet.measure(kraus=np.eye(2)), ShapeMismatch, r"\(2, 2\)"),
        (lambda: qet.measure(kraus=[]), ShapeMismatch, "shape"),
        (lambda: qet.measure(kraus=[np.full((2, 2), NAN)]), BadParameter, "NaN"),
        (lambda: qet.measure(observable="X0 Y0"), NotHermitian, "Hermitian"),
        (lambda: qet.measure(observable="X3").kraus([0]), BadParties, "site 3"),
        (lambda: qet.measure(kraus=[np.eye(2)]).kraus([0, 1]), ShapeMismatch, "4x4; got 2"),
        (lambda: qet.measure(np.ones((2, 3)), strength=np.ones(5)).shape, ShapeMismatch, r"\(2,\).*\(5,\)"),
    ],
)
def test_a_measurement_that_makes_no_sense_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_an_incomplete_batch_carries_its_mask():
    operators = np.array([[HALF, HALF], [HALF, 0 * HALF]])
    with pytest.raises(NotComplete) as caught:
        qet.measure(kraus=operators)
    np.testing.assert_array_equal(caught.value.mask, [False, True])
