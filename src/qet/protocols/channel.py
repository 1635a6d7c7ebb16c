"""Bob's best channel on one qubit: the optimum over all completely positive trace-preserving maps, certified.

The energy after a channel with Choi matrix J is Tr[C J], so the best channel solves a
semidefinite program in a 4x4 matrix, whose dual has a Hermitian 2x2 unknown L:

    gain = max { -Tr[C J] : J >= 0, Tr_out J = 1 }  =  min { -Tr L : C - L ⊗ 1 >= 0 },

with C shifted by L_0 = Herm Tr_out[C J_identity], so that doing nothing gains exactly
zero and no large numbers are subtracted. A primal-dual interior-point method (its
search direction is Helmberg–Rendl–Vanderbei–Wolkowicz–Kojima–Shindoh–Hara–Monteiro's)
follows the central path of all points of a batch at once; about a dozen steps suffice.

Nothing rests on the solver's word: the channel returned is made exactly feasible before
its gain is taken, and the bound comes from any Hermitian L, shifted by the smallest
eigenvalue of C - L ⊗ 1 until it is feasible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qet.foundations.conventions import PAULIS
from qet.foundations.errors import NotConverged, refuse_where
from qet.foundations.linalg import dagger, permute, trace

Array = np.ndarray
_BASIS = np.array([np.kron(p, np.eye(2)) for p in PAULIS])  # σ_a ⊗ 1 on in ⊗ out
_IDENTITY = np.zeros((4, 4))  # Choi matrix of doing nothing, Σ |ii><i'i'|
_IDENTITY[np.ix_((0, 3), (0, 3))] = 1.0
_UNIT = np.array([2.0, 0.0, 0.0, 0.0])  # Tr σ_a
_STEPS = 40
_GAP = 1e-12  # relative to ‖C‖
_ACCEPTED = 1e-8  # relative gap beyond which a result is refused
_MARGIN = 16 * float(np.finfo(float).eps)  # rounding of a 4x4 eigenvalue, relative to ‖C‖


@dataclass(frozen=True, eq=False)
class BestChannel:
    """The best channel found, and the proof that none does better.

    Attributes:
        gain: Energy drop of this channel, >= 0, weighted by the trace of the state, shape (...).
        bound: No channel on this qubit drops the energy by more, shape (...).
        kraus: Its Kraus operators, shape (..., 4, 2, 2), largest first; zeros pad.
    """

    gain: Array
    bound: Array
    kraus: Array


def best_channel(sigma: Array, H: Array, position: int) -> BestChannel:
    """The channel on one qubit that lowers the energy most.

    Maximizes Tr[H s] - Tr[H Φ(s)] over completely positive trace-preserving Φ on the qubit.

    Args:
        sigma: State, may be unnormalized, shape (..., d, d).
        H: Terms that meet the qubit, on the same qubits, shape (..., d, d); broadcasts with sigma.
        position: The qubit, 0 is leftmost.

    Returns:
        Gain, certified upper bound and Kraus operators. The identity is returned where nothing is gained.

    Raises:
        NotConverged: if bound - gain exceeds 1e-8 of ‖C‖; `.best` carries the result.

    References:
        Alhambra, Styliaris, Rodriguez-Briones, Sikora, Martin-Martinez, PRL 123, 190601 (2019), for the
        operator whose positivity is passivity (here: C >= 0 after the shift); the certificate is derived here.

    Example:
        >>> import numpy as np
        >>> up = np.diag([1.0, 0.0])
        >>> float(best_channel(up, np.diag([1.0, -1.0]), 0).gain.round(12))
        2.0
    """
    C = _cost(np.asarray(sigma), np.asarray(H), position)
    lead = C.shape[:-2]
    C = C.reshape(-1, 4, 4)
    scale = np.abs(C).max((-1, -2))
    safe = np.where(scale > 0.0, scale, 1.0)[:, None, None]
    J, L = _interior_point(C / safe)
    J = _feasible(J)
    gain = -_inner(C, J)
    is_idle = gain <= _MARGIN * scale
    J = np.where(is_idle[:, None, None], _IDENTITY, J)
    gain = np.where(is_idle, 0.0, gain)
    duals = (L * safe, _herm(_trace_out(C @ J)), np.zeros_like(L))  # the solver's, the channel's own, and "stay"
    bound = np.min([_bound(C, dual, scale) for dual in duals], axis=0)
    bound = np.maximum(bound, gain)  # weak duality; only rounding can say otherwise
    found = BestChannel(gain.reshape(lead)[()], bound.reshape(lead)[()], _kraus(J).reshape(*lead, 4, 2, 2))
    gap = ((bound - gain) / safe[:, 0, 0]).reshape(lead)
    refuse_where(
        gap > _ACCEPTED,
        NotConverged,
        lambda i: f"best_channel stopped {gap[i]:.1e} (relative) short of its certificate; .best carries the channel",
        best=found,
    )
    return found


def _cost(sigma: Array, H: Array, position: int) -> Array:
    """C[(i'o'),(io)] = Σ_bb' s[ib,i'b'] H[o'b',ob], less L_0 ⊗ 1: shape (..., 4, 4)."""
    n = sigma.shape[-1].bit_length() - 1
    order = [position, *(i for i in range(n) if i != position)]

    def split(matrix: Array) -> Array:
        return permute(matrix, order).reshape(*matrix.shape[:-2], 2, 2 ** (n - 1), 2, 2 ** (n - 1))

    C = np.einsum("...ibjd,...qdob->...jqio", split(sigma), split(H))
    C = C.reshape(*C.shape[:-4], 4, 4)
    start = _herm(_trace_out(C @ _IDENTITY))  # also takes out what acts on the others alone
    return _herm(C - _wide(start))


