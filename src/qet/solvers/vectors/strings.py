"""A Pauli sum at one point as bit masks: what products, symmetries and sectors are read from.

A string flips the bits of a label where it has X or Y and gives signs where it has Z or Y:
<r|s|x> = c (-1)^|r & z| for x = r ^ f, with f and z bit masks, |.| the number of set bits and c = (-i)^(number of Ys)
times the coefficient. Strings with one f share their place in the matrix: H = Σ_f D_f F_f with D_f diagonal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.paulis import PauliSum

Array = np.ndarray
_CANCELED = 8 * float(np.finfo(float).eps)  # of an entry where strings cancel, relative to their coefficients


@dataclass(frozen=True, eq=False)
class Strings:
    """A Hermitian Pauli sum on n bits, sorted by what its strings flip.

    Attributes:
        n: Number of bits; site 0 is the highest.
        groups: Flip mask -> {sign mask: coefficient}.
    """

    n: int
    groups: dict[int, dict[int, complex]]

    @property
    def d(self) -> int:
        """Number of labels."""
        return int(2**self.n)

    @cached_property
    def is_real(self) -> bool:
        """Whether the matrix is real."""
        return not any(c.imag for part in self.groups.values() for c in part.values())

    @cached_property
    def dtype(self) -> type:
        """Of the matrix: float or complex."""
        return float if self.is_real else complex

    @cached_property
    def size(self) -> float:
        """Σ|c|: no eigenvalue is larger."""
        return float(sum(abs(c) for part in self.groups.values() for c in part.values()))

    @property
    def parts(self) -> tuple[Strings, Strings]:
        """Real sums R and I with H = R + iI."""
        terms = [(flip, signs, c) for flip, part in self.groups.items() for signs, c in part.items()]
        real = collected(self.n, [(flip, signs, complex(c.real)) for flip, signs, c in terms])
        return real, collected(self.n, [(flip, signs, complex(c.imag)) for flip, signs, c in terms])

    def diagonal(self, flip: int, labels: Array) -> Array:
        """D_f at some labels."""
        out: Array = np.zeros(len(labels), dtype=self.dtype)
        for signs, c in self.groups[flip].items():
            value = c.real if self.is_real else c
            if signs == 0:
                out += value
            else:
                out += value * (1.0 - 2.0 * (np.bitwise_count(labels & signs) & 1))
        return out


def strings_of(operator: PauliSum, n: int, index: tuple[int, ...] = ()) -> Strings:
    """A Hermitian Pauli sum on sites 0 .. n-1 at one point of its arrays.

    Args:
        operator: The sum.
        n: Number of sites.
        index: Which point, of a batch that the coefficients broadcast to.
    """
    terms = []
    for string, c in operator.terms:
        flip = sum(1 << (n - 1 - site) for site, letter in string if letter != "Z")
        signs = sum(1 << (n - 1 - site) for site, letter in string if letter != "X")
        value = complex(at(c, index)) * (-1j) ** sum(letter == "Y" for _, letter in string)
        terms.append((flip, signs, value))
    return collected(n, terms)


def collected(n: int, terms: Iterable[tuple[int, int, complex]]) -> Strings:
    """Strings from (flip, signs, coefficient), added up; what cancels is dropped."""
    groups: dict[int, dict[int, complex]] = {}
    for flip, signs, c in terms:
        part = groups.setdefault(flip, {})
        part[signs] = part.get(signs, 0j) + c
    kept = {flip: {signs: c for signs, c in part.items() if c} for flip, part in groups.items()}
    return Strings(n, {flip: part for flip, part in sorted(kept.items()) if part})


def at(value: Any, index: tuple[int, ...]) -> Any:
    """One entry of a number or array that broadcasts to a batch, at an index of the batch."""
    array = np.asarray(value)
    if array.ndim == 0:
        return array[()]
    inside = index[len(index) - array.ndim :]
    return array[tuple(0 if size == 1 else i for size, i in zip(array.shape, inside, strict=True))]


def steps_of(strings: Strings) -> list[tuple[int, ...]]:
    """What the strings do to the bits: vectors over the sites with +1 where a bit is raised, -1 where it is lowered.

    A matrix element that flips the bits f is a Walsh series in the bits outside f with coefficients that depend on
    the bits inside; it vanishes everywhere exactly where all of them do.
    """
    found = set()
    for flip, part in strings.groups.items():
        places = [bit for bit in range(strings.n) if flip >> bit & 1]
        patterns = np.arange(2 ** len(places))
        inside = sum(((patterns >> i & 1) << bit for i, bit in enumerate(places)), np.zeros_like(patterns))
        outside: dict[int, Array] = {}
        for signs, c in part.items():
            sign = 1.0 - 2.0 * (np.bitwise_count(inside & signs) & 1)
            outside[signs & ~flip] = outside.get(signs & ~flip, 0.0) + c * sign
        least = _CANCELED * sum(map(abs, part.values()))
        moves = np.any([np.abs(values) > least for values in outside.values()], axis=0)
        for pattern in inside[moves]:
            step = [0] * strings.n
            for bit in places:
                step[strings.n - 1 - bit] = -1 if pattern >> bit & 1 else 1
            found.add(tuple(step))
    return sorted(found)
