"""A study as plain data computes what the public words compute, and is known by its data alone."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, NotOffered, UnknownName
from qet.studies.described.data import study_of
from qet.studies.described.outputs import OUTPUTS
from qet.studies.described.resume import resume
from qet.studies.stores.store import Store

BATHS = [{"sites": 0, "T": "T + dT/2", "rate": "gamma"}, {"sites": 1, "T": "T - dT/2", "rate": "2*gamma"}]
STEADY = {"constants": {"dT": 0.4, "gamma": 0.01}, "model": {"detuning": 0.3, "k": "k"}, "bath": BATHS}
EXACT = {"rtol": 0.0, "atol": 1e-15}


def rerun_of(data):
    return qet.rerun(json.loads(data.attrs["recipe"]))


# -- the same as the words --------------------------------------------------------------------------


def test_a_steady_study_gives_the_run_of_the_words():
    study = study_of(STEADY)
    k, T = np.array([0.2, 0.6])[:, None], np.array([0.5, 1.0])
    baths = [qet.bath(0, T=T + 0.2, rate=0.01), qet.bath(1, T=T - 0.2, rate=0.02)]
    run = qet.teleport(qet.steady(qet.minimal(detuning=0.3, k=k), baths))
    np.testing.assert_allclose(study(k=k, T=T).extracted, run.extracted, **EXACT)


@pytest.mark.parametrize(
    ("state", "make"),
    [
        ({}, lambda model: qet.ground(model)),
        ({"kind": "ground", "solver": "dense"}, lambda model: qet.ground(model, solver="dense")),
        ({"T": 0.3}, lambda model: qet.gibbs(model, T=0.3)),
        ({"level": 1}, lambda model: qet.eigenstate(model, 1)),
        ({"kind": "eigenstate", "level": "2 - 1"}, lambda model: qet.eigenstate(model, 1)),
    ],
)
def test_every_kind_of_state_is_the_one_of_the_words(state, make):
    run = study_of({"model": {"h": "h"}, "state": state})(h=0.8)
    assert run == qet.teleport(make(qet.minimal(h=0.8)))


def test_bare_jumps_and_master_equations_are_those_of_the_words():
    data = {"jump": [{"operator": "-", "site": 0, "rate": "g"}, {"operator": "+", "site": 1, "rate": 0.02}]}
    run = qet.teleport(qet.steady(qet.minimal(), [qet.jump("-", 0, 0.1), qet.jump("+", 1, 0.02)]))
    assert study_of(data)(g=0.1).extracted == run.extracted
    partial = study_of({**STEADY, "state": {"master": ["partial", "cut"]}})
    baths = [qet.bath(0, T=1.2, rate=0.01), qet.bath(1, T=0.8, rate=0.02)]
    model = qet.minimal(detuning=0.3, k=0.4)
    made = qet.teleport(qet.steady(model, baths, master=("partial", 0.05)))
    assert partial(k=0.4, T=1.0, cut=0.05).extracted == pytest.approx(made.extracted, abs=1e-15)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ({"measure": "Y"}, {"measure": "Y"}),
        ({"strength": 0.5}, {"measure": qet.measure("X", strength=0.5)}),
        ({"measure": ["sin(t)", 0, "cos(t)"]}, {"measure": (np.sin(0.3), 0.0, np.cos(0.3))}),
        ({"measure": {"observable": "X0"}}, {"measure": qet.measure(observable="X0")}),
        ({"measure": "X0"}, {"measure": qet.measure(observable="X0")}),
        ({"feedback": "channel"}, {"feedback": "channel"}),
        ({"feedback": {"axis": "Y"}}, {"feedback": qet.feedback("best", axis="Y")}),
        ({"feedback": {"policy": "ground", "operations": "unitary"}}, {"feedback": "ground"}),
        ({"feedback": {"angle": "t/2", "axis": "Y"}}, {"feedback": qet.feedback(angle=0.15, axis="Y")}),
        ({"feedback": {"angles": ["t", -0.1]}}, {"feedback": qet.feedback(angles=[0.3, -0.1])}),
        ({"delay": "t"}, {"delay": 0.3}),
        ({"message_error": 0.1}, {"message_error": 0.1}),
        ({"message_error": ["lost", 0.1]}, {"message_error": ("lost", 0.1)}),
        ({"target": "Z1"}, {"target": "Z1"}),
    ],
)
def test_every_protocol_is_the_one_of_the_words(protocol, words):
    study = study_of({"protocol": protocol, "state": {"T": "T"}})
    values = {"T": 0.2, **({"t": 0.3} if "t" in study.names else {})}
    run = qet.teleport(qet.gibbs(qet.minimal(), T=0.2), **words)
    np.testing.assert_allclose(study(**values).extracted, run.extracted, **EXACT)


def test_a_direction_over_two_axes_broadcasts():
    study = study_of({"protocol": {"measure": ["sin(t)", 0, "cos(t)"]}, "model": {"k": "k"}})
    t, k = np.linspace(0.2, 1.5, 3)[:, None], np.array([0.3, 0.5])
    run = study(t=t, k=k)
    assert run.shape == (3, 2)
    one = qet.teleport(qet.ground(qet.minimal(k=0.5)), measure=(np.sin(1.5), 0.0, np.cos(1.5)))
    assert run.extracted[2, 1] == pytest.approx(one.extracted, abs=1e-14)


def test_surroundings_that_stay_on_during_the_delay_are_the_states_own():
    data = {**STEADY, "protocol": {"delay": "t", "surroundings": True}}
    state = qet.steady(qet.minimal(detuning=0.3, k=0.5), [qet.bath(0, T=1.2, rate=0.01), qet.bath(1, T=0.8, rate=0.02)])
    run = qet.teleport(state, delay=1.0, surroundings=state.surroundings)
    assert study_of(data)(k=0.5, T=1.0, t=1.0).extracted == pytest.approx(run.extracted, abs=1e-14)


def test_a_model_of_terms_has_coefficients_over_the_axes():
    terms = {
        "H_A": {"operator": "Z0", "coefficient": "h"},
        "V": [{"operator": "X0 X1", "coefficient": "2*k"}],
        "H_B": "Z1",
    }
    study = study_of({"model": {"terms": terms}})
    run = qet.teleport(qet.ground(qet.model({"H_A": "Z0", "V": "0.8 X0 X1", "H_B": "Z1"})))
    assert study(h=1.0, k=0.4).extracted == pytest.approx(run.extracted, abs=1e-15)
    assert study.names == ("h", "k")


# -- axes -------------------------------------------------------------------------------------------


def test_axes_that_stand_for_sites_are_whole_and_the_others_floats():
    study = study_of({"model": {"name": "ising", "n": "n", "B": "n - 1", "g": "g"}, "axes": {"n": [2, 3], "g": [1, 2]}})
    assert study.axes == {"n": [2, 3], "g": [1.0, 2.0]}
    assert all(isinstance(n, int) for n in study.axes["n"])
    data = study.run()
    assert float(data.extracted[1, 0]) == pytest.approx(
        qet.teleport(qet.ground(qet.ising(3, g=1.0))).extracted, abs=1e-15
    )


def test_ranges_are_even_in_their_scale():
    data = {"model": {"k": "k", "h": "h"}, "constants": {"top": 2.0}}
    axes = {"k": {"from": 0, "to": "top", "points": 5}, "h": {"from": 0.1, "to": 10, "points": 3, "scale": "log"}}
    assert study_of({**data, "axes": axes}).axes == {
        "k": [0.0, 0.5, 1.0, 1.5, 2.0],
        "h": pytest.approx([0.1, 1.0, 10.0]),
    }


def test_an_axis_of_words_is_gone_through():
    data = {**STEADY, "state": {"master": "$master"}, "axes": {"k": [0.5], "T": [1.0], "master": ["redfield", "local"]}}
    found = study_of(data).run()
    baths = [qet.bath(0, T=1.2, rate=0.01), qet.bath(1, T=0.8, rate=0.02)]
    for master in ("redfield", "local"):
        run = qet.teleport(qet.steady(qet.minimal(detuning=0.3, k=0.5), baths, master=master))
        assert float(found.extracted.sel(master=master).squeeze()) == pytest.approx(run.extracted, abs=1e-15)


def test_zipped_and_sampled_axes_are_those_of_the_words():
    data = {"model": {"h": "h", "k": "k"}, "state": {"T": "T"}, "axes": {"T": [0.1, 0.3]}}
    zipped = study_of({**data, "zipped": [{"h": [1, 2], "k": ["0.5", 0.25], "dim": "pair"}]}).run()
    assert zipped.extracted.dims == ("pair", "T")
    run = qet.teleport(qet.gibbs(qet.minimal(h=2.0, k=0.25), T=0.3))
    assert float(zipped.extracted[1, 1]) == pytest.approx(run.extracted, abs=1e-15)
    bounds = {"h": [0.5, 1.5], "k": ["log", 0.1, 1.0]}
    made = study_of({**data, "sampled": {"n": 8, "seed": 3, "bounds": bounds}}).run()
    points = qet.sampled(8, seed=3, h=(0.5, 1.5), k=("log", 0.1, 1.0))
    np.testing.assert_array_equal(made.h, points.values["h"])
    np.testing.assert_array_equal(made.k, points.values["k"])


# -- outputs ----------------------------------------------------------------------------------------


def test_every_output_is_offered_by_a_steady_state_or_says_why_not():
    study = study_of({**STEADY, "output": {"variables": list(OUTPUTS)}, "axes": {"k": [0.3, 0.5], "T": [0.5, 1.0]}})
    data = study.run()
    assert set(data.data_vars) == set(OUTPUTS)
    assert data.heat_currents.dims == ("k", "T", "reservoir")
    for name in OUTPUTS:
        assert np.isfinite(data[name]).all() or "not_offered" in data[name].attrs or name == "iqc", name
        assert data[name].attrs["long_name"]
    baths = [qet.bath(0, T=1.2, rate=0.01), qet.bath(1, T=0.8, rate=0.02)]
    run = qet.teleport(qet.steady(qet.minimal(detuning=0.3, k=0.5), baths))
    assert float(data.holevo_B[1, 1]) == pytest.approx(qet.information(run).holevo_B, abs=1e-14)
    np.testing.assert_allclose(data.heat_currents[1, 1], run.state.diagnostics.heat_currents, rtol=0, atol=1e-15)


def test_outputs_of_a_state_without_reservoirs_say_that_they_are_not_offered():
    data = study_of({"model": {"k": "k"}, "output": {"variables": ["validity"]}, "axes": {"k": [0.5]}}).run()
    assert np.isnan(data.validity).all()
    assert "no reservoirs" in data.validity.attrs["not_offered"]


# -- identity, recipes ------------------------------------------------------------------------------


def test_a_dataset_of_a_study_is_made_again_from_its_recipe():
    data = study_of({**STEADY, "axes": {"k": [0.3, 0.5], "T": {"from": 0.5, "to": 1.0, "points": 3}}}).run()
    assert rerun_of(data).identical(data)


def test_zipped_sampled_words_and_recorded_refusals_are_made_again_too():
    data = {
        **STEADY,
        "state": {"master": "$master"},
        "study": {"title": "all", "errors": "record"},
        "model": {"k": "k", "detuning": "d"},
        "zipped": [{"d": [0.1, 0.2]}],
        "sampled": {"n": 4, "dim": "point", "bounds": {"k": [0.1, 1.0]}},
        "axes": {"master": ["redfield", "secular"], "T": [0.1, 0.5, 1.0]},
    }
    found = study_of(data).run()
    assert np.isnan(found.extracted.sel(T=0.1)).all()
    assert np.isfinite(found.extracted.sel(T=0.5)).all()
    assert rerun_of(found).identical(found)


def test_a_study_is_its_data():
    study = study_of({**STEADY, "axes": {"k": [0.5], "T": [1.0]}})
    assert pickle.loads(pickle.dumps(study)) == study
    assert qet.rerun(study.recipe) == study
    assert eval(repr(study), {"qet": qet}) == study
    assert hash(study) == hash(study_of(study.data))
    assert study.point != study
    assert study.point == study_of({**STEADY, "axes": {"k": [0.1], "T": [1.0]}}).point


def test_what_a_caller_does_to_his_data_later_is_his():
    data = {"model": {"k": "k"}}
    study = study_of(data)
    data["model"]["k"] = "other"
    assert study.names == ("k",)


@pytest.mark.parametrize("name", ["word", "re"])
def test_names_that_recipes_use_themselves_are_names_like_others(name):
    data = {"constants": {"re": 0.5, "im": 0.25} if name == "re" else {"word": "2*0.25"}, "model": {"k": name}}
    study = study_of({**data, "state": {"T": "T"}, "axes": {"T": [0.3]}})
    assert rerun_of(study.run()).identical(study.run())
    assert float(study(T=0.3).extracted) == pytest.approx(qet.teleport(qet.gibbs(qet.minimal(), T=0.3)).extracted)


def test_a_point_without_a_value_for_an_axis_is_refused_by_name():
    with pytest.raises(BadParameter, match="needs a value for k, T"):
        study_of(STEADY)()


def test_a_sweep_of_a_study_refuses_an_axis_that_nothing_depends_on():
    with pytest.raises(UnknownName, match="'kk'; did you mean 'k'"):
        qet.sweep(study_of({"model": {"k": "k"}}), k=[0.5], kk=[1.0])


def test_a_section_that_is_not_known_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="'modell'; did you mean 'model'"):
        study_of({"modell": {}})


# -- stores -----------------------------------------------------------------------------------------


def test_a_part_of_a_store_is_gone_on_with_from_the_store_alone(tmp_path):
    study = study_of({**STEADY, "axes": {"k": [0.3, 0.5], "T": [0.5, 0.7, 1.0]}, "study": {"chunks": 2}})
    path = tmp_path / "map.zarr"
    part = study.run(out=path, shard="1/3", progress=False)
    assert "unfinished" in part.attrs
    whole = resume(path, progress=False)
    assert "unfinished" not in whole.attrs
    memory = study.run()
    for name in memory.data_vars:
        np.testing.assert_array_equal(whole[name], memory[name])
    assert rerun_of(whole).extracted.equals(memory.extracted)


def test_the_same_study_goes_on_and_another_is_refused_by_what_differs(tmp_path):
    path = tmp_path / "map.zarr"
    axes = {"k": [0.3, 0.5], "T": [0.5]}
    study_of({**STEADY, "axes": axes}).run(out=path, progress=False)
    study_of({**STEADY, "axes": axes}).run(out=path, progress=False)
    other = {**STEADY, "constants": {"dT": 0.4, "gamma": 0.02}, "axes": axes}
    with pytest.raises(qet.errors.OtherStudy, match=r"gamma.*0\.02 here, 0\.01 there"):
        study_of(other).run(out=path, progress=False)


def test_the_store_of_a_function_says_to_run_the_command_again(tmp_path):
    path = tmp_path / "map.zarr"

    def taken(k):
        return qet.teleport(qet.ground(qet.minimal(k=k)))

    qet.sweep(taken, k=[0.1, 0.5], out=path, progress=False)
    assert Store.open(path).header["point"]["name"] == "taken"
    with pytest.raises(NotOffered, match="Python function 'taken'.*Run the command that made it again"):
        resume(path)
