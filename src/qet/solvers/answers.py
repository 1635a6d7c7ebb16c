"""Answers of the two small representations: density matrices, and tables of Pauli means."""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.linalg import partial_trace
from qet.foundations.paulis import PauliSum, collect, real_if_real
from qet.solvers.questions import expect_of, marginal_of, shape_of
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
