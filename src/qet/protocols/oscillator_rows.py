"""Energies of the named terms of oscillators from second moments.

H_j = p_j²/2 + κ_j x_j²/2 on the sites, V_i_j = k_ij (x_i - x_j)²/2 on the bonds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qet.physics.oscillators import Oscillators
from qet.solvers.oscillators import OscillatorState

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Moments:
    """The second moments that enter the energy.

    Attributes:
        x: <x_j²>, shape (..., N).
        p: <p_j²>, shape (..., N).
        bonds: <x_i x_j> of each bond, shape (..., number of bonds).
    """

    x: Array
    p: Array
    bonds: Array

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.x + other.x, self.p + other.p, self.bonds + other.bonds)

    def with_party(self, model: Oscillators, cross: Array, own: Array) -> Moments:
        """The same with Bob's oscillators in another state.

        Args:
            model: Whose B and bonds.
            cross: cov(x_j, new x_B) for every j, shape (..., N, b).
            own: Covariance of his new (x_B.., p_B..), shape (..., 2b, 2b).
        """
        B, b = list(model.B), len(model.B)
        shape = np.broadcast_shapes(self.x.shape[:-1], cross.shape[:-2], own.shape[:-2])
        x, p, bonds = (np.broadcast_to(old, (*shape, old.shape[-1])).copy() for old in (self.x, self.p, self.bonds))
        x[..., B] = own[..., range(b), range(b)]
        p[..., B] = own[..., range(b, 2 * b), range(b, 2 * b)]
        place = {site: i for i, site in enumerate(B)}
        for at, (i, j) in enumerate(model.bonds):
            if i in place and j in place:
                bonds[..., at] = own[..., place[i], place[j]]
            elif i in place or j in place:
                inside, outside = (i, j) if i in place else (j, i)
                bonds[..., at] = cross[..., outside, place[inside]]
        return Moments(x, p, bonds)


def moments_of(state: OscillatorState) -> Moments:
    """Second moments of a state."""
    V_x, V_p, _ = state.blocks
    i, j = state.model.joined
    return Moments(np.diagonal(V_x, axis1=-2, axis2=-1), np.diagonal(V_p, axis1=-2, axis2=-1), V_x[..., i, j])


def energies_of(model: Oscillators, moments: Moments) -> Array:
    """Energies of H_0, H_1, ..., then of the bonds, shape (..., rows)."""
    i, j = model.joined
    sites = (moments.p + model.pins * moments.x) / 2
    bonds = model.springs * (moments.x[..., i] + moments.x[..., j] - 2 * moments.bonds) / 2
    shape = np.broadcast_shapes(sites.shape[:-1], bonds.shape[:-1])
    parts = [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (sites, bonds)]
    return np.concatenate(parts, -1)
