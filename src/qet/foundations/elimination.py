"""Gaussian elimination on a sparsity pattern whose entries are arrays over points.

Thousands of small sparse systems with one pattern and different numbers are solved at
once: the pivots and the operations are chosen from the pattern alone, once, and then
executed as a straight line of + - * / on whole arrays. Any array type with these four
operations passes (NumPy arrays, floats, JAX arrays under a trace).

The plan is made symbolically. An entry is a sign and a label: entries with equal labels
hold equal numbers, and a subexpression that occurs twice is computed once. Signs are kept
in the plan and cost nothing. Pivots are structurally nonzero diagonal entries, or one that is
named for its row, in the order of least fill (Markowitz); other entries only where none is left.

Nothing is pivoted by size, so a point can lose digits that a pivoted method would keep: the
caller checks the residual. Rows that elimination leaves unmodified are solved to rounding
by the back substitution; `Plan.modified` names the others, which are the ones to check.

Several right-hand sides share one elimination. The label `ONE` is the number one and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np

Entry = tuple[int, Hashable]  # sign (+1 or -1), label
Pattern = Mapping[tuple[int, int], Entry]
Signed = tuple[int, int]  # sign, slot
Sides = Mapping[int, Signed]  # right-hand side -> its number in one row

ONE = "one"  # the label of the number one, in slot 0

TIES = 4  # equally cheap pivots that are tried out, to share subexpressions

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul, "/": truediv}


@dataclass(frozen=True)
class Plan:
    """The operations that solve A x = b for one pattern.

    Attributes:
        n: Number of unknowns.
        labels: Inputs, in the order of the slots 1 .. len(labels); slot 0 holds 1.0.
        operations: (operation, left slot, right slot, slots no longer needed); each fills the next slot.
        solution: Sign and slot of every unknown, one right-hand side after the other; sign 0 where it is exactly zero.
        pivots: (row, column) in the order of elimination.
        modified: Rows that elimination changed, whose residual is not zero by construction.
        sides: Number of right-hand sides.
    """

    n: int
    labels: tuple[Hashable, ...]
    operations: tuple[tuple[str, int, int, tuple[int, ...]], ...]
    solution: tuple[Signed, ...]
    pivots: tuple[tuple[int, int], ...]
    modified: tuple[int, ...]
    sides: int = 1

    @property
    def flops(self) -> int:
        """Arithmetic operations a point, all entries being arrays (signs of the solution not counted)."""
        return len(self.operations)


class _Tape:
    """Records operations on signed slots; an operation recorded before is not recorded again."""

    def __init__(self, labels: Sequence[Hashable]) -> None:
        self.slots: dict[Hashable, int] = {ONE: 0} | {label: i + 1 for i, label in enumerate(labels)}
        self.operations: list[tuple[str, int, int]] = []
        self.known: dict[tuple[str, int, int], int] = {}
        self.next = len(labels) + 1

    def copy(self) -> _Tape:
        other = _Tape(())
        other.slots, other.operations, other.known = self.slots, list(self.operations), dict(self.known)
        other.next = self.next
        return other

    def record(self, operation: str, left: int, right: int) -> int:
        if operation in "+*" and right < left:
            left, right = right, left
        key = (operation, left, right)
        if key not in self.known:
            self.operations.append(key)
            self.known[key] = self.next
            self.next += 1
        return self.known[key]

    def times(self, left: Signed, right: Signed) -> Signed:
        sign = left[0] * right[0]
        if left[1] == 0 or right[1] == 0:  # slot 0 is the number one
            return sign, left[1] + right[1]
        return sign, self.record("*", left[1], right[1])

    def over(self, left: Signed, right: Signed) -> Signed:
        if right[1] == 0:
            return left[0] * right[0], left[1]
        return left[0] * right[0], self.record("/", left[1], right[1])

    def minus(self, left: Signed | None, right: Signed) -> Signed | None:
        """left - right; an absent left is zero, and equal operands leave nothing."""
        if left is None:
            return -right[0], right[1]
        if left[0] != right[0]:
            return left[0], self.record("+", left[1], right[1])
        if left[1] == right[1]:
            return None
        return left[0], self.record("-", left[1], right[1])


def plan(
    n: int,
    matrix: Pattern,
    right: Mapping[int, Entry] | Sequence[Mapping[int, Entry]],
    first: Sequence[tuple[int, int]] = (),
    partners: Mapping[int, int] | None = None,
) -> Plan:
    """The operations that solve A x = b, from the pattern of A and b.

    Args:
        n: Number of unknowns.
        matrix: (row, column) -> (sign, label) of the entries that may differ from zero.
        right: Row -> (sign, label) of the right-hand side, likewise; or a list of right-hand sides.
        first: Places of pivots to begin with, in this order.
        partners: Row -> column of its pivot, where it is not the diagonal one.

    Returns:
        The plan, for `solve`.

    Raises:
        ZeroDivisionError: if the pattern is singular whatever the numbers.
    """
    sides = [right] if isinstance(right, Mapping) else list(right)
    entries = [*matrix.values(), *(entry for side in sides for entry in side.values())]
    labels = tuple(dict.fromkeys(label for _, label in entries if label != ONE))
    tape = _Tape(labels)
    rows: dict[int, dict[int, Signed]] = {i: {} for i in range(n)}
    for (i, j), (sign, label) in matrix.items():
        rows[i][j] = (sign, tape.slots[label])
    given: dict[int, dict[int, Signed]] = {i: {} for i in range(n)}
    for k, side in enumerate(sides):
        for i, (sign, label) in side.items():
            given[i][k] = (sign, tape.slots[label])
    work = _Work(tape, rows, given, [], set())
    for place in first:
        work = work.eliminated(*place)
    while work.rows:
        places = _candidates(work.rows, partners or {})
        work = min((work.eliminated(*place) for place in places), key=lambda w: len(w.tape.operations))
    solutions = [_back_substituted(work.tape, work.upper, k) for k in range(len(sides))]
    signed = tuple(solution.get(j, (0, 0)) for solution in solutions for j in range(n))
    operations = _with_lifetimes(work.tape, {slot for _, slot in signed})
    pivots = tuple((step.row, step.column) for step in work.upper)
    return Plan(n, labels, operations, signed, pivots, tuple(sorted(work.modified)), len(sides))


def solve(plan: Plan, values: Mapping[Hashable, Any]) -> list[Any]:
    """The unknowns of A x = b, each an array that broadcasts the entries it depends on.

    Args:
        plan: From `plan`.
        values: Label -> number or array.

    Returns:
        One value an unknown, one right-hand side after the other; the float 0.0 for one that vanishes by structure.
    """
    given = (values[label] for label in plan.labels)
    # NumPy's own scalars, which answer a zero pivot with infinity as arrays do
    slots: list[Any] = [np.float64(1.0), *(np.float64(x) if isinstance(x, (int, float)) else x for x in given)]
    for operation, left, right, spent in plan.operations:
        slots.append(_ARITHMETIC[operation](slots[left], slots[right]))
        for slot in spent:  # a freed chunk is reused while it is still in the cache
            slots[slot] = None
    return [0.0 if sign == 0 else slots[slot] if sign > 0 else -slots[slot] for sign, slot in plan.solution]


@dataclass(frozen=True)
class _Step:
    """One pivot's equation: x_column = (right - Σ entries x) times or over `factor` (None: already divided)."""

    row: int
    column: int
    entries: dict[int, Signed]
    right: Sides
    factor: Signed | None
    is_divisor: bool


