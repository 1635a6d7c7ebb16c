"""What can go wrong, by name: each error says what was asked, what was found, and what to try.

In a batch an error names the first offending index and how many points share the
fault; `.mask` (bool, run shape) marks them all and `.best` carries the doubtful
result where there is one, so that a map can go on without them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


class QetError(ValueError):
    """Base of every error raised on purpose by this package.

    Attributes:
        mask: Which points of a batch are at fault, or None for a fault of the whole call.
        best: The result that could not be trusted, where there is one.
    """

    def __init__(self, message: str, *, mask: np.ndarray | None = None, best: Any = None) -> None:
        super().__init__(message)
        self.mask = mask
        self.best = best


class BadParameter(QetError):
    """A number outside its domain: NaN, infinite, a negative temperature or rate, a probability outside [0, 1]."""


class BadSpectrum(QetError):
    """A spectral density that is negative or not finite somewhere, or a table of one that cannot be read."""


class ShapeMismatch(QetError):
    """Parameter arrays that do not broadcast, or an operator of the wrong size."""


class BadParties(QetError):
    """Parties that overlap, are empty, or lie outside the system."""


class UnknownName(QetError):
    """A name that is not known; the message lists what is, and the nearest."""


class BadOperator(QetError):
    """Text that is not a sum of Pauli strings, or an operator that does not fit where it is used."""


class NotHermitian(QetError):
    """An operator that must be Hermitian and is not."""


class NotComplete(QetError):
    """Measurement or feedback operators whose M†M do not sum to the identity."""


class NotAChannel(QetError):
    """A Choi matrix of no channel: not Hermitian, a negative eigenvalue, or a trace that is not kept."""


class NotAState(QetError):
    """An array that is no density matrix: wrong trace, not Hermitian, or a negative eigenvalue."""


class DegenerateLevel(QetError):
    """An energy level that is not unique, so that "the" state at it is not defined."""


class DivergentOccupation(QetError):
    """A bath whose occupation diverges at a frequency that the system offers it."""


class NoUniqueSteadyState(QetError):
    """A generator with more than one steady state.

    Attributes:
        survivors: What is left of a start at the first point at fault, one record each; empty where not looked for.
        conserved: Names of operators that commute with H and with every coupling there.
    """

    survivors: tuple[Any, ...] = ()
    conserved: tuple[str, ...] = ()


class SameOperatorTwice(QetError):
    """Two baths that act through the same operator: one bath given twice, or two temperatures on one coupling."""


class NotPositive(QetError):
    """A steady state with a negative eigenvalue: the master equation is outside its domain."""


class NotConverged(QetError):
    """An iteration that did not reach its tolerance; `.best` is where it stopped."""


class TooLarge(QetError):
    """A computation that would not fit; the message says what it would take."""


class NotOffered(QetError):
    """A well-posed request that this representation or version does not answer."""


class AmbiguousEnergy(QetError):
    """A request for "the energy of B" that does not say which terms are meant."""


class BadStudy(QetError):
    """A study, as a file or as data, with mistakes; the message has all of them, each with its place.

    Attributes:
        mistakes: One record each: `.path` in the data and `.text`.
    """

    mistakes: tuple[Any, ...] = ()


class OutsideDomain(UserWarning):
    """A master equation used outside its domain: the result is returned, its corrections are as large as itself."""


def refuse_where(bad: Any, error: type[QetError], say: Callable[[tuple[int, ...]], str], *, best: Any = None) -> None:
    """Raise `error` if any entry of `bad` is true, naming the first index and the count.

    Args:
        bad: Boolean, any shape.
        error: Which error to raise.
        say: Message for the first offending index (an empty tuple for a scalar).
        best: The doubtful result, carried on the error.
    """
    mask = np.asarray(bad)
    if not mask.any():
        return
    if mask.ndim == 0:
        raise error(say(()), mask=mask, best=best)
    first = tuple(int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))
    count = int(mask.sum())
    where = f" (first at index {first}; {count} of {mask.size} points)"
    raise error(say(first) + where, mask=mask, best=best)


def nearest(name: str, known: Iterable[str]) -> str:
    """The clause "did you mean 'x'? Known: ..." for a mistyped name."""
    options = [str(option) for option in known]
    folded = {option.lower(): option for option in options}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[close[0]]!r}? " if close else ""
    return f"{hint}Known: {', '.join(options)}."


def unknown(what: str, name: object, known: Iterable[str]) -> UnknownName:
    """The error for a name that is not known, with the nearest one that is."""
    return UnknownName(f"there is no {what} {name!r}; {nearest(str(name), known)}")


class WorkerLost(QetError):
    """Processes that computed a chunk died again and again; what was finished before is kept where it was stored."""


class OtherStudy(QetError):
    """A store that holds another study than the one that asks for it; the message names what differs."""


class NotAStore(QetError):
    """A path that holds no store, or one that this version cannot read."""


class NotWritten(QetError):
    """A file that could not be written: a full disk, a folder that is read-only or missing. Finished work is kept."""


class NotReadable(QetError):
    """A file that is not taken back: damaged, edited, of a newer version, or not of this package."""


class NewerVersion(UserWarning):
    """A file that a newer version of this package made: words that changed since may mean something else."""
