"""Where a browser of rows is shown: first as plain HTML, then as its widget.

Rule of this file: the first page can be read while the widget's libraries are still being imported (0.3 s, the first
time in a kernel). When the widget is there it hides the plain page; where no widget is, the plain page stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fh_notebook.notebook.form_display import FormDisplay
from fh_notebook.notebook.notices import WIDGET_VIEW, new_handle, widget_view

__all__ = ["BrowseDisplay"]


class BrowseDisplay(FormDisplay):
    """The places in which one browser is shown."""

    def show(self, make_widget: Callable[[], Any]) -> None:
        """Show the page under the running cell, then the widget; in a terminal, the page's text."""
        if self.printed():
            return
        self.show_page()
        new_handle().display({WIDGET_VIEW: widget_view(make_widget()), "text/plain": ""}, raw=True)
