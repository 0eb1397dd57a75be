"""A file -> the text that its field sends: as it is, or in the encoding that the schema names. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

from fh_notebook.contract.run import one_line
from fh_notebook.contract.spell import byte_size, short
from fh_notebook.notebook.form_kinds import Shape
from fh_notebook.plural import counted

__all__ = ["MAX_BYTES", "FileTrouble", "encoding_of", "file_text", "what_is_sent"]

MAX_BYTES: Final = 5_000_000
"""A file travels inside the JSON of one call: whoever has a larger one gives its address instead."""

_ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base32": base64.b32encode,
    "base16": base64.b16encode,
}
_BINARY_FORMATS: Final = frozenset({"binary", "byte", "base64"})


class FileTrouble(ValueError):
    """A file that cannot be sent; its text is one line with the cure."""


def encoding_of(shape: Shape) -> str:
    """Return how a file is sent: ``"text"``, ``"data-url"`` or the name of an encoding.

    Examples
    --------
    >>> from fh_notebook.notebook.form_kinds import shape_of
    >>> [encoding_of(shape_of({"type": "string", **more}, {}))
    ...  for more in ({"contentEncoding": "base64"}, {"contentMediaType": "text/csv"}, {"format": "binary"})]
    ['base64', 'text', 'base64']
    """
    said = shape.says.get("contentEncoding")
    if isinstance(said, str):
        return said.lower() if said.lower() in _ENCODERS else "text"
    if shape.says.get("format") == "data-url":
        return "data-url"
    return "base64" if shape.says.get("format") in _BINARY_FORMATS else "text"


def file_text(name: str, data: bytes, shape: Shape, *, media_type: str = "") -> str:
    r"""Return the text that is sent for a file.

    Raises
    ------
    FileTrouble
        It is too large, or it is sent as text and is none.

    Examples
    --------
    >>> from fh_notebook.notebook.form_kinds import shape_of
    >>> file_text("a.bin", b"\x00\xff", shape_of({"type": "string", "contentEncoding": "base64"}, {}))
    'AP8='
    """
    called = one_line(name, 80)
    if len(data) > MAX_BYTES:
        raise FileTrouble(f"{called} has {byte_size(len(data))}; give one of at most {byte_size(MAX_BYTES)}")
    encoding = encoding_of(shape)
    if encoding == "data-url":
        kind = media_type or "application/octet-stream"
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    if encoding != "text":
        return _ENCODERS[encoding](data).decode()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        told = f"{called} is no UTF-8 text (byte {broken.start:,}); save it as UTF-8"
    raise FileTrouble(told)


def what_is_sent(value: Any, shape: Shape) -> str:
    """Return in words what a file's field holds."""
    if not isinstance(value, str):
        return short(value)
    encoding = encoding_of(shape)
    return f"{counted(len(value), 'character')}{'' if encoding == 'text' else f' of {encoding}'}"
