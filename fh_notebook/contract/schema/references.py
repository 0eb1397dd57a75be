"""References (``$ref``) in a JSON Schema: what each leads to, and how often a check follows them.

Rules of this file:

1. Only what lies in the schema itself is followed, and never in a circle; validation is the library's (`validation`),
   this is for those who read a schema: defaults, coercion, forms.
2. It is told from the schema alone, before anything is checked, since the library cannot be stopped. Definitions that
   refer to others twice multiply at each step: 25 of them are looked at 33 million times for one value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urljoin

from fh_notebook.core.json_values import MAX_DEPTH

MAX_HOPS: Final = 20
"""References that are followed one after the other; more is a circle."""


def resolve_reference(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `schema` merged with the target of its local reference; its own keywords win. Empty for a non-mapping.

    Examples
    --------
    >>> resolve_reference({"$ref": "#/$defs/N", "default": 3}, {"$defs": {"N": {"type": "integer"}}})
    {'type': 'integer', '$ref': '#/$defs/N', 'default': 3}
    """
    merged: dict[str, Any] = {}
    for _ in range(MAX_HOPS):
        if not isinstance(schema, Mapping):
            break
        merged = {**schema, **merged}
        target = schema.get("$ref")
        if not isinstance(target, str) or not target.startswith("#"):
            break
        schema = resolve_pointer(root, target[1:])
    return merged


def resolve_pointer(root: Any, pointer: str) -> Any:
    """Return the target of a JSON pointer (RFC 6901), or ``None``."""
    current = root
    for step in unquote(pointer).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(current, list):
            current = current[int(name)] if name.isdecimal() and int(name) < len(current) else None
        else:
            current = current.get(name) if isinstance(current, Mapping) else None
    return current if not pointer or pointer.startswith("/") else None


