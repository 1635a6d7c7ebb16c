"""Random driven chains of nearest neighbors, and how stated errors compare with true ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from tests.solvers.driven_chains import anisotropic, ends, ising, mixed_field, twisted

import qet
from qet.protocols.target import precision_of

Case = tuple[str, Any, list[Any]]


def random_chain(seed: int) -> Case:
    """A chain of 5 to 7 sites (9 now and then), of a kind that goes round with the seed, with random parties."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 8))
    alice = int(rng.integers(n))
    parties = {"A": alice, "B": int((alice + rng.integers(1, 3)) % n)}
    gamma, mu, Delta = float(10 ** rng.uniform(-0.7, 0.7)), float(rng.uniform(-1, 1)), float(rng.uniform(-1.5, 1.5))
    name = ("xxz", "xy in a field", "tilted ising", "dephasing", "long", "twisted", "ising", "mixed", "anisotropic")[
        seed % 9
    ]
    noise = [qet.jump("Z", site, 0.2) for site in range(n)]
    if name == "xxz":
        return name, qet.xxz(n, J=0.25 * rng.uniform(0.5, 3), Delta=Delta, **parties), ends(n, gamma=gamma, mu=mu)
    if name == "xy in a field":
        model = qet.xy(n, Jx=rng.uniform(0.2, 1), Jy=rng.uniform(-1, -0.2), g=rng.uniform(-1, 1), **parties)
        return name, model, ends(n, gamma=gamma, mu=mu)[:3]
    if name == "tilted ising":
        model = qet.ising(n, J=rng.uniform(0.3, 1), g=rng.uniform(0.3, 1), hx=rng.uniform(-0.5, 0.5), **parties)
        return name, model, ends(n, gamma=gamma, mu=mu)
    if name == "dephasing":
        return name, qet.xxz(n, J=0.25, Delta=Delta, **parties), ends(n, gamma=gamma, mu=mu) + noise
    if name == "long":
        return name, qet.xxz(9, J=0.25, Delta=Delta, A=4, B=5), ends(9, gamma=gamma, mu=mu)
    made = {"twisted": twisted, "ising": ising, "mixed": mixed_field, "anisotropic": anisotropic}[name](n, rng)
    return name, made[0].between(parties["A"], parties["B"]), made[1]


class Compared(NamedTuple):
    """A stated error and the true one."""

    stated: float
    true: float

    @property
    def ratio(self) -> float:
        """Stated over true, where the true one is more than rounding."""
        return self.stated / max(self.true, 1e-11)


def compared(product: Any, exact: Any) -> dict[str, Compared]:
    """Everything that is stated of a matrix product, against an exact state."""

    def far(a: Any, b: Any) -> float:
        return float(np.abs(np.asarray(a) - np.asarray(b)).max())

    ours, theirs = qet.transport(product), qet.transport(exact)
    found = {
        "magnetization": Compared(ours.error.magnetization, far(ours.magnetization, theirs.magnetization)),
        "energy current": Compared(ours.error.energy_current, far(ours.energy_current, theirs.energy_current)),
        "jumps": Compared(
            product.diagnostics.energy_current_error,
            far(product.diagnostics.energy_currents, exact.diagnostics.energy_currents),
        ),
        "energy": Compared(
            product.precision, far(qet.expect(product, product.model.H), qet.expect(exact, exact.model.H))
        ),
    }
    if not isinstance(ours.found_spin_current, str):
        found["spin current"] = Compared(ours.error.spin_current, far(ours.spin_current, theirs.spin_current))
    for letter in "XYZ":
        run, true = (qet.teleport(state, measure=letter) for state in (product, exact))
        found[f"injected by {letter}"] = Compared(precision_of(product, None), far(run.injected, true.injected))
        found[f"extracted by {letter}"] = Compared(run.extracted_error, far(run.extracted, true.extracted))
    return found
