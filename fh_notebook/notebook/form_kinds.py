"""What a JSON Schema property is for a person who fills it in: its kind, its choices, its branches. Pure.

Rule of this file: it only decides how a value is typed in. Whether a value fits is the contract's to say, by the schema
as it was written; so a kind that was guessed wrong costs comfort and never truth, and what is not understood is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from fh_notebook.contract.spell import types_of
from fh_notebook.notebook.form_merging import merged, reaches_secret
from fh_notebook.notebook.form_options import Branch, Option, branches_of, options_of

__all__ = ["NO_SCHEMA", "Kind", "Shape", "shape_of"]


class Kind(StrEnum):
    """The kinds of field; the value of each is the word of its CSS class."""

    TEXT = "text"
    MULTILINE = "multiline"
    PASSWORD = "password"  # noqa: S105 - a kind, no password
    """Everything that is or holds a secret and is no group: typed unseen, as JSON where it is no text."""
    EMAIL = "email"
    URI = "uri"
    DATE = "date"
    TIME = "time"
    DATETIME = "date-time"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    CONST = "const"
    TEXTS = "texts"
    """A list of texts, one a line."""
    NUMBERS = "numbers"
    """A list of numbers."""
    CHOICES = "choices"
    """A list of values out of a few."""
    TABLE = "table"
    """A list of objects with named values: rows."""
    GROUP = "group"
    """An object with fields of its own."""
    OBJECT = "object"
    """An object with names of the person's own."""
    ONE_OF = "one-of"
    """A choice of kinds, each with a field of its own."""
    FILE = "file"
    JSON = "json"
    """Anything, and whatever else is not understood."""
    NOTHING = "nothing"
    """The schema ``false``: no value fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a value of one property is typed in."""

    kind: Kind
    says: Mapping[str, Any]
    """The property's keywords, with those behind references and ``allOf``."""
    nullable: bool = False
    """Whether null is a value beside those of the kind."""
    options: tuple[Option, ...] = ()
    branches: tuple[Branch, ...] = ()
    refs: frozenset[str] = field(default_factory=frozenset)
    """The references that led here: one that comes again is recursion."""
    secret: bool = False
    """Whether a value is or holds a password, so that it is shown nowhere."""

    @property
    def types(self) -> list[str]:
        """The types of the value, without null."""
        return [t for t in types_of(self.says.get("type", [])) if t != "null"]


NO_SCHEMA: Final = Shape(kind=Kind.JSON, says={})

TALL_TEXT: Final = 200
"""A text that may be this long is read better in several lines."""
MAX_COLUMNS: Final = 24
"""A table of more columns is no help to anybody; its rows are edited as JSON."""

_TEXT_FORMATS: Final = {
    "textarea": Kind.MULTILINE,
    "email": Kind.EMAIL,
    "idn-email": Kind.EMAIL,
    "uri": Kind.URI,
    "url": Kind.URI,
    "iri": Kind.URI,
    "uri-reference": Kind.URI,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "date-time": Kind.DATETIME,
    "binary": Kind.FILE,
    "byte": Kind.FILE,
    "base64": Kind.FILE,
    "data-url": Kind.FILE,
}
_LINE_KINDS: Final = frozenset({Kind.TEXT, Kind.EMAIL, Kind.URI, Kind.DATE, Kind.TIME, Kind.DATETIME})
_OF_ITEM: Final = {
    Kind.CHOICE: Kind.CHOICES,
    Kind.INTEGER: Kind.NUMBERS,
    Kind.NUMBER: Kind.NUMBERS,
    Kind.GROUP: Kind.TABLE,
    **dict.fromkeys(_LINE_KINDS, Kind.TEXTS),
}


