"""Cost of an installation: the time to import the package, and the size of it and of all that came with it.

Rule of this file: the standard library alone, so that it runs in an environment that has nothing else.
``python -I tests/benchmarks/installed.py`` by the environment's own interpreter.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

TIMED = "import time; began = time.perf_counter(); import fh_notebook; print((time.perf_counter() - began) * 1000)"


def megabytes(package: Distribution) -> float:
    """Return the size of the files of an installed package, but for what Python has compiled of them or would."""
    files = [Path(str(package.locate_file(file))) for file in package.files or () if file.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def main() -> None:
    runs = [subprocess.run([sys.executable, "-I", "-c", TIMED], capture_output=True, check=True) for _ in range(5)]
    print(f"import fh_notebook: {min(float(run.stdout) for run in runs):.0f} ms (the best of 5 processes)")
    sizes = {package.metadata["Name"]: megabytes(package) for package in distributions()}
    sizes.pop("pip", None)
    print(f"fh-notebook: {sizes['fh-notebook']:.1f} MB; with all dependencies: {sum(sizes.values()):.0f} MB")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:8]:
        print(f"  {name}: {size:.1f} MB")


if __name__ == "__main__":
    main()
