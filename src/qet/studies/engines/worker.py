"""A process that computes chunks: it reads their numbers from its input and writes what they gave to its output.

It is started with this module as its program, never with the user's, so that a script needs no guard around its own
lines: nothing of the script runs again. What it prints goes to the errors' stream. When its input ends, the process
that started it is gone, and it ends at once.
"""

from __future__ import annotations

import io
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from typing import Any, BinaryIO

LENGTH = 8  # bytes of a message's length in front of it
READY, DONE, RAISED = "ready", "done", "raised"


def send(stream: BinaryIO, message: bytes) -> None:
    """Write one message."""
    stream.write(len(message).to_bytes(LENGTH, "big"))
    stream.write(message)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Read one message.

    Raises:
        EOFError: where the other side has gone.
    """
    length = int.from_bytes(_exactly(stream, LENGTH), "big")
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    held = stream.read(count)
    if len(held) < count:
        raise EOFError
    return held


def serve() -> None:
    """Compute chunks until the input ends."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches every process of a terminal; the one that asks decides
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what is printed is there when the process is ended
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked, messages), daemon=True).start()
    try:
        from qet.studies.engines.run import chunk_done
        from qet.studies.stores.store import Store

        work, store_path = pickle.loads(messages.get())  # noqa: S301 - from the process that started this one
        store = None if store_path is None else Store.open(store_path)
    except BaseException as error:  # noqa: BLE001 - raised by whoever waits
        send(answers, _raised(error))
        return
    send(answers, pickle.dumps((READY, None)))
    while True:
        number = pickle.loads(messages.get())  # noqa: S301
        try:
            answer = pickle.dumps((DONE, chunk_done(work, number, store)), protocol=5)
        except BaseException as error:  # noqa: BLE001
            answer = _raised(error)
        send(answers, answer)


def _listen(asked: BinaryIO, messages: queue.SimpleQueue[bytes]) -> None:
    """Pass messages on; when there is nobody left to send any, end the process whatever it is doing."""
    try:
        while True:
            messages.put(receive(asked))
    except (EOFError, OSError):
        os._exit(0)


def _raised(error: BaseException) -> bytes:
    """An error as a message, itself where it can be sent, in words where it cannot."""
    import cloudpickle

    told = "".join(traceback.format_exception(error)).rstrip()
    try:
        message: bytes = cloudpickle.dumps((RAISED, (error, told)))
        pickle.loads(message)  # noqa: S301
    except Exception:  # noqa: BLE001 - of any class, with any demands of its own
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        plain: Any = RuntimeError(f"{type(error).__name__}: {error}{notes}")
        message = pickle.dumps((RAISED, (plain, told)))
    return message


if __name__ == "__main__":
    sys.exit("this module is started by qet.sweep(..., engine='processes')")
