"""Decisions in the notebook: the tools that runs wait for, with buttons, below the display of these runs.

Nothing is shown, and no list is asked for, until a run waits. Where the tools cannot be listed, one line says what to
do. Visitors of an app decide nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import uuid4

from fh_notebook.client.approvals import ToolApproval
from fh_notebook.client.pending_run import ASKED, TO_TYPE
from fh_notebook.client.waiting_tools import MOST_LOOKS, ApprovalLister, WaitingTools, approvals_of
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import log
from fh_notebook.core.text import html
from fh_notebook.notebook.shell import WIDGET_VIEW, new_handle, no_lost_widget, running_kernel, widget_view
from fh_notebook.notebook.ui.buttons import CancelMethod, cancel_method, has_person, import_widgets, is_app
from fh_notebook.notebook.ui.display import is_closed

_NOTHING: Final = {"text/plain": ""}


def can_decide() -> bool:
    """Whether somebody sits before a page who may decide: no visitor of an app."""
    return not is_app() and bool(has_person(running_kernel()))


class CellPlace:
    """A place below the display of the running cell, for widgets that come later."""

    def __init__(self) -> None:
        self._class = f"fh-decisions-{uuid4().hex[:8]}"
        self._context = contextvars.copy_context()
        """In which ipykernel finds the cell."""
        self._handle = new_handle()
        self._is_taken = False

    def reserve(self) -> None:
        """Take the place now, where a kernel would put a later display under another cell."""
        if cancel_method(running_kernel()) is not CancelMethod.BUTTON:
            self._show(_NOTHING)

    def put(self, widget: Any) -> None:
        """Show a widget there."""
        self._context.run(self._show, {**_NOTHING, WIDGET_VIEW: widget_view(widget)})

    def _show(self, data: dict[str, Any]) -> None:
        (self._handle.update if self._is_taken else self._handle.display)(data, raw=True)
        self._is_taken = True

    def beside(self, page: str) -> str:
        """Return the page of the display above, which hides what a page without a kernel says of the widgets."""
        return html.el("div", no_lost_widget(self._class), html.Html(page), cls=self._class)

    @property
    def to_type(self) -> str:
        """The CSS selector of what that page says is to be typed: not to be seen while there are buttons."""
        return f".{self._class} .{TO_TYPE}"

    @property
    def asked(self) -> str:
        """The CSS selector of the questions about tools in that page."""
        return f".{self._class} .{ASKED}"


class Decisions:
    """The tools that some runs wait for.

    Parameters
    ----------
    waiting : function
        Returns the ids of each run that waits now.
    place : function of a widget
        Shows the widget, once there is something to decide or to say.
    on_decision : function of str
        Called when a decision was sent, with the first id of the run that it is about.
    hides : str
        A CSS selector of what is not to be seen while there are buttons.
    repeats : str
        A CSS selector of the questions of these runs, which are not to be seen beside a table that has all of them.
    """

    def __init__(
        self,
        waiting: Callable[[], Sequence[RunIds]],
        *,
        place: Callable[[Any], object],
        on_decision: Callable[[str], object] = lambda run: None,
        hides: str = "",
        repeats: str = "",
    ) -> None:
        self._waiting = waiting
        self._place = place
        self._on_decision = on_decision
        self._hides, self._repeats = hides, repeats
        self.then = ""
        """What is to be done after a decision, in words."""
        self._lock = threading.Lock()
        self._tools: WaitingTools | None = None
        self._table: Any = None
        """Used on the background loop alone."""
        self._problem = ""
        self._said: Any = None
        """The widget that says the problem."""

    def follow(self, lister: ApprovalLister | None, *, most_looks: int = MOST_LOOKS) -> None:
        """Show what is waited for now, soon; from any thread. Without a lister, nothing waits any more."""
        with self._lock:
            if self._tools is None and lister is not None:
                self._tools = WaitingTools(lister, self._waiting, self._changed)
            tools = self._tools
        if tools is not None:
            tools.follow(most_looks=most_looks)

    def _changed(self) -> None:
        event_loop.background().submit(self._draw())

    async def _draw(self) -> None:
        try:
            await asyncio.to_thread(import_widgets)
            self._show()
        except Exception:
            log.warning("the decisions that runs wait for could not be shown", exc_info=True)

    def _show(self) -> None:
        from fh_notebook.notebook.approvals.approvals_table import ApprovalsTable

        if self._tools is None:
            return
        approvals, problem = self._tools.approvals, self._tools.problem
        if self._table is not None and self._table.table.is_closed:  # for newer ones
            self._table, self._problem = None, ""
        is_new = self._table is None
        if is_new:
            if not (approvals or problem):
                return
            self._table = ApprovalsTable((), hides=self._hides)
            self._table.on_decision = self._decided
        self._table.then = self.then
        asked = [approval for approval in approvals if approval.summary]
        if approvals:  # of a decided one the line stays, and the question comes back with its run
            self._table.repeats = self._repeats if all(approvals_of(asked, [run]) for run in self._waiting()) else ""
        self._table.put(approvals)
        if problem != self._problem:
            self._problem = problem
            if problem:
                self._said = self._table.table.say_below(problem, is_error=False)
            elif not is_closed(self._said):  # else what came of a decision is in its place
                self._table.table.put_below([])
        if is_new:
            self._place(self._table.table.widget)
            self._table.table.hold()

    def _decided(self, approval: ToolApproval) -> None:
        if self._tools is not None:
            self._on_decision(self._tools.decided(approval.id))
