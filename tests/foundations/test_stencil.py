"""Extrapolated differences: exact on polynomials, honest about their error, one-sided at the end of a domain."""

import numpy as np
import pytest

from qet.foundations.errors import BadParameter, refuse_where
from qet.foundations.stencil import slope

X = np.array([-2.0, 0.3, 1.0, 40.0])


def bounded(function, low=-np.inf, high=np.inf):
    def inside(x):
        refuse_where((x < low) | (x > high), BadParameter, lambda i: "outside")
        return function(x)

    return inside


def test_polynomials_of_low_degree_are_exact():
    found = slope(lambda x: 3 * x**4 - x**2 + 2, X, np.abs(X))
    assert np.allclose(found.value, 12 * X**3 - 2 * X, rtol=1e-13)
    assert not found.is_one_sided.any()


@pytest.mark.parametrize(
    "function, derivative", [(np.exp, np.exp), (np.sin, np.cos), (np.arctan, lambda x: 1 / (1 + x * x))]
)
def test_the_error_is_an_upper_bound_up_to_a_small_factor(function, derivative):
    x = np.linspace(-3.0, 3.0, 61) + 0.013
    found = slope(function, x, np.abs(x))
    off = np.abs(found.value - derivative(x))
    assert np.all(off <= 16 * found.error + 1e-15)
    assert np.all(found.error <= 1e-10 * (1 + np.abs(derivative(x))) / np.minimum(np.abs(x), 1))


def test_one_side_is_taken_where_the_other_is_refused():
    x = np.array([0.0, 0.5, 1.0])
    found = slope(bounded(np.exp, 0.0, 1.0), x, np.ones(3))
    assert found.is_one_sided.tolist() == [True, False, True]
    assert np.allclose(found.value, np.exp(x), rtol=1e-9)  # one-sided tables converge more slowly


def test_steps_shrink_until_one_side_is_allowed():
    found = slope(bounded(np.exp, 0.9999, 1.0001), np.array([1.0]), np.ones(1))
    assert np.allclose(found.value, np.e, rtol=1e-8)  # steps of 3e-5 leave that many digits
    assert not found.is_one_sided.any()


def test_a_scalar_and_functions_with_more_axes():
    found = slope(lambda x: np.stack([x * np.ones(3), x**2 * np.arange(3)]), np.float64(2.0), 1.0)
    assert np.allclose(found.value, [[1, 1, 1], [0, 4, 8]])


def test_a_jump_has_no_small_error():
    found = slope(lambda x: np.where(x > 1.0, 1.0, 0.0), np.array([1.0]), np.ones(1))
    assert not found.error[0] < 0.1


def test_a_root_at_the_end_of_its_domain_has_no_small_error():
    found = slope(bounded(np.sqrt, 0.0), np.array([0.0]), np.ones(1))
    assert found.error[0] > 1e-3 * abs(found.value[0])


def test_masks_of_refusals_are_reduced_to_the_argument():
    def f(x):
        grid = x + np.zeros((2, 3))
        refuse_where(grid < 0.0, BadParameter, lambda i: "negative")
        return grid

    found = slope(f, np.array([[0.0], [1.0]]), np.ones((2, 1)))
    assert found.is_one_sided[:, 0].tolist() == [True, False]
    assert np.allclose(found.value, 1.0)


def test_what_only_the_smallest_steps_see_is_no_small_error():
    x = np.array([1.0])
    found = slope(lambda x: x + 1e-2 * np.tanh(300 * (x - 1.0)), x, np.ones(1))
    assert found.error[0] > 0.1  # the slope there is 4
