"""The command line: thin words over the public ones.

Each command reads its words, calls one public function and prints what comes back.
Nothing numerical is imported before a command runs, so that help is quick. What goes
wrong is one line on stderr and exit code 2; a mistyped name is answered with the
nearest one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .cli_studies import register as register_studies

if TYPE_CHECKING:
    from qet.physics.model import Model
    from qet.protocols.run import Run
    from qet.solvers.states import State

    from .point import Preparation

EXPLAINED = (
    "Examples:\n\n"
    "  qet show minimal --h 1 --k 0.5\n\n"
    "  qet show minimal --k 0.5 --T 0.3 --feedback ground\n\n"
    '  qet show minimal --bath "site=0 T=1 rate=0.01" --bath "site=1 T=0.2 rate=0.01 statistics=fermion"\n\n'
    '  qet show --term "H_A=Z0" --term "V=0.5 X0 X1" --term "H_B=Z1" --level 1'
)


class _Commands(TyperGroup):
    """The commands, which answer a mistyped name with the nearest."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            from qet.foundations.errors import unknown

            raise unknown("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Quantum energy teleportation: what the measurement costs, what Bob takes out, what the message was worth.",
)
UNUSABLE = ("NotAStore", "NotReadable", "NotWritten")  # errors that are a file's fault
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Everything = Annotated[bool, typer.Option("--all", help="Also the claims that take minutes.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from qet import __version__

        print(f"qet {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(help="An entry of the literature, such as yan2025.")],
    out: Annotated[str, typer.Option(help="Folder to write into; the entry gets its own folder there.")] = "out",
    everything: Everything = False,
) -> None:
    """Compute and draw every panel of a paper, with data, a report and a verdict on each claim."""
    from .reproduce import reproduce as run_it

    print(run_it(name, out=out, progress=True, everything=everything))


@app.command()
def claims(
    name: Annotated[str, typer.Argument(help="An entry of the literature.")] = "yan2025",
    as_json: Json = False,
    everything: Everything = False,
) -> None:
    """Test the claims of a paper and print the verdicts with their numbers."""
    from qet.studies.claims import claims_table

    table = claims_table(name, everything)
    print(table.json() if as_json else table.text())


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog=EXPLAINED,
)
def show(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL] [--PARAMETER VALUE]...", help="A model and its parameters; see `qet models`."),
    ] = None,
    term: Annotated[list[str] | None, typer.Option(help='A term of your own model, "name=Pauli sum".')] = None,
    swap: Annotated[bool, typer.Option("--swap", help="Exchange Alice and Bob.")] = False,
    state: Annotated[str | None, typer.Option(help="ground, eigenstate, gibbs or steady.")] = None,
    temperature: Annotated[float | None, typer.Option("--T", help="Temperature of the Gibbs state.")] = None,
    level: Annotated[int | None, typer.Option(help="Number of the eigenstate, 0 is the lowest.")] = None,
    bath: Annotated[list[str] | None, typer.Option(help='A reservoir, "site=0 T=1 rate=0.1 ...".')] = None,
    jump: Annotated[list[str] | None, typer.Option(help='A Lindblad operator, "operator=- site=0 rate=0.1".')] = None,
    master: Annotated[
        str | None,
        typer.Option(help="A master equation, or partial:CUTOFF."),
    ] = None,
    solver: Annotated[str | None, typer.Option(help="The route to the state, such as mps:64.")] = None,
    measure: Annotated[str, typer.Option(help="X, Y, Z, a direction 0.6,0,0.8, or an observable.")] = "X",
    strength: Annotated[float | None, typer.Option(help="Strength of the measurement, 0 to 1.")] = None,
    feedback: Annotated[str | None, typer.Option(help="best, ground or dominant.")] = None,
    operations: Annotated[str | None, typer.Option(help="unitary, unital or channel.")] = None,
    axis: Annotated[str | None, typer.Option(help="Restrict Bob's rotations to one axis.")] = None,
    angle: Annotated[float | None, typer.Option(help="A fixed angle, signed by the outcome.")] = None,
    delay: Annotated[float, typer.Option(help="Time between Alice and Bob.")] = 0.0,
    message_error: Annotated[float, typer.Option(help="Probability of a wrong message.")] = 0.0,
    as_json: Json = False,
) -> None:
    """One run of the protocol: the ledger, the information, the bounds; or what is in a file X.nc or a store X.zarr."""
    if _shown_file(words or [], as_json=as_json):
        return
    from qet.protocols.teleport import teleport

    from .point import Preparation, read_feedback, read_measurement

    preparation = Preparation(state, temperature, level, master, solver, tuple(bath or ()), tuple(jump or ()))
    run = teleport(
        _state(_model(words or [], term or [], swap=swap), preparation),
        measure=read_measurement(measure, strength),
        feedback=read_feedback(feedback, operations, axis, angle),
        delay=delay,
        message_error=message_error,
    )
    _print_run(run, as_json=as_json)


