"""A run: one protocol on one state, and every number that follows from it.

Nothing is computed before it is asked for. Two routes give the energies: closed forms
over arrays for the minimal pair (`pair`), and small dense matrices on the patch for
everything else. Both return the same words:

    injected   = Σ_k Tr[(M_k† H M_k - H) rho]                      (full H)
    extracted  = Σ_m Tr[(H - Φ_m†(H)) s_m]                         (full H, in Bob's operation)
    local      = the largest drop by one operation on s = Σ_m s_m, whatever the message
    teleported = extracted - local
    leak       = Tr[H_[B] (s - s0)]       (s0: not measured, the same delay)

With a `target` O the same words are changes of <O>: O stands for H in all of them, while H still moves the state
during a delay and still fills the ledger (see `target`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.errors import DegenerateLevel, NotOffered, ShapeMismatch, refuse_where
from qet.foundations.linalg import dagger, expectation, trace
from qet.foundations.paulis import PauliSum
from qet.foundations.values import Call, Value, digest, frozen
from qet.physics.baths import Bath, Jump
from qet.physics.feedback import Feedback
from qet.physics.measurement import Measurement
from qet.physics.model import Model
from qet.protocols import policies, shortcut
from qet.protocols.beyond import beyond_patch
from qet.protocols.far import Far, far_of
from qet.protocols.lead_rows import LeadWork, lead_rows, lead_work
from qet.protocols.ledger import Ledger, html_of, text_of
from qet.protocols.message import message_shape, stochastic
from qet.protocols.optimum import Optimum
from qet.protocols.patch import Patch, cut
from qet.protocols.target import precision_of, scale_of, stages_of, weight_of
from qet.solvers.history import History
from qet.solvers.prepare import ground
from qet.solvers.questions import branches_of, error_after
from qet.solvers.spectrum import is_degenerate, spectrum
from qet.solvers.states import Dense, Expectations, State

Array = np.ndarray
WRITTEN_OUT = 8  # sites up to which a delay is followed with density matrices
IMPOSSIBLE = 1e-14  # probability of an outcome that does not occur: below it there is only rounding
CHANNEL_GAP = 1e-10  # of a channel and its certificate, relative to Σ|c| over what meets B
TIE_TOLERANCE = 1e-10  # of two populations that count as equal


def outcomes_of(measurement: Measurement, model: Model) -> int:
    """Number of outcomes of a measurement on a model's A."""
    if measurement.direction is not None:
        return int(2 ** len(model.A))
    return int(measurement.kraus(model.A).shape[-3])


@dataclass(frozen=True, eq=False)
class Work:
    """Bob's work for each received symbol: moments of W_m = H - Φ_m†(H) in the state he faces; 0 if it never comes.

    Attributes:
        mean: Tr[W_m s_m]/p_m, shape (*shape, M).
        variance: Tr[W_m² s_m]/p_m - mean², shape (*shape, M).
        probabilities: p_m, shape (*shape, M).
    """

    mean: Array
    variance: Array
    probabilities: Array


@dataclass(frozen=True, eq=False)
class Certificate:
    """That no operation of the class does better.

    Attributes:
        value: What the operations give.
        bound: An upper bound on what any operation of the class gives.
        gap: bound - value.
        is_certified: Whether the gap is within the precision; for channels, and for several qubits, within 1e-10 of
            Σ|c| over the strings of H that meet B, what the semidefinite program is asked for.
    """

    value: Any
    bound: Any
    gap: Any
    is_certified: Any


