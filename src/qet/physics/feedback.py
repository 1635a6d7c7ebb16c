"""What Bob does with the message: a policy that finds his operations, or the operations themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.foundations.values import Call, Value, call_of
from qet.physics.measurement import as_stack, checked_kraus, unit_vector

Array = np.ndarray
POLICIES = ("best", "ground", "dominant")
OPERATIONS = ("unitary", "unital", "channel")


@dataclass(frozen=True, eq=False, repr=False)
class Feedback(Value):
    """Bob's rule; made by `feedback`.

    Attributes:
        policy: "best", "ground", "dominant", "angles" or "table".
        operations: The class searched by a policy: "unitary", "unital" or "channel".
        axis: Unit vector (..., 3) when rotations are about one axis, else None.
        angles: For "angles": one angle a received symbol on the last axis, U = exp(-i θ_k n·σ);
            or, when `is_signed`, one angle θ with U = exp(-i μ θ n·σ), μ = +1, -1.
        is_signed: See `angles`.
        table: For "table": Kraus operators, shape (..., K, R, d, d); R = 1 for unitaries.
    """

    policy: str
    operations: str
    axis: Array | None
    angles: Any
    is_signed: bool
    table: Array | None
    made_by: Call
    _identity = ("policy", "operations", "axis", "angles", "is_signed", "table")

    @property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of angles, axes and tables."""
        parts: list[tuple[int, ...]] = []
        if self.axis is not None:
            parts.append(self.axis.shape[:-1])
        if self.policy == "angles":
            parts.append(np.shape(self.angles) if self.is_signed else np.shape(self.angles)[:-1])
        if self.table is not None:
            parts.append(self.table.shape[:-4])
        return broadcast(**{f"part {i}": part for i, part in enumerate(parts)})


def feedback(
    policy: str | None = None,
    *,
    operations: str = "unitary",
    axis: Any = None,
    angle: Any = None,
    angles: Any = None,
    unitaries: Any = None,
    kraus: Any = None,
) -> Feedback:
    """Bob's rule: which operation for which received symbol.

    Args:
        policy: "best" (the optimum for this state), "ground" or "dominant" (what would be best
            for the ground state, or for the most populated eigenstate).
        operations: What a policy may choose from: "unitary", "unital", "channel".
        axis: Restrict rotations to one axis, "X", "Y", "Z" or a vector. For angles the default is "Y".
        angle: U_k = exp(-i μ_k angle n·σ), μ = +1, -1 for symbols 0, 1.
        angles: One angle a symbol (last axis): U_k = exp(-i angles_k n·σ).
        unitaries: One unitary a symbol, shape (..., K, d, d).
        kraus: One list of Kraus operators a symbol.

    Raises:
        UnknownName, BadParameter, NotComplete, ShapeMismatch: see the messages.
    """
    given = {"policy": policy, "angle": angle, "angles": angles, "unitaries": unitaries, "kraus": kraus}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise BadParameter(f"feedback takes exactly one of {', '.join(given)}; got {', '.join(chosen) or 'none'}.")
    how = chosen[0]
    _check_class(how, operations, axis)
    direction = None if axis is None else unit_vector("Bob's axis", axis)
    spelled_axis = {} if axis is None else {"axis": axis if isinstance(axis, str) else direction}
    if how == "policy":
        if policy not in POLICIES:
            raise unknown("feedback policy", policy, POLICIES)
        call = call_of("feedback", {"policy": policy, **spelled_axis}, {"operations": (operations, "unitary")})
        return Feedback(str(policy), operations, direction, None, False, None, call)
    if how in ("angle", "angles"):
        value = real(how, given[how])
        if how == "angles" and np.ndim(value) == 0:
            raise ShapeMismatch("angles takes one angle a symbol, as a list; one signed angle is angle=....")
        about = unit_vector("Bob's axis", "Y") if direction is None else direction
        call = Call("feedback", {how: value, **spelled_axis})
        return Feedback("angles", "unitary", about, value, how == "angle", None, call)
    table = _table(how, given[how])
    kind = "unitary" if how == "unitaries" else "channel"
    spelled = (
        table[..., 0, :, :]
        if how == "unitaries"
        else [list(as_stack("Bob's operation", list(operation))) for operation in given[how]]
    )
    return Feedback("table", kind, None, None, False, table, Call("feedback", {how: spelled}))


def _check_class(how: str, operations: str, axis: Any) -> None:
    """Refuse a class of operations or an axis where it means nothing."""
    if operations not in OPERATIONS:
        raise unknown("class of operations", operations, OPERATIONS)
    if how != "policy" and operations != "unitary":
        raise BadParameter(f"operations={operations!r} goes with a policy, not with {how}.")
    if axis is not None and how in ("unitaries", "kraus"):
        raise BadParameter(f"axis goes with a policy or with angles, not with {how}.")
    if axis is not None and operations != "unitary":
        raise BadParameter("axis restricts unitaries; it does not go with operations='unital' or 'channel'.")


def _table(how: str, value: Any) -> Array:
    """One operation a symbol as Kraus operators (..., K, R, d, d), padded with zeros to a common R."""
    if how == "unitaries":
        entries = as_stack("unitaries", value)
        if entries.ndim < 3 or entries.shape[-1] != entries.shape[-2]:
            raise ShapeMismatch(f"unitaries need shape (..., K, d, d); got {entries.shape}.")
        return checked_kraus("Bob's unitary", entries[..., None, :, :])
    if not isinstance(value, (list, tuple, np.ndarray)) or not all(hasattr(o, "__iter__") for o in value):
        raise ShapeMismatch("kraus takes one list of operators for each symbol, such as [[K0, K1], [U]].")
    checked = [checked_kraus(f"Bob's operation {k}", list(operation)) for k, operation in enumerate(value)]
    if not checked:
        raise ShapeMismatch("kraus takes one list of operators for each symbol; got none.")
    if len({operators.shape[-1] for operators in checked}) != 1 or any(operators.ndim != 3 for operators in checked):
        raise ShapeMismatch("Bob's Kraus operators must all be d x d with one d.")
    most = max(len(operators) for operators in checked)
    d = checked[0].shape[-1]
    padded = np.zeros((len(checked), most, d, d), dtype=complex)
    for k, operators in enumerate(checked):
        padded[k, : len(operators)] = operators
    return padded
