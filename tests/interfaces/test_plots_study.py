# ruff: noqa: E501  (one case a line)
"""Figures of studies: the right numbers at the right places, the rest selected or refused."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")
import numpy as np
import pytest
from matplotlib import pyplot as plt

import qet
from qet.foundations.errors import BadParameter, ShapeMismatch, UnknownName


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    axes = {
        "k": [0.2, 0.4, 0.6],
        "T": {"from": 0.1, "to": 10.0, "points": 5, "scale": "log"},
        "policy": ["best", "ground"],
    }
    return qet.study(
        {"model": {"k": "k"}, "state": {"T": "T"}, "protocol": {"feedback": "$policy"}, "axes": axes}
    ).run()


def colors_of(ax):
    """The values of a map as an array (rows, columns)."""
    mesh = ax.collections[0]
    return np.asarray(mesh.get_array()), mesh.get_coordinates()


def test_a_curve_has_the_values_along_its_axis(data):
    ax = qet.plot.curve(data, "T", select={"k": 0.4, "policy": "best"})
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), data["T"])
    np.testing.assert_array_equal(line.get_ydata(), data.extracted.sel(k=0.4, policy="best"))
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "$T$"
    assert ax.get_ylabel() == "energy that Bob's operation takes out"
    assert "0.4" in ax.get_title(loc="left")
    assert "best" in ax.get_title(loc="left")


def test_the_nearest_value_is_taken_and_told(data):
    ax = qet.plot.curve(data, "T", select={"k": "0.55", "policy": "ground"})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), data.extracted.sel(k=0.6, policy="ground"))
    assert "0.6" in ax.get_title(loc="left")


def test_one_curve_for_each_value_with_a_legend(data):
    ax = qet.plot.curve(data, "k", "net_work", by="policy", select={"T": 1.0})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["policy = best", "policy = ground"]
    for line, policy in zip(ax.lines, ("best", "ground"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), data.net_work.sel(policy=policy, T=1.0))
    assert ax.get_xscale() == "linear"


def test_a_map_has_every_value_in_the_cell_around_its_point(data):
    for x, y in (("k", "T"), ("T", "k")):
        values, corners = colors_of(qet.plot.field(data, x, y, select={"policy": "best"}))
        expected = data.extracted.sel(policy="best").transpose(y, x)
        np.testing.assert_array_equal(values, expected)
        for i, place in enumerate(data[y].values):
            for j, along in enumerate(data[x].values):
                assert corners[i, j, 0] < along < corners[i, j + 1, 0]
                assert corners[i, j, 1] < place < corners[i + 1, j, 1]


def test_logarithmic_axes_have_cells_of_one_width(data):
    _, corners = colors_of(qet.plot.field(data, "k", "T", select={"policy": "best"}))
    steps = np.diff(np.log(corners[:, 0, 1]))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-12)


def test_points_without_an_answer_are_left_out(data):
    holed = data.copy(deep=True)
    holed.extracted[1, 2, 0] = np.nan
    values, _ = colors_of(qet.plot.field(holed, "k", "T", select={"policy": "best"}))
    assert np.ma.getmaskarray(qet.plot.field(holed, "k", "T", select={"policy": "best"}).collections[0].get_array())[
        2, 1
    ]
    assert np.ma.count_masked(np.ma.masked_invalid(values)) <= 1


def test_a_logarithmic_scale_leaves_out_zero_and_below(data):
    signed = data.assign(signed=data.extracted - data.extracted.sel(k=0.4))
    mesh = qet.plot.field(signed, "k", "T", "signed", select={"policy": "best"}, log=True).collections[0]
    expected = signed.signed.sel(policy="best").transpose("T", "k").values <= 0.0
    assert expected.any()
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()), expected)
    with pytest.raises(BadParameter, match="net_work is above 0 nowhere"):
        qet.plot.field(data, "k", "T", "net_work", select={"policy": "best"}, log=True)
    assert qet.plot.curve(data, "T", select={"k": 0.4, "policy": "best"}, log=True).get_yscale() == "log"


def test_samples_are_points():
    made = qet.study(
        {"model": {"h": "h", "k": "k"}, "sampled": {"n": 16, "bounds": {"h": [0.5, 1.5], "k": [0.1, 1.0]}}}
    ).run()
    points = qet.plot.field(made, "h", "k").collections[0]
    np.testing.assert_allclose(points.get_offsets(), np.stack([made.h, made.k], axis=1))
    np.testing.assert_array_equal(points.get_array(), made.extracted)
    (line,) = qet.plot.curve(made, "h").lines
    assert line.get_linestyle() == "None"
    np.testing.assert_array_equal(line.get_xdata(), np.sort(made.h))


def test_an_axis_without_coordinates_is_selected_by_its_place():
    bath = [{"sites": 0, "T": "T", "rate": 0.01}, {"sites": 1, "T": 0.5, "rate": 0.01}]
    made = qet.study({"bath": bath, "axes": {"T": [0.3, 0.5, 0.9]}, "output": {"variables": ["heat_currents"]}}).run()
    ax = qet.plot.curve(made, "T", "heat_currents", select={"reservoir": 1})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), made.heat_currents[:, 1])
    ax = qet.plot.curve(made, "T", "heat_currents", by="reservoir")
    assert len(ax.lines) == 2
    with pytest.raises(BadParameter, match="reservoir counts from 0 to 1; got 2"):
        qet.plot.curve(made, "T", "heat_currents", select={"reservoir": 2})


def test_a_figure_goes_on_the_axes_it_is_given(data):
    axes = plt.subplots()[1]
    assert qet.plot.curve(data, "T", select={"k": 0.2, "policy": "best"}, ax=axes) is axes
    assert qet.plot.curve(data, "T", select={"k": 0.4, "policy": "best"}, ax=axes) is axes
    assert len(axes.lines) == 2
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


@pytest.mark.parametrize(
    ("draw", "error", "answer"),
    [
        (lambda d: qet.plot.curve(d, "T"), BadParameter, "extracted also depends on k (0.2 .. 0.6, 3 values): add"),
        (lambda d: qet.plot.curve(d, "T", select={"k": 0.2}), BadParameter, '--select policy=ground'),
        (lambda d: qet.plot.curve(d, "kk"), UnknownName, "did you mean 'k'?"),
        (lambda d: qet.plot.curve(d, "k", "extrcted"), UnknownName, "did you mean 'extracted'?"),
        (lambda d: qet.plot.curve(d, "k", select={"TT": 1}), UnknownName, "did you mean 'T'?"),
        (lambda d: qet.plot.curve(d, "k", select={"T": 1, "policy": "bst"}), UnknownName, "did you mean 'best'?"),
        (lambda d: qet.plot.curve(d, "policy", select={"T": 1, "k": 0.2}), ShapeMismatch, "policy is no axis of numbers"),
        (lambda d: qet.plot.field(d, "k", "k"), BadParameter, "two axes"),
        (lambda d: qet.plot.field(d, "k", "policy", select={"T": 1}), ShapeMismatch, "policy is no axis of numbers"),
        (lambda d: qet.plot.field(3, "k", "T"), BadParameter, "a dataset of qet.sweep is drawn; got int"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_what_to_add(data, draw, error, answer):
    with pytest.raises(error) as caught:
        draw(data)
    assert answer in str(caught.value)


def test_more_curves_than_can_be_told_apart_are_refused():
    made = qet.study(
        {"model": {"k": "k"}, "state": {"T": "T"}, "axes": {"k": [0.1, 0.2], "T": {"from": 1, "to": 2, "points": 8}}}
    ).run()
    with pytest.raises(ShapeMismatch, match="up to 7 curves; T has 8 values"):
        qet.plot.curve(made, "k", by="T")
