"""Two oscillators as truncated number states: an oracle for the Gaussian protocol that knows nothing of covariances."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, eye_array, kron
from scipy.sparse.linalg import eigsh, expm_multiply

LEVELS = 40


def quadratures(levels, omega=1.0):
    a = np.diag(np.sqrt(np.arange(1, levels)), 1)
    return (a + a.T) / np.sqrt(2 * omega), -1j * np.sqrt(omega / 2) * (a - a.T)


def function(matrix, f):
    """A function of a Hermitian matrix in the middle of a larger space, cut to LEVELS."""
    values, vectors = np.linalg.eigh(matrix)
    return ((vectors * f(values)) @ vectors.conj().T)[:LEVELS, :LEVELS]


class TwoOscillators:
    """H = Σ p²/2 + x^T K x/2 on two modes, Alice the first, Bob the second."""

    def __init__(self, K):
        self.K = np.asarray(K)
        self.x, self.p = quadratures(LEVELS)
        X, P = quadratures(LEVELS + 2)  # squares without the error of the last levels
        x2, p2 = (X @ X)[:LEVELS, :LEVELS], np.real(P @ P)[:LEVELS, :LEVELS]
        self.alone = [(p2 + K[j][j] * x2) / 2 for j in (0, 1)]
        one = eye_array(LEVELS)
        H = kron(csr_array(self.alone[0]), one) + kron(one, csr_array(self.alone[1]))
        self.H = csr_array(H + K[0][1] * kron(csr_array(self.x), csr_array(self.x)))
        start = np.random.default_rng(0).normal(size=LEVELS**2)
        self.ground = eigsh(self.H, k=1, which="SA", v0=start)[1].reshape(LEVELS, LEVELS)

    def evolved(self, states, t):
        """States (n, LEVELS, LEVELS) after a time t."""
        columns = np.asarray(states).reshape(len(states), -1).T.astype(complex)
        return expm_multiply(-1j * t * self.H, columns).T.reshape(-1, LEVELS, LEVELS)

    def pointer(self, h, resolution, q):
        """exp(-(h·r - q)²/(4Δ²))/(2πΔ²)^¼."""
        X, P = quadratures(2 * LEVELS)
        scale = (2 * np.pi * resolution**2) ** -0.25
        return scale * function(h[0] * X + h[1] * P, lambda v: np.exp(-((v - q) ** 2) / (4 * resolution**2)))

    def energy(self, psi):
        a, b = (
            np.einsum("ab,ac,cb->", psi.conj(), self.alone[0], psi),
            np.einsum("ab,bc,ac->", psi.conj(), self.alone[1], psi),
        )
        coupled = np.einsum("ab,ac,bd,cd->", psi.conj(), self.x, self.x, psi, optimize=True)
        return float(np.real(a + b + self.K[0][1] * coupled))

    def displacement(self, q, p):
        X, P = quadratures(2 * LEVELS)
        return function(p * X - q * P, lambda v: np.exp(1j * v))

    def seed(self, covariance, beta=None):
        """√ρ of a seed: its state is exp(-β h), h = r^T Ω^T σ Ω r with levels n + 1/2; beta None: the lowest."""
        X, P = quadratures(2 * LEVELS)
        s, c, b = covariance[0][0], covariance[0][1], covariance[1][1]
        h = b * X @ X + s * P @ P - c * (X @ P + P @ X)
        if beta is None:
            return function(h, lambda v: (v < 1.0).astype(float))
        return function(h, lambda v: np.exp(-beta / 2 * (v - 0.5))) * np.sqrt(1 - np.exp(-beta))


def averages(pair, seed, Sigma, gain, points=22):
    """(injected, extracted, covariance of the outcomes) over Gauss-Hermite outcomes of covariance about Sigma."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    L = np.linalg.cholesky(1.2 * Sigma)
    start, measured, after, moments, total = pair.energy(pair.ground), 0.0, 0.0, np.zeros((2, 2)), 0.0
    for u, wu in zip(nodes, weights, strict=True):
        for v, wv in zip(nodes, weights, strict=True):
            xi = L @ [u, v]
            D = pair.displacement(*xi)
            psi = D @ seed @ D.conj().T @ pair.ground
            weight = wu * wv * np.exp((u * u + v * v) / 2) * np.linalg.det(L) / (2 * np.pi)  # POVM elements per 2π
            probability = weight * np.sum(np.abs(psi) ** 2)
            if probability < 1e-14:
                continue
            total += probability
            moments += probability * np.outer(xi, xi)
            measured += weight * pair.energy(psi)
            after += weight * pair.energy(psi @ pair.displacement(*(gain @ xi)).T)
    return total, measured - start, measured - after, moments
