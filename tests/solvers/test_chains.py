"""Driven chains in symmetry sectors: against the explicit generator, dense matrices and QuTiP; errors; refusals."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import comb
from tests.solvers.driven_chains import KINDS, ends, heisenberg, ising, mixed_field, twisted

import qet
from qet.foundations.errors import NotConverged, NotOffered, NoUniqueSteadyState, TooLarge
from qet.foundations.kernels import block_without_jumps
from qet.foundations.paulis import pauli
from qet.solvers.chains import iteration, steady
from qet.solvers.chains.action import Action, Generator, jumps_of
from qet.solvers.chains.count import closed_classes
from qet.solvers.chains.explicit import explicit
from qet.solvers.chains.irreducible import is_closed_under_adjoints, is_irreducible
from qet.solvers.chains.iteration import solved
from qet.solvers.chains.layout import Layout
from qet.solvers.chains.polynomial import Polynomial, harmonic_ritz, krylov
from qet.solvers.chains.symmetry import layout_of_chain, sectors_of_chain
from qet.solvers.questions import branches_of, evolved_of, expect_of, marginal_of, means_after
from qet.solvers.setting import setting_of
from qet.solvers.stationary import solve_iteratively


def parts(model, jumps):
    """The generator, its sectors, and its jumps with a rate."""
    generator = Generator(model.dynamics, jumps_of(tuple((j.operator, j.rate) for j in jumps)), model.n_sites)
    return generator, sectors_of_chain(model.H, tuple(jumps), model.n_sites), tuple(j.operator for j in jumps if j.rate)


def image_of(model, jumps, rho):
    """L rho by its definition."""
    sites = tuple(range(model.n_sites))
    H = model.H.matrix(sites)
    out = -1j * (H @ rho - rho @ H)
    for jump in jumps:
        L = jump.operator.matrix(sites)
        G = L.conj().T @ L
        out = out + jump.rate * (L @ rho @ L.conj().T - 0.5 * (G @ rho + rho @ G))
    return out


def some_state(layout, seed=0):
    """A random packed Hermitian matrix."""
    return np.random.default_rng(seed).normal(size=layout.unknowns)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_chains_are_the_vectorized_and_the_dense_route(kind, n):
    model, jumps = kind(n, np.random.default_rng(n))
    chains = qet.steady(model, jumps, solver="chains")
    for solver in ("vectorized", "dense"):
        other = qet.steady(model, jumps, solver=solver)
        np.testing.assert_allclose(chains.density_matrix, other.density_matrix, rtol=0, atol=1e-12)
        ours, theirs = chains.diagnostics, other.diagnostics
        np.testing.assert_allclose(ours.energy_currents, theirs.energy_currents, rtol=0, atol=1e-12)
        assert abs(ours.smallest_eigenvalue - theirs.smallest_eigenvalue) < 1e-12
    assert chains.solver_error < 1e-9
    assert np.isclose(chains.diagnostics.gap, qet.steady(model, jumps, solver="dense").diagnostics.gap)


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_six_sites_agree_with_the_iteration_in_the_energy_basis(kind):
    model, jumps = kind(6, np.random.default_rng(6)) if kind else heisenberg(6, Delta=0.6, mu=0.9)
    chains, other = (qet.steady(model, jumps, solver=solver) for solver in ("chains", "iterative"))
    np.testing.assert_allclose(chains.density_matrix, other.density_matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_action_is_the_generator_packed_with_symmetries_or_without(kind):
    model, jumps = kind(4, np.random.default_rng(1))
    generator, sectors, _ = parts(model, jumps)
    for layout in (Layout(4, sectors.labels), Layout(4, (np.arange(16),))):
        x, action = some_state(layout), Action(generator, layout)
        expected = image_of(model, jumps, layout.unpacked(x))
        np.testing.assert_allclose(layout.unpacked(action(x)), expected, rtol=0, atol=1e-13)
        np.testing.assert_allclose(explicit(action) @ x, action(x), rtol=0, atol=1e-13)
        np.testing.assert_allclose(layout.packed(layout.unpacked(x)), x, rtol=0, atol=1e-15)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_a_mirror_folds_the_sectors_and_changes_nothing(n):
    """Reflection with spin flip takes magnetization m to -m: C(2N, N) unknowns less those of every second sector."""
    model, jumps = heisenberg(n, Delta=0.8)
    generator, sectors, _ = parts(model, jumps)
    layout, mirror = layout_of_chain(generator, sectors)
    assert mirror == "reflection and spin flip"
    middle = comb(n, n // 2, exact=True) ** 2 if n % 2 == 0 else 0
    assert layout.unknowns == (comb(2 * n, n, exact=True) + middle) // 2
    whole = Layout(n, sectors.labels)
    x = whole.packed(layout.unpacked(solved(generator, layout).x))
    np.testing.assert_allclose(solved(generator, whole).x, x, rtol=0, atol=1e-13)
    bare = Layout(n, (np.arange(2**n),))
    if n < 6:
        np.testing.assert_allclose(solved(generator, bare).x, bare.packed(whole.unpacked(x)), rtol=0, atol=1e-13)


def test_mirrors_are_found_where_they_are_and_nowhere_else():
    def mirror_of(model, jumps):
        generator, sectors, _ = parts(model, jumps)
        return layout_of_chain(generator, sectors)[1]

    assert mirror_of(*heisenberg(5)) == "reflection and spin flip"
    assert mirror_of(qet.xxz(5, hz=0.1), ends(5)) is None
    assert mirror_of(qet.xxz(5), ends(5)[:3]) is None
    assert mirror_of(qet.xxz(5, J=qet.by_site([1.0, 2.0, 2.0, 1.0])), ends(5)) == "reflection and spin flip"
    assert mirror_of(qet.xxz(5, J=qet.by_site([1.0, 2.0, 1.0, 2.0])), ends(5)) is None
    hot = [qet.jump(sign, site, rate) for site, rate in ((0, 0.3), (4, 0.7)) for sign in "+-"]
    assert mirror_of(qet.xxz(5), hot) == "spin flip"
    assert mirror_of(qet.xxz(4), [qet.jump("-", 0, 1.0), qet.jump("-", 3, 1.0)]) is None  # takes no sector to another


@pytest.mark.parametrize("way", ["no jump", "polynomial"])
@pytest.mark.parametrize("gamma", [0.05, 1.0])
def test_both_preconditioners_come_to_the_direct_solution(way, gamma):
    model, jumps = twisted(5, np.random.default_rng(2))
    jumps = [qet.jump(j.operator, rate=gamma * j.rate) for j in jumps]
    generator, sectors, _ = parts(model, jumps)
    layout = Layout(5, sectors.labels)
    direct, found = solved(generator, layout, way="direct"), solved(generator, layout, way=way)
    assert found.is_converged
    assert found.preconditioner == way
    np.testing.assert_allclose(found.x, direct.x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", ["no jump", "polynomial"])
def test_the_error_bound_holds_in_single_precision_too(way, monkeypatch):
    monkeypatch.setattr(iteration, "DOUBLE", 0)
    monkeypatch.setattr(iteration, "goal_of", lambda unknowns: iteration.GOAL)
    for gamma, mu, Delta in ((1.0, 0.5, 1.0), (0.1, 0.9, 0.4), (0.3, 0.2, 1.6)):
        model, jumps = heisenberg(6, Delta=Delta, gamma=gamma, mu=mu)
        generator, sectors, _ = parts(model, jumps)
        layout, _ = layout_of_chain(generator, sectors)
        exact, found = solved(generator, layout, way="direct"), solved(generator, layout, way=way)
        distance = layout.norm(found.x - exact.x)
        assert found.residual <= 2 * iteration.GOAL
        assert 1e-15 < distance <= found.distance
        assert found.distance < 1e4 * distance


@pytest.mark.parametrize("n", [7, 8])
def test_the_error_of_an_energy_is_below_the_bound(n):
    model, jumps = heisenberg(n, Delta=0.9, gamma=0.8)
    chains, other = (qet.steady(model, jumps, solver=solver) for solver in ("chains", "iterative"))
    generator, sectors, _ = parts(model, jumps)
    layout, _ = layout_of_chain(generator, sectors)
    x = layout.packed(chains.density_matrix)
    assert chains.diagnostics.residual * generator.mean_loss <= 1e-9
    image = image_of(model, jumps, chains.density_matrix)
    true = np.linalg.norm(image) / np.linalg.norm(chains.density_matrix) / generator.mean_loss
    assert np.isclose(true, chains.diagnostics.residual, rtol=0.1, atol=1e-14)
    assert np.isclose(layout.trace(x), 1.0, atol=1e-13)
    error = abs(qet.expect(chains, model.H) - qet.expect(other, model.H))
    assert error <= chains.solver_error < 1e-5
    np.testing.assert_allclose(chains.density_matrix, other.density_matrix, rtol=0, atol=1e-9)  # the residual asked


def test_the_residual_polynomial_is_that_of_gmres():
    model, jumps = heisenberg(5)
    generator, sectors, _ = parts(model, jumps)
    layout = Layout(5, sectors.labels)
    action = Action(generator, layout)
    right = action(some_state(layout))
    space = krylov(action, right, 12)
    y, left = space.least_squares()
    polynomial = Polynomial.of(space)
    found, image = polynomial(action, right)
    assert polynomial.degree == len(harmonic_ritz(space.H)) == 12
    np.testing.assert_allclose(found, space.combined(y), rtol=0, atol=1e-9 * np.abs(found).max())  # powers of roots
    np.testing.assert_allclose(action(found), image, rtol=0, atol=1e-12 * np.abs(image).max())
    assert np.isclose(np.linalg.norm(right - image), left)


def test_the_compiled_twins_do_the_same():
    pytest.importorskip("numba")
    assert block_without_jumps() is not None
    for model, jumps in (heisenberg(5), twisted(4, np.random.default_rng(0)), mixed_field(4, np.random.default_rng(3))):
        generator, sectors, _ = parts(model, jumps)
        for layout in (layout_of_chain(generator, sectors)[0], Layout(model.n_sites, (np.arange(2**model.n_sites),))):
            for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-4)):  # single precision: 24 bits
                plain, compiled = (Action(generator, layout, dtype, is_compiled=yes) for yes in (False, True))
                assert compiled.compiled is not None
                assert plain.compiled is None
                x = some_state(layout).astype(dtype)
                np.testing.assert_allclose(compiled(x), plain(x), rtol=0, atol=tolerance)


def test_a_batch_is_its_points_and_starts_from_the_one_before(monkeypatch):
    starts = []
    inner = steady.solved

    def watched(generator, layout, start=None):
        starts.append(start is not None)
        return inner(generator, layout, start)

    monkeypatch.setattr(steady, "solved", watched)
    J, Delta = np.array([0.3, 0.5]), np.array([[1.0], [0.3], [2.0]])
    state = qet.steady(qet.xxz(4, J=J, Delta=Delta), ends(4), solver="chains")
    assert starts == [False] + 5 * [True]
    assert state.shape == state.diagnostics.residual.shape == state.solver_error.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        one = qet.steady(qet.xxz(4, J=J[j], Delta=Delta[i, 0]), ends(4), solver="dense")
        np.testing.assert_allclose(state.density_matrix[i, j], one.density_matrix, rtol=0, atol=1e-13)
        assert np.isclose(qet.expect(state, "X0 X1 + 0.5 Z2")[i, j], qet.expect(one, "X0 X1 + 0.5 Z2"))
    assert qet.teleport(state).extracted.shape == (3, 2)


def test_rates_in_an_array_may_break_a_mirror_at_some_points():
    rates = np.array([0.5, 1.0])
    jumps = [qet.jump("+", 0, 1.0), qet.jump("-", 0, 0.5), qet.jump("-", 3, rates), qet.jump("+", 3, 0.5)]
    state = qet.steady(qet.xxz(4), jumps, solver="chains")
    assert state.diagnostics.symmetries.mirror is None
    np.testing.assert_allclose(
        state.density_matrix, qet.steady(qet.xxz(4), jumps, solver="dense").density_matrix, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_answer_as_the_density_matrix_does(kind):
    model, jumps = kind(5, np.random.default_rng(5))
    state = qet.steady(model, jumps, solver="chains")
    dense = state.payload.dense()
    for sites in ((0,), (4, 1), (2, 0, 3), (0, 1, 2, 3, 4), (4, 2, 0, 1, 3)):
        np.testing.assert_allclose(marginal_of(state.payload, sites), marginal_of(dense, sites), rtol=0, atol=1e-15)
    for text in ("Z0", "X0 Y1", "X0 Z1 X2 - 0.3 Y3 Y4 + 0.2", "Z0 Z1 Z2 Z3 Z4"):
        assert np.isclose(expect_of(state.payload, pauli(text)), expect_of(dense, pauli(text)), rtol=0, atol=1e-14)
    lowering = pauli("0.5 X2") - pauli("Y2", 0.5j)
    assert np.isclose(expect_of(state.payload, lowering), np.trace(lowering.matrix(range(5)) @ dense.rho))


def test_a_delay_goes_through_the_density_matrix_up_to_ten_sites():
    model, jumps = heisenberg(4, mu=0.8)
    chains, dense = (qet.steady(model, jumps, solver=solver) for solver in ("chains", "dense"))
    ours, theirs = (qet.teleport(state, delay=0.7) for state in (chains, dense))
    assert np.isclose(ours.extracted, theirs.extracted, rtol=0, atol=1e-12)
    long = qet.steady(*heisenberg(9), solver="chains", allow=("NotConverged",))
    object.__setattr__(long.payload, "layouts", (Layout(11, (np.arange(2**11),)),))
    for question in (
        lambda: evolved_of(long.payload, model, 1.0),
        lambda: branches_of(long.payload, None, (0,)),
        lambda: means_after(long.payload, None, (), np.zeros(1)),
    ):
        with pytest.raises(NotOffered, match="offered up to 10"):
            question()


def test_marginals_and_matrices_beyond_what_fits_are_refused():
    payload = qet.steady(*heisenberg(4), solver="chains").payload
    object.__setattr__(payload, "layouts", (Layout(13, (np.arange(2**13),)),))
    with pytest.raises(TooLarge, match="written out up to 12"):
        marginal_of(payload, tuple(range(13)))
    with pytest.raises(NotOffered, match="up to 8 sites"):
        marginal_of(payload, tuple(range(9)))


def test_qutip_agrees():
    qutip = pytest.importorskip("qutip")
    model, jumps = ising(4, np.random.default_rng(11))
    state = qet.steady(model, jumps, solver="chains")
    dims = [[2] * 4, [2] * 4]
    H = qutip.Qobj(model.H.matrix(range(4)), dims=dims)
    c_ops = [qutip.Qobj(np.sqrt(j.rate) * j.operator.matrix(range(4)), dims=dims) for j in jumps]
    rho = qutip.steadystate(H, c_ops).full()
    np.testing.assert_allclose(state.density_matrix, rho, rtol=0, atol=1e-11)  # what QuTiP reaches


# -- how many steady states -----------------------------------------------------------------------------

SEVERAL = {
    "no rate": (qet.xxz(4), [qet.jump("-", 0, 0.0)]),
    "dephasing of a magnetization": (qet.xxz(4), [qet.jump("Z", 0, 0.3), qet.jump("Z", 2, 0.3)]),
    "parity kept": (qet.ising(4, J=0.7, g=0.5), [qet.jump("Z", 1, 0.3)]),
    "a site alone": (qet.xxz(4, J=qet.by_site([1.0, 0.7, 0.0])), [qet.jump("-", 0, 1.0), qet.jump("+", 0, 0.4)]),
    "spin flip kept": (qet.xxz(3, Delta=0.4), [qet.jump("X", 0, 0.5), qet.jump("X", 2, 0.5)]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_steady_states_are_refused_with_their_number(name):
    model, jumps = SEVERAL[name]
    with pytest.raises(NoUniqueSteadyState) as ours:
        qet.steady(model, jumps, solver="chains")
    with pytest.raises(NoUniqueSteadyState) as theirs:
        qet.steady(model, jumps, solver="dense")
    assert str(ours.value) == str(theirs.value)
    assert ours.value.conserved == theirs.value.conserved
    with pytest.raises(NoUniqueSteadyState, match="independent steady states"):
        qet.steady(model, jumps, solver="vectorized")


def test_several_steady_states_of_long_chains_are_refused():
    for jumps in ([qet.jump("Z", 4, 0.3)], [qet.jump("+", 0, 0.0)]):
        with pytest.raises(NoUniqueSteadyState, match="several independent"):
            qet.steady(qet.xxz(9), jumps, solver="chains")
    with pytest.raises(NoUniqueSteadyState, match="several independent"):  # X on every site keeps the spin flip
        qet.steady(qet.xxz(9, Delta=0.4), [qet.jump("X", j, 0.5) for j in range(9)], solver="chains")


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_operators_say_is_what_the_commutant_says(kind):
    """Where the algebra is seen to be full, there is one steady state; both ways of counting are run."""
    for n in (3, 5):
        model, jumps = kind(n, np.random.default_rng(n))
        generator, sectors, operators = parts(model, jumps)
        assert is_irreducible(generator, operators)
        assert closed_classes(generator, sectors.labels) == 1
        assert solve_iteratively(setting_of(model, tuple(jumps), "gksl")).null_dimension == 1
    for model, jumps in list(SEVERAL.values())[1:]:
        generator, _, operators = parts(model, jumps)
        assert not is_irreducible(generator, operators)


def test_a_dark_state_is_unique_without_full_rank():
    """σ⁻ alone empties an XXZ chain: the rank says nothing, the commutant of what is left does."""
    state = qet.steady(qet.xxz(4), [qet.jump("-", 0, 0.5)], solver="chains")
    down = np.zeros((16, 16))
    down[15, 15] = 1.0
    np.testing.assert_allclose(state.density_matrix, down, rtol=0, atol=1e-12)
    assert not is_closed_under_adjoints(tuple(j.operator for j in ends(4, mu=1.0) if j.rate))
    assert is_closed_under_adjoints(tuple(j.operator for j in ends(4)))
    long = qet.steady(qet.xxz(9, J=0.25), [qet.jump("-", 0, 0.5), qet.jump("-", 8, 0.5)], solver="chains")
    assert np.isclose(qet.expect(long, "Z4"), -1.0, atol=1e-7)  # a residual of 1e-9 over a gap of 1e-2


# -- refusals ------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_by_name():
    with pytest.raises(NotOffered, match="jumps on single sites"):
        qet.steady(qet.xxz(4), [qet.jump("X0 Z1", rate=1.0)], solver="chains")
    with pytest.raises(NotOffered, match='master="gksl"'):
        qet.steady(qet.xxz(4), [qet.bath(0, T=1.0, rate=0.1)], solver="chains")
    assert steady.why_not(qet.xxz(4), tuple(ends(4))) is None
    with pytest.raises(TooLarge, match=r"unknowns, which take .* more than"):
        qet.steady(qet.ising(15, hx=0.3), [qet.jump("-", 0, 1.0), qet.jump("X", 3, 1.0)], solver="chains")
    with pytest.raises(TooLarge, match="30 sites are too many: with a conserved magnetization 13 fit"):
        qet.steady(*heisenberg(30))  # at once, without 2^30 labels
    with pytest.raises(TooLarge, match='solver="chains"'):
        qet.steady(*heisenberg(8), solver="vectorized")


def test_memory_is_counted_before_anything_is_solved():
    """The vectors of N = 12 and 13, 45 of them and more in single precision, and no more than is asked of the route."""
    twelve, thirteen = (steady.memory_of(*heisenberg(n)) for n in (12, 13))
    assert 0.2 * 2**30 < twelve < 1.5 * 2**30
    assert 2 * twelve < thirteen < 4 * 2**30


def test_an_iteration_that_stops_early_says_so_and_hands_over_its_best(monkeypatch):
    monkeypatch.setattr(iteration, "_PASSES", 1)
    monkeypatch.setattr(iteration, "_VECTORS", 5)
    model, jumps = heisenberg(7)
    with pytest.raises(NotConverged, match="the iteration stopped at the residual") as caught:
        qet.steady(model, jumps, solver="chains")
    assert np.isclose(expect_of(caught.value.best, pauli("1")), 1.0)
    state = qet.steady(model, jumps, solver="chains", allow=("NotConverged",))
    assert state.diagnostics.residual > 1e-6


# -- transport -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 6])
def test_currents_are_uniform_where_no_jump_touches_the_chain(n):
    rng = np.random.default_rng(n)
    model = qet.xxz(n, J=qet.by_site(rng.normal(size=n - 1)), Delta=0.7, hz=qet.by_site(rng.normal(size=n)))
    jumps = [qet.jump("+", 0, 0.7), qet.jump("-", 0, 0.2), qet.jump("-", n - 1, 0.9), qet.jump("+", n - 1, 0.1)]
    state = qet.steady(model, jumps, solver="chains")
    flow = qet.transport(state)
    assert np.ptp(flow.spin_current) < 1e-12 < abs(flow.spin_current[0])
    assert np.ptp(flow.energy_current) < 1e-12
    np.testing.assert_allclose(flow.magnetization, [qet.expect(state, f"Z{j}") for j in range(n)])
    rate_in = 0.7 * (1 - flow.magnetization[0]) - 0.2 * (1 + flow.magnetization[0])
    assert np.isclose(flow.spin_current[0], rate_in, rtol=0, atol=1e-12)
    brought = state.diagnostics.energy_currents
    assert np.isclose(flow.energy_current[0], brought[:2].sum(), rtol=0, atol=1e-12)
    assert abs(brought.sum()) < 1e-12


def test_energy_flows_evenly_through_a_chain_that_keeps_no_magnetization():
    jumps = [qet.jump("-", 0, 0.9), qet.jump("+", 0, 0.1), qet.jump("-", 4, 0.2), qet.jump("+", 4, 0.15)]
    state = qet.steady(qet.ising(5, J=0.7, g=1.0), jumps, solver="chains")
    flow = qet.transport(state)
    assert np.ptp(flow.energy_current) < 1e-12 < abs(flow.energy_current[0])
    assert "energy current" in repr(flow)
    with pytest.raises(NotOffered, match="does not conserve Z0"):
        _ = flow.spin_current


def test_the_continuity_equations_hold_as_operators():
    """i[H, Z_j] = J_{j-1} - J_j in any state, here a random one that is not steady."""
    rng = np.random.default_rng(4)
    model = qet.xxz(4, J=qet.by_site(rng.normal(size=3)), Delta=0.6, hz=qet.by_site(rng.normal(size=4)))
    psi = rng.normal(size=16) + 1j * rng.normal(size=16)
    rho = np.outer(psi, psi.conj()) / np.vdot(psi, psi).real
    state = qet.state(model, rho)
    flow = qet.transport(state)
    J = np.concatenate([[0.0], flow.spin_current, [0.0]])
    H = model.matrix()
    for j, (left, right) in enumerate(pairwise(J)):
        Z = pauli(f"Z{j}").matrix(range(4))
        assert np.isclose(np.trace(1j * (H @ Z - Z @ H) @ rho).real, left - right)
    whole = qet.transport(qet.steady(qet.xxz(4, J=np.array([0.5, 1.0])), ends(4)))
    assert whole.spin_current.shape == (2, 3)
    with pytest.raises(NotOffered, match="nearest neighbors"):
        qet.transport(qet.ground(qet.model({"H": "X0 X2 + Z0 + Z1 + Z2 + 0.3 X0 X1"}, B=2)))
