"""Pfaffians of antisymmetric matrices, real or complex, many at once.

Pf(M)² = det(M), with the sign fixed by Pf of a block diagonal matrix of [[0, λ], [-λ, 0]] being the product of the λ.
Under a change of basis Pf(Qᵀ M Q) = det(Q) Pf(M), and for a matrix of blocks

    Pf [[A, B], [-Bᵀ, C]] = Pf(A) Pf(C + Bᵀ A⁻¹ B).

Reflections (Householder) bring M to tridiagonal form, where the Pfaffian is the product of every second entry beside
the diagonal: no pivots, and an absolute error near rounding of Hadamard's bound, however small the Pfaffian.

A real M that couples even rows to odd ones alone, by G, has singular values in place of eigenvalues and, for equal
numbers of both in turn, Pf(M) = det(G): half the order, and no complex numbers. The states of real Hamiltonians are so.

Sources: M. Wimmer, ACM Trans. Math. Softw. 38, 30 (2012), arXiv:1102.3440, for the reduction by reflections; the
parting of a large block from a small one is derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
SAFE_DIVISOR = 0.03  # a pair of the large block with a smaller λ is kept, not eliminated: its 1/λ would cost digits
MOST_KEPT = 16  # pairs kept beyond those of the small block; with more the Pfaffian is below SAFE_DIVISOR^16 ~ 1e-24


def pfaffian(M: Array) -> Any:
    """Pf(M) by reflections to tridiagonal form.

    Args:
        M: Antisymmetric, real or complex, shape (..., n, n), n even.

    Returns:
        The Pfaffian, shape (...); 1 for n = 0.

    Example:
        >>> M = np.array([[0, 2, 3, 4], [-2, 0, 5, 6], [-3, -5, 0, 7], [-4, -6, -7, 0.0]])
        >>> print(f"{pfaffian(M):.12f}")  # 2·7 - 3·6 + 4·5
        16.000000000000
    """
    n = M.shape[-1]
    rest = np.array(M, dtype=complex if np.iscomplexobj(M) else float)
    value = np.ones(M.shape[:-2], dtype=rest.dtype)
    for _ in range(n // 2 - 1):
        column = rest[..., 0, 1:]  # becomes (α, 0, …, 0)
        norm, first = np.sqrt(_square(column)), column[..., 0]
        size = np.abs(first)
        alpha = -norm * np.where(size > 0.0, first / np.where(size > 0.0, size, 1.0), 1.0)
        v = column.copy()
        v[..., 0] -= alpha
        square = _square(v)
        scaled = v * np.sqrt(2.0 / np.where(square > 0.0, square, 1.0))[..., None]
        inner = rest[..., 1:, 1:]
        # v†(inner)v* = 0, so the reflected block (1 - vv†) inner (1 - v*vᵀ) is inner - w vᵀ + v wᵀ with w = inner v*
        w = (inner @ scaled.conj()[..., None])[..., 0]
        # of the reflected block only what lies behind its first row and column is needed
        outer = w[..., 1:, None] * scaled[..., None, 1:]
        rest = inner[..., 1:, 1:] - outer + np.swapaxes(outer, -1, -2)
        value = value * -alpha
    return value * rest[..., 0, 1] if n else value


def minor_pfaffian(M: Array, modes: Sequence[int]) -> Any:
    """Pf of M restricted to some rows and columns, shape (...).

    Where even modes meet odd ones alone, as in the states of a real H, it is a determinant of half the size, with the
    sign of the order that brings the even ones to the front: Pf [[0, B], [-Bᵀ, 0]] = (-1)^(k(k-1)/2) det B.
    """
    rows = np.array(modes, dtype=int)
    even, odd = rows[rows % 2 == 0], rows[rows % 2 == 1]
    if M[..., even[:, None], even].any() or M[..., odd[:, None], odd].any():
        return pfaffian(M[..., rows[:, None], rows])
    if len(even) != len(odd):
        return np.zeros(M.shape[:-2])[()]
    k = len(even)
    passed = int(np.cumsum(rows % 2)[rows % 2 == 0].sum())  # pairs of an odd mode before an even one
    return (-1.0) ** (passed + k * (k - 1) // 2) * np.linalg.det(M[..., even[:, None], odd])


def _square(v: Array) -> Any:
    return (v.real**2 + v.imag**2).sum(-1) if np.iscomplexobj(v) else (v * v).sum(-1)


@dataclass(frozen=True, eq=False)
class Parted:
    """A large block taken out of a matrix: Pf of it with any of the small modes is `factor` times a small Pfaffian.

    Attributes:
        factor: Product of the eliminated λ and the sign of the basis, shape (...).
        matrix: What is left, the kept directions of the large block first, shape (..., kept + small, kept + small).
        kept: How many directions of the large block are left, even.
    """

    factor: Array
    matrix: Array
    kept: int

    @classmethod
    def of(cls, A: Array, B: Array, C: Array) -> Parted:
        """Eliminate the well-conditioned part of A from [[A, B], [-Bᵀ, C]].

        Args:
            A: The large block, antisymmetric, shape (..., n, n), n even; one matrix where it is complex.
            B: Shape (..., n, m).
            C: The small block, shape (..., m, m).
        """
        if np.iscomplexobj(A):
            return _parted_complex(A, B, C)
        if not (A[..., ::2, ::2].any() or A[..., 1::2, 1::2].any()):
            return _parted_columns(A[..., ::2, 1::2], B, C)
        n, m = B.shape[-2:]
        energies, V = np.linalg.eigh(1j * A)
        energies, V = energies[..., n // 2 :], V[..., n // 2 :]  # λ >= 0, ascending; v = (x + iy)/√2, A y = -λ x
        small = int((energies < SAFE_DIVISOR).sum(-1).max(initial=0))
        pairs = min(small, m // 2 + MOST_KEPT)
        is_zero = (energies < SAFE_DIVISOR).sum(-1) > pairs
        lam, x, y = energies[..., pairs:], np.sqrt(2.0) * V[..., pairs:].real, np.sqrt(2.0) * V[..., pairs:].imag
        rest = _complement(x, y, 2 * pairs)
        Q = np.concatenate([np.stack([y, x], axis=-1).reshape(*y.shape[:-1], -1), rest], axis=-1)
        factor = np.where(is_zero, 0.0, np.linalg.slogdet(Q)[0] * lam.prod(-1))
        turn = np.swapaxes
        bx, by = turn(x, -1, -2) @ B, turn(y, -1, -2) @ B
        inner = turn(bx, -1, -2) @ (by / np.where(is_zero[..., None], 1.0, lam)[..., None])
        corner, side = turn(rest, -1, -2) @ A @ rest, turn(rest, -1, -2) @ B
        matrix = _bordered((corner - turn(corner, -1, -2)) / 2, side, C + inner - turn(inner, -1, -2))
        return cls(factor, matrix, 2 * pairs)


def _complement(x: Array, y: Array, size: int) -> Array:
    """An orthonormal basis of what is orthogonal to the columns of x and y, shape (..., n, size)."""
    if size == 0:
        return np.zeros((*x.shape[:-1], 0))
    covered = x @ np.swapaxes(x, -1, -2) + y @ np.swapaxes(y, -1, -2)
    return np.asarray(np.linalg.eigh(covered)[1][..., :size])


def _parted_columns(G: Array, B: Array, C: Array) -> Parted:
    """The same where A couples its even rows to its odd ones alone, A[even, odd] = G = U diag(λ) Wᵀ.

    With the row pairs y = w on the odd and x = u on the even rows, xᵀAy = λ, and the basis has the sign of
    det U det W: both orders are interleaved alike.
    """
    m = B.shape[-1]
    U, lam, Wt = np.linalg.svd(G)
    turned = np.swapaxes(U, -1, -2) @ B[..., ::2, :], Wt @ B[..., 1::2, :]
    sign = np.linalg.slogdet(U)[0] * np.linalg.slogdet(Wt)[0]
    is_small = lam < SAFE_DIVISOR
    pairs = min(int(is_small.sum(-1).max(initial=0)), m // 2 + MOST_KEPT)
    is_zero = is_small.sum(-1) > pairs
    last = lam.shape[-1] - pairs
    large = np.where(is_zero[..., None], 1.0, lam[..., :last])
    bx, by = (side[..., :last, :] for side in turned)
    inner = np.swapaxes(by, -1, -2) @ (bx / large[..., None])
    factor = np.where(is_zero, 0.0, sign * lam[..., :last].prod(-1))
    kept = np.stack([side[..., last:, :] for side in turned], axis=-2).reshape(*C.shape[:-2], 2 * pairs, m)
    corner = np.zeros((*C.shape[:-2], 2 * pairs, 2 * pairs))
    even = 2 * np.arange(pairs)
    corner[..., even, even + 1] = lam[..., last:]
    corner[..., even + 1, even] = -lam[..., last:]
    return Parted(factor, _bordered(corner, kept, C + inner - np.swapaxes(inner, -1, -2)), 2 * pairs)


def _parted_complex(A: Array, B: Array, C: Array) -> Parted:
    """The same for one complex A = U diag(σ) V†. Since Aᵀ = -A, VᵀAV is block diagonal in groups of equal σ.

    They come in pairs, so an even number of the smallest is kept; the others' part of A⁻¹ is V σ⁻¹ U†.
    """
    n, m = B.shape[-2:]
    U, sigma, Vh = np.linalg.svd(A)
    V = Vh.conj().T
    pairs = min(int((sigma < SAFE_DIVISOR).sum() + 1) // 2, m // 2 + MOST_KEPT)
    last = n - 2 * pairs
    if (sigma[:last] < SAFE_DIVISOR).any():
        return Parted(np.zeros(()), _bordered(np.zeros((2 * pairs, 2 * pairs)), V[:, last:].T @ B, C), 2 * pairs)
    large, small = V[:, :last], V[:, last:]
    block = large.T @ A @ large
    factor = pfaffian((block - block.T) / 2) / np.linalg.det(V)
    inner = (B.T @ large / sigma[:last]) @ (U[:, :last].conj().T @ B)
    corner = small.T @ A @ small
    return Parted(factor, _bordered((corner - corner.T) / 2, small.T @ B, C + (inner - inner.T) / 2), 2 * pairs)


def _bordered(corner: Array, side: Array, rest: Array) -> Array:
    """[[corner, side], [-sideᵀ, rest]]."""
    upper = np.concatenate([corner, side], axis=-1)
    return np.concatenate([upper, np.concatenate([-np.swapaxes(side, -1, -2), rest], axis=-1)], axis=-2)
