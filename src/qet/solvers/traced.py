"""The pair's steady state as a pure function of its raw numbers, for JAX: gradients by tracing, GPUs, jit.

The elimination (`foundations.elimination.solve`) takes any arrays with + - * /; here the rates of flat baths are
written without looking at an entry, so that the whole way from fields, temperatures and rates to the Pauli means can
be traced. The arithmetic is that of `gksl`; residuals are not checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from qet.foundations.elimination import solve
from qet.foundations.errors import NotOffered
from qet.foundations.paulis import PauliString
from qet.physics.baths import Bath
from qet.solvers.generator import block, evaluate
from qet.solvers.transposed import Inputs


def require_jax() -> Any:
    """The module jax.

    Raises:
        NotOffered: where it is not installed.
    """
    if find_spec("jax") is None:
        raise NotOffered(
            'method="jax" needs JAX, which is not installed: pip install "qet[jax]". method="implicit" needs NumPy '
            "alone."
        )
    return import_module("jax")


def flat_rates(b: Any, T: Any, rate: Any, mu: Any, statistics: str, xp: Any) -> tuple[Any, Any]:
    """down + up and down - up of a flat bath on a field b Z, T > 0: w = 2|b|; see `transposed`."""
    t = xp.tanh((2.0 * xp.abs(b) - mu) * 0.5 / T)
    sign = xp.where(b < 0.0, -1.0, 1.0)
    return (rate, sign * rate * t) if statistics == "fermion" else (rate / t, sign * rate)


def traced_means(inputs: Inputs, given: Sequence[Any], xp: Any = np) -> dict[PauliString, Any]:
    """The means of the steady state.

    Args:
        inputs: The problem, from `inputs_of`.
        given: Its raw inputs, in the order of `inputs.raw`: arrays of `xp` or numbers.
        xp: numpy or jax.numpy.

    Returns:
        String -> mean.
    """
    rates: list[tuple[Any, ...]] = []
    for d, place, pieces in zip(inputs.dissipators, inputs.places, inputs.shares(given), strict=True):
        thing = inputs.things[place]
        if isinstance(thing, Bath):
            b, T, rate, mu = pieces[:4]
            rates.append(flat_rates(b, T, rate, mu, thing.statistics, xp))
        else:
            rates.append(d.evaluate(*pieces))
    parameters = inputs.parameters(given, rates)
    system = block(inputs.model.n_sites, inputs.keys)
    assert system.plan is not None
    entries = {label: evaluate(form, parameters) for label, form in system.forms.items()}
    return dict(zip(system.generator.strings, solve(system.plan, entries), strict=True))
