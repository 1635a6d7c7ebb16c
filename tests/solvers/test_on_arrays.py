"""Redfield's equation and its secular kin by elimination on arrays, against the general route through LAPACK."""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.elimination import plan
from qet.foundations.errors import DivergentOccupation, NotPositive, NoUniqueSteadyState
from qet.solvers import equations_on_arrays, on_arrays
from qet.solvers.channels_on_arrays import element_channels
from qet.solvers.equations_on_arrays import plan_of
from qet.solvers.levels_on_arrays import levels_of
from qet.solvers.setting import setting_of, solve

POINTS = 200
MASTERS = ["redfield", "secular", ("partial", 0.3)]
ALLOW = ("NotPositive", "OutsideDomain")
STRINGS = ("Z0", "Z1", "Z0 Z1", "X0 X1", "Y0 Y1", "X0 Y1", "Y0 X1")


def parity_model(rng: np.random.Generator, strings=STRINGS) -> qet.Model:
    """Random coefficients of every sign, one a number."""
    terms = {s: qet.pauli(s, coefficient=rng.uniform(-1.5, 1.5, POINTS)) for s in strings[:-1]}
    return qet.model({**terms, strings[-1]: qet.pauli(strings[-1], coefficient=float(rng.uniform(-1, 1)))})


def baths_of(rng: np.random.Generator, couplings, **options) -> list[qet.Bath]:
    T, rate = rng.uniform(0.2, 2.0, (len(couplings), POINTS)), rng.uniform(0.005, 0.05, (len(couplings), POINTS))
    return [qet.bath(i % 2, T=T[i], rate=rate[i], coupling=coupling, **options) for i, coupling in enumerate(couplings)]


def assert_same(model: qet.Model, things, master, *, is_wild: bool = False) -> tuple[qet.State, qet.State]:
    fast, dense = (qet.steady(model, things, master=master, solver=s, allow=ALLOW) for s in ("auto", "dense"))
    assert (fast.solver, dense.solver) == ("elimination", "dense")
    # the route by LAPACK knows a state to rounding times its condition, which is what its error says of an energy
    room = 1e-12 + 4.0 * np.asarray(dense.solver_error)
    assert (np.abs(fast.density_matrix - dense.density_matrix).max(axis=(-1, -2)) <= room).all()
    gap = fast.diagnostics.smallest_eigenvalue - dense.diagnostics.smallest_eigenvalue
    assert (np.abs(gap) <= room).all()
    assert fast.diagnostics.residual.max() < 1e-14
    settings = setting_of(model, tuple(things), master)
    judged = [find(settings, is_judged=True).because for find in (on_arrays.solve_on_arrays, solve)]
    assert judged[0].keys() == judged[1].keys()
    for name, ratio in judged[1].items():
        np.testing.assert_allclose(judged[0][name], ratio, rtol=1e-6, atol=1e-12)
    if not is_wild:  # an estimate, which knows the phases of the levels
        ratio = np.asarray(fast.solver_error) / np.asarray(dense.solver_error)
        assert ratio.min() > 0.05
        assert ratio.max() < 20.0
    np.testing.assert_allclose(fast.diagnostics.energy_currents, dense.diagnostics.energy_currents, atol=1e-12)
    return fast, dense


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize(
    "couplings", [("dipole", "dipole"), ("exchange", "exchange"), ("Y", "exchange"), ("X", "X", "Z")]
)
def test_elimination_and_lapack_agree_for_any_hamiltonian_with_parity(master, couplings):
    rng = np.random.default_rng(sum(map(ord, str(couplings))))
    spectrum = "ohmic" if "Z" in couplings else "flat"
    assert_same(parity_model(rng), baths_of(rng, couplings, spectrum=spectrum), master)


@pytest.mark.parametrize(
    "strings", [("Z0", "Z1"), ("Z0", "Z1", "X0 X1"), ("Z0", "X0 X1"), ("X0 X1", "Z0 Z1"), ("Z0", "Z1", "X0 Y1")]
)
def test_terms_may_be_missing_from_the_hamiltonian(strings):
    rng = np.random.default_rng(len(strings))
    assert_same(parity_model(rng, strings), baths_of(rng, ("dipole", "Y"), spectrum="ohmic"), "redfield")


