"""A quick yes to a default that plainly fits, so that no form waits for the library of JSON Schema. Pure.

Rule of this file: it never says yes where the contract would not; a no means that the contract must look. The library
takes most of a second to import, and nobody should wait that long to hear that 120 is a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.multiples import is_multiple
from fh_notebook.contract.patterns import TooSlow, found
from fh_notebook.notebook.form_options import same

__all__ = ["surely_fits"]

_SAY_NOTHING: Final = frozenset(
    {"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "step"}
)
_FREE_FORMATS: Final = frozenset({"textarea", "password", "time", "binary", "byte", "data-url", "uri-reference"})
"""Formats that say how a value is typed in, or that nobody checks."""


def surely_fits(value: Any, says: Any) -> bool:
    """Whether `value` fits the schema `says` beyond doubt.

    Examples
    --------
    >>> surely_fits(120, {"type": "integer", "minimum": 1}), surely_fits("many", {"type": "integer"})
    (True, False)
    >>> surely_fits(3, {"oneOf": [{"type": "integer"}]})  # not judged here
    False
    >>> surely_fits({}, {"required": True}), surely_fits("x", {"format": ["date"]})  # no schema of this century
    (False, False)
    """
    return not json_problems(value) and _fits(value, says)


def _fits(value: Any, says: Any) -> bool:
    if not isinstance(says, Mapping):
        return says is True
    return all(
        word in _SAY_NOTHING or (word in _RULES and _RULES[word](value, limit, says)) for word, limit in says.items()
    )


def _type(value: Any, limit: Any, _: Any) -> bool:
    wanted = [limit] if isinstance(limit, str) else limit
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    kind = "null" if value is None else kinds.get(type(value))
    return isinstance(wanted, list) and (kind in wanted or (kind == "integer" and "number" in wanted))


def _number(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Any], bool]:
    def fits(value: Any, limit: Any, _: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        return type(limit) in (int, float) and compare(value, limit)

    return fits


def _size(kind: type[str] | type[list[Any]], compare: Callable[[int, Any], bool]) -> Callable[[Any, Any, Any], bool]:
    def fits(value: Any, limit: Any, _: Any) -> bool:
        return not isinstance(value, kind) or (type(limit) is int and compare(len(value), limit))

    return fits


def _pattern(value: Any, limit: Any, _: Any) -> bool:
    try:
        return not isinstance(value, str) or found(limit, value)
    except (re.error, TypeError, RecursionError, TooSlow):
        return False


def _format(value: Any, limit: Any, _: Any) -> bool:
    is_free = isinstance(limit, str) and limit in _FREE_FORMATS
    if is_free or not isinstance(value, str):
        return is_free
    if limit != "date" or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _properties(value: Any, limit: Any, says: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict) or not isinstance(limit, Mapping):
        return False
    return all(name in limit and _fits(item, limit[name]) for name, item in value.items())


def _required(value: Any, limit: Any, _: Any) -> bool:
    return isinstance(value, dict) and isinstance(limit, list) and all(name in value for name in limit)


_RULES: Final[Mapping[str, Callable[[Any, Any, Any], bool]]] = {
    "type": _type,
    "const": lambda value, limit, _: same(value, limit),
    "enum": lambda value, limit, _: isinstance(limit, list) and any(same(value, item) for item in limit),
    "minimum": _number(lambda value, limit: value >= limit),
    "maximum": _number(lambda value, limit: value <= limit),
    "exclusiveMinimum": _number(lambda value, limit: value > limit),
    "exclusiveMaximum": _number(lambda value, limit: value < limit),
    "multipleOf": _number(lambda value, limit: limit > 0 and is_multiple(value, limit)),
    "minLength": _size(str, lambda size, limit: size >= limit),
    "maxLength": _size(str, lambda size, limit: size <= limit),
    "minItems": _size(list, lambda size, limit: size >= limit),
    "maxItems": _size(list, lambda size, limit: size <= limit),
    "pattern": _pattern,
    "format": _format,
    "contentEncoding": lambda *_: True,
    "contentMediaType": lambda *_: True,
    "items": lambda value, limit, _: isinstance(value, list) and all(_fits(item, limit) for item in value),
    "properties": _properties,
    "required": _required,
    "additionalProperties": lambda _value, limit, says: isinstance(limit, bool) and "properties" in says,
}
