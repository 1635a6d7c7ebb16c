"""The layout of a driven chain from its symmetries: sectors of labels, and a mirror that exchanges them.

Parities and charges come from `sectors`. The mirror is looked for among three permutations of the labels: the
reflection of the chain, the exchange of up and down on every site, and both at once. It is one of L where it leaves H
and, all together, the jumps as they are; where it also takes sectors to other sectors, half of them need not be kept.

Derived here.
"""

from __future__ import annotations

import numpy as np

from qet.foundations.paulis import PauliSum
from qet.physics.baths import Jump
from qet.solvers.chains.action import Generator
from qet.solvers.chains.layout import Layout, folded
from qet.solvers.sectors import Sectors, sectors_of

Array = np.ndarray
MIRRORS = {"reflection and spin flip": (True, True), "reflection": (True, False), "spin flip": (False, True)}
_SAME = 1e-14  # of two coefficients that count as equal, relative to the largest


def sectors_of_chain(H: PauliSum, jumps: tuple[Jump, ...], n_sites: int) -> Sectors:
    """The sectors that hold at all points of a batch."""
    return sectors_of(H, jumps, n_sites, "gksl")


def layout_of_chain(generator: Generator, sectors: Sectors) -> tuple[Layout, str | None]:
    """The layout of one point, and the name of the mirror that folds it."""
    n = generator.n_sites
    for name, (is_reflected, is_flipped) in MIRRORS.items():
        image = permutation(n, is_reflected, is_flipped)
        if all(image[some[0]] in some for some in sectors.labels):
            continue
        if is_mirror(generator, is_reflected, is_flipped):
            return folded(n, sectors.labels, image), name
    return Layout(n, sectors.labels), None


def permutation(n_sites: int, is_reflected: bool, is_flipped: bool) -> Array:
    """Where each label goes."""
    labels = np.arange(2**n_sites)
    image = labels
    if is_reflected:
        image = np.zeros_like(labels)
        for site in range(n_sites):
            image |= ((labels >> site) & 1) << (n_sites - 1 - site)
    return image ^ (2**n_sites - 1) if is_flipped else image


def is_mirror(generator: Generator, is_reflected: bool, is_flipped: bool) -> bool:
    """Whether H and the jumps stay as they are."""
    last = generator.n_sites - 1
    terms = dict(generator.H.terms)
    scale = max((abs(c) for c in terms.values()), default=0.0)
    for string, c in terms.items():
        sign = -1.0 if is_flipped and sum(letter != "X" for _, letter in string) % 2 else 1.0
        other = tuple(sorted((last - site, letter) for site, letter in string)) if is_reflected else string
        if abs(terms.get(other, 0.0) - sign * c) > _SAME * scale:
            return False
    for site, (J, G) in generator.jumps.items():
        image = generator.jumps.get(last - site if is_reflected else site)
        turned = (J[::-1, ::-1, ::-1, ::-1], G[::-1, ::-1]) if is_flipped else (J, G)
        if image is None or not all(
            np.abs(one - other).max() <= _SAME * np.abs(J).max() for one, other in zip(turned, image, strict=True)
        ):
            return False
    return True