def _interior_point(C: Array) -> tuple[Array, Array]:
    """Near-optimal J and L for costs of unit size, axes (points, 4, 4) and (points, 2, 2)."""
    L = (np.linalg.eigvalsh(C)[:, 0] - 1.0)[:, None, None] * np.eye(2, dtype=complex)
    J = np.repeat(np.eye(4, dtype=complex)[None] / 2, len(C), axis=0)
    mu = _inner(C - _wide(L), J) / 4  # a quarter of the duality gap
    active = np.arange(len(C))
    for _ in range(_STEPS):
        if not len(active):
            break
        dJ, dL = _direction(J[active], C[active] - _wide(L[active]), mu[active])
        new_J, new_L = _repair(J[active] + dJ), L[active] + dL
        new_mu = _inner(C[active] - _wide(new_L), new_J) / 4
        better = new_mu < mu[active]  # the gap shrinks until rounding takes over; the last good point is kept
        active = active[better]
        J[active], L[active], mu[active] = new_J[better], new_L[better], new_mu[better]
        active = active[mu[active] > _GAP / 4]
    return J, L


def _direction(J: Array, S: Array, mu: Array) -> tuple[Array, Array]:
    """One predictor-corrector step, already shortened to stay inside."""
    root_J, root_S = _inverse_root(J), _inverse_root(S)
    inverse = root_S @ dagger(root_S)
    PS = _BASIS @ inverse[:, None]  # (points, 4, 4, 4)
    M = np.real(np.einsum("naij,nbji->nab", _BASIS @ J[:, None], PS))
    drift = np.real(trace(PS))

    def solve(target: Array, second: Array) -> tuple[Array, Array, Array]:
        bend = np.real(np.einsum("naij,nji->na", dagger(PS), second))  # Re Tr[(σ_a ⊗ 1) second S^-1]
        dl = np.linalg.solve(M, (_UNIT - target[:, None] * drift + bend)[..., None])[..., 0]
        dS = -np.einsum("na,aij->nij", dl, _BASIS)
        return dl, dS, target[:, None, None] * inverse - J - _herm((J @ dS + second) @ inverse)

    # J dS + dJ S + dJ dS = (target - J S): the last product is taken from the predictor
    _, dS, dJ = solve(np.zeros_like(mu), np.zeros_like(J))
    a, b = _length(root_J, dJ, 1.0), _length(root_S, dS, 1.0)
    reached = _inner(S + b * dS, J + a * dJ) / 4
    dl, dS, dJ = solve((reached / mu).clip(0.0, 1.0) ** 3 * mu, dJ @ dS)
    a, b = _length(root_J, dJ, 0.9), _length(root_S, dS, 0.9)
    return a * dJ, b * np.einsum("na,aij->nij", dl, PAULIS)


def _inverse_root(X: Array) -> Array:
    """W with W† X W = 1, by eigenvectors."""
    values, vectors = np.linalg.eigh(X)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-17))[:, None, :])


def _length(root: Array, dX: Array, fraction: float) -> Array:
    """Longest step <= 1 that keeps X + step dX positive, times `fraction`; shape (points, 1, 1)."""
    lowest = np.linalg.eigvalsh(dagger(root) @ dX @ root)[:, :1, None]
    return np.minimum(1.0, fraction / np.maximum(-lowest, 1e-300))


def _inner(a: Array, b: Array) -> Array:
    """Re Tr[a b], one number a point."""
    return np.real(np.einsum("nij,nji->n", a, b))


def _feasible(J: Array) -> Array:
    """The nearest-at-hand exact channel: negative eigenvalues dropped, then Tr_out J = 1 by congruence."""
    values, vectors = np.linalg.eigh(J)
    return _repair((vectors * values.clip(min=0.0)[:, None, :]) @ dagger(vectors))


def _repair(J: Array) -> Array:
    """(N ⊗ 1) J (N ⊗ 1) with N = (Tr_out J)^(-1/2): positive stays positive, and Tr_out is 1."""
    weights, axes = np.linalg.eigh(_trace_out(J))
    root = _wide((axes / np.sqrt(weights)[:, None, :]) @ dagger(axes))
    return _herm(root @ J @ root)


def _bound(C: Array, L: Array, scale: Array) -> Array:
    """Upper bound on the gain from any Hermitian L: -Tr L - 2 min eig(C - L ⊗ 1), with a margin for rounding."""
    lowest = np.linalg.eigvalsh(C - _wide(L))[:, 0]
    return np.asarray(-np.real(trace(L)) - 2 * lowest + _MARGIN * scale)


def _kraus(J: Array) -> Array:
    """K_r[o, i] from J[(io),(i'o')] = Σ_r K_r[o,i] K_r*[o',i'], largest first, phased so that Tr K_r >= 0."""
    values, vectors = np.linalg.eigh(J)
    scaled = vectors * np.sqrt(values.clip(min=0.0))[:, None, :]
    K = np.swapaxes(scaled, -1, -2)[:, ::-1].reshape(-1, 4, 2, 2).swapaxes(-1, -2)
    overlap = trace(K)[..., None, None]
    size = np.abs(overlap)
    return np.asarray(K * np.where(size > 1e-12, overlap.conj() / np.where(size > 0.0, size, 1.0), 1.0))


def _wide(a: Array) -> Array:
    """a ⊗ 1 on in ⊗ out."""
    return np.asarray(np.einsum("...ij,op->...iojp", a, np.eye(2)).reshape(*a.shape[:-2], 4, 4))


def _trace_out(J: Array) -> Array:
    return np.asarray(np.einsum("...iojo->...ij", J.reshape(*J.shape[:-2], 2, 2, 2, 2)))


def _herm(a: Array) -> Array:
    return np.asarray((a + dagger(a)) / 2)
