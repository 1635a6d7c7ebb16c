"""Figures of the energy in space and time: the stages along the chain, the light cone, and an animation.

Red is energy above that of the reference, blue below it; zero is white. Where one sign is much the weaker, as Bob's dip
beside Alice's packet, the scale is linear around zero and logarithmic further out (asinh), so that both show.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch
from qet.protocols.profile import Profile
from qet.studies.literature.entry import Curve

from .drawing import COLORS, PANEL_SIZE, draw_curve, drawing, legend_above

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
ABOVE, BELOW = "#B2182B", "#2166AC"
SPACETIME_SIZE = (3.375, 3.0)  # inches; room for the color bar
SHOWN = 0.1  # share of the stronger sign from which the weaker one shows on a linear scale
MOST_TICKS = 4  # of powers of ten, on either side of zero
TIME = "time $t$ from Bob's act (1/energy)"
STAGE_WORDS = {"measured": "after Alice", "delayed": "after the delay", "after": "after Bob"}
PART_WORDS = {
    "excess": "excess energy of a site (units of $H$)",
    "taken": "energy of a site, with Bob − without (units of $H$)",
    "motion": "energy of a site (units of $H$)",
    "undisturbed": "energy of a site, untouched (units of $H$)",
    "without_bob": "energy of a site without Bob (units of $H$)",
}


def profile(profile: Profile, *, ax: Axes | None = None) -> Axes:
    """What every site has gained since the start, at each stage of a run.

    Args:
        profile: From `qet.profile(run, by="site")`, of one point.
        ax: Where; a new figure by default.

    Raises:
        NotOffered: for a profile by terms. ShapeMismatch: for a batch of runs.
    """
    _check("profile", profile)
    stages = [stage for stage in STAGE_WORDS if stage != "delayed" or profile.run.has_delay]
    changes = [profile.change("before", stage) for stage in stages]
    with drawing(ax, PANEL_SIZE) as axes:
        axes.axhline(0.0, color="0.6", linewidth=0.6)
        for i, (stage, change) in enumerate(zip(stages, changes, strict=True)):
            curve = Curve(STAGE_WORDS[stage], profile.positions, change, "dashed" if stage == "delayed" else "line")
            draw_curve(axes, curve, COLORS[(1, 3, 2)[i] if len(stages) > 2 else i + 1], i, i)
            axes.lines[-1].set_markevery(1)
        _scale_y(axes, np.array(changes))
        _mark_parties(axes, profile)
        axes.set_xlabel("site")
        axes.set_ylabel("energy gained (units of $H$)")
        axes.set_xlim(-0.7, len(changes[0]) - 0.3)
        legend_above(axes)
    return axes


def spacetime(profile: Profile, *, of: str = "excess", speed: Any = None, ax: Axes | None = None) -> Axes:
    """The energy over sites and times as colors: red above zero, blue below, white where there is none.

    Dashed lines are the light cones of both acts, where the speed is known (uniform XY and Ising chains) or given.

    Args:
        profile: From `qet.profile(run, by="site", t=...)` with two times or more, of one point.
        of: "excess" over the undisturbed state, or what Bob has "taken"; also "motion", "undisturbed", "without_bob".
        speed: Of the light cones, in sites per time; by default the model's own.
        ax: Where; a new figure by default.

    Raises:
        NotOffered: for a profile by terms. ShapeMismatch: for a batch of runs. UnknownName: for another part.
        BadParameter: for a profile without times or with one, and for a speed that is no positive number.
    """
    _check("spacetime", profile)
    times = _times_of("spacetime", profile, 2)
    values = profile.part(of)
    with drawing(ax, SPACETIME_SIZE) as axes:
        mesh = axes.pcolormesh(
            profile.positions, times, values.T, shading="nearest", rasterized=True, cmap="RdBu_r", norm=_norm(values)
        )
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
        bar.set_label(PART_WORDS[of])
        width = _linear_width(values)
        if width is not None:
            bar.set_ticks(_decades(width, float(np.abs(values).max())))
        bar.minorticks_off()
        step = np.diff(times)
        axes.set(xlim=(-0.5, len(values) - 0.5), ylim=(times[0] - step[0] / 2, times[-1] + step[-1] / 2))
        speed = profile.speed if speed is None else real("speed", speed, minimum=0.0)
        if speed is not None:
            _draw_cones(axes, profile, float(speed))
        _mark_parties(axes, profile, is_shaded=False)
        axes.set_xlabel("site")
        axes.set_ylabel(TIME)
    return axes


def animate(profile: Profile, path: Any = None, *, of: str = "excess", fps: int = 12) -> FuncAnimation:
    """The energy along the chain as bars that move with time.

    Args:
        profile: From `qet.profile(run, by="site", t=...)`, of one point; one frame a time.
        path: File to write, such as "packet.gif" (Pillow writes it; nothing else is needed); None: none.
        of: "excess" over the undisturbed state, or what Bob has "taken"; also the other parts.
        fps: Frames a second.

    Returns:
        The animation; in a notebook `HTML(animation.to_jshtml())` shows it.

    Raises:
        NotOffered: for a profile by terms. ShapeMismatch: for a batch of runs. UnknownName: for another part.
        BadParameter: for a profile without times, a path of another kind, or fps <= 0.
    """
    from matplotlib.animation import FuncAnimation, PillowWriter

    _check("animate", profile)
    times = _times_of("animate", profile, 1)
    if not real("fps", fps, minimum=0.0) > 0.0:
        raise BadParameter(f"fps, frames a second, must be positive; got {fps}.")
    if path is not None and Path(path).suffix.lower() != ".gif":
        raise BadParameter(f"plot.animate writes a GIF: give a path that ends in .gif; got {str(path)!r}.")
    values = profile.part(of)
    with drawing(None, PANEL_SIZE) as axes:
        bars = axes.bar(profile.positions, values[:, 0], 0.8)
        axes.axhline(0.0, color="black", linewidth=0.6)
        _scale_y(axes, values)
        axes.set_xlim(-0.7, len(values) - 0.3)
        _mark_parties(axes, profile)
        axes.set_xlabel("site")
        axes.set_ylabel(PART_WORDS[of])
        clock = axes.text(0.985, 0.95, "", transform=axes.transAxes, ha="right", va="top")

        def show(frame: int) -> list[Any]:
            for bar, value in zip(bars, values[:, frame], strict=True):
                bar.set_height(value)
                bar.set_facecolor(ABOVE if value > 0.0 else BELOW)
            clock.set_text(f"$t$ = {times[frame]:.2f}")
            return [*bars, clock]

        animation = FuncAnimation(
            cast("Figure", axes.figure), show, frames=times.size, interval=1000.0 / fps, init_func=list
        )
        if path is not None:
            animation.save(str(path), writer=PillowWriter(fps=fps), dpi=150)
    return animation


def _check(word: str, profile: Profile) -> None:
    if not isinstance(profile, Profile):
        raise BadParameter(f"plot.{word} draws a profile, such as qet.profile(run, by='site'); got {profile!r}.")
    if profile.by != "site":
        raise NotOffered(f"plot.{word} draws energies along the sites; make the profile with by='site'.")
    if profile.run.shape:
        raise ShapeMismatch(
            f"plot.{word} draws one run; this profile has shape {profile.run.shape}. Make the run of one point."
        )


def _times_of(word: str, profile: Profile, least: int) -> Array:
    if profile.times is None or profile.times.size < least:
        some = "times" if least == 1 else f"{least} times or more"
        raise BadParameter(f"plot.{word} needs {some}: qet.profile(run, by='site', t=np.linspace(0, 5, 51)).")
    return profile.times


def _linear_width(values: Array) -> float | None:
    """Half-width of the linear part of an asinh scale; None where a linear scale shows both signs."""
    above, below = float(max(values.max(), 0.0)), float(max(-values.min(), 0.0))
    weaker, stronger = min(above, below), max(above, below)
    is_noise = weaker <= 1e-10 * stronger
    return None if is_noise or weaker >= SHOWN * stronger else weaker / 10


def _norm(values: Array) -> Any:
    """Colors symmetric about zero, so that white means none."""
    from matplotlib.colors import AsinhNorm, Normalize

    largest = float(np.abs(values).max()) or 1.0
    width = _linear_width(values)
    return Normalize(-largest, largest) if width is None else AsinhNorm(width, -largest, largest)


def _decades(width: float, largest: float) -> list[float]:
    """Ticks of an asinh scale: zero, and powers of ten from the end of its linear part on, where the weaker sign is."""
    first, last = int(np.ceil(np.log10(3 * width))), int(np.floor(np.log10(largest)))
    powers = [10.0**e for e in range(first, last + 1, 1 + (last - first) // MOST_TICKS)]
    return [*(-power for power in reversed(powers)), 0.0, *powers]


def _scale_y(axes: Axes, values: Array) -> None:
    """A vertical axis that holds every value and zero, with some room, and shows both signs."""
    width = _linear_width(values)
    if width is not None:
        axes.set_yscale("asinh", linear_width=width)
        axes.yaxis.set_ticks(_decades(width, float(np.abs(values).max())), minor=False)
        axes.yaxis.set_ticks([], minor=True)
    transform = axes.yaxis.get_transform()
    low, high = transform.transform([min(float(values.min()), 0.0), max(float(values.max()), 0.0)])
    room = 0.12 * ((high - low) or 1.0)
    axes.set_ylim(*transform.inverted().transform([low - room, high + room]))


def _mark_parties(axes: Axes, profile: Profile, *, is_shaded: bool = True) -> None:
    """The parties' letters above their sites, and a shade over them."""
    model = profile.run.state.model
    for letter, sites in (("A", model.A), ("B", model.B)):
        for site in sites:
            if is_shaded:
                axes.axvspan(site - 0.5, site + 0.5, color="0.93", linewidth=0, zorder=0)
            axes.text(site, 0.99 if is_shaded else 1.01, letter, transform=axes.get_xaxis_transform(), ha="center",
                      va="top" if is_shaded else "bottom")  # fmt: skip


def _draw_cones(axes: Axes, profile: Profile, speed: float) -> None:
    """Where light from each party's act can be: x = edge ± speed (t - start)."""
    run = profile.run
    end = axes.get_ylim()[1]
    for sites, start in ((run.state.model.A, -float(run.delay)), (run.state.model.B, 0.0)):
        for edge, side in ((min(sites), -1), (max(sites), 1)):
            axes.plot([edge, edge + side * speed * (end - start)], [start, end], color="0.25", linestyle="--",
                      linewidth=0.7)  # fmt: skip
