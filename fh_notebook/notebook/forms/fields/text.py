"""Fields with a text box: text, numbers, lists, JSON, passwords, dates and times, files.

- Input is committed by Enter or by leaving the field, never by each key, and stays visible until it is corrected.
- A password is in a trait only on its way from the page to the state.
- JSON has no dates, so the value is text in an exact form. A picker writes a day as ``2026-01-31``, a moment or a time
  with the offset that is there already, else UTC's, and names that offset; a text that it cannot show is typed.
- A file that cannot be sent leaves the field as it was, and the field shows why. Its bytes are in no trait: a saved
  notebook would contain them all. Of an image the page gets a small copy (`thumbnail`).
"""

from __future__ import annotations

import base64
import io
import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any, Final

from fh_notebook.client.uploads import FileInput, file_content, file_named
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import byte_size
from fh_notebook.core.values import UNSET, is_number
from fh_notebook.notebook.forms.fields.base import Field, button_of, lines_of, set_traits
from fh_notebook.notebook.forms.fields.help_text import state_note
from fh_notebook.notebook.forms.model.kinds import Control, FieldKind, Shape
from fh_notebook.notebook.forms.model.text_codec import (
    MAX_BYTES,
    FileError,
    check_size,
    encoding_of,
    file_bytes,
    file_text,
    media_type_of,
    what_is_sent,
)

MOST_ROWS: Final = 14

MOST_STEPS: Final = 10_000
"""A slider of more steps cannot be put on one of them by hand."""

MOST_EXACT: Final = 2**53
"""Beyond it a page has not every whole number."""


class TextField(Field, control=Control.TEXT):
    """One line of text."""

    has_placeholder = True
    is_typed = True
    is_cleared = True

    def _make(self) -> Any:
        from ipywidgets import Text

        look = self.view.look
        control = Text(
            **self.labelled(),
            continuous_update=False,
            layout=look.control,
            style=look.text_style,
            value=self.state.text,
            placeholder=self.placeholder(),
            _dom_classes=("fh-control",),
        )
        self.on_input(control, self.state.set_text)
        return control

    def _show(self) -> None:
        set_traits(self.control, value=self.state.text, placeholder=self.placeholder())


class TextAreaField(Field, control=Control.TEXT_AREA):
    """Several lines: a long text, a list of lines, JSON."""

    has_placeholder = True
    is_typed = True
    is_cleared = True

    def _make(self) -> Any:
        rules = self.state.kind.rules
        code = ("fh-code",) if rules.is_code else ()
        control = self.view.look.text_area(rows=rules.rows, more=code, **self.labelled())
        self.on_input(control, self.state.set_text)
        return control

    def _show(self) -> None:
        text = self.state.text
        least = self.state.kind.rules.rows
        # It grows with what is there and never shrinks under the hand.
        rows = min(max(lines_of(text), least, self.control.rows or 0), MOST_ROWS)
        set_traits(self.control, value=text, placeholder=self.placeholder(), rows=rows)


class NumberField(TextField, control=Control.NUMBER):
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

        whole = self.state.kind is FieldKind.INTEGER
        self._unit = _unit(self.state.keywords, whole=whole)
        limits = _range(self.state.keywords, self._unit)
        if limits is None:
            return None
        least, most, step = map(int if whole else float, limits)
        look = self.view.look
        slider = (IntSlider if whole else FloatSlider)(
            min=least,
            max=most,
            step=step,
            value=self._slider_value(least, most),
            readout=False,
            continuous_update=False,
            **self._ends_of(limits),
            layout=look.beside,
            style=look.slider_style,
            _dom_classes=("fh-slider",),
        )
        self.on_input(slider, self._slid)
        return slider

    def _ends_of(self, limits: tuple[Fraction, ...]) -> dict[str, Any]:
        """Return the slider's name, of which only its ends are seen: one on each side."""
        least, most = (f"{float(end):g}" if end.denominator > 1 else f"{int(end):,}" for end in limits[:2])
        words = ("i", f"slide {self.label} from"), ("b", least), ("i", "to"), ("b", most)
        description = html.join([html.el(tag, word) for tag, word in words], " ")
        return {"description": str(description), "description_allow_html": True}

    def _slid(self, number: float) -> None:
        if isinstance(number, int):
            self.state.set(number)
        elif self._unit is not None:
            self.state.set(float(round(Fraction(str(number)) / self._unit) * self._unit))
        else:
            # 0.1 + 0.2 is nobody's wish: ten digits are more than a slider has places.
            self.state.set(float(f"{number:.10g}"))

    def _slider_value(self, least: float, most: float) -> float:
        value = self.state.value if self.state.is_set else self.state.default
        return min(max(value, least), most) if is_number(value) else least

    def _show(self) -> None:
        super()._show()
        if self._slider is not None:
            set_traits(self._slider, value=self._slider_value(self._slider.min, self._slider.max))


