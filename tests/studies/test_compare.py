"""Master equations side by side: the same numbers as one by one, refusals kept apart, labels that last."""

from __future__ import annotations

import json

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, BadParties, ShapeMismatch, UnknownName

pytestmark = pytest.mark.filterwarnings("ignore::qet.foundations.errors.OutsideDomain")  # laws hold at any rate

EVERY = ("redfield", "secular", "local", "leads")
ENERGIES = ("extracted", "teleported", "local", "injected")


def fermions(T=(1.0, 0.2), rate=0.02):
    return [qet.bath(site, T=T[site], rate=rate, statistics="fermion") for site in (0, 1)]


def bosons(T=(1.0, 0.2), rate=0.01):
    return [qet.bath(site, T=T[site], rate=rate) for site in (0, 1)]


def test_every_number_is_that_of_the_theory_asked_alone():
    """Second route: `steady` and `teleport` for each theory; the trace norm by singular values."""
    model, baths = qet.minimal(h=0.9, k=0.3, detuning=0.4), fermions()
    data = qet.compare_masters(model, baths, measure=(0.6, 0.0, 0.8), feedback=qet.feedback("best", axis="Y"))
    states = {master: qet.steady(model, baths, master=master) for master in EVERY}
    for master, state in states.items():
        here = data.sel(master=master)
        run = qet.teleport(state, measure=(0.6, 0.0, 0.8), feedback=qet.feedback("best", axis="Y"))
        for name in ENERGIES:
            assert float(here[name]) == pytest.approx(float(getattr(run, name)), abs=1e-14)
        said = state.diagnostics
        np.testing.assert_allclose(here.heat_current, said.heat_currents, atol=1e-15)
        assert float(here.energy) == pytest.approx(
            float(np.trace(model.matrix() @ state.density_matrix).real), abs=1e-14
        )
        expected = {
            "entropy_production": said.entropy_production,
            "smallest_eigenvalue": said.smallest_eigenvalue,
            "gap": said.gap,
            "validity_to_frequency": said.validity.to_frequency,
            "validity_to_temperature": said.validity.to_temperature,
        }
        for name, value in expected.items():
            assert float(here[name]) == pytest.approx(float(value), abs=1e-15), name
        for other, second in states.items():
            difference = state.density_matrix - second.density_matrix
            distance = 0.5 * np.linalg.svd(difference, compute_uv=False).sum()
            assert float(here.trace_distance.sel(other=other)) == pytest.approx(distance, abs=1e-13)
    assert data.answered.values.tolist() == data.positive.values.tolist() == [1, 1, 1, 1]
    assert set(data.why.values) == {""}


def test_at_weak_coupling_redfield_is_right_and_the_local_equation_is_not():
    """Against exact leads, at k = 0.05 and k = 0.003 with rate 0.02 on both sides of k ~ rate, turns about Y."""
    k = np.array([0.05, 0.003])
    data = qet.compare_masters(qet.minimal(k=k), fermions(), feedback=qet.feedback("best", axis="Y"), dims=("k",))
    exact = data.extracted.sel(master="leads")
    error = (data.extracted / exact - 1.0).transpose("k", "master").sel(master=["redfield", "secular", "local"]).values
    np.testing.assert_allclose(exact, [6.283e-4, 3.291e-6], rtol=2e-4)
    assert np.all(np.abs(error[:, 0]) < 0.015)
    assert np.all(error[:, 2] > 0.5)
    assert abs(error[0, 1]) < 0.01  # secular: right for k well above the rate,
    assert error[1, 1] < -0.25  # wrong below
    np.testing.assert_array_equal(data.k, k)


def test_the_validity_ratios_measure_the_error_of_redfield():
    """400 random pairs against exact leads, as quoted in docs/which-master-equation.md."""
    rng, n = np.random.default_rng(1), 400
    T = np.exp(rng.uniform(np.log(0.1), np.log(2.0), (2, n)))
    k, detuning = np.exp(rng.uniform(np.log(0.02), 0.0, n)), rng.uniform(-1.0, 1.0, n)
    rate = 10.0 ** rng.uniform(-3.0, -1.5, n)
    data = qet.compare_masters(
        qet.minimal(k=k, detuning=detuning), fermions(T=T, rate=rate), masters=("redfield", "leads")
    )
    here, exact = data.sel(master="redfield"), data.sel(master="leads")
    ratio = np.maximum(here.validity_to_frequency, here.validity_to_temperature)
    distance = np.quantile(here.trace_distance.sel(other="leads") / ratio, [0.5, 0.9])
    error = np.quantile(np.abs(here.extracted / exact.extracted - 1.0) / ratio, [0.5, 0.9])
    np.testing.assert_allclose(distance, [0.061, 0.263], atol=0.01)
    np.testing.assert_allclose(error, [0.36, 4.1], rtol=0.1)


