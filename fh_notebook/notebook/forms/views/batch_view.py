"""`BatchFormView`: the widgets of a form over rows: mapping, preview, number of calls, progress of the batch.

- A handler returns at once; long work runs in the background.
- A constant is entered in the very field that a form of one call has for it: a password is typed unseen there.
- The batch has the block that it has under a cell (`BatchBlock`), among the widgets of the form: a click has no cell
  under which a display could be created.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from ipywidgets import Dropdown, Layout

from fh_notebook.batching.batch import Batch, ShownBatch
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.contract.schema.alternatives import same_json
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import path_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.notebook.forms.control.batch_controller import BatchFormController
from fh_notebook.notebook.forms.control.observers import BatchFormObserver
from fh_notebook.notebook.forms.fields.base import UpdateGuard, field_anchor
from fh_notebook.notebook.forms.fields.help_text import told
from fh_notebook.notebook.forms.fields.view import FieldsView
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.forms.model.row_mapping import RowMapping, SourceKind, batch_plan
from fh_notebook.notebook.forms.model.text_codec import json_line
from fh_notebook.notebook.forms.static import preview_page
from fh_notebook.notebook.forms.views.panels import PanelBar
from fh_notebook.notebook.forms.views.run_bar import FieldLink, RunActions, RunBar
from fh_notebook.notebook.progress.batch_block import BatchBlock, BlockHost
from fh_notebook.notebook.ui.latest_task import LatestTask
from fh_notebook.notebook.ui.widgets import (
    FormTheme,
    close_all,
    enable_all_clicks,
    form_head,
    line,
    problems_list,
)

GO_ON_IN_APP: Final = "press Run again"

_CONSTANT: Final = ("constant", "")

_NOTHING: Final = ("nothing", "")


class SourceRow:
    """One Start variable: where its value is from, and where that is a constant, the field in which it is entered."""

    def __init__(self, core: BatchFormController, name: str, look: FormTheme, edited: Callable[[], object]) -> None:
        self._core, self._name, self._look, self._edited = core, name, look, edited
        mapping = core.mapping
        self._showing = UpdateGuard()
        self._constant: FieldsView | None = None
        self._is_constant = False
        """Whether a constant is entered, though perhaps none is there yet."""
        self.was_left = False
        """Whether a person has come to it and gone on: then it is told what is missing."""
        columns = [(f"from column {column}", ("column", column)) for column in mapping.rows.columns]
        if mapping.is_file(name) or name in mapping.file_columns:
            columns += [(f"files named in column {column}", ("files", column)) for column in mapping.rows.columns]
        self._from = Dropdown(
            options=[*columns, ("a constant …", _CONSTANT), (_left_out(core, name), _NOTHING)],
            description=html.printable(path_text([name])),
            style={"description_width": "132px"},
            layout=Layout(width="100%", max_width="420px", margin="2px 8px 2px 0"),
        )
        self._from.add_class("fh-from")
        is_required = mapping.is_required(name)
        if is_required:
            self._from.add_class("fh-starred")
        self._from.observe(self._chosen, "value")
        self.anchor = field_anchor((name,))
        self.widget = look.row(self._from, dom_class=self.anchor)
        if is_required:
            self.widget.add_class("fh-needed")  # the page tells when it is left

    def mark(self, *, is_wrong: bool) -> None:
        """Show whether what it takes keeps Run from sending."""
        (self._from.add_class if is_wrong else self._from.remove_class)("fh-wrong")

    def follow(self) -> None:
        """Show what the variable takes."""
        source = self._core.mapping.sources[self._name]
        with self._showing:
            self._is_constant = source.kind is SourceKind.CONSTANT or (
                self._is_constant and source.kind is SourceKind.NOTHING
            )
            if source.column:
                column = (source.kind.value, source.column)
                # A column that a program gave and that is not there: the mapping's problem names it.
                self._from.value = column if source.column in self._core.mapping.rows.columns else None
            else:
                self._from.value = _CONSTANT if self._is_constant else _NOTHING
            self._offer_constant()
            if self._constant is not None and source.kind is SourceKind.CONSTANT:
                if not same_json(self._constant.fields[self._name].value, source.value):
                    self._constant.model.set_values({self._name: source.value})
                self._constant.refresh()

    def offer_menu(self, anchor: str) -> None:
        """Show the menu of the field of its constant that a person has come to."""
        if self._constant is not None:
            self._constant.offer_menu(anchor)

    def _offer_constant(self) -> None:
        if not self._is_constant:
            self.widget.children = (self._from,)
            return
        if self._constant is None:
            self._constant = FieldsView(
                constant_model(self._core.mapping, self._name), on_change=self._entered, files=self._core.files
            )
            self._constant.keys = self._look.keys
            self._constant.widget.add_class("fh-constant")
        self.widget.children = (self._from, self._constant.widget)
        enable_all_clicks(self.widget)

    def _chosen(self, change: Any) -> None:
        if self._showing or change["new"] is None:
            return
        kind, column = change["new"]
        mapping = self._core.mapping
        self._is_constant = kind == "constant"
        self._offer_constant()
        if kind == "column":
            mapping.take_column(self._name, column)
            self.follow()  # where the column has paths, their files are taken
        elif kind == "files":
            mapping.take_files(self._name, column)
        elif self._is_constant:
            self._take_constant()
        else:
            mapping.take_nothing(self._name)
        self._edited()

    def _entered(self) -> None:
        if not self._showing:
            self._take_constant()
            self._edited()

    def _take_constant(self) -> None:
        if self._constant is not None:
            self._core.mapping.take_value(self._name, self._constant.fields[self._name].value)


def constant_model(mapping: RowMapping, name: str) -> FormModel:
    """Return a form of one field: the constant of a variable. It begins with the default, which a batch sends."""
    declared = mapping.deployment.inputs if isinstance(mapping.deployment.inputs, dict) else {}
    schema = mapping.schema_of(name) or {"type": "string"}  # of what is not declared, a text is meant
    definitions: dict[str, Any] = {word: declared[word] for word in ("$defs", "definitions") if word in declared}
    begins = {name: schema["default"]} if isinstance(schema, dict) and "default" in schema else {}
    return FormModel({"type": "object", **definitions, "properties": {name: schema}}, begins)


def _left_out(core: BatchFormController, name: str) -> str:
    schema = core.mapping.schema_of(name)
    if not isinstance(schema, dict) or "default" not in schema:
        return "not sent"
    return f"default: {MASK if core.mapping.is_secret(name) else json_line(schema['default'])[:60]}"


class BatchFormView(BatchFormObserver):
    """The widgets of one form over rows.

    Parameters
    ----------
    core : BatchFormController
        What is shown.
    is_app : bool
        Whether it is shown to users of an app, as :class:`FormView` has it.

    Attributes
    ----------
    widget : VBox
        All of it.
    """

    def __init__(self, core: BatchFormController, *, is_app: bool = False) -> None:
        self._core, self._is_app = core, is_app
        self._look = look = FormTheme()
        self._task = LatestTask(self._show_error)
        self._starting = LatestTask(self._show_error)
        self._lock = threading.Lock()
        self._refused = False
        """Whether a person is told why nothing was sent."""
        self._begun: Batch | None = None
        """What Run began, once that is known: a short batch is over before."""
        self._cancel_asked = False
        self._lines: dict[str, SourceRow] = {}
        self._mapping = look.column(dom_class="fh-mapping")
        self._preview = look.text(dom_class="fh-preview")
        self._problems = look.text(dom_class="fh-problems")
        self._plan = look.text(dom_class="fh-plan")
        acts = RunActions(run=self._run, cancel=self._cancel, chosen=self._edited)
        self._bar = RunBar(look, core.selection, acts, is_app=is_app)
        self._block: BatchBlock | None = None
        self._result = look.column(dom_class="fh-batch-result")
        """In it the block of the batch that was begun last."""
        self._head = look.text()
        self._tools = PanelBar(core, look)
        tools = () if is_app else (self._tools.widget,)
        answers = [self._problems, self._plan, self._bar.widget, self._result, *tools]
        panes = look.panes([self._mapping, self._preview], answers)
        self.widget = look.panel(self._head, panes)
        self.changed()
        core.observers.add(self)
        core.display_of = self._make_block
        if is_app:
            core.go_on = GO_ON_IN_APP
        look.acts["came"] = self._offer_menu
        look.acts["left"] = self._left

    def complete(self) -> None:
        """Add nothing: all of it is there."""

    def leave(self) -> None:
        """Show nothing more of the form."""
        self._core.observers.remove(self)
        if self._block is not None:
            self._block.leave()

    def changed(self) -> None:
        """Show the mapping and the selection as they are now."""
        core = self._core
        self._head.value = form_head(core.deployment)
        for name in core.mapping.sources:
            if name not in self._lines:
                self._lines[name] = SourceRow(core, name, self._look, self._edited)
            self._lines[name].follow()
        lines = tuple(self._lines[name].widget for name in core.mapping.sources)
        if self._mapping.children != lines:
            self._mapping.children = lines
        self._bar.follow()
        self.edited()
        enable_all_clicks(self.widget)

    def starting(self) -> None:
        """Show that the rows are being checked: what came of an earlier batch is old."""
        self._begun, self._cancel_asked, self._refused = None, False, False
        self._bar.refuse(())
        self._bar.running(True, may_run=False)
        self._bar.say("Checking every row …")
        self._leave_block()

    def _make_block(self, shown: ShownBatch) -> BatchBlock:
        """Return the block of a batch that begins, or goes on."""
        if self._block is None or not self._block.has_batch(shown):
            host = BlockHost(attach=self._place_block, changed=self._batch_changed, is_app=self._is_app)
            self._block = BatchBlock(shown, host)
        return self._block

    def _place_block(self, box: Any) -> None:
        self._result.children = (box,)
        enable_all_clicks(self._result)

    def _leave_block(self) -> None:
        """Take the block of an earlier batch away; where that goes on in a cell, it has a new one."""
        if self._block is not None:
            self._block.leave()
        self._block, old, self._result.children = None, self._result.children, ()
        for box in old:
            close_all(box)

    def _batch_changed(self, is_running: bool) -> None:
        if is_running:  # also by a click on Retry, or in a cell
            self._bar.running(True, may_run=False)
            self._bar.say("")
        else:
            self._ended()

    def started(self, batch: Batch) -> None:
        """Show what a batch comes to; a short one is over already."""
        with self._lock:
            self._begun = batch
        if self._cancel_asked:
            batch.cancel()
        if not batch.running:
            self._ended()

    # --- what a person does

    def _edited(self) -> None:
        self._core.observers.notify(lambda observer: observer.edited())

    def _run(self) -> None:
        if self._core.problems:
            self._refused = True
            if links := self._show_refusal():
                self._look.keys.go_to(links[0].anchors)
            return
        self.starting()
        self._starting.do(self._core.start, lambda _: None)  # `started` is told of it

    def _cancel(self) -> None:
        self._bar.cancelling()
        self._cancel_asked = True
        if self._begun is not None:
            self._begun.cancel()

    def _offer_menu(self, anchor: str) -> None:
        for row in self._lines.values():
            row.offer_menu(anchor)

    def _left(self, anchor: str) -> None:
        for row in self._lines.values():
            if row.anchor == anchor and not row.was_left:
                row.was_left = True
                self._show_problems(self._core.mapping.preview().problems)

    # --- what is shown

    def _show_problems(self, problems: Sequence[Problem]) -> None:
        """Say what is wrong; what is missing, once its line was left or Run was pressed."""
        left = {name for name, row in self._lines.items() if row.was_left}
        shown = [
            _problem_text(problem)
            for problem in problems
            if self._refused or problem.keyword != "required" or problem.rows or left.intersection(problem.path or ())
        ]
        self._problems.value = problems_list(shown)
        enable_all_clicks(self.widget)

    def _show_refusal(self) -> list[FieldLink]:
        """Say what keeps Run from sending, with a link to each variable that it is about; return these."""
        problems = self._core.problems
        paths = {problem.path[0]: problem.path for problem in reversed(problems) if problem.path}
        links = [FieldLink.of(path_text([name]), paths[name]) for name in self._lines if name in paths]
        others = [str(problem) for problem in problems if not problem.path or problem.path[0] not in self._lines]
        self._bar.refuse(links, others)
        self._show_problems(problems)
        for name, row in self._lines.items():
            row.mark(is_wrong=name in paths)
        return links

    def edited(self) -> None:
        """Show what follows from the mapping and the selection."""
        if self._refused:
            self._refused = bool(self._core.problems)
            self._show_refusal()
        self._tools.follow()
        preview = self._core.mapping.preview()
        self._preview.value = str(preview_page(self._core.mapping, preview))
        self._show_problems(preview.problems)
        self._bar.show_calls(None)
        if preview.problems or self._core.selection.problem:
            self._plan.value = line(self._core.selection.problem)
            return
        core, chosen, repeats = self._core, self._core.selection.chosen, self._core.selection.repeats
        self._plan.value = "" if self._is_app else line("Counting the calls …")
        self._task.do(lambda: _planned(core, chosen, repeats), self._show_plan)

    def _show_plan(self, plan: Plan | InputError) -> None:
        if isinstance(plan, InputError):
            self._problems.value = problems_list(plan.problems)
            self._plan.value = ""
        else:
            in_block = self._begun is not None and self._begun.name == plan.name  # there is what is known of it
            left = plan.most_calls or plan.rejoined or plan.waiting or plan.not_ended
            is_done = in_block and not left and not self._is_app  # a disabled button needs its reason beside it
            text = self._run_would(plan) if in_block else str(plan)
            self._plan.value = "" if self._is_app else line(text, kind="plain")  # it names code
            self._bar.show_calls(plan.most_calls, is_done=is_done)
        enable_all_clicks(self.widget)

    def _run_would(self, plan: Plan) -> str:
        """Say what Run would do now, where the block shows what came of the batch."""
        counts = self._begun.counts if self._begun is not None else JobCounts()
        is_retried = counts.failed > counts.invalid and not plan.most_calls
        return f"Run would {plan.to_do}{'. To call failed jobs again, press Retry' if is_retried else ''}."

    def _ended(self) -> None:
        with self._lock:
            batch = self._begun
        if batch is None:
            return  # `started` will say so
        self._bar.running(False)
        are_all = batch.counts.done == batch.counts.planned
        what = "all answers" if are_all else "what came of each job"
        self._bar.say("" if self._is_app else f"form.frame (a DataFrame) has {what}.")
        self._tools.ran()
        self._edited()
        enable_all_clicks(self.widget)

    def failed(self, reason: str) -> None:
        """Say why nothing was sent."""
        self._show_error(reason)

    def _show_error(self, text: str) -> None:
        """Say in one line what could not be done."""
        self._plan.value = ""
        if not self._core.running:
            self._bar.running(False)
        self._bar.say(text, kind="error")


def _planned(core: BatchFormController, chosen: tuple[str, ...], repeats: int) -> Plan | InputError:
    try:
        return batch_plan(core.mapping, core.find_client(), variants=chosen, repeats=repeats)
    except InputError as exc:
        return exc


def _problem_text(problem: Problem) -> str:
    """Return a problem with its variable; one of rows is about what they hold, which nobody types here."""
    if problem.rows or not problem.path:
        return str(problem)
    to_do = str(problem.hint)
    return f"{path_text(problem.path)}: {told(problem, to_do[:1].upper() + to_do[1:])}"
