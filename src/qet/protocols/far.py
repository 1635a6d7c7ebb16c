"""Gains far from Alice, however small, to full relative precision.

Where no term of H meets both parties, and nothing happens in between, Alice's measurement enters Bob's matrices
through her effects E_m = e_0 + Σ_s e_s σ_s alone: T_m = p_m T⁰ + Σ_s e_s Tˢ with the matrix T⁰ of the state that was
not measured, p_m the probability of the message, and the connected correlators

    Tˢ_ab = <σ_s H_a σ_b> - <σ_s><H_a σ_b>,

which are small. So is the gain. Let v be the best rotation's quaternion without the message, an eigenvector of the K⁰
that belongs to T⁰ (Davenport's matrix less Tr M, see `best`), and D_m = Σ_s e_s Kˢ. What the message adds is

    teleported = Σ_m r_m,    r = bᵀ (r - W)⁻¹ b,    b = V ᵀ D_m v,    W = Vᵀ(p_m(K⁰ - λ⁰) + D_m - vᵀD_m v)V,

with V what is orthogonal to v: the terms of first order, Σ_m vᵀD_m v, vanish because Σ_m E_m = 1. No large numbers are
subtracted, and `secular` solves for r with all digits. In a state that is stationary under H the torque of T⁰,
<i[H, σ_B]>, is zero and is set to zero; where it is passive, too, v is the identity, b the torque of the correlators,
and `local` is exactly zero.

Correlators below the rounding of a double are noise. Ground states of free fermions have them to any precision
(`qet.solvers.fermions.precise`); they are asked there where the double's would leave a relative error of the gain above
WANTED. Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.conventions import PAULIS, ROUNDING
from qet.foundations.paulis import LETTERS, PauliString, PauliSum, collect, multiply_strings
from qet.physics.model import Model
from qet.protocols import best
from qet.protocols.secular import largest_root
from qet.protocols.target import stated_of
from qet.solvers.questions import expect_of
from qet.solvers.states import State, energy_scale

if TYPE_CHECKING:
    from qet.protocols.run import Run

Array = np.ndarray
WANTED = 1e-9  # relative error of a gain above which precise correlators are asked
WANTED_LONG = 1e-6  # the same in chains of more than SECONDS sites, which take more than seconds
SECONDS = 300
ASKED = 1e-13  # relative error that these are asked for
SMALL_TURN = 0.1  # of a quaternion below which it is solved for: an eigensolver may drop what it holds for rounding
MOST_PARTY = 2  # Alice's sites: 16 strings


def offers(run: Run) -> bool:
    """Whether a run is prompt, about the energy, and between parties that no term of H meets both."""
    model = run.state.model
    if run.target is not None or run.has_delay or len(model.B) != 1 or len(model.A) > MOST_PARTY or model.n_sites < 3:
        return False
    near = (string for term in model.meeting(model.B) for string, _ in term.operator.terms)
    return not any(
        any(site in model.A for site, _ in string) and any(site in model.B for site, _ in string) for string in near
    )


def is_stationary(state: State) -> bool:
    """Whether a state commutes with H by the way it was made: a level, a thermal state, or one with white noise."""
    call, H = state.origin, state.model.terms
    while call.word == "depolarize":
        call = call.arguments["state"].origin
    model = call.arguments.get("model") if call.word in ("ground", "eigenstate", "gibbs") else None
    if not isinstance(model, Model):
        return False
    made = model.terms
    return made is H or (len(made) == len(H) and all(a.operator == b.operator for a, b in zip(made, H, strict=True)))


@dataclass(frozen=True, eq=False)
class Far:
    """Bob's best rotation, and what the message adds, by correlators.

    Attributes:
        run: The protocol; see `offers`.
    """

    run: Run

    @cached_property
    def local(self) -> Any:
        """Largest gain without the message, shape (*shape)."""
        return largest_root(self._K0[..., 1:, 1:], self._K0[..., 0, 1:])

    @cached_property
    def teleported(self) -> Any:
        """What the message adds."""
        return self._added.sum(-1)

    @property
    def extracted(self) -> Any:
        """Largest gain with the message."""
        return self.local + self.teleported

    @cached_property
    def error(self) -> Any:
        """Estimated absolute error of `extracted`, from the errors of the correlators, to second order in them."""
        added = self._errors(self._b, self._W, self._added, self._b_error).sum(-1)
        return added + np.where(np.asarray(self.local) > 0.0, self._rounding, 0.0)

    @cached_property
    def operations(self) -> Array:
        """Bob's best unitary for each message, shape (..., M, 2, 2); turns however small keep their digits."""
        K = self._basis @ _davenport(self._W, self._b) @ np.swapaxes(self._basis, -1, -2)
        general = best.best_quaternion(K)
        turn, is_safe = self._turn(self._W, self._b, self._added)
        size = np.linalg.norm(turn, axis=-1)[..., None]
        near = np.concatenate([np.ones_like(size), turn], axis=-1) / np.sqrt(1 + size**2)
        near = np.einsum("...ij,...j->...i", self._basis, near)
        return best.quaternion_unitary(np.where(is_safe[..., None] & (size < SMALL_TURN), near, general))

    # -- the matrices --------------------------------------------------------------------------

    @cached_property
    def matrices(self) -> tuple[tuple[PauliSum, ...], ...]:
        """The operators H_a σ_b whose means are T."""
        model = self.run.state.model
        (site,) = model.B
        pairs: dict[tuple[int, int], list[tuple[PauliString, Any]]] = {(a, b): [] for a in range(3) for b in range(3)}
        near = collect([pair for term in model.meeting(model.B) for pair in term.operator.terms])
        for string, c in near.terms:
            letter = dict(string).get(site)
            if letter is None:
                continue
            rest = tuple(one for one in string if one[0] != site)
            for b, other in enumerate("XYZ"):
                pairs["XYZ".index(letter), b].append((multiply_strings(rest, ((site, other),))[1], c))
        return tuple(tuple(collect(pairs[a, b]) for b in range(3)) for a in range(3))

    @cached_property
    def _effects(self) -> tuple[list[PauliString], Array]:
        """Alice's strings that occur, and (e_0, e_s ...) for each message, shape (..., M, 1 + strings)."""
        run, sites = self.run, self.run.state.model.A
        strings = [tuple(zip(sites, word, strict=True)) for word in product(LETTERS, repeat=len(sites))]
        strings = [tuple(sorted(one for one in string if one[1] != "I")) for string in strings]
        e = _effects(run)
        if run.message is not None:
            e = run.message @ e
        occurs = [0, *(s for s in range(1, len(strings)) if np.any(e[..., s]))]
        return [strings[s] for s in occurs[1:]], e[..., occurs]

    @cached_property
    def _means(self) -> list[Any]:
        """<σ_s> of Alice's strings."""
        return [expect_of(self.run.state.payload, collect([(s, 1.0)])) for s in self._effects[0]]

    @cached_property
    def _T0(self) -> Array:
        return self._correlated(())

    @cached_property
    def _K0(self) -> Array:
        """K⁰, its torque set to zero where the state is stationary, shape (*, 4, 4)."""
        K = _split(self._T0)
        if is_stationary(self.run.state):
            K[..., 0, 1:] = K[..., 1:, 0] = 0.0
        return K

    @cached_property
    def _connected(self) -> list[Array]:
        """Kˢ of the connected correlators, each of shape (*, 4, 4)."""
        strings = self._effects[0]
        means = zip(strings, self._means, strict=True)
        return [_split(self._correlated(s) - np.asarray(mean)[..., None, None] * self._T0) for s, mean in means]

    def _correlated(self, string: PauliString) -> Array:
        """<σ_s H_a σ_b>, shape (*shape, 3, 3)."""
        state = self.run.state
        T = np.zeros((*state.shape, 3, 3))
        for a, b in product(range(3), repeat=2):
            terms = self.matrices[a][b].terms
            if terms:
                operator = PauliSum(tuple((tuple(sorted((*string, *other))), c) for other, c in terms))
                T[..., a, b] = np.real(expect_of(state.payload, operator))
        return T

    @cached_property
    def _basis(self) -> Array:
        """v, then V, as columns, shape (*, 1, 4, 4): v is the identity where nothing is gained without a message."""
        K = self._K0
        vectors = np.linalg.eigh(K)[1][..., ::-1]
        if not np.any(K[..., 0, 1:]):
            is_passive = np.linalg.eigvalsh(K[..., 1:, 1:])[..., -1] <= self._rounding
            vectors = np.where(is_passive[..., None, None], np.eye(4), vectors)
        return np.asarray(vectors[..., None, :, :])

    @cached_property
    def _is_identity(self) -> bool:
        return bool(np.all(self._basis == np.eye(4)))

    @cached_property
    def _parts(self) -> tuple[Array, Array]:
        """b from double precision, and W, shapes (*shape, M, 3) and (*shape, M, 3, 3)."""
        _, e = self._effects
        p, D = e[..., 0], np.zeros((*e.shape[:-1], 4, 4))
        for i, (mean, K) in enumerate(zip(self._means, self._connected, strict=True)):
            p = p + e[..., i + 1] * np.asarray(mean)[..., None]
            D = D + e[..., i + 1, None, None] * K[..., None, :, :]
        B, Bt = self._basis, np.swapaxes(self._basis, -1, -2)
        D, K0 = Bt @ D @ B, Bt @ self._K0[..., None, :, :] @ B
        below = K0[..., 1:, 1:] - K0[..., :1, :1] * np.eye(3)
        W = p[..., None, None] * below + D[..., 1:, 1:] - D[..., :1, :1] * np.eye(3)
        M = self._effects[1].shape[-2]
        shape = (*self.run.shape, M)
        return np.broadcast_to(D[..., 0, 1:], (*shape, 3)), np.broadcast_to(W, (*shape, 3, 3))

    @property
    def _W(self) -> Array:
        return self._parts[1]

    @cached_property
    def _b(self) -> Array:
        return self._precise[0]

    @cached_property
    def _b_error(self) -> Array:
        return self._precise[1]

    @cached_property
    def _added(self) -> Array:
        """r for each message, shape (*shape, M)."""
        return largest_root(self._W, self._b)

    # -- errors --------------------------------------------------------------------------------

    @cached_property
    def _rounding(self) -> Any:
        """Error of a mean of what meets Bob: the relative precision of the state's energies, times its scale."""
        state = self.run.state
        scale, near = np.asarray(energy_scale(state.model)), np.asarray(energy_scale(state.model, state.model.B))
        stated = stated_of(state, None, state.model.B)
        if stated is not None:
            return stated + near * ROUNDING
        return near * (np.asarray(state.solver_error) / np.where(scale > 0.0, scale, 1.0) + ROUNDING)

    @cached_property
    def _precise(self) -> tuple[Array, Array]:
        """b with its error: from precise correlators where those of doubles do not do and such are to be had."""
        b, W = self._parts
        e = self._effects[1]
        size = np.abs(e[..., 1:]).sum(-1) + np.zeros(b.shape[:-1])
        error = size * np.asarray(self._rounding)[..., None]
        gains = largest_root(W, b)
        wanted = WANTED if self.run.state.model.n_sites <= SECONDS else WANTED_LONG
        is_poor = np.asarray((self._errors(b, W, gains, error) > wanted * gains).any(-1))
        if is_poor.any() and self._is_identity and is_stationary(self.run.state):
            from qet.protocols.far_fermions import refined_torques

            found = refined_torques(self, self._effects[0], is_poor)
            if found is not None:
                torques, errors = found  # (*shape, strings, 3) and (*shape, strings); nan where there is none
                fine = np.einsum("...ms,...si->...mi", e[..., 1:], torques)
                fine_error = np.einsum("...ms,...s->...m", np.abs(e[..., 1:]), errors)
                is_known = np.isfinite(fine_error)
                b = np.where(is_known[..., None], fine, b)
                error = np.where(is_known, fine_error, error)
        return b, error

    def _errors(self, b: Array, W: Array, gains: Array, b_error: Array) -> Array:
        """Error of each r: 2|q| δb + q² δW with q = (r - W)⁻¹ b, and δb² over the stiffness, shape (*shape, M)."""
        turn, is_safe = self._turn(W, b, gains)
        size = np.minimum(np.linalg.norm(turn, axis=-1), 1.0)
        stiff = np.asarray(self._rounding)[..., None]
        top = np.linalg.eigvalsh(W)[..., -1]
        resist = np.maximum(gains - top, np.maximum(b_error, stiff))
        second = b_error**2 / np.where(resist > 0.0, resist, 1.0)
        error = 2 * size * b_error + size**2 * stiff + second + 4 * ROUNDING * gains
        return np.where(is_safe, error, np.maximum(error, b_error + stiff))

    def _turn(self, W: Array, b: Array, gains: Array) -> tuple[Array, Array]:
        """q = (r - W)⁻¹ b, and where it is well defined."""
        resist = gains[..., None, None] * np.eye(3) - W
        values, axes = np.linalg.eigh(resist)
        is_safe = values[..., 0] > np.asarray(self._rounding)[..., None]
        along = np.einsum("...ji,...j->...i", axes, b)
        turn = np.einsum("...ij,...j->...i", axes, along / np.where(is_safe[..., None], values, 1.0))
        return np.where(is_safe[..., None], turn, 0.0), is_safe


