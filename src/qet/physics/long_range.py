"""Couplings beyond neighbors: every pair with a strength that falls off as a power, and one site coupled to all others.

Both are XYZ models in any field and share one set of parameters, so that the long-range chain is a `heisenberg` chain
with more pairs. Known cases: trapped ions (alpha between 0 and 3), dipoles (3), Rydberg atoms (6), and the all-to-all
model of Lipkin, Meshkov and Glick (0).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter
from qet.physics.lattice import Coupling, Field, assemble, chain_pairs, check_size
from qet.physics.model import Model

FIELDS = tuple(Field(letter.upper(), f"h{letter}") for letter in "xyz")


def long_range(
    n: int,
    *,
    alpha: Any,
    Jx: Any = -1.0,
    Jy: Any = 0.0,
    Jz: Any = 0.0,
    hx: Any = 0.0,
    hy: Any = 0.0,
    hz: Any = -1.0,
    kac: bool = False,
    periodic: bool = False,
    A: Any = 0,
    B: Any = None,
) -> Model:
    """Every pair coupled: Σ_{i<j} (Jx XX + Jy YY + Jz ZZ)/r_ij^alpha + Σ (hx X + hy Y + hz Z), r_ij = |i - j|.

    By default the long-range Ising chain in a transverse field, which becomes `ising(n)` as alpha grows. The signs are
    those of `heisenberg`: Jx < 0 is ferromagnetic. Long-range XXZ is Jx = Jy = J, Jz = J Delta.

    Args:
        n: Number of sites, at least two.
        alpha: Exponent >= 0, number or array; 0 couples all pairs alike.
        Jx, Jy, Jz: Couplings at distance one; number or array, or `by_site` with one value a pair, in the order 0-1,
            0-2, ..., 1-2, ...
        hx, hy, hz: Fields; number, array, or `by_site`.
        kac: Divide the couplings by Kac's factor Σ_{i<j} r_ij^-alpha/(n - 1), which keeps the energy a site finite for
            alpha <= 1 and tends to one for nearest neighbors of the open chain.
        periodic: Distances around a ring, min(|i - j|, n - |i - j|).
        A: Alice's site or sites.
        B: Bob's; by default the last site, on a ring the one across.

    Returns:
        The model, with terms H_0, ... on the sites and V_0_1, V_0_2, ... on the pairs.

    Raises:
        BadParameter, BadParties, ShapeMismatch: see the messages.

    Example:
        >>> print(long_range(3, alpha=2.0).H)
        -1 Z0 - 1 Z1 - 1 Z2 - 1 X0 X1 - 0.25 X0 X2 - 1 X1 X2
    """
    check_size("long_range", n)
    chain_pairs("long_range", n, periodic=periodic)  # refuses a ring of two
    if not isinstance(kac, (bool, np.bool_)):
        raise BadParameter(f"kac is True or False; got {kac!r}.")
    alpha = real("alpha", alpha, minimum=0.0)
    pairs = tuple(combinations(range(n), 2))
    distances = [min(j - i, n - j + i) if periodic else j - i for i, j in pairs]
    weights = [np.power(float(r), -np.asarray(alpha))[()] for r in distances]
    if kac:
        total = sum(weights) / (n - 1)
        weights = [weight / total for weight in weights]
    return assemble(
        "long_range",
        n,
        A,
        B if B is not None else n // 2 if periodic else n - 1,
        {"alpha": alpha, "Jx": Jx, "Jy": Jy, "Jz": Jz, "hx": hx, "hy": hy, "hz": hz},
        couplings=tuple(
            Coupling(2 * letter.upper(), (f"J{letter}",), pairs, weights=tuple(weights)) for letter in "xyz"
        ),
        fields=FIELDS,
        options={"kac": (bool(kac), False), "periodic": (bool(periodic), False)},
    )


def star(
    n: int,
    *,
    Jx: Any = -1.0,
    Jy: Any = 0.0,
    Jz: Any = 0.0,
    hx: Any = 0.0,
    hy: Any = 0.0,
    hz: Any = -1.0,
    A: Any = 0,
    B: Any = None,
) -> Model:
    """A center, site 0, coupled to n - 1 leaves: Σ_{j>0} (Jx X0 Xj + Jy Y0 Yj + Jz Z0 Zj) + Σ (hx X + hy Y + hz Z).

    By default an Ising star in a transverse field; Jx = Jy = Jz is the central-spin model with one coupling, and
    `by_site` couplings give each leaf its own. Alice holds the center and Bob the last leaf unless told otherwise; two
    leaves, A=1, meet through the center only.

    Args:
        n: Number of sites with the center, at least two.
        Jx, Jy, Jz: Couplings; number, array, or `by_site` with one value a leaf.
        hx, hy, hz: Fields; number, array, or `by_site` with one value a site, the center first.
        A: Alice's site or sites.
        B: Bob's.

    Returns:
        The model, with terms H_0, ... on the sites and V_0_1, V_0_2, ... on the pairs.

    Raises:
        BadParameter, BadParties, ShapeMismatch: see the messages.

    Example:
        >>> print(star(3, Jx=0.5, hz=1.0).H)
        1 Z0 + 1 Z1 + 1 Z2 + 0.5 X0 X1 + 0.5 X0 X2
    """
    check_size("star", n)
    pairs = tuple((0, j) for j in range(1, n))
    return assemble(
        "star",
        n,
        A,
        B if B is not None else n - 1,
        {"Jx": Jx, "Jy": Jy, "Jz": Jz, "hx": hx, "hy": hy, "hz": hz},
        couplings=tuple(Coupling(2 * letter.upper(), (f"J{letter}",), pairs) for letter in "xyz"),
        fields=FIELDS,
    )
