"""State vectors of long chains: products, sectors, levels and multiplicities, motion, random vectors, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, DegenerateLevel, NotConverged, NotOffered, TooLarge
from qet.foundations.kernels import block_transfer, pauli_product
from qet.foundations.paulis import collect
from qet.foundations.threads import thread_count
from qet.solvers.vectors import lanczos, levels
from qet.solvers.vectors import rows as rows_of
from qet.solvers.vectors.lanczos import TIGHT, lowest
from qet.solvers.vectors.levels import level_by_krylov, memory_of
from qet.solvers.vectors.motion import Motion
from qet.solvers.vectors.product import Product
from qet.solvers.vectors.spaces import conserved_by, spaces_of
from qet.solvers.vectors.strings import strings_of
from qet.solvers.vectors.thermal import gibbs_by_sectors
from qet.solvers.vectors.typicality import gibbs_by_typicality, standard_error


def random_sum(rng, n, count, is_real):
    pairs = []
    while len(pairs) < count:
        sites = sorted(int(s) for s in rng.choice(n, size=min(n, int(rng.integers(1, 5))), replace=False))
        letters = rng.choice(list("XYZ"), size=len(sites))
        if not is_real or np.sum(letters == "Y") % 2 == 0:
            pairs.append((tuple(zip(sites, map(str, letters), strict=True)), float(rng.normal())))
    return collect(pairs)


# ---------------------------------------------------------------- products


@pytest.mark.parametrize("is_real", [True, False])
@pytest.mark.parametrize("n", [1, 2, 5, 8, 11, 12])
@pytest.mark.parametrize("is_compiled", [False, True])
def test_every_form_of_the_product_is_the_matrix(n, is_real, is_compiled):
    if is_compiled and pauli_product() is None:
        pytest.skip("numba is not installed")
    rng = np.random.default_rng([n, is_real])
    operator = random_sum(rng, n, 5 * n, is_real)
    strings = strings_of(operator, n)
    assert strings.is_real == operator.is_real
    product = Product(strings, is_compiled=is_compiled)
    on_labels = Product(strings, np.arange(2**n))
    for width in (1, 2, 3):
        for x in (rng.normal(size=(2**n, width)), rng.normal(size=(2**n, width, 2)) @ np.array([1, 1j])):
            expected = on_labels(x)
            if n <= 8:
                matrix = operator.matrix(range(n))
                np.testing.assert_allclose(expected, matrix @ x, rtol=0, atol=1e-13 * strings.size)
            np.testing.assert_allclose(product(x), expected, rtol=0, atol=1e-13 * strings.size)
    assert product.count == on_labels.count == 12  # two of each width


RINGS = {
    "real": "0.7 X{i} X{j} - 0.4 Y{i} Y{j} + 0.3 Z{i} Z{j} + 0.9 X{i} - 0.2 Z{i}",
    "complex": "0.7 X{i} X{j} - 0.4 Y{i} X{j} + 0.3 X{i} Y{j} + 0.6 X{i} Z{j} - 0.8 Z{i} Y{j} + 0.5 Z{i} Z{j}",
    "diagonal": "0.7 Z{i} Z{j} + 0.2 Z{i}",
    "one row of each flip": "1.3 X{i} Z{j}",
}


@pytest.mark.parametrize("name", RINGS)
@pytest.mark.parametrize("n", [11, 13])
def test_the_compiled_product_is_its_plain_twin_on_rings_and_long_strings(name, n):
    """A ring joins the lowest bit of a tile to the highest of all; a long string meets every bit."""
    if pauli_product() is None:
        pytest.skip("numba is not installed")
    text = " + ".join(RINGS[name].format(i=i, j=(i + 1) % n) for i in range(n))
    text += " + 0.2 " + " ".join(f"Z{i}" for i in range(n))
    if name != "diagonal":
        text += " - 0.6 " + " ".join(f"{'XZX'[i % 3]}{i}" for i in range(n))
    strings = strings_of(qet.model({"H": text.replace("+ -", "- ")}, A=0, B=1, n_sites=n).H, n)
    compiled, plain = Product(strings, is_compiled=True), Product(strings, np.arange(2**n))
    rng = np.random.default_rng(n)
    for width in (1, 2, 3):
        real = rng.normal(size=(2**n, width))
        for x in (real, real + 1j * rng.normal(size=real.shape)):
            np.testing.assert_allclose(compiled(x), plain(x), rtol=0, atol=1e-14 * strings.size)
        rows = np.ascontiguousarray((real if strings.is_real else x).T)
        np.testing.assert_allclose(compiled.rows(rows), plain(rows.T).T, rtol=0, atol=1e-14 * strings.size)
    assert compiled.count == plain.count == 18  # columns and rows alike


@pytest.mark.parametrize("is_real", [True, False])
@pytest.mark.parametrize("allowed", ["1", "3"])
def test_sums_of_long_rows_are_the_same_on_any_number_of_cores(is_real, allowed, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(4)), raising=False)
    assert thread_count() == int(allowed)
    rng = np.random.default_rng(5)
    known, few = (rng.normal(size=(k, 70_000, 2)) @ np.array([1, 0 if is_real else 1j]) for k in (5, 2))
    c = rows_of.overlaps(known, few)
    np.testing.assert_allclose(c, few @ known.conj().T, rtol=0, atol=1e-10)  # sums of 70 000 products of order one
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert np.array_equal(c, rows_of.overlaps(known, few))
    expected = few - c @ known
    rows_of.take_out(known, few, c)
    np.testing.assert_allclose(few, expected, rtol=1e-12, atol=1e-8)  # of a size of 1e5
    whole = c @ known
    np.testing.assert_allclose(rows_of.combined(c, known), whole, rtol=1e-12, atol=1e-8)
    inside = rows_of.combined(c, known, out=known[:2])
    np.testing.assert_allclose(inside, whole, rtol=1e-12, atol=1e-8)
    assert np.shares_memory(inside, known)


def test_where_nothing_can_be_kept_on_disk_a_kernel_is_compiled_all_the_same(monkeypatch):
    numba = pytest.importorskip("numba")
    njit = numba.njit

    def on_a_read_only_disk(**options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", on_a_read_only_disk)
    out, places = np.zeros((2, 2)), np.arange(2)
    block_transfer.__wrapped__()(np.eye(2), out, places, places, places, places, 1.0, 0.0)
    np.testing.assert_array_equal(out, np.eye(2))


def test_without_numba_the_plain_product_is_taken(monkeypatch):
    monkeypatch.setattr("qet.solvers.vectors.product.pauli_product", lambda: None)
    strings = strings_of(qet.ising(12, hx=0.3).H, 12)
    x = np.ones((2**12, 1))
    plain = Product(strings)(x)
    monkeypatch.undo()
    np.testing.assert_allclose(plain, Product(strings)(x), rtol=0, atol=1e-12)


# ---------------------------------------------------------------- sectors


@pytest.mark.parametrize(
    ("model", "charges", "parities", "has_spin_flip"),
    [
        (qet.ising(5), 0, 1, False),
        (qet.ising(5, hx=0.1), 0, 0, False),
        (qet.xxz(5), 1, 1, True),
        (qet.xxz(5, hz=0.2), 1, 1, False),
        (qet.xy(4, Jy=0.4), 0, 1, False),
        (qet.model({"a": "X0 X1 + Y0 Y1 - X2 X3 - Y2 Y3 + X2 X3 X0 X1"}, A=0, B=3), 0, 2, True),
        (qet.model({"a": "X0 X1 + Y0 Y1 + Z1 Z2 + X2 X3 + Y2 Y3"}, A=0, B=3), 2, 2, True),
        (qet.model({"a": "X0 X1 - Y0 Y1"}, A=0, B=1), 1, 1, True),
    ],
)
def test_symmetries_are_found_from_the_strings(model, charges, parities, has_spin_flip):
    found = conserved_by(strings_of(model.dynamics, model.n_sites))
    assert (len(found.charges), len(found.parities), found.has_spin_flip) == (charges, parities, has_spin_flip)


@pytest.mark.parametrize("seed", range(12))
def test_the_levels_of_all_sectors_are_the_levels_of_the_whole(seed):
    """Each as often as the sector counts; every sector closed under H."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    kinds = [qet.ising(n, g=0.7), qet.xxz(n, Delta=0.4), qet.xxz(n, Delta=0.4, hz=0.3), qet.xy(n, Jy=0.3, g=0.0)]
    model = kinds[seed % 4] if seed < 8 else qet.model({"a": random_sum(rng, n, n, seed % 2 == 0)}, A=0, B=1, n_sites=n)
    strings = strings_of(model.dynamics, n)
    found, size = [], 0
    for space in spaces_of(strings):
        product = space.product(strings)
        block = product(np.eye(space.d, dtype=product.dtype))
        found += list(np.linalg.eigvalsh(block)) * space.multiplicity
        size += space.d * space.multiplicity
        x = rng.normal(size=(space.d, 1))
        whole = strings_of(model.dynamics, n)
        lifted = Product(whole, np.arange(2**n))(space.lifted(x))
        np.testing.assert_allclose(lifted, space.lifted(product(x)), rtol=0, atol=1e-12)
    assert size == 2**n
    expected = np.linalg.eigvalsh(model.dynamics.matrix(model.sites))
    np.testing.assert_allclose(np.sort(found), expected, rtol=0, atol=1e-12)