def test_redfield_and_leads_meet_linearly_as_the_rate_vanishes():
    rate = np.array([0.02, 0.01, 0.005])
    data = qet.compare_masters(qet.minimal(), fermions(T=(0.9, 0.4), rate=rate), masters=("redfield", "leads"))
    distance = data.trace_distance.sel(master="redfield", other="leads").values
    np.testing.assert_allclose(distance[:-1] / distance[1:], 2.0, rtol=0.02)


def test_at_equilibrium_redfield_and_secular_are_gibbs_and_local_is_not():
    model = qet.minimal(h=1.1, k=0.7, detuning=0.5)
    data = qet.compare_masters(model, bosons(T=(0.6, 0.6)), masters=("redfield", "secular", "local"))
    assert float(data.trace_distance.sel(master="redfield", other="secular")) < 1e-12
    gibbs = qet.gibbs(model, T=0.6)
    energy = float(qet.expect(gibbs, model.H))
    np.testing.assert_allclose(data.energy.sel(master=["redfield", "secular"]), energy, atol=1e-12)
    np.testing.assert_allclose(data.extracted.sel(master="redfield"), qet.teleport(gibbs).extracted, atol=1e-12)
    np.testing.assert_allclose(data.heat_current.sel(master=["redfield", "secular"]), 0.0, atol=1e-14)
    assert float(data.trace_distance.sel(master="redfield", other="local")) > 0.05
    assert np.abs(data.heat_current.sel(master="local")).max() > 1e-4  # it runs heat at equilibrium


def test_the_local_equation_is_seen_to_break_the_second_law():
    """Heat from the cold bath to the hot one, through unequal gaps (Levy and Kosloff, EPL 107, 20004)."""
    data = qet.compare_masters(
        qet.minimal(k=0.1, detuning=1.0), bosons(T=(1.0, 0.8)), masters=("redfield", "secular", "local")
    )
    assert np.all(data.entropy_production.sel(master=["redfield", "secular"]) > 0.0)
    assert float(data.entropy_production.sel(master="local")) < -1e-5
    assert float(data.heat_current.sel(master="local", bath="site 0")) < 0.0


def test_a_batch_equals_its_points():
    k, T = np.array([0.1, 0.6, 1.2]), np.array([0.3, 0.9])
    data = qet.compare_masters(qet.minimal(k=k[:, None]), fermions(T=(T, 0.2)), dims=("k", "T"))
    assert data.sizes["k"] == 3
    assert data.sizes["T"] == 2
    for i, j in np.ndindex(3, 2):
        point = qet.compare_masters(qet.minimal(k=float(k[i])), fermions(T=(float(T[j]), 0.2)))
        for name in (*ENERGIES, "trace_distance", "heat_current", "gap", "energy", "entropy_production"):
            np.testing.assert_allclose(data[name].isel(k=i, T=j), point[name], rtol=1e-9, atol=1e-13, err_msg=name)
    np.testing.assert_array_equal(data.coords["T"], T)
    np.testing.assert_array_equal(data.coords["k"], k)
    np.testing.assert_array_equal(data.coords["bath_T"].sel(bath="site 0").isel(k=1), T)


