"""Gradients of a run's energies: against high-order differences of the solved values, and route against route."""

import subprocess
import sys

import numpy as np
import pytest

import qet
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, UnknownName
from qet.studies.gradients import gradient as words
from qet.studies.gradients import implicit as gradient_implicit
from qet.studies.gradients import pair as gradient_pair

EIGHTH = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))  # weights of central differences of order 8
STEP = 0.01  # of the parameter
NAMES = ("h", "k", "detuning", "TA", "TB", "gA", "gB")


def differences(point, of, values, name, step=STEP):
    """Derivative by order-8 central differences of values that are solved anew."""

    def f(x):
        return np.asarray(getattr(point(**{**values, name: x}), of))

    x = np.asarray(values[name], dtype=float)
    h = step * np.abs(x)
    return sum(w * (f(x + i * h) - f(x - i * h)) for i, w in EIGHTH) / h


def agrees(point, ofs, tolerance=1e-9, step=STEP, **values):
    """1e-9: rounding of the differences, 1e-14 over the parameter, and their order, (4 STEP)^8 times the slope."""
    for of in ofs:
        found = qet.gradient(point, of=of, **values)
        assert np.all(found.value == getattr(point(**values), of))
        for name in values:
            assert np.all(found.smooth[name]), (of, name)
            expected = differences(point, of, values, name, step)
            assert np.max(np.abs(found[name] - expected)) <= tolerance * max(1.0, np.max(np.abs(expected))), (of, name)


def random_run(seed, n):
    """A random model of n qubits with random jumps, as a function of an overall coupling, a field and a rate."""
    rng = np.random.default_rng(seed)
    fields, bonds = rng.normal(size=(n, 3)), rng.normal(size=(n, n, 3))
    matrix = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    direction, policy = rng.normal(size=3), str(rng.choice(["best", "ground"]))

    def model(J, b):
        terms = {}
        for i in range(n):
            text = " + ".join(f"{c:.12f} {a}{i}" for a, c in zip("XY", fields[i], strict=False))
            terms[f"H_{i}"] = qet.pauli(text) + qet.pauli(f"Z{i}", coefficient=b * fields[i, 2])
            for j in range(i + 1, n):
                pairs = zip(("XX", "YZ", "ZY"), bonds[i, j], strict=True)
                terms[f"V_{i}{j}"] = sum(
                    (qet.pauli(f"{p[0]}{i} {p[1]}{j}", coefficient=J * c) for p, c in pairs), qet.pauli("0 X0")
                )
        return qet.model(terms, A=0, B=n - 1)

    def steady(J, b, g, strength=0.8, q=0.1):
        jumps = [qet.jump("-", i, g * (i + 1)) for i in range(n)] + [qet.jump(matrix, (0, 1), g)]
        alice = qet.measure(tuple(direction), strength=strength)
        return qet.teleport(qet.steady(model(J, b), jumps), measure=alice, feedback=policy, message_error=q)

    return model, steady


@pytest.mark.parametrize("n, seed", [(2, 0), (2, 1), (2, 2), (3, 3)])
def test_steady_states_with_jumps(n, seed):
    _, point = random_run(seed, n)
    agrees(point, ("extracted", "local", "injected"), J=0.7, b=0.9, g=0.4, strength=0.8, q=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_ground_states_levels_and_gibbs_states(seed):
    model, _ = random_run(seed, 3)
    agrees(lambda J, b: qet.teleport(qet.ground(model(J, b))), ("extracted", "injected"), J=0.7, b=1.1)
    level = {"J": 0.7, "b": 1.1, "step": 1e-3}  # two levels of one model nearly cross
    agrees(lambda J, b: qet.teleport(qet.eigenstate(model(J, b), 2)), ("extracted", "leak"), **level)
    agrees(lambda J, T: qet.teleport(qet.gibbs(model(J, 0.8), T=T)), ("extracted", "local"), J=0.7, T=0.6)


@pytest.mark.parametrize("master", ["redfield", "universal", "secular", ("partial", 0.05), "local"])
def test_baths_under_every_master_equation(master):
    def point(h, k, TA, gB):
        pair = qet.minimal(h=h, k=k, detuning=0.3)
        baths = [
            qet.bath(0, T=TA, rate=0.02, coupling="dipole", spectrum="ohmic"),
            qet.bath(1, T=0.9, rate=gB, coupling="dipole", spectrum="ohmic"),
        ]
        return qet.teleport(qet.steady(pair, baths, master=master, allow=("OutsideDomain",)))

    agrees(point, ("extracted", "teleported"), h=1.0, k=0.4, TA=0.5, gB=0.03)


def test_directions_strengths_and_errors_of_the_message():
    def point(k, theta, phi, strength, q):
        n = (np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta))
        alice = qet.measure(np.stack(np.broadcast_arrays(*n), axis=-1), strength=strength)
        return qet.teleport(qet.ground(qet.minimal(h=1.0, k=k)), measure=alice, message_error=q)

    values = {"k": np.array([0.4, 0.9]), "theta": 0.7, "phi": 0.2, "strength": 0.6, "q": 0.1}
    agrees(point, ("extracted", "injected", "efficiency"), **values)


