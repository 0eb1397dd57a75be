"""Keys pressed in forms and controls are theirs, and no commands of the notebook; the focus stays where it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ElementHandle, Locator, expect

from fh_notebook.notebook.ui.page_widget import script
from tests.browser.form_page import setup, wait_until_at_work
from tests.lab import Lab
from tests.notebook.forms.form_hive import FormHive
from tests.notebook.paced_hive import PacedHive

pytestmark = pytest.mark.browser

PLACES = pytest.mark.parametrize("place", ["doc/tree", "notebooks"], ids=["lab", "notebook7"])

COMMANDS = ("d", "d", "x", "b", "a", "m", "y", "Shift+Enter", "Control+Enter", "Alt+Enter")
"""Of a notebook in command mode: each changes its cells, or runs one, which would make the form anew."""

MARK = """form => {
    const all = [...form.querySelectorAll("select, input:enabled, textarea, button:enabled, [role=slider]")];
    const seen = all.filter(e => e.getClientRects().length && !e.closest(".fh-menu"));  // a menu's keys send other things
    seen.forEach((e, at) => { e.dataset.mark = at; });
    return seen.length;
}"""

KINDS = """
kinds = fh.Deployment("reply", variants=["plain", "other"], inputs={
    "tone": fh.choice("calm", "brief", "long"),
    "tags": fh.array(fh.choice("late", "torn", "lost")),
    "words": fh.integer(minimum=1, maximum=9, default=4),
    "urgent": fh.boolean(required=False, default=True),
    "note": fh.text(required=False, default="short"),
    "rows": {"type": "array", "items": {"type": "object", "properties": {
        "who": {"type": "string"}, "way": {"enum": ["post", "van"]}}}},
    "when": {"type": "string", "format": "date"},
    "ticket": fh.text(multiline=True),
})
form = fh.form(kinds)
form
"""


BUSY = """
import time
print("at work", flush=True)
time.sleep(1.5)  # what is pressed meanwhile is answered afterwards
print("at rest")
"""


@pytest.fixture
def hive() -> Iterator[FormHive]:
    """Of the test's process."""
    hive = FormHive()
    yield hive
    hive.hold.set()


