"""Coupled oscillators: a quadratic Hamiltonian as named terms, and who holds which of them.

H = Σ_j p_j²/2 + x^T K x/2 with unit masses (a mass is scaled out: x_j -> x_j/√m_j turns K_ij into K_ij/√(m_i m_j)), a
positive definite K, and [x_j, p_j] = i. Every such K is springs and pins,

    x^T K x/2 = Σ_j κ_j x_j²/2 + Σ_{i<j} k_ij (x_i - x_j)²/2,      k_ij = -K_ij,   κ_j = Σ_i K_ij,

and so are the named terms: H_j = p_j²/2 + κ_j x_j²/2 on the sites, V_i_j = k_ij (x_i - x_j)²/2 on the bonds. The split
is a choice; `injected` and `extracted` do not depend on it, the rows of a ledger and `leak` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import HERMITIAN_TOLERANCE
from qet.foundations.errors import BadParameter, BadParties, NotHermitian, ShapeMismatch, refuse_where, unknown
from qet.foundations.values import Call, Value, frozen
from qet.physics.model import as_sites
from qet.physics.models import BySite

Array = np.ndarray
ENDS = ("free", "fixed", "periodic")
Bond = tuple[int, int]


@dataclass(frozen=True, eq=False, repr=False)
class Oscillators(Value):
    """Oscillators 0 .. n_sites-1 of unit mass, held by pins and joined by springs, and the two parties' sites.

    Attributes:
        pins: κ_j, shape (..., N).
        bonds: Pairs (i, j), i < j, that a spring joins.
        springs: k_ij, shape (..., number of bonds).
        A: Alice's sites.
        B: Bob's sites.
        made_by: The public word and arguments that made it.
    """

    pins: Array
    bonds: tuple[Bond, ...]
    springs: Array
    A: tuple[int, ...]
    B: tuple[int, ...]
    made_by: Call
    _identity = ("pins", "bonds", "springs", "A", "B")

    @property
    def n_sites(self) -> int:
        """Number of oscillators."""
        return int(self.pins.shape[-1])

    @property
    def sites(self) -> tuple[int, ...]:
        """All sites, in order."""
        return tuple(range(self.n_sites))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the parameters."""
        return broadcast(pins=self.pins.shape[:-1], springs=self.springs.shape[:-1])

    @cached_property
    def K(self) -> Array:
        """The stiffness matrix, shape (*shape, N, N)."""
        n = self.n_sites
        K = np.zeros((*self.shape, n, n))
        i, j = self.joined
        K[..., i, j] = K[..., j, i] = -self.springs
        held = np.moveaxis(np.broadcast_to(self.pins, (*self.shape, n)), -1, 0).copy()  # (N, *shape)
        springs = np.moveaxis(np.broadcast_to(self.springs, (*self.shape, len(i))), -1, 0)
        for ends in (i, j):
            np.add.at(held, ends, springs)
        K[..., range(n), range(n)] = np.moveaxis(held, 0, -1)
        return frozen(K)

    @cached_property
    def joined(self) -> tuple[Array, Array]:
        """Left and right sites of the bonds, as arrays."""
        pairs = np.array(self.bonds, dtype=int).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    @cached_property
    def modes(self) -> tuple[Array, Array]:
        """Normal modes: ω², shape (*shape, N), ascending; and their shapes as columns, shape (*shape, N, N).

        Raises:
            BadParameter: for a mode without restoring force, or an unstable one.
        """
        squares, shapes = np.linalg.eigh(self.K)
        rounding = self.n_sites * np.finfo(float).eps * np.abs(squares).max(-1)
        refuse_where(
            squares[..., 0] <= rounding,
            BadParameter,
            lambda i: (
                f"the softest mode has ω² = {squares[i][0]:.2e}, which is not positive: a mode that nothing holds has "
                "no ground state (a free particle spreads). Hold it: pinning > 0, or ends='fixed'"
            ),
        )
        return frozen(squares), frozen(shapes)

    def class_of(self, sites: tuple[int, ...]) -> str:
        """Where a term on these sites acts: one of H_A, H_B, V_AB, V_A, V_B, rest."""
        support = set(sites)
        meets_A, meets_B = bool(support & set(self.A)), bool(support & set(self.B))
        if meets_A and meets_B:
            return "V_AB"
        if not (meets_A or meets_B):
            return "rest"
        party, own = ("A", self.A) if meets_A else ("B", self.B)
        return f"H_{party}" if support <= set(own) else f"V_{party}"

    def between(self, A: Any, B: Any) -> Oscillators:
        """The same oscillators with other parties; the normal modes are kept.

        Raises:
            BadParties: for parties that overlap or lie outside.
        """
        a, b = parties_of(A, B, self.n_sites)
        arguments = {"of": self, "A": _one_or_many(a), "B": _one_or_many(b)}
        made = Oscillators(self.pins, self.bonds, self.springs, a, b, Call("between", arguments))
        made.__dict__.update({name: self.__dict__[name] for name in ("K", "modes", "joined") if name in self.__dict__})
        return made

    def swapped(self) -> Oscillators:
        """The same oscillators with the roles of A and B exchanged."""
        return self.between(self.B, self.A)

    def __repr__(self) -> str:
        return spelled_between(self.made_by)


