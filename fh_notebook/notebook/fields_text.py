"""Fields that are typed: texts, numbers, lists of them, JSON, passwords.

Rule of this file: what is typed is sent on commit (Enter or leaving the field), never per key; whatever was typed stays
in sight until it is mended. A password is in a trait only on its way from the page to the state.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

from fh_notebook.notebook.fields_base import Field
from fh_notebook.notebook.fields_put import put
from fh_notebook.notebook.form_kinds import Kind
from fh_notebook.values import is_number

__all__ = ["NumberField", "PasswordField", "TextAreaField", "TextField"]

_ROWS: Final = {Kind.MULTILINE: 4, Kind.TEXTS: 3, Kind.NUMBERS: 3}
_CODE: Final = frozenset({Kind.JSON, Kind.OBJECT, Kind.NOTHING})
MOST_ROWS: Final = 14
MOST_STEPS: Final = 10_000
"""A slider of more steps cannot be put on one of them by hand."""
MOST_EXACT: Final = 2**53
"""Beyond it a page has not every whole number."""


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
            placeholder=self.placeholder(),
            _dom_classes=("fh-control",),
        )
        self.hear(control, self.state.set_text)
        return control

    def _show(self) -> None:
        put(self.control, value=self.state.text, placeholder=self.placeholder())


class TextAreaField(Field):
    """Several lines: a long text, a list of lines, JSON."""

    def _make(self) -> Any:
        code = ("fh-code",) if self.state.kind in _CODE else ()
        control = self.view.look.text_area(self.label, rows=_ROWS.get(self.state.kind, 3), more=code)
        self.hear(control, self.state.set_text)
        return control

    def _show(self) -> None:
        text = self.state.text
        least = _ROWS.get(self.state.kind, 3)
        # It grows with what is there and never shrinks under the hand.
        rows = min(max(text.count("\n") + 1, least, self.control.rows or 0), MOST_ROWS)
        put(self.control, value=text, placeholder=self.placeholder(), rows=rows)


class NumberField(TextField):
    """A number: typed, since only a text can be empty or wrong; with a slider beside it where there is a range."""

    _slider: Any = None
    _unit: Fraction | None = None
    """What each value is a multiple of."""

    def _controls(self, control: Any) -> tuple[Any, ...]:
        if self._slider is None and control is self.control:
            self._slider = self._make_slider()
        return (control,) if self._slider is None else (control, self._slider)

    def _make_slider(self) -> Any:
        from ipywidgets import FloatSlider, IntSlider

        whole = self.state.kind is Kind.INTEGER
        self._unit = _unit(self.state.says, whole=whole)
        found = _range(self.state.says, self._unit)
        if found is None:
            return None
        least, most, step = map(int if whole else float, found)
        look = self.view.look
        slider = (IntSlider if whole else FloatSlider)(
            min=least,
            max=most,
            step=step,
            value=self._place(least, most),
            readout=False,
            continuous_update=False,
            description=f"slide {self.label}",
            layout=look.beside,
            style=look.slider_style,
            _dom_classes=("fh-slider",),
        )
        self.hear(slider, self._slid)
        return slider

    def _slid(self, number: float) -> None:
        if isinstance(number, int):
            self.state.set(number)
        elif self._unit is not None:
            self.state.set(float(round(Fraction(str(number)) / self._unit) * self._unit))
        else:
            # 0.1 + 0.2 is nobody's wish: ten digits are more than a slider has places.
            self.state.set(float(f"{number:.10g}"))

    def _place(self, least: float, most: float) -> float:
        value = self.state.value
        return min(max(value, least), most) if is_number(value) else least

    def _show(self) -> None:
        super()._show()
        if self._slider is not None:
            put(self._slider, value=self._place(self._slider.min, self._slider.max))


def _unit(says: Any, *, whole: bool) -> Fraction | None:
    """Return what each value is a multiple of, if anything."""
    multiple = _positive(says.get("multipleOf"))
    if not whole:
        return multiple
    return Fraction(multiple.numerator if multiple else 1)  # of whole numbers, multiples of 1.5 are those of 3


def _range(says: Any, unit: Fraction | None) -> tuple[Fraction, Fraction, Fraction] | None:
    """Return the ends and the step of a slider, where one can be put on each value by hand and each is taken."""
    least, most = _exact(says.get("minimum")), _exact(says.get("maximum"))
    if least is None or most is None:
        return None
    step = _positive(says.get("step")) or unit or (most - least) / 100
    if unit is not None:
        step, least, most = (
            math.ceil(step / unit) * unit,
            math.ceil(least / unit) * unit,
            math.floor(most / unit) * unit,
        )
    return (least, most, step) if least < most <= least + MOST_STEPS * step else None


def _exact(number: Any) -> Fraction | None:
    # A float is the decimal that it is written as: 0.1 is a tenth.
    return Fraction(str(number)) if is_number(number) and abs(number) <= MOST_EXACT else None


def _positive(number: Any) -> Fraction | None:
    found = _exact(number)
    return found if found is not None and found > 0 else None


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
        return "set, hidden" if self.state.is_set else self.placeholder()

    def _show(self) -> None:
        put(self.control, value="", placeholder=self._hidden())
