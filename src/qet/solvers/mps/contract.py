"""Marginals and means of a matrix product vector, by transfer contractions between the sites that matter.

Right of the last site asked for the tensors are right-canonical and give the identity; left of the first one the
environments are computed once and kept. Two groups of sites with a gap are contracted from both ends, and only the
upper half of the Hermitian pairs crosses the gap. Strings that share their first letters share the environments.

Derived here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from qet.foundations.conventions import PAULI_X, PAULI_Z
from qet.foundations.paulis import PauliString
from qet.solvers.mps.chain import Chain

Array = np.ndarray
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])  # Y = i TURN: a real chain stays real
REAL_LETTERS = {"X": PAULI_X, "Y": TURN, "Z": PAULI_Z}


def environment(chain: Chain, site: int) -> Array:
    """What lies left of a site, for a vector of length one: E[ket bond, bra bond]."""
    left: list[Array] = chain.found.setdefault("left", [np.ones((1, 1))])
    while len(left) <= site:
        B = chain.tensors[len(left) - 1]
        left.append(_passed(left[-1][None], B)[0])
    return left[site]


def density_matrix(chain: Chain, sites: Sequence[int]) -> Array:
    """Reduced density matrix on some sites in that order, of trace norm², shape (d, d)."""
    ordered = sorted(sites)
    m = len(ordered)
    if m == 0:
        return np.full((1, 1), chain.norm**2)
    cut = _best_cut(ordered)
    rows, columns = np.triu_indices(2**cut)
    X = _from_left(chain, ordered[:cut])
    d = 2**cut
    X = X.reshape(d, d, *X.shape[1:])[rows, columns]  # the rest are Hermitian conjugates
    last = ordered[cut - 1]
    if cut < m:
        for site in range(last + 1, ordered[cut]):
            X = _passed(X, chain.tensors[site])
        Y = _from_right(chain, ordered[cut:])
        joined = X.reshape(X.shape[0], -1) @ Y.reshape(Y.shape[0], -1).T
    else:
        joined = np.trace(X, axis1=1, axis2=2)[:, None]
    D = 2 ** (m - cut)
    block = joined.reshape(-1, D, D)  # (pair of the left group, ket, bra) of the right group
    rho = np.empty((d, D, d, D), dtype=block.dtype)
    rho[columns, :, rows] = block.conj().swapaxes(1, 2)
    rho[rows, :, columns] = block
    rho = rho.reshape((2,) * (2 * m)) * chain.norm**2
    place = [ordered.index(site) for site in sites]
    rho = rho.transpose(place + [m + i for i in place]).reshape(2**m, 2**m)
    return (rho + rho.conj().T) / 2


def means_of(chain: Chain, strings: Iterable[PauliString]) -> dict[PauliString, float]:
    """Means of Pauli strings, times norm². Those on one site or a bond are read off the bond's density matrix."""
    means: dict[PauliString, float] = {}
    far = []
    for string in strings:
        if not string:
            means[string] = chain.norm**2
        elif string[-1][0] - string[0][0] <= 1:
            means[string] = _near(chain, string)
        else:
            far.append(string)
    return means | _far(chain, far)


def _near(chain: Chain, string: PauliString) -> float:
    first = min(string[0][0], chain.n_sites - 2)
    pairs = chain.found.setdefault("pairs", {})
    if first not in pairs:
        sites = (first, first + 1)[: chain.n_sites]
        pairs[first] = density_matrix(chain, sites)
    letters = dict(string)
    operator: Array = np.ones((1, 1))
    for site in (first, first + 1):
        operator = np.kron(operator, REAL_LETTERS[letters[site]] if site in letters else np.eye(2))
    value = complex(np.vdot(operator.T, pairs[first])) * _phase(string)
    return value.real


def _far(chain: Chain, strings: list[PauliString]) -> dict[PauliString, float]:
    """One pass from the left over all strings; those with the same letters so far share their environment."""
    means: dict[PauliString, float] = {}
    active: dict[PauliString, Array] = {}  # letters placed so far -> environment
    waiting = sorted(set(strings), key=lambda string: string[0][0])
    going: list[PauliString] = []
    site = waiting[0][0][0] if waiting else chain.n_sites
    while waiting or going:
        while waiting and waiting[0][0][0] == site:
            going.append(waiting.pop(0))
        moves: dict[PauliString, tuple[PauliString, str]] = {}
        for string in going:
            before, after = _placed(string, site - 1), _placed(string, site)
            moves[after] = (before, after[-1][1] if after != before else "I")
        active = _stepped(chain, site, active, moves)
        for string in [string for string in going if string[-1][0] == site]:
            going.remove(string)
            means[string] = float((np.trace(active[string]) * _phase(string)).real) * chain.norm**2
        site += 1
    return means


