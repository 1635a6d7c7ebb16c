"""Free-fermion chains give what dense matrices give: states, marginals, protocols with and without a delay, driving.

The models have every bilinear of the Jordan–Wigner fermions on neighbors (XX, YY, XY, YX), fields, and one longer
string, with random coefficients of both signs.
"""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.linalg import partial_trace
from qet.foundations.values import Call
from qet.protocols import run as runs
from qet.solvers.fermions.driven import steady_by_fermions
from qet.solvers.fermions.states import gibbs_by_fermions, ground_by_fermions
from qet.solvers.history import History
from qet.solvers.questions import branches_of, evolved_of, expect_of, marginal_of, means_after
from qet.solvers.states import Dense, State

TOLERANCE = 1e-12
CHAINS = [(2, 0, 1), (3, 2, 0), (4, 0, 3), (5, 3, 1), (6, 2, 4), (7, 1, 5)]
PARTIES = [*CHAINS, (6, (1, 4), 3), (6, (2, 3), 0), (5, 0, (2, 4)), (6, (3, 1), (5, 0))]


def chain(n, A=0, B=None, *, real=False, seed=0):
    """A random quadratic chain; `real`: without XY and YX, so that H is a real matrix."""
    rng = np.random.default_rng([seed, n, real])
    terms = {f"H_{j}": qet.pauli(f"Z{j}", rng.normal()) for j in range(n)}
    pairs = ("XX", "YY") if real else ("XX", "YY", "XY", "YX")
    for j in range(n - 1):
        total = sum((qet.pauli(f"{a}{j} {b}{j + 1}", rng.normal()) for a, b in pairs), qet.pauli("0"))
        if j == 0 and n > 2:
            total = total + qet.pauli("X0 Z1 X2", rng.normal())
        terms[f"V_{j}"] = total
    return qet.model(terms, A=A, B=n - 1 if B is None else B, n_sites=n)


def wrapped(model, prepared):
    return State(model, prepared.payload, "fermions", Call("wrapped", {"of": model}), prepared.error)


def kraus(rng, count, d, *lead):
    """Random complete Kraus operators, shape (*lead, count, d, d)."""
    X = rng.normal(size=(*lead, count * d, d)) + 1j * rng.normal(size=(*lead, count * d, d))
    return np.linalg.qr(X)[0].reshape(*lead, count, d, d)


def close(found, expected, tolerance=TOLERANCE):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("n", range(2, 8))
def test_ground_states_are_the_lowest_eigenvectors(n, real):
    model = chain(n, real=real)
    levels, vectors = np.linalg.eigh(model.matrix())
    rho = np.outer(vectors[:, 0], vectors[:, 0].conj())
    found = ground_by_fermions(model)
    close(marginal_of(found.payload, model.sites), rho)
    close(found.diagnostics.gap, levels[1] - levels[0])
    close(found.diagnostics.norm, np.abs(levels).max())
    parity = np.real(np.trace(rho @ qet.pauli(" ".join(f"Z{j}" for j in range(n))).matrix(range(n))))
    close(found.diagnostics.parity, parity)


def test_both_parities_occur_among_ground_states():
    found = {ground_by_fermions(chain(n, real=real)).diagnostics.parity for n in range(2, 8) for real in (True, False)}
    assert found == {-1.0, 1.0}


@pytest.mark.parametrize(
    "sites", [(3,), (0, 1), (0, 6), (6, 0), (2, 5), (0, 3, 5), (5, 0, 3), (1, 2, 5, 6), (4, 6, 1, 0)]
)
@pytest.mark.parametrize("real", [True, False])
def test_marginals_on_any_sites_in_any_order(sites, real):
    model = chain(7, real=real)
    T = np.array([0.0, 0.2, 3.0])
    rho = qet.gibbs(model, T=T).density_matrix
    close(marginal_of(gibbs_by_fermions(model, T).payload, sites), partial_trace(rho, sites, 7))


@pytest.mark.parametrize(
    "text", ["Z3", "X0", "X0 X1", "Y2 X4", "X0 Y3 Z5", "Y1 X2 Z4 X5 Y6", "X1 Z2", "2 X0 Z1 X2 - 0.5 Z1 Z5 + 1", "3"]
)
def test_expectation_values_of_any_string(text):
    model = chain(7)
    rho = qet.gibbs(model, T=0.4).density_matrix
    operator = qet.pauli(text)
    found = expect_of(gibbs_by_fermions(model, 0.4).payload, operator)
    close(found, np.trace(rho @ operator.matrix(range(7))))


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("n", [2, 4, 6])
def test_evolution_after_a_quench(n, real):
    before, after = chain(n, real=real), chain(n, real=real, seed=1)
    t = np.array([0.0, 0.3, 2.0, 40.0])
    start = qet.gibbs(before, T=0.3)
    expected = evolved_of(Dense(start.density_matrix), after, t)
    found = evolved_of(gibbs_by_fermions(before, 0.3).payload, after, t)
    close(marginal_of(found, after.sites), expected.rho)


