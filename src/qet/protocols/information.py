"""What a measurement tells, and how the parties are correlated: entropies and entanglement of a run, in nats.

Two informations are easily confused. The Holevo quantity is about Bob's ensemble: his
average state's entropy minus the mean entropy once the message is read. The
Groenewold–Ozawa information is about the measured whole: its entropy before Alice's
act minus the mean entropy after. For rank-one projectors on A they differ by the
conditional entropy, I = chi + S(A|B).

Assumes qubits and small matrices; a run brings its patch (A, B and the sites of every
term that meets them) and its state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import BadParameter, NotOffered, TooLarge
from qet.foundations.linalg import dagger, embed, entropy, partial_trace

from .discord import classical_correlation
from .entanglement import concurrence, negativity
from .entropies import groenewold, holevo

if TYPE_CHECKING:
    from .run import Run

Array = np.ndarray
SCALARS = (
    "holevo_B",
    "iqc",
    "iqc_received",
    "mutual_information",
    "classical_correlation",
    "discord",
    "S_A",
    "S_B",
    "S_AB",
)


@dataclass(frozen=True, eq=False)
class Stages:
    """One measure of the entanglement of A with B along the protocol.

    Attributes:
        run: The run.
        measure: Function of matrices on A and B (A leftmost), homogeneous of degree one.
    """

    run: Run
    measure: Callable[[Array], Array]

    @cached_property
    def before(self) -> Any:
        """In the state handed to the protocol, shape run.shape."""
        return _spread(self.measure(_pair(self.run, self.run.patch.rho)), self.run.shape)

    @cached_property
    def after(self) -> Any:
        """In the average state after Alice's measurement (and the delay), before Bob acts."""
        return _spread(self.measure(_pair(self.run, self.run.branches.sum(-3))), self.run.shape)

    @cached_property
    def per_outcome(self) -> Array:
        """In the conditional state of each of Alice's outcomes, shape (*run.shape, K); nan where one never occurs."""
        from .run import IMPOSSIBLE

        values = self.measure(_pair(self.run, self.run.branches))
        p = self.run.probabilities
        occurs = p > IMPOSSIBLE
        found = np.where(occurs, values / np.where(occurs, p, 1.0), np.nan)
        return np.broadcast_to(found, (*self.run.shape, found.shape[-1]))

    @cached_property
    def final(self) -> Any:
        """In the average state after Bob's feedback."""
        return _spread(self.measure(final_pair(self.run)), self.run.shape)


