"""Claims on information and on what the measurement does: I_QC, Holevo, entanglement, the rectified fluctuations."""

from __future__ import annotations

import numpy as np

from qet.foundations.linalg import entropy, partial_trace
from qet.physics.feedback import feedback
from qet.physics.models import minimal
from qet.protocols.entropies import mean_entropy
from qet.protocols.information import information
from qet.protocols.run import Run
from qet.protocols.teleport import teleport
from qet.solvers.prepare import gibbs, ground, state
from qet.studies.claims import by_cases, count, reworded, share, within
from qet.studies.literature.entry import Claim

from .ensembles import SEED, random_matrices, random_sets
from .sources import OURS, note

Array = np.ndarray
NOTE = note("1.3")
TOLERANCE = 1e-10


def _note_formula(run: Run) -> Array:
    """S(rho_B) - Σ p_k S(rho_B^k), rho_B before the measurement, as the note writes it."""
    patch = run.patch
    before = partial_trace(patch.rho, patch.B, patch.n)
    return np.asarray(entropy(before) - mean_entropy(partial_trace(run.branches, patch.B, patch.n)))


def iqc_is_holevo() -> Claim:
    """I1: the note's formula against the Holevo quantity, without and with a delay."""
    n = 2000
    sets = random_sets(n, equal_T=True, seed=SEED + 40)
    runs = [teleport(gibbs(sets.model, T=sets.T_A)), teleport(state(sets.model, random_matrices(n, SEED + 41)))]
    off = np.concatenate([np.abs(_note_formula(run) - information(run).holevo_B) for run in runs])
    late = teleport(ground(minimal(h=1.0, k=0.5)), delay=1.0)
    formula, chi = float(_note_formula(late)), float(information(late).holevo_B)
    differs = off > TOLERANCE
    better = by_cases(np.append(off <= TOLERANCE, abs(formula - chi) > 0.1))
    return Claim(
        "I1",
        "I_QC(M:B) = S(rho_B) - Σ p_k S(rho_B^k) resembles the Holevo quantity but is not it.",
        NOTE,
        f"{sets.text}; their Gibbs states, and as many random states, seed {SEED + 41}; with a delay: ground state, "
        "eps = 1, kappa = .5, t = 1",
        f"literal: differs from Bob's Holevo quantity by more than {TOLERANCE:.0e}; reworded: equal when no time "
        "passes, not after a delay",
        {"statement": reworded(by_cases(differs), better)},
        f"without a delay it differs in {count(differs)} (largest deviation {off.max():.0e}); after t = 1 the "
        f"formula gives {formula:.3f}, chi is {chi:.3f}",
        {"deviation": off.max(), "formula": formula, "chi": chi},
    )


def groenewold_identity() -> Claim:
    """I2: I_QC(AB) = chi + S(A|B), and it is not Holevo."""
    n = 2000
    sets = random_sets(n, seed=SEED + 42)
    run = teleport(state(sets.model, random_matrices(n, SEED + 43)))
    known = information(run)
    off = np.abs(known.iqc - known.holevo_B - (known.S_AB - known.S_B))
    same = np.abs(known.iqc - known.holevo_B) <= 1e-6
    return Claim(
        "I2",
        "The information of the measured system (Groenewold-Ozawa) is I_QC(AB) = chi + S(A|B) for rank-one "
        "projectors on A.",
        OURS,
        f"{n} random complex states, seed {SEED + 43}",
        f"identity to {TOLERANCE:.0e}; how often I_QC(AB) and chi agree to 1e-6",
        {"statement": within(off, TOLERANCE)},
        f"largest deviation {off.max():.0e}; I_QC(AB) equals chi in {count(same)}",
        {"deviation": off.max()},
    )


def ground_state_information() -> Claim:
    """I3: at zero temperature the whole tells nothing and Bob's ensemble tells all."""
    sets = random_sets(500, seed=SEED + 44)
    known = information(teleport(ground(sets.model)))
    zero, all_of_B = np.abs(known.iqc), np.abs(known.holevo_B - known.S_B)
    told = (zero <= TOLERANCE) & (all_of_B <= TOLERANCE) & (known.holevo_B > 1e-3)
    return Claim(
        "I3",
        "In the ground state I_QC(AB) = 0 while chi = S(rho_B) > 0.",
        OURS,
        f"{sets.text} (their pairs)",
        f"tolerance {TOLERANCE:.0e}",
        {"statement": by_cases(told)},
        f"in {count(told)}; largest |I_QC(AB)| {zero.max():.0e}, smallest chi {known.holevo_B.min():.1e}",
        {"iqc": zero.max(), "chi": known.holevo_B.min()},
    )


