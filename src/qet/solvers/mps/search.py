"""The lowest state of H as a matrix product, by two-site DMRG, in the right sector, and the gap above it.

Short runs with a mixer from several product states scout the sectors; the best is then refined until the residual
‖(H - E) v‖ stops falling. The gap is the smaller of two: to the best of the neighboring sectors, and to the lowest
state orthogonal to the one found in its own. What is not told apart from degenerate is refused by `states`.

References: U. Schollwöck, Ann. Phys. 326, 96 (2011), for the method; TeNPy runs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qet.foundations.conventions import DEGENERACY_TOLERANCE
from qet.solvers.mps.chain import Chain, residual_of
from qet.solvers.mps.contract import means_of
from qet.solvers.mps.gates import Strings
from qet.solvers.mps.peer import MAGNETIZATION, NO_CHARGE, PARITY, Peer, quietly

Array = np.ndarray
SCOUTS = 16  # bond dimension of a first look
SCOUT_SWEEPS = 6
ABOVE = 48  # bond dimension of the state above, whose energy need not be sharp
SWEEPS = 40  # at most, of the refinement
ENOUGH = 1e-10  # of the residual, relative to Σ|c| over the strings that meet one site
DROPPED = 1e-12  # singular values
SEED = 5


@dataclass(frozen=True)
class Sweep:
    """How a run stood after one sweep."""

    number: int
    energy: float
    entropy: float
    bond: int
    truncation: float


@dataclass(frozen=True, eq=False)
class Found:
    """What a run found.

    Attributes:
        chain: The state.
        energy: Its mean of H, without constants.
        residual: ‖(H - E) v‖: there is a level within that of the energy.
        ups: Number of |0> in the sector, its parity, or None without a charge.
        psi: TeNPy's state.
        sweeps: How the refinement went.
        gap: To the next level, estimated.
    """

    chain: Chain
    energy: float
    residual: float
    ups: int | None
    psi: Any
    sweeps: tuple[Sweep, ...] = ()
    gap: float = np.inf


@dataclass
class Search:
    """A search for the lowest state of H.

    Attributes:
        strings: Of H, with coefficients.
        n_sites: Number of sites.
        bond: Largest bond dimension.
        peer: H for TeNPy.
    """

    strings: Strings
    n_sites: int
    bond: int
    peer: Peer = field(init=False)

    def __post_init__(self) -> None:
        self.peer = Peer.of(self.strings, self.n_sites)

    @property
    def scale(self) -> float:
        """Σ|c|, at least ‖H‖."""
        return float(sum(abs(c) for _, c in self.strings))

    @property
    def _sharp(self) -> float:
        """How still the energy of a short run stands when it ends."""
        return 1e-6 * self.scale / self.n_sites

    def lowest(self) -> Found:
        """The lowest state and the gap above it."""
        seen = {found.ups: found for found in self._scouted()}
        ranked = sorted(seen.values(), key=lambda found: found.energy)
        best, others = self.refined(ranked[0]), ranked[1:]
        gained = ranked[0].energy - best.energy + DEGENERACY_TOLERANCE * self.scale
        next_one = np.inf
        for other in others:
            if other.energy - best.energy <= 10 * gained:  # its first look may be as far off
                other = self.refined(other)
            best, other = (best, other) if best.energy <= other.energy else (other, best)
            next_one = min(next_one, other.energy)
        above = self._above(best)
        return replace(best, gap=max(0.0, min(next_one, above) - best.energy))

    def refined(self, start: Found) -> Found:
        """Sweeps without a mixer until the residual is small, or falls no more."""
        psi, sweeps, best = start.psi, [], np.inf
        local = max(self.scale / self.n_sites, np.finfo(float).tiny)
        engine = _engine(psi, self.peer, {"chi_list": _growth(self.bond), "mixer": None}, self.bond)
        while len(sweeps) < SWEEPS:
            with quietly():
                truncation = float(engine.sweep(meas_E_trunc=False))
            sweeps.append(_record(len(sweeps) + 1, engine, psi, truncation))
            if len(sweeps) % 2:
                continue
            now = self._found(psi, start.ups)
            is_grown = len(sweeps) > max(_growth(self.bond)) + 2
            if now.residual <= ENOUGH * local or (is_grown and now.residual > 0.5 * best):
                break
            best = min(best, now.residual)
        return replace(self._found(psi, start.ups), sweeps=tuple(sweeps))

    def _found(self, psi: Any, ups: int | None) -> Found:
        chain = self.peer.chain(psi)
        means = means_of(chain, [string for string, _ in self.strings])
        energy = float(sum(c * means[string] for string, c in self.strings))
        return Found(chain, energy, residual_of(chain, self.peer.operators(energy)), ups, psi)

    def _scouted(self) -> list[Found]:
        """A first look at the sectors that may hold the lowest state."""
        n = self.n_sites
        if self.peer.charge == NO_CHARGE:
            return [self._scout(None, self.peer, range(n + 1))]
        if self.peer.charge == PARITY:
            return [self._scout(parity, self.peer, range(parity, n + 1, 2)) for parity in (0, 1)]
        free = Peer.of(self.strings, n, NO_CHARGE)
        guess = self._scout(None, free, range(n + 1))
        magnetization = sum(value for value in means_of(guess.chain, [((i, "Z"),) for i in range(n)]).values())
        place = int(np.clip(round((n + magnetization) / 2), 0, n))
        looked = {ups: self._scout(ups, self.peer, [ups]) for ups in {0, n, place}}
        while True:  # downhill, until both neighbors are higher
            place = min(looked, key=lambda ups: looked[ups].energy)
            missing = [ups for ups in (place - 1, place + 1) if 0 <= ups <= n and ups not in looked]
            if not missing:
                return list(looked.values())
            looked |= {ups: self._scout(ups, self.peer, [ups]) for ups in missing}

    def _scout(self, ups: int | None, peer: Peer, counts: Any) -> Found:
        """The best of short runs from product states with numbers of |0> among `counts`."""
        best = None
        for start in _starts(self.n_sites, list(counts)):
            psi, energy = _short_run(peer.product(start), peer, SCOUTS, SCOUT_SWEEPS, self._sharp)
            if best is None or energy < best[1] - 1e-12 * self.scale:
                best = (psi, energy)
        assert best is not None
        return Found(peer.chain(best[0]), best[1], np.inf, ups, best[0])

    def _above(self, best: Found) -> float:
        """Energy of the lowest state of the sector that is orthogonal to the one found."""
        if self.peer.charge == MAGNETIZATION and best.ups in (0, self.n_sites):
            return np.inf  # the only one
        shift = 2.0 * self.scale  # orthogonality lifts the state found to zero, above everything
        peer = Peer.of([*self.strings, ((), -shift)], self.n_sites, self.peer.charge)
        if self.peer.charge == MAGNETIZATION:
            counts = [best.ups]
        else:
            counts = list(range(best.ups or 0, self.n_sites + 1, 1 if best.ups is None else 2))
        lowest = np.inf
        for start in _starts(self.n_sites, counts)[-2:]:
            _, energy = _short_run(peer.product(start), peer, min(ABOVE, self.bond), 12, self._sharp, best.psi)
            lowest = min(lowest, energy + shift)
        return lowest


def _starts(n: int, counts: list[int]) -> list[Array]:
    """Product states with so many |0>: one spread evenly for few, half and all; a random one for the middle count."""
    middle = min(counts, key=lambda count: abs(2 * count - n))
    chosen = list(dict.fromkeys((counts[0], counts[-1], middle)))
    starts = [np.diff(np.floor(np.arange(n + 1) * count / n + 1e-9)) > 0.5 for count in chosen]
    random = np.zeros(n, dtype=bool)
    random[np.random.default_rng(SEED).permutation(n)[:middle]] = True
    unique = {start.tobytes(): start for start in [*starts, random]}
    return list(unique.values())


def _short_run(
    psi: Any, peer: Peer, bond: int, sweeps: int, sharp: float, orthogonal: Any = None
) -> tuple[Any, float]:
    mixer = {"amplitude": 1e-3, "decay": 3.0, "disable_after": max(2, sweeps - 3)}
    still = {"max_E_err": sharp, "max_S_err": 1e-3, "min_sweeps": 3, "max_sweeps": sweeps}
    options = {"mixer": True, "mixer_params": mixer, **still}
    engine = _engine(psi, peer, options, bond, orthogonal)
    with quietly():
        energy, psi = engine.run()
    return psi, float(energy)


def _engine(psi: Any, peer: Peer, options: dict[str, Any], bond: int, orthogonal: Any = None) -> Any:
    with quietly():
        from tenpy.algorithms.dmrg import TwoSiteDMRGEngine

        full = {
            "trunc_params": {"chi_max": bond, "svd_min": DROPPED},
            "lanczos_params": {"P_tol": 1e-24, "N_max": 12},
            "P_tol_to_trunc": None,
            "max_hours": 1e6,
            **options,
        }
        more = {} if orthogonal is None else {"orthogonal_to": [orthogonal]}
        engine = TwoSiteDMRGEngine(psi, peer.model, full, **more)
        for settings in (engine.options, engine.lanczos_params):
            settings.unused.clear()  # small chains need none, and TeNPy would say so when the settings are deleted
        return engine


def _growth(bond: int) -> dict[int, int]:
    """Bond dimension from each sweep on: doubled every other sweep."""
    growth, sweep, size = {}, 0, 2 * SCOUTS
    while size < bond:
        growth[sweep] = size
        sweep, size = sweep + 2, 2 * size
    return {**growth, sweep: bond}


def _record(number: int, engine: Any, psi: Any, truncation: float) -> Sweep:
    entropy = float(np.max(psi.entanglement_entropy()))
    return Sweep(number, float(engine.update_stats["E_total"][-1]), entropy, int(max(psi.chi)), truncation)
