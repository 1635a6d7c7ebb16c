"""The energy basis of a chunk of points, as arrays: by closed form where parity leaves blocks of two, else by LAPACK.

Two qubits whose H holds Z0, Z1, Z0Z1, X0X1, Y0Y1, X0Y1, Y0X1 and constants fall into the even labels {00, 11} and the
odd ones {01, 10}, each a block

    p + [[q, c], [c*, -q]],     levels p -+ R,  R = sqrt(q² + |c|²),
    even:  p = zz,  q = a + b,  c = xx - yy - i (xy + yx),        odd:  p = -zz,  q = a - b,  c = xx + yy + i (xy - yx).

The upper level is (u, c*/(2 R u)) with u = sqrt((1 + q/R)/2) where q >= 0, and with its two places exchanged where
q < 0, so that nothing cancels; the lower one is orthogonal to it. Gaps are kept as linear forms in p, R: equal
forms are one array. Derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from qet.foundations.conventions import FREQUENCY_TOLERANCE
from qet.foundations.paulis import PauliSum
from qet.solvers.elements import Place, from_matrix
from qet.solvers.liouville import frame_of

Array = np.ndarray
Form = Mapping[str, float]  # symbol -> its number in a level
Name = tuple[tuple[str, float], ...]  # a frequency as symbols and numbers
PARITY_STRINGS = frozenset(
    [(), ((0, "Z"),), ((1, "Z"),), *(((0, s), (1, t)) for s, t in ("ZZ", "XX", "YY", "XY", "YX"))]
)
BLOCKS = ((0, 3), (1, 2))
_SMALLEST, _LARGEST = 1e-290, 1e290  # between them a sum of squares is exact to rounding


@dataclass(frozen=True, eq=False)
class Levels:
    """Energies and eigenvectors of a chunk.

    Attributes:
        d: Number of levels; level a sits at a label of its block, as in `liouville.Frame`.
        symbols: Arrays that the levels are made of.
        forms: Each level as a combination of symbols.
        V: Elements of the eigenvectors, (label, level).
        tolerance: Frequencies up to this count as zero.
        scale: The largest |energy|.
        is_bad: Where squares left the range of floats; False if nowhere.
    """

    d: int
    symbols: Mapping[str, Any]
    forms: tuple[Form, ...]
    V: Mapping[Place, Any]
    tolerance: Any
    scale: Any
    is_bad: Any
    _gaps: dict[Name, Any] = field(default_factory=dict)

    def gap(self, a: int, b: int) -> tuple[Name, float]:
        """E_b - E_a as the name of a frequency and its sign; the name is empty where it is zero by structure."""
        return self._named({b: 1.0, a: -1.0} if a != b else {})

    def difference(self, one: Place, other: Place) -> Name:
        """The name of the frequency w_one - w_other, up to its sign; empty where it is zero by structure."""
        total: dict[int, float] = {}
        for level, x in ((one[1], 1.0), (one[0], -1.0), (other[1], -1.0), (other[0], 1.0)):
            total[level] = total.get(level, 0.0) + x
        return self._named(total)[0]

    def _named(self, combination: Mapping[int, float]) -> tuple[Name, float]:
        """A combination of levels by its symbols, the first with a positive number, and the sign that was taken out."""
        form: dict[str, float] = {}
        for level, x in combination.items():
            for name, number in self.forms[level].items():
                form[name] = form.get(name, 0.0) + x * number
        key = tuple(sorted((name, x) for name, x in form.items() if x))
        if not key:
            return key, 1.0
        sign = 1.0 if key[0][1] > 0.0 else -1.0
        return tuple((name, sign * x) for name, x in key), sign

    def frequency(self, key: Name) -> Any:
        """The array of a frequency by its name."""
        if key not in self._gaps:
            total: Any = None
            for name, x in key:  # the first number is positive
                value = self.symbols[name] if abs(x) == 1.0 else abs(x) * self.symbols[name]
                total = value if total is None else total + value if x > 0.0 else total - value
            self._gaps[key] = total
        return self._gaps[key]

    def is_loose(self, a: int, b: int) -> bool:
        """Whether a gap is a difference, known to rounding of the levels; that inside a block is to its own."""
        return len(self.gap(a, b)[0]) > 1

    @property
    def closest(self) -> Any:
        """The smallest frequency, among those that differences lose digits of, that does not count as zero."""
        total: Any = np.inf
        for a, b in combinations(range(self.d), 2):
            if self.is_loose(a, b):
                size = np.abs(self.frequency(self.gap(a, b)[0]))
                total = np.minimum(total, np.where(size > self.tolerance, size, np.inf))
        return total


def has_parity(H: PauliSum, n_sites: int) -> bool:
    """Whether H is of two qubits and keeps their parity, so that its blocks are 2x2."""
    return n_sites == 2 and all(string in PARITY_STRINGS for string, _ in H.terms)


def levels_of(H: PauliSum, n_sites: int) -> Levels:
    """The energy basis of H, whose coefficients are numbers or arrays of shape (points,)."""
    return _closed(H) if has_parity(H, n_sites) else _by_lapack(H, n_sites)


def _closed(H: PauliSum) -> Levels:
    c = {string: np.real(x) if np.iscomplexobj(x) else x for string, x in H.terms}

    def of(letters: str) -> Any:
        return c.get(tuple((i, letter) for i, letter in enumerate(letters) if letter != "I"))

    a, b, constant, zz = of("ZI"), of("IZ"), of("II"), of("ZZ")
    xx, yy, xy, yx = of("XX"), of("YY"), of("XY"), of("YX")
    parts = [
        (_sum(a, b), _sum(xx, yy, -1.0), _sum(xy, yx), -1.0, 1.0),
        (_sum(a, b, -1.0), _sum(xx, yy), _sum(xy, yx, -1.0), 1.0, -1.0),
    ]
    symbols: dict[str, Any] = {} if zz is None else {"z": zz}
    forms: list[Form] = [{}] * 4
    V: dict[Place, Any] = {}
    scale: Any = 0.0
    is_bad: Any = False
    for (low, high), name, (q, real, imaginary, turn, side) in zip(BLOCKS, "Rr", parts, strict=True):
        R, bad = _length(q, real, imaginary)
        is_bad = is_bad | bad
        symbols[name] = R
        shift = {} if zz is None else {"z": side}
        forms[low], forms[high] = {**shift, name: -1.0}, {**shift, name: 1.0}
        coupling = real if imaginary is None else (0.0 if real is None else real) + 1j * turn * imaginary
        V |= _vectors(low, high, q, coupling, R)
        shifted = _sum(constant, zz, side)
        scale = np.maximum(scale, R if shifted is None else np.abs(shifted) + R)
    return Levels(4, symbols, tuple(forms), V, FREQUENCY_TOLERANCE * scale, scale, is_bad)


def _vectors(low: int, high: int, q: Any, c: Any, R: Any) -> dict[Place, Any]:
    """The eigenvectors of [[q, c], [c*, -q]]: the lower level is kept at the label `low`, the upper one at `high`."""
    if c is None:
        if q is None or np.min(q, initial=0.0) >= 0.0:
            return {(low, high): 1.0, (high, low): 1.0}
        is_up = np.greater_equal(q, 0.0)
        x, y = np.where(is_up, 1.0, 0.0), np.where(is_up, 0.0, 1.0)
        return {(low, high): x, (high, high): y, (low, low): y, (high, low): x}
    if q is None:
        q = 0.0
    cosine = np.abs(q) / R
    if np.any(np.isnan(cosine)):  # R = 0: any basis is one
        cosine = np.where(np.isnan(cosine), 1.0, cosine)
    big = np.sqrt(0.5 + 0.5 * cosine)
    small = c / (2.0 * np.where(R > 0.0, R, 1.0) * big)
    turned = np.conj(small) if np.iscomplexobj(small) else small
    if np.min(q, initial=0.0) >= 0.0:
        return {(low, high): big, (high, high): turned, (low, low): -small, (high, low): big}
    is_up = np.greater_equal(q, 0.0)
    upper, lower = np.where(is_up, big, small), np.where(is_up, turned, big)
    # orthogonal to (upper, lower), which has one real component
    return {
        (low, high): upper,
        (high, high): lower,
        (low, low): np.where(is_up, -small, big),
        (high, low): np.where(is_up, big, -turned),
    }


def _length(q: Any, *others: Any) -> tuple[Any, Any]:
    """sqrt of the sum of squares, and where the squares leave the range of floats."""
    squares: Any = None
    for value in (q, *others):
        if value is not None:
            squares = value * value if squares is None else squares + value * value
    if squares is None:
        return 0.0, False
    is_bad: Any = False
    if np.min(squares, initial=1.0) < _SMALLEST or not np.max(squares, initial=1.0) < _LARGEST:
        present = [np.abs(value) for value in (q, *others) if value is not None]
        largest = np.maximum.reduce(np.broadcast_arrays(*present))
        is_bad = ~((squares > _SMALLEST) & (squares < _LARGEST)) & (largest != 0.0)
    return np.sqrt(squares), is_bad


def _sum(x: Any, y: Any, sign: float = 1.0) -> Any:
    """x ± y where None is zero."""
    if y is None:
        return x
    if x is None:
        return y if sign > 0.0 else -y
    return x + y if sign > 0.0 else x - y


def _by_lapack(H: PauliSum, n_sites: int) -> Levels:
    frame = frame_of(H, n_sites)
    d = frame.V.shape[-1]
    energies = {f"E{a}": np.ascontiguousarray(frame.energies[..., a]) for a in range(d)}
    scale = np.abs(frame.energies).max(axis=-1)
    forms: list[Form] = [{f"E{a}": 1.0} for a in range(d)]
    return Levels(d, energies, tuple(forms), from_matrix(frame.V), FREQUENCY_TOLERANCE * scale, scale, False)
