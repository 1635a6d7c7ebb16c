"""States from a model: ground, eigenstate, Gibbs, or given; and the choice of the route.

Two-qubit models with Z0, Z1 and X0 X1 alone have closed forms (`pair`); short ones are diagonalized as dense matrices,
batched; long chains take the routes of `choose`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import DEGENERACY_TOLERANCE, POSITIVITY_TOLERANCE
from qet.foundations.errors import (
    BadParameter,
    NotAState,
    QetError,
    ShapeMismatch,
    refuse_where,
)
from qet.foundations.linalg import dagger
from qet.foundations.values import Call, call_of
from qet.physics.model import Model
from qet.solvers import answers as _answers  # noqa: F401 - registers the questions its payloads answer
from qet.solvers import pair
from qet.solvers.choose import (
    SAMPLES,
    SHORT,
    Route,
    Solver,
    checked_solver,
    chosen,
    eigenstate_routes,
    gibbs_routes,
    ground_routes,
)
from qet.solvers.deferred import is_deferred, put_off
from qet.solvers.spectrum import refuse_degenerate, spectrum
from qet.solvers.states import Dense, Expectations, Prepared, State, energy_scale, no_points

if TYPE_CHECKING:
    from qet.physics.oscillators import Oscillators
    from qet.solvers.oscillators import OscillatorState

Array = np.ndarray
QUARTIC_ERROR = 1e-12  # of its means, measured against LAPACK on random matrices


@overload
def ground(model: Model, *, solver: Solver = "auto") -> State: ...


@overload
def ground(model: Oscillators, *, solver: Solver = "auto") -> OscillatorState: ...


def ground(model: Model | Oscillators, *, solver: Solver = "auto") -> State | OscillatorState:
    """The ground state of a model, at every point of its batch.

    Two qubits with fields along Z and one XX coupling have a closed form, large batches of any two qubits the roots
    of a quartic; up to 8 sites H is diagonalized. Longer chains are free fermions where H is quadratic, else state
    vectors by Krylov methods, else matrix products; `explain(ground, model)` says which. Oscillators (`harmonic`,
    `oscillators`) have the Gaussian state of their normal modes.

    Args:
        model: The model.
        solver: "auto", or the name of a route: "closed form", "quartic", "dense", "fermions", "krylov", "mps" or
            ("mps", bond) with the bond dimension at most.

    Raises:
        DegenerateLevel: where the lowest level is not unique (spacing <= 1e-10 ‖H‖).
        NotOffered, TooLarge: where a route does not apply, with the reason and the memory it would take.
        NotConverged: for matrix products; `.best` is the state found.

    Example:
        >>> import qet
        >>> state = qet.ground(qet.minimal(h=1.0, k=0.5))
        >>> round(float(qet.expect(state, "Z0")), 6)
        -0.894427
    """
    if not isinstance(model, Model):
        from qet.solvers.oscillators import checked_model, ground_of

        return ground_of(checked_model("ground", model, solver))
    name, numbers = checked_solver(solver)
    call = call_of("ground", {"model": model}, {"solver": (solver, "auto")})
    if is_deferred():
        return put_off(model, model.shape, call, partial(ground, model, solver=solver))
    return _lowest(model, 0, "ground", chosen("ground", ground_routes(model), name), numbers, call)


def eigenstate(model: Model, level: int, *, solver: Solver = "auto") -> State:
    """The energy eigenstate number `level`, counted from 0 at the bottom, at every point of the batch.

    Args:
        model: The model.
        level: Which one.
        solver: "auto", "dense", or "krylov" for the lowest 16 levels of long chains.

    Raises:
        DegenerateLevel: where that level is not unique.
        BadParameter: if there is no such level.
    """
    check_model("eigenstate", model)
    level = check_level(model, level)
    name, numbers = checked_solver(solver)
    call = call_of("eigenstate", {"model": model, "level": level}, {"solver": (solver, "auto")})
    if is_deferred():
        return put_off(model, model.shape, call, partial(eigenstate, model, level, solver=solver))
    route = chosen("eigenstate", eigenstate_routes(model, level), name)
    return _lowest(model, level, f"eigenstate level {level}", route, numbers, call)


@overload
def gibbs(model: Model, *, T: Any, solver: Solver = "auto") -> State: ...


@overload
def gibbs(model: Oscillators, *, T: Any, solver: Solver = "auto") -> OscillatorState: ...


def gibbs(model: Model | Oscillators, *, T: Any, solver: Solver = "auto") -> State | OscillatorState:
    """The thermal state exp(-H/T)/Z.

    Entries with T = 0 are the equal mixture of all levels within 1e-10 ‖H‖ of the lowest.

    Args:
        model: The model.
        T: Temperature >= 0 in units of energy; number or array, broadcasts with the model's parameters.
        solver: "auto", or the name of a route: "closed form", "dense", "fermions", "mps" or ("mps", bond), and
            "typicality", ("typicality", count) or ("typicality", count, seed) for random vectors, whose statistical
            error is the state's.

    Raises:
        BadParameter: for T < 0, NaN or infinite.
        ShapeMismatch: if T does not broadcast with the model.
        NotOffered, TooLarge: where a route does not apply, with the reason and the memory it would take.

    Example:
        >>> import qet
        >>> float(qet.expect(qet.gibbs(qet.minimal(k=0.0), T=0.0), "Z0"))
        -1.0
    """
    if not isinstance(model, Model):
        from qet.solvers.oscillators import checked_model, gibbs_of

        return gibbs_of(checked_model("gibbs", model, solver), T)
    T = real("T", T, minimum=0.0)
    shape = broadcast(model=model.shape, T=np.shape(T))
    name, numbers = checked_solver(solver)
    call = call_of("gibbs", {"model": model, "T": T}, {"solver": (solver, "auto")})
    if is_deferred():
        return put_off(model, shape, call, partial(gibbs, model, T=T, solver=solver))
    route = chosen("gibbs", gibbs_routes(model, shape), name)
    if route.solver == "closed form":
        return State(model, pair.gibbs_pair(model, T), "closed form", call)
    if route.solver == "dense" and model.n_sites > SHORT:
        from qet.solvers.vectors.thermal import gibbs_by_sectors

        return _state_of(model, gibbs_by_sectors(model, T), route, call)
    if route.solver == "dense":
        energies, vectors = spectrum(model, np.shape(T))
        p = _boltzmann(energies, T)
        return State(model, Dense((vectors * p[..., None, :]) @ dagger(vectors)), "dense", call)
    return _state_by(partial(_thermal, model, T, route, numbers), model, route, call)


def _thermal(model: Model, T: Any, route: Route, numbers: tuple[int, ...]) -> Prepared:
    """A thermal state of a long chain."""
    if route.solver == "fermions":
        from qet.solvers.fermions.states import gibbs_by_fermions

        return gibbs_by_fermions(model, T)
    if route.solver == "mps":
        from qet.solvers.mps.states import gibbs_by_mps

        return gibbs_by_mps(model, T, numbers[0] if numbers else None)
    shape = np.broadcast_shapes(model.shape, np.shape(T))
    if 0 in shape:
        return Prepared(no_points(model, shape))
    from qet.solvers.vectors.typicality import gibbs_by_typicality

    count, seed = (*numbers, *(SAMPLES, 0)[len(numbers) :])
    return gibbs_by_typicality(model, T, count, seed)


def _lowest(model: Model, level: int, word: str, route: Route, numbers: tuple[int, ...], call: Call) -> State:
    """The ground state or an eigenstate by a route."""
    if route.solver == "closed form":
        return State(model, pair.ground_pair(model), "closed form", call)
    if route.solver == "quartic":
        from qet.solvers.quartic import ground_two_qubits

        return State(model, ground_two_qubits(model), "quartic", call, QUARTIC_ERROR * energy_scale(model))
    if route.solver == "dense":
        return State(model, Dense(_level(model, level, word)), "dense", call)
    if route.solver == "fermions":
        from qet.solvers.fermions.states import ground_by_fermions

        return _state_of(model, ground_by_fermions(model), route, call)
    if route.solver == "mps":
        from qet.solvers.mps.states import ground_by_mps

        return _state_by(partial(ground_by_mps, model, numbers[0] if numbers else None), model, route, call)
    if 0 in model.shape:
        return State(model, no_points(model, model.shape), route.solver, call)
    from qet.solvers.vectors.levels import level_by_krylov

    return _state_by(partial(level_by_krylov, model, level, word), model, route, call)


def _state_by(solve: Callable[[], Prepared], model: Model, route: Route, call: Call) -> State:
    """The state that a solver finds; where it raises with what it reached, `.best` is a state, too."""
    try:
        return _state_of(model, solve(), route, call)
    except QetError as error:
        if error.best is not None:
            reached = (
                error.best if isinstance(error.best, Prepared) else Prepared(error.best, 2.0 * energy_scale(model))
            )
            error.best = _state_of(model, reached, route, call)
        raise


def _state_of(model: Model, found: Prepared, route: Route, call: Call) -> State:
    return State(model, found.payload, route.solver, call, found.error, diagnostics=found.diagnostics)


@overload
def state(model: Model, rho_or_psi: Any) -> State: ...


@overload
def state(model: Oscillators, rho_or_psi: Any) -> OscillatorState: ...


def state(model: Model | Oscillators, rho_or_psi: Any) -> State | OscillatorState:
    """A given state: a density matrix, a state vector, or a QuTiP Qobj; of oscillators the covariance.

    Args:
        model: The model the state belongs to.
        rho_or_psi: Density matrix (..., d, d) or normalized vector (..., d), site 0 leftmost; leading axes are points.
            Of oscillators: <{r_i, r_j}>/2 with r = (x.., p..), shape (..., 2N, 2N), the means being zero.

    Raises:
        NotAState: if the trace is not one, it is not Hermitian, or an eigenvalue is negative; for a covariance that
            breaks the uncertainty relation.
        ShapeMismatch: if the size does not fit the model.
    """
    if not isinstance(model, Model):
        from qet.solvers.oscillators import checked_model, given_state

        return given_state(checked_model("state", model), rho_or_psi)
    try:
        array = np.array(rho_or_psi.full() if hasattr(rho_or_psi, "full") else rho_or_psi)
    except ValueError:
        raise NotAState("a state is an array; the rows of this one differ in length.") from None
    if array.dtype.kind in "fciu":
        array = array.astype(complex if array.dtype.kind == "c" else float)  # double precision everywhere
    if array.dtype.kind not in "fc" or not np.all(np.isfinite(array)):
        raise NotAState("a state is a numeric array without NaN or infinite entries.")
    d = 2**model.n_sites
    if array.ndim >= 2 and array.shape[-2:] == (d, d):
        matrix = array
    elif array.ndim >= 2 and array.shape == (d, 1):
        matrix = _projector(array[:, 0])
    elif array.ndim >= 1 and array.shape[-1] == d:
        matrix = _projector(array)
    else:
        raise ShapeMismatch(f"a state of {model.n_sites} qubits is ({d}, {d}) or ({d},); got {array.shape}.")
    _check_state(matrix)
    matrix = (matrix + dagger(matrix)) / 2
    broadcast(model=model.shape, state=matrix.shape[:-2])
    return State(model, Dense(matrix), "given", Call("state", {"model": model, "rho_or_psi": array}))


def depolarize(state: State, probability: Any) -> State:
    """The state mixed with white noise: (1 - p) rho + p 1/d.

    Args:
        state: Any state.
        probability: 0 <= p <= 1; number or array, broadcasts with the state.

    Raises:
        BadParameter: for a probability outside [0, 1]. ShapeMismatch: if it does not broadcast.
    """
    if not isinstance(state, State):
        raise BadParameter(f"depolarize takes a state, such as qet.ground(model); got {type(state).__name__}.")
    p = real("probability", probability, minimum=0.0, maximum=1.0)
    shape = broadcast(state=state.shape, probability=np.shape(p))
    call = Call("depolarize", {"state": state, "probability": p})
    if is_deferred():
        return put_off(state.model, shape, call, partial(depolarize, state, p), state.surroundings, state.master)
    if isinstance(state.payload, Expectations):
        values = {string: (1 - p) * value for string, value in state.payload.values.items()}
        return State(state.model, Expectations(state.payload.n_sites, values), state.solver, call, state.found_error)
    rho = state.density_matrix
    weight = np.asarray(p)[..., None, None]
    mixed = (1 - weight) * rho + weight * np.eye(rho.shape[-1]) / rho.shape[-1]
    return State(state.model, Dense(mixed), state.solver, call, state.found_error)


def _level(model: Model, level: int, word: str) -> Array:
    energies, vectors = spectrum(model)
    refuse_degenerate(energies, level, word)
    return _projector(vectors[..., :, level])


def _boltzmann(energies: Array, T: Any) -> Array:
    """Populations exp(-(E - E0)/T)/Z; at T = 0 the equal mixture of the lowest levels."""
    T = np.asarray(T)[..., None]
    excess = energies - energies[..., :1]
    lowest = excess <= DEGENERACY_TOLERANCE * np.abs(energies).max(-1, keepdims=True)
    with np.errstate(over="ignore"):  # an infinite exponent is an empty level
        weights = np.where(T > 0.0, np.exp(-excess / np.where(T > 0.0, T, 1.0)), lowest)
    return weights / weights.sum(-1, keepdims=True)


def check_model(word: str, model: Any) -> None:
    """Refuse what is no model."""
    if not isinstance(model, Model):
        raise BadParameter(f"{word} takes a model, such as qet.minimal(); got {type(model).__name__}.")


def check_level(model: Model, level: Any) -> int:
    """The number of a level that the model has."""
    if isinstance(level, bool) or not isinstance(level, (int, np.integer)):
        raise BadParameter(f"level is an integer counted from 0; got {level!r}.")
    if not 0 <= level < 2**model.n_sites:
        raise BadParameter(
            f"level={level} does not exist: {model.n_sites} qubits have levels 0 .. {2**model.n_sites - 1}."
        )
    return int(level)


def _projector(vector: Array) -> Array:
    return vector[..., :, None] * vector[..., None, :].conj()


def _check_state(matrix: Array) -> None:
    trace = np.trace(matrix, axis1=-2, axis2=-1)
    refuse_where(
        np.abs(trace - 1.0) > POSITIVITY_TOLERANCE,
        NotAState,
        lambda i: f"the state has trace {complex(trace[i]):.6g}, not 1. Divide by it",
    )
    skew = np.abs(matrix - dagger(matrix)).max((-1, -2))
    refuse_where(
        skew > POSITIVITY_TOLERANCE,
        NotAState,
        lambda i: f"the state is not Hermitian: max |rho - rho†| = {skew[i]:.1e}",
    )
    smallest = np.linalg.eigvalsh((matrix + dagger(matrix)) / 2)[..., 0]
    refuse_where(
        smallest < -POSITIVITY_TOLERANCE,
        NotAState,
        lambda i: f"the state has a negative eigenvalue {smallest[i]:.1e}. Project it onto the density matrices first",
    )
