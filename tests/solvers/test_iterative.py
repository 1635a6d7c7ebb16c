"""Steady states by iteration in symmetry sectors: dense generators, QuTiP, exact states, uniqueness, refusals."""

import numpy as np
import pytest
from scipy.special import comb
from tests.solvers import slow_open as slow

import qet
from qet.foundations.errors import (
    DivergentOccupation,
    NotConverged,
    NotOffered,
    NotPositive,
    NoUniqueSteadyState,
    TooLarge,
)
from qet.foundations.paulis import pauli
from qet.solvers import stationary
from qet.solvers.blockwise import Action, triangular_sylvester
from qet.solvers.redfield import channels_of
from qet.solvers.sectors import null_vectors, sectors_of, symmetries_of
from qet.solvers.setting import setting_of
from qet.solvers.stationary import point_of

RNG = np.random.default_rng(7)


def ladder(sign, site):
    """σ⁺ or σ⁻ as a Pauli sum."""
    return 0.5 * (pauli(f"X{site}") + sign * 1j * pauli(f"Y{site}"))


def driven(n, rate=0.5):
    """An XXZ chain between raising and lowering jumps: the magnetization is a weak symmetry."""
    ends = ((0, 1.5, 0.5), (n - 1, 0.5, 1.5))
    jumps = [qet.jump(sign, site, rate * r) for site, up, down in ends for sign, r in (("+", up), ("-", down))]
    return qet.xxz(n, J=0.25, Delta=0.8, hz=0.1), jumps


def pairing(n):
    """σ⁺σ⁺ on the bonds and random fields: the staggered magnetization."""
    text = " + ".join(f"0.3 X{i} X{i + 1} - 0.3 Y{i} Y{i + 1} + {RNG.normal():.3f} Z{i}" for i in range(n - 1))
    return qet.model({"H": text}, B=n - 1), [qet.jump("+", 0, 0.2), qet.jump("-", 0, 0.3), qet.jump("-", n - 1, 0.4)]


def three_wave(n):
    """σ⁺_0 σ⁺_1 σ⁻_2 + h.c.: two quanta of one kind make one of another; with a field that breaks nothing."""
    wave = ladder(1, 0) * ladder(1, 1) * ladder(-1, 2)
    H = 0.6 * (wave + wave.dagger()) + pauli("0.4 Z0 + 0.7 Z1 - 0.2 Z2")
    for i in range(3, n):
        H = H + pauli(f"0.3 X{i - 1} X{i} + 0.3 Y{i - 1} Y{i}")
    return qet.model({"H": H}, B=n - 1), [qet.jump("-", i, 0.1 + 0.1 * i) for i in range(n)] + [qet.jump("+", 0, 0.5)]


def tangled(n):
    """No symmetry: complex bonds, tilted fields, a random jump on two sites, dephasing."""
    rng = np.random.default_rng(n)
    text = " + ".join(f"{rng.normal():.3f} {p}{i}" for i in range(n) for p in "XYZ")
    text += " + " + " + ".join(
        f"{rng.normal():.3f} {p}{i} {q}{i + 1}" for i in range(n - 1) for p in "XYZ" for q in "XYZ"
    )
    matrix = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    jumps = [
        qet.jump(matrix, (0, 1), 0.1),
        qet.jump("Z", n - 1, 0.3),
        qet.jump("X0 Z1", rate=0.2),
        qet.jump("-", 1, 0.5),
    ]
    return qet.model({"H": text.replace("+ -", "- ")}, B=n - 1), jumps


def thermal(n, coupling="dipole", **more):
    """A detuned Ising chain between two thermal baths."""
    fields = " + ".join(f"{0.8 + 0.13 * i * (-1) ** i:.3f} Z{i}" for i in range(n))
    bonds = " + ".join(f"0.4 X{i} X{i + 1}" for i in range(n - 1))
    options = {"coupling": coupling, "spectrum": "ohmic", **more}
    return qet.model({"H": f"{fields} + {bonds}"}, B=n - 1), [
        qet.bath(0, T=1.1, rate=0.02, **options),
        qet.bath(n - 1, T=0.4, rate=0.03, **options),
    ]


