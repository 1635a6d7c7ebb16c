"""Which solver a word will use, with what memory, and why not the others, before anything is solved.

The routes are those that the words themselves look through (`choose`, `choose_steady`), so what is explained is what
is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from inspect import signature
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.errors import BadParameter, NotOffered, TooLarge, unknown
from qet.foundations.spelling import spelled_bytes
from qet.physics.model import Model
from qet.solvers.choose import (
    BOND,
    SAMPLES,
    Route,
    Solver,
    checked_solver,
    chosen,
    eigenstate_routes,
    gibbs_routes,
    ground_routes,
)
from qet.solvers.choose_steady import steady_routes
from qet.solvers.masters import Master
from qet.solvers.prepare import check_level, check_model
from qet.solvers.steady import as_surroundings, chosen_master
from qet.solvers.steady import check_request as check_steady
from qet.solvers.vectors.typicality import check_request


@dataclass(frozen=True)
class Explanation:
    """What a word would do.

    Attributes:
        word: The word asked about.
        asked: The solver asked for; "auto" where none was.
        solver: The solver that will be used; None where the word would refuse.
        memory: Bytes it takes at most, about; nan where that is not known beforehand.
        why: What the solver does; or why the word would refuse.
        routes: Every route, in the order in which they are tried.
    """

    word: str
    asked: str
    solver: str | None
    memory: float
    why: str
    routes: tuple[Route, ...]

    def __repr__(self) -> str:
        return f"<{self.word} by {self.solver}: {self.why}>" if self.solver else f"<{self.word} refuses: {self.why}>"

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[i]) for row in rows) for i in range(2)]
        return "\n".join([self._verdict(), *(f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows)])

    def _repr_html_(self) -> str:
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows())
        head = "<tr><th>solver</th><th>memory</th><th></th></tr>"
        return f"<p>{escape(self._verdict())}</p><table>{head}{body}</table>"

    def _verdict(self) -> str:
        if self.solver is None:
            return self.why
        memory = f"about {_spelled(self.memory)}" if np.isfinite(self.memory) else "memory not known beforehand"
        return f"{self.word}: solver {self.solver!r}, {memory}"

    def _rows(self) -> list[tuple[str, str, str]]:
        """Solver, memory and verdict of every route."""
        rows = []
        for route in self.routes:
            memory = route.memory
            if route.solver == self.solver:
                memory, remark = self.memory, f"taken: {self.why}"
            elif route.obstacle:
                remark = f"not taken: {route.obstacle}"
            elif route.is_usual:
                remark = f"applies too: {route.why}"
            else:
                remark = f"when asked for by name: {route.why}"
            rows.append((route.solver, _spelled(memory), remark))
        return rows


@dataclass(frozen=True)
class _Request:
    solver: str
    numbers: tuple[int, ...]
    routes: tuple[Route, ...]
    check: Callable[[], None] | None = None


def explain(word: Any, *args: Any, **options: Any) -> Explanation:
    """Which solver a word will use, what memory, and why; nothing is solved.

    Args:
        word: `ground`, `eigenstate`, `gibbs` or `steady`, or its name.
        args: What the word takes: explain(qet.gibbs, model, T=0.3) explains qet.gibbs(model, T=0.3).
        options: Likewise.

    Returns:
        An `Explanation`; print it for the table of all routes.

    Raises:
        UnknownName: for another word. BadParameter: for arguments that do not fit it, and what the word itself raises
            for arguments that are wrong in themselves (not for a route that does not apply: that is explained).

    Example:
        >>> import qet
        >>> print(qet.explain(qet.eigenstate, qet.ising(6), 3))
        eigenstate: solver 'dense', about 192 KiB
          dense    192 KiB  taken: all levels, by LAPACK
          krylov  11.5 KiB  applies too: state vectors, never a matrix
    """
    name = word if isinstance(word, str) else getattr(word, "__name__", repr(word))
    if name not in _REQUESTS:
        raise unknown("word with solvers", name, _REQUESTS)
    try:
        signature(_REQUESTS[name]).bind(*args, **options)
    except TypeError as error:
        raise BadParameter(f"explain({name}, ...) takes what {name} takes: {error}.") from None
    request = _REQUESTS[name](*args, **options)
    try:
        taken = _taken(name, request)
        if request.check:
            request.check()
    except (NotOffered, TooLarge) as error:
        return Explanation(name, request.solver, None, float("nan"), str(error), request.routes)
    return Explanation(name, request.solver, taken.solver, _memory(taken, request.numbers), taken.why, request.routes)


def _ground(model: Any, *, solver: Solver = "auto") -> _Request:
    if not isinstance(model, Model):
        return _oscillators("ground", model, (), solver)
    return _Request(*checked_solver(solver), tuple(ground_routes(model)))


def _eigenstate(model: Model, level: int, *, solver: Solver = "auto") -> _Request:
    check_model("eigenstate", model)
    return _Request(*checked_solver(solver), tuple(eigenstate_routes(model, check_level(model, level))))


def _gibbs(model: Any, *, T: Any, solver: Solver = "auto") -> _Request:
    if not isinstance(model, Model):
        return _oscillators("gibbs", model, np.shape(T), solver)
    shape = broadcast(model=model.shape, T=np.shape(real("T", T, minimum=0.0)))
    name, numbers = checked_solver(solver)
    routes = tuple(gibbs_routes(model, shape))
    if name != "typicality":
        return _Request(name, numbers, routes)
    count = numbers[0] if numbers else SAMPLES
    return _Request(name, numbers, routes, partial(check_request, model, T, count, shape))


def _oscillators(word: str, model: Any, shape: tuple[int, ...], solver: Solver) -> _Request:
    """The one route of oscillators: what is no model at all is refused here, too."""
    from qet.solvers.oscillators import checked_model

    modes = checked_model(word, model, solver)
    points = int(np.prod(broadcast(model=modes.shape, T=shape), dtype=float))
    need = 8 * 4.0 * modes.n_sites**2 * points
    return _Request("auto", (), (Route("normal modes", "the Gaussian state of the normal modes", need),))


def _steady(
    model: Model, surroundings: Any, *, master: Master | None = None, solver: Solver = "auto", allow: Any = ()
) -> _Request:
    check_model("steady", model)
    things = as_surroundings(surroundings)
    check_steady(model, things, solver)
    equation = chosen_master(master, things)
    if equation in ("leads", "heom") and solver in ("dense", "iterative"):
        solver = "auto"  # these equations have one route, whatever is asked
    name, bond = (solver, None) if isinstance(solver, str) else (solver[0], int(solver[1]) if len(solver) > 1 else None)
    return _Request(name, (), tuple(steady_routes(model, things, equation, bond)))


_REQUESTS: dict[str, Callable[..., _Request]] = {
    "ground": _ground,
    "eigenstate": _eigenstate,
    "gibbs": _gibbs,
    "steady": _steady,
}


def _taken(word: str, request: _Request) -> Route:
    """The route that a word takes, or its refusal."""
    if word != "steady" or request.solver == "auto":
        return chosen(word, request.routes, request.solver)
    for route in request.routes:
        if route.solver == request.solver:
            if route.obstacle:
                raise NotOffered(f"steady: solver={route.solver!r} does not apply: {route.obstacle}.")
            return route
    raise NotOffered(f'steady: solver={request.solver!r} is for master="gksl", jumps alone.')


def _memory(route: Route, numbers: tuple[int, ...]) -> float:
    """Bytes of a route with the numbers given to it: a bond dimension enters squared, random vectors by their count."""
    if route.solver == "typicality" and numbers:
        return route.memory * numbers[0] / SAMPLES
    if route.solver == "mps" and numbers:
        return route.memory * (numbers[0] / BOND) ** 2
    return route.memory


def _spelled(memory: float) -> str:
    return spelled_bytes(memory) if np.isfinite(memory) else "not known"
