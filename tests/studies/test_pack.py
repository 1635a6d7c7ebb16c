"""A store as one file: the same numbers, the same bytes whoever wrote it, and nothing unfinished unless asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from inspect import signature
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from store_cases import CHUNKS, HEADER, Dim, Points, complete, filled, made

import qet
from qet.foundations.errors import NotAStore, NotReadable, NotWritten
from qet.studies.stores.store import Store
from qet.studies.sweeps.chunks import Chunks, Filled


@pytest.mark.parametrize("recording", [False, True])
def test_the_file_has_what_the_store_has(tmp_path: Path, recording: bool) -> None:
    store = complete(tmp_path / "a.zarr", recording=recording)
    file = qet.pack(store.path, tmp_path / "a.nc")
    assert file == tmp_path / "a.nc"
    packed, stored = qet.load(file).load(), store.dataset().load()
    told = packed.attrs.pop("refusals", None)
    xr.testing.assert_identical(packed, stored)
    assert [packed[name].dtype for name in packed.data_vars] == [stored[name].dtype for name in stored.data_vars]
    if recording:
        assert json.loads(told)[0] == [[0, 0, 0], "NotPositive", "at (0, 0, 0)"]
    with xr.open_dataset(file, engine="h5netcdf") as plainly:
        xr.testing.assert_equal(plainly, stored)


def test_a_store_loads_as_its_dataset_and_says_when_it_is_not_finished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unfinished = complete(tmp_path / "a.zarr", order=[3])
    xr.testing.assert_identical(qet.load(unfinished.path).load(), unfinished.dataset().load())
    assert "a.zarr is not finished: 17 of 18 chunks are missing" in caplog.text
    caplog.clear()
    store = complete(tmp_path / "a.zarr")
    xr.testing.assert_identical(qet.load(tmp_path / "a.zarr").load(), store.dataset().load())
    assert not caplog.text


@pytest.mark.skipif("track_times" not in signature(h5py.File).parameters, reason="earlier h5py writes down the time")
def test_the_same_study_makes_the_same_bytes_in_any_process_and_order(tmp_path: Path) -> None:
    complete(tmp_path / "a.zarr", recording=True)
    first = qet.pack(tmp_path / "a.zarr", tmp_path / "a.nc").read_bytes()
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
from pathlib import Path
from store_cases import complete
from qet import pack
folder = Path(sys.argv[1])
complete(folder / "b.zarr", recording=True, order=[*range(17, -1, -1), 5])
pack(folder / "b.zarr", folder / "b.nc")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True, timeout=120)
    assert (tmp_path / "b.nc").read_bytes() == first


def test_a_header_that_was_edited_is_refused(tmp_path: Path) -> None:
    data = complete(tmp_path / "a.zarr").dataset().load()
    data.attrs["qet_study"] = data.attrs["qet_study"].replace("energies", "energy")
    with pytest.raises(NotReadable, match=r"b.nc: the qet_study was changed"):
        qet.load(qet.save(data, tmp_path / "b.nc"))


def test_an_unfinished_store_is_packed_only_when_asked(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr", order=[0, 4])
    with pytest.raises(NotAStore, match=r"is not finished: 16 of 18 chunks are missing.*partial=True"):
        qet.pack(store.path, tmp_path / "a.nc")
    assert not (tmp_path / "a.nc").exists()
    packed = qet.load(qet.pack(store.path, tmp_path / "a.nc", partial=True)).load()
    xr.testing.assert_identical(packed, store.dataset().load())
    assert packed.attrs["unfinished"] == "16 of 18 chunks are missing"


def test_a_damaged_chunk_is_not_packed(tmp_path: Path) -> None:
    store = complete(tmp_path / "a.zarr")
    file = tmp_path / "a.zarr" / "energy" / "c.0.0.0"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(NotAStore, match="1 of 18 chunks"):
        qet.pack(store.path, tmp_path / "a.nc")
    packed = qet.load(qet.pack(store.path, tmp_path / "a.nc", partial=True))
    assert np.isnan(packed.energy[:2, 0, :4]).all()


def test_a_process_outlives_a_full_disk_wherever_it_fills_up(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    complete(tmp_path / "a.zarr")
    size = qet.pack(tmp_path / "a.zarr", tmp_path / "b.nc").stat().st_size
    code = f"""