def every_site(n):
    """A bath on every site, with gaps of both signs."""
    system, _ = thermal(n)
    fields = qet.model({"H": system.H - pauli("1.9 Z1")}, B=n - 1)
    return fields, [qet.bath(i, T=0.3 + 0.2 * i, rate=0.1, coupling=("exchange", "dipole")[i % 2]) for i in range(n)]


CASES = {
    "magnetization": (driven, "gksl"),
    "staggered": (pairing, "gksl"),
    "three waves": (three_wave, "gksl"),
    "none": (tangled, "gksl"),
    "baths at bare gaps": (every_site, "local"),
    "parity": (thermal, "redfield"),
    "parity, full Lamb shift": (lambda n: thermal(n, spectrum=("drude", 4.0), lamb_shift=True), "redfield"),
    "fermions": (lambda n: thermal(n, "exchange", spectrum="flat", statistics="fermion", mu=0.2), "redfield"),
    "exchange in a conserving chain": (
        lambda n: (qet.xxz(n, J=0.2, hz=1.0), thermal(n, "exchange", spectrum="flat")[1]),
        "redfield",
    ),
    "a common bath": (
        lambda n: (
            qet.xxz(n, J=0.2, Delta=0.6, hz=1.0),
            [qet.bath(tuple(range(n)), T=0.8, rate=0.02, common=True), qet.bath(0, T=1.2, rate=0.01)],
        ),
        "redfield",
    ),
    "baths and jumps": (lambda n: (thermal(n)[0], [*thermal(n)[1], qet.jump("Z", 1, 0.01)]), "redfield"),
    "universal": (thermal, "universal"),
    "universal, exchange": (lambda n: thermal(n, "exchange", spectrum=("drude", 4.0), lamb_shift=True), "universal"),
    "populations": (thermal, "secular"),
    "degenerate levels": (lambda n: (qet.xxz(n, J=0.2, hz=1.0), thermal(n)[1]), "secular"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n", [3, 4])
def test_the_iteration_finds_the_state_of_the_dense_generator(name, n):
    make, master = CASES[name]
    system, surroundings = make(n)
    options = {"master": master, "allow": ("NotPositive", "OutsideDomain")}
    dense = qet.steady(system, surroundings, solver="dense", **options)
    found = qet.steady(system, surroundings, solver="iterative", **options)
    assert found.solver == "iterative"
    assert np.abs(found.density_matrix - dense.density_matrix).max() < 1e-12
    assert found.solver_error < 1e-10
    for quantity in ("energy_currents", "particle_currents", "smallest_eigenvalue", "gap"):
        np.testing.assert_allclose(
            getattr(found.diagnostics, quantity), getattr(dense.diagnostics, quantity), rtol=1e-9, atol=1e-12
        )
    assert found.diagnostics.residual < 1e-12


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[1] != "secular"])
def test_the_blocks_of_the_sectors_are_mapped_to_themselves(name):
    """L of any Hermitian matrix in blocks has no element elsewhere, and the action gives the elements in them."""
    make, master = CASES[name]
    system, surroundings = make(4)
    setting = setting_of(system, tuple(surroundings), master)
    sectors = sectors_of(setting.H, setting.surroundings, 4, master)
    point = point_of(setting, 0, sectors)
    action = Action(point.generator, sectors.pairs)
    rho = np.zeros((16, 16), dtype=complex)
    for some in sectors.labels:
        block = RNG.normal(size=(len(some), len(some))) + 1j * RNG.normal(size=(len(some), len(some)))
        rho[np.ix_(some, some)] = block + block.conj().T
    channels = channels_of(setting.H, point.frame, setting.surroundings, 4, master).channels
    pairs = [(point.frame.restore(c.A), point.frame.restore(c.X)) for c in channels]
    brought = sum((1j * point.frame.restore(c.drift) for c in channels if c.drift is not None), np.zeros((16, 16)))
    expected = slow.apply(system.matrix() + brought, pairs, rho)
    image = action(action.packed(point.frame.rotate(rho), sectors.labels))
    found = point.frame.restore(action.unpacked(image, sectors.labels, 16))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_charges_are_found_and_counted():
    def of(make, n, master="gksl"):
        system, surroundings = make(n)
        return symmetries_of(setting_of(system, tuple(surroundings), master))

    for n in (3, 6):
        found = of(driven, n)
        assert [str(q) for q in found.charges] == [" + ".join(f"1 Z{i}" for i in range(n))]
        assert found.conserved == (False,)
        assert (found.unknowns, found.of, found.blocks) == (comb(2 * n, n, exact=True), 4**n, n + 1)
    assert [str(q) for q in of(pairing, 4).charges] == ["1 Z0 - 1 Z1 + 1 Z2 - 1 Z3"]
    # q0 + q1 = q2 leaves two charges of three sites
    assert {str(q) for q in of(three_wave, 3).charges} == {"1 Z0 - 1 Z1", "1 Z0 + 1 Z2"}
    parity = of(thermal, 4, "redfield")
    assert (parity.charges, parity.parities, parity.unknowns) == ((), 2, 128)
    assert of(tangled, 3) == ((), (), 1, 1, 64, 64, None)


