"""Derivatives of a GKSL steady state in Pauli coordinates by one transposed elimination, a million points in one call.

The means solve A x = b, with entries linear in the generator's parameters θ (see `generator`). For numbers g,

    Σ_j g_j dx_j = Σ_i λ_i (db_i - Σ_j dA_ij x_j),     A^T λ = g,

so one more elimination, on the transposed pattern, gives the derivatives by every parameter of the generator. From
there the chain rule leads to fields, temperatures and rates: with r = coth u, t = tanh u and u = (w - mu)/2T a flat
bath has

    bosons    down + up = J r,   down - up = J,      dr/du = 1 - r²
    fermions  down + up = J,     down - up = J t,    dt/du = 1 - t²,      w = 2|b|.

Derived here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qet.foundations.elimination import Entry, Plan, plan, solve
from qet.foundations.paulis import PauliString
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.dissipators import Dissipator
from qet.solvers.generator import Form, Key, block, evaluate, labeled
from qet.solvers.gksl import _keys
from qet.solvers.means import MeansRoute

Array = np.ndarray
RESIDUAL = 256 * float(np.finfo(float).eps)  # of a transposed row, relative to the sum of its terms
Leaf = tuple[Any, ...]  # ("h", string) | ("T", i) | ("rate", i) | ("mu", i), i the position among the surroundings


@dataclass(frozen=True, eq=False)
class Transposed:
    """The transposed equations of a block, for right-hand sides on some strings.

    Attributes:
        strings: The unknowns of the block itself.
        matrix, right: Its entries, as signs and labels.
        pulls: Those of the transposed right-hand side; the label ("g", j) stands for g_j.
        forms: Label -> linear combination of parameters.
        plan: Of the transposed elimination.
        rows: As in `Block`, of the transposed equations, with the row's number in front.
    """

    strings: tuple[PauliString, ...]
    matrix: Mapping[tuple[int, int], Entry]
    right: Mapping[int, Entry]
    pulls: Mapping[int, Entry]
    forms: Mapping[Any, Form]
    plan: Plan
    rows: tuple[Any, ...]


@lru_cache(maxsize=64)
def transposed(n_sites: int, keys: tuple[Key, ...], wanted: tuple[PauliString, ...]) -> Transposed | None:
    """The transposed elimination of a generator; None where the generator itself is not eliminated."""
    system = block(n_sites, keys)
    if system.plan is None:
        return None
    matrix, right, forms, _ = labeled(system.generator)
    strings = system.generator.strings
    turned = {(j, i): entry for (i, j), entry in matrix.items()}
    pulls: dict[int, Entry] = {strings.index(s): (1, ("g", strings.index(s))) for s in wanted if s in strings}
    made = plan(len(strings), turned, pulls)
    rows = []
    for j in made.modified:
        entries = tuple((i, sign, label) for (row, i), (sign, label) in turned.items() if row == j)
        rows.append((j, entries, pulls.get(j), turned[j, j][1] if (j, j) in turned else None))
    return Transposed(strings, matrix, right, pulls, forms, made, tuple(rows))


def pulled(
    system: Transposed, parameters: Mapping[Key, Any], means: Mapping[PauliString, Any], g: Mapping[PauliString, Any]
) -> dict[Key, Any]:
    """Σ_j g_j dx_j by every parameter of the generator.

    Args:
        system: From `transposed`, for the strings of `g`.
        parameters: Numbers or flat arrays.
        means: The solution x.
        g: What each mean weighs.
    """
    values: dict[Any, Any] = {label: evaluate(form, parameters) for label, form in system.forms.items()}
    values |= {("g", system.strings.index(s)): weight for s, weight in g.items() if s in system.strings}
    multipliers = _checked(system, values, solve(system.plan, values))
    by_label: dict[Any, Any] = {}
    for (i, j), (sign, label) in system.matrix.items():
        if _is_nothing(multipliers[i]):
            continue
        _add(by_label, label, -sign, multipliers[i] * means[system.strings[j]])
    for i, (sign, label) in system.right.items():
        if not _is_nothing(multipliers[i]):
            _add(by_label, label, sign, multipliers[i])
    found: dict[Key, Any] = {}
    for label, total in by_label.items():
        for key, number in system.forms[label]:
            found[key] = found[key] + number * total if key in found else number * total
    return found


def _checked(system: Transposed, values: Mapping[Any, Any], multipliers: list[Any]) -> list[Any]:
    """The multipliers, those with a row whose residual is more than rounding solved again by pivoted LAPACK."""
    doubtful: Any = False
    for row, entries, right, diagonal in system.rows:
        residual: Any = 0.0 if right is None else -right[0] * values[right[1]]
        for i, sign, label in entries:
            part = values[label] * multipliers[i]
            residual = residual + part if sign > 0 else residual - part
        size = np.abs(residual)
        if diagonal is not None and np.all(size <= np.abs(RESIDUAL * values[diagonal] * multipliers[row])):
            continue  # one term of the sum is enough
        scale: Any = 0.0 if right is None else np.abs(values[right[1]])
        for i, _, label in entries:
            scale = scale + np.abs(values[label] * multipliers[i])
        doubtful = doubtful | ~(size <= RESIDUAL * scale)
    return _solved_again(system, values, multipliers, doubtful) if np.any(doubtful) else multipliers


def _solved_again(system: Transposed, values: Mapping[Any, Any], multipliers: list[Any], doubtful: Any) -> list[Any]:
    where = np.flatnonzero(np.atleast_1d(doubtful))

    def picked(label: Any) -> Any:
        return np.broadcast_to(values[label], np.shape(doubtful) or (1,))[where]

    m = len(system.strings)
    A, g = np.zeros((len(where), m, m)), np.zeros((len(where), m, 1))
    for (i, j), (sign, label) in system.matrix.items():
        A[:, j, i] = sign * picked(label)
    for j, (sign, label) in system.pulls.items():
        g[:, j, 0] = sign * picked(label)
    try:
        better = np.linalg.solve(A, g)
        better = better + np.linalg.solve(A, g - A @ better)
    except np.linalg.LinAlgError:
        better = np.full_like(g, np.nan)
    full = [np.array(np.broadcast_to(x, np.shape(doubtful))) for x in multipliers]
    for i, multiplier in enumerate(full):
        multiplier[where if multiplier.ndim else ()] = better[:, i, 0] if multiplier.ndim else better[0, i, 0]
    return full


def _is_nothing(value: Any) -> bool:
    return isinstance(value, float) and value == 0.0


def _add(totals: dict[Any, Any], label: Any, sign: int, value: Any) -> None:
    if label not in totals:
        totals[label] = value if sign > 0 else -value
    else:
        totals[label] = totals[label] + value if sign > 0 else totals[label] - value


# -- from the generator's parameters to what was given ---------------------------------------------


@dataclass(frozen=True, eq=False)
class Inputs:
    """The raw numbers of a steady state by Pauli means.

    Attributes:
        model: H.
        things: The surroundings.
        dissipators: Theirs.
        keys: Parameters of the generator.
    """

    model: Model
    things: tuple[Bath | Jump, ...]
    dissipators: tuple[Dissipator, ...]
    keys: tuple[Key, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """Position among the surroundings of each dissipator's source: baths were listed first, then jumps."""
        order = sorted(range(len(self.things)), key=lambda i: not isinstance(self.things[i], Bath))
        return tuple(order[d.source] for d in self.dissipators)

    @property
    def raw(self) -> tuple[Any, ...]:
        """The coefficients of H, string by string, then the inputs of each dissipator."""
        return (*(c for s, c in self.model.H.terms if s), *(x for d in self.dissipators for x in d.inputs))

    @property
    def strings(self) -> tuple[PauliString, ...]:
        """The strings of H that are not the identity."""
        return tuple(string for string, _ in self.model.H.terms if string)

    def shares(self, pieces: Sequence[Any]) -> list[Sequence[Any]]:
        """The pieces of each dissipator."""
        found, start = [], len(self.strings)
        for d in self.dissipators:
            found.append(pieces[start : start + len(d.inputs)])
            start += len(d.inputs)
        return found

    def parameters(self, pieces: Sequence[Any], rates: Sequence[Sequence[Any]]) -> dict[Key, Any]:
        """The generator's parameters from the pieces and what each dissipator makes of its own."""
        found: dict[Key, Any] = {("h", s): piece for s, piece in zip(self.strings, pieces, strict=False)}
        for d, values in zip(self.dissipators, rates, strict=True):
            for key, value in zip(d.keys, values, strict=True):
                found[key] = found[key] + value if key in found else value
        return found


