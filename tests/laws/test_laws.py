"""Laws of teleported energy, on random models of two and three qubits and every sign."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import close
from hypothesis import assume, given
from hypothesis import strategies as st

import qet

NUMBERS = ("injected", "extracted", "local", "local_before", "teleported", "leak", "net_work")
TENTHS = st.integers(0, 10).map(lambda i: i / 10)


def random_state_of(case, seed, rank=None):
    return reference.random_state(np.random.default_rng(seed), 2**case.n, rank)


# ---------------------------------------------------------------- what the message is worth


@given(cases.models_alice_commutes_at_Bob(), TENTHS)
def test_a_ground_state_yields_nothing_without_the_message(case, strength):
    """Where Alice commutes with every term that meets Bob, one operation for all outcomes gains nothing."""
    rho = cases.unique_ground_state(case)
    run = qet.teleport(qet.state(case.model(), rho), measure=qet.measure("X", strength=strength))
    close(run.local, 0.0, case.norm)
    close(run.local_before, 0.0, case.norm)
    close(run.leak, 0.0, case.norm)
    close(run.teleported, run.extracted, case.norm)
    close(qet.teleport(qet.ground(case.model())).local, 0.0, case.norm)


@given(cases.models_alice_commutes_at_Bob(), st.sampled_from([0.0, 0.1, 1.0, 10.0]))
def test_a_thermal_state_yields_nothing_without_the_message(case, T):
    cases.unique_ground_state(case)
    run = qet.teleport(qet.gibbs(case.model(), T=T))
    close(run.local, 0.0, case.norm)
    close(run.leak, 0.0, case.norm)
    assert run.extracted >= 0.0


def test_where_alice_does_not_commute_the_message_is_not_all():
    """The law above has content: with a ZZ bond, Alice's X measurement alone feeds Bob."""
    run = qet.teleport(qet.ground(qet.model({"a": "Z0", "b": "X1", "V": "Z0 Z1"})))
    assert run.local > 1e-3
    assert abs(run.leak) > 1e-3


@given(cases.models(), cases.SEEDS, cases.DIRECTIONS, TENTHS, st.sampled_from([0.0, 1.3]))
def test_a_message_never_harms_and_the_identity_is_always_allowed(case, seed, direction, q, delay):
    run = qet.teleport(
        qet.state(case.model(), random_state_of(case, seed, rank=1 + seed % 3)),
        measure=qet.measure(direction),
        message_error=q,
        delay=delay,
    )
    tiny = 1e-13 * max(1.0, case.norm)
    assert run.extracted >= run.local - tiny
    assert run.local >= 0.0
    assert run.local_before >= 0.0
    axis = qet.teleport(
        run.state, measure=run.measurement, feedback=qet.feedback("best", axis=direction), message_error=q, delay=delay
    )
    assert -tiny <= axis.extracted <= run.extracted + tiny
    assert axis.extracted >= axis.local - tiny


@given(cases.models(), cases.SEEDS, cases.DIRECTIONS)
def test_message_errors_interpolate_monotonically_to_the_local_gain(case, seed, direction):
    q = np.linspace(0.0, 0.5, 11)
    state = qet.state(case.model(), random_state_of(case, seed, rank=1))
    run = qet.teleport(state, measure=qet.measure(direction), message_error=q)
    tiny = 1e-13 * max(1.0, case.norm)
    assert np.all(np.diff(run.extracted) <= tiny)
    close(run.extracted[-1], run.local[-1], case.norm)
    close(run.extracted[0], qet.teleport(state, measure=qet.measure(direction)).extracted, case.norm)
    close(run.local, run.local[0], case.norm)  # the message's errors do not enter what needs no message
    inverted = qet.teleport(state, measure=qet.measure(direction), message_error=1 - q)
    close(inverted.extracted, run.extracted, case.norm)  # a message known to lie is as good as a true one