def harmonic(
    n: int, *, spring: Any = 1.0, pinning: Any = 1.0, ends: str = "free", A: Any = 0, B: Any = None
) -> Oscillators:
    """Harmonic chain: Σ p_j²/2 + (pinning/2) Σ x_j² + (spring/2) Σ (x_j - x_{j+1})², unit masses.

    The band is ω² = pinning + 2 spring (1 - cos q); the chain is critical where the pinning vanishes.

    Args:
        n: Number of oscillators, at least two.
        spring: Stiffness >= 0 of the springs; number, array of points, or `by_site` with one value a spring: n - 1
            with free ends, n in a ring, n + 1 with fixed ends (the outer two to the walls).
        pinning: ω0² >= 0, what holds each oscillator at its place; number, array of points, or `by_site`.
        ends: "free", "fixed" (to walls at both ends, by the springs) or "periodic" (a ring).
        A: Alice's site or sites.
        B: Bob's; by default the last site, in a ring the opposite one.

    Returns:
        The oscillators, with terms H_0, H_1, ... (p²/2 and the pins; the walls' springs too) and V_0_1, V_1_2, ...

    Raises:
        BadParameter, BadParties, ShapeMismatch, UnknownName: see the messages.

    Example:
        >>> harmonic(3, pinning=1.0, spring=0.5).K
        array([[ 1.5, -0.5,  0. ],
               [-0.5,  2. , -0.5],
               [ 0. , -0.5,  1.5]])
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2:
        raise BadParties(f"harmonic needs at least two oscillators; got n={n!r}.")
    if ends not in ENDS:
        raise unknown("kind of ends", ends, ENDS)
    n = int(n)
    if ends == "periodic" and n == 2:
        raise BadParties("a ring needs at least three oscillators; two are joined by one spring: ends='free'.")
    count = {"free": n - 1, "fixed": n + 1, "periodic": n}[ends]
    k, pins = _along("spring", spring, count), _along("pinning", pinning, n)
    bonds = [(j, j + 1) for j in range(n - 1)] + ([(0, n - 1)] if ends == "periodic" else [])
    if ends == "fixed":
        shape = np.broadcast_shapes(k.shape[:-1], pins.shape[:-1])
        pins = np.broadcast_to(pins, (*shape, n)).copy()
        pins[..., 0] += k[..., 0]
        pins[..., -1] += k[..., -1]
        k = k[..., 1:-1]
    given = {"spring": _stored("spring", spring), "pinning": _stored("pinning", pinning)}
    a, b = parties_of(A, (n // 2 if ends == "periodic" else n - 1) if B is None else B, n)
    arguments = {"n": n, **given, **({} if ends == "free" else {"ends": ends})}
    call = Call("harmonic", {**arguments, "A": _one_or_many(a), "B": _one_or_many(b)})
    made = Oscillators(frozen(pins), tuple(bonds), frozen(k), a, b, call)
    _ = made.shape  # raises ShapeMismatch here rather than later
    return made


def oscillators(K: Any, *, A: Any = 0, B: Any = None) -> Oscillators:
    """Oscillators with any stiffness matrix: H = Σ p_j²/2 + x^T K x/2, unit masses.

    Args:
        K: Real symmetric and positive definite, shape (..., N, N); leading axes are points.
        A: Alice's site or sites.
        B: Bob's; by default the last site.

    Returns:
        The oscillators, with terms H_j and V_i_j as springs and pins (see the module).

    Raises:
        NotHermitian: if K is not symmetric to 1e-10.
        BadParameter: for a mode that nothing holds, on first use of the modes.
        ShapeMismatch, BadParties: see the messages.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.ground(oscillators([[2.0, -1.0], [-1.0, 2.0]])), measure=qet.coherent())
        >>> round(float(run.injected), 6)
        1.414214
    """
    matrix = np.asarray(real("K", K), dtype=float)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or matrix.shape[-1] < 2:
        raise ShapeMismatch(f"K is a square matrix of at least two oscillators; got shape {matrix.shape}.")
    skew = np.abs(matrix - np.swapaxes(matrix, -1, -2)).max((-1, -2))
    refuse_where(
        skew > HERMITIAN_TOLERANCE * np.abs(matrix).max((-1, -2)),
        NotHermitian,
        lambda i: f"K is not symmetric: max |K - K^T| = {skew[i]:.1e}. Take (K + K^T)/2",
    )
    n = matrix.shape[-1]
    a, b = parties_of(A, n - 1 if B is None else B, n)
    left, right = np.nonzero(np.triu((matrix != 0.0).reshape(-1, n, n).any(0), 1))
    bonds = tuple(zip(left.tolist(), right.tolist(), strict=True))
    springs = -matrix[..., left, right]
    call = Call("oscillators", {"K": frozen(matrix), "A": _one_or_many(a), "B": _one_or_many(b)})
    return Oscillators(frozen(matrix.sum(-1)), bonds, frozen(springs), a, b, call)


def parties_of(A: Any, B: Any, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both parties' sites, checked.

    Raises:
        BadParties: for parties that overlap or lie outside the n sites.
    """
    a, b = as_sites("A", A), as_sites("B", B)
    for name, sites in (("A", a), ("B", b)):
        outside = [site for site in sites if site >= n]
        if outside:
            raise BadParties(f"{name} holds site {outside[0]}, outside the {n} sites 0 .. {n - 1}.")
    shared = sorted(set(a) & set(b))
    if shared:
        raise BadParties(f"A = {a} and B = {b} share site {shared[0]}; the parties must not overlap.")
    return a, b


def spelled_between(call: Call) -> str:
    """A call as text that evaluates back; `between` is a method."""
    if call.word != "between":
        return repr(call)
    given = call.arguments
    return f"{given['of']!r}.between({given['A']!r}, {given['B']!r})"


def _along(name: str, value: Any, count: int) -> Array:
    """One value for each of `count` sites or springs on the last axis, none negative."""
    if isinstance(value, BySite):
        if value.values.shape[-1] != count:
            raise ShapeMismatch(f"{name} has {value.values.shape[-1]} values along the chain; {count} are needed.")
        return np.asarray(real(name, value.values, minimum=0.0))
    array = np.asarray(real(name, value, minimum=0.0))[..., None]
    return np.broadcast_to(array, (*array.shape[:-1], count))


def _stored(name: str, value: Any) -> Any:
    return value if isinstance(value, BySite) else real(name, value)


def _one_or_many(sites: tuple[int, ...]) -> Any:
    return sites[0] if len(sites) == 1 else sites
