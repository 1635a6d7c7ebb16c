"""Two functions are told apart by what they take from around themselves, too."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import qet
from qet.studies.function_uses import uses_of

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
