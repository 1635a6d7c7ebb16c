"""Steady states of free-fermion chains driven by jumps at their ends, by third quantization.

With jumps L_μ = l_μ·a linear in the Majoranas and R = Σ_μ l_μ l_μ†, the covariance <a_m a_n> = δ_mn + i M_mn moves as

    dM/dt = X M + M Xᵀ + Y,   X = A - 2 Re R,   Y = -4 Im R,

and the steady state, Gaussian, is the solution of X M + M Xᵀ = -Y. With X = V diag(λ) V⁻¹ it is M = V C V†,
C_ab = -(V⁻¹ Y V⁻†)_ab/(λ_a + λ_b*), where Y lives on the end sites. It is refined once by its residual; the correction
is the estimate of its error, about ten times too large in chains of hundreds of sites. The state is unique where every
Majorana mode is damped, Re λ < 0; the rate of a mode is taken from v†(2 Re R)v, a sum of positive terms, which keeps
slow ones exact.

Jumps at the last site carry the string of the whole chain, which is its parity times a bare Majorana (see `offers`):
even observables cannot tell them apart. Odd ones can: for those the jumps at the last site change sign. Several steady
states with the same even means are left where an odd operator commutes with H and with all jumps and their adjoints,
such as X_j at a site j without a field in the Ising chain. That depends on Re R alone. Under Hermitian jumps of the
same Re R a product of k Majoranas loses 2r with each mode of the last site that it contains, and with each of the
first that it does not, so that the slowest odd one decays at

    2 Tr Re R_first - Σ_{a in S} Re μ_a,   μ the eigenvalues of A + 2 Re R_first - 2 Re R_last,   |S| odd,

S being the μ of positive real part, or these but one, or one more: zero where an odd operator is conserved.

Source: T. Prosen, New J. Phys. 10, 043026 (2008), arXiv:0801.1257, for the method; the equations for the covariance in
these conventions are derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.conventions import UNIQUENESS_TOLERANCE
from qet.foundations.errors import NotOffered, NoUniqueSteadyState, refuse_where
from qet.foundations.linalg import dagger
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.diagnostics import Currents, SteadyDiagnostics, Validity
from qet.solvers.fermions.offers import why_not_driven
from qet.solvers.gaussian import Gaussian
from qet.solvers.nambu import quadratic_form
from qet.solvers.states import Prepared

Array = np.ndarray
EPSILON = float(np.finfo(float).eps)
SEEN = 1e-6  # weight of a mode on an end, and distance to its neighbors, that leave no doubt


def steady_by_fermions(model: Model, things: Sequence[Bath | Jump]) -> Prepared:
    """The steady state of a quadratic H with jumps linear in the Majoranas of the end sites, at every point.

    Args:
        model: H, quadratic in Jordan–Wigner fermions.
        things: Jumps "+", "-", "X", "Y" or sums of X and Y at the first or the last site; rates may be arrays.

    Returns:
        The covariance, shape (*shape, 2N, 2N), with `SteadyDiagnostics`: residual, gap (of even observables), currents,
        smallest_eigenvalue.

    Raises:
        NotOffered: for other models and jumps; the message names the string.
        NoUniqueSteadyState: where a mode is not damped.

    Example:
        >>> from qet.physics.baths import jump
        >>> from qet.physics.models import xy
        >>> found = steady_by_fermions(xy(50, Jx=0.5, Jy=0.5, g=0.0), [jump("+", 0, 1.0), jump("-", 49, 1.0)])
        >>> print(np.round(found.payload.covariance[[0, 2, 48, 98], [1, 3, 49, 99]], 6) + 0.0)
        [ 0.2  0.   0.  -0.2]
    """
    reason = why_not_driven(model, things)
    if reason:
        raise NotOffered(f"free fermions: {reason}.")
    A = quadratic_form(model.dynamics, model.n_sites)
    jumps = [_linear(thing, model.n_sites) for thing in things if isinstance(thing, Jump)]
    driven = Driven.of(A, jumps)
    _check_unique(driven)
    M, error = driven.solved()
    payload = Gaussian(M)
    nan = np.full(M.shape[:-2], np.nan)[()]
    answers = {
        "residual": lambda: driven.residual(payload.covariance),
        "gap": driven.gap,
        "currents": lambda: Currents(driven.currents(payload.covariance), None),
        "smallest_eigenvalue": payload.smallest_eigenvalue,
        "validity": Validity(nan, nan, "gksl", {}),
    }
    local = np.abs(A).sum(-1).max(-1)  # twice Σ|c| over the strings of one Majorana: what an act at a site can change
    return Prepared(payload, error * local, SteadyDiagnostics(answers, (False,) * len(things)))


@dataclass(frozen=True, eq=False)
class LinearJump:
    """A jump as a combination of the Majoranas of one end, sqrt(rate) l.

    Attributes:
        modes: The two Majoranas.
        R: rate · l l†, shape (..., 2, 2).
    """

    modes: tuple[int, int]
    R: Array


def _linear(thing: Jump, n_sites: int) -> LinearJump:
    """c_X X + c_Y Y is c_X a_0 + c_Y a_1 at the first site and, up to parity and phase, c_X a' - c_Y a at the last."""
    coefficients = thing.operator.coefficients
    site = thing.operator.support[0] if thing.operator.terms else 0
    x, y = (np.asarray(coefficients.get(((site, letter),), 0.0)) for letter in "XY")
    pair = (x, y) if site == 0 else (-y, x)
    shape = np.broadcast_shapes(x.shape, y.shape)
    vector = np.stack([np.broadcast_to(c, shape) for c in pair], axis=-1)
    R = np.asarray(thing.rate)[..., None, None] * vector[..., :, None] * vector[..., None, :].conj()
    return LinearJump((2 * site, 2 * site + 1), R)


