"""Batched small matrices: every function equals the slow reference, point by point."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import reference
from scipy.linalg import expm, logm

from qet.foundations import linalg


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def batch(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.mark.parametrize("sites", [s for m in (1, 2, 3) for s in permutations(range(3), m)])
def test_embedding_and_partial_trace_equal_the_reference(rng, sites):
    d = 2 ** len(sites)
    small, wide = batch(rng, 2, d, d), batch(rng, 2, 8, 8)
    for i in range(2):
        np.testing.assert_allclose(linalg.embed(small, sites, 3)[i], reference.on_sites(small[i], list(sites), 3))
        np.testing.assert_allclose(
            linalg.partial_trace(wide, sites, 3)[i], reference.marginal(wide[i], list(sites), 3), atol=1e-14
        )


@pytest.mark.parametrize("sites", [(0,), (1,), (2,), (0, 2), (2, 1)])
def test_partial_trace_is_the_adjoint_of_embedding(rng, sites):
    d = 2 ** len(sites)
    small, wide = batch(rng, d, d), batch(rng, 8, 8)
    left = np.trace(linalg.embed(small, sites, 3) @ wide)
    right = np.trace(small @ linalg.partial_trace(wide, sites, 3))
    np.testing.assert_allclose(left, right, atol=1e-13)


def test_permutation_reorders_the_factors(rng):
    a, b, c = batch(rng, 2, 2), batch(rng, 2, 2), batch(rng, 2, 2)
    product = np.kron(np.kron(a, b), c)
    np.testing.assert_allclose(linalg.permute(product, (2, 0, 1)), np.kron(np.kron(c, a), b))
    assert linalg.permute(product, (0, 1, 2)) is product


def test_partial_transpose_turns_one_factor_over(rng):
    a, b = batch(rng, 4, 4), batch(rng, 2, 2)
    np.testing.assert_allclose(linalg.partial_transpose(np.kron(a, b), (2,), 3), np.kron(a, b.T))
    np.testing.assert_allclose(linalg.partial_transpose(np.kron(a, b), (0, 1), 3), np.kron(a.T, b))


def test_kron_and_trace_product_are_batched(rng):
    a, b = batch(rng, 3, 1, 2, 2), batch(rng, 4, 4, 4)
    assert linalg.kron(a, b).shape == (3, 4, 8, 8)
    np.testing.assert_allclose(linalg.kron(a, b)[2, 1], np.kron(a[2, 0], b[1]))
    c, d = batch(rng, 3, 4, 4), batch(rng, 3, 4, 4)
    np.testing.assert_allclose(linalg.trace_product(c, d), [np.trace(x @ y) for x, y in zip(c, d, strict=True)])
    np.testing.assert_allclose(linalg.trace(c), [np.trace(x) for x in c])
    np.testing.assert_allclose(linalg.dagger(c), [x.conj().T for x in c])


def test_entropy_is_minus_trace_rho_log_rho_and_takes_zeros(rng):
    rho = np.array([reference.random_state(rng, 4) for _ in range(3)])
    np.testing.assert_allclose(linalg.entropy(rho), [-np.trace(r @ logm(r)).real for r in rho], atol=1e-12)
    assert linalg.entropy(np.diag([1.0, 0.0])) == 0.0
    np.testing.assert_allclose(linalg.entropy(np.eye(8) / 8), np.log(8))


def test_exponential_of_a_hermitian_matrix_is_scipys(rng):
    H = batch(rng, 3, 4, 4)
    H = H + linalg.dagger(H)
    t = np.array([[0.0], [0.3], [-2.0]])[..., 0]
    for U, h, time in zip(linalg.expm_hermitian(H, t), H, t, strict=True):
        np.testing.assert_allclose(U, expm(-1j * h * time), atol=1e-13)
