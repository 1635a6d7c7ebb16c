"""How many steady states a driven chain has: one, or several.

Derived here; see `irreducible` and `commutant` for the two theorems used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qet.foundations.paulis import PauliSum
from qet.solvers.chains.action import Generator
from qet.solvers.chains.irreducible import commuting_strings, is_closed_under_adjoints, is_irreducible
from qet.solvers.chains.iteration import Solved, solved
from qet.solvers.chains.layout import Layout
from qet.solvers.sectors import Sectors

Array = np.ndarray
SHORT = 8  # sites up to which the commutant is found where the operators leave the question open
WRITTEN = 4  # sites up to which the generator is written out to count them
_APART = 1e-6  # between the states from two starts, relative to their norm


def count_states(
    generator: Generator,
    layout: Layout,
    sectors: Sectors,
    operators: tuple[PauliSum, ...],
    found: Solved,
    setting: Callable[[], Any],
) -> int:
    """1, or a number above 1, which is the true one up to 8 sites."""
    is_several = (
        any(sectors.symmetries.conserved)
        or closed_classes(generator, sectors.labels) > 1
        or commuting_strings(generator, operators) > 0
    )
    if (
        not (is_several or not found.is_converged)
        and is_irreducible(generator, operators)
        and (is_closed_under_adjoints(operators) or has_full_rank(layout, found))
    ):
        return 1
    if is_several or generator.n_sites <= SHORT:
        return several(generator, setting)
    return 1 if not found.is_converged or _comes_back(generator, layout, found) else 2


def several(generator: Generator, setting: Callable[[], Any]) -> int:
    """The number of steady states up to 8 sites; beyond, 2 for a generator known to have several."""
    if generator.n_sites > SHORT:
        return 2
    from qet.solvers.setting import solve
    from qet.solvers.stationary import solve_iteratively

    point = setting()
    exact = solve(point) if generator.n_sites <= WRITTEN else solve_iteratively(point)
    return int(np.asarray(exact.null_dimension).reshape(-1)[0])


def closed_classes(generator: Generator, labels: tuple[Array, ...]) -> int:
    """Number of least sets of sectors that jumps do not leave: each has a steady state of its own."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = generator.n_sites
    sector = np.empty(2**n, dtype=int)
    for s, some in enumerate(labels):
        sector[some] = s
    edges = set()
    for site, (J, _) in generator.jumps.items():
        bit = 1 << (n - 1 - site)
        for r in (0, 1):  # from the value r of the bit to its opposite
            if J[1 - r, 1 - r, r, r] != 0.0:
                sources = np.flatnonzero((np.arange(2**n) & bit != 0) == bool(r))
                edges |= set(zip(sector[sources].tolist(), sector[sources ^ bit].tolist(), strict=True))
    if not edges:
        return len(labels)
    rows, columns = np.array(sorted(edges)).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(labels), len(labels)))
    count, component = connected_components(graph, connection="strong")
    is_left = {int(component[a]) for a, b in edges if component[a] != component[b]}
    return int(count) - len(is_left)


def has_full_rank(layout: Layout, found: Solved) -> bool:
    """Whether every eigenvalue is positive beyond the error of the state."""
    for b in range(len(layout.labels)):
        if np.linalg.eigvalsh(layout.hermitian(found.x, b))[0] <= found.distance + 1e-15:
            return False
    return True


def _comes_back(generator: Generator, layout: Layout, found: Solved) -> bool:
    """Whether a random Hermitian start, with a share in whatever is conserved, comes to the same state."""
    start = layout.identity()
    start += np.random.default_rng(0).standard_normal(layout.unknowns) / layout.levels
    other = solved(generator, layout, start / layout.trace(start))
    apart = layout.norm(other.x - found.x)
    return apart <= _APART * layout.norm(found.x) + other.distance + found.distance
