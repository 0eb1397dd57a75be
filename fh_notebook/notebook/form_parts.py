"""The small widgets that a form is put together of, and the way from a click to what it does.

Rule of this file: widgets of one form share their Layout objects, each of which is a message to the page. A handler
never raises: what a person did wrong is told beside what was clicked, in one line, and a defect goes to the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from ipywidgets import HTML, Box, Button, Layout, VBox, Widget
from traitlets import Unicode

from fh_notebook import html
from fh_notebook.addresses import LOCAL
from fh_notebook.errors import FetchHiveError
from fh_notebook.log import log
from fh_notebook.notebook.cancel import hear_clicks
from fh_notebook.notebook.own_keys import own_keys
from fh_notebook.values import error_text

__all__ = [
    "LABELLED",
    "Look",
    "close_all",
    "close_whole",
    "hear_all",
    "line",
    "place_in_words",
    "problems_list",
    "unheard",
]

LABELLED: Final = {"description_width": "initial"}
"""A style under which a label has the room that it needs: a cut label names nothing."""


class Look:
    """The layouts of one form, made once, and its small widgets."""

    def __init__(self) -> None:
        self.button_layout = Layout(width="auto", min_width="72px", margin="2px 6px 2px 0")
        self._row = Layout(flex_flow="row wrap", align_items="center", overflow="visible", grid_gap="2px 6px")
        self._column = Layout(overflow="visible", max_width="100%")
        self._text = Layout(margin="2px 0", max_width="100%", min_width="0", flex="0 1 auto")
        self.hidden = Layout(display="none")
        self.input = Layout(width="auto", max_width="100%", margin="2px 6px 2px 0")

    def button(self, text: str, tooltip: str, dom_class: str, clicked: Callable[[], object], **more: Any) -> Any:
        """Return a button; what it does is told nothing of the widget."""
        made = Button(description=text, tooltip=tooltip, layout=self.button_layout, **more)
        made.add_class(dom_class)
        made.on_click(lambda _: clicked())
        return made

    def row(self, *children: Any, dom_class: str = "") -> Any:
        """Return widgets beside each other, on several lines where the page is narrow."""
        return self._classed(Box(children, layout=self._row), dom_class)

    def column(self, *children: Any, dom_class: str = "") -> Any:
        """Return widgets below each other."""
        return self._classed(VBox(children, layout=self._column), dom_class)

    def panel(self, *children: Any) -> Any:
        """Return the whole of a form."""
        return own_keys(self.column(*children, dom_class="fh-panel"), self.hidden)

    def text(self, value: str = "", dom_class: str = "") -> Any:
        """Return a widget of HTML that is escaped already."""
        return self._classed(HTML(value, layout=self._text), dom_class)

    def _classed(self, widget: Any, dom_class: str) -> Any:
        if dom_class:
            widget.add_class(dom_class)
        return widget

    def safely(self, call: Callable[[], object], tell: Callable[[str], None]) -> Callable[[], None]:
        """Return a handler that does `call`, and tells what of it is a person's to put right."""

        def handle() -> None:
            try:
                call()
            except FetchHiveError as told:
                tell(str(told))
            except Exception as defect:
                log.warning("a form could not do what was clicked", exc_info=True)
                tell(error_text(defect))

        return handle


def line(text: str, *, kind: str = "dim") -> str:
    """Return one line as HTML that is read out when it appears; `kind` is ``dim``, ``error`` or ``plain``."""
    return str(html.el("div", text, cls=f"fh fh-{kind}", role="status")) if text else ""


def problems_list(problems: Iterable[object], *, most: int = 8) -> str:
    """Return problems as a list that a page reads out when it appears; empty for none."""
    told = list(problems)
    if not told:
        return ""
    items = [html.el("li", problem) for problem in told[:most]]
    if left := len(told) - most:
        items += [html.el("li", f"and {left:,} more")] if left > 0 else []
    listed = html.el("ul", *items, style="margin:2px 0;padding-left:20px")  # a list that is an alert would be no list
    return str(html.el("div", listed, cls="fh fh-error", role="alert"))


def place_in_words(origin: str) -> str:
    """Say where calls go."""
    return "the local hive in this process" if origin == LOCAL else origin


@cache
def unheard(kind: type[Any]) -> type[Any]:
    """Return a class of widgets whose value, once typed, is not told to the other pages that are open: it is secret."""

    class Unheard(kind):  # type: ignore[misc]  # ipywidgets ships no types
        value = Unicode("").tag(sync=True, echo_update=False)

    return Unheard


def close_all(widget: Any) -> None:
    """Take a widget and all in it off the page; the layouts and styles that it shares with others stay."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    widget.close()


OURS: Final = "fh_notebook.notebook."
"""The modules whose objects hold the widgets of a form."""


def close_whole(view: Any) -> None:
    """Close every widget that a view holds in any of its parts: also those out of sight, and their layouts and styles.

    ipywidgets keeps every widget until it is closed, whether or not a page shows it.
    """
    pending, seen, found = [view], set[int](), list[Widget]()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Widget):
            found.append(part)
            pending += [getattr(part, name, None) for name in ("children", "layout", "style")]
        elif isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
        elif type(part).__module__.startswith(OURS):
            pending += getattr(part, "__dict__", {}).values()
    for widget in found:
        widget.close()


def hear_all(widget: Any) -> None:
    """Have the page's own subshell bring what is done to a widget and to all in it, also while a cell runs."""
    hear_clicks(widget)
    for child in getattr(widget, "children", ()):
        hear_all(child)
