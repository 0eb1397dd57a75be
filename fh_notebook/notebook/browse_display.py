"""Where a browser of rows is shown: first as plain HTML, then as its widget.

Rule of this file: the first page can be read while the widget's libraries are still being imported (0.3 s, the first
time in a kernel). When the widget is there it hides the plain page; where no widget is, the plain page stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fh_notebook.notebook.form_display import _VIEW, FormDisplay, _new_handle, bundle
from fh_notebook.notebook.notices import running_shell

__all__ = ["BrowseDisplay"]


class BrowseDisplay(FormDisplay):
    """The places in which one browser is shown."""

    def show(self, make_widget: Callable[[], Any]) -> None:
        """Show the page under the running cell, then the widget; in a terminal, the page's text."""
        if getattr(running_shell(), "kernel", None) is None:
            print(self._text())  # noqa: T201 - the value of a cell, in a terminal
            return
        handle = _new_handle()
        self._said = str(page := self._page())
        handle.display(bundle(page, self._text()), raw=True)
        self._handles.append(handle)
        view = make_widget()._repr_mimebundle_()
        _new_handle().display({_VIEW: view[_VIEW], "text/plain": ""}, raw=True)
