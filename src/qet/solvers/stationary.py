"""Steady states of systems too large for a dense generator, by an iteration in their symmetry sectors.

Write L = J - M with M rho = K rho + h.c. the loss without jumps and J the jumps (see `blockwise`). L rho = 0 is the
fixed point of J M⁻¹, the map from what leaves at one jump to what leaves at the next; it conserves the trace, and its
spectrum depends on how many jumps the system needs to forget, not on how fast they come. The fixed point is found by
GMRES on (1 - J M⁻¹) sigma = 0 from a first guess with a trace, rho = M⁻¹ sigma; all corrections are traceless.

The first guess solves the rate equation of the populations in the energy basis, which is exact to zeroth order in the
rates where H has no degeneracy. The residual reported is that of L itself, whatever the accuracy of M⁻¹.

Derived here; GMRES is that of Saad and Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.conventions import ROUNDING
from qet.foundations.errors import NotOffered, TooLarge
from qet.foundations.spelling import spelled_bytes
from qet.physics.baths import Bath, Jump
from qet.solvers.blockwise import Action, Blockwise, WithoutJumps, blockwise, frame_in_sectors
from qet.solvers.commutant import independent_states
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.liouville import Frame
from qet.solvers.masters import Master, cutoff_of
from qet.solvers.redfield import channels_of
from qet.solvers.sectors import Sectors, sectors_of
from qet.solvers.setting import Found, Piece, Setting, reasons_of

Array = np.ndarray
LARGEST = 256  # levels
TOLERANCE = 1e-13  # of ‖L rho‖ / (mean loss rate ‖rho‖), where the iteration stops
_MOST_VECTORS, _RESTARTS = 150, 6
_CLOSED = 1e-12  # of a new vector that is rounding, relative to what it is left over from
_LOOK = 4  # vectors between two looks at the residual
_RANK_TOLERANCE = 1e-13  # of an eigenvalue of a density matrix that counts as zero


@dataclass(frozen=True, eq=False)
class Point:
    """One point of a setting: its generator in the energy basis of its sectors."""

    piece: Piece
    generator: Blockwise
    sectors: Sectors

    @property
    def frame(self) -> Frame:
        """The energy basis."""
        return self.piece.frame

    @property
    def diverges(self) -> dict[int, Any]:
        """Per surrounding, the frequency at which it has no finite rate."""
        return self.piece.diverges


def point_of(setting: Setting, index: int, sectors: Sectors) -> Point:
    """The generator at one point.

    Raises:
        NotOffered: for an equation that does not keep blocks.
    """

    def pick(value: Any) -> Any:
        return value[index] if np.ndim(value) else value

    if not keeps_blocks(setting.master, setting.surroundings):
        raise NotOffered(
            f"master={setting.master!r} compares pairs of Bohr frequencies one by one (the secular equation where bare "
            f'jumps mix them), which takes solver="dense", up to 6 qubits; these are {setting.n_sites}. Take '
            '"redfield" or "universal", or "secular" with baths alone.'
        )
    H = each_coefficient(setting.H, pick)
    things = tuple(each_parameter(thing, pick) for thing in setting.surroundings)
    frame = frame_in_sectors(H, setting.n_sites, sectors.labels)
    found = channels_of(H, frame, things, setting.n_sites, setting.master)
    generator = blockwise(frame, found.channels, sectors.labels, is_secular=setting.cutoff is not None)
    return Point(Piece(H, things, frame, found.channels, found.diverges), generator, sectors)


def keeps_blocks(master: Master, surroundings: tuple[Bath | Jump, ...]) -> bool:
    """Whether an equation is products of matrices on blocks of rho: if cut by frequencies, then at 0 and for baths."""
    cutoff = cutoff_of(master)
    return cutoff is None or (cutoff == 0.0 and all(isinstance(thing, Bath) for thing in surroundings))


def solve_iteratively(setting: Setting, *, is_judged: bool = False) -> Found:
    """The steady states of all points, one after the other; see `setting.solve`."""
    check_size(setting.d)
    sectors = sectors_of(setting.H, setting.surroundings, setting.n_sites, setting.master)
    n, d = setting.n_points, setting.d
    rho = np.empty((n, d, d), dtype=complex)
    residual, smallest, error = np.empty((3, n))
    null = np.ones(n, dtype=int)
    diverges = {column: np.full(n, np.nan) for column in range(len(setting.surroundings))}
    because: dict[str, Array] = {}
    for i in range(n):
        point = point_of(setting, i, sectors)
        for name, ratio in (reasons_of(setting, point.piece) if is_judged else {}).items():
            because.setdefault(name, np.zeros(n))[i] = ratio
        for column, frequency in point.diverges.items():
            diverges[column][i] = frequency
        action = Action(point.generator, sectors.pairs)
        solved = fixed_point(action)
        rho[i] = point.frame.restore(action.unpacked(solved.x, sectors.labels, d))
        residual[i] = solved.residual
        values, vectors = spectrum(action, solved.x)
        smallest[i] = values.min()
        error[i] = max(solved.residual, ROUNDING) * solved.growth * np.abs(point.frame.energies).max()
        null[i] = independent_states(point.generator, support_of(action, values, vectors))
    shaped = setting.shaped
    return Found(
        shaped(rho),
        shaped(residual),
        shaped(smallest),
        shaped(error),
        shaped(null),
        {column: np.asarray(shaped(frequency)) for column, frequency in diverges.items()},
        {name: np.asarray(shaped(ratio)) for name, ratio in because.items()},
    )


def check_size(d: int) -> None:
    """Refuse what would not fit.

    Raises:
        TooLarge: beyond 8 qubits.
    """
    if d > LARGEST:
        raise TooLarge(
            f"2^{d.bit_length() - 1} levels: every vector of the iteration takes {spelled_bytes(16.0 * d**2)} without "
            f"symmetry, {spelled_bytes(_MOST_VECTORS * 16.0 * d**2)} in all, and a coupling as much as a vector. The "
            f"iteration goes up to {LARGEST} levels (8 qubits)."
        )


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Where the iteration stopped.

    Attributes:
        x: The state, trace 1, as a vector of the action.
        residual: ‖L x‖ / ‖x‖ relative to the mean loss rate, which is below ‖L‖.
        growth: One over the smallest singular value of the iteration matrix on its Krylov space.
        steps: Number of Krylov vectors made.
    """

    x: Array
    residual: float
    growth: float
    steps: int