def test_states_made_from_others():
    def point(h, T, p, t):
        return qet.teleport(qet.evolve(qet.depolarize(qet.gibbs(qet.ising(3, g=h, hx=0.3), T=T), p), t))

    agrees(point, ("extracted", "injected"), h=0.8, T=0.5, p=0.1, t=0.7)


def test_given_states_and_those_that_are_solved_anew():
    model, _ = random_run(5, 2)
    rho = qet.gibbs(model(0.7, 1.0), T=1.0).density_matrix
    agrees(lambda b: qet.teleport(qet.state(model(0.7, b), rho)), ("extracted", "net_work"), b=0.6)

    def settled(h, r):
        start = qet.gibbs(qet.minimal(h=h, k=0.4), T=1.0)
        return qet.teleport(qet.evolve(start, 0.8, surroundings=[qet.jump("-", 1, r)]))

    agrees(settled, ("extracted",), h=1.0, r=0.3)


@pytest.mark.parametrize("surroundings", [False, True])
@pytest.mark.parametrize("feedback", ["best", "ground", "dominant"])
def test_a_delay(surroundings, feedback):
    def point(h, t, r):
        things = {"surroundings": [qet.jump("-", 1, r)]} if surroundings else {}
        state = qet.gibbs(qet.minimal(h=h, k=0.5 + 0.1 * r, detuning=0.2), T=0.4)
        return qet.teleport(state, feedback=feedback, delay=t, **things)

    agrees(point, ("extracted", "local", "leak", "injected"), h=1.0, t=0.7, r=0.3)


@pytest.mark.parametrize(
    "feedback",
    [
        qet.feedback("best", axis="Y"),
        qet.feedback("best", among=[-0.2, -0.1, 0.0, 0.1, 0.2]),
        qet.feedback(angle=0.1),
        "ground",
        "dominant",
        "channel",
    ],
)
def test_other_classes_of_operations(feedback):
    def point(h, T):
        return qet.teleport(qet.gibbs(qet.ising(2, g=h, hx=0.2), T=T), feedback=feedback)

    agrees(point, ("extracted",), h=0.8, T=0.3)


def test_several_qubits_of_Bob():
    def point(g, T):
        return qet.teleport(qet.gibbs(qet.ising(3, g=g, hx=0.2, A=0, B=(1, 2)), T=T), measure="Z")

    agrees(point, ("extracted",), tolerance=1e-8, g=0.8, T=0.3)  # the search's own last digits are in the differences


def test_angles_of_a_fixed_policy_and_a_target():
    def point(a, h):
        state = qet.ground(qet.minimal(h=h, k=0.5))
        return qet.teleport(state, feedback=qet.feedback(angle=a), target="Z1")

    agrees(point, ("extracted", "injected"), a=0.1, h=1.0)


# -- the pair between baths --------------------------------------------------------------------------------


def pair(h, k, detuning, TA, TB, gA, gB, strength=1.0, q=0.0):
    things = [qet.bath(0, T=TA, rate=gA), qet.bath(1, T=TB, rate=gB)]
    state = qet.steady(qet.minimal(h=h, k=k, detuning=detuning), things, master="local", allow=("OutsideDomain",))
    return qet.teleport(state, measure=qet.measure("X", strength=strength), message_error=q)


