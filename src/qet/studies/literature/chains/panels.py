"""Panels of the entry: how far energy is teleported in long chains, and what it says about phases.

Energies in units of J = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.physics.models import ising, xxz
from qet.studies.literature.entry import Curve, Panel
from qet.studies.phases import phase_point
from qet.studies.sweeps.sweep import sweep

from .infinite import infinite_output, thermal_rate
from .scans import DRIVES, LONG, along, driven, equilibrium, spread

Array = np.ndarray
H = "H = −J Σ XX − g Σ Z, J = 1, open ends. "
ALICE = "Alice measures Y, Bob applies the best unitary for each outcome; E_B is the drop of all terms he touches. "
EXACT = "Free fermions, exact; Alice stands at 2/5 of the chain. "
DRIVE = (
    f"Jumps σ⁺ and σ⁻ at the ends, rates {DRIVES['left'][0]:g} and {DRIVES['left'][1]:g} on the left, "
    f"{DRIVES['right'][0]:g} and {DRIVES['right'][1]:g} on the right (a bare Lindblad equation). "
)
FIELDS = np.linspace(0.4, 2.0, 65)
SIZES = (8, 10, 12)
FORMULA = 1e-27  # J, below which a determinant in double precision has lost its digits


def panel_a(n: int = LONG) -> Panel:
    """E_B against the distance in the ground state."""
    curves = []
    for g, far in ((1.0, n // 4), (1.25, 100), (0.8, 60)):
        x, data = along(equilibrium(n, g), spread(1, min(far, n // 4), 16))
        curves.append(Curve(f"g = {g:g}", x, data.extracted.values))
        at = np.array(spread(1, int(x.max()), 30))
        law = infinite_output(at, g=g)
        is_exact = law > FORMULA
        curves.append(Curve(f"g = {g:g}, infinite chain", at[is_exact], law[is_exact], "dotted"))
    return Panel(
        "a",
        "Energy over a distance, ground states",
        "distance n",
        "E_B (J)",
        tuple(curves),
        f"{n} sites. " + H + EXACT + ALICE + "Dotted: the infinite chain, by Toeplitz determinants.",
        log_x=True,
        log_y=True,
    )


def panel_b() -> Panel:
    """Local exponents at the critical point, and what the ends of a chain do to them."""
    curves = []
    for n in (200, LONG):
        x, data = along(equilibrium(n, 1.0), spread(1, n // 4, 18))
        curves.append(Curve(f"{n} sites", *_slopes(x, data.extracted.values)))
    x = np.array(spread(1, LONG // 4, 40))
    curves.append(Curve("infinite chain", *_slopes(x, infinite_output(x)), "dashed"))
    return Panel(
        "b",
        "The local exponent at the critical point",
        "distance n",
        "−d ln E_B/d ln n",
        tuple(curves),
        "g = J. " + H + EXACT + ALICE + "The limit is 9/2; the ends of a chain are felt long before they are near.",
        log_x=True,
    )


def panel_c(n: int = 200) -> Panel:
    """E_B against the distance at the critical point with heat."""
    curves = []
    for T, far in ((0.0, 40), (0.05, 40), (0.1, 30), (0.2, 20)):
        x, data = along(equilibrium(n, 1.0, T), range(1, far + 1))
        energy = data.extracted.values
        curves.append(Curve(f"T = {T:g}", x, energy))
        if T > 0.0:
            law = energy[-1] * np.exp(-thermal_rate(T) * (x - x[-1]))
            curves.append(Curve(f"T = {T:g}, law", x, law, "dotted"))
    return Panel(
        "c",
        "Heat makes the critical decay exponential",
        "distance n",
        "E_B (J)",
        tuple(curves),
        f"g = J, {n} sites. "
        + H
        + EXACT
        + ALICE
        + "Dotted: exp(−n/ξ) with 1/ξ = (1/π) ∫ ln coth(ε/2T) dk + 4 asinh(πT/2J), drawn through the last point.",
        log_y=True,
    )


def panel_d(n: int = 200) -> Panel:
    """E_B against the distance in driven chains."""
    curves = []
    for label, (Jx, Jy, g) in {"XX, g = 0.3": (0.5, 0.5, 0.3), "XY, g = 0.5": (0.75, 0.25, 0.5)}.items():
        x, data = along(driven(n, Jx, Jy, g), range(1, 13), measure="X")
        curves.append(Curve(label, x, data.extracted.values))
        local = data.local.values
        is_local = local > data.precision.values
        curves.append(Curve(f"{label}, local", x[is_local], local[is_local], "points"))
    return Panel(
        "d",
        "Chains driven at their ends",
        "distance n",
        "E_B (J)",
        tuple(curves),
        f"{n} sites, steady states by third quantization. H = −Jx Σ XX − Jy Σ YY − g Σ Z; XX: Jx = Jy = 1/2, XY: 3/4 "
        "and 1/4. "
        + DRIVE
        + "Alice measures X. Points: what Bob takes without the message, which is resolved next to Alice only.",
        log_y=True,
    )


def panel_e() -> Panel:
    """E_B as a detector of the Ising transition."""
    curves = []
    for n in SIZES:
        data = sweep(lambda g, n=n: phase_point(ising(n, g=g), apart=3, measure="Y"), g=FIELDS)
        curves += _beside_entropy(f"{n} sites", FIELDS, data)
    return Panel(
        "e",
        "E_B and entanglement across the Ising transition",
        "field g (J)",
        "share of the maximum",
        tuple(curves),
        H
        + "Ground states; Alice and Bob stand three sites apart about the middle. "
        + ALICE
        + "Entropy: of the left half.",
    )


def panel_f(n: int = 8) -> Panel:
    """E_B as a detector in the XXZ chain."""
    Delta, curves = np.linspace(-1.5, 3.0, 91) + 0.003, []
    for hz in (0.5, 1.5):
        data = sweep(lambda Delta, hz=hz: phase_point(xxz(n, Delta=Delta, hz=hz)), Delta=Delta, errors="record")
        curves += _beside_entropy(f"h = {hz:g}", Delta, data)
    return Panel(
        "f",
        "E_B and entanglement in the XXZ chain",
        "anisotropy Δ",
        "share of the maximum",
        tuple(curves),
        f"{n} sites. H = J Σ (XX + YY + Δ ZZ) + h Σ Z, J = 1, open ends. Ground states; Alice measures X, Bob stands "
        "two sites away. Steps are changes of the magnetization; without a field E_B is zero by symmetry. Entropy: of "
        "the left half.",
    )


def _slopes(x: Array, y: Array) -> tuple[Array, Array]:
    return np.sqrt(x[1:] * x[:-1]), -np.diff(np.log(y)) / np.diff(np.log(x))


def _beside_entropy(label: str, x: Array, data: Any) -> list[Curve]:
    """E_B and the entropy of the left half, each as a share of its maximum."""
    return [
        Curve(label, x, _scaled(data.extracted)),
        Curve(f"{label}, entropy", x, _scaled(data.entropy), "dashed"),
    ]


def _scaled(values: Any) -> Array:
    found = np.asarray(values, dtype=float)
    return found / np.nanmax(found)


PANELS = (panel_a, panel_b, panel_c, panel_d, panel_e, panel_f)
