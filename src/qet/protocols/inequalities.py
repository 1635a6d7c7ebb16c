"""The formulas behind the bounds: ergotropy, free energies, and Hotta's energy and entanglement.

Pure functions of matrices and numbers; leading axes are points. `bounds` decides where
each applies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.linalg import entropy, expectation

Array = np.ndarray


def ergotropy(H: Array, rho: Array) -> Any:
    """Largest energy a unitary on the whole takes from rho: Tr[H rho] - Σ_n r_n e_n, r descending, e ascending.

    Zero exactly for passive states: those that commute with H and whose populations do not grow with energy.

    Args:
        H: Hamiltonian, shape (..., d, d).
        rho: State, shape (..., d, d).

    References:
        A. E. Allahverdyan, R. Balian, Th. M. Nieuwenhuizen, Europhys. Lett. 67, 565 (2004).
    """
    populations, energies = np.linalg.eigvalsh(rho)[..., ::-1], np.linalg.eigvalsh(H)
    return np.maximum(expectation(H, rho) - (populations * energies).sum(-1), 0.0)


def free_energy(H: Array, T: Any) -> Array:
    """Equilibrium free energy -T ln Tr exp(-H/T), shape (...); the lowest energy at T = 0."""
    energies = np.linalg.eigvalsh(H)
    T = np.asarray(T, dtype=float)
    safe = np.where(T > 0.0, T, 1.0)[..., None]
    weight = np.exp(-(energies - energies[..., :1]) / safe).sum(-1)
    return energies[..., 0] - np.where(T > 0.0, T * np.log(weight), 0.0)


def free_energy_excess(H: Array, rho: Array, T: Any) -> Any:
    """Tr[H rho] - T S(rho) - F_eq(T) = T D(rho ‖ Gibbs_T) >= 0, shape (...); Tr[H rho] - E_0 at T = 0."""
    return expectation(H, rho) - T * entropy(rho) - free_energy(H, T)


def hotta_least_entanglement(h: Any, k: Any, energy: Any) -> Any:
    """Least entanglement consumed when the minimal pair teleports `energy`.

    ΔS >= (1 + sin² x) / (2 cos³ x) · ln[(1 + cos x)/(1 - cos x)] · E_B / s,  tan x = k/h, s = sqrt(h² + k²).

    Args:
        h: Local energy > 0.
        k: Coupling >= 0; at k = 0 nothing is teleported and the bound is 0.
        energy: Bob's energy (H_B + V).

    Returns:
        Nats, shape of the arguments.

    References:
        M. Hotta, Phys. Lett. A 374, 3416 (2010), arXiv:1002.0200; checked here against the exact ground state.
    """
    s, c, sin = _angles(h, k)
    is_coupled = (sin > 0.0) & (c > 0.0)
    sin, c = np.where(is_coupled, sin, 0.5), np.where(is_coupled, c, 0.5)
    logarithm = 2 * np.log((1 + c) / sin)  # 1 - cos = sin²/(1 + cos)
    return np.where(is_coupled, (1 + sin**2) / (2 * c**3) * logarithm * energy / s, 0.0)[()]


def hotta_least_energy(h: Any, k: Any, entanglement: Any) -> Any:
    """Least energy that the best feedback teleports in the minimal pair when ΔS is consumed.

    E_B >= 2 s [sqrt(4 - 3 c²) - 2 + c²] ΔS / [(1+c) ln(2/(1+c)) + (1-c) ln(2/(1-c))],  c = cos x = h/s.

    For a projective X measurement it is an equality.

    Args:
        h: Local energy > 0.
        k: Coupling >= 0.
        entanglement: ΔS in nats.

    References:
        M. Hotta, Phys. Lett. A 374, 3416 (2010), arXiv:1002.0200; checked here against the exact ground state.
    """
    s, c, sin = _angles(h, k)
    is_coupled = sin > 0.0
    sin = np.where(is_coupled, sin, 1.0)
    numerator = 2 * s * (c * sin) ** 2 / (np.sqrt(1 + 3 * sin**2) + 1 + sin**2)  # the bracket without cancellation
    small = sin**2 / (1 + c)  # 1 - cos
    denominator = (1 + c) * np.log(2 / (1 + c)) + small * np.log(2 / small)
    safe = np.where(is_coupled, denominator, 1.0)
    return np.where(is_coupled, numerator * entanglement / safe, 0.0)[()]


def _angles(h: Any, k: Any) -> tuple[Array, Array, Array]:
    """s = sqrt(h² + k²), cos x and sin x; s = 0 is replaced by 1 where both vanish."""
    s = np.hypot(h, k)
    safe = np.where(s > 0.0, s, 1.0)
    return safe, np.abs(h) / safe, np.abs(k) / safe
