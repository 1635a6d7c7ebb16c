"""Random models, and how to say the same model to the package and to the slow reference."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import reference
from hypothesis import assume
from hypothesis import strategies as st

import qet

COEFFICIENTS = st.integers(-40, 40).map(lambda i: i / 20)  # every sign, and the special points: 0, ±1, equal values
SEEDS = st.integers(0, 2**32 - 1)
DIRECTIONS = st.tuples(*[st.integers(-5, 5)] * 3).filter(lambda v: any(v))


@dataclass(frozen=True)
class Case:
    """A model as plain dictionaries, with one-site parties."""

    terms: dict[str, dict[str, float]]
    n: int
    A: int
    B: int

    @property
    def H(self) -> np.ndarray:
        """The full matrix, from the reference."""
        return reference.hamiltonian(self.terms, self.n)

    @property
    def norm(self) -> float:
        """Σ|c|, the scale of rounding."""
        return sum(abs(c) for term in self.terms.values() for c in term.values())

    def model(self) -> Any:
        """The same model in the package, through its text."""
        return qet.model({name: text(term) for name, term in self.terms.items()}, A=self.A, B=self.B, n_sites=self.n)

    def teleport(self, rho: np.ndarray, **options: Any) -> reference.Answer:
        """The reference's answer."""
        return reference.teleport(self.terms, self.n, [self.A], [self.B], rho, **options)

    def touching(self, site: int) -> dict[str, float]:
        """All strings that act on a site."""
        return {s: c for term in self.terms.values() for s, c in term.items() if site in reference.support({s: c})}


def text(term: dict[str, float]) -> str:
    """A term as text: "0.5 X0 X1 - 1.2 Z0"."""
    return " + ".join(f"{c!r} {s}" for s, c in term.items()).replace("+ -", "- ")


@st.composite
def models(
    draw: Any, n_sites: tuple[int, ...] = (2, 3), fields: str = "XYZ", bonds: tuple[str, ...] = ("XX", "YY", "ZZ")
) -> Case:
    """Two or three qubits, every bond, coefficients of every sign, any two sites as the parties."""
    n = draw(st.sampled_from(n_sites))
    A, B = draw(st.permutations(range(n)))[:2]
    terms = {}
    for i in range(n):
        term = {f"{letter}{i}": draw(COEFFICIENTS) for letter in fields}
        if term:
            terms[f"H_{i}"] = term
    for i, j in combinations(range(n), 2):
        terms[f"V_{i}{j}"] = {f"{b[0]}{i} {b[1]}{j}": draw(COEFFICIENTS) for b in bonds}
    return Case(terms, n, A, B)


@st.composite
def models_alice_commutes_at_Bob(draw: Any) -> Case:
    """Models in which X on Alice commutes with every term that meets Bob."""
    case = draw(models())
    i, j = sorted((case.A, case.B))
    kept = {s: c for s, c in case.terms[f"V_{i}{j}"].items() if f"X{case.A}" in s.split()}
    other = "Z" if draw(st.booleans()) else "Y"
    kept[" ".join(sorted((f"X{case.A}", f"{other}{case.B}"), key=lambda w: w[1:]))] = draw(COEFFICIENTS)
    return Case({**case.terms, f"V_{i}{j}": kept}, case.n, case.A, case.B)


def unique_ground_state(case: Case, gap: float = 1e-3) -> np.ndarray:
    """The ground state; a case whose lowest levels are closer than the gap is left out."""
    values = np.linalg.eigvalsh(case.H)
    assume(values[1] - values[0] > gap)
    return reference.eigenstate(case.H)


def close(value: Any, expected: Any, scale: float = 1.0, tolerance: float = 1e-12) -> None:
    """Equal to 1e-12 of the scale of the energies (never less than 1)."""
    np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance * max(1.0, scale))
