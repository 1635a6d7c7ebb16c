"""What a steady state says about itself: how well it was solved, whether the theory holds, what flows.

Each quantity is an array, or a function without arguments that gives it on first access. Any route to a steady
state fills the same names; a route that cannot answer one leaves it out, and asking for it raises NotOffered.

Currents are positive when they flow from the bath into the system. The energy current is Tr[H D_i(rho)], with the
full H and the dissipator of that bath; in a steady state the energy currents of all baths and bare jumps sum to zero.
The particle current counts the particles taken from the bath minus those given to it. Heat is energy less mu times
particles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliSum
from qet.solvers.domain import ORDERS, outside_of, ratio_of
from qet.solvers.masters import label_of, name_of

Array = np.ndarray
Answer = Any  # an array, or a function of no arguments that returns it
ROUNDED = 1e-13  # of a heat current that counts as zero, relative to the largest or, if larger, to a tenth of the rate


@dataclass(frozen=True, eq=False)
class Validity:
    """How far a theory is from the border of its domain, every number of shape (...).

    Attributes:
        to_frequency: Rate J (1 + 2n) over the Bohr frequency it acts at; the largest ratio over baths and frequencies.
        to_temperature: The same rate over the bath's temperature; the largest ratio; infinite at T = 0.
        theory: The master equation.
        because: Ratios by their reason, which `qet.solvers.validity` states; empty for jumps alone.
    """

    to_frequency: Any
    to_temperature: Any
    theory: Any
    because: Mapping[str, Any]

    @property
    def ratio(self) -> Any:
        """The largest reason: below 1 inside the domain, 1 at the border; nan for jumps alone, 0 for exact theories."""
        return ratio_of(self.because) + 0.0 * np.asarray(self.to_frequency)

    @property
    def is_inside(self) -> Any:
        """Whether the theory is inside its domain; true for jumps alone, which come from no theory of a bath."""
        return ~(np.asarray(self.ratio) > 1.0)[()]

    @property
    def order(self) -> str:
        """To which order the theory holds, and which trends lie below it."""
        return ORDERS[name_of(self.theory)]

    def __str__(self) -> str:
        outside = outside_of(self.because)
        said = f"inside its domain, ratio {np.max(self.ratio, initial=0.0):.3g}" if outside is None else ""
        return f"{label_of(self.theory)}: {said or f'outside its domain {outside}'}. {self.order}"

    def _asdict(self) -> dict[str, Any]:
        """The numbers by their names, as a report prints them."""
        return {"ratio": self.ratio, "to_frequency": self.to_frequency, "to_temperature": self.to_temperature}


def exact(theory: str, zero: Any) -> Validity:
    """The validity of a theory that assumes nothing about the rate; zeros of the batch shape."""
    return Validity(zero, zero, theory, {"memory": zero})


def entropy_of(heat: Array, T: Array, rounding: Any) -> Any:
    """-Σ_i heat_i / T_i, both of shape (..., baths), with its limits at T = 0; shape (...).

    Baths at T = 0 count as one: +inf where it takes heat, -inf where it gives heat, and nothing where what it
    exchanges, of shape (...), is rounding: n(w)/T -> 0 then.
    """
    if np.min(T, initial=1.0) > 0.0:
        return -(heat / T).sum(axis=-1)
    is_cold = T == 0.0
    warm = -np.where(is_cold, 0.0, heat / np.where(is_cold, 1.0, T)).sum(axis=-1)
    taken = -np.where(is_cold, heat, 0.0).sum(axis=-1)
    return np.where(np.abs(taken) > rounding, np.copysign(np.inf, taken), warm)[()] + 0.0


def rounding_of(heat: Array, rates: tuple[Any, ...]) -> Any:
    """Heat currents up to this are rounding, shape (...)."""
    rate = reduce(np.maximum, rates, 0.0)
    return ROUNDED * np.maximum(np.abs(heat).max(axis=-1), 0.1 * np.asarray(rate))


class Currents(NamedTuple):
    """Energy and particles that flow in, last axis: one column a surrounding, shape (..., columns).

    The particles are None where a theory does not count them.
    """

    energy: Array
    particles: Array | None


class Hierarchy(NamedTuple):
    """How a hierarchy of equations of motion was truncated, each shape (...).

    Attributes:
        depth: Largest total excitation of the auxiliary matrices tried.
        exponentials: Largest number of them in the correlation functions of all baths together.
        auxiliaries: Matrices in the largest hierarchy, the state included.
        last_change: Trace distance that the last refinements of depth and exponentials made, all added up.
    """

    depth: Any
    exponentials: Any
    auxiliaries: Any
    last_change: Any


class Symmetries(NamedTuple):
    """What was found of a generator, over the whole batch.

    Attributes:
        charges: Pauli sums Q = Σ q_i Z_i that H conserves and every channel changes by a definite amount.
        conserved: For each charge, whether no channel changes it: then there are several steady states.
        parities: Number of classes of labels that bit flips keep apart.
        blocks: Number of blocks of rho on the labels; between them it vanishes.
        unknowns: Real unknowns of a Hermitian rho with these blocks.
        of: Real unknowns without symmetry, 4^N.
        mirror: "reflection", "spin flip" or both, where one takes half of the blocks to the others and these are left
            out; None elsewhere.
    """

    charges: tuple[PauliSum, ...]
    conserved: tuple[bool, ...]
    parities: int
    blocks: int
    unknowns: int
    of: int
    mirror: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class SteadyDiagnostics:
    """Diagnostics of a steady state; every shape starts with the batch shape.

    Args:
        answers: Name -> array or function of no arguments. Names: residual, smallest_eigenvalue, gap,
            validity (a `Validity`), currents (a `Currents`, a column for each surrounding in the order given),
            hierarchy (a `Hierarchy`), symmetries (a `Symmetries`), current_error.
        is_bath: Which of the surroundings are baths (the others are bare jumps).
        T: Temperatures of the baths, numbers or arrays of shape (...).
        mu: Chemical potentials of the baths.
        rate: Rates of the baths.
    """

    answers: Mapping[str, Answer]
    is_bath: tuple[bool, ...] = ()
    T: tuple[Any, ...] = ()
    mu: tuple[Any, ...] = ()
    rate: tuple[Any, ...] = ()
    _found: dict[str, Any] = field(default_factory=dict)

    def _answer(self, name: str) -> Any:
        if name not in self._found:
            if name not in self.answers:
                known = ", ".join(sorted(self.answers))
                raise NotOffered(f"this steady state does not know its {name}; it knows {known}.")
            answer = self.answers[name]
            self._found[name] = answer() if callable(answer) else answer
        return self._found[name]

    @property
    def residual(self) -> Any:
        """‖L rho‖ / (‖L‖ ‖rho‖) of the returned state, Frobenius norms, shape (...)."""
        return self._answer("residual")

    @property
    def smallest_eigenvalue(self) -> Any:
        """Smallest eigenvalue of rho, shape (...); below zero the master equation is outside its domain."""
        return self._answer("smallest_eigenvalue")

    @property
    def gap(self) -> Any:
        """Smallest |Re λ| of the generator beside its zero: the slowest relaxation rate, shape (...)."""
        return self._answer("gap")

    @property
    def validity(self) -> Validity:
        """Whether the theory is inside its domain: `.ratio`, `.is_inside`, the reasons, and as text what they say.

        A ratio near or above 1 lies outside, and corrections are of the order of the ratio. NaN for
        bare jumps alone, which come from no weak coupling; 0 for exact theories, which assume none.
        """
        validity: Validity = self._answer("validity")
        return validity

    @property
    def hierarchy(self) -> Hierarchy:
        """Depth, exponentials, auxiliary matrices and last change of master="heom"; no other theory has one."""
        hierarchy: Hierarchy = self._answer("hierarchy")
        return hierarchy

    @property
    def symmetries(self) -> Symmetries:
        """Parities and charges found in the generator, and what they leave of a steady state's unknowns.

        Example:
            >>> import qet
            >>> driven = qet.steady(qet.xxz(4), [qet.jump("+", 0, 0.5), qet.jump("-", 3, 0.5)])
            >>> found = driven.diagnostics.symmetries
            >>> print(*found.charges, found.unknowns, found.of)
            1 Z0 + 1 Z1 + 1 Z2 + 1 Z3 70 256
        """
        symmetries: Symmetries = self._answer("symmetries")
        return symmetries

    @property
    def energy_currents(self) -> Array:
        """Energy flowing in per unit time, shape (..., columns): baths first, then bare jumps; they sum to zero."""
        return self._currents.energy[..., self._order]

    @property
    def energy_current_error(self) -> Any:
        """Stated error of the energy currents, the largest of all, where a route states one (solver="mps")."""
        return self._answer("current_error")

    @property
    def particle_currents(self) -> Array:
        """Particles (bath quanta) flowing in from each bath per unit time, shape (..., baths)."""
        particles = self._currents.particles
        if particles is None:
            known = ", ".join(sorted(self.answers))
            raise NotOffered(
                f"this steady state counts no particles, since its coupling keeps no number of them; it knows {known}, "
                "with the energy and heat currents among its currents."
            )
        return self._columns(particles)

    @cached_property
    def heat_currents(self) -> Array:
        """Heat flowing in from each bath per unit time, energy less mu·particles, shape (..., baths)."""
        energy = self._columns(self._currents.energy)
        if not any(np.ndim(mu) or mu != 0.0 for mu in self.mu):
            return energy
        return energy - self._stacked(self.mu) * self.particle_currents

    @cached_property
    def entropy_production(self) -> Any:
        """-Σ_i heat_i / T_i over the baths, shape (...); for baths at T = 0 see `entropy_of`.

        Bare jumps have no temperature and are left out.
        """
        if not self.T:
            return np.zeros(self._currents.energy.shape[:-1])[()]
        return entropy_of(self.heat_currents, self._stacked(self.T), rounding_of(self.heat_currents, self.rate))

    def _columns(self, currents: Array) -> Array:
        """The columns of the baths, without a copy where there is nothing else."""
        return currents if all(self.is_bath) else currents[..., self._baths]

    @property
    def _currents(self) -> Currents:
        currents: Currents = self._answer("currents")
        return currents

    @property
    def _baths(self) -> list[int]:
        return [column for column, is_bath in enumerate(self.is_bath) if is_bath]

    @property
    def _order(self) -> list[int]:
        return self._baths + [column for column, is_bath in enumerate(self.is_bath) if not is_bath]

    @staticmethod
    def _stacked(values: tuple[Any, ...]) -> Array:
        return np.stack(np.broadcast_arrays(*values), axis=-1)

    def __repr__(self) -> str:
        lines = []
        for name in ("residual", "smallest_eigenvalue"):
            if name in self.answers:
                values = np.asarray(self._answer(name))
                worst = values.min() if name == "smallest_eigenvalue" else values.max()
                lines.append(f"{name} {worst:.2g}")
        return f"<SteadyDiagnostics: {', '.join(lines) or 'nothing computed'}>"
