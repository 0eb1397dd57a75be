"""`FieldsView`: all fields of a form as widgets.

The model is the source of truth: code that changes it (the history, a cell) calls `FieldsView.refresh`. The widgets are
plain ipywidgets, which work in every front end. What they cannot do is left out, for example a key for Run inside a
text area (Tab leads to the Run button, and Space presses it). One script for the whole form (`own_keys`) keeps keys,
focus and text direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from fh_notebook.core.text import html
from fh_notebook.notebook.forms.fields import choice, table, text  # noqa: F401 - imported, their classes are in Field.classes
from fh_notebook.notebook.forms.fields.base import Field, UpdateGuard, set_traits
from fh_notebook.notebook.forms.fields.group import GroupField
from fh_notebook.notebook.forms.fields.help_text import problem_html
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.ui.theme import CSS, FieldTheme

__all__ = ["Field", "FieldsView", "GroupField", "UndeclaredInputs"]


ROWS: Final = 5


class UndeclaredInputs:
    """A box for a JSON object.

    Parameters
    ----------
    model : FormModel
        Whose values without a field are typed.
    look : FieldTheme
        The form's layouts.
    changed : callable
        Called after a person has typed.
    """

    def __init__(self, model: FormModel, look: FieldTheme, changed: Callable[[], object]) -> None:
        from ipywidgets import Box, Textarea

        self._model, self._changed = model, changed
        self._showing = UpdateGuard()
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
            set_traits(self._box, value=self._model.others_text)

    def _typed(self, change: Any) -> None:
        if not self._showing:
            self._model.set_others_text(change["new"])
            self._changed()


class FieldsView:
    """All fields of a form.

    Parameters
    ----------
    model : FormModel
        What they show and set.
    on_change : callable, optional
        Called without arguments after a person or a program has changed a field, perhaps on another thread.

    Examples
    --------
    >>> view = FieldsView(FormModel({"type": "object", "properties": {"n": {"type": "integer"}}}))
    >>> view.fields["n"].value = 3
    >>> view.model.value
    {'n': 3}
    >>> view.widget.children[1].children[0].description
    'n'
    """

    def __init__(self, model: FormModel, *, on_change: Callable[[], object] | None = None) -> None:
        self.model = model
        self.look = FieldTheme()
        self._on_change = on_change
        self._widget: Any = None
        self._problem: Any = None
        self._others: UndeclaredInputs | None = None
        self.fields: dict[str, Field] = {name: self.field_of(state) for name, state in model.fields.items()}

    def field_of(self, state: FieldState, *, label: str = "") -> Field:
        """Return a field for a state: what shows it is made later, when it is asked for."""
        return Field.classes[state.kind.rules.control](self, state, label=label)

    @property
    def widget(self) -> Any:
        """The column of all fields; made at the first use."""
        if self._widget is None:
            self._widget = self._build()
        return self._widget

    def _build(self) -> Any:
        from ipywidgets import HTML, VBox

        style = HTML(CSS, layout=self.look.whole, style=self.look.html_style)
        parts = [style, *(field.widget for field in self.fields.values())]
        if self.model.takes_others:
            self._others = UndeclaredInputs(self.model, self.look, self._others_changed)
            parts.append(self._others.widget)
        column = VBox(parts, layout=self.look.form, _dom_classes=("fh-form",))
        self._fixed = tuple(parts)
        self._show_others(column)
        return column

    def refresh(self) -> None:
        """Show the model again: after it was set otherwise than by a field, and after Run has looked at everything."""
        if self._widget is not None:
            for field in self.fields.values():
                field.refresh()
            if self._others is not None:
                self._others.refresh()
            self._show_others(self._widget)

    def _others_changed(self) -> None:
        self.refresh()
        if self._on_change is not None:
            self._on_change()

    def changed(self, field: Field) -> None:
        """Show what a change of `field` has changed."""
        if self._widget is not None:
            field.refresh()
            for other in self._all():
                if other is not field:
                    other.refresh_problems()
            self._refresh_around(field)
            self._show_others(self._widget)
        if self._on_change is not None:
            self._on_change()

    def _refresh_around(self, field: Field) -> None:
        """Show again what `field` lies in: something in it was set, so it is."""
        for outer in self._all():
            if field in outer.children():
                outer.refresh()

    def _all(self) -> Iterator[Field]:
        for field in self.fields.values():
            yield field
            yield from field.children()

    def _show_others(self, widget: Any) -> None:
        """Show what belongs to no field: what is sent without one, and problems."""
        problems, also = self.model.shown_other_problems, "" if self._others is not None else self.model.also_sent
        note = html.el("div", also, cls="fh-note") if also else ""
        content = f"{note}{problem_html(list(map(str, problems))) if problems else ''}"
        if self._problem is None and content:
            from ipywidgets import HTML

            self._problem = HTML(content, layout=self.look.whole, style=self.look.html_style)
        elif self._problem is not None and self._problem.value != content:
            self._problem.value = content
        children = (*self._fixed, self._problem) if content else self._fixed
        if widget.children != children:
            widget.children = children

    def close(self) -> None:
        """Take all widgets out of the page."""
        if self._widget is not None:
            from fh_notebook.notebook.ui.widgets import close_all

            close_all(self._widget)
            self.look.close()
