"""The steady state of a model in its surroundings, under the master equation of your choice.

    "redfield"  non-secular Bloch-Redfield; the default with baths; Lamb shift where a bath asks for it
    "secular"   the same with equal Bohr frequencies grouped; positive, but blind to coherent transport between them
    ("partial", cutoff)  between the two: Bohr frequencies no further apart than the cut-off are kept together
    "universal" positive at any rate, and right where Redfield is, near degeneracy too
    "local"     GKSL with jumps at each site's bare gap; does not thermalize a coupled system
    "gksl"      bare jumps alone
    "leads"     exact, for free-fermion chains of any length between flat or Lorentzian fermionic leads, at any rate
    "heom"      exact, up to 3 qubits with Hermitian couplings to bosonic Drude baths, at any rate (through QuTiP)

Baths and jumps may be mixed except with "gksl", "leads" and "heom". Every result is checked: it is refused where the
occupation diverges, the steady state is not unique, the solve did not converge, or a density matrix is not positive.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast
from qet.foundations.conventions import POSITIVITY_TOLERANCE
from qet.foundations.errors import (
    BadParameter,
    NotConverged,
    NotOffered,
    NotPositive,
    NoUniqueSteadyState,
    TooLarge,
    refuse_where,
    unknown,
)
from qet.foundations.values import Call, call_of
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers import answers as _answers  # noqa: F401 - registers the questions a density matrix answers
from qet.solvers.choose import SHORT, Solver, checked_solver
from qet.solvers.choose_steady import usual_solver
from qet.solvers.contacts import check_inside
from qet.solvers.deferred import is_deferred, put_off
from qet.solvers.diagnostics import Currents, SteadyDiagnostics, exact
from qet.solvers.domain import outside_of, warn_outside
from qet.solvers.gksl import MAX_SITES
from qet.solvers.lamb import check_lamb
from qet.solvers.masters import Master, checked_master, name_of
from qet.solvers.means import MeansRoute
from qet.solvers.on_arrays import solve_on_arrays
from qet.solvers.refusals import refuse_many, refuse_same_operator, refuse_unsound, with_survivors
from qet.solvers.sectors import symmetries_of
from qet.solvers.setting import Setting, currents_of, gap_of, picked, setting_of, solve, validity_of
from qet.solvers.states import Dense, Prepared, State, no_points
from qet.solvers.stationary import solve_iteratively
from qet.solvers.validity import local_outside

Array = np.ndarray
Surroundings = tuple[Bath | Jump, ...]
SOLVERS = ("auto", "dense", "iterative", "vectorized", "chains", "fermions", "mps")
ALLOWANCES = ("NotPositive", "NotConverged", "OutsideDomain", "SameOperatorTwice")
LARGEST = 64  # levels


def steady(
    model: Model, surroundings: Any, *, master: Master | None = None, solver: Solver = "auto", allow: Any = ()
) -> State:
    """The state that a model settles into among its baths and jumps.

    Solves L rho = 0, Tr rho = 1, at every point of the batch (all parameters broadcast).

    Args:
        model: The Hamiltonian, up to 8 qubits unless the master equation has a reduced route.
        surroundings: A bath, a jump, or a list of them.
        master: "redfield" | "secular" | ("partial", cutoff) | "universal" | "local" | "gksl" | "leads" | "heom"; None
            is "redfield" with a bath, "gksl" with jumps alone. The cutoff is an energy.
        solver: "auto" picks the fastest route, and `explain(steady, ...)` says which; "dense" solves the generator as
            dense matrices (up to 6 qubits), "iterative" never writes it out and works in its symmetry sectors (up to
            8). For master "gksl" also "vectorized", the sparse matrix of the textbooks (up to 7); "chains", matrix-free
            in symmetry sectors, with jumps on single sites (about 13); "fermions", third quantization of free chains
            with jumps at the ends; "mps" or ("mps", bond), matrix products of nearest-neighbor chains of any length,
            jumps on single sites, with a stated error (docs/driven-chains.md); never taken unasked.
        allow: Names of refusals and warnings to turn off, such as ("NotPositive",) or ("OutsideDomain",).

    Returns:
        A state with `.diagnostics` (see `SteadyDiagnostics`), `.master`, `.surroundings`; its shape is the
        broadcast of all parameters.

    Warns:
        OutsideDomain: once a call, where the theory is outside its domain (see `qet.solvers.validity`).

    Raises:
        DivergentOccupation: a flat bath at a zero Bohr frequency (or bare gap) that its coupling reaches.
        NoUniqueSteadyState: more than one steady state; the message has their number and what survives, and
            `.survivors`, `.conserved` the same as records. `settle` takes a start.
        SameOperatorTwice: two baths that act through one operator.
        NotPositive: smallest eigenvalue below -1e-9; `.best` is the density matrix.
        NotConverged: the residual is too large; `.best` is the density matrix.
        TooLarge, NotOffered, BadParties, BadParameter, UnknownName, ShapeMismatch: see the messages.

    References:
        docs/open-pair.md, "Reservoirs", for the equations; derived in `redfield` and `liouville`.
    """
    if not isinstance(model, Model):
        raise BadParameter(f"steady takes a model, such as qet.minimal(); got {type(model).__name__}.")
    things = as_surroundings(surroundings)
    chosen = chosen_master(master, things)
    allowed = checked_allow(allow)
    check_request(model, things, solver)
    shape = broadcast(model=model.shape, **{f"surrounding {i}": thing.shape for i, thing in enumerate(things)})
    required = {"model": model, "surroundings": things[0] if len(things) == 1 else list(things)}
    options = {"master": (master, None), "solver": (solver, "auto"), "allow": (allowed, ())}
    made_by = call_of("steady", required, options)
    if is_deferred():
        found = partial(_found, model, things, chosen, made_by, allowed, solver)
        return put_off(model, shape, made_by, found, things, chosen)
    return _found(model, things, chosen, made_by, allowed, solver)


def check_request(model: Model, things: Surroundings, solver: Any) -> None:
    """Refuse a solver that is not known, and surroundings that touch what is not there."""
    if isinstance(solver, (tuple, list)) and solver and solver[0] == "mps":
        solver, _ = checked_solver(solver)
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    for thing in things:
        sites = thing.sites if isinstance(thing, Bath) else thing.operator.support
        check_inside(sites, model.n_sites, f"{'the bath' if isinstance(thing, Bath) else 'the jump'} {thing!r}")


def _found(
    model: Model, things: Surroundings, chosen: Master, made_by: Call, allowed: tuple[str, ...], solver: Solver
) -> State:
    """The steady state by a solver, or by the usual one."""
    route = usual_solver(model, things, chosen) if solver == "auto" else solver
    if not isinstance(route, str) or route == "mps":
        return _by_products(model, things, chosen, made_by, allowed, route)
    if route in ("vectorized", "chains", "fermions"):
        try:
            return _driven(model, things, chosen, made_by, allowed, route)
        except NotConverged:
            if solver != "auto" or model.n_sites > SHORT:
                raise
            route = "iterative"  # in the energy basis
    if chosen != "leads":  # which take one bath a site
        refuse_same_operator(things, allowed)
    if chosen in ("leads", "heom"):
        try:
            return by_leads(model, things, made_by) if chosen == "leads" else _by_heom(model, things, made_by, allowed)
        except NoUniqueSteadyState as error:  # Redfield keeps the same symmetries
            if model.n_sites > MAX_SITES:
                raise
            raise with_survivors(error, setting_of(model, things, "redfield"), things) from None
    if route == "elimination" and chosen in ("local", "gksl"):
        return by_means(model, things, str(chosen), made_by, allowed)
    return _by_generator(model, things, chosen, made_by, allowed, route)


def _driven(
    model: Model, things: Surroundings, master: Master, made_by: Call, allowed: tuple[str, ...], solver: str
) -> State:
    """The routes for jumps alone: explicit, matrix-free, or by third quantization."""
    if master != "gksl":
        raise NotOffered(f'solver={solver!r} is for master="gksl", jumps alone; this is {master!r}.')
    refuse_same_operator(things, allowed)
    if solver == "vectorized":
        from qet.solvers.chains.vectorized import steady_vectorized

        found = steady_vectorized(model, things)
    elif solver == "chains" and 0 in (shape := np.broadcast_shapes(model.shape, *(thing.shape for thing in things))):
        found = Prepared(no_points(model, shape), diagnostics=diagnostics_of(things, {"residual": np.zeros(shape)}))
    elif solver == "chains":
        from qet.solvers.chains.steady import steady_by_chains

        found = steady_by_chains(model, things, allowed)
    else:
        from qet.solvers.fermions.driven import steady_by_fermions

        found = steady_by_fermions(model, things)
    return State(model, found.payload, solver, made_by, found.error, things, master, found.diagnostics)


def _by_products(
    model: Model, things: Surroundings, master: Master, made_by: Call, allowed: tuple[str, ...], solver: Solver
) -> State:
    """The route by matrix products, with the bond dimension asked for."""
    if master != "gksl":
        raise NotOffered(f'solver="mps" is for master="gksl", jumps alone; this is {master!r}.')
    from qet.solvers.mps.driven import steady_by_mps

    refuse_same_operator(things, allowed)
    shape = np.broadcast_shapes(model.shape, *(thing.shape for thing in things))
    if 0 in shape:
        found = Prepared(no_points(model, shape), diagnostics=diagnostics_of(things, {"residual": np.zeros(shape)}))
    else:
        numbers = checked_solver(solver)[1]
        found = steady_by_mps(model, things, numbers[0] if numbers else None, allowed)
    return State(model, found.payload, "mps", made_by, found.error, things, master, found.diagnostics)


def as_surroundings(surroundings: Any) -> Surroundings:
    """A bath, a jump or a sequence of them, as a tuple.

    Raises:
        BadParameter: if it holds nothing, or something else.
    """
    things = tuple(surroundings) if isinstance(surroundings, (list, tuple)) else (surroundings,)
    if not things:
        raise BadParameter("a steady state needs surroundings: a qet.bath(...), a qet.jump(...), or a list of them.")
    for thing in things:
        if not isinstance(thing, (Bath, Jump)):
            raise BadParameter(f"surroundings are baths and jumps; got {thing!r}. Make them with qet.bath or qet.jump.")
    return things


def chosen_master(master: Master | None, things: Surroundings) -> Master:
    """The master equation asked for, or the usual one for these surroundings; refused where it does not fit them."""
    has_bath = any(isinstance(thing, Bath) for thing in things)
    has_jump = any(isinstance(thing, Jump) for thing in things)
    chosen = checked_master(master if master is not None else "redfield" if has_bath else "gksl")
    if chosen == "gksl" and has_bath:
        raise NotOffered('master="gksl" takes bare jumps alone. For baths take "local" (bare gaps) or "redfield".')
    if chosen == "leads" and has_jump:
        raise NotOffered('master="leads" takes fermionic baths alone, no bare jumps. "redfield" mixes them.')
    for thing in things:
        if isinstance(thing, Bath) and thing.lamb_shift:
            if name_of(chosen) not in ("redfield", "secular", "partial", "universal", "heom"):
                raise NotOffered(
                    'lamb_shift=True is offered by master="redfield", "secular", ("partial", cutoff), "universal" and '
                    f'"heom", not by {chosen!r}.'
                )
            check_lamb(thing)
    return chosen


def checked_allow(allow: Any) -> tuple[str, ...]:
    """The names of refusals to turn off, as a tuple."""
    if not isinstance(allow, (str, tuple, list, set, frozenset)):
        raise BadParameter(f"allow takes names of refusals, such as ('NotPositive',); got {allow!r}.")
    names = (allow,) if isinstance(allow, str) else tuple(allow)
    for name in names:
        if name not in ALLOWANCES:
            raise unknown("refusal that can be allowed", name, ALLOWANCES)
    return names


def _by_generator(
    model: Model, things: Surroundings, master: Master, made_by: Call, allowed: tuple[str, ...], solver: str
) -> State:
    """The route by a generator on density matrices, "dense" or "iterative", for all equations but leads and heom."""
    if solver == "dense":
        _refuse_large(model.n_sites)
    setting = setting_of(model, things, master)
    find = {"dense": solve, "elimination": solve_on_arrays}.get(solver, solve_iteratively)
    found = find(setting, is_judged="OutsideDomain" not in allowed)
    refuse_unsound(setting, things, found, allowed)
    warn_outside("steady", master, outside_of(found.because))
    answers: dict[str, Any] = {"residual": found.residual, "smallest_eigenvalue": found.smallest_eigenvalue}
    diagnostics = diagnostics_of(things, answers | dense_answers(setting, found.rho))
    return State(model, Dense(found.rho), solver, made_by, found.error, things, master, diagnostics)


def _refuse_large(n_sites: int) -> None:
    d = 2**n_sites
    if d > LARGEST:
        raise TooLarge(
            f"{n_sites} qubits have {d} levels; a dense generator on d² = {d**2} unknowns takes "
            f'{8 * d**4 / 2**30:.3g} GiB. The dense route goes up to {LARGEST} levels; solver="iterative" goes up to 8 '
            'qubits, for every equation but ("partial", cutoff) and "secular" with bare jumps.'
        )


def dense_answers(setting: Setting, rho: Array) -> dict[str, Any]:
    """The lazy diagnostics of any state on the sites under a dense generator: gap, currents, validity."""
    return {
        "gap": partial(gap_of, setting),
        "currents": partial(currents_of, setting, rho),
        "validity": partial(validity_of, setting),
        "symmetries": partial(symmetries_of, setting),
    }


def diagnostics_of(things: Surroundings, answers: dict[str, Any]) -> SteadyDiagnostics:
    """Diagnostics with the temperatures and chemical potentials of the baths among the surroundings."""
    baths = [thing for thing in things if isinstance(thing, Bath)]
    return SteadyDiagnostics(
        answers,
        tuple(isinstance(thing, Bath) for thing in things),
        tuple(bath.T for bath in baths),
        tuple(bath.mu for bath in baths),
        tuple(bath.rate for bath in baths),
    )


def by_leads(model: Model, things: Surroundings, made_by: Call) -> State:
    """The exact route between flat or Lorentzian leads."""
    from qet.solvers.leads import leads_steady

    found = leads_steady(model, [thing for thing in things if isinstance(thing, Bath)])
    zero = np.zeros(np.shape(found.solver_error))
    answers = {
        "residual": found.residual,
        "gap": found.gap,
        "currents": partial(_lead_currents, found),
        "smallest_eigenvalue": found.chain.smallest_eigenvalue,
        "validity": exact("leads", zero),
    }
    diagnostics = diagnostics_of(things, answers)
    return State(model, found.payload, "leads", made_by, found.solver_error, things, "leads", diagnostics)


def _by_heom(model: Model, things: Surroundings, made_by: Call, allowed: tuple[str, ...]) -> State:
    """The exact route with Drude baths; QuTiP is loaded here."""
    from qet.solvers.heom import heom_steady

    found = heom_steady(model, things)
    smallest = np.asarray(found.smallest_eigenvalue)
    change = np.asarray(found.hierarchy.last_change)
    if "NotPositive" not in allowed:
        refuse_where(
            smallest < -POSITIVITY_TOLERANCE - change,
            NotPositive,
            lambda i: (
                f"steady: the heom state has the eigenvalue {smallest[i]:.3g}, beyond its last change {change[i]:.1e}: "
                "it is not converged. Lower the rate, or tighten the tolerance in qet.solvers.heom.heom_steady"
            ),
            best=found.payload.rho,
        )
    zero = np.zeros(np.shape(smallest))[()]
    answers = {
        "residual": found.residual,
        "smallest_eigenvalue": found.smallest_eigenvalue,
        "currents": found.currents,
        "hierarchy": found.hierarchy,
        "validity": exact("heom", zero),
    }
    diagnostics = diagnostics_of(things, answers)
    return State(model, found.payload, "heom", made_by, found.solver_error, things, "heom", diagnostics)


def _lead_currents(found: Any) -> Currents:
    energy, particles = found.energy_currents(), found.particle_currents()
    return Currents(np.stack(np.broadcast_arrays(*energy), -1), np.stack(np.broadcast_arrays(*particles), -1))


def by_means(model: Model, things: Surroundings, master: str, made_by: Call, allowed: tuple[str, ...] = ()) -> State:
    """The route by Pauli means, for GKSL equations: elimination on arrays (see `gksl`).

    Where it finds no unique state the energy basis decides: there a slow rate does not drown in the gaps.
    """
    means = MeansRoute(model, things, master)
    try:
        _ = means.payload
    except NoUniqueSteadyState as doubt:
        setting = setting_of(model, things, master)
        null = np.ones(setting.shape, dtype=int)
        mask = np.asarray(doubt.mask)
        null[mask] = solve(picked(setting, mask)).null_dimension
        refuse_many(null, setting, things, doubt.best)
        return _by_generator(model, things, master, made_by, allowed, "dense")
    if master == "local" and "OutsideDomain" not in allowed:
        warn_outside("steady", master, local_outside(model, things))
    answers = {
        "residual": means.residual,
        "smallest_eigenvalue": means.smallest_eigenvalue,
        "currents": means,
        "gap": partial(_gap, model, things, master),
        "validity": partial(_validity, model, things, master),
        "symmetries": partial(_symmetries, model, things, master),
    }
    diagnostics = diagnostics_of(things, answers)
    return State(model, means.payload, "elimination", made_by, means.error, things, master, diagnostics)


def _gap(model: Model, things: Surroundings, master: str) -> Array:
    return gap_of(setting_of(model, things, master))


def _validity(model: Model, things: Surroundings, master: str) -> Any:
    return validity_of(setting_of(model, things, master))


def _symmetries(model: Model, things: Surroundings, master: str) -> Any:
    return symmetries_of(setting_of(model, things, master))
