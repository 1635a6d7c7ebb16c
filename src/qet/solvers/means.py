"""Steady states of GKSL equations by their Pauli means, with what they say about themselves.

Joins `gksl` (elimination on arrays) to the words of `steady`: which dissipator belongs to which
surrounding, and the lazy diagnostics in the columns of the surroundings as they were given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.paulis import PauliString, PauliSum, collect
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.dissipated import dissipated
from qet.solvers.dissipators import Dissipator, jump_dissipators, local_jumps
from qet.solvers.gksl import gksl_error, gksl_residual, gksl_steady
from qet.solvers.questions import marginal_of
from qet.solvers.states import Expectations, energy_scale

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class MeansRoute:
    """A GKSL steady state on its way to becoming a `State`; its currents are `energy` and `particles`.

    Attributes:
        model: H.
        things: Baths (for the local equation) and jumps, in the order given.
        master: "local" or "gksl".
    """

    model: Model
    things: tuple[Bath | Jump, ...]
    master: str

    @cached_property
    def dissipators(self) -> list[Dissipator]:
        """Those of the baths, then those of the jumps."""
        baths = [thing for thing in self.things if isinstance(thing, Bath)]
        jumps = [thing for thing in self.things if isinstance(thing, Jump)]
        return [*local_jumps(self.model, baths), *jump_dissipators(jumps, first=len(baths))]

    @cached_property
    def payload(self) -> Expectations:
        """The means of the steady state."""
        return gksl_steady(self.model, self.dissipators)

    def residual(self) -> Any:
        """max_P |d<P>/dt| relative to 2 Σ|c| + Σ rates, which bounds the generator up to occupations."""
        scale: Any = 2.0 * energy_scale(self.model)
        for thing in self.things:
            scale = scale + thing.rate
        return gksl_residual(self.model, self.dissipators, self.payload) / scale

    def error(self) -> Any:
        """Estimated absolute error of an energy: that of the worst mean, times Σ|c| of H."""
        return gksl_error(self.model, self.dissipators, self.payload) * energy_scale(self.model)

    def smallest_eigenvalue(self) -> Any:
        """Smallest eigenvalue of the density matrix; not negative beyond rounding, by the GKSL form."""
        n, values = self.payload.n_sites, self.payload.values
        strings = list(values)

        def chunk(*means: Any) -> tuple[Any, ...]:
            payload = Expectations(n, dict(zip(strings, means, strict=True)))
            return (np.linalg.eigvalsh(marginal_of(payload, tuple(range(n))))[..., 0],)

        return in_chunks(chunk, *values.values())[0]

    @cached_property
    def energy(self) -> Array:
        """Tr[H D_i(rho)], a column for each surrounding."""
        return dissipated(self.model, self.dissipators, self.payload)[..., self._order]

    @cached_property
    def particles(self) -> Array:
        """Quanta absorbed less emitted, a column for each surrounding; zero for jumps."""
        total: Any = np.zeros(len(self.things)) if np.any(self._is_bath) else np.zeros_like(self.energy)
        for is_full in (False, True):  # baths of both kinds may share a site, and count in opposite directions there
            columns = np.array([isinstance(thing, Bath) and thing.full_band is is_full for thing in self.things])
            if np.any(columns):
                quanta = dissipated(self.model, self.dissipators, self.payload, self._quanta(is_full))
                total = total + np.where(columns, quanta[..., self._order], 0.0)
        return np.asarray(total)

    @property
    def _is_bath(self) -> Array:
        return np.array([isinstance(thing, Bath) for thing in self.things])

    @property
    def _order(self) -> Any:
        """Column of each surrounding among `dissipators`, where baths come first."""
        if np.all(self._is_bath) or not np.any(self._is_bath):
            return slice(None)
        order = np.empty(len(self.things), dtype=int)
        order[np.argsort(~self._is_bath, kind="stable")] = np.arange(len(self.things))
        return order

    def _quanta(self, is_full: bool) -> PauliSum:
        """Σ n·σ/2 over the sites that half-band (full-band) baths touch: a quantum absorbed lifts a bare qubit by one.

        A full band counts along +Z whatever the sign of the field, since it also holds the negative gap; a
        vanishing field is read as +Z.
        """
        baths = [thing for thing in self.things if isinstance(thing, Bath) and thing.full_band is is_full]
        c = self.model.H.coefficients
        pairs: list[tuple[PauliString, Any]] = []
        for site in sorted({site for bath in baths for site in bath.sites}):
            field = [0.0 if is_full else c.get(((site, letter),), 0.0) for letter in "XYZ"]
            length = np.sqrt(sum(np.square(value) for value in field))
            is_zero = length == 0.0
            safe = np.where(is_zero, 1.0, length)
            unit = [value / safe for value in field]
            unit[2] = np.where(is_zero, 1.0, unit[2])
            pairs += [(((site, letter),), 0.5 * n) for letter, n in zip("XYZ", unit, strict=True) if np.any(n)]
        return collect(pairs)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "dissipators"}  # they hold functions
