"""Exponentials of parts of H that are short matrix products, in layers, for any range of its terms.

Terms on one site or a bond become 4x4 matrices in two layers, odd and even bonds. Terms on two sites farther apart
with the same first site and letter, a_i Σ_j O_j, are taken together: exp(z a_i Σ_j O_j) = Σ_± P_±(a_i) Π_j
exp(±z O_j) has bond dimension 2, whatever the number of partners. Any other string has
exp(z c s) = cosh(zc) 1 + sinh(zc) s, bond dimension 2 as well. Gates of one layer commute, so a product formula over
the layers is one over H. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qet.foundations.conventions import IDENTITY, PAULI_X, PAULI_Y, PAULI_Z
from qet.foundations.paulis import PauliString
from qet.solvers.mps.chain import Train

Array = np.ndarray
Strings = Sequence[tuple[PauliString, float]]
MATRICES = {"I": IDENTITY, "X": PAULI_X, "Y": PAULI_Y, "Z": PAULI_Z}


@dataclass(frozen=True, eq=False)
class Pairs:
    """A layer of 4x4 matrices on bonds that do not meet: site -> eigenvalues and eigenvectors."""

    bonds: dict[int, tuple[Array, Array]]

    def on(self, train: Train, z: complex) -> None:
        """Apply exp(z h), from the end that is nearer to the center."""
        starts = sorted(self.bonds)
        to_right = 2 * train.center <= starts[0] + starts[-1] + 1
        for site in starts if to_right else reversed(starts):
            energies, V = self.bonds[site]
            train.move(site if to_right else site + 1)
            train.apply_pair((V * np.exp(z * energies)) @ V.conj().T, site, to_right=to_right)


@dataclass(frozen=True, eq=False)
class Star:
    """A letter on one site times one-site matrices farther right: a_i Σ_j O_j."""

    site: int
    letter: str
    partners: dict[int, Array]

    def on(self, train: Train, z: complex) -> None:
        """Apply its exponential."""
        a = MATRICES[self.letter]
        first = np.stack([(IDENTITY + a) / 2, (IDENTITY - a) / 2])[None]  # (1, ±, s, s')
        last = max(self.partners)
        operators = [first]
        for site in range(self.site + 1, last + 1):
            W = np.zeros((2, 2, 2, 2), dtype=complex)
            energies, V = np.linalg.eigh(self.partners.get(site, np.zeros((2, 2))))
            for branch, sign in enumerate((1.0, -1.0)):
                W[branch, branch] = (V * np.exp(z * sign * energies)) @ V.conj().T
            W = W if np.any(W.imag) else W.real
            operators.append(W if site < last else W.sum(1, keepdims=True))
        train.apply_string(operators, self.site)


@dataclass(frozen=True, eq=False)
class Far:
    """Any string times its coefficient."""

    string: PauliString
    coefficient: float

    def on(self, train: Train, z: complex) -> None:
        """Apply its exponential."""
        start, last = self.string[0][0], self.string[-1][0]
        letters = dict(self.string)
        both = np.array([np.cosh(z * self.coefficient), np.sinh(z * self.coefficient)])
        operators = []
        for site in range(start, last + 1):
            W = np.zeros((2, 2, 2, 2), dtype=complex)
            W[0, 0], W[1, 1] = IDENTITY, MATRICES[letters.get(site, "I")]
            W = W if np.any(W.imag) else W.real
            W = np.einsum("v,vwst->wst", both, W)[None] if site == start else W
            operators.append(W.sum(1, keepdims=True) if site == last else W)
        train.apply_string(operators, start)


Layer = Pairs | Star | Far


def layers_of(strings: Strings, n_sites: int) -> list[Layer]:
    """The layers of H, the bonds first."""
    near: dict[int, Array] = {site: np.zeros((4, 4), dtype=complex) for site in range(n_sites - 1)}
    stars: dict[tuple[int, str], dict[int, Array]] = {}
    others: list[Layer] = []
    for string, c in strings:
        sites = [site for site, _ in string]
        if sites[-1] - sites[0] <= 1:
            _add_near(near, string, c)
        elif len(string) == 2:
            (i, letter), (j, other) = string
            partners = stars.setdefault((i, letter), {})
            partners[j] = partners.get(j, np.zeros((2, 2))) + c * MATRICES[other]
        else:
            others.append(Far(string, c))
    found = {site: np.linalg.eigh(h if np.any(h.imag) else h.real) for site, h in near.items()}
    pairs: list[Layer] = []
    for parity in (0, 1):
        bonds = {site: (w, V) for site, (w, V) in found.items() if site % 2 == parity}
        pairs += [Pairs(bonds)] if bonds else []
    return [*pairs, *(Star(i, letter, partners) for (i, letter), partners in sorted(stars.items())), *others]


def _add_near(near: dict[int, Array], string: PauliString, c: float) -> None:
    """A term on a bond to that bond; a field in equal parts to the bonds of its site."""
    letters = dict(string)
    first = string[0][0]
    bonds = [first] if len(string) == 2 else [bond for bond in (first - 1, first) if bond in near]
    for bond in bonds:
        left, right = (MATRICES[letters.get(site, "I")] for site in (bond, bond + 1))
        near[bond] = near[bond] + c / len(bonds) * np.kron(left, right)
