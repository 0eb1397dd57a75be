"""A form over rows: which Start variable takes which column, and a batch in the background as its Run.

Rule of this file: nothing big happens in a handler. The plan is made, and the batch begun, on a thread of its own; the
batch itself runs, is shown and is ended as every batch in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fh_notebook.notebook.form import Form, Widgets
from fh_notebook.notebook.form_batch_core import BatchCore
from fh_notebook.notebook.form_display import FormDisplay, Redraw
from fh_notebook.notebook.form_over import RowMapping
from fh_notebook.notebook.form_over_static import over_page, over_text

__all__ = ["BatchForm", "form_over_rows"]


class BatchForm(Form):
    """A form over rows. Its ``batch`` is what Run began, its ``frame`` the tidy table of what has come so far."""

    def __init__(self, core: BatchCore, display: FormDisplay, make_widgets: Callable[[], Widgets]) -> None:
        super().__init__(core, display, make_widgets)
        self._batch_core = core

    @property
    def mapping(self) -> RowMapping:
        """What each Start variable takes: ``form.mapping.take_column("ticket", "text")``."""
        return self._batch_core.mapping

    def submit(self) -> Any:
        """Begin the batch in the background and return it: ``form.submit().wait()``.

        Where something does not fit nothing is sent; what is returned says why, and raises when it is waited for.
        """
        return self._batch_core.submit()


def form_over_rows(core: BatchCore) -> BatchForm:
    """Return the form over rows, with where and how it shows."""

    def make_widgets() -> Widgets:
        from fh_notebook.notebook.form_over_view import OverView

        return OverView(core)

    display = FormDisplay(lambda: over_page(core), lambda: over_text(core))
    core.observers.add(Redraw(display))
    return BatchForm(core, display, make_widgets)
