"""Claims on two different reservoirs: temperature difference, asymmetric rates, chemical potentials."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from qet.physics.models import minimal
from qet.protocols.run import Run
from qet.protocols.teleport import teleport
from qet.solvers.prepare import gibbs
from qet.solvers.steady import steady
from qet.studies.claims import by_cases, count, share, where, within
from qet.studies.literature.entry import Claim

from .closed_forms import ClosedForms
from .ensembles import SEED, Sets, baths, random_sets
from .sources import OURS, PAPER

Array = np.ndarray
RATE = 1e-3
N = 2000
UNIFORM = (0.1, 2.0)  # another distribution of temperatures, to see how much a share depends on it


def secular(model: Any, T_A: Any, T_B: Any, rate_A: Any = RATE, rate_B: Any = None, **options: Any) -> Run:
    """The protocol on the secular steady state of two baths (the zeroth order in the rates)."""
    return teleport(steady(model, baths(T_A, T_B, rate_A, rate_B, **options), master="secular"))


@lru_cache(maxsize=8)
def driven(coupling: str = "exchange", *, is_log: bool = True) -> tuple[Sets, Run, Run, Run, Run]:
    """Random sets, and the secular runs at (T_A, T_B), at the mean T twice, at T_A twice, at T_B twice."""
    sets = random_sets(N, seed=SEED + 5) if is_log else random_sets(N, seed=SEED + 5, T=UNIFORM, is_log=False)
    model, mean = sets.model, (sets.T_A + sets.T_B) / 2
    ends = ((sets.T_A, sets.T_B), (mean, mean), (sets.T_A, sets.T_A), (sets.T_B, sets.T_B))
    driven_run, *others = (secular(model, a, b, coupling=coupling) for a, b in ends)
    return sets, driven_run, others[0], others[1], others[2]


def _by_side(coupling: str, *, is_log: bool) -> tuple[float, float]:
    """Share of sets above equilibrium at the mean T: hot bath on the larger-gap qubit, or on the other."""
    sets, run, mean, _, _ = driven(coupling, is_log=is_log)
    hot = (sets.eps_A - sets.eps_B) * (sets.T_A - sets.T_B) > 0
    better = run.extracted > mean.extracted
    return share(better[hot]), share(better[~hot])


def temperature_difference() -> Claim:
    """C5: enhancement over equilibrium at the mean temperature."""
    sets, run, mean, _, _ = driven()
    better, better_teleported = (getattr(run, q) > getattr(mean, q) for q in ("extracted", "teleported"))
    better_local = run.local > mean.local + 1e-12
    hot = (sets.eps_A - sets.eps_B) * (sets.T_A - sets.T_B) > 0
    sides = {(c, log): _by_side(c, is_log=log) for c in ("exchange", "dipole") for log in (True, False)}
    spelled = {key: f"{inside:.0%}, otherwise {outside:.0%}" for key, (inside, outside) in sides.items()}
    on_larger = where(better[hot], {name: values[hot] for name, values in sets.features.items()})
    pair = minimal(h=1.0, k=0.5, detuning=0.6)
    values = [float(secular(pair, a, b).extracted) for a, b in ((1.0, 0.2), (0.2, 1.0), (0.6, 0.6))]
    return Claim(
        "C5",
        "A temperature difference can enhance the output.",
        PAPER,
        f"{sets.text}; secular steady state, equal rates; the same with T uniform {UNIFORM[0]}-{UNIFORM[1]}",
        "E_B (and its parts) above that of equilibrium at the mean temperature",
        {"E_B": by_cases(better), "teleported": by_cases(better_teleported), "local": by_cases(better_local)},
        f"above in {count(better)} (teleported {count(better_teleported)}, local {count(better_local)}); with the "
        f"hot bath on the larger-gap qubit {spelled['exchange', True]} (dipole {spelled['dipole', True]}); with T "
        f"uniform {spelled['exchange', False]} (dipole {spelled['dipole', False]}); among the former {on_larger}; at "
        f"eps = (1.3, .7), kappa = .5: {values[0]:.4f} at T = (1, .2), {values[1]:.4f} at (.2, 1), {values[2]:.4f} "
        "at (.6, .6)",
        {
            "sides": sides["exchange", True],
            "sides_uniform": sides["exchange", False],
            "sides_dipole_uniform": sides["dipole", False],
            "values": values,
        },
    )


def evenness() -> Claim:
    """C5a: without detuning, sign and size of a temperature difference."""
    sets = random_sets(N, seed=SEED + 6)
    model = minimal(h=sets.eps_A, k=sets.kappa)
    run, back = secular(model, sets.T_A, sets.T_B), secular(model, sets.T_B, sets.T_A)
    odd = {q: np.abs(getattr(run, q) - getattr(back, q)) for q in ("extracted", "teleported")}
    return Claim(
        "C5a",
        "Without detuning and with equal rates the output is even in T_A - T_B.",
        OURS,
        sets.text + "; eps_B set to eps_A; secular steady state",
        "change of the output when the temperatures are exchanged; tolerance 1e-10",
        {"E_B": within(odd["extracted"], 1e-10), "teleported": within(odd["teleported"], 1e-10)},
        f"largest change {odd['extracted'].max():.0e}",
        {"largest": odd["extracted"].max()},
    )


def no_detuning_bound() -> Claim:
    """C5b: without detuning, never better than both equilibria; better than the mean only when hot."""
    n = 5000
    sets = random_sets(n, seed=SEED + 7)
    model = minimal(h=sets.eps_A, k=sets.kappa)
    run = secular(model, sets.T_A, sets.T_B)
    ends = [teleport(gibbs(model, T=T)) for T in (sets.T_A, sets.T_B)]
    mean_T = (sets.T_A + sets.T_B) / 2
    mean = teleport(gibbs(model, T=mean_T))
    rivals = {q: np.maximum(*(getattr(end, q) for end in ends)) for q in ("extracted", "teleported")}
    never = {q: getattr(run, q) <= rival + 1e-12 for q, rival in rivals.items()}
    above = run.extracted > mean.extracted
    w1 = np.hypot(2 * sets.eps_A, 2 * sets.kappa) - 2 * sets.kappa
    there = where(above, {"mean T": mean_T, "mean T over w1": mean_T / w1})
    hot = np.array([0.0, 0.5, 1.0, 1.5])
    series = secular(minimal(h=1.0, k=0.5), 1.0 + hot / 2, 1.0 - hot / 2).extracted
    spelled = ", ".join(f"{value:.5f}" for value in series)
    return Claim(
        "C5b",
        "Without detuning a temperature difference never beats both single-temperature equilibria.",
        OURS,
        sets.text + "; eps_B set to eps_A; secular steady state, equal rates",
        "E_B at most the larger of the two Gibbs outputs",
        {"E_B": by_cases(never["extracted"]), "teleported": by_cases(never["teleported"])},
        f"beats both in {count(~never['extracted'])}; it beats the mean temperature in {count(above)}, {there}; at "
        f"mean T = 1 (eps = 1, kappa = .5) {spelled} for T_A - T_B = 0, .5, 1, 1.5",
        {"beats_both": int((~never["extracted"]).sum()), "series": series},
    )


def beats_both() -> Claim:
    """C5c: with detuning, better than both equilibria."""
    sets, run, _, at_A, at_B = driven()
    beats = {q: getattr(run, q) > np.maximum(getattr(at_A, q), getattr(at_B, q)) for q in ("extracted", "teleported")}
    shares = {
        (c, log): share(r.extracted > np.maximum(a.extracted, b.extracted))
        for c in ("exchange", "dipole")
        for log in (True, False)
        for _, r, _, a, b in [driven(c, is_log=log)]
    }
    point = minimal(h=1.0, k=0.2, detuning=0.7)
    example = secular(point, 3.0, 0.5).extracted
    rivals = teleport(gibbs(point, T=np.array([3.0, 0.5]))).extracted
    there = where(beats["extracted"], sets.features)
    return Claim(
        "C5c",
        "With detuning a temperature difference can beat both equilibria, at T_A and at T_B.",
        OURS,
        f"{sets.text}; secular steady state, equal rates; the same with T uniform {UNIFORM[0]}-{UNIFORM[1]}",
        "output above the larger of the two equilibrium outputs",
        {"E_B": by_cases(beats["extracted"]), "teleported": by_cases(beats["teleported"])},
        f"in {shares['exchange', True]:.1%} of the sets (dipole {shares['dipole', True]:.1%}), with T uniform "
        f"{shares['exchange', False]:.1%} ({shares['dipole', False]:.1%}); {there}; eps = (1.35, .65), kappa = .2, T "
        f"= (3, .5): {example:.4f} against {rivals.max():.4f}",
        {
            "share": shares["exchange", True],
            "uniform": shares["exchange", False],
            "dipole_uniform": shares["dipole", False],
            "example": example,
            "rival": rivals.max(),
        },
    )


def asymmetric_rates() -> Claim:
    """C6: unequal couplings to the two baths."""
    model = minimal(h=1.0, k=0.5, detuning=0.6)
    values = secular(model, 1.0, 0.2, np.array([1.0, 1.0, 5.0]) * RATE, np.array([5.0, 1.0, 1.0]) * RATE).extracted
    sets = random_sets(N, seed=SEED + 5)
    equal = secular(sets.model, sets.T_A, sets.T_B)
    colder_A = sets.T_A < sets.T_B
    rates = np.where(colder_A, 5.0, 1.0) * RATE, np.where(colder_A, 1.0, 5.0) * RATE
    to_colder = secular(sets.model, sets.T_A, sets.T_B, *rates)
    better, better_teleported = (getattr(to_colder, q) > getattr(equal, q) for q in ("extracted", "teleported"))
    there = where(better, sets.features)
    return Claim(
        "C6",
        "Asymmetric couplings to the baths can enhance the output (a stronger coupling to the colder bath).",
        PAPER,
        f"{sets.text}; secular steady state, rate ratio 5 in favor of the colder bath against ratio 1",
        "output above that with equal rates",
        {"E_B": by_cases(better), "teleported": by_cases(better_teleported)},
        f"in {count(better)} (teleported {count(better_teleported)}); {there}; eps = (1.3, .7), T = (1, .2): "
        f"{values[0]:.4f} with rate_B = 5 rate_A, {values[1]:.4f} equal, {values[2]:.4f} with rate_A = 5 rate_B",
        {"values": values, "share": share(better)},
    )


def chemical_potentials() -> Claim:
    """C7: a difference of chemical potentials."""
    sets = random_sets(N, seed=SEED + 8, equal_T=True, T=(0.1, 1.0))
    draw = np.random.default_rng(SEED + 9)
    mu = draw.uniform(-1.0, 4.0, (2, N))
    run = secular(sets.model, sets.T_A, sets.T_A, mu=mu)
    mean = secular(sets.model, sets.T_A, sets.T_A, mu=[mu.mean(0)] * 2)
    better, better_teleported = (getattr(run, q) > getattr(mean, q) for q in ("extracted", "teleported"))
    better_local = run.local > mean.local + 1e-12
    w1, w2 = ClosedForms(sets.eps_A, sets.eps_B, sets.kappa).modes
    middle_mu = mu.mean(0)
    distance = np.minimum(np.abs(middle_mu - w1), np.abs(middle_mu - w2))
    positions = {"distance of the mean mu from w1 or w2": distance, "mu_A - mu_B": mu[0] - mu[1]}
    there = where(better, {**sets.features, **positions})
    low, crossing, plateau = (_against_bias(middle) for middle in (0.0, 1.0, 2.0))
    shifted = np.array([0.5, 1.0]), np.array([1.5, 1.0])
    detuned = secular(minimal(h=1.0, k=0.5, detuning=0.6), 0.2, 0.2, mu=shifted).extracted
    spelled = [", ".join(f"{x:.4f}" for x in values) for values in (low, plateau, crossing)]
    return Claim(
        "C7",
        "A difference of chemical potentials can enhance the output.",
        PAPER,
        f"{sets.text}; fermions, mu_A, mu_B uniform -1 to 4, seed {SEED + 9}; secular steady state, equal rates",
        "output above that of both baths at the mean mu",
        {"E_B": by_cases(better), "teleported": by_cases(better_teleported), "local": by_cases(better_local)},
        f"in {share(better):.0%} (teleported {share(better_teleported):.0%}, local {share(better_local):.0%}), "
        f"{there}; at eps = 1, kappa = .5, T = .2 and |dmu| = 0, 1, 2, 3 it lowers the output on a plateau (mean mu "
        f"0: {spelled[0]}; 2: {spelled[1]}) and raises it at a crossing (1: {spelled[2]}); with Delta = .6, dmu = "
        f"-1: {detuned[0]:.4f} against {detuned[1]:.4f}",
        {
            "share": share(better),
            "teleported": share(better_teleported),
            "low": low,
            "plateau": plateau,
            "crossing": crossing,
            "detuned": detuned,
        },
    )


def _against_bias(mean_mu: float) -> Array:
    """E_B at mu_A - mu_B = 0, 1, 2, 3 about a mean, at eps = 1, kappa = .5, T = .2."""
    bias = np.arange(4.0)
    run = secular(minimal(h=1.0, k=0.5), 0.2, 0.2, mu=(mean_mu + bias / 2, mean_mu - bias / 2))
    return np.asarray(run.extracted)


def boson_efficiency() -> Claim:
    """C9: E_B <= E_A for two boson baths."""
    n = 5000
    sets = random_sets(n, seed=SEED + 10)
    run = secular(sets.model, sets.T_A, sets.T_B)
    less = run.extracted <= run.injected + 1e-12
    has_local = run.local > 1e-12
    inverted = teleport(steady(minimal(h=1.0, k=0.5), baths(0.2, 0.2, RATE, mu=(4.0, 4.0)), master="redfield"))
    return Claim(
        "C9",
        "Between two boson baths Bob never gets more than Alice pays, E_B <= E_A.",
        OURS,
        f"{sets.text}; secular steady state, equal rates",
        "E_B <= E_A to 1e-12; how often there is a local part",
        {"E_B": by_cases(less), "teleported": by_cases(run.teleported <= run.injected + 1e-12)},
        f"E_B <= E_A in {count(less)}; a local part exists in {share(has_local):.2%}; with fermions inverted (mu = "
        f"4, T = .2) E_A = {inverted.injected:.3f}, E_B = {inverted.extracted:.3f}, of it local "
        f"{inverted.local:.3f}, teleported {inverted.teleported:.3f}",
        {
            "share": share(less),
            "has_local": share(has_local),
            "inverted": [inverted.extracted, inverted.local, inverted.teleported],
        },
    )


CLAIMS = (
    temperature_difference,
    evenness,
    no_detuning_bound,
    beats_both,
    asymmetric_rates,
    chemical_potentials,
    boson_efficiency,
)
