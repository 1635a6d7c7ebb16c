"""Evolution of a matrix product vector under exp(-iHt) or exp(-tau H), with the error of the steps and of truncation.

The step is a symmetric product over the layers of `gates`, nine of them composed to sixth order. Its length follows
from the first step, made once whole and once in halves. Dropped Schmidt weight is added up as if all layers in time
dropped the same direction, and the bonds of one layer orthogonal ones.

References: W. Kahan, R.-C. Li, Math. Comp. 66, 1089 (1997), for the composition (s9odr6a); the order is a test's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qet.solvers.mps.chain import CUT, Chain, Train, distance_between
from qet.solvers.mps.gates import Layer, Strings, layers_of

STEP_TOLERANCE = 1e-9  # of the distance in Hilbert space that all steps together may make
_HALF = (0.39216144400731413928, 0.33259913678935943860, -0.70624617255763935981, 0.082213596293550800230)
STAGES = (*_HALF, 1.0 - 2.0 * sum(_HALF), *reversed(_HALF))
ORDER = 6
LONGEST = 0.4  # of a first step, over the strongest layer
SAFETY = 2.0  # of the error per step, since later steps may err more than the first


@dataclass(frozen=True)
class Motion:
    """H in layers, with the bond dimension that an evolution may reach.

    Attributes:
        layers: Of `gates`.
        scale: Largest norm of the terms that meet one site.
        bond: Largest bond dimension.
        is_thermal: exp(-tau H), normalized, in place of exp(-iHt).
    """

    layers: tuple[Layer, ...]
    scale: float
    bond: int
    is_thermal: bool

    @classmethod
    def of(cls, strings: Strings, n_sites: int, bond: int, *, is_thermal: bool = False) -> Motion:
        """The motion of a Hamiltonian given as strings with coefficients."""
        meeting = np.zeros(n_sites)
        for string, c in strings:
            for site, _ in string:
                meeting[site] += abs(c)
        return cls(tuple(layers_of(strings, n_sites)), float(meeting.max()), bond, is_thermal)

    def over(self, chain: Chain, times: list[float]) -> list[tuple[Chain, float]]:
        """The vector at ascending times, each with its distance from the exact one, both of length one."""
        if not times or times[-1] == 0.0 or self.scale == 0.0 or chain.norm == 0.0:
            return [(chain, 0.0)] * len(times)
        longest, rate = self._step(chain, times[-1])
        found, distance, now = [], 0.0, 0.0
        for t in times:
            n_steps = int(np.ceil((t - now) / longest - 1e-9))
            if n_steps > 0:
                dt = (t - now) / n_steps
                chain, dropped = self._steps(chain, dt, n_steps)
                distance += dropped + rate * (dt / longest) ** ORDER * (t - now)
            now = t
            found.append((chain, distance))
        return found

    def _step(self, chain: Chain, t: float) -> tuple[float, float]:
        """The longest step that keeps within the tolerance, and the error it makes per unit of time."""
        dt = min(LONGEST / self.scale, t)
        whole, _ = self._steps(chain, dt, 1)
        halves, _ = self._steps(chain, dt / 2, 2)
        rate = SAFETY * distance_between(whole, halves) / max(whole.norm, np.finfo(float).tiny) / dt
        longest = dt * float(np.clip((STEP_TOLERANCE / max(rate * t, 1e-300)) ** (1 / ORDER), 1 / 8, 2.0))
        return longest, rate * (longest / dt) ** ORDER

    def _steps(self, chain: Chain, dt: float, n_steps: int) -> tuple[Chain, float]:
        """Equal steps, and what they dropped."""
        train, distance = Train.of(chain, self.bond, CUT), 0.0
        unit = -1.0 if self.is_thermal else -1j
        for layer, part in self._sequence(n_steps):
            self.layers[layer].on(train, unit * dt * part)
            distance += np.sqrt(train.dropped)
            train.dropped = 0.0
            if self.is_thermal:
                center = train.tensors[train.center]
                train.tensors[train.center] = center / np.linalg.norm(center)
        return train.chain(), float(distance)

    def _sequence(self, n_steps: int) -> list[tuple[int, float]]:
        """Layers and their share of the step, in order; neighbors of one layer joined."""
        last = len(self.layers) - 1
        joined: list[tuple[int, float]] = []
        for stage in STAGES * n_steps:
            up = [(layer, stage / 2) for layer in range(last)]
            for layer, part in [*up, (last, stage), *reversed(up)]:
                if joined and joined[-1][0] == layer:
                    joined[-1] = (layer, joined[-1][1] + part)
                else:
                    joined.append((layer, part))
        return joined
