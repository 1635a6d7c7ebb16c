"""The shape of the source: imports go down only, and files and functions stay small."""

from __future__ import annotations

import ast
import io
import tokenize
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "qet"
FLOORS = ("foundations", "physics", "solvers", "protocols", "studies", "interfaces")
BANNED = {"utils", "helpers", "misc", "common", "util", "helper"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 40

LONG_FILES: dict[str, str] = {}
"""Files over the limit: path below src/qet -> why."""

LONG_FUNCTIONS: dict[str, str] = {}
"""Functions over the limit: "path:qualified name" -> why."""

FILES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def floor_of(path: Path) -> str | None:
    first = path.relative_to(SOURCE).parts[0]
    return first if first in FLOORS else None


def imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str, bool]]:
    """Every import of the package itself: line, absolute module, whether it was written relatively."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names if alias.name.split(".")[0] == "qet")
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield node.lineno, ".".join([*base, *([node.module] if node.module else [])]), True
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "qet":
            names = [f"qet.{alias.name}" for alias in node.names] if node.module == "qet" else [node.module]
            yield from ((node.lineno, name, False) for name in names)


def faults_in(text: str, path: Path) -> list[str]:
    """What is wrong with the imports of one file."""
    here = floor_of(path)
    package = ["qet", *path.relative_to(SOURCE).parts[:-1]]
    faults = []
    for line, module, is_relative in imports(ast.parse(text), package):
        parts = module.split(".")
        there = parts[1] if len(parts) > 1 and parts[1] in FLOORS else None
        at = f"{name_of(path)}:{line}: {module}"
        if there is None:
            if module != "qet.__version__":
                faults.append(f"{at} goes through the front door")
        elif here is not None and FLOORS.index(there) > FLOORS.index(here):
            faults.append(f"{at} looks up from {here}")
        elif is_relative and there != here:
            faults.append(f"{at} crosses floors by a relative name")
    return faults


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that hold code: no blank lines, no comments, no docstrings."""
    skip = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = (t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in skip)
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        for statement in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if is_text and isinstance(statement.value.value, str):
                lines -= set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return lines


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, prefix)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down_only(path):
    assert faults_in(path.read_text(), path) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("from qet.solvers.states import State", "looks up"),
        ("def f():\n    from qet.interfaces import cli", "looks up"),
        ("import qet", "front door"),
        ("from qet import minimal", "front door"),
        ("from ..foundations import errors", "relative name"),
        ("from qet.foundations.errors import QetError\nfrom . import models\nfrom .model import Model", None),
    ],
)
def test_the_check_of_imports_sees_each_fault(text, fault):
    found = faults_in(text, SOURCE / "physics" / "baths.py")
    assert (found == []) if fault is None else (len(found) == 1 and fault in found[0])


def test_no_file_exceeds_the_limit():
    sizes = {name_of(path): len(code_lines(path.read_text())) for path in FILES}
    over = {name: size for name, size in sizes.items() if size > MOST_LINES}
    assert over.keys() == LONG_FILES.keys(), f"over {MOST_LINES} lines of code: {over}; listed: {LONG_FILES}"


def test_no_function_exceeds_the_limit():
    over = {}
    for path in FILES:
        text = path.read_text()
        lines = sorted(code_lines(text))
        for name, node in functions(ast.parse(text)):
            size = bisect_right(lines, node.end_lineno or 0) - bisect_left(lines, node.lineno)
            if size > MOST_FUNCTION_LINES:
                over[f"{name_of(path)}:{name}"] = size
    assert over.keys() == LONG_FUNCTIONS.keys(), f"over {MOST_FUNCTION_LINES} lines: {over}; listed: {LONG_FUNCTIONS}"


def test_lines_of_code_leave_out_docstrings_comments_and_blanks():
    text = '"""Module\n\ntext."""\n\n# why\ndef f(x):\n    """One.\n\n    Two."""\n    return (\n        x\n    )\n'
    assert code_lines(text) == {6, 10, 11, 12}


def test_files_are_named_after_their_idea():
    assert [name_of(path) for path in FILES if path.stem in BANNED] == []


def test_every_module_says_what_it_is_for():
    texts = {name_of(path): path.read_text() for path in FILES}
    assert [name for name, text in texts.items() if text.strip() and ast.get_docstring(ast.parse(text)) is None] == []
