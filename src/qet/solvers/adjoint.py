"""How a mean answers to the parameters of its state, from one linear solve whatever their number.

A state rho(θ) is given implicitly, by its generator, its Hamiltonian or its temperature. For an operator W there is a
`Shadow`: a function of the state's parameters that takes no solve, and whose derivative is that of Tr[W rho(θ)]:

    steady       Tr[Λ L_θ(rho)],      L†(Λ) = Tr[W rho] - W      (rho and Λ fixed, from L_θ at the point)
    Gibbs        Tr[-(H_θ/T_θ) X],    X_ij = (W - <W>)_ij (p_i - p_j)/(g_i - g_j),   g = -E/T
    level n      Tr[H_θ X],           X = P W R + R W P,   R = Σ_m≠n |m><m|/(E_n - E_m)
    mixed        (1 - p_θ) Tr[W rho_θ] + p_θ Tr[W]/d
    evolved      Tr[W U_θ rho_θ U_θ†]                             (H alone)
    given        Tr[W rho_θ]

Every other state is solved anew at the shifted parameters, which is right and slow. The generators are those of the
dense route (`setting`), for every master equation that it knows; L† is the transposed real matrix.

The shadow of a Gibbs state at T = 0 has the sharp populations of its levels; where the lowest level is degenerate the
equal mixture jumps with H and there is no derivative. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.foundations.errors import NotOffered
from qet.foundations.linalg import dagger, expectation, expm_hermitian, trace
from qet.solvers.liouville import Layout, generator
from qet.solvers.setting import Setting, piece_of, setting_of
from qet.solvers.states import State

Array = np.ndarray
LARGEST = 64  # levels of a dense generator
NEAR = 1e-3  # differences of exponents below which a divided difference is a series


@dataclass(frozen=True, eq=False)
class Shadow:
    """A function of a state's parameters with the derivative of a mean.

    Attributes:
        of: From a state that need not be solved to numbers, shape (*shape).
        is_smooth: Where the derivative exists, shape ()-or-batch.
        is_solved: Whether `of` solves the state anew.
    """

    of: Callable[[State], Any]
    is_smooth: Any = True
    is_solved: bool = False


def shadow(state: State, W: Array) -> Shadow:
    """The shadow of Tr[W rho].

    Args:
        state: At the point, solved.
        W: Hermitian, on all sites, shape (..., d, d).
    """
    call = state.origin
    if state.model.n_sites > 8:
        raise NotOffered(f"this takes matrices on all {state.model.n_sites} sites; it is offered up to 8.")
    if call.word in ("ground", "eigenstate"):
        return _of_level(state, W, int(call.arguments.get("level", 0)))
    if call.word == "gibbs":
        return _of_gibbs(state, W, np.asarray(call.arguments["T"], dtype=float))
    if call.word == "steady" and _has_generator(state):
        return _of_steady(state, W)
    if call.word == "depolarize":
        return _of_mixed(state, W)
    if call.word == "evolve" and state.master is None:
        return _of_evolved(state, W)
    return Shadow(lambda other: expectation(W, other.density_matrix), is_solved=call.word != "state")


def _has_generator(state: State) -> bool:
    return state.master not in ("leads", "heom") and 2**state.model.n_sites <= LARGEST


# -- levels and Gibbs states ---------------------------------------------------------------------


def _of_hamiltonian(X: Array) -> Callable[[State], Any]:
    return lambda other: expectation(_hamiltonian(other), X)


def _hamiltonian(state: State) -> Array:
    return np.asarray(state.model.dynamics.matrix(state.model.sites))


def _of_level(state: State, W: Array, level: int) -> Shadow:
    E, V = np.linalg.eigh(_hamiltonian(state))
    inside = dagger(V) @ W @ V
    gap = E[..., level : level + 1] - E
    is_other = np.arange(E.shape[-1]) != level
    resolvent = np.where(is_other, 1.0 / np.where(is_other, gap, 1.0), 0.0)
    X = np.zeros(np.broadcast_shapes(inside.shape, (*E.shape, 1)), dtype=complex)
    X[..., level, :] = inside[..., level, :] * resolvent
    X[..., :, level] = inside[..., :, level] * resolvent
    return Shadow(_of_hamiltonian(V @ X @ dagger(V)))


def _of_gibbs(state: State, W: Array, T: Array) -> Shadow:
    E, V = np.linalg.eigh(_hamiltonian(state))
    is_warm = T > 0.0
    excess = E - E[..., :1]
    lowest = excess <= DEGENERACY_TOLERANCE * np.abs(E).max(-1, keepdims=True)
    warm = is_warm[..., None]
    with np.errstate(over="ignore"):
        x = excess / np.where(warm, T[..., None], 1.0)
        p = np.where(warm, np.exp(-x), lowest)
    p = p / p.sum(-1, keepdims=True)
    inside = dagger(V) @ W @ V
    mean = np.real(np.einsum("...i,...ii->...", p, inside))
    inside = inside - mean[..., None, None] * np.eye(E.shape[-1])
    warm = warm[..., None]
    X = inside * np.where(warm, _divided(p, -x), _divided_sharp(p, E))
    X = V @ X @ dagger(V)
    scale = np.where(is_warm, -1.0, 1.0)  # of H/T where it is warm, of H where T = 0

    def value(other: State) -> Any:
        over = np.asarray(other.origin.arguments["T"], dtype=float)
        return scale * expectation(_hamiltonian(other), X) / np.where(is_warm, np.where(over > 0.0, over, np.nan), 1.0)

    return Shadow(value, is_warm | (lowest.sum(-1) == 1))


def _divided(p: Array, g: Array) -> Array:
    """(p_i - p_j)/(g_i - g_j) for p = exp(g)/Z; p where they are equal."""
    difference = g[..., :, None] - g[..., None, :]
    half = difference / 2
    is_near = np.abs(half) <= NEAR
    safe = np.where(is_near, 1.0, difference)
    root = np.sqrt(p[..., :, None] * p[..., None, :])
    far = (p[..., :, None] - p[..., None, :]) / safe
    return np.asarray(np.where(is_near, root * (1.0 + half**2 / 6.0 + half**4 / 120.0), far))


def _divided_sharp(p: Array, E: Array) -> Array:
    difference = E[..., :, None] - E[..., None, :]
    change = p[..., :, None] - p[..., None, :]
    return np.asarray(np.where(change != 0.0, change / np.where(change != 0.0, difference, 1.0), 0.0))


# -- steady states -------------------------------------------------------------------------------


def _of_steady(state: State, W: Array) -> Shadow:
    setting = _setting(state, W.shape[:-2])
    W = np.broadcast_to(W, (*setting.shape, *W.shape[-2:]))
    rho = np.broadcast_to(state.density_matrix, W.shape)
    d, layout = setting.d, setting.layout
    found = np.empty((setting.n_points, d, d), dtype=complex)
    flat = W.reshape(-1, d, d)
    for part in setting.chunks():
        piece = piece_of(setting, part)
        P = generator(piece.frame, piece.channels, layout, setting.cutoff)
        P = np.broadcast_to(P, (len(flat[part]), *P.shape[-3:]))
        w = _packed(piece.frame.rotate(flat[part]), layout)
        found[part] = piece.frame.restore(_unpacked(_adjoint_solve(P, w, layout), layout, d))
    multiplier = found.reshape(W.shape)
    return Shadow(lambda other: _moved(other, rho, multiplier), np.isfinite(multiplier).all((-1, -2)))


def _setting(state: State, batch: tuple[int, ...]) -> Setting:
    master = state.master
    assert master is not None
    return setting_of(state.model, state.surroundings, master, np.broadcast_shapes(batch, state.shape))


def _adjoint_solve(P: Array, w: Array, layout: Layout) -> Array:
    """λ with λ·(dP N) = w·dN for the null vector N of unit trace; shapes (points, classes, s).

    In the class of the populations one row makes room for the trace, as in `liouville.solve_steady`.
    """
    scale = np.abs(P).max(-1, keepdims=True)
    scale = np.where(scale > 0.0, scale, 1.0)
    system = P / scale
    replaced = layout.populations[0]
    system[..., 0, replaced, :] = 0.0
    system[..., 0, replaced, layout.populations] = 1.0
    transposed = np.swapaxes(system, -1, -2)
    try:
        found = -np.linalg.solve(transposed, w[..., None])
        rest = -w[..., None] - transposed @ found
        found = (found + np.linalg.solve(transposed, rest)) / scale
    except np.linalg.LinAlgError:
        found = np.full((*w.shape, 1), np.nan)
    found[..., 0, replaced, :] = 0.0
    return np.asarray(found[..., 0])


def _moved(state: State, rho: Array, multiplier: Array) -> Array:
    """Tr[Λ L(rho)] with the generator of a state's parameters, shape (*shape)."""
    setting = _setting(state, rho.shape[:-2])
    d, layout = setting.d, setting.layout
    start, weight = (np.broadcast_to(a, (*setting.shape, d, d)).reshape(-1, d, d) for a in (rho, multiplier))
    out = np.empty(setting.n_points)
    for part in setting.chunks():
        piece = piece_of(setting, part)
        P = generator(piece.frame, piece.channels, layout, setting.cutoff)
        N, left = (_packed(piece.frame.rotate(a[part]), layout) for a in (start, weight))
        out[part] = np.einsum("...ci,...cij,...cj->...", left, P, N, optimize=True)
    return out.reshape(setting.shape)


