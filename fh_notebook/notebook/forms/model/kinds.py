"""Kinds of fields: the rules of each kind, and which kind a JSON Schema property has. Pure.

This module only decides how a value is entered. Whether a value is valid is decided by the contract, with the schema as
it was written. A wrong kind costs comfort, not correctness; a schema that is not understood is edited as JSON.

References and ``allOf`` are resolved first (`contract.schema.alternatives`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final

from fh_notebook.contract.schema.alternatives import Branch, Option, branches_of, effective_keywords, options_of
from fh_notebook.contract.schema.file_texts import FILE_FORMATS
from fh_notebook.contract.schema.references import resolve_reference
from fh_notebook.core.text.formatting import types_of


class FieldKind(StrEnum):
    """The kinds of field; the value of each is the word of its CSS class, and :attr:`rules` has everything else."""

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

    @property
    def rules(self) -> KindRules:
        """Its entry in :data:`RULES`."""
        return RULES[self]


class TextForm(Enum):
    """How the text that is typed into a field is read."""

    VERBATIM = "the text is the value"
    LINES = "a list of texts, one per line"
    NUMBERS = "a list of numbers, separated by spaces, commas or semicolons"
    JSON = "JSON"
    SECRET = "the text, or JSON where the schema takes no text"  # noqa: S105 - a form, no password
    DECLARED = "as the schema declares it: a number, a boolean, one of the choices"


class Control(Enum):
    """The controls of fields; each is the argument of one class of ``forms/fields``."""

    TEXT = "one line of text"
    TEXT_AREA = "several lines of text"
    NUMBER = "a number, with a slider where it has a range"
    PASSWORD = "a text that is hidden while typed"  # noqa: S105 - a control, no password
    TIME = "a picker, or its text"
    FILE = "a file picker"
    CHOICE = "a list to choose one value from"
    CHOICES = "a list to choose several values from"
    YES_NO = "a check box, or Yes and No"
    TABLE = "rows"
    GROUP = "the fields of an object"
    ONE_OF = "a choice of kinds, and the field of the chosen one"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRules:
    """Everything that differs from kind to kind, but which schema has it and how its control looks."""

    control: Control
    text_form: TextForm = TextForm.DECLARED
    formats: tuple[str, ...] = ()
    """The ``format`` keywords of texts of this kind."""
    help: str = ""
    """What it takes, in words, before its limits."""
    format_help: bool = False
    """Whether its ``format`` says what it takes."""
    null_help: str = "a value"
    """What it takes beside null, where it has neither help nor limits."""
    of_items: FieldKind | None = None
    """The kind of a list of it; ``None`` where such a list is edited as JSON."""
    empty: Callable[[], Any] | None = None
    """Makes the empty value, where one can be meant."""
    is_list: bool = False
    rows: int = 3
    """Lines of a text area at least."""
    is_code: bool = False
    """Whether its text is shown in the font of code."""


RULES: Final[Mapping[FieldKind, KindRules]] = {
    FieldKind.TEXT: KindRules(
        control=Control.TEXT, text_form=TextForm.VERBATIM, null_help="text", of_items=FieldKind.TEXTS, empty=str
    ),
    FieldKind.MULTILINE: KindRules(
        control=Control.TEXT_AREA,
        text_form=TextForm.VERBATIM,
        formats=("textarea",),
        null_help="text",
        empty=str,
        rows=4,
    ),
    FieldKind.PASSWORD: KindRules(control=Control.PASSWORD, text_form=TextForm.SECRET),
    FieldKind.EMAIL: KindRules(
        control=Control.TEXT,
        text_form=TextForm.VERBATIM,
        formats=("email", "idn-email"),
        format_help=True,
        of_items=FieldKind.TEXTS,
    ),
    FieldKind.URI: KindRules(
        control=Control.TEXT,
        text_form=TextForm.VERBATIM,
        formats=("uri", "url", "iri", "uri-reference"),
        format_help=True,
        of_items=FieldKind.TEXTS,
    ),
    FieldKind.DATE: KindRules(
        control=Control.TIME,
        text_form=TextForm.VERBATIM,
        formats=("date",),
        null_help="a date",
        of_items=FieldKind.TEXTS,
    ),
    FieldKind.TIME: KindRules(
        control=Control.TIME,
        text_form=TextForm.VERBATIM,
        formats=("time",),
        null_help="a time",
        of_items=FieldKind.TEXTS,
    ),
    FieldKind.DATETIME: KindRules(
        control=Control.TIME,
        text_form=TextForm.VERBATIM,
        formats=("date-time",),
        null_help="a date and time",
        of_items=FieldKind.TEXTS,
    ),
    FieldKind.INTEGER: KindRules(control=Control.NUMBER, help="whole number", of_items=FieldKind.NUMBERS),
    FieldKind.NUMBER: KindRules(control=Control.NUMBER, help="number", of_items=FieldKind.NUMBERS),
    FieldKind.BOOLEAN: KindRules(control=Control.YES_NO, null_help="yes, no"),
    FieldKind.CHOICE: KindRules(control=Control.CHOICE, of_items=FieldKind.CHOICES),
    FieldKind.CONST: KindRules(control=Control.CHOICE),
    FieldKind.TEXTS: KindRules(
        control=Control.TEXT_AREA, text_form=TextForm.LINES, help="one per line", empty=list, is_list=True
    ),
    FieldKind.NUMBERS: KindRules(
        control=Control.TEXT_AREA,
        text_form=TextForm.NUMBERS,
        help="numbers, one per line or with commas",
        empty=list,
        is_list=True,
    ),
    FieldKind.CHOICES: KindRules(control=Control.CHOICES, empty=list, is_list=True),
    FieldKind.TABLE: KindRules(control=Control.TABLE, text_form=TextForm.JSON, empty=list, is_list=True),
    FieldKind.GROUP: KindRules(
        control=Control.GROUP, text_form=TextForm.JSON, null_help="these fields", of_items=FieldKind.TABLE
    ),
    FieldKind.OBJECT: KindRules(
        control=Control.TEXT_AREA,
        text_form=TextForm.JSON,
        help='a JSON object: {"name": "value"}',
        empty=dict,
        is_code=True,
    ),
    FieldKind.ONE_OF: KindRules(control=Control.ONE_OF, text_form=TextForm.JSON),
    FieldKind.FILE: KindRules(control=Control.FILE, text_form=TextForm.VERBATIM, formats=FILE_FORMATS),
    FieldKind.JSON: KindRules(
        control=Control.TEXT_AREA,
        text_form=TextForm.JSON,
        help='JSON: a string in "quotes", a number, [a list], {"an": "object"}',
        is_code=True,
    ),
    FieldKind.NOTHING: KindRules(
        control=Control.TEXT_AREA, text_form=TextForm.JSON, help="the schema allows no value here", is_code=True
    ),
}
"""The rules of each kind: a new kind is a member of `FieldKind`, an entry here, and its schemas in `_kind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a value of one property is typed in."""

    kind: FieldKind
    keywords: Mapping[str, Any]
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
        return [t for t in types_of(self.keywords.get("type", [])) if t != "null"]


NO_SCHEMA: Final = Shape(kind=FieldKind.JSON, keywords={})


TALL_TEXT: Final = 200
"""A text that may be this long is read better in several lines."""

MAX_COLUMNS: Final = 24
"""A table of more columns is no help to anybody; its rows are edited as JSON."""


_TEXT_FORMATS: Final = {name: kind for kind, rules in RULES.items() for name in rules.formats}


def shape_of(schema: Any, root: Mapping[str, Any]) -> Shape:
    """Return how a value of `schema` is typed in; `root` is the whole schema, in which references look.

    Examples
    --------
    >>> shape_of({"type": "array", "items": {"type": "string"}}, {}).kind
    <FieldKind.TEXTS: 'texts'>
    >>> shape = shape_of({"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}, {"$defs": {"N": {"type": "integer"}}})
    >>> shape.kind, shape.nullable, sorted(shape.refs)
    (<FieldKind.INTEGER: 'integer'>, True, ['#/$defs/N'])
    >>> shape_of({"$ref": "https://example.com/far"}, {}).kind
    <FieldKind.JSON: 'json'>
    """
    if schema is False:
        return Shape(kind=FieldKind.NOTHING, keywords={})
    if not isinstance(schema, Mapping):
        return NO_SCHEMA
    keywords, nullable, refs = effective_keywords(schema, root)
    options = options_of(keywords, root)
    branches: tuple[Branch, ...] = ()
    if not options and "const" not in keywords:
        branches = branches_of(keywords, root)
    nullable = nullable or ("null" in types_of(keywords.get("type", [])) and types_of(keywords["type"]) != ["null"])
    kind = _kind(keywords, options, branches, root)
    if kind is FieldKind.CHOICES:
        options = options_of(effective_keywords(keywords["items"], root)[0], root)
    if secret := reaches_secret(keywords, root):
        kind = kind if kind in (FieldKind.GROUP, FieldKind.ONE_OF) else FieldKind.PASSWORD
    return Shape(
        kind=kind,
        keywords=keywords,
        # A choice has null among its values, or does not take it.
        nullable=nullable and kind not in (FieldKind.CHOICE, FieldKind.CONST, FieldKind.JSON, FieldKind.NOTHING),
        options=options if kind in (FieldKind.CHOICE, FieldKind.CHOICES) else (),
        branches=branches if kind is FieldKind.ONE_OF else (),
        refs=refs,
        secret=secret,
    )


def _kind(
    keywords: Mapping[str, Any], options: Sequence[Option], branches: Sequence[Branch], root: Mapping[str, Any]
) -> FieldKind:
    if "const" in keywords:
        return FieldKind.CONST
    if options:
        return FieldKind.CHOICE
    if branches:
        return FieldKind.ONE_OF
    types = [t for t in types_of(keywords.get("type", [])) if t != "null"] or _implied(keywords)
    if set(types) == {"integer", "number"}:
        return FieldKind.NUMBER
    match types:
        case ["string"]:
            return _text_kind(keywords)
        case ["integer"] | ["number"] | ["boolean"]:
            return FieldKind(types[0])
        case ["array"]:
            return _list_kind(keywords, root)
        case ["object"]:
            return FieldKind.GROUP if _has_all_fields(keywords) else FieldKind.OBJECT
    return FieldKind.CONST if types_of(keywords.get("type", [])) == ["null"] else FieldKind.JSON


def _has_all_fields(keywords: Mapping[str, Any]) -> bool:
    """Whether an object has a field for each name that must be given, and one at all; else it is typed as JSON."""
    properties, required = keywords.get("properties"), keywords.get("required")
    if not isinstance(properties, Mapping) or not properties:
        return False
    return not isinstance(required, list) or all(name in properties for name in required)


def _implied(keywords: Mapping[str, Any]) -> list[str]:
    """Return the type that is meant where none is said; keywords of numbers and lengths bind only their own types."""
    if "type" in keywords:
        return []
    if isinstance(keywords.get("properties"), Mapping) and keywords["properties"]:
        return ["object"]
    if isinstance(keywords.get("items"), Mapping):
        return ["array"]
    return ["string"] if keywords.get("format") in _TEXT_FORMATS or "contentEncoding" in keywords else []


def _text_kind(keywords: Mapping[str, Any]) -> FieldKind:
    if "contentEncoding" in keywords or "contentMediaType" in keywords:
        return FieldKind.FILE
    kind = _TEXT_FORMATS.get(keywords["format"]) if isinstance(keywords.get("format"), str) else None
    if kind is None:
        longest = keywords.get("maxLength")
        return FieldKind.MULTILINE if isinstance(longest, int | float) and longest > TALL_TEXT else FieldKind.TEXT
    return kind


def _list_kind(keywords: Mapping[str, Any], root: Mapping[str, Any]) -> FieldKind:
    if not isinstance(keywords.get("items"), Mapping) or "prefixItems" in keywords:
        return FieldKind.JSON
    item = _item_shape(keywords["items"], root)
    if item.nullable or (item.kind is FieldKind.GROUP and len(item.keywords["properties"]) > MAX_COLUMNS):
        return FieldKind.JSON
    return item.kind.rules.of_items or FieldKind.JSON


def _item_shape(items: Mapping[str, Any], root: Mapping[str, Any]) -> Shape:
    """The shape of an item, without looking into its own items: a list of itself would never end."""
    keywords, nullable, _ = effective_keywords(items, root)
    options = options_of(keywords, root)
    if not options and ("oneOf" in keywords or "anyOf" in keywords):
        return NO_SCHEMA
    is_list = types_of(keywords.get("type", [])) == ["array"] or "items" in keywords
    kind = FieldKind.JSON if is_list else _kind(keywords, options, (), root)
    return Shape(kind=kind, keywords=keywords, nullable=nullable or "null" in types_of(keywords.get("type", [])))


def reaches_secret(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether a password is anywhere in what `schema` describes, also behind references."""
    pending, seen = [schema], set()
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("format") == "password" or part.get("writeOnly") is True:
                return True
            if isinstance(target := part.get("$ref"), str) and target not in seen:
                seen.add(target)
                pending.append({n: v for n, v in resolve_reference({"$ref": target}, root).items() if n != "$ref"})
            pending += [value for name, value in part.items() if name not in _DATA]
        elif isinstance(part, list | tuple):
            pending += part
    return False


_DATA: Final = frozenset({"const", "enum", "default", "examples", "$defs", "definitions"})
"""Keywords whose values are data, not schemas; and definitions, which count where a reference leads to them."""
