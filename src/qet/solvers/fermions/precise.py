"""Means in ground states of free-fermion chains to full relative precision, though they fall exponentially far out.

In double precision a correlator below 1e-16 is noise. Here the covariance M = -i sign(iA), the orthogonal factor of A,
is refined to as many bits as the smallest mean needs (`polar`), and the strings' determinants and Pfaffians are taken
of integers with as many (`integers`). The doubles of the Hamiltonian count as exact. With more than MOST_BITS, about
1e-120 relative to one, it stops and says how far it came.

Wick's theorem and its signs are those of `qet.solvers.nambu`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import fsum, prod

import numpy as np

from qet.foundations.paulis import PauliString, PauliSum, collect
from qet.physics.model import Model, Term
from qet.solvers.fermions.integers import determinant, pfaffian_of_integers
from qet.solvers.fermions.polar import Polar, polar
from qet.solvers.nambu import majoranas_of, quadratic_form

Array = np.ndarray
BITS = (112, 160, 208, 256, 304, 352, 400)  # tried in turn, about one step of refinement apart
MOST_BITS = BITS[-1]
MOST_WORK = 1.1e9  # order of the matrix, cubed, over all points: some twenty seconds on one core
REMEMBERED = 2  # points whose covariance is kept: all distances of one chain ask for the same
SPARE = 32  # bits of the integers beyond those of the covariance


def is_affordable(model: Model, points: int) -> bool:
    """Whether H is quadratic in the Majoranas, and means in so many points take less than about half a minute."""
    modes = [majoranas_of(string) for string, c in model.dynamics.terms if np.any(c)]
    if any(one is None or len(one[0]) != 2 for one in modes):
        return False
    is_split = all((one[0][0] + one[0][1]) % 2 for one in modes if one)
    order = model.n_sites if is_split else 2 * model.n_sites
    return points * float(order) ** 3 <= MOST_WORK


def precise_means(
    model: Model, index: tuple[int, ...], operators: Sequence[PauliSum], relative: float
) -> tuple[Array, float]:
    """Means of some operators in the ground state, as one vector with a small relative error.

    Args:
        model: Quadratic in the Jordan–Wigner Majoranas, with a unique ground state.
        index: Which point of the model's batch.
        operators: Hermitian Pauli sums; their coefficients are taken at the same point.
        relative: Largest error of the vector relative to its length.

    Returns:
        The means, shape (operators,), and a bound on the error of each, whether it is small enough or MOST_BITS were
        not.

    Raises:
        NotConverged: for a spacing of the levels too small for the refinement.

    Example:
        >>> from qet.foundations.paulis import pauli
        >>> from qet.physics.models import ising
        >>> means, error = precise_means(ising(60, g=4.0), (), [pauli("X5 X45")], 1e-12)
        >>> print(f"{means[0]:.12e}", bool(error < 1e-12 * means[0]))
        7.472556261368e-26 True
    """
    sums = [_at(operator, index) for operator in operators]
    scale = max((fsum(abs(c) for _, c in one.terms) for one in sums), default=0.0)
    means, error = np.zeros(len(sums)), 0.0
    for bits in BITS:
        found = _correlators(model, index, bits)
        means = np.array([float(sum((Fraction(c) * found.mean(s) for s, c in one.terms), Fraction())) for one in sums])
        longest = max((len(s) and 2 * (s[-1][0] - s[0][0] + 1) for one in sums for s, _ in one.terms), default=0)
        error = scale * max(longest, 1) ** 2 * 2.0**-bits
        if not means.any() and found.is_exact(sums):
            return means, 0.0
        if error <= relative * float(np.linalg.norm(means)):
            break
    return means, error


@dataclass(frozen=True, eq=False)
class Correlators:
    """The covariance of one ground state, and the means that were asked for.

    Attributes:
        factor: M on all Majoranas; or, where it couples even ones to odd ones alone, that part of it.
        is_split: Which.
    """

    factor: Polar
    is_split: bool
    _means: dict[PauliString, Fraction] = field(default_factory=dict)

    def mean(self, string: PauliString) -> Fraction:
        """Mean of a Pauli string."""
        if string not in self._means:
            self._means[string] = self._mean(string)
        return self._means[string]

    def is_exact(self, operators: Sequence[PauliSum]) -> bool:
        """Whether all strings vanish by symmetry."""
        return all(self._vanishes(string) for operator in operators for string, _ in operator.terms)

    def _vanishes(self, string: PauliString) -> bool:
        found = majoranas_of(string)
        if found is None:
            return True
        return self.is_split and 2 * sum(mode % 2 for mode in found[0]) != len(found[0])

    def _mean(self, string: PauliString) -> Fraction:
        found = majoranas_of(string)
        if found is None or self._vanishes(string):
            return Fraction()
        modes, sign = np.array(found[0], dtype=int), found[1]
        drop = max(self.factor.Q.bits - 1 - self.factor.bits - SPARE, 0)
        bits = self.factor.Q.bits - 1 - drop
        if not self.is_split:
            part = self.factor.Q.integers(modes, modes)
            part = (part - part.T) >> 1 + drop
            return sign * pfaffian_of_integers(part, bits)
        even, odd = modes[modes % 2 == 0] // 2, modes[modes % 2 == 1] // 2
        if not len(even):
            return Fraction(sign)
        return sign * interleaving(found[0]) * determinant(self.factor.Q.integers(even, odd) >> drop, bits)


def interleaving(modes: tuple[int, ...]) -> int:
    """The sign s in Pf(M on the modes) = s · det(G), where M couples even modes to odd ones alone, by G."""
    behind, swaps = 0, 0
    for mode in modes:
        if mode % 2:
            behind += 1
        else:
            swaps += behind
    pairs = len(modes) // 2
    return prod([-1] * ((swaps + pairs * (pairs - 1) // 2) % 2))


def _correlators(model: Model, index: tuple[int, ...], bits: int) -> Correlators:
    """From memory, or refined from what is there."""
    known = next((one for one in _recent if one[1] == index and one[0] is model.terms), None)
    if known is not None and known[2].factor.bits >= bits:
        return known[2]
    if known is not None:
        found = Correlators(known[2].factor.refined(bits), known[2].is_split)
        _recent.remove(known)
    else:
        A = quadratic_form(_at(model.dynamics, index), model.n_sites)
        is_split = not (A[::2, ::2].any() or A[1::2, 1::2].any())
        found = Correlators(polar(A[::2, 1::2] if is_split else A, bits), is_split)
    _recent.insert(0, (model.terms, index, found))
    del _recent[REMEMBERED:]
    return found


_recent: list[tuple[tuple[Term, ...], tuple[int, ...], Correlators]] = []


def _at(operator: PauliSum, index: tuple[int, ...]) -> PauliSum:
    """An operator at one point of a batch whose last axes are those of its coefficients."""
    pairs = []
    for string, c in operator.terms:
        value = np.asarray(c)
        place = tuple(
            0 if size == 1 else i for i, size in zip(index[len(index) - value.ndim :], value.shape, strict=True)
        )
        pairs.append((string, float(value[place])))
    return collect(pairs)
