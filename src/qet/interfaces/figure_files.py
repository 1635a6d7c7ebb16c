"""Figures into files that depend on what is drawn alone: saved twice, in two processes, they are the same bytes.

Matplotlib writes the date into PDF and SVG, and random identifiers into SVG; both are left out here. Fonts are embedded
as outlines, so that journals take them.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qet.foundations.errors import unknown

from .drawing import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 300},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
}


def save(figure: Axes | Figure, path: str | PathLike[str]) -> Path:
    """Write a figure to a file, the same bytes every time.

    Args:
        figure: What a function of `qet.plot` returned, or a Matplotlib figure.
        path: Where; the ending says the format: .pdf, .png (300 dots per inch) or .svg.

    Returns:
        The path.

    Raises:
        UnknownName: for another ending.
        OSError: where the file cannot be written.

    Example:
        >>> import tempfile, qet
        >>> ax = qet.plot.ledger(qet.teleport(qet.ground(qet.minimal())))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = [qet.plot.save(ax, f"{folder}/{name}.pdf") for name in ("one", "two")]
        ...     files[0].read_bytes() == files[1].read_bytes()
        True
    """
    from matplotlib import style

    file = Path(path)
    ending = file.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise unknown("ending of a figure", file.suffix, [f".{name}" for name in FORMATS])
    whole: Any = figure if hasattr(figure, "savefig") else figure.figure
    with style.context(STYLE):
        whole.savefig(file, **FORMATS[ending])
    return file
