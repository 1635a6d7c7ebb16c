"""Every inequality a run can be held against, each with its domain, its slack and its verdict.

A bound is a theorem inside its domain and silent outside; whether a run lies inside is
computed, not typed in. Two rows are no theorems: E_B <= T I, with either of two
informations, is a claim of the note that this package grew from (see `founding_note`). It
fails at low temperature, and is printed with its verdict at the points at hand.

Energies: E_A is `run.injected`, E_B is `run.extracted` (all terms that meet B).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import COMPLETENESS_TOLERANCE, PAULI_X
from qet.foundations.linalg import dagger, entropy, expectation, expm_hermitian, kron, partial_trace, trace
from qet.foundations.paulis import collect
from qet.physics.baths import Bath
from qet.solvers.states import State

from . import policies
from .bound_table import Bound, Bounds
from .entropies import mean_entropy
from .founding_note import founding_note_temperature
from .inequalities import (
    ergotropy,
    free_energy,
    free_energy_excess,
    hotta_least_energy,
    hotta_least_entanglement,
)
from .information import Information, check_run, information

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Bound", "Bounds", "bounds", "founding_note_temperature", "temperature"]

Array = np.ndarray
_ROUNDING = 1e-11  # slack that counts as equality, relative to the scale of the quantity


def bounds(run: Run, *, T: Any = None) -> Bounds:
    """Every bound on a run.

    Args:
        run: A run made by `teleport`.
        T: Temperature that enters the thermodynamic bounds, >= 0, broadcasts with the run; they hold for any.
            Default: the Gibbs state's own; the mean over the baths of a steady state; 0 otherwise.

    Returns:
        The table, with rows "passive state", "ergotropy", "Sagawa-Ueda", "Bob's free energy", "note, Holevo",
        "note, Groenewold", "Hotta, entanglement", "Hotta, energy".

    Raises:
        BadParameter: for T < 0, NaN or infinite, or for anything but a run.
        ShapeMismatch: if T does not broadcast with the run.

    Example:
        >>> import qet
        >>> table = bounds(qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=0.2)))
        >>> bool(table["Sagawa-Ueda"].holds), bool(table["note, Holevo"].holds)
        (True, False)
    """
    check_run("bounds", run)
    given = None if T is None else real("T", T, minimum=0.0)
    broadcast(run=run.shape, T=() if given is None else np.shape(given))
    facts = _Facts(run, given)
    return Bounds(tuple(make(facts) for make in _ROWS))


def temperature(state: State) -> Any:
    """The temperature a state names: its own (Gibbs), 0 (ground), the mean over its baths; None if it names none."""
    word, arguments = state.made_by.word, state.made_by.arguments
    if word == "gibbs":
        return arguments["T"]
    if word == "ground":
        return 0.0
    baths = [item for item in state.surroundings if isinstance(item, Bath)]
    return sum((np.asarray(bath.T) for bath in baths), np.zeros(()))[()] / len(baths) if baths else None


def passive_state(facts: _Facts) -> Bound:
    """E_B <= E_A for a passive state, when the whole protocol maps the identity to the identity.

    The map s -> Σ_k B_k(M_k s M_k†) is then unital, so the final state is majorized by the initial one
    (Uhlmann), and a passive state has the least energy of all states it majorizes: E_A - E_B = Tr[H(final)] -
    Tr[H rho] >= 0. Without a delay the map is unital when Σ M M† = 1 and every B_k is; a message error does
    no harm. With a delay it is not: Alice's outcome may then tell where Bob's qubit points (an
    excitation that hops from A to B), and B_k (U P_k U†) need not sum to one.

    Derived here.
    """
    run = facts.run
    is_passive = facts.ergotropy <= 1e-12 * facts.scale
    why = _reasons(
        (is_passive, f"the state is not passive (ergotropy up to {np.max(facts.ergotropy):.2g})"),
        (facts.is_unital, facts.why_not_unital),
    )
    return facts.row(
        "passive state", "E_B <= E_A", run.injected, run.extracted, is_passive & facts.is_unital, why, "derived here"
    )


def ergotropy_of_state(facts: _Facts) -> Bound:
    """E_B <= E_A + ergotropy of the state, for any state and a unital protocol.

    The final state is majorized by the initial one, so its energy is at least that of the initial state's
    passive rearrangement. Derived here; the row above is the case of zero ergotropy.
    """
    run = facts.run
    return facts.row(
        "ergotropy",
        "E_B <= E_A + ergotropy(rho)",
        run.injected + facts.ergotropy,
        run.extracted,
        facts.is_unital,
        _reasons((facts.is_unital, facts.why_not_unital)),
        "derived here",
    )


def sagawa_ueda(facts: _Facts) -> Bound:
    """E_B - E_A <= T I + F_T(rho) - F_eq(T), for any state, T >= 0, and unital operations of Bob.

    I is the Groenewold–Ozawa information of the whole, for the symbol Bob receives. Proof: F_T of the final
    state is at least F_eq, and its entropy at least Σ p S(rho_k), which is S(rho) - I. For a Gibbs state at T
    the free-energy excess vanishes and E_B - E_A <= T I remains. A closed delay changes nothing.

    References:
        T. Sagawa and M. Ueda, Phys. Rev. Lett. 100, 080403 (2008); the form for any state derived here.
    """
    run = facts.run
    excess = free_energy_excess(facts.H, run.state.density_matrix, facts.T)
    value = facts.T * facts.information.iqc_received + excess
    return facts.row(
        "Sagawa-Ueda",
        "E_B - E_A <= T I + F_T(rho) - F_eq",
        value,
        run.net_work,
        facts.is_Bob_unital,
        _reasons((facts.is_Bob_unital, "Bob's operation is not unital, so it may lower the entropy")),
        "Sagawa & Ueda, PRL 100, 080403 (2008)",
    )


def bob_free_energy(facts: _Facts) -> Bound:
    """E_B <= Σ_k p_k { Tr[h_k rho_k] - T S(rho_k) - F_eq(h_k, T) }, any T >= 0.

    Equal to T chi + [<H_[B]> - T S(rho_B)] - Σ p_k F_eq(h_k). Domain: M_k = |u_k><v_k| (rank one, as a
    projective measurement of all of A), terms that meet B inside A and B, no delay, a perfect message. Then
    Alice is left in u_k, Bob faces the effective Hamiltonian h_k = <u_k|H_[B]|u_k>, and each outcome obeys the
    ordinary free-energy bound; for T > 0 his operation must be unital, at T = 0 any channel will do.

    Derived here.
    """
    run, model = facts.run, facts.run.state.model
    is_inside = all(set(term.operator.support) <= {*model.A, *model.B} for term in model.meeting(model.B))
    M = run.measurement.kraus(model.A)
    left = M @ dagger(M)  # proportional to |u_k><u_k|
    weight = np.real(trace(left))
    is_rank_one = (np.abs(np.real(trace(left @ left)) - weight**2) <= COMPLETENESS_TOLERANCE).all(-1)
    is_cold = np.asarray(facts.T) == 0.0
    why = _reasons(
        (is_inside, "terms that meet B reach beyond A and B"),
        (is_rank_one, "Alice's measurement does not leave her in a pure state"),
        (facts.is_prompt, "there is a delay"),
        (facts.is_heard, "the message is noisy"),
        (facts.is_Bob_unital | is_cold, "Bob's operation is not unital, and T > 0"),
    )
    applies = is_rank_one & (facts.is_Bob_unital | is_cold) & facts.is_prompt & facts.is_heard & is_inside
    return facts.row(
        "Bob's free energy",
        "E_B <= T chi + [<H_[B]> - T S(rho_B)] - <F_eq(h_k)>",
        _conditional_excess(facts, left, weight) if is_inside else np.nan,
        run.extracted,
        applies,
        why,
        "derived here",
    )


def _conditional_excess(facts: _Facts, left: Array, weight: Array) -> Any:
    """Σ_k p_k { Tr[h_k rho_k] - T S(rho_k) - F_eq(h_k, T) }, from left = M_k M_k† = weight |u_k><u_k|."""
    run, model = facts.run, facts.run.state.model
    n, held = len(model.A) + len(model.B), len(model.A)
    H = collect([(s, c) for term in model.meeting(model.B) for s, c in term.operator.terms if s])
    product = kron(left, np.eye(2 ** len(model.B))) @ H.matrix((*model.A, *model.B))[..., None, :, :]
    h = partial_trace(product, range(held, n), n) / np.where(weight > 0.0, weight, 1.0)[..., None, None]
    h = (h + dagger(h)) / 2  # (..., K, d_B, d_B)
    conditional = partial_trace(run.branches, run.patch.B, run.patch.n)
    p = np.real(trace(conditional))
    free = (p * free_energy(h, np.asarray(facts.T)[..., None])).sum(-1)
    return expectation(h, conditional).sum(-1) - facts.T * mean_entropy(conditional) - free


def note_holevo(facts: _Facts) -> Bound:
    """The founding note's E_B <= T chi: no theorem. For the minimal pair it fails below `founding_note_temperature`."""
    return _note(facts, "note, Holevo", "E_B <= T chi", facts.T * facts.information.holevo_B)


