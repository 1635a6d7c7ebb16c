"""Driven chains of every kind, for the tests of their solvers."""

from __future__ import annotations

from typing import Any

import numpy as np

import qet


def ends(n: int, *, gamma: float = 1.0, mu: float = 0.5) -> list[Any]:
    """σ⁺ and σ⁻ at both ends, reversed between them."""
    rates = ((0, 1 + mu, 1 - mu), (n - 1, 1 - mu, 1 + mu))
    return [qet.jump(sign, site, gamma * r) for site, up, down in rates for sign, r in (("+", up), ("-", down))]


def heisenberg(n: int, *, Delta: float = 1.0, gamma: float = 1.0, mu: float = 0.5) -> tuple[Any, list[Any]]:
    """XXZ in units of its exchange, between two ends."""
    return qet.xxz(n, J=0.25, Delta=Delta), ends(n, gamma=gamma, mu=mu)


def disordered(n: int, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """XXZ with random bonds and fields, unequal ends, dephasing on some sites."""
    model = qet.xxz(n, J=qet.by_site(rng.normal(size=n - 1)), Delta=0.7, hz=qet.by_site(rng.normal(size=n)))
    jumps = [qet.jump(sign, site, rng.uniform(0.1, 2)) for site in (0, n - 1) for sign in "+-"]
    return model, [*jumps, qet.jump("Z", int(rng.integers(n)), 0.3), qet.jump("Z", 0, 0.2)]


def twisted(n: int, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """XXZ with Dzyaloshinskii–Moriya terms: H is complex, the magnetization stays a symmetry."""
    bonds = [
        f"{rng.normal():.3f} X{j} Y{j + 1} - {rng.normal():.3f} Z{j} Z{j + 1} + 0.4 X{j} X{j + 1} + 0.4 Y{j} Y{j + 1}"
        for j in range(n - 1)
    ]
    text = " + ".join(bonds).replace("+ -", "- ").replace("- -", "+ ")
    for j in range(n - 1):
        c = text.split(f" X{j} Y{j + 1}")[0].split()
        sign = -1.0 if len(c) > 1 and c[-2] == "-" else 1.0
        text += f" + {-sign * float(c[-1])!r} Y{j} X{j + 1}"
    return qet.model({"H": text.replace("+ -", "- ")}, B=n - 1), ends(n, gamma=0.6, mu=0.8)


def ising(n: int, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """A transverse chain: parity alone. Jumps of four kinds in random places, one of them everywhere in the plane."""
    model = qet.ising(n, J=rng.normal(), g=qet.by_site(rng.normal(size=n)))
    places = rng.integers(n, size=4)
    kinds = zip(("-", "+", "Y", "Z"), places, strict=True)
    return model, [qet.jump("-", 0, 0.3), *(qet.jump(kind, int(site), rng.uniform(0.1, 1)) for kind, site in kinds)]


def mixed_field(n: int, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """No symmetry at all: tilted fields, and a random matrix as a jump."""
    model = qet.ising(n, J=0.8, g=0.6, hx=qet.by_site(rng.normal(size=n)))
    matrix = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    return model, [qet.jump(matrix, int(rng.integers(n)), 0.4), qet.jump("-", n - 1, 0.5), qet.jump("X", 0, 0.2)]


def anisotropic(n: int, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """XY with a field, and jumps that are sums of two Pauli matrices."""
    model = qet.xy(n, Jx=0.7, Jy=0.3, g=rng.normal())
    tilted = qet.pauli(f"0.6 X{n - 1} - 0.3 Y{n - 1}")
    return model, [qet.jump("+", 0, 0.7), qet.jump(tilted, rate=0.4), qet.jump("-", n // 2, 0.3)]


KINDS = (disordered, twisted, ising, mixed_field, anisotropic)
