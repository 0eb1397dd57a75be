"""The table of tools that wait for a decision, in a page: two buttons in each row, Allow once and Deny.

A decision is sent when a button is clicked, once, on a thread. The buttons come back where the service has certainly
not taken it. Where widgets are not known (the saved file, nbconvert) the plain table stands, with the code to type.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fh_notebook.client.approvals import HEADS, ApprovalDecision, ToolApproval, ToolApprovals, cells_of
from fh_notebook.contract.callbacks import NO_STEPS, WaitingSteps
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.errors import AuthError, CallError, ConnectFailed, FetchHiveError
from fh_notebook.notebook.ui.button_table import ButtonTable, button

BUTTONS: Final[dict[ApprovalDecision, tuple[str, str]]] = {
    "allow_once": ("Allow once", "Allowed once."),
    "deny": ("Deny", "Denied."),
}
"""Decision -> the text of its button, and what is said when it was taken."""

TITLES: Final[dict[ApprovalDecision, str]] = {
    "allow_once": "Allow this one call",
    "deny": "Refuse this call",
}
_CLASSES: Final[dict[ApprovalDecision, str]] = {"allow_once": "fh-decides", "deny": "fh-ends fh-decides"}

ONCE: Final = "Allow once is for this call alone; a later call is asked about again."
_HEAD: Final = "margin:10px 0 6px"
SENDING: Final = "Sending…"
NOT_WAITING: Final = "It no longer waits."
NOT_KNOWN: Final = "Not decided here; list the approvals again."
CONFLICT: Final = 409
"""The status of an answer to a second decision."""

STYLE: Final = html.Html(
    "<style>.fh-approvals .fh-table td:last-child{min-width:112px}"
    ".fh-approvals .fh-table .fh-in-line{min-width:104px;margin:0 8px 8px 0}"
    # Where there is little room an id breaks, and what a person decides about is not cut off.
    "@container (max-width:720px){.fh-approvals .fh-table .fh-unbroken{white-space:normal}}</style>"
)


def show(approvals: ToolApprovals) -> None:
    """Show approvals under the running cell, with buttons."""
    ApprovalsTable(approvals, steps=approvals.steps).table.show()


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
    if not _waits(after):
        return text
    votes = f", with {after.votes} of {after.votes_required} votes" if _lacks_votes(after) else ""
    return f"Voted: {button_text}. It still waits{votes}."


def _lacks_votes(approval: ToolApproval) -> bool:
    votes, required = approval.votes, approval.votes_required
    return votes is not None and required is not None and votes < required


def _waits(approval: ToolApproval) -> bool:
    """Whether it waits; the answer to a decision need not have a status, but may have the votes."""
    return approval.status == "pending" or (not approval.status and _lacks_votes(approval))


@dataclass(slots=True)
class _Line:
    """One line of the table."""

    approval: ToolApproval
    """As it was listed last, or as it is after a decision."""
    said: str = ""
    """What stands in place of the buttons."""

    def take(self, listed: ToolApproval | None) -> None:
        """Take how it is listed now; ``None``: it is not."""
        if self.said == SENDING or (self.said and not _waits(self.approval)):
            return  # a decision of this table is newer
        waited, self.approval = _waits(self.approval), listed or self.approval
        if listed is None or not _waits(listed):
            self.said = NOT_WAITING if waited else self.said
        elif self.said in (NOT_WAITING, NOT_KNOWN):
            self.said = ""


class ApprovalsTable:
    """The table of some approvals.

    Parameters
    ----------
    approvals : iterable of ToolApproval
        What a client listed.
    steps : WaitingSteps, optional
        What other runs wait for, of which nobody decides here; it is listed below, without buttons.
    hides : str
        A CSS selector of what is not to be seen while there are buttons.
    """

    def __init__(self, approvals: Iterable[ToolApproval], *, steps: WaitingSteps = NO_STEPS, hides: str = "") -> None:
        self._steps = steps
        self.then = ""
        """What is to be done after a decision, in words."""
        self.repeats = ""
        """A CSS selector of questions that its lines repeat: not to be seen beside them."""
        self.on_decision: Callable[[ToolApproval], object] = lambda approval: None
        """Called on the background loop when a decision was sent, whatever came of it."""
        self._lock = threading.Lock()
        self._lines = [_Line(approval) for approval in approvals]
        self.table = ButtonTable(
            live=self._live,
            static=lambda: html.Html(self._listed()._repr_html_()),
            text=lambda: repr(self._listed()),
            act=self.act,
            dom_class="fh-approvals",
            hides=hides,
        )

    def _listed(self) -> ToolApprovals:
        with self._lock:
            return ToolApprovals([line.approval for line in self._lines], steps=self._steps)

    def put(self, approvals: Iterable[ToolApproval]) -> None:
        """Show these approvals as they are now: new ones below the others; what is not listed waits no more."""
        with self._lock:
            listed = {approval.id: approval for approval in approvals}
            for line in self._lines:
                line.take(listed.pop(line.approval.id, None))
            self._lines += map(_Line, listed.values())
        self.table.update()

    def _live(self) -> html.Html:
        with self._lock:
            rows = [
                [*cells_of(line.approval, is_decided_here=not line.said), _decision(number, line)]
                for number, line in enumerate(self._lines)
            ]
            open_lines = sum(not line.said and _waits(line.approval) for line in self._lines)
        waiting = html.el("strong", f"{counted(open_lines, 'tool call')} {agreeing(open_lines, 'wait')} for a decision")
        once = html.el("div", html.el("div", waiting, cls="fh-head"), html.el("div", ONCE, cls="fh-dim"), style=_HEAD)
        head = [once] if open_lines else []
        repeated = html.el("style", f"{self.repeats}{{display:none}}") if self.repeats else html.Html("")
        table = [STYLE, repeated, *head, html.stacked((*HEADS, "Decision"), rows)] if rows else []
        return html.join([*table, *([below] if (below := self._steps.list_html()) else [])])

    # --- what a person clicks, on the thread that hears it

    def act(self, name: str) -> None:
        """Send the decision of a button: ``allow_once 3`` allows the tool of the fourth line."""
        word, _, digits = name.partition(" ")
        decision = next((known for known in BUTTONS if known == word), None)
        with self._lock:  # of two clicks one is sent
            if decision is None or not digits.isdecimal() or int(digits) >= len(self._lines):
                return
            line = self._lines[int(digits)]
            if line.said or line.approval.status != "pending":
                return
            line.said = SENDING
        self.table.update()
        event_loop.background().submit(self._send(line, decision))

    async def _send(self, line: _Line, decision: ApprovalDecision) -> None:
        try:
            after = await asyncio.to_thread(line.approval.decide, decision)
        except Exception as exc:
            self._note_error(line, exc)
            was_sent = not isinstance(exc, ConnectFailed)
        else:
            text, was_sent = decision_text(decision, after), True
            with self._lock:
                line.approval, line.said = after, text
            self.table.say_below(" ".join(filter(None, (text, after.shown(after.summary), self.then))), is_error=False)
        self.table.update()
        if was_sent:
            self.on_decision(line.approval)

    def _note_error(self, line: _Line, error: Exception) -> None:
        """Say why; the buttons come back unless the decision may have arrived, or there is none to be made."""
        text = str(error) if isinstance(error, FetchHiveError) else error_text(error)
        if not isinstance(error, FetchHiveError):
            log.warning("a decision could not be sent", exc_info=error)
        is_refused = isinstance(error, CallError) and not error.may_have_run and error.status_code != CONFLICT
        with self._lock:
            line.said = "" if is_refused else NOT_KNOWN
        if isinstance(error, ConnectFailed):
            text = f"{text}; nothing was sent: check the network, then click again"
        elif isinstance(error, AuthError):
            text = f"{text}; nothing was decided: use an API key that may decide, and list the approvals again"
        self.table.say_below(text, is_error=True)


def _decision(number: int, line: _Line) -> html.Html:
    """Return the last cell of a line, behind what it is about: its buttons, or what came of them."""
    approval = line.approval
    if line.said:
        return html.el("span", line.said, cls=f"fh-decided fh-decided-{number}")
    if approval.status != "pending":
        return html.el("span", "")
    about = ", ".join(filter(None, map(approval.shown, (approval.tool, approval.action, approval.summary))))
    return html.join(
        button(text, f"{decision} {number}", about=about, title=TITLES[decision], cls=_CLASSES[decision])
        for decision, (text, _) in BUTTONS.items()
    )
