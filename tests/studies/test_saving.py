"""Files of single things: what is loaded is what was saved, nothing is executed, and every refusal says why."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import qet
from qet.foundations.errors import BadParameter, NewerVersion, NotReadable, NotWritten, TooLarge
from qet.studies.study import WORDS

PAIR = qet.minimal(h=1.0, k=0.5)
MANY = qet.minimal(h=np.array([1.0, 1.5]), k=np.array([[0.25], [0.5], [0.1 + 0.2]]))
CHAIN = qet.ising(4, g=1.3, B=2)
COLD, HOT = qet.bath(0, T=0.2, rate=0.01), qet.bath(1, T=np.array([0.5, 0.7]), rate=0.02)
OPEN = qet.steady(PAIR, [COLD, HOT], master="secular")
LORENTZIAN = {"statistics": "fermion", "spectrum": ("lorentzian", 2.0, 3.0)}
LEADS = [qet.bath(i, T=T, rate=0.5, **LORENTZIAN) for i, T in enumerate((1.0, 2.0))]
WARM = qet.gibbs(PAIR, T=0.3)
RUN = qet.teleport(WARM)
RNG = np.random.default_rng(3)
MATRIX = np.linalg.qr(RNG.normal(size=(2, 2, 2)) + 1j * RNG.normal(size=(2, 2, 2)))[0]
WEAK = np.array([[[0.8, 0.0], [0.0, 0.6j]], [[0.6, 0.0], [0.0, 0.8]]])
RHO = np.array([[0.5, 0.1j], [-0.1j, 0.5]])
SITES = 60 / (1.0 + np.arange(6.0)) ** 3

THINGS: dict[str, list[Callable[[], Any]]] = {
    "minimal": [lambda: PAIR, lambda: MANY],
    "ising": [lambda: CHAIN, lambda: qet.ising(3, g=qet.by_site([1.0, 0.5, 0.25]))],
    "xy": [lambda: qet.xy(4, Jy=0.3)],
    "xxz": [lambda: qet.xxz(4, Delta=np.array([0.5, 1.5]))],
    "heisenberg": [lambda: qet.heisenberg(3, hz=0.2)],
    "long_range": [
        lambda: qet.long_range(4, alpha=np.array([1.5, 3.0])),
        lambda: qet.long_range(4, alpha=2.0, kac=True),
    ],
    "star": [lambda: qet.star(3)],
    "model": [lambda: qet.model({"word": "Z0", "float": 0.3 * qet.pauli("X0 X1"), "re": "0.1 Y1"}, A=1, B=0)],
    "swapped": [lambda: qet.minimal(h=1.0, k=0.5, detuning=0.2).swapped()],
    "between": [lambda: CHAIN.between(1, [2, 3]), lambda: qet.ground(CHAIN).between(0, 3)],
    "by_site": [lambda: qet.by_site([[1.0, 0.5], [2.0, 0.5]])],
    "disorder": [lambda: qet.disorder(4, width=0.3, seed=5, samples=3)],
    "pauli_sum": [lambda: qet.model({"a": np.array([0.1, -0.2]) * qet.pauli("X0 X1") - 1e-300 * qet.pauli("Z0 Z1")})],
    "bath": [
        lambda: HOT,
        lambda: qet.bath(0, T=1.0, rate=0.1, spectrum=("table", [0.0, 1.0, 2.0], [0.0, 0.5, 0.0])),
        lambda: qet.bath(0, T=1.0, rate=0.1, spectrum=lambda w: w * np.exp(-w)),
    ],
    "jump": [lambda: qet.jump("-", 0, rate=0.1), lambda: qet.jump(np.array([[0, 1j], [0, 0.5]]), 1)],
    "measure": [lambda: qet.measure([0.6, 0.0, 0.8], strength=0.3), lambda: qet.measure(kraus=WEAK)],
    "feedback": [
        lambda: qet.feedback("best", operations="channel"),
        lambda: qet.feedback(unitaries=MATRIX),
        lambda: qet.feedback(axis="Y", angles=[0.1, np.pi / 7]),
    ],
    "harmonic": [lambda: qet.harmonic(4, pinning=0.2)],
    "oscillators": [lambda: qet.oscillators(np.array([[2.0, -0.5], [-0.5, 1.5]]))],
    "coherent": [lambda: qet.coherent(0.7)],
    "homodyne": [lambda: qet.homodyne("p", resolution=0.4)],
    "ground": [lambda: qet.ground(MANY), lambda: qet.ground(qet.harmonic(3))],
    "eigenstate": [lambda: qet.eigenstate(PAIR, 1)],
    "gibbs": [lambda: qet.gibbs(PAIR, T=np.array([0.0, 0.1, 1e300]))],
    "state": [
        lambda: qet.state(PAIR, np.kron(RHO, RHO)),
        lambda: qet.state(PAIR, np.array([0.6, 0.0, 0.0, 0.8j])),
        lambda: qet.state(PAIR, np.stack([np.kron(RHO, RHO), np.eye(4) / 4])),
    ],
    "steady": [lambda: OPEN, lambda: qet.steady(PAIR, [COLD, qet.jump("-", 1, rate=0.1)], master=("partial", 0.3))],
    "mean_force": [lambda: qet.mean_force(PAIR, qet.bath(0, T=0.5, rate=0.01, spectrum=("drude", 2.0), coupling="X"))],
    "with_leads": [lambda: qet.with_leads(qet.steady(PAIR, LEADS, master="leads"))],
    "depolarize": [lambda: qet.depolarize(WARM, 0.1)],
    "evolve": [lambda: qet.evolve(qet.ground(CHAIN), t=0.7)],
    "settle": [lambda: qet.settle(WARM, surroundings=COLD, master="secular")],
    "relaxation": [lambda: qet.relaxation(OPEN)],
    "collisional": [lambda: qet.collisional(qet.steady(PAIR, [COLD, HOT], master="local"))],
    "audit": [lambda: qet.audit(OPEN)],
    "teleport": [
        lambda: RUN,
        lambda: qet.teleport(OPEN, measure=qet.measure("X", strength=0.5), delay=0.2, message_error=0.1),
        lambda: qet.teleport(qet.ground(CHAIN), feedback=qet.feedback("best", operations="channel")),
        lambda: qet.teleport(qet.ground(qet.harmonic(3)), measure=qet.coherent()),
    ],
    "profile": [lambda: qet.profile(qet.teleport(qet.ground(CHAIN)))],
    "rounds": [lambda: qet.rounds(qet.ground(CHAIN), [("X", "best"), {"measure": "Y", "roles": "BA"}])],
    "passivity": [lambda: qet.passivity(WARM)],
    "threshold_temperature": [lambda: qet.threshold_temperature(PAIR)],
    "ergotropy": [lambda: qet.ergotropy(WARM, "local")],
    "demon": [lambda: qet.demon(RUN, T=0.3)],
    "battery": [lambda: qet.battery(RUN)],
    "cycle": [lambda: qet.cycle(OPEN, tau=3.0)],
    "cycle_state": [lambda: qet.cycle(OPEN, tau=3.0).state],
    "pulsed": [lambda: qet.pulsed(WARM, measure_time=0.1)],
    "reciprocity": [lambda: qet.reciprocity(OPEN)],
    "decompose": [lambda: qet.decompose(RUN)],
    "zipped": [lambda: qet.zipped("pair", h=[0.1, 0.2], n=[2, 3])],
    "sampled": [lambda: qet.sampled(8, seed=3, h=(0.5, 1.5), k=("log", 0.01, 1.0))],
    "decay_law": [lambda: qet.decay_law(1 + np.arange(6.0), SITES)],
    "study": [lambda: qet.study({"constants": {"word": 0.5}, "model": {"k": "word*x"}, "axes": {"x": [0.5, 1.0]}})],
}
DATASETS = {"compare_masters", "sweep"}
REFUSED = {"optimize", "gradient"}


def test_every_word_of_recipes_is_saved_here() -> None:
    assert THINGS.keys() | DATASETS | REFUSED >= WORDS.keys()


@pytest.mark.parametrize(("word", "number"), [(word, i) for word in THINGS for i in range(len(THINGS[word]))])
def test_what_is_loaded_is_what_was_saved(tmp_path: Path, word: str, number: int) -> None:
    thing = THINGS[word][number]()
    again = qet.load(qet.save(thing, tmp_path / "thing.json"))
    assert again == thing
    assert type(again) is type(thing)
    assert again.recipe == thing.recipe
    json.loads((tmp_path / "thing.json").read_text(), parse_constant=pytest.fail)  # strict JSON


def test_the_file_tells_a_reader_what_it_holds(tmp_path: Path) -> None:
    run = qet.teleport(OPEN, delay=np.array([[0.1], [0.2]]))
    content = json.loads(qet.save(run, tmp_path / "run.json").read_text())
    assert content["kind"] == "Run"
    assert content["recipe"]["word"] == "teleport"
    assert np.array_equal(content["numbers"]["extracted"], run.extracted)  # every digit
    assert np.array_equal(content["numbers"]["injected"], run.injected)
    made = content["made_here"]
    assert made["versions"]["qet"] == qet.__version__
    assert made["versions"]["numpy"] == np.__version__
    assert made["solver"] == OPEN.solver
    assert made["master"] == "secular"
    assert made["residual"] == np.max(OPEN.diagnostics.residual)
    assert made["precision"] == np.max(run.precision)
    assert made["seconds"] > 0


def test_what_was_made_here_is_in_no_hash(tmp_path: Path) -> None:
    file = qet.save(RUN, tmp_path / "run.json")
    content = json.loads(file.read_text())
    content["made_here"] = {"seconds": 1e9, "versions": {"qet": "0.0.1"}}
    content["numbers"] = {}
    file.write_text(json.dumps(content))
    assert qet.load(file) == RUN


def test_numbers_that_json_has_no_form_for_are_named(tmp_path: Path) -> None:
    from qet.studies.saving import _pairs, _strict

    given = {"a": [1.0, np.nan, -np.inf], "b": {"c": np.inf}, "d": "nan", "e": 5e-324, "f": -0.0, "g": 2**70}
    text = json.dumps(_strict(given), allow_nan=False)
    back = json.loads(text, object_pairs_hook=_pairs)
    assert repr(back) == repr(given)


def test_without_the_check_nothing_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qet.studies import saving

    monkeypatch.setattr(saving, "rerun", pytest.fail)
    file = qet.save(RUN, tmp_path / "run.json", check=False)
    assert "seconds" not in json.loads(file.read_text())["made_here"]


def test_a_thing_whose_recipe_makes_another_is_not_saved(tmp_path: Path) -> None:
    from dataclasses import replace

    other = replace(WARM, made_by=qet.gibbs(PAIR, T=0.4).made_by, model=qet.minimal(h=2.0))
    with pytest.raises(BadParameter, match="its recipe makes another one"):
        qet.save(other, tmp_path / "state.json")
    with pytest.raises(BadParameter, match="has no recipe by a public word"):
        qet.save(np.zeros(3), tmp_path / "array.json")
    with pytest.raises(BadParameter, match="has no recipe by a public word"):
        qet.save(RUN.ledger, tmp_path / "ledger.json")
    assert not list(tmp_path.iterdir())


def test_too_large_a_recipe_is_refused_and_says_what_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qet.studies import saving

    monkeypatch.setattr(saving, "MOST", 10_000)
    run = qet.teleport(qet.gibbs(PAIR, T=0.3), delay=np.linspace(0, 1, 2000))
    with pytest.raises(TooLarge, match="most of it is 'delay'"):
        qet.save(run, tmp_path / "run.json", check=False)


def test_an_optimum_is_kept_for_readers_and_its_loading_refused_with_the_way_out(tmp_path: Path) -> None:
    def taken(h: Any) -> Any:
        return qet.teleport(qet.ground(qet.minimal(h=h, k=0.5)))

    best = qet.optimize(taken, h=(0.2, 2.0))
    file = qet.save(best, tmp_path / "best.json")
    slopes = qet.save(qet.gradient(taken, h=best.at["h"]), tmp_path / "slopes.json")
    with pytest.raises(NotReadable, match=r"slopes.json holds the answer of gradient.*call qet.gradient"):
        qet.load(slopes)
    numbers = json.loads(file.read_text())["numbers"]
    assert numbers["at"] == best.at
    assert numbers["value"] == best.value
    with pytest.raises(NotReadable, match=r"best.json holds the answer of optimize.*call qet.optimize"):
        qet.load(file)


# -- files that are not taken ----------------------------------------------------------------------


def changed(file: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["recipe"]["state"].update(T=0.31), "the recipe was changed after it was saved"),
        (lambda c: c.update(recipe_sha="0" * 16), "the recipe was changed"),
        (lambda c: c.update(recipe_sha=None), "the recipe was changed"),
        (lambda c: c.pop("recipe_sha"), "'recipe_sha' is missing"),
        (lambda c: c.pop("recipe"), "'recipe' is missing"),
        (lambda c: c.update(kind="State"), "says it holds a 'State'; its recipe makes a Run"),
        (lambda c: c.update(qet=2), "has format 2"),
        (lambda c: c.update(qet="1"), "has format '1'"),
        (lambda c: c.pop("qet"), "no file of qet"),
    ],
)
def test_an_edited_file_is_refused_by_name(tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str) -> None:
    file = changed(qet.save(RUN, tmp_path / "run.json"), change)
    with pytest.raises(NotReadable, match=rf"run.json.*{words}"):
        qet.load(file)


def with_recipe(path: Path, recipe: Any) -> Path:
    """A file whose hash is right, as one who means harm would write it."""
    from qet.foundations.values import digest

    content = {"qet": 1, "kind": "Run", "recipe": recipe, "recipe_sha": digest(recipe)}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "recipe",
    [
        {"word": "os.system", "command": "touch harm"},
        {"word": "eval", "source": "1"},
        {"word": "__import__", "name": "os"},
        {"word": "teleport", "state": {"word": "system", "command": "touch harm"}},
        {"word": "rerun", "recipe": {}},
        {"word": "save", "thing": {"word": "minimal"}, "path": "harm"},
        {"word": "load", "path": "/etc/passwd"},
        {"word": "teleport", "state": "__import__('os').system('touch harm')"},
        {"word": "teleport"},
        {"word": "minimal", "__class__": 1},
        {"word": "minimal", "h": {"re": [1], "im": [[2], [3, 4]]}},
        {"word": "minimal", "h": "__import__('os').system('touch harm')"},
        {"word": "model", "terms": {"a": "__import__('os').system('touch harm')"}},
        {"word": "sweep", "point": {"word": "minimal"}, "out": "harm.zarr", "h": [1.0]},
        {"word": "optimize", "point": "os.system", "h": [1.0, 2.0]},
        {"word": "between", "of": 3, "A": 0, "B": 1},
        {"word": "disorder", "n": 3, "width": 0.1, "seed": "x"},
        {"word": 7},
        {"no": "word"},
        [1, 2],
        "minimal",
        None,
    ],
)
def test_a_file_that_means_harm_runs_nothing_and_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Any
) -> None:
    import os
    import subprocess

    for module, name in ((os, "system"), (subprocess, "Popen")):
        monkeypatch.setattr(module, name, pytest.fail)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotReadable, match="bad.json"):
        qet.load(with_recipe(tmp_path / "bad.json", recipe))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


class Harm:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            pickle.dumps({"a": 1}),
            "neither JSON nor netCDF-4; load reads what save and pack write, and executes nothing",
        ),
        (pickle.dumps(Harm()), "executes nothing"),
        (b"", "neither JSON"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "cannot be read as netCDF-4"),
        (b"CDF\x01" + bytes(100), "neither JSON"),
        (b"{", "is damaged"),
        (b'{"qet": 1, "qet": 1}', "one key stands twice"),
        (b'{"qet": NaN}', "NaN is no JSON"),
        (b'{"a": ' + b"[" * 100_000, "is damaged"),
        (b"{\xff\xfe}", "is damaged"),
        (b"{}", "no file of qet"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(NotReadable, match=rf"x.json.*{words}"):
        qet.load(tmp_path / "x.json")


def test_a_place_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match="none.json cannot be read: No such file"):
        qet.load(tmp_path / "none.json")
    with pytest.raises(NotWritten, match="its folder does not exist"):
        qet.save(PAIR, tmp_path / "nowhere" / "model.json")
    for name in ("model.nc", "model.zarr"):
        with pytest.raises(BadParameter, match="kept as JSON"):
            qet.save(PAIR, tmp_path / name)
    with pytest.raises(BadParameter, match="a store is made by a sweep"):
        qet.save(xr.Dataset(), tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def test_a_file_of_a_newer_version_is_loaded_with_a_warning(tmp_path: Path) -> None:
    file = changed(qet.save(RUN, tmp_path / "run.json"), lambda c: c["made_here"]["versions"].update(qet="99.1.0"))
    with pytest.warns(NewerVersion, match=r"run.json was made by qet 99.1.0, newer than this one"):
        assert qet.load(file) == RUN
    data = xr.Dataset({"a": ("x", np.arange(3.0))}, attrs={"source": "qet 99.1.0, numpy 2.0"})
    file = qet.save(data, tmp_path / "data.nc")
    with pytest.warns(NewerVersion, match=r"data.nc was made by qet 99.1.0"):
        qet.load(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        qet.load(qet.save(RUN, tmp_path / "own.json"))


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = qet.save(PAIR, tmp_path / "thing.json")
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match="thing.json was not written: the disk is full"):
        qet.save(RUN, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["thing.json"]


@pytest.mark.parametrize("name", ["thing.json", "thing[1].nc"])
def test_what_a_killed_process_left_behind_is_removed_by_the_next(tmp_path: Path, name: str) -> None:
    from qet.studies.stores import durable

    dead = tmp_path / f"{name}.tmp-{durable.HOST}-{2**22 + 1}-0123456789ab-01234567"
    living = tmp_path / f"{name}.tmp-{durable.HOST}-{os.getppid()}-0123456789ab-01234567"
    for path in (dead, living):
        path.write_bytes(b"half")
    qet.save(PAIR if name.endswith("json") else everything(), tmp_path / name)
    assert (dead.exists(), living.exists()) == (False, True)


# -- datasets --------------------------------------------------------------------------------------


def everything() -> xr.Dataset:
    """A Dataset with everything a file may have to hold."""
    return xr.Dataset(
        {
            "energy": (("k", "T"), RNG.normal(size=(3, 4)), {"units": "energy", "long_name": "ħω"}),
            "amplitude": ("T", RNG.normal(size=4) + 1j * RNG.normal(size=4)),
            "resolved": (("k", "T"), RNG.random((3, 4)) > 0.5),
            "count": ("k", np.array([1, 2**62, -3])),
            "single": ((), np.float32(0.1)),
            "why": ("k", np.array(["", "NotPositive: ρ", "x" * 300], dtype=object)),
            "code": ("k", np.array([0, 1, 2], dtype="i2"), {"flag_values": np.array([0, 1, 2], dtype="i1")}),
            "missing": ("T", np.array([np.nan, np.inf, -np.inf, -0.0])),
            "none": (("k", "empty"), np.zeros((3, 0))),
        },
        {
            "k": ("k", np.array([0.1, 0.2, 0.1 + 0.2]), {"long_name": "k"}),
            "T": ("T", [1, 2, 3, 4]),
            "name": ("k", np.array(["left", "ö", ""])),
            "h": ("T", np.geomspace(1, 2, 4)),
            "w": 1.5,
            "is_open": True,
        },
        {
            "title": "everything",
            "none": None,
            "yes": True,
            "list": ["a", "b"],
            "nested": {"a": [1, None]},
            "empty": "",
            "one": [1.5],
            "two": np.array([1.5, 2.5]),
            "big": 2**70,
            "number": 3,
        },
    )


def test_a_dataset_comes_back_identical(tmp_path: Path) -> None:
    data = everything()
    again = qet.load(qet.save(data, tmp_path / "data.nc"))
    xr.testing.assert_identical(again.load(), data)
    for name in data.variables:
        assert again[name].dtype.kind == data[name].dtype.kind or data[name].dtype.kind in "OU", name


def test_another_program_reads_the_same_numbers(tmp_path: Path) -> None:
    data = everything()
    with xr.open_dataset(qet.save(data, tmp_path / "data.nc"), engine="h5netcdf") as plainly:
        xr.testing.assert_equal(plainly, data)
        assert plainly.energy.attrs["units"] == "energy"


def test_the_same_dataset_makes_the_same_bytes(tmp_path: Path) -> None:
    data = everything()
    first = qet.save(data, tmp_path / "a.nc").read_bytes()
    assert qet.save(data.copy(deep=True), tmp_path / "b.nc").read_bytes() == first


def test_datasets_of_studies_come_back_with_their_recipes(tmp_path: Path) -> None:
    compared = qet.compare_masters(PAIR, [COLD, HOT], masters=("secular", "local"), dims=["T"])
    assert compared.attrs["recipe_sha"]
    again = qet.load(qet.save(compared, tmp_path / "compared.nc"))
    xr.testing.assert_identical(again.load(), compared)
    xr.testing.assert_identical(qet.rerun(json.loads(again.attrs["recipe"])), compared)
    swept = qet.sweep(lambda h: qet.teleport(qet.ground(qet.minimal(h=h, k=0.5))), h=[0.5, 1.0, 1.5])
    again = qet.load(qet.save(swept, tmp_path / "swept.nc"))
    xr.testing.assert_identical(again.load(), swept)


@pytest.mark.parametrize("name", ["recipe", "recipe_of_run"])
def test_a_dataset_whose_recipe_was_edited_is_refused_by_name(tmp_path: Path, name: str) -> None:
    from qet.studies.provenance import dataset_attributes

    data = everything().assign_attrs(dataset_attributes("a test", {"word": "minimal"}, recipe_of_run={"word": "ising"}))
    data.attrs[name] = data.attrs[name].replace("i", "j")
    with pytest.raises(NotReadable, match=rf"data.nc: the {name} was changed after it was saved"):
        qet.load(qet.save(data, tmp_path / "data.nc"))


def test_what_netcdf_has_no_form_for_is_refused(tmp_path: Path) -> None:
    for values in (np.array(["2026-01-01"], dtype="M8[s]"), np.array([{}], dtype=object)):
        with pytest.raises(BadParameter, match="'?x'? "):
            qet.save(xr.Dataset({"x": ("i", values)}), tmp_path / "a.nc")
    with pytest.raises(BadParameter, match="no name in a netCDF file"):
        qet.save(xr.Dataset({"a/b": ("i", np.zeros(2))}), tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


def test_a_damaged_dataset_is_not_read_as_numbers(tmp_path: Path) -> None:
    data = xr.Dataset({"x": ("i", np.random.default_rng(0).random(20_000))})
    file = qet.save(data, tmp_path / "a.nc")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    with pytest.raises((OSError, NotReadable)):
        qet.load(file).load()


def test_provenance_stands_beside_a_thing_and_in_none_of_its_hashes() -> None:
    found = OPEN.provenance
    assert found["versions"]["qet"] == qet.__version__
    assert found["master"] == "secular"
    assert found["residual"] == np.max(OPEN.diagnostics.residual)
    assert RUN.provenance["solver"] == WARM.solver
    assert PAIR.provenance.keys() == {"versions"}
    assert "provenance" not in RUN.recipe
    json.dumps(qet.steady(PAIR, [COLD, HOT], master=("partial", 0.3)).provenance)
