"""Speed, measured: `python -m benchmarks` for the quick set, `--all` for everything."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy is loaded: every figure is for one core
    os.environ[_name] = "1"
