"""Three independent routes agree to 1e-12 for every energy: closed form, batched route, slow reference.

Open pairs with detuning and random signs; ground, excited, thermal, mixed and coherent states.
"""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
import reference
from closed_forms import Pair, spectrum

import qet

N = 60
LEVELS = range(4)


@pytest.fixture(scope="module")
def points():
    """Random pairs: mean energy, coupling and detuning of both signs and of sizes from 0.1 to 3."""
    rng = np.random.default_rng(20260)
    h, k, detuning = (np.exp(rng.uniform(np.log(0.1), np.log(3.0), N)) * rng.choice([-1, 1], N) for _ in range(3))
    return h, k, detuning


def pair_terms(h, k, detuning):
    return {"H_A": {"Z0": h + detuning / 2}, "H_B": {"Z1": h - detuning / 2}, "V": {"X0 X1": 2 * k}}


def couplings(h, k, detuning):
    return h + detuning / 2, h - detuning / 2, 2 * k


def three_routes_agree(run, points, pair_of, rho_of, *, slow=range(0, N, 6), **options):
    """Compare the batch with closed forms at all points and with the reference at every sixth."""
    for i in range(N):
        p = tuple(float(x[i]) for x in points)
        pair = pair_of(i, couplings(*p))
        scale = sum(abs(x) for x in couplings(*p))
        for name in ("injected", "extracted", "local", "teleported"):
            np.testing.assert_allclose(
                getattr(run, name)[i], getattr(pair, name), rtol=0, atol=1e-12 * max(1, scale), err_msg=name
            )
        np.testing.assert_allclose(run.leak[i], 0.0, atol=1e-12 * max(1, scale))
        if i in slow:
            answer = reference.teleport(pair_terms(*p), 2, [0], [1], rho_of(i), **options)
            for name in ("injected", "extracted", "local", "teleported", "leak", "local_before", "net_work"):
                np.testing.assert_allclose(
                    getattr(run, name)[i], getattr(answer, name), rtol=0, atol=1e-12 * max(1, scale), err_msg=name
                )


@pytest.mark.parametrize("level", LEVELS)
def test_energy_eigenstates(points, level):
    model = qet.minimal(h=points[0], k=points[1], detuning=points[2])
    run = qet.teleport(qet.eigenstate(model, level))

    def pair_of(i, abc):
        ordered = sorted(spectrum(*abc))
        return Pair(*abc, *ordered[level][1:])

    three_routes_agree(run, points, pair_of, lambda i: reference.eigenstate(model.matrix()[i], level))
    if level == 0:
        three_routes_agree(
            qet.teleport(qet.ground(model)), points, pair_of, lambda i: reference.eigenstate(model.matrix()[i])
        )


@pytest.mark.parametrize("T", [0.05, 0.6, 4.0, 100.0])
def test_thermal_states(points, T):
    model = qet.minimal(h=points[0], k=points[1], detuning=points[2])
    run = qet.teleport(qet.gibbs(model, T=T))

    def pair_of(i, abc):
        levels = spectrum(*abc)
        lowest = min(level[0] for level in levels)
        weights = [exp(-(level[0] - lowest) / T) for level in levels]
        means = [sum(w * level[j] for w, level in zip(weights, levels, strict=True)) / sum(weights) for j in (1, 2, 3)]
        return Pair(*abc, *means)

    three_routes_agree(run, points, pair_of, lambda i: reference.gibbs(model.matrix()[i], T))


def random_x_state(rng, is_real):
    """A random parity-even state: two 2x2 blocks, on |00>, |11> and on |01>, |10>."""
    rho = np.zeros((4, 4), dtype=complex)
    weight = rng.random()
    for indices, p in (((0, 3), weight), ((1, 2), 1 - weight)):
        block = reference.random_state(rng, 2)
        rho[np.ix_(indices, indices)] = p * (block.real if is_real else block)
    return rho


@pytest.mark.parametrize("is_real", [True, False])
def test_parity_even_states_with_coherences(points, is_real):
    rng = np.random.default_rng(77)
    rho = np.array([random_x_state(rng, is_real) for _ in range(N)])
    model = qet.minimal(h=points[0], k=points[1], detuning=points[2])
    run = qet.teleport(qet.state(model, rho))
    strings = {name: reference.string_matrix(name, 2) for name in ("Z0", "Z1", "X0 X1", "X0 Y1")}

    def pair_of(i, abc):
        return Pair(*abc, *(np.trace(matrix @ rho[i]).real for matrix in strings.values()))

    three_routes_agree(run, points, pair_of, lambda i: rho[i])
    if is_real:  # the best operation is then exp(-iμθ Y), and Hotta's angle finds it
        angle = np.array([pair_of(i, couplings(*(float(x[i]) for x in points))).angle for i in range(N)])
        fixed = qet.teleport(run.state, feedback=qet.feedback(angle=angle))
        np.testing.assert_allclose(fixed.extracted, run.extracted, atol=1e-12)
        about_y = qet.teleport(run.state, feedback=qet.feedback("best", axis="Y"))
        np.testing.assert_allclose(about_y.extracted, run.extracted, atol=1e-12)


