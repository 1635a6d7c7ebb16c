"""The word `steady`: masters and routes, batches, bare jumps against QuTiP, and every refusal."""

import numpy as np
import pytest
from tests.solvers import slow_open as slow

from qet.foundations.errors import (
    BadParameter,
    BadParties,
    DivergentOccupation,
    NotOffered,
    NotPositive,
    NoUniqueSteadyState,
    ShapeMismatch,
    TooLarge,
    UnknownName,
)
from qet.foundations.paulis import pauli, pauli_decomposition
from qet.physics.baths import bath, jump
from qet.physics.models import ising, minimal, model, xxz
from qet.solvers.dissipators import local_jumps
from qet.solvers.gksl import gksl_steady
from qet.solvers.questions import marginal_of
from qet.solvers.steady import steady

pytestmark = pytest.mark.filterwarnings("ignore::qet.foundations.errors.OutsideDomain")  # laws hold at any rate


def two_baths(**more):
    return [bath(0, **{"T": 0.5, "rate": 0.05, **more}), bath(1, **{"T": 1.0, "rate": 0.02, **more})]


def test_a_batch_equals_its_points_one_by_one():
    rng = np.random.default_rng(4)
    h, k, T = rng.uniform(0.5, 1.5, (3, 1)), rng.uniform(0.1, 1.0, 4), rng.uniform(0.2, 2, (3, 4))
    rate = rng.uniform(0.01, 0.1, 4)
    for master in ("redfield", "secular", "local"):
        baths = [bath(0, T=T, rate=0.05), bath(1, T=0.7, rate=rate)]
        many = steady(minimal(h=h, k=k, detuning=0.2), baths, master=master, allow="NotPositive")
        assert many.shape == (3, 4)
        for i, j in np.ndindex(3, 4):
            given = [bath(0, T=T[i, j], rate=0.05), bath(1, T=0.7, rate=rate[j])]
            one = steady(minimal(h=h[i, 0], k=k[j], detuning=0.2), given, master=master, allow="NotPositive")
            assert np.abs(many.density_matrix[i, j] - one.density_matrix).max() < 1e-14
            for name in ("energy_currents", "heat_currents", "gap", "entropy_production", "smallest_eigenvalue"):
                values = getattr(many.diagnostics, name)[i, j]
                assert np.allclose(values, getattr(one.diagnostics, name), rtol=1e-9, atol=1e-13)


def test_a_batch_longer_than_a_chunk_is_one_batch():
    T = np.linspace(0.3, 2.0, 5000)
    many = steady(minimal(), [bath(0, T=T, rate=0.01), bath(1, T=0.6, rate=0.02)])
    one = steady(minimal(), [bath(0, T=T[4321], rate=0.01), bath(1, T=0.6, rate=0.02)])
    assert np.abs(many.density_matrix[4321] - one.density_matrix).max() < 1e-15
    assert many.diagnostics.heat_currents.shape == (5000, 2)


@pytest.mark.parametrize("rate", [1e-3, 1e-7, 1e-12])
def test_weak_rates_lose_no_digits(rate):
    """The state depends on the ratio of the rates alone as they vanish: no spurious "not unique", no noise."""
    weak, usual = (steady(minimal(detuning=0.3), two_baths(rate=r), master="secular") for r in (rate, 1e-2))
    assert np.abs(weak.density_matrix - usual.density_matrix).max() < 1e-13
    assert weak.solver_error < 1e-12


def test_exchanging_the_ends_exchanges_the_state():
    left = steady(minimal(detuning=0.4), two_baths()).density_matrix
    right = steady(minimal(detuning=-0.4), [bath(1, T=0.5, rate=0.05), bath(0, T=1.0, rate=0.02)]).density_matrix
    swap = np.eye(4)[[0, 2, 1, 3]]
    assert np.abs(swap @ left @ swap - right).max() < 1e-14


@pytest.mark.parametrize("n", [2, 3])
def test_bare_jumps_match_qutip(n):
    qutip = pytest.importorskip("qutip")
    rng = np.random.default_rng(n)
    d, sites = 2**n, tuple(range(n))
    for _ in range(3):
        M = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
        H, L = M + M.conj().T, rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
        jumps = [jump("-", 0, 0.3), jump("+", n - 1, 0.2), jump("Z", 0, 0.1), jump(L, sites, 0.05)]
        operators = [
            np.sqrt(0.3) * slow.on(0, slow.LOWER, n),
            np.sqrt(0.2) * slow.on(n - 1, slow.LOWER.T, n),
            np.sqrt(0.1) * slow.on(0, slow.PAULI["Z"], n),
            np.sqrt(0.05) * L,
        ]
        expected = qutip.steadystate(qutip.Qobj(H), [qutip.Qobj(op) for op in operators]).full()
        for solver in ("auto", "dense"):
            found = steady(model({"H": pauli_decomposition(H, sites)}, B=n - 1), jumps, solver=solver)
            assert np.abs(found.density_matrix - expected).max() < 1e-10


