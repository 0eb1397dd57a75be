"""`BatchForm`: the public object of a form over rows, whose Run starts a batch in the background.

Rule of this file: nothing big happens in a handler. The plan is made, and the batch begun, on a thread of its own; the
batch itself runs, is shown and is ended as every batch in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fh_notebook.notebook.forms.batch_static import batch_form_page, batch_form_text
from fh_notebook.notebook.forms.control.batch_controller import BatchFormController
from fh_notebook.notebook.forms.form import Form, Redraw, Widgets
from fh_notebook.notebook.forms.model.row_mapping import RowMapping
from fh_notebook.notebook.ui.display import WidgetDisplay

__all__ = ["BatchForm", "form_over_rows"]


class BatchForm(Form):
    """A form over rows. Its ``batch`` is what Run began, its ``frame`` the tidy table of what has come so far."""

    def __init__(self, core: BatchFormController, display: WidgetDisplay, make_widgets: Callable[[], Widgets]) -> None:
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


def form_over_rows(core: BatchFormController) -> BatchForm:
    """Return the form over rows, with where and how it shows."""

    def make_widgets() -> Widgets:
        from fh_notebook.notebook.forms.widgets.batch_view import BatchFormView

        return BatchFormView(core)

    display = WidgetDisplay(lambda: batch_form_page(core), lambda: batch_form_text(core))
    core.observers.add(Redraw(display))
    return BatchForm(core, display, make_widgets)
