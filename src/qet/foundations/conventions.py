"""The conventions every file shares: units, basis, signs, tolerances.

ħ = k_B = 1 and entropies are in nats. Site 0 is the leftmost tensor factor and
Z|0> = +|0>, so |0> is the excited level of +Z and σ⁻ = |1><0| lowers it. Injected
energy is positive when the lab pays, extracted energy when the lab is paid.
"""

from __future__ import annotations

import numpy as np

_UNITS = "ħ = k_B = 1, nats, site 0 leftmost, Z|0> = +|0>; "
_SIGNS = "injected > 0: lab pays at A; extracted > 0: lab is paid at B, counted with the full H"
STAMP = _UNITS + _SIGNS
OSCILLATOR_STAMP = "ħ = k_B = 1, nats, unit masses, [x, p] = i, site 0 leftmost; " + _SIGNS
TARGET_STAMP = _UNITS + "injected > 0: the target rises at A; extracted > 0: it drops at B; the ledger is in energy"

IDENTITY = np.eye(2)
PAULI_X = np.array([[0.0, 1.0], [1.0, 0.0]])
PAULI_Y = np.array([[0.0, -1.0j], [1.0j, 0.0]])
PAULI_Z = np.array([[1.0, 0.0], [0.0, -1.0]])
PAULIS = np.array([IDENTITY, PAULI_X, PAULI_Y, PAULI_Z])  # (4, 2, 2), order I X Y Z
LOWER = np.array([[0.0, 0.0], [1.0, 0.0]])  # σ⁻ = |1><0|

HERMITIAN_TOLERANCE = 1e-10  # relative to the largest entry
COMPLETENESS_TOLERANCE = 1e-10  # of Σ M†M = 1
DEGENERACY_TOLERANCE = 1e-10  # of a level spacing, relative to ‖H‖
FREQUENCY_TOLERANCE = 1e-9  # of two Bohr frequencies taken as equal, relative to ‖H‖
POSITIVITY_TOLERANCE = 1e-9  # of the smallest eigenvalue of a density matrix
UNIQUENESS_TOLERANCE = 1e-10  # of a second null direction, relative to ‖L‖
ROUNDING = 4 * float(np.finfo(float).eps)  # of an energy in double precision, relative to ‖H‖
