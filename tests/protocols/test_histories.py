"""A delay followed by the representation (`History`) gives what density matrices on all sites give."""

from __future__ import annotations

import numpy as np
import pytest

import qet
from qet.protocols import run as runs
from qet.solvers.questions import means_after

CASES = [
    {"measure": qet.measure("Y", strength=0.7), "feedback": "best", "message_error": 0.2},
    {"measure": (0.3, -0.4, 0.8), "feedback": "channel", "target": "X0 X1 + 0.3 Z3"},
    {"measure": "X", "feedback": "best", "message_error": ("lost", 0.3)},
    {"measure": "Z", "feedback": qet.feedback(angle=0.3, axis="X"), "message_error": 0.1},
]


def _run(seed: int, case: dict) -> qet.Run:
    rng = np.random.default_rng(seed)
    model = qet.ising(5, J=rng.normal(size=3), g=rng.normal(), hx=rng.normal(), A=1, B=3)
    return qet.teleport(qet.gibbs(model, T=0.3), delay=np.array([[0.0], [1.3]]), **case)


@pytest.mark.parametrize("seed, case", list(enumerate(CASES)))
def test_histories_agree_with_matrices_on_all_sites(monkeypatch, seed, case):
    def numbers() -> list[np.ndarray]:
        run = _run(seed, case)
        found = (run.injected, run.extracted, run.local, run.leak, run.probabilities, run.ledger.energies)
        return [np.asarray(value) for value in found]

    written = numbers()
    monkeypatch.setattr(runs, "WRITTEN_OUT", 0)
    assert not _run(seed, case).is_written_out
    for one, other in zip(numbers(), written, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize("seed, case", list(enumerate(CASES)))
def test_what_follows_begins_at_the_end_of_the_ledger_and_keeps_the_energy(seed, case):
    run = _run(seed, case)
    terms = tuple(term.operator for term in run.state.model.terms)
    means = means_after(run.state.payload, run.history, terms, np.array([0.0, 0.7, 4.0]))
    np.testing.assert_allclose(means[..., 0, :], run.ledger.energies[..., : len(terms), 3], atol=1e-12)
    np.testing.assert_allclose(means[..., 1:, :].sum(-1), means[..., :1, :].sum(-1) * np.ones(2), atol=1e-12)
    assert np.abs(means[..., 1, :] - means[..., 0, :]).max() > 1e-3


def test_matrices_on_all_sites_are_not_offered_behind_a_history(monkeypatch):
    monkeypatch.setattr(runs, "WRITTEN_OUT", 0)
    run = _run(0, CASES[0])
    with pytest.raises(qet.errors.NotOffered, match="through the delay"):
        run.evolved(run.patch.rho[..., None, :, :])


def test_other_parties_share_one_state():
    state = qet.gibbs(qet.ising(5, J=0.7), T=0.4)
    for A, B in ((0, 2), (4, 1), ((0, 1), 3)):
        again = qet.gibbs(qet.ising(5, J=0.7, A=A, B=B), T=0.4)
        moved = state.between(A, B)
        assert moved.payload is state.payload
        assert qet.rerun(moved.recipe) == moved
        assert qet.teleport(moved).extracted == pytest.approx(qet.teleport(again).extracted, abs=1e-15)
    assert eval(repr(state.between(0, 2)), {"qet": qet}) == state.between(0, 2)
    assert eval(repr(state.model.between(0, 2)), {"qet": qet}) == state.model.between(0, 2)
    with pytest.raises(qet.errors.BadParties, match="share site 2"):
        state.between(2, 2)


@pytest.mark.parametrize("n, delay", [(9, 0.5), (40, 0.0), (40, 0.5)])
def test_questions_about_the_whole_of_a_long_chain_are_answered_or_refused_by_name(n, delay):
    state = qet.ground(qet.ising(n, A=1, B=4), solver="fermions")
    run = qet.teleport(state, delay=delay)
    rows = {row.name: row for row in qet.bounds(run)}
    assert rows["best unital"].holds
    assert bool(rows["passive state"].applies) == (delay == 0.0)  # ground states are passive, of any length
    assert not rows["natural evolution"].applies
    refusals = (qet.errors.NotOffered, qet.errors.TooLarge)
    with pytest.raises(refusals, match=f"{n} sites"):
        str(qet.demon(run))
    with pytest.raises(refusals, match=f"\\^{n} levels"):
        _ = qet.work_statistics(run).net
    with pytest.raises(refusals, match=f"{n} sites"):
        str(qet.ergotropy(state))


def test_a_state_between_other_parties_keeps_its_temperature():
    state = qet.gibbs(qet.ising(5, hx=0.2), T=0.4)
    moved, made = (
        qet.bounds(qet.teleport(state.between(1, 4))),
        qet.bounds(qet.teleport(qet.gibbs(qet.ising(5, hx=0.2, A=1, B=4), T=0.4))),
    )
    for one, other in zip(moved, made, strict=True):
        np.testing.assert_allclose(one.value, other.value, atol=1e-12)
        assert one.applies == other.applies
