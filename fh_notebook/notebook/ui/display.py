"""Display of a widget together with its static HTML: both under one cell, the HTML shown where the widget is not.

Rule of this file: two displays. The first has the widgets; what a page shows of it can be typed into, so it is never
updated (a page would draw it anew under the hand of who types). The second has the last state as plain HTML, is updated
after every change, and is hidden by a style of the widgets: so it shows just where no widget does, in nbconvert's page,
on GitHub, and in a notebook that is opened again.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4
from weakref import ref

from fh_notebook.core.text import html
from fh_notebook.notebook.shell import WIDGET_VIEW, new_handle, running_kernel, running_shell, widget_view

HIDE_STATIC: Final = html.Html("<style>.fh-form-static{display:none}</style>")
"""Put into the widgets, so that it is in a page just as long as they are."""


DISPLAYS: Final = 4
"""Places that are kept up to date: a cell that is run again and again leaves places behind that no page has."""


def bundle(page: html.Html, text: str, widget: Any = None) -> dict[str, Any]:
    """Return what a form is for every kind of front end; the richest that it knows is taken."""
    data: dict[str, Any] = {"text/plain": text, "text/html": str(page)}
    if widget is not None:
        data[WIDGET_VIEW] = widget_view(widget)
    return data


def new_prefix() -> str:
    """Return what the keys of the views begin with that one widget serves: no other's, also of another kernel."""
    return f"{uuid4().hex[:12]}:"


def is_closed(widget: Any) -> bool:
    """Whether no page can show it any more: it was closed, as ``Widget.close_all()`` closes all there are."""
    return widget.comm is None


def leave_when_closed(widget: Any, box: Any) -> None:
    """Have `box` let go of a widget in it when that is closed: a box with a closed one has no state to be sent."""

    def leave(_: Any) -> None:
        box.children = tuple(child for child in box.children if not is_closed(child))

    widget.observe(leave, "comm")


_SHOWN: Final[list[Any]] = []
"""Forms that the running cell has shown, and those that a page alone has."""


def hold_while_shown(form: Any) -> None:
    """Keep a form that is shown and that nobody else holds, as of ``display(fh.form(...))``: its page goes on.

    Whether somebody does is known when the cell is over. Of one that is held elsewhere, that holder decides.
    """
    shell = running_shell()
    if shell is None or running_kernel() is None or any(form is other for other in _SHOWN):
        return
    _SHOWN.append(form)

    def cell_is_over(*_: Any) -> None:
        shell.events.unregister("post_run_cell", cell_is_over)
        index = next((index for index, other in enumerate(_SHOWN) if other is form_ref()), None)
        # The list's own reference, and that of the call: each further one is somebody's.
        if index is not None and sys.getrefcount(_SHOWN[index]) > NOBODY_ELSE:
            del _SHOWN[index]

    form_ref = ref(form)
    shell.events.register("post_run_cell", cell_is_over)


NOBODY_ELSE: Final = 2


class WidgetDisplay:
    """The places in which one form is shown.

    Parameters
    ----------
    page, text : callable
        Return the last state, as HTML and as text.
    """

    def __init__(self, page: Callable[[], html.Html], text: Callable[[], str]) -> None:
        self.page, self.text = page, text
        self._handles: deque[Any] = deque(maxlen=DISPLAYS)
        self._page_text = ""

    def show(self, make_widget: Callable[[], Any]) -> None:
        """Show the form under the running cell; in a terminal, its text."""
        if self.printed():
            return
        view = widget_view(make_widget())
        # Without the HTML: where the widgets are not known, the display below has it.
        new_handle().display({WIDGET_VIEW: view, "text/plain": ""}, raw=True)
        self.show_page()

    def printed(self) -> bool:
        """Print the text, in a terminal, and return whether that was all there is to show."""
        if running_kernel() is not None:
            return False
        print(self.text())  # noqa: T201 - the value of a cell, in a terminal
        return True

    def show_page(self) -> None:
        """Show the last state in a place of its own, which is kept up to date."""
        handle = new_handle()
        self._page_text = str(page := self.page())
        handle.display(bundle(page, self.text()), raw=True)
        self._handles.append(handle)

    def update(self) -> None:
        """Show the last state, where it is shown at all, unless that is what is there."""
        if not self._handles:
            return
        page = self.page()
        if page == self._page_text:
            return
        self._page_text = str(page)
        data = bundle(page, self.text())
        for handle in tuple(self._handles):  # a cell may be run anew meanwhile, on another thread
            with suppress(Exception):  # a page that has gone ends nothing
                handle.update(data, raw=True)
