"""A sweep is its function at every point, with names: whatever is vectorized, looped, refused or missing."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

import qet
from qet.foundations.errors import (
    BadParameter,
    BadParties,
    DegenerateLevel,
    NotOffered,
    ShapeMismatch,
    UnknownName,
)
from qet.studies.sweeps import variables as sweep_variables

G, T = np.array([0.5, 1.0, 1.7, 2.0]), np.array([0.1, 0.4])
NUMBERS = (*sweep_variables.RUN_ENERGIES, *sweep_variables.RUN_NUMBERS)


def chain(n, g, T=0.3, B=None):
    return qet.teleport(qet.gibbs(qet.ising(n, g=g, B=B), T=T))


@pytest.mark.parametrize("order", [("n", "g", "T"), ("g", "T", "n"), ("T", "n", "g")])
def test_every_point_is_the_function_there_whatever_the_order_of_the_axes(order):
    axes = {"n": [2, 4], "g": G, "T": T}
    data = qet.sweep(chain, **{name: axes[name] for name in order})
    assert tuple(data.extracted.dims) == order
    assert set(data.data_vars) == set(NUMBERS)
    for n, g, t in product(*axes.values()):
        run = chain(n, g, t)
        for name in NUMBERS:
            found = data[name].sel(n=n, g=g, T=t).item()
            assert found == pytest.approx(getattr(run, name), rel=1e-9, abs=1e-14), name


def test_float_axes_are_one_call_and_broadcast_each_along_its_own_dimension():
    seen = []

    def point(B, g, name, T):
        seen.append((B, name, np.shape(g), np.shape(T)))
        return g * T + B

    data = qet.sweep(point, B=[1, 2], g=G, name=["a", "b"], T=T)
    assert seen == [(B, name, (4, 1), (1, 2)) for B in (1, 2) for name in "ab"]
    assert data.point.dims == ("B", "g", "name", "T")
    np.testing.assert_array_equal(data.point.sel(B=2, name="a"), G[:, None] * T + 2)


def test_a_float_axis_is_looped_on_request_only():
    def branching(T, g):
        return g if T > 0.2 else -g

    with pytest.raises(ValueError, match="ambiguous") as caught:
        qet.sweep(branching, T=T, g=G)
    assert "in sweep at T = 0.1 .. 0.4, g = 0.5 .. 2.0" in caught.value.__notes__[0]
    for loop in ("T", ("T",)):
        data = qet.sweep(branching, T=T, g=G, loop=loop)
        np.testing.assert_array_equal(data.branching, [-G, G])
    types = set()
    qet.sweep(lambda T: types.add(type(T)) or 1.0, T=T, loop="T")
    assert types == {float}


def test_one_value_makes_no_dimension():
    data = qet.sweep(chain, n=3, g=G, T=0.2)
    assert dict(data.sizes) == {"g": 4}
    assert (data.coords["n"], data.coords["T"]) == (3, 0.2)
    np.testing.assert_allclose(data.extracted, chain(3, G, 0.2).extracted, rtol=1e-12)


def test_values_that_are_no_numbers_are_looped_and_labeled_by_their_text():
    directions = ["X", (0.0, 1.0, 0.0)]
    state = qet.ground(qet.ising(4))
    data = qet.sweep(
        lambda measure, B: qet.teleport(state.between(0, B), measure=measure), measure=directions, B=[2, (2, 3)]
    )
    assert data.measure.values.tolist() == ["X", "(0.0, 1.0, 0.0)"]
    assert data.B.values.tolist() == ["2", "(2, 3)"]
    np.testing.assert_allclose(
        data.extracted[1, 0], qet.teleport(state.between(0, 2), measure="Y").extracted, rtol=1e-12
    )
    flags = qet.sweep(lambda periodic: len(qet.ising(4, periodic=periodic).terms), periodic=[False, True])
    assert flags.periodic.dtype == bool
    assert flags["value"].values.tolist() == [7, 8]


def test_one_state_serves_all_distances():
    state = qet.ground(qet.ising(8, g=1.0))
    data = qet.sweep(lambda B: qet.teleport(state.between(1, B)), B=range(2, 8))
    slow = [qet.teleport(qet.ground(qet.ising(8, A=1, B=B))).extracted for B in range(2, 8)]
    np.testing.assert_allclose(data.extracted, slow, rtol=1e-9, atol=1e-15)


def test_a_mapping_gives_its_names_and_arrays_bear_the_names_of_their_axes():
    def point(n, g):
        state = qet.ground(qet.ising(4, g=g))
        z = np.stack([qet.expect(state, f"Z{j}") for j in range(4)], axis=-1)
        return {
            "near": qet.teleport(state.between(0, 1)),
            "Z": ("site", z, {"units": "1"}),
            "n2": n * n,
            "phase": 1j * g,
        }

    data = qet.sweep(point, g=G, n=[1, 2])
    assert data.near_extracted.dims == ("g", "n")
    assert data["Z"].dims == ("g", "n", "site")
    assert data["Z"].attrs == {"long_name": "Z", "units": "1"}
    assert data.n2.values.tolist() == [[1, 4]] * 4
    assert data["phase"].dtype == complex
    np.testing.assert_allclose(
        data["Z"][2, 0], [qet.expect(qet.ground(qet.ising(4, g=1.7)), f"Z{j}") for j in range(4)], rtol=1e-12
    )


def test_a_dataset_says_what_it_holds_and_where_it_comes_from():
    data = qet.sweep(chain, n=3, g=G, T=T)
    assert data.extracted.attrs == {"long_name": "energy that Bob's operation takes out", "units": "energy"}
    assert data.resolved.dtype == bool
    assert data.efficiency.attrs["units"] == "1"
    recipe = json.loads(data.attrs["recipe"])
    assert (recipe["word"], recipe["point"]["name"], recipe["g"]) == ("sweep", "chain", G.tolist())
    assert len(recipe["point"]["source"]) == 16
    run = qet.rerun(json.loads(data.attrs["recipe_of_run"]))
    np.testing.assert_array_equal(run.extracted, data.extracted)
    with pytest.raises(BadParameter, match=r"Call qet.sweep\(point"):
        qet.rerun(recipe)
    assert "recipe_of_run" not in qet.sweep(chain, n=[2, 3], g=G).attrs
    target = qet.sweep(lambda g: qet.teleport(qet.ground(qet.ising(3, g=g)), target="Z2"), g=G)
    assert target.extracted.attrs["units"] == "of the target"


def test_a_dataset_survives_a_file(tmp_path):
    data = qet.sweep(chain, n=[2, 3], g=G, T=0.3, errors="record")
    data.to_netcdf(tmp_path / "sweep.nc", engine="h5netcdf")
    import xarray as xr

    with xr.open_dataset(tmp_path / "sweep.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), data)


def refuses(g, B, T=0.0):
    return qet.teleport(qet.ground(qet.ising(4, g=g, B=B)))


def test_an_error_names_the_point():
    with pytest.raises(DegenerateLevel, match=r"B = 3, g = 0.0, T = 0.1 \(index \(1, 2, 0\)\)") as caught:
        qet.sweep(lambda B, g, T: refuses(np.where(B == 3, g, 1.0) + 0 * T, B), B=[2, 3], g=[1.0, 0.5, 0.0], T=T)
    np.testing.assert_array_equal(caught.value.mask, [[False] * 2, [False] * 2, [True] * 2])
    with pytest.raises(BadParties, match=r"g = 0.5 .. 2.0, B = 0 \(index \(:, 0\)\)"):
        qet.sweep(refuses, g=G, B=[0, 2])


def test_refused_points_are_recorded_and_the_others_kept():
    g = np.array([1.0, 0.0, 0.5, 2.0, 3.0])
    data = qet.sweep(refuses, g=g, B=[0, 2, 3], errors="record")
    is_missing = (g == 0.0)[:, None] | (np.array([0, 2, 3]) == 0)
    np.testing.assert_array_equal(np.isnan(data.extracted), is_missing)
    np.testing.assert_array_equal(np.isnan(data.resolved), is_missing)
    np.testing.assert_array_equal(data.why != "", is_missing)
    assert str(data.why.sel(g=0.0, B=2).item()).startswith("DegenerateLevel: ")
    assert str(data.why.sel(g=1.0, B=0).item()).startswith("BadParties: ")
    np.testing.assert_allclose(data.extracted.sel(B=3)[[0, 2, 3, 4]], refuses(g[[0, 2, 3, 4]], 3).extracted, rtol=1e-9)
    with pytest.raises(BadParties):
        qet.sweep(refuses, g=G, B=[0], errors="record")


def test_mistakes_of_the_function_itself_are_not_recorded():
    with pytest.raises(ZeroDivisionError) as caught:
        qet.sweep(lambda n: 1 / n, n=[1, 0], errors="record")
    assert caught.value.__notes__ == ["in sweep at n = 0 (index (1))"]


def test_a_number_that_a_representation_does_not_offer_is_nan_with_the_reason(monkeypatch):
    def refuse(self):
        raise NotOffered("not here")

    monkeypatch.setattr(qet.Run, "leak", property(refuse))
    data = qet.sweep(chain, n=3, g=G)
    assert np.isnan(data.leak).all()
    assert data.leak.attrs["not_offered"] == "not here"
    assert not np.isnan(data.extracted).any()


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.sweep(chain, n=[2], gg=G), UnknownName, "no parameter of chain 'gg'; did you mean 'g'"),
        (lambda: qet.sweep(chain, n=[2]), BadParameter, r"chain also needs g: give its values, g=\[...\]"),
        (lambda: qet.sweep(chain, n=2, g=1.0), BadParameter, "at least one axis"),
        (lambda: qet.sweep(chain, n=2, g=[]), BadParameter, "axis g has no values"),
        (lambda: qet.sweep(chain, n=2, g=np.ones((2, 2))), ShapeMismatch, r"axis g.*\(2, 2\)"),
        (lambda: qet.sweep(chain, n=2, g=[0.5, np.nan]), BadParameter, "g must be finite"),
        (lambda: qet.sweep(chain, n=2, g=G, loop=("t",)), UnknownName, "no axis of the sweep 't'"),
        (lambda: qet.sweep(chain, n=2, g=G, errors="ignore"), UnknownName, "'ignore'"),
        (lambda: qet.sweep("chain", g=G), BadParameter, "takes a function"),
        (lambda: qet.sweep(lambda g: None, g=G), BadParameter, "a point gives a Run, a number"),
        (lambda: qet.sweep(lambda g: {}, g=G), BadParameter, "empty mapping"),
        (lambda: qet.sweep(lambda g: {"g": g}, g=G), BadParameter, "'g' names two things"),
        (lambda: qet.sweep(lambda g: {"a": ("g", g)}, g=G), BadParameter, "'g' names two things"),
        (lambda: qet.sweep(lambda g: np.ones((4, 3)), g=G), ShapeMismatch, r"value has shape \(4, 3\).*loop="),
        (lambda: qet.sweep(lambda n: {str(n): 1.0}, n=[1, 2]), BadParameter, "the same names everywhere"),
        (lambda: qet.sweep(lambda n: {"a": ("x", np.ones(n))}, n=[1, 2]), ShapeMismatch, "axes of one length"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