def test_a_charge_that_no_channel_changes_is_called_conserved():
    system, _ = driven(4)
    found = symmetries_of(setting_of(system, (qet.jump("Z", 0, 0.1), qet.jump("X1 X2 + Y1 Y2", rate=0.2)), "gksl"))
    assert found.conserved == (True,)
    broken = symmetries_of(setting_of(system, (qet.jump("Z", 0, 0.1), qet.jump("X", 2, 0.2)), "gksl"))
    assert broken.charges == ()


def test_a_batch_has_the_symmetries_of_all_its_points():
    """XX + c YY conserves the magnetization at c = 1 alone."""
    for c, count in ((1.0, 1), (np.array([1.0, 1.0]), 1), (np.array([1.0, 0.9]), 0)):
        H = pauli("0.5 X0 X1 + 0.3 Z0") + pauli("0.5 Y0 Y1", c)
        found = symmetries_of(setting_of(qet.model({"H": H}), (qet.jump("-", 0, 0.1), qet.jump("+", 1, 0.1)), "gksl"))
        assert len(found.charges) == count


def test_null_vectors_are_the_integer_solutions():
    rng = np.random.default_rng(3)
    for _ in range(30):
        n = int(rng.integers(2, 7))
        equations = [tuple(int(x) for x in row) for row in rng.integers(-1, 2, (int(rng.integers(0, n + 1)), n))]
        found = null_vectors(equations, n)
        rank = np.linalg.matrix_rank(np.array(equations)) if equations else 0
        assert len(found) == n - rank
        for q in found:
            assert all(sum(x * y for x, y in zip(q, row, strict=True)) == 0 for row in equations)
            assert np.gcd.reduce(q) == 1
        assert np.linalg.matrix_rank(np.array(found).reshape(-1, n)) == len(found)


@pytest.mark.parametrize("shape", [(5, 7), (70, 33), (33, 131)])
def test_the_triangular_equation_is_solved(shape):
    rng = np.random.default_rng(1)
    left, right = (np.triu(rng.normal(size=(m, m)) + 1j * rng.normal(size=(m, m))) / m + np.eye(m) for m in shape)
    sigma = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    X = triangular_sylvester(left, right, sigma)
    np.testing.assert_allclose(left @ X + X @ right.conj().T, sigma, atol=1e-12)


