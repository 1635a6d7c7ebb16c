"""A steady-state problem over a batch, and its answers chunk by chunk.

Every parameter is flattened once; a chunk is a slice of the points, small enough for its generators to
stay in the cache. The functions here answer for all points: the state, the gap, the currents, the validity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.physics.spectra import onset
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.diagnostics import Currents, Validity
from qet.solvers.liouville import (
    Channel,
    Frame,
    Layout,
    classes_of,
    flows,
    frame_of,
    generator,
    generator_gap,
    layout_of,
    smallest_eigenvalue,
    solve_steady,
)
from qet.solvers.masters import Master, cutoff_of
from qet.solvers.redfield import channels_of, flips_of_surroundings
from qet.solvers.validity import grouping_excess, local_excess, memory_excess, scales

Array = np.ndarray
_CHUNK_ENTRIES = 2**19  # of d⁴ entries a chunk
_LARGEST_GAP = 64  # levels


@dataclass(frozen=True, eq=False)
class Setting:
    """H and surroundings under a master equation, arrays flattened to the points.

    Attributes:
        H: The Hamiltonian.
        n_sites: Number of qubits.
        surroundings: Baths and jumps.
        master: "redfield", "secular", ("partial", cutoff), "universal", "local" or "gksl".
        shape: The batch shape.
        group: What labels differ by in a class that the generator conserves (see `liouville`).
    """

    H: PauliSum
    n_sites: int
    surroundings: tuple[Bath | Jump, ...]
    master: Master
    shape: tuple[int, ...]
    group: tuple[int, ...]

    @property
    def layout(self) -> Layout:
        """Where the unknowns of each class sit."""
        return layout_of(self.d, self.group)

    @property
    def d(self) -> int:
        """Number of levels."""
        return int(2**self.n_sites)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def cutoff(self) -> float | None:
        """Bohr frequencies further apart than this are kept apart; None: none is."""
        return cutoff_of(self.master)

    @property
    def is_blurred(self) -> bool:
        """Whether rounding of levels that are close matters: a cut-off tells them apart, or n(w) diverges at w = 0."""
        hot = (thing for thing in self.surroundings if isinstance(thing, Bath) and thing.statistics == "boson")
        return self.cutoff is not None or (
            self.master != "local" and any(onset(bath.spectrum)[0] < 1.0 for bath in hot)
        )

    def chunks(self) -> Iterator[slice]:
        """Slices of the points."""
        step = max(1, _CHUNK_ENTRIES // self.d**4)
        for start in range(0, self.n_points, step):
            yield slice(start, min(start + step, self.n_points))

    def shaped(self, values: Array) -> Array:
        """Values over the points, shape (points, ...), in the batch shape."""
        return values.reshape((*self.shape, *values.shape[1:]))[()]


@dataclass(frozen=True, eq=False)
class Piece:
    """One chunk: its energy basis, channels and divergences."""

    H: PauliSum
    surroundings: tuple[Bath | Jump, ...]
    frame: Frame
    channels: list[Channel]
    diverges: dict[int, Any]


@dataclass(frozen=True, eq=False)
class Found:
    """What the solve found at every point, shapes (*shape, ...).

    Attributes:
        rho: Density matrices in the basis of the sites.
        residual: ‖L rho‖ / (‖L‖ ‖rho‖).
        smallest_eigenvalue: Of rho.
        error: Estimated absolute error of an energy: residual, rounding of the rows and of the gaps in them times the
            condition, and the rounding of levels over their distance where that matters, times ‖H‖.
        null_dimension: Number of steady states.
        diverges: Per surrounding, the frequency at which it has no finite rate, NaN where it has.
        because: Ratios by their reason (see `validity`), where they were asked for.
    """

    rho: Array
    residual: Array
    smallest_eigenvalue: Array
    error: Array
    null_dimension: Array
    diverges: dict[int, Array]
    because: dict[str, Array]


def setting_of(
    model: Model, surroundings: tuple[Bath | Jump, ...], master: Master, batch: tuple[int, ...] = ()
) -> Setting:
    """Flatten a problem to its points; `batch` is the shape of whatever else it broadcasts with."""
    shape = np.broadcast_shapes(model.shape, batch, *(thing.shape for thing in surroundings))

    def flat(value: Any) -> Any:
        return np.broadcast_to(value, shape).reshape(-1) if np.ndim(value) else value

    H = each_coefficient(model.H, flat)
    things = tuple(each_parameter(thing, flat) for thing in surroundings)
    group = classes_of(model.n_sites, H, flips_of_surroundings(things, H, model.n_sites, master))
    return Setting(H, model.n_sites, things, master, shape, group)


def picked(setting: Setting, mask: Array) -> Setting:
    """The points of a mask, which has the batch shape, as a list."""
    flat = np.asarray(mask).reshape(-1)

    def pick(value: Any) -> Any:
        return value[flat] if np.ndim(value) else value

    H, things = each_coefficient(setting.H, pick), tuple(each_parameter(thing, pick) for thing in setting.surroundings)
    return replace(setting, H=H, surroundings=things, shape=(int(flat.sum()),))


def solve(setting: Setting, *, is_judged: bool = False) -> Found:
    """The steady states of all points; with `is_judged` also how far each is from the border of the theory."""
    n, d = setting.n_points, setting.d
    rho = np.empty((n, d, d), dtype=complex)
    numbers = {name: np.empty(n) for name in ("residual", "smallest", "error")}
    null = np.empty(n, dtype=int)
    diverges = {column: np.full(n, np.nan) for column in range(len(setting.surroundings))}
    because: dict[str, Array] = {}
    for part in setting.chunks():
        piece = piece_of(setting, part)
        for name, ratio in (reasons_of(setting, piece) if is_judged else {}).items():
            because.setdefault(name, np.zeros(n))[part] = ratio
        P = generator(piece.frame, piece.channels, setting.layout, setting.cutoff)
        found = solve_steady(P, setting.layout, d)
        rho[part] = piece.frame.restore(found.rho)
        # each row of the scaled system is rounded to about 4 ε, the probes of its condition have unit norm
        rounding = np.maximum(found.residual, 4.0 * np.sqrt(setting.layout.pairs.shape[1]) * np.finfo(float).eps)
        size = np.abs(piece.frame.energies).max(axis=-1)
        loose = 4.0 * np.finfo(float).eps * size  # of a gap
        blur = loose / piece.frame.closest if setting.is_blurred else 0.0
        numbers["error"][part] = ((rounding + loose * found.turning) * found.condition + blur) * size
        numbers["residual"][part] = found.residual
        bad = ~np.isfinite(found.residual)
        numbers["smallest"][part] = smallest_eigenvalue(
            np.where(bad[..., None, None], 0.0, found.rho) if bad.any() else found.rho, setting.layout
        )
        null[part] = found.null_dimension
        for column, frequency in piece.diverges.items():
            diverges[column][part] = frequency
    shaped = setting.shaped
    return Found(
        shaped(rho),
        shaped(numbers["residual"]),
        shaped(numbers["smallest"]),
        shaped(numbers["error"]),
        shaped(null),
        {column: np.asarray(shaped(frequency)) for column, frequency in diverges.items()},
        {name: shaped(ratio) for name, ratio in because.items()},
    )


def gap_of(setting: Setting) -> Array:
    """The slowest relaxation rate at every point.

    Raises:
        NotOffered: beyond 64 levels, where the generator is never written out.
    """
    if setting.d > _LARGEST_GAP:
        raise NotOffered(
            f"the gap takes all eigenvalues of the generator, and is offered up to {_LARGEST_GAP} levels; these are "
            f"{setting.d}. Follow the relaxation in time instead: qet.evolve(state, t, surroundings=...)."
        )
    gaps = np.empty(setting.n_points)
    for part in setting.chunks():
        piece = piece_of(setting, part)
        gaps[part] = generator_gap(generator(piece.frame, piece.channels, setting.layout, setting.cutoff))
    return setting.shaped(gaps)


def currents_of(setting: Setting, rho: Array) -> Currents:
    """Energy and particles that every surrounding brings in, given the states in the basis of the sites."""
    n, columns = setting.n_points, len(setting.surroundings)
    energy, particles = np.zeros((n, columns)), np.zeros((n, columns))
    flat = rho.reshape(n, setting.d, setting.d)
    for part in setting.chunks():
        piece = piece_of(setting, part)
        inside = piece.frame.rotate(flat[part])
        for channel in piece.channels:
            brought, events = flows(piece.frame, channel, inside, setting.cutoff)
            energy[part, channel.column] += brought
            particles[part, channel.column] += channel.particles * events
    return Currents(setting.shaped(energy), setting.shaped(particles))


def validity_of(setting: Setting) -> Validity:
    """How far every point is from the border of its theory."""
    reached = np.full((2, setting.n_points), np.nan)
    for part in setting.chunks():
        H, surroundings = cut(setting, part)
        frame = frame_of(H, setting.n_sites)
        for bath in surroundings:
            if isinstance(bath, Bath):
                both = scales(bath, H, frame, setting.n_sites, is_local=setting.master == "local")
                for row, ratio in zip(reached, both, strict=True):
                    row[part] = np.fmax(row[part], ratio)
    return Validity(setting.shaped(reached[0]), setting.shaped(reached[1]), setting.master, reasons(setting))


def reasons(setting: Setting) -> dict[str, Array]:
    """The ratios of all points by their reason (see `validity`)."""
    found: dict[str, Array] = {}
    for part in setting.chunks():
        for name, ratio in reasons_of(setting, piece_of(setting, part)).items():
            found.setdefault(name, np.zeros(setting.n_points))[part] = ratio
    return {name: setting.shaped(ratio) for name, ratio in found.items()}


def reasons_of(setting: Setting, piece: Piece) -> dict[str, Any]:
    """The ratios of a chunk by their reason (see `validity`); none without baths."""
    baths = [thing for thing in piece.surroundings if isinstance(thing, Bath)]
    if not baths:
        return {}
    if setting.master == "local":
        return local_excess(piece.H, baths)
    reasons = {"memory": memory_excess(piece.channels, piece.surroundings, piece.frame)}
    if setting.cutoff is not None:
        reasons["grouping"] = grouping_excess(piece.channels, piece.frame, setting.cutoff)
    return reasons


def cut(setting: Setting, part: slice) -> tuple[PauliSum, tuple[Bath | Jump, ...]]:
    """H and surroundings at the points of a slice."""

    def inside(value: Any) -> Any:
        return value[part] if np.ndim(value) else value

    return each_coefficient(setting.H, inside), tuple(each_parameter(thing, inside) for thing in setting.surroundings)


def piece_of(setting: Setting, part: slice) -> Piece:
    """The points of a slice: their energy basis and channels."""
    H, surroundings = cut(setting, part)
    frame = frame_of(H, setting.n_sites)
    found = channels_of(H, frame, surroundings, setting.n_sites, setting.master)
    return Piece(H, surroundings, frame, found.channels, found.diverges)
