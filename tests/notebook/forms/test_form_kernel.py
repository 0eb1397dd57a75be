"""A form in a real kernel: clicks on a page's own subshell, what a cell sees next, what stays in the saved notebook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel import Kernel
from tests.notebook.forms.form_hive import DECLARED, KEY, PASSWORD, FormHive
from tests.notebook.forms.labels import label_name
from tests.told import tells

SHOW = "form = fh.form(reply, values={'ticket': 'Late.'})\nform"


class Page:
    """What a page of JupyterLab does to the form of a kernel: everything goes over one subshell,
    where there are any.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._subshell = kernel.subshell()

    def show(self, code: str) -> str:
        """Run a cell that shows a form, and return its id."""
        cell = self.kernel.send(code, person=True)
        self.kernel.wait(cell)
        return cell

    def click(self, dom_class: str) -> str:
        """Click the newest button of a class."""
        return self.kernel.click(self.kernel.widget(dom_class), subshell=self._subshell)

    def type(self, label: str, value: Any) -> str:
        """Set the newest widget that is described by `label`."""
        return self.kernel.set(self._described(label), subshell=self._subshell, value=value)

    def choose(self, label: str, index: int) -> str:
        """Choose in the newest list that is described by `label`."""
        return self.kernel.set(self._described(label), subshell=self._subshell, index=index)

    def _described(self, label: str) -> str:
        states = reversed(self.kernel.widgets().items())
        return next(w for w, state in states if label_name(str(state.get("description", ""))).rstrip(" *") == label)

    def state(self, dom_class: str) -> dict[str, Any]:
        """Return the state of the newest widget of a class."""
        widget = self.kernel.widget(dom_class)
        return self.kernel.widgets()[widget]

    def read(self, dom_class: str) -> str:
        """What is read in the newest widget of a class."""
        return re.sub("<[^>]*>", "", self.state(dom_class)["value"]).strip()

    def until_told(self, dom_class: str, *values: object) -> None:
        """Wait until the newest widget of a class tells each value."""
        self.kernel.wait_until(lambda: tells(self.state(dom_class)["value"], *values), f"{values} in {dom_class}")

    def until(self, text: str) -> None:
        """Wait until some widget shows `text`."""
        self.kernel.wait_until(lambda: text in json.dumps(self.kernel.widgets()), f"{text!r} in a widget")


@pytest.fixture(scope="module")
def hive() -> Iterator[FormHive]:
    """Of the test's process."""
    hive = FormHive()
    yield hive
    hive.hold.set()


