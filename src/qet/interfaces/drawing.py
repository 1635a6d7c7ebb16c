"""What the figures share: the style while drawing, colors and markers, curves, legends above the axes, typeset symbols.

Text is written plainly ("E_B", "T_A"); `typeset` turns subscripts into mathtext.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qet.studies.literature.entry import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = "qet.paper"
PANEL_SIZE = (3.375, 2.8)  # inches; room for a legend above
COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: dict[str, Any] = {"line": "-", "dashed": "--", "dotted": ":", "points": "none"}
HATCHES = ("", "////", "....", "xxxx")
SUBSCRIPT = re.compile(r"(?<![A-Za-z0-9_])([A-Za-zΑ-Ωα-ω])_([A-Za-z0-9]+[+−-]?)")
SYMBOL = re.compile(r"(?<![\w^])([A-Za-zα-ω])(?= [=<>≤≥] )|(?<=\()(h)(?=\)$)")


@contextmanager
def drawing(ax: Axes | None, size: tuple[float, float] | None = None) -> Iterator[Axes]:
    """The style while drawing, and a new figure where no Axes is given."""
    from matplotlib import style

    with style.context(STYLE):
        if ax is None:
            from matplotlib import pyplot as plt

            ax = plt.subplots(figsize=size)[1]
        yield ax


def draw_curve(ax: Axes, curve: Curve, color: str, marker: int, offset: int) -> None:
    """One curve: about eight markers a line, shifted from curve to curve so that they do not fall together."""
    step = max(1, len(curve.x) // 8)
    every: Any = 1 if curve.style == "points" else (offset * step // 4 % step, step)
    ax.plot(
        curve.x,
        curve.y,
        color=color,
        linestyle=DASHES[curve.style],
        label=typeset(curve.label),
        marker="none" if curve.style == "dotted" else MARKERS[marker % len(MARKERS)],
        markevery=every,
        markerfacecolor="white" if curve.style in ("dashed", "points") else color,
    )


def legend_above(ax: Axes, title: str = "", remark: str = "", keys: list[tuple[Any, str]] | None = None) -> None:
    """A legend above the axes, headed by a title, in as few rows as fit; a remark up the right side."""
    pairs = keys if keys is not None else list(zip(*ax.get_legend_handles_labels(), strict=True))
    longest = max((len(re.sub(r"\\mathrm|[${}_]", "", label)) for _, label in pairs), default=0)
    inches = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    room = inches.width * 72  # points
    columns = max(1, min(len(pairs), int(room / (28 + 3.3 * longest))))
    rows = -(-len(pairs) // columns)
    extent = max(map(abs, ax.get_ylim()))
    has_offset = ax.get_yscale() == "linear" and not 1e-5 <= extent < 1e6  # then "×10⁻⁶" stands where the legend would
    ax.legend(
        [handle for handle, _ in pairs],
        [label for _, label in pairs],
        title=typeset(title) or None,
        alignment="left",
        ncols=max(1, -(-len(pairs) // max(1, rows))),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.07 if has_offset else 1.0),
    )
    if remark:
        ax.text(
            1.015,
            0.0,
            typeset(remark),
            transform=ax.transAxes,
            rotation=90,
            rotation_mode="anchor",
            ha="left",
            va="top",
            fontsize=5.5,
            color="0.35",
        )


def pale(color: str) -> str:
    """A color mixed with white, for faces of bars."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (0.45 * channel + 0.55 for channel in to_rgb(color))
    return to_hex((red, green, blue))


def typeset(text: str) -> str:
    r"""Plain text with its symbols as mathtext: "T_A = 1" becomes "$T_{\mathrm{A}}$ = 1", "T = 1" "$T$ = 1"."""
    return SYMBOL.sub(r"$\g<0>$", SUBSCRIPT.sub(r"$\1_{\\mathrm{\2}}$", text))


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, without it."""
    return re.split(r"\.(?:\s|$)", text, maxsplit=1)[0]
