"""How the gain answers to the Hamiltonian: derivatives to every coefficient, and how far a state can follow it.

The gain depends on a coefficient c of H in three ways: through the operator that Bob lowers, through the evolution
during the delay, and through a ground or Gibbs state that is the new Hamiltonian's. For operations that are optimal the
derivative of the optimum is that at fixed operations (the envelope theorem), so one derivative serves both. In the
eigenbasis of H,

    dρ_ij = (p_i - p_j)/(E_i - E_j) σ_ij   (i ≠ j),     dρ_ii = -β p_i (σ_ii - <σ>),
    dU_ij = (u_i - u_j)/(E_i - E_j) σ_ij,               dU_ii = -i t u_i σ_ii,      u = exp(-iEt),

with p the populations (of a ground state: 1, 0, 0, ...). And for a perturbation V of norm v the state moves no further
than

    Gibbs    D <= v/T                          from dρ = -β ∫ρ^s (V - <V>) ρ^(1-s) ds, of trace norm <= 2βv
    ground   D <= sin(-½ ln(1 - 2v/Δ))         from |dψ| <= v/(gap), gap >= Δ - 2v along the way (Weyl)

in trace distance. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered, TooLarge
from qet.foundations.linalg import dagger, embed, expectation
from qet.foundations.paulis import PauliString, PauliSum
from qet.protocols import policies
from qet.protocols.run import Run
from qet.protocols.work_operator import told, work_operator

Array = np.ndarray
LARGEST = 8  # sites: matrices of the whole for every string of H
FOLLOWS = ("ground", "gibbs")


@dataclass(frozen=True, eq=False)
class Response:
    """What a run's gain does when H changes.

    Attributes:
        run: The run.
    """

    run: Run

    @property
    def follows(self) -> bool:
        """Whether the state is the ground or Gibbs state of its model, and changes with it."""
        return self.run.state.origin.word in FOLLOWS

    @property
    def strings(self) -> tuple[PauliString, ...]:
        """The strings of H that are not the identity."""
        return tuple(string for string, _ in self.run.state.model.dynamics.terms)

    def explicit(self, string: PauliString) -> Array:
        """The derivative through the operator that Bob lowers, at the state he faces, shape (*shape)."""
        run = self.run
        if run.target is not None or not any(site in run.state.model.B for site, _ in string):
            return np.zeros(run.shape)
        one = PauliSum(((string, 1.0),)).matrix(run.patch.sites)
        K = run.patch.on_B(run.bob)
        change = one - (dagger(K) @ one @ K).sum(-3)
        return np.broadcast_to(expectation(change, run.received).sum(-1), run.shape)

    def through_delay(self, string: PauliString) -> Array:
        """The derivative through the evolution during the delay, shape (*shape)."""
        run = self.run
        if not run.has_delay:
            return np.zeros(run.shape)
        if run.surroundings:
            raise NotOffered("the response to H is offered where H alone acts during the delay; here reservoirs do.")
        E, V = self._spectrum
        t = np.asarray(run.delay, dtype=float)[..., None, None]
        gap = E[..., :, None] - E[..., None, :]
        mean = (E[..., :, None] + E[..., None, :]) / 2
        divided = -1j * t * np.exp(-1j * mean * t) * np.sinc(gap * t / (2 * np.pi))
        dU = V @ (divided * self._turned(string)) @ dagger(V)
        U = V @ (np.exp(-1j * E * t[..., 0])[..., :, None] * dagger(V))
        M = run.kraus
        W = told(run, policies.work_operators(run.patch, run.bob))
        left = dagger(U[..., None, :, :] @ M) @ W @ (dU[..., None, :, :] @ M)
        return np.broadcast_to(2 * expectation(left.sum(-3), run.patch.rho), run.shape)

    def through_state(self, string: PauliString) -> Array:
        """The derivative through a state that is the ground or Gibbs state of H, shape (*shape); else zero."""
        if not self.follows:
            return np.zeros(self.run.shape)
        E, _ = self._spectrum
        p, beta = self._populations
        sigma = self._turned(string)
        gap = E[..., :, None] - E[..., None, :]
        x = beta[..., None, None] * gap / 2
        is_near = np.abs(x) <= 0.5  # where the difference of populations would cancel
        bent = np.where(is_near & (np.abs(x) > 1e-4), x, 1e-4)
        root = np.sqrt(np.maximum(p[..., :, None] * p[..., None, :], 0.0))
        near = -beta[..., None, None] * root * np.sinh(bent) / bent
        is_apart = gap != 0.0
        far = np.where(is_apart, (p[..., :, None] - p[..., None, :]) / np.where(is_apart, gap, 1.0), 0.0)
        is_cold = (beta == 0.0)[..., None, None]  # marks T = 0: levels hold equal weights, and keep them
        d = np.where(is_near & ~is_cold, near, far) * sigma
        mean = np.real(np.einsum("...i,...ii->...", p, sigma))
        eye = np.eye(p.shape[-1])
        d = d + eye * (beta * mean)[..., None, None] * p[..., :, None]
        return np.broadcast_to(expectation(self._inside, d), self.run.shape)

    def reach(self, size: Any) -> Any:
        """How far in trace distance the state can follow a perturbation of norm `size`; 0 for a state that is given."""
        if not self.follows:
            return np.zeros(np.shape(size))
        size = np.asarray(size, dtype=float)
        E, _ = self._spectrum
        beta = self._populations[1]
        gap = E[..., 1] - E[..., 0]
        rest = np.clip(1 - 2 * size / np.where(gap > 0.0, gap, 1e-300), 0.0, 1.0)
        with np.errstate(divide="ignore"):
            angle = np.minimum(-np.log(rest) / 2, np.pi / 2)
        return np.minimum(np.where(beta > 0.0, beta * size, np.sin(angle)), 1.0)

    @cached_property
    def _spectrum(self) -> tuple[Array, Array]:
        model = self.run.state.model
        if model.n_sites > LARGEST:
            raise TooLarge(
                f"the response to H takes the eigenvectors of the whole, 2^{model.n_sites} levels; "
                f"it goes up to {LARGEST} sites."
            )
        E, V = np.linalg.eigh(model.dynamics.matrix(model.sites))
        return E, V

    @cached_property
    def _populations(self) -> tuple[Array, Array]:
        """Populations of the levels, shape (*, d), and 1/T, zero where T = 0."""
        V = self._spectrum[1]
        rho = self.run.state.density_matrix
        p = np.real(np.einsum("...ij,...ik,...kj->...j", V.conj(), rho, V))
        T = np.asarray(self.run.state.origin.arguments.get("T", 0.0), dtype=float)
        return p, np.where(T > 0.0, 1.0 / np.where(T > 0.0, T, 1.0), 0.0)

    @cached_property
    def _inside(self) -> Array:
        """The work operator on the whole, in the basis of energies."""
        patch, V = self.run.patch, self._spectrum[1]
        wide = embed(work_operator(self.run), patch.sites, self.run.state.model.n_sites)
        return np.asarray(dagger(V) @ wide @ V)

    def _turned(self, string: PauliString) -> Array:
        V = self._spectrum[1]
        return np.asarray(dagger(V) @ PauliSum(((string, 1.0),)).matrix(self.run.state.model.sites) @ V)
