"""A table with buttons in its rows, and a part below it for the result of a button.

Where widgets are not known (the saved file, nbconvert) the plain table stands, with code in place of buttons. The
kernel hears the buttons of :data:`TABLES` tables of each kind: a cell that is run again leaves one behind that no page
has. Of more, the oldest without a button is closed first, then the oldest.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import uuid4

from ipywidgets import HTML, Layout, VBox

from fh_notebook.core.text import html
from fh_notebook.notebook.shell import no_lost_widget
from fh_notebook.notebook.ui.display import WidgetDisplay, is_closed
from fh_notebook.notebook.ui.page_widget import OwnKeys, own_keys
from fh_notebook.notebook.ui.widgets import close_all, close_whole, enable_all_clicks

TABLES: Final = 12

_CLICKED: Final = 'data-act="'
"""What the tag of a button has, and no text: there a quotation mark is escaped."""

STYLE: Final = html.Html(
    "<style>"
    ".fh .fh-in-line{margin:0 6px 4px 0}"
    ".fh-button-table .widget-vbox,.fh-table-below{min-width:0;max-width:100%}"
    ".fh-button-table .widget-html{min-width:0;max-width:100%;height:auto}"
    ".fh-button-table .widget-html-content{width:100%;min-width:0;max-width:100%;line-height:inherit;font-size:inherit;"
    "overflow-x:auto}"
    ".fh-table-below{scroll-margin-top:52px}"
    "</style>"
)


def button(text: str, act: str, *, about: str, title: str | None = None, cls: str = "") -> html.Html:
    """Return a button of a line."""
    label = f"{text}: {about}"
    return html.el(
        "button", text, type="button", cls=f"fh-in-line {cls}".rstrip(), data_act=act, aria_label=label, title=title
    )


class ButtonTable:
    """The widgets of one table.

    Parameters
    ----------
    live : function
        Returns the table as HTML, with buttons.
    static : function
        Returns what stands where the widgets are not.
    text : function
        Returns the same as text.
    act : function of str
        Told the name of the button that was clicked, on the thread that hears it; returns at once.
    dom_class : str
        Of the whole; the part below has it with ``-below``.
    hides : str
        A CSS selector of what is not to be seen while there are buttons.
    """

    _shown: Final[defaultdict[str, deque[ButtonTable]]] = defaultdict(deque)
    """Those whose buttons are heard, by kind, the newest last."""
    _shown_lock: Final = threading.Lock()

    def __init__(
        self,
        *,
        live: Callable[[], html.Html],
        static: Callable[[], html.Html],
        text: Callable[[], str],
        act: Callable[[str], object],
        dom_class: str,
        hides: str = "",
    ) -> None:
        self._drawing = threading.RLock()
        """Held while it is drawn: what is drawn last is the newest state."""
        self._live, self._static, self._act = live, static, act
        self._kind = dom_class
        self._class = f"{dom_class}-{uuid4().hex[:8]}"
        """Of what stands where this one's widgets are not."""
        self._hides = hides
        self._display = WidgetDisplay(self._page, text)
        self._keys = OwnKeys(self._clicked, layout=Layout(display="none"))
        wide = Layout(width="100%", margin="0")
        self._lines = HTML(self._table(), layout=wide)
        self._below = VBox(_dom_classes=("fh-table-below", f"{dom_class}-below"))
        box = VBox([self._lines, self._below], _dom_classes=("fh-button-table", dom_class))
        self.widget = own_keys(box, self._keys)

    def _page(self) -> html.Html:
        return html.el("div", no_lost_widget(self._class), self._static(), cls=self._class)

    def _table(self) -> str:
        lines = self._live()
        hidden = f".{self._class},{self._hides}" if self._hides and _CLICKED in lines else f".{self._class}"
        return html.el("div", html.STYLE, STYLE, html.el("style", f"{hidden}{{display:none}}"), lines, cls="fh")

    def _clicked(self, name: str) -> None:
        self._act(name)
        enable_all_clicks(self.widget)

    def hold(self) -> None:
        """Hear its buttons, and close another table if too many are heard."""
        shown, closed = self._shown[self._kind], []
        with self._shown_lock:
            while len(shown) >= TABLES:
                closed.append(next((table for table in shown if not table.has_buttons), shown[0]))
                shown.remove(closed[-1])
            shown.append(self)
        for table in closed:
            table.close()

    @property
    def has_buttons(self) -> bool:
        """Whether there is something to click in its lines."""
        return _CLICKED in self._lines.value

    @property
    def is_closed(self) -> bool:
        """Whether no page can show it any more."""
        return is_closed(self.widget)

    def show(self) -> None:
        """Show it under the running cell."""
        self.hold()
        self._display.show(lambda: self.widget)
        enable_all_clicks(self.widget)

    def update(self) -> None:
        """Draw the table again; from any thread."""
        with self._drawing:
            self._lines.value = self._table()
            self._display.update()
            enable_all_clicks(self.widget)

    def put_below(self, widgets: Sequence[Any], *, is_in_sight: bool = False) -> None:
        """Show widgets below it, in place of those that are there; `is_in_sight`: the page scrolls to them."""
        with self._drawing:
            old, self._below.children = self._below.children, tuple(widgets)
            for widget in old:
                close_all(widget)
            if is_in_sight:
                self._keys.show(f"{self._kind}-below")
            enable_all_clicks(self._below)

    def say_below(self, text: str, *, is_error: bool) -> HTML:
        """Show a sentence below it, also to a screen reader; return its widget, which is closed when it goes."""
        cls, role = ("fh-error", "alert") if is_error else ("", "status")
        said = HTML(html.el("div", html.STYLE, html.el("div", text, cls=cls, role=role), cls="fh"))
        self.put_below([said])
        return said

    def close(self) -> None:
        """Leave what the file has; nothing can be clicked any more."""
        close_whole(self)
