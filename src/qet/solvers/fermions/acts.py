"""What a party's Kraus operators are to fermions: Pauli strings, each of which turns Majoranas into themselves.

A Kraus operator is Σ_P c_P P over the Pauli strings of its sites, and every string is a product of Majoranas, the
Jordan–Wigner string included. Moved through others it only changes signs, Q a_m Q = ± a_m, so <P O Q> is the mean of
one product PQ in front of an O with some of its signs changed. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from qet.foundations.conventions import PAULIS
from qet.foundations.paulis import LETTERS, PauliString, multiply_strings
from qet.solvers.nambu import majorana_string, majoranas_of

Array = np.ndarray
NEGLIGIBLE = 1e-18  # of a pair of coefficients of Kraus operators, whose products sum to one


@dataclass(frozen=True)
class Strand:
    """A Pauli string as a product of Majoranas: string = sign (-i)^k a_{m_1} … a_{m_l}, l = 2k or 2k + 1.

    Attributes:
        string: The Pauli string.
        modes: m_1 < m_2 < ….
        sign: +1 or -1.
    """

    string: PauliString
    modes: tuple[int, ...]
    sign: int

    @property
    def is_odd(self) -> bool:
        """Whether it changes the parity."""
        return len(self.modes) % 2 == 1

    def turns(self, n_modes: int) -> Array:
        """The signs d_m of Q a_m Q = d_m a_m, shape (n_modes,)."""
        signs = np.full(n_modes, -1.0 if self.is_odd else 1.0)
        signs[list(self.modes)] *= -1.0
        return signs


def strand(string: PauliString) -> Strand:
    """A Pauli string as Majoranas; an odd one is a Majorana a_{2s} of its last X or Y times an even one."""
    even = majoranas_of(string)
    if even is not None:
        return Strand(string, *even)
    last = max(site for site, letter in string if letter != "Z")
    pivot = 2 * last
    phase, rest = multiply_strings(string, majorana_string(pivot))  # string = (string a) a, as a² = 1
    inner = majoranas_of(rest)
    assert inner is not None
    modes, sign = inner
    # (-i)^k a_{m_1} … a_{m_2k} a: moved to its place, or canceled against its like
    larger = sum(m > pivot for m in modes)
    total = phase * sign * (-1) ** larger * (-1j) ** (len(modes) // 2)
    merged = tuple(sorted({*modes} ^ {pivot}))
    return Strand(string, merged, round((total / (-1j) ** (len(merged) // 2)).real))


@dataclass(frozen=True, eq=False)
class Act:
    """Kraus operators as Pauli strings.

    Attributes:
        strands: The Pauli strings of the party's sites, 4^n of them.
        coefficients: Those of the Kraus operators, shape (..., 4^n).
    """

    strands: tuple[Strand, ...]
    coefficients: Array

    @classmethod
    def of(cls, kraus: Array, sites: Sequence[int]) -> Act:
        """From Kraus operators on some sites, shape (..., d, d), the first site leftmost."""
        n = len(sites)
        strands, columns = [], []
        for numbers in product(range(4), repeat=n):
            letters = sorted((site, LETTERS[number]) for site, number in zip(sites, numbers, strict=True) if number)
            strands.append(strand(tuple(letters)))
            matrix = np.eye(1)
            for number in numbers:
                matrix = np.kron(matrix, PAULIS[number])
            columns.append(np.einsum("ij,...ji->...", matrix, kraus) / 2**n)
        return cls(tuple(strands), np.stack(columns, axis=-1))

    @cached_property
    def present(self) -> list[int]:
        """Which strings occur."""
        flat = np.abs(self.coefficients).reshape(-1, len(self.strands)).max(0)
        return [int(i) for i in np.flatnonzero(flat**2 > NEGLIGIBLE)]


def multiplied(left: Strand, right: Strand) -> tuple[complex, Strand]:
    """The phase and the string of a product of two."""
    phase, string = multiply_strings(left.string, right.string)
    return phase, strand(string)
