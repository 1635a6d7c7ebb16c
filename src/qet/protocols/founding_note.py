"""Where the form E_B <= T I of the founding note fails: the temperature T*(h, k) of the minimal pair.

The founding note is the unpublished note that this package grew from. It bounds Bob's energy
by temperature times information. That inequality holds for the net work E_B - E_A; for E_B
alone it fails below T*, because E_B keeps a finite value as T -> 0 while T I vanishes.
Everything is in closed form for the Gibbs state of

    H = a Z0 + b Z1 + 2k X0 X1,  X measured on site 0,  a, b = h ± detuning/2.

With Z = <Z1>, X = <X0 X1> and r = |(Z, X)|: Bob's state has Bloch length |Z|, and r once
he knows the outcome.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.errors import unknown

from .entropies import x_log_x

Array = np.ndarray
_INFORMATIONS = ("holevo", "iqc")
_SCAN = 301  # temperatures that bracket the root
_RANGE = (1e-9, 1e2)  # in units of the level splitting 2 sqrt(h² + k²)


def founding_note_temperature(h: Any, k: Any, detuning: Any = 0.0, information: str = "holevo") -> Any:
    """The temperature T* below which E_B > T I for the Gibbs state of the minimal pair.

    E_B is Bob's best (H_B + V) after X is measured on A; I is the Holevo quantity of his ensemble, or the
    Groenewold–Ozawa information of the pair ("iqc", the larger of the two where S(A|B) > 0).

    Args:
        h: Mean local energy; number or array.
        k: Coupling; number or array.
        detuning: Difference of the local energies.
        information: "holevo" or "iqc".

    Returns:
        T*, broadcast shape: the largest crossing; 0 where the form never fails (nothing is teleported). Exact
        to about 1e-16 (h/k)² relative: both sides shrink with k².

    Raises:
        UnknownName: for another information. BadParameter: for NaN or infinite parameters.

    References:
        Derived here.

    Example:
        >>> round(float(founding_note_temperature(1.0, 0.5)), 4)
        0.3218
    """
    if information not in _INFORMATIONS:
        raise unknown("information", information, _INFORMATIONS)
    h, k, detuning = real("h", h), real("k", k), real("detuning", detuning)
    shape = broadcast(h=np.shape(h), k=np.shape(k), detuning=np.shape(detuning))
    h, k, detuning = (np.broadcast_to(np.asarray(x, dtype=float), shape).ravel() for x in (h, k, detuning))
    a, b = h + detuning / 2, h - detuning / 2
    unit = np.maximum(2 * np.hypot(h, k), 1e-300)

    def excess(log_T: Array) -> Array:
        T = unit * np.exp(log_T)
        return _excess(a, b, k, T, information)

    grid = np.linspace(np.log(_RANGE[0]), np.log(_RANGE[1]), _SCAN)
    fails = np.array([excess(np.full(unit.shape, x)) > 0.0 for x in grid])
    ever = fails.any(0)
    last = np.where(ever, _SCAN - 1 - fails[::-1].argmax(0), 0)
    low, high = grid[last], grid[np.minimum(last + 1, _SCAN - 1)]
    for _ in range(60):
        middle = (low + high) / 2
        above = excess(middle) > 0.0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(ever, unit * np.exp((low + high) / 2), 0.0).reshape(shape)[()]


def _excess(a: Array, b: Array, k: Array, T: Array, information: str) -> Array:
    """E_B - T I; zero, not rounding noise, where E_B is zero."""
    Z, X, p = _gibbs_means(a, b, k, T)
    r = np.hypot(Z, X)
    along, across = b * Z + 2 * k * X, b * X - 2 * k * Z
    length = np.hypot(b, 2 * k) * r
    gap = np.where(length - along > 0.0, length - along, 1.0)
    energy = np.where(along < 0.0, across**2 / gap, length + along)  # |w||v| + w·v without cancellation
    whole = -x_log_x(p).sum(-1) if information == "iqc" else _qubit_entropy(np.abs(Z))
    surplus = energy - T * (whole - _qubit_entropy(r))
    return np.where(energy > 1e-15 * np.hypot(b, 2 * k), surplus, 0.0)


def _gibbs_means(a: Array, b: Array, k: Array, T: Array) -> tuple[Array, Array, Array]:
    """<Z1>, <X0 X1> and the four populations; even levels ∓R, odd levels ∓r."""
    total, difference = a + b, a - b
    R, r = np.hypot(total, 2 * k), np.hypot(difference, 2 * k)
    energies = np.stack([-R, -r, r, R], -1)
    p = np.exp(-(energies - energies.min(-1, keepdims=True)) / T[..., None])
    p = p / p.sum(-1, keepdims=True)
    even, odd = p[..., 3] - p[..., 0], p[..., 2] - p[..., 1]
    safe_R, safe_r = np.where(R > 0.0, R, 1.0), np.where(r > 0.0, r, 1.0)
    Z = even * total / safe_R - odd * difference / safe_r
    return Z, 2 * k * (even / safe_R + odd / safe_r), p


def _qubit_entropy(length: Array) -> Array:
    """Entropy of a qubit whose Bloch vector has this length."""
    length = np.minimum(length, 1.0)
    return np.asarray(-x_log_x((1 + length) / 2) - x_log_x((1 - length) / 2))
