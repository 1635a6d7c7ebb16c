"""Claims on the flux alone: a chain that teleports nothing at equilibrium, and only by its heat current otherwise.

Three spins, H = J (σ_0·σ_1 + σ_1·σ_2), isotropic baths on the ends, Alice on site 0, Bob on site 2.

Rotations of all spins are a symmetry, so <σ_1^a σ_2^b> = g δ_ab, <σ_0^c σ_1^a σ_2^b> = χ ε_cab, and single spins have
no mean. Given Alice's outcome ±1 along n, Bob faces the correlations K = J (g 1 ± χ [n]_×), with singular values |J g|
and twice |J| sqrt(g² + χ²). His rotation R leaves tr(R^T K), at least -|J| (2 sqrt(g² + χ²) ± |g|), + where J g <= 0
and the bond holds binding energy, - where it is inverted. Hence

    E_B = 2|J| (sqrt(g² + χ²) - |g|),  E_B0 = 0       for J g <= 0,
    E_B = 2|J| (sqrt(g² + χ²) + |g|),  E_B0 = 4|J g|  for J g > 0 (an inverted bond): teleported is the same.

Bath A changes the energy of the first bond alone, and i[H_12, H_01] has the mean -12 J² χ, so the heat from A is
12 J² χ, exactly. Derived here.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.linalg import dagger
from qet.foundations.paulis import collect, pauli
from qet.physics.measurement import measure
from qet.physics.model import Model
from qet.physics.models import model, xxz
from qet.protocols.teleport import teleport
from qet.solvers.prepare import gibbs
from qet.solvers.prepare import state as given
from qet.solvers.states import State
from qet.solvers.steady import steady
from qet.studies.claims import by_cases, count, within
from qet.studies.literature.entry import Claim

from .ensembles import SEED, flux_means, flux_output, flux_sets, isotropic_baths, log_uniform, signed_couplings

Array = np.ndarray
OURS = "derived here (docs/where-the-bell-is.md)"
SETTING = (
    "steady states of the non-secular Redfield equation without Lamb shift, three ohmic boson baths (X, Y, Z) on each "
    "end, Alice measures X on site 0, Bob is site 2"
)
ROUNDING = 1e-12  # of |J|
RATES = np.geomspace(1e-3, 0.05, 9)
BIASES = np.linspace(0.05, 0.8, 11)  # (T_A - T_B)/(T_A + T_B)
CUTOFF = 20.0


def formula() -> Claim:
    """F1: the closed form."""
    sets = flux_sets(200)
    state = sets.state()
    run, (g, chi) = teleport(state), flux_means(state)
    expected, scale = flux_output(sets.J, g, chi), np.abs(sets.J)
    off, off_teleported = run.extracted / expected - 1, run.teleported / expected - 1
    none = run.local <= ROUNDING * scale
    return Claim(
        "F1",
        "Between isotropic baths of two temperatures E_B = 2|J| (sqrt(g^2 + chi^2) - |g|) with g = <X1 X2> and "
        "chi = <X0 Y1 Z2>, and all of it is teleported.",
        OURS,
        sets.text,
        f"{SETTING}; E_B and the teleported energy to 1e-9 of the formula; local: none, to 1e-12 |J|",
        {"E_B": within(off, 1e-9), "teleported": within(off_teleported, 1e-9), "local": by_cases(none)},
        f"largest relative deviation {np.abs(off).max():.0e}; E_B/|J| from {(run.extracted / scale).min():.1e} to "
        f"{(run.extracted / scale).max():.1e}; local none in {count(none)}; J g < 0 in {count(sets.J * g < 0)}",
        {"deviation": np.abs(off).max(), "largest": (run.extracted / scale).max(), "local": run.local.max()},
    )


def any_axis() -> Claim:
    """F2: Alice's axis is nothing."""
    sets = flux_sets(100, SEED + 10)
    axes = np.random.default_rng(SEED + 10).normal(size=(20, 1, 3))
    run = teleport(sets.state(), measure=measure(axes))
    spread, spread_teleported = (np.ptp(y, axis=0) / y.mean(0) for y in (run.extracted, run.teleported))
    return Claim(
        "F2",
        "The flux gives Bob the same whatever axis Alice measures.",
        OURS,
        f"{sets.text}; 20 random axes each",
        SETTING.replace("measures X", "measures along the axis") + "; spread over the axes to 1e-9 of the mean",
        {"E_B": within(spread, 1e-9), "teleported": within(spread_teleported, 1e-9)},
        f"largest relative spread {spread.max():.0e}",
        {"spread": spread.max()},
    )