def note_groenewold(facts: _Facts) -> Bound:
    """The same with the information of the whole, E_B <= T I: no theorem either."""
    return _note(facts, "note, Groenewold", "E_B <= T I", facts.T * facts.information.iqc)


def _note(facts: _Facts, name: str, says: str, value: Any) -> Bound:
    return facts.row(
        name,
        says,
        value,
        facts.run.extracted,
        facts.has_temperature,
        _reasons((facts.has_temperature, "the state names no temperature; give T=...")),
        "founding note; a claim, not a theorem",
        is_theorem=False,
    )


def hotta_entanglement(facts: _Facts) -> Bound:
    """Entanglement consumed by the measurement is at least c_1 E_B; ground state of the minimal pair, X on A.

    The consumed entanglement is S(rho_A) - Σ p_k S(rho_A^k). See `hotta_least_entanglement`.
    """
    h, k = facts.pair
    value = hotta_least_entanglement(h, k, facts.run.extracted) if facts.is_pair else np.nan
    return facts.row(
        "Hotta, entanglement",
        "ΔS >= c1(h, k) E_B",
        value,
        facts.consumed_entanglement,
        facts.is_hotta,
        _reasons(*facts.hotta),
        "Hotta, arXiv:1002.0200",
        is_upper=False,
        is_entropy=True,
    )


