"""Papers and questions, put to the test: one module each, each with an `ENTRY`, imported when asked for."""

from __future__ import annotations

from importlib import import_module

from qet.foundations.errors import unknown

from .entry import Entry

ENTRIES = {
    "yan2025": "qet.studies.literature.yan2025",
    "bell": "qet.studies.literature.bell",
    "chains": "qet.studies.literature.chains",
}


def literature(name: str) -> Entry:
    """A literature entry by name.

    Raises:
        UnknownName: with the nearest known name.
    """
    if name not in ENTRIES:
        raise unknown("literature entry", name, ENTRIES)
    entry: Entry = import_module(ENTRIES[name]).ENTRY
    return entry
