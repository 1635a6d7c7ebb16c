"""Bob's best local Gaussian unitary on one oscillator, about its mean: squeezing and rotation in closed form.

With conditional covariance Γ of his r_B = (x, p), stiffness K_BB and coupling force f = K_BR x_R, c = cov(r_B, f), a
symplectic S (any real 2x2 matrix of determinant one) leaves the energy

    E(S) = Tr[h S Γ S^T]/2 + e_x·S c,   h = diag(K_BB, 1).

Y = √h S L with Γ = L L^T makes it |Y|²/2 + <Y, W> at fixed det Y = √K_BB det L = δ. A 2x2 matrix is a part u that turns
and a part v that reflects, |Y|²/2 = |u|² + |v|² and det Y = |u|² - |v|². W has one row, so that |w_u| = |w_v| = w, and
the best is the one root λ in [0, 1] of

    w² [1/(1-λ)² - 1/(1+λ)²] = δ,      u = -w_u/(1-λ),  v = -w_v/(1+λ),

a global minimum: at that λ the Lagrangian is convex. Without coupling λ = 1, v = 0 and the direction of u is free. The
gain over doing nothing is a sum of squares, (1-λ)|u_0-u|² + (1+λ)|v_0-v|², which keeps its digits where it is tiny.

Derived here.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
BISECTIONS = 70
WIDEST = 80.0  # of the logit of λ: 1 ± λ down to 1e-35


def best_symplectic(stiffness: Array, covariance: Array, coupling: Array) -> tuple[Array, Array]:
    """The symplectic matrix that lowers the energy most, and the gain.

    Args:
        stiffness: K_BB > 0, shape (...).
        covariance: Γ, shape (..., 2, 2).
        coupling: c, shape (..., 2).

    Returns:
        S, shape (..., 2, 2), det 1; and E(1) - E(S) >= 0, shape (...).

    Example:
        >>> squeezed = np.diag([2.0, 0.125])  # of an oscillator of frequency one, alone
        >>> S, gain = best_symplectic(np.array(1.0), squeezed, np.zeros(2))
        >>> round(float(gain), 6)  # back to the vacuum, 1/2
        0.5625
    """
    root = np.sqrt(stiffness)
    L = np.linalg.cholesky(covariance)
    scale = np.stack(np.broadcast_arrays(root, np.ones_like(root)), -1)[..., None]  # √h
    Y0 = scale * L
    source = np.linalg.solve(L, coupling[..., None])[..., 0]
    W = np.zeros(np.broadcast_shapes(Y0.shape, (*source.shape, 2)))
    W[..., 0, :] = source / root[..., None]
    u0, v0, wu, wv = *_parts(Y0), *_parts(W)
    delta = np.linalg.det(Y0)
    low, high = _gaps(_root(_square(wu), delta))  # 1 - λ, 1 + λ
    u, v = -wu / low[..., None], -wv / high[..., None]
    is_free = _square(wu) == 0.0
    low, u = np.where(is_free, 0.0, low), np.where(is_free[..., None], _along(u0, delta), u)
    gain = low * _square(u0 - u) + high * _square(v0 - v)
    Y = np.stack([np.stack([u[..., 0] + v[..., 0], u[..., 1] + v[..., 1]], -1),
                  np.stack([v[..., 1] - u[..., 1], u[..., 0] - v[..., 0]], -1)], -2)  # fmt: skip
    S = np.swapaxes(np.linalg.solve(np.swapaxes(L, -1, -2), np.swapaxes(Y / scale, -1, -2)), -1, -2)
    return S, gain


def _parts(Y: Array) -> tuple[Array, Array]:
    a, b, c, d = Y[..., 0, 0], Y[..., 0, 1], Y[..., 1, 0], Y[..., 1, 1]
    return np.stack([a + d, b - c], -1) / 2, np.stack([a - d, b + c], -1) / 2


def _square(vector: Array) -> Array:
    return (vector * vector).sum(-1)


def _along(vector: Array, squared: Array) -> Array:
    """A vector in the direction of another, of given squared length; along the first axis where there is none."""
    length = np.sqrt(_square(vector))[..., None]
    unit = np.where(length > 0.0, vector / np.where(length > 0.0, length, 1.0), np.array([1.0, 0.0]))
    return unit * np.sqrt(squared)[..., None]


def _gaps(logit: Array) -> tuple[Array, Array]:
    return 2.0 / (1.0 + np.exp(logit)), 2.0 / (1.0 + np.exp(-logit))


def _root(squared: Array, delta: Array) -> Array:
    """The logit of (1+λ)/2 at which w²/(1-λ)² - w²/(1+λ)² = δ, by bisection."""
    left, right = np.zeros(delta.shape), np.full(delta.shape, WIDEST)
    for _ in range(BISECTIONS):
        middle = (left + right) / 2
        low, high = _gaps(middle)
        is_below = squared * (1.0 / low**2 - 1.0 / high**2) < delta
        left, right = np.where(is_below, middle, left), np.where(is_below, right, middle)
    return (left + right) / 2
