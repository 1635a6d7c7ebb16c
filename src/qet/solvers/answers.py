"""Answers of the two small representations: density matrices, and tables of Pauli means.

What moves in time is written on all sites, which is for small systems; a table of means becomes a density matrix first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.linalg import dagger, embed, expectation, expm_hermitian, partial_trace
from qet.foundations.paulis import PauliSum, collect, real_if_real
from qet.physics.model import Model
from qet.solvers.history import History
from qet.solvers.questions import branches_of, evolved_of, expect_of, marginal_of, means_after, shape_of
from qet.solvers.states import Dense, Expectations

Array = np.ndarray


@shape_of.register
def _(payload: Dense) -> tuple[int, ...]:
    return payload.rho.shape[:-2]


@marginal_of.register
def _(payload: Dense, sites: tuple[int, ...]) -> Array:
    n = payload.rho.shape[-1].bit_length() - 1
    return partial_trace(payload.rho, sites, n)


@expect_of.register
def _(payload: Dense, operator: PauliSum) -> Any:
    support = operator.support
    rho = marginal_of(payload, support)
    value = np.einsum("...ij,...ji->...", operator.matrix(support), rho)
    return np.real(value) if operator.is_hermitian else value


@evolved_of.register
def _(payload: Dense, model: Model, t: Any) -> Dense:
    U = expm_hermitian(model.dynamics.matrix(model.sites), t)
    return Dense(U @ payload.rho @ dagger(U))


@branches_of.register
def _(payload: Dense, history: History, sites: tuple[int, ...]) -> Array:
    return partial_trace(_branches(payload, history), sites, history.model.n_sites)


@means_after.register
def _(payload: Dense, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    model = history.model
    branches = _branches(payload, history)
    if history.operations is not None:
        K = embed(history.operations, model.B, model.n_sites)  # (..., K, R, d, d)
        branches = (K @ branches[..., None, :, :] @ dagger(K)).sum(-3)
    energies, V = np.linalg.eigh(model.dynamics.matrix(model.sites))
    inside = dagger(V) @ branches.sum(-3) @ V
    gaps = energies[..., :, None] - energies[..., None, :]
    late = np.exp(-1j * gaps[..., None, :, :] * times[:, None, None]) * inside[..., None, :, :]
    means = [expectation((dagger(V) @ one.matrix(model.sites) @ V)[..., None, :, :], late) for one in operators]
    return np.stack(np.broadcast_arrays(*means), axis=-1)


def _branches(payload: Dense, history: History) -> Array:
    """The branches on all sites when Bob acts, shape (*shape, K, d, d)."""
    model = history.model
    M = embed(history.kraus, model.A, model.n_sites)
    U = expm_hermitian(model.dynamics.matrix(model.sites), history.delay)[..., None, :, :]
    M = U @ M
    return np.asarray(M @ payload.rho[..., None, :, :] @ dagger(M))


@shape_of.register
def _(payload: Expectations) -> tuple[int, ...]:
    return np.broadcast_shapes(*(np.shape(value) for value in payload.values.values()))


@marginal_of.register
def _(payload: Expectations, sites: tuple[int, ...]) -> Array:
    inside = set(sites)
    kept = [(s, v) for s, v in payload.values.items() if all(site in inside for site, _ in s)]
    return collect([((), 1.0), *kept]).matrix(sites) / 2 ** len(sites)


@expect_of.register
def _(payload: Expectations, operator: PauliSum) -> Any:
    total: Any = 0.0
    for string, c in operator.terms:
        total = total + c * payload[string]
    return real_if_real(total)


@evolved_of.register
def _(payload: Expectations, model: Model, t: Any) -> Dense:
    return evolved_of(_as_dense(payload), model, t)


@branches_of.register
def _(payload: Expectations, history: History, sites: tuple[int, ...]) -> Array:
    return branches_of(_as_dense(payload), history, sites)


@means_after.register
def _(payload: Expectations, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    return means_after(_as_dense(payload), history, operators, times)


def _as_dense(payload: Expectations) -> Dense:
    return Dense(marginal_of(payload, tuple(range(payload.n_sites))))
