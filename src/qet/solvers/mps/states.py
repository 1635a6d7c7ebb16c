"""Ground and thermal states of chains of any length as matrix products, through TeNPy and by cooling.

Ground states: `search`. Thermal states: the purification of the infinite temperature, cooled by exp(-H/2T); one run
passes all temperatures. Both carry the distance to the exact vector, from which the error on energies follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.foundations.errors import DegenerateLevel, NotConverged, refuse_where
from qet.physics.model import Model
from qet.solvers.choose import BOND
from qet.solvers.mps.chain import Chain, chain_of_vector
from qet.solvers.mps.gates import Strings
from qet.solvers.mps.motion import Motion
from qet.solvers.mps.payload import FARTHEST, MatrixProduct, error_of, key_of, strings_at
from qet.solvers.mps.peer import MAGNETIZATION, PARITY, charge_of, tenpy
from qet.solvers.mps.search import Found, Search, Sweep
from qet.solvers.states import Prepared, energy_scale

Array = np.ndarray
BLURRED = 1e-7  # of a residual relative to Σ|c|: above it the state is not converged, whatever the levels are
SHORT = 4  # sites up to which there is nothing to sweep: H is diagonalized


@dataclass(frozen=True, eq=False)
class MatrixProductDiagnostics:
    """What a matrix product state says about itself; every array has the batch shape.

    Attributes:
        bond: Largest bond dimension reached.
        distance: ‖v - exact‖, estimated.
        energy: Mean of H without its constants; NaN for thermal states.
        residual: ‖(H - E) v‖; NaN for thermal states.
        gap: To the next level, estimated; NaN for thermal states.
        sector: The charge that H keeps and its value in the state, a text a point in C order.
        sweeps: How DMRG went, a tuple of `Sweep` a point: number, energy, entropy, bond, truncation.
    """

    bond: Array
    distance: Array
    energy: Array
    residual: Array
    gap: Array
    sector: tuple[str, ...] = ()
    sweeps: tuple[tuple[Sweep, ...], ...] = ()

    def __repr__(self) -> str:
        worst = float(np.max(self.distance, initial=0.0))
        return f"<MatrixProductDiagnostics: bond {int(np.max(self.bond, initial=1))}, distance {worst:.1e}>"


def ground_by_mps(model: Model, bond: int | None = None) -> Prepared:
    """The ground state by two-site DMRG, at every point of the batch.

    The distance to the exact state is ‖(H - E) v‖/gap: 1 - |<v|exact>|² is at most the square of that, with the true
    gap; ours is found by DMRG too. `error` is `payload.error_of` that distance.

    Args:
        model: The model.
        bond: Largest bond dimension; None: 128.

    Raises:
        DegenerateLevel: where the lowest two levels are not told apart. NotConverged: where the distance is above
            1e-4; `.best` is the `Prepared` that was reached. NotOffered: where TeNPy is not installed.
    """
    tenpy()
    shape = model.shape
    _refuse_idle(model)
    found = []
    for index in np.ndindex(shape):
        strings = strings_at(model, shape, index)
        found.append(_exact(strings, model.n_sites) if model.n_sites <= SHORT else _searched(strings, model, bond))
    charges = [charge_of(strings_at(model, shape, index)) for index in np.ndindex(shape)]
    distance = _shaped([_distance(one) for one in found], shape)
    energy, residual, gap = (
        _shaped([getattr(one, name) for one in found], shape) for name in ("energy", "residual", "gap")
    )
    diagnostics = MatrixProductDiagnostics(
        _shaped([max(one.chain.bonds, default=1) for one in found], shape).astype(int),
        distance,
        energy,
        residual,
        gap,
        tuple(_spelled(one, charge, model.n_sites) for one, charge in zip(found, charges, strict=True)),
        tuple(one.sweeps for one in found),
    )
    payload = MatrixProduct(tuple(one.chain for one in found), shape, distance, key_of(model))
    prepared = Prepared(payload, error_of(model, distance), diagnostics)
    _refuse(model, prepared, found)
    return prepared


def gibbs_by_mps(model: Model, T: Any, bond: int | None = None) -> Prepared:
    """The thermal state exp(-H/T)/Z as a purification, at every point of the batch.

    Args:
        model: The model.
        T: Temperature; 0 gives the ground state, which must be unique.
        bond: Largest bond dimension; None: 128.

    Raises:
        NotConverged: where the estimated distance of the purification from the exact one is above 1e-4; `.best` is
            the `Prepared` that was reached. DegenerateLevel: see `ground_by_mps`.
    """
    shape = np.broadcast_shapes(model.shape, np.shape(T))
    temperatures = np.broadcast_to(np.asarray(T, dtype=float), shape)
    chains: dict[tuple[int, ...], Chain] = {}
    distance = np.zeros(shape)
    cold = list(zip(*np.nonzero(temperatures == 0.0), strict=True)) if shape else [()] * int(temperatures == 0.0)
    if cold:
        ground = ground_by_mps(model, bond).payload
        places = np.broadcast_to(np.arange(len(ground.chains)).reshape(model.shape), shape)
        for index in cold:
            chains[index] = ground.chains[int(places[index])]
            distance[index] = np.broadcast_to(ground.distance, shape)[index]
    for index, chain, found in _cooled(model, temperatures, bond or BOND):
        chains[index], distance[index] = chain, found
    payload = MatrixProduct(tuple(chains[index] for index in np.ndindex(shape)), shape, distance, key_of(model))
    unknown = np.full(shape, np.nan)
    bonds = _shaped([max(chain.bonds, default=1) for chain in payload.chains], shape).astype(int)
    diagnostics = MatrixProductDiagnostics(bonds, distance, unknown, unknown, unknown)
    prepared = Prepared(payload, error_of(model, distance), diagnostics)
    _refuse_far(prepared, "gibbs")
    return prepared


def _cooled(model: Model, temperatures: Array, bond: int) -> list[tuple[tuple[int, ...], Chain, float]]:
    """Purifications at every point with T > 0: one run for the temperatures of each Hamiltonian."""
    shape = temperatures.shape
    groups: dict[tuple[tuple[object, float], ...], list[tuple[int, ...]]] = {}
    for index in np.ndindex(shape):
        if temperatures[index] > 0.0:
            groups.setdefault(tuple(strings_at(model, shape, index)), []).append(index)
    found = []
    for strings, indices in groups.items():
        indices.sort(key=lambda index: -temperatures[index])
        hot = Chain((np.eye(2).reshape(1, 2, 2, 1) / np.sqrt(2.0),) * model.n_sites)
        motion = Motion.of(strings, model.n_sites, bond, is_thermal=True)  # type: ignore[arg-type]
        times = [0.5 / float(temperatures[index]) for index in indices]
        for index, (chain, distance) in zip(indices, motion.over(hot, times), strict=True):
            found.append((index, Chain(chain.tensors), distance))
    return found


def _searched(strings: Strings, model: Model, bond: int | None) -> Found:
    return Search(strings, model.n_sites, bond or BOND).lowest()


def _exact(strings: Strings, n_sites: int) -> Found:
    """Short chains: H diagonalized."""
    from qet.foundations.paulis import collect

    energies, V = np.linalg.eigh(collect(strings).matrix(range(n_sites)))
    chain = chain_of_vector(V[:, 0], n_sites)
    gap = float(energies[1] - energies[0])
    return Found(Chain(chain.tensors), float(energies[0]), 0.0, None, None, (), gap)


def _distance(found: Found) -> float:
    if found.residual == 0.0:
        return 0.0
    return min(1.0, found.residual / found.gap) if found.gap > 0.0 else 1.0


def _spelled(found: Found, charge: str, n_sites: int) -> str:
    if charge == MAGNETIZATION and found.ups is not None:
        return f"Σ Z = {2 * found.ups - n_sites}"
    if charge == PARITY and found.ups is not None:
        return f"Π Z = {'+-'[(n_sites - found.ups) % 2]}1"
    return "no charge"


def _shaped(values: list[float], shape: tuple[int, ...]) -> Array:
    return np.array(values, dtype=float).reshape(shape)


def _refuse_idle(model: Model) -> None:
    """A site that H does not touch is a free spin, which no search needs to find."""
    idle = np.zeros((*model.shape, model.n_sites), dtype=bool)
    for index in np.ndindex(model.shape):
        touched = {site for string, _ in strings_at(model, model.shape, index) for site, _ in string}
        idle[index] = [site not in touched for site in range(model.n_sites)]
    refuse_where(
        idle.any(-1),
        DegenerateLevel,
        lambda i: (
            f"ground: no term of H acts on site {int(idle[i].argmax())}, so its spin is free and the lowest level is "
            "not unique. Give it a field or a coupling, or leave it out"
        ),
    )


def _refuse(model: Model, prepared: Prepared, found: list[Found]) -> None:
    shape = prepared.payload.shape
    said = prepared.diagnostics
    scale = np.asarray(energy_scale(model))
    limit = np.maximum(DEGENERACY_TOLERANCE * scale, np.where(said.residual <= BLURRED * scale, said.residual, 0.0))
    sectors = np.array(said.sector, dtype=object).reshape(shape)
    refuse_where(
        said.gap <= limit,
        DegenerateLevel,
        lambda i: (
            f"ground: the lowest two levels differ by {said.gap[i]:.1e}, which the residual {said.residual[i]:.1e} of "
            f"the matrix product does not tell from zero (the state found has {sectors[i]}), so the state is not "
            "unique and the teleported energy depends on which one is meant. Lift the degeneracy (a field), or take "
            "the equal mixture gibbs(model, T=0) of a short chain"
        ),
        best=prepared,
    )
    _refuse_far(prepared, "ground")


def _refuse_far(prepared: Prepared, word: str) -> None:
    payload = prepared.payload
    refuse_where(
        payload.distance > FARTHEST,
        NotConverged,
        lambda i: (
            f"{word}: the matrix product state has an estimated distance of {payload.distance[i]:.1e} from the exact "
            f"one at bond dimension {prepared.diagnostics.bond[i]}, more than {FARTHEST:.0e}. Allow a larger bond, "
            "solver=('mps', bond), or take what was reached from .best"
        ),
        best=prepared,
    )
