"""A form in JupyterLab, used as a person uses it: typed into, run, cancelled, filled again, over rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.form_page import accessible, pictures, setup, wait_until_at_work
from tests.lab import Lab, LabServer, picture_folder, save_picture
from tests.notebook.forms.form_hive import KEY, PASSWORD, PATIENCE_S, FormHive
from tests.notebook.forms.form_schemas import CASES, DEFS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

KINDS = {name: case.schema for name, case in CASES.items()}
"""A property of every kind, by the kind's own name."""
EVERY_KIND = json.dumps({"type": "object", "properties": KINDS, "$defs": DEFS})

WHO = (
    "parts = {'name': {'type': 'string'}, 'zip': {'type': 'string'}}\n"
    "who = {'type': 'object', 'title': 'Who it is', 'properties': parts, 'required': ['name', 'zip']}"
)
"""A group of two texts, for the cells of the forms that have it."""

CELLS = {
    "fill": "form = fh.form(reply, variants='plain')\nform",
    "read": "form.value, form.run.output, form.frame['status'].tolist()",
    "cancel": "slow = fh.form(reply, values={'ticket': 'Late.'})\nslow",
    "busy": "import time\nwhile not (slow._core.newest and slow._core.newest.stopped):\n    time.sleep(0.05)\n'over'",
    "tools": "tools = fh.form(reply, variants=['plain', 'held'], values={'ticket': 'Torn.', 'tone': 'calm'})\ntools",
    "error": "wrong = fh.form(reply, values={'ticket': 'x'}, client=fh.Client(api_key='fhk_' + 'not_this_one'))\nwrong",
    "over": "over = fh.form(reply, over=frame, variants='held')\nover",
    "over-read": "over.frame['output'].value_counts().to_dict(), over.batch.counts.calls",
    "kinds": (
        f"import json\nkinds = fh.form(fh.Deployment('kinds', variants=['a'], inputs=json.loads({EVERY_KIND!r})))"
        "\nkinds"
    ),
    "open": "anything = fh.form(fh.Deployment('reply', variants=['plain'], inputs=True))\nanything",
    "closed": "nothing = fh.form(fh.Deployment('reply', variants=['plain'], inputs=False))\nnothing",
    "later": "refund = fh.Deployment('refund', variants=['asks'], inputs={'amount': fh.integer(default=120)})\n"
    "later = fh.form(refund, values={'amount': 120})\nlater",
    "later-ask": "later.pending[0].refresh()",  # the form itself asks now and then
    "later-read": "later.run.output, later.pending",
    "grow": "grow = fh.form(fh.Deployment('reply'))\ngrow",
    "reject": (
        f"{WHO}\n"
        "more = {f'extra_{i}': fh.text(required=False) for i in range(7)}\n"
        "inputs = {'ticket': fh.text(multiline=True), 'who': who, 'max_words': fh.integer(), **more}\n"
        "reject = fh.form(fh.Deployment('reply', variants=['plain'], inputs=inputs), values={'ticket': 'Late.'})\nreject"
    ),
    "rows": (
        "row = {'type': 'object', 'properties': {'w': {'type': 'string'}, 'q': {'type': 'integer'}}}\n"
        "inputs = {'rows': {'type': 'array', 'items': row}}\n"
        "rows = fh.form(fh.Deployment('reply', variants=['plain'], inputs=inputs),\n"
        "               values={'rows': [{'w': f'w{i}', 'q': i} for i in range(1, 26)]})\nrows"
    ),
    "many": (
        f"{WHO}\n"
        "inputs = {'who': who, **{f'v{i}': fh.text() for i in range(14)}}\n"
        "many = fh.form(fh.Deployment('reply', variants=['plain'], inputs=inputs))\nmany"
    ),
}
KERNEL_ANSWERS = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    await kernel.requestExecute({code: '0', silent: true}).done;
}"""
AT = {name: place for place, name in enumerate(CELLS, 1)}


@pytest.fixture(scope="module")
def hive() -> Iterator[FormHive]:
    """Of the test's process."""
    hive = FormHive()
    yield hive
    hive.hold.set()