@pytest.mark.parametrize(
    "options",
    [
        {"statistics": "fermion"},
        {"statistics": "fermion", "full_band": True, "mu": 0.4},
        {"spectrum": ("drude", 3.0)},
        {"mu": -0.3},
        {"spectrum": ("lorentzian", 1.0, 0.5), "statistics": "fermion", "full_band": True},
    ],
)
@pytest.mark.parametrize("coupling", ["dipole", "exchange"])
def test_baths_of_every_kind_act_as_in_the_general_route(options, coupling):
    rng = np.random.default_rng(5)
    assert_same(parity_model(rng), baths_of(rng, (coupling, coupling), **options), "redfield")


@pytest.mark.parametrize("master", MASTERS)
def test_jumps_and_common_baths_may_be_mixed_in(master):
    rng = np.random.default_rng(8)
    both = qet.bath((0, 1), T=rng.uniform(0.2, 2.0, POINTS), rate=0.02, coupling="dipole", common=True)
    tilted = qet.bath(0, T=0.7, rate=0.03, coupling=qet.pauli("0.6 X0 + 0.8 Y0"))
    jumps = [
        qet.jump("-", 1, rng.uniform(0.0, 0.1, POINTS)),
        qet.jump("X0 X1 + 0.5 Z0", rate=0.05),
        qet.jump("X", 0, 0.01),
    ]
    assert_same(parity_model(rng), [both, tilted, *jumps], master)


def test_levels_that_cross_and_couplings_that_vanish_give_the_same_states():
    h, k, detuning = (
        np.array([1.0, 0.5, 1.0, 2.0, 1e-3]),
        np.array([0.0, 1.0, 1e-9, 0.7, 3.0]),
        np.array([0.0, 0.5, -0.5, 0.0, 0.3]),
    )
    h, k, detuning = (np.tile(x, 20) for x in (h, k, detuning))
    model = qet.minimal(h=h, k=k, detuning=detuning)
    T = np.repeat([0.0, 1e-3, 0.05, 1.0], 25)
    for coupling in ("dipole", "exchange"):
        baths = [qet.bath(i, T=T, rate=0.01, coupling=coupling, spectrum="ohmic") for i in (0, 1)]
        for master in MASTERS:
            assert_same(model, baths, master, is_wild=True)


def test_an_ohmic_bath_at_a_frequency_that_vanishes_has_its_limit():
    h, detuning = np.repeat([1.0, 0.5], 50), np.repeat([2.0, 0.3], 50)  # the first half: no field on site 1
    model = qet.minimal(h=h, k=np.linspace(0.1, 1.0, 100), detuning=detuning)
    baths = [qet.bath(i, T=0.7, rate=0.02, coupling=s, spectrum="ohmic") for i, s in enumerate(("dipole", "Y"))]
    assert_same(model, baths, "redfield", is_wild=True)


def test_slow_rates_lose_no_digits():
    rng = np.random.default_rng(3)
    model, baths = parity_model(rng), baths_of(rng, ("dipole", "Y"))
    slow = [qet.bath(i, T=bath.T, rate=1e-9 * bath.rate, coupling=bath.coupling) for i, bath in enumerate(baths)]
    state = qet.steady(model, slow, allow=ALLOW)
    dense = qet.steady(model, slow, solver="dense", allow=ALLOW)
    assert np.abs(state.density_matrix - dense.density_matrix).max() < 1e-10


def test_baths_of_one_temperature_thermalize():
    rng = np.random.default_rng(4)
    T = rng.uniform(0.3, 2.0, POINTS)
    model = parity_model(rng)
    baths = [qet.bath(i, T=T, rate=1e-5, coupling="dipole") for i in (0, 1)]
    state = qet.steady(model, baths, master="secular", allow=ALLOW)
    assert np.abs(state.density_matrix - qet.gibbs(model, T=T).density_matrix).max() < 1e-10


def test_points_without_a_unique_state_are_refused_as_by_lapack():
    rate = np.full(100, 0.1)
    rate[[3, 70]] = 0.0
    baths = [qet.bath(i, T=1.0, rate=rate) for i in (0, 1)]
    model = qet.minimal(h=1.0, k=np.linspace(0.1, 1.0, 100))
    found = []
    for solver in ("auto", "dense"):
        with pytest.raises(NoUniqueSteadyState) as caught:
            qet.steady(model, baths, solver=solver, allow=ALLOW)
        found.append(caught.value)
    assert str(found[0]) == str(found[1])
    assert (found[0].mask == found[1].mask).all()


