"""Blind rating in JupyterLab: by keys, in both themes, narrow and wide, over a killed kernel, and blind."""

from __future__ import annotations

import html
import itertools
import re
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, WebSocket, expect

from fh_notebook.contract.output import without_origin
from fh_notebook.notebook.ui.page_widget import script
from tests.browser.rate_page import HOSTILE, KEPT, NAMES, pictures, ratings_in, setup, wait_until_saved
from tests.lab import Lab

pytestmark = pytest.mark.browser

ROWS = 230
RATE = "rater = cmp.rate(rater='anna')\nrater"


@pytest.mark.long
def test_200_quick_keys_are_200_ratings_and_the_page_never_knows_whose(lab: Lab) -> None:
    """In their order, each once; kept, gone on with after a kill, and no name goes to the page before the end."""
    told: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived",
            lambda data: told.append(data if isinstance(data, str) else data.decode("utf-8", "replace")),
        )

    lab.page.on("websocket", listen)
    lab.open(setup(ROWS), RATE, KEPT, "import os\nos.kill(os.getpid(), 9)")
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
    assert "29 left" in saved
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
    shown = without_origin(HOSTILE)  # no address is
    assert shown != HOSTILE
    assert shown in html.unescape("".join(told)).replace('\\"', '"')
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


ABOUT = [
    ["claim", "ليلى حداد writes: water came through the ceiling."],
    ["note", "Layla: السقف مبلل تماما"],
    ["n", "12"],
]
SHOWN: dict[str, Any] = {
    "kind": "state", "pair": True, "style": "", "question": "Which?", "answers": ["is better"] * 2, "blind": "",
    "rater": "anna", "fingerprint": "f", "kept": True, "cursor": None, "past": [], "total": 9, "left": 9, "skipped": 0,
    "items": [{"n": n, "views": ["<p>a</p>", "<p>b</p>"], "about": ABOUT, "form": None} for n in range(9)],
}  # fmt: skip


@pytest.mark.long
def test_a_kernel_that_answers_late_is_heard(browser: Browser) -> None:
    """An answer that comes after the keys were sent again counts: none is counted twice, and none waits for ever."""
    page = browser.new_page()
    page.clock.install()
    page.set_content("<div></div>")
    page.evaluate(
        "async source => { window.sent = []; const on = (_, hear) => { window.hear = hear; };"
        "const model = {send: content => window.sent.push(content), on, off() {}};"
        "(await import(`data:text/javascript,${encodeURIComponent(source)}`)).default"
        ".render({model, el: document.querySelector('div')}); }",
        script("rater.js", uses=["ui/outputs.js", "ui/correction.js"]),
    )

    def tell(**told: Any) -> None:
        page.evaluate("told => window.hear({...told, client: window.sent[0].client})", told)

    def sent() -> list[tuple[int, int]]:
        return [(m["message"], len(m["events"])) for m in page.evaluate("sent") if m["kind"] == "events"]

    tell(**SHOWN)
    rating = page.locator(".fh-rate")
    turned = rating.locator(".fh-rate-about dd").evaluate_all("all => all.map(one => getComputedStyle(one).direction)")
    assert turned == ["ltr", "rtl", "ltr"]  # by most of the letters, not by the first
    rating.focus()
    for key in "121":
        page.keyboard.press(key)
    assert sent() == [(1, 1)]
    page.clock.run_for(4_100)
    assert sent() == [(1, 1), (2, 3)]
    tell(kind="ack", message=1, counts={"left": 8}, changed=[0], foreign=[])
    expect(rating).to_have_attribute("data-done", "3")
    page.keyboard.press("2")
    page.clock.run_for(4_100)
    tell(kind="ack", message=2, counts={"left": 6}, changed=[0, 1, 2], foreign=[])
    expect(rating).to_have_attribute("data-done", "4")
    expect(rating.locator(".fh-rate-saving")).to_have_text("saving 1…")
    tell(kind="ack", message=sent()[-1][0], counts={"left": 5}, changed=[3], foreign=[])
    wait_until_saved(rating, 4)
    expect(rating.locator(".fh-rate-saving")).to_have_text("4 ratings saved")
    page.close()
