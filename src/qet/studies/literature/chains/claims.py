"""Claims on decay laws, driven chains and the detection of phases, judged by computation."""

from __future__ import annotations

import numpy as np

from qet.physics.models import ising, xxz
from qet.protocols.teleport import teleport
from qet.studies.claims import by_cases, count, reworded, within
from qet.studies.decay import decay_law
from qet.studies.literature.entry import Claim
from qet.studies.phases import phase_point

from .infinite import C_Y, infinite_output, thermal_rate
from .scans import LONG, along, driven, equilibrium, spread

Array = np.ndarray
HERE = "derived here"
INFINITE = "the infinite Ising chain by Toeplitz determinants; Alice measures Y, Bob's best unitary"
TIMES = 2.0  # stated uncertainties within which a fitted number counts as the known one
QUIET = 1e-12  # of an energy that is zero by symmetry, in units of J


def critical() -> Claim:
    """K-crit: the exponent and the amplitude at the critical point."""
    n = np.arange(2, 129)
    E = infinite_output(n)
    free, held = decay_law(n, E), decay_law(n, E, exponent=4.5)
    p, C = free.parameters["p"], held.parameters["C"]
    off = [(p - 4.5) / free.uncertainty["p"], (C - C_Y) / held.uncertainty["C"]]
    is_power = free.law == "power"
    return Claim(
        "K-crit",
        "At the critical point E_B falls off as c n^(-9/2), c = (π/64) 2^(1/6) exp(6 ζ'(-1)) J for Alice measuring Y.",
        "M. Hotta, J. Phys. Soc. Jpn. 78, 034001 (2009), for the exponent, as quoted; the amplitude derived here",
        "distances 2 to 128",
        f"{INFINITE}; decay_law, within {TIMES:g} of its uncertainty",
        {"E_B": by_cases([is_power, *(abs(x) <= TIMES for x in off)])},
        f"{free.law} law with p = {p:.5f} ± {free.uncertainty['p']:.1g}; with p = 9/2 held c = {C:.6f} ± "
        f"{held.uncertainty['C']:.1g} against {C_Y:.6f}",
        {"p": p, "c": C, "c_known": C_Y},
    )


def off_critical() -> Claim:
    """K-off: the laws on both sides of the transition."""
    cases, found = [], []
    for J, p, turns, far in [(J, 3.0, 2.0, 50) for J in (0.6, 0.7, 0.8)] + [
        (1 / g, 6.0, 4.0, 32) for g in (0.6, 0.7, 0.8)
    ]:
        n = np.arange(2, far)
        E = infinite_output(n, J)
        rate = turns * abs(np.log(J))
        fit = decay_law(n[E > 1e-26], E[E > 1e-26], rate=rate)
        cases.append(abs(fit.parameters["p"] - p) <= TIMES * fit.uncertainty["p"])
        found.append(f"{fit.parameters['p']:.2f} ± {fit.uncertainty['p']:.1g} (n -> inf {fit.extrapolated['p']:.2f})")
    return Claim(
        "K-off",
        "Off the critical point an exponential joins: n^-3 (J/g)^(2n) for g > J, n^-6 (g/J)^(4n) for g < J.",
        HERE,
        "J/g = 0.6, 0.7, 0.8, then g/J = 0.6, 0.7, 0.8; distances to 50 and 32, E_B above 1e-26",
        f"{INFINITE}; the power with the exponential held, within {TIMES:g} of its uncertainty",
        {"E_B": by_cases(cases)},
        f"p = {', '.join(found[:3])}; then {', '.join(found[3:])}",
        {"holds": count(cases)},
    )


def heat() -> Claim:
    """K-heat: the thermal length."""
    temperatures, off, laws = (0.1, 0.25, 0.5), [], []
    for T in temperatures:
        n = np.arange(2, 50)
        E = infinite_output(n, T=T)
        fit = decay_law(n[E > 1e-24], E[E > 1e-24])
        laws.append(fit.law)
        off.append((fit.parameters.get("xi", np.nan) - 1 / thermal_rate(T)) / fit.uncertainty.get("xi", np.nan))
    is_law = [law == "exponential" and abs(x) <= TIMES for law, x in zip(laws, off, strict=True)]
    lengths = ", ".join(f"{1 / thermal_rate(T):.4f}" for T in temperatures)
    return Claim(
        "K-heat",
        "At the critical point and T > 0 E_B falls off as exp(-n/ξ), 1/ξ = (1/π) ∫ ln coth(ε/2T) dk + 4 asinh(πT/2J), "
        "with no power.",
        HERE,
        f"T = {', '.join(map(str, temperatures))} J, E_B above 1e-24",
        f"{INFINITE}; decay_law chooses the law; ξ within {TIMES:g} of its uncertainty",
        {"E_B": by_cases(is_law)},
        f"{count(is_law)}: ξ = {lengths}; the fits are off by {', '.join(f'{x:.1f}' for x in off)} of what they state",
        {"xi": [float(1 / thermal_rate(T)) for T in temperatures]},
    )


