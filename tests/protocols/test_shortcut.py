"""Closed forms are taken only where they hold, and give what dense matrices give."""

import numpy as np
import pytest

import qet
from qet.protocols import policies, shortcut

PAIR = qet.minimal(h=0.8, k=0.6, detuning=-0.3)
HOT, COLD = qet.bath(0, T=1.1, rate=0.2), qet.bath(1, T=0.3, rate=0.1)
LEADS = [qet.bath(site, T=T, rate=0.3, statistics="fermion") for site, T in ((0, 1.0), (1, 0.2))]

STATES = {
    "local": lambda: qet.steady(PAIR, [HOT, COLD], master="local"),
    "leads": lambda: qet.steady(PAIR, LEADS, master="leads"),
    "redfield": lambda: qet.steady(PAIR, [HOT, COLD]),
    "X noise": lambda: qet.steady(PAIR, [HOT, COLD, qet.jump("X", 0, 0.4)], master="local"),
    "coherent drive": lambda: qet.steady(PAIR, [qet.jump("0.8 X0 + 0.6 Z0", rate=0.4), qet.jump("-", 1, 0.3)]),
    "odd means": lambda: qet.steady(
        PAIR, [qet.jump([[0.3, 0.7], [0.2, -0.5]], 0, 0.6), qet.jump([[0.1, 0.2j], [0.9, 0.4]], 1, 0.5)]
    ),
    "depolarized": lambda: qet.depolarize(qet.steady(PAIR, [HOT, COLD], master="local"), 0.25),
}


@pytest.mark.parametrize("axis", ["X", "Y", (0.6, 0.0, 0.8)], ids=str)
@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("is_swapped", [False, True])
def test_closed_forms_equal_dense_matrices_in_steady_states(name, axis, is_swapped):
    state = STATES[name]()
    model = PAIR.swapped() if is_swapped else PAIR
    run = qet.teleport(qet.State(model, state.payload, state.solver, state.made_by), measure=axis)
    assert shortcut.extracted(run) is not None
    dense = policies.optimal_gain(run.patch, run.received, run.feedback).sum(-1)
    np.testing.assert_allclose(run.extracted, dense, atol=1e-14)
    alone = policies.optimal_gain(run.patch, run.average[None], run.feedback)[0]
    np.testing.assert_allclose(run.local, alone, atol=1e-14)
    ledger = run.ledger
    np.testing.assert_allclose(ledger.change(end="measured"), run.injected, atol=1e-14)
    np.testing.assert_allclose(ledger.drop(), run.extracted, atol=1e-14)


def test_a_state_with_odd_means_is_not_taken_for_an_even_one():
    state = STATES["odd means"]()
    assert any(len(string) == 1 and string[0][1] == "X" for string in state.payload.values)
    assert abs(qet.expect(state, "X1")) > 1e-3


@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize("message_error", [0.0, 0.2, 0.8])
def test_weak_and_noisy_closed_forms_equal_dense_matrices(strength, message_error):
    run = qet.teleport(STATES["local"](), measure=qet.measure("X", strength=strength), message_error=message_error)
    assert shortcut.extracted(run) is not None
    dense = policies.optimal_gain(run.patch, run.received, run.feedback).sum(-1)
    np.testing.assert_allclose(run.extracted, dense, atol=1e-14)


@pytest.mark.parametrize(
    "options",
    [
        {"feedback": qet.feedback("best", axis="Y")},
        {"delay": 0.3},
        {"feedback": "channel"},
        {"feedback": "ground"},
        {"message_error": [[0.9, 0.2], [0.1, 0.8]]},
    ],
    ids=["axis", "delay", "channel", "policy", "matrix"],
)
def test_other_protocols_take_the_dense_route(options):
    run = qet.teleport(qet.gibbs(PAIR, T=0.4), **options)
    assert shortcut.extracted(run) is None
    np.testing.assert_allclose(run.ledger.drop(), run.extracted, atol=1e-8 if "feedback" in options else 1e-13)


def test_a_steady_run_is_remade_from_its_recipe():
    for name in ("local", "leads", "redfield", "odd means"):
        run = qet.teleport(STATES[name]())
        again = qet.rerun(run.recipe)
        assert again == run
        assert again.id == run.id
        assert eval(repr(run), {"qet": qet}) == run
        np.testing.assert_array_equal(again.extracted, run.extracted)


def test_a_state_goes_out_to_qutip_and_comes_back():
    pytest.importorskip("qutip")
    state = STATES["redfield"]()
    out = state.to_qutip()
    assert out.dims == [[2, 2], [2, 2]]
    np.testing.assert_allclose(qet.state(PAIR, out).density_matrix, state.density_matrix, atol=1e-15)
    with pytest.raises(qet.errors.ShapeMismatch, match="one point"):
        qet.gibbs(PAIR, T=[0.1, 0.2]).to_qutip()
