"""Entropies and informations of ensembles, as pure functions of matrices; nats, leading axes are points.

An ensemble is given by unnormalized conditional states s_k with Tr s_k = p_k, so that no
division by a small probability is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qet.foundations.linalg import entropy, partial_trace, trace

Array = np.ndarray


def x_log_x(x: Any) -> Any:
    """x ln x, continued by 0 to x <= 0 (rounding of a zero eigenvalue)."""
    return np.where(x > 0.0, x * np.log(np.where(x > 0.0, x, 1.0)), 0.0)


def mean_entropy(branches: Array) -> Any:
    """Σ_k p_k S(s_k / p_k) of unnormalized conditional states s_k, p_k = Tr s_k: (..., K, d, d) -> (...)."""
    eigenvalues = np.linalg.eigvalsh(branches)
    p = np.real(trace(branches))
    return (x_log_x(p) - x_log_x(eigenvalues).sum(-1)).sum(-1)


def holevo(branches: Array) -> Any:
    """Holevo quantity S(Σ_k s_k) - Σ_k p_k S(s_k / p_k) of an ensemble.

    Args:
        branches: Unnormalized conditional states, shape (..., K, d, d), traces summing to 1.

    Returns:
        Nats, shape (...).
    """
    return np.maximum(entropy(branches.sum(-3)) - mean_entropy(branches), 0.0)


def groenewold(rho: Array, branches: Array) -> Any:
    """Groenewold–Ozawa information S(rho) - Σ_k p_k S(s_k / p_k) of a measurement on rho.

    Not negative for one Kraus operator an outcome (Ozawa); it may be with a noisy record.

    Args:
        rho: The measured state, shape (..., d, d).
        branches: Unnormalized states after each outcome, on the same system, shape (..., K, d, d).

    Returns:
        Nats, shape (...).

    References:
        H. J. Groenewold, Int. J. Theor. Phys. 4, 327 (1971); T. Sagawa and M. Ueda,
        Phys. Rev. Lett. 100, 080403 (2008), where it bounds the work of feedback.
    """
    return entropy(rho) - mean_entropy(branches)


def mutual_information(rho: Array, A: Sequence[int], B: Sequence[int]) -> Any:
    """S(A) + S(B) - S(AB) of the qubits A and B of a matrix on n qubits, nats, shape (...)."""
    n = rho.shape[-1].bit_length() - 1
    both = entropy(partial_trace(rho, [*A, *B], n))
    return entropy(partial_trace(rho, list(A), n)) + entropy(partial_trace(rho, list(B), n)) - both
