"""Where the bell is: the output against the rate of dissipation, and what a heat current alone can teleport.

No paper: the picture of the founding note, the unpublished note that this package grew from (a balance of driving
and decoherence), put to the test in chains driven at their ends, where it is found, and an exact result derived here.
"""

from __future__ import annotations

from qet.studies.literature.entry import Entry

from . import claims_chain, claims_flux
from .panels import PANELS

ENTRY = Entry(
    name="bell",
    title="Where the bell is, and what a heat current alone can teleport",
    reference="docs/where-the-bell-is.md; derived here",
    note=(
        "Chains between two drives or two isotropic baths, and the Heisenberg pair in a field, all in the steady "
        "state; the minimal pair is judged by the entry yan2025. E_B is the energy of all terms Bob touches, taken "
        "out with the best unitary for each outcome; local is what he gets without the message, teleported the rest. "
        "Every verdict belongs to its theory and its ensemble, printed beside it. A bell is an interior maximum more "
        "than 1 % above both ends of a logarithmic grid of the rate, 1e-3 to 1e2."
    ),
    panels=PANELS,
    claims=(*claims_chain.CLAIMS, *claims_flux.CLAIMS),
)
