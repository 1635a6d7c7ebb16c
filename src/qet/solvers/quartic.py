"""Ground state of any two-qubit Hamiltonian by arithmetic on arrays: no eigensolver, no loop over points.

A traceless 4x4 Hermitian H has the characteristic polynomial
q(x) = x⁴ + a x² + b x + c with a = -p2/2, b = -p3/3, c = p2²/8 - p4/4, p_k = Tr H^k.
Its lowest root λ comes from Laguerre's iteration, which for real roots climbs monotonically
from any lower bound. Dividing q by (x - λ) leaves the polynomial that vanishes on the other
levels, so

    |g><g| = Q / Tr Q,   Q = H³ + λ H² + (λ² + a) H + (λ³ + a λ + b),

and Tr Q = -Π_j (λ_j - λ). Where that product is small against ‖H‖³ the lowest level is nearly
degenerate and digits are lost; those points are handed to LAPACK. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from qet.foundations.chunks import in_chunks
from qet.foundations.errors import DegenerateLevel
from qet.foundations.paulis import LETTERS, PauliString, collect
from qet.foundations.zeros import is_zero, times, total
from qet.physics.model import Model
from qet.solvers.spectrum import refuse_degenerate
from qet.solvers.states import Expectations

Array = np.ndarray
SEPARATION = 2e-2  # of Π (λ_j - λ) / (Tr H²)^{3/2}: below it the point goes to LAPACK
ITERATIONS = 7  # of Laguerre; cubic once it tells the lowest root from the next

STRINGS: tuple[PauliString, ...] = tuple(
    tuple((site, letter) for site, letter in enumerate(pair) if letter != "I")
    for pair in product(LETTERS, repeat=2)
    if pair != ("I", "I")
)


def ground_two_qubits(model: Model) -> Expectations:
    """The ground state of a two-qubit model as its 15 Pauli means.

    Raises:
        DegenerateLevel: where the lowest level is not unique.
    """
    coefficients = model.H.coefficients
    present = [string for string in STRINGS if string in coefficients]
    if not present:
        raise DegenerateLevel("the Hamiltonian is zero, so no level is the lowest.")
    *means, separation = in_chunks(
        lambda *values: _means(dict(zip(present, values, strict=True))),
        *(coefficients[s] for s in present),
        is_elementwise=True,
    )
    doubtful = np.asarray(separation) < SEPARATION
    if np.any(doubtful):
        means = _with_lapack(model, means, doubtful)
    return Expectations(2, dict(zip(STRINGS, means, strict=True)))


def _means(c: dict[PauliString, Any]) -> tuple[Any, ...]:
    """The 15 means and the separation, for coefficients that are arrays of one chunk."""
    H = _entries(c)
    H2 = _square(H)
    H3 = _symmetric_product(H, H2)
    p2 = _trace(H2)
    p3 = _trace(H3)
    p4 = sum(_abs2(H2[i][j]) * (1 if i == j else 2) for i in range(4) for j in range(i, 4))
    a, b, constant = -p2 / 2, -p3 / 3, p2 * p2 / 8 - p4 / 4
    x = _lowest_root(a, b, constant, p2)
    Q, diagonal, weight = _projector(H, H2, H3, x, a, b)
    scale = np.sqrt(p2)
    with np.errstate(divide="ignore", invalid="ignore"):
        separation = np.abs(weight) / (p2 * scale)
        inverse = 1.0 / weight
    separation = np.where(np.isfinite(separation), separation, 0.0)
    return (*_read_means(Q, diagonal, inverse), separation)


def _projector(H: Any, H2: Any, H3: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Q = H³ + x H² + (x² + a) H + (x³ + a x + b): upper triangle, diagonal, trace."""
    first = x * x + a
    zeroth = first * x + b
    Q = [[total([H3[i][j], times(x, H2[i][j]), times(first, H[i][j])]) for j in range(4)] for i in range(4)]
    diagonal = [Q[i][i] + zeroth for i in range(4)]
    return Q, diagonal, diagonal[0] + diagonal[1] + diagonal[2] + diagonal[3]


def _lowest_root(a: Any, b: Any, c: Any, p2: Any) -> Any:
    """Laguerre's iteration from the bound -sqrt(3 p2/4) below every root of x⁴ + a x² + b x + c."""
    x = -np.sqrt(0.75 * p2)
    for _ in range(ITERATIONS):
        square = x * x
        value = (square + a) * square + b * x + c
        slope = (4 * square + 2 * a) * x + b
        curvature = 12 * square + 2 * a
        root = np.sqrt(np.maximum(9 * slope * slope - 12 * value * curvature, 0.0))
        denominator = slope - root  # slope < 0 left of the lowest root
        with np.errstate(divide="ignore", invalid="ignore"):
            step = 4 * value / denominator
        x = x - np.where(denominator < 0.0, step, 0.0)
    return x


