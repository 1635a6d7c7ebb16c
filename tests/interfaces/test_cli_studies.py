# ruff: noqa: E501  (one case a line)
"""The commands for studies: what they print, write, refuse, and that they do what the public words do."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qet
from qet.interfaces.cli import main
from qet.interfaces.slurm import Job
from qet.studies.stores.store import Store

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
STUDY = """\
[study]
title = "a small map"
chunks = 4
[model]
k = "k"
[state]
T = "T"
[axes]
k = { from = 0.1, to = 1.0, points = 6 }
T = { from = 0.1, to = 10.0, points = 4, scale = "log" }
[output]
variables = ["extracted", "resolved"]
"""


@pytest.fixture
def call(capsys):
    """Run the command line and return exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a study in it, where the commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONPATH", str(Path(qet.__file__).parents[1]))
    (tmp_path / "small.toml").write_text(STUDY)
    return tmp_path


def in_memory():
    k, T = np.linspace(0.1, 1.0, 6), np.geomspace(0.1, 10.0, 4)
    return qet.teleport(qet.gibbs(qet.minimal(k=k[:, None]), T=T)).extracted


def test_help_names_the_commands_for_studies(call):
    out = call("--help")[1]
    assert all(word in out for word in ("run", "resume", "sweep", "plot", "pack", "slurm"))


def test_a_study_is_run_into_a_store_of_its_name_and_shown(call, folder):
    code, out, err = call("run", "small.toml", "--quiet")
    assert (code, err) == (0, "")
    assert out == "small.zarr: all 6 chunks done; look at it with: qet show small.zarr\n"
    np.testing.assert_array_equal(qet.load("small.zarr").extracted, in_memory())
    code, out, _ = call("show", "small.zarr")
    assert code == 0
    for part in (
        "small.zarr: a small map over k, T",
        "k 6 x T 4",
        "extracted  ",
        "[energy]  energy that Bob's operation takes out",
        "24 of 24 yes",
        "6 of 6 done",
        'k = "k"',
        'T = "T"',
        "recipe_sha",
    ):
        assert part in out


def test_the_same_command_again_computes_nothing_and_parts_go_on(call, folder):
    assert call("run", "small.toml", "--quiet", "--shard", "2/3")[1].startswith(
        "small.zarr: 3 of 6 chunks done; the other"
    )
    assert call("resume", "small.zarr", "--quiet", "--shard", "1/3")[1].startswith("small.zarr: 4 of 6 chunks")
    assert "4 of 6 done" in call("show", "small.zarr")[1]
    before = {path: path.stat().st_mtime_ns for path in Path("small.zarr").rglob("c*") if path.is_file()}
    assert call("resume", "small.zarr", "--quiet")[1].startswith("small.zarr: all 6 chunks done")
    assert call("run", "small.toml", "--quiet")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    np.testing.assert_array_equal(qet.load("small.zarr").extracted, in_memory())


def test_out_chunks_and_pack_of_a_run(call, folder):
    code, out, _ = call("run", "small.toml", "--quiet", "--out", "x.zarr", "--chunks", "100", "--pack", "x.nc")
    assert code == 0
    assert "x.zarr: all 1 chunks done" in out
    assert "x.nc is written" in out
    np.testing.assert_array_equal(qet.load("x.nc").extracted, in_memory())


def test_a_store_is_packed_and_an_unfinished_one_is_refused(call, folder):
    call("run", "small.toml", "--quiet", "--shard", "1/2")
    code, _, err = call("pack", "small.zarr", "x.nc")
    assert code == 1
    assert "3 of 6 chunks are missing" in err
    call("resume", "small.zarr", "--quiet")
    assert call("pack", "small.zarr", "x.nc")[:2] == (0, "x.nc is written; look at it with: qet show x.nc\n")
    assert "a small map over k, T" in call("show", "x.nc")[1]


def test_dry_says_what_a_run_will_take_and_starts_nothing(call, folder):
    code, out, _ = call("run", "small.toml", "--dry")
    assert code == 0
    assert "points   24 (k 6 x T 4)" in out
    assert "chunks   6 of up to 4 points" in out
    assert "kept     extracted, resolved" in out
    assert "store    216 bytes before compression" in out
    assert list(Path().glob("*.zarr")) == []
    assert "of up to 12 points" in call("run", "small.toml", "--dry", "--chunks", "12")[1]


