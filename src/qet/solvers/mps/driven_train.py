"""Sweeps over a matrix product of means of Pauli strings, bond by bond, toward L r = 0 with a trace of one.

With t the string of identities, L loses the trace (tᵀL = 0), so that (L - t tᵀ) r = -t has one solution: the steady
state, of trace one. On two neighboring sites, all other tensors orthogonal, the equation is projected onto what these
can make of r; GMRES starts from the tensor that is there, and the singular values that exceed the bond dimension are
dropped. GMRES is stopped where what it leaves, times the largest inverse that it has met, is a tenth of what was
dropped, or after `most` vectors.

Derived here; the projection is that of DMRG, and GMRES that of `chains.polynomial`.

References:
    Schollwöck, Annals of Physics 326, 96 (2011), for sweeps over matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from qet.solvers.chains.polynomial import krylov
from qet.solvers.mps.chain import thin_svd

Array = np.ndarray
Tensors = tuple[Array, ...]  # one a site, (left, 4, right)
TRACE = np.array([1.0, 0.0, 0.0, 0.0])
CUT = 1e-12  # of a singular value, relative to the norm
SHARE = 0.1  # of the norm dropped that may be left of an equation
MIDDLE = 4  # times the vectors of GMRES at the middle bond
SMALLEST = 1e-12  # residual that is rounding


@dataclass
class Sweeps:
    """A matrix product at work.

    Attributes:
        operator: L, see `driven_operator`.
        tensors: One a site, (left, 4, right); all but the center orthogonal.
        dropped: Largest norm dropped in the last sweep.
        unsolved: Largest product of residual and growth that GMRES left in the last sweep.
        growth: For every bond the largest inverse met.
    """

    operator: list[Array]
    tensors: list[Array]
    dropped: float = 0.1
    unsolved: float = 0.0
    growth: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.tensors)
        self.left: list[Array] = [np.ones((1, 1, 1))] * (n + 1)
        self.right: list[Array] = [np.ones((1, 1, 1))] * (n + 1)
        self.trace_left: list[Array] = [np.ones(1)] * (n + 1)
        self.trace_right: list[Array] = [np.ones(1)] * (n + 1)
        for j in range(n - 1, 0, -1):
            B = self.tensors[j]
            Q, R = np.linalg.qr(B.reshape(B.shape[0], -1).T)
            self.tensors[j] = Q.T.reshape(-1, *B.shape[1:])
            self.tensors[j - 1] = np.tensordot(self.tensors[j - 1], R.T, (2, 0))
            self._pass_left(j)

    def sweep(self, bond: int, most: int) -> None:
        """To the right and back; the middle, where slow modes of the whole chain are seen best, takes longer."""
        n = len(self.tensors)
        middle = (n - 2) // 2
        dropped, self.unsolved = 0.0, 0.0
        for to_right, bonds in ((True, range(n - 1)), (False, range(n - 2, -1, -1))):
            for j in bonds:
                theta = self._solved(j, MIDDLE * most if j == middle else most)
                a, c = theta.shape[0], theta.shape[-1]
                U, s, V = thin_svd(theta.reshape(a * 4, 4 * c))
                kept = max(1, min(bond, int(np.sum(s > CUT * np.linalg.norm(s)))))
                dropped = max(dropped, float(np.linalg.norm(s[kept:])))
                U, V = (U[:, :kept], s[:kept, None] * V[:kept]) if to_right else (U[:, :kept] * s[:kept], V[:kept])
                self.tensors[j], self.tensors[j + 1] = U.reshape(a, 4, kept), V.reshape(kept, 4, c)
                if to_right:
                    self._pass_right(j)
                else:
                    self._pass_left(j + 1)
        self.dropped = max(dropped, SMALLEST)

    def normalized(self) -> Tensors:
        """The tensors, of trace one."""
        trace = self.trace_left[0]
        for B in self.tensors:
            trace = trace @ B[:, 0]
        first, *rest = self.tensors
        return (first / trace[0], *rest)

    def _solved(self, j: int, most: int) -> Array:
        """The two-site tensor at a bond that solves the projected equation, as far as GMRES comes."""
        theta = np.tensordot(self.tensors[j], self.tensors[j + 1], (2, 0))
        L, R = self.left[j], self.right[j + 2]
        W = np.tensordot(self.operator[j], self.operator[j + 1], (1, 0)).transpose(0, 3, 1, 4, 2, 5)
        W = W.reshape(*W.shape[:2], 16, 16)
        bridge = np.ascontiguousarray(W.transpose(1, 2, 0, 3).reshape(W.shape[1] * 16, -1))
        t = np.multiply.outer(np.multiply.outer(self.trace_left[j], TRACE), TRACE)
        t = np.multiply.outer(t, self.trace_right[j + 2]).ravel()
        apply = partial(_applied, L.reshape(-1, L.shape[2]), bridge, R.transpose(1, 2, 0).reshape(-1, R.shape[0]), t)
        x = theta.ravel()
        right = -t - apply(x)
        left, growth = float(np.linalg.norm(right)), self.growth.get(j, 1.0)
        goal = max(SMALLEST, SHARE * self.dropped / growth)
        if left > goal:
            space = krylov(apply, right, most, goal)
            y, left = space.least_squares()
            x = x + space.combined(y)
            growth = self.growth[j] = max(space.growth, 0.5 * growth)
        self.unsolved = max(self.unsolved, left * growth)
        return np.asarray(x.reshape(theta.shape))

    def _pass_right(self, j: int) -> None:
        B = self.tensors[j]
        T = np.tensordot(np.tensordot(self.left[j], B, (2, 0)), self.operator[j], ((1, 2), (0, 3)))  # a c w s
        self.left[j + 1] = np.tensordot(B, T, ((0, 1), (0, 3))).transpose(0, 2, 1)
        self.trace_left[j + 1] = self.trace_left[j] @ B[:, 0]

    def _pass_left(self, j: int) -> None:
        B = self.tensors[j]
        T = np.tensordot(np.tensordot(B, self.right[j + 1], (2, 2)), self.operator[j], ((1, 3), (3, 1)))  # b a w s
        self.right[j] = np.tensordot(B, T, ((1, 2), (3, 1))).transpose(0, 2, 1)
        self.trace_right[j] = B[:, 0] @ self.trace_right[j + 1]


def _applied(L: Array, bridge: Array, R: Array, t: Array, x: Array) -> Array:
    """The projected L - t tᵀ on a two-site tensor: L (a w, b), bridge (w' s', w s), R (w' b', a')."""
    b, c = L.shape[1], R.shape[1]
    a = L.shape[0] * 16 // bridge.shape[1]
    T = (L @ x.reshape(b, -1)).reshape(a, bridge.shape[1], -1)
    T = np.matmul(bridge, T).reshape(a, -1, 16, T.shape[2]).transpose(0, 2, 1, 3)
    return np.asarray((T.reshape(a * 16, -1) @ R).reshape(a * 16 * c) - t * (t @ x))


def residual_norm(operator: list[Array], tensors: Tensors) -> float:
    """‖L r‖, by QR, so that it is small where it should be."""
    carry = np.ones((1, 1, 1))  # (k, w, left)
    for W, B in zip(operator, tensors, strict=True):
        T = np.tensordot(np.tensordot(carry, B, (2, 0)), W, ((1, 2), (0, 3)))  # k r w s
        T = T.transpose(0, 3, 2, 1)
        R = np.asarray(np.linalg.qr(T.reshape(-1, T.shape[2] * T.shape[3]), mode="r"))
        carry = R.reshape(-1, T.shape[2], T.shape[3])
    return float(np.linalg.norm(carry))


def distance(one: Tensors, other: Tensors) -> float:
    """‖r - r'‖ without cancellation, by QR of the direct sum. It bounds the change of the mean of every string."""
    carry: Array = np.array([[1.0, -1.0]])
    for j, (a, b) in enumerate(zip(one, other, strict=True)):
        top, low = np.tensordot(carry[:, : a.shape[0]], a, (1, 0)), np.tensordot(carry[:, a.shape[0] :], b, (1, 0))
        both = np.concatenate((top, low), axis=2) if j < len(one) - 1 else top + low
        carry = np.asarray(np.linalg.qr(both.reshape(-1, both.shape[2]), mode="r"))
    return float(np.linalg.norm(carry))
