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
    """M. Žnidarič, J. Stat. Mech. (2010) L05002, rederived here. H = J Σ (XX + YY), jumps Z at the rate g on every site.

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
    nothing between <0| and |0>; the product p_k is the one that PRL 107, 137201 gives for its a⁺a⁻.
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
    total = {row: np.eye(1, dtype=complex) * (row == 0) for row in range(len(A[0]))}  # <0| A ... |row>
    for _ in range(n):
        total = {
            column: sum(
                np.kron(total[row], matrix) * a[row, column]
                for a, matrix in zip(A, letters, strict=True)
                for row in total
            )
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


def norms(n, epsilon):
    """Z_m = Tr S S† for m up to n at Δ = 1: powers of a transfer matrix, diagonal in |k>|k>.

    Terms with different letters are orthogonal: Tr 1 = 2, Tr σ⁺σ⁻ = 1; only |k>|k> is reached from |0>|0>.
    """
    A0, up, down = auxiliary(1.0, epsilon, n // 2 + 2)
    T = 2 * np.abs(A0) ** 2 + np.abs(up) ** 2 + np.abs(down) ** 2
    vector, found = np.eye(len(T))[0], []
    for _ in range(n + 1):
        found.append(vector[0])
        vector = vector @ T
    return np.array(found)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.0])
def test_the_current_at_the_maximal_drive_falls_as_one_over_n_squared(epsilon):
    """The current is j = 4ε Z_{n-1}/Z_n in Prosen's isotropic chain; n² j tends to 2π²/ε.

    dZ_0/dt = 4ε <P_down> - j with P_down the projector on |1>, and <P_down> = Z_{n-1}/Z_n: the first matrix that <0|
    lets through to |1> is σ⁺ or the identity, and of the identity the part on |1> leaves <0| A_0 |0> = 1.
    """
    for n in (3, 6):
        jumps = [qet.jump("+", 0, 2 * epsilon), qet.jump("-", n - 1, 2 * epsilon)]
        flow = qet.transport(qet.steady(qet.xxz(n, J=1.0, Delta=1.0), jumps, solver="chains"))
        Z = norms(n, epsilon)
        np.testing.assert_allclose(flow.spin_current, np.full(n - 1, 4 * epsilon * Z[n - 1] / Z[n]), rtol=0, atol=1e-10)
    lengths = np.array([150, 300])
    j = np.array([4 * epsilon * norms(n, epsilon)[n - 1] / norms(n, epsilon)[n] for n in lengths])
    slope = np.log(j[1] / j[0]) / np.log(2)
    assert abs(slope + 2) < 0.05