def effective_schema(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a value that is not null, with references and "this or null" resolved.

    A single alternative of ``anyOf`` or ``oneOf``, or the only part of an ``allOf``, is merged in; of several, none.

    Examples
    --------
    >>> effective_schema({"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "N"}, {})
    {'title': 'N', 'type': 'integer'}
    """
    for _ in range(MAX_HOPS):
        schema = resolve_reference(schema, root)
        for keyword in ("anyOf", "oneOf", "allOf"):
            parts = schema.get(keyword)
            if not isinstance(parts, list):
                continue
            non_null = [p for p in parts if resolve_reference(p, root).get("type") != "null"]
            if len(non_null) == 1 and (keyword != "allOf" or len(parts) == 1) and isinstance(non_null[0], Mapping):
                outer = {name: value for name, value in schema.items() if name not in (keyword, "$ref")}
                schema = {**outer, **non_null[0]}
                break
        else:
            break
    return schema if isinstance(schema, Mapping) else {}


MOST: Final = 20_000
"""Looks at the parts of a schema on the way to one value; the slowest keywords need a second for so many."""


_IN_PLACE: Final = frozenset(
    {"allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"}
)

_EACH: Final = frozenset({"contains", "patternProperties", "propertyNames"})

_ONE: Final = frozenset(
    {"additionalItems", "additionalProperties", "items", "prefixItems", "properties", "unevaluatedItems",
     "unevaluatedProperties"}
)  # fmt: skip

_MAPS: Final = frozenset(
    {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)

_PARTS: Final = _IN_PLACE | _EACH | _ONE | _MAPS

_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")

_META: Final = ("http://json-schema.org/draft-", "https://json-schema.org/draft/")
"""The schemas of schemas, which the library has: they do not multiply."""


class References:
    """The targets of the references of `schema`.

    Examples
    --------
    >>> references = References({"$defs": {"n": True}, "items": {"anyOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/m"}]}})
    >>> references.unresolved, references.max_depth()
    (['#/m'], 200)
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.unresolved: list[str] = []
        """The ``$ref`` without a target."""
        self.resources: dict[str, Any] = {"": schema}
        """The schema and those that are bundled in it, by the address that their ``$id`` gives them."""
        self._schema = schema
        self._anchors: dict[str, list[Mapping[str, Any]]] = {}
        self._bases: dict[int, str] = {}
        self._targets: dict[int, list[Any]] = {}
        parts = list(self._walk(schema, ""))
        for part in parts:
            self.unresolved += self._follow(part)

    def _walk(self, part: Any, base: str) -> Iterator[Mapping[str, Any]]:
        """Store the address of each part of a schema, and yield the part."""
        pending = [(part, base)]
        while pending:
            part, base = pending.pop()
            if not isinstance(part, Mapping) or id(part) in self._bases:
                continue
            if isinstance(identifier := part.get("$id"), str):
                base = _join_address(base, identifier).rstrip("#")
                self.resources[base] = part
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(anchor := part.get(keyword), str):
                    self._anchors.setdefault(f"{base}#{anchor}", []).append(part)
                    self._anchors.setdefault(f"{keyword}#{anchor}", []).append(part)
            self._bases[id(part)] = base
            pending += [(inner, base) for word in part for inner in _parts(part, word)]
            yield part

    def _follow(self, part: Mapping[str, Any]) -> list[str]:
        """Store the targets of the references of `part`, and return the references without a target."""
        lost = []
        targets = self._targets[id(part)] = []
        for keyword in _REFERENCES:
            reference = part.get(keyword)
            if not isinstance(reference, str):
                continue
            resolved = self._targets_of(reference, self._bases[id(part)])
            if keyword == "$dynamicRef":  # every anchor of that name can be its target
                resolved = self._anchors.get(f"$dynamicAnchor#{reference.partition('#')[2]}") or resolved
            targets += resolved
            lost += [reference] if not resolved and keyword == "$ref" else []
            for target in resolved:  # what lies under a keyword that nobody knows is no part until it is referred to
                for new in list(self._walk(target, self._bases[id(part)])):
                    self._follow(new)
        return lost

    def _targets_of(self, reference: str, base: str) -> list[Any]:
        address, _, fragment = _join_address(base, reference).partition("#")
        if address.startswith(_META):
            return [True]
        if fragment and not fragment.startswith("/"):
            return list(self._anchors.get(f"{address}#{fragment}", []))
        target = resolve_pointer(self.resources[address], fragment) if address in self.resources else None
        return [] if target is None else [target]

    def max_depth(self) -> int:
        """Return how deep a value may be nested so that it is looked at no more than `MOST` times."""
        reached: dict[int, _Edges] = {}
        pending = [self._schema]
        while pending:
            part = pending.pop()
            if isinstance(part, Mapping) and id(part) not in reached:
                edges = reached[id(part)] = _Edges.of(part, self._targets.get(id(part), []))
                pending += [*edges.here, *edges.each, *edges.one]
        inside: dict[int, int] = {}
        for depth in range(MAX_DEPTH):
            counts: dict[int, int] = {}
            for part_id in reached:
                _count(part_id, reached, counts, inside)
            if counts[id(self._schema)] > MOST:
                return depth
            if counts == inside:
                break  # deeper values are checked as often
            inside = counts
        return MAX_DEPTH


@dataclass(frozen=True, slots=True)
class _Edges:
    """The schemas that a part of a schema applies to the same value, and to what is inside of it."""

    here: list[Any]
    each: list[Any]
    """All of these can be about the same value."""
    one: list[Any]
    """Only one of these is."""

    @classmethod
    def of(cls, part: Mapping[str, Any], targets: list[Any]) -> _Edges:
        def under(keywords: frozenset[str]) -> list[Any]:
            return [inner for keyword in part if keyword in keywords for inner in _parts(part, keyword)]

        return cls([*under(_IN_PLACE), *targets], under(_EACH), under(_ONE))


_UNDER_WAY: Final = -1


def _count(part_id: int, reached: Mapping[int, _Edges], counts: dict[int, int], inside: Mapping[int, int]) -> int:
    """Count how often a part and its targets check one value; `inside` has the counts of the values inside it."""
    if part_id not in reached:
        return 1
    if counts.setdefault(part_id, _UNDER_WAY) != _UNDER_WAY:
        return counts[part_id]
    edges = reached[part_id]
    count = 1
    for part in edges.here:
        if counts.get(id(part)) == _UNDER_WAY:
            raise RecursionError
        count += _count(id(part), reached, counts, inside)
    count += sum(inside.get(id(part), 1) for part in edges.each)
    count += max((inside.get(id(part), 1) for part in edges.one), default=0)
    counts[part_id] = min(count, MOST + 1)
    return counts[part_id]


def _parts(part: Mapping[str, Any], keyword: str) -> list[Any]:
    """Return the schemas under a keyword."""
    value = part.get(keyword)
    if keyword in _MAPS:
        return list(value.values()) if isinstance(value, Mapping) else []
    if keyword not in _PARTS:
        return []
    return value if isinstance(value, list) else [value]


def _join_address(base: str, reference: str) -> str:
    return base + reference if reference.startswith("#") else urljoin(base, reference)