@pytest.mark.parametrize("n, A, B", PARTIES)
def test_branches_after_a_delay(n, A, B):
    """Random Kraus operators, so that every pair of Pauli strings of Alice's occurs."""
    rng, T = np.random.default_rng(n), 0.5 * (n % 2)
    model = chain(n, A, B)
    history = History(model, kraus(rng, 3, 2 ** len(model.A)), np.array([0.0, 3.0]))
    dense, found = Dense(qet.gibbs(model, T=T).density_matrix), gibbs_by_fermions(model, T).payload
    for sites in (model.B, (n - 1, 0), tuple(range(0, n, 2))[:3], tuple(range(n))[-3:]):
        close(branches_of(found, history, sites), branches_of(dense, history, sites))


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("n, A, B", PARTIES)
def test_energies_after_both_have_acted(n, A, B, acts):
    rng = np.random.default_rng([n, acts])
    model = chain(n, A, B, real=n == 4)
    operations = kraus(rng, 2, 2 ** len(model.B), 3) if acts else None
    history = History(model, kraus(rng, 3, 2 ** len(model.A)), np.array([0.0, 3.0]), operations)
    dense, found = Dense(qet.gibbs(model, T=0.3).density_matrix), gibbs_by_fermions(model, 0.3).payload
    operators = (*(term.operator for term in model.terms), qet.pauli("0.3 Z0 + 2"))
    times = np.array([0.0, 0.3, 4.0])
    close(means_after(found, history, operators, times), means_after(dense, history, operators, times))


def test_unitary_operations_that_depend_on_the_outcome_and_errors_of_the_message():
    rng = np.random.default_rng(5)
    model = chain(5, 1, 3)
    U = np.linalg.qr(rng.normal(size=(2, 1, 2, 2)) + 1j * rng.normal(size=(2, 1, 2, 2)))[0]
    q = 0.2
    told = np.concatenate([np.sqrt(1 - q) * U, np.sqrt(q) * U[::-1]], axis=1)
    history = History(model, qet.measure("X").kraus(model.A), 0.8, told)
    operators = tuple(term.operator for term in model.terms)
    dense, found = Dense(qet.ground(model).density_matrix), ground_by_fermions(model).payload
    times = np.array([0.0, 1.0])
    close(means_after(found, history, operators, times), means_after(dense, history, operators, times))


@pytest.mark.parametrize("measure", ["X", "Y", "Z", qet.measure((0.3, -0.4, 0.8), strength=0.6)], ids=str)
@pytest.mark.parametrize("n, A, B", [(2, 0, 1), (4, 0, 3), (5, 3, 1), (6, 2, 4), (6, (1, 4), 3)])
def test_every_number_of_a_protocol(monkeypatch, measure, n, A, B):
    """The chain is small enough to be written out, so the size from which it is not is set to zero."""
    model = chain(n, A, B, real=n % 2 == 0)
    T, delay = np.array([0.0, 0.4]), np.array([[0.0], [1.3]])
    written = qet.teleport(qet.gibbs(model, T=T), measure=measure, delay=delay, message_error=0.1)
    names = ("injected", "extracted", "local", "teleported", "leak", "net_work", "local_before", "probabilities")
    expected = {name: getattr(written, name) for name in names} | {"ledger": written.ledger.energies}
    monkeypatch.setattr(runs, "WRITTEN_OUT", 0)
    state = wrapped(model, gibbs_by_fermions(model, T))
    run = qet.teleport(state, measure=measure, delay=delay, message_error=0.1)
    assert not run.is_written_out
    for name in names:
        close(getattr(run, name), expected[name])
    close(run.ledger.energies, expected["ledger"])


def test_a_batch_of_models_equals_its_points():
    J, T = np.array([0.4, 1.0, -0.7]), np.array([[0.0], [0.3]])
    model = qet.xy(6, Jx=J, Jy=qet.by_site(np.linspace(0.1, 0.5, 5)), g=0.8, A=1, B=4)
    batch = gibbs_by_fermions(model, T)
    history = History(model, qet.measure("X").kraus(model.A), np.array([0.6, 0.0, 2.0]))
    found, later = branches_of(batch.payload, history, (3, 4, 5)), evolved_of(batch.payload, model, 0.3)
    assert found.shape == (2, 3, 2, 8, 8)
    assert batch.diagnostics.gap.shape == (3,)
    assert batch.diagnostics.parity.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = qet.xy(6, Jx=J[j], Jy=qet.by_site(np.linspace(0.1, 0.5, 5)), g=0.8, A=1, B=4)
        alone = gibbs_by_fermions(one, T[i, 0])
        here = History(one, history.kraus, history.delay[j])
        close(found[i, j], branches_of(alone.payload, here, (3, 4, 5)))
        close(later.covariance[i, j], evolved_of(alone.payload, one, 0.3).covariance)
        close(batch.diagnostics.parity[i, j], alone.diagnostics.parity)


