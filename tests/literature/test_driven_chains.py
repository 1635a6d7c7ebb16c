"""Driven chains with known steady states: free, dephased, and at the maximal drive."""

import numpy as np
import pytest

import qet


def driven(n, gamma, mu):
    """σ⁺ at rate γ(1+μ), σ⁻ at γ(1-μ) on the left, μ reversed on the right."""
    rates = ((0, 1 + mu, 1 - mu), (n - 1, 1 - mu, 1 + mu))
    return [qet.jump(sign, site, gamma * r) for site, up, down in rates for sign, r in (("+", up), ("-", down))]


@pytest.mark.parametrize("n, J, gamma, mu, dephasing", [
    (2, 0.25, 1.0, 0.5, 0.0),
    (6, 0.25, 1.0, 0.5, 0.0),
    (5, 0.7, 0.3, -0.9, 0.2),
    (7, 0.25, 1.0, 1.0, 0.5),
])  # fmt: skip
def test_xx_chain_with_dephasing_has_a_linear_profile_and_a_current_in_closed_form(n, J, gamma, mu, dephasing):
    """M. Žnidarič, J. Stat. Mech. (2010) L05002, rederived here. H = J Σ (XX + YY), jumps Z at rate g everywhere.

    With j = 2J <X_k Y_{k+1} - Y_k X_{k+1}>: dZ_0/dt = 2γ(μ - Z_0) - j; i[H, ·] and the losses of the coherence give
    8J² (Z_k - Z_{k+1}) = (4g + γ δ_{k,0} + γ δ_{k,n-2}) j on every bond. Added up,

        j = 2μ / (1/γ + γ/(4J²) + g (n-1)/(2J²)),

    flat and independent of n without dephasing (ballistic), and ~ 1/n with it (diffusive).
    """
    jumps = driven(n, gamma, mu) + [qet.jump("Z", site, dephasing) for site in range(n)]
    flow = qet.transport(qet.steady(qet.xxz(n, J=J, Delta=0.0), jumps, solver="chains"))
    j = 2 * mu / (1 / gamma + gamma / (4 * J**2) + dephasing * (n - 1) / (2 * J**2))
    np.testing.assert_allclose(flow.spin_current, np.full(n - 1, j), rtol=0, atol=1e-11)
    at_ends = np.zeros(n - 1)
    at_ends[0] += gamma
    at_ends[-1] += gamma
    Z = mu - j / (2 * gamma) - np.concatenate([[0.0], np.cumsum((4 * dephasing + at_ends) * j / (8 * J**2))])
    np.testing.assert_allclose(flow.magnetization, Z, rtol=0, atol=1e-11)
    np.testing.assert_allclose(flow.energy_current, 0.0, rtol=0, atol=1e-11)


def auxiliary(Delta, epsilon, size):
    """The auxiliary matrices of Prosen's S: A_0 (with the identity), A_+ and A_- (with σ⁺, σ⁻), cut to a size.

    With Δ = cos η, t = iε/(2 sin η): A_0 = Σ (cos kη + t sin kη)|k><k|, A_- = Σ |k+1><k|, and A_+ = Σ p_k |k><k+1|,
    p_k = sin((k+1)η) [2t cos kη - (1 - t²) sin kη]; at Δ = 1: 1 + iεk/2 and (k+1)(iε - ε²k/4). A similarity changes
    nothing between <0| and |0>. Written in this form and checked here, against the solution of L rho = 0.
    """
    k = np.arange(size)
    if Delta == 1.0:
        along, p = 1 + 0.5j * epsilon * k, (k + 1) * (1j * epsilon - epsilon**2 * k / 4)
    else:
        eta = np.arccos(complex(Delta))
        t = 0.5j * epsilon / np.sin(eta)
        along = np.cos(k * eta) + t * np.sin(k * eta)
        p = np.sin((k + 1) * eta) * (2 * t * np.cos(k * eta) - (1 - t**2) * np.sin(k * eta))
    return np.diag(along), np.diag(p[:-1], 1), np.diag(np.ones(size - 1), -1)


