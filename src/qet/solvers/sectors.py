"""Symmetries of a master equation, found from its operators, and the sectors that they cut the levels into.

Two kinds are looked for, both diagonal in the basis of the sites:

- *Parities.* Strings flip bits of the label; with D the group of `liouville.classes_of`, the coset of a label modulo D.
- *Charges* Q = Σ q_i Z_i with integers q_i, such that H conserves Q and every channel changes it by one definite
  amount: the magnetization of an XXZ chain between raising and lowering jumps, the staggered one where pairs are made.

Where both hold for a generator, rho -> e^{isQ} rho e^{-isQ} commutes with it ("weak" symmetry), so the steady state, if
unique, has no element between labels of different coset or charge: rho = ⊕ rho_s over the sectors s. A charge that no
channel changes is conserved outright ("strong"), and then there are several steady states.

An operator moves label b to a by the step δ_i = (z_i(a) - z_i(b))/2; a charge must have q·δ = 0 for every step of H and
q·δ the same for all steps of one channel: linear equations with small integers, solved exactly. Bare-gap jumps of the
local equation make a single step each and ask for nothing.

Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from qet.foundations.paulis import PauliSum
from qet.physics.baths import Bath, Jump
from qet.solvers.diagnostics import Symmetries
from qet.solvers.liouville import cosets, span
from qet.solvers.masters import Master
from qet.solvers.redfield import flips_of_surroundings
from qet.solvers.setting import Setting

Array = np.ndarray
Step = tuple[int, ...]
_CANCELED = 8 * float(np.finfo(float).eps)  # of an entry where strings cancel, relative to their coefficients


@dataclass(frozen=True, eq=False)
class Sectors:
    """The labels of the basis, sorted into sectors.

    Attributes:
        labels: The labels of every sector, ascending.
        symmetries: What they come from.
    """

    labels: tuple[Array, ...]
    symmetries: Symmetries

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The blocks of a steady state: every sector with itself."""
        return tuple((s, s) for s in range(len(self.labels)))


def sectors_of(H: PauliSum, surroundings: tuple[Bath | Jump, ...], n_sites: int, master: Master) -> Sectors:
    """The sectors of a generator; arrays of coefficients share what holds at all their points.

    Example:
        >>> from qet.physics.baths import jump
        >>> from qet.physics.models import xxz
        >>> found = sectors_of(xxz(4).H, (jump("+", 0, 1.0), jump("-", 3, 1.0)), 4, "gksl").symmetries
        >>> print(*found.charges, found.unknowns, found.of)
        1 Z0 + 1 Z1 + 1 Z2 + 1 Z3 70 256
    """
    flips = flips_of_surroundings(surroundings, H, n_sites, master)
    conserved = [step for step in steps_of(H, n_sites) if any(step)]
    moves = [] if master == "local" else [steps_of(operator, n_sites) for operator in _operators(surroundings)]
    if master == "local":
        moves = [steps_of(thing.operator, n_sites) for thing in surroundings if isinstance(thing, Jump)]
    equations = [*conserved, *(_minus(step, steps[0]) for steps in moves for step in steps[1:])]
    charges = null_vectors(equations, n_sites)
    group = span(frozenset(_flip(step) for step in conserved) | {p ^ q for some in flips for p in some for q in some})
    return _sorted(charges, [_is_conserved(q, moves, surroundings, master) for q in charges], group, n_sites)


def symmetries_of(setting: Setting) -> Symmetries:
    """What `sectors_of` finds of a setting."""
    return sectors_of(setting.H, setting.surroundings, setting.n_sites, setting.master).symmetries


def steps_of(operator: PauliSum, n_sites: int) -> list[Step]:
    """The steps δ that an operator makes between labels, at any point of its arrays; sorted."""
    found: set[Step] = set()
    by_flip: dict[frozenset[int], list[tuple[tuple[tuple[int, str], ...], object]]] = {}
    for string, c in operator.terms:
        by_flip.setdefault(frozenset(site for site, letter in string if letter != "Z"), []).append((string, c))
    for flipped, terms in by_flip.items():
        if not flipped:  # diagonal, whatever the number of sites
            found |= {(0,) * n_sites} if any(np.any(np.asarray(c)) for _, c in terms) else set()
            continue
        part = PauliSum(tuple(terms))
        sites = part.support
        entries = np.abs(part.matrix(sites)).reshape(-1, 2 ** len(sites), 2 ** len(sites))
        size = sum((np.abs(np.asarray(c)) for _, c in terms), np.zeros(()))
        rows, columns = np.nonzero((entries > _CANCELED * np.reshape(size, (-1, 1, 1))).any(axis=0))
        for a, b in {(int(a), int(b)) for a, b in zip(rows, columns, strict=True)}:
            step = [0] * n_sites
            for place, site in enumerate(sites):
                if site in flipped:
                    bit = len(sites) - 1 - place
                    step[site] = (b >> bit & 1) - (a >> bit & 1)
            found.add(tuple(step))
    return sorted(found)


