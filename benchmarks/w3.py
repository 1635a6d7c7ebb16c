"""W3: non-secular Bloch-Redfield steady states, dipole coupling: the pair with seven parameters, and any two qubits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import qet
from benchmarks import limits
from benchmarks.harness import SEED, Row, fast, ours, peers, plain, two_qubit_strings
from benchmarks.w2 import parameters
from qet.foundations.chunks import LARGE

POINTS, TARGET = 100_000, 1e9 / 0.3e6
ANY_TARGET = 1e9 / 50e3
ALLOW = ("NotPositive", "OutsideDomain")
STRINGS = ("Z0", "Z1", "X0 X1", "X0 Y1")


def run(points: int = POINTS) -> list[Row]:
    p = parameters(points)
    p["gA"], p["gB"] = 0.1 * p["gA"], 0.1 * p["gB"]  # within weak coupling

    def redfield() -> qet.State:
        pair = qet.minimal(h=p["h"], k=p["k"], detuning=p["detuning"])
        baths = [qet.bath(i, T=p[T], rate=p[g], coupling="dipole") for i, T, g in ((0, "TA", "gA"), (1, "TB", "gB"))]
        return qet.steady(pair, baths, master="redfield", allow=ALLOW)

    with plain():
        row, state = ours("W3", redfield, points, TARGET, runs=3)
    compiled = fast("W3, fast", redfield, points, 1e3, runs=3) if points >= LARGE else []
    row.limit = limits.arithmetic(redfield, points)
    expected = {s.replace(" ", ""): np.asarray(qet.expect(state, s)) for s in STRINGS}
    return [row, *peers("W3", "qutip_redfield.py", p, expected, 1e-10), general(max(points // 5, 1000)), *compiled]


def general(points: int, checked: int = 500) -> Row:
    """Any two-qubit H, fifteen random coefficients, an ohmic bath on each; checked against batched LAPACK."""
    rng = np.random.default_rng(SEED)
    strings, coefficients = two_qubit_strings(), rng.normal(size=(15, points))
    T, rate = rng.uniform(0.3, 2.0, (2, points)), rng.uniform(0.005, 0.02, (2, points))

    def redfield(solver: str, n: int) -> qet.State:
        terms = {s: qet.pauli(s, coefficient=c[:n]) for s, c in zip(strings, coefficients, strict=True)}
        baths = [qet.bath(i, T=T[i, :n], rate=rate[i, :n], coupling="dipole", spectrum="ohmic") for i in (0, 1)]
        return qet.steady(qet.model(terms), baths, master="redfield", solver=solver, allow=ALLOW)

    row, state = ours("W3 any two qubits", lambda: redfield("auto", points), points, ANY_TARGET, runs=3)
    expected = redfield("dense", checked).density_matrix
    worst = float(np.abs(state.density_matrix[:checked] - expected).max())
    if worst > 1e-11:
        raise AssertionError(f"elimination and LAPACK differ by {worst:.1e}")
    return replace(row, deviation=worst)
