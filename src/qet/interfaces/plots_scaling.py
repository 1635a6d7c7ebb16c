"""Figures of scaling: decay laws over the distance, and maps of what detects a phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.studies.decay import DecayLaw

from .drawing import COLORS, MARKERS, drawing, legend_above, typeset

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

Array = np.ndarray
FINE = 200  # points of a fitted law


def decay(*laws: DecayLaw, labels: Sequence[str] = (), x_label: str = "distance n", ax: Axes | None = None) -> Axes:
    """Energies against the distance with their fitted laws.

    A law is drawn in full in the window that was fitted and dotted outside. The axis of distances is logarithmic unless
    every law is exponential, so that each law of a pure kind is a straight line.

    Args:
        laws: From `decay_law`; one color and marker each.
        labels: One for each law; by default its parameters.
        x_label: Of the abscissa.
        ax: Where; a new figure by default.

    Raises:
        BadParameter: for no law. ShapeMismatch: if there are not as many labels as laws.
    """
    if not laws or not all(isinstance(law, DecayLaw) for law in laws):
        raise BadParameter("plot.decay draws what qet.decay_law returns; give at least one.")
    if labels and len(labels) != len(laws):
        raise ShapeMismatch(f"plot.decay has {len(laws)} laws and {len(labels)} labels; give one each.")
    is_log = any("p" in law.parameters for law in laws)
    with drawing(ax) as axes:
        axes.set_yscale("log")
        axes.set_xscale("log" if is_log else "linear")
        if is_log:
            _plain_ticks(axes)
        for i, law in enumerate(laws):
            _draw_law(axes, law, labels[i] if labels else _label_of(law), i, is_log)
        axes.set_xlabel(typeset(x_label))
        axes.set_ylabel(typeset("extracted energy E_B"))
        legend_above(axes)
    return axes


def phase_map(
    data: xr.Dataset,
    quantity: str = "extracted",
    *,
    contours: str = "",
    log: bool = False,
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A color map of one number of a sweep over two parameters, with another one as contour lines.

    Points without an answer, or at zero and below on a logarithmic scale, stay gray.

    Args:
        data: From `sweep`, with two axes of numbers; the first runs along the abscissa.
        quantity: Which variable is the color.
        contours: Which variable is drawn as lines, such as "entropy"; none by default.
        log: Whether the color scale is logarithmic.
        label: Of the color bar; by default the variable's.
        ax: Where; a new figure by default.

    Raises:
        UnknownName: for a variable that is not there. ShapeMismatch: for data that do not have two axes of numbers.
    """
    from matplotlib.colors import LogNorm

    values, x, y = _plane(data, quantity)
    with drawing(ax) as axes:
        axes.set_facecolor("0.85")
        shown = np.ma.masked_invalid(np.where(values > 0.0, values, np.nan) if log else values)
        norm = LogNorm() if log else None
        mesh = axes.pcolormesh(x, y, shown, shading="nearest", rasterized=True, cmap="cividis", norm=norm)
        bar = axes.figure.colorbar(mesh, ax=axes)
        bar.set_label(typeset(label) or _name_of(data, quantity))
        if contours:
            other = np.ma.masked_invalid(_plane(data, contours)[0])
            lines = axes.contour(x, y, other, 6, colors="white", linewidths=0.6)
            first, second, *_, last = lines.levels
            text = f"lines: {_name_of(data, contours)}, {first:g} to {last:g} in steps of {second - first:g}"
            axes.set_title(text, loc="left", fontsize=7)
        axes.set_xlabel(typeset(str(data[quantity].dims[0])))
        axes.set_ylabel(typeset(str(data[quantity].dims[1])))
    return axes


def _plain_ticks(axes: Axes) -> None:
    """Distances as 1, 2, 5, 10, ...: decades alone are too few, and all multiples collide."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_law(axes: Axes, law: DecayLaw, label: str, i: int, is_log: bool) -> None:
    color = COLORS[i % len(COLORS)]
    low, high = float(law.distance[0]), float(law.distance[-1])
    fine = np.geomspace(low, high, FINE) if is_log else np.linspace(low, high, FINE)
    error = np.minimum(law.error, 0.99 * law.energy) if np.any(law.error > 0.0) else None
    axes.errorbar(
        law.distance,
        law.energy,
        yerr=error,
        color=color,
        linestyle="none",
        marker=MARKERS[i % len(MARKERS)],
        markerfacecolor="white",
        elinewidth=0.6,
        label=typeset(label),
    )
    inside = (fine >= law.window[0]) & (fine <= law.window[1])
    axes.plot(fine[inside], law(fine[inside]), color=color, linestyle="-")
    axes.plot(fine[fine <= law.window[0]], law(fine[fine <= law.window[0]]), color=color, linestyle=":")


def _label_of(law: DecayLaw) -> str:
    """The shape parameters with their uncertainty in the last digits."""
    names = {"p": "p", "xi": "ξ"}
    shape = {key: value for key, value in law.parameters.items() if key in names}
    return ", ".join(f"{names[key]} = {_with_error(value, law.uncertainty[key])}" for key, value in shape.items())


def _with_error(value: float, error: float) -> str:
    """4.5001(3): the error in units of the last digit."""
    if not np.isfinite(value + error) or error <= 0.0:
        return f"{value:.4g}"
    digits = -int(np.floor(np.log10(error)))
    if digits <= 0:
        return f"{value:.0f}({error:.0f})"
    return f"{value:.{digits}f}({round(error * 10**digits)})"


def _plane(data: xr.Dataset, name: str) -> tuple[Array, Array, Array]:
    """Values (rows along the second axis), abscissa and ordinate."""
    if not hasattr(data, "data_vars"):
        raise BadParameter(f"plot.phase_map draws the dataset of qet.sweep; got {type(data).__name__}.")
    if name not in data.data_vars:
        raise unknown("variable of the sweep", name, list(map(str, data.data_vars)))
    array = data[name]
    axes = [np.asarray(data[dim].values) for dim in array.dims if dim in data.coords]
    if array.ndim != 2 or len(axes) != 2 or any(axis.dtype.kind not in "iuf" or axis.size < 2 for axis in axes):
        raise ShapeMismatch(
            f"plot.phase_map draws over two axes of two numbers and more; {name} has {dict(data[name].sizes)}. Choose "
            "points of the others with data.sel(...), or take plot.energy for one axis."
        )
    return np.asarray(array.values, dtype=float).T, axes[0], axes[1]


def _name_of(data: xr.Dataset, name: str) -> str:
    return typeset(str(data[name].attrs.get("long_name", name)))
