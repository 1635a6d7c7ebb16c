"""Feedback: one rule at a time, operations that are operations, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, NotComplete, ShapeMismatch, UnknownName

X = np.array([[0, 1], [1, 0]])
NAN = float("nan")


def test_tables_are_padded_to_a_common_number_of_kraus_operators():
    reset = [np.array([[1, 0], [0, 0]]), np.array([[0, 1], [0, 0]])]
    rule = qet.feedback(kraus=[[np.eye(2)], reset])
    assert rule.table.shape == (2, 2, 2, 2)
    total = np.einsum("krij,krim->kjm", rule.table.conj(), rule.table)
    np.testing.assert_allclose(total, [np.eye(2)] * 2)
    assert qet.feedback(unitaries=[np.eye(2), X]).table.shape == (2, 1, 2, 2)


def test_shapes_of_rules_are_the_shapes_of_their_arrays():
    assert qet.feedback("best").shape == ()
    assert qet.feedback(angle=np.ones(3)).shape == (3,)
    assert qet.feedback(angles=np.ones((3, 2))).shape == (3,)
    assert qet.feedback("best", axis=np.ones((4, 3))).shape == (4,)
    assert qet.feedback(angle=np.ones((5, 1)), axis=np.ones((4, 3))).shape == (5, 4)
    assert qet.feedback(unitaries=np.broadcast_to(np.eye(2), (6, 2, 2, 2))).shape == (6,)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.feedback(), BadParameter, "exactly one.*got none"),
        (lambda: qet.feedback("best", angle=0.1), BadParameter, "exactly one.*got policy, angle"),
        (lambda: qet.feedback("bst"), UnknownName, "did you mean 'best'"),
        (lambda: qet.feedback("best", operations="chanel"), UnknownName, "did you mean 'channel'"),
        (lambda: qet.feedback(angle=0.1, operations="channel"), BadParameter, "goes with a policy"),
        (lambda: qet.feedback("best", operations="channel", axis="X"), BadParameter, "axis restricts unitaries"),
        (lambda: qet.feedback(unitaries=[np.eye(2)], axis="X"), BadParameter, "axis goes with"),
        (lambda: qet.feedback("best", axis="W"), UnknownName, "'W'"),
        (lambda: qet.feedback("best", axis=(0, 0, 0)), BadParameter, "length zero"),
        (lambda: qet.feedback(angle=NAN), BadParameter, "finite"),
        (lambda: qet.feedback(angle=[0.1, NAN]), BadParameter, r"first at index \(1,\); 1 of 2"),
        (lambda: qet.feedback(angles=0.1), ShapeMismatch, "one angle a symbol"),
        (lambda: qet.feedback(unitaries=[np.eye(2), 2 * X]), NotComplete, "3.0e"),
        (lambda: qet.feedback(unitaries=np.eye(2)), ShapeMismatch, r"\(2, 2\)"),
        (lambda: qet.feedback(unitaries=[np.ones((2, 3))]), ShapeMismatch, "shape"),
        (lambda: qet.feedback(unitaries=[np.eye(2), np.eye(4)]), ShapeMismatch, "shape"),
        (lambda: qet.feedback(kraus=[]), ShapeMismatch, "none"),
        (lambda: qet.feedback(kraus=[[0.5 * np.eye(2)]]), NotComplete, "7.5e-01"),
        (lambda: qet.feedback(kraus=[[np.eye(2)], [np.eye(4)]]), ShapeMismatch, "one d"),
        (lambda: qet.feedback(kraus=[[np.full((2, 2), NAN)]]), BadParameter, "NaN"),
        (lambda: qet.feedback(angle=np.ones(2), axis=np.ones((5, 3))).shape, ShapeMismatch, "broadcast"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
