"""Parameters that run together: samples fill their box evenly and come from the seed alone; lists stay side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, ShapeMismatch, UnknownName

BOUNDS = {"h": (0.5, 1.5), "k": ("log", 0.01, 10.0), "T": (-2.0, 3.0)}


@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_a_sample_lies_in_its_box_and_comes_from_the_seed_alone(kind):
    points = qet.sampled(300, kind, seed=4, **BOUNDS)
    assert points == qet.sampled(300, kind, seed=4, **BOUNDS)
    assert points != qet.sampled(300, kind, seed=5, **BOUNDS)
    for name, bound in BOUNDS.items():
        low, high = bound[-2:]
        assert points.values[name].shape == (300,)
        assert ((points.values[name] >= low) & (points.values[name] <= high)).all()


@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_a_larger_sample_begins_with_the_smaller_one(kind):
    small, large = (qet.sampled(n, kind, seed=1, **BOUNDS) for n in (100, 1000))
    for name in BOUNDS:
        np.testing.assert_array_equal(small.values[name], large.values[name][:100])


def test_sobol_points_are_a_net_one_in_every_box_of_a_partition():
    """2^m points of a (t, m, d)-net in two dimensions have t = 0: one in each of 2^m boxes of any dyadic shape."""
    points = qet.sampled(64, seed=7, x=(0.0, 1.0), y=(0.0, 1.0)).values
    for m in range(7):
        boxes = np.floor(points["x"] * 2**m) * 2 ** (6 - m) + np.floor(points["y"] * 2 ** (6 - m))
        assert sorted(boxes.astype(int)) == list(range(64))
    stratum = np.floor(64 * qet.sampled(64, "random", seed=7, x=(0.0, 1.0)).values["x"])
    assert len(set(stratum)) < 64


def test_a_logarithmic_axis_is_even_in_the_logarithm():
    k = qet.sampled(1024, k=("log", 1e-3, 1e3)).values["k"]
    counts, _ = np.histogram(np.log10(k), bins=np.linspace(-3, 3, 7))
    np.testing.assert_allclose(counts, 1024 / 6, atol=1.5)


def ratio(h, k):
    return h / k


def test_sampled_parameters_are_coordinates_of_one_dimension():
    points = qet.sampled(32, seed=3, dim="draw", h=(0.5, 1.5), k=(0.1, 1.0))
    data = qet.sweep(ratio, points)
    assert data.ratio.dims == data.h.dims == data.k.dims == ("draw",)
    np.testing.assert_array_equal(data.h, points.values["h"])
    np.testing.assert_array_equal(data.ratio, points.values["h"] / points.values["k"])
    recipe = json.loads(data.attrs["recipe"])
    assert recipe["together"] == [
        {"word": "sampled", "n": 32, "kind": "sobol", "seed": 3, "dim": "draw", "h": [0.5, 1.5], "k": [0.1, 1.0]}
    ]
    assert qet.rerun(recipe["together"][0]) == points
    assert qet.rerun(qet.sampled(5, k=("log", 0.1, 1.0)).recipe) == qet.sampled(5, k=("log", 0.1, 1.0))


def test_groups_and_axes_make_a_product():
    h, k, T, n = [0.5, 1.0, 1.5], [0.1, 0.2, 0.3], [0.2, 0.4], [2, 3]
    seen = []

    def point(n, h, k, T):
        seen.append((n, np.shape(h), np.shape(k), np.shape(T)))
        return n * h + k * T

    data = qet.sweep(point, qet.zipped("pair", h=h, k=k), T=T, n=n)
    assert seen == [(2, (3, 1), (3, 1), (1, 2)), (3, (3, 1), (3, 1), (1, 2))]
    assert data.point.dims == ("pair", "T", "n")
    for i in range(3):
        for j in range(2):
            for m in range(2):
                assert data.point.values[i, j, m] == n[m] * h[i] + k[i] * T[j]
    two = qet.sweep(lambda a, b: a - b, qet.zipped("x", a=[1.0, 2.0]), qet.sampled(4, dim="y", b=(0.0, 1.0)))
    assert two["value"].dims == ("x", "y")


def test_a_group_with_a_whole_number_or_a_name_is_gone_through_point_by_point():
    seen = []

    def point(n, h, name):
        seen.append((n, h, name))
        return n * h

    data = qet.sweep(point, qet.zipped(n=[2, 3, 4], h=[0.5, 1.0, 1.5], name=["a", "b", "c"]))
    assert seen == [(2, 0.5, "a"), (3, 1.0, "b"), (4, 1.5, "c")]
    assert [type(x) for x in seen[0]] == [int, float, str]
    assert data.point.values.tolist() == [1.0, 3.0, 6.0]
    assert data.coords["name"].values.tolist() == ["a", "b", "c"]
    looped = []
    qet.sweep(lambda h: looped.append(h) or h, qet.zipped(h=[0.5, 1.0]), loop="sample")
    assert looped == [0.5, 1.0]


def test_refusals_name_the_point_of_a_group():
    points = qet.zipped("pair", g=[1.0, 0.0, 2.0], T=[0.1, 0.2, 0.3])

    def chain(g, T):
        return qet.teleport(qet.ground(qet.ising(4, g=g * np.sign(T))))

    with pytest.raises(qet.errors.DegenerateLevel, match=r"g = 0.0, T = 0.2 \(index \(1\)\)"):
        qet.sweep(chain, points)
    data = qet.sweep(chain, points, errors="record")
    np.testing.assert_array_equal(np.isnan(data.extracted), [False, True, False])


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.zipped(), BadParameter, "zipped needs at least one parameter"),
        (lambda: qet.zipped(h=[1.0], k=[1.0, 2.0]), ShapeMismatch, "h has 1, k has 2 values"),
        (lambda: qet.zipped(h=0.5), BadParameter, "a sequence of values for h; got 0.5"),
        (lambda: qet.zipped(h=[]), BadParameter, "h have no values"),
        (lambda: qet.zipped(h=np.ones((2, 2))), ShapeMismatch, r"\(2, 2\)"),
        (lambda: qet.zipped("h", h=[1.0]), BadParameter, "'h' names a parameter and the dimension"),
        (lambda: qet.zipped(3, h=[1.0]), BadParameter, "dimension has a name; got 3"),
        (lambda: qet.sampled(4), BadParameter, "sampled needs at least one parameter"),
        (lambda: qet.sampled(0, h=(0, 1)), BadParameter, "number of points n is a whole number from 1 on; got 0"),
        (lambda: qet.sampled(4.0, h=(0, 1)), BadParameter, "number of points"),
        (lambda: qet.sampled(4, seed=-1, h=(0, 1)), BadParameter, "seed"),
        (lambda: qet.sampled(4, "sobel", h=(0, 1)), UnknownName, "'sobel'; did you mean 'sobol'"),
        (lambda: qet.sampled(4, h=(1, 0)), BadParameter, "h: the lower bound"),
        (lambda: qet.sampled(4, h=("log", 0, 1)), BadParameter, "h: a logarithmic axis starts above zero"),
        (lambda: qet.sweep(ratio, qet.zipped(h=[1.0]), h=[1.0], k=1.0), BadParameter, "'h' is given twice"),
        (
            lambda: qet.sweep(ratio, qet.zipped(h=[1.0]), qet.zipped(k=[1.0])),
            BadParameter,
            "'sample' is given twice.*a dimension of its own",
        ),
        (lambda: qet.sweep(ratio, qet.zipped(h=[1.0])), BadParameter, "ratio also needs k"),
        (lambda: qet.sweep(ratio, qet.zipped(h=[1.0], kk=[2.0])), UnknownName, "no parameter of ratio 'kk'"),
        (lambda: qet.sweep(ratio, {"h": [1.0]}, k=1.0), BadParameter, "after the function, sweep takes qet.zipped"),
        (lambda: qet.sweep(ratio, qet.zipped(h=[1.0, np.inf]), k=1.0), BadParameter, "h must be finite"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_values_side_by_side_may_be_of_any_shape():
    data = qet.sweep(lambda of, h: h * (of is not None), qet.zipped("case", of=[None, (1, 2), [1]], h=[1.0, 2.0, 3.0]))
    assert data["value"].values.tolist() == [0.0, 2.0, 3.0]
