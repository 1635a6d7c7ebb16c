"""The panels of the open pair against numbers derived elsewhere, to the digits they were printed with."""

from __future__ import annotations

import numpy as np
import pytest

from qet.protocols.teleport import teleport
from qet.studies.literature.yan2025.panels import (
    KAPPA,
    PANELS,
    open_pair,
    panel_a,
    panel_b,
    panel_c,
    panel_d,
    panel_e,
    panel_f,
    panel_g,
    panel_h,
)

W1, W2 = np.sqrt(5.0) - 1.0, np.sqrt(5.0) + 1.0  # normal modes at Δ = 0


def at(panel, label, x):
    """The curve's value at x, by linear interpolation."""
    [curve] = [curve for curve in panel.curves if curve.label == label]
    return float(np.interp(x, curve.x, curve.y))


def extracted(*args, **kwargs):
    return teleport(open_pair(*args, **kwargs)).extracted


def bohr_output(level, detuning):
    """Output of an eigenstate, sqrt(ε_B² + 4κ²) ± (ε_B Ω + 4κ²)/R or (4κ² - ε_B Δ)/r."""
    b = 1.0 - detuning / 2
    first = np.hypot(b, 2 * KAPPA)
    R, r = np.hypot(2.0, 2 * KAPPA), np.hypot(detuning, 2 * KAPPA)
    even, odd = (2 * b + 4 * KAPPA**2) / R, (4 * KAPPA**2 - b * detuning) / r
    return first + {"e−": -even, "o−": -odd, "o+": odd, "e+": even}[level]


# -- all panels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", PANELS, ids=lambda make: make.__name__)
def test_every_panel_says_what_it_is_and_holds_finite_curves(make):
    panel = make()
    assert panel.key == make.__name__[-1]
    assert panel.qualifiers.startswith("Reconstruction; the paper's parameters are not known.")
    assert len({curve.label for curve in panel.curves}) == len(panel.curves) > 2
    for curve in panel.curves:
        assert curve.x.shape == curve.y.shape
        assert np.all(np.diff(curve.x) > 0)
        assert np.all(np.isfinite(curve.y))
        assert curve.y.min() >= -1e-12


def test_the_panels_come_in_order():
    assert [make.__name__ for make in PANELS] == [f"panel_{key}" for key in "abcdefgh"]


def test_computing_a_panel_twice_gives_the_same_bits():
    for first, second in zip(panel_g().curves, panel_g().curves, strict=True):
        np.testing.assert_array_equal(first.y, second.y)


# -- (a) eigenstates -------------------------------------------------------------------------------


@pytest.mark.parametrize(("detuning", "output"), [(-1.0, 0.0139), (0.0, 0.0726), (1.0, 0.2236)])
def test_a_ground_state_gives_more_with_the_larger_gap_at_alice(detuning, output):
    assert at(panel_a(), "e−", detuning) == pytest.approx(output, abs=5e-5)


@pytest.mark.parametrize("level", ["e−", "o−", "o+", "e+"])
def test_a_every_eigenstate_follows_its_closed_form(level):
    [curve] = [curve for curve in panel_a().curves if curve.label == level]
    np.testing.assert_allclose(curve.y, bohr_output(level, curve.x), atol=1e-13)


def test_a_partners_of_one_parity_teleport_the_same():
    curves = {curve.label: curve.y for curve in panel_a().curves}
    np.testing.assert_allclose(curves["e+, teleported"], curves["e−, teleported"], atol=1e-13)
    np.testing.assert_allclose(curves["o+, teleported"], curves["o−, teleported"], atol=1e-13)


# -- (b) bosons at one temperature -----------------------------------------------------------------


@pytest.mark.parametrize(("T", "where", "height"), [(0.2, 1.37, 0.2497), (0.5, 1.00, 0.0897), (1.0, 0.87, 0.0167)])
def test_b_output_has_a_maximum_in_the_detuning(T, where, height):
    [curve] = [curve for curve in panel_b().curves if curve.label == f"T = {T:g}"]
    assert curve.y.max() == pytest.approx(height, abs=1e-4)
    assert curve.x[curve.y.argmax()] == pytest.approx(where, abs=0.02)


@pytest.mark.parametrize("T", [0.05, 0.2, 0.35, 0.5, 1.0])
def test_b_the_gibbs_state_is_the_steady_state_of_equal_bosonic_reservoirs(T):
    [curve] = [curve for curve in panel_b().curves if curve.label == f"T = {T:g}"]
    x = curve.x[20::60]
    for master in ("secular", "redfield"):
        steady = extracted((T, T), detuning=x, rates=(0.01, 0.03), master=master)
        np.testing.assert_allclose(steady, curve.y[20::60], atol=1e-11)


