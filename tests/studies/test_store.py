"""The store of a study: what comes out is what went in, whatever order, process or moment it went in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr
from store_cases import BOX, CHUNKS, HEADER, LENGTHS, SHAPE, WHOLE, complete, contents, filled, made

from qet.foundations.errors import BadParameter, ShapeMismatch
from qet.studies.stores.store import Store
from qet.studies.sweeps.chunks import Chunks, Filled

BEGIN = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
from pathlib import Path
from store_cases import *
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def in_another_process(code: str, *arguments: object, check: int = 0) -> None:
    """Run code that sees the cases of this file, and see it end as it should."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == check, done.stderr


def test_dataset_of_a_store_has_the_values_names_and_kinds_that_were_written(tmp_path: Path) -> None:
    data = complete(tmp_path / "a.zarr").dataset()
    assert data.energy.dims == ("T", "site", "k")
    assert data.amplitude.dims == ("T", "site", "k", "mode")
    energy = WHOLE[0, ..., 0].transpose(1, 0, 2)
    assert np.array_equal(data.energy, energy)
    assert np.array_equal(data.amplitude, (WHOLE[1] + 1j * WHOLE[2]).transpose(1, 0, 2, 3))
    assert np.array_equal(data["count"], np.round(10 * energy).astype(int))
    assert np.array_equal(data.is_first, energy > 0)
    assert np.array_equal(data.short, energy.astype("f4"))
    assert [data[name].dtype.kind for name in ("energy", "amplitude", "is_first", "count")] == list("fcbi")
    assert data.energy.attrs == {"long_name": "an energy", "units": "energy"}
    for name, (dims, labels, said) in BOX.coordinates.items():
        assert data[name].dims == dims
        assert np.array_equal(data[name], labels)
        assert data[name].attrs == said
    assert {name: data[name].item() for name in BOX.scalars} == BOX.scalars
    assert data.attrs["title"] == "a test"
    assert "unfinished" not in data.attrs
    assert list(data.data_vars) == ["energy", "amplitude", "is_first", "count", "short"]


def test_dataset_reads_nothing_until_asked(tmp_path: Path) -> None:
    data = complete(tmp_path / "a.zarr").dataset()
    (tmp_path / "a.zarr" / "energy" / "c.0.0.0").unlink()
    assert np.isnan(data.energy[0, 0, 0].item())


def test_a_store_is_read_by_zarr_itself_without_a_warning(tmp_path: Path) -> None:
    complete(tmp_path / "a.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        root = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
        assert {"energy", "T", "journal"} <= {name for name, _ in root.members()}
        assert np.array_equal(root["energy"][...], WHOLE[0, ..., 0].transpose(1, 0, 2))


def test_order_and_repetition_of_the_chunks_leave_no_trace(tmp_path: Path) -> None:
    complete(tmp_path / "a.zarr")
    order = [*np.random.default_rng(1).permutation(len(CHUNKS)), 3, 0]
    complete(tmp_path / "b.zarr", order=order)
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "b.zarr")


