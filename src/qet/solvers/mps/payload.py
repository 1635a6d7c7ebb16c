"""Matrix product states as a payload, and the questions they answer.

A point of the batch is a chain: of the state vector, or of a purification. `distance` says how far the vector is from
the exact one; a state's error on energies follows from it (`error_of`), and grows where the state is evolved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged, NotOffered
from qet.foundations.paulis import PauliSum
from qet.foundations.values import frozen
from qet.physics.model import Model
from qet.solvers.history import History
from qet.solvers.mps.chain import Chain, applied
from qet.solvers.mps.contract import density_matrix, means_of
from qet.solvers.mps.gates import Strings
from qet.solvers.mps.motion import Motion
from qet.solvers.questions import (
    branches_of,
    drift_of,
    error_after,
    evolved_of,
    expect_of,
    marginal_of,
    means_after,
    shape_of,
)
from qet.solvers.states import energy_scale

Array = np.ndarray
LARGEST_MARGINAL = 10  # sites
FARTHEST = 1e-4  # distance from the exact vector that passes without being asked for
GROWTH = 2  # times a chain's largest bond that an evolution may reach, at least MOVING
MOVING = 128
Key = tuple[tuple[Any, bytes], ...]


@dataclass(frozen=True, eq=False)
class MatrixProduct:
    """Matrix product vectors of length one, one a point.

    Attributes:
        chains: One a point of the batch, in C order.
        shape: Batch shape.
        distance: ‖v - exact‖, estimated, shape (*shape).
        rests_under: H under which the state stays as it is; None if it moves.
    """

    chains: tuple[Chain, ...]
    shape: tuple[int, ...]
    distance: Array
    rests_under: Key | None = None
    found: dict[Any, Any] = field(default_factory=dict)  # what branches became, once asked for

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance", frozen(np.asarray(self.distance)))

    @property
    def bond(self) -> int:
        """Largest bond dimension."""
        return max((max(chain.bonds, default=1) for chain in self.chains), default=1)


def key_of(model: Model) -> Key:
    """What identifies H without its constants."""
    return tuple((string, np.asarray(c).tobytes()) for string, c in model.dynamics.terms)


def strings_at(model: Model, shape: tuple[int, ...], index: tuple[int, ...]) -> Strings:
    """The strings of H at one point of a batch, zeros left out."""
    at = ((string, float(np.broadcast_to(c, shape)[index])) for string, c in model.dynamics.terms)
    return [(string, c) for string, c in at if c != 0.0]


def error_of(model: Model, distance: Any) -> Any:
    """Bound on the error of an energy that Bob extracts: 4 h ‖v - exact‖, shape ()-or-batch.

    What he extracts is the mean of W = Σ_k M_k† (H_[B] - Φ_k†(H_[B])) M_k, whose spectrum lies within ±2h where H_[B]
    lies within ±h. Two vectors of length one at a distance δ have density matrices, also on few sites, at a trace norm
    of 2δ at most, whose difference has trace zero: the means differ by 2h·2δ at most. An optimum over Bob's
    operations differs by no more. h is the largest Σ|c| over the strings that meet one site, times the number of
    Bob's. Derived here.
    """
    meeting = [np.asarray(energy_scale(model, (site,))) for site in model.sites]
    h = np.max(np.stack(np.broadcast_arrays(*meeting)), axis=0) * len(model.B)
    return 4.0 * h * np.asarray(distance)


@shape_of.register
def _(payload: MatrixProduct) -> tuple[int, ...]:
    return payload.shape


@marginal_of.register
def _(payload: MatrixProduct, sites: tuple[int, ...]) -> Array:
    if len(sites) > LARGEST_MARGINAL:
        raise NotOffered(
            f"the density matrix of {len(sites)} sites of a matrix product state; marginals are offered up to "
            f"{LARGEST_MARGINAL} sites. Ask for fewer sites, or for expectation values."
        )
    return _stacked([density_matrix(chain, sites) for chain in payload.chains], payload.shape)


@expect_of.register
def _(payload: MatrixProduct, operator: PauliSum) -> Any:
    means = [means_of(chain, operator.coefficients) for chain in payload.chains]
    return _mean(means, operator, payload.shape)


@evolved_of.register
def _(payload: MatrixProduct, model: Model, t: Any) -> MatrixProduct:
    if payload.rests_under == key_of(model):
        return payload
    shape = np.broadcast_shapes(payload.shape, model.shape, np.shape(t))
    chains, distances = [], np.empty(shape)
    for index, chain in _points(payload, shape):
        motion = motion_at(model, shape, index, chain)
        [(moved, distance)] = motion.over(chain, [float(np.broadcast_to(t, shape)[index])])
        chains.append(moved)
        distances[index] = np.broadcast_to(payload.distance, shape)[index] + distance
    moved_payload = MatrixProduct(tuple(chains), shape, distances)
    _refuse_far(moved_payload, "evolve")
    return moved_payload


@drift_of.register
def _(payload: MatrixProduct, model: Model) -> Any:
    return error_of(model, payload.distance)


@error_after.register
def _(payload: MatrixProduct, history: History) -> Any:
    return error_of(history.model, _branches(payload, history)[2])


@branches_of.register
def _(payload: MatrixProduct, history: History, sites: tuple[int, ...]) -> Array:
    if len(sites) > LARGEST_MARGINAL:
        raise NotOffered(f"branches on {len(sites)} sites of a matrix product state; up to {LARGEST_MARGINAL} are.")
    shape, branches, _ = _branches(payload, history)
    K = history.kraus.shape[-3]
    return _stacked([density_matrix(chain, sites) for chain in branches], (*shape, K))


@means_after.register
def _(payload: MatrixProduct, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    shape, branches, _ = _branches(payload, history)
    model, K = history.model, history.kraus.shape[-3]
    if history.operations is not None:
        shape = np.broadcast_shapes(shape, history.operations.shape[:-4])
    order = np.argsort(times)
    strings = {string for one in operators for string, _ in one.terms}
    totals = []
    for index, place in _places(_shape_of_branches(payload, history), shape):
        total: list[dict[Any, float]] = [dict.fromkeys(strings, 0.0) for _ in times]
        for k in range(K):
            for acted in _acted(branches[place * K + k], history, shape, index, k):
                motion = motion_at(model, shape, index, acted)
                late = motion.over(acted, [float(times[i]) for i in order])
                for i, (chain, _) in zip(order, late, strict=True):
                    for string, value in means_of(chain, strings).items():
                        total[i][string] += value
        totals += total
    means = [_mean(totals, operator, (*shape, len(times)), late=True) for operator in operators]
    return np.stack(np.broadcast_arrays(*means), axis=-1)


def motion_at(model: Model, shape: tuple[int, ...], index: tuple[int, ...], chain: Chain) -> Motion:
    """The motion under H at a point, for a chain."""
    bond = max(MOVING, GROWTH * max(chain.bonds, default=1))
    return Motion.of(strings_at(model, shape, index), model.n_sites, bond)


def _shape_of_branches(payload: MatrixProduct, history: History) -> tuple[int, ...]:
    parts = (history.model.shape, history.kraus.shape[:-3], np.shape(history.delay))
    return np.broadcast_shapes(payload.shape, *parts)


def _branches(payload: MatrixProduct, history: History) -> tuple[tuple[int, ...], list[Chain], Array]:
    """Chains of the branches when Bob acts, unnormalized, the outcomes fastest; and how far the delay put them off.

    They are kept for the next question.
    """
    shape, model = _shape_of_branches(payload, history), history.model
    delay = np.asarray(history.delay)
    key = (key_of(model), model.A, history.kraus.tobytes(), history.kraus.shape, delay.tobytes(), delay.shape)
    if key in payload.found:
        return shape, *payload.found[key]
    K, d = history.kraus.shape[-3], history.kraus.shape[-1]
    is_untouched = K == 1 and np.array_equal(history.kraus, np.broadcast_to(np.eye(d), history.kraus.shape))
    rests = is_untouched and payload.rests_under == key_of(model)
    branches, far = [], np.zeros(shape)
    for index, chain in _points(payload, shape):
        kraus = np.broadcast_to(history.kraus, (*shape, *history.kraus.shape[-3:]))[index]
        for M in kraus:
            if rests:
                branches.append(chain)
                continue
            start, _ = applied(chain, M, model.A, max(MOVING, GROWTH * max(chain.bonds, default=1)))
            motion = motion_at(model, shape, index, start)
            [(moved, distance)] = motion.over(start, [float(np.broadcast_to(delay, shape)[index])])
            branches.append(moved)
            far[index] = max(far[index], distance)
    payload.found[key] = branches, far
    _refuse_far(MatrixProduct(tuple(branches), (*shape, K), np.broadcast_to(far[..., None], (*shape, K))), "a delay")
    return shape, branches, far


def _acted(
    branch: Chain, history: History, shape: tuple[int, ...], index: tuple[int, ...], outcome: int
) -> Iterator[Chain]:
    """A branch after each of Bob's Kraus operators for its outcome; as it is where he does not act."""
    if history.operations is None:
        yield branch
        return
    operations = np.broadcast_to(history.operations, (*shape, *history.operations.shape[-4:]))[index][outcome]
    for operation in operations:
        yield applied(branch, operation, history.model.B, max(MOVING, GROWTH * max(branch.bonds, default=1)))[0]


