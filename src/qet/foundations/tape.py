"""Record what a function of arrays does, point by point, as a straight line of operations.

A function that is written for arrays is called once with `Traced` values in their place: arithmetic, comparisons and
NumPy's elementwise functions on these are noted down and not done. What comes out is a tape, which can be played to a
million points without Python (see `blocks`). Equal operations are noted once, and a complex value is two real ones,
of which a plain zero costs nothing.

Where Python must know a number (`if np.min(w) > 0.0`), it is computed for a sample, the block of points that the tape
is recorded on, and the outcome is noted as a *guard*: the tape holds for every block that gives the same outcome. A
reduction (`np.min`, `np.max`, `np.any`, `np.all`) is therefore one over a block. What cannot be noted (an index, a
length, a matrix) raises `NotTraceable`, and the function is to be called with arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
Node = tuple[Any, ...]  # name, operands

NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "absolute": np.absolute,
    "sqrt": np.sqrt,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "sign": np.sign,
    "copysign": np.copysign,
    "hypot": np.hypot,
    "exp": np.exp,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "log": np.log,
    "power": np.power,
    "where": np.where,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
    "isnan": np.isnan,
    "isfinite": np.isfinite,
    "min": np.min,
    "max": np.max,
    "any": np.any,
    "all": np.all,
}
_PLAIN = {"add", "subtract", "multiply", "divide"}
REDUCTIONS = ("min", "max", "any", "all")
LOGICAL = ("less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not", "isnan", "isfinite")


class NotTraceable(Exception):
    """The function does something that is not arithmetic point by point."""


class Tape:
    """Operations in order: ("const", number), ("input", place), (name, nodes ...), ("guard", node, outcome).

    Attributes:
        nodes: The operations.
        sample: What each input is at the points the tape is recorded on.
    """

    def __init__(self, sample: Sequence[Array]) -> None:
        self.nodes: list[Node] = []
        self.sample = sample
        self._known: dict[Node, int] = {}
        self._values: list[Any] = []

    def note(self, *node: Any) -> int:
        """The number of a node, a new one if it is not known."""
        if node[0] in ("add", "multiply") and node[2] < node[1]:
            node = (node[0], node[2], node[1])
        # 0.0 and -0.0 are equal, and are not the same; a NaN is the same as itself
        key = (node[0], np.float64(node[1]).tobytes()) if node[0] == "const" else node
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return self._known[key]

    def outcome(self, node: int) -> bool:
        """Whether a number is true of the sample; what follows holds where the answer is the same."""
        found = bool(self.value(node))
        self.note("guard", node, found)
        return found

    def value(self, node: int) -> Any:
        """A node, computed for the sample."""
        with np.errstate(all="ignore"):
            while len(self._values) <= node:
                self._values.append(self._computed(self.nodes[len(self._values)]))
        return self._values[node]

    def _computed(self, node: Node) -> Any:
        name, *operands = node
        if name == "const":
            return np.float64(operands[0])
        if name == "input":
            return self.sample[operands[0]]
        return None if name == "guard" else NUMPY[name](*(self._values[i] for i in operands))


class Traced:
    """A real or logical value: one number a point, or (`ndim` 0) one for the block.

    It stands for an array: arithmetic, comparisons and NumPy's functions take it.
    """

    __hash__ = object.__hash__

    def __init__(self, tape: Tape, node: int, ndim: int = 1, is_logical: bool = False) -> None:
        self.tape, self.node, self.ndim, self.is_logical = tape, node, ndim, is_logical

    def __bool__(self) -> bool:
        if self.ndim:
            raise NotTraceable("the truth of many points")
        return self.tape.outcome(self.node)

    @property
    def real(self) -> Traced:
        """Itself."""
        return self

    @property
    def imag(self) -> float:
        """Nothing."""
        return 0.0

    def any(self) -> Any:
        """Whether any point is true."""
        return _reduced("any", self)

    def all(self) -> Any:
        """Whether all points are true."""
        return _reduced("all", self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise NotTraceable(f"{ufunc.__name__}.{method}")
        return operate(ufunc.__name__, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in _FUNCTIONS:
            raise NotTraceable(function.__name__)
        return _FUNCTIONS[function](*args, **options)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise NotTraceable("an array is asked for")

    __array__ = __len__ = __iter__ = __getitem__ = __setitem__ = __float__ = __int__ = __index__ = __complex__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotTraceable(name)


class TracedComplex(Traced):
    """A complex value: two real ones, each traced or the plain number 0.0."""

    def __init__(self, re: Any, im: Any) -> None:
        self.re, self.im = re, im
        whole = re if isinstance(re, Traced) else im
        self.tape, self.ndim, self.is_logical = whole.tape, whole.ndim, False

    @property
    def real(self) -> Any:
        """The real part."""
        return self.re

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return self.im


def _combine(name: str, x: Any, y: Any) -> Any:
    """A binary operation; the common case, of two real values, without a detour."""
    if type(x) is Traced and type(y) is Traced and name in _PLAIN and not (x.is_logical or y.is_logical):
        return Traced(x.tape, x.tape.note(name, x.node, y.node), x.ndim | y.ndim)
    return operate(name, x, y)


def operate(name: str, *operands: Any) -> Any:
    """Note down one of NumPy's elementwise functions; plain numbers among themselves are simply computed."""
    if name in _SPELLED:
        return _SPELLED[name](*operands)
    if name in ("greater", "greater_equal"):
        return operate("less" if name == "greater" else "less_equal", operands[1], operands[0])
    if not any(isinstance(x, Traced) for x in operands):
        return NUMPY[name](*operands) if name in NUMPY else _unknown(name)
    if any(isinstance(x, (TracedComplex, complex)) for x in operands):
        return _COMPLEX[name](*operands) if name in _COMPLEX else _unknown(name)
    if name not in NUMPY:
        _unknown(name)
    tape = next(x.tape for x in operands if isinstance(x, Traced))
    nodes = [_node(tape, x) for x in operands]
    ndim = max(x.ndim for x in operands if isinstance(x, Traced))
    is_logical = name in LOGICAL
    if name == "where":
        is_logical = all(isinstance(x, (bool, np.bool_)) or getattr(x, "is_logical", False) for x in operands[1:])
    elif not is_logical and all(isinstance(x, Traced) and x.is_logical for x in operands):
        raise NotTraceable("arithmetic of truth values")
    return Traced(tape, tape.note(name, *nodes), ndim, is_logical)


