"""A GKSL generator in Pauli coordinates, made symbolically from the strings and operators present.

The means <P> of the Pauli strings obey a real linear system
d<P>/dt = i<[H, P]> + Σ rate <L† P L - {L†L, P}/2>. Its coefficients are linear in a few parameters,
each a number or an array over points and each named by a key:

    ("h", s)              the coefficient of the string s in H
    ("total", i)          down + up of σ⁻ and σ⁺ on site i
    ("difference", i)     down - up of the same
    ("jump", operator)    the rate of a Lindblad operator with scalar coefficients
    ("re", s, t), ("im", s, t)   parts of Σ rate conj(l_s) l_t, for L = Σ l_s s with array coefficients
    ("relaxes", i)        enters no equation: a rate that certifies uniqueness (see `gksl`)

What each parameter does to each string is worked out once and cached on the keys. Only the strings
reachable from the identity have a mean that can differ from zero in a unique steady state; the
system is kept for them alone. Derived here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.elimination import Entry, Plan, plan
from qet.foundations.paulis import PauliString, PauliSum, multiply_strings, pauli_decomposition

Array = np.ndarray
Key = tuple[Any, ...]
Form = tuple[tuple[Key, float], ...]  # a linear combination of parameters
Action = Mapping[PauliString, float]

# A system of m unknowns costs batched LAPACK about 10 m² ns, an operation on arrays 1 ns
ELIMINATION_FLOPS = 8  # operations over m² up to which elimination is the faster way
ELIMINATION_ENTRIES = 7  # entries a row beyond which they are not counted,
FEW_ENTRIES = 160  # nor are they with more entries than this,
ELIMINATION_SIZE = 127  # and never with more unknowns
PLAYED_SIZE = 15  # unknowns that a compiled program eliminates faster than LAPACK, whatever the pattern


@dataclass(frozen=True)
class Generator:
    """The equations 0 = Σ_j M_ij <P_j> + v_i of a set of strings.

    Attributes:
        strings: The unknowns, identity left out.
        keys: The parameters, in a fixed order.
        matrix: (i, j) -> linear combination of parameters.
        constant: i -> linear combination of parameters, v_i.
    """

    strings: tuple[PauliString, ...]
    keys: tuple[Key, ...]
    matrix: Mapping[tuple[int, int], Form]
    constant: Mapping[int, Form]

    def dense(self, parameters: Mapping[Key, Any]) -> tuple[Array, Array]:
        """M, shape (points, m, m), and v, shape (points, m), as one matrix product over the parameters."""
        m = len(self.strings)
        basis = _basis(self)
        columns = np.broadcast_arrays(*(np.atleast_1d(parameters[key]) for key in self.keys))
        full = np.stack(columns, axis=-1) @ basis  # (points, m² + m)
        return full[:, : m * m].reshape(len(full), m, m), full[:, m * m :]


@dataclass(frozen=True)
class Block:
    """A generator ready to be solved: reduced to what the identity reaches, with its elimination.

    Attributes:
        generator: The reachable equations.
        plan: How to eliminate them; None where LAPACK is the better way.
        forms: Label -> the linear combination that an entry of the plan stands for.
        rows: For each row its entries (column, sign, label), its right-hand side (sign, label) if any, and the label
            of its diagonal if any.
    """

    generator: Generator
    plan: Plan | None
    forms: Mapping[Hashable, Form]
    rows: tuple[tuple[tuple[tuple[int, int, Hashable], ...], Entry | None, Hashable | None], ...]


@lru_cache(maxsize=256)
def full_generator(n_sites: int, keys: tuple[Key, ...]) -> Generator:
    """The equations of all 4^n - 1 strings."""
    strings = tuple(_all_strings(n_sites))
    return _assemble(strings, keys)


@lru_cache(maxsize=256)
def block(n_sites: int, keys: tuple[Key, ...], is_played: bool = False) -> Block:
    """The equations of the strings reachable from the identity, and the plan to solve them.

    Args:
        n_sites: Number of sites.
        keys: The parameters of the generator.
        is_played: Whether the elimination will go through a compiled program.
    """
    generator = _assemble(_reachable(n_sites, keys), keys)
    matrix, right, forms, _ = labeled(generator)
    m = len(generator.strings)
    try:
        elimination = plan(m, matrix, right) if pays(m, len(matrix), is_played=is_played) else None
    except ZeroDivisionError:
        elimination = None
    if elimination is None or not pays(m, len(matrix), elimination.flops, is_played=is_played):
        return Block(generator, None, {}, ())
    rows = []
    for i in range(m):
        entries = tuple((j, sign, label) for (row, j), (sign, label) in matrix.items() if row == i)
        diagonal = matrix[i, i][1] if (i, i) in matrix else None
        rows.append((entries, right.get(i), diagonal))
    return Block(generator, elimination, forms, tuple(rows))


@lru_cache(maxsize=64)
def correction(n_sites: int, keys: tuple[Key, ...]) -> Plan:
    """The plan of a `block` that has one, for what ("residual", row) says that every row is off by."""
    generator = block(n_sites, keys).generator
    m = len(generator.strings)
    return plan(m, labeled(generator)[0], {i: (1, ("residual", i)) for i in range(m)})


def pays(m: int, entries: int, flops: int = 0, *, is_played: bool = False) -> bool:
    """Whether m unknowns with so many entries are eliminated on arrays, before or after the operations are counted.

    A compiled program, which saves the way through the cache, takes a fifth of the time an operation.
    """
    if is_played and 0 < m <= PLAYED_SIZE:
        return True
    is_sparse = entries <= max(ELIMINATION_ENTRIES * m, FEW_ENTRIES)
    return 0 < m <= ELIMINATION_SIZE and is_sparse and flops <= ELIMINATION_FLOPS * m * m


def part_of(generator: Generator, places: Sequence[int]) -> Generator:
    """The equations of some strings that no entry connects to others, without their constants."""
    new = {old: k for k, old in enumerate(places)}
    matrix = {(new[i], new[j]): form for (i, j), form in generator.matrix.items() if i in new}
    return Generator(tuple(generator.strings[i] for i in places), generator.keys, matrix, {})


@lru_cache(maxsize=65536)
def action(key: Key, string: PauliString) -> Action:
    """What a parameter does to a string: the strings u and numbers c in d<P>/dt = parameter · Σ c <u>."""
    kind = key[0]
    if kind == "h":
        return _real({u: 1j * c for u, c in _commutator(key[1], string).items()})
    if kind in ("total", "difference", "relaxes"):
        return _ladder(kind, key[1], string)
    if kind == "jump":
        return _jump_action(key[1], string)
    s, t = key[1], key[2]
    if kind == "re":
        pairs: list[tuple[complex, PauliString, PauliString]]
        pairs = [(1.0, s, t)] if s == t else [(1.0, s, t), (1.0, t, s)]
    else:
        pairs = [(1j, s, t), (-1j, t, s)]
    return _real(_add((c, _sandwich(left, right, string)) for c, left, right in pairs))


def evaluate(form: Form, parameters: Mapping[Key, Any]) -> Any:
    """The value of a linear combination of parameters."""
    total: Any = None
    for key, number in form:
        value = parameters[key] if number == 1.0 else -parameters[key] if number == -1.0 else number * parameters[key]
        total = value if total is None else total + value
    return total


def _ladder(kind: str, site: int, string: PauliString) -> Action:
    letter = dict(string).get(site)
    if letter is None or kind == "relaxes":
        return {}
    if kind == "total":
        return {string: -1.0 if letter == "Z" else -0.5}
    if letter != "Z":
        return {}
    return {tuple(pair for pair in string if pair[0] != site): -1.0}


def _jump_action(terms: tuple[tuple[PauliString, complex], ...], string: PauliString) -> Action:
    """The part of the string inside the operator's support is looked up; the part outside is kept."""
    sites, table = _jump_table(terms)
    inside = tuple(pair for pair in string if pair[0] in sites)
    outside = tuple(pair for pair in string if pair[0] not in sites)
    return {tuple(sorted(u + outside)): c for u, c in table.get(inside, {}).items()}


