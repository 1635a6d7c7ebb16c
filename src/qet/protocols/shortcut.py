"""When a run may take the closed forms of the minimal pair instead of dense matrices.

They hold for two qubits with H = a Z + b Z + c X X (and constants), a state given by its
parity-even means, Alice measuring along X, no delay, and Bob choosing the best unitary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np



from qet.solvers.states import Expectations

if TYPE_CHECKING:
    from qet.protocols.run import Run


def injected(run: Run) -> Any:
    return None
extracted = local = leak = injected
