"""Expected outputs that are corrected on a page: in an opened row and while rating, by mouse alone and by keys alone."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.browser.contrast import faint
from tests.lab import Lab

pytestmark = pytest.mark.browser

SETUP: Final = """
import fh_notebook as fh
hive = fh.local.LocalHive()
hive.workflow("triage", variant="good")(lambda ticket: "billing")
hive.workflow("triage", variant="bad")(lambda ticket: "other")
evil = "<img src=x onerror='window.evil=1'>"
rows = [{"ticket": f"Ticket {n}: charged twice", "expected_output": evil if n == 1 else "other"} for n in range(6)]
batch = fh.batch(rows, "triage", variants=["good", "bad"], client=hive.client(), progress=False)
cmp = fh.compare(batch)
"""
SAID: Final = "cmp.corrections()[['row', 'replaced', 'expected', 'note']].to_json(orient='values')"


@pytest.mark.long
def test_an_opened_row_is_corrected_by_keys_and_by_mouse(lab: Lab) -> None:
    """The table marks the row, scores it anew, and keeps the focus; nothing that was typed runs as HTML."""
    lab.resize(1400, 1000)
    lab.open(SETUP, "cmp.browse()", SAID)
    lab.run(0)
    table = lab.run(1).locator(".fhb")
    keys, detail = lab.page.keyboard, table.locator(".fhb-detail")
    form = detail.locator(".fh-correct form")
    grid = table.get_by_role("treegrid")
    grid.focus()
    keys.press("Enter")
    expect(detail).to_be_focused()
    keys.press("c")
    expect(form.get_by_label("Expected output")).to_be_focused()
    keys.type("n /bc")  # keys of the table, which are letters here
    keys.press("Escape")
    expect(form).to_be_hidden()
    expect(detail).to_be_focused()
    keys.press("c")
    keys.type("billing")
    keys.press("Tab")
    keys.type("charged <b>twice</b>")
    keys.press("Enter")
    expect(form).to_be_hidden()
    expect(detail.get_by_text("Saved", exact=True)).to_be_visible()
    row = table.locator("[role=row][data-row='0']")
    expect(row.locator("[data-name=expected]")).to_have_text("billingcorrected from other")
    expect(row.locator("[data-name=good]")).to_contain_text("right")
    expect(detail.locator(".fhb-own")).to_contain_text("from other by ")
    expect(detail.locator(".fhb-own")).to_contain_text("charged <b>twice</b>")
    expect(detail).to_be_focused()

    # By mouse alone, the hostile row; what is not right is told, and the text stays.
    table.locator("[role=row][data-row='1'] [role=rowheader]").click()
    detail.get_by_role("button", name="Edit expected output").click()
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("there is nothing to correct")
    for look in lab.looks(height=1000, widths=(400, 1400)):
        form.scroll_into_view_if_needed()
        lab.screenshot(f"correct-browse-{look}", of=table)
        assert form.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), look
        assert faint(form) == [], look
    form.get_by_label("Expected output").fill("other")
    form.get_by_role("button", name="Save").click()
    expect(table.locator("[role=row][data-row='1'] [data-name=expected]")).to_contain_text("othercorrected from <img")
    detail.get_by_role("button", name="Change the correction").click()
    form.get_by_role("button", name="Undo the correction").click()
    expect(table.locator(".fhb-corrected")).to_have_count(1)
    assert lab.page.evaluate("() => window.evil") is None
    said = lab.run(2)
    expect(said).to_contain_text('[[0,"other","billing","charged <b>twice<\\\\/b>"]]')


@pytest.mark.long
def test_a_rating_goes_on_after_a_correction_by_keys(lab: Lab) -> None:
    """What is typed is no rating; the reference is marked, and the next key rates."""
    lab.resize(1200, 1000)
    elsewhere = "cmp.correct(rating.session.items[1].row, expected='refund') and None"
    lab.open(SETUP, "rating = cmp.rate(rater='anna')\nrating", SAID, elsewhere)
    lab.run(0)
    rating = lab.run(1).locator(".fh-rate")
    expect(rating).to_contain_text("0 of 6")
    rating.click(position={"x": 5, "y": 5})
    keys, form = lab.page.keyboard, rating.locator(".fh-correct form")
    keys.press("c")
    expect(form.get_by_label("Expected output")).to_be_focused()
    keys.type("12 stu")
    keys.press("Escape")
    expect(form).to_be_hidden()
    expect(rating).to_contain_text("0 of 6")
    for look in lab.looks(height=1000):
        keys.press("c")
        lab.screenshot(f"correct-rate-{look}", of=rating)
        keys.press("Escape")
    keys.press("c")
    keys.type("billing")
    keys.press("Enter")
    expect(rating.locator(".fh-rate-about")).to_contain_text(re.compile(r"billing \(corrected from"))
    expect(form).to_be_hidden()
    keys.press("1")
    expect(rating).to_contain_text("1 of 6")
    expect(rating).to_have_attribute("data-saved", "yes")
    expect(lab.run(2)).to_contain_text('"billing",""')
    lab.run(3)
    expect(rating.locator(".fh-rate-about")).to_contain_text("refund (corrected from")


SLOW = f"""{SETUP}
import threading
go_on = threading.Event()
go_on.set()
hive.workflow("grade", variant="v")(lambda output, expected="": float(output == expected) if go_on.wait(180) else None)
cmp = fh.compare(batch, score=fh.score.judge("grade", variant="v", client=hive.client(), progress=False))
go_on.clear()
"""


@pytest.mark.long
def test_the_answer_of_save_goes_to_its_own_row(lab: Lab) -> None:
    """Which is not open any more; what is typed in another row stays, and another page hears of the correction."""
    lab.resize(1400, 1000)
    lab.open(SLOW, "cmp.browse()", "cmp.browse()", "go_on.set()")
    lab.run(0)
    table, other = lab.run(1).locator(".fhb"), lab.run(2).locator(".fhb")
    keys, detail = lab.page.keyboard, table.locator(".fhb-detail")
    form, row = detail.locator(".fh-correct form"), table.locator("[role=row][data-row='0']")
    value = form.get_by_label("Expected output")
    row.get_by_role("rowheader").click()
    detail.get_by_role("button", name="Edit expected output").click()
    value.fill("billing")
    keys.press("Enter")
    expect(form.get_by_role("button", name="Saving…")).to_be_disabled()
    table.locator("[role=row][data-row='2']").get_by_role("rowheader").click()
    expect(form).to_be_hidden()
    detail.get_by_role("button", name="Edit expected output").click()
    value.fill("a draft")
    expect(row.locator("[data-name=expected]")).to_have_text("other")
    lab.run(3)
    for page in (table, other):
        expect(page.locator("[role=row][data-row='0'] [data-name=expected]")).to_have_text(
            "billingcorrected from other"
        )
    expect(value).to_have_value("a draft")
    expect(detail.get_by_text("Saved", exact=True)).to_have_count(0)
    expect(table.locator(".fhb-corrected")).to_have_count(1)
    row.get_by_role("rowheader").click()
    detail.get_by_role("button", name="Change the correction").click()
    expect(value).to_have_value("billing")
