"""Every inequality a run can be held against, each with its domain, its slack and its verdict.

A bound is a theorem inside its domain and silent outside; whether a run lies inside is
computed, not typed in. Two rows are no theorems: E_B <= T I, with either of two
informations, is a claim of the note that this package grew from (see `founding_note`). It
fails at low temperature, and is printed with its verdict at the points at hand.

Energies: E_A is `run.injected`, E_B is `run.extracted` (all terms that meet B).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import COMPLETENESS_TOLERANCE
from qet.foundations.linalg import dagger, expectation, kron, partial_trace, trace
from qet.foundations.paulis import collect

from .bound_facts import Facts, reasons, temperature
from .bound_table import Bound, Bounds
from .entropies import mean_entropy
from .fluctuation_bounds import efficacy, feedback_jarzynski
from .founding_note import founding_note_temperature
from .inequalities import (
    free_energy,
    free_energy_excess,
    hotta_least_energy,
    hotta_least_entanglement,
)
from .information import check_run
from .news_bounds import distinguishability, holevo_distinguishability, mutual_information, no_news_without_field
from .reach_bounds import best_channel_of_all, best_unital, bob_floor, natural_evolution

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Bound", "Bounds", "bounds", "founding_note_temperature", "temperature"]

Array = np.ndarray


def bounds(run: Run, *, T: Any = None) -> Bounds:
    """Every bound on a run.

    Args:
        run: A run made by `teleport`.
        T: Temperature that enters the thermodynamic bounds, >= 0, broadcasts with the run; they hold for any.
            Default: the Gibbs state's own; the mean over the baths of a steady state; 0 otherwise.

    Returns:
        The table, with rows "passive state", "ergotropy", "Sagawa-Ueda", "Bob's free energy", "note, Holevo",
        "note, Groenewold", "Hotta, entanglement", "Hotta, energy"; what Bob's operators allow: "Bob's floor",
        "best unital", "best channel", "natural evolution"; what the message allows: "distinguishability", "Holevo",
        "mutual information", "no field"; what fluctuates: "efficacy", "feedback Jarzynski".

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
    facts = Facts(run, given)
    return Bounds(tuple(make(facts) for make in _ROWS))


def passive_state(facts: Facts) -> Bound:
    """E_B <= E_A for a passive state, when the whole protocol maps the identity to the identity.

    The map s -> Σ_k B_k(M_k s M_k†) is then unital, so the final state is majorized by the initial one
    (Uhlmann), and a passive state has the least energy of all states it majorizes: E_A - E_B = Tr[H(final)] -
    Tr[H rho] >= 0. Without a delay the map is unital when Σ M M† = 1 and every B_k is; a message error does
    no harm. With a delay it is not: Alice's outcome may then tell where Bob's qubit points (an
    excitation that hops from A to B), and B_k (U P_k U†) need not sum to one.

    Derived here.
    """
    run = facts.run
    name, says = "passive state", "E_B <= E_A"
    if not facts.has_whole and (run.has_delay or not facts.is_thermal):
        return facts.row(name, says, np.nan, run.extracted, False, facts.why_no_whole, "derived here")
    is_passive = np.array(True) if facts.is_thermal else facts.ergotropy <= 1e-12 * facts.scale
    active = "" if facts.is_thermal else f"the state is not passive (ergotropy up to {np.max(facts.ergotropy):.2g})"
    why = reasons((is_passive, active), (facts.is_unital, facts.why_not_unital))
    return facts.row(name, says, run.injected, run.extracted, is_passive & facts.is_unital, why, "derived here")


def ergotropy_of_state(facts: Facts) -> Bound:
    """E_B <= E_A + ergotropy of the state, for any state and a unital protocol.

    The final state is majorized by the initial one, so its energy is at least that of the initial state's
    passive rearrangement. Derived here; the row above is the case of zero ergotropy.
    """
    run = facts.run
    name, says = "ergotropy", "E_B <= E_A + ergotropy(rho)"
    if not facts.has_whole:
        return facts.row(name, says, np.nan, run.extracted, False, facts.why_no_whole, "derived here")
    return facts.row(
        name,
        says,
        run.injected + facts.ergotropy,
        run.extracted,
        facts.is_unital,
        reasons((facts.is_unital, facts.why_not_unital)),
        "derived here",
    )


