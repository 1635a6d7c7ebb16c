"""Bob's operations: from a policy and the states he may face, or as given.

Operations are in Kraus form, shape (..., M, R, d, d), R = 1 for unitaries. Gains are
computed as gains: Tr[(H - Φ†(H)) s], with the difference taken before the trace, or in
the closed form of `best`.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.errors import NotOffered, ShapeMismatch
from qet.foundations.linalg import dagger, expectation
from qet.physics.feedback import Feedback
from qet.protocols import best
from qet.protocols.patch import Patch

Array = np.ndarray


def optimal_gain(patch: Patch, states: Array, feedback: Feedback, *, restricted: bool = True) -> Array:
    """Largest mean energy Bob can take from each unnormalized state, shape (..., M).

    Args:
        patch: Where.
        states: One unnormalized state a symbol, shape (..., M, d, d).
        feedback: Its class of operations (and axis, if `restricted`) is searched.
        restricted: Whether an axis of the feedback restricts the rotations.
    """
    H = patch.H_B[..., None, :, :]
    if feedback.operations == "channel":
        from qet.protocols.channel import best_channel

        return np.asarray(best_channel(states, H, _one_qubit(patch)).gain)
    T = best.correlation(H, states, _one_qubit(patch), patch.n)
    if restricted and feedback.axis is not None and feedback.policy != "angles":
        return best.axis_gain(T, feedback.axis[..., None, :])
    return best.best_gain(T)


def optimal_bound(patch: Patch, states: Array, feedback: Feedback) -> Array:
    """An upper bound on the gain of any operation of the feedback's class, shape (..., M).

    For unitaries the largest eigenvalue of Davenport's matrix (about one axis: its closed form);
    for channels the dual value of the semidefinite program.
    """
    if feedback.operations == "channel":
        from qet.protocols.channel import best_channel

        return np.asarray(best_channel(states, patch.H_B[..., None, :, :], _one_qubit(patch)).bound)
    if feedback.axis is not None and feedback.policy != "angles":
        return optimal_gain(patch, states, feedback)
    T = best.correlation(patch.H_B[..., None, :, :], states, _one_qubit(patch), patch.n)
    return best.gain_bound(T)


def optimal_operations(patch: Patch, states: Array, feedback: Feedback) -> Array:
    """The operations that reach `optimal_gain`, shape (..., M, R, d_B, d_B)."""
    H = patch.H_B[..., None, :, :]
    if feedback.operations == "channel":
        from qet.protocols.channel import best_channel

        return np.asarray(best_channel(states, H, _one_qubit(patch)).kraus)
    T = best.correlation(H, states, _one_qubit(patch), patch.n)
    if feedback.axis is not None:
        return best.axis_rotation(T, feedback.axis[..., None, :])[..., None, :, :]
    return best.best_rotation(T)[..., None, :, :]


def fixed_operations(feedback: Feedback, n_symbols: int, d_B: int) -> Array:
    """The operations of a table or of angles, shape (..., M, R, d_B, d_B); see `check_fixed`."""
    check_fixed(feedback, n_symbols, d_B)
    if feedback.table is not None:
        return feedback.table
    axis, angles = feedback.axis, np.asarray(feedback.angles)
    assert axis is not None
    if feedback.is_signed:
        angles = angles[..., None] * np.array([1.0, -1.0])
    return best.rotation(angles, axis[..., None, :])[..., None, :, :]


def check_fixed(feedback: Feedback, n_symbols: int, d_B: int) -> None:
    """Raise ShapeMismatch if a table or angles do not give one operation a received symbol, of Bob's size."""
    table = feedback.table
    if table is not None and (table.shape[-4] != n_symbols or table.shape[-1] != d_B):
        raise ShapeMismatch(
            f"Bob receives {n_symbols} symbols and holds dimension {d_B}; the feedback has {table.shape[-4]} "
            f"operations of dimension {table.shape[-1]}."
        )
    if feedback.policy != "angles":
        return
    if d_B != 2:
        raise ShapeMismatch("angles rotate one qubit; give Bob's operations as unitaries=[...].")
    if feedback.is_signed and n_symbols != 2:
        raise ShapeMismatch(
            f"angle=... is for two outcomes (U_± = exp(∓iθ σ)); here are {n_symbols}. Use angles=[...]."
        )
    if not feedback.is_signed and np.shape(feedback.angles)[-1] != n_symbols:
        raise ShapeMismatch(f"angles has {np.shape(feedback.angles)[-1]} entries; Bob receives {n_symbols} symbols.")


def work_operators(patch: Patch, operations: Array) -> Array:
    """Bob's work operator for each symbol, W_m = H_[B] - Σ_r K† H_[B] K on the patch, shape (..., M, d, d)."""
    wide = patch.on_B(operations)  # (..., M, R, d, d)
    H = patch.H_B[..., None, :, :]
    after = (dagger(wide) @ H[..., None, :, :] @ wide).sum(-3)
    return H - after


def gain_of(patch: Patch, operations: Array, states: Array) -> Array:
    """Energy taken from each state by its operation, Tr[W_m s_m], shape (..., M)."""
    return expectation(work_operators(patch, operations), states)


def apply(patch: Patch, operations: Array, states: Array) -> Array:
    """Σ_r K s K† for each symbol, shape (..., M, d, d)."""
    wide = patch.on_B(operations)
    return (wide @ states[..., None, :, :] @ dagger(wide)).sum(-3)


def _one_qubit(patch: Patch) -> int:
    if len(patch.B) != 1:
        raise NotOffered(
            f"Bob's optimum is offered for one qubit; he holds {len(patch.B)}. "
            "Give his operations as unitaries=[...] or kraus=[...]."
        )
    return patch.B[0]
