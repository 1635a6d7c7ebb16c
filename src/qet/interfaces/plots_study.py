"""Figures of a study: one of its variables along an axis as a curve, over two axes as a map.

What is neither drawn nor selected is refused, with what to add; nothing is averaged or cut silently. An axis whose
values grow by a constant factor is drawn logarithmically.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.studies.literature.entry import Curve

from .drawing import COLORS, draw_curve, drawing, legend_above, typeset

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

Array = np.ndarray
MOST_CURVES = 7
GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|eta|theta|kappa|lambda|mu|nu|xi|rho|sigma|tau|phi|chi|psi|omega|"
    "Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega"
)
EVEN = 1e-6  # relative spread of the steps of an axis that counts as even
NATURAL = ("energy", "1", "", "of the target")  # units that a label need not say


def curve(
    data: xr.Dataset,
    x: str,
    z: str = "extracted",
    *,
    by: str | None = None,
    select: Mapping[str, Any] | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """A variable of a study along one axis.

    Args:
        data: From `sweep`, `study(...).run()` or a file.
        x: The axis.
        z: The variable.
        by: One curve for each value of this axis; up to seven.
        select: Axis -> value, for the others: the nearest number, or a name.
        log: Whether the variable has a logarithmic scale.
        ax: Where; a new figure by default.

    Raises:
        UnknownName: for a name that is not there. BadParameter: for an axis that is neither drawn nor selected.
        ShapeMismatch: for values that are no numbers, or too many curves.
    """
    array, told = _chosen(data, z, [name for name in (x, by) if name is not None], select or {})
    groups = _curves(array, x, z, by)
    abscissa = _numbers(array[x], x)
    order = np.argsort(abscissa, kind="stable")
    is_axis = x in data.sizes  # otherwise points along another dimension, in no order
    with drawing(ax) as axes:
        start = len(axes.lines)
        for i, (label, part) in enumerate(groups, start=start):
            one = Curve(label, abscissa[order], _real(part, z)[order], "line" if is_axis else "points")
            draw_curve(axes, one, COLORS[i % len(COLORS)], i, i)
        if is_axis:
            _scale(axes, "x", abscissa[order])
        axes.set_yscale("log" if log else "linear")
        axes.margins(x=0.0 if is_axis else 0.05)
        axes.set_xlabel(_label(array[x], x))
        axes.set_ylabel(_label(array, z))
        if by is not None:
            legend_above(axes, told)
        elif told:
            axes.set_title(typeset(told), loc="left", fontsize=7)
    return axes


def _curves(array: xr.DataArray, x: str, z: str, by: str | None) -> list[tuple[str, xr.DataArray]]:
    """Label and values of each curve."""
    along = array[x].dims
    if len(along) != 1 or (by is not None and array[by].dims == along):
        raise ShapeMismatch(f"plot.curve draws {z} along one axis, {x}; it has {dict(array.sizes)}.")
    if by is None:
        return [("", array)]
    count, dim = array[by].size, array[by].dims[0]
    if count > MOST_CURVES:
        raise ShapeMismatch(
            f"plot.curve draws up to {MOST_CURVES} curves; {by} has {count} values. Select one, or draw a map."
        )
    values = array[by].values if by in array.coords else range(count)
    return [(f"{by} = {_value_text(value)}", array.isel({dim: i})) for i, value in enumerate(values)]


def field(
    data: xr.Dataset,
    x: str,
    y: str,
    z: str = "extracted",
    *,
    select: Mapping[str, Any] | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """A variable of a study over two axes, as colors.

    Points without an answer, or at zero and below on a logarithmic scale, stay gray. Two parameters that share a
    dimension (samples, lists side by side) are drawn as colored points.

    Args:
        data: From `sweep`, `study(...).run()` or a file.
        x: Along the abscissa.
        y: Along the ordinate.
        z: The variable.
        select: Axis -> value, for the others: the nearest number, or a name.
        log: Whether the colors have a logarithmic scale.
        ax: Where; a new figure by default.

    Raises:
        UnknownName: for a name that is not there. BadParameter: for an axis that is neither drawn nor selected, and for
            a logarithmic scale without values above 0. ShapeMismatch: for values that are no numbers.
    """
    from matplotlib.colors import LogNorm

    if x == y:
        raise BadParameter(f"a map has two axes; got {x} twice. Along one axis it is plot.curve.")
    array, told = _chosen(data, z, [x, y], select or {})
    columns, rows = _numbers(array[x], x), _numbers(array[y], y)
    values = _real(array, z)
    if log and not (values > 0.0).any():
        raise BadParameter(f"{z} is above 0 nowhere, so a logarithmic scale shows nothing; draw it without log.")
    shown = np.ma.masked_invalid(np.where(values > 0.0, values, np.nan) if log else values)
    with drawing(ax) as axes:
        norm = LogNorm() if log else None
        if array[x].dims == array[y].dims:
            mesh: Any = axes.scatter(columns, rows, c=shown, s=6, cmap="cividis", norm=norm, linewidths=0)
        else:
            across = shown.T if array.dims[0] == array[x].dims[0] else shown
            mesh = axes.pcolormesh(_edges(columns), _edges(rows), across, rasterized=True, cmap="cividis", norm=norm)
            axes.set_facecolor("0.85")
            _scale(axes, "x", columns)
            _scale(axes, "y", rows)
        bar = axes.figure.colorbar(mesh, ax=axes)
        bar.set_label(_label(array, z))
        axes.set_xlabel(_label(array[x], x))
        axes.set_ylabel(_label(array[y], y))
        if told:
            axes.set_title(typeset(told), loc="left", fontsize=7)
    return axes


# -- inner -----------------------------------------------------------------------------------------


def _chosen(data: xr.Dataset, z: str, drawn: list[str], select: Mapping[str, Any]) -> tuple[xr.DataArray, str]:
    """The variable at the selected places, and these in words."""
    if not hasattr(data, "data_vars"):
        raise BadParameter(f"a dataset of qet.sweep is drawn; got {type(data).__name__}.")
    if z not in data.data_vars:
        raise unknown("variable", z, [str(name) for name in data.data_vars if name != "why"])
    array = data[z]
    known = [str(name) for name in dict.fromkeys([*array.coords, *array.dims])]
    for name in (*drawn, *select):
        if name not in known:
            raise unknown(f"axis of {z}", name, known)
    told = []
    for name, wanted in select.items():
        if name in drawn:
            raise BadParameter(f"{name} is drawn, and cannot be selected too.")
        index = _index(array, name, wanted)
        array = array.isel(index)
        value = array[name].values[()] if name in array.coords else index[name]
        told.append(f"{name} = {_value_text(value)}")
    taken = {dim for name in drawn for dim in (array[name].dims if name in array.coords else (name,))}
    for dim in array.dims:
        if dim not in taken:
            raise BadParameter(f"{z} also depends on {dim} ({_span(array, str(dim))}): {_hint(array, str(dim))}")
    return array, ", ".join(told)


def _index(array: xr.DataArray, name: str, wanted: Any) -> dict[str, int]:
    """Where along its dimension a parameter has a value: the nearest number, or a name."""
    if name not in array.coords:
        number = _number(wanted, name)
        if number != int(number) or not -array.sizes[name] <= number < array.sizes[name]:
            raise BadParameter(f"{name} counts from 0 to {array.sizes[name] - 1}; got {wanted}.")
        return {name: int(number)}
    values = array[name].values
    if values.ndim != 1:
        raise BadParameter(f"{name} is one value here; there is nothing to select.")
    dim = str(array[name].dims[0])
    if values.dtype.kind in "iuf":
        return {dim: int(np.argmin(np.abs(values - _number(wanted, name))))}
    names = [str(value) for value in values]
    if str(wanted) not in names:
        raise unknown(f"value of {name}", str(wanted), names)
    return {dim: names.index(str(wanted))}


def _number(wanted: Any, name: str) -> float:
    try:
        return float(wanted)
    except (TypeError, ValueError):
        raise BadParameter(f"{name} runs over numbers; got {wanted!r}.") from None


def _span(array: xr.DataArray, dim: str) -> str:
    if dim not in array.coords:
        return f"{array.sizes[dim]} entries"
    values = array[dim].values
    return f"{_value_text(values[0])} .. {_value_text(values[-1])}, {values.size} values"


def _hint(array: xr.DataArray, dim: str) -> str:
    value = _value_text(array[dim].values[array.sizes[dim] // 2]) if dim in array.coords else "0"
    spelled = value if _is_numeric(array, dim) else f'"{value}"'
    return f'add select={{"{dim}": {spelled}}}, on the command line --select {dim}={value}.'


def _is_numeric(array: xr.DataArray, dim: str) -> bool:
    return dim not in array.coords or array[dim].dtype.kind in "iuf"


def _value_text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float, np.integer, np.floating)) else str(value)


def _numbers(axis: xr.DataArray, name: str) -> Array:
    values = np.asarray(axis.values)
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise ShapeMismatch(f"{name} is no axis of numbers; select one of its values, or draw one curve for each (by).")
    return np.asarray(values, dtype=float)


def _real(array: xr.DataArray, name: str) -> Array:
    values = np.asarray(array.values)
    if values.dtype.kind not in "biuf":
        raise ShapeMismatch(f"{name} is not real; draw its parts or its modulus.")
    return np.asarray(values, dtype=float)


def _label(array: xr.DataArray, name: str) -> str:
    units = str(array.attrs.get("units", ""))
    text = str(array.attrs.get("long_name", name))
    symbol = _symbol(name) if text == name else typeset(text)
    return symbol if units in NATURAL else f"{symbol} [{units}]"


def _symbol(name: str) -> str:
    """The name of a parameter as it is printed: letters and Greek letters in italics, with a subscript."""
    letter, _, below = name.partition("_")
    if GREEK.fullmatch(letter):
        letter = f"\\{letter}"
    elif len(letter) != 1:
        return name
    return f"${letter}_{{\\mathrm{{{below}}}}}$" if below.isalnum() else f"${letter}$" if not below else name


def _scale(axes: Axes, which: Literal["x", "y"], values: Array) -> None:
    """A logarithmic scale for values that grow by a factor, with plain numbers if it covers less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not _is_geometric(values):
        return
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
    if max(values) < 100.0 * min(values):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _is_geometric(values: Array) -> bool:
    """Whether an axis grows by a constant factor, and not by a constant step."""
    if values.size < 3 or (values <= 0.0).any():
        return False
    factors, steps = np.diff(np.log(values)), np.diff(values)
    return bool(np.ptp(factors) < EVEN * abs(factors[0]) and np.ptp(steps) > EVEN * abs(steps[0]))


def _edges(values: Array) -> Array:
    """The borders of the cells around the values of an axis, half-way in the scale it is drawn in."""
    if values.size == 1:
        width = abs(values[0]) / 2 or 0.5
        return np.array([values[0] - width, values[0] + width])
    is_log = _is_geometric(values)
    places = np.log(values) if is_log else values
    middle = (places[1:] + places[:-1]) / 2
    edges = np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])
    return np.exp(edges) if is_log else edges
