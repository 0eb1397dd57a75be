"""The widgets of a form over rows: a line for each Start variable, the first rows, the number of calls, and the batch.

Rule of this file: it arranges and hands on; a handler returns at once. A constant for a password is typed unseen, and
its box is emptied as soon as its text has come: what a page saves with a notebook is what the box holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from fh_notebook import html
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.plan import Plan
from fh_notebook.contract.spell import path_text
from fh_notebook.errors import InputError
from fh_notebook.notebook.form_bar import Acts, RunBar
from fh_notebook.notebook.form_batch import BatchCore
from fh_notebook.notebook.form_later import Later
from fh_notebook.notebook.form_over import From, plan_of
from fh_notebook.notebook.form_over_static import preview_page
from fh_notebook.notebook.form_parts import LABELLED, Look, hear_all, line, problems_list, unheard
from fh_notebook.notebook.form_progress import FormProgress
from fh_notebook.notebook.form_style import head_of
from fh_notebook.notebook.progress_view import ProgressView
from fh_notebook.values import Secret

__all__ = ["OverView"]

_CONSTANT: Final = ("constant", "")
_NOTHING: Final = ("nothing", "")


class OverView:
    """The widgets of one form over rows.

    Parameters
    ----------
    core : BatchCore
        What is shown.
    changed : callable
        Called after anything that the last state shows has changed.

    Attributes
    ----------
    widget : VBox
        All of it.
    """

    def __init__(self, core: BatchCore, changed: Callable[[], object]) -> None:
        self._core, self._told_changed = core, changed
        self._look = look = Look()
        self._later = Later(self._trouble)
        self._starting = Later(self._trouble)
        self._lock = threading.Lock()
        self._begun: Batch | None = None
        """What Run began, once that is known: a short batch is over before."""
        self._cancel_asked = False
        self._lines = {name: _Line(core, name, look, self._edited) for name in core.mapping.sources}
        self._preview = look.text(dom_class="fh-preview")
        self._problems = look.text(dom_class="fh-problems")
        self._plan = look.text(dom_class="fh-plan")
        self._bar = RunBar(look, core.choice, Acts(run=self._run, cancel=self._cancel, chosen=self._edited))
        self._progress = look.text(dom_class="fh-batch-progress")
        self._controls = look.row()
        self._result = look.text(dom_class="fh-batch-result")
        lines = look.column(*(one.widget for one in self._lines.values()), dom_class="fh-mapping")
        self.widget = look.column(
            look.text(head_of(core.deployment)), lines, self._preview, self._problems, self._plan, self._bar.widget,
            self._progress, self._controls, self._result, dom_class="fh-panel",
        )  # fmt: skip
        self.changed()

    def changed(self) -> None:
        """Show the mapping and the choice as they are now."""
        for one in self._lines.values():
            one.follow()
        self._bar.follow()
        self._show()
        hear_all(self.widget)

    def starting(self) -> None:
        """Show that the rows are being checked: what came of an earlier batch is old."""
        self._begun, self._cancel_asked = None, False
        self._bar.running(True, may_run=False)
        self._bar.say("Checking every row …")
        self._result.value = ""

    def progress(self) -> FormProgress:
        """Return the display of one start of the batch; as ``batch(progress=...)`` takes it."""
        return FormProgress(self._show_progress, self._place_controls, self._ended)

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
        self._show()
        self._told_changed()

    def _run(self) -> None:
        problems = self._core.problems
        if problems:
            self._problems.value = problems_list(problems)
            self._bar.say(f"Nothing was sent: {len(problems)} to put right, listed above.", kind="error")
            return
        self.starting()
        self._starting.do(lambda: self._core.start(progress=self.progress), self.started)

    def _cancel(self) -> None:
        self._bar.cancelling()
        self._cancel_asked = True
        if self._begun is not None:
            self._begun.cancel()

    # --- what is shown

    def _show(self) -> None:
        preview = self._core.mapping.preview()
        self._preview.value = str(preview_page(self._core.mapping, preview))
        self._problems.value = problems_list(preview.problems)
        self._bar.show_calls(None)
        if preview.problems or self._core.choice.problem:
            self._plan.value = line(self._core.choice.problem)
            return
        core, chosen, repeats = self._core, self._core.choice.chosen, self._core.choice.repeats
        self._plan.value = line("Counting the calls …")
        self._later.do(lambda: _planned(core, chosen, repeats), self._show_plan)

    def _show_plan(self, plan: Plan | InputError) -> None:
        if isinstance(plan, InputError):
            self._problems.value = problems_list(plan.problems)
            self._plan.value = ""
        else:
            self._plan.value = line(str(plan), kind="plain")
            self._bar.show_calls(plan.most_calls)
        hear_all(self.widget)

    def _show_progress(self, view: ProgressView) -> None:
        self._progress.value = view._repr_html_()
        self._bar.say("")

    def _place_controls(self, widget: Any) -> None:
        self._controls.children = () if widget is None else (widget,)

    def _ended(self) -> None:
        with self._lock:
            batch = self._begun
        if batch is None:
            return  # `started` will say so
        self._bar.running(False)
        self._progress.value = ""  # how it ended is the head of the result
        self._result.value = batch._repr_html_()
        self._bar.say("All of it is in form.frame.")
        self._show()
        self._told_changed()
        hear_all(self.widget)

    def refused(self, told: InputError) -> None:
        """Say why nothing was sent."""
        self._trouble(str(told))

    def _trouble(self, text: str) -> None:
        """Say in one line what could not be done."""
        self._plan.value = ""
        if not self._core.running:
            self._bar.running(False)
        self._bar.say(text, kind="error")


def _planned(core: BatchCore, chosen: tuple[str, ...], repeats: int) -> Plan | InputError:
    try:
        return plan_of(core.mapping, core.find_client(), variants=chosen, repeats=repeats)
    except InputError as told:
        return told


class _Line:
    """One Start variable: where its value is from, and the constant where it is one."""

    def __init__(self, core: BatchCore, name: str, look: Look, edited: Callable[[], object]) -> None:
        from ipywidgets import Dropdown, Layout

        self._core, self._name, self._look, self._edited = core, name, look, edited
        mapping = core.mapping
        self._follows = False
        self._constant: Any = None
        needed = "*" if mapping.is_required(name) else ""
        columns = [(f"column {column}", ("column", column)) for column in mapping.rows.columns]
        self._from = Dropdown(
            options=[*columns, ("a constant …", _CONSTANT), (_left_out(core, name), _NOTHING)],
            description=f"{html.printable(path_text([name]))}{needed}",
            style={"description_width": "132px"},
            layout=Layout(width="100%", max_width="420px", margin="2px 8px 2px 0"),
        )
        self._from.add_class("fh-from")
        self._from.observe(self._chosen, "value")
        self.widget = look.row(self._from)

    def follow(self) -> None:
        """Show what the variable takes."""
        self._follows = True
        try:
            source = self._core.mapping.sources[self._name]
            if source.kind is From.COLUMN:
                self._from.value = ("column", source.column)
            else:
                self._from.value = _CONSTANT if source.kind is From.CONSTANT else _NOTHING
            self._offer_constant(source.kind is From.CONSTANT)
            if self._constant is not None and not self._is_secret and source.kind is From.CONSTANT:
                value = source.value
                self._constant.value = value if isinstance(value, str) else html.printable(_json(value))
        finally:
            self._follows = False

    @property
    def _is_secret(self) -> bool:
        return self._core.mapping.is_secret(self._name)

    @property
    def _is_set(self) -> bool:
        return bool(self._core.mapping.sources[self._name].value)

    def _offer_constant(self, is_offered: bool) -> None:
        if not is_offered:
            self.widget.children = (self._from,)
            return
        if self._constant is None:
            self._constant = self._new_constant()
        self.widget.children = (self._from, self._constant)
        hear_all(self.widget)

    def _new_constant(self) -> Any:
        from ipywidgets import Password, Text

        more = {"layout": self._look.input, "style": LABELLED, "continuous_update": False}
        made = (
            unheard(Password)(placeholder="set, hidden" if self._is_set else "not shown", **more)
            if self._is_secret
            else Text(placeholder="the same in every row", **more)
        )
        made.add_class("fh-constant")
        made.observe(self._typed, "value")
        return made

    def _chosen(self, change: Any) -> None:
        if self._follows or change["new"] is None:
            return
        kind, column = change["new"]
        mapping = self._core.mapping
        if kind == "column":
            mapping.take_column(self._name, column)
        elif kind == "constant":
            mapping.take_typed(self._name, "")
        else:
            mapping.take_nothing(self._name)
        self._offer_constant(kind == "constant")
        self._edited()

    def _typed(self, change: Any) -> None:
        if self._follows:
            return
        typed = Secret(change["new"]) if self._is_secret else change["new"]
        if isinstance(typed, Secret):
            if not typed:
                return  # it was emptied here
            self._constant.value = ""
            self._constant.placeholder = "set, hidden"
            self._core.mapping.take_typed(self._name, typed.reveal())
        else:
            self._core.mapping.take_typed(self._name, typed)
        self._edited()


def _left_out(core: BatchCore, name: str) -> str:
    schema = core.mapping.schema_of(name)
    has_default = isinstance(schema, dict) and "default" in schema and not core.mapping.is_secret(name)
    return f"default: {_json(schema['default'])[:60]}" if has_default else "not sent"


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, default=repr)
