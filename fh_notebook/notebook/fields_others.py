"""What has no field of its own, as one piece of JSON: the whole inputs, where the schema takes any name.

Rule of this file: as a field, it shows what the model holds and hears on commit; what cannot be read stays in sight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fh_notebook.notebook.fields_look import Look
from fh_notebook.notebook.fields_put import Showing, put
from fh_notebook.notebook.form_model import FormModel

__all__ = ["Others"]

ROWS: Final = 5


class Others:
    """A box for a JSON object.

    Parameters
    ----------
    model : FormModel
        Whose values without a field are typed.
    look : Look
        The form's layouts.
    changed : callable
        Called after a person has typed.
    """

    def __init__(self, model: FormModel, look: Look, changed: Callable[[], object]) -> None:
        from ipywidgets import Box, Textarea

        self._model, self._changed = model, changed
        self._showing = Showing()
        self._box = Textarea(
            description="Other inputs, as JSON" if model.fields else "Inputs, as JSON",
            placeholder='{"name": "value"}',
            rows=ROWS,
            continuous_update=False,
            layout=look.control,
            style=look.text_style,
            _dom_classes=("fh-control", "fh-code", "fh-others"),
        )
        self._box.observe(self._typed, "value")
        self.widget = Box((self._box,), layout=look.field, _dom_classes=("fh-field",))
        self.refresh()

    def refresh(self) -> None:
        """Show what the model holds."""
        with self._showing:
            put(self._box, value=self._model.others_text)

    def _typed(self, change: Any) -> None:
        if not self._showing:
            self._model.set_others_text(change["new"])
            self._changed()
