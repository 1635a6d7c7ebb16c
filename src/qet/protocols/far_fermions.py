"""Precise torques far from Alice where the state is the ground state of free fermions, however it was found.

`far` asks for them where correlators in double precision do not resolve a gain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qet.foundations.errors import NotConverged
from qet.protocols.far import ASKED, Far, torque_operators
from qet.solvers.fermions.precise import is_affordable, precise_means
from qet.solvers.states import State

if TYPE_CHECKING:
    from qet.foundations.paulis import PauliString

Array = np.ndarray


def refined_torques(far: Far, strings: list[PauliString], is_poor: Array) -> tuple[Array, Array] | None:
    """The torque of each of Alice's strings, in the points of the state that need it.

    Args:
        far: The route.
        strings: Alice's.
        is_poor: Where the run's gains are not resolved, shape (*run.shape).

    Returns:
        Torques (*state.shape, strings, 3) and the error of their components (*state.shape, strings), nan where nothing
        is known; None where the state is no ground state of free fermions, or it would take long.
    """
    state = far.run.state
    points = _points(is_poor, state.shape)
    if not _is_ground(state) or not is_affordable(state.model, len(points)):
        return None
    torques = np.full((*state.shape, len(strings), 3), np.nan)
    errors = np.full((*state.shape, len(strings)), np.nan)
    for place, string in enumerate(strings):
        operators = torque_operators(far.matrices, string)
        for point in points:
            try:
                means, error = precise_means(state.model, point, operators, ASKED)
            except NotConverged:
                continue
            torques[(*point, place)], errors[(*point, place)] = means, error
    return torques, errors


def _is_ground(state: State) -> bool:
    """Whether it is a ground state, perhaps with other parties than it was made with; `far` has compared the models."""
    return state.origin.word == "ground"


def _points(is_poor: Array, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The points of a state of this shape whose runs are poor, one at least."""
    skip = is_poor.ndim - len(shape)
    found = set()
    for index in np.argwhere(is_poor):
        found.add(tuple(0 if size == 1 else int(i) for i, size in zip(index[skip:], shape, strict=True)))
    return sorted(found)
