"""How much a person does to change one value of a form and run it again, in a window of 1,600 x 1,000."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.effort import Effort
from tests.browser.form_page import wait_until_at_work
from tests.demo_data import DemoHive, write_files
from tests.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.long]

SETUP: Final = """%load_ext fh_notebook
import fh_notebook as fh, json, os
os.chdir({folder!r})
fh.configure(base_url={url!r}, api_key="demo")
claim = json.load(open("claim.json"))"""
CLAIM_FORM: Final = 'form = fh.form("claim-check", values=claim)\nform'

ORDER: Final[dict[str, tuple[str, object]]] = {
    "message": ("fh.text(multiline=True)", "The parcel has not come."),
    "subject": ("fh.text()", "Where is it?"),
    "customer": ("fh.text()", "José García"),
    "email": ("{'type': 'string', 'format': 'email'}", "jose@example.org"),
    "quantity": ("fh.integer()", 2),
    "price": ("fh.number()", 12.5),
    "ordered": ("{'type': 'string', 'format': 'date'}", "2026-11-02"),
    "due": ("{'type': 'string', 'format': 'date'}", "2026-11-20"),
    "channel": ("fh.choice('mail', 'phone', 'chat')", "mail"),
    "priority": ("fh.choice('low', 'high')", "low"),
    "language": ("fh.choice('de', 'en', 'fr')", "en"),
    "tone": ("fh.choice('calm', 'brief')", "calm"),
    "returning": ("fh.boolean()", True),
    "insured": ("fh.boolean()", False),
    "max_words": ("fh.integer()", 120),
}
"""15 fields: what declares each, and what it begins with."""
_DECLARED: Final = ", ".join(f"{name!r}: {schema}" for name, (schema, _) in ORDER.items())
ORDER_FORM: Final = (
    f"order = fh.Deployment('order', variants=['a', 'b'], inputs={{{_DECLARED}}})\n"
    f"fh.form(order, values={ ({name: value for name, (_, value) in ORDER.items()})!r})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value that is changed, and what that takes at the most: what it took when it was measured."""

    label: str
    """What the field's label says."""
    variable: str
    typed: str
    read: Any
    """What is sent then."""
    clicks: int
    scrolls: int
    keys: int
    keys_alone: int
    """Without a mouse."""
    folded: bool = False
    """Whether it is at its default, and so behind the line of those that are."""


CHANGES: Final = (
    Change(
        label="What happened", variable="claim_text", typed="The roof is wet inside.", read="The roof is wet inside.",
        clicks=2, scrolls=0, keys=24, keys_alone=80,
    ),
    Change(
        label="Amount claimed", variable="amount", typed="1500", read=1500, clicks=2, scrolls=1, keys=5, keys_alone=26
    ),
    Change(
        label="max_words", variable="max_words", typed="200", read=200, clicks=3, scrolls=2, keys=4, keys_alone=20,
        folded=True,
    ),
)  # fmt: skip
"""Of a field at the beginning of a form that is higher than the window, one in the middle, and one near its end."""


@pytest.fixture
def hive() -> Iterator[DemoHive]:
    """On a socket, for the kernel."""
    with DemoHive() as hive:
        yield hive


def _answered(lab: Lab, url: str, folder: Path, code: str = CLAIM_FORM) -> Locator:
    """Return a form after a run, with its beginning at the top of the window."""
    write_files(folder)
    lab.resize(1600, 1000)
    lab.open(SETUP.format(folder=str(folder), url=url), code)
    lab.run(0)
    form = lab.run(1).locator(".fh-panel")
    _run(form).wait_for()
    wait_until_at_work(form)
    _run(form).click()
    _answer(form).wait_for()
    lab.cell(1).evaluate("cell => cell.scrollIntoView()")
    return form


def _run(form: Locator) -> Locator:
    return form.get_by_role("button", name=re.compile(r"^\W*Run")).first


def _fold(form: Locator) -> Locator:
    return form.get_by_role("button", name=re.compile("optional fields at their defaults"))


