"""Where a browser of rows is shown: first as plain HTML, then as its widget.

Rule of this file: the first page can be read while the widget's libraries are still being imported (0.3 s, the first
time in a kernel). When the widget is there it hides the plain page; where no widget is, the plain page stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fh_notebook.notebook.form_display import FormDisplay
from fh_notebook.notebook.notices import WIDGET_VIEW, new_handle, running_kernel

__all__ = ["BrowseDisplay"]


class BrowseDisplay(FormDisplay):
    """The places in which one browser is shown."""

    def show(self, make_widget: Callable[[], Any]) -> None:
        """Show the page under the running cell, then the widget; in a terminal, the page's text."""
        if running_kernel() is None:
            print(self._text())  # noqa: T201 - the value of a cell, in a terminal
            return
        self._show_page()
        view = make_widget()._repr_mimebundle_()
        new_handle().display({WIDGET_VIEW: view[WIDGET_VIEW], "text/plain": ""}, raw=True)
