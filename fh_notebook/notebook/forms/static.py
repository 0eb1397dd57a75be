"""Static display of forms: HTML and text without widgets, for saved notebooks, nbconvert and terminals.

- A password is shown only as present, long values are folded, and nothing is drawn as if it could be clicked.
- A pending run has a row from when the service has accepted its call until its answer arrives, also after a newer
  submission. Nothing here waits, and closing the notebook loses no run (``fh.reattach()``).
- A form over rows shows its mapping, the first rows and the progress of its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.progress.state import outcome_parts
from fh_notebook.client.uploads import file_named, with_file_names
from fh_notebook.contract.callbacks import approval_request_of
from fh_notebook.contract.output import PAGE_END
from fh_notebook.contract.secrets import mask_run
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import first_words, moment_text, one_line, path_text
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.control.controller import FormController
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.text_codec import json_line
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.notebook.results.state import SubmitState, app_run
from fh_notebook.notebook.shell import no_lost_widget

if TYPE_CHECKING:
    from fh_notebook.client.pending_run import PendingRun
    from fh_notebook.notebook.forms.control.batch_controller import BatchFormController
    from fh_notebook.notebook.forms.model.row_mapping import Preview, RowMapping


SHOWN: Final = 20
"""Rows at most; ``form.pending`` has all."""


def waited_text(pending: PendingRun, *, is_app: bool = False) -> str:
    """Return in one line what a run waits for, or why nothing is heard of it; to users of an app, nothing of either."""
    if is_app:  # whom a person of their company decides, and errors of the service, are none of theirs
        return "The answer arrives later"
    who, question = (one_line(text, 300) for text in approval_request_of(pending.run))
    asked = f"Waiting for the decision of {': '.join(filter(None, (who, question)))}" if who else ""
    if question and not who:
        asked = f"Question, not answered yet: {question}"
    return "; ".join(filter(None, (asked, one_line(pending.trouble, 300)))) or "The answer arrives later"


def pending_page(runs: Sequence[PendingRun], *, is_app: bool = False) -> html.Html | str:
    """Return the runs that are waited for as rows, to users of an app without ids; nothing where there is none."""
    if not runs:
        return ""
    number = f"{counted(len(runs), 'run')} {agreeing(len(runs), 'are')}"
    left = len(runs) - SHOWN
    more = f"and {left:,} more{'' if is_app else '; form.pending has everything'}" if left > 0 else ""
    return html.el(
        "div",
        html.STYLE,
        html.el("div", f"{number} waited for; the answer appears here when it arrives", cls="fh-dim", role="status"),
        *(_row(run, is_app) for run in runs[:SHOWN]),
        html.el("div", more, cls="fh-dim") if more else None,
        cls="fh",
    )


def _row(run: PendingRun, is_app: bool) -> html.Html:
    """One run: how far, which variant, what it waits for, since when; it wraps where the page is narrow."""
    since = f"since {moment_text(run.started_at)}" if run.started_at else ""
    identity = "" if is_app else one_line(run.request_id or run.run_id or "", 80)
    facts = " · ".join(filter(None, (since, identity)))
    return html.el(
        "div",
        html.el("div", html.badge(one_line(run.status, 40)), " ", html.el("strong", one_line(run.variant or "", 80))),
        html.el("div", html.el("bdi", waited_text(run, is_app=is_app))),
        html.el("div", facts, cls="fh-dim fh-foot"),
        cls="fh-pending-row",
        style="padding:4px 0;overflow-wrap:anywhere",
    )


FIELDS_SHOWN: Final = 60
"""Of a form with more, the rest is counted."""

VALUE_SHOWN: Final = 2_000
"""Characters of one value; ``form.value`` has all of it."""

CELL_CAP: Final = 80
"""Characters of one value in a table of rows."""

IN_A_LINE: Final = 100
"""Characters of one value in the text twin."""


def form_page(core: FormController, *, is_app: bool = False) -> html.Html:
    """Return the form as HTML that needs neither a kernel nor a script."""
    rows = [
        html.el(
            "tr",
            html.el("th", _name(state), scope="row"),
            html.el("td", value := _value_element(state, is_app), dir=html.direction(value), style="width:100%"),
        )
        for state in _first(core)
    ]
    left = len(core.model.fields) - FIELDS_SHOWN
    return html.el(
        "div",
        html.STYLE,
        no_lost_widget("fh-form-static"),
        html.el("div", html.el("strong", core.deployment.name), html.el("span", f" {core.selection}", cls="fh-dim")),
        html.el("div", about, cls="fh-dim", dir=html.direction(about))
        if (about := core.deployment.description)
        else None,
        html.el("table", html.el("tbody", *rows), cls="fh-table") if rows else None,
        html.el("div", f"and {counted(left, 'more variable')}", cls="fh-dim") if left > 0 else None,
        html.el("div", also, cls="fh-dim") if (also := core.model.also_sent) else None,
        *(html.el("div", problem, cls="fh-error") for problem in _shown_problems(core)),
        last.page() if (last := _last_state(core, is_app=is_app)) is not None else None,
        cls="fh fh-form-static",
    )


def form_text(core: FormController, *, is_app: bool = False) -> str:
    width = max((len(_name(state)) for state in _first(core)), default=0)
    lines = [f"Form of {core.deployment.name} ({core.selection})"]
    lines += [html.printable(f"  {_name(state).ljust(width)}  {_in_a_line(state)}") for state in _first(core)]
    left = len(core.model.fields) - FIELDS_SHOWN
    lines += [f"  and {counted(left, 'more variable')}"] if left > 0 else []
    lines += [html.printable(f"  {also}")] if (also := core.model.also_sent) else []
    lines += [html.printable(f"! {problem}") for problem in _shown_problems(core)]
    if (last := _last_state(core, is_app=is_app)) is not None:
        lines += ["", repr(last)]
    return "\n".join(lines)


def _first(core: FormController) -> list[FieldState]:
    return list(core.model.fields.values())[:FIELDS_SHOWN]


def _name(state: FieldState) -> str:
    return path_text([state.name]) + ("*" if state.required else "")


def _value_element(state: FieldState, is_app: bool) -> object:
    value = state.value
    if value is UNSET or state.secret:
        return html.el("span", state.noted, cls="fh-dim")
    text = state.text if isinstance(value, str) and file_named(value) is None else _value_text(value)
    return html.folded(
        text, whole=PAGE_END if is_app else "form.value has everything", cap=VALUE_SHOWN, open_chars=VALUE_SHOWN // 4
    )


def _in_a_line(state: FieldState) -> str:
    value = state.value
    if value is UNSET or state.secret:
        return state.noted
    return one_line(_value_text(value), IN_A_LINE)


def _value_text(value: Any) -> str:
    """Return a value as text, in which a file whose address is sent has its name."""
    if (named := file_named(value)) is not None:
        return str(named)
    return with_file_names(value if isinstance(value, str) else json_line(value))


def _shown_problems(core: FormController) -> list[Problem]:
    """The problems that the page shows: all after Run, before it those of what was edited, and of what was given."""
    model = core.model
    if model.all_touched:
        return model.problems
    beside = [problem for state in model.walk() for problem in state.shown_problems]
    return list(dict.fromkeys([*beside, *model.shown_other_problems]))


def _last_state(core: FormController, *, is_app: bool = False) -> SideBySide | None:
    """What came of the last submit; ``None`` before the first."""
    submission = core.newest
    if submission is None:
        return None
    submit = SubmitState(submission.variants, submission.repeats)
    for index, pending in submission.waits.items():
        submit.wait(index, pending.status, waited_text(pending, is_app=is_app))
    for index, run in submission.came.items():
        shown = mask_run(run, core.secrets)
        submit.answer(index, app_run(shown) if is_app else shown)
    if submission.stopped:
        submit.stop(was_sent=submission.was_sent)
    stopped = submission.stopped_in_app if is_app else submission.stopped
    line = " · ".join(filter(None, (submit.line(submission.elapsed_s), stopped)))
    whole = PAGE_END if is_app else "form.frame has everything"
    known = core.selection.offered
    name = core.deployment.name
    return SideBySide(submit.calls, deployment=name, line=line, whole=whole, is_app=is_app, known=known)


def preview_page(mapping: RowMapping, preview: Preview) -> html.Html:
    """Return the first rows as they would be sent, as a table; nothing where there is none."""
    if not preview.inputs:
        return html.el("span")
    names = list(dict.fromkeys(name for inputs in preview.inputs for name in inputs))
    rows = [
        [html.el("strong", str(label)), *(_cell(inputs, name) for name in names)]
        for label, inputs in zip(preview.labels, preview.inputs, strict=True)
    ]
    number = len(mapping.rows)
    head = f"The first {len(rows)} of {number:,} rows, as they would be sent:" if number > len(rows) else "As sent:"
    return html.el("div", html.el("div", head, cls="fh-dim"), html.table(["row", *names], rows), cls="fh")


def _cell(inputs: Any, name: str) -> object:
    if name not in inputs:
        return html.el("span", "not sent", cls="fh-dim")
    return first_words(_value_text(inputs[name]), CELL_CAP)


def _batch_line(core: BatchFormController, is_app: bool) -> list[str]:
    """Return how far its batch is, to users of an app without ids, hives and code; nothing before the first."""
    if core.batch is None:
        return []
    if not is_app:
        return [core.batch.summary()]
    return [", ".join(outcome_parts(core.batch.counts).values())]


def batch_form_page(core: BatchFormController, *, is_app: bool = False) -> html.Html:
    """Return the form as HTML that needs neither a kernel nor a script."""
    mapping, preview = core.mapping, core.mapping.preview()
    rows = [
        html.el(
            "tr",
            html.el("th", path_text([name]), scope="row"),
            html.el("td", source := mapping.source_text(name), dir=html.direction(source)),
        )
        for name in mapping.sources
    ]
    return html.el(
        "div",
        html.STYLE,
        no_lost_widget("fh-form-static"),
        html.el("div", html.el("strong", core.deployment.name), html.el("span", f" {core.selection}", cls="fh-dim")),
        html.el("table", html.el("tbody", *rows), cls="fh-table"),
        preview_page(mapping, preview),
        *(html.el("div", problem, cls="fh-error") for problem in preview.problems),
        *(html.el("div", html.el("strong", line), cls="fh-head") for line in _batch_line(core, is_app)),
        cls="fh fh-form-static",
    )


def batch_form_text(core: BatchFormController, *, is_app: bool = False) -> str:
    mapping = core.mapping
    width = max((len(path_text([name])) for name in mapping.sources), default=0)
    lines = [f"Form of {core.deployment.name} over {counted(len(mapping.rows), 'row')} ({core.selection} a row)"]
    lines += [f"  {path_text([name]).ljust(width)}  {mapping.source_text(name)}" for name in mapping.sources]
    lines += [f"! {problem}" for problem in mapping.preview().problems]
    lines += _batch_line(core, is_app)
    return html.printable("\n".join(lines))
