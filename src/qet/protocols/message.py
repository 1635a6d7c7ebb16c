"""The classical message from Alice to Bob: perfect, noisy, or any stochastic matrix.

P[m, k] is the probability that Bob receives symbol m when Alice's outcome was k.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.conventions import COMPLETENESS_TOLERANCE
from qet.foundations.errors import BadParameter, ShapeMismatch

Array = np.ndarray


def is_matrix(message_error: Any, n_outcomes: int) -> bool:
    """Whether a message error is given as a column-stochastic matrix and not as a probability.

    An array with two or more axes whose columns (second last axis) all sum to one and whose
    last axis is the number of outcomes is a matrix; anything else is a batch of probabilities.
    """
    array = np.asarray(message_error)
    if array.ndim < 2 or array.shape[-1] != n_outcomes:
        return False
    return bool(np.all(np.abs(array.sum(-2) - 1.0) <= COMPLETENESS_TOLERANCE))


def checked(message_error: Any, n_outcomes: int) -> Any:
    """A message error as a number or an array: probabilities, or a column-stochastic matrix.

    Raises:
        BadParameter: if an entry is outside [0, 1], or there is no wrong outcome to receive.
        ShapeMismatch: for a list of lists whose columns do not sum to one.
    """
    value = real("message_error", message_error, minimum=0.0, maximum=1.0)
    if np.ndim(value) >= 2 and isinstance(message_error, (list, tuple)) and not is_matrix(value, n_outcomes):
        raise ShapeMismatch(
            f"message_error looks like a matrix P(received|sent), but its columns do not sum to one over "
            f"{n_outcomes} sent outcomes: shape {np.shape(value)}. Probabilities on several axes go in as an array."
        )
    if n_outcomes < 2 and np.any(value) and not is_matrix(value, n_outcomes):
        raise BadParameter("a measurement with one outcome has no wrong outcome to receive; leave message_error=0.")
    return value


def stochastic(message_error: Any, n_outcomes: int) -> Array | None:
    """P(received|sent), shape (..., M, K); None for a perfect message.

    Args:
        message_error: Probability q of a uniformly random wrong outcome, or the matrix itself; from `checked`.
        n_outcomes: K, the number of Alice's outcomes.
    """
    if is_matrix(message_error, n_outcomes):
        return np.asarray(message_error)
    if not np.any(message_error):
        return None
    q = np.asarray(message_error)[..., None, None]
    identity = np.eye(n_outcomes)
    return (1 - q) * identity + q / (n_outcomes - 1) * (1 - identity)


def message_shape(message_error: Any, n_outcomes: int) -> tuple[int, ...]:
    """Batch shape of a message error."""
    shape = np.shape(message_error)
    return shape[:-2] if is_matrix(message_error, n_outcomes) else shape
