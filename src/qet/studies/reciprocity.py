"""Does it matter which end is hot, and which end measures? Two exchanges on one steady state, side by side.

A system between two baths can be turned round in two ways: the baths exchange their temperatures and chemical
potentials, or Alice and Bob exchange their ends. A system that is its own mirror image cannot tell both together
from neither; what each does alone is the non-reciprocity of the teleported energy, and beside it stands that of heat.

Assumes a steady state between two ends and nothing else around. An end is a bath, or several baths on the same sites
(one for each coupling) with one temperature and one chemical potential.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered, unknown
from qet.foundations.spelling import spelled
from qet.foundations.values import Call, Value, call_of, same
from qet.physics.baths import Bath, bath
from qet.protocols.run import Run
from qet.protocols.teleport import teleport
from qet.solvers.states import State
from qet.solvers.steady import steady

Array = np.ndarray
AS_IS, BATHS, ROLES, BOTH = "as is", "baths swapped", "roles swapped", "both swapped"


@dataclass(frozen=True, eq=False, repr=False)
class Arrangement(Value):
    """One way to hold the system: its steady state and the protocol on it.

    Attributes:
        name: "as is", "baths swapped", "roles swapped" or "both swapped".
        run: The protocol.
    """

    name: str
    run: Run

    @property
    def extracted(self) -> Any:
        """What Bob takes out, shape of the run."""
        return self.run.extracted

    @property
    def teleported(self) -> Any:
        """What of it needed the message."""
        return self.run.teleported

    @cached_property
    def heat_current(self) -> Any:
        """J = (heat in from the first end - heat in from the second)/2, shape of the run; see `Reciprocity`."""
        state = self.run.state
        first, second = _ends(state.surroundings)
        heat = state.diagnostics.heat_currents
        current = 0.5 * (heat[..., first].sum(-1) - heat[..., second].sum(-1))
        return np.broadcast_to(current, self.run.shape)[()]


@dataclass(frozen=True, eq=False, repr=False)
class Reciprocity(Value):
    """The four arrangements of a system between two baths; made by `reciprocity`. Index by name, iterate, print.

    J is the heat that runs through the system from the first bath (as listed) to the second: half the difference of
    what they give. Without chemical potentials it is what the first bath gives, since the two sum to zero. With them
    energy is conserved but heat is not (the particle current turns mu into heat), and half the difference is what a
    mirror-symmetric system turns into its exact opposite when the baths are swapped.

    Attributes:
        rows: The arrangements: as is, baths swapped, roles swapped, both swapped.
        made_by: The call that made it.
    """

    rows: tuple[Arrangement, ...]
    made_by: Call
    _identity = ("rows",)

    def __getitem__(self, name: str) -> Arrangement:
        for row in self.rows:
            if row.name == name:
                return row
        raise unknown("arrangement", name, [row.name for row in self.rows])

    def __iter__(self) -> Iterator[Arrangement]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def rectification(self) -> Any:
        """R = |J + J'|/(|J| + |J'|), J as is and J' with the baths swapped, 0 <= R <= 1, shape of the run.

        A reciprocal system has J' = -J and R = 0; a perfect diode R = 1. NaN where the two baths are equally hot and
        equally filled, so that nothing is to be rectified, and where no heat flows either way.
        """
        forward, backward = (np.asarray(self[name].heat_current) for name in (AS_IS, BATHS))
        total = np.abs(forward) + np.abs(backward)
        is_driven = _is_biased(self.rows[0].run.state) & (total > 0.0)
        ratio = np.abs(forward + backward) / np.where(is_driven, total, 1.0)
        return np.where(is_driven, ratio, np.nan)[()]

    def asymmetry(self, name: str = BATHS) -> Any:
        """Extracted as is, less extracted in another arrangement, shape of the run."""
        return self[AS_IS].extracted - self[name].extracted

    def __str__(self) -> str:
        columns = ("extracted", "teleported", "heat_current")
        lines = [f"{'':<14}" + "".join(f"{name.replace('_', ' '):>24}" for name in columns)]
        lines += [
            f"{row.name:<14}" + "".join(f"{spelled(getattr(row, name)):>24}" for name in columns) for row in self.rows
        ]
        return "\n".join([*lines, f"heat rectification {spelled(self.rectification)}"])


def reciprocity(state: State, *, measure: Any = "X", feedback: Any = "best") -> Reciprocity:
    """The protocol and the heat current with the baths' T and mu exchanged, with A and B exchanged, and with both.

    The baths keep their sites, rates, couplings and spectra; the master equation, solver and allowances of the state
    are kept. A and B exchanged leave the state as it is.

    Args:
        state: From `steady`, between two baths and no jumps.
        measure: Alice's measurement, as for `teleport`.
        feedback: Bob's rule, as for `teleport`.

    Returns:
        Four rows with extracted, teleported and heat_current, and the rectification of heat; see `Reciprocity`.

    Raises:
        BadParameter: if this is no steady state.
        NotOffered: if its surroundings are not two baths, or a bosonic bath would get the mu of a fermionic one.
        NotPositive, NoUniqueSteadyState, ...: as in `steady`, for the swapped baths.

    Example:
        >>> import qet
        >>> hot, cold = qet.bath(0, T=1.0, rate=0.01), qet.bath(1, T=0.2, rate=0.01)
        >>> found = qet.reciprocity(qet.steady(qet.minimal(detuning=0.6), [hot, cold]))
        >>> [round(float(row.extracted), 4) for row in found]
        [0.0863, 0.0235, 0.0166, 0.0041]
    """
    if not isinstance(state, State) or state.master is None or state.diagnostics is None:
        raise BadParameter("reciprocity takes a steady state, from qet.steady(model, [bath, bath]).")
    swapped_state = _again(state, _swapped_baths(state.surroundings))
    states = {
        AS_IS: state,
        BATHS: swapped_state,
        ROLES: _swapped_roles(state),
        BOTH: _swapped_roles(swapped_state),
    }
    rows = tuple(Arrangement(name, teleport(held, measure=measure, feedback=feedback)) for name, held in states.items())
    given = rows[0].run
    options = {
        "measure": (measure if isinstance(measure, str) else given.measurement, "X"),
        "feedback": (feedback if isinstance(feedback, str) else given.feedback, "best"),
    }
    return Reciprocity(rows, call_of("reciprocity", {"state": state}, options))


def _ends(things: tuple[Any, ...]) -> tuple[list[int], list[int]]:
    """Which surroundings make the first end and which the second, by the sites they touch.

    Raises:
        NotOffered: if there are not exactly two ends, each at one T and one mu.
    """
    ends: dict[Any, list[int]] = {}
    for i, thing in enumerate(things):
        ends.setdefault(thing.sites if isinstance(thing, Bath) else i, []).append(i)
    baths = all(isinstance(thing, Bath) for thing in things)
    if (
        not baths
        or len(ends) != 2
        or any(not _is_alike(things[i], things[end[0]]) for end in ends.values() for i in end)
    ):
        raise NotOffered(
            "reciprocity turns two baths round, each on its own sites (several baths on the same sites count as one, "
            f"if they have one T and one mu); these are the surroundings: {', '.join(map(repr, things))}."
        )
    first, second = ends.values()
    return first, second


def _is_alike(one: Bath, two: Bath) -> bool:
    return same(one.T, two.T) and same(one.mu, two.mu)


def _swapped_baths(things: tuple[Any, ...]) -> list[Bath]:
    """The baths with the temperature and chemical potential of the other end."""
    first, second = _ends(things)
    swapped = []
    for i, thing in enumerate(things):
        other = things[second[0] if i in first else first[0]]
        if thing.statistics == "boson" != other.statistics and np.any(np.asarray(other.mu) != 0.0):
            raise NotOffered(
                f"{thing!r} is bosonic and cannot take the chemical potential mu={other.mu!r} of a fermionic one. "
                "Use statistics='fermion' for both, or mu=0."
            )
        swapped.append(_held_at(thing, other))
    return swapped


def _held_at(thing: Bath, other: Bath) -> Bath:
    return bath(
        thing.sites,
        T=other.T,
        mu=other.mu,
        rate=thing.rate,
        statistics=thing.statistics,
        coupling=thing.coupling,
        full_band=thing.full_band,
        spectrum=thing.spectrum,
        lamb_shift=thing.lamb_shift,
        common=thing.common,
    )


def _again(state: State, baths: list[Bath]) -> State:
    """The steady state of the same model with other baths, found in the same way."""
    told = state.origin.arguments
    return steady(
        state.model, baths, master=state.master, solver=told.get("solver", "auto"), allow=told.get("allow", ())
    )


def _swapped_roles(state: State) -> State:
    """The same state of the same Hamiltonian, with A and B exchanged."""
    model = state.model.swapped()
    return replace(state, model=model, made_by=Call(state.origin.word, {**state.origin.arguments, "model": model}))


def _is_biased(state: State) -> Array:
    """Where the two ends differ in temperature or chemical potential."""
    first, second = (state.surroundings[end[0]] for end in _ends(state.surroundings))
    return (np.asarray(first.T) != second.T) | (np.asarray(first.mu) != second.mu)
