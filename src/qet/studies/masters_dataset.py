"""The labels of a comparison of master equations: dimensions, coordinates, units, long names.

Units are natural, ħ = k_B = 1: "energy" is the unit in which H is given, a rate and a current follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import BadParameter, ShapeMismatch
from qet.physics.baths import Bath
from qet.physics.model import Model
from qet.studies.provenance import dataset_attributes

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
ENERGIES = {
    "extracted": "energy that Bob's operation takes out",
    "teleported": "extracted less what Bob's best operation gives without the message",
    "local": "the best that Bob gets without the message",
    "injected": "energy that Alice's measurement pays in",
}
STEADY = {
    "energy": ("mean energy of the steady state", "energy"),
    "entropy_production": ("entropy production, -sum of heat current over temperature", "energy"),
    "smallest_eigenvalue": ("smallest eigenvalue of the density matrix", "1"),
    "gap": ("slowest relaxation rate of the generator", "energy"),
    "validity_to_frequency": ("largest relaxation rate over its Bohr frequency", "1"),
    "validity_to_temperature": ("largest relaxation rate over the temperature of its bath", "1"),
}
FLAGS = {
    "answered": ("whether the theory answers", [0, 1], "refused answered"),
    "positive": ("whether the state is a density matrix", [-1, 0, 1], "refused negative positive"),
}
OWN_DIMS = ("master", "other", "bath")


def labeled(
    names: tuple[str, ...],
    shape: tuple[int, ...],
    columns: dict[str, list[Array]],
    why: list[str],
    *,
    model: Model,
    baths: list[Bath],
    axes: tuple[str, ...],
    recipe: Mapping[str, Any],
) -> xr.Dataset:
    """The Dataset of a comparison.

    Args:
        names: The master equations, as labels.
        shape: Batch shape.
        columns: Variable -> one array a master, over the batch; `heat_current` with the baths, `trace_distance` with
            the other masters in front.
        why: One text a master.
        model: For the coordinates.
        baths: For the coordinates.
        axes: Names of the batch axes; see `checked_dims`.
        recipe: How to make the Dataset again.
    """
    import xarray as xr

    inner = {"heat_current": ("bath",), "trace_distance": ("other",)}
    sizes = {"bath": len(baths), "other": len(names)}
    variables: dict[str, Any] = {}
    for name, described in _described().items():
        wide = tuple(sizes[dim] for dim in inner.get(name, ()))
        data = np.stack([_widened(part, wide, shape) for part in columns[name]])
        variables[name] = (("master", *inner.get(name, ()), *axes), data, described)
    variables["why"] = ("master", np.array(why, dtype=str), {"long_name": "why points were refused"})
    coordinates = _coordinates(names, baths, shape, axes) | _swept(model, baths, shape, axes, taken={*variables})
    attributes = dataset_attributes(f"Master equations compared: {', '.join(names)}", recipe)
    return xr.Dataset(variables, coordinates, attributes)


def _described() -> dict[str, dict[str, Any]]:
    """Variable -> its attributes."""
    found: dict[str, dict[str, Any]] = {
        "trace_distance": {"long_name": "trace distance between the states of two theories", "units": "1"}
    }
    found |= {name: {"long_name": text, "units": "energy"} for name, text in ENERGIES.items()}
    found |= {name: {"long_name": text, "units": unit} for name, (text, unit) in STEADY.items()}
    found["heat_current"] = {"long_name": "heat that flows from the bath into the system", "units": "energy^2"}
    for name, (text, values, meanings) in FLAGS.items():
        flags = {"flag_values": np.array(values, dtype=np.int8), "flag_meanings": meanings}
        found[name] = {"long_name": text, "units": "1", **flags}
    return found


def _widened(values: Array, wide: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Values (*wide, *batch) with the batch broadcast to `shape`, whose extra axes stand in front."""
    batch = values.shape[len(wide) :]
    room = values.reshape((*wide, *[1] * (len(shape) - len(batch)), *batch))
    return np.broadcast_to(room, (*wide, *shape))