@pytest.mark.parametrize("n", [4, 5])
def test_qutip_finds_the_same_state(n):
    qutip = pytest.importorskip("qutip")
    for make in (driven, tangled):
        system, jumps = make(n)
        operators = [np.sqrt(j.rate) * qutip.Qobj(j.operator.matrix(tuple(range(n)))) for j in jumps]
        expected = qutip.steadystate(qutip.Qobj(system.matrix()), operators).full()
        found = qet.steady(system, jumps, solver="iterative").density_matrix
        assert np.abs(found - expected).max() < 1e-9  # QuTiP's sparse solve sets this


def test_a_batch_equals_its_points():
    T, k = np.array([[0.5], [1.0]]), np.array([0.2, 0.4, 0.6])
    H = pauli("1 Z0 + 0.8 Z1 + 0.6 Z2 + 0.3 X1 X2") + pauli("X0 X1", k)
    baths = [qet.bath(0, T=T, rate=0.02, coupling="dipole"), qet.bath(2, T=0.7, rate=0.03)]
    many = qet.steady(qet.model({"H": H}, B=2), baths, solver="iterative")
    assert many.shape == many.diagnostics.residual.shape == (2, 3)
    expected = qet.steady(qet.model({"H": H}, B=2), baths, solver="dense")
    assert np.abs(many.density_matrix - expected.density_matrix).max() < 1e-13
    np.testing.assert_allclose(many.diagnostics.heat_currents, expected.diagnostics.heat_currents, atol=1e-14)


@pytest.mark.parametrize("rate", [1e-3, 1e-8, 1e-12])
def test_weak_rates_lose_no_digits(rate):
    """The state depends on the ratio of the rates alone as they vanish."""
    for make, master in ((thermal, "redfield"), (driven, "gksl")):
        system, surroundings = make(4)
        if master == "gksl":
            surroundings = driven(4, rate)[1]
        else:
            surroundings = [qet.bath(site, T=T, rate=rate, coupling="dipole") for site, T in ((0, 1.1), (3, 0.4))]
        found = qet.steady(system, surroundings, master=master, solver="iterative")
        expected = qet.steady(system, surroundings, master=master, solver="dense")
        assert np.abs(found.density_matrix - expected.density_matrix).max() < 1e-12
        assert found.diagnostics.residual < 1e-12


def test_strong_dephasing_is_solved_to_the_error_it_states():
    """Zeno: many jumps for each that matters."""
    system, jumps = driven(4, 0.02)
    jumps = [*jumps, *(qet.jump("Z", i, 20.0) for i in range(4))]
    found = qet.steady(system, jumps, solver="iterative")
    expected = qet.steady(system, jumps, solver="dense")
    difference = np.abs(found.density_matrix - expected.density_matrix).max()
    assert difference < 1e-10
    assert difference < 10 * found.solver_error < 1e-6


def test_seven_qubits_at_one_temperature_are_in_the_gibbs_state():
    system = qet.ising(7, J=0.6, g=1.0, hx=0.1)
    baths = [qet.bath(site, T=0.8, rate=0.05, coupling="dipole", spectrum="ohmic") for site in (0, 6)]
    for master in ("secular", "redfield"):  # without Lamb shift both keep the Gibbs state at any rate
        found = qet.steady(system, baths, master=master, allow="OutsideDomain")
        assert found.solver == "iterative"
        assert np.abs(found.density_matrix - qet.gibbs(system, T=0.8).density_matrix).max() < 1e-13
        assert np.abs(found.diagnostics.energy_currents).max() < 1e-14