def _entries(c: dict[PauliString, Any]) -> list[list[Any]]:
    """Upper triangle of H = Σ c_ab σ_a ⊗ σ_b without the identity; real where no string makes an entry complex."""

    def get(left: str, right: str) -> Any:
        key = tuple((site, letter) for site, letter in ((0, left), (1, right)) if letter != "I")
        return c.get(key, 0.0)

    def combine(real: Any, imaginary: Any) -> Any:
        return real if is_zero(imaginary) else real + 1j * imaginary

    zi, iz, zz = get("Z", "I"), get("I", "Z"), get("Z", "Z")
    H: list[list[Any]] = [[0.0] * 4 for _ in range(4)]
    H[0][0], H[1][1], H[2][2], H[3][3] = zi + iz + zz, zi - iz - zz, -zi + iz - zz, -zi - iz + zz
    H[0][1] = combine(get("I", "X") + get("Z", "X"), -(get("I", "Y") + get("Z", "Y")))
    H[2][3] = combine(get("I", "X") - get("Z", "X"), -(get("I", "Y") - get("Z", "Y")))
    H[0][2] = combine(get("X", "I") + get("X", "Z"), -(get("Y", "I") + get("Y", "Z")))
    H[1][3] = combine(get("X", "I") - get("X", "Z"), -(get("Y", "I") - get("Y", "Z")))
    H[0][3] = combine(get("X", "X") - get("Y", "Y"), -(get("X", "Y") + get("Y", "X")))
    H[1][2] = combine(get("X", "X") + get("Y", "Y"), get("X", "Y") - get("Y", "X"))
    return H


def _at(M: Sequence[Sequence[Any]], i: int, j: int) -> Any:
    return M[i][j] if i <= j else np.conj(M[j][i])


def _square(H: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Upper triangle of H²; real diagonal."""
    out: list[list[Any]] = [[0.0] * 4 for _ in range(4)]
    for i in range(4):
        out[i][i] = total([_abs2(H[min(i, k)][max(i, k)]) for k in range(4)])
        for j in range(i + 1, 4):
            out[i][j] = total([times(_at(H, i, k), _at(H, k, j)) for k in range(4)])
    return out


def _symmetric_product(H: Sequence[Sequence[Any]], S: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Upper triangle of H S for commuting Hermitian H and S; real diagonal."""
    out: list[list[Any]] = [[0.0] * 4 for _ in range(4)]
    for i in range(4):
        for j in range(i, 4):
            out[i][j] = total([times(_at(H, i, k), _at(S, k, j)) for k in range(4)])
        out[i][i] = np.real(out[i][i])
    return out


def _abs2(value: Any) -> Any:
    if is_zero(value):
        return 0.0
    return value.real * value.real + value.imag * value.imag if np.iscomplexobj(value) else value * value


def _trace(M: Sequence[Sequence[Any]]) -> Any:
    return total([M[i][i] for i in range(4)])


def _read_means(Q: Sequence[Sequence[Any]], diagonal: Sequence[Any], inverse: Any) -> list[Any]:
    """Tr[s Q] / Tr Q for the 15 strings, in the order of STRINGS."""
    d0, d1, d2, d3 = (value * inverse for value in diagonal)
    twice = 2 * inverse

    def split(i: int, j: int) -> tuple[Any, Any]:
        value = Q[i][j] * twice
        return np.real(value), np.imag(value)

    (r01, i01), (r23, i23), (r02, i02), (r13, i13) = split(0, 1), split(2, 3), split(0, 2), split(1, 3)
    (r03, i03), (r12, i12) = split(0, 3), split(1, 2)
    means: dict[tuple[str, ...], Any] = {
        ("I", "X"): r01 + r23,
        ("I", "Y"): -i01 - i23,
        ("I", "Z"): d0 - d1 + d2 - d3,
        ("X", "I"): r02 + r13,
        ("X", "X"): r03 + r12,
        ("X", "Y"): i12 - i03,
        ("X", "Z"): r02 - r13,
        ("Y", "I"): -i02 - i13,
        ("Y", "X"): -i03 - i12,
        ("Y", "Y"): r12 - r03,
        ("Y", "Z"): i13 - i02,
        ("Z", "I"): d0 + d1 - d2 - d3,
        ("Z", "X"): r01 - r23,
        ("Z", "Y"): i23 - i01,
        ("Z", "Z"): d0 - d1 - d2 + d3,
    }
    return [means[pair] for pair in product(LETTERS, repeat=2) if pair != ("I", "I")]


def _with_lapack(model: Model, means: list[Any], doubtful: Array) -> list[Any]:
    """The means with the doubtful points replaced by those of a LAPACK eigenvector; a degenerate level raises."""
    where = np.flatnonzero(doubtful)
    chosen = [(s, np.broadcast_to(np.asarray(c), doubtful.shape).flat[where]) for s, c in model.H.terms if s]
    matrix = collect(chosen).matrix((0, 1))
    energies, vectors = np.linalg.eigh(matrix)
    refuse_degenerate(energies, 0, "ground", where=doubtful)
    vector = vectors[..., :, 0]
    rho = vector[..., :, None] * vector[..., None, :].conj()
    repaired = []
    for string, mean in zip(STRINGS, means, strict=True):
        is_own = isinstance(mean, np.ndarray) and mean.shape == doubtful.shape and sum(mean is m for m in means) == 1
        full = mean if is_own else np.array(np.broadcast_to(mean, doubtful.shape), dtype=float)
        operator = collect([(string, 1.0)]).matrix((0, 1))
        full.flat[where] = np.real(np.einsum("ij,...ji->...", operator, rho))
        repaired.append(full[()])
    return repaired
