"""What the widgets with a page of their own have in common: a plain ES module, and text files of this package.

Rule of this file: nothing is fetched and nothing is watched: of a path, anywidget would watch the file, with a thread,
when its debugging mode is on. It is imported when one is first shown, because anywidget takes some 0.2 s.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import anywidget

__all__ = ["PageWidget", "script", "text_of_file"]


def text_of_file(name: str) -> str:
    """Return the text of a script or a style beside this file."""
    return files("fh_notebook.notebook").joinpath(name).read_text("utf-8")


def script(name: str) -> str:
    """Return a page's script with what all pages share before it: one module, which needs no bundler."""
    return text_of_file("page.js") + text_of_file(name)


class PageWidget(anywidget.AnyWidget):
    """A widget whose page is a script of this package."""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the data alone, as ipywidgets does; anywidget adds metadata, which only Colab needs."""
        made: Any = super()._repr_mimebundle_(**kwargs)
        return made[0] if isinstance(made, tuple) else made