def _unit(keywords: Any, *, whole: bool) -> Fraction | None:
    """Return what each value is a multiple of, if anything."""
    multiple = _positive(keywords.get("multipleOf"))
    if not whole:
        return multiple
    return Fraction(multiple.numerator if multiple else 1)  # of whole numbers, multiples of 1.5 are those of 3


def _range(keywords: Any, unit: Fraction | None) -> tuple[Fraction, Fraction, Fraction] | None:
    """Return the ends and the step of a slider, where one can be put on each value by hand and each is taken."""
    least, most = _exact(keywords.get("minimum")), _exact(keywords.get("maximum"))
    if least is None or most is None:
        return None
    step = _positive(keywords.get("step")) or unit or (most - least) / 100
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
    exact = _exact(number)
    return exact if exact is not None and exact > 0 else None


class PasswordField(Field, control=Control.PASSWORD):
    """A secret: typed unseen, taken out of the page at once, and never shown again."""

    has_placeholder = True
    is_typed = True

    def _make(self) -> Any:
        from ipywidgets import Password

        from fh_notebook.notebook.ui.widgets import without_echo

        look = self.view.look
        control = without_echo(Password)(
            **self.labelled(),
            continuous_update=False,
            layout=look.control,
            style=look.text_style,
            placeholder=self._hidden(),
            _dom_classes=("fh-control",),
        )
        self.on_input(control, self._typed)
        return control

    def _typed(self, text: str) -> None:
        if text:
            self.state.set_text(text)

    def _hidden(self) -> str:
        return "set, hidden" if self.state.is_set and not self.state.is_null else self.placeholder()

    def _show(self) -> None:
        set_traits(self.control, value="", placeholder=self._hidden())