def _refuse_far(payload: MatrixProduct, what: str) -> None:
    worst = float(np.max(payload.distance, initial=0.0))
    if worst > FARTHEST:
        raise NotConverged(
            f"{what}: the matrix product vector has a distance of {worst:.1e} from the exact one (bond dimension "
            f"{payload.bond}), more than {FARTHEST:.0e}: entanglement has grown. Ask for a shorter time, or start "
            "from a state with a larger bond, solver=('mps', bond).",
            mask=payload.distance > FARTHEST,
            best=payload,
        )


def _points(payload: MatrixProduct, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Chain]]:
    """Every point of a shape that the payload's broadcasts to, with its chain."""
    for index, place in _places(payload.shape, shape):
        yield index, payload.chains[place]


def _places(small: tuple[int, ...], large: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Every point of the larger shape, with the number of the smaller shape's point that stands there."""
    places = np.broadcast_to(np.arange(math.prod(small)).reshape(small), large)
    for index in np.ndindex(large):
        yield index, int(places[index])


def _stacked(matrices: list[Array], shape: tuple[int, ...]) -> Array:
    stacked = np.stack(matrices)
    return stacked.reshape(*shape, *stacked.shape[-2:])


def _mean(means: list[dict[Any, float]], operator: PauliSum, shape: tuple[int, ...], *, late: bool = False) -> Any:
    """Σ c <s> from a table of means a point; `late`: the last axis is time, which the coefficients do not have."""
    total: Any = np.zeros(shape)
    for string, c in operator.terms:
        factor = np.asarray(c)[..., None] if late and np.ndim(c) else c
        total = total + factor * np.array([one[string] for one in means]).reshape(shape)
    return np.asarray(total)[()]
