"""exp(-iHt) and exp(-sH) on vectors by Chebyshev's series of H: products and additions alone, exact to rounding.

With the spectrum of H between low and high, x = (2H - high - low)/(high - low) has its own in [-1, 1], and

    exp(-iHt) = exp(-it (high + low)/2) Σ_k (2 - δ_k0) (-i)^k J_k(a) T_k(x),        a = t (high - low)/2,
    exp(-sH)  = exp(-s low) Σ_k (2 - δ_k0) (-1)^k exp(-a) I_k(a) T_k(x),            a = s (high - low)/2,

whose coefficients fall faster than exponentially beyond k = a (and beyond a few √a for the second). A bound of the
spectrum that is too narrow shows in the norm, which then grows without limit: the series is repeated with Σ|c|.

Derived here, from the generating functions of the Bessel functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.errors import TooLarge
from qet.solvers.vectors.product import Product

Array = np.ndarray
_NEGLIGIBLE = 1e-17  # of a coefficient of the series
_MOST_PRODUCTS = 200_000
_PROBES = 30  # products that find the ends of the spectrum
_STAGE = 8.0  # of a in exp(-sH): the norm falls by exp(-8) a stage at most, and is set to one after each


def rounding_of(t: Any, half_width: Any) -> Any:
    """Norm of the error of a vector of norm one after a time, H having a spectrum of twice that width.

    That of phases E t in double precision, and a little: the factor is measured; energies are not known better.
    """
    return np.where(np.asarray(t) != 0.0, 3.0 * np.finfo(float).eps * (5.0 + np.abs(t) * half_width), 0.0)


class Motion:
    """H at one point, ready to move vectors.

    Attributes:
        product: H on columns.
        low: Below the lowest level.
        high: Above the highest one.
    """

    def __init__(self, product: Product) -> None:
        self.product = product
        self.low, self.high = ends_of(product)

    def rounding(self, t: float) -> float:
        """Norm of the error of a vector of norm one after a time."""
        return float(rounding_of(t, (self.high - self.low) / 2))

    def evolved(self, x: Array, t: float) -> Array:
        """exp(-iHt) on columns.

        Raises:
            TooLarge: for a time that takes more than 200 000 products.
        """
        if t == 0.0 or self.product.strings.size == 0.0:
            return x.astype(complex)
        out = self._series(x, t)
        before, after = np.linalg.norm(x), np.linalg.norm(out)
        if not abs(after - before) <= 1e-10 * before:  # a level outside the ends
            self.high = self.product.strings.size
            self.low = -self.high
            out = self._series(x, t)
        return out

    def cooled(self, x: Array, s: float) -> tuple[Array, Array]:
        """exp(-s (H - low)) on columns: the columns, each of norm one, and the logarithms of their norms.

        Raises:
            TooLarge: for an s that takes more than 200 000 products.
        """
        from scipy.special import ive

        half = (self.high - self.low) / 2
        logs = np.log(np.linalg.norm(x, axis=0))
        x = x / np.linalg.norm(x, axis=0)
        stages = max(1, int(np.ceil(s * half / _STAGE)))
        a = s * half / stages
        c = ive(np.arange(40 + int(6 * _STAGE)), a)
        c = c[: 1 + int(np.flatnonzero(c > _NEGLIGIBLE)[-1])]
        if stages * len(c) > _MOST_PRODUCTS:
            raise TooLarge(
                f"cooling to T = {0.5 / s:.3g} takes about {stages * len(c):.2g} products of H with each vector, more "
                f"than {_MOST_PRODUCTS}: its energies span {2 * half:.3g}. Take a higher T, or qet.ground(model) where "
                "T is far below the gap."
            )
        c[1:] *= 2.0
        c[1::2] *= -1.0
        for _ in range(stages):
            x = self._sum(x, c) if half > 0.0 else x
            norms = np.linalg.norm(x, axis=0)
            logs += np.log(norms)
            x /= norms
        return x, logs

    def _series(self, x: Array, t: float) -> Array:
        from scipy.special import jv

        a = abs(t) * (self.high - self.low) / 2
        if a > _MOST_PRODUCTS:
            raise TooLarge(
                f"a time of {t:.3g} takes about {a:.2g} products of H with a vector, more than {_MOST_PRODUCTS}: its "
                f"energies span {self.high - self.low:.3g}. Go in shorter times, or take fewer sites."
            )
        count = int(a + 12.0 * a ** (1 / 3) + 40)
        c = jv(np.arange(count), a)
        c = c[: 1 + int(np.flatnonzero(np.abs(c) > _NEGLIGIBLE)[-1])]
        powers = np.array([1.0, -1j, -1.0, 1j])[np.arange(len(c)) % 4]
        c = c * (powers if t > 0 else powers.conj())
        c[1:] *= 2.0
        return self._sum(x, c) * np.exp(-0.5j * t * (self.high + self.low))

    def _sum(self, x: Array, c: Array) -> Array:
        """Σ_k c_k T_k on columns, by the recurrence T_k+1 = 2 x T_k - T_k-1."""
        scale, middle = 2.0 / (self.high - self.low), (self.high + self.low) / 2
        older, old = x, (self.product(x) - middle * x) * scale
        out = c[0] * x + c[1] * old if len(c) > 1 else c[0] * x
        for value in c[2:]:
            new = self.product(old)
            new -= middle * old
            new *= 2.0 * scale
            new -= older
            out += value * new
            older, old = old, new
        return np.asarray(out)


def ends_of(product: Product) -> tuple[float, float]:
    """Energies below the lowest and above the highest level: Ritz values of a short Krylov space, with their residuals.

    The margin is twice the residual and a thousandth of Σ|c|; beyond ±Σ|c| there are no levels.
    """
    most = product.strings.size
    x: Array = np.random.default_rng(0).normal(size=(product.d, 1)).astype(product.dtype)
    x /= np.linalg.norm(x)
    before, alpha, beta = np.zeros_like(x), [], [0.0]
    for _ in range(min(_PROBES, product.d)):
        image = product(x)
        alpha.append(float(np.real(np.vdot(x, image))))
        image -= alpha[-1] * x + beta[-1] * before
        beta.append(float(np.linalg.norm(image)))
        if beta[-1] <= 1e-12 * most:
            break
        before, x = x, image / beta[-1]
    theta, Y = np.linalg.eigh(np.diag(alpha) + np.diag(beta[1:-1], 1) + np.diag(beta[1:-1], -1))
    margin = 2.0 * beta[-1] * np.abs(Y[-1]) + 1e-3 * most
    return max(float(theta[0] - margin[0]), -most), min(float(theta[-1] + margin[-1]), most)
