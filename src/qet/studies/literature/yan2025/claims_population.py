"""Claims on the most populated eigenstate: when it speaks for the mixture, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qet.physics.feedback import feedback
from qet.physics.models import minimal
from qet.protocols.run import Run
from qet.protocols.teleport import teleport
from qet.solvers.prepare import eigenstate, gibbs, state
from qet.solvers.steady import steady
from qet.studies.claims import by_cases, count, reworded, share, threshold_for, within
from qet.studies.literature.entry import Claim

from .closed_forms import ClosedForms
from .ensembles import KAPPA, SEED, baths, random_sets
from .sources import OURS, PAPER, note

Array = np.ndarray
BOTH = f"{PAPER}; {note('2.1')}"
STEP = 1e-4  # of Delta in a central difference
BINS = (0.0, 0.6, 0.8, 0.95, 1.0)
RATE = 1e-3


@dataclass(frozen=True, eq=False)
class Populations:
    """Equilibrium states at Delta - STEP, Delta, Delta + STEP (first axis), bosons then fermions (last axis).

    Attributes:
        forms: Closed forms at the three detunings.
        p: Populations at Delta, order e-, o-, o+, e+, shape (n, 4).
        E_B, teleported: Of the mixtures, shape (3, n).
        is_fermion: Shape (n,).
        text: The ensemble.
    """

    forms: ClosedForms
    p: Array
    E_B: Array
    teleported: Array
    is_fermion: Array
    text: str

    @property
    def dominant(self) -> Array:
        """Index of the most populated level, shape (n,)."""
        return np.asarray(self.p.argmax(-1))

    def of_dominant(self, levels: Array) -> Array:
        """One column of an array (3, n, 4) of per-level values: the most populated level's."""
        return np.asarray(np.take_along_axis(levels, self.dominant[None, :, None], axis=-1)[..., 0])


@lru_cache(maxsize=1)
def populations(n: int = 4000) -> Populations:
    """n bosonic and n fermionic equilibria at Omega = 2."""
    draw = np.random.default_rng(SEED + 3)
    Delta, kappa = draw.uniform(-1.9, 1.9, 2 * n), draw.uniform(*KAPPA, 2 * n)
    T, mu = draw.uniform(0.05, 1.0, 2 * n), draw.uniform(0.0, 4.0, 2 * n)
    steps = np.array([-STEP, 0.0, STEP])[:, None]
    forms = ClosedForms(1 + (Delta + steps) / 2, 1 - (Delta + steps) / 2, kappa)
    runs = []
    for part, is_fermion in ((slice(0, n), False), (slice(n, 2 * n), True)):
        pairs = minimal(h=1.0, k=kappa[part], detuning=forms.Delta[:, part])
        potentials = (mu[part], mu[part]) if is_fermion else None
        runs.append(teleport(steady(pairs, baths(T[part], T[part], RATE, mu=potentials), master="redfield")))
    rho = np.concatenate([run.state.density_matrix[1] for run in runs])
    p = np.real(np.diagonal(forms.at(1).in_levels(rho), axis1=-2, axis2=-1))
    E_B, teleported = (np.concatenate([getattr(run, q) for run in runs], axis=-1) for q in ("extracted", "teleported"))
    text = (
        f"{n} bosonic and {n} fermionic equilibria (Redfield, two equal baths, rate {RATE}): Omega = 2, Delta "
        f"uniform -1.9 to 1.9, kappa uniform {KAPPA[0]}-{KAPPA[1]}, T uniform 0.05-1, mu uniform 0-4, seed {SEED + 3}"
    )
    return Populations(forms, p, E_B, teleported, np.arange(2 * n) >= n, text)


def _same_trend(found: Populations, values: Array, levels: Array) -> Array:
    """Whether the mixture's value and the most populated level's value move the same way with Delta."""
    own = found.of_dominant(levels)
    return np.asarray(np.sign(values[2] - values[0]) == np.sign(own[2] - own[0]))


