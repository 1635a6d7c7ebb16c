"""From a recipe back to the thing: plain data in, the same object out.

A recipe names a public word and its arguments. Only words are looked up; nothing in a
file is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, unknown
from qet.foundations.paulis import PauliSum, collect, pauli
from qet.physics.baths import bath, jump
from qet.physics.feedback import feedback
from qet.physics.gaussian_reading import coherent, homodyne
from qet.physics.measurement import measure
from qet.physics.model import Model
from qet.physics.models import MODELS, by_site, disorder, model
from qet.physics.oscillators import harmonic, oscillators
from qet.protocols.battery import battery
from qet.protocols.cycle import cycle
from qet.protocols.demon import demon
from qet.protocols.ergotropy import ergotropy
from qet.protocols.passivity import passivity
from qet.protocols.profile import profile
from qet.protocols.pulses import pulsed
from qet.protocols.several_rounds import rounds
from qet.protocols.teleport import teleport
from qet.protocols.threshold import threshold_temperature
from qet.solvers.audit import audit
from qet.solvers.collisional import collisional
from qet.solvers.evolve import evolve
from qet.solvers.mean_force import mean_force
from qet.solvers.prepare import depolarize, eigenstate, gibbs, ground, state
from qet.solvers.relaxation import relaxation
from qet.solvers.settle import settle
from qet.solvers.states import State
from qet.solvers.steady import steady
from qet.solvers.with_leads import with_leads
from qet.studies.compare import compare_masters
from qet.studies.decay import decay_law
from qet.studies.decompose import decompose
from qet.studies.described.data import study_of
from qet.studies.gradients.gradient import gradient
from qet.studies.optimize import optimize
from qet.studies.reciprocity import reciprocity
from qet.studies.sweeps.sampling import sampled, zipped
from qet.studies.sweeps.sweep import sweep


def _pauli_sum(*, terms: Mapping[str, Any]) -> PauliSum:
    """A Pauli sum from its strings and coefficients."""
    return collect([(string, c) for text, c in terms.items() for string, _ in pauli(text).terms])


def _swapped(*, model: Model) -> Model:
    return model.swapped()


def _between(*, of: Model | State, A: Any, B: Any) -> Model | State:
    return of.between(A, B)


def _cycle_state(**arguments: Any) -> State:
    """The state at the start of a cycle's round."""
    return cycle(**arguments).state


def _sweep(*, point: Any, together: Any = (), **arguments: Any) -> Any:
    """A sweep whose lists side by side and samples are one argument."""
    return sweep(point, *together, **arguments)


WORDS: dict[str, Callable[..., Any]] = {
    **MODELS,
    "model": model,
    "swapped": _swapped,
    "between": _between,
    "by_site": by_site,
    "disorder": disorder,
    "pauli_sum": _pauli_sum,
    "bath": bath,
    "jump": jump,
    "measure": measure,
    "feedback": feedback,
    "harmonic": harmonic,
    "oscillators": oscillators,
    "coherent": coherent,
    "homodyne": homodyne,
    "ground": ground,
    "eigenstate": eigenstate,
    "gibbs": gibbs,
    "state": state,
    "steady": steady,
    "mean_force": mean_force,
    "with_leads": with_leads,
    "depolarize": depolarize,
    "evolve": evolve,
    "settle": settle,
    "relaxation": relaxation,
    "collisional": collisional,
    "audit": audit,
    "teleport": teleport,
    "profile": profile,
    "rounds": rounds,
    "passivity": passivity,
    "threshold_temperature": threshold_temperature,
    "ergotropy": ergotropy,
    "demon": demon,
    "battery": battery,
    "cycle": cycle,
    "pulsed": pulsed,
    "cycle_state": _cycle_state,
    "compare_masters": compare_masters,
    "reciprocity": reciprocity,
    "decompose": decompose,
    "optimize": optimize,
    "gradient": gradient,
    "sweep": _sweep,
    "study": study_of,
    "zipped": zipped,
    "sampled": sampled,
    "decay_law": decay_law,
}
PLAIN = ("study",)
"""Words whose arguments are plain data and hold no recipes."""


def rerun(recipe: Mapping[str, Any]) -> Any:
    """Make a model, state or run again from its recipe; `rerun(run.recipe) == run`.

    Args:
        recipe: Plain data, as in `run.recipe` or a file made from it.

    Raises:
        UnknownName: for a word that is no public word.
        BadParameter: for what is no recipe.

    Example:
        >>> import qet
        >>> run = qet.teleport(qet.gibbs(qet.minimal(h=1.0, k=0.5), T=0.3))
        >>> qet.rerun(run.recipe) == run
        True
    """
    if not isinstance(recipe, Mapping) or "word" not in recipe:
        raise BadParameter("a recipe is a mapping with the key 'word', such as run.recipe.")
    return _build(recipe)


def _build(data: Any) -> Any:
    if isinstance(data, Mapping):
        if data.keys() == {"re", "im"} and not any(isinstance(part, (str, Mapping)) for part in data.values()):
            value = np.asarray(data["re"]) + 1j * np.asarray(data["im"])
            return value if value.ndim else complex(value)
        word = data.get("word")
        if word is None or isinstance(word, Mapping):  # a term of a model may bear any name, also this one
            return {key: _build(item) for key, item in data.items()}
        if not isinstance(word, str) or word not in WORDS:
            raise unknown("word", word, WORDS)
        held = {key: item for key, item in data.items() if key != "word"}
        arguments = held if word in PLAIN else {key: _build(item) for key, item in held.items()}
        try:
            signature(WORDS[word]).bind(**arguments)
        except TypeError as error:
            raise BadParameter(f"the recipe of {word!r} does not fit the word: {error}.") from None
        return WORDS[word](**arguments)
    if isinstance(data, list):
        items = [_build(item) for item in data]
        if items and all(isinstance(item, complex) for item in items):
            return np.array(items)
        return tuple(items) if any(not isinstance(item, (int, float)) for item in items) else items
    return data
