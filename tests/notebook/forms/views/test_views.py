"""The widgets of a form without a page: what they show, and what a change of each does."""

from __future__ import annotations

import gc
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.core import hooks
from fh_notebook.core.text import html
from fh_notebook.errors import AuthError, InputError, SettingsError
from fh_notebook.local import LocalHive, ask_human
from fh_notebook.notebook.forms.control.submission import stopped_text
from fh_notebook.notebook.forms.fields.base import field_anchor
from fh_notebook.notebook.forms.static import pending_page, waited_text
from fh_notebook.notebook.forms.views import batch_view
from fh_notebook.notebook.progress.batch_block import BatchBlock
from fh_notebook.notebook.results.state import app_run
from fh_notebook.notebook.ui.latest_task import LatestTask
from fh_notebook.notebook.ui.page_widget import OwnKeys
from tests.notebook.forms.form_hive import PASSWORD, FormHive
from tests.told import tells

PATIENCE_S = 30.0
REPLY = fh.Deployment(
    "reply",
    variants=["plain", "other", "held"],
    description="<script>alert(1)</script> drafts a reply.",
    inputs={
        "ticket": fh.text(),
        "tone": fh.choice("calm", "brief", required=False),
        "max_words": fh.integer(default=120, minimum=1),
        "token": fh.text(secret=True, required=False),
    },
)


@pytest.fixture
def hive() -> Iterator[FormHive]:
    """In process."""
    hive = FormHive()
    yield hive
    hive.hold.set()


@pytest.fixture(autouse=True)
def _all_is_shown() -> Iterator[None]:
    """What came of a batch is shown after its end: no widget of a test comes in the next one."""
    yield
    for block in [thing for thing in gc.get_objects() if type(thing) is BatchBlock]:
        block.wait(PATIENCE_S)


@pytest.fixture
def human() -> LocalHive:
    """A hive whose one workflow waits for a person."""
    hive = LocalHive()

    @hive.workflow("refund", variant="v", human="finance")
    def refund(amount: int) -> str:
        return "paid" if ask_human(f"Refund {amount}?").approved else "refused"

    return hive