@pytest.mark.parametrize("eA, eB", [(1.0, 0.6), (-0.8, 0.5), (0.7, -1.1), (-0.5, -0.9)])
@pytest.mark.parametrize("statistics", ["boson", "fermion"])
def test_local_baths_match_qutip_for_every_sign_of_the_gaps(eA, eB, statistics):
    """Jumps at 2|eps|; where eps < 0 the excited level is |1>."""
    qutip = pytest.importorskip("qutip")
    more = {"mu": 0.3, "statistics": statistics} if statistics == "fermion" else {}
    operators = []
    for site, (eps, T, rate) in enumerate(((eA, 0.5, 0.05), (eB, 1.0, 0.02))):
        n = slow.mean_number(2 * abs(eps), T, more.get("mu", 0.0), statistics)
        down = slow.on(site, slow.LOWER if eps > 0 else slow.LOWER.T, 2)
        gain = 1 - n if statistics == "fermion" else 1 + n
        operators += [np.sqrt(rate * gain) * down, np.sqrt(rate * n) * down.T]
    system = minimal(h=(eA + eB) / 2, k=0.4, detuning=eA - eB)
    expected = qutip.steadystate(qutip.Qobj(system.matrix()), [qutip.Qobj(op) for op in operators]).full()
    for solver in ("auto", "dense"):
        found = steady(system, two_baths(**more), master="local", solver=solver)
        assert np.abs(found.density_matrix - expected).max() < 1e-10


def test_local_baths_of_tilted_fields_relax_along_the_field():
    """Uncoupled sites: each is thermal in its own field, whatever its direction; the coupling sets the speed."""
    fields = np.array([[0.3, -0.5, 0.8], [-0.4, 0.2, -0.6]])
    terms = {f"H_{i}": sum((pauli(f"{p}{i}", b[j]) for j, p in enumerate("XYZ")), 0.0) for i, b in enumerate(fields)}
    system = model({**terms, "V": "0 Z0 Z1"})
    expected = np.eye(1)
    for b, T in zip(fields, (0.5, 1.0), strict=True):
        h = sum(v * slow.PAULI[p] for v, p in zip(b, "XYZ", strict=True))
        E, V = np.linalg.eigh(h)
        p = np.exp(-E / T) / np.exp(-E / T).sum()
        expected = np.kron(expected, (V * p) @ V.conj().T)
    for coupling in ("exchange", "dipole", "Y"):
        found = steady(system, two_baths(coupling=coupling, spectrum="ohmic"), master="local", solver="dense")
        assert np.abs(found.density_matrix - expected).max() < 1e-13
        assert found.diagnostics.gap > 1e-4


@pytest.mark.parametrize("coupling", ["exchange", "dipole", "Y", "Z", "one Pauli sum a site"])
@pytest.mark.parametrize("options", [{"spectrum": "ohmic"}, {"statistics": "fermion", "mu": 0.3}], ids=str)
def test_the_dense_local_route_is_that_of_the_pauli_form(coupling, options):
    """Tilted fields, levels of any direction, dephasing by the diagonal part of a coupling: two codes, one state."""
    rng = np.random.default_rng(12)
    H = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    system = model({"H": pauli_decomposition(H + H.conj().T, (0, 1))})
    sums = [pauli("0.4 X0 - 0.7 Z0"), pauli("0.5 Y1 + 0.2 X1")]
    couplings = sums if coupling.startswith("one") else [coupling] * 2
    baths = [bath(i, T=0.5 + i, rate=0.1, coupling=couplings[i], **options) for i in (0, 1)]
    fast = gksl_steady(system, local_jumps(system, baths))
    found = steady(system, baths, master="local", solver="dense")
    assert np.abs(marginal_of(fast, (0, 1)) - found.density_matrix).max() < 1e-12


