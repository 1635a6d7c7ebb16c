"""Figures: they return their Axes, leave global settings alone, show what they were given, and repeat to the byte."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import font_manager, style
from matplotlib import pyplot as plt

from qet.foundations.errors import NotOffered, ShapeMismatch, UnknownName
from qet.interfaces import drawing, plots
from qet.interfaces.reproduce import FORMATS, save_figure
from qet.physics.baths import bath
from qet.physics.models import minimal
from qet.protocols.teleport import teleport
from qet.solvers.prepare import ground, spectrum
from qet.solvers.steady import steady
from qet.studies.literature.entry import Curve, Panel

X = np.linspace(-1.5, 1.5, 61)
PANEL = Panel(
    "q",
    "Two temperatures",
    "detuning Δ = ε_A − ε_B (h)",
    "E_B (h)",
    (
        Curve("T = 0.2", X, np.exp(-(X**2))),
        Curve("T = 0.2, teleported", X, 0.8 * np.exp(-(X**2)), "dashed"),
        Curve("T = 0.5", X, 0.3 + 0.1 * X),
        Curve("T = 0.5, teleported", X, 0.2 + 0.1 * X, "dashed"),
        Curve("measured", X[::10], 0.1 + 0 * X[::10], "points"),
    ),
    "Reconstruction; the paper's parameters are not known. More is said here.",
)


def bath_pair(T_A=1.0):
    return [bath(0, T=T_A, rate=0.01), bath(1, T=0.2, rate=0.01)]


def draw_each():
    """Every drawing function once, as (name, call that takes ax)."""
    model, run = minimal(detuning=X), teleport(ground(minimal(detuning=X)))
    return [
        ("panel", lambda ax: plots.panel(PANEL, ax=ax)),
        ("ledger", lambda ax: plots.ledger(teleport(ground(minimal())), ax=ax)),
        ("currents", lambda ax: plots.currents(steady(minimal(), bath_pair()), ax=ax)),
        ("currents of a batch", lambda ax: plots.currents(steady(minimal(detuning=X), bath_pair()), X, ax=ax)),
        ("energy", lambda ax: plots.energy(X, run, label="ground state", x_label="Δ (h)", ax=ax)),
        ("energy_map", lambda ax: plots.energy_map(X, [0.0, 1.0], np.outer([1.0, 2.0], X), ax=ax)),
        ("spectrum", lambda ax: plots.spectrum(model, X, ax=ax)),
        ("spectrum of a point", lambda ax: plots.spectrum(minimal(), ax=ax)),
    ]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("draw", [call for _, call in draw_each()], ids=[name for name, _ in draw_each()])
def test_every_function_draws_on_the_axes_it_is_given_and_returns_it(draw):
    figure, ax = plt.subplots()
    assert draw(ax) is ax
    assert ax.has_data()
    figure.canvas.draw()
    fresh = draw(None)
    assert fresh is not ax
    assert fresh.has_data()


@pytest.mark.parametrize("draw", [call for _, call in draw_each()], ids=[name for name, _ in draw_each()])
def test_no_function_changes_global_settings_or_shows_a_window(draw, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("a plot function called show"))
    before = dict(mpl.rcParams)
    draw(None)
    assert dict(mpl.rcParams) == before


def test_the_style_is_found_by_its_name_and_fits_a_column():
    with style.context("qet.paper"):
        assert mpl.rcParams["figure.figsize"][0] == 3.375
        assert mpl.rcParams["font.size"] == 8.0
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert not mpl.rcParams["text.usetex"]
        assert mpl.rcParams["svg.hashsalt"] == "qet"
        family = mpl.rcParams["font.family"]
        font_manager.findfont(font_manager.FontProperties(family=family), fallback_to_default=False)
        colors = [entry["color"].upper().lstrip("#") for entry in mpl.rcParams["axes.prop_cycle"]]
    assert colors == [color.lstrip("#") for color in drawing.COLORS]


# -- panel -----------------------------------------------------------------------------------------


def test_a_panel_draws_its_curves_unchanged():
    ax = plots.panel(PANEL)
    for curve, line in zip(PANEL.curves, ax.lines, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), curve.x)
        np.testing.assert_array_equal(line.get_ydata(), curve.y)


def test_companions_share_a_color_and_no_two_curves_look_alike_in_grey():
    lines = plots.panel(PANEL).lines
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color() == lines[3].get_color()
    looks = {(line.get_linestyle(), line.get_marker(), line.get_markerfacecolor() == "white") for line in lines}
    assert len(looks) == len(lines)


def test_the_legend_names_shared_words_once_and_covers_no_data():
    ax = plots.panel(PANEL)
    ax.figure.canvas.draw()
    legend = ax.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["$T$ = 0.2", "$T$ = 0.5", "measured", "teleported"]
    assert legend.get_title().get_text() == "(q) Two temperatures"
    assert legend.get_window_extent().y0 >= ax.bbox.y1
    assert legend.get_window_extent().x1 <= ax.figure.bbox.x1


def test_the_first_sentence_of_the_qualifiers_stands_on_the_figure():
    ax = plots.panel(PANEL)
    assert [text.get_text() for text in ax.texts] == ["Reconstruction; the paper's parameters are not known"]


def test_logarithmic_axes_follow_the_panel():
    ax = plots.panel(Panel("l", "", "x", "y", (Curve("c", X + 2.0, X + 2.0),), "", log_x=True, log_y=True))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(
    ("plain", "typeset"),
    [
        ("T_A − T_B", r"$T_{\mathrm{A}}$ − $T_{\mathrm{B}}$"),
        ("E_B (h)", r"$E_{\mathrm{B}}$ ($h$)"),
        ("T = 0.5", "$T$ = 0.5"),
        ("(h) Theories", "(h) Theories"),
        ("no symbol, a word", "no symbol, a word"),
        ("γ_A/γ_B = 5", r"$γ_{\mathrm{A}}$/$γ_{\mathrm{B}}$ = 5"),
        ("some_name", "some_name"),
    ],
)
def test_symbols_are_typeset(plain, typeset):
    assert plots.typeset(plain) == typeset


# -- the others ------------------------------------------------------------------------------------


def test_ledger_bars_are_the_ledger_and_its_total():
    run = teleport(ground(minimal()))
    ax = plots.ledger(run)
    heights = np.array([[bar.get_height() for bar in bars] for bars in ax.containers])  # (stage, row)
    stages = [0, 1, 3]
    np.testing.assert_allclose(heights[:, :-1], run.ledger.energies[:, stages].T)
    assert heights[1, -1] - heights[0, -1] == pytest.approx(run.injected)
    assert heights[1, -1] - heights[2, -1] == pytest.approx(run.extracted)
    assert len(teleport(ground(minimal()), delay=0.5).ledger.stages) == len(
        plots.ledger(teleport(ground(minimal()), delay=0.5)).containers
    )


def test_current_bars_are_the_heat_currents_and_cancel():
    state = steady(minimal(), bath_pair())
    heights = [bars[0].get_height() for bars in plots.currents(state).containers]
    np.testing.assert_allclose(heights, state.diagnostics.heat_currents)
    assert heights[0] > 0.0
    assert sum(heights) == pytest.approx(0.0, abs=1e-12)


def test_currents_of_a_batch_are_one_curve_a_bath():
    state = steady(minimal(), bath_pair(T_A=np.linspace(0.2, 2.0, 5)))
    ax = plots.currents(state, np.linspace(0.2, 2.0, 5))
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines[:2]], state.diagnostics.heat_currents.T)


def test_energy_draws_one_curve_per_leading_index_and_goes_on_where_it_stopped():
    run = teleport(ground(minimal(detuning=X, k=np.array([0.5, 1.0])[:, None])))
    ax = plots.energy(X, run, quantity="injected")
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], run.injected)
    plots.energy(X, run, quantity="injected", ax=ax)
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines}) == 4


def test_energy_map_puts_x_on_the_last_axis():
    values = np.outer([1.0, 2.0, 3.0], X)
    [mesh] = plots.energy_map(X, [0.0, 1.0, 2.0], values).collections
    np.testing.assert_array_equal(np.asarray(mesh.get_array()), values)


def test_spectrum_draws_the_levels():
    lines = plots.spectrum(minimal(detuning=X), X).lines
    np.testing.assert_array_equal(np.array([line.get_ydata() for line in lines]).T, spectrum(minimal(detuning=X))[0])


# -- refusals --------------------------------------------------------------------------------------


def test_what_cannot_be_drawn_is_refused_by_name():
    batch = teleport(ground(minimal(detuning=X)))
    with pytest.raises(ShapeMismatch, match=r"one run.*\(61,\)"):
        plots.ledger(batch)
    with pytest.raises(NotOffered, match=r"qet\.steady"):
        plots.currents(ground(minimal()))
    with pytest.raises(UnknownName, match="extracted"):
        plots.energy(X, batch, quantity="extractd")
    with pytest.raises(ShapeMismatch, match="last axis"):
        plots.energy(X[:-1], batch)
    with pytest.raises(ShapeMismatch, match="values"):
        plots.energy_map(X, X[:3], np.zeros((61, 3)))
    with pytest.raises(ShapeMismatch, match="one batch axis"):
        plots.spectrum(minimal(detuning=X, k=np.ones((2, 1))))
    with pytest.raises(ShapeMismatch, match="x has shape"):
        plots.spectrum(minimal(detuning=X), X[:-1])


# -- files -----------------------------------------------------------------------------------------


def test_saving_twice_gives_the_same_bytes(tmp_path):
    for stem in ("one", "two"):
        save_figure(PANEL, tmp_path / stem)
    for suffix in FORMATS:
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def test_every_format_has_the_same_bytes_in_another_process(tmp_path):
    text = (
        "import sys, qet; ax = qet.plot.ledger(qet.teleport(qet.ground(qet.minimal()))); qet.plot.save(ax, sys.argv[1])"
    )
    for ending in ("pdf", "svg", "png"):
        files = [tmp_path / f"{name}.{ending}" for name in ("here", "there")]
        plots.save(plots.ledger(teleport(ground(minimal()))), files[0])
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONHASHSEED": "7"}
        subprocess.run([sys.executable, "-c", text, files[1]], check=True, env=environment)
        assert files[0].read_bytes() == files[1].read_bytes(), ending


def test_an_unknown_ending_lists_the_known():
    with pytest.raises(UnknownName, match="svg"):
        plots.save(plots.ledger(teleport(ground(minimal()))), "figure.xyz")


def test_a_pdf_embeds_its_fonts_as_outlines_and_holds_no_date(tmp_path):
    save_figure(PANEL, tmp_path / "figure")
    pdf = (tmp_path / "figure.pdf").read_bytes()
    assert b"/CIDFontType2" in pdf
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_a_png_is_sharp_enough_for_print(tmp_path):
    save_figure(PANEL, tmp_path / "figure")
    with open(tmp_path / "figure.png", "rb") as file:
        width = int.from_bytes(file.read(24)[16:20])
    assert width >= 200 * 3.375


def test_svg_repeats_under_the_style():
    texts = []
    for _ in range(2):
        with style.context(drawing.STYLE):
            ax = plots.panel(PANEL)
            buffer = io.StringIO()
            ax.figure.savefig(buffer, format="svg", metadata={"Date": None})
        texts.append(buffer.getvalue())
    assert texts[0] == texts[1]
    assert re.search(r"<svg", texts[0])
