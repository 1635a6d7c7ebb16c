"""Fast energies of the pair against full 4x4 matrices: the signed SVD, and random unitaries that never do better."""

import decimal
import itertools

import numpy as np
import pytest

import qet
from qet.physics.models import minimal
from qet.protocols.pair import pair_energies, pair_extracted, pair_injected, pair_local
from qet.solvers.pair import ground_pair

SIGMA = [np.array([[0, 1], [1, 0]], complex), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0]).astype(complex)]
EVEN = ["Z0", "Z1", "X0 X1", "Y0 Y1", "X0 Y1", "Y0 X1", "Z0 Z1"]


def at(site, operator):
    return np.kron(operator, np.eye(2)) if site == 0 else np.kron(np.eye(2), operator)


def gain(H, s, B):
    """Tr T + s1 + s2 - sign(det T) s3 with T_ab = Tr[H_a ⊗ σ_b s], all with 4x4 matrices."""
    T = np.empty((3, 3))
    for a, b in itertools.product(range(3), repeat=2):
        Ha = np.zeros((4, 4), complex)  # the part of H with σ_a at B, with σ_a taken off: Tr_B[σ_a H]/2
        for other in [np.eye(2), *SIGMA]:
            weight = np.trace(H @ at(B, SIGMA[a]) @ at(1 - B, other)).real / 4
            Ha = Ha + weight * at(1 - B, other)
        T[a, b] = np.trace(Ha @ at(B, SIGMA[b]) @ s).real
    v = np.linalg.svd(T, compute_uv=False)
    return np.trace(T) + v[0] + v[1] - np.sign(np.linalg.det(T)) * v[2]


def slow(H, rho, A, B, s, q):
    X = at(A, SIGMA[0])
    roots = []
    for mu in (1, -1):
        values, vectors = np.linalg.eigh((np.eye(4) + mu * s * X) / 2)
        roots.append((vectors * np.sqrt(values.clip(0))) @ vectors.conj().T)
    branches = [M @ rho @ M for M in roots]
    received = [(1 - q) * branches[0] + q * branches[1], q * branches[0] + (1 - q) * branches[1]]
    average = branches[0] + branches[1]
    return np.trace(H @ (average - rho)).real, sum(gain(H, b, B) for b in received), gain(H, average, B), received


def random_case(rng):
    """A random state with parity, as means and matrix, and random coefficients of every sign."""
    rho = np.zeros((4, 4), complex)
    for block in ([0, 3], [1, 2]):
        m = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
        rho[np.ix_(block, block)] = m @ m.conj().T * rng.uniform(0.1, 1)
    rho /= np.trace(rho)
    means = {}
    for name in EVEN:
        ((string, _),) = qet.pauli(name).terms
        means[string] = np.trace(rho @ qet.pauli(name).matrix((0, 1))).real
    a, b, c = rng.normal(size=3)
    operator = qet.pauli("Z0", a) + qet.pauli("Z1", b) + qet.pauli("X0 X1", c)
    return rho, means, operator


@pytest.mark.parametrize("A, B", [(0, 1), (1, 0)])
@pytest.mark.parametrize("s, q", [(1.0, 0.0), (0.6, 0.0), (1.0, 0.2), (0.4, 0.7), (0.0, 0.0), (1.0, 0.5), (1.0, 1.0)])
def test_energies_of_random_states_match_the_signed_svd(A, B, s, q):
    rng = np.random.default_rng(4)
    for _ in range(40):
        rho, means, operator = random_case(rng)
        got = pair_energies(means, operator.coefficients, A, B, s, q)
        expected = slow(operator.matrix((0, 1)), rho, A, B, s, q)[:3]
        assert np.allclose(got, expected, rtol=0, atol=3e-14)


def test_no_random_unitary_does_better_and_one_comes_close():
    rng = np.random.default_rng(9)
    z = rng.normal(size=(40000, 4))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    U = z[:, 0, None, None] * np.eye(2) - 1j * np.einsum("na,aij->nij", z[:, 1:], np.array(SIGMA))
    for s, q in ((1.0, 0.0), (0.5, 0.1)):
        rho, means, operator = random_case(rng)
        H = operator.matrix((0, 1)).astype(complex)
        best = 0.0
        for branch in slow(H, rho, 0, 1, s, q)[3]:
            W = np.einsum("ij,nkl->nikjl", np.eye(2), U).reshape(-1, 4, 4)
            after = np.einsum("nij,jk,nlk,li->n", W, branch, W.conj(), H).real
            best += np.max(np.trace(H @ branch).real - after)
        found = pair_extracted(means, operator.coefficients, 0, 1, s, q)
        assert best <= found + 1e-14
        assert best > found - 0.02 * (abs(found) + 1)


