"""Small studies for the tests of stores: a box of points, its chunks, and what they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qet.studies.stores.store import Store
from qet.studies.sweeps.chunks import Chunks, Filled, Refused


@dataclass(frozen=True)
class Dim:
    name: str


@dataclass(frozen=True)
class Points:
    """A box as `Grid` describes it."""

    axes: tuple[Dim, ...]
    order: tuple[int, ...]
    coordinates: dict[str, Any]
    scalars: dict[str, Any] = field(default_factory=dict)


SHAPE, LENGTHS = (3, 5, 7), (1, 2, 4)  # looped sites, then T and k: the last chunks of an axis are shorter
CHUNKS = Chunks(SHAPE, LENGTHS)
BOX = Points(
    (Dim("T"), Dim("site"), Dim("k")),
    (1, 0, 2),
    {
        "T": (("T",), np.linspace(0.1, 0.5, 5), {"long_name": "T"}),
        "site": (("site",), np.array(["left", "middle", "right"]), {"long_name": "site"}),
        "k": (("k",), np.geomspace(1.0, 64.0, 7), {"long_name": "k"}),
    },
    {"w": 1.5, "bath": "ohmic", "n": 4, "is_open": True},
)
HEADER = {
    "point": {"name": "energies", "source": "0123456789abcdef"},
    "axes": {"T": list(np.linspace(0.1, 0.5, 5)), "site": ["left", "middle", "right"], "k": list(range(7))},
    "errors": "raise",
}
WHOLE = np.random.default_rng(7).normal(size=(4, *SHAPE, 2))


def filled(number: int, *, recording: bool = False) -> Filled:
    """What a chunk gives: every kind of number, one with an axis of its own."""
    region = CHUNKS.region(number)
    energy, mixed = WHOLE[0][region][..., 0], WHOLE[1][region] + 1j * WHOLE[2][region]
    values = {"energy": energy.copy(), "amplitude": mixed}
    dims: dict[str, tuple[str, ...]] = {"energy": (), "amplitude": ("mode",)}
    said: dict[str, dict[str, Any]] = {"energy": {"long_name": "an energy", "units": "energy"}, "amplitude": {}}
    refused: list[Refused] = []
    if recording:
        lowest = tuple(part.start for part in region)
        values["energy"][(0,) * 3] = np.nan
        values["amplitude"][(0,) * 3] = np.nan
        refused.append(Refused(lowest, "NotPositive", f"at {lowest}"))
    else:
        values |= {"is_first": energy > 0, "count": np.round(10 * energy).astype(int), "short": energy.astype("f4")}
        dims |= {"is_first": (), "count": (), "short": ()}
        said |= {"is_first": {}, "count": {"units": "1"}, "short": {}}
    return Filled(number, values, dims, said, tuple(refused), 0.25)


def made(path: Path, *, recording: bool = False, **changed: Any) -> Store:
    header = {**HEADER, "errors": "record" if recording else "raise", **changed}
    first = filled(0, recording=recording)
    return Store.create(path, header=header, grid=BOX, chunks=CHUNKS, first=first, attributes={"title": "a test"})


def complete(path: Path, *, recording: bool = False, order: Any = None) -> Store:
    store = made(path, recording=recording)
    for number in range(len(CHUNKS)) if order is None else order:
        store.write(filled(number, recording=recording))
    return store


def contents(path: Path) -> dict[str, bytes]:
    """Every file of a store but its journal."""
    files = [
        file for file in sorted(path.rglob("*")) if file.is_file() and "journal" not in file.relative_to(path).parts
    ]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}
