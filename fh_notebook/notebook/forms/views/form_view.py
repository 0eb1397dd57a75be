"""`FormView`: the widgets of a form of one call.

Rule of this file: it arranges and hands on. A handler returns at once; what comes later comes by an observer's call, on
whatever thread, and is shown by setting traits. What is seldom wanted is made when it is first opened.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.contract.callbacks import RunIds
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import mask_run
from fh_notebook.core.text.formatting import path_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.notebook.approvals.decisions import Decisions
from fh_notebook.notebook.forms.control.controller import FormController
from fh_notebook.notebook.forms.control.observers import FormObserver
from fh_notebook.notebook.forms.control.submission import Submission
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.forms.static import pending_page
from fh_notebook.notebook.forms.views.run_bar import FieldLink, RunActions, RunBar
from fh_notebook.notebook.results.state import app_run
from fh_notebook.notebook.results.view import ResultsView
from fh_notebook.notebook.ui.buttons import is_app
from fh_notebook.notebook.ui.display import leave_when_closed
from fh_notebook.notebook.ui.widgets import FormTheme, enable_all_clicks, form_head, origin_text

if TYPE_CHECKING:
    from fh_notebook.notebook.forms.views.panels import PanelBar

NOT_UPLOADED: Final = "The file was not uploaded, and nothing was sent; try again later"


class FormView(FormObserver):
    """The widgets of one form.

    Parameters
    ----------
    core : FormController
        What is shown.
    is_app : bool
        Whether it is shown to users of an app: without the tools of whoever writes it, and without what they concern.

    Attributes
    ----------
    widget : VBox
        All of it.
    """

    def __init__(self, core: FormController, *, is_app: bool = False) -> None:
        self._is_app = is_app
        self._core, self._fields = core, core.fields
        self._look = look = FormTheme()
        self._refused = False
        """Whether a person is told why nothing was sent."""
        self._head = look.text(form_head(core.deployment))
        acts = RunActions(run=self._run, cancel=self._cancel, chosen=self._chosen)
        self._bar = RunBar(look, core.selection, acts, is_app=is_app)
        self._results = ResultsView(line=self._bar.progress, is_app=is_app)
        self._pending = look.text(dom_class="fh-pending")
        self._decisions = Decisions(self._waiting_runs, place=self._show_decisions, on_decision=self._look_soon)
        self._lock = threading.Lock()
        self._made_tools: PanelBar | None = None
        self._again: int | None = None
        """The line of the dataset that has the present inputs, once that was said."""
        panes = look.panes([core.fields.widget], (self._bar.widget, self._results.widget, self._pending))
        self._fields_pane, self._answers_pane = panes.children
        core.fields.keys = look.keys
        look.acts["go"] = self._linked
        look.acts["left"] = lambda anchor: self._core.fields.leave(anchor)
        look.acts["came"] = lambda anchor: self._core.fields.offer_menu(anchor)
        self.widget = look.panel(self._head, panes)
        core.observe(self, (self,))
        enable_all_clicks(self.widget)

    def complete(self) -> None:
        """Add the tools, which nobody needs at first sight: without them the fields are there sooner.

        A form that is shown again tells problems of the present settings.
        """
        self._core.fields.refresh_problems()
        children = self._answers_pane.children
        if not self._is_app and self._tools.widget not in children:
            self._answers_pane.children = (*children, self._tools.widget)

    @property
    def _tools(self) -> PanelBar:
        with self._lock:  # a page may send a click on another thread, before the form is complete
            if self._made_tools is None:
                from fh_notebook.notebook.forms.views.panels import PanelBar  # which loads the store

                is_empty = not self._core.model.fields
                self._made_tools = PanelBar(self._core, self._look, collect=self._collect, is_empty=is_empty)
            return self._made_tools

    def leave(self) -> None:
        """Show nothing more of the form."""
        self._core.leave(self, (self,))

    # --- what a person does

    def _run(self) -> None:
        if self._core.busy:  # a second click that was on its way: each call costs
            self._bar.say("A run is in progress. Wait for it, or cancel it.")
        else:
            self._core.submit()

    def _chosen(self) -> None:
        self._core.observers.notify(lambda observer: observer.edited())

    def _cancel(self) -> None:
        self._bar.cancelling()
        self._core.cancel()

    def _collect(self) -> None:
        line = self._core.collected_line
        if line is not None and line != self._again:
            self._again = line
            self._tools.say(f"Row {line:,} of form.dataset already has these inputs. Press again to add them twice.")
        else:
            self._core.collect()

    # --- what happens

    def changed(self) -> None:
        """Show the values as they are now."""
        self._core.fields.refresh()
        self._bar.follow()
        self.edited()

    def edited(self) -> None:
        """Show what follows from the values."""
        self._again = None
        self._tools.say("")
        if self._refused:
            self._refused = bool(self._core.problems)
            self._show_refusal()
        self._tools.follow()
        enable_all_clicks(self.widget)

    def refused(self, problems: Sequence[Problem]) -> None:
        """Say that nothing was sent, and go to the first field to correct; each problem stands beside its field."""
        self._refused = True
        self._core.fields.refresh()
        if links := self._show_refusal():
            self._core.fields.reveal(links[0].anchors[0])
            self._look.keys.go_to(links[0].anchors)
        enable_all_clicks(self.widget)

    def began(self, submission: Submission) -> None:
        """Show that calls are made; the columns wait."""
        known = self._core.selection.offered
        self._results.begin(submission.variants, submission.repeats, known=known, sent=len(submission.requests))
        self._refused = False
        self._bar.refuse(())
        self._core.fields.show_notices(())
        self._bar.running(True, may_run=False)

    def came(self, submission: Submission, index: int, run: Run) -> None:
        """Show an answer, without secrets."""
        shown = mask_run(run, self._core.secrets)
        self._results.show(index, app_run(shown) if self._is_app else shown)

    def accepted(self, submission: Submission, index: int) -> None:
        """Show that a call was accepted."""
        if index in submission.waits:
            self._results.waits(index)

    def waited(self) -> None:
        """Show what is waited for; once all is handed over, another run can be begun."""
        waited_for = self._core.waited_for
        page = str(pending_page(waited_for, is_app=self._is_app))
        if page != self._pending.value:
            self._pending.value = page
        if not self._is_app and not is_app():
            self._decisions.follow(waited_for[0].lister if waited_for else None)
        if not self._core.busy:
            self._bar.running(bool(waited_for))

    def _waiting_runs(self) -> list[RunIds]:
        return [run.ids for run in self._core.waited_for if run.may_wait_for_tool]

    def _look_soon(self, first: str) -> None:
        for run in self._core.waited_for:
            if run.ids.first == first:
                run.look_soon()

    def _show_decisions(self, widget: Any) -> None:
        """Show the tools that its runs wait for below what is waited for."""
        children = self._answers_pane.children
        place = children.index(self._pending) + 1
        self._answers_pane.children = (*children[:place], widget, *children[place:])
        leave_when_closed(widget, self._answers_pane)
        enable_all_clicks(self.widget)

    def ended(self, submission: Submission) -> None:
        """Show that no more will come, and why, where it was stopped."""
        if submission.stopped:
            message = submission.stopped_in_app if self._is_app else submission.stopped
            if submission.was_sent and not (submission.waits or self._is_app):
                message = ""  # each call that was cancelled says what became of it
            self._results.stopped(message, was_sent=submission.was_sent)
        problems = submission.problems
        if self._is_app:  # whose visitors hear nothing of keys and addresses
            problems = tuple(replace(problem, value="", message=NOT_UPLOADED) for problem in problems)
        if problems and (anchor := self._core.fields.show_notices(problems)):
            self._look.keys.go_to([anchor])
        self._bar.running(bool(self._core.waited_for))
        origin = "" if self._is_app else self._core.origin
        self._bar.say(f"Calls go to {origin_text(origin)}." if origin else "")
        self._tools.ran()
        enable_all_clicks(self.widget)

    def collected(self) -> None:
        """Say how many inputs there are."""
        self._again = None
        self._tools.follow()
        self._tools.show_collected(self._core.collected)

    def grown(self) -> None:
        """Show other fields; what was typed is in them."""
        self._head.value = form_head(self._core.deployment)
        self._fields_pane.children = (self._core.fields.widget,)
        old_fields, self._fields = self._fields, self._core.fields
        self._fields.keys = self._look.keys
        if old_fields is not self._fields:  # another thread has shown them already
            old_fields.close()
        self._bar.follow()
        self.edited()

    def _linked(self, names: str) -> None:
        """Go on to what a link with these anchors leads to, where the page could not show it."""
        anchors = names.split()
        if self._core.fields.reveal(anchors[0]):
            self._look.keys.go_to(anchors)

    def _show_refusal(self) -> list[FieldLink]:
        """Say what keeps Run from sending, with a link to each problem that a field tells; return these."""
        model = self._core.model
        links = _links(model)
        others = [problem for problem in self._core.problems if problem not in model.problems]
        self._bar.refuse(links, list(map(str, [*others, *model.other_problems[:1]])))
        return links


def _links(model: FormModel) -> list[FieldLink]:
    """Return a link to each problem that a field tells, in the order of the fields.

    A field of a group has the group's name before its own; where two are called the same, all that they lie in.
    """
    states: dict[tuple[str | int, ...], FieldState] = {}
    for state in model.walk():
        states.setdefault(state.path, state)
    order = {path: place for place, path in enumerate(states)}
    found: list[tuple[tuple[str | int, ...], tuple[str | int, ...]]] = []
    for problem in model.problems:
        path = problem.path or ()
        at = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in states), None)
        if at is not None:
            found.append((at, path))
    found.sort(key=lambda place: order[place[0]])
    names = [_place_name(states[at], path[len(at) :]) for at, path in found]
    called: dict[str, set[tuple[str | int, ...]]] = {}
    for name, (at, _) in zip(names, found, strict=True):
        called.setdefault(name, set()).add(at)
    links = []
    for name, (at, path) in zip(names, found, strict=True):
        outer = [_place_name(states[at[:length]], ()) for length in range(1, len(at)) if at[:length] in states]
        outer = outer if len(called[name]) > 1 else outer[-1:]
        links.append(FieldLink.of(": ".join([*outer, name]), path))
    return links


def _place_name(state: FieldState, inside: tuple[str | int, ...]) -> str:
    """Return what a field, or a row or an item of it, is called."""
    parts = [f"{part + 1:,}" if isinstance(part, int) else part for part in inside]
    return " ".join([state.title.strip() or path_text([state.name]), *parts])
