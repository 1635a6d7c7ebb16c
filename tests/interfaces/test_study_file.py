# ruff: noqa: E501  (one case a line)
"""Study files: read whole, or refused with every mistake at its line and the nearest known word."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import qet
from qet.foundations.errors import BadParameter, BadStudy
from qet.interfaces.study_file import schema
from qet.physics import catalog

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "map.toml"
GOOD = """\
[study]
title = "a test"
[constants]
gamma = 0.01
dT = "40*gamma"
[model]
name = "minimal"
k = "k"
[[bath]]
sites = 0
T = "T + dT/2"
rate = "gamma"
[[bath]]
sites = 1
T = "T - dT/2"
rate = "gamma"
[protocol]
measure = "X"
[axes]
k = [0.3, 0.5]
T = { from = 0.5, to = 1.0, points = 3 }
"""


def problems(text, tmp_path):
    """The mistakes of a file as (line, text), and the whole message."""
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(BadStudy) as caught:
        qet.study(path)
    message = str(caught.value)
    found = []
    for line in message.splitlines()[1:]:
        if line.startswith(f"{path}:"):
            number, column, told = line.removeprefix(f"{path}:").split(":", 2)
            assert int(column) > 0
            found.append((int(number), told.strip()))
    assert message.splitlines()[0] == f"{len(found)} problem{'s' if len(found) != 1 else ''} in {path}"
    return found, message


def test_a_good_file_is_read_as_it_stands(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(GOOD)
    study = qet.study(path)
    assert study == qet.study(str(path)) == qet.study(study.data)
    assert study.title == "a test"
    run = qet.teleport(qet.steady(qet.minimal(k=0.5), [qet.bath(0, T=1.2, rate=0.01), qet.bath(1, T=0.8, rate=0.01)]))
    assert study(k=0.5, T=1.0).extracted == pytest.approx(run.extracted, abs=1e-15)
    assert dict(study.run().sizes) == {"k": 2, "T": 3}


def test_the_example_of_the_docs_is_read():
    study = qet.study(EXAMPLE)
    assert {name: len(values) for name, values in study.axes.items()} == {"k": 200, "T": 100, "gamma": 50}


def test_five_mistakes_are_told_at_once_with_the_line_and_a_caret(tmp_path):
    text = GOOD.replace('k = "k"', "kappa = 0.5      # mistyped").replace(
        'dT/2"\nrate = "gamma"\n[pro', 'dT/2"\nrate = -0.1\n[pro'
    )
    text = text.replace('measure = "X"', 'measure = "X"\nstrength = "strong"').replace(
        "k = [0.3, 0.5]", "Temp = [0.3]\nk = [0.5]"
    )
    found, message = problems(text.replace("[study]", '[study]\nengine = "dsk"'), tmp_path)
    assert found == [
        (2, "there is no engine 'dsk'; did you mean 'dask'? (known: serial, processes, dask, slurm)"),
        (9, "there is no 'kappa' in [model] of minimal; did you mean 'k'? (known: h, k, detuning, offsets)"),
        (17, "rate must be at least 0; got -0.1."),
        (20, "there is no axis or constant 'strong' (known: Temp, k, T, gamma, dT, pi)"),
        (22, "nothing depends on the axis 'Temp'."),
        (23, "nothing depends on the axis 'k'. Write k = \"k\" in [model]."),
    ]  # fmt: skip
    lines = message.splitlines()
    at = next(i for i, line in enumerate(lines) if "kappa" in line)
    assert lines[at + 1 : at + 3] == ["    9 | kappa = 0.5      # mistyped", "      | ^"]


CASES = [
    # sections and keys
    ('[modell]\nk = 1\n[axes]\nk = [1.0]', 1, "no 'modell' in the study; did you mean 'model'?"),
    ("model = 3\n[axes]\nk = [1.0]", 1, "model is a section of its own: [model]"),
    ("[bath]\nsites = 0\n[axes]\nk = [1.0]", 1, "[[bath]] has double brackets"),
    (GOOD.replace("[protocol]", "[protocol]\ndelai = 3"), 18, "no 'delai' in [protocol]; did you mean 'delay'?"),
    (GOOD.replace("sites = 1", "sites = 1\ncolour = 2"), 15, "no 'colour' in [[bath]]"),
    (GOOD.replace("sites = 1\n", ""), 13, "[[bath]] needs 'sites'"),
    (GOOD.replace("points = 3", "point = 3"), 21, "no 'point' in [axes.T]; did you mean 'points'?"),
    (GOOD.replace("points = 3", "point = 3"), 21, "[axes.T] needs 'points'"),
    (GOOD + "[output]\nvariables = []", 23, "variables is empty"),
    (GOOD + '[output]\nvariables = ["extrcted"]', 23, "no variable 'extrcted'; did you mean 'extracted'?"),
    (GOOD.replace('measure = "X"', 'measure = { observble = "X0" }'), 18, "did you mean 'observable'?"),
    (GOOD.replace('measure = "X"', 'feedback = { plicy = "best" }'), 18, "did you mean 'policy'?"),
    (GOOD.replace('measure = "X"', 'feedback = { policy = "bst" }'), 18, "no feedback policy 'bst'; did you mean 'best'?"),
    (GOOD.replace('measure = "X"', 'feedback = "bset"'), 18, "no feedback policy 'bset'; did you mean 'best'?"),
    (GOOD.replace('measure = "X"', 'feedback = { operations = "chanel" }'), 18, "did you mean 'channel'?"),
    # models
    (GOOD.replace('"minimal"', '"minmal"'), 7, "no model 'minmal'; did you mean 'minimal'?"),
    (GOOD.replace('"minimal"', '"ising"'), 6, "the model 'ising' needs n: write n = ... in [model]."),
    (GOOD.replace('k = "k"', 'k = "k"\noffsets = 1'), 9, "offsets is true or false; got 1."),
    (GOOD.replace('k = "k"', 'k = ["k"]'), 8, "k is a number, or an expression; got ['k']."),
    ('[model]\nname = "ising"\nn = 2.5\ng = "g"\n[axes]\ng = [1.0]', 3, "n is a whole number, or an expression; got 2.5."),
    ('[model]\nname = "ising"\nn = 3\nB = [7]\ng = "g"\n[axes]\ng = [1.0]', 1, "7"),
    ('[model.terms]\nV = "X0 Q1"\nH = { operator = "Z0", coefficient = "h" }\n[axes]\nh = [1.0]', 2, "Q"),
    ('[model.terms]\nV = { operator = "X0 X1", coef = 1 }\n[axes]\nh = [1.0]', 2, "did you mean 'coefficient'?"),
    ('[model.terms]\nV = 3\n[axes]\nh = [1.0]', 2, "a Pauli sum"),
    ('[model]\nname = "ising"\nn = 3\n[model.terms]\nV = "X0 X1"\n[axes]\nh = [1.0]', 4, "terms make a model of their own"),
    ('[model]\nname = "model"\n[axes]\nh = [1.0]', 1, "a model of terms needs [model.terms]"),
    # expressions
    (GOOD.replace('rate = "gamma"\n[pro', 'rate = "gama*2"\n[pro'), 16, "no axis or constant 'gama'; did you mean 'gamma'?"),
    (GOOD.replace('k = "k"', 'k = "k^2"'), 8, "a power is written **"),
    (GOOD.replace('k = "k"', 'k = "k.real"'), 8, "is no expression"),
    (GOOD.replace('k = "k"', 'k = "sqr(k)"'), 8, "no function 'sqr'; did you mean 'sqrt'?"),
    (GOOD.replace('"40*gamma"', '"40*gama"'), 5, "no constant before this one 'gama'; did you mean 'gamma'?"),
    (GOOD.replace("to = 1.0", 'to = "2*gama"'), 21, "no constant 'gama'; did you mean 'gamma'?"),
    (GOOD.replace("rate = \"gamma\"\n[pro", "rate = true\n[pro"), 16, "rate: a number, or an expression"),
    # domains
    (GOOD.replace("rate = \"gamma\"\n[pro", "rate = -0.1\n[pro"), 16, "rate must be at least 0; got -0.1."),
    (GOOD.replace('T = "T - dT/2"', 'T = "T - 2"'), 15, "T must be at least 0; got T - 2 = -1.5 at T = 0.5."),
    (GOOD.replace('T = "T - dT/2"', 'T = "0.8 - T"'), 15, "T must be at least 0; got 0.8 - T = -0.2 at T = 1."),
    (GOOD.replace('measure = "X"', "strength = 1.5"), 18, "strength must be between 0 and 1; got 1.5."),
    (GOOD.replace('measure = "X"', "delay = -1"), 18, "delay must be at least 0; got -1."),
    (GOOD.replace('measure = "X"', "message_error = 2"), 18, "message_error must be between 0 and 1; got 2."),
    ('[model]\nk = "k"\n[state]\nT = -0.1\n[axes]\nk = [0.5]', 4, "T must be at least 0; got -0.1."),
    ('[model]\nk = "k"\n[state]\nlevel = "k"\n[axes]\nk = [0.5]', 4, "level must be a whole number; got k = 0.5 at k = 0.5."),
    (GOOD.replace("sites = 1", "sites = 5"), 14, "the model has 2 sites, counted from 0; got site 5."),
    (GOOD + '[[jump]]\noperator = "Z0 Z3"', 23, "the model has 2 sites, counted from 0; got site 3."),
    (GOOD + '[[jump]]\noperator = "q"\nsite = 0', 22, "no jump 'q'"),
    (GOOD.replace("sites = 1", "sites = 1.5"), 14, "sites: a site, or a list of sites"),
    (GOOD.replace("sites = 1", 'sites = 1\nstatistics = "fermoin"'), 15, "no statistics 'fermoin'; did you mean 'fermion'?"),
    (GOOD.replace("sites = 1", 'sites = 1\ncoupling = "dipol"'), 13, "dipol"),
    (GOOD.replace("sites = 1", 'sites = 1\nspectrum = ["drude"]'), 13, "drude"),
    (GOOD.replace("sites = 1", "sites = 1\nfull_band = true"), 13, "full_band is for fermionic baths"),
    (GOOD.replace('measure = "X"', 'measure = "Q"'), 18, "no axis 'Q' (known: X, Y, Z)"),
    (GOOD.replace('measure = "X"', "measure = [0, 0, 0]"), 18, "length zero"),
    (GOOD.replace('measure = "X"', "measure = [1, 0]"), 18, "a direction [x, y, z]"),
    (GOOD.replace('measure = "X"', 'feedback = { policy = "best", angle = 0.1 }'), 18, "exactly one of"),
    # states that do not fit together
    (GOOD + '[state]\nkind = "steedy"', 23, "no state 'steedy'; did you mean 'steady'?"),
    (GOOD + '[state]\nmaster = "redfeild"', 23, "no master equation 'redfeild'; did you mean 'redfield'?"),
    (GOOD + '[state]\nkind = "ground"\nT = 0.3', 24, "T goes with the gibbs state; the state here is ground."),
    (GOOD + '[state]\nkind = "ground"', 9, "a bath goes with the steady state; the state here is ground."),
    ('[model]\nk = "k"\n[state]\nkind = "gibbs"\n[axes]\nk = [0.5]', 3, "the gibbs state needs its temperature"),
    ('[model]\nk = "k"\n[state]\nkind = "eigenstate"\n[axes]\nk = [0.5]', 3, "the eigenstate needs its number"),
    ('[model]\nk = "k"\n[state]\nmaster = "local"\n[axes]\nk = [0.5]', 4, "the steady state needs reservoirs"),
    ('[model]\nk = "k"\n[state]\nkind = "steady"\n[axes]\nk = [0.5]', 3, "the steady state needs reservoirs"),
    ('[model]\nk = "k"\n[output]\nvariables = ["heat_currents"]\n[axes]\nk = [0.5]', 4, "heat_currents is of a steady state"),
    ('[model]\nk = "k"\n[protocol]\nsurroundings = true\n[axes]\nk = [0.5]', 4, "the ground state has no surroundings"),
    # axes
    ('[model]\nk = 0.5', 1, "a study needs at least one axis"),
    (GOOD.replace("[axes]", "[axes]\nTemp = [1.0]"), 20, "nothing depends on the axis 'Temp'."),
    (GOOD.replace("[axes]", "[axes]\nh = [1.0]"), 20, 'nothing depends on the axis \'h\'. Write h = "h" in [model].'),
    (GOOD.replace("k = [0.3, 0.5]", "k = []"), 20, "k: a list of values"),
    (GOOD.replace("k = [0.3, 0.5]", 'k = [0.3, "kk"]'), 20, "no constant 'kk'"),
    (GOOD.replace("k = [0.3, 0.5]", "k = [0.3, true]"), 20, "a number is expected; got true."),
    (GOOD.replace("points = 3", "points = 0"), 21, "points: a whole number above 0 is expected; got 0."),
    (GOOD.replace("from = 0.5", 'scale = "log", from = 0'), 21, "a logarithmic axis runs between numbers above 0"),
    (GOOD.replace("points = 3", 'points = 3, scale = "lag"'), 21, "no scale 'lag'; did you mean 'log'?"),
    (GOOD.replace("[constants]", "[constants]\nk = 1"), 21, "'k' is an axis and a constant."),
    (GOOD.replace("[constants]", "[constants]\npi = 3"), 4, "'pi' is a number already"),
    (GOOD.replace("[constants]", '[constants]\n"a b" = 3'), 4, "'a b' cannot be computed with"),
    (GOOD.replace('"k"\n[[', '"lambda"\n[[').replace("k = [0", "lambda = [0"), 20, "it is a word of Python"),
    (GOOD.replace('"k"\n[[', '"out"\n[[').replace("k = [0", "out = [0"), 20, "'out' is an option of the sweep"),
    ('[model]\nh = "n"\n[sampled]\nn = 4\n[sampled.bounds]\nn = [1, 2]', 6, "'n' is an option of the sweep"),
    (GOOD + "extracted = [1.0]", 22, "'extracted' is a variable of the result already"),
    (GOOD + "[[zipped]]\nk = [1.0]", 23, "the axis 'k' is given twice."),
    ('[model]\nh = "h"\nk = "k"\n[[zipped]]\nh = [1.0]\nk = [1.0, 2.0]', 4, "one length; h has 1, k has 2 values."),
    ('[model]\nh = "h"\n[[zipped]]\nh = 3', 4, "h: a list of values"),
    ('[model]\nh = "h"\n[sampled]\nn = 4\n[sampled.bounds]\nh = [1.0]', 6, "h: bounds [low, high]"),
    ('[model]\nh = "h"\n[sampled]\nn = 4\n[sampled.bounds]\nh = [2.0, 1.0]', 6, "the lower bound comes first; got 2 to 1."),
    ('[model]\nh = "h"\n[sampled]\nn = 4\n[sampled.bounds]\nh = ["log", 0, 1.0]', 6, "between numbers above 0"),
    ('[model]\nh = "h"\n[sampled]\nn = 4\nkind = "sobool"\n[sampled.bounds]\nh = [1, 2]', 5, "did you mean 'sobol'?"),
    ('[model]\nh = "h"\n[sampled]\nn = 4\n[sampled.bounds]\n', 5, "[sampled] needs bounds"),
    ('[model]\nh = "h"\nk = "k"\n[axes]\nk = [1.0]\n[[zipped]]\ndim = "k"\nh = [1.0]', 7, "two dimensions are called 'k'"),
    (GOOD + '[state]\nmaster = "$master"', 23, "no axis 'master'"),
    (GOOD + 'm = ["local"]\n[state]\nmaster = "m"', 24, 'an axis of words is written with a $: "$m".'),
    (GOOD + 'm = ["local", "redfeild"]\n[state]\nmaster = "$m"', 22, "no master equation 'redfeild'"),
    (GOOD + 'm = ["local"]\n[state]\nmaster = "$m"\n[model.x]\n', 25, "no 'x' in [model] of minimal"),
    # how it is run
    (GOOD.replace('[study]', '[study]\nout = "map.nc"'), 2, "a study is kept in a store X.zarr while it runs; got 'map.nc'."),
    (GOOD.replace('[study]', "[study]\nworkers = 0"), 2, "workers: a whole number above 0 is expected; got 0."),
    (GOOD.replace('[study]', '[study]\nerrors = "rise"'), 2, "did you mean 'raise'?"),
    (GOOD.replace('[study]', "[study]\nchunks = { kk = 2 }"), 2, "no dimension 'kk'; did you mean 'k'?"),
    (GOOD.replace('[study]', '[study]\nloop = ["kk"]'), 2, "no axis 'kk'; did you mean 'k'?"),
    (GOOD.replace('[study]', "[study]\ntitle2 = 3"), 2, "no 'title2' in [study]; did you mean 'title'?"),
    # no TOML
    ("[model]\nk 3", 2, "this is no TOML"),
    ("[model]\nk = 1\nk = 2", 3, "this is no TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "answer"), CASES)
def test_every_kind_of_mistake_is_told_at_its_line(text, line, answer, tmp_path):
    found, _ = problems(text, tmp_path)
    assert any(number == line and answer in told for number, told in found), found


def test_an_unknown_axis_of_words_is_no_crash_when_the_rest_is_wrong_too(tmp_path):
    found, _ = problems(
        "model = 1\nbath = 2\nstate = 3\naxes = 4\nzipped = 5\nsampled = 6\noutput = 7\nconstants = 8", tmp_path
    )
    assert [line for line, _ in found] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("section", ["study", "constants", "model", "state", "protocol", "axes", "sampled", "output"])
@pytest.mark.parametrize("value", ["3", '"text"', "[1, 2]", "[{ a = 1 }]", "true", "1979-05-27"])
def test_a_section_of_the_wrong_type_is_told_and_never_a_crash(section, value, tmp_path):
    lines = GOOD.partition(f"[{section}]\n")[0].splitlines() if f"[{section}]" in GOOD else []
    found, _ = problems("\n".join([f"{section} = {value}", *lines]) + "\n", tmp_path)
    assert any(line == 1 for line, _ in found)


def test_a_date_where_a_number_belongs_is_told(tmp_path):
    found, _ = problems(GOOD.replace('k = "k"', "k = 1979-05-27"), tmp_path)
    assert found[0][0] == 8


def test_points_below_zero_are_left_to_the_record_where_some_are_above(tmp_path):
    text = GOOD.replace('T = "T - dT/2"', 'T = "T - 0.6"').replace("[study]", '[study]\nerrors = "record"')
    path = tmp_path / "study.toml"
    path.write_text(text)
    data = qet.study(path).run()
    assert data.extracted.isnull().any()
    assert data.extracted.notnull().any()
    found, _ = problems(text.replace("T - 0.6", "T - 6"), tmp_path)
    assert [line for line, _ in found] == [16]


def test_a_mapping_has_places_in_place_of_lines():
    with pytest.raises(BadStudy) as caught:
        qet.study({"model": {"kappa": 0.5}, "bath": [{"sites": 0, "T": -1, "rate": 0.1}], "axes": {"T": [1.0]}})
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 problems in the study"
    assert lines[1].startswith("model.kappa: there is no 'kappa' in [model] of minimal; did you mean 'k'?")
    assert {m.path for m in caught.value.mistakes} == {("model", "kappa"), ("bath", 0, "T"), ("axes", "T")}
    assert "bath[1].T: T must be at least 0; got -1." in lines


def test_what_is_neither_a_path_nor_a_mapping_is_refused():
    with pytest.raises(BadParameter, match="path of a file or a mapping; got int"):
        qet.study(3)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadStudy, match=r"study\.toml:1:1: the file is no UTF-8 text"):
        qet.study(path)


def test_models_of_other_packages_are_known_with_their_parameters(monkeypatch, tmp_path):
    good = EntryPoint("pair_of_pairs", "qet.physics.models:minimal", catalog.GROUP)
    bad = EntryPoint("broken", "no_such_package:model", catalog.GROUP)
    monkeypatch.setattr(catalog, "entry_points", lambda group: [good, bad] if group == catalog.GROUP else [])
    study = qet.study({"model": {"name": "pair_of_pairs", "k": "k"}, "axes": {"k": [0.5]}})
    assert float(study.run().extracted[0]) == pytest.approx(qet.teleport(qet.ground(qet.minimal())).extracted)
    found, _ = problems(GOOD.replace('"minimal"', '"pair_of_pair"'), tmp_path)
    assert "did you mean 'pair_of_pairs'?" in found[0][1]
    found, _ = problems(GOOD.replace('"minimal"', '"broken"'), tmp_path)
    assert "cannot be loaded" in found[0][1]
    found, _ = problems(GOOD.replace('"minimal"\nk', '"pair_of_pairs"\nkk'), tmp_path)
    assert "no 'kk' in [model] of pair_of_pairs; did you mean 'k'?" in found[0][1]


def test_the_schema_names_every_section():
    known = schema()
    assert set(known["properties"]) == set(qet.studies.described.data.SECTIONS)
    assert json.loads(json.dumps(known)) == known


def test_a_study_without_a_file_does_not_load_pydantic():
    code = (
        "import sys\nfrom qet.studies.described.data import study_of\n"
        "study_of({'model': {'k': 'k'}})(k=0.5).extracted\nassert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
