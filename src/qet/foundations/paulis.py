"""Sums of Pauli strings with array coefficients, and the text that names them.

A `PauliSum` is a sorted tuple of (string, coefficient) pairs. A string is a tuple of
(site, letter) pairs in order of the sites; the empty string is the identity. The
coefficients are numbers or arrays that broadcast against each other: a sum over a
batch of points is one object. The text form, "0.5 X0 X1 - 1.2 Z0", is read by a
recursive-descent parser; nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, cast

import numpy as np

from qet.foundations.errors import BadOperator, ShapeMismatch, TooLarge
from qet.foundations.spelling import spelled_bytes
from qet.foundations.values import Value, plain

Array = np.ndarray
PauliString = tuple[tuple[int, str], ...]
LETTERS = "IXYZ"
LARGEST_MATRIX = 14  # sites: 2 GiB

# letter · letter = phase · letter
_PRODUCT: dict[tuple[str, str], tuple[complex, str]] = {(a, a): (1, "I") for a in "XYZ"}
for _a, _b, _c in ("XYZ", "YZX", "ZXY"):
    _PRODUCT[_a, _b] = (1j, _c)
    _PRODUCT[_b, _a] = (-1j, _c)


def multiply_strings(left: PauliString, right: PauliString) -> tuple[complex, PauliString]:
    """The product of two Pauli strings: its phase (1, i, -1 or -i) and the string."""
    letters = dict(left)
    phase: complex = 1
    for site, letter in right:
        if site not in letters:
            letters[site] = letter
            continue
        factor, result = _PRODUCT[letters[site], letter]
        phase *= factor
        if result == "I":
            del letters[site]
        else:
            letters[site] = result
    return phase, tuple(sorted(letters.items()))


def spell_string(string: PauliString) -> str:
    """A Pauli string as text: "X0 Y2", or "I" for the identity."""
    return " ".join(f"{letter}{site}" for site, letter in string) or "I"


def real_if_real(value: Any) -> Any:
    """Drop an imaginary part that is exactly zero."""
    if isinstance(value, float):  # the usual case, and thousands of them in a long chain
        return value
    if np.iscomplexobj(value) and not np.any(np.imag(value)):
        return np.real(value) if isinstance(value, np.ndarray) else value.real
    return value


@dataclass(frozen=True, eq=False, repr=False)
class PauliSum(Value):
    """A sum of Pauli strings, Σ c_s s, with coefficients that may be arrays.

    Args:
        terms: Pairs (string, coefficient), one a string, sorted by `collect`.
    """

    terms: tuple[tuple[PauliString, Any], ...]

    @cached_property
    def support(self) -> tuple[int, ...]:
        """Sites on which some string acts."""
        return tuple(sorted({site for string, _ in self.terms for site, _ in string}))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the coefficients."""
        try:
            return np.broadcast_shapes(*(np.shape(c) for _, c in self.terms))
        except ValueError:
            shapes = {spell_string(s): np.shape(c) for s, c in self.terms}
            raise ShapeMismatch(f"the coefficients do not broadcast: {shapes}. Give them common axes.") from None

    @cached_property
    def coefficients(self) -> Mapping[PauliString, Any]:
        """The coefficient of each string that occurs."""
        return dict(self.terms)

    def __add__(self, other: Any) -> PauliSum:
        return collect([*self.terms, *_as_sum(other).terms])

    def __radd__(self, other: Any) -> PauliSum:
        return _as_sum(other) + self

    def __sub__(self, other: Any) -> PauliSum:
        return self + (-1) * _as_sum(other)

    def __neg__(self) -> PauliSum:
        return (-1) * self

    def __mul__(self, other: Any) -> PauliSum:
        pairs = []
        for (left, a), (right, b) in product(self.terms, _as_sum(other).terms):
            phase, string = multiply_strings(left, right)
            pairs.append((string, a * b if phase == 1 else phase * (a * b)))
        return collect(pairs)

    def __rmul__(self, other: Any) -> PauliSum:
        return _as_sum(other) * self

    __array_ufunc__ = None  # array * PauliSum is ours, not NumPy's

    def dagger(self) -> PauliSum:
        """The Hermitian conjugate."""
        return PauliSum(tuple((string, np.conj(c) if np.iscomplexobj(c) else c) for string, c in self.terms))

    @property
    def is_hermitian(self) -> bool:
        """Whether every coefficient is real."""
        return all(not np.iscomplexobj(real_if_real(c)) for _, c in self.terms)

    @property
    def is_real(self) -> bool:
        """Whether the matrix is real: real coefficients and an even number of Ys in every string."""
        return self.is_hermitian and all(_count_y(string) % 2 == 0 for string, _ in self.terms)

    def relabel(self, sites: Mapping[int, int]) -> PauliSum:
        """The same sum with site i renamed to sites[i]."""
        return collect([(tuple((sites[site], letter) for site, letter in s), c) for s, c in self.terms])

    def matrix(self, sites: Sequence[int]) -> Array:
        """The matrix on `sites`, the first leftmost: shape (*shape, 2^m, 2^m); real where the sum is."""
        place = {site: position for position, site in enumerate(sites)}
        missing = [site for site in self.support if site not in place]
        if missing:
            raise BadOperator(f"{self} acts on sites {missing}, which are not among {tuple(sites)}.")
        if len(sites) > LARGEST_MATRIX:
            raise TooLarge(
                f"a matrix on {len(sites)} sites has 4^{len(sites)} entries, {spelled_bytes(8.0 * 4.0 ** len(sites))}; "
                f"they are written out up to {LARGEST_MATRIX} sites."
            )
        d = 2 ** len(sites)
        out = np.zeros((*self.shape, d, d), dtype=float if self.is_real else complex)
        rows = np.arange(d)
        for string, c in self.terms:
            columns, phases = _string_entries(string, place, len(sites))
            entries = np.asarray(real_if_real(c))[..., None] * phases
            out[..., rows, columns] += entries if np.iscomplexobj(out) else np.real(entries)
        return out

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        text = ""
        for string, c in self.terms:
            value = np.asarray(c)
            if value.ndim:
                number = f"[{'x'.join(map(str, value.shape))}]"
            else:
                number = f"{value.item():.12g}" if not np.iscomplexobj(value) else f"({value.item():.12g})"
            sign, number = ("- ", number[1:]) if number.startswith("-") else ("+ ", number)
            text += f" {sign}{number} {spell_string(string)}"
        return text[3:] if text.startswith(" + ") else "-" + text[3:]

    def __repr__(self) -> str:
        if not self.shape and self.is_hermitian:
            pairs = [f"{float(np.real(c))!r} {spell_string(s)}" for s, c in self.terms]
            return f'qet.pauli("{" + ".join(pairs) or "0"}")'.replace("+ -", "- ")
        if not self.shape:
            return " + ".join(f'qet.pauli("{spell_string(s)}", {complex(c) + 0!r})' for s, c in self.terms)
        return f"<PauliSum {self}>"

    @property
    def recipe(self) -> dict[str, Any]:
        """Plain data: one coefficient (or nested list of them) a string."""
        return {"word": "pauli_sum", "terms": {spell_string(string): plain(c) for string, c in self.terms}}


