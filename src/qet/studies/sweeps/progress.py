"""How far a long computation is: a bar at a terminal, a line now and then in a log, or silence.

The bar comes only when the work takes longer than a second, and goes to the errors' stream, so that it is in nobody's
results. Where there is no terminal, as in the jobs of a cluster, the logger "qet" tells every half minute.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from qet.foundations.errors import BadParameter

PATIENCE = 1.0  # seconds before a bar appears
SILENCE = 30.0  # seconds between two lines of a log
log = logging.getLogger("qet")


@dataclass(eq=False)
class Progress:
    """How far the chunks of a sweep are; a context.

    Attributes:
        title: What is being computed.
        total: How many chunks there are.
        done: How many are done, those of earlier runs included.
        wanted: None: a bar at a terminal after a second, else lines of the log. True: a bar at once. False: nothing.
        refused: Chunks in which a point was refused.
    """

    title: str
    total: int
    done: int = 0
    wanted: bool | None = None
    refused: int = 0
    bar: Any = field(default=None, init=False)
    task: Any = field(default=None, init=False)
    timer: threading.Timer | None = field(default=None, init=False)
    told: float = field(default=0.0, init=False)
    started: float = field(default=0.0, init=False)
    fresh: int = field(default=0, init=False)
    lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        if self.wanted not in (None, True, False):
            raise BadParameter(f"progress is None, True or False; got {self.wanted!r}.")

    def __enter__(self) -> Progress:
        self.started = self.told = time.monotonic()
        if self.wanted:
            self._show()
        elif self.wanted is None and _is_terminal():
            self.timer = threading.Timer(PATIENCE, self._show)
            self.timer.daemon = True
            self.timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        with self.lock:
            self.total = 0  # no bar any more
            if self.bar is not None:
                self.bar.stop()

    def advance(self, has_refused: bool = False) -> None:
        """One more chunk is done."""
        with self.lock:
            self.done += 1
            self.fresh += 1
            self.refused += has_refused
            if self.bar is not None:
                self.bar.update(self.task, completed=self.done, refused=self._refused_text())
        now = time.monotonic()
        if self.wanted is None and self.bar is None and now - self.told >= SILENCE:
            self.told = now
            log.info("%s", self.text(now))

    def text(self, now: float) -> str:
        """How far it is, in words."""
        elapsed = now - self.started
        left = elapsed / max(self.fresh, 1) * (self.total - self.done)
        refused = self._refused_text()
        return (
            f"{self.title}: {self.done} of {self.total} chunks done after {_spell(elapsed)}, about {_spell(left)} left"
            + (f", {refused}" if refused else "")
        )

    def _refused_text(self) -> str:
        return f"{self.refused} with refused points" if self.refused else ""

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        with self.lock:
            if not self.total:
                return
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("chunks"))
            times = (
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[refused]}"),
            )
            bar = Bar(*columns, *times, console=Console(file=sys.stderr), transient=False)
            self.task = bar.add_task(self.title, total=self.total, completed=self.done, refused=self._refused_text())
            bar.start()
            self.bar = bar


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _spell(seconds: float) -> str:
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