def fixed_point(action: Action, start: Array | None = None, tolerance: float = TOLERANCE) -> FixedPoint:
    """A state of unit trace with L x = 0 on the diagonal blocks of an action.

    Where there are several, the one that `start` (by default the first guess) goes over into.
    """
    rate = action.generator.mean_loss
    x = first_guess(action) if start is None else start
    growth, steps = 1.0, 0
    if rate <= 0.0:  # nothing ever happens
        return FixedPoint(x, 0.0, growth, steps)
    inverse = WithoutJumps(action)
    image = action(x)
    for _ in range(_RESTARTS):
        before, goal = float(np.linalg.norm(image)), tolerance * rate * float(np.linalg.norm(x))
        if before <= goal:
            break
        change, seen, made = gmres(lambda sigma: -action(inverse(sigma)), image, goal)
        growth = max(growth, seen) if steps == 0 else growth  # a later pass starts from rounding, and sees its noise
        steps += made
        trial = x + inverse(change)
        trial = trial / action.trace(trial)
        moved = action(trial)
        if not np.linalg.norm(moved) < before:
            break
        x, image = trial, moved
        if np.linalg.norm(image) > 0.5 * before:  # rounding has been reached, or nothing helps
            break
    return FixedPoint(x, float(np.linalg.norm(image) / np.linalg.norm(x)) / rate, growth, steps)


