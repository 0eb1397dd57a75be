"""What a JSON Schema property is for a person who fills it in: its kind, its choices, its branches. Pure.

Rule of this file: it only decides how a value is typed in. Whether a value fits is the contract's to say, by the schema
as it was written; so a kind that was guessed wrong costs comfort and never truth, and what is not understood is JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from fh_notebook.contract.refs import MAX_HOPS, followed
from fh_notebook.contract.spell import KINDS, kind_text, short, types_of

__all__ = ["NO_SCHEMA", "Branch", "Kind", "Option", "Shape", "option_label", "same", "shape_of"]


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


@dataclass(frozen=True, slots=True)
class Option:
    """One value to choose, and how it is called."""

    value: Any
    label: str


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several kinds of value, and how it is called."""

    schema: Any
    label: str


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
    says, nullable, refs = _merged(schema, root)
    options = _options(says, root)
    branches: tuple[Branch, ...] = ()
    if not options and "const" not in says:
        branches = _branches(says, root)
    nullable = nullable or ("null" in types_of(says.get("type", [])) and types_of(says["type"]) != ["null"])
    kind = _kind(says, options, branches, root)
    if kind is Kind.CHOICES:
        options = _options(_merged(says["items"], root)[0], root)
    if secret := _reaches_secret(says, root):
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


