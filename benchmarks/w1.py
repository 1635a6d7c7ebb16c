"""W1: the protocol on ground states of the minimal pair over random (h, k): injected and extracted energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import qet
from benchmarks import limits
from benchmarks.harness import SEED, Row, fast, ours, peers, plain, two_qubit_strings

POINTS, TARGET = 1_000_000, 25.0


def run(points: int = POINTS) -> list[Row]:
    rng = np.random.default_rng(SEED)
    h, k = rng.uniform(0.2, 2.0, (2, points))
    T = rng.uniform(0.05, 2.0, points)

    def ground() -> tuple[np.ndarray, np.ndarray]:
        done = qet.teleport(qet.ground(qet.minimal(h=h, k=k)))
        return done.injected, done.extracted

    def gibbs() -> tuple[np.ndarray, np.ndarray]:
        done = qet.teleport(qet.gibbs(qet.minimal(h=h, k=k), T=T))
        return done.injected, done.extracted

    with plain():
        first, (injected, extracted) = ours("W1 ground", ground, points, TARGET)
        second, (warm_injected, warm_extracted) = ours("W1 gibbs", gibbs, points, 3 * TARGET)
    cold_expected = {"injected": injected, "extracted": extracted}
    cold = peers("W1 ground", "qutip_states.py", {"h": h, "k": k}, cold_expected, 1e-12)
    warm_expected = {"injected": warm_injected, "extracted": warm_extracted}
    warm = peers("W1 gibbs", "qutip_states.py", {"h": h, "k": k, "T": T}, warm_expected, 1e-12)
    first.limit, second.limit = limits.arithmetic(ground, points), limits.arithmetic(gibbs, points)
    return [first, *cold, second, *warm, *general(max(points // 4, 2000)), *general_fast(points)]


def general_fast(points: int) -> list[Row]:
    """The same row with compiled programs."""
    coefficients = np.random.default_rng(SEED).normal(size=(15, points))
    return fast("W1 any two-qubit H, fast", lambda: _protocol(coefficients), points, 1e9 / 3e6, runs=3)


def _protocol(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    terms = {s: qet.pauli(s, coefficient=c) for s, c in zip(two_qubit_strings(), values, strict=True)}
    done = qet.teleport(qet.ground(qet.model(terms)))
    return done.injected, done.extracted


def general(points: int, checked: int = 200) -> list[Row]:
    """Any two-qubit H, fifteen random coefficients; checked point by point against LAPACK's ground state."""
    rng = np.random.default_rng(SEED)
    coefficients = rng.normal(size=(15, points))
    with plain():
        row, found = ours("W1 any two-qubit H", lambda: _protocol(coefficients), points, 1e9 / 0.7e6, runs=3)
    expected = _protocol(coefficients[:, :checked])  # a small batch takes LAPACK's eigenvectors
    worst = max(float(np.abs(a[:checked] - b).max()) for a, b in zip(found, expected, strict=True))
    if worst > 1e-11:
        raise AssertionError(f"the two routes to the ground state differ by {worst:.1e}")
    return [replace(row, deviation=worst, limit=limits.arithmetic(lambda: _protocol(coefficients), points))]
