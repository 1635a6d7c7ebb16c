"""Steady states of driven chains as matrix products, as far as their error can be stated.

The density matrix is kept as the means of all Pauli strings (`density`), found by sweeps that solve L r = 0 bond by
bond (`driven_train`) at growing bond dimensions, with an error estimated from the bond dimension, the sweeps and slow
modes (`driven_state`). Jumps sit on single sites, H has terms on single sites and nearest neighbors. Points of a batch
are solved one after the other.

Where a sum of one-site operators is conserved there are several steady states, and the call is refused before anything
is solved (`driven_unique`). Longer conserved sums are not looked for: the sweeps then start near infinite temperature.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged, NotOffered, NoUniqueSteadyState, TooLarge, refuse_where
from qet.foundations.paulis import PauliSum
from qet.foundations.spelling import spelled_bytes
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.chains.action import Generator, jumps_of
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.diagnostics import Currents, SteadyDiagnostics, Validity
from qet.solvers.mps.density import DensityProduct
from qet.solvers.mps.driven_state import BOND, MANY, Found, found_at
from qet.solvers.mps.driven_unique import conserved_sum
from qet.solvers.questions import error_of_means, expect_of, trace_error_of
from qet.solvers.refusals import SETTLE
from qet.solvers.spectrum import MEMORY_LIMIT
from qet.solvers.states import Prepared, energy_scale

Array = np.ndarray
Things = tuple[Bath | Jump, ...]
CHANNELS = 8  # bond dimension of the generator of an XXZ chain
SPEED = 2.5e10  # multiplications and additions a second of one core, about
SWEPT = 6  # sweeps at the largest bond, about; the smaller ones take half as long again


def why_not(model: Model, things: Things) -> str | None:
    """Why this route cannot take a model and its surroundings; None: it can."""
    if not things or any(not isinstance(thing, Jump) for thing in things):
        return "it takes bare jumps alone, no baths"
    if model.n_sites < 2:
        return "it takes chains of two sites and more"
    for jump in _jumps(things):
        if len(jump.operator.support) > 1:
            return f"it takes jumps on single sites; {jump!r} acts on sites {jump.operator.support}"
    for string, _ in model.dynamics.terms:
        sites = [site for site, _ in string]
        if len(sites) > 2 or (sites and sites[-1] - sites[0] > 1):
            return f"it takes terms on single sites and nearest neighbors; H has one on sites {tuple(sites)}"
    return None


def memory_of(model: Model, things: Things, bond: int | None = None) -> float:
    """Bytes that the iteration takes, about: Krylov vectors of two sites, environments, the states of all points."""
    chi = min(bond or BOND, 2**model.n_sites)
    points = float(np.prod(_shape(model, things), dtype=float))
    vectors = 16.0 * chi**2 * (MANY + 3 + 4 * CHANNELS)
    return 8.0 * (vectors + model.n_sites * chi**2 * (4 + 2 * CHANNELS) + points * model.n_sites * 5 * chi**2)


def seconds_of(model: Model, things: Things, bond: int | None = None) -> float:
    """CPU time that it takes, about."""
    chi = min(bond or BOND, 2**model.n_sites)
    points = float(np.prod(_shape(model, things), dtype=float))
    step = 2.0 * 16.0 * CHANNELS * chi**3 + 16.0 * (16.0 * CHANNELS) ** 2 / 16.0 * chi**2
    return 1.5 * SWEPT * 2.0 * (model.n_sites - 1) * MANY * step / SPEED * points


def steady_by_mps(model: Model, things: Things, bond: int | None = None, allowed: tuple[str, ...] = ()) -> Prepared:
    """The steady states of a driven chain at all points of a batch, as matrix products.

    Args:
        model: A chain with terms on single sites and nearest neighbors.
        things: Jumps on single sites.
        bond: Largest bond dimension; None: 64.
        allowed: Refusals to turn off: "NotConverged".

    Returns:
        `DensityProduct`, the stated error of an energy (Σ|c| times the largest stated trace norm of the error on
        neighboring sites), and diagnostics.

    Raises:
        NotOffered: for baths, jumps on several sites, or terms beyond nearest neighbors. TooLarge: with the memory.
        NoUniqueSteadyState: where a sum of one-site operators is conserved. NotConverged: where the sweeps do not
            settle, so that no error can be stated; `.best` is the payload.
    """
    obstacle = why_not(model, things)
    if obstacle is not None:
        raise NotOffered(f'steady: solver="mps" does not apply: {obstacle}.')
    need = memory_of(model, things, bond)
    if need > MEMORY_LIMIT:
        raise TooLarge(
            f'steady: solver="mps" with the bond dimension {bond or BOND} takes {spelled_bytes(need)}, more than '
            f"{spelled_bytes(MEMORY_LIMIT)}. Take a smaller one, ('mps', bond), or fewer points at a time."
        )
    jumps, shape = _jumps(things), _shape(model, things)
    points = list(_points(model, jumps, shape))
    _refuse_several(points, shape)
    found = [found_at(generator, bond or BOND) for generator in points]
    payload = _payload(found, shape)
    _refuse_unsettled(np.reshape([not one.is_converged for one in found], shape), payload, allowed)
    losses = np.reshape([generator.mean_loss for generator in points], shape)
    residual = np.reshape([one.residual for one in found], shape) / np.where(losses > 0.0, losses, 1.0)
    answers = {
        "residual": residual[()],
        "currents": partial(_currents, model, jumps, payload),
        "current_error": partial(_current_error, model, jumps, payload),
        "validity": partial(_validity, shape),
    }
    diagnostics = SteadyDiagnostics(answers, (False,) * len(jumps))
    return Prepared(payload, partial(_energy_error, model, payload), diagnostics)


def _jumps(things: Things) -> tuple[Jump, ...]:
    return tuple(thing for thing in things if isinstance(thing, Jump))


def _shape(model: Model, things: Things) -> tuple[int, ...]:
    return np.broadcast_shapes(model.shape, *(thing.shape for thing in things))


def _points(model: Model, jumps: tuple[Jump, ...], shape: tuple[int, ...]) -> Iterator[Generator]:
    """The generator of every point, in C order."""
    for index in range(int(np.prod(shape, dtype=int))):

        def pick(value: Any, index: int = index) -> Any:
            return np.broadcast_to(value, shape).reshape(-1)[index].item() if np.ndim(value) else value

        here = [each_parameter(jump, pick) for jump in jumps]
        rates = tuple((jump.operator, float(jump.rate)) for jump in here if isinstance(jump, Jump))
        yield Generator(each_coefficient(model.dynamics, pick), jumps_of(rates), model.n_sites)


def _payload(found: list[Found], shape: tuple[int, ...]) -> DensityProduct:
    return DensityProduct(
        shape,
        tuple(one.fine for one in found),
        tuple(one.coarse for one in found),
        np.reshape([one.factor for one in found], shape),
        np.reshape([one.floor for one in found], shape),
        tuple(one.history for one in found),
    )


def _refuse_several(points: list[Generator], shape: tuple[int, ...]) -> None:
    kept = [conserved_sum(generator) for generator in points]
    refuse_where(
        np.reshape([one is not None for one in kept], shape),
        NoUniqueSteadyState,
        lambda i: (
            "steady: the gksl generator has several independent steady states, so the state depends on where it "
            f"started: it conserves {kept[_flat(i, shape)]}. Add a jump that changes it, or break the symmetry. "
            f"{SETTLE}"
        ),
    )


def _refuse_unsettled(mask: Array, payload: DensityProduct, allowed: tuple[str, ...]) -> None:
    if "NotConverged" in allowed:
        return
    refuse_where(
        mask,
        NotConverged,
        lambda i: (
            f"steady: after {len(payload.history[_flat(i, payload.shape)])} sweeps the matrix product (bond dimension "
            f"{payload.bond}) still drifts, so that no error can be stated: slow modes, from weak jumps, disorder or a "
            "long chain. Take a larger bond, solver=('mps', bond), stronger jumps or a shorter chain"
        ),
        best=payload,
    )


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, shape)) if shape else 0


def _energy_error(model: Model, payload: DensityProduct) -> Any:
    """Σ|c| times the largest stated trace norm of the error on neighboring sites, shape (*shape)."""
    bonds = [trace_error_of(payload, (j, j + 1)) for j in range(model.n_sites - 1)]
    return energy_scale(model) * np.max(np.stack(bonds), axis=0)


def _flows(model: Model, jumps: tuple[Jump, ...]) -> list[PauliSum]:
    """For every jump the adjoint of its dissipator on H, without its rate: L†HL - {L†L, H}/2."""
    flows = []
    for jump in jumps:
        L, site = jump.operator, jump.operator.support
        near = PauliSum(tuple(term for term in model.dynamics.terms if {s for s, _ in term[0]} & set(site)))
        lost = L.dagger() * L
        flows.append(L.dagger() * near * L - 0.5 * (lost * near) - 0.5 * (near * lost))
    return flows


def _currents(model: Model, jumps: tuple[Jump, ...], payload: DensityProduct) -> Currents:
    flows = zip(jumps, _flows(model, jumps), strict=True)
    means = [np.real(expect_of(payload, flow)) * jump.rate for jump, flow in flows]
    energy = np.stack([np.broadcast_to(mean, payload.shape) for mean in means], axis=-1)
    return Currents(energy, np.zeros_like(energy))


def _current_error(model: Model, jumps: tuple[Jump, ...], payload: DensityProduct) -> Any:
    scaled = tuple(jump.rate * flow for jump, flow in zip(jumps, _flows(model, jumps), strict=True))
    return error_of_means(payload, scaled)


def _validity(shape: tuple[int, ...]) -> Validity:
    nothing = np.full(shape, np.nan)[()]
    return Validity(nothing, nothing, "gksl", {})
