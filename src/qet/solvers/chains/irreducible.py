"""Whether a driven chain can have but one steady state, from its operators alone.

Let 𝒜 be the algebra of H and of all jumps and their adjoints. Where every site's jumps span the adjoints of these,
too, 𝒜 is already made by the jumps and K = iH + G/2, and if it holds every operator the steady state is unique and of
full rank (Evans, Comm. Math. Phys. 54, 293 (1977)). Where they do not, the same follows once a steady state of full
rank has been found (Frigerio, Comm. Math. Phys. 63, 269 (1978)).

𝒜 is grown from Pauli strings known to lie in it. With a string s and a sum G in 𝒜, so are G ± sGs, the parts of G that
commute with s and that do not. A part of a single string is known, too; two one-site parts of one site that do not
commute give all of that site. 𝒜 holds everything when the known strings generate all strings. The growth may stop
early, for instance at a lone tilted jump: then nothing is said.

Derived here; see also Prosen, Phys. Scr. 86, 058511 (2012), for the XXZ chain.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qet.foundations.paulis import PauliString, PauliSum, collect
from qet.solvers.chains.action import Generator

Array = np.ndarray
Mask = tuple[int, int]  # of a Pauli string: the sites with X or Y, and those with Y or Z
_SMALL = 1e-12  # of a coefficient, relative to the largest of its operator


class Algebra:
    """The Pauli strings known to lie in an algebra, up to products, and sums that lie in it."""

    def __init__(self, operators: Iterable[PauliSum], n_sites: int) -> None:
        self.n_sites = n_sites
        self.known: list[Mask] = []
        self._reduced: list[int] = []  # rows of an echelon form of the known strings as bit vectors
        self.sums = [_masks(part) for operator in operators for part in _hermitian_parts(operator)]
        self.sums = [G for G in self.sums if G]

    @property
    def is_full(self) -> bool:
        """Whether the known strings generate all strings."""
        return len(self.known) == 2 * self.n_sites

    def learn(self, string: Mask) -> bool:
        """Take a string as known; whether it was new."""
        row = string[0] | string[1] << self.n_sites
        for other in self._reduced:
            row = min(row, row ^ other)
        if not row:
            return False
        self._reduced = sorted([*self._reduced, row], reverse=True)
        self.known.append(string)
        return True

    def grow(self) -> bool:
        """Split the sums and learn from their parts until nothing is new; whether all is known in the end."""
        is_new = True
        while is_new and not self.is_full:
            self.sums = [part for G in self.sums for part in self._split(G)]
            learned = [self.learn(next(iter(G))) for G in self.sums if len(G) == 1]
            learned += [self.learn(string) for string in _full_sites(self.sums)]
            is_new = any(learned)
        return self.is_full

    def _split(self, G: dict[Mask, complex]) -> list[dict[Mask, complex]]:
        parts: dict[tuple[bool, ...], dict[Mask, complex]] = {}
        for string, c in G.items():
            signature = tuple(_anticommute(string, other) for other in self.known)
            left = self._stripped(string)
            if left != (0, 0):  # a product of known letters alone can be subtracted
                parts.setdefault(signature, {})[left] = c
        return list(parts.values())

    def _stripped(self, string: Mask) -> Mask:
        """The string without its letters on sites where all is known: parts differ there by one factor alone."""
        for site in range(self.n_sites):
            bit = 1 << site
            if (string[0] | string[1]) & bit and self._spans((bit, 0)) and self._spans((0, bit)):
                string = (string[0] & ~bit, string[1] & ~bit)
        return string

    def _spans(self, string: Mask) -> bool:
        row = string[0] | string[1] << self.n_sites
        for other in self._reduced:
            row = min(row, row ^ other)
        return not row


def is_irreducible(generator: Generator, operators: tuple[PauliSum, ...]) -> bool:
    """Whether H, the jumps and their adjoints are seen to make all operators.

    Args:
        generator: Whose H.
        operators: The jumps that have a rate.

    Example:
        >>> from qet.foundations.paulis import pauli
        >>> from qet.physics.models import ising
        >>> flip = pauli("X0")
        >>> is_irreducible(Generator(ising(9, g=0.7).H, {}, 9), (flip,)), is_irreducible(
        ...     Generator(ising(9, g=0.7).H, {}, 9), (pauli("Z0"),)
        ... )
        (True, False)
    """
    return Algebra([generator.H, *operators], generator.n_sites).grow()


def commuting_strings(generator: Generator, operators: tuple[PauliSum, ...]) -> int:
    """How many independent Pauli strings commute with H and with every jump, string by string.

    Those that commute with a set of strings are its symplectic complement: 2N less the rank of the set.
    """
    n = generator.n_sites
    rank = Algebra((), n)
    for operator in (generator.H, *operators):
        for string in _masks(operator):
            rank.learn(string)
    return 2 * n - len(rank.known)


def is_closed_under_adjoints(operators: tuple[PauliSum, ...]) -> bool:
    """Whether, site by site, the jumps span their adjoints."""
    for site in {operator.support for operator in operators}:
        rows = np.array([operator.matrix(site).reshape(-1) for operator in operators if operator.support == site])
        adjoints = np.array(
            [operator.dagger().matrix(site).reshape(-1) for operator in operators if operator.support == site]
        )
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        adjoints = adjoints / np.linalg.norm(adjoints, axis=1, keepdims=True)
        if np.linalg.matrix_rank(np.vstack([rows, adjoints]), tol=1e-9) > np.linalg.matrix_rank(rows, tol=1e-9):
            return False
    return True


def _hermitian_parts(operator: PauliSum) -> list[PauliSum]:
    return [operator + operator.dagger(), collect((operator - operator.dagger()).terms) * 1j]


def _masks(operator: PauliSum) -> dict[Mask, complex]:
    """The strings of a sum but the identity, with their coefficients; rounding is left out."""
    size = max((abs(c) for _, c in operator.terms), default=0.0)
    return {_mask(string): complex(c) for string, c in operator.terms if string and abs(c) > _SMALL * size}


def _mask(string: PauliString) -> Mask:
    x = sum(1 << site for site, letter in string if letter != "Z")
    z = sum(1 << site for site, letter in string if letter != "X")
    return x, z


def _anticommute(one: Mask, other: Mask) -> bool:
    return ((one[0] & other[1]).bit_count() + (one[1] & other[0]).bit_count()) % 2 == 1


def _full_sites(sums: list[dict[Mask, complex]]) -> list[Mask]:
    """X and Z of every site on which two one-site sums do not commute."""
    found: dict[int, list[list[float]]] = {}
    for G in sums:
        supports = {x | z for x, z in G}
        if len(supports) == 1 and (bit := supports.pop()).bit_count() == 1:
            vector = [G.get((bit, 0), 0.0).real, G.get((bit, bit), 0.0).real, G.get((0, bit), 0.0).real]
            found.setdefault(bit, []).append((np.array(vector) / np.linalg.norm(vector)).tolist())
    full = [bit for bit, vectors in found.items() if np.linalg.matrix_rank(np.array(vectors), tol=1e-9) > 1]
    return [string for bit in full for string in ((bit, 0), (0, bit))]
