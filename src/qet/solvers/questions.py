"""The questions every representation of a state answers, dispatched on its payload.

A new representation is one file: its payload class, and its answers registered here.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum

Array = np.ndarray


@singledispatch
def shape_of(payload: Any) -> tuple[int, ...]:
    """Batch shape of a payload."""
    raise _not_offered(payload, "a batch shape")


@singledispatch
def marginal_of(payload: Any, sites: tuple[int, ...]) -> Array:
    """Reduced density matrix on the sites, in that order, shape (*shape, d, d)."""
    raise _not_offered(payload, "a marginal")


@singledispatch
def expect_of(payload: Any, operator: PauliSum) -> Any:
    """Mean of a Pauli sum, shape (*shape); real for a Hermitian one."""
    raise _not_offered(payload, "an expectation value")


def _not_offered(payload: Any, what: str) -> NotOffered:
    return NotOffered(f"{type(payload).__name__} does not offer {what}.")
