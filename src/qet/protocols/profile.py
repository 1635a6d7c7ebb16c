"""Where the energy sits: the energy of every term, or of every site, after each stage, and how it moves afterwards.

A term's energy is shared equally among the sites it acts on, so that the sites' energies add up to the total. Times
count from Bob's act, in units of 1/energy; after it, and during the delay before it, H alone moves the state.

Three evolutions tell the parties' parts apart: the protocol's own (`motion`), the one in which Bob does nothing
(`without_bob`), and the one in which neither acts (`undisturbed`). What they differ by,

    excess = motion - undisturbed        adds up to injected before Bob's act, to injected - extracted after it,
    taken  = motion - without_bob        adds up to -extracted, at every time after Bob's act,

since H conserves the total in each. In a state that H leaves alone (a level, a thermal state) `undisturbed` stays what
it was before, and a negative excess is energy below that of the untouched state: the packet that Bob sends off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, refuse_where, unknown
from qet.foundations.paulis import PauliSum
from qet.foundations.values import Call, Value, call_of, frozen
from qet.physics.light_cone import light_speed
from qet.protocols.information import check_run
from qet.protocols.ledger import STAGES
from qet.protocols.packet import Packet, packet_of
from qet.protocols.run import Run
from qet.solvers.history import History
from qet.solvers.questions import means_after

Array = np.ndarray
KINDS = ("term", "site")
PARTS = ("excess", "taken", "motion", "undisturbed", "without_bob")


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Value):
    """Energies along the system; made by `profile`. Nothing is computed before it is asked for.

    Attributes:
        run: The protocol.
        by: "term" or "site".
        times: Times from Bob's act, shape (time,), ascending; negative ones are before it. None: the stages alone.
        made_by: The call that made it.
    """

    run: Run
    by: str
    times: Array | None
    made_by: Call
    _identity = ("run", "by", "times")

    stages = STAGES

    @cached_property
    def labels(self) -> tuple[str | int, ...]:
        """Names of the terms of H, or site numbers."""
        model = self.run.state.model
        return model.sites if self.by == "site" else tuple(term.name for term in model.terms)

    @cached_property
    def positions(self) -> Array:
        """Where each label sits, shape (label,), in sites: a term in the middle of its sites, a constant nowhere."""
        if self.by == "site":
            return np.arange(len(self.labels), dtype=float)
        supports = (term.operator.support for term in self.run.state.model.terms)
        return np.array([np.mean(support) if support else np.nan for support in supports])

    @property
    def speed(self) -> Any:
        """The fastest that energy travels, in sites per time, for uniform XY and Ising chains; else None."""
        return light_speed(self.run.state.model)

    # -- the stages ----------------------------------------------------------------------------

    @cached_property
    def energies(self) -> Array:
        """Energies at the stages of the ledger, shape (*shape, label, stage)."""
        rows = self.run.ledger.energies[..., : len(self.run.state.model.terms), :]  # the others are no part of H
        return self._along(rows)

    def change(self, start: str = "before", end: str = "after") -> Array:
        """Energy gained by each label between two stages, shape (*shape, label)."""
        for stage in (start, end):
            if stage not in STAGES:
                raise unknown("stage", stage, STAGES)
        return self.energies[..., STAGES.index(end)] - self.energies[..., STAGES.index(start)]

    # -- the motion ----------------------------------------------------------------------------

    @property
    def motion(self) -> Array:
        """Energies at the times, all outcomes added, shape (*shape, label, time)."""
        return self._actual + self._constants

    @property
    def without_bob(self) -> Array:
        """The same had Bob done nothing, shape (*shape, label, time)."""
        return self._without_bob + self._constants

    @property
    def undisturbed(self) -> Array:
        """The same had neither acted, shape (*shape, label, time); constant for a level or a thermal state."""
        return self._undisturbed + self._constants

    @property
    def excess(self) -> Array:
        """Energy above (below: negative) that of the undisturbed state, shape (*shape, label, time)."""
        return self._actual - self._undisturbed

    @property
    def taken(self) -> Array:
        """What Bob's act made of it: motion - without_bob, shape (*shape, label, time); its sum is -extracted."""
        return self._actual - self._without_bob

    @property
    def drift(self) -> Any:
        """Largest deviation of the total from what the ledger says, at all times: the error of the motion."""
        total = self.motion.sum(-2)
        stage = np.where(self._times < 0.0, STAGES.index("measured"), STAGES.index("after"))
        return np.abs(total - self.energies.sum(-2)[..., stage]).max(-1, initial=0.0)[()]

    def part(self, name: str) -> Array:
        """One of "excess", "taken", "motion", "undisturbed" and "without_bob" by its name."""
        if name not in PARTS:
            raise unknown("part of a profile", name, PARTS)
        return np.asarray(getattr(self, name))

    def packet(self, *, of: str = "excess", sign: int = -1, sites: Any = None) -> Packet:
        """Depth, center, spread and velocity of the energy of one sign, at every time.

        Args:
            of: "excess", or "taken" for Bob's part alone.
            sign: -1 for what lies below zero (Bob's packet), +1 for what lies above (Alice's).
            sites: Only labels whose position is among these sites (a range, such as one side of Bob); None: all.

        Raises:
            UnknownName, BadParameter: for another part or sign, or sites where there is no label.
        """
        if sign not in (-1, 1):
            raise BadParameter(f"sign is -1 for energy below zero or +1 for energy above it; got {sign!r}.")
        inside = np.isfinite(self.positions)
        if sites is not None:
            inside &= np.isin(self.positions, np.asarray(list(sites), dtype=float))
            if not inside.any():
                raise BadParameter(
                    f"sites={sites!r} holds none of the positions {self.positions.min():g} .. {self.positions.max():g} "
                    "of this profile."
                )
        return packet_of(self._times, self.positions[inside], sign * self.part(of)[..., inside, :])

    # -- inner ---------------------------------------------------------------------------------

    @property
    def _times(self) -> Array:
        if self.times is None:
            raise BadParameter(
                "this profile has the stages alone; say when: qet.profile(run, t=np.linspace(0, 5, 51))."
            )
        return self.times

    @cached_property
    def _shares(self) -> Array:
        """Which part of each term's energy belongs to each label, shape (label, term)."""
        model = self.run.state.model
        if self.by == "term":
            return np.eye(len(model.terms))
        shares = np.zeros((model.n_sites, len(model.terms)))
        for i, term in enumerate(model.terms):
            support = term.operator.support
            if support:  # constants sit nowhere
                shares[list(support), i] = 1.0 / len(support)
        return shares

    @cached_property
    def _actual(self) -> Array:
        """What moves of `motion`, constants of H apart: a large zero of energy must not cost digits of a difference."""
        early = self._times < 0.0
        energies = np.array(self._without_bob)
        if not early.all():
            energies[..., ~early] = self._energies(self.run.history, self._times[~early])
        return frozen(energies)

    @cached_property
    def _without_bob(self) -> Array:
        return self._since_alice(self.run.measurement.kraus(self.run.state.model.A))

    @cached_property
    def _undisturbed(self) -> Array:
        return self._since_alice(np.eye(2 ** len(self.run.state.model.A))[None])

    def _since_alice(self, kraus: Array) -> Array:
        """Energies at all times with Bob idle: the delay ends at the first time, from which the others count."""
        first = min(float(self._times[0]), 0.0)
        wait = np.maximum(np.asarray(self.run.delay) + first, 0.0)  # not below it by more than rounding
        return self._energies(History(self.run.state.model, kraus, wait[()]), self._times - first)

    def _energies(self, history: History, times: Array) -> Array:
        """Energies of the labels at times after a history, constants apart, shape (*shape, label, time)."""
        state = self.run.state
        moving = tuple(PauliSum(tuple(part for part in one.operator.terms if part[0])) for one in state.model.terms)
        means = means_after(state.payload, history, moving, times)  # (..., time, term)
        return self._along(np.swapaxes(means, -1, -2))

    @cached_property
    def _constants(self) -> Array:
        """Constants of the terms, shape (*shape, label, 1)."""
        terms = self.run.state.model.terms
        zeros = np.broadcast_arrays(*(term.operator.coefficients.get((), 0.0) for term in terms))
        return self._along(np.stack(zeros, axis=-1)[..., None])

    def _along(self, values: Array) -> Array:
        """Values of the terms as those of the labels: (..., term, column) -> (*shape, label, column)."""
        energies = np.einsum("lr,...rs->...ls", self._shares, values)
        return np.asarray(frozen(np.broadcast_to(energies, (*self.run.shape, *energies.shape[-2:]))))


