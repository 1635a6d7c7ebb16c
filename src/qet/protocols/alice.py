"""Alice's best measurement for a state: projective, weak or general, with the proof that none does better.

One qubit: a direction by search over the sphere (`projective`), any number of outcomes by a linear program (`povm`);
both with rigorous upper bounds. Several qubits: product directions (`product`) and a see-saw (`see_saw`), with the gap
that is left. Alice's Kraus operators are the roots of her effects (Lüders): she does not touch her sites again after
the outcome. For an Alice who commutes with all that Bob touches only the effects count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from qet.foundations.checks import real
from qet.foundations.conventions import PAULIS
from qet.foundations.errors import BadParameter, NotOffered, refuse_where, unknown
from qet.foundations.values import frozen
from qet.physics.measurement import Measurement, measure
from qet.protocols.commutant import commutant
from qet.protocols.efficiency_domain import refuse_unbounded
from qet.protocols.landscape import Landscape, kraus_weights, landscape
from qet.protocols.povm import best_povm
from qet.protocols.product import best_product, product_kraus
from qet.protocols.projective import OBJECTIVES, best_direction, direction_bound, upright, value_of
from qet.protocols.reading import refuse_other_policies
from qet.protocols.run import Run
from qet.protocols.see_saw import has_rotation_bound, operators_of, roots, rotation_bound, see_saw
from qet.protocols.teleport import as_feedback, teleport
from qet.solvers.states import State, energy_scale

if TYPE_CHECKING:
    from qet.physics.gaussian_reading import GaussianReading
    from qet.solvers.oscillators import OscillatorState

Array = np.ndarray
KINDS = ("projective", "povm")
GAP = 1e-9  # of a certificate, relative to the value
FLOOR = 1e-12  # of the scale of energies: a smaller value needs no gap that is small relative to it
WEAKEST = 1e-3  # strength that stands for the weak limit, from which it differs by its square
REFINEMENTS = 8


@dataclass(frozen=True, eq=False)
class MeasurementProof:
    """What a measurement found by `best_measurement` is best for, and the proof.

    Attributes:
        objective: "extracted", "teleported", "beyond_leak", "net_work" or "efficiency".
        kind: "projective" or "povm": what it was compared with.
        value: The objective of the measurement, shape (*shape).
        directions: One qubit: n_k of each outcome, (*shape, K, 3). Several: n of each site, (|A|, 3), or None.
        weights: One qubit: l_k of the effects l_k (1 + s n_k·σ)/2, shape (*shape, K); else None.
        strength: s of each outcome, shape () or (*shape).
        tolerance: Gap within which the value counts as proven, shape (*shape).
        found_bound: `bound`, or a function of no arguments that computes it on first access.
    """

    objective: str
    kind: str
    value: Any
    directions: Array | None
    weights: Array | None
    strength: Any
    tolerance: Any
    found_bound: Any

    @cached_property
    def bound(self) -> Any:
        """No measurement of this kind and strength does better, shape (*shape); inf where nothing is proven."""
        return self.found_bound() if callable(self.found_bound) else self.found_bound

    @property
    def gap(self) -> Any:
        """bound - value."""
        return self.bound - self.value

    @property
    def is_certified(self) -> Any:
        """Whether the gap is within 1e-9 of the value, or within ten times the precision of the state's energies."""
        return (np.asarray(self.gap) <= self.tolerance)[()]


@overload
def best_measurement(
    state: State,
    *,
    kind: str = "projective",
    objective: str = "extracted",
    commuting: bool = False,
    strength: Any = 1.0,
    feedback: Any = "best",
    delay: Any = 0.0,
    surroundings: Any = None,
) -> Measurement: ...


@overload
def best_measurement(
    state: OscillatorState,
    *,
    objective: str = "extracted",
    strength: Any = 1.0,
    feedback: Any = "best",
    delay: Any = 0.0,
) -> GaussianReading: ...


