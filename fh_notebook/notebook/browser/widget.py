"""Widget of the browser; imported when it is shown, because anywidget and ipywidgets take about 0.2 s.

Nothing is fetched: the script and the style of the page are files of this package, sent as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from fh_notebook.comparing.diff.markup import changes_style, marks_style
from fh_notebook.contract import output as output_view
from fh_notebook.core.redaction import log
from fh_notebook.core.text import html
from fh_notebook.notebook.ui.output_actions import COPY_STYLE
from fh_notebook.notebook.ui.page_widget import PageWidget, script, text_of_file


class BrowserWidget(PageWidget):
    """What a page shows of a browser.

    Parameters
    ----------
    head : dict
        What does not change from page to page.
    page : dict
        The present page.
    receive : callable
        Takes what the page says; it returns at once.
    """

    _esm = script("browser/browser.js", uses=["ui/outputs.js", "ui/correction.js"])
    _css = (
        text_of_file("browser/browser.css")
        + text_of_file("ui/correction.css")
        + marks_style(".fhb")
        + changes_style(".fhb")
        + html.CSS
        + output_view.CSS
        + COPY_STYLE
    )
    head = traitlets.Dict().tag(sync=True)
    page = traitlets.Dict().tag(sync=True)

    def __init__(
        self, head: dict[str, Any], page: dict[str, Any], receive: Callable[[Mapping[str, Any]], object]
    ) -> None:
        super().__init__(head=head, page=page)
        self.add_class("fh-browse")
        self._on_message = receive
        self.on_msg(self._receive)

    def _receive(self, widget: Any, content: Any, buffers: Any) -> None:
        if isinstance(content, Mapping):
            try:
                self._on_message(content)
            except Exception:  # a defect here must not end the kernel's own handler
                log.warning("a browser of rows could not process a request of its page", exc_info=True)
