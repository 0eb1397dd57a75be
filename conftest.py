"""Every test, and every example in a docstring, has a store and folders of its own: see tests/isolation.py."""

import sys
from pathlib import Path

# The helpers of the tests are imported as `tests.kernel`, whichever way pytest was started.
# What is in `tests/absent` takes the place of packages.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "tests" / "absent")]

pytest_plugins = ["tests.isolation"]
