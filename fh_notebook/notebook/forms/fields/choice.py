"""Fields for choices: one of several values, several of them, yes or no, a constant.

Rule of this file: a choice is known by its place in the list, never by its value (1 and True are equal in Python). A
value that is none of the choices stands in the list as what it is, so that it can be seen and changed.
"""

from __future__ import annotations

from typing import Any, Final

from fh_notebook.contract.schema.alternatives import Option, option_label, same_json
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.fields.base import Field, set_traits
from fh_notebook.notebook.forms.fields.help_text import YES_NO, formula_free, state_note
from fh_notebook.notebook.forms.model.kinds import Control, FieldKind

NONE: Final = -1
"""The place of "nothing is chosen"."""
OTHER: Final = -2
"""The place of a value that is none of the choices."""
MOST_BOXES: Final = 40
"""Choices that have a check box each; more are a list, which a page draws at once."""
MOST_ROWS: Final = 8


class ChoiceField(Field, control=Control.CHOICE):
    """One value out of a few."""

    has_placeholder = True
    is_cleared = True

    @property
    def _options(self) -> tuple[Option, ...]:
        if self.state.kind is FieldKind.CONST:
            return (Option(self.state.const, option_label(self.state.const)),)
        return self.state.shape.options

    def _make(self) -> Any:
        from ipywidgets import Dropdown

        look = self.view.look
        control = Dropdown(
            **self.labelled(),
            options=self._labels(),
            value=self._index(),
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control",),
        )
        self.on_input(control, self._chosen)
        return control

    def _labels(self) -> tuple[tuple[str, int], ...]:
        none = state_note(self.state) if self._index() == NONE else ""
        first = (none or ("not sent" if self.state.switchable else "choose …"), NONE)
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


class YesNoField(Field, control=Control.YES_NO):
    """Yes or no: a check box where there is a default, else two radio buttons, of which none is chosen at first."""

    @property
    def _is_box(self) -> bool:
        return isinstance(self.state.default, bool)

    def _make(self) -> Any:
        from ipywidgets import Checkbox, RadioButtons

        look = self.view.look
        if self._is_box:
            control = Checkbox(
                **self.labelled(), value=self._shown(), indent=False, layout=look.control, style=look.check_style,
                _dom_classes=("fh-check",),
            )  # fmt: skip
        else:
            control = RadioButtons(
                **self.labelled(), options=[(YES_NO[truth], truth) for truth in (True, False)], value=self._shown(),
                orientation="horizontal", layout=look.control, style=look.plain_style,
                _dom_classes=("fh-control", "fh-radio"),
            )  # fmt: skip
        self.on_input(control, self._chosen)
        return control

    def _shown(self) -> bool | None:
        value = self.state.value
        if isinstance(value, bool):
            return value
        return self.state.default if self._is_box else None

    def _chosen(self, value: bool | None) -> None:
        if value is not None:
            self.state.set(value)

    def _show(self) -> None:
        set_traits(self.control, value=self._shown())


class ChoicesField(Field, control=Control.CHOICES):
    """Several values out of a few: a check box each, or a list of many. What is not set shows its default."""

    _boxes: tuple[Any, ...] = ()
    _name: Any = None

    def _make(self) -> Any:
        return self._make_boxes() if len(self.state.shape.options) <= MOST_BOXES else self._make_list()

    def _make_boxes(self) -> Any:
        from ipywidgets import Box, Checkbox

        look = self.view.look
        self._boxes = tuple(
            Checkbox(
                description=html.printable(formula_free(option.label)), indent=False, layout=look.chip,
                style=look.check_style, _dom_classes=("fh-chip",),
            )
            for option in self.state.shape.options
        )  # fmt: skip
        for box in self._boxes:
            self.on_input(box, lambda _: self._chosen(tuple(i for i, box in enumerate(self._boxes) if box.value)))
        self._name = look.html(self.label_html, layout=look.whole)
        self._name.add_class("fh-group-label")
        return Box((self._name, *self._boxes), layout=look.chips, _dom_classes=("fh-choices",))

    def _make_list(self) -> Any:
        from ipywidgets import SelectMultiple

        look = self.view.look
        control = SelectMultiple(
            **self.labelled(),
            options=[(option.label, i) for i, option in enumerate(self.state.shape.options)],
            value=self._indexes(),
            rows=MOST_ROWS,
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control",),
        )
        self.on_input(control, self._chosen)
        return control

    def _indexes(self) -> tuple[int, ...]:
        value = self.state.value if self.state.is_set else self.state.default
        values = value if isinstance(value, list) else []
        return tuple(
            i for i, o in enumerate(self.state.shape.options) if any(same_json(o.value, item) for item in values)
        )

    def _chosen(self, indexes: tuple[int, ...]) -> None:
        if indexes or self.state.default is not UNSET:  # without any the default would be shown again
            self.state.set([self.state.shape.options[index].value for index in indexes])
        else:
            self.state.unset()  # as an emptied text: an empty list is in the menu

    def _show_label(self) -> None:
        if not self._boxes:
            super()._show_label()
        elif self.state.can_show:
            set_traits(self._name, value=self.label_html)

    def _show(self) -> None:
        indexes = self._indexes()
        if not self._boxes:
            set_traits(self.control, value=indexes)
        for index, box in enumerate(self._boxes):
            set_traits(box, value=index in indexes)
