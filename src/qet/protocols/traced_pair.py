"""Energies of the pair between reservoirs, and their derivatives by every raw number, from one traced pass of JAX.

`pair_energy` is a pure function of arrays: jax.grad, jax.jit, jax.vmap and a GPU go through it. Double precision is
switched on inside these functions alone; the user's own setting of JAX stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from qet.physics.baths import Bath
from qet.protocols.pair import extracted_of, injected_of, local_of, strong_extracted_of
from qet.protocols.run import Run
from qet.solvers.pair import XX
from qet.solvers.traced import require_jax, traced_means
from qet.solvers.transposed import Inputs, Leaf, inputs_of

Array = np.ndarray


def raw_numbers(run: Run) -> tuple[Any, ...]:
    """What `pair_energy` takes for a run: the raw inputs of its steady state, the strength, the message error."""
    inputs = _inputs(run)
    ends = (v if np.ndim(v) else float(v) for v in (run.measurement.strength, run.message_error))
    return (*inputs.raw, *ends)


def pair_energy(run: Run, part: str, xp: Any) -> Callable[..., Any]:
    """A pure function from `raw_numbers` to an energy.

    Args:
        run: Whose structure it has (which terms, baths and jumps); its numbers do not enter.
        part: "injected", "extracted" or "local".
        xp: numpy or jax.numpy.
    """
    inputs, A, B = _inputs(run), run.state.model.A[0], run.state.model.B[0]
    current = ((A, "X"), (B, "Y")) if A < B else ((B, "Y"), (A, "X"))
    zA, zB = ((A, "Z"),), ((B, "Z"),)

    def energy(*given: Any) -> Any:
        s, q = given[-2:]
        h = dict(zip(inputs.strings, given, strict=False))
        means = traced_means(inputs, given[:-2], xp)
        if part == "injected":
            return injected_of(h.get(zA, 0.0), means.get(zA, 0.0), s, xp)[0]
        bob = (h.get(zB, 0.0), h.get(XX, 0.0), means.get(zB, 0.0), means.get(XX, 0.0), means.get(current, 0.0))
        if part == "local":
            return local_of(*bob, xp)[0]
        told = s * (1.0 - 2.0 * q)
        if isinstance(told, float) and abs(told) == 1.0:
            return strong_extracted_of(*bob, xp)[0]
        return extracted_of(*bob, told, xp)[0]

    return energy


def leaf_slopes(run: Run, part: str, needed: Sequence[Leaf]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function of flat pieces with the derivatives by the leaves and where they are in doubt, and its inputs."""
    jax, raw = require_jax(), raw_numbers(run)
    numbers = tuple(None if np.ndim(value) else float(value) for value in raw)
    compiled = _compiled(jax, run, part, tuple(needed), numbers)

    def function(*pieces: Any) -> tuple[dict[Leaf, Any], Any]:
        size = max((len(p) for p in pieces if np.ndim(p)), default=1)
        wide = 1 << max(size - 1, 0).bit_length()  # few lengths, each compiled once
        with _double(jax):
            arrays = [np.resize(np.asarray(piece, dtype=float), wide) for piece in pieces]
            found = [np.broadcast_to(np.asarray(x), (wide,))[:size] for x in compiled(arrays)]
        doubtful = ~np.isfinite(sum(found, np.zeros(size)))
        if any(np.ndim(p) for p in pieces):
            return dict(zip(needed, found, strict=True)), doubtful
        return {leaf: float(x[0]) for leaf, x in zip(needed, found, strict=True)}, bool(doubtful[0])

    return function, raw


_COMPILED: dict[Any, Any] = {}  # by structure: JAX compiles once for all numbers
MOST_COMPILED = 64


def _compiled(jax: Any, run: Run, part: str, needed: tuple[Leaf, ...], numbers: tuple[float | None, ...]) -> Any:
    """The derivatives by the leaves as a compiled function of a list of arrays, one a raw number."""
    owners = _owners(run)
    moving = [i for i, leaf in enumerate(owners) if leaf in needed]
    held = {i: value for i, value in enumerate(numbers) if value is not None and i not in moving}
    key = (_structure(run), part, needed, tuple(held.items()))
    if key in _COMPILED:
        return _COMPILED[key]
    energy = pair_energy(run, part, jax.numpy)

    def total(some: list[Any], arrays: list[Any]) -> Any:
        given = [held.get(i, array) for i, array in enumerate(arrays)]
        for i, value in zip(moving, some, strict=True):
            given[i] = value
        return jax.numpy.sum(energy(*given))

    def slopes(arrays: list[Any]) -> list[Any]:
        found = jax.grad(total)([arrays[i] for i in moving], arrays)
        by: dict[Leaf, Any] = {}
        for i, slope in zip(moving, found, strict=True):
            by[owners[i]] = by[owners[i]] + slope if owners[i] in by else slope
        return [by.get(leaf, 0.0) for leaf in needed]

    if len(_COMPILED) >= MOST_COMPILED:
        _COMPILED.pop(next(iter(_COMPILED)))
    return _COMPILED.setdefault(key, jax.jit(slopes))


def _structure(run: Run) -> Any:
    """What the compiled function depends on beside its numbers."""
    inputs, model = _inputs(run), run.state.model
    things = tuple(
        (thing.sites, thing.statistics, thing.coupling) if isinstance(thing, Bath) else thing.operator.terms
        for thing in inputs.things
    )
    return inputs.keys, things, tuple(s for s, _ in model.H.terms), model.A, model.B, run.state.master


def _double(jax: Any) -> Any:
    """Double precision inside a block, whatever the user's setting."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return import_module("jax.experimental").enable_x64()


def _owners(run: Run) -> list[Leaf]:
    """The leaf that each raw number belongs to."""
    inputs = _inputs(run)
    owners: list[Leaf] = [("h", string) for string in inputs.strings]
    for d, place in zip(inputs.dissipators, inputs.places, strict=True):
        site = next((key[1] for key in d.keys if key[0] == "total"), None)
        bath: list[Leaf] = [("h", ((site, "Z"),)), ("T", place), ("rate", place), ("mu", place), ("coupling", place)]
        owners += bath if len(d.inputs) == 5 else [("rate", place)]
    return [*owners, ("strength",), ("error",)]


def _inputs(run: Run) -> Inputs:
    found = inputs_of(run.state.model, run.state.surroundings, str(run.state.master))
    assert found is not None
    return found
