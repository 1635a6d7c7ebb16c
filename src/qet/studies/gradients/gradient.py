"""Derivatives of a run's energies by any smooth parameter, at the cost of a few values whatever their number.

Nothing is solved at a shifted parameter. The state is differentiated implicitly (one transposed solve a point, see
`solvers.adjoint`), Bob's optimum by the envelope theorem (`protocols.tangent`); what remains is an explicit smooth
function of the parameters, with the state and the operations held, whose slope is taken by extrapolated central
differences with a stated error (`foundations.stencil`). The two-qubit pair between baths has a straight line through
the transposed elimination instead (`pair`), in NumPy or in JAX.

A point without a derivative (equally good operations that answer differently, a level crossing, the square root at the
end of a strength) is marked and its derivative is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from html import escape
from operator import add
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast, real
from qet.foundations.errors import BadParameter, NotOffered, ShapeMismatch, unknown
from qet.foundations.values import Call, Value, call_of, frozen
from qet.protocols.run import Run
from qet.studies.gradients.implicit import Found, implicit
from qet.studies.gradients.pair import by_leaves, is_offered
from qet.studies.named_function import check_parameters, identity, name_of
from qet.studies.objective import quiet

Array = np.ndarray
METHODS = ("auto", "implicit", "jax")
ENERGIES: dict[str, dict[str, float]] = {  # as sums of the parts that are differentiated
    "extracted": {"extracted": 1.0},
    "local": {"local": 1.0},
    "teleported": {"extracted": 1.0, "local": -1.0},
    "injected": {"injected": 1.0},
    "leak": {"leak": 1.0},
    "net_work": {"extracted": 1.0, "injected": -1.0},
    "efficiency": {"extracted": 1.0},
    "efficiency_teleported": {"extracted": 1.0, "local": -1.0},
}
RATIOS = ("efficiency", "efficiency_teleported")  # of the sum above to what is injected


@dataclass(frozen=True, eq=False, repr=False)
class Gradient(Value):
    """An energy of a run and its derivatives; made by `gradient`. Arrays have the shape of the run.

    Attributes:
        of: Which energy.
        value: Its value.
        derivatives: Parameter -> derivative, in units of the energy over the parameter's; NaN where there is none.
        errors: Parameter -> estimated absolute error of the derivative.
        smooth: Parameter -> where the derivative exists.
        one_sided: Parameter -> where the parameter is at the end of its domain, and the derivative one-sided.
        method: "implicit" or "jax".
        made_by: The call.
    """

    of: str
    value: Any
    derivatives: Mapping[str, Any]
    errors: Mapping[str, Any]
    smooth: Mapping[str, Any]
    one_sided: Mapping[str, Any]
    method: str
    made_by: Call
    _identity = ("made_by",)

    def __getitem__(self, name: str) -> Any:
        """The derivative by a parameter."""
        if name not in self.derivatives:
            raise unknown("parameter of the gradient", name, self.derivatives)
        return self.derivatives[name]

    @property
    def is_smooth(self) -> Any:
        """Where all the derivatives exist."""
        return np.logical_and.reduce([np.asarray(mask) for mask in self.smooth.values()])[()]

    def rows(self) -> list[tuple[str, str]]:
        """What there is to say, as (name, text)."""
        rows = [(self.of, _spelled(self.value))]
        for name, derivative in self.derivatives.items():
            rows.append((f"d {self.of}/d {name}", self._told(name, derivative)))
        return [*rows, ("method", self.method)]

    def _told(self, name: str, derivative: Any) -> str:
        missing = int(np.size(derivative) - np.sum(self.smooth[name]))
        ends = int(np.sum(self.one_sided[name]))
        if not np.ndim(derivative):
            if missing:
                return "no derivative here"
            return f"{derivative:.9g} ± {self.errors[name]:.1g}{', one-sided' if ends else ''}"
        worst = np.max(self.errors[name], where=np.asarray(self.smooth[name]), initial=0.0)
        text = f"{_spelled(derivative)} ± {worst:.1g}"
        text += f"; no derivative at {missing} of {np.size(derivative)} points" if missing else ""
        return text + (f"; one-sided at {ends}" if ends else "")

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {_spelled(value)}" for name, value in self.derivatives.items())
        return f"<Gradient of {self.of} {_spelled(self.value)}: {parts}>"

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {text}" for name, text in self.rows())

    def _repr_html_(self) -> str:
        body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in self.rows())
        return f"<table>{body}</table>"


def gradient(point: Callable[..., Any], *, of: str = "extracted", method: str = "auto", **parameters: Any) -> Gradient:
    """An energy of a run and its derivatives by named parameters.

    With E = Tr[W(θ; U*) rho(θ)] for Bob's best operations U*, which the envelope theorem holds fixed,

        dE/dθ = Tr[∂W/∂θ rho] + Tr[Λ (∂L/∂θ) rho],     L†(Λ) = Tr[W rho] - W,

    for a steady state L rho = 0; likewise for ground states, levels, Gibbs states and what is made from them. One
    transposed solve gives the derivatives by all parameters.

    Args:
        point: Function of named parameters that returns a `Run`, as in `sweep` and `optimize`.
        of: "extracted", "local", "teleported", "injected", "leak", "net_work", "efficiency" or
            "efficiency_teleported".
        method: "implicit" (NumPy alone), "jax" (the extra `jax`; two qubits with fields along Z and an XX coupling
            between flat baths or ladder jumps, X measured), or "auto": implicit, which is the faster one on a CPU.
        parameters: Values to differentiate at, numbers or arrays that broadcast together; all points in one batch.

    Returns:
        A `Gradient`: .value, .derivatives, .errors, .smooth, .one_sided; printed as a table.

    Warns:
        OutsideDomain: as the words in `point` do, once.

    Raises:
        UnknownName: for another energy, method or parameter. BadParameter: if `point` returns no run, or nothing is
            to be differentiated. ShapeMismatch: if the parameters do not broadcast with the run.
        NotOffered: for method="jax" without JAX, or where it has no route; for long chains.

    References:
        docs/gradients.md. Derived here.

    Example:
        >>> import qet
        >>> def pair(h, k, T):
        ...     return qet.teleport(qet.gibbs(qet.minimal(h=h, k=k), T=T))
        >>> qet.gradient(pair, h=1.0, k=0.5, T=0.3)
        <Gradient of extracted 0.0656906181: h 0.0283236659, k 0.129273285, T -0.0908989671>
    """
    check_parameters("gradient", point, tuple(parameters), give="its value, {}=...")
    _check(of, method, parameters)
    values = {name: real(name, value) for name, value in parameters.items()}
    shape = broadcast(**{name: np.shape(value) for name, value in values.items()})
    run = _checked_run(point, point(**values))
    _check_shape(run, shape)
    chosen = _chosen(run, of, method)
    parts = tuple(_parts(of))
    if is_offered(run, parts):
        found = by_leaves(partial(_called, point), run, values, parts, chosen)
    else:
        found = implicit(partial(_called, point), run, values, parts)
    value, answers = _combined(run, of, found)
    options = {"of": (of, "extracted"), "method": (method, "auto")}
    made_by = call_of("gradient", {"point": identity(point), **values}, options)
    shaped = {key: {n: _shaped(a, run.shape) for n, a in table.items()} for key, table in answers.items()}
    return Gradient(of, value, **shaped, method=chosen, made_by=made_by)


def _called(point: Callable[..., Any], values: Mapping[str, Any]) -> Run:
    """The run at shifted parameters, without a warning: the one at the point has been given."""
    with quiet():
        return _checked_run(point, point(**values))


def _checked_run(point: Callable[..., Any], run: Any) -> Run:
    if not isinstance(run, Run):
        raise BadParameter(
            f"gradient differentiates the energies of a run; {name_of(point)} gives a {type(run).__name__}. Return "
            "qet.teleport(...), without taking a number of it."
        )
    return run


def _check(of: Any, method: Any, parameters: Mapping[str, Any]) -> None:
    if of not in ENERGIES:
        raise unknown("energy of a run with derivatives", of, ENERGIES)
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if not parameters:
        raise BadParameter("gradient differentiates by the parameters it is given; give at least one, such as k=0.5.")


def _check_shape(run: Run, shape: tuple[int, ...]) -> None:
    try:
        fits = np.broadcast_shapes(run.shape, shape) == run.shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeMismatch(
            f"the parameters broadcast to {shape}, the run has the shape {run.shape}: a parameter must act point by "
            "point. A vector such as a direction is given by its angles."
        )


def _chosen(run: Run, of: str, method: str) -> str:
    if method != "jax":
        return "implicit"
    if not is_offered(run, tuple(_parts(of))):
        raise NotOffered(
            'method="jax" is offered for two qubits with fields along Z and an XX coupling in a steady state between '
            'flat baths (master="local") or ladder jumps, X measured, Bob free to turn his qubit; this run is another. '
            'Take method="implicit".'
        )
    from qet.solvers.traced import require_jax

    require_jax()
    return "jax"


def _parts(of: str) -> dict[str, float]:
    return {**ENERGIES[of], **({"injected": 0.0} if of in RATIOS else {})}


def _combined(run: Run, of: str, found: Mapping[str, Mapping[str, Found]]) -> tuple[Any, dict[str, dict[str, Any]]]:
    """The value, and the answers by parameter, of a sum of parts or its ratio to what is injected."""
    value = getattr(run, of)
    weights = {part: np.asarray(weight) for part, weight in ENERGIES[of].items()}
    if of in RATIOS:
        paid = np.asarray(run.injected)
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = {part: weight / paid for part, weight in weights.items()}
            weights["injected"] = -np.asarray(value) / paid
    has_value = np.isfinite(value)
    answers: dict[str, dict[str, Any]] = {"derivatives": {}, "errors": {}, "smooth": {}, "one_sided": {}}
    for name, parts in found.items():
        smooth = reduce(np.logical_and, (parts[part].smooth for part in weights), has_value)
        total = _weighed(weights, {part: parts[part].derivative for part in weights})
        error = _weighed({p: np.abs(w) for p, w in weights.items()}, {part: parts[part].error for part in weights})
        is_whole = bool(np.all(smooth))
        answers["derivatives"][name] = total if is_whole else np.where(smooth, total, np.nan)
        answers["errors"][name] = error if is_whole else np.where(smooth, error, np.nan)
        answers["smooth"][name] = smooth
        answers["one_sided"][name] = np.logical_or.reduce([parts[part].one_sided for part in weights])
    return value, answers


def _weighed(weights: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    terms = (values[p] if not np.ndim(w) and w == 1.0 else w * values[p] for p, w in weights.items())
    return reduce(add, terms)


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    return frozen(np.broadcast_to(value, shape))[()]


def _spelled(value: Any) -> str:
    if not np.ndim(value):
        return f"{value:.9g}"
    finite = np.asarray(value)[np.isfinite(value)]
    return f"{finite.min():.6g} .. {finite.max():.6g}" if finite.size else "none"