def test_every_chunk_is_one_file_a_variable(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr")
    for name in store.variables:
        assert len(list((tmp_path / "a.zarr" / name).glob("c.*"))) == len(CHUNKS) == 18


def test_an_unfinished_store_says_so_and_which_chunks_are_done(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr", order=[4, 0, 11])
    assert sorted(store.done()) == [0, 4, 11]
    assert store.done()[4]["seconds"] == 0.25
    data = store.dataset()
    assert data.attrs["unfinished"] == "15 of 18 chunks are missing"
    assert int(np.isfinite(data.energy).sum()) == sum(
        np.prod([part.stop - part.start for part in CHUNKS.region(i)]) for i in (0, 4, 11)
    )


def test_refused_points_are_marked_and_their_reasons_kept(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr", recording=True, order=range(17, -1, -1))
    data = store.dataset()
    names = data.why.attrs["flag_meanings"].split()
    first = [tuple(part.start for part in CHUNKS.region(i)) for i in range(18)]
    assert [r.place for r in store.refusals()] == first
    assert store.refusals()[3].text == f"at {first[3]}"
    assert store.refusals()[3].error == "NotPositive"
    marked = {(site, T, k) for T, site, k in zip(*np.nonzero(data.why.values), strict=True)}
    assert marked == set(first)
    assert {names[code] for code in data.why.values[data.why.values > 0]} == {"NotPositive"}
    assert np.array_equal(np.isnan(data.energy), data.why != 0)


def test_a_chunk_without_any_answer_is_nan(tmp_path: Path) -> None:
    store = made(tmp_path / "a.zarr", recording=True)
    store.write(Filled(5, {}, {}, {}, filled(5, recording=True).refused, 0.0))
    assert list(store.done()) == [5]
    assert not np.isfinite(store.dataset().amplitude).any()


def test_values_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    store = made(tmp_path / "a.zarr")
    good = filled(1)

    def changed(**values: np.ndarray) -> Filled:
        return Filled(1, {**good.values, **values}, good.dims, good.attributes, (), 0.0)

    with pytest.raises(BadParameter, match="count is float64 in one chunk and int64 in another"):
        store.write(changed(count=good.values["count"] + 0.5))
    with pytest.raises(BadParameter, match="energy is complex128 in one chunk and float64"):
        store.write(changed(energy=good.values["energy"] * 1j))
    with pytest.raises(ShapeMismatch, match="amplitude has axes"):
        store.write(changed(amplitude=good.values["amplitude"][..., :1]))
    with pytest.raises(BadParameter, match="same names everywhere"):
        store.write(changed(other=good.values["energy"]))
    store.write(changed(energy=good.values["count"]))  # whole numbers fit among fractions
    assert store.dataset().energy.dtype == float


def test_a_name_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    for name in ("E/A", "journal", ".hidden", ""):
        first = Filled(0, {name: np.zeros(LENGTHS)}, {name: ()}, {name: {}}, (), 0.0)
        with pytest.raises(BadParameter, match="cannot be stored"):
            Store.create(tmp_path / "a.zarr", header=HEADER, grid=BOX, chunks=CHUNKS, first=first, attributes={})
    assert not list(tmp_path.iterdir())


def test_random_numbers_take_little_more_than_their_eight_bytes(tmp_path: Path) -> None:
    n = 2**16
    values = np.random.default_rng(0).integers(0, 2**64, size=(1, 1, n), dtype="u8").view("f8")  # no bit compresses
    values[~np.isfinite(values)] = 1.0
    first = Filled(0, {"x": values}, {"x": ()}, {"x": {}}, (), 0.0)
    store = Store.create(
        tmp_path / "a.zarr", header=HEADER, grid=BOX, chunks=Chunks((3, 5, n), (1, 1, n)), first=first, attributes={}
    )
    store.write(first)
    assert (tmp_path / "a.zarr" / "x" / "c.0.0.0").stat().st_size < 8.01 * n


def test_a_variable_may_have_an_axis_of_no_length(tmp_path: Path) -> None:
    first = Filled(
        0, {"x": np.zeros((*LENGTHS, 0)), "y": np.zeros(LENGTHS)}, {"x": ("m",), "y": ()}, {"x": {}, "y": {}}, (), 0.0
    )
    store = Store.create(tmp_path / "a.zarr", header=HEADER, grid=BOX, chunks=CHUNKS, first=first, attributes={})
    store.write(first)
    assert list(store.done()) == [0]
    assert store.dataset().x.shape == (5, 3, 7, 0)


# -- killed ----------------------------------------------------------------------------------------

KILLED = """
path, call, moment = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen, known = 0, getattr(os, call)
def counted(*arguments):
    global seen
    seen += 1
    if seen == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return known(*arguments)
setattr(os, call, counted)
complete(path)
"""


@pytest.mark.parametrize(
    ("call", "moment"),
    [("fsync", 3), ("rename", 1), ("replace", 7), ("fsync", 77)],
)
def test_killed_and_run_again_is_bitwise_the_store_that_ran_through(tmp_path: Path, call: str, moment: int) -> None:
    in_another_process(KILLED, tmp_path / "a.zarr", call, moment, check=-signal.SIGKILL)
    store = made(tmp_path / "a.zarr")
    done = store.done()
    assert len(done) < len(CHUNKS)
    for number in range(len(CHUNKS)):
        if number not in done:
            store.write(filled(number))
    complete(tmp_path / "b.zarr")
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "b.zarr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


def test_temporary_files_of_living_processes_are_left_alone(tmp_path: Path) -> None:
    from qet.studies.stores import durable

    store = made(tmp_path / "a.zarr")
    folder = tmp_path / "a.zarr" / "energy"
    mine = durable.temporary(folder / "c.0.0.0")
    others = folder / f"c.0.0.1.tmp-{durable.HOST}-{os.getppid()}-0123456789ab-01234567"
    elsewhere = folder / "c.0.0.1.tmp-elsewhere-1-0123456789ab-01234567"
    dead = folder / f"c.0.0.1.tmp-{durable.HOST}-{2**22 + 1}-0123456789ab-01234567"
    earlier = folder / f"c.0.0.1.tmp-{durable.HOST}-{os.getpid()}-0123456789ab-01234567"
    forgotten = folder / "c.0.0.1.tmp-elsewhere-2-0123456789ab-01234567"
    for path in (mine, others, elsewhere, dead, earlier, forgotten):
        path.write_bytes(b"half")
    os.utime(forgotten, (0, 0))
    store.done()
    assert [path.exists() for path in (mine, others, elsewhere)] == [True] * 3
    assert [path.exists() for path in (dead, earlier, forgotten)] == [False] * 3


def test_two_processes_at_one_store_make_it_together(tmp_path: Path) -> None:
    code = """
import time
path, go = Path(sys.argv[1]), Path(sys.argv[2])
made(path.with_name(f"warm{os.getpid()}"))
(go.with_name(f"ready{os.getpid()}")).touch()
while not go.exists():
    time.sleep(0.001)
complete(path, order=[*range(18)][:: int(sys.argv[3])])
"""
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN + code, str(tmp_path / "a.zarr"), str(tmp_path / "go"), step], env=ENVIRONMENT
        )
        for step in ("1", "-1")
    ]
    while len(list(tmp_path.glob("ready*"))) < 2 and all(process.poll() is None for process in racing):
        pass
    (tmp_path / "go").touch()
    assert [process.wait(120) for process in racing] == [0, 0]
    complete(tmp_path / "b.zarr")
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "b.zarr")
    assert not list(tmp_path.glob("*.tmp-*"))
    assert len(Store.open(tmp_path / "a.zarr").done()) == 18
    assert len(list((tmp_path / "a.zarr" / "journal").glob("*.jsonl"))) == 2


def test_the_loser_of_a_race_opens_the_winners_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qet.studies.stores import store as module

    known = module._seal

    def slow(folder: Path) -> None:
        known(folder)
        if folder.parent == tmp_path:
            monkeypatch.setattr(module, "_seal", known)
            complete(tmp_path / "a.zarr", order=[2])

    monkeypatch.setattr(module, "_seal", slow)
    assert list(made(tmp_path / "a.zarr").done()) == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_nothing_of_the_machine_or_the_clock_is_in_the_attributes(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr")
    assert set(store.dataset().attrs) == {"title", "qet_study", "qet_study_sha"}
    assert json.loads(store.attributes["qet_study"])["point"]["name"] == "energies"
    assert SHAPE == store.chunks.shape
    assert LENGTHS == store.chunks.lengths
