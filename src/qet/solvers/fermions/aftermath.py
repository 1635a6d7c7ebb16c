"""Two-point functions after a protocol: Alice acts, a delay passes, Bob acts, and time goes on.

    <P R(t) O(t+τ) S(t) Q> = <PQ · Q R(t) S(t) Q · O'>,   O = a_m a_n

for Pauli strings P, Q of Alice's Kraus operators and R, S of Bob's: moved to the front, S and Q turn signs of the
Majoranas in O, which stay linear in the a. In front stands W = PQ · Q RS Q, a product of Majoranas of two times, and by
Wick's theorem

    -i <W x_m x_n> = Pf(K) (M_mn + (Bᵀ K⁻¹ B)_mn)

with K the contractions within W and B those of W with the x: a matrix for all m, n, low in rank beside M. The sum over
all strings is the covariance Y right after Bob's act; later it turns as any covariance, Y -> e^{Aτ} Y e^{Aᵀτ}. The
state is no longer Gaussian then, so Y gives the means of bilinears, every energy among them, and of nothing else.
Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum, spell_string
from qet.solvers.fermions.acts import Act, Strand, multiplied
from qet.solvers.fermions.branches import Scene, scenes
from qet.solvers.fermions.modes import modes_of
from qet.solvers.fermions.wick import contractions
from qet.solvers.gaussian import Gaussian
from qet.solvers.history import History
from qet.solvers.nambu import majoranas_of
from qet.solvers.pfaffian import MOST_KEPT, Parted, pfaffian

Array = np.ndarray


def means(payload: Gaussian, history: History, operators: tuple[PauliSum, ...], times: Array) -> Array:
    """Means of sums of bilinears at times after Bob's act, all outcomes added, shape (*shape, times, operators).

    Raises:
        NotOffered: for a string that is no bilinear.
    """
    model, times = history.model, np.asarray(times, dtype=float)
    pairs = _bilinears(operators)
    operations = _operations(history)
    shape = np.broadcast_shapes(
        payload.covariance.shape[:-2],
        model.shape,
        np.shape(history.delay),
        history.kraus.shape[:-3],
        operations.shape[:-4],
    )
    alice, bob = Act.of(history.kraus, model.A), Act.of(operations, model.B)
    a = np.broadcast_to(alice.coefficients, (*shape, *alice.coefficients.shape[-2:]))
    b = np.broadcast_to(bob.coefficients, (*shape, *bob.coefficients.shape[-3:]))
    points = zip(
        scenes(payload, history, shape), a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-3:]), strict=True
    )
    first = min(model.B)
    found = [covariance_after(s, Act(alice.strands, u), Act(bob.strands, v), first) for s, u, v in points]
    Y = np.array(found).reshape(*shape, *payload.covariance.shape[-2:])
    late = np.stack([_late_pairs(history, Y, tau, pairs) for tau in times], axis=-2)  # (*shape, times, pairs)
    return _summed(operators, pairs, late)


def covariance_after(scene: Scene, alice: Act, bob: Act, first: int) -> Array:
    """Y of Σ <M† B†(t) a_m(t) a_n(t) B(t) M> = δ_mn + i Y_mn, in the Majoranas at Bob's time, shape (2N, 2N).

    Args:
        scene: The state and the motion until Bob's time.
        alice: Her Kraus operators, coefficients (K, 4^n).
        bob: His for each outcome, coefficients (K, R, 4^m).
        first: The first of his sites.
    """
    n_modes = len(scene.M)
    Y = np.zeros_like(scene.M)
    for q in alice.present:
        Q = alice.strands[q]
        motion = scene.F * Q.turns(n_modes)
        known: dict[tuple[Strand, Strand], Array] = {}
        for s in bob.present:
            S = bob.strands[s]
            inside = np.zeros_like(scene.M)
            for weight, W in _fronts(alice, bob, q, s):
                if W not in known:
                    known[W] = _behind(scene, W, Q, first)
                inside += np.real(weight * known[W])
            if inside.any():
                turned = S.turns(n_modes)[:, None] * motion
                Y += turned @ inside @ turned.T
    return (Y - Y.T) / 2


def _fronts(alice: Act, bob: Act, q: int, s: int) -> Iterator[tuple[complex, tuple[Strand, Strand]]]:
    """What stands in front for given strings Q and S behind, with its weight; of conjugate terms one, twice.

    A term is conjugate to the one with P, Q and R, S exchanged. Q is even where P or Q is.
    """
    Q, S = alice.strands[q], bob.strands[s]
    for p in alice.present:
        P = alice.strands[p]
        for r in bob.present:
            R = bob.strands[r]
            if (P.is_odd ^ Q.is_odd) != (R.is_odd ^ S.is_odd) or (Q.is_odd and not P.is_odd):
                continue
            if P.is_odd == Q.is_odd and (p, r) > (q, s):
                continue
            mine = alice.coefficients[:, p].conj() * alice.coefficients[:, q]
            his = (bob.coefficients[..., r].conj() * bob.coefficients[..., s]).sum(-1)
            weight = (mine * his).sum() * (1.0 if (p, r) == (q, s) else 2.0)
            if weight != 0.0:
                left, W = multiplied(P, Q)
                right, V = multiplied(R, S)
                yield weight * left * right, (W, V)


def _behind(scene: Scene, W: tuple[Strand, Strand], Q: Strand, first: int) -> Array:
    """-i <W a_m a_n> for the product W of a string before the delay and one, turned by Q, after it; (2N, 2N)."""
    M = scene.M
    before, after = W
    start = 2 * first if after.is_odd else 0
    phase, front = scene.front(before, Q, start)
    own = [m for m in after.modes if m >= start]
    rows = np.concatenate([front, scene.F[own] * Q.turns(len(M))])
    factor = phase * after.sign
    if not len(rows):
        return factor * M
    side = rows @ M - 1j * rows
    parted = Parted.of(contractions(rows, M), side, M.astype(complex))
    kept = parted.kept
    if kept > 2 * MOST_KEPT:  # all but one of so many pairs stay, and each is below a thirtieth
        return np.zeros_like(M)
    corner, edge, rest = parted.matrix[:kept, :kept], parted.matrix[:kept, kept:], parted.matrix[kept:, kept:]
    pf, minors = _minors(corner)
    return factor * parted.factor * (pf * rest + edge.T @ minors @ edge)


def _minors(K: Array) -> tuple[Any, Array]:
    """Pf(K) and Pf(K) K⁻¹, which is finite for a singular K: (-1)^(i+j) times Pf of K without rows i < j."""
    n = len(K)
    minors = np.zeros((n, n), dtype=K.dtype)
    if n:
        i, j = np.triu_indices(n, 1)
        left = np.array([np.delete(np.arange(n), pair) for pair in zip(i, j, strict=True)], dtype=int)
        minors[i, j] = (1 - 2 * ((i + j) % 2)) * pfaffian(K[left[:, :, None], left[:, None, :]])
    return pfaffian(K), minors - minors.T


def _operations(history: History) -> Array:
    """Bob's Kraus operators (..., K, R, d, d); the identity where he does not act."""
    if history.operations is not None:
        return np.asarray(history.operations)
    d = 2 ** len(history.model.B)
    return np.broadcast_to(np.eye(d), (history.kraus.shape[-3], 1, d, d))


