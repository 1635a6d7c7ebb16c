"""Where the energy sits: the energy of every term, or of every site, after each stage.

A term's energy is shared equally among the sites it acts on, so that the sites' energies
add up to the total.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qet.foundations.errors import unknown
from qet.foundations.values import Value
from qet.protocols.information import check_run
from qet.protocols.ledger import STAGES
from qet.protocols.run import Run

Array = np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Value):
    """Energies along the system.

    Attributes:
        labels: Names of the terms, or site numbers.
        energies: Shape (*shape, label, stage); stages as in the ledger.
    """

    labels: tuple[str | int, ...]
    energies: Array

    stages = STAGES

    def change(self, start: str = "before", end: str = "after") -> Array:
        """Energy gained by each label between two stages, shape (*shape, label)."""
        for stage in (start, end):
            if stage not in STAGES:
                raise unknown("stage", stage, STAGES)
        return self.energies[..., STAGES.index(end)] - self.energies[..., STAGES.index(start)]


def profile(run: Run, *, by: str = "term") -> Profile:
    """The energy of every term or site after each stage of a run: the dip Bob leaves behind.

    Args:
        run: From `teleport`.
        by: "term" or "site".

    Returns:
        Energies with the shape of the run, then term or site, then stage.

    Raises:
        UnknownName: for another `by`.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.ground(qet.minimal(h=1.0, k=0.5)))
        >>> [round(float(e), 4) for e in qet.profile(run, by="site").change("delayed", "after")]
        [-0.1299, 0.0574]
    """
    check_run("profile", run)
    if by not in ("term", "site"):
        raise unknown("kind of profile", by, ("term", "site"))
    ledger = run.ledger
    if by == "term":
        return Profile(ledger.rows, ledger.energies)
    model = run.state.model
    shares = np.zeros((model.n_sites, len(model.terms)))
    for i, term in enumerate(model.terms):
        support = term.operator.support
        if support:  # constants sit nowhere
            shares[list(support), i] = 1.0 / len(support)
    energies = ledger.energies[..., : len(model.terms), :]  # heat to reservoirs sits on no site
    return Profile(model.sites, np.einsum("sr,...rt->...st", shares, energies))