@lru_cache(maxsize=256)
def _jump_table(
    terms: tuple[tuple[PauliString, complex], ...],
) -> tuple[frozenset[int], Mapping[PauliString, Action]]:
    """L† P L - {L†L, P}/2 for every string P on the support of L, by matrices."""
    operator = PauliSum(terms)
    sites = operator.support
    L = operator.matrix(sites)
    LL = L.conj().T @ L
    table: dict[PauliString, Action] = {}
    for string in _all_strings(len(sites)):
        named = tuple((sites[i], letter) for i, letter in string)
        P = PauliSum(((named, 1.0),)).matrix(sites)
        image = L.conj().T @ P @ L - 0.5 * (LL @ P + P @ LL)
        table[named] = {u: float(np.real(c)) for u, c in pauli_decomposition(image, sites).terms}
    return frozenset(sites), table


def _commutator(s: PauliString, p: PauliString) -> dict[PauliString, complex]:
    left, u = multiply_strings(s, p)
    right, _ = multiply_strings(p, s)
    return {} if left == right else {u: left - right}


def _sandwich(s: PauliString, t: PauliString, p: PauliString) -> dict[PauliString, complex]:
    """s p t - (s t p + p s t)/2: three strings that are all the same one, up to their phases."""
    sp, a = multiply_strings(s, p)
    spt, u = multiply_strings(a, t)
    st, b = multiply_strings(s, t)
    stp, _ = multiply_strings(b, p)
    pst, _ = multiply_strings(p, b)
    c = sp * spt - st * (stp + pst) / 2
    return {} if c == 0 else {u: c}


