"""Public words on large batches: compiled programs against the plain functions, and what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("numba")

import qet
from qet.foundations import chunks
from qet.protocols.best import best_gain, gain_bound

POINTS = chunks.LARGE + 300
STRINGS = [f"{a}{i}" for a in "XYZ" for i in (0, 1)] + [f"{a}0 {b}1" for a in "XYZ" for b in "XYZ"]


def twins(function, monkeypatch):
    """What the word gives, compiled and plain, and how many blocks went through programs and failed a guard."""
    from qet.foundations import blocks

    played = np.zeros(2, dtype=int)
    original = blocks._played

    def watch(*arguments):
        failed = original(*arguments)
        played[:] += len(failed), (failed > 0).sum()
        return failed

    monkeypatch.setattr(blocks, "_played", watch)
    fast = function()
    monkeypatch.setattr(chunks, "LARGE", sys.maxsize)
    plain = function()
    return fast, plain, played


def assert_equal(fast, plain, tolerance=1e-13):
    """Relative to the largest number of each quantity: small ones are differences of these."""
    for a, b in zip(fast, plain, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=0.0, atol=tolerance * np.abs(b).max())


def pair(rng, points=POINTS, detuning=0.9):
    h, k = rng.uniform(0.5, 2.0, points), rng.uniform(-2.0, 2.0, points)
    return qet.minimal(h=h, k=k, detuning=rng.uniform(-detuning, detuning, points))


@pytest.mark.parametrize("detuning", [0.0, 0.9, 6.0])
def test_ground_and_gibbs_states_of_the_pair(detuning, monkeypatch):
    rng = np.random.default_rng(1)
    model, T = pair(rng, detuning=detuning), rng.uniform(0.0, 2.0, POINTS)
    T[100:3000] = 0.0

    def ask():
        runs = [
            qet.teleport(qet.ground(model)),
            qet.teleport(qet.gibbs(model, T=T), measure=qet.measure("X", strength=0.7)),
        ]
        return [x for run in runs for x in (run.injected, run.extracted, run.local)]

    fast, plain, played = twins(ask, monkeypatch)
    assert_equal(fast, plain)
    assert played[0] > 6 * POINTS // 512
    assert played[1] < played[0] / 2


def test_what_is_refused_does_not_change(monkeypatch):
    k, h = np.linspace(0.1, 1.0, POINTS), np.ones(POINTS)
    h[[70, 40000]] = 0.0

    def refused():
        with pytest.raises(qet.errors.DegenerateLevel) as caught:
            qet.ground(qet.minimal(h=h, k=k))
        return caught.value

    fast, plain, played = twins(refused, monkeypatch)
    np.testing.assert_array_equal(fast.mask, plain.mask)
    assert str(fast) == str(plain)
    assert played[0] > 0


def test_any_two_qubit_hamiltonian(monkeypatch):
    rng = np.random.default_rng(2)
    C = rng.normal(size=(15, POINTS))
    C[:, :64] *= 1e-40
    C[:, 64:128] *= 1e40
    terms = {s: qet.pauli(s, coefficient=c) for s, c in zip(STRINGS, C, strict=True)}

    def ask():
        state = qet.ground(qet.model(terms))
        run = qet.teleport(state)
        return [*(state.payload.values[s] for s in state.payload.values), run.injected, run.extracted]

    fast, plain, played = twins(ask, monkeypatch)
    assert_equal(fast[:15], plain[:15], 1e-12)  # up to 1/SEPARATION roundings are lost beside another level
    for a, b in zip(fast[15:], plain[15:], strict=True):
        np.testing.assert_allclose(a[128:], b[128:], rtol=0.0, atol=1e-11)  # likewise, times Σ|c|
        np.testing.assert_allclose(a[:128], b[:128], rtol=1e-9)  # relative: of every size
    assert played[0] > 0


@pytest.mark.parametrize("statistics, spectrum", [("boson", "flat"), ("boson", "ohmic"), ("fermion", "flat")])
def test_local_baths_and_their_heat(statistics, spectrum, monkeypatch):
    rng = np.random.default_rng(3)
    model = pair(rng)
    T, rate = rng.uniform(0.05, 2.0, (2, POINTS)), rng.uniform(0.05, 0.5, (2, POINTS))
    T[0, 5000:5200] = 0.0

    def ask():
        baths = [qet.bath(i, T=T[i], rate=rate[i], statistics=statistics, spectrum=spectrum) for i in (0, 1)]
        state = qet.steady(model, baths, master="local", allow=("OutsideDomain",))
        run = qet.teleport(state)
        return [*state.payload.values.values(), run.injected, run.extracted, state.diagnostics.heat_currents]

    fast, plain, played = twins(ask, monkeypatch)
    assert_equal(fast, plain)
    assert played[0] > 0
    assert played[1] < played[0] / 4


def test_any_two_qubit_hamiltonian_with_any_jumps(monkeypatch):
    """Compiled, the dense fifteen equations are eliminated; plain, LAPACK solves them."""
    rng = np.random.default_rng(11)
    coefficients, rates = rng.normal(size=(15, POINTS)), rng.uniform(0.1, 1.0, (3, POINTS))
    rates[:, 500] = 1e-9, 2e-9, 0.0  # nearly closed: the elimination is checked and repaired
    collective = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))

    def ask():
        terms = {s: qet.pauli(s, coefficient=c) for s, c in zip(STRINGS, coefficients, strict=True)}
        ends = [qet.jump("-", 0, rates[1]), qet.jump("-", 1, rates[2])]
        state = qet.steady(qet.model(terms), [qet.jump(collective, (0, 1), rates[0]), *ends])
        return [qet.expect(state, s) for s in STRINGS]

    fast, plain, played = twins(ask, monkeypatch)
    others = np.arange(POINTS) != 500
    assert_equal([x[others] for x in fast], [x[others] for x in plain], 1e-11)  # condition numbers up to a thousand
    assert_equal([x[~others] for x in fast], [x[~others] for x in plain], 1e-6)  # rates a billionth of the levels
    assert played[0] > POINTS // 512
    assert played[1] < played[0] / 2


def test_redfield_of_the_pair(monkeypatch):
    rng = np.random.default_rng(4)
    model = pair(rng)
    T, rate = rng.uniform(0.2, 2.0, (2, POINTS)), rng.uniform(0.005, 0.05, (2, POINTS))

    def ask():
        baths = [qet.bath(i, T=T[i], rate=rate[i], coupling="dipole") for i in (0, 1)]
        state = qet.steady(model, baths, master="redfield", allow=("OutsideDomain", "NotPositive"))
        rho = state.density_matrix
        return [rho.real, rho.imag]

    fast, plain, played = twins(ask, monkeypatch)
    assert_equal(fast, plain, 1e-11)  # the condition of the equations, up to a million, times the rounding of a rate
    assert played[0] > 0


def test_best_rotations(monkeypatch):
    rng = np.random.default_rng(5)
    T = rng.normal(size=(POINTS, 3, 3))
    T[:300] *= 10.0 ** rng.uniform(-100, 100, (300, 1, 1))
    T[300:600] = np.eye(3) * rng.normal(size=(300, 1, 1))
    T[600:900, 2] = 0.0
    T[900:1000] = 0.0
    T[1000:1300] = rng.normal(size=(300, 3, 1)) * rng.normal(size=(300, 1, 3))
    T[1300:1400] = -np.eye(3) + 1e-9 * rng.normal(size=(100, 3, 3))
    fast, plain, played = twins(lambda: best_gain(T), monkeypatch)
    np.testing.assert_allclose(fast, plain, rtol=1e-12)  # a root that is nearly double is as good as its steps
    np.testing.assert_allclose(fast[2000:4000], gain_bound(T[2000:4000]), rtol=1e-9)  # loses digits to cancellation
    assert played[0] > 0


def test_grids_whose_axes_broadcast(monkeypatch):
    h, k, T = np.linspace(0.2, 2.0, 300)[:, None], np.linspace(0.1, 1.0, 260)[None, :], 0.4

    def ask():
        run = qet.teleport(qet.gibbs(qet.minimal(h=h, k=k), T=T))
        return run.injected, run.extracted

    fast, plain, played = twins(ask, monkeypatch)
    assert fast[0].shape == (300, 260)
    assert_equal(fast, plain)
    assert played[0] > 0
