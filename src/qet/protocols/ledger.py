"""Energy ledger: what each Hamiltonian term held before, between and after.

A protocol moves energy in two strokes. Alice's measurement pays some in; Bob's
feedback takes some out. The ledger keeps every named term apart, so that each
definition of "Bob's energy" in the literature is one sum over named cells, and a
report can say which was meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.conventions import STAMP, TARGET_STAMP
from qet.foundations.errors import AmbiguousEnergy, NotOffered, TooLarge, unknown
from qet.foundations.spelling import spelled
from qet.foundations.values import Value
from qet.physics.model import CLASSES

Array = np.ndarray
STAGES = ("before", "measured", "delayed", "after")
MOST_ROWS = 24  # that are printed one by one


@dataclass(frozen=True, eq=False, repr=False)
class Ledger(Value):
    """Energies of every term at every stage.

    Attributes:
        rows: Names of the terms; then "heat", where reservoirs act during the delay: what they took; then "lead j", the
            energy of the coupling to a Lorentzian lead at site j, where the state knows it. These are no part of H:
            `injected` and `extracted` leave them out, a sum over all rows does not. "target" is the mean of what
            Bob lowers in place of H; no energy, and in no sum.
        classes: Class of each term: H_A, H_B, V_AB, V_A, V_B or rest; "heat" for the heat, "lead" for the couplings,
            "target" for the target.
        meets_B: Whether each term touches Bob.
        energies: Mean energies, shape (*shape, row, stage); the stages are before, after the
            measurement, after the delay, after the feedback.
    """

    rows: tuple[str, ...]
    classes: tuple[str, ...]
    meets_B: tuple[bool, ...]
    energies: Array

    stages = STAGES

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The energies, shape (*shape, row, stage)."""
        return np.array(self.energies, dtype=dtype, copy=copy)

    def __getitem__(self, name: str) -> Array:
        """Energies of a row, or the sum over a class of rows, at every stage: shape (*shape, stage)."""
        return self.energies[..., self._select((name,)), :].sum(-2)

    def change(self, *names: str, start: str = "before", end: str = "after") -> Any:
        """Energy gained between two stages by rows named by term or class; by all but the target if none is named."""
        chosen = self._select(names)
        a, b = (self._stage(stage) for stage in (start, end))
        difference = self.energies[..., chosen, b] - self.energies[..., chosen, a]
        return difference.sum(-1)[()]

    def drop(self, *names: str) -> Any:
        """Energy lost in Bob's operation by some rows: drop("H_B"), drop("H_B", "V").

        Raises:
            AmbiguousEnergy: for a party instead of terms.
            UnknownName: for a name that is neither a term nor a class.
        """
        return -self.change(*names, start="delayed", end="after")

    def _stage(self, stage: str) -> int:
        if stage not in STAGES:
            raise unknown("stage", stage, STAGES)
        return STAGES.index(stage)

    def _select(self, names: tuple[str, ...]) -> Array:
        if not names:
            return np.array([i for i, kind in enumerate(self.classes) if kind != "target"], dtype=int)
        chosen: set[int] = set()
        for name in names:
            if name in ("A", "B") and name not in self.rows:
                touching = [row for row, meets in zip(self.rows, self.meets_B, strict=True) if meets]
                raise AmbiguousEnergy(
                    f'"the energy of {name}" does not say which terms. Name them: '
                    f"the terms that meet B are {', '.join(touching)}; for example drop('H_B') or drop('H_B', 'V')."
                )
            found = {i for i, row in enumerate(self.rows) if row == name}
            found |= {i for i, kind in enumerate(self.classes) if kind == name} if not found else set()
            if not found and name not in CLASSES:
                raise unknown("row or class of the ledger", name, dict.fromkeys((*self.rows, *self.classes)))
            chosen |= found
        return np.array(sorted(chosen), dtype=int)

    @property
    def _form(self) -> str:
        """Six decimals where the largest energy shows in them, else five digits behind a power of ten."""
        largest = float(np.abs(self.energies).max(initial=0.0))
        return ".6f" if largest == 0.0 or 1e-2 <= largest < 1e5 else ".4e"

    def _printed(self) -> list[tuple[str, str, Array]]:
        """Rows as (name, class, energies); of a long chain those that meet no party are added up."""
        rows = list(zip(self.rows, self.classes, self.energies, strict=True))
        far = [values for _, kind, values in rows if kind == "rest"]
        if len(rows) <= MOST_ROWS or len(far) < 2:
            return rows
        return [row for row in rows if row[1] != "rest"] + [(f"{len(far)} others", "rest", np.sum(far, axis=0))]

    def __str__(self) -> str:
        if self.energies.ndim > 2:
            names = ", ".join(self.rows) if len(self.rows) <= MOST_ROWS else f"{self.rows[0]} .. {self.rows[-1]}"
            return f"Ledger of {int(np.prod(self.energies.shape[:-2]))} points: rows {names}"
        shown = self._printed()
        width, form = max(8, *(len(row) for row, _, _ in shown)), self._form
        lines = [f"{'term':<{width}} {'class':<6}" + "".join(f"{stage:>13}" for stage in STAGES)]
        for row, kind, values in shown:
            lines.append(f"{row:<{width}} {kind:<6}" + "".join(f"{value:>13{form}}" for value in values))
        total = self.energies[self._select(())].sum(0)
        lines.append(f"{'total':<{width}} {'':<6}" + "".join(f"{value:>13{form}}" for value in total))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if self.energies.ndim > 2:
            return f"<p>{self}</p>"
        form = self._form
        head = "".join(f"<th>{stage}</th>" for stage in STAGES)
        body = "".join(
            f"<tr><td>{row}</td><td>{kind}</td>" + "".join(f"<td>{value:{form}}</td>" for value in values) + "</tr>"
            for row, kind, values in self._printed()
        )
        return f"<table><tr><th>term</th><th>class</th>{head}</tr>{body}</table>"


