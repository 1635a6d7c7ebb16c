"""Spectral densities J(w) of baths and the occupation of their modes, with every limit at w -> 0 and T -> 0.

A spectrum is plain data, J(w) for w > 0 (for w of any sign where a fermionic band is full, J(|w|) then, but for the
Lorentzian, which knows signs):

    "flat"                            rate
    "ohmic"                           rate w
    ("drude", c)                      rate w c²/(w² + c²)
    ("exponential", c)                rate w e^{-w/c}
    ("power", s, c)                   rate w (w/c)^{s-1} e^{-w/c},  s > 0: sub-ohmic below 1, super-ohmic above
    ("lorentzian", center, width)     rate width²/((w - center)² + width²)
    ("table", (w_0, ...), (j_0, ...)) rate j(w), interpolated (see `tables`); zero above the last w

A function, f or ("function", f, w_max), becomes a table when the bath is made.

At w -> 0 what matters is J -> rate a w^s, see `onset`. Bosons with mu = 0 have n -> T/w, so that

    J n -> 0 (s > 1 or T = 0),   rate a T (s = 1),   no limit (s < 1, T > 0).

With mu < 0 the occupation is finite at w = 0, and J n -> 0 for every s > 0. A spectrum with J(0) > 0 has no value at
w = 0 on a half line, where it jumps (for bosons with mu = 0 J n also diverges). Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, unknown
from qet.physics.tables import checked_table, interpolated, tabulated, value_and_slope

Array = np.ndarray
Spectrum = str | tuple[Any, ...]
KNOWN = (
    "flat",
    "ohmic",
    "('drude', cutoff)",
    "('exponential', cutoff)",
    "('power', exponent, cutoff)",
    "('lorentzian', center, width)",
    "('table', frequencies, values)",
    "a function of the frequency",
)
_NUMBERS = {
    "drude": ("cut-off",),
    "exponential": ("cut-off",),
    "power": ("exponent", "cut-off"),
    "lorentzian": ("center", "width"),
}
_EXAMPLES = {
    "drude": "('drude', 5.0)",
    "exponential": "('exponential', 5.0)",
    "power": "('power', 0.5, 5.0)",
    "lorentzian": "('lorentzian', 1.0, 0.2)",
    "table": "('table', [0.0, 1.0, 2.0], [0.0, 0.5, 0.0])",
    "function": "('function', f, 20.0)",
}


def checked_spectrum(spectrum: Any) -> Spectrum:
    """A spectrum as plain data, hashable.

    Raises:
        UnknownName, BadParameter: no such form, or numbers out of their domain.
        BadSpectrum: a table or function that is negative, not finite, not ascending, or of the wrong shape.
    """
    if callable(spectrum):
        return ("table", *tabulated(spectrum))
    if isinstance(spectrum, str):
        if spectrum in _EXAMPLES:
            what = f"its {' and its '.join(_NUMBERS[spectrum])}" if spectrum in _NUMBERS else "its data"
            raise BadParameter(f"a spectrum {spectrum!r} needs {what}: spectrum={_EXAMPLES[spectrum]}.")
        if spectrum not in ("flat", "ohmic"):
            raise unknown("spectrum", spectrum, KNOWN)
        return spectrum
    if not isinstance(spectrum, (tuple, list)) or not spectrum or not isinstance(spectrum[0], str):
        raise unknown("spectrum", spectrum, KNOWN)
    name, given = spectrum[0], tuple(spectrum[1:])
    if name in ("flat", "ohmic") or name not in _EXAMPLES:
        raise unknown("spectrum", spectrum, KNOWN)
    if name == "function":
        if len(given) != 2 or not callable(given[0]):
            raise BadParameter(f"a spectrum 'function' is {_EXAMPLES[name]}: a function and its last frequency.")
        return ("table", *tabulated(given[0], _positive("the last frequency of a function", given[1])))
    if name == "table":
        if len(given) != 2:
            raise BadParameter(f"a spectrum 'table' is {_EXAMPLES[name]}: frequencies and values.")
        return ("table", *checked_table(*given))
    if len(given) != len(_NUMBERS[name]):
        raise BadParameter(f"a spectrum {name!r} is {_EXAMPLES[name]}; got {len(given)} numbers.")
    labels = [f"the {word} of a spectrum {name!r}" for word in _NUMBERS[name]]
    numbers = [
        _number(label, value) if label.startswith("the center") else _positive(label, value)
        for label, value in zip(labels, given, strict=True)
    ]
    return (name, *numbers)


def spelled(spectrum: Spectrum) -> Any:
    """The spectrum as an argument of `bath`: a table's columns as arrays, so that a long one is summed up in print."""
    return ("table", np.array(spectrum[1]), np.array(spectrum[2])) if spectrum[0] == "table" else spectrum


def described(spectrum: Spectrum) -> str:
    """The spectrum in a message: itself, a table by its size."""
    return f"a table of {len(spectrum[1])} frequencies" if spectrum[0] == "table" else repr(spectrum)