def _cells(lab: Lab) -> list[str]:
    """Return the notebook's cells: their kinds, and how often each was run."""
    cells: list[str] = lab.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.map(
            cell => `${cell.model.type} ${cell.model.executionCount} ${cell.model.sharedModel.getSource()}`)"""
    )
    return cells


def _focused(control: Locator | ElementHandle) -> bool:
    return bool(control.evaluate("control => control === document.activeElement"))


def _focus_is_in_form(lab: Lab) -> bool:
    return bool(lab.page.evaluate("() => !!document.activeElement.closest('.fh-own-keys')"))


def _commands_change_nothing(lab: Lab, control: Locator, name: str) -> None:
    before, is_button = _cells(lab), control.evaluate("e => e.matches('button')")
    control.focus()
    for key in COMMANDS:
        if is_button and "Enter" in key:  # it presses the button
            continue
        lab.page.keyboard.press(key)
    assert _cells(lab) == before, name
    assert _focus_is_in_form(lab), name


@pytest.mark.long
@PLACES
def test_keys_of_every_kind_of_control_are_its_own(lab: Lab, hive: FormHive, place: str) -> None:
    """Arrows change the value, and what deletes, cuts, adds and turns cells elsewhere does nothing."""
    lab.place = place
    with hive.serve() as server:
        lab.open(setup(server.url), KINDS, "form.value")
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        form.locator("button.fh-run").wait_for()
        wait_until_at_work(form)
        written = form.locator("input, textarea, select, option")
        assert set(written.evaluate_all("all => all.map(e => e.dir)")) == {"auto"}
        tone, urgent = form.get_by_label("tone").first, form.get_by_label("urgent").first
        number = form.locator(".fh-field-integer input[type=text]")
        for control, keys in (
            (tone, ["ArrowDown", "ArrowDown"]), (urgent, ["Space"]),
            (number, ["ArrowUp"]), (form.get_by_label("Runs per variant"), ["ArrowUp"]),
        ):  # fmt: skip
            control.focus()
            for key in keys:
                lab.page.keyboard.press(key)
            assert _focused(control), keys
        expect(form.get_by_label("Runs per variant")).to_have_value("2")
        assert tone.evaluate("e => e.selectedOptions[0].textContent") == "brief"
        expect(urgent).not_to_be_checked()
        boxes = form.locator("input[type=checkbox]:enabled")
        boxes.last.focus()
        was = boxes.last.is_checked()
        lab.page.keyboard.press("Space")
        assert boxes.last.is_checked() is not was
        marked = form.evaluate(MARK)
        assert marked > 15
        for mark in range(marked):
            control = form.locator(f"[data-mark='{mark}']")
            if not control.count():  # another one's keys have taken it away
                continue
            if control.evaluate("e => e.matches('select, input[type=checkbox]')"):
                for key in ("ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"):
                    control.focus()
                    lab.page.keyboard.press(key)
                    assert _focus_is_in_form(lab), (mark, key)
            if control.count() and not control.evaluate("e => e.matches('button, textarea, input[type=text]')"):
                _commands_change_nothing(lab, control, str(mark))
        _commands_change_nothing(lab, form.locator("button.fh-cancel, button.fh-add").last, "a button")


_COUNT_SAVES = """() => {
    window.fhSaves = 0;
    window.jupyterapp.commands.commandExecuted.connect((_, command) => {
        if (command.id === 'docmanager:save') command.result.then(() => { window.fhSaves += 1; });
    });
}"""
"""JupyterLab saves nothing while the save before is not over, which is a moment after the notebook is no more dirty."""


@pytest.mark.long
@PLACES
def test_the_notebook_is_saved_from_within_a_form(lab: Lab, hive: FormHive, place: str) -> None:
    """Ctrl+S saves it, wherever in the form the focus is: in texts too, which keep all other keys."""
    lab.place = place
    with hive.serve() as server:
        lab.open(setup(server.url), KINDS)
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        form.locator("button.fh-run").wait_for()
        wait_until_at_work(form)
        lab.page.evaluate(_COUNT_SAVES)
        kinds = ("textarea", "input[type=text]", "input[type=number]", "select", "input[type=checkbox]", "button")
        for saves, kind in enumerate(kinds, 1):
            control = form.locator(kind).locator("visible=true").first
            lab.page.evaluate("() => { window.jupyterapp.shell.currentWidget.context.model.dirty = true; }")
            control.focus()
            lab.page.keyboard.press("Control+s")
            lab.page.wait_for_function("saves => window.fhSaves === saves", arg=saves)
            assert not lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty"), kind
            assert _focused(control), kind


@pytest.mark.long
@PLACES
def test_a_slider_that_was_dragged_is_moved_by_arrows(lab: Lab, hive: FormHive, place: str) -> None:
    """It has the focus and a name; what deletes, cuts and adds cells elsewhere does nothing."""
    lab.place = place
    with hive.serve() as server:
        lab.open(setup(server.url), KINDS)
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        form.locator("button.fh-run").wait_for()
        wait_until_at_work(form)
        field = form.locator(".fh-field-integer")
        number, handle = field.locator("input[type=text]"), field.get_by_role("slider", name="slide words")
        expect(number).to_have_attribute("placeholder", "default: 4 (not sent)")  # where the handle stands
        place_of, page = field.locator(".noUi-touch-area"), lab.page
        place_of.scroll_into_view_if_needed()
        place_of.drag_to(field.locator(".noUi-base"), target_position={"x": 1, "y": 1})
        expect(number).to_have_value("1")
        expect(handle).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(number).to_have_value("2")
        _commands_change_nothing(lab, handle, "the slider")
        number.focus()
        page.keyboard.press("Tab")
        expect(handle).to_be_focused()
        page.keyboard.press("End")
        expect(number).to_have_value("9")


@pytest.mark.long
def test_a_late_answer_of_the_kernel_takes_no_focus_from_who_has_gone_on(lab: Lab, hive: FormHive) -> None:
    """A rejected Run goes to the first wrong field, unless a person has pressed a key or clicked since they pressed Run."""
    with hive.serve() as server:
        lab.open(setup(server.url), KINDS, BUSY)
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        form.locator("button.fh-run").wait_for()
        wait_until_at_work(form)
        number, handle = (
            form.locator(".fh-field-integer input[type=text]"),
            form.get_by_role("slider", name="slide words"),
        )
        tone, said = form.get_by_label("tone").first, form.get_by_text("Nothing was sent.")
        for has_gone_on, target in ((True, handle), (False, tone)):
            lab.start(2)
            lab.output(2).get_by_text("at work").wait_for()
            number.focus()
            lab.page.keyboard.press("Control+Enter")
            if has_gone_on:
                lab.page.keyboard.press("Tab")
            lab.output(2).get_by_text("at rest").wait_for()
            said.wait_for()
            lab.wait_idle()  # and what the kernel had to say has come
            expect(target).to_be_focused()


@pytest.mark.long
@PLACES
def test_keys_of_the_controls_of_a_batch_are_its_own(lab: Lab, paced_hive: PacedHive, place: str) -> None:
    """The number goes up by its arrow; Pause is pressed by Space, keeps the focus, and is pressed again."""
    lab.place = place
    with paced_hive.serve() as server:
        lab.open(
            f"%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(base_url={server.url!r}, "
            "api_key='fhk_' + '0123456789abcdef')\nrows = [{'text': str(i)} for i in range(80)]",
            "batch = fh.batch(rows, 'paced', variants='v', wait=False, max_concurrency=2)",
        )
        lab.run(0)
        lab.start(1)
        here = lab.output(1)
        here.locator("button.fh-pause").wait_for()
        wait_until_at_work(here)
        for control in here.locator("button:not(.fh-cancel), input").locator("visible=true").element_handles():
            _commands_change_nothing(lab, control, control.evaluate("e => e.className"))
        here.get_by_label("Calls at once", exact=True).focus()
        lab.page.keyboard.press("ArrowUp")
        lab.page.keyboard.press("Tab")
        lab.expect_text(here, "3 of them in progress")
        pause = here.locator("button.fh-pause")
        pause.focus()
        lab.page.keyboard.press("Space")
        expect(pause).to_have_text("Continue")
        assert _focused(pause)
        lab.page.keyboard.press("Space")
        expect(pause).to_have_text("Pause")
        adaptive = here.locator("button.fh-adaptive")
        adaptive.focus()
        lab.page.keyboard.press("Space")
        expect(adaptive).to_be_hidden()
        expect(here.get_by_label("Calls at once", exact=True)).to_be_focused()


@pytest.mark.long
def test_what_hides_itself_hands_the_focus_on(browser: Browser) -> None:
    """To what stands before it, though nothing else changes in the page; what is disabled hands it to the whole."""
    page = browser.new_page()
    page.set_content(
        "<div class=fh-own-keys><button>one</button><button onclick=\"this.style.display = 'none'\">two</button>"
        "<button onclick='this.disabled = true'>three</button><p></p></div>"
    )
    page.evaluate(
        "async source => (await import(`data:text/javascript,${encodeURIComponent(source)}`)).default"
        ".render({el: document.querySelector('p')})",
        script("ui/own_keys.js"),
    )
    one, two, three = (page.get_by_text(name) for name in ("one", "two", "three"))
    two.press("Space")
    expect(one).to_be_focused()
    three.press("Space")
    expect(page.locator(".fh-own-keys")).to_be_focused()
    three.evaluate("three => { three.disabled = false; }")
    expect(three).to_be_focused()
    page.close()


@pytest.mark.long
def test_the_focus_stays_in_the_form(lab: Lab, hive: FormHive) -> None:
    """Whatever a filled text or a new row puts into the form or takes out of it; what was typed there stays as well."""
    with hive.serve() as server:
        lab.open(setup(server.url), KINDS)
        lab.run(0)
        form, keys = lab.run(1).locator(".fh-panel"), lab.page.keyboard
        form.locator("button.fh-run").wait_for()
        wait_until_at_work(form)
        form.locator("button.fh-run").focus()
        keys.press("Space")
        expect(form.locator(".fh-status")).to_contain_text("Nothing was sent")
        ticket = form.locator(".fh-field-multiline textarea")
        ticket.focus()
        keys.type("Late.")
        keys.press("Tab")
        after = form.locator(".fh-field-multiline").evaluate("e => !e.contains(document.activeElement)")
        assert after, "Tab leads on to what stands after the field"
        ticket.focus()
        keys.press("Alt+ArrowDown")
        menu = form.get_by_label("More for ticket")
        expect(menu).to_be_focused()
        expect(menu.locator("option:checked")).to_have_text("Send the value")
        keys.press("ArrowUp")
        expect(ticket).to_have_attribute("placeholder", "an empty text is sent")
        expect(menu).to_be_focused()
        ticket.fill("Late.")
        note = form.locator(".fh-field-text input[type=text]")
        expect(note).to_have_attribute("placeholder", "default: short (not sent)")
        note.fill("long")
        note.press("Enter")
        remove = form.get_by_role("button", name="Remove the value of note")
        remove.focus()
        keys.press("Space")
        expect(remove).to_have_count(0)
        expect(note).to_be_focused()
        expect(note).to_have_attribute("placeholder", "default: short (not sent)")

        paste, add = form.locator("button.fh-rows-paste"), form.locator("button.fh-rows-add")
        paste.focus()
        keys.press("Space")
        pasted = form.get_by_label("Rows from a spreadsheet")
        expect(pasted).to_be_focused()
        keys.type("Ann\tvan")
        add.evaluate("add => add.click()")  # as a click on the way: what is typed has not been heard of yet
        expect(form.locator(".fh-row-remove")).to_have_count(1)
        expect(pasted).to_be_focused()
        expect(pasted).to_have_value("Ann\tvan")
        form.locator("button.fh-rows-pasted").focus()
        keys.press("Space")
        expect(form.locator(".fh-row-remove")).to_have_count(2)
        expect(form.get_by_label("rows, row 2 of the page: who")).to_be_focused()
        add.focus()
        keys.press("Space")
        expect(form.locator(".fh-row-remove")).to_have_count(3)
        first_cell = form.get_by_label("rows, row 3 of the page: who")
        expect(first_cell).to_be_focused()
        keys.type("Bo")
        keys.press("Tab")
        expect(first_cell).to_have_value("Bo")
        form.locator(".fh-row-remove").last.focus()
        keys.press("Space")
        expect(form.locator(".fh-row-remove")).to_have_count(2)
        expect(form.locator(".fh-row-remove").last).to_be_focused()


@pytest.mark.long
def test_the_focus_stays_on_what_is_drawn_anew(lab: Lab, hive: FormHive) -> None:
    """Rows that were typed as JSON and cannot be read are shown another way: what Tab led to has the focus still."""
    with hive.serve() as server:
        lab.open(setup(server.url), KINDS)
        lab.run(0)
        form, keys = lab.run(1).locator(".fh-panel"), lab.page.keyboard
        form.locator("button.fh-rows-add").click()
        expect(form.locator(".fh-row-remove")).to_have_count(1)
        form.locator(".fh-rows-way select").select_option(label="1 row: edit as JSON")
        rows = form.locator(".fh-field-table textarea").first
        rows.focus()
        keys.type("no JSON")
        keys.press("Tab")
        expect(form.locator(".fh-field-table .fh-problem")).to_contain_text("not JSON")
        expect(form.locator(".fh-rows-way")).to_have_count(0)
        expect(form.locator("button.fh-rows-add")).to_be_focused()
        keys.press("Shift+Tab")
        expect(rows).to_be_focused()
