"""What Alice does to her oscillators: Gaussian measurements, as three matrices of noise.

With r = (x_A.., p_A..) every measurement here reads ξ = R r + noise and leaves its back-action, and it is Gaussian:
    outcome    cov(ξ) = R V R^T + O          O: the noise of the outcome
    disturbed  V -> V + N                    N: the back-action, when the outcome is forgotten
    joint      cov(r', ξ) = V R^T + C        r' after the measurement, C: what both share
All three follow from M_ξ alone; energies never need the conditional states themselves.

* `coherent`: M_ξ = D(ξ) √ρ_t D(ξ)†/√(2π)^a with a displaced Gaussian seed; R = 1. For a pure seed of covariance σ
  (strength t = 1), M_ξ = |ξ><ξ|/√(2π)^a: O = σ, N = 2σ, C = σ. A weak one has the seed of the same shape heated up;
  with the β at which tanh(β/4) = t: O = (1 + t²)/(2t) σ, N = 2t σ, C = t σ, since M r M = {r, M²}/(2 cosh(β/2))
  about the outcome.
* `homodyne`: M_q = exp(-(h·r - q)²/(4Δ²))/(2πΔ²)^¼, a pointer of resolution Δ that reads one quadrature h·r:
  O = Δ², N = Ω h h^T Ω^T/(4Δ²), C = 0.

Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.errors import BadParameter, ShapeMismatch, refuse_where
from qet.foundations.values import Call, Value, call_of, frozen

Array = np.ndarray
PURITY_TOLERANCE = 1e-9  # of 4 det σ = 1 and its like for several modes
QUADRATURES = {"x": (1.0, 0.0), "p": (0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Noise:
    """A Gaussian measurement as it acts on r = (x_A.., p_A..); m readings, a modes.

    Attributes:
        readout: R, shape (..., m, 2a).
        outcome: O, shape (..., m, m).
        back_action: N, shape (..., 2a, 2a).
        shared: C, shape (..., 2a, m).
    """

    readout: Array
    outcome: Array
    back_action: Array
    shared: Array


@dataclass(frozen=True, eq=False, repr=False)
class GaussianReading(Value):
    """A Gaussian measurement on Alice's oscillators; made by `coherent` or `homodyne`. One description is set.

    Attributes:
        spread: s of the seed covariance diag(s, 1/(4s)) on each mode, or None.
        seed: The seed's covariance, pure, shape (..., 2a, 2a), or None.
        strength: t of a seed, 1 for a pure one.
        quadrature: (h_x, h_p) of a homodyne pointer, shape (..., 2), or None.
        resolution: Δ of the pointer.
    """

    spread: Any
    seed: Array | None
    strength: Any
    quadrature: Array | None
    resolution: Any
    made_by: Call
    _identity = ("spread", "seed", "strength", "quadrature", "resolution")

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the parameters."""
        parts = {"strength": np.shape(self.strength), "s": () if self.spread is None else np.shape(self.spread)}
        parts["seed"] = () if self.seed is None else self.seed.shape[:-2]
        parts["quadrature"] = () if self.quadrature is None else self.quadrature.shape[:-1]
        return broadcast(**parts, resolution=np.shape(self.resolution))

    def noise(self, stiffness: Array) -> Noise:
        """The measurement on modes of these stiffnesses K_jj (for the matched seed), shape (..., a).

        Raises:
            ShapeMismatch: for a seed of another number of modes.
        """
        a = stiffness.shape[-1]
        if self.quadrature is not None:
            return self._pointer(a)
        if self.seed is not None:
            if self.seed.shape[-1] != 2 * a:
                raise ShapeMismatch(
                    f"Alice holds {a} modes, so her seed is {2 * a}x{2 * a}; got {self.seed.shape[-1]}."
                )
            sigma = self.seed
        else:
            s = 0.5 / np.sqrt(stiffness) if self.spread is None else np.asarray(self.spread)[..., None]
            s = np.broadcast_to(s, (*np.broadcast_shapes(s.shape[:-1]), a))
            sigma = np.concatenate([s, 0.25 / s], -1)[..., None] * np.eye(2 * a)
        t = np.asarray(self.strength)[..., None, None]
        return Noise(np.eye(2 * a), (1 + t * t) / (2 * t) * sigma, 2 * t * sigma, t * sigma)

    def _pointer(self, a: int) -> Noise:
        assert self.quadrature is not None
        h = self.quadrature
        one, zero = np.eye(a), np.zeros((a, a))
        readout = h[..., :1, None] * np.hstack([one, zero]) + h[..., 1:, None] * np.hstack([zero, one])
        kick = h[..., 1:, None] * np.hstack([one, zero]) - h[..., :1, None] * np.hstack([zero, one])  # e^{-i q h·r}
        squared = (np.asarray(self.resolution) ** 2)[..., None, None]
        back_action = np.swapaxes(kick, -1, -2) @ kick / (4 * squared)
        return Noise(readout, squared * one, back_action, np.zeros((2 * a, a)))


