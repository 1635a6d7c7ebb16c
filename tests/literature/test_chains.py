"""Decay laws and phases: the formula of the infinite chain against matrices, panels and verdicts as the page says."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import qet
from qet.foundations.errors import BadParties
from qet.studies.claims import claims_table
from qet.studies.literature import literature
from qet.studies.literature.chains import claims, panels
from qet.studies.literature.chains.infinite import C_Y, infinite_output, thermal_rate
from qet.studies.literature.chains.scans import along, driven, equilibrium, spread
from qet.studies.phases import half_chain_entropy, phase_point

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
EXPECTED = {
    "K-crit": {"E_B": "holds"},
    "K-off": {"E_B": "holds"},
    "K-heat": {"E_B": "holds"},
    "K-ends": {"E_B": "needs rewording"},
    "K-third": {"E_B": "holds"},
    "K-drive": {"teleported": "holds", "local": "holds"},
    "P-ising": {"E_B": "holds in a regime"},
    "P-blind": {"E_B": "fails"},
}


@cache
def table():
    return claims_table("chains")


@pytest.mark.parametrize("g, J, T", [(1.25, 1.0, 0.0), (2.0, 1.0, 0.5), (0.5, 0.5, 0.3), (0.4, 0.5, 0.2)])
def test_the_formula_of_the_infinite_chain_is_the_middle_of_a_long_one(g, J, T):
    """Free fermions, 200 sites; the gap or the heat makes the ends invisible, to rounding of the long chain."""
    state = qet.gibbs(qet.ising(200, g=g, J=J), T=T)
    for d in (1, 2, 5):
        run = qet.teleport(state.between(90, 90 + d), measure="Y")
        assert run.extracted == pytest.approx(infinite_output([d], J, g, T)[0], rel=1e-7, abs=1e-13)


def test_the_critical_formula_is_the_limit_of_the_gapped_one():
    near = (infinite_output([1, 3], g=0.99) + infinite_output([1, 3], g=1.01)) / 2
    np.testing.assert_allclose(infinite_output([1, 3], g=1.0), near, rtol=0.02)
    assert infinite_output([200])[0] * 200**4.5 == pytest.approx(C_Y, rel=1e-4)


@pytest.mark.parametrize("T, n", [(0.05, 60), (0.5, 12), (3.0, 5)])
def test_the_thermal_rate_is_its_integral_and_the_formula_falls_at_it(T, n):
    """The rate between n and n + 1 tends to it as e^(-4 asinh(πT/2))^n or faster: here to a percent."""
    integral = quad(lambda k: -np.log(np.tanh(2 * np.cos(k / 2) / T)), 0, np.pi, points=[np.pi])[0]
    assert thermal_rate(T) == pytest.approx(2 / np.pi * integral + 4 * np.arcsinh(np.pi * T / 2), rel=1e-9)
    far = infinite_output([n, n + 1], T=T)
    assert np.log(far[0] / far[1]) == pytest.approx(thermal_rate(T), rel=0.01)


def test_scans_keep_what_is_resolved():
    """Y gives energy at every distance, however little; Z gives none."""
    state = equilibrium(60, 1.5)
    x, data = along(state, [2, 3, 20])
    assert data.resolved.all()
    assert data.d.values.tolist() == x.tolist() == [2, 3, 20]
    nothing, none = along(state, [2, 3, 20], measure="Z")
    assert nothing.size == none.d.size == 0
    assert spread(1, 10, 4) == [1, 2, 5, 10]


def test_a_driven_scan_is_the_dense_steady_state():
    """Five sites, to rounding of the small chain."""
    state = driven(5, 0.75, 0.25, 0.5)
    dense = qet.steady(state.model, state.surroundings, solver="dense")
    for B in (1, 3):
        one, other = (qet.teleport(s.between(0, B)) for s in (state, dense))
        assert one.extracted == pytest.approx(other.extracted, rel=1e-9, abs=1e-13)


def test_the_entropy_of_half_a_chain_is_that_of_its_schmidt_numbers():
    state = qet.ground(qet.xxz(6, Delta=0.5, hz=0.1))
    psi = np.linalg.eigh(state.density_matrix)[1][:, -1]
    p = np.linalg.svd(psi.reshape(8, 8))[1] ** 2
    assert half_chain_entropy(state) == pytest.approx(-np.sum(p[p > 1e-14] * np.log(p[p > 1e-14])), rel=1e-10)


def test_a_point_of_a_phase_map_is_a_run_about_the_middle():
    model = qet.ising(7, g=np.array([0.8, 1.3]))
    found = phase_point(model, apart=3, measure="Y")
    run = qet.teleport(qet.ground(model).between(1, 4), measure="Y")
    np.testing.assert_allclose(found["extracted"], run.extracted, rtol=1e-12)
    assert found["entropy"].shape == (2,)
    with pytest.raises(BadParties, match="7 apart do not fit into 7"):
        phase_point(model, apart=7)


def test_without_a_field_one_spin_parties_hear_nothing():
    assert np.abs(phase_point(qet.xxz(6, Delta=np.array([-0.5, 1.0, 2.0])))["extracted"]).max() < 1e-13
    assert phase_point(qet.xxz(6, Delta=0.5, hz=0.5))["extracted"] > 1e-4


@pytest.mark.parametrize(
    "make",
    [
        lambda: panels.panel_a(120),
        pytest.param(panels.panel_b, marks=pytest.mark.slow),
        lambda: panels.panel_c(100),
        lambda: panels.panel_d(40),
        panels.panel_e,
        lambda: panels.panel_f(6),
    ],
    ids="abcdef",
)
def test_every_panel_has_curves_of_finite_numbers(make):
    panel = make()
    assert len(panel.curves) >= 3
    for curve in panel.curves:
        assert curve.x.shape == curve.y.shape, curve.label
        assert curve.x.size > 0 or curve.style == "points", curve.label
        share = np.isfinite(curve.y).mean() if curve.y.size else 1.0
        assert share > 0.6, curve.label  # ordered phases are left out where the ground state is not unique
    assert panel.qualifiers


@pytest.mark.slow
def test_verdicts_are_the_expected_ones():
    assert {claim.key: claim.verdicts for claim in table().rows} == EXPECTED


@pytest.mark.parametrize("make", [claims.critical, claims.off_critical, claims.heat, claims.blind_detector])
def test_quick_verdicts_are_the_expected_ones(make):
    claim = make()
    assert claim.verdicts == EXPECTED[claim.key]


def test_the_page_names_every_claim_with_its_verdict():
    rows = dict(re.findall(r"^\| (\S+) \|.*\| ([a-z ,]+) \|$", PAGE.read_text(), flags=re.MULTILINE))
    assert {key: set(text.split(", ")) for key, text in rows.items() if key in EXPECTED} == {
        key: set(verdicts.values()) for key, verdicts in EXPECTED.items()
    }


def test_the_entry_is_known_by_name():
    entry = literature("chains")
    assert entry.name == "chains"
    assert [panel.__name__[-1] for panel in entry.panels] == list("abcdef")
