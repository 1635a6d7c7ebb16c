"""Sweeps on a cluster of dask: the same numbers, and a worker that dies takes only its chunk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

from distributed import Client

from qet.foundations.errors import BadParameter, NotOffered, WorkerLost
from qet.physics.models import minimal
from qet.protocols.teleport import teleport
from qet.solvers.prepare import gibbs
from qet.studies.engines import cluster as engines_dask
from qet.studies.stores.store import Store
from qet.studies.sweeps.sweep import sweep

AXES = {"h": np.linspace(0.2, 2.0, 8), "T": np.geomspace(0.05, 2.0, 6)}
CHUNKS = {"h": 3, "T": 4}  # six chunks, four of them cut short


@pytest.fixture(scope="module")
def client():
    idle, engines_dask.IDLE = engines_dask.IDLE, "1 hour"  # of tests that do not use it
    try:
        cluster = engines_dask._local(2)
    finally:
        engines_dask.IDLE = idle
    with cluster, Client(cluster) as found:
        yield found


def point(h, T):
    return teleport(gibbs(minimal(h=h, k=0.5), T=T))


def test_a_cluster_gives_the_bits_of_one_process_in_memory_and_in_a_store(client, tmp_path):
    alone = sweep(point, **AXES, chunks=CHUNKS)
    together = sweep(point, **AXES, chunks=CHUNKS, engine=client)
    assert together.identical(alone)
    stored = sweep(point, **AXES, chunks=CHUNKS, engine=client, out=tmp_path / "cluster.zarr")
    serial = sweep(point, **AXES, chunks=CHUNKS, out=tmp_path / "serial.zarr")
    assert stored.load().identical(serial.load())
    for file in (tmp_path / "serial.zarr").rglob("c/*"):
        if file.is_file():
            other = tmp_path / "cluster.zarr" / file.relative_to(tmp_path / "serial.zarr")
            assert other.read_bytes() == file.read_bytes()


def test_workers_are_not_this_process_and_have_one_thread_for_linear_algebra(client):
    def about(k):
        threads = [os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")]
        return {"process": os.getpid(), "threads": sum(map(int, threads))}

    found = sweep(about, k=[1, 2, 3, 4], chunks=1, engine=client)
    assert os.getpid() not in found.process.values
    assert (found.threads == 3).all()


def test_a_killed_worker_costs_only_its_chunk(client, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()

    def deadly(k):
        (marks / f"{k}-{os.getpid()}-{time.monotonic_ns()}").touch()
        if k == 3 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return teleport(gibbs(minimal(h=1.0, k=0.1 * k), T=0.3)).extracted

    ks = list(range(1, 9))
    found = sweep(deadly, k=ks, chunks=1, engine=client, out=tmp_path / "map.zarr")
    expected = [teleport(gibbs(minimal(h=1.0, k=0.1 * k), T=0.3)).extracted for k in ks]
    np.testing.assert_array_equal(found.deadly.values, expected)
    calls = [int(mark.name.split("-")[0]) for mark in marks.iterdir()]
    assert calls.count(3) == 2
    assert len(Store.open(tmp_path / "map.zarr").done()) == 8


@pytest.mark.slow
def test_a_chunk_that_kills_every_worker_is_named_and_the_rest_is_kept(client, tmp_path):
    def deadly(k):
        if k == 3:
            time.sleep(1.0)  # the others are done by then
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0 * k

    with pytest.raises(WorkerLost, match=r"chunk 2 of 4: k = 3 "):
        sweep(deadly, k=[1, 2, 3, 4], chunks=1, engine=client, out=tmp_path / "map.zarr")
    assert {0, 1, 3} == set(Store.open(tmp_path / "map.zarr").done())


def test_a_raising_point_stops_the_cluster_and_names_itself(client):
    def wrong(k):
        if k == 2:
            raise ZeroDivisionError("by the user")
        return 1.0 * k

    with pytest.raises(ZeroDivisionError, match="by the user") as caught:
        sweep(wrong, k=[1, 2, 3], chunks=1, engine=client)
    assert any("k = 2" in note for note in caught.value.__notes__)


def test_refusals_are_recorded_on_a_cluster_as_in_one_process(client):
    def refused(k):
        if k == 2:
            raise BadParameter("not this one")
        return 1.0 * k

    there = sweep(refused, k=[1, 2, 3], chunks=1, errors="record", engine=client)
    assert there.identical(sweep(refused, k=[1, 2, 3], chunks=1, errors="record"))
    assert "not this one" in str(there.why.values[1])


def test_one_word_makes_a_cluster_and_ends_it(tmp_path):
    found = sweep(point, **AXES, chunks=CHUNKS, engine="dask", workers=1)
    assert found.identical(sweep(point, **AXES, chunks=CHUNKS))


def test_without_the_extra_the_engine_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NotOffered, match=r"pip install 'qet\[cluster\]'"):
        sweep(point, **AXES, chunks=CHUNKS, engine="dask")


def test_slurm_without_its_configuration_says_what_is_missing():
    pytest.importorskip("dask_jobqueue", reason="the extra `cluster` is not installed")
    with pytest.raises(NotOffered, match=r"a job no cores.*jobqueue\.yaml"):
        sweep(point, **AXES, chunks=CHUNKS, engine="slurm")


def test_jobs_of_slurm_hold_linear_algebra_to_one_thread(monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue", reason="the extra `cluster` is not installed")
    asked = []
    with dask.config.set(
        {"jobqueue.slurm.cores": 1, "jobqueue.slurm.memory": "2GB", "jobqueue.slurm.walltime": "1:00:00"}
    ):
        from dask_jobqueue import SLURMCluster

        monkeypatch.setattr(SLURMCluster, "scale", lambda self, jobs: asked.append(jobs))
        with engines_dask._slurm(3) as cluster:
            script = cluster.job_script()
    assert asked[0] == 3
    assert "#SBATCH" in script
    assert "export OMP_NUM_THREADS=1" in script


@pytest.mark.slow
def test_a_cluster_whose_sweep_was_killed_ends_itself(tmp_path):
    code = f"""
import time, qet
def point(B):
    print("computing", flush=True)
    time.sleep(0.5)
    return B
qet.sweep(point, B=range(60), engine="dask", workers=1, out={str(tmp_path / "x.zarr")!r}, progress=False)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipe = subprocess.PIPE
    killed = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=pipe, stderr=subprocess.STDOUT)
    for line in killed.stdout:
        if b"computing" in line and (tmp_path / "x.zarr").exists():
            break
    killed.kill()
    killed.communicate(timeout=120)  # the pipe is closed when the last process that could write to it has ended
