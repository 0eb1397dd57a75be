"""Without matplotlib, what can be done is done, and the rest names its cure; libraries load at first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import environment

HIDE = """
import importlib.machinery as machinery, sys
hidden = {hidden!r}
find = machinery.PathFinder.find_spec.__func__
def find_spec(cls, name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(cls, name, path, target)
machinery.PathFinder.find_spec = classmethod(find_spec)
import pandas as pd, fh_notebook as fh
def raised(call):
    try:
        call()
    except fh.SettingsError as cure:
        return str(cure)
rows = range(12)
answers = pd.DataFrame({{"row": [*rows] * 2, "variant": ["a"] * 12 + ["b"] * 12, "s": [0, 1] * 6 + [1] * 12}})
"""

WITHOUT_PLOTS = """
cmp = fh.compare(answers, score="s")
assert raised(cmp.plot) == "plots need matplotlib: pip install 'fh-notebook[compare]'"
cmp.report("x.html")
page = open("x.html").read()
assert "Plots are left out: they need matplotlib (pip install &#x27;fh-notebook[compare]&#x27;)." in page, page[:2000]
assert "<h2>Summary</h2>" in page and "All 12 rows" in page
cmp.report("x.md")
assert cmp.verdict in open("x.md").read().replace("\\\\", "")
assert cmp._repr_html_()
"""


def test_what_is_not_installed_is_named_with_its_cure(tmp_path: Path) -> None:
    """A report leaves its plots out and says so; a plot is refused."""
    program = HIDE.format(hidden=["matplotlib"]) + WITHOUT_PLOTS
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment.for_process(tmp_path),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_comparing_imports_no_heavy_library_before_it_is_needed(tmp_path: Path) -> None:
    """Tables of rows load no scipy; a summary, its verdict and McNemar's test load scipy.special, and no scipy.stats."""
    program = (
        HIDE.format(hidden=[])
        + """
cmp = fh.compare(answers, score="s")
cmp.wide()
assert not {"scipy", "matplotlib"} & set(sys.modules)
numbers = fh.compare(answers.assign(s=answers["s"] * 0.3), score="s")
cmp.summary(), cmp.pairs(), cmp.verdict, numbers.summary()
assert "scipy.special" in sys.modules
assert not {"scipy.stats", "scipy.optimize", "matplotlib"} & set(sys.modules)
"""
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment.for_process(tmp_path),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