def test_divergences_are_refused_as_by_lapack():
    h = np.linspace(0.1, 1.0, 100)
    model = qet.minimal(h=h, k=0.2, detuning=np.where(h > 0.9, 2.0 * h, 0.1))  # the last sites have no field
    for mu, count in ((0.0, 11), (0.4, 39)):
        baths = [qet.bath(i, T=1.0, rate=0.01, mu=mu) for i in (0, 1)]
        setting = setting_of(model, tuple(baths), "redfield")
        levels = levels_of(setting.H, 2)
        assert np.sum(element_channels(setting.surroundings, levels, 2)[1]) == count
        found = []
        for solver in ("auto", "dense"):
            with pytest.raises(DivergentOccupation) as caught:
                qet.steady(model, baths, solver=solver, allow=ALLOW)
            found.append(caught.value)
        assert str(found[0]) == str(found[1])
        assert (found[0].mask == found[1].mask).all()


def test_a_negative_state_is_refused_as_by_lapack():
    baths = [qet.bath(i, T=T, rate=0.5, coupling="dipole") for i, T in enumerate((0.05, 3.0))]
    model = qet.minimal(h=1.0, k=np.linspace(0.1, 3.0, 100))
    for solver in ("auto", "dense"):
        with pytest.raises(NotPositive):
            qet.steady(model, baths, solver=solver, allow=("OutsideDomain",))


def test_points_that_elimination_cannot_solve_go_through_lapack(monkeypatch):
    rng = np.random.default_rng(6)
    model, baths = parity_model(rng), baths_of(rng, ("dipole", "Y"))
    sent = []
    monkeypatch.setattr(on_arrays, "_CONDITION", 20.0)
    monkeypatch.setattr(
        on_arrays, "solve", lambda setting, **options: sent.append(setting.n_points) or solve(setting, **options)
    )
    assert_same(model, baths, "redfield")
    assert 0 < sent[0] < POINTS


def test_few_points_and_other_equations_keep_their_routes():
    few = qet.steady(qet.minimal(h=1.0), qet.bath((0, 1), T=1.0, rate=0.01))
    assert few.solver == "dense"
    many = qet.minimal(h=np.linspace(0.5, 1.0, 100))
    told = qet.explain(qet.steady, many, qet.bath((0, 1), T=1.0, rate=0.01), master="universal")
    assert told.solver == "dense"
    assert qet.explain(qet.steady, many, qet.bath((0, 1), T=1.0, rate=0.01)).solver == "elimination"


def test_the_blocks_of_the_pair_take_few_operations(monkeypatch):
    h = np.linspace(0.5, 1.0, 100)
    setting = setting_of(qet.minimal(h=h), (qet.bath((0, 1), T=1.0, rate=0.01, coupling="dipole"),), "redfield")
    made = []
    plan_of.cache_clear()
    monkeypatch.setattr(equations_on_arrays, "plan", lambda *a, **o: made.append(plan(*a, **o)) or made[-1])
    on_arrays.solve_on_arrays(setting)
    # populations and coherences with two probes; the other class with its probes alone
    assert [(plan.n, plan.sides, plan.flops) for plan in made] == [(8, 3, 299), (8, 2, 365)]


@pytest.mark.parametrize("master", MASTERS)
def test_a_level_that_nothing_lifts_in_the_cold_is_counted_as_a_second_state(master):
    # both odd levels lie 15 below the even ones, and no bath leads from one to the other: elimination without pivots
    # answers with moderate numbers, which do not solve the probe
    numbers = (0.45104554942756114, -0.004091992978354766, -0.003993896474764568, -1.3037982126006769)
    numbers += (-0.008472817557440622, -0.3504968770341309, 8.792075841903412)
    strings = ("Z0", "Z1", "X0 X1", "X0 Y1", "Y0 X1", "Y0 Y1", "Z0 Z1")
    model = qet.model({s: qet.pauli(s, coefficient=c) for s, c in zip(strings, numbers, strict=True)})
    is_cold = np.arange(POINTS) % 2 == 0
    T0, T1 = (np.where(is_cold, T, 5.0) for T in (0.07439973729948761, 0.17948157105308352))
    things = (
        qet.bath(0, T=T0, rate=3.511056201974934e-07, spectrum="ohmic"),
        qet.bath(1, T=T1, rate=0.007833228058050931, coupling="Y", spectrum="ohmic"),
    )
    setting = setting_of(model, things, master)
    fast, general = on_arrays.solve_on_arrays(setting), solve(setting)
    assert (general.null_dimension == np.where(is_cold, 2, 1)).all()
    assert (fast.null_dimension == general.null_dimension).all()


