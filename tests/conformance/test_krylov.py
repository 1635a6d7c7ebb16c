"""State vectors by Krylov methods say what density matrices say, to 1e-12: levels, marginals, motion, whole protocols.

Random Pauli sums with strings of one to four letters, real and complex, with symmetries and without, disordered.
"""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.errors import DegenerateLevel
from qet.solvers.history import History
from qet.solvers.questions import branches_of, evolved_of, expect_of, marginal_of, means_after
from qet.solvers.states import energy_scale
from qet.solvers.vectors.payload import Vectors

KINDS = ["real", "complex", "even flips", "magnetization", "even letters"]


def random_model(rng, n, kind):
    """A random Pauli sum in which the kind's symmetry holds."""
    terms: dict[str, str] = {}
    while len(terms) < 4 * n:
        size = int(min(n, rng.integers(1, 5)))
        sites = sorted(rng.choice(n, size=size, replace=False))
        letters = rng.choice(list("XYZ"), size=size)
        c = rng.normal()
        if kind == "magnetization":
            i, j = sorted(rng.choice(n, size=2, replace=False))
            text = f"{c!r} X{i} X{j} + {c!r} Y{i} Y{j} + {rng.normal()!r} Z{i} Z{j} + {rng.normal()!r} Z{i}"
        else:
            counts = {letter: int(np.sum(letters == letter)) for letter in "XYZ"}
            if kind == "real" and counts["Y"] % 2:
                continue
            if kind == "even flips" and (counts["X"] + counts["Y"]) % 2:
                continue
            if kind == "even letters" and ((counts["X"] + counts["Y"]) % 2 or (counts["Y"] + counts["Z"]) % 2):
                continue
            text = f"{c!r} " + " ".join(f"{a}{s}" for a, s in zip(letters, sites, strict=True))
        terms[f"t{len(terms)}"] = text.replace("+ -", "- ")
    A, B = (int(s) for s in rng.choice(n, size=2, replace=False))
    return qet.model(terms, A=A, B=B, n_sites=n)


def both(model, level):
    """The level by Krylov methods and by LAPACK; None where neither finds it unique."""
    try:
        dense = qet.eigenstate(model, level, solver="dense")
    except DegenerateLevel:
        with pytest.raises(DegenerateLevel, match=f"level {level} and its neighbor differ by"):
            qet.eigenstate(model, level, solver="krylov")
        return None
    return qet.eigenstate(model, level, solver="krylov"), dense


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3, 4, 6, 8, 9])
def test_levels_marginals_and_motion_are_those_of_density_matrices(n, kind):
    rng = np.random.default_rng([n, KINDS.index(kind)])
    model = random_model(rng, n, kind)
    for level in (0, min(2, 2**n - 1)):
        pair = both(model, level)
        if pair is None:
            continue
        krylov, dense = pair
        assert isinstance(krylov.payload, Vectors)
        scale = max(1.0, float(energy_scale(model)))
        report = krylov.diagnostics
        np.testing.assert_allclose(report.energy, qet.expect(dense, model.H), rtol=0, atol=1e-14 * scale)
        assert report.residual < 1e-13 * scale
        sites = tuple(int(s) for s in rng.permutation(n)[: min(n, 3)])
        tolerance = 1e-12 * max(1.0, 1.0 / report.gap)
        np.testing.assert_allclose(qet.marginal(krylov, sites), qet.marginal(dense, sites), rtol=0, atol=tolerance)
        for operator in [term.operator for term in model.terms] + [model.H]:
            np.testing.assert_allclose(
                qet.expect(krylov, operator), qet.expect(dense, operator), rtol=0, atol=tolerance * scale
            )
        t = np.array([0.0, 0.4, 7.0])
        moved, expected = evolved_of(krylov.payload, model, t), evolved_of(dense.payload, model, t)
        np.testing.assert_allclose(marginal_of(moved, sites), marginal_of(expected, sites), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [3, 6, 8])
