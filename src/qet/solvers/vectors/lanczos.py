"""The lowest levels of a Hermitian product: a block Lanczos method with thick restarts.

The Krylov space of one start vector holds one vector of each level, whatever its multiplicity; that of b vectors
holds up to b. So the block is as wide as the number of levels asked for, and a degenerate level shows as what it is.
When the space is full the lowest Ritz vectors stay, and the recurrence goes on from the last block ("thick restart").

SciPy's `eigsh` (ARPACK) has one start vector: it finds multiplicities only through rounding, and takes complex
matrices through a method for general ones.

Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qet.solvers.vectors.product import Product
from qet.solvers.vectors.rows import combined, overlaps, take_out

Array = np.ndarray
TIGHT = 2e-15  # of a residual, relative to ‖H‖: what rounding leaves
LOOSE = 1e-7  # of one whose energy is all that is asked: the error of it is the square
_SMALL = 128  # labels up to which the matrix is diagonalized
_MOST_BLOCKS = 3000
_LOST = 1e-13  # of a new direction, relative to ‖H‖: below it the space is closed
_CLEAR = 1e-4  # of the residual of a lowest level that is known well enough to say that it lies too high
_SHORT = 1e-2  # of a new direction, relative to ‖H‖: below it rounding is a larger part of it
_PERIOD = 6  # steps after which the block is made orthogonal to what it drifts to again
_SHIFT = 72  # entries between rows, so that rows of 2^n entries do not compete for the same places of a cache
_MILD = 4.0  # condition of a block up to which one pass makes it orthonormal to rounding
_DRIFT = 1e-11  # of a true residual, relative to ‖H‖, beyond what the space says: more, and the space has drifted
_ATTEMPTS = 3  # each from the vectors of the last
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Lowest:
    """The lowest levels found.

    Attributes:
        energies: Ascending, shape (k,).
        vectors: Columns, shape (d, k).
        residuals: ‖Hψ - Eψ‖, shape (k,).
        norm: Largest |E| seen at both ends of the spectrum: ‖H‖ from below.
        is_converged: Whether every one reached its tolerance.
    """

    energies: Array
    vectors: Array
    residuals: Array
    norm: float
    is_converged: bool


def lowest(
    product: Product,
    tolerances: list[float],
    rng: np.random.Generator,
    *,
    columns: int = 48,
    start: Array | None = None,
    give_up_above: float = np.inf,
) -> Lowest:
    """The lowest levels of a product, one for each tolerance of a residual (relative to ‖H‖).

    Args:
        product: H, on columns.
        tolerances: One for each level wanted, from below.
        rng: Where the start comes from.
        columns: Vectors kept at most.
        start: Columns to begin with, as many as they are; the rest is random.
        give_up_above: An energy: stop where even the lowest level lies above it.
    """
    wanted = min(len(tolerances), product.d)
    if product.d <= max(_SMALL, 4 * wanted):
        return _diagonalized(product, wanted)
    aims = np.array(tolerances[:wanted])
    for _ in range(_ATTEMPTS):
        space = _Space(product, wanted, max(columns, 4 * wanted), rng, start)
        found, is_certain = _sought(space, aims, give_up_above)
        if is_certain:
            return found
        start = found.vectors
    return replace(found, is_converged=False)


def _sought(space: _Space, aims: Array, give_up_above: float) -> tuple[Lowest, bool]:
    """The levels, and whether the true residuals are what the space says of them."""
    for _ in range(_MOST_BLOCKS):
        coupling = space.extend()
        theta, Y = np.linalg.eigh(space.T[: space.size, : space.size])
        norm = float(np.abs(theta).max())
        residuals = np.linalg.norm(coupling @ Y[-space.width :, : len(aims)], axis=0)
        is_met = residuals <= aims * norm
        is_clear = residuals[0] <= _CLEAR * norm and theta[0] - 2.0 * residuals[0] > give_up_above
        if np.all(is_met) or is_clear:
            found = space.ritz(theta, Y, len(aims), bool(np.all(is_met)))
            return found, bool(np.all(found.residuals <= 2.0 * residuals + _DRIFT * norm))
        if space.is_full:
            space.restart(theta, Y, coupling, len(aims))
    return space.ritz(theta, Y, len(aims), False), True


def _diagonalized(product: Product, wanted: int) -> Lowest:
    matrix = product(np.eye(product.d, dtype=product.dtype))
    energies, vectors = np.linalg.eigh((matrix + matrix.conj().T) / 2)
    norm = float(np.abs(energies).max())
    found = vectors[:, :wanted]
    residuals = np.linalg.norm(matrix @ found - found * energies[:wanted], axis=0)
    return Lowest(energies[:wanted], found, residuals, norm, True)


class _Space:
    """The vectors kept, as the rows of V; T = V* H V^T; and the block that comes next.

    A product overlaps with the block before and with its own, by more than rounding; after a restart with all that was
    kept. Of the others rounding leaves something that grows along Ritz vectors as they converge (Paige), by a small
    factor a step. It is taken out in two steps of every six: of all rows before the first restart, and of the Ritz
    vectors kept after it. The true residuals are computed at the end, and decide.
    """

    def __init__(
        self, product: Product, width: int, columns: int, rng: np.random.Generator, start: Array | None
    ) -> None:
        self.product, self.width, self.rng = product, width, rng
        self.V: Array = np.empty((columns, product.d + _SHIFT), dtype=product.dtype)[:, : product.d]
        self.T: Array = np.zeros((columns, columns), dtype=product.dtype)  # the lower triangle counts
        self.size = 0  # rows of V whose products are known
        self.near = 0  # first of the rows that the next product overlaps with beyond rounding
        self.steps = 0
        self.kept = 0  # rows that are Ritz vectors, from below
        first = self._random(width)
        if start is not None:
            first[: start.shape[1]] = start.T[:width]
        self.V[:width] = _orthonormal(first)[0]

    @property
    def is_full(self) -> bool:
        """Whether no further block fits."""
        return self.size + self.width > len(self.V)

    def extend(self) -> Array:
        """Multiply the newest block, and find the next one; its coupling to the space, shape (b, b)."""
        j, b = self.size, self.width
        image = self.product.rows(self.V[j : j + b])
        self.size = j + b
        own = self._taken_out(image, self.near, self.size)[:, -b:].T
        self.T[j : self.size, j : self.size] = (own + own.conj().T) / 2
        if self.steps % _PERIOD < 2:
            self._taken_out(image, 0, self.kept if self.near and self.kept else self.size)
        self.steps += 1
        self.near = j
        self.next, coupling = self._next(image)
        if not self.is_full:
            self.V[self.size : self.size + b] = self.next
            self.T[self.size : self.size + b, j : self.size] = coupling
        return coupling

    def restart(self, theta: Array, Y: Array, coupling: Array, wanted: int) -> None:
        """Keep the lowest Ritz vectors, and go on with the next block."""
        b = self.width
        kept = min(max(wanted + 4, len(self.V) // 3), len(self.V) - b)
        combined(Y[:, :kept].T, self.V[: self.size], out=self.V[:kept])
        self.T[:] = 0.0
        self.T[range(kept), range(kept)] = theta[:kept]
        self.T[kept : kept + b, :kept] = coupling @ Y[-b:, :kept]
        self.V[kept : kept + b] = self.next
        self.size, self.kept, self.near, self.steps = kept, kept, 0, 0

    def ritz(self, theta: Array, Y: Array, wanted: int, is_converged: bool) -> Lowest:
        """The lowest Ritz pairs with their residuals as they are."""
        vectors = np.ascontiguousarray(combined(Y[:, :wanted].T, self.V[: self.size]).T)
        vectors /= np.linalg.norm(vectors, axis=0)
        images = self.product(vectors)
        energies = np.real(np.einsum("ij,ij->j", vectors.conj(), images))
        residuals = np.linalg.norm(images - vectors * energies, axis=0)
        return Lowest(energies, vectors, residuals, float(np.abs(theta).max()), is_converged)

    def _taken_out(self, image: Array, first: int, last: int) -> Array:
        """Make the image orthogonal to some rows; what it had of them, shape (b, rows)."""
        known = self.V[first:last]
        overlap = overlaps(known, image)
        take_out(known, image, overlap)
        return overlap

    def _next(self, image: Array) -> tuple[Array, Array]:
        """An orthonormal block that spans what is left of the image, and its coupling: image^T = block^T coupling.

        Directions that are not there any more (the space is closed) are replaced by random ones without coupling.
        """
        scale = max(float(np.abs(self.T).max()), _TINY)
        block, coupling = _orthonormal(image)
        if np.abs(np.diag(coupling)).min() <= _SHORT * scale:
            self._taken_out(block, 0, self.size)
            block, left = _orthonormal(block)
            coupling = left @ coupling
        lost = np.linalg.norm(coupling, axis=1) <= _LOST * scale
        if lost.any():
            coupling[lost] = 0.0
            block[lost] = self._random(int(lost.sum()))
            for _ in range(2):
                self._taken_out(block, 0, self.size)
                block = _orthonormal(block)[0]
        return block, coupling

    def _random(self, count: int) -> Array:
        block = self.rng.normal(size=(count, self.product.d))
        if self.product.dtype is complex:
            return block + 1j * self.rng.normal(size=block.shape)
        return block


def _orthonormal(block: Array) -> tuple[Array, Array]:
    """Orthonormal rows Q and R with block^T = Q^T R.

    By Cholesky's factor of the overlaps, twice unless the rows are nearly orthogonal already; by Gram and Schmidt where
    they are nearly parallel.
    """
    R = np.eye(len(block), dtype=block.dtype)
    Q = block
    for _ in range(2):
        try:
            L = np.linalg.cholesky(overlaps(Q, Q).T)
        except np.linalg.LinAlgError:
            return _by_gram_and_schmidt(block)
        size = np.abs(np.diag(L))
        if size.min() <= 1e-5 * size.max():
            return _by_gram_and_schmidt(block)
        upper = L.conj().T
        Q = combined(np.linalg.inv(upper).T, Q)
        R = upper @ R
        if np.linalg.cond(L) < _MILD:
            break
    return Q, R


def _by_gram_and_schmidt(block: Array) -> tuple[Array, Array]:
    Q = np.array(block)
    b = len(Q)
    R = np.zeros((b, b), dtype=Q.dtype)
    for i in range(b):
        for _ in range(2):
            overlap = Q[:i].conj() @ Q[i]
            Q[i] -= overlap @ Q[:i]
            R[:i, i] += overlap
        R[i, i] = np.linalg.norm(Q[i])
        if abs(R[i, i]) > _TINY:
            Q[i] /= R[i, i]
    return Q, R
