"""The models users know by name, each a function of its parameters.

A bare array is always a batch of points; `by_site` gives one value a site or bond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadOperator, BadParameter, BadParties, ShapeMismatch
from qet.foundations.paulis import PauliSum, collect
from qet.foundations.values import Call, Value
from qet.physics.model import Model, as_operator, as_sites, build_model


@dataclass(frozen=True, eq=False, repr=False)
class BySite(Value):
    """Values one a site or one a bond, on the last axis; leading axes are points."""

    values: np.ndarray

    def __repr__(self) -> str:
        return f"qet.by_site({self.values.tolist()!r})"

    @property
    def recipe(self) -> dict[str, Any]:
        """As plain data."""
        return {"word": "by_site", "values": self.values.tolist()}


def by_site(values: Any) -> BySite:
    """One value a site or bond: the last axis runs along the chain, leading axes are points.

    Raises:
        ShapeMismatch: for a single number. BadParameter: for what is no finite real number.
    """
    array = np.asarray(real("by_site", values), dtype=float)
    if array.ndim == 0:
        raise ShapeMismatch("by_site takes a sequence: one value a site or bond.")
    return BySite(array)


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
    a, b = (h + detuning / 2, h - detuning / 2) if has_detuning else (h, h)
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


def ising(n: int, *, J: Any = 1.0, g: Any = 1.0, hx: Any = 0.0, A: Any = 0, B: Any = None) -> Model:
    """Ising chain, open ends: -J Σ X_j X_{j+1} - g Σ Z_j - hx Σ X_j. B defaults to the last site.

    Args:
        n: Number of sites, at least two.
        J: Coupling; number, array of points, or `by_site` with one value a bond. Likewise the others, one a site.
        g: Field along Z.
        hx: Field along X.
        A: Alice's site or sites.
        B: Bob's.

    Returns:
        The model, with terms H_0, H_1, ... on the sites and V_0_1, V_1_2, ... on the bonds; exact zeros are left out.

    Raises:
        BadParameter, BadParties, ShapeMismatch: see the messages.

    Example:
        >>> print(ising(3, J=0.5, g=1.0).H)
        -1 Z0 - 1 Z1 - 1 Z2 - 0.5 X0 X1 - 0.5 X1 X2
    """
    return _chain(
        "ising", n, A, B, {"J": J, "g": g, "hx": hx}, bonds={"XX": ("J", -1)}, fields={"Z": ("g", -1), "X": ("hx", -1)}
    )


def xy(n: int, *, Jx: Any = 1.0, Jy: Any = 0.0, g: Any = 1.0, A: Any = 0, B: Any = None) -> Model:
    """XY chain, open ends: -Jx Σ XX - Jy Σ YY - g Σ Z. B defaults to the last site. Otherwise as `ising`."""
    bonds = {"XX": ("Jx", -1), "YY": ("Jy", -1)}
    return _chain("xy", n, A, B, {"Jx": Jx, "Jy": Jy, "g": g}, bonds=bonds, fields={"Z": ("g", -1)})


def xxz(n: int, *, J: Any = 1.0, Delta: Any = 1.0, hz: Any = 0.0, A: Any = 0, B: Any = None) -> Model:
    """XXZ chain, open ends: J Σ (XX + YY + Delta ZZ) + hz Σ Z, Pauli matrices. B defaults to the last site.

    Otherwise as `ising`; with a `by_site` J and Delta each bond has its own.
    """
    bonds = {"XX": ("J", 1), "YY": ("J", 1), "ZZ": ("J*Delta", 1)}
    return _chain("xxz", n, A, B, {"J": J, "Delta": Delta, "hz": hz}, bonds=bonds, fields={"Z": ("hz", 1)})


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
    arguments = {"terms": operators, "A": _one_or_many(built.A), "B": _one_or_many(built.B), "n_sites": built.n_sites}
    return Model(built.terms, built.A, built.B, built.n_sites, Call("model", arguments))


MODELS: dict[str, Callable[..., Model]] = {"minimal": minimal, "ising": ising, "xy": xy, "xxz": xxz}


def _one_or_many(sites: tuple[int, ...]) -> Any:
    return sites[0] if len(sites) == 1 else sites


def _along(name: str, value: Any, count: int) -> list[Any]:
    """One value for each of `count` sites or bonds."""
    if isinstance(value, BySite):
        if value.values.shape[-1] != count:
            raise ShapeMismatch(f"{name} has {value.values.shape[-1]} values along the chain; {count} are needed.")
        return [value.values[..., i] if value.values.ndim > 1 else float(value.values[i]) for i in range(count)]
    return [value] * count


def _chain(
    word: str,
    n: int,
    A: Any,
    B: Any,
    parameters: dict[str, Any],
    *,
    bonds: dict[str, tuple[str, int]],
    fields: dict[str, tuple[str, int]],
) -> Model:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2:
        raise BadParties(f"{word} needs at least two sites; got n={n!r}.")
    checked = {name: value if isinstance(value, BySite) else real(name, value) for name, value in parameters.items()}

    def values(expression: str, count: int) -> list[Any]:
        factors = [_along(name, checked[name], count) for name in expression.split("*")]
        return [
            np.prod(np.broadcast_arrays(*column), axis=0) if len(column) > 1 else column[0]
            for column in zip(*factors, strict=True)
        ]

    along = {name: values(name, n) for name, _ in fields.values()}
    across = {name: values(name, n - 1) for name, _ in bonds.values()}
    terms: dict[str, PauliSum] = {}
    for j in range(n):
        pairs = [(((j, letter),), sign * along[name][j]) for letter, (name, sign) in fields.items()]
        operator = collect([(s, c if np.ndim(c) else float(c)) for s, c in pairs])
        if operator.terms:
            terms[f"H_{j}"] = operator
    for j in range(n - 1):
        pairs2 = [
            (((j, letters[0]), (j + 1, letters[1])), sign * across[name][j]) for letters, (name, sign) in bonds.items()
        ]
        operator = collect([(s, c if np.ndim(c) else float(c)) for s, c in pairs2])
        if operator.terms:
            terms[f"V_{j}_{j + 1}"] = operator
    a, b = as_sites("A", A), as_sites("B", n - 1 if B is None else B)
    call = Call(word, {"n": int(n), **checked, "A": _one_or_many(a), "B": _one_or_many(b)})
    return build_model(terms, a, b, n, call)
