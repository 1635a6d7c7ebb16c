"""How far a chunk of points is from the border of its theory, by reason, on elements: the twin of `validity`.

The ratios are those of `validity.memory_excess` and `grouping_excess`, transition by transition; distances to a
spectrum's singularities and differences of gaps are worked out once each.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from qet.physics.baths import Bath, Jump
from qet.solvers.channels_on_arrays import ElementChannel
from qet.solvers.contacts import ELEMENT_TOLERANCE
from qet.solvers.elements import Place, add, conjugate, largest
from qet.solvers.levels_on_arrays import Levels
from qet.solvers.validity import memory_rate

Array = np.ndarray


def reasons_on_arrays(
    channels: Sequence[ElementChannel], things: tuple[Bath | Jump, ...], levels: Levels, cutoff: float | None
) -> dict[str, Any]:
    """The ratios by their reason; none without baths.

    Args:
        channels: Of all surroundings, with their halves.
        things: The surroundings.
        levels: The energy basis.
        cutoff: Of the theory; None where it keeps no transitions apart.
    """
    rates = [(c.column, *half) for c in channels if not c.is_bare for half in _rates(c)]
    if not rates:
        return {}
    reasons = {"memory": _memory(rates, things, levels)}
    if cutoff is not None:
        reasons["grouping"] = _grouping([rate for _, _, rate in rates], levels, cutoff)
    return reasons


def _rates(channel: ElementChannel) -> list[tuple[int, dict[Place, Any]]]:
    """(particles, rate of every transition) of emission and absorption."""
    sizes = {place: np.abs(value) for place, value in channel.A.items()}
    least = ELEMENT_TOLERANCE * largest(sizes.values())
    found = []
    for particles, X in channel.halves:
        rates = {}
        for place, value in X.items():
            rate = 2.0 * np.real(value * conjugate(channel.A[place]))
            rates[place] = rate if np.min(sizes[place] - least, initial=1.0) > 0.0 else rate * (sizes[place] > least)
        found.append((particles, rates))
    return found


def _memory(rates: Sequence[tuple[int, int, dict[Place, Any]]], things: tuple[Bath | Jump, ...], levels: Levels) -> Any:
    known: dict[Any, Any] = {}
    total: dict[Place, Any] = {}
    for column, particles, rate in rates:
        bath = things[column]
        if isinstance(bath, Jump):
            continue
        for (a, b), value in rate.items():
            name, sign = levels.gap(a, b)
            sign *= -particles
            if (column, name, sign) not in known:
                w = sign * levels.frequency(name) if name else 0.0
                known[column, name, sign] = memory_rate(bath, w)
            ratio = np.divide(value, known[column, name, sign])
            add(total, (min(a, b), max(a, b)), np.where(value > 0.0, ratio, 0.0) * (2.0 if a == b else 1.0))
    return largest(total.values())


def _grouping(rates: Sequence[dict[Place, Any]], levels: Levels, cutoff: float) -> Any:
    roots = [{place: np.sqrt(value) for place, value in rate.items()} for rate in rates]
    apart: dict[Any, tuple[Any, Any]] = {}
    worst: Any = 0.0
    for one, other in combinations(sorted({place for root in roots for place in root}), 2):
        name = levels.difference(one, other)
        together = [root[one] * root[other] for root in roots if one in root and other in root]
        if not name or not together:
            continue
        if name not in apart:
            distance = np.abs(levels.frequency(name))
            apart[name] = distance, distance > cutoff + levels.tolerance
        distance, is_apart = apart[name]
        coupled = sum(together[1:], together[0])
        worst = np.maximum(worst, np.where(is_apart & (coupled > 0.0), coupled / distance, 0.0))
    return worst
