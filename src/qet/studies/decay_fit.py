"""One fit of a decay: ln E linear in its parameters, with the scatter about it found from the data.

    ln E = ln C - p ln n - κ n,    κ = 1/ξ,

with p or κ absent or known. Each point has the variance of its logarithm, (error/E)², and a common scatter s², which
stands for what the law leaves out. s² is what makes χ² equal to the degrees of freedom, or zero where the errors alone
are large enough (Paule and Mandel's estimate): precise points near Alice, where the law is not yet reached, do not
outweigh the far ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
LAWS: Mapping[str, tuple[str, ...]] = {
    "power": ("p",),
    "exponential": ("rate",),
    "power-exponential": ("p", "rate"),
}
"""Law -> its shape parameters, beside ln C."""
NEWTON_STEPS = 60  # ten usually suffice
ARRIVED = 1e-12  # of a step, relative to s²
LEAST_VARIANCE = 1e-30  # of a logarithm: below rounding squared


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters of ln E with their covariance.

    Attributes:
        names: "lnC", then "p", "rate" as far as they are free, then corrections.
        values: Their values.
        covariance: Of the values, with the scatter.
        scatter: s.
        aicc: Akaike's criterion, corrected for few points; inf where there are too few.
    """

    names: tuple[str, ...]
    values: Array
    covariance: Array
    scatter: float
    aicc: float

    def value(self, name: str) -> float:
        """One parameter."""
        return float(self.values[self.names.index(name)])

    def deviation(self, name: str) -> float:
        """Its standard deviation."""
        place = self.names.index(name)
        return float(np.sqrt(self.covariance[place, place]))


def fit_decay(n: Array, log: Array, variance: Array, law: str, known: Mapping[str, float], corrections: int = 0) -> Fit:
    """The weighted least squares fit.

    Args:
        n: Distances, shape (m,).
        log: ln E.
        variance: Of ln E; zeros where it is not known.
        law: One of LAWS.
        known: "p" or "rate" -> its value, where it is not fitted.
        corrections: How many of 1/n, 1/n², ... are fitted beside: the fit is then one of local exponents to n = ∞.
    """
    columns = {"lnC": np.ones_like(n), "p": -np.log(n), "rate": -n}
    free = [name for name in LAWS[law] if name not in known]
    y = log - sum((known[name] * columns[name] for name in LAWS[law] if name in known), np.zeros_like(n))
    X = np.stack([columns["lnC"], *(columns[name] for name in free)] + [n ** -(i + 1.0) for i in range(corrections)], 1)
    names = ("lnC", *free, *(f"1/n^{i + 1}" for i in range(corrections)))
    scatter2 = _scatter2(X, y, variance)
    values, residuals, covariance = _solved(X, y, variance + scatter2)
    return Fit(names, values, covariance, float(np.sqrt(scatter2)), _aicc(residuals, variance + scatter2, len(names)))


def _solved(X: Array, y: Array, variance: Array) -> tuple[Array, Array, Array]:
    """Values, residuals and covariance; columns are scaled, since n and 1/n differ by orders of magnitude."""
    weight = 1.0 / np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    scale = np.sqrt(((X * weight[:, None]) ** 2).sum(0))
    Q, R = np.linalg.qr(X * weight[:, None] / scale)
    values = np.linalg.solve(R, Q.T @ (y * weight)) / scale
    inverse = np.linalg.inv(R) / scale[:, None]
    return values, y - X @ values, inverse @ inverse.T


def _scatter2(X: Array, y: Array, variance: Array) -> float:
    """s² with χ² = degrees of freedom."""
    freedom = len(y) - X.shape[1]
    if freedom <= 0:
        return 0.0

    if not variance.any():
        return float((_solved(X, y, np.ones_like(y))[1] ** 2).sum()) / freedom
    s2 = 0.0
    for _ in range(NEWTON_STEPS):
        total = np.maximum(variance + s2, LEAST_VARIANCE)
        r2 = _solved(X, y, total)[1] ** 2
        chi2 = float((r2 / total).sum())
        # Newton for 1/χ²(s²) = 1/freedom, linear where all variances are alike; dχ²/ds² = -Σ r²/total² at the best fit
        step = (chi2 / freedom - 1.0) * chi2 / float((r2 / total**2).sum()) if chi2 > 0.0 else 0.0
        if step <= ARRIVED * s2 or (s2 == 0.0 and step <= 0.0):
            break
        s2 += step
    return s2


def _aicc(residuals: Array, variance: Array, n_parameters: int) -> float:
    total, count, k = np.maximum(variance, LEAST_VARIANCE), len(residuals), n_parameters + 1  # and s
    if count - k - 1 <= 0:
        return float("inf")
    likelihood = -0.5 * float((np.log(2 * np.pi * total) + residuals**2 / total).sum())
    return 2 * k - 2 * likelihood + 2 * k * (k + 1) / (count - k - 1)
