"""A sweep into a store is the same to the bit however often it was killed, and by whom and in how many parts made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

import qet
from qet.foundations.errors import BadParameter, BadParties, NotAStore, NotWritten, OtherStudy
from qet.studies.sweeps.stored import numbers_of

G, T = np.array([0.5, 1.0, 1.7, 2.0, 2.2]), np.array([0.1, 0.4, 0.9])


def chain(n, g, T):
    return qet.teleport(qet.gibbs(qet.ising(n, g=g), T=T))


AXES = {"g": G, "n": [2, 3], "T": T}


def content(store):
    """Every file of a store but the journal's lines, by name."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.suffix != ".jsonl"
    }


def chunks_done(store):
    lines = [line for path in store.glob("journal/*.jsonl") for line in path.read_text().splitlines()]
    return sorted(json.loads(line)["chunk"] for line in lines)


def test_what_is_stored_is_what_memory_holds(tmp_path):
    for errors in ("raise", "record"):
        memory = qet.sweep(chain, **AXES, chunks=4, errors=errors)
        stored = qet.sweep(chain, **AXES, chunks=4, errors=errors, out=tmp_path / f"{errors}.zarr")
        names = set(memory.data_vars) - {"why"}
        assert names <= set(stored.data_vars)
        for name in names:
            xr.testing.assert_identical(stored[name].load(), memory[name])
        assert stored.attrs.items() >= memory.attrs.items()
        assert dict(stored.sizes) == dict(memory.sizes)
        assert "unfinished" not in stored.attrs


@pytest.mark.slow
def test_engines_and_parts_make_the_same_store_to_the_bit(tmp_path):
    qet.sweep(chain, **AXES, chunks=4, out=tmp_path / "one.zarr")
    qet.sweep(chain, **AXES, chunks=4, out=tmp_path / "two.zarr", engine="processes", workers=2)
    whole = content(tmp_path / "one.zarr")
    assert content(tmp_path / "two.zarr") == whole
    total = len(chunks_done(tmp_path / "one.zarr"))
    memory = qet.sweep(chain, **AXES, chunks=4)
    for part, engine in (("2/3", "serial"), ("3/3", "processes"), ("1/3", "serial")):
        data = qet.sweep(chain, **AXES, chunks=4, out=tmp_path / "parts.zarr", shard=part, engine=engine)
        missing = total - len(set(chunks_done(tmp_path / "parts.zarr")))
        assert missing == 0 if part == "1/3" else missing > 0
        assert ("unfinished" in data.attrs) == (missing > 0)
        is_there = ~np.isnan(data.extracted)
        np.testing.assert_array_equal(data.extracted.values[is_there], memory.extracted.values[is_there])
        assert bool(is_there.all()) == (missing == 0)
    assert content(tmp_path / "parts.zarr") == whole


def test_the_same_call_again_goes_on_and_a_finished_one_computes_nothing(tmp_path):
    def point(g, T):
        point.calls += 1
        if point.calls == point.fails_at:
            raise KeyError("the machine")
        return g * T

    point.calls, point.fails_at = 0, 4
    with pytest.raises(KeyError) as caught:
        qet.sweep(point, g=G, T=T, chunks=3, out=tmp_path / "x.zarr")
    assert caught.value.__notes__ == [
        "in sweep at g = 2.0, T = 0.1 .. 0.9 (index (3, :))",
        f"3 of 5 chunks of this sweep are finished and kept in {tmp_path / 'x.zarr'}; the same call goes on from there",
    ]
    assert chunks_done(tmp_path / "x.zarr") == [0, 1, 2]
    point.calls, point.fails_at = 0, None
    data = qet.sweep(point, g=G, T=T, chunks=3, out=str(tmp_path / "x.zarr"))
    np.testing.assert_array_equal(data.point, G[:, None] * T)
    assert point.calls == 2
    qet.sweep(point, g=G, T=T, chunks=3, out=tmp_path / "x.zarr", engine="processes")
    assert point.calls == 2


def test_a_damaged_chunk_is_computed_again(tmp_path):
    qet.sweep(chain, **AXES, chunks=4, out=tmp_path / "x.zarr")
    whole = content(tmp_path / "x.zarr")
    torn = sorted(tmp_path.glob("x.zarr/extracted/c*"))[2]
    torn.write_bytes(torn.read_bytes()[:-3])
    sorted(tmp_path.glob("x.zarr/injected/c*"))[0].unlink()
    qet.sweep(chain, **AXES, chunks=4, out=tmp_path / "x.zarr")
    assert content(tmp_path / "x.zarr") == whole


def made(k):
    return lambda g, T: k * g * T