@pytest.fixture(scope="module")
def lab(browser: Browser, lab_server: LabServer, hive: FormHive) -> Iterator[Lab]:
    """One page with one notebook for all tests of this file; each test has cells of its own."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    page = Lab(context.new_page(), lab_server, picture_folder())
    with hive.serve() as server:
        page.open(setup(server.url), *CELLS.values())
        page.run(0)
        yield page
        hive.hold.set()
    assert page.errors == []
    assert page.external == []
    context.close()


def _form(lab: Lab, name: str) -> Locator:
    """Run the cell that shows a form, and return the form once all of it is there."""
    form = lab.run(AT[name]).locator(".fh-panel")
    form.locator("button.fh-run").wait_for()
    wait_until_at_work(form)
    return form


def _read(lab: Lab, name: str) -> str:
    return " ".join(lab.read(lab.run(AT[name]), r"\S").split())


@pytest.mark.long
def test_a_rejected_run_leads_to_the_wrong_cell_of_a_table(lab: Lab, hive: FormHive) -> None:
    """The cell has the focus, and is marked alone; a link turns to the page of its row."""
    form = _form(lab, "rows")
    run, status, keys = form.locator("button.fh-run"), form.locator(".fh-status"), lab.page.keyboard
    numbers, wrong = form.locator(".fh-row-number"), form.locator(".fh-wrong")
    before = len(hive.got)
    form.get_by_label("row 3 of the page: q").fill("x3")
    form.get_by_label("row 3 of the page: q").press("Enter")
    form.locator("button.fh-rows-next").click()
    expect(numbers).to_have_text([str(row) for row in range(21, 26)])
    form.get_by_label("row 2 of the page: q").fill("x22")
    form.get_by_label("row 2 of the page: q").press("Enter")
    run.click()
    expect(numbers).to_have_count(20)
    expect(form.get_by_label("row 3 of the page: q")).to_be_focused()
    expect(run).to_have_text("Run · 2 to correct")
    lab.screenshot("form-wrong-cell", of=form)
    for link, place, value in (("rows 22 q", 2, "x22"), ("rows 3 q", 3, "x3")):
        status.get_by_role("link", name=link).click()
        expect(form.get_by_label(f"row {place} of the page: q")).to_have_value(value)
        expect(form.get_by_label(f"row {place} of the page: q")).to_be_focused()
    keys.press("Control+A")
    keys.type("3")
    keys.press("Enter")
    status.get_by_role("link", name="rows 22 q").focus()
    keys.press("Enter")
    expect(form.get_by_label("row 2 of the page: q")).to_be_focused()
    expect(wrong).to_have_count(1)  # the cell; the choice of how to edit is right
    keys.press("Control+A")
    keys.type("22")
    keys.press("Control+Enter")
    expect(wrong).to_have_count(0)
    expect(form.locator(".fh-results")).to_contain_text("Dear customer")
    assert [row["q"] for row in hive.got[before]["rows"]] == [*range(1, 26)]


def test_a_form_is_filled_and_run_by_keyboard_alone(lab: Lab, hive: FormHive) -> None:
    """Tab leads from field to field and on to Run, which Space presses; the next cell has what came."""
    form = _form(lab, "fill")
    pictures(lab, "empty", form)
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-status")).to_contain_text("Nothing was sent. 1 field to correct: ticket.")
    pictures(lab, "problems", form)
    keys = lab.page.keyboard
    form.locator("textarea").first.focus()
    keys.type("I was charged twice.")
    for _ in range(20):
        keys.press("Tab")
        if lab.page.evaluate("() => document.activeElement.classList.contains('fh-run')"):
            break
    keys.press("Space")
    expect(form.locator(".fh-results")).to_contain_text("Dear customer, I was charged twice.")
    expect(form.locator(".fh-status")).not_to_contain_text("Nothing was sent")
    assert "Dear customer, I was charged twice.', ['completed'])" in _read(lab, "read")
    assert hive.got[-1] == {"ticket": "I was charged twice."}


def test_a_rejected_run_leads_to_what_is_wrong(lab: Lab, hive: FormHive) -> None:
    """The first wrong field has the focus, Run says how many there are, each is a link; Ctrl+Enter runs from a field."""
    form = _form(lab, "reject")
    run, status, keys = form.locator("button.fh-run"), form.locator(".fh-status"), lab.page.keyboard
    expect(form.locator(".fh-problem")).to_have_count(0)  # nobody has left a field yet
    before = len(hive.got)
    run.click()
    name, words = form.get_by_label("name").first, form.get_by_label("max_words").first
    expect(name).to_be_focused()
    expect(name).to_have_css("outline-style", "solid")  # seen beside the border, which says that it is wrong
    expect(run).to_have_text("Run · 3 to correct")
    expect(status).to_contain_text("3 fields to correct: Who it is: name, Who it is: zip, max_words.")
    pictures(lab, "rejected", form)
    status.get_by_role("link", name="max_words").click()
    expect(words).to_be_focused()
    keys.type("12")
    keys.press("Control+Enter")
    expect(run).to_have_text("Run · 2 to correct")
    expect(name).to_be_focused()
    keys.type("Ann")
    keys.press("Tab")
    keys.type("04103")
    keys.press("ControlOrMeta+Enter")
    expect(form.locator(".fh-results")).to_contain_text("Dear customer, Late.")
    expect(form.get_by_label("zip").first).to_be_focused()
    expect(status).not_to_contain_text("Nothing was sent")
    expect(run).to_have_text("Run")
    assert hive.got[before:] == [{"ticket": "Late.", "who": {"name": "Ann", "zip": "04103"}, "max_words": 12}]


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_run_has_a_link_to_each_message_and_their_number(lab: Lab, by_keyboard: bool) -> None:
    """Those of the parts of a field too; what does not fit in a line is behind a fold, and is a link as well."""
    form, keys = _form(lab, "many"), lab.page.keyboard
    form.locator("button.fh-run").click()
    status, last = form.locator(".fh-status"), form.get_by_label("v13").first
    expect(form.locator("button.fh-run")).to_have_text("Run · 16 to correct")
    told = form.locator(".fh-problem > div")
    expect(told).to_have_text(["⚠ Required. Enter a text."] * 16)
    links, fold = status.locator("a"), status.locator("summary")
    assert links.all_text_contents() == ["Who it is: name", "Who it is: zip", *(f"v{i}" for i in range(14))]
    expect(fold).to_have_text("and 4 more")
    expect(links.last).to_be_hidden()
    if by_keyboard:
        links.nth(11).focus()
        for key in ("Tab", "Enter", *["Tab"] * 4, "Enter"):
            keys.press(key)
    else:
        fold.click()
        links.last.click()
    expect(last).to_be_focused()


def test_an_empty_field_is_told_once_it_was_left(lab: Lab, hive: FormHive) -> None:
    """Beside it; not by a press on Run, which tells all that is wrong."""
    form = _form(lab, "reject")
    run, keys, mouse = form.locator("button.fh-run"), lab.page.keyboard, lab.page.mouse
    name, told = form.get_by_label("name").first, form.locator(".fh-problem")
    form.get_by_label("ticket").first.focus()
    expect(told).to_have_count(0)
    name.focus()
    keys.press("Tab")
    expect(told).to_have_text(["⚠ Required. Enter a text."])
    expect(form.get_by_label("zip").first).to_be_focused()
    form.get_by_label("max_words").first.focus()
    expect(told).to_have_count(2)
    run.hover()
    mouse.down()
    lab.page.evaluate(KERNEL_ANSWERS)
    expect(told).to_have_count(2)
    mouse.up()
    expect(run).to_have_text("Run · 3 to correct")
    expect(told).to_have_count(3)
    expect(name).to_be_focused()


def test_a_press_on_run_counts_also_where_the_page_moves_it(lab: Lab, hive: FormHive) -> None:
    """What was typed before is told wrong while the mouse is pressed, above Run."""
    lab.resize(700, 1000)
    form = _form(lab, "reject")
    run, words = form.locator("button.fh-run"), form.get_by_label("max_words").first
    words.fill("many")
    run.hover()
    before = run.bounding_box()
    lab.page.mouse.down()
    expect(form.locator(".fh-problem")).to_contain_text("is not a whole number")
    after = run.bounding_box()
    assert before
    assert after
    assert after["y"] > before["y"] + before["height"] / 2, "the page has not moved Run away"
    lab.page.mouse.up()
    expect(run).to_have_text("Run · 3 to correct")
    lab.resize(1200, 1000)


def test_optional_fields_at_their_defaults_are_behind_one_line(lab: Lab) -> None:
    """A click shows them; what is typed into one stays in sight when the others are folded again."""
    form = lab.output(AT["reject"]).locator(".fh-panel")
    fold, third = form.get_by_role("button", name="7 more optional fields, not filled in"), form.get_by_label("extra_2")
    expect(third.first).to_be_hidden()
    fold.press("Space")
    third.first.fill("Now.")
    third.first.press("Tab")
    form.locator("button.fh-fold").press("Space")
    expect(form.get_by_role("button", name="6 more optional fields, not filled in")).to_be_visible()
    expect(third.first).to_have_value("Now.")
    expect(form.get_by_label("extra_3").first).to_be_hidden()


def test_every_field_has_its_label(lab: Lab) -> None:
    """What reads a page out names each control; a click on the name goes to the field."""
    form = lab.output(AT["fill"]).locator(".fh-panel")
    for name in ("ticket", "tone", "max_words", "token", "Runs per variant"):
        expect(form.get_by_label(name, exact=False).first).to_be_visible()
    nameless = form.evaluate(
        """form => [...form.querySelectorAll('input, select, textarea, button')].filter(e => e.offsetParent
            && !e.labels?.length && !e.getAttribute('aria-label') && !e.title && !e.textContent.trim()).length"""
    )
    assert nameless == 0


@pytest.mark.long
def test_cancel_is_heard_while_no_cell_runs_and_while_one_does(lab: Lab, hive: FormHive) -> None:
    """What came is kept and shown, and the call that was out is said to be one that may have run."""
    form = _form(lab, "cancel")
    form.locator("button.fh-run").click()
    hive.wait_for(1)
    expect(form.locator(".fh-progress")).to_contain_text("1 of 2 completed")
    first = form.locator(".fh-results").inner_text()
    expect(form.locator(".fh-results")).not_to_have_text(first)  # the time ticks
    form.locator("textarea").first.fill("Edited meanwhile.")
    pictures(lab, "running", form)
    form.locator("button.fh-cancel").click()
    expect(form.locator(".fh-results .fh-badge").filter(has_text="cancelled")).to_have_count(1)  # not "not sent"
    form.locator("button.fh-run").click()
    hive.wait_for(1)
    lab.start(AT["busy"])
    expect(lab.cell(AT["busy"]).locator(".jp-InputArea-prompt")).to_contain_text("*")
    form.locator("button.fh-cancel").click()
    lab.expect_text(lab.output(AT["busy"]), "over")
    pictures(lab, "cancelled", form)


@pytest.mark.long
def test_results_stand_beside_each_other(lab: Lab, hive: FormHive) -> None:
    """A column a variant; what is open below follows: the request, earlier calls, a copy, the dataset."""
    form = _form(lab, "tools")
    form.locator("button.fh-run").click()
    hive.wait_for(1)
    hive.hold.set()
    expect(form.locator(".fh-results")).to_contain_text("at last")
    hive.hold.clear()
    pictures(lab, "results", form)
    for name in ("request", "copy", "history"):
        button = form.locator(f"button.fh-open-{name}")
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    form.locator("textarea").first.fill("Not sent.")
    form.locator("textarea").first.blur()
    expect(form.locator(".fh-request")).to_contain_text('"ticket": "Not sent."')
    expect(form.locator(".fh-request")).to_contain_text("Authorization: Bearer ***")
    expect(form.locator(".fh-copy-text")).to_contain_text("%%fetchhive reply -v plain -v held")
    form.locator(".fh-copy-as button", has_text="curl").click()
    expect(form.locator(".fh-copy-text")).to_contain_text("Bearer YOUR_API_KEY")
    pressed = form.locator(".fh-copy-as button[aria-pressed=true]")
    expect(pressed).to_have_text("curl")
    torn = form.locator("table.fh-earlier tbody tr").filter(has_text="Torn.").first
    torn.get_by_role("button", name="Answers").click()
    expect(form.locator(".fh-earlier-answers")).to_contain_text("Dear customer, Torn.")
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    form.locator("button.fh-copy-code").click()
    expect(form.locator(".fh-code-bar [role=status]")).to_have_text("Copied.")
    assert lab.page.evaluate("() => navigator.clipboard.readText()") == form.locator(".fh-all").inner_text()
    expect(form.locator("button.fh-insert-code")).to_have_count(0)  # curl is no cell
    pictures(lab, "tools", form)
    torn.get_by_role("button", name="Fill in").click()
    expect(form.locator("textarea").first).to_have_value("Torn.")
    form.locator("button.fh-add").click()
    added = form.locator(".fh-added")
    expect(added).to_contain_text(re.compile(r"\b1\b.*form\.dataset"))
    first = added.inner_text()
    form.locator("button.fh-add").click()
    expect(added).not_to_have_text(first)
    expect(added).to_contain_text(re.compile(r"\b1\b.*form\.dataset"))
    expect(form.locator("button.fh-add")).to_have_text("Add as a row to form.dataset (1)")


def test_an_error_is_one_line_with_the_cure(lab: Lab) -> None:
    """A refused key, beside each variant that was refused; the key is in none."""
    form = _form(lab, "error")
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-results")).to_contain_text(re.compile("refused the .*key"))
    pictures(lab, "error", form)
    assert "fhk_not_this_one" not in form.inner_html()


@pytest.mark.long
def test_every_kind_of_field_has_a_name_in_chromiums_accessibility_tree(lab: Lab) -> None:
    """Each thing that can be used is named, a label leads to its control, and nothing is named twice over."""
    form = _form(lab, "kinds")
    found = accessible(lab, form)
    assert [role for role, name in found if not name.strip()] == []
    assert {name for role, name in found if role == "slider"} <= {
        "slide integer range from 1 to 5", "slide number range from 0 to 1",
    }  # fmt: skip
    groups = {"object": "heading", "$ref": "heading", "recursive $ref": "heading", "boolean": "radiogroup",
              "array of enum": "group"}  # fmt: skip
    for name in KINDS:
        if name in groups:  # what is in it has names of its own
            expect(form.get_by_role(groups[name], name=f"{name} not sent", exact=True)).to_be_visible()  # type: ignore[arg-type]
        elif name in ("date", "time", "date-time"):  # of roles of their own
            expect(form.get_by_label(re.compile(f"^{name} not sent"))).to_be_visible()
        else:
            assert [role for role, said in found if said == name], f"no control is named {name!r}"
    circle = form.get_by_role("radio", name="Yes").first
    assert circle.evaluate("circle => circle.offsetLeft === circle.parentElement.offsetLeft"), "its word is before it"
    number = form.get_by_role("textbox", name="integer range", exact=True)
    expect(number).to_have_accessible_description(re.compile("1 to 5"))
    number.fill("4")
    number.press("Enter")
    handle = form.locator(".fh-slider .noUi-touch-area").first
    expect(handle).to_be_visible()
    with_file = form.locator(".fh-field-file").first
    expect(with_file.get_by_role("textbox", name="file", exact=True)).to_have_value("no file")
    with lab.page.expect_file_chooser() as chooser:
        with_file.get_by_role("button", name="Choose a file for file").click()
    chooser.value.set_files({"name": "a.bin", "mimeType": "", "buffer": b"\x00\x01"})
    expect(with_file.get_by_role("textbox", name="file", exact=True)).to_have_value(re.compile("a.bin, 2 bytes"))
    rows = form.locator(".fh-field-table")
    rows.locator("button.fh-rows-add").click()
    expect(rows.get_by_role("combobox", name="array of objects", exact=True)).to_have_value(re.compile(".*"))
    rows.get_by_label("sku").fill("A-1")
    rows.get_by_label("sku").press("Enter")
    rows.get_by_role("combobox", name="array of objects", exact=True).select_option(index=1)
    expect(rows.locator("textarea")).to_have_value(re.compile('"sku": "A-1"'))
    pictures(lab, "kinds", form, height=3600)


@pytest.mark.long
@pytest.mark.parametrize("place", ["doc/tree", "notebooks"], ids=["lab", "notebook7"])
def test_code_is_put_into_the_notebook(browser: Browser, lab_server: LabServer, hive: FormHive, place: str) -> None:
    """As a cell below the form's, with the comment that names the form's own client; in a notebook of its own."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    lab = Lab(context.new_page(), lab_server, picture_folder())
    lab.place = place
    with hive.serve() as server:
        client = f"fh.Client(base_url={server.url!r}, api_key='fhk_' + {KEY.removeprefix('fhk_')!r})"
        own = f"fh.form(reply, variants='plain', values={{'ticket': 'Late.'}}, client={client})"
        lab.open(setup(server.url), own, "'the last'")
        lab.run(0)
        form = lab.run(1).locator(".fh-panel")
        form.locator("button.fh-open-copy").click()
        expect(form.locator(".fh-copy-text")).to_contain_text("# This calls")
        lab.page.evaluate("delete window.jupyterapp")  # as where the server is not told to give the page its commands
        form.locator("button.fh-insert-code").click()
        new = lab.cell(2).locator(".cm-content")
        expect(new).to_contain_text("%%fetchhive reply -v plain")
        expect(new).to_contain_text("client=")
        expect(lab.cell(3).locator(".cm-content")).to_have_text("'the last'")
    context.close()


