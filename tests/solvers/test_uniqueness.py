"""Small driven systems by elimination: how many steady states they have, and the operations it takes to know."""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.errors import NoUniqueSteadyState
from qet.physics.baths import Bath, Jump
from qet.solvers import gksl, uniqueness
from qet.solvers.dissipators import jump_dissipators, local_jumps
from qet.solvers.generator import block, full_generator, part_of, pays
from qet.solvers.uniqueness import count_states, nullity, parts_of

pytestmark = pytest.mark.filterwarnings("ignore::qet.foundations.errors.OutsideDomain")
POINTS = 60


def chain(rng, kind, n_sites):
    """A chain with random couplings, and what acts at its ends: the site in the middle feels no bath."""
    J, delta, h, a, b = rng.uniform(0.3, 1.5, (5, POINTS))
    pairs = [(i, i + 1) for i in range(n_sites - 1)]
    letters = {"X": J, "Y": J, "Z": delta} if kind == "xxz" else {"X": J}
    terms = {f"{s}{i}": qet.pauli(f"{s}{i} {s}{j}", coefficient=c) for i, j in pairs for s, c in letters.items()}
    model = qet.model({**terms, **{f"h{i}": qet.pauli(f"Z{i}", coefficient=h) for i in range(n_sites)}})
    end = n_sites - 1
    if kind == "xxz":
        return model, [qet.jump("+", 0, a), qet.jump("-", 0, b), qet.jump("+", end, b), qet.jump("-", end, a)]
    return model, [qet.bath(0, T=a, rate=0.1 * b), qet.bath(end, T=b, rate=0.1 * a)]


def problem(model, things):
    """Keys, inputs and their map, as `gksl` makes them."""
    baths = [thing for thing in things if isinstance(thing, Bath)]
    jumps = [thing for thing in things if isinstance(thing, Jump)]
    dissipators = [*local_jumps(model, baths), *jump_dissipators(jumps, len(baths))]
    return gksl._keys(model, dissipators), *gksl._parameters(model, dissipators)


@pytest.mark.parametrize(("kind", "n_sites"), [("xxz", 2), ("xxz", 3), ("ising", 3), ("xxz", 4)])
def test_driven_ends_agree_with_the_generator_in_the_energy_basis(kind, n_sites):
    model, things = chain(np.random.default_rng(n_sites), kind, n_sites)
    master = "gksl" if kind == "xxz" else "local"
    fast, dense = (qet.steady(model, things, master=master, solver=s) for s in ("auto", "dense"))
    assert fast.solver == "elimination"
    # both routes know a state to rounding times its condition, which the error of an energy carries
    room = 1e-13 + np.maximum(fast.solver_error, dense.solver_error)
    assert (np.abs(fast.density_matrix - dense.density_matrix).max(axis=(-1, -2)) <= room).all()
    assert room.max() < 1e-9


@pytest.mark.parametrize("kind", ["xxz", "ising"])
def test_states_are_counted_as_singular_values_count_them(kind):
    rng = np.random.default_rng(7)
    model, things = chain(rng, kind, 3)
    keys, inputs, parameters_of = problem(model, things)
    inputs = [np.array(np.broadcast_to(x, POINTS)) for x in inputs]
    if kind == "xxz":
        for x in inputs[:4]:  # both exchange couplings of a bond cut, with the magnetic one still there
            x[3] = 0.0
    for x in inputs[-2:] if kind == "xxz" else inputs[-3:-2]:  # the rates of the last end
        x[11] = 0.0
    for x in inputs:  # nothing acts at all
        x[20] = 0.0
    counted = count_states(3, keys, inputs, parameters_of)
    M, v = full_generator(3, keys).dense(parameters_of(inputs))
    size = np.sqrt((M * M).sum((-1, -2)) + (v * v).sum(-1))
    values = np.linalg.svd(M, compute_uv=False)
    expected = 1 + (values <= uniqueness.UNIQUENESS_TOLERANCE * size[:, None]).sum(-1)
    assert (counted == expected).all()
    assert counted[20] == 64
    assert (counted == 1).sum() >= POINTS - 4


def test_points_with_several_states_are_refused_among_others():
    model, things = chain(np.random.default_rng(2), "xxz", 3)
    rates = np.array(things[0].rate)
    rates[[5, 17]] = 0.0
    dead = [qet.jump("Z", 0, rates), qet.jump("Z", 2, rates)]  # conserves the magnetization
    with pytest.raises(NoUniqueSteadyState) as caught:
        qet.steady(model, dead)
    assert caught.value.mask.all()


def test_parts_cover_all_strings_and_keep_their_equations():
    keys, inputs, parameters_of = problem(*chain(np.random.default_rng(1), "ising", 3))
    whole = full_generator(3, keys)
    parts = parts_of(3, keys)
    assert sorted(s for part in parts for s in part.generator.strings) == sorted(whole.strings)
    M, _ = whole.dense(parameters_of(inputs))
    total = sum((part.generator.dense(parameters_of(inputs))[0] ** 2).sum((-1, -2)) for part in parts)
    assert np.allclose(total, (M**2).sum((-1, -2)), rtol=1e-13)
    assert part_of(whole, range(len(whole.strings))).matrix == whole.matrix


def test_elimination_of_a_part_solves_what_lapack_solves():
    rng = np.random.default_rng(9)
    keys, inputs, parameters_of = problem(*chain(rng, "xxz", 3))
    for part in parts_of(3, keys):
        x, wrong = part.asked(parameters_of(inputs))
        M, _ = part.generator.dense(parameters_of(inputs))
        expected = np.linalg.solve(M, part.probe[:, None])[..., 0]
        assert part.plan is not None
        assert np.allclose(x, (expected**2).sum(-1), rtol=1e-8)
        assert np.max(wrong) < 1e-16


def test_a_probe_that_elimination_gets_wrong_is_looked_at_by_singular_values(monkeypatch):
    model, things = chain(np.random.default_rng(3), "ising", 3)
    keys, inputs, parameters_of = problem(model, things)
    looked = []
    monkeypatch.setattr(uniqueness, "nullity", lambda M, v: looked.append(len(M)) or nullity(M, v))
    assert (count_states(3, keys, inputs, parameters_of) == 1).all()
    assert not looked
    monkeypatch.setattr(uniqueness, "_RESIDUAL", 0.0)
    assert (count_states(3, keys, inputs, parameters_of) == 1).all()
    assert sum(looked) == POINTS


def test_operations_decide_between_elimination_and_lapack():
    counts = {}
    for kind, n_sites in (("xxz", 2), ("xxz", 3), ("ising", 3), ("xxz", 4)):
        model, things = chain(np.random.default_rng(0), kind, n_sites)
        keys = problem(model, things)[0]
        found = block(n_sites, keys)
        counts[kind, n_sites] = len(found.generator.strings), found.plan and found.plan.flops
    assert counts == {("xxz", 2): (7, 70), ("xxz", 3): (31, 2165), ("ising", 3): (31, 625), ("xxz", 4): (127, None)}
    assert pays(31, 188, 2165)
    assert not pays(15, 225)
    assert not pays(31, 188, 9000)
    assert not pays(255, 1000)
