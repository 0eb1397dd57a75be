"""Without scipy or matplotlib: what can be done is done, and the rest names its cure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
numbers = pd.DataFrame({{"row": [*rows] * 2, "variant": ["a"] * 12 + ["b"] * 12, "s": [x * 0.5 for x in range(24)]}})
answers = numbers.assign(s=[0, 1] * 6 + [1] * 12)
"""

WITHOUT_SCIPY = """
cmp = fh.compare(numbers, score="s")
assert cmp.summary()["mean"].tolist() == [2.75, 8.75]
assert raised(cmp.pairs) == "Wilcoxon's test needs scipy: pip install 'fh-notebook[compare]'", raised(cmp.pairs)
assert "not tested: that needs scipy (pip install 'fh-notebook[compare]')" in cmp.verdict, cmp.verdict
assert "b scores 8.75 and a 2.75 on 12 rows (better on 12, worse on 0" in cmp.verdict, cmp.verdict
assert cmp.leaderboard()["beats"].tolist() == ["", ""]
assert cmp.power()["n"].tolist() == [12]
assert cmp._repr_html_() and cmp.plot("differences").alt
assert "needs scipy" in raised(lambda: cmp.assert_better("b", than="a"))
assert fh.compare(answers, score="s").pairs()["test"].tolist() == ["mcnemar_exact"]
assert "scipy" not in sys.modules
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


@pytest.mark.parametrize(
    ("hidden", "script"),
    [
        (["scipy"], WITHOUT_SCIPY),
        pytest.param(["matplotlib"], WITHOUT_PLOTS, marks=pytest.mark.long),
        (["scipy", "matplotlib"], WITHOUT_PLOTS),
    ],
)
def test_what_is_not_installed_is_named_with_its_cure(tmp_path: Path, hidden: list[str], script: str) -> None:
    """A summary needs nothing; yes and no can be tested without scipy."""
    program = HIDE.format(hidden=hidden) + script
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment.for_process(tmp_path),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_comparing_imports_no_heavy_library_before_it_is_needed(tmp_path: Path) -> None:
    """A summary loads neither scipy nor matplotlib."""
    program = (
        HIDE.format(hidden=[])
        + """
cmp = fh.compare(answers, score="s")
cmp.summary(), cmp.wide()
assert not {"scipy", "matplotlib"} & set(sys.modules)
"""
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment.for_process(tmp_path),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
