"""Effort of a person in each flow of a form, by the mouse and by the keyboard alone, at 1,600 x 1,000.

Rule of this file: a bound is what it took when it was measured; what takes less than that may lower it.
"""

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
        clicks=2, scrolls=0, keys=24, keys_alone=76,
    ),
    Change(
        label="Amount claimed", variable="amount", typed="1500", read=1500, clicks=2, scrolls=1, keys=5, keys_alone=22
    ),
    Change(
        label="max_words", variable="max_words", typed="200", read=200, clicks=3, scrolls=1, keys=4, keys_alone=15,
        folded=True,
    ),
)  # fmt: skip
"""Of a field at the beginning of a form that is higher than the window, one in the middle, and one near its end."""


IN_SIGHT: Final = """e => {
    const box = e.getBoundingClientRect(), found = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    return found !== null && e.contains(found);
}"""
"""Whether something can be clicked without a scroll."""


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
    expect(_run(form)).to_be_enabled()  # when all variants have answered: before, it takes no focus
    lab.cell(1).evaluate("cell => cell.scrollIntoView()")
    return form


def _run(form: Locator) -> Locator:
    return form.get_by_role("button", name=re.compile(r"^\W*Run")).first


def _fold(form: Locator) -> Locator:
    return form.get_by_role("button", name=re.compile("optional fields"))


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
            expect(
                form.get_by_label(re.compile(change.label)).first
            ).to_be_in_viewport()  # the form has brought it there
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
    print(f"{change.variable}: {effort}")
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


@pytest.mark.parametrize(
    ("variable", "typed", "keys"), [("subject", "Lost?", 33), ("price", "9", 25), ("max_words", "60", 7)]
)
def test_one_value_of_15_is_changed_by_keyboard(
    lab: Lab, hive: DemoHive, tmp_path: Path, variable: str, typed: str, keys: int
) -> None:
    """From Run, which has the focus after a click on it, back to the field; the answers are in sight."""
    for variant in ("a", "b"):

        @hive.workflow("order", variant=variant)
        def order(**inputs: Any) -> str:
            return f"{inputs['subject']} {inputs['price']} {inputs['max_words']}\n\nYours sincerely"

    with hive.serve() as server:
        form = _answered(lab, server.url, tmp_path, ORDER_FORM)
        effort = Effort(lab.page, by_keyboard=True)
        _run(form).focus()
        effort.reach(form.get_by_label(re.compile(variable)).first)
        effort.press("Control+a")
        effort.type(typed)
        effort.run(_run(form))
        expect(form.get_by_text(re.compile(rf"\b{re.escape(typed)}")).first).to_be_visible()
        effort.look_at(_answer(form))
    assert str(hive.calls[-1].inputs[variable]) == typed
    Most(keys=keys).hold(f"{variable} of 15", effort)


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
            wait_until_at_work(form)  # Tab stops at each field that is there, and each comes by itself
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
    print(f"{change.variable}: {effort}")
    assert effort.clicks == 0
    assert effort.keys <= change.keys_alone


LETTER: Final = (
    "letter = fh.Deployment('letter', variants=['a', 'b'], inputs={'message': fh.text(multiline=True), "
    "'customer': fh.text(), 'priority': fh.choice('low', 'high'), 'max_words': fh.integer(default=120)})\n"
)
"""A form of four fields, of which three must be given."""
EMPTY: Final = "form = fh.form(letter)\nform"
GIVEN: Final = "form = fh.form(letter, values={'message': 'Late.', 'customer': 'Ann', 'priority': 'low'})\nform"

