"""Numbers at the public door: finite, in their domain, broadcastable, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from qet.foundations.checks import broadcast, real
from qet.foundations.errors import (
    BadParameter,
    QetError,
    ShapeMismatch,
    UnknownName,
    nearest,
    refuse_where,
    unknown,
)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_with_itself(value):
    with pytest.raises(BadParameter, match=f"h must be finite; got {value}"):
        real("h", value)


@pytest.mark.parametrize("value", ["1.0", None, 1j, [1, "a"], [[1], [1, 2]], object(), b"1"])
def test_what_is_no_real_number_is_refused(value):
    with pytest.raises(BadParameter, match="h must be a real number"):
        real("h", value)


def test_a_batch_is_refused_with_first_index_count_and_mask():
    value = np.ones((3, 4))
    value[1, 2] = value[2, 0] = np.nan
    with pytest.raises(BadParameter, match=r"first at index \(1, 2\); 2 of 12 points") as caught:
        real("h", value)
    np.testing.assert_array_equal(caught.value.mask, np.isnan(value))


def test_bounds_are_inclusive_and_named():
    assert real("T", 0, minimum=0.0) == 0.0
    assert real("q", 1, maximum=1.0) == 1.0
    with pytest.raises(BadParameter, match="T must be at least 0; got -0.5"):
        real("T", -0.5, minimum=0.0)
    with pytest.raises(BadParameter, match=r"q must be at most 1; got 1.25.*first at index \(1,\); 1 of 2"):
        real("q", [0.5, 1.25], maximum=1.0)


def test_scalars_stay_scalars_and_arrays_become_float_arrays():
    assert type(real("h", np.float64(2))) is float
    assert type(real("h", np.array(2))) is float
    assert real("h", [1, 2]).dtype == float
    assert real("h", np.zeros((0, 3))).shape == (0, 3)


def test_shapes_that_do_not_broadcast_are_named():
    assert broadcast(k=(3, 1), T=(4,)) == (3, 4)
    with pytest.raises(ShapeMismatch, match=r"k \(3,\), T \(4,\)"):
        broadcast(h=(), k=(3,), T=(4,))


def test_every_error_is_a_value_error_that_carries_mask_and_best():
    with pytest.raises(ValueError) as caught:
        refuse_where(np.array([False, True]), BadParameter, lambda i: f"at {i}", best=7)
    assert isinstance(caught.value, QetError)
    assert caught.value.best == 7
    assert str(caught.value) == "at (1,) (first at index (1,); 1 of 2 points)"
    refuse_where(np.array([False, False]), BadParameter, lambda i: "never")
    with pytest.raises(BadParameter, match="^once$"):
        refuse_where(True, BadParameter, lambda i: "once")


def test_a_mistyped_name_is_answered_with_the_nearest_and_the_list():
    error = unknown("model", "minmal", ["ising", "minimal"])
    assert isinstance(error, UnknownName)
    assert str(error) == "there is no model 'minmal'; did you mean 'minimal'? Known: ising, minimal."
    assert nearest("qqqq", ["ising"]) == "Known: ising."
