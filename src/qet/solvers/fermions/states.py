"""Ground and thermal states of free-fermion chains, by the singular values of half the order where H is real.

Gibbs: iM = tanh(iA/2T), so M = U tanh(ε/2T) Vᵀ with the modes of `modes`. The ground state is the limit ε/|ε|. Every
level is the filling of modes, E = Σ ±ε_k/2, with no constraint on the parity at open ends: the ground state is the
vacuum of all modes, whatever its parity P = Π Z_j = Pf(M), and lies min ε_k below the next level, which has the other
parity. In ordered phases that spacing falls exponentially with the length, and both parities are equally low.

Derived here; the closed forms of the energies that the tests compare with are cited there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.foundations.errors import DegenerateLevel, NotOffered, refuse_where
from qet.physics.model import Model
from qet.solvers.fermions.modes import Modes, modes_of
from qet.solvers.fermions.offers import why_not
from qet.solvers.gaussian import Gaussian
from qet.solvers.pfaffian import pfaffian
from qet.solvers.states import Prepared

Array = np.ndarray
EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class FermionDiagnostics:
    """What a ground or thermal state of free fermions says about itself.

    Attributes:
        gap: Spacing of the two lowest levels, the smallest energy of a mode, shape (...).
        norm: ‖H‖ without its constants, shape (...).
    """

    gap: Any
    norm: Any
    _covariance: Array

    @cached_property
    def parity(self) -> Any:
        """Mean of the parity Π Z_j, shape (*shape): of a ground state +1 or -1, the sector it lies in."""
        value = parity_of(self._covariance)
        return np.where(np.abs(np.abs(value) - 1.0) < 1e-9, np.sign(value), value)[()]

    def __repr__(self) -> str:
        return f"<FermionDiagnostics: gap {np.min(self.gap, initial=np.inf):.3g}>"


def parity_of(M: Array) -> Any:
    """<Π Z_j> = Pf(M): a determinant of half the order where even and odd Majoranas alone are correlated."""
    if M[..., ::2, ::2].any() or M[..., 1::2, 1::2].any():
        return pfaffian(M)
    return np.linalg.det(M[..., ::2, 1::2])


def ground_by_fermions(model: Model) -> Prepared:
    """The ground state of a quadratic H, at every point of the batch.

    Returns:
        The covariance, shape (*shape, 2N, 2N); the diagnostics name the gap and the parity sector.

    Raises:
        DegenerateLevel: where the spacing of the two lowest levels is at most 1e-10 ‖H‖.
        NotOffered: if H is not quadratic; the message names the string.

    Example:
        >>> from qet.physics.models import ising
        >>> found = ground_by_fermions(ising(40, g=1.5))
        >>> print(found.diagnostics.parity, round(float(found.diagnostics.gap), 6))
        1.0 1.015899
    """
    modes = _modes(model)
    gap, norm = modes.single[..., -1], modes.norm
    refuse_where(
        gap <= DEGENERACY_TOLERANCE * norm,
        DegenerateLevel,
        lambda i: (
            f"ground: level 0 and its neighbor differ by {gap[i]:.1e}, so the state is not unique "
            "and the teleported energy depends on which one is meant: a mode of free fermions costs nothing, and the "
            "two sectors of parity Π Z are equally low, as in the ordered phase of a long chain. Lift the degeneracy "
            "(a field), or take the equal mixture gibbs(model, T=0)"
        ),
    )
    return _prepared(modes, np.ones_like(modes.energies))


def gibbs_by_fermions(model: Model, T: Any) -> Prepared:
    """The thermal state of a quadratic H; entries T = 0 are the mixture of the lowest levels, free modes half filled.

    Args:
        model: The model.
        T: Temperature >= 0, number or array, broadcasts with the model's parameters.

    Raises:
        NotOffered: if H is not quadratic; the message names the string.

    Example:
        >>> from qet.physics.models import ising
        >>> abs(gibbs_by_fermions(ising(40, g=0.5), 0.0).diagnostics.parity) < 1e-12
        np.True_
    """
    modes = _modes(model)
    T = np.asarray(T, dtype=float)[..., None]
    is_free = modes.energies <= DEGENERACY_TOLERANCE * np.asarray(modes.norm)[..., None]
    with np.errstate(over="ignore"):
        warm = np.tanh(modes.energies / np.where(T > 0.0, 2 * T, 1.0))
    return _prepared(modes, np.where(T > 0.0, warm, np.where(is_free, 0.0, 1.0)))


def _modes(model: Model) -> Modes:
    reason = why_not(model)
    if reason:
        raise NotOffered(f"free fermions: {reason}.")
    return modes_of(model)


def _prepared(modes: Modes, weights: Array) -> Prepared:
    """The state and the backward error of the singular values: rounding of ‖A‖ for each of the modes."""
    payload = Gaussian(modes.odd(weights))
    error = EPSILON * modes.single.shape[-1] * modes.single[..., 0]
    diagnostics = FermionDiagnostics(modes.single[..., -1], modes.norm, payload.covariance)
    return Prepared(payload, error, diagnostics)