class TimeField(Field, control=Control.TIME):
    """A date, a time or a moment: picked, or typed as it is sent."""

    is_cleared = True
    _is_typed = False
    _text: Any = None
    _zone: Any = None
    _switch: Any = None

    def _make(self) -> Any:
        from ipywidgets import DatePicker, NaiveDatetimePicker, TimePicker

        kinds = {FieldKind.DATE: DatePicker, FieldKind.TIME: TimePicker, FieldKind.DATETIME: NaiveDatetimePicker}
        look = self.view.look
        picker = kinds[self.state.kind](
            value=to_pick(self.state.text, self.state.kind),
            **self.labelled(),
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control", "fh-picker"),
        )
        self.on_input(picker, self._picked)
        return picker

    @property
    def _shows_text(self) -> bool:
        text = self.state.text
        return self._is_typed or bool(text and to_pick(text, self.state.kind) is None)

    def _controls(self, control: Any) -> tuple[Any, ...]:
        if control is not self.control:
            return (control,)
        is_typed = self._shows_text
        text = _PICKED[self.state.kind] if is_typed else "Type as text"
        tooltip = f"{self.shown_name}: {text}"
        if self._switch is None:
            classes, layout = ("fh-type-it",), self.view.look.small
            self._switch = button_of(self, text, tooltip, self._turn, layout=layout, _dom_classes=classes)
        set_traits(self._switch, description=text, tooltip=tooltip)
        if is_typed:
            return (self._text_box(), self._switch)
        return (control, self._zone_text(), self._switch)

    def _turn(self) -> None:
        self._is_typed = not self._shows_text

    def _text_box(self) -> Any:
        from ipywidgets import Text

        if self._text is None:
            look = self.view.look
            self._text = Text(
                **self.labelled(), continuous_update=False, layout=look.control, style=look.text_style,
                _dom_classes=("fh-control",),
            )  # fmt: skip
            self.on_input(self._text, self.state.set_text)
        set_traits(self._text, value=self.state.text, placeholder=_WRITTEN[self.state.kind])
        (self._text.add_class if self.state.shown_problems else self._text.remove_class)("fh-wrong")
        return self._text

    def _zone_text(self) -> Any:
        if self.state.kind is FieldKind.DATE:
            return None
        if self._zone is None:
            self._zone = self.view.look.html("", layout=self.view.look.small)
            self._zone.add_class("fh-beside")
        offset = offset_of(self.state.text)
        set_traits(self._zone, value=str(html.el("span", "UTC" if offset in "Zz" else f"UTC{offset}", cls="fh-zone")))
        return self._zone

    def _what_to_do(self, expected: str) -> str:
        """Return what is picked, where nothing is typed."""
        return super()._what_to_do(expected) if self._shows_text else _PICKED[self.state.kind]

    def _picked(self, value: Any) -> None:
        self.state.set_text("" if value is None else picked(value, self.state.text))

    def _show_label(self) -> None:
        super()._show_label()
        if self._text is not None:
            set_traits(self._text, description=self.label_html)

    def _show(self) -> None:
        set_traits(self.control, value=to_pick(self.state.text, self.state.kind))


_WRITTEN: Final = {
    FieldKind.DATE: "2026-01-31",
    FieldKind.TIME: "09:30:00Z",
    FieldKind.DATETIME: "2026-01-31T09:30:00Z",
}
"""How each is typed."""

_PICKED: Final = {
    FieldKind.DATE: "Pick a date",
    FieldKind.TIME: "Pick a time",
    FieldKind.DATETIME: "Pick a date and a time",
}

_OFFSET: Final = re.compile(r"([Zz]|[+-]\d{2}:\d{2})$")


def offset_of(text: str) -> str:
    """Return the offset of a moment or a time; UTC's where it has none.

    Examples
    --------
    >>> offset_of("09:30:00+02:00"), offset_of("")
    ('+02:00', 'Z')
    """
    found = _OFFSET.search(text) if "T" in text or ":" in text[:3] else None
    return found[0] if found else "Z"


