r"""A pasted command line cut into words: the words.

Rule of this file: nothing is expanded. A word that a shell would have filled in (``$NAME``, ``$(command)``) keeps the
text that stands there and is marked, and whoever needs its value refuses it.

`shlex` is not used: it does not know ``$'...'``, and it does not say where in the text a word lies,
which a broken body needs for "line 9, column 5". Every character is looked at once or twice, however long the text.

Two kindnesses, since text is pasted from web pages: a line that begins with ``-`` continues the command even when the
backslash before it was lost, or has blanks after it; a no-break space outside of quotes is a blank.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from fh_notebook.errors import SnippetError

__all__ = ["Growing", "Word", "line_and_column", "unclosed"]


@dataclass(slots=True)
class Word:
    """One word of a command line, unquoted, that knows where each of its characters came from."""

    text: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where a run of characters begins: in `text`, and in the pasted text."""
    filled_in: str = ""
    """What a shell would have filled in here, as it stands: ``$NAME``. Empty when nothing."""

    def source(self, at: int) -> int:
        """Return where in the pasted text the character `at` of this word lies."""
        i = bisect_right(self.spans, at, key=lambda span: span[0]) - 1
        return self.spans[i][1] + at - self.spans[i][0] if i >= 0 else 0

    def after(self, count: int) -> Word:
        """Return the word without its first `count` characters."""
        return self if not count else Word(self.text[count:], self._spans_after(count), self.filled_in)

    def _spans_after(self, count: int) -> list[tuple[int, int]]:
        later = [(at - count, source) for at, source in self.spans if at > count]
        return [(0, self.source(count)), *later]

    def joined(self, other: Word, between: str) -> Word:
        """Return this word and `other`, `between` in the middle, as one."""
        shift = len(self.text) + len(between)
        spans = [*self.spans, *((at + shift, source) for at, source in other.spans)]
        return Word(f"{self.text}{between}{other.text}", spans, self.filled_in or other.filled_in)


def line_and_column(text: str, at: int) -> tuple[int, int]:
    r"""Return the line and the column of a position in `text`, both counted from 1.

    Examples
    --------
    >>> line_and_column("ab\ncd", 4)
    (2, 2)
    """
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


@dataclass(slots=True)
class Growing:
    """A word that is being read; its text is joined once, at the end."""

    parts: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    length: int = 0
    filled_in: str = ""

    def add(self, part: str, source: int) -> None:
        """Add characters that begin at `source` of the pasted text."""
        self.parts.append(part)
        self.spans.append((self.length, source))
        self.length += len(part)

    def word(self) -> Word:
        """Return the word that was read."""
        return Word("".join(self.parts), self.spans, self.filled_in)


def unclosed(text: str, at: int) -> SnippetError:
    """Return the error of a quote that opens at `at` and is never closed; it shows nothing of what is inside."""
    line, column = line_and_column(text, at)
    mark = text[at : at + 2] if text[at] == "$" else text[at]
    return SnippetError(
        f"the {mark} that opens in line {line}, column {column} is never closed; paste the snippet whole"
    )