@given(cases.models_alice_commutes_at_Bob(), cases.SEEDS, TENTHS)
def test_a_noisy_message_is_a_weak_measurement(case, seed, q):
    """Flipping with probability q is the strength 1 - 2q for Bob, where Alice commutes with what he touches."""
    state = qet.state(case.model(), random_state_of(case, seed))
    s = 1 - 2 * min(q, 1 - q)
    weak = qet.teleport(state, measure=qet.measure("X", strength=s))
    noisy = qet.teleport(state, message_error=q)
    close(noisy.extracted, weak.extracted, case.norm)


@given(cases.models_alice_commutes_at_Bob(), st.sampled_from([0.05, 0.5, 2.0]))
def test_forgetting_the_outcome_undoes_the_teleportation(case, T):
    """Bob acts on the average whatever he is told when both symbols are equally likely for both outcomes."""
    cases.unique_ground_state(case)
    run = qet.teleport(qet.gibbs(case.model(), T=T), message_error=[[0.3, 0.3], [0.7, 0.7]])
    close(run.extracted, 0.0, case.norm)


# ---------------------------------------------------------------- thermodynamics


@given(cases.models(), cases.SEEDS, cases.DIRECTIONS, TENTHS)
def test_a_passive_state_never_pays_more_than_it_was_paid(case, seed, direction, q):
    """E_B <= E_A without delay: the whole map is unital, so a passive state ends no lower."""
    energies, vectors = np.linalg.eigh(case.H)
    p = np.sort(np.random.default_rng(seed).exponential(size=len(energies)))[::-1]
    p = p / p.sum()
    rho = (vectors * p) @ vectors.conj().T
    run = qet.teleport(qet.state(case.model(), rho), measure=qet.measure(direction), message_error=q)
    assert run.net_work <= 1e-12 * max(1.0, case.norm)


@given(cases.models(), st.sampled_from([0.0, 0.01, 0.3, 3.0, 1e3]), cases.DIRECTIONS, TENTHS)
def test_gibbs_states_are_passive_at_every_temperature(case, T, direction, strength):
    cases.unique_ground_state(case)
    run = qet.teleport(qet.gibbs(case.model(), T=T), measure=qet.measure(direction, strength=strength))
    assert run.net_work <= 1e-12 * max(1.0, case.norm)
    assert run.injected >= -1e-12 * max(1.0, case.norm)


def test_an_active_state_or_a_non_unital_alice_may_pay_more():
    """The theorem has content: each of its conditions is needed, and so is that no time passes."""
    model = qet.minimal(h=1.0, k=0.5)
    assert qet.teleport(qet.eigenstate(model, 1)).net_work > 0.4
    reset = qet.measure(kraus=[[[0, 0], [1, 0]], [[0, 0], [0, 1]]])  # both outcomes leave |1>, the lower level
    assert qet.teleport(qet.gibbs(model, T=2.0), measure=reset).net_work > 0.1
    # XX + YY swaps the spins in a time π/4J: Bob is told the state of the very spin he then holds
    late = qet.teleport(qet.gibbs(qet.xxz(2, J=0.05, Delta=0.0, hz=0.5), T=2.0), measure="Z", delay=np.pi / 0.2)
    assert late.net_work > 0.1


@given(cases.models(), cases.SEEDS, st.sampled_from(["best", "ground"]), st.sampled_from([0.0, 1.7]), TENTHS)
def test_the_ledger_balances(case, seed, policy, delay, q):
    """Over all rows after - before = injected - extracted; a delay under H moves nothing in total."""
    cases.unique_ground_state(case)
    run = qet.teleport(
        qet.state(case.model(), random_state_of(case, seed)),
        measure=(1, 2, 3),
        feedback=policy,
        delay=delay,
        message_error=q,
    )
    scale = case.norm
    close(run.ledger.change(), run.injected - run.extracted, scale)
    close(run.ledger.change(start="before", end="measured"), run.injected, scale)
    close(run.ledger.change(start="measured", end="delayed"), 0.0, scale)
    close(run.ledger.drop(), run.extracted, scale)
    close(np.sum(run.work.probabilities * run.work.mean), run.extracted, scale)
    assert np.all(run.work.variance >= -1e-12 * max(1.0, scale) ** 2)
    if delay == 0.0:
        np.testing.assert_array_equal(run.ledger.energies[:, 1], run.ledger.energies[:, 2])
        far = [
            row for row, kind in zip(run.ledger.rows, run.ledger.classes, strict=True) if kind in ("rest", "V_A", "H_A")
        ]
        for row in far:  # Bob's operation cannot move what he does not touch
            close(run.ledger.drop(row), 0.0, scale)


