"""What the compiled product of `foundations.pauli_kernel` needs to know of a sum of Pauli strings.

Each flip is put where its runs are longest, in tiles as they are or in tiles with their lowest bits turned to the top.
Three flips of one place go together; a set of such triples with runs of one length is a group. Of the strings of one
flip those without signs within a tile add up to one number a tile. The others are sorted by their signs outside of the
tile: each sort is a table over the runs of the tile, which enters with the sign of the tile.

The diagonal is written out, one real number a label, by a Walsh-Hadamard transform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qet.solvers.vectors.cores import shared
from qet.solvers.vectors.strings import Strings

Array = np.ndarray
LOW_BITS = 10  # of a tile: 1024 entries
_LONG = 7  # bits of a run beyond which longer ones gain nothing
_TRIPLE = 3  # flips applied at once


class Compiled:
    """H on flat vectors through the kernel.

    Attributes:
        is_complex: Whether H is.
    """

    def __init__(self, strings: Strings, kernel: Callable[..., None]) -> None:
        self.is_complex = not strings.is_real
        self._kernel = kernel
        self._tiles = strings.d >> min(strings.n, LOW_BITS)
        self._arguments = _arguments(strings)

    def __call__(self, x: Array) -> Array:
        """H on columns (d, b)."""
        y = np.empty_like(x)
        self._fill(x, y, x.shape[1] * (2 if np.iscomplexobj(x) else 1))
        return y

    def rows(self, x: Array) -> Array:
        """H on rows (b, d)."""
        y = np.empty_like(x)
        for one, image in zip(x, y, strict=True):
            self._fill(one, image, 2 if np.iscomplexobj(x) else 1)
        return y

    def _fill(self, x: Array, y: Array, unit: int) -> None:
        flat = x.reshape(-1).view(float), y.reshape(-1).view(float)

        def work(first: int, last: int) -> None:
            self._kernel(*flat, first, last, unit, self.is_complex, *self._arguments)

        shared(work, self._tiles)


def _arguments(strings: Strings) -> tuple[Any, ...]:
    """Of the kernel, after the vectors."""
    low = min(strings.n, LOW_BITS)
    half = low // 2
    groups: list[tuple[int, ...]] = []
    flips: list[int] = []
    first, signs, numbers = [0], [], []
    begin, table_signs, tables = [0], [], []
    for (is_turned, high, bits), some in sorted(_groups(strings, low, half).items()):
        groups.append((is_turned, high, len(flips), len(flips) + len(some), bits))
        for flip in some:
            place = (_turned(flip & (2**low - 1), low, half) if is_turned else flip) if flip is not None else 0
            flips.append(place >> bits)
            part = strings.groups[flip] if flip is not None else {}
            runs = np.arange(2 ** (low - bits)) << bits
            sorts: dict[int, Array] = {}
            for mask, c in part.items():
                inside = mask & (2**low - 1)
                if not inside:
                    signs.append(mask >> low)
                    numbers.append((c.real, c.imag))
                    continue
                inside = _turned(inside, low, half) if is_turned else inside
                sign = 1.0 - 2.0 * (np.bitwise_count(runs & inside) & 1)
                sorts[mask >> low] = sorts.get(mask >> low, 0.0) + c * sign
            table_signs += list(sorts)
            tables += list(sorts.values())
            first.append(len(numbers))
            begin.append(len(tables))
    return (
        low,
        half,
        diagonal_of(strings),
        1.0 - 2.0 * (np.bitwise_count(np.arange(strings.d >> low)) & 1),
        np.array(groups, dtype=np.int64).reshape(-1, 5),
        (
            np.array(flips, dtype=np.int64),
            (np.array(first), np.array(signs, dtype=np.int64), np.array(numbers, dtype=float).reshape(-1, 2)),
            (np.array(begin), np.array(table_signs, dtype=np.int64), _side_by_side(tables)),
        ),
    )


def _groups(strings: Strings, low: int, half: int) -> dict[tuple[int, int, int], list[int | None]]:
    """(whether turned, high bits of a turned flip, bits of a run) -> flips, in triples filled up with None."""
    places: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for flip, part in strings.groups.items():
        if not flip:
            continue
        met = flip
        for signs in part:
            met |= signs
        met &= 2**low - 1
        run, turned = _lowest(met, low), _lowest(_turned(met, low, half), low)
        if run < half and turned > run:
            places.setdefault((1, flip >> low), []).append((min(turned, _LONG), flip))
        else:
            places.setdefault((0, 0), []).append((min(run, _LONG), flip))
    groups: dict[tuple[int, int, int], list[int | None]] = {}
    for place, found in places.items():
        found.sort()
        for i in range(0, len(found), _TRIPLE):
            triple = [flip for _, flip in found[i : i + _TRIPLE]]
            groups.setdefault((*place, found[i][0]), []).extend(triple + [None] * (_TRIPLE - len(triple)))
    return groups


def _turned(mask: int, low: int, half: int) -> int:
    """Bits of a tile where the lowest `half` of them are moved above the others."""
    return mask >> half | (mask & (2**half - 1)) << (low - half)


def _lowest(mask: int, none: int) -> int:
    return (mask & -mask).bit_length() - 1 if mask else none


def _side_by_side(tables: list[Array]) -> Array:
    """Complex tables as real pairs in one array, shape (tables, runs, 2); shorter ones are filled up."""
    out = np.zeros((len(tables), max(map(len, tables), default=0), 2))
    for row, table in zip(out, tables, strict=True):
        row[: len(table)] = np.stack([np.real(table), np.imag(table)], axis=-1)
    return out


def diagonal_of(strings: Strings) -> Array:
    """The diagonal of H, shape (d,): its strings of Zs summed over labels, one bit after the other."""
    out: Array = np.zeros(strings.d)
    for signs, c in strings.groups.get(0, {}).items():
        out[signs] = c.real
    for bit in range(strings.n):
        pairs = out.reshape(-1, 2, 2**bit)
        even, odd = pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]
        pairs[:, 0], pairs[:, 1] = even, odd
    return out
