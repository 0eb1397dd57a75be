"""Places in the text of a catalogue, and replacements there: what the parser's marks mean in lines. Pure.

Rule of this file: a replacement touches the lines of one entry and nothing else, and the comments inside of what goes
are kept, in lines above it. Those of what is taken away go with it: they would be read as the next entry's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ruamel.yaml.nodes import CollectionNode, Node, ScalarNode
from ruamel.yaml.tokens import ScalarToken

from fh_notebook.contract.plain_yaml import tokens

__all__ = ["Edit", "Layout", "comments_of"]

_REST: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\r\n]*")
_BREAK: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of ``text[start:end]``."""

    start: int
    end: int
    text: str


def comments_of(text: str) -> list[str]:
    r"""Return every comment of a text in YAML, without its blanks.

    Examples
    --------
    >>> comments_of("# one\na: 'x # no'  # two\n")
    ['# one', '# two']
    """
    return [comment for _, comment in _comments(text)]


def _comments(text: str) -> list[tuple[int, str]]:
    """Comments are what lies between the tokens, but for blanks; and after the sign of a block of text."""
    found_tokens = tokens(text)
    found: list[tuple[int, str]] = []
    for token in found_tokens:
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            start = token.start_mark.index
            head = _BREAK.split(text[start : token.end_mark.index], maxsplit=1)[0]
            found += [(start + m.start(), m[0].rstrip()) for m in _COMMENT.finditer(head)]
    ends = [(0, 0), *((t.start_mark.index, t.end_mark.index) for t in found_tokens), (len(text), len(text))]
    for (_, end), (start, _) in pairwise(ends):
        found += [(end + m.start(), m[0].rstrip()) for m in _COMMENT.finditer(text[end:start])]
    return sorted(found)


