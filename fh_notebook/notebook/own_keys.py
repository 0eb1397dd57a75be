"""The keys, the focus and the direction of text of plain widgets, which ipywidgets leave to the notebook's page.

Rule of this file: one widget without a look of its own, in the same box as what it serves; what it does, is in its
script. Where a page cannot load it, the others work as they do without.
"""

from __future__ import annotations

from typing import Any

from ipywidgets import Layout

from fh_notebook.notebook.page_widget import PageWidget, script

__all__ = ["own_keys"]


class _OwnKeys(PageWidget):
    """Serves the box that it lies in."""

    _esm = script("own_keys.js")


def own_keys(box: Any, hidden: Any = None) -> Any:
    """Have `box` keep its keys and its focus, and lay out its texts in their own direction; return it.

    Parameters
    ----------
    box : Box
        What is served.
    hidden : Layout, optional
        One that shows nothing, where there is one to share.
    """
    box.add_class("fh-own-keys")
    box.children = (*box.children, _OwnKeys(layout=hidden or Layout(display="none")))
    return box