@dataclass(frozen=True, eq=False, repr=False)
class Run(Value):
    """One protocol on one state; made by `teleport`. Derived numbers have the shape `run.shape`."""

    state: State
    measurement: Measurement
    feedback: Feedback
    delay: Any
    message_error: Any
    made_by: Call
    surroundings: tuple[Bath | Jump, ...] = ()
    master: str | tuple[str, float] | None = None
    target: PauliSum | None = None
    _identity = ("state", "measurement", "feedback", "delay", "message_error", "surroundings", "master", "target")

    # -- what happened -------------------------------------------------------------------------

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of all parameters."""
        parts = {
            "state": self.state.shape,
            "measurement": self.measurement.shape,
            "feedback": self.feedback.shape,
            "delay": np.shape(self.delay),
            "message_error": message_shape(self.message_error, self.n_outcomes),
            **{f"surrounding {i}": thing.shape for i, thing in enumerate(self.surroundings)},
            "target": () if self.target is None else self.target.shape,
        }
        try:
            return np.broadcast_shapes(*parts.values())
        except ValueError:
            found = ", ".join(f"{name} {shape}" for name, shape in parts.items() if shape)
            raise ShapeMismatch(f"the parts of the protocol do not broadcast: {found}.") from None

    @cached_property
    def n_outcomes(self) -> int:
        """Number of Alice's outcomes."""
        return outcomes_of(self.measurement, self.state.model)

    @property
    def n_symbols(self) -> int:
        """Number of symbols Bob may receive."""
        return self.n_outcomes if self.message is None else int(self.message.shape[-2])

    @cached_property
    def has_delay(self) -> bool:
        """Whether time passes between Alice and Bob."""
        return bool(np.any(np.asarray(self.delay) != 0.0))

    @cached_property
    def message(self) -> Array | None:
        """P(received|sent), shape (..., M, K); None for a perfect message."""
        return stochastic(self.message_error, self.n_outcomes)

    @cached_property
    def is_written_out(self) -> bool:
        """Whether the delay is followed on all sites, as matrices; else the representation follows it (`History`)."""
        is_small = isinstance(self.state.payload, (Dense, Expectations)) and self.state.model.n_sites <= WRITTEN_OUT
        return self.has_delay and (is_small or bool(self.surroundings))

    @cached_property
    def patch(self) -> Patch:
        """The sites the protocol touches, with their reduced state."""
        return cut(self.state, whole=self.is_written_out, target=self.target)

    @cached_property
    def kraus(self) -> Array:
        """Alice's Kraus operators on the patch, shape (..., K, d, d)."""
        return self.patch.on_A(self.measurement.kraus(self.state.model.A))

    def evolved(self, states: Array) -> Array:
        """Matrices (..., K, d, d) on the patch after the delay, with the run's surroundings on."""
        if not self.has_delay:
            return states
        if not self.is_written_out:
            raise NotOffered(
                f"this question follows matrices on all {self.state.model.n_sites} sites through the delay; it is "
                f"offered up to {WRITTEN_OUT} sites. Take delay=0, or fewer sites."
            )
        from qet.solvers.evolve import evolved

        return evolved(self.state.model, states, self.delay, self.surroundings, self.master)

    @cached_property
    def branches(self) -> Array:
        """Unnormalized conditional states on the patch when Bob acts, shape (*shape, K, d, d)."""
        branches = self._branches(self.measurement.kraus(self.state.model.A))
        if self.has_delay and self.master is not None:
            from qet.solvers.evolve import refuse_negative

            allowed = {*self.state.origin.arguments.get("allow", ()), *self.made_by.arguments.get("allow", ())}
            refuse_negative(branches, "teleport", self.master, allowed)
        return frozen(np.broadcast_to(branches, (*self.shape, *branches.shape[-3:])))

    @cached_property
    def probabilities(self) -> Array:
        """Probability of each of Alice's outcomes, shape (*shape, K)."""
        return frozen(np.real(trace(self.branches)))

    @cached_property
    def received(self) -> Array:
        """Unnormalized states that Bob faces for each received symbol, shape (*shape, M, d, d)."""
        if self.message is None:
            return self.branches
        return np.einsum("...mk,...kij->...mij", self.message, self.branches)

    @cached_property
    def average(self) -> Array:
        """The state when Bob acts, the message forgotten: s = Σ_k s_k, shape (*shape, d, d)."""
        return self.branches.sum(-3)

    @cached_property
    def unmeasured(self) -> Array:
        """The state when Bob acts had Alice not measured, shape (*shape, d, d)."""
        rho = self._branches(np.eye(2 ** len(self.patch.A))[None])[..., 0, :, :]
        return np.broadcast_to(rho, (*self.shape, *rho.shape[-2:]))

    @property
    def operations(self) -> Array:
        """Bob's unitary for each received symbol, shape (*shape, M, d_B, d_B); for a channel `bob`."""
        return self.bob[..., 0, :, :] if self.bob.shape[-3] == 1 else self.bob

    @cached_property
    def optimum(self) -> Optimum:
        """The best of the feedback's class for each received symbol, with its proof."""
        return Optimum(self.patch, self.received, self.feedback)

    @cached_property
    def far(self) -> Far | None:
        """The route by correlators, where no term of H meets both parties and Bob acts at once; None elsewhere."""
        return far_of(self)

    @cached_property
    def bob(self) -> Array:
        """Bob's operation for each received symbol in Kraus form, shape (*shape, M, R, d_B, d_B); R = 1: unitary."""
        fast = shortcut.operations(self)
        if fast is not None:
            found = fast
        elif self.feedback.policy == "best":
            found = self.optimum.operations
        elif self.feedback.policy in ("ground", "dominant"):
            found = self._borrowed_operations()
        else:
            found = policies.fixed_operations(self.feedback, self.n_symbols, 2 ** len(self.patch.B))
        return frozen(np.broadcast_to(found, (*self.shape, *found.shape[-4:])))

    # -- the numbers ---------------------------------------------------------------------------

    @cached_property
    def injected(self) -> Any:
        """Energy Alice's measurement pays in, with the full H."""
        fast = shortcut.injected(self)
        if fast is not None:
            return self._shaped(fast)
        H = self.patch.H_A
        change = (dagger(self.kraus) @ H[..., None, :, :] @ self.kraus).sum(-3) - H
        return self._shaped(expectation(change, self.patch.rho))

    @cached_property
    def extracted(self) -> Any:
        """Energy Bob's operation takes out, with the full H."""
        fast = shortcut.extracted(self)
        if fast is not None:
            return self._shaped(fast)
        if self.feedback.policy == "best":
            gains = self.optimum.gain
        else:
            gains = policies.gain_of(self.patch, self.bob, self.received)
        return self._shaped(gains.sum(-1))

    @cached_property
    def local(self) -> Any:
        """The best that Bob's class of operations gives without the message."""
        fast = shortcut.local(self)
        if fast is not None:
            return self._shaped(fast)
        gain = policies.optimal_gain(self.patch, self.average[..., None, :, :], self.feedback)
        return self._shaped(gain[..., 0])

    @cached_property
    def local_before(self) -> Any:
        """The same had Alice not measured at all."""
        gain = policies.optimal_gain(self.patch, self.unmeasured[..., None, :, :], self.feedback)
        return self._shaped(gain[..., 0])

    @property
    def teleported(self) -> Any:
        """What needed the message: extracted - local."""
        fast = shortcut.teleported(self)
        return self.extracted - self.local if fast is None else self._shaped(fast)

    @cached_property
    def leak(self) -> Any:
        """Energy that Alice's act, not Bob's, brought within Bob's reach."""
        fast = shortcut.leak(self)
        if fast is not None:
            return self._shaped(fast)
        if self.has_delay and not self.is_written_out:
            return self._shaped(expectation(self.patch.H_B, self.average - self.unmeasured))
        if self.has_delay:
            disturbed = self.kraus @ self.patch.rho[..., None, :, :] @ dagger(self.kraus)
            change = self.evolved((disturbed.sum(-3) - self.patch.rho)[..., None, :, :])[..., 0, :, :]
            return self._shaped(expectation(self.patch.H_B, change))
        H = self.patch.H_B
        difference = (dagger(self.kraus) @ H[..., None, :, :] @ self.kraus).sum(-3) - H
        return self._shaped(expectation(difference, self.patch.rho))

    @property
    def net_work(self) -> Any:
        """extracted - injected."""
        return self.extracted - self.injected

    @property
    def efficiency(self) -> Any:
        """extracted / injected; nan where nothing is injected."""
        return self._ratio(self.extracted)

    @property
    def efficiency_teleported(self) -> Any:
        """teleported / injected; nan where nothing is injected."""
        return self._ratio(self.teleported)

    @cached_property
    def precision(self) -> Any:
        """Absolute precision of the numbers: the state's, in units of the target where there is one."""
        held = precision_of(self.state, self.target)
        if not self.has_delay or self.is_written_out:
            return held
        model = self.state.model
        told = History(model, self.measurement.kraus(model.A), self.delay)
        return held + error_after(self.state.payload, told) * weight_of(self.state, self.target)

    @cached_property
    def extracted_error(self) -> Any:
        """Estimated error of `extracted`: the precision; far from Alice less, in proportion to the gain."""
        error = shortcut.extracted_error(self)
        return self._shaped(self.precision if error is None else error)

    @property
    def resolved(self) -> Any:
        """Whether |extracted| exceeds its error."""
        return self._shaped(np.abs(self.extracted) > self.extracted_error)

    @cached_property
    def work(self) -> Work:
        """Mean and variance of Bob's work for each received symbol."""
        W = policies.work_operators(self.patch, self.bob)
        p = np.real(trace(self.received))
        occurs = p > IMPOSSIBLE
        safe = np.where(occurs, p, 1.0)
        mean = np.where(occurs, expectation(W, self.received) / safe, 0.0)
        return Work(mean, np.where(occurs, expectation(W @ W, self.received) / safe - mean**2, 0.0), p)

    @cached_property
    def certificate(self) -> Certificate:
        """What the operations give against the bound of their class."""
        value = self._shaped(policies.gain_of(self.patch, self.bob, self.received).sum(-1))
        bound = self._shaped(self.optimum.bound.sum(-1))
        # two roundings of one number are no gap; a bound that is broken by more proves nothing
        bound = self._shaped(np.where(np.abs(value - bound) <= self.precision, np.maximum(bound, value), bound))
        gap = bound - value
        limit = 10 * np.asarray(self.precision)
        if self.feedback.operations == "channel" or len(self.patch.B) > 1:
            # far terms, however strong, are no excuse for a gap: Bob's energy is in those that meet him
            limit = limit + CHANNEL_GAP * scale_of(self.state, self.target, self.patch.model.B)
        return Certificate(value, bound, gap, self._shaped((gap >= 0.0) & (gap <= limit)))

    @cached_property
    def ledger(self) -> Ledger:
        """Every named term, and the target, before, after the measurement, after the delay, after the feedback."""
        model = self.state.model
        measured = (self.kraus @ self.patch.rho[..., None, :, :] @ dagger(self.kraus)).sum(-3)
        final = policies.apply(self.patch, self.bob, self.received).sum(-3)
        columns = []
        beyond = beyond_patch(self, tuple(term.operator for term in model.terms))
        for place, term in enumerate(model.terms):
            if place in beyond:
                stages = beyond[place]
            else:
                H = self.patch.matrix_of(term)
                stages = [expectation(H, rho) for rho in (self.patch.rho, measured, self.average, final)]
            columns.append(np.stack(np.broadcast_arrays(*(np.broadcast_to(s, self.shape) for s in stages)), axis=-1))
        names, classes = [term.name for term in model.terms], [model.class_of(term) for term in model.terms]
        meets_B = [bool(set(term.operator.support) & set(model.B)) for term in model.terms]
        if self.surroundings and self.has_delay:  # what the system lost in the delay, the reservoirs have
            lost = sum(column[..., 1] - column[..., 2] for column in columns) + 0.0
            columns.append(np.stack([np.zeros_like(lost), np.zeros_like(lost), lost, lost], axis=-1))
            names, classes, meets_B = [*names, "heat"], [*classes, "heat"], [*meets_B, False]
        if self.target is not None:
            stages = stages_of(self, self.target, (self.patch.rho, measured, self.average, final))
            columns.append(np.stack([np.broadcast_to(s, self.shape) for s in stages], axis=-1))
            meets = bool(set(self.target.support) & set(model.B))
            names, classes, meets_B = [*names, "target"], [*classes, "target"], [*meets_B, meets]
        for row in lead_rows(self):
            columns.append(row.energies)
            names, classes, meets_B = [*names, row.name], [*classes, "lead"], [*meets_B, row.meets_B]
        return Ledger(tuple(names), tuple(classes), tuple(meets_B), np.stack(columns, axis=-2))

    @property
    def lead_work(self) -> LeadWork:
        """What Alice's measurement (.alice) and Bob's operation (.bob) pay into the couplings to Lorentzian leads."""
        return lead_work(self)

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

    def _branches(self, kraus: Array) -> Array:
        """What becomes of the patch under Kraus operators on A and the delay, shape (..., K, d, d)."""
        if self.has_delay and not self.is_written_out:
            state = self.state
            return branches_of(state.payload, History(state.model, kraus, self.delay), self.patch.sites)
        wide = self.patch.on_A(kraus)
        return self.evolved(wide @ self.patch.rho[..., None, :, :] @ dagger(wide))

    @cached_property
    def history(self) -> History:
        """What was done to the state, for a representation to follow: Bob's operations for each of Alice's outcomes."""
        K = self.measurement.kraus(self.state.model.A)
        if self.message is None:
            return History(self.state.model, K, self.delay, self.bob)
        M, R, d = self.bob.shape[-4], self.bob.shape[-3], self.bob.shape[-1]
        weight = np.sqrt(np.swapaxes(self.message, -1, -2))[..., None, None, None]  # (..., K, M, 1, 1, 1)
        told = weight * self.bob[..., None, :, :, :, :]
        return History(self.state.model, K, self.delay, told.reshape(*told.shape[:-4], M * R, d, d))

    def _shaped(self, value: Any) -> Any:
        """A derived number with the run's shape; a NumPy scalar for a single point."""
        array = np.asarray(value)
        return frozen(array if array.shape == self.shape else np.broadcast_to(array, self.shape))[()]

    def _ratio(self, energy: Any) -> Any:
        is_paid = np.asarray(self.injected > self.precision)
        return self._shaped(np.where(is_paid, energy / np.where(is_paid, self.injected, 1.0), np.nan))

    def _borrowed_operations(self) -> Array:
        """What `best` would do with the ground state, or the most populated eigenstate, under a perfect message."""
        model = self.state.model
        reference = ground(model) if self.feedback.policy == "ground" else self._dominant_eigenstate()
        best = replace(self.feedback, policy="best")
        run = Run(reference, self.measurement, best, self.delay, 0.0, self.made_by, self.surroundings, self.master)
        run = replace(run, target=self.target)
        if self.n_symbols != run.n_outcomes:
            raise ShapeMismatch(
                f"policy {self.feedback.policy!r} needs one symbol an outcome; Alice has {run.n_outcomes}, "
                f"Bob receives {self.n_symbols}."
            )
        operations = run.bob
        identity = np.zeros(operations.shape[-3:])
        identity[0] = np.eye(operations.shape[-1])
        occurs = run.probabilities > IMPOSSIBLE
        return np.where(occurs[..., None, None, None], operations, identity)

    def _dominant_eigenstate(self) -> State:
        """The energy eigenstate n with the largest <n|rho|n>; a tie or a degenerate level raises."""
        energies, vectors = spectrum(self.state.model, self.state.shape)
        rho = self.state.density_matrix
        populations = np.real(np.einsum("...in,...ij,...jn->...n", vectors.conj(), rho, vectors))
        energies = np.broadcast_to(energies, populations.shape)
        level = populations.argmax(-1)
        refuse_where(
            is_degenerate(energies, level),
            DegenerateLevel,
            lambda i: "feedback('dominant'): the most populated level is degenerate, so its eigenstate is not unique",
        )
        ordered = np.sort(populations, axis=-1)
        refuse_where(
            ordered[..., -1] - ordered[..., -2] <= TIE_TOLERANCE,
            DegenerateLevel,
            lambda i: f"feedback('dominant'): two eigenstates share the largest population {ordered[i][-1]:.6g}",
        )
        vectors = np.broadcast_to(vectors, (*populations.shape, vectors.shape[-1]))
        vector = np.take_along_axis(vectors, level[..., None, None], axis=-1)
        return State(self.state.model, Dense(vector @ dagger(vector)), "dense", Call("dominant", {"state": self.state}))
