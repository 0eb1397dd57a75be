"""The widgets of a form: fields, the row to run them, results beside each other, and what else can be opened.

Rule of this file: it arranges and hands on. A handler returns at once; what comes later comes by a listener's call, on
whatever thread, and is shown by setting traits. What is seldom wanted is made when it is first opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fh_notebook.contract.run import Run
from fh_notebook.notebook.fields import FieldsView
from fh_notebook.notebook.form_bar import Acts, RunBar
from fh_notebook.notebook.form_core import FormCore, Listener
from fh_notebook.notebook.form_parts import Look, hear_all, problems_list
from fh_notebook.notebook.form_running import Submission
from fh_notebook.notebook.form_style import head_of
from fh_notebook.notebook.form_tools import Tools
from fh_notebook.notebook.results import ResultsView

__all__ = ["FormView"]


class FormView(Listener):
    """The widgets of one form.

    Parameters
    ----------
    core : FormCore
        What is shown.

    Attributes
    ----------
    widget : VBox
        All of it.
    """

    def __init__(self, core: FormCore) -> None:
        self._core = core
        self._look = look = Look()
        self._submit: int | None = None
        """The number by which the results know the submit that is shown."""
        self._head = look.text(head_of(core.deployment))
        self._fields = FieldsView(core.model, on_change=self._edited)
        self._problems = look.text(dom_class="fh-problems")
        acts = Acts(run=self._run, cancel=self._cancel, chosen=self._edited)
        self._bar = RunBar(look, core.choice, acts)
        self._results = ResultsView(deployment=core.deployment)
        self._tools = Tools(core, look, self._bar.say)
        self.widget = look.column(
            self._head, self._fields.widget, self._problems, self._bar.widget, self._results.widget, self._tools.widget,
            dom_class="fh-form",
        )  # fmt: skip
        core.listeners.append(self)
        self._catch_up()
        hear_all(self.widget)

    def _catch_up(self) -> None:
        """Show what was sent before anybody looked."""
        submission = self._core.newest
        if submission is None:
            return
        self.began(submission)
        for index, run in submission.came.items():
            self.came(submission, index, run)
        if not submission.running:
            self.ended(submission)

    # --- what a person does

    def _run(self) -> None:
        self._core.submit()

    def _cancel(self) -> None:
        self._bar.cancelling()
        self._core.cancel()

    def _edited(self, *_: Any) -> None:
        self._show_problems()
        self._tools.follow()
        self._core.tell("edited")

    # --- what happens

    def changed(self) -> None:
        """Show the values as they are now."""
        self._fields.refresh()
        self._bar.follow()
        self._show_problems()
        self._tools.follow()
        hear_all(self.widget)

    def refused(self, problems: Sequence[str]) -> None:
        """Say why nothing was sent; each problem stands beside its field as well."""
        self._fields.refresh()
        self._problems.value = problems_list(problems)
        number = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        self._bar.say(f"Nothing was sent: {number}, listed above.", kind="error")
        hear_all(self.widget)

    def began(self, submission: Submission) -> None:
        """Show a new submit: every column waits."""
        self._problems.value = ""
        self._submit = self._results.begin(submission.variants, submission.repeats)
        for index in range(len(submission.requests)):
            self._results.started(index, submit=self._submit)
        self._bar.running(True)
        self._bar.say("")

    def came(self, submission: Submission, index: int, run: Run) -> None:
        """Show an answer."""
        self._results.show(index, run, submit=self._submit)

    def ended(self, submission: Submission) -> None:
        """Show that no more will come."""
        if submission.stopped:
            self._results.stopped(submission.stopped, submit=self._submit)
        self._bar.running(False)
        self._bar.say(f"Calls go to {_place(self._core.place)}." if self._core.place else "")
        self._tools.ran()
        hear_all(self.widget)

    def collected(self) -> None:
        """Say how many inputs there are."""
        self._tools.follow()
        number = self._core.collected
        self._bar.say(f"{number:,} {'input is' if number == 1 else 'inputs are'} in form.dataset.")

    def grown(self) -> None:
        """Show other fields; what was typed is in them."""
        self._fields = FieldsView(self._core.model, on_change=self._edited)
        self._head.value = head_of(self._core.deployment)
        head, _, *rest = self.widget.children
        self.widget.children = (head, self._fields.widget, *rest)
        self._bar.follow()
        self._show_problems()
        self._tools.follow()
        hear_all(self.widget)

    def _show_problems(self) -> None:
        """All problems after a Run that sent nothing; before, those that stand beside no field."""
        model = self._core.model
        told = self._core.problems if model.all_touched else model.other_problems
        shown = problems_list(told)
        if self._problems.value != shown:
            self._problems.value = shown
            if not shown:
                self._bar.say("")


def _place(origin: str) -> str:
    return "the local hive in this process" if origin == "local" else origin