def hotta_energy(facts: _Facts) -> Bound:
    """The best E_B is at least c_2 ΔS, same domain, for a Bob who takes his best. See `hotta_least_energy`."""
    run = facts.run
    h, k = facts.pair
    axis = run.feedback.axis
    is_best = run.feedback.policy == "best" and (axis is None or bool(np.all(np.abs(axis[..., 1]) == 1.0)))
    value = hotta_least_energy(h, k, facts.consumed_entanglement) if facts.is_pair else np.nan
    why = _reasons(*facts.hotta, (is_best, "Bob does not take his best"), (facts.is_heard, "the message is noisy"))
    return facts.row(
        "Hotta, energy",
        "E_B >= c2(h, k) ΔS",
        value,
        run.extracted,
        facts.is_hotta & is_best & facts.is_heard,
        why,
        "Hotta, arXiv:1002.0200",
        is_upper=False,
    )


_ROWS: tuple[Callable[[_Facts], Bound], ...] = (
    passive_state,
    ergotropy_of_state,
    sagawa_ueda,
    bob_free_energy,
    note_holevo,
    note_groenewold,
    hotta_entanglement,
    hotta_energy,
)


@dataclass(frozen=True, eq=False)
class _Facts:
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
        return self.given_T is not None or temperature(self.run.state) is not None

    @cached_property
    def H(self) -> Array:
        """H without its constants: every row compares differences of energy, and a large zero would cost digits."""
        model = self.run.state.model
        return model.dynamics.matrix(model.sites)

    @cached_property
    def scale(self) -> Any:
        """Σ|c| over the Pauli strings of H, an upper bound on its norm."""
        return sum((np.abs(c) for string, c in self.run.state.model.H.terms if string), np.zeros(()))

    @property
    def tolerance(self) -> Any:
        """Slack of an energy that counts as equality: rounding of energies and of T times entropies, in their units."""
        return _ROUNDING * (self.scale + 1e-3 * np.asarray(self.T)) + self.run.state.precision

    @cached_property
    def information(self) -> Information:
        return information(self.run)

    @cached_property
    def ergotropy(self) -> Array:
        return np.asarray(ergotropy(self.H, self.run.state.density_matrix))

    @property
    def is_closed(self) -> bool:
        """Whether nothing but H acts between Alice and Bob."""
        return not (self.run.has_delay and self.run.surroundings)

    @property
    def is_prompt(self) -> Array:
        return np.asarray(np.asarray(self.run.delay) == 0.0)

    @property
    def is_heard(self) -> Array:
        """Whether the message arrives as sent."""
        message = self.run.message
        if message is None:
            return np.array(True)
        return _is_identity(message) if message.shape[-1] == message.shape[-2] else np.array(False)

    @cached_property
    def is_Bob_unital(self) -> Array:
        K = self.run.bob
        return np.asarray(_is_identity((K @ dagger(K)).sum(-3)).all(-1))

    @cached_property
    def is_unital(self) -> Array:
        """Whether the whole protocol, message, delay and all, maps the identity to the identity."""
        run = self.run
        states = run.kraus @ dagger(run.kraus)
        if run.has_delay:
            U = expm_hermitian(self.H, run.delay)[..., None, :, :]
            states = U @ states @ dagger(U)
        if run.message is not None:
            states = np.einsum("...mk,...kij->...mij", run.message, states)
        return _is_identity(policies.apply(run.patch, run.bob, states).sum(-3))

    @property
    def why_not_unital(self) -> str:
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
            is_X = _is_identity(np.abs(along @ PAULI_X)) & _is_identity(M.sum(-3))
        return (
            (detuning <= 1e-12 * self.scale, "the pair is detuned"),
            (fidelity >= 1 - 1e-12, "the state is not the ground state"),
            (is_X, "Alice does not project on X"),
            (self.is_prompt, "there is a delay"),
        )

    @property
    def is_hotta(self) -> Any:
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
    ) -> Bound:
        """A row at every point of the run; it bounds an energy, or an entropy in nats.

        None of the bounds here counts heat, so none applies where reservoirs act during the delay.
        """
        if not self.is_closed:
            applies, why_not = False, "reservoirs act during the delay"

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


def _is_identity(matrices: Array) -> Array:
    deviation = np.abs(matrices - np.eye(matrices.shape[-1])).max((-1, -2))
    return np.asarray(deviation <= COMPLETENESS_TOLERANCE)


def _reasons(*facts: tuple[Any, str]) -> str:
    """The reasons whose fact fails at some point, joined."""
    return "; ".join(reason for fact, reason in facts if not np.all(fact))
