"""How a value, a path and a kind are spelt in a sentence for a tired analyst: short, printable, in plain words.

Rule of this file: cost is bounded by what is shown, not by what is there. A list of a million items is never spelt out
to be cut afterwards, and no `__repr__` of somebody else's is called.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from fh_notebook.spelling import NAME_CAP, path_text, short, type_text

__all__ = [
    "FORMATS",
    "KINDS",
    "KIND_OF_TYPE",
    "byte_size",
    "in_words",
    "kind_text",
    "listed",
    "nearest",
    "path_text",
    "short",
    "type_text",
    "types_of",
]

KINDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object with named values",
    "null": "null",
}
"""JSON Schema's types in the words of the messages."""

FORMATS: Final = {
    "date": "a date like '2026-01-31'",
    "date-time": "a moment with its offset, like '2026-01-31T09:30:00Z'",
    "email": "an e-mail address",
    "uri": "an address like 'https://example.com/page'",
    "regex": "a regular expression",
    "uuid": "a UUID",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
}
"""The formats in the same words; a format that is not here is not checked, or has no better name."""

KIND_OF_TYPE: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}

CHOICES_CAP: Final = 20
"""More choices than this are not read by anybody."""

NEAREST_CAP: Final = 500
"""Names among which the nearest is sought: `difflib` costs some 10 microseconds a pair."""


def listed(values: Sequence[Any], last: str = "or") -> str:
    """Return values as a list in words, at most :data:`CHOICES_CAP` of them.

    Examples
    --------
    >>> listed(["calm", "brief", "warm"])
    "'calm', 'brief' or 'warm'"
    """
    spelt = [short(v, 40) for v in values[:CHOICES_CAP]]
    if len(values) > CHOICES_CAP:
        return f"{', '.join(spelt)} and {len(values) - CHOICES_CAP:,} more"
    return in_words(spelt, last)


def nearest(word: Any, words: Iterable[Any]) -> str | None:
    """Return the one of `words` that `word` was most likely meant to be, or ``None``.

    Examples
    --------
    >>> nearest("tiket", ["tone", "ticket"]), nearest("Tone", ["tone"]), nearest("x", ["tone"])
    ('ticket', 'tone', None)
    """
    if not isinstance(word, str) or len(word) > NAME_CAP:
        return None
    texts = [w for w in islice(words, NEAREST_CAP) if isinstance(w, str) and len(w) <= NAME_CAP]
    folded = {w.casefold().replace("-", "_").replace(" ", "_"): w for w in reversed(texts)}
    close = difflib.get_close_matches(word.casefold().replace("-", "_").replace(" ", "_"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def kind_text(schema: Any) -> str:
    """Return in words what `schema` takes.

    Examples
    --------
    >>> kind_text({"type": ["string", "null"]}), kind_text({"enum": ["a", "b"]})
    ('a text or null', "one of 'a' or 'b'")
    >>> kind_text({"oneOf": [{"type": "string"}, {"required": ["iban"]}]})
    'a value of one of its kinds'
    """
    if not isinstance(schema, Mapping):
        return "anything" if schema else "nothing"
    if isinstance(schema.get("enum"), list):
        return f"one of {listed(schema['enum'])}"
    if "const" in schema:
        return short(schema["const"])
    if example := FORMATS.get(str(schema.get("format"))):
        return example
    types = types_of(schema.get("type", []))
    item = schema["items"].get("type") if isinstance(schema.get("items"), Mapping) else None
    if types == ["array"] and isinstance(item, str) and item in KINDS:
        return f"a list, each item {KINDS[item]}"
    if types:
        return in_words(list(dict.fromkeys(KINDS.get(t, t) for t in types)))
    named = schema.get("title") or str(schema.get("$ref", "")).rpartition("/")[2]
    if named:
        return short(named)
    return "a value of one of its kinds" if {"oneOf", "anyOf"} & schema.keys() else "a value of another kind"


def in_words(words: Sequence[str], last: str = "or") -> str:
    """Return ``a, b or c``."""
    return f" {last} ".join(x for x in (", ".join(words[:-1]), *words[-1:]) if x)


def types_of(limit: Any) -> list[str]:
    """Return the value of the keyword ``type`` as a list."""
    return [limit] if isinstance(limit, str) else [t for t in limit if isinstance(t, str)]


def byte_size(size: int) -> str:
    """Return a number of bytes for a person.

    Examples
    --------
    >>> byte_size(12), byte_size(12_300), byte_size(5_000_000)
    ('12 bytes', '12.3 kB', '5.0 MB')
    """
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"
