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
ABOVE_SWEEPS = 10
SWEEPS = 40  # at most, of the refinement
ENOUGH = 1e-13  # of the residual, relative to Σ|c| over the strings that meet one site
DROPPED = 1e-14  # singular values
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

    def lowest(self) -> Found:
        """The lowest state and the gap above it."""
        seen = {found.ups: found for found in self._scouted()}
        ranked = sorted(seen.values(), key=lambda found: found.energy)
        best, others = self.refined(ranked[0]), ranked[1:]
        gained = ranked[0].energy - best.energy + DEGENERACY_TOLERANCE * self.scale
        next_one = np.inf
        for other in others:
            is_near = other.energy - best.energy <= 10 * gained  # its first look may be as far off
            pair = sorted((best, self.refined(other) if is_near else other), key=lambda found: found.energy)
            best, next_one = pair[0], min(next_one, pair[1].energy)
        above = self._above(best)
        return replace(best, gap=max(0.0, min(next_one, above) - best.energy))

    def refined(self, start: Found) -> Found:
        """Sweeps without a mixer until the residual is small, or falls no more."""
        psi, best = start.psi, np.inf
        sweeps: list[Sweep] = []
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
        """A short run from the best of some product states with numbers of |0> among `counts`."""
        psi, energy = self._run_from(_starts(self.strings, self.n_sites, list(counts)), peer, SCOUTS, SCOUT_SWEEPS)
        return Found(peer.chain(psi), energy, np.inf, ups, psi)

    def _run_from(
        self, starts: list[Array], peer: Peer, bond: int, sweeps: int, orthogonal: Any = None
    ) -> tuple[Any, float]:
        """Two sweeps from every start, and the best one further; TeNPy's state and its energy."""
        sharp = 1e-6 * self.scale / self.n_sites
        looks = [_short_run(peer.product(start), peer, SCOUTS, 2, sharp, orthogonal) for start in starts]
        psi, _ = min(looks, key=lambda look: look[1])
        return _short_run(psi, peer, bond, sweeps, sharp, orthogonal)

    def _above(self, best: Found) -> float:
        """Energy of the lowest state of the sector that is orthogonal to the one found."""
        if self.peer.charge == MAGNETIZATION and best.ups in (0, self.n_sites):
            return np.inf  # the only one
        shift = 2.0 * self.scale  # orthogonality lifts the state found to zero, above everything
        peer = Peer.of([*self.strings, ((), -shift)], self.n_sites, self.peer.charge)
        step = {MAGNETIZATION: self.n_sites + 1, PARITY: 2}.get(self.peer.charge, 1)
        counts = list(range(best.ups or 0, self.n_sites + 1, step))
        starts = _starts(self.strings, self.n_sites, counts)
        _, energy = self._run_from(starts, peer, ABOVE, ABOVE_SWEEPS, best.psi)
        return energy + shift


def _starts(strings: Strings, n: int, counts: list[int]) -> list[Array]:
    """Product states with so many |0>: of some with regular patterns the lowest, and a random one."""
    chosen = {min(counts, key=lambda count: abs(count - share * n)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)}
    patterns = []
    for count in sorted(chosen):
        patterns.append(np.diff(np.floor(np.arange(n + 1) * count / n + 1e-9)) > 0.5)  # spread evenly
        patterns.append(np.arange(n) < count)  # on the left
    along = [(string, c) for string, c in strings if all(letter == "Z" for _, letter in string)]
    energies = [sum(c * np.prod([1 if ups[i] else -1 for i, _ in s]) for s, c in along) for ups in patterns]
    middle = min(counts, key=lambda count: abs(2 * count - n))
    random = np.zeros(n, dtype=bool)
    random[np.random.default_rng(SEED).permutation(n)[:middle]] = True
    return [patterns[int(np.argmin(energies))], random]


def _short_run(psi: Any, peer: Peer, bond: int, sweeps: int, sharp: float, orthogonal: Any = None) -> tuple[Any, float]:
    mixer = {"amplitude": 1e-3, "decay": 3.0, "disable_after": max(2, sweeps - 2)}
    still = {"max_E_err": sharp, "max_S_err": 1e-3, "min_sweeps": 2, "max_sweeps": sweeps}
    lanczos = {"P_tol": 1e-8, "N_max": 5}  # a first look, made again in every sweep
    options = {"mixer": True, "mixer_params": mixer, "lanczos_params": lanczos, **still}
    engine = _engine(psi, peer, options, bond, orthogonal)
    with quietly():
        energy, psi = engine.run()
    return psi, float(energy)


def _engine(psi: Any, peer: Peer, options: dict[str, Any], bond: int, orthogonal: Any = None) -> Any:
    with quietly():
        from tenpy.algorithms.dmrg import TwoSiteDMRGEngine

        full = {
            "trunc_params": {"chi_max": bond, "svd_min": DROPPED},
            "lanczos_params": {"P_tol": 1e-28, "N_max": 12},
            "P_tol_to_trunc": None,
            "max_hours": 1e6,
            "max_trunc_err": None,  # a look may be coarse; what the result is worth, its residual says
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
