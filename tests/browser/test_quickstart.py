"""The shipped quickstart, run from top to bottom in JupyterLab, as a newcomer does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.lab import Lab

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"


def test_the_quickstart_runs_and_is_readable(lab: Lab) -> None:
    """Run All: no error, no request that leaves this machine, nothing wider than the page; pictures of what is shown."""
    shutil.copy(NOTEBOOK, lab.server.root / "quickstart.ipynb")
    lab.resize(1200, 6000)  # tall, so that no cell is taken out of the page by JupyterLab's windowing
    lab.open(name="quickstart.ipynb")
    lab.run_all()
    lab.wait_idle()
    lab.expect_text(lab.page.locator(".jp-Notebook"), r"Comparison of 2 variants")
    assert lab.page.locator(".jp-Notebook [data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert lab.page.locator(".jp-Notebook [data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    for theme in ("light", "dark"):
        lab.theme(theme)
        lab.screenshot(f"quickstart-{theme}")
    for wide in lab.page.locator(".jp-OutputArea-output").all():
        assert wide.evaluate("e => e.scrollWidth <= e.clientWidth + 1 || getComputedStyle(e).overflowX !== 'visible'")
    assert lab.external == []