def best_measurement(
    state: State | OscillatorState,
    *,
    kind: str = "projective",
    objective: str = "extracted",
    commuting: bool = False,
    strength: Any = 1.0,
    feedback: Any = "best",
    delay: Any = 0.0,
    surroundings: Any = None,
) -> Measurement | GaussianReading:
    """The measurement on A that is best for a state, against Bob's best operations.

    max over Alice's measurements of max over Bob's operations of the objective, which is a number of the `Run`:
    "extracted", "teleported", "net_work", "efficiency", or "beyond_leak" = extracted - leak.

    Args:
        state: Any state; its model says who holds what. Of oscillators: the best width s of a `coherent` seed.
        kind: "projective" (one direction) or "povm" (any number of outcomes; four are enough for one qubit).
        objective: What is to be largest.
        commuting: Whether Alice's operators must commute with every term that Bob touches.
        strength: s in (0, 1]: effects l (1 + s n·σ)/2. None: free, for "projective"; the best of all strengths.
        feedback: "best", "channel", or a `feedback("best", ...)`: what Bob may choose from.
        delay: Time between measurement and feedback, >= 0.
        surroundings: What acts in the delay, as in `teleport`.

    Returns:
        A `Measurement`, to be used in `teleport`; its `.certificate` is a `MeasurementProof` with value, bound, gap and
        is_certified. A batch of states gives a batch of measurements ("povm": Kraus operators, padded with zeros).

    Raises:
        UnknownName, BadParameter: for what is no kind, objective or strength; for an efficiency with no largest value.
        NotOffered: if nothing but the identity commutes with what Bob touches; for a Bob without closed form.

    References:
        Bernards, Kleinmann, Gühne, Paternostro, Entropy 21, 771 (2019), for general measurements in daemonic
        ergotropy; the linear program and its certificate are derived in docs/best-measurement.md.

    Example:
        >>> import qet
        >>> state = qet.ground(qet.ising(3))
        >>> two = qet.best_measurement(state)
        >>> more = qet.best_measurement(state, kind="povm")
        >>> f"{qet.teleport(state, measure=two).extracted:.7f} {qet.teleport(state, measure=more).extracted:.7f}"
        '0.0045041 0.0046293'
        >>> bool(more.certificate.is_certified), len(more.certificate.weights)
        (True, 3)
    """
    if not isinstance(state, State):
        from qet.protocols.best_seed import best_seed
        from qet.solvers.oscillators import checked_state

        oscillators = checked_state("best_measurement", state, surroundings)
        if commuting or kind != "projective":
            raise NotOffered("best_measurement of oscillators finds the width of a Gaussian seed; it takes no kind.")
        return best_seed(oscillators, objective=objective, strength=strength, delay=delay, feedback=feedback)
    if kind not in KINDS:
        raise unknown("kind of measurement", kind, KINDS)
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    run = teleport(state, measure="Z", feedback=as_feedback(feedback), delay=delay, surroundings=surroundings)
    refuse_other_policies(run.feedback)
    if len(state.model.A) > 1 or len(state.model.B) > 1:
        return _several(run, kind, objective, commuting, strength)
    forced = _forced(run) if commuting else None
    if strength is None:
        return _of_free_strength(run, kind, objective, forced)
    s = _strength(strength)
    land = landscape(run, s)
    if objective == "efficiency":
        refuse_unbounded(run, land, kind, forced)
    if kind == "projective" or forced is not None:
        return _one_direction(run, land, kind, objective, s, forced)
    return _povm(run, land, objective, s)


def _strength(value: Any) -> float:
    s = real("strength", value, minimum=0.0, maximum=1.0)
    if np.ndim(s) or s == 0.0:
        raise BadParameter(f"best_measurement takes one strength in (0, 1], or None for the best; got {value!r}.")
    return float(s)


