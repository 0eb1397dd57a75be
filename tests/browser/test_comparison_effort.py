"""Effort of a person to read a comparison, to find and open rows, to read differences, and to rate."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.effort import Effort
from tests.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.long]

ROWS: Final = """%load_ext fh_notebook
import fh_notebook as fh
opening = "Thank you for your message of Monday. We have looked at your order and at what our carrier says of it. " * 4
lines = [
    {"row": row, "variant": variant, "s": place == 0 or row % 3 != 1, "ticket": f"Ticket {row}: where is my parcel?",
     "output": f"{opening}It comes on {['Tuesday', 'Friday', 'Sunday'][(row * place) % 3]}.", "elapsed_s": 0.5 + place}
    for row in range(60) for place, variant in enumerate(("keywords", "nearest", "fine-tuned"))]
cmp = fh.compare(lines, score="s")"""

Act = Callable[[Effort, Locator], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a person wants, the cell that shows it, and what it takes at the most: what it took when it was measured."""

    name: str
    cell: str
    by_mouse: Act
    by_keyboard: Act
    clicks: int
    scrolls: int = 0
    """By mouse, in a window of 1,600 x 1,000."""
    keys: int = 0
    """By mouse: what is typed."""
    keys_alone: int
    """Without a mouse."""


def _tests(output: Locator) -> Locator:
    return output.locator("summary").filter(has_text="Significance tests")


def _read_by_mouse(effort: Effort, output: Locator) -> None:
    effort.look_at(output.locator(".fh-say"))
    effort.click(_tests(output))
    effort.look_at(output.get_by_text("Holm").first)
    effort.look_at(output.locator(".fh-cells tbody tr").first)


def _read_by_keyboard(effort: Effort, output: Locator) -> None:
    effort.tab_to(_tests(output))
    effort.press("Enter")
    expect(output.get_by_role("columnheader", name="p", exact=True)).to_be_visible()


def _detail(output: Locator) -> Locator:
    return output.locator(".fhb-detail")


def _expect_open(output: Locator, row: int) -> None:
    expect(_detail(output)).to_have_attribute("aria-label", f"row {row}")
    expect(_detail(output).locator("h3")).to_be_in_viewport()


def _chip(output: Locator) -> Locator:
    return output.get_by_role("button", name=re.compile(r"^only keywords right \d"))


def _expect_filtered(output: Locator) -> None:
    expect(output.get_by_role("status")).to_have_text(re.compile(r"^20 of 60 rows$"))


def _open_rows_by_mouse(effort: Effort, output: Locator) -> None:
    """One view, its third row, the row after it, and back to the table."""
    effort.click(_chip(output))
    _expect_filtered(output)
    effort.click(output.get_by_role("rowheader").nth(2))
    _expect_open(output, 7)
    effort.look_at(_detail(output).locator("ins").first)
    effort.click(_detail(output).get_by_label("Next row (n)"))
    _expect_open(output, 10)
    effort.click(_detail(output).get_by_label("Close (Esc)"))
    expect(_detail(output)).to_be_hidden()


def _open_rows_by_keyboard(effort: Effort, output: Locator) -> None:
    effort.tab_to(_chip(output))
    effort.press("Space")
    _expect_filtered(output)
    effort.tab_to(output.get_by_role("treegrid"))
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        effort.press(key)
    _expect_open(output, 7)
    effort.press("n")
    _expect_open(output, 10)
    effort.press("Escape")
    expect(output.get_by_role("treegrid")).to_be_focused()


WANTED: Final = "ticket 42"


def _expect_found(output: Locator) -> None:
    expect(output.get_by_role("status")).to_have_text(re.compile(r"^1 of 60 rows$"))


def _search_by_mouse(effort: Effort, output: Locator) -> None:
    """A row that one knows by its text, opened."""
    effort.click(output.get_by_role("searchbox"))
    effort.type(WANTED)
    _expect_found(output)
    effort.click(output.get_by_role("rowheader").first)
    _expect_open(output, 42)


def _search_by_keyboard(effort: Effort, output: Locator) -> None:
    effort.tab_to(output.get_by_role("searchbox"))
    effort.type(WANTED)
    effort.press("Enter")
    _expect_found(output)
    effort.press("Enter")
    _expect_open(output, 42)