def profile(run: Run, *, by: str = "term", t: Any = None) -> Profile:
    """The energy of every term or site after each stage of a run, and at times after it.

    Args:
        run: From `teleport`.
        by: "term" or "site"; a site has its terms' energies, each shared equally among the term's sites.
        t: Times from Bob's act in units of 1/energy, a number or an ascending array of one axis. Negative times, down
            to minus the delay, follow what Alice's act does before Bob's. None: the stages alone.

    Returns:
        A `Profile`: `.energies` at the stages; at the times `.motion`, the `.excess` over the undisturbed state and
        what Bob has `.taken`, each with the shape of the run, then label, then time. H alone moves the state.

    Raises:
        UnknownName: for another `by`.
        BadParameter, ShapeMismatch: for times before Alice's act, not ascending, or on more than one axis.
        NotOffered: for the motion of a run with reservoirs in its delay, or of a state that does not offer it.

    References:
        M. Hotta, J. Phys. Soc. Jpn. 78, 034001 (2009), arXiv:0803.0348, for the negative energy; derived here.

    Example:
        >>> import numpy as np, qet
        >>> run = qet.teleport(qet.ground(qet.minimal(h=1.0, k=0.5)))
        >>> [round(float(e), 4) for e in qet.profile(run, by="site").change("delayed", "after")]
        [-0.1299, 0.0574]
        >>> moving = qet.profile(run, by="site", t=np.linspace(0.0, 2.0, 5))
        >>> moving.taken.sum(0).round(6)
        array([-0.072573, -0.072573, -0.072573, -0.072573, -0.072573])
    """
    check_run("profile", run)
    if by not in KINDS:
        raise unknown("kind of profile", by, KINDS)
    times = None if t is None else _checked_times(run, t)
    made_by = call_of("profile", {"run": run}, {"by": (by, "term"), "t": (times, None)})
    return Profile(run, by, times, made_by)


def _checked_times(run: Run, t: Any) -> Array:
    times = np.atleast_1d(real("t", t))
    if times.ndim > 1 or not times.size:
        raise ShapeMismatch(f"t is a number or an array of times along one axis; got shape {np.shape(t)}.")
    refuse_where(
        np.diff(times) <= 0.0,
        BadParameter,
        lambda i: f"the times t must ascend; {times[i[0]]:g} is followed by {times[i[0] + 1]:g}",
    )
    if run.surroundings and run.has_delay:
        raise NotOffered(
            "profile follows the energy under H alone, and this run has reservoirs in its delay: its motion would be "
            "theirs too. Leave t out for the stages, or make the run without surroundings."
        )
    refuse_where(
        np.asarray(run.delay) + times[0] < -1e-12 * (1.0 + np.asarray(run.delay)),
        BadParameter,
        lambda i: (
            f"t counts from Bob's act and Alice's is {np.asarray(run.delay)[i]:g} before it; t = {times[0]:g} is "
            "earlier. Start at minus the delay"
        ),
    )
    return np.asarray(frozen(times))
