"""Free fermions inside: Pfaffians, strings of two times, what is offered, and long chains seen in a mirror."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reference import superoperator

import qet
from qet.foundations.paulis import collect
from qet.foundations.values import Call
from qet.solvers.fermions.acts import strand
from qet.solvers.fermions.crossing import Crossing
from qet.solvers.fermions.driven import Driven, _linear, steady_by_fermions
from qet.solvers.fermions.modes import Modes, modes_of
from qet.solvers.fermions.offers import why_not, why_not_driven
from qet.solvers.fermions.states import gibbs_by_fermions, ground_by_fermions, parity_of
from qet.solvers.fermions.wick import contractions, matrix_of, products, reordered, sub_pfaffians
from qet.solvers.history import History
from qet.solvers.nambu import majorana_string, product_string, quadratic_form
from qet.solvers.nambu import modes_of as modes_of_mask
from qet.solvers.pfaffian import Parted, pfaffian
from qet.solvers.questions import branches_of, means_after
from qet.solvers.states import State


def antisymmetric(rng, *shape, is_complex=False):
    M = rng.normal(size=(*shape, shape[-1])) + (1j * rng.normal(size=(*shape, shape[-1])) if is_complex else 0.0)
    return M - np.swapaxes(M, -1, -2)


def columns(G):
    """The matrix that couples even rows to odd ones by G."""
    n = G.shape[-1]
    A = np.zeros((*G.shape[:-2], 2 * n, 2 * n))
    A[..., ::2, 1::2], A[..., 1::2, ::2] = G, -np.swapaxes(G, -1, -2)
    return A


def expanded(M):
    """Pf by expansion along the first row."""
    n = len(M)
    if n == 0:
        return 1.0
    rest = [np.delete(np.delete(M, [0, j], 0), [0, j], 1) for j in range(1, n)]
    return sum((-1) ** j * M[0, j + 1] * expanded(minor) for j, minor in enumerate(rest))


def check_parted(A, B, C):
    """Pf of the large rows and each set of small ones, of the whole and of what is left."""
    n, m = B.shape[-2:]
    parted = Parted.of(A, B, C)
    whole = np.concatenate([np.concatenate([A, B], -1), np.concatenate([-np.swapaxes(B, -1, -2), C], -1)], axis=-2)
    scale = np.linalg.norm(whole, 2, axis=(-2, -1)).max() ** (n / 2)
    for chosen in ([], [0, 1], [1, 3], list(range(m))):
        left = np.array([*range(parted.kept), *(parted.kept + np.array(chosen, dtype=int))], dtype=int)
        rows = np.array([*range(n), *(n + np.array(chosen, dtype=int))], dtype=int)
        found = parted.factor * pfaffian(parted.matrix[..., left[:, None], left])
        np.testing.assert_allclose(found, pfaffian(whole[..., rows[:, None], rows]), rtol=1e-11, atol=1e-15 * scale)
    return parted


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_complex_pfaffians_equal_their_expansion(n):
    M = antisymmetric(np.random.default_rng(n), 3, n, is_complex=True)
    np.testing.assert_allclose(pfaffian(M), [expanded(one) for one in M], rtol=1e-11)


@pytest.mark.parametrize("small", [[], [0.0], [0.0, 1e-5, 1e-2], [1e-9] * 6])
def test_two_columns_are_taken_out_by_singular_values(small):
    """Well conditioned, nearly singular and singular blocks, beside a random one in the same batch."""
    rng = np.random.default_rng(3)
    U, s, Vt = np.linalg.svd(rng.normal(size=(6, 6)))
    s[6 - len(small) :] = small
    A = columns(np.stack([(U * s) @ Vt, rng.normal(size=(6, 6))]))
    parted = check_parted(A, rng.normal(size=(2, 12, 4)), antisymmetric(rng, 2, 4))
    assert parted.kept >= 2 * len(small)
    np.testing.assert_allclose(pfaffian(A), np.linalg.det(A[..., ::2, 1::2]), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("small", [[], [0.0], [0.0, 1e-5, 1e-2], [1e-9] * 6])
def test_a_complex_block_is_taken_out_by_its_singular_values(small):
    """A = Q diag(λ) ⊗ [[0, 1], [-1, 0]] Qᵀ with a unitary Q has the singular values λ, each twice."""
    rng = np.random.default_rng(4)
    Q = np.linalg.qr(rng.normal(size=(12, 12)) + 1j * rng.normal(size=(12, 12)))[0]
    lam = np.array([*(1.0, 1.0, 0.9, 0.5, 0.3, 0.2)[: 6 - len(small)], *small])
    A = Q @ np.kron(np.diag(lam), [[0.0, 1.0], [-1.0, 0.0]]) @ Q.T
    B = rng.normal(size=(12, 4)) + 1j * rng.normal(size=(12, 4))
    parted = check_parted((A - A.T) / 2, B, antisymmetric(rng, 4, is_complex=True))
    assert parted.kept == 2 * len(small)


def test_a_complex_block_of_very_many_small_pairs_has_no_pfaffian_to_speak_of():
    A = np.kron(np.diag(np.full(30, 0.01)), [[0.0, 1.0], [-1.0, 0.0]]).astype(complex)
    assert Parted.of(A, np.zeros((60, 4), dtype=complex), np.zeros((4, 4))).factor == 0.0


@pytest.mark.parametrize("is_complex", [False, True])
def test_all_sub_pfaffians_come_from_one_recursion(is_complex):
    K = antisymmetric(np.random.default_rng(5), 2, 6, is_complex=is_complex)
    table = sub_pfaffians(K)
    for mask in range(64):
        rows = np.array(modes_of_mask(mask, 6), dtype=int)
        expected = pfaffian(K[..., rows[:, None], rows]) if len(rows) % 2 == 0 else np.zeros(2)
        np.testing.assert_allclose(table[..., mask], expected, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("is_odd", [False, True])
def test_products_of_majoranas_are_strings(n, is_odd):
    table = products(n, is_odd)
    assert len(table.masks) == 4**n // 2
    for mask, number, sign in zip(table.masks, table.letters, table.signs, strict=True):
        string, expected = product_string(modes_of_mask(int(mask), 2 * n))
        letters = dict(string)
        assert number == int("".join(str("IXYZ".index(letters.get(site, "I"))) for site in range(n)), 4)
        assert sign == expected


def test_means_of_strings_make_the_matrix_in_any_order():
    rng = np.random.default_rng(6)
    rho = rng.normal(size=(2, 8, 8)) + 1j * rng.normal(size=(2, 8, 8))
    strings = [
        collect([(tuple((i, "IXYZ"[k]) for i, k in enumerate(np.unravel_index(number, (4, 4, 4))) if k), 1.0)])
        for number in range(64)
    ]
    for order in ((0, 1, 2), (2, 0, 1)):
        means = np.stack([np.einsum("ij,...ji->...", s.matrix((0, 1, 2)), rho) for s in strings], axis=-1)
        expected = sum(
            m[..., None, None] * s.matrix(order) / 8 for m, s in zip(np.moveaxis(means, -1, 0), strings, strict=True)
        )
        np.testing.assert_allclose(matrix_of(reordered(means, order)), expected, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_string_is_a_product_that_turns_signs(n):
    a = [collect([(majorana_string(m), 1.0)]).matrix(range(n)) for m in range(2 * n)]
    for number in range(4**n):
        letters = np.unravel_index(number, (4,) * n)
        string = tuple((site, "IXYZ"[k]) for site, k in enumerate(letters) if k)
        found, P = strand(string), collect([(string, 1.0)]).matrix(range(n))
        matrix = found.sign * (-1j) ** (len(found.modes) // 2) * np.eye(2**n)
        for m in found.modes:
            matrix = matrix @ a[m]
        np.testing.assert_allclose(matrix, P, atol=1e-15)
        for m, sign in enumerate(found.turns(2 * n)):
            np.testing.assert_allclose(P @ a[m] @ P, sign * a[m], atol=1e-15)


@pytest.mark.parametrize("t", [0.0, 0.4, 2.0, 50.0])
@pytest.mark.parametrize("p, q", [(0, 8), (8, 0), (4, 10), (10, 4), (8, 8)])
def test_two_strings_keep_their_pfaffian_when_they_are_canceled(p, q, t):
    """Π_{m<p} a_m · a_p · Π_{m<q} a_m(t) · a_q(t), with everything kept and with what is shared dropped."""
    model = qet.ising(8, g=0.7)
    M = gibbs_by_fermions(model, 0.3).payload.covariance
    F = modes_of(model).propagator(t)
    one = np.eye(16)
    crossing = Crossing.of(F, p, q)
    full = contractions(np.concatenate([one[:p], one[p : p + 1], F[:q], F[q : q + 1]]), M)
    left = np.concatenate([crossing.early, one[p : p + 1], crossing.late @ F[:q], F[q : q + 1]])
    np.testing.assert_allclose(crossing.phase * pfaffian(contractions(left, M)), pfaffian(full), atol=1e-14)
    if t == 0.0:
        assert len(crossing.early) + len(crossing.late) == abs(p - q)


def test_few_majoranas_are_left_of_long_strings():
    """At N = 200 the strings of sites 100 and 103, one time unit apart, share all but what the light cones add."""
    F = modes_of(qet.ising(200)).propagator(1.0)
    crossing = Crossing.of(F, 200, 206)
    assert len(crossing.early) + len(crossing.late) < 60


def test_functions_of_the_generator_with_split_columns_and_without():
    rng = np.random.default_rng(8)
    for A in (columns(rng.normal(size=(2, 4, 4))), antisymmetric(rng, 2, 8)):
        modes = Modes.of(A)
        energies, V = np.linalg.eigh(1j * A)
        powers = V * np.exp(-1j * 0.7 * energies)[..., None, :]
        np.testing.assert_allclose(modes.propagator(0.7), powers @ np.swapaxes(V.conj(), -1, -2), atol=1e-13)
        thermal = (V * np.tanh(energies)[..., None, :]) @ np.swapaxes(V.conj(), -1, -2)
        np.testing.assert_allclose(modes.odd(np.tanh(modes.energies)), np.real(-1j * thermal), atol=1e-13)
        np.testing.assert_allclose(np.sort(modes.single), np.sort(energies)[..., 4:], atol=1e-13)
        np.testing.assert_allclose(parity_of(modes.odd(np.ones_like(modes.energies))) ** 2, 1.0, atol=1e-12)


def test_modes_are_found_once_for_all_parties(monkeypatch):
    calls = []
    of = Modes.of.__func__
    monkeypatch.setattr(Modes, "of", classmethod(lambda cls, A: calls.append(1) or of(cls, A)))
    model = qet.ising(12, g=1.3)
    ground_by_fermions(model)
    ground_by_fermions(model.between(3, 7))
    gibbs_by_fermions(model.swapped(), 0.2)
    assert len(calls) == 1
    ground_by_fermions(qet.ising(12, g=1.2))
    assert len(calls) == 2


def mirrored(seed, n, A, B):
    """A random chain, and the same read from the right."""
    rng = np.random.default_rng(seed)
    Jx, Jy, g = rng.uniform(-1, 1, (3, n))
    couplings = {"Jx": Jx[:-1], "Jy": Jy[:-1], "g": g}
    one = qet.xy(n, **{name: qet.by_site(v) for name, v in couplings.items()}, A=A, B=B)
    other = qet.xy(n, **{name: qet.by_site(v[::-1]) for name, v in couplings.items()}, A=n - 1 - A, B=n - 1 - B)
    return one, other


@pytest.mark.parametrize("T", [0.0, 0.2])
@pytest.mark.parametrize("delay", [0.0, 0.5, 4.0, 30.0])
def test_a_long_chain_and_its_mirror_image_agree(T, delay):
    """N = 60: the Jordan–Wigner strings of the two reach opposite ends."""
    runs = []
    for model in mirrored(3, 60, 25, 34):
        state = State(model, gibbs_by_fermions(model, T).payload, "fermions", Call("gibbs", {"model": model}))
        runs.append(qet.teleport(state, delay=delay, measure=(1, 2, 0.4)))
    for name in ("injected", "extracted", "local", "leak"):
        np.testing.assert_allclose(getattr(runs[0], name), getattr(runs[1], name), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(runs[0].ledger.change("rest"), runs[1].ledger.change("rest"), atol=1e-13)
    np.testing.assert_allclose(runs[0].ledger.change(), -runs[0].net_work, atol=1e-13)


@pytest.mark.parametrize("T", [0.0, 0.3])
def test_the_energy_of_a_long_chain_is_kept_after_bob_has_acted(T):
    model = qet.xy(60, Jx=1.0, Jy=-0.4, g=0.7, A=10, B=31)
    payload = gibbs_by_fermions(model, T).payload
    rng = np.random.default_rng(1)
    told = np.linalg.qr(rng.normal(size=(2, 1, 2, 2)) + 1j * rng.normal(size=(2, 1, 2, 2)))[0]
    history = History(model, qet.measure("X").kraus(model.A), 2.0, told)
    means = means_after(payload, history, (model.H, *(t.operator for t in model.terms)), np.array([0.0, 1.0, 20.0]))
    np.testing.assert_allclose(means[:, 0], means[0, 0], atol=1e-11)
    np.testing.assert_allclose(means[:, 1:].sum(-1), means[:, 0], atol=1e-11)
    assert np.abs(means[1, 1:] - means[0, 1:]).max() > 0.1


@pytest.mark.parametrize(
    "model, said",
    [
        (qet.xxz(5), "the term V_0_1 has the string Z0 Z1, a product of four Majoranas"),
        (qet.ising(4, hx=0.1), "the term H_0 has the string X0, a product of an odd number"),
        (
            qet.model({"H": "Z0 + Z1 + Z2", "V": "X0 X1", "end": "0.5 X0 X2"}, B=2),
            "the term end .* closes the chain to a",
        ),
        (qet.model({"V": "X0 X3", "H": "Z4"}, B=4), "X0 X3, a product of 6 Majoranas"),
    ],
    ids=["four", "odd", "ring", "long"],
)
def test_the_term_that_spoils_it_is_named(model, said):
    assert re.search(said, why_not(model))
    for refused in (lambda: ground_by_fermions(model), lambda: gibbs_by_fermions(model, 0.1)):
        with pytest.raises(qet.errors.NotOffered, match=said):
            refused()


def test_quadratic_models_are_offered():
    longer = qet.model({"V": "X0 Z1 Z2 Y3 + 0 Z0 Z1", "H": "Z0 + 3", "W": "X1 Y2 - Y1 X2"}, B=3)
    for model in (qet.ising(300), qet.xy(9, Jy=0.3), longer):
        assert why_not(model) is None
        quadratic_form(model.H, model.n_sites)


@pytest.mark.parametrize(
    "things, said",
    [
        ([qet.jump("-", 0), qet.jump("+", 2)], r"jump 1 has the string X2 inside the chain.* end sites 0 and 4"),
        ([qet.jump("Z", 0, 0.1)], "jump 0 has the string Z0, quadratic in Majoranas. Dephasing .* not offered"),
        ([qet.jump("X0 X1")], "jump 0 has the string X0 X1, and jumps here are"),
        ([qet.jump("X0 + 0.5 X4")], r"jump 0 acts on sites \(0, 4\) together"),
        ([qet.bath(0, T=0.1, rate=0.1)], "surrounding 0 is a bath"),
    ],
    ids=["inside", "dephasing", "two sites", "both ends", "bath"],
)
def test_jumps_that_are_not_linear_are_named(things, said):
    with pytest.raises(qet.errors.NotOffered, match=said):
        steady_by_fermions(qet.ising(5), things)
    assert why_not_driven(qet.ising(5), [qet.jump("-", 0), qet.jump("X", 4)]) is None
    assert "Z0 Z1" in why_not_driven(qet.xxz(5), [qet.jump("-", 0)])


def test_a_driven_chain_with_a_free_mode_is_refused():
    """Without a field the chain leaves Y_0 and X_5 alone; X_0 X_1 … drives nothing at the far end."""
    with pytest.raises(qet.errors.NoUniqueSteadyState, match="1 of 12 Majorana modes are not damped") as error:
        steady_by_fermions(qet.ising(6, g=qet.by_site([0.5] * 5 + [0.0])), [qet.jump("-", 0, np.array([0.3, 1.0]))])
    assert error.value.mask.tolist() == [True, True]
    with pytest.raises(qet.errors.NoUniqueSteadyState, match="12 of 12"):
        steady_by_fermions(qet.ising(6), [qet.jump("-", 0, 0.0)])


def test_other_means_than_those_of_bilinears_are_refused_after_a_protocol():
    model = qet.ising(5)
    payload = ground_by_fermions(model).payload
    history = History(model, qet.measure("X").kraus(model.A), 1.0)
    with pytest.raises(qet.errors.NotOffered, match="Z1 Z2 .*not Gaussian"):
        means_after(payload, history, (qet.pauli("Z1 Z2"),), np.zeros(1))
    with pytest.raises(qet.errors.NotOffered, match="9 sites"):
        branches_of(payload, history, tuple(range(9)))


def xy_chain(rng, n, cut=None):
    """Random bilinears on neighbors and fields; at the cut both bonds act through one Pauli matrix and no field."""
    text = {f"H_{j}": f"{rng.normal():.6f} Z{j}" for j in range(n) if j != cut}
    for j in range(n - 1):
        c = rng.normal(size=(2, 2))
        if cut in (j, j + 1):
            n_cut = np.array([0.6, 0.8])
            c = np.outer(rng.normal(size=2), n_cut) if cut == j + 1 else np.outer(n_cut, rng.normal(size=2))
        strings = [f"{c[a, b]:.6f} {x}{j} {y}{j + 1}" for a, x in enumerate("XY") for b, y in enumerate("XY")]
        text[f"V_{j}"] = " + ".join(strings).replace("+ -", "- ")
    return qet.model(text, A=0, B=n - 1)


def end_jumps(rng, n):
    """Ladder jumps and one Pauli matrix at both ends."""
    names = (("+", 0), ("-", 0), ("X", 0), ("+", n - 1), ("-", n - 1))
    return [qet.jump(name, site, rng.uniform(0.1, 1.5)) for name, site in names]


@pytest.mark.parametrize("seed", range(6))
def test_the_slowest_odd_observable_decays_as_the_generator_says(seed):
    """The jumps at the last site carry the parity, so odd observables decay at rates of their own."""
    rng, n = np.random.default_rng(seed), 3
    model = xy_chain(rng, n, cut=1 if seed == 5 else None)
    things = [
        qet.jump(f"{c:.4f} X{j} + {d:.4f} Y{j}", None, rng.uniform(0.1, 1.5))
        for j in (0, n - 1, n - 1)
        for c, d in rng.uniform(0.1, 1.0, (2, 2))
    ]
    A = quadratic_form(model.dynamics, n)
    driven = Driven.of(A, [_linear(thing, n) for thing in things])
    pairs = [(thing.rate, thing.operator.matrix(range(n))) for thing in things]
    parity = qet.pauli("Z0 Z1 Z2").matrix(range(n)).diagonal().real
    odd = np.flatnonzero(parity[:, None] * parity[None, :] < 0)  # an odd rho connects the sectors
    spectrum = np.linalg.eigvals(superoperator(pairs, model.matrix())[np.ix_(odd, odd)])
    np.testing.assert_allclose(driven.odd_rate(), -spectrum.real.max(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", [3, 5, 9])
def test_a_driven_chain_with_a_conserved_odd_operator_is_refused(n):
    """Every Majorana is damped, and a spin inside is conserved all the same: X where an Ising chain has no field."""
    g = np.where(np.arange(n) == n // 2, 0.0, 1.0)
    rng = np.random.default_rng(n)
    things = end_jumps(rng, n)
    with pytest.raises(qet.errors.NoUniqueSteadyState, match="odd number of Majoranas"):
        steady_by_fermions(qet.ising(n, g=qet.by_site(list(g))), things)
    with pytest.raises(qet.errors.NoUniqueSteadyState, match="odd number of Majoranas"):
        steady_by_fermions(xy_chain(rng, n, cut=n // 2), things)
    field = qet.by_site([g, np.ones(n)])
    with pytest.raises(qet.errors.NoUniqueSteadyState) as error:  # the second point has its field
        steady_by_fermions(qet.ising(n, g=field), things)
    assert error.value.mask.tolist() == [True, False]
    steady_by_fermions(qet.ising(n, g=0.7), things)
