"""What a user's function takes from around itself: the numbers that its source does not show.

Two functions with one source give different numbers where a global value, a default, a variable of the function that
made them or a function they call is another. A store must not mix them, so its header has these values beside the
source, and a refusal can name the one that differs. Code of the user's own, which is what is in no library, is followed
wherever it leads; of what is in a library the name and the source count. Functions are never called.
"""

from __future__ import annotations

import dis
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from qet.foundations.values import plain
from qet.studies.named_function import identity
from qet.studies.sweeps.held_values import Telling

INSIDE = ("py_func", "pyfunc", "__wrapped__")  # where numba, numpy.vectorize, and decorators keep a function
LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}


def uses_of(point: Any) -> dict[str, Any]:
    """What a function takes from around itself, as plain data: name -> value, hash of a source, or type.

    Args:
        point: A function, a method, `functools.partial` of one, or any object that can be called.

    Example:
        >>> k = 0.5
        >>> def made(h):
        ...     return lambda T: h * T
        >>> uses_of(made(2.0))["h"]
        2.0
    """
    return dict(Uses(_module_of(point)).of(point))


def told_of(value: Any) -> Any:
    """A value of a parameter as plain data, functions by their sources and what they use."""
    if isinstance(value, (list, tuple)):
        return [told_of(item) for item in value]
    return Uses(_module_of(value)).telling.of(value) if callable(value) else plain(value)


@dataclass(eq=False)
class Uses:
    """What functions take from around themselves, each function told once.

    Attributes:
        home: The module of the first of them.
        told: Functions and classes told before.
        telling: How values are told.
    """

    home: str
    told: list[Any] = field(default_factory=list)
    telling: Telling = field(init=False)

    def __post_init__(self) -> None:
        self.telling = Telling(self._code)

    def of(self, function: Any) -> Iterator[tuple[str, Any]]:
        """Name and value of everything that a function uses."""
        inside = _inside(function)
        if isinstance(function, partial):
            yield from self.of(function.func)
            yield from ((f"argument {i}", self.telling.of(value)) for i, value in enumerate(function.args))
            yield from ((name, self.telling.of(value)) for name, value in function.keywords.items())
        elif isinstance(function, MethodType):
            yield "self", self.telling.of(function.__self__)
            yield from self.of(function.__func__)
        elif isinstance(function, FunctionType):
            if not self._is_told(function):
                yield from ((name, self.telling.of(value)) for name, value in _around(function, self._is_own))
                yield from _code_of(function)
        elif inside is not None:
            yield "function", self._function(inside)
        elif not inspect.isbuiltin(function) and not isinstance(function, type):
            yield "self", self.telling.of(function)

    def _code(self, value: Any) -> Any:
        """What holds code, as plain data; None for anything else."""
        if isinstance(value, type):
            return self._class(value) if self._is_own(value.__module__) else name_in_full(value)
        if isinstance(value, ModuleType) or inspect.isbuiltin(value):
            return name_in_full(value)
        if isinstance(value, (FunctionType, MethodType, partial)):
            return self._function(value)
        inside = _inside(value)
        return None if inside is None else self._function(inside)

    def _function(self, function: Any) -> dict[str, Any]:
        return identity(function) | (dict(self.of(function)) if self._is_own(_module_of(function)) else {})

    def _class(self, kind: type) -> Any:
        """A class of the user's own: its source, and what it and those below it have and use."""
        found: dict[str, Any] = {"type": name_in_full(kind), "source": identity(kind)["source"]}
        if self._is_told(kind):
            return found
        below = [base for base in kind.__mro__[1:] if self._is_own(base.__module__)]
        found |= {f"below {base.__qualname__}": identity(base)["source"] for base in below}
        for name, held in ((name, held) for base in (kind, *below) for name, held in vars(base).items()):
            inner = getattr(held, "fget", None) or getattr(held, "__func__", held)
            if isinstance(inner, FunctionType):
                found |= dict(self.of(inner)) if self._is_own(inner.__module__) else {}
            elif not name.startswith("__") and not hasattr(held, "__get__") and not name.startswith("_abc_"):
                found.setdefault(name, self.telling.of(held))
        return found

    def _is_own(self, module: Any) -> bool:
        """Whether a module, by its name, is the user's own: with the function, or in no library."""
        root = str(module).split(".")[0]
        return root != "qet" and (root == self.home.split(".")[0] or not _is_in_library(str(module)))

    def _is_told(self, thing: Any) -> bool:
        is_told = any(thing is other for other in self.told)
        self.told += [] if is_told else [thing]
        return is_told