def most_populated() -> Claim:
    """C4: sign of dE/dDelta of the mixture against that of the most populated eigenstate."""
    found = populations()
    forms, p_max = found.forms, found.p.max(-1)
    same = _same_trend(found, found.E_B, forms.outputs)
    same_teleported = _same_trend(found, found.teleported, forms.outputs - forms.local_parts)
    by_bin = {
        kind: [
            share(same[(found.is_fermion == flag) & (p_max > low) & (p_max <= high)])
            for low, high in zip(BINS[:-1], BINS[1:], strict=True)
        ]
        for kind, flag in (("bosons", False), ("fermions", True))
    }
    spelled = "; ".join(
        f"{kind} " + "/".join(f"{100 * s:.1f}" for s in reversed(values)) for kind, values in by_bin.items()
    )
    limit, limit_teleported = threshold_for(same, p_max), threshold_for(same_teleported, p_max)
    return Claim(
        "C4",
        "The output of a mixture often follows the most populated eigenstate.",
        BOTH,
        found.text + f"; central difference of step {STEP} in Delta",
        "whether dE/dDelta has the sign that the most populated eigenstate alone has",
        {"E_B": by_cases(same), "teleported": by_cases(same_teleported)},
        f"same sign, in %, at p_max > .95 / .8-.95 / .6-.8 / below: {spelled}; at least 95 % of cases above p_max = "
        f"{limit:.2f} for E_B, above {limit_teleported:.2f} for the teleported part",
        {"shares": by_bin, "threshold": limit, "threshold_teleported": limit_teleported},
    )


def staircase() -> Claim:
    """C4a: the fermionic staircase at low temperature."""
    forms = ClosedForms(1.0, 1.0, 0.5)
    w1, w2 = (float(w) for w in forms.modes)
    mu = np.array([w1 / 2, (w1 + w2) / 2, w2 + w1 / 2])
    run = teleport(steady(minimal(h=1.0, k=0.5), baths(0.05, 0.05, RATE, mu=(mu, mu)), master="redfield"))
    E, local = forms.outputs[[0, 1, 3]], forms.local_parts[[0, 1, 3]]
    off = {"E_B": run.extracted / E - 1, "teleported": run.teleported / (E - local) - 1, "local": run.local - local}
    return Claim(
        "C4a",
        "Fermions at one chemical potential give a staircase in mu: e-, then o-, then e+ decides the output.",
        OURS,
        f"eps_A = eps_B = 1, kappa = 0.5, T = 0.05, mu = {mu[0]:.2f}, {mu[1]:.2f}, {mu[2]:.2f} (the plateaus' middles)",
        "Redfield equilibrium against the single eigenstate's output; relative tolerance 1e-3",
        {name: within(value, 1e-3) for name, value in off.items()},
        f"E_B = {', '.join(f'{e:.4f}' for e in run.extracted)} on the plateaus split at w1 = {w1:.3f}, w2 = {w2:.3f} "
        f"(eigenstates {', '.join(f'{e:.4f}' for e in E)}); teleported "
        f"{', '.join(f'{e:.4f}' for e in run.teleported)}",
        {"E_B": run.extracted, "teleported": run.teleported, "w": [w1, w2]},
    )


def cancellation() -> Claim:
    """C4': outputs of occupied eigenstates cancel."""
    forms = ClosedForms(1.0, 1.0, 0.5)
    point = steady(minimal(h=1.0, k=0.5), baths(0.2, 0.2, RATE, mu=(1.075, 1.075)), master="redfield")
    run = teleport(point)
    p = np.real(np.diagonal(forms.in_levels(point.density_matrix)))
    heated = gibbs(minimal(h=1.0, k=0.5, detuning=np.array([1.0, 1.6])), T=0.5)
    hot, cold = teleport(heated).extracted, teleport(eigenstate(heated.model, 0)).extracted
    lost = run.extracted / forms.outputs[:2].min()
    tele = run.teleported / (forms.outputs - forms.local_parts)[:2].min()
    return Claim(
        "C4'",
        "The rule of the most populated eigenstate can fail completely: outputs cancel.",
        OURS,
        "fermions, eps_A = eps_B = 1, kappa = 0.5, T = 0.2, mu = 1.075; bosons, Omega = 2, T = 0.5, Delta = 1 and 1.6",
        "output of the mixture below 1e-3 of the smaller output of the two occupied eigenstates",
        {"E_B": by_cases(lost < 1e-3), "teleported": by_cases(tele < 1e-3)},
        f"p = ({', '.join(f'{x:.3f}' for x in p)}), E_B = {run.extracted:.1e} although the occupied e-, o- give "
        f"{forms.outputs[0]:.4f} and {forms.outputs[1]:.4f}; bosons: ground-state output {cold[0]:.3f} -> "
        f"{cold[1]:.3f}, Gibbs {hot[0]:.4f} -> {hot[1]:.4f}",
        {"p": p, "E_B": run.extracted, "ground": cold, "gibbs": hot},
    )


