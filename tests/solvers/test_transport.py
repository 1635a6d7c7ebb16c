"""Currents by continuity: in any state, what leaves the left of a cut is what `transport` says passes it."""

from __future__ import annotations

import numpy as np
import pytest

import qet


@pytest.mark.parametrize("seed", range(6))
def test_currents_are_what_commutators_say_in_random_states(seed):
    """Random pure states of random XXZ chains, of every sign; d<O>/dt = <i[H, O]> as dense matrices."""
    rng = np.random.default_rng(seed)
    n = 5
    J, hz = qet.by_site(rng.normal(size=n - 1)), qet.by_site(rng.normal(size=n))
    model = qet.xxz(n, J=J, Delta=rng.normal(), hz=hz)
    psi = rng.normal(size=2**n) + 1j * rng.normal(size=2**n)
    psi /= np.linalg.norm(psi)
    found = qet.transport(qet.state(model, psi))
    H, terms = model.matrix(), {term.name: term.operator.matrix(model.sites) for term in model.terms}

    def rate(operator: np.ndarray) -> float:
        return float(np.real(psi.conj() @ (1j * (H @ operator - operator @ H)) @ psi))

    spin = np.concatenate([[0.0], found.spin_current, [0.0]])
    gained = [rate(qet.pauli(f"Z{j}").matrix(model.sites)) for j in range(n)]
    np.testing.assert_allclose(gained, spin[:-1] - spin[1:], atol=1e-12)
    for j in range(1, n - 1):  # the field of site j belongs to both sides alike
        left = sum(terms[f"H_{i}"] + terms[f"V_{i}_{i + 1}"] for i in range(j)) + terms[f"H_{j}"] / 2
        assert rate(left) == pytest.approx(-found.energy_current[j - 1], abs=1e-12)