def _bilinears(operators: tuple[PauliSum, ...]) -> dict[Any, tuple[int, int, int]]:
    """The modes and the sign of every string that occurs."""
    found = {}
    for operator in operators:
        for string, _ in operator.terms:
            modes = majoranas_of(string)
            if string and (modes is None or len(modes[0]) != 2):
                raise NotOffered(
                    f"the mean of {spell_string(string)} beyond the patch of a protocol on free fermions: after a "
                    "measurement the state is not Gaussian, and bilinears of Majoranas alone are followed (every term "
                    "of a quadratic H). Take a shorter chain with another solver."
                )
            if string and modes is not None:
                found[string] = (modes[0][0], modes[0][1], modes[1])
    return found


def _late_pairs(history: History, Y: Array, tau: float, pairs: dict[Any, tuple[int, int, int]]) -> Array:
    """sign Y_mn of all pairs after a further time, shape (*shape, pairs)."""
    m, n, sign = np.array(list(pairs.values()), dtype=int).reshape(-1, 3).T
    if tau == 0.0:
        return np.asarray(sign * Y[..., m, n])
    F = modes_of(history.model).propagator(tau)
    turned = F @ Y
    return np.asarray(sign * (turned[..., m, :] * F[..., n, :]).sum(-1))


def _summed(operators: tuple[PauliSum, ...], pairs: dict[Any, tuple[int, int, int]], late: Array) -> Array:
    """Means of the operators from those of their strings, shape (*shape, times, operators)."""
    place = {string: i for i, string in enumerate(pairs)}
    columns = []
    for operator in operators:
        total: Any = np.zeros(late.shape[:-1])
        for string, c in operator.terms:
            mean = late[..., place[string]] if string else 1.0
            total = total + np.real(np.asarray(c))[..., None] * mean
        columns.append(total)
    return np.stack(columns, axis=-1)
