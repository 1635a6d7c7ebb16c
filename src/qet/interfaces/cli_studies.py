"""The commands for studies: run a file, go on with a store, one line without a file, look, draw, pack, a cluster's job.

Registered on the one application of `cli`. As there, nothing numerical is imported before a command runs.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qet.studies.described.data import Study

StudyPath = Annotated[str, typer.Argument(metavar="STUDY.toml", help="A study file; see docs/study-files.md.")]
Engine = Annotated[str | None, typer.Option(help="serial, processes, dask or slurm.")]
Workers = Annotated[int | None, typer.Option(help="How many processes.")]
Shard = Annotated[str | None, typer.Option(metavar="K/N", help="Only the K-th of N parts, such as 3/64.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar and no lines of progress.")]
Dry = Annotated[bool, typer.Option("--dry", help="Only say points, chunks, memory, store and time.")]
MANY = ("state", "T", "level", "master", "solver", "measure", "strength", "feedback", "operations", "axis", "angle",
        "delay", "message_error")  # fmt: skip
ONE_LINE = (
    "Examples:\n\n"
    "  qet sweep minimal --k 0.1:2:200 --T 0.05:5:100:log --out map.nc\n\n"
    '  qet sweep minimal --k 0.1:2:50 --over g=1e-4:0.1:9:log --bath "site=0 T=1 rate=g" --bath "site=1 T=2 rate=g"\n\n'
    "  qet sweep ising --n 2,3,4 --g 0.5:1.5:21 --out chain.zarr"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(resume)
    app.command(context_settings={"ignore_unknown_options": True}, epilog=ONE_LINE)(sweep)
    app.command()(plot)
    app.command()(pack)
    app.command()(slurm)


def run(
    file: Annotated[str | None, typer.Argument(metavar="STUDY.toml", help="A study; see docs/study-files.md.")] = None,
    out: Annotated[str | None, typer.Option(help="The store, such as map.zarr.")] = None,
    engine: Engine = None,
    workers: Workers = None,
    shard: Shard = None,
    chunks: Annotated[int | None, typer.Option(help="Most points of a chunk.")] = None,
    packed: Annotated[str | None, typer.Option("--pack", metavar="X.nc", help="Also one file to keep.")] = None,
    dry: Dry = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a study file.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compute a study file into a store; the same command again goes on where it stopped."""
    if schema:
        from .study_file import schema as json_schema

        print(json.dumps(json_schema(), indent=2))
        return
    from qet.foundations.errors import BadParameter

    from .study_file import read_study

    if file is None:
        raise BadParameter("run takes a study file: qet run study.toml.")
    study = read_study(Path(file))
    store = out or study.settings.get("out") or f"{Path(file).stem}.zarr"
    if not store.rstrip("/").endswith(".zarr"):
        raise BadParameter(f"--out is a store X.zarr; got {store!r}. --pack X.nc makes one file of it.")
    if dry:
        _print_plan(study, chunks)
        return
    options = {"engine": engine, "workers": workers, "shard": shard, "chunks": chunks}
    with _progress_told(quiet), _warned_once():
        study.run(**options, out=store, progress=False if quiet else None)
    _finish(store, packed, is_part=shard is not None)


def resume(
    store: Annotated[str, typer.Argument(metavar="X.zarr", help="A store that is not finished.")],
    engine: Engine = None,
    workers: Workers = None,
    shard: Shard = None,
    packed: Annotated[str | None, typer.Option("--pack", metavar="X.nc", help="Also one file to keep.")] = None,
    quiet: Quiet = False,
) -> None:
    """Go on with a store of a study, from what the store says about itself."""
    from qet.studies.described.resume import resume as go_on

    with _progress_told(quiet), _warned_once():
        go_on(store, engine=engine, workers=workers, shard=shard, progress=False if quiet else None)
    _finish(store, packed, is_part=shard is not None)


