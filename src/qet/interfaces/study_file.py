"""A study from a TOML file or a mapping, with every mistake in it told at once.

A file is plain data; nothing in it is executed. Wherever it asks for a number it takes an expression over the names of
axes and constants (`expression`). The mistakes of its shape are found by pydantic, those of its meaning by
`study_checks`; both are printed with the line, a caret, and the nearest known word.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from qet.foundations.errors import BadParameter, BadStudy
from qet.foundations.values import plain
from qet.studies.described.data import SECTIONS, Study, study_of

from .mistakes import Mistake, excerpt, nearest_of, report
from .toml_lines import lines_of, syntax_fault

Path = tuple[str | int, ...]


def study(source: str | os.PathLike[str] | Mapping[str, Any]) -> Study:
    """A study from a TOML file, or from the same sections as a mapping.

    Args:
        source: The path of a file, or a mapping such as {"model": {"k": "k"}, "axes": {"k": [0.1, 0.2]}}.

    Returns:
        A `Study`: a function of its axes that gives the run, with `.run(out=..., engine=...)` for the dataset.

    Raises:
        BadStudy: with all mistakes, each with its line and the nearest known word. OSError: for a file that cannot be
            read.

    Example:
        >>> import qet
        >>> sections = {"model": {"k": "k"}, "state": {"T": "T"}, "axes": {"k": [0.25, 0.5], "T": [0.1, 1.0]}}
        >>> found = qet.study(sections)
        >>> data = found.run()
        >>> dict(data.sizes), round(float(data.extracted.max()), 4)
        ({'k': 2, 'T': 2}, 0.0726)
        >>> round(float(found(k=0.5, T=0.1).extracted), 4)
        0.0726
    """
    if isinstance(source, Mapping):
        data = plain(source)
        mistakes = all_mistakes(data)
        if mistakes:
            raise _refused(report(mistakes), mistakes)
        return study_of(data)
    if not isinstance(source, (str, os.PathLike)):
        raise BadParameter(f"study takes the path of a file or a mapping; got {type(source).__name__}.")
    return read_study(File(source))


def read_study(path: File) -> Study:
    """A study from a file.

    Raises:
        BadStudy, OSError: see `study`.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _refused(f"1 problem in {path}\n{path}:1:1: the file is no UTF-8 text: {error}.", []) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        (line, column), fault = syntax_fault(text, error)
        source = (text.splitlines() or [""])[line - 1] if text else ""
        lines = [
            f"1 problem in {path}",
            f"{path}:{line}:{column}: this is no TOML: {fault}",
            *excerpt(source, line, column),
        ]
        raise _refused("\n".join(lines), [Mistake((), fault)]) from None
    mistakes = all_mistakes(data)
    if mistakes:
        raise _refused(report(mistakes, str(path), lines_of(text)), mistakes)
    return study_of(data)


def all_mistakes(data: Any) -> list[Mistake]:
    """Everything wrong with a study's data: its shape, then its meaning where the shape allows."""
    from .study_checks import mistakes_in

    faults = _faults_of_shape(data)
    return [*faults, *mistakes_in(data, faults)] if isinstance(data, Mapping) else faults


def _faults_of_shape(data: Any) -> list[Mistake]:
    from pydantic import ValidationError

    from .study_schema import StudyFile

    try:
        StudyFile.model_validate(data)
    except ValidationError as error:
        return [_mistake(data, fault) for fault in error.errors(include_url=False, include_context=False)]
    return []


def schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    from .study_schema import StudyFile

    return StudyFile.model_json_schema()


def _mistake(data: Any, fault: Mapping[str, Any]) -> Mistake:
    """A fault that pydantic has found, in a physicist's words."""
    path: Path = tuple(fault["loc"])
    where = _section(path[:-1])
    match fault["type"]:
        case "extra_forbidden":
            text = f"there is no {path[-1]!r} in {where}{nearest_of(path[-1], _known_at(path[:-1]))}"
        case "missing":
            return Mistake(path[:-1], f"{where} needs {path[-1]!r}.")
        case "model_type" | "model_attributes_type" | "dict_type":
            text = f"{path[-1]} is a section of its own: {_section(path)}; got {fault['input']!r}."
        case "list_type":
            is_tables = path in (("bath",), ("jump",), ("zipped",))
            text = f"{_section((*path, 0))} has double brackets." if is_tables else f"{path[-1]} is a list."
        case "too_short":
            text = f"{path[-1]} is empty."
        case _:
            text = f"{_named(path)}: {fault['msg']}." if fault["type"] == "wanted" else str(fault["msg"])
    return Mistake(path, text)


def _section(path: Path) -> str:
    """A section as it is written: [model], [[bath]]; the file itself."""
    if not path:
        return "the study"
    names = [str(part) for part in path if isinstance(part, str)]
    is_array = len(path) > 1 and isinstance(path[1], int) and len(path) == 2
    return f"[[{names[0]}]]" if is_array else f"[{'.'.join(names)}]"


def _named(path: Path) -> str:
    return str(path[-1]) if isinstance(path[-1], str) else f"{path[-2]}, entry {int(path[-1]) + 1}"


def _known_at(path: Path) -> list[str]:
    """The keys of a section."""
    from . import study_schema as schema

    names = tuple(part for part in path if isinstance(part, str))
    if not names:
        return list(SECTIONS)
    tables: dict[tuple[str, ...], Any] = {
        ("study",): schema.Settings,
        ("state",): schema.State,
        ("bath",): schema.Bath,
        ("jump",): schema.Jump,
        ("protocol",): schema.Protocol,
        ("protocol", "measure"): schema.Observable,
        ("protocol", "feedback"): schema.Feedback,
        ("sampled",): schema.Sampled,
        ("output",): schema.Output,
    }
    found = tables.get(names, schema.TermPart if names[:2] == ("model", "terms") else schema.Range)
    return [field.alias or name for name, field in found.model_fields.items()]


def _refused(text: str, mistakes: list[Mistake]) -> BadStudy:
    error = BadStudy(text)
    error.mistakes = tuple(mistakes)
    return error