# ---------------------------------------------------------------- levels


def chain(text, n):
    """A sum over bonds (i, j) or sites (i) of an open chain."""
    bonds = [text.format(i=i, j=i + 1) for i in range(n - 1)]
    return qet.model({"H": " + ".join(bonds).replace("+ -", "- ")}, A=0, B=n - 1, n_sites=n)


DEGENERATE = {
    "Heisenberg, odd": qet.xxz(9),
    "XYZ, odd": chain("X{i} X{j} + 0.7 Y{i} Y{j} + 0.4 Z{i} Z{j}", 9),
    "ordered Ising": qet.ising(12, g=0.1),
    "no field at all": qet.ising(10, g=0.0),
    "ordered along Z": chain("-1 Z{i} Z{j} - 0.05 X{i} - 0.05 X{j}", 11),
    "a site that H leaves alone": qet.model({"H": "X0 X1 + Z0 + 0.3 Z1"}, A=0, B=1, n_sites=9),
    "zero": qet.model({"H": "0.0 X0"}, A=0, B=1, n_sites=5),
    "a constant": qet.model({"H": "2.0 I"}, A=0, B=1, n_sites=5),
    "an exactly dimerized ring": qet.model(
        {
            "H": " + ".join(
                f"{c} {a}{i} {a}{(i + k) % 10}" for i in range(10) for k, c in ((1, 1.0), (2, 0.5)) for a in "XYZ"
            )
        },
        A=0,
        B=5,
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_ground_level_is_seen_whatever_protects_it(name):
    with pytest.raises(DegenerateLevel, match=r"ground: level 0 and its neighbor differ by .* Lift the degeneracy"):
        qet.ground(DEGENERATE[name], solver="krylov")


def test_in_a_batch_the_degenerate_points_are_marked():
    with pytest.raises(DegenerateLevel, match=r"first at index \(1,\); 1 of 3 points") as caught:
        qet.ground(qet.ising(9, g=np.array([1.0, 0.0, 2.0])), solver="krylov")
    assert caught.value.mask.tolist() == [False, True, False]


def test_a_split_level_is_unique():
    """The ordered Ising chain of 10 sites at g = J/2: split by 1.5e-3, both levels found, each in its parity."""
    model = qet.ising(10, g=0.5)
    energies = np.linalg.eigvalsh(model.matrix())[:3]
    for level, parity in ((0, "+1"), (1, "-1")):
        found = level_by_krylov(model, level, "a level").diagnostics
        np.testing.assert_allclose(found.energy, energies[level], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.gap, energies[1] - energies[0], rtol=0, atol=1e-12)
        assert found.sector.endswith(parity)


def test_the_error_says_how_far_a_local_energy_may_be_off():
    """A search stopped early: its energies are off by less than its error."""
    model = qet.ising(10, hx=0.4)
    exact = qet.ground(model, solver="dense")
    product = Product(strings_of(model.dynamics, 10))
    rough = lowest(product, [1e-5, 1e-2], np.random.default_rng(1))
    gap = rough.energies[1] - rough.energies[0]
    error = 2 * rough.residuals[0] / gap * levels.local_scale(model)
    state = qet.state(model, rough.vectors[:, 0])
    for term in model.terms:
        assert abs(qet.expect(state, term.operator) - qet.expect(exact, term.operator)) < error
    assert 1e-8 < error < 1e-2


def test_few_products_find_a_ground_state():
    """A count, not a time: 14 sites, both parities, two levels each."""
    report = qet.ground(qet.ising(14, g=1.1), solver="krylov").diagnostics
    assert report.products < 350
    assert report.residual < 1e-12


def test_few_products_find_a_complex_ground_state():
    """All two-body strings on the bonds of 13 sites: a count, and residuals as tight as rounding lets them be."""
    rng = np.random.default_rng(13)
    bonds = [((i, a), (i + 1, b)) for i in range(12) for a in "XYZ" for b in "XYZ"]
    H = collect([(string, float(rng.normal())) for string in bonds + [((i, a),) for i in range(13) for a in "XYZ"]])
    report = qet.ground(qet.model({"H": H}, A=0, B=12), solver="krylov").diagnostics
    assert report.products < 250
    assert report.residual < 1e-12


@pytest.mark.parametrize("width", [2, 5])
def test_what_the_true_residuals_do_not_bear_out_is_sought_again(width, monkeypatch):
    """From what was found; after a few attempts in vain it does not count as converged."""
    model = qet.ising(9, hx=0.4)
    product = Product(strings_of(model.dynamics, 9))
    exact = np.linalg.eigvalsh(model.matrix())[:width]
    sought, calls = lanczos._sought, []

    def drifted(space, aims, give_up_above):
        found, is_certain = sought(space, aims, give_up_above)
        calls.append(is_certain)
        return found, is_certain and len(calls) > 1

    monkeypatch.setattr("qet.solvers.vectors.lanczos._sought", drifted)
    found = lowest(product, [TIGHT] * width, np.random.default_rng(0))
    assert len(calls) == 2
    np.testing.assert_allclose(found.energies, exact, rtol=0, atol=1e-12)
    assert found.is_converged
    monkeypatch.setattr("qet.solvers.vectors.lanczos._sought", lambda *given: (sought(*given)[0], False))
    assert not lowest(product, [TIGHT] * width, np.random.default_rng(0)).is_converged


def test_twice_the_search_gives_the_same_digits():
    first, second = (qet.ground(qet.ising(11, hx=0.2), solver="krylov").payload.psi for _ in range(2))
    assert np.array_equal(first, second)


def test_levels_of_every_number_match_the_spectrum():
    model = qet.ising(9, hx=0.4)
    energies = np.linalg.eigvalsh(model.matrix())
    for level in (2, 3, 9, 15):
        found = level_by_krylov(model, level, "a level").diagnostics
        np.testing.assert_allclose(found.energy, energies[level], rtol=0, atol=1e-12)


def test_a_search_that_stops_short_raises_with_what_it_has(monkeypatch):
    monkeypatch.setattr("qet.solvers.vectors.lanczos._MOST_BLOCKS", 3)
    with pytest.raises(NotConverged, match="the residual of level 0 is .* products with H") as caught:
        level_by_krylov(qet.ising(10, hx=0.4), 0, "ground")
    assert caught.value.best.psi.shape == (1, 2**10)
    with pytest.raises(NotConverged) as caught:
        qet.ground(qet.ising(10, hx=0.4), solver="krylov")
    assert not qet.teleport(caught.value.best).resolved  # a state; its error is the span of all energies


def test_what_does_not_fit_is_refused_before_it_starts():
    with pytest.raises(TooLarge, match=r'state vectors of 28 sites at 1 points take .* GiB.*solver="mps"'):
        level_by_krylov(qet.ising(28, hx=0.4), 0, "ground")
    with pytest.raises(TooLarge, match="state vectors of 18 sites at 5000 points"):
        level_by_krylov(qet.ising(18, g=np.linspace(1, 2, 5000)), 0, "ground")
    assert memory_of(qet.xxz(20)) < memory_of(qet.ising(20)) < memory_of(qet.ising(20, hx=0.1)) < 2**30
    assert memory_of(qet.ising(1000, hx=0.1)) > 2**900


@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_block_finds_levels_that_a_single_start_cannot(width):
    """A diagonal of 600 levels, the lowest three times: a block of b vectors sees it min(b, 3) times."""

    class Diagonal:
        d, dtype, count = 600, float, 0
        entries = np.concatenate([[-3.0] * 3, np.linspace(-1, 1, 597)])

        def __call__(self, x):
            return self.entries[:, None] * x

        def rows(self, x):
            return self.entries * x

    found = lowest(Diagonal(), [TIGHT] * width, np.random.default_rng(0))
    expected = ([-3.0] * 3 + [-1.0])[:width]
    np.testing.assert_allclose(found.energies, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(width), rtol=0, atol=1e-10)


# ---------------------------------------------------------------- motion


@pytest.mark.parametrize("t", [0.3, 5.0, 200.0, -4.0])
def test_vectors_move_as_the_spectrum_says_within_the_stated_rounding(t):
    rng = np.random.default_rng(3)
    for is_real in (True, False):
        operator = random_sum(rng, 7, 25, is_real)
        motion = Motion(Product(strings_of(operator, 7)))
        energies, V = np.linalg.eigh(operator.matrix(range(7)))
        assert motion.low < energies[0] < energies[-1] < motion.high
        x = rng.normal(size=(2**7, 2)) + 1j * rng.normal(size=(2**7, 2))
        x /= np.linalg.norm(x, axis=0)
        expected = V @ (np.exp(-1j * energies * t)[:, None] * (V.conj().T @ x))
        assert np.linalg.norm(motion.evolved(x, t) - expected, axis=0).max() < motion.rounding(t)


def test_ends_of_the_spectrum_that_are_too_narrow_are_noticed():
    model = qet.ising(7, hx=0.3)
    motion = Motion(Product(strings_of(model.H, 7)))
    x = np.random.default_rng(0).normal(size=(2**7, 1))
    expected = motion.evolved(x, 3.0)
    motion.low, motion.high = 0.5 * motion.low, 0.5 * motion.high
    np.testing.assert_allclose(motion.evolved(x, 3.0), expected, rtol=0, atol=1e-11)


def test_evolution_adds_its_rounding_to_the_error():
    start = qet.ground(qet.ising(9, g=1.3), solver="krylov")
    late = qet.evolve(qet.evolve(start, 3.0), 4.0)
    assert start.solver_error < late.solver_error < 1e-11
    once = qet.evolve(start, 7.0)
    np.testing.assert_allclose(qet.marginal(late, (3, 1)), qet.marginal(once, (3, 1)), rtol=0, atol=1e-12)
    np.testing.assert_allclose(qet.marginal(late, (3, 1)), qet.marginal(start, (3, 1)), rtol=0, atol=1e-11)


def test_endless_times_and_wide_marginals_are_refused():
    state = qet.ground(qet.ising(14, g=1.3), solver="krylov")
    with pytest.raises(TooLarge, match="a time of 1e\\+09 takes about"):
        qet.evolve(state, 1e9)
    with pytest.raises(NotOffered, match="marginals are offered up to 12 sites"):
        qet.marginal(state, range(13))
    rho = qet.marginal(state, range(2, 12))
    np.testing.assert_allclose(np.trace(rho), 1.0, rtol=0, atol=1e-12)


# ---------------------------------------------------------------- thermal states


def test_random_vectors_stay_within_their_stated_error():
    """Over 60 seeds the error of <H> and of a local energy has a spread of about one standard error, and no bias."""
    model, T = qet.ising(9, g=0.8, hx=0.2), np.array([2.0, 4.0])
    exact = qet.gibbs(model, T=T, solver="dense")
    local = model.terms[0].operator
    deviations, within = [], []
    for seed in range(60):
        state = qet.gibbs(model, T=T, solver=("typicality", 16, seed))
        off = qet.expect(state, model.H) - qet.expect(exact, model.H)
        deviations.append(off / state.diagnostics.standard_error)
        within.append(np.abs(qet.expect(state, local) - qet.expect(exact, local)) < state.solver_error)
        np.testing.assert_allclose(np.trace(qet.marginal(state, (0, 4)), axis1=-2, axis2=-1), 1.0, atol=1e-13)
    spread = np.std(deviations, axis=0)
    assert np.all((0.8 < spread) & (spread < 1.3))  # of 60 draws: within three of its own errors, 0.09
    assert np.all(np.abs(np.mean(deviations, axis=0)) < 4 / np.sqrt(60) * 1.2)
    assert np.mean(within) > 0.98


def test_many_random_vectors_approach_the_thermal_state():
    model = qet.xxz(5, Delta=0.4, hz=0.3)
    exact = qet.gibbs(model, T=0.9).density_matrix
    off = []
    for count in (16, 128, 1024):
        state = qet.gibbs(model, T=0.9, solver=("typicality", count, 3))
        off.append(np.linalg.norm(state.density_matrix - exact))
        assert np.linalg.eigvalsh(state.density_matrix)[0] > -1e-14
    np.testing.assert_allclose(off[2], 0.0, atol=0.06)  # statistical: twice 1/sqrt(1024) of a norm of about 1
    assert off[2] < off[1] / 1.5 < off[0] / 2


def test_cold_random_vectors_become_the_ground_state():
    model = qet.ising(8, hx=0.5)
    state = gibbs_by_typicality(model, 0.02, 4, 0)
    ground = qet.ground(model, solver="dense").density_matrix
    rho = np.einsum("ra,rb->ab", state.payload.psi, state.payload.psi.conj())
    np.testing.assert_allclose(rho, ground, rtol=0, atol=1e-12)


def test_what_time_reversal_forbids_vanishes_exactly():
    state = qet.gibbs(qet.ising(9, hx=0.3), T=1.0, solver=("typicality", 3))
    assert qet.expect(state, "Y3") == 0.0
    assert state.payload.psi.dtype == float


def test_the_seed_decides():
    model = qet.ising(6, hx=0.3)
    one, same, other = (qet.gibbs(model, T=1.0, solver=("typicality", 4, seed)).payload.psi for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("is_real", [True, False])
def test_the_standard_error_is_that_of_quadratic_forms(is_real):
    """At infinite temperature: κ Tr[(O - Tr O/d)²]/(R d²), with the R of many vectors."""
    rng = np.random.default_rng(0)
    d, R = 64, 400
    G = rng.normal(size=(d, d)) + (0.0 if is_real else 1j * rng.normal(size=(d, d)))
    operator = G + G.conj().T
    x = rng.normal(size=(d, R)) + (0.0 if is_real else 1j * rng.normal(size=(d, R)))
    x /= np.linalg.norm(x)
    A = operator - np.trace(operator) / d * np.eye(d)
    expected = np.sqrt((2 if is_real else 1) * np.trace(A @ A).real / (R * d**2))
    np.testing.assert_allclose(
        standard_error(x, operator @ x), expected, rtol=0.03
    )  # statistical: 80 000 pairs, d = 64


def test_bad_input_of_thermal_states():
    model = qet.ising(9, hx=0.3)
    with pytest.raises(NotOffered, match=r"random vectors make no state of T = 0.*first at index \(1,\)"):
        qet.gibbs(model, T=np.array([1.0, 0.0]), solver="typicality")
    with pytest.raises(BadParameter, match="two random vectors at least"):
        qet.gibbs(model, T=1.0, solver=("typicality", 1))
    with pytest.raises(TooLarge, match="16 random vectors of 26 sites"):
        gibbs_by_typicality(qet.ising(26, hx=0.3), 1.0, 16, 0)
    with pytest.raises(TooLarge, match="T = 1e-06 takes about .* products of H with each vector"):
        qet.gibbs(model, T=1e-6, solver="typicality")
    with pytest.raises(NotOffered, match="all levels are found up to 12 sites"):
        gibbs_by_sectors(qet.ising(13, hx=0.3), 1.0)
    with pytest.raises(TooLarge, match="density matrices of 12 sites at 100 points"):
        gibbs_by_sectors(qet.ising(12, hx=0.3), np.ones(100))
