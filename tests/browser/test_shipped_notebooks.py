"""The shipped notebooks, run from top to bottom in JupyterLab, as a newcomer does; and as they look before that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import notebooks
from tests.lab import Lab

pytestmark = pytest.mark.browser

FIRST = "01_quickstart"
ENDS = {FIRST: r"Comparison of 2 variants", "how_to_voila_app": r"I was charged twice"}
"""What is seen when all has run, where that is worth a sentence."""

_TOO_WIDE = """() => [...document.querySelectorAll(".jp-OutputArea-output")]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "visible")
    .map(e => e.textContent.slice(0, 80))"""


def _all() -> list[Any]:
    """The first one always; the others, some three seconds each, in the long tier."""
    return [pytest.param(f, id=f.stem, marks=() if f.stem == FIRST else pytest.mark.long) for f in notebooks.shipped()]


@pytest.mark.parametrize("file", _all())
def test_a_notebook_runs_and_is_readable(lab: Lab, file: Path) -> None:
    """Run All: no error, no request that leaves this machine, nothing wider than the page; pictures of what is shown."""
    _open(lab, file)
    lab.screenshot(f"{file.stem}-as-committed")
    lab.run_all()
    lab.wait_idle()
    lab.expect_text(lab.page.locator(".jp-Notebook"), ENDS.get(file.stem, r"\S"))
    for kind in ("error", "stderr"):
        found = lab.page.locator(f".jp-Notebook [data-mime-type='application/vnd.jupyter.{kind}']")
        assert found.all_inner_texts() == []
    for width, height in ((1600, 8000), (400, 16000)):  # tall: all of it is in the page
        lab.resize(width, height)
        for theme in lab.themes():
            lab.screenshot(f"{file.stem}-{width}-{theme}")
        assert lab.page.evaluate(_TOO_WIDE) == []
    assert lab.external == []
    assert lab.errors == []


def _open(lab: Lab, file: Path) -> None:
    """Open a copy in a folder of its own: what a notebook writes (a catalogue!) is not found from other tests'."""
    folder = lab.server.root / file.stem
    folder.mkdir(exist_ok=True)
    shutil.copy(file, folder)
    lab.resize(1200, 6000)  # tall, so that no cell is taken out of the page by JupyterLab's windowing
    lab.open(name=f"{file.stem}/{file.name}")
