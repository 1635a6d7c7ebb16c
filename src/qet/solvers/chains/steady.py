"""Exact steady states of long driven chains: jumps on single sites, symmetry sectors, preconditioned iteration.

Points of a batch are solved one after the other, each from the state of the one before where their layouts agree.

How many steady states there are is decided by the operators (`irreducible`) together with the rank of the state found;
where these leave it open, by the commutant up to 8 sites (`commutant`), and beyond by a second start, which must
come to the same state.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged, NotOffered, NoUniqueSteadyState, TooLarge, refuse_where
from qet.foundations.paulis import PauliSum
from qet.foundations.spelling import spelled_bytes
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.chains.action import Generator, jumps_of
from qet.solvers.chains.blocks import Blocks
from qet.solvers.chains.count import count_states, several
from qet.solvers.chains.iteration import Solved, bytes_of, solved
from qet.solvers.chains.layout import Layout
from qet.solvers.chains.symmetry import layout_of_chain, sectors_of_chain
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.diagnostics import Currents, SteadyDiagnostics, Validity
from qet.solvers.questions import expect_of
from qet.solvers.refusals import SETTLE, refuse_many
from qet.solvers.sectors import Sectors
from qet.solvers.setting import gap_of, setting_of
from qet.solvers.spectrum import MEMORY_LIMIT
from qet.solvers.states import Prepared

Array = np.ndarray
Things = tuple[Bath | Jump, ...]
LISTED = 16  # sites up to which basis states are put into sectors at all
NAMED = 8  # sites up to which survivors of a steady state that is not unique are named


def why_not(model: Model, things: Things) -> str | None:
    """Why this route cannot take a model and its surroundings; None: it can."""
    if not things or any(not isinstance(thing, Jump) for thing in things):
        return "it takes bare jumps alone, no baths"
    for thing in things:
        if len(thing.operator.support) > 1:  # type: ignore[union-attr]
            return f"it takes jumps on single sites; {thing!r} acts on sites {thing.operator.support}"  # type: ignore[union-attr]
    if model.n_sites > LISTED:
        return f"{model.n_sites} sites are too many: with a conserved magnetization 13 fit"
    return None


def memory_of(model: Model, things: Things) -> float:
    """Bytes that the state and its iteration take, about, at the first point."""
    generator, _ = _point(model, _jumps(things), _shape(model, things), 0)
    layout, _ = layout_of_chain(generator, sectors_of_chain(model.H, _jumps(things), model.n_sites))
    return bytes_of(generator, layout)


def steady_by_chains(model: Model, things: Things, allowed: tuple[str, ...] = ()) -> Prepared:
    """The steady states of a driven chain at all points of a batch.

    Args:
        model: Any Hamiltonian; the more symmetric, the longer the chain may be.
        things: Jumps on single sites.
        allowed: Refusals to turn off: "NotConverged".

    Returns:
        `Blocks`, a bound of the error of an energy, and diagnostics.

    Raises:
        NotOffered: for baths, or jumps on several sites. TooLarge: with the memory it would take.
        NoUniqueSteadyState: for several steady states. NotConverged: `.best` is the payload.
    """
    obstacle = why_not(model, things)
    if obstacle is not None:
        if model.n_sites > LISTED:
            raise TooLarge(
                f'solver="chains" does not apply: {obstacle}. Where H is quadratic in fermions and jumps sit at the '
                'ends, solver="fermions" takes any length; solver="mps" does, with a stated error, for nearest '
                "neighbors."
            )
        raise NotOffered(f'solver="chains" does not apply: {obstacle}. Take solver="iterative" (up to 8 sites).')
    jumps, shape, n = _jumps(things), _shape(model, things), model.n_sites
    sectors = sectors_of_chain(model.H, jumps, n)
    found: list[Solved] = []
    layouts: list[Layout] = []
    counts, mirrors = [], []
    for index in range(int(np.prod(shape, dtype=int))):
        generator, operators = _point(model, jumps, shape, index)
        layout, mirror = layout_of_chain(generator, sectors)
        if index == 0:
            _refuse_large(generator, layout)
        before = found[-1].x if found and _alike(layouts[-1], layout) else None
        one, count = _solved(
            generator, layout, sectors, operators, before, partial(_point_setting, model, jumps, index)
        )
        found.append(one)
        layouts.append(layout)
        counts.append(count)
        mirrors.append(mirror)
    payload = Blocks(shape, tuple(layouts), tuple(one.x for one in found))
    _refuse_many(np.reshape(counts, shape), model, jumps, payload)
    _refuse_unconverged(found, shape, payload, allowed)
    return _prepared(model, jumps, payload, found, sectors, mirrors)


def _solved(
    generator: Generator,
    layout: Layout,
    sectors: Sectors,
    operators: tuple[PauliSum, ...],
    start: Array | None,
    setting: Any,
) -> tuple[Solved, int]:
    """One point, and how many steady states it has (2 where there are several, their number not known)."""
    if generator.mean_loss <= 0.0:
        still = Solved(layout.identity(), 0.0, 0.0, "none", 0, True)
        return still, several(generator, setting)
    one = solved(generator, layout, start)
    return one, count_states(generator, layout, sectors, operators, one, setting)


def _jumps(things: Things) -> tuple[Jump, ...]:
    return tuple(thing for thing in things if isinstance(thing, Jump))


def _shape(model: Model, things: Things) -> tuple[int, ...]:
    return np.broadcast_shapes(model.shape, *(thing.shape for thing in things))


def _point(
    model: Model, jumps: tuple[Jump, ...], shape: tuple[int, ...], index: int
) -> tuple[Generator, tuple[PauliSum, ...]]:
    """The generator at one point, and its jumps that have a rate."""

    def pick(value: Any) -> Any:
        return np.broadcast_to(value, shape).reshape(-1)[index].item() if np.ndim(value) else value

    H = each_coefficient(model.dynamics, pick)
    here = [each_parameter(jump, pick) for jump in jumps]
    things = tuple((jump.operator, float(jump.rate)) for jump in here if isinstance(jump, Jump))
    operators = tuple(operator for operator, rate in things if rate > 0.0 and operator.support)
    return Generator(H, jumps_of(things), model.n_sites), operators


def _point_setting(model: Model, jumps: tuple[Jump, ...], index: int) -> Any:
    """The setting of one point, for the routes of short chains."""
    from qet.solvers.setting import picked

    setting = setting_of(model, jumps, "gksl")
    return picked(setting, (np.arange(setting.n_points) == index).reshape(setting.shape))


def _alike(one: Layout, other: Layout) -> bool:
    return one.sizes == other.sizes and (one.image is None) == (other.image is None)


def _refuse_large(generator: Generator, layout: Layout) -> None:
    needed = bytes_of(generator, layout)
    if needed > MEMORY_LIMIT:
        raise TooLarge(
            f'solver="chains": the symmetries of this chain of {layout.n_sites} sites leave {layout.unknowns:,} '
            f"unknowns, which take {spelled_bytes(needed)}, more than {spelled_bytes(MEMORY_LIMIT)}. A chain whose "
            "magnetization is conserved by H goes furthest; where H is quadratic in fermions and jumps sit at the "
            'ends, solver="fermions" has no such limit; nor has solver="mps", for nearest neighbors.'
        )


def _refuse_many(counts: Array, model: Model, jumps: tuple[Jump, ...], payload: Blocks) -> None:
    if model.n_sites <= NAMED:
        if np.any(counts != 1):
            refuse_many(counts, setting_of(model, jumps, "gksl"), jumps, payload.dense().rho)
        return
    refuse_where(
        counts != 1,
        NoUniqueSteadyState,
        lambda i: (
            "steady: the gksl generator has several independent steady states, so the state depends on where it "
            "started. All rates are zero, or some observable commutes with H and with every jump: add a jump that "
            f"changes it, or break the symmetry. {SETTLE}"
        ),
        best=payload,
    )


def _refuse_unconverged(found: list[Solved], shape: tuple[int, ...], payload: Blocks, allowed: tuple[str, ...]) -> None:
    if "NotConverged" in allowed:
        return
    residual = np.reshape([one.residual for one in found], shape)
    refuse_where(
        ~np.reshape([one.is_converged for one in found], shape),
        NotConverged,
        lambda i: (
            f"steady: the iteration stopped at the residual ‖L rho‖/‖rho‖ = {residual[i]:.1e} of the mean rate of "
            "jumps. The rates differ too much from H or from each other: bring them closer, take a shorter chain, or "
            'go on with allow=("NotConverged",)'
        ),
        best=payload,
    )


def _prepared(
    model: Model,
    jumps: tuple[Jump, ...],
    payload: Blocks,
    found: list[Solved],
    sectors: Sectors,
    mirrors: list[str | None],
) -> Prepared:
    shape = payload.shape

    def over(values: list[Any]) -> Any:
        return np.reshape(values, shape)[()]

    scale = np.sqrt(np.asarray(sum((np.abs(c) ** 2 for _, c in model.dynamics.terms), 0.0)) * 2.0**model.n_sites)
    error = over([one.distance for one in found]) * scale
    symmetries = sectors.symmetries._replace(
        unknowns=max(layout.unknowns for layout in payload.layouts),
        mirror=mirrors[0] if len(set(mirrors)) == 1 else None,
    )
    answers = {
        "residual": over([one.residual for one in found]),
        "smallest_eigenvalue": partial(_smallest, payload),
        "symmetries": symmetries,
        "currents": partial(_currents, model, jumps, payload),
        "gap": lambda: gap_of(setting_of(model, jumps, "gksl")),
        "validity": partial(_validity, shape),
    }
    return Prepared(payload, error, SteadyDiagnostics(answers, (False,) * len(jumps)))


def _smallest(payload: Blocks) -> Any:
    """The smallest eigenvalue at every point."""
    points = zip(payload.layouts, payload.vectors, strict=True)
    values = [
        min(float(np.linalg.eigvalsh(layout.hermitian(x, b))[0]) for b in range(len(layout.labels)))
        for layout, x in points
    ]
    return np.reshape(values, payload.shape)[()]


def _currents(model: Model, jumps: tuple[Jump, ...], payload: Blocks) -> Currents:
    """Tr[H D_i(rho)] of every jump, as the mean of its adjoint on H: rate (L†HL - {L†L, H}/2)."""
    columns = []
    for jump in jumps:
        L, site = jump.operator, jump.operator.support
        near = PauliSum(tuple(term for term in model.dynamics.terms if {s for s, _ in term[0]} & set(site)))
        lost = L.dagger() * L
        flow = L.dagger() * near * L - 0.5 * (lost * near) - 0.5 * (near * lost)
        mean = np.real(expect_of(payload, flow)) * jump.rate
        columns.append(np.broadcast_to(mean, payload.shape))
    energy = np.stack(columns, axis=-1)
    return Currents(energy, np.zeros_like(energy))


def _validity(shape: tuple[int, ...]) -> Validity:
    nothing = np.full(shape, np.nan)[()]
    return Validity(nothing, nothing, "gksl", {})