class Layout:
    """A text, its line ends, and edits of it.

    Parameters
    ----------
    text : str
        Readable YAML.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        first = _BREAK.search(text)
        self.newline = first[0] if first else "\n"
        self._comments = _comments(text)
        self.dropped: list[str] = []
        """The comments that went away with what was removed."""

    def apply(self, edits: Iterable[Edit]) -> str:
        """Return the text after the edits, which do not overlap."""
        text = self.text
        for edit in sorted(edits, key=lambda e: (e.start, e.end), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text

    def with_lines_at_end(self, lines: Iterable[str]) -> str:
        """Return the text with `lines` after its end."""
        ends_open = bool(self.text) and not self.text.endswith(("\n", "\r"))
        return self.text + (self.newline if ends_open else "") + self._joined(lines) + self.newline

    def replaced(self, key: Node, value: Node, lines: list[str], gone: Iterable[tuple[Node, Node]] = ()) -> Edit:
        """Return the edit that makes an entry say `lines`, which begin with its name.

        A comment after the value stays where it is, or comes after the name when the value takes several lines; those
        of the parts of it that are `gone` go with them.
        """
        start, end = self._line_start(key), self._end(key, value)
        stop = self._line_end(end)
        rest = self.text[end:stop]
        inner = self._comments_between(start, end)
        for part in gone:
            for comment in self._drop(self._own_start(*part), self._line_end(self._end(*part))):
                if comment in inner:
                    inner.remove(comment)
                elif comment == rest.strip():
                    rest = ""
        head = self.text[start : key.end_mark.index]
        first = head + lines[0][len(lines[0]) - len(lines[0].lstrip()) :].removeprefix(_name_in(lines[0]))
        lines = [first + rest, *lines[1:]]
        column = " " * key.start_mark.column
        return Edit(start, stop, self._joined([*(column + comment for comment in inner), *lines]))

    def removed(self, key: Node, value: Node) -> Edit:
        """Return the edit that takes an entry away, with its comments."""
        start = self._own_start(key, value)
        stop = self._line_end(self._end(key, value))
        self._drop(start, stop)
        after = _BREAK.match(self.text, stop)
        if after is None:  # the last line, which nothing ends: the line above is the last one then
            return Edit(len(self.text[:start].removesuffix("\n").removesuffix("\r")), stop, "")
        return Edit(start, after.end(), "")

    def _drop(self, start: int, stop: int) -> list[str]:
        found = self._comments_between(start, stop)
        self.dropped += found
        return found

    def _own_start(self, key: Node, value: Node) -> int:
        """Where an entry begins, with the comment lines above it that are its own.

        They are, where the next entry has its own too, or there is none: else they may be a heading of several.
        """
        start = self._line_start(key)
        column = key.start_mark.column
        dash = re.search(r"(?:^|[\r\n])([ \t]*)-[ \t]+$", self.text[:start])
        if dash:  # of an item, the line begins with its dash
            start, column = dash.start(1), len(dash[1])
        stop = self._line_end(self._end(key, value))
        _, following = next(self._lines_after(stop), (stop, ""))
        is_followed = following.strip() and not following.lstrip().startswith("#")
        if is_followed and len(following) - len(following.lstrip()) >= column:
            return start
        while start:
            above = len(self.text[:start].removesuffix("\n").removesuffix("\r"))
            begin = max(self.text.rfind("\n", 0, above), self.text.rfind("\r", 0, above)) + 1
            line = self.text[begin:above]
            if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) != column:
                break
            start = begin
        return start

    def appended(self, mapping: Node, lines: list[str]) -> Edit:
        """Return the edit that writes `lines` after the last entry of a mapping, and the comments that belong to it."""
        pairs = mapping.value
        at = self._line_end(self._end(*pairs[-1]))
        column = mapping.start_mark.column
        for line_end, line in self._lines_after(at):
            if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) <= column:
                break
            at = line_end
        spaced = len(pairs) > 1 and self._is_spaced(pairs[-1][0])
        return Edit(at, at, self.newline + (self.newline if spaced else "") + self._joined(lines))

    def _joined(self, lines: Iterable[str]) -> str:
        return self.newline.join(lines)

    def _line_start(self, key: Node) -> int:
        """Where the line of a name begins; before the name there are only blanks, or the place is an odd one."""
        start: int = key.start_mark.index - key.start_mark.column
        return start if not self.text[start : key.start_mark.index].strip() else int(key.start_mark.index)

    def _end(self, key: Node, value: Node) -> int:
        """Where the last word of an entry ends; the parser ends a block only where the next thing begins."""
        if isinstance(value, CollectionNode) and not value.flow_style and value.value:
            last = value.value[-1]
            return self._end(*last) if isinstance(last, tuple) else self._end(last, last)
        end: int = value.end_mark.index
        if isinstance(value, ScalarNode) and value.style in ("|", ">"):
            return len(self.text[:end].rstrip())
        return end if end > key.end_mark.index or value is key else self.text.index(":", key.end_mark.index) + 1

    def _line_end(self, end: int) -> int:
        found = _REST.match(self.text, end)
        return found.end() if found else end

    def _lines_after(self, at: int) -> Iterator[tuple[int, str]]:
        while (line_break := _BREAK.match(self.text, at)) is not None:
            following = _BREAK.search(self.text, line_break.end())
            end = following.start() if following else len(self.text)
            yield end, self.text[line_break.end() : end]
            at = end

    def _is_spaced(self, key: Node) -> bool:
        """Whether there is an empty line above an entry."""
        above = self.text[: self._line_start(key)]
        return bool(re.search(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)$", above))

    def _comments_between(self, start: int, end: int) -> list[str]:
        return [comment for place, comment in self._comments if start <= place < end]


def _name_in(line: str) -> str:
    """Return the name at the beginning of a line that `block` wrote."""
    bare = line.lstrip()
    quoted = re.match(r'"(?:[^"\\]|\\.)*"', bare)
    return quoted[0] if quoted else bare.partition(":")[0]