def _all(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all(child)


def _of(form: fh.Form, dom_class: str) -> Any:
    found = [widget for widget in _all(form.widget) if dom_class in widget._dom_classes]
    assert found, f"there is no {dom_class}"
    return found[0]


Sign = str | Callable[[Any], object]
"""What a part has once it shows something: a text, or what is asked of its value."""


def _has(value: Any, sign: Sign) -> bool:
    return sign in str(value) if isinstance(sign, str) else bool(sign(value))


def _read(page: object) -> str:
    """What is read in HTML."""
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", str(page), flags=re.DOTALL))


def _told(*values: object) -> Sign:
    """Each of these, as words and numbers that are read."""
    return lambda page: tells(_read(page), *values)


def _waiting(number: int) -> Sign:
    """So many rows of runs that are waited for."""
    return lambda page: page.count('class="fh-pending-row"') == number


def _until(shows: Any, sign: Sign, trait: str = "value") -> None:
    """Wait until a trait of a widget has it: it is set by another thread."""
    came = threading.Event()

    def look(_: Any = None) -> None:
        if _has(getattr(shows, trait), sign):
            came.set()

    shows.observe(look, trait)
    look()
    assert came.wait(PATIENCE_S), f"{sign!r} did not come; there is {getattr(shows, trait)!r}"


def _until_disabled(button: Any, *, is_it: bool = True) -> None:
    _until(button, lambda disabled: disabled is is_it, "disabled")


def _until_text(form: fh.Form, text: str) -> None:
    """Wait until some part of the form's results says `text`."""
    form._core.newest.wait()
    [column] = [widget for widget in _all(form.widget) if "fh-column" in widget._dom_classes]
    _until(next(part for part in column.children if hasattr(part, "value") and text in part.value), text)


def _until_block(form: fh.Form, sign: Sign) -> None:
    """Wait until the block of the form's batch shows it."""
    came, place = threading.Event(), _of(form, "fh-batch-result")

    def look(_: Any = None) -> None:
        for widget in _all(place):
            widget.observe(look, [name for name in ("children", "value") if widget.has_trait(name)])
            if _has(str(getattr(widget, "value", "")), sign):
                came.set()

    look()
    assert came.wait(PATIENCE_S), f"{sign!r} did not come"


def _words(form: fh.Form) -> str:
    """What is read in the form."""
    shown = "".join(
        str(getattr(widget, trait, "")) for widget in _all(form.widget) for trait in ("value", "description")
    )
    return re.sub(r"<style>.*?</style>|<[^>]*>", "", shown, flags=re.DOTALL)


def _act(form: fh.Form, name: str) -> None:
    """Do what a click in the form's HTML does: its script tells the kernel the name."""
    [keys] = [widget for widget in _all(form.widget) if isinstance(widget, OwnKeys)]
    keys._handle_custom_msg({"act": name}, [])


def _open(form: fh.Form, name: str) -> None:
    _of(form, f"fh-open-{name}").value = True


# --- the row that runs it


def test_a_click_on_another_thread_counts_while_a_cell_shows_the_form(hive: FormHive) -> None:
    """A kernel with subshells: what a person does meanwhile is none of what the cell puts in."""
    form = fh.form(REPLY, client=hive.client())
    repeats, clicked = _of(form, "fh-repeats"), []

    def click(_: Any) -> None:
        if not clicked:
            thread = threading.Thread(target=setattr, args=(repeats, "value", 5), name="subshell")
            clicked.append(thread)
            thread.start()
            thread.join(PATIENCE_S)

    _of(form, "fh-run").observe(click, "description")
    form.variants = ["plain"]  # shown on this thread, in the midst of which the other one is heard
    assert (form.repeats, _of(form, "fh-run").description) == (5, "Run 5 calls")


def test_each_variant_has_a_box(hive: FormHive) -> None:
    """What is checked is what runs, in its order; Run says how many calls that is."""
    form = fh.form(REPLY, client=hive.client())
    boxes = [widget for widget in _all(form.widget) if "fh-variant" in widget._dom_classes]
    assert [(box.description, box.value) for box in boxes] == [("plain", True), ("other", True), ("held", True)]
    boxes[0].value = False
    assert form.variants == ("other", "held")
    assert _of(form, "fh-run").description == "Run 2 calls"
    _of(form, "fh-repeats").value = 3
    assert (form.repeats, _of(form, "fh-run").description) == (3, "Run 6 calls")
    form.variants, form.repeats = "plain", 1
    assert [box.value for box in boxes] == [True, False, False]
    assert _of(form, "fh-run").description == "Run"
    boxes[0].value = False
    _of(form, "fh-run").click()
    status = _of(form, "fh-status").value
    assert re.findall('data-go="([^"]*)"', status) == [field_anchor(("ticket",))]
    assert tells(_read(status), "1", "ticket")
    assert _of(form, "fh-run").description == "Run · 2 to correct"


def test_what_a_deployment_does_goes_in_its_own_direction() -> None:
    """A description from right to left, in the form and in what stands in for it in a saved notebook."""
    hebrew = "החבילה (ABC-12) לא הגיעה"
    form = fh.form(fh.Deployment("reply", variants=["a"], description=hebrew, inputs={}))
    static = form._repr_mimebundle_()["text/html"]
    for page in (form._view.widget.children[0].value, static):
        assert f'<div class="fh-dim" dir="rtl">{hebrew}</div>' in page


def test_many_variants_are_a_list() -> None:
    """More boxes than a row holds are none that anybody reads."""
    form = fh.form(fh.Deployment("d", variants=[f"v{i}" for i in range(40)]), variants=["v3"])
    chosen = _of(form, "fh-variant")
    assert (len(chosen.options), chosen.value) == (40, ("v3",))
    chosen.value = ("v1", "v7")
    assert form.variants == ("v1", "v7")
    form.variants = "v9"
    assert chosen.value == ("v9",)


def test_where_no_variant_is_known_its_name_is_typed() -> None:
    """Several, separated by commas."""
    form = fh.form(fh.Deployment("d"))
    typed = _of(form, "fh-variant-name")
    typed.value = "a, b,,a"
    assert form.variants == ("a", "b")
    typed.value = ""
    assert form.variants == ()
    form.variants = "c"
    assert typed.value == "c"


# --- running


def test_what_was_sent_before_anybody_looked_is_shown(hive: FormHive) -> None:
    """A form that a cell ran shows its results when it is displayed later."""
    form = fh.form(REPLY, variants=["plain", "other"], values={"ticket": "Late."}, client=hive.client())
    form.submit().wait()
    said = "".join(
        getattr(widget, "value", "") for widget in _all(form.widget) if isinstance(getattr(widget, "value", ""), str)
    )
    assert "Dear customer, Late." in said
    assert tells(_read(said), "2 of 2")
    assert _of(form, "fh-cancel").disabled


def test_a_variant_keeps_its_colour_where_others_are_left_out(hive: FormHive) -> None:
    """In the page and in what stands in for it: it has the one that it has beside all others."""
    form = fh.form(REPLY, variants=["plain", "other"], values={"ticket": "Late."}, client=hive.client())
    form.submit().wait()
    whole = [*html.colours_of(REPLY.variants).values()]
    assert _colours(form) == whole[:2]
    grown = fh.Deployment("reply", variants=["first", *REPLY.variants], inputs=REPLY.inputs)
    form = fh.form(grown, variants=["plain", "other"], values={"ticket": "Late."}, client=hive.client())
    form.submit().wait()
    assert _colours(form) == [*html.colours_of(grown.variants).values()][1:3]


def _colours(form: fh.Form) -> list[str]:
    """The colours of the answers, which are the same in the page and in what stands in for it."""
    results = _of(form, "fh-results")
    live = "".join(getattr(part, "value", "") for part in _all(results) if isinstance(getattr(part, "value", ""), str))
    found = [re.findall(r'fill="(#\w+)"', page) for page in (live, form._repr_html_())]
    assert found[0] == found[1]
    return found[0]


def test_a_click_sends_and_another_one_cancels(hive: FormHive) -> None:
    """The click returns while the call is out."""
    form = fh.form(REPLY, variants="held", values={"ticket": "Late."}, client=hive.client())
    _of(form, "fh-run").click()
    hive.wait_for(1)
    assert not _of(form, "fh-cancel").disabled
    _of(form, "fh-cancel").click()
    _until_disabled(_of(form, "fh-run"), is_it=False)
    assert _of(form, "fh-cancel").disabled
    assert form._core.newest.was_sent
    assert form._core.newest.stopped
    assert form._core.newest.stopped in repr(form)


def test_a_second_click_does_not_pay_a_second_time(hive: FormHive) -> None:
    """While calls are out Run is off and Cancel is on; a click that was on its way already sends nothing."""
    form = fh.form(REPLY, variants="held", values={"ticket": "Late."}, client=hive.client())
    run = _of(form, "fh-run")
    run.click()
    assert run.disabled
    before = _of(form, "fh-status").value
    run.click()
    assert _read(_of(form, "fh-status").value) not in ("", _read(before))
    hive.wait_for(1)
    hive.hold.set()
    _until_disabled(run, is_it=False)
    assert len(hive.got) == 1


@pytest.mark.long
def test_a_direct_call_that_waits_for_a_tool_is_a_row_until_it_is_decided() -> None:
    """The status is shown once, with the question; the answer is the outcome."""
    hive = LocalHive()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        return "paid" if ask_human(f"Refund {amount}?", tool="payments").approved else "refused"

    client = hive.client()
    form = fh.form("refund", values={"amount": 120}, client=client)
    rows = _of(form, "fh-pending")
    _of(form, "fh-run").click()
    _until(rows, "Refund 120?")
    page = "".join(str(getattr(widget, "value", "")) for widget in _all(form.widget))
    assert page.count(">waiting for a decision</span>") == 1
    assert "waited for</span>" in page
    assert form.delivery == "direct"
    client.approvals()[0].decide("allow_once")
    form.pending[0].refresh()
    assert form._core.newest.wait()[0].output == "paid"
    assert rows.value == ""


def test_an_answer_by_callback_is_a_row_until_it_comes(human: LocalHive) -> None:
    """The switch makes it so; the row says how far the run is, and Run can be pressed for another one meanwhile."""
    form = fh.form("refund", values={"amount": 120}, client=human.client())
    run, switch, rows = _of(form, "fh-run"), _of(form, "fh-by-callback"), _of(form, "fh-pending")
    assert (switch.value, form.delivery) == (False, "direct")
    run.click()
    _until_text(form, f"&quot;{switch.description}&quot;")
    switch.value = True
    assert form.delivery == "callback"
    run.click()
    human.wait_approval()
    _until(rows, _waiting(1))
    first = form.pending[0]
    assert first.request_id in rows.value
    first.refresh()
    _until(rows, "Refund 120?")
    assert "finance" in rows.value
    assert "refund/v: awaiting_approval" in repr(form)
    assert re.search(r"\b0 of 1 \w+, 1 \w+", repr(form))
    assert not run.disabled
    form.fields["amount"].value = 7
    run.click()
    _until(rows, _waiting(2))
    human.decide(first.request_id, True)
    _until(rows, _waiting(1))
    assert first.run.output == "paid"
    human.wait_approval()
    human.decide(form.pending[0].request_id, approve=False)
    form._core.newest.wait()
    assert (rows.value, _of(form, "fh-cancel").disabled) == ("", True)
    assert (form.run.output, form.run.inputs, form.pending) == ("refused", {"amount": 7}, [])


def test_a_cancel_ends_the_waiting_and_not_the_run(human: LocalHive) -> None:
    """What goes on at the service is said, and can be waited for again."""
    form = fh.form("refund", values={"amount": 1}, client=human.client())
    form.delivery = "callback"
    _of(form, "fh-run").click()
    human.wait_approval()
    _until(_of(form, "fh-pending"), _waiting(1))
    (pending,) = form.pending
    _of(form, "fh-cancel").click()
    form._core.newest.wait()
    assert re.search(r"\b1\b.*\bfh\.reattach\(\)", repr(form))
    assert not pending.waiting
    assert _of(form, "fh-pending").value == ""
    human.decide(pending.request_id, True)
    with pytest.raises(SettingsError, match="'pigeon'.*'direct'.*'callback'.*'poll'"):
        form.delivery = "pigeon"


def test_an_empty_field_that_must_be_given_is_told_once_it_was_left(hive: FormHive) -> None:
    """Beside it, and nothing else is told."""
    inputs = {"ticket": fh.text(), "who": fh.group({"name": fh.text(), "zip": fh.text()}), "note": fh.text()}
    form = fh.form(fh.Deployment("reply", variants=["plain"], inputs=inputs), client=hive.client())
    assert not re.search('class="fh-(error|problem)"', form._repr_html_() + _texts(form))
    _act(form, f"left {field_anchor(('who', 'name'))}")
    assert _texts(form).count('class="fh-problem"') == 1
    shown = [state.path for state in form._core.model.walk() if state.shown_problems]
    assert shown == [("who", "name")]
    form.fields["who"].fields["name"].value = "Ada"
    assert 'class="fh-problem"' not in _texts(form)
    assert _read(_of(form, "fh-status").value).strip() == ""


def _texts(form: fh.Form) -> str:
    return "".join(widget.value for widget in _all(form.widget) if type(widget).__name__ == "HTML")


def test_how_far_a_run_is_stands_beside_run(hive: FormHive) -> None:
    """And so does why it ended."""
    form = fh.form(REPLY, variants="plain", values={"ticket": "Late."}, client=hive.client())
    assert _of(form, "fh-progress").value == ""
    form.submit().wait()
    _until(_of(form, "fh-progress"), _told("1 of 1"))


# --- what can be opened


def test_the_request_of_three_variants_names_both_others(hive: FormHive) -> None:
    """Of the first one all is shown."""
    form = fh.form(fh.Deployment("d", variants=["a", "b", "c"], inputs={}), client=hive.client())
    _open(form, "request")
    _until(_of(form, "fh-request"), _told("3", "b, c"))


def test_the_request_is_exactly_what_is_sent(hive: FormHive) -> None:
    """All of a long text too; the key and the password are masked; it follows what is typed."""
    form = fh.form(REPLY, variants=["plain", "other"], client=hive.client())
    _open(form, "request")
    shown = _of(form, "fh-request")
    _until(shown, 'class="fh-error"')
    long = "x" * 5_000
    form.fields["token"].value = PASSWORD
    form.fields["ticket"].value = long
    _until(shown, long[:3_000])
    assert "Authorization: Bearer ***" in shown.value
    assert re.search(r'class="fh-dim">[^<]*\b2\b[^<]*\bother</div>', shown.value)
    assert shown.value.count("x") >= len(long)
    assert PASSWORD not in shown.value
    assert [re.findall(r"\btone\b|\bmax_words.*", told) for told in _sent_as(shown.value)] == [
        ["tone"],
        ["max_words (120)"],
    ]
    form.fields["max_words"].value = 120
    _until(shown, lambda page: any(told.endswith(" max_words") for told in _sent_as(page)))
    assert "(120)" not in shown.value
    form.variants = []
    _until(shown, lambda page: 'class="fh fh-error"' in page and tells(_read(page), "variant"))


def _sent_as(page: str) -> list[str]:
    """The lines below a request: of each way in which a variable takes no value of the form, its variables."""
    return re.findall(r'class="fh-sent-as"[^>]*>([^<]*)<', page)


def test_without_a_key_the_request_says_what_is_missing() -> None:
    """In one line, and nothing breaks."""

    class NoClient:
        """Not a client."""

    form = fh.form(REPLY, client=NoClient())  # type: ignore[arg-type]
    _open(form, "request")
    _until(_of(form, "fh-request"), _told("fh.Client(...)", "None"))
    form.fields["ticket"].value = "x"
    with pytest.raises(SettingsError):
        form.submit().wait()


def test_a_copy_follows_what_is_typed_and_has_no_secret(hive: FormHive) -> None:
    """As a cell, as Python, as curl to the service's own address where the hive has none."""
    form = fh.form(REPLY, variants="plain", values={"ticket": "Late.", "token": PASSWORD}, client=hive.client())
    _open(form, "copy")
    shown, way = _of(form, "fh-copy-text"), _of(form, "fh-copy-as")
    assert "%%fetchhive reply -v plain" in shown.value
    assert re.search(r"^# (?:[^\n]*\n# )*[^\n]*\bmax_words\s(?:# )?\(120\)", shown.value, re.MULTILINE)
    form.fields["max_words"].value = 120
    assert "(120)" not in shown.value
    form.fields["ticket"].value = "Lost."
    assert "Lost." in shown.value
    way.value = "Python"
    assert "fh.invoke(" in shown.value
    way.value = "curl"
    _until(shown, "https://api.fetchhive.com/v1/workflow/invoke")
    assert re.search(r"\bapi\.fetchhive\.com", shown.value)
    assert "YOUR_TOKEN" in shown.value
    assert PASSWORD not in shown.value
    way.value = "PowerShell"
    assert "Invoke-RestMethod &#x27;https://api.fetchhive.com/v1/workflow/invoke&#x27;" in shown.value
    assert "YOUR_TOKEN" in shown.value
    assert PASSWORD not in shown.value
    form.fields["ticket"].value = "Lost again."
    assert "Lost again." in shown.value
    form.variants = []
    _of(form, "fh-open-copy").value = False
    form.fields["ticket"].value = "Not followed while it is closed."
    assert "Not followed" not in shown.value


def test_a_copy_says_where_the_code_would_call(hive: FormHive) -> None:
    """The client that a form was given is in no cell and no Python code: the notebook's own takes its place."""
    fh.configure(base_url="https://hive.example.com/v1", api_key="fhk_" + "0123456789abcdef")
    form = fh.form(REPLY, variants="plain", values={"ticket": "Late."}, client=hive.client())
    _open(form, "copy")
    shown, way = _of(form, "fh-copy-text"), _of(form, "fh-copy-as")
    for choice in ("cell", "Python"):
        way.value = choice
        _until(shown, _told("hive.example.com"))
        assert re.search(r"\bclient=", unescape(shown.value))
        code = unescape(shown.value).partition("<pre")[2]
        assert re.search(r"^[^\n]*# [^\n]*\bhive\.example\.com\b", code, re.MULTILINE)  # in what is copied, too
    plain = fh.form(REPLY, variants="plain", values={"ticket": "Late."})
    _open(plain, "copy")
    assert "hive.example.com" not in _of(plain, "fh-copy-text").value


def test_earlier_calls_fill_the_form_and_leave_a_typed_password(hive: FormHive) -> None:
    """A secret is not kept, so what was typed for it stays; what was not sent then is not set now."""
    form = fh.form(REPLY, variants="plain", values={"ticket": "First.", "token": PASSWORD}, client=hive.client())
    form.fields["max_words"].value = fh.UNSET
    form.submit().wait()
    form.fields["ticket"].value, form.fields["tone"].value = "Second.", "brief"
    _open(form, "history")
    table = _of(form, "fh-history")
    _until(table, "earlier-fill 0")
    assert "First." in table.value
    assert "plain: completed" in unescape(re.sub(r"<[^>]*>", "", table.value))
    _act(form, "earlier-show 0")
    _until(_of(form, "fh-earlier-answers"), "Dear customer, First.")
    heading = re.search(r'role="heading" aria-level="4">([^<]*)<', _of(form, "fh-earlier-answers").value)
    assert heading is not None
    assert re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d UTC$", heading[1])
    assert "fh-is-last" in _of(form, "fh-earlier-answers").value
    assert form.value["ticket"] == "Second."
    _act(form, "earlier-fill 0")
    assert form.value == {"ticket": "First.", "token": PASSWORD}
    assert form.fields["tone"].value is fh.UNSET
    form.fields["ticket"].value = "Second."
    form.submit().wait()
    _until(table, "Second.")
    _act(form, "earlier-show 1")  # no longer the last one
    _until(_of(form, "fh-earlier-answers"), lambda page: "fh-is-last" not in page)


def test_inputs_are_collected_by_a_click(hive: FormHive) -> None:
    """What does not fit is not, and that is said."""
    form = fh.form(REPLY, client=hive.client())
    _of(form, "fh-add").click()
    said = _of(form, "fh-added")
    assert tells(_read(said.value), "ticket")
    assert form.dataset.empty
    form.fields["ticket"].value = "Late."
    assert said.value == ""
    _of(form, "fh-add").click()
    assert tells(_read(said.value), "1", "form.dataset")
    assert _of(form, "fh-add").description.endswith(" (1)")
    assert form.dataset["ticket"].tolist() == ["Late."]


def test_the_same_inputs_are_collected_twice_only_when_that_is_meant(hive: FormHive) -> None:
    """The first click says that they are there already, the next one adds them; an edit between asks anew."""
    form = fh.form(REPLY, values={"ticket": "Late."}, client=hive.client())
    add, said = _of(form, "fh-add"), _of(form, "fh-added")
    add.click()
    add.click()
    assert re.search(r"\b1\b.*\bform\.dataset", said.value)
    assert len(form.dataset) == 1
    form.fields["ticket"].value = "Lost."
    form.fields["ticket"].value = "Late."
    add.click()
    assert len(form.dataset) == 1
    add.click()
    assert form.dataset["ticket"].tolist() == ["Late.", "Late."]
    assert add.description.endswith(" (2)")


def test_a_form_for_an_app_has_no_tools_and_speaks_of_no_service(hive: FormHive) -> None:
    """No request, code, batch, repeats or delivery; an error says what to do, and the run has all."""
    with hive.serve() as server:
        client = fh.Client(api_key="fhk_" + "not_this_one", base_url=server.url)
        form = fh.form(REPLY, variants=["plain", "other"], values={"ticket": "Late."}, client=client, app=True)
        rows = fh.form(REPLY, variants="plain", over=[{"ticket": "Late."}], client=client, app=True)
        for one in (form, rows):
            classes = {name for widget in _all(one.widget) for name in widget._dom_classes}
            assert "fh-run" in classes
            assert not classes & {"fh-tools", "fh-repeats", "fh-by-callback", "fh-open-request", "fh-add"}
        with pytest.raises(AuthError):
            form.submit().wait()
    shown = "".join(str(getattr(widget, "value", "")) for widget in _all(form.widget))
    words = re.sub(r"<style>.*?</style>|<[^>]*>", "", shown, flags=re.DOTALL)
    assert str(app_run(form.run).error) in unescape(words)
    assert not [word for word in ("127.0.0.1", "hive", "fh.configure", "key", "req_") if word in words]
    assert _of(form, "fh-run").description == "Run"
    assert form.run.status_code == 401


@pytest.mark.parametrize("is_app", [False, True])
def test_users_of_an_app_read_what_became_of_a_call_in_their_words(hive: FormHive, is_app: bool) -> None:
    """Of an answer that did not come and of a cancelled run: nothing of logs, of code or of the service."""
    form = fh.form(REPLY, variants=["plain"], values={"ticket": "Late."}, client=hive.client(), app=is_app)
    _of(form, "fh-run")  # the widgets are made
    submission = form.submit()
    submission.wait()
    submission.stopped, submission.was_sent = stopped_text(1, came=0, waits=1), True
    submission._waits = dict.fromkeys([1])  # type: ignore[assignment]  # whose pending run nobody asks here
    lost = fh.Run(status="unknown", error="no answer came in time", error_code="read_timeout")
    form._view.came(submission, 0, lost)
    form._view.ended(submission)
    shown = "".join(str(getattr(widget, "value", "")) for widget in _all(form.widget))
    words = re.sub(r"<style>.*?</style>|<[^>]*>", "", shown, flags=re.DOTALL)
    assert (str(app_run(lost).error) in unescape(words)) is is_app
    for code in ("no answer came in time", "fh.reattach()", "fh.configure"):
        assert (code in words) is not is_app, code


@pytest.mark.parametrize("is_app", [False, True])
def test_users_of_an_app_read_of_a_waiting_run_that_its_answer_comes(human: LocalHive, is_app: bool) -> None:
    """With the widgets and without: no id, no error of the service, nobody's name, and nothing of code."""
    form = fh.form("refund", values={"amount": 120}, client=human.client(), app=is_app)
    form.delivery = "callback"
    rows = _of(form, "fh-pending")
    _of(form, "fh-run").click()
    human.wait_approval()
    _until(rows, _waiting(1))
    (pending,) = form.pending
    pending.refresh()
    pending.trouble = "the receiver at http://127.0.0.1:9 does not answer; see fh.pending()"
    form._view.waited()
    identity = pending.request_id
    for words in (rows.value, form._repr_html_(), repr(form)):
        for word in ("127.0.0.1", "fh.pending()", "finance", "Refund 120?"):
            assert (word in words) is not is_app, word
    assert (identity in rows.value) is not is_app
    assert waited_text(pending, is_app=is_app) in unescape(rows.value)
    assert waited_text(pending, is_app=True)
    many = str(pending_page([pending] * 21, is_app=is_app))
    assert re.search(r'class="fh-dim">[^<]*\b1\b', many)
    assert ("form.pending" in many) is not is_app
    human.decide(identity, True)
    form._core.newest.wait()
    assert (identity in form._repr_html_()) is not is_app


@pytest.mark.parametrize("is_app", [False, True])
def test_a_form_over_rows_without_widgets_tells_users_of_an_app_how_far_it_is(hive: FormHive, is_app: bool) -> None:
    """And nothing of its batch, the store and what to type."""
    rows = [{"ticket": "Late."}, {"ticket": "Lost."}]
    form = fh.form(REPLY, variants="plain", over=rows, client=hive.client(), app=is_app)
    batch = form.submit().wait()
    for words in (re.sub(r"<style>.*?</style>", "", form._repr_html_(), flags=re.DOTALL), repr(form)):
        assert tells(_read(words), "2 of 2")
        assert (batch.name in words) is not is_app


def test_a_form_without_widgets_tells_users_of_an_app_of_no_hive() -> None:
    """Of a file that only a process has, nothing but its name."""
    hive = LocalHive()

    @hive.workflow("draw", variant="v")
    def draw(text: str) -> dict[str, Any]:
        return {"assets": [{"file_url": "http://local/x.png", "file_name": "x.png"}]}

    dep = fh.Deployment("draw", variants=["v"], inputs={"text": fh.text()})
    pages = {}
    for is_app in (False, True):
        form = fh.form(dep, values={"text": "a"}, client=hive.client(), app=is_app)
        form.submit().wait()
        pages[is_app] = form._repr_html_()
        assert "x.png" in pages[is_app]
    assert "hive" not in pages[True]
    assert len(pages[True]) < len(pages[False])


def test_an_app_is_yes_or_no() -> None:
    """Anything else is refused."""
    with pytest.raises(InputError, match="'yes'"):
        fh.form(REPLY, app="yes")  # type: ignore[arg-type]


def test_a_form_grows_and_keeps_what_was_typed(hive: FormHive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New fields come, the typed value stays, and one click saves the deployment."""
    monkeypatch.chdir(tmp_path)
    form = fh.form(fh.Deployment("reply"), variants="plain", client=hive.client())
    before = []
    for name, kind in (("ticket", "text"), ("max_words", "whole number")):
        before += list(_all(_of(form, "fh-form")))
        _of(form, "fh-new-name").value, _of(form, "fh-new-kind").value = name, kind
        _of(form, "fh-add-variable").click()
        if name == "ticket":
            form.fields["ticket"].value = "Late."
    assert form.value == {"ticket": "Late."}
    assert form.deployment.variable_names == ["ticket", "max_words"]
    assert not [widget for widget in before if widget.comm is not None]  # the fields before are closed, each of them
    _of(form, "fh-add-variable").click()
    assert 'class="fh fh-error"' in _of(form, "fh-grow-said").value
    assert form.deployment.variable_names == ["ticket", "max_words"]
    _of(form, "fh-save").click()
    assert re.search(r"\bfetchhive\.yaml", _of(form, "fh-grow-said").value)
    assert list(fh.form("reply").fields) == ["ticket", "max_words"]
    form.fields["max_words"].value = 3
    assert [run.status for run in form.submit().wait()] == ["completed"]


def test_a_placeholder_is_replaced_by_a_name(hive: FormHive) -> None:
    """Before anything is sent."""
    pasted = fh.Deployment.from_snippet(
        '{"deployment": "YOUR_DEPLOYMENT_NAME", "variant": "plain", "inputs": {"ticket": "x"}}'
    )
    form = fh.form(pasted, client=hive.client())
    _of(form, "fh-run").click()
    assert 'class="fh fh-error"' in _of(form, "fh-status").value
    assert (_of(form, "fh-run").description, hive.got) == ("Run · 1 to correct", [])
    _of(form, "fh-deployment-name").value = "reply"
    _of(form, "fh-rename").click()
    assert form.deployment.name == "reply"
    assert [run.status for run in form.submit().wait()] == ["completed"]


def test_what_others_wrote_is_shown_as_text(hive: FormHive) -> None:
    """A description, a name of a variable, a column: none of it is ever HTML."""
    bad = "<img src=x onerror=alert(1)>"
    frame = pd.DataFrame({bad: [bad], "ticket": [bad]})
    dep = fh.Deployment("d", variants=[bad], inputs={bad: fh.text(), "ticket": fh.text()}, description=bad)
    for form in (fh.form(dep, values={"ticket": bad}), fh.form(dep, over=frame)):
        markup = [w.value for w in _all(form.widget) if type(w).__name__ == "HTML"] + [form._repr_html_()]
        assert not [value for value in markup if "<img" in value]
        labels = [w.description for w in _all(form.widget) if getattr(w, "description_allow_html", False)]
        assert not [label for label in labels if "<img" in label]


# --- over rows


@pytest.fixture
def over(hive: FormHive) -> fh.Form:
    """Over two rows."""
    return fh.form(REPLY, over=[{"body": "Late."}, {"body": "Lost."}], variants="plain", client=hive.client())


def _line(form: fh.Form, name: str) -> Any:
    return next(w for w in _all(form.widget) if "fh-from" in w._dom_classes and w.description == name)


def test_a_variable_takes_a_column_a_constant_or_nothing(over: fh.Form) -> None:
    """What is chosen shows in the rows as they would be sent; Run says how many calls."""
    assert _line(over, "max_words").label == "default: 120"
    _line(over, "ticket").value = ("column", "body")
    _until(_of(over, "fh-plan"), _told("2 rows x 1 variant = 2 jobs", "2 calls"))
    _until(_of(over, "fh-run"), "Run 2 calls", "description")
    _until(_of(over, "fh-run"), ": 2 calls", "tooltip")
    _line(over, "tone").value = ("constant", "")
    assert over.fields["tone"].value is fh.UNSET  # until one is chosen
    [chosen] = [part for part in _all(_of(over, "fh-constant")) if getattr(part, "options", ())]
    assert [label for label, _ in chosen.options] == ["not sent", "calm", "brief"]
    over.fields["tone"].value = "brisk"
    assert re.search(r"\brows? 0(, 1)?: tone:", _of(over, "fh-problems").value)  # the first row at once, then all
    assert re.fullmatch(r"'brisk' \(.+\)", chosen.label)
    chosen.value = 0
    assert over.value["tone"].value == "calm"
    _of(over, "fh-remove").click()
    assert (over.fields["tone"].value, _line(over, "tone").label) == (fh.UNSET, "a constant …")
    chosen.value = 0
    _line(over, "tone").value = ("nothing", "")
    assert "calm" not in _of(over, "fh-preview").value


def test_a_table_as_a_constant_leads_to_its_new_row(hive: FormHive) -> None:
    """The page's script is told of it, as in a form of one call."""
    rows = {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}}
    form = fh.form(fh.Deployment("reply", variants=["plain"], inputs={"rows": rows}), over=[{"body": "Late."}])
    told: list[Any] = []
    [keys] = [widget for widget in _all(form.widget) if isinstance(widget, OwnKeys)]
    keys.send = told.append
    _line(form, "rows").value = ("constant", "")
    _of(form, "fh-rows-add").click()
    [cell] = [w for w in _all(_of(form, "fh-constant")) if "row 1" in str(getattr(w, "description", ""))]
    assert [message["go"] for message in told] == [name for name in cell._dom_classes if name.startswith("fh-at-")]


def test_a_column_that_is_not_there_is_told_and_breaks_no_widget(over: fh.Form) -> None:
    """A cell gave it a name of its own: nothing is chosen in the page then, until there is one."""
    ticket = _line(over, "ticket")
    over.fields["ticket"].column = "text"
    assert ticket.value is None
    assert any("text" in problem for problem in over.problems)
    over.fields["ticket"].column = "body"
    assert (ticket.value, over.problems) == (("column", "body"), [])


def test_a_constant_password_leaves_its_box_at_once(over: fh.Form) -> None:
    """It is in the mapping, masked wherever that shows."""
    _line(over, "ticket").value = ("column", "body")
    _line(over, "token").value = ("constant", "")
    [typed] = [part for part in _all(_of(over, "fh-constant")) if type(part).__mro__[1].__name__ == "Password"]
    typed.value = PASSWORD
    assert (typed.value, typed.placeholder) == ("", "set, hidden")
    assert "***" in _of(over, "fh-preview").value
    state = "".join(str(widget.get_state()) for widget in _all(over.widget) if type(widget).__name__ != "VBox")
    assert PASSWORD not in state
    over.submit().wait()
    assert over.frame["status"].tolist() == 2 * ["completed"]


def test_run_begins_the_batch_and_shows_how_it_ended(over: fh.Form, hive: FormHive) -> None:
    """Also when it was over before the form knew it; then nothing is left to pay for."""
    _of(over, "fh-run").click()
    status = _of(over, "fh-status")
    assert f'data-go="{field_anchor(("ticket",))}"' in status.value
    assert ("fh-wrong" in _line(over, "ticket")._dom_classes, _of(over, "fh-run").description) == (
        True,
        "Run · 1 to correct",
    )
    over.fields["ticket"].column = "body"
    assert ("fh-wrong" in _line(over, "ticket")._dom_classes, status.value) == (False, "")
    _of(over, "fh-run").click()
    _until_block(over, ">2 completed")
    _until(_of(over, "fh-run"), "Run 0 calls", "description")
    assert tells(_words(over), "form.frame")
    assert sorted(over.frame["output"]) == ["Dear customer, Late.", "Dear customer, Lost."]
    assert len(hive.got) == 2
    over.submit().wait()
    assert len(hive.got) == 2


def test_links_at_run_are_told_apart_and_a_field_says_how_many_more_problems_it_has() -> None:
    """A field of a group has its group's name before its own; others, and two problems of one, have not."""
    address = {
        "type": "object",
        "properties": {"street": {"type": "string", "title": "Street"}},
        "required": ["street"],
    }
    schema = {
        "type": "object",
        "properties": {
            "home": {**address, "title": "Home address"},
            "work": {**address, "title": "Work address"},
            "who": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            "ages": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        },
        "required": ["home", "work", "who", "ages"],
    }
    values = {"home": {}, "work": {}, "who": {}, "ages": [-1] * 8}
    form = fh.form(fh.Deployment("order", variants=["v"], inputs=schema), values=values)
    _of(form, "fh-run").click()
    links = re.findall('data-go="[^"]*"[^>]*>([^<]*)</a>', _of(form, "fh-status").value)
    assert links[:3] == ["Home address: Street", "Work address: Street", "who: name"]
    assert {link.split()[0] for link in links[3:]} == {"ages"}
    assert re.search(r"… \w+ 3 \w+", _words(form))


@pytest.mark.parametrize("is_app", [False, True])
def test_the_batch_of_a_form_has_its_buttons_in_the_form(is_app: bool) -> None:
    """Retry calls what failed, and the next Run shows its own batch in place of it; users of an app save no file."""
    hive, broken, got = LocalHive(), {"bad"}, []

    @hive.workflow("flaky", variant="v")
    def flaky(text: str) -> str:
        got.append(text)
        if text in broken:
            raise RuntimeError("not today")
        return text

    dep = fh.Deployment("flaky", variants=["v"], inputs={"text": fh.text()})
    form = fh.form(dep, over=[{"text": "bad"}, {"text": "a"}], client=hive.client(), app=is_app)
    _of(form, "fh-run").click()
    _until_block(form, 'data-act="retry:0"')
    place = _of(form, "fh-batch-result")
    acts = re.findall(r'data-act="([^"]*)"', _of(form, "fh-live").value)
    assert acts == ["show:0", "retry:0", "browse", *([] if is_app else ["save"])]
    broken.clear()
    [keys] = [widget for widget in _all(place) if isinstance(widget, OwnKeys)]
    keys._handle_custom_msg({"act": "retry:0"}, [])
    _until_block(form, ">2 completed")
    assert (sorted(got), form.batch.counts.calls) == (["a", "bad", "bad"], 3)
    form.submit().wait()
    assert (form.batch.counts.calls, form.batch.counts.reused) == (0, 2)
    _until_block(form, lambda page: re.search(r'class="fh-bar-reused"[^>]* title="2 ', page))
    assert len([widget for widget in _all(place) if "fh-block" in widget._dom_classes]) == 1
    assert len(got) == 3


@pytest.mark.parametrize("is_app", [False, True])
def test_users_of_an_app_read_no_code_in_what_came_of_a_batch(is_app: bool) -> None:
    """After a call whose outcome is unknown: neither how to repeat it in Python, nor where all answers are."""
    hive = LocalHive()

    @hive.workflow("echo", variant="v")
    def echo(text: str) -> str:
        return text

    hive.fail_next(reset=True, after_running=True, deployment="echo")
    dep = fh.Deployment("echo", variants=["v"], inputs={"text": fh.text()})
    form = fh.form(dep, over=[{"text": "a"}, {"text": "b"}], client=hive.client(), app=is_app)
    _of(form, "fh-run").click()
    _until_block(form, 'data-act="show:0"')
    if not is_app:
        _until(_of(form, "fh-run"), "Run 0 calls", "description")
    run = _of(form, "fh-run")
    assert (run.description, run.button_style) == ("Run" if is_app else "Run 0 calls", "")
    assert run.disabled != is_app  # users of an app do not see why
    form.repeats = 2
    _until(run, "primary", "button_style")
    assert not run.disabled
    words = _words(form)
    assert (str(app_run(fh.Run(status="unknown")).error) in unescape(words)) is is_app
    assert re.findall(r"[.\w]+(?:\('[^']*'\))?\.resume\(\w+=True\)", unescape(words)) == (  # once, and by what is there
        [] if is_app else [f"fh.open_batch({form.batch.name!r}).resume(retry_unknown=True)"]
    )
    assert tells(words, "form.frame") == (not is_app)  # one has no answer


@pytest.mark.parametrize("is_app", [True, False])
def test_that_calls_are_counted_is_told_to_developers_alone(is_app: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users of an app are not told how many there are either."""
    counted, count = threading.Event(), batch_view._planned
    monkeypatch.setattr(batch_view, "_planned", lambda *given: count(*given) if counted.wait(PATIENCE_S) else None)
    dep = fh.Deployment("echo", variants=["v"], inputs={"text": fh.text()})
    form = fh.form(dep, over=[{"text": "a"}], client=LocalHive().client(), app=is_app)
    assert ("Counting" in _words(form)) != is_app
    counted.set()


@pytest.mark.parametrize("how", ["app=True", "Voila"])
def test_users_of_an_app_read_of_a_batch_what_they_can_do(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs and after: no name, call, limit, code or text of an error; one button tries all failed ones again.

    Voila serves them what the others are told by ``app=True``, and Browse says what the form does.
    """
    if how == "Voila":
        monkeypatch.setenv("VOILA_PREHEAT", "False")
    hive, hold, began = LocalHive(), threading.Event(), threading.Semaphore(0)

    @hive.workflow("flaky", variant="v")
    def flaky(text: str) -> str:
        began.release()
        hold.wait(PATIENCE_S)
        raise RuntimeError(f"The provider answered 529 about {text[:1]}")

    dep = fh.Deployment("flaky", variants=["v"], inputs={"text": fh.text()})
    is_app = how != "Voila"
    form = fh.form(dep, over=[{"text": text} for text in ("a", "b", "ba")], client=hive.client(), app=is_app)
    _of(form, "fh-run").click()
    assert began.acquire(timeout=PATIENCE_S)
    _until_block(form, _told("0 of 3"))
    running = _words(form)
    hold.set()
    _until_block(form, 'data-act="retry:0"')
    ended = _words(form)
    shown = "".join(str(getattr(widget, "value", "")) for widget in _all(_of(form, "fh-batch-result")))
    assert re.search(r'data-act="retry:0"[^>]*>[^<]*\b3\b', shown), "how many are tried again"
    sentence = str(app_run(fh.Run(status="failed")).error)
    assert sentence in unescape(ended)
    assert "form.frame" not in ended
    for words in (running, ended):
        found = [
            word for word in (form.batch.name, "call", "Calls", "at once", "529", "Error", "Retry") if word in words
        ]
        assert not found, (found, words)
    [keys] = [widget for widget in _all(_of(form, "fh-batch-result")) if isinstance(widget, OwnKeys)]
    keys._handle_custom_msg({"act": "show:0"}, [])
    _until_block(form, ">text</th>")
    assert "529" not in _words(form)
    browser = hooks.frontend().browse(form.batch, for_app=is_app).show(row=0)
    assert not browser.widget.head["can_correct"]
    for shown in (str(browser.widget.page), browser._repr_html_(), repr(browser)):
        assert unescape(shown).count(sentence) >= 2
        assert "529" not in shown
    assert len(browser.show(search="529").frame) == 0
    assert ("529" in repr(fh.compare(form.batch).browse())) is is_app
    keys._handle_custom_msg({"act": "retry:0"}, [])
    for _ in range(5):
        assert began.acquire(timeout=PATIENCE_S)
    _until_block(form, lambda page: re.search(r"\b0 of 3 rows \w+, 3 \w+", _read(page)))


def test_what_is_called_again_by_a_click_is_cancelled_by_the_forms_button() -> None:
    """A start that Run did not begin counts as one of the form all the same: Run is off, and Cancel ends it."""
    hive, hold, began = LocalHive(), threading.Event(), threading.Event()

    @hive.workflow("flaky", variant="v")
    def flaky(text: str) -> str:
        if not began.is_set():
            began.set()
            raise RuntimeError("not today")
        hold.wait(PATIENCE_S)
        return text

    dep = fh.Deployment("flaky", variants=["v"], inputs={"text": fh.text()})
    form = fh.form(dep, over=[{"text": "a"}], client=hive.client())
    _of(form, "fh-run").click()
    _until_block(form, 'data-act="retry:0"')
    [keys] = [widget for widget in _all(_of(form, "fh-batch-result")) if isinstance(widget, OwnKeys)]
    run, cancel = _of(form, "fh-run"), _of(form, "fh-cancel")
    off = threading.Event()
    cancel.observe(lambda change: change["new"] or off.set(), "disabled")
    keys._handle_custom_msg({"act": "retry:0"}, [])
    assert off.wait(PATIENCE_S)
    assert run.disabled
    on = threading.Event()
    run.observe(lambda change: change["new"] or on.set(), "disabled")
    cancel.click()
    hold.set()
    assert on.wait(PATIENCE_S)
    assert form.batch.stopped.reason == "cancelled"


def test_a_batch_is_cancelled_by_the_forms_own_button(hive: FormHive) -> None:
    """Also while its rows are still being checked."""
    form = fh.form(REPLY, over=[{"ticket": str(i)} for i in range(5)], variants="held", client=hive.client())
    _of(form, "fh-run").click()
    hive.wait_for(1)
    _of(form, "fh-cancel").click()
    _until_block(form, _told("form.batch.resume()"))
    assert re.search(r"\bform\.batch\.resume\(\)", form.batch.stopped.message)  # type: ignore[union-attr]
    _until_disabled(_of(form, "fh-run"), is_it=False)
    _of(form, "fh-run").click()
    _of(form, "fh-cancel").click()
    _until(_of(form, "fh-status"), _told("form.frame"))


def test_a_second_submit_leaves_the_batch_that_runs_on_the_page(hive: FormHive) -> None:
    """It is refused, and the page goes on to show how the first one ends."""
    form = fh.form(REPLY, over=[{"ticket": str(i)} for i in range(2)], variants="held", client=hive.client())
    assert form.widget is not None
    batch: Any = form.submit()
    hive.wait_for(1)
    before = _of(form, "fh-status").value
    with pytest.raises(SettingsError, match="; "):
        form.submit()
    assert form.batch is batch
    assert _of(form, "fh-status").value == before
    batch.cancel()
    _until_block(form, _told("form.batch.resume()"))


def test_rows_that_do_not_fit_are_told_before_the_first_call(hive: FormHive) -> None:
    """Those behind the first three, too."""
    rows = [{"ticket": "a"}] * 4 + [{"ticket": 5}]
    form = fh.form(REPLY, over=rows, variants="plain", client=hive.client())
    _until(_of(form, "fh-problems"), _told("4", "ticket", "5"))
    assert form.problems == []
    assert tells(repr(form.submit()), "4", "ticket", "5")
    _of(form, "fh-run").click()
    _until(_of(form, "fh-status"), _told("4", "ticket", "5"))
    assert hive.got == []


def test_a_form_over_rows_shows_its_request_and_is_copied(over: fh.Form, hive: FormHive) -> None:
    """The request of the first row; a cell and Python, in which columns are columns and no secret is."""
    over.fields["ticket"].column = "body"
    over.fields["token"].value = PASSWORD
    over.delivery = "callback"
    _open(over, "request")
    _until(_of(over, "fh-request"), "&quot;ticket&quot;: &quot;Late.&quot;")
    assert "&quot;callback_url&quot;: " in _of(over, "fh-request").value
    _open(over, "copy")
    copied = _of(over, "fh-copy-text")
    _until(copied, "%%fetchhive reply -v plain --delivery callback --over rows")
    assert "{{ row.body }}" in copied.value
    assert "max_words: 120" in copied.value
    assert [way for _, way in _of(over, "fh-copy-as").options] == ["cell", "Python"]
    _of(over, "fh-copy-as").value = "Python"
    _until(copied, "fh.const(token)")
    assert PASSWORD not in copied.value + repr(_of(over, "fh-request").value)
    over.submit().wait()
    assert sorted(over.frame["output"]) == ["Dear customer, Late.", "Dear customer, Lost."]
    assert over.batch is not None
    assert over.batch.counts.calls == 2


def test_an_earlier_call_gives_a_form_over_rows_its_constants(over: fh.Form, hive: FormHive) -> None:
    """For what takes no column; the columns that are chosen stay."""
    sent = fh.form(REPLY, variants="plain", client=hive.client())
    sent.fields["ticket"].value, sent.fields["tone"].value = "Torn.", "brief"
    sent.submit().wait()
    over.fields["ticket"].column = "body"
    _open(over, "history")
    _until(_of(over, "fh-history"), "earlier-fill 0")
    _act(over, "earlier-fill 0")
    assert (over.fields["ticket"].column, over.fields["tone"].value) == ("body", "brief")
    assert [part.label for part in _all(_of(over, "fh-constant")) if getattr(part, "options", ())] == ["brief"]


def test_a_form_over_rows_grows(hive: FormHive) -> None:
    """A new variable has a line at once; what was chosen stays, and the deployment is the grown one."""
    form = fh.form(fh.Deployment("reply", variants=["plain"]), over=[{"ticket": "Late."}], client=hive.client())
    assert list(form.fields) == ["ticket"]
    _open(form, "grow")
    _of(form, "fh-new-name").value = "tone"
    _of(form, "fh-add-variable").click()
    assert list(form.deployment.inputs["properties"]) == ["tone"]
    assert not re.search(r"\btone:", _of(form, "fh-problems").value)  # nobody has come to it yet
    _act(form, f"left {field_anchor(('tone',))}")
    assert re.search(r"\btone:", _of(form, "fh-problems").value)
    form.fields["tone"].value = "calm"
    form.submit().wait()
    assert hive.got == [{"ticket": "Late.", "tone": "calm"}]


# --- looking things up


def test_of_many_things_to_look_up_the_last_one_counts() -> None:
    """One at a time; those in between are never done."""
    told: list[str] = []
    shown: list[int] = []
    done: list[int] = []
    began, go, over = threading.Event(), threading.Event(), threading.Event()
    later = LatestTask(told.append)

    def slow() -> int:
        began.set()
        assert go.wait(PATIENCE_S)
        done.append(0)
        return 0

    later.do(slow, shown.append)
    assert began.wait(PATIENCE_S)
    for number in (1, 2, 3):
        later.do(lambda number=number: done.append(number) or number, lambda number: (shown.append(number), over.set()))  # type: ignore[misc]
    go.set()
    assert over.wait(PATIENCE_S)
    assert (done, shown, told) == ([0, 3], [3], [])


def test_what_cannot_be_looked_up_is_told() -> None:
    """Our own errors as they are, a defect by its name; what comes after works."""
    told: list[str] = []
    came = threading.Semaphore(0)
    later = LatestTask(lambda text: (told.append(text), came.release()))

    def refuse() -> None:
        raise InputError("no such thing")

    def break_down() -> None:
        raise ZeroDivisionError("a defect")

    for work in (refuse, break_down):
        later.do(work, lambda _: None)
        assert came.acquire(timeout=PATIENCE_S)
    assert told == ["no such thing", "ZeroDivisionError: a defect"]
    later.do(lambda: "fine", lambda text: (told.append(text), came.release()))
    assert came.acquire(timeout=PATIENCE_S)
    assert told[-1] == "fine"


def test_trouble_that_cannot_be_shown_keeps_nothing_from_being_looked_up() -> None:
    """The page is gone, say; what is asked for next is done."""
    came = threading.Semaphore(0)

    def tell(_: str) -> None:
        came.release()
        raise RuntimeError("the page is gone")

    def refuse() -> None:
        raise InputError("no such thing")

    later, found = LatestTask(tell), threading.Event()
    later.do(refuse, lambda _: None)
    assert came.acquire(timeout=PATIENCE_S)
    later.do(found.set, lambda _: None)
    assert found.wait(PATIENCE_S)


@pytest.mark.parametrize("kind", ["plain", "ran", "opened", "over rows"])
def test_a_form_that_was_shown_and_dropped_leaves_no_widget(hive: FormHive, kind: str) -> None:
    """ipywidgets keeps all that are not closed: 76 of each form, 102 once it has run."""
    from ipywidgets.widgets.widget import _instances

    def shown() -> weakref.ref[fh.Form]:
        over = pd.DataFrame({"ticket": ["a", "b"]}) if kind == "over rows" else None
        form = fh.form(REPLY, variants=["plain"], values={"ticket": "Late."}, over=over, client=hive.client())
        form._repr_mimebundle_()
        assert len(_instances) > before + 50
        if kind == "ran":
            form.submit().wait()
            form.fields["max_words"].value = "many"
        if kind == "opened":
            widget = form.widget
            for name in ("request", "copy"):
                _open(form, name)
            widget.fh_form = None  # who has asked for the widget holds the form by it
        return weakref.ref(form)

    before = len(_instances)
    held = shown()
    gc.collect()
    assert held() is None
    assert len(_instances) == before


def test_a_form_that_is_dropped_while_it_begins_to_send_leaves_no_widget(hive: FormHive) -> None:
    """A click of the last moment is sent, and shown nowhere: no column is made for its answer."""
    from ipywidgets.widgets.widget import _instances

    def shown() -> tuple[weakref.ref[fh.Form], Any]:
        form = fh.form(REPLY, variants=["plain"], values={"ticket": "Late."}, client=hive.client())
        form._repr_mimebundle_()
        return weakref.ref(form), form._core  # which the click holds

    before = len(_instances)
    held, core = shown()
    gc.collect()
    assert held() is None
    assert len(core.submit().wait()) == 1
    assert len(_instances) == before


def test_a_widget_of_a_form_holds_the_form(hive: FormHive) -> None:
    """Put among others, it goes on when the form itself has no name."""
    widget = fh.form(REPLY, client=hive.client()).widget
    gc.collect()
    assert widget.comm is not None
    widget.fh_form = None
    gc.collect()
    assert widget.comm is None
