"""The energy in space and time: against full matrices, its sums, its cone, and what is refused."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import close
from scipy.linalg import expm

import qet
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, UnknownName
from qet.physics.light_cone import light_speed

TIMES = np.array([-0.6, -0.25, 0.0, 0.4, 2.5])
DELAY = 0.6
DAMPING = [[[1.0, 0.0], [0.0, 0.8]], [[0.0, 0.6], [0.0, 0.0]]]


def simulated(terms, n, A, B, rho, kraus, told, message, delay, times):
    """Energies (term, time) by matrices on all sites: with Bob, without him, and with neither.

    `told` holds Bob's Kraus operators for each symbol, `message` P(received | sent).
    """
    H = reference.hamiltonian(terms, n)
    operators = [reference.term_matrix(term, n) for term in terms.values()]

    def energies(state, t):
        U = expm(-1j * H * t)
        return [np.trace(o @ U @ state @ U.conj().T).real for o in operators]

    V = expm(-1j * H * delay)
    M = [reference.on_sites(m, [A], n) for m in kraus]
    measured = [m @ rho @ m.conj().T for m in M]
    final = np.zeros_like(H)
    for r, operations in enumerate(told):
        s = sum(message[r, k] * V @ branch @ V.conj().T for k, branch in enumerate(measured))
        for K in operations:
            K = reference.on_sites(np.asarray(K), [B], n)
            final = final + K @ s @ K.conj().T
    without = [energies(sum(measured), delay + t) for t in times]
    motion = [idle if t < 0.0 else energies(final, t) for t, idle in zip(times, without, strict=True)]
    return np.array(motion).T, np.array(without).T, np.array([energies(rho, delay + t) for t in times]).T


def random_case(seed, n=3):
    rng = np.random.default_rng(seed)
    terms = {f"H_{i}": {f"{letter}{i}": rng.normal() for letter in "XYZ"} for i in range(n)}
    terms |= {f"V_{i}": {f"X{i} X{i + 1}": rng.normal(), f"Y{i} Z{i + 1}": rng.normal()} for i in range(n - 1)}
    terms["far"] = {f"X0 Z1 Y{n - 1}": rng.normal()}
    A, B = rng.permutation(n)[:2]
    return cases.Case(terms, n, int(A), int(B)), reference.random_state(rng, 2**n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", ["term", "site"])
def test_the_motion_is_that_of_full_matrices(seed, by):
    case, rho = random_case(seed)
    rng = np.random.default_rng(seed)
    q = 0.3
    U = [reference.random_unitary(rng, 2) for _ in range(2)]
    message = reference.uniform_error(q, 2)
    kraus = reference.direction_kraus((0.48, 0.6, 0.64), 0.7)
    protocols = [
        ({"feedback": qet.feedback(unitaries=U), "message_error": q}, [[u] for u in U], message),
        ({"feedback": qet.feedback(kraus=[[np.eye(2)], DAMPING])}, [[np.eye(2)], DAMPING], np.eye(2)),
    ]
    for options, told, table in protocols:
        measure = qet.measure((0.48, 0.6, 0.64), strength=0.7)
        run = qet.teleport(qet.state(case.model(), rho), measure=measure, delay=DELAY, **options)
        profile = qet.profile(run, by=by, t=TIMES)
        found = simulated(case.terms, case.n, case.A, case.B, rho, kraus, told, table, DELAY, TIMES)
        if by == "site":
            shares = np.array([[s in reference.support(t) for t in case.terms.values()] for s in range(case.n)], float)
            shares /= shares.sum(0)
            found = [shares @ energies for energies in found]
        for value, expected in zip((profile.motion, profile.without_bob, profile.undisturbed), found, strict=True):
            close(value, expected, case.norm)
        close(profile.excess, found[0] - found[2], case.norm)
        close(profile.taken, found[0] - found[1], case.norm)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", ["term", "site"])
def test_excess_adds_up_to_injected_less_extracted_and_taken_to_minus_extracted(seed, by):
    case, rho = random_case(seed)
    run = qet.teleport(qet.state(case.model(), rho), measure="Y", delay=DELAY, message_error=0.2)
    profile = qet.profile(run, by=by, t=TIMES)
    late = TIMES >= 0.0
    close(profile.excess.sum(0)[late], run.injected - run.extracted, case.norm)
    close(profile.excess.sum(0)[~late], run.injected, case.norm)
    close(profile.taken.sum(0)[late], -run.extracted, case.norm)
    close(profile.taken[:, ~late], 0.0)
    close(profile.drift, 0.0, case.norm)


@pytest.mark.parametrize("seed", range(3))
def test_at_the_stages_the_motion_is_the_ledger(seed):
    case, rho = random_case(seed)
    run = qet.teleport(qet.state(case.model(), rho), delay=DELAY)
    stages = qet.profile(run)
    close(qet.profile(run, t=0.0).motion[:, 0], stages.energies[:, 3], case.norm)
    close(qet.profile(run, t=0.0).without_bob[:, 0], stages.energies[:, 2], case.norm)
    close(qet.profile(run, t=-DELAY).motion[:, 0], stages.energies[:, 1], case.norm)
    close(qet.profile(run, t=-DELAY).undisturbed[:, 0], stages.energies[:, 0], case.norm)


def test_a_state_that_h_leaves_alone_stays_what_it_was():
    run = qet.teleport(qet.gibbs(qet.xxz(4, Delta=0.5, hz=0.3, A=0, B=2), T=0.7), delay=1.0)
    profile = qet.profile(run, by="site", t=np.linspace(-1.0, 4.0, 6))
    close(profile.undisturbed, np.repeat(profile.energies[:, :1], 6, axis=1))


def test_a_batch_is_the_runs_of_its_points():
    g, delay = np.array([0.5, 1.0, 1.6]), np.array([[0.4], [1.1]])
    t = np.array([-0.4, 0.0, 0.9])
    many = qet.profile(qet.teleport(qet.ground(qet.ising(4, g=g, A=0, B=2)), delay=delay), by="site", t=t)
    assert many.motion.shape == (2, 3, 4, 3)
    for i in range(2):
        for j in range(3):
            run = qet.teleport(qet.ground(qet.ising(4, g=float(g[j]), A=0, B=2)), delay=float(delay[i, 0]))
            one = qet.profile(run, by="site", t=t)
            close(many.motion[i, j], one.motion)
            close(many.excess[i, j], one.excess)
            close(many.packet().center[i, j], one.packet().center, tolerance=1e-9)  # a ratio of small energies
    assert many.speed.shape == (3,)


def test_outside_the_light_cone_there_is_nothing():
    """Bob at site 3 of 8, Alice at 0: after a time t nothing beyond 3 + 2 min(J, g) t and a few sites of its tail."""
    run = qet.teleport(qet.ground(qet.ising(8, J=0.5, g=1.0, A=0, B=2)))
    profile = qet.profile(run, by="site", t=np.linspace(0.0, 0.6, 4))
    assert profile.speed == pytest.approx(1.0, abs=1e-6)
    for part, source in (("taken", 3), ("excess", 3)):
        for i, t in enumerate(profile.times):
            beyond = np.arange(8) > source + profile.speed * t + 3
            assert np.abs(profile.part(part)[beyond, i]).max(initial=0.0) < 1e-6
    assert np.abs(profile.taken[3, -1]) > 1e-5


@pytest.mark.parametrize("g", [0.6, 1.0])
def test_on_a_long_chain_nothing_leaves_the_light_cones(g):
    """Alice in the middle of 100 sites: v = 2 min(J, g), and the tail of a front that widens like t^(1/3)."""
    run = qet.teleport(qet.gibbs(qet.ising(100, g=g, A=50, B=54), T=0.05), measure="Y")
    t = np.linspace(0.0, 9.0, 4)
    profile = qet.profile(run, by="site", t=t)
    assert profile.speed == pytest.approx(2 * g, abs=1e-6)
    for part, (left, right) in (("excess", (50, 54)), ("taken", (54, 54))):
        for i, reach in enumerate(profile.speed * t + 3 + 5 * np.cbrt(t)):
            x = np.arange(100)
            beyond = (x < left - reach) | (x > right + reach)
            assert np.abs(profile.part(part)[beyond, i]).max() < 1e-6
    inside = np.abs(np.arange(100) - 50 - profile.speed * t[-1]) < 2  # and the front is there
    assert profile.excess[inside, -1].max() > 1e-2
    close(profile.excess.sum(0), run.injected - run.extracted, 100.0)
    close(profile.taken.sum(0), -run.extracted, 100.0)
    assert profile.drift < 1e-11


def test_bobs_dip_runs_ahead_of_alices_front():
    """Alice measures Y, Bob turns about X: his site alone pays. The half that runs away from her keeps its size, and
    the speed of light within some parts in a hundred, until her front is there."""
    run = qet.teleport(qet.ground(qet.ising(40, A=14, B=20)), measure="Y")
    profile = qet.profile(run, by="site", t=np.linspace(0.0, 3.0, 31))
    close(profile.excess[20, 0], -run.extracted)
    assert np.delete(profile.excess[:, 0], range(13, 16)).min() == profile.excess[20, 0]
    away = profile.packet(sites=range(20, 40))
    assert 1.8 < (away.center[-1] - 20.0) / 3.0 < profile.speed
    assert away.depth[-1] > 0.5 * run.extracted


def test_bobs_act_leaves_less_energy_beside_him_than_the_untouched_chain_has():
    """Alice is three bonds away: where Bob acts the excess is his alone, and negative in sum."""
    run = qet.teleport(qet.ground(qet.ising(8, A=1, B=4)))
    profile = qet.profile(run, by="site", t=0.0)
    assert profile.excess[3, 0] < -1e-3
    close(profile.excess[3:6, 0].sum(), -run.extracted)
    close(profile.excess[3:6, 0], profile.taken[3:6, 0])
    assert run.extracted > 1e-4


def test_a_packet_is_its_moments():
    run = qet.teleport(qet.ground(qet.ising(5, A=0, B=3)))
    profile = qet.profile(run, by="site", t=np.array([0.0, 0.5]))
    packet = profile.packet(sign=1)
    n = np.maximum(profile.excess, 0.0)
    x = np.arange(5.0)
    for i in range(2):
        mean = (x @ n[:, i]) / n[:, i].sum()
        close(packet.depth[i], n[:, i].sum())
        close(packet.center[i], mean)
        close(packet.spread[i] ** 2, ((x - mean) ** 2 @ n[:, i]) / n[:, i].sum())
    close(packet.velocity, (packet.center[1] - packet.center[0]) / 0.5)
    assert np.isnan(qet.profile(run, t=1.0).packet().velocity).all()
    idle = qet.profile(qet.teleport(run.state, feedback=qet.feedback(angle=0.0, axis="Y")), by="site", t=1.0)
    assert idle.packet(of="taken", sign=1).depth == 0.0
    assert np.isnan(idle.packet(of="taken").center).all()


def test_terms_sit_in_the_middle_of_their_sites_and_constants_nowhere():
    model = qet.model(
        {"zero": "2.5", "a": "Z0 + 0.5", "ab": "0.4 X0 X1", "bc": "0.3 X1 X2", "b": "0.7 Z1", "c": "0.2 Z2"}, A=0, B=1
    )
    profile = qet.profile(qet.teleport(qet.ground(model)), t=[0.0, 1.0])
    np.testing.assert_array_equal(profile.positions, [np.nan, 0.0, 0.5, 1.5, 1.0, 2.0])
    close(profile.motion[0], 2.5)
    by_site = qet.profile(profile.run, by="site", t=[0.0, 1.0])
    close(by_site.motion[0], profile.motion[1] + profile.motion[2] / 2)
    close(by_site.motion.sum(0), profile.motion.sum(0) - 2.5)
    assert np.isfinite(profile.packet(sign=1).center).all()


def test_a_large_zero_of_energy_costs_no_digits():
    terms = {"a": "0.7 Z0", "v": "0.8 X0 X1", "b": "1.1 Z1 + 0.2 X1"}
    plain = qet.teleport(qet.ground(qet.model(terms)))
    moved = qet.teleport(qet.ground(qet.model({**terms, "a": qet.pauli("0.7 Z0") + 1e9})))
    close(qet.profile(moved, t=TIMES[2:]).excess, qet.profile(plain, t=TIMES[2:]).excess)
    close(qet.profile(moved, t=TIMES[2:]).taken, qet.profile(plain, t=TIMES[2:]).taken)


def test_rows_of_the_ledger_that_are_no_energy_of_h_are_no_part_of_a_profile():
    model = qet.minimal()
    run = qet.teleport(qet.ground(model), target="Z1")
    assert "target" in run.ledger.rows
    assert qet.profile(run, t=0.5).labels == ("H_A", "H_B", "V")
    assert qet.profile(run).energies.shape == (3, 4)


def test_a_profile_is_a_value_with_a_recipe():
    run = qet.teleport(qet.ground(qet.minimal()))
    profile = qet.profile(run, by="site", t=[0.0, 1.0])
    assert profile == qet.profile(run, by="site", t=np.array([0.0, 1.0]))
    assert profile != qet.profile(run, by="site", t=[0.0, 1.5])
    assert profile != qet.profile(run, by="site")
    assert qet.rerun(profile.recipe) == profile
    assert eval(repr(profile)) == profile
    with pytest.raises(ValueError, match="read-only"):
        profile.times[0] = 1.0


def test_requests_that_make_no_sense_are_refused_with_what_to_do():
    model = qet.minimal()
    state = qet.ground(model)
    run = qet.teleport(state, delay=0.5)
    for sites in ([], [5]):
        with pytest.raises(BadParameter, match="holds none of the positions 0 .. 1"):
            qet.profile(run, by="site", t=[0.0, 1.0]).packet(sites=sites)
    with pytest.raises(BadParameter, match=r"t = -0\.6 is earlier.*minus the delay"):
        qet.profile(run, t=-0.6)
    with pytest.raises(BadParameter, match="must ascend; 1 is followed by 0.5"):
        qet.profile(run, t=[0.0, 1.0, 0.5])
    with pytest.raises(BadParameter, match="t must be finite"):
        qet.profile(run, t=[0.0, np.nan])
    for t in ([], np.zeros((2, 2))):
        with pytest.raises(ShapeMismatch, match="along one axis"):
            qet.profile(run, t=t)
    with pytest.raises(BadParameter, match="first at index"):
        qet.profile(qet.teleport(state, delay=np.array([0.5, 0.2])), t=-0.4)
    with pytest.raises(BadParameter, match=r"the stages alone.*t=np\.linspace"):
        _ = qet.profile(run).motion
    profile = qet.profile(run, t=0.0)
    with pytest.raises(UnknownName, match="did you mean 'excess'"):
        profile.packet(of="exces")
    with pytest.raises(BadParameter, match="sign is -1"):
        profile.packet(sign=0)
    baths = [qet.bath(0, T=0.5, rate=0.1), qet.bath(1, T=0.5, rate=0.1)]
    kept = qet.teleport(state, delay=0.5, surroundings=baths)
    with pytest.raises(NotOffered, match="under H alone.*without surroundings"):
        qet.profile(kept, t=1.0)
    assert qet.profile(kept).labels == ("H_A", "H_B", "V")


def test_a_steady_state_moves_under_h_alone_once_its_baths_are_off():
    """Not left alone by H: the excess is counted from its own motion, so it still adds up."""
    baths = [qet.bath(0, T=2.0, rate=0.05), qet.bath(1, T=0.2, rate=0.05)]
    run = qet.teleport(qet.steady(qet.minimal(detuning=0.4), baths), delay=0.5)
    profile = qet.profile(run, t=np.linspace(-0.5, 3.0, 8))
    assert np.ptp(profile.undisturbed, axis=-1).max() > 1e-4
    close(profile.excess.sum(0)[profile.times >= 0.0], run.injected - run.extracted)


# -- the speed of light ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("J", "g", "speed"), [(1.0, 1.0, 2.0), (1.0, 0.3, 0.6), (0.2, -1.0, 0.4), (-0.7, 1.0, 1.4), (1.0, 0.0, 0.0)]
)
def test_the_speed_of_an_ising_chain_is_twice_the_smaller_of_coupling_and_field(J, g, speed):
    assert light_speed(qet.ising(5, J=J, g=g)) == pytest.approx(speed, abs=1e-6)


def test_the_speed_is_the_largest_slope_of_the_levels_of_a_long_ring():
    """Of the XY chain from its one-particle matrix on a ring of 400 sites, by differences of its singular values."""
    n, Jx, Jy, g = 400, 0.9, -0.4, 0.6
    k = 2 * np.pi * (np.arange(n) + 0.5) / n
    # the matrix between the two kinds of Majoranas is a circulant with this symbol
    energies = np.abs(2 * (g + Jx * np.exp(1j * k) + Jy * np.exp(-1j * k)))
    slope = np.abs(np.diff(energies)).max() / (2 * np.pi / n)
    assert light_speed(qet.xy(6, Jx=Jx, Jy=Jy, g=g)) == pytest.approx(slope, rel=1e-3)  # differences of 2π/400
    assert light_speed(qet.xy(6, Jx=1.0, Jy=1.0, g=0.0)) == pytest.approx(4.0, abs=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        qet.ising(5, hx=0.1),
        qet.xxz(5, Delta=0.5),
        qet.minimal(),
        qet.ising(4, J=qet.by_site([1.0, 0.9, 1.0])),
        qet.model({"z": "Z0 + Z1 + Z2"}),
    ],
)
def test_other_models_have_no_speed(model):
    assert light_speed(model) is None


def test_the_speed_broadcasts():
    speed = light_speed(qet.ising(5, J=np.array([0.5, 2.0]), g=np.array([[1.0], [0.1]])))
    np.testing.assert_allclose(speed, [[1.0, 2.0], [0.2, 0.2]], atol=1e-6)
