"""The protocol on oscillators: Alice reads, Bob displaces, and every number that follows from two covariances.

With Alice's Gaussian measurement (readout R, noises O, N, C of `gaussian_reading`) the state with the outcome ξ is
Gaussian, its means linear in ξ and its covariance the same for every ξ. So the whole protocol is linear algebra of a
few columns:

    cov(ξ) = Σ = R V_A R^T + O
    D = cov(r', ξ) = V_{.A} R^T + C on A,  V' = V + N on A      (r' disturbed; after a delay S(t) r')
    injected  = Tr[K_AA N_x]/2 + Tr[N_p]/2,  whatever the state
    extracted = Tr[K_BB^-1 F Σ^-1 F^T]/2 + Tr[P Σ^-1 P^T]/2,   F = cov((K x')_B, ξ),  P = cov(p'_B, ξ)
    Bob's best displacement: x_B by -K_BB^-1 F Σ^-1 ξ, p_B by -P Σ^-1 ξ

the optimum over all displacements, since the energy is a parabola in them. Without a delay F = V_p,BA R_x^T + K_BA C_x
and P = V_p,BA R_p^T, as K V_x = V_p in a ground or Gibbs state. So an Alice who is no neighbor and a seed
diag(s, 1/(4s)) give E_A = K_AA s + 1/(4s) and E_B = V_p,BA² [1/(K_BB (V_x,AA + s)) + 1/(V_p,AA + 1/(4s))]/2.

Derived here; the protocol is that of Nambu, Hotta, PRA 82, 042329 (2010), arXiv:1007.2234 (abstract read).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import OSCILLATOR_STAMP
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, unknown
from qet.foundations.values import Call, Value, call_of, digest, frozen, same
from qet.physics.gaussian_reading import GaussianReading, Noise, coherent
from qet.physics.oscillators import Oscillators
from qet.protocols.ledger import Ledger, html_of, text_of
from qet.protocols.oscillator_entanglement import OscillatorEntanglement, entanglement_of
from qet.protocols.oscillator_rows import Moments, energies_of, moments_of
from qet.protocols.squeezing import best_symplectic
from qet.solvers.oscillators import EIGEN_ERROR, OscillatorState, checked_state, evolved_state, ground_of, propagate

Array = np.ndarray
POLICIES = ("best", "ground", "gaussian")


def _t(matrix: Array) -> Array:
    return np.swapaxes(matrix, -1, -2)


def _trace(matrix: Array) -> Array:
    return np.trace(matrix, axis1=-2, axis2=-1)


@dataclass(frozen=True, eq=False, repr=False)
class HarmonicRun(Value):
    """One protocol on one state of oscillators; made by `teleport`. Derived numbers have the shape `run.shape`.

    Attributes:
        state: The state of oscillators it starts from.
        measurement: What Alice does.
        feedback: "best" displacements; "gaussian": the best Gaussian unitaries (displacement, squeezing, rotation);
            "ground": the displacements that would be best for the ground state; or their matrix G, shape (..., 2b, m):
            Bob moves (x_B.., p_B..) by G ξ.
        delay: Time between the two.
    """

    state: OscillatorState
    measurement: GaussianReading
    feedback: Any
    delay: Any
    made_by: Call
    _identity = ("state", "measurement", "feedback", "delay")
    target = None
    stamp = OSCILLATOR_STAMP

    # -- what happened -------------------------------------------------------------------------

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of all parameters."""
        own = () if isinstance(self.feedback, str) else self.feedback.shape[:-2]
        parts = {"state": self.state.shape, "measurement": self.measurement.shape}
        return broadcast(**parts, feedback=own, delay=np.shape(self.delay))

    @property
    def model(self) -> Oscillators:
        """The oscillators and the parties."""
        return self.state.model

    @property
    def policy(self) -> str:
        """The rule by name: "best", "ground", "gaussian", or "table" for given displacements."""
        return self.feedback if isinstance(self.feedback, str) else "table"

    @cached_property
    def has_delay(self) -> bool:
        """Whether time passes between Alice and Bob."""
        return bool(np.any(np.asarray(self.delay) != 0.0))

    @cached_property
    def noise(self) -> Noise:
        """Alice's measurement on her modes."""
        A = list(self.model.A)
        return self.measurement.noise(self.model.K[..., A, A])

    @cached_property
    def outcomes(self) -> Array:
        """Covariance of Alice's outcomes ξ, whose mean is zero: shape (*shape, m, m)."""
        R = self.noise.readout
        return R @ self.state.covariance(self.model.A) @ _t(R) + self.noise.outcome

    @cached_property
    def joint(self) -> Array:
        """D = cov(r', ξ) when Bob acts, shape (..., 2N, m)."""
        D = self.state.columns(self.model.A) @ _t(self.noise.readout)
        rows = self._rows(self.model.A)
        shape = np.broadcast_shapes(D.shape, (*self.noise.shared.shape[:-2], 1, 1))
        D = np.broadcast_to(D, shape).copy()
        D[..., rows, :] += self.noise.shared
        return propagate(self.model, D, self.delay) if self.has_delay else D

    @cached_property
    def kicks(self) -> Array:
        """What Alice's back-action on her r has become when Bob acts, shape (..., 2N, 2a): V' = V + kicks N kicks^T."""
        rows = self._rows(self.model.A)
        unit = np.zeros((2 * self.model.n_sites, len(rows)))
        unit[rows, range(len(rows))] = 1.0
        return propagate(self.model, unit, self.delay) if self.has_delay else unit

    @cached_property
    def late(self) -> OscillatorState:
        """The unmeasured state when Bob acts."""
        return evolved_state(self.state, self.delay) if self.has_delay else self.state

    @cached_property
    def around_B(self) -> Array:
        """cov(r', r'_B) when Bob acts, the outcome forgotten: shape (..., 2N, 2b)."""
        kicks = self.kicks
        return self.late.columns(self.model.B) + kicks @ self.noise.back_action @ _t(
            kicks[..., self._rows(self.model.B), :]
        )

    @cached_property
    def learned(self) -> tuple[Array, Array, Array]:
        """F = cov((K x')_B, ξ) and P = cov(p'_B, ξ), each (..., b, m), and the error of their entries."""
        A, B, n = list(self.model.A), list(self.model.B), self.model.n_sites
        K_B = self.model.K[..., B, :]
        if self.has_delay or not self.state.is_stationary:
            F, P = K_B @ self.joint[..., :n, :], self.joint[..., [n + j for j in B], :]
            scale = np.abs(K_B).sum((-1, -2)) * np.abs(self.joint[..., :n, :]).max((-1, -2))
            error = EIGEN_ERROR * np.maximum(scale, np.abs(self.joint[..., n:, :]).max((-1, -2)))
            return F, P, error[..., None, None]
        M, error = self.state.momentum_correlations(self.model.B, self.model.A)
        R, a = self.noise.readout, len(A)
        F = M @ _t(R[..., :a]) + K_B[..., A] @ self.noise.shared[..., :a, :]
        return F, M @ _t(R[..., a:]), error.max((-1, -2), keepdims=True) * np.abs(R).max((-1, -2), keepdims=True)

    @cached_property
    def gain(self) -> Array:
        """G: Bob moves (x_B.., p_B..) by G ξ, about their means where he squeezes; shape (..., 2b, m)."""
        if not isinstance(self.feedback, str):
            return self.feedback
        if self.policy == "ground":
            return HarmonicRun(ground_of(self.model), self.measurement, "best", self.delay, self.made_by).gain
        F, P, _ = self.learned
        B = list(self.model.B)
        K_BB = self.model.K[..., B, :][..., B]
        heard = _t(np.linalg.solve(self.outcomes, _t(np.concatenate([np.linalg.solve(K_BB, F), P], -2))))
        return -heard

    @cached_property
    def squeezing(self) -> Array:
        """S: what Bob does about the conditional mean besides, shape (..., 2b, 2b); the identity without "gaussian"."""
        return self._turned[0]

    # -- the numbers ---------------------------------------------------------------------------

    @cached_property
    def injected(self) -> Any:
        """Energy Alice's measurement pays in, with the full H: Tr[K_AA N_x]/2 + Tr[N_p]/2."""
        A = list(self.model.A)
        N, a = self.noise.back_action, len(A)
        return self._shaped((_trace(self.model.K[..., A, :][..., A] @ N[..., :a, :a]) + _trace(N[..., a:, a:])) / 2)

    @cached_property
    def extracted(self) -> Any:
        """Energy Bob's operation takes out, with the full H."""
        return self._shaped(self._displaced + self._turned[1])

    @cached_property
    def local(self) -> Any:
        """The best that Bob's class of operations gives without the message: 0 for displacements, the means being 0."""
        return self._shaped(self._by_squeezing(self.around_B)[1] if self.policy == "gaussian" else 0.0)

    @cached_property
    def local_before(self) -> Any:
        """The same had Alice not measured at all."""
        unmeasured = self.late.columns(self.model.B)
        return self._shaped(self._by_squeezing(unmeasured)[1] if self.policy == "gaussian" else 0.0)

    @property
    def teleported(self) -> Any:
        """What needed the message: extracted - local."""
        return self.extracted - self.local

    @cached_property
    def leak(self) -> Any:
        """Energy that Alice's act, not Bob's, brought into the terms that meet B."""
        return self._shaped(energies_of(self.model, self._disturbance)[..., self._meets_B].sum(-1))

    @property
    def net_work(self) -> Any:
        """extracted - injected."""
        return self.extracted - self.injected

    @property
    def efficiency(self) -> Any:
        """extracted / injected."""
        return self._shaped(self.extracted / self.injected)

    @property
    def efficiency_teleported(self) -> Any:
        """teleported / injected."""
        return self._shaped(self.teleported / self.injected)

    @cached_property
    def precision(self) -> Any:
        """Absolute error of `extracted`: 2√(E_B e) + e, with e what the errors of F and P alone would extract."""
        error = self.learned[2][..., 0, 0]
        K_BB = self.model.K[..., list(self.model.B), list(self.model.B)]
        unit = ((1.0 / K_BB + 1.0).sum(-1) * _trace(np.linalg.inv(self.outcomes))) / 2
        e = error**2 * unit
        squeezed = EIGEN_ERROR**2 if self.policy == "gaussian" else 0.0
        return self._shaped(2.0 * np.sqrt(np.abs(self.extracted) * e) + e + squeezed)

    @property
    def extracted_error(self) -> Any:
        """Absolute error of `extracted`, under the name that a run on qubits has for it: the precision."""
        return self.precision

    @property
    def resolved(self) -> Any:
        """Whether |extracted| exceeds its error."""
        return self._shaped(np.abs(self.extracted) > self.precision)

    @cached_property
    def ledger(self) -> Ledger:
        """Every named term before, after the measurement, after the delay, after the feedback."""
        before, late = moments_of(self.state), moments_of(self.late)
        unit = HarmonicRun(self.state, self.measurement, "best", 0.0, self.made_by)
        measured, delayed = before + unit._disturbance, late + self._disturbance
        final = self._final(delayed)
        columns = [energies_of(self.model, moments) for moments in (before, measured, delayed, final)]
        energies = np.stack([np.broadcast_to(c, (*self.shape, c.shape[-1])) for c in columns], -1)
        rows = (*(f"H_{j}" for j in self.model.sites), *(f"V_{i}_{j}" for i, j in self.model.bonds))
        return Ledger(rows, self._classes, tuple(self._meets_B.tolist()), energies)

    @cached_property
    def entanglement(self) -> OscillatorEntanglement:
        """Entropies of the parties and the negativity between them, before and after."""
        return entanglement_of(self)

    # -- identity ------------------------------------------------------------------------------

    @cached_property
    def id(self) -> str:
        """Hash of the recipe, 16 hexadecimal digits."""
        return digest(self.recipe)

    def __str__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)

    # -- inner ---------------------------------------------------------------------------------

    def _rows(self, sites: tuple[int, ...]) -> list[int]:
        return [*sites, *(self.model.n_sites + j for j in sites)]

    def _shaped(self, value: Any) -> Any:
        array = np.asarray(value)
        return frozen(array if array.shape == self.shape else np.broadcast_to(array, self.shape))[()]

    @cached_property
    def _displaced(self) -> Array:
        """What the displacement takes out."""
        F, P, _ = self.learned
        B, Sigma = list(self.model.B), self.outcomes
        K_BB = self.model.K[..., B, :][..., B]
        if self.policy in ("best", "gaussian"):  # a sum of squares
            x, p = F @ np.linalg.solve(Sigma, _t(F)), P @ np.linalg.solve(Sigma, _t(P))
            return (_trace(np.linalg.solve(K_BB, x)) + _trace(p)) / 2
        b = len(B)
        x, p = self.gain[..., :b, :], self.gain[..., b:, :]
        linear = _trace(F @ _t(x)) + _trace(P @ _t(p))
        return -linear - (_trace(K_BB @ x @ Sigma @ _t(x)) + _trace(p @ Sigma @ _t(p))) / 2

    @cached_property
    def _turned(self) -> tuple[Array, Any]:
        """Squeezing about the conditional mean, and what it takes out."""
        if self.policy != "gaussian":
            return np.eye(2 * len(self.model.B)), 0.0
        heard = np.linalg.solve(self.outcomes, _t(self.joint[..., self._rows(self.model.B), :]))
        return self._by_squeezing(self.around_B - self.joint @ heard)

    def _by_squeezing(self, columns: Array) -> tuple[Array, Array]:
        """The best symplectic matrix and its gain for a Bob with cov(r, r_B) = columns."""
        (site,), n = self.model.B, self.model.n_sites
        pull = self.model.K[..., site, :].copy()
        stiffness = pull[..., site].copy()
        pull[..., site] = 0.0
        coupling = (pull[..., None, :] @ columns[..., :n, :])[..., 0, :]
        shape = np.broadcast_shapes(stiffness.shape, columns.shape[:-2], coupling.shape[:-1])
        covariance = np.broadcast_to(columns[..., [site, n + site], :], (*shape, 2, 2))
        return best_symplectic(np.broadcast_to(stiffness, shape), covariance, np.broadcast_to(coupling, (*shape, 2)))

    @cached_property
    def _disturbance(self) -> Moments:
        """Second moments that Alice's back-action has added when Bob acts."""
        kicks, n = self.kicks, self.model.n_sites
        pushed = kicks @ self.noise.back_action
        i, j = self.model.joined
        squares = (pushed * kicks).sum(-1)
        bonds = (pushed[..., i, :] * kicks[..., j, :]).sum(-1)
        return Moments(squares[..., :n], squares[..., n:], bonds)

    def _final(self, delayed: Moments) -> Moments:
        """Second moments after Bob: r_B -> S r_B + (G + (1 - S) D_B Σ^-1) ξ."""
        n, rows = self.model.n_sites, self._rows(self.model.B)
        S, D, Sigma = self.squeezing, self.joint, self.outcomes
        D_B = D[..., rows, :]
        about = (np.eye(len(rows)) - S) @ _t(np.linalg.solve(Sigma, _t(D_B)))
        G = self.gain + about
        cross = self.around_B @ _t(S) + D @ _t(G)  # cov(r', r''_B)
        own = S @ self.around_B[..., rows, :] @ _t(S) + S @ D_B @ _t(G) + G @ _t(D_B) @ _t(S) + G @ Sigma @ _t(G)
        return delayed.with_party(self.model, cross[..., :n, : len(rows) // 2], own)

    @cached_property
    def _meets_B(self) -> Array:
        wanted = set(self.model.B)
        return np.array([bool({*sites} & wanted) for sites in self._supports])

    @property
    def _supports(self) -> list[tuple[int, ...]]:
        return [*((j,) for j in self.model.sites), *self.model.bonds]

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        return tuple(self.model.class_of(sites) for sites in self._supports)


def teleport_oscillators(
    state: Any, measure: Any, feedback: Any, delay: Any, others: dict[str, tuple[Any, Any]]
) -> HarmonicRun:
    """`teleport` on oscillators.

    Args:
        state: A state of oscillators.
        measure: A `GaussianReading`, or teleport's own default for the matched coherent states.
        feedback: A policy's name or displacements, see `HarmonicRun`.
        delay: As in `teleport`.
        others: Options that are for qubits, name -> (given, usual).

    Raises:
        NotOffered: for an option that oscillators do not take.
        BadParameter, UnknownName, ShapeMismatch: see the messages.
    """
    state = checked_state("teleport", state)
    for name, (given, usual) in others.items():
        if not same(given, usual):
            raise NotOffered(f"teleport on oscillators takes measure, feedback and delay; {name} is for qubits.")
    if isinstance(measure, str) and measure == "X":
        measure = coherent()
    if not isinstance(measure, GaussianReading):
        raise BadParameter(
            f"Alice reads an oscillator by qet.coherent(s) or qet.homodyne('x', resolution=...); got {measure!r}."
        )
    if not isinstance(feedback, str):
        feedback = frozen(np.asarray(real("feedback", feedback)))
    elif feedback not in POLICIES:
        raise unknown("feedback for oscillators", feedback, POLICIES)
    delay = real("delay", delay, minimum=0.0)
    kept = {"feedback": (feedback, "best"), "delay": (delay, 0.0)}
    call = call_of("teleport", {"state": state, "measure": measure}, kept)
    run = HarmonicRun(state, measure, feedback, delay, call)
    check_fit(run)
    return run


def check_fit(run: HarmonicRun) -> None:
    """Everything that can be refused before anything is computed.

    Raises:
        ShapeMismatch: for shapes that do not broadcast or a matrix of displacements that does not fit.
        NotOffered: for squeezing of several modes.
    """
    _ = run.shape
    b, m = len(run.model.B), run.noise.readout.shape[-2]
    if run.policy == "gaussian" and b > 1:
        raise NotOffered(f"the best Gaussian unitary of {b} modes; it is offered for one. Take feedback='best'.")
    if not isinstance(run.feedback, str) and run.feedback.shape[-2:] != (2 * b, m):
        raise ShapeMismatch(
            f"Bob's displacements are G ξ with G of shape ({2 * b}, {m}): (x_B.., p_B..) by Alice's readings; got "
            f"{run.feedback.shape}."
        )
