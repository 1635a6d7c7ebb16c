"""The gain of the best rotation for a million matrices T at once: arithmetic on arrays, no LAPACK.

With M = -T, the torque z_a = -ε_abc M_bc and W = M + M^T - 2 Tr M the gain is the largest root d of the secular
equation d = z^T (d - W)^{-1} z (docs/best-rotation.md). W is diagonalized by Jacobi rotations, three a sweep and
four or five sweeps, which carry z along and never form an eigenvector. With eigenvalues w_i the equation reads

    d = Σ z_i²/(d - w_i),

or a larger w_i whose torque vanishes. Each term alone bounds d from below; from the best of these bounds
d - Σ z_i²/(d - w_i) is concave and increasing, so Newton's method climbs monotonically to the root. Points that have
arrived are left out of the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.tape import Traced

Array = np.ndarray
EPS = float(np.finfo(float).eps)
SWEEPS = 10  # converge quadratically; four or five suffice
NEWTON_STEPS = 60  # quadratic at the end; a few suffice
RECORDED = (5, 6)  # sweeps and Newton steps of a compiled program; the few points that need more come back
ARRIVED = 3e-15  # of a Newton step, relative to the root
SIZE = 4096  # points a piece: some forty temporaries stay in L2


def largest_gain(T: Array) -> Array:
    """The gain for each T, shape (...), with full relative precision."""
    flat = np.asarray(T, dtype=float).reshape(-1, 9)
    return _finished(_piece, list(flat.T)).reshape(T.shape[:-2])[()]


def largest_root(W: Array, z: Array) -> Array:
    """The same from the symmetric W, shape (..., 3, 3), and the torque z, shape (..., 3), which keeps its digits."""
    W, z = np.asarray(W, dtype=float), np.asarray(z, dtype=float)
    entries = [W[..., i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    flat = [np.ravel(one) for one in np.broadcast_arrays(*entries, *np.moveaxis(z, -1, 0))]
    shape = np.broadcast_shapes(W.shape[:-2], z.shape[:-1])
    return _finished(_gain, flat).reshape(shape)[()]


def _finished(function: Callable[..., tuple[Array]], flat: Sequence[Array]) -> Array:
    """The gains; a compiled program takes a fixed number of steps, and leaves NaN where they do not suffice."""
    gain = np.asarray(in_chunks(function, *flat, size=SIZE, is_elementwise=True)[0])
    is_open = np.isnan(gain)
    if np.any(is_open):
        gain[is_open] = in_chunks(function, *(x[is_open] for x in flat), size=SIZE)[0]
    return gain


def _piece(*T: Array) -> tuple[Array]:
    """Of nine flat arrays, T row by row."""
    torque = (T[5] - T[7], T[6] - T[2], T[1] - T[3])
    diagonal = (2 * (T[4] + T[8]), 2 * (T[0] + T[8]), 2 * (T[0] + T[4]))
    return _gain(*diagonal, -T[1] - T[3], -T[2] - T[6], -T[5] - T[7], *torque)


def _gain(*entries: Array) -> tuple[Array]:
    """Of the diagonal of W, W_01, W_02, W_12, and z."""
    w, z, is_turning = _principal(list(entries[:3]), (entries[3], entries[4], entries[5]), list(entries[6:]))
    rounding = 8 * EPS * np.maximum(np.maximum(np.abs(w[0]), np.abs(w[1])), np.abs(w[2]))
    squares, start, pole = [], np.zeros_like(rounding), np.zeros_like(rounding)
    for wi, zi in zip(w, z, strict=True):
        is_idle = (np.abs(zi) <= rounding) & (wi > -rounding)  # nothing resists, nothing drives
        z2 = np.where(is_idle, 0.0, zi * zi)
        twice = np.sqrt(wi * wi + 4 * z2) + np.abs(wi)
        # the root of this term without the others
        alone = np.where(wi > 0.0, twice / 2, 2 * z2 / np.where(twice > 0.0, twice, 1.0))
        start = np.maximum(start, np.where(is_idle, 0.0, alone))
        pole = np.maximum(pole, np.where(is_idle, wi, 0.0))
        squares.append(z2)
    root, is_climbing = _root(start, w, squares)
    gain = np.where(pole > root + rounding, pole, root)  # where both agree, the root has the better digits
    return (np.where(is_turning | is_climbing, np.nan, gain) if isinstance(start, Traced) else gain,)


def _principal(
    w: list[Array], off: tuple[Array, Array, Array], z: list[Array]
) -> tuple[list[Array], list[Array], Array]:
    """Eigenvalues of W, given by its diagonal and W_01, W_02, W_12, z in its eigenbasis, and where it is not there."""
    a01, a02, a12 = off
    none = np.zeros_like(a01)
    is_recorded = isinstance(a01, Traced)
    is_turning = none
    for _ in range(RECORDED[0] if is_recorded else SWEEPS):
        a02, a12 = _rotate(w, z, 0, 1, a01, a02, a12)
        a01, a12 = _rotate(w, z, 0, 2, a02, none, a12)
        a01, a02 = _rotate(w, z, 1, 2, a12, a01, none)
        a12 = none
        is_turning = np.abs(a01) + np.abs(a02) > 1e-17 * (np.abs(w[0]) + np.abs(w[1]) + np.abs(w[2]))
        if not is_recorded and not np.any(is_turning):
            break
    return w, z, is_turning


def _rotate(w: list[Array], z: list[Array], p: int, q: int, a: Array, at_p: Array, at_q: Array) -> tuple[Array, Array]:
    """Turn axes p and q so that their element a vanishes; the elements with the third axis are returned turned."""
    apart = w[q] - w[p]
    tangent = 2 * a / (apart + np.copysign(np.sqrt(apart * apart + 4 * a * a) + 1e-300, apart))
    cosine = 1 / np.sqrt(1 + tangent * tangent)
    sine = tangent * cosine
    shift = tangent * a
    w[p], w[q] = w[p] - shift, w[q] + shift
    z[p], z[q] = cosine * z[p] - sine * z[q], sine * z[p] + cosine * z[q]
    return cosine * at_p - sine * at_q, sine * at_p + cosine * at_q


def _root(d: Array, w: list[Array], squares: list[Array]) -> tuple[Array, Array]:
    """Newton's climb from the bounds d, and where it has not arrived."""
    whole, at = d, None
    is_recorded = isinstance(d, Traced)
    is_open = d
    for _ in range(RECORDED[1] if is_recorded else NEWTON_STEPS):
        over = 1 / np.where(d > 0.0, d, 1.0)
        value, slope = -d, np.ones_like(d)
        for wi, z2 in zip(w, squares, strict=True):
            # no term exceeds d at the root, so d - w is at least z²/d, also where the difference rounds to nothing
            distance = np.maximum(d - wi, z2 * over)
            distance = np.where(distance > 0.0, distance, 1.0)
            ratio = z2 / distance
            value, slope = value + ratio, slope + ratio / distance
        step = np.maximum(value / slope, 0.0)
        d = d + step
        is_open = step > ARRIVED * d
        if is_recorded:
            whole = d
            continue
        if at is None:
            whole = d
        else:
            whole[at] = d
        count = np.count_nonzero(is_open)
        if not count:
            break
        if count < 0.7 * len(d):
            left = np.flatnonzero(is_open)
            at = left if at is None else at[left]
            d, w, squares = d[left], [x[left] for x in w], [x[left] for x in squares]
    return whole, is_open
