"""Whether a JSON Schema is so plain that a look says it is a valid one.

Rule of this file: a plain schema is valid by the meta-schema of draft 2020-12, a property that the tests hold; one that
is not plain may be valid all the same, and the library judges it. The library takes most of a second to import where
Jupyter is installed (it compiles a grammar of addresses that Jupyter's extras bring along), which a person who presses
Tab does not wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fh_notebook.values import is_number

__all__ = ["is_plain"]

_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_DEPTH: Final = 20


def is_plain(schema: Any, depth: int = _DEPTH) -> bool:
    """Return whether `schema` has only well-known keywords, each with a value of its kind.

    References, patterns and combinations are none of them.

    Examples
    --------
    >>> is_plain({"type": "object", "properties": {"n": {"type": "integer", "default": 3}}, "required": ["n"]})
    True
    >>> is_plain({"type": "whole"}), is_plain({"$ref": "#/$defs/n"})
    (False, False)
    """
    if type(schema) is not dict or depth == 0:
        return False
    return all(
        _is_plain_part(word, value, depth) if word in _PARTS else word in _KEYWORDS and _KEYWORDS[word](value)
        for word, value in schema.items()
    )


_PARTS: Final = ("properties", "items", "additionalProperties")


def _is_plain_part(word: str, value: Any, depth: int) -> bool:
    if word == "properties":
        return isinstance(value, Mapping) and all(is_plain(part, depth - 1) for part in value.values())
    return (word == "additionalProperties" and isinstance(value, bool)) or is_plain(value, depth - 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_anything(value: Any) -> bool:
    return True


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_names(value: Any) -> bool:
    return _is_list(value) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_kind(value: Any) -> bool:
    return value in _TYPES if _is_text(value) else _are_names(value) and bool(value) and set(value) <= _TYPES


_KEYWORDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _is_kind,
    "required": _are_names,
    "enum": _is_list,
    "examples": _is_list,
    "const": _is_anything,
    "default": _is_anything,
    "title": _is_text,
    "description": _is_text,
    "format": _is_text,
    "uniqueItems": _is_flag,
    "step": _is_anything,  # ours; JSON Schema passes over it
    "minimum": is_number,
    "maximum": is_number,
    "minItems": _is_count,
    "maxItems": _is_count,
    "minLength": _is_count,
    "maxLength": _is_count,
}