def _full_texts(output: Locator) -> Locator:
    return output.locator("summary").filter(has_text="All answers in full")


def _read_differences_by_mouse(effort: Effort, output: Locator) -> None:
    """What differs is there at once; what does not is unfolded."""
    effort.look_at(output.locator("ins").first)
    effort.click(_full_texts(output))
    expect(output.get_by_text("Thank you for your message").last).to_be_visible()


def _read_differences_by_keyboard(effort: Effort, output: Locator) -> None:
    effort.tab_to(_full_texts(output))
    effort.press("Enter")
    expect(output.get_by_text("Thank you for your message").last).to_be_visible()


def _rated(output: Locator, done: int) -> None:
    expect(output.locator(".fh-rate")).to_have_attribute("data-done", str(done))


def _rate_by_mouse(effort: Effort, output: Locator) -> None:
    """Three rows, and the last one again."""
    for done, name in enumerate(("1 ?is better", "2 ?is better", "0 ?equally good"), 1):
        effort.click(output.get_by_role("button", name=re.compile(name)))
        _rated(output, done)
    effort.click(output.get_by_role("button", name=re.compile("u ?undo")))
    _rated(output, 2)


def _rate_by_keyboard(effort: Effort, output: Locator) -> None:
    effort.tab_to(output.locator(".fh-rate"))
    for done, key in enumerate("120", 1):
        effort.press(key)
        _rated(output, done)
    effort.press("u")
    _rated(output, 2)


FLOWS: Final = (
    Flow(
        name="read the result and its tests", cell="cmp", by_mouse=_read_by_mouse, by_keyboard=_read_by_keyboard,
        clicks=1, keys_alone=3,  # the table takes the focus, too: where it is narrow it scrolls
    ),
    Flow(
        name="open rows of one outcome", cell="cmp.browse()", by_mouse=_open_rows_by_mouse,
        by_keyboard=_open_rows_by_keyboard, clicks=4, keys_alone=20,
    ),
    Flow(
        name="search a row", cell="cmp.browse()", by_mouse=_search_by_mouse, by_keyboard=_search_by_keyboard,
        clicks=2, keys=len(WANTED), keys_alone=len(WANTED) + 3,
    ),
    Flow(
        name="read differences", cell="cmp.diff(2)", by_mouse=_read_differences_by_mouse,
        by_keyboard=_read_differences_by_keyboard, clicks=1, keys_alone=6,  # past Copy of each answer
    ),
    Flow(
        name="rate", cell="cmp.rate(rater={way!r})", by_mouse=_rate_by_mouse, by_keyboard=_rate_by_keyboard, clicks=4,
        keys_alone=5,
    ),
)  # fmt: skip


def _shown(lab: Lab, flow: Flow, way: str) -> Locator:
    """Return what the flow's cell shows, from its beginning; the focus is on it."""
    lab.resize(1600, 1000)
    lab.open(ROWS, flow.cell.format(way=way))  # ratings are kept: each way has a rater of its own
    lab.run(0)
    output = lab.run(1)
    lab.wait_idle()
    lab.cell(1).evaluate("cell => cell.scrollIntoView()")
    output.evaluate("output => { output.tabIndex = -1; output.focus(); }")
    return output


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_it_is_done_by_mouse_alone(lab: Lab, flow: Flow) -> None:
    """In so many clicks and scrolls; keys are what is searched for."""
    effort = Effort(lab.page)
    flow.by_mouse(effort, _shown(lab, flow, "by mouse"))
    print(
        f"{flow.name}: {effort.clicks} clicks, {effort.scrolls} scrolls ({effort.notches} notches), {effort.keys} keys"
    )
    assert effort.clicks <= flow.clicks
    assert effort.scrolls <= flow.scrolls
    assert effort.keys <= flow.keys
    lab.resize(1200, 1000)


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_it_is_done_by_keyboard_alone(lab: Lab, flow: Flow) -> None:
    """From the output, in so many keys."""
    effort = Effort(lab.page)
    flow.by_keyboard(effort, _shown(lab, flow, "by keyboard"))
    print(f"{flow.name}: {effort.keys} keys")
    assert (effort.clicks, effort.scrolls) == (0, 0)
    assert effort.keys <= flow.keys_alone
    lab.resize(1200, 1000)
