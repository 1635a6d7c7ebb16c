"""Closed forms for two qubits, any Hamiltonian and any state, and a projective Alice.

After Alice has found her qubit along ±n, Bob's qubit sees a classical field: with the
Pauli coefficients c of H and the means m of the state

    h_b = c_0b ± Σ_a n_a c_ab,    r_b = (m_0b ± Σ_a n_a m_ab)/2,

so T = h r^T has rank one and his best gain is |h||r| + h·r, the ergotropy of his
conditional qubit. Without the message T is the sum of the two, of rank two, and

    local = Tr T + sqrt(‖T‖² + 2 |h₊×h₋||r₊×r₋|).

Cancellations are removed: where h·r < 0 the gain is |h×r|²/(|h||r| - h·r). Derived here
from the rank of T in `best`; everything is arithmetic on arrays, so a million points are
as cheap as their flops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.paulis import PauliString, collect
from qet.foundations.zeros import is_zero, times, total
from qet.physics.model import Model
from qet.solvers.questions import expect_of
from qet.solvers.states import Expectations, State

Array = np.ndarray
Vector = Sequence[Any]  # three numbers or arrays
Table = Callable[[str, str], Any]  # letter on Alice's qubit, letter on Bob's -> coefficient or mean
Coefficients = Mapping[PauliString, Any]
AXES = "XYZ"


def offers(state: State) -> bool:
    """Whether the closed forms hold: two qubits, one each."""
    return state.model.n_sites == 2


def two_qubit_injected(state: State, n: Vector) -> Any:
    """Σ_ab c_ab (n_a Σ_a' n_a' m_a'b - m_ab), b including the identity: what a projection along n pays.

    Args:
        state: Of two qubits, any payload.
        n: Alice's direction, a unit vector as three numbers or arrays that broadcast with the state.

    Returns:
        Energy, of the broadcast shape.
    """
    return _alices_change(state, n, state.model.H.coefficients)


def two_qubit_leak(state: State, n: Vector) -> Any:
    """The same for the named terms that meet Bob, each with all its strings, also those on Alice's qubit alone.

    Arguments as in `two_qubit_injected`.
    """
    terms = state.model.meeting(state.model.B)
    return _alices_change(state, n, collect([pair for term in terms for pair in term.operator.terms]).coefficients)


def two_qubit_extracted(state: State, n: Vector) -> Any:
    """Bob's best gain, knowing the outcome: Σ_± (|h||r| + h·r) >= 0. Arguments as in `two_qubit_injected`."""

    def gain(c: Table, m: Table, axis: Vector) -> Any:
        (h1, r1), (h2, r2) = _conditional(c, m, axis)
        return _rank_one_gain(h1, r1) + _rank_one_gain(h2, r2)

    return _over_chunks(gain, state, n, _meeting(state.model.H.coefficients, state.model.B))


def two_qubit_local(state: State, n: Vector) -> Any:
    """Bob's best gain without the message, on the state Alice leaves; see the module. Arguments as above."""

    def gain(c: Table, m: Table, axis: Vector) -> Any:
        (h1, r1), (h2, r2) = _conditional(c, m, axis)
        trace = _dot(h1, r1) + _dot(h2, r2)
        cross = _dot(h1, h2) * _dot(r1, r2)
        square = _dot(h1, h1) * _dot(r1, r1) + _dot(h2, h2) * _dot(r2, r2) + 2 * cross
        areas = _norm(_cross(h1, h2)) * _norm(_cross(r1, r2))
        length = np.sqrt(np.maximum(square + 2 * areas, 0.0))
        # where Tr T < 0: (s1 + s2)² - (Tr T)² is the torque's square plus 2 (s1 s2 - second invariant)
        torque = [_cross(h1, r1)[i] + _cross(h2, r2)[i] for i in range(3)]
        invariant = _dot(h1, r1) * _dot(h2, r2) - _dot(h1, r2) * _dot(h2, r1)
        excess = _dot(torque, torque) + 2 * (areas - invariant)
        return _without_cancellation(trace, length, excess)

    return _over_chunks(gain, state, n, _meeting(state.model.H.coefficients, state.model.B))


def _alices_change(state: State, n: Vector, coefficients: Coefficients) -> Any:
    def change(c: Table, m: Table, axis: Vector) -> Any:
        paid: Any = 0.0
        for b in "IXYZ":
            along = total(times(axis[i], m(AXES[i], b)) for i in range(3))
            for i, a in enumerate(AXES):
                coefficient = c(a, b)
                if is_zero(coefficient) or (not np.ndim(axis[i]) and axis[i] * axis[i] == 1.0):
                    continue
                paid = paid + coefficient * (times(axis[i], along) - m(a, b))
        return paid

    return _over_chunks(change, state, n, _meeting(coefficients, state.model.A))


def _meeting(coefficients: Coefficients, party: Sequence[int]) -> Coefficients:
    """The strings that act on a party: the others do not enter."""
    return {s: c for s, c in coefficients.items() if any(site in party for site, _ in s)}


def _over_chunks(
    function: Callable[[Table, Table, Vector], Any], state: State, n: Vector, coefficients: Coefficients
) -> Any:
    """Run a function of coefficient and mean tables over the batch, piece by piece."""
    c_names = list(coefficients)
    axis = [
        component.item() if isinstance(component, np.ndarray) and component.ndim == 0 else component for component in n
    ]
    means = _means(state)
    m_names = list(means)

    def piece(*values: Any) -> tuple[Any]:
        c_values = dict(zip(c_names, values[: len(c_names)], strict=True))
        m_values = dict(zip(m_names, values[len(c_names) : len(c_names) + len(m_names)], strict=True))
        return (
            function(
                lambda a, b: c_values.get(_string(state.model, a, b), 0.0),
                lambda a, b: m_values.get(_string(state.model, a, b), 0.0),
                values[len(c_names) + len(m_names) :],
            ),
        )

    return in_chunks(piece, *(coefficients[s] for s in c_names), *means.values(), *axis, is_elementwise=True)[0]


def _string(model: Model, a: str, b: str) -> PauliString:
    """The string with letter a on Alice's qubit and b on Bob's."""
    return tuple(sorted((site, letter) for site, letter in ((model.A[0], a), (model.B[0], b)) if letter != "I"))


def _means(state: State) -> dict[PauliString, Any]:
    """The means of all strings that may differ from zero, the identity left out."""
    if isinstance(state.payload, Expectations):
        return dict(state.payload.values)
    strings = {_string(state.model, a, b) for a in "IXYZ" for b in "IXYZ"} - {()}
    return {s: expect_of(state.payload, collect([(s, 1.0)])) for s in sorted(strings)}


def _conditional(c: Table, m: Table, n: Vector) -> list[tuple[list[Any], list[Any]]]:
    """(h, r) for the outcomes +n and -n."""
    fixed_h, fixed_r = [c("I", b) for b in AXES], [m("I", b) for b in AXES]
    moved_h = [total(times(n[i], c(a, b)) for i, a in enumerate(AXES)) for b in AXES]
    moved_r = [total(times(n[i], m(a, b)) for i, a in enumerate(AXES)) for b in AXES]
    return [
        (
            [f + sign * g for f, g in zip(fixed_h, moved_h, strict=True)],
            [0.5 * (f + sign * g) for f, g in zip(fixed_r, moved_r, strict=True)],
        )
        for sign in (1.0, -1.0)
    ]


def _rank_one_gain(h: Vector, r: Vector) -> Any:
    along = _dot(h, r)
    length = np.sqrt(_dot(h, h) * _dot(r, r))
    torque = _cross(h, r)
    return _without_cancellation(along, length, _dot(torque, torque))


def _without_cancellation(along: Any, length: Any, excess: Any) -> Any:
    """along + length, where length² - along² = excess >= 0 is known without cancellation."""
    opposed = length - along
    safe = np.where(opposed > 0.0, opposed, 1.0)
    return np.where(along < 0.0, np.maximum(excess, 0.0) / safe, length + along)


def _dot(u: Vector, v: Vector) -> Any:
    return total(times(a, b) for a, b in zip(u, v, strict=True))


def _norm(u: Vector) -> Any:
    return np.sqrt(_dot(u, u))


def _cross(u: Vector, v: Vector) -> list[Any]:
    return [times(u[i - 2], v[i - 1]) - times(u[i - 1], v[i - 2]) for i in range(3)]
