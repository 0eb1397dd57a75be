"""Without scipy or matplotlib: what can be done is done, and the rest names its cure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import environment

PROGRAM = """
import sys
import pandas as pd, fh_notebook as fh
answers = pd.DataFrame({"row": [*range(12)] * 2, "variant": ["a"] * 12 + ["b"] * 12, "s": [0, 1] * 6 + [1] * 12})
cmp = fh.compare(answers, score="s")
cmp.wide()
assert not {"scipy", "matplotlib"} & set(sys.modules)
numbers = fh.compare(answers.assign(s=answers["s"] * 0.3), score="s")
cmp.summary(), cmp.pairs(), cmp.verdict, numbers.summary()
assert "scipy.special" in sys.modules
assert not {"scipy.stats", "scipy.optimize", "matplotlib"} & set(sys.modules)
assert cmp.plot("scores").alt
assert "matplotlib.figure" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""


@pytest.mark.long
def test_comparing_imports_no_heavy_library_before_it_is_needed(tmp_path: Path) -> None:
    """Tables of rows load no scipy; a summary, its verdict and McNemar's test load scipy.special, and no scipy.stats; a
    figure loads matplotlib, and no pyplot."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment.for_process(tmp_path),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
