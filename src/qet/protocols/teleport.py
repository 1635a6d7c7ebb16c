"""The protocol as one word: Alice measures, tells Bob, Bob acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from qet.foundations.checks import real
from qet.foundations.errors import unknown
from qet.foundations.values import call_of
from qet.physics.feedback import POLICIES, Feedback
from qet.physics.feedback import feedback as make_feedback
from qet.physics.measurement import AXES, Measurement
from qet.physics.measurement import measure as make_measurement
from qet.protocols.message import checked
from qet.protocols.optimum import check_class
from qet.protocols.policies import check_fixed
from qet.protocols.run import Run, outcomes_of
from qet.protocols.target import as_target
from qet.solvers.states import State

if TYPE_CHECKING:
    from qet.protocols.oscillators import HarmonicRun
    from qet.solvers.oscillators import OscillatorState


@overload
def teleport(
    state: State,
    *,
    measure: Any = "X",
    feedback: Any = "best",
    delay: Any = 0.0,
    surroundings: Any = None,
    message_error: Any = 0.0,
    target: Any = None,
    allow: Any = (),
) -> Run: ...


@overload
def teleport(
    state: OscillatorState, *, measure: Any = ..., feedback: Any = "best", delay: Any = 0.0
) -> HarmonicRun: ...


def teleport(
    state: State | OscillatorState,
    *,
    measure: Any = "X",
    feedback: Any = "best",
    delay: Any = 0.0,
    surroundings: Any = None,
    message_error: Any = 0.0,
    target: Any = None,
    allow: Any = (),
) -> Run | HarmonicRun:
    """Quantum energy teleportation on a state.

    Alice measures A, sends the outcome, Bob applies an operation to B that depends on it.
    extracted = Σ_k Tr[H s_k] - Tr[H 𝓑_k(s_k)] with the full Hamiltonian, s_k = M_k rho M_k†
    evolved for `delay`.

    Args:
        state: From `ground`, `gibbs`, `steady`, `state`, ...; its model says who holds what. For a state of oscillators
            Alice measures by `coherent` (the default) or `homodyne`, Bob's feedback is "best" (displacements),
            "gaussian" (squeezing too), "ground", or a matrix G that moves his (x.., p..) by G ξ; the run is a
            `HarmonicRun`.
        measure: A `Measurement`, or "X", "Y", "Z", or a vector.
        feedback: A `Feedback`, or "best", "ground", "dominant"; "channel" is feedback("best", operations="channel").
        delay: Time between measurement and feedback, >= 0; number or array.
        surroundings: None: H alone acts during the delay. Baths and jumps that act meanwhile, under the state's own
            master equation where they are its own, else as in `evolve`; what they take is a row of the ledger.
        message_error: Probability of a wrong symbol, or a column-stochastic matrix P(received|sent); or by name:
            ("flip", q), ("lost", p), ("coarse", [[0, 1], [2]]), ("matrix", P).
        target: None: the energy. Else the observable O whose mean Bob lowers, as a Pauli sum ("Z2"), text or
            (matrix, sites): every number is then a change of <O> in place of <H>, in the units of O, with the
            same signs (extracted: the drop of <O> in Bob's operation); to raise O give -O. The ledger keeps the terms
            of H, so that the price in energy shows, and adds the row "target".
        allow: ("NotPositive",) lets branches pass that a Redfield equation makes negative during the delay; so does a
            state that was made with it.

    Returns:
        A `Run`, whose numbers are computed when asked for. Energies in the units of H.

    Raises:
        UnknownName, BadParameter, ShapeMismatch: see the messages.
        NotPositive: on first use of a branch, where its smallest eigenvalue after the delay is below -1e-9.

    References:
        M. Hotta, Phys. Lett. A 374, 3416 (2010), arXiv:1002.0200.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.ground(qet.minimal(h=1.0, k=0.5)))
        >>> round(float(run.injected), 6), round(float(run.extracted), 6)
        (0.894427, 0.072573)
        >>> charge = qet.teleport(qet.ground(qet.minimal(h=1.0, k=0.5)), target="Z1")
        >>> round(float(charge.extracted), 6), round(float(charge.ledger.change(start="delayed")), 6)
        (0.105573, 0.341641)
    """
    if not isinstance(state, State):
        from qet.protocols.oscillators import teleport_oscillators

        others = {
            "surroundings": (surroundings, None),
            "message_error": (message_error, 0.0),
            "target": (target, None),
            "allow": (allow, ()),
        }
        return teleport_oscillators(state, measure, feedback, delay, others)
    measurement = as_measurement(measure)
    rule = as_feedback(feedback)
    delay = real("delay", delay, minimum=0.0)
    things, master = _reservoirs(state, surroundings)
    error = checked(message_error, outcomes_of(measurement, state.model))
    aim = as_target(target, state.model)
    options = {
        "measure": (measure if isinstance(measure, str) else measurement, "X"),
        "feedback": (feedback if isinstance(feedback, str) else rule, "best"),
        "delay": (delay, 0.0),
        "surroundings": (None if surroundings is None else list(things), None),
        "message_error": (error, 0.0),
        "target": (aim if not isinstance(target, str) else target, None),
        "allow": (_checked_allow(allow), ()),
    }
    call = call_of("teleport", {"state": state}, options)
    run = Run(state, measurement, rule, delay, error, call, things, master, aim)
    _check_fit(run)
    return run


def _checked_allow(allow: Any) -> tuple[str, ...]:
    if not allow:
        return ()
    from qet.solvers.steady import checked_allow

    return checked_allow(allow)


def as_measurement(value: Any) -> Measurement:
    """A measurement from itself, a letter, or a vector."""
    if isinstance(value, Measurement):
        return value
    if isinstance(value, str) and value not in AXES:
        if any(ch.isdigit() for ch in value):
            return make_measurement(observable=value)
        raise unknown("measurement", value, AXES)
    return make_measurement(value)


def as_feedback(value: Any) -> Feedback:
    """A feedback from itself or a policy's name."""
    if isinstance(value, Feedback):
        return value
    if isinstance(value, str) and value == "channel":
        return make_feedback("best", operations="channel")
    if not isinstance(value, str) or value not in POLICIES:
        raise unknown("feedback policy", value, (*POLICIES, "channel"))
    return make_feedback(value)


def _reservoirs(state: State, surroundings: Any) -> tuple[tuple[Any, ...], Any]:
    """Surroundings during the delay as a tuple, and their master equation."""
    if surroundings is None:
        return (), None
    from qet.solvers.evolve import master_for
    from qet.solvers.steady import as_surroundings

    things = as_surroundings(surroundings)
    return things, master_for(state, things, None)


def _check_fit(run: Run) -> None:
    """Everything that can be refused before anything is computed."""
    model = run.state.model
    _ = run.shape
    if run.surroundings and run.has_delay:
        from qet.solvers.stationary import check_size

        check_size(2**model.n_sites)
    d_B = 2 ** len(model.B)
    check_fixed(run.feedback, run.n_symbols, d_B)
    check_class(run.feedback, d_B)