def bilinear_chain(n_sites: int, n: int, draw: np.random.Generator, field: float = 0.0) -> Model:
    """n random chains, Σ C_ab σ_j^a σ_{j+1}^b with every C_ab normal, and a field of size `field`, normal, too."""
    bonds = [(((j, a), (j + 1, b)), draw.normal(size=n)) for j in range(n_sites - 1) for a in "XYZ" for b in "XYZ"]
    fields = [(((j, a),), field * draw.normal(size=n)) for j in range(n_sites) for a in "XYZ"]
    terms = {"bonds": collect(bonds), **({"field": collect(fields)} if field else {})}
    return model(terms, A=0, B=n_sites - 1)


def no_go() -> Claim:
    """F3: nothing at equilibrium."""
    sets = flux_sets(100, SEED + 11)
    found: dict[float, dict[int, Array]] = {0.0: {}, 0.3: {}}
    for n_sites in (2, 3, 4):
        for field, gains in found.items():
            draw = np.random.default_rng(SEED + 12 + n_sites)
            T = log_uniform(draw, (0.1, 3.0), 50)
            gains[n_sites] = teleport(gibbs(bilinear_chain(n_sites, 50, draw, field), T=T)).extracted
    neighbors = found[0.0][2] > ROUNDING
    apart = [teleport(sets.state(is_biased=False)).extracted / np.abs(sets.J), found[0.0][3], found[0.0][4]]
    largest, with_field = np.concatenate(apart), np.concatenate([found[0.3][3], found[0.3][4]])
    nothing = largest <= ROUNDING
    return Claim(
        "F3",
        "At equilibrium, spins coupled in pairs without a field teleport nothing from one spin to another that is "
        "not its "
        "neighbor.",
        "derived here: what Bob could use is a product of three spins, odd under time reversal; a Gibbs state is even",
        f"{sets.text}, with T_B = T_A; and Gibbs states of 50 chains each of 3 and 4 sites, all nine couplings of "
        f"every "
        f"bond normal, T log-uniform 0.1-3, seeds {SEED + 15} and {SEED + 16}",
        f"{SETTING}; and Gibbs states, Alice X on the first site, Bob the last; E_B to 1e-12 (of |J|)",
        {"E_B": by_cases(nothing), "teleported": by_cases(nothing)},
        f"nothing in {count(nothing)}, at most {largest.max():.0e}; with a random field of size 0.3 added E_B > "
        f"1e-12 in "
        f"{count(with_field > ROUNDING)}, median {np.median(with_field):.1e}; between neighbors (2 sites, seed "
        f"{SEED + 14}), "
        f"whose bond Alice measures herself, E_B > 1e-12 in {count(neighbors)}",
        {"largest": largest.max(), "with field": float(np.median(with_field)), "neighbors": int(neighbors.sum())},
    )