@pytest.mark.parametrize("solver", ["auto", "dense"])
@pytest.mark.parametrize("master", MASTERS)
def test_strong_dephasing_does_not_drown_slow_rates(solver, master):
    rng = np.random.default_rng(17)
    T = rng.uniform(0.3, 2.0, POINTS)
    model = parity_model(rng, ("Z0", "Z1", "Z0 Z1"))
    baths = [qet.bath(i, T=T, rate=1e-11, coupling="dipole", spectrum="ohmic") for i in (0, 1)]
    dephased = [*baths, qet.jump("Z", 0, rng.uniform(0.1, 0.5, POINTS))]
    state = qet.steady(model, dephased, master=master, solver=solver, allow=ALLOW)
    expected = qet.gibbs(model, T=T).density_matrix
    np.testing.assert_allclose(state.density_matrix, expected, rtol=0.0, atol=1e-13)


def test_an_unknown_that_nothing_determines_is_counted_as_by_lapack():
    field = np.linspace(0.5, 1.0, POINTS)
    model = qet.model({"A": qet.pauli("Z1", coefficient=field), "V": qet.pauli("Y0 Y1", coefficient=0.3 + field)})
    both = qet.bath((0, 1), T=0.7, rate=0.02, coupling="Z", common=True, spectrum="ohmic")
    found = []
    for solver in ("auto", "dense"):
        with pytest.raises(NoUniqueSteadyState) as caught:
            qet.steady(model, both, master=("partial", 0.3), solver=solver, allow=ALLOW)
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_the_error_knows_the_rounding_of_levels_that_are_close():
    rng = np.random.default_rng(32)
    jzz = np.geomspace(1e-8, 1e-5, POINTS)
    model = qet.model({"A": "0.99 Z0", "V": "0.77 X0 X1", "W": qet.pauli("Z0 Z1", coefficient=jzz)})
    baths = [
        qet.bath(0, T=rng.uniform(0.3, 2.0, POINTS), rate=10.0 ** rng.uniform(-12, -1, POINTS), coupling="X"),
        qet.bath(1, T=rng.uniform(0.3, 2.0, POINTS), rate=1e-9, coupling="X", spectrum="ohmic"),
    ]
    fast, dense = (
        qet.steady(model, [*baths, qet.jump("+", 1, 0.03)], master="secular", solver=solver, allow=ALLOW)
        for solver in ("auto", "dense")
    )
    apart = np.abs(fast.density_matrix - dense.density_matrix).max(axis=(-1, -2))
    assert (apart <= 2e-15 + fast.solver_error + dense.solver_error).all()


@pytest.mark.parametrize("mixed", [slice(0, 5000), slice(5000, 10000)])
@pytest.mark.parametrize("strings", [("Z0", "Z1"), ("Z0", "Z1", "Z0 Z1")])
def test_fields_that_change_sign_in_some_pieces_of_a_batch_only(strings, mixed):
    rng = np.random.default_rng(13)
    fields = {s: rng.uniform(0.3, 1.5, 10000) for s in strings}
    for field in fields.values():
        field[mixed] *= rng.choice([-1.0, 1.0], 5000)
    model = qet.model({s: qet.pauli(s, coefficient=field) for s, field in fields.items()}, n_sites=2)
    baths = [qet.bath(i, T=0.7, rate=0.01, coupling="dipole", spectrum="ohmic") for i in (0, 1)]
    fast, dense = (qet.steady(model, baths, solver=solver, allow=ALLOW) for solver in ("auto", "dense"))
    np.testing.assert_allclose(fast.density_matrix, dense.density_matrix, rtol=0.0, atol=1e-12)


def test_the_error_knows_the_rounding_of_gaps_as_small_as_the_rates():
    rng = np.random.default_rng(49)
    small = rng.uniform(0.5, 2.0, POINTS) * 1e-9
    terms = {"V": "1.0 X0 X1", "W": "-1.0 Y0 Y1", "C": qet.pauli("Y0 X1", coefficient=small), "D": "-1.38 Z0 Z1"}
    rate = rng.uniform(0.5, 2.0, POINTS) * 1e-9
    baths = [
        qet.bath(0, T=0.65, rate=rate, coupling="X", spectrum="ohmic"),
        qet.bath((0, 1), T=1.5, rate=1e-10, mu=-1.0, statistics="fermion", spectrum=("drude", 3.0), common=True),
    ]
    fast, dense = (qet.steady(qet.model(terms), baths, solver=solver, allow=ALLOW) for solver in ("auto", "dense"))
    apart = np.abs(fast.density_matrix - dense.density_matrix).max(axis=(-1, -2))
    assert (apart <= 2e-15 + fast.solver_error + dense.solver_error).all()
