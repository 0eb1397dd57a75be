"""Local references in a JSON Schema: what ``{"$ref": "#/$defs/Address"}`` stands for.

Rule of this file: only what lies in the schema itself is followed, and never in a circle; validation is the library's
(`validate`), this is for those who read a schema: defaults, coercion, forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["followed", "meant", "place_at"]

MAX_HOPS: Final = 20
"""References that are followed one after the other; more is a circle."""


def followed(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `schema` with what its local reference leads to beneath its own keywords; empty when it is none.

    Examples
    --------
    >>> followed({"$ref": "#/$defs/N", "default": 3}, {"$defs": {"N": {"type": "integer"}}})
    {'type': 'integer', '$ref': '#/$defs/N', 'default': 3}
    """
    found: dict[str, Any] = {}
    for _ in range(MAX_HOPS):
        if not isinstance(schema, Mapping):
            break
        found = {**schema, **found}
        target = schema.get("$ref")
        if not isinstance(target, str) or not target.startswith("#"):
            break
        schema = place_at(root, target[1:])
    return found


def place_at(root: Any, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) leads to, ``None`` when nowhere."""
    place = root
    for step in unquote(pointer).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list):
            place = place[int(name)] if name.isdecimal() and int(name) < len(place) else None
        else:
            place = place.get(name) if isinstance(place, Mapping) else None
    return place if not pointer or pointer.startswith("/") else None


def meant(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what `schema` says of a value that is not null, through references and "this or null".

    Of several kinds in ``anyOf`` or ``oneOf`` none is meant; a single one, or the only part of an ``allOf``, is.

    Examples
    --------
    >>> meant({"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "N"}, {})
    {'title': 'N', 'type': 'integer'}
    """
    for _ in range(MAX_HOPS):
        schema = followed(schema, root)
        for keyword in ("anyOf", "oneOf", "allOf"):
            parts = schema.get(keyword)
            if not isinstance(parts, list):
                continue
            telling = [p for p in parts if followed(p, root).get("type") != "null"]
            if len(telling) == 1 and (keyword != "allOf" or len(parts) == 1) and isinstance(telling[0], Mapping):
                rest = {name: value for name, value in schema.items() if name not in (keyword, "$ref")}
                schema = {**rest, **telling[0]}
                break
        else:
            break
    return schema if isinstance(schema, Mapping) else {}