def test_branches_and_what_follows_bob_are_those_of_density_matrices(n, kind):
    """A general measurement, Kraus operators of Bob's, delays and later times, unsorted, on axes of their own."""
    rng = np.random.default_rng([n, KINDS.index(kind), 1])
    model = random_model(rng, n, kind)
    kraus = rng.normal(size=(1, 2, 2, 2)) + 1j * rng.normal(size=(1, 2, 2, 2))  # (1, K, 2, 2)
    operations = rng.normal(size=(1, 2, 3, 2, 2)) + 1j * rng.normal(size=(1, 2, 3, 2, 2))
    delay = np.array([[0.0], [1.3]])
    psi = rng.normal(size=(2, 2**n)) + 1j * rng.normal(size=(2, 2**n))
    vectors = Vectors(psi / np.linalg.norm(psi))
    dense = qet.state(model, np.einsum("ra,rb->ab", vectors.psi, vectors.psi.conj())).payload
    sites = tuple(int(s) for s in rng.permutation(n)[:2])
    operators = tuple(term.operator for term in model.terms)
    times = np.array([2.0, 0.0, 0.5])
    for acts in (None, operations):
        history = History(model, kraus, delay, acts)
        if acts is None:
            np.testing.assert_allclose(
                branches_of(vectors, history, sites), branches_of(dense, history, sites), rtol=0, atol=1e-12 * 30
            )
        found = means_after(vectors, history, operators, times)
        expected = means_after(dense, history, operators, times)
        assert found.shape == (2, 1, 3, len(operators))
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=0, atol=1e-12 * scale)
    for operator in operators:
        np.testing.assert_allclose(expect_of(vectors, operator), expect_of(dense, operator), rtol=0, atol=1e-13 * 30)


@pytest.mark.parametrize("delay", [0.0, 1.7])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_protocols_are_those_of_density_matrices(kind, delay):
    rng = np.random.default_rng([KINDS.index(kind), 2])
    for n in (4, 8):
        model = random_model(rng, n, kind)
        pair = both(model, 0)
        if pair is None:
            continue
        direction = tuple(rng.normal(size=3))
        fast, slow = (
            qet.teleport(state, measure=qet.measure(direction, strength=0.8), delay=delay, message_error=0.1)
            for state in pair
        )
        scale = max(1.0, float(energy_scale(model)))
        for name in ("injected", "extracted", "local", "teleported", "leak", "net_work"):
            np.testing.assert_allclose(
                getattr(fast, name), getattr(slow, name), rtol=0, atol=1e-12 * scale, err_msg=f"{name}, {n} sites"
            )


def test_a_batch_is_its_points():
    g, hx = np.array([0.7, 1.0, 2.0]), np.array([[0.1], [0.5]])
    state = qet.ground(qet.ising(9, g=g, hx=hx), solver="krylov")
    dense = qet.ground(qet.ising(9, g=g, hx=hx), solver="dense")
    assert state.shape == state.diagnostics.energy.shape == state.diagnostics.sector.shape == (2, 3)
    np.testing.assert_allclose(state.solver_error, 0.0, atol=1e-11)
    late, expected = (qet.teleport(one, delay=np.array([0.0, 0.0, 1.0])) for one in (state, dense))
    assert late.shape == (2, 3)
    np.testing.assert_allclose(late.extracted, expected.extracted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(late.injected, expected.injected, rtol=0, atol=1e-12)


def test_other_parties_on_the_same_vectors():
    """Nothing is solved again for another distance."""
    state = qet.ground(qet.ising(8, g=1.2), solver="krylov")
    for B in range(2, 8):
        model = qet.ising(8, g=1.2, A=1, B=B)
        expected = qet.teleport(qet.ground(model, solver="dense"))
        found = qet.teleport(state.between(1, B))
        np.testing.assert_allclose(found.extracted, expected.extracted, rtol=0, atol=1e-12)


def test_exact_thermal_states_by_sectors_are_those_of_the_whole():
    from qet.solvers.vectors.thermal import gibbs_by_sectors

    rng = np.random.default_rng(7)
    T = np.array([0.0, 0.2, 1.0, 30.0])
    for n in (3, 6, 7):
        for kind in KINDS:
            model = random_model(rng, n, kind)
            found = gibbs_by_sectors(model, T).payload.rho
            np.testing.assert_allclose(found, qet.gibbs(model, T=T, solver="dense").density_matrix, rtol=0, atol=1e-13)
