"""Exact thermal states of up to 12 sites: each symmetry sector diagonalized on its own.

Without symmetries this is one matrix of 4096 levels, half a minute; with a magnetization the largest of 12 sites has
924, a fraction of a second; of two sectors that the spin flip exchanges one is enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.foundations.errors import NotOffered, TooLarge
from qet.foundations.spelling import points_spelled, spelled_bytes
from qet.physics.model import Model
from qet.solvers.spectrum import MEMORY_LIMIT
from qet.solvers.states import Dense, Prepared
from qet.solvers.vectors.product import sparse_of
from qet.solvers.vectors.spaces import spaces_of
from qet.solvers.vectors.strings import Strings, strings_of

Array = np.ndarray
LONGEST = 12


def gibbs_by_sectors(model: Model, T: Any) -> Prepared:
    """exp(-H/T)/Z as a density matrix; T = 0 is the equal mixture of the lowest levels, within 1e-10 ‖H‖.

    Args:
        model: The model, of up to 12 sites.
        T: Temperature >= 0, number or array, broadcasts with the model.

    Raises:
        NotOffered: for longer chains. TooLarge: where the matrices of the batch would not fit.

    Example:
        >>> from qet.physics.models import xxz
        >>> gibbs_by_sectors(xxz(9), 0.5).payload.rho.shape
        (512, 512)
    """
    n, shape = model.n_sites, np.broadcast_shapes(model.shape, np.shape(T))
    if n > LONGEST:
        raise NotOffered(
            f"an exact thermal state of {n} sites: all levels are found up to {LONGEST} sites. Take "
            'solver="typicality", or solver="mps".'
        )
    dtype = float if model.dynamics.is_real else complex
    need = np.dtype(dtype).itemsize * 4**n * (int(np.prod(shape, dtype=float)) + 3)
    if need > MEMORY_LIMIT:
        raise TooLarge(
            f"density matrices of {n} sites at {points_spelled(shape)} take {spelled_bytes(need)}. Use fewer "
            "sites, or a smaller batch."
        )
    rho = np.zeros((*shape, 2**n, 2**n), dtype=dtype)
    T = np.broadcast_to(T, shape)
    blocks: list[Block] = []
    for index in np.ndindex(shape):
        if not blocks or model.shape:
            blocks = _levels(strings_of(model.dynamics, n, index))
        _fill(rho[index], blocks, float(T[index]))
    return Prepared(Dense(rho))


Block = tuple[list[Array], Array, Array]  # the labels of each copy, energies, vectors


def _levels(strings: Strings) -> list[Block]:
    """All levels, sector by sector."""
    blocks = []
    for space in spaces_of(strings):
        labels = np.arange(strings.d) if space.labels is None else space.labels
        energies, vectors = np.linalg.eigh(sparse_of(strings, labels).toarray())
        copies = [labels, labels ^ (strings.d - 1)][: space.multiplicity]
        blocks.append((copies, energies, vectors))
    return blocks


def _fill(rho: Array, blocks: list[Block], T: float) -> None:
    """One thermal state, block by block."""
    lowest = min(float(energies[0]) for _, energies, _ in blocks)
    norm = max(float(np.abs(energies).max()) for _, energies, _ in blocks)
    weights = []
    for _, energies, _ in blocks:
        excess = energies - lowest
        with np.errstate(over="ignore"):  # an infinite exponent is an empty level
            weights.append(np.exp(-excess / T) if T > 0.0 else (excess <= DEGENERACY_TOLERANCE * norm) * 1.0)
    Z = sum(len(copies) * float(w.sum()) for (copies, _, _), w in zip(blocks, weights, strict=True))
    for (copies, _, vectors), w in zip(blocks, weights, strict=True):
        block = (vectors * (w / Z)) @ vectors.conj().T
        for labels in copies:
            rho[np.ix_(labels, labels)] = block
