"""Exact results on long chains of free fermions: energies, profiles, currents, and the laws of teleported energy.

The closed forms are re-derived; where a paper is named it is the one that the result is known from.
"""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.values import Call
from qet.solvers.fermions.driven import steady_by_fermions
from qet.solvers.fermions.states import gibbs_by_fermions, ground_by_fermions
from qet.solvers.gaussian import Gaussian
from qet.solvers.questions import expect_of
from qet.solvers.states import State

C_Y = np.pi / 64 * 2 ** (1 / 6) * np.exp(6 * -0.1654211437004509)  # ζ'(-1) = -0.16542…


def infinite(n_sites, A, B, g=1.0):
    """A piece of the infinite Ising chain J = 1: <-i a_2j a_2l+1> = ∫ dk/2π e^{ik(j-l)} (g - e^{-ik})/|g - e^{-ik}|."""
    r = np.arange(n_sites)[:, None] - np.arange(n_sites)
    if g == 1.0:
        block = -1 / (np.pi * (r - 0.5))
    else:
        k = 2 * np.pi * np.arange(4096) / 4096
        phase = (g - np.exp(-1j * k)) / np.abs(g - np.exp(-1j * k))
        block = np.real(np.fft.ifft(phase))[r % 4096]
    M = np.zeros((2 * n_sites, 2 * n_sites))
    M[::2, 1::2], M[1::2, ::2] = block, -block.T
    return State(qet.ising(n_sites, g=g, A=A, B=B), Gaussian(M), "infinite", Call("infinite", {"n": n_sites}))


def extracted(n, g=1.0, measure="Y"):
    return float(qet.teleport(infinite(n + 5, 2, n + 2, g), measure=measure).extracted)


@pytest.mark.parametrize("n", [2, 3, 10, 101, 400])
def test_the_critical_open_chain_has_pfeutys_energy(n):
    """E_0 = 1 - 1/sin(π/(2(2N+1))) at J = g = 1 (Pfeuty, Ann. Phys. 57, 79 (1970)): the modes are 4 sin(k/2).

    k = π (2j+1)/(2N+1), j = 0 … N-1, and the sum of the sines is geometric.
    """
    found = ground_by_fermions(qet.ising(n))
    energy = expect_of(found.payload, qet.ising(n).H)
    np.testing.assert_allclose(energy, 1 - 1 / np.sin(np.pi / (2 * (2 * n + 1))), rtol=1e-13)
    np.testing.assert_allclose(found.diagnostics.gap, 4 * np.sin(np.pi / (4 * n + 2)), rtol=1e-11)
    np.testing.assert_allclose(found.diagnostics.norm, -energy, rtol=1e-13)


@pytest.mark.parametrize("g", [0.5, 1.0, 2.0])
def test_the_energy_of_a_site_in_the_bulk_is_pfeutys(g):
    """e = -∫ dk/2π sqrt(1 + g² - 2g cos k); the energies of two lengths differ by 100 sites of it."""
    k = 2 * np.pi * (np.arange(20000) + 0.5) / 20000
    density = -np.mean(np.sqrt(1 + g * g - 2 * g * np.cos(k)))
    long, short = (
        expect_of(gibbs_by_fermions(qet.ising(n, g=g), 0.0).payload, qet.ising(n, g=g).H) for n in (300, 200)
    )
    np.testing.assert_allclose((long - short) / 100, density, rtol=2e-6 if g == 1.0 else 1e-8)


def test_the_critical_bulk_has_magnetization_two_over_pi():
    for n, error in ((101, 6e-3), (401, 1.5e-3)):
        payload = ground_by_fermions(qet.ising(n)).payload
        assert abs(expect_of(payload, qet.pauli(f"Z{n // 2}")) - 2 / np.pi) < error
    assert infinite(5, 0, 4).payload.covariance[4, 5] == pytest.approx(2 / np.pi, abs=1e-15)


@pytest.mark.parametrize("n", [3, 10, 60])
@pytest.mark.parametrize("rate, mu", [(0.5, 1.0), (2.0, 0.3)])
def test_the_driven_xx_chain_is_flat_and_ballistic(n, rate, mu):
    """H = J Σ (XX + YY), jumps of rates rate (1 ± mu)/2 at the left end and the reverse at the right one.

    With hopping τ = 2J and fillings f_L - f_R = mu, <c_j† c_l> is tridiagonal: flat in the bulk, off by
    ± δ = ± rate² mu/(2 (4τ² + rate²)) on the end sites, and the current, of particles a time, is 4τ² δ/rate at any
    length (Karevski and Platini, PRL 102, 207207 (2009), for the same kind of chain; derived again).
    """
    J = 0.7
    model = qet.xy(n, Jx=-J, Jy=-J, g=0.4)
    up, down = rate * (1 + mu) / 2, rate * (1 - mu) / 2
    jumps = [qet.jump("+", 0, up), qet.jump("-", 0, down), qet.jump("+", n - 1, down), qet.jump("-", n - 1, up)]
    payload = steady_by_fermions(model, jumps).payload
    z = np.array([expect_of(payload, qet.pauli(f"Z{j}")) for j in range(n)])
    delta = rate**2 * mu / (2 * (4 * (2 * J) ** 2 + rate**2))
    np.testing.assert_allclose(z, 2 * delta * np.array([1.0, *np.zeros(n - 2), -1.0]), atol=1e-12)
    current = 4 * (2 * J) ** 2 * delta / rate
    for j in range(n - 1):  # d(Z_j/2)/dt by the bond j: J <X_j Y_j+1 - Y_j X_j+1>
        mean = expect_of(payload, qet.pauli(f"X{j} Y{j + 1} - Y{j} X{j + 1}"))
        np.testing.assert_allclose(abs(J * mean), current, atol=1e-12)
    np.testing.assert_allclose(up - rate * (z[0] + 1) / 2, current, atol=1e-12)


