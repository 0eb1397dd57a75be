"""The widgets of a form over rows: a line for each Start variable, the first rows, the number of calls, and the batch.

Rule of this file: it arranges and hands on; a handler returns at once, and what takes long comes later.
"""

from __future__ import annotations

import threading
from typing import Any

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.plan import Plan
from fh_notebook.errors import InputError
from fh_notebook.notebook.form_bar import Acts, RunBar
from fh_notebook.notebook.form_batch_core import BatchCore
from fh_notebook.notebook.form_later import Later
from fh_notebook.notebook.form_listener import BatchFormObserver
from fh_notebook.notebook.form_over import plan_of
from fh_notebook.notebook.form_over_line import SourceLine
from fh_notebook.notebook.form_over_static import preview_page
from fh_notebook.notebook.form_parts import Look, hear_all, line, problems_list
from fh_notebook.notebook.form_progress import FormProgress
from fh_notebook.notebook.form_style import head_of
from fh_notebook.notebook.form_tools import Tools
from fh_notebook.notebook.progress_view import ProgressView

__all__ = ["OverView"]


class OverView(BatchFormObserver):
    """The widgets of one form over rows.

    Parameters
    ----------
    core : BatchCore
        What is shown.

    Attributes
    ----------
    widget : VBox
        All of it.
    """

    def __init__(self, core: BatchCore) -> None:
        self._core = core
        self._look = look = Look()
        self._later = Later(self._trouble)
        self._starting = Later(self._trouble)
        self._lock = threading.Lock()
        self._begun: Batch | None = None
        """What Run began, once that is known: a short batch is over before."""
        self._cancel_asked = False
        self._lines: dict[str, SourceLine] = {}
        self._mapping = look.column(dom_class="fh-mapping")
        self._preview = look.text(dom_class="fh-preview")
        self._problems = look.text(dom_class="fh-problems")
        self._plan = look.text(dom_class="fh-plan")
        self._bar = RunBar(look, core.choice, Acts(run=self._run, cancel=self._cancel, chosen=self._edited))
        self._progress = look.text(dom_class="fh-batch-progress")
        self._controls = look.row()
        self._result = look.text(dom_class="fh-batch-result")
        self._head = look.text()
        self._tools = Tools(core, look, self._bar.say)
        self.widget = look.panel(
            self._head, self._mapping, self._preview, self._problems, self._plan, self._bar.widget,
            self._progress, self._controls, self._result, self._tools.widget,
        )  # fmt: skip
        self.changed()
        core.observers.add(self)
        core.progress = self._make_progress

    def leave(self) -> None:
        """Show nothing more of the form."""
        self._core.observers.remove(self)

    def changed(self) -> None:
        """Show the mapping and the choice as they are now."""
        core = self._core
        self._head.value = head_of(core.deployment)
        for name in core.mapping.sources:
            if name not in self._lines:
                self._lines[name] = SourceLine(core, name, self._look, self._edited)
            self._lines[name].follow()
        lines = tuple(self._lines[name].widget for name in core.mapping.sources)
        if self._mapping.children != lines:
            self._mapping.children = lines
        self._bar.follow()
        self.edited()
        hear_all(self.widget)

    def starting(self) -> None:
        """Show that the rows are being checked: what came of an earlier batch is old."""
        self._begun, self._cancel_asked = None, False
        self._bar.running(True, may_run=False)
        self._bar.say("Checking every row …")
        self._result.value = ""

    def _make_progress(self) -> FormProgress:
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
        self._core.observers.tell(lambda observer: observer.edited())

    def _run(self) -> None:
        problems = self._core.problems
        if problems:
            self._problems.value = problems_list(problems)
            self._bar.say(f"Nothing was sent: {len(problems)} to put right, listed above.", kind="error")
            return
        self.starting()
        self._starting.do(self._core.start, lambda _: None)  # `started` is told of it

    def _cancel(self) -> None:
        self._bar.cancelling()
        self._cancel_asked = True
        if self._begun is not None:
            self._begun.cancel()

    # --- what is shown

    def edited(self) -> None:
        """Show what follows from the mapping and the choice."""
        self._tools.follow()
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
        self._tools.ran()
        self._edited()
        hear_all(self.widget)

    def failed(self, reason: str) -> None:
        """Say why nothing was sent."""
        self._trouble(reason)

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