def test_a_batch_refuses_only_the_points_at_fault():
    """Detuning 2 leaves Bob without a gap, where flat bosons diverge; a lone bath on A leaves k = 0 without a state."""
    detuning, k = np.array([0.0, 2.0, 0.6]), np.array([0.5, 0.0])[:, None]
    data = qet.compare_masters(
        qet.minimal(k=k, detuning=detuning), bosons()[:1], masters=("redfield", "secular", "local"), dims=("k", "d")
    )
    wanted = np.array([[1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(data.answered.sel(master="redfield"), wanted)
    np.testing.assert_array_equal(data.answered.sel(master="secular"), wanted)
    for name in (*ENERGIES, "energy", "gap", "smallest_eigenvalue"):
        np.testing.assert_array_equal(np.isnan(data[name]), data.answered == 0, err_msg=name)
    np.testing.assert_array_equal(data.positive == -1, data.answered == 0)
    np.testing.assert_array_equal(
        np.isnan(data.trace_distance.sel(master="redfield", other="secular")), data.answered.sel(master="redfield") == 0
    )
    why = str(data.why.sel(master="redfield").values)
    assert "DivergentOccupation" in why
    assert "NoUniqueSteadyState" in why
    assert "(first at index (0, 1); 1 of 6 points)" in why
    assert "(first at index (1, 0); 3 of 6 points)" in why  # counted in the whole batch
    alone = qet.teleport(qet.steady(qet.minimal(detuning=0.6), bosons()[:1]))
    assert float(data.extracted.sel(master="redfield").isel(k=0, d=2)) == pytest.approx(
        float(alone.extracted), abs=1e-13
    )


def test_a_theory_that_does_not_offer_the_system_says_why_and_the_others_answer():
    data = qet.compare_masters(qet.minimal(), bosons(), masters=("redfield", "leads", "heom", "gksl"))
    assert data.answered.values.tolist() == [1, 0, 0, 0]
    assert str(data.why.sel(master="leads").values).startswith("NotOffered: leads: ")
    assert "bosonic" in str(data.why.sel(master="leads").values)
    assert str(data.why.sel(master="redfield").values) == ""
    assert np.isnan(data.extracted.sel(master="leads"))
    assert np.isnan(data.heat_current.sel(master="heom")).all()


def test_a_state_that_is_no_density_matrix_keeps_its_numbers_and_says_so():
    rate = np.array([0.01, 3.0])
    data = qet.compare_masters(qet.minimal(), bosons(rate=rate), masters=("redfield", "secular"), dims=("rate",))
    assert data.positive.values.tolist() == [[1, 0], [1, 1]]
    assert data.answered.values.tolist() == [[1, 1], [1, 1]]
    assert float(data.smallest_eigenvalue.sel(master="redfield").isel(rate=1)) < -1e-3
    allowed = qet.steady(qet.minimal(), bosons(rate=3.0), allow=("NotPositive",))
    assert float(data.extracted.sel(master="redfield")[1]) == pytest.approx(float(qet.teleport(allowed).extracted))
    np.testing.assert_array_equal(data.coords["rate"], rate)


def test_the_protocol_may_bring_axes_of_its_own():
    strength = np.array([0.3, 0.7, 1.0])[:, None]
    model = qet.minimal(detuning=np.array([0.0, 2.0]))
    data = qet.compare_masters(
        model, bosons(), masters=("redfield",), measure=qet.measure("X", strength=strength), dims=("s", "detuning")
    )
    assert data.extracted.dims == ("master", "s", "detuning")
    np.testing.assert_array_equal(data.answered.values[0], [[1, 0]] * 3)
    alone = qet.teleport(qet.steady(qet.minimal(), bosons()), measure=qet.measure("X", strength=0.7))
    assert float(data.extracted.isel(master=0, s=1, detuning=0)) == pytest.approx(float(alone.extracted), abs=1e-13)


@pytest.mark.parametrize("rule", ["dominant", "ground"])
def test_a_rule_that_reads_one_level_is_silent_only_where_the_level_is_degenerate(rule):
    """Bob without a gap has a degenerate ground state: flat baths refuse it, ohmic ones leave no rule."""
    model, same = qet.minimal(detuning=np.array([0.1, 2.0, 0.6])), qet.minimal(detuning=0.6)
    for spectrum, answered in (("flat", [1, 0, 1]), ("ohmic", [1, 1, 1])):
        baths = [qet.bath(site, T=T, rate=0.01, spectrum=spectrum) for site, T in ((0, 1.0), (1, 0.2))]
        data = qet.compare_masters(model, baths, masters=("redfield",), feedback=rule)
        assert data.answered.values[0].tolist() == answered
        np.testing.assert_array_equal(np.isnan(data.extracted.values[0]), [False, True, False])
        alone = qet.teleport(qet.steady(same, baths), feedback=rule)
        np.testing.assert_allclose(data.extracted.values[0, 2], alone.extracted, atol=1e-13)
        assert ("DegenerateLevel" in str(data.why.values[0])) == (spectrum == "ohmic")


@pytest.mark.parametrize("most", [1, 2])
def test_what_is_not_offered_of_a_run_is_left_out_with_its_reason(monkeypatch, most):
    """Two sites of Bob: what his operations take out is known; his local optimum may be too large to find."""
    monkeypatch.setattr("qet.protocols.reach.MOST_QUBITS", most)
    model = qet.xxz(3, hz=0.3, A=0, B=(1, 2))
    baths = [qet.bath(site, T=T, rate=0.1, spectrum="ohmic") for site, T in ((0, 1.0), (2, 0.5))]
    flip = qet.feedback(unitaries=[np.eye(4), np.eye(4)[::-1]])
    data = qet.compare_masters(model, baths, masters=("redfield",), feedback=flip)
    alone = qet.teleport(qet.steady(model, baths), feedback=flip)
    assert float(data.extracted[0]) == pytest.approx(float(alone.extracted), abs=1e-13)
    if most == 2:
        assert float(data.local[0]) == pytest.approx(float(alone.local), abs=1e-12)
    else:
        assert np.isnan(data.local[0])
        assert "local: TooLarge" in str(data.why.values[0])


def test_an_empty_batch_gives_an_empty_dataset():
    data = qet.compare_masters(qet.minimal(k=np.array([])), bosons(), masters=("redfield",), dims=("k",))
    assert data.extracted.shape == (1, 0)


def test_bare_jumps_have_no_bath_and_the_same_state_in_every_theory():
    jumps = [qet.jump("-", 0, 1.0), qet.jump("+", 1, 0.5)]
    data = qet.compare_masters(qet.minimal(), jumps, masters=("gksl", "redfield", "local"))
    assert data.sizes["bath"] == 0
    np.testing.assert_allclose(data.trace_distance, 0.0, atol=1e-12)
    assert np.isnan(data.entropy_production).all()


def test_labels_units_and_recipe_survive_a_file(tmp_path):
    xr = pytest.importorskip("xarray")
    model = qet.minimal(k=np.array([0.1, 0.5]))
    data = qet.compare_masters(model, [*fermions(), fermions()[0]], dims=("k",))
    assert data.bath.values.tolist() == ["site 0", "site 1", "site 0 (2)"]
    for name, variable in data.data_vars.items():
        assert variable.attrs["long_name"], name
        assert name == "why" or variable.attrs["units"], name
    assert data.answered.attrs["flag_meanings"] == "refused answered"
    path = tmp_path / "masters.nc"
    data.to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as read:
        xr.testing.assert_equal(read.load(), data)
        again = qet.rerun(json.loads(read.attrs["recipe"]))
    xr.testing.assert_identical(again, data)
    assert data.attrs["source"].startswith(f"qet {qet.__version__}, numpy ")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"masters": ("redfeld",)}, UnknownName, "did you mean 'redfield'"),
        ({"masters": ()}, BadParameter, "at least one"),
        ({"masters": ("local", "local")}, BadParameter, "each once"),
        ({"dims": ("a", "b")}, ShapeMismatch, "names 2 axes"),
        ({"dims": ("extracted",)}, BadParameter, "has that name"),
        ({"measure": "Q"}, UnknownName, "measurement"),
        ({"feedback": "bst"}, UnknownName, "did you mean 'best'"),
        ({"measure": qet.measure("X", strength=[0.1, 0.2, 0.3])}, ShapeMismatch, "do not broadcast"),
    ],
)
def test_a_question_that_is_wrong_for_every_theory_is_an_error(options, error, says):
    with pytest.raises(error, match=says):
        qet.compare_masters(qet.minimal(k=[0.1, 0.2]), bosons(), **options)


def test_baths_outside_the_model_and_things_that_are_no_model_are_errors():
    with pytest.raises(BadParties):
        qet.compare_masters(qet.minimal(), qet.bath(2, T=1.0, rate=0.1))
    with pytest.raises(BadParameter, match="masters is a list"):
        qet.compare_masters(qet.minimal(), qet.bath(0, T=1.0, rate=0.1), masters=3.0)
    with pytest.raises(BadParameter, match="takes a model"):
        qet.compare_masters(qet.ground(qet.minimal()), bosons())
