"""The orthogonal factor of a matrix to hundreds of bits, from its singular values in double precision.

C = Q H with Q orthogonal and H positive. An approximation Q misses in two ways: E = 1 - QᵀQ, and the antisymmetric
part K of QᵀC. To first order

    Q (1 + E/2 + S),    S H + H S = 2K + (E H - H E)/2,

mends both. E and K are taken in slices, where their cancellation costs nothing; what mends them needs only the digits
of a double, so each step gains some fifteen digits less those of ‖C‖/σ_min. Only QᵀQ is a full product. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qet.foundations.errors import NotConverged
from qet.solvers.fermions.slices import Sliced, layout, sliced

Array = np.ndarray
GUARD = 24  # bits beyond those asked for, for rounding
MOST_STEPS = 60
FIRST_BITS = 44  # of singular vectors in double precision
DIGITS = 64  # bits carried beyond the next mend, which is wanted to those of a double


@dataclass(frozen=True, eq=False)
class Polar:
    """Q of C = Q H, refined so far; made by `polar`.

    Attributes:
        Q: The orthogonal factor, in slices.
        bits: Its error is at most 2^-bits.
    """

    Q: Sliced
    bits: int
    _C: Array
    _sigma: Array
    _Vt: Array
    _last: float

    def refined(self, bits: int) -> Polar:
        """The same to an error of 2^-bits; what is there is gone on from. Raises as `polar`."""
        if bits <= self.bits:
            return self
        Q, C, last = self.Q, self._C, self._last
        spoiled = _bits_of(self._sigma[0] / self._sigma[-1])
        wanted = bits + spoiled + GUARD
        Q = Q.widened(*layout(min(wanted, self.bits + DIGITS), len(C)))
        for _ in range(MOST_STEPS):
            mend = _mend(Q, C, self._sigma, self._Vt)
            size = float(np.abs(mend).max(initial=0.0))
            if size > last / 8:
                break
            # the next mend, if this one gains as much as the one before; the first may have been lucky
            gained = size / last if last > 0.0 else 0.0  # what was exact stays so
            left = max(gained, 2.0 ** (spoiled - 50)) * size
            Q = Q.widened(*layout(min(wanted, _bits_of(1 / max(left, 2.0**-wanted)) + DIGITS), len(C)))
            Q = Q + Q @ _like(mend, Q)
            if len(C) * left < 2.0 ** -(bits + 4):
                return Polar(Q, bits, C, self._sigma, self._Vt, size)
            last = size
        raise NotConverged(
            f"the orthogonal factor stands at an error of {last:.1e}: the singular values of the matrix span a factor "
            f"of {self._sigma[0] / self._sigma[-1]:.1e}, too much for its refinement."
        )


def polar(C: Array, bits: int) -> Polar:
    """The orthogonal factor of C to an absolute error of 2^-bits.

    Args:
        C: Real, shape (n, n), its doubles taken as exact. Its smallest singular value must not vanish in rounding.
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
    if not sigma[-1] > len(C) * float(np.finfo(float).eps) * sigma[0]:  # its sign is not known
        raise NotConverged("a matrix that is singular to rounding has no orthogonal factor to be refined.")
    near = sliced(U @ Vt, *layout(DIGITS, len(C)))
    return Polar(near, FIRST_BITS, C, sigma, Vt, 1.0).refined(bits)


def _mend(Q: Sliced, C: Array, sigma: Array, Vt: Array) -> Array:
    """E/2 + S in double precision."""
    n = len(C)
    defect = (sliced(np.eye(n), Q.width, len(Q.slices)) - Q.gram()).rounded()
    product = Q.times_sparse(C)
    K = (product.T - product).rounded() / 2
    turned = Vt @ (2 * K) @ Vt.T + (Vt @ defect @ Vt.T) * (sigma - sigma[:, None]) / 2
    S = Vt.T @ (turned / (sigma[:, None] + sigma)) @ Vt
    return np.asarray(defect / 2 + (S - S.T) / 2)


def _like(X: Array, other: Sliced) -> Sliced:
    return sliced(X, other.width, len(other.slices))


def _bits_of(ratio: float) -> int:
    return int(np.ceil(np.log2(ratio)))
