"""Fields of dates and times: the exact text that is sent, and a picker beside it that writes it.

Rule of this file: JSON has no dates, so what is sent is a text of an exact form; that text is what is seen. A picker
writes a day as ``2026-01-31``, a moment in UTC, and a time with the offset that is there already, else UTC's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any, Final

from fh_notebook.notebook.fields_put import put
from fh_notebook.notebook.fields_text import TextField
from fh_notebook.notebook.form_kinds import Kind

__all__ = ["TimeField", "picked", "to_pick"]

_OFFSET: Final = re.compile(r"([Zz]|[+-]\d{2}:\d{2})$")


class TimeField(TextField):
    """A date, a time or a moment."""

    _picker: Any = None

    def _controls(self, control: Any) -> tuple[Any, ...]:
        if control is not self.control:
            return (control,)
        if self._picker is None:
            self._picker = self._make_picker()
        return (control, self._picker)

    def _make_picker(self) -> Any:
        from ipywidgets import DatePicker, DatetimePicker, TimePicker

        kinds = {Kind.DATE: DatePicker, Kind.TIME: TimePicker, Kind.DATETIME: DatetimePicker}
        look = self.view.look
        picker = kinds[self.state.kind](
            value=to_pick(self.state.text, self.state.kind),
            description=f"pick {self.label}",
            layout=look.beside,
            style=look.plain_style,
            _dom_classes=("fh-picker", "fh-heard"),
        )
        self.hear(picker, self._picked)
        return picker

    def _picked(self, value: Any) -> None:
        self.state.set_text("" if value is None else picked(value, self.state.text))

    def _show(self) -> None:
        super()._show()
        if self._picker is not None:
            put(self._picker, value=to_pick(self.state.text, self.state.kind))


def picked(value: date | time | datetime, before: str = "") -> str:
    """Return the text that is sent for what was picked; `before` is the text that it replaces.

    Examples
    --------
    >>> picked(date(2026, 1, 31)), picked(time(9, 30), "08:00:00+02:00"), picked(time(9, 30))
    ('2026-01-31', '09:30:00+02:00', '09:30:00Z')
    >>> from datetime import timedelta, timezone
    >>> picked(datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=1))))
    '2026-01-31T08:30:00Z'
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    offset = _OFFSET.search(before)
    return value.replace(tzinfo=None).isoformat(timespec="seconds") + (offset[0] if offset else "Z")


def to_pick(text: str, kind: Kind) -> date | time | datetime | None:
    """Return what a picker shows for a text; ``None`` for one that is no date or time.

    Examples
    --------
    >>> to_pick("2026-01-31", Kind.DATE), to_pick("09:30:00Z", Kind.TIME), to_pick("31.1.2026", Kind.DATE)
    (datetime.date(2026, 1, 31), datetime.time(9, 30), None)
    """
    try:
        if kind is Kind.DATE:
            return date.fromisoformat(text)
        if kind is Kind.TIME:
            return time.fromisoformat(_OFFSET.sub("", text))
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