def coherent(s: Any = None, *, covariance: Any = None, strength: Any = 1.0) -> GaussianReading:
    """Measurement in displaced copies of a Gaussian seed: coherent states, or squeezed ones.

    M_ξ = |ξ><ξ|/√(2π)^a with |ξ> = D(ξ)|seed>, outcomes ξ = (q, p) in phase space. It costs Σ_j K_jj s_j + 1/(4 s_j),
    whatever the state.

    Args:
        s: Position variance of the seed, whose covariance is diag(s, 1/(4s)) on every mode of Alice; number or array.
            None: matched to her oscillator, s = 1/(2√K_jj), the cheapest. s -> 0 and s -> ∞ are homodyne.
        covariance: Instead of s the seed's covariance in the order (x.., p..), shape (..., 2a, 2a), pure.
        strength: t in (0, 1]: 1 reads with pure seeds; less is a weak measurement (see the module) that costs t times
            as much.

    Raises:
        BadParameter: for s <= 0, a strength outside (0, 1], or a seed that is not pure.
        ShapeMismatch: see the message.

    References:
        Nambu, Hotta, PRA 82, 042329 (2010), arXiv:1007.2234, of which the abstract was read; derived here.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.ground(qet.harmonic(4, B=2)), measure=coherent(0.3))
        >>> round(float(run.injected), 6)  # K_AA s + 1/(4 s), K_AA = 2
        1.433333
    """
    t = _positive("strength", strength, maximum=1.0)
    if s is not None and covariance is not None:
        raise BadParameter("coherent takes s or a covariance, not both.")
    options = {"s": (s, None), "covariance": (covariance, None), "strength": (t, 1.0)}
    if s is not None:
        s = _positive("s", s)
        options["s"] = (s, None)
    seed = None
    if covariance is not None:
        seed = _pure(covariance)
        options["covariance"] = (seed, None)
    made = GaussianReading(s, seed, t, None, 1.0, call_of("coherent", {}, options))
    _ = made.shape  # raises ShapeMismatch here rather than later
    return made


def homodyne(quadrature: Any = "x", *, resolution: Any) -> GaussianReading:
    """Measurement of one quadrature h·r = h_x x + h_p p of each of Alice's modes by a Gaussian pointer.

    M_q = exp(-(h·r - q)²/(4Δ²))/(2πΔ²)^¼. It costs (h_x² + K_jj h_p²)/(8Δ²) a mode: without bound as Δ -> 0.

    Args:
        quadrature: "x", "p", or (h_x, h_p); last axis 2, leading axes are points.
        resolution: Δ > 0, standard deviation of the pointer's noise; number or array.

    Raises:
        BadParameter, ShapeMismatch: see the messages.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.ground(qet.harmonic(4, B=2)), measure=homodyne("x", resolution=0.5))
        >>> float(run.injected)
        0.5
    """
    if isinstance(quadrature, str) and quadrature not in QUADRATURES:
        raise BadParameter(f"the quadrature is 'x', 'p' or (h_x, h_p); got {quadrature!r}.")
    h = np.asarray(
        real("the quadrature", QUADRATURES.get(quadrature, ()) if isinstance(quadrature, str) else quadrature)
    )
    if h.ndim == 0 or h.shape[-1] != 2:
        raise ShapeMismatch(f"the quadrature is 'x', 'p' or (h_x, h_p) on the last axis; got shape {h.shape}.")
    refuse_where(~h.any(-1), BadParameter, lambda i: "the quadrature (0, 0) reads nothing")
    width = _positive("resolution", resolution)
    spelled = quadrature if isinstance(quadrature, str) else frozen(h)
    call = call_of("homodyne", {"quadrature": spelled, "resolution": width}, {})
    made = GaussianReading(None, None, 1.0, frozen(h), width, call)
    _ = made.shape
    return made


def _positive(name: str, value: Any, maximum: float | None = None) -> Any:
    number = real(name, value, minimum=0.0, maximum=maximum)
    refuse_where(np.asarray(number) == 0.0, BadParameter, lambda i: f"{name} must be positive; got 0")
    return number


def _pure(covariance: Any) -> Array:
    """A seed's covariance, checked: symmetric, positive, and (Ωσ)² = -1/4."""
    sigma = np.asarray(real("covariance", covariance))
    if sigma.ndim < 2 or sigma.shape[-1] != sigma.shape[-2] or sigma.shape[-1] % 2:
        raise ShapeMismatch(f"a seed's covariance is (..., 2a, 2a), a modes; got shape {sigma.shape}.")
    scale = np.abs(sigma).max((-1, -2))
    skew = np.abs(sigma - np.swapaxes(sigma, -1, -2)).max((-1, -2))
    refuse_where(skew > PURITY_TOLERANCE * scale, BadParameter, lambda i: f"the seed is not symmetric by {skew[i]:.1e}")
    turned = symplectic_form(sigma.shape[-1] // 2) @ sigma
    excess = np.abs(4 * turned @ turned + np.eye(sigma.shape[-1])).max((-1, -2))
    lowest = np.linalg.eigvalsh(sigma)[..., 0]
    refuse_where(
        (excess > PURITY_TOLERANCE * np.maximum(1.0, scale**2)) | (lowest <= 0.0),
        BadParameter,
        lambda i: (
            f"the seed is no pure Gaussian state: |4(Ωσ)² + 1| = {excess[i]:.1e}, smallest eigenvalue {lowest[i]:.1e}. "
            "One mode: σ = [[s, c], [c, (1/4 + c²)/s]]; for a mixed seed use strength < 1"
        ),
    )
    return frozen(sigma)


def symplectic_form(modes: int) -> Array:
    """Ω in the order (x.., p..): [r_i, r_j] = i Ω_ij."""
    one, zero = np.eye(modes), np.zeros((modes, modes))
    return np.block([[zero, one], [-one, zero]])