def cholesky_factor(n, Delta, epsilon):
    """S = Σ <0| A_{s1} ... A_{sn} |0> σ^{s1} ⊗ ... ⊗ σ^{sn}, s in {0, +, -}."""
    A = auxiliary(Delta, epsilon, n // 2 + 2)
    letters = (np.eye(2), np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]]))
    pairs = list(zip(A, letters, strict=True))
    total = {row: np.eye(1, dtype=complex) * (row == 0) for row in range(len(A[0]))}  # <0| A ... |row>
    for _ in range(n):
        total = {
            column: sum(np.kron(total[row], matrix) * a[row, column] for a, matrix in pairs for row in total)
            for column in total
        }
    return total[0]


@pytest.mark.parametrize("n", [2, 3, 5, 7])
@pytest.mark.parametrize("Delta, epsilon", [(1.0, 1.0), (0.5, 0.7), (-0.3, 2.0), (1.7, 0.5)])
def test_at_the_maximal_drive_the_state_is_a_product_of_triangular_matrices(n, Delta, epsilon):
    """T. Prosen, PRL 107, 137201 (2011): H = Σ (XX + YY + Δ ZZ), σ⁺ on the left and σ⁻ on the right at the rate 2ε.

    rho = S S†/Tr; his equation has 2 L rho L† - {L†L, rho} with L = sqrt(ε) σ, which is a rate of 2ε here.
    """
    jumps = [qet.jump("+", 0, 2 * epsilon), qet.jump("-", n - 1, 2 * epsilon)]
    state = qet.steady(qet.xxz(n, J=1.0, Delta=Delta), jumps, solver="chains")
    S = cholesky_factor(n, Delta, epsilon)
    rho = S @ S.conj().T
    np.testing.assert_allclose(state.density_matrix, rho / np.trace(rho).real, rtol=0, atol=1e-10)  # the residual asked


def down_at_the_drive(n, epsilon):
    """Z_{n-1}/Z_n at Δ = 1, Z_n = Tr S S†: a transfer matrix on |k>|k>, which alone are reached from |0>|0>.

    Different letters are orthogonal: Tr 1 = 2, Tr σ⁺σ⁻ = 1. Vectors are scaled at each step.
    """
    A0, up, _ = auxiliary(1.0, epsilon, n // 2 + 2)
    along, across = 2 * np.abs(np.diag(A0)) ** 2, np.abs(np.diag(up, 1))  # A_+ and A_- made alike by a similarity
    vector = np.eye(len(A0))[0]
    for _ in range(n):
        moved = along * vector
        moved[1:] += across * vector[:-1]
        moved[:-1] += across * vector[1:]
        ratio, vector = vector[0] / moved[0], moved / moved.max()
    return ratio


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.0])
def test_the_current_at_the_maximal_drive_falls_as_one_over_n_squared(epsilon):
    """In Prosen's isotropic chain j = 4ε Z_{n-1}/Z_n, and n² j tends to 4π²/ε (for Z, with H in Pauli matrices).

    dZ_0/dt = 4ε <P> - j, P the projector on |1> at the left end. <1| σ^s starts with <1| for s = 0 alone (<0| A_- = 0),
    and <0| A_0 = <0|, so that <P> = Z_{n-1}/Z_n.
    """
    for n in (3, 6):
        jumps = [qet.jump("+", 0, 2 * epsilon), qet.jump("-", n - 1, 2 * epsilon)]
        flow = qet.transport(qet.steady(qet.xxz(n, J=1.0, Delta=1.0), jumps, solver="chains"))
        current = np.full(n - 1, 4 * epsilon * down_at_the_drive(n, epsilon))
        np.testing.assert_allclose(flow.spin_current, current, rtol=0, atol=1e-10)
    short, long = (4 * epsilon * down_at_the_drive(n, epsilon) for n in (200, 400))
    assert abs(np.log2(long / short) + 2.0) < 0.01  # what is left at these lengths
    assert abs(400**2 * long * epsilon / (4 * np.pi**2) - 1.0) < 0.005