@given(cases.models(), cases.SEEDS, st.lists(cases.COEFFICIENTS, min_size=3, max_size=3), st.sampled_from([0.0, 0.8]))
def test_shifting_the_zero_of_energy_changes_nothing(case, seed, shifts, delay):
    rho = random_state_of(case, seed)
    names = list(case.terms)
    shifted = dict(case.terms)
    for name, shift in zip(names, shifts, strict=False):
        shifted[name] = {**shifted[name], "I": 10 * shift}
    moved = cases.Case(shifted, case.n, case.A, case.B)
    runs = [qet.teleport(qet.state(c.model(), rho), measure=(2, 1, 0), delay=delay) for c in (case, moved)]
    for name in NUMBERS:
        close(getattr(runs[1], name), getattr(runs[0], name), case.norm)
    same_rule = qet.feedback(unitaries=runs[0].operations)  # where the best one is not unique, its variance is not
    runs = [qet.teleport(run.state, measure=(2, 1, 0), delay=delay, feedback=same_rule) for run in runs]
    moments = [run.work.probabilities * run.work.variance for run in runs]
    close(moments[1], moments[0], 1e2 * case.norm**2)
    for row in runs[0].ledger.rows:
        close(runs[1].ledger.drop(row), runs[0].ledger.drop(row), case.norm + 100)


@given(cases.models(), st.sampled_from([0.1, 1.0]))
def test_shifting_the_zero_leaves_thermal_states_and_policies_alone(case, T):
    cases.unique_ground_state(case)
    moved = cases.Case({**case.terms, "constant": {"I": -7.5}}, case.n, case.A, case.B)
    runs = [qet.teleport(qet.gibbs(c.model(), T=T), feedback=p) for c in (case, moved) for p in ("best", "ground")]
    for name in NUMBERS:
        for left, right in zip(runs[:2], runs[2:], strict=True):
            close(getattr(left, name), getattr(right, name), case.norm + 10, tolerance=1e-11)


@pytest.mark.parametrize("h, k, detuning", [(1.0, 0.5, 0.0), (0.7, -1.2, 0.3)])
def test_the_offsets_of_the_literature_change_no_difference(h, k, detuning):
    plain, printed = (
        qet.teleport(qet.gibbs(qet.minimal(h=h, k=k, detuning=detuning, offsets=offsets), T=0.4))
        for offsets in (False, True)
    )
    for name in NUMBERS:
        close(getattr(printed, name), getattr(plain, name))


# ---------------------------------------------------------------- causality and parties


@given(cases.models(), cases.SEEDS, cases.DIRECTIONS, TENTHS)
def test_bob_cannot_see_what_alice_chose(case, seed, direction, strength):
    """No-signalling: Bob's average marginal before his operation is the one without a measurement."""
    rho = random_state_of(case, seed)
    state = qet.state(case.model(), rho)
    run = qet.teleport(state, measure=qet.measure(direction, strength=strength))
    patch = run.patch
    n = len(patch.sites)
    seen = reference.marginal(run.branches.sum(-3), [patch.B[0]], n)
    np.testing.assert_allclose(seen, qet.marginal(state, case.B), atol=1e-13)
    np.testing.assert_allclose(seen, reference.marginal(rho, [case.B], case.n), atol=1e-13)


@given(cases.models(), cases.SEEDS, cases.DIRECTIONS, st.sampled_from([0.0, 0.6]))
def test_swapping_the_parties_is_relabeling_the_model(case, seed, direction, delay):
    state = qet.state(case.model(), random_state_of(case, seed))
    other = cases.Case(case.terms, case.n, case.B, case.A)
    swapped = qet.state(case.model().swapped(), state.density_matrix)
    relabeled = qet.state(other.model(), state.density_matrix)
    runs = [qet.teleport(s, measure=direction, delay=delay) for s in (swapped, relabeled)]
    assert swapped.model == relabeled.model
    for name in NUMBERS:
        close(getattr(runs[0], name), getattr(runs[1], name), case.norm)


