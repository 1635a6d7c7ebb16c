"""The infinite Ising chain -J Σ XX - g Σ Z in closed form, Alice measuring Y.

Bob's best turn is about X and changes no bond; with z = <Z> and c = <Y_0 Y_n> he takes

    E_B = g [sqrt(z² + c²) - z] = g c²/(sqrt(z² + c²) + z).

c is an n x n Toeplitz determinant of G_r = (1/2π) ∫ dk e^(ikr) (g + J e^(ik))/|g + J e^(ik)| tanh(ε/2T), with
ε = 2 |g + J e^(ik)| and z = G_0 (Lieb, Schultz and Mattis 1961; Pfeuty 1970). Its laws at large n, derived here:

    g = J:  c_Y J n^(-9/2), c_Y = (π/64) 2^(1/6) e^(6 ζ'(-1));  a third of it for Alice measuring X
    g > J:  n^(-3) (J/g)^(2n)                      g < J:  n^(-6) (g/J)^(4n)
    g = J, T > 0:  exp(-n/ξ),  1/ξ = (1/π) ∫ dk ln coth(ε/2T) + 4 asinh(πT/2J)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray
ZETA = -0.1654211437004509292  # ζ'(-1)
C_Y = float(np.pi / 64 * 2 ** (1 / 6) * np.exp(6 * ZETA))
POINTS = 8192  # of the Fourier integral: to rounding where |g - J| > 0.01 or T > 0.01


def couplings(far: int, J: float = 1.0, g: float = 1.0, T: float = 0.0) -> Array:
    """G_r for r = 1 - far .. far, in this order; at the critical point without heat in closed form."""
    r = np.arange(1 - far, far + 1)
    if J == g and T == 0.0:
        return np.asarray(2 * (-1.0) ** np.abs(r) / (np.pi * (2 * r + 1)))
    k = 2 * np.pi * np.arange(POINTS) / POINTS
    z = g + J * np.exp(1j * k)
    size = np.maximum(np.abs(z), 1e-12)  # at the critical point z vanishes at k = π; tanh(ε/2T)/ε does not
    symbol = z / size * (np.tanh(size / T) if T else 1.0)
    return np.asarray(np.fft.ifft(symbol).real[r % POINTS])


def infinite_output(distances: Iterable[int], J: float = 1.0, g: float = 1.0, T: float = 0.0) -> Array:
    """E_B at each distance."""
    n = [int(d) for d in distances]
    far = max(n)
    G = couplings(far, J, g, T)
    index = np.arange(far)[:, None] - np.arange(far) + far  # of G_(i-j+1)
    whole, z = G[index], G[far - 1]
    c = np.array([np.linalg.det(whole[:d, :d]) for d in n])
    return np.asarray(g * c**2 / (np.hypot(z, c) + z))


def thermal_rate(T: Any, J: float = 1.0) -> Any:
    """1/ξ of the critical chain at T > 0."""
    T = np.asarray(T, dtype=float)
    k = np.pi * (np.arange(POINTS) + 0.5) / POINTS
    x = np.exp(-4 * J * np.cos(k / 2) / T[..., None])  # e^(-ε/T), and ln coth(ε/2T) = ln[(1 + x)/(1 - x)]
    # where the integrand ends as -ln(π - k) the midpoint rule is short of the mean by ln 2 of half a step
    mean = (np.log1p(x) - np.log1p(-x)).mean(-1) + np.log(2.0) / (2 * POINTS)
    return (2 * mean + 4 * np.arcsinh(np.pi * T / (2 * J)))[()]