def far_of(run: Run) -> Far | None:
    """The route of a run, or None where it does not apply."""
    return Far(run) if offers(run) else None


def torque_operators(matrices: tuple[tuple[PauliSum, ...], ...], string: PauliString) -> list[PauliSum]:
    """The three operators whose means are the torque of Tˢ: ε_iab σ_s H_a σ_b."""
    found = []
    for i in range(3):
        plus, minus = matrices[i - 2][i - 1], matrices[i - 1][i - 2]
        difference = plus - minus
        found.append(PauliSum(tuple((tuple(sorted((*string, *s))), c) for s, c in difference.terms)))
    return found


def _split(T: Array) -> Array:
    """Davenport's matrix less Tr M, [[0, z], [z, W]], for M = -T."""
    trace = np.trace(T, axis1=-2, axis2=-1)[..., None, None]
    z = np.stack([T[..., i - 2, i - 1] - T[..., i - 1, i - 2] for i in range(3)], axis=-1)
    return _davenport(2 * trace * np.eye(3) - T - np.swapaxes(T, -1, -2), z)


def _davenport(W: Array, z: Array) -> Array:
    K = np.zeros((*W.shape[:-2], 4, 4))
    K[..., 1:, 1:] = W
    K[..., 0, 1:] = K[..., 1:, 0] = z
    return K


def _effects(run: Run) -> Array:
    """Components of Alice's effects along her Pauli strings, the identity first, shape (..., K, 4^n)."""
    measurement, sites = run.measurement, run.state.model.A
    if measurement.direction is not None and len(sites) == 1:  # as given: weak ones keep their digits
        half = measurement.direction * np.asarray(measurement.strength, dtype=float)[..., None] / 2
        one = np.full((*half.shape[:-1], 1), 0.5)
        return np.stack([np.concatenate([one, sign * half], axis=-1) for sign in (1.0, -1.0)], axis=-2)
    kraus = measurement.kraus(sites)
    effects = np.swapaxes(kraus.conj(), -1, -2) @ kraus
    paulis = np.stack(list(_products(len(sites))))
    return np.real(np.einsum("sij,...ji->...s", paulis, effects)) / 2 ** len(sites)


def _products(n: int) -> Iterator[Array]:
    """All products of Pauli matrices on n qubits, the last fastest."""
    for word in product(range(4), repeat=n):
        matrix = np.ones((1, 1))
        for letter in word:
            matrix = np.kron(matrix, PAULIS[letter])
        yield matrix
