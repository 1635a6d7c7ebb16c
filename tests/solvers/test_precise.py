"""Correlators of free-fermion ground states to more digits than a double holds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from many_digits import Ground, orthogonal_factor

from qet.foundations.errors import NotConverged
from qet.foundations.paulis import pauli
from qet.physics.models import by_site, ising, model, xxz, xy
from qet.solvers.fermions.integers import determinant, pfaffian_of_integers
from qet.solvers.fermions.polar import polar
from qet.solvers.fermions.precise import BITS, is_affordable, precise_means
from qet.solvers.fermions.slices import layout, sliced


def integers_of(X):
    """The matrix as rational numbers."""
    n, m = X.slices.shape[1:]
    return X.integers(np.arange(n), np.arange(m)) * Fraction(1, 2 ** (X.bits - 1))


def chiral(n, seed):
    """A chain whose Majoranas of one kind are correlated too: no determinants, Pfaffians."""
    rng = np.random.default_rng(seed)
    terms = {f"H_{j}": f"{rng.uniform(1.5, 2.5)} Z{j}" for j in range(n)}
    for j in range(n - 1):
        c = rng.normal(size=4) / 3
        terms[f"V_{j}"] = " + ".join(
            f"{x} {a}{j} {b}{j + 1}" for x, (a, b) in zip(c, ("XX", "YY", "XY", "YX"), strict=True)
        )
    return model(terms, A=0, B=n - 1)


@pytest.mark.parametrize("bits", [60, 130, 300])
def test_products_of_slices_are_exact_to_their_last_bit(bits):
    rng = np.random.default_rng(bits)
    X, Y = (sliced(rng.normal(size=(7, 7)) / 16, *layout(bits, 7)) for _ in range(2))
    X = X + sliced(rng.normal(size=(7, 7)) * 2.0 ** -(bits // 2), X.width, len(X.slices))
    for found, exact in ((X @ Y, integers_of(X) @ integers_of(Y)), (X.gram(), integers_of(X).T @ integers_of(X))):
        assert max(np.abs(integers_of(found) - exact).ravel()) < Fraction(64, 2**bits)
    wide = X.widened(*layout(bits + 40, 7000))
    assert np.array_equal(integers_of(wide), integers_of(X))
    C = np.diag([0.5, -0.25, 1 / 3, 0.1, 0.7, -0.9, 2.0**-70])
    exact = np.vectorize(Fraction, otypes=[object])(C) @ integers_of(X)
    assert max(np.abs(integers_of(X.times_sparse(C)) - exact).ravel()) < Fraction(64, 2**bits)


def test_small_numbers_keep_their_digits_in_slices():
    tiny = sliced(np.array([[1 / 3]]), 20, 12) - sliced(np.array([[1 / 3 - 2.0**-54]]), 20, 12)
    assert tiny.rounded()[0, 0] == 2.0**-54
    assert sliced(np.array([[-0.1 * 2.0**-90]]), 20, 12).rounded()[0, 0] == -0.1 * 2.0**-90


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_integer_determinants_and_pfaffians_equal_rational_ones(n):
    rng = np.random.default_rng(n)
    bits = 150
    a = np.array([[int(x) for x in row] for row in rng.integers(-(2**40), 2**40, (n, n))], dtype=object) << 108
    a = a - a.T
    square = pfaffian_of_integers(a, bits) ** 2
    assert abs(square / determinant(a, bits) - 1) < Fraction(1, 2**120)
    a[:, -1] = a[:, 0] + (a[:, -1] >> 90)  # nearly singular: the last pivot alone is small
    exact = Fraction(int(expanded(a)), 2 ** (bits * n))
    assert abs(determinant(a, bits) - exact) < Fraction(1, 2**140)
    assert determinant(np.zeros((n, n), dtype=object), bits) == pfaffian_of_integers(a * 0, bits) == 0


def expanded(a):
    if len(a) == 0:
        return 1
    rest = a[1:]
    return sum((-1) ** j * a[0, j] * expanded(np.delete(rest, j, 1)) for j in range(len(a)) if a[0, j])


@pytest.mark.parametrize("seed", range(3))
def test_the_orthogonal_factor_has_all_the_bits_that_were_asked_for(seed):
    C = np.random.default_rng(seed).normal(size=(9, 9)) * 10.0**seed
    exact = orthogonal_factor(C)
    for bits in (60, 150, 333):
        found = polar(C, bits)
        units = found.Q.integers(np.arange(9), np.arange(9))
        value = np.vectorize(lambda x, b=found.Q.bits: Decimal(int(x)) / Decimal(2) ** (b - 1), otypes=[object])(units)
        assert np.abs(value - exact).max() < Decimal(2) ** -bits
    again = polar(C, 60).refined(200)
    direct = polar(C, 200)
    apart = again.Q.widened(direct.Q.width, len(direct.Q.slices)) - direct.Q
    assert np.abs(apart.rounded()).max() < 2.0**-199
    assert again.refined(90) is again


@pytest.mark.parametrize("smallest", [1e-9, 1e-13])
def test_small_singular_values_cost_steps_and_not_digits(smallest):
    found, exact = polar(nearly_singular(smallest), 150), orthogonal_factor(nearly_singular(smallest))
    apart = np.vectorize(Fraction, otypes=[object])(exact) - integers_of(found.Q)
    assert max(np.abs(apart).ravel()) < Fraction(1, 2**150)


@pytest.mark.parametrize("smallest", [1e-17, 0.0])
def test_a_singular_matrix_is_refused(smallest):
    with pytest.raises(NotConverged, match="singular"):
        polar(nearly_singular(smallest), 100)


def nearly_singular(smallest):
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(5, 5)))[0] for _ in range(2))
    return U @ np.diag([1.0, 0.5, 0.3, 0.1, smallest]) @ V


@pytest.mark.parametrize(
    "chain",
    [
        ising(7, g=30.0),
        ising(6, J=by_site([1.0, 0.3, -0.7, 0.2, 1.1]), g=by_site([9.0, 4.0, 7.0, -5.0, 6.0, 8.0])),
        xy(6, Jx=0.3, Jy=-0.2, g=2.5),
        chiral(6, 3),
    ],
    ids=["ising", "disorder", "xy", "chiral"],
)
def test_means_equal_those_in_decimal_arithmetic(chain):
    exact, n = Ground(chain), chain.n_sites
    for text in ("Z0", f"X0 X{n - 1}", f"Y0 Y{n - 2}", f"0.3 X1 Y{n - 1} + 0.1 X1 X{n - 1}", f"Z1 X{n - 2} X{n - 1}"):
        means, error = precise_means(chain, (), [pauli(text)], 1e-13)
        expected = exact.mean(pauli(text))
        assert abs(Decimal(means[0]) - expected) <= Decimal(error) + abs(expected) * Decimal(2) ** -52
        assert error <= 1e-13 * abs(means[0])


def test_one_precision_serves_a_whole_vector_and_zeros_are_exact():
    chain = ising(8, g=100.0)
    means, error = precise_means(chain, (), [pauli("Y0 Y7"), pauli("X0 Y7")], 1e-13)
    assert means[1] == 0.0
    assert 0.0 < error < 1e-13 * abs(means[0])
    assert precise_means(chain, (), [pauli("X0 Y7"), pauli("X0")], 1e-13)[1] == 0.0


def test_what_lies_below_the_floor_says_so():
    means, error = precise_means(ising(8, g=1e25), (), [pauli("Y0 Y7")], 1e-13)
    assert error > 1e-13 * abs(means[0])
    assert error < 2.0 ** (12 - BITS[-1])


def test_points_of_a_batch_are_taken_one_by_one():
    g = np.array([[3.0], [5.0]])
    chain = ising(5, J=np.array([1.0, 0.5, 0.2]), g=g)
    for index in np.ndindex(2, 3):
        alone = ising(5, J=float([1.0, 0.5, 0.2][index[1]]), g=float(g[index[0], 0]))
        one, other = (precise_means(m, at, [pauli("X0 X4")], 1e-13)[0] for m, at in ((chain, index), (alone, ())))
        assert one == other


def test_affordable_are_quadratic_chains_up_to_a_thousand_sites():
    assert is_affordable(ising(1000), 1)
    assert not is_affordable(ising(1000), 2)
    assert is_affordable(ising(100), 1000)
    assert not is_affordable(xxz(9), 1)
    assert not is_affordable(ising(9, hx=0.1), 1)
