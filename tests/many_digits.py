"""Ground states of short free-fermion chains in decimal arithmetic of any length: an oracle for tiny correlators.

Newton's iteration X <- (X + X^-T)/2 finds the orthogonal factor of A, elimination in decimals its Pfaffians. Shares no
step with the package but the Jordan–Wigner table.
"""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np

from qet.solvers.nambu import majoranas_of, quadratic_form

getcontext().prec = 180


def decimals(matrix):
    return np.vectorize(Decimal, otypes=[object])(np.asarray(matrix, dtype=float))


def inverse(matrix):
    """By Gauss and Jordan with row pivots."""
    n = len(matrix)
    wide = np.concatenate([matrix.copy(), decimals(np.eye(n))], axis=1)
    for k in range(n):
        best = k + int(np.argmax(np.abs(wide[k:, k])))
        wide[[k, best]] = wide[[best, k]]
        wide[k] = wide[k] / wide[k, k]
        others = [i for i in range(n) if i != k]
        wide[others] = wide[others] - wide[others, k][:, None] * wide[k]
    return wide[:, n:]


def orthogonal_factor(matrix):
    """Q of A = Q H."""
    X = matrix if matrix.dtype == object else decimals(matrix)
    for _ in range(99):
        after = (X + inverse(X).T) / 2
        if np.abs(after - X).max() < Decimal(10) ** -135:
            return after
        X = after
    raise AssertionError("Newton's iteration did not converge")


def pfaffian(matrix):
    a, value = matrix.copy(), Decimal(1)
    while len(a):
        best = 1 + int(np.argmax(np.abs(a[0, 1:])))
        if a[0, best] == 0:
            return Decimal(0)
        if best != 1:
            order = np.arange(len(a))
            order[[1, best]] = order[[best, 1]]
            a, value = a[order][:, order], -value
        value *= a[0, 1]
        step = np.outer(a[0, 2:] / a[0, 1], a[1, 2:])
        a = a[2:, 2:] - step + step.T
    return value


class Ground:
    """Means in the ground state of a quadratic model."""

    def __init__(self, model):
        self.M = orthogonal_factor(quadratic_form(model.dynamics, model.n_sites))

    def mean(self, operator):
        total = Decimal(0)
        for string, c in operator.terms:
            found = majoranas_of(string)
            if found is not None:
                modes = np.array(found[0], dtype=int)
                total += Decimal(float(c)) * found[1] * pfaffian(self.M[np.ix_(modes, modes)])
        return total