def ends() -> Claim:
    """K-ends: an open chain against the infinite one."""
    x, data = along(equilibrium(LONG, 1.0), spread(2, LONG // 10, 10))
    excess = data.extracted.values / infinite_output(x) - 1.0
    literal = by_cases(excess <= 0.05)
    share = excess / (x / LONG)
    return Claim(
        "K-ends",
        f"An open critical chain of {LONG} sites shows the law of the infinite chain up to a tenth of its length.",
        HERE,
        f"distances 2 to {LONG // 10}, Alice at site {2 * LONG // 5}",
        "E_B of free fermions over that of the infinite chain, within 5 %; reworded: above by four to eight times n/N",
        {"E_B": reworded(literal, by_cases((share > 4.0) & (share < 8.0)))},
        f"above by {excess[0]:.1%} at n = {x[0]:g} and by {excess[-1]:.0%} at n = {x[-1]:g}: {share.min():.1f} to "
        f"{share.max():.1f} times n/N, the energy density that the ends leave in the middle",
        {"distance": x.tolist(), "excess": excess.tolist()},
    )


def third() -> Claim:
    """K-third: Alice's direction."""
    state, distances = equilibrium(LONG, 1.0), (10, 20, 50)
    gains = {name: along(state, distances, measure=name)[1].extracted.values for name in ("X", "Y")}
    silent = [teleport(state.between(400, 400 + d), measure="Z").extracted for d in distances]
    ratio = gains["X"] / gains["Y"]
    return Claim(
        "K-third",
        "At the critical point, far away, X gives a third of the energy that Y gives, and Z none.",
        HERE,
        f"distances {', '.join(map(str, distances))}, {LONG} sites",
        f"free fermions; the ratio within 1 %, the energy for Z below {QUIET:g} J",
        {"E_B": by_cases([*(np.abs(3 * ratio - 1) < 0.01), *(np.abs(silent) < QUIET)])},
        f"X over Y: {', '.join(f'{r:.4f}' for r in ratio)}; Z: at most {np.max(np.abs(silent)):.0e}",
        {"ratio": ratio.tolist()},
    )


def drives() -> Claim:
    """K-drive: a current does not help over a distance."""
    parts, far_local, laws = [], [], []
    for name, (Jx, Jy, g) in {"XX": (0.5, 0.5, 0.3), "XY": (0.75, 0.25, 0.5)}.items():
        x, data = along(driven(200, Jx, Jy, g), range(2, 13), measure="X")
        fit = decay_law(x, data.extracted.values, error=data.precision.values / 3)
        laws.append(fit.law != "power")
        far_local.append(float(np.max(np.abs(data.local.values) - data.precision.values)))
        parts.append(f"{name}: a factor {np.exp(-np.polyfit(x, np.log(data.extracted.values), 1)[0]):.0f} a site")
    return Claim(
        "K-drive",
        "In chains driven at their ends all of E_B beyond the neighbors is teleported, and it falls off exponentially.",
        HERE,
        "XX and XY chains of 200 sites between unequal drives, distances 2 to 12 as far as resolved",
        "third quantization; local below the precision; decay_law prefers an exponential",
        {"teleported": by_cases(laws), "local": by_cases([x <= 0.0 for x in far_local])},
        "; ".join(parts) + "; the part that needs no message is below the precision",
        {"exponential": count(laws)},
    )


def ising_detector() -> Claim:
    """P-ising: where E_B is largest."""
    g = np.linspace(0.5, 2.0, 301)
    distances = (1, 2, 4, 8, 16, 32)
    curves = np.array([infinite_output(distances, g=x) for x in g])  # (g, distance)
    top = g[curves.argmax(0)]
    small = [float(g[phase_point(ising(n, g=g), apart=3, measure="Y")["extracted"].argmax()]) for n in (8, 12)]
    return Claim(
        "P-ising",
        "E_B is largest at the transition of the Ising chain, and so detects it.",
        "the literature on phases and teleported energy, as quoted (Phys. Rev. D 107, L071502)",
        f"g from 0.5 to 2 J; distances {', '.join(map(str, distances))} of the infinite chain; 8 and 12 sites",
        "the field of the largest E_B within 2 % of J, distance by distance",
        {"E_B": within(top - 1.0, 0.0201)},
        f"largest at g = {', '.join(f'{x:.2f}' for x in top)} J with growing distance: the maximum moves to the "
        f"transition as the distance grows (8 and 12 sites, distance 3: {small[0]:.2f}, {small[1]:.2f})",
        {"top": top.tolist()},
    )


def blind_detector() -> Claim:
    """P-blind: the XXZ chain without a field."""
    Delta = np.array([-0.9, -0.5, 0.1, 0.5, 1.0, 1.5, 3.0])
    quiet = np.abs(phase_point(xxz(8, Delta=Delta))["extracted"])
    heard = phase_point(xxz(8, Delta=Delta, hz=0.5))["extracted"]
    return Claim(
        "P-blind",
        "In the XXZ chain without a field E_B of one-site parties tells the phases apart.",
        "the literature on phases and teleported energy, as quoted; the no-go derived here",
        f"8 sites, Δ = {', '.join(f'{x:g}' for x in Delta)}; for comparison h = 0.5 J",
        f"E_B above {QUIET:g} J",
        {"E_B": by_cases(quiet > QUIET)},
        f"at most {quiet.max():.0e} J: time reversal forbids it for one-spin parties, in every phase; in a field of "
        f"0.5 J E_B reaches {heard.max():.2g} J, at Δ = {Delta[heard.argmax()]:g}",
        {"quiet": quiet.tolist(), "field": heard.tolist()},
    )


CLAIMS = (critical, off_critical, heat, ends, third, drives, ising_detector, blind_detector)
