"""What is loaded when: the front door nothing heavy, the way to the first number NumPy alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "clarabel", "cvxpy", "h5netcdf", "h5py", "matplotlib", "numba", "pandas", "pydantic", "qutip", "rich", "scipy",
    "typer", "xarray", "zarr",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Top-level names in sys.modules after running the code in a fresh interpreter."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_front_door_loads_no_package_at_all():
    loaded = loaded_by("import qet")
    assert "qet" in loaded
    assert loaded & (HEAVY | {"numpy"}) == set()


@pytest.mark.parametrize(
    "code",
    [
        "import qet; qet.teleport(qet.ground(qet.minimal())).extracted",
        "import qet; qet.teleport(qet.gibbs(qet.minimal(k=[0.2, 0.5]), T=0.3)).extracted",
    ],
)
def test_the_way_to_the_first_number_loads_numpy_alone(code):
    loaded = loaded_by(code)
    assert "numpy" in loaded
    assert loaded & HEAVY == set()


def test_the_help_of_the_command_line_loads_no_numerical_package():
    loaded = loaded_by(
        "import sys\nfrom qet.interfaces.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    )
    assert loaded & {"numpy", "scipy", "xarray", "matplotlib", "pandas"} == set()


def test_a_mistyped_public_word_is_answered_with_the_nearest():
    import qet

    with pytest.raises(AttributeError, match="did you mean 'teleport'"):
        qet.telport  # noqa: B018


def test_every_public_word_is_listed_once():
    import qet

    assert len(qet.__all__) == len(set(qet.__all__))
    assert set(qet.__all__) <= set(dir(qet))


def test_every_public_word_loads():
    import qet

    assert [word for word in qet.__all__ if getattr(qet, word, None) is None] == []