def checked_dims(dims: Sequence[str] | None, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the batch axes: as given, or dim_0, dim_1, ...

    Raises:
        ShapeMismatch: if they are not one for each axis.
        BadParameter: for a name that is taken.
    """
    if dims is None:
        return tuple(f"dim_{i}" for i in range(len(shape)))
    names = (dims,) if isinstance(dims, str) else tuple(dims)
    if len(names) != len(shape):
        raise ShapeMismatch(f"dims names {len(names)} axes, but the batch has shape {shape}. Name each axis once.")
    taken = {*OWN_DIMS, "why", "bath_T", "bath_rate", "bath_mu", *_described()}
    for name in names:
        if not isinstance(name, str) or not name or name in taken:
            raise BadParameter(f"an axis cannot be called {name!r}: the Dataset has that name, or it is no name.")
    if len(set(names)) != len(names):
        raise BadParameter(f"dims gives two axes one name: {names!r}.")
    return names


def _coordinates(
    names: tuple[str, ...], baths: list[Bath], shape: tuple[int, ...], axes: tuple[str, ...]
) -> dict[str, Any]:
    """Masters, baths, and the parameters of each bath."""
    labels: list[str] = []
    for bath in baths:
        label = f"site {', '.join(map(str, bath.sites))}"
        same = sum(known == label or known.startswith(f"{label} (") for known in labels)
        labels.append(f"{label} ({same + 1})" if same else label)
    found: dict[str, Any] = {
        "master": ("master", list(names), {"long_name": "master equation"}),
        "other": ("other", list(names), {"long_name": "master equation compared with"}),
        "bath": ("bath", np.array(labels, dtype=str), {"long_name": "where the bath acts"}),
    }
    texts = {"T": "temperature of the bath", "rate": "rate of the bath", "mu": "chemical potential of the bath"}
    for parameter, text in texts.items():
        values = np.empty((len(baths), *shape))
        for i, bath in enumerate(baths):
            values[i] = getattr(bath, parameter)
        attributes = {"long_name": text, "units": "1" if parameter == "rate" and _is_ohmic(baths) else "energy"}
        found[f"bath_{parameter}"] = (("bath", *axes), values, attributes)
    return found


def _is_ohmic(baths: list[Bath]) -> bool:
    return bool(baths) and all(bath.spectrum != "flat" and bath.spectrum[0] != "lorentzian" for bath in baths)


def _swept(
    model: Model, baths: list[Bath], shape: tuple[int, ...], axes: tuple[str, ...], *, taken: set[str]
) -> dict[str, Any]:
    """Values along the batch axes: the model's array parameters, and a bath's where an axis has its name."""
    found: dict[str, Any] = {}
    for name, value in model.made_by.arguments.items():
        along = _along(value, shape, axes)
        if along is not None and name not in {*taken, *OWN_DIMS} and (name not in axes or along[0] == (name,)):
            found[name] = (*along, {"long_name": f"{name} of the model"})
    for parameter in {"T", "rate", "mu"} & set(axes) - set(found):
        values = [_along(getattr(bath, parameter), shape, axes) for bath in baths]
        fitting = [along[1] for along in values if along is not None and along[0] == (parameter,)]
        if fitting and all(np.array_equal(fitting[0], other) for other in fitting):
            found[parameter] = (parameter, fitting[0], {"long_name": f"{parameter} of the baths that vary"})
    return found


def _along(value: Any, shape: tuple[int, ...], axes: tuple[str, ...]) -> tuple[tuple[str, ...], Array] | None:
    """The axes that an array parameter varies along, and its values there; None for anything else."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim > len(shape) or value.size <= 1:
        return None
    padded = (*[1] * (len(shape) - value.ndim), *value.shape)
    if any(size not in (1, whole) for size, whole in zip(padded, shape, strict=True)):
        return None
    varies = tuple(axis for axis, size in zip(axes, padded, strict=True) if size > 1)
    return varies, value.squeeze()