@dataclass(frozen=True, eq=False)
class Driven:
    """The equation of motion of the covariance, with its modes.

    Attributes:
        A: Of H, shape (..., 2N, 2N).
        jumps: The jumps.
        support: Majoranas that some jump acts on.
        R: Σ l l† on them, shape (*shape, s, s).
        X: Shape (*shape, 2N, 2N).
    """

    A: Array
    jumps: tuple[LinearJump, ...]
    support: Array
    R: Array
    X: Array

    @classmethod
    def of(cls, A: Array, jumps: Sequence[LinearJump]) -> Driven:
        """From H and the jumps."""
        support = np.array(sorted({m for jump in jumps for m in jump.modes}), dtype=int)
        shape = np.broadcast_shapes(A.shape[:-2], *(jump.R.shape[:-2] for jump in jumps))
        R = np.zeros((*shape, len(support), len(support)), dtype=complex)
        for jump in jumps:
            place = np.searchsorted(support, jump.modes)
            R[..., place[:, None], place] += jump.R
        X = np.array(np.broadcast_to(A, (*shape, *A.shape[-2:])))
        X[..., support[:, None], support] -= 2 * R.real
        return cls(A, tuple(jumps), support, R, X)

    @cached_property
    def modes(self) -> tuple[Array, Array]:
        """λ and V, normalized columns, of X; the real parts are exact for slow modes too."""
        eigenvalues, V = np.linalg.eig(self.X)
        V = V.astype(complex)
        ends = V[..., self.support, :]
        damping = 2 * (ends.conj() * (self.R.real @ ends)).sum(-2).real / (np.abs(V) ** 2).sum(-2)
        return -damping + 1j * np.imag(eigenvalues), V

    @property
    def decays(self) -> Array:
        """Rates -Re λ of the Majorana modes, ascending, shape (*shape, 2N)."""
        return np.sort(-self.modes[0].real, axis=-1)

    @property
    def largest(self) -> Any:
        """The largest entry of 2 Re R, the rate that the others are compared with, shape (*shape)."""
        return 2 * np.abs(self.R.real).max((-2, -1), initial=0.0)

    def gap(self) -> Any:
        """Slowest relaxation of an even observable: that of the two slowest modes together, shape (*shape)."""
        return self.decays[..., :2].sum(-1)

    @cached_property
    def is_connected(self) -> Any:
        """Whether an isolated mode is seen to feel both ends, or one end alone is driven, shape (*shape)."""
        ends = [self._end(is_last) for is_last in (False, True)]
        eigenvalues, V = self.modes
        if not all(end.any() for end in ends):
            return np.ones(self.X.shape[:-2], dtype=bool)
        v = V[..., self.support, :]
        felt = [(v.conj() * (end @ v)).sum(-2).real / np.asarray(self.largest)[..., None] for end in ends]
        apart = np.abs(eigenvalues[..., :, None] - eigenvalues[..., None, :])
        apart[..., np.arange(V.shape[-1]), np.arange(V.shape[-1])] = np.inf
        is_isolated = apart.min(-1) > SEEN * np.abs(eigenvalues).max(-1, keepdims=True)
        return (is_isolated & (np.minimum(*felt) > SEEN)).any(-1)

    def odd_rate(self) -> Any:
        """Rate of the slowest odd observable under Hermitian jumps of the same Re R, shape (*shape); see the top."""
        first, last = (self._end(is_last) for is_last in (False, True))
        X = np.array(np.broadcast_to(self.A, self.X.shape))
        X[..., self.support[:, None], self.support] += 2 * (first - last)
        mu = np.linalg.eigvals(X).real
        rate = 2 * np.trace(first, axis1=-2, axis2=-1) - np.where(mu > 0.0, mu, 0.0).sum(-1)
        is_even = (mu > 0.0).sum(-1) % 2 == 0
        return rate + np.where(is_even, np.abs(mu).min(-1), 0.0)

    def _end(self, is_last: bool) -> Array:
        """Re R of the jumps at one end, on the support, shape (*shape, s, s)."""
        is_there = (self.support >= 2) == is_last
        return np.where(is_there[:, None] & is_there, self.R.real, 0.0)

    def change(self, M: Array) -> Array:
        """X M + M Xᵀ + Y, antisymmetric."""
        turned = self.X @ M
        out = turned - np.swapaxes(turned, -1, -2)
        out[..., self.support[:, None], self.support] -= 4 * self.R.imag
        return np.asarray(out)

    def residual(self, M: Array) -> Any:
        """‖X M + M Xᵀ + Y‖ / (2 ‖X‖ ‖M‖), Frobenius norms, shape (*shape); 0 where M vanishes."""
        scale = 2 * np.linalg.norm(self.X, axis=(-2, -1)) * np.linalg.norm(M, axis=(-2, -1))
        return np.linalg.norm(self.change(M), axis=(-2, -1)) / np.where(scale > 0.0, scale, 1.0)

    def solved(self) -> tuple[Array, Any]:
        """M, refined once, and the size of the last correction beyond it, shape (*shape)."""
        V = self.modes[1]
        identity = np.eye(V.shape[-1])[:, self.support]
        ends = np.linalg.solve(V, np.broadcast_to(identity, (*V.shape[:-2], *identity.shape)).astype(complex))
        M = self._weighted(-4 * ends @ self.R.imag @ dagger(ends))
        first = self._correction(M)
        M = M + first
        size = np.abs(first).max((-2, -1), initial=0.0)
        return M, size

    def _correction(self, M: Array) -> Array:
        """What the residual asks for."""
        V = self.modes[1]
        half = np.linalg.solve(V, self.change(M).astype(complex))
        return self._weighted(dagger(np.linalg.solve(V, dagger(half))))

    def _weighted(self, inside: Array) -> Array:
        """V C V† with C_ab = -inside_ab/(λ_a + λ_b*), real and antisymmetric."""
        eigenvalues, V = self.modes
        C = -inside / (eigenvalues[..., :, None] + eigenvalues[..., None, :].conj())
        M = np.real(V @ C @ dagger(V))
        return np.asarray((M - np.swapaxes(M, -1, -2)) / 2)

    def currents(self, M: Array) -> Array:
        """Energy per time that each jump brings in, -Σ A_mn dM_mn/4 of its part of dM/dt, shape (*shape, jumps)."""
        flows = []
        for jump in self.jumps:
            modes = np.array(jump.modes)
            rows = self.A[..., modes, :]
            loss = (rows * (jump.R.real @ M[..., modes, :])).sum((-2, -1))
            flows.append(loss + (rows[..., modes] * jump.R.imag).sum((-2, -1)))
        return np.stack(np.broadcast_arrays(*flows), axis=-1)


