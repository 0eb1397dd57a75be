"""Blind rating in JupyterLab: by keys, in both themes, narrow and wide, over a killed kernel, and blind."""

from __future__ import annotations

import html
import itertools
import re

import nbformat
import pytest
from playwright.sync_api import WebSocket, expect

from tests.browser.rate_page import HOSTILE, KEPT, NAMES, pictures, ratings_in, setup, wait_until_saved
from tests.lab import Lab

pytestmark = pytest.mark.browser

ROWS = 230
RATE = "rater = cmp.rate(rater='anna')\nrater"


def test_200_quick_keys_are_200_ratings_and_the_page_never_knows_whose(lab: Lab) -> None:
    """In their order, each once; kept, gone on with after a kill, and no name goes to the page before the end."""
    told: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived",
            lambda data: told.append(data if isinstance(data, str) else data.decode("utf-8", "replace")),
        )

    lab.page.on("websocket", listen)
    lab.open(setup(ROWS), RATE, KEPT.format(rater="anna"), "import os\nos.kill(os.getpid(), 9)")
    lab.run(0)
    rating = lab.run(1).locator(".fh-rate")
    expect(rating).to_contain_text("0 of 230")
    pictures(lab, "first", rating)
    rating.click(position={"x": 5, "y": 5})
    keys = "".join(itertools.islice(itertools.cycle("1212t1"), 200))
    for key in keys:
        lab.page.keyboard.press(key)
    wait_until_saved(rating, 200)
    assert ratings_in(lab, 2) == (200, 200, keys)

    # Taken back, skipped, and by the mouse.
    rating.click(position={"x": 5, "y": 5})
    for key in "uu0s":
        lab.page.keyboard.press(key)
    rating.locator("button.fh-rate-1").click()
    wait_until_saved(rating, 201)
    expect(rating).to_contain_text("201 of 230 rated, 1 skipped")
    assert ratings_in(lab, 2) == (201, 201, keys[:198] + "ts1")
    assert lab.page.evaluate("() => document.querySelectorAll('.jp-Cell').length") == 4  # no key was a command

    # What is saved says how far it is, and not whose an output is.
    expect(lab.output(1).locator(".fh-rate-static")).to_be_hidden()
    lab.expect_text(lab.output(1).locator(".fh-rate-static"), "200 of 230 pairs rated, 1 skipped")
    lab.save()
    saved = (lab.server.root / lab.name).read_text()
    assert "29 to go: run this cell to go on" in saved
    assert not any(name in text for name in NAMES for text in (saved, lab.page.content(), *told))

    # A kernel that is killed takes nothing along, not even the keys that were on their way.
    lab.page.keyboard.press("1")
    rating.click(position={"x": 5, "y": 5})
    for key in "12121":
        lab.page.keyboard.press(key)
    lab.start(3)
    lab.page.locator(".jp-Dialog button.jp-mod-accept").click()  # it has died, and is started again
    lab.wait_idle()
    for cell in (0, 1):
        lab.run(cell)
    rating = lab.output(1).locator(".fh-rate")
    wait_until_saved(rating, 206)

    # The end: what they were, and only now.
    assert not any(name in text for name in NAMES for text in told)
    rating.click(position={"x": 5, "y": 5})
    for _ in range(24):
        lab.page.keyboard.press("2")
    wait_until_saved(rating, 230)
    pictures(lab, "end", rating)
    rating.click(position={"x": 5, "y": 5})
    lab.page.keyboard.press("r")
    expect(rating.locator(".fh-rate-told")).to_contain_text(re.compile(rf"{NAMES[0]}|{NAMES[1]}"))
    pictures(lab, "result", rating)
    assert lab.page.title() != "owned"
    assert HOSTILE.replace("\\", "") in html.unescape("".join(told)).replace('\\"', '"')  # it was shown
    lab.save()
    notebook = nbformat.read(lab.server.root / lab.name, as_version=4)
    assert not any(name in nbformat.writes(notebook) for name in NAMES)
    assert lab.errors == []
    assert lab.external == []


@pytest.mark.long
def test_keys_work_after_a_click_that_disables_or_hides_its_button(lab: Lab) -> None:
    """Undo of the only rating, and the last rating of all: what is typed next is heard."""
    lab.open(setup(1), "cmp.rate(rater='clicks')")
    lab.run(0)
    rating = lab.run(1).locator(".fh-rate")
    rating.locator("button.fh-rate-1").click()
    wait_until_saved(rating, 1)
    expect(rating).to_be_focused()
    undo = rating.locator("button.fh-rate-undo")
    undo.click()
    expect(undo).to_be_disabled()
    expect(rating).to_be_focused()
    lab.page.keyboard.press("2")
    wait_until_saved(rating, 1)
