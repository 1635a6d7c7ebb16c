"""Another quantity in place of the energy: what Bob lowers when he is told to lower an observable O.

With a target every number of a run is a change of <O> instead of one of <H>, and the same formulas hold with O in
place of H: the drop in Bob's operation is linear in the operator that he lowers, whatever it is. The dynamics during
a delay and the ledger's terms stay those of H, so the ledger shows what moving O costs in energy. Signs are those of
the energy: `extracted` is the drop of <O>; to raise O, give -O.

Derived here. Charges and currents are teleported in arXiv:2407.12359, of which only the abstract was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.conventions import ROUNDING
from qet.foundations.errors import BadParties, NotHermitian
from qet.foundations.linalg import expectation
from qet.foundations.paulis import PauliString, PauliSum
from qet.physics.model import Model, as_operator
from qet.protocols.beyond import beyond_patch
from qet.solvers.questions import error_of_means, trace_error_of
from qet.solvers.states import State, energy_scale

if TYPE_CHECKING:
    from qet.protocols.run import Run

Array = np.ndarray


def as_target(value: Any, model: Model) -> PauliSum | None:
    """A Hermitian Pauli sum on the model's sites from text, a Pauli sum or (matrix, sites); None stays None.

    Raises:
        NotHermitian: if a coefficient is complex.
        BadParties: for a site outside the model.
        BadOperator, BadParameter: for what is no operator.
    """
    if value is None:
        return None
    operator = as_operator("the target", value)
    if not operator.is_hermitian:
        raise NotHermitian(f"the target {operator} is not Hermitian. Add the Hermitian conjugate.")
    outside = [site for site in operator.support if site >= model.n_sites]
    if outside:
        raise BadParties(f"the target acts on site {outside[0]}, outside the model's sites 0 .. {model.n_sites - 1}.")
    return operator


def scale_of(state: State, target: PauliSum | None, meeting: Sequence[int] | None = None) -> Any:
    """Σ|c| over the strings of what Bob lowers, constants left out, or over those that meet some sites."""
    if target is None:
        return energy_scale(state.model, meeting)
    wanted = None if meeting is None else set(meeting)
    terms = target.terms
    return sum(
        (np.abs(c) for string, c in terms if string and (wanted is None or wanted & {site for site, _ in string})), 0.0
    )


def precision_of(state: State, target: PauliSum | None) -> Any:
    """Absolute precision of a mean of the target: the relative precision of the state's energies, times its scale.

    Where the state states the errors of its marginals it is `stated_of` Alice's and Bob's terms, the larger one.
    """
    stated = [stated_of(state, target, party) for party in (state.model.A, state.model.B)]
    if stated[0] is not None:
        return (np.maximum(*stated) + scale_of(state, target) * ROUNDING)[()]
    if target is None:
        return state.precision
    return (weight_of(state, target) * np.asarray(state.solver_error) + scale_of(state, target) * ROUNDING)[()]


def stated_of(state: State, target: PauliSum | None, party: Sequence[int]) -> Any:
    """Error of what a party's act changes, from the stated errors of means or marginals; None where there are none.

    Single sites: what changes is Σ w_s <s>. Of a string of size c, Bob's turn makes strings with other letters at his
    site and Σ w² = c², Alice's outcomes double these at most where she measures an axis, and the string itself is
    subtracted. With e the largest error of these means, and errors added in quadrature, that is (3 Σ c²)^½ e.

    Parties of several sites: the strings on some sites, of norm h, change by the mean of an operator whose spectrum
    lies within ±2h; the error of the marginal has the trace norm e and no trace: 2 h e, added up over such sites.
    Derived here.
    """
    A, near = state.model.A, _near(state, target, party)
    if trace_error_of(state.payload, A) is None:
        return None
    if len(A) == len(party) == 1:
        size = np.sqrt(3.0 * np.asarray(sum((np.abs(c) ** 2 for _, c in near), 0.0)))
        return size * np.asarray(error_of_means(state.payload, _turned(near, A[0], party[0])))
    heights: dict[tuple[int, ...], Any] = {}
    for string, c in near:
        reach = tuple(sorted({site for site, _ in string} | set(party) | set(A)))
        heights[reach] = heights.get(reach, 0.0) + np.abs(c)
    return sum((2.0 * h * np.asarray(trace_error_of(state.payload, reach)) for reach, h in heights.items()), 0.0)


def _near(state: State, target: PauliSum | None, party: Sequence[int]) -> list[tuple[PauliString, Any]]:
    """The strings of H or of a target that meet a party."""
    terms = state.model.dynamics.terms if target is None else target.terms
    return [(string, c) for string, c in terms if {site for site, _ in string} & set(party)]


def _turned(near: list[tuple[PauliString, Any]], alice: int, own: int) -> tuple[PauliSum, ...]:
    """The strings with any letter at a site, and any or none at Alice's."""
    found: set[PauliString] = set()
    for string, _ in near:
        for at_own, at_alice in product("XYZ", "IXYZ"):
            letters = dict(string) | {own: at_own}
            if at_alice != "I" or alice == own:
                letters |= {alice: at_alice if at_alice != "I" else at_own}
            found.add(tuple(sorted(letters.items())))
    return tuple(PauliSum(((string, 1.0),)) for string in sorted(found))


def weight_of(state: State, target: PauliSum | None) -> Any:
    """The scale of the target in units of that of H: what turns the error of an energy into that of its mean."""
    if target is None:
        return 1.0
    energies = np.asarray(energy_scale(state.model))
    unit = np.where(energies > 0.0, energies, 1.0)  # with H = 0 the error is that of a mean itself
    return np.asarray(scale_of(state, target)) / unit


def stages_of(run: Run, target: PauliSum, stages: tuple[Array, ...]) -> list[Any]:
    """<O> at each stage; the strings that lie beyond the patch meet neither party."""
    patch = run.patch
    fits = [{site for site, _ in string} <= set(patch.sites) for string, _ in target.terms]
    inside, beyond = (
        PauliSum(tuple(pair for pair, fit in zip(target.terms, fits, strict=True) if fit is wanted))
        for wanted in (True, False)
    )
    rest = beyond_patch(run, (beyond,)).get(0, [0.0] * len(stages))
    matrix = inside.matrix(patch.sites)
    return [expectation(matrix, rho) + constant for rho, constant in zip(stages, rest, strict=True)]