def owed_to_the_current() -> Claim:
    """F4: χ is the heat current."""
    sets = flux_sets(200, SEED + 20)
    state = sets.state()
    heat = state.diagnostics.heat_currents[..., :3].sum(-1)
    g, chi = flux_means(state)
    ratio = heat / (sets.J**2 * chi)
    by_heat = flux_output(sets.J, g, heat / (12 * sets.J**2))
    off = teleport(state).extracted / by_heat - 1
    return Claim(
        "F4",
        "All of it is owed to the heat current: chi = (heat from A)/(12 J^2).",
        OURS,
        sets.text,
        f"{SETTING}; ratio to 1e-8; E_B from g and the heat alone to 1e-8",
        {"E_B": within(off, 1e-8), "statement": within(ratio / 12 - 1, 1e-8)},
        f"heat/(J^2 chi) from {ratio.min():.10g} to {ratio.max():.10g}; |heat|/J^2 up to "
        f"{np.abs(heat / sets.J**2).max():.2g}; "
        f"largest relative deviation of E_B {np.abs(off).max():.0e}",
        {"ratio": [ratio.min(), ratio.max()], "deviation": np.abs(off).max()},
    )


def grows() -> Claim:
    """F5: growth with bias and rate."""
    sets = flux_sets(100, SEED + 30)
    J, scale = sets.J[:, None], np.abs(sets.J)[:, None]
    chain, mean, rate = xxz(3, J=J), sets.T_A[:, None], sets.rate[:, None]
    against_rate = teleport(steady(chain, isotropic_baths(mean, sets.T_B[:, None], RATES))).extracted
    against_bias = [
        teleport(steady(chain, isotropic_baths(mean * (1 + sign * BIASES), mean * (1 - sign * BIASES), rate))).extracted
        for sign in (1, -1)
    ]
    up_rate = np.all(np.diff(against_rate) > 0, axis=-1)
    up_bias = np.concatenate([np.all(np.diff(y) > 0, axis=-1) for y in against_bias])
    larger = [float((y / scale).max()) for y in (against_rate, *against_bias)]
    return Claim(
        "F5",
        "What the flux gives grows with the bias, of either sign, and with the rate.",
        OURS,
        f"{sets.text}; rate from {RATES[0]:g} to {RATES[-1]:g} in {RATES.size} steps; bias (T_A - T_B)/(T_A + T_B) "
        f"from "
        f"{BIASES[0]:g} to {BIASES[-1]:g} and its negative in {BIASES.size} steps at the mean T_A of the set",
        f"{SETTING}; E_B larger at every step",
        {
            "E_B": by_cases(np.concatenate([up_rate, up_bias])),
            "teleported": by_cases(np.concatenate([up_rate, up_bias])),
        },
        f"with the rate in {count(up_rate)}, with the bias in {count(up_bias)}; largest E_B/|J| {max(larger):.1e}",
        {"largest": larger},
    )


def leading_order() -> Claim:
    """F6: the square of the rate."""
    sets = flux_sets(50, SEED + 40)
    chain = xxz(3, J=sets.J)

    def output(rate: float, **kind: object) -> Array:
        return np.asarray(teleport(steady(chain, isotropic_baths(sets.T_A, sets.T_B, rate, **kind))).extracted)

    order = np.log2(output(2e-4) / output(1e-4))
    state = steady(chain, isotropic_baths(sets.T_A, sets.T_B, 1e-4))
    heat, g = state.diagnostics.heat_currents[..., :3].sum(-1), flux_means(state)[0]
    limit = heat**2 / (144 * np.abs(sets.J) ** 3 * np.abs(g))
    drude = {"spectrum": ("drude", CUTOFF)}
    shift = [
        float(np.median(np.abs(output(rate, lamb_shift=True, **drude) / output(rate, **drude) - 1)))
        for rate in (1e-3, 2e-3)
    ]
    return Claim(
        "F6",
        "At small rates E_B = heat^2/(144 |J|^3 |g|), of the second order in the rate, and right in that order.",
        OURS,
        f"{sets.text} (rates not used)",
        f"{SETTING}; rates 1e-4 and 2e-4; exponent 2 to 0.01 and the limit to 1 %; the heat is right in first order "
        f"and g in "
        f"zeroth, so their quotient is right in second; against the Lamb shift of a Drude spectrum of cut-off "
        f"{CUTOFF:g}",
        {"E_B": by_cases((np.abs(order - 2) <= 0.01) & (np.abs(output(1e-4) / limit - 1) <= 0.01))},
        f"exponents from {order.min():.4f} to {order.max():.4f}; the Lamb shift changes E_B by {shift[0]:.2g} of "
        f"itself at rate "
        f"1e-3 and by {shift[1]:.2g} at 2e-3, a correction that vanishes with the rate",
        {"order": [order.min(), order.max()], "shift": shift},
    )


