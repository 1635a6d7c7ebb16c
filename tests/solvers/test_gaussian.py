"""Gaussian payloads: Pfaffians and marginals against expansions, dense states and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from qet.foundations.errors import NotOffered
from qet.foundations.linalg import partial_trace
from qet.foundations.paulis import pauli
from qet.physics.models import by_site, xy
from qet.solvers.gaussian import Gaussian, string_means
from qet.solvers.nambu import even_products, gaussian_means, majoranas_of, modes_of, quadratic_form
from qet.solvers.pfaffian import Parted, minor_pfaffian, pfaffian
from qet.solvers.questions import expect_of, marginal_of, shape_of


def antisymmetric(rng, *shape):
    M = rng.normal(size=(*shape, shape[-1]))
    return M - np.swapaxes(M, -1, -2)


def expanded(M):
    """Pf by expansion along the first row."""
    n = len(M)
    if n == 0:
        return 1.0
    rest = [np.delete(np.delete(M, [0, j], 0), [0, j], 1) for j in range(1, n)]
    return sum((-1) ** j * M[0, j + 1] * expanded(minor) for j, minor in enumerate(rest))


def with_spectrum(rng, lam):
    """A covariance with the eigenvalues ±λ of iM."""
    Q = np.linalg.qr(rng.normal(size=(2 * len(lam), 2 * len(lam))))[0]
    blocks = np.kron(np.diag(lam), [[0.0, 1.0], [-1.0, 0.0]])
    M = Q @ blocks @ Q.T
    return (M - M.T) / 2


def thermal(A, T):
    """iM = tanh(iA/2T)."""
    energies, V = np.linalg.eigh(1j * A)
    return np.real(-1j * (V * np.tanh(energies / T / 2)[..., None, :]) @ np.swapaxes(V.conj(), -1, -2))


def random_chain(seed, n):
    rng = np.random.default_rng(seed)
    return xy(
        n, **{name: by_site(rng.uniform(-1, 1, count)) for name, count in (("Jx", n - 1), ("Jy", n - 1), ("g", n))}
    )


@pytest.mark.parametrize("n", [0, 2, 4, 6, 8])
def test_pfaffians_equal_their_expansion(n):
    M = antisymmetric(np.random.default_rng(n), 3, n)
    np.testing.assert_allclose(pfaffian(M), [expanded(one) for one in M], rtol=1e-11)


def test_pfaffians_of_zeros_and_of_blocks():
    assert pfaffian(np.zeros((4, 4))) == 0.0
    blocks = np.kron(np.diag([2.0, -3.0, 0.5]), [[0.0, 1.0], [-1.0, 0.0]])
    assert pfaffian(blocks) == pytest.approx(-3.0, abs=1e-15)
    M = antisymmetric(np.random.default_rng(5), 40)
    sign, log = np.linalg.slogdet(M)
    assert sign == 1.0
    assert np.log(np.abs(pfaffian(M))) == pytest.approx(log / 2, abs=1e-12)


@pytest.mark.parametrize(
    "lam",
    [
        np.linspace(0.3, 1.0, 12),
        np.array([0, 0, 1e-9, 1e-4, 0.02, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        np.repeat([0.0, 1.0], [3, 9]),
        np.full(12, 0.01),
    ],
    ids=["apart", "some small", "zeros", "all small"],
)
def test_a_large_block_taken_out_leaves_the_same_pfaffians(lam):
    """Pf of the block with some of the other modes; the block well conditioned, nearly singular or singular."""
    rng = np.random.default_rng(3)
    M = with_spectrum(rng, lam)
    large, small = np.arange(16), np.arange(16, 24)
    parted = Parted.of(M[np.ix_(large, large)], M[np.ix_(large, small)], M[np.ix_(small, small)])
    for chosen in ([], [0, 1], [2, 7], [0, 1, 3, 5], list(range(8))):
        modes = np.concatenate([large, small[chosen]])
        left = [*range(parted.kept), *(parted.kept + np.array(chosen, dtype=int))]
        found = parted.factor * pfaffian(parted.matrix[np.ix_(left, left)])
        assert found == pytest.approx(pfaffian(M[np.ix_(modes, modes)]), abs=1e-16)


def test_a_block_of_very_many_small_pairs_has_no_pfaffian_to_speak_of():
    rng = np.random.default_rng(4)
    M = np.stack([with_spectrum(rng, np.full(40, 0.01)), with_spectrum(rng, np.full(40, 0.9))])
    parted = Parted.of(M[:, :76, :76], M[:, :76, 76:], M[:, 76:, 76:])
    assert parted.kept == 2 * (2 + 16)
    assert parted.factor[0] == 0.0
    np.testing.assert_allclose(parted.factor * pfaffian(parted.matrix), pfaffian(M), atol=1e-16)


def test_strings_and_products_of_modes_name_each_other():
    for mask, string, sign in even_products(4):
        assert majoranas_of(string) == (modes_of(mask, 8), sign)
    assert majoranas_of(((0, "X"), (3, "Z"))) is None
    assert majoranas_of(((1, "X"), (4, "Y"))) == ((3, 4, 5, 6, 7, 9), 1)


@pytest.mark.parametrize("T", [1e-4, 0.3, 50.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_marginals_equal_those_of_the_dense_gibbs_state(seed, T):
    built, n = random_chain(seed, 7), 7
    state = Gaussian(thermal(quadratic_form(built.H, n), T))
    levels, vectors = np.linalg.eigh(built.matrix())
    p = np.exp(-(levels - levels[0]) / T)
    rho = (vectors * (p / p.sum())) @ vectors.conj().T
    for sites in ((2,), (0, 1), (0, 6), (6, 0), (0, 3, 5), (1, 2, 5, 6), (0, 2, 4, 6), (5, 0, 1, 3, 2)):
        np.testing.assert_allclose(marginal_of(state, sites), partial_trace(rho, sites, n), atol=1e-13)
    for text in ("X0 X6", "Z0 Z6", "X0 Y3 Z5", "Y1 X2 Z4 X5 Y6", "X2", "Z3", "2 X0 Z1 X2 - 0.5 Z1 Z5 + 1", "3"):
        expected = np.trace(rho @ pauli(text).matrix(range(n)))
        assert expect_of(state, pauli(text)) == pytest.approx(expected, abs=1e-13)
    assert state.smallest_eigenvalue() == pytest.approx(np.linalg.eigvalsh(rho)[0], abs=1e-14)


def test_a_batch_of_hot_and_cold_states_equals_its_points():
    """Parities that vanish (a hot state) beside ones that do not: the block is kept for all points alike."""
    A = quadratic_form(random_chain(2, 12).H, 12)
    T = np.array([[0.01, 1.0, 30.0], [0.2, 5.0, 1e6]])
    batch = Gaussian(np.stack([[thermal(A, t) for t in row] for row in T]))
    assert shape_of(batch) == (2, 3)
    found = marginal_of(batch, (0, 5, 11))
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(found[i, j], marginal_of(Gaussian(batch.covariance[i, j]), (0, 5, 11)), atol=1e-15)


@pytest.mark.parametrize("T", [0.01, 1.0])
def test_long_chains_by_the_pfaffian_of_each_string(T):
    """N = 60: every string of a marginal with one long gap against one large Pfaffian of its own."""
    A = quadratic_form(xy(60, Jx=1.0, Jy=0.7, g=0.4).H, 60)
    M = thermal(A, T)
    means = string_means(M, (0, 1, 59))
    assert len(means) == 2**5 - 1
    for string, mean in means.items():
        modes, sign = majoranas_of(string)
        assert mean == pytest.approx(sign * pfaffian(M[np.ix_(modes, modes)]), abs=1e-14)


def test_a_parity_that_vanishes_does_not_spoil_the_strings_across_it():
    """A half-filled chain of hopping fermions: the parity of an odd block is zero exactly, X0 X_n is not."""
    built = xy(9, Jx=1.0, Jy=1.0, g=0.0)
    M = thermal(quadratic_form(built.H, 9), 0.4)
    levels, vectors = np.linalg.eigh(built.matrix())
    p = np.exp(-levels / 0.4)
    rho = (vectors * (p / p.sum())) @ vectors.T
    found = string_means(M, (0, 4, 8))
    for string, mean in found.items():
        text = " ".join(f"{letter}{site}" for site, letter in string)
        assert mean == pytest.approx(np.trace(rho @ pauli(text).matrix(range(9))).real, abs=1e-14)
    assert max(abs(found[((0, a), (8, a))]) for a in "XY") > 1e-4


def test_covariances_beyond_a_state_have_negative_eigenvalues():
    rng = np.random.default_rng(6)
    for lam in ([1.3, 0.2, 0.7], [1.1, 1.2, 0.4], [1.0, 0.5, 0.3]):
        M = with_spectrum(rng, np.array(lam))
        rho = marginal_of(Gaussian(M), (0, 1, 2))
        assert Gaussian(M).smallest_eigenvalue() == pytest.approx(np.linalg.eigvalsh(rho)[0], abs=1e-14)


def test_the_table_of_a_short_chain_is_the_same():
    M = with_spectrum(np.random.default_rng(7), np.array([0.9, 0.3, -0.5]))
    table = gaussian_means(M)
    for string, mean in string_means(M, (0, 1, 2)).items():
        assert mean == table[string]


def test_large_marginals_are_refused():
    with pytest.raises(NotOffered, match="9 sites"):
        marginal_of(Gaussian(np.zeros((20, 20))), tuple(range(9)))


@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_minor_that_splits_in_columns_is_the_pfaffian_that_reflections_give(batch):
    rng = np.random.default_rng(5)
    M = rng.normal(size=(*batch, 12, 12))
    M[..., ::2, ::2] = M[..., 1::2, 1::2] = 0.0
    M = M - np.swapaxes(M, -1, -2)
    full = rng.normal(size=(*batch, 12, 12))
    full = full - np.swapaxes(full, -1, -2)
    for modes in ((), (0, 1), (1, 2), (0, 3, 4, 5), (1, 2, 5, 6, 9, 10), (1, 3, 4, 8), (0, 2, 3, 5, 7, 10), (1, 3)):
        rows = np.array(modes, dtype=int)
        for matrix in (M, full):
            found = minor_pfaffian(matrix, modes)
            np.testing.assert_allclose(found, pfaffian(matrix[..., rows[:, None], rows]), atol=1e-12)
            assert np.shape(found) == batch
