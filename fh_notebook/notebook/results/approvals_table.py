"""The table of tools that wait for a decision, in a page: two buttons in each line, Allow once and Deny.

A decision is sent when a button is clicked, once, on a thread. Where widgets are not known (the saved file, nbconvert)
the plain table stands, with the code that decides.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Final
from uuid import uuid4

from ipywidgets import HTML, Layout, VBox

from fh_notebook.client.approvals import HEADS, ApprovalDecision, ToolApproval, ToolApprovals, cells_of
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text import html
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.shell import no_lost_widget
from fh_notebook.notebook.ui.display import WidgetDisplay
from fh_notebook.notebook.ui.page_widget import OwnKeys, own_keys
from fh_notebook.notebook.ui.widgets import close_whole, enable_all_clicks, line

__all__ = ["ApprovalsTable", "show"]

TABLES: Final = 4
"""Tables whose buttons are heard: a cell that is run again leaves one behind that no page has."""

BUTTONS: Final[dict[ApprovalDecision, tuple[str, str]]] = {
    "allow_once": ("Allow once", "Allowed once."),
    "deny": ("Deny", "Denied."),
}
"""Decision -> the text of its button, and what is said when it was sent."""

STYLE: Final = html.Html(
    "<style>"
    ".fh .fh-decide{font:inherit;margin:0 6px 4px 0;line-height:1.3;padding:1px 10px;border-radius:3px;cursor:pointer;"
    "color:inherit;background:var(--jp-layout-color2,rgba(128,128,128,.15));white-space:nowrap;"
    "border:1px solid var(--jp-border-color1,rgba(128,128,128,.6))}"
    ".fh .fh-decide:hover{background:var(--jp-layout-color3,rgba(128,128,128,.3))}"
    ".fh .fh-decide:focus-visible{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:1px}"
    ".fh-approvals .widget-html{min-width:0;max-width:100%;height:auto}"
    ".fh-approvals .widget-html-content{width:100%;min-width:0;max-width:100%;line-height:inherit;font-size:inherit;"
    "overflow-x:auto}"
    "</style>"
)

_tables: Final[deque[ApprovalsTable]] = deque()
"""Those whose buttons are heard, the newest last."""


def show(approvals: ToolApprovals) -> None:
    """Show approvals under the running cell, with buttons."""
    table = ApprovalsTable(approvals)
    _tables.append(table)
    while len(_tables) > TABLES:
        _tables.popleft().close()
    table.show()


class ApprovalsTable:
    """The table of some approvals.

    Parameters
    ----------
    approvals : ToolApprovals
        What a client listed.
    """

    def __init__(self, approvals: ToolApprovals) -> None:
        self._approvals = list(approvals)
        self._lock = threading.Lock()
        self._sent: dict[int, str] = {}
        """What stands in place of the buttons, by the number of the line."""
        self._class = f"fh-approvals-{uuid4().hex[:8]}"
        """Of what stands where this one's widgets are not."""
        self._display = WidgetDisplay(self._static, lambda: repr(ToolApprovals(self._approvals)))
        self._keys = OwnKeys(self.act, layout=Layout(display="none"))
        wide = Layout(width="100%", margin="0")
        self._lines = HTML(self._table(), layout=wide)
        self._status = HTML(layout=wide)
        self.widget = own_keys(VBox([self._lines, self._status], _dom_classes=("fh-approvals",)), self._keys)

    def _static(self) -> html.Html:
        page = html.Html(ToolApprovals(self._approvals)._repr_html_())
        return html.el("div", no_lost_widget(self._class), page, cls=self._class)

    def _table(self) -> str:
        hide = html.el("style", f".{self._class}{{display:none}}")
        rows = [
            [self._decision(number, approval), *cells_of(approval)] for number, approval in enumerate(self._approvals)
        ]
        return html.el("div", html.STYLE, STYLE, hide, html.table(("Decision", *HEADS), rows), cls="fh")

    def _decision(self, number: int, approval: ToolApproval) -> html.Html:
        if (sent := self._sent.get(number)) is not None:
            return html.el("span", sent, cls=f"fh-decided fh-decided-{number}")
        if approval.status != "pending":
            return html.el("span", "")
        about = ", ".join(filter(None, map(approval.shown, (approval.tool, approval.action, approval.summary))))
        buttons = (
            html.el(
                "button",
                text,
                type="button",
                cls="fh-decide",
                data_act=f"{decision} {number}",
                aria_label=f"{text}: {about}",
            )
            for decision, (text, _) in BUTTONS.items()
        )
        return html.join(list(buttons))

    def show(self) -> None:
        """Show it under the running cell."""
        self._display.show(lambda: self.widget)
        enable_all_clicks(self.widget)

    def close(self) -> None:
        """Leave what the file has; nothing can be clicked any more."""
        close_whole(self)

    # --- what a person clicks, on the thread that hears it

    def act(self, name: str) -> None:
        """Send the decision of a button: ``allow_once 3`` allows the tool of the fourth line."""
        word, _, digits = name.partition(" ")
        decision = next((known for known in BUTTONS if known == word), None)
        if decision is not None and digits.isdecimal() and int(digits) < len(self._approvals):
            number = int(digits)
            with self._lock:  # of two clicks one is sent
                is_first = number not in self._sent and self._approvals[number].status == "pending"
                if is_first:
                    self._sent[number] = "Sending…"
            if is_first:
                self._update()
                event_loop.background().submit(self._send(number, decision))
        enable_all_clicks(self.widget)

    async def _send(self, number: int, decision: ApprovalDecision) -> None:
        try:
            after = await asyncio.to_thread(self._approvals[number].decide, decision)
        except FetchHiveError as exc:
            self._show_error(number, str(exc))
        except Exception as exc:
            log.warning("a decision could not be sent", exc_info=True)
            self._show_error(number, error_text(exc))
        else:
            self._approvals[number] = after
            self._sent[number] = BUTTONS[decision][1]
            self._status.value = line(f"{BUTTONS[decision][1]} {after.shown(after.summary)}", kind="plain")
            self._update()

    def _show_error(self, number: int, text: str) -> None:
        """Say why; the buttons do not come back, since the decision may have arrived."""
        self._sent[number] = "Not decided here; list the approvals again."
        error = html.el("div", text, cls="fh-error", role="alert")
        self._status.value = html.el("div", html.STYLE, error, cls="fh")
        self._update()

    def _update(self) -> None:
        self._lines.value = self._table()
        self._display.update()
        enable_all_clicks(self.widget)
