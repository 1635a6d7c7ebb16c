"""How fast energy can travel along a uniform chain that is quadratic in fermions.

H = a Σ X_j X_{j+1} + b Σ Y_j Y_{j+1} + c Σ Z_j has quasiparticles of energy

    ε(k) = 2 sqrt(P),   P = (c + (a + b) cos k)² + ((a - b) sin k)²,

and no signal outruns their largest group velocity max_k |dε/dk|. For the Ising chain, a = -J, b = 0 and c = -g, it is
2 min(|J|, |g|): dε/dk = 2 J g sin k / sqrt(J² + g² + 2 J g cos k) is largest where cos k = -min(J/g, g/J).

Beyond that cone a packet is not exactly zero, but falls off faster than any exponential of the distance.
Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.physics.model import Model

Array = np.ndarray
GRID = 8192  # wave vectors in (0, π): the largest slope is found to a relative (π/8192)², about 1e-7


def light_speed(model: Model) -> Any:
    """Largest group velocity of a uniform open chain with XX and YY bonds and fields along Z; None for any other model.

    Args:
        model: Any model.

    Returns:
        Sites per unit of time (1/energy), of the model's shape, to a relative 1e-7; or None.

    Example:
        >>> from qet.physics.models import ising
        >>> round(light_speed(ising(10, J=1.0, g=0.4)), 6)
        0.8
    """
    constants = _uniform(model)
    if constants is None:
        return None
    a, b, c = (np.asarray(value, dtype=float)[..., None] for value in constants)
    k = (np.arange(GRID) + 0.5) * np.pi / GRID
    total, difference = a + b, a - b
    along, across = c + total * np.cos(k), difference * np.sin(k)
    root = np.hypot(along, across)
    slope = np.abs(2 * np.sin(k) * (difference**2 * np.cos(k) - total * along))  # of P, at fixed k: ε' = P'/sqrt(P)
    speed = np.where(root > 0.0, slope / np.where(root > 0.0, root, 1.0), 0.0).max(-1)
    return float(speed) if speed.ndim == 0 else speed


def _uniform(model: Model) -> tuple[Any, Any, Any] | None:
    """Coefficients of the XX and YY bonds and the Z fields, where these are all and the same everywhere."""
    n, left = model.n_sites, dict(model.dynamics.coefficients)
    found = []
    for letters, places in (("XX", n - 1), ("YY", n - 1), ("Z", n)):
        strings = [tuple((j + i, letter) for i, letter in enumerate(letters)) for j in range(places)]
        values = [left.pop(string, 0.0) for string in strings]
        if not all(np.array_equal(value, values[0]) for value in values):
            return None
        found.append(values[0])
    is_long = n > 2 and (np.any(found[0]) or np.any(found[1]))
    return (found[0], found[1], found[2]) if is_long and not left else None