def _node(tape: Tape, value: Any) -> int:
    if isinstance(value, Traced):
        return value.node
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        raise NotTraceable(f"a {type(value).__name__} among the operands")
    return tape.note("const", float(value))


def _unknown(name: str) -> Any:
    raise NotTraceable(name)


def _reduced(name: str, x: Any, initial: Any = None, **options: Any) -> Any:
    if options or isinstance(x, TracedComplex):
        raise NotTraceable(f"{name} with {options}")
    found = x if x.ndim == 0 else Traced(x.tape, x.tape.note(name, x.node), 0, name in ("any", "all"))
    if initial is not None:
        found = operate("maximum" if name == "max" else "minimum", found, initial)
    return found


def _power(x: Any, exponent: Any) -> Any:
    """As NumPy does it: a square is a product."""
    if isinstance(x, Traced) and not isinstance(exponent, Traced) and exponent in (1, 2):
        return operate("multiply", x, x) if exponent == 2 else x
    if not isinstance(x, TracedComplex) and (isinstance(x, Traced) or isinstance(exponent, Traced)):
        tape = x.tape if isinstance(x, Traced) else exponent.tape
        ndim = max(getattr(x, "ndim", 0), getattr(exponent, "ndim", 0))
        return Traced(tape, tape.note("power", _node(tape, x), _node(tape, exponent)), ndim)
    raise NotTraceable("a power")


def _logical(name: str) -> Callable[..., Any]:
    """An operator on bits, of truth values alone."""

    def apply(*operands: Any) -> Any:
        if not all(isinstance(x, (bool, np.bool_)) or getattr(x, "is_logical", False) for x in operands):
            raise NotTraceable("bits of numbers")
        if len(operands) == 2:
            for plain, other in (operands, operands[::-1]):
                if not isinstance(plain, Traced):
                    return other if bool(plain) == (name == "logical_and") else bool(plain)
        return operate(name, *operands)

    return apply


def _real(x: Any) -> Any:
    return x.real


def _imag(x: Any) -> Any:
    return x.imag


def _full(value: float) -> Callable[..., Any]:
    def like(x: Any, dtype: Any = float, **options: Any) -> Any:
        if options or dtype is not float or isinstance(x, TracedComplex):
            raise NotTraceable("an array of another kind")
        return Traced(x.tape, x.tape.note("const", value), x.ndim)

    return like


