"""Several processes on one machine, of which any may die: only the chunk it was at is done again.

The processes are this project's own, not a pool of the standard library: a pool breaks whole when one of its processes
is killed, as happens where memory runs out, and it runs the user's script again in every one. Libraries of linear
algebra are held to one thread in each, before they are loaded, since as many processes compute as there are processors.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from qet.foundations.errors import NotOffered, WorkerLost
from qet.studies.engines.worker import DONE, RAISED, READY, receive, send
from qet.studies.sweeps.chunks import Filled
from qet.studies.sweeps.work import Work

MOST_DEATHS = 3  # at one chunk
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
}
DIED = "died"


def run_by_processes(
    work: Work, numbers: Sequence[int], store_path: Any, workers: int, on_done: Callable[[Filled], None]
) -> None:
    """Compute chunks in processes of their own; see `run.run_chunks`.

    Raises:
        NotOffered: where the function cannot be sent to another process.
        WorkerLost: where three processes died at one chunk, or none comes to life.
    """
    team = Team(payload_of(work, store_path))
    deaths: Counter[int] = Counter()
    team.hire(workers, numbers)
    try:
        left = len(numbers)
        while left:
            number, kind, content = team.answers.get()
            if kind == DONE:
                left -= 1
                on_done(content)
            elif kind == RAISED:
                error, told = content
                error.add_note(f"in a process of the sweep:\n{told}")
                raise error
            else:
                deaths[number] += 1
                if deaths[number] >= MOST_DEATHS:
                    raise WorkerLost(_lost_text(work, number, content))
                team.tasks.put(number)
    finally:
        team.dismiss()


def payload_of(work: Work, store_path: Any) -> bytes:
    """The work as it is sent to a process.

    Raises:
        NotOffered: where it cannot be sent.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps((work, None if store_path is None else os.fspath(store_path)), protocol=5))
    except Exception as error:
        raise NotOffered(
            f"the function of this sweep cannot be sent to another process: {error}. Open files, locks, connections "
            'and generators stay where they were made: make them inside the function, or take engine="serial".'
        ) from error


def _lost_text(work: Work, number: int, exit_code: int | None) -> str:
    how = "" if exit_code is None else f", the last with exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        how = f", the last by signal {-exit_code}" + (" (often: out of memory)" if exit_code == -9 else "")
    return (
        f"{MOST_DEATHS} processes died at chunk {number} of {len(work.chunks)}{how}: {work.text(number)}. What was "
        'finished is kept where there is a store. Smaller chunks need less memory (chunks=...); engine="serial" shows '
        "what happens there."
    )


@dataclass(eq=False)
class Team:
    """Processes, each with a thread that hands it chunks.

    Attributes:
        payload: What a process needs to know, as bytes.
        tasks: Numbers of chunks; None ends a thread.
        answers: (number, what kind of answer, its content).
        processes: Those alive.
        is_over: Whether nobody is hired any more.
    """

    payload: bytes
    tasks: queue.SimpleQueue[int | None] = field(default_factory=queue.SimpleQueue)
    answers: queue.SimpleQueue[tuple[int, str, Any]] = field(default_factory=queue.SimpleQueue)
    processes: set[subprocess.Popen[bytes]] = field(default_factory=set)
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: list[threading.Thread] = field(default_factory=list)

    def hire(self, count: int, numbers: Sequence[int]) -> None:
        """Start to work on chunks."""
        for number in numbers:
            self.tasks.put(number)
        for _ in range(count):
            thread = threading.Thread(target=self._oversee, daemon=True)
            self.threads.append(thread)
            thread.start()

    def dismiss(self) -> None:
        """End every process at once and wait until all are gone."""
        with self.lock:
            self.is_over = True
            for process in self.processes:
                process.kill()
        for _ in self.threads:
            self.tasks.put(None)
        for thread in self.threads:
            thread.join()

    def _oversee(self) -> None:
        """Hand chunks to one process after another, a fresh one where one died."""
        process = None
        while not self.is_over and (number := self.tasks.get()) is not None:
            try:
                kind, content = READY, None
                if process is None:
                    process = self._start()
                    kind, content = _asked(process, self.payload)
                if kind == READY:
                    kind, content = _asked(process, pickle.dumps(number))
            except (EOFError, OSError):
                kind, content = DIED, self._end(process, patience=1.0)
                process = None
            except Exception as error:  # noqa: BLE001 - an answer that cannot be read is raised by whoever waits
                kind, content = RAISED, (error, "its answer could not be read")
            self.answers.put((number, kind, content))
        self._end(process)

    def _start(self) -> subprocess.Popen[bytes]:
        """A fresh process.

        Raises:
            EOFError: where nobody is hired any more.
        """
        code = f"import sys; sys.path[:] = {sys.path!r}; from qet.studies.engines.worker import serve; serve()"
        pipe = subprocess.PIPE
        with self.lock:
            if self.is_over:
                raise EOFError
            process = subprocess.Popen(  # noqa: S603 - this interpreter, with words of our own
                [sys.executable, "-c", code], stdin=pipe, stdout=pipe, env={**os.environ, **ONE_THREAD}
            )
            self.processes.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes] | None, patience: float = 0.0) -> int | None:
        """Make sure that a process is gone; its exit code, its own if it ends within some seconds."""
        if process is None:
            return None
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
        code = process.wait()
        with self.lock:
            self.processes.discard(process)
        for stream in (process.stdin, process.stdout):
            try:
                cast(BinaryIO, stream).close()
            except OSError:
                continue  # what was still to be said to a dead process
        return code


def _asked(process: subprocess.Popen[bytes], message: bytes) -> tuple[str, Any]:
    """What a process answers to a message.

    Raises:
        EOFError, OSError: where it has died.
    """
    send(cast(BinaryIO, process.stdin), message)
    kind, content = pickle.loads(receive(cast(BinaryIO, process.stdout)))  # noqa: S301 - of our own process
    return kind, content
