"""Chains, rings, stars and long ranges are the matrices of their formulas; random couplings repeat with the seed."""

from __future__ import annotations

import inspect

import cases
import numpy as np
import pytest
import reference

import qet
from qet.foundations.errors import BadParameter, BadParties, ShapeMismatch, UnknownName
from qet.physics.catalog import catalog
from qet.physics.models import MODELS

LETTERS = "XYZ"


def dense(n, pairs, fields):
    """Σ over (i, j, letters, c) and (j, letter, c), by Kronecker products."""
    strings = [{f"{two[0]}{i} {two[1]}{j}": c} for i, j, two, c in pairs] + [{f"{a}{j}": c} for j, a, c in fields]
    return reference.hamiltonian(dict(enumerate(strings)), n)


def ring(n, apart=1):
    return [(j, (j + apart) % n) for j in range(n)]


def names(model):
    return [term.name for term in model.terms]


def test_a_heisenberg_chain_is_its_formula():
    J, h = (0.7, -0.4, 1.1), (0.3, 0.2, -0.9)
    for periodic, bonds in ((False, [(0, 1), (1, 2), (2, 3)]), (True, ring(4))):
        pairs = [(i, j, 2 * a, c) for i, j in bonds for a, c in zip(LETTERS, J, strict=True)]
        fields = [(j, a, c) for j in range(4) for a, c in zip(LETTERS, h, strict=True)]
        made = qet.heisenberg(4, Jx=J[0], Jy=J[1], Jz=J[2], hx=h[0], hy=h[1], hz=h[2], periodic=periodic)
        cases.close(made.matrix(), dense(4, pairs, fields))


def test_next_nearest_neighbors_have_the_form_of_the_nearest():
    near, far = [(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 2), (1, 3), (2, 4)]
    fields = [(j, "Z", -0.8) for j in range(5)]
    pairs = [(i, j, "XX", -0.7) for i, j in near] + [(i, j, "XX", 0.3) for i, j in far]
    cases.close(qet.ising(5, J=0.7, g=0.8, J2=-0.3).matrix(), dense(5, pairs, fields))
    pairs = [(i, j, a, c) for i, j in near for a, c in (("XX", -0.7), ("YY", 0.2))]
    pairs += [(i, j, a, c) for i, j in far for a, c in (("XX", -0.4), ("YY", -0.1))]
    cases.close(qet.xy(5, Jx=0.7, Jy=-0.2, Jx2=0.4, Jy2=0.1, g=0.8).matrix(), dense(5, pairs, fields))
    for given, Delta2 in ((None, 1.5), (-0.6, -0.6)):
        pairs = [(i, j, a, 0.7 * c) for i, j in near for a, c in (("XX", 1), ("YY", 1), ("ZZ", 1.5))]
        pairs += [(i, j, a, 0.25 * c) for i, j in far for a, c in (("XX", 1), ("YY", 1), ("ZZ", Delta2))]
        made = qet.xxz(5, J=0.7, Delta=1.5, hz=-0.8, J2=0.25, Delta2=given)
        cases.close(made.matrix(), dense(5, pairs, fields))
    assert names(qet.ising(4, J2=0.5))[4:] == ["V_0_1", "V_1_2", "V_2_3", "V_0_2", "V_1_3"]


def test_a_ring_is_the_chain_and_the_bonds_that_close_it():
    fields = [(j, "Z", -0.8) for j in range(5)]
    pairs = [(i, j, "XX", -0.7) for i, j in ring(5)] + [(i, j, "XX", 0.3) for i, j in ring(5, 2)]
    made = qet.ising(5, J=0.7, g=0.8, J2=-0.3, periodic=True)
    cases.close(made.matrix(), dense(5, pairs, fields))
    assert names(made)[5:] == [f"V_{a}_{b}" for a, b in ["01", "12", "23", "34", "04", "02", "13", "24", "03", "14"]]
    assert len(set(names(made))) == len(names(made))
    pairs = [(i, j, a, c) for i, j in ring(3) for a, c in (("XX", 0.5), ("YY", 0.5), ("ZZ", -1.0))]
    cases.close(qet.xxz(3, J=0.5, Delta=-2.0, periodic=True).matrix(), dense(3, pairs, []))
    pairs = [(i, j, a, c) for i, j in ring(4) for a, c in (("XX", -0.5), ("YY", -0.2))]
    cases.close(qet.xy(4, Jx=0.5, Jy=0.2, g=0.0, periodic=True).matrix(), dense(4, pairs, []))


def test_a_value_a_bond_of_a_ring_has_the_closing_one_last():
    J = [0.5, 0.6, 0.7, 0.8]
    pairs = [(i, j, "XX", -c) for (i, j), c in zip(ring(4), J, strict=True)]
    cases.close(qet.ising(4, J=qet.by_site(J), g=0.0, periodic=True).matrix(), dense(4, pairs, []))