def summary_rows(run: Any) -> list[tuple[str, str]]:
    """The derived numbers of a run as (name, text): values, or min .. max for a batch."""
    names = ("injected", "extracted", "local", "teleported", "leak", "net_work", "efficiency")
    rows = [(name.replace("_", " "), _number(run, name)) for name in names]
    if run.target is not None:
        rows = [("target", str(run.target)), *rows]
    if not np.all(run.resolved | (np.asarray(run.extracted_error) == 0.0)):  # an exact zero is no lack of digits
        limit = float(np.max(np.where(run.resolved, 0.0, run.extracted_error)))
        if np.ndim(run.resolved) == 0:
            rows[[name for name, _ in rows].index("extracted")] = ("extracted", f"not resolved (< {limit:.0e})")
        else:
            count = int(np.sum(~run.resolved & (run.extracted_error > 0.0)))
            rows.append(("not resolved", f"{count} points (|extracted| < {limit:.0e})"))
    return rows


def text_of(run: Any) -> str:
    """A run as text: what it is, the ledger, the derived numbers, the conventions."""
    rows = summary_rows(run)
    width = max(len(name) for name, _ in rows)
    lines = [
        f"{run!r}",
        "",
        str(run.ledger) if run.shape == () else f"{int(np.prod(run.shape))} points, shape {run.shape}",
        "",
    ]
    lines += [f"{name:<{width}}  {text}" for name, text in rows]
    return "\n".join([*lines, "", _stamp(run)])


def html_of(run: Any) -> str:
    """A run as HTML, for notebooks."""
    body = "".join(f"<tr><td>{name}</td><td>{text}</td></tr>" for name, text in summary_rows(run))
    table = (
        run.ledger._repr_html_() if run.shape == () else f"<p>{int(np.prod(run.shape))} points, shape {run.shape}</p>"
    )
    return f"{table}<table>{body}</table><p><small>{_stamp(run)}</small></p>"


def _stamp(run: Any) -> str:
    if run.target is not None:
        return TARGET_STAMP
    return str(getattr(run, "stamp", STAMP))  # oscillators have their own


def _number(run: Any, name: str) -> str:
    try:
        return spelled(getattr(run, name), 9, 6)
    except (NotOffered, TooLarge):  # such as the local optimum of a Bob with five sites
        return "not offered"