@pytest.fixture(scope="module")
def page(hive: FormHive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One kernel for all tests of this file; each shows a form of its own."""
    with (
        hive.serve() as server,
        Kernel(tmp_path_factory.mktemp("form"), FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel,
    ):
        assert kernel.run(f"%load_ext fh_notebook\nimport fh_notebook as fh\n{DECLARED}") == ""
        yield Page(kernel)
        hive.hold.set()
        assert "Traceback" not in kernel.log


def test_a_form_shows_widgets_and_its_last_state_beside_them(page: Page, hive: FormHive) -> None:
    """Widgets alone first; then HTML and text, which follow what is typed and what came."""
    cell = page.show(f"{SHOW.replace('reply', 'reply, variants=' + repr(['plain']))}")
    widgets, last = page.kernel.shown(cell)
    assert set(widgets) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert set(last) == {"text/html", "text/plain"}
    assert "fh-form-static" in last["text/html"]
    assert "display:none" in json.dumps(page.kernel.widgets())
    page.type("ticket", "Torn.")
    page.kernel.wait_until(lambda: "Torn." in page.kernel.shown(cell)[1]["text/html"], "what was typed")
    page.click("fh-run")
    page.kernel.wait_until(
        lambda: "Dear customer, Torn." in page.kernel.shown(cell)[1]["text/html"], "what came, in the last state"
    )
    assert "Dear customer, Torn." in page.kernel.shown(cell)[1]["text/plain"]
    assert page.kernel.run("form.run.output, form.value['ticket']") == "('Dear customer, Torn.', 'Torn.')"
    assert page.kernel.run("form.frame['output'].tolist()") == "['Dear customer, Torn.']"


def test_run_returns_at_once_and_cancel_works_while_no_cell_runs(page: Page, hive: FormHive) -> None:
    """The click is over while the call is out; fields can be typed into; what came is kept."""
    page.show(SHOW)
    clicked = page.click("fh-run")
    hive.wait_for(1)
    page.kernel.wait(clicked)
    page.until("1 of 2 ")
    assert page.state("fh-cancel")["disabled"] is False
    page.kernel.wait(page.type("ticket", "Edited meanwhile."))
    assert page.kernel.run("form.value['ticket'], form._core.newest.running") == "('Edited meanwhile.', True)"
    page.click("fh-cancel")
    page.kernel.wait_until(lambda: page.state("fh-run")["disabled"] is False, "the end of the run")
    assert page.state("fh-cancel")["disabled"] is True
    assert page.kernel.run("bool(said := form._core.newest.stopped) and said in repr(form)") == "True"
    assert page.kernel.run("form._core.newest.was_sent") == "True"
    assert page.kernel.run("[run.variant for run in form.runs]") == "['plain']"


def test_run_and_cancel_are_heard_while_a_cell_runs(page: Page, hive: FormHive) -> None:
    """A page with subshells brings them at once; without, they wait for the cell."""
    if "kernel subshells" not in page.kernel.features:
        pytest.skip("this kernel hears a click when the cell has ended")
    page.show(SHOW)
    busy = page.kernel.send(
        "import time\nprint('busy', flush=True)\n"
        "while not (form._core.newest and form._core.newest.stopped):\n    time.sleep(0.01)",
        person=True,
    )
    page.kernel.wait_for_text(busy, "busy")
    page.type("ticket", "Typed meanwhile.")
    page.click("fh-run")
    hive.wait_for(1)
    page.click("fh-cancel")
    page.kernel.wait(busy)
    assert page.kernel.reply(busy)["status"] == "ok"
    assert hive.got[-1]["ticket"] == "Typed meanwhile."


def test_after_a_cell_has_changed_the_form_clicks_are_heard_as_well(page: Page, hive: FormHive) -> None:
    """What a cell sets is sent by that cell: the clicks that follow must not wait for the next one."""
    if "kernel subshells" not in page.kernel.features:
        pytest.skip("this kernel hears a click when the cell has ended")
    page.show(SHOW)
    busy = page.kernel.send(
        "import time\nform.variants = 'plain'\nform.fields['ticket'].value = 'By a cell.'\nprint('busy', flush=True)\n"
        "while not form.runs:\n    time.sleep(0.01)",
        person=True,
    )
    page.kernel.wait_for_text(busy, "busy")
    page.click("fh-run")
    page.kernel.wait(busy)
    assert page.kernel.run("form.run.output") == "'Dear customer, By a cell.'"


def test_a_late_answer_is_not_shown(page: Page, hive: FormHive) -> None:
    """A second click sends nothing; a cell may submit again: the newest counts, whatever an older one still brings."""
    page.show(SHOW)
    page.click("fh-run")
    hive.wait_for(1)
    page.kernel.run("form.variants = 'plain'; form.fields['ticket'].value = 'The newer.'; older = form._core.newest")
    before = page.read("fh-status")
    page.click("fh-run")
    page.kernel.wait_until(lambda: page.read("fh-status") not in ("", before), "why nothing more is sent")
    page.kernel.run("newer = form.submit()")
    page.until("Dear customer, The newer.")
    hive.hold.set()
    assert page.kernel.run("[run.output for run in older.wait()]") == "['Dear customer, Late.', 'at last']"
    hive.hold.clear()
    assert page.kernel.run("form.run.inputs['ticket'], len(form.runs)") == "('The newer.', 1)"
    page.kernel.run("1")
    assert "at last" not in json.dumps(page.state("fh-results"))


def test_what_does_not_fit_is_told_beside_run_and_nothing_is_sent(page: Page, hive: FormHive) -> None:
    """Until it is put right; then the line goes away by itself."""
    page.show("form = fh.form(reply)\nform")
    before = len(hive.got)
    page.click("fh-run")
    page.until("Nothing was sent.")
    assert page.kernel.run("form.runs") == "[]"
    page.type("ticket", "Here it is.")
    page.kernel.wait_until(
        lambda: "Nothing was sent" not in page.state("fh-status")["value"], "the end of what was to be put right"
    )
    assert len(hive.got) == before


def test_earlier_calls_fill_the_fields_again(page: Page, hive: FormHive) -> None:
    """Exactly as they were sent, but for what is a secret."""
    page.show("form = fh.form(reply, variants='plain', values={'ticket': 'First.', 'tone': 'calm'})\nform")
    page.click("fh-run")
    page.until("Dear customer, First.")
    page.type("ticket", "Second.")
    toggle = page.kernel.widget("fh-open-history")
    page.kernel.set(toggle, value=True)
    page.until("earlier-fill 0")
    page.kernel.comm(page.kernel.widget("fh-keys"), {"method": "custom", "content": {"act": "earlier-fill 0"}})
    page.until("Filled in.")
    assert page.kernel.run("form.value") == "{'ticket': 'First.', 'tone': 'calm'}"


def test_a_form_grows_by_a_variable_a_snippet_and_a_frame(page: Page, hive: FormHive, tmp_path: Path) -> None:
    """A key in a snippet is gone from its box at once; the deployment is saved by one click."""
    kernel = page.kernel
    kernel.run(f"import os, pandas as pd\nos.chdir({str(tmp_path)!r})\ntickets = pd.DataFrame({{'tone': ['calm']}})")
    page.show("form = fh.form(fh.Deployment('reply'))\nform")
    page.type("New variable", "ticket")
    page.click("fh-add-variable")
    page.until_told("fh-grow-said", "ticket")
    body = json.dumps({"deployment": "reply", "variant": "plain", "inputs": {"max_words": 3}})
    begin = len(kernel.messages)
    page.type(
        "Snippet", f"curl https://api.fetchhive.com/v1/workflow/invoke -H 'Authorization: Bearer {KEY}' -d '{body}'"
    )
    page.until_told("fh-grow-said", "%fetchhive login")
    assert page.state("fh-snippet")["value"] == ""
    assert KEY not in json.dumps([m.content for m in kernel.messages[begin:]], default=str)
    page.click("fh-take-columns")
    page.until_told("fh-grow-said", "tone")
    assert kernel.run("form.value, form.variants") == "({'max_words': 3}, ('plain',))"
    page.click("fh-save")
    page.until_told("fh-grow-said", "reply", "fetchhive.yaml")
    assert kernel.run("list(fh.deployments()['reply'].inputs['properties'])") == "['ticket', 'max_words', 'tone']"
    page.type("ticket", "Grown.")
    page.click("fh-run")
    page.until("Dear customer, Grown.")


def test_a_form_over_rows_runs_a_batch_in_the_background(page: Page, hive: FormHive) -> None:
    """The plan first, then the batch with its buttons in the form, then the frame; and no display of its own."""
    kernel = page.kernel
    kernel.run("import pandas as pd\nframe = pd.DataFrame({'body': ['a', 'b', 'c', 'd']})")
    cell = page.show("form = fh.form(reply, over=frame, variants=['held'])\nform")
    page.choose("ticket", 0)
    page.until("4 rows x 1 variant = 4 jobs")
    clicked = page.click("fh-run")
    hive.wait_for(1)
    page.until("0 of 4 ")
    kernel.widget("fh-pause")
    assert kernel.outputs(clicked) == []
    hive.hold.set()
    page.until(">4 completed")
    hive.hold.clear()
    kernel.wait_until(lambda: tells(kernel.shown(cell)[1]["text/html"], "4 of 4", "4 calls"), "the last state")
    assert (
        kernel.run("form.frame['output'].tolist(), form.batch.counts.calls")
        == "(['at last', 'at last', 'at last', 'at last'], 4)"
    )


def test_a_password_is_in_no_message_and_no_widget(page: Page, hive: FormHive) -> None:
    """It is typed, sent, and gone from the page's own state at once; the key never was there."""
    kernel = page.kernel
    begin = len(kernel.messages)
    cell = page.show("form = fh.form(reply, variants='plain', values={'ticket': 'Secret.'})\nform")
    page.type("token", PASSWORD)
    for name in ("request", "history", "copy"):
        kernel.set(kernel.widget(f"fh-open-{name}"), value=True)
    page.click("fh-run")
    page.until("Dear customer, Secret.")
    page.click("fh-add")
    page.until_told("fh-added", "1", "form.dataset")
    assert hive.got[-1]["token"] == PASSWORD
    kernel.wait(kernel.send("form", person=True))
    kernel.run("print(form, form.value, form.run, form.run.inputs, form.frame, form.dataset, form.fields)")
    said = json.dumps([[m.kind, m.content] for m in kernel.messages[begin:]], default=str) + kernel.log
    said += json.dumps(kernel.shown(cell))
    assert "set, hidden" in said
    # What the page itself sent comes back as an echo, to other pages: ipywidgets' own doing.
    assert PASSWORD not in said
    assert KEY not in said
    files = [file for file in kernel.folder.rglob("*") if file.is_file()]
    assert any(file.name.startswith("store.sqlite3") for file in files)
    assert [f.name for f in files if PASSWORD.encode() in f.read_bytes() or KEY.encode() in f.read_bytes()] == []


def test_a_form_is_there_as_long_as_somebody_or_a_page_alone_holds_it(page: Page) -> None:
    """One that was shown under its name ends with the name; one that only its page has goes on."""
    kernel = page.kernel
    count = "import gc; from ipywidgets.widgets.widget import _instances; gc.collect(); print(len(_instances))"
    before = int(kernel.run(count))
    kernel.run("mine = fh.form(reply, values={'ticket': 'Late.'})\ndisplay(mine)")
    kernel.run("display(fh.form(reply, values={'ticket': 'Nobody holds me.'}))")
    both = int(kernel.run(count))
    kernel.run("del mine")
    assert int(kernel.run(count)) - before == (both - before) / 2
    page.click("fh-run")
    page.until("Nobody holds me.")