def test_a_translated_ring_is_itself():
    """Sites moved by one: the matrix with its bits rotated."""
    n = 5
    H = qet.heisenberg(n, Jx=0.3, Jy=0.5, Jz=-0.7, hx=0.2, hz=0.4, periodic=True).matrix()
    states = np.arange(2**n)
    moved = (states >> 1) | ((states & 1) << (n - 1))
    cases.close(H[np.ix_(moved, moved)], H)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("kac", [False, True])
@pytest.mark.parametrize("periodic", [False, True])
def test_long_range_couplings_fall_off_as_a_power(alpha, kac, periodic):
    n, J = 5, (-0.7, 0.4, 1.1)
    distance = {(i, j): min(j - i, n - j + i) if periodic else j - i for i in range(n) for j in range(i + 1, n)}
    total = sum(r**-alpha for r in distance.values()) / (n - 1) if kac else 1.0
    pairs = [
        (i, j, 2 * a, c / (r**alpha * total)) for (i, j), r in distance.items() for a, c in zip(LETTERS, J, strict=True)
    ]
    fields = [(j, "Z", 0.3) for j in range(n)]
    made = qet.long_range(n, alpha=alpha, Jx=J[0], Jy=J[1], Jz=J[2], hz=0.3, kac=kac, periodic=periodic)
    cases.close(made.matrix(), dense(n, pairs, fields), 30.0)


@pytest.mark.parametrize("kac", [False, True])
def test_the_long_range_chain_of_a_steep_power_is_the_ising_chain(kac):
    """2^-60 of the next coupling is below rounding."""
    cases.close(qet.long_range(6, alpha=60.0, kac=kac).matrix(), qet.ising(6).matrix(), 10.0)


def test_kac_keeps_the_energy_a_site_of_all_to_all_couplings():
    """alpha = 0, no field, ferromagnet along X: every pair has -1/(n/2), so the energy is -(n - 1)."""
    for n in (3, 6):
        H = qet.long_range(n, alpha=0.0, hz=0.0, kac=True).matrix()
        np.testing.assert_allclose(np.linalg.eigvalsh(H)[0], -(n - 1), rtol=1e-13)


def test_exponents_are_an_axis_like_any_other():
    alpha = np.array([[0.5], [2.0]])
    many = qet.long_range(4, alpha=alpha, hz=np.array([-1.0, -0.5, 0.3]), kac=True)
    assert many.shape == (2, 3)
    cases.close(many.matrix()[1, 2], qet.long_range(4, alpha=2.0, hz=0.3, kac=True).matrix())


def test_a_star_is_its_formula_with_one_coupling_a_leaf():
    J, h = [0.5, -0.7, 0.9], [0.3, 1.0, 1.1, 1.2]
    pairs = [(0, j + 1, "XX", c) for j, c in enumerate(J)] + [(0, j, "ZZ", 0.4) for j in (1, 2, 3)]
    fields = [(j, "Z", c) for j, c in enumerate(h)]
    made = qet.star(4, Jx=qet.by_site(J), Jz=0.4, hz=qet.by_site(h))
    cases.close(made.matrix(), dense(4, pairs, fields))
    assert (made.A, made.B) == ((0,), (3,))
    H = qet.star(4, Jx=0.3, Jy=0.3, Jz=0.3, hz=0.0).matrix()
    total = sum(
        reference.string_matrix(f"{a}0", 4) @ sum(reference.string_matrix(f"{a}{j}", 4) for j in (1, 2, 3))
        for a in LETTERS
    )
    cases.close(H, 0.3 * total)


def test_bob_is_far_from_alice_unless_told_otherwise():
    assert [qet.ising(6, periodic=ring).B for ring in (False, True)] == [(5,), (3,)]
    assert [qet.long_range(6, alpha=1.0, periodic=ring).B for ring in (False, True)] == [(5,), (3,)]
    assert qet.ising(6, periodic=True, B=1).B == (1,)


def test_what_is_not_asked_for_leaves_recipe_and_model_as_they_were():
    plain, told = qet.ising(4), qet.ising(4, J2=0.0, periodic=False)
    assert plain.recipe == told.recipe
    assert "J2" not in plain.recipe
    assert "periodic" not in plain.recipe
    assert repr(plain) == "qet.ising(n=4, J=1.0, g=1.0, hx=0.0, A=0, B=3)"


@pytest.mark.parametrize(
    "model",
    [
        qet.ising(5, J2=-0.3, periodic=True),
        qet.xy(4, Jx2=0.2, Jy=0.5),
        qet.xxz(5, J2=np.array([0.1, 0.5]), Delta2=0.5),
        qet.heisenberg(3, hy=0.2, periodic=True),
        qet.long_range(4, alpha=np.array([0.5, 3.0]), kac=True),
        qet.star(4, Jx=qet.by_site([0.1, 0.2, 0.3])),
        qet.ising(4, g=qet.disorder(4, width=0.5, mean=1.0, seed=3)),
        qet.ising(4, g=qet.disorder(4, width=0.5, seed=3, kind="normal", samples=6)),
    ],
    ids=lambda model: model.made_by.word,
)
def test_a_model_is_made_again_from_its_recipe_and_its_text(model):
    assert qet.rerun(model.recipe) == model
    assert model == eval(repr(model), {"qet": qet})


