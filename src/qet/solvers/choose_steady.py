"""Which route leads to a steady state: every route, whether it applies, what memory it takes, and the usual one.

The master equation decides first: "leads" and "heom" are their own routes. A generator on density matrices is
eliminated on arrays of Pauli means where it is a GKSL equation of up to 5 sites, or of levels where it is Redfield's at
many points of two qubits that keep parity, solved as a dense matrix up to 6, and
iterated in its symmetry sectors up to 8. Jumps alone on single sites are iterated in the sectors of the product basis
from 6 sites on, and beyond 8 third quantization comes first, where the chain is free and driven at its ends. Matrix
products are taken when asked for by name.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qet.foundations.checks import broadcast
from qet.foundations.spelling import spelled_seconds
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.choose import SHORT, Route, too_much
from qet.solvers.masters import Master
from qet.solvers.on_arrays import why_not
from qet.solvers.stationary import keeps_blocks

Things = tuple[Bath | Jump, ...]
ITERATIVE_FROM = 6  # sites: from here on an iteration in symmetry sectors is faster than any matrix
DENSE_UP_TO = 6  # sites of a generator as a dense matrix
EXPLICIT_UP_TO = 7  # sites of a generator as a sparse matrix
CHUNK = 2**19  # entries of a batch of generators that is handled at once
VECTORS = 160  # of the size of a density matrix that an iteration keeps


def steady_routes(model: Model, things: Things, master: Master, bond: int | None = None) -> Iterator[Route]:
    """Routes to a steady state, the best first, each looked into when it is its turn.

    Args:
        model: The Hamiltonian.
        things: Baths and jumps.
        master: As `chosen_master` gives it.
        bond: Bond dimension of matrix products, where one is asked for.
    """
    shapes = {f"surrounding {i}": thing.shape for i, thing in enumerate(things)}
    points = int(np.prod(broadcast(model=model.shape, **shapes), dtype=float))
    n = model.n_sites
    if master == "leads":
        yield Route(
            "leads", "exact, for free fermions between leads: one covariance matrix", 24 * _covariance(n, points)
        )
    elif master == "heom":
        obstacle = "" if n <= 3 else f"a hierarchy of {n} sites is too large; it goes up to 3"
        yield Route("heom", "a hierarchy of auxiliary matrices, through QuTiP", float("nan"), obstacle)
    else:
        short = [_elimination(model, things, points, master), _dense(n, points), _iterative(n, points, master, things)]
        if n < ITERATIVE_FROM:
            yield from short
        if master == "gksl":  # up to 8 sites a density matrix comes first: everything else follows from it
            long = [_fermions(model, things, points), _chains(model, things, points)]
            yield from long if n > SHORT else long[::-1]
        if n >= ITERATIVE_FROM:
            yield from short[::-1]
        if master == "gksl":
            yield _vectorized(model, points)
            yield _mps(model, things, bond)


def usual_solver(model: Model, things: Things, master: Master) -> str:
    """What "auto" takes: the first usual route that applies; where none does, the one whose refusal says the most."""
    for route in steady_routes(model, things, master):
        if route.is_usual and not route.obstacle:
            return route.solver
    if master == "gksl" and model.n_sites > SHORT:
        return "chains"
    return "iterative" if keeps_blocks(master, things) else "dense"


def _elimination(model: Model, things: Things, points: int, master: Master) -> Route:
    n = model.n_sites
    if master in ("local", "gksl"):
        obstacle = "" if n < ITERATIVE_FROM else f"from {ITERATIVE_FROM} sites on an iteration is faster"
        why = "Pauli means, eliminated over arrays of points"
    else:
        obstacle, why = (
            why_not(model, things, master, points),
            "levels and coherences, eliminated over arrays of points",
        )
    return Route("elimination", why, 2.0**25 + 8.0 * 4.0**n * points, obstacle)


def _dense(n: int, points: int) -> Route:
    obstacle = "" if n <= DENSE_UP_TO else f"its matrices are for up to {DENSE_UP_TO} sites"
    at_once = min(points, max(1, CHUNK // 16**n)) if n <= DENSE_UP_TO else 1
    return Route(
        "dense", "the generator as a dense matrix", 24.0 * 16.0**n * at_once + 16.0 * 4.0**n * points, obstacle
    )


def _iterative(n: int, points: int, master: Master, things: Things) -> Route:
    obstacle = "" if n <= SHORT else f"it is for up to {SHORT} sites"
    if not keeps_blocks(master, things):
        obstacle = "the equation compares pairs of Bohr frequencies one by one"
    need = 16.0 * 4.0**n * (VECTORS + points)
    return Route("iterative", "an iteration in symmetry sectors, never a generator", need, obstacle)


def _fermions(model: Model, things: Things, points: int) -> Route:
    from qet.solvers.fermions.offers import why_not_driven

    need = 6 * _covariance(model.n_sites, points)
    obstacle = why_not_driven(model, things) or too_much(need)
    return Route("fermions", "third quantization: one covariance matrix", need, obstacle)


def _chains(model: Model, things: Things, points: int) -> Route:
    from qet.solvers.chains.steady import memory_of, why_not

    obstacle = why_not(model, things)
    need = float("nan") if obstacle else float(memory_of(model, things)) if points else 0.0
    return Route("chains", "matrix-free in symmetry sectors, preconditioned", need, obstacle or too_much(need))


def _mps(model: Model, things: Things, bond: int | None) -> Route:
    from qet.solvers.mps.driven import memory_of, seconds_of, why_not
    from qet.solvers.mps.driven_state import BOND

    need = memory_of(model, things, bond)
    obstacle = why_not(model, things) or too_much(need)
    time = seconds_of(model, things, bond)
    why = f"matrix products of bond {bond or BOND}, with a stated error; about {spelled_seconds(time)} of CPU time"
    return Route("mps", why, need, obstacle, is_usual=False)


def _vectorized(model: Model, points: int) -> Route:
    n = model.n_sites
    obstacle = "" if n <= EXPLICIT_UP_TO else f"the textbook's sparse matrix is for up to {EXPLICIT_UP_TO} sites"
    need = 16.0 * 4.0 ** (1.75 * n) + 24.0 * 4.0**n * (len(model.H.terms) + 4.0) + 16.0 * 4.0**n * points
    return Route("vectorized", "the textbook's sparse matrix", need, obstacle, is_usual=False)


def _covariance(n: int, points: int) -> float:
    """Bytes of the covariance matrices of the 2 n Majoranas."""
    return 8 * (2.0 * n) ** 2 * points
