"""Spins on a chain, a ring or a star from their couplings and fields: which pairs, which letters, which coefficients.

Every named model but the minimal pair is made here. Terms are named after their sites: H_3 is the field on site 3,
V_3_4 the coupling of 3 and 4, the lower site first. A coefficient is one number or array for all pairs or sites, or
one a pair or site (`by_site`); exact zeros are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, BadParties, ShapeMismatch
from qet.foundations.paulis import PauliSum, collect
from qet.foundations.values import Call, call_of
from qet.physics.by_site import BySite
from qet.physics.model import Model, as_sites, build_model

Pair = tuple[int, int]


@dataclass(frozen=True)
class Coupling:
    """A sum over pairs of sites.

    Attributes:
        letters: Such as "XX", the lower site first.
        factors: Names of the parameters whose product is the coefficient.
        pairs: The pairs.
        sign: Of the coefficient.
        weights: One more factor for each pair, a number or an array of points; none, one.
    """

    letters: str
    factors: tuple[str, ...]
    pairs: tuple[Pair, ...]
    sign: float = 1.0
    weights: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Field:
    """A sum over all sites: a letter, the parameter that is its coefficient, and a sign."""

    letter: str
    parameter: str
    sign: float = 1.0


def chain_pairs(word: str, n: Any, *, apart: int = 1, periodic: bool = False) -> tuple[Pair, ...]:
    """The pairs (j, j + apart) of a chain, or of a ring, whose last bonds close it.

    Raises:
        BadParties: for a number of sites that is none, or a ring on which a pair would meet twice.
    """
    check_size(word, n)
    if not isinstance(periodic, (bool, np.bool_)):
        raise BadParameter(f"periodic of {word} is True or False; got {periodic!r}.")
    if not periodic:
        return tuple((j, j + apart) for j in range(n - apart))
    if n <= 2 * apart:
        raise BadParties(
            f"{word} with periodic=True and neighbors {apart} apart needs at least {2 * apart + 1} sites; got n={n}: "
            "on a shorter ring a pair would be coupled twice."
        )
    return tuple((min(j, k), max(j, k)) for j, k in ((j, (j + apart) % n) for j in range(n)))


def check_size(word: str, n: Any) -> None:
    """Refuse what is no number of sites."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2:
        raise BadParties(f"{word} needs at least two sites; got n={n!r}.")


def assemble(
    word: str,
    n: int,
    A: Any,
    B: Any,
    parameters: Mapping[str, Any],
    *,
    couplings: Sequence[Coupling],
    fields: Sequence[Field],
    options: Mapping[str, tuple[Any, Any]] | None = None,
) -> Model:
    """The model, its fields first.

    Args:
        word: The public word.
        n: Number of sites.
        A: Alice's site or sites.
        B: Bob's.
        parameters: Always in the recipe.
        couplings: Sums over pairs.
        fields: Sums over sites.
        options: Parameters that are in the recipe where they are unusual: name -> (given, usual).
    """
    check_size(word, n)
    options = dict(options or {})
    checked = {name: _checked(name, value) for name, value in parameters.items()}
    for name, (value, usual) in options.items():
        if not (value is None or isinstance(value, (bool, np.bool_, str))):
            options[name] = (_checked(name, value), usual)
    known = checked | {name: value for name, (value, _) in options.items()}
    terms: dict[str, PauliSum] = {}
    columns = [(field, along(field.parameter, known[field.parameter], n)) for field in fields]
    for j in range(n):
        _add(terms, f"H_{j}", [(((j, field.letter),), field.sign * values[j]) for field, values in columns])
    for (i, j), parts in _by_pair(couplings, known).items():
        _add(terms, f"V_{i}_{j}", [(((i, letters[0]), (j, letters[1])), c) for letters, c in parts])
    a, b = as_sites("A", A), as_sites("B", B)
    call = call_of(word, {"n": int(n), **checked}, options)
    call = Call(word, {**call.arguments, "A": one_or_many(a), "B": one_or_many(b)})
    return build_model(terms, a, b, n, call)


def along(name: str, value: Any, count: int) -> list[Any]:
    """One value for each of `count` sites or pairs.

    Raises:
        ShapeMismatch: for another number of values along the chain.
    """
    if isinstance(value, BySite):
        if value.values.shape[-1] != count:
            raise ShapeMismatch(f"{name} has {value.values.shape[-1]} values along the chain; {count} are needed.")
        return [value.values[..., i] if value.values.ndim > 1 else float(value.values[i]) for i in range(count)]
    return [value] * count


def one_or_many(sites: tuple[int, ...]) -> Any:
    """A site, or the tuple of several."""
    return sites[0] if len(sites) == 1 else sites


def _checked(name: str, value: Any) -> Any:
    return value if isinstance(value, BySite) else real(name, value)


def _by_pair(couplings: Sequence[Coupling], known: Mapping[str, Any]) -> dict[Pair, list[tuple[str, Any]]]:
    """For each pair its letters and coefficients, in the order of the couplings."""
    found: dict[Pair, list[tuple[str, Any]]] = {}
    for coupling in couplings:
        count = len(coupling.pairs)
        columns = [along(name, known[name], count) for name in coupling.factors]
        columns += [list(coupling.weights)] if coupling.weights else []
        for pair, factors in zip(coupling.pairs, zip(*columns, strict=True), strict=True):
            try:
                value = np.prod(np.broadcast_arrays(*factors), axis=0) if len(factors) > 1 else factors[0]
            except ValueError:
                shapes = ", ".join(f"{name} {np.shape(x)}" for name, x in zip(coupling.factors, factors, strict=False))
                raise ShapeMismatch(f"parameters do not broadcast: {shapes}.") from None
            found.setdefault(pair, []).append((coupling.letters, coupling.sign * value))
    return found


def _add(terms: dict[str, PauliSum], name: str, parts: list[tuple[Any, Any]]) -> None:
    """Enter a term unless it is zero."""
    operator = collect([(string, c if np.ndim(c) else float(c)) for string, c in parts])
    if operator.terms:
        terms[name] = operator
