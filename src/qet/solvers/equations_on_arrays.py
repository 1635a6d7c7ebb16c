"""The real equations of a class of coherences, every entry an array over points, and their elimination.

The twin of `liouville.generator` and `solve_steady` for chunks of points. With rho_ab = R_ab + i M_ab, a < b, the
unknowns of a class are the populations, R and M; real couplings without a Lamb shift leave R and M coupled by
the gaps alone, which the pattern sees. With

    C(aa', bb') = Σ_c X_ab A*_a'b' + A_ab X*_a'b' + δ_a'b' K_ab + δ_ab K*_a'b',       K = -Σ_c A†X,

the rows are, w = E_a' - E_a,

    dR_aa'/dt = Σ_{b<b'} Re(C + C') R - Im(C - C') M + Σ_b Re C p_b - w M_aa',      C' = C(aa', b'b)
    dM_aa'/dt = Σ_{b<b'} Im(C + C') R + Re(C - C') M + Σ_b Im C p_b + w R_aa'.

The equation of the first population makes room for the trace, which is eliminated first: then no pivot is
the loss from the lowest level, which vanishes at T = 0. A second right-hand side without structure, in units of the
rows, grows with the condition of the system: it certifies that there is one steady state. Derived here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qet.foundations.elimination import ONE, Entry, Plan, plan, solve
from qet.solvers.channels_on_arrays import ElementChannel
from qet.solvers.elements import Place, add, adjoint, conjugate, product
from qet.solvers.levels_on_arrays import Levels
from qet.solvers.liouville import probes

Array = np.ndarray
Pairs = tuple[tuple[int, int], ...]
_UNSOLVED = 1e-8  # of a probe's residual, in units of its row


class Couplings:
    """C(aa', bb') of a chunk, each worked out once; None where it vanishes by structure."""

    def __init__(self, channels: Sequence[ElementChannel], levels: Levels, cutoff: float | None) -> None:
        self.levels = levels
        self.limit = None if cutoff is None else cutoff + levels.tolerance
        self.channels = channels
        self.known: dict[tuple[int, int, int, int], Any] = {}
        self.masks: dict[Any, Any] = {}
        self.loss: dict[Place, Any] = {}  # A†X
        for channel in channels:
            for (a, b), value in product(adjoint(channel.A), channel.X).items():
                kept = value if channel.is_bare else self._kept(value, (a, b), (a, a))
                if kept is not None:
                    add(self.loss, (a, b), kept)

    def of(self, a: int, a2: int, b: int, b2: int) -> Any:
        """C(a a2, b b2)."""
        place = (a, a2, b, b2)
        if place not in self.known:
            turned = (a2, a, b2, b)
            if turned in self.known:
                value = self.known[turned]
                self.known[place] = None if value is None else conjugate(value)
            else:
                self.known[place] = self._made(a, a2, b, b2)
        return self.known[place]

    def _made(self, a: int, a2: int, b: int, b2: int) -> Any:
        if a == a2 == b == b2:
            return self._left(a)
        total: Any = None
        for is_bare in (False, True):
            part = self._jumps(is_bare, a, a2, b, b2)
            if part is not None and not is_bare:
                part = self._kept(part, (a, b), (a2, b2))
            if part is not None:
                total = part if total is None else total + part
        lost = [self.loss[a, b]] if a2 == b2 and (a, b) in self.loss else []
        if a == b and (a2, b2) in self.loss:
            lost.append(conjugate(self.loss[a2, b2]))
        for value in lost:
            total = -value if total is None else total - value
        return total

    def _left(self, a: int) -> Any:
        """What leaves a level goes to the others: their sum, since gain less loss drowns slow rates in dephasing."""
        total: Any = None
        for channel in self.channels:
            for (b, source), value in channel.A.items():
                if source == a != b:
                    part = -2.0 * np.real(channel.X[b, a] * conjugate(value))
                    total = part if total is None else total + part
        return total

    def _jumps(self, is_bare: bool, a: int, a2: int, b: int, b2: int) -> Any:
        total: Any = None
        for channel in self.channels:
            A, X = channel.A, channel.X
            if channel.is_bare is not is_bare or (a, b) not in A or (a2, b2) not in A:
                continue
            part = X[a, b] * conjugate(A[a2, b2])
            part = 2.0 * np.real(part) if (a, b) == (a2, b2) else part + A[a, b] * conjugate(X[a2, b2])
            total = part if total is None else total + part
        return total

    def _kept(self, value: Any, one: Place, other: Place) -> Any:
        """What a cut-off leaves of a product of two transitions; None where it leaves nothing."""
        if self.limit is None:
            return value
        key = self.levels.difference(one, other)
        if not key:
            return value
        if key not in self.masks:
            mask = np.abs(self.levels.frequency(key)) <= self.limit
            self.masks[key] = mask if not np.all(mask) else True
            if not np.any(mask):
                self.masks[key] = None
        mask = self.masks[key]
        return None if mask is None else value if mask is True else np.where(mask, value, 0.0)


@dataclass(frozen=True, eq=False)
class Equations:
    """The equations of one class.

    Attributes:
        pairs: (a, b), a <= b, of R, then of M.
        n_real: How many of them are R.
        matrix: Its entries.
        probes: Two fixed vectors without structure, those of `liouville` in these unknowns.
        turning: The unknowns R and M of every coherence whose gap does not vanish by structure.
    """

    pairs: Pairs
    n_real: int
    matrix: Mapping[Place, Any]
    probes: tuple[tuple[float, ...], ...]
    turning: Pairs

    @property
    def populations(self) -> list[int]:
        """Which unknowns are populations."""
        return [i for i, (a, b) in enumerate(self.pairs[: self.n_real]) if a == b]


def equations_of(pairs: Pairs, couplings: Couplings, *, has_trace: bool) -> Equations:
    """The equations of a class, without that of its first population where the trace takes its place."""
    upper = [pair for pair in pairs if pair[0] <= pair[1]]
    off = [pair for pair in upper if pair[0] < pair[1]]
    n = len(upper)
    matrix: dict[Place, Any] = {}
    turning: list[Place] = []
    for i, (a, a2) in enumerate(upper):
        if has_trace and i == 0:
            continue
        rows = (i, None if a == a2 else n + off.index((a, a2)))
        for j, (b, b2) in enumerate(upper):
            direct = couplings.of(a, a2, b, b2)
            turned = couplings.of(a, a2, b2, b) if b != b2 else None
            columns = (j, None if b == b2 else n + off.index((b, b2)))
            _enter(matrix, rows, columns, direct, turned)
        if rows[1] is not None:
            key, sign = couplings.levels.gap(a, a2)
            if key:
                turning.append((i, rows[1]))
                w = couplings.levels.frequency(key)
                add(matrix, (i, rows[1]), -w if sign > 0.0 else w)
                add(matrix, (rows[1], i), w if sign > 0.0 else -w)
    return Equations((*upper, *off), n, matrix, _probes(pairs, upper, off), tuple(turning))


def _probes(pairs: Pairs, upper: Sequence[Place], off: Sequence[Place]) -> tuple[tuple[float, ...], ...]:
    """The probes of `liouville`, where N_ab = R + M and N_ba = R - M, in the unknowns R and M."""
    found = []
    for column in probes(len(pairs)).T:
        packed = dict(zip(pairs, column.tolist(), strict=True))
        real = [0.5 * (packed[a, b] + packed[b, a]) for a, b in upper]
        found.append((*real, *(0.5 * (packed[a, b] - packed[b, a]) for a, b in off)))
    return tuple(found)


def _enter(
    matrix: dict[Place, Any], rows: tuple[int, int | None], columns: tuple[int, int | None], direct: Any, turned: Any
) -> None:
    """The four real entries of a pair of coherences."""
    if direct is None and turned is None:
        return
    is_complex = np.iscomplexobj(direct) or np.iscomplexobj(turned)
    if rows[0] == columns[0] and rows[1] is None:
        matrix[rows[0], columns[0]] = _real(direct)
        return
    plus = direct if turned is None else turned if direct is None else direct + turned
    matrix[rows[0], columns[0]] = _real(plus)
    if rows[1] is not None and is_complex:
        matrix[rows[1], columns[0]] = _imaginary(plus)
    if columns[1] is None:
        return
    if rows[1] is None and is_complex:  # turned is the conjugate of direct
        matrix[rows[0], columns[1]] = -2.0 * _imaginary(direct)
    if rows[1] is None:
        return
    minus = direct if turned is None else -turned if direct is None else direct - turned
    matrix[rows[1], columns[1]] = _real(minus)
    if is_complex:
        matrix[rows[0], columns[1]] = -_imaginary(minus)


def _real(value: Any) -> Any:
    return np.ascontiguousarray(np.real(value)) if np.iscomplexobj(value) else value


def _imaginary(value: Any) -> Any:
    return np.ascontiguousarray(np.imag(value))


@lru_cache(maxsize=64)
def plan_of(n: int, places: frozenset[Place], populations: tuple[int, ...], turning: Pairs) -> Plan:
    """How to eliminate a class; with populations the first equation is the trace, and what is asked comes first.

    The pivots of a coherence that turns, R and M of which are paired in `turning`, are its gap: it does not vanish
    where rates are slow. Labels: a place for an entry, ("probe", number, row) for a right-hand side that tells the
    condition.
    """
    matrix: dict[Place, Entry] = {place: (1, place) for place in sorted(places)}
    asked: list[dict[int, Entry]] = [{i: (1, ("probe", k, i)) for i in range(n)} for k in range(2)]
    partners = dict(turning) | {j: i for i, j in turning}
    if not populations:
        return plan(n, matrix, asked, partners=partners)
    matrix |= {(0, j): (1, ONE) for j in populations}
    return plan(n, matrix, [{0: (1, ONE)}, *asked], first=((0, 0),), partners=partners)


def solve_class(equations: Equations, scales: Sequence[Any], *, has_trace: bool) -> tuple[list[Any], Any, Any]:
    """The unknowns of unit trace (none without a trace), the growth of the probes, and where they are not solved.

    Args:
        equations: Of the class.
        scales: What each row is measured in; 1 for the trace.
    """
    n = len(equations.pairs)
    populations = tuple(equations.populations) if has_trace else ()
    made = plan_of(n, frozenset(equations.matrix), populations, equations.turning)
    values: dict[Any, Any] = dict(equations.matrix)
    for k, probe in enumerate(equations.probes):
        values |= {("probe", k, i): probe[i] * scale for i, scale in enumerate(scales)}
    found = solve(made, values)
    probed = found[-2 * n : -n], found[-n:]
    growths = []
    for solution in probed:
        growth: Any = 0.0
        for (a, b), value in zip(equations.pairs, solution, strict=True):
            growth = growth + (value * value if a == b else 2.0 * (value * value))
        growths.append(growth)
    wrong = _is_unsolved(equations, [x + y for x, y in zip(*probed, strict=True)], scales)
    return (found[:n] if has_trace else []), np.sqrt(np.maximum(*growths)), wrong


def _is_unsolved(equations: Equations, both: Sequence[Any], scales: Sequence[Any]) -> Any:
    """Where the sum of the probes' solutions leaves a residual: without one, a moderate solution shows no null vector.

    Elimination without pivoting may answer a singular system with moderate numbers that do not solve it.
    """
    rows: dict[int, Any] = {}
    for (i, j), value in equations.matrix.items():
        part = value * both[j]
        rows[i] = rows[i] + part if i in rows else part
    wrong: Any = False
    for i, row in rows.items():
        asked = sum(probe[i] for probe in equations.probes)
        wrong = wrong | ~(np.abs(row - asked * scales[i]) <= _UNSOLVED * scales[i])
    return wrong
