"""Driven steady states as matrix products: against exact states, with stated errors above the true ones; refusals."""

import numpy as np
import pytest
from tests.solvers.driven_chains import KINDS, anisotropic, ends, heisenberg, mixed_field
from tests.solvers.driven_products import compared, random_chain

import qet
from qet.foundations.errors import BadParameter, NotConverged, NotOffered, NoUniqueSteadyState, TooLarge
from qet.foundations.paulis import pauli
from qet.solvers.chains.action import Generator, jumps_of
from qet.solvers.mps import driven, driven_state
from qet.solvers.mps.density import DensityProduct, Means
from qet.solvers.mps.driven_operator import matrix_of, operator_tensors, pauli_basis
from qet.solvers.mps.driven_state import bonds_to
from qet.solvers.mps.driven_train import distance, residual_norm
from qet.solvers.mps.driven_unique import conserved_sum
from qet.solvers.questions import error_of_means, evolved_of, expect_of, marginal_of, trace_error_of
from qet.solvers.transport import TransportError


def generator_of(model, jumps):
    return Generator(model.dynamics, jumps_of(tuple((j.operator, float(j.rate)) for j in jumps)), model.n_sites)


def image_of(model, jumps, rho):
    """L rho by its definition."""
    H = model.dynamics.matrix(model.sites)
    out = -1j * (H @ rho - rho @ H)
    for jump in jumps:
        L = jump.operator.matrix(model.sites)
        G = L.conj().T @ L
        out = out + jump.rate * (L @ rho @ L.conj().T - 0.5 * (G @ rho + rho @ G))
    return out


def whole(tensors):
    """The operator or the vector of a train of tensors, sites as axes in order."""
    total = np.ones((1, 1))
    for B in tensors:
        total = np.tensordot(total, B, (-1, 0)) if B.ndim == 3 else total
        total = total.reshape(1, -1, B.shape[-1])[0]
    return total.ravel()


def random_product(n, bond, rng):
    sizes = [1, *[bond] * (n - 1), 1]
    return tuple(rng.normal(size=(a, 4, b)) for a, b in zip(sizes, sizes[1:], strict=False))


@pytest.fixture(scope="module")
def seven():
    """W4's chain at seven sites, as a matrix product at a small bond and exactly."""
    model, jumps = heisenberg(7)
    model = model.between(2, 4)
    return qet.steady(model, jumps, solver=("mps", 16)), qet.steady(model, jumps, solver="chains")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3])
