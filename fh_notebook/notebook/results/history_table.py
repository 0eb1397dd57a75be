"""The table of earlier runs and batches in a page: a button in each line shows below what is stored of it.

What is stored is read when a button is clicked, on a thread. Where widgets are not known (the saved file, nbconvert)
the table of the frame stands, with the code that opens a line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

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
from fh_notebook.notebook.shell import no_lost_widget
from fh_notebook.notebook.ui.display import WidgetDisplay
from fh_notebook.notebook.ui.latest_task import LatestTask
from fh_notebook.notebook.ui.page_widget import OwnKeys, own_keys
from fh_notebook.notebook.ui.widgets import close_all, close_whole, enable_all_clicks
from fh_notebook.session import session

__all__ = ["HistoryTable", "show"]

TABLES: Final = 4
"""Tables whose buttons are heard: a cell that is run again leaves one behind that no page has."""

BELOW: Final = "fh-history-below"

STYLE: Final = html.Html(
    "<style>"
    ".fh .fh-open{font:inherit;margin-right:6px;line-height:1.3;padding:1px 10px;border-radius:3px;cursor:pointer;"
    "color:inherit;background:var(--jp-layout-color2,rgba(128,128,128,.15));"
    "border:1px solid var(--jp-border-color1,rgba(128,128,128,.6))}"
    ".fh .fh-open:hover{background:var(--jp-layout-color3,rgba(128,128,128,.3))}"
    ".fh .fh-open:focus-visible{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:1px}"
    f".fh-history .widget-vbox,.{BELOW}{{min-width:0;max-width:100%}}"
    ".fh-history .widget-html{min-width:0;max-width:100%;height:auto}"
    ".fh-history .widget-html-content{width:100%;min-width:0;max-width:100%;line-height:inherit;font-size:inherit}"
    f".{BELOW}{{scroll-margin-top:52px}}"
    "</style>"
)

_tables: Final[deque[HistoryTable]] = deque()
"""Those whose buttons are heard, the newest last."""


def show(frame: ShownFrame) -> None:
    """Show the frame of :func:`fh.history` under the running cell, with buttons."""
    table = HistoryTable(frame)
    _tables.append(table)
    while len(_tables) > TABLES:
        _tables.popleft().close()
    table.show()


class HistoryTable:
    """The table of one frame.

    Parameters
    ----------
    frame : ShownFrame
        What ``fh.history()`` returned.
    """

    def __init__(self, frame: ShownFrame) -> None:
        self._records = [record_of(line) for line in frame.iloc[:LINES_SHOWN].to_dict("records")]
        self._class = f"fh-history-{uuid4().hex[:8]}"
        """Of what stands where this one's widgets are not."""
        page, text = frame._repr_html_(), repr(frame)
        static = html.el("div", no_lost_widget(self._class), html.Html(page or ""), cls=self._class)
        self._display = WidgetDisplay(lambda: static, lambda: text)
        self._task = LatestTask(self._show_error)
        self._keys = OwnKeys(self.act, layout=Layout(display="none"))
        self._below = VBox(_dom_classes=(BELOW,))
        wide = Layout(width="100%", margin="0")
        box = VBox([HTML(self._table(frame), layout=wide), self._below], _dom_classes=("fh-history",))
        self.widget = own_keys(box, self._keys)

    def _table(self, frame: ShownFrame) -> str:
        hide = html.el("style", f".{self._class}{{display:none}}")
        heads, lines = shown_cells(frame.iloc[:LINES_SHOWN])
        # Beside the time, where it is in sight also in a narrow page, whose table scrolls.
        rows = [
            [html.join([self._button(number, line), html.el("span", line[0])], " "), *line[1:]]
            for number, line in enumerate(lines)
        ]
        caption = html.el("div", frame.caption, cls="fh-dim")
        return html.el("div", TABLE_STYLE, STYLE, hide, caption, html.table(heads, rows, cls=TABLE), cls="fh")

    def _button(self, number: int, line: Sequence[Any]) -> html.Html:
        said = ", ".join(filter(None, map(str, line[:4])))
        return html.el(
            "button",
            "Open",
            type="button",
            cls="fh-open",
            data_act=f"open {number}",
            aria_label=f"Open: {said}",
            title="Show the stored answer; nothing is called",
        )

    def show(self) -> None:
        """Show it under the running cell."""
        self._display.show(lambda: self.widget)
        enable_all_clicks(self.widget)

    def close(self) -> None:
        """Leave what the file has; nothing can be clicked any more."""
        close_whole(self)

    # --- what a person clicks, on the thread that hears it

    def act(self, name: str) -> None:
        """Do what a button of this name says: ``open 3`` shows the fourth line, ``close`` hides what is shown."""
        what, _, number = name.partition(" ")
        if what == "close":
            self._put([])
        elif what == "open" and number.isdecimal() and int(number) < len(self._records):
            record = self._records[int(number)]
            self._task.do(lambda: _stored(record), lambda stored: self._put_stored(record, stored))
        enable_all_clicks(self.widget)

    def _put_stored(self, record: Mapping[str, Any], stored: Run | str) -> None:
        widget = HTML(stored, layout=Layout(width="100%")) if isinstance(stored, str) else _result(stored)
        self._put([HTML(_head(record)), widget])
        self._keys.show(BELOW)

    def _put(self, widgets: list[Any]) -> None:
        old, self._below.children = self._below.children, tuple(widgets)
        for widget in old:
            close_all(widget)
        enable_all_clicks(self._below)

    def _show_error(self, text: str) -> None:
        self._put([HTML(html.el("div", html.STYLE, html.el("div", text, cls="fh-error", role="alert"), cls="fh"))])


def _head(record: Mapping[str, Any]) -> str:
    """Return the line above what was opened: what it is, and a button that takes it away."""
    name = record["name"] or " / ".join(filter(None, (record["deployment"], record["variants"])))
    close = html.el("button", "Close", type="button", cls="fh-open", data_act="close", aria_label=f"Close: {name}")
    return html.el("div", html.STYLE, html.el("strong", name, role="status"), " ", close, cls="fh fh-head")


def _stored(record: Mapping[str, Any]) -> Run | str:
    """Return the run of a line, or the page of its batch.

    Raises
    ------
    InputError
        It is not stored any more; of a batch, see :func:`open_batch`.
    """
    if record["kind"] == "batch":
        page: str = open_batch(record["name"])._repr_html_()
        return page
    store, number = session.store(), record["answer_id"]
    stored = store.answers.by_ids([number]) if store is not None else {}
    if number not in stored:
        raise InputError(f"this answer is not stored any more; {opens_with(record)}")
    return stored[number].run


def _result(run: Run) -> Any:
    """Return a run with its inputs, in the view that forms and cells have."""
    inputs = output_view.output_view(dict(run.inputs or {}), output_view.OutputOptions(whole="the form has all"))
    view = ResultsView(line=HTML())
    view.show(0, run, submit=view.begin([run.variant or ""]))
    page = html.el("div", html.STYLE, output_view.STYLE, html.fold("Inputs", inputs), cls="fh")
    return VBox([HTML(page, layout=Layout(width="100%")), view.widget])