def test_local_fermions_in_a_full_band_keep_the_sign_of_the_gap():
    """sigma- at J (1 - f(w)), sigma+ at J f(w), w = 2 eps of either sign."""
    system = minimal(h=0.2, k=0.4, detuning=1.6)
    baths = two_baths(statistics="fermion", mu=0.3, full_band=True)
    fast = gksl_steady(system, local_jumps(system, baths))
    found = steady(system, baths, master="local", solver="dense")
    assert np.abs(marginal_of(fast, (0, 1)) - found.density_matrix).max() < 1e-13
    full = two_baths(statistics="fermion", full_band=True, coupling="dipole")
    with pytest.raises(NotOffered, match="full_band"):
        steady(system, full, master="local", solver="dense")


def test_baths_and_bare_jumps_mix():
    system, given = minimal(detuning=0.3), {"T": 0.6, "rate": 0.05}
    H = system.matrix()
    pairs = slow.contact(H, slow.on(0, slow.LOWER, 2), given)
    Z = slow.on(1, slow.PAULI["Z"], 2)
    P = slow.on(1, slow.LOWER.T, 2)
    expected = slow.steady(H, [*pairs, (Z, 0.5 * 0.02 * Z), (P, 0.5 * 0.01 * P)])
    found = steady(system, [bath(0, **given), jump("Z", 1, 0.02), jump("+", 1, 0.01)])
    assert np.abs(found.density_matrix - expected).max() < 1e-12


@pytest.mark.parametrize("solver", ["auto", "dense"])
def test_jumps_alone_carry_energy_and_no_particles(solver):
    found = steady(minimal(k=np.array([0.3, 0.5])), [jump("-", 0, 0.1), jump("-", 1, 0.2)], solver=solver).diagnostics
    assert found.energy_currents.shape == (2, 2)
    assert found.particle_currents.shape == found.heat_currents.shape == (2, 0)
    assert np.array_equal(found.entropy_production, np.zeros(2))


def test_the_master_equation_follows_from_the_surroundings():
    assert steady(minimal(), two_baths()).master == "redfield"
    assert steady(minimal(), [jump("-", 0, 0.1), jump("-", 1, 0.1)]).master == "gksl"


def test_a_steady_state_says_how_it_was_made():
    state = steady(minimal(), bath((0, 1), T=1.0, rate=0.1), master="secular", allow=("NotPositive",))
    assert repr(state) == (
        "qet.steady(model=qet.minimal(h=1.0, k=0.5, detuning=0.0), "
        "surroundings=qet.bath(sites=(0, 1), T=1.0, rate=0.1), master='secular', allow=('NotPositive',))"
    )
    assert "master" not in repr(steady(minimal(), bath((0, 1), T=1.0, rate=0.1)))


@pytest.mark.parametrize("coupling, below, above", [("exchange", 1.0, 3.0), ("dipole", 0.3, 1.0)])
def test_redfield_turns_negative_between_the_known_rates(coupling, below, above):
    """eps = 1, k = 0.5, T = (0.2, 1)."""

    def state(rate, **more):
        return steady(minimal(), [bath(i, T=T, rate=rate, coupling=coupling) for i, T in enumerate((0.2, 1.0))], **more)

    assert state(below).diagnostics.smallest_eigenvalue > -1e-9
    with pytest.raises(NotPositive, match="eigenvalue -0.0") as caught:
        state(above)
    allowed = state(above, allow=("NotPositive",))
    assert np.abs(caught.value.best - allowed.density_matrix).max() == 0.0
    assert abs(allowed.diagnostics.smallest_eigenvalue - np.linalg.eigvalsh(allowed.density_matrix)[0]) < 1e-14
    with pytest.raises(NotPositive, match=r"first at index \(1,\); 2 of 3") as caught:
        state(np.array([below, above, 2 * above]))
    assert caught.value.mask.tolist() == [False, True, True]


def test_secular_stays_positive_where_redfield_does_not():
    for rate in (1.0, 10.0):
        baths = [bath(0, T=0.2, rate=rate, coupling="dipole"), bath(1, T=1.0, rate=rate, coupling="dipole")]
        assert steady(minimal(), baths, master="secular").diagnostics.smallest_eigenvalue > 0


def test_a_site_out_of_reach_makes_the_steady_state_not_unique():
    with pytest.raises(NoUniqueSteadyState, match=r"4 independent steady states.*site 1"):
        # an isolated qubit keeps its populations, and its coherence too where it has no field
        steady(model({"H": "1 Z0", "V": "0 Z0 Z1"}), bath(0, T=1.0, rate=0.1))
    with pytest.raises(NoUniqueSteadyState, match=r"2 independent steady states.*site 1"):
        steady(minimal(k=0.0), bath(0, T=1.0, rate=0.1))
    with pytest.raises(NoUniqueSteadyState, match="16 independent"):
        steady(model({"H": "0 Z0", "V": "0 Z0 Z1"}), jump("-", 0, 0.0), solver="dense")


