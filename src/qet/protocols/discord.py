"""Classical correlation and discord: what one qubit, measured, tells about the rest.

The maximum of Bob's Holevo quantity over all rank-one projective measurements of one
qubit A is a maximum over a half sphere of directions. A grid finds every hill, a
quadratic-fit pattern search climbs the highest of them; no derivative is taken, since
the entropy's diverges where a conditional state is rank deficient.

Assumes A is one qubit. Leading axes are points; the search runs on all at once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qet.foundations.conventions import PAULIS
from qet.foundations.errors import NotOffered
from qet.foundations.linalg import entropy, trace

from .entropies import x_log_x

Array = np.ndarray
_GRID = 200  # directions on the half sphere, about 0.18 rad apart
_HILLS = 3  # local maxima of the grid that are climbed
_FINEST = 1e-6  # rad: a value within curvature * 1e-12 of the summit
_CHUNK = 4096  # points at a time, to bound memory
_STENCIL = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)], dtype=float)


def classical_correlation(rho: Array) -> tuple[Array, Array]:
    """Best Holevo quantity of B over rank-one projective measurements of the qubit A.

    J(B|A) = max_n { S(rho_B) - Σ_± p_± S(rho_B^±) },  p_± rho_B^± = Tr_A[(1 ± n·σ)/2 rho].

    Args:
        rho: Density matrices of A (one qubit, leftmost) and B, shape (..., 2 d, 2 d).

    Returns:
        The value in nats, shape (...), within about 1e-12 of the maximum; and a direction n that attains it, (..., 3).

    References:
        L. Henderson and V. Vedral, J. Phys. A 34, 6899 (2001), restricted to projective measurements.
    """
    if rho.shape[-1] < 4 or rho.shape[-1] % 2:
        size = rho.shape[-1]
        raise NotOffered(f"the discord needs a qubit A and a B beside it; got a {size}x{size} matrix.")
    d = rho.shape[-1] // 2
    flat = rho.reshape(-1, 2, d, 2, d)
    blocks = np.einsum("aij,njxiy->naxy", PAULIS, flat)  # Tr_A[σ_a rho], (points, 4, d, d)
    parts = [_least_entropy(blocks[i : i + _CHUNK]) for i in range(0, len(blocks), _CHUNK)]
    least = np.concatenate([value for value, _ in parts]) if parts else np.zeros(0)
    direction = np.concatenate([n for _, n in parts]) if parts else np.zeros((0, 3))
    value = np.maximum(entropy(blocks[:, 0]) - least, 0.0)
    return value.reshape(rho.shape[:-2])[()], direction.reshape(*rho.shape[:-2], 3)


def _least_entropy(blocks: Array) -> tuple[Array, Array]:
    """Smallest mean conditional entropy of B over directions, and the direction; axes (points, 4, d, d)."""
    directions, neighbors = _half_sphere()
    heights = _mean_entropy(blocks, np.broadcast_to(directions, (len(blocks), *directions.shape)))
    is_valley = (heights[:, :, None] <= heights[:, neighbors] + 1e-15).all(-1)
    ranked = np.argsort(np.where(is_valley, heights, np.inf), axis=-1)[:, :_HILLS]  # (points, hills)
    n = directions[ranked]
    value = np.take_along_axis(heights, ranked, -1)
    step = np.full(value.shape, 0.15)
    for _ in range(60):
        n, value, step = _descend(blocks, n, step)
        if step.max() < _FINEST:
            break
    best = value.argmin(-1)[:, None]
    return np.take_along_axis(value, best, -1)[:, 0], np.take_along_axis(n, best[..., None], 1)[:, 0]


def _descend(blocks: Array, n: Array, step: Array) -> tuple[Array, Array, Array]:
    """One move to the best of a nine-point stencil and of the minimum of the quadratic through it."""
    e1, e2 = _frame(n)
    offsets = _STENCIL * step[..., None, None]  # (points, hills, 9, 2)
    f = _at(blocks, n, e1, e2, offsets)
    newton = _quadratic_step(f, step)[..., None, :]
    offsets = np.concatenate([offsets, newton], axis=-2)
    f = np.concatenate([f, _at(blocks, n, e1, e2, newton)], axis=-1)
    best = f.argmin(-1)[..., None]
    moved = _points(n, e1, e2, np.take_along_axis(offsets, best[..., None], -2))[..., 0, :]
    is_settled = (best[..., 0] == 0) | (best[..., 0] == 9)
    return moved, np.take_along_axis(f, best, -1)[..., 0], np.where(is_settled, step * 0.2, step)


def _quadratic_step(f: Array, step: Array) -> Array:
    """Minimum of the quadratic through the stencil, at most one step away; zero where it has none."""
    gx, gy = (f[..., 1] - f[..., 2]) / 2, (f[..., 3] - f[..., 4]) / 2
    hx, hy = f[..., 1] + f[..., 2] - 2 * f[..., 0], f[..., 3] + f[..., 4] - 2 * f[..., 0]
    hxy = (f[..., 5] + f[..., 6] - f[..., 7] - f[..., 8]) / 4
    det = hx * hy - hxy**2
    is_convex = (hx > 0) & (det > 0)
    safe = np.where(is_convex, det, 1.0)
    move = np.stack([hxy * gy - hy * gx, hxy * gx - hx * gy], -1) / safe[..., None]
    length = np.linalg.norm(move, axis=-1, keepdims=True)
    move = move / np.maximum(length, 1.0)
    return np.asarray(np.where(is_convex[..., None], move, 0.0) * step[..., None])


def _frame(n: Array) -> tuple[Array, Array]:
    """Two unit vectors that complete n to an orthonormal frame."""
    other = np.eye(3)[np.abs(n).argmin(-1)]
    e1 = np.cross(n, other)
    e1 = e1 / np.linalg.norm(e1, axis=-1, keepdims=True)
    return e1, np.cross(n, e1)


def _points(n: Array, e1: Array, e2: Array, offsets: Array) -> Array:
    """Unit vectors at tangent offsets from n: (points, hills, m, 2) -> (points, hills, m, 3)."""
    v = n[..., None, :] + offsets[..., :1] * e1[..., None, :] + offsets[..., 1:] * e2[..., None, :]
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def _at(blocks: Array, n: Array, e1: Array, e2: Array, offsets: Array) -> Array:
    v = _points(n, e1, e2, offsets)
    return _mean_entropy(blocks, v.reshape(len(blocks), -1, 3)).reshape(v.shape[:-1])


def _mean_entropy(blocks: Array, directions: Array) -> Array:
    """Σ_± p_± S(rho_B^±) for directions (points, m, 3): shape (points, m)."""
    d = blocks.shape[-1]
    signed = np.concatenate([directions, -directions], axis=1)
    if d == 2:  # a qubit's eigenvalues are (p ± |r|)/2, read off the 4x4 table of Pauli means
        table = np.real(np.einsum("naxy,byx->nab", blocks, PAULIS))
        means = (table[:, None, 0] + signed @ table[:, 1:]) / 2
        p, length = means[..., 0], np.linalg.norm(means[..., 1:], axis=-1)
        eigenvalues = np.stack([p + length, p - length], -1) / 2
    else:
        conditional = (blocks[:, None, 0] + np.einsum("nma,naxy->nmxy", signed, blocks[:, 1:])) / 2
        p, eigenvalues = np.real(trace(conditional)), np.linalg.eigvalsh(conditional)
    per_outcome = x_log_x(p) - x_log_x(eigenvalues).sum(-1)
    half = directions.shape[1]
    return np.asarray(per_outcome[:, :half] + per_outcome[:, half:])


@lru_cache(maxsize=1)
def _half_sphere() -> tuple[Array, Array]:
    """Directions on the half sphere (a spiral), and the eight nearest of each up to sign."""
    i = np.arange(_GRID) + 0.5
    z = i / _GRID
    turn = np.pi * (1 + 5**0.5) * i
    directions = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], -1)
    closeness = np.abs(directions @ directions.T)
    return directions, np.argsort(-closeness, axis=-1)[:, 1:9]
