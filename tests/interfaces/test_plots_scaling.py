"""Figures of scaling show the points, the law in its window, and a map whose gaps are visible."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

import qet
from qet.foundations.errors import BadParameter, ShapeMismatch, UnknownName
from qet.interfaces import plots
from qet.interfaces.plots_scaling import _with_error

N = np.arange(3, 40)
POWER = qet.decay_law(N, 0.1 * N**-4.5 * (1 + 0.4 / N**2))
EXPONENTIAL = qet.decay_law(N, np.exp(-N / 3.0), error=1e-7)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def sweep():
    return qet.sweep(
        lambda g, h: {"extracted": np.where(g > h, g * h, np.nan) + 0 * g, "entropy": g + h},
        g=[0.5, 1.0, 2.0],
        h=[0.1, 0.7],
    )


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.decay(POWER, EXPONENTIAL, ax=ax),
        lambda ax: plots.phase_map(sweep(), contours="entropy", ax=ax),
        lambda ax: plots.phase_map(sweep(), log=True, label="E_B (J)", ax=ax),
    ],
)
def test_every_function_draws_on_the_axes_it_is_given_and_leaves_settings_alone(draw):
    before = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert draw(ax) is ax
    assert ax.has_data()
    assert dict(mpl.rcParams) == before


def test_a_decay_shows_the_points_and_the_law_in_its_window():
    ax = plots.decay(POWER)
    points, full, dotted = ax.lines
    np.testing.assert_array_equal(points.get_xdata(), POWER.distance)
    np.testing.assert_array_equal(points.get_ydata(), POWER.energy)
    x = full.get_xdata()
    assert POWER.window[0] <= x.min()
    assert x.max() <= POWER.window[1] * (1 + 1e-12)
    np.testing.assert_allclose(full.get_ydata(), POWER(x), rtol=1e-12)
    assert dotted.get_xdata().max() <= POWER.window[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert plots.decay(EXPONENTIAL).get_xscale() == "linear"


def test_labels_tell_the_parameters_with_their_uncertainty():
    texts = [text.get_text() for text in plots.decay(EXPONENTIAL, POWER).get_legend().get_texts()]
    assert texts[0].startswith("$ξ$ = 3.00")
    assert texts[1].startswith("$p$ = 4.50")
    assert [text.get_text() for text in plots.decay(POWER, labels=["g = J"]).get_legend().get_texts()] == ["$g$ = J"]
    assert _with_error(4.50123, 0.0031) == "4.501(3)"
    assert _with_error(123.4, 12.0) == "123(12)"
    assert _with_error(2.5, 0.0) == "2.5"


def test_a_map_has_the_first_axis_along_the_abscissa_and_its_gaps_masked():
    data = sweep()
    ax = plots.phase_map(data)
    mesh = ax.collections[0]
    shown = mesh.get_array().reshape(2, 3)
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), np.isnan(data.extracted.values.T))
    assert shown[0, 2] == pytest.approx(0.2)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("g", "h")
    assert ax.figure.axes[1].get_ylabel() == "energy that Bob's operation takes out"


@pytest.mark.parametrize(
    "draw, error, words",
    [
        (lambda: plots.decay(), BadParameter, "at least one"),
        (lambda: plots.decay(3.0), BadParameter, "decay_law returns"),
        (lambda: plots.decay(POWER, labels=["a", "b"]), ShapeMismatch, "1 laws and 2 labels"),
        (lambda: plots.phase_map(3), BadParameter, "dataset of qet.sweep; got int"),
        (lambda: plots.phase_map(sweep(), "extractd"), UnknownName, "did you mean 'extracted'"),
        (lambda: plots.phase_map(sweep().isel(g=0)), ShapeMismatch, r"two axes.*data.sel"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, error, words):
    with pytest.raises(error, match=words):
        draw()
