"""The widget of a rating: a plain ES module, and no trait of its own. Imported when one is shown."""

from __future__ import annotations

from fh_notebook.notebook.page_widget import PageWidget, script

__all__ = ["RateWidget"]


class RateWidget(PageWidget):
    """Everything that is told goes in messages; widget state, which a notebook may save, has the module alone."""

    _esm = script("rate.js")
