"""Where keys stand in a TOML text: every path that `tomllib` reads has its place, whatever way it was written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qet.interfaces.toml_lines import lines_of, syntax_fault

TEXT = '''# a comment [with] brackets = 1
title = "a [table] = \\" in a string # no comment"
"quoted key" = """
[not.a.table]
key = "no key\\""""
a.b."c d" = { x = 1, y = [1, { z = 'x = "' }], "w w" = "}" }
[section]   # comment
  list = [ # comment ]
    1, 2,
    [3, "4, ]"],
  ]
date = 1979-05-27T07:32:00Z
[section.inner]
v = +1e3
[[bath]]
T = 1
[bath.extra]
q = \'\'\'
[[bath]]
T = 5\'\'\'
[[bath]]
T = "T, ]"   # an expression
[[bath.deep]]
e = true
'''


def paths_of(data, at=()):
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*at, key)
        if isinstance(value, (dict, list)):
            yield from paths_of(value, (*at, key))


def test_every_path_has_its_place():
    places = lines_of(TEXT).places
    assert set(paths_of(tomllib.loads(TEXT))) == set(places)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("title",), (2, 1)),
        (("quoted key",), (3, 1)),
        (("a",), (6, 1)),
        (("a", "b", "c d", "x"), (6, 15)),
        (("a", "b", "c d", "y", 1, "z"), (6, 32)),
        (("a", "b", "c d", "w w"), (6, 48)),
        (("section",), (7, 1)),
        (("section", "list"), (8, 3)),
        (("section", "list", 2, 1), (10, 9)),
        (("section", "inner", "v"), (14, 1)),
        (("bath", 0, "T"), (16, 1)),
        (("bath", 0, "extra", "q"), (18, 1)),
        (("bath", 1), (21, 1)),
        (("bath", 1, "T"), (22, 1)),
        (("bath", 1, "deep", 0, "e"), (24, 1)),
    ],
)
def test_a_key_stands_where_it_is_written(path, place):
    assert lines_of(TEXT).of(path) == place


def test_what_is_not_there_is_told_at_the_nearest_table_around_it():
    lines = lines_of(TEXT)
    assert lines.of(("bath", 1, "rate")) == (21, 1)
    assert lines.of(("state", "T")) == (1, 1)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=6),
        st.lists(st.integers(), max_size=3),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_random_keys_stand_on_their_lines(data, end):
    lines, expected = [], {}
    for key, values in data.items():
        spelled = key.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f"# {key}")
        expected[(key,)] = (len(lines) + 1, 1)
        lines.append(f'"{spelled}" = {values}')
    text = end.join(lines) + end
    assert tomllib.loads(text) == data
    found = lines_of(text).places
    assert {path: found[path] for path in expected} == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb 2\n", 2), ("a = [1,\n", 2), ("a = 1\na = 2\n", 2), ('a = "x\n', 1), ("", 1), ("[t]\nk = 1\n[t]\n", 3)],
)
def test_a_fault_of_syntax_has_its_line(text, line):
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        (found, _), message = syntax_fault(text, error)
        assert abs(found - line) <= 1
        assert "at line" not in message
