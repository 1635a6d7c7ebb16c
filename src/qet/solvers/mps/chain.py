"""A matrix product vector as NumPy tensors: canonical form, truncation, operators on it, distances.

|v> = norm Σ B_0[s_0] B_1[s_1] ... |s_0 s_1 ...>. A tensor has the axes (left, site, copy, right); the copy has
dimension 1 for a pure state and 2 for a purification, rho = Tr_copies |v><v|, on which no operator ever acts.

`Train` is the mutable train of tensors that an evolution works on: all tensors left of `center` are left-canonical,
all right of it right-canonical, so that dropping the smallest singular values of the tensor at the center is the best
truncation of the whole vector. `Chain` is the finished value: right-canonical, with the norm apart.

Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qet.foundations.values import frozen

Array = np.ndarray
CUT = 1e-10  # of a singular value, relative to the norm: below it a Schmidt vector is dropped


@dataclass(frozen=True, eq=False)
class Chain:
    """A vector, right-canonical: Σ_s B B† = 1 at every site.

    Attributes:
        tensors: One a site, each (left, 2, copy, right).
        norm: Length of the vector.
    """

    tensors: tuple[Array, ...]
    norm: float = 1.0
    found: dict[Any, Any] = field(default_factory=dict)  # environments and marginals, once asked for

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.tensors)

    @property
    def bonds(self) -> tuple[int, ...]:
        """Bond dimensions between the sites."""
        return tuple(B.shape[0] for B in self.tensors[1:])


@dataclass
class Train:
    """A vector at work, with its center and what was dropped of it.

    Attributes:
        tensors: One a site, each (left, 2, copy, right).
        center: The site whose tensor carries the norm.
        bond: Largest bond dimension allowed.
        cut: Singular values below cut x norm are dropped.
        dropped: Discarded weight, relative to the norm squared, since it was last read.
    """

    tensors: list[Array]
    center: int
    bond: int
    cut: float = CUT
    dropped: float = 0.0

    @classmethod
    def of(cls, chain: Chain, bond: int, cut: float = CUT) -> Train:
        """A copy of a chain to work on."""
        tensors = list(chain.tensors)
        tensors[0] = tensors[0] * chain.norm
        return cls(tensors, 0, bond, cut)

    def move(self, site: int) -> None:
        """Bring the center to a site."""
        while self.center < site:
            self._right()
        while self.center > site:
            self._left()

    def chain(self) -> Chain:
        """The finished value."""
        self.move(0)
        norm = float(np.linalg.norm(self.tensors[0]))
        first = self.tensors[0] / norm if norm > 0.0 else self.tensors[0]
        return Chain(tuple(frozen(B) for B in (first, *self.tensors[1:])), norm)

    def apply_pair(self, gate: Array, site: int, *, to_right: bool) -> None:
        """A 4x4 matrix on (site, site + 1), one of which is the center."""
        left, right = self.tensors[site], self.tensors[site + 1]
        theta = np.tensordot(left, right, (3, 0))  # (l, s, a, s', a', r)
        theta = np.tensordot(gate.reshape(2, 2, 2, 2), theta, ((2, 3), (1, 3)))  # (s, s', l, a, a', r)
        theta = theta.transpose(2, 0, 3, 1, 4, 5)
        shape = theta.shape
        U, s, V = self._split(theta.reshape(shape[0] * shape[1] * shape[2], -1))
        U, V = (U, s[:, None] * V) if to_right else (U * s, V)
        self.tensors[site] = U.reshape(*shape[:3], -1)
        self.tensors[site + 1] = V.reshape(-1, *shape[3:])
        self.center = site + 1 if to_right else site

    def apply_string(self, operators: Sequence[Array], start: int) -> None:
        """A matrix product operator on the sites from `start`; tensors (wl, wr, s, s'), open ends of dimension 1."""
        self.move(start)
        for place, W in enumerate(operators):
            B = self.tensors[start + place]
            new = np.tensordot(W, B, (3, 1)).transpose(0, 3, 2, 4, 1, 5)  # (wl, l, s, a, wr, r)
            self.tensors[start + place] = new.reshape(new.shape[0] * new.shape[1], *new.shape[2:4], -1)
        stop = start + len(operators) - 1
        for _ in range(start, stop):
            self._right()
        while self.center > start:
            self._left(truncate=True)

    def _right(self) -> None:
        B = self.tensors[self.center]
        Q, R = np.linalg.qr(B.reshape(-1, B.shape[3]))
        self.tensors[self.center] = Q.reshape(*B.shape[:3], -1)
        self.tensors[self.center + 1] = np.tensordot(R, self.tensors[self.center + 1], (1, 0))
        self.center += 1

    def _left(self, *, truncate: bool = False) -> None:
        B = self.tensors[self.center]
        flat = B.reshape(B.shape[0], -1)
        if truncate:
            U, s, V = self._split(flat)
            carry, kept = U * s, V
        else:
            Q, R = np.linalg.qr(flat.conj().T)
            carry, kept = R.conj().T, Q.conj().T
        self.tensors[self.center] = kept.reshape(-1, *B.shape[1:])
        self.tensors[self.center - 1] = np.tensordot(self.tensors[self.center - 1], carry, (3, 0))
        self.center -= 1

    def _split(self, matrix: Array) -> tuple[Array, Array, Array]:
        """Singular value decomposition without the small ones, the norm kept."""
        U, s, V = thin_svd(matrix)
        total = float(s @ s)
        if total == 0.0:
            return U[:, :1], s[:1], V[:1]
        kept = max(1, min(self.bond, int(np.sum(s > self.cut * np.sqrt(total)))))
        weight = float(s[:kept] @ s[:kept])
        self.dropped += max(0.0, float(s[kept:] @ s[kept:]) / total)
        return U[:, :kept], s[:kept] * np.sqrt(total / weight), V[:kept]


def thin_svd(matrix: Array) -> tuple[Array, Array, Array]:
    """U, singular values and V of a matrix."""
    try:
        return np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:  # the fast driver fails on rare matrices that the slow one takes
        from scipy.linalg import svd

        U, s, V = svd(matrix, full_matrices=False, lapack_driver="gesvd")
        return U, s, V


def _triangle(matrix: Array) -> Array:
    """R of a QR decomposition."""
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def chain_of_vector(psi: Array, n_sites: int) -> Chain:
    """The chain of a state vector of shape (2^n,)."""
    tensors, rest = [], np.asarray(psi).reshape(1, -1)
    for _ in range(n_sites - 1):
        left = rest.shape[0]
        U, s, V = thin_svd(rest.reshape(left * 2, -1))
        kept = max(1, int(np.sum(s > CUT * np.linalg.norm(s))))
        tensors.append(U[:, :kept].reshape(left, 2, 1, kept))
        rest = s[:kept, None] * V[:kept]
    tensors.append(rest.reshape(-1, 2, 1, 1))
    return Train(tensors, n_sites - 1, 2**n_sites).chain()


def operator_string(matrix: Array, sites: Sequence[int]) -> tuple[list[Array], int]:
    """A matrix on some sites (in that order) as a matrix product operator, identities between; and its first site."""
    m = len(sites)
    order = [int(i) for i in np.argsort(sites)]
    tensor = np.asarray(matrix).reshape((2,) * (2 * m)).transpose(order + [m + i for i in order])
    tensor = tensor.transpose([axis for i in range(m) for axis in (i, m + i)])  # (s_0, s_0', s_1, s_1', ...)
    ordered, rest, parts = sorted(sites), tensor.reshape(1, -1), []
    for _ in range(m - 1):
        left = rest.shape[0]
        U, s, V = thin_svd(rest.reshape(left * 4, -1))
        kept = max(1, int(np.sum(s > 1e-15 * s[0]))) if s[0] > 0.0 else 1
        parts.append(U[:, :kept].reshape(left, 2, 2, kept).transpose(0, 3, 1, 2))
        rest = s[:kept, None] * V[:kept]
    parts.append(rest.reshape(-1, 2, 2, 1).transpose(0, 3, 1, 2))
    filled = [parts[0]]
    for place in range(1, m):
        wide = parts[place].shape[0]
        between = np.einsum("vw,st->vwst", np.eye(wide), np.eye(2))
        filled += [between] * (ordered[place] - ordered[place - 1] - 1) + [parts[place]]
    return filled, ordered[0]


def applied(chain: Chain, matrix: Array, sites: Sequence[int], bond: int) -> tuple[Chain, float]:
    """A matrix on some sites times the vector, not normalized; and the weight dropped."""
    operators, start = operator_string(matrix, sites)
    train = Train.of(chain, bond)
    train.apply_string(operators, start)
    return train.chain(), train.dropped


def distance_between(left: Chain, right: Chain) -> float:
    """‖left - right‖ without cancellation: the norm of the direct sum, by QR from the left."""
    n = left.n_sites
    carry: Array = np.array([[left.norm, -right.norm]])
    for site in range(n):
        a, b = left.tensors[site], right.tensors[site]
        top = np.tensordot(carry[:, : a.shape[0]], a, (1, 0))
        low = np.tensordot(carry[:, a.shape[0] :], b, (1, 0))
        both = np.concatenate((top, low), axis=3) if site < n - 1 else top + low
        carry = _triangle(both.reshape(-1, both.shape[3]))
    return float(np.linalg.norm(carry))


def residual_of(chain: Chain, operators: Sequence[Array]) -> float:
    """‖O v‖ for a normalized v and a matrix product operator, by QR, so that it is small where it should be.

    <O²> would leave 1e-16 ‖O‖², a residual of 1e-8 ‖O‖; this leaves 1e-16 ‖O‖.
    """
    carry = np.ones((1, 1, 1))  # (k, w, l)
    for W, B in zip(operators, chain.tensors, strict=True):
        new = np.tensordot(carry, B, (2, 0))  # (k, w, s', a, r)
        new = np.tensordot(new, W, ((1, 2), (0, 3)))  # (k, a, r, wr, s)
        new = new.transpose(0, 4, 1, 3, 2)
        R = _triangle(new.reshape(-1, new.shape[3] * new.shape[4]))
        carry = R.reshape(R.shape[0], new.shape[3], new.shape[4])
    return float(np.linalg.norm(carry))
