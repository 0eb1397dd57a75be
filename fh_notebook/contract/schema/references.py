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

from fh_notebook.contract.json_values import MAX_DEPTH

__all__ = ["MOST", "References", "followed", "meant", "place_at"]


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
    """What the references of `schema` lead to.

    Examples
    --------
    >>> found = References({"$defs": {"n": True}, "items": {"anyOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/m"}]}})
    >>> found.lost, found.max_depth()
    (['#/m'], 200)
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.lost: list[str] = []
        """Those of ``$ref`` that lead nowhere."""
        self.resources: dict[str, Any] = {"": schema}
        """The schema and those that are bundled in it, by the address that their ``$id`` gives them."""
        self._schema = schema
        self._anchors: dict[str, list[Mapping[str, Any]]] = {}
        self._bases: dict[int, str] = {}
        self._targets: dict[int, list[Any]] = {}
        known = list(self._walk(schema, ""))
        for part in known:
            self.lost += self._follow(part)

    def _walk(self, part: Any, base: str) -> Iterator[Mapping[str, Any]]:
        """Note the address of each part of a schema, and yield it."""
        pending = [(part, base)]
        while pending:
            part, base = pending.pop()
            if not isinstance(part, Mapping) or id(part) in self._bases:
                continue
            if isinstance(named := part.get("$id"), str):
                base = _joined(base, named).rstrip("#")
                self.resources[base] = part
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(anchor := part.get(keyword), str):
                    self._anchors.setdefault(f"{base}#{anchor}", []).append(part)
                    self._anchors.setdefault(f"{keyword}#{anchor}", []).append(part)
            self._bases[id(part)] = base
            pending += [(inner, base) for word in part for inner in _parts(part, word)]
            yield part

    def _follow(self, part: Mapping[str, Any]) -> list[str]:
        """Note where the references of `part` lead, and return those that lead nowhere."""
        lost = []
        targets = self._targets[id(part)] = []
        for keyword in _REFERENCES:
            named = part.get(keyword)
            if not isinstance(named, str):
                continue
            found = self._found(named, self._bases[id(part)])
            if keyword == "$dynamicRef":  # any of that name may be meant, whoever refers to what holds it
                found = self._anchors.get(f"$dynamicAnchor#{named.partition('#')[2]}") or found
            targets += found
            lost += [named] if not found and keyword == "$ref" else []
            for target in found:  # what lies under a keyword that nobody knows is no part until it is referred to
                for new in list(self._walk(target, self._bases[id(part)])):
                    self._follow(new)
        return lost

    def _found(self, named: str, base: str) -> list[Any]:
        address, _, fragment = _joined(base, named).partition("#")
        if address.startswith(_META):
            return [True]
        if fragment and not fragment.startswith("/"):
            return list(self._anchors.get(f"{address}#{fragment}", []))
        found = place_at(self.resources[address], fragment) if address in self.resources else None
        return [] if found is None else [found]

    def max_depth(self) -> int:
        """Return how deep a value may be nested so that it is looked at no more than `MOST` times.

        Raises
        ------
        RecursionError
            The schema refers to itself without end, or is nested too deep.
        """
        reached: dict[int, _Edges] = {}
        pending = [self._schema]
        while pending:
            part = pending.pop()
            if isinstance(part, Mapping) and id(part) not in reached:
                edges = reached[id(part)] = _Edges.of(part, self._targets.get(id(part), []))
                pending += [*edges.here, *edges.each, *edges.one]
        inside: dict[int, int] = {}
        for depth in range(MAX_DEPTH):
            looks: dict[int, int] = {}
            for place in reached:
                _count(place, reached, looks, inside)
            if looks[id(self._schema)] > MOST:
                return depth
            if looks == inside:
                break  # deeper values are looked at as often
            inside = looks
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
        def under(words: frozenset[str]) -> list[Any]:
            return [inner for word in part if word in words for inner in _parts(part, word)]

        return cls([*under(_IN_PLACE), *targets], under(_EACH), under(_ONE))


_UNDER_WAY: Final = -1


def _count(place: int, reached: Mapping[int, _Edges], looks: dict[int, int], inside: Mapping[int, int]) -> int:
    """Note how often a part and what it refers to look on the way to one value; `inside` is for what lies in it."""
    if place not in reached:
        return 1
    if looks.setdefault(place, _UNDER_WAY) != _UNDER_WAY:
        return looks[place]
    edges = reached[place]
    found = 1
    for part in edges.here:
        if looks.get(id(part)) == _UNDER_WAY:
            raise RecursionError
        found += _count(id(part), reached, looks, inside)
    found += sum(inside.get(id(part), 1) for part in edges.each)
    found += max((inside.get(id(part), 1) for part in edges.one), default=0)
    looks[place] = min(found, MOST + 1)
    return looks[place]


def _parts(part: Mapping[str, Any], word: str) -> list[Any]:
    """Return the schemas under a keyword."""
    value = part.get(word)
    if word in _MAPS:
        return list(value.values()) if isinstance(value, Mapping) else []
    if word not in _PARTS:
        return []
    return value if isinstance(value, list) else [value]


def _joined(base: str, named: str) -> str:
    return base + named if named.startswith("#") else urljoin(base, named)
