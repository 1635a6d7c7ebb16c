"""Two functions are told apart by what they take from around themselves, too."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial, wraps
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import qet
from qet.studies.sweeps.function_uses import uses_of

STRENGTH = 0.5
BATHS = [qet.bath(0, T=1.0, rate=0.01)]


def inner(h):
    return STRENGTH * h


def outer(h, k=2.0):
    return inner(h) + k + sum(np.sin(STRENGTH * x) for x in [h])


def made(shift, n):
    def point(h):
        return qet.teleport(qet.steady(qet.ising(n, g=h), BATHS)).extracted + shift

    return point


class Counted:
    def __init__(self, h):
        self.h, self.itself = h, self

    def __call__(self, T):
        return self.h * T

    def other(self, T):
        return self.h / T


def test_globals_defaults_enclosed_values_and_functions_of_ones_own_are_seen(monkeypatch):
    assert uses_of(outer) == {
        "k": 2.0,
        "STRENGTH": 0.5,
        "inner": {"name": "inner", "source": uses_of(outer)["inner"]["source"], "STRENGTH": 0.5},
        "np": "numpy",
    }
    before = uses_of(outer)
    monkeypatch.setitem(globals(), "STRENGTH", 0.6)
    assert uses_of(outer) != before
    found = uses_of(made(0.25, 3))
    assert (found["n"], found["shift"]) == (3, 0.25)
    assert found["BATHS"] == [BATHS[0].recipe]
    assert uses_of(made(0.25, 3)) == found
    assert uses_of(made(0.25, 4)) != found


def test_partial_methods_and_objects_are_told_apart_by_what_they_hold():
    assert uses_of(partial(outer, k=3.0))["k"] == 3.0
    assert uses_of(partial(outer, 1.5))["argument 0"] == 1.5
    for callable_ in (Counted(2.0), Counted(2.0).other):
        found = uses_of(callable_)["self"]
        assert len(found.pop("source")) == 16
        assert found == {"type": "Counted", "h": 2.0, "itself": "a Counted"}
    assert uses_of(Counted(2.0)) != uses_of(Counted(3.0))


def test_functions_without_a_source_are_told_apart_by_their_code():
    spaces = [{}, {}, {}]
    for text, space in zip(["lambda h: h + 1", "lambda h: h + 2", "lambda h: h + 1"], spaces, strict=True):
        space["f"] = eval(text, space)
    first, second, third = (uses_of(space["f"]) for space in spaces)
    assert first == third != second


@pytest.mark.parametrize("thing", [abs, np.sin, float])
def test_what_is_of_a_library_uses_nothing(thing):
    assert "code" not in uses_of(thing)


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


def holding(value):
    return lambda T: T * value


PAIRS = {
    "sets": ({1, 2}, {1, 3}),
    "bytes": (b"a", b"b"),
    "decimals": (Decimal(1), Decimal(2)),
    "days": (date(2020, 1, 1), date(2021, 1, 1)),
    "slots": (Slotted(1), Slotted(2)),
    "slices": (slice(1), slice(2)),
    "labeled arrays": (xr.DataArray([1.0, 2.0]), xr.DataArray([1.0, 3.0])),
    "precisions": (np.ones(2, "f4"), np.ones(2)),
    "arrays of records": (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8")),
    "large arrays": (np.zeros((100, 100)), np.eye(100)[::-1].copy()),
    "large arrays of other shapes": (np.zeros((100, 100)), np.zeros((200, 50))),
    "nested": ({"a": [SimpleNamespace(b={1})]}, {"a": [SimpleNamespace(b={2})]}),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_whatever_a_function_encloses_is_seen(kind):
    first, second = PAIRS[kind]
    assert uses_of(holding(first)) == uses_of(holding(first)) != uses_of(holding(second))


def test_what_draws_or_reports_makes_no_other_study():
    from rich.progress import Progress

    bar = Progress()
    before = uses_of(holding(bar))
    bar.add_task("points", total=3)
    assert uses_of(holding(bar)) == before == {"value": "a Progress"}


def test_what_holds_itself_and_what_cannot_be_told_end():
    ring = [1.0]
    ring += [ring, ring]
    with open(__file__) as file:
        found = uses_of(holding([ring, file, (i for i in range(3)), sys]))
    assert found["value"] == [[1.0, "a list", "a list"], "a TextIOWrapper", "a generator", "sys"]


class Below:
    factor = 1.0

    def scaled(self, T):
        return STRENGTH * T


class Above(Below):
    def __call__(self, T):
        return self.scaled(T)

    def other(self, T):
        return T


@lru_cache
def kept(T):
    return STRENGTH * T


def of_class(T):
    return Below.factor * T


@pytest.mark.parametrize("point", [Above(), Above().other, kept, np.vectorize(inner), lambda T: kept(T)])
def test_globals_are_seen_behind_objects_classes_and_decorators(point, monkeypatch):
    before = uses_of(point)
    assert uses_of(point) == before
    monkeypatch.setitem(globals(), "STRENGTH", 0.6)
    assert uses_of(point) != before


def test_compiled_functions_are_seen_through(monkeypatch):
    numba = pytest.importorskip("numba")
    point = numba.njit(inner)
    before = uses_of(point)
    monkeypatch.setitem(globals(), "STRENGTH", 0.6)
    assert uses_of(point)["function"] != before["function"]


def test_values_of_classes_and_of_modules_of_ones_own_are_seen(monkeypatch, tmp_path):
    before = uses_of(of_class)
    monkeypatch.setattr(Below, "factor", 2.0)
    assert uses_of(of_class) != before
    (tmp_path / "parameters_of_a_study.py").write_text("strength = 0.5\nunused = 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    import parameters_of_a_study as own

    def point(T):
        return own.strength * T

    before = uses_of(point)
    assert before["own.strength"] == 0.5
    monkeypatch.setattr(own, "unused", 2.0)
    assert uses_of(point) == before
    monkeypatch.setattr(own, "strength", 0.6)
    assert uses_of(point) != before


def test_two_functions_on_one_line_and_two_decorators_are_told_apart():
    once, twice = (lambda T: T), (lambda T: 2 * T)
    assert uses_of(once) != uses_of(twice)

    def by_two(function):
        @wraps(function)
        def scaled(h):
            return 2.0 * function(h)

        return scaled

    def by_three(function):
        @wraps(function)
        def scaled(h):
            return 3.0 * function(h)

        return scaled

    assert uses_of(by_two(inner)) == uses_of(by_two(inner)) != uses_of(by_three(inner))