def inputs_of(model: Model, things: tuple[Bath | Jump, ...], master: str) -> Inputs | None:
    """The inputs of a steady state whose rates have derivatives written out here, else None.

    Flat baths on fields along Z, coupled by exchange or a dipole, on a half line; jumps with scalar coefficients.
    """
    for thing in things:
        if isinstance(thing, Jump) and any(np.ndim(c) for _, c in thing.operator.terms):
            return None
        if isinstance(thing, Bath) and (
            thing.spectrum != "flat" or thing.full_band or not isinstance(thing.coupling, str)
        ):
            return None
    dissipators = MeansRoute(model, things, master).dissipators
    if any(len(d.inputs) not in (1, 5) for d in dissipators):  # a jump, or a bath along Z
        return None
    if any(len(d.inputs) == 5 and not (isinstance(d.inputs[4], float) and d.inputs[4] == 1.0) for d in dissipators):
        return None
    return Inputs(model, things, tuple(dissipators), _keys(model, dissipators))


def chained(
    inputs: Inputs, pieces: Sequence[Any], rates: Sequence[Sequence[Any]], slopes: Mapping[Key, Any]
) -> dict[Leaf, Any]:
    """Derivatives by fields, temperatures, rates and chemical potentials, from those by the generator's parameters.

    Args:
        inputs: The problem.
        pieces: Its raw inputs, numbers or flat arrays.
        rates: What each dissipator makes of its own.
        slopes: From `pulled`.
    """
    found: dict[Leaf, Any] = {("h", s): slopes[("h", s)] for s in inputs.strings if ("h", s) in slopes}
    shares = inputs.shares(pieces)
    for d, place, given, made in zip(inputs.dissipators, inputs.places, shares, rates, strict=True):
        along = [slopes.get(key, 0.0) for key in d.keys]
        thing = inputs.things[place]
        if isinstance(thing, Jump):
            parts = {("rate", place): sum(a * c for a, c in zip(along, d.evaluate(1.0), strict=True))}
        else:
            site = next(key[1] for key in d.keys if key[0] == "total")
            parts = _of_bath(thing, place, site, given, made, along)
        for leaf, value in parts.items():
            found[leaf] = found[leaf] + value if leaf in found else value
    return found


def _of_bath(bath: Bath, place: int, site: int, given: Any, rates: Any, along: Any) -> dict[Leaf, Any]:
    b, T, J, mu, _ = given
    total, difference = rates
    by_total, by_difference = along
    is_inverted = np.min(b, initial=0.0) < 0.0
    sign: Any = np.where(np.less(b, 0.0), -1.0, 1.0) if is_inverted else 1.0
    w = 2.0 * (np.abs(b) if is_inverted else b)
    energy = w if isinstance(mu, float) and mu == 0.0 else w - mu
    if is_inverted:
        by_difference = by_difference * sign
    if bath.statistics == "boson":
        ratio = total / J
        by_rate = by_total * ratio + by_difference
        steep = by_total * (J - total * ratio)
    else:
        ratio = difference * sign / J
        by_rate = by_total + by_difference * ratio
        steep = by_difference * (J - J * ratio * ratio)
    steep = steep / T  # twice the derivative by the energy
    half = 0.5 * steep
    return {
        ("h", ((site, "Z"),)): steep * sign if is_inverted else steep,
        ("T", place): -half * (energy / T),
        ("rate", place): by_rate,
        ("mu", place): -half,
    }