def _stepped(
    chain: Chain, site: int, active: dict[PauliString, Array], moves: dict[PauliString, tuple[PauliString, str]]
) -> dict[PauliString, Array]:
    B = chain.tensors[site]
    new: dict[PauliString, Array] = {}
    for letter in "IXYZ":
        wanted = [(after, before) for after, (before, one) in moves.items() if one == letter]
        if wanted:
            X = np.stack([active[before] if before else environment(chain, site) for _, before in wanted])
            found = _passed(X, B, None if letter == "I" else REAL_LETTERS[letter])
            new |= {after: found[i] for i, (after, _) in enumerate(wanted)}
    return new


def _placed(string: PauliString, site: int) -> PauliString:
    return tuple(pair for pair in string if pair[0] <= site)


def _phase(string: PauliString) -> complex:
    return 1j ** sum(letter == "Y" for _, letter in string)


def _passed(X: Array, B: Array, operator: Array | None = None) -> Array:
    """Environments (D, ket, bra) carried over one site, with an operator on it."""
    T = np.tensordot(X, B, (1, 0))  # (D, bra, s, a, r)
    if operator is not None:
        T = np.tensordot(operator, T, (1, 2)).transpose(1, 2, 0, 3, 4)
    return np.tensordot(T, B.conj(), ((1, 2, 3), (0, 1, 2)))


def _from_left(chain: Chain, sites: Sequence[int]) -> Array:
    """Environments right of the last site, one for each (ket, bra) on the sites: (d·d, ket bond, bra bond)."""
    X = environment(chain, sites[0])[None]
    wanted, d = set(sites), 1
    for site in range(sites[0], sites[-1] + 1):
        B = chain.tensors[site]
        if site not in wanted:
            X = _passed(X, B)
            continue
        T = np.tensordot(X, B, (1, 0))  # (D, bra, s, a, r)
        T = np.tensordot(T, B.conj(), ((1, 3), (0, 2)))  # (D, s, r, s', r')
        T = T.reshape(d, d, *T.shape[1:]).transpose(0, 2, 1, 4, 3, 5)  # (ket, s, bra, s', r, r')
        d *= 2
        X = T.reshape(d * d, *T.shape[4:])
    return X


def _from_right(chain: Chain, sites: Sequence[int]) -> Array:
    """The same from the right: environments left of the first site, (d·d, ket bond, bra bond)."""
    Y = np.eye(chain.tensors[sites[-1]].shape[3])[None]
    wanted, d = set(sites), 1
    for site in range(sites[-1], sites[0] - 1, -1):
        B = chain.tensors[site]
        T = np.tensordot(Y, B, (1, 3))  # (D, bra, l, s, a)
        if site not in wanted:
            Y = np.tensordot(T, B.conj(), ((1, 3, 4), (3, 1, 2)))
            continue
        T = np.tensordot(T, B.conj(), ((1, 4), (3, 2)))  # (D, l, s, l', s')
        T = T.reshape(d, d, *T.shape[1:]).transpose(3, 0, 5, 1, 2, 4)  # (s, ket, s', bra, l, l')
        d *= 2
        Y = T.reshape(d * d, *T.shape[4:])
    return Y


def _best_cut(sites: Sequence[int]) -> int:
    """How many of the sites to contract from the left: the cheapest way through the gaps, then the most even."""
    m, span = len(sites), sites[-1] - sites[0]

    def cost(cut: int) -> Any:
        if cut == m:
            return 4**m * (span + 1)
        left = sum(4 ** (i + 1) * (sites[i + 1] - sites[i]) for i in range(cut))
        right = sum(4 ** (m - i) * (sites[i] - sites[i - 1]) for i in range(cut + 1, m)) + 4 ** (m - cut)
        return left + right

    return min(range(1, m + 1), key=cost)
