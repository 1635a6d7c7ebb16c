"""The textbook route to a driven steady state: the generator as an explicit sparse matrix on vectorized states.

With vec(rho) the rows of rho one after the other, vec(A rho B) = (A ⊗ Bᵀ) vec(rho), so that

    L = -i (H ⊗ 1 - 1 ⊗ Hᵀ) + Σ rate [ L ⊗ L* - (L†L ⊗ 1 + 1 ⊗ (L†L)ᵀ)/2 ].

The rows that give diagonal elements add up to zero (the trace is kept), so one of them is replaced by Tr rho = 1. The
system is then solved by sparse elimination up to `DIRECT` sites, and above by GMRES with an incomplete elimination as
the preconditioner. No symmetry, no packing: a readable reference, and an oracle for the matrix-free route.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from qet.foundations.errors import NotConverged, NotOffered, TooLarge, refuse_where
from qet.foundations.paulis import PauliSum
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.contacts import each_coefficient, each_parameter
from qet.solvers.diagnostics import SteadyDiagnostics
from qet.solvers.refusals import refuse_many
from qet.solvers.sectors import symmetries_of
from qet.solvers.setting import Setting, currents_of, gap_of, picked, setting_of, validity_of
from qet.solvers.states import Dense, Prepared

Array = np.ndarray
LARGEST = 7  # sites
DIRECT = 5  # sites up to which the elimination is complete
_GOAL = 1e-13  # of the residual, relative to the largest entry
_REACHED = 1e-10
_SINGULAR = 1e12  # of the growth of a probe: the matrix is singular


def steady_vectorized(model: Model, things: tuple[Bath | Jump, ...]) -> Prepared:
    """The steady states at all points, from the explicit generator.

    Args:
        model: Up to 7 sites.
        things: Jumps, on any sites.

    Raises:
        NotOffered: for baths. TooLarge: beyond 7 sites. NoUniqueSteadyState, NotConverged: see the messages.
    """
    if any(not isinstance(thing, Jump) for thing in things):
        raise NotOffered('solver="vectorized" takes bare jumps alone, no baths. Take solver="dense" or "iterative".')
    n = model.n_sites
    _refuse_large(model)
    shape = np.broadcast_shapes(model.shape, *(thing.shape for thing in things))
    solved = [_solved(*_point(model, things, shape, i), n) for i in range(int(np.prod(shape, dtype=int)))]
    rho = np.reshape([one[0] for one in solved], (*shape, 2**n, 2**n))
    residual, growth = (np.reshape([one[i] for one in solved], shape) for i in (1, 2))
    setting = setting_of(model, tuple(things), "gksl")
    _refuse_unsound(setting, rho, residual, growth)
    scale = np.asarray(sum((np.abs(c) for _, c in model.dynamics.terms), 0.0))
    answers = {
        "residual": residual[()],
        "smallest_eigenvalue": np.linalg.eigvalsh(rho)[..., 0],
        "gap": partial(gap_of, setting),
        "currents": partial(currents_of, setting, rho),
        "validity": partial(validity_of, setting),
        "symmetries": partial(symmetries_of, setting),
    }
    error = (np.maximum(residual, np.finfo(float).eps) * growth * scale)[()]
    return Prepared(Dense(rho), error, SteadyDiagnostics(answers, (False,) * len(things)))


def _refuse_large(model: Model) -> None:
    n = model.n_sites
    if n > LARGEST:
        nonzeros = 4.0**n * (len(model.H.terms) + 4.0)
        raise TooLarge(
            f"the vectorized generator of {n} sites has {4**n:,} rows; it takes {24.0 * nonzeros / 2**30:.3g} GiB, and "
            f"its elimination {16.0 * 4.0 ** (1.75 * n) / 2**30:.3g} GiB. It is offered up to {LARGEST} sites; take "
            'solver="chains", which keeps the symmetry sectors alone.'
        )


def _refuse_unsound(setting: Setting, rho: Array, residual: Array, growth: Array) -> None:
    """Raise where the matrix is singular but for the trace, or the residual is too large."""
    from qet.solvers.setting import solve
    from qet.solvers.stationary import solve_iteratively

    mask = ~(growth < _SINGULAR)
    if np.any(mask):
        counts = np.ones(setting.shape, dtype=int)
        count = solve if setting.n_sites <= DIRECT else solve_iteratively
        counts[mask] = count(picked(setting, mask)).null_dimension
        refuse_many(counts, setting, setting.surroundings, rho)
    refuse_where(
        ~(residual <= _REACHED),
        NotConverged,
        lambda i: (
            f"steady: the residual ‖L rho‖/(‖L‖ ‖rho‖) of the vectorized generator is {residual[i]:.1e}. The rates "
            'differ too much; take solver="chains"'
        ),
        best=rho,
    )


def superoperator(H: PauliSum, things: tuple[tuple[PauliSum, float], ...], n_sites: int) -> Any:
    """The generator as a sparse matrix (CSR) on row-stacked density matrices, 4^N x 4^N.

    Args:
        H: Coefficients numbers.
        things: Lindblad operators and their rates.
        n_sites: Number of qubits.

    Example:
        >>> from qet.foundations.paulis import pauli
        >>> decay = superoperator(pauli("Z0"), ((0.5 * (pauli("X0") - 1j * pauli("Y0")), 2.0),), 1)
        >>> print(decay.toarray().real)
        [[-2.  0.  0.  0.]
         [ 0. -1.  0.  0.]
         [ 0.  0. -1.  0.]
         [ 2.  0.  0.  0.]]
    """
    from scipy.sparse import csr_array, eye_array, kron

    sites = tuple(range(n_sites))
    one = eye_array(2**n_sites)
    hamiltonian = csr_array(H.matrix(sites))
    L = -1j * (kron(hamiltonian, one) - kron(one, hamiltonian.T))
    for operator, rate in things:
        jump = csr_array(operator.matrix(sites))
        lost = jump.conj().T @ jump
        L = L + rate * (kron(jump, jump.conj()) - 0.5 * kron(lost, one) - 0.5 * kron(one, lost.T))
    return csr_array(L)


def _point(model: Model, things: tuple[Bath | Jump, ...], shape: tuple[int, ...], index: int) -> tuple[PauliSum, Any]:
    def pick(value: Any) -> Any:
        return np.broadcast_to(value, shape).reshape(-1)[index].item() if np.ndim(value) else value

    here = [each_parameter(thing, pick) for thing in things]
    return each_coefficient(model.H, pick), tuple((j.operator, float(j.rate)) for j in here if isinstance(j, Jump))


def _solved(H: PauliSum, things: tuple[tuple[PauliSum, float], ...], n_sites: int) -> tuple[Array, float, float]:
    """The density matrix of one point, its residual, and how much the inverse made probes grow."""
    from scipy.sparse import csr_array, vstack
    from scipy.sparse.linalg import splu

    d = 2**n_sites
    L = superoperator(H, things, n_sites)
    scale = max(float(np.abs(L.data).max(initial=0.0)), np.finfo(float).tiny)
    trace = csr_array(np.eye(d).reshape(1, -1))
    system = vstack([trace, L[1:] / scale], format="csc")
    probes = np.exp(1j * np.arange(1, d * d)[:, None] ** 2 * np.array([0.7, 1.9]))
    right = np.hstack([np.eye(d * d)[:, :1], np.vstack([[0.0, 0.0], probes / np.linalg.norm(probes, axis=0)])])
    try:
        found = splu(system).solve(right) if n_sites <= DIRECT else _iterated(system, right)
    except RuntimeError:  # exactly singular
        return np.eye(d) / d, 0.0, np.inf
    x = found[:, 0]
    rho = x.reshape(d, d)
    rho = 0.5 * (rho + rho.conj().T)
    rho = rho / np.trace(rho).real
    residual = float(np.linalg.norm(L @ rho.reshape(-1)) / (scale * np.linalg.norm(rho)))
    return rho, residual, float(np.linalg.norm(found[:, 1:], axis=0).max()) * d


def _iterated(system: Any, right: Array) -> Array:
    """GMRES with an incomplete elimination, one column after the other."""
    from scipy.sparse.linalg import LinearOperator, gmres, spilu

    factors = spilu(system, drop_tol=1e-4, fill_factor=20.0)
    inverse: Any = LinearOperator(system.shape, factors.solve, dtype=complex)
    columns = []
    for column in right.T:
        x, _ = gmres(system, column, M=inverse, rtol=_GOAL, atol=0.0, restart=60, maxiter=10)
        columns.append(x)
    return np.stack(columns, axis=1)