@pytest.mark.long
def test_a_whole_schema_that_is_true_or_false_is_a_form(lab: Lab, hive: FormHive) -> None:
    """Any JSON object, checked as it is typed; or nothing to fill in, and Run."""
    form = _form(lab, "open")
    box = form.get_by_label("Inputs, as JSON")
    box.fill("[1]")
    box.blur()
    expect(form).to_contain_text("is not a JSON object")
    box.fill('{"ticket": "Any."}')
    box.blur()
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-results")).to_contain_text("Dear customer, Any.")
    assert hive.got[-1] == {"ticket": "Any."}
    pictures(lab, "open", form)
    form = _form(lab, "closed")
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-results")).to_contain_text("Dear customer, None")
    assert hive.got[-1] == {}


@pytest.mark.long
def test_an_answer_by_callback_is_a_row_until_it_comes(lab: Lab, hive: FormHive) -> None:
    """A person decides: the form says whom it waits for, and Run can be pressed again meanwhile."""
    form = _form(lab, "later")
    form.get_by_label("Run in the background").check()
    form.locator("button.fh-run").click()
    hive.wait_approval(timeout_s=PATIENCE_S)
    rows = form.locator(".fh-pending")
    expect(rows).to_contain_text("1 run is waited for")
    lab.run(AT["later-ask"])
    expect(rows).to_contain_text("finance: Refund 120?")
    expect(form.locator("button.fh-run")).to_be_enabled()
    pictures(lab, "pending", form)
    hive.decide(approve=True)
    expect(form.locator(".fh-results")).to_contain_text("paid")
    expect(rows).to_have_text("")
    assert "('paid', [])" in _read(lab, "later-read")