def test_not_unique_in_a_batch_names_the_points():
    with pytest.raises(NoUniqueSteadyState, match=r"first at index \(0, 0\); 2 of 6") as caught:
        steady(minimal(k=np.array([0.0, 0.3, 0.5])), bath(0, T=np.array([[0.5], [1.0]]), rate=0.1))
    assert caught.value.mask.tolist() == [[True, False, False]] * 2
    assert np.isfinite(caught.value.best[:, 1:]).all()


def test_a_dark_state_is_found():
    """The singlet neither emits nor absorbs in a common bath."""
    system = model({"H": "1 Z0 + 1 Z1", "V": "0.3 X0 X1 + 0.3 Y0 Y1 + 0.2 Z0 Z1"})
    common = bath((0, 1), T=0.5, rate=0.1, spectrum="ohmic", coupling=pauli("X0 + X1"))
    with pytest.raises(NoUniqueSteadyState, match="2 independent"):
        steady(system, common)


@pytest.mark.parametrize("seed", range(4))
def test_a_dark_state_is_found_among_rounding_errors(seed):
    """The same in a tilted basis, where the singlet's row of the generator is not exactly zero."""
    rng = np.random.default_rng(seed)
    n, m = rng.normal(size=(2, 3))
    field, coupling = (sum((pauli(f"{p}{i}", v[j]) for i in (0, 1) for j, p in enumerate("XYZ")), 0.0) for v in (n, m))
    system = model({"H": field + pauli("0.3 X0 X1 + 0.3 Y0 Y1 + 0.3 Z0 Z1")})
    common = bath((0, 1), T=0.5, rate=0.1, spectrum="ohmic", coupling=coupling)
    with pytest.raises(NoUniqueSteadyState, match="2 independent"):
        steady(system, common)


def test_a_coherence_that_survives_is_found_outside_the_class_of_the_populations():
    """X on a qubit without a field: the even sector has one steady state, but σx itself never decays."""
    jumps = [jump("X", 0, 0.3), jump("-", 1, 0.1), jump("+", 1, 0.1)]
    with pytest.raises(NoUniqueSteadyState, match="2 independent"):
        steady(model({"H": "0 Z0", "V": "1 Z1"}), jumps, solver="dense")


@pytest.mark.parametrize("coupling", ["dipole", "exchange"])
def test_a_flat_bath_at_a_zero_frequency_is_refused_only_where_it_reaches_it(coupling):
    closed = minimal(h=0.5, detuning=1.0, k=0.5)
    with pytest.raises(DivergentOccupation, match='spectrum="ohmic"'):
        steady(closed, two_baths(coupling=coupling))
    with pytest.raises(DivergentOccupation, match="full_band=True"):
        steady(closed, two_baths(coupling=coupling, statistics="fermion"))
    # at given σx of B, H is a field on A in the xz plane: σy of A has no element at zero frequency
    ohmic = bath(1, T=1.0, rate=0.1, coupling="Y", spectrum="ohmic")
    steady(closed, [bath(0, T=1.0, rate=0.1, coupling="Y"), ohmic])
    silent = bath(0, T=1.0, rate=0.0, coupling=coupling)
    steady(closed, [silent, bath(0, T=1.0, rate=0.1, coupling="Y", spectrum="ohmic"), ohmic])


def test_divergence_in_a_batch_names_the_points():
    with pytest.raises(DivergentOccupation, match=r"first at index \(1,\); 1 of 3") as caught:
        steady(minimal(h=0.5, detuning=np.array([0.9, 1.0, 1.1]), k=0.5), two_baths())
    assert caught.value.mask.tolist() == [False, True, False]


def test_a_closed_bare_gap_has_no_local_jumps():
    with pytest.raises(DivergentOccupation, match="bare gap"):
        steady(minimal(h=0.5, detuning=1.0), two_baths(), master="local")


