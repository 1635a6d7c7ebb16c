"""A finished store as one file to keep and to share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from qet.foundations.errors import NotAStore
from qet.studies.stores.netcdf import written
from qet.studies.stores.store import TOLD, Store

SAID = "refusals"


def pack(store_path: str | os.PathLike[str], nc_path: str | os.PathLike[str], *, partial: bool = False) -> Path:
    """Turn the store of a sweep into one netCDF-4 file.

    It is written chunk by chunk, so that memory holds one at a time, compressed and with checksums. The same study
    gives the same bytes, whoever computed which chunk and when. The store is left as it is.

    Args:
        store_path: The folder that a sweep with `out` made.
        nc_path: The file, usually "name.nc"; one that is there is replaced when the new one is complete.
        partial: Whether an unfinished store is packed as it is: nan where chunks are missing (whole numbers 0), and
            the attribute `unfinished` says how many.

    Returns:
        The path of the file.

    Raises:
        NotAStore: for anything else than a store, and for an unfinished one. NotWritten: for a full disk, a folder
            that is read-only or not there.

    Example:
        >>> import tempfile, numpy as np, qet
        >>> folder = tempfile.mkdtemp()
        >>> def taken(h, k):
        ...     return qet.teleport(qet.ground(qet.minimal(h=h, k=k)))
        >>> data = qet.sweep(taken, h=[0.5, 1.0], k=[0.1, 0.5, 1.0], out=f"{folder}/map.zarr")
        >>> file = qet.pack(f"{folder}/map.zarr", f"{folder}/map.nc")
        >>> qet.load(file).extracted.equals(data.extracted)
        True
    """
    import zarr

    store = Store.open(store_path)
    done = store.done()
    missing = len(store.chunks) - len(done)
    if missing and not partial:
        raise NotAStore(
            f"{store.path} is not finished: {missing} of {len(store.chunks)} chunks are missing. Run its command again "
            "to finish it, or pack what is there with partial=True."
        )
    lazy = store.dataset()
    attributes = dict(store.attributes)
    if missing:
        attributes["unfinished"] = f"{missing} of {len(store.chunks)} chunks are missing"
    told = [[list(r.place), r.error, r.text] for r in store.refusals()[:TOLD]]
    if told:
        attributes[SAID] = json.dumps(told)
    root: Any = zarr.open_group(str(store.path), mode="r")
    arrays = {name: root[name] for name in store.variables}
    with written(Path(nc_path), attributes, has_complex=any(lazy[name].dtype.kind == "c" for name in arrays)) as file:
        for name in store.coordinates:
            file.coordinate(name, tuple(map(str, lazy[name].dims)), lazy[name].values, lazy[name].attrs)
        for name, array in arrays.items():
            dims = tuple(map(str, lazy[name].dims))
            file.variable(name, dims, array.shape, array.dtype, lazy[name].attrs, pieces=array.chunks)
        for number in range(len(store.chunks)):
            for name, (region, _) in store.regions(number).items():
                shape = tuple(part.stop - part.start for part in region)
                blank = np.nan if arrays[name].dtype.kind in "fc" else 0
                values = arrays[name][region] if number in done else np.full(shape, blank, dtype=arrays[name].dtype)
                file.put(name, region, np.asarray(values))
    return Path(nc_path)