@pytest.mark.long
def test_a_form_over_rows_maps_columns_and_runs_a_batch(lab: Lab, hive: FormHive) -> None:
    """The first rows and the number of calls before Run; the progress while it runs; the frame at the end."""
    form = _form(lab, "over")
    expect(form.locator(".fh-problems")).to_have_text("")
    form.get_by_label("ticket").focus()
    form.get_by_label("ticket").press("Tab")
    expect(form.locator(".fh-problems")).to_contain_text("ticket: Required. Choose its column")
    form.get_by_label("ticket").select_option(label="from column body")
    expect(form.locator(".fh-plan")).to_contain_text("40 rows x 1 variant = 40 jobs; 40 calls")
    size = "(text) => getComputedStyle(text).fontSize"
    assert form.locator(".fh-plan .fh").evaluate(size) == form.locator(".fh-preview .fh").evaluate(size)
    expect(form.locator("button.fh-run")).to_have_text("Run 40 calls")
    form.get_by_label("tone").select_option(label="a constant …")
    form.locator(".fh-constant .fh-control select").select_option(label="brief")
    expect(form.locator(".fh-problems")).to_have_text("")
    expect(form.locator(".fh-preview")).to_contain_text("brief")
    expect(form.locator("button.fh-run")).to_have_text("Run 40 calls")
    pictures(lab, "mapping", form)
    form.locator("button.fh-run").click()
    hive.wait_for(1)
    form.locator("button.fh-pause").wait_for()
    pictures(lab, "batch", form)
    hive.hold.set()
    expect(form.locator(".fh-batch-result .fh-completed")).to_have_text("40 completed")
    hive.hold.clear()
    expect(form.locator("button.fh-pause")).to_have_count(0)
    block = form.locator(".fh-batch-result")
    block.get_by_role("button", name="Save to a file").click()
    file = block.get_by_label("File")
    file.fill("of-a-form.csv")
    file.press("Control+Enter")  # that of the form is Run, which would begin another batch
    expect(block.locator(".fh-below")).to_contain_text("Saved of-a-form.csv: 40 rows")
    block.get_by_role("button", name="Browse").click()
    expect(block.locator(".fh-browse")).to_be_visible()
    expect(block.locator(".fh-completed").first).to_have_text("40 completed")
    block.get_by_role("button", name="Close").click()
    pictures(lab, "batch-end", form)
    assert "({'at last': 40}, 40)" in _read(lab, "over-read")