def sweep(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL] [--PARAMETER VALUE]...", help="A model and its parameters.")
    ] = None,
    over: Annotated[list[str] | None, typer.Option(help="An axis, name=from:to:points[:log] or name=1,2,3.")] = None,
    term: Annotated[list[str] | None, typer.Option(help='A term of your own model, "name=Pauli sum".')] = None,
    state: Annotated[str | None, typer.Option(help="ground, eigenstate, gibbs or steady.")] = None,
    temperature: Annotated[str | None, typer.Option("--T", help="Temperature of the Gibbs state.")] = None,
    level: Annotated[str | None, typer.Option(help="Number of the eigenstate.")] = None,
    bath: Annotated[list[str] | None, typer.Option(help='A reservoir, "site=0 T=1 rate=g ...".')] = None,
    jump: Annotated[list[str] | None, typer.Option(help='A Lindblad operator, "operator=- site=0 rate=g".')] = None,
    master: Annotated[str | None, typer.Option(help="A master equation, or partial:CUTOFF.")] = None,
    solver: Annotated[str | None, typer.Option(help="The route to the state, such as mps:64.")] = None,
    measure: Annotated[str | None, typer.Option(help="X, Y, Z, a direction 0.6,0,0.8, or an observable.")] = None,
    strength: Annotated[str | None, typer.Option(help="Strength of the measurement, 0 to 1.")] = None,
    feedback: Annotated[str | None, typer.Option(help="best, ground or dominant.")] = None,
    operations: Annotated[str | None, typer.Option(help="unitary, unital or channel.")] = None,
    axis: Annotated[str | None, typer.Option(help="Restrict Bob's rotations to one axis.")] = None,
    angle: Annotated[str | None, typer.Option(help="A fixed angle, signed by the outcome.")] = None,
    delay: Annotated[str | None, typer.Option(help="Time between Alice and Bob.")] = None,
    message_error: Annotated[str | None, typer.Option(help="Probability of a wrong message.")] = None,
    keep: Annotated[str | None, typer.Option(help="Which numbers to keep, such as extracted,injected.")] = None,
    errors: Annotated[str | None, typer.Option(help="raise, or record: points without an answer are NaN.")] = None,
    out: Annotated[str | None, typer.Option(help="X.nc, or a store X.zarr that can be gone on with.")] = None,
    engine: Engine = None,
    workers: Workers = None,
    dry: Dry = False,
    quiet: Quiet = False,
) -> None:
    """A study in one line: any number may be a list 1,2,3 or a range from:to:points[:log]."""
    texts = (state, temperature, level, master, solver, measure, strength, feedback, operations, axis, angle)
    typed = dict(zip(MANY, (*texts, delay, message_error), strict=True))
    lists = {"terms": term or (), "over": over or (), "baths": bath or (), "jumps": jump or ()}
    study = _typed_study(words or [], typed, lists, keep=keep, errors=errors)
    if dry:
        _print_plan(study, None)
        return
    _swept(study, out, {"engine": engine, "workers": workers, "progress": False if quiet else None}, quiet=quiet)


def _typed_study(
    words: list[str], typed: dict[str, str | None], lists: dict[str, Any], *, keep: str | None, errors: str | None
) -> Study:
    from .point import read_words
    from .study_file import study
    from .sweep_words import study_data

    name, parameters = read_words(words)
    data = study_data(name, parameters, typed, **lists)
    data |= {"output": {"variables": keep.split(",")}} if keep else {}
    return study({**data, "study": {"errors": errors}} if errors else data)


def _swept(study: Study, out: str | None, options: dict[str, Any], *, quiet: bool) -> None:
    from qet.foundations.errors import BadParameter

    from .dataset_file import is_data_file

    if out is not None and not is_data_file(out):
        raise BadParameter(f"--out is a file X.nc or a store X.zarr; got {out!r}.")
    is_store = out is not None and out.rstrip("/").endswith(".zarr")
    with _progress_told(quiet), _warned_once():
        data = study.run(**options, out=out if is_store else None)
    if out is not None and is_store:
        _finish(out, None, is_part=False)
        return
    if out is None:
        print(data)
        return
    from qet.studies.saving import save

    save(data, out)
    print(f"{out} is written; look at it with: qet show {out}")


