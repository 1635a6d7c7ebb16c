"""Closed forms of the pair against eigenvectors and exponentials of the 4x4 matrix, in every corner."""

import numpy as np
import pytest

import qet
from qet.foundations.errors import DegenerateLevel
from qet.physics.models import minimal, model
from qet.solvers import answers  # noqa: F401  (registers the answers of the payloads)
from qet.solvers.pair import gibbs_pair, ground_pair, offers
from qet.solvers.questions import marginal_of


def pair(a, b, c):
    return model({"H_A": qet.pauli("Z0", a), "H_B": qet.pauli("Z1", b), "V": qet.pauli("X0 X1", c)})


def density(payload):
    return marginal_of(payload, (0, 1))


def slow_gibbs(H, T):
    energies, vectors = np.linalg.eigh(H)
    if T == 0.0:
        weights = (energies - energies[0] <= 1e-10 * np.abs(energies).max()).astype(float)
    else:
        weights = np.exp(-(energies - energies[0]) / T)
    return (vectors * weights / weights.sum()) @ vectors.T


@pytest.mark.parametrize("seed", range(4))
def test_gibbs_state_of_any_signs_at_any_temperature(seed):
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, 300))
    T = 10.0 ** rng.uniform(-3, 3, 300)
    T[:20] = 0.0
    made = pair(a, b, c)
    rho, H = density(gibbs_pair(made, T)), made.matrix()
    for i in range(300):
        tolerance = 2e-14 / min(1.0, max(T[i], 0.01))  # the reference loses eps·‖H‖/T in its exponents
        assert np.abs(rho[i] - slow_gibbs(H[i], T[i])).max() < tolerance, (a[i], b[i], c[i], T[i])


@pytest.mark.parametrize(
    "a, b, c",
    [
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 1.0),
        (1.0, 1.0, 0.0),
        (1.0, -1.0, 0.0),
        (0.0, 1.0, 0.0),
        (1.0, 0.0, 0.7),
        (-1.0, -1.0, 0.5),
        (1.0, -1.0, 0.5),
        (2.0, 1.0, 0.0),
        (-2.0, 1.0, 0.0),
        (1e-200, 1e-200, 1e-200),
        (1e200, 1e200, -1e200),
    ],
)
@pytest.mark.parametrize("T", [0.0, 1e-9, 0.3, 1e12])
def test_gibbs_state_where_a_length_vanishes(a, b, c, T):
    """The unit of energy is the largest coefficient: far from one it must not matter."""
    unit = max(abs(a), abs(b), abs(c)) or 1.0
    made = pair(a, b, c)
    expected = slow_gibbs(made.matrix() / unit, T)
    assert np.abs(density(gibbs_pair(made, T * unit)) - expected).max() < 1e-13


def test_zero_temperature_inside_a_batch_is_the_ground_state_or_the_equal_mixture():
    T = np.array([0.0, 0.5])
    made = minimal(h=np.array([[1.0], [0.0]]), k=0.5)
    rho = density(gibbs_pair(made, T))
    assert np.abs(rho[0, 0] - slow_gibbs(made.matrix()[0, 0], 0.0)).max() < 1e-15
    assert np.abs(rho[1, 0] - slow_gibbs(made.matrix()[1, 0], 0.0)).max() < 1e-15
    assert np.abs(rho[0, 1] - slow_gibbs(made.matrix()[0, 0], 0.5)).max() < 1e-15


def test_high_temperature_keeps_relative_precision():
    made = minimal(h=1.0, k=0.5)
    assert np.isclose(gibbs_pair(made, 1e12)[((0, "Z"),)], -1e-12, rtol=1e-11, atol=0)


@pytest.mark.parametrize("sign", [(1, 1), (-1, -1), (1, -1), (-1, 1), None])
def test_ground_state_of_any_signs(sign):
    rng = np.random.default_rng(7)
    a, b, c = rng.normal(size=(3, 200))
    if sign is not None:
        a, b = sign[0] * np.abs(a), sign[1] * np.abs(b)
    made = pair(a, b, c)
    rho = density(ground_pair(made))
    vectors = np.linalg.eigh(made.matrix())[1][..., 0]
    gap = np.minimum(1.0, np.abs(a * b))
    assert np.all(np.abs(rho - vectors[:, :, None] * vectors[:, None, :]).max((-1, -2)) < 1e-14 / gap)


def test_ground_state_of_a_number_and_of_an_uncoupled_pair():
    assert ground_pair(minimal(h=1.0, k=0.0)).values[((0, "Z"),)] == -1.0
    payload = ground_pair(minimal(h=-1.0, k=0.5))
    assert np.isclose(payload[((1, "Z"),)], 2 / np.sqrt(5), rtol=1e-15)
    assert payload[((0, "Z"), (1, "Z"))] == 1.0


def test_a_degenerate_ground_state_is_refused_with_gap_place_and_way_out():
    message = r"differ by 0.0e\+00.*gibbs\(model, T=0\).*index \(1,\); 2 of 4"
    with pytest.raises(DegenerateLevel, match=message) as caught:
        ground_pair(minimal(h=np.array([1.0, 0.0, 0.5, 1e-6]), k=1.0))
    assert caught.value.mask.tolist() == [False, True, False, True]
    with pytest.raises(DegenerateLevel):
        ground_pair(minimal(h=0.0, k=0.0))
    with pytest.raises(DegenerateLevel):
        ground_pair(minimal(h=1.0, k=np.array([0.5, 1.0]), detuning=2.0))
    ground_pair(minimal(h=np.array([1.0, 2e-5]), k=1.0))  # gap 4e-10, of ‖H‖ = 2: just resolved


def test_large_batches_of_mixed_signs_go_chunk_by_chunk():
    rng = np.random.default_rng(2)
    h = np.concatenate([rng.uniform(0.5, 1, 20000), rng.uniform(-1, -0.5, 20000)])
    k = rng.uniform(-1, 1, 40000)
    payload = ground_pair(minimal(h=h, k=k, detuning=np.where(np.arange(40000) % 7 == 0, 4.0, 0.1)))
    for i in (0, 1, 8192, 19999, 20000, 39997):
        one = ground_pair(minimal(h=h[i], k=k[i], detuning=4.0 if i % 7 == 0 else 0.1))
        whole = {s: np.broadcast_to(payload[s], 40000)[i] for s in one.values}
        assert all(np.isclose(whole[s], one[s], rtol=1e-15, atol=0) for s in one.values)


def test_offers_says_where_the_closed_forms_hold():
    assert offers(minimal(h=1.0, k=np.array([1.0, 2.0]), offsets=True))
    assert offers(pair(1.0, 0.0, 0.0)) is True
    assert not offers(qet.xxz(2))
    assert not offers(qet.ising(3))
    assert not offers(model({"H": "Z0 + X1"}))
