"""What a person types -> a JSON value, and back: for every kind whose field is a text. Pure.

Rule of this file: nothing that was typed is lost. A text that is no value of its kind stays what it is, a text, and the
check names it ("the text '12x' is not a whole number"); only where any text would be a value (JSON, a file) a sentence
says that it cannot be read. So what is shown can always be read back into what is held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from fh_notebook.contract.coerce import coerced
from fh_notebook.contract.spell import short
from fh_notebook.notebook.form_kinds import Kind, Shape
from fh_notebook.notebook.form_options import same
from fh_notebook.values import UNSET

__all__ = ["LINE_KINDS", "Read", "can_show", "json_text", "read_json", "read_text", "text_of"]

LINE_KINDS: Final = frozenset(
    {Kind.TEXT, Kind.MULTILINE, Kind.EMAIL, Kind.URI, Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.FILE}
)
"""Kinds whose value is the very text that is typed."""
JSON_KINDS: Final = frozenset({Kind.JSON, Kind.OBJECT, Kind.TABLE, Kind.GROUP, Kind.ONE_OF, Kind.NOTHING})
"""Kinds that are typed as JSON where they are typed at all."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a text was read as."""

    value: Any
    """A JSON value; the text itself where it is none; ``UNSET`` where nothing was typed."""
    trouble: str = ""
    """Why it cannot be read, and the cure; empty where the check will tell whatever there is to tell."""


def read_text(text: str, shape: Shape, root: Mapping[str, Any] | None = None) -> Read:
    """Return what `text`, typed into a field of this `shape`, means.

    Examples
    --------
    >>> from fh_notebook.notebook.form_kinds import shape_of
    >>> count = shape_of({"type": "integer"}, {})
    >>> read_text(" 12 ", count).value, read_text("12x", count).value, read_text("", count).value
    (12, '12x', UNSET)
    >>> read_text('{"a": }', shape_of({}, {})).trouble
    'this is not JSON: a value is missing at line 1, column 7'
    """
    kind = shape.kind
    if kind in LINE_KINDS:
        return Read(text)
    if kind is Kind.TEXTS:
        # Pressing Enter after the last line is no wish to send an empty text.
        return Read(text.rstrip("\n").split("\n") if text.strip("\n") else UNSET)
    if not text.strip():
        return Read(UNSET)
    if kind is Kind.NUMBERS:
        items = {"items": shape.says.get("items", {}), "type": "array"}
        return Read(coerced([w for w in re.split(r"[\s,;]+", text.strip()) if w], items, root or {}))
    if kind in JSON_KINDS:
        return read_json(text)
    if kind is Kind.PASSWORD:
        return _read_secret(text, shape)
    return Read(coerced(text, shape.says, root or {}))


def _read_secret(text: str, shape: Shape) -> Read:
    types = shape.types
    if not types or "string" in types:
        return Read(text)
    return Read(read_json(text).value)  # what it is not, the check says, without spelling it


def read_json(text: str) -> Read:
    """Return the value that a JSON text says.

    Examples
    --------
    >>> read_json('{"a": [1, null]}').value
    {'a': [1, None]}
    >>> read_json('{"a": True}').trouble
    'this is not JSON: a value is missing at line 1, column 7; write true'
    """
    try:
        return Read(json.loads(text, parse_constant=_refuse))
    except json.JSONDecodeError as broken:
        return Read(text, f"this is not JSON: {_why(broken, text)}")
    except RecursionError:
        return Read(text, "this is nested too deep to be read")
    except ValueError as broken:  # NaN, or a number of more digits than Python reads
        return Read(text, f"this is not JSON: {str(broken).partition(';')[0].lower()}")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} has no JSON form; give null or a number")


_WORDS: Final = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Extra data": "there is something after its end",
    "Unterminated string starting at": "a quote is not closed that opens",
    "Illegal trailing comma before end of object": "there is a comma too many",
    "Illegal trailing comma before end of array": "there is a comma too many",
}
"""The decoder's messages in plain words."""


def _why(broken: json.JSONDecodeError, text: str) -> str:
    said = _WORDS.get(broken.msg, broken.msg[:1].lower() + broken.msg[1:])
    place = f"{said} at line {broken.lineno}, column {broken.colno}"
    if "'" in text and '"' not in text:
        return f'{place}; JSON\'s quotes are double: {{"name": "value"}}'
    found = re.match(r"\s*(True|False|None)\b", text[broken.pos :])
    meant = {"True": "true", "False": "false", "None": "null"}
    return f"{place}; write {meant[found[1]]}" if found else place


def text_of(value: Any, shape: Shape) -> str:
    r"""Return the text that shows `value` in a field of this `shape`.

    What :func:`can_show` says no to is shown as JSON, which no field of such a kind reads back.

    Examples
    --------
    >>> from fh_notebook.notebook.form_kinds import shape_of
    >>> text_of([1, 2.5], shape_of({"type": "array", "items": {"type": "number"}}, {}))
    '1\n2.5'
    >>> text_of("12x", shape_of({"type": "integer"}, {})), text_of(UNSET, shape_of({}, {}))
    ('12x', '')
    """
    if value is UNSET:
        return ""
    if shape.kind in (Kind.TEXTS, Kind.NUMBERS) and isinstance(value, list):
        return "\n".join(item if isinstance(item, str) else json_text(item, indent=None) for item in value)
    if isinstance(value, str) and shape.kind not in JSON_KINDS:
        return value
    return json_text(value)


def can_show(value: Any, shape: Shape, root: Mapping[str, Any] | None = None) -> bool:
    r"""Whether a field of this `shape` shows `value` so that it reads back as the same.

    Examples
    --------
    >>> from fh_notebook.notebook.form_kinds import shape_of
    >>> texts = shape_of({"type": "array", "items": {"type": "string"}}, {})
    >>> [can_show(v, texts) for v in (["a", "b"], ["two\nlines"], [3], "no list")]
    [True, False, False, False]
    """
    if value is UNSET or value is None:
        return True
    if shape.kind in (Kind.TEXTS, Kind.NUMBERS):
        if not isinstance(value, list) or (shape.kind is Kind.TEXTS and not all(isinstance(v, str) for v in value)):
            return False
        return not value or read_text(text_of(value, shape), shape, root).value == value
    if shape.kind is Kind.CHOICES:
        places = [_place(item, shape) for item in value] if isinstance(value, list) else [-1]
        return -1 not in places and len(set(places)) == len(places)
    return True


def _place(value: Any, shape: Shape) -> int:
    return next((i for i, option in enumerate(shape.options) if same(option.value, value)), -1)


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return `value` as JSON for a person; what has no JSON form is spelt as in a message."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent)
    except (TypeError, ValueError, RecursionError):
        return short(value)