def null_vectors(equations: list[Step], n: int) -> list[Step]:
    """Integer vectors that span the solutions q of q·δ = 0, by exact elimination; each with no common factor."""
    rows: list[list[Fraction]] = []  # reduced: each has a leading 1 where all others vanish
    leads: list[int] = []
    for equation in dict.fromkeys(equations):
        row = [Fraction(x) for x in equation]
        for lead, known in zip(leads, rows, strict=True):
            row = [x - row[lead] * y for x, y in zip(row, known, strict=True)]
        lead = next((i for i, x in enumerate(row) if x), -1)
        if lead < 0:
            continue
        row = [x / row[lead] for x in row]
        rows = [[x - known[lead] * y for x, y in zip(known, row, strict=True)] for known in rows] + [row]
        leads.append(lead)
    vectors = []
    for free in (i for i in range(n) if i not in leads):
        q = [Fraction(int(i == free)) for i in range(n)]
        for lead, row in zip(leads, rows, strict=True):
            q[lead] = -row[free]
        scale = lcm(*(x.denominator for x in q))
        whole = [int(x * scale) for x in q]
        common = gcd(*whole) * (1 if next(x for x in whole if x) > 0 else -1)
        vectors.append(tuple(x // common for x in whole))
    return vectors


def _operators(surroundings: tuple[Bath | Jump, ...]) -> Iterator[PauliSum]:
    """The coupling of every channel of jumps, and of baths that filter it in energy."""
    for thing in surroundings:
        if isinstance(thing, Jump):
            yield thing.operator
        elif isinstance(thing.coupling, PauliSum):
            yield thing.coupling
        else:
            letters = {"exchange": (("X", 0.5), ("Y", -0.5j)), "dipole": (("X", 1.0),)}
            parts = letters.get(thing.coupling, ((thing.coupling, 1.0),))
            for sites in [thing.sites] if thing.common else [(site,) for site in thing.sites]:
                yield PauliSum(tuple((((site, letter),), c) for site in sites for letter, c in parts))


def _is_conserved(q: Step, moves: list[list[Step]], surroundings: tuple[Bath | Jump, ...], master: Master) -> bool:
    """Whether no channel changes a charge: neither the moves listed nor the ladder steps of baths at single sites."""
    if any(sum(x * y for x, y in zip(q, step, strict=True)) for steps in moves for step in steps):
        return False
    baths = [thing for thing in surroundings if isinstance(thing, Bath)]
    ladders = [bath for bath in baths if master == "local" or bath.coupling == "exchange"]
    return not any(q[site] for bath in ladders for site in bath.sites)


def _sorted(charges: list[Step], conserved: list[bool], group: tuple[int, ...], n_sites: int) -> Sectors:
    """The labels by coset and charges."""
    d = 2**n_sites
    rows = cosets(group, d)
    coset = np.empty(d, dtype=int)
    coset[rows] = np.arange(len(rows))[:, None]
    z = 1 - 2 * (np.arange(d)[:, None] >> np.arange(n_sites)[::-1] & 1)  # (d, sites)
    keys = np.column_stack([coset, z @ np.array(charges, dtype=int).reshape(-1, n_sites).T])
    _, place = np.unique(keys, axis=0, return_inverse=True)
    labels = tuple(np.flatnonzero(place == s) for s in range(int(place.max()) + 1))
    sums = tuple(PauliSum(tuple((((i, "Z"),), float(x)) for i, x in enumerate(q) if x)) for q in charges)
    unknowns = sum(len(some) ** 2 for some in labels)
    return Sectors(labels, Symmetries(sums, tuple(conserved), len(rows), len(labels), unknowns, d * d))


def _minus(left: Step, right: Step) -> Step:
    return tuple(a - b for a, b in zip(left, right, strict=True))


def _flip(step: Step) -> int:
    return sum(1 << (len(step) - 1 - site) for site, x in enumerate(step) if x)
