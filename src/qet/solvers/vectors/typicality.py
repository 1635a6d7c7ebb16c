"""Thermal states of long chains from a few random vectors, with a statistical error that is stated.

For a random vector |r> of independent normal entries the mean of |r><r| is the identity, so with |psi_r> =
exp(-H/2T)|r>

    rho = Σ_r |psi_r><psi_r| / Σ_r <psi_r|psi_r>

is the thermal state but for noise, which falls as one over the root of the number of vectors times that of the levels
within reach of T: a few vectors are enough on twenty sites. The result is a state, positive and of trace one. Its
standard errors come from all pairs of vectors. At temperatures far below the gap they are themselves uncertain: what
is not the ground state then rests on a handful of overlaps.

Where H is real so are the vectors, and what is odd under time reversal vanishes exactly. The same seed gives the same
vectors at every point, so curves over T are smooth. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered, TooLarge, refuse_where
from qet.foundations.spelling import points_spelled, spelled_bytes
from qet.physics.model import Model
from qet.solvers.spectrum import MEMORY_LIMIT
from qet.solvers.states import Prepared
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
    check_request(model, T, count, shape)
    T = np.broadcast_to(T, shape)
    n, numbers = model.n_sites, np.empty((*shape, 4))
    psi = None
    for index in np.ndindex(shape):
        motion = Motion(Product(strings_of(model.dynamics, n, index)))
        x, weights = _sampled(motion, float(T[index]), count, np.random.default_rng(seed))
        if psi is None:
            psi = np.empty((*shape, count, 2**n), dtype=float if model.dynamics.is_real else complex)
        x *= np.sqrt(weights)
        psi[index] = x.T
        numbers[index] = *_errors(x, motion), 1.0 / np.sum(weights**2), motion.product.count
    total, local, effective, products = np.moveaxis(numbers, -1, 0)
    report = TypicalityReport(count, seed, total[()], local[()], effective[()], products.astype(int)[()])
    return Prepared(Vectors(np.asarray(psi)), (STANDARD_ERRORS * np.maximum(total, local))[()], report)


def memory_of(model: Model, count: int, shape: tuple[int, ...] | None = None) -> int:
    """Bytes at the points of a shape (the model's where none is given): the vectors, and the recurrence's."""
    points = int(np.prod(model.shape if shape is None else shape, dtype=float))
    return (8 if model.dynamics.is_real else 16) * count * (points + 5) * 2 ** min(model.n_sites, 900)


def standard_error(x: Array, image: Array) -> float:
    """Standard error of Tr[O rho] where rho = Σ_r |x_r><x_r| stands for a thermal state, from all pairs of its vectors.

    With A = O - Tr[O rho] every <x_r|A|x_r> has the variance κ Q of a quadratic form in normal numbers, κ = 2 for real
    ones and 1 for complex ones, and every |<x_r|A|x_s>|² with r != s the mean Q: R (R - 1)/2 of them tell it better
    than the spread of R means does.

    Args:
        x: The vectors as columns, shape (d, R).
        image: O x.
    """
    R = x.shape[1]
    elements = x.conj().T @ image
    elements = elements - np.trace(elements) * (x.conj().T @ x)
    np.fill_diagonal(elements, 0.0)
    Q = float(np.sum(np.abs(elements) ** 2)) / (R * (R - 1))
    return float(np.sqrt(R * (1 if np.iscomplexobj(x) else 2) * Q))


def _sampled(motion: Motion, T: float, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """exp(-H/2T) on random columns, each of norm one, and their weights, of sum one."""
    product = motion.product
    x = rng.normal(size=(product.d, count))
    if product.dtype is complex:
        x = x + 1j * rng.normal(size=x.shape)
    x, logs = motion.cooled(x, 1.0 / (2.0 * T))
    weights = np.exp(2.0 * (logs - logs.max()))
    return x, weights / weights.sum()


def _errors(x: Array, motion: Motion) -> tuple[float, float]:
    """Standard errors of H, and of the strings that meet a site: the largest."""
    strings = motion.product.strings
    n = strings.n
    local = []
    for bit in (1 << site for site in range(n)):
        met = {f: {z: c for z, c in part.items() if (f | z) & bit} for f, part in strings.groups.items()}
        local.append(standard_error(x, Product(Strings(n, {f: part for f, part in met.items() if part}))(x)))
    return standard_error(x, motion.product(x)), max(local)


def check_request(model: Model, T: Any, count: int, shape: tuple[int, ...]) -> None:
    """Refuse a single vector, T = 0, and what would not fit."""
    if count < 2:
        raise BadParameter(f"typicality takes two random vectors at least, for its error; got {count}.")
    refuse_where(
        np.asarray(T) <= 0.0,
        NotOffered,
        lambda i: "random vectors make no state of T = 0, where few levels are left. Take qet.ground(model)",
    )
    need = memory_of(model, count, shape)
    if need > MEMORY_LIMIT:
        raise TooLarge(
            f"{count} random vectors of {model.n_sites} sites at {points_spelled(shape)} take "
            f'{spelled_bytes(need)}. Take fewer vectors, fewer points at a time, or solver="mps".'
        )
