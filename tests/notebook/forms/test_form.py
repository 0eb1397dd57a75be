"""`fh.form` in a program: what it would send, what it sends, what comes, and what is told."""

from __future__ import annotations

import asyncio
import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.forms.fields.view import FieldsView
from tests import environment
from tests.notebook.slow_hive import SlowHive
from tests.told import tells

TRIAGE = fh.Deployment(
    "triage",
    variants=["keywords", "nearest"],
    inputs={
        "ticket": fh.text(multiline=True),
        "tone": fh.choice("calm", "brief", required=False),
        "max_words": fh.integer(default=120, minimum=1),
        "sender": fh.group({"name": fh.text(), "vip": fh.boolean(default=False)}, required=False),
        "token": fh.text(secret=True, required=False),
    },
    description="Sort a ticket.",
)
PASSWORD = "correct-horse-battery"


@pytest.fixture
def hive() -> LocalHive:
    """Both variants of the deployment; it notes what it was called with."""
    hive = LocalHive()

    @hive.workflow("triage", variant="keywords")
    @hive.workflow("triage", variant="nearest")
    def triage(**inputs: object) -> dict[str, object]:
        return {"got": sorted(inputs), "words": inputs.get("max_words")}

    return hive


@pytest.fixture
def form(hive: LocalHive) -> fh.Form:
    """Over that hive."""
    return fh.form(TRIAGE, client=hive.client())


