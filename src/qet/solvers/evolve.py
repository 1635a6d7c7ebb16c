"""Time evolution: under H alone, or with the reservoirs on.

Closed: rho(t) = U rho U†, U = exp(-iHt), from the eigenbasis of H. Open: rho(t) = exp(L t) rho with
the dense generator of the chosen master equation, packed as real matrices in its symmetry classes
(see `liouville`), exponentiated by scaling and squaring. Both are exact to rounding for any t; nothing is
stepped. From 6 qubits on the open one goes in adaptive Krylov steps (see `krylov`), to a tolerance that enters the
state's error. The maps are linear, so they also carry unnormalized branches.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.conventions import POSITIVITY_TOLERANCE, ROUNDING
from qet.foundations.errors import NotOffered, NotPositive, refuse_where
from qet.foundations.linalg import dagger, expm_hermitian
from qet.foundations.values import Call, call_of
from qet.physics.model import Model
from qet.solvers.deferred import is_deferred, put_off
from qet.solvers.domain import outside_of, warn_outside
from qet.solvers.krylov import TOLERANCE, propagate_large
from qet.solvers.liouville import generator
from qet.solvers.masters import Master, label_of
from qet.solvers.questions import drift_of, evolved_of
from qet.solvers.refusals import refuse_divergence, refuse_same_operator
from qet.solvers.setting import Setting, piece_of, reasons, setting_of
from qet.solvers.states import Dense, Expectations, State, energy_scale
from qet.solvers.stationary import check_size
from qet.solvers.steady import (
    Surroundings,
    as_surroundings,
    checked_allow,
    chosen_master,
)

if TYPE_CHECKING:
    from qet.solvers.oscillators import OscillatorState

Array = np.ndarray
LARGEST = 32  # levels of a dense propagator, which has d² x d² entries


@overload
def evolve(
    state: State, t: Any, *, surroundings: Any = None, master: Master | None = None, allow: Any = ()
) -> State: ...


@overload
def evolve(state: OscillatorState, t: Any) -> OscillatorState: ...


def evolve(
    state: State | OscillatorState, t: Any, *, surroundings: Any = None, master: Master | None = None, allow: Any = ()
) -> State | OscillatorState:
    """The state after a time t.

    Args:
        state: Where it starts.
        t: Time >= 0, in units of 1/energy; number or array, broadcasts with the state and the surroundings.
        surroundings: None: H alone. Else the baths and jumps that act; `state.surroundings` keeps a steady state's own.
        master: As in `steady`; by default the state's own for its own surroundings, else "redfield" with baths and
            "gksl" with jumps alone.
        allow: ("NotPositive",) lets a state pass that a Redfield equation makes negative on its way.

    Returns:
        The state at t, a density matrix.

    Raises:
        NotPositive: where the smallest eigenvalue falls below -1e-9; `.best` is the density matrix.
        DivergentOccupation, NotOffered, TooLarge, BadParameter, ShapeMismatch: see the messages.

    Example:
        >>> import qet
        >>> model = qet.minimal(h=1.0, k=0.5)
        >>> baths = [qet.bath(site, T=0.4, rate=0.1) for site in (0, 1)]
        >>> late = qet.evolve(qet.gibbs(model, T=5.0), 300.0, surroundings=baths)
        >>> abs(qet.expect(late, "Z0") - qet.expect(qet.gibbs(model, T=0.4), "Z0")) < 1e-9
        np.True_
    """
    if not isinstance(state, State):
        from qet.solvers.oscillators import checked_state, evolved_state

        return evolved_state(checked_state("evolve", state, surroundings), t)
    t = real("t", t, minimum=0.0)
    allowed = checked_allow(allow)
    things = () if surroundings is None else as_surroundings(surroundings)
    chosen = None if surroundings is None else master_for(state, things, master)
    if chosen is not None:
        check_size(2**state.model.n_sites)
    refuse_same_operator(things, allowed, state)
    shapes = {f"surrounding {i}": thing.shape for i, thing in enumerate(things)}
    shape = broadcast(state=state.shape, t=np.shape(t), **shapes)
    required = {"state": state, "t": t}
    options = {
        "surroundings": (None if surroundings is None else list(things), None),
        "master": (master, None),
        "allow": (allowed, ()),
    }
    made_by = call_of("evolve", required, options)
    if is_deferred():
        found = partial(evolve, state, t, surroundings=surroundings, master=master, allow=allow)
        return put_off(state.model, shape, made_by, found, things, chosen)
    if chosen is None and not isinstance(state.payload, (Dense, Expectations)):
        return _carried(state, t, made_by)
    rho = np.broadcast_to(state.density_matrix, (*shape, *state.density_matrix.shape[-2:]))
    rho = evolved(state.model, rho[..., None, :, :], t, things, chosen)[..., 0, :, :]
    if chosen is not None and "OutsideDomain" not in allowed and things != state.surroundings:
        setting = setting_of(state.model, things, chosen)
        warn_outside("evolve", chosen, outside_of(reasons(setting)))
    if chosen is not None:
        refuse_negative(rho, "evolve", chosen, allowed)
    d = 2**state.model.n_sites
    is_stepped = chosen is not None and d > LARGEST
    error = state.solver_error + (TOLERANCE * is_stepped + ROUNDING * d) * energy_scale(state.model)
    solver = "krylov" if is_stepped else "propagator"
    return State(state.model, Dense(rho), solver, made_by, error, things, chosen, None)


def _carried(state: State, t: Any, made_by: Call) -> State:
    """A long state after a time under H alone, in the representation that holds it."""
    moved = evolved_of(state.payload, state.model, t)
    added = drift_of(moved, state.model) - drift_of(state.payload, state.model)
    error = state.solver_error + added
    return State(state.model, moved, state.solver, made_by, error)


def refuse_negative(matrices: Array, what: str, master: Master, allowed: Collection[str]) -> None:
    """Raise NotPositive where a matrix that should be a density matrix, or a part of one, has a negative eigenvalue."""
    if "NotPositive" in allowed:
        return
    smallest = np.linalg.eigvalsh(matrices)[..., 0]
    if what == "teleport":  # the least of the outcomes
        smallest = smallest.min(axis=-1)
    refuse_where(
        smallest < -POSITIVITY_TOLERANCE,
        NotPositive,
        lambda i: (
            f"{what}: the {label_of(master)} equation gives the eigenvalue {smallest[i]:.3g}, which no density matrix "
            'has. Lower the rate, take master="universal" or "secular", or go on with allow=("NotPositive",)'
        ),
        best=matrices,
    )


def master_for(state: State, things: Surroundings, master: Master | None) -> Master:
    """The master equation that moves a state among some surroundings.

    Raises:
        NotOffered: for "leads" and "heom", which have no time evolution here.
    """
    own = state.master if master is None and things == state.surroundings else master
    chosen = chosen_master(own, things)
    if chosen in ("leads", "heom"):
        raise NotOffered(
            f"evolution under the exact equations is not offered: master={chosen!r} is for steady states. "
            'Take "redfield", "universal" or "local".'
        )
    return chosen


def evolved(model: Model, matrices: Array, t: Any, things: Surroundings, master: Master | None) -> Array:
    """Hermitian matrices after a time, shape (*shape, K, d, d) in and out; master None: H alone."""
    if master is None:
        U = expm_hermitian(model.dynamics.matrix(model.sites), t)[..., None, :, :]
        return np.asarray(U @ matrices @ dagger(U))
    setting = setting_of(model, things, master, np.broadcast_shapes(matrices.shape[:-3], np.shape(t)))
    moved, diverges = propagate(setting, matrices, np.asarray(t)[..., None])
    refuse_divergence(things, master, diverges)
    return moved[..., 0, :, :, :]


def propagate(setting: Setting, matrices: Array, times: Array) -> tuple[Array, dict[int, Array]]:
    """exp(L t) on Hermitian matrices at several times.

    Args:
        setting: The problem, of shape (*shape).
        matrices: Shape (..., K, d, d), leading axes broadcast with the shape.
        times: Shape (..., m), leading axes broadcast with the shape.

    Returns:
        The matrices, shape (*shape, m, K, d, d), and per surrounding the frequency at which it has no finite rate.
    """
    if setting.d > LARGEST:
        return propagate_large(setting, matrices, times)
    from scipy.linalg import expm

    n, d, K, m = setting.n_points, setting.d, matrices.shape[-3], times.shape[-1]
    start = np.broadcast_to(matrices, (*setting.shape, K, d, d)).reshape(n, K, d, d)
    when = np.broadcast_to(times, (*setting.shape, m)).reshape(n, m)
    pairs = setting.layout.pairs  # (classes, s)
    out = np.empty((n, m, K, d, d), dtype=complex)
    diverges = {column: np.full(n, np.nan) for column in range(len(setting.surroundings))}
    for part in setting.chunks():
        piece = piece_of(setting, part)
        for column, frequency in piece.diverges.items():
            diverges[column][part] = frequency
        size = len(start[part])
        P = generator(piece.frame, piece.channels, setting.layout, setting.cutoff)
        P = np.broadcast_to(P, (size, *P.shape[-3:]))
        V = np.broadcast_to(piece.frame.V, (size, d, d))[:, None]
        inside = dagger(V) @ start[part] @ V
        packed = (np.real(inside) + np.imag(inside)).reshape(size, K, d * d)[..., pairs]  # (size, K, classes, s)
        propagators = expm(P[:, None] * when[part][:, :, None, None, None])  # (size, m, classes, s, s)
        N = np.empty((size, m, K, d * d))
        N[..., pairs] = np.einsum("ntcij,nkcj->ntkci", propagators, packed)
        N = N.reshape(size, m, K, d, d)
        turned = np.swapaxes(N, -1, -2)
        out[part] = V[:, None] @ ((N + turned) / 2 + 1j * (N - turned) / 2) @ dagger(V[:, None])
    shaped = {column: np.asarray(setting.shaped(frequency)) for column, frequency in diverges.items()}
    return out.reshape(*setting.shape, m, K, d, d), shaped
