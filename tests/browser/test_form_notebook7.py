"""A form in Notebook 7, whose page is another than JupyterLab's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.form_page import pictures, setup
from tests.lab import Lab
from tests.notebook.forms.form_hive import FormHive

pytestmark = pytest.mark.browser


@pytest.fixture
def hive() -> Iterator[FormHive]:
    """Of the test's process."""
    hive = FormHive()
    yield hive
    hive.hold.set()


@pytest.mark.long
def test_a_form_is_run_and_cancelled(lab: Lab, hive: FormHive) -> None:
    """Typed into, run, cancelled while a cell runs; the next cell has what came."""
    lab.place = "notebooks"
    with hive.serve() as server:
        lab.open(
            setup(server.url),
            "form = fh.form(reply, values={'ticket': 'Late.'})\nform",
            "import time\nwhile not (form._core.newest and form._core.newest.stopped):\n    time.sleep(0.05)",
            "form.run.output",
        )
        lab.run(0)
        of_its_own = list(lab.errors)  # Notebook 7.6 has one, on an empty page too
        form = lab.run(1).locator(".fh-panel")
        form.locator("textarea").first.fill("I was charged twice.")
        lab.start(2)
        form.locator("button.fh-run").click()
        hive.wait_for(1)
        expect(form.locator(".fh-progress")).to_contain_text("1 of 2 completed")
        form.locator("button.fh-cancel").click()
        expect(form.locator(".fh-results .fh-badge").filter(has_text="cancelled")).to_have_count(1)  # not "not sent"
        lab.expect_text(lab.run(3), "Dear customer, I was charged twice.")
        pictures(lab, "notebook7", form)
        # What Notebook 7 does to outputs of more than some 100 lines, by itself.
        lab.cell(1).evaluate("cell => cell.classList.add('jp-mod-outputsScrolled')")
        heights = "form => [form.getBoundingClientRect().height, form.closest('.jp-Cell-outputArea').clientHeight]"
        needed, given = form.evaluate(heights)
        assert given >= needed
    assert lab.errors == of_its_own
    assert lab.external == []
