"""The GKSL generator of a chain as a matrix product operator on means of Pauli strings.

rho = 2^-N Σ r_s P_s with r_s = Tr[P_s rho]: a real vector of 4^N components, each the mean of a string, the first one
the trace. A map on matrices becomes a real matrix, 4 x 4 on a site and 16 x 16 on a bond; a bond's matrix is split into
Σ A_k ⊗ B_k by its singular values (6 for XXZ, 2 for Ising), so that

    L = Σ_j l_j + Σ_j Σ_k A_jk B_{j+1,k}

has bond dimension 2 more than that. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from qet.foundations.paulis import PauliSum
from qet.solvers.chains.action import Generator

Array = np.ndarray
LETTERS = {"I": 0, "X": 1, "Y": 2, "Z": 3}
SPLIT = 1e-13  # of a singular value of a bond's map, relative to the largest: below it is rounding


@cache
def pauli_basis(sites: int) -> Array:
    """The strings on some sites, the last letter fastest, shape (4^m, 2^m, 2^m)."""
    letters = [PauliSum(((((0, letter),) if letter != "I" else (), 1.0),)).matrix((0,)) for letter in LETTERS]
    basis: Array = np.ones((1, 1, 1), dtype=complex)
    for _ in range(sites):
        basis = np.array([np.kron(a, b) for a in basis for b in letters])
    return basis


def matrix_of(act: Callable[[Array], Array], sites: int) -> Array:
    """The real matrix of a Hermitian-preserving map on means of strings, shape (4^m, 4^m)."""
    basis = pauli_basis(sites)
    images = act(basis)
    return np.asarray(np.einsum("sij,tji->st", basis, images).real / 2**sites)


def local_maps(generator: Generator) -> tuple[list[Array], list[Array]]:
    """The generator as maps on sites (4, 4) and on nearest neighbors (16, 16).

    Args:
        generator: H of strings on single sites and nearest neighbors, jumps on single sites.
    """
    n = generator.n_sites
    alone, bonds = [np.zeros((4, 4)) for _ in range(n)], [np.zeros((16, 16)) for _ in range(n - 1)]
    for string, c in generator.H.terms:
        if not string or c == 0.0:
            continue
        first, last = string[0][0], string[-1][0]
        h = PauliSum(((string, float(c)),)).matrix(tuple(range(first, last + 1)))

        def turning(rho: Array, h: Array = h) -> Array:
            return np.asarray(-1j * (h @ rho - rho @ h))

        part = matrix_of(turning, last - first + 1)
        (bonds if last > first else alone)[first] += part
    for site, (J, G) in generator.jumps.items():

        def lossy(rho: Array, J: Array = J, G: Array = G) -> Array:
            return np.asarray(np.einsum("rcxy,sxy->src", J, rho) - 0.5 * (G @ rho + rho @ G))

        alone[site] += matrix_of(lossy, 1)
    return alone, bonds


def operator_tensors(generator: Generator) -> list[Array]:
    """L as tensors (left, right, out, in), open ends of dimension 1."""
    alone, bonds = local_maps(generator)
    n = len(alone)
    starts, ends = [np.zeros((0, 4, 4))] * n, [np.zeros((0, 4, 4))] * n
    for j, bond in enumerate(bonds):
        U, s, V = np.linalg.svd(bond.reshape(4, 4, 4, 4).transpose(0, 2, 1, 3).reshape(16, 16))
        kept = int(np.sum(s > SPLIT * s[0])) if s[0] > 0.0 else 0
        starts[j] = (U[:, :kept] * np.sqrt(s[:kept])).T.reshape(kept, 4, 4)
        ends[j + 1] = (np.sqrt(s[:kept])[:, None] * V[:kept]).reshape(kept, 4, 4)
    tensors = []
    for j in range(n):
        W = np.zeros((2 + len(ends[j]), 2 + len(starts[j]), 4, 4))
        W[0, 0] = W[-1, -1] = np.eye(4)
        W[0, -1] = alone[j]
        W[0, 1:-1], W[1:-1, -1] = starts[j], ends[j]
        W = W[:1] if j == 0 else W
        tensors.append(W[:, -1:] if j == n - 1 else W)
    return tensors
