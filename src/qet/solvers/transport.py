"""Magnetization and currents along a chain: what flows from site to site, and where energy goes.

With H = Σ_j h_{j,j+1} + Σ_j h_j on nearest neighbors, in Pauli matrices:

- *Spin.* dZ_j/dt = i[H, Z_j] = J_{j-1} - J_j, J_j = -i[h_{j,j+1}, Z_j] being what crosses the bond (j, j+1) to the
  right; for XXZ it is 2J (X_j Y_{j+1} - Y_j X_{j+1}). Both ends of a bond agree only where it conserves Z_j + Z_{j+1}.
- *Energy.* Each bond takes half of the fields at its sites, a whole one at an end: H = Σ_j e_j. Energy that crosses
  site j from bond (j-1, j) to bond (j, j+1) is E_j = i[e_{j-1}, e_j], since de_j/dt = i[H, e_j] = E_j - E_{j+1}.

In a steady state a current is the same along every stretch that no jump touches. Currents are positive to the right.

Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered
from qet.foundations.paulis import PauliSum, collect, pauli
from qet.physics.model import Model
from qet.solvers.questions import error_of_means
from qet.solvers.states import State, expect

Array = np.ndarray
_KEPT = 1e-12  # of a bond's commutator with Z_j + Z_{j+1}, relative to the bond


class TransportError(NamedTuple):
    """Stated errors along the whole chain, each of shape (...); NaN for a spin current that is not there."""

    magnetization: Any
    spin_current: Any
    energy_current: Any


@dataclass(frozen=True, eq=False)
class Transport:
    """Profiles along a chain, the last axis running along it.

    Attributes:
        magnetization: <Z_j>, shape (..., N).
        energy_current: Through the sites 1 .. N-2, shape (..., N - 2), in units of energy per time.
        found_spin_current: What `spin_current` gives, or why it cannot.
        error: Stated errors, for states that state them (solver="mps"); None where they are exact.
    """

    magnetization: Array
    energy_current: Array
    found_spin_current: Array | str
    error: TransportError | None = None

    @property
    def spin_current(self) -> Array:
        """Z carried over the bonds (j, j+1) per unit time, shape (..., N - 1).

        Raises:
            NotOffered: where a bond does not conserve Z_j + Z_{j+1}: then no current accounts for what changes Z.
        """
        if isinstance(self.found_spin_current, str):
            raise NotOffered(self.found_spin_current)
        return self.found_spin_current

    def __repr__(self) -> str:
        lines = [f"magnetization {_spelled(self.magnetization)}"]
        if not isinstance(self.found_spin_current, str):
            lines.append(f"spin current {_spelled(self.found_spin_current)}")
        return f"<Transport: {', '.join([*lines, f'energy current {_spelled(self.energy_current)}'])}>"


def transport(state: State) -> Transport:
    """The magnetization of every site, and the currents of magnetization and energy between them.

    J_j = -i[h_{j,j+1}, Z_j] on the bonds and E_j = i[e_{j-1}, e_j] at the sites inside (see the module).

    Args:
        state: Any state of a model with terms on single sites and nearest neighbors.

    Returns:
        `.magnetization` (..., N), `.spin_current` (..., N - 1), `.energy_current` (..., N - 2), and `.error` where the
        state is a matrix product with stated errors.

    Raises:
        NotOffered: for a Hamiltonian with longer terms; and on access of `.spin_current` where H does not conserve the
            magnetization.

    Example:
        >>> import qet
        >>> ends = [qet.jump("+", 0, 1.0), qet.jump("-", 3, 1.0)]
        >>> flow = qet.transport(qet.steady(qet.xxz(4, J=0.25, Delta=0.5), ends))
        >>> bool(flow.spin_current.std() < 1e-12), bool(flow.spin_current[0] > 0.1)
        (True, True)
    """
    if not isinstance(state, State):
        raise BadParameter(f"transport takes a state, such as qet.steady(...); got {type(state).__name__}.")
    model = state.model
    bonds, fields = _parts(model)
    n = model.n_sites
    flows: list[PauliSum] = []
    reason = ""
    for j, bond in enumerate(bonds):
        total = pauli(f"Z{j} + Z{j + 1}")
        if _size(bond * total - total * bond) > _KEPT * _size(bond):
            reason = (
                f"the bond of sites {j} and {j + 1}, {bond}, does not conserve Z{j} + Z{j + 1}: no spin current "
                "accounts for what changes the magnetization. energy_current and magnetization are there."
            )
            break
        flows.append(-1j * (bond * pauli(f"Z{j}") - pauli(f"Z{j}") * bond))
    shares = [
        bond + (1.0 if j == 0 else 0.5) * fields[j] + (1.0 if j == n - 2 else 0.5) * fields[j + 1]
        for j, bond in enumerate(bonds)
    ]
    energy = [1j * (shares[j - 1] * shares[j] - shares[j] * shares[j - 1]) for j in range(1, n - 1)]
    letters = [pauli(f"Z{j}") for j in range(n)]
    return Transport(
        _stacked(state, letters),
        _stacked(state, energy),
        reason or _stacked(state, flows),
        _error(state, letters, None if reason else flows, energy),
    )


def _error(
    state: State, letters: list[PauliSum], flows: list[PauliSum] | None, energy: list[PauliSum]
) -> TransportError | None:
    """The stated errors of three families of means, where the state states them."""
    first = error_of_means(state.payload, tuple(letters))
    if first is None:
        return None
    spin = np.full(np.shape(first), np.nan)[()] if flows is None else error_of_means(state.payload, tuple(flows))
    return TransportError(first, spin, error_of_means(state.payload, tuple(energy)))


def _parts(model: Model) -> tuple[list[PauliSum], list[PauliSum]]:
    """The bonds and the fields of a nearest-neighbor chain."""
    bonds: list[list[Any]] = [[] for _ in range(model.n_sites - 1)]
    fields: list[list[Any]] = [[] for _ in range(model.n_sites)]
    for string, c in model.dynamics.terms:
        sites = [site for site, _ in string]
        if len(sites) == 1:
            fields[sites[0]].append((string, c))
        elif len(sites) == 2 and sites[1] == sites[0] + 1:
            bonds[sites[0]].append((string, c))
        else:
            raise NotOffered(
                f"transport goes along a chain of nearest neighbors; this H has a term on sites {tuple(sites)}. Take "
                "qet.expect with the current of your choice."
            )
    return [collect(some) for some in bonds], [collect(some) for some in fields]


def _size(operator: PauliSum) -> float:
    return max((float(np.max(np.abs(c), initial=0.0)) for _, c in operator.terms), default=0.0)


def _stacked(state: State, operators: list[PauliSum]) -> Array:
    """Means of Hermitian operators, the last axis along the chain."""
    means = [np.real(np.broadcast_to(expect(state, operator), state.shape)) for operator in operators]
    return np.stack(means, axis=-1) if means else np.zeros((*state.shape, 0))


def _spelled(values: Array) -> str:
    return np.array2string(values, precision=4) if values.ndim == 1 else f"of shape {values.shape}"