def test_a_dry_run_of_what_is_refused_says_so(call, folder):
    Path("bad.toml").write_text(STUDY.replace("[state]", "[state]\nsolver = 'krylov'"))
    code, out, _ = call("run", "bad.toml", "--dry")
    assert code == 0
    assert "points   24" in out
    assert "the first point is refused" in out


def test_mistakes_of_a_file_are_told_on_stderr_as_they_are_and_exit_with_2(call, folder):
    Path("bad.toml").write_text(STUDY.replace('k = "k"', "kappa = 1").replace("chunks = 4", "chunk = 4"))
    code, out, err = call("run", "bad.toml")
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == "3 problems in bad.toml"
    assert "bad.toml:3:1: there is no 'chunk' in [study]; did you mean 'chunks'?" in err
    assert "    5 | kappa = 1\n      | ^\n" in err
    assert not Path("bad.zarr").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "answer"),
    [
        (["run"], 2, "run takes a study file"),
        (["run", "none.toml"], 1, "No such file"),
        (["run", "small.toml", "--out", "x.nc"], 2, "--out is a store X.zarr; got 'x.nc'"),
        (["run", "small.toml", "--shard", "5/3"], 2, "shard"),
        (["run", "small.toml", "--engine", "dsk"], 2, "did you mean 'dask'?"),
        (["run", "small.toml", "--eng", "dask"], 2, "no option '--eng'; did you mean '--engine'?"),
        (["rnu", "small.toml"], 2, "no command 'rnu'; did you mean 'run'?"),
        (["resume", "none.zarr"], 1, "there is no store none.zarr"),
        (["resume", "small.toml"], 1, "is a file; a store is a folder"),
        (["pack", "none.zarr", "x.nc"], 1, "there is no store none.zarr"),
        (["show", "none.nc"], 1, "there is no file none.nc"),
        (["show", "none.zarr"], 1, "there is no store none.zarr"),
        (["show", "none.zarr", "--k", "3"], 2, "takes no other words; got --k 3"),
        (["plot", "none.nc", "--x", "k"], 1, "there is no file none.nc"),
        (["plot", "small.toml", "--x", "k"], 2, "is no dataset"),
        (["sweep", "minimal", "--k", "0:1"], 2, "'0:1' is no range; a range is from:to:points"),
        (["sweep", "minimal", "--k", "0:1:3", "--out", "x.csv"], 2, "a file X.nc or a store X.zarr; got 'x.csv'"),
        (["sweep", "minimal", "--k", "0:1:3", "--over", "g"], 2, "--over is written name=value; got 'g'"),
        (["slurm", "small.toml", "--shards", "64"], 2, "the study has 6 chunks; of 64 parts 58 would have no work"),
        (["slurm", "small.toml", "--shards", "2", "--time", "soon"], 2, "--time is minutes, h:mm:ss"),
        (["slurm", "small.toml", "--shards", "2", "--memory", "much"], 2, "--memory is a number with"),
        (["slurm", "small.toml", "--shards", "2", "--partition", "a b"], 2, "--partition is a name"),
    ],
)
def test_a_wrong_request_is_one_line(call, folder, arguments, code, answer):
    found, out, err = call(*arguments)
    assert (found, out) == (code, "")
    assert answer in err
    assert err.startswith("qet: ")
    assert err.count("\n") == 1


def test_another_study_in_the_store_is_refused_by_what_differs(call, folder):
    call("run", "small.toml", "--quiet")
    Path("small.toml").write_text(STUDY.replace("points = 6", "points = 7"))
    code, _, err = call("run", "small.toml", "--quiet")
    assert code == 2
    assert "axes k: 7 values here, 6 there" in err


def test_the_store_of_a_function_cannot_be_resumed(call, folder):
    def taken(k):
        return qet.teleport(qet.ground(qet.minimal(k=k)))

    qet.sweep(taken, k=[0.1, 0.5], out="map.zarr", progress=False)
    code, _, err = call("resume", "map.zarr")
    assert code == 2
    assert "the Python function 'taken'" in err
    assert "the Python function 'taken'" in call("show", "map.zarr")[1]


