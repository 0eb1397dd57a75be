"""Blind rating in Notebook 7, and served as an app by Voila; on a scale and by labels."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.rate_page import KEPT, NAMES, pictures, setup, wait_until_saved
from tests.lab import PATIENCE_MS, Lab, picture_folder, save_picture
from tests.voila import run_voila

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.mark.long
def test_in_notebook_7_while_a_cell_runs(lab: Lab) -> None:
    """Keys count while the kernel is busy with another cell, as with a batch that is waited for."""
    lab.place = "notebooks"
    lab.open(
        setup(30),
        "rater = cmp.rate(rater='ben', scale=5, rows=10)\nrater",
        "import time\nwhile rater.session.rated < 12:\n    time.sleep(0.05)",
        KEPT.replace('"t" if x.choice', 'x.choice if x.choice.isdigit() else "t" if x.choice'),
    )
    lab.run(0)
    of_its_own = list(lab.errors)  # Notebook 7.6 has one, on an empty page too
    rating = lab.run(1).locator(".fh-rate")
    expect(rating).to_contain_text("0 of 20")
    lab.start(2)
    rating.click(position={"x": 5, "y": 5})
    for key in "345123451267":  # a scale to 5 has no 6 and no 7
        lab.page.keyboard.press(key)
    wait_until_saved(rating, 10)
    pictures(lab, "scale", rating)
    rating.click(position={"x": 5, "y": 5})
    for key in "11":
        lab.page.keyboard.press(key)
    wait_until_saved(rating, 12)
    lab.page.evaluate("() => window.fhRun")
    lab.expect_text(lab.run(3), r'\[12, 12, \\?"345123451211')
    assert lab.errors == of_its_own
    assert lab.external == []


@pytest.mark.long
def test_a_tab_that_is_closed_loses_no_key_and_two_people_rate_at_once(lab: Lab) -> None:
    """What a closed tab had not yet sent is sent by the next one; a second person's tab counts its own."""
    agreement = "cmp = fh.compare(frame, score='s')\nprint(cmp.ratings().frame.groupby('rater').size().to_dict(), cmp.agreement())"
    cells = [setup(8), "frame = pd.DataFrame(lines)\ncmp.rate(rater={rater!r})", agreement]

    def opened(rater: str) -> tuple[Lab, Locator]:
        tab = Lab(lab.page.context.new_page(), lab.server, lab.shots)
        tab.open(*(cell.format(rater=rater) if "rater!r" in cell else cell for cell in cells))
        tab.run(0)
        rating = tab.run(1).locator(".fh-rate")
        expect(rating.locator(".fh-rate-name").first).to_be_visible()
        rating.click(position={"x": 5, "y": 5})
        return tab, rating

    first, _ = opened("dora")
    first.page.evaluate(
        "() => { const set = Storage.prototype.setItem;"
        "Storage.prototype.setItem = function (key, value) { window.slot = key; set.call(this, key, value); }; }"
    )
    for key in "12t":
        first.page.keyboard.press(key)
    # One that cannot be read, before the tab's own: it keeps nobody from the keys behind it, and goes.
    first.page.evaluate("() => localStorage.setItem(window.slot.replace(/:[^:]*$/, ':!'), '{')")
    first.page.close()  # at once: whether they were sent is a matter of luck
    (tab, rating), (other, of_other) = opened("dora"), opened("emil")
    wait_until_saved(rating, 3)
    assert not tab.page.evaluate("() => Object.keys(localStorage).some(key => key.endsWith(':!'))")
    for key in "121":  # the two take turns
        tab.page.keyboard.press(key)
        other.page.keyboard.press("1")
    wait_until_saved(rating, 6)
    wait_until_saved(of_other, 3)
    lab.expect_text(tab.run(2), r"'dora': 6, 'emil': 3")
    lab.expect_text(tab.output(2), "dora.*emil")
    for one in (tab, other):
        assert (one.errors, one.external) == ([], [])


@pytest.mark.long
def test_as_an_app_of_voila(browser: Browser, tmp_path: Path) -> None:
    """Its visitor rates by labels; nothing else is there, and no name."""
    notebook = tmp_path / "rate.ipynb"
    cells = [setup(6), "rater = cmp.rate(rater='clara', labels=['helpful', 'rude', 'wrong'], rows=3)\nrater"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, notebook)
    with run_voila(notebook) as url:
        page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        rating = page.locator(".fh-rate")
        expect(rating).to_contain_text("0 of 6")
        rating.click(position={"x": 5, "y": 5})
        for key in "1231":
            page.keyboard.press(key)
        wait_until_saved(rating, 4)
        save_picture(page, picture_folder(), "rate-voila", full_page=True)
        expect(page.locator(".fh-rate-static")).to_be_hidden()
        assert not any(name in page.content() for name in NAMES)
        page.context.close()