@dataclass(frozen=True, eq=False)
class Information:
    """Information quantities of a run, in nats, each computed when first asked for; made by `information`.

    Attributes:
        run: The run they describe.
    """

    run: Run

    @cached_property
    def holevo_B(self) -> Any:
        """Holevo quantity of Bob's ensemble, sorted by the message he receives, when he receives it."""
        patch = self.run.patch
        return _spread(holevo(partial_trace(self.run.received, patch.B, patch.n)), self.run.shape)

    @cached_property
    def iqc(self) -> Any:
        """Groenewold–Ozawa information of Alice's measurement on the whole system; nan where `why_no_iqc` says why."""
        if self.why_no_iqc:
            return _spread(np.array(np.nan), self.run.shape)
        rho = self.run.state.density_matrix
        return _spread(groenewold(rho, self._whole_branches), self.run.shape)

    @cached_property
    def iqc_received(self) -> Any:
        """The same for the received symbol: `iqc` for a perfect message, smaller (perhaps negative) otherwise."""
        if self.run.message is None or self.why_no_iqc:
            return self.iqc
        received = np.einsum("...mk,...kij->...mij", self.run.message, self._whole_branches)
        return _spread(groenewold(self.run.state.density_matrix, received), self.run.shape)

    @cached_property
    def why_no_iqc(self) -> str:
        """Why the information of the whole system is not to be had; empty where it is."""
        try:
            _ = self.run.state.density_matrix
        except (NotOffered, TooLarge) as error:
            return f"it needs the density matrix of all sites: {error}"
        return ""

    @cached_property
    def _whole_branches(self) -> Array:
        model = self.run.state.model
        M = embed(self.run.measurement.kraus(model.A), model.A, model.n_sites)
        return np.asarray(M @ self.run.state.density_matrix[..., None, :, :] @ dagger(M))

    @cached_property
    def mutual_information(self) -> Any:
        """S(A) + S(B) - S(AB) before the measurement."""
        return self.S_A + self.S_B - self.S_AB

    @cached_property
    def S_A(self) -> Any:
        """Entropy of A before the measurement."""
        return self._entropy_of(self.run.patch.A)

    @cached_property
    def S_B(self) -> Any:
        """Entropy of B before the measurement."""
        return self._entropy_of(self.run.patch.B)

    @cached_property
    def S_AB(self) -> Any:
        """Joint entropy of A and B before the measurement."""
        return self._entropy_of((*self.run.patch.A, *self.run.patch.B))

    def _entropy_of(self, positions: Sequence[int]) -> Any:
        patch = self.run.patch
        return _spread(entropy(partial_trace(patch.rho, positions, patch.n)), self.run.shape)

    @cached_property
    def classical_correlation(self) -> Any:
        """Largest Holevo quantity of B over Alice's rank-one projective measurements, state before; one-qubit A."""
        held = len(self.run.patch.A)
        if held != 1:
            raise NotOffered(
                f"discord and classical correlation are offered for a one-qubit A; Alice holds {held} sites. "
                "Ask for mutual_information, or give her one site."
            )
        return _spread(classical_correlation(_pair(self.run, self.run.patch.rho))[0], self.run.shape)

    @cached_property
    def discord(self) -> Any:
        """Mutual information minus classical correlation, with A measured."""
        return self.mutual_information - self.classical_correlation

    @cached_property
    def concurrence(self) -> Stages:
        """Wootters' concurrence of A and B (one qubit each): before, after, per_outcome, final."""
        patch = self.run.patch
        if len(patch.A) != 1 or len(patch.B) != 1:
            raise NotOffered(
                f"the concurrence is offered for one-qubit parties; A holds {len(patch.A)} and B {len(patch.B)}. "
                "Ask for negativity."
            )
        return Stages(self.run, concurrence)

    @cached_property
    def negativity(self) -> Stages:
        """Negativity of A and B: before, after, per_outcome, final."""
        held = tuple(range(len(self.run.patch.A)))
        return Stages(self.run, partial(negativity, positions=held))  # a partial can be pickled, a lambda cannot

    def __str__(self) -> str:
        lines = ["information, in nats"]
        for name in SCALARS:
            lines.append(f"  {name:<22}{_spell(self._or_none(name))}")
        for name in ("concurrence", "negativity"):
            stages = self._or_none(name)
            if stages is not None:
                values = (f"{stage} {_spell(getattr(stages, stage))}" for stage in ("before", "after", "final"))
                lines.append(f"  {name:<22}" + ", ".join(values))
        if self.why_no_iqc:
            lines.append(f"  no iqc: {self.why_no_iqc}")
        return "\n".join(lines)

    def _or_none(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except NotOffered:
            return None


def information(run: Run) -> Information:
    """Information quantities of a run, in nats.

    Args:
        run: A run made by `teleport`.

    Returns:
        A record whose attributes are computed when first asked for, each of run.shape: holevo_B, iqc,
        iqc_received, mutual_information, classical_correlation, discord, S_A, S_B, S_AB; and concurrence and
        negativity, each with before, after, per_outcome (last axis outcome) and final.

    Raises:
        BadParameter: for anything but a run.
        NotOffered: on asking for a discord with several sites at A, or a concurrence of larger parties.
    """
    check_run("information", run)
    return Information(run)


def check_run(word: str, run: Any) -> None:
    """Raise BadParameter for anything but a run."""
    from .run import Run

    if not isinstance(run, Run):
        raise BadParameter(f"{word} takes a run, such as qet.teleport(state); got {type(run).__name__}.")


def check_energy_run(word: str, run: Any) -> None:
    """The same, and NotOffered for a run that lowers another target than the energy."""
    check_run(word, run)
    if run.target is not None:
        raise NotOffered(f"{word} is about energy; this run lowers another target. Leave target=None.")


def final_pair(run: Run) -> Array:
    """Average state of A and B after Bob's feedback, Σ_m Σ_r B_mr s_m B_mr†, shape (..., d, d), A leftmost."""
    patch = run.patch
    received = _pair(run, run.received)
    n = len(patch.A) + len(patch.B)
    K = embed(run.bob, tuple(range(len(patch.A), n)), n)  # (..., M, R, d, d)
    return np.asarray((K @ received[..., None, :, :] @ dagger(K)).sum((-3, -4)))


def _pair(run: Run, matrix: Array) -> Array:
    """Marginal on A then B of matrices on the patch."""
    patch = run.patch
    return partial_trace(matrix, (*patch.A, *patch.B), patch.n)


def _spread(value: Array, shape: tuple[int, ...]) -> Any:
    """A value at every point of the run; np.float64 for a single point."""
    return np.broadcast_to(value, shape)[()]


def _spell(value: Any) -> str:
    if value is None:
        return "not offered"
    array = np.asarray(value) + 0.0  # no negative zeros
    return f"{array.item():.10g}" if array.ndim == 0 else f"{array.min():.6g} .. {array.max():.6g} {array.shape}"
