"""Closed forms of two qubits with H = a Z0 + b Z1 + c X0X1, any real a, b, c.

With Ω = a + b, Δ = a - b, R = |(Ω, c)|, r = |(Δ, c)| the levels are ±R (even parity) and ±r (odd), or in two
independent modes E = w1 (n1 - 1/2) + w2 (n2 - 1/2) with

    w2 = R + r,   w1 = R - r = 4ab/(R + r),
    e-: (n1, n2) = (0, 0),  o-: (1, 0),  o+: (0, 1),  e+: (1, 1).

A Gibbs state has <1 - 2 n_i> = t_i = tanh(w_i/2T), hence Pe = p(e+) - p(e-) = -(t1 + t2)/2,
Po = p(o+) - p(o-) = (t1 - t2)/2 and

    <Z0> = Pe Ω/R + Po Δ/r    <Z1> = Pe Ω/R - Po Δ/r    <Z0Z1> = t1 t2
    <X0X1> = c (Pe/R + Po/r)  <Y0Y1> = c (Po/r - Pe/R).

Constants in H are left out. Derived here; levels as in M. Hotta, arXiv:1002.0200, for a = b.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.foundations.errors import DegenerateLevel, refuse_where
from qet.foundations.paulis import PauliString
from qet.foundations.zeros import safe_divisor
from qet.physics.model import Model
from qet.solvers.states import Expectations

Array = np.ndarray
Z0: PauliString = ((0, "Z"),)
Z1: PauliString = ((1, "Z"),)
XX: PauliString = ((0, "X"), (1, "X"))
YY: PauliString = ((0, "Y"), (1, "Y"))
ZZ: PauliString = ((0, "Z"), (1, "Z"))
SAFE_SQUARES = (1e-280, 1e280)  # within these a sum of squares neither underflows nor overflows


def offers(model: Model) -> bool:
    """Whether the closed forms hold: two qubits, and nothing in H but Z0, Z1, X0X1 and constants."""
    return (
        model.n_sites == 2
        and all(not s or s in (Z0, Z1, XX) for s, _ in model.H.terms)
        and not any(np.iscomplexobj(c) for _, c in model.H.terms)
    )


def ground_pair(model: Model) -> Expectations:
    """The ground state: e- where ab > 0, o- where ab < 0.

    Raises:
        DegenerateLevel: where the gap |w1| is within 1e-10 ‖H‖, with the gap, first index, count and mask.
    """
    a, b, c = _coefficients(model)
    zA, zB, xx, yy, zz, is_degenerate = _shared(_ground, a, b, c)
    if np.any(is_degenerate):
        _refuse_degenerate(a, b, c)
    return Expectations(2, {Z0: zA, Z1: zB, XX: xx, YY: yy, ZZ: zz})


def gibbs_pair(model: Model, T: Any) -> Expectations:
    """The Gibbs state at T >= 0; T = 0 is the equal mixture of the levels within 1e-10 ‖H‖ of the lowest."""
    a, b, c = _coefficients(model)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        zA, zB, xx, yy, zz = _shared(_gibbs, a, b, c, T)
    return Expectations(2, {Z0: zA, Z1: zB, XX: xx, YY: yy, ZZ: zz})


def mode_energies(a: Any, b: Any, c: Any) -> tuple[Any, Any, Any, Any]:
    """R, r, w1 and w2; w1 without cancellation."""
    R, r = _length(a + b, c), _length(a - b, c)
    w2 = R + r
    if np.min(w2, initial=1.0) > 0.0:
        return R, r, 4.0 * a * (b / w2), w2
    return R, r, 4.0 * a * (b / np.where(w2 > 0.0, w2, 1.0)), w2


def _coefficients(model: Model) -> tuple[Any, Any, Any]:
    h = model.H.coefficients
    return h.get(Z0, 0.0), h.get(Z1, 0.0), h.get(XX, 0.0)


def _shared(function: Any, a: Any, b: Any, *others: Any) -> tuple[Any, ...]:
    """in_chunks, reading a field common to both qubits once."""
    if a is b:
        return in_chunks(lambda field, *rest: function(field, field, *rest), a, *others, is_elementwise=True)
    return in_chunks(function, a, b, *others, is_elementwise=True)


def _ground(a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    ab = a * b
    lowest = np.min(ab, initial=1.0)
    if lowest >= 0.0:
        Omega = a + b
        squares = Omega * Omega + c * c
        largest = np.max(squares, initial=0.0)
        # |w1| = 4ab/(R + r) > tol·R, by far, where 2ab > tol·R² even for the worst of each
        if 2.0 * lowest > DEGENERACY_TOLERANCE * largest and lowest > SAFE_SQUARES[0] and largest < SAFE_SQUARES[1]:
            f = -1.0 / np.sqrt(squares)
            z, xx = Omega * f, c * f
            return z, z, xx, -xx, 1.0, False
        f = -1.0 / safe_divisor(_length(Omega, c))
        z, xx = Omega * f, c * f
        return z, z, xx, -xx, 1.0, _is_degenerate(a, b, c)
    is_even = ab >= 0.0
    u = np.where(is_even, a + b, a - b)
    R = _length(u, c)
    f = -1.0 / np.where(R > 0.0, R, 1.0)
    z, xx = u * f, c * f
    return (
        z,
        np.where(is_even, z, -z),
        xx,
        np.where(is_even, -xx, xx),
        np.where(is_even, 1.0, -1.0),
        _is_degenerate(a, b, c),
    )


def _gibbs(a: Any, b: Any, c: Any, T: Any) -> tuple[Any, ...]:
    R, r, w1, w2 = mode_energies(a, b, c)
    half = np.divide(0.5, T)
    if np.all(np.isfinite(half)):
        t1, t2 = np.tanh(w1 * half), np.tanh(w2 * half)
    else:  # T = 0, or 1/(2T) overflows below 1e-308
        t1, t2 = np.tanh(0.5 * np.divide(w1, T)), np.tanh(0.5 * np.divide(w2, T))
    if np.min(T, initial=1.0) <= 0.0:
        is_cold = np.less_equal(T, 0.0)
        limit = DEGENERACY_TOLERANCE * np.maximum(R, r)
        t1 = np.where(is_cold, np.where(np.abs(w1) > limit, np.sign(w1), 0.0), t1)
        t2 = np.where(is_cold, np.where(w2 > limit, 1.0, 0.0), t2)
    e, o = -0.5 * (t1 + t2) / safe_divisor(R), 0.5 * (t1 - t2) / safe_divisor(r)
    if a is b:
        zA = zB = e * (a + b)
    else:
        ze, zo = e * (a + b), o * (a - b)
        zA, zB = ze + zo, ze - zo
    return zA, zB, c * (e + o), c * (o - e), t1 * t2


def _length(x: Any, y: Any) -> Any:
    """sqrt(x² + y²), by hypot only in a chunk that needs it: that is ten times slower."""
    squares = x * x + y * y
    low, high = SAFE_SQUARES
    if np.min(squares, initial=1.0) > low and np.max(squares, initial=1.0) < high:
        return np.sqrt(squares)
    return np.hypot(x, y)


def _is_degenerate(a: Any, b: Any, c: Any) -> Any:
    R, r, w1, _ = mode_energies(a, b, c)
    return np.abs(w1) <= DEGENERACY_TOLERANCE * np.maximum(R, r)


def _refuse_degenerate(a: Any, b: Any, c: Any) -> None:
    mask, gap = in_chunks(lambda a, b, c: (_is_degenerate(a, b, c), np.abs(mode_energies(a, b, c)[2])), a, b, c)
    mask, gap = np.asarray(mask), np.asarray(gap)
    refuse_where(
        mask,
        DegenerateLevel,
        lambda i: (
            f"ground: the two lowest levels of this pair differ by {gap[i]:.1e}, so the ground state is not unique and "
            "the energies depend on which one is meant. Lift the degeneracy (both fields different from zero), or "
            "take the equal mixture: gibbs(model, T=0)"
        ),
    )