def secular() -> Claim:
    """F7: what the secular equation knows of it."""
    sets = flux_sets(100, SEED + 50)
    state = sets.state(master="secular")
    run, heat = teleport(state), np.abs(state.diagnostics.heat_currents[..., :3].sum(-1))
    same = run.extracted > ROUNDING * np.abs(sets.J)
    return Claim(
        "F7",
        "The secular equation shows it, too.",
        OURS,
        sets.text,
        SETTING.replace("non-secular Redfield equation without Lamb shift", "secular equation")
        + "; E_B above 1e-12 |J|",
        {"E_B": by_cases(same), "teleported": by_cases(same)},
        f"in {count(same)}: its state commutes with H, so it holds no current and E_B is at most "
        f"{run.extracted.max():.0e}, "
        f"while heat of at least {heat.min():.1e} flows from bath to bath",
        {"largest": run.extracted.max(), "heat": heat.min()},
    )


def inverted_bond() -> Claim:
    """F8: the sign of g."""
    draw = np.random.default_rng(SEED + 60)
    J = signed_couplings(draw, 100)
    T = -log_uniform(draw, (2.0, 20.0), 100) * np.abs(J)
    state = twisted(J, T, draw.uniform(0.05, 0.1, 100))
    run, (g, chi) = teleport(state), flux_means(state)
    simple = flux_output(J, g, chi)
    off = run.teleported / simple - 1
    extracted = 2 * np.abs(J) * (np.hypot(g, chi) + np.abs(g))
    return Claim(
        "F8",
        "The formula of F1 also holds where the bond is inverted, J g > 0.",
        OURS,
        f"100 states sqrt(G) (1 + c σ_0·(σ_1×σ_2)) sqrt(G), G = exp(-H/T), normalized, c uniform 0.05-0.1, T = "
        f"-(2-20) |J|, J as in F1, "
        f"seed {SEED + 60}",
        "literal: E_B to 1e-9; then teleported to 1e-9, E_B = 2|J| (sqrt(g^2 + chi^2) + |g|), local = 4|J g|",
        {"E_B": within(run.extracted / simple - 1, 1e-9), "teleported": within(off, 1e-9)},
        f"J g > 0 in {count(J * g > 0)}; there E_B is the formula with + |g| (to "
        f"{np.abs(run.extracted / extracted - 1).max():.0e}) "
        f"and local is 4|J g| (to {np.abs(run.local / (4 * np.abs(J * g)) - 1).max():.0e})",
        {"deviation": np.abs(off).max()},
    )


def twisted(J: Array, T: Array, c: Array) -> State:
    """sqrt(G) (1 + c σ_0·(σ_1×σ_2)) sqrt(G), G = exp(-H/T), of trace one: symmetric under rotations, not in time."""
    chain = xxz(3, J=J)
    energies, vectors = np.linalg.eigh(chain.matrix())
    root = (vectors * np.exp(-energies / (2 * T[:, None]))[:, None, :]) @ dagger(vectors)
    triple = pauli("X0 Y1 Z2 + Y0 Z1 X2 + Z0 X1 Y2 - X0 Z1 Y2 - Y0 X1 Z2 - Z0 Y1 X2").matrix((0, 1, 2))
    rho = root @ (np.eye(8) + c[:, None, None] * triple) @ root
    return given(chain, rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None])


CLAIMS = (formula, any_axis, no_go, owed_to_the_current, grows, leading_order, secular, inverted_bond)
