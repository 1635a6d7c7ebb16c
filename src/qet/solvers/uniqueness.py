"""Whether a GKSL equation has one steady state at every point of a batch, from its generator on Pauli means.

If every site carries a σ⁻-like operator |g><e| (or its adjoint) with nonzero rate, the steady state is unique. Proof:
were it not, there would be two orthogonal enclosures, subspaces that every Lindblad operator maps into themselves.
Inside each, one nilpotent operator a site, commuting with each other, have a common kernel vector; but their common
kernel in the whole space is spanned by the single product vector |g g ... g>. It would lie in both, which are
orthogonal. (Enclosures: B. Baumgartner and H. Narnhofer, J. Phys. A 41, 395303 (2008).)

Where a point has no such certificate, its generator M is asked for null vectors, including in the blocks that the
identity does not reach. Strings that no entry connects, as those of other parity, fall into parts, and each part is
asked with a fixed right-hand side p without symmetry, by elimination on arrays where that pays. From M x = p + r
follows, for the left vector u of the smallest singular value s, |u·p| <= s |x| + |r|: a moderate x with a small
residual shows that no s vanishes. Only points without a moderate x pay for singular values. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.conventions import UNIQUENESS_TOLERANCE
from qet.foundations.elimination import Entry, Plan, plan, solve
from qet.solvers.generator import Form, Generator, Key, evaluate, full_generator, labeled, part_of, pays

Array = np.ndarray
Parameters = Mapping[Key, Any]
CHUNK = 2048  # points: a part has hundreds of arrays
DENSE_NUMBERS = 1 << 20  # of a batch of dense matrices handled at once: 8 MiB
_MODERATE = 1e-3 / UNIQUENESS_TOLERANCE  # of |x| ‖L‖: no singular value is near the tolerance
_RESIDUAL = 1e-6  # of |r|, where |p|² is the number of strings over two, about


@dataclass(frozen=True, eq=False)
class Part:
    """Strings that entries of a generator connect.

    Attributes:
        generator: Their equations, without the constants.
        probe: The right-hand side of each.
        plan: How to solve them; None where LAPACK is the better way.
        forms: Label -> the linear combination that an entry of the plan stands for.
        rows: Of each row whose residual is to be checked: its scale and number, and its entries.
        scales: What the plan multiplies each row by.
    """

    generator: Generator
    probe: Array
    plan: Plan | None
    forms: Mapping[Hashable, Form]
    rows: tuple[tuple[int, tuple[tuple[int, int, Hashable], ...]], ...]
    scales: tuple[float, ...]

    def asked(self, parameters: Parameters) -> tuple[Any, Any]:
        """|x|² and |r|² of M x = p + r, numbers or arrays over the points."""
        if self.plan is None:
            return self._by_lapack(parameters)
        values = {label: evaluate(form, parameters) for label, form in self.forms.items()}
        right = {("probe", i): scale * p for i, (scale, p) in enumerate(zip(self.scales, self.probe, strict=True))}
        x = solve(self.plan, values | right)
        size: Any = 0.0
        for value in x:
            size = size + value * value
        wrong: Any = 0.0
        for i, entries in self.rows:
            total: Any = -right["probe", i]
            for j, sign, label in entries:
                total = total + values[label] * x[j] if sign > 0 else total - values[label] * x[j]
            wrong = wrong + (total / self.scales[i]) ** 2
        return size, wrong

    def _by_lapack(self, parameters: Parameters) -> tuple[Any, Any]:
        M, _ = self.generator.dense(parameters)
        sizes = []
        step = dense_size(M.shape[-1])
        for start in range(0, len(M), step):
            try:
                x = np.linalg.solve(M[start : start + step], self.probe[:, None])[..., 0]
                sizes.append((x * x).sum(-1))
            except np.linalg.LinAlgError:
                sizes.append(np.full(len(M[start : start + step]), np.inf))
        return np.concatenate(sizes), 0.0


@lru_cache(maxsize=64)
def parts_of(n_sites: int, keys: tuple[Key, ...]) -> tuple[Part, ...]:
    """The parts that all 4^n - 1 strings fall into, and the plan for each."""
    whole = full_generator(n_sites, keys)
    probe = _probe(len(whole.strings))
    return tuple(_part(part_of(whole, places), probe[places]) for places in _connected(whole))


def _part(generator: Generator, probe: Array) -> Part:
    m = len(generator.strings)
    matrix, _, forms, scales = labeled(generator)
    asked: dict[int, Entry] = {i: (1, ("probe", i)) for i in range(m)}
    try:
        made = plan(m, matrix, asked) if pays(m, len(matrix)) else None
    except ZeroDivisionError:
        made = None
    if made is None or not pays(m, len(matrix), made.flops):
        return Part(generator, probe, None, {}, (), scales)
    rows = tuple(
        (i, tuple((j, sign, label) for (row, j), (sign, label) in matrix.items() if row == i)) for i in made.modified
    )
    return Part(generator, probe, made, forms, rows, scales)


def lacks_certificate(n_sites: int, parameters: Parameters) -> Any:
    """Where some site has no relaxation: False if nowhere (see the module's proof)."""
    doubtful: Any = False
    for site in range(n_sites):
        rates = [parameters[key] for key in (("total", site), ("relaxes", site)) if key in parameters]
        if any(np.min(rate, initial=np.inf) > 0.0 for rate in rates):
            continue
        is_quiet: Any = True
        for rate in rates:
            is_quiet = is_quiet & ~(np.asarray(rate) > 0.0)
        doubtful = doubtful | is_quiet
    return doubtful


def count_states(
    n_sites: int, keys: tuple[Key, ...], inputs: Sequence[Any], parameters_of: Callable[[Sequence[Any]], Parameters]
) -> Array:
    """The number of steady states at every point, 1 where it is certified; the shape of the batch."""
    whole = full_generator(n_sites, keys)
    parts = parts_of(n_sites, keys)

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        parameters = parameters_of(pieces)
        points = max((np.size(piece) for piece in pieces if np.ndim(piece)), default=1)
        doubtful = np.broadcast_to(lacks_certificate(n_sites, parameters), points)
        count = np.ones(points, dtype=int)
        where = np.flatnonzero(doubtful)
        if where.size:
            there = _picked(parameters, where) if where.size < points else parameters
            suspect = np.broadcast_to(_is_suspect(whole, parts, there), where.size)
            where = where[suspect]
        for start in range(0, where.size, step):
            some = where[start : start + step]
            M, v = whole.dense(_picked(parameters, some))
            count[some] += np.broadcast_to(nullity(M, v), some.size)
        return (count if any(np.ndim(piece) for piece in pieces) else count[0],)

    step = dense_size(len(whole.strings))
    size = CHUNK if all(part.plan for part in parts) else max(step, 64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(in_chunks(chunk, *inputs, size=size)[0])


def _is_suspect(whole: Generator, parts: Sequence[Part], parameters: Parameters) -> Any:
    """Where the probes do not show that nothing vanishes."""
    size: Any = _size(whole, parameters)
    total: Any = 0.0
    wrong: Any = 0.0
    for part in parts:
        x, r = part.asked(parameters)
        total, wrong = total + x, wrong + r
    return ~((np.sqrt(total * size) <= _MODERATE) & (np.sqrt(wrong) <= _RESIDUAL))


def _size(whole: Generator, parameters: Parameters) -> Any:
    """The squared Frobenius norm of M and v."""
    forms: dict[Form, int] = {}
    for form in (*whole.matrix.values(), *whole.constant.values()):
        forms[form] = forms.get(form, 0) + 1
    total: Any = 0.0
    for form, number in forms.items():
        total = total + number * evaluate(form, parameters) ** 2
    return total


def nullity(M: Array, v: Array) -> Array:
    """Dimension of the null space of each M, relative to UNIQUENESS_TOLERANCE·‖L‖.

    A fixed right-hand side without symmetry is solved first: where the answer is moderate there is no null
    vector, and only the other points pay for singular values.
    """
    m = M.shape[-1]
    size = np.sqrt((M * M).sum((-1, -2)) + (v * v).sum(-1))
    try:
        x = np.linalg.solve(M, np.broadcast_to(_probe(m)[:, None], (*M.shape[:-1], 1)))[..., 0]
        suspect = ~(np.sqrt((x * x).sum(-1)) * size <= _MODERATE)
    except np.linalg.LinAlgError:
        suspect = np.ones(len(M), dtype=bool)
    count = np.zeros(len(M), dtype=int)
    if suspect.any():
        values = np.linalg.svd(M[suspect], compute_uv=False)
        count[suspect] = (values <= UNIQUENESS_TOLERANCE * size[suspect, None]).sum(-1)
    return count


def dense_size(m: int) -> int:
    """Points of a batch of dense m x m matrices handled at once."""
    return max(1, DENSE_NUMBERS // max(m * m, 1) // 2)


def _probe(m: int) -> Array:
    return np.asarray(np.cos(1.0 + np.arange(m) * 2.399963229728653))  # multiples of the golden angle


def _picked(parameters: Parameters, where: Array) -> dict[Key, Any]:
    return {key: value[where] if np.ndim(value) else value for key, value in parameters.items()}


def _connected(generator: Generator) -> list[list[int]]:
    """The strings that entries connect, in order."""
    near: list[set[int]] = [set() for _ in generator.strings]
    for i, j in generator.matrix:
        near[i].add(j)
        near[j].add(i)
    found: list[list[int]] = []
    seen: set[int] = set()
    for start in range(len(near)):
        if start in seen:
            continue
        part, frontier = {start}, [start]
        while frontier:
            new = near[frontier.pop()] - part
            part |= new
            frontier.extend(new)
        seen |= part
        found.append(sorted(part))
    return found