@pytest.mark.long
def test_a_form_grows(lab: Lab, hive: FormHive) -> None:
    """From a name alone to a form that runs: a variable, then a pasted snippet."""
    form = _form(lab, "grow")
    pictures(lab, "grow", form)
    form.locator(".fh-new-name input").fill("ticket")
    form.locator("button.fh-add-variable").click()
    expect(form.locator(".fh-grow-said")).to_contain_text("'ticket'")
    body = '{"deployment": "reply", "variant": "plain", "inputs": {"max_words": 3}}'
    box = form.locator(".fh-snippet textarea")
    box.fill(f"curl https://api.fetchhive.com/v1/workflow/invoke -H 'Authorization: Bearer {KEY}' -d '{body}'")
    box.blur()
    expect(form.locator(".fh-grow-said")).to_contain_text(re.compile("'max_words'.* %fetchhive login"))
    expect(box).to_have_value("")
    form.get_by_role("textbox", name="ticket").fill("Grown.")
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-results")).to_contain_text("Dear customer, Grown.")
    pictures(lab, "grown", form)


def test_no_secret_is_saved_with_the_widgets(lab: Lab, hive: FormHive) -> None:
    """With JupyterLab's own setting to save widget state: a password that was typed and sent is in no file."""
    toggle = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
    form = lab.output(AT["fill"]).locator(".fh-panel")
    form.locator("textarea").first.fill("Keep this.")
    form.locator("input[type=password]").fill(PASSWORD)
    form.locator("button.fh-run").click()
    expect(form.locator(".fh-results")).to_contain_text("Dear customer, Keep this.")
    assert hive.got[-1]["token"] == PASSWORD
    lab.command(toggle)
    try:
        lab.save()
    finally:
        lab.command(toggle)
    saved = (lab.server.root / lab.name).read_text()
    assert "widget-state+json" in saved
    assert "Dear customer, Keep this." in saved
    for secret in (PASSWORD, KEY):
        assert secret not in saved


def test_nbconverts_page_shows_the_last_state_offline(lab: Lab) -> None:
    """What was saved is read without a kernel, a network or a script: what was typed and what came, once."""
    from nbconvert import HTMLExporter

    lab.save()
    made, _ = HTMLExporter().from_filename(str(lab.server.root / lab.name))
    file = lab.server.root / "page.html"
    file.write_text(made)
    page = lab.page.context.new_page()
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    last = page.locator(".fh-form-static").first
    expect(last).to_be_visible()
    expect(last).to_contain_text("Dear customer, Keep this.")
    expect(page.locator(".fh-panel")).to_have_count(0)
    for width in (400, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        save_picture(page, lab.shots, f"form-nbconvert-{width}")
    page.close()
