"""Baths and jumps as parameters of a GKSL generator: the rates of each, piece by piece.

A `Dissipator` says which parameters of the generator (see `generator`) it provides, and computes them
from raw numbers (fields, temperatures, rates) inside a chunk, so that no rate is ever stored for a whole map.

`local_jumps` is the `local` master equation: bath i acts with the levels of its own site alone. With
b·σ the terms of H supported on site i only, the gap is w = 2|b|, the lower level |g> is antiparallel to b
and |e> parallel, and the bath brings L = |g><e| at the rate down(w), L† at up(w). Written with
total = down + up, difference = down - up and the unit vector n = b/|b|, the coefficients
Γ_st = Σ rate conj(l_s) l_t of L = Σ l_s s are

    Γ_st = total (δ_st - n_s n_t)/4 - i difference ε_stu n_u/4,

so along Z only the sign of the difference follows the sign of b: σ⁻ and σ⁺ change places point by point.
Couplings S = v·σ (dipole, X, Y, Z) multiply both rates by |<g|S|e>|² = |v x n|², and their diagonal part
v·n brings dephasing at the mean of down and up at w -> 0. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.errors import DivergentOccupation, NotOffered, refuse_where
from qet.foundations.paulis import PauliString, PauliSum
from qet.foundations.zeros import is_zero
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.physics.spectra import described, has_no_limit, relaxation, zero_rate
from qet.solvers.contacts import gap_fault, refuse_common, why_above, zero_fault
from qet.solvers.generator import Key

Array = np.ndarray
Vector = tuple[Any, Any, Any]
_ROUNDING = 1e-14
COUPLING_VECTORS: dict[str, Vector] = {
    "dipole": (1.0, 0.0, 0.0),
    "X": (1.0, 0.0, 0.0),
    "Y": (0.0, 1.0, 0.0),
    "Z": (0.0, 0.0, 1.0),
}


@dataclass(frozen=True, eq=False)
class Dissipator:
    """One site's bath, or one jump, as parameters of a generator.

    Attributes:
        source: Position of the bath or jump in the list it came from.
        keys: The parameters it provides.
        inputs: Raw numbers or arrays that they depend on.
        evaluate: From flat pieces of the inputs to one value a key.
    """

    source: int
    keys: tuple[Key, ...]
    inputs: tuple[Any, ...]
    evaluate: Callable[..., tuple[Any, ...]]


def local_jumps(model: Model, baths: Sequence[Bath]) -> list[Dissipator]:
    """The dissipators of the local master equation, one a bath and site.

    Args:
        model: Its terms on single sites give the bare levels.
        baths: Any statistics, spectrum and single-site coupling.

    Raises:
        DivergentOccupation: where a flat bosonic bath meets a zero frequency (a zero bare gap, or a
            coupling diagonal in the bare levels).
        NotOffered: a coupling that spans sites, a Lamb shift, or a full band away from exchange along Z.
    """
    return [_local(model, bath, site, source) for source, bath in enumerate(baths) for site in _touched(bath)]


def jump_dissipators(jumps: Sequence[Jump], first: int = 0) -> list[Dissipator]:
    """The dissipators of bare Lindblad operators; σ⁻ and σ⁺ are recognized. `first` offsets `source`."""
    return [_bare(jump, first + i) for i, jump in enumerate(jumps)]


def _touched(bath: Bath) -> tuple[int, ...]:
    """The sites that a bath acts on: those of its Pauli sum, where it has one."""
    return (bath.coupling.support or bath.sites) if isinstance(bath.coupling, PauliSum) else bath.sites


def _local(model: Model, bath: Bath, site: int, source: int) -> Dissipator:
    refuse_common(bath)
    vector = _coupling_vector(bath, site)
    if bath.lamb_shift:
        raise NotOffered("the local master equation has no Lamb shift; use master='redfield', or lamb_shift=False.")
    h = model.H.coefficients
    field: Vector = tuple(h.get(((site, letter),), 0.0) for letter in "XYZ")
    is_along_z = not any(np.ndim(b) or b != 0.0 for b in field[:2])
    if bath.full_band and not (vector is None and is_along_z):
        raise NotOffered(
            "the local master equation takes full_band with exchange coupling and fields along Z only; "
            "use master='redfield'."
        )
    _refuse_divergence(bath, site, field, vector)
    if is_along_z and (vector is None or is_zero(vector[2])):
        strength = 1.0 if vector is None else vector[0] * vector[0] + vector[1] * vector[1]
        keys: tuple[Key, ...] = (("total", site), ("difference", site))
        return Dissipator(source, keys, (field[2], bath.T, bath.rate, bath.mu, strength), _along_z(bath))
    keys = tuple(
        [("re", _on(site, s), _on(site, t)) for s, t in ("XX", "YY", "ZZ", "XY", "XZ", "YZ")]
        + [("im", _on(site, s), _on(site, t)) for s, t in ("XY", "XZ", "YZ")]
        + [("relaxes", site)]
    )
    v: Vector = (0.0, 0.0, 0.0) if vector is None else vector
    return Dissipator(source, keys, (*field, bath.T, bath.rate, bath.mu, *v), _tilted(bath))


def _along_z(bath: Bath) -> Callable[..., tuple[Any, ...]]:
    statistics, spectrum, is_signed = bath.statistics, bath.spectrum, bath.full_band

    def evaluate(b: Any, T: Any, rate: Any, mu: Any, strength: Any) -> tuple[Any, ...]:
        if not (isinstance(strength, float) and strength == 1.0):
            rate = rate * strength
        has_inverted = not is_signed and np.min(b, initial=0.0) < 0.0
        w = 2.0 * (np.abs(b) if has_inverted else b)
        total, difference = relaxation(w, T, rate, mu, statistics, spectrum)
        if has_inverted:
            difference = np.where(np.less(b, 0.0), -difference, difference)
        return total, difference

    return evaluate


def _tilted(bath: Bath) -> Callable[..., tuple[Any, ...]]:
    statistics, spectrum = bath.statistics, bath.spectrum
    is_exchange = isinstance(bath.coupling, str) and bath.coupling == "exchange"

    def evaluate(bx: Any, by: Any, bz: Any, T: Any, rate: Any, mu: Any, vx: Any, vy: Any, vz: Any) -> tuple[Any, ...]:
        nx, ny, nz, length = _direction(bx, by, bz)
        total, difference = relaxation(2.0 * length, T, rate, mu, statistics, spectrum)
        along: Any = 0.0
        if not is_exchange:
            along = vx * nx + vy * ny + vz * nz
            across = (vy * nz - vz * ny) ** 2 + (vz * nx - vx * nz) ** 2 + (vx * ny - vy * nx) ** 2
            total, difference = across * total, across * difference
            if np.any(along):  # where there is no limit, zero_rate is 0 and this is rounding: more was refused
                along = zero_rate(T, rate, mu, statistics, spectrum) * along * along
        g, d = 0.25 * total, 0.25 * difference
        extra = along - g  # of n_s n_t
        diagonal = [g + extra * n * n for n in (nx, ny, nz)]
        return (*diagonal, extra * nx * ny, extra * nx * nz, extra * ny * nz, -d * nz, d * ny, -d * nx, total)

    return evaluate


def _direction(bx: Any, by: Any, bz: Any) -> tuple[Any, Any, Any, Any]:
    """The unit vector of a field and its length; along Z where there is no field."""
    length = np.sqrt(bx * bx + by * by + bz * bz)
    if np.min(length, initial=1.0) > 0.0:
        return bx / length, by / length, bz / length, length
    safe = np.where(length == 0.0, 1.0, length)
    return bx / safe, by / safe, np.where(length == 0.0, 1.0, bz / safe), length


def _bare(jump: Jump, source: int) -> Dissipator:
    terms = tuple((s, c) for s, c in jump.operator.terms)
    if any(np.ndim(c) for _, c in terms):
        return _of_arrays(jump, terms, source)
    scalars = {s: complex(c) for s, c in terms}
    letters = {s[0][1]: c for s, c in scalars.items() if len(s) == 1}
    site = terms[0][0][0][0] if terms and terms[0][0] else None
    is_ladder = len(terms) == 2 and set(letters) == {"X", "Y"} and jump.operator.support == (site,)
    if is_ladder and letters["Y"] in (1j * letters["X"], -1j * letters["X"]):
        weight = 4.0 * abs(letters["X"]) ** 2
        sign = 1.0 if letters["Y"] == -1j * letters["X"] else -1.0
        keys: tuple[Key, ...] = (("total", site), ("difference", site))
        return Dissipator(source, keys, (jump.rate,), lambda rate: (weight * rate, sign * weight * rate))
    return Dissipator(source, (("jump", tuple(scalars.items())),), (jump.rate,), lambda rate: (rate,))


def _of_arrays(jump: Jump, terms: tuple[tuple[PauliString, Any], ...], source: int) -> Dissipator:
    """A Lindblad operator whose coefficients are arrays: its Γ_st, part by part."""
    pairs = [(i, j) for i, j in product(range(len(terms)), repeat=2) if i <= j]
    keys: list[Key] = [("re", terms[i][0], terms[j][0]) for i, j in pairs]
    keys += [("im", terms[i][0], terms[j][0]) for i, j in pairs if i != j]

    def evaluate(rate: Any, *c: Any) -> tuple[Any, ...]:
        products = [rate * np.conj(c[i]) * c[j] for i, j in pairs]
        parts = [np.imag(p) for p, (i, j) in zip(products, pairs, strict=True) if i != j]
        return (*(np.real(p) for p in products), *parts)

    return Dissipator(source, tuple(keys), (jump.rate, *(c for _, c in terms)), evaluate)


def _coupling_vector(bath: Bath, site: int) -> Vector | None:
    """The coupling as v in v·σ (its identity part brings nothing); None for exchange."""
    if isinstance(bath.coupling, PauliSum):
        found = bath.coupling.coefficients
        if any(len(string) > 1 for string in found) or len(bath.coupling.support) > 1:
            raise NotOffered(
                f"the local master equation couples a bath to one site at a time; {bath.coupling} spans sites "
                f"{bath.coupling.support}. Use master='redfield'."
            )
        return tuple(found.get(((site, letter),), 0.0) for letter in "XYZ")
    return None if bath.coupling == "exchange" else COUPLING_VECTORS[bath.coupling]


def _is_away_from_zero(x: Any) -> bool:
    """Whether no number is zero; mostly all have one sign, which is told without a copy."""
    if np.min(x, initial=1.0) > 0.0 or np.max(x, initial=-1.0) < 0.0:
        return True
    return bool(np.min(np.abs(x), initial=1.0) > 0.0)


def _refuse_divergence(bath: Bath, site: int, field: Vector, vector: Vector | None) -> None:
    if bath.statistics != "boson":
        return
    may_be_above = np.max(bath.mu, initial=0.0) > 0.0
    if not may_be_above:
        if vector is None and _is_away_from_zero(field[2]):
            return
        if not np.any(has_no_limit(bath.T, bath.rate, bath.mu, bath.statistics, bath.spectrum)):
            return

    gap, diagonal, above = in_chunks(_faults(bath), *field, bath.T, bath.rate, bath.mu, *(vector or ()))
    above, mu = np.asarray(above), np.broadcast_to(bath.mu, np.shape(above))
    refuse_where(~np.isinf(above), DivergentOccupation, lambda i: why_above((site,), mu[i], above[i]))
    advice = (
        f"the bosonic spectrum {described(bath.spectrum)} has no limit there; spectrum='ohmic' takes the limit "
        "J n -> rate·T"
    )
    refuse_where(
        gap,
        DivergentOccupation,
        lambda i: f"the bath on site {site}: the bare gap of the site is zero, so the occupation diverges; {advice}",
    )
    refuse_where(
        diagonal,
        DivergentOccupation,
        lambda i: (
            f"the bath on site {site}: the coupling {bath.coupling} has a part diagonal in the bare levels, "
            f"which the bath drives at zero frequency; {advice}"
        ),
    )


def _faults(bath: Bath) -> Callable[..., tuple[Any, ...]]:
    """Where a bosonic bath has no rate: at a zero gap, along the bare levels, and the frequency not above mu."""

    def faults(*x: Any) -> tuple[Any, ...]:
        bx, by, bz, T, rate, mu, *v = x
        here = replace(bath, T=T, rate=rate, mu=mu)
        nx, ny, nz, length = _direction(bx, by, bz)
        along, across = False, True
        if v:
            size = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
            share = np.abs(v[0] * nx + v[1] * ny + v[2] * nz)
            along, across = share > _ROUNDING * size, size - share > _ROUNDING * size
        zeros = [~np.isnan(zero_fault(here, asked)) for asked in (length == 0.0, along)]
        is_above = np.asarray(mu) > 0.0
        above = gap_fault(here, np.where((length > 0.0) & across, 2.0 * length, np.inf))
        above = np.where((zeros[0] | zeros[1]) & is_above, 0.0, above)
        shape = np.broadcast_shapes(*(np.shape(number) for number in x))
        return tuple(np.broadcast_to(found, shape) for found in (*(zero & ~is_above for zero in zeros), above))

    return faults


def _on(site: int, letter: str) -> PauliString:
    return ((site, letter),)
