"""The progress of a batch in JupyterLab, and what a person clicks under it."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.form_page import accessible, cut_off
from tests.lab import Lab
from tests.notebook.paced_hive import PacedHive

pytestmark = pytest.mark.browser

SETUP = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\n"
    "fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')\n"
    "rows = [{{'text': ('bad ' if i % 9 == 4 else '') + str(i)}} for i in range(80)]"
)
PILOT = "pilot = fh.batch(rows, 'paced', variants='v', name='triage', first=12, max_concurrency=4)"
BACKGROUND = "batch = fh.batch(rows, 'paced', variants='v', name='triage', wait=False{more})"


def _widths(bar: Locator) -> dict[str, float]:
    """How wide each part of the bar is on the screen, as a share of the bar; all at one moment of a live page."""
    widths: dict[str, float] | None = None
    while widths is None:  # a new bar has taken the place of the one that was found
        widths = bar.evaluate(
            """bar => bar.isConnected ? Object.fromEntries([...bar.querySelectorAll('span')].map(part => [
                part.className.replace(/^fh-bar-/, ''),
                part.getBoundingClientRect().width / bar.getBoundingClientRect().width])) : null"""
        )
    return widths


def _pictures(lab: Lab, name: str, of: Locator) -> None:
    """Save pictures of a cell, wide and narrow, in both themes, and check that nothing of it is cut off."""
    for look in lab.looks(height=900):
        lab.screenshot(f"{name}-{look}")
        parts = ".fh-progress, .fh-progress span, button, .fh-at-once"
        assert cut_off(of, parts) == [], (name, look)


@pytest.mark.long
def test_a_batch_in_the_background_is_paused_throttled_and_cancelled(lab: Lab, paced_hive: PacedHive) -> None:
    """Each click does what it says, at once; when all is over the page has buttons for what is next, the file code."""
    with paced_hive.serve() as server:
        lab.open(
            SETUP.format(url=server.url), PILOT, BACKGROUND.format(more=", max_concurrency=4"), "'the kernel is there'"
        )
        lab.run(0)
        paced_hive.let_go(12)
        lab.run(1)
        paced_hive.wait_for(12)
        lab.start(2)
        here = lab.output(2)
        paced_hive.wait_for(4)
        paced_hive.let_go(20)
        paced_hive.wait_for(20)
        lab.expect_text(here, r"28 of 80 completed, 4 failed, 48 pending .4 of them in progress.*12 reused.*calls/")
        here.locator("button.fh-pause").wait_for()
        widths = _widths(here.locator(".fh-live [role=progressbar]"))
        assert widths == pytest.approx({"reused": 12 / 80, "completed": 16 / 80, "failed": 4 / 80}, abs=0.02)
        _pictures(lab, "batch-running", here)

        here.locator("button.fh-pause").click()
        lab.expect_text(here, r"4 of them still in progress.*paused")
        paced_hive.let_go(4)
        lab.expect_text(here, r"44 pending.*paused")
        assert paced_hive.none_begins()
        lab.screenshot("batch-paused")
        expect(here.locator("button.fh-pause")).to_have_text("Continue")
        here.locator("button.fh-pause").click()
        paced_hive.wait_for(4)
        expect(here.locator("button.fh-pause")).to_have_text("Pause")

        named = [name for _, name in accessible(lab, here)]
        assert named == ["Pause", "Cancel", "Calls at once", "Automatic"]  # one thing shows the number
        number = here.get_by_label("Calls at once", exact=True)
        number.fill("6")
        number.press("Enter")
        lab.expect_text(here, r"6 of them in progress")
        paced_hive.wait_for(2)
        number.fill("16")
        number.press("Tab")
        lab.expect_text(here, r"16 of them in progress")
        paced_hive.wait_for(10)
        expect(number).to_have_value("16")
        here.locator("button.fh-adaptive").click()
        lab.expect_text(here.locator(".fh-adapts"), "automatic")
        expect(here.locator("button.fh-adaptive")).to_be_hidden()
        lab.expect_text(lab.run(3), "the kernel is there")

        here.locator("button.fh-cancel").click()
        lab.expect_text(here, r"unknown.*cancelled;")
        expect(here.get_by_role("button", name="Browse")).to_be_visible()
        expect(here.locator("button.fh-pause, button.fh-cancel, .fh-at-once")).to_have_count(0)
        _pictures(lab, "batch-cancelled", here)
        lab.expect_no_gap(here)
    assert lab.errors == []
    lab.save()
    saved = nbformat.read(lab.server.root / lab.name, as_version=4)
    nbformat.validate(saved)
    text = (lab.server.root / lab.name).read_text()
    for trace in ("fh-pause", "fh-cancel", "data-act", "Running in the background"):
        assert trace not in text
    shown = saved.cells[2].outputs[0].data
    assert "cancelled;" in shown["text/plain"]
    assert "cancelled;" in shown["text/html"]
    assert "batch.browse()" in shown["text/html"].replace("<wbr>", "")


@pytest.mark.long
def test_a_finished_batch_is_seen_in_a_notebook_that_is_not_trusted(lab: Lab, paced_hive: PacedHive) -> None:
    """Somebody else opens the saved file: the bar has its parts and its colours, without a style sheet."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), PILOT)
        lab.run(0)
        paced_hive.ended.set()
        lab.run(1)
        lab.expect_text(lab.output(1), r"Batch 'triage'.*11 completed.*1 failed.*12 calls")
    saved = lab.save_with(r"fh-bar-completed[^>]*11 completed")
    copy = saved.replace("pilot =", "somebody_elses =")
    (lab.server.root / "copy.ipynb").write_text(copy)
    lab.open(name="copy.ipynb")
    here = lab.output(1)
    lab.expect_text(here, r"Batch 'triage'.*11 completed.*1 failed.*12 calls")
    parts = here.locator(".fh-bar span")
    expect(parts).to_have_count(2)
    assert [part.get_attribute("title") for part in parts.all()] == ["11 completed", "1 failed"]
    assert here.locator("style").count() == 0
    assert _widths(here.locator(".fh-bar")) == pytest.approx({"completed": 11 / 12, "failed": 1 / 12}, abs=0.02)
    colours = parts.evaluate_all("parts => parts.map(part => getComputedStyle(part).backgroundColor)")
    assert colours == ["rgb(56, 142, 60)", "rgb(229, 57, 53)"]
    lab.screenshot("batch-not-trusted")
    assert lab.external == []
