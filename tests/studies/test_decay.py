"""Decay laws: known ones are found again within their uncertainty, those of the infinite Ising chain among them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.integrate import quad

import qet
from qet.foundations.errors import BadParameter, ShapeMismatch, UnknownName

C_Y = np.pi / 64 * 2 ** (1 / 6) * np.exp(6 * -0.165421143700450929)  # (pi/64) 2^(1/6) e^(6 zeta'(-1))


def couplings_of(J, far, T=0.0, points=8192):
    """G_r of the infinite chain -J Σ XX - Σ Z by a discrete Fourier integral; closed where the symbol jumps."""
    if J == 1.0 and T == 0.0:
        return {r: 2 * (-1.0) ** r / (np.pi * (2 * r + 1)) for r in range(-far, far + 2)}
    k = 2 * np.pi * np.arange(points) / points
    z = 1 + J * np.exp(1j * k)
    size = np.abs(z)
    with np.errstate(divide="ignore", invalid="ignore"):
        symbol = z * (np.where(size > 1e-9, np.tanh(size / T) / size, 1 / T) if T else 1 / size)  # energies are 2 |z|
    G = np.fft.ifft(symbol).real
    return {r: G[r % points] for r in range(-far, far + 2)}


def infinite_ising(J, distances, T=0.0):
    """E_B = sqrt(<Z>² + <Y0 Yn>²) - <Z>, Alice measuring Y: Bob turns about X, so no bond changes.

    <Y0 Yn> is a Toeplitz determinant (Lieb, Schultz and Mattis; Pfeuty). Written so that nothing cancels.
    """
    G = couplings_of(J, int(max(distances)), T)
    yy = np.array([np.linalg.det(np.array([[G[i - j + 1] for j in range(n)] for i in range(n)])) for n in distances])
    return yy**2 / (np.hypot(G[0], yy) + G[0])


def within(found, name, truth, times=1.0):
    return abs(found.parameters[name] - truth) <= times * found.uncertainty[name]


def test_the_infinite_chain_is_what_finite_chains_tend_to():
    """Eight sites, at a finite correlation length: the middle of the chain is within its boundary corrections."""
    state = qet.ground(qet.ising(8, J=0.3, g=1.0))
    G = couplings_of(0.3, 4)
    assert qet.expect(state, "Z4") == pytest.approx(G[0], abs=1e-5)
    assert qet.expect(state, "Y3 Y4") == pytest.approx(G[1], abs=1e-5)
    run = qet.teleport(state.between(3, 5), measure="Y")
    assert run.extracted == pytest.approx(infinite_ising(0.3, [2])[0], rel=2e-2)
    warm = qet.gibbs(qet.ising(8, J=0.3, g=1.0), T=1.0)
    assert qet.expect(warm, "Z4") == pytest.approx(couplings_of(0.3, 4, T=1.0)[0], abs=1e-5)


# -- laws that are known -------------------------------------------------------------------------


def test_the_critical_chain_decays_as_n_to_the_minus_nine_halves():
    n = np.arange(2, 129)
    found = qet.decay_law(n, infinite_ising(1.0, n))
    assert found.law == "power"
    assert found.is_clear
    assert within(found, "p", 4.5)
    assert found.uncertainty["p"] < 1e-3
    assert abs(found.extrapolated["p"] - 4.5) < 2 * found.extrapolated_uncertainty["p"] < 1e-3


def test_the_amplitude_of_the_critical_chain_is_the_known_one():
    n = np.arange(2, 129)
    found = qet.decay_law(n, infinite_ising(1.0, n), exponent=4.5)
    assert found.law == "power"
    assert within(found, "C", C_Y)
    assert found.uncertainty["C"] < 1e-5
    assert pytest.approx(0.0204217345, abs=1e-10) == C_Y
    assert found.parameters["p"] == 4.5
    assert found.uncertainty["p"] == 0.0


@pytest.mark.parametrize("J, far, p, rate", [(0.7, 60, 3.0, -2 * np.log(0.7)), (1 / 0.8, 40, 6.0, -4 * np.log(0.8))])
def test_off_criticality_an_exponential_joins_the_power(J, far, p, rate):
    """n^-3 (J/g)^2n in the disordered phase, n^-6 (g/J)^4n in the ordered one."""
    n = np.arange(2, far)
    E = infinite_ising(J, n)
    free = qet.decay_law(n, E)
    assert free.law == "power-exponential"
    assert within(free, "p", p, 2.0)
    assert within(free, "xi", 1 / rate, 2.0)
    assert free.uncertainty["xi"] < 0.02
    held = qet.decay_law(n, E, rate=rate)
    assert held.law == "power-exponential"
    assert within(held, "p", p, 2.0)
    assert held.uncertainty["p"] < free.uncertainty["p"]
    assert held.parameters["xi"] == pytest.approx(1 / rate)
    assert abs(held.extrapolated["p"] - p) < 0.05


@pytest.mark.parametrize("T, far", [(0.25, 28), (0.5, 16)])
def test_heat_makes_the_critical_decay_exponential(T, far):
    """1/xi = 2 [(1/2π) ∫ ln coth(ε/2T) dk + 2 asinh(πT/2J)], ε = 4J |cos(k/2)|.

    The first part is that of <XX> (McCoy's), the second the nearest zero of the symbol, e^(-2 asinh(πT/2J)), which the
    two more turns of the symbol of <YY> bring in.
    """
    n = np.arange(2, far)
    found = qet.decay_law(n, infinite_ising(1.0, n, T=T))
    integral = quad(lambda k: -np.log(np.tanh(2 * np.cos(k / 2) / T)) / np.pi, 0, np.pi)[0]
    assert found.law == "exponential"
    assert found.is_clear
    assert within(found, "xi", 1 / (2 * (integral + 2 * np.arcsinh(np.pi * T / 2))), 2.0)
    assert found.uncertainty["xi"] < 1e-3 * found.parameters["xi"]


# -- laws with noise -----------------------------------------------------------------------------

TRUTHS = {
    "power": (np.arange(4, 60), {"p": 4.5}),
    "exponential": (np.arange(4, 30), {"xi": 3.0}),
    "power-exponential": (np.arange(3, 60), {"p": 3.0, "xi": 5.0}),
}


def noisy(law, seed, noise=0.02):
    n, truth = TRUTHS[law]
    E = 0.3 * n ** -truth.get("p", 0.0) * np.exp(-n / truth.get("xi", np.inf))
    return n, E * (1 + noise * np.random.default_rng(seed).normal(size=n.size)), noise * E


@pytest.mark.parametrize("law", TRUTHS)
@pytest.mark.parametrize("is_known", [True, False])
def test_the_uncertainty_covers_the_truth(law, is_known):
    """One standard deviation covers 68 % of the seeds, or more, since a drift that noise shows is added; two 95 %.

    Of 40 seeds the share scatters by 7 %.
    """
    inside = {name: [] for name in TRUTHS[law][1]}
    for seed in range(40):
        n, E, error = noisy(law, seed)
        found = qet.decay_law(n, E, error=error if is_known else None, law=law)
        for name, truth in TRUTHS[law][1].items():
            inside[name].append(abs(found.parameters[name] - truth) / found.uncertainty[name])
    for name, distances in inside.items():
        assert 0.54 <= np.mean(np.array(distances) < 1.0) <= 0.95, name
        assert np.mean(np.array(distances) < 2.0) >= 0.88, name


@pytest.mark.parametrize("law", TRUTHS)
def test_the_law_is_found_in_noise(law):
    found = [qet.decay_law(n, E, error=error).law for n, E, error in (noisy(law, seed) for seed in range(20))]
    assert found.count(law) >= 17


def test_uncertainties_fall_with_the_noise_and_agree_with_least_squares_where_nothing_drifts():
    """A power law with known errors in a fixed window: the statistical part is (XᵀWX)^-1."""
    n, E, error = noisy("power", 3, noise=0.01)
    found = qet.decay_law(n, E, error=error, law="power", window=(4, 59))
    X = np.stack([np.ones(n.size), -np.log(n)], 1) * (E / error)[:, None]
    covariance = np.linalg.inv(X.T @ X)
    assert found.statistical["p"] == pytest.approx(np.sqrt(covariance[1, 1]), rel=0.3)  # the scatter adds to the errors
    values = covariance @ X.T @ (np.log(E) * E / error)
    if found.scatter == 0.0:
        assert found.parameters["p"] == pytest.approx(values[1], rel=1e-12)
    assert found.window == (4.0, 59.0)


def test_precise_points_near_alice_do_not_outweigh_the_far_ones():
    """A precision of 1e-14 alone would weigh n = 2 by 10^10 against n = 40; the law is that of the far points."""
    n = np.arange(2, 41)
    E = 0.02 * n**-4.5 * (1 + 3 / n**2)
    with_error, without = qet.decay_law(n, E, error=1e-14), qet.decay_law(n, E)
    assert within(with_error, "p", 4.5)
    assert with_error.parameters["p"] == pytest.approx(without.parameters["p"], abs=1e-3)


def test_errors_that_are_too_small_for_the_scatter_are_completed_by_it():
    """2 % of noise, errors of 1e-16 or of half the noise: χ² of the fit is its degrees of freedom."""
    n, E, error = noisy("power", 3)
    plain = qet.decay_law(n, E, law="power", window=(4, 59))
    assert plain.scatter == pytest.approx(0.02, rel=0.25)
    tiny = qet.decay_law(n, E, error=1e-16, law="power", window=(4, 59))
    assert tiny.scatter == pytest.approx(plain.scatter, rel=1e-6)
    assert tiny.uncertainty["p"] == pytest.approx(plain.uncertainty["p"], rel=1e-3)
    half = qet.decay_law(n, E, error=error / 2, law="power", window=(4, 59))
    residuals = np.log(half.energy / half(half.distance))
    assert np.sum(residuals**2 / ((half.error / half.energy) ** 2 + half.scatter**2)) == pytest.approx(54.0, rel=1e-6)


# -- the rest ------------------------------------------------------------------------------------


def test_points_that_are_not_resolved_are_left_out_and_counted():
    n = np.arange(1, 41)
    E = 0.1 * np.exp(-n / 2.0)
    E[5], E[7] = np.nan, -1e-9
    found = qet.decay_law(n, E, error=1e-6)
    assert found.n_left_out == int((~(E > 3e-6)).sum())
    assert found.distance.max() == np.max(n[E > 3e-6])
    assert found.law == "exponential"
    assert within(found, "xi", 2.0, 2.0)


def test_order_does_not_matter_and_the_same_is_made_again_from_the_recipe():
    n, E, error = noisy("power", 1)
    mixed = np.random.default_rng(0).permutation(n.size)
    found = qet.decay_law(n, E, error=error)
    assert found == qet.decay_law(n[mixed], E[mixed], error=error[mixed])
    assert qet.rerun(found.recipe) == found
    assert qet.rerun(qet.decay_law(n, E, rate=0.0, window=(10, 50)).recipe).window == (10.0, 50.0)


def test_a_law_is_a_function_and_a_table():
    n = np.arange(4, 40)
    found = qet.decay_law(n, 0.5 * n**-2.0 * np.exp(-n / 7.0))
    np.testing.assert_allclose(
        found([50.0, 60.0]), 0.5 * np.array([50, 60]) ** -2.0 * np.exp(-np.array([50, 60]) / 7), rtol=1e-9
    )
    np.testing.assert_allclose(found.local_exponent, 2.0, atol=1e-8)
    assert re.search(r"^E = C n\^-p exp\(-n/xi\), fitted to \d+ distances from \d+ to 39\n  C  = 0.5 ±", str(found))
    rates = qet.decay_law(n, np.exp(-n / 7.0), law="exponential").local_exponent
    np.testing.assert_allclose(rates, 1 / 7, rtol=1e-12)


def test_a_choice_that_is_not_clear_cut_says_so():
    """Six noisy points between 10 and 15: a power and an exponential look alike."""
    n = np.arange(10, 16)
    E = n**-2.0 * (1 + 0.1 * np.random.default_rng(5).normal(size=6))
    found = qet.decay_law(n, E)
    assert not found.is_clear
    assert "not clear-cut" in found.statement
    assert "not clear-cut" in str(found)
    assert qet.decay_law(n, E, law="power").is_clear


N = np.arange(2, 12)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.decay_law(N, N[:-1]), ShapeMismatch, r"\(10,\), \(9,\)"),
        (lambda: qet.decay_law(N, 1.0 / N, error=N[:-1] * 0.1), ShapeMismatch, r"\(9,\)"),
        (lambda: qet.decay_law(N, 1.0 / N, law="powr"), UnknownName, "did you mean 'power'"),
        (lambda: qet.decay_law(N - 2, 1.0 / N), BadParameter, "positive"),
        (lambda: qet.decay_law([1, 1, 2, 3, 4], np.ones(5)), BadParameter, "different"),
        (lambda: qet.decay_law(N, -1.0 / N), BadParameter, "4 resolved points; there are 0 of 10"),
        (lambda: qet.decay_law(N, 1.0 / N, error=1.0), BadParameter, "there are 0"),
        (lambda: qet.decay_law(N, 1.0 / N, error=-1.0), BadParameter, "error must be at least 0"),
        (lambda: qet.decay_law(N, 1.0 / N, window=(2, 4)), BadParameter, "there are 3"),
        (lambda: qet.decay_law(N, 1.0 / N, law="power", rate=0.1), BadParameter, "has no rate"),
        (lambda: qet.decay_law(N, 1.0 / N, law="exponential", exponent=2.0), BadParameter, "has no exponent"),
        (lambda: qet.decay_law(N, 1.0 / N, rate=np.ones(2)), ShapeMismatch, "rate is one number"),
    ],
)
def test_what_cannot_be_fitted_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