def test_another_study_is_refused_by_what_differs(tmp_path):
    def ask(k=2.0, **change):
        return qet.sweep(made(k), **{"g": G, "T": T, "out": tmp_path / "x.zarr"} | change)

    ask()
    for change, words in [
        ({"g": G[:-1]}, "axes g: 4 values here, 5 there"),
        ({"k": 3.0}, "uses k: 3.0 here, 2.0 there"),
        ({"errors": "record"}, '"record" here, "raise" there'),
        ({"chunks": 3}, "chunks g"),
        ({"loop": "T"}, "loop"),
        ({"T": 0.3}, "axes T"),
    ]:
        with pytest.raises(OtherStudy, match=words):
            ask(**change)
    with pytest.raises(OtherStudy, match="point source changed"):
        qet.sweep(lambda g, T: 2.0 * g * T + 0.0, g=G, T=T, out=tmp_path / "x.zarr")
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(NotAStore, match="is a file"):
        ask(out=tmp_path / "note.txt")
    with pytest.raises(NotAStore, match="folder but no store"):
        ask(out=tmp_path)
    with pytest.raises(NotWritten, match="its folder does not exist"):
        ask(out=tmp_path / "nowhere" / "x.zarr")


def test_refusals_are_counted_in_the_store_and_chunks_without_any_answer_are_kept(tmp_path):
    def refuses(g, B):
        return qet.teleport(qet.ground(qet.ising(4, g=g, B=B)))

    axes = {"g": np.array([1.0, 0.0, 0.5]), "B": [0, 2, 3], "errors": "record"}
    memory = qet.sweep(refuses, **axes)
    for engine in ("serial", "processes"):
        stored = qet.sweep(refuses, **axes, out=tmp_path / f"{engine}.zarr", engine=engine)
        np.testing.assert_array_equal(np.isnan(stored.extracted), np.isnan(memory.extracted))
        meanings = stored.why.attrs["flag_meanings"].split()
        named = [meanings[code] for code in stored.why.values.ravel()]
        expected = [text.split(":")[0] or "answered" for text in memory.why.values.ravel()]
        assert named == expected
        assert chunks_done(tmp_path / f"{engine}.zarr") == [0, 1, 2]
    with pytest.raises(BadParties, match="A and B|overlap|B"):
        qet.sweep(refuses, g=G, B=[0], errors="record", out=tmp_path / "none.zarr")
    assert not (tmp_path / "none.zarr").exists()


def test_samples_and_names_are_stored_with_their_coordinates(tmp_path):
    points, pairs = qet.sampled(16, h=(0.5, 1.5), k=("log", 0.1, 1.0)), qet.zipped("case", name=["a", "bc"], n=[1, 2])
    memory = qet.sweep(lambda h, k, name, n: n * h + k + len(name), points, pairs)
    stored = qet.sweep(lambda h, k, name, n: n * h + k + len(name), points, pairs, out=tmp_path / "x.zarr")
    assert stored["value"].dims == ("sample", "case")
    np.testing.assert_allclose(stored["value"], memory["value"], rtol=1e-15)
    for name in ("h", "k", "name", "n"):
        np.testing.assert_array_equal(stored[name], memory[name])


def test_labels_that_no_file_has_a_form_for_are_text(tmp_path):
    axes = {"n": [1, 2**70], "of": [1, "a", None], "f": [np.sin, made(2.0)], "on": 2**70}
    memory = qet.sweep(lambda n, of, f, on: 1.0, **axes)
    stored = qet.sweep(lambda n, of, f, on: 1.0, **axes, out=tmp_path / "x.zarr")
    assert memory.n.values.tolist() == ["1", "1180591620717411303424"]
    assert memory.of.values.tolist() == ["1", "a", "None"]
    assert memory.f.values.tolist() == ["<ufunc 'sin'>", "<function made.<locals>.<lambda>>"]
    assert " at 0x" not in str(stored.attrs)
    assert stored.drop_vars(()).equals(memory)
    assert qet.load(qet.save(memory, tmp_path / "x.nc")).equals(memory)
    assert qet.load(qet.pack(tmp_path / "x.zarr", tmp_path / "y.nc")).equals(memory)
    with pytest.raises(OtherStudy, match="k: 3.0 here, 2.0 there|axes f"):
        qet.sweep(lambda n, of, f, on: 1.0, **(axes | {"f": [np.sin, made(3.0)]}), out=tmp_path / "x.zarr")


def test_fixed_parameters_of_any_number_are_kept_and_name_nothing_else(tmp_path):
    fixed = {"a": np.int64(2), "b": np.array(3.0), "c": 1j, "d": np.bool_(True), "e": "text"}
    for place in (None, tmp_path / "x.zarr"):
        data = qet.sweep(lambda T, **fixed: T, T=T, **fixed, out=place)
        assert {name: data[name].item() for name in fixed} == fixed
    for place in (None, tmp_path / "y.zarr"):
        with pytest.raises(BadParameter, match="'a' names two things"):
            qet.sweep(lambda T, a: {"a": T}, T=T, a=2.0, out=place)