@dataclass(frozen=True)
class _Work:
    """A system partly eliminated: what is left of the rows and right-hand sides, and the pivots so far."""

    tape: _Tape
    rows: dict[int, dict[int, Signed]]
    right: dict[int, dict[int, Signed]]
    upper: list[_Step]
    modified: set[int]

    def eliminated(self, p: int, q: int) -> _Work:
        """A copy with unknown q eliminated by row p.

        Either the pivot row is divided once (cheap for a short row), or each other row's multiplier is
        (cheap for a short column); the back substitution then divides.
        """
        tape = self.tape.copy()
        rows = {i: dict(row) for i, row in self.rows.items()}
        right = {i: dict(b) for i, b in self.right.items()}
        row, b = rows.pop(p), right.pop(p)
        pivot = row.pop(q)
        below = [i for i in rows if q in rows[i]]
        across = len(row) + len(b)
        factor: Signed | None = None
        is_divisor = False
        if across == 0:
            for i in below:  # the unknown is zero, and its column drops out
                del rows[i][q]
            below = []
        elif across == 1:
            row = {j: tape.over(value, pivot) for j, value in row.items()}
            b = {k: tape.over(value, pivot) for k, value in b.items()}
        elif len(below) + 1 < across:
            factor, is_divisor = (pivot, True) if not below else (tape.over((1, 0), pivot), False)
        else:
            inverse = tape.over((1, 0), pivot)
            row = {j: tape.times(value, inverse) for j, value in row.items()}
            b = {k: tape.times(value, inverse) for k, value in b.items()}
        for i in below:
            multiple = rows[i].pop(q)
            if factor is not None:
                multiple = tape.times(multiple, factor)
            for j, value in row.items():
                _store(rows[i], j, tape.minus(rows[i].get(j), tape.times(multiple, value)))
            for k, value in b.items():
                _store(right[i], k, tape.minus(right[i].get(k), tape.times(multiple, value)))
        step = _Step(p, q, row, b, factor, is_divisor)
        return _Work(tape, rows, right, [*self.upper, step], self.modified | set(below))