def picked(value: date | time | datetime, before: str = "") -> str:
    """Return the text that is sent for what was picked; `before` is the text that it replaces.

    Examples
    --------
    >>> picked(date(2026, 1, 31)), picked(time(9, 30), "08:00:00+02:00"), picked(time(9, 30))
    ('2026-01-31', '09:30:00+02:00', '09:30:00Z')
    >>> picked(datetime(2026, 1, 31, 9, 30)), picked(datetime(2026, 1, 31, 9, 30), "2026-01-01T08:00:00+01:00")
    ('2026-01-31T09:30:00Z', '2026-01-31T09:30:00+01:00')
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value.replace(tzinfo=None).isoformat(timespec="seconds") + offset_of(before)


def to_pick(text: str, kind: FieldKind) -> date | time | datetime | None:
    """Return what a picker shows for a text, without its offset; ``None`` for one that is no date or time.

    Examples
    --------
    >>> to_pick("2026-01-31", FieldKind.DATE), to_pick("31.1.2026", FieldKind.DATE)
    (datetime.date(2026, 1, 31), None)
    >>> to_pick("09:30:00Z", FieldKind.TIME), to_pick("2026-01-31T09:30:00+02:00", FieldKind.DATETIME)
    (datetime.time(9, 30), datetime.datetime(2026, 1, 31, 9, 30))
    """
    try:
        if kind is FieldKind.DATE:
            return date.fromisoformat(text)
        if not _OFFSET.search(text):
            return None
        if kind is FieldKind.TIME:
            return time.fromisoformat(_OFFSET.sub("", text))
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


WAYS: Final = (("Send the content", False), ("Send the address of an upload", True))
"""How a file is sent, and whether that is by an address."""


@dataclass(frozen=True, slots=True)
class _ChosenFile:
    """The file that was chosen last, as it is on its disk."""

    name: str
    data: bytes
    media_type: str
    sent: str
    """What is sent for it."""


class FileField(Field, control=Control.FILE):
    """A file: a button to choose it, and how it is sent; one that is sent as text can be typed as well."""

    has_placeholder = True
    _upload: Any = None
    _way: Any = None
    _last_chosen: _ChosenFile | None = None
    _picture: Any = None
    _drawn: Any = UNSET
    """The value of which the picture is."""

    @property
    def _is_text(self) -> bool:
        return encoding_of(self.state.shape) == "text"

    @property
    def _by_address(self) -> bool:
        """Whether a file that is chosen now is uploaded by Run, and its address sent."""
        if self.view.files is not None:
            return self.view.files == "address"
        return self.state.sends_address or file_named(self.state.value) is not None

    def _make(self) -> Any:
        if not self._is_text:
            return self._make_file_box()
        control = self.view.look.text_area(rows=4, **self.labelled())
        self.on_input(control, self._typed)
        return control

    def _make_file_box(self) -> Any:
        """Return a box that says which file is sent: the control that the field's name is tied to."""
        from ipywidgets import Text

        look = self.view.look
        return Text(
            **self.labelled(),
            disabled=True,
            layout=look.control,
            style=look.text_style,
            _dom_classes=("fh-control", "fh-told"),
        )

    def _typed(self, text: str) -> None:
        self.state.set_text(text)

    def _controls(self, control: Any) -> tuple[Any, ...]:
        if self._upload is None:
            self._upload = self._make_upload()
        if self._way is None and self.view.files is None:
            self._way = self._make_way()
        return (self._thumbnail(), control, self._upload, self._way if self._has_way else None)

    @property
    def _has_way(self) -> bool:
        """Whether there is a file to ask about, taken or refused, or the choice is not the usual one."""
        if self._chosen is not None or self._by_address or self.notice:
            return True
        return isinstance(self.state.value, str) and not self._is_text

    def _thumbnail(self) -> Any:
        """Return a small picture of an image that is sent; none of anything else."""
        value = self.state.value
        if value is not self._drawn:
            self._drawn = value
            address = thumbnail(value, self.state.shape) if isinstance(value, str) else ""
            picture = html.el("img", src=address, alt="", cls="fh-thumbnail") if address else ""
            if self._picture is None and picture:
                self._picture = self.view.look.html("", layout=self.view.look.small)
                self._picture.add_class("fh-beside")
            if self._picture is not None:
                set_traits(self._picture, value=str(picture))
        return self._picture if self._picture is not None and self._picture.value else None

    def _make_upload(self) -> Any:
        from ipywidgets import FileUpload

        look = self.view.look
        media = self.state.keywords.get("contentMediaType")
        upload = FileUpload(
            accept=media if isinstance(media, str) and "/" in media else "",
            multiple=False,
            # Named in full: of two fields for files, who hears the buttons must know which is which.
            description=f"Choose a file for {self.shown_name}",
            tooltip=f"at most {byte_size(MAX_BYTES)}",
            layout=look.button,
            style=look.button_style,
            _dom_classes=("fh-upload",),
        )
        self.on_input(upload, self._uploaded)
        return upload

    def _uploaded(self, files: Any) -> None:
        for file in files[:1]:
            self._take(file["name"], bytes(file["content"]), file["type"], by_address=self._by_address)

    def _take(self, name: str, data: bytes, media_type: str, *, by_address: bool) -> bool:
        """Send a file from now on, unless it cannot be: then the field shows why, and is as it was."""
        try:
            if by_address:
                check_size(name, data)
                text = str(FileInput.of_content(name, data, media_type))
            else:
                text = file_text(name, data, self.state.shape, media_type=media_type)
        except FileError as exc:
            self.notice = str(exc)
            return False
        self._last_chosen = _ChosenFile(name, data, media_type, text)
        self.state.set(text)
        return True

    @property
    def _chosen(self) -> _ChosenFile | None:
        """The chosen file, as long as nothing else is sent."""
        chosen = self._last_chosen
        return chosen if chosen is not None and chosen.sent == self.state.value else None

    # --- how it is sent

    def _make_way(self) -> Any:
        from ipywidgets import Dropdown

        way = Dropdown(
            options=WAYS,
            value=self._by_address,
            description=f"how to send {self.shown_name}",
            tooltip=(
                "Send the content within the call, or the address of an upload that Run makes first. It is "
                "inferred, not documented, that workflows read this address"
            ),
            layout=self.view.look.button,
            style=self.view.look.plain_style,
            _dom_classes=("fh-way", "fh-heard"),
        )
        self.on_input(way, self._choose_way)
        return way

    def forecast(self) -> str:
        """Return why Run could not upload the file, where a person has chosen to send its address."""
        return self.view.upload_problem if self._by_address and self.view.files is None else ""

    def _choose_way(self, by_address: bool) -> None:
        value = self.state.value
        named, chosen = file_named(value), self._chosen
        name, media_type, data = "file", "", None
        if chosen is not None:
            name, media_type, data = chosen.name, chosen.media_type, chosen.data
        elif by_address and named is None and isinstance(value, str) and not self._is_text:
            media_type, data = media_type_of(value, self.state.shape), file_bytes(value, self.state.shape)
        elif not by_address and named is not None:
            name, data = named.name or name, file_content(value, MAX_BYTES)
            if data is None:
                self.notice = f"{named} cannot be sent as content; choose it again"
                return
        if data is None or self._take(name, data, media_type, by_address=by_address):
            self.state.sends_address = by_address

    def _show(self) -> None:
        if self._upload is not None:
            set_traits(self._upload, value=())
        if self._way is not None:
            set_traits(self._way, value=self._by_address)
        state = self.state
        named = file_named(state.value)
        if self._is_text:
            text, placeholder = ("", str(named)) if named else (state.text, self.placeholder())
            set_traits(self.control, value=text, placeholder=placeholder)
            return
        if not state.is_set or state.is_null:
            text = "no file" if state.default is UNSET and not state.is_null else state_note(state)
        elif named is not None:
            text = str(named)
        elif (chosen := self._chosen) is not None:
            text = f"{chosen.name}, {byte_size(len(chosen.data))}"
        else:
            text = what_is_sent(state.value, state.shape)
        set_traits(self.control, value=html.printable(text))


SIZE_PX: Final = 96
"""Twice of what is seen: for screens of high resolution."""
MOST_PIXELS: Final = 50_000_000
"""An image of more is not read: a small file may unpack to gigabytes."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def thumbnail(value: str, shape: Shape) -> str:
    """Return a small copy of an image as a ``data:`` address; empty where `value` is no image.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> thumbnail("bm8gaW1hZ2U=", shape_of({"type": "string", "contentEncoding": "base64"}, {}))
    ''
    """
    if file_named(value) is not None:
        content = file_content(value, MAX_BYTES)
        return _small_copy(content) if content is not None else ""
    if encoding_of(shape) not in ("base64", "data-url") or len(value) > 2 * MAX_BYTES:
        return ""
    content = file_bytes(value, shape)
    return _small_copy(content) if content is not None else ""


def _small_copy(data: bytes) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return ""
            image.draft("RGB", (SIZE_PX, SIZE_PX))
            small: Any = image.convert("RGBA")
            small.thumbnail((SIZE_PX, SIZE_PX))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return ""
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