def parameters(points, seed=0):
    rng = np.random.default_rng(seed)
    low, high = [0.5, 0.1, -0.9, 0.1, 0.1, 0.05, 0.05], [2.0, 2.0, 0.9, 2.0, 2.0, 0.5, 0.5]
    return dict(zip(NAMES, rng.uniform(low, high, (points, 7)).T.copy(), strict=True))


def by_matrices(monkeypatch, point, **arguments):
    with monkeypatch.context() as patch:
        patch.setattr(words, "is_offered", lambda run, parts: False)
        return qet.gradient(point, **arguments)


@pytest.mark.parametrize("of", ["extracted", "local", "injected", "teleported", "net_work", "efficiency"])
@pytest.mark.parametrize("points", [7, 200])
def test_the_transposed_elimination_agrees_with_matrices(monkeypatch, of, points):
    values = parameters(points, seed=points)
    found, expected = qet.gradient(pair, of=of, **values), by_matrices(monkeypatch, pair, of=of, **values)
    for name in NAMES:
        scale = 1.0 + np.abs(expected[name])
        assert np.all(found.smooth[name])
        # what the matrices say of themselves: small steps in a small detuning lose digits
        assert np.all(np.abs(found[name] - expected[name]) <= 16 * expected.errors[name] + 1e-11 * scale)


@pytest.mark.parametrize("rates", [1e-2, 1e-5, 1e-8])
def test_the_errors_by_matrices_hold_where_rates_are_slow(monkeypatch, rates):
    values = parameters(40, seed=3)
    values |= {"gA": rates * values["gA"], "gB": rates * values["gB"]}
    expected = qet.gradient(pair, **values)
    found = by_matrices(monkeypatch, pair, **values)
    for name in NAMES:
        assert np.all(found.smooth[name])
        assert np.all(np.abs(found[name] - expected[name]) <= found.errors[name])


def test_all_seven_parameters_against_differences():
    values = {"h": 1.0, "k": 0.7, "detuning": 0.4, "TA": 0.6, "TB": 1.3, "gA": 0.2, "gB": 0.3}
    agrees(pair, ("extracted", "local", "injected", "efficiency_teleported"), **values)
    agrees(pair, ("extracted", "injected"), **values, strength=0.7, q=0.1)