def _candidates(rows: Mapping[int, Mapping[int, Signed]], partners: Mapping[int, int]) -> list[tuple[int, int]]:
    """The entries of partners (or, failing these, any entries) whose elimination fills least and updates fewest."""
    heights: dict[int, int] = {}
    for row in rows.values():
        for j in row:
            heights[j] = heights.get(j, 0) + 1
    entries = [(i, j) for i, row in rows.items() for j in row]
    allowed = [(i, j) for i, j in entries if j == partners.get(i, i)] or entries
    if len(heights) < len(rows) or not allowed:
        raise ZeroDivisionError("the pattern is singular: some unknown is not determined whatever the numbers are.")

    def cost(place: tuple[int, int]) -> tuple[int, int]:
        i, j = place
        fill = sum(
            column not in other
            for r, other in rows.items()
            if r != i and j in other
            for column in rows[i]
            if column != j
        )
        return fill, (len(rows[i]) - 1) * (heights[j] - 1)

    costs = [cost(place) for place in allowed]
    least = min(costs)
    return [place for place, c in zip(allowed, costs, strict=True) if c == least][:TIES]


def _store(row: dict[int, Signed], j: int, value: Signed | None) -> None:
    if value is None:
        row.pop(j, None)
    else:
        row[j] = value


def _back_substituted(tape: _Tape, upper: Sequence[_Step], side: int) -> dict[int, Signed]:
    solution: dict[int, Signed] = {}
    for step in reversed(upper):
        total = step.right.get(side)
        for j, value in step.entries.items():
            if j in solution:
                total = tape.minus(total, tape.times(value, solution[j]))
        if total is not None and step.factor is not None:
            total = tape.over(total, step.factor) if step.is_divisor else tape.times(total, step.factor)
        if total is not None:
            solution[step.column] = total
    return solution


def _with_lifetimes(tape: _Tape, kept: set[int]) -> tuple[tuple[str, int, int, tuple[int, ...]], ...]:
    """The operations, each with the computed slots that nothing reads after it."""
    first = tape.next - len(tape.operations)
    last: dict[int, int] = {}
    for k, (_, left, right) in enumerate(tape.operations):
        last[left] = last[right] = k
    spent: dict[int, list[int]] = {}
    for slot, k in last.items():
        if slot >= first and slot not in kept:
            spent.setdefault(k, []).append(slot)
    return tuple((*operation, tuple(spent.get(k, ()))) for k, operation in enumerate(tape.operations))