def test_the_catalog_lists_every_model_with_its_formula():
    entries = {entry.name: entry for entry in catalog()}
    assert {"heisenberg", "long_range", "star"} <= entries.keys()
    for name in MODELS:
        assert "Σ" in entries[name].summary or name == "minimal", entries[name].summary
        assert "Example:" in inspect.getdoc(MODELS[name])


# -- disorder ------------------------------------------------------------------------------------


def test_disorder_repeats_with_its_seed_and_keeps_only_the_seed():
    one, again, other = (qet.disorder(50, width=0.5, mean=1.0, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert one.recipe == {"word": "disorder", "n": 50, "width": 0.5, "mean": 1.0, "seed": 1}
    assert one.values.min() >= 0.5
    assert one.values.max() <= 1.5


@pytest.mark.parametrize("kind, variance", [("uniform", 1 / 3), ("normal", 1.0)])
def test_disorder_has_the_mean_and_width_asked_for(kind, variance):
    """10^5 values: their mean and variance are within five standard errors."""
    values = qet.disorder(100, width=0.7, mean=-0.2, seed=5, kind=kind, samples=1000).values
    assert values.shape == (1000, 100)
    assert abs(values.mean() + 0.2) < 5 * 0.7 * np.sqrt(variance / values.size)
    assert abs(values.var() / (0.49 * variance) - 1.0) < 5 * np.sqrt(2 / values.size)


def test_widths_share_one_draw():
    values = qet.disorder(4, width=np.array([[0.0], [0.5], [1.0]]), mean=2.0, seed=5, samples=7).values
    assert values.shape == (3, 7, 4)
    np.testing.assert_array_equal(values[0], 2.0)
    np.testing.assert_allclose(values[1] - 2.0, (values[2] - 2.0) / 2, rtol=1e-13, atol=1e-15)


def test_samples_are_points_of_the_batch():
    g = qet.disorder(5, width=0.5, mean=1.0, seed=7, samples=3)
    run = qet.teleport(qet.ground(qet.ising(5, g=g)))
    one = qet.teleport(qet.ground(qet.ising(5, g=qet.by_site(g.values[1]))))
    assert run.shape == (3,)
    np.testing.assert_allclose(run.extracted[1], one.extracted, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: qet.ising(2, periodic=True), BadParties, "at least 3 sites; got n=2"),
        (lambda: qet.ising(4, J2=0.1, periodic=True), BadParties, "neighbors 2 apart needs at least 5"),
        (lambda: qet.ising(4, periodic=1), BadParameter, "True or False"),
        (lambda: qet.ising(4, J2=np.nan), BadParameter, "J2 must be finite"),
        (lambda: qet.ising(4, J2=qet.by_site([1.0, 2.0, 3.0])), ShapeMismatch, "J2 has 3 values.*2 are needed"),
        (lambda: qet.ising(4, J=qet.by_site([1.0, 2.0, 3.0]), periodic=True), ShapeMismatch, "4 are needed"),
        (lambda: qet.xxz(4, J=np.ones(2), Delta=np.ones(3)), ShapeMismatch, r"J \(2,\), Delta \(3,\)"),
        (lambda: qet.heisenberg(1), BadParties, "n=1"),
        (lambda: qet.long_range(4, alpha=-1.0), BadParameter, "alpha must be at least 0"),
        (lambda: qet.long_range(2, alpha=1.0, periodic=True), BadParties, "at least 3"),
        (lambda: qet.long_range(4, alpha=1.0, kac=2), BadParameter, "kac"),
        (lambda: qet.long_range(1, alpha=1.0), BadParties, "n=1"),
        (lambda: qet.star(1), BadParties, "n=1"),
        (lambda: qet.star(4, Jx=qet.by_site([1.0, 2.0])), ShapeMismatch, "3 are needed"),
        (lambda: qet.disorder(0, width=1.0, seed=1), BadParameter, "n of disorder"),
        (lambda: qet.disorder(4, width=1.0, seed=1.5), BadParameter, "seed of disorder"),
        (lambda: qet.disorder(4, width=1.0, seed=1, samples=0), BadParameter, "samples of disorder"),
        (lambda: qet.disorder(4, width=-1.0, seed=1), BadParameter, "width must be at least 0"),
        (lambda: qet.disorder(4, width=1.0, seed=1, kind="unifrom"), UnknownName, "did you mean 'uniform'"),
        (lambda: qet.disorder(4, width=np.ones(2), seed=1, samples=3), ShapeMismatch, r"width\[:, None\]"),
    ],
)
def test_a_lattice_that_makes_no_sense_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
