"""Draw the figures of scaling.md and studies.md beside this file: `.venv/bin/python docs/images/draw.py`, a minute.

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


def million() -> None:
    """What the message is worth to a pair between a hot and a cold reservoir, at a million points."""

    def pair(k: np.ndarray, detuning: np.ndarray) -> qet.Run:
        baths = [qet.bath(0, T=1.0, rate=0.01), qet.bath(1, T=0.2, rate=0.01)]
        return qet.teleport(qet.steady(qet.minimal(h=1.0, k=k, detuning=detuning), baths, allow=("OutsideDomain",)))

    axes = {"k": np.linspace(0.002, 2.0, 1000), "detuning": np.linspace(-1.0, 1.0, 1000)}
    data = qet.sweep(pair, **axes, variables=("extracted", "teleported"))
    ax = qet.plot.phase_map(data, "teleported", contours="extracted", label="teleported energy ($h$)")
    ax.set_xlabel("coupling $k/h$")
    ax.set_ylabel(r"detuning $\epsilon_A-\epsilon_B$ ($h$)")
    ax.figure.savefig(HERE / "million.png", dpi=150)


if __name__ == "__main__":
    mpl.use("Agg")
    scaling()
    phase_map()
    million()
