"""Which route leads to a state: every route, whether it applies, what memory it takes, and the first that does.

A route is named by its solver. Up to 8 sites a state is a density matrix, from which everything else follows. Longer
chains keep fewer numbers: a covariance where H is quadratic in fermions, vectors where the state is pure or sampled,
matrix products where neither fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered, TooLarge, unknown
from qet.foundations.spelling import points_spelled, spelled_bytes
from qet.physics.model import Model
from qet.solvers import pair
from qet.solvers.spectrum import MEMORY_LIMIT, dense_memory

Solver = str | tuple[Any, ...]
SOLVERS = ("auto", "closed form", "quartic", "dense", "fermions", "krylov", "mps", "typicality")
SHORT = 8  # sites up to which a density matrix is the best representation of anything
MANY = 512  # points of two qubits from which arithmetic on arrays beats LAPACK
LEVELS = 16  # excited levels that a Krylov space is asked for
BOND = 128  # bond dimension of a matrix product where none is given
SAMPLES = 16  # random vectors of a thermal state where their number is not given


@dataclass(frozen=True)
class Route:
    """One way to a state.

    Attributes:
        solver: Its name.
        why: What it does.
        memory: Bytes it takes at most, about.
        obstacle: Why it is not taken; empty where it applies.
        is_usual: Whether "auto" may take it.
        has_leave: Whether it may be asked for by name in spite of its obstacle, which is then no more than its time.
    """

    solver: str
    why: str
    memory: float
    obstacle: str = ""
    is_usual: bool = True
    has_leave: bool = False


def checked_solver(solver: Any) -> tuple[str, tuple[Any, ...]]:
    """A solver's name and its numbers: "mps", ("mps", bond), ("typicality", count, seed).

    Raises:
        UnknownName: for another name. BadParameter: for numbers that do not fit.
    """
    name, *numbers = solver if isinstance(solver, (tuple, list)) and solver else (solver,)
    if not isinstance(name, str) or name not in SOLVERS:
        raise unknown("solver", name, SOLVERS)
    most = {"mps": 1, "typicality": 2}.get(name, 0)
    is_whole = [isinstance(x, (int, np.integer)) and not isinstance(x, bool) and x >= 0 for x in numbers]
    if len(numbers) > most or not all(is_whole) or (numbers and numbers[0] == 0):
        raise BadParameter(
            f"solver={solver!r}: the solvers with numbers are ('mps', bond) and ('typicality', count, seed), whole and "
            "positive."
        )
    return name, tuple(int(x) for x in numbers)


def ground_routes(model: Model, level: int = 0) -> Iterator[Route]:
    """Routes to the ground state or an eigenstate, the best first, each looked into when it is its turn."""
    n, points = model.n_sites, int(np.prod(model.shape, dtype=float))
    if level == 0:
        yield _pair(model, points)
        few = "" if n == 2 and points >= MANY else f"it is for {MANY} points of two qubits and more"
        yield Route("quartic", "roots of a quartic over arrays", 4096.0 * points, few)
    yield _dense(n, points, SHORT if level < LEVELS else 2 * SHORT)
    if level == 0:
        yield _fermions(model, points)
    yield _krylov(model, level)
    if level == 0:
        yield _mps(model, points)


def eigenstate_routes(model: Model, level: int) -> Iterator[Route]:
    """Routes to an eigenstate by its number, the best first: those that know levels above the lowest."""
    return (route for route in ground_routes(model, level) if route.solver in ("dense", "krylov"))


def gibbs_routes(model: Model, shape: tuple[int, ...]) -> Iterator[Route]:
    """Routes to a thermal state at points of a shape, the best first, each looked into when it is its turn."""
    n, points = model.n_sites, int(np.prod(shape, dtype=float))
    yield _pair(model, points)
    if n > SHORT:
        yield _fermions(model, points)
    yield _exact(n, points)
    if n <= SHORT:
        yield _fermions(model, points)
    yield _mps(model, points, needs_search=False)
    yield _typicality(model, shape)


def chosen(word: str, routes: Iterable[Route], solver: str) -> Route:
    """The route of a name, or the first usual one that applies.

    Raises:
        NotOffered, TooLarge: where the named one does not apply, or none does.
    """
    seen: list[Route] = []
    for route in routes:
        seen.append(route)
        if solver == "auto" and route.is_usual and not route.obstacle:
            return route
    named = next((route for route in seen if route.solver == solver), None)
    usual = [route.solver for route in seen if route.is_usual and not route.obstacle]
    advice = f" Take solver={usual[0]!r}." if usual else ""
    if named is not None:
        if named.obstacle and not named.has_leave:
            raise _refusal(named, f"{word}: solver={solver!r} does not apply: {named.obstacle}.{advice}")
        return named
    if solver != "auto":
        names = ", ".join(route.solver for route in seen)
        raise NotOffered(f"{word}: solver={solver!r} does not make this state; the routes to it are {names}.")
    reasons = "; ".join(f"{route.solver}: {route.obstacle}" for route in seen if route.obstacle)
    unasked = [route.solver for route in seen if not route.obstacle]  # those that "auto" does not take
    advice = f" Take solver={unasked[0]!r}." if unasked else ""
    raise _refusal(
        max(seen, key=lambda route: route.memory), f"{word}: no route leads to this state. {reasons}.{advice}"
    )


def _refusal(route: Route, message: str) -> Exception:
    return (TooLarge if route.memory > MEMORY_LIMIT else NotOffered)(message)


def _pair(model: Model, points: int) -> Route:
    obstacle = "" if pair.offers(model) else "it is for two qubits with Z0, Z1 and X0 X1 alone"
    return Route("closed form", "formulas of the minimal pair", 64.0 * points, obstacle)


def _dense(n: int, points: int, longest: int) -> Route:
    need = dense_memory(n, points)
    obstacle = f"matrices of all levels of {n} sites at {points_spelled((points,))} take {spelled_bytes(need)}"
    if need > MEMORY_LIMIT:
        return Route("dense", "all levels, by LAPACK", need, obstacle)
    obstacle = "" if n <= longest else f"beyond {longest} sites other routes are faster"
    return Route("dense", "all levels, by LAPACK", need, obstacle, has_leave=True)


def _exact(n: int, points: int) -> Route:
    """All levels of a thermal state, beyond 8 sites sector by sector."""
    from qet.solvers.vectors.thermal import LONGEST

    route = _dense(n, points, LONGEST)
    if n > LONGEST and route.has_leave:
        return replace(route, obstacle=f"all levels are found up to {LONGEST} sites", has_leave=False)
    return route


def _fermions(model: Model, points: int) -> Route:
    from qet.solvers.fermions.offers import why_not

    need = 6 * 8 * (2.0 * model.n_sites) ** 2 * points
    obstacle = why_not(model) or too_much(need)
    return Route("fermions", "H is quadratic in Jordan–Wigner fermions: one covariance matrix", need, obstacle)


def _krylov(model: Model, level: int) -> Route:
    from qet.solvers.vectors.levels import memory_of

    need = float(memory_of(model))
    far = f"level {level} is too far up for a Krylov space; it is asked for the lowest {LEVELS}"
    obstacle = (far if level >= LEVELS else "") or too_much(need)
    return Route("krylov", "state vectors, never a matrix", need, obstacle)


def _typicality(model: Model, shape: tuple[int, ...]) -> Route:
    from qet.solvers.vectors.typicality import memory_of

    need = float(memory_of(model, SAMPLES, shape))
    return Route("typicality", "random vectors, with a statistical error", need, too_much(need), is_usual=False)


def _mps(model: Model, points: int, *, needs_search: bool = True) -> Route:
    need = 16.0 * 8 * model.n_sites * BOND**2 * max(points, 1)
    missing = "" if find_spec("tenpy") or not needs_search else "TeNPy is not installed: pip install 'qet[mps]'"
    return Route("mps", "matrix products, with a truncation error", need, missing or too_much(need))


def too_much(need: float) -> str:
    """The obstacle of a route that would take more memory than we start on without being asked; else empty."""
    return f"it would take {spelled_bytes(need)}" if need > MEMORY_LIMIT else ""
