"""Cost of importing the package and loading the extension, beside a bare interpreter and IPython alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
PROGRAMS = {
    "python": "pass",
    "import fh_notebook": "import fh_notebook",
    "IPython": SHELL,
    "IPython and %load_ext": f"{SHELL}; s.run_line_magic('load_ext', 'fh_notebook')",
}


def _seconds(program: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - begun


def main() -> None:
    took: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(9):  # interleaved, so that a busy moment hits all of them
        for name, program in PROGRAMS.items():
            took[name].append(_seconds(program))
    middle = {name: statistics.median(times) for name, times in took.items()}
    for name, seconds in middle.items():
        print(f"{name}: {seconds:.3f} s")
    print(f"import fh_notebook adds {middle['import fh_notebook'] - middle['python']:.3f} s")
    print(f"%load_ext adds {middle['IPython and %load_ext'] - middle['IPython']:.3f} s")
