"""Panels of a literature entry as one labeled dataset, and one netCDF file.

Names. Panel "c" gives the variables `c_1`, `c_2`, ... in the order of its curves, over the coordinate `c_x` (curves of
one panel with different abscissas get `c_x1`, `c_x2`, ...). Attributes of each: long_name, units, and for the curves
label, style, title and qualifiers, which say what was computed. Attributes of the file: title, source (versions),
references, and the claims as one JSON string. Units are natural: "h" is the mean local energy, not an hour.

Nothing depends on the clock: the same versions write the same data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.conventions import STAMP
from qet.studies.literature.entry import Entry, Panel

if TYPE_CHECKING:
    import xarray as xr

CONVENTIONS = "qet-panels-1"


def dataset(entry: Entry, panels: Sequence[Panel], claims: Mapping[str, Any], source: str) -> xr.Dataset:
    """All curves as an xarray Dataset, with provenance.

    Args:
        entry: Where the panels come from.
        panels: The panels.
        claims: The judged claims as plain data.
        source: The software and its versions.
    """
    import xarray as xr

    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for panel in panels:
        names = _abscissas(panel)
        label, unit = split_unit(panel.x_label)
        for name, x in dict(zip(names, (curve.x for curve in panel.curves), strict=True)).items():
            coordinates[name] = (name, np.asarray(x, dtype=float), {"long_name": label, "units": unit})
        label, unit = split_unit(panel.y_label)
        for i, (name, curve) in enumerate(zip(names, panel.curves, strict=True), start=1):
            attributes = {
                "long_name": f"{label}; {curve.label}",
                "units": unit,
                "label": curve.label,
                "style": curve.style,
                "title": f"({panel.key}) {panel.title}",
                "qualifiers": panel.qualifiers,
            }
            variables[f"{panel.key}_{i}"] = (name, np.asarray(curve.y, dtype=float), attributes)
    attributes = {
        "Conventions": CONVENTIONS,
        "title": entry.title,
        "references": entry.reference,
        "source": source,
        "comment": entry.note,
        "conventions_of_physics": STAMP + "; natural units, h is the mean local energy",
        "claims": json.dumps(claims, ensure_ascii=False),
    }
    return xr.Dataset(variables, coordinates, attributes)


def write(data: xr.Dataset, path: Path) -> None:
    """Write the dataset as netCDF-4."""
    data.to_netcdf(path, engine="h5netcdf")


def split_unit(label: str) -> tuple[str, str]:
    """An axis label as text and unit: "detuning Δ (h)" gives ("detuning Δ", "h"); no brackets, unit "1"."""
    found = re.fullmatch(r"(.*\S)\s+\(([^()]*)\)", label)
    return (found[1], found[2]) if found else (label, "1")


def _abscissas(panel: Panel) -> list[str]:
    """Name of the coordinate of each curve: equal abscissas share one."""
    seen: list[Any] = []
    index = []
    for curve in panel.curves:
        match = next((i for i, x in enumerate(seen) if np.array_equal(x, curve.x)), len(seen))
        if match == len(seen):
            seen.append(curve.x)
        index.append(match)
    return [f"{panel.key}_x" if len(seen) == 1 else f"{panel.key}_x{i + 1}" for i in index]
