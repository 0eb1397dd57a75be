"""Limits beside an annotation (pydantic's ``Field``, `annotated_types`, and their like) -> JSON Schema. Pure.

Rule of this file: an extra is known by what it says (``ge``, ``max_length``, ...), so nothing is imported for it; what
is no limit in JSON's terms, such as a date, is left out: the function itself will judge it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.spell import types_of
from fh_notebook.values import is_number

__all__ = ["limits_of"]

_NUMBERS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_LENGTHS: Final = {
    "min_length": {"string": "minLength", "array": "minItems", "object": "minProperties"},
    "max_length": {"string": "maxLength", "array": "maxItems", "object": "maxProperties"},
}


def limits_of(extra: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of JSON Schema for what `extra` says of a value that `schema` describes.

    Examples
    --------
    >>> import annotated_types, pydantic
    >>> limits_of(pydantic.Field(ge=1, le=9), {"type": "integer"})
    {'minimum': 1, 'maximum': 9}
    >>> limits_of(annotated_types.Len(1, 5), {"type": "array"})
    {'minItems': 1, 'maxItems': 5}
    """
    kinds = types_of(schema.get("type", []))
    found: dict[str, Any] = {}
    for said in _parts(extra):
        for name, word in _NUMBERS.items():
            limit = jsonable(getattr(said, name, None))
            if is_number(limit) and math.isfinite(limit):
                found[word] = limit
        for name, words in _LENGTHS.items():
            length = getattr(said, name, None)
            if isinstance(length, int) and not isinstance(length, bool):
                found |= {word: length for kind, word in words.items() if kind in kinds or not kinds}
        if pattern := _pattern(getattr(said, "pattern", None)):
            found["pattern"] = pattern
    return found


def _parts(extra: Any) -> Iterable[Any]:
    """The extra itself, and those that it is made of: ``Field(ge=1, le=9)`` is a `Ge` and a `Le`."""
    inner = getattr(extra, "metadata", None)
    return (extra, *inner) if isinstance(inner, list | tuple) else (extra,)


def _pattern(said: Any) -> str | None:
    text = said.pattern if isinstance(said, re.Pattern) else said
    if not isinstance(text, str):
        return None
    try:
        re.compile(text)
    except re.error:
        return None
    return text
