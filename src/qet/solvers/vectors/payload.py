"""A few state vectors as a state: rho = Σ_r |psi_r><psi_r|, and the questions it answers.

One vector is a pure state; several, not normalized one by one, a sampled thermal one. What moves in time moves as
vectors: each of Alice's outcomes and each of Bob's Kraus operators makes one of each vector, and they are followed
together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum
from qet.foundations.values import frozen
from qet.physics.model import Model
from qet.solvers.history import History
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
from qet.solvers.vectors.means import applied, marginal, means
from qet.solvers.vectors.motion import Motion, rounding_of
from qet.solvers.vectors.product import Product
from qet.solvers.vectors.strings import strings_of

Array = np.ndarray
LARGEST_MARGINAL = 12  # sites: a matrix of 4096 x 4096
_FEW_SITES = 4  # of an operator whose mean is read from a marginal


@dataclass(frozen=True, eq=False)
class Vectors:
    """rho = Σ_r |psi_r><psi_r|.

    Attributes:
        psi: The vectors, shape (*shape, R, d), site 0 leftmost; Σ_r <psi_r|psi_r> = 1.
        rounding: What evolution has added to their error, as a norm, shape ()-or-batch.
    """

    psi: Array
    rounding: Any = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "psi", frozen(self.psi))

    @property
    def n_sites(self) -> int:
        """Number of qubits."""
        return self.psi.shape[-1].bit_length() - 1

    def columns(self, index: tuple[int, ...], shape: tuple[int, ...]) -> Array:
        """The vectors at one point of a batch that the payload broadcasts to, as columns (d, R)."""
        return np.ascontiguousarray(np.broadcast_to(self.psi, (*shape, *self.psi.shape[-2:]))[index].T)


@shape_of.register
def _(payload: Vectors) -> tuple[int, ...]:
    return payload.psi.shape[:-2]


@marginal_of.register
def _(payload: Vectors, sites: tuple[int, ...]) -> Array:
    _check_marginal(sites)
    shape, d = shape_of(payload), 2 ** len(sites)
    out = np.empty((*shape, d, d), dtype=payload.psi.dtype)
    for index in np.ndindex(shape):
        out[index] = marginal(payload.columns(index, shape), sites, payload.n_sites)
    return out


@expect_of.register
def _(payload: Vectors, operator: PauliSum) -> Any:
    support = operator.support
    if len(support) <= _FEW_SITES:
        value = np.einsum("...ij,...ji->...", operator.matrix(support), marginal_of(payload, support))
    else:
        shape = np.broadcast_shapes(shape_of(payload), operator.shape)
        value = np.empty(shape, dtype=complex)
        for index in np.ndindex(shape):
            here = strings_of(operator, payload.n_sites, index)
            value[index] = means(payload.columns(index, shape), [here])[0]
        value = value[()]
    return np.real(value) if operator.is_hermitian else value


@drift_of.register
def _(payload: Vectors, model: Model) -> Any:
    return 2.0 * payload.rounding * energy_scale(model)


@evolved_of.register
def _(payload: Vectors, model: Model, t: Any) -> Vectors:
    shape = np.broadcast_shapes(shape_of(payload), model.shape, np.shape(t))
    psi = np.empty((*shape, *payload.psi.shape[-2:]), dtype=complex)
    times, rounding = np.broadcast_to(t, shape), np.empty(shape)
    for index, motion in _motions(model, shape):
        psi[index] = motion.evolved(payload.columns(index, shape), float(times[index])).T
        rounding[index] = motion.rounding(float(times[index]))
    return Vectors(psi, (payload.rounding + rounding)[()])


@branches_of.register
def _(payload: Vectors, history: History, sites: tuple[int, ...]) -> Array:
    _check_marginal(sites)
    n, K, d = payload.n_sites, history.kraus.shape[-3], 2 ** len(sites)
    shape = _shape_of(payload, history)
    out = np.empty((*shape, K, d, d), dtype=complex)
    for index, motion in _motions(history.model, shape):
        for k, x in enumerate(_delayed(payload, history, motion, index, shape)):
            out[index][k] = marginal(x, sites, n)
    return out


@error_after.register
def _(payload: Vectors, history: History) -> Any:
    scale = energy_scale(history.model)  # at least half of the spectrum's width
    return 2.0 * scale * rounding_of(history.delay, scale)


@means_after.register
def _(payload: Vectors, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    model, n = history.model, payload.n_sites
    shape = np.broadcast_shapes(_shape_of(payload, history), *(operator.shape for operator in operators))
    out = np.empty((*shape, len(times), len(operators)))
    order = np.argsort(times, kind="stable")
    for index, motion in _motions(model, shape):
        x = np.concatenate(_acted(payload, history, motion, index, shape), axis=1)
        here = [strings_of(operator, n, index) for operator in operators]
        now = 0.0
        for place in order:
            x = motion.evolved(x, float(times[place]) - now)
            now = float(times[place])
            out[index][place] = means(x, here).real
    return out


def _acted(
    payload: Vectors, history: History, motion: Motion, index: tuple[int, ...], shape: tuple[int, ...]
) -> list[Array]:
    """The vectors after Bob's act, or at the end of the delay where he does not act."""
    delayed = _delayed(payload, history, motion, index, shape)
    if history.operations is None:
        return delayed
    model = history.model
    B = np.broadcast_to(history.operations, (*shape, *history.operations.shape[-4:]))[index]  # (K, R, d, d)
    return [applied(one, x, model.B, model.n_sites) for x, some in zip(delayed, B, strict=True) for one in some]


def _delayed(
    payload: Vectors, history: History, motion: Motion, index: tuple[int, ...], shape: tuple[int, ...]
) -> list[Array]:
    """The vectors of each of Alice's outcomes when Bob acts, columns."""
    model, x = history.model, payload.columns(index, shape)
    M = np.broadcast_to(history.kraus, (*shape, *history.kraus.shape[-3:]))[index]  # (K, d, d)
    t = float(np.broadcast_to(history.delay, shape)[index])
    measured = np.concatenate([applied(one, x, model.A, model.n_sites) for one in M], axis=1)
    late = motion.evolved(measured, t) if t else measured
    return [np.ascontiguousarray(part) for part in np.split(late, len(M), axis=1)]


def _motions(model: Model, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Motion]]:
    """H at each point of a batch; made once where the model is the same at all of them."""
    motion: Motion | None = None
    for index in np.ndindex(shape):
        if motion is None or model.shape:
            motion = Motion(Product(strings_of(model.dynamics, model.n_sites, index)))
        yield index, motion


def _shape_of(payload: Vectors, history: History) -> tuple[int, ...]:
    acts = () if history.operations is None else history.operations.shape[:-4]
    return np.broadcast_shapes(
        shape_of(payload), history.model.shape, history.kraus.shape[:-3], np.shape(history.delay), acts
    )


def _check_marginal(sites: tuple[int, ...]) -> None:
    if len(sites) > LARGEST_MARGINAL:
        raise NotOffered(
            f"the density matrix of {len(sites)} sites of a state held as vectors; marginals are offered up to "
            f"{LARGEST_MARGINAL} sites. Ask for fewer sites, or for expectation values."
        )
