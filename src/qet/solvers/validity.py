"""Whether a master equation is inside its domain: one number a point, with 1 at the border, and the reason for it.

A theory of second order in the coupling reads the spectrum Γ(w) of a bath (emission and absorption rates) at the Bohr
frequencies w of H alone. In truth a level that decays at the rate γ is γ wide, and what it reads is a mean of Γ over
that width. The correction is small where Γ hardly varies over it, that is where γ is small against the distance from
w to the nearest singularity of Γ in the complex plane. That distance D is also the rate at which the bath forgets:
a singularity at w_s leaves exp(-i (w_s - w) t) in the bath's correlation function, seen from the turning system, which
decays or averages out at the rate |w_s - w|. Hence the criterion γ < D. The singularities are

    bosons    poles of the occupation at ±2πiT, and w = 0 itself unless J starts linearly, so that J n is smooth there
    fermions  poles of the occupation at mu ± iπT, and w = 0 where the band ends there or J has its cusp
    cut-offs  ±ic for a Drude cut-off c (taken for every other cut-off too); center ± i width for a Lorentzian

so that T = 0 is no harm while w > 0, nor is w << T for an ohmic bath or a full band, while a flat bosonic bath always
asks for γ < w. Reasons, each the ratio of two energies:

    memory    Σ over contacts of J (1 + 2n) |S_ab|² / D(w_ab), the largest over pairs of levels a, b: every theory
    grouping  (secular, partial) the rate that couples two transitions which the theory keeps apart, over the
              difference of their Bohr frequencies: Σ_c √(γ_ab γ_a'b') / |w_ab - w_a'b'|, the largest
    sites     (local) Σ|c| of the terms that couple a bathed site to others, over D at its bare gap: what H does
              to the jump within the memory of the bath

Derived here; docs/which-master-equation.md compares the ratio with exact leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.paulis import PauliSum
from qet.physics.baths import Bath, Jump
from qet.physics.model import Model
from qet.physics.spectra import onset, relaxation
from qet.solvers.contacts import (
    ELEMENT_TOLERANCE,
    bare_field,
    bare_lowering,
    contacts_of,
    each_coefficient,
    each_parameter,
    spectra,
    wide,
)
from qet.solvers.domain import Outside, Tally, outside_of
from qet.solvers.liouville import Channel, Frame

Array = np.ndarray
SAMPLE = 1 << 14  # points of a large batch that are looked at first


def memory_rate(bath: Bath, w: Any, *, T: Any = None, mu: Any = None) -> Any:
    """Distance D from the frequency w (energy the system loses) to the nearest singularity of the bath's spectrum.

    Args:
        bath: The bath.
        w: Frequencies, any shape.
        T: Its temperature in a shape that broadcasts with w; by default its own.
        mu: Its chemical potential likewise.
    """
    T, mu = bath.T if T is None else T, bath.mu if mu is None else mu
    name, size = bath.spectrum if isinstance(bath.spectrum, str) else bath.spectrum[0], np.abs(w)
    numbers: Sequence[Any] = () if isinstance(bath.spectrum, str) else bath.spectrum[1:]
    if bath.statistics == "fermion":
        D = np.hypot((w if bath.full_band else size) - mu, np.multiply(np.pi, T))
        has_edge = not bath.full_band or name not in ("flat", "lorentzian")
    else:
        D = np.hypot(size - mu, np.multiply(2.0 * np.pi, T))
        has_edge = onset(bath.spectrum)[0] != 1.0 or bool(np.any(np.less(mu, 0.0)))
    if has_edge:
        D = np.minimum(D, size)
    if name in ("drude", "exponential", "power"):
        D = np.minimum(D, np.hypot(size, numbers[-1]))
    elif name == "lorentzian":
        D = np.minimum(D, np.hypot((w if bath.full_band else size) - numbers[0], numbers[1]))
    return D


def memory_excess(channels: Sequence[Channel], surroundings: Sequence[Bath | Jump], frame: Frame) -> Any:
    """The reason "memory" of any theory in the energy basis, shape (...); None without baths."""
    total: Any = None
    for channel in channels:
        bath = surroundings[channel.column]
        if not isinstance(bath, Bath):
            continue
        w = -channel.particles * frame.w if channel.particles else frame.w
        ratio = _over(_rate(channel), memory_rate(bath, w, T=wide(bath.T), mu=wide(bath.mu)))
        total = ratio if total is None else total + ratio
    return None if total is None else (total + np.swapaxes(total, -1, -2)).max(axis=(-1, -2))


def grouping_excess(channels: Sequence[Channel], frame: Frame, cutoff: float) -> Any:
    """The reason "grouping" of a theory that keeps apart what differs by more than a cut-off, shape (...)."""
    d, lead = frame.energies.shape[-1], frame.energies.shape[:-1]
    rates = [_rate(channel) for channel in channels if not channel.is_bare]
    lead = np.broadcast_shapes(lead, *(rate.shape[:-2] for rate in rates))
    roots = np.sqrt(np.stack([np.broadcast_to(r, (*lead, d, d)).reshape(*lead, d * d) for r in rates], axis=-1))
    acts = np.flatnonzero(roots.any(axis=(*range(len(lead)), -1)))
    roots, w = roots[..., acts, :], np.broadcast_to(frame.w, (*lead, d, d)).reshape(*lead, d * d)[..., acts]
    one, other = np.triu_indices(len(acts), 1)
    coupled = np.einsum("...pc,...pc->...p", roots[..., one, :], roots[..., other, :])
    apart = np.abs(w[..., one] - w[..., other])
    return np.where(apart > cutoff + frame.tolerance[..., 0], _over(coupled, apart), 0.0).max(axis=-1, initial=0.0)


def local_excess(H: PauliSum, baths: Sequence[Bath]) -> dict[str, Any]:
    """The reasons "memory" and "sites" of the local equation, each of a shape that broadcasts to the batch."""
    memory: dict[int, Any] = {}
    sites: Any = 0.0
    for bath in baths:
        for site in bath.coupling.support if isinstance(bath.coupling, PauliSum) else bath.sites:
            w = _gap(H, bath, site)
            D = memory_rate(bath, w)
            strength = _strength(bath, site)
            ratio = _over(relaxation_rate(bath, w) * strength, D)
            if bath.coupling != "exchange" and bath.statistics == "boson":  # a part along the field acts at w = 0
                still = np.zeros(())
                if np.any(memory_rate(bath, still) > 0.0):  # otherwise such a part was refused
                    ratio = np.maximum(ratio, _over(relaxation_rate(bath, still) * strength, memory_rate(bath, still)))
            memory[site] = memory.get(site, 0.0) + ratio
            sites = np.maximum(sites, _over(np.where(np.asarray(bath.rate) > 0.0, reach(H, site), 0.0), D))
    return {"memory": reduce(np.maximum, memory.values(), 0.0), "sites": sites}


def local_outside(model: Model, things: Sequence[Bath | Jump]) -> Outside | None:
    """Where the local equation is outside its domain; None if nowhere.

    Some batches are cleared by their extremes alone. A large one is looked at here and there first: what is found
    there is what the warning needs. Only where nothing is found every point is looked at, and most are then cleared
    without a hyperbolic function.
    """
    baths = [thing for thing in things if isinstance(thing, Bath)]
    shape = np.broadcast_shapes(model.shape, *(bath.shape for bath in baths))
    if not baths or 0 in shape or local_bound(model.H, baths) <= 1.0:
        return None
    stride = int(np.prod(shape, dtype=int)) // SAMPLE
    if stride > 1:
        found = _sampled(model, baths, shape, stride)
        if found is not None:
            return found
    if any(isinstance(bath.coupling, PauliSum) and bath.coupling.shape for bath in baths):
        return outside_of(local_excess(model.H, baths))
    strings, coefficients = zip(*model.H.terms, strict=True) if model.H.terms else ((), ())
    n, tally = len(strings), Tally()
    touched = [site for bath in baths for site in bath.sites]
    is_simple = len(set(touched)) == len(touched) and all(b.statistics == "boson" and _is_plain(b) for b in baths)

    def chunk(*pieces: Any) -> tuple[Any, ...]:
        def problem(change: Callable[[Any], Any]) -> tuple[PauliSum, list[Bath]]:
            H = PauliSum(tuple((s, change(c)) for s, c in zip(strings, pieces, strict=False)))
            at = [change(piece) for piece in pieces[n:]]
            return H, [replace(b, T=at[3 * i], rate=at[3 * i + 1], mu=at[3 * i + 2]) for i, b in enumerate(baths)]

        size = max((len(piece) for piece in pieces if np.ndim(piece)), default=1)
        if not is_simple:
            tally.add(local_excess(*problem(lambda piece: piece)))
        else:
            upper, sites = (np.broadcast_to(ratio, size) for ratio in _upper(*problem(lambda piece: piece)))
            tally.add({"sites": sites})
            suspects = np.flatnonzero((upper > 1.0) & ((sites <= 1.0) | (upper > tally.worst[0])))
            if suspects.size:
                exact = local_excess(*problem(lambda piece: piece[suspects] if np.ndim(piece) else piece))
                tally.add({"memory": np.broadcast_to(exact["memory"], suspects.size)}, suspects, sites[suspects] > 1.0)
        tally.size += size
        return (0.0,)

    in_chunks(chunk, *coefficients, *(x for bath in baths for x in (bath.T, bath.rate, bath.mu)))
    return tally.found(shape)


def _sampled(model: Model, baths: list[Bath], shape: tuple[int, ...], stride: int) -> Outside | None:
    """What is outside among every so-manieth point of a batch."""
    places = np.arange(0, int(np.prod(shape, dtype=int)), stride)
    at = np.unravel_index(places, shape)

    def pick(value: Any) -> Any:
        return np.broadcast_to(value, shape)[at] if np.ndim(value) else value

    H, here = each_coefficient(model.H, pick), [each_parameter(bath, pick) for bath in baths]
    excess = local_excess(H, [bath for bath in here if isinstance(bath, Bath)])
    tally = Tally(looked_at=len(places))
    tally.add({name: np.broadcast_to(ratio, len(places)) for name, ratio in excess.items()}, places)
    return tally.found(shape)


def _upper(H: PauliSum, baths: Sequence[Bath]) -> tuple[Any, Any]:
    """A bound on "memory", by coth x <= 1 + 1/x, and "sites", for one flat bosonic exchange bath a site."""
    memory: Any = 0.0
    sites: Any = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        for bath in baths:
            for site in bath.sites:
                w = _gap(H, bath, site)
                here, there = np.divide(bath.rate * (w + 2.0 * bath.T), w * w), np.divide(reach(H, site), w)
                if not np.min(bath.rate) > 0.0:
                    here, there = (np.where(np.equal(bath.rate, 0.0), 0.0, ratio) for ratio in (here, there))
                memory, sites = np.maximum(memory, here), np.maximum(sites, there)
    return memory, sites


def _is_plain(bath: Bath) -> bool:
    """Whether it is a flat half band with exchange coupling."""
    return bath.spectrum == "flat" and bath.coupling == "exchange" and not bath.full_band


def local_bound(H: PauliSum, baths: Sequence[Bath]) -> float:
    """A number that no ratio of the batch exceeds, from the extremes of the parameters; infinite if none is known.

    For flat half bands both J (1 + 2n)/D and 1/D fall with w, and rise with T for bosons; for fermions
    D >= min(w, πT). With one exchange bath a site, the extremes together bound every point.
    """
    worst = 0.0
    sites = [site for bath in baths for site in bath.sites]
    if not all(map(_is_plain, baths)) or len(set(sites)) < len(sites):
        return np.inf
    for bath in baths:
        hot, cold, rate = float(np.max(bath.T)), float(np.min(bath.T)), float(np.max(bath.rate))
        for site in bath.sites:
            w = float(np.min(_gap(H, bath, site)))
            at_most = replace(bath, T=hot, rate=rate, mu=0.0)
            D = w if bath.statistics == "boson" else min(w, np.pi * cold)
            for size in (relaxation_rate(at_most, np.asarray(w)), float(np.max(reach(H, site)))):
                worst = max(worst, float(_over(size, D)))
    return worst


def relaxation_rate(bath: Bath, w: Any) -> Any:
    """J (1 + 2n) for bosons, J for fermions, at w >= 0 (any sign in a full band)."""
    return relaxation(w, bath.T, bath.rate, bath.mu, bath.statistics, bath.spectrum)[0]


def reach(H: PauliSum, site: int) -> Any:
    """Σ|c| over the terms that couple a site to others."""
    return sum((np.abs(c) for string, c in H.terms if len(string) > 1 and any(i == site for i, _ in string)), 0.0)


def scales(bath: Bath, H: PauliSum, frame: Frame, n_sites: int, *, is_local: bool) -> tuple[Any, Any]:
    """The largest J (1 + 2n) / w and J (1 + 2n) / T of a bath over the frequencies w > 0 that it acts at."""
    to_frequency: Any = 0.0
    to_temperature: Any = 0.0
    for rate, w in _rates(bath, H, frame, n_sites, is_local=is_local):
        T = np.asarray(bath.T)[..., None]
        to_frequency = np.fmax(to_frequency, _over(rate, w).max(axis=-1))
        to_temperature = np.fmax(to_temperature, _over(rate, T).max(axis=-1))
    return to_frequency, to_temperature


def _rates(bath: Bath, H: PauliSum, frame: Frame, n_sites: int, *, is_local: bool) -> Iterator[tuple[Array, Array]]:
    """For each contact, J (1 + 2n) (zero where S has no element) and the frequencies w > 0, shapes (..., k)."""
    if is_local:
        for site in bath.sites:
            w = bare_lowering(bare_field(H, site))[1]
            w = np.where(w > 0.0, w, 1.0)
            yield np.asarray(relaxation_rate(bath, w) + 0.0 * np.asarray(bath.T))[..., None], w[..., None]
        return
    for contact in contacts_of(bath, 0, n_sites):
        w, tolerance = frame.w, frame.tolerance
        emission, absorption = spectra(bath, w, tolerance)
        total = emission + np.swapaxes(absorption, -1, -2)  # w is antisymmetric: the absorption at -w
        size = np.abs(frame.rotate(contact.S))
        size = np.maximum(size, np.swapaxes(size, -1, -2))
        acts = (size > ELEMENT_TOLERANCE * size.max(axis=(-1, -2), keepdims=True)) & (w > tolerance)
        rate, frequency = np.where(acts, total, 0.0), np.where(acts, w, 1.0)
        yield rate.reshape(*rate.shape[:-2], -1), frequency.reshape(*frequency.shape[:-2], -1)


def _rate(channel: Channel) -> Array:
    """Rate at which a channel takes level b to a, shape (..., d, d)."""
    both = channel.X * channel.A.conj()
    size, strength = np.abs(channel.A), np.abs(both)
    # below, elements are rounding; and so is a rate beside a Lamb shift
    acts = (size > ELEMENT_TOLERANCE * size.max(axis=(-1, -2), keepdims=True)) & (
        np.real(both) > ELEMENT_TOLERANCE * strength
    )
    return np.asarray(np.where(acts, 2.0 * np.real(both), 0.0))


def _over(rate: Any, scale: Any) -> Array:
    """A rate over a scale: 0 where the rate is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.asarray(rate) > 0.0, np.divide(rate, scale), 0.0))


def _gap(H: PauliSum, bath: Bath, site: int) -> Any:
    """The gap of a site's own field; in a full band with its sign."""
    field = bare_field(H, site)
    if bath.full_band:
        return 2.0 * np.asarray(field[2])
    if not any(np.ndim(b) or b != 0.0 for b in field[:2]):
        return 2.0 * np.abs(field[2])
    return 2.0 * np.sqrt(sum(np.square(b) for b in field))


def _strength(bath: Bath, site: int) -> Any:
    """|v|² of a coupling v·σ, which bounds its squared matrix elements."""
    if not isinstance(bath.coupling, PauliSum):
        return 1.0
    return sum((np.abs(c) ** 2 for string, c in bath.coupling.terms if string and string[0][0] == site), 0.0)
