"""How an energy falls off with the distance: which law, with which exponent or length, and how sure that is.

A law of decay is asymptotic: near Alice it is not reached, and the exponent between neighbors drifts towards its
limit. So an uncertainty has two parts: the scatter of the points about the law, and the drift, what the parameters
still change from a window of distances to its far half, continued to infinity as 1/n. Unless it is given, the window is
the one, among those that end at the farthest point, in which both together are least, a drift that noise may hide among
them: long for noisy points, far out for precise ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.foundations.values import Call, Value, call_of
from qet.studies.decay_fit import LAWS, Fit, fit_decay

Array = np.ndarray
RESOLVED = 3.0  # times the error that an energy must exceed: a logarithm has no use for less
FEWEST = 4  # points of a fit
SHRINK = 0.8  # from a window to the next one tried
SIGNIFICANT = 2.0  # uncertainties from zero, for a parameter that earns its place
MATERIAL = 0.01  # change of ln E along the window by a parameter, below which it is no part of the law
CLEAR = 6.0  # difference of AICc that is clear-cut: likelihoods differ by a factor of 20


@dataclass(frozen=True, eq=False, repr=False)
class DecayLaw(Value):
    """E = C n^-p, C exp(-n/xi) or C n^-p exp(-n/xi), as fitted.

    Attributes:
        law: "power", "exponential" or "power-exponential".
        parameters: "C", "p", "xi" as far as the law has them; known ones among them.
        uncertainty: Of each, scatter and drift together, one standard deviation; 0 for known ones.
        statistical: The part from the scatter and the errors of the points.
        drift: The part from the choice of the window.
        window: The nearest and the farthest distance fitted.
        scatter: Of ln E about the law beyond the errors, one standard deviation.
        local_distance: Between which distances the local exponents lie (geometric means), shape (m - 1,).
        local_exponent: -d ln E/d ln n between neighbors, the exponential taken out; of an exponential -d ln E/dn.
        extrapolated: The parameters at infinite distance: with 1/n fitted beside the law.
        extrapolated_uncertainty: From the scatter and from 1/n² fitted beside it too.
        aicc: Law -> Akaike's criterion on the far half of the points, counted from the least; which law is likelier.
        is_clear: Whether the choice of the law is clear-cut; True where the law was given.
        statement: The choice in words.
        distance, energy, error: The resolved points, in the order of distance.
        n_left_out: How many points were not resolved.
        made_by: The public word and arguments.
    """

    law: str
    parameters: dict[str, float]
    uncertainty: dict[str, float]
    statistical: dict[str, float]
    drift: dict[str, float]
    window: tuple[float, float]
    scatter: float
    local_distance: Array
    local_exponent: Array
    extrapolated: dict[str, float]
    extrapolated_uncertainty: dict[str, float]
    aicc: dict[str, float]
    is_clear: bool
    statement: str
    distance: Array
    energy: Array
    error: Array
    n_left_out: int
    made_by: Call
    _identity = ("law", "parameters", "uncertainty", "window", "distance", "energy", "error")

    def __call__(self, distance: Any) -> Any:
        """The law at other distances."""
        n, at = np.asarray(distance, dtype=float), self.parameters
        value = at["C"] * n ** -at.get("p", 0.0)
        return (value * np.exp(-n / at["xi"]) if "xi" in at else value)[()]

    def __str__(self) -> str:
        shape = {"power": "C n^-p", "exponential": "C exp(-n/xi)", "power-exponential": "C n^-p exp(-n/xi)"}[self.law]
        low, high = self.window
        count = int(((self.distance >= low) & (self.distance <= high)).sum())
        lines = [f"E = {shape}, fitted to {count} distances from {low:g} to {high:g}"]
        for name, value in self.parameters.items():
            if self.uncertainty[name] == 0.0:
                lines.append(f"  {name:2} = {value:.6g} (known)")
                continue
            parts = f"scatter {self.statistical[name]:.1g}, drift {self.drift[name]:.1g}"
            limit = f"n -> inf {self.extrapolated[name]:.6g} ± {self.extrapolated_uncertainty[name]:.1g}"
            lines.append(f"  {name:2} = {value:.6g} ± {self.uncertainty[name]:.1g} ({parts}; {limit})")
        left = [f"  {self.n_left_out} points are not resolved and left out"] if self.n_left_out else []
        return "\n".join([*lines, f"  {self.statement}", *left])


def decay_law(
    distance: Any,
    energy: Any,
    *,
    error: Any = None,
    law: str = "auto",
    rate: float | None = None,
    exponent: float | None = None,
    window: tuple[float, float] | None = None,
) -> DecayLaw:
    """The law by which energies fall off with the distance, its parameters and their uncertainty.

    Points whose energy is not finite, not positive, or less than three times its error are left out.

    Args:
        distance: n > 0, shape (m,).
        energy: E, shape (m,).
        error: Of the energies, one standard deviation or the precision of a run; number or shape (m,).
        law: "power", C n^-p; "exponential", C exp(-n/xi); "power-exponential", their product; "auto" compares the
            three: the product where both p and 1/xi differ from zero by twice their uncertainty, else what is likelier
            of the first two.
        rate: A known 1/xi, which is then not fitted; the law is "power-exponential".
        exponent: A known p.
        window: The nearest and farthest distance to fit; chosen by default.

    Returns:
        A `DecayLaw`: .law .parameters .uncertainty .window .local_exponent .extrapolated .statement; printed as a
        table, drawn by `qet.plot.decay`.

    Raises:
        ShapeMismatch: for arrays that do not fit. UnknownName: for another law.
        BadParameter: for fewer than four resolved points in the window, distances that repeat or are not positive, and
            known parameters that the law does not have.

    Example:
        >>> import numpy as np, qet
        >>> n = np.arange(4, 60)
        >>> found = qet.decay_law(n, 0.02 * n**-4.5 * (1 + 0.3 / n**2))
        >>> found.law, abs(found.parameters["p"] - 4.5) < found.uncertainty["p"] < 0.01
        ('power', True)
    """
    known = _known(law, rate, exponent)
    n, E, sigma, left_out = _points(distance, energy, error)
    inside = np.ones(n.size, dtype=bool) if window is None else (n >= window[0]) & (n <= window[1])
    if inside.sum() < FEWEST:
        raise BadParameter(
            f"decay_law needs {FEWEST} resolved points; there are {int(inside.sum())} of {np.size(distance)}. Take "
            "more distances, a wider window, or a solver of higher precision."
        )
    data = Points(n[inside], np.log(E[inside]), (sigma[inside] / E[inside]) ** 2)
    names = [law] if law != "auto" else ["power-exponential"] if rate is not None else list(LAWS)
    found = {name: windowed(data, name, known, is_fixed=window is not None) for name in names if data.allows(name)}
    aicc = _likelihoods(data, list(found), known)
    chosen, is_clear, statement = _choice(data, found, aicc, known)
    fit = found[chosen]
    values, spread, drift = _parameters(fit, known)
    limit, limit_spread = _limit(data.cut(fit.start), chosen, known)
    options = {"law": (law, "auto"), "rate": (rate, None), "exponent": (exponent, None), "window": (window, None)}
    call = call_of("decay_law", {"distance": n, "energy": E}, {"error": (sigma, np.zeros_like(sigma)), **options})
    total = {name: float(np.hypot(spread[name], drift[name])) for name in values}
    ends = (float(data.n[fit.start]), float(data.n[-1]))
    return DecayLaw(
        chosen, values, total, spread, drift, ends, fit.fit.scatter, *_local(data, chosen, values), limit, limit_spread,
        aicc, is_clear, statement, n, E, sigma, left_out, call,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Points:
    """Distances, ln E, and the variance of ln E."""

    n: Array
    log: Array
    variance: Array

    def cut(self, start: int) -> Points:
        """From a point on."""
        return Points(self.n[start:], self.log[start:], self.variance[start:])

    def fit(self, law: str, known: Mapping[str, float], corrections: int = 0) -> Fit:
        """One fit to all of them."""
        return fit_decay(self.n, self.log, self.variance, law, known, corrections)

    def allows(self, law: str) -> bool:
        """Whether there are enough points, also in the far half."""
        return self.n.size // 2 > len(LAWS[law]) or (law != "power-exponential" and self.n.size >= FEWEST)


@dataclass(frozen=True, eq=False)
class Windowed:
    """A fit in its window.

    Attributes:
        fit: The fit.
        start: First point of the window.
        drift: Parameter of the fit -> systematic uncertainty.
        hidden: The same with all that noise may hide.
    """

    fit: Fit
    start: int
    drift: dict[str, float]
    hidden: dict[str, float]

    def total(self, name: str) -> float:
        """Uncertainty of a parameter of the fit."""
        return float(np.hypot(self.fit.deviation(name), self.drift[name]))


def windowed(data: Points, law: str, known: Mapping[str, float], *, is_fixed: bool) -> Windowed:
    """The fit in the window where scatter and drift together are least; in all points where it is fixed."""
    tried = []
    count, least = data.n.size, max(2 * (len(LAWS[law]) + 2), 2 * FEWEST)
    while True:
        start = data.n.size - count
        tried.append(_drifting(data.cut(start), law, known, start))
        if is_fixed or int(count * SHRINK) < least:
            break
        count = int(count * SHRINK)
    shape = [name for name in tried[0].fit.names if name != "lnC"] or ["lnC"]
    return min(
        tried, key=lambda one: sum(np.log(one.hidden[name] + one.fit.deviation(name) + 1e-300) for name in shape)
    )


def _drifting(data: Points, law: str, known: Mapping[str, float], start: int) -> Windowed:
    """A fit and what its parameters still change in the far half, beyond what noise explains."""
    fit = data.fit(law, known)
    half = data.n.size // 2
    if half < len(fit.names) + 1:
        return Windowed(fit, start, dict.fromkeys(fit.names, 0.0), dict.fromkeys(fit.names, 0.0))
    far = data.cut(data.n.size - half).fit(law, known)
    # parameters that go to their limit as 1/n, n the geometric mean of a window, are still this many changes away
    ahead = 1.0 / (1.0 - np.exp(np.log(data.n).mean() - np.log(data.n[-half:]).mean()))
    drift, hidden = {}, {}
    for name in fit.names:
        change2 = (far.value(name) - fit.value(name)) ** 2
        noise2 = abs(
            far.deviation(name) ** 2 - fit.deviation(name) ** 2
        )  # of a fit less the fit to a part of its points
        drift[name] = float(ahead * np.sqrt(max(0.0, change2 - noise2)))
        hidden[name] = float(ahead * np.sqrt(change2 + noise2))
    return Windowed(fit, start, drift, hidden)


def _likelihoods(data: Points, laws: list[str], known: Mapping[str, float]) -> dict[str, float]:
    """AICc of each law on the far half, counted from the least."""
    far = data.cut(data.n.size - max(data.n.size // 2, min(data.n.size, 7)))
    values = {law: far.fit(law, known).aicc for law in laws}
    least = min(values.values())
    return {law: value - least if np.isfinite(least) else 0.0 for law, value in values.items()}


def _choice(
    data: Points, found: Mapping[str, Windowed], aicc: Mapping[str, float], known: Mapping[str, float]
) -> tuple[str, bool, str]:
    """The law, whether it is clear-cut, and why."""
    if len(found) == 1:
        only = next(iter(found))
        return only, True, f"the law was given{' with ' + ' and '.join(known) if known else ''}"
    both = found.get("power-exponential")
    if both is not None and _is_needed(both, data):
        return "power-exponential", True, "both p and 1/xi differ from zero by more than twice their uncertainty"
    gap = aicc["exponential"] - aicc["power"]
    best, other = ("power", "exponential") if gap >= 0.0 else ("exponential", "power")
    if abs(gap) < CLEAR:
        return best, False, f"not clear-cut: the AICc of {best} is lower than that of {other} by {abs(gap):.1f} only"
    return best, True, f"AICc prefers {best} to {other} by {abs(gap):.0f}; both together are not resolved"


def _is_needed(both: Windowed, data: Points) -> bool:
    """Whether p and 1/xi are both resolved, and both matter."""
    low, high = data.n[both.start], data.n[-1]
    span = {"p": np.log(high / low), "rate": high - low}
    names = [name for name in ("p", "rate") if name in both.fit.names]
    is_seen = all(abs(both.fit.value(name)) > SIGNIFICANT * both.total(name) for name in names)
    matters = all(abs(both.fit.value(name)) * span[name] > MATERIAL for name in names)
    return is_seen and matters and ("rate" not in names or both.fit.value("rate") > 0.0)


def _parameters(
    found: Windowed, known: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """C, p and xi with the two parts of their uncertainty, from ln C, p and 1/xi."""
    values, spread, drift = {}, {}, {}
    for name, value, one, other in _public(found.fit, known, found.drift):
        values[name], spread[name], drift[name] = value, one, other
    return values, spread, drift


def _public(fit: Fit, known: Mapping[str, float], drift: Mapping[str, float]) -> list[tuple[str, float, float, float]]:
    """Name, value and both uncertainties of the parameters as users know them."""
    C = float(np.exp(fit.value("lnC")))
    rows = [("C", C, C * fit.deviation("lnC"), C * drift["lnC"])]
    for name in ("p", "rate"):
        if name not in fit.names and name not in known:
            continue
        is_free = name in fit.names
        value = fit.value(name) if is_free else known[name]
        parts = (fit.deviation(name), drift[name]) if is_free else (0.0, 0.0)
        if name == "p":
            rows.append(("p", value, *parts))
        else:
            length = 1.0 / value if value else float("inf")
            rows.append(("xi", length, length**2 * parts[0], length**2 * parts[1]))
    return rows


def _limit(data: Points, law: str, known: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The parameters with 1/n fitted beside the law, and what 1/n² changes; nan for too few points."""
    values, spread = {}, {}
    once = data.n.size > len(LAWS[law]) + 4
    fit = data.fit(law, known, int(once))
    further = data.fit(law, known, 2) if once else fit
    drift = {name: abs(further.value(name) - fit.value(name)) for name in fit.names}
    for name, value, one, other in _public(fit, known, drift):
        values[name] = value if once else float("nan")
        spread[name] = float(np.hypot(one, other)) if once else float("nan")
    return values, spread


