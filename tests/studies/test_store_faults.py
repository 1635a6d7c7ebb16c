"""What goes wrong with a store on disk: said clearly, and finished work is kept."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_cases import CHUNKS, HEADER, complete, contents, filled, made

from qet.foundations.errors import NotAStore, NotWritten, OtherStudy
from qet.studies.stores import durable
from qet.studies.stores.store import Store


def finish(path: Path) -> Store:
    store = made(path)
    done = store.done()
    for number in range(len(CHUNKS)):
        if number not in done:
            store.write(filled(number))
    return store


@pytest.mark.parametrize("fault", ["gone", "cut", "empty", "longer", "flipped"])
def test_a_damaged_chunk_is_found_named_and_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    store = complete(tmp_path / "a.zarr")
    whole = contents(tmp_path / "a.zarr")
    file = tmp_path / "a.zarr" / "energy" / "c.1.2.1"
    content = file.read_bytes()
    if fault == "gone":
        file.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        file.write_bytes({"cut": content[:-3], "empty": b"", "longer": content + b"0", "flipped": flipped}[fault])
    with caplog.at_level(logging.WARNING, "qet.store"):
        done = store.done()
    missing = set(range(18)) - done.keys()
    assert len(missing) == 1
    region = CHUNKS.region(missing.pop())
    assert [part.start for part in region] == [2, 2, 4]
    assert "c.1.2.1 of energy" in caplog.text
    assert "computed again" in caplog.text
    assert (fault == "flipped") == (len(store.done(thorough=False)) == 18)
    if fault == "flipped":
        with pytest.raises(ValueError, match="checksum"):
            store.dataset().load()
    finish(tmp_path / "a.zarr")
    assert contents(tmp_path / "a.zarr") == whole
    assert len(store.done()) == 18


def test_a_truncated_line_of_the_journal_costs_its_chunk_alone(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr", order=range(6))
    (file,) = (tmp_path / "a.zarr" / "journal").glob("*.jsonl")
    content = file.read_bytes()
    for cut in range(1, 200, 23):
        file.write_bytes(content[:-cut])
        assert sorted(store.done()) == [0, 1, 2, 3, 4]
    store.write(filled(7))  # behind the torn line
    assert sorted(store.done()) == [0, 1, 2, 3, 4, 7]


@pytest.mark.parametrize(
    "line", [b"not json", b"\x00\x00\x00", b"\xff\xfe", b"[1, 2]", b'{"chunk": "one"}', b"{}", b"[" * 99999]
)
def test_a_line_that_is_none_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    store = complete(tmp_path / "a.zarr", order=range(3))
    (file,) = (tmp_path / "a.zarr" / "journal").glob("*.jsonl")
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([lines[0], line, *lines[1:]]) + b"\n")
    with caplog.at_level(logging.WARNING, "qet.store"):
        assert sorted(store.done()) == [0, 1, 2]
    assert "jsonl:2" in caplog.text


@pytest.mark.parametrize("line", [{"chunk": 99, "files": {}}, {"chunk": -1, "files": {}}, {"chunk": 4, "files": {}}])
def test_a_line_that_promises_what_is_not_there_is_not_believed(tmp_path: Path, line: dict[str, Any]) -> None:
    store = complete(tmp_path / "a.zarr", order=range(3))
    (tmp_path / "a.zarr" / "journal" / "other.jsonl").write_text(json.dumps(line) + "\n")
    assert sorted(store.done()) == [0, 1, 2]


def test_a_chunk_that_two_lines_speak_of_is_done_if_one_of_them_is_right(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr", order=[0])
    (file,) = (tmp_path / "a.zarr" / "journal").glob("*.jsonl")
    stale = json.loads(file.read_text())
    stale["files"]["energy"][1] = "00000000"
    for name in ("a.jsonl", "zzz.jsonl"):
        (tmp_path / "a.zarr" / "journal" / name).write_text(json.dumps(stale) + "\n")
    assert list(store.done()) == [0]


# -- the disk --------------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, call: str, moment: int, number: int) -> None:
    """Let the system refuse one call of a kind."""
    known, seen = getattr(os, call), []

    def counted(*arguments: Any, **options: Any) -> Any:
        seen.append(0)
        if len(seen) == moment:
            raise OSError(number, os.strerror(number))
        return known(*arguments, **options)

    monkeypatch.setattr(os, call, counted)


@pytest.mark.parametrize("moment", [1, 5, 6, 7, 14])
def test_a_full_disk_at_any_moment_loses_only_the_chunk_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    complete(tmp_path / "b.zarr")
    store = complete(tmp_path / "a.zarr", order=range(5))
    before = contents(tmp_path / "a.zarr")
    with monkeypatch.context() as patch:
        failing(patch, "fsync", moment, errno.ENOSPC)
        last = 5 + (moment - 1) // 6  # five variables and the journal
        for number in range(5, last):
            store.write(filled(number))
        with pytest.raises(
            NotWritten, match=rf"chunk {last} of .*a.zarr was not written: the disk is full.*same command"
        ):
            store.write(filled(last))
    assert sorted(store.done()) == list(range(last))
    assert not list(tmp_path.rglob("*.tmp-*"))
    assert before.items() <= contents(tmp_path / "a.zarr").items()
    finish(tmp_path / "a.zarr")
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "b.zarr")


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_while_the_store_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, call, 1, errno.ENOSPC)
        with pytest.raises(NotWritten, match="was not made: the disk is full"):
            made(tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EROFS, "read-only"), (errno.EACCES, "may not be written"), (errno.EIO, os.strerror(errno.EIO))],
)
def test_a_folder_that_cannot_be_written_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    store = complete(tmp_path / "a.zarr", order=[0])
    failing(monkeypatch, "replace", 1, number)
    with pytest.raises(NotWritten, match=words):
        store.write(filled(1))
    assert list(store.done()) == [0]


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="its folder does not exist"):
        made(tmp_path / "nowhere" / "a.zarr")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotAStore, match="is a file"):
        made(tmp_path / "file")
    with pytest.raises(NotWritten, match="its folder is a file"):
        made(tmp_path / "file" / "a.zarr")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("x")
    with pytest.raises(NotAStore, match="a folder but no store"):
        made(tmp_path / "folder")
    assert (tmp_path / "folder" / "thesis.tex").exists()
    with pytest.raises(NotAStore, match="there is no store"):
        Store.open(tmp_path / "none.zarr")
    (tmp_path / "empty").mkdir()
    assert made(tmp_path / "empty").done() == {}


# -- other studies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"axes": {**HEADER["axes"], "k": list(range(501))}}, "axes k: 501 values here, 7 there"),
        (
            {"axes": {**HEADER["axes"], "T": list(np.linspace(0.1, 0.6, 5))}},
            r"axes T: 0.1 .. 0.6 here, 0.1 .. 0.5 there",
        ),
        ({"axes": {**HEADER["axes"], "T": [0.1, 0.2, 0.3, 0.45, 0.5]}}, "axes T: other values between the same ends"),
        ({"axes": {**HEADER["axes"], "site": ["left", "right"]}}, "axes site: 2 values here, 3 there"),
        ({"axes": {"T": HEADER["axes"]["T"], "k": list(range(7))}}, "axes site only there"),
        ({"axes": {**HEADER["axes"], "g": 1.0}}, "axes g only here"),
        (
            {"axes": {name: HEADER["axes"][name] for name in ("k", "site", "T")}},
            "axes in the order k, site, T here, T, site, k there",
        ),
        ({"point": {"name": "energies", "source": "f123456789abcdef"}}, "point source changed"),
        ({"point": {"name": "other", "source": "0123456789abcdef"}}, 'point name: "other" here, "energies" there'),
        ({"errors": "record"}, 'errors: "record" here, "raise" there'),
    ],
)
def test_another_study_is_refused_by_what_differs(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    store = complete(tmp_path / "a.zarr", order=[0, 1])
    with pytest.raises(OtherStudy, match=words):
        store.refuse_other({**HEADER, **changed})
    with pytest.raises(OtherStudy, match=words):
        made(tmp_path / "a.zarr", **changed) if "errors" not in changed else made(tmp_path / "a.zarr", recording=True)
    store.refuse_other(HEADER)
    assert len(store.done()) == 2


def test_long_axes_are_compared_though_they_are_not_written_out(tmp_path: Path) -> None:
    axis = np.linspace(0.0, 1.0, 100_001)
    store = made(tmp_path / "a.zarr", axes={"k": axis})
    assert len(store.attributes["qet_study"]) < 500
    store.refuse_other({**HEADER, "axes": {"k": axis.tolist()}})
    other = axis.copy()
    other[777] = np.nextafter(other[777], 1)
    with pytest.raises(OtherStudy, match="axes k: other values between the same ends"):
        store.refuse_other({**HEADER, "axes": {"k": other}})
    with pytest.raises(OtherStudy, match="axes k: 100000 values here, 100001 there"):
        store.refuse_other({**HEADER, "axes": {"k": axis[1:]}})


# -- damaged or newer stores -----------------------------------------------------------------------


def rewritten(path: Path, **changed: Any) -> None:
    file = path / "zarr.json"
    data = json.loads(file.read_text())
    own = {**json.loads(data["attributes"]["qet_store"]), **changed}
    data["attributes"]["qet_store"] = json.dumps(own)
    file.write_text(json.dumps(data))


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    complete(tmp_path / "a.zarr", order=[0])
    rewritten(tmp_path / "a.zarr", format=2)
    with pytest.raises(NotAStore, match="written by a newer qet.*Update"):
        Store.open(tmp_path / "a.zarr")


def test_a_store_whose_axes_or_description_changed_is_refused(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr", order=[0])
    for name in ("T/c.0", "energy/zarr.json", "zarr.json"):
        file = tmp_path / "a.zarr" / name
        known = file.read_bytes()
        file.write_bytes(known[:-2] + b"x" + known[-1:])
        for reading in (store.done, store.dataset):
            with pytest.raises(NotAStore, match="damaged"):
                reading()
        file.write_bytes(known)
    (tmp_path / "a.zarr" / "journal" / "template.json").unlink()
    with pytest.raises(NotAStore, match="template.json cannot be read"):
        store.done()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"attributes": {}}', b'{"attributes": {"qet_store": "7"}}'])
def test_a_folder_of_another_program_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_bytes(content)
    with pytest.raises(NotAStore):
        Store.open(tmp_path / "a.zarr")


def test_a_store_with_a_variable_missing_is_damaged(tmp_path: Path) -> None:
    complete(tmp_path / "a.zarr", order=[0])
    (tmp_path / "a.zarr" / "energy" / "zarr.json").unlink()
    with pytest.raises(NotAStore, match="damaged"):
        Store.open(tmp_path / "a.zarr")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process is read from /proc")
def test_a_process_that_ended_and_was_not_asked_how_is_gone():
    """Where nobody buries orphans, as in a container, their numbers stay taken."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    end = time.monotonic() + 60.0
    while b") Z " not in Path(f"/proc/{process.pid}/stat").read_bytes():
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, 0)  # its number is still taken
    assert not durable._is_alive(process.pid)
    process.wait()
