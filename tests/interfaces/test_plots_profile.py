"""Figures of the energy in space and time: the artists hold the profile's numbers, and the animation its frames."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.colors import AsinhNorm
from PIL import Image

import qet
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, UnknownName
from qet.interfaces import plots

TIMES = np.linspace(-0.5, 1.5, 9)


@pytest.fixture(scope="module")
def run():
    return qet.teleport(qet.ground(qet.ising(6, A=0, B=3)), delay=0.5)


@pytest.fixture(scope="module")
def moving(run):
    return qet.profile(run, by="site", t=TIMES)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("draw", [plots.profile, plots.spacetime])
def test_each_draws_on_the_axes_it_is_given_and_leaves_settings_alone(draw, moving, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("a plot function called show"))
    before = dict(mpl.rcParams)
    figure, ax = plt.subplots()
    assert draw(moving, ax=ax) is ax
    figure.canvas.draw()
    assert draw(moving) is not ax
    assert dict(mpl.rcParams) == before


def test_the_stages_are_the_changes_since_the_start(run, moving):
    lines = [line for line in plots.profile(moving).lines if line.get_label()[0] != "_"]
    assert [line.get_label() for line in lines] == ["after Alice", "after the delay", "after Bob"]
    for line, stage in zip(lines, ("measured", "delayed", "after"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(6))
        np.testing.assert_array_equal(line.get_ydata(), moving.change("before", stage))
    prompt = qet.profile(qet.teleport(run.state), by="site")
    assert [line.get_label() for line in plots.profile(prompt).lines[1:]] == ["after Alice", "after Bob"]


@pytest.mark.parametrize("of", ["excess", "taken", "motion", "undisturbed", "without_bob"])
def test_the_colors_are_the_energies_and_white_is_zero(moving, of):
    ax = plots.spacetime(moving, of=of)
    [mesh] = ax.collections
    np.testing.assert_array_equal(np.asarray(mesh.get_array()).reshape(9, 6), moving.part(of).T)
    assert mesh.norm.vmin == -mesh.norm.vmax == -np.abs(moving.part(of)).max()
    np.testing.assert_allclose(mesh.cmap(mesh.norm(0.0))[:3], 1.0, atol=0.05)
    x, y = mesh.get_coordinates()[..., 0], mesh.get_coordinates()[..., 1]
    np.testing.assert_allclose((x[0, 1:] + x[0, :-1]) / 2, np.arange(6))
    np.testing.assert_allclose((y[1:, 0] + y[:-1, 0]) / 2, TIMES)


def test_a_weak_dip_beside_a_strong_packet_is_seen_by_a_scale_of_its_own(moving):
    excess = moving.excess
    assert -0.1 * excess.max() < excess.min() < 0.0
    ax = plots.spacetime(moving)
    assert isinstance(ax.collections[0].norm, AsinhNorm)
    shown = ax.collections[0].norm(excess.min())
    assert shown < 0.5 * 0.9  # a linear scale would have it at 0.5 (1 - |min| / max)
    assert 0.0 in ax.figure.axes[1].get_yticks()
    assert plots.profile(moving).get_yscale() == "asinh"
    assert type(plots.spacetime(moving, of="taken").collections[0].norm) is not AsinhNorm


def test_light_cones_start_at_both_acts_and_open_at_the_chains_speed(moving):
    cones = plots.spacetime(moving).lines
    starts = [(line.get_xdata()[0], line.get_ydata()[0]) for line in cones]
    assert starts == [(0, -0.5), (0, -0.5), (3, 0.0), (3, 0.0)]
    for line in cones:
        assert np.abs(np.diff(line.get_xdata()) / np.diff(line.get_ydata()))[0] == pytest.approx(2.0, abs=1e-6)
    given = plots.spacetime(moving, speed=1.0).lines
    assert np.abs(np.diff(given[3].get_xdata()) / np.diff(given[3].get_ydata()))[0] == pytest.approx(1.0)
    other = qet.profile(qet.teleport(qet.ground(qet.ising(4, hx=0.2))), by="site", t=[0.0, 1.0])
    assert not plots.spacetime(other).lines


def test_the_parties_and_the_axes_are_named(moving):
    for ax in (plots.spacetime(moving), plots.profile(moving)):
        assert [(text.get_text(), text.get_position()[0]) for text in ax.texts] == [("A", 0), ("B", 3)]
        assert ax.get_xlabel() == "site"
    assert plots.spacetime(moving).get_ylabel() == "time $t$ from Bob's act (1/energy)"
    assert "units of $H$" in plots.spacetime(moving).figure.axes[1].get_ylabel()
    assert "units of $H$" in plots.profile(moving).get_ylabel()


def test_the_animation_has_a_frame_a_time_and_its_bars_are_the_energies(moving, tmp_path):
    path = tmp_path / "packet.gif"
    animation = plots.animate(moving, path, of="excess", fps=10)
    with Image.open(path) as image:
        assert image.n_frames == TIMES.size
        assert image.info["duration"] == 100
    axes = plt.gcf().axes[0]
    for frame in (0, 4, 8):
        animation._func(frame)
        np.testing.assert_array_equal([bar.get_height() for bar in axes.containers[0]], moving.excess[:, frame])
        assert axes.texts[-1].get_text() == f"$t$ = {TIMES[frame]:.2f}"
    low, high = axes.get_ylim()
    assert low < moving.excess.min() < moving.excess.max() < high


def test_what_cannot_be_drawn_is_refused_with_what_to_do(run, moving, tmp_path):
    for draw in (plots.profile, plots.spacetime, plots.animate):
        with pytest.raises(NotOffered, match="by='site'"):
            draw(qet.profile(run, t=TIMES))
        with pytest.raises(BadParameter, match="draws a profile"):
            draw(run)
        batch = qet.teleport(qet.ground(qet.ising(3, g=np.array([0.5, 1.0]))))
        with pytest.raises(ShapeMismatch, match=r"shape \(2,\)"):
            draw(qet.profile(batch, by="site", t=[0.0, 1.0]))
    with pytest.raises(BadParameter, match="2 times or more"):
        plots.spacetime(qet.profile(run, by="site", t=1.0))
    with pytest.raises(BadParameter, match="needs times"):
        plots.animate(qet.profile(run, by="site"))
    with pytest.raises(UnknownName, match="did you mean 'taken'"):
        plots.spacetime(moving, of="take")
    with pytest.raises(BadParameter, match="speed must be at least 0"):
        plots.spacetime(moving, speed=-1.0)
    with pytest.raises(BadParameter, match="ends in .gif; got '.*packet.mp5'"):
        plots.animate(moving, tmp_path / "packet.mp5")
    with pytest.raises(BadParameter, match="frames a second, must be positive"):
        plots.animate(moving, fps=0)
