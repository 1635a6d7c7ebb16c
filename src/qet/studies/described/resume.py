"""Going on with a store from what the store says about itself, where its point is plain data."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from qet.foundations.errors import NotOffered
from qet.studies.stores.store import Store
from qet.studies.study import WORDS, rerun
from qet.studies.sweeps.sweep import sweep

if TYPE_CHECKING:
    import xarray as xr


def resume(path: str | os.PathLike[str], **options: Any) -> xr.Dataset:
    """Compute what a store does not have yet.

    Args:
        path: The store, such as "map.zarr".
        options: engine, workers, shard, progress; see `qet.sweep`.

    Raises:
        NotAStore: for anything else. NotOffered: for the store of a Python function, which it does not hold.
        QetError: see `qet.sweep`.
    """
    store = Store.open(path)
    recipe = json.loads(store.attributes["recipe"])
    point = recipe["point"]
    if point.get("word") not in WORDS:
        raise NotOffered(
            f"{path} holds the results of the Python function {point.get('name')!r} and not the function, since "
            "nothing in a file is executed. Run the command that made it again: it goes on where it stopped."
        )
    made = {name: value for name, value in recipe.items() if name not in ("word", "point", "together")}
    groups = [rerun(group) for group in recipe.get("together", [])]
    cut = {"chunks": store.header["chunks"], "out": path}
    return sweep(
        rerun(point), *groups, **made, **cut, **{key: value for key, value in options.items() if value is not None}
    )
