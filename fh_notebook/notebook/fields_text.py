"""Fields that are typed: texts, numbers, lists of them, JSON, passwords.

Rule of this file: what is typed is sent on commit (Enter or leaving the field), never per key; whatever was typed stays
in sight until it is mended. A password is in a trait only on its way from the page to the state.
"""

from __future__ import annotations

import math
from typing import Any, Final

from fh_notebook.notebook.fields_base import Field
from fh_notebook.notebook.fields_put import put
from fh_notebook.notebook.form_kinds import Kind

__all__ = ["NumberField", "PasswordField", "TextAreaField", "TextField"]

_ROWS: Final = {Kind.MULTILINE: 4, Kind.TEXTS: 3, Kind.NUMBERS: 3}
_CODE: Final = frozenset({Kind.JSON, Kind.OBJECT, Kind.NOTHING})
MOST_ROWS: Final = 14
MOST_STEPS: Final = 10_000
"""A slider of more steps cannot be put on one of them by hand."""


class TextField(Field):
    """One line of text."""

    def _make(self) -> Any:
        from ipywidgets import Text

        look = self.view.look
        control = Text(
            description=self.label,
            continuous_update=False,
            layout=look.control,
            style=look.text_style,
            value=self.state.text,
            placeholder=self._placeholder(),
            _dom_classes=("fh-control",),
        )
        self.hear(control, self.state.set_text)
        return control

    def _show(self) -> None:
        put(self._control, value=self.state.text, placeholder=self._placeholder())


class TextAreaField(Field):
    """Several lines: a long text, a list of lines, JSON."""

    def _make(self) -> Any:
        code = ("fh-code",) if self.state.kind in _CODE else ()
        control = self._text_area(rows=_ROWS.get(self.state.kind, 3), more=code)
        self.hear(control, self.state.set_text)
        return control

    def _show(self) -> None:
        text = self.state.text
        least = _ROWS.get(self.state.kind, 3)
        # It grows with what is there and never shrinks under the hand.
        rows = min(max(text.count("\n") + 1, least, self._control.rows or 0), MOST_ROWS)
        put(self._control, value=text, placeholder=self._placeholder(), rows=rows)


class NumberField(TextField):
    """A number: typed, since only a text can be empty or wrong; with a slider beside it where there is a range."""

    _slider: Any = None

    def _controls(self, control: Any) -> tuple[Any, ...]:
        if self._slider is None and control is self._control:
            self._slider = self._make_slider()
        return (control,) if self._slider is None else (control, self._slider)

    def _make_slider(self) -> Any:
        from ipywidgets import FloatSlider, IntSlider

        found = _range(self.state.says, whole=self.state.kind is Kind.INTEGER)
        if found is None:
            return None
        least, most, step = found
        look = self.view.look
        slider = (IntSlider if isinstance(step, int) else FloatSlider)(
            min=least,
            max=most,
            step=step,
            value=self._place(least, most),
            readout=False,
            continuous_update=False,
            description=f"slide {self.label}",
            layout=look.beside,
            style=look.slider_style,
            _dom_classes=("fh-slider", "fh-heard"),
        )
        self.hear(slider, self._slid)
        return slider

    def _slid(self, number: float) -> None:
        # 0.1 + 0.2 is nobody's wish: ten digits are more than a slider has places.
        self.state.set(number if isinstance(number, int) else float(f"{number:.10g}"))

    def _place(self, least: float, most: float) -> float:
        value = self.state.value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return min(max(value, least), most) if is_number else least

    def _show(self) -> None:
        super()._show()
        if self._slider is not None:
            put(self._slider, value=self._place(self._slider.min, self._slider.max))


def _range(says: Any, *, whole: bool) -> tuple[float, float, float] | None:
    """Return the ends and the step of a slider, where one can be put on each value by hand."""
    least, most = says.get("minimum"), says.get("maximum")
    for end in (least, most):
        if not isinstance(end, int | float) or isinstance(end, bool) or not math.isfinite(end):
            return None
    step = says.get("multipleOf")
    is_step = isinstance(step, int | float) and not isinstance(step, bool) and step > 0
    if whole and not (is_step and float(step).is_integer()):
        step = 1
    elif not is_step:
        step = (most - least) / 100
    if not step or most <= least or (most - least) / step > MOST_STEPS:
        return None
    if whole:
        return (math.ceil(least), math.floor(most), int(step)) if math.ceil(least) < math.floor(most) else None
    return float(least), float(most), float(step)


class PasswordField(Field):
    """A secret: typed unseen, taken out of the page at once, and never shown again."""

    def _make(self) -> Any:
        from ipywidgets import Password

        from fh_notebook.notebook.form_parts import unheard

        look = self.view.look
        control = unheard(Password)(
            description=self.label,
            continuous_update=False,
            layout=look.control,
            style=look.text_style,
            placeholder=self._hidden(),
            _dom_classes=("fh-control",),
        )
        self.hear(control, self._typed)
        return control

    def _typed(self, text: str) -> None:
        if text:
            self.state.set_text(text)

    def _hidden(self) -> str:
        if self.state.is_null:
            return "null"
        return "set, hidden" if self.state.is_set else self._placeholder()

    def _show(self) -> None:
        put(self._control, value="", placeholder=self._hidden())
