"""Means, marginals and local operations of vectors, without a density matrix of the whole.

Vectors are columns, shape (d, c), and stand for Σ_c |x_c><x_c|.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qet.solvers.vectors.strings import Strings

Array = np.ndarray


def means(x: Array, operators: Sequence[Strings]) -> Array:
    """Σ_c <x_c|O|x_c> of some operators, shape (operators,), complex.

    Strings that flip the same bits f need the products conj(x_r) x_(r ^ f) once; a string is their sum with the signs
    of its own bits, which halves the array for each of them.
    """
    out = np.zeros(len(operators), dtype=complex)
    labels = np.arange(len(x))
    for flip in sorted({flip for one in operators for flip in one.groups}):
        weights = _overlaps(x, flip, labels)
        sums: dict[int, complex] = {}
        for place, one in enumerate(operators):
            for signs, c in one.groups.get(flip, {}).items():
                if signs not in sums:
                    sums[signs] = signed_sum(weights, signs)
                out[place] += c * sums[signs]
    return out


def _overlaps(x: Array, flip: int, labels: Array) -> Array:
    if flip == 0:
        return np.einsum("rc,rc->r", x.real, x.real) + (
            np.einsum("rc,rc->r", x.imag, x.imag) if np.iscomplexobj(x) else 0.0
        )
    return np.asarray(np.einsum("rc,rc->r", x.conj(), x[labels ^ flip]))


def signed_sum(weights: Array, signs: int) -> complex:
    """Σ_r (-1)^|r & signs| w_r."""
    while signs:
        bit = signs & -signs
        pairs = weights.reshape(-1, 2, bit)
        weights = (pairs[:, 0] - pairs[:, 1]).reshape(-1)
        # the bit is gone: those above it move down
        signs = (signs >> 1) & ~(bit - 1)
    return complex(weights.sum())


def marginal(x: Array, sites: tuple[int, ...], n: int) -> Array:
    """Reduced matrix on some sites, in their order, the first leftmost."""
    front = _sites_first(x, sites, n)
    return np.asarray(front @ front.conj().T)


def applied(operator: Array, x: Array, sites: tuple[int, ...], n: int) -> Array:
    """An operator on some sites (in their order) on columns."""
    front = operator @ _sites_first(x, sites, n)
    rest = [site for site in range(n) if site not in sites]
    order = [*sites, *rest, n]
    tensor = front.reshape([2] * n + [-1])
    return np.ascontiguousarray(tensor.transpose([order.index(axis) for axis in range(n + 1)])).reshape(len(x), -1)


def _sites_first(x: Array, sites: tuple[int, ...], n: int) -> Array:
    """Columns as a matrix with the labels of the sites as rows."""
    rest = [site for site in range(n) if site not in sites]
    tensor = x.reshape([2] * n + [x.shape[1]])
    return np.ascontiguousarray(tensor.transpose([*sites, *rest, n])).reshape(2 ** len(sites), -1)