def test_the_slowest_mode_of_a_driven_chain_falls_with_the_cube_of_the_length():
    """Modes at the band edge have the weight k²/N ~ N^-3 on the end sites (Prosen, NJP 10, 043026 (2008))."""
    for Jx, Jy, g in ((0.5, 0.5, 0.4), (1.0, 0.0, 0.6), (0.75, 0.25, 1.2)):
        gaps = []
        for n in (40, 80):
            jumps = [qet.jump("+", 0, 1.0), qet.jump("-", n - 1, 0.5)]
            gaps.append(steady_by_fermions(qet.xy(n, Jx=Jx, Jy=Jy, g=g), jumps).diagnostics.gap)
        np.testing.assert_allclose(np.log2(gaps[1] / gaps[0]), -3.0, atol=0.05)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("g", [0.6, 1.0, 1.5])
def test_for_y_measured_the_energy_is_a_closed_form(n, g):
    """Bob rotates about x:  E_B = g [sqrt(<Z>² + <Y_0 Y_n>²) - <Z>]  in the bulk, at any field."""
    state = infinite(n + 5, 2, n + 2, g)
    z, yy = qet.expect(state, "Z2"), qet.expect(state, f"Y2 Y{n + 2}")
    # <Y Y> falls to 1e-11 here, with the absolute rounding of a mean
    np.testing.assert_allclose(extracted(n, g), g * yy**2 / (np.hypot(z, yy) + z), rtol=1e-11, atol=1e-26)


def test_at_criticality_the_energy_falls_as_n_to_the_minus_nine_halves():
    """E_B n^(9/2) -> c = (π/64) 2^(1/6) exp(6ζ'(-1)) for Y, c/3 for X; corrections of 0.469/n² are taken out."""
    assert pytest.approx(0.0204217345, abs=1e-10) == C_Y
    n = np.array([32, 64])
    for measure, c in (("Y", C_Y), ("X", C_Y / 3)):
        scaled = np.array([extracted(int(m), measure=measure) for m in n]) * n**4.5
        np.testing.assert_allclose((4 * scaled[1] - scaled[0]) / 3, c, rtol=3e-7)
        np.testing.assert_allclose((scaled / c - 1) * n**2, 0.4688, atol=2e-3)


def test_off_criticality_the_energy_falls_exponentially():
    """n^-3 (J/g)^2n above and n^-6 (g/J)^4n below the critical field; slopes of what is left approach the powers."""
    for g, rate, power in ((1.25, 1.25**-2, -3.0), (0.8, 0.8**4, -6.0)):
        n = np.array([8, 12, 16, 24]) if g > 1 else np.array([4, 6, 8, 12])
        left = np.log([extracted(int(m), g, "X") for m in n]) - n * np.log(rate)
        slopes = np.diff(left) / np.diff(np.log(n))
        assert abs(slopes[-1] - power) < abs(slopes[0] - power) < 0.3 * abs(power)


def test_z_measured_teleports_nothing_far_away():
    assert abs(extracted(6, measure="Z")) < 1e-15


@pytest.mark.parametrize("T", [0.0, 0.7])
def test_without_a_field_one_spin_teleports_nothing_to_one_spin(T):
    """Time reversal: <σ_A H_a σ_b> is a mean of three time-odd operators. A field lifts it."""
    found = []
    for g in (0.0, 0.3):
        model = qet.xy(14, Jx=1.0, Jy=0.6, g=g, A=4, B=7)
        state = State(model, gibbs_by_fermions(model, T).payload, "fermions", Call("gibbs", {"model": model, "T": T}))
        found.append([qet.teleport(state, measure=m).extracted for m in ("X", "Y", (0.6, 0.0, 0.8), (0.3, 0.5, 0.2))])
    assert np.abs(found[0]).max() < 1e-14
    assert np.abs(found[1]).max() > 1e-9


@pytest.mark.slow
def test_a_thousand_sites_follow_the_law_of_the_infinite_chain():
    """In the middle of an open chain the ends add a share of order n/N, which two lengths take out."""
    for n in (4, 10):
        half, full = (
            qet.teleport(qet.ground(qet.ising(size, A=size // 2 - n // 2, B=size // 2 + n // 2)), measure="Y").extracted
            for size in (500, 1000)
        )
        np.testing.assert_allclose(full, extracted(n), rtol=5 * n / 1000)
        np.testing.assert_allclose(2 * full - half, extracted(n), rtol=2e-3)


@pytest.mark.slow
def test_a_driven_chain_of_a_thousand_sites():
    n = 1000
    model = qet.xy(n, Jx=0.5, Jy=0.5, g=0.0)
    found = steady_by_fermions(model, [qet.jump("+", 0, 1.0), qet.jump("-", n - 1, 1.0)])
    z = found.payload.covariance[np.arange(0, 2 * n, 2), np.arange(1, 2 * n, 2)]
    delta = 1 / (2 * (4 + 1))
    np.testing.assert_allclose(z, 2 * delta * np.array([1.0, *np.zeros(n - 2), -1.0]), atol=1e-10)
    assert found.diagnostics.residual < 1e-15