def shape_of(schema: Any, root: Mapping[str, Any]) -> Shape:
    """Return how a value of `schema` is typed in; `root` is the whole schema, in which references look.

    Examples
    --------
    >>> shape_of({"type": "array", "items": {"type": "string"}}, {}).kind
    <Kind.TEXTS: 'texts'>
    >>> shape = shape_of({"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}, {"$defs": {"N": {"type": "integer"}}})
    >>> shape.kind, shape.nullable, sorted(shape.refs)
    (<Kind.INTEGER: 'integer'>, True, ['#/$defs/N'])
    >>> shape_of({"$ref": "https://example.com/far"}, {}).kind
    <Kind.JSON: 'json'>
    """
    if schema is False:
        return Shape(kind=Kind.NOTHING, says={})
    if not isinstance(schema, Mapping):
        return NO_SCHEMA
    says, nullable, refs = merged(schema, root)
    options = options_of(says, root)
    branches: tuple[Branch, ...] = ()
    if not options and "const" not in says:
        branches = branches_of(says, root)
    nullable = nullable or ("null" in types_of(says.get("type", [])) and types_of(says["type"]) != ["null"])
    kind = _kind(says, options, branches, root)
    if kind is Kind.CHOICES:
        options = options_of(merged(says["items"], root)[0], root)
    if secret := reaches_secret(says, root):
        kind = kind if kind in (Kind.GROUP, Kind.ONE_OF) else Kind.PASSWORD
    return Shape(
        kind=kind,
        says=says,
        # A choice has null among its values, or does not take it.
        nullable=nullable and kind not in (Kind.CHOICE, Kind.CONST, Kind.JSON, Kind.NOTHING),
        options=options if kind in (Kind.CHOICE, Kind.CHOICES) else (),
        branches=branches if kind is Kind.ONE_OF else (),
        refs=refs,
        secret=secret,
    )


def _kind(
    says: Mapping[str, Any], options: Sequence[Option], branches: Sequence[Branch], root: Mapping[str, Any]
) -> Kind:
    if "const" in says:
        return Kind.CONST
    if options:
        return Kind.CHOICE
    if branches:
        return Kind.ONE_OF
    types = [t for t in types_of(says.get("type", [])) if t != "null"] or _implied(says)
    if set(types) == {"integer", "number"}:
        return Kind.NUMBER
    match types:
        case ["string"]:
            return _text_kind(says)
        case ["integer"] | ["number"] | ["boolean"]:
            return Kind(types[0])
        case ["array"]:
            return _list_kind(says, root)
        case ["object"]:
            return Kind.GROUP if _has_all_fields(says) else Kind.OBJECT
    return Kind.CONST if types_of(says.get("type", [])) == ["null"] else Kind.JSON


def _has_all_fields(says: Mapping[str, Any]) -> bool:
    """Whether an object has a field for each name that must be given, and one at all; else it is typed as JSON."""
    properties, required = says.get("properties"), says.get("required")
    if not isinstance(properties, Mapping) or not properties:
        return False
    return not isinstance(required, list) or all(name in properties for name in required)


def _implied(says: Mapping[str, Any]) -> list[str]:
    """Return the type that is meant where none is said; keywords of numbers and lengths bind only their own types."""
    if "type" in says:
        return []
    if isinstance(says.get("properties"), Mapping) and says["properties"]:
        return ["object"]
    if isinstance(says.get("items"), Mapping):
        return ["array"]
    return ["string"] if says.get("format") in _TEXT_FORMATS or "contentEncoding" in says else []


def _text_kind(says: Mapping[str, Any]) -> Kind:
    if "contentEncoding" in says or "contentMediaType" in says:
        return Kind.FILE
    found = _TEXT_FORMATS.get(says["format"]) if isinstance(says.get("format"), str) else None
    if found is None:
        longest = says.get("maxLength")
        return Kind.MULTILINE if isinstance(longest, int | float) and longest > TALL_TEXT else Kind.TEXT
    return found


def _list_kind(says: Mapping[str, Any], root: Mapping[str, Any]) -> Kind:
    if not isinstance(says.get("items"), Mapping) or "prefixItems" in says:
        return Kind.JSON
    item = _item_shape(says["items"], root)
    if item.nullable or (item.kind is Kind.GROUP and len(item.says["properties"]) > MAX_COLUMNS):
        return Kind.JSON
    return _OF_ITEM.get(item.kind, Kind.JSON)


def _item_shape(items: Mapping[str, Any], root: Mapping[str, Any]) -> Shape:
    """The shape of an item, without looking into its own items: a list of itself would never end."""
    says, nullable, _ = merged(items, root)
    options = options_of(says, root)
    if not options and ("oneOf" in says or "anyOf" in says):
        return NO_SCHEMA
    is_list = types_of(says.get("type", [])) == ["array"] or "items" in says
    kind = Kind.JSON if is_list else _kind(says, options, (), root)
    return Shape(kind=kind, says=says, nullable=nullable or "null" in types_of(says.get("type", [])))
