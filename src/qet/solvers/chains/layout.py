"""Where the unknowns of a density matrix in symmetry sectors sit, in one real vector.

rho = ⊕ rho_s over the sectors s of labels that a weak symmetry keeps apart. A Hermitian block rho_s = S + iA, S
symmetric and A antisymmetric, is kept as the real matrix M = S + A, so that S = (M + Mᵀ)/2 and A = (M - Mᵀ)/2.
Multiplying elements of rho by z = x + iy multiplies M by x and adds y Mᵀ.

*Folding.* A permutation π of the labels, its own inverse, with rho_{π(a) π(b)} = rho_ab makes a sector the image of
another: of the two the first is kept. Labels of the second have the place of their image.

Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Layout:
    """The blocks kept of a density matrix on n_sites qubits.

    Attributes:
        n_sites: Number of qubits.
        labels: The labels of every block kept, ascending.
        image: The permutation π of all labels; None: no sector is folded.
    """

    n_sites: int
    labels: tuple[Array, ...]
    image: Array | None = None

    @property
    def levels(self) -> int:
        """Dimension of the space, 2^N."""
        return int(2**self.n_sites)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of labels of every block."""
        return tuple(len(some) for some in self.labels)

    @cached_property
    def starts(self) -> Array:
        """Where each block begins in the vector; one more than there are blocks."""
        return np.cumsum([0, *(n * n for n in self.sizes)])

    @property
    def unknowns(self) -> int:
        """Length of the vector."""
        return int(self.starts[-1])

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """How many sectors each block stands for: 1, or 2 where its image was left out."""
        if self.image is None:
            return (1,) * len(self.labels)
        return tuple(1 if np.any(self.image[some] == some[0]) else 2 for some in self.labels)

    @cached_property
    def _found(self) -> tuple[Array, Array]:
        block, place = np.full((2, self.levels), -1)
        for b, some in enumerate(self.labels):
            block[some], place[some] = b, np.arange(len(some))
        if self.image is not None:
            missing = block < 0
            block[missing], place[missing] = block[self.image[missing]], place[self.image[missing]]
        return block, place

    @property
    def block(self) -> Array:
        """For each label, the block that has it or its image."""
        return self._found[0]

    @property
    def place(self) -> Array:
        """For each label, its place (or that of its image) in the block."""
        return self._found[1]

    @cached_property
    def sector(self) -> Array:
        """For each label, a number of its sector: folded sectors have numbers of their own."""
        own = np.full(self.levels, -1)
        for b, some in enumerate(self.labels):
            own[some] = b
        return np.where(own < 0, self.block + len(self.labels), own)

    def part(self, x: Array, b: int) -> Array:
        """A view of one block of a vector, as the real matrix M."""
        n = self.sizes[b]
        return x[self.starts[b] : self.starts[b + 1]].reshape(n, n)

    def hermitian(self, x: Array, b: int) -> Array:
        """One block of a vector, as the Hermitian matrix rho_s."""
        M = self.part(x, b)
        return np.asarray(0.5 * (M + M.T) + 0.5j * (M - M.T))

    def trace(self, x: Array) -> float:
        """The trace of the whole density matrix."""
        return float(sum(w * np.trace(self.part(x, b)) for b, w in enumerate(self.weights)))

    def norm(self, x: Array) -> float:
        """The Frobenius norm of the whole density matrix."""
        parts = [w * np.vdot(self.part(x, b), self.part(x, b)) for b, w in enumerate(self.weights)]
        return float(np.sqrt(sum(parts)))

    def identity(self) -> Array:
        """The maximally mixed state."""
        x = np.zeros(self.unknowns)
        for b in range(len(self.sizes)):
            np.fill_diagonal(self.part(x, b), 1.0 / self.levels)
        return x

    def packed(self, rho: Array) -> Array:
        """The blocks of a full matrix, shape (d, d), as a vector."""
        x = np.empty(self.unknowns)
        for b, some in enumerate(self.labels):
            block = rho[np.ix_(some, some)]
            block = 0.5 * (block + block.conj().T)
            self.part(x, b)[...] = block.real + block.imag
        return x

    def unpacked(self, x: Array) -> Array:
        """The full Hermitian matrix of a vector, shape (d, d)."""
        rho = np.zeros((self.levels, self.levels), dtype=complex)
        for b, some in enumerate(self.labels):
            block = self.hermitian(x, b)
            rho[np.ix_(some, some)] = block
            if self.weights[b] == 2:
                assert self.image is not None
                other = self.image[some]
                rho[np.ix_(other, other)] = block
        return rho


def folded(n_sites: int, sectors: tuple[Array, ...], image: Array) -> Layout:
    """The layout that keeps the first of every two sectors that a permutation exchanges."""
    kept, seen = [], set()
    for some in sectors:
        if int(some[0]) in seen:
            continue
        kept.append(some)
        seen.update(image[some].tolist())
    return Layout(n_sites, tuple(kept), image)
