"""Numbers written as text over named quantities: "gamma*(1 + mu)", "T - dT/2", "sqrt(h**2 + k**2)".

The grammar is arithmetic and nothing else: numbers, names, + - * / **, parentheses, and sqrt, exp, log, sin, cos of one
argument; pi is a name that is always known. The text is parsed into a tree of which every node must be one of these,
and the tree is computed here; nothing is handed to the interpreter. Arrays broadcast, literals are floats.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qet.foundations.errors import BadParameter, unknown

LONGEST, DEEPEST = 500, 50
LARGEST = 1e300  # of a literal
SIGNS = re.compile(r"[\w\s.+*/()-]*")
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
}
KNOWN = {"pi": np.pi}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.float_power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: np.positive, ast.USub: np.negative}
_GRAMMAR = f"numbers, names, + - * / **, parentheses, and {', '.join(FUNCTIONS)}"


@dataclass(frozen=True)
class Expression:
    """A number over named quantities.

    Attributes:
        text: As it was written.
        names: Of the quantities it needs, in the order they appear; pi is none.
    """

    text: str
    names: tuple[str, ...]

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Its value, where the names have these.

        A division by zero or a root of a negative number gives what NumPy gives, infinity or NaN, without a warning:
        the words that take the number refuse it, and say at which point.

        Raises:
            UnknownName: for a name without a value. BadParameter: for a value that is no number.
        """
        for name in self.names:
            if name not in values:
                raise unknown("quantity", name, [*values, *KNOWN])
            kind = np.asarray(values[name]).dtype.kind
            if kind not in "iuf":
                raise BadParameter(f"{self.text!r} computes with {name}, which is {values[name]!r} and no number.")
        with np.errstate(all="ignore"):
            return _computed(_tree(self.text), values)


@lru_cache(maxsize=1024)
def expression(text: str) -> Expression:
    """An expression from its text.

    Raises:
        BadParameter: for what is no arithmetic. UnknownName: for a function that is not known.

    Example:
        >>> rate = expression("gamma*(1 + mu)")
        >>> rate.names
        ('gamma', 'mu')
        >>> float(rate({"gamma": 0.5, "mu": 3}))
        2.0
    """
    names: dict[str, None] = {}
    _check(_tree(text), text, names, 0)
    return Expression(text, tuple(name for name in names if name not in KNOWN))


@lru_cache(maxsize=1024)
def _tree(text: str) -> ast.expr:
    if not text.strip():
        raise BadParameter("a number is expected; got an empty text.")
    if len(text) > LONGEST:
        raise BadParameter(f"an expression has up to {LONGEST} characters; this one has {len(text)}.")
    if "^" in text:
        raise BadParameter(f"{text!r}: a power is written **, not ^.")
    try:
        if SIGNS.fullmatch(text) is None:
            raise ValueError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on code that is refused below
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise BadParameter(f"{text!r} is no expression; write {_GRAMMAR}.") from None


def _check(node: ast.expr, text: str, names: dict[str, None], depth: int) -> None:
    """Refuse every node that is not arithmetic, and collect the names."""
    if depth > DEEPEST:
        raise BadParameter(f"the expression {text[:40]!r}... is nested more than {DEEPEST} deep.")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool) and number < LARGEST:
            return
        case ast.Name() if node.id not in FUNCTIONS:
            names[node.id] = None
        case ast.BinOp() if type(node.op) in _BINARY:
            _check(node.left, text, names, depth + 1)
            _check(node.right, text, names, depth + 1)
        case ast.UnaryOp() if type(node.op) in _UNARY:
            _check(node.operand, text, names, depth + 1)
        case ast.Call(func=ast.Name(), args=[argument], keywords=[]) if not isinstance(argument, ast.Starred):
            called = node.func.id  # type: ignore[attr-defined]
            if called not in FUNCTIONS:
                raise unknown("function", called, FUNCTIONS)
            _check(argument, text, names, depth + 1)
        case _:
            raise BadParameter(f"{text!r} is no expression; write {_GRAMMAR}.")


def _computed(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return np.float64(node.value)  # type: ignore[arg-type]
        case ast.Name():
            return np.asarray(values.get(node.id, KNOWN.get(node.id)), dtype=float)[()]
        case ast.BinOp():
            return _BINARY[type(node.op)](_computed(node.left, values), _computed(node.right, values))
        case ast.UnaryOp():
            return _UNARY[type(node.op)](_computed(node.operand, values))
        case ast.Call(func=ast.Name()):
            return FUNCTIONS[node.func.id](_computed(node.args[0], values))  # type: ignore[attr-defined]
    raise BadParameter(f"{ast.unparse(node)!r} is not arithmetic.")  # pragma: no cover  (checked before)