def cancellation_rule() -> Claim:
    """C4'': the two directions add as vectors."""
    found = populations()
    p = found.p
    middle = found.forms.at(1)
    Pe, Po = (p[:, 3] - p[:, 0])[:, None], (p[:, 2] - p[:, 1])[:, None]
    v = Pe * np.stack([middle.Omega, 2 * middle.kappa], -1) / middle.R[:, None]
    v = v + Po * np.stack([-middle.Delta, 2 * middle.kappa], -1) / middle.r[:, None]
    Z, X = v[:, 0], v[:, 1]
    deviation = np.abs(middle.output(Z, X) - found.E_B[1])
    tele = np.abs(middle.output(Z, X) - middle.local(Z, X) - found.teleported[1])
    return Claim(
        "C4''",
        "The exact rule at equilibrium: v = Pe v(e+) + Po v(o+) and E_B = |w||v| + w·v; it vanishes where v opposes w.",
        OURS,
        found.text,
        "the vector rule from populations alone against the protocol; tolerance 1e-10",
        {"E_B": within(deviation, 1e-10), "teleported": within(tele, 1e-10)},
        f"largest deviations {deviation.max():.1e} (E_B), {tele.max():.1e} (teleported)",
        {"deviation": deviation.max()},
    )


def highest_population_value() -> Claim:
    """N1: the note's highest-population rule for the value itself."""
    found = populations()
    forms, p_max = found.forms, found.p.max(-1)
    own = found.of_dominant(forms.outputs)[1]
    own_teleported = found.of_dominant(forms.outputs - forms.local_parts)[1]
    own_local = own - own_teleported
    local = found.E_B[1] - found.teleported[1]
    near = np.abs(found.E_B[1] - own) <= 0.1 * own
    near_teleported = np.abs(found.teleported[1] - own_teleported) <= 0.1 * own_teleported
    near_local = np.abs(local - own_local) <= 0.1 * own_local + 1e-12
    limits = [threshold_for(x, p_max) for x in (near, near_teleported, near_local)]
    return Claim(
        "N1",
        "Highest-population rule: the output of a mixture is mainly that of its most populated eigenstate.",
        note("2.1"),
        found.text,
        "mixture's value within 10 % of the most populated eigenstate's value",
        {"E_B": by_cases(near), "teleported": by_cases(near_teleported), "local": by_cases(near_local)},
        f"within 10 %: E_B {count(near)}, teleported {count(near_teleported)}, local {count(near_local)}; in at "
        f"least 95 % of cases only above p_max = {limits[0]:.3f}, {limits[1]:.3f}, {limits[2]:.3f}",
        {"shares": [share(near), share(near_teleported), share(near_local)], "thresholds": limits},
    )


def population_sum() -> Claim:
    """N2: E_ext = p0 E_gain + Σ p_n E_loss, exact for one angle, a bound for the best one."""
    sets = random_sets(2000, equal_T=True)
    forms = ClosedForms(sets.eps_A, sets.eps_B, sets.kappa)
    mixture = gibbs(sets.model, T=sets.T_A)
    p = np.real(np.diagonal(forms.in_levels(mixture.density_matrix), axis1=-2, axis2=-1))
    angle = forms.angle(forms.Z_levels[:, 0], forms.X_levels[:, 0])
    fixed: Run = teleport(mixture, feedback=feedback(angle=angle, axis="Y"))
    columns = forms.vectors.swapaxes(-1, -2)  # level first, shape (n, 4, 4)
    rule = feedback(angle=angle, axis="Y")
    levels = np.stack([teleport(state(sets.model, columns[:, i]), feedback=rule).extracted for i in range(4)], -1)
    exact = np.abs((p * levels).sum(-1) - fixed.extracted)
    best = teleport(mixture)
    bound = (p * forms.outputs).sum(-1)
    equal = np.abs(bound - best.extracted) <= 0.01 * best.extracted
    tele = np.abs((p * (forms.outputs - forms.local_parts)).sum(-1) - best.teleported) <= 0.01 * best.teleported
    fixed_verdict = within(exact, 1e-12)
    return Claim(
        "N2",
        "E_ext ≈ p0 E_gain(0) + Σ_{n>0} p_n E_loss(n).",
        note("2.1"),
        sets.text + "; Gibbs states",
        "literal: Σ p_n E_B(n) at the best angles within 1 % of the mixture's best; reworded: at one angle (the "
        "ground state's) an identity to 1e-12",
        {"E_B": reworded(by_cases(equal), fixed_verdict), "teleported": reworded(by_cases(tele), fixed_verdict)},
        f"at the ground state's angle exact (largest deviation {exact.max():.0e}); at the best angle within 1 % in "
        f"{count(equal)} and always an upper bound ({count(bound >= best.extracted - 1e-12)})",
        {"deviation": exact.max(), "share": share(equal)},
    )


CLAIMS = (
    most_populated,
    staircase,
    cancellation,
    cancellation_rule,
    highest_population_value,
    population_sum,
)
