"""Wick's theorem for all Pauli strings of a few sites at once, behind a product of Majoranas of earlier times.

Contractions: for Majoranas w_i = v_i·a in the order of the product, <w_i w_j> = v_i·v_j + i v_i·M v_j, and the mean of
(-i)^k w_1 … w_2k is the Pfaffian of K_ij = v_i·M v_j - i v_i·v_j, i < j: real where all anticommute, complex where
they belong to different times.

Strings. A product of Majoranas on the sites of a patch is a Pauli string of the whole chain. The sites of a gap take
part with both of their Majoranas or none: for even strings where the patch has an odd number of Majoranas on the left
of the gap, for odd strings (whose Jordan–Wigner string reaches the end of the chain) where it has an even number
there. Strings with the same gaps filled share the rows of these and of what stands before, which `pfaffian.Parted`
takes out once; what is left is a small matrix, all of whose sub-Pfaffians come from one recursion. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qet.foundations.conventions import PAULIS
from qet.solvers.pfaffian import Parted, pfaffian

Array = np.ndarray
SMALL = 14  # rows up to which all sub-Pfaffians are tabulated
CHUNK_ENTRIES = 2**22  # of the matrices whose Pfaffians are taken at once


def contractions(rows: Array, M: Array) -> Array:
    """K_ij = v_i·M v_j - i v_i·v_j for i < j, antisymmetric; real where the rows are orthogonal.

    Args:
        rows: v_i in the order of the product, shape (n, 2N).
        M: Covariance, shape (2N, 2N).
    """
    K = rows @ M @ rows.T
    overlaps = np.triu(rows @ rows.T, 1)
    K = (K - K.T) / 2
    return K - 1j * (overlaps - overlaps.T) if overlaps.any() else K


@dataclass(frozen=True, eq=False)
class Products:
    """The products (-i)^k a_{m_1} … a_{m_l}, l = 2k or 2k + 1, on n sites, as Pauli strings.

    Attributes:
        masks: The modes as bits, shape (p,).
        letters: The string as a number of n digits in base 4 (I, X, Y, Z), the first site leading, shape (p,).
        signs: Product = sign · string, shape (p,).
        left: Number of modes on the left of each site, shape (p, n).
    """

    masks: Array
    letters: Array
    signs: Array
    left: Array


@lru_cache(maxsize=16)
def products(n_sites: int, is_odd: bool) -> Products:
    """All even products on some sites, the identity among them, or all odd ones.

    At a site the modes to its right stand as a power of Z behind its own: X Z = -iY, Y Z = iX, X Y = iZ, X Y Z = i.
    """
    masks = np.arange(4**n_sites)
    bits = (masks[:, None] >> np.arange(2 * n_sites)) & 1
    chosen = bits.sum(1) % 2 == is_odd
    masks, bits = masks[chosen], bits[chosen]
    count = bits.sum(1)
    power, letters = -(count // 2), np.zeros(len(masks), dtype=int)
    left = np.zeros((len(masks), n_sites), dtype=int)
    before = np.zeros(len(masks), dtype=int)
    for site in range(n_sites):
        x, y = bits[:, 2 * site], bits[:, 2 * site + 1]
        left[:, site] = before
        before = before + x + y
        is_on = (count - before) % 2
        power = power + x * y + is_on * (1 - x * y) * (y - x)
        crossed = is_on * (x + y == 1)
        letter = np.where(x + y == 1, 1 + (y ^ crossed), 3 * ((x * y) ^ is_on))
        letters = 4 * letters + letter
    return Products(masks, letters, 1 - power % 4, left)  # i^power is 1 or -1


def string_means(K: Array, front: Array, gaps: list[Array], own: Array, *, is_odd: bool) -> Array:
    """Means of W O for all Pauli strings O of one parity on some sites, shape (..., 4^n), zeros for the others.

    W = (-i)^k w_1 … w_l is the product of the front rows, of the parity of O; with both odd the mean of -i W O.

    Args:
        K: Contractions of all rows, shape (..., L, L).
        front: Rows of W.
        gaps: For each site the rows between it and the one before, or the end of the chain.
        own: Rows of the sites' own Majoranas, 2n.
    """
    n_sites = len(own) // 2
    table = products(n_sites, is_odd)
    is_filled = (table.left + is_odd) % 2 == 1
    groups = np.zeros(len(table.masks), dtype=int)
    for place, gap in enumerate(gaps):
        groups = 2 * groups + (is_filled[:, place] if len(gap) else 0)
    means = np.zeros((*K.shape[:-2], 4**n_sites), dtype=K.dtype)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        filled = [gap for gap, yes in zip(gaps, is_filled[members[0]], strict=True) if yes and len(gap)]
        large = np.concatenate([front, *filled]).astype(int)
        values = _pfaffians(K, large, own, table.masks[members])
        means[..., table.letters[members]] = table.signs[members] * values
    return means


def _pfaffians(K: Array, large: Array, own: Array, masks: Array) -> Array:
    """Pf of K on the large rows and those of each mask of the own ones, shape (..., masks)."""
    spare = len(large) % 2 if len(large) > 2 else len(large)
    large, small = large[: len(large) - spare], np.concatenate([large[len(large) - spare :], own])
    C = _block(K, small, small)
    if not len(large):
        return _with_fixed(C, spare, masks)
    parted = Parted.of(_block(K, large, large), _block(K, large, small), C)
    return np.asarray(parted.factor)[..., None] * _with_fixed(parted.matrix, parted.kept + spare, masks)


def _with_fixed(K: Array, fixed: int, masks: Array) -> Array:
    """Pf of K on its first `fixed` rows and those of each mask of the others, shape (..., masks)."""
    n = K.shape[-1]
    if n <= SMALL:
        return np.asarray(sub_pfaffians(K)[..., (masks << fixed) | ((1 << fixed) - 1)])
    values = np.empty((*K.shape[:-2], len(masks)), dtype=K.dtype)
    bits = (masks[:, None] >> np.arange(n - fixed)) & 1
    sizes = bits.sum(1)
    points = max(1, int(np.prod(K.shape[:-2])))
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        step = max(1, CHUNK_ENTRIES // (points * (fixed + int(size)) ** 2 + 1))
        for start in range(0, len(alike), step):
            part = alike[start : start + step]
            chosen = fixed + np.nonzero(bits[part])[1].reshape(len(part), size)
            rows = np.concatenate([np.broadcast_to(np.arange(fixed), (len(part), fixed)), chosen], axis=1)
            values[..., part] = pfaffian(K[..., rows[:, :, None], rows[:, None, :]])
    return values


def sub_pfaffians(K: Array) -> Array:
    """Pf of K on every set of rows, by the bits of the set, shape (..., 2^n); zero for odd sets.

    Each is expanded along its last column into smaller ones that are already there.

    Example:
        >>> sub_pfaffians(np.array([[0.0, 2.0], [-2.0, 0.0]]))
        array([1., 0., 0., 2.])
    """
    n = K.shape[-1]
    table = np.zeros((*K.shape[:-2], 2**n), dtype=K.dtype)
    table[..., 0] = 1.0
    for last, row, larger, smaller, signs in _steps(n):
        table[..., larger] += (signs * K[..., row, last, None]) * table[..., smaller]
    return table


@lru_cache(maxsize=SMALL + 1)
def _steps(n: int) -> list[tuple[int, int, Array, Array, Array]]:
    """For each entry K[row, last] the even sets with `last` on top that hold `row`, these without both, the signs."""
    steps = []
    for last in range(1, n):
        sets = np.arange(2**last)
        sets = sets[np.bitwise_count(sets) % 2 == 1]
        for row in range(last):
            held = sets[(sets >> row) & 1 == 1]
            place = np.bitwise_count(held & ((1 << row) - 1)).astype(int)
            steps.append((last, row, held + 2**last, held ^ (1 << row), 1 - 2 * (place % 2)))
    return steps


def matrix_of(means: Array) -> Array:
    """Σ <O> O / 2^n from the means of all Pauli strings, shape (..., 4^n) -> (..., 2^n, 2^n)."""
    n = round(np.log2(means.shape[-1]) / 2)
    lead = means.shape[:-1]
    out = means.reshape(*lead, 1, 1, 4**n) / 2**n
    for _ in range(n):
        rows, columns = out.shape[-3:-1]
        split = out.reshape(*lead, rows, columns, 4, out.shape[-1] // 4)
        out = np.einsum("aij,...rcas->...ricjs", PAULIS, split).reshape(*lead, 2 * rows, 2 * columns, split.shape[-1])
    return np.asarray(out[..., 0])


def reordered(means: Array, order: tuple[int, ...]) -> Array:
    """Means of strings with site order[i] in the place of site i, shape (..., 4^n)."""
    n, lead = len(order), means.ndim - 1
    if list(order) == list(range(n)):
        return means
    tensor = means.reshape(*means.shape[:-1], *([4] * n))
    return tensor.transpose([*range(lead), *(lead + i for i in order)]).reshape(means.shape)


def _block(K: Array, rows: Array, columns: Array) -> Any:
    return K[..., rows[:, None], columns]
