"""A state: a model, a payload that holds the real unknowns, and how sure it is.

Two payloads: `Dense`, a density matrix; and `Expectations`, the Pauli strings whose
mean is not zero. A third, for long chains, is in `gaussian`. Everything else (matrices,
marginals, diagnostics) is computed from them on first access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.conventions import ROUNDING
from qet.foundations.errors import BadParameter, BadParties
from qet.foundations.paulis import PauliString, PauliSum, pauli
from qet.foundations.values import Call, Value, frozen
from qet.physics.model import Model, as_sites
from qet.solvers.questions import expect_of, marginal_of, shape_of

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Dense:
    """A density matrix on all sites, shape (*shape, d, d)."""

    rho: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "rho", frozen(self.rho))


@dataclass(frozen=True, eq=False)
class Expectations:
    """Means of the Pauli strings that do not vanish; the identity is understood.

    Attributes:
        n_sites: Number of qubits.
        values: String -> mean, each a number or an array.
    """

    n_sites: int
    values: Mapping[PauliString, Any]

    def __getitem__(self, string: PauliString) -> Any:
        return self.values.get(string, 0.0) if string else 1.0


@dataclass(frozen=True, eq=False, repr=False)
class State(Value):
    """A state of a model.

    Attributes:
        model: The Hamiltonian and the parties.
        payload: `Dense`, `Expectations`, `Gaussian`, or another that answers the questions of `questions`.
        solver: Which route made it.
        made_by: The public word and arguments that made it.
        found_error: `solver_error`, or a function of no arguments that gives it on first access.
        surroundings: Baths and jumps that keep a steady state.
        master: The master equation of a steady state: a name, or ("partial", cutoff).
        diagnostics: What the route says about its result, such as residuals; None where there is nothing to say.
    """

    model: Model
    payload: Any
    solver: str
    made_by: Call
    found_error: Any = 0.0
    surroundings: tuple[Any, ...] = ()
    master: str | tuple[str, float] | None = None
    diagnostics: Any = field(default=None)
    _identity = ("model", "made_by")

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the parameters."""
        return np.broadcast_shapes(self.model.shape, shape_of(self.payload))

    @property
    def origin(self) -> Call:
        """The call that made the state, before its parties were changed by `between`."""
        call = self.made_by
        while call.word == "between":
            call = call.arguments["of"].made_by
        return call

    @cached_property
    def density_matrix(self) -> Array:
        """The density matrix on all sites, shape (*shape, d, d), site 0 leftmost."""
        rho = marginal_of(self.payload, self.model.sites)
        return frozen(np.broadcast_to(rho, (*self.shape, *rho.shape[-2:])))

    @cached_property
    def solver_error(self) -> Any:
        """Estimated absolute error of an energy beyond rounding, shape ()-or-batch."""
        return self.found_error() if callable(self.found_error) else self.found_error

    @cached_property
    def precision(self) -> Any:
        """Absolute precision of an energy: the solver's error plus rounding of ‖H‖ <= Σ|c|, shape ()-or-batch."""
        return self.solver_error + ROUNDING * energy_scale(self.model)

    def between(self, A: Any, B: Any) -> State:
        """The same state with other parties; nothing is solved again.

        Args:
            A: Alice's site or sites.
            B: Bob's.

        Raises:
            BadParties: for parties that overlap or lie outside.
        """
        model = self.model.between(A, B)
        more = max(1.0, len(model.B) / len(self.model.B))  # an error on Bob's energy grows with his sites
        found = self.found_error if more == 1.0 else more * self.solver_error
        return replace(self, model=model, found_error=found, made_by=Call("between", {"of": self, "A": A, "B": B}))

    def to_qutip(self) -> Any:
        """The density matrix as a QuTiP Qobj with tensor dims (one point only)."""
        from qet.solvers.interop import to_qutip

        return to_qutip(self)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a route to a state found.

    Attributes:
        payload: The representation.
        error: Absolute error of an energy beyond rounding, shape ()-or-batch, or a function of no arguments giving it.
        diagnostics: What the route says about its result.
    """

    payload: Any
    error: Any = 0.0
    diagnostics: Any = None


def no_points(model: Model, shape: tuple[int, ...]) -> Dense:
    """The density matrices of a batch without points, for routes that go from point to point."""
    return Dense(np.zeros((*shape, 2**model.n_sites, 2**model.n_sites)))


def energy_scale(model: Model, meeting: Sequence[int] | None = None) -> Any:
    """Σ|c| over the Pauli strings of H: an upper bound on ‖H‖ without its constants.

    Args:
        model: Whose H.
        meeting: Sites; only strings that act on one of them are counted: what an operation there can change.
    """
    wanted = None if meeting is None else set(meeting)
    terms = model.dynamics.terms
    return sum((np.abs(c) for string, c in terms if wanted is None or wanted & {site for site, _ in string}), 0.0)


def marginal(state: State, sites: Any) -> Array:
    """Reduced density matrix on some sites, in the order given, the first leftmost; shape (*shape, d, d).

    Raises:
        BadParties: for a site that is not there, or named twice.
    """
    wanted = as_sites("sites", sites)
    _check_inside(state, wanted)
    rho = marginal_of(state.payload, wanted)
    return np.broadcast_to(rho, (*state.shape, *rho.shape[-2:]))


def expect(state: State, operator: str | PauliSum) -> Any:
    """Expectation value Tr[O rho] of a Pauli sum, shape (*shape); complex only if the operator is not Hermitian.

    Args:
        state: Any state.
        operator: A Pauli sum or its text, such as "Z0" or "0.5 X0 X1"; its coefficients broadcast with the state.

    Raises:
        BadOperator: for text that is no Pauli sum. BadParties: for a site that is not there.
    """
    total = pauli(operator)
    _check_inside(state, total.support)
    value = expect_of(state.payload, total)
    shape = np.broadcast_shapes(state.shape, np.shape(value))
    return np.broadcast_to(value, shape) if shape else np.asarray(value)[()]


def _check_inside(state: State, sites: tuple[int, ...]) -> None:
    if not isinstance(state, State):
        raise BadParameter(f"this takes a state, such as qet.ground(model); got {type(state).__name__}.")
    outside = [site for site in sites if not 0 <= site < state.model.n_sites]
    if outside:
        raise BadParties(f"site {outside[0]} is outside the model's sites 0 .. {state.model.n_sites - 1}.")
