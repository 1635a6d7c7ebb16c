"""What makes one study another: its header, the header's hash, and the difference between two of them in words.

The header has everything that decides the numbers and nothing else: function, axes, how errors are taken, how the box
is cut. Versions, machine and time are not in it. Long lists are kept as their length, ends and hash, so that a store
with a million values along an axis says what it is in a few lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from qet.foundations.values import digest, nameless, plain

WRITTEN_OUT = 64  # items up to which a list is kept as it is
NAMED = 3  # differences that a message names
HASHES = ("source", "sha")  # entries whose values tell nobody anything


def condensed(data: Any) -> Any:
    """A header as plain data, every long list of scalars as its length, ends and hash."""
    return _condensed(plain(data))


def _condensed(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _condensed(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        items = list(data)
        if len(items) > WRITTEN_OUT:
            ends = {"first": _condensed(items[0]), "last": _condensed(items[-1])}
            return {"count": len(items), **ends, "sha": digest(json.loads(json.dumps(items, default=nameless)))}
        return [_condensed(item) for item in items]
    return data if isinstance(data, (str, int, float, bool, type(None))) else nameless(data)


def identity_of(header: Mapping[str, Any]) -> str:
    """The hash of a condensed header; the order of its axes counts, since it is that of the dimensions."""
    return digest([header, list(header.get("axes") or ())])


def identity_of_text(header: str) -> str:
    """The same of a header as JSON; a text of its own where it is none."""
    try:
        return identity_of(json.loads(header))
    except (ValueError, TypeError, AttributeError):
        return "no header"


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What differs between two condensed headers, one clause each; nothing for one study."""
    found = [clause for key in dict.fromkeys([*here, *there]) for clause in _between(key, here, there)]
    ours, theirs = list(here.get("axes") or ()), list(there.get("axes") or ())
    if ours != theirs and sorted(ours) == sorted(theirs):
        found.append(f"axes in the order {', '.join(ours)} here, {', '.join(theirs)} there")
    return found


def difference_text(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """The first differences, and how many more there are."""
    found = differences(here, there)
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(found[:NAMED]) + more


def _between(name: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    if name not in here:
        yield f"{name} only there"
    elif name not in there:
        yield f"{name} only here"
    elif here[name] != there[name] and json.dumps(here[name]) != json.dumps(there[name]):  # nan is nan
        ours, theirs = here[name], there[name]
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping) and not _is_list(ours) and not _is_list(theirs):
            for key in dict.fromkeys([*ours, *theirs]):
                for clause in _between(key, ours, theirs):
                    yield f"{name} {clause}"
        else:
            yield f"{name} changed" if name in HASHES else f"{name}{_values(ours, theirs)}"


def _values(ours: Any, theirs: Any) -> str:
    count, other = _count(ours), _count(theirs)
    if count is not None and other is not None and count != other:
        return f": {count} values here, {other} there"
    if count is not None and other is not None and count > 4:
        mine, its = _span(ours), _span(theirs)
        return f": {mine} here, {its} there" if mine != its else ": other values between the same ends"
    return f": {_short(ours)} here, {_short(theirs)} there"


def _is_list(data: Mapping[str, Any]) -> bool:
    return data.keys() == {"count", "first", "last", "sha"}


def _count(data: Any) -> int | None:
    if isinstance(data, list):
        return len(data)
    return int(data["count"]) if isinstance(data, Mapping) and _is_list(data) else None


def _span(data: Any) -> str:
    ends = (data[0], data[-1]) if isinstance(data, list) else (data["first"], data["last"])
    return f"{_short(ends[0])} .. {_short(ends[1])}"


def _short(data: Any) -> str:
    text = json.dumps(data)
    return text if len(text) <= 60 else f"{text[:57]}..."
