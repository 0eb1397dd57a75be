"""The kinds of Start variable that a form must hold, each with a value that fits and one that does not; and strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

ADDRESS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
    "required": ["city"],
}
NODE = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}},
    "required": ["text"],
}
DEFS = {"Address": ADDRESS, "Node": NODE}
ROWS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}, "gift": {"type": "boolean"}},
        "required": ["sku"],
    },
}
SHAPES = {
    "oneOf": [
        {
            "title": "Circle",
            "type": "object",
            "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}},
            "required": ["kind", "r"],
        },
        {
            "title": "Square",
            "type": "object",
            "properties": {"kind": {"const": "square"}, "a": {"type": "number"}},
            "required": ["kind", "a"],
        },
    ]
}


@dataclass(frozen=True)
class Case:
    """One kind of property."""

    schema: Any
    kind: str
    good: Any
    bad: Any


CASES: dict[str, Case] = {
    "string": Case({"type": "string"}, "text", "Parcel late", 3),
    "string with limits": Case(
        {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^P"}, "text", "Parcel", "x"
    ),
    "multi-line text": Case({"type": "string", "format": "textarea"}, "multiline", "a\nb", 3),
    "integer": Case({"type": "integer"}, "integer", 3, "12x"),
    "integer range": Case({"type": "integer", "minimum": 1, "maximum": 5}, "integer", 3, 9),
    "number range": Case({"type": "number", "minimum": 0, "maximum": 1}, "number", 0.5, 1.5),
    "multipleOf": Case({"type": "number", "multipleOf": 0.5}, "number", 1.5, 0.7),
    "boolean": Case({"type": "boolean"}, "boolean", True, "yes"),
    "typed enum": Case({"type": "string", "enum": ["calm", "brief"]}, "choice", "calm", "loud"),
    "untyped enum": Case({"enum": [1, "1", None, True]}, "choice", "1", 2),
    "const": Case({"const": "v2"}, "const", "v2", "v1"),
    "date": Case({"type": "string", "format": "date"}, "date", "2026-01-31", "31.1.2026"),
    "time": Case({"type": "string", "format": "time"}, "time", "09:30:00Z", 930),
    "date-time": Case({"type": "string", "format": "date-time"}, "date-time", "2026-01-31T09:30:00Z", "2026-01-31"),
    "email": Case({"type": "string", "format": "email"}, "email", "a@example.com", "a.example.com"),
    "uri": Case({"type": "string", "format": "uri"}, "uri", "https://example.com/a", "example"),
    "array of strings": Case({"type": "array", "items": {"type": "string"}}, "texts", ["a", "b"], ["a", 3]),
    "array of enum": Case({"type": "array", "items": {"enum": ["a", "b", "c"]}}, "choices", ["a", "c"], ["z"]),
    "array of numbers": Case({"type": "array", "items": {"type": "number"}}, "numbers", [1, 2.5], [1, "x"]),
    "array of objects": Case(ROWS, "table", [{"sku": "A-1", "count": 2}], [{"count": 2}]),
    "object": Case(ADDRESS, "group", {"city": "Kiel"}, {"zip": "24103"}),
    "free-form object": Case({"type": "object"}, "object", {"any": [1]}, [1]),
    "nullable": Case({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer", None, "x"),
    "type list": Case({"type": ["string", "null"]}, "text", None, 3),
    "several types": Case({"type": ["string", "integer"]}, "one-of", 3, [3]),
    "oneOf": Case(SHAPES, "one-of", {"kind": "square", "a": 2}, {"kind": "square"}),
    "anyOf": Case({"anyOf": [{"type": "string"}, {"type": "number"}]}, "one-of", "x", [1]),
    "$ref": Case({"$ref": "#/$defs/Address"}, "group", {"city": "Kiel"}, {}),
    "recursive $ref": Case(
        {"$ref": "#/$defs/Node"}, "group", {"text": "a", "next": {"text": "b"}}, {"text": "a", "next": {}}
    ),
    "file": Case({"type": "string", "contentEncoding": "base64"}, "file", "AP8=", 3),
    "text file": Case({"type": "string", "contentMediaType": "text/csv"}, "file", "a,b\n1,2", 3),
    "password": Case({"type": "string", "format": "password"}, "password", "correct-horse", 3),
    "any JSON": Case({}, "json", {"a": [1, None]}, float("nan")),
    "true": Case(True, "json", "x", float("nan")),
    "false": Case(False, "nothing", None, 3),
}
"""By its name in the issue; of `false` nothing is good."""


def whole(schema: Any, *, required: bool) -> dict[str, Any]:
    """Return the schema of inputs that have the one variable ``v``."""
    needed = {"required": ["v"]} if required else {}
    return {"type": "object", "properties": {"v": schema}, **needed, "additionalProperties": False, "$defs": DEFS}


# ---------------------------------------------------------------------- strategies

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, width=32)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["", "a", "a.b", "class", "v", "inputs", "x y", "ü", "$", "<b>", "a[0]", "None"]) | st.text(
    max_size=6
)


def _with_default(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def added(pair: tuple[Any, Any]) -> Any:
        schema, default = pair
        return {**schema, "default": default} if isinstance(schema, dict) and default is not ... else schema

    return st.tuples(schemas, st.just(...) | json_values).map(added)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(names, inner, max_size=4)

    def made(parts: tuple[dict[str, Any], list[bool], Any]) -> Any:
        fields, needed, open_ = parts
        required = [name for name, is_needed in zip(fields, needed, strict=False) if is_needed]
        return {"type": "object", "properties": fields, "required": required, "additionalProperties": open_}

    return st.tuples(properties, st.lists(st.booleans(), min_size=4, max_size=4), st.booleans()).map(made)


leaf_schemas = st.sampled_from([case.schema for case in CASES.values()]) | st.sampled_from(
    [
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        {"allOf": [{"type": "string"}, {"minLength": 2}]},
        {"not": {"type": "string"}},
        {"type": "null"},
        {"enum": []},
        {"type": []},
        {"const": None},
        {"$ref": "#"},
        {"minLength": 3},
        {"type": "string", "minLength": 5, "maxLength": 2},
        {"oneOf": [{"const": 1, "title": "One"}, {"const": 2}]},
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"if": {"type": "string"}, "then": {"minLength": 2}},
        {"type": "integer", "format": "password"},
        {"type": "array", "items": {"type": "string", "format": "password"}},
    ]
)
property_schemas = st.recursive(
    _with_default(leaf_schemas),
    lambda inner: _with_default(
        _objects(inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: {"oneOf": parts})
        | inner.map(lambda item: {"type": "array", "items": item})
        | inner.map(lambda part: {"anyOf": [part, {"type": "null"}]})
    ),
    max_leaves=5,
)
input_schemas = _objects(property_schemas).map(lambda schema: {**schema, "$defs": DEFS})
"""Schemas of Start variables: every kind, nested, with defaults that fit or do not, and with hostile names."""
