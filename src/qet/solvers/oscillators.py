"""Gaussian states of coupled oscillators: ground, Gibbs, given, and any of them in time.

A state with zero means is its covariance V = <{r_i, r_j}>/2, r = (x_0.., p_0..). In the ground and Gibbs states
V_x = coth(ω/2T)/(2ω) and V_p = ω coth(ω/2T)/2 as functions of ω = √K, and V_xp = 0: one symmetric eigenproblem. They
are computed column by column as they are asked for. H moves r linearly: x(t) = cos(ωt) x + sin(ωt)/ω p, p(t) = dx/dt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import POSITIVITY_TOLERANCE
from qet.foundations.errors import BadParameter, BadParties, NotAState, NotOffered, ShapeMismatch, refuse_where
from qet.foundations.values import Call, Value, frozen
from qet.physics.gaussian_reading import symplectic_form
from qet.physics.model import as_sites
from qet.physics.oscillators import Oscillators, spelled_between
from qet.solvers import far_chain

Array = np.ndarray
EIGEN_ERROR = 16 * float(
    np.finfo(float).eps
)  # of an entry of a function of K, relative to the function's largest value
SMALL = 1e-3  # a correlation below this part of the variances is worth the far route


@dataclass(frozen=True, eq=False, repr=False)
class OscillatorState(Value):
    """A Gaussian state of oscillators with zero means.

    Attributes:
        model: The oscillators and the parties.
        T: Temperature of a ground (0) or Gibbs state, number or array; None for another state.
        given: Covariance of another state, shape (..., 2N, 2N), order (x.., p..); None for a ground or Gibbs state.
        made_by: The public word and arguments that made it.
    """

    model: Oscillators
    T: Any
    given: Array | None
    made_by: Call
    _identity = ("model", "made_by")

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the parameters."""
        own = np.shape(self.T) if self.given is None else self.given.shape[:-2]
        return broadcast(model=self.model.shape, state=own)

    @property
    def is_stationary(self) -> bool:
        """Whether it is a ground or Gibbs state, which H does not move."""
        return self.given is None

    @cached_property
    def levels(self) -> tuple[Array, Array]:
        """<x²> and <p²> of the normal modes of a ground or Gibbs state, each of shape (*shape, N)."""
        omega = np.sqrt(self.model.modes[0])
        T = np.asarray(self.T)[..., None]
        with np.errstate(over="ignore", divide="ignore"):
            thermal = np.where(T > 0.0, 1.0 / np.tanh(omega / (2.0 * np.where(T > 0.0, T, 1.0))), 1.0)
        return thermal / (2.0 * omega), thermal * omega / 2.0

    def columns(self, sites: tuple[int, ...]) -> Array:
        """Covariance of everything with some sites' x and p, shape (*shape, 2N, 2 len(sites))."""
        n, chosen = self.model.n_sites, list(sites)
        if self.given is not None:
            return self.given[..., [*chosen, *(n + j for j in chosen)]]
        shapes = self.model.modes[1]
        own = np.swapaxes(shapes[..., chosen, :], -1, -2)
        x, p = (shapes @ (level[..., None] * own) for level in self.levels)
        return np.concatenate(
            [np.concatenate([x, np.zeros_like(x)], -1), np.concatenate([np.zeros_like(p), p], -1)], -2
        )

    @cached_property
    def blocks(self) -> tuple[Array, Array, Array]:
        """V_x, V_p and V_xp, each of shape (*shape, N, N)."""
        n = self.model.n_sites
        if self.given is not None:
            return self.given[..., :n, :n], self.given[..., n:, n:], self.given[..., :n, n:]
        shapes = self.model.modes[1]
        x, p = ((shapes * level[..., None, :]) @ np.swapaxes(shapes, -1, -2) for level in self.levels)
        return x, p, np.zeros((n, n))

    def covariance(self, sites: Any = None) -> Array:
        """Covariance of (x.., p..) on some sites, by default all: shape (*shape, 2s, 2s).

        Raises:
            BadParties: for a site that is not there, or named twice.
        """
        chosen = self.model.sites if sites is None else as_sites("sites", sites)
        outside = [site for site in chosen if site >= self.model.n_sites]
        if outside:
            raise BadParties(f"site {outside[0]} is outside the sites 0 .. {self.model.n_sites - 1}.")
        n = self.model.n_sites
        found = self.columns(chosen)[..., [*chosen, *(n + j for j in chosen)], :]
        return np.broadcast_to(found, (*self.shape, *found.shape[-2:]))

    def momentum_correlations(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> tuple[Array, Array]:
        """<p_i p_j> of a stationary state between distinct sites, and the error of each: (*shape, rows, columns).

        Small ones in an open chain come to full relative precision (see `far_chain`).
        """
        shapes, level = self.model.modes[1], self.levels[1]
        left, right = shapes[..., list(rows), :] * level[..., None, :], shapes[..., list(columns), :]
        found = np.broadcast_to(left @ np.swapaxes(right, -1, -2), (*self.shape, len(rows), len(columns))).copy()
        errors = np.broadcast_to(EIGEN_ERROR * level.max(-1)[..., None, None], found.shape).copy()
        if not far_chain.offers(self.model):
            return found, errors
        for r, i in enumerate(rows):
            for c, j in enumerate(columns):
                if abs(i - j) >= far_chain.NEAREST:
                    self._replace_small(found[..., r, c], errors[..., r, c], i, j)
        return found, errors

    def _replace_small(self, found: Array, errors: Array, i: int, j: int) -> None:
        """Write <p_i p_j> where it is small, and its error, in place."""
        model, n, shape = self.model, self.model.n_sites, self.shape
        small = np.flatnonzero(np.abs(found) < SMALL * self.levels[1].min(-1))
        if not small.size:
            return
        pins = np.broadcast_to(model.pins, (*shape, n)).reshape(-1, n)[small]
        springs = np.broadcast_to(model.springs, (*shape, n - 1)).reshape(-1, n - 1)[small]
        squares = np.broadcast_to(model.modes[0], (*shape, n)).reshape(-1, n)[small]
        T = np.broadcast_to(np.asarray(self.T), shape).reshape(-1)[small]
        values, is_cold = np.full(len(small), np.nan), T == 0.0
        if is_cold.any():
            values[is_cold] = far_chain.ground_correlation(
                pins[is_cold], springs[is_cold], i, j, squares[is_cold, 0], squares[is_cold, -1]
            )
        for point in np.flatnonzero(~is_cold):
            own = slice(point, point + 1)
            sum_ = far_chain.thermal_correlation(pins[own], springs[own], i, j, squares[point, -1], float(T[point]))
            values[point] = np.nan if sum_ is None else sum_[0]
        is_found = np.isfinite(values)
        found.flat[small[is_found]] = values[is_found]
        errors.flat[small[is_found]] = far_chain.RELATIVE_ERROR * np.abs(values[is_found])

    def between(self, A: Any, B: Any) -> OscillatorState:
        """The same state with other parties; nothing is solved again."""
        made = replace(
            self,
            model=self.model.between(A, B),
            made_by=Call("between", {"of": self, "A": A, "B": B}),
        )
        made.__dict__.update({name: self.__dict__[name] for name in ("levels", "blocks") if name in self.__dict__})
        return made

    def __repr__(self) -> str:
        return spelled_between(self.made_by)


def ground_of(model: Oscillators) -> OscillatorState:
    """The ground state: V_x = K^(-1/2)/2, V_p = K^(1/2)/2.

    Raises:
        BadParameter: for a mode that nothing holds.
    """
    _ = model.modes
    return OscillatorState(model, 0.0, None, Call("ground", {"model": model}))


def gibbs_of(model: Oscillators, T: Any) -> OscillatorState:
    """The thermal state; T = 0 is the ground state.

    Raises:
        BadParameter: for T < 0 or a mode that nothing holds. ShapeMismatch: if T does not broadcast.
    """
    T = real("T", T, minimum=0.0)
    broadcast(model=model.shape, T=np.shape(T))
    _ = model.modes
    return OscillatorState(model, T, None, Call("gibbs", {"model": model, "T": T}))


def given_state(model: Oscillators, covariance: Any) -> OscillatorState:
    """A Gaussian state with zero means from its covariance, shape (..., 2N, 2N), order (x.., p..).

    Raises:
        NotAState: if it is not symmetric, or V + iΩ/2 has a negative eigenvalue (the uncertainty relation).
        ShapeMismatch: if the size does not fit.
    """
    V = np.asarray(real("the covariance", covariance), dtype=float)
    size = 2 * model.n_sites
    if V.ndim < 2 or V.shape[-2:] != (size, size):
        raise ShapeMismatch(f"the covariance of {model.n_sites} oscillators is ({size}, {size}); got {V.shape}.")
    broadcast(model=model.shape, covariance=V.shape[:-2])
    scale = np.abs(V).max((-1, -2))
    skew = np.abs(V - np.swapaxes(V, -1, -2)).max((-1, -2))
    refuse_where(
        skew > POSITIVITY_TOLERANCE * scale, NotAState, lambda i: f"the covariance is not symmetric by {skew[i]:.1e}"
    )
    V = (V + np.swapaxes(V, -1, -2)) / 2
    lowest = np.linalg.eigvalsh(V + 0.5j * symplectic_form(model.n_sites))[..., 0]
    refuse_where(
        lowest < -POSITIVITY_TOLERANCE * np.maximum(scale, 1.0),
        NotAState,
        lambda i: (
            f"the covariance breaks the uncertainty relation: V + iΩ/2 has the eigenvalue {lowest[i]:.1e}. The order "
            "is (x_0, x_1, .., p_0, p_1, ..), the vacuum of ω = 1 is 1/2"
        ),
    )
    return OscillatorState(model, None, frozen(V), Call("state", {"model": model, "rho_or_psi": frozen(V)}))


def evolved_state(state: OscillatorState, t: Any) -> OscillatorState:
    """The state after a time t under H; number or array, broadcasts with the state."""
    t = real("t", t, minimum=0.0)
    shape = broadcast(state=state.shape, t=np.shape(t))
    call = Call("evolve", {"state": state, "t": t})
    if state.given is None:  # nothing moves
        spread = state.T if np.shape(t) == () else np.broadcast_to(np.asarray(state.T), shape)
        return OscillatorState(state.model, spread, None, call)
    half = propagate(state.model, np.broadcast_to(state.given, (*shape, *state.given.shape[-2:])), t)
    V = propagate(state.model, np.swapaxes(half, -1, -2), t)
    return OscillatorState(state.model, None, frozen((V + np.swapaxes(V, -1, -2)) / 2), call)


def propagate(model: Oscillators, columns: Array, t: Any) -> Array:
    """Vectors in phase space (x.., p..) after a time t: S(t) @ columns, columns of shape (..., 2N, m)."""
    squares, shapes = model.modes
    n, omega = model.n_sites, np.sqrt(squares)[..., None]
    phase = omega * np.asarray(t)[..., None, None]
    turned = np.swapaxes(shapes, -1, -2)
    x, p = turned @ columns[..., :n, :], turned @ columns[..., n:, :]
    cos, sin = np.cos(phase), np.sin(phase)
    return np.concatenate([shapes @ (cos * x + sin / omega * p), shapes @ (cos * p - omega * sin * x)], -2)


def checked_model(word: str, model: Any, solver: Any = "auto") -> Oscillators:
    """The oscillators that a word was given, or the refusal of anything else."""
    if not isinstance(model, Oscillators):
        raise BadParameter(f"{word} takes a model, such as qet.minimal(); got {type(model).__name__}.")
    if solver != "auto":
        raise NotOffered(f"{word} of oscillators has one route, by normal modes; solver={solver!r} is for qubits.")
    return model


def checked_state(word: str, state: Any, surroundings: Any = None) -> OscillatorState:
    """The state of oscillators that a word was given, or the refusal of anything else."""
    if not isinstance(state, OscillatorState):
        raise BadParameter(f"{word} takes a state, such as qet.ground(model); got {type(state).__name__}.")
    if surroundings is not None:
        raise NotOffered(f"{word} of oscillators takes no surroundings: H alone moves them.")
    return state
