"""Whether jumps and H generate all operators, read off neighbor by neighbor: then the steady state is unique.

A GKSL equation has one steady state, of full rank, if products of its jumps and of K = iH + Σ rate L†L/2 span everything.
Where the jumps of a site span their adjoints, and nothing but 1 commutes with them, its whole 2 x 2 algebra is known.
An element can be cut to its part with a given letter on such a site. So the bond Σ P_s ⊗ B_s of K hands the neighbor the
operators B_s; and where B commutes with what else meets that neighbor, [h, B] with the field h, too. A neighbor at which
nothing commutes with all of these is known in turn. Sufficient, not necessary.

Derived here, from the criterion of:
    Frigerio, Communications in Mathematical Physics 63, 269 (1978); Evans, ibid. 54, 293 (1977); Yoshida, Physical
    Review A 109, 022218 (2024), for the form without adjoints.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.paulis import PauliString
from qet.solvers.chains.action import Generator
from qet.solvers.mps.driven_operator import LETTERS

Array = np.ndarray
SMALL = 1e-9  # of a singular value, relative to the largest, that counts as zero
Letters = Array  # coefficients of X, Y, Z: the part of an operator on a site that is not a multiple of 1


def generates_everything(generator: Generator) -> bool:
    """Whether the operators of every site follow; False where that stays open."""
    n = generator.n_sites
    jumps = {site: J for site, (J, _) in generator.jumps.items() if _has_adjoints(J)}
    handed = [_of_jumps(jumps[site]) if site in jumps else [] for site in range(n)]
    known = [_is_everything(some) for some in handed]
    while True:
        before = sum(known)
        for site in range(n):
            if not known[site]:
                near = [other for other in (site - 1, site + 1) if 0 <= other < n and known[other]]
                known[site] = _is_everything(handed[site] + _handed_over(generator, site, near))
        if all(known) or sum(known) == before:
            return all(known)


def _span(J: Array) -> list[Array]:
    """Independent jumps of a site from Σ rate L ⊗ L*."""
    choi = J.transpose(0, 2, 1, 3).reshape(4, 4)  # Σ rate vec(L) vec(L)†
    values, vectors = np.linalg.eigh(choi)
    found = zip(values, vectors.T, strict=True)
    return [vector.reshape(2, 2) for value, vector in found if value > SMALL * values[-1] > 0.0]


def _has_adjoints(J: Array) -> bool:
    """Whether the jumps of a site, with 1, span their adjoints."""
    span = [np.eye(2).ravel(), *(L.ravel() for L in _span(J))]
    wide = [*span, *(L.conj().T.ravel() for L in _span(J))]
    return bool(np.linalg.matrix_rank(np.array(span), tol=SMALL) == np.linalg.matrix_rank(np.array(wide), tol=SMALL))


def _of_jumps(J: Array) -> list[Letters]:
    """The Hermitian and anti-Hermitian parts of the jumps of a site."""
    return [_letters(part) for L in _span(J) for part in (L + L.conj().T, 1j * (L - L.conj().T))]


def _letters(hermitian: Array) -> Letters:
    return np.array([2 * hermitian[0, 1].real, -2 * hermitian[0, 1].imag, (hermitian[0, 0] - hermitian[1, 1]).real])


def _handed_over(generator: Generator, site: int, known: list[int]) -> list[Letters]:
    """What the bonds to known neighbors say of a site, and its field's commutator with that."""
    bonds: dict[tuple[int, str], Letters] = {}
    field, others = np.zeros(3), []
    for string, c in generator.H.terms:
        letters = dict(string)
        if site not in letters:
            continue
        own = np.zeros(3)
        own[LETTERS[letters[site]] - 1] = float(c)
        rest: PauliString = tuple(pair for pair in string if pair[0] != site)
        if not rest:
            field += own
        elif rest[0][0] in known:
            bonds[rest[0]] = bonds.get(rest[0], np.zeros(3)) + own
        else:
            others.append(own)
    given = list(bonds.values())
    if site in generator.jumps and np.any(_letters(generator.jumps[site][1])):  # its part of iH + ... is not Hermitian
        return given
    turned = [np.cross(field, B) for B in given if all(not np.any(np.cross(own, B)) for own in others)]
    return given + turned


def _is_everything(some: list[Letters]) -> bool:
    """Two directions that are not parallel: nothing but 1 commutes with both."""
    if len(some) < 2:
        return False
    s = np.linalg.svd(np.array(some), compute_uv=False)
    return bool(s[1] > SMALL * s[0])