def test_a_refusal_stops_with_the_point_and_a_warning_is_told_once(call, folder):
    Path("w.toml").write_text(
        '[study]\nchunks = 1\n[model]\nk = "k"\n[[bath]]\nsites = 0\nT = 1\nrate = 2.0\n[[bath]]\nsites = 1\nT = 1\nrate = 2.0\n'
        "[axes]\nk = [0.1, 0.2, 0.3]"
    )
    code, _, err = call("run", "w.toml", "--quiet")
    assert code == 0
    assert err.count("qet: OutsideDomain") == 1
    Path("r.toml").write_text(STUDY.replace("[state]", '[state]\nkind = "eigenstate"').replace('T = "T"', "level = 1"))
    text = Path("r.toml").read_text().replace("T = { from", "h = { from").replace('k = "k"', 'k = "k"\nh = "h - 0.1"')
    Path("r.toml").write_text(text.replace("k = { from = 0.1, to = 1.0, points = 6 }", "k = [0.0, 0.5]"))
    code, _, err = call("run", "r.toml", "--quiet")
    assert code == 2
    assert "k = 0" in err


# -- one line ---------------------------------------------------------------------------------------


def test_one_line_gives_the_dataset_of_the_words(call, folder):
    code, out, _ = call("sweep", "minimal", "--k", "0.1:1.0:6", "--T", "0.1:10:4:log", "--out", "x.nc", "--quiet")
    assert (code, out) == (0, "x.nc is written; look at it with: qet show x.nc\n")
    data = qet.load("x.nc")
    np.testing.assert_array_equal(data.extracted, in_memory())
    again = qet.rerun(json.loads(data.attrs["recipe"]))
    np.testing.assert_array_equal(again.extracted, data.extracted)


@pytest.mark.parametrize(
    ("line", "run"),
    [
        ("minimal --k 0.3,0.5", lambda: qet.teleport(qet.ground(qet.minimal(k=[0.3, 0.5])))),
        ("--k 0.3,0.5 --state eigenstate --level 1", lambda: qet.teleport(qet.eigenstate(qet.minimal(k=[0.3, 0.5]), 1))),
        ("--over x=0.1,0.2 --k 3*x", lambda: qet.teleport(qet.ground(qet.minimal(k=[3 * 0.1, 3 * 0.2])))),
        ("--strength 0.5,1.0", lambda: qet.teleport(qet.ground(qet.minimal()), measure=qet.measure("X", strength=[0.5, 1]))),
        ("--over a=0.1,0.2 --angle a --axis Y", lambda: qet.teleport(qet.ground(qet.minimal()), feedback=qet.feedback(angle=[0.1, 0.2]))),
        ("--k 0.3,0.5 --measure 0.6,0,0.8 --feedback ground", lambda: qet.teleport(qet.ground(qet.minimal(k=[0.3, 0.5])), measure=(0.6, 0, 0.8), feedback="ground")),
        ("--k 0.3,0.5 --operations channel --delay 1", lambda: qet.teleport(qet.ground(qet.minimal(k=[0.3, 0.5])), feedback="channel", delay=1.0)),
        ("--term H_A=Z0 --term 'V=0.5 X0 X1' --term H_B=Z1 --message-error 0.1,0.2", lambda: qet.teleport(qet.ground(qet.model({"H_A": "Z0", "V": "0.5 X0 X1", "H_B": "Z1"})), message_error=np.array([0.1, 0.2]))),
        (
            "--over g=0.01,0.02 --bath 'site=0 T=1 rate=g' --bath 'site=1 T=0.2 rate=2*g' --master local",
            lambda: qet.teleport(qet.steady(qet.minimal(), [qet.bath(0, T=1, rate=[0.01, 0.02]), qet.bath(1, T=0.2, rate=[0.02, 0.04])], master="local")),
        ),
        ("--over g=0.01,0.02 --jump 'operator=- site=0 rate=g' --jump 'operator=- site=1 rate=0.1'", lambda: qet.teleport(qet.steady(qet.minimal(), [qet.jump("-", 0, [0.01, 0.02]), qet.jump("-", 1, 0.1)]))),
    ],
)  # fmt: skip
def test_every_word_of_one_line_is_the_public_word(call, folder, line, run):
    code, _, err = call("sweep", *shlex.split(line), "--out", "x.nc", "--quiet", "--keep", "extracted")
    assert (code, err) == (0, "")
    np.testing.assert_allclose(qet.load("x.nc").extracted, run().extracted, rtol=0, atol=1e-15)