def _local(data: Points, law: str, values: Mapping[str, float]) -> tuple[Array, Array]:
    middle = np.sqrt(data.n[1:] * data.n[:-1])
    if law == "exponential":
        return middle, -np.diff(data.log) / np.diff(data.n)
    bare = data.log + (data.n / values["xi"] if "xi" in values else 0.0)
    return middle, -np.diff(bare) / np.diff(np.log(data.n))


def _known(law: str, rate: Any, exponent: Any) -> dict[str, float]:
    if law != "auto" and law not in LAWS:
        raise unknown("law of decay", law, ("auto", *LAWS))
    known = {}
    for name, parameter, value in (("rate", "rate", rate), ("exponent", "p", exponent)):
        if value is None:
            continue
        number = real(name, value)
        if np.ndim(number):
            raise ShapeMismatch(f"{name} is one number; got shape {np.shape(number)}.")
        needs = "power-exponential" if law == "auto" else law
        if parameter not in LAWS[needs]:
            raise BadParameter(f"the law {law!r} has no {name}; take law='power-exponential'.")
        known[parameter] = float(number)
    return known


def _points(distance: Any, energy: Any, error: Any) -> tuple[Array, Array, Array, int]:
    """The resolved points in the order of distance, and how many are not resolved."""
    n = np.asarray(real("distance", distance), dtype=float)
    E = np.asarray(energy, dtype=float)
    sigma = np.asarray(real("error", 0.0 if error is None else error, minimum=0.0), dtype=float)
    if n.ndim != 1 or E.shape != n.shape or sigma.shape not in ((), n.shape):
        raise ShapeMismatch(
            f"decay_law needs distance (m,), energy (m,) and error () or (m,); got {n.shape}, {E.shape}, {sigma.shape}."
        )
    if np.any(n <= 0.0) or np.unique(n).size != n.size:
        raise BadParameter("distances must be positive and different from each other.")
    order = np.argsort(n)
    n, E, sigma = n[order], E[order], np.broadcast_to(sigma, n.shape)[order]
    with np.errstate(invalid="ignore"):
        resolved = np.isfinite(E) & (E > 0.0) & (E > RESOLVED * sigma)
    return n[resolved], E[resolved], sigma[resolved], int((~resolved).sum())
