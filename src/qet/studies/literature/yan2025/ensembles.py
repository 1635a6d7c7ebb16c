"""Seeded random parameter sets of the open pair with the words that describe them, random states and unitaries.

Every ensemble here is drawn from one seeded generator, in the order of the fields, so
that a printed description is enough to draw it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qet.physics.baths import Bath, bath
from qet.physics.model import Model
from qet.physics.models import minimal

Array = np.ndarray
EPS, KAPPA, TEMPERATURE = (0.5, 1.5), (0.1, 1.0), (0.1, 3.0)
SEED = 20251101


@dataclass(frozen=True, eq=False)
class Sets:
    """Random parameters of the pair H = eps_A Z0 + eps_B Z1 + 2 kappa X0 X1 and of two baths.

    Attributes:
        eps_A, eps_B, kappa, T_A, T_B: Arrays of one shape.
        text: Ranges, number and seed.
    """

    eps_A: Array
    eps_B: Array
    kappa: Array
    T_A: Array
    T_B: Array
    text: str

    @property
    def model(self) -> Model:
        """The pairs, as one batch."""
        return pair(self.eps_A, self.eps_B, self.kappa)

    @property
    def columns(self) -> Sets:
        """The same with a last axis of length one, for grids."""
        return self.take((..., None))

    @property
    def features(self) -> dict[str, Array]:
        """Combinations of the parameters that may tell a regime, shape (n,) each."""
        larger_gap_bath_excess = np.sign(self.eps_A - self.eps_B) * np.log(self.T_A / self.T_B)
        return {
            "kappa": self.kappa,
            "T_A": self.T_A,
            "T_B": self.T_B,
            "T_A/T_B": self.T_A / self.T_B,
            "eps_A - eps_B": self.eps_A - self.eps_B,
            "eps_B": self.eps_B,
            "log(T of the larger-gap qubit's bath / T of the other)": larger_gap_bath_excess,
        }

    def take(self, chosen: Any) -> Sets:
        """Some of the sets, by any NumPy index."""
        return Sets(
            self.eps_A[chosen], self.eps_B[chosen], self.kappa[chosen], self.T_A[chosen], self.T_B[chosen], self.text
        )


def random_sets(
    n: int, *, seed: int = SEED, equal_T: bool = False, T: tuple[float, float] = TEMPERATURE, is_log: bool = True
) -> Sets:
    """n sets: eps uniform 0.5-1.5, kappa uniform 0.1-1, T log-uniform 0.1-3; `equal_T` gives both baths T_A.

    With `is_log` false the temperatures are uniform in their range.
    """
    draw = np.random.default_rng(seed)
    eps_A, eps_B = draw.uniform(*EPS, n), draw.uniform(*EPS, n)
    kappa = draw.uniform(*KAPPA, n)
    if is_log:
        low, high = float(np.log(T[0])), float(np.log(T[1]))
        T_A, T_B = np.exp(draw.uniform(low, high, n)), np.exp(draw.uniform(low, high, n))
    else:
        T_A, T_B = draw.uniform(*T, n), draw.uniform(*T, n)
    temperatures = "T_A = T_B" if equal_T else "T_A, T_B"
    text = (
        f"{n} random sets: eps_A, eps_B uniform {EPS[0]}-{EPS[1]}, kappa uniform {KAPPA[0]}-{KAPPA[1]}, "
        f"{temperatures} {'log-' if is_log else ''}uniform {T[0]}-{T[1]}, seed {seed}"
    )
    return Sets(eps_A, eps_B, kappa, T_A, T_A if equal_T else T_B, text)


def random_matrices(n: int, seed: int, *, is_real_even: bool = False) -> Array:
    """n random density matrices of two qubits, shape (n, 4, 4); real and even under Z0 Z1 on request."""
    draw = np.random.default_rng(seed)
    g = draw.normal(size=(n, 4, 4)) + (0.0 if is_real_even else 1j * draw.normal(size=(n, 4, 4)))
    rho = g @ np.swapaxes(g.conj(), -1, -2)
    if is_real_even:
        parity = np.array([1.0, -1.0, -1.0, 1.0])
        rho = (rho + parity[:, None] * rho * parity) / 2
    return np.asarray(rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None])


def random_unitaries(n: int, seed: int) -> Array:
    """n random unitaries of a qubit, Haar, shape (n, 2, 2): QR of Gaussian matrices with the phases of R taken out."""
    draw = np.random.default_rng(seed)
    q, r = np.linalg.qr(draw.normal(size=(n, 2, 2)) + 1j * draw.normal(size=(n, 2, 2)))
    phase = np.diagonal(r, axis1=-2, axis2=-1)
    return np.asarray(q * (phase / np.abs(phase))[:, None, :])


def pair(eps_A: Any, eps_B: Any, kappa: Any) -> Model:
    """H = eps_A Z0 + eps_B Z1 + 2 kappa X0 X1."""
    eps_A, eps_B = np.asarray(eps_A, dtype=float), np.asarray(eps_B, dtype=float)
    return minimal(h=(eps_A + eps_B) / 2, k=kappa, detuning=eps_A - eps_B)


def baths(
    T_A: Any,
    T_B: Any,
    rate_A: Any,
    rate_B: Any = None,
    *,
    mu: Sequence[Any] | None = None,
    coupling: str = "exchange",
    full_band: bool = False,
) -> list[Bath]:
    """One bath a qubit: bosons, or fermions where chemical potentials (mu_A, mu_B) are given."""
    rate_B = rate_A if rate_B is None else rate_B
    if mu is None:
        return [bath(0, T=T_A, rate=rate_A, coupling=coupling), bath(1, T=T_B, rate=rate_B, coupling=coupling)]
    return [
        bath(site, T=T, rate=rate, mu=m, statistics="fermion", coupling=coupling, full_band=full_band)
        for site, T, rate, m in ((0, T_A, rate_A, mu[0]), (1, T_B, rate_B, mu[1]))
    ]
