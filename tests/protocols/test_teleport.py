"""The protocol against the slow reference: every quantity and every option."""

from __future__ import annotations

from functools import partial

import cases
import numpy as np
import reference
from cases import close
from hypothesis import assume, given
from hypothesis import strategies as st

import qet

NUMBERS = ("injected", "extracted", "local", "local_before", "teleported", "leak", "net_work")


def agree(run, ask, scale=1.0, tolerance=1e-12):
    """Every number of a run equals the reference's; `ask(**changes)` asks the reference.

    Work and ledger are those of the operations the run chose: where nothing or little can be
    gained several operations are equally good, and only the gain is unique.
    """
    answer = ask()
    for name in NUMBERS:
        np.testing.assert_allclose(
            getattr(run, name), getattr(answer, name), rtol=0, atol=tolerance * max(1.0, scale), err_msg=name
        )
    close(run.probabilities, answer.probabilities)
    chosen = ask(feedback=list(run.operations))
    close(chosen.extracted, answer.extracted, scale, tolerance)
    for row, energies in zip(run.ledger.rows, run.ledger.energies, strict=True):
        close(energies, chosen.ledger[row], scale)
    p = np.array(run.work.probabilities)
    close(p * run.work.mean, p * np.nan_to_num(chosen.work_mean), scale)
    is_likely = p > 1e-3  # elsewhere the conditional moments are divided by a p with few digits
    close(run.work.variance[is_likely], np.array(chosen.work_variance)[is_likely], 1e3 * scale**2)


@given(cases.models(), cases.DIRECTIONS, st.integers(0, 10).map(lambda i: i / 10), cases.SEEDS)
def test_any_state_any_direction_any_strength(case, direction, strength, seed):
    rho = reference.random_state(np.random.default_rng(seed), 2**case.n)
    run = qet.teleport(qet.state(case.model(), rho), measure=qet.measure(direction, strength=strength))
    M = reference.direction_kraus(direction, strength)
    agree(run, partial(case.teleport, rho, kraus=M), case.norm)
    for U in run.operations:
        assert U.shape == (2, 2)
        np.testing.assert_allclose(U.conj().T @ U, np.eye(2), atol=1e-13)


@given(cases.models(), cases.SEEDS, st.sampled_from("XYZ"))
def test_pure_states_of_low_rank_and_gibbs_states(case, seed, axis):
    rng = np.random.default_rng(seed)
    for rho in (reference.random_state(rng, 2**case.n, rank=1), reference.gibbs(case.H, T=0.3 + rng.random())):
        run = qet.teleport(qet.state(case.model(), rho), measure=axis)
        agree(run, partial(case.teleport, rho, kraus=reference.direction_kraus(axis)), case.norm)


@given(cases.models(), cases.SEEDS, st.sampled_from([0.1, 1.0, 3.7]))
def test_a_delay_evolves_every_branch_with_the_whole_hamiltonian(case, seed, delay):
    rho = reference.random_state(np.random.default_rng(seed), 2**case.n)
    agree(qet.teleport(qet.state(case.model(), rho), delay=delay), partial(case.teleport, rho, delay=delay), case.norm)


@given(cases.models(), cases.SEEDS, st.integers(0, 10).map(lambda i: i / 10), st.sampled_from([0.0, 0.8]))
def test_a_noisy_message_mixes_the_branches(case, seed, q, delay):
    rho = reference.random_state(np.random.default_rng(seed), 2**case.n)
    run = qet.teleport(qet.state(case.model(), rho), message_error=q, delay=delay)
    agree(run, partial(case.teleport, rho, message=reference.uniform_error(q, 2), delay=delay), case.norm)


@given(cases.models(), cases.SEEDS)
def test_any_stochastic_message_with_any_number_of_symbols(case, seed):
    rng = np.random.default_rng(seed)
    rho = reference.random_state(rng, 2**case.n)
    P = rng.random((3, 2))
    P = P / P.sum(0)
    run = qet.teleport(qet.state(case.model(), rho), message_error=P)
    agree(run, partial(case.teleport, rho, message=P), case.norm)
    assert run.operations.shape[0] == 3