@pytest.mark.parametrize("master", ["redfield", "local"])
def test_seven_uncoupled_qubits_are_each_at_their_own_temperature(master):
    gaps, T = np.linspace(0.7, 1.3, 7), np.linspace(0.3, 1.5, 7)
    system = qet.model({"H": " + ".join(f"{g / 2} Z{i}" for i, g in enumerate(gaps))}, B=6)
    found = qet.steady(system, [qet.bath(i, T=T[i], rate=0.1) for i in range(7)], master=master)
    expected = np.eye(1)
    for g, temperature in zip(gaps, T, strict=True):
        p = np.exp(-np.array([g, -g]) / 2 / temperature)
        expected = np.kron(expected, np.diag(p / p.sum()))
    assert np.abs(found.density_matrix - expected).max() < 1e-14


def test_energy_is_teleported_across_seven_driven_qubits():
    system, jumps = driven(7)
    state = qet.steady(system, jumps)
    assert state.diagnostics.symmetries.unknowns == comb(14, 7, exact=True)
    assert abs(state.diagnostics.energy_currents.sum()) < 1e-13
    run = qet.teleport(state, measure="X")
    small = qet.teleport(qet.state(system, state.density_matrix), measure="X")
    np.testing.assert_allclose([run.injected, run.extracted], [small.injected, small.extracted], atol=1e-14)
    with pytest.raises(NotOffered, match="evolve"):
        _ = state.diagnostics.gap


def many(system, surroundings, **options):
    """The number of steady states that each route names."""
    counts = []
    for solver in ("dense", "iterative"):
        with pytest.raises(NoUniqueSteadyState) as caught:
            qet.steady(system, surroundings, solver=solver, **options)
        counts.append(int(str(caught.value).split("generator has ")[1].split()[0]))
    return counts


def test_both_routes_count_the_same_steady_states():
    chain = qet.xxz(4, J=0.3, Delta=0.7)
    assert many(chain, [qet.jump("Z", i, 0.5) for i in range(4)]) == [5, 5]  # the magnetization is conserved
    lone = qet.model({"H": "1 Z0 + 0.3 X0 X1 + 0.2 Z1 + 0.4 Z2 + 0.5 X2 X3 + 0.7 Z3"})
    assert many(lone, qet.bath(0, T=1.0, rate=0.1)) == [4, 4]  # the second pair has four levels of its own
    assert many(qet.model({"H": "0 Z0", "V": "1 Z1"}), [qet.jump("X", 0, 0.3), *driven(2)[1][2:]]) == [2, 2]
    assert many(qet.xxz(3), qet.jump("Z", 0, 0.0)) == [24, 24]  # levels of 4, 2 and 2 states: Σ m²
    # at criticality, n = 4: energies of modes add up to those of others, and one bath cannot tell them apart
    assert many(qet.ising(4), qet.bath(0, T=1.0, rate=0.1)) == [2, 2]
    singlet = qet.model({"H": "1 Z0 + 1 Z1", "V": "0.3 X0 X1 + 0.3 Y0 Y1 + 0.2 Z0 Z1"})
    common = qet.bath((0, 1), T=0.5, rate=0.1, spectrum="ohmic", coupling=pauli("X0 + X1"))
    assert many(singlet, common) == [2, 2]


def test_states_without_full_rank_are_counted_on_their_support():
    # |01> decays into |00> and into |11>: linked by it, they hold the state nonetheless, each for itself
    jumps = []
    for to, start in ((0, 1), (3, 1), (1, 2)):
        matrix = np.zeros((4, 4))
        matrix[to, start] = 1.0
        jumps.append(qet.jump(matrix, (0, 1), 0.3))
    assert many(qet.model({"H": "0.4 Z0 + 0.3 Z1"}), jumps) == [2, 2]
    # a qubit flipped by X, and phase-flipped whenever a second one decays: <X> survives on the ground level of that one
    jumps = [qet.jump("X", 0, 0.3), qet.jump(pauli("Z0") * ladder(-1, 1), rate=0.2)]
    assert many(qet.model({"H": "0 Z0 + 1 Z1"}), jumps) == [2, 2]
    # one dark state
    alone = qet.steady(qet.xxz(5, hz=0.2), qet.jump("-", 0, 0.3), solver="iterative")
    assert abs(alone.density_matrix[-1, -1] - 1) < 1e-14


