"""Figures: functions that draw on an Axes and return it; the public name is `qet.plot`.

Nothing here shows a window or changes global settings: a style context (`qet.paper`: one journal
column, 8 pt, Okabe–Ito colors) holds while a function draws. Curves differ in marker and line style as well
as in color, so that they can be told apart in gray. The legend stands above the axes and covers no data.

Text is written plainly ("E_B", "T_A"); subscripts become mathtext (`drawing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import NotOffered, ShapeMismatch, unknown
from qet.physics.baths import Bath
from qet.physics.model import Model
from qet.protocols.run import Run
from qet.solvers.states import State
from qet.studies.literature.entry import Curve, Panel

from .drawing import (
    COLORS,
    DASHES,
    HATCHES,
    PANEL_SIZE,
    draw_curve,
    drawing,
    first_sentence,
    legend_above,
    pale,
    typeset,
)
from .figure_files import save
from .plots_profile import animate, profile, spacetime
from .plots_scaling import decay, phase_map
from .plots_study import curve, field

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "animate",
    "currents",
    "curve",
    "decay",
    "energy",
    "energy_map",
    "field",
    "ledger",
    "panel",
    "phase_map",
    "profile",
    "save",
    "spacetime",
    "spectrum",
    "typeset",
]

Array = np.ndarray
QUANTITIES = {
    "injected": "injected energy E_A",
    "extracted": "extracted energy E_B",
    "local": "local part of E_B",
    "teleported": "teleported part of E_B",
    "leak": "leaked energy",
    "net_work": "net work E_B − E_A",
    "efficiency": "efficiency E_B/E_A",
    "efficiency_teleported": "teleported part of E_B, over E_A",
    "local_before": "local energy before the measurement",
}


def panel(panel: Panel, *, ax: Axes | None = None) -> Axes:
    """Draw a panel of a literature entry.

    A dashed or dotted curve accompanies the full line before it and shares its color, and so do points whose label is
    that line's with words added. Where a dashed or dotted one has such a label ("T = 0.2" and "T = 0.2, teleported"),
    the legend names the words once. The first sentence of the qualifiers stands at the side, the rest belongs under the
    figure.

    Args:
        panel: What to draw.
        ax: Where; a new figure by default.
    """
    with drawing(ax, PANEL_SIZE) as axes:
        color, markers, line = -1, 0, ""
        for i, curve in enumerate(panel.curves):
            is_companion = curve.style == "points" and line and curve.label.startswith(f"{line}, ")
            if (curve.style in ("line", "points") and not is_companion) or i == 0:
                color += 1
            line = curve.label if curve.style == "line" else line
            draw_curve(axes, curve, COLORS[color % len(COLORS)], color, markers)
            markers += curve.style != "dotted"
        axes.set_xlabel(typeset(panel.x_label))
        axes.set_ylabel(typeset(panel.y_label))
        if panel.log_x:
            axes.set_xscale("log")
        if panel.log_y:
            axes.set_yscale("log")
        axes.margins(x=0.0)
        legend_above(axes, f"({panel.key}) {panel.title}", first_sentence(panel.qualifiers), _panel_keys(axes, panel))
    return axes


def ledger(run: Run, *, ax: Axes | None = None) -> Axes:
    """Bars of the mean energy of every Hamiltonian term, before, after the measurement, and after the feedback.

    Raises:
        ShapeMismatch: for a batch of runs.
    """
    energies = run.ledger.energies
    if energies.ndim != 2:
        raise ShapeMismatch(f"plot.ledger draws one run; this one has shape {run.shape}. Make the run of one point.")
    stages = [(i, name) for i, name in enumerate(run.ledger.stages) if name != "delayed" or run.has_delay]
    values = np.vstack([energies, energies.sum(0)])  # (row + 1, stage)
    with drawing(ax) as axes:
        width = 0.8 / len(stages)
        at = np.arange(len(values))
        for j, (stage, name) in enumerate(stages):
            axes.bar(
                at + (j - (len(stages) - 1) / 2) * width,
                values[:, stage],
                width,
                label=name,
                color=pale(COLORS[j + 1]),
                edgecolor=COLORS[j + 1],
                linewidth=0.6,
                hatch=HATCHES[j],
            )
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.margins(y=0.08)
        axes.set_xticks(at, [f"${name}$" if len(name) == 1 else typeset(name) for name in (*run.ledger.rows, "total")])
        axes.tick_params(axis="x", which="both", bottom=False, top=False)
        axes.set_ylabel("mean energy")
        legend_above(axes, "Energy ledger")
    return axes


def currents(state: State, x: Any = None, *, ax: Axes | None = None) -> Axes:
    """Heat currents from each reservoir into the system, of a steady state.

    Args:
        state: From `steady`; one point gives bars, a batch along one axis gives curves.
        x: Abscissa of a batch, shape (n,); the index by default.
        ax: Where; a new figure by default.

    Raises:
        NotOffered: for a state that no reservoirs keep.
        ShapeMismatch: for a batch of more than one axis.
    """
    diagnostics = state.diagnostics
    if diagnostics is None:
        raise NotOffered(
            "plot.currents draws the heat currents of a steady state; this state has none. Make one with qet.steady."
        )
    values = np.asarray(diagnostics.heat_currents)
    if values.ndim > 2:
        raise ShapeMismatch(f"plot.currents draws one point or one batch axis; the state has shape {state.shape}.")
    names = [_name_of(item) for item in state.surroundings if isinstance(item, Bath)]
    with drawing(ax) as axes:
        if values.ndim == 1:
            for i, value in enumerate(values):
                color, hatch = (COLORS[2], "") if value >= 0.0 else (COLORS[1], HATCHES[1])  # warm in, cold out
                axes.bar(i, value, 0.6, color=pale(color), edgecolor=color, linewidth=0.6, hatch=hatch)
            axes.set_xticks(np.arange(len(values)), names)
            axes.tick_params(axis="x", which="both", bottom=False, top=False)
        else:
            grid = np.arange(len(values)) if x is None else np.asarray(x, dtype=float)
            for i in range(values.shape[-1]):
                draw_curve(axes, Curve(names[i], grid, values[:, i]), COLORS[i % len(COLORS)], i, i)
            axes.margins(x=0.0)
            legend_above(axes, "Heat current from")
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.set_ylabel("heat current into the system")
    return axes


def energy(
    x: Any, run: Run, *, quantity: str = "extracted", label: str = "", x_label: str = "", ax: Axes | None = None
) -> Axes:
    """A derived number of a run along a batch axis.

    Args:
        x: Abscissa, shape (n,).
        run: A run of shape (n,), or (..., n) for one curve per leading index.
        quantity: Which number: "extracted", "teleported", "injected", ...
        label: Of the curve; none, no legend.
        x_label: Of the abscissa.
        ax: Where; a new figure by default. Repeated calls on one Axes take the next color and marker.

    Raises:
        UnknownName: for another quantity.
        ShapeMismatch: if x does not run along the last axis.
    """
    if quantity not in QUANTITIES:
        raise unknown("quantity of a run", quantity, QUANTITIES)
    grid, values = np.asarray(x, dtype=float), np.asarray(getattr(run, quantity))
    if grid.ndim != 1 or values.ndim == 0 or values.shape[-1] != grid.size:
        raise ShapeMismatch(f"plot.energy needs x along the last axis of the run: x {grid.shape}, run {run.shape}.")
    with drawing(ax) as axes:
        start = len(axes.lines)
        for i, row in enumerate(values.reshape(-1, grid.size), start=start):
            draw_curve(axes, Curve(label, grid, row), COLORS[i % len(COLORS)], i, i)
        axes.set_ylabel(typeset(QUANTITIES[quantity]))
        axes.margins(x=0.0)
        if x_label:
            axes.set_xlabel(typeset(x_label))
        if label:
            legend_above(axes)
    return axes


def energy_map(
    x: Any,
    y: Any,
    values: Any,
    *,
    label: str = "extracted energy E_B",
    x_label: str = "",
    y_label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A color map of a number over two parameters, with its color bar.

    Args:
        x: Abscissa, shape (n,).
        y: Ordinate, shape (m,).
        values: Shape (m, n): the last axis runs along x.
        label: Of the color bar.
        x_label: Of the abscissa.
        y_label: Of the ordinate.
        ax: Where; a new figure by default.

    Raises:
        ShapeMismatch: if the shapes do not fit.
    """
    columns, rows, array = (np.asarray(part, dtype=float) for part in (x, y, values))
    if columns.ndim != 1 or rows.ndim != 1 or array.shape != (rows.size, columns.size):
        raise ShapeMismatch(
            f"energy_map needs x (n,), y (m,) and values (m, n); got {columns.shape}, {rows.shape} and {array.shape}."
        )
    with drawing(ax) as axes:
        mesh = axes.pcolormesh(columns, rows, array, shading="nearest", rasterized=True, cmap="cividis")
        bar = axes.figure.colorbar(mesh, ax=axes)
        bar.set_label(typeset(label))
        axes.set_xlabel(typeset(x_label))
        axes.set_ylabel(typeset(y_label))
    return axes


