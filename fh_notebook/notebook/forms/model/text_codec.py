"""Text of a field to a JSON value, and back; the text of a file. Pure.

Nothing that was typed is lost. Text that is no value of its kind stays text, and the check reports it ("the text '12x'
is not a whole number"); where every text would be valid (JSON, a file), a message says that it cannot be parsed. So
what is shown can always be parsed into what is held.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from fh_notebook.contract.schema.alternatives import same_json
from fh_notebook.contract.schema.coercion import coerce
from fh_notebook.contract.schema.file_texts import file_encoding
from fh_notebook.core.json_values import MAX_DEPTH
from fh_notebook.core.text.formatting import byte_size, one_line, path_text, short
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import UNSET
from fh_notebook.errors import InputError
from fh_notebook.notebook.forms.model.kinds import FieldKind, Shape, TextForm


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What a text was read as."""

    value: Any
    """A JSON value; the text itself where it is none; ``UNSET`` where nothing was typed."""
    error: str = ""
    """Why it cannot be parsed, with a hint; empty where validation reports the problem."""


def read_text(text: str, shape: Shape, root: Mapping[str, Any] | None = None) -> ParsedText:
    """Return what `text`, typed into a field of this `shape`, means.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> count = shape_of({"type": "integer"}, {})
    >>> read_text(" 12 ", count).value, read_text("12x", count).value, read_text("", count).value
    (12, '12x', UNSET)
    >>> read_text('{"a": }', shape_of({}, {})).error
    'this is not JSON: a value is missing at line 1, column 7'
    """
    match shape.kind.rules.text_form:
        case TextForm.VERBATIM:
            return ParsedText(text)
        case TextForm.LINES:
            # Pressing Enter after the last line is no wish to send an empty text.
            return ParsedText(text.rstrip("\n").split("\n") if text.strip("\n") else UNSET)
        case _ if not text.strip():
            return ParsedText(UNSET)
        case TextForm.NUMBERS:
            items = {"items": shape.keywords.get("items", {}), "type": "array"}
            return ParsedText(coerce([w for w in re.split(r"[\s,;]+", text.strip()) if w], items, root or {}))
        case TextForm.JSON:
            return read_json(text)
        case TextForm.SECRET:
            return _read_secret(text, shape)
        case TextForm.DECLARED:
            return ParsedText(coerce(text, shape.keywords, root or {}))


def _read_secret(text: str, shape: Shape) -> ParsedText:
    types = shape.types
    if not types or "string" in types:
        return ParsedText(text)
    return ParsedText(read_json(text).value)  # what it is not, the check says, without spelling it


def is_endless(value: Any) -> bool:
    """Whether a value is nested deeper than anything that is sent, or holds itself: it could not even be copied.

    Examples
    --------
    >>> endless = []
    >>> endless.append(endless)
    >>> is_endless(endless), is_endless([[1]])
    (True, False)
    """
    level: dict[int, Any] = {id(value): value}
    for _ in range(MAX_DEPTH + 1):
        inner = (_inner(container) for container in level.values() if isinstance(container, Mapping | list | tuple))
        level = {id(item): item for items in inner for item in items}
        if not level:
            return False
    return True


def refuse_endless(value: Any, path: tuple[str | int, ...]) -> None:
    """Refuse such a value."""
    if is_endless(value):
        raise InputError(f"{path_text(path)}: the value is nested more than {MAX_DEPTH} levels deep")


