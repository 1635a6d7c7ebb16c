"""Energy levels of a model as dense matrices, and what it means for one of them to be degenerate.

The constants of H are left out: they move every level alike, and would only spoil the scale that a spacing is
compared with.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.foundations.errors import DegenerateLevel, TooLarge, refuse_where
from qet.physics.model import Model

Array = np.ndarray
MEMORY_LIMIT = 8 * 2**30  # bytes of one dense batch that we start on without being asked


def spectrum(model: Model, batch: tuple[int, ...] = ()) -> tuple[Array, Array]:
    """Energies (..., d), ascending, and eigenvectors (..., d, d) in columns, of H without its constants.

    Raises:
        TooLarge: when the matrices of the batch would not fit.
    """
    shape = np.broadcast_shapes(model.shape, batch)
    need = dense_memory(model.n_sites, int(np.prod(shape, dtype=float)))
    if need > MEMORY_LIMIT:
        raise TooLarge(
            f"a dense spectrum of {model.n_sites} qubits at {int(np.prod(shape))} points takes about "
            f"{need / 2**30:.0f} GiB. Use fewer sites, or a smaller batch."
        )
    energies, vectors = np.linalg.eigh(
        np.broadcast_to(H := model.dynamics.matrix(model.sites), (*model.shape, *H.shape[-2:]))
    )
    return energies, vectors


def dense_memory(n_sites: int, points: int) -> float:
    """Bytes that the spectra of some points take."""
    return 3 * 16.0 * 4.0 ** min(n_sites, 400) * points  # no overflow: 400 sites are as far out of reach as 1000


def is_degenerate(energies: Array, level: Any) -> Array:
    """Whether a level (index, may be an array of the batch shape) lies within 1e-10 ‖H‖ of another one."""
    chosen = np.take_along_axis(energies, np.asarray(level)[..., None], axis=-1)
    distance = np.abs(energies - chosen)
    close = distance <= DEGENERACY_TOLERANCE * np.abs(energies).max(-1, keepdims=True)
    return close.sum(-1) > 1


def refuse_degenerate(energies: Array, level: int, word: str, *, where: Array | None = None) -> None:
    """Raise DegenerateLevel where a level is not unique, with the spacing.

    Args:
        energies: Ascending, shape (..., d).
        level: Which one.
        word: The state that was asked for.
        where: Boolean mask of a larger batch whose true entries `energies` lists, in order.
    """
    index = np.full(energies.shape[:-1], level)
    is_close = is_degenerate(energies, index)
    if not np.any(is_close):
        return
    gaps = np.abs(energies - energies[..., level : level + 1])
    gaps[..., level] = np.inf
    spacing = gaps.min(-1)
    if where is not None:
        full = np.full(where.shape, np.inf)
        full[where] = spacing
        mask = np.zeros(where.shape, dtype=bool)
        mask[where] = is_close
        spacing, is_close = full, mask
    refuse_where(
        is_close,
        DegenerateLevel,
        lambda i: (
            f"{word}: level {level} and its neighbor differ by {spacing[i]:.1e}, so the state is not unique "
            "and the teleported energy depends on which one is meant. Lift the degeneracy (a field), "
            "or take the equal mixture gibbs(model, T=0)"
        ),
    )


def level_numbers(energies: Array) -> Array:
    """Number of the level that each state of a rising spectrum belongs to, shape (..., d).

    A step to the next one where the spacing exceeds 1e-10 ‖H‖.
    """
    scale = np.abs(energies).max(-1, keepdims=True)
    steps = np.diff(energies, axis=-1) > DEGENERACY_TOLERANCE * scale
    first = np.zeros((*energies.shape[:-1], 1), dtype=int)
    return np.concatenate([first, np.cumsum(steps, axis=-1)], axis=-1)
