"""The table of bounds: one row an inequality, with its domain, slack and verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from qet.foundations.errors import unknown

_HEADER = ("bound", "says", "value", "quantity", "slack", "holds", "applies", "source")


@dataclass(frozen=True, eq=False)
class Bound:
    """One inequality, at every point of a run.

    Attributes:
        name: Short name, the key in the table.
        says: The inequality in symbols.
        value: The bound, shape run.shape; nan where it cannot be formed.
        quantity: What it bounds, shape run.shape.
        is_upper: True for quantity <= value, False for quantity >= value.
        applies: Whether the point is in its domain, bool, shape run.shape.
        why_not: Why it does not apply where it does not; empty if it applies everywhere.
        is_theorem: False for a claim that is only tested.
        source: Where it comes from.
        tolerance: A slack above -tolerance counts as kept.
    """

    name: str
    says: str
    value: Any
    quantity: Any
    is_upper: bool
    applies: Any
    why_not: str
    is_theorem: bool
    source: str
    tolerance: Any

    @property
    def slack(self) -> Any:
        """How far inside: value - quantity, or quantity - value for a lower bound."""
        return self.value - self.quantity if self.is_upper else self.quantity - self.value

    @property
    def holds(self) -> Any:
        """Whether the inequality is kept (to rounding), also where it does not apply; False where the value is nan."""
        return self.slack >= -np.asarray(self.tolerance)


@dataclass(frozen=True, eq=False)
class Bounds:
    """The bounds of a run; made by `bounds`. Index it by name, iterate over its rows, print it."""

    rows: tuple[Bound, ...]

    def __getitem__(self, name: str) -> Bound:
        for row in self.rows:
            if row.name == name:
                return row
        raise unknown("bound", name, self.names)

    def __iter__(self) -> Iterator[Bound]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rows."""
        return tuple(row.name for row in self.rows)

    def __str__(self) -> str:
        table = [_HEADER, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(_HEADER) - 1)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
            for line in table
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in _HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in self.rows
        )
        return f"<table><tr>{head}</tr>{body}</table>"


def _cells(row: Bound) -> tuple[str, ...]:
    inside = np.asarray(row.applies)
    kept, n = int(np.sum(row.holds & inside)), int(inside.sum())
    if inside.ndim == 0:
        verdict = ("yes" if row.holds else "NO") if inside else "-"
        domain = "yes" if inside else f"no: {row.why_not}"
    else:
        verdict = f"{kept}/{n}"
        domain = f"{n}/{inside.size}" + (f" (else: {row.why_not})" if row.why_not else "")
    return (row.name, row.says, _span(row.value), _span(row.quantity), _span(row.slack), verdict, domain, row.source)


def _span(value: Any) -> str:
    array = np.asarray(value)
    if array.size == 0 or np.all(np.isnan(array)):
        return "-"
    if array.ndim == 0:
        return f"{array.item():.6g}"
    return f"{np.nanmin(array):.4g} .. {np.nanmax(array):.4g}"
