"""Who computes the chunks of a sweep: this process, several on this machine, or a cluster.

Every engine computes the same chunks by the same calls, in any order, each at least once; a chunk that is computed
twice is the same twice. Where there is a store, whoever computed a chunk writes it, and only its number travels back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from qet.foundations.errors import BadParameter, unknown
from qet.foundations.threads import processors
from qet.studies.stores.store import Store
from qet.studies.sweeps.chunks import Filled
from qet.studies.sweeps.work import Work

ENGINES = ("serial", "processes", "dask", "slurm")
OnDone = Callable[[Filled], None]


def run_chunks(
    work: Work, numbers: Sequence[int], store_path: Any = None, *, engine: Any, workers: Any, on_done: OnDone
) -> None:
    """Compute chunks and report each.

    Args:
        work: What is computed.
        numbers: Which chunks.
        store_path: Where they are written; None: they are handed to `on_done`.
        engine: "serial", "processes" (of this machine), "dask" (a local cluster), "slurm", or a `distributed.Client`.
        workers: How many processes; None: one for every processor that this process may use.
        on_done: Called here, in this thread, with each finished chunk; with no values where the store has them.

    Raises:
        UnknownName: for another engine. BadParameter: for a number of workers that is none.
        WorkerLost: where processes keep dying at one chunk. Whatever the function raises; what was finished is kept.
    """
    check_engine(engine, workers)
    if not numbers:
        return
    if engine == "serial":
        store = None if store_path is None else Store.open(store_path)
        for number in numbers:
            on_done(chunk_done(work, number, store))
    elif engine == "processes":
        from qet.studies.engines.processes import run_by_processes

        run_by_processes(work, numbers, store_path, min(workers or processors(), len(numbers)), on_done)
    else:
        from qet.studies.engines.cluster import run_by_dask

        run_by_dask(work, numbers, store_path, engine=engine, workers=workers, on_done=on_done)


def check_engine(engine: Any, workers: Any) -> None:
    """Refuse what is no engine, or no number of workers."""
    if engine not in ENGINES if isinstance(engine, str) else not hasattr(engine, "submit"):
        raise unknown("engine", engine, ENGINES)
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise BadParameter(f"workers is how many processes compute, from 1 on; got {workers!r}.")


def chunk_done(work: Work, number: int, store: Store | None) -> Filled:
    """Compute one chunk and write it if there is a store; what is to be sent back."""
    filled = work.fill(number)
    if store is None:
        return filled
    store.write(filled)
    return replace(filled, values={}, dims={}, attributes={}, refused=filled.refused[:1])
