# ruff: noqa: E501  (one case after the other)
"""Expressions of study files: arithmetic over names, and nothing that is not arithmetic."""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qet.foundations.errors import BadParameter, QetError, UnknownName
from qet.studies.described.expression import FUNCTIONS, expression

NAMES = {"a": 0.7, "b": -1.3, "gamma": 2.5}


def trees():
    """Text and value of random arithmetic, the value computed beside by plain floats."""
    leaves = st.one_of(
        st.floats(0.0, 9.0).map(lambda x: (repr(round(x, 3)), round(x, 3))),
        st.integers(0, 99).map(lambda n: (str(n), float(n))),
        st.sampled_from(sorted(NAMES)).map(lambda name: (name, NAMES[name])),
        st.just(("pi", math.pi)),
    )

    def larger(inner):
        two = st.tuples(inner, inner)
        return st.one_of(
            two.map(lambda p: (f"({p[0][0]} + {p[1][0]})", p[0][1] + p[1][1])),
            two.map(lambda p: (f"({p[0][0]} - {p[1][0]})", p[0][1] - p[1][1])),
            two.map(lambda p: (f"({p[0][0]})*({p[1][0]})", p[0][1] * p[1][1])),
            inner.map(lambda p: (f"(-({p[0]}))", -p[1])),
            inner.map(lambda p: (f"({p[0]})**2", p[1] ** 2)),
            inner.map(lambda p: (f"({p[0]})/4", p[1] / 4.0)),
            inner.map(lambda p: (f"sin({p[0]})", math.sin(p[1]))),
            inner.map(lambda p: (f"cos({p[0]})", math.cos(p[1]))),
        )

    return st.recursive(leaves, larger, max_leaves=8)


@given(trees())
def test_random_arithmetic_is_computed_as_plain_floats_do(tree):
    text, value = tree
    if len(text) > 500:
        return
    scale = max(1.0, abs(value))
    assert float(expression(text)(NAMES)) == pytest.approx(value, rel=1e-12, abs=1e-9 * scale)  # sin of large arguments


@given(st.text(max_size=60))
def test_any_text_is_arithmetic_or_refused_with_an_error_of_ours(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            parsed = expression(text)
        except QetError:
            return
        assert np.ndim(parsed(dict.fromkeys(parsed.names, 1.0))) == 0


@given(
    st.lists(
        st.sampled_from(["a", "(", ")", ".", "[", "]", "+", "**", "1", ",", "'", "=", ":", "lambda", " if ", "sqrt"])
    )
)
def test_texts_made_of_the_pieces_of_python_reach_no_attribute_item_or_other_call(pieces):
    text = "".join(pieces)
    try:
        parsed = expression(text)
    except QetError:
        return
    assert set(text) & set("[],'=:") == set()
    assert re.search(r"[^\W\d]\s*\.|\.\s*[^\W\d]", text.replace("1.", "")) is None
    assert set(parsed.names).isdisjoint({"lambda", "if", "sqrt"})


@pytest.mark.parametrize(
    "text",
    [
        "a.real", "a[0]", "__import__('os')", "(lambda: 1)()", "sqrt(a, b)", "sqrt(*a)", "exp(x=1)", "True", "1j", "'x'",
        "a if b else a", "a and b", "a == b", "not a", "~a", "a // 2", "a % 2", "a @ b", "(a := 1)", "[a]", "{a}", "f'{a}'",
        "...", "None", "sqrt", "sqrt.real(a)", "(sqrt)(a)(b)", "a # b", "await a", "", "  ", "1e999", "9" * 400, "a b", "a +",
        "-" * 100 + "a", "sqrt(" * 60 + "a" + ")" * 60, "a" * 501,
    ],
)  # fmt: skip
def test_what_is_not_arithmetic_is_refused(text):
    with pytest.raises(BadParameter):
        expression(text)


def test_a_power_written_with_a_caret_is_told_the_stars():
    with pytest.raises(BadParameter, match=r"written \*\*"):
        expression("a^2")


def test_a_function_that_is_not_listed_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="no function 'sqr'; did you mean 'sqrt'"):
        expression("sqr(a)")


def test_a_name_without_a_value_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="no quantity 'gama'; did you mean 'gamma'"):
        expression("gama*2")(NAMES)


def test_a_name_with_a_value_that_is_no_number_is_refused():
    with pytest.raises(BadParameter, match="no number"):
        expression("2*a")({"a": "redfield"})


def test_names_come_in_their_order_and_pi_is_none_of_them():
    assert expression("b*pi + a*b").names == ("b", "a")


def test_arrays_broadcast():
    x, y = np.linspace(0.1, 1.0, 4)[:, None], np.linspace(1.0, 2.0, 3)
    np.testing.assert_allclose(expression("sqrt(x)*exp(-y)")({"x": x, "y": y}), np.sqrt(x) * np.exp(-y), rtol=1e-15)


def test_divisions_by_zero_and_roots_of_negative_numbers_give_infinity_and_nan_without_a_warning():
    assert np.isinf(expression("1/a")({"a": 0.0}))
    assert np.isnan(expression("sqrt(0 - a)")({"a": 1.0}))
    assert np.isnan(expression("(0 - a)**0.5")({"a": 8.0}))
    assert np.isinf(expression("9**9**9**9")({}))  # and takes no time


def test_the_functions_are_the_listed_ones():
    assert sorted(FUNCTIONS) == ["cos", "exp", "log", "sin", "sqrt"]
    for name, function in FUNCTIONS.items():
        assert float(expression(f"{name}(a)")(NAMES)) == float(function(0.7))
