"""`python -m qet` is the command `qet`."""

from __future__ import annotations

import sys

from qet.interfaces.cli import main

if __name__ == "__main__":
    sys.exit(main())
