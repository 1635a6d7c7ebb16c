"""What happens to a state in a protocol: Alice's act, a wait, and Bob's act where there is one.

A representation that answers `branches_of` and `means_after` for a history can take part in a protocol with a
delay, whatever its size: nothing on all sites is ever written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.physics.model import Model

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class History:
    """A protocol as a representation of states sees it.

    Attributes:
        model: Its H moves the state during the delay and afterwards; A and B are its parties.
        kraus: Alice's Kraus operators on A, shape (..., K, d_A, d_A); one identity where she does not measure.
        delay: Time between Alice's act and Bob's, shape (...).
        operations: Bob's Kraus operators on B for each of Alice's outcomes, shape (..., K, R, d_B, d_B), the errors of
            the message among them; None: he does not act.
    """

    model: Model
    kraus: Array
    delay: Any
    operations: Array | None = None