def sagawa_ueda(facts: Facts) -> Bound:
    """E_B - E_A <= T I + F_T(rho) - F_eq(T), for any state, T >= 0, and unital operations of Bob.

    I is the Groenewold–Ozawa information of the whole, for the symbol Bob receives. Proof: F_T of the final
    state is at least F_eq, and its entropy at least Σ p S(rho_k), which is S(rho) - I. For a Gibbs state at T
    the free-energy excess vanishes and E_B - E_A <= T I remains. A closed delay changes nothing.

    References:
        T. Sagawa and M. Ueda, Phys. Rev. Lett. 100, 080403 (2008); the form for any state derived here.
    """
    run = facts.run
    name, says, source = (
        "Sagawa-Ueda",
        "E_B - E_A <= T I + F_T(rho) - F_eq",
        "Sagawa & Ueda, PRL 100, 080403 (2008)",
    )
    if not facts.has_whole:
        return facts.row(name, says, np.nan, run.net_work, False, facts.why_no_whole, source)
    excess = free_energy_excess(facts.H, run.state.density_matrix, facts.T)
    value = facts.T * facts.information.iqc_received + excess
    return facts.row(
        name,
        says,
        value,
        run.net_work,
        facts.is_Bob_unital,
        reasons((facts.is_Bob_unital, "Bob's operation is not unital, so it may lower the entropy")),
        source,
    )


def bob_free_energy(facts: Facts) -> Bound:
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
    why = reasons(
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


def _conditional_excess(facts: Facts, left: Array, weight: Array) -> Any:
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


def note_holevo(facts: Facts) -> Bound:
    """The founding note's E_B <= T chi: no theorem. For the minimal pair it fails below `founding_note_temperature`."""
    return _note(facts, "note, Holevo", "E_B <= T chi", facts.T * facts.information.holevo_B)


def note_groenewold(facts: Facts) -> Bound:
    """The same with the information of the whole, E_B <= T I: no theorem either."""
    value = facts.T * facts.information.iqc if facts.has_whole else np.nan
    return _note(facts, "note, Groenewold", "E_B <= T I", value, (facts.has_whole, facts.why_no_whole))


def _note(facts: Facts, name: str, says: str, value: Any, condition: tuple[bool, str] = (True, "")) -> Bound:
    return facts.row(
        name,
        says,
        value,
        facts.run.extracted,
        facts.has_temperature and condition[0],
        reasons((facts.has_temperature, "the state names no temperature; give T=..."), condition),
        "founding note; a claim, not a theorem",
        is_theorem=False,
    )


def hotta_entanglement(facts: Facts) -> Bound:
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
        reasons(*facts.hotta),
        "Hotta, arXiv:1002.0200",
        is_upper=False,
        is_entropy=True,
    )


def hotta_energy(facts: Facts) -> Bound:
    """The best E_B is at least c_2 ΔS, same domain, for a Bob who takes his best. See `hotta_least_energy`."""
    run = facts.run
    h, k = facts.pair
    axis = run.feedback.axis
    is_best = run.feedback.policy == "best" and (axis is None or bool(np.all(np.abs(axis[..., 1]) == 1.0)))
    value = hotta_least_energy(h, k, facts.consumed_entanglement) if facts.is_pair else np.nan
    why = reasons(*facts.hotta, (is_best, "Bob does not take his best"), (facts.is_heard, "the message is noisy"))
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


_ROWS: tuple[Callable[[Facts], Bound], ...] = (
    passive_state,
    ergotropy_of_state,
    sagawa_ueda,
    bob_free_energy,
    note_holevo,
    note_groenewold,
    hotta_entanglement,
    hotta_energy,
    bob_floor,
    best_unital,
    best_channel_of_all,
    natural_evolution,
    distinguishability,
    holevo_distinguishability,
    mutual_information,
    no_news_without_field,
    efficacy,
    feedback_jarzynski,
)
