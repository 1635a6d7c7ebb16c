"""The GKSL generator on a density matrix in its sectors, applied block by block and never written out.

With G = Σ rate L†L and K = iH + G/2 the generator is  rho -> Σ rate L rho L† - (K rho + h.c.).  On the packed blocks
M of `layout`, with K = P + iQ in real parts,

    K rho + h.c.  ->  P M + Q Mᵀ + (P Mᵀ - Q M)ᵀ,

two products of a sparse with a dense real matrix for a real H. What does not mix elements (the diagonals of G, and
dephasing) multiplies M element by element. A jump on one site moves a part of one block, rows and columns with given
bits of that site, to a part of another (or of the same): one slice of copies for each element of its 4 x 4 matrix.

Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.kernels import TILE, block_transfer, block_without_jumps
from qet.foundations.paulis import PauliSum
from qet.solvers.chains.layout import Layout

Array = np.ndarray
LONG = 60_000  # unknowns from which compiled twins are worth their import
Index = Any  # a slice where the places are consecutive, an array of places otherwise


@dataclass(frozen=True, eq=False)
class Transfer:
    """Part of a jump: out[rows, columns] += x M[from_rows, from_columns] + y Mᵀ[from_rows, from_columns]."""

    target: int
    rows: Index
    columns: Index
    source: int
    from_rows: Index
    from_columns: Index
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class Generator:
    """A GKSL generator with jumps on single sites, at one point.

    Attributes:
        H: The Hamiltonian, coefficients numbers.
        jumps: For every site with jumps, Σ rate L ⊗ L* as an array (r, c, r', c'), and Σ rate L†L, 2 x 2.
        n_sites: Number of qubits.
    """

    H: PauliSum
    jumps: dict[int, tuple[Array, Array]]
    n_sites: int

    @cached_property
    def mean_loss(self) -> float:
        """Mean rate at which jumps leave a level, Σ rate Tr[L†L]/d: below the norm of the generator."""
        return float(sum(np.trace(G).real / 2.0 for _, G in self.jumps.values()))

    @cached_property
    def coupling(self) -> float:
        """The largest coefficient of a string of H that flips a bit, a scale of its motion."""
        return max((abs(c) for s, c in self.H.terms if any(letter != "Z" for _, letter in s)), default=0.0)


def jumps_of(things: tuple[tuple[PauliSum, float], ...]) -> dict[int, tuple[Array, Array]]:
    """One-site Lindblad operators and their rates, added up site by site (see `Generator`)."""
    found: dict[int, tuple[Array, Array]] = {}
    for operator, rate in things:
        if rate == 0.0 or not operator.support:
            continue
        (site,) = operator.support
        L = np.asarray(operator.matrix((site,)), dtype=complex)
        J, G = found.get(site, (0.0, 0.0))
        found[site] = (J + rate * np.einsum("ij,kl->ikjl", L, L.conj()), G + rate * L.conj().T @ L)
    return found


@dataclass(frozen=True, eq=False)
class Compiled:
    """The compiled twins and what they work with.

    Attributes:
        block: `block_without_jumps`.
        transfer: `block_transfer`.
        places: For every transfer of every block, its rows, columns and where they come from, as arrays.
        numbers: Its x and y, in the precision of the vectors.
        buffers: Room for a transpose, as large as the largest block, and for some of its rows.
    """

    block: Any
    transfer: Any
    places: list[list[tuple[Array, ...]]]
    numbers: list[list[tuple[Any, Any]]]
    buffers: tuple[Array, Array]

    @classmethod
    def of(cls, action: Action) -> Compiled | None:
        """Those of an action; None without numba."""
        block, transfer = block_without_jumps(), block_transfer()
        if block is None or transfer is None:
            return None
        sizes, kind = action.layout.sizes, action.dtype.type
        every = [np.arange(n) for n in sizes]
        places: list[list[tuple[Array, ...]]] = [
            [
                (every[b][m.rows], every[b][m.columns], every[m.source][m.from_rows], every[m.source][m.from_columns])
                for m in moves
            ]
            for b, moves in enumerate(action.transfers)
        ]
        numbers = [[(kind(m.x), kind(m.y)) for m in moves] for moves in action.transfers]
        largest = max(sizes)
        return cls(block, transfer, places, numbers, (np.empty(largest**2, kind), np.empty((TILE, largest), kind)))

    def without_jumps(self, Q: Any, lost: Array, M: Array, image: Array) -> Array:
        """Write (QM)ᵀ - Q Mᵀ - lost M - M lost; Mᵀ is given back."""
        turned = self.buffers[0][: M.size].reshape(M.shape)
        self.block(M, image, turned, self.buffers[1], Q.indptr, Q.indices, Q.data, lost)
        return turned

    def move(self, b: int, i: int, M: Array, image: Array) -> None:
        """Add one transfer."""
        self.transfer(M, image, *self.places[b][i], *self.numbers[b][i])


class Action:
    """L on packed vectors.

    Args:
        generator: What acts.
        layout: The blocks; the symmetries they come from must be the generator's.
        dtype: Precision of the coefficients; vectors of the same one are taken.
        is_compiled: Whether to take the compiled twins where they can be had; None: where vectors are long enough to
            be worth the import.
    """

    def __init__(
        self, generator: Generator, layout: Layout, dtype: Any = float, *, is_compiled: bool | None = None
    ) -> None:
        self.generator, self.layout, self.dtype = generator, layout, np.dtype(dtype)
        self.applications = 0
        self.real: list[Any] = []
        self.imaginary: list[Any] = []
        self.leaving: list[Array] = []
        for some in layout.labels:
            P, Q, lost = _without_jumps(generator, some, layout.place)
            self.real.append(None if P is None else P.astype(dtype))
            self.imaginary.append(Q.astype(dtype))
            self.leaving.append(lost.astype(dtype))
        self.factors = [_factors(generator, some, self.dtype) for some in layout.labels]
        self.transfers: list[list[Transfer]] = [[] for _ in layout.labels]
        for site, (J, _) in sorted(generator.jumps.items()):
            for transfer in _transfers(layout, site, J):
                self.transfers[transfer.target].append(transfer)
        wants = layout.unknowns > LONG if is_compiled is None else is_compiled
        self.compiled = Compiled.of(self) if wants else None

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """L x."""
        self.applications += 1
        out = np.empty_like(x) if out is None else out
        layout = self.layout
        for b in range(len(layout.labels)):
            M, image = layout.part(x, b), layout.part(out, b)
            self.without_jumps(b, M, image)
            if self.factors[b] is not None:
                image += self.factors[b] * M
            for i, move in enumerate(self.transfers[b]):
                if self.compiled is None:
                    _move(move, layout.part(x, move.source), image)
                else:
                    self.compiled.move(b, i, layout.part(x, move.source), image)
        return out

    def without_jumps(self, b: int, M: Array, image: Array) -> None:
        """Write -(K rho + h.c.) of one block."""
        P, Q, lost = self.real[b], self.imaginary[b], self.leaving[b]
        if self.compiled is None:
            turned = np.ascontiguousarray(M.T)
            np.subtract((Q @ M).T, Q @ turned, out=image)
            image -= lost[:, None] * M
            image -= lost * M
        else:
            turned = self.compiled.without_jumps(Q, lost, M, image)
        if P is not None:
            image -= P @ M
            image -= (P @ turned).T


def _without_jumps(generator: Generator, labels: Array, place: Array) -> tuple[Any, Any, Array]:
    """K on one block: P without its diagonal (None where it vanishes), Q, and the diagonal of P."""
    from scipy.sparse import csr_array

    n, N = len(labels), generator.n_sites
    own = np.full(len(place), -1)
    own[labels] = np.arange(n)
    terms: list[tuple[int, Array]] = []  # (flip, entries of K at (row, row ^ flip))
    for string, c in generator.H.terms:
        flip, entries = string_entries(string, labels, N)
        terms.append((flip, 1j * c * entries))
    for site, (_, G) in generator.jumps.items():
        bit = 1 << (N - 1 - site)
        up = (labels & bit != 0).astype(int)
        terms.append((0, 0.5 * G[up, up]))
        if np.any(G[0, 1]):
            terms.append((bit, 0.5 * G[up, 1 - up]))
    by_flip: dict[int, Array] = {}
    for flip, entries in terms:
        by_flip[flip] = by_flip.get(flip, 0.0) + entries
    diagonal = by_flip.pop(0, np.zeros(n, dtype=complex))
    rows, columns, values = [np.arange(n)], [np.arange(n)], [1j * diagonal.imag]
    for flip, entries in sorted(by_flip.items()):
        to = own[labels ^ flip]
        there = (to >= 0) & (entries != 0.0)
        rows.append(np.flatnonzero(there))
        columns.append(to[there])
        values.append(entries[there])
    entries, pairs = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    Q, P = csr_array((entries.imag, pairs), shape=(n, n)), csr_array((entries.real, pairs), shape=(n, n))
    Q.eliminate_zeros()
    P.eliminate_zeros()
    return (P if P.nnz else None), Q, diagonal.real


def string_entries(string: Any, labels: Array, N: int) -> tuple[int, Array]:
    """The flip of a Pauli string and its entries <row| s |row ^ flip>."""
    flip, entries = 0, np.ones(len(labels), dtype=complex)
    for site, letter in string:
        bit = 1 << (N - 1 - site)
        sign = np.where(labels & bit, -1.0, 1.0)
        if letter != "X":
            entries = entries * (sign if letter == "Z" else -1j * sign)
        if letter != "Z":
            flip |= bit
    return flip, entries


def _factors(generator: Generator, labels: Array, dtype: Any) -> Array | None:
    """What jumps that leave row and column in place multiply an element by; None: there are none."""
    factors: Array | None = None
    for site, (J, _) in generator.jumps.items():
        kept = np.einsum("rcrc->rc", J)
        if not np.any(kept):
            continue
        up = (labels >> (generator.n_sites - 1 - site)) & 1
        part = _packed_factor(kept)[np.ix_(up, up)].astype(dtype)
        factors = part if factors is None else factors + part
    return factors


def _packed_factor(kept: Array) -> Array:
    """The diagonal elements of a jump; an imaginary part needs a transpose and is left to the transfers."""
    return np.where(kept.imag == 0.0, kept.real, 0.0)


def _transfers(layout: Layout, site: int, J: Array) -> list[Transfer]:
    """The parts of all jumps on one site."""
    bit = 1 << (layout.n_sites - 1 - site)
    made = []
    for target, labels in enumerate(layout.labels):
        up = (labels & bit != 0).astype(int)
        for flips in product((0, 1), repeat=2):
            elements = {
                (r, c): complex(J[r, c, r ^ flips[0], c ^ flips[1]])
                for r, c in product((0, 1), repeat=2)
                if J[r, c, r ^ flips[0], c ^ flips[1]] != 0.0
            }
            if flips == (0, 0):
                elements = {key: z for key, z in elements.items() if z.imag != 0.0}
            if len(elements) == 4 and len(set(elements.values())) == 1:
                parts = [(np.arange(len(labels)), np.arange(len(labels)), elements[0, 0])]
            else:
                parts = [(np.flatnonzero(up == r), np.flatnonzero(up == c), z) for (r, c), z in elements.items()]
            for rows, columns, z in parts:
                made += _transfer(layout, target, rows, columns, (bit * flips[0], bit * flips[1]), z)
    return made


def _transfer(layout: Layout, target: int, rows: Array, columns: Array, flips: Any, z: complex) -> list[Transfer]:
    """A part of a jump from the labels that its rows and columns come from; nothing where none is in one sector."""
    labels = layout.labels[target]
    from_rows, from_columns = labels[rows] ^ flips[0], labels[columns] ^ flips[1]
    made = []
    for sector in np.unique(layout.sector[from_rows]):
        some, others = layout.sector[from_rows] == sector, layout.sector[from_columns] == sector
        if np.any(others):
            source = int(layout.block[from_rows[some][0]])
            to = (target, _index(rows[some]), _index(columns[others]))
            places = layout.place[from_rows[some]], layout.place[from_columns[others]]
            made.append(Transfer(*to, source, _index(places[0]), _index(places[1]), z.real, z.imag))
    return made


def _index(places: Array) -> Index:
    """A slice where the places are consecutive."""
    if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
        return slice(int(places[0]), int(places[0]) + len(places))
    return places


def _at(M: Array, rows: Index, columns: Index) -> Array:
    if isinstance(rows, slice) or isinstance(columns, slice):
        return M[rows][:, columns] if isinstance(columns, slice) else M[rows, :].take(columns, axis=1)
    return M[np.ix_(rows, columns)]


def _move(move: Transfer, M: Array, image: Array) -> None:
    """Add one transfer to its target."""
    part: Any = 0.0
    if move.x != 0.0:
        part = _at(M, move.from_rows, move.from_columns)
        part = part if move.x == 1.0 else move.x * part
    if move.y != 0.0:
        part = part + move.y * _at(M, move.from_columns, move.from_rows).T
    if isinstance(move.rows, slice) or isinstance(move.columns, slice):
        image[move.rows, move.columns] += part
    else:
        image[np.ix_(move.rows, move.columns)] += part