# -- (c), (d) fermions at one chemical potential ---------------------------------------------------


@pytest.mark.parametrize(("mu", "output"), [(0.4, 0.0726), (2.2, 0.4142), (4.2, 2.7559)])
def test_c_output_climbs_the_outputs_of_three_eigenstates(mu, output):
    assert at(panel_c(), "T = 0.05", mu) == pytest.approx(output, abs=5e-5)


def test_c_the_last_step_is_local():
    panel = panel_c()
    assert at(panel, "T = 0.05, teleported", 4.2) == pytest.approx(0.0726, abs=5e-5)
    run = teleport(open_pair((0.2, 0.2), mu=(4.0, 4.0), statistics="fermion"))
    assert run.extracted == pytest.approx(2.662, abs=5e-4)
    assert run.local == pytest.approx(2.583, abs=5e-4)
    assert at(panel, "T = 0.2, teleported", 4.0) == pytest.approx(0.079, abs=5e-4)


def test_c_two_occupied_states_can_cancel():
    """μ = 1.075, T = 0.2: p = (0.691, 0.309, 0, 0), and neither state's output survives."""
    assert extracted((0.2, 0.2), mu=(1.075, 1.075), statistics="fermion") == pytest.approx(1.7e-8, rel=0.02)


@pytest.mark.parametrize(("T", "words"), [(0.2, ""), (0.5, ", T = 0.5")])
def test_d_populations_fill_the_two_modes_independently(T, words):
    """p = exp[-(E - μN)/T]/Z with N = 0, 1, 1, 2: a product of two Fermi functions."""
    curves = {curve.label: curve for curve in panel_d().curves}
    mu = curves["e−"].x
    f1, f2 = (1.0 / (np.exp((w - mu) / T) + 1.0) for w in (W1, W2))
    expected = {"e−": (1 - f1) * (1 - f2), "o−": f1 * (1 - f2), "o+": (1 - f1) * f2, "e+": f1 * f2}
    for level, values in expected.items():
        np.testing.assert_allclose(curves[level + words].y, values, atol=1e-9)


# -- (e), (f) two temperatures ---------------------------------------------------------------------


@pytest.mark.parametrize(("T", "output"), [((1.0, 0.2), 0.0863), ((0.2, 1.0), 0.0235), ((0.6, 0.6), 0.0567)])
def test_e_the_hot_bath_belongs_on_the_larger_gap(T, output):
    assert extracted(T, detuning=0.6) == pytest.approx(output, abs=5e-5)


def test_e_and_f_share_the_curve_of_equal_rates():
    [first] = [curve for curve in panel_e().curves if curve.label == "Δ = 0.6"]
    [second] = [curve for curve in panel_f().curves if curve.label == "γ_A/γ_B = 1"]
    np.testing.assert_allclose(first.y, second.y, atol=1e-12)
    np.testing.assert_array_equal(first.y, extracted((0.5 + first.x / 2, 0.5 - first.x / 2), detuning=0.6))


def test_e_without_detuning_the_sign_of_the_bias_is_nothing():
    [curve] = [curve for curve in panel_e().curves if curve.label == "Δ = 0"]
    np.testing.assert_allclose(curve.y, curve.y[::-1], atol=1e-11)


def test_e_exchange_and_dipole_coupling_differ_with_detuning():
    assert extracted((1.0, 0.2), detuning=0.6, coupling="dipole") != pytest.approx(0.0863, abs=5e-3)
    assert extracted((1.0, 0.2), coupling="dipole") == pytest.approx(extracted((1.0, 0.2)), abs=1e-11)


@pytest.mark.parametrize(("rates", "output"), [((1.0, 5.0), 0.1286), ((1.0, 1.0), 0.0863), ((5.0, 1.0), 0.0376)])
def test_f_being_closer_to_the_cold_bath_helps(rates, output):
    for scale in (1e-4, 1e-2):
        found = extracted((1.0, 0.2), detuning=0.6, rates=(scale * rates[0], scale * rates[1]))
        assert found == pytest.approx(output, abs=5e-5)