def collect(pairs: Iterable[tuple[PauliString, Any]]) -> PauliSum:
    """Add up coefficients string by string, drop exact scalar zeros, sort."""
    total: dict[PauliString, Any] = {}
    for string, c in pairs:
        key = tuple(sorted(string))
        total[key] = total[key] + c if key in total else c
    kept = [(s, real_if_real(c)) for s, c in total.items() if np.ndim(c) or c != 0]
    return PauliSum(tuple(sorted(kept, key=lambda pair: (len(pair[0]), pair[0]))))


def pauli(text: str | PauliSum, coefficient: Any = 1.0) -> PauliSum:
    """A sum of Pauli strings from its text.

    Args:
        text: For example "X0 X1", "0.5 X0 X1 - 1.2 Z0", "2 (X0 X1 + Y0 Y1)". Products of
            letters on one site multiply: "X0 Y0" is i Z0. "I" or a bare number is the identity.
        coefficient: Multiplies the whole; may be an array.

    Returns:
        The sum, with coefficients of the shape of `coefficient`.

    Raises:
        BadOperator: if the text cannot be read, with the place.

    Example:
        >>> print(pauli("0.5 X0 X1 - 1.2 Z0"))
        -1.2 Z0 + 0.5 X0 X1
    """
    total = text if isinstance(text, PauliSum) else _Parser(text).parse()
    if isinstance(coefficient, (int, float, complex)) and coefficient == 1:
        return total
    try:
        c = np.array(coefficient)
    except ValueError:  # rows of different lengths
        c = np.array(None)
    if c.dtype.kind not in "fciu":
        raise BadOperator(f"the coefficient of {text} must be a number or an array of them; got {coefficient!r}.")
    return total * (c.item() if c.ndim == 0 else c)