class Columns:
    """Values side by side: an output with one more axis."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)


def _stack(values: Sequence[Any], axis: int = 0, **options: Any) -> Columns:
    if axis not in (-1, 1) or options:
        raise NotTraceable("a stack along the points")
    return Columns(values)


def _parts(x: Any) -> tuple[Any, Any]:
    if isinstance(x, Traced):
        return x.real, x.imag
    return (x.real, x.imag) if isinstance(x, complex) else (x, 0.0)


def _is_void(x: Any) -> bool:
    return not isinstance(x, Traced) and x == 0.0


def _joined(name: str, x: Any, y: Any) -> Any:
    """x + y or x - y of real parts, a plain zero left out."""
    if _is_void(y):
        return x
    if _is_void(x):
        return y if name == "add" else -y
    return operate(name, x, y)


def _product(x: Any, y: Any) -> Any:
    if _is_void(x) or _is_void(y):
        return 0.0
    for one, other in ((x, y), (y, x)):
        if not isinstance(one, Traced) and one in (1.0, -1.0):
            return other if one == 1.0 else -other
    return x * y


def _complex(re: Any, im: Any) -> Any:
    return TracedComplex(re, im) if isinstance(re, Traced) or isinstance(im, Traced) else complex(re, im)


def _sum(name: str) -> Callable[[Any, Any], Any]:
    def apply(x: Any, y: Any) -> Any:
        (a, b), (c, d) = _parts(x), _parts(y)
        return _complex(_joined(name, a, c), _joined(name, b, d))

    return apply


def _multiply(x: Any, y: Any) -> Any:
    (a, b), (c, d) = _parts(x), _parts(y)
    re = _joined("subtract", _product(a, c), _product(b, d))
    return _complex(re, _joined("add", _product(a, d), _product(b, c)))


def _divide(x: Any, y: Any) -> Any:
    if isinstance(y, (TracedComplex, complex)):
        raise NotTraceable("division by a complex number")
    return _complex(*(0.0 if _is_void(part) else part / y for part in _parts(x)))


def _conjugate(x: Any) -> Any:
    return x if not isinstance(x, TracedComplex) else _complex(x.re, 0.0 if _is_void(x.im) else -x.im)


def _where(condition: Any, x: Any, y: Any) -> Any:
    (a, b), (c, d) = _parts(x), _parts(y)
    return _complex(operate("where", condition, a, c), operate("where", condition, b, d))


def _absolute(x: Any) -> Any:
    a, b = _parts(x)
    return abs(b) if _is_void(a) else abs(a) if _is_void(b) else operate("hypot", a, b)


_COMPLEX: dict[str, Callable[..., Any]] = {
    "where": _where,
    "absolute": _absolute,
    "add": _sum("add"),
    "subtract": _sum("subtract"),
    "multiply": _multiply,
    "divide": _divide,
    "negative": lambda x: _complex(*(0.0 if _is_void(part) else -part for part in _parts(x))),
}
_SPELLED: dict[str, Callable[..., Any]] = {
    "true_divide": lambda x, y: operate("divide", x, y),
    "power": _power,
    "square": lambda x: x * x,
    "conjugate": _conjugate,
    "bitwise_and": _logical("logical_and"),
    "bitwise_or": _logical("logical_or"),
    "invert": _logical("logical_not"),
}
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: lambda *x: operate("where", *x) if len(x) == 3 else _unknown("where"),
    np.ndim: lambda x: x.ndim,
    np.real: _real,
    np.imag: _imag,
    np.iscomplexobj: lambda x: isinstance(x, TracedComplex),
    np.isrealobj: lambda x: not isinstance(x, TracedComplex),
    np.zeros_like: _full(0.0),
    np.ones_like: _full(1.0),
    np.broadcast_arrays: lambda *x: x,
    np.stack: _stack,
    **{getattr(np, name): lambda x, _name=name, **options: _reduced(_name, x, **options) for name in REDUCTIONS},
}


def _operators() -> None:
    """Python's operators, each from the left and from the right."""
    both = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power"}
    both |= {"and": "bitwise_and", "or": "bitwise_or"}
    for short, name in both.items():
        setattr(Traced, f"__{short}__", lambda x, y, _name=name: _combine(_name, x, y))
        setattr(Traced, f"__r{short}__", lambda x, y, _name=name: operate(_name, y, x))
    compared = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
    for short, name in (compared | {"eq": "equal", "ne": "not_equal"}).items():
        setattr(Traced, f"__{short}__", lambda x, y, _name=name: operate(_name, x, y))
    for short, name in {"neg": "negative", "abs": "absolute", "invert": "invert"}.items():
        setattr(Traced, f"__{short}__", lambda x, _name=name: operate(_name, x))


_operators()
