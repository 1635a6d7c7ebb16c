"""Turn a tape into a program: operations on as few slots as possible, for `kernels_tape`.

A product that is used once, by a sum or a difference, is done in one go with it (and rounded twice all the same). A
slot is taken again as soon as nothing reads it, never by the operation that reads it last, so that source and
destination do not overlap. A number of the whole block is spread over the points where it meets values of the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qet.foundations.tape import REDUCTIONS, Node

Array = np.ndarray
Store = tuple[str, int, int, int]  # "real", "logical" or "column", node, number of the output, columns in all


@dataclass(frozen=True, eq=False)
class Program:
    """Operations on slots, which are in this order: constants, inputs, outputs, others.

    Attributes:
        operations: Name, whether it is of the points (not one number a block), slot filled, three slots read. In place
            of slots "guard" has the outcome it wants first, and "store_column" the number of columns last.
        constants: The numbers in the first slots.
        inputs: Of which array each input slot is.
        outputs: How many stores there are, each with a slot of its own.
        others: How many other slots are needed.
    """

    operations: tuple[tuple[str, bool, int, int, int, int], ...]
    constants: tuple[float, ...]
    inputs: tuple[int, ...]
    outputs: int
    others: int


@lru_cache(maxsize=64)
def program(nodes: tuple[Node, ...], stores: tuple[Store, ...]) -> Program:
    """The program of a tape whose nodes in `stores` are wanted.

    Args:
        nodes: Of a `Tape`.
        stores: One an output array, or one a column of it; none twice.
    """
    steps = _fused(nodes, stores)
    constants = [i for i, node in enumerate(nodes) if node[0] == "const"]
    inputs = [i for i, node in enumerate(nodes) if node[0] == "input"]
    work = _Slots(steps, stores, constants, inputs)
    for k, step in enumerate(steps):
        work.take(k, step)
    return Program(
        tuple(work.operations),
        tuple(nodes[i][1] for i in constants),
        tuple(nodes[i][1] for i in inputs),
        len(stores),
        work.most,
    )


Step = tuple[str, bool, int, tuple[int, ...]]  # operation, whether of the points, node, operands


def _fused(nodes: Sequence[Node], stores: Sequence[Store]) -> list[Step]:
    """The operations that are needed, with products drawn into sums, numbers spread, and each store after its node."""
    needed, uses = _needed(nodes, stores)
    wanted: dict[int, list[tuple[str, int, int]]] = {}
    for place, (kind, node, _, columns) in enumerate(stores):
        wanted.setdefault(node, []).append((kind, place, columns))
    wide = [False] * len(nodes)
    product: dict[int, tuple[int, ...]] = {}  # nodes that wait to be drawn into a sum
    steps: list[Step] = []
    spread: dict[int, int] = {}
    extra = len(nodes)

    def over_points(i: int) -> int:
        nonlocal extra
        if wide[i] or nodes[i][0] == "const":
            return i
        if i not in spread:
            spread[i], extra = extra, extra + 1
            steps.append(("fill", True, spread[i], (i,)))
        return spread[i]

    for i, (name, *operands) in enumerate(nodes):
        wide[i] = name == "input" or (name not in (*REDUCTIONS, "guard", "const") and any(wide[o] for o in operands))
        if i not in needed or name == "const" or name == "input":
            pass
        elif name == "guard":
            steps.append(("guard", False, int(operands[1]), (operands[0],)))
        elif name == "multiply" and wide[i] and uses.get(i) == 1 and i not in wanted:
            given = tuple(map(over_points, operands))
            steps += _waiting(given, product)
            product[i] = given
        elif name in REDUCTIONS:
            given = tuple(map(over_points, operands))
            steps += [*_waiting(given, product), (name, False, i, given)]
        else:
            given = tuple(map(over_points, operands)) if wide[i] else tuple(operands)
            steps.extend(_with_products(name, wide[i], i, given, product))
        for kind, place, columns in wanted.get(i, ()):
            steps.append((f"store_{kind}", True, place, (over_points(i), columns)))
    return steps


def _with_products(
    name: str, is_wide: bool, node: int, operands: tuple[int, ...], product: dict[int, tuple[int, ...]]
) -> list[Step]:
    """One operation, and before it the products that wait for it and are not part of it."""
    drawn = -1
    if name in ("add", "subtract"):
        drawn = next((k for k in (1, 0) if operands[k] in product), -1)
    steps = _waiting([operand for k, operand in enumerate(operands) if k != drawn], product)
    if drawn < 0:
        return [*steps, (name, is_wide, node, operands)]
    names = {("add", 0): "multiply_add", ("add", 1): "multiply_add", ("subtract", 0): "multiply_subtract"}
    fused = names.get((name, drawn), "subtract_product")
    return [*steps, (fused, True, node, (*product.pop(operands[drawn]), operands[1 - drawn]))]


def _waiting(operands: Sequence[int], product: dict[int, tuple[int, ...]]) -> list[Step]:
    """The products among the operands that wait for a sum and will not meet one."""
    return [("multiply", True, operand, product.pop(operand)) for operand in operands if operand in product]


def _needed(nodes: Sequence[Node], stores: Sequence[Store]) -> tuple[set[int], dict[int, int]]:
    """The nodes that a guard or a store depends on, and how often each is read."""
    needed = {store[1] for store in stores} | {i for i, node in enumerate(nodes) if node[0] == "guard"}
    uses: dict[int, int] = {}
    for i in range(len(nodes) - 1, -1, -1):
        name, *operands = nodes[i]
        if i not in needed or name in ("const", "input"):
            continue
        for operand in operands[:1] if name == "guard" else operands:
            needed.add(operand)
            uses[operand] = uses.get(operand, 0) + 1
    return needed, uses


class _Slots:
    """Deals out slots to steps in order."""

    def __init__(self, steps: Sequence[Step], stores: Sequence[Store], constants: list[int], inputs: list[int]) -> None:
        self.place = {node: slot for slot, node in enumerate([*constants, *inputs])}
        self.first_output = len(self.place)
        self.base = self.first_output + len(stores)
        self.fixed = set(self.place)
        self.operations: list[tuple[str, bool, int, int, int, int]] = []
        self.free: list[int] = []
        self.most = 0
        self.last: dict[int, int] = {}
        self.direct: dict[int, int] = {}  # a node computed right into its output
        for k, (name, _, place, operands) in enumerate(steps):
            for operand in operands[:1] if name.startswith("store_") else operands:
                self.last[operand] = k
            if name == "store_real" and operands[0] not in self.fixed:
                self.direct.setdefault(operands[0], place)

    def take(self, k: int, step: Step) -> None:
        name, is_wide, node, operands = step
        if name == "store_real":
            if self.direct.get(operands[0]) == node:
                return
            name, operands = "copy", operands[:1]
            slot = self.first_output + node
        elif name.startswith("store_"):
            slot = self.first_output + node
        else:
            slot = node if name == "guard" else self._slot(node)
        read = [self.place[operands[0]]]
        read += [operands[1]] if name.startswith("store_") else [self.place[o] for o in operands[1:]]
        full = [*read, *[read[0]] * (3 - len(read))]
        if name == "store_column":
            full = [read[0], read[0], read[1]]
        self.operations.append((name, is_wide, slot, full[0], full[1], full[2]))
        for operand in set(operands[:1] if name.startswith("store_") else operands):
            if self.last[operand] == k and operand not in self.fixed:
                self.free.append(self.place[operand])

    def _slot(self, node: int) -> int:
        if node in self.direct:
            slot = self.first_output + self.direct[node]
            self.fixed.add(node)
        elif self.free:
            slot = self.free.pop()
        else:
            slot = self.base + self.most
            self.most += 1
        self.place[node] = slot
        return slot


def encoded(made: Program, code: dict[str, int], block: int, lanes: int) -> Any:
    """The operations as rows of integers: number, points, slots."""
    rows = [(code[name], block if wide else lanes, *slots) for name, wide, *slots in made.operations]
    return np.array(rows, dtype=np.int64).reshape(-1, 6)