def _check_unique(driven: Driven) -> None:
    """Every Majorana mode must be damped, if only through its neighbors, and every odd observable, too."""
    limit = UNIQUENESS_TOLERANCE * driven.largest
    count = (driven.decays <= np.asarray(limit)[..., None]).sum(-1)
    refuse_where(
        count > 0,
        NoUniqueSteadyState,
        lambda i: (
            f"steady: {count[i]} of {driven.X.shape[-1]} Majorana modes are not damped (the slowest decays at "
            f"{driven.decays[i][0]:.1e}, the largest rate is {np.asarray(driven.largest)[i]:.1e}), so the steady state "
            "remembers the start. Drive both ends, or couple what is apart from them"
        ),
    )
    if np.all(driven.is_connected):
        return
    rate = np.broadcast_to(driven.odd_rate(), driven.X.shape[:-2])
    rounding = EPSILON * driven.X.shape[-1] * np.abs(driven.X).sum(-1).max(-1)
    refuse_where(
        ~driven.is_connected & (rate <= np.maximum(limit, rounding)),
        NoUniqueSteadyState,
        lambda i: (
            f"steady: a product of an odd number of Majoranas is conserved (it decays at {rate[i]:.1e}, the largest "
            f"rate is {np.asarray(driven.largest)[i]:.1e}), so the steady state remembers the start: nothing passes "
            "from one end to the other, as at a site of an Ising chain without a field. Give that site a field, or "
            "take settle(...) with a start"
        ),
    )
