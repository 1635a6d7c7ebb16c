"""W2: steady states of the pair between two thermal baths, local equation, seven random parameters a point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import qet
from benchmarks import limits
from benchmarks.harness import SEED, Row, fast, ours, peers, plain, two_qubit_strings
from qet.foundations.chunks import LARGE

POINTS, TARGET = 1_000_000, 125.0
STRINGS = ("Z0", "Z1", "X0 X1", "X0 Y1")
NAMES = ("h", "k", "detuning", "TA", "TB", "gA", "gB")


def parameters(points: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(SEED)
    low = np.array([0.5, 0.1, -0.9, 0.1, 0.1, 0.05, 0.05])
    high = np.array([2.0, 2.0, 0.9, 2.0, 2.0, 0.5, 0.5])
    values = rng.uniform(low[:, None], high[:, None], (7, points))
    return {name: values[i].copy() for i, name in enumerate(NAMES)}


def local_steady(p: dict[str, np.ndarray]) -> qet.State:
    pair = qet.minimal(h=p["h"], k=p["k"], detuning=p["detuning"])
    baths = [qet.bath(0, T=p["TA"], rate=p["gA"]), qet.bath(1, T=p["TB"], rate=p["gB"])]
    return qet.steady(pair, baths, master="local", allow=("OutsideDomain",))


def run(points: int = POINTS) -> list[Row]:
    p = parameters(points)
    with plain():
        row, state = ours("W2", lambda: local_steady(p), points, TARGET, runs=5)
    row.limit = limits.arithmetic(lambda: local_steady(p), points)
    expected = {s.replace(" ", ""): np.asarray(qet.expect(state, s)) for s in STRINGS}
    others = [
        *fast("W2, fast", lambda: local_steady(p), points, 50.0),
        *general(max(points // 10, 1000)),
        driven(max(points // 50, 1000)),
    ]
    return [row, *peers("W2", "qutip_local.py", p, expected, 1e-10), *others]


def general(points: int) -> list[Row]:
    """Any two-qubit H (fifteen random coefficients) with a random jump beside two lowering ones: 15 unknowns."""
    rng = np.random.default_rng(SEED)
    strings = two_qubit_strings()
    coefficients = rng.normal(size=(15, points))
    matrix = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rates = rng.uniform(0.1, 1.0, (3, points))

    def solve() -> qet.State:
        terms = {s: qet.pauli(s, coefficient=c) for s, c in zip(strings, coefficients, strict=True)}
        jumps = [qet.jump("-", 0, rates[0]), qet.jump("-", 1, rates[1]), qet.jump(matrix, (0, 1), rates[2])]
        return qet.steady(qet.model(terms), jumps, master="gksl")

    with plain():
        row, _ = ours("W2 any H and jumps", solve, points, 2000.0, runs=3)
    row.limit = limits.lapack_solve(15, points)
    return [row, *(fast("W2 any H and jumps, fast", solve, points, 2000.0, runs=3) if points >= LARGE else [])]


def driven(points: int, checked: int = 200) -> Row:
    """XXZ on three sites between raising and lowering jumps at its ends; checked against the energy basis."""
    rng = np.random.default_rng(SEED)
    exchange, delta, field, *rates = rng.uniform(0.3, 1.5, (5, points))

    def solve(solver: str, n: int) -> qet.State:
        couplings = {"X": exchange[:n], "Y": exchange[:n], "Z": delta[:n]}
        terms = {
            f"{s}{i}": qet.pauli(f"{s}{i} {s}{i + 1}", coefficient=c) for i in (0, 1) for s, c in couplings.items()
        }
        fields = {f"h{i}": qet.pauli(f"Z{i}", coefficient=field[:n]) for i in range(3)}
        ends = [(kind, site, rates[(kind == "+") ^ (site == 0)][:n]) for site in (0, 2) for kind in "+-"]
        return qet.steady(qet.model({**terms, **fields}), [qet.jump(*end) for end in ends], solver=solver)

    row, state = ours("W2 three sites", lambda: solve("auto", points), points, 20_000.0, runs=3)
    worst = float(np.abs(state.density_matrix[:checked] - solve("dense", checked).density_matrix).max())
    if worst > 1e-11:
        raise AssertionError(f"elimination and the energy basis differ by {worst:.1e}")
    return replace(row, deviation=worst)
