"""Momentum correlations of far oscillators in an open chain, to full relative precision however small they are.

In the ground and Gibbs states <p_i p_j> = [√K coth(√K/2T)]_ij/2. For i ≠ j and the resolvent R(y) = (K + y²)^-1

    <p_i p_j> = -(1/π) ∫_0^∞ y² R_ij(y) dy                (T = 0)
              = -2T Σ_{n>=1} ν_n² R_ij(ν_n),  ν_n = 2πnT  (T > 0).

A chain of springs k >= 0 and pins κ >= 0 is a ladder of conductances, and R_ij(y) the voltage at i per current into j:
products and quotients of positive numbers, no difference anywhere. The integrand is positive too, so nothing cancels,
and a correlation of 1e-150 comes with a dozen digits; diagonalizing K leaves an absolute error of 1e-16. The integral
is a trapezoidal sum in ln y, which converges exponentially; its step is halved until it stands still.

Derived here.
"""

from __future__ import annotations

import numpy as np

from qet.physics.oscillators import Oscillators

Array = np.ndarray
RELATIVE_ERROR = 1e-12  # of a far correlation: rounding of a few thousand quotients
STILL = 1e-14  # relative change of the sum that ends the halving
MOST_HALVINGS = 7
MOST_FREQUENCIES = 100_000  # of a Matsubara sum
NEAREST = 2  # bonds between the two sites; the integrals of neighbors converge too slowly


def offers(model: Oscillators) -> bool:
    """Whether the oscillators form one open chain without negative springs or pins."""
    ladder = tuple((j, j + 1) for j in range(model.n_sites - 1))
    return model.bonds == ladder and bool(np.all(model.pins >= 0.0) and np.all(model.springs >= 0.0))


def resolvent(pins: Array, springs: Array, i: int, j: int, squares: Array) -> Array:
    """[(K + y²)^-1]_ij of chains, i < j.

    Args:
        pins: κ, shape (P, N).
        springs: k, shape (P, N - 1).
        i: Left site.
        j: Right site.
        squares: y², shape (P, M).

    Returns:
        Shape (P, M), all entries positive.
    """
    n = pins.shape[-1]
    load = pins[:, 0, None] + squares  # of site l and all to its left, towards the ground
    drop = np.ones_like(load)
    for site in range(j):
        k = springs[:, site, None]
        share = k / (k + load)
        if site >= i:
            drop = drop * share
        load = pins[:, site + 1, None] + squares + share * load
    if j < n - 1:
        right = pins[:, n - 1, None] + squares
        for site in range(n - 2, j, -1):
            k = springs[:, site, None]
            right = pins[:, site, None] + squares + k / (k + right) * right
        k = springs[:, j, None]
        load = load + k / (k + right) * right
    return drop / load


def ground_correlation(pins: Array, springs: Array, i: int, j: int, softest: Array, stiffest: Array) -> Array:
    """<p_i p_j> in the ground states of chains, shape (P,).

    Args:
        pins: As in `resolvent`.
        springs: As in `resolvent`.
        i: One site.
        j: Another, at least two bonds away.
        softest: Lowest ω², shape (P,).
        stiffest: Highest ω², shape (P,).
    """
    i, j = min(i, j), max(i, j)
    # below ω_min the integrand falls as y³, above ω_max as y^(1-2n) or faster, n >= 2 the distance
    low, high = 0.5 * np.log(softest.min()) - 14.0, 0.5 * np.log(stiffest.max()) + 42.0 / (2 * (j - i) - 1)

    def summed(u: Array) -> Array:
        y = np.exp(u)
        values = y**3 * resolvent(pins, springs, i, j, np.broadcast_to(y * y, (len(pins), len(y))))
        return values.sum(-1)

    step = 0.25
    total = step * summed(np.arange(low, high, step))
    for _ in range(MOST_HALVINGS):
        finer = total / 2 + step / 2 * summed(np.arange(low + step / 2, high + step / 2, step))
        is_still = np.all(np.abs(finer - total) <= STILL * finer)
        total, step = finer, step / 2
        if is_still:
            break
    return -total / np.pi


def thermal_correlation(pins: Array, springs: Array, i: int, j: int, stiffest: float, T: float) -> Array | None:
    """<p_i p_j> in the Gibbs state of one chain, shape (1,); None where the sum has too many terms.

    Args:
        pins: Shape (1, N).
        springs: Shape (1, N - 1).
        i: One site.
        j: Another, at least two bonds away.
        stiffest: Highest ω².
        T: Temperature > 0.
    """
    i, j = min(i, j), max(i, j)
    highest = np.sqrt(stiffest) * 10.0 ** (17.0 / (2 * (j - i) - 1))
    count = int(highest / (2 * np.pi * T)) + 2
    if count > MOST_FREQUENCIES:
        return None
    squares = (2 * np.pi * T * np.arange(1, count + 1)) ** 2
    return -2 * T * (squares * resolvent(pins, springs, i, j, squares[None])).sum(-1)
