"""A form of 15 fields in Notebook 7 and in Voila, by the mouse and by the keyboard alone: from empty to copied answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.effort import Effort
from tests.browser.form_page import wait_until_at_work
from tests.browser.test_form_effort import _DECLARED, HANDS, ORDER, SETUP, Most
from tests.demo_data import DemoHive, write_files
from tests.lab import PATIENCE_MS, Lab
from tests.voila import run_voila

pytestmark = [pytest.mark.browser, pytest.mark.long]

FORM: Final = (
    f"order = fh.Deployment('order', variants=['a', 'b'], inputs={{{_DECLARED}}})\nform = fh.form(order)\nform"
)
DATES: Final = {name: value for name, (schema, value) in ORDER.items() if "'date'" in schema}


@pytest.fixture
def hive() -> Iterator[DemoHive]:
    """On a socket, for the kernel; it answers with what it was sent."""
    with DemoHive() as hive:
        for variant in ("a", "b"):

            @hive.workflow("order", variant=variant)
            def order(variant: str = variant, **inputs: Any) -> str:
                return f"{variant}: {inputs['subject']} {inputs['max_words']}\n\nYours sincerely"

        yield hive


@contextmanager
def _page(place: str, lab: Lab, browser: Browser, folder: Path, url: str) -> Iterator[tuple[Page, Locator]]:
    """Open the form in a place."""
    write_files(folder)
    setup = SETUP.format(folder=str(folder), url=url)
    if place == "Notebook 7":
        lab.place = "notebooks"
        lab.resize(1600, 1000)
        lab.open(setup, FORM)
        lab.run(0)
        yield lab.page, lab.run(1).locator(".fh-panel")
        return
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (setup, FORM)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, folder / "app.ipynb")
    with run_voila(folder / "app.ipynb") as address:
        page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        yield page, page.locator(".fh-panel")
        page.context.close()


def _field(form: Locator, name: str) -> Locator:
    return form.get_by_label(re.compile(name)).first


def _fill_in(effort: Effort, form: Locator) -> None:
    for name, (schema, value) in ORDER.items():
        if isinstance(value, bool):
            yes, no = (form.get_by_role("radiogroup", name=name).get_by_label(word) for word in ("Yes", "No"))
            effort.reach(yes if effort.by_keyboard or value else no)
            if effort.by_keyboard:
                effort.press("Space" if value else "ArrowDown")
        elif "choice" in schema:
            effort.choose(_field(form, name), str(value))
        else:
            effort.reach(_field(form, name))
            if name in DATES and not effort.by_keyboard:  # a click may be on the day or on the year
                effort.press("ArrowLeft")
                effort.press("ArrowLeft")
            year, month, day = str(DATES.get(name, "--")).split("-")
            effort.type(f"{month}{day}{year}" if name in DATES else str(value))


@HANDS
@pytest.mark.parametrize("place", ["Notebook 7", "Voila"])
def test_15_fields_are_filled_run_changed_and_copied(
    place: str, by_keyboard: bool, lab: Lab, browser: Browser, hive: DemoHive, tmp_path: Path
) -> None:
    """Everything is reached; the answers are read, one value is changed, earlier answers are opened, one is copied."""
    with hive.serve() as server, _page(place, lab, browser, tmp_path, server.url) as (page, form):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        form.get_by_role("button", name="Earlier calls").wait_for()
        wait_until_at_work(form)
        effort = Effort(page, by_keyboard)
        run = form.locator("button.fh-run")
        if by_keyboard:
            _field(form, "message").focus()
        _fill_in(effort, form)
        effort.run(run)
        answers = form.locator(".fh-results")
        expect(answers).to_contain_text("b: Where is it? 120")
        expect(run).to_be_enabled()
        effort.look_at(answers.get_by_text("Yours sincerely").first)
        effort.reach(_field(form, "subject"))
        effort.press("Control+a")
        effort.type("Lost?")
        effort.run(run)
        expect(answers).to_contain_text("b: Lost? 120")
        expect(run).to_be_enabled()
        effort.press_on(answers.get_by_role("button", name="Copy").first)
        page.wait_for_function("() => navigator.clipboard.readText().then(text => text.startsWith('a: Lost? 120'))")
        effort.press_on(form.get_by_role("button", name="Earlier calls"))
        earlier = form.locator("table.fh-earlier tbody tr")
        expect(earlier).to_have_count(2)
        effort.press_on(earlier.last.get_by_role("button", name="Answers"))
        expect(form.locator(".fh-earlier-answers")).to_contain_text("b: Where is it? 120")
        effort.look_at(form.locator(".fh-earlier-answers").get_by_text("Yours sincerely").first)
    first, second = {name: value for name, (_, value) in ORDER.items()}, {"subject": "Lost?"}
    sent = [dict(call.inputs) for call in hive.calls]
    assert sent == [first, first, {**first, **second}, {**first, **second}]
    (Most(keys=186) if by_keyboard else Most(clicks=25, scrolls=2, keys=101)).hold(place, effort)