def test_at_zero_temperature_free_modes_are_half_filled():
    """Two free modes, so four lowest levels of equal weight; then a spacing of 2e-8, and one below 1e-10 ‖H‖."""
    model = qet.xy(5, Jx=qet.by_site([1.0, 0.0, 1.0, 0.8]), g=qet.by_site([0.0, 0.0, 0.7, 0.0, 0.0]))
    T = np.array([0.0, 0.1])
    levels = np.linalg.eigvalsh(model.matrix())
    assert np.sum(levels - levels[0] < 1e-9) == 4
    close(marginal_of(gibbs_by_fermions(model, T).payload, model.sites), qet.gibbs(model, T=T).density_matrix)
    near = qet.xy(5, Jx=1.0, g=0.01)
    assert ground_by_fermions(qet.xy(4, Jx=1.0, g=0.01)).diagnostics.gap > 1e-9
    with pytest.raises(qet.errors.DegenerateLevel, match=r"differ by 2\.0e-10.* gibbs\(model, T=0\)"):
        ground_by_fermions(near)
    close(gibbs_by_fermions(near, 0.0).diagnostics.parity, 0.0)


def ends(n, rates):
    return [qet.jump(s, site, r) for (s, site), r in zip(_WAYS(n), rates, strict=True)]


def _WAYS(n):
    return [("+", 0), ("-", 0), ("+", n - 1), ("-", n - 1)]


def linear(site, coefficients, rate):
    x, y = coefficients
    return qet.jump(qet.pauli(f"X{site}", x) + qet.pauli(f"Y{site}", y), rate=rate)


def sets_of_jumps(n):
    last = n - 1
    return {
        "all four": ends(n, (0.3, 0.7, 0.9, 0.1)),
        "one at each end": [qet.jump("+", 0, 1.2), qet.jump("-", last, 0.4)],
        "one at the first site": [qet.jump("-", 0, 0.5)],
        "two at the last site": [qet.jump("X", last, 0.3), qet.jump("-", last, 0.2)],
        "Hermitian": [qet.jump("X", 0, 0.3), qet.jump("Y", last, 0.7)],
        "any": [linear(0, (0.3 + 0.2j, -0.1 + 0.9j), 1.6), linear(last, (0.3 - 0.2j, -1.1 + 0.4j), 0.6)],
    }


@pytest.mark.parametrize("way", sets_of_jumps(2))
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_driven_steady_states(n, way):
    """Third quantization against the dense Lindblad generator of the spins, end strings and all."""
    model, jumps = chain(n, real=n == 3), sets_of_jumps(n)[way]
    expected = qet.steady(model, jumps, solver="dense")
    found = steady_by_fermions(model, jumps)
    close(marginal_of(found.payload, model.sites), expected.density_matrix)
    close(found.diagnostics.energy_currents, expected.diagnostics.energy_currents)
    close(found.diagnostics.smallest_eigenvalue, expected.diagnostics.smallest_eigenvalue)
    assert found.diagnostics.residual < 1e-15
    assert found.error < 1e-12
    assert found.diagnostics.gap > 0.9999999 * expected.diagnostics.gap  # of even observables alone


@pytest.mark.parametrize("way", ["all four", "two at the last site", "any"])
def test_the_gap_is_that_of_even_observables(way):
    """The generator in the basis of Pauli strings, on the even ones, less the zero of the steady state."""
    n = 3
    model, jumps = chain(n), sets_of_jumps(n)[way]
    H = model.matrix()
    parity = np.real(np.diag(qet.pauli("Z0 Z1 Z2").matrix(range(n))))
    even = np.flatnonzero(np.outer(parity, parity).ravel() > 0)
    columns = []
    for index in even:
        rho = np.zeros(64, dtype=complex)
        rho[index] = 1.0
        rho = rho.reshape(8, 8)
        change = -1j * (H @ rho - rho @ H)
        for jump in jumps:
            L = np.sqrt(jump.rate) * jump.operator.matrix(range(n))
            LL = L.conj().T @ L
            change = change + L @ rho @ L.conj().T - (LL @ rho + rho @ LL) / 2
        columns.append(change.ravel()[even])
    rates = np.sort(-np.linalg.eigvals(np.array(columns).T).real)
    close(rates[0], 0.0, 1e-10)
    np.testing.assert_allclose(steady_by_fermions(model, jumps).diagnostics.gap, rates[1], rtol=1e-9)


def test_a_batch_of_driven_chains_equals_its_points():
    rate, g = np.array([0.2, 1.0, 3.0]), np.array([[0.3], [1.4]])
    model = qet.xy(4, Jx=1.0, Jy=0.3, g=g)
    found = steady_by_fermions(model, [qet.jump("+", 0, rate), qet.jump("-", 3, 0.5)])
    assert found.payload.covariance.shape == (2, 3, 8, 8)
    for i, j in np.ndindex(2, 3):
        one = qet.xy(4, Jx=1.0, Jy=0.3, g=g[i, 0])
        alone = steady_by_fermions(one, [qet.jump("+", 0, rate[j]), qet.jump("-", 3, 0.5)])
        close(found.payload.covariance[i, j], alone.payload.covariance)
        close(found.diagnostics.energy_currents[i, j], alone.diagnostics.energy_currents)