def plot(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file X.nc or a store X.zarr.")],
    x: Annotated[str, typer.Option("--x", help="What runs along the abscissa.")],
    y: Annotated[str | None, typer.Option("--y", help="What runs along the ordinate of a map.")] = None,
    z: Annotated[str, typer.Option("--z", help="Which variable.")] = "extracted",
    by: Annotated[str | None, typer.Option(help="One curve for each value of this axis.")] = None,
    select: Annotated[
        list[str] | None, typer.Option(help="A place on another axis, T=0.3; the nearest is taken.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="The figure, such as fig.pdf or fig.png.")] = None,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic scale for the variable.")] = False,
) -> None:
    """Draw a variable over one axis as a curve, or over two as a map."""
    import matplotlib as mpl

    mpl.use("Agg")
    from qet.foundations.errors import BadParameter

    from .dataset_file import reading
    from .figure_files import save
    from .plots_study import curve, field
    from .point import pair

    chosen = dict(pair("--select", word) for word in select or ())
    if y is not None and by is not None:
        raise BadParameter("--by is for curves; a map has --x and --y, and --select for the rest.")
    with reading(file) as data:
        if y is None:
            axes = curve(data, x=x, z=z, by=by, select=chosen, log=log)
        else:
            axes = field(data, x=x, y=y, z=z, select=chosen, log=log)
    target = out or f"{Path(file.rstrip('/')).stem}-{z}.pdf"
    print(save(axes, target))


def pack(
    store: Annotated[str, typer.Argument(metavar="X.zarr", help="A store.")],
    file: Annotated[str, typer.Argument(metavar="X.nc", help="The file to write.")],
) -> None:
    """One netCDF file to keep, from a store."""
    from qet.studies.stores.pack import pack as write

    write(store, file)
    print(f"{file} is written; look at it with: qet show {file}")


def slurm(
    file: StudyPath,
    shards: Annotated[int, typer.Option(help="Number of parts.")] = 16,
    time: Annotated[str, typer.Option(help="Limit of a part.")] = "1:00:00",
    memory: Annotated[str, typer.Option(help="Of a part.")] = "2G",
    cpus: Annotated[int, typer.Option(help="Processors of a part.")] = 1,
    partition: Annotated[str, typer.Option(help="Where it runs.")] = "",
    account: Annotated[str, typer.Option(help="Who pays.")] = "",
    store: Annotated[str | None, typer.Option(help="The store; by default the study's.")] = None,
    out: Annotated[str | None, typer.Option(help="Write the script here instead of printing it.")] = None,
) -> None:
    """The script of a SLURM job array that computes a study in parts."""
    from .slurm import Job
    from .study_file import read_study
    from .study_plan import cut_of

    study = read_study(Path(file))
    target = store or study.settings.get("out") or f"{Path(file).stem}.zarr"
    job = Job(file, target, shards, time, memory, cpus, partition, account)
    job.check(len(cut_of(study)[1]))
    if out is None:
        print(job.script(), end="")
        return
    Path(out).write_text(job.script())
    print(f"{out} is written; submit it with: sbatch {out}")


def _print_plan(study: Study, chunks: int | None) -> None:
    from .study_plan import plan_of

    print(plan_of(study, chunks).text())


def _finish(store: str, packed: str | None, *, is_part: bool) -> None:
    """Say what a store has now, and make one file of it where that was asked for."""
    from qet.studies.stores.store import Store

    found = Store.open(store)
    done, total = len(found.done(thorough=False)), len(found.chunks)
    refused = sum(line.get("refused_count", 0) for line in found.done(thorough=False).values())
    told = f", {refused:,} points refused" if refused else ""
    if done < total:
        rest = "the other parts do the rest" if is_part else f"go on with: qet resume {store}"
        print(f"{store}: {done} of {total} chunks done{told}; {rest}")
    else:
        print(f"{store}: all {total} chunks done{told}; look at it with: qet show {store}")
    if packed is not None and done == total:
        pack(store, packed)


class _Lines(logging.Handler):
    """Lines of a log on stderr, whatever that is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def _warned_once() -> Iterator[None]:
    """The first warning of a kind as one line: a study may give one for every chunk."""
    told: set[type[Warning]] = set()

    def say(message: Any, category: type[Warning], *_: Any) -> None:
        if category not in told:
            print(f"qet: {category.__name__}: {message}; not repeated.", file=sys.stderr)
        told.add(category)

    from qet.foundations.errors import OutsideDomain

    with warnings.catch_warnings():
        warnings.simplefilter("always", OutsideDomain)
        warnings.showwarning = say  # type: ignore[assignment]
        yield


@contextmanager
def _progress_told(quiet: bool) -> Iterator[None]:
    """Lines of progress on stderr, as in the log of a job; a terminal has a bar instead."""
    log = logging.getLogger("qet")
    if quiet or sys.stderr.isatty():
        yield
        return
    handler, level = _Lines(), log.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
