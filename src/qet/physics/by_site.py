"""One value a site or one a bond: given, or drawn at random from a seed.

A bare array is always a batch of points; what varies along the chain is said with `by_site` or `disorder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.foundations.checks import real
from qet.foundations.errors import BadParameter, ShapeMismatch, unknown
from qet.foundations.values import Call, Value, call_of, frozen

KINDS = ("uniform", "normal")


@dataclass(frozen=True, eq=False, repr=False)
class BySite(Value):
    """Values one a site or one a bond, on the last axis; leading axes are points.

    Attributes:
        values: The values.
        made_by: The word that drew them; None where they were given.
    """

    values: np.ndarray
    made_by: Call | None = None
    _identity = ("values",)

    def __repr__(self) -> str:
        return f"qet.by_site({self.values.tolist()!r})" if self.made_by is None else repr(self.made_by)

    @property
    def recipe(self) -> dict[str, Any]:
        """As plain data."""
        if self.made_by is not None:
            return dict(self.made_by.recipe)
        return {"word": "by_site", "values": self.values.tolist()}


def by_site(values: Any) -> BySite:
    """One value a site or bond: the last axis runs along the chain, leading axes are points.

    Raises:
        ShapeMismatch: for a single number. BadParameter: for what is no finite real number.
    """
    array = np.asarray(real("by_site", values), dtype=float)
    if array.ndim == 0:
        raise ShapeMismatch("by_site takes a sequence: one value a site or bond.")
    return BySite(array)


def disorder(
    n: int, *, width: Any, mean: Any = 0.0, seed: int, kind: str = "uniform", samples: int | None = None
) -> BySite:
    """Independent random values along the chain, mean + width ξ, the same for the same seed.

    ξ is uniform on [-1, 1] or normal with variance 1. Arrays of widths and means share one draw of ξ, so that curves
    over them are smooth.

    Args:
        n: How many values along the chain: n for fields, n - 1 for bonds of an open chain.
        width: Half width of the uniform values, or standard deviation of the normal ones; at least zero.
        mean: Their mean; number or array, broadcasts with `width` and with the samples.
        seed: Of NumPy's default generator; the recipe keeps it, not the values.
        kind: "uniform" or "normal".
        samples: How many chains are drawn, on one leading axis; none: one chain, no axis.

    Returns:
        Values of shape (*points, n), the points being the broadcast of width, mean and (samples,).

    Raises:
        BadParameter: for a number of values or samples, or a seed, that is no whole number in its range.
        UnknownName: for another kind. ShapeMismatch: where width, mean and samples do not broadcast.

    Example:
        >>> import qet
        >>> g = disorder(6, width=0.5, mean=1.0, seed=7, samples=100)
        >>> state = qet.ground(qet.ising(6, g=g))
        >>> state.shape
        (100,)
    """
    _check_whole("n", n, 1)
    _check_whole("seed", seed, 0)
    if kind not in KINDS:
        raise unknown("kind of disorder", kind, KINDS)
    if samples is not None:
        _check_whole("samples", samples, 1)
    width, mean = real("width", width, minimum=0.0), real("mean", mean)
    shape = () if samples is None else (int(samples),)
    try:
        np.broadcast_shapes(np.shape(width), np.shape(mean), shape)
    except ValueError:
        raise ShapeMismatch(
            f"width {np.shape(width)}, mean {np.shape(mean)} and samples {shape} do not broadcast. Give an array of "
            "widths one more axis for the samples: width[:, None]."
        ) from None
    draw = np.random.default_rng(seed)
    xi = draw.uniform(-1.0, 1.0, (*shape, n)) if kind == "uniform" else draw.normal(size=(*shape, n))
    values = np.asarray(mean)[..., None] + np.asarray(width)[..., None] * xi
    call = call_of(
        "disorder",
        {"n": int(n), "width": width, "mean": mean, "seed": int(seed)},
        {"kind": (kind, "uniform"), "samples": (samples, None)},
    )
    return BySite(frozen(values), call)


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise BadParameter(f"{name} of disorder is a whole number, at least {least}; got {value!r}.")