def _forced(run: Run) -> Array | None:
    """The only direction that commutes with all that Bob touches, shape (P, 3); None where every one does."""
    dimension, algebra = commutant(run.state.model)
    refuse_where(
        dimension == 1,
        NotOffered,
        lambda i: (
            "commuting=True: nothing on A but the identity commutes with the terms that Bob touches, so no such "
            "measurement tells him anything and nothing is teleported. Use commuting=False, which counts what Alice "
            "pushes through the coupling (objective='beyond_leak' takes it off), or a Bob who is no neighbor"
        ),
    )
    if np.all(dimension == 4):
        return None
    refuse_where(
        dimension == 4,
        NotOffered,
        lambda i: "commuting=True: the coupling vanishes at some points of the batch and not at others; split it",
    )
    plane = algebra[..., 2:, 1:]  # the commutant is span{1, n·σ}
    lengths = np.linalg.norm(plane, axis=-1)
    n = np.take_along_axis(plane, lengths.argmax(-1)[..., None, None], axis=-2)[..., 0, :]
    n = upright((n / np.linalg.norm(n, axis=-1, keepdims=True)).reshape(-1, 3))
    return np.broadcast_to(n.reshape(*dimension.shape, 3), (*run.shape, 3)).reshape(-1, 3)


def _one_direction(
    run: Run, land: Landscape, kind: str, objective: str, s: Any, forced: Array | None, *, is_proven: bool = True
) -> Measurement:
    """The measurement of the best direction, or of the forced one; the bound of the latter is its value."""
    if forced is None:
        n, value = best_direction(land, objective)
    else:  # every measurement in span{1, n·σ} is a mixture of the sharp one, and the gain is convex
        n, value = forced, value_of(land, forced[:, None], objective)[:, 0]
    slack = np.broadcast_to(run.state.precision, run.shape).ravel()

    def bound() -> Any:
        points = [land.points(slice(i, i + 1)) for i in range(len(value))]
        found = [
            direction_bound(p, objective, float(v), float(f)) for p, v, f in zip(points, value, slack, strict=True)
        ]
        return np.maximum(found, value).reshape(run.shape)[()]

    shape = run.shape
    shaped = value.reshape(shape)[()]
    n = n.reshape(*shape, 3)
    given = shaped if forced is not None else bound
    optimum = MeasurementProof(
        objective,
        kind,
        shaped,
        frozen(np.stack([n, -n], axis=-2)),
        frozen(np.ones((*shape, 2))),
        s,
        _tolerance(run, shaped),
        given if is_proven else np.full(shape, np.inf)[()],
    )
    return replace(measure(n, strength=s), certificate=optimum)


def _povm(run: Run, land: Landscape, objective: str, s: float) -> Measurement:
    shape = run.shape
    floor = FLOOR * np.broadcast_to(energy_scale(run.state.model), shape).ravel()
    slack = np.broadcast_to(run.state.precision, shape).ravel()
    found = [
        best_povm(land.points(slice(i, i + 1)), objective, float(f), float(e))
        for i, (f, e) in enumerate(zip(floor, slack, strict=True))
    ]
    K = max((len(p.weights) for p in found), default=1)
    weights = np.array([np.pad(p.weights, (0, K - len(p.weights))) for p in found]).reshape(*shape, K)
    n = np.array([np.pad(p.directions, ((0, K - len(p.weights)), (0, 0))) for p in found]).reshape(*shape, K, 3)
    value, bound = (np.reshape([getattr(p, name) for p in found], shape)[()] for name in ("value", "bound"))
    optimum = MeasurementProof(objective, "povm", value, frozen(n), frozen(weights), s, _tolerance(run, value), bound)
    a, b = kraus_weights(s)
    spin = np.einsum("...ka,aij->...kij", n, PAULIS[1:])
    kraus = np.sqrt(weights)[..., None, None] * (a * np.eye(2) + b * spin)
    return replace(measure(kraus=kraus), certificate=optimum)


