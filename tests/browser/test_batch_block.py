"""Blocks of batches that have ended, or run elsewhere, used by mouse alone and by keys alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.effort import Effort
from tests.browser.form_page import cut_off
from tests.lab import Lab
from tests.notebook.paced_hive import PacedHive

pytestmark = pytest.mark.browser

SETUP = (
    "%load_ext fh_notebook\nimport fh_notebook as fh\n"
    "fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')\n"
    "rows = [{{'text': ('bad ' if i % 9 == 4 else '') + str(i)}} for i in range(20)]"
)
RUN = "batch = fh.batch(rows, 'paced', variants='v', name='triage', progress=False)"
BACKGROUND = "batch = fh.batch(rows, 'paced', variants='v', name='triage', max_concurrency=4, wait=False)"
FAILED = 2


_LOOKS = """all => all.map(one => {
    const {height, borderRadius, fontSize, borderTopWidth} = getComputedStyle(one);
    return [one.textContent.trim(), [height, borderRadius, fontSize, borderTopWidth].join()];
})"""
"""The words and the look of buttons."""


def _ended(lab: Lab) -> Locator:
    """Show a batch of which two rows failed, and return its block."""
    lab.run(1)
    here = lab.run(2)
    expect(here.get_by_role("button", name="Browse")).to_be_visible()
    return here


def _calls(lab: Lab, index: int) -> int:
    said = re.search(r"calls=(\d+)", lab.read(lab.run(index), r"calls=\d+"))
    assert said
    return int(said[1])


@pytest.mark.long
def test_each_button_shows_its_result_where_it_was_clicked(lab: Lab, paced_hive: PacedHive) -> None:
    """One click each, and what it shows is in sight: the rows of an error, the table, the file; and Close takes it away.

    The block of a cell over rows is that of its start, so the cell ends with one. By keys alone, Retry says how many
    calls it makes, makes just these, once; the focus stays in the block, and the cell its own.
    """
    with paced_hive.serve() as server:
        over_rows = '%%fetchhive paced -v v --over rows --out runs\ntext: "{{ row.text }}"'
        lab.open(SETUP.format(url=server.url), RUN, "batch", "batch.counts", over_rows)
        lab.run(0)
        lab.start(4)
        here = lab.output(4)
        here.locator("button.fh-cancel").wait_for()
        paced_hive.ended.set()
        expect(here.get_by_role("button", name="Browse")).to_be_visible()
        lab.wait_idle()
        expect(here.get_by_role("button", name="Browse")).to_have_count(1)
        expect(here.get_by_text("18 completed").locator("visible=true")).to_have_count(1)

        here = _ended(lab)
        effort = Effort(lab.page)
        assert here.get_by_role("button").all_inner_texts().count("Compare variants") == 0  # there is one variant
        effort.click(here.get_by_role("button", name="Show").first)
        below = here.locator(".fh-below")
        expect(below.locator("tbody tr")).to_have_count(2)  # messages that differ by a value are one error
        effort.look_at(below.get_by_text("is not to be had").first)
        effort.click(here.get_by_role("button", name="Browse"))
        expect(below.locator(".fh-browse")).to_be_visible()
        effort.look_at(below.locator(".fhb-status").filter(has_text="20 rows"))
        looks = here.locator("button:not(.fhb-chip, .fh-o *, thead *)").locator("visible=true").evaluate_all(_LOOKS)
        assert {"Show", "Retry (2 calls)", "Browse answers", "Close", "›"} <= {name for name, _ in looks}
        assert len({look for _, look in looks}) == 1, looks
        effort.click(here.get_by_role("button", name="Save to a file"))
        effort.click(below.get_by_role("button", name="Save the file"))
        expect(below).to_contain_text("Saved triage.csv: 20 rows")
        effort.click(below.get_by_role("button", name="Save the file"))
        expect(below).to_contain_text("already exists (")
        below.get_by_label("Format").select_option("Parquet")
        expect(below.get_by_label("File")).to_have_value("triage.parquet")
        effort.click(below.get_by_role("button", name="Save the file"))
        expect(below).to_contain_text("Saved triage.parquet: 20 rows")
        effort.click(below.get_by_role("button", name="Close"))
        expect(below.get_by_role("button")).to_have_count(0)
        assert effort.clicks == 7
        assert effort.scrolls <= 1  # the table fills the window

        before = _calls(lab, 3)
        effort = Effort(lab.page)
        here.locator(".fh-live").click(position={"x": 2, "y": 2})
        retry = here.get_by_role("button", name="Retry (2 calls)").first
        effort.tab_to(retry)
        effort.press("Enter")
        expect(here).to_contain_text("Retried (2 calls): 0 of 2 rows completed, 2 still failed.")
        inside = "block => block.contains(document.activeElement) && document.activeElement !== document.body"
        assert here.locator(".fh-own-keys").evaluate(inside)
        effort.press("d")
        effort.press("d")
        save = here.get_by_role("button", name="Save to a file")
        effort.tab_to(save)
        effort.press("Enter")
        expect(here.get_by_label("File")).to_be_focused()
        expect(here.get_by_label("File")).to_have_css("outline-style", "solid")
        effort.press("Enter")
        expect(here.locator(".fh-below")).to_contain_text(re.compile("Saved triage.csv|already exists"))
        assert effort.clicks == 0
        assert effort.keys <= 14
        assert _calls(lab, 3) == before + 2
    assert (lab.server.root / "triage.csv").is_file()
    assert (lab.server.root / "triage.parquet").is_file()
    assert lab.errors == []


@pytest.mark.long
def test_a_running_batch_is_live_in_another_cell_and_after_a_reload(lab: Lab, paced_hive: PacedHive) -> None:
    """As a cell's value and by `watch()`: each shows what comes in, can pause it, and goes on when the page is new."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), BACKGROUND, "batch", "batch.watch()")
        lab.run(0)
        lab.run(1)
        paced_hive.wait_for(4)
        lab.run(2)
        lab.run(3)
        for index in (2, 3):
            lab.output(index).locator("button.fh-pause").wait_for()
        paced_hive.let_go(6)
        for index in (1, 2, 3):
            lab.expect_text(lab.output(index).locator(".fh-live"), "5 of 20 completed, 1 failed")
        lab.output(3).locator("button.fh-pause").click()
        for index in (1, 2, 3):
            expect(lab.output(index).locator("button.fh-pause")).to_have_text("Continue")
        lab.save()
        lab.page.reload(wait_until="domcontentloaded")
        lab.page.locator(".jp-Notebook").wait_for()
        lab.output(2).locator("button.fh-pause").click()
        paced_hive.ended.set()
        for index in (1, 2, 3):
            expect(lab.output(index).get_by_role("button", name="Browse")).to_be_visible()
            expect(lab.output(index).get_by_text("18 completed").locator("visible=true")).to_have_count(1)
    assert lab.errors == []