def _shown_file(words: Sequence[str], *, as_json: bool) -> bool:
    """Print what is in a file or a store, if the first word names one."""
    from .dataset_file import described, is_data_file, text_of

    if not words or not is_data_file(words[0]):
        return False
    from qet.foundations.errors import BadParameter

    if len(words) > 1:
        raise BadParameter(f"show {words[0]} takes no other words; got {' '.join(words[1:])}.")
    found = described(words[0])
    if as_json:
        _print_json(found)
    else:
        print(text_of(found))
    return True


@app.command()
def models(as_json: Json = False) -> None:
    """The models known by name, with their parameters."""
    from qet.physics.catalog import catalog

    entries = catalog()
    if as_json:
        _print_json([vars(entry) for entry in entries])
        return
    for entry in entries:
        origin = "" if entry.origin == "qet" else f"  [{entry.origin}]"
        print(f"{entry.name}({entry.signature}){origin}\n    {entry.summary}")


@app.command()
def about(as_json: Json = False) -> None:
    """Versions of everything a result depends on."""
    from .about import about as print_it
    from .about import versions

    if as_json:
        _print_json(versions())
    else:
        print_it()


@app.command()
def cite(name: Annotated[str | None, typer.Argument(help="A model, quantity, bound or paper.")] = None) -> None:
    """BibTeX for the software, a model, a quantity, a bound or a paper."""
    from .about import cite as bibtex

    print(bibtex(name))


register_studies(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a file that cannot be used, 2 for a wrong request."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    command = typer.main.get_command(app)
    try:
        return int(command.main(args=words, prog_name="qet", standalone_mode=False) or 0)
    except KeyboardInterrupt as stop:
        _complain(". ".join(["stopped", *getattr(stop, "__notes__", [])]), 130)
        return 130
    except BrokenPipeError:  # the reader has seen enough, as in `qet cite | head`
        sys.stderr.close()
        return 0
    except OSError as error:
        return _complain(str(error), 1)
    except Exception as error:  # noqa: BLE001  (sorted below; what is not ours goes on up)
        text, code = _explained(error)
        return _complain(text, code, is_list=type(error).__name__ == "BadStudy")


def _explained(error: Exception) -> tuple[str, int]:
    """The one line that a wrong request deserves; any other error goes on up."""
    from qet.foundations.errors import QetError, nearest

    if isinstance(error, QetError):
        code = 1 if type(error).__name__ in UNUSABLE else 2
        notes = getattr(error, "__notes__", [])
        return ". ".join([str(error).rstrip("."), *notes]) if notes else str(error), code
    context, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
    if context is not None and option is not None and hasattr(error, "possibilities"):
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        return f"there is no option {option!r}; {nearest(option, known)}", 2
    if hasattr(error, "format_message"):
        hint = f" Try: {context.command_path} --help" if context is not None else ""
        return f"{error.format_message().rstrip('.')}.{hint}", 2
    raise error


def _complain(message: str, code: int, *, is_list: bool = False) -> int:
    print(message if is_list else f"qet: {' '.join(message.split())}", file=sys.stderr)
    return code


def _model(words: Sequence[str], terms: Sequence[str], *, swap: bool) -> Model:
    from .point import read_model, read_words

    name, parameters = read_words(words)
    options = [name for p in typer.main.get_command(app).commands["show"].params for name in p.opts]  # type: ignore[attr-defined]
    model = read_model(name, parameters, terms, [name for name in options if name.startswith("--")])
    return model.swapped() if swap else model


def _state(model: Model, preparation: Preparation) -> State:
    from qet.solvers.prepare import eigenstate, gibbs, ground

    from .point import read_bath, read_jump, read_master, read_solver

    kind, solver = preparation.kind(), read_solver(preparation.solver)
    if kind == "ground":
        return ground(model, solver=solver)
    if kind == "gibbs":
        return gibbs(model, T=preparation.T, solver=solver)
    if kind == "eigenstate":
        return eigenstate(model, preparation.level or 0, solver=solver)
    surroundings = [*map(read_bath, preparation.baths), *map(read_jump, preparation.jumps)]
    from qet.solvers.steady import steady

    return steady(model, surroundings, master=read_master(preparation.master), solver=solver)


def _print_run(run: Run, *, as_json: bool) -> None:
    from .run_report import run_data, run_text

    if as_json:
        _print_json(run_data(run))
    else:
        print(run_text(run))


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
