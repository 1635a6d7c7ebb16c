"""The symmetry sectors of a Pauli sum that are diagonal in the basis of the sites, each as a space of its own.

- *Parities*: a set S of bits of which every string flips an even number. In a sector, one bit of S follows from the
  others; it is taken out, and the strings become strings on one bit less (tapering). Half the size for each parity.
- *Charges* Q = Σ q_i Z_i that H conserves, such as a magnetization. A sector is a list of labels.
- *Spin flip*: where every string has an even number of Ys and Zs, flipping all bits maps a sector to another of the
  same levels, or to itself. Of two such sectors one is kept and counts twice.

Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import comb

import numpy as np

from qet.solvers.sectors import null_vectors
from qet.solvers.vectors.product import Product
from qet.solvers.vectors.strings import Strings, collected, steps_of

Array = np.ndarray
_MOST_SECTORS = 64  # symmetries beyond this many sectors are left unused


@dataclass(frozen=True, eq=False)
class Space:
    """A sector, or the whole space.

    Attributes:
        n: Number of sites.
        name: What is conserved, such as "Z0 Z1 Z2 = -1"; empty for the whole space.
        labels: Its labels in the whole space; None for all.
        tapered: The strings on fewer bits, where the sector is one of parities.
        multiplicity: How many sectors with the same levels it stands for.
    """

    n: int
    name: str = ""
    labels: Array | None = None
    tapered: Strings | None = None
    multiplicity: int = 1

    @property
    def d(self) -> int:
        """Number of labels."""
        return int(2**self.n) if self.labels is None else len(self.labels)

    def product(self, strings: Strings) -> Product:
        """H on the sector."""
        if self.tapered is not None:
            return Product(self.tapered)
        return Product(strings, self.labels)

    def lifted(self, vectors: Array) -> Array:
        """Columns of the sector as columns of the whole space."""
        if self.labels is None:
            return vectors
        out = np.zeros((2**self.n, vectors.shape[1]), dtype=vectors.dtype)
        out[self.labels] = vectors
        return out


@dataclass(frozen=True, eq=False)
class Found:
    """What is conserved.

    Attributes:
        charges: Integers q_i of each charge Σ q_i Z_i.
        parities: Bit mask of each parity, none a product of others; each has a bit that no other has.
        has_spin_flip: Whether flipping all bits commutes with H.
    """

    charges: tuple[tuple[int, ...], ...]
    parities: tuple[int, ...]
    has_spin_flip: bool


def conserved_by(strings: Strings) -> Found:
    """Charges and parities of a Pauli sum. Where H is diagonal every Z is a charge."""
    steps = [step for step in steps_of(strings) if any(step)]
    is_free = not steps or np.linalg.matrix_rank(np.array(steps)) < strings.n  # cheaper than the exact elimination
    charges = null_vectors(steps, strings.n) if is_free else []
    flip = all(signs.bit_count() % 2 == 0 for part in strings.groups.values() for signs in part)
    return Found(tuple(charges), tuple(even_sets(list(strings.groups), strings.n)), flip)


def even_sets(masks: list[int], n: int) -> list[int]:
    """A basis of the sets that share an even number of bits with every mask: null vectors modulo two."""
    rows: dict[int, int] = {}  # leading bit -> reduced row
    for mask in masks:
        row = mask
        for lead, known in rows.items():
            if row >> lead & 1:
                row ^= known
        if not row:
            continue
        lead = row.bit_length() - 1
        rows = {at: known ^ row if known >> lead & 1 else known for at, known in rows.items()} | {lead: row}
    free = [bit for bit in range(n) if bit not in rows]
    return [(1 << bit) | sum(1 << lead for lead, row in rows.items() if row >> bit & 1) for bit in free]


def spaces_of(strings: Strings) -> list[Space]:
    """The sectors, the largest first; the whole space alone where nothing is conserved."""
    found = conserved_by(strings)
    if found.charges:
        spaces = _by_labels(strings, found)
    elif found.parities:
        spaces = list(_tapered(strings, found))
    else:
        spaces = [Space(strings.n)]
    return sorted(spaces, key=lambda space: -space.d)


def largest_sector(strings: Strings) -> int:
    """Number of labels of the largest sector, without listing them where that would be long."""
    found = conserved_by(strings)
    if found.charges:
        uniform = [q for q in found.charges if set(map(abs, q)) == {1}]
        if uniform and len(found.charges) == 1:
            return comb(strings.n, strings.n // 2)
        return max(space.d for space in _by_labels(strings, found))
    return strings.d >> min(len(found.parities), _MOST_SECTORS.bit_length() - 1)


def _by_labels(strings: Strings, found: Found) -> list[Space]:
    n = strings.n
    labels = np.arange(2**n, dtype=np.int64)
    place = np.zeros(2**n, dtype=np.int64)
    keys: list[tuple[str, Array]] = []
    for q in found.charges:
        values = _charge(q, labels, n)
        both = np.unique(place * (2 * int(np.abs(values).max()) + 2) + values, return_inverse=True)[1]
        if both.max() < _MOST_SECTORS or not keys:
            place = both
            keys.append((_spelled(q), values))
    spaces, done = [], set()
    for lot in range(int(place.max()) + 1):
        own = np.flatnonzero(place == lot)
        partner = int(place[(2**n - 1) ^ own[0]]) if found.has_spin_flip else lot
        if lot in done:
            continue
        done |= {lot, partner}
        name = ", ".join(f"{text} = {int(values[own[0]]):+d}" for text, values in keys)
        spaces.append(Space(n, name, own, None, 1 if partner == lot else 2))
    return spaces


def _charge(q: tuple[int, ...], labels: Array, n: int) -> Array:
    return sum(
        (x * (1 - 2 * (labels >> (n - 1 - site) & 1)) for site, x in enumerate(q) if x),
        np.zeros(len(labels), dtype=np.int64),
    )


def _spelled(q: tuple[int, ...]) -> str:
    if len(set(q)) == 1 and q[0] == 1:
        return f"Z0 + ... + Z{len(q) - 1}"
    parts = [(x, f"Z{site}" if abs(x) == 1 else f"{abs(x)} Z{site}") for site, x in enumerate(q) if x]
    text = " ".join(("- " if x < 0 else "+ ") + part for x, part in parts)
    return text.removeprefix("+ ")


def _tapered(strings: Strings, found: Found) -> Iterator[Space]:
    """One sector for each choice of the parities; of each set the bit that no other set has is taken out."""
    n, sets = strings.n, found.parities[: _MOST_SECTORS.bit_length() - 1]
    everything = 2**n - 1
    out = [next(b for b in range(n) if s >> b & 1 and not any(t >> b & 1 for t in sets if t != s)) for s in sets]
    kept = [bit for bit in range(n) if bit not in out]
    small = np.arange(2 ** len(kept), dtype=np.int64)
    base = sum(((small >> i & 1) << bit for i, bit in enumerate(kept)), np.zeros_like(small))
    odd = [s.bit_count() & 1 if found.has_spin_flip else 0 for s in sets]  # whether the spin flip changes the parity
    for parities in product((0, 1), repeat=len(sets)):
        partner = tuple(p ^ o for p, o in zip(parities, odd, strict=True))
        if partner < parities:
            continue
        labels = base.copy()
        for s, bit, p in zip(sets, out, parities, strict=True):
            labels |= ((np.bitwise_count(base & s) & 1) ^ p).astype(np.int64) << bit
        terms = []
        for flip, part in strings.groups.items():
            for signs, c in part.items():
                value, left = c, signs
                for s, bit, p in zip(sets, out, parities, strict=True):
                    if left >> bit & 1:
                        left, value = left ^ s, -value if p else value
                terms.append((_squeezed(flip, kept), _squeezed(left & everything, kept), value))
        name = ", ".join(f"{_letters(s, n)} = {1 - 2 * p:+d}" for s, p in zip(sets, parities, strict=True))
        yield Space(n, name, labels, collected(len(kept), terms), 1 if partner == parities else 2)


def _squeezed(mask: int, kept: list[int]) -> int:
    """The kept bits of a mask, moved together."""
    return sum(1 << i for i, bit in enumerate(kept) if mask >> bit & 1)


def _letters(mask: int, n: int) -> str:
    return " ".join(f"Z{site}" for site in range(n) if mask >> (n - 1 - site) & 1)