def test_a_form_builds_without_key_hive_store_kernel_or_widgets(tmp_path: object) -> None:
    """Nothing is opened, asked or imported for it, also where there is a key and nobody to ask."""
    script = """
import sys, os
import fh_notebook as fh
form = fh.form(fh.Deployment("d", variants="v", inputs={"a": fh.text(), "b": fh.integer(default=3)}), values={"a": "x"})
assert form.value == {"a": "x"} and form.problems == []
print(form)
heavy = [m for m in ("ipywidgets", "IPython", "pandas", "httpx", "starlette", "sqlite3") if m in sys.modules]
assert not heavy, heavy
assert not os.path.exists(os.environ["FH_NOTEBOOK_STORE"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment.for_process(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"Form of d \(v: 1 call\)\n  a\*  x\n  b   .* 3\)\n", done.stdout)


def test_the_fields_are_the_top_level_properties_by_name(form: fh.Form) -> None:
    """Any string is a name; an object is a group with fields of its own; what is not set is `UNSET`."""
    assert list(form.fields) == ["ticket", "tone", "max_words", "sender", "token"]
    assert form.fields["tone"].value is fh.UNSET
    assert form.value == {}
    form.fields["sender"].fields["name"].value = "Ada"
    assert form.value["sender"] == {"name": "Ada"}
    form.fields["sender"].value = fh.UNSET
    assert "sender" not in form.value
    odd = fh.form(fh.Deployment("d", inputs={"": fh.text(), "a.b": fh.text(), "class": fh.text()}))
    for name in odd.fields:
        odd.fields[name].value = name or "empty"
    assert odd.value == {"": "empty", "a.b": "a.b", "class": "class"}
    with pytest.raises(KeyError):
        odd.fields["nobody"]


def test_problems_are_all_of_the_present_value(form: fh.Form) -> None:
    """A wrong value is kept and told; nothing is refused when it is assigned."""
    assert [problem.split(":")[0] for problem in form.problems] == ["ticket"]
    form.fields["max_words"].value = 0
    form.fields["ticket"].value = 3
    assert form.value["max_words"] == 0
    assert len(form.problems) == 2
    assert [problem.partition(" ")[0] for problem in form.fields["max_words"].problems] == ["max_words:"]
    assert "1" in form.fields["max_words"].problems[0]


def test_a_submit_of_what_does_not_fit_sends_nothing(form: fh.Form, hive: LocalHive) -> None:
    """It says why, and raises only for who waits."""
    refused = form.submit()
    assert re.match(r"[^:]*: ticket: ", repr(refused))
    assert (form.run, form.runs) == (None, [])
    with pytest.raises(InputError):
        refused.wait()
    assert fh.history().empty
    form.fields["ticket"].value = "Late."
    form.variants = []
    assert "variant" in repr(form.submit())


def test_what_is_sent_is_the_value_exactly(form: fh.Form) -> None:
    """A default that nobody has set is not filled in, and what was edited since is not in the run."""
    form.fields["ticket"].value = "Late."
    form.variants = "nearest"
    [run] = form.submit().wait()
    assert run.output == {"got": ["ticket"], "words": None}
    form.fields["ticket"].value = "Lost."
    assert (form.run.inputs, form.value) == ({"ticket": "Late."}, {"ticket": "Lost."})  # type: ignore[union-attr]


def test_runs_are_by_variant_and_repeat_and_their_frame_can_be_compared(form: fh.Form) -> None:
    """One line a call; what `fh.compare` needs is in it."""
    form.fields["ticket"].value = "Late."
    form.repeats = 2
    form.submit().wait()
    assert [run.variant for run in form.runs] == ["keywords", "keywords", "nearest", "nearest"]
    assert form.frame[["row", "variant", "repeat", "ticket"]].to_numpy().tolist() == [
        [0, "keywords", 1, "Late."],
        [0, "keywords", 2, "Late."],
        [0, "nearest", 1, "Late."],
        [0, "nearest", 2, "Late."],
    ]
    assert fh.compare(form.frame.assign(score=1.0), score="score") is not None


def test_the_run_that_counts_is_that_of_the_last_submit() -> None:
    """A late answer to an older one is dropped, and kept in the store."""
    hive = SlowHive(None)
    form = fh.form("echo", variants="slow", values={"text": "old"}, client=hive.client())
    older = form.submit()
    hive.wait_for(1)
    form.variants = "plain"
    form.fields["text"].value = "new"
    form.submit().wait()
    hive.hold.set()
    older.wait()
    assert form.run is not None
    assert (form.run.output, form.run.inputs) == ("said new", {"text": "new"})
    assert sorted(fh.history("echo")["output"]) == ["old", "said new"]


def test_a_cancel_keeps_what_came() -> None:
    """And the text of the form says that the rest may have run."""
    hive = SlowHive(None)
    form = fh.form("echo", variants=["plain", "slow"], values={"text": "hi"}, client=hive.client())
    submission = form.submit()
    hive.wait_for(1)
    form.cancel()
    submission.wait()
    hive.hold.set()
    assert {run.variant for run in form.runs} <= {"plain"}
    assert submission.was_sent
    assert submission.stopped
    assert submission.stopped in repr(form)


def test_an_async_client_and_an_await_do_as_well(hive: LocalHive) -> None:
    """In a cell: ``await form.submit()``."""
    form = fh.form(TRIAGE, variants="keywords", values={"ticket": "x"}, client=hive.client().aclient)

    async def cell() -> tuple[fh.Run, ...]:
        return await form.submit()

    assert [run.status for run in asyncio.run(cell())] == ["completed"]


def test_a_password_is_in_no_text_of_the_form(form: fh.Form) -> None:
    """Not in a repr, a page, a frame, a dataset or the run's inputs as they show; it is sent all the same."""
    form.fields["ticket"].value = "Late."
    form.fields["token"].value = PASSWORD
    form.submit().wait()
    form.add_to_batch()
    assert form.run is not None
    assert form.run.inputs["token"] == PASSWORD
    assert "token" in form.run.output["got"]
    shown = [form, form.value, form.fields, form.run, form.run.inputs, form.frame, form.dataset, form.submit()]
    said = "".join(f"{thing!r}{getattr(thing, '_repr_html_', str)()}" for thing in shown)
    assert PASSWORD not in said + str(form._repr_mimebundle_())
    assert "set, hidden" in repr(form)
    assert list(form.dataset) == ["ticket", "tone", "max_words", "sender"]


def test_inputs_are_collected_for_a_batch(form: fh.Form, hive: LocalHive) -> None:
    """What does not fit is not; what is not set is left out of the row, and the batch takes the frame as it is."""
    with pytest.raises(InputError, match=": ticket: "):
        form.add_to_batch()
    assert form.dataset.empty
    for ticket, tone in (("Late.", fh.UNSET), ("Lost.", "calm")):
        form.fields["ticket"].value, form.fields["tone"].value = ticket, tone
        form.add_to_batch()
    assert form.dataset["ticket"].tolist() == ["Late.", "Lost."]
    assert form.dataset["tone"].isna().tolist() == [True, False]
    batch = fh.batch(form.dataset, TRIAGE, variants="keywords", client=hive.client(), progress=False)
    assert batch.frame["status"].tolist() == ["completed", "completed"]