def test_the_operator_is_the_generator_on_means_of_strings(kind, n):
    model, jumps = kind(n, np.random.default_rng(n))
    operator = np.ones((1, 1, 1))
    for W in operator_tensors(generator_of(model, jumps)):
        operator = np.einsum("xyw,wvst->xsytv", operator, W).reshape(operator.shape[0] * 4, -1, W.shape[1])
    exact = np.array([matrix_of(lambda some: np.array([image_of(model, jumps, one) for one in some]), n)])[0]
    np.testing.assert_allclose(operator[:, :, 0], exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_with_room_enough_the_state_is_the_exact_one(kind):
    model, jumps = kind(4, np.random.default_rng(4))
    product, exact = (qet.steady(model, jumps, solver=solver) for solver in (("mps", 16), "chains"))
    error = np.abs(product.density_matrix - exact.density_matrix).max()
    assert error < 1e-8  # four sites leave nothing to drop; GMRES stops at a residual of 1e-12 times the inverse gap
    assert error <= product.solver_error
    assert product.diagnostics.residual < 1e-9
    assert product.solver == "mps"


def test_marginals_means_and_distances_are_those_of_the_vector():
    rng = np.random.default_rng(0)
    tensors, others = random_product(4, 3, rng), random_product(4, 2, rng)
    vector = whole(tensors)
    tensors = (tensors[0] / vector[0], *tensors[1:])
    vector = vector / vector[0]
    means = Means(tensors)
    rho = np.einsum("s,sij->ij", vector, pauli_basis(4)) / 16
    payload = DensityProduct((), (means,), (Means(others),), np.asarray(2.0), np.asarray(0.1))
    for sites in ((2,), (0, 1), (3, 1), (0, 2, 3), (2, 0, 3, 1)):
        order = [*sites, *(site for site in range(4) if site not in sites)]
        moved = rho.reshape((2,) * 8).transpose(order + [4 + site for site in order])
        d, rest = 2 ** len(sites), 2 ** (4 - len(sites))
        expected = np.einsum("aibi->ab", moved.reshape(d, rest, d, rest))
        np.testing.assert_allclose(marginal_of(payload, sites), expected, rtol=0, atol=1e-12)
    operator = pauli("0.3 X0 Y2 - 0.7 Z1 Z2 Z3 + 0.5")
    assert np.isclose(expect_of(payload, operator), np.trace(operator.matrix(range(4)) @ rho).real, rtol=0, atol=1e-12)
    change = expect_of(payload, operator) - expect_of(
        DensityProduct((), (Means(others),), (means,), 1.0, 0.0), operator
    )
    assert np.isclose(error_of_means(payload, (operator, pauli("0"))), 2.0 * abs(change) + 0.1 * 1.0)
    assert np.isclose(distance(tensors, others), np.linalg.norm(vector - whole(others)))
    model, jumps = mixed_field(4, rng)
    image = matrix_of(lambda some: np.array([image_of(model, jumps, one) for one in some]), 4) @ vector
    assert np.isclose(residual_norm(operator_tensors(generator_of(model, jumps)), tensors), np.linalg.norm(image))


def test_the_norm_of_the_vector_bounds_the_trace_norm_of_every_marginal():
    rng = np.random.default_rng(1)
    one, other = (Means(random_product(5, 3, rng)) for _ in range(2))
    payload = DensityProduct((), (one,), (other,), np.asarray(1.0), np.asarray(0.0))
    far = distance(one.tensors, other.tensors)
    for sites in ((0,), (1, 2), (0, 2, 4), (0, 1, 2, 3, 4)):
        assert trace_error_of(payload, sites) <= far


@pytest.mark.parametrize("seed", [0, 2, 3, 9])
def test_stated_errors_are_above_the_true_ones(seed):
    _, model, jumps = random_chain(seed)
    product, exact = (qet.steady(model, jumps, solver=solver) for solver in (("mps", 8), "chains"))
    for name, one in compared(product, exact).items():
        assert one.ratio >= 1.0, (name, one)


@pytest.mark.slow
@pytest.mark.parametrize("bond", [8, 16])
@pytest.mark.parametrize("seed", range(10, 24))
def test_stated_errors_are_above_the_true_ones_in_many_chains(seed, bond):
    _, model, jumps = random_chain(seed)
    try:
        product = qet.steady(model, jumps, solver=("mps", bond))
    except NotConverged:
        return  # nothing is stated then
    for name, one in compared(product, qet.steady(model, jumps, solver="chains", allow="NotConverged")).items():
        assert one.ratio >= 1.0, (name, one)


def test_errors_are_stated_along_the_chain_and_are_not_idle(seven):
    product, exact = seven
    found = compared(product, exact)
    for name, one in found.items():
        assert 1.0 <= one.ratio < 3e3, (name, one)
    flow = qet.transport(product)
    assert isinstance(flow.error, TransportError)
    assert qet.transport(exact).error is None
    assert np.ptp(flow.spin_current) <= 2.0 * flow.error.spin_current
    assert flow.error.magnetization < 0.05
    assert np.isnan(
        qet.transport(qet.steady(*anisotropic(4, np.random.default_rng(0)), solver="mps")).error.spin_current
    )


def test_what_is_below_its_stated_error_is_not_resolved(seven):
    product, exact = seven
    near, far = qet.teleport(product.between(2, 3), measure="X"), qet.teleport(product.between(0, 6), measure="X")
    assert near.resolved
    assert abs(near.extracted - qet.teleport(exact.between(2, 3), measure="X").extracted) < near.precision
    assert abs(far.teleported) < far.extracted_error
    assert product.between(0, 6).payload is product.payload  # nothing is solved again
    assert near.precision < product.precision  # that of the whole energy


def test_twenty_free_sites_agree_with_third_quantization():
    model, jumps = qet.xxz(20, J=0.25, Delta=0.0, A=9, B=10), ends(20)
    product, exact = (qet.steady(model, jumps, solver=solver) for solver in (("mps", 8), "fermions"))
    for name, one in compared(product, exact).items():
        assert one.ratio >= 1.0, (name, one)


def test_a_batch_is_its_points():
    J = np.array([[0.2], [0.3]])
    rate = np.array([0.5, 1.0, 2.0])
    model = qet.xxz(4, J=J, Delta=0.5)
    batch = qet.steady(model, [qet.jump("+", 0, rate), qet.jump("-", 3, rate)], solver=("mps", 8))
    assert batch.shape == (2, 3)
    assert batch.precision.shape == qet.teleport(batch).precision.shape == (2, 3)
    one = qet.steady(qet.xxz(4, J=0.3, Delta=0.5), [qet.jump("+", 0, 0.5), qet.jump("-", 3, 0.5)], solver=("mps", 8))
    np.testing.assert_allclose(qet.transport(batch).spin_current[1, 0], qet.transport(one).spin_current, atol=1e-14)
    assert qet.transport(batch).error.spin_current.shape == (2, 3)
    assert batch.diagnostics.energy_currents.shape == (2, 3, 2)
    empty = qet.steady(qet.xxz(4, J=np.zeros(0)), ends(4), solver="mps")
    assert empty.shape == (0,)


def test_bonds_double_from_four_and_end_with_a_half():
    assert bonds_to(64) == [4, 8, 16, 32, 64]
    assert bonds_to(50) == [6, 12, 25, 50]
    assert bonds_to(6) == [3, 6]
    assert bonds_to(1) == [1, 1]


def test_several_steady_states_are_refused_with_what_is_conserved():
    for model, jumps, what in (
        (qet.xxz(5), [qet.jump("Z", 2, 0.3)], "1 Z0 \\+ 1 Z1 \\+ 1 Z2"),
        (qet.ising(4, J=0.5, g=0.0), [qet.jump("X", 0, 0.3)], "conserves"),
        (qet.xxz(4, J=qet.by_site([1.0, 0.0, 0.0])), ends(4), "conserves"),
    ):
        with pytest.raises(NoUniqueSteadyState, match=what):
            qet.steady(model, jumps, solver=("mps", 8))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_conserved_is_found_where_the_adjoint_generator_vanishes(kind):
    rng = np.random.default_rng(5)
    model, jumps = kind(3, rng)
    assert conserved_sum(generator_of(model, jumps)) is None
    for some in (ends(3), [qet.jump("+", 0, 1.0), qet.jump("-", 2, 1.0)], [qet.jump("-", 1, 0.1)]):
        assert conserved_sum(generator_of(qet.xxz(3, Delta=0.4), some)) is None
    kept = conserved_sum(generator_of(qet.xxz(3, Delta=0.4), [qet.jump("Z", 1, 1.0)]))
    assert str(kept) == "1 Z0 + 1 Z1 + 1 Z2"


def test_sweeps_that_do_not_settle_are_refused_with_what_they_reached(monkeypatch):
    monkeypatch.setattr(driven_state, "MOST_SWEEPS", 2)  # two sweeps say nothing of a drift
    with pytest.raises(NotConverged, match="still drifts") as stopped:
        qet.steady(*heisenberg(6), solver=("mps", 8))
    assert isinstance(stopped.value.best, DensityProduct)
    state = qet.steady(*heisenberg(6), solver=("mps", 8), allow="NotConverged")
    assert state.precision == np.inf


def test_what_does_not_fit_is_refused_by_name():
    for model, jumps, why in (
        (qet.model({"H": "1.0 Z0 Z2 + 1.0 X0 + 1.0 X1 + 1.0 X2"}, B=2), ends(3), "nearest neighbors"),
        (qet.xxz(4), [*ends(4), qet.jump("X1 X2", rate=0.1)], "single sites"),
    ):
        with pytest.raises(NotOffered, match=why):
            qet.steady(model, jumps, solver="mps")
    with pytest.raises(NotOffered, match="jumps alone"):
        qet.steady(qet.xxz(4), qet.bath(0, T=1.0, rate=0.1), solver="mps")
    with pytest.raises(BadParameter, match="whole and"):
        qet.steady(qet.xxz(4), ends(4), solver=("mps", 0))
    with pytest.raises(TooLarge, match=r"solver=\"mps\" with the bond dimension 4000"):
        qet.steady(qet.xxz(40), ends(40), solver=("mps", 4000))
    with pytest.raises(NotOffered, match="evolution in time"):
        evolved_of(qet.steady(qet.xxz(4), ends(4), solver=("mps", 8)).payload, qet.xxz(4), 1.0)
    with pytest.raises(NotOffered, match="marginals are offered up to 8"):
        qet.marginal(qet.steady(qet.xxz(9, Delta=0.0), ends(9), solver=("mps", 4)), range(9))


def test_it_is_explained_and_named_where_a_chain_is_too_long():
    told = qet.explain(qet.steady, qet.xxz(30), ends(30), solver=("mps", 32))
    assert told.solver == "mps"
    assert told.memory == driven.memory_of(qet.xxz(30), tuple(ends(30)), 32)
    assert "bond 32" in told.why
    assert "CPU time" in told.why
    assert 'solver="mps"' in str(qet.explain(qet.steady, qet.xxz(30), ends(30)).why).replace("'", '"')
    with pytest.raises(TooLarge, match='solver="mps"'):
        qet.steady(qet.xxz(30), ends(30))
    assert qet.steady(qet.xxz(4), ends(4)).solver != "mps"
