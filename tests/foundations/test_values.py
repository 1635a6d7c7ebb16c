"""Value semantics: what is equal, what hashes alike, what evaluates back, what goes into a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

import qet
from qet.foundations.values import digest, plain, same, spell

EXAMPLES = [
    lambda: qet.pauli("0.5 X0 X1 - 1.2 Z0"),
    lambda: qet.pauli("X0 - X0"),
    lambda: qet.minimal(),
    lambda: qet.minimal(h=1.5, k=-0.25, detuning=0.1),
    lambda: qet.minimal(h=0.1, offsets=True),
    lambda: qet.minimal(h=1.0, k=0.5).swapped(),
    lambda: qet.minimal(h=1.0, k=0.5).swapped().swapped(),
    lambda: qet.ising(4, J=0.5, g=1.5, hx=0.1, A=1, B=3),
    lambda: qet.ising(3, g=qet.by_site([1.0, 2.0, 3.0])),
    lambda: qet.xy(3, Jx=0.2, Jy=-0.4),
    lambda: qet.xxz(3, Delta=0.7, hz=0.1, A=(0, 1), B=2),
    lambda: qet.model({"H_A": "1.0 Z0", "V": "0.5 X0 X1", "H_B": "1.0 Z1"}),
    lambda: qet.model({"V": ([[1, 0, 0, 0], [0, -1, 2, 0], [0, 2, -1, 0], [0, 0, 0, 1]], (1, 0))}),
    lambda: qet.model({"V": ([[0, -1j], [1j, 0]], 1)}, n_sites=3, A=2, B=(0, 1)),
    lambda: qet.by_site([1.0, 2.0]),
    lambda: qet.bath(0, T=0.5, rate=0.01),
    lambda: qet.bath((0, 1), T=0.5, rate=0.01, mu=0.2, statistics="fermion", full_band=True),
    lambda: qet.bath(1, T=0.0, rate=0.01, coupling="X1", spectrum=("drude", 5.0), lamb_shift=True),
    lambda: qet.jump("-", 0, 0.3),
    lambda: qet.jump("Z0 Z1", rate=0.3),
    lambda: qet.jump([[0, 1], [0, 0]], 1, 0.1),
    lambda: qet.measure("X"),
    lambda: qet.measure("Y", strength=0.5),
    lambda: qet.measure((1, 2, 2)),
    lambda: qet.measure(kraus=[[[1, 0], [0, 0]], [[0, 0], [0, 1]]]),
    lambda: qet.measure(kraus=[[[0.6, 0], [0, 0.6j]], [[0, 0.8], [0.8, 0]]]),
    lambda: qet.measure(observable="X0 X1 + 0.5 Z0"),
    lambda: qet.measure(observable=qet.pauli("X0 X1")),
    lambda: qet.feedback("best"),
    lambda: qet.feedback("dominant", axis="Y"),
    lambda: qet.feedback("best", axis=(0, 1, 1)),
    lambda: qet.feedback("best", operations="channel"),
    lambda: qet.feedback(angle=0.2),
    lambda: qet.feedback(angles=[0.1, 0.2, 0.3], axis="X"),
    lambda: qet.feedback(unitaries=[[[1, 0], [0, 1]], [[0, -1j], [1j, 0]]]),
    lambda: qet.feedback(kraus=[[[[1, 0], [0, 1]]], [[[1, 0], [0, 0]], [[0, 1], [0, 0]]]]),
]


@pytest.mark.parametrize("make", EXAMPLES)
def test_repr_evaluates_back_and_equal_values_hash_alike(make):
    value = make()
    again = eval(repr(value))
    assert again == value
    assert value == make()
    assert hash(again) == hash(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("make", EXAMPLES)
def test_the_recipe_is_plain_data(make):
    recipe = make().recipe
    assert json.loads(json.dumps(recipe)) == recipe


@pytest.mark.parametrize("i", range(len(EXAMPLES)))
def test_different_values_differ(i):
    twins = {2, 6}  # swapped twice is the model itself, by value
    for j, other in enumerate(EXAMPLES):
        if j != i and {i, j} != twins:
            assert EXAMPLES[i]() != other()


def test_arrays_compare_by_value_shape_and_nan():
    assert same(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    assert not same(np.array([1.0]), np.array([1.0, 1.0]))
    assert not same(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    assert same({"a": [np.ones(2)]}, {"a": [np.ones(2)]})
    assert not same({"a": 1}, {"b": 1})
    assert qet.minimal(k=np.array([0.1, 0.2])) == qet.minimal(k=[0.1, 0.2])
    assert qet.minimal(k=np.array([0.1, 0.2])) != qet.minimal(k=[0.1, 0.3])
    assert hash(qet.minimal(k=np.array([0.1, 0.2]))) == hash(qet.minimal(k=[0.1, 0.2]))


@pytest.mark.parametrize(
    "left, right",
    [
        (lambda: qet.minimal(k=0.0), lambda: qet.minimal(k=-0.0)),
        (lambda: qet.minimal(h=1), lambda: qet.minimal(h=1.0)),
        (lambda: qet.pauli("X0", coefficient=1), lambda: qet.pauli("X0", coefficient=1.0)),
        (lambda: qet.pauli("X0", coefficient=2), lambda: qet.pauli("X0", coefficient=2.0)),
        (lambda: qet.measure(kraus=[np.eye(2)]), lambda: qet.measure(kraus=[np.eye(2, dtype=complex)])),
        (lambda: qet.measure(kraus=[np.eye(2, dtype=int)]), lambda: qet.measure(kraus=[np.eye(2)])),
        (lambda: qet.by_site([0.0, 1.0]), lambda: qet.by_site([-0.0, 1])),
        (lambda: qet.measure("X"), lambda: qet.measure((1, 0, 0))),
        (lambda: qet.measure("X"), lambda: qet.measure((-0.0, 0, 0) + np.array([2.0, -0.0, 0.0]))),
    ],
)
def test_equal_values_hash_alike_however_their_numbers_are_written(left, right):
    assert left() == right()
    assert hash(left()) == hash(right())


def test_a_value_is_not_equal_to_something_else():
    assert qet.minimal() != 3
    assert qet.measure("X") != qet.feedback("best")


def test_large_arrays_are_summarized_and_small_ones_spelled_out():
    assert spell(np.arange(3.0)) == "[0.0, 1.0, 2.0]"
    assert "1000" in spell(np.arange(1000.0))
    assert spell((1,)) == "(1,)"
    assert spell(np.float64(0.1)) == "0.1"


def test_plain_data_keeps_complex_numbers_and_the_digest_ignores_the_order_of_keys():
    assert plain(1 + 2j) == {"re": 1.0, "im": 2.0}
    assert plain(np.array([1j])) == {"re": [0.0], "im": [1.0]}
    assert plain(np.float64(2.0)) == 2.0
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_values_are_frozen():
    with pytest.raises(AttributeError):
        qet.minimal().n_sites = 3


def test_a_mistyped_word_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'teleport'"):
        _ = qet.telport


@pytest.mark.parametrize(
    "make",
    [
        lambda a: qet.minimal(h=a),
        lambda a: qet.minimal(k=a, detuning=0.1),
        lambda a: qet.ising(3, g=qet.by_site(a)),
        lambda a: qet.pauli("X0", coefficient=a),
        lambda a: qet.model({"V": qet.pauli("X0 X1", coefficient=a)}),
        lambda a: qet.gibbs(qet.minimal(), T=a),
        lambda a: qet.bath(0, T=a, rate=0.1),
        lambda a: qet.jump("-", 0, a),
        lambda a: qet.measure("X", strength=a),
        lambda a: qet.measure(np.stack([a, a, a], axis=0)),
        lambda a: qet.feedback(angle=a),
        lambda a: qet.feedback(angles=a),
        lambda a: qet.depolarize(qet.ground(qet.minimal()), a),
        lambda a: qet.teleport(qet.ground(qet.minimal()), delay=a),
        lambda a: qet.teleport(qet.ground(qet.minimal()), message_error=a),
    ],
)
def test_a_value_keeps_its_numbers_when_the_callers_array_changes(make):
    array = np.array([0.5, 0.25, 0.125])
    value, again = make(array), make(array.copy())
    array[0] = 0.75
    assert value == again
    assert value.recipe == again.recipe


def test_given_matrices_are_kept_too():
    rho, M, U = np.diag([0.4, 0.3, 0.2, 0.1]), np.array([np.eye(2)]), np.array([np.eye(2)])
    makes = [
        lambda: qet.state(qet.minimal(), rho),
        lambda: qet.measure(kraus=M),
        lambda: qet.feedback(unitaries=U),
        lambda: qet.model({"V": (M[0], 0)}),
        lambda: qet.jump(M[0], 0),
    ]
    values, recipes = [make() for make in makes], [make().recipe for make in makes]
    rho[:] = np.eye(4) / 4
    M[:] = U[:] = np.array([[0, 1], [1, 0]])
    for value, recipe in zip(values, recipes, strict=True):
        assert value.recipe == recipe
    np.testing.assert_array_equal(values[0].density_matrix, np.diag([0.4, 0.3, 0.2, 0.1]))
    np.testing.assert_array_equal(values[1].kraus([0])[0], np.eye(2))


def test_results_cannot_be_overwritten_in_place():
    run = qet.teleport(qet.gibbs(qet.minimal(k=np.array([0.5, 0.6])), T=0.3), measure=(1, 1, 0))
    for name in ("injected", "extracted", "local", "leak", "probabilities", "branches", "operations", "efficiency"):
        before = np.array(getattr(run, name))
        with pytest.raises(ValueError, match="read-only"):
            getattr(run, name)[0] = 7.0
        np.testing.assert_array_equal(getattr(run, name), before)
    with pytest.raises(ValueError, match="read-only"):
        run.state.density_matrix[0] = 7.0