def pauli_decomposition(matrix: Any, sites: Sequence[int]) -> PauliSum:
    """A matrix on `sites` (first leftmost) as a Pauli sum; c_s = Tr[s M] / 2^m. Leading axes are points."""
    M = np.asarray(matrix)
    d = 2 ** len(sites)
    if M.shape[-2:] != (d, d):
        raise ShapeMismatch(f"a matrix on sites {tuple(sites)} is {d}x{d}; got shape {M.shape}.")
    scale = float(np.abs(M).max(initial=0.0))
    place = {site: position for position, site in enumerate(sites)}
    pairs = []
    for letters in product(LETTERS, repeat=len(sites)):
        string = tuple((site, letter) for site, letter in zip(sites, letters, strict=True) if letter != "I")
        columns, phases = _string_entries(string, place, len(sites))
        c = (M[..., columns, np.arange(d)] * phases).sum(-1) / d
        if np.abs(c).max(initial=0.0) > 1e-15 * scale:
            c = np.real(c) if np.abs(np.imag(c)).max(initial=0.0) <= 1e-15 * scale else c
            pairs.append((string, c.item() if c.ndim == 0 else c))
    return collect(pairs)


def _as_sum(value: Any) -> PauliSum:
    return value if isinstance(value, PauliSum) else collect([((), value)])


def _count_y(string: PauliString) -> int:
    return sum(letter == "Y" for _, letter in string)


def _string_entries(string: PauliString, place: Mapping[int, int], n: int) -> tuple[Array, Array]:
    """The one nonzero entry of each row of a string's matrix: its column, and its value."""
    columns = np.arange(2**n)
    phases = np.ones(2**n, dtype=complex if _count_y(string) else float)
    for site, letter in string:
        bit = n - 1 - place[site]
        is_down = (columns >> bit) & 1  # of the row; the flip below acts on this bit alone
        if letter == "Z":
            phases = phases * (1 - 2 * is_down)
        else:
            if letter == "Y":
                phases = phases * (-1j) * (1 - 2 * is_down)
            columns = columns ^ (1 << bit)
    return columns, phases


class _Parser:
    """sum := [sign] product {sign product}, where a number after a sign may bear its own;
    product := factor {["*"] factor};
    factor := number | letter site | "I" | "(" sum ")".
    """

    _TOKEN = re.compile(
        r"\s*(?:(?P<pauli>[XYZI]\d+|I)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<mark>[-+*()]))"
    )

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise BadOperator(f"a Pauli sum is written as text, such as '0.5 X0 X1'; got {type(text).__name__}.")
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        position = 0
        while text[position:].strip():
            match = self._TOKEN.match(text, position)
            if match is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                raise self._error(f"cannot read {text[start]!r}", start)
            kind = cast(str, match.lastgroup)
            self.tokens.append((kind, match.group(kind), match.start(kind)))
            position = match.end()
        self.next = 0

    def _error(self, what: str, position: int) -> BadOperator:
        return BadOperator(
            f"{what} at character {position + 1} of {self.text!r}. Write a sum such as '0.5 X0 X1 - 1.2 Z0': "
            "letters X, Y, Z followed by a site number, and real factors."
        )

    def _peek(self) -> tuple[str, str, int]:
        return self.tokens[self.next] if self.next < len(self.tokens) else ("end", "", len(self.text))

    def _starts_signed_number(self) -> bool:
        return self._peek()[1] in ("+", "-") and [t[0] for t in self.tokens[self.next + 1 : self.next + 2]] == [
            "number"
        ]

    def parse(self) -> PauliSum:
        if not self.tokens:
            raise self._error("nothing to read", 0)
        total = self._sum()
        kind, text, position = self._peek()
        if kind != "end":
            raise self._error(f"unexpected {text!r}", position)
        return total

    def _sum(self) -> PauliSum:
        total: PauliSum | None = None
        while True:
            sign = 1.0
            kind, text, _ = self._peek()
            if total is not None and not (kind == "mark" and text in "+-"):
                return total
            if kind == "mark" and text in "+-":
                sign = -1.0 if text == "-" else 1.0
                self.next += 1
                if self._starts_signed_number():  # as an f-string writes a negative coefficient: "Z0 + -0.5 X0"
                    sign = -sign if self._peek()[1] == "-" else sign
                    self.next += 1
            part = self._product() * sign if sign < 0 else self._product()
            total = part if total is None else total + part

    def _product(self) -> PauliSum:
        total = self._factor()
        while True:
            kind, text, position = self._peek()
            if kind == "mark" and text == "*":
                self.next += 1
            elif kind == "end" or (kind == "mark" and text != "("):
                return total
            elif kind == "number":
                raise self._error(f"{text!r} follows another factor; write a product of numbers with *", position)
            total = total * self._factor()

    def _factor(self) -> PauliSum:
        kind, text, position = self._peek()
        self.next += 1
        if kind == "number":
            return collect([((), float(text))])
        if kind == "pauli":
            return collect([((((int(text[1:]), text[0]),) if text[1:] and text[0] != "I" else ()), 1.0)])
        if kind == "mark" and text == "(":
            inside = self._sum()
            if self._peek()[1] != ")":
                raise self._error("a parenthesis is not closed", self._peek()[2])
            self.next += 1
            return inside
        raise self._error(f"expected a factor, found {text!r}" if text else "the text ends too early", position)
