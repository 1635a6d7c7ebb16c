"""A slow twin of the open-system solvers, written with loops over pairs of levels and full matrices.

It shares no code with the package: the generator is built column by column from its action on matrices,
in the basis of the sites, and the steady state is the last right singular vector.
"""

from itertools import product

import numpy as np

PAULI = {"X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1]), "I": np.eye(2)}
LOWER = np.array([[0.0, 0.0], [1.0, 0.0]])


def on(site, matrix, n):
    out = np.eye(1)
    for i in range(n):
        out = np.kron(out, matrix if i == site else np.eye(2))
    return out


def density(w, rate, spectrum):
    w = abs(w)
    if spectrum == "flat":
        return rate
    return rate * w * (1.0 if spectrum == "ohmic" else spectrum[1] ** 2 / (w**2 + spectrum[1] ** 2))


def mean_number(w, T, mu, statistics):
    if statistics == "fermion":
        return 1 / (np.exp((w - mu) / T) + 1)
    return 1 / (np.exp(w / T) - 1)


def spectra(bath, w):
    """Emission and absorption when the system loses w (all sets of two exclusive cases spelled out)."""
    J = density(w, bath["rate"], bath.get("spectrum", "flat"))
    T, mu, statistics = bath["T"], bath.get("mu", 0.0), bath.get("statistics", "boson")
    if bath.get("full_band"):
        return J * (1 - mean_number(w, T, mu, statistics)), J * mean_number(-w, T, mu, statistics)
    if abs(w) < 1e-9:
        half = bath["rate"] * T / 2 if statistics == "boson" and bath.get("spectrum", "flat") != "flat" else 0.0
        return half, half
    n = mean_number(abs(w), T, mu, statistics)
    if w > 0:
        return J * (1 + n if statistics == "boson" else 1 - n), 0.0
    return 0.0, J * n


def contact(H, S, bath):
    """Pairs (A, X) of emission and absorption, X built element by element."""
    E, V = np.linalg.eigh(H)
    is_exchange = bath.get("coupling", "exchange") == "exchange"
    pairs = []
    for which, A in enumerate((S, S.conj().T if is_exchange else S)):
        X = np.zeros(H.shape, dtype=complex)
        for a, b in product(range(len(E)), repeat=2):
            element = V[:, a].conj() @ A @ V[:, b]
            if abs(element) > 1e-12:
                X += 0.5 * spectra(bath, E[b] - E[a])[which] * element * np.outer(V[:, a], V[:, b].conj())
        pairs.append((A, X))
    return pairs


def apply(H, pairs, rho):
    out = -1j * (H @ rho - rho @ H)
    for A, X in pairs:
        term = X @ rho @ A.conj().T - A.conj().T @ X @ rho
        back = A @ rho @ X.conj().T - rho @ X.conj().T @ A
        out = out + term + back
    return out


def superoperator(H, pairs):
    d = len(H)
    columns = []
    for a, b in product(range(d), repeat=2):
        unit = np.zeros((d, d), dtype=complex)
        unit[a, b] = 1.0
        columns.append(apply(H, pairs, unit).reshape(-1))
    return np.array(columns).T


def null_state(L, d):
    _, values, right = np.linalg.svd(L)
    assert values[-2] > 1e-9 * values[0], "the reference steady state is not unique"
    rho = right[-1].conj().reshape(d, d)
    rho = rho / np.trace(rho)
    return (rho + rho.conj().T) / 2


def steady(H, pairs):
    return null_state(superoperator(H, pairs), len(H))


def extracted(rho, eB, k):
    """Bob's best output of the pair from Z = <Z1> and X = <X0 X1>."""
    Z = np.trace(rho @ on(1, PAULI["Z"], 2)).real
    X = np.trace(rho @ np.kron(PAULI["X"], PAULI["X"])).real
    return np.hypot(eB, 2 * k) * np.hypot(Z, X) + eB * Z + 2 * k * X
