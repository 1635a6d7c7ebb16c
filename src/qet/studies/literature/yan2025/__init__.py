"""Yan, Zhang, Wang, "Quantum Energy Teleportation under Equilibrium and Nonequilibrium Environments", arXiv:2511.01518.

Eight panels, reconstructed, and the claims of the paper, of the founding note and of our own
page on the open pair, each judged by a computation. The paper's figures and parameter values
are not known to us. What the founding note is: see `sources`.
"""

from __future__ import annotations

from qet.studies.literature.entry import Entry

from . import (
    claims_dissipation,
    claims_drive,
    claims_equilibrium,
    claims_information,
    claims_population,
    claims_reservoirs,
    claims_theory,
    claims_time,
    claims_work,
)
from .panels import PANELS

ENTRY = Entry(
    name="yan2025",
    title="Quantum Energy Teleportation under Equilibrium and Nonequilibrium Environments",
    reference="Yan, Zhang, Wang, arXiv:2511.01518",
    note=(
        "The paper's figures and parameter values are not known to us: every curve is a reconstruction with our "
        "parameters, and every claim is judged on ensembles of ours, printed beside it. E_B is the energy of H_B + "
        "V that Bob takes out with the best unitary; local is what he gets without the message, teleported the "
        "rest. Redfield is non-secular, without Lamb shift, boson baths with exchange coupling and a flat spectrum "
        "unless said. A verdict belongs to its ensemble; where a claim is about none of these energies (information, "
        "entanglement, correlation, definitions), it is on the statement itself. The founding note, cited by section, "
        "is the unpublished note that this package grew from."
    ),
    panels=PANELS,
    claims=(
        *claims_equilibrium.CLAIMS,
        *claims_population.CLAIMS,
        *claims_reservoirs.CLAIMS,
        claims_equilibrium.competing_eigenstates,
        *claims_dissipation.CLAIMS,
        *claims_time.CLAIMS,
        *claims_information.CLAIMS,
        *claims_work.CLAIMS,
        *claims_drive.CLAIMS,
        *claims_theory.CLAIMS,
    ),
)
