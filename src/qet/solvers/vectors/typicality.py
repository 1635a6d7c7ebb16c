"""Thermal states of long chains from a few random vectors, with a statistical error that is stated.

For a random vector |r> of independent normal entries the mean of |r><r| is the identity, so with |psi_r> =
exp(-H/2T)|r>

    rho = Σ_r |psi_r><psi_r| / Σ_r <psi_r|psi_r>

is the thermal state but for noise, which falls as one over the root of the number of vectors times that of the levels
within reach of T: a few vectors are enough on twenty sites. The result is a state, positive and of trace one. Its
standard errors come from leaving out one vector after the other (jackknife). At temperatures far below the gap they are
themselves uncertain: what is not the ground state then rests on a handful of overlaps.

Where H is real so are the vectors, and what is odd under time reversal vanishes exactly. The same seed gives the same
vectors at every point, so curves over T are smooth. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered, TooLarge, refuse_where
from qet.foundations.spelling import spelled_bytes
from qet.physics.model import Model
from qet.solvers.spectrum import MEMORY_LIMIT
from qet.solvers.states import Prepared
from qet.solvers.vectors.means import means
from qet.solvers.vectors.motion import Motion
from qet.solvers.vectors.payload import Vectors
from qet.solvers.vectors.product import Product
from qet.solvers.vectors.strings import Strings, strings_of

Array = np.ndarray
STANDARD_ERRORS = 3.0  # in the error of a state


@dataclass(frozen=True, eq=False)
class TypicalityReport:
    """How well random vectors stand for a thermal state; arrays over the batch.

    Attributes:
        count: Number of vectors.
        seed: Of the random numbers.
        standard_error: Of the mean of H.
        local_standard_error: The largest of those of the strings of H that meet a site, over all sites.
        effective: Number of vectors that count, (Σ w)²/Σ w² with w = <psi_r|psi_r>.
        products: Products of H with a vector that the preparation took.
    """

    count: int
    seed: int
    standard_error: Any
    local_standard_error: Any
    effective: Any
    products: Any


def gibbs_by_typicality(model: Model, T: Any, count: int, seed: int) -> Prepared:
    """A thermal state from random vectors.

    Args:
        model: The model.
        T: Temperature > 0, number or array, broadcasts with the model.
        count: Number of random vectors, at least 2.
        seed: Of the random numbers; the same one gives the same state.

    Returns:
        Vectors; the error of an energy is three standard errors, the larger of those of H and of what meets a site.

    Raises:
        NotOffered: for T = 0. BadParameter: for a single vector. TooLarge: where they would not fit.

    Example:
        >>> from qet.physics.models import ising
        >>> found = gibbs_by_typicality(ising(8), 1.0, 16, 0)
        >>> found.payload.psi.shape, bool(found.diagnostics.standard_error < 0.5)
        ((16, 256), True)
    """
    shape = np.broadcast_shapes(model.shape, np.shape(T))
    _check(model, T, count, shape)
    T = np.broadcast_to(T, shape)
    n, numbers = model.n_sites, np.empty((*shape, 4))
    psi = None
    for index in np.ndindex(shape):
        strings = strings_of(model.dynamics, n, index)
        motion = Motion(Product(strings))
        x, weights = _sampled(motion, float(T[index]), count, np.random.default_rng(seed))
        if psi is None:
            psi = np.empty((*shape, count, 2**n), dtype=float if model.dynamics.is_real else complex)
        psi[index] = (x * np.sqrt(weights)).T
        energies = _energies(x, model, strings, index)  # (1 + sites, count)
        errors = jackknife(energies, weights)
        numbers[index] = errors[0], errors[1:].max(), 1.0 / np.sum(weights**2), motion.product.count
    total, local, effective, products = np.moveaxis(numbers, -1, 0)
    report = TypicalityReport(count, seed, total[()], local[()], effective[()], products.astype(int)[()])
    return Prepared(Vectors(np.asarray(psi)), (STANDARD_ERRORS * np.maximum(total, local))[()], report)


def memory_of(model: Model, count: int) -> int:
    """Bytes at one point, about: the vectors, and those of the recurrence that cools them."""
    points = int(np.prod(model.shape, dtype=float))
    return (8 if model.dynamics.is_real else 16) * count * (points + 5) * 2 ** min(model.n_sites, 900)


def jackknife(values: Array, weights: Array) -> Array:
    """Standard error of Σ_r w_r v_r / Σ_r w_r from leaving out one r after the other, shape (...).

    Args:
        values: Shape (..., R).
        weights: Shape (R,).
    """
    R = len(weights)
    without = ((values * weights).sum(-1, keepdims=True) - values * weights) / (weights.sum() - weights)
    return np.asarray(np.sqrt((R - 1) / R * ((without - without.mean(-1, keepdims=True)) ** 2).sum(-1)))


def _sampled(motion: Motion, T: float, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """exp(-H/2T) on random columns, each of norm one, and their weights, of sum one."""
    product = motion.product
    x = rng.normal(size=(product.d, count))
    if product.dtype is complex:
        x = x + 1j * rng.normal(size=x.shape)
    x, logs = motion.cooled(x, 1.0 / (2.0 * T))
    weights = np.exp(2.0 * (logs - logs.max()))
    return x, weights / weights.sum()


def _energies(x: Array, model: Model, strings: Strings, index: tuple[int, ...]) -> Array:
    """Means of H and of the strings that meet each site, in each column, shape (1 + sites, R)."""
    n = model.n_sites
    parts = [strings]
    for site in range(n):
        bit = 1 << (n - 1 - site)
        met = {
            flip: {signs: c for signs, c in part.items() if (flip | signs) & bit}
            for flip, part in strings.groups.items()
        }
        parts.append(Strings(n, met))
    return np.stack([means(x[:, r : r + 1], parts).real for r in range(x.shape[1])], axis=-1)


def _check(model: Model, T: Any, count: int, shape: tuple[int, ...]) -> None:
    if count < 2:
        raise BadParameter(f"typicality takes two random vectors at least, for its error; got {count}.")
    refuse_where(
        np.asarray(T) <= 0.0,
        NotOffered,
        lambda i: "random vectors make no state of T = 0, where few levels are left. Take qet.ground(model)",
    )
    size = 8 if model.dynamics.is_real else 16
    need = size * count * (int(np.prod(shape, dtype=float)) + 5) * 2 ** min(model.n_sites, 900)
    if need > MEMORY_LIMIT:
        raise TooLarge(
            f"{count} random vectors of {model.n_sites} sites at {int(np.prod(shape))} points take "
            f'{spelled_bytes(need)}. Take fewer vectors, fewer points at a time, or solver="mps".'
        )