def _merged(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[dict[str, Any], bool, frozenset[str]]:
    """Return the keywords that hold together, whether null is allowed beside them, and the references that led to them.

    Only for how it looks: where two parts say the same keyword, the nearer one is shown.
    """
    says: dict[str, Any] = dict(schema)
    nullable, refs = False, set()
    for _ in range(MAX_HOPS):
        if isinstance(target := says.pop("$ref", None), str):
            refs.add(target)
            far = followed({"$ref": target}, root)
            if set(far) <= {"$ref"}:
                return {**says, "$ref": target, "type": []}, nullable, frozenset(refs)
            says = _united(says, {name: value for name, value in far.items() if name != "$ref"})
        elif isinstance(parts := says.get("allOf"), list):
            del says["allOf"]
            for part in filter(_is_mapping, parts):
                refs |= {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
                says = _united(says, {n: v for n, v in followed(part, root).items() if n != "$ref"})
        elif (only := _only_beside_null(says, root)) is not None:
            keyword, part = only
            del says[keyword]
            # The part's own title and description say less of this field than the field's do.
            says, nullable = _united(says, part), True
        else:
            break
    return says, nullable, frozenset(refs)


def _is_mapping(part: Any) -> bool:
    return isinstance(part, Mapping)


def _only_beside_null(says: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    for keyword in ("anyOf", "oneOf"):
        parts = says.get(keyword)
        if isinstance(parts, list):
            telling = [p for p in parts if followed(p, root).get("type") != "null"]
            if len(telling) == 1 < len(parts) and isinstance(telling[0], Mapping):
                return keyword, telling[0]
    return None


def _united(near: Mapping[str, Any], far: Mapping[str, Any]) -> dict[str, Any]:
    both = {**far, **near}
    for name in ("properties", "$defs"):
        if isinstance(near.get(name), Mapping) and isinstance(far.get(name), Mapping):
            both[name] = {**far[name], **near[name]}
    if isinstance(near.get("required"), list) and isinstance(far.get("required"), list):
        both["required"] = [*near["required"], *far["required"]]
    return both


# ---------------------------------------------------------------------- choices


def _options(says: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Option, ...]:
    values = says.get("enum")
    if isinstance(values, list) and values:
        return tuple(Option(value, option_label(value, values)) for value in _each_once(values))
    parts = says.get("oneOf") or says.get("anyOf")
    if not isinstance(parts, list) or not parts:
        return ()
    found = [followed(part, root) for part in parts]
    if not all("const" in part or part.get("type") == "null" for part in found):
        return ()
    values = [part.get("const") for part in found]
    titles = [part.get("title") for part in found]
    return tuple(
        Option(value, short(title, 80)[1:-1] if isinstance(title, str) and title else option_label(value, values))
        for value, title in zip(values, titles, strict=True)
    )


def _each_once(values: Sequence[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for value in values:
        if not any(same(value, other) for other in seen):
            seen.append(value)
            yield value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same and of the same kind: ``1`` is not ``True``, and not ``1.0`` here.

    Examples
    --------
    >>> same([1], [1]), same(1, True), same({"a": 1}, {"a": 1.0})
    (True, False, False)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, type(other)) and isinstance(other, type(one)) and bool(one == other)


def option_label(value: Any, among: Sequence[Any] = ()) -> str:
    """Return how a value is called in a list of choices; a text that another kind's value looks like is quoted.

    Examples
    --------
    >>> [option_label(v, ["calm", 1, "1", None, "", True]) for v in ("calm", 1, "1", None, "", True)]
    ['calm', '1', "'1'", 'null', "''", 'true']
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, str):
        return short(value, 80)
    looks_so = value.strip() != value or value in {option_label(v) for v in among if not isinstance(v, str)}
    return short(value, 80) if looks_so or not value else short(value, 80)[1:-1].replace("\\'", "'")


# ---------------------------------------------------------------------- branches

# Keywords of a branch that only narrow what its base has said: there is nothing of its own to fill in.
_NARROWING: Final = frozenset({"required", "not", "title", "description", "$comment", "minProperties", "maxProperties"})


def _branches(says: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Branch, ...]:
    for keyword in ("oneOf", "anyOf"):
        parts = says.get(keyword)
        if isinstance(parts, list) and len(parts) > 1:
            base = {name: value for name, value in says.items() if name not in (keyword, "default", "examples")}
            telling = [part for part in parts if followed(part, root).get("type") != "null"]
            if all(isinstance(p, Mapping) and _NARROWING.issuperset(p) for p in telling):
                return ()
            return _named([_branch(base, part) for part in telling], telling, root)
    types = [t for t in types_of(says.get("type", [])) if t in KINDS and t != "null"]
    if len(types) > 1 and set(types) != {"integer", "number"}:
        base = {name: value for name, value in says.items() if name not in ("type", "default", "examples")}
        branches = [{**base, "type": t} for t in types]
        return _named(branches, [{"type": t} for t in types], root)
    return ()


def _branch(base: Mapping[str, Any], part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    told = {name: base[name] for name in base if name not in ("title", "description")}
    return _united(part, told) if "$ref" not in part else {**told, "allOf": [part]}


def _named(branches: Sequence[Any], parts: Sequence[Any], root: Mapping[str, Any]) -> tuple[Branch, ...]:
    labels = [_branch_label(part, root) for part in parts]
    return tuple(
        Branch(branch, label if labels.count(label) == 1 else f"{label} ({i + 1})")
        for i, (branch, label) in enumerate(zip(branches, labels, strict=True))
    )


def _branch_label(part: Any, root: Mapping[str, Any]) -> str:
    says = followed(part, root)
    if isinstance(title := says.get("title"), str) and title:
        return short(title)[1:-1]
    if isinstance(part, Mapping) and isinstance(part.get("$ref"), str):
        return short(part["$ref"].rpartition("/")[2] or "the whole again")[1:-1]
    properties = says.get("properties")
    for tag in properties.values() if isinstance(properties, Mapping) else ():
        if isinstance(tag, Mapping) and isinstance(tag.get("const"), str):
            return short(tag["const"])[1:-1]
    if isinstance(properties, Mapping) and properties:
        return f"an object with {', '.join(short(name, 20)[1:-1] for name in list(properties)[:3])}"
    return kind_text(says) if isinstance(part, Mapping) and part else "any JSON"


# ---------------------------------------------------------------------- kinds


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
            properties = says.get("properties")
            return Kind.GROUP if isinstance(properties, Mapping) and properties else Kind.OBJECT
    return Kind.CONST if types_of(says.get("type", [])) == ["null"] else Kind.JSON


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
    says, nullable, _ = _merged(items, root)
    options = _options(says, root)
    if not options and ("oneOf" in says or "anyOf" in says):
        return NO_SCHEMA
    is_list = types_of(says.get("type", [])) == ["array"] or "items" in says
    kind = Kind.JSON if is_list else _kind(says, options, (), root)
    return Shape(kind=kind, says=says, nullable=nullable or "null" in types_of(says.get("type", [])))


def _reaches_secret(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether a password is anywhere in what `schema` describes, also behind references."""
    pending, seen = [schema], set()
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("format") == "password" or part.get("writeOnly") is True:
                return True
            if isinstance(target := part.get("$ref"), str) and target not in seen:
                seen.add(target)
                pending.append({n: v for n, v in followed({"$ref": target}, root).items() if n != "$ref"})
            pending += [value for name, value in part.items() if name not in _DATA]
        elif isinstance(part, list | tuple):
            pending += part
    return False


_DATA: Final = frozenset({"const", "enum", "default", "examples", "$defs", "definitions"})
"""Keywords whose values are data, not schemas; and definitions, which count where a reference leads to them."""
