"""The ground state and low levels of any Pauli sum by Lanczos, to twenty sites and more, one point after the other.

The search goes over the symmetry sectors of `spaces`, the largest first. In each the lowest levels are found as far as
they may count among the lowest of all: a sector whose lowest energy lies above those already known is left early. The
levels of all sectors together, each as often as it occurs, tell whether the one asked for is unique.

The error of an energy comes from the residual r = ‖Hψ - Eψ‖. The vector is off by an angle r/gap at most, with the
gap to the next level of its sector (Davis and Kahan), and a local energy by twice the angle times its scale; the total
energy only by r²/gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged, TooLarge
from qet.foundations.spelling import spelled_bytes
from qet.physics.model import Model
from qet.solvers.spectrum import MEMORY_LIMIT, refuse_degenerate
from qet.solvers.states import Prepared, energy_scale
from qet.solvers.vectors.lanczos import LOOSE, TIGHT, Lowest, lowest
from qet.solvers.vectors.payload import Vectors
from qet.solvers.vectors.spaces import largest_sector, spaces_of
from qet.solvers.vectors.strings import Strings, strings_of

Array = np.ndarray
COLUMNS = 32  # vectors of a Krylov space before it restarts
ACCEPTED = 1e-9  # of a residual, relative to ‖H‖, at which a search that did not reach its aim still counts
_SEED = 20100201  # of the start vectors: the same call finds the same digits


@dataclass(frozen=True, eq=False)
class KrylovReport:
    """What a search for a level says about itself; arrays over the batch.

    Attributes:
        sector: What is conserved in the sector where the level lies, such as "Z0 Z1 = -1"; empty for the whole space.
        energy: E, the constants of H included.
        residual: ‖Hψ - Eψ‖.
        gap: Distance to the nearest other level of the whole spectrum.
        products: Products of H with a vector that the search took.
    """

    sector: Any
    energy: Any
    residual: Any
    gap: Any
    products: Any


@dataclass(frozen=True, eq=False)
class _Level:
    """One level at one point."""

    sector: str
    psi: Array  # (d,)
    lowest: Array  # the level + 2 lowest energies, and the largest |E| seen
    residual: float
    own_gap: float  # to the next level of the sector
    products: int
    is_converged: bool


def level_by_krylov(model: Model, level: int, word: str) -> Prepared:
    """An eigenstate of H at every point of the batch.

    Args:
        model: The model.
        level: Which one, from 0.
        word: The state that was asked for, for errors.

    Raises:
        DegenerateLevel: where the level is not unique (spacing <= 1e-10 ‖H‖).
        TooLarge: where the vectors would not fit. NotConverged: with the vectors on `.best`.

    Example:
        >>> from qet.physics.models import ising
        >>> found = level_by_krylov(ising(10, g=1.5), 0, "ground")
        >>> found.diagnostics.sector, round(float(found.diagnostics.energy), 6)
        ('Z0 Z1 Z2 Z3 Z4 Z5 Z6 Z7 Z8 Z9 = +1', -16.535255)
    """
    _refuse_size(model, word)
    n, shape = model.n_sites, model.shape
    found = [_searched(strings_of(model.dynamics, n, index), level) for index in np.ndindex(shape)]
    energies = np.array([one.lowest for one in found]).reshape(*shape, -1)
    refuse_degenerate(energies, level, word)
    payload = Vectors(np.array([one.psi for one in found]).reshape(*shape, 1, 2**n))
    scale = np.array([one.lowest[-1] for one in found])
    residual = np.array([one.residual for one in found])
    bad = np.array([not one.is_converged for one in found]) & (residual > ACCEPTED * scale)
    if bad.any():
        first = int(np.argmax(bad))
        raise NotConverged(
            f"{word}: the residual of level {level} is {residual[first]:.1e} after {found[first].products} products "
            "with H: its neighbors are too close. Lift the near degeneracy (a field), or take matrix products "
            '(solver="mps").',
            mask=bad.reshape(shape),
            best=payload,
        )
    gaps = np.abs(energies[..., :-1] - energies[..., level : level + 1])
    gaps[..., level] = np.inf
    angle = (residual / np.array([one.own_gap for one in found])).reshape(shape)
    report = KrylovReport(
        found[0].sector if not shape else np.array([one.sector for one in found], dtype=object).reshape(shape),
        (energies[..., level] + model.H.coefficients.get((), 0.0))[()],
        residual.reshape(shape)[()],
        gaps.min(-1)[()],
        np.array([one.products for one in found]).reshape(shape)[()],
    )
    return Prepared(payload, (2.0 * angle * local_scale(model))[()], report)


def local_scale(model: Model) -> Any:
    """Largest Σ|c| over the strings of H that meet a party, wherever on the model a party of that size may be."""
    size = max(len(model.A), len(model.B))
    return size * np.max(np.broadcast_arrays(*(energy_scale(model, [site]) for site in model.sites)), axis=0)


def memory_of(model: Model) -> int:
    """Bytes that a search takes at most, about: the Krylov space of the largest sector, and the states of the batch."""
    n, points = model.n_sites, int(np.prod(model.shape, dtype=float))
    if n > 40:  # no sector makes up for it
        return 8 * COLUMNS * 2 ** min(n, 900)
    strings = strings_of(model.dynamics, n, (0,) * len(model.shape))
    size = 8 if strings.is_real else 16
    rows = largest_sector(strings)
    is_sparse = rows not in (2 ** (n - shift) for shift in range(7))
    matrix = rows * (len(strings.groups) // 2 + 1) * (size + 4) if is_sparse else 0
    return (COLUMNS + 8) * size * rows + matrix + (points + 2) * size * 2**n


def _refuse_size(model: Model, word: str) -> None:
    need = memory_of(model)
    if need > MEMORY_LIMIT:
        raise TooLarge(
            f"{word}: state vectors of {model.n_sites} sites at {int(np.prod(model.shape))} points take "
            f'{spelled_bytes(need)}. Where H is quadratic take solver="fermions", else solver="mps"; or fewer sites, '
            "or fewer points at a time."
        )


def _searched(strings: Strings, level: int) -> _Level:
    """A level over all sectors."""
    spaces, wanted = spaces_of(strings), level + 2
    rng = np.random.default_rng(_SEED)
    found: list[Lowest] = []
    known: list[tuple[float, int, int]] = []  # energy, space, number in it; as often as it occurs
    products = 0
    for place, space in enumerate(spaces):
        product = space.product(strings)
        aims = [TIGHT] * (level + 1) + [LOOSE] if place == 0 else [LOOSE] * wanted
        ceiling = known[wanted - 1][0] if len(known) >= wanted else np.inf
        found.append(lowest(product, aims, rng, columns=COLUMNS, give_up_above=ceiling))
        products += product.count
        some = [(float(E), place, k) for k, E in enumerate(found[-1].energies) for _ in range(space.multiplicity)]
        known = sorted(known + some)[: wanted + 1]
    _, place, k = known[level]
    best, space = found[place], spaces[place]
    if place > 0:
        product = space.product(strings)
        again = lowest(product, [TIGHT] * (k + 1), rng, columns=COLUMNS, start=best.vectors[:, : k + 1])
        products += product.count
    else:
        again = best
    norm = max(one.norm for one in found)
    energies = np.array([E for E, _, _ in known[:wanted]] + [norm])
    energies[level] = again.energies[k]
    return _Level(
        space.name,
        space.lifted(again.vectors[:, k : k + 1])[:, 0],
        energies,
        float(again.residuals[k]),
        _own_gap(best.energies, k),
        products,
        again.is_converged,
    )


def _own_gap(energies: Array, k: int) -> float:
    gaps = np.abs(np.delete(energies, k) - energies[k])
    return max(float(gaps.min(initial=np.inf)), 1e-300)
