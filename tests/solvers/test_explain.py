"""What is explained is what is done: the solver, the memory, the reasons, without solving anything."""

from __future__ import annotations

import re

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, BadParties, NotOffered, TooLarge, UnknownName
from qet.solvers import choose

SHORT = [
    (qet.ground, qet.minimal(), {}),
    (qet.ground, qet.minimal(k=np.linspace(0.1, 1.0, 600)), {}),
    (qet.ground, qet.model({"a": "Z0 + 0.2 X0", "ab": "0.3 X0 X1", "b": "0.7 Z1"}), {}),
    (qet.ground, qet.model({"a": "Z0 + 0.2 X0", "ab": qet.pauli("X0 X1", coefficient=np.linspace(0.1, 1, 600))}), {}),
    (qet.ground, qet.ising(5), {}),
    (qet.ground, qet.minimal(), {"solver": "dense"}),
    (qet.ground, qet.ising(9), {"solver": "dense"}),
    (qet.eigenstate, qet.ising(4), {"level": 3}),
    (qet.gibbs, qet.minimal(), {"T": 0.3}),
    (qet.gibbs, qet.xxz(4), {"T": np.array([0.3, 0.5])}),
    (qet.gibbs, qet.xxz(9), {"T": 0.3}),
]


@pytest.mark.parametrize(("word", "model", "options"), SHORT)
def test_the_solver_explained_is_the_solver_used(word, model, options):
    told = qet.explain(word, model, **options)
    assert told.solver == word(model, **options).solver
    assert told == qet.explain(word.__name__, model, **options)
    assert told.why in {route.why for route in told.routes if route.solver == told.solver}
    assert 0.0 < told.memory < choose.MEMORY_LIMIT


def surroundings(kind, n):
    if kind == "baths":
        return [qet.bath(0, T=1.0, rate=0.1), qet.bath(n - 1, T=0.2, rate=0.1)]
    return [qet.jump("-", site, 0.1 + 0.1 * site) for site in range(n)]


@pytest.mark.parametrize(
    ("n", "kind", "options"),
    [
        (2, "baths", {}),
        (2, "baths", {"solver": "iterative"}),
        (3, "baths", {"master": "local"}),
        (3, "jumps", {}),
        (3, "jumps", {"solver": "dense"}),
        (3, "baths", {"master": "secular"}),
        (3, "baths", {"master": ("partial", 0.1)}),
        (6, "jumps", {}),
        (6, "baths", {}),
    ],
)
def test_the_solver_explained_is_the_solver_used_for_steady_states(n, kind, options):
    things = surroundings(kind, n)
    model = qet.ising(n, J=0.7)
    told = qet.explain(qet.steady, model, things, **options)
    assert told.solver == qet.steady(model, things, **options, allow=("OutsideDomain", "NotPositive")).solver


@pytest.mark.parametrize(
    ("n", "kind", "master", "solver"),
    [
        (5, "baths", "local", "elimination"),
        (5, "jumps", "gksl", "elimination"),
        (5, "baths", "redfield", "dense"),
        (6, "baths", "redfield", "iterative"),
        (6, "baths", "local", "iterative"),
        (6, "baths", ("partial", 0.1), "dense"),
        (9, "baths", "redfield", None),
    ],
)
def test_the_usual_solver_of_a_steady_state_follows_from_its_size_and_equation(n, kind, master, solver):
    assert qet.explain(qet.steady, qet.ising(n, J=0.7), surroundings(kind, n), master=master).solver == solver


def test_the_exact_equations_are_their_own_routes():
    leads = [qet.bath(site, T=1.0, rate=0.1, statistics="fermion", full_band=True) for site in (0, 1)]
    told = qet.explain(qet.steady, qet.xy(2, Jx=0.5, Jy=0.5), leads, master="leads")
    assert told.solver == "leads"
    assert [route.solver for route in told.routes] == ["leads"]
    assert qet.explain(qet.steady, qet.minimal(), surroundings("baths", 2), master="heom").solver == "heom"
    refused = qet.explain(qet.steady, qet.ising(5), surroundings("baths", 5), master="heom")
    assert refused.solver is None
    assert "goes up to 3" in refused.why


def test_oscillators_have_one_route():
    chain = qet.harmonic(20)
    for told in (qet.explain(qet.ground, chain), qet.explain(qet.gibbs, chain, T=np.array([0.1, 0.2]))):
        assert [route.solver for route in told.routes] == [told.solver] == ["normal modes"]
    with pytest.raises(NotOffered, match="one route, by normal modes"):
        qet.explain(qet.ground, chain, solver="dense")
    for word, options in ((qet.ground, {}), (qet.gibbs, {"T": 1.0})):
        with pytest.raises(BadParameter, match=f"{word.__name__} takes a model"):
            qet.explain(word, "ising", **options)


def test_nothing_is_solved(monkeypatch):
    def fail(*args, **options):
        pytest.fail("explain solved something")

    for path in ("eigh", "eigvalsh", "eig", "solve", "svd"):
        monkeypatch.setattr(np.linalg, path, fail)
    qet.explain(qet.ground, qet.ising(6))
    qet.explain(qet.gibbs, qet.ising(6), T=1.0)
    qet.explain(qet.steady, qet.ising(4), surroundings("baths", 4))


