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
from qet.studies.engines import chunk_done, processors
from qet.studies.engines_processes import ONE_THREAD, payload_of
from qet.studies.store import Store
from qet.studies.sweep_chunks import Filled
from qet.studies.sweep_work import Work

DASK, SLURM = "dask", "slurm"


def run_by_dask(
    work: Work, numbers: Sequence[int], store_path: Any, *, engine: Any, workers: int | None, on_done: Callable[[Filled], None]
) -> None:
    """Compute chunks on a cluster; see `engines.run_chunks`.

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
        from distributed import KilledWorker, as_completed

        # the payload travels once; as the result of a task it can be made again where its worker dies
        held = client.submit(bytes, payload, pure=False)
        futures = {
            client.submit(compute, held, number, list(sys.path), pure=False, retries=0): number for number in numbers
        }
        try:
            for future in as_completed(futures):
                try:
                    on_done(future.result())
                except KilledWorker as lost:
                    raise WorkerLost(
                        f"workers of the cluster kept dying at chunk {futures[future]} of {len(work.chunks)}: "
                        f"{work.text(futures[future])}. What was finished is kept where there is a store. Smaller "
                        "chunks need less memory (chunks=...)."
                    ) from lost
                future.release()
        except BaseException:
            client.cancel(list(futures), force=True)
            raise


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
    work, store_path = pickle.loads(payload)
    return work, None if store_path is None else Store.open(store_path)


@contextmanager
def _client(engine: Any, workers: int | None) -> Iterator[Any]:
    """The client given, or one of a cluster that lives as long as the sweep."""
    if not isinstance(engine, str):
        yield engine
        return
    try:
        from distributed import Client
    except ImportError:
        raise NotOffered(
            f"engine={engine!r} computes on a cluster of dask, which is not installed. Try: pip install 'qet[cluster]'; "
            'on one machine engine="processes" needs nothing more.'
        ) from None
    with (_local(workers) if engine == DASK else _slurm(workers)) as cluster, Client(cluster) as client:
        yield client


def _local(workers: int | None) -> Any:
    """A cluster on this machine, its workers in processes of their own."""
    from distributed.deploy.subprocess import SubprocessCluster

    return SubprocessCluster(
        n_workers=workers or processors(),
        threads_per_worker=1,
        dashboard_address=None,
        worker_kwargs={"env": ONE_THREAD, "dashboard": False},
    )


def _slurm(workers: int | None) -> Any:
    """Jobs of SLURM as ~/.config/dask/jobqueue.yaml describes them."""
    from dask_jobqueue import SLURMCluster

    try:
        cluster = SLURMCluster(job_script_prologue=[f"export {name}={value}" for name, value in ONE_THREAD.items()])
    except ValueError as error:
        raise NotOffered(
            f'engine="slurm" starts jobs as the configuration of dask-jobqueue says, which is not complete: {error}. Write '
            "it into ~/.config/dask/jobqueue.yaml, or give a client of your own: engine=distributed.Client(cluster)."
        ) from None
    cluster.scale(jobs=workers or 1)
    return cluster
