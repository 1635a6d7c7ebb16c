"""Bob's best rotation of one qubit: closed form, global, any couplings.

Write H = H_0 + Σ_a H_a σ_a on Bob's qubit and T_ab = Tr[(H_a ⊗ σ_b) s] for the
(unnormalized) state s. A rotation R in SO(3) changes the energy by Σ_ab (R - 1)_ab T_ab,
so the best one solves Wahba's problem: with M = -T and the torque z_a = -ε_abc M_bc the
unit quaternion of the best rotation is the top eigenvector of Davenport's 4x4 matrix
K = [[Tr M, z], [z, M + M^T - Tr M]], and its gain is λ_max(K) - Tr M. No angle is scanned.

The gain d is found as a gain, from d = z^T (d - W)^{-1} z with W = M + M^T - 2 Tr M: it is of
second order in the torque, and no large numbers are subtracted. In exact arithmetic it equals
Tr T + s1 + s2 - sign(det T) s3 with the singular values of T (docs/best-rotation.md).

References:
    Salvia, De Palma, Giovannetti, PRA 107, 012405 (2023), for the singular-value form;
    the secular form is derived in docs/best-rotation.md.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.conventions import PAULIS
from qet.foundations.linalg import permute
from qet.protocols.secular import largest_gain

Array = np.ndarray
TIE = 64 * float(np.finfo(float).eps)  # of two eigenvalues of K that count as equal, relative to the largest


def correlation(H: Array, sigma: Array, position: int, n: int) -> Array:
    """T_ab = Tr[(H_a ⊗ σ_b) s] with H_a = Tr_B[σ_a H]/2; H and s on n qubits, shape (..., 3, 3)."""
    order = [*(i for i in range(n) if i != position), position]
    d = 2 ** (n - 1)

    def components(matrix: Array) -> Array:  # Tr_B[σ_a M], shape (..., 3, d, d)
        tensor = permute(matrix, order).reshape(*matrix.shape[:-2], d, 2, d, 2)
        return np.einsum("aqp,...ipjq->...aij", PAULIS[1:], tensor)

    h, s = components(H), components(sigma)
    return np.real(np.einsum("...aij,...bji->...ab", h, s)) / 2


def best_gain(T: Array) -> Array:
    """Largest energy drop over all rotations, shape (...), with full relative precision; see `secular`."""
    return largest_gain(T)


def best_rotation(T: Array) -> Array:
    """A best unitary for each T, shape (..., 2, 2), det 1: of equally good ones the nearest to the identity."""
    return quaternion_unitary(best_quaternion(davenport(T)))


def best_quaternion(K: Array) -> Array:
    """A top eigenvector of Davenport's matrix, shape (..., 4): of equally good ones the nearest to (1, 0, 0, 0)."""
    values, vectors = np.linalg.eigh(K)
    equal = values[..., 3:] - values <= TIE * np.abs(values).max(-1, keepdims=True)
    weights = np.where(equal, vectors[..., 0, :], 0.0)  # the identity, projected on the best rotations
    length = np.linalg.norm(weights, axis=-1, keepdims=True)
    is_far = length <= TIE  # all of them turn by half a revolution: take any
    weights = np.where(is_far, np.array([0.0, 0.0, 0.0, 1.0]), weights / np.where(is_far, 1.0, length))
    return np.asarray(np.einsum("...ij,...j->...i", vectors, weights))


def gain_bound(T: Array) -> Array:
    """Upper bound on the gain of every rotation, shape (...): the top eigenvalue of Davenport's matrix less Tr M.

    A second route to `best_gain`: every quaternion's energy is a Rayleigh quotient of K, so none exceeds it.
    """
    K = davenport(T)
    return np.maximum(np.linalg.eigvalsh(K)[..., 3] - K[..., 0, 0], 0.0)


def davenport(T: Array) -> Array:
    """Davenport's K for M = -T, shape (..., 4, 4): q^T K q = Tr M + gain of the rotation q."""
    M = -T
    trace = np.trace(M, axis1=-2, axis2=-1)
    K = np.empty((*T.shape[:-2], 4, 4))
    K[..., 0, 0] = trace
    K[..., 0, 1:] = K[..., 1:, 0] = _torque(M)
    K[..., 1:, 1:] = M + np.swapaxes(M, -1, -2) - trace[..., None, None] * np.eye(3)
    return K


def axis_gain(T: Array, axis: Array) -> Array:
    """Largest energy drop over rotations about one axis, shape (...).

    With x = n·T n - Tr T and ζ the torque about n the gain is sqrt(x² + ζ²) - x, written without cancellation.
    """
    x, torque = _about(T, axis)
    root = np.hypot(x, torque)
    falling = np.where(x > 0.0, x + root, 1.0)
    return np.where(x > 0.0, torque**2 / falling, root - x)


def axis_rotation(T: Array, axis: Array) -> Array:
    """The best exp(-i θ n·σ) about one axis, shape (..., 2, 2)."""
    x, torque = _about(T, axis)
    theta = np.arctan2(torque, x) / 2
    return rotation(theta, axis)


def rotation(theta: Array, axis: Array) -> Array:
    """exp(-i θ n·σ), shape (..., 2, 2)."""
    vector = np.sin(np.asarray(theta))[..., None] * axis
    scalar = np.broadcast_to(np.cos(np.asarray(theta))[..., None], (*vector.shape[:-1], 1))
    return quaternion_unitary(np.concatenate([scalar, vector], axis=-1))


def quaternion_unitary(q: Array) -> Array:
    """U = q0 - i q·σ for unit quaternions (..., 4)."""
    return q[..., 0, None, None] * PAULIS[0] - 1j * np.einsum("...a,aij->...ij", q[..., 1:], PAULIS[1:])


def _torque(M: Array) -> Array:
    """z_a = -ε_abc M_bc."""
    return np.stack([M[..., 2, 1] - M[..., 1, 2], M[..., 0, 2] - M[..., 2, 0], M[..., 1, 0] - M[..., 0, 1]], axis=-1)


def _about(T: Array, axis: Array) -> tuple[Array, Array]:
    x = np.einsum("...a,...ab,...b->...", axis, T, axis) - np.trace(T, axis1=-2, axis2=-1)
    return x, np.einsum("...a,...a->...", axis, _torque(-T))