def test_one_line_without_a_file_prints_the_data_and_with_a_store_can_be_gone_on_with(call, folder):
    code, out, _ = call("sweep", "ising", "--n", "2,3", "--g", "0.5:1.5:3", "--quiet")
    assert code == 0
    assert "(n: 2, g: 3)" in out
    code, out, _ = call(
        "sweep", "ising", "--n", "2,3", "--g", "0.5:1.5:3", "--quiet", "--out", "x.zarr", "--errors", "record"
    )
    assert "all 2 chunks done" in out
    assert Store.open("x.zarr").header["errors"] == "record"
    assert call("sweep", "ising", "--n", "2,3", "--g", "0.5:1.5:3", "--dry")[1].startswith("points   6 (n 2 x g 3)")


def test_mistakes_of_one_line_are_told_at_once(call, folder):
    code, _, err = call("sweep", "minimal", "--kk", "0:1:3", "--T", "-1")
    assert code == 2
    assert "model.kk: there is no 'kk' in [model] of minimal; did you mean 'k'?" in err
    assert "state.T: T must be at least 0; got -1." in err


# -- show as JSON, figures --------------------------------------------------------------------------


def test_show_as_json_has_the_same(call, folder):
    call("run", "small.toml", "--quiet")
    found = json.loads(call("show", "small.zarr", "--json")[1])
    extracted = in_memory()
    assert found["dimensions"] == {"k": 6, "T": 4}
    assert found["chunks"]["done"] == found["chunks"]["of"] == 6
    held = found["variables"]["extracted"]
    assert (held["low"], held["high"], held["missing"]) == (extracted.min(), extracted.max(), 0)
    assert found["point"]["word"] == "study"


def test_refused_points_are_counted_by_their_errors(call, folder):
    text = STUDY.replace("[study]", '[study]\nerrors = "record"').replace('T = "T"', 'T = "T - 1"')
    Path("r.toml").write_text(text)
    code, out, _ = call("run", "r.toml", "--quiet", "--pack", "r.nc")
    assert code == 0
    assert "12 points refused" in out
    for file in ("r.zarr", "r.nc"):
        out = call("show", file)[1]
        assert "12 points: 12 BadParameter" in out
        assert "12 of 24 NaN" in out


def test_numbers_that_were_damaged_are_neither_shown_nor_drawn(call, folder):
    call("run", "small.toml", "--quiet", "--pack", "small.nc")
    good = call("show", "small.zarr")[1]
    chunk = sorted(Path("small.zarr/extracted").glob("c.*"))[2]
    for file, name in ((chunk, "small.zarr"), (Path("small.nc"), "small.nc")):
        content = bytearray(file.read_bytes())
        if name == "small.nc":
            import h5py

            with h5py.File(name) as held:
                place = held["extracted"].id.get_chunk_info(0).byte_offset + 10
        else:
            place = len(content) - 8
        content[place] ^= 1
        file.write_bytes(content)
        for words in (("show", name), ("plot", name, "--x", "k", "--y", "T")):
            code, out, err = call(*words)
            assert (code, out) == (1, "")
            assert f"{name} was damaged after it was written" in err
    assert call("resume", "small.zarr", "--quiet")[0] == 0
    assert call("show", "small.zarr")[1].split("chunks")[0] == good.split("chunks")[0]


def test_a_curve_and_a_map_are_drawn_into_files(call, folder):
    call("run", "small.toml", "--quiet")
    assert call("plot", "small.zarr", "--x", "k", "--y", "T", "--z", "extracted", "--out", "map.png")[:2] == (
        0,
        "map.png\n",
    )
    assert call("plot", "small.zarr", "--x", "T", "--select", "k=0.4")[:2] == (0, "small-extracted.pdf\n")
    assert call("plot", "small.zarr", "--x", "k", "--by", "T", "--out", "c.svg")[0] == 0
    assert Path("map.png").read_bytes().startswith(b"\x89PNG")
    first = Path("small-extracted.pdf").read_bytes()
    call("plot", "small.zarr", "--x", "T", "--select", "k=0.4")
    assert Path("small-extracted.pdf").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--x", "k"], "extracted also depends on T (0.1 .. 10, 4 values): add"),
        (["--x", "k"], "--select T="),
        (["--x", "kk", "--y", "T"], "no axis of extracted 'kk'; did you mean 'k'?"),
        (["--x", "k", "--y", "T", "--z", "extrcted"], "no variable 'extrcted'; did you mean 'extracted'?"),
        (["--x", "k", "--y", "T", "--by", "T"], "--by is for curves"),
        (["--x", "k", "--y", "k"], "two axes"),
        (["--x", "k", "--select", "T=warm"], "T runs over numbers; got 'warm'"),
        (["--x", "k", "--select", "k=1"], "k is drawn, and cannot be selected too"),
        (["--x", "k", "--y", "T", "--out", "map.xyz"], "'.xyz'"),
    ],
)
def test_a_figure_that_cannot_be_drawn_says_what_to_add(call, folder, arguments, answer):
    call("run", "small.toml", "--quiet")
    code, out, err = call("plot", "small.zarr", *arguments)
    assert (code, out) == (2, "")
    assert answer in err


