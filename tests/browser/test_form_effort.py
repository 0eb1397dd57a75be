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
FORM: Final = 'form = fh.form("claim-check", values=claim)\nform'


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
    """Without a mouse. Counted were 161, 68, and 49 or 88: where the focus is when an answer arrives differs."""


CHANGES: Final = (
    Change(
        label="What happened", variable="claim_text", typed="The roof is wet inside.", read="The roof is wet inside.",
        clicks=2, scrolls=3, keys=24, keys_alone=200,
    ),
    Change(
        label="Amount claimed", variable="amount", typed="1500", read=1500, clicks=2, scrolls=3, keys=5, keys_alone=200
    ),
    Change(label="max_words", variable="max_words", typed="200", read=200, clicks=2, scrolls=2, keys=4, keys_alone=200),
)  # fmt: skip
"""Of a field at the beginning of the form, one in the middle, and one near its end."""


@pytest.fixture
def hive() -> Iterator[DemoHive]:
    """On a socket, for the kernel."""
    with DemoHive() as hive:
        yield hive


def _answered(lab: Lab, url: str, folder: Path) -> Locator:
    """Return the form of 17 fields after a run, with its answers in sight."""
    write_files(folder)
    lab.resize(1600, 1000)
    lab.open(SETUP.format(folder=str(folder), url=url), FORM)
    lab.run(0)
    form = lab.run(1).locator(".fh-panel")
    _run(form).wait_for()
    wait_until_at_work(form)
    _run(form).click()
    _answer(form).wait_for()
    _answer(form).scroll_into_view_if_needed()
    return form


def _run(form: Locator) -> Locator:
    return form.get_by_role("button", name=re.compile(r"^\W*Run")).first


def _answer(form: Locator) -> Locator:
    return form.get_by_text("Yours sincerely").first


@pytest.mark.parametrize("change", CHANGES, ids=[change.variable for change in CHANGES])
def test_one_value_is_changed_and_run_again_by_mouse(lab: Lab, hive: DemoHive, tmp_path: Path, change: Change) -> None:
    """From the answers to a field, to Run, and to the new answers."""
    with hive.serve() as server:
        form = _answered(lab, server.url, tmp_path)
        effort = Effort(lab.page)
        effort.click(form.get_by_label(re.compile(change.label)).first)
        effort.press("Control+a")
        effort.type(change.typed)
        with hive.held_after(0):
            effort.click(_run(form))
            hive.wait_held(3)
        expect(_run(form)).to_be_enabled()
        effort.look_at(_answer(form))
    assert hive.calls[-1].inputs[change.variable] == change.read
    print(
        f"{change.variable}: {effort.clicks} clicks, {effort.scrolls} scrolls ({effort.notches} notches), {effort.keys} keys"
    )
    assert effort.clicks <= change.clicks
    assert effort.scrolls <= change.scrolls
    assert effort.keys <= change.keys


@pytest.mark.parametrize("change", CHANGES, ids=[change.variable for change in CHANGES])
def test_one_value_is_changed_and_run_again_by_keyboard(
    lab: Lab, hive: DemoHive, tmp_path: Path, change: Change
) -> None:
    """From Run, which has the focus after a run, back to a field and to Run; then to the new answers."""
    with hive.serve() as server:
        form = _answered(lab, server.url, tmp_path)
        effort = Effort(lab.page)
        _run(form).focus()
        effort.tab_to(form.get_by_label(re.compile(change.label)).first, back=True)
        effort.press("Control+a")
        effort.type(change.typed)
        effort.tab_to(_run(form))
        with hive.held_after(0):
            effort.press("Space")
            hive.wait_held(3)
        expect(_run(form)).to_be_enabled()
    assert hive.calls[-1].inputs[change.variable] == change.read
    print(
        f"{change.variable}: {effort.clicks} clicks, {effort.scrolls} scrolls ({effort.notches} notches), {effort.keys} keys"
    )
    assert effort.clicks == 0
    assert effort.keys <= change.keys_alone
