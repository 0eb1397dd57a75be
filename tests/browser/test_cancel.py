"""Cancel in JupyterLab, clicked as a person clicks, while the cell blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.effort import Effort
from tests.lab import Lab
from tests.notebook.slow_hive import SlowHive

pytestmark = pytest.mark.browser

SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')"


_PLACES = """all => all.filter(one => one.checkVisibility()).map(one => {
    const {left, top, width} = one.getBoundingClientRect(), output = one.closest('.jp-OutputArea').getBoundingClientRect();
    const name = ['fh-badge', 'fh-o', 'fh-line'].find(name => one.classList.contains(name));
    return [name, Math.round(left - output.left), Math.round(top - output.top), name === 'fh-badge' ? 0 : Math.round(width)];
})"""
"""Where what is seen lies in the output; a badge is as wide as its word."""


@pytest.fixture
def hive() -> Iterator[SlowHive]:
    """It counts what the kernel calls."""
    hive = SlowHive()
    yield hive
    hive.hold.set()


@pytest.mark.long
def test_cancel_ends_a_cell_and_a_batch_and_leaves_nothing(lab: Lab, hive: SlowHive) -> None:
    """The button comes in sight, one click ends what blocks, what came is kept, and the button is in neither page nor file."""
    with hive.serve() as server:
        lab.open(
            SETUP.format(url=server.url),
            "%%fetchhive echo -v plain -v slow --out runs\ntext: hi",
            "b = fh.batch([{'text': str(i)} for i in range(4)], 'echo', variants=['plain', 'slow'], max_concurrency=2)\nb.counts",
            "%%fetchhive echo -v slow\ntext: quick enough",
            "'the kernel is there'",
        )
        lab.run(0)
        lab.start(1)
        button = lab.output(1).locator("button.fh-cancel")
        button.wait_for()
        assert button.evaluate("button => button.getBoundingClientRect().width") < 100  # as wide as its word
        for theme in lab.themes():
            lab.screenshot(f"cancel-{theme}")
        effort = Effort(lab.page)
        effort.click(button)
        lab.expect_text(
            lab.output(1), r"Stopped: the call in progress may have run.*1 of 2 answers arrived before and are saved"
        )
        assert (effort.clicks, effort.scrolls) == (1, 0)
        expect(lab.output(1).locator("button.fh-cancel")).to_have_count(0)
        hive.wait_for(1)

        lab.start(2)
        hive.wait_for(2)
        lab.output(2).locator("button.fh-cancel").wait_for()
        lab.screenshot("cancel-batch")
        lab.output(2).locator("button.fh-cancel").click()
        lab.expect_text(lab.output(2), r"planned=8, done=2, failed=0, unknown=2, pending=4")

        lab.start(3)
        lab.output(3).locator("button.fh-cancel").wait_for()
        hive.hold.set()
        lab.expect_text(lab.output(3), r"completed.*quick enough")
        lab.expect_text(lab.run(4), r"the kernel is there")
        lab.screenshot("cancel-after")
        lab.expect_no_gap(lab.page.locator(".jp-Notebook"))
    assert lab.errors == []
    lab.save()
    saved = nbformat.read(lab.server.root / lab.name, as_version=4)
    nbformat.validate(saved)
    text = (lab.server.root / lab.name).read_text()
    for trace in ("fh-cancel", "use Stop"):
        assert trace not in text
    # Those of cells have a widget that serves Copy, that of the batch has what can be done next.
    assert ["widget-view" in str(cell.outputs) for cell in saved.cells[1:4]] == [True, True, True]


@pytest.mark.long
def test_a_running_cell_is_cancelled_by_keys_and_its_columns_are_filled(lab: Lab, hive: SlowHive) -> None:
    """Shift+Tab and Enter end it. Run again: waiting, running with its time, answered.

    At the end HTML is left in its place, and nothing of it moves but below a head that says how its answer compares.
    """
    with hive.serve() as server:
        lab.open(
            SETUP.format(url=server.url),
            '%%fetchhive echo -v plain -v slow\ntext: \'{"label": "late"}\'',
            "'the next cell'",
        )
        lab.run(0)
        lab.start(1)
        button = lab.output(1).locator("button.fh-cancel")
        button.wait_for()
        hive.wait_for(1)
        effort = Effort(lab.page)
        effort.tab_to(button, back=True)
        effort.press("Enter")
        lab.expect_text(lab.output(1), r"Stopped: the call in progress may have run.*1 of 2 answers arrived before")
        assert (effort.clicks, effort.scrolls) == (0, 0)
        assert effort.keys <= 24  # most of them pass the toolbar of the next cell

        lab.start(1)
        output = lab.output(1)
        output.locator(".fh-cancel").wait_for()
        hive.wait_for(1)
        columns = output.locator(".fh-column")
        expect(columns).to_have_count(2)
        expect(columns.nth(0)).to_contain_text("said")
        expect(columns.nth(1)).to_contain_text(re.compile(r"running\s*slow\s*[1-9]\.\d s"))
        for theme in ("light", "dark"):
            lab.theme(theme)
            lab.screenshot(f"cell-running-{theme}", of=output)
        running = output.locator(".fh-badge, .fh-o, .fh-line").evaluate_all(_PLACES)
        assert [name for name, *_ in running] == ["fh-line", "fh-badge", "fh-o", "fh-badge"]
        hive.hold.set()
        expect(output.locator(".fh-card")).to_have_count(2)
        expect(output.locator(".fh-card").nth(1)).to_contain_text("completed")
        expect(output.locator(".fh-column, .fh-cancel")).to_have_count(0)
        ended = output.locator(".fh-badge, .fh-o, .fh-line").evaluate_all(_PLACES)[:4]
        assert [*ended[:2], ended[3]] == [*running[:2], running[3]]
        assert 0 <= ended[2][2] - running[2][2] <= 30  # the first answer alone moves
        assert [(name, left, width) for name, left, _, width in ended] == [(n, x, wide) for n, x, _, wide in running]
        expect(output.locator(".fh-line")).to_have_text(re.compile(r"^2 of 2 completed; \d.* from start to end"))
        output.locator(".fh-card").nth(1).get_by_role("radio", name="Text").click()
        expect(output.locator(".fh-card").nth(1).locator(".fh-as-text")).to_be_visible()
        lab.screenshot("cell-answered", of=output)
    assert lab.errors == []
    lab.save()
    saved = nbformat.read(lab.server.root / lab.name, as_version=4)
    shown = [output for output in saved.cells[1].outputs if output["data"].get("text/plain")]
    assert len(shown) == 1
    assert "echo/slow: completed" in shown[0]["data"]["text/plain"]