def _inner(container: Mapping[Any, Any] | Sequence[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, Mapping) else container


def read_json(text: str) -> ParsedText:
    """Return the value that a JSON text says.

    Examples
    --------
    >>> read_json('{"a": [1, null]}').value
    {'a': [1, None]}
    >>> read_json('{"a": True}').error
    'this is not JSON: a value is missing at line 1, column 7; write true'
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as exc:
        return ParsedText(text, f"this is not JSON: {_why(exc, text)}")
    except RecursionError:
        return ParsedText(text, _TOO_DEEP)
    except ValueError as exc:  # NaN, or a number of more digits than Python reads
        return ParsedText(text, f"this is not JSON: {str(exc).partition(';')[0].replace('Exceeds', 'exceeds')}")
    return ParsedText(text, _TOO_DEEP) if is_endless(value) else ParsedText(value)


_TOO_DEEP: Final = "this is nested too deeply to be read"


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} has no JSON form; give null or a number")


_WORDS: Final = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Extra data": "there is something after its end",
    "Unterminated string starting at": "an unclosed quote opens",
    "Illegal trailing comma before end of object": "there is an extra comma",
    "Illegal trailing comma before end of array": "there is an extra comma",
}
"""The decoder's messages in plain words."""


def _why(exc: json.JSONDecodeError, text: str) -> str:
    reason = _WORDS.get(exc.msg, exc.msg[:1].lower() + exc.msg[1:])
    message = f"{reason} at line {exc.lineno}, column {exc.colno}"
    if "'" in text and '"' not in text:
        return f'{message}; JSON\'s quotes are double: {{"name": "value"}}'
    constant = re.match(r"\s*(True|False|None)\b", text[exc.pos :])
    literals = {"True": "true", "False": "false", "None": "null"}
    return f"{message}; write {literals[constant[1]]}" if constant else message


_LIST_FORMS: Final = frozenset({TextForm.LINES, TextForm.NUMBERS})


def field_text(value: Any, shape: Shape) -> str:
    r"""Return the text that shows `value` in a field of this `shape`.

    What :func:`can_show` says no to is shown as JSON, which no field of such a kind reads back.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> field_text([1, 2.5], shape_of({"type": "array", "items": {"type": "number"}}, {}))
    '1\n2.5'
    >>> field_text("12x", shape_of({"type": "integer"}, {})), field_text(UNSET, shape_of({}, {}))
    ('12x', '')
    """
    if value is UNSET:
        return ""
    if shape.kind.rules.text_form in _LIST_FORMS and isinstance(value, list):
        return "\n".join(item if isinstance(item, str) else json_text(item, indent=None) for item in value)
    if isinstance(value, str) and shape.kind.rules.text_form is not TextForm.JSON:
        return value
    return json_text(value)


def can_show(value: Any, shape: Shape, root: Mapping[str, Any] | None = None) -> bool:
    r"""Whether a field of this `shape` shows `value` so that it reads back as the same.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> texts = shape_of({"type": "array", "items": {"type": "string"}}, {})
    >>> [can_show(v, texts) for v in (["a", "b"], ["two\nlines"], [3], "no list")]
    [True, False, False, False]
    """
    if value is UNSET or value is None:
        return True
    form = shape.kind.rules.text_form
    if form is not TextForm.JSON and HALF.search(field_text(value, shape)):
        return False  # in JSON it is spelt; as it is no page can be sent it
    if form in _LIST_FORMS:
        if not isinstance(value, list) or (form is TextForm.LINES and not all(isinstance(v, str) for v in value)):
            return False
        return not value or read_text(field_text(value, shape), shape, root).value == value
    if shape.kind is FieldKind.BOOLEAN:
        return isinstance(value, bool)
    if shape.kind is FieldKind.CHOICES:
        places = [_index(item, shape) for item in value] if isinstance(value, list) else [-1]
        return -1 not in places and len(set(places)) == len(places)
    return True


def _index(value: Any, shape: Shape) -> int:
    return next((i for i, option in enumerate(shape.options) if same_json(option.value, value)), -1)


HALF: Final = re.compile("[\ud800-\udfff]")
"""Half a character, which has no UTF-8."""


def json_line(value: Any) -> str:
    """Return `value` as JSON in one line; what of it has no JSON form is spelt as Python does."""
    return json.dumps(value, ensure_ascii=False, default=repr)


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return `value` as JSON for a person; what has no JSON form is spelt as in a message."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent)
        return HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    except (TypeError, ValueError, RecursionError):
        return short(value)


MAX_BYTES: Final = 5_000_000
"""A file travels inside the JSON of one call: whoever has a larger one gives its address instead."""


_ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base32": base64.b32encode,
    "base16": base64.b16encode,
}