def spectrum(action: Action, x: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors (d, d) of a state in diagonal blocks, levels in the order of the sectors."""
    values, vectors, place = [], np.zeros((action.levels, action.levels), dtype=complex), 0
    for i, (rows, _) in enumerate(action.shapes):
        found, vectors[place : place + rows, place : place + rows] = np.linalg.eigh(action.block(x, i))
        values.append(found)
        place += rows
    return np.concatenate(values), vectors


def support_of(action: Action, values: Array, vectors: Array) -> Array | None:
    """The support of the largest steady state, as columns; None where the state found has full rank.

    The largest is what the identity goes over into.
    """
    if np.all(np.abs(values) > _RANK_TOLERANCE):
        return None
    identity = action.packed(np.eye(action.levels) / action.levels, action.places)
    values, vectors = spectrum(action, fixed_point(action, identity).x)
    return vectors[:, np.abs(values) > _RANK_TOLERANCE]


def first_guess(action: Action) -> Array:
    """The state with the populations of the rate equation W_ab = 2 Re Σ X_ab A*_ab, Σ_a W_ab = 0; else the identity."""
    generator, d = action.generator, action.levels
    if generator.mean_loss <= 0.0:
        return action.packed(np.eye(d) / d, action.places)
    W = np.zeros((d, d))
    for moves in generator.moves:
        for source, move in moves.items():
            W[np.ix_(action.places[move.target], action.places[source])] += 2.0 * np.real(move.X * move.A.conj())
    W -= np.diag(W.sum(axis=0))
    populations = np.linalg.lstsq(np.vstack([W / generator.mean_loss, np.ones(d)]), np.eye(d + 1)[d], rcond=None)[0]
    if not (np.all(np.isfinite(populations)) and populations.min() > -1e-9):
        populations = np.full(d, 1.0 / d)
    x = action.packed(np.diag(populations), action.places)
    return x / action.trace(x)


def _least_squares(H: Array, size: int, beta: float, goal: float) -> tuple[Array, float]:
    """The y with H y nearest to beta e_1, and the distance: the shortest since the last look that meets the goal.

    Vectors past it may be rounding, which the singular values must not see.
    """
    for used in range(max(1, size - _LOOK + 1), size + 1):
        target = beta * np.eye(used + 1)[0]
        y = np.linalg.lstsq(H[: used + 1, :used], target, rcond=None)[0]
        left = float(np.linalg.norm(H[: used + 1, :used] @ y - target))
        if left <= goal:
            break
    return y, left


def gmres(apply: Any, right: Array, tolerance: float) -> tuple[Array, float, int]:
    """The y with apply(y) = right in the least-squares sense over a Krylov space of real dimension, without restart.

    Returns:
        y; one over the smallest singular value met; the number of vectors.
    """
    beta = float(np.linalg.norm(right))
    basis = np.empty((_MOST_VECTORS + 1, 2 * len(right)))
    basis[0] = right.view(float) / beta
    H = np.zeros((_MOST_VECTORS + 1, _MOST_VECTORS))
    for size in range(1, _MOST_VECTORS + 1):
        known, column = basis[:size], H[:, size - 1]
        vector = apply(basis[size - 1].view(complex)).view(float)
        for _ in range(2):  # orthogonal to rounding
            overlap = known @ vector
            vector = vector - overlap @ known
            column[:size] += overlap
        column[size] = np.linalg.norm(vector)
        is_closed = column[size] <= _CLOSED * np.abs(column[:size]).max()
        if is_closed or size % _LOOK == 0 or size == _MOST_VECTORS:
            y, left = _least_squares(H, size, beta, 0.3 * tolerance)
            if is_closed or left <= 0.3 * tolerance:
                break
        basis[size] = vector / column[size]
    used = len(y)
    singular = np.linalg.svd(H[: used + 1, :used], compute_uv=False)
    return (y @ basis[:used]).view(complex), 1.0 / max(float(singular[-1]), np.finfo(float).tiny), used
