"""What is wrong with a study, all of it at once: each with its line, the line itself, and the nearest known word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qet.foundations.errors import nearest
from qet.studies.described.slots import Path, place

from .toml_lines import Lines


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        path: Where in the data.
        text: What.
    """

    path: Path
    text: str


def no_such(what: str, name: object, known: Iterable[str]) -> str:
    """A name that is not known, with the nearest one and all that are."""
    return f"there is no {what} {name!r}{nearest_of(name, known)}"


def nearest_of(name: object, known: Iterable[str]) -> str:
    """The clause "; did you mean 'k'? (known: h, k)"; a name that begins with a known one may be meant for it."""
    options = list(dict.fromkeys(map(str, known)))
    if not options:
        return "; none is known"
    hint, _, _ = nearest(str(name), options).rpartition("Known: ")
    begun = [option for option in options if str(name).lower().startswith(option.lower())]
    if not hint and begun:
        hint = f"did you mean {max(begun, key=len)!r}? "
    return f"{'; ' if hint else ' '}{hint}(known: {', '.join(options)})"


def report(mistakes: Iterable[Mistake], name: str = "", lines: Lines | None = None) -> str:
    """All mistakes as text, in the order of their lines; without a file, by their places in the data."""
    found = list(dict.fromkeys(mistakes))
    where = name or "the study"
    head = f"{len(found)} problem{'s' if len(found) != 1 else ''} in {where}"
    if lines is None:
        return "\n".join([head, *(f"{place(mistake.path) or where}: {mistake.text}" for mistake in found)])
    parts = [head]
    for (line, column), mistake in sorted(((lines.of(m.path), m) for m in found), key=lambda pair: pair[0]):
        parts += [f"{name}:{line}:{column}: {mistake.text}", *excerpt(lines.source(line), line, column)]
    return "\n".join(parts)


def excerpt(source: str, line: int, column: int) -> list[str]:
    """A line of the file, and a caret under the place."""
    shown = source.expandtabs(1)
    return [f"{line:5d} | {shown}".rstrip(), f"      | {' ' * (column - 1)}^"]