def test_what_the_iteration_refuses(monkeypatch):
    with pytest.raises(TooLarge, match=r"2\^9 levels"):
        qet.steady(qet.ising(9), qet.bath(0, T=1.0, rate=0.1))
    with pytest.raises(TooLarge, match="iterative"):
        qet.steady(qet.ising(7), qet.bath(0, T=1.0, rate=0.1), solver="dense")
    mixed = [qet.bath(0, T=1.0, rate=0.1, coupling="dipole", spectrum="ohmic"), qet.jump("-", 2, 0.1)]
    with pytest.raises(NotOffered, match="bare jumps"):
        qet.steady(qet.ising(3), mixed, master="secular", solver="iterative")
    with pytest.raises(NotOffered, match="partial"):
        qet.steady(qet.ising(3), mixed, master=("partial", 0.1), solver="iterative")
    with pytest.raises(TooLarge, match="partial"):
        qet.steady(qet.ising(7), mixed, master=("partial", 0.1))
    with pytest.raises(DivergentOccupation, match="ohmic"):
        qet.steady(qet.xxz(4), qet.bath(0, T=1.0, rate=0.1, coupling="Z"), solver="iterative")
    cold = [qet.bath(0, T=0.1, rate=3.0, coupling="dipole"), qet.bath(2, T=1.0, rate=3.0, coupling="dipole")]
    with pytest.raises(NotPositive):
        qet.steady(qet.ising(3, J=0.5), cold, solver="iterative")
    monkeypatch.setattr(stationary, "_MOST_VECTORS", 2)
    monkeypatch.setattr(stationary, "_RESTARTS", 1)
    with pytest.raises(NotConverged) as caught:
        qet.steady(*driven(4), solver="iterative")
    best = qet.steady(*driven(4), solver="iterative", allow="NotConverged").density_matrix
    assert np.abs(caught.value.best - best).max() == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["magnetization", "baths at bare gaps", "parity", "populations"])
def test_eight_qubits(name):
    """The residual, written out in the basis of the sites; the currents add up."""
    make, master = CASES[name]
    system, surroundings = make(8)
    found = qet.steady(system, surroundings, master=master, allow=("NotPositive", "OutsideDomain"))
    assert abs(np.trace(found.density_matrix) - 1) < 1e-13
    currents = found.diagnostics.energy_currents
    assert abs(currents.sum()) < 1e-12 * max(1.0, np.abs(currents).max())
    if master == "gksl":
        pairs = [(A, 0.5 * j.rate * A) for j in surroundings if (A := j.operator.matrix(tuple(range(8)))) is not None]
        assert np.abs(slow.apply(system.matrix(), pairs, found.density_matrix)).max() < 1e-13


@pytest.mark.parametrize("master", ["redfield", "secular", "universal"])
def test_several_steady_states_are_counted_in_a_batch_with_fewer_symmetries(master):
    """Where the sites are uncoupled, elements that are rounding must not link them."""
    k = np.array([0.3, 0.0])
    cases = ((1.0, 0.0, (1,), 2), (-1.0, 0.7, (0, 1), 2), (-1.0, 0.0, (1,), 4))  # a half band cannot reach -Z
    for sign, T, sites, count in cases:
        system = qet.model({"A": "0.588 Z0 + 0.44 X0 + 0.22 Y0", "B": pauli("Z1", sign), "V": pauli("X0 X1", k)})
        things = [qet.bath(site, T=T, rate=0.2, spectrum="ohmic") for site in sites]
        for solver in ("dense", "iterative"):
            with pytest.raises(NoUniqueSteadyState) as caught:
                qet.steady(system, things, master=master, solver=solver)
            assert caught.value.mask.tolist() == [False, True]
        assert f"{count} independent" in str(caught.value)
