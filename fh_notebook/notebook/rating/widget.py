"""Widget of the rater; imported when it is shown, because anywidget takes some 0.2 s."""

from __future__ import annotations

from fh_notebook.notebook.ui.page_widget import PageWidget, script

__all__ = ["RateWidget"]


class RateWidget(PageWidget):
    """Everything that is told goes in messages; widget state, which a notebook may save, has the module alone."""

    _esm = script("rating/rating.js")
