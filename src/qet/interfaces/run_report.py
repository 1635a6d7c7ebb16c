"""A run as text and as data: what `qet show` prints.

The data form is plain (numbers, text, lists, None), fit for JSON: a complex number is
{"re", "im"}, and what is not a finite number is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from qet.foundations.conventions import STAMP
from qet.foundations.errors import NotOffered, TooLarge
from qet.protocols.bounds import bounds
from qet.protocols.information import SCALARS, information
from qet.protocols.ledger import STAGES
from qet.protocols.run import Run
from qet.solvers.diagnostics import SteadyDiagnostics
from qet.solvers.masters import label_of
from qet.solvers.states import State

from .about import versions

NUMBERS = (
    "injected", "extracted", "local", "teleported", "leak", "net_work", "efficiency", "efficiency_teleported",
    "resolved", "local_before",
)  # fmt: skip
ENTANGLEMENTS = ("concurrence", "negativity")
BOUND = ("name", "says", "value", "quantity", "slack", "holds", "applies", "why_not", "is_theorem", "source")
DIAGNOSTICS = (
    "residual", "smallest_eigenvalue", "gap", "validity", "energy_currents", "particle_currents", "heat_currents",
    "entropy_production",
)  # fmt: skip


LEVEL_DIAGNOSTICS = (
    "energy", "residual", "gap", "parity", "sector", "bond", "distance", "products", "count", "seed", "standard_error",
)  # fmt: skip


def run_text(run: Run) -> str:
    """The run, its information, its bounds and, for a steady state, its diagnostics, as text."""
    parts = [str(run), str(information(run)), str(bounds(run))]
    if isinstance(run.state.diagnostics, SteadyDiagnostics):
        parts.append(_steady_text(run))
    elif run.state.diagnostics is not None:
        parts.append(_level_text(run.state))
    return "\n\n".join(parts)


def run_data(run: Run) -> dict[str, Any]:
    """The same as plain data, with the recipe that makes the run again."""
    known, state = information(run), run.state
    told = {name: _offered(known, name) for name in SCALARS}
    for name in ENTANGLEMENTS:
        stages = _offered(known, name)
        told[name] = stages and {stage: getattr(stages, stage) for stage in ("before", "after", "per_outcome", "final")}
    ledger = run.ledger
    return {
        "id": run.id,
        "recipe": plain_data(run.recipe),
        "conventions": STAMP,
        **{name: plain_data(getattr(run, name)) for name in NUMBERS},
        "probabilities": plain_data(run.probabilities),
        "work": {"mean": plain_data(run.work.mean), "variance": plain_data(run.work.variance)},
        "precision": plain_data(state.precision),
        "ledger": {
            "stages": list(STAGES), "rows": list(ledger.rows), "classes": list(ledger.classes),
            "energies": plain_data(ledger.energies),
        },
        "information": plain_data(told),
        "bounds": [{name: plain_data(getattr(row, name)) for name in BOUND} for row in bounds(run)],
        "solver": state.solver,
        "steady": plain_data(_diagnosed(run)) if isinstance(state.diagnostics, SteadyDiagnostics) else None,
        "versions": versions(),
    }  # fmt: skip


def plain_data(value: Any) -> Any:
    """Any value as data fit for JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return plain_data(value.tolist())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    if isinstance(value, Mapping):
        return {str(name): plain_data(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain_data(value._asdict())
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    if hasattr(value, "recipe"):
        return plain_data(value.recipe)
    return str(value)


def _diagnosed(run: Run) -> dict[str, Any]:
    return {name: _offered(run.state.diagnostics, name) for name in DIAGNOSTICS}


def _steady_text(run: Run) -> str:
    """What the steady state says about itself: one line a quantity."""
    master = "" if run.state.master is None else label_of(run.state.master)
    lines = [f"steady state, {master} equation; currents flow into the system, one a reservoir"]
    for name, value in _diagnosed(run).items():
        parts = value._asdict() if hasattr(value, "_asdict") else {"": value}
        for part, number in parts.items():
            label = f"{name} {part}".strip().replace("_", " ")
            lines.append(f"  {label:<24}{_spelled(number)}")
    return "\n".join(lines)


def _level_text(state: State) -> str:
    """What the route to a ground, thermal or excited state says about it: one line a quantity."""
    lines = [f"state by {state.solver}"]
    for name in LEVEL_DIAGNOSTICS:
        value = getattr(state.diagnostics, name, None)
        if value is not None:
            lines.append(f"  {name:<24}{value if isinstance(value, str) else _spelled(value)}")
    return "\n".join(lines)


def _spelled(value: Any) -> str:
    if value is None:
        return "not offered"
    numbers = np.atleast_1d(np.asarray(value))
    if numbers.dtype.kind not in "fiub":
        return "  ".join(map(str, numbers))
    return "  ".join(f"{number:.6g}" for number in numbers)


def _offered(record: Any, name: str) -> Any:
    try:
        return getattr(record, name)
    except (NotOffered, TooLarge):
        return None
