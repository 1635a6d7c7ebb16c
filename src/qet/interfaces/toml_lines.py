"""Where each key of a TOML text stands: `tomllib` reads the values and forgets the lines.

The scan follows the grammar of TOML 1.0 as far as positions need it: tables, arrays of tables, dotted and quoted keys,
inline tables, arrays, and every kind of string, skipped over. The text is one that `tomllib` has read without error.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

Path = tuple[str | int, ...]
Place = tuple[int, int]  # line and column, from 1

BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SPACE = re.compile(r"[ \t]*")
KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
SCALAR = re.compile(r"[^,\]}#\n]*")
WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass
class Lines:
    """The places of a TOML text.

    Attributes:
        text: The text.
        places: Path -> where its key (or the item of an array) stands.
        counts: Path of an array of tables -> how many tables it has had so far.
        at: Where the scan is.
    """

    text: str
    places: dict[Path, Place] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)
    at: int = 0

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins."""
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def of(self, path: Path) -> Place:
        """Where a path stands; of one that is not there the nearest table around it, or the first line."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return (1, 1)

    def source(self, line: int) -> str:
        """A line of the text."""
        lines = self.text.splitlines()
        return lines[line - 1].rstrip() if line <= len(lines) else ""

    def scan(self) -> Lines:
        """Find every place."""
        table: Path = ()
        self._skip(BLANK)
        while self.at < len(self.text):
            if self._take("[["):
                table = self._header(is_array=True)
            elif self._take("["):
                table = self._header(is_array=False)
            else:
                self._pair(table)
            self._skip(BLANK)
        return self

    def _header(self, *, is_array: bool) -> Path:
        start = self.at - (2 if is_array else 1)
        keys = [key for key, _ in self._keys()]
        self._take("]]" if is_array else "]")
        path: Path = ()
        for i, key in enumerate(keys):
            path = (*path, key)
            self._mark(path, start)
            if is_array and i == len(keys) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
                self._mark(path, start)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key, start in self._keys():
            path = (*path, key)
            self._mark(path, start)
        self._skip(SPACE)
        self._take("=")
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        """Dotted keys with where each begins."""
        found: list[tuple[str, int]] = []
        while True:
            self._skip(SPACE)
            match = KEY.match(self.text, self.at)
            if match is None:
                self.at = len(self.text)  # no TOML; what is known so far will do
                return found
            found.append((_unquoted(match[0]), self.at))
            self.at = match.end()
            self._skip(SPACE)
            if not self._take("."):
                return found

    def _value(self, path: Path) -> None:
        self._skip(SPACE)
        if self._take("["):
            self._items(path, "]")
        elif self._take("{"):
            self._items(path, "}")
        else:
            match = STRING.match(self.text, self.at) or SCALAR.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)

    def _items(self, path: Path, close: str) -> None:
        """The items of an array or the pairs of an inline table, up to its end."""
        number = 0
        self._skip(BLANK)
        while self.at < len(self.text) and not self._take(close):
            if close == "]":
                self._mark((*path, number), self.at)
                self._value((*path, number))
                number += 1
            else:
                self._pair(path)
            self._skip(BLANK)
            self._take(",")
            self._skip(BLANK)

    def _mark(self, path: Path, at: int) -> None:
        line = bisect_right(self.starts, at)
        self.places.setdefault(path, (line, at - self.starts[line - 1] + 1))

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _take(self, sign: str) -> bool:
        is_there = self.text.startswith(sign, self.at)
        self.at += len(sign) if is_there else 0
        return is_there


def lines_of(text: str) -> Lines:
    """The places of a TOML text that can be read."""
    return Lines(text).scan()


def syntax_fault(text: str, error: tomllib.TOMLDecodeError) -> tuple[Place, str]:
    """Where a text is no TOML, and why."""
    message = str(error)
    match = WHERE.search(message)
    if match is None or match[1] is None:
        lines = text.splitlines() or [""]
        return (len(lines), len(lines[-1]) + 1), WHERE.sub("", message)
    return (int(match[1]), int(match[2])), WHERE.sub("", message)


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return str(next(iter(tomllib.loads(f"{key} = 0"))))
