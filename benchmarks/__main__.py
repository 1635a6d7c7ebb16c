"""`python -m benchmarks [--all] [NAME ...]`."""

import sys

from benchmarks.run import main

sys.exit(main())