class FileError(ValueError):
    """A file that cannot be sent; its text is one line with a hint."""


def encoding_of(shape: Shape) -> str:
    """Return how a file is sent: ``"text"``, ``"data-url"`` or the name of an encoding.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> [encoding_of(shape_of({"type": "string", **more}, {}))
    ...  for more in ({"contentEncoding": "base64"}, {"contentMediaType": "text/csv"}, {"format": "binary"})]
    ['base64', 'text', 'base64']
    """
    return file_encoding(shape.keywords) or "text"


def file_text(name: str, data: bytes, shape: Shape, *, media_type: str = "") -> str:
    r"""Return the text that is sent for a file.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> file_text("a.bin", b"\x00\xff", shape_of({"type": "string", "contentEncoding": "base64"}, {}))
    'AP8='
    """
    called = check_size(name, data)
    encoding = encoding_of(shape)
    if encoding == "data-url":
        kind = media_type or "application/octet-stream"
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    if encoding != "text":
        return _ENCODERS[encoding](data).decode()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        message = f"{called} is not UTF-8 text (byte {exc.start:,}); save it as UTF-8"
    raise FileError(message)


def check_size(name: str, data: bytes) -> str:
    """Return how a file is called, unless it is too large to come from a page."""
    called = one_line(name, 80)
    if len(data) > MAX_BYTES:
        raise FileError(f"{called} has {byte_size(len(data))}; give one of at most {byte_size(MAX_BYTES)}")
    return called


def file_bytes(text: str, shape: Shape) -> bytes | None:
    r"""Return the file that :func:`file_text` made a text of; ``None`` where the text is no such one.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> file_bytes("AP8=", shape_of({"type": "string", "format": "binary"}, {}))
    b'\x00\xff'
    """
    encoding = encoding_of(shape)
    if encoding == "text":
        return text.encode("utf-8", "replace")
    try:
        if encoding == "data-url":
            head, _, body = text.partition(",")
            return base64.b64decode(body, validate=True) if head.endswith(";base64") else None
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
        return _DECODERS[encoding](text)
    except ValueError:
        return None


def media_type_of(text: str, shape: Shape) -> str:
    """Return the media type that a text of :func:`file_text` tells; empty where it tells none.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> media_type_of("data:image/png;base64,AP8=", shape_of({"type": "string", "format": "data-url"}, {}))
    'image/png'
    """
    head = text.partition(",")[0] if encoding_of(shape) == "data-url" else ""
    return head.removeprefix("data:").partition(";")[0] if head.startswith("data:") else ""


_DECODERS: Final[dict[str, Callable[[str], bytes]]] = {
    "base64url": base64.urlsafe_b64decode,
    "base32": base64.b32decode,
    "base16": base64.b16decode,
}


def what_is_sent(value: Any, shape: Shape) -> str:
    """Return in words what a file's field holds.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> what_is_sent("data:image/png;base64,AP8=", shape_of({"type": "string", "format": "data-url"}, {}))
    'image/png, 2 bytes'
    """
    if not isinstance(value, str):
        return short(value)
    encoding = encoding_of(shape)
    head, comma, body = value.partition(",") if encoding == "data-url" else ("", "", value)
    if encoding in ("base64", "base64url") or (comma and head.endswith(";base64")):
        media = one_line(media_type_of(value, shape), 80)
        return ", ".join(filter(None, [media, byte_size(len(body.rstrip("=")) * 3 // 4)]))
    return f"{counted(len(value), 'character')}{'' if encoding == 'text' else f' of {encoding}'}"