def _add(parts: Iterable[tuple[complex, Mapping[PauliString, complex]]]) -> dict[PauliString, complex]:
    total: dict[PauliString, complex] = {}
    for factor, part in parts:
        for u, c in part.items():
            total[u] = total.get(u, 0) + factor * c
    return total


def _real(combination: Mapping[PauliString, complex]) -> Action:
    """The combination with real numbers: a GKSL generator maps Hermitian to Hermitian."""
    return {u: float(c.real) for u, c in combination.items() if abs(c) > 1e-15}


def _all_strings(n_sites: int) -> Iterable[PauliString]:
    for letters in product("IXYZ", repeat=n_sites):
        string = tuple((i, letter) for i, letter in enumerate(letters) if letter != "I")
        if string:
            yield string


def _reachable(n_sites: int, keys: tuple[Key, ...]) -> tuple[PauliString, ...]:
    """The strings whose mean is driven, directly or not, by the mean 1 of the identity."""
    drives: dict[PauliString, list[PauliString]] = {}
    for string in _all_strings(n_sites):
        for key in keys:
            for u in action(key, string):
                drives.setdefault(u, []).append(string)
    found: dict[PauliString, None] = {}
    frontier: list[PauliString] = [()]
    while frontier:
        for string in drives.get(frontier.pop(), []):
            if string not in found:
                found[string] = None
                frontier.append(string)
    return tuple(sorted(found, key=lambda s: (len(s), s)))


def _assemble(strings: tuple[PauliString, ...], keys: tuple[Key, ...]) -> Generator:
    place = {string: i for i, string in enumerate(strings)}
    matrix: dict[tuple[int, int], dict[Key, float]] = {}
    constant: dict[int, dict[Key, float]] = {}
    for i, string in enumerate(strings):
        for key in keys:
            for u, c in action(key, string).items():
                if not u:
                    form = constant.setdefault(i, {})
                elif u in place:
                    form = matrix.setdefault((i, place[u]), {})
                else:
                    continue
                form[key] = form.get(key, 0.0) + c
    return Generator(
        strings,
        keys,
        {place_: _form(form) for place_, form in matrix.items() if _form(form)},
        {i: _form(form) for i, form in constant.items() if _form(form)},
    )


def _form(form: Mapping[Key, float]) -> Form:
    return tuple((key, c) for key, c in form.items() if c != 0.0)


def labeled(
    generator: Generator,
) -> tuple[dict[tuple[int, int], Entry], dict[int, Entry], dict[Hashable, Form], tuple[float, ...]]:
    """M x = -v with each entry a sign and a label; a label is the linear combination it stands for; scales of rows.

    Each row is scaled so that its Hamiltonian entries are bare parameters where that is possible, and so
    that equal combinations share a label: both save operations on arrays.
    """
    matrix: dict[tuple[int, int], Entry] = {}
    right: dict[int, Entry] = {}
    forms: dict[Hashable, Form] = {}
    scales: list[float] = []
    for i in range(len(generator.strings)):
        row = {j: form for (r, j), form in generator.matrix.items() if r == i}
        own = generator.constant.get(i, ())
        numbers = [abs(c) for form in row.values() for key, c in form if key[0] == "h"]
        scale = 1.0 / max(numbers) if numbers else 0.5
        scales.append(scale)
        for j, form in row.items():
            matrix[i, j] = _signed(form, scale, forms)
        if own:
            right[i] = _signed(own, -scale, forms)
    return matrix, right, forms, tuple(scales)


def _signed(form: Form, scale: float, forms: dict[Hashable, Form]) -> Entry:
    sign = 1 if form[0][1] * scale > 0 else -1
    label = tuple((key, sign * scale * c) for key, c in form)
    forms[label] = label
    return sign, label


_BASES: dict[int, tuple[Generator, Array]] = {}


def _basis(generator: Generator) -> Array:
    """The numbers of every parameter in M and v, shape (keys, m² + m)."""
    known = _BASES.get(id(generator))
    if known is not None and known[0] is generator:
        return known[1]
    m = len(generator.strings)
    place = {key: p for p, key in enumerate(generator.keys)}
    basis = np.zeros((len(generator.keys), m * m + m))
    for (i, j), form in generator.matrix.items():
        for key, c in form:
            basis[place[key], i * m + j] = c
    for i, form in generator.constant.items():
        for key, c in form:
            basis[place[key], m * m + i] = c
    _BASES[id(generator)] = (generator, basis)
    return basis