@pytest.mark.parametrize("ratio", [1.0, 5.0, 0.2])
def test_f_each_curve_has_the_ratio_it_is_labelled_with(ratio):
    [curve] = [curve for curve in panel_f().curves if curve.label == f"γ_A/γ_B = {ratio:g}"]
    T = (0.5 + curve.x / 2, 0.5 - curve.x / 2)
    np.testing.assert_allclose(curve.y, extracted(T, detuning=0.6, rates=(0.02 * ratio, 0.02)), atol=1e-12)


# -- (g) two chemical potentials -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "outputs"),
    [(0.0, (0.0717, 0.0672, 0.0292, 0.0063)), (2.0, (0.3909, 0.3038, 0.0812)), (1.0, (0.0045, 0.0083, 0.0289, 0.0311))],
)
def test_g_a_bias_lowers_a_plateau_and_raises_a_crossing(mean, outputs):
    bias = np.arange(len(outputs))
    for sign in (1, -1):
        mu = (mean + sign * bias / 2, mean - sign * bias / 2)
        np.testing.assert_allclose(extracted((0.2, 0.2), mu=mu, statistics="fermion"), outputs, atol=5e-5)


def test_g_with_detuning_one_sign_of_the_bias_wins():
    panel = panel_g()
    assert at(panel, "Δ = 0.6", -1.0) == pytest.approx(0.2226, abs=5e-5)
    assert at(panel, "Δ = 0.6", 0.0) == pytest.approx(0.0086, abs=5e-5)
    assert at(panel, "Δ = 0", 2.0) == pytest.approx(0.0289, abs=5e-5)


# -- (h) theories against the rate -----------------------------------------------------------------


def test_h_local_equation_ends_at_bobs_lone_qubit():
    """γ -> ∞: (sqrt(ε_B² + 4κ²) - ε_B) tanh(ε_B/T_B); at T = 0.5 it rises from 0.0626 to 0.3993."""
    expected = (np.sqrt(2.0) - 1.0) * np.tanh(1.0 / 0.2)
    assert panel_h().curves[0].y[-1] == pytest.approx(expected, rel=2e-3)
    low, high = extracted((0.5, 0.5), rates=(np.array([1e-5, 1e4]),) * 2, master="local")
    assert low == pytest.approx(0.0626, abs=5e-5)
    assert high == pytest.approx(0.3993, abs=5e-5)


def test_h_exact_and_redfield_meet_the_secular_limit_at_small_rates():
    curves = {curve.label: curve for curve in panel_h().curves}
    secular = extracted((1.0, 0.2), statistics="fermion", full_band=True)
    assert curves["Redfield"].y[0] == pytest.approx(secular, abs=1e-7)
    assert curves["exact leads"].y[0] == pytest.approx(secular, abs=1e-4)
    drude = extracted((1.0, 0.2), coupling="dipole", spectrum=("drude", 5.0))
    assert curves["Redfield, Drude"].y[0] == pytest.approx(drude, abs=1e-6)
    assert curves["Redfield, Drude, with Lamb shift"].y[0] == pytest.approx(drude, abs=1e-4)


def test_h_redfield_misses_the_first_order_that_the_exact_leads_show():
    """dE_B/dγ at equilibrium, μ = 0: -0.0435 at T = 0.1 and -0.0360 at T = 0.5; Redfield gives zero."""
    rates = (np.array([1e-4, 2e-4]),) * 2
    for T, slope in ((0.1, -0.0435), (0.5, -0.0360)):
        exact = extracted((T, T), rates=rates, statistics="fermion", master="leads", full_band=True)
        assert (exact[1] - exact[0]) / 1e-4 == pytest.approx(slope, abs=1e-4)
        redfield = extracted((T, T), rates=rates, statistics="fermion", master="redfield")
        assert abs(redfield[1] - redfield[0]) < 1e-10


def test_h_only_the_lamb_shift_brings_a_first_order_into_redfield():
    curves = {curve.label: curve.y for curve in panel_h().curves}
    without, shifted = (curves[f"Redfield, Drude{words}"] for words in ("", ", with Lamb shift"))
    assert abs(without[-1] / without[0] - 1.0) < 0.01 < 0.1 < abs(shifted[-1] / shifted[0] - 1.0)


def test_h_bobs_rate_alone_gives_the_exact_output_a_bump_and_the_common_rate_none():
    curves = {curve.label: curve.y for curve in panel_h().curves}
    assert np.all(np.diff(curves["exact leads"]) < 0.0)
    alone = curves["exact leads, only γ_B varied"]
    top = alone.argmax()
    assert 0 < top < alone.size - 1
    assert alone[top] > 2.0 * max(alone[0], alone[-1])
