"""Master equations as channels: non-secular and secular Bloch-Redfield, local GKSL, bare jumps.

With S = Σ_w S_w, S_w lowering the energy by w, and emission and absorption spectra e(w), a(w) of `contacts`:

    exchange (S = σ⁻):  D rho = X rho S† - S† X rho + Y rho S - S Y rho + h.c.,
                        X = Σ_w [e(w)/2 + i Λ_e(w)] S_w,   Y = Σ_w [a(w)/2 + i Λ_a(w)] (S†)_w
    Hermitian S:        D rho = X rho S - S X rho + h.c.,
                        X = Σ_w [(e + a)/2 + i Λ](w) S_w

No secular approximation; the Lamb shift Λ on request. The secular equation keeps the products of transitions
of equal Bohr frequency, exact degeneracies included. Local GKSL: each site emits into and absorbs from its bath at
the gap of its bare field, L = |g><e| and its adjoint.

Conventions of docs/open-pair.md, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.conventions import FREQUENCY_TOLERANCE
from qet.foundations.linalg import dagger, embed
from qet.foundations.paulis import PauliSum, collect
from qet.physics.baths import Bath, Jump, occupation, spectral_density
from qet.solvers import lamb
from qet.solvers.contacts import (
    Contact,
    bare_field,
    bare_lowering,
    check_inside,
    check_local,
    contacts_of,
    flips_of,
    is_undefined,
    spectra,
    wide,
)
from qet.solvers.liouville import Channel, Frame

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Surrounded:
    """Channels of all surroundings at some points.

    Attributes:
        channels: In the energy basis.
        diverges: Per surrounding, the points where it offers no finite rate: bool arrays that broadcast to (...).
    """

    channels: list[Channel]
    diverges: dict[int, Any]


def channels_of(H: PauliSum, frame: Frame, surroundings: tuple[Bath | Jump, ...], n_sites: int, master: str) -> Surrounded:
    """The channels of baths and jumps under a master equation ("redfield", "secular", "local" or "gksl")."""
    channels: list[Channel] = []
    diverges: dict[int, Any] = {}
    for column, thing in enumerate(surroundings):
        if isinstance(thing, Jump):
            channels.append(jump_channel(thing, column, frame, n_sites))
        elif master == "local":
            made, diverges[column] = local_channels(H, thing, column, frame, n_sites)
            channels.extend(made)
        else:
            diverges[column] = False
            for contact in contacts_of(thing, column, n_sites):
                made, bad = contact_channels(contact, frame)
                channels.extend(made)
                diverges[column] = diverges[column] | bad
    return Surrounded(channels, diverges)


def contact_channels(contact: Contact, frame: Frame) -> tuple[list[Channel], Any]:
    """Emission and absorption of one contact, and where they are not defined, shape (...)."""
    bath, w, tolerance = contact.bath, frame.w, frame.tolerance
    S = frame.rotate(contact.S)
    emission, absorption = (0.5 * rate for rate in spectra(bath, w, tolerance))
    bad = is_undefined(contact, S, w, tolerance)
    up = dagger(S) if contact.is_exchange else S
    if bath.lamb_shift and contact.is_exchange:
        shift_e, shift_a = lamb.exchange_shifts(bath, w, tolerance)
        emission, absorption = emission + 1j * shift_e, absorption + 1j * shift_a
        bad = bad | lamb.shift_diverges(bath, S, w, tolerance)
    elif bath.lamb_shift:
        emission = emission + 1j * lamb.dipole_shift(bath, w)
    taken, given = Channel(S, emission * S, contact.column, -1), Channel(up, absorption * up, contact.column, 1)
    return [taken, given], bad


def jump_channel(jump: Jump, column: int, frame: Frame, n_sites: int) -> Channel:
    """A Lindblad operator as a channel: A = L, X = (rate/2) L."""
    check_inside(jump.operator.support, n_sites, "the jump")
    matrix = jump.operator.matrix(tuple(range(n_sites)))
    if np.iscomplexobj(matrix) and not np.any(matrix.imag):
        matrix = matrix.real
    L = frame.rotate(matrix)
    return Channel(L, 0.5 * wide(jump.rate) * L, column)


def local_channels(
    H: PauliSum, bath: Bath, column: int, frame: Frame, n_sites: int
) -> tuple[list[Channel], Any]:
    """Emission and absorption of a bath at the bare gaps of its sites, and where a gap closes, shape (...)."""
    check_local(bath)
    channels: list[Channel] = []
    closed: Any = False
    sites = bath.coupling.support if isinstance(bath.coupling, PauliSum) else bath.sites
    check_inside(tuple(sites), n_sites, "the bath")
    for site in sites:
        lowering, gap = bare_lowering(bare_field(H, site))
        is_closed = gap <= FREQUENCY_TOLERANCE * np.maximum(np.abs(frame.energies).max(axis=-1), 1e-300)
        closed = closed | (is_closed & (np.asarray(bath.rate) > 0.0))
        w = np.where(is_closed, 1.0, gap)
        J = spectral_density(w, bath.rate, bath.spectrum) * _local_weight(bath, lowering, site)
        up = J * occupation(w, bath.T, bath.mu, bath.statistics)
        down = J + up if bath.statistics == "boson" else J - up
        L = frame.rotate(embed(lowering, (site,), n_sites))
        raising = dagger(L)
        channels.append(Channel(L, 0.5 * wide(down) * L, column, -1))
        channels.append(Channel(raising, 0.5 * wide(up) * raising, column, 1))
    return channels, closed


def flips_of_surroundings(surroundings: tuple[Bath | Jump, ...], H: PauliSum, n_sites: int, master: str) -> list[frozenset[int]]:
    """For every channel, the bits that its strings flip (local channels of a tilted field do both)."""
    flips = []
    for thing in surroundings:
        if isinstance(thing, Jump):
            flips.append(flips_of(thing.operator, n_sites))
        elif master == "local":
            sites = thing.coupling.support if isinstance(thing.coupling, PauliSum) else thing.sites
            for site in sites:
                is_tilted = any(letter != "Z" for s, _ in H.terms if len(s) == 1 for i, letter in s if i == site)
                bit = 1 << (n_sites - 1 - site)
                flips.append(frozenset({0, bit}) if is_tilted else frozenset({bit}))
        else:
            flips.extend(contact.flips for contact in contacts_of(thing, 0, n_sites))
    return flips


def _local_weight(bath: Bath, lowering: Array, site: int) -> Any:
    """|<g|S|e>|² of a one-site Hermitian coupling S, shape (...); 1 for an exchange coupling."""
    if bath.coupling == "exchange":
        return 1.0
    if isinstance(bath.coupling, PauliSum):
        S = bath.coupling.matrix((site,))
    else:
        S = collect([(((0, "X" if bath.coupling == "dipole" else bath.coupling),), 1.0)]).matrix((0,))
    # Tr[S |g><e|] = <e|S|g>
    return np.abs(np.einsum("...ij,...ji->...", S, lowering)) ** 2
