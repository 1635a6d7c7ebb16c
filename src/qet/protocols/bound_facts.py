"""What the bounds need to know of a run, each fact computed once and only when a bound asks.

Whether the state is passive, the map unital, Bob's operation unital, the message heard, the model Hotta's: a bound's
domain is a sentence of such facts. Constants in the terms are left out throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.checks import broadcast
from qet.foundations.conventions import COMPLETENESS_TOLERANCE, PAULI_X
from qet.foundations.errors import NotOffered
from qet.foundations.linalg import dagger, entropy, expm_hermitian, partial_trace
from qet.foundations.paulis import PauliSum
from qet.physics.baths import Bath
from qet.solvers.states import State

from . import policies
from .bound_table import Bound
from .entropies import mean_entropy
from .far import is_stationary
from .inequalities import ergotropy
from .information import Information, information
from .target import scale_of

if TYPE_CHECKING:
    from .run import Run

Array = np.ndarray
_ROUNDING = 1e-11  # slack that counts as equality, relative to the scale of the quantity
LARGEST_WHOLE = 12  # sites of which a row may ask the whole spectrum and state: matrices of 2^24 entries


def temperature(state: State) -> Any:
    """The temperature a state names: its own (Gibbs), 0 (ground), the mean over its baths; None if it names none."""
    word, arguments = state.origin.word, state.origin.arguments
    if word == "gibbs":
        return arguments["T"]
    if word == "ground":
        return 0.0
    baths = [item for item in state.surroundings if isinstance(item, Bath)]
    return sum((np.asarray(bath.T) for bath in baths), np.zeros(()))[()] / len(baths) if baths else None


@dataclass(frozen=True, eq=False)
class Facts:
    """What several rows ask of a run, computed once."""

    run: Run
    given_T: Any

    @cached_property
    def T(self) -> Any:
        """The temperature that enters the thermodynamic rows."""
        if self.given_T is not None:
            return self.given_T
        named = temperature(self.run.state)
        return 0.0 if named is None else named

    @property
    def has_temperature(self) -> bool:
        """Whether a temperature is given, or the state names one."""
        return self.given_T is not None or temperature(self.run.state) is not None

    @cached_property
    def why_no_whole(self) -> str:
        """Why the whole system's spectrum and state are not to be had; empty where they are."""
        n = self.run.state.model.n_sites
        if n > LARGEST_WHOLE:
            return f"the whole has {n} sites; its spectrum is asked for up to {LARGEST_WHOLE}"
        if self.run.has_delay and not self.run.is_written_out:
            return f"a delay of {n} sites is not followed on all of them"
        try:
            _ = self.run.state.density_matrix
        except NotOffered:
            return f"the density matrix of all {n} sites is not offered"
        return ""

    @property
    def has_whole(self) -> bool:
        """Whether the whole system's spectrum and state are to be had."""
        return not self.why_no_whole

    @cached_property
    def H(self) -> Array:
        """H without its constants: every row compares differences of energy, and a large zero would cost digits."""
        model = self.run.state.model
        return model.dynamics.matrix(model.sites)

    @cached_property
    def scale(self) -> Any:
        """Σ|c| over the Pauli strings of H (of the target, where there is one), an upper bound on its norm."""
        return np.asarray(scale_of(self.run.state, self.run.target))

    @property
    def tolerance(self) -> Any:
        """Slack of an energy that counts as equality: rounding of energies and of T times entropies, in their units."""
        return _ROUNDING * (self.scale + 1e-3 * np.asarray(self.T)) + self.run.precision

    @cached_property
    def information(self) -> Information:
        """The information quantities of the run."""
        return information(self.run)

    @cached_property
    def ergotropy(self) -> Array:
        """Ergotropy of the whole state, shape (...); zero for a passive one."""
        return np.asarray(ergotropy(self.H, self.run.state.density_matrix))

    @property
    def is_thermal(self) -> bool:
        """Whether the state is the ground state or a Gibbs state of H by the way it was made, and so passive."""
        return self.run.state.origin.word in ("ground", "gibbs") and is_stationary(self.run.state)

    @property
    def is_closed(self) -> bool:
        """Whether nothing but H acts between Alice and Bob."""
        return not (self.run.has_delay and self.run.surroundings)

    @property
    def is_prompt(self) -> Array:
        """Where no time passes between measurement and feedback, shape (...)."""
        return np.asarray(np.asarray(self.run.delay) == 0.0)

    @property
    def is_heard(self) -> Array:
        """Whether the message arrives as sent."""
        message = self.run.message
        if message is None:
            return np.array(True)
        return is_identity(message) if message.shape[-1] == message.shape[-2] else np.array(False)

    @cached_property
    def is_Bob_unital(self) -> Array:
        """Where every operation of Bob's maps the identity to the identity, shape (...)."""
        K = self.run.bob
        return np.asarray(is_identity((K @ dagger(K)).sum(-3)).all(-1))

    @cached_property
    def image_of_one(self) -> Array:
        """What the whole protocol, message, (closed) delay and all, makes of the identity on the patch."""
        run = self.run
        states = run.kraus @ dagger(run.kraus)
        if run.has_delay:
            U = expm_hermitian(self.H, run.delay)[..., None, :, :]
            states = U @ states @ dagger(U)
        if run.message is not None:
            states = np.einsum("...mk,...kij->...mij", run.message, states)
        return policies.apply(run.patch, run.bob, states).sum(-3)

    @property
    def is_unital(self) -> Array:
        """Whether the whole protocol maps the identity to the identity."""
        return is_identity(self.image_of_one)

    @cached_property
    def bobs_strings(self) -> PauliSum:
        """The strings of H, or of the target, that act on B: all that his operation can change."""
        run = self.run
        B = set(run.state.model.B)
        whole = run.state.model.H if run.target is None else run.target
        return PauliSum(tuple((s, c) for s, c in whole.terms if any(site in B for site, _ in s)))

    @cached_property
    def region(self) -> tuple[int, ...]:
        """The sites of those strings, with B."""
        return tuple(sorted({*self.bobs_strings.support, *self.run.state.model.B}))

    @cached_property
    def span(self) -> Array:
        """Largest less smallest eigenvalue of those strings' sum, shape (...)."""
        return span_of(self.bobs_strings.matrix(self.region))

    @cached_property
    def faced(self) -> Array:
        """Unnormalized states of the region for each received symbol, shape (*shape, M, d, d)."""
        patch = self.run.patch
        return partial_trace(self.run.received, [patch.sites.index(site) for site in self.region], patch.n)

    @property
    def why_not_unital(self) -> str:
        """Why the protocol does not map the identity to the identity."""
        if not np.all(self.is_Bob_unital):
            return "Bob's operation is not unital"
        if self.run.has_delay:
            return "the map is not unital: after a delay Alice's outcome tells about Bob's own qubit"
        return "Alice's measurement is not bistochastic (Σ M M† is not 1)"

    @cached_property
    def consumed_entanglement(self) -> Any:
        """S(rho_A) - Σ p_k S(rho_A^k)."""
        patch = self.run.patch
        after = mean_entropy(partial_trace(self.run.branches, patch.A, patch.n))
        return entropy(partial_trace(patch.rho, patch.A, patch.n)) - after

    @cached_property
    def is_pair(self) -> bool:
        """Whether H = a Z0 + b Z1 + c X0 X1 with one site each."""
        model = self.run.state.model
        allowed = {(), ((0, "Z"),), ((1, "Z"),), ((0, "X"), (1, "X"))}
        return model.n_sites == 2 and len(model.A) == len(model.B) == 1 and set(model.H.coefficients) <= allowed

    @cached_property
    def pair(self) -> tuple[Any, Any]:
        """Hotta's h and k."""
        c = self.run.state.model.H.coefficients
        return np.abs(c.get(((0, "Z"),), 0.0)), np.abs(c.get(((0, "X"), (1, "X")), 0.0)) / 2

    @cached_property
    def hotta(self) -> tuple[tuple[Any, str], ...]:
        """The conditions of Hotta's inequalities: where each holds, and what is said where it does not."""
        run = self.run
        if not self.is_pair:
            return ((False, "the model is not the minimal pair"),)
        c = run.state.model.H.coefficients
        detuning = np.abs(np.subtract(c.get(((0, "Z"),), 0.0), c.get(((1, "Z"),), 0.0)))
        lowest = np.linalg.eigh(self.H)[1][..., :1]
        fidelity = np.real(dagger(lowest) @ run.state.density_matrix @ lowest)[..., 0, 0]
        M = run.measurement.kraus(run.state.model.A)
        is_X = np.array(False)
        if M.shape[-3] == 2:
            along = M[..., 0, :, :] - M[..., 1, :, :]
            is_X = (is_identity(along @ PAULI_X) | is_identity(-along @ PAULI_X)) & is_identity(M.sum(-3))
        return (
            (detuning <= 1e-12 * self.scale, "the pair is detuned"),
            (fidelity >= 1 - 1e-12, "the state is not the ground state"),
            (is_X, "Alice does not project on X"),
            (self.is_prompt, "there is a delay"),
        )

    @property
    def is_hotta(self) -> Any:
        """Where all of them hold, shape (...)."""
        return np.logical_and.reduce(np.broadcast_arrays(*(fact for fact, _ in self.hotta)))

    def row(
        self,
        name: str,
        says: str,
        value: Any,
        quantity: Any,
        applies: Any,
        why_not: str,
        source: str,
        *,
        is_theorem: bool = True,
        is_upper: bool = True,
        is_entropy: bool = False,
        is_general: bool = False,
    ) -> Bound:
        """A row at every point of the run; it bounds an energy, or an entropy in nats.

        A general row bounds the drop of any target, whatever acts during the delay. The others are about energy and
        count no heat: none applies to another target, or where reservoirs act during the delay.
        """
        if not (is_general or self.is_closed):
            applies, why_not = False, "reservoirs act during the delay"
        if self.run.target is not None and not is_general:
            value, applies, why_not = np.nan, False, "Bob lowers another target than the energy"

        def spread(array: Any) -> Any:
            return np.broadcast_to(array, shape)[()]

        shape = broadcast(run=self.run.shape, T=np.shape(self.T))
        tolerance = _ROUNDING if is_entropy else self.tolerance
        return Bound(
            name,
            says,
            spread(value),
            spread(quantity),
            is_upper,
            spread(applies),
            why_not,
            is_theorem,
            source,
            spread(tolerance),
        )


def span_of(matrices: Array) -> Array:
    """Largest less smallest eigenvalue, shape (...)."""
    values = np.linalg.eigvalsh(matrices)
    return np.asarray(values[..., -1] - values[..., 0])


def is_identity(matrices: Array) -> Array:
    """Where a matrix is the identity to 1e-10, shape (...)."""
    deviation = np.abs(matrices - np.eye(matrices.shape[-1])).max((-1, -2))
    return np.asarray(deviation <= COMPLETENESS_TOLERANCE)


def reasons(*facts: tuple[Any, str]) -> str:
    """The reasons whose fact fails at some point, joined."""
    return "; ".join(reason for fact, reason in facts if not np.all(fact))
