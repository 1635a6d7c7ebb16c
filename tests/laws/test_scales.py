"""Units do not matter: large, small and far-shifted energies, and gains far below rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qet
from qet.protocols.best import axis_gain, best_gain

NUMBERS = ("injected", "extracted", "local", "local_before", "teleported", "leak", "net_work")


@pytest.mark.parametrize("factor", [1e-100, 1e-20, 1e20, 1e60])
@pytest.mark.parametrize("policy", ["best", "ground", "dominant"])
@pytest.mark.parametrize(
    "make",
    [
        lambda f: qet.minimal(h=f, k=0.5 * f),
        lambda f: qet.model({"a": f"{f} Z0", "b": f"{f} Z1 + {0.2 * f} X1", "V": f"{0.7 * f} X0 X1"}),
    ],
)
def test_the_unit_of_energy_does_not_matter(factor, policy, make):
    for prepare in (qet.ground, lambda model: qet.gibbs(model, T=0.4 * model.terms[0].operator.terms[0][1])):
        one, scaled = (qet.teleport(prepare(make(f)), feedback=policy) for f in (1.0, factor))
        for name in NUMBERS:
            np.testing.assert_allclose(
                getattr(scaled, name) / factor, getattr(one, name), rtol=0, atol=1e-13, err_msg=name
            )
        assert scaled.resolved == one.resolved


@pytest.mark.parametrize("shift", [1e6, -1e9, 1e12])
def test_a_far_shifted_zero_neither_closes_a_gap_nor_spends_digits(shift):
    terms = {"a": "1.0 Z0", "b": "0.9 Z1 + 0.1 X1", "V": "0.7 X0 X1"}
    plain, moved = qet.model(terms), qet.model({**terms, "zero": f"{shift}"})
    for prepare in (
        qet.ground,
        lambda m: qet.eigenstate(m, 1),
        lambda m: qet.gibbs(m, T=0.3),
        lambda m: qet.gibbs(m, T=0.0),
    ):
        left, right = prepare(plain), prepare(moved)
        np.testing.assert_allclose(right.density_matrix, left.density_matrix, atol=1e-13)
        for policy, delay in (("best", 0.0), ("ground", 0.0), ("best", 0.7)):
            runs = [qet.teleport(state, feedback=policy, delay=delay) for state in (left, right)]
            for name in NUMBERS:
                np.testing.assert_allclose(getattr(runs[1], name), getattr(runs[0], name), atol=1e-12, err_msg=name)


@given(st.integers(0, 10**6), st.integers(1, 15))
def test_a_gain_about_one_axis_keeps_full_relative_precision(seed, decades):
    """T diagonal and negative but for a small antisymmetric part: the best rotation is about that axis,

    gain = sqrt(x² + ζ²) - x = ζ²/(x + sqrt(x² + ζ²)), which may lie far below the rounding of T.
    """
    rng = np.random.default_rng(seed)
    diagonal = -rng.uniform(0.5, 2.0, size=3)
    T = np.diag(diagonal)
    zeta = 10.0**-decades * rng.uniform(0.5, 1.0)
    a, b, c = rng.permutation(3)
    T[a, b], T[b, a] = zeta / 2, -zeta / 2
    x = -(diagonal[a] + diagonal[b])
    expected = zeta**2 / (x + np.hypot(x, zeta))
    np.testing.assert_allclose(best_gain(T), expected, rtol=1e-12)
    np.testing.assert_allclose(axis_gain(T, np.eye(3)[c]), expected, rtol=1e-12)


@given(st.integers(0, 10**6))
def test_a_neutral_direction_spends_no_digits(seed):
    """T of a nearly decoupled spin: turning about its own field costs nothing, so one stiffness vanishes."""
    rng = np.random.default_rng(seed)
    field, zeta = rng.uniform(0.5, 2.0), 10.0 ** -np.arange(2, 16)
    T = np.zeros((len(zeta), 3, 3))
    T[:, 2, 2] = -field
    T[:, 0, 2] = zeta  # a torque about Y; the stiffness about X and Y is the field, about Z nothing
    np.testing.assert_allclose(best_gain(T), zeta**2 / (field + np.hypot(field, zeta)), rtol=1e-9)


@pytest.mark.parametrize("has_spectator", [False, True])  # the closed form of two qubits, and the dense route
@given(seed=st.integers(0, 10**6))
def test_tiny_gains_at_weak_coupling_keep_their_digits(has_spectator, seed):
    """Almost a product: the gain is second order in the coupling, down to 1e-20."""
    rng = np.random.default_rng(seed)
    h = rng.uniform(0.5, 1.5, size=2)
    epsilon = 10.0 ** -np.arange(3, 11)
    terms = {"a": f"{h[0]} Z0", "b": f"{h[1]} Z1", "V": qet.pauli("X0 X1", coefficient=epsilon)}
    model = qet.model({**terms, "c": "0.3 Z2"} if has_spectator else terms)
    gain = qet.teleport(qet.ground(model)).extracted
    # v = -(1, c) with c = epsilon/(h0 + h1), w = (h1, epsilon); |w||v| + w·v = (h1 c - epsilon)²/(2 h1) + ...
    expected = (h[1] * epsilon / h.sum() - epsilon) ** 2 / (2 * h[1])
    np.testing.assert_allclose(gain, expected, rtol=1e-4)
