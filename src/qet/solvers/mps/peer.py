"""Our models as TeNPy's: sites with the charge that H keeps, H as a matrix product operator, tensors back as arrays.

The charge is found from H: Σ Z where every string of σ⁺ and σ⁻ raises as often as it lowers, else the parity Π Z where
every string flips an even number of spins, else none. Real models stay real: Y stands as i times a real matrix.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliString
from qet.solvers.mps.chain import Chain, Train
from qet.solvers.mps.contract import TURN
from qet.solvers.mps.gates import Strings

Array = np.ndarray
MAGNETIZATION, PARITY, NO_CHARGE = "Sz", "parity", "None"  # TeNPy's names
LADDER = {"X": (("Sp", 1.0), ("Sm", 1.0)), "Y": (("Sp", -1j), ("Sm", 1j)), "Z": (("Sigmaz", 1.0),)}
NAMES = {"X": "Sigmax", "Y": "TURN", "Z": "Sigmaz"}
TALK = (
    "unit_cell_width is a new argument",
    "unused option",
    "final DMRG state not in canonical form",
    "Hard-to-converge",
    "H is zero in the given block",
    "Unused options",
)


def tenpy() -> Any:
    """The package.

    Raises:
        NotOffered: where it is not installed.
    """
    try:
        import tenpy
    except ImportError:
        raise NotOffered(
            "matrix product states are found by TeNPy, which is not here: pip install 'qet[mps]'."
        ) from None
    return tenpy


@contextmanager
def quietly() -> Iterator[None]:
    """Without what TeNPy warns about, and logs, in its normal course; and without its checks of every product."""
    from tenpy.tools.optimization import temporary_level

    logger = logging.getLogger("tenpy")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), temporary_level("skip_arg_checks"):
            for start in TALK:
                warnings.filterwarnings("ignore", message=rf"\s*{start}", category=UserWarning)
            yield
    finally:
        logger.setLevel(level)


def charge_of(strings: Strings) -> str:
    """The charge that every string keeps."""
    if all(name_count(term, "Sp") == name_count(term, "Sm") for term, _ in ladder_terms(strings)):
        return MAGNETIZATION
    flips = (sum(letter != "Z" for _, letter in string) for string, _ in strings)
    return PARITY if all(count % 2 == 0 for count in flips) else NO_CHARGE


def ladder_terms(strings: Strings) -> list[tuple[tuple[tuple[str, int], ...], complex]]:
    """The strings written in σ⁺, σ⁻ and Z, collected."""
    total: dict[tuple[tuple[str, int], ...], complex] = {}
    for string, c in strings:
        for choice in product(*(LADDER[letter] for _, letter in string)):
            term = tuple((name, site) for (name, _), (site, _) in zip(choice, string, strict=True)) or (("Id", 0),)
            total[term] = total.get(term, 0.0) + c * complex(np.prod([factor for _, factor in choice]))
    largest = max((abs(c) for _, c in strings), default=0.0)
    return [(term, c) for term, c in total.items() if abs(c) > 1e-15 * largest]


def name_count(term: tuple[tuple[str, int], ...], name: str) -> int:
    """How often an operator occurs in a term."""
    return sum(one == name for one, _ in term)


@dataclass(frozen=True, eq=False)
class Peer:
    """A model for TeNPy.

    Attributes:
        model: TeNPy's.
        charge: The charge of its sites.
        order: TeNPy's numbers of |0> and |1> on a site.
        is_real: Whether H is.
    """

    model: Any
    charge: str
    order: tuple[int, int]
    is_real: bool

    @classmethod
    def of(cls, strings: Strings, n_sites: int, charge: str | None = None) -> Peer:
        """The model of a sum of strings, with a charge that it keeps; None: the strongest."""
        tenpy()
        with quietly():
            from tenpy.models.lattice import Chain as Lattice
            from tenpy.models.model import MPOModel
            from tenpy.networks.mpo import MPOGraph
            from tenpy.networks.site import SpinHalfSite
            from tenpy.networks.terms import TermList

            charge = charge_of(strings) if charge is None else charge
            site = SpinHalfSite(conserve=charge, sort_charge=True)
            order = (site.state_index("up"), site.state_index("down"))
            if charge != MAGNETIZATION:
                site.add_op("TURN", TURN, permute_dense=True)
            lattice = Lattice(n_sites, site, bc="open", bc_MPS="finite")
            terms = _terms(strings, charge)
            is_real = all(abs(c.imag) == 0.0 for _, c in terms)
            listed = TermList([list(t) for t, _ in terms], [c.real if is_real else c for _, c in terms])
            sites = lattice.mps_sites()
            parts = listed.to_OnsiteTerms_CouplingTerms(sites)
            H = MPOGraph.from_terms(parts, sites, "finite").build_MPO()
            return cls(MPOModel(lattice, H), charge, order, is_real)

    def product(self, ups: Array) -> Any:
        """A product state, up where `ups` is true."""
        with quietly():
            from tenpy.networks.mps import MPS

            names = ["up" if up else "down" for up in ups]
            dtype = float if self.is_real else complex
            return MPS.from_product_state(self.model.lat.mps_sites(), names, bc="finite", dtype=dtype)

    def operators(self, energy: float = 0.0) -> list[Array]:
        """H - energy as a matrix product operator, tensors (wl, wr, s, s') with |0> first."""
        H, order = self.model.H_MPO, list(self.order)
        found = []
        for site in range(H.L):
            W = H.get_W(site).transpose(["wL", "wR", "p", "p*"]).to_ndarray()[:, :, order][..., order]
            if site == 0:
                W = W[[H.get_IdL(0)]]
                W[0, H.get_IdR(0)] -= energy * np.eye(2)
            found.append(W[:, [H.get_IdR(site)]] if site == H.L - 1 else W)
        return found

    def chain(self, psi: Any) -> Chain:
        """TeNPy's state as a chain of length one."""
        tensors = []
        for site in range(psi.L):
            B = psi.get_B(site, "B").transpose(["vL", "p", "vR"]).to_ndarray()[:, list(self.order)]
            tensors.append(B[:, :, None, :])
        last = psi.L - 1
        train = Train(tensors, 0, 2**62)
        train.move(last)  # once to the end and back: right-canonical to rounding
        chain = train.chain()
        return Chain(chain.tensors)


def _terms(strings: Strings, charge: str) -> list[tuple[tuple[tuple[str, int], ...], complex]]:
    if charge == MAGNETIZATION:
        return ladder_terms(strings)
    return [(_named(string), c * 1j ** sum(letter == "Y" for _, letter in string)) for string, c in strings]


def _named(string: PauliString) -> tuple[tuple[str, int], ...]:
    return tuple((NAMES[letter], site) for site, letter in string) or (("Id", 0),)
