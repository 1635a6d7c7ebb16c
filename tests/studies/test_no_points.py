"""A batch without points is a batch: every word takes it and says so in print."""

import numpy as np
import pytest

import qet

NONE = qet.minimal(h=1.0, k=np.zeros(0))
LONG = qet.ising(10, g=np.zeros(0))
BATHS = [qet.bath(site, T=T, rate=0.05) for site, T in ((0, 1.0), (1, 0.4))]
EQUAL = [qet.bath(site, T=0.5, rate=0.02, coupling="X", spectrum=("drude", 3.0)) for site in (0, 1)]


def kept():
    return qet.steady(NONE, BATHS, master="secular")


@pytest.mark.parametrize(
    "word",
    [
        lambda: qet.relaxation(NONE, BATHS),
        lambda: qet.audit(kept()),
        lambda: qet.decompose(qet.teleport(kept())),
        lambda: qet.decompose(qet.teleport(kept()), "gibbs"),
        lambda: qet.reciprocity(kept()),
        lambda: qet.cycle(NONE, tau=3.0, surroundings=BATHS),
        lambda: qet.pulsed(kept(), measure_time=0.1, surroundings=BATHS),
        lambda: qet.settle(kept(), surroundings=BATHS),
        lambda: qet.evolve(kept(), 1.0, surroundings=BATHS),
        lambda: qet.mean_force(NONE, EQUAL),
        lambda: qet.teleport(qet.ground(LONG, solver="fermions")),
        lambda: qet.teleport(qet.gibbs(LONG, T=0.5, solver="fermions"), delay=1.0),
        lambda: qet.teleport(qet.gibbs(qet.ising(10), T=np.zeros(0))),
        lambda: qet.compare_masters(NONE, BATHS, masters=["redfield", "secular"]),
    ],
)
def test_no_points_are_taken_and_printed(word):
    found = word()
    assert str(found)
    assert getattr(found, "shape", (0,)) == (0,)


@pytest.mark.parametrize(
    "make",
    [
        lambda: qet.ground(qet.ising(10, g=np.zeros(0), hx=0.1), solver="krylov"),
        lambda: qet.ground(qet.ising(20, g=np.zeros((2, 0)), hx=0.1)),
        lambda: qet.gibbs(qet.ising(10, hx=0.1), T=np.ones(0), solver="typicality"),
        lambda: qet.steady(qet.xxz(6, J=np.zeros(0)), [qet.jump("+", 0, 1.0), qet.jump("-", 5, 1.0)]),
        lambda: qet.steady(qet.xxz(9, J=np.zeros(0)), [qet.jump("+", 0, 1.0), qet.jump("-", 8, 1.0)]),
    ],
)
def test_routes_from_point_to_point_take_no_points(make):
    state = make()
    run = qet.teleport(state)
    assert 0 in state.shape
    assert run.extracted.shape == run.resolved.shape == state.shape
