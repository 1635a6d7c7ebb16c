"""Whom to cite for what: the software, and the paper behind each model, quantity, bound and literature entry.

A topic is a word the user knows ("minimal", "best", "Sagawa-Ueda", "yan2025"); it leads to
one or more papers. What was derived here leads to the software's own entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One entry of a bibliography.

    Attributes:
        key: BibTeX key.
        kind: BibTeX type: "article" or "misc".
        fields: BibTeX fields, as text.
        topics: The words it is to be cited for, folded.
    """

    key: str
    kind: str
    fields: Mapping[str, str]
    topics: tuple[str, ...]

    def bibtex(self) -> str:
        """The entry as BibTeX."""
        width = max(len(name) for name in self.fields)
        lines = [f"  {name:<{width}} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def folded(name: str) -> str:
    """A topic as it is compared: small letters and digits, anything else a hyphen.

    Example:
        >>> folded("Hotta, entanglement")
        'hotta-entanglement'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _paper(key: str, topics: str, author: str, title: str, year: int, journal: str = "", arxiv: str = "") -> Reference:
    """A paper; `journal` is "name|volume|pages"."""
    fields = {"author": author, "title": f"{{{title}}}", "year": str(year)}
    if journal:
        fields.update(zip(("journal", "volume", "pages"), journal.split("|"), strict=True))
    if arxiv:
        fields.update({"eprint": arxiv, "archivePrefix": "arXiv"})
    return Reference(key, "article" if journal else "misc", fields, tuple(topics.split()))


PAPERS = (
    _paper(
        "Hotta2010",
        "minimal hotta-entanglement hotta-energy teleport",
        "Hotta, Masahiro",
        "Energy-entanglement relation for quantum energy teleportation",
        2010,
        "Physics Letters A|374|3416",
        "1002.0200",
    ),
    _paper(
        "Hotta2009",
        "ising xy xxz heisenberg long-range star chains teleport",
        "Hotta, Masahiro",
        "Quantum energy teleportation in spin chain systems",
        2009,
        "Journal of the Physical Society of Japan|78|034001",
        "0803.0348",
    ),
    _paper(
        "Nambu2010",
        "harmonic oscillators coherent",
        "Nambu, Yasusada and Hotta, Masahiro",
        "Quantum energy teleportation with a linear harmonic chain",
        2010,
        "Physical Review A|82|042329",
        "1007.2234",
    ),
    _paper(
        "Yan2025",
        "yan2025 steady",
        "Yan and Zhang and Wang",
        "Quantum energy teleportation under equilibrium and nonequilibrium environments",
        2025,
        arxiv="2511.01518",
    ),
    _paper(
        "Frey2013",
        "gibbs ground",
        "Frey, Michael R. and Gerlach, Karl and Hotta, Masahiro",
        "Quantum energy teleportation between spin particles in a Gibbs state",
        2013,
        "Journal of Physics A: Mathematical and Theoretical|46|455304",
    ),
    _paper(
        "Salvia2023",
        "best unitary local teleported",
        "Salvia, Raffaele and De Palma, Giacomo and Giovannetti, Vittorio",
        "Optimal local work extraction from bipartite quantum systems in the presence of Hamiltonian couplings",
        2023,
        "Physical Review A|107|012405",
        "2206.14842",
    ),
    _paper(
        "Frey2014",
        "passivity passive-state channel",
        "Frey, Michael and Funo, Ken and Hotta, Masahiro",
        "Strong local passivity in finite quantum systems",
        2014,
        "Physical Review E|90|012127",
        "1404.5081",
    ),
    _paper(
        "Alhambra2019",
        "passivity channel certificate",
        "Alhambra, {\\'A}lvaro M. and Styliaris, Georgios and Rodr{\\'i}guez-Briones, Nayeli A. and Sikora, Jamie "
        "and Mart{\\'i}n-Mart{\\'i}nez, Eduardo",
        "Fundamental limitations to local energy extraction in quantum systems",
        2019,
        "Physical Review Letters|123|190601",
        "1902.02357",
    ),
    _paper(
        "SagawaUeda2008",
        "sagawa-ueda note-groenewold bounds iqc",
        "Sagawa, Takahiro and Ueda, Masahito",
        "Second law of thermodynamics with discrete quantum feedback control",
        2008,
        "Physical Review Letters|100|080403",
        "0710.0956",
    ),
    _paper(
        "SagawaUeda2010",
        "efficacy feedback-jarzynski work-statistics",
        "Sagawa, Takahiro and Ueda, Masahito",
        "Generalized Jarzynski equality under nonequilibrium feedback control",
        2010,
        "Physical Review Letters|104|090602",
        "0907.4914",
    ),
    _paper(
        "Groenewold1971",
        "iqc information note-groenewold",
        "Groenewold, Hilbrand J.",
        "A problem of information gain by quantal measurements",
        1971,
        "International Journal of Theoretical Physics|4|327",
    ),
    _paper(
        "Francica2017",
        "teleported",
        "Francica, Gianluca and Goold, John and Plastina, Francesco and Paternostro, Mauro",
        "Daemonic ergotropy: enhanced work extraction from quantum correlations",
        2017,
        "npj Quantum Information|3|12",
        "1608.00124",
    ),
    _paper(
        "Henderson2001",
        "discord information",
        "Henderson, Leah and Vedral, Vlatko",
        "Classical, quantum and total correlations",
        2001,
        "Journal of Physics A: Mathematical and General|34|6899",
    ),
    _paper(
        "Wootters1998",
        "concurrence information",
        "Wootters, William K.",
        "Entanglement of formation of an arbitrary state of two qubits",
        1998,
        "Physical Review Letters|80|2245",
    ),
    _paper(
        "Vidal2002",
        "negativity information",
        "Vidal, Guifr{\\'e} and Werner, Reinhard F.",
        "Computable measure of entanglement",
        2002,
        "Physical Review A|65|032314",
    ),
    _paper(
        "Ikeda2023",
        "ikeda2023 circuit",
        "Ikeda, Kazuki",
        "Demonstration of quantum energy teleportation on superconducting quantum hardware",
        2023,
        "Physical Review Applied|20|024051",
        "2301.02666",
    ),
    _paper(
        "CresserAnders2021",
        "mean-force",
        "Cresser, J. D. and Anders, J.",
        "Weak and Ultrastrong Coupling Limits of the Quantum Mean Force Gibbs State",
        2021,
        "Physical Review Letters|127|250601",
        "2104.12606",
    ),
)


def software(version: str) -> Reference:
    """The entry of this package."""
    fields = {
        "author": "{The qet developers}",
        "title": "{qet: quantum energy teleportation in and out of equilibrium}",
        "version": version,
        "note": "Python package, Apache-2.0",
    }
    derived = (
        "passive-state ergotropy bob-s-free-energy note-holevo note-groenewold bell "
        "bob-s-floor best-unital best-channel natural-evolution distinguishability holevo mutual-information no-field "
        "efficacy feedback-jarzynski target rounds robustness tomography work-statistics"
    )
    return Reference("qet", "misc", fields, ("qet", *derived.split()))
