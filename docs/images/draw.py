"""Draw the figures of scaling.md again, beside this file: `.venv/bin/python docs/images/draw.py`, about a minute.

Those of profile.md and of the README are drawn by the snippet there and by `make`.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import qet
from qet.interfaces.drawing import STYLE
from qet.studies.literature.chains.panels import PANELS
from qet.studies.phases import phase_point

HERE = Path(__file__).parent
SITES = 8


def scaling() -> None:
    """Panels (a) to (d) of `qet reproduce chains`."""
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(6.9, 5.8), layout="constrained")
        for ax, panel in zip(axes.flat, PANELS[:4], strict=True):
            qet.plot.panel(panel(), ax=ax)
        figure.savefig(HERE / "scaling.png", dpi=150)


def phase_map() -> None:
    """E_B of the XXZ chain over anisotropy and field, with the half-chain entropy."""

    def xxz(Delta: np.ndarray, hz: np.ndarray) -> dict[str, np.ndarray]:
        return phase_point(qet.xxz(SITES, Delta=Delta, hz=hz))

    axes = {"Delta": np.linspace(-1.49, 3.0, 46), "hz": np.linspace(0.05, 4.0, 41)}
    data = qet.sweep(xxz, **axes, errors="record")
    ax = qet.plot.phase_map(data, contours="entropy")
    ax.set_xlabel(r"$\Delta$")
    ax.set_ylabel("field $h$ ($J$)")
    ax.figure.axes[-1].set_ylabel(r"$E_\mathrm{B}$ ($J$)")
    ax.figure.savefig(HERE / "phase-map.png", dpi=150)


if __name__ == "__main__":
    mpl.use("Agg")
    scaling()
    phase_map()