# -- clusters ---------------------------------------------------------------------------------------


def test_the_script_of_the_docs_is_the_one_that_the_command_makes(call, monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    script = Path("map.slurm").read_text()
    line = script.splitlines()[2].removeprefix("#   qet ")
    assert call(*shlex.split(line)) == (0, script, "")


def test_a_script_asks_for_what_it_was_given_and_is_written_where_it_was_asked(call, folder):
    words = [
        "--shards",
        "3",
        "--time",
        "2-00:00:00",
        "--memory",
        "800M",
        "--cpus",
        "2",
        "--partition",
        "short",
        "--account",
        "me",
    ]
    code, out, _ = call("slurm", "small.toml", *words, "--out", "job.sh")
    assert (code, out) == (0, "job.sh is written; submit it with: sbatch job.sh\n")
    script = Path("job.sh").read_text()
    for asked in ("array=1-3", "time=2-00:00:00", "mem=800M", "cpus-per-task=2", "partition=short", "account=me"):
        assert f"#SBATCH --{asked}\n" in script
    assert "--engine processes --workers 2" in script
    assert call("slurm", *shlex.split(script.splitlines()[2].removeprefix("#   qet slurm ")))[1] == script


@pytest.mark.slow
def test_the_parts_of_a_script_together_are_the_study(folder):
    """The line that SLURM would run, by bash, once a part, two at once."""
    job = Job("small.toml", "small.zarr", 3)
    assert subprocess.run(["bash", "-n"], input=job.script(), text=True, check=True).returncode == 0
    folder.joinpath("qet").write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} -m qet "$@"\n')
    folder.joinpath("qet").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    parts = [
        subprocess.Popen(["bash"], stdin=subprocess.PIPE, text=True, env={**environment, "SLURM_ARRAY_TASK_ID": str(i)})
        for i in (1, 2, 3)
    ]
    for part in parts:
        part.communicate(job.script())
    assert [part.returncode for part in parts] == [0, 0, 0]
    np.testing.assert_array_equal(qet.load("small.zarr").extracted, in_memory())


@pytest.mark.slow
def test_a_killed_run_is_gone_on_with_by_the_same_command(folder):
    """A real process, stopped by the system in the middle."""
    Path("slow.toml").write_text(STUDY.replace("chunks = 4", "chunks = 1").replace("[model]", '[model]\nname = "ising"\nn = 7')
                                 .replace('k = "k"', 'g = "k"'))  # fmt: skip
    command = [sys.executable, "-m", "qet", "run", "slow.toml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None:
        if Path("slow.zarr").exists() and len(list(Path("slow.zarr").glob("extracted/c*"))) >= 2:
            process.kill()
            break
    process.communicate()
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.startswith("slow.zarr: all 24 chunks done")
    k, T = np.linspace(0.1, 1.0, 6), np.geomspace(0.1, 10.0, 4)
    run = qet.teleport(qet.gibbs(qet.ising(7, g=k[:, None]), T=T))
    np.testing.assert_allclose(qet.load("slow.zarr").extracted, run.extracted, rtol=0, atol=1e-13)


def test_a_subprocess_prints_the_schema_and_the_mistakes(folder):
    done = subprocess.run([sys.executable, "-m", "qet", "run", "--schema"], capture_output=True, text=True, check=True)
    assert "axes" in json.loads(done.stdout)["properties"]
    Path("bad.toml").write_text("[model]\nkappa = 1\n")
    done = subprocess.run([sys.executable, "-m", "qet", "run", "bad.toml"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("2 problems in bad.toml\nbad.toml:1:1: a study needs at least one axis")
