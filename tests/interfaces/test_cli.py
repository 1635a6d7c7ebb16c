"""The command line: it says what the public words say, and answers a mistyped name with the nearest."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import qet
from qet import bath, eigenstate, feedback, gibbs, ground, ising, jump, measure, minimal, steady, teleport
from qet.interfaces.cli import main
from qet.interfaces.point import read_bath, read_jump, read_words
from qet.physics import catalog

COLD, HOT = "site=1 T=0.2 rate=0.02", "site=0 T=1 rate=0.01"


@pytest.fixture
def call(capsys):
    """Run the command line and return exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def data_of(call, *arguments):
    code, out, err = call(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_help_names_every_command(call):
    code, out, _ = call("--help")
    assert code == 0
    assert all(word in out for word in ("reproduce", "claims", "show", "models", "about", "cite"))


def test_no_words_at_all_is_a_call_for_help(call):
    assert call() == call("--help")


def test_version_is_the_version_of_the_package(call):
    assert call("--version") == (0, f"qet {qet.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["shwo"], "no command 'shwo'; did you mean 'show'?"),
        (["claim"], "no command 'claim'; did you mean 'claims'?"),
        (["models", "--jsn"], "no option '--jsn'; did you mean '--json'?"),
        (["show", "minimal", "--kk", "1"], "no option '--kk'; did you mean '--k'?"),
        (["show", "minimal", "--stat", "gibbs"], "no option '--stat'; did you mean '--state'?"),
        (["show", "minmal"], "no model 'minmal'; did you mean 'minimal'?"),
        (["show", "minimal", "--state", "gibs"], "no state 'gibs'; did you mean 'gibbs'?"),
        (["show", "--feedback", "bset"], "no feedback policy 'bset'; did you mean 'best'?"),
        (["show", "--operations", "chanel"], "no class of operations 'chanel'; did you mean 'channel'?"),
        (["show", "--measure", "W"], "no axis 'W'"),
        (["show", "--bath", "sit=0 T=1 rate=1"], "no part of --bath 'sit'; did you mean 'site'?"),
        (["show", "--bath", "site=0 T=1 rate=1 statistics=fermoin"], "did you mean 'fermion'?"),
        (["show", "--bath", HOT, "--master", "redfeild"], "did you mean 'redfield'?"),
        (["cite", "minmal"], "did you mean 'minimal'?"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(call, arguments, answer):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert answer in err


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["show", "--state", "gibbs"], "--state gibbs needs --T"),
        (["show", "--state", "ground", "--T", "1"], "--T goes with --state gibbs; the state asked for is ground"),
        (["show", "--T", "1", "--bath", HOT], "--bath goes with --state steady"),
        (["show", "--state", "steady"], "needs reservoirs"),
        (["show", "ising"], "the model 'ising' needs --n"),
        (["show", "ising", "--n", "3.5"], "n must be a whole number; got '3.5'"),
        (["show", "minimal", "--k", "strong"], "k must be a number; got 'strong'"),
        (["show", "minimal", "ising"], "two models are named"),
        (["show", "minimal", "--term", "V=X0 X1"], "--term goes with the model 'model'"),
        (["show", "--term", "V"], "--term is written name=value; got 'V'"),
        (["show", "--bath", "site=0 T=1"], "needs rate=..."),
        (["show", "--bath", "site=0 T=hot rate=1"], "T must be a number; got 'hot'"),
        (["show", "--bath", "site=0 T=1 rate=1 coupling='X0"], "quotation mark"),
        (["show", "--T", "-1"], "T must be at least 0"),
        (["show", "--T", "cold"], "'--T'"),
        (["show", "--jump", "site=0"], "needs operator=..."),
        (["show", "--term", "V=0.5 X0 Q1"], "Q"),
        (["show", "--bath", HOT, "--bath", COLD, "--master", "partial"], "needs its cut-off"),
        (
            ["show", "--bath", HOT, "--bath", COLD, "--master", "partial:wide"],
            "the cut-off must be a number; got 'wide'",
        ),
        (["show", "--bath", HOT, "--bath", COLD, "--master", "partial:0"], '0 is "secular"'),
        (["reproduce"], "Missing argument"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(call, arguments, answer):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert answer in err
    assert err.startswith("qet: ")
    assert err.count("\n") == 1


def test_an_error_of_our_own_making_is_not_hidden(monkeypatch):
    def broken() -> dict[str, str]:
        raise ZeroDivisionError("a fault in the program")

    monkeypatch.setattr("qet.interfaces.about.versions", broken)
    with pytest.raises(ZeroDivisionError):
        main(["about", "--json"])


def test_show_prints_the_run_with_its_information_and_bounds(call):
    run = qet.teleport(qet.ground(qet.minimal(h=1.0, k=0.5)))
    code, out, _ = call("show", "minimal", "--h", "1", "--k", "0.5")
    assert code == 0
    for part in (run, qet.information(run), qet.bounds(run)):
        assert str(part) in out


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (["minimal"], lambda: teleport(ground(minimal()))),
        (["--h", "0.7", "minimal", "--k=1.1"], lambda: teleport(ground(minimal(h=0.7, k=1.1)))),
        (["minimal", "--detuning", "-0.5"], lambda: teleport(ground(minimal(detuning=-0.5)))),
        (["minimal", "--detuning", "0.4", "--swap"], lambda: teleport(ground(minimal(detuning=0.4).swapped()))),
        (["minimal", "--T", "0.3"], lambda: teleport(gibbs(minimal(), T=0.3))),
        (["minimal", "--level", "1"], lambda: teleport(eigenstate(minimal(), 1))),
        (["--T", "0.8", "--feedback", "ground"], lambda: teleport(gibbs(minimal(), T=0.8), feedback="ground")),
        (["--angle", "0.1"], lambda: teleport(ground(minimal()), feedback=feedback(angle=0.1))),
        (
            ["--measure", "0.6,0,0.8", "--strength", "0.5", "--delay", "0.3", "--message-error", "0.1"],
            lambda: teleport(
                ground(minimal()), measure=measure((0.6, 0, 0.8), strength=0.5), delay=0.3, message_error=0.1
            ),
        ),
        (["ising", "--n", "4", "--g", "0.7", "--B", "2"], lambda: teleport(ground(ising(4, g=0.7, B=2)))),
        (
            ["--term", "H_A=1.0 Z0", "--term", "V=0.5 X0 X1", "--term", "H_B=1.0 Z1"],
            lambda: teleport(ground(qet.model({"H_A": "1.0 Z0", "V": "0.5 X0 X1", "H_B": "1.0 Z1"}))),
        ),
        (
            ["--bath", HOT, "--bath", COLD],
            lambda: teleport(steady(minimal(), [bath(0, T=1.0, rate=0.01), bath(1, T=0.2, rate=0.02)])),
        ),
        (
            ["--jump", "operator=- site=0 rate=0.2", "--jump", "operator=- site=1 rate=0.2"],
            lambda: teleport(steady(minimal(), [jump("-", 0, 0.2), jump("-", 1, 0.2)])),
        ),
    ],
)
def test_show_gives_the_numbers_of_the_public_words(call, arguments, run):
    expected = run()
    found = data_of(call, "show", *arguments)
    for name in ("injected", "extracted", "local", "teleported", "net_work"):
        np.testing.assert_allclose(found[name], getattr(expected, name), rtol=0, atol=1e-14)
    assert found["id"] == expected.id


def test_the_recipe_that_show_prints_makes_the_run_again(call):
    found = data_of(call, "show", "minimal", "--k", "0.7", "--T", "0.4", "--feedback", "ground")
    assert qet.rerun(found["recipe"]).id == found["id"]


def test_json_of_a_steady_state_carries_its_diagnostics(call):
    found = data_of(call, "show", "--bath", HOT, "--bath", COLD)
    state = steady(minimal(), [bath(0, T=1.0, rate=0.01), bath(1, T=0.2, rate=0.02)])
    assert found["steady"]["heat_currents"] == pytest.approx(list(state.diagnostics.heat_currents), rel=1e-12)
    assert found["steady"]["entropy_production"] > 0
    assert found["information"]["holevo_B"] >= 0
    assert {bound["name"]: bound["holds"] for bound in found["bounds"]}["Sagawa-Ueda"] is True


def test_text_of_a_steady_state_carries_its_diagnostics(call):
    code, out, _ = call("show", "--bath", HOT, "--bath", COLD)
    assert code == 0
    state = steady(minimal(), [bath(0, T=1.0, rate=0.01), bath(1, T=0.2, rate=0.02)])
    currents = "  ".join(f"{current:.6g}" for current in state.diagnostics.heat_currents)
    for said in ("redfield equation", "residual", "validity to frequency", "heat currents"):
        assert said in out
    [line] = [line for line in out.splitlines() if line.strip().startswith("heat currents")]
    assert line.endswith(f"  {currents}")  # the width of the column of names is free


def test_a_cutoff_of_the_partial_secular_equation_is_read_and_printed(call):
    arguments = ("show", "--bath", HOT, "--bath", COLD, "--master", "partial:0.3")
    assert "steady state, partial(0.3) equation" in call(*arguments)[1]
    state = steady(minimal(), [bath(0, T=1.0, rate=0.01), bath(1, T=0.2, rate=0.02)], master=("partial", 0.3))
    found = data_of(call, *arguments)
    assert found["id"] == teleport(state).id
    assert qet.rerun(found["recipe"]).state.master == ("partial", 0.3)


@pytest.mark.parametrize(
    "words, solver, shown",
    [
        (("--n", "60", "--A", "20", "--B", "30"), "fermions", "parity"),
        (("--n", "9", "--hx", "0.2", "--solver", "krylov"), "krylov", "residual"),
        (("--n", "9", "--T", "0.5", "--solver", "typicality:4:7"), "typicality", "seed                    7"),
    ],
)
def test_a_long_chain_is_shown_with_what_its_route_says(call, words, solver, shown):
    code, out, err = call("show", "ising", *words)
    assert (code, err) == (0, "")
    assert shown in out[out.index(f"state by {solver}") :]
    data = data_of(call, "show", "ising", *words)
    assert (data["solver"], data["steady"], data["information"]["iqc"] is None) == (solver, None, solver == "fermions")
    run = qet.rerun(data["recipe"])
    assert float(run.extracted) == pytest.approx(data["extracted"], rel=1e-9)


def test_a_solver_that_cannot_be_read_is_refused(call):
    assert "whole numbers such as mps:64" in call("show", "ising", "--n", "3", "--solver", "mps:many")[2]


def test_words_keep_their_meaning_in_any_order():
    assert read_words(["--h", "1", "minimal", "--offsets"]) == ("minimal", {"h": "1", "offsets": "true"})
    assert read_words(["minimal", "--offsets", "--h=1"]) == ("minimal", {"h": "1", "offsets": "true"})


def test_a_bath_in_words_is_the_bath_in_python():
    words = "site=0,1 T=0.5 rate=0.1 mu=0.3 statistics=fermion coupling=dipole full_band=true spectrum=drude:5"
    options = {"statistics": "fermion", "coupling": "dipole", "full_band": True, "spectrum": ("drude", 5.0)}
    assert read_bath(words) == qet.bath((0, 1), T=0.5, rate=0.1, mu=0.3, **options)
    common = qet.bath((0, 1), T=1, rate=1, spectrum=("power", 0.5, 5.0), common=True)
    assert read_bath("site=0,1 T=1 rate=1 spectrum=power:0.5:5 common=true") == common
    assert read_bath("site=0,1 T=1 rate=1 coupling='X0 X1'") == qet.bath((0, 1), T=1, rate=1, coupling="X0 X1")


def test_a_jump_in_words_is_the_jump_in_python():
    assert read_jump("operator=+ site=1 rate=0.3") == qet.jump("+", 1, 0.3)
    assert read_jump("operator='Z0 Z1'") == qet.jump("Z0 Z1")


def test_models_lists_every_model_with_its_parameters(call):
    listed = {entry["name"]: entry for entry in data_of(call, "models")}
    assert {"minimal", "ising", "xy", "xxz"} <= listed.keys()
    assert "k=0.5" in listed["minimal"]["signature"]
    _, out, _ = call("models")
    assert "minimal(h=1.0" in out


@pytest.fixture
def plugins(monkeypatch):
    """Two models announced by other packages: one that works, one that cannot be loaded."""
    good = EntryPoint("pair_of_pairs", "qet.physics.models:minimal", catalog.GROUP)
    bad = EntryPoint("broken", "no_such_package:model", catalog.GROUP)
    monkeypatch.setattr(catalog, "entry_points", lambda group: [good, bad] if group == catalog.GROUP else [])


@pytest.mark.usefixtures("plugins")
def test_a_model_of_another_package_is_known_by_name(call):
    own, theirs = data_of(call, "show", "minimal", "--k", "0.9"), data_of(call, "show", "pair_of_pairs", "--k", "0.9")
    assert own["extracted"] == theirs["extracted"]
    assert "pair_of_pairs" in [entry["name"] for entry in data_of(call, "models")]


@pytest.mark.usefixtures("plugins")
def test_a_broken_plug_in_is_reported_by_name_and_hinders_nothing_else(call):
    code, _, err = call("show", "broken")
    assert code == 2
    assert "'broken'" in err
    assert "no_such_package" in err
    assert call("show", "minimal")[0] == 0
    assert "cannot be loaded" in call("models")[1]


def test_about_and_cite_print_what_the_public_words_return(call):
    assert data_of(call, "about")["qet"] == qet.__version__
    assert call("cite", "minimal")[1] == qet.cite("minimal") + "\n"


def test_python_m_qet_is_the_command():
    done = subprocess.run([sys.executable, "-m", "qet", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"qet {qet.__version__}\n"


def test_a_reader_that_stops_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m qet cite | head -n 1", shell=True, capture_output=True, text=True, check=True
    )
    assert done.stdout == "@misc{qet,\n"
    assert done.stderr == ""


def test_reproduce_hands_on_its_words_and_shows_progress(call, monkeypatch):
    """The computation itself is tested with the literature; here only what the command makes of its words."""
    asked = []
    module = types.ModuleType("qet.interfaces.reproduce")
    module.reproduce = lambda name, **options: asked.append((name, options)) or "a report"
    monkeypatch.setitem(sys.modules, "qet.interfaces.reproduce", module)
    assert call("reproduce", "yan2025", "--out", "elsewhere") == (0, "a report\n", "")
    assert asked == [("yan2025", {"out": "elsewhere", "progress": True, "everything": False})]


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_code_1(call, monkeypatch):
    module = types.ModuleType("qet.interfaces.reproduce")
    module.reproduce = lambda name, **options: Path("/no/such/folder/report.md").write_text("")
    monkeypatch.setitem(sys.modules, "qet.interfaces.reproduce", module)
    code, out, err = call("reproduce", "yan2025")
    assert (code, out) == (1, "")
    assert "No such file or directory" in err
    assert err.count("\n") == 1


def test_claims_prints_the_table_as_text_or_as_json(call, monkeypatch):
    table = types.SimpleNamespace(text=lambda: "C1 holds", json=lambda: '{"rows": []}')
    module = types.ModuleType("qet.studies.claims")
    asked = []
    module.claims_table = lambda name, everything: asked.append((name, everything)) or table
    monkeypatch.setitem(sys.modules, "qet.studies.claims", module)
    assert call("claims") == (0, "C1 holds\n", "")
    assert call("claims", "yan2025", "--json") == (0, '{"rows": []}\n', "")
    assert call("claims", "bell", "--all") == (0, "C1 holds\n", "")
    assert asked == [("yan2025", False), ("yan2025", False), ("bell", True)]