def spectral_density(w: Any, rate: Any, spectrum: Spectrum) -> Any:
    """J(w), in units of energy; even in w but for the Lorentzian. The forms are in the module's text."""
    name, *numbers = _parts(spectrum)
    if name == "flat":
        return rate * np.ones_like(w, dtype=float)
    if name == "lorentzian":
        center, width = numbers
        return rate * (width**2 / ((np.asarray(w) - center) ** 2 + width**2))
    w = np.abs(w)
    if name == "ohmic":
        return rate * w
    if name == "table":
        return rate * interpolated(numbers[0], numbers[1], w)
    cutoff = numbers[-1]
    if name == "drude":
        return rate * w * cutoff**2 / (w * w + cutoff**2)
    s = numbers[0] if name == "power" else 1.0
    bare = w if s == 1.0 else cutoff * (w / cutoff) ** s
    return rate * (bare * np.exp(-w / cutoff))


def occupation(w: Any, T: Any, mu: Any, statistics: str) -> Any:
    """Mean occupation n(w) = 1/(e^{(w - mu)/T} -+ 1), with its limits at T = 0; w > mu for bosons.

    Bosons at w = mu give infinity (zero at T = 0); fermions at T = 0 give 1, 1/2, 0 below, at, above mu.
    """
    energy, is_cold = np.subtract(w, mu), np.equal(T, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = np.divide(energy, T)
        x = np.where(is_cold, np.where(energy == 0.0, 0.0, np.inf * np.sign(energy)), x)
        if statistics == "fermion":
            return 1.0 / (np.exp(x) + 1.0)
        n = np.divide(1.0, np.expm1(x))
        return np.where(is_cold & (energy >= 0.0), 0.0, n)


def onset(spectrum: Spectrum) -> tuple[float, float]:
    """(s, a) of J -> rate a w^s at w -> 0+; a table that rises slower than linearly is given s = 2, a = 0."""
    name, *numbers = _parts(spectrum)
    if name == "flat":
        return 0.0, 1.0
    if name == "lorentzian":
        return 0.0, float(spectral_density(0.0, 1.0, spectrum))
    if name == "power":
        return numbers[0], numbers[1] ** (1.0 - numbers[0])
    if name == "table":
        value, slope = value_and_slope(numbers[0], numbers[1])
        return (0.0, value) if value > 0.0 else (1.0, slope) if slope > 0.0 else (2.0, 0.0)
    return 1.0, 1.0


def zero_rate(T: Any, rate: Any, mu: Any, statistics: str, spectrum: Spectrum) -> Any:
    """The mean of the rates down and up at w -> 0+: what a bath does at zero frequency, on a half line.

    Bosons: the limit of J n, 0 where there is none (see `has_no_limit`); fermions: J(0)/2.
    """
    s, a = onset(spectrum)
    if statistics == "fermion":
        return 0.5 * a * np.asarray(rate) * np.ones_like(T) if s == 0.0 else np.zeros_like(rate * np.asarray(T))
    return np.where((s == 1.0) & (np.asarray(mu) >= 0.0), a * np.asarray(rate) * np.asarray(T), 0.0)


def has_no_limit(T: Any, rate: Any, mu: Any, statistics: str, spectrum: Spectrum) -> Any:
    """Where a half line has no rate at w = 0: J jumps there, or J n diverges. Bool, the shape of the parameters."""
    s = onset(spectrum)[0]
    if s == 0.0:
        return np.asarray(rate) > 0.0
    if s < 1.0 and statistics == "boson":
        return (np.asarray(rate) > 0.0) & (np.asarray(T) > 0.0) & (np.asarray(mu) >= 0.0)
    return np.zeros((), dtype=bool)


def relaxation(w: Any, T: Any, rate: Any, mu: Any, statistics: str, spectrum: Spectrum) -> tuple[Any, Any]:
    """total = down + up and difference = down - up of a bath at a frequency w >= 0 (w of any sign for a full band).

    Bosons: J coth((w - mu)/2T) and J; fermions: J and J tanh((w - mu)/2T). Limits at T = 0 and at w = 0.
    """
    J = rate if isinstance(spectrum, str) and spectrum == "flat" else spectral_density(w, rate, spectrum)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        energy = w if isinstance(mu, float) and mu == 0.0 else w - mu
        t = np.tanh(np.divide(0.5 * energy, T))
        if statistics == "fermion":
            if np.isnan(np.min(t, initial=1.0)):  # T = 0 exactly at the chemical potential: half filled
                t = np.where(np.isnan(t), 0.0, t)
            return J, J * t
        total = J / t
        if np.isnan(np.min(total, initial=1.0)):  # w = mu = 0
            total = np.where(np.isnan(total), 2.0 * zero_rate(T, rate, mu, statistics, spectrum), total)
    return total, J


def _parts(spectrum: Spectrum) -> tuple[Any, ...]:
    return (spectrum,) if isinstance(spectrum, str) else spectrum


def _number(name: str, value: Any) -> float:
    found = real(name, value)
    if not isinstance(found, float):
        raise BadParameter(f"{name} is one number; got an array of shape {np.shape(found)}.")
    return found


def _positive(name: str, value: Any) -> float:
    found = _number(name, value)
    if found <= 0.0:
        raise BadParameter(f"{name} is one positive number; got {value!r}.")
    return found