def _of_free_strength(run: Run, kind: str, objective: str, forced: Array | None) -> Measurement:
    """The best strength too. Where Alice commutes with all that Bob reads, sharp is best for what he extracts."""
    sharp = landscape(run, 1.0)
    if kind == "povm":
        raise NotOffered("strength=None is offered for kind='projective'; give the povm a strength.")
    is_convex = sharp.is_affine or forced is not None
    if is_convex and objective in ("extracted", "teleported", "beyond_leak"):
        return _one_direction(run, sharp, kind, objective, 1.0, forced)
    if objective == "efficiency":
        refuse_unbounded(run, sharp, kind, forced)
        local = sharp.bob.gain(sharp.average(np.array([[[0.0, 0.0, 1.0]]]).repeat(len(sharp.H), 0)), sharp.H[:, None])
        before = np.asarray(run.local_before).ravel() if not is_convex else local[:, 0]
        refuse_where(
            before > 10 * np.broadcast_to(run.state.precision, run.shape).ravel(),
            BadParameter,
            lambda i: (
                "the efficiency has no largest value: Bob extracts energy without Alice, who may pay arbitrarily "
                "little for a weak measurement. Give a strength, or ask for another objective"
            ),
        )

    def value_at(s: Array) -> Array:
        land = landscape(run, s)
        return (
            value_of(land, forced[:, None], objective)[:, 0]
            if forced is not None
            else best_direction(land, objective)[1]
        )

    size = len(sharp.H)
    grid = np.concatenate([[WEAKEST], np.linspace(0.1, 1.0, 10)])
    values = np.array([value_at(np.full(size, s)) for s in grid])
    s = grid[values.argmax(0)]
    top, width = values.max(0), 0.1
    for _ in range(REFINEMENTS):
        for move in (-width / 2, width / 2):
            trial = np.clip(s + move, WEAKEST, 1.0)
            value = value_at(trial)
            s, top = np.where(value > top, trial, s), np.maximum(value, top)
        width /= 2
    land = landscape(run, s)
    return _one_direction(run, land, kind, objective, s.reshape(run.shape)[()], forced, is_proven=False)


def _several(run: Run, kind: str, objective: str, commuting: bool, strength: Any) -> Measurement:
    """Several qubits: product directions, or the see-saw."""
    model = run.state.model
    if run.shape:
        raise NotOffered(
            "best_measurement with parties of several sites takes one state at a time; loop over the batch."
        )
    if strength is None:
        raise NotOffered("strength=None is offered where A and B are one site each; give a strength in (0, 1].")
    dimension, algebra = commutant(model)
    is_free = int(dimension) == 4 ** len(model.A) and not run.has_delay
    local = float(run.local_before) if objective == "teleported" else 0.0
    if kind == "projective":
        if commuting and not is_free:
            raise NotOffered("commuting=True with several sites of a neighbor is offered for kind='povm'.")
        if objective == "teleported" and len(model.B) > 1 and not is_free:
            raise NotOffered("objective='teleported' for a Bob with several sites is offered where he is no neighbor.")
        s = _strength(strength)
        n, value = best_product(run, objective, s)
        bound = np.inf
        if is_free and objective in ("extracted", "teleported", "beyond_leak") and has_rotation_bound(run):
            bound = max(rotation_bound(run.patch, operators_of(algebra)) - local, value)
        optimum = MeasurementProof(objective, kind, value, frozen(n), None, s, _tolerance(run, value), bound)
        return replace(measure(kraus=product_kraus(n, s)), certificate=optimum)
    offered = ("extracted", "teleported") if run.has_delay else ("extracted", "teleported", "beyond_leak")
    if objective not in offered or _strength(strength) != 1.0 or not (commuting or is_free):
        raise NotOffered(
            "kind='povm' with several sites is offered for objective 'extracted', 'teleported' or (without a delay) "
            "'beyond_leak' at full strength, and for an Alice who commutes with what Bob touches: a Bob who is no "
            "neighbor, or commuting=True."
        )
    projectors = product_kraus(best_product(run, "extracted", 1.0)[0], 1.0) if is_free else None
    found = see_saw(run, algebra[-int(dimension) :], projectors)
    value = found.value - local
    optimum = MeasurementProof(objective, kind, value, None, None, 1.0, _tolerance(run, value), found.bound - local)
    return replace(measure(kraus=roots(found.effects)), certificate=optimum)


def _tolerance(run: Run, value: Any) -> Any:
    return np.maximum(GAP * np.abs(value), 10 * np.asarray(run.state.precision))