@pytest.mark.parametrize("rates", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("cold", [1.0, 1e-2])
def test_energies_scale_with_all_energies_together(rates, cold):
    # Euler: E is homogeneous of degree one in fields, couplings, temperatures and rates
    values = parameters(100, seed=8)
    values |= {"gA": rates * values["gA"], "gB": rates * values["gB"], "TA": cold * values["TA"]}
    for of in ("extracted", "local", "injected"):
        found = qet.gradient(pair, of=of, **values)
        assert np.allclose(sum(values[name] * found[name] for name in NAMES), found.value, rtol=0, atol=1e-14)


@pytest.mark.parametrize("master", ["redfield", "universal"])
def test_energies_scale_under_equations_on_matrices(master):
    def point(h, k, T, rate, t):
        baths = [qet.bath(i, T=T * (1 + i), rate=rate, coupling="dipole") for i in range(3)]
        model = qet.ising(3, J=k, g=h)
        return qet.teleport(qet.steady(model, baths, master=master, allow=("OutsideDomain", "NotPositive")), delay=t)

    values = {"h": 1.0, "k": 0.4, "T": 0.7, "rate": 0.01, "t": 0.3}
    found = qet.gradient(point, **values)
    degrees = {"h": 1, "k": 1, "T": 1, "rate": 1, "t": -1}
    assert np.isclose(sum(d * values[n] * found[n] for n, d in degrees.items()), found.value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fields_of_both_signs_fermions_chemical_potentials_and_jumps(sign):
    def point(a, b, c, T, mu, rate, up):
        model = qet.model(
            {
                "H_A": qet.pauli("Z0", coefficient=sign * a),
                "V": qet.pauli("X0 X1", coefficient=c),
                "H_B": qet.pauli("Z1", coefficient=b),
            },
            A=1,
            B=0,
        )
        things = [
            qet.bath(0, T=T, rate=rate, mu=mu, statistics="fermion"),
            qet.jump("+", 1, up),
            qet.bath(1, T=0.7, rate=rate, mu=-mu, coupling="dipole"),
        ]
        return qet.teleport(qet.steady(model, things, master="local", allow=("OutsideDomain",)))

    values = {"a": 0.8, "b": 1.1, "c": -0.6, "T": 0.5, "mu": 0.2, "rate": 0.2, "up": 0.1}
    assert gradient_pair.is_offered(point(**values), ("extracted",))
    agrees(point, ("extracted", "injected"), **values)


def test_parameters_that_bend_or_multiply_the_raw_numbers():
    def point(x, gamma, f):
        up, down = gamma * (1 + f) / 2, gamma * (1 - f) / 2
        values = {"h": np.exp(x), "k": 0.6, "detuning": 0.1, "TA": 0.5 + x**2, "TB": 1.0, "gA": up, "gB": down}
        return pair(**values)

    rng = np.random.default_rng(1)
    agrees(point, ("extracted",), x=rng.uniform(0.2, 0.5, 100), gamma=rng.uniform(0.2, 0.4, 100), f=0.3)


def test_a_function_that_bends_between_the_samples_is_noticed():
    rest = {"detuning": 0.1, "TA": 0.5, "TB": 1.0, "gA": 0.2, "gB": 0.1}
    h = np.linspace(1.0, 2.0, 7 * 70 + 1)  # a multiple of the distance between samples

    def bent(h):
        return h + 0.02 * np.sin(7 * np.pi * (h - 1.0)) ** 2  # which vanishes at every sample, with its slope

    found = qet.gradient(lambda h: pair(h=bent(h), k=0.5, **rest), h=h)
    plain = qet.gradient(lambda h: pair(h=h, k=0.5, **rest), h=bent(h))
    slope = 1 + 0.14 * np.pi * np.sin(14 * np.pi * (h - 1.0))
    assert np.all(found.is_smooth)
    assert np.all(np.abs(found["h"] - slope * plain["h"]) <= 16 * found.errors["h"] + 1e-13)
    assert np.max(found.errors["h"]) < 1e-7  # what the steps resolve of the wiggle


def test_a_function_that_looks_into_its_state_and_changes_the_parties():
    def plain(h, r):
        things = [qet.bath(0, T=0.3, rate=r), qet.bath(1, T=0.9, rate=0.2)]
        return qet.steady(qet.minimal(h=h), things, master="local", allow="OutsideDomain")

    def looking(h, r):
        state = plain(h, r)
        residual = np.max(state.diagnostics.residual)
        return qet.teleport(state.between(1, 0), message_error=0.1 if residual < 1 else 0.2)

    agrees(looking, ("extracted", "injected"), h=1.0, r=0.1)
    found = qet.gradient(looking, h=1.0, r=0.1)
    direct = qet.gradient(lambda h, r: qet.teleport(plain(h, r).between(1, 0), message_error=0.1), h=1.0, r=0.1)
    assert np.isclose(found["h"], direct["h"], rtol=1e-12)


def test_operators_that_follow_a_parameter_go_through_matrices():
    def point(x, h):
        turned = qet.jump(qet.pauli("X0", coefficient=np.cos(x)) + qet.pauli("Y0", coefficient=-1j), 0, 0.3)
        state = qet.steady(qet.minimal(h=h, k=0.6), [turned, qet.jump("-", 1, 0.2)])
        return qet.teleport(state)

    agrees(point, ("extracted",), x=0.4, h=1.0)
    pytest.importorskip("jax")
    with pytest.raises(NotOffered, match="implicit"):
        qet.gradient(point, method="jax", x=0.4, h=1.0)


def test_a_batch_without_points_has_gradients_without_points():
    none = {name: value[:0] for name, value in parameters(1).items()}
    assert qet.gradient(pair, **none)["h"].shape == (0,)
    assert qet.gradient(ground, k=np.zeros((0, 3)))["k"].shape == (0, 3)


def test_a_theory_outside_its_domain_warns_once():
    def point(rate, T):
        baths = [qet.bath(i, T=T, rate=rate) for i in (0, 1)]
        return qet.teleport(qet.steady(qet.minimal(h=1.0, k=0.5), baths, master="local"))

    with pytest.warns(qet.errors.OutsideDomain) as told:
        qet.gradient(point, rate=3.0, T=0.2)
    assert len(told) == 1


def test_grids_broadcast_and_keep_their_shape():
    k, T = np.linspace(0.2, 1.0, 4)[:, None], np.linspace(0.3, 1.0, 30)
    values = {"h": 1.0, "detuning": 0.2, "TB": 0.5, "gA": 0.1, "gB": 0.2}
    found = qet.gradient(lambda k, TA: pair(k=k, TA=TA, **values), k=k, TA=T)
    one = qet.gradient(lambda k, TA: pair(k=k, TA=TA, **values), k=float(k[2, 0]), TA=float(T[7]))
    assert found["k"].shape == found.errors["TA"].shape == found.is_smooth.shape == (4, 30)
    assert np.isclose(found["k"][2, 7], one["k"], rtol=1e-12)
    assert np.isclose(found["TA"][2, 7], one["TA"], rtol=1e-12)


def test_points_where_the_transposed_elimination_loses_digits_are_solved_again(monkeypatch):
    values = parameters(50, seed=3)
    usual = qet.gradient(pair, **values)
    monkeypatch.setattr("qet.solvers.transposed.RESIDUAL", 0.0)
    again = qet.gradient(pair, **values)
    for name in NAMES:
        assert np.allclose(again[name], usual[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("points", [1, 300])
def test_nothing_is_solved_at_a_shifted_parameter(monkeypatch, points):
    from qet.solvers import steady as module

    solved = []
    inner = module._found
    monkeypatch.setattr(module, "_found", lambda *a: solved.append(a) or inner(*a))
    qet.gradient(pair, **parameters(points))
    assert len(solved) == 1
    by_matrices(monkeypatch, pair, **parameters(points))
    assert len(solved) == 2


# -- JAX -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "of", ["extracted", *(pytest.param(of, marks=pytest.mark.slow) for of in ("injected", "teleported"))]
)
def test_jax_agrees_and_leaves_the_precision_as_it_is(of):
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    values = parameters(20, seed=4)
    found, expected = (qet.gradient(pair, of=of, method=m, **values) for m in ("jax", "implicit"))
    assert found.method == "jax"
    for name in NAMES:
        assert np.allclose(found[name], expected[name], rtol=1e-11, atol=1e-13)
    assert jax.config.jax_enable_x64 == before


@pytest.mark.slow
def test_jax_agrees_for_weak_measurements_and_errors_of_the_message():
    pytest.importorskip("jax")
    values = parameters(1, seed=4)
    weak = {**{name: float(value[0]) for name, value in values.items()}, "strength": 0.7, "q": 0.1}
    found, expected = (qet.gradient(pair, method=m, **weak) for m in ("jax", "implicit"))
    assert all(np.isclose(found[name], expected[name], rtol=1e-11) for name in weak)


@pytest.mark.parametrize(
    "part", ["extracted", *(pytest.param(part, marks=pytest.mark.slow) for part in ("local", "injected"))]
)
def test_jax_arrays_pass_through_the_elimination_and_the_closed_forms(part):
    jax = pytest.importorskip("jax")
    from qet.protocols.traced_pair import _double, pair_energy, raw_numbers

    run = pair(**{name: float(value[0]) for name, value in parameters(1).items()})
    numbers = raw_numbers(run)
    plain = pair_energy(run, part, np)
    with _double(jax):
        traced = pair_energy(run, part, jax.numpy)
        value = jax.jit(traced)(*numbers)
        slopes = jax.grad(traced, argnums=(0, 4))(*numbers)
    assert np.isclose(float(value), getattr(run, part), rtol=1e-12)
    assert np.isclose(float(value), plain(*numbers), rtol=1e-13)
    for place, slope in zip((0, 4), slopes, strict=True):
        step = [(i == place) * 1e-5 for i in range(len(numbers))]
        up, down = (plain(*(x + s * d for x, d in zip(numbers, step, strict=True))) for s in (1, -1))
        assert np.isclose(float(slope), (up - down) / 2e-5, rtol=1e-6, atol=1e-9)  # plain differences


def test_without_jax_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("qet.solvers.traced.find_spec", lambda name: None)
    with pytest.raises(NotOffered, match=r"pip install \"qet\[jax\]\""):
        qet.gradient(pair, method="jax", **parameters(2))
    with pytest.raises(NotOffered, match="implicit"):
        qet.gradient(lambda k: qet.teleport(qet.ground(qet.minimal(k=k))), method="jax", k=0.5)


def test_nothing_but_numpy_is_loaded_by_default():
    code = (
        "import sys, qet\n"
        "def f(h, T):\n"
        "    baths = [qet.bath(0, T=T, rate=0.1), qet.bath(1, T=0.5, rate=0.1)]\n"
        "    return qet.teleport(qet.steady(qet.minimal(h=h), baths, master='local', allow='OutsideDomain'))\n"
        "qet.gradient(f, h=1.0, T=0.3)\n"
        "print([name for name in ('scipy', 'jax', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_recipe_names_the_function_and_stores_no_code():
    found = qet.gradient(ground, k=0.5)
    assert found.recipe["word"] == "gradient"
    assert found.recipe["point"]["name"] == "ground"
    with pytest.raises(BadParameter, match="nothing in a file is executed"):
        qet.rerun(found.recipe)


# -- where there is no derivative ------------------------------------------------------------------------------


def test_a_kink_of_the_optimum_is_marked_and_its_neighbors_are_not():
    rho = qet.gibbs(qet.minimal(h=1.0, k=0.5), T=1.0).density_matrix

    def point(b):
        terms = {"H_A": "1.0 Z0", "V": "0.5 X0 X1", "H_B": qet.pauli("Z1", coefficient=b)}
        return qet.teleport(qet.state(qet.model(terms), rho), measure=qet.measure("X", strength=0.5))

    found = qet.gradient(point, b=np.array([-0.1, 0.0, 0.1]))
    assert found.smooth["b"].tolist() == [True, False, True]
    assert np.isnan(found["b"][1])
    assert np.isnan(found.errors["b"][1])
    slopes = [(float(point(s * 1e-7).extracted) - float(point(0.0).extracted)) / (s * 1e-7) for s in (1, -1)]
    assert abs(slopes[0] - slopes[1]) > 0.1


@pytest.mark.parametrize("of", ["extracted", "local"])
def test_kinks_of_the_closed_forms_are_marked(of):
    def point(b, c):
        terms = {
            "H_A": "0.8 Z0",
            "V": qet.pauli("X0 X1", coefficient=c),
            "H_B": qet.pauli("Z1", coefficient=b),
        }
        jumps = [qet.jump("-", 0, 0.3), qet.jump("-", 1, 0.2)]
        return qet.teleport(qet.steady(qet.model(terms), jumps), measure=qet.measure("X", strength=0.6))

    assert gradient_pair.is_offered(point(0.1, 0.5), ("extracted",))
    found = qet.gradient(point, of=of, b=np.array([-0.2, 0.0, 0.3]), c=0.5)
    assert found.smooth["b"].tolist() == [True, False, True]
    sides = [(getattr(point(s * 1e-6, 0.5), of) - getattr(point(0.0, 0.5), of)) / (s * 1e-6) for s in (1, -1)]
    assert abs(sides[0] - sides[1]) > 0.1


def test_equally_good_operations_that_answer_alike_are_smooth():
    # a projective Alice leaves each branch a circle of best operations
    found = qet.gradient(lambda k: qet.teleport(qet.ground(qet.minimal(k=k)), measure="Y"), k=0.5)
    assert found.is_smooth


def test_the_strength_of_a_projective_measurement_has_no_slope_in_what_it_costs():
    def point(s):
        return qet.teleport(qet.gibbs(qet.ising(2, hx=0.2), T=0.5), measure=qet.measure("Z", strength=s))

    found = qet.gradient(point, of="injected", s=np.array([0.0, 0.5, 1.0]))
    assert found.smooth["s"][1]
    assert not found.smooth["s"][2]
    assert found.one_sided["s"].tolist() == [True, False, True]


def test_the_end_of_a_domain_gives_a_one_sided_derivative():
    values = {name: float(value[0]) for name, value in parameters(1).items()}
    found = qet.gradient(lambda q, k: pair(**{**values, "k": k}, q=q), q=0.0, k=0.7)
    assert found.one_sided["q"]
    assert not found.one_sided["k"]
    f = [float(pair(**{**values, "k": 0.7}, q=i * 1e-3).extracted) for i in range(5)]
    forward = (-25 * f[0] + 48 * f[1] - 36 * f[2] + 16 * f[3] - 3 * f[4]) / 12e-3
    assert np.isclose(found["q"], forward, rtol=1e-6)  # a plain formula of order 4


def test_a_degenerate_ground_level_at_zero_temperature_is_marked():
    def point(k, T):
        return qet.teleport(qet.gibbs(qet.minimal(h=0.0, k=k), T=T), measure="Z")

    found = qet.gradient(point, k=np.array([0.5, 0.5]), T=np.array([0.0, 0.5]))
    assert found.smooth["k"].tolist() == [False, True]


def test_zero_temperature_of_a_unique_ground_state():
    def point(g, T):
        return qet.teleport(qet.gibbs(qet.ising(3, g=g, hx=0.2), T=T), measure="Z")

    found = qet.gradient(point, g=np.array([0.8, 0.8]), T=np.array([0.0, 0.2]))
    ground = qet.gradient(lambda g: qet.teleport(qet.ground(qet.ising(3, g=g, hx=0.2)), measure="Z"), g=0.8)
    assert np.isclose(found["g"][0], ground["g"], rtol=1e-11)
    assert found["T"][0] == 0.0


def test_a_kink_of_a_searched_optimum_is_marked():
    rho = qet.gibbs(qet.ising(3, g=1.0, hx=0.3), T=1.0).density_matrix

    def point(b):  # H_B alone: of b Z1 Bob takes |b| times something
        terms = {"H_A": "1.0 Z0", "H_B": qet.pauli("Z1", coefficient=b), "rest": "0.0 Z2"}
        state = qet.state(qet.model(terms, A=0, B=(1, 2)), rho)
        return qet.teleport(state)

    found = qet.gradient(point, b=np.array([-0.2, 0.0, 0.3]))
    assert found.smooth["b"].tolist() == [True, False, True]


# -- errors and words ------------------------------------------------------------------------------------------


def ground(k):
    return qet.teleport(qet.ground(qet.minimal(h=1.0, k=k)))


def test_what_cannot_be_differentiated_is_refused():
    with pytest.raises(UnknownName, match="kk"):
        qet.gradient(ground, kk=0.5)
    with pytest.raises(UnknownName, match="extracted"):
        qet.gradient(ground, of="extractd", k=0.5)
    with pytest.raises(UnknownName, match="probabilities"):
        qet.gradient(ground, of="probabilities", k=0.5)
    with pytest.raises(UnknownName, match="implicit"):
        qet.gradient(ground, method="numeric", k=0.5)
    with pytest.raises(BadParameter, match="at least one"):
        qet.gradient(lambda: ground(0.5))
    with pytest.raises(BadParameter, match="a run"):
        qet.gradient(lambda k: ground(k).extracted, k=0.5)
    with pytest.raises(BadParameter, match="finite"):
        qet.gradient(ground, k=np.nan)
    with pytest.raises(UnknownName, match="parameter of the gradient"):
        _ = qet.gradient(ground, k=0.5)["h"]


def test_a_parameter_that_is_no_batch_is_refused():
    def point(n):
        return qet.teleport(qet.ground(qet.minimal(k=0.5)), measure=n)

    with pytest.raises(ShapeMismatch, match="point by point"):
        qet.gradient(point, n=np.array([0.0, 0.6, 0.8]))


def test_long_chains_are_not_offered():
    with pytest.raises(NotOffered, match="8"):
        qet.gradient(lambda g: qet.teleport(qet.ground(qet.ising(12, g=g))), g=1.2)


def test_it_prints_and_compares():
    found = qet.gradient(ground, k=0.5)
    assert "d extracted/d k" in str(found)
    assert "0.309687" in repr(found) or "Gradient of extracted" in repr(found)
    assert "<table>" in found._repr_html_()
    assert found == qet.gradient(ground, k=0.5)
    many = qet.gradient(ground, k=np.linspace(0.1, 1.0, 5))
    assert ".." in str(many)


def test_large_batches_of_matrices_go_piece_by_piece(monkeypatch):
    k = np.linspace(0.2, 1.0, 12).reshape(3, 4)
    whole = qet.gradient(ground, k=k)
    monkeypatch.setattr(gradient_implicit, "PIECE", 16 * 5)
    pieces = qet.gradient(ground, k=k)
    assert np.array_equal(whole["k"], pieces["k"])
    assert pieces["k"].shape == (3, 4)
