"""Energies of the protocol on a pair, in closed form: parity-even state, H = a Z_A + b Z_B + c X_A X_B, X measured.

Alice measures X with strength s on one qubit; each outcome reaches Bob, and with probability q he receives the
other one. Only three means of the state enter Bob's gains: z = <Z_B>, x = <X_A X_B>, y = <X_A Y_B>.
After outcome k the matrix T of the best rotation (rows: the Pauli matrix of H; columns: that of the state) has the rows
c (x, y, ±s z)/2 for X_B and b (±s x, ±s y, z)/2 for Z_B, with s -> s(1 - 2q) where the message errs. It has rank
two, so the gain is Tr T + s1 + s2 with (s1 + s2)² = |T|² + 2 |row x row|. Summed over outcomes, with
p² = x² + y² and P = b z + c x:

    extracted = P + sqrt(b² (s² p² + z²) + c² (p² + s² z²) + 2 |bc| (1 - s²) p |z|)
    local     = b z + |b z| + c x + |c| p           (for the average state, whatever the strength)
    injected  = a <Z_A> (sqrt(1 - s²) - 1).

Where P < 0 the gains are differences of nearly equal numbers; they are then computed as a quotient whose terms
are all non-negative, and keep their relative precision however small they are. Bob's optimum is over all unitaries.
Derived here; for s = 1, y = 0 and the ground state this is M. Hotta, arXiv:1002.0200.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.paulis import PauliString
from qet.foundations.zeros import is_zero, safe_divisor

Means = Mapping[PauliString, Any]


def pair_injected(means: Means, coefficients: Means, A: int, B: int, strength: Any = 1.0) -> Any:
    """Tr[H Σ M rho M†] - Tr[H rho] = a <Z_A> (sqrt(1 - s²) - 1).

    Args:
        means: Pauli string -> mean of a parity-even state of two qubits; absent strings have mean zero.
        coefficients: Pauli string -> coefficient of H, of which only Z0, Z1, X0X1 (and constants) are present.
        A: Alice's site, 0 or 1.
        B: Bob's site, the other one.
        strength: 0 <= s <= 1.

    Returns:
        Energy, of the broadcast shape.
    """
    return in_chunks(injected_of, _of(coefficients, A), _of(means, A), _number(strength), is_elementwise=True)[0]


def pair_extracted(
    means: Means, coefficients: Means, A: int, B: int, strength: Any = 1.0, message_error: Any = 0.0
) -> Any:
    """Energy that Bob takes out with the best unitary for each message; see the module for the formula.

    Args:
        means, coefficients, A, B, strength: As in `pair_injected`.
        message_error: Probability that the wrong one of the two outcomes arrives, 0 <= q <= 1.

    Returns:
        Energy >= 0, of the broadcast shape.
    """
    s = _number(strength) * (1.0 - 2.0 * _number(message_error))
    b, c, z, x, y = _bob(means, coefficients, A, B)
    if isinstance(s, float) and abs(s) == 1.0:
        return in_chunks(strong_extracted_of, b, c, z, x, y, is_elementwise=True)[0]
    return in_chunks(extracted_of, b, c, z, x, y, s, is_elementwise=True)[0]


def pair_local(means: Means, coefficients: Means, A: int, B: int) -> Any:
    """Energy that Bob takes out with one unitary for both outcomes: b z + |b z| + c x + |c| p.

    Args and Returns as in `pair_extracted`.
    """
    return in_chunks(local_of, *_bob(means, coefficients, A, B), is_elementwise=True)[0]


def pair_energies(
    means: Means, coefficients: Means, A: int, B: int, strength: Any = 1.0, message_error: Any = 0.0
) -> tuple[Any, Any, Any]:
    """(injected, extracted, local): see the three functions."""
    return (
        pair_injected(means, coefficients, A, B, strength),
        pair_extracted(means, coefficients, A, B, strength, message_error),
        pair_local(means, coefficients, A, B),
    )


# The formulas themselves, on flat arrays or numbers. `xp` is NumPy or jax.numpy: JAX arrays, also under a trace, pass.


def injected_of(a: Any, z: Any, s: Any, xp: Any = np) -> tuple[Any, ...]:
    """What a measurement of strength s pays, from a and z = <Z_A>."""
    if isinstance(s, float) and s == 1.0:
        return (-a * z,)
    return (-(s * s) / (1.0 + xp.sqrt((1.0 - s) * (1.0 + s))) * (a * z),)


def strong_extracted_of(b: Any, c: Any, z: Any, x: Any, y: Any, xp: Any = np) -> tuple[Any, ...]:
    """|w||v| + w·v with w = (b, c, 0), v = (z, x, y); where w·v < 0 as |w x v|²/(|w||v| - w·v)."""
    along = b * z + c * x
    cross = b * x - c * z
    gap = cross * cross
    if not is_zero(y):
        gap = gap + (b * b + c * c) * (y * y)
    size = xp.sqrt(along * along + gap)  # |w|²|v|² = (w·v)² + |w x v|²
    if xp is np and np.max(along, initial=-1.0) < 0.0:
        return (gap / (size - along),)
    return (xp.where(along < 0.0, gap / safe_divisor(size - along, xp), size + along),)


def extracted_of(b: Any, c: Any, z: Any, x: Any, y: Any, s: Any, xp: Any = np) -> tuple[Any, ...]:
    """The best gain for s = strength (1 - 2 message_error), b, c and z = <Z_B>, x = <X_A X_B>, y = <X_A Y_B>."""
    ss = s * s
    rest = xp.maximum(1.0 - ss, 0.0)
    yy = y * y
    pp = x * x + yy
    p = xp.sqrt(pp)
    bb, cc, zz = b * b, c * c, z * z
    along = b * z + c * x
    mixed = 2.0 * rest * xp.abs(b * c * z)
    size = xp.sqrt(bb * (ss * pp + zz) + cc * (pp + ss * zz) + mixed * p)
    # size² - along², term by term non-negative; p - |x| is written y²/(p + |x|)
    apart = xp.where(b * c * z * x > 0.0, yy / safe_divisor(p + xp.abs(x), xp), p + xp.abs(x))
    cross = b * x - c * z
    gap = ss * (cross * cross + bb * yy) + cc * yy + mixed * apart
    return (xp.where(along < 0.0, gap / safe_divisor(size - along, xp), size + along),)


def local_of(b: Any, c: Any, z: Any, x: Any, y: Any, xp: Any = np) -> tuple[Any, ...]:
    """The best gain without the message, from the same numbers."""
    cx = c * x
    if is_zero(y):
        return (2.0 * (xp.maximum(b * z, 0.0) + xp.maximum(cx, 0.0)),)
    p, size = xp.sqrt(x * x + y * y), xp.abs(x)
    along = xp.where(cx < 0.0, y * y / safe_divisor(p + size, xp), p + size)
    return (2.0 * xp.maximum(b * z, 0.0) + xp.abs(c) * along,)


def _bob(means: Means, coefficients: Means, A: int, B: int) -> tuple[Any, Any, Any, Any, Any]:
    """b, c, <Z_B>, <X_A X_B>, <X_A Y_B>."""
    both: PauliString = ((0, "X"), (1, "X"))
    current: PauliString = ((A, "X"), (B, "Y")) if A < B else ((B, "Y"), (A, "X"))
    b, c = _of(coefficients, B), coefficients.get(both, 0.0)
    return b, c, _of(means, B), means.get(both, 0.0), means.get(current, 0.0)


def _of(values: Means, site: int) -> Any:
    return values.get(((site, "Z"),), 0.0)


def _number(value: Any) -> Any:
    return value if np.ndim(value) else float(value)
