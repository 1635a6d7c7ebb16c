"""What a study keeps of a run: by default its energies and what follows from them, or any of these by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered, unknown
from qet.protocols.information import SCALARS, information
from qet.protocols.run import Run
from qet.studies.sweeps.variables import RUN_ENERGIES, RUN_NUMBERS

MORE_ENERGIES = {"local_before": "the best that Bob gets had Alice not measured"}
MORE_NUMBERS = {"efficiency_teleported": "teleported over injected energy"}
INFORMATION = {
    "holevo_B": "what Bob's state tells of Alice's outcome",
    "iqc": "Groenewold-Ozawa information of the measurement",
    "iqc_received": "Groenewold-Ozawa information that reaches Bob",
    "mutual_information": "mutual information of A and B",
    "classical_correlation": "classical correlation of A and B",
    "discord": "quantum discord, measured on A",
    "S_A": "entropy of A",
    "S_B": "entropy of B",
    "S_AB": "entropy of A and B",
}
STEADY = {
    "heat_currents": ("heat current from each reservoir into the system", "energy", ("reservoir",)),
    "entropy_production": ("entropy production of the reservoirs", "energy", ()),
    "residual": ("residual of the steady state", "1", ()),
    "smallest_eigenvalue": ("smallest eigenvalue of the steady state", "1", ()),
}
VALIDITY = "validity"
OUTPUTS = (*RUN_ENERGIES, *RUN_NUMBERS, *MORE_ENERGIES, *MORE_NUMBERS, *SCALARS, *STEADY, VALIDITY)
STEADY_OUTPUTS = (*STEADY, VALIDITY)


def outputs_of(run: Run, names: list[str]) -> dict[str, Any]:
    """The named numbers of a run, as a sweep takes them: name -> (own axes, values, attributes).

    What the representation does not offer is NaN, with the reason in its attribute "not_offered".

    Raises:
        UnknownName: for a name that is not in `OUTPUTS`.
    """
    return {name: _output(run, name) for name in names}


def _output(run: Run, name: str) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    text, units, dims = _described(name, "energy" if run.target is None else "of the target")
    attributes = {"long_name": text, "units": units}
    try:
        values = np.asarray(_value(run, name))
    except NotOffered as refusal:
        return (), np.asarray(np.nan), {**attributes, "not_offered": str(refusal)}
    return dims, np.broadcast_to(values, (*run.shape, *values.shape[values.ndim - len(dims) :])), attributes


def _described(name: str, energy: str) -> tuple[str, str, tuple[str, ...]]:
    if name in RUN_ENERGIES or name in MORE_ENERGIES:
        return {**RUN_ENERGIES, **MORE_ENERGIES}[name], energy, ()
    if name in RUN_NUMBERS or name in MORE_NUMBERS:
        return {**RUN_NUMBERS, **MORE_NUMBERS}[name], "1", ()
    if name in INFORMATION:
        return INFORMATION[name], "nat", ()
    if name in STEADY:
        return STEADY[name]
    if name == VALIDITY:
        return "rate over what bounds it in the master equation; below 1 inside its domain", "1", ()
    raise unknown("variable of a run", name, OUTPUTS)


def _value(run: Run, name: str) -> Any:
    if name in INFORMATION:
        return getattr(information(run), name)
    if name not in STEADY_OUTPUTS:
        return getattr(run, name)
    diagnostics: Any = run.state.diagnostics
    if not hasattr(diagnostics, VALIDITY):
        raise NotOffered(f"{name} is of a steady state; this one is kept by no reservoirs.")
    return diagnostics.validity.ratio if name == VALIDITY else getattr(diagnostics, name)