@given(cases.models(), cases.SEEDS, cases.DIRECTIONS)
def test_rotations_about_one_axis(case, seed, axis):
    rho = reference.random_state(np.random.default_rng(seed), 2**case.n)
    run = qet.teleport(qet.state(case.model(), rho), feedback=qet.feedback("best", axis=axis))
    agree(run, partial(case.teleport, rho, axis=axis), case.norm)
    for U in run.operations:  # exp(-iθ n·σ) commutes with n·σ
        np.testing.assert_allclose(U @ reference.spin(axis), reference.spin(axis) @ U, atol=1e-12)


@given(cases.models(), cases.SEEDS, st.sampled_from(["ground", "dominant"]), st.sampled_from([0.0, 0.7]))
def test_borrowed_policies_use_the_operations_of_an_eigenstate(case, seed, policy, delay):
    cases.unique_ground_state(case)
    if policy == "dominant":
        assume(np.diff(np.linalg.eigvalsh(case.H)).min() > 1e-3)
    rng = np.random.default_rng(seed)
    rho = reference.random_state(rng, 2**case.n)
    run = qet.teleport(qet.state(case.model(), rho), feedback=policy, delay=delay)
    guess = reference.policy_state(case.H, rho, policy)
    imagined = case.teleport(guess, delay=delay)
    # where the imagined state has no unique best operation, the policy has no unique number
    for s in imagined.branches:
        assume(is_unique(case, s))
    # an operation is known to sqrt(rounding/curvature), which enters away from its own optimum at first order
    agree(
        run,
        lambda **changes: case.teleport(rho, **{"feedback": policy, "delay": delay, **changes}),
        case.norm,
        tolerance=1e-11,
    )


def is_unique(case, s):
    """Whether the best operation on a branch is unique: Davenport's lowest eigenvalue is isolated."""
    B = [
        reference.on_sites(m, [case.B], case.n)
        for m in (reference.PAULI["I"], *(-1j * reference.PAULI[a] for a in "XYZ"))
    ]
    G = np.array([[np.trace(b.conj().T @ case.H @ a @ s).real for a in B] for b in B])
    values = np.linalg.eigvalsh((G + G.T) / 2)
    return values[1] - values[0] > 1e-3


@given(cases.models(n_sites=(3,)), cases.SEEDS, st.sampled_from([0.0, 0.9]))
def test_two_site_parties_with_given_operations(case, seed, delay):
    rng = np.random.default_rng(seed)
    rho = reference.random_state(rng, 8)
    alone = case.A
    pair = [site for site in (2, 0, 1) if site != alone]  # not in ascending order
    terms = {name: cases.text(term) for name, term in case.terms.items()}
    # Bob holds two sites
    U = [reference.random_unitary(rng, 4) for _ in range(2)]
    model = qet.model(terms, A=alone, B=tuple(pair), n_sites=3)
    run = qet.teleport(qet.state(model, rho), feedback=qet.feedback(unitaries=U), delay=delay)
    answer = reference.teleport(case.terms, 3, [alone], pair, rho, feedback=U, delay=delay)
    for name in ("injected", "extracted", "leak", "net_work"):
        close(getattr(run, name), getattr(answer, name), case.norm)
    # Alice holds two sites: four joint outcomes, the last site fastest
    model = qet.model(terms, A=tuple(pair), B=alone, n_sites=3)
    kraus = reference.product_kraus((1.0, 0.0, 2.0), 2, 0.7)
    run = qet.teleport(qet.state(model, rho), measure=qet.measure((1, 0, 2), strength=0.7), delay=delay)
    agree(run, partial(reference.teleport, case.terms, 3, pair, [alone], rho, kraus=kraus, delay=delay), case.norm)
    assert run.probabilities.shape == (4,)


