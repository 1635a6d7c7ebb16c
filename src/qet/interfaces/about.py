"""What is running, and whom to cite."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from qet import __version__
from qet.foundations.errors import unknown

from .references import PAPERS, folded, software

NEEDED = ("numpy", "scipy", "xarray", "h5netcdf", "h5py", "matplotlib", "clarabel", "typer", "rich")
OPTIONAL = ("qutip",)


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of what it leans on, and the machine, as plain text.

    Nothing is imported to find out. A package that is not there says "not installed".

    Example:
        >>> list(versions())[:3]
        ['qet', 'python', 'numpy']
    """
    found = {"qet": __version__, "python": platform.python_version()}
    found |= {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    found["platform"] = f"{platform.system()} {platform.machine()}"
    found["cores"] = str(os.cpu_count() or "unknown")
    return found


def about() -> dict[str, str]:
    """Print the versions of everything a result depends on, and return them."""
    found = versions()
    width = max(map(len, found))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in found.items()))
    return found


def topics() -> tuple[str, ...]:
    """The words `cite` knows, in alphabetical order, the software first."""
    return ("qet", *sorted({topic for paper in (software(__version__), *PAPERS) for topic in paper.topics} - {"qet"}))


def cite(name: str | None = None) -> str:
    """BibTeX for the software, a model, a quantity, a bound or a literature entry.

    Args:
        name: What it is about, such as "minimal", "best", "iqc" or "yan2025", or a BibTeX key; None gives every entry.

    Raises:
        UnknownName: with the nearest name that is known.

    Example:
        >>> print(cite("minimal").splitlines()[0])
        @article{Hotta2010,
    """
    own = software(__version__)
    entries = [own, *PAPERS]
    if name is not None:
        entries = [entry for entry in entries if folded(name) in (*entry.topics, entry.key.lower())]
    if not entries:
        keys = [paper.key for paper in PAPERS if paper.key.lower() not in topics()]
        raise unknown("topic to cite", name, (*topics(), *keys))
    return "\n\n".join(entry.bibtex() for entry in entries)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
