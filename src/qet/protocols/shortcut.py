"""When a run may take closed forms over arrays instead of dense matrices on the patch.

Two qubits, no delay, Bob choosing the best unitary about any axis. The minimal pair in a parity-even
state with X measured (`pair`) has any strength and message error; every other Hamiltonian and state
(`two_qubits`) a projective axis and a perfect message. None where Bob lowers another target than H.

Parties that no term of H joins take correlators (`far`), which resolve gains of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.paulis import PauliString
from qet.protocols import pair, two_qubits
from qet.protocols.message import is_matrix
from qet.solvers.pair import offers
from qet.solvers.states import Expectations

if TYPE_CHECKING:
    from qet.protocols.run import Run

EVEN: frozenset[PauliString] = frozenset(
    [((0, "Z"),), ((1, "Z"),), *(((0, a), (1, b)) for a, b in ("XX", "YY", "XY", "YX", "ZZ"))]
)


def injected(run: Run) -> Any:
    """What Alice pays, or None where no closed form applies."""
    if _is_pair(run):
        return pair.pair_injected(*_pair_of(run), run.measurement.strength)
    return two_qubits.two_qubit_injected(run.state, _axis(run)) if _is_projective(run) else None


def extracted(run: Run) -> Any:
    """What Bob's best unitaries take out, or None."""
    if not _is_free(run):
        return None
    if _is_pair(run) and not is_matrix(run.message_error, 2):
        return pair.pair_extracted(*_pair_of(run), run.measurement.strength, run.message_error)
    if _is_projective(run) and run.message is None:
        return two_qubits.two_qubit_extracted(run.state, _axis(run))
    return None if run.far is None else run.far.extracted


def teleported(run: Run) -> Any:
    """What the message adds, where it is found without a difference, or None."""
    return run.far.teleported if _is_free(run) and run.far is not None else None


def extracted_error(run: Run) -> Any:
    """Estimated error of `extracted` where it may be far smaller than that of an energy, or None."""
    return run.far.error if _is_free(run) and run.far is not None else None


def operations(run: Run) -> Any:
    """Bob's best unitaries in Kraus form where they may be too near the identity for matrices, or None."""
    return run.far.operations[..., None, :, :] if _is_free(run) and run.far is not None else None


def local(run: Run) -> Any:
    """The best without the message, or None."""
    if not _searches_unitaries(run):
        return None
    if _is_pair(run):
        return pair.pair_local(*_pair_of(run))
    if _is_projective(run):
        return two_qubits.two_qubit_local(run.state, _axis(run))
    return None if run.far is None else run.far.local


def leak(run: Run) -> Any:
    """What Alice's act moves within Bob's reach, or None."""
    return two_qubits.two_qubit_leak(run.state, _axis(run)) if _is_projective(run) else None


def _is_pair(run: Run) -> bool:
    """The minimal pair, a parity-even state, X measured with any strength."""
    payload = run.state.payload
    return (
        isinstance(payload, Expectations)
        and run.target is None
        and not run.has_delay
        and offers(run.state.model)
        and payload.values.keys() <= EVEN
        and run.measurement.direction is not None
        and np.array_equal(run.measurement.direction, (1.0, 0.0, 0.0))
    )


def _is_projective(run: Run) -> bool:
    is_energy = run.target is None and not run.has_delay
    return is_energy and two_qubits.offers(run.state) and run.measurement.is_projective_axis


def _is_free(run: Run) -> bool:
    """Whether Bob does his best among all unitaries."""
    return run.feedback.policy == "best" and _searches_unitaries(run)


def _searches_unitaries(run: Run) -> bool:
    """Whether `local` is over all unitaries of one qubit: unital maps of a qubit are mixtures of them."""
    feedback = run.feedback
    is_about_axis = feedback.policy != "angles" and feedback.axis is not None
    return feedback.operations in ("unitary", "unital") and not is_about_axis and feedback.among is None


def _pair_of(run: Run) -> tuple[Mapping[PauliString, Any], Mapping[PauliString, Any], int, int]:
    """Means, coefficients, Alice's site and Bob's."""
    payload, model = run.state.payload, run.state.model
    assert isinstance(payload, Expectations)
    return payload.values, model.H.coefficients, model.A[0], model.B[0]


def _axis(run: Run) -> tuple[Any, Any, Any]:
    direction = run.measurement.direction
    assert direction is not None
    return direction[..., 0], direction[..., 1], direction[..., 2]