HANDS: Final = pytest.mark.parametrize("by_keyboard", [False, True], ids=["mouse", "keyboard"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """What a flow may take: what it took when it was measured."""

    clicks: int = 0
    scrolls: int = 0
    keys: int = 0

    def hold(self, flow: str, effort: Effort) -> None:
        """Check it, and print what the flow took."""
        print(f"{flow}, by {'keyboard' if effort.by_keyboard else 'mouse'}: {effort}")
        assert effort.clicks <= self.clicks
        assert effort.scrolls <= self.scrolls
        assert effort.keys <= self.keys


@pytest.fixture
def letters(hive: DemoHive) -> DemoHive:
    """The hive, with the deployment of these forms."""
    for variant in ("a", "b"):

        @hive.workflow("letter", variant=variant)
        def letter(**inputs: Any) -> str:
            return f"To {inputs['customer']}, {inputs['priority']}: {inputs['message']}\n\nYours sincerely"

    return hive


def _letter(lab: Lab, url: str, folder: Path, code: str = EMPTY) -> Locator:
    """Return the form, its beginning at the top of the window."""
    write_files(folder)
    lab.resize(1600, 1000)
    lab.open(SETUP.format(folder=str(folder), url=url), LETTER + code, "form.dataset.to_dict('list')")
    lab.run(0)
    form = lab.run(1).locator(".fh-panel")
    _run(form).wait_for()
    wait_until_at_work(form)
    return form


def _field(form: Locator, name: str) -> Locator:
    return form.get_by_label(re.compile(name)).first


def _begin(form: Locator, effort: Effort) -> None:
    """Have the focus where a person is who came to the form by keys: in its first field."""
    if effort.by_keyboard:
        _field(form, "message").focus()


@HANDS
def test_a_form_is_filled_and_run(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """A text, another, a choice, and Run; the field with a default is passed over."""
    with letters.serve() as server:
        form, effort = _letter(lab, server.url, tmp_path), Effort(lab.page, by_keyboard)
        _begin(form, effort)
        effort.reach(_field(form, "message"))
        effort.type("Late.")
        effort.reach(_field(form, "customer"))
        effort.type("Ann")
        effort.choose(_field(form, "priority"), "high")
        effort.run(_run(form))
        expect(form.get_by_text("To Ann, high: Late.").first).to_be_visible()
        effort.look_at(_answer(form))
    assert letters.calls[-1].inputs == {"message": "Late.", "customer": "Ann", "priority": "high"}
    (Most(keys=12) if by_keyboard else Most(clicks=5, keys=8)).hold("fill and run", effort)


@HANDS
def test_a_rejected_run_is_corrected(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """The first wrong field has the focus after Run; a link or Tab leads to the next one."""
    with letters.serve() as server:
        form, effort = _letter(lab, server.url, tmp_path), Effort(lab.page, by_keyboard)
        _begin(form, effort)
        effort.run(_run(form))
        expect(_run(form)).to_have_text(re.compile("3 to correct"))
        expect(_field(form, "message")).to_be_focused()
        effort.type("Late.")
        if by_keyboard:
            effort.reach(_field(form, "customer"))
        else:
            effort.click(form.locator(".fh-status").get_by_role("link", name="customer"))
        expect(_field(form, "customer")).to_be_focused()
        effort.type("Ann")
        effort.choose(_field(form, "priority"), "low")
        expect(_run(form)).not_to_have_text(re.compile("error"))
        effort.run(_run(form))
        expect(form.get_by_text("To Ann, low: Late.").first).to_be_visible()
    (Most(keys=13) if by_keyboard else Most(clicks=5, keys=8)).hold("rejected run and correct", effort)


@HANDS
def test_a_form_is_copied_as_a_cell(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """Copy as, and Copy: the clipboard has it, and the page says so in sight."""
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with letters.serve() as server:
        form, effort = _letter(lab, server.url, tmp_path, GIVEN), Effort(lab.page, by_keyboard)
        _begin(form, effort)
        effort.press_on(form.get_by_role("button", name="Copy as"))
        effort.press_on(form.get_by_role("button", name="Copy", exact=True))
        said = form.locator(".fh-code-bar [role=status]")
        expect(said).to_have_text("Copied.")
        effort.look_at(said)
    assert lab.page.evaluate("() => navigator.clipboard.readText()").startswith(
        "%%fetchhive letter -v a -v b\n"
        "# Not written here: max_words (120). The code sends these defaults all\n# the same, the form does not.\nmessage: Late."
    )
    (Most(keys=20) if by_keyboard else Most(clicks=2)).hold("copy", effort)


@HANDS
def test_inputs_are_added_to_a_batch(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """Two lines, of which one value differs; each is confirmed where it was pressed."""
    with letters.serve() as server:
        form, effort = _letter(lab, server.url, tmp_path, GIVEN), Effort(lab.page, by_keyboard)
        _begin(form, effort)
        add = form.get_by_role("button", name="Add as a row to form.dataset")
        effort.press_on(add)
        expect(form.locator(".fh-added")).to_have_text("Added: 1 row in form.dataset.")
        effort.choose(_field(form, "priority"), "high")
        effort.press_on(add)
        expect(form.locator(".fh-added")).to_have_text("Added: 2 rows in form.dataset.")
        effort.look_at(form.locator(".fh-added"))
        assert "'priority': ['low', 'high']" in lab.read(lab.run(2), r"\S")
    (Most(keys=38) if by_keyboard else Most(clicks=4)).hold("add to batch", effort)


@HANDS
def test_an_earlier_call_is_filled_in_and_run(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """The inputs of the call before are in the fields again, and run."""
    with letters.serve() as server:
        form, effort = _letter(lab, server.url, tmp_path, GIVEN), Effort(lab.page, by_keyboard)
        for customer in ("Ann", "Ben"):
            _field(form, "customer").fill(customer)
            _run(form).click()
            expect(form.get_by_text(f"To {customer}, low: Late.").first).to_be_visible()
            expect(_run(form)).to_be_enabled()
        _begin(form, effort)
        effort.press_on(form.get_by_role("button", name="Earlier calls"))
        ann = form.locator("table.fh-earlier tbody tr").filter(has_text="Ann")
        effort.press_on(ann.get_by_role("button", name="Fill in"))
        expect(_field(form, "customer")).to_have_value("Ann")
        effort.run(_run(form))
        expect(form.get_by_text("To Ann, low: Late.").first).to_be_visible()
    assert letters.calls[-1].inputs["customer"] == "Ann"
    (Most(keys=21) if by_keyboard else Most(clicks=3)).hold("earlier calls", effort)


@HANDS
def test_the_answers_of_an_earlier_call_come_into_sight(
    lab: Lab, hive: DemoHive, tmp_path: Path, by_keyboard: bool
) -> None:
    """In a form whose answers fill the window, the list and then the answers are where a person looks, without a scroll."""
    with hive.serve() as server:
        form, effort = _answered(lab, server.url, tmp_path), Effort(lab.page, by_keyboard)
        _run(form).focus()
        earlier = form.get_by_role("button", name="Earlier calls")
        if not by_keyboard:
            lab.cell(1).evaluate("cell => cell.scrollIntoView()")
        effort.press_on(earlier)
        answers = form.locator("table.fh-earlier tbody tr").first.get_by_role("button", name="Answers")
        answers.wait_for()
        assert answers.evaluate(IN_SIGHT)
        effort.press_on(answers)
        shown = form.locator(".fh-earlier-answers")
        expect(shown).to_contain_text("Yours sincerely")
        effort.look_at(shown.locator(".fh-head").first)
    (Most(keys=24) if by_keyboard else Most(clicks=2, scrolls=1)).hold("answers of an earlier call", effort)


@HANDS
def test_code_is_inserted_as_a_cell(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """A button opens the code, another one puts it below the form, in sight."""
    with letters.serve() as server:
        form, effort = _letter(lab, server.url, tmp_path, GIVEN), Effort(lab.page, by_keyboard)
        _begin(form, effort)
        effort.press_on(form.get_by_role("button", name="Copy as code"))
        effort.press_on(form.get_by_role("button", name="Insert as a cell below"))
        inserted = lab.cell(2).locator(".jp-InputArea-editor")
        expect(inserted).to_contain_text("%%fetchhive letter")
        effort.look_at(inserted)
    (Most(keys=21) if by_keyboard else Most(clicks=2)).hold("insert as a cell", effort)


@HANDS
def test_an_app_is_filled_and_run(lab: Lab, letters: DemoHive, tmp_path: Path, by_keyboard: bool) -> None:
    """As another form: two texts, a choice, and Run."""
    with letters.serve() as server:
        app = EMPTY.replace(")", ", app=True)")
        form, effort = _letter(lab, server.url, tmp_path, app), Effort(lab.page, by_keyboard)
        _begin(form, effort)
        effort.reach(_field(form, "message"))
        effort.type("Late.")
        effort.reach(_field(form, "customer"))
        effort.type("Ann")
        effort.choose(_field(form, "priority"), "high")
        effort.run(_run(form))
        expect(form.get_by_text("To Ann, high: Late.").first).to_be_visible()
        effort.look_at(_answer(form))
    (Most(keys=12) if by_keyboard else Most(clicks=5, keys=8)).hold("app", effort)
