"""Quantum energy teleportation: any model, any state, what it costs, what comes out, and what the message was worth.

The public words are loaded on first use, so that `import qet` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_WORDS = {
    "qet.foundations.paulis": ["pauli", "PauliSum"],
    "qet.physics.models": [
        "minimal",
        "ising",
        "xy",
        "xxz",
        "heisenberg",
        "long_range",
        "star",
        "model",
        "by_site",
        "disorder",
    ],
    "qet.physics.model": ["Model"],
    "qet.physics.baths": ["bath", "jump"],
    "qet.physics.measurement": ["measure"],
    "qet.physics.feedback": ["feedback"],
    "qet.physics.oscillators": ["harmonic", "oscillators"],
    "qet.physics.gaussian_reading": ["coherent", "homodyne"],
    "qet.solvers.states": ["State", "marginal", "expect"],
    "qet.solvers.prepare": ["ground", "eigenstate", "gibbs", "state", "depolarize"],
    "qet.solvers.steady": ["steady"],
    "qet.solvers.transport": ["transport"],
    "qet.solvers.explain": ["explain"],
    "qet.solvers.mean_force": ["mean_force"],
    "qet.solvers.with_leads": ["with_leads"],
    "qet.solvers.evolve": ["evolve"],
    "qet.solvers.settle": ["settle"],
    "qet.solvers.relaxation": ["relaxation"],
    "qet.solvers.collisional": ["collisional"],
    "qet.solvers.audit": ["audit"],
    "qet.protocols.teleport": ["teleport"],
    "qet.protocols.run": ["Run"],
    "qet.protocols.alice": ["best_measurement"],
    "qet.protocols.profile": ["profile"],
    "qet.protocols.several_rounds": ["rounds"],
    "qet.protocols.passivity": ["passivity"],
    "qet.protocols.threshold": ["threshold_temperature"],
    "qet.protocols.cycle": ["cycle"],
    "qet.protocols.pulses": ["pulsed"],
    "qet.protocols.information": ["information"],
    "qet.protocols.robustness": ["robustness"],
    "qet.protocols.tomography": ["tomography"],
    "qet.protocols.work_statistics": ["work_statistics"],
    "qet.protocols.bounds": ["bounds", "founding_note_temperature"],
    "qet.protocols.ergotropy": ["ergotropy"],
    "qet.protocols.battery": ["battery"],
    "qet.protocols.demon": ["demon"],
    "qet.studies.compare": ["compare_masters"],
    "qet.studies.reciprocity": ["reciprocity"],
    "qet.studies.decompose": ["decompose"],
    "qet.studies.optimize": ["optimize"],
    "qet.studies.gradients.gradient": ["gradient"],
    "qet.studies.sweeps.sweep": ["sweep"],
    "qet.studies.sweeps.sampling": ["zipped", "sampled"],
    "qet.studies.decay": ["decay_law"],
    "qet.studies.study": ["rerun"],
    "qet.studies.stores.pack": ["pack"],
    "qet.studies.saving": ["save", "load"],
    "qet.interfaces.study_file": ["study"],
    "qet.interfaces.reproduce": ["reproduce"],
    "qet.interfaces.about": ["about", "cite"],
}
_MODULES = {
    "plot": "qet.interfaces.plots",
    "errors": "qet.foundations.errors",
}
_HOME = {word: module for module, words in _WORDS.items() for word in words}
__all__ = [*_HOME, *_MODULES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = import_module(_MODULES[name])
    else:
        from qet.foundations.errors import nearest

        raise AttributeError(f"qet has no {name!r}; {nearest(name, __all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
