"""The orthogonal factor of a matrix to hundreds of bits, from its singular values in double precision.

C = Q H with Q orthogonal and H positive. An approximation Q misses in two ways: E = 1 - QᵀQ, and the antisymmetric part
K of QᵀC. To first order

    Q (1 + E/2 + S),    S H + H S = 2K + (E H - H E)/2,

mends both. E and K are taken in slices, where their cancellation costs nothing; what mends them needs only the digits of
a double, so each step gains some fifteen digits less those of ‖C‖/σ_min. Only QᵀQ is a full product. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged
from qet.solvers.fermions.slices import Sliced, layout, sliced

Array = np.ndarray
GUARD = 24  # bits beyond those asked for, for rounding
MOST_STEPS = 60
DIGITS = 64  # bits carried beyond the next mend, which is wanted to those of a double


@dataclass(frozen=True, eq=False)
class Polar:
    """Q of C = Q H.

    Attributes:
        Q: The orthogonal factor, in slices.
        bits: How many of its bits are right.
    """

    Q: Sliced
    bits: int


def polar(C: Array, bits: int) -> Polar:
    """The orthogonal factor of C to an absolute error of 2^-bits.

    Args:
        C: Real, shape (n, n), its doubles taken as exact. Its smallest singular value must not vanish.
        bits: Wanted.

    Raises:
        NotConverged: where the singular values are too far apart for the steps to contract.

    Example:
        >>> found = polar(np.array([[3.0, 1.0], [1.0, 2.0]]), 200)  # positive: Q = 1
        >>> float(np.abs(found.Q.rounded() - np.eye(2)).max()) < 2.0**-200
        True
    """
    scale = int(np.frexp(np.abs(C).sum(-1).max(initial=0.0))[1])
    C = np.ldexp(C, -scale)  # |QᵀC| <= 1 then
    U, sigma, Vt = np.linalg.svd(C)
    if not len(C) or sigma[-1] <= 0.0:
        raise NotConverged("a matrix without an inverse has no unique orthogonal factor.")
    spoiled = int(np.ceil(-np.log2(sigma[-1] / sigma[0])))  # bits lost to the condition number
    wanted = bits + spoiled + GUARD
    near, reached = U @ Vt, 52
    width, count = layout(min(wanted, reached + DIGITS), len(C))
    Q = sliced(near, width, count)
    last = 1.0
    for _ in range(MOST_STEPS):
        mend = _mend(Q, C, sigma, Vt)
        size = float(np.abs(mend).max(initial=0.0))
        if size > last / 8:
            break
        # the next mend, if this one gains as much as the one before; the first may have been lucky
        left = max(size / last, 2.0 ** (spoiled - 50)) * size
        width, count = layout(min(wanted, int(-np.log2(max(left, 2.0**-wanted))) + DIGITS), len(C))
        Q = _mended(Q.widened(width, count), mend)
        if len(C) * left < 2.0 ** -(bits + 4):
            return Polar(Q, bits)
        last = size
    raise NotConverged(
        f"the orthogonal factor stands at an error of {last:.1e}: the singular values of the matrix span a factor of "
        f"{sigma[0] / sigma[-1]:.1e}, too much for its refinement."
    )


def _mend(Q: Sliced, C: Array, sigma: Array, Vt: Array) -> Array:
    """E/2 + S in double precision."""
    n = len(C)
    defect = (sliced(np.eye(n), Q.width, len(Q.slices)) - Q.gram()).rounded()
    product = Q.times_sparse(C)
    K = (product.T - product).rounded() / 2
    turned = Vt @ (2 * K) @ Vt.T + (Vt @ defect @ Vt.T) * (sigma - sigma[:, None]) / 2
    S = Vt.T @ (turned / (sigma[:, None] + sigma)) @ Vt
    return np.asarray(defect / 2 + (S - S.T) / 2)


def _mended(Q: Sliced, mend: Array) -> Sliced:
    return Q + Q @ _like(mend, Q)


def _like(X: Array, other: Sliced) -> Sliced:
    return sliced(X, other.width, len(other.slices))


