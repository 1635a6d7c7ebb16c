"""A model: a Hamiltonian as a sum of named terms, and who holds which sites.

The names are kept through every computation, so that "Bob's energy" can always be
said with its terms. Each term has a class from its support: H_A or H_B inside a
party, V_AB across both, V_A or V_B from one party to the rest, and "rest".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qet.foundations.checks import broadcast
from qet.foundations.conventions import HERMITIAN_TOLERANCE
from qet.foundations.errors import (
    BadOperator,
    BadParameter,
    BadParties,
    NotHermitian,
    ShapeMismatch,
    refuse_where,
    unknown,
)
from qet.foundations.paulis import PauliSum, collect, pauli, pauli_decomposition, spell_string
from qet.foundations.values import Call, Value

Array = np.ndarray
MOST_PRINTED = 24  # terms that are shown one by one
CLASSES = ("H_A", "H_B", "V_AB", "V_A", "V_B", "rest")


@dataclass(frozen=True, eq=False, repr=False)
class Term(Value):
    """A named part of the Hamiltonian."""

    name: str
    operator: PauliSum


@dataclass(frozen=True, eq=False, repr=False)
class Model(Value):
    """A Hamiltonian as named terms on qubits 0 .. n_sites-1, and the two parties' sites.

    Attributes:
        terms: The named terms; H is their sum.
        A: Alice's sites.
        B: Bob's sites.
        n_sites: Number of qubits.
        made_by: The public word and arguments that made it.
    """

    terms: tuple[Term, ...]
    A: tuple[int, ...]
    B: tuple[int, ...]
    n_sites: int
    made_by: Call
    _identity = ("terms", "A", "B", "n_sites")

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the parameters."""
        return broadcast(**{term.name: term.operator.shape for term in self.terms})

    @cached_property
    def H(self) -> PauliSum:
        """The Hamiltonian as one Pauli sum."""
        return collect([pair for term in self.terms for pair in term.operator.terms])

    @property
    def sites(self) -> tuple[int, ...]:
        """All sites, in order."""
        return tuple(range(self.n_sites))

    def matrix(self) -> Array:
        """H as a matrix, shape (*shape, d, d)."""
        return self.H.matrix(self.sites)

    @cached_property
    def dynamics(self) -> PauliSum:
        """H without its constants: what moves the state and sets the scale of its spectrum."""
        return PauliSum(tuple((string, c) for string, c in self.H.terms if string))

    def class_of(self, term: Term) -> str:
        """Where a term acts: one of H_A, H_B, V_AB, V_A, V_B, rest."""
        support = set(term.operator.support)
        meets_A, meets_B = bool(support & set(self.A)), bool(support & set(self.B))
        if meets_A and meets_B:
            return "V_AB"
        if not (meets_A or meets_B):
            return "rest"
        party, sites = ("A", self.A) if meets_A else ("B", self.B)
        return f"H_{party}" if support <= set(sites) else f"V_{party}"

    def meeting(self, sites: Iterable[int]) -> tuple[Term, ...]:
        """The terms whose support meets some sites."""
        wanted = set(sites)
        return tuple(term for term in self.terms if wanted & set(term.operator.support))

    def party(self, party: str) -> tuple[int, ...]:
        """The sites of party "A" or "B"."""
        if party not in ("A", "B"):
            raise unknown("party", party, ("A", "B"))
        return self.A if party == "A" else self.B

    def swapped(self) -> Model:
        """The same Hamiltonian with the roles of A and B exchanged."""
        return Model(self.terms, self.B, self.A, self.n_sites, Call("swapped", {"model": self}))

    def between(self, A: Any, B: Any) -> Model:
        """The same Hamiltonian with other parties.

        Args:
            A: Alice's site or sites.
            B: Bob's.

        Raises:
            BadParties: for parties that overlap or lie outside.
        """
        a, b = _parties(A, B, self.n_sites)
        other = Model(self.terms, a, b, self.n_sites, Call("between", {"of": self, "A": A, "B": B}))
        for name in ("shape", "H", "dynamics"):  # what does not know the parties is found once for all of them
            vars(other)[name] = getattr(self, name)
        return other

    def __repr__(self) -> str:
        if self.made_by.word == "swapped":
            return f"{self.made_by.arguments['model']!r}.swapped()"
        return repr(self.made_by)

    def _repr_html_(self) -> str:
        shown = self.terms if len(self.terms) <= MOST_PRINTED else self.meeting((*self.A, *self.B))
        rows = "".join(f"<tr><td>{t.name}</td><td>{self.class_of(t)}</td><td>{t.operator}</td></tr>" for t in shown)
        if len(shown) < len(self.terms):
            rows += f"<tr><td>{len(self.terms) - len(shown)} others</td><td>rest</td><td></td></tr>"
        return (
            f"<p>{self.n_sites} qubits, A = {self.A}, B = {self.B}</p>"
            f"<table><tr><th>term</th><th>class</th><th>operator</th></tr>{rows}</table>"
        )

    def _repr_latex_(self) -> str:
        parts = [rf"\underbrace{{{_latex(t.operator)}}}_{{{t.name}}}" for t in self.terms]
        if len(parts) > MOST_PRINTED:
            parts = [*parts[: MOST_PRINTED // 2], r"\dots", *parts[-MOST_PRINTED // 2 :]]
        return f"$H = {' + '.join(parts)}$"


def build_model(terms: Mapping[str, PauliSum], A: Any, B: Any, n_sites: int | None, made_by: Call) -> Model:
    """Check terms and parties, and make the model. The inner door of every model function."""
    found = max((site for operator in terms.values() for site in operator.support), default=-1) + 1
    a, b = as_sites("A", A), as_sites("B", B)
    if n_sites is not None and (isinstance(n_sites, bool) or not isinstance(n_sites, (int, np.integer)) or n_sites < 1):
        raise BadParties(
            f"n_sites is a whole number of qubits, at least 1; got {n_sites!r}. Leave it out to have it counted."
        )
    n = int(n_sites) if n_sites is not None else max([found, *(s + 1 for s in a + b)])
    if found > n:
        raise BadParties(f"the terms act on site {found - 1}, outside the {n} sites 0 .. {n - 1}. Set n_sites={found}.")
    a, b = _parties(a, b, n)
    model = Model(tuple(Term(name, _hermitian(name, op)) for name, op in terms.items()), a, b, n, made_by)
    _ = model.shape  # raises ShapeMismatch here rather than later
    return model


def _parties(A: Any, B: Any, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sites of both parties, checked to lie among n and not to overlap."""
    a, b = as_sites("A", A), as_sites("B", B)
    for name, sites in (("A", a), ("B", b)):
        outside = [site for site in sites if not 0 <= site < n]
        if outside:
            raise BadParties(f"{name} holds site {outside[0]}, outside the {n} sites 0 .. {n - 1}.")
    shared = sorted(set(a) & set(b))
    if shared:
        raise BadParties(f"A = {a} and B = {b} share site {shared[0]}; the parties must not overlap.")
    return a, b


def as_sites(name: str, value: Any) -> tuple[int, ...]:
    """A site or several, as a tuple of distinct integers."""
    items = tuple(value) if isinstance(value, (tuple, list, range, np.ndarray)) else (value,)
    if not items:
        raise BadParties(f"{name} is empty; give at least one site.")
    if any(isinstance(s, bool) or not isinstance(s, (int, np.integer)) for s in items):
        raise BadParties(f"{name} must be a site number or a tuple of them; got {value!r}.")
    sites = tuple(int(site) for site in items)
    if len(set(sites)) != len(sites):
        raise BadParties(f"{name} = {sites} names a site twice.")
    if min(sites) < 0:
        raise BadParties(f"{name} = {sites} has a negative site; sites count from 0.")
    return sites


def as_operator(name: str, value: Any) -> PauliSum:
    """A Pauli sum from text, a Pauli sum, or a pair (matrix, sites)."""
    if isinstance(value, (str, PauliSum)):
        operator = pauli(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        operator = collect([((), float(value))])
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        sites = as_sites(f"the sites of {name}", value[1])
        matrix = as_square(name, value[0])
        if matrix.shape[-1] != 2 ** len(sites):
            raise ShapeMismatch(
                f"{name} is {matrix.shape[-1]}x{matrix.shape[-1]}, but sites {sites} need {2 ** len(sites)}."
            )
        operator = pauli_decomposition(matrix, sites)
    else:
        raise BadOperator(f"{name} must be text, a PauliSum or a pair (matrix, sites); got {type(value).__name__}.")
    for string, c in operator.terms:
        values = np.asarray(c)
        refuse_where(
            ~np.isfinite(values),
            BadParameter,
            lambda i, string=string, values=values: (  # type: ignore[misc]
                f"the coefficient of {spell_string(string)} in {name} is not finite: {values[i]}"
            ),
        )
    return operator


def as_square(name: str, value: Any) -> Array:
    """A square matrix (leading axes are points) from an array or a QuTiP Qobj."""
    try:
        matrix = np.array(value.full() if hasattr(value, "full") else value)
    except ValueError:
        raise ShapeMismatch(f"{name} must be a square numeric matrix; its rows differ in length.") from None
    if matrix.dtype.kind not in "fciu" or matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ShapeMismatch(f"{name} must be a square numeric matrix; got shape {matrix.shape}.")
    matrix = matrix.astype(complex if matrix.dtype.kind == "c" else float)  # double precision everywhere
    if not np.all(np.isfinite(matrix)):
        raise BadParameter(f"{name} has entries that are NaN or infinite.")
    return matrix


def _hermitian(name: str, operator: PauliSum) -> PauliSum:
    """The operator with real coefficients, checked to have had them to 1e-10 of the largest."""
    if operator.is_hermitian:
        return operator
    scale = max((float(np.max(np.abs(c), initial=0.0)) for _, c in operator.terms), default=0.0)
    for string, c in operator.terms:
        imaginary = np.asarray(np.imag(c))
        refuse_where(
            np.abs(imaginary) > HERMITIAN_TOLERANCE * scale,
            NotHermitian,
            lambda i, string=string, imaginary=imaginary: (  # type: ignore[misc]
                f"term {name!r} is not Hermitian: the coefficient of {spell_string(string)} has imaginary part "
                f"{imaginary[i]:.1e}. Add the Hermitian conjugate"
            ),
        )
    return PauliSum(tuple((string, np.real(c)) for string, c in operator.terms))


def _latex(operator: PauliSum) -> str:
    text = ""
    for string, c in operator.terms:
        value = np.asarray(c)
        number = f"{float(np.real(value)):+.4g}" if value.ndim == 0 else r"+c_{\cdot}"
        text += number + " " + " ".join(f"{letter}_{{{site}}}" for site, letter in string)
    return text.removeprefix("+")
