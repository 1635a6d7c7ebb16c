"""A sweep into a store: what is finished stays finished, and the same call goes on with the rest.

The store is made from the first chunk, in the order of the chunks, that has an answer, whoever computes which part: so
it does not depend on who was there first.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qet.foundations import errors as every_error
from qet.foundations.errors import BadParameter, QetError
from qet.studies.engines.run import run_chunks
from qet.studies.named_function import name_of
from qet.studies.stores.durable import shown
from qet.studies.stores.store import Store
from qet.studies.sweeps.chunks import Filled, Refused
from qet.studies.sweeps.progress import Progress
from qet.studies.sweeps.work import Work

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger("qet")


@dataclass(frozen=True, eq=False)
class Ask:
    """How a sweep is to be stored and computed; as the arguments of `sweep`."""

    out: Any
    header: Mapping[str, Any]
    shard: str | None
    engine: Any
    workers: int | None
    progress: bool | None


def stored(work: Work, attributes: Mapping[str, Any], ask: Ask) -> xr.Dataset:
    """Compute what a store does not have yet.

    Returns:
        What it has then, read lazily; where chunks are missing, `attrs["unfinished"]` says how many are done.

    Raises:
        OtherStudy: for a store of another study. Others as `sweep`.
    """
    path, numbers = Path(os.path.abspath(ask.out)), numbers_of(ask.shard, len(work.chunks))
    is_there = path.exists() and not (path.is_dir() and not any(path.iterdir()))
    fresh = [] if is_there else _begin(work, path, attributes, ask)
    store = Store.open(path)
    store.refuse_other(ask.header)
    for filled in fresh:
        store.write(filled)
    finished = store.done()
    left = [number for number in numbers if number not in finished]
    with Progress(name_of(work.point), len(numbers), len(numbers) - len(left), wanted=ask.progress) as bar:
        try:
            run_chunks(
                work,
                left,
                path,
                engine=ask.engine,
                workers=ask.workers,
                on_done=lambda filled: bar.advance(bool(filled.refused)),
            )
        except BaseException as error:
            error.add_note(
                f"{bar.done} of {len(numbers)} chunks of this sweep are finished and kept in {shown(path)}; the same "
                "call goes on from there"
            )
            raise
    data = store.dataset()
    if "unfinished" in data.attrs:
        log.info("%s: %s", shown(path), data.attrs["unfinished"])
    return data


def _begin(work: Work, path: Path, attributes: Mapping[str, Any], ask: Ask) -> list[Filled]:
    """Make the store from the first chunk that has an answer; that chunk and those before it."""
    fresh: list[Filled] = []
    engine = "serial" if isinstance(ask.engine, str) else ask.engine  # no cluster is started for one chunk
    for number in range(len(work.chunks)):
        run_chunks(work, [number], None, engine=engine, workers=ask.workers, on_done=fresh.append)
        if fresh[-1].values:
            work.check_names(fresh[-1])
            Store.create(
                path,
                header=ask.header,
                grid=work.grid,
                chunks=work.chunks,
                first=fresh[-1],
                attributes=attributes,
            )
            return fresh
    raise refusal_of(fresh[0].refused[0])


def numbers_of(shard: str | None, total: int) -> range:
    """The chunks of a part "3/64": every 64th, from the third on.

    Raises:
        BadParameter: for anything else.
    """
    if shard is None:
        return range(total)
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", shard) if isinstance(shard, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise BadParameter(f'shard is "k/n", the k-th of n parts with 1 <= k <= n, such as "3/64"; got {shard!r}.')
    return range(int(match[1]) - 1, total, int(match[2]))


def refusal_of(refused: Refused) -> QetError:
    """The error that a point was refused with."""
    kind = getattr(every_error, refused.error, QetError)
    return kind(refused.text) if isinstance(kind, type) and issubclass(kind, QetError) else QetError(refused.text)
