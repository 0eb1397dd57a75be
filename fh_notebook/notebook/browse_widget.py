"""The widget of a browser of rows: one trait that holds the present page, and messages from the page.

Rule of this file: nothing is fetched: the page's script and style are files of this package, put in as text. It is
imported when a browser is first shown, because anywidget and ipywidgets take some 0.2 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

import anywidget
import traitlets

from fh_notebook.log import log

__all__ = ["BrowseWidget"]

_FILES: Final = files("fh_notebook.notebook")


class BrowseWidget(anywidget.AnyWidget):
    """What a page shows of a browser.

    Parameters
    ----------
    head : dict
        What does not change from page to page.
    page : dict
        The present page.
    hear : callable
        Takes what the page says; it returns at once.
    """

    _esm = _FILES.joinpath("browse.js").read_text("utf-8")
    _css = _FILES.joinpath("browse.css").read_text("utf-8")
    head = traitlets.Dict().tag(sync=True)
    page = traitlets.Dict().tag(sync=True)

    def __init__(self, head: dict[str, Any], page: dict[str, Any], hear: Callable[[Mapping[str, Any]], object]) -> None:
        super().__init__(head=head, page=page)
        self.add_class("fh-browse")
        self._hear = hear
        self.on_msg(self._said)

    def _said(self, widget: Any, content: Any, buffers: Any) -> None:
        if isinstance(content, Mapping):
            try:
                self._hear(content)
            except Exception:  # a defect here must not end the kernel's own handler
                log.warning("a browser of rows could not do what its page asked for", exc_info=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        made = super()._repr_mimebundle_(**kwargs)  # with metadata, which only Colab needs, and ours is not told of
        return made[0] if isinstance(made, tuple) else made
