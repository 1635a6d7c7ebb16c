"""From the name of a paper to its figures, data, judged claims and a report, in one call.

The panels are computed and drawn here while a second process works on the claims; whoever is free takes the next
one. The data depend on the versions alone; the times stand only at the end of the report.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread

from qet.studies.claims import ClaimsTable
from qet.studies.literature.entry import Claim, Entry, Panel

from . import drawing, panel_data, plots
from .about import versions
from .claim_process import ClaimProcess
from .figure_files import save
from .paper_report import Made, html, markdown

PACKAGES = ("qet", "python", "numpy", "matplotlib", "xarray", "h5netcdf")
FORMATS = ("png", "pdf")


def reproduce(
    name: str, *, out: str | os.PathLike[str] = "out", progress: bool = True, everything: bool = False
) -> Path:
    """Compute and draw everything of a literature entry, and write a report.

    Writes to `out`/`name`: figures/panel_*.png and .pdf, `name`.nc (all curves), claims.json, report.md, report.html.

    Args:
        name: Of the entry, for example "yan2025".
        out: Folder that gets a folder of that name; files in it are written over.
        progress: Show a progress bar, or one line a step where the output is no terminal.
        everything: Also the claims that take minutes.

    Returns:
        The folder.

    Raises:
        UnknownName: for a name that is no entry, with the nearest one.
    """
    entry = find_entry(name)
    chosen = replace(entry, claims=entry.all_claims, slow=()) if everything else entry
    return write_entry(chosen, Path(out) / name, progress=progress, second_process=(os.cpu_count() or 1) > 1)


def find_entry(name: str) -> Entry:
    """The literature entry of a name."""
    from qet.studies.literature import literature

    return literature(name)


def write_entry(entry: Entry, folder: Path, *, progress: bool = False, second_process: bool = False) -> Path:
    """The same for an entry at hand; a second process needs the entry to be known by its name."""
    start = time.perf_counter()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    with _steps(len(entry.panels) + len(entry.claims), progress) as step:
        panels, claims = _compute(entry, folder / "figures", step, second_process)
    used = {package: versions()[package] for package in PACKAGES}
    table = ClaimsTable(entry, tuple(claims))
    source = ", ".join(f"{package} {number}" for package, number in used.items())
    panel_data.write(panel_data.dataset(entry, panels, table.data, source), folder / f"{entry.name}.nc")
    made = Made(used, time.perf_counter() - start, {panel.key: f"figures/panel_{panel.key}" for panel in panels})
    (folder / "claims.json").write_text(table.json() + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(entry, panels, claims, made), encoding="utf-8")
    (folder / "report.html").write_text(html(entry, panels, claims, made, folder), encoding="utf-8")
    return folder


def save_figure(panel: Panel, stem: Path) -> None:
    """Draw a panel and save it as `stem`.png and `stem`.pdf, the same bytes every time."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(drawing.STYLE):
        figure = Figure(figsize=drawing.PANEL_SIZE)
        plots.panel(panel, ax=figure.add_subplot())
        for ending in FORMATS:
            save(figure, stem.with_suffix(f".{ending}"))
            figure.set_layout_engine("none")  # the first one laid it out, which is half of the work


def _compute(
    entry: Entry, figures: Path, step: Callable[[str], None], second_process: bool
) -> tuple[list[Panel], list[Claim]]:
    """Panels, drawn on the way, and claims; both processes take claims from one queue, from its two ends."""
    todo, found = deque(range(len(entry.claims))), dict[int, Claim]()

    def note(number: int, claim: Claim) -> None:
        found[number] = claim
        step(f"claim {claim.key}")

    with _other_process(entry, todo, note, second_process):
        panels = []
        for make in entry.panels:
            panels.append(make())
            save_figure(panels[-1], figures / f"panel_{panels[-1].key}")
            step(f"panel ({panels[-1].key}) {panels[-1].title}")
        _work_off(entry, todo, note)
    _work_off(entry, deque(number for number in range(len(entry.claims)) if number not in found), note)
    return panels, [found[number] for number in range(len(entry.claims))]


def _work_off(entry: Entry, todo: deque[int], note: Callable[[int, Claim], None]) -> None:
    while todo:
        try:
            number = todo.pop()
        except IndexError:  # the other one was faster
            return
        note(number, entry.claims[number]())


@contextmanager
def _other_process(entry: Entry, todo: deque[int], note: Callable[[int, Claim], None], wanted: bool) -> Iterator[None]:
    """A second process that takes claims from the queue's front; what it could not do is left undone."""
    if not wanted or not todo:
        yield
        return

    def feed(other: ClaimProcess) -> None:
        while todo:
            try:
                number = todo.popleft()
            except IndexError:
                return
            claim = other.claim(number)
            if claim is None:
                return
            note(number, claim)

    with ClaimProcess(entry.name) as other:
        thread = Thread(target=feed, args=(other,), daemon=True)
        thread.start()
        yield
        thread.join()


@contextmanager
def _steps(total: int, shown: bool) -> Iterator[Callable[[str], None]]:
    """A progress bar on a terminal, lines elsewhere, nothing if not shown."""
    if not shown:
        yield lambda _: None
    elif sys.stdout.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns) as bar:
            task = bar.add_task("", total=total)
            yield lambda label: bar.update(task, advance=1, description=label)
    else:
        done: list[str] = []

        def line(label: str) -> None:
            done.append(label)
            print(f"[{len(done)}/{total}] {label}", flush=True)

        yield line
