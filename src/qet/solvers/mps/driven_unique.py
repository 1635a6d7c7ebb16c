"""What a long driven chain conserves among the sums of one-site operators: then it has several steady states.

Q = Σ_j q_j·(X_j, Y_j, Z_j) is conserved where the adjoint generator takes it to zero. That is a linear map from 3N
letters to the strings on single sites and nearest neighbors, and its null space is found by singular values. A
magnetization that no jump changes is found so, as is a site that nothing touches. Conserved sums of longer strings are
not looked for. Derived here.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.paulis import PauliString, PauliSum
from qet.solvers.chains.action import Generator
from qet.solvers.mps.driven_operator import LETTERS, local_maps

Array = np.ndarray
SMALL = 1e-10  # of a singular value, relative to the largest, that counts as zero


def conserved_sum(generator: Generator) -> PauliSum | None:
    """A sum of one-site operators that the generator conserves; None where there is none."""
    n = generator.n_sites
    alone, bonds = local_maps(generator)
    rows = np.zeros((4 * n + 16 * (n - 1), 3 * n))
    for j in range(n):
        for letter in range(3):
            column = 3 * j + letter
            rows[4 * j : 4 * j + 4, column] += alone[j].T[:, 1 + letter]
            if j < n - 1:
                rows[_pair(n, j), column] += bonds[j].T[:, 4 * (1 + letter)]
            if j > 0:
                rows[_pair(n, j - 1), column] += bonds[j - 1].T[:, 1 + letter]
    # strings of one letter may come from a bond as well as from a site: both are added up
    for j in range(n - 1):
        pair = rows[_pair(n, j)].reshape(4, 4, -1)
        rows[4 * j : 4 * j + 4] += pair[:, 0]
        rows[4 * j + 5 : 4 * j + 8] += pair[0, 1:]
        pair[:, 0] = pair[0] = 0.0
    _, s, V = np.linalg.svd(rows)
    if s[-1] > SMALL * s[0]:
        return None
    q, names = V[-1] / V[-1][np.argmax(np.abs(V[-1]))], [letter for letter in LETTERS if letter != "I"]
    strings: list[tuple[PauliString, float]] = [(((k // 3, names[k % 3]),), float(q[k])) for k in range(3 * n)]
    return PauliSum(tuple((string, c) for string, c in strings if abs(c) > SMALL))


def _pair(n: int, j: int) -> slice:
    return slice(4 * n + 16 * j, 4 * n + 16 * (j + 1))