def test_attributes_that_would_change_how_numbers_are_read_are_refused():
    with pytest.raises(BadParameter, match="_FillValue"):
        qet.sweep(lambda T: {"x": ((), T, {"units": "m", "_FillValue": 3.0})}, T=T)
    with pytest.raises(BadParameter, match="mapping"):
        qet.sweep(lambda T: {"x": ((), T, 3.0)}, T=T)


def test_masked_points_are_nan():
    data = qet.sweep(lambda T: {"x": np.ma.masked_greater(T, T[0])}, T=T)
    assert np.isnan(data.x.values).tolist() == [False] + [True] * (len(T) - 1)


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_store_stays_where_it_was_asked_for_though_the_function_goes_elsewhere(tmp_path, monkeypatch, engine):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    elsewhere = str(tmp_path / "there")

    def wandering(g, T):
        os.chdir(elsewhere)
        return g * T

    data = qet.sweep(wandering, g=G, T=T, chunks=4, out="x.zarr", engine=engine, workers=1)
    os.chdir(elsewhere)
    np.testing.assert_array_equal(data["wandering"], G[:, None] * T)
    assert os.listdir(elsewhere) == []
    assert os.listdir(tmp_path / "here") == ["x.zarr"]


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", 3, "-1/2"])
def test_parts_that_make_no_sense_are_refused(shard, tmp_path):
    with pytest.raises(BadParameter, match=r'shard is "k/n"'):
        qet.sweep(chain, **AXES, out=tmp_path / "x.zarr", shard=shard)
    assert not list(tmp_path.iterdir())


def test_parts_are_disjoint_and_together_everything():
    for n in (1, 3, 7):
        parts = [set(numbers_of(f"{k}/{n}", 20)) for k in range(1, n + 1)]
        assert sorted(number for part in parts for number in part) == list(range(20))
    assert list(numbers_of("3/8", 20)) == [2, 10, 18]


# -- killed ------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
import numpy as np
import qet

pause = 0.05

def point(n, h, k):
    time.sleep(pause)
    return qet.teleport(qet.gibbs(qet.minimal(h=h, k=k), T=0.1 * n))

qet.sweep(point, n=range(1, 7), h=np.linspace(0.5, 1.5, 40), k=np.linspace(0.1, 1.0, 30), errors="record",
          out=sys.argv[1], chunks=400, engine=sys.argv[2], workers=2)
"""
TOTAL = 24  # chunks


def begin(script, out, engine):
    return subprocess.Popen([sys.executable, script, out, engine], stderr=subprocess.PIPE, start_new_session=True)


def run(script, out, engine):
    subprocess.run([sys.executable, script, out, engine], check=True)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(is_so, seconds=60.0):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.002)


def kill_at(script, out, engine, reached):
    """Run the script and kill it, and nothing else, as soon as a condition holds; the processes it leaves end."""
    process = begin(script, out, engine)
    wait_until(lambda: reached() or process.poll() is not None)
    process.kill()
    process.communicate()
    if os.path.isdir("/proc"):
        workers = [int(path.stem.rsplit("-", 1)[1]) for path in out.glob("journal/*.jsonl")]
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") and is_alive(pid) for pid in workers))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_sweep_killed_at_several_moments_is_the_same_to_the_bit(engine, tmp_path):
    script = tmp_path / "study.py"
    script.write_text(SCRIPT)
    run(script, tmp_path / "whole.zarr", engine)
    out = tmp_path / "killed.zarr"
    kill_at(script, out, engine, lambda: any(tmp_path.glob("killed.zarr.tmp-*")))
    for count in (1, 4, 9):
        kill_at(script, out, engine, lambda count=count: len(chunks_done_torn(out)) >= count)
        assert len(chunks_done_torn(out)) < TOTAL
    run(script, out, engine)
    assert content(out) == content(tmp_path / "whole.zarr")
    assert set(chunks_done(out)) == set(range(TOTAL))
    assert [path.name for path in tmp_path.iterdir() if ".tmp-" in path.name] == []


def chunks_done_torn(store):
    """Finished chunks of a store whose last lines may be cut off."""
    texts = [path.read_bytes().rpartition(b"\n")[0] for path in store.glob("journal/*.jsonl")]
    return [line for text in texts for line in text.split(b"\n") if line]


@pytest.mark.slow
def test_an_interrupted_sweep_ends_its_processes_and_says_what_is_kept(tmp_path):
    script, out = tmp_path / "study.py", tmp_path / "map.zarr"
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also in the background
    script.write_text(listening + SCRIPT.replace("pause = 0.05", "pause = 0.3"))
    process = begin(script, out, "processes")
    wait_until(lambda: len(chunks_done_torn(out)) >= 3 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, told = process.communicate()
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in told
    assert b"of 24 chunks of this sweep are finished and kept in" in told
    assert 3 <= len(chunks_done(out)) < TOTAL
