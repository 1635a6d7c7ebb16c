"""GMRES, and its residual polynomial as a preconditioner: many applications, few long vectors.

After m steps of GMRES on A x = r the residual is π(A) r with π(z) = Π_i (1 - z/θ_i), θ_i the harmonic Ritz values.
p(z) = (1 - π(z))/z is nearly 1/z where A has its spectrum, and

    p(A) v = Σ_k (1/θ_k) Π_{i<k} (1 - A/θ_i) v,   A p(A) v = v - π(A) v,

take m applications and three vectors. Complex pairs are taken together, so that all is real; the roots come in modified
Leja order, each as far as can be from those before.

References:
    Saad and Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986), for GMRES; Loe and Morgan, Numerical
    Linear Algebra with Applications 29, e2427 (2022), for the polynomial by its roots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Apply = Callable[[Array], Array]
_CLOSED = 1e-12  # of a new vector that is rounding, relative to what it is left over from
_AGAIN = 0.7  # of the norm left after orthogonalization: below this it is done again


@dataclass(frozen=True, eq=False)
class Space:
    """A Krylov space.

    Attributes:
        basis: Orthonormal rows.
        H: The Hessenberg matrix, (m + 1, m).
        beta: Norm of the first vector.
    """

    basis: Array
    H: Array
    beta: float

    @property
    def size(self) -> int:
        """Its dimension, m."""
        return int(self.H.shape[1])

    def least_squares(self) -> tuple[Array, float]:
        """y with the smallest ‖beta e_1 - H y‖, and that norm."""
        target = self.beta * np.eye(self.size + 1)[0]
        y = np.linalg.lstsq(self.H, target, rcond=None)[0]
        return y, float(np.linalg.norm(self.H @ y - target))

    def combined(self, y: Array) -> Array:
        """Σ y_j of the basis."""
        return np.asarray(y.astype(self.basis.dtype) @ self.basis[: len(y)])

    @property
    def growth(self) -> float:
        """One over the smallest singular value met: a lower bound of the norm of the inverse."""
        return 1.0 / max(float(np.linalg.svd(self.H, compute_uv=False)[-1]), np.finfo(float).tiny)


def krylov(apply: Apply, right: Array, most: int, goal: float = 0.0, look: int = 4) -> Space:
    """The Krylov space of a vector: `most` vectors, or fewer where the residual of GMRES meets a goal."""
    beta = float(np.linalg.norm(right))
    basis = np.empty((most + 1, len(right)), dtype=right.dtype)
    np.divide(right, beta, out=basis[0])
    H = np.zeros((most + 1, most))
    for size in range(1, most + 1):
        vector, known = apply(basis[size - 1]), basis[:size]
        whole = float(np.linalg.norm(vector))
        left = whole
        for _ in range(2):
            overlap = known @ vector
            vector -= overlap @ known
            H[:size, size - 1] += overlap
            before, left = left, float(np.linalg.norm(vector))
            if left > _AGAIN * before:
                break
        H[size, size - 1] = left
        is_closed = left <= _CLOSED * whole
        if not is_closed:
            np.divide(vector, left, out=basis[size])
        if is_closed or (size % look == 0 and goal > 0.0):
            space = Space(basis[: size + 1], H[: size + 1, :size], beta)
            if is_closed or space.least_squares()[1] <= goal:
                return space
    return Space(basis, H, beta)


def harmonic_ritz(H: Array) -> Array:
    """The roots of the residual polynomial of GMRES, from its Hessenberg matrix (m + 1, m)."""
    m = H.shape[1]
    square = H[:m].copy()
    last = np.linalg.solve(square.T, np.eye(m)[m - 1])
    square[:, m - 1] += H[m, m - 1] ** 2 * last
    return np.asarray(np.linalg.eigvals(square))


def leja(roots: Array) -> list[complex]:
    """Real roots, and one of each complex pair, in modified Leja order."""
    rest = [complex(z) for z in roots if z.imag >= 0.0]
    chosen: list[complex] = []
    before: list[complex] = []
    with np.errstate(divide="ignore"):
        while rest:
            far = [
                float(np.sum(np.log(np.abs(z - np.array(before))))) if before else float(np.log(abs(z))) for z in rest
            ]
            z = rest.pop(int(np.argmax(far)))
            chosen.append(z)
            before += [z] if z.imag == 0.0 else [z, z.conjugate()]
    return chosen


@dataclass(frozen=True, eq=False)
class Polynomial:
    """p(A) as a preconditioner.

    Attributes:
        roots: Real ones, and one of each pair, in the order they are taken.
    """

    roots: tuple[complex, ...]

    @property
    def degree(self) -> int:
        """Applications that p(A) takes."""
        return sum(1 if z.imag == 0.0 else 2 for z in self.roots)

    @classmethod
    def of(cls, space: Space) -> Polynomial:
        """The residual polynomial of a Krylov space."""
        return cls(tuple(leja(harmonic_ritz(space.H))))

    def __call__(self, apply: Apply, v: Array) -> tuple[Array, Array]:
        """p(A) v and A p(A) v."""
        total, left = np.zeros_like(v), v.copy()
        for z in self.roots:
            if z.imag == 0.0:
                total += left * v.dtype.type(1.0 / z.real)
                left -= apply(left) * v.dtype.type(1.0 / z.real)
            else:
                size = v.dtype.type(1.0 / abs(z) ** 2)
                part = left * v.dtype.type(2.0 * z.real)
                part -= apply(left)
                part *= size
                total += part
                left -= apply(part)
        return total, v - left
