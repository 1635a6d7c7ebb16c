"""Several master equations side by side: the same system and reservoirs, what each theory says, and where they part.

A theory that does not offer the system, or refuses some points of a batch, leaves NaN there and its reason in words;
the other theories and the other points are answered. A state that is no density matrix keeps its numbers and says
so. Errors in the question itself (unknown names, shapes, parties, the protocol) are raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.checks import broadcast
from qet.foundations.conventions import POSITIVITY_TOLERANCE
from qet.foundations.errors import (
    BadParameter,
    DegenerateLevel,
    DivergentOccupation,
    NotConverged,
    NotOffered,
    NotPositive,
    NoUniqueSteadyState,
    QetError,
    TooLarge,
)
from qet.foundations.values import Call, call_of
from qet.physics.baths import Bath
from qet.physics.feedback import Feedback
from qet.physics.measurement import Measurement
from qet.physics.model import Model, Term
from qet.protocols.run import Run
from qet.protocols.teleport import as_feedback, as_measurement, teleport
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.masters import Master, checked_master, is_partial, label_of
from qet.solvers.states import Dense, State, expect
from qet.solvers.steady import Surroundings, as_surroundings, steady

from .masters_dataset import ENERGIES, STEADY, checked_dims, labeled

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
REFUSALS = (DivergentOccupation, NotConverged, NotOffered, NotPositive, NoUniqueSteadyState, TooLarge)
ALLOWED = ("NotPositive", "OutsideDomain", "SameOperatorTwice")  # the dataset tells what is asked, and of the domain
USUAL = ("redfield", "secular", "local", "leads")
PLACE = re.compile(r" \(first at index \([^)]*\); \d+ of \d+ points\)")  # as `refuse_where` says it
MOST_SITES_FOR_A_GAP = 4  # the generator's spectrum costs 4^(3n), the states far less


def compare_masters(
    model: Model,
    baths: Any,
    *,
    masters: Sequence[Master] = USUAL,
    measure: Any = "X",
    feedback: Any = "best",
    dims: Sequence[str] | None = None,
) -> xr.Dataset:
    """The steady state of one system under several master equations, and what Bob gets from each.

    Args:
        model: The Hamiltonian and the parties; its parameters may be arrays.
        baths: A bath, or a list of baths and jumps, as for `steady`.
        masters: Any of "redfield", "secular", ("partial", cutoff), "universal", "local", "leads", "gksl", "heom"; each
            once. Several cut-offs may stand side by side; the Dataset calls them "partial(0.05)" and so on.
        measure: Alice's measurement, as for `teleport`.
        feedback: Bob's rule, as for `teleport`.
        dims: Names of the batch axes; "dim_0", "dim_1", ... without.

    Returns:
        A Dataset over `master`, `other` (the same masters), `bath` and the batch axes:
        trace_distance (½‖ρ - ρ'‖₁), extracted, teleported, local, injected, energy (Tr[Hρ], H with its constants),
        heat_current (from each bath into the system), entropy_production (-Σ heat/T; below zero the theory breaks
        the second law), smallest_eigenvalue, gap (slowest relaxation rate; NaN above 4 sites), validity_to_frequency,
        validity_to_temperature, answered (1 yes, 0 refused), positive (1 yes, 0 no, -1 refused), and `why` in words.
        Energies in the units of H. Attributes: title, source, recipe (JSON; `qet.rerun` makes the Dataset again).

    Raises:
        UnknownName, BadParameter, ShapeMismatch, BadParties: for a question that is wrong for every theory.

    References:
        docs/which-master-equation.md.

    Example:
        >>> import qet
        >>> baths = [qet.bath(i, T=T, rate=0.02, statistics="fermion") for i, T in enumerate((1.0, 0.2))]
        >>> data = qet.compare_masters(qet.minimal(k=0.05), baths)
        >>> [f"{value:.2e}" for value in data.extracted.values]
        ['7.16e-04', '6.33e-04', '1.18e-03', '7.08e-04']
    """
    if not isinstance(model, Model):
        raise BadParameter(f"compare_masters takes a model, such as qet.minimal(); got {type(model).__name__}.")
    names, things = _checked_masters(masters), as_surroundings(baths)
    measurement, rule = as_measurement(measure), as_feedback(feedback)
    parts = {"measurement": measurement.shape, "feedback": rule.shape, "model": model.shape}
    shape = broadcast(**parts, **{f"surrounding {i}": thing.shape for i, thing in enumerate(things)})
    axes = checked_dims(dims, shape)
    answers = [_answer(model, things, name, measurement, rule) for name in names]
    required = {"model": model, "baths": things[0] if len(things) == 1 else list(things)}
    options = {
        "masters": (names, USUAL),
        "measure": (measure if isinstance(measure, str) else measurement, "X"),
        "feedback": (feedback if isinstance(feedback, str) else rule, "best"),
        "dims": (dims if dims is None else tuple(dims), None),
    }
    call = call_of("compare_masters", required, options)
    columns = {name: [answer.numbers[name] for answer in answers] for name in answers[0].numbers}
    distances = [[_trace_distance(one, two) for two in answers] for one in answers]
    columns["trace_distance"] = [np.stack(row) for row in distances]
    return labeled(
        tuple(map(label_of, names)),
        shape,
        columns,
        [answer.why for answer in answers],
        model=model,
        baths=[thing for thing in things if isinstance(thing, Bath)],
        axes=axes,
        recipe=call.recipe,
    )


@dataclass(frozen=True, eq=False)
class Answer:
    """What one master equation says.

    Attributes:
        rho: Density matrices, shape (*shape, d, d); maximally mixed where refused.
        answered: Which points are answered, shape (*shape).
        numbers: Variable -> array over the batch (or over bath and batch); NaN where refused.
        why: Why points were refused, in words; empty if none was.
    """

    rho: Array
    answered: Array
    numbers: dict[str, Array]
    why: str


@dataclass(frozen=True, eq=False)
class Solved:
    """The steady states of the points that a master equation answers.

    Attributes:
        state: Of the whole batch where every point is answered; of the kept points, flat, otherwise; None if none is.
        keep: Flat indices of the answered points.
        shape: Shape of the whole batch.
        why: The refusals.
    """

    state: State | None
    keep: Array
    shape: tuple[int, ...]
    why: tuple[str, ...]

    @property
    def answered(self) -> Array:
        """Which points are answered, over the batch."""
        mask = np.zeros(int(np.prod(self.shape, dtype=int)), dtype=bool)
        mask[self.keep] = True
        return mask.reshape(self.shape)

    def spread(self, values: Any, *, fill: Any = np.nan, inner: tuple[int, ...] = ()) -> Array:
        """Values over the answered points, shape (points, *inner), over the whole batch."""
        assert self.state is not None
        values = np.broadcast_to(values, (*self.state.shape, *inner)).reshape((self.keep.size, *inner))
        whole = np.empty((int(np.prod(self.shape, dtype=int)), *inner), dtype=values.dtype)
        whole[:] = fill
        whole[self.keep] = values
        return whole.reshape((*self.shape, *inner))


def _checked_masters(masters: Any) -> tuple[Master, ...]:
    is_one = isinstance(masters, str) or is_partial(masters)
    if not is_one and not np.iterable(masters):
        raise BadParameter(f'masters is a list of master equations, such as ["redfield", "local"]; got {masters!r}.')
    names = tuple(map(checked_master, (masters,) if is_one else masters))
    if not names or len(set(names)) != len(names):
        raise BadParameter(f"masters takes at least one master equation, each once; got {names!r}.")
    return names


def _answer(model: Model, things: Surroundings, master: Master, measurement: Measurement, rule: Feedback) -> Answer:
    """All numbers of one master equation."""
    solved = _solve(model, things, master)
    d = 2**model.n_sites
    n_baths = sum(isinstance(thing, Bath) for thing in things)
    if solved.state is None:
        nothing = np.full(solved.shape, np.nan)
        numbers: dict[str, Array] = dict.fromkeys((*STEADY, *ENERGIES), nothing)
        numbers["heat_current"] = np.full((n_baths, *solved.shape), np.nan)
        numbers["answered"] = np.zeros(solved.shape, dtype=np.int8)
        numbers["positive"] = np.full(solved.shape, -1, dtype=np.int8)
        return Answer(
            np.broadcast_to(np.eye(d) / d, (*solved.shape, d, d)), solved.answered, numbers, "; ".join(solved.why)
        )
    numbers = {name: solved.spread(value) for name, value in _steady_numbers(solved.state, n_baths).items()}
    heat = solved.spread(solved.state.diagnostics.heat_currents if n_baths else 0.0, inner=(n_baths,))
    numbers["heat_current"] = np.moveaxis(heat, -1, 0)
    smallest = numbers["smallest_eigenvalue"]
    numbers["answered"] = solved.answered.astype(np.int8)
    numbers["positive"] = np.where(solved.answered, smallest >= -POSITIVITY_TOLERANCE, -1).astype(np.int8)
    rho = solved.spread(solved.state.density_matrix, fill=np.eye(d) / d, inner=(d, d))
    energies, unsaid = _protocol(model, solved, measurement, rule)
    return Answer(rho, solved.answered, numbers | energies, "; ".join([*solved.why, *unsaid]))


def _protocol(
    model: Model, solved: Solved, measurement: Measurement, rule: Feedback
) -> tuple[dict[str, Array], list[str]]:
    """The energies at every answered point where Bob's rule is defined, NaN elsewhere, and why."""
    usable, why = solved.answered, []
    while usable.any():
        run = teleport(_whole(model, solved, usable), measure=measurement, feedback=rule)
        try:
            energies, unsaid = _energies(run)
        except DegenerateLevel as fault:  # a rule that reads one level, where it is not unique
            faulty = usable & (True if fault.mask is None else np.broadcast_to(fault.mask, solved.shape))
            why.append(_told(fault, np.flatnonzero(faulty), solved.shape))
            usable = usable & ~faulty
        else:
            return {name: np.where(usable, value, np.nan) for name, value in energies.items()}, [*why, *unsaid]
    return dict.fromkeys(ENERGIES, np.full(solved.shape, np.nan)), why


def _energies(run: Run) -> tuple[dict[str, Any], list[str]]:
    """The energies of a run, NaN for those that are not offered (Bob's local optimum for several sites), and why."""
    found: dict[str, Any] = {}
    why: list[str] = []
    for name in ENERGIES:
        try:
            found[name] = getattr(run, name)
        except (NotOffered, TooLarge) as fault:
            found[name] = np.full(run.shape, np.nan)
            why.append(f"{name}: {type(fault).__name__}: {fault}")
    return found, why


def _steady_numbers(state: State, n_baths: int) -> dict[str, Any]:
    """What is said about the steady state without any protocol, each of the state's shape."""
    said = state.diagnostics
    return {
        "energy": expect(state, state.model.H),
        "entropy_production": said.entropy_production if n_baths else np.nan,
        "smallest_eigenvalue": said.smallest_eigenvalue,
        "gap": said.gap if state.model.n_sites <= MOST_SITES_FOR_A_GAP else np.nan,
        "validity_to_frequency": said.validity.to_frequency,
        "validity_to_temperature": said.validity.to_temperature,
    }


def _whole(model: Model, solved: Solved, usable: Array) -> State:
    """A state over the whole batch, so that protocol and batch broadcast; a usable point stands in for the others."""
    state = solved.state
    assert state is not None
    if usable.all():
        return state
    stand_in = np.where(usable.reshape(-1), np.arange(usable.size), usable.argmax())
    part, _ = _points(model, (), solved.shape, stand_in.reshape(solved.shape))
    d = 2**model.n_sites
    rho = solved.spread(state.density_matrix, inner=(d, d)).reshape(-1, d, d)[stand_in].reshape(*solved.shape, d, d)
    error = solved.spread(state.solver_error, fill=0.0)
    return State(part, Dense(rho), "dense", Call("state", {"model": part, "rho": rho}), error)


def _solve(model: Model, things: Surroundings, master: Master) -> Solved:
    """The steady states of all points that are not refused: refused ones are left out until the rest is answered."""
    shape = np.broadcast_shapes(model.shape, *(thing.shape for thing in things))
    keep = np.arange(int(np.prod(shape, dtype=int)))
    why: list[str] = []
    part: tuple[Model, Surroundings] = (model, things)
    while keep.size:
        try:
            state = steady(part[0], list(part[1]), master=master, allow=ALLOWED)
        except REFUSALS as fault:
            faulty = _faulty(fault, keep.size)
            why.append(_told(fault, keep[faulty], shape))
            keep = keep[~faulty]
            part = _points(model, things, shape, keep)
        else:
            return Solved(state, keep, shape, tuple(why))
    return Solved(None, keep, shape, tuple(why))


def _faulty(fault: QetError, size: int) -> Array:
    """Which of the points an error blames; all of them where it does not say."""
    if fault.mask is None or fault.mask.size != size or not fault.mask.any():
        return np.ones(size, dtype=bool)
    return fault.mask.reshape(-1)


def _told(fault: QetError, points: Array, shape: tuple[int, ...]) -> str:
    """The refusal in words, its place counted in the whole batch and not in what was left of it."""
    text = f"{type(fault).__name__}: {PLACE.sub('', str(fault))}"
    if not shape:
        return text
    first = tuple(int(i) for i in np.unravel_index(points[0], shape))
    return f"{text} (first at index {first}; {points.size} of {int(np.prod(shape))} points)"


def _points(model: Model, things: Surroundings, shape: tuple[int, ...], keep: Array) -> tuple[Model, Surroundings]:
    """The same question at some points of its batch, given by their flat indices, in the shape of the indices."""

    def pick(value: Any) -> Any:
        return np.broadcast_to(value, shape).reshape(-1)[keep] if np.ndim(value) else value

    change: Callable[[Any], Any] = pick
    terms = tuple(Term(term.name, each_coefficient(term.operator, change)) for term in model.terms)
    part = Model(terms, model.A, model.B, model.n_sites, model.made_by)
    return part, tuple(each_parameter(thing, change) for thing in things)


def _trace_distance(one: Answer, two: Answer) -> Array:
    """½‖ρ - ρ'‖₁ where both are answered, NaN elsewhere."""
    distance = 0.5 * np.abs(np.linalg.eigvalsh(one.rho - two.rho)).sum(-1)
    return np.where(one.answered & two.answered, distance, np.nan)
