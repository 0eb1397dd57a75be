"""Coercion of text from CSV files and cell bodies to the type that a Start variable declares.

Rule of this file: explicit and conservative. It is applied only where a person could write nothing but text: to the
cells of a table, and to the body of a ``%%fetchhive`` cell; never to what a program gives to ``invoke``. A value
changes its kind only where the declared type says into what, and where the text can mean nothing else; what does not
fit is left as it is, for the check to name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.schema.references import effective_schema
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text.formatting import types_of
from fh_notebook.core.values import is_number

MAX_DEPTH: Final = 60
"""Deeper than this nobody writes by hand; whatever is there is taken."""

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.0*)?")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00:00(\.0+)?")


def coerce(value: Any, schema: Any, root: Mapping[str, Any] | None = None) -> Any:
    """Return a text cell's value as the declared type wants it, where there is one way to read it.

    Examples
    --------
    >>> coerce("12", {"type": "integer"}), coerce(" 1.5", {"type": "number"}), coerce("TRUE", {"type": "boolean"})
    (12, 1.5, True)
    >>> coerce('["a"]', {"type": "array"}), coerce("12", {"type": "string"}), coerce("12 or so", {"type": "integer"})
    (['a'], '12', '12 or so')
    >>> coerce({"sizes": ["1", "2"]}, {"properties": {"sizes": {"items": {"type": ["integer", "null"]}}}})
    {'sizes': [1, 2]}
    """
    if not isinstance(schema, Mapping):
        return value
    return _coerced(value, schema, schema if root is None else root, 0)


def _coerced(value: Any, schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH or not isinstance(schema, Mapping) or isinstance(value, bool | None):
        return value
    effective = effective_schema(schema, root)
    types = [t for t in types_of(effective.get("type", [])) if t != "null"]
    if isinstance(value, str):
        parsed = _coerced_text(value, effective, types)
        return parsed if isinstance(parsed, str) else _coerced(parsed, effective, root, depth + 1)
    if isinstance(value, Mapping):
        return {
            name: _coerced(item, _property_schema(effective, name), root, depth + 1) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_coerced(item, _item_schema(effective, index), root, depth + 1) for index, item in enumerate(value)]
    return int(value) if isinstance(value, float) and types == ["integer"] and value.is_integer() else value


def _property_schema(schema: Mapping[str, Any], name: str) -> Any:
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        return properties[name]
    return None if "patternProperties" in schema else schema.get("additionalProperties")


def _item_schema(schema: Mapping[str, Any], index: int) -> Any:
    first = schema.get("prefixItems")
    return first[index] if isinstance(first, list) and index < len(first) else schema.get("items")


def _coerced_text(text: str, schema: Mapping[str, Any], types: list[str]) -> Any:
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(choices, list):
        return text if text in choices or "string" in types else _choice(text, choices)
    if types == ["string"] and schema.get("format") == "date":
        match = _MIDNIGHT.fullmatch(text)  # pandas has no other way to say a date
        return match[1] if match else text
    return _parse_as(text, types[0]) if len(types) == 1 else text


def _choice(text: str, choices: list[Any]) -> Any:
    word = text.strip()
    number = _parse_as(word, "number")
    for choice in choices:
        if choice is not None and (_text_of_choice(choice) == word or (is_number(choice) and choice == number)):
            return choice
    return text


def _text_of_choice(choice: Any) -> str:
    return choice if isinstance(choice, str) else canonical_json(choice)


def _parse_as(text: str, kind: str) -> Any:
    word = text.strip()
    if kind == "integer" and _INTEGER.fullmatch(word):
        return int(word.partition(".")[0])
    if kind == "number" and _NUMBER.fullmatch(word):
        number = int(word) if word.lstrip("+-").isdigit() else float(word)
        return number if math.isfinite(number) else text
    if kind == "boolean" and word.lower() in ("true", "false"):
        return word.lower() == "true"
    if kind in ("array", "object"):
        return _parse_json(word, list if kind == "array" else dict, text)
    return text


def _parse_json(word: str, kind: type, text: str) -> Any:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, kind) else text
