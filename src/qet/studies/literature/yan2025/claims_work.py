"""Claims on work: the Sagawa-Ueda bound in its several readings, and which energy is Bob's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qet.physics.feedback import feedback
from qet.physics.measurement import measure
from qet.physics.models import minimal
from qet.protocols.bounds import Bounds, bounds
from qet.protocols.founding_note import founding_note_temperature
from qet.protocols.run import Run
from qet.protocols.teleport import teleport
from qet.solvers.prepare import gibbs, ground
from qet.solvers.states import expect
from qet.solvers.steady import steady
from qet.studies.claims import by_cases, count, reworded, share, where, within
from qet.studies.literature.entry import Claim

from .closed_forms import ClosedForms
from .ensembles import SEED, baths, random_sets, random_unitaries
from .sources import OURS, note

Array = np.ndarray
NOTE = note("1.3")
MANY = 20000


@lru_cache(maxsize=1)
def _gibbs_bounds() -> tuple[str, Array, Run, Bounds]:
    """Many Gibbs states with the bounds on them, which several claims read."""
    sets = random_sets(MANY, seed=SEED + 60, equal_T=True)
    run = teleport(gibbs(sets.model, T=sets.T_A))
    return sets.text + "; Gibbs states", sets.T_A, run, bounds(run)


def net_work() -> Claim:
    """W1: Sagawa-Ueda for the net work."""
    text, _, run, table = _gibbs_bounds()
    row = table["Sagawa-Ueda"]
    return Claim(
        "W1",
        "W_ext <= -ΔF + kT I_QC for the net work E_B - E_A, with F and I of A and B together.",
        f"Sagawa and Ueda; {NOTE}, read so",
        text,
        "E_B - E_A <= T I_QC(AB), ΔF = 0 for a cyclic H",
        {"statement": by_cases(row.holds)},
        f"kept in {count(row.holds)}; net work is never positive here (largest {run.net_work.max():.1e}), so the "
        "bound has no bite",
        {"share": share(row.holds), "largest": run.net_work.max()},
    )


def passive_theorem() -> Claim:
    """W2: E_B <= E_A for passive states and bistochastic Alice."""
    n = 4000
    sets = random_sets(n, seed=SEED + 61, equal_T=True)
    draw = np.random.default_rng(SEED + 62)
    start = gibbs(sets.model, T=sets.T_A)
    runs = [teleport(start), teleport(start, measure=draw.normal(size=(n, 3)))]
    U = random_unitaries(3 * n, SEED + 63).reshape(n, 3, 2, 2)
    weights = draw.dirichlet(np.ones(3), size=n)
    runs.append(teleport(start, measure=measure(kraus=np.sqrt(weights)[..., None, None] * U)))
    kept = np.concatenate([run.extracted <= run.injected + 1e-12 for run in runs])
    tele = np.concatenate([run.teleported <= run.injected + 1e-12 for run in runs])
    return Claim(
        "W2",
        "E_B <= E_A for every passive state when Alice's instrument is bistochastic (any projective one) and Bob's "
        "operations unital.",
        OURS,
        f"{sets.text}; Gibbs states; Alice: X, random axes, random mixtures of three unitaries, seeds {SEED + 62}, "
        f"{SEED + 63}",
        "E_B <= E_A to 1e-12",
        {"E_B": by_cases(kept), "teleported": by_cases(tele)},
        f"kept in {count(kept)}",
        {"share": share(kept)},
    )


def non_unital_alice() -> Claim:
    """W3: where the bound bites."""
    n = 1000
    sets = random_sets(n, seed=SEED + 64, equal_T=True)
    down, empty = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    kraus = np.stack([np.outer(down, down), np.outer(down, empty)])
    run = teleport(gibbs(sets.model, T=sets.T_A), measure=measure(kraus=kraus))
    gains = run.net_work > 1e-12
    kept = bounds(run)["Sagawa-Ueda"].holds
    paid = run.injected[gains] < 0.0
    there = where(gains, sets.features)
    return Claim(
        "W3",
        "The net-work bound bites only for a non-unital Alice, who cools her qubit (|g><g|, |g><e|).",
        OURS,
        sets.text + "; Gibbs states",
        "literal bite: E_B - E_A > 0; all of these with E_A < 0, and the bound kept",
        {"statement": by_cases(np.append(kept, [gains.any(), bool(paid.all())]))},
        f"net work positive in {count(gains)}, of these with E_A < 0 {count(paid) if paid.size else 'none'}; bound "
        f"kept in {count(kept)}; positive {there}",
        {"gains": int(gains.sum()), "kept": share(kept)},
    )


def steady_states() -> Claim:
    """W4: the bound for nonequilibrium steady states, any T."""
    sets = random_sets(1000, seed=SEED + 65)
    run = teleport(steady(sets.model, baths(sets.T_A, sets.T_B, 1e-3), master="redfield"))
    factors = np.array([0.1, 0.5, 1.0, 3.0])
    T = factors[:, None] * np.sqrt(sets.T_A * sets.T_B)
    net, bob = (bounds(run, T=T)[name].holds for name in ("Sagawa-Ueda", "Bob's free energy"))
    return Claim(
        "W4",
        "For steady states: E_B - E_A <= T I_QC(AB) + F_T(rho) - F_eq, and Bob's bound, at any T > 0.",
        OURS,
        f"{sets.text}; Redfield steady states, rate 1e-3; T = {', '.join(f'{f:g}' for f in factors)} times sqrt(T_A "
        "T_B)",
        "both inequalities, tolerance 1e-11",
        {"statement": by_cases(net & bob)},
        f"net work {count(net)}, Bob's share {count(bob)}",
        {"net": share(net), "bob": share(bob)},
    )


def _crossing(information: str) -> str:
    places = ((1.0, 0.5, 0.0), (1.0, 1.0, 0.0), (1.0, 0.5, 1.0))
    values = [float(founding_note_temperature(h, k, d, information=information)) for h, k, d in places]
    first, second, third = (f"{value:.4f}" for value in values)
    return f"T* = {first} (eps = 1, kappa = .5), {second} (1, 1), {third} (eps = (1.5, .5), kappa = .5)"


def _extracted_alone(key: str, row_name: str, information: str, symbol: str) -> Claim:
    text, T, run, table = _gibbs_bounds()
    kept, free = table[row_name].holds, table["Bob's free energy"].holds
    model = run.state.model
    h, k, d = (model.made_by.arguments[name] for name in ("h", "k", "detuning"))
    some = slice(0, 500)
    limit = founding_note_temperature(h[some], k[some], d[some], information=information)
    told = (T[some] < limit) == ~kept[some]
    return Claim(
        key,
        f"W_ext <= kT {symbol} (ΔF = 0) with W_ext the energy E_B that Bob takes out.",
        NOTE,
        text,
        "literal: E_B against T times the information; reworded: with Bob's nonequilibrium free-energy excess added "
        "(W6)",
        {"E_B": reworded(by_cases(kept), by_cases(free))},
        f"violated in {count(~kept)} ({share(~kept):.0%}), namely below T*(h, k) (tells the cases apart in "
        f"{count(told)}): {_crossing(information)}",
        {"violated": share(~kept), "told": share(told)},
    )


def note_with_holevo() -> Claim:
    """W5: the note's bound for E_B with chi."""
    return _extracted_alone("W5", "note, Holevo", "holevo", "chi")