def _packed(matrix: Array, layout: Layout) -> Array:
    """Re + Im of a Hermitian matrix in the classes of a layout, shape (..., classes, s): Tr[A B] is a dot product."""
    flat = (np.real(matrix) + np.imag(matrix)).reshape(*matrix.shape[:-2], -1)
    return np.asarray(flat[..., layout.pairs])


def _unpacked(N: Array, layout: Layout, d: int) -> Array:
    packed = np.empty((*N.shape[:-2], d * d))
    packed[..., layout.pairs] = N
    packed = packed.reshape(*N.shape[:-2], d, d)
    turned = np.swapaxes(packed, -1, -2)
    return np.asarray(0.5 * (packed + turned) + 0.5j * (packed - turned))


# -- states made from others ---------------------------------------------------------------------


def _of_mixed(state: State, W: Array) -> Shadow:
    call = state.origin
    p = np.asarray(call.arguments["probability"], dtype=float)
    before: State = call.arguments["state"]
    inner = shadow(before, (1.0 - p)[..., None, None] * W)
    mean, whole = expectation(W, before.density_matrix), np.real(trace(W)) / W.shape[-1]

    def value(other: State) -> Any:
        call = other.origin
        p = np.asarray(call.arguments["probability"], dtype=float)
        return inner.of(call.arguments["state"]) + (1.0 - p) * mean + p * whole

    return Shadow(value, inner.is_smooth, inner.is_solved)


def _of_evolved(state: State, W: Array) -> Shadow:
    call = state.origin
    before: State = call.arguments["state"]
    rho, U = before.density_matrix, _propagator(state)
    inner = shadow(before, dagger(U) @ W @ U)

    def value(other: State) -> Any:
        U = _propagator(other)
        return inner.of(other.origin.arguments["state"]) + expectation(W, U @ rho @ dagger(U))

    return Shadow(value, inner.is_smooth, inner.is_solved)


def _propagator(state: State) -> Array:
    return expm_hermitian(_hamiltonian(state), state.origin.arguments["t"])
