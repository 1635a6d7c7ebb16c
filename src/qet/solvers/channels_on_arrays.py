"""Baths and jumps of a chunk of points as channels in the energy basis, element by element.

The twin of `redfield.channels_of` without Lamb shifts. A Hermitian coupling is one channel here, emission and
absorption together, since the generator knows only their sum. A rate is worked out once for every pair of levels that
share a gap. Points at which a bath may have no rate at all are marked, for the general route to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.physics.baths import Bath, Jump
from qet.physics.spectra import occupation, spectral_density, zero_rate
from qet.solvers.contacts import Contact, contacts_of, zero_fault
from qet.solvers.elements import Elements, Place, adjoint, from_matrix, product
from qet.solvers.levels_on_arrays import Levels

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class ElementChannel:
    """One pair (A, X) of `liouville.Channel`, element by element.

    Attributes:
        A: In the energy basis.
        X: Likewise, with the same places.
        is_bare: Whether it is a Lindblad operator given as such, which no cut-off touches.
        column: Which of the surroundings it belongs to.
        halves: X in parts that take a particle from the bath (+1) or give it one (-1).
    """

    A: Elements
    X: Elements
    is_bare: bool
    column: int
    halves: tuple[tuple[int, Elements], ...] = ()


def element_channels(things: tuple[Bath | Jump, ...], levels: Levels, n_sites: int) -> tuple[list[ElementChannel], Any]:
    """The channels of all surroundings, and the points at which a bath may have no rate (False if nowhere)."""
    channels: list[ElementChannel] = []
    doubtful: Any = False
    turned = adjoint(levels.V)
    for column, thing in enumerate(things):
        if isinstance(thing, Jump):
            L = product(turned, product(from_matrix(thing.operator.matrix(tuple(range(n_sites)))), levels.V))
            half = 0.5 * thing.rate
            channels.append(ElementChannel(L, {place: half * value for place, value in L.items()}, True, column))
            continue
        for contact in contacts_of(thing, column, n_sites):
            made, bad = _contact(contact, levels, turned)
            channels.extend(made)
            doubtful = doubtful | bad
    return channels, doubtful


def _contact(contact: Contact, levels: Levels, turned: Mapping[Place, Any]) -> tuple[list[ElementChannel], Any]:
    S = product(turned, product(from_matrix(contact.S), levels.V))
    rates = _Rates(contact.bath, levels)
    up = adjoint(S) if contact.is_exchange else S
    taken, given = ({place: rates.of(*place)[k] * x for place, x in A.items()} for k, A in ((0, S), (1, up)))
    if contact.is_exchange:
        parts = ((S, taken, -1), (up, given, 1))
        return [ElementChannel(A, X, False, contact.column, ((sign, X),)) for A, X, sign in parts], rates.doubtful
    whole = {place: taken[place] + given[place] for place in S}
    halves = ((-1, taken), (1, given))
    return [ElementChannel(S, whole, False, contact.column, halves)], rates.doubtful


class _Rates:
    """Half the emission and absorption rates of one bath at the gaps of a chunk; each gap is worked out once."""

    def __init__(self, bath: Bath, levels: Levels) -> None:
        self.bath, self.levels = bath, levels
        self.found: dict[Any, tuple[Any, Any, Any, Any]] = {}
        self.doubtful: Any = False

    def of(self, a: int, b: int) -> tuple[Any, Any]:
        """Half of emission(w) and absorption(w) at w = E_b - E_a."""
        key, sign = self.levels.gap(a, b)
        if key not in self.found:
            self.found[key] = self._at(self.levels.frequency(key)) if key else self._at_zero()
        there = self.found[key]
        return there[:2] if sign > 0.0 else there[2:]

    def _at_zero(self) -> tuple[Any, Any, Any, Any]:
        """At a gap that is zero by structure."""
        bath = self.bath
        if bath.full_band:
            return self._full(0.0)
        fault = zero_fault(bath, True)
        if np.any(~np.isnan(fault)):
            self.doubtful = self.doubtful | ~np.isnan(fault)
        half = 0.25 * zero_rate(bath.T, bath.rate, bath.mu, bath.statistics, bath.spectrum)
        return half, half, half, half

    def _full(self, w: Any) -> tuple[Any, Any, Any, Any]:
        bath = self.bath
        J, back = (spectral_density(x, 0.5 * bath.rate, bath.spectrum) for x in (w, -w))
        f, hole = occupation(w, bath.T, bath.mu, "fermion"), occupation(-w, bath.T, -np.asarray(bath.mu), "fermion")
        f_back = occupation(-w, bath.T, bath.mu, "fermion")
        hole_back = occupation(w, bath.T, -np.asarray(bath.mu), "fermion")
        return J * hole, back * f_back, back * hole_back, J * f

    def _at(self, w: Any) -> tuple[Any, Any, Any, Any]:
        """Half of emission(w), absorption(w), emission(-w), absorption(-w)."""
        bath, tolerance = self.bath, self.levels.tolerance
        if bath.full_band:
            return self._full(w)
        is_up = np.min(w - tolerance, initial=1.0) > 0.0
        size = w if is_up else np.abs(w)
        if not is_up:
            near = size <= tolerance
            if np.any(near):  # a zero frequency: the general route knows its limits
                self.doubtful = self.doubtful | near
                size = np.where(near, 1.0, size)
        down, up = self._half(size)
        if is_up:
            return down, 0.0, 0.0, up
        is_positive = w > 0.0
        if not np.any(is_positive):
            return 0.0, up, down, 0.0
        return (
            np.where(is_positive, down, 0.0),
            np.where(is_positive, 0.0, up),
            np.where(is_positive, 0.0, down),
            np.where(is_positive, up, 0.0),
        )

    def _half(self, size: Any) -> tuple[Any, Any]:
        """Half of the rates down and up at frequencies > 0."""
        bath = self.bath
        J = spectral_density(size, 0.5 * bath.rate, bath.spectrum)
        if bath.statistics == "fermion":
            return (
                J * occupation(-size, bath.T, -np.asarray(bath.mu), "fermion"),
                J * occupation(size, bath.T, bath.mu, "fermion"),
            )
        if np.any(np.asarray(bath.mu) > 0.0):
            not_above = size <= bath.mu
            if np.any(not_above):
                self.doubtful = self.doubtful | not_above
                size = np.where(not_above, np.asarray(bath.mu) + 1.0, size)
        up = J * occupation(size, bath.T, bath.mu, "boson")
        return J + up, up
