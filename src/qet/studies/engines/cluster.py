"""The chunks of a sweep on a cluster of dask, on this machine or through SLURM.

A task is one chunk. Its answer is small where there is a store, and is taken from the worker as soon as it is there, so
that a worker that dies takes nothing but the chunk it was at: dask gives that one to another worker. Workers of a local
cluster are programs of their own, never the user's script again, with one thread for linear algebra each.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from qet.foundations.errors import NotOffered, WorkerLost
from qet.foundations.threads import processors
from qet.studies.engines.processes import ONE_THREAD, payload_of
from qet.studies.engines.run import chunk_done
from qet.studies.stores.store import Store
from qet.studies.sweeps.chunks import Filled
from qet.studies.sweeps.work import Work

DASK, SLURM = "dask", "slurm"
IDLE = "20 s"  # without work, as when the process that asks was killed, after which the cluster ends itself


def run_by_dask(
    work: Work,
    numbers: Sequence[int],
    store_path: Any,
    *,
    engine: Any,
    workers: int | None,
    on_done: Callable[[Filled], None],
) -> None:
    """Compute chunks on a cluster; see `run.run_chunks`.

    Args:
        work, numbers, store_path, on_done: As there. A store lies in a folder that all workers see.
        engine: "dask": a cluster on this machine, made for this sweep. "slurm": jobs as dask-jobqueue's configuration
            describes them. Or a `distributed.Client`, which is left as it was.
        workers: How many; of a local cluster by default one a processor, and of SLURM one job. A client has its own.

    Raises:
        NotOffered: without the extra `cluster`, and where the function cannot be sent.
        WorkerLost: where workers keep dying at one chunk.
    """
    payload = payload_of(work, None if store_path is None else os.path.abspath(store_path))
    with _client(engine, workers) as client:
        # the payload travels once; as the result of a task it can be made again where its worker dies
        held = client.submit(bytes, payload, pure=False)
        doubtful = _submitted(client, held, numbers, on_done)
        # a chunk that only waited on a worker that another chunk killed is suspected with it: each has one try alone
        for number in doubtful:
            if _submitted(client, held, [number], on_done):
                raise WorkerLost(
                    f"workers of the cluster kept dying at chunk {number} of {len(work.chunks)}: {work.text(number)}. "
                    "What was finished is kept where there is a store. Smaller chunks need less memory (chunks=...)."
                )


def _submitted(client: Any, held: Any, numbers: Sequence[int], on_done: Callable[[Filled], None]) -> list[int]:
    """Report chunks as they are finished; those at which workers kept dying are left, in order."""
    from distributed import KilledWorker, as_completed

    lost = []
    futures = {client.submit(compute, held, number, sys.path, pure=False): number for number in numbers}
    try:
        for future in as_completed(list(futures)):
            number = futures.pop(future)
            try:
                found = future.result()
            except KilledWorker:
                lost.append(number)
            else:
                on_done(found)
    finally:
        client.cancel(list(futures), force=True)
    return sorted(lost)


def compute(payload: bytes, number: int, path: Sequence[str]) -> Filled:
    """One chunk, on a worker.

    Args:
        payload: The work and where its store is, as bytes.
        number: Of the chunk.
        path: Where the one who asks finds modules; what this process lacks of it is added.
    """
    sys.path.extend(place for place in path if place not in sys.path)
    work, store = _opened(payload)
    return chunk_done(work, number, store)


@lru_cache(maxsize=4)
def _opened(payload: bytes) -> tuple[Work, Store | None]:
    work, store_path = pickle.loads(payload)  # noqa: S301  (written by the one who asks)
    return work, None if store_path is None else Store.open(store_path)


@contextmanager
def _client(engine: Any, workers: int | None) -> Iterator[Any]:
    """The client given, or one of a cluster that lives as long as the sweep."""
    if not isinstance(engine, str):
        yield engine
        return
    try:
        from distributed import Client

        if engine == SLURM:
            import dask_jobqueue  # noqa: F401
    except ImportError:
        raise NotOffered(
            f"engine={engine!r} takes a cluster of dask, which is not installed. Try: pip install 'qet[cluster]'. "
            'On one machine engine="processes" needs nothing more.'
        ) from None
    with (_local if engine == DASK else _slurm)(workers) as cluster, Client(cluster) as client:
        yield client


def _local(workers: int | None) -> Any:
    """A cluster on this machine, its workers in processes of their own."""
    from distributed.deploy.subprocess import SubprocessCluster

    return SubprocessCluster(
        n_workers=workers or processors(),
        threads_per_worker=1,
        dashboard_address=None,
        scheduler_kwargs={"idle_timeout": IDLE},
        worker_kwargs={"env": ONE_THREAD, "dashboard": False},
    )


def _slurm(workers: int | None) -> Any:
    """Jobs of SLURM as ~/.config/dask/jobqueue.yaml describes them."""
    from dask import config
    from dask_jobqueue import SLURMCluster

    missing = [name for name in ("cores", "memory") if config.get(f"jobqueue.slurm.{name}", None) is None]
    if missing:
        raise NotOffered(
            f'engine="slurm" takes jobs as the configuration of dask-jobqueue says, which gives a job no {missing[0]}. '
            "Write it into ~/.config/dask/jobqueue.yaml, or give a client: engine=distributed.Client(cluster)."
        )
    cluster = SLURMCluster(
        job_script_prologue=[f"export {name}={value}" for name, value in ONE_THREAD.items()],
        scheduler_options={"dashboard_address": ":0"},
    )
    cluster.scale(jobs=workers or 1)
    return cluster