def test_any_fixed_angle_on_any_state(points):
    rng = np.random.default_rng(78)
    rho = np.array([random_x_state(rng, False) for _ in range(N)])
    angle = rng.uniform(-2, 2, N)
    model = qet.minimal(h=points[0], k=points[1], detuning=points[2])
    run = qet.teleport(qet.state(model, rho), feedback=qet.feedback(angle=angle))
    for i in range(N):
        p = tuple(float(x[i]) for x in points)
        means = [np.trace(reference.string_matrix(s, 2) @ rho[i]).real for s in ("Z0", "Z1", "X0 X1", "X0 Y1")]
        np.testing.assert_allclose(run.extracted[i], Pair(*couplings(*p), *means).extracted_at(angle[i]), atol=1e-12)


@pytest.mark.parametrize("is_swapped", [False, True])
def test_the_shortcut_and_the_general_route_agree_where_both_apply(points, is_swapped):
    """The same state given as a density matrix takes the dense route; every quantity is equal."""
    model = qet.minimal(h=points[0], k=points[1], detuning=points[2])
    model = model.swapped() if is_swapped else model
    for state in (qet.ground(model), qet.gibbs(model, T=0.7), qet.depolarize(qet.gibbs(model, T=0.7), 0.2)):
        dense = qet.state(model, state.density_matrix)
        for options in (
            {},
            {"measure": qet.measure("X", strength=0.6)},
            {"message_error": 0.1},
            {"measure": "Y"},
            {"feedback": "ground"},
        ):
            left, right = (qet.teleport(s, **options) for s in (state, dense))
            for name in ("injected", "extracted", "local", "local_before", "teleported", "leak", "net_work"):
                np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=0, atol=1e-12, err_msg=name)
            np.testing.assert_allclose(left.ledger.energies, right.ledger.energies, atol=1e-12)
            np.testing.assert_allclose(left.probabilities, right.probabilities, atol=1e-13)
            np.testing.assert_allclose(
                left.work.mean * left.probabilities, right.work.mean * right.probabilities, atol=1e-12
            )


@pytest.mark.parametrize(
    "h, k, detuning", [(0.0, 0.5, 1.0), (1.0, 0.0, 0.0), (1.0, 0.0, 2.0), (0.5, 0.3, 1.0), (1.0, -0.5, 4.0)]
)
@pytest.mark.parametrize("T", [0.0, 0.3])
def test_special_points_of_the_pair(h, k, detuning, T):
    """A vanishing mean energy, a coupling of zero, one bare qubit without a gap, unequal signs."""
    model = qet.minimal(h=h, k=k, detuning=detuning)
    state = qet.gibbs(model, T=T)
    energies, vectors = np.linalg.eigh(model.matrix())
    if T == 0.0:
        p = (energies - energies[0] < 1e-10).astype(float)
    else:
        p = np.exp(-(energies - energies[0]) / T)
    rho = (vectors * (p / p.sum())) @ vectors.conj().T
    np.testing.assert_allclose(state.density_matrix, rho, atol=1e-13)
    answer = reference.teleport(pair_terms(h, k, detuning), 2, [0], [1], rho)
    run = qet.teleport(state)
    for name in ("injected", "extracted", "local", "teleported", "leak"):
        np.testing.assert_allclose(getattr(run, name), getattr(answer, name), rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("options", [{}, {"measure": (1, 0, 1)}, {"message_error": 0.2}, {"feedback": "ground"}])
def test_states_of_no_parity_take_the_general_route(points, options):
    """The closed forms of the minimal pair do not hold for them: batch, one point, swapped, and the reference agree."""
    rng = np.random.default_rng(79)
    rho = np.array([reference.random_state(rng, 4) for _ in range(N)])
    model = qet.minimal(h=points[0], k=points[1], detuning=points[2])
    told = {
        "kraus": reference.direction_kraus(options.get("measure", "X")),
        "feedback": options.get("feedback", "best"),
        "message": reference.uniform_error(options.get("message_error", 0.0), 2),
    }
    for m, A, B in ((model, 0, 1), (model.swapped(), 1, 0)):
        run = qet.teleport(qet.state(m, rho), **options)
        for i in range(0, N, 4):
            terms = pair_terms(*(float(x[i]) for x in points))
            answer = reference.teleport(terms, 2, [A], [B], rho[i], **told)
            for name in ("injected", "extracted", "local", "teleported", "leak", "local_before", "net_work"):
                np.testing.assert_allclose(
                    getattr(run, name)[i], getattr(answer, name), rtol=0, atol=2e-12, err_msg=name
                )
