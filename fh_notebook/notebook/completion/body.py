"""Completion in a cell body: the position of the cursor in unfinished YAML, names and values of Start variables. Pure.

Unfinished YAML cannot be parsed, so the body is read line by line, and only the usual forms are understood: mappings
and lists by indentation, and short lists in brackets. Inside a block of text (``name: |``) there are no candidates.
Names and values come from the deployment's schema, required variables first. A body in JSON is not completed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.references import resolve_reference
from fh_notebook.notebook.cell.template import expressions
from fh_notebook.notebook.completion.candidates import NOTHING, Completions, joined_completions, matching_completions

# Texts that YAML reads as they stand. Its own words (true, null) and numbers are none of them.
_PLAIN: Final = re.compile(r"(?!(?:true|false|null)\Z)[^\W\d][\w.-]*(?: [\w.-]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorPosition:
    """Where the cursor is.

    Examples
    --------
    >>> place = CursorPosition(path=("address",), is_name=True, fragment="ci", typed="ci")
    >>> place.spell_name("city"), place.spell_text("true"), place.spell_text("well done")
    ('city: ', '"true"', 'well done')
    """

    path: tuple[str | None, ...]
    """The names of the objects around it, and for a value its own; ``None`` is an item of a list."""
    is_name: bool
    fragment: str
    """What stands there before the cursor."""
    typed: str
    """How that reads without its quote."""
    quote: str = ""
    """The quote that is open."""
    given: frozenset[str] = frozenset()
    """The names that the object has already."""
    after: str = ""
    """What follows on the line."""

    def spell_name(self, name: str) -> str:
        """Return `name` as it is written here, with its colon unless that is there, or cannot follow directly."""
        spelling = self.spell_text(name)
        is_closed = self.quote and self.after.startswith(self.quote)
        return spelling if is_closed or self.after.lstrip().startswith(":") else f"{spelling}: "

    def can_say(self, text: str) -> bool:
        """Whether `text` can be written here: single quotes have no escape for what would be evaluated."""
        return self.quote != "'" or next(expressions(self.spell_text(text)), None) is None

    def spell_text(self, text: str) -> str:
        """Return `text` in the quotes that were opened, or in those that it needs."""
        if self.quote == "'":
            spelling = "'" + text.replace("'", "''") + "'"
        elif self.quote or not _PLAIN.fullmatch(text):
            spelling = json.dumps(text, ensure_ascii=False)
            if next(expressions(text), None):  # as it stands, it would be evaluated
                spelling = spelling.replace("{{", "{\\u007b")
        else:
            return text
        # An editor that closes quotes by itself has put one behind the cursor.
        return spelling[:-1] if self.quote and self.after.startswith(self.quote) else spelling


_KEY: Final = re.compile(
    r"""(?:"((?:[^"\\]|\\.)*)"\s*|'((?:[^']|'')*)'\s*|([^\s"'#\[{&*!|>%@`-][^:#]*|-[^\s:#][^:#]*)):(?=\s|\Z)"""
)

_NO_VALUE: Final = re.compile(r"\s*(?:#.*)?\Z")

_LINES_LOOKED_AT: Final = 2_000


@dataclass(frozen=True, slots=True)
class _YamlEntry:
    """One thing that a line begins: ``name:``, or ``-``, an item of a list."""

    column: int
    name: str | None
    """``None``: an item."""
    rest: str
    """The line behind it."""


def yaml_position(body: str, after: str) -> CursorPosition | None:
    r"""Return the place at the end of `body`, or ``None`` where neither a name nor a value can stand.

    Examples
    --------
    >>> place = yaml_position("ticket: late\naddress:\n  street: a\n  ci", "")
    >>> place.path, place.fragment, sorted(place.given)
    (('address',), 'ci', ['street'])
    >>> yaml_position("ticket: |\n  ci", "") is None
    True
    """
    *earlier, line = body.split("\n")[-_LINES_LOOKED_AT:]
    entries = _entries(line)
    last = entries[-1] if entries else None
    content = line.lstrip(" ") if last is None else last.rest
    if content.startswith(("\t", "#")) or (content[:1].isspace() and last is None):
        return None
    column = len(line) - len(content.lstrip(" "))
    is_name = last is None or last.name is None
    around = _around(earlier, entries, column)
    if around is None:
        return None
    path, siblings = around
    rest, *below = after.split("\n")[:_LINES_LOOKED_AT]
    if is_name:
        siblings = siblings | _given_below(below, column)
    elif not content[:1].isspace():
        return None  # `name:` wants a blank
    return _position_of(path, is_name=is_name, content=content.lstrip(" "), siblings=siblings, rest=rest)


def _position_of(
    path: tuple[str | None, ...], *, is_name: bool, content: str, siblings: set[str], rest: str
) -> CursorPosition | None:
    if not is_name and content.startswith("["):
        path, content = (*path, None), re.split(r"[\[,]\s*", content)[-1]
        if "]" in content:
            return None
    if content[:1] in ("|", ">", "{", "&", "*", "!"):
        return None
    quote = content[:1] if content[:1] in ("'", '"') else ""
    if quote and quote in content[1:]:
        return None
    return CursorPosition(
        path=path,
        is_name=is_name,
        fragment=content,
        typed=content[1:] if quote else content,
        quote=quote,
        given=frozenset(siblings),
        after=rest,
    )


