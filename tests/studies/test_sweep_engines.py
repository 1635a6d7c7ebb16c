"""Whoever computes the chunks of a sweep, the numbers are the same; whoever dies costs one chunk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import qet
from qet.foundations.errors import DegenerateLevel, NotOffered, WorkerLost
from qet.foundations.threads import processors
from qet.studies.engines import processes as engines_processes

G, T = np.array([0.5, 1.0, 1.7, 2.0, 2.2]), np.array([0.1, 0.4, 0.9])


@pytest.fixture
def processes(monkeypatch):
    """The processes that were started; none is left when the sweep is over."""
    started, begin = [], subprocess.Popen

    def start(*args, **kwargs):
        started.append(begin(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(engines_processes.subprocess, "Popen", start)
    yield started
    assert started
    assert all(process.returncode is not None for process in started)


def test_processes_give_the_same_bits_as_one(processes):
    def chain(n, g, T):
        return qet.teleport(qet.gibbs(qet.ising(n, g=g), T=T))

    axes = {"g": G, "n": [2, 3], "T": T}
    alone = qet.sweep(chain, **axes, chunks=4)
    together = qet.sweep(chain, **axes, chunks=4, engine="processes", workers=2)
    assert together.identical(alone)
    assert len(processes) == 2


def test_refused_points_are_recorded_by_every_process(processes):
    def refuses(g, B):
        return qet.teleport(qet.ground(qet.ising(4, g=g, B=B)))

    axes = {"g": np.array([1.0, 0.0, 0.5]), "B": [0, 2, 3], "errors": "record", "chunks": 1}
    assert qet.sweep(refuses, **axes, engine="processes", workers=2).identical(qet.sweep(refuses, **axes))
    with pytest.raises(DegenerateLevel, match=r"g = 0.0, B = 2 \(index \(0, 0\)\)") as caught:
        qet.sweep(refuses, g=[0.0], B=[2], engine="processes")
    assert caught.value.mask.shape == (1,)


def test_a_process_that_is_killed_costs_its_chunk_alone(processes, tmp_path):
    marks = str(tmp_path)

    def fragile(g):
        mark = os.path.join(marks, f"{g[0]}")
        if g[0] in (1.0, 2.0) and not os.path.exists(mark):
            open(mark, "x").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * g

    data = qet.sweep(fragile, g=G, chunks=1, engine="processes", workers=2)
    np.testing.assert_array_equal(data.fragile, 2 * G)
    assert len(processes) in (3, 4)  # one for each killed, unless nothing was left to do
    assert sorted(process.returncode for process in processes).count(-signal.SIGKILL) >= 2


def test_a_chunk_at_which_processes_keep_dying_is_named(processes):
    def deadly(g):
        if g[0] == 1.7:
            os.kill(os.getpid(), signal.SIGKILL)
        return g

    words = r"3 processes died at chunk 2 of 5, the last by signal 9 \(often: out of memory\): g = 1.7 \(index \(2\)\)"
    with pytest.raises(WorkerLost, match=words):
        qet.sweep(deadly, g=G, chunks=1, engine="processes", workers=2)

    def quits(g):
        os._exit(3)

    with pytest.raises(WorkerLost, match="the last with exit code 3"):
        qet.sweep(quits, g=G, engine="processes", workers=1)


def test_what_the_function_raises_in_a_process_is_raised_here_with_its_point(processes):
    def mistaken(g):
        if g[0] == 2.0:
            raise KeyError("nothing there")
        return g

    with pytest.raises(KeyError, match="nothing there") as caught:
        qet.sweep(mistaken, g=G, chunks=1, engine="processes", workers=2)
    assert caught.value.__notes__[0] == "in sweep at g = 2.0 (index (3))"
    assert 'raise KeyError("nothing there")' in caught.value.__notes__[1]

    class Demanding(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    def raising(g):
        raise Demanding(1, two=2)

    with pytest.raises(RuntimeError, match="Demanding: 1 and 2\nin sweep at g = 0.5"):
        qet.sweep(raising, g=G, chunks=1, engine="processes", workers=1)


def test_an_error_stops_the_other_processes_at_once(processes, tmp_path):
    mark = tmp_path / "at work"

    def uneven(g):
        if g[0] == 0.5:
            mark.touch()
            time.sleep(600.0)
        while not mark.exists():
            time.sleep(0.01)
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        qet.sweep(uneven, g=G, chunks=1, engine="processes", workers=2)
    assert -signal.SIGKILL in [process.returncode for process in processes]


def test_processes_hold_linear_algebra_to_one_thread_and_prints_disturb_nothing(processes, capfd):
    def threads(g):
        print("a line of the user's")
        return {name: float(os.environ[name]) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}

    data = qet.sweep(threads, g=G, chunks=2, engine="processes", workers=1)
    assert (data.OMP_NUM_THREADS == 1).all()
    assert (data.OPENBLAS_NUM_THREADS == 1).all()
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("a line of the user's") == 3


def test_a_function_that_cannot_be_sent_is_refused_in_words():
    lock = threading.Lock()

    def guarded(g):
        with lock:
            return g

    with pytest.raises(NotOffered, match="cannot be sent to another process.*lock.*make them inside the function"):
        qet.sweep(guarded, g=G, engine="processes")
    np.testing.assert_array_equal(qet.sweep(guarded, g=G).guarded, G)


def test_an_answer_that_cannot_be_read_is_an_error_and_no_end_of_waiting(processes, monkeypatch):
    monkeypatch.setattr(engines_processes, "receive", lambda stream: b"nothing of ours")
    with pytest.raises(Exception, match="pickle|invalid|unpickling|load key"):
        qet.sweep(lambda g: g, g=G, engine="processes", workers=1)


def test_as_many_workers_as_processors_and_no_more_than_chunks(processes):
    assert 1 <= processors() <= (os.cpu_count() or 1)
    qet.sweep(lambda g: g, g=G, engine="processes", workers=7, chunks={"g": 3})
    assert len(processes) == 2


def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "map.py"
    script.write_text(
        "import numpy as np, qet\n"
        "print('once')\n"
        "k = 3.0\n"
        "def point(g):\n"
        "    return k * g\n"
        "data = qet.sweep(point, g=np.array([0.5, 1.0]), chunks=1, engine='processes', workers=2)\n"
        "print(data.point.values)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "once\n[1.5 3. ]\n"