def note_with_groenewold() -> Claim:
    """W5a: the note's bound for E_B with the information of the whole."""
    return _extracted_alone("W5a", "note, Groenewold", "iqc", "I_QC(AB)")


def bob_free_energy() -> Claim:
    """W6: Bob's own bound, and its saturation."""
    text, _, _, table = _gibbs_bounds()
    row = table["Bob's free energy"]
    sets = random_sets(500, seed=SEED + 66)
    cold = bounds(teleport(ground(sets.model)), T=1e-6)["Bob's free energy"]
    slack = np.abs(cold.slack)
    return Claim(
        "W6",
        "E_B <= T chi + [<H_B + V> - T S(rho_B)] - F_eq(h), with equality as T -> 0.",
        OURS,
        f"{text}; ground states of: {sets.text}, T = 1e-6",
        "the inequality, and its slack in the ground state (to 1e-5)",
        {"E_B": by_cases(np.concatenate([row.holds, slack <= 1e-5]))},
        f"kept in {count(row.holds)}; largest slack of the ground states {slack.max():.0e}",
        {"share": share(row.holds), "slack": slack.max()},
    )


def which_energy() -> Claim:
    """D1: H_B or H_B + V."""
    model = minimal(h=1.0, k=1.0)
    forms = ClosedForms(1.0, 1.0, 1.0)
    start = ground(model)
    Z, X = expect(start, "Z1"), expect(start, "X0 X1")
    closed, angle = float(forms.only_H_B(Z, X)), float(np.arctan2(X, -Z) / 2)
    run = teleport(start, feedback=feedback(angle=angle))
    only, paid = float(run.ledger.drop("H_B")), float(run.extracted)
    sets = random_sets(1000, equal_T=True, seed=SEED + 67)
    states = gibbs(sets.model, T=sets.T_A)
    Z, X = expect(states, "Z1"), expect(states, "X0 X1")
    many = teleport(states, feedback=feedback(angle=np.arctan2(sets.eps_B * X, -sets.eps_B * Z) / 2))
    drop, work = many.ledger.drop("H_B"), many.ledger.drop("H_B", "V")
    same = np.abs(drop - many.extracted) <= 0.01 * np.abs(drop)
    ledger = within(work - many.extracted, 1e-12)
    return Claim(
        "D1",
        "Bob's energy is ΔE_B = Tr[H_B(...)], of H_B alone.",
        note("3"),
        f"eps_A = eps_B = kappa = 1, ground state; {sets.text}; Gibbs states, angle best for H_B alone",
        "literal: the drop of H_B equals the energy Bob takes out to 1 %; reworded: the drop of H_B + V does, to 1e-12",
        {"statement": reworded(by_cases(same), ledger)},
        f"at its own optimum (angle {angle:.4f}) H_B drops by {only:.4f} (closed form {closed:.4f}) while H_B + V "
        f"gives {paid:.4f}: Bob pays; in the random sets equal in {count(same)}, Bob pays in "
        f"{count(many.extracted < 0)}",
        {"only": only, "paid": paid, "angle": angle},
    )


