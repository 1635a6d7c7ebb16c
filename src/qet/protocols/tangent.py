"""The energies of a run as functions whose derivatives need no solve: the envelope theorem, and the state's shadow.

With Bob's operations held at their optimum U* every energy is linear in the state, E = Tr[W(θ; U*) rho(θ)]. Since the
optimum is stationary (or the operations do not depend on θ),

    dE/dθ = d/dθ { Tr[W(θ; U*) rho] + S(θ) },       S the shadow of Tr[W rho] (see `adjoint`),

where rho and W inside S are fixed. The braces are smooth in θ even where the choice of the operation is not.

Where several operations are equally good the optimum is the largest of several smooth functions: it has a derivative
exactly if all of them have the same (Danskin's theorem). `alternatives` gives other best operations, for comparison.
Derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.linalg import dagger, embed
from qet.foundations.values import Call
from qet.protocols import best, policies
from qet.protocols.optimum import Optimum
from qet.protocols.run import Run
from qet.protocols.work_operator import delayed, told
from qet.solvers.adjoint import Shadow, shadow
from qet.solvers.motion import pauli_basis
from qet.solvers.states import Dense

Array = np.ndarray
PARTS = ("injected", "extracted", "local", "leak")
DEGENERATE = 1e-9  # of two eigenvalues of Davenport's matrix, or two gains, relative to the largest
SAMPLED = 4  # sites up to which a mean is read off the density matrices of a basis


@dataclass(frozen=True, eq=False)
class Tangent:
    """One energy at a point.

    Attributes:
        of: From a run at shifted parameters, whose state need not be solved, to numbers with the right derivative.
        is_smooth: Where the state has a derivative, shape ()-or-batch.
    """

    of: Callable[[Run], Any]
    is_smooth: Any


def tangent(run: Run, part: str, bob: Array | None) -> Tangent:
    """The function of the module's text.

    Args:
        run: At the point.
        part: "injected", "extracted", "local" or "leak".
        bob: The operations held, shape (..., M, R, d, d); None for those of a policy that does not optimize.
    """
    rho = run.state.density_matrix
    W = _operator(_held(run, rho), part, bob)
    found: Shadow = shadow(run.state, W)

    def value(other: Run) -> Any:
        return _explicit(_held(other, rho), part, bob) + found.of(other.state)

    return Tangent(value, found.is_smooth)


def _held(run: Run, rho: Array) -> Run:
    """A run whose state is given: any Hermitian matrix, so that branches may have any sign."""
    state = replace(run.state, payload=Dense(rho), solver="given", found_error=0.0)
    return replace(run, state=state, made_by=Call("teleport", {"allow": ("NotPositive",)}))


def _explicit(run: Run, part: str, bob: Array | None) -> Any:
    """The energy of a run with given operations."""
    if bob is None or part in ("injected", "leak"):
        return getattr(run, part)
    if part == "local":
        return policies.gain_of(run.patch, bob, run.average[..., None, :, :])[..., 0]
    return policies.gain_of(run.patch, bob, run.received).sum(-1)


def _operator(run: Run, part: str, bob: Array | None) -> Array:
    """W with Tr[W rho] the energy, on all sites, shape (..., d, d)."""
    n = run.state.model.n_sites
    if run.has_delay and run.surroundings:
        return _sampled(run, part, bob)
    M = run.kraus
    U = delayed(run)[..., 0, :, :] if run.has_delay else np.eye(M.shape[-1])
    if part == "injected":
        H = run.patch.H_A
        W = (dagger(M) @ H[..., None, :, :] @ M).sum(-3) - H
    elif part == "leak":
        H = dagger(U) @ run.patch.H_B @ U
        W = (dagger(M) @ H[..., None, :, :] @ M).sum(-3) - H
    else:
        late = U[..., None, :, :] @ M
        works = policies.work_operators(run.patch, run.bob if bob is None else bob)
        W = (dagger(late) @ (works if part == "local" else told(run, works)) @ late).sum(-3)
    return embed(W, run.patch.sites, n)


def _sampled(run: Run, part: str, bob: Array | None) -> Array:
    """W from the energies of a basis of Hermitian matrices, where reservoirs act during the delay.

    Bob's operations are those of the run: a policy may read them off the state.
    """
    n = run.state.model.n_sites
    bob = run.bob if bob is None and part == "extracted" else bob
    if n > SAMPLED:
        raise NotOffered(
            f"the derivative through a delay with reservoirs on follows a basis of matrices, up to {SAMPLED} sites; "
            f"here are {n}."
        )
    basis = pauli_basis(n)
    lead = (len(basis), *(1,) * len(run.shape))
    energies = _explicit(_held(run, basis.reshape(*lead, *basis.shape[1:])), part, bob)
    return np.asarray(np.einsum("j...,jab->...ab", energies, basis)) / 2**n


# -- Bob -----------------------------------------------------------------------------------------


def has_optimum(run: Run, part: str) -> bool:
    """Whether an energy is the largest over a class of operations."""
    return part == "local" or (part == "extracted" and run.feedback.policy == "best")


def is_searched(run: Run) -> bool:
    """Whether Bob's optimum is searched, so that its equals are not known."""
    return not _is_listed(run) and not _is_rotation(run)


def optimal(run: Run, part: str) -> Array:
    """Bob's best operations for an energy, in Kraus form, shape (*shape, M, R, d, d)."""
    if part == "extracted":
        return run.bob
    return _optimum(run, part).operations


def alternatives(run: Run, part: str, seed: int) -> tuple[Array, Array]:
    """Other best operations, and where there are any, shape (*shape); the same ones elsewhere.

    Of a qubit's rotations: a random top eigenvector of Davenport's matrix where several are equal; about an axis, a
    random angle where all are equal; of a list, another one that gains as much.
    """
    rng = np.random.default_rng(seed)
    found, usual = _optimum(run, part), optimal(run, part)
    if _is_listed(run):
        gains = found._listed
        equal = gains >= gains.max(-1, keepdims=True) - DEGENERATE * np.abs(gains).max(-1, keepdims=True)
        pick = np.where(equal, rng.uniform(size=gains.shape), -1.0).argmax(-1)
        assert run.feedback.among is not None
        other = run.feedback.among[pick][..., None, :, :]
        several = equal.sum(-1) > 1
    else:
        T = found._T
        if found._axis is None:
            K = best.davenport(T)
            values, vectors = np.linalg.eigh(K)
            equal = values[..., 3:] - values <= DEGENERATE * np.abs(values).max(-1, keepdims=True)
            weights = np.where(equal, rng.normal(size=values.shape), 0.0)
            q = np.einsum("...ij,...j->...i", vectors, weights / np.linalg.norm(weights, axis=-1, keepdims=True))
            other, several = best.quaternion_unitary(q)[..., None, :, :], equal.sum(-1) > 1
        else:
            along, torque = best._about(T, found._axis)
            several = np.hypot(along, torque) <= DEGENERATE * np.abs(T).max((-1, -2))
            other = best.rotation(rng.uniform(0.0, np.pi, several.shape), found._axis)[..., None, :, :]
    where = several[..., None, None, None]
    return np.where(where, other, usual), np.broadcast_to(several.any(-1), run.shape)


def _optimum(run: Run, part: str) -> Optimum:
    if part == "extracted":
        return run.optimum
    return Optimum(run.patch, run.average[..., None, :, :], run.feedback)


def _is_listed(run: Run) -> bool:
    return run.feedback.among is not None


def _is_rotation(run: Run) -> bool:
    return len(run.patch.B) == 1 and run.feedback.operations != "channel"
