"""How far energy is teleported: decay laws of long chains, with heat, between drives, and E_B as a detector of phases.

No paper: what the literature says about the distance and about phases, put to the test with exact methods.
"""

from __future__ import annotations

from qet.studies.literature.entry import Entry

from .claims import CLAIMS
from .panels import PANELS

ENTRY = Entry(
    name="chains",
    title="How far energy is teleported, and what it says about phases",
    reference="docs/scaling.md; derived here",
    note=(
        "Long chains in ground, thermal and driven states. E_B is the energy of all terms Bob touches, taken out with "
        "the best unitary for each outcome; distances count sites. Long chains are free fermions, whose answers are "
        "exact; the infinite Ising chain is a formula. Points that are not resolved are left out."
    ),
    panels=PANELS,
    claims=CLAIMS,
)
