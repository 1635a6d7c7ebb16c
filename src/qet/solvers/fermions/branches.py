"""Conditional states after a delay: Alice acts anywhere in the chain, and Bob's patch is read at a later time.

    <M_k† O(t) M_k> = Σ_PQ c*_kP c_kQ <P O(t) Q> = Σ_PQ c*_kP c_kQ <PQ · Q O(t) Q>

with Alice's Kraus operators M_k = Σ c_kP P. Moved through O(t), a product of Majoranas b = e^{At} a, the string Q only
turns signs of the a; in front stands one string W = PQ of Alice's sites. Even W are short and meet even O; odd W have
the Jordan–Wigner string of everything on the left, as the odd O have, and `crossing` cancels the two. All strings O
are read at once by `wick`. Exact at any time and temperature. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from qet.foundations.errors import NotOffered
from qet.solvers.fermions.acts import Act, Strand, multiplied
from qet.solvers.fermions.crossing import Crossing
from qet.solvers.fermions.modes import modes_of
from qet.solvers.fermions.wick import contractions, matrix_of, reordered, string_means
from qet.solvers.gaussian import LARGEST_MARGINAL, Gaussian
from qet.solvers.history import History

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Scene:
    """One point of a batch: the state and the motion until Bob's time.

    Attributes:
        M: Covariance, shape (2N, 2N).
        F: Propagator, b_m = Σ F_mn a_n, shape (2N, 2N).
        first: The first of Alice's sites.
    """

    M: Array
    F: Array
    first: int
    _crossings: dict[int, Crossing] = field(default_factory=dict)

    def crossing(self, q: int) -> Crossing:
        """Of the string in front of Alice's sites and the later one of q Majoranas."""
        if q not in self._crossings:
            self._crossings[q] = Crossing.of(self.F, 2 * self.first, q)
        return self._crossings[q]

    def rows(self, modes: tuple[int, ...]) -> Array:
        """Unit rows of Majoranas before the delay."""
        rows = np.zeros((len(modes), self.F.shape[-1]))
        rows[np.arange(len(modes)), list(modes)] = 1.0
        return rows

    def front(self, W: Strand, Q: Strand, q: int) -> tuple[complex, Array]:
        """Phase and rows of W in front of an O of the same parity, the string Π_{m<q} b_m of an odd O among them."""
        if not W.is_odd:
            return W.sign, self.rows(W.modes)
        crossing = self.crossing(q)
        rest = tuple(m for m in W.modes if m >= 2 * self.first)
        late = crossing.late @ (self.F[:q] * Q.turns(self.F.shape[-1]))
        # both odd: the Pfaffian is the mean of -i W O
        return 1j * W.sign * crossing.phase, np.concatenate([crossing.early, self.rows(rest), late])


def scenes(payload: Gaussian, history: History, shape: tuple[int, ...]) -> list[Scene]:
    """The points of a batch in order."""
    modes = modes_of(history.model)
    F = modes.propagator(history.delay)
    tail = F.shape[-2:]
    Fs = np.broadcast_to(F, (*shape, *tail)).reshape(-1, *tail)
    Ms = np.broadcast_to(payload.covariance, (*shape, *tail)).reshape(-1, *tail)
    return [Scene(M, F, min(history.model.A)) for M, F in zip(Ms, Fs, strict=True)]


def branches(payload: Gaussian, history: History, sites: tuple[int, ...]) -> Array:
    """Unnormalized states on some sites after Alice's act and the delay, shape (*shape, K, d, d)."""
    if len(sites) > LARGEST_MARGINAL:
        raise NotOffered(
            f"the density matrices of {len(sites)} sites of a free-fermion state after a delay; they are offered up to "
            f"{LARGEST_MARGINAL} sites."
        )
    kraus = history.kraus
    shape = np.broadcast_shapes(
        payload.covariance.shape[:-2], history.model.shape, np.shape(history.delay), kraus.shape[:-3]
    )
    act = Act.of(kraus, history.model.A)
    coefficients = np.broadcast_to(act.coefficients, (*shape, *act.coefficients.shape[-2:]))
    ascending = tuple(sorted(sites))
    found = [
        _means(scene, Act(act.strands, c), ascending)
        for scene, c in zip(
            scenes(payload, history, shape), coefficients.reshape(-1, *coefficients.shape[-2:]), strict=True
        )
    ]
    means = np.array(found).reshape(*shape, *coefficients.shape[-2:-1], 4 ** len(sites))
    return matrix_of(reordered(means, tuple(ascending.index(site) for site in sites)))


def _means(scene: Scene, act: Act, sites: tuple[int, ...]) -> Array:
    """<M_k† O(t) M_k> for all Pauli strings O on the sites, shape (K, 4^n).

    <P O Q> and <Q O P> are conjugate, so of both one is enough: with Q even where one of them is.
    """
    total = np.zeros((len(act.coefficients), 4 ** len(sites)))
    for q in act.present:
        for p in act.present:
            P, Q = act.strands[p], act.strands[q]
            if (P.is_odd == Q.is_odd and p > q) or (Q.is_odd and not P.is_odd):
                continue
            weights = (1.0 if p == q else 2.0) * act.coefficients[:, p].conj() * act.coefficients[:, q]
            if weights.any():
                phase, W = multiplied(P, Q)
                total += np.real((phase * weights)[:, None] * _behind(scene, W, Q, sites))
    return total


def _behind(scene: Scene, W: Strand, Q: Strand, sites: tuple[int, ...]) -> Array:
    """<W · Q O(t) Q> for all Pauli strings O on the sites of the parity of W, shape (4^n,)."""
    start, stop = 2 * sites[0], 2 * sites[-1] + 2
    phase, front = scene.front(W, Q, start)
    patch = scene.F[start:stop] * Q.turns(scene.F.shape[-1])
    K = contractions(np.concatenate([front, patch]), scene.M)
    place = len(front) - start
    own = np.array([2 * site + one + place for site in sites for one in (0, 1)])
    gaps = [np.arange(2 * left + 2 + place, 2 * right + place) for left, right in pairwise(sites)]
    nothing = np.zeros(0, dtype=int)
    return phase * string_means(K, np.arange(len(front)), [nothing, *gaps], own, is_odd=W.is_odd)