def test_ground_state_matches_hotta():
    h, k = np.meshgrid(np.linspace(0.2, 2, 7), np.linspace(-2, 2, 8))
    made = minimal(h=h, k=k)
    EA, EB, local = pair_energies(ground_pair(made).values, made.H.coefficients, 0, 1)
    r, s = np.hypot(h, k), h**2 + 2 * k**2
    assert np.allclose(EA, h * h / r, rtol=1e-15, atol=0)
    assert np.allclose(EB, (h * k) ** 2 / r / (np.sqrt(s * s + (h * k) ** 2) + s), rtol=1e-13, atol=0)
    assert np.all(local == 0.0)


@pytest.mark.parametrize("s", [1.0, 0.3, 1e-6])
def test_tiny_gains_keep_their_digits(s):
    """Gains down to 1e-24 of the energies: E_B = s² h² k² / r / (sqrt(c² + s² h² k²) + c), c = h² + 2k²."""
    h, k = 1.0, 10.0 ** -np.arange(1.0, 13.0)
    made = minimal(h=h, k=k)
    EB = pair_extracted(ground_pair(made).values, made.H.coefficients, 0, 1, s)
    r, c = np.hypot(h, k), h * h + 2 * k * k
    assert np.allclose(EB, (s * h * k) ** 2 / r / (np.sqrt(c * c + (s * h * k) ** 2) + c), rtol=1e-13, atol=0)


def test_small_strengths_inject_little_and_exactly():
    made = minimal(h=1.0, k=0.5)
    means = ground_pair(made).values
    s = np.array([1e-9, 1e-4, 1.0])
    expected = 1 / np.hypot(1, 0.5) * s * s / (1 + np.sqrt(1 - s * s))
    assert np.allclose(pair_injected(means, made.H.coefficients, 0, 1, s), expected, rtol=1e-15, atol=0)


def test_nothing_vanishes_into_nan():
    zero = {}
    assert pair_energies(zero, {((0, "Z"),): 1.0}, 0, 1) == (0.0, 0.0, 0.0)
    assert pair_energies(zero, {}, 1, 0, 0.5) == (0.0, 0.0, 0.0)
    assert pair_local({((0, "X"), (1, "Y")): 0.0}, {((0, "X"), (1, "X")): 1.0}, 0, 1) == 0.0


def test_arrays_and_strengths_broadcast_and_a_batch_equals_its_points():
    rng = np.random.default_rng(6)
    n = 20000
    cases = [random_case(rng) for _ in range(8)]
    pick = rng.integers(8, size=n)
    means = {s: np.array([case[1][s] for case in cases])[pick] for s in cases[0][1]}
    coefficients = {s: np.array([case[2].coefficients[s] for case in cases])[pick] for s in cases[0][2].coefficients}
    for strength in ([1.0], np.linspace(0, 1, 3)):
        whole = pair_energies(means, coefficients, 1, 0, np.reshape(strength, (-1, 1)), 0.1)
        for i in (0, 8191, 8192, n - 1):
            m, c = {s: float(v[i]) for s, v in means.items()}, {s: float(v[i]) for s, v in coefficients.items()}
            for row, s in enumerate(strength):
                one = pair_energies(m, c, 1, 0, float(s), 0.1)
                for mine, single in zip(whole, one, strict=True):
                    found = np.broadcast_to(mine, (len(strength), n))[row, i]
                    assert np.isclose(found, single, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("s", ["1", "0.5", "1e-9", "0"])
@pytest.mark.parametrize("y", ["1e-6", "1e-12", "0.3"])
def test_gains_of_a_nearly_passive_state_agree_with_fifty_digits(s, y):
    """The plain formula, evaluated with 50 digits, against the cancellation-free one in double precision."""
    with decimal.localcontext(prec=50):
        b, c, z, x = (decimal.Decimal(t) for t in ("1", "0.75", "-0.8125", "-0.5"))
        s_, y_ = decimal.Decimal(float(s)), decimal.Decimal(float(y))
        p2 = x * x + y_ * y_
        inside = b * b * (s_ * s_ * p2 + z * z) + c * c * (p2 + s_ * s_ * z * z)
        inside += 2 * b * c * (1 - s_ * s_) * p2.sqrt() * -z
        exact = float(b * z + c * x + inside.sqrt())
        exact_local = float(c * x + c * p2.sqrt())
    means = {((1, "Z"),): float(z), ((0, "X"), (1, "X")): float(x), ((0, "X"), (1, "Y")): float(y)}
    coefficients = {((1, "Z"),): float(b), ((0, "X"), (1, "X")): float(c)}
    assert np.isclose(pair_extracted(means, coefficients, 0, 1, float(s)), exact, rtol=1e-13, atol=0)
    assert np.isclose(pair_local(means, coefficients, 0, 1), exact_local, rtol=1e-13, atol=0)
