"""Bounds from what Bob's operators allow: the lowest level of his terms, the best of a class, the flow of time.

They hold for any state and any target, and need no more than the patch. Derived here; the best operations are those of
`best` and `channel`, with their certificates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged, NotOffered, TooLarge
from qet.foundations.linalg import dagger, expectation
from qet.physics.feedback import feedback

from .bound_facts import Facts, reasons, span_of
from .bound_table import Bound


def bob_floor(facts: Facts) -> Bound:
    """E_B - leak <= <H_[B]> - λ_min(H_[B]), the mean in the unmeasured state at Bob's time; any state, any operations.

    Bob's operation changes the terms that meet B alone, and leaves them at no less than their lowest level: E_B <=
    Tr[H_[B] s] - λ_min. What of Tr[H_[B] s] Alice brought there is the leak. The ground state of the minimal pair
    with X measured reaches it: the pair's H_[B] has the lowest level -sqrt(h² + 4k²).
    """
    run = facts.run
    H = run.patch.H_B
    value = expectation(H, run.unmeasured) - np.linalg.eigvalsh(H)[..., 0]
    quantity = run.extracted - run.leak
    return facts.row(
        "Bob's floor",
        "E_B - leak <= <H_[B]> - λ_min(H_[B])",
        value,
        quantity,
        True,
        "",
        "derived here",
        is_general=True,
    )


def best_unital(facts: Facts) -> Bound:
    """E_B <= the best unital operation, certified; for a Bob whose operations are unital.

    For one qubit unital maps are mixtures of unitaries (arXiv:math-ph/0101003), so this is the best rotation.
    """
    domain = (facts.is_Bob_unital, "Bob's operation is not unital")
    return _best(facts, "best unital", "E_B <= best unital operation", "unital", domain)


def best_channel_of_all(facts: Facts) -> Bound:
    """E_B <= the best channel, by the dual value of the semidefinite program; for any Bob."""
    return _best(facts, "best channel", "E_B <= best channel", "channel", (True, ""))


def _best(facts: Facts, name: str, says: str, operations: str, domain: tuple[Any, str]) -> Bound:
    run = facts.run
    applies, why = domain[0], reasons(domain)
    try:
        value = replace(run, feedback=feedback("best", operations=operations)).optimum.bound.sum(-1)
    except (NotOffered, NotConverged, TooLarge) as error:
        value, applies, why = np.nan, False, str(error)
    return facts.row(name, says, value, run.extracted, applies, why, "derived here", is_general=True)


def natural_evolution(facts: Facts) -> Bound:
    """|leak(t) - leak(0)| <= t (λ_max - λ_min)(i[H, H_[B]]) D(measured, unmeasured): what time alone brings to Bob.

    leak(t) is Tr[H_[B] Δ(t)] with Δ the difference that Alice's measurement makes; its rate is Tr[i[H, H_[B]] Δ(t)],
    and a closed evolution keeps the trace distance D = ½‖Δ‖₁. Domain: H alone acts during the delay.
    """
    run = facts.run
    name, says = "natural evolution", "|leak(t) - leak(0)| <= t span(i[H, H_[B]]) D"
    if not (run.has_delay and facts.is_closed):
        why = "no time passes" if facts.is_closed else "reservoirs act during the delay"
        return facts.row(name, says, np.nan, np.nan, False, why, "derived here", is_general=True)
    if not run.is_written_out:
        return facts.row(name, says, np.nan, np.nan, False, facts.why_no_whole, "derived here", is_general=True)
    H_B, H = run.patch.H_B, facts.H
    rho = run.patch.rho
    difference = (run.kraus @ rho[..., None, :, :] @ dagger(run.kraus)).sum(-3) - rho
    distance = np.abs(np.linalg.eigvalsh(difference)).sum(-1) / 2
    flow = 1j * (H @ H_B - H_B @ H)
    value = np.asarray(run.delay) * span_of(flow) * distance
    quantity = np.abs(run.leak - expectation(H_B, difference))
    return facts.row(name, says, value, quantity, True, "", "derived here", is_general=True)