def _answer(form: Locator) -> Locator:
    return form.get_by_text("Yours sincerely").first


@pytest.mark.parametrize("change", CHANGES, ids=[change.variable for change in CHANGES])
def test_one_value_is_changed_and_run_again_by_mouse(lab: Lab, hive: DemoHive, tmp_path: Path, change: Change) -> None:
    """From the answers to a field, to Run, and to the new answers."""
    with hive.serve() as server:
        form = _answered(lab, server.url, tmp_path)
        effort = Effort(lab.page)
        if change.folded:
            effort.click(_fold(form))
        effort.click(form.get_by_label(re.compile(change.label)).first)
        effort.press("Control+a")
        effort.type(change.typed)
        with hive.held_after(0):
            effort.click(_run(form))
            hive.wait_held(3)
            expect(_run(form)).to_be_disabled()  # else the answers before are seen, and go while they are looked at
        expect(_run(form)).to_be_enabled()
        effort.look_at(_answer(form))
    assert hive.calls[-1].inputs[change.variable] == change.read
    print(
        f"{change.variable}: {effort.clicks} clicks, {effort.scrolls} scrolls ({effort.notches} notches), {effort.keys} keys"
    )
    assert effort.clicks <= change.clicks
    assert effort.scrolls <= change.scrolls
    assert effort.keys <= change.keys


@pytest.mark.parametrize(("variable", "typed"), [("subject", "Lost?"), ("price", "9"), ("max_words", "60")])
def test_one_value_of_15_needs_no_scrolling(
    lab: Lab, hive: DemoHive, tmp_path: Path, variable: str, typed: str
) -> None:
    """At the beginning, in the middle and at the end: the field, Run and the answers are in sight at once."""
    for variant in ("a", "b"):

        @hive.workflow("order", variant=variant)
        def order(**inputs: Any) -> str:
            return f"{inputs['subject']} {inputs['price']} {inputs['max_words']}\n\nYours sincerely"

    with hive.serve() as server:
        form = _answered(lab, server.url, tmp_path, ORDER_FORM)
        effort = Effort(lab.page)
        effort.click(form.get_by_label(re.compile(variable)).first)
        effort.press("Control+a")
        effort.type(typed)
        effort.click(_run(form))
        expect(form.get_by_text(re.compile(rf"\b{re.escape(typed)}")).first).to_be_visible()
        effort.look_at(_answer(form))
    assert str(hive.calls[-1].inputs[variable]) == typed
    assert (effort.clicks, effort.scrolls) == (2, 0)


@pytest.mark.parametrize("change", CHANGES, ids=[change.variable for change in CHANGES])
def test_one_value_is_changed_and_run_again_by_keyboard(
    lab: Lab, hive: DemoHive, tmp_path: Path, change: Change
) -> None:
    """From Run, which has the focus after a click on it, back to a field; Ctrl+Enter runs from there."""
    with hive.serve() as server:
        form = _answered(lab, server.url, tmp_path)
        effort = Effort(lab.page)
        _run(form).focus()
        if change.folded:
            effort.tab_to(_fold(form), back=True)
            effort.press("Space")
            form.get_by_label(re.compile(change.label)).first.wait_for()
        effort.tab_to(form.get_by_label(re.compile(change.label)).first, back=not change.folded)
        effort.press("Control+a")
        effort.type(change.typed)
        with hive.held_after(0):
            effort.press("Control+Enter")
            hive.wait_held(3)
            expect(_run(form)).to_be_disabled()
        expect(_run(form)).to_be_enabled()
        expect(form.get_by_label(re.compile(change.label)).first).to_be_focused()  # for the next change
    assert hive.calls[-1].inputs[change.variable] == change.read
    print(
        f"{change.variable}: {effort.clicks} clicks, {effort.scrolls} scrolls ({effort.notches} notches), {effort.keys} keys"
    )
    assert effort.clicks == 0
    assert effort.keys <= change.keys_alone
