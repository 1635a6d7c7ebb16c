"""How a sweep is cut changes neither its points nor, beyond rounding, its numbers."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, NotPositive, UnknownName, refuse_where
from qet.studies.sweeps import progress
from qet.studies.sweeps.axes import grid_of
from qet.studies.sweeps.chunks import Chunks
from qet.studies.sweeps.plan import MOST_LOOPED, POINTS, plan
from qet.studies.sweeps.progress import Progress

G, T = np.array([0.5, 1.0, 1.7, 2.0, 2.2]), np.array([0.1, 0.4, 0.9])


def chain(n, g, T):
    return qet.teleport(qet.gibbs(qet.ising(n, g=g), T=T))


def lengths(chunks, **axes):
    grid = grid_of(axes, ())
    return dict(zip([axis.name for axis in grid.stored], plan(grid, chunks).lengths, strict=True))


@pytest.mark.parametrize("shape", [(7,), (4, 5), (3, 1, 6), (2, 3, 2, 5)])
def test_chunks_tile_the_box(shape):
    rng = np.random.default_rng(0)
    for _ in range(5):
        chunks = Chunks(shape, tuple(int(rng.integers(1, n + 2)) for n in shape))
        seen = np.zeros(shape, dtype=int)
        for number in range(len(chunks)):
            seen[chunks.region(number)] += 1
        assert (seen == 1).all()


def test_the_plan_holds_chunks_to_their_size_whatever_the_axes():
    rng = np.random.default_rng(1)
    for _ in range(200):
        shape = tuple(int(10 ** rng.uniform(0, 4)) for _ in range(rng.integers(1, 4)))
        axes = {f"x{i}": np.arange(n) + 0.5 for i, n in enumerate(shape)}
        found = lengths("auto", **axes)
        assert np.prod(list(found.values())) <= POINTS
        assert np.prod(list(found.values())) >= min(np.prod(shape), POINTS) / 2 ** len(shape)
        most = int(10 ** rng.uniform(0, 5))
        assert np.prod(list(lengths(most, **axes).values())) <= most


def test_a_map_of_a_million_points_is_a_few_calls_and_looped_values_are_chunks_of_their_own():
    x = np.linspace(0.1, 1.0, 1000)
    assert lengths("auto", x=x, y=x) == {"x": 250, "y": 1000}
    assert lengths("auto", x=x[:500], y=x[:500]) == {"x": 500, "y": 500}
    assert lengths("auto", x=x, n=[2, 3, 4]) == {"n": 1, "x": 1000}
    assert lengths("auto", n=range(100), B=range(5)) == {"n": 1, "B": 1}
    many = grid_of({"n": range(200), "B": range(70)}, ())
    assert MOST_LOOPED / 2 < len(plan(many, "auto")) <= MOST_LOOPED
    assert lengths({"x": 7}, x=x, y=x) == {"x": 7, "y": 1000}
    assert lengths({"x": 1000}, x=x, y=x) == {"x": 1000, "y": 250}
    assert lengths({"n": 3}, x=x, n=range(7)) == {"n": 3, "x": 1000}
    assert lengths(1, x=x, n=range(7)) == {"n": 1, "x": 1}


@pytest.mark.parametrize("chunks", [1, 2, 7, 15, 16, 10**9, {"g": 2}, {"n": 2, "T": 1}, {"n": 1, "g": 4, "T": 2}])
@pytest.mark.parametrize("errors", ["raise", "record"])
def test_chunks_of_any_size_give_the_same_numbers(chunks, errors):
    """To the last bits, which depend on how NumPy goes through arrays of different lengths."""
    whole = qet.sweep(chain, g=G, n=[2, 4], T=T, errors=errors)
    cut = qet.sweep(chain, g=G, n=[2, 4], T=T, errors=errors, chunks=chunks)
    assert set(cut.variables) == set(whole.variables)
    for name, found in cut.data_vars.items():
        assert found.dims == whole[name].dims
        assert found.dtype == whole[name].dtype
        if name == "why":
            assert (found == "").all()
        else:
            np.testing.assert_allclose(found, whole[name], rtol=1e-11, atol=1e-14)
    again = qet.sweep(chain, g=G, n=[2, 4], T=T, errors=errors, chunks=chunks)
    assert again.identical(cut)


def test_chunks_may_cut_a_group_by_its_dimension_or_a_parameter():
    points = qet.sampled(40, h=(0.5, 1.5), k=(0.1, 1.0))
    calls = []

    def pair(h, k):
        calls.append(h.size)
        return qet.teleport(qet.ground(qet.minimal(h=h, k=k))).extracted

    whole = qet.sweep(pair, points)
    for chunks in ({"sample": 16}, {"k": 16}, 16):
        calls.clear()
        cut = qet.sweep(pair, points, chunks=chunks)
        assert sum(calls) == 40
        assert max(calls) <= 16
        np.testing.assert_allclose(cut.pair, whole.pair, rtol=1e-13)


def test_refused_points_are_the_same_however_the_sweep_is_cut():
    def refuses(g, B):
        return qet.teleport(qet.ground(qet.ising(4, g=g, B=B)))

    g = np.array([1.0, 0.0, 0.5, 0.0, 3.0])
    whole = qet.sweep(refuses, g=g, B=[0, 2, 3], errors="record")
    for chunks in (1, 2, {"B": 3, "g": 2}, {"g": 3}):
        cut = qet.sweep(refuses, g=g, B=[0, 2, 3], errors="record", chunks=chunks)
        np.testing.assert_array_equal(cut.why != "", whole.why != "")
        np.testing.assert_allclose(cut.extracted, whole.extracted, rtol=1e-12)
        assert str(cut.why.sel(B=0)[0].item()).startswith("BadParties: ")


def test_a_region_that_is_refused_costs_calls_along_its_edge_only():
    def half(g, T):
        half.calls += 1
        refuse_where(g + 0 * T < 1.0, NotPositive, lambda at: f"g is too small at {at}")
        return g * T

    g, T = np.linspace(0.1, 2.0, 64), np.linspace(0.1, 1.0, 50)
    half.calls = 0
    data = qet.sweep(half, g=g, T=T, errors="record")
    assert half.calls <= 2 * 50  # of 64 * 50 points, 50 along the edge
    np.testing.assert_array_equal(np.isnan(data.half), (g < 1.0)[:, None] | np.zeros(50, bool))
    np.testing.assert_array_equal(data.why == "", ~np.isnan(data.half))
    assert {text for text in data.why.values.ravel() if text} == {"NotPositive: g is too small at (0, 0)"}


@pytest.mark.parametrize("chunks", ["auto", 2])
def test_a_variable_is_as_wide_as_its_widest_value(chunks):
    data = qet.sweep(lambda n: {2: 1, 3: 0.5, 4: 2.0 + 1.0j}[n], n=[2, 3, 4], chunks=chunks)
    assert data["value"].values.tolist() == [1.0, 0.5, 2.0 + 1.0j]


def test_variables_choose_the_numbers_of_runs_and_leave_the_others():
    data = qet.sweep(chain, g=G, n=2, T=0.3, variables=("resolved", "extracted"))
    assert list(data.data_vars) == ["extracted", "resolved"]
    assert "variables" in data.attrs["recipe"]
    data = qet.sweep(lambda g: {"run": chain(2, g, 0.3), "g2": g * g}, g=G, variables="injected")
    assert list(data.data_vars) == ["run_injected", "g2"]
    with pytest.raises(UnknownName, match="no number of a run 'extractd'; did you mean 'extracted'"):
        qet.sweep(chain, g=G, n=2, T=0.3, variables=("extractd",))
    with pytest.raises(BadParameter, match="variables= is empty"):
        qet.sweep(chain, g=G, n=2, T=0.3, variables=())


@pytest.mark.parametrize("chunks", [0, -3, 2.5, "all", True, None, {"g": 0}, {"g": "x"}])
def test_chunks_that_make_no_sense_are_refused(chunks):
    with pytest.raises(BadParameter, match=r'chunks( along g)? is .*; give "auto"'):
        qet.sweep(chain, g=G, n=2, T=0.3, chunks=chunks)


def test_other_words_that_make_no_sense_are_refused():
    with pytest.raises(UnknownName, match="no axis of the sweep 'gg'"):
        qet.sweep(chain, g=G, n=2, T=0.3, chunks={"gg": 2})
    with pytest.raises(UnknownName, match="no engine 'process'; did you mean 'processes'"):
        qet.sweep(chain, g=G, n=2, T=0.3, engine="process")
    with pytest.raises(UnknownName, match="no engine 3"):
        qet.sweep(chain, g=G, n=2, T=0.3, engine=3)
    for workers in (0, 2.0, True):
        with pytest.raises(BadParameter, match="workers is how many"):
            qet.sweep(chain, g=G, n=2, T=0.3, workers=workers)
    with pytest.raises(BadParameter, match="progress is None, True or False"):
        qet.sweep(chain, g=G, n=2, T=0.3, progress="bar")
    with pytest.raises(BadParameter, match='give out="map.zarr" beside shard='):
        qet.sweep(chain, g=G, n=2, T=0.3, shard="1/2")


# -- progress ----------------------------------------------------------------------------------


def test_without_a_terminal_the_log_tells_every_half_minute(caplog, capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with caplog.at_level(logging.INFO, "qet"), Progress("chain", 400, done=100) as bar:
        for _ in range(100):
            now[0] += 1.0
            bar.advance()
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "chain: 130 of 400 chunks done after 30 s, about 4 min 30 s left",
        "chain: 160 of 400 chunks done after 1 min 0 s, about 4 min 0 s left",
        "chain: 190 of 400 chunks done after 1 min 30 s, about 3 min 30 s left",
    ]
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_on_request_on_the_errors_stream_and_silence_is_silent(capsys, caplog):
    qet.sweep(lambda g: g, g=G, chunks=2, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err
    with caplog.at_level(logging.INFO, "qet"):
        qet.sweep(lambda g: g, g=G, chunks=2, progress=False)
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_at_a_terminal_the_bar_comes_only_for_long_work(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    with Progress("chain", 2) as bar:
        bar.advance()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Progress("chain", 2) as bar:
        bar.timer.join()
        bar.advance(has_refused=True)
    assert "1/2" in (err := capsys.readouterr().err)
    assert "1 with refused points" in err