@given(cases.SEEDS, st.integers(3, 4), st.sampled_from([0.0, 0.5]))
def test_the_patch_is_the_whole_system(seed, n, delay):
    """Energies from the few touched sites equal the energies from full matrices, on chains of 3 and 4 sites."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(list("XYZ"), size=(n, 2))
    terms = {f"H_{i}": {f"Z{i}": rng.normal(), f"X{i}": rng.normal()} for i in range(n)}
    terms |= {f"V_{i}": {f"{letters[i, 0]}{i} {letters[i, 1]}{i + 1}": rng.normal()} for i in range(n - 1)}
    A, B = (int(i) for i in rng.choice(n, size=2, replace=False))
    case = cases.Case(terms, n, A, B)
    rho = reference.random_state(rng, 2**n)
    run = qet.teleport(qet.state(case.model(), rho), delay=delay)
    answer = case.teleport(rho, delay=delay)
    for name in NUMBERS:
        close(getattr(run, name), getattr(answer, name), case.norm)
    assert len(run.patch.sites) <= n
    for name in terms:
        row = run.ledger.rows.index(name)
        close(run.ledger.energies[row, :3], answer.ledger[name][:3], case.norm)


def test_a_long_chain_needs_only_the_patch():
    run = qet.teleport(qet.ground(qet.ising(7, g=1.0, A=0, B=5)))
    assert run.patch.sites == (0, 1, 4, 5, 6)
    rest = [row for row, kind in zip(run.ledger.rows, run.ledger.classes, strict=True) if kind == "rest"]
    assert rest
    for row in rest:
        close(run.ledger.change(row), 0.0)


# ---------------------------------------------------------------- one batch, many points


@given(cases.SEEDS, st.sampled_from(["best", "axis", "ground", "dominant", "angle"]), st.sampled_from([False, True]))
def test_a_batch_equals_its_points_one_by_one(seed, policy, is_late):
    """Every quantity; parameters, temperatures, directions, strengths, delays and errors are arrays."""
    rng = np.random.default_rng(seed)
    shape = (2, 3)
    k, x = rng.normal(size=(2, 1)), rng.normal(size=3)
    T = rng.uniform(0.1, 2.0, size=(2, 1))
    strength, q = rng.uniform(0.2, 1.0, size=3), rng.uniform(0.0, 0.4, size=shape)
    direction, axis, angle = rng.normal(size=(2, 1, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)
    delay = rng.uniform(0.0, 2.0, size=(2, 1)) if is_late else 0.0

    def one(i, j):
        pick = (lambda a: a) if i is None else (lambda a: np.broadcast_to(a, shape)[i, j])
        pick3 = (lambda a: a) if i is None else (lambda a: np.broadcast_to(a, (*shape, 3))[i, j])
        model = qet.model(
            {
                "a": "1.0 Z0 + 0.3 X0",
                "b": qet.pauli("Z1 + 0.2 Y1", coefficient=0.8),
                "V": qet.pauli("X0 X1", coefficient=pick(k)) + qet.pauli("Z0 Z1", coefficient=pick(x)),
                "c": "0.7 Z2 + 0.4 X1 X2",
            },
            A=0,
            B=1,
        )
        rules = {
            "axis": lambda: qet.feedback("best", axis=pick3(axis)),
            "angle": lambda: qet.feedback(angle=pick(angle), axis="X"),
        }
        return qet.teleport(
            qet.gibbs(model, T=pick(T)),
            measure=qet.measure(pick3(direction), strength=pick(strength)),
            feedback=rules[policy]() if policy in rules else policy,
            delay=pick(delay) if is_late else 0.0,
            message_error=pick(q),
        )

    batch = one(None, None)
    assert batch.shape == shape
    for i in range(2):
        for j in range(3):
            point = one(i, j)
            for name in (*NUMBERS, "efficiency", "efficiency_teleported"):
                np.testing.assert_allclose(
                    getattr(batch, name)[i, j], getattr(point, name), rtol=1e-12, atol=1e-13, err_msg=name
                )
            np.testing.assert_array_equal(batch.resolved[i, j], point.resolved)
            close(batch.probabilities[i, j], point.probabilities)
            close(batch.branches[i, j], point.branches)
            close(batch.ledger.energies[i, j], point.ledger.energies)
            close(batch.work.mean[i, j], point.work.mean, 1e2)
            close(batch.work.variance[i, j], point.work.variance, 1e2)
            close(np.abs(batch.operations[i, j]), np.abs(point.operations), 1e4)


# ---------------------------------------------------------------- noise, no-go, batch of special points


@given(cases.models(), cases.SEEDS, TENTHS, cases.DIRECTIONS)
def test_white_noise_multiplies_every_gain(case, seed, p, direction):
    """H is traceless, so mixing the state with 1/d scales all energies, injected and extracted alike, by 1 - p."""
    state = qet.state(case.model(), random_state_of(case, seed))
    clean = qet.teleport(state, measure=qet.measure(direction))
    noisy = qet.teleport(qet.depolarize(state, p), measure=qet.measure(direction))
    for name in NUMBERS:
        close(getattr(noisy, name), (1 - p) * getattr(clean, name), case.norm)
    np.testing.assert_allclose(noisy.state.density_matrix, reference.depolarized(state.density_matrix, p), atol=1e-15)


@given(cases.models(fields=""), cases.DIRECTIONS, st.sampled_from([None, 0.3, 2.0]))
def test_without_a_field_nothing_is_teleported(case, direction, T):
    """A time-reversal-invariant state of a bilinear H: every change of T_k is an odd product of odd operators."""
    if T is None:
        rho = cases.unique_ground_state(case)
    else:
        rho = reference.gibbs(case.H, T)
    run = qet.teleport(qet.state(case.model(), rho), measure=qet.measure(direction))
    close(run.teleported, 0.0, case.norm)


@pytest.mark.parametrize("n, A, B", [(2, 0, 1), (4, 0, 1), (4, 0, 2), (4, 1, 3)])
def test_heisenberg_chains_without_a_field_teleport_nothing_and_a_field_lifts_it(n, A, B):
    plain = qet.teleport(qet.ground(qet.xxz(n, Delta=1.0, A=A, B=B)), measure=(1, 2, 3))
    close(plain.extracted, 0.0)
    thermal = qet.teleport(qet.gibbs(qet.xxz(n, Delta=0.3, A=A, B=B), T=np.array([0.2, 1.0, 5.0])), measure=(1, 0, 1))
    close(thermal.teleported, 0.0)
    lifted = qet.model({"field": "0.3 Z0 + 0.7 X1", "V": "X0 X1 + Y0 Y1 + Z0 Z1"})
    assert qet.teleport(qet.gibbs(lifted, T=0.5)).teleported > 1e-4


@given(cases.models(), st.permutations("XYZ"))
def test_a_global_rotation_of_the_axes_changes_nothing(case, letters):
    """Cyclic relabelings of X, Y, Z are rotations of every spin."""
    assume("".join(letters) in ("XYZ", "YZX", "ZXY"))
    rename = str.maketrans("XYZ", "".join(letters))
    turned = cases.Case(
        {n: {s.translate(rename): c for s, c in t.items()} for n, t in case.terms.items()}, case.n, case.A, case.B
    )
    runs = [
        qet.teleport(qet.gibbs(c.model(), T=0.7), measure=axis)
        for c, axis in ((case, "X"), (turned, "X".translate(rename)))
    ]
    for name in NUMBERS:
        close(getattr(runs[0], name), getattr(runs[1], name), case.norm)


@given(cases.models(), cases.SEEDS, st.floats(1e-3, 1e3))
def test_energies_scale_with_the_hamiltonian(case, seed, factor):
    rho = random_state_of(case, seed)
    scaled = cases.Case(
        {n: {s: factor * c for s, c in t.items()} for n, t in case.terms.items()}, case.n, case.A, case.B
    )
    runs = [qet.teleport(qet.state(c.model(), rho), measure=(0, 1, 2)) for c in (case, scaled)]
    for name in NUMBERS:
        close(getattr(runs[1], name) / factor, getattr(runs[0], name), case.norm)
