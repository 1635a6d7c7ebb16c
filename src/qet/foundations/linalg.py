"""Batched linear algebra of small matrices: leading axes are points, the last two the matrix.

Subsystems are ordered lists of qubits, the first one leftmost in the tensor product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def dagger(a: Array) -> Array:
    """Conjugate transpose of the last two axes."""
    return np.swapaxes(a, -1, -2).conj() if np.iscomplexobj(a) else np.swapaxes(a, -1, -2)


def trace(a: Array) -> Array:
    """Trace over the last two axes."""
    return np.trace(a, axis1=-2, axis2=-1)


def trace_product(a: Array, b: Array) -> Array:
    """Tr[a b] without forming the product, shape (...)."""
    return np.einsum("...ij,...ji->...", a, b)


def expectation(operator: Array, rho: Array) -> Array:
    """Re Tr[operator rho], shape (...)."""
    return np.real(trace_product(operator, rho))


def kron(a: Array, b: Array) -> Array:
    """Batched tensor product, `a` on the left."""
    product = np.einsum("...ij,...kl->...ikjl", a, b)
    rows, columns = a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1]
    return product.reshape(*product.shape[:-4], rows, columns)


def permute(a: Array, order: Sequence[int]) -> Array:
    """Reorder the qubits of an operator: qubit `order[i]` of `a` becomes qubit i."""
    n = len(order)
    if list(order) == list(range(n)):
        return a
    lead = a.ndim - 2
    tensor = a.reshape(*a.shape[:-2], *([2] * (2 * n)))
    axes = [*range(lead), *(lead + i for i in order), *(lead + n + i for i in order)]
    return tensor.transpose(axes).reshape(a.shape)


def embed(operator: Array, positions: Sequence[int], n: int) -> Array:
    """An operator on the qubits at `positions` (in that order) as an operator on n qubits."""
    rest = [i for i in range(n) if i not in positions]
    wide = kron(operator, np.eye(2 ** len(rest))) if rest else operator
    current = [*positions, *rest]  # qubit j of `wide` is qubit current[j] of the result
    return permute(wide, [current.index(i) for i in range(n)])


def partial_trace(rho: Array, keep: Sequence[int], n: int) -> Array:
    """Reduced matrix on the qubits `keep`, in that order, of a matrix on n qubits."""
    rest = [i for i in range(n) if i not in keep]
    ordered = permute(rho, [*keep, *rest])
    inner, outer = 2 ** len(keep), 2 ** len(rest)
    tensor = ordered.reshape(*rho.shape[:-2], inner, outer, inner, outer)
    return np.einsum("...iaja->...ij", tensor)


def partial_transpose(rho: Array, positions: Sequence[int], n: int) -> Array:
    """Transpose the qubits at `positions` of a matrix on n qubits."""
    lead = rho.ndim - 2
    tensor = rho.reshape(*rho.shape[:-2], *([2] * (2 * n)))
    axes = list(range(lead + 2 * n))
    for i in positions:
        axes[lead + i], axes[lead + n + i] = axes[lead + n + i], axes[lead + i]
    return tensor.transpose(axes).reshape(rho.shape)


def entropy(rho: Array) -> Array:
    """Von Neumann entropy in nats of unit-trace matrices, shape (...)."""
    p = np.linalg.eigvalsh(rho).clip(min=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(p > 0.0, p * np.log(p), 0.0).sum(-1)


def expm_hermitian(H: Array, t: Array) -> Array:
    """exp(-i H t) for Hermitian H, by its eigenbasis; t broadcasts with the leading axes of H."""
    energies, vectors = np.linalg.eigh(H)
    phases = np.exp(-1j * energies * np.asarray(t)[..., None])
    return (vectors * phases[..., None, :]) @ dagger(vectors)