import gc, resource, signal, sys
from qet import load, pack
from qet.foundations.errors import NotWritten
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, refused = sys.argv[1], 0
for part in range(0, 20):
    resource.setrlimit(resource.RLIMIT_FSIZE, (part * {size} // 20, resource.RLIM_INFINITY))
    try:
        pack(folder + "/a.zarr", folder + "/a.nc")
    except NotWritten:
        refused += 1
    gc.collect()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(refused, load(pack(folder + "/a.zarr", folder + "/a.nc")).load().identical(load(folder + "/a.zarr").load()))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, "20 True"), done.stderr
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "a.zarr", "b.nc"]


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("folder", "none"):
        with pytest.raises(NotAStore, match=name):
            qet.pack(tmp_path / name, tmp_path / "a.nc")
    with pytest.raises(NotAStore, match="folder"):
        qet.load(tmp_path / "folder")
    complete(tmp_path / "a.zarr")
    with pytest.raises(NotWritten, match="its folder does not exist"):
        qet.pack(tmp_path / "a.zarr", tmp_path / "nowhere" / "a.nc")


def test_a_disk_that_fills_up_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    first = Filled(0, {"x": np.random.default_rng(0).normal(size=(1, 1, 100_000))}, {"x": ()}, {"x": {}}, (), 0.0)
    cut = Chunks((1, 1, 100_000), (1, 1, 100_000))
    line = Points((Dim("a"), Dim("b"), Dim("c")), (0, 1, 2), {})
    store = Store.create(tmp_path / "a.zarr", header=HEADER, grid=line, chunks=cut, first=first, attributes={})
    store.write(first)
    (tmp_path / "a.nc").write_text("as before")
    code = """
import resource, signal, sys
from qet import pack
from qet.foundations.errors import NotWritten
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    pack(sys.argv[1] + "/a.zarr", sys.argv[1] + "/a.nc")
except NotWritten as error:
    print(error)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert resource
    assert "the file a.nc was not written" in done.stdout, done.stderr
    assert (tmp_path / "a.nc").read_text() == "as before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "a.zarr"]


def test_packing_holds_one_chunk_at_a_time(tmp_path: Path) -> None:
    n, pieces = 2**17, 24
    cut = Chunks((1, 1, n * pieces), (1, 1, n))
    wide = Points((Dim("a"), Dim("b"), Dim("c")), (0, 1, 2), {"b": (("b",), np.array([0.5]), {})})
    store = None
    for number in range(pieces):
        values = np.random.default_rng(number).normal(size=(1, 1, n))
        piece = Filled(number, {"x": values}, {"x": ()}, {"x": {}}, (), 0.0)
        if store is None:
            store = Store.create(tmp_path / "a.zarr", header=HEADER, grid=wide, chunks=cut, first=piece, attributes={})
        store.write(piece)
    qet.pack(tmp_path / "a.zarr", tmp_path / "warm.nc")
    tracemalloc.start()
    file = qet.pack(tmp_path / "a.zarr", tmp_path / "a.nc")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * n * 8 < pieces * n * 8 / 2
    assert float(qet.load(file).x[0, 0, 5 * n + 3]) == np.random.default_rng(5).normal(size=(1, 1, n))[0, 0, 3]


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    complete(tmp_path / "a.zarr")
    file = qet.pack(tmp_path / "a.zarr", tmp_path / "a.nc")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(NotReadable, match=r"a.nc cannot be read"):
        qet.load(file)


def test_no_dimension_is_lost_when_it_has_no_labels(tmp_path: Path) -> None:
    store = made(tmp_path / "a.zarr")
    for number in range(len(CHUNKS)):
        store.write(filled(number))
    assert dict(qet.load(qet.pack(store.path, tmp_path / "a.nc")).sizes) == {"T": 5, "site": 3, "k": 7, "mode": 2}
