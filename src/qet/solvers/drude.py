"""The correlation function of a Drude bath as a short sum of decaying exponentials, for the hierarchy of `heom`.

Ours to QuTiP's. A Hermitian coupling S ⊗ B relaxes a lone qubit at J(w)(1 + 2n) when

    C(t) = <B(t) B(0)> = ∫ dν/2π G(ν) e^{-iνt},   G(ν) = J(ν)(1 + n(ν)),   J(w) = rate w c²/(w² + c²)  (odd in w),

and QuTiP writes C(t) = (1/π) ∫_0^∞ dw J_q(w) [coth(w/2T) cos wt - i sin wt], J_q = 2 lam γ w/(w² + γ²). As
1 + 2n = coth, the first is (1/2π) ∫_0^∞ J [coth cos - i sin], so that J = 2 J_q: γ = c, lam = rate c/4. The
reorganization energy lam is the Λ(0) = -rate c/4 of `lamb`: both keep the shift, and no counter term is added.

Poles. Write coth(w/2T) ≈ 2T/w + Σ_j g_j w/(w² + ν_j²) (Matsubara: g = 4T, ν_j = 2πjT, all j). Closing the contour,

    C(t) = lam c (a - i) e^{-ct} + Σ_j lam c g_j ν_j/(ν_j² - c²) e^{-ν_j t},   a = 2T/c - Σ_j g_j c/(ν_j² - c²),

where a is what the *approximate* coth has at its pole ic, not cot(c/2T): then the terms nearly singular at ν_j = c
cancel, and J coth is right at w = 0 whatever the number of terms, so that no terminator is left over.

Few poles. F(w²) = Σ_j 4T/(w² + ν_j²) is replaced by its projection bᵀ Q (w² + QᵀΛQ)⁻¹ Qᵀ b on the span of the
(Λ + w_i²)⁻¹ b, Λ = diag ν_j², b = 2 √T: a rational function that equals F and its derivative at every real w_i, with
poles at negative w² and positive weights. With all w_i -> 0 this is the Padé decomposition. The w_i are chosen one by
one where the error of J coth / w is largest: at T = 0.1, c = 2, eight terms err by 6e-6 (in
∫dw |error of J coth|/(1 + w²), units of rate c) where the Padé decomposition errs by 9e-4.

Where some 2πTj equals c the two terms grow without bound, opposite in sign, and the hierarchy loses its digits without
notice (by 1e-3 at a distance of 1e-4): `refuse_poles` refuses a relative distance below 0.3 %.

Derived here; the hierarchy itself: Tanimura and Kubo, J. Phys. Soc. Jpn. 58, 101 (1989).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered, refuse_where
from qet.physics.baths import Bath

Array = np.ndarray
_EXACT_TERMS = 1000  # Matsubara terms kept one by one; the rest is an integral over ln j
_TAIL_NODES = 80
_LAST_TERM = 1e10
_TOO_CLOSE = 3e-3  # relative distance of a Matsubara frequency from the cut-off
_CLOSEST = 1e-3  # relative distance of a pole from the cut-off


@dataclass(frozen=True)
class Exponentials:
    """C(t) = Σ_j real_j e^{-rates_j t} + i imaginary e^{-rates_0 t}, t > 0.

    Attributes:
        real: Coefficients, the Drude pole first, shape (1 + terms,).
        rates: Decay rates, the cut-off first, shape (1 + terms,).
        imaginary: Coefficient of the Drude pole alone.
        error: Largest error of J coth(w/2T) / w over w, in units of the rate: what the missing terms leave out.
    """

    real: Array
    rates: Array
    imaginary: float
    error: float


def refuse_poles(bath: Bath) -> None:
    """Raise NotOffered where a Matsubara frequency 2πTj lies within 0.3 % of the cut-off."""
    cutoff = float(bath.spectrum[1])
    j = np.maximum(np.round(cutoff / (2 * np.pi * np.asarray(bath.T))), 1.0)

    def say(_: tuple[int, ...]) -> str:
        return (
            f"heom: the cut-off {cutoff:g} of the bath on sites {bath.sites} lies within 0.3 % of a multiple of 2πT, "
            "where two exponentials nearly coincide and digits are lost. Move the cut-off or T by some 5 %"
        )

    refuse_where(np.abs(2 * np.pi * bath.T * j / cutoff - 1.0) < _TOO_CLOSE, NotOffered, say)


class Decomposition:
    """The exponentials of one Drude bath, for any number of terms beside the Drude pole.

    Args:
        T: Temperature, > 0.
        rate: Strength.
        cutoff: Drude cut-off c.
    """

    def __init__(self, T: float, rate: float, cutoff: float) -> None:
        """Prepare the grid on which the error is measured."""
        self.T, self.rate, self.cutoff = T, rate, cutoff
        self._found: list[Exponentials] = []
        self._points = [0.0]
        self._w = np.geomspace(1e-2 * min(T, cutoff), 1e3 * max(T, cutoff), 2000)

    def __getitem__(self, terms: int) -> Exponentials:
        """The exponentials with 1, 2, ... terms beside the Drude pole."""
        while len(self._found) < terms:
            self._grow()
        return self._found[terms - 1]

    def _grow(self) -> None:
        """One interpolation point more."""
        points = list(self._points)
        poles, weights = _reduced(*self._matsubara, np.array(points))
        while (
            np.abs(poles / self.cutoff - 1.0).min() < _CLOSEST
        ):  # opposite terms near a double pole; a neighboring point will do
            points[-1] = 1.1 * points[-1] + 0.1 * self.T
            poles, weights = _reduced(*self._matsubara, np.array(points))
        w, c = self._w, self.cutoff
        found = 2 * self.T / w + (weights[:, None] * w / (w**2 + poles[:, None] ** 2)).sum(0)
        error = np.abs(1.0 / np.tanh(0.5 * w / self.T) - found) * c**2 / (w**2 + c**2)
        self._points = [*points, float(w[error.argmax()])]
        lam = 0.25 * self.rate * c
        parts = weights / (poles**2 - c**2)
        real = lam * c * np.concatenate([[2 * self.T / c - c * parts.sum()], parts * poles])
        rates = np.concatenate([[c], poles])
        self._found.append(Exponentials(real, rates, -lam * c, self.rate * float(error.max())))

    @cached_property
    def _matsubara(self) -> tuple[Array, Array]:
        """ν_j and the number of terms each stands for: the far ones by Gauss–Legendre in ln j (midpoint rule)."""
        j = np.arange(1.0, _EXACT_TERMS + 1.0)
        x, weight = np.polynomial.legendre.leggauss(_TAIL_NODES)
        low, high = np.log(_EXACT_TERMS + 0.5), np.log(_LAST_TERM)
        far = np.exp(low + 0.5 * (x + 1.0) * (high - low))
        count = np.concatenate([np.ones_like(j), 0.5 * (high - low) * weight * far])
        return 2 * np.pi * self.T * np.concatenate([j, far]), 4 * self.T * count


def _reduced(nu: Array, weights: Array, points: Array) -> tuple[Array, Array]:
    """Poles ν and weights g of the projection of Σ weights/(w² + nu²) that interpolates twice at each point w."""
    columns = np.sqrt(weights)[:, None] / (nu[:, None] ** 2 + points**2)
    columns /= np.linalg.norm(columns, axis=0)
    # Q = columns R⁻¹ row by row: the far rows, tiny, keep their digits, and meet the factor ν²
    R: Any = np.linalg.qr(columns, mode="r")
    Q: Any = np.linalg.solve(np.transpose(R), columns.T).T
    squares, U = np.linalg.eigh(Q.T @ (nu[:, None] ** 2 * Q))
    return np.sqrt(squares), (U.T @ (Q.T @ np.sqrt(weights))) ** 2