def passivity_of_bob() -> Claim:
    """D2: passive does not mean least local energy."""
    sets = random_sets(1000, equal_T=True, seed=SEED + 68)
    run = teleport(gibbs(sets.model, T=sets.T_A))
    H_B = sets.eps_B * expect(run.state, "Z1")
    least = np.abs(H_B + sets.eps_B) <= 1e-3 * sets.eps_B
    passive = within(run.local_before, 1e-12)
    return Claim(
        "D2",
        "Passivity: Bob's local energy is at its minimum, so no local unitary lowers it.",
        note("1.1"),
        sets.text + "; Gibbs states",
        "literal: <H_B> within 0.1 % of its minimum -eps_B; reworded: no unitary of Bob's lowers H_B + V (to 1e-12)",
        {"statement": reworded(by_cases(least), passive)},
        f"<H_B> is minimal in {count(least)} (median {np.median(H_B / sets.eps_B):.3f} eps_B); without the message a "
        f"unitary gains at most {run.local_before.max():.0e}",
        {"share": share(least), "local": run.local_before.max()},
    )


def sign_of_passivity() -> Claim:
    """D4: the sign of the note's passivity condition."""
    n = 2000
    sets = random_sets(n, equal_T=True, seed=SEED + 70)
    U = random_unitaries(n, SEED + 71)
    run = teleport(gibbs(sets.model, T=sets.T_A), feedback=feedback(unitaries=np.stack([U, U], axis=1)))
    gained = run.ledger.change("H_B", "V", start="delayed", end="after")
    return Claim(
        "D4",
        "Passivity is ΔE_B <= 0 for every local unitary of Bob's, with ΔE_B = Tr[H (after - before)].",
        note("1.1 with 3"),
        f"{sets.text}; Gibbs states; one random unitary of Bob's each, whatever the message, seed {SEED + 71}",
        "literal: the energy of H_B + V changes by no more than 1e-12; reworded: Bob extracts nothing, -ΔE_B <= 1e-12",
        {"statement": reworded(by_cases(gained <= 1e-12), by_cases(-gained <= 1e-12))},
        f"ΔE_B is positive in {count(gained > 1e-12)}, between {gained.min():.2g} and {gained.max():.2g}: the sign "
        "is that of energy extracted",
        {"share": share(gained > 1e-12)},
    )


def no_leak() -> Claim:
    """D3: why the reference state does not matter for X."""
    sets = random_sets(1000, equal_T=True, seed=SEED + 69)
    start = gibbs(sets.model, T=sets.T_A)
    along_X, along_Z = np.abs(teleport(start).leak), np.abs(teleport(start, measure="Z").leak)
    return Claim(
        "D3",
        "ΔE_B may be taken against the state before the measurement instead of before the feedback.",
        note("3"),
        sets.text + "; Gibbs states",
        "change of H_B + V by Alice's measurement alone: along X, which commutes with V, and along Z, which does "
        "not; tolerance 1e-12",
        {"statement": by_cases(np.concatenate([along_X <= 1e-12, along_Z <= 1e-12]))},
        f"largest change: X {along_X.max():.0e}, Z {along_Z.max():.2f}; only because [M_k, V] = 0 for X",
        {"X": along_X.max(), "Z": along_Z.max()},
    )


CLAIMS = (
    net_work,
    passive_theorem,
    non_unital_alice,
    steady_states,
    note_with_holevo,
    note_with_groenewold,
    bob_free_energy,
    which_energy,
    passivity_of_bob,
    sign_of_passivity,
    no_leak,
)