def spectrum(model: Model, x: Any = None, *, x_label: str = "", ax: Axes | None = None) -> Axes:
    """The energy levels of a model: along a batch axis as curves, for one point as rungs.

    Args:
        model: A model of shape () or (n,).
        x: Abscissa of a batch, shape (n,); the index by default.
        x_label: Of the abscissa.
        ax: Where; a new figure by default.

    Raises:
        ShapeMismatch: for a batch of more than one axis, or an x that does not fit.
    """
    from qet.solvers.spectrum import spectrum as levels_of

    if len(model.shape) > 1:
        raise ShapeMismatch(f"plot.spectrum draws one point or one batch axis; the model has shape {model.shape}.")
    constants = np.asarray(model.H.coefficients.get((), 0.0))[..., None]
    levels = levels_of(model)[0] + constants
    with drawing(ax) as axes:
        if levels.ndim == 1:
            axes.hlines(levels, 0.2, 0.8, colors="black")
            axes.set_xlim(0.0, 1.0)
            axes.set_xticks([])
        else:
            grid = np.arange(len(levels)) if x is None else np.asarray(x, dtype=float)
            if grid.shape != levels.shape[:1]:
                raise ShapeMismatch(f"x has shape {grid.shape}; the model has shape {model.shape}.")
            for i in range(levels.shape[-1]):
                axes.plot(grid, levels[:, i], color=COLORS[i % len(COLORS)], linestyle=("-", "--", "-.", ":")[i % 4])
            axes.margins(x=0.0)
            axes.set_xlabel(typeset(x_label))
        axes.set_ylabel("energy level")
    return axes


# -- inner -----------------------------------------------------------------------------------------


def _panel_keys(ax: Axes, panel: Panel) -> list[tuple[Any, str]]:
    """Legend entries: the full lines, and one entry for all companions whose labels add the same words to theirs."""
    from matplotlib.lines import Line2D

    own: list[tuple[Any, str]] = []
    shared: dict[tuple[str, str], Any] = {}
    base = ""
    for part, line in zip(panel.curves, ax.lines, strict=True):
        added = part.label.removeprefix(f"{base}, ")
        if part.style in ("dashed", "dotted") and base and added != part.label:
            key = Line2D([], [], color="0.35", linestyle=DASHES[part.style])
            shared.setdefault((part.style, added), key)
        else:
            own.append((line, typeset(part.label)))
            base = part.label
    return own + [(key, typeset(added)) for (_, added), key in shared.items()]


def _name_of(bath: Bath) -> str:
    """A reservoir in a few words."""
    place = "site " + ", ".join(map(str, bath.sites))
    return f"{place}, T = {bath.T:g}" if np.ndim(bath.T) == 0 else place