def test_where_a_word_refuses_the_explanation_has_its_words():
    cases = [
        (qet.ground, (qet.ising(3),), {"solver": "closed form"}, NotOffered),
        (qet.gibbs, (qet.ising(14),), {"T": 0.1, "solver": "dense"}, TooLarge),
        (qet.gibbs, (qet.ising(13, hx=0.1),), {"T": 0.1, "solver": "dense"}, NotOffered),
        (qet.gibbs, (qet.ising(9),), {"T": 0.0, "solver": "typicality"}, NotOffered),
        (qet.gibbs, (qet.ising(20),), {"T": 1.0, "solver": ("typicality", 10**6)}, TooLarge),
    ]
    for word, args, options, error in cases:
        told = qet.explain(word, *args, **options)
        assert told.solver is None
        assert np.isnan(told.memory)
        with pytest.raises(error) as caught:
            word(*args, **options)
        assert str(caught.value) == told.why
        assert told.why in str(told)
    told = qet.explain(qet.steady, qet.ising(7), surroundings("baths", 7), solver="dense")
    assert told.solver is None
    assert "up to 6 sites" in told.why
    told = qet.explain(qet.steady, qet.ising(3), surroundings("baths", 3), solver="chains")
    assert told.solver is None
    assert "jumps alone" in told.why


def test_the_table_has_every_route_with_memory_and_a_reason():
    told = qet.explain(qet.ground, qet.ising(6))
    lines = str(told).splitlines()
    assert lines[0] == "ground: solver 'dense', about 192 KiB"
    assert [line.split()[0] for line in lines[1:]] == [route.solver.split()[0] for route in told.routes]
    assert sum("taken: all levels" in line and "not taken" not in line for line in lines) == 1
    assert "not taken: it is for two qubits" in str(told)
    assert told._repr_html_().count("<tr>") == len(told.routes) + 1
    assert repr(told) == "<ground by dense: all levels, by LAPACK>"
    assert "refuses" in repr(qet.explain(qet.ground, qet.ising(3), solver="closed form"))


def test_memory_grows_with_the_points_of_a_batch_and_with_a_bond_dimension():
    few = qet.explain(qet.gibbs, qet.ising(5), T=np.ones(10))
    many = qet.explain(qet.gibbs, qet.ising(5), T=np.ones(1000))
    assert many.memory == 100 * few.memory
    usual = qet.explain(qet.gibbs, qet.ising(12), T=1.0, solver="typicality")
    assert qet.explain(qet.gibbs, qet.ising(12), T=1.0, solver=("typicality", 64)).memory == 4 * usual.memory
    pytest.importorskip("tenpy")
    usual = qet.explain(qet.ground, qet.ising(12), solver="mps")
    assert qet.explain(qet.ground, qet.ising(12), solver=("mps", 256)).memory == 4 * usual.memory


def test_long_chains_are_explained_by_what_their_size_leaves():
    assert qet.explain(qet.ground, qet.ising(500)).solver == "fermions"
    assert qet.explain(qet.ground, qet.xxz(12, hz=0.3)).solver == "krylov"
    told = qet.explain(qet.ground, qet.xxz(40, hz=0.3))
    reasons = {route.solver: route.obstacle for route in told.routes}
    assert re.search("Z0 Z1", reasons["fermions"])
    assert re.search("TiB", reasons["krylov"])
    assert told.solver in ("mps", None)


def test_levels_too_far_up_for_a_krylov_space_are_diagonalized():
    assert qet.explain(qet.eigenstate, qet.ising(9), 15).solver == "krylov"
    assert qet.explain(qet.eigenstate, qet.ising(9), 16).solver == "dense"


def test_no_thermal_route_is_explained_that_would_refuse():
    told = qet.explain(qet.gibbs, qet.ising(13, hx=0.1), T=1.0)
    assert told.solver != "dense"
    assert {route.solver: route.obstacle for route in told.routes}["dense"] == "all levels are found up to 12 sites"


def test_a_long_driven_chain_is_explained_by_what_its_size_leaves():
    pytest.importorskip("qet.solvers.chains.steady")
    ends = [qet.jump("+", 0, 0.3), qet.jump("-", 0, 0.1), qet.jump("-", 9, 0.3)]
    assert qet.explain(qet.steady, qet.xy(10, Jx=0.5, Jy=0.5), ends).solver == "fermions"
    told = qet.explain(qet.steady, qet.xxz(10, Delta=0.5), ends)
    assert told.solver == "chains"
    assert 2.0**20 < told.memory < choose.MEMORY_LIMIT
    assert {route.solver for route in told.routes} >= {"iterative", "dense", "fermions", "vectorized"}


def test_a_driven_chain_that_is_too_long_is_explained_at_once():
    told = qet.explain(qet.steady, qet.xxz(40), [qet.jump("+", 0, 1.0), qet.jump("-", 39, 1.0)])
    assert told.solver is None
    assert "40 sites are too many" in told.why


def test_requests_that_make_no_sense_are_refused():
    with pytest.raises(BadParties, match="touches site 20"):
        qet.explain(qet.steady, qet.ising(7), [qet.jump("+", 20, 1.0)])
    with pytest.raises(UnknownName, match="did you mean 'steady'"):
        qet.explain("stedy", qet.minimal(), [])
    with pytest.raises(UnknownName, match="Known: ground, eigenstate, gibbs, steady"):
        qet.explain(qet.teleport, qet.ground(qet.minimal()))
    with pytest.raises(BadParameter, match="explain.gibbs, .* takes what gibbs takes.*'T'"):
        qet.explain(qet.gibbs, qet.minimal())
    with pytest.raises(BadParameter, match="level=9 does not exist"):
        qet.explain(qet.eigenstate, qet.minimal(), 9)
    with pytest.raises(BadParameter, match="takes a model"):
        qet.explain(qet.steady, "ising", [])
    with pytest.raises(UnknownName, match="solver 'denser'"):
        qet.explain(qet.ground, qet.minimal(), solver="denser")
    with pytest.raises(UnknownName, match="solver 'krylov'"):
        qet.explain(qet.steady, qet.minimal(), surroundings("baths", 2), solver="krylov")
