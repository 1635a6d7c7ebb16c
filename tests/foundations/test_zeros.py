"""Arithmetic that skips exact zeros and ones gives what plain arithmetic gives."""

from __future__ import annotations

import numpy as np
import pytest

from qet.foundations.zeros import is_zero, safe_divisor, times, total

VALUES = [0.0, 1.0, -2.5, np.float64(0.0), np.array([0.0, 3.0])]


@pytest.mark.parametrize("a", VALUES)
@pytest.mark.parametrize("b", VALUES)
def test_products_and_sums_are_those_of_plain_arithmetic(a, b):
    assert np.all(times(a, b) == a * b)
    assert np.all(total([a, b, a]) == a + b + a)


def test_only_a_plain_zero_is_skipped():
    assert is_zero(0.0)
    assert is_zero(np.float64(0.0))
    assert not is_zero(np.zeros(3))
    assert not is_zero(1e-300)


def test_what_is_left_of_a_skipped_operation_is_the_operand_itself():
    array = np.arange(3.0)
    assert times(1.0, array) is array
    assert total([0.0, array, 0.0]) is array
    assert total([]) == 0.0


def test_a_divisor_is_replaced_by_one_only_where_it_vanishes():
    lengths = np.array([0.0, 2.0])
    assert safe_divisor(lengths).tolist() == [1.0, 2.0]
    assert safe_divisor(lengths[1:]).base is lengths
    assert safe_divisor(0.0) == 1.0
