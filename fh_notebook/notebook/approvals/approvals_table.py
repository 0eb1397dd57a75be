"""The table of tools that wait for a decision, in a page: two buttons in each line, Allow once and Deny.

A decision is sent when a button is clicked, once, on a thread. The buttons come back where the service has certainly
not taken it. Where widgets are not known (the saved file, nbconvert) the plain table stands, with the code to type.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Final

from fh_notebook.client.approvals import HEADS, ApprovalDecision, ToolApproval, ToolApprovals, cells_of
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text import html
from fh_notebook.errors import AuthError, CallError, ConnectFailed, FetchHiveError
from fh_notebook.notebook.ui.button_table import ButtonTable, button

__all__ = ["ApprovalsTable", "decision_text", "show"]

BUTTONS: Final[dict[ApprovalDecision, tuple[str, str]]] = {
    "allow_once": ("Allow once", "Allowed once."),
    "deny": ("Deny", "Denied."),
}
"""Decision -> the text of its button, and what is said when it was taken."""

NOT_WAITING: Final = "It does not wait any more."
CONFLICT: Final = 409
"""The status of an answer to a second decision."""


def show(approvals: ToolApprovals) -> None:
    """Show approvals under the running cell, with buttons."""
    ApprovalsTable(approvals).table.show()


def decision_text(decision: ApprovalDecision, after: ToolApproval) -> str:
    """Return what came of a decision: one of several votes decides nothing by itself.

    Examples
    --------
    >>> decision_text("allow_once", ToolApproval(id="a1", status="pending", votes=1, votes_required=2))
    'Voted: Allow once. It still waits, with 1 of 2 votes.'
    >>> decision_text("allow_once", ToolApproval(id="a1", status="allowed", votes=2, votes_required=2))
    'Allowed once.'
    """
    button_text, text = BUTTONS[decision]
    lacks_votes = after.votes is not None and after.votes_required is not None and after.votes < after.votes_required
    if after.status != "pending" and not (lacks_votes and not after.status):
        return text
    votes = f", with {after.votes} of {after.votes_required} votes" if lacks_votes else ""
    return f"Voted: {button_text}. It still waits{votes}."


class ApprovalsTable:
    """The table of some approvals.

    Parameters
    ----------
    approvals : iterable of ToolApproval
        What a client listed.
    """

    def __init__(self, approvals: Iterable[ToolApproval]) -> None:
        self._approvals = list(approvals)
        self.then = ""
        """What is to be done after a decision, in words."""
        self.on_decision: Callable[[], object] = lambda: None
        """Called on the background loop when a decision was sent, whatever came of it."""
        self._lock = threading.Lock()
        self._sent: dict[int, str] = {}
        """What stands in place of the buttons, by the number of the line."""
        self.table = ButtonTable(
            live=self._live,
            static=lambda: html.Html(ToolApprovals(self._approvals)._repr_html_()),
            text=lambda: repr(ToolApprovals(self._approvals)),
            act=self.act,
            dom_class="fh-approvals",
        )

    def put(self, approvals: Iterable[ToolApproval]) -> None:
        """Show these approvals: new ones below the others; those that are not listed any more wait no more."""
        with self._lock:
            numbers = {approval.id: number for number, approval in enumerate(self._approvals)}
            listed = {approval.id: approval for approval in approvals}
            for id_, number in numbers.items():
                if id_ not in listed and self._approvals[number].status == "pending":
                    self._sent.setdefault(number, NOT_WAITING)
                elif id_ in listed and self._sent.get(number) == NOT_WAITING:
                    del self._sent[number]
            self._approvals += [approval for id_, approval in listed.items() if id_ not in numbers]
        self.table.update()

    def _live(self) -> html.Html:
        if not self._approvals:
            return html.Html("")
        rows = [
            [self._decision(number, approval), *cells_of(approval)] for number, approval in enumerate(self._approvals)
        ]
        return html.table(("Decision", *HEADS), rows)

    def _decision(self, number: int, approval: ToolApproval) -> html.Html:
        if (sent := self._sent.get(number)) is not None:
            return html.el("span", sent, cls=f"fh-decided fh-decided-{number}")
        if approval.status != "pending":
            return html.el("span", "")
        about = ", ".join(filter(None, map(approval.shown, (approval.tool, approval.action, approval.summary))))
        return html.join([button(text, f"{decision} {number}", about=about) for decision, (text, _) in BUTTONS.items()])

    # --- what a person clicks, on the thread that hears it

    def act(self, name: str) -> None:
        """Send the decision of a button: ``allow_once 3`` allows the tool of the fourth line."""
        word, _, digits = name.partition(" ")
        decision = next((known for known in BUTTONS if known == word), None)
        if decision is None or not digits.isdecimal() or int(digits) >= len(self._approvals):
            return
        number = int(digits)
        with self._lock:  # of two clicks one is sent
            is_first = number not in self._sent and self._approvals[number].status == "pending"
            if is_first:
                self._sent[number] = "Sending…"
        if is_first:
            self.table.update()
            event_loop.background().submit(self._send(number, decision))

    async def _send(self, number: int, decision: ApprovalDecision) -> None:
        try:
            after = await asyncio.to_thread(self._approvals[number].decide, decision)
        except Exception as exc:
            self._note_error(number, exc)
        else:
            self._approvals[number] = after
            self._sent[number] = text = decision_text(decision, after)
            self.table.say_below(" ".join(filter(None, (text, after.shown(after.summary), self.then))), is_error=False)
        self.table.update()
        self.on_decision()

    def _note_error(self, number: int, error: Exception) -> None:
        """Say why; the buttons come back unless the decision may have arrived, or there is none to be made."""
        text = str(error) if isinstance(error, FetchHiveError) else error_text(error)
        if not isinstance(error, FetchHiveError):
            log.warning("a decision could not be sent", exc_info=error)
        is_refused = isinstance(error, CallError) and not error.may_have_run and error.status_code != CONFLICT
        with self._lock:
            if is_refused:
                del self._sent[number]
            else:
                self._sent[number] = "Not decided here; list the approvals again."
        if isinstance(error, ConnectFailed):
            text = f"{text}; nothing was sent: check the network, then click again"
        elif isinstance(error, AuthError):
            text = f"{text}; nothing was decided: with a key that may decide, list the approvals again"
        self.table.say_below(text, is_error=True)
