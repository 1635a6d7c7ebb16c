"""What the free-fermion routes take, and which term spoils it for the rest.

H must be a sum of bilinears of the Jordan–Wigner Majoranas. Jumps must be linear in them, which at site 0 is every
combination of X and Y: a_0 = X_0, a_1 = Y_0. At the last site X_{N-1} = i P a_{2N-1} and Y_{N-1} = -i P a_{2N-2} with
the parity P of the whole chain, which commutes with every even observable: on those the jump acts like the bare
Majoranas, and odd ones have no mean. Inside the chain the string stays. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qet.foundations.paulis import PauliString, spell_string
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.solvers.nambu import majoranas_of


def why_not(model: Model) -> str | None:
    """Why H is not quadratic in the Jordan–Wigner fermions: the first term and string that spoil it; None if it is.

    Example:
        >>> from qet.physics.models import ising, xxz
        >>> why_not(ising(100)) is None
        True
        >>> print(why_not(xxz(100)))
        the term V_0_1 has the string Z0 Z1, a product of four Majoranas and not of two
    """
    for term in model.terms:
        for string, c in term.operator.terms:
            if string and np.any(c):
                reason = _spoils(string, model.n_sites)
                if reason:
                    return f"the term {term.name} has the string {spell_string(string)}, {reason}"
    return None


def why_not_driven(model: Model, things: Sequence[Bath | Jump]) -> str | None:
    """Why a chain with these surroundings is not solved by third quantization; None if it is.

    Example:
        >>> from qet.physics.baths import jump
        >>> from qet.physics.models import xy
        >>> print(why_not_driven(xy(9), [jump("-", 4)]))
        jump 0 has the string X4 inside the chain, where it is no single Majorana: drive the end sites 0 and 8
    """
    for number, thing in enumerate(things):
        if isinstance(thing, Bath):
            return f"surrounding {number} is a bath; third quantization takes bare jumps"
        for string, c in thing.operator.terms:
            reason = _not_linear(string, model.n_sites) if np.any(c) else None
            if reason:
                return f"jump {number} has the string {spell_string(string)}{reason}"
        if len(thing.operator.support) > 1:
            return (
                f"jump {number} acts on sites {thing.operator.support} together, and the parity at the last site does "
                "not drop out of a sum with another site. Make one jump a site"
            )
    return why_not(model)


def _spoils(string: PauliString, n_sites: int) -> str | None:
    found = majoranas_of(string)
    if found is None:
        return "a product of an odd number of Majoranas and not of two"
    if len(found[0]) == 2:
        return None
    sites = [site for site, _ in string]
    if n_sites > 2 and sites == [0, n_sites - 1] and all(letter in "XY" for _, letter in string):
        return (
            "which closes the chain to a ring: its Jordan–Wigner string is the parity of all sites, so it is "
            "quadratic in each parity sector alone and not in the whole. Leave it out (open ends)"
        )
    count = {4: "four"}.get(len(found[0]), str(len(found[0])))
    return f"a product of {count} Majoranas and not of two"


def _not_linear(string: PauliString, n_sites: int) -> str | None:
    if len(string) == 1 and string[0][1] in "XY":
        if string[0][0] in (0, n_sites - 1):
            return None
        ends = f"drive the end sites 0 and {n_sites - 1}"
        return f" inside the chain, where it is no single Majorana: {ends}"
    if len(string) == 1:
        return (
            ", quadratic in Majoranas. Dephasing keeps the equations of two-point functions closed, but the state is "
            "not Gaussian, and no marginal follows from them: it is not offered here"
        )
    return ", and jumps here are '+', '-' or sums of X and Y at an end site"