def test_variants_are_all_unless_some_are_named(hive: LocalHive) -> None:
    """As in a batch; a wrong one is a line."""
    assert fh.form(TRIAGE).variants == ("keywords", "nearest")
    assert fh.form(TRIAGE, variants="nearest").variants == ("nearest",)
    with pytest.raises(InputError, match="'nearst'.*'nearest'"):
        fh.form(TRIAGE, variants=["nearst"])
    form = fh.form(TRIAGE)
    with pytest.raises(SettingsError, match="repeats is 0"):
        form.repeats = 0
    assert fh.form(fh.Deployment("d"), variants=["a", "b"]).variants == ("a", "b")


def test_a_name_is_looked_up_and_a_slip_is_told(hive: LocalHive) -> None:
    """Of an unknown one only the name is known; the form says which variant is missing, and sends nothing."""
    assert "ticket" in fh.form("support-triage").fields
    assert list(fh.form("triage", client=hive.client()).fields) == []
    with pytest.raises(InputError, match=r"'support-triag'.* 'support-triage'"):
        fh.form("support-triag")
    unknown = fh.form("brief")
    assert not unknown.submit().was_sent


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"deployment": 3}, " is 3; .*Deployment"),
        ({"deployment": ""}, " is ''; .*Deployment"),
        ({"deployment": '{"deployment": "d", "inputs": {}}'}, "Code Snippet"),
        ({"deployment": TRIAGE, "values": [1]}, "values is"),
        ({"deployment": TRIAGE, "over": 3}, " int; .*DataFrame"),
        ({"deployment": TRIAGE, "variants": [3]}, "3|string"),
        ({"deployment": TRIAGE, "variants": 3}, r"triage: \w+ is 3; "),
        ({"deployment": TRIAGE, "variants": 3, "over": [{"ticket": "Late."}]}, r"triage: \w+ is 3; "),
    ],
)
def test_misuse_is_one_line(arguments: dict[str, object], told: str) -> None:
    """At once, with what to give."""
    with pytest.raises(InputError, match=told) as raised:
        fh.form(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_what_is_given_and_does_not_fit_is_told_before_run_where_there_are_no_widgets() -> None:
    """In a terminal and in a saved page as beside the fields; of what is only missing yet nothing is said."""
    form = fh.form(TRIAGE, values={"tone": "loud"})
    told = "tone: 'loud' is not one of 'calm' or 'brief'"
    assert form.problems[-1] == told or told in form.problems
    assert [line for line in repr(form).splitlines() if line.startswith("!")] == [f"! {told}"]
    assert html.escape(told) in form._repr_html_()
    form.fields["tone"].value = "calm"
    assert "!" not in repr(form)
    form.fields["max_words"].value = 0
    assert "! max_words: " in repr(form)


def test_what_is_sent_without_a_field_is_shown(hive: LocalHive) -> None:
    """An open schema takes any name: one that was perhaps a slip is seen before it is paid for."""
    schema = {"type": "object", "properties": {"ticket": {"type": "string"}}}
    form = fh.form(fh.Deployment("triage", variants="keywords", inputs=schema), values={"tikcet": "Late."})
    assert form.problems == []
    assert form.value == {"tikcet": "Late."}
    also = repr(form).splitlines()[-1].strip()
    assert re.fullmatch(r"\w[^:]*: 'tikcet'; .*'tikcet', .*'ticket'\?", also)
    assert html.escape(also) in form._repr_html_()
    assert html.escape(also) in FieldsView(form._core.model).widget.children[-1].value
    closed = fh.form(TRIAGE, values={"tikcet": "Late."})
    assert "'tikcet'; " not in repr(closed)
    assert re.search(r"! tikcet: .* 'ticket'\?", repr(closed))


@pytest.mark.parametrize("rows", [None, [{"ticket": "Late."}]])
def test_a_form_whose_widgets_were_closed_shows_with_new_ones(hive: LocalHive, rows: object) -> None:
    """``Widget.close_all()`` of somebody else's cell takes them out of the page; what was typed and what came stay."""
    form = fh.form(TRIAGE, over=rows, values={"tone": "calm"}, client=hive.client())
    gone = form.widget
    form.fields["ticket"].value = "Late."
    form.submit().wait()
    gone.close()
    shown = form._repr_mimebundle_()
    assert form.widget is not gone
    assert form.widget.comm is not None
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == form.widget.model_id
    assert form.value["tone"] != fh.UNSET
    before = form.submit()
    before.wait()
    assert form.frame["status"].tolist() == 2 * ["completed"]
    form.fields["ticket"].value = "Lost."
    assert "Lost." in repr(form)


@pytest.mark.parametrize("rows", [None, [{"ticket": "Late."}]])
def test_what_would_be_set_to_no_effect_is_refused(rows: object) -> None:
    """With what to set in its place; a name that no field has says which one was perhaps meant."""
    form = fh.form(TRIAGE, over=rows)
    with pytest.raises(InputError, match=r": form\.fields\['tone'\]\.value = 'calm'"):
        form.fields["tone"] = "calm"  # type: ignore[index]
    fields: Any = form.fields
    for change in (lambda: fields.update(ticket="x"), lambda: fields.pop("ticket"), fields.clear):
        with pytest.raises(InputError, match=r"\bform\.fields"):
            change()
    with pytest.raises(KeyError, match="'tikcet'.*'ticket'"):
        form.fields["tikcet"]
    assert form.fields.get("tikcet") is None
    for name in ("variant", "value", "values", "submit", "runs"):
        with pytest.raises(AttributeError, match=rf"form\.{name} .*form\.fields"):
            setattr(form, name, {"tone": "calm"})
    form.variants, form.repeats = "nearest", 2
    assert (form.variants, form.repeats) == (("nearest",), 2)


def test_placeholders_of_a_snippet_are_shown_empty() -> None:
    """Nothing is sent under a name that stands for another."""
    form = fh.form(
        fh.Deployment.from_snippet(
            '{"deployment": "YOUR_DEPLOYMENT_NAME", "variant": "YOUR_VARIANT_NAME", "inputs": {}}'
        )
    )
    assert form.variants == ()
    assert not form.submit().was_sent
    over = fh.form(form.deployment, over=[{"a": 1}], variants="v")
    assert not over.submit().was_sent


@pytest.fixture
def over(hive: LocalHive) -> fh.Form:
    """A form over two rows."""
    frame = pd.DataFrame({"text": ["Late.", "Lost."], "expected_output": ["a", "b"]})
    return fh.form(TRIAGE, over=frame, variants="keywords", values={"tone": "calm"}, client=hive.client())


def test_a_form_over_rows_begins_a_batch(over: fh.Form) -> None:
    """Once every required variable has its column; the tidy frame is the batch's."""
    assert isinstance(over, fh.Form)
    (problem,) = over.problems
    assert problem.startswith("ticket: ")
    assert re.match("[^:]*: ticket", repr(over.submit()))
    assert over.frame.empty
    over.fields["ticket"].column = "text"
    over.fields["max_words"].value = 9
    assert (over.fields["ticket"].column, over.fields["max_words"].value) == ("text", 9)
    assert over.problems == []
    batch = over.submit()
    batch.wait()
    assert over.batch is batch
    assert over.frame["status"].tolist() == ["completed", "completed"]
    assert over.frame["output"].tolist() == 2 * [{"got": ["max_words", "ticket", "tone"], "words": 9}]
    assert tells(repr(over), "2 of 2")
    assert tells(over._repr_html_(), "2 of 2")
    assert fh.last_batch() is batch


def test_a_form_over_rows_has_no_dataset_of_its_own(over: fh.Form) -> None:
    """Its rows are one; what is told does not name a variable that has a column."""
    with pytest.raises(InputError, match=r"\bform\.frame"):
        over.add_to_batch()
    assert over.dataset.empty
    one = fh.form(TRIAGE, over=[{"ticket": "Late."}], variants="keywords")
    assert re.fullmatch(r"Form of triage \w+ 1 row \(keywords: 1 call a row\)", repr(one).splitlines()[0])


def test_a_form_over_rows_says_what_each_variable_takes(over: fh.Form) -> None:
    """As text, and as HTML with the rows that would be sent."""
    over.fields["ticket"].column = "text"
    over.fields["token"].value = PASSWORD
    assert re.fullmatch(
        r"Form of triage \w+ 2 rows \(keywords: 1 call a row\)\n"
        r"  ticket     column 'text'\n"
        r"  tone       'calm' .*\n"
        r"  max_words  .* 120 .*\n"
        r"  sender     not sent\n"
        r"  token      \*\*\* .*",
        repr(over),
    )
    page = over._repr_html_()
    assert "<td>Lost.</td>" in page
    assert PASSWORD not in page + repr(over) + repr(over.value)


def test_a_form_is_on_the_page_before_its_tools_are_loaded(tmp_path: Path) -> None:
    """They read the store: a kernel's first form does not wait for that, as nobody opens a tool at first sight."""
    code = (
        "import sys\nimport fh_notebook as fh\nform = fh.form(fh.Deployment('d', inputs={'n': fh.integer()}))\n"
        "form._widget()\nprint([m for m in sys.modules if m.endswith(('.forms.views.panels', '.store.store'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["[]"]