def henderson_vedral() -> Claim:
    """I4: the Holevo quantity maximized over Alice's axis."""
    n = 30
    sets = random_sets(n, seed=SEED + 45)
    draw = np.random.default_rng(SEED + 46)
    axes = draw.normal(size=(4000, 3))
    rho = random_matrices(n, SEED + 47)
    best = information(teleport(state(sets.model, rho))).classical_correlation
    model = minimal(h=1.0, k=0.5)
    found = information(teleport(state(model, rho[:, None]), measure=axes)).holevo_B.max(-1)
    off = best - found
    reached = (off >= -TOLERANCE) & (off <= 0.01 * best)
    return Claim(
        "I4",
        "Maximized over Alice's projective measurements chi is the Henderson-Vedral classical correlation.",
        OURS,
        f"{n} random complex states, seed {SEED + 47}; {axes.shape[0]} random axes each, seed {SEED + 46}",
        "never exceeded, and reached to 1 %, by the best of the axes",
        {"statement": by_cases(reached)},
        f"in {count(reached)}; excess at most {max(0.0, float(-off.min())):.0e}, shortfall at most {off.max():.1e}",
        {"shortfall": off.max()},
    )


def measurement_breaks_entanglement() -> Claim:
    """I5: entanglement before and after Alice's act."""
    sets = random_sets(2000, equal_T=True, seed=SEED + 48)
    run = teleport(gibbs(sets.model, T=sets.T_A))
    stages = information(run).concurrence
    had = stages.before > 1e-6
    broken = (np.abs(stages.after) <= 1e-9) & (np.abs(stages.per_outcome) <= 1e-7).all(-1)
    without = run.extracted > 1e-6
    return Claim(
        "I5",
        "Alice's measurement breaks the entanglement.",
        NOTE,
        sets.text + "; Gibbs states, X projected",
        "concurrence before, on average after, and for each outcome; broken: below 1e-9 (1e-7 for an outcome)",
        {"statement": by_cases(broken[had])},
        f"{count(had)} states are entangled before, {count(broken[had])} of these have none after, on average and "
        f"for each outcome; E_B > 1e-6 also in {count(without[~had])} states that were not entangled",
        {"entangled": int(had.sum()), "broken": share(broken[had])},
    )


def rectified_fluctuations() -> Claim:
    """I6: what the message makes of Bob's fluctuations."""
    sets = random_sets(500, equal_T=True, seed=SEED + 49, T=(0.05, 1.0))
    start = gibbs(sets.model, T=sets.T_A)
    run = teleport(start)
    mean, spread = run.work.mean, np.sqrt(np.maximum(run.work.variance, 0.0))
    deaf = teleport(start, feedback=feedback(unitaries=run.operations), message_error=0.5)
    side = np.abs(2 * np.real(partial_trace(run.branches, run.patch.B, run.patch.n))[..., 0, 1])
    unsigned = np.abs(np.real(partial_trace(run.patch.rho, run.patch.B, run.patch.n))[..., 0, 1])
    rectified = (mean > 0.0).all(-1) & (run.local <= 1e-12) & (deaf.extracted < 0.0)
    ratio = mean[..., 0] / spread[..., 0]
    return Claim(
        "I6",
        "Bob uses the message to rectify local quantum fluctuations.",
        note("1.2"),
        sets.text + "; Gibbs states",
        "work of each outcome positive, nothing without the message, and a loss when the same operations follow a "
        "random message",
        {"E_B": by_cases(rectified), "teleported": by_cases(rectified & (run.teleported > 0.0))},
        f"in {count(rectified)}; <X_B> is zero before (at most {unsigned.max():.0e}), p_k |<X_B>_k| at least "
        f"{side.min():.1e} once the outcome is known; both outcomes give the same mean work, {np.median(ratio):.2f} "
        "of its standard deviation (median)",
        {"share": share(rectified), "ratio": np.median(ratio)},
    )


CLAIMS = (
    iqc_is_holevo,
    groenewold_identity,
    ground_state_information,
    henderson_vedral,
    measurement_breaks_entanglement,
    rectified_fluctuations,
)
