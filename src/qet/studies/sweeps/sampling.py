"""Parameters that run together along one dimension of a sweep: lists side by side, or points scattered in a box.

A grid of five parameters with a hundred values each has 10^10 points; a few thousand points scattered evenly tell most
of what it would. Sobol points fill a box far more evenly than random ones (discrepancy ~ ln(n)^d / n against n^-1/2),
best at powers of two. Both are made from the seed alone, and a larger sample begins with the smaller one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.foundations.values import Call, Value
from qet.studies.axes import axes_of

Array = np.ndarray
KINDS = ("sobol", "random")
EXAMPLES = {"zipped": "[0.5, 1.0]", "sampled": "(0.5, 1.5)"}


@dataclass(frozen=True, eq=False, repr=False)
class Together(Value):
    """Parameters of a sweep that share one dimension; made by `zipped` and `sampled`.

    Attributes:
        dim: Name of the dimension.
        values: Parameter -> its values, all of one length.
        made_by: The call.
    """

    dim: str
    values: Mapping[str, Any]
    made_by: Call
    _identity = ("dim", "values")

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


def zipped(dim: str = "sample", **values: Any) -> Together:
    """Parameters of a sweep that run side by side: point i has the i-th value of each.

    Where all of them are numbers with a fraction they go to the function as arrays along one dimension; where one is a
    whole number, a name or anything else, the group is gone through one point at a time.

    Args:
        dim: Name of the dimension.
        values: For each parameter its values, all of one length.

    Raises:
        BadParameter: without parameters or values. ShapeMismatch: for lengths that differ.

    Example:
        >>> import qet
        >>> def ratio(h, k):
        ...     return h / k
        >>> data = qet.sweep(ratio, qet.zipped("pair", h=[1.0, 2.0, 3.0], k=[0.5, 0.25, 0.125]))
        >>> data.ratio.values.tolist(), data.k.dims
        ([2.0, 8.0, 24.0], ('pair',))
    """
    _check_dim("zipped", dim, values)
    held = {}
    for name, given in values.items():
        if not (isinstance(given, (list, tuple, range)) or np.ndim(given) > 0):
            raise BadParameter(f"zipped takes a sequence of values for {name}; got {given!r}.")
        if isinstance(given, np.ndarray) and given.ndim != 1:
            raise ShapeMismatch(f"zipped: {name} is a sequence of values; got an array of shape {given.shape}.")
        held[name] = given if isinstance(given, np.ndarray) else list(given)
    lengths = {name: len(given) for name, given in held.items()}
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ShapeMismatch(f"zipped parameters have one length; {found} values.")
    if not next(iter(lengths.values())):
        raise BadParameter(f"zipped: {', '.join(held)} have no values.")
    return Together(dim, held, Call("zipped", {"dim": dim, **held}))


def sampled(n: int, kind: str = "sobol", seed: int = 0, dim: str = "sample", **bounds: Any) -> Together:
    """Points scattered in a box of parameters, for a sweep over many of them at once.

    Args:
        n: How many points; for Sobol points powers of two fill the box best.
        kind: "sobol": scrambled Sobol points. "random": independent and uniform, logarithmic axes in their
            logarithm.
        seed: Which points: the same seed gives the same points, and more points begin with the fewer.
        dim: Name of the dimension.
        bounds: For each parameter (low, high), or ("log", low, high).

    Raises:
        BadParameter: for bounds that are none, no bounds, or n < 1. UnknownName: for a kind that is not known.

    References:
        `scipy.stats.qmc.Sobol`: a linear matrix scramble with a digital shift.

    Example:
        >>> import qet
        >>> points = qet.sampled(8, h=(0.5, 1.5), k=("log", 0.01, 1.0))
        >>> data = qet.sweep(lambda h, k: qet.teleport(qet.ground(qet.minimal(h=h, k=k))), points)
        >>> data.extracted.dims, bool((data.extracted > 0).all())
        (('sample',), True)
    """
    n, seed = _whole("number of points n", n, 1), _whole("seed", seed, 0)
    _check_dim("sampled", dim, bounds)
    if kind not in KINDS:
        raise unknown("kind of sample", kind, KINDS)
    axes = axes_of(bounds)
    unit = _sobol(n, len(axes), seed) if kind == "sobol" else np.random.default_rng(seed).random((n, len(axes)))
    values = {axis.name: np.atleast_1d(axis.value(unit[:, i])) for i, axis in enumerate(axes)}
    return Together(dim, values, Call("sampled", {"n": n, "kind": kind, "seed": seed, "dim": dim, **bounds}))


def _sobol(n: int, d: int, seed: int) -> Array:
    """The first n scrambled Sobol points of the unit cube, shape (n, d)."""
    from scipy.stats import qmc

    if d > qmc.Sobol.MAXDIM:
        raise BadParameter(f"Sobol points have at most {qmc.Sobol.MAXDIM} parameters; got {d}. Take kind='random'.")
    name = "rng" if "rng" in signature(qmc.Sobol).parameters else "seed"  # as SciPy before 1.15 calls it
    told: Any = {name: np.random.default_rng(seed)}
    sobol = qmc.Sobol(d, **told)
    return np.asarray(sobol.random_base2(int(n - 1).bit_length())[:n])


def _check_dim(word: str, dim: Any, parameters: Mapping[str, Any]) -> None:
    if not isinstance(dim, str) or not dim:
        raise BadParameter(f"{word}: the dimension has a name; got {dim!r}.")
    if not parameters:
        raise BadParameter(f"{word} needs at least one parameter: {word}(..., h={EXAMPLES[word]}).")
    if dim in parameters:
        raise BadParameter(f"{word}: {dim!r} names a parameter and the dimension; name another one, dim=...")


def _whole(what: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise BadParameter(f"sampled: the {what} is a whole number from {least} on; got {value!r}.")
    return int(value)