@given(cases.models(), cases.SEEDS)
def test_given_angles_unitaries_and_kraus_operators_of_one_operation_agree(case, seed):
    rng = np.random.default_rng(seed)
    rho = reference.random_state(rng, 2**case.n)
    state = qet.state(case.model(), rho)
    angle, axis = float(rng.normal()), tuple(rng.normal(size=3))
    U = [reference.rotation(axis, angle), reference.rotation(axis, -angle)]
    answer = case.teleport(rho, feedback=U)
    ask = partial(case.teleport, rho)
    for rule in (
        qet.feedback(angle=angle, axis=axis),
        qet.feedback(angles=[angle, -angle], axis=axis),
        qet.feedback(unitaries=U),
    ):
        agree(qet.teleport(state, feedback=rule), lambda **changes: ask(**{"feedback": U, **changes}), case.norm)
    as_channel = qet.teleport(state, feedback=qet.feedback(kraus=[[0.6 * U[0], 0.8j * U[0]], [U[1]]]))
    close(as_channel.extracted, answer.extracted, case.norm)


@given(cases.models(), cases.SEEDS)
def test_kraus_operators_of_both_parties(case, seed):
    rng = np.random.default_rng(seed)
    rho = reference.random_state(rng, 2**case.n)
    tall = reference.random_unitary(rng, 6)[:, :2]
    M = [tall[0:2], tall[2:4], tall[4:6]]
    tall = reference.random_unitary(rng, 4)[:, :2]
    channel = [tall[0:2], tall[2:4]]
    run = qet.teleport(
        qet.state(case.model(), rho),
        measure=qet.measure(kraus=M),
        feedback=qet.feedback(kraus=[channel, [np.eye(2)], channel]),
    )
    answer = case.teleport(rho, kraus=M)
    close(run.injected, answer.injected, case.norm)
    close(run.probabilities, answer.probabilities)
    drop = 0.0
    for k in (0, 2):
        s = answer.branches[k]
        wide = [reference.on_sites(K, [case.B], case.n) for K in channel]
        drop += np.trace(case.H @ (s - sum(K @ s @ K.conj().T for K in wide))).real
    close(run.extracted, drop, case.norm)
    close(
        qet.teleport(qet.state(case.model(), rho), measure=qet.measure(kraus=M)).extracted, answer.extracted, case.norm
    )


def test_an_observable_across_two_sites_of_alice():
    rng = np.random.default_rng(3)
    terms = {"a": {"Z0": 1.0, "Z1": 0.7}, "b": {"Z2": 1.1}, "ab": {"X0 X1": 0.4, "X1 X2": -0.8, "Z0 Z2": 0.3}}
    rho = reference.random_state(rng, 8)
    model = qet.model({name: cases.text(term) for name, term in terms.items()}, A=(0, 1), B=2)
    run = qet.teleport(qet.state(model, rho), measure=qet.measure(observable="X0 X1"))
    XX = reference.string_matrix("X0 X1", 2)
    M = [(np.eye(4) + XX) / 2, (np.eye(4) - XX) / 2]
    agree(run, partial(reference.teleport, terms, 3, [0, 1], [2], rho, kraus=M))
    assert qet.teleport(qet.state(model, rho), measure="X0 X1").extracted == run.extracted


@given(cases.models(), cases.SEEDS)
def test_the_two_ways_of_the_reference_find_the_same_optimum(case, seed):
    """The descent over SU(2) and Davenport's eigenproblem: the reference stands on two legs."""
    rho = reference.random_state(np.random.default_rng(seed), 2**case.n)
    for s in case.teleport(rho).branches:
        descent, U = reference.best_by_descent(case.H, s, case.B, case.n, starts=3)
        davenport, W = reference.best_by_davenport(case.H, s, case.B, case.n)
        close(descent, davenport, case.norm)
        for gain, operation in ((descent, U), (davenport, W)):
            close(reference.drop(case.H, s, reference.on_sites(operation, [case.B], case.n)), gain, case.norm)


def test_best_reaches_what_it_promises_and_is_certified():
    rho = reference.random_state(np.random.default_rng(5), 4)
    run = qet.teleport(qet.state(qet.minimal(h=1.0, k=0.7, detuning=0.3), rho))
    again = qet.teleport(run.state, feedback=qet.feedback(unitaries=run.operations))
    close(again.extracted, run.extracted)
    assert run.certificate.is_certified
    close(run.certificate.value, run.extracted)
    worse = qet.teleport(run.state, feedback=qet.feedback(angle=0.3))
    assert not worse.certificate.is_certified
    close(worse.certificate.gap, run.extracted - worse.extracted)