def test_bad_requests_are_refused_by_name():
    with pytest.raises(UnknownName, match="did you mean 'redfield'"):
        steady(minimal(), two_baths(), master="redfeld")
    with pytest.raises(UnknownName, match="did you mean 'dense'"):
        steady(minimal(), two_baths(), solver="dens")
    with pytest.raises(UnknownName, match="did you mean 'NotPositive'"):
        steady(minimal(), two_baths(), allow=("NotPositiv",))
    with pytest.raises(NotOffered, match="exchange"):
        steady(minimal(), two_baths(), master="heom")
    with pytest.raises(NotOffered, match="local"):
        steady(minimal(), two_baths(), master="gksl")
    with pytest.raises(NotOffered, match="redfield"):
        steady(minimal(), [*two_baths(), jump("-", 0, 0.1)], master="leads")
    with pytest.raises(NotOffered, match="several sites"):
        steady(minimal(), bath((0, 1), T=1.0, rate=0.1, coupling="X0 X1"), master="local", solver="dense")
    with pytest.raises(BadParties, match="site 2"):
        steady(minimal(), bath(2, T=1.0, rate=0.1))
    with pytest.raises(BadParties, match="site 4"):
        steady(minimal(), jump("-", 4, 0.1))
    with pytest.raises(BadParameter, match="surroundings"):
        steady(minimal(), [])
    with pytest.raises(BadParameter, match="baths and jumps"):
        steady(minimal(), [1.0])
    with pytest.raises(ShapeMismatch, match="surrounding 0"):
        steady(minimal(k=np.ones(3)), bath(0, T=np.ones(2), rate=0.1))
    with pytest.raises(TooLarge, match=r"2\^9 levels"):
        steady(ising(9), bath(0, T=1.0, rate=0.1))


def test_a_heisenberg_chain_of_four_sites_between_jumps_matches_the_slow_loops():
    system = xxz(4, J=1.0, Delta=1.0)
    jumps = [jump("+", 0, 0.6), jump("-", 0, 0.4), jump("+", 3, 0.4), jump("-", 3, 0.6)]
    operators = [slow.on(site, ladder, 4) for site in (0, 3) for ladder in (slow.LOWER.T, slow.LOWER)]
    pairs = [(A, 0.5 * rate * A) for A, rate in zip(operators, (0.6, 0.4, 0.4, 0.6), strict=True)]
    found = steady(system, jumps, solver="dense")
    assert np.abs(slow.apply(system.matrix(), pairs, found.density_matrix)).max() < 1e-13
    assert abs(np.trace(found.density_matrix) - 1) < 1e-13


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
@pytest.mark.parametrize("master", ["redfield", "secular", "universal", "local", "leads", "gksl"])
def test_a_batch_without_points_has_no_states(master, shape):
    things = [bath(site, T=1.0, rate=0.01, statistics="fermion") for site in (0, 1)]
    if master == "gksl":
        things = [jump("-", 0, 0.1), jump("-", 1, 0.1)]
    state = steady(minimal(k=np.zeros(shape)), things, master=master)
    assert state.density_matrix.shape == (*shape, 4, 4)
    assert state.diagnostics.residual.shape == shape


def test_what_is_no_model_and_no_name_is_refused():
    for wrong in (None, 5, "minimal", steady(minimal(), two_baths())):
        with pytest.raises(BadParameter, match="steady takes a model"):
            steady(wrong, two_baths())
    for wrong in (None, 5, True):
        with pytest.raises(BadParameter, match="allow takes names"):
            steady(minimal(), two_baths(), allow=wrong)


def test_the_mask_of_a_divergence_has_the_points_of_all_baths():
    mu = np.array([0.0, 3.0, 0.0, 0.0])
    baths = [bath(0, T=0.5, rate=0.02, mu=mu), bath(1, T=0.5, rate=0.02, mu=mu[[2, 2, 2, 1]])]
    for master in ("redfield", "secular", "universal"):
        with pytest.raises(DivergentOccupation, match=r"sites \(0,\).*2 of 4") as caught:
            steady(minimal(), baths, master=master)
        assert caught.value.mask.tolist() == [False, True, False, True]


@pytest.mark.parametrize("solver", ["auto", "dense", "iterative", "vectorized", "chains"])
@pytest.mark.parametrize("H", ["1 X0 + 0.3 Z1", "Z0 + 0.84 X0 X1", "0.7 X0 X1 + 0.3 Y1 Z0 + 0.2 Z1 + 0.4 Z2"])
def test_dephasing_that_commutes_with_everything_leaves_many_states(solver, H):
    """It moves no population of any level: the only rates are those of coherences, and rounding is no rate."""
    for things in ([jump("Z", 2, 0.7)], [jump("Z", 2, 0.7), jump(H, None, 0.2)]):
        if solver == "chains" and len(things) > 1:
            continue
        with pytest.raises(NoUniqueSteadyState):
            steady(model({"H": H}, n_sites=3), things, solver=solver)
