"""A body in YAML, unfinished: what stands at its end, by indentation.

Rule of this file: an unfinished text cannot be parsed, so it is read line by line, and only what a person types in a
cell is understood: mappings and lists by indentation, and short lists in brackets. Inside a text (``name: |``) there is
no place for a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fh_notebook.notebook.complete_place import Place

__all__ = ["yaml_place"]

_KEY: Final = re.compile(
    r"""(?:"((?:[^"\\]|\\.)*)"\s*|'((?:[^']|'')*)'\s*|([^\s"'#\[{&*!|>%@`-][^:#]*|-[^\s:#][^:#]*)):(?=\s|\Z)"""
)
_NO_VALUE: Final = re.compile(r"\s*(?:#.*)?\Z")
_LINES_LOOKED_AT: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing that a line begins: ``name:``, or ``-``, an item of a list."""

    column: int
    name: str | None
    """``None``: an item."""
    rest: str
    """The line behind it."""


def yaml_place(body: str, after: str) -> Place | None:
    r"""Return the place at the end of `body`, or ``None`` where neither a name nor a value can stand.

    Examples
    --------
    >>> place = yaml_place("ticket: late\naddress:\n  street: a\n  ci", "")
    >>> place.path, place.fragment, sorted(place.given)
    (('address',), 'ci', ['street'])
    >>> yaml_place("ticket: |\n  ci", "") is None
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
    path, given = around
    rest, *below = after.split("\n")[:_LINES_LOOKED_AT]
    if is_name:
        given = given | _given_below(below, column)
    elif not content[:1].isspace():
        return None  # `name:` wants a blank
    return _placed(path, is_name=is_name, content=content.lstrip(" "), given=given, rest=rest)


def _placed(path: tuple[str | None, ...], *, is_name: bool, content: str, given: set[str], rest: str) -> Place | None:
    if not is_name and content.startswith("["):
        path, content = (*path, None), re.split(r"[\[,]\s*", content)[-1]
        if "]" in content:
            return None
    if content[:1] in ("|", ">", "{", "&", "*", "!"):
        return None
    quote = content[:1] if content[:1] in ("'", '"') else ""
    if quote and quote in content[1:]:
        return None
    return Place(
        path=path,
        is_name=is_name,
        fragment=content,
        typed=content[1:] if quote else content,
        quote=quote,
        given=frozenset(given),
        after=rest,
    )


def _entries(line: str) -> list[_Entry]:
    """Return what `line` begins, from left to right: items, then at most one name."""
    found: list[_Entry] = []
    column = len(line) - len(line.lstrip(" "))
    while line[column : column + 1] == "-" and line[column + 1 : column + 2] in ("", " "):
        rest = line[column + 1 :]
        found.append(_Entry(column, None, rest))
        column += 1 + len(rest) - len(rest.lstrip(" "))
    if key := _KEY.match(line, column):
        name = next(part for part in key.groups() if part is not None)
        found.append(_Entry(column, name.rstrip(), line[key.end() :]))
    return found


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _around(
    earlier: Sequence[str], entries: Sequence[_Entry], column: int
) -> tuple[tuple[str | None, ...], set[str]] | None:
    """Return the names around the cursor and those beside it, or ``None`` inside a text."""
    path = [entry.name for entry in entries]
    within = entries[0].column if entries else column
    in_item = bool(entries) and entries[0].name is None
    are_beside = not in_item  # a new item has nothing above it; what stands there is another item's
    given: set[str] = set()
    for entry in _upward(earlier):
        # A list may begin in the column of its name.
        if entry.column < within or (in_item and entry.column == within and entry.name is not None):
            if entry.name is not None and not _NO_VALUE.match(entry.rest):
                return None  # it has a value on its line, so this is the text that goes on below
            path.insert(0, entry.name)
            within, in_item, are_beside = entry.column, entry.name is None, False
        elif are_beside and entry.column == within and entry.name is not None:
            given.add(entry.name)
    return tuple(path), given


def _upward(lines: Sequence[str]) -> Iterator[_Entry]:
    """Yield what the lines above begin, the nearest first."""
    for line in reversed(lines):
        if not _is_blank(line):
            yield from reversed(_entries(line))


def _given_below(lines: Sequence[str], column: int) -> set[str]:
    """Return the names beside the cursor that stand below it."""
    found: set[str] = set()
    for line in lines:
        if _is_blank(line):
            continue
        first = len(line) - len(line.lstrip(" "))
        if first < column:
            break
        found |= {e.name for e in _entries(line) if e.column == column == first and e.name is not None}
    return found