@pytest.mark.long
def test_a_running_batch_is_paused_and_cancelled_by_keys_alone(lab: Lab, paced_hive: PacedHive) -> None:
    """From the cell that was run, Shift+Tab leads to its buttons; what is pressed keeps the focus in the block."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), BACKGROUND, "'the next cell'")
        lab.run(0)
        lab.run(1)
        paced_hive.wait_for(4)
        here = lab.output(1)
        pause = here.locator("button.fh-pause")
        pause.wait_for()
        effort = Effort(lab.page)
        effort.tab_to(pause, back=True)
        effort.press("Enter")
        expect(pause).to_have_text("Continue")
        expect(pause).to_be_focused()
        effort.press("Tab")
        expect(here.locator("button.fh-cancel")).to_be_focused()
        effort.press("Space")
        expect(here.get_by_role("button", name="Browse")).to_be_visible()
        assert here.locator(".fh-own-keys").evaluate("block => block.contains(document.activeElement)")
        assert effort.clicks == 0
        assert effort.keys <= 24  # most of them pass the toolbar of the next cell
    assert lab.errors == []


@pytest.mark.long
def test_a_block_is_whole_at_every_width(lab: Lab, paced_hive: PacedHive) -> None:
    """Nothing is cut off, in either theme; what is saved has code in place of buttons."""
    with paced_hive.serve() as server:
        paced_hive.ended.set()
        lab.open(SETUP.format(url=server.url), RUN, "batch")
        lab.run(0)
        here = _ended(lab)
        here.get_by_role("button", name="Save to a file").click()
        here.get_by_label("File").wait_for()
        for look in lab.looks(height=900, widths=(1600, 800, 400)):
            lab.screenshot(f"batch-ended-{look}")
            assert cut_off(here, ".fh-live, .fh-act, button, .fh-badge") == [], look
    lab.save()
    saved = (lab.server.root / lab.name).read_text()
    assert "data-act" not in saved
    assert ".retry_failed(error=" in saved.replace("<wbr>", "")
