"""Start variables that take a file's content as a text, and which texts cannot be the content of a file.

Rule of this file: a text is refused only where it is certain. An address and the name of a file that is uploaded are
sent in place of content, so they may be meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.schema.references import effective_schema

FILE_FORMATS: Final = ("binary", "byte", "base64", "data-url")
"""Values of ``format`` that mean a file."""

_ENCODINGS: Final = ("base64", "base64url", "base32", "base16")
"""Values of ``contentEncoding`` whose texts have the letters of base64 alone."""

LOOKED_AT: Final = 4096
"""Characters of a text that are looked at: a path is not longer, and content may be megabytes."""

_ENCODED: Final = re.compile(r"[A-Za-z0-9+/=_\s-]*+")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter alone is a drive of Windows


def file_encoding(keywords: Mapping[str, Any]) -> str | None:
    """Return how keywords say that a file is sent: ``"text"``, ``"data-url"`` or the name of an encoding.

    ``None`` where they say nothing of a file.

    Examples
    --------
    >>> [file_encoding(keywords) for keywords in
    ...  ({"contentEncoding": "base64"}, {"contentMediaType": "text/csv"}, {"format": "binary"}, {"format": "date"})]
    ['base64', 'text', 'base64', None]
    """
    encoding, format_ = keywords.get("contentEncoding"), keywords.get("format")
    if isinstance(encoding, str):
        return encoding.lower() if encoding.lower() in _ENCODINGS else "text"
    if isinstance(format_, str) and format_ in FILE_FORMATS:
        return "data-url" if format_ == "data-url" else "base64"
    return "text" if "contentEncoding" in keywords or "contentMediaType" in keywords else None


def file_encoding_of(schema: Any, root: Mapping[str, Any]) -> str | None:
    """Return the same of a variable's schema; ``None`` where it takes no text, or a few given ones.

    Examples
    --------
    >>> file_encoding_of({"type": ["string", "null"], "contentEncoding": "base64"}, {})
    'base64'
    """
    keywords = effective_schema(schema, root)
    types = keywords.get("type", "string")
    is_text = types == "string" or (isinstance(types, list) and set(types) <= {"string", "null"})
    return file_encoding(keywords) if is_text and not {"enum", "const"}.intersection(keywords) else None


def may_be_content(text: str, encoding: str) -> bool:
    """Return whether a text may be the content of a file, or its address; ``False`` only where it is certain.

    Examples
    --------
    >>> [may_be_content(text, "base64") for text in ("AP8=", "https://files.test/a.pdf", "a.pdf")]
    [True, True, False]
    """
    text = text[:LOOKED_AT]
    return encoding == "text" or _ADDRESS.match(text) is not None or _ENCODED.fullmatch(text) is not None