def _entries(line: str) -> list[_YamlEntry]:
    """Return what `line` begins, from left to right: items, then at most one name."""
    entries: list[_YamlEntry] = []
    column = len(line) - len(line.lstrip(" "))
    while line[column : column + 1] == "-" and line[column + 1 : column + 2] in ("", " "):
        rest = line[column + 1 :]
        entries.append(_YamlEntry(column, None, rest))
        column += 1 + len(rest) - len(rest.lstrip(" "))
    if key := _KEY.match(line, column):
        name = next(part for part in key.groups() if part is not None)
        entries.append(_YamlEntry(column, name.rstrip(), line[key.end() :]))
    return entries


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _around(
    earlier: Sequence[str], entries: Sequence[_YamlEntry], column: int
) -> tuple[tuple[str | None, ...], set[str]] | None:
    """Return the names around the cursor and those beside it, or ``None`` inside a text."""
    path = [entry.name for entry in entries]
    within = entries[0].column if entries else column
    in_item = bool(entries) and entries[0].name is None
    are_beside = not in_item  # a new item has nothing above it; what stands there is another item's
    siblings: set[str] = set()
    for entry in _upward(earlier):
        # A list may begin in the column of its name.
        if entry.column < within or (in_item and entry.column == within and entry.name is not None):
            if entry.name is not None and not _NO_VALUE.match(entry.rest):
                return None  # it has a value on its line, so this is the text that goes on below
            path.insert(0, entry.name)
            within, in_item, are_beside = entry.column, entry.name is None, False
        elif are_beside and entry.column == within and entry.name is not None:
            siblings.add(entry.name)
    return tuple(path), siblings


def _upward(lines: Sequence[str]) -> Iterator[_YamlEntry]:
    """Yield what the lines above begin, the nearest first."""
    for line in reversed(lines):
        if not _is_blank(line):
            yield from reversed(_entries(line))


def _given_below(lines: Sequence[str], column: int) -> set[str]:
    """Return the names beside the cursor that stand below it."""
    names: set[str] = set()
    for line in lines:
        if _is_blank(line):
            continue
        first = len(line) - len(line.lstrip(" "))
        if first < column:
            break
        names |= {e.name for e in _entries(line) if e.column == column == first and e.name is not None}
    return names


Schema = Mapping[str, Any]


_DEPTH: Final = 12
"""Alternatives within alternatives that are looked at: a schema can refer to itself."""

_LONGEST: Final = 80
"""Characters of a value that is offered; a default that is longer is a text to read, not to pick."""


def complete_body(body: str, after: str, deployment: Deployment | None) -> Completions:
    r"""Return what can stand at the end of `body`.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> dep = fh.Deployment("triage", inputs={"tone": fh.choice("calm", "brief", required=False), "ticket": fh.text()})
    >>> complete_body("t", "", dep).texts
    ('ticket: ', 'tone: ')
    >>> complete_body("ticket: late\ntone: ", "", dep).texts
    ('calm', 'brief')
    """
    if deployment is None or body.lstrip().startswith("{"):  # a body in JSON, or in one expression
        return NOTHING
    position = yaml_position(body, after)
    if position is None:
        return NOTHING
    root = deployment.inputs
    schemas = list(_schemas_at(root, position.path, root))
    if not position.is_name:
        return _values(position, schemas)
    # An item of a list, `- `, may be an object or a value.
    values = _values(position, schemas) if position.path[-1:] == (None,) else NOTHING
    return joined_completions(_names(position, schemas), values)


def _alternatives(schema: Any, root: Schema, depth: int = _DEPTH) -> Iterator[Schema]:
    """Yield `schema` with what it refers to, and the parts that it is made of."""
    if depth == 0:
        return
    resolved = resolve_reference(schema, root)
    yield resolved
    for several in ("allOf", "anyOf", "oneOf"):
        for part in _as_list(resolved.get(several)):
            yield from _alternatives(part, root, depth - 1)


def _schemas_at(schema: Any, path: tuple[str | None, ...], root: Schema) -> Iterator[Schema]:
    """Yield the schemas of what stands at `path`; ``None`` in it is an item of a list."""
    for part in _alternatives(schema, root):
        if not path:
            yield part
            continue
        step = path[0]
        properties = part.get("properties")
        if step is None:
            yield from _schemas_at(part.get("items"), path[1:], root)
        elif isinstance(properties, Mapping) and step in properties:
            yield from _schemas_at(properties[step], path[1:], root)


def _names(position: CursorPosition, schemas: list[Schema]) -> Completions:
    declared = [name for schema in schemas for name in _mapping(schema.get("properties"))]
    needed = {name for schema in schemas for name in _as_list(schema.get("required")) if isinstance(name, str)}
    free = [name for name in dict.fromkeys(declared) if isinstance(name, str) and name not in position.given]
    ordered = sorted(filter(position.can_say, free), key=lambda name: name not in needed)
    return matching_completions(position.fragment, "variable", ordered, typed=position.typed, spell=position.spell_name)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _values(position: CursorPosition, schemas: list[Schema]) -> Completions:
    values = [value for schema in schemas for value in _declared_values(schema)]
    texts = [v for v in values if isinstance(v, str) and len(v) <= _LONGEST and v.isprintable() and position.can_say(v)]
    # Words that are no texts: true, false, null and numbers. In quotes they would be texts.
    words = [json.dumps(v) for v in values if not isinstance(v, str | list | dict)] if not position.quote else []
    return joined_completions(
        matching_completions(position.fragment, "value", texts, typed=position.typed, spell=position.spell_text),
        matching_completions(position.fragment, "value", words),
    )


def _declared_values(schema: Schema) -> Iterable[Any]:
    """The values that a schema names: all that there are, else its default and examples."""
    if "const" in schema:
        return [schema["const"]]
    if isinstance(schema.get("enum"), list):
        return list(schema["enum"])
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else _as_list(kinds)
    truth_values = [True, False] if "boolean" in kinds else []
    default = [schema["default"]] if "default" in schema and schema["default"] not in truth_values else []
    return [*default, *truth_values, *_as_list(schema.get("examples"))]
