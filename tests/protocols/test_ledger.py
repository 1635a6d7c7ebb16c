"""The ledger: cells, classes, sums by name, the profile along the system, and what is ambiguous."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import close
from hypothesis import given

import qet
from qet.foundations.errors import AmbiguousEnergy, UnknownName

TERMS = {
    "a": {"Z0": 1.0},
    "ab": {"X0 X2": 0.4},
    "b": {"Z2": 0.8, "X2": 0.1},
    "bc": {"X2 X3": 0.7},
    "c": {"Z3": 0.5},
    "ad": {"Z0 Z1": -0.6},
}
CASE = cases.Case(TERMS, 4, 0, 2)


@pytest.fixture(scope="module")
def run():
    return qet.teleport(qet.state(CASE.model(), reference.random_state(np.random.default_rng(1), 16)))


def test_rows_are_the_terms_in_their_order_with_their_classes(run):
    assert run.ledger.rows == tuple(TERMS)
    assert run.ledger.classes == ("H_A", "V_AB", "H_B", "V_B", "rest", "V_A")
    assert run.ledger.meets_B == (False, True, True, True, False, False)
    assert run.ledger.stages == ("before", "measured", "delayed", "after")


def test_every_quantity_is_a_sum_over_named_cells(run):
    ledger = run.ledger
    close(ledger.change("H_A", "V_A", "V_AB", end="measured"), run.injected)
    close(ledger.drop("H_B", "V_B", "V_AB"), run.extracted)
    close(ledger.drop("b", "bc", "ab"), run.extracted)
    near_B = [row for row, meets in zip(ledger.rows, ledger.meets_B, strict=True) if meets]
    close(ledger.change(*near_B, end="delayed"), run.leak)
    close(ledger.drop("b", "b", "H_B"), ledger.drop("b"))  # a row counts once, however it is named
    close(ledger.drop(), sum(ledger.drop(row) for row in ledger.rows))
    close(ledger.change("c"), 0.0)


def test_a_drop_counts_bobs_operation_alone_and_not_the_delay(run):
    late = qet.teleport(run.state, delay=0.7).ledger
    assert np.all(np.abs(late.change("H_B", start="measured", end="delayed")) > 1e-3)
    for row, energies in zip(late.rows, late.energies, strict=True):
        close(late.drop(row), energies[2] - energies[3])
        close(late.change(row, start="measured", end="after"), energies[3] - energies[1])


def test_a_name_of_a_term_goes_before_the_name_of_a_class():
    model = qet.model({"V_AB": "Z1", "H_B": "0.5 X0 X1", "H_A": "Z0"})
    ledger = qet.teleport(qet.ground(model)).ledger
    assert ledger.classes == ("H_B", "V_AB", "H_A")
    close(ledger.drop("V_AB"), ledger.energies[0, 2] - ledger.energies[0, 3])


def test_the_energy_of_a_party_is_ambiguous(run):
    with pytest.raises(AmbiguousEnergy, match="ab, b, bc"):
        run.ledger.drop("B")


def test_unknown_rows_and_stages_are_refused_with_the_list(run):
    with pytest.raises(UnknownName, match="'H_C'.*Known: a, ab, b"):
        run.ledger.drop("H_C")
    with pytest.raises(UnknownName, match="did you mean 'before'"):
        run.ledger.change(start="befor")


@given(cases.models(), cases.SEEDS)
def test_profiles_add_up_and_a_sites_share_is_the_terms_divided_by_their_size(case, seed):
    rho = reference.random_state(np.random.default_rng(seed), 2**case.n)
    run = qet.teleport(qet.state(case.model(), rho), delay=0.7)
    by_term, by_site = qet.profile(run), qet.profile(run, by="site")
    assert by_term.labels == run.ledger.rows
    np.testing.assert_array_equal(by_term.energies, run.ledger.energies)
    close(by_site.energies.sum(0), run.ledger.energies.sum(0), case.norm)
    close(by_site.change().sum(), run.injected - run.extracted, case.norm)
    for site in range(case.n):
        share = sum(
            run.ledger.energies[i] / len(reference.support(case.terms[name]))
            for i, name in enumerate(run.ledger.rows)
            if site in reference.support(case.terms[name])
        )
        close(by_site.energies[site], share, case.norm)


def test_bob_changes_his_site_and_its_neighbors_alone():
    run = qet.teleport(qet.ground(qet.ising(6, A=0, B=3)))
    change = qet.profile(run, by="site").change("delayed", "after")
    close(change.sum(), -run.extracted)
    assert np.all(np.abs(change[[2, 3, 4]]) > 1e-4)
    close(change[[0, 1, 5]], 0.0)
    with pytest.raises(UnknownName, match="'bond'"):
        qet.profile(run, by="bond")


def test_ledgers_and_profiles_are_values(run):
    assert run.ledger == qet.teleport(run.state).ledger
    assert run.ledger != qet.teleport(run.state, measure="Z").ledger
    assert qet.profile(run) == qet.profile(run)
    assert hash(run.ledger) == hash(qet.teleport(run.state).ledger)


def test_the_table_shows_every_cell(run):
    text = str(run.ledger)
    lines = text.splitlines()
    assert len(lines) == len(TERMS) + 2
    for row, line, energies in zip(run.ledger.rows, lines[1:], run.ledger.energies, strict=False):
        assert line.split()[0] == row
        np.testing.assert_allclose([float(x) for x in line.split()[2:]], energies, atol=5e-7)
    np.testing.assert_allclose([float(x) for x in lines[-1].split()[1:]], run.ledger.energies.sum(0), atol=5e-7)
    assert run.ledger._repr_html_().count("<tr>") == len(TERMS) + 1


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_printed_ledger_shows_digits_in_any_unit(unit):
    ledger = qet.teleport(qet.ground(qet.minimal(h=unit, k=0.5 * unit))).ledger
    row = str(ledger).splitlines()[1].split()
    assert row[:2] == ["H_A", "H_A"]
    np.testing.assert_allclose([float(number) for number in row[2:]], ledger["H_A"], rtol=1e-4, atol=1e-9 * unit)
    assert f"{float(row[2]):.3e}" in f"{ledger['H_A'][0]:.3e}"
    assert row[2] in ledger._repr_html_()


def test_a_long_ledger_prints_what_meets_the_parties_and_the_sum_of_the_rest(monkeypatch):
    run = qet.teleport(qet.ground(qet.ising(8, A=0, B=4)))
    whole = str(run.ledger)
    monkeypatch.setattr("qet.protocols.ledger.MOST_ROWS", 10)
    short = str(run.ledger)
    assert len(short.splitlines()) == 8
    assert "10 others rest" in short
    assert "10 others" in run.ledger._repr_html_()
    assert whole.splitlines()[-1].split() == short.splitlines()[-1].split()  # the total
    monkeypatch.setattr("qet.physics.model.MOST_PRINTED", 10)
    assert "10 others" in run.state.model._repr_html_()
    assert r"\dots" in run.state.model._repr_latex_()