def _is_in_library(module: str) -> bool:
    root = module.split(".", maxsplit=1)[0]
    if root == "__main__":
        return False
    file = getattr(sys.modules.get(module), "__file__", None) or getattr(sys.modules.get(root), "__file__", None)
    if file is None or root in sys.stdlib_module_names:
        return True
    folders = Path(file).parents
    return any(folder.name in ("site-packages", "dist-packages") or str(folder) in LIBRARIES for folder in folders)


def name_in_full(value: Any) -> str:
    """The name of a class, module or function, as far as it tells one."""
    return str(getattr(value, "__qualname__", getattr(value, "__name__", type(value).__name__)))


def _module_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", ""))


def _inside(value: Any) -> Any:
    """The user's function in an object that a compiler or a decorator made of it; None if there is none."""
    if isinstance(value, (FunctionType, MethodType, partial, type)):
        return None
    held = (getattr(value, name, None) for name in INSIDE)
    return next((inner for inner in held if isinstance(inner, (FunctionType, MethodType, partial))), None)


def _around(function: FunctionType, is_own: Callable[[str], bool]) -> Iterator[tuple[str, Any]]:
    """Names and values of a function's defaults, of what it encloses, and of the globals that it reads."""
    signature = inspect.signature(function, follow_wrapped=False)
    yield from ((p.name, p.default) for p in signature.parameters.values() if p.default is not p.empty)
    enclosed = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            enclosed[name] = cell.cell_contents
        except ValueError:
            continue  # not filled yet
    yield from enclosed.items()
    known = {**function.__globals__, **enclosed}
    paths = sorted({path for path in _paths_read(function.__code__) if path[0] in known})
    yield from ((name, known[name]) for name in dict.fromkeys(path[0] for path in paths) if name not in enclosed)
    for name, attribute in (path for path in paths if len(path) > 1):
        held = known[name]
        if isinstance(held, ModuleType) and is_own(held.__name__) and hasattr(held, attribute):
            yield f"{name}.{attribute}", getattr(held, attribute)


def _paths_read(code: CodeType) -> Iterator[tuple[str, ...]]:
    """Names that code reads from around itself, also with the attribute that it takes: (name,), (name, attribute)."""
    name = None
    for step in dis.get_instructions(code):
        if name is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            yield name, step.argval
        is_name = step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")
        name = step.argval if is_name else name if step.opname in ("CACHE", "EXTENDED_ARG") else None
        if name is not None:
            yield (name,)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _paths_read(constant)


def _code_of(function: FunctionType) -> Iterator[tuple[str, str]]:
    """The hash of a function's code, where its source does not tell it from others."""
    source = identity(function)["source"]
    is_one_of_several = False
    if source and function.__name__ == "<lambda>":
        is_one_of_several = inspect.getsource(function).count("lambda") > 1
    if not source or is_one_of_several:  # as of what is typed at a prompt, and of two on one line
        yield "code", sha256(_code_text(function.__code__).encode()).hexdigest()[:16]
    if source and hasattr(function, "__wrapped__"):  # the source is that of what is decorated
        yield "decorator", sha256(inspect.getsource(function.__code__).encode()).hexdigest()[:16]


def _code_text(code: CodeType) -> str:
    inner = [
        _code_text(constant) if isinstance(constant, CodeType) else _spelled(constant) for constant in code.co_consts
    ]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, inner))


def _spelled(constant: Any) -> str:
    """A constant of code; sets in one order, which is another in every process."""
    return repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)
