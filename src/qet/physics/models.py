"""The models users know by name, each a function of its parameters.

A bare array is always a batch of points; `by_site` gives one value a site or bond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadOperator, BadParameter
from qet.foundations.paulis import PauliSum
from qet.foundations.values import Call
from qet.physics.by_site import BySite, by_site, disorder
from qet.physics.lattice import Coupling, Field, assemble, chain_pairs, one_or_many
from qet.physics.long_range import long_range, star
from qet.physics.model import Model, as_operator, build_model

__all__ = [
    "MODELS",
    "BySite",
    "by_site",
    "disorder",
    "heisenberg",
    "ising",
    "long_range",
    "minimal",
    "model",
    "star",
    "xxz",
    "xy",
]


def minimal(*, h: Any = 1.0, k: Any = 0.5, detuning: Any = 0.0, offsets: bool = False) -> Model:
    """Hotta's minimal pair: (h + detuning/2) Z0 + (h - detuning/2) Z1 + 2k X0 X1, A = 0, B = 1.

    Args:
        h: Mean local energy; a bare qubit's gap is 2h. Number or array.
        k: Coupling; number or array.
        detuning: Difference of the local energies, eps_A - eps_B.
        offsets: Add the constants that make every term's mean vanish in the ground state,
            as the literature prints them: eps_A Omega/R, eps_B Omega/R, 4k²/R with Omega = 2h,
            R = 2 sqrt(h² + k²). They change no energy difference.

    Returns:
        The model, with terms H_A, H_B, V.

    References:
        M. Hotta, Phys. Lett. A 374, 3416 (2010), arXiv:1002.0200; detuned form derived in docs/open-pair.md.

    Example:
        >>> print(minimal(h=1.0, k=0.5).H)
        1 Z0 + 1 Z1 + 1 X0 X1
    """
    h, k, detuning = real("h", h), real("k", k), real("detuning", detuning)
    has_detuning = np.ndim(detuning) or detuning != 0.0
    half = 0.5 * detuning
    a, b = (h + half, h - half) if has_detuning else (h, h)
    terms = {
        "H_A": PauliSum(((((0, "Z"),), a),)),
        "H_B": PauliSum(((((1, "Z"),), b),)),
        "V": PauliSum(((((0, "X"), (1, "X")), 2 * k),)),
    }
    if offsets:
        R = 2 * np.hypot(h, k)
        safe = np.where(R > 0, R, 1.0)
        for name, constant in (("H_A", a * 2 * h / safe), ("H_B", b * 2 * h / safe), ("V", 4 * k * k / safe)):
            terms[name] = terms[name] + (constant if np.ndim(constant) else float(constant))
    arguments = {"h": h, "k": k, "detuning": detuning, **({"offsets": True} if offsets else {})}
    return build_model(terms, 0, 1, 2, Call("minimal", arguments))


def ising(
    n: int,
    *,
    J: Any = 1.0,
    g: Any = 1.0,
    hx: Any = 0.0,
    J2: Any = 0.0,
    periodic: bool = False,
    A: Any = 0,
    B: Any = None,
) -> Model:
    """Ising chain: -J Σ X_j X_{j+1} - J2 Σ X_j X_{j+2} - g Σ Z_j - hx Σ X_j. B defaults to the last site.

    J2 < 0 competes with J: the axial next-nearest-neighbor Ising (ANNNI) chain in a transverse field.

    Args:
        n: Number of sites, at least two.
        J: Coupling; number, array of points, or `by_site` with one value a bond. Likewise the others, one a site.
        g: Field along Z.
        hx: Field along X.
        J2: Coupling of next-nearest neighbors; by bond from 0-2 on.
        periodic: Whether the chain is a ring: with the bonds that close it, given last, from site n-1 to site 0.
        A: Alice's site or sites.
        B: Bob's; by default the last site, on a ring the one across, n//2.

    Returns:
        The model, with terms H_0, H_1, ... on the sites, V_0_1, V_1_2, ... on the bonds and V_0_2, ... on the next
        ones; the bond that closes a ring is V_0_{n-1}. Exact zeros are left out.

    Raises:
        BadParameter, BadParties, ShapeMismatch: see the messages.

    Example:
        >>> print(ising(3, J=0.5, g=1.0).H)
        -1 Z0 - 1 Z1 - 1 Z2 - 0.5 X0 X1 - 0.5 X1 X2
    """
    bonds = chain_pairs("ising", n, periodic=periodic)
    return assemble(
        "ising",
        n,
        A,
        _far(n, B, periodic),
        {"J": J, "g": g, "hx": hx},
        couplings=(Coupling("XX", ("J",), bonds, -1.0), *_next("ising", n, {"XX": ("J2",)}, J2, periodic, -1.0)),
        fields=(Field("Z", "g", -1.0), Field("X", "hx", -1.0)),
        options={"J2": (J2, 0.0), "periodic": (periodic, False)},
    )


def xy(
    n: int,
    *,
    Jx: Any = 1.0,
    Jy: Any = 0.0,
    g: Any = 1.0,
    Jx2: Any = 0.0,
    Jy2: Any = 0.0,
    periodic: bool = False,
    A: Any = 0,
    B: Any = None,
) -> Model:
    """XY chain: -Jx Σ XX - Jy Σ YY - g Σ Z on neighbors, and -Jx2 Σ XX - Jy2 Σ YY on next-nearest ones.

    Otherwise as `ising`.

    Example:
        >>> print(xy(3, Jx=0.5, Jy=0.25, g=0.0).H)
        -0.5 X0 X1 - 0.25 Y0 Y1 - 0.5 X1 X2 - 0.25 Y1 Y2
    """
    bonds = chain_pairs("xy", n, periodic=periodic)
    couplings = (Coupling("XX", ("Jx",), bonds, -1.0), Coupling("YY", ("Jy",), bonds, -1.0))
    further = (
        *_next("xy", n, {"XX": ("Jx2",)}, Jx2, periodic, -1.0),
        *_next("xy", n, {"YY": ("Jy2",)}, Jy2, periodic, -1.0),
    )
    return assemble(
        "xy",
        n,
        A,
        _far(n, B, periodic),
        {"Jx": Jx, "Jy": Jy, "g": g},
        couplings=(*couplings, *further),
        fields=(Field("Z", "g", -1.0),),
        options={"Jx2": (Jx2, 0.0), "Jy2": (Jy2, 0.0), "periodic": (periodic, False)},
    )


def xxz(
    n: int,
    *,
    J: Any = 1.0,
    Delta: Any = 1.0,
    hz: Any = 0.0,
    J2: Any = 0.0,
    Delta2: Any = None,
    periodic: bool = False,
    A: Any = 0,
    B: Any = None,
) -> Model:
    """XXZ chain: J Σ (XX + YY + Delta ZZ) + hz Σ Z, and J2 Σ (XX + YY + Delta2 ZZ) on next-nearest neighbors.

    Pauli matrices, not spins. Delta2 is Delta unless given; Delta = 1 with J2 is the J1-J2 Heisenberg chain. With a
    `by_site` J and Delta each bond has its own. Otherwise as `ising`.

    Example:
        >>> print(xxz(3, J=0.5, Delta=2.0, J2=0.25).H)
        0.5 X0 X1 + 0.25 X0 X2 + 0.5 Y0 Y1 + 0.25 Y0 Y2 + 1 Z0 Z1 + 0.5 Z0 Z2 + 0.5 X1 X2 + 0.5 Y1 Y2 + 1 Z1 Z2
    """
    bonds = chain_pairs("xxz", n, periodic=periodic)
    further = "Delta" if Delta2 is None else "Delta2"
    far = {"XX": ("J2",), "YY": ("J2",), "ZZ": ("J2", further)}
    near = {"XX": ("J",), "YY": ("J",), "ZZ": ("J", "Delta")}
    return assemble(
        "xxz",
        n,
        A,
        _far(n, B, periodic),
        {"J": J, "Delta": Delta, "hz": hz},
        couplings=(
            *(Coupling(letters, factors, bonds) for letters, factors in near.items()),
            *_next("xxz", n, far, J2, periodic, 1.0),
        ),
        fields=(Field("Z", "hz"),),
        options={"J2": (J2, 0.0), "Delta2": (Delta2, None), "periodic": (periodic, False)},
    )


def heisenberg(
    n: int,
    *,
    Jx: Any = 1.0,
    Jy: Any = 1.0,
    Jz: Any = 1.0,
    hx: Any = 0.0,
    hy: Any = 0.0,
    hz: Any = 0.0,
    periodic: bool = False,
    A: Any = 0,
    B: Any = None,
) -> Model:
    """Heisenberg (XYZ) chain in any field: Σ (Jx XX + Jy YY + Jz ZZ) + Σ (hx X + hy Y + hz Z).

    Pauli matrices, not spins; positive couplings are antiferromagnetic. Otherwise as `ising`.

    Example:
        >>> print(heisenberg(2, Jx=0.5, Jz=2.0, hy=0.25).H)
        0.25 Y0 + 0.25 Y1 + 0.5 X0 X1 + 1 Y0 Y1 + 2 Z0 Z1
    """
    bonds = chain_pairs("heisenberg", n, periodic=periodic)
    return assemble(
        "heisenberg",
        n,
        A,
        _far(n, B, periodic),
        {"Jx": Jx, "Jy": Jy, "Jz": Jz, "hx": hx, "hy": hy, "hz": hz},
        couplings=tuple(Coupling(2 * letter.upper(), (f"J{letter}",), bonds) for letter in "xyz"),
        fields=tuple(Field(letter.upper(), f"h{letter}") for letter in "xyz"),
        options={"periodic": (periodic, False)},
    )


def model(terms: Mapping[str, Any], *, A: Any = 0, B: Any = 1, n_sites: int | None = None) -> Model:
    """A model from its named terms.

    Args:
        terms: Name -> operator: text ("0.5 X0 X1"), a PauliSum, or a pair (matrix, sites).
        A: Alice's site or sites.
        B: Bob's site or sites.
        n_sites: Number of qubits; by default just enough for the terms and parties.

    Raises:
        NotHermitian, BadOperator, BadParties, ShapeMismatch, BadParameter: see the messages.

    Example:
        >>> print(model({"H_A": "1.0 Z0", "V": "0.5 X0 X1", "H_B": "1.0 Z1"}).H)
        1 Z0 + 1 Z1 + 0.5 X0 X1
    """
    if not isinstance(terms, Mapping):
        raise BadOperator(
            f"a model is made from named terms, such as {{'V': '0.5 X0 X1'}}; got {type(terms).__name__}."
        )
    operators = {str(name): as_operator(f"term {name!r}", value) for name, value in terms.items()}
    if not operators:
        raise BadParameter("a model needs at least one term, such as {'V': '0.5 X0 X1'}.")
    built = build_model(operators, A, B, n_sites, Call("model", {}))
    arguments = {"terms": operators, "A": one_or_many(built.A), "B": one_or_many(built.B), "n_sites": built.n_sites}
    return Model(built.terms, built.A, built.B, built.n_sites, Call("model", arguments))


MODELS: dict[str, Callable[..., Model]] = {
    "minimal": minimal,
    "ising": ising,
    "xy": xy,
    "xxz": xxz,
    "heisenberg": heisenberg,
    "long_range": long_range,
    "star": star,
}


def _far(n: Any, B: Any, periodic: bool) -> Any:
    """Bob's sites: by default as far from site 0 as there are."""
    return B if B is not None else n // 2 if periodic else n - 1


def _next(
    word: str, n: int, form: Mapping[str, tuple[str, ...]], strength: Any, periodic: bool, sign: float
) -> tuple[Coupling, ...]:
    """The couplings of next-nearest neighbors; none where their strength is zero."""
    if not isinstance(strength, BySite) and np.ndim(strength) == 0 and strength == 0:
        return ()
    pairs = chain_pairs(word, n, apart=2, periodic=periodic)
    return tuple(Coupling(letters, factors, pairs, sign) for letters, factors in form.items())
