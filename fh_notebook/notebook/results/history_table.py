"""The table of earlier runs and batches in a page: a button in each row shows its saved answer below.

What is stored is read when a button is clicked, on a thread. Where widgets are not known (the saved file, nbconvert)
the table of the frame stands, with the code that opens a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ipywidgets import HTML, Layout, VBox

from fh_notebook.batching.history.history import STYLE as TABLE_STYLE
from fh_notebook.batching.history.history import TABLE, opens_with, record_of, shown_cells
from fh_notebook.batching.history.reopen import open_batch
from fh_notebook.contract import output as output_view
from fh_notebook.contract.run import Run
from fh_notebook.core.text import html
from fh_notebook.core.text.shown_frame import LINES_SHOWN, ShownFrame
from fh_notebook.errors import InputError
from fh_notebook.notebook.results.view import ResultsView
from fh_notebook.notebook.ui.button_table import ButtonTable, button
from fh_notebook.notebook.ui.latest_task import LatestTask
from fh_notebook.session import session

STYLE: Final = html.Html(
    "<style>.fh-history .fh-runs :is(th,td):last-child"
    f"{{position:sticky;right:0;padding-left:8px;background:{html.GROUND}}}</style>"
)
"""The buttons stay in sight in a narrow page, whose table scrolls."""


def show(frame: ShownFrame) -> None:
    """Show the frame of :func:`fh.history` under the running cell, with buttons."""
    HistoryTable(frame).table.show()


class HistoryTable:
    """The table of one frame.

    Parameters
    ----------
    frame : ShownFrame
        What ``fh.history()`` returned.
    """

    def __init__(self, frame: ShownFrame) -> None:
        self._records = [record_of(line) for line in frame.iloc[:LINES_SHOWN].to_dict("records")]
        page, text = html.Html(frame._repr_html_() or ""), repr(frame)
        lines = _lines(frame)
        self._task = LatestTask(self._show_error)
        self.table = ButtonTable(
            live=lambda: lines, static=lambda: page, text=lambda: text, act=self.act, dom_class="fh-history"
        )

    # --- what a person clicks, on the thread that hears it

    def act(self, name: str) -> None:
        """Do what a button of this name says: ``open 3`` shows the fourth line, ``close`` hides what is shown."""
        what, _, number = name.partition(" ")
        if what == "close":
            self.table.put_below([])
        elif what == "open" and number.isdecimal() and int(number) < len(self._records):
            record = self._records[int(number)]
            self._task.do(lambda: _stored(record), lambda stored: self._put_stored(record, stored))

    def _put_stored(self, record: Mapping[str, Any], stored: Run | str) -> None:
        widget = HTML(stored, layout=Layout(width="100%")) if isinstance(stored, str) else _result(stored)
        self.table.put_below([HTML(_head(record)), widget], is_in_sight=True)

    def _show_error(self, text: str) -> None:
        self.table.say_below(text, is_error=True)


def _lines(frame: ShownFrame) -> html.Html:
    """Return the lines with a button each."""
    shown = frame.iloc[:LINES_SHOWN]
    (heads, lines), (_, texts) = shown_cells(shown, drawn=True), shown_cells(shown)
    buttons = [_open_button(number, line) for number, line in enumerate(texts)]
    rows = [[*line, opens] for line, opens in zip(lines, buttons, strict=True)]
    caption = html.el("div", frame.caption, cls="fh-dim")
    return html.join([TABLE_STYLE, STYLE, caption, html.table([*heads, "open it"], rows, cls=TABLE)])


def _open_button(number: int, line: Sequence[Any]) -> html.Html:
    about = ", ".join(filter(None, map(str, line[:5])))
    return button("Open", f"open {number}", about=about, title="Show the saved answer; nothing is called")


def _head(record: Mapping[str, Any]) -> str:
    """Return the line above what was opened: what it is, and a button that takes it away."""
    name = record["name"] or " / ".join(filter(None, (record["deployment"], record["variants"])))
    close = button("Close", "close", about=name)
    return html.el("div", html.STYLE, html.el("strong", name, role="status"), " ", close, cls="fh fh-head")


def _stored(record: Mapping[str, Any]) -> Run | str:
    """Return the run of a line, or the page of its batch."""
    if record["kind"] == "batch":
        page: str = open_batch(record["name"])._repr_html_()
        return page
    store, number = session.store(), record["answer_id"]
    stored = store.answers.by_ids([number]) if store is not None else {}
    if number not in stored:
        raise InputError(f"this answer is no longer saved; {opens_with(record)}")
    return stored[number].run


def _result(run: Run) -> Any:
    """Return a run with its inputs, in the view that forms and cells have."""
    inputs = output_view.output_view(dict(run.inputs or {}), output_view.OutputOptions(whole="the form has everything"))
    view = ResultsView(line=HTML())
    view.show(0, run, submit=view.begin([run.variant or ""]))
    page = html.el("div", html.STYLE, output_view.STYLE, html.fold("Inputs", inputs), cls="fh")
    return VBox([HTML(page, layout=Layout(width="100%")), view.widget])
