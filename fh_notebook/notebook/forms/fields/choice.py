"""Fields for choices: one of several values, several of them, yes or no, a constant.

Rule of this file: a choice is known by its place in the list, never by its value (1 and True are equal in Python). A
value that is none of the choices stands in the list as what it is, so that it can be seen and changed.
"""

from __future__ import annotations

from typing import Any, Final

from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.fields.base import Field, set_traits
from fh_notebook.notebook.forms.model.kinds import Control, FieldKind, Option, option_label, same_json

__all__ = ["ChoiceField", "ChoicesField"]

NONE: Final = -1
"""The place of "nothing is chosen"."""
OTHER: Final = -2
"""The place of a value that is none of the choices."""
MOST_ROWS: Final = 8
_TRUTH: Final = (Option(True, "true"), Option(False, "false"))


class ChoiceField(Field, control=Control.CHOICE):
    """One value out of a few."""

    @property
    def _options(self) -> tuple[Option, ...]:
        if self.state.kind is FieldKind.BOOLEAN:
            return _TRUTH
        if self.state.kind is FieldKind.CONST:
            return (Option(self.state.const, option_label(self.state.const)),)
        return self.state.shape.options

    def _make(self) -> Any:
        from ipywidgets import Dropdown

        look = self.view.look
        control = Dropdown(
            description=self.label,
            options=self._labels(),
            value=self._index(),
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control",),
        )
        self.on_input(control, self._chosen)
        return control

    def _labels(self) -> tuple[tuple[str, int], ...]:
        none = "null" if self._index() == NONE and self.state.is_null else "not set"
        first = (none if self.state.switchable or none == "null" else "choose …", NONE)
        listed = [(option.label, i) for i, option in enumerate(self._options)]
        strange = [(f"{short(self.state.value)} (not a choice)", OTHER)] if self._index() == OTHER else []
        return (first, *listed, *strange)

    def _index(self) -> int:
        value = self.state.value
        index = next((i for i, option in enumerate(self._options) if same_json(option.value, value)), None)
        if index is not None:
            return index
        return NONE if value is UNSET or (value is None and self.state.nullable) else OTHER

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self.state.set(self._options[index].value)
        elif index == NONE:
            self.state.unset()

    def _show(self) -> None:
        listed = self._labels()
        if tuple(self.control.options) != listed:
            self.control.options = listed
        set_traits(self.control, value=self._index())


class ChoicesField(Field, control=Control.CHOICES):
    """Several values out of a few."""

    def _make(self) -> Any:
        from ipywidgets import SelectMultiple

        look = self.view.look
        options = self.state.shape.options
        control = SelectMultiple(
            description=self.label,
            options=[(option.label, i) for i, option in enumerate(options)],
            value=self._indexes(),
            rows=min(max(len(options), 2), MOST_ROWS),
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control",),
        )
        self.on_input(control, self._chosen)
        return control

    def _indexes(self) -> tuple[int, ...]:
        value = self.state.value
        values = value if isinstance(value, list) else []
        return tuple(
            i for i, o in enumerate(self.state.shape.options) if any(same_json(o.value, item) for item in values)
        )

    def _chosen(self, indexes: tuple[int, ...]) -> None:
        if indexes or not self.state.required:
            self.state.set([self.state.shape.options[index].value for index in indexes])
        else:
            self.state.unset()

    def _show(self) -> None:
        set_traits(self.control, value=self._indexes())
