"""Elimination on arrays against LAPACK, for random patterns, signs and shapes."""

import numpy as np
import pytest

from qet.foundations.elimination import ONE, plan, solve


def random_system(rng, n, density):
    """A pattern with a full diagonal, its labels and their values; some entries share a label."""
    matrix, values = {}, {}
    for i in range(n):
        for j in range(n):
            if i == j or rng.random() < density:
                label = ("m", int(rng.integers(4)) if rng.random() < 0.3 and i != j else (i, j))
                matrix[i, j] = (int(rng.choice([-1, 1])), label)
                values.setdefault(label, rng.uniform(0.5, 1.5, 6) + (4.0 if i == j else 0.0))
    right = {i: (int(rng.choice([-1, 1])), ("b", i)) for i in range(n) if rng.random() < 0.7}
    values.update({label: rng.uniform(0.5, 1.5, 6) for _, label in right.values()})
    return matrix, right, values


def dense(n, matrix, right, values, points=6):
    A, b = np.zeros((points, n, n)), np.zeros((points, n))
    for (i, j), (sign, label) in matrix.items():
        A[:, i, j] = sign * values[label]
    for i, (sign, label) in right.items():
        b[:, i] = sign * values[label]
    return A, b


@pytest.mark.parametrize("seed", range(20))
def test_elimination_solves_what_lapack_solves(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    matrix, right, values = random_system(rng, n, rng.uniform(0.05, 0.6))
    found = solve(plan(n, matrix, right), values)
    A, b = dense(n, matrix, right, values)
    expected = np.linalg.solve(A, b[..., None])[..., 0]
    assert np.allclose(np.stack(np.broadcast_arrays(*found, np.zeros(6))[:-1], -1), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_rows_not_named_as_modified_have_no_residual(seed):
    rng = np.random.default_rng(100 + seed)
    matrix, right, values = random_system(rng, 8, 0.2)
    made = plan(8, matrix, right)
    x = np.stack(np.broadcast_arrays(*solve(made, values), np.zeros(6))[:-1], -1)
    A, b = dense(8, matrix, right, values)
    residual = np.abs((A @ x[..., None])[..., 0] - b)
    untouched = [i for i in range(8) if i not in made.modified]
    assert np.all(residual[:, untouched] <= 1e-15 * 20)


def test_numbers_stay_numbers_and_arrays_broadcast():
    matrix = {(0, 0): (1, "a"), (1, 1): (1, "b"), (1, 0): (-1, "c")}
    made = plan(2, matrix, {0: (1, "d")})
    x = solve(made, {"a": 2.0, "b": 4.0, "c": np.array([1.0, 2.0]), "d": 3.0})
    assert isinstance(x[0], float)
    assert x[0] == 1.5
    assert x[1].tolist() == [0.375, 0.75]


def test_an_unknown_that_nothing_drives_is_zero_and_costs_nothing():
    made = plan(2, {(0, 0): (1, "a"), (1, 1): (1, "b")}, {0: (1, "c")})
    assert made.flops == 1
    assert solve(made, {"a": 2.0, "b": 1.0, "c": 1.0}) == [0.5, 0.0]


def test_the_operations_of_a_tridiagonal_system_are_counted_exactly():
    """Four pivots at 7 (divide, scale 2, update 2 x 2), one division, four substitutions at 2: linear in n."""
    n = 5
    matrix = {(i, j): (1, (i, j)) for i in range(n) for j in range(n) if abs(i - j) <= 1}
    made = plan(n, matrix, {i: (1, i) for i in range(n)})
    assert made.flops == 37
    assert len(made.operations) == made.flops


def test_equal_subexpressions_are_computed_once():
    distinct = plan(2, {(0, 0): (1, "a"), (1, 1): (1, "b")}, {0: (1, "c"), 1: (1, "d")})
    equal = plan(2, {(0, 0): (1, "a"), (1, 1): (1, "a")}, {0: (1, "c"), 1: (-1, "c")})
    assert (distinct.flops, equal.flops) == (2, 1)


def test_a_missing_diagonal_is_eliminated_by_another_entry():
    made = plan(2, {(0, 1): (1, "a"), (1, 0): (-1, "b")}, {0: (1, "c"), 1: (1, "d")})
    assert solve(made, {"a": 2.0, "b": 4.0, "c": 1.0, "d": 1.0}) == [-0.25, 0.5]


def test_a_pattern_that_is_singular_whatever_the_numbers_is_refused():
    with pytest.raises(ZeroDivisionError, match="singular"):
        plan(2, {(0, 0): (1, "a"), (1, 0): (1, "b")}, {0: (1, "c")})


def test_the_inputs_are_left_as_they_were():
    matrix, right, values = random_system(np.random.default_rng(3), 6, 0.4)
    before = {label: value.copy() for label, value in values.items()}
    solve(plan(6, matrix, right), values)
    assert all(np.array_equal(values[label], before[label]) for label in values)


@pytest.mark.parametrize("seed", range(6))
def test_right_hand_sides_share_one_elimination(seed):
    rng = np.random.default_rng(seed)
    matrix, right, values = random_system(rng, 7, 0.4)
    other = {2: (-1, ("c", 2)), 5: (1, ONE)}
    values["c", 2] = rng.uniform(0.5, 1.5, 6)
    both, alone = plan(7, matrix, [right, other]), [plan(7, matrix, side) for side in (right, other)]
    found = np.stack(np.broadcast_arrays(*solve(both, values), np.zeros(6))[:-1])
    expected = [np.stack(np.broadcast_arrays(*solve(one, values), np.zeros(6))[:-1]) for one in alone]
    assert both.sides == 2
    assert both.flops < alone[0].flops + alone[1].flops
    assert np.allclose(found, np.concatenate(expected), rtol=1e-12, atol=1e-14)


def test_the_label_one_is_the_number_and_no_input():
    matrix = {(0, 0): (1, ONE), (0, 1): (1, ONE), (1, 0): (-1, "a"), (1, 1): (1, "b")}
    made = plan(2, matrix, {0: (1, ONE)}, first=((0, 0),))
    assert ONE not in made.labels
    assert made.pivots[0] == (0, 0)
    x, y = solve(made, {"a": np.array([2.0, 1.0]), "b": np.array([6.0, 3.0])})
    assert np.allclose(x, [0.75, 0.75])
    assert np.allclose(y, [0.25, 0.25])


def test_a_partner_is_the_pivot_of_its_row():
    matrix = {(0, 0): (1, "slow"), (0, 1): (-1, "w"), (1, 0): (1, "w"), (1, 1): (1, "slow")}
    made = plan(2, matrix, {0: (1, ONE)}, partners={0: 1, 1: 0})
    assert set(made.pivots) == {(0, 1), (1, 0)}
    x, y = solve(made, {"slow": np.array([0.0, 0.5]), "w": np.array([2.0, 2.0])})  # no pivot vanishes with the rate
    assert np.allclose(x, [0.0, 0.5 / 4.25])
    assert np.allclose(y, [-0.5, -2.0 / 4.25])
