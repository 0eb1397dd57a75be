"""``{{`` in a cell's body that was perhaps meant as an expression, and is none. Pure.

Rule of this file: it is told, whatever follows. A prompt may hold templates of another language, so a single call is
made with it; of many rows each would be paid for with the slip in it, so ``--over`` refuses it.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fh_notebook.contract.spell import nearest

__all__ = ["Doubt", "doubts_in", "row_of"]

_BEGINS: Final = re.compile(r"""(?<!\{)\{\{(?=[-~]?[ \t]*(?!['"][^'"\n]*['"]\s*:)([\w(\[+.'"-][^\n]{0,2000}))""")
"""What begins as an expression does, as ``{{#if x}}``, ``{{/if}}`` and ``{{> part}}`` of other languages do not, and
nor does the ``{{"name": ...}}`` in which some of them double the braces of JSON."""

MAX_SHOWN: Final = 60
"""Characters of what is doubtful in a sentence about it."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A ``{{`` that was perhaps meant as an expression, and is none."""

    line: int
    """Of the body, from 1."""
    shown: str
    """It, shortened."""
    inner: str
    """What stands between the braces, or after those that are not closed."""
    closed: bool

    @property
    def why(self) -> str:
        """What is wrong with it."""
        return "is not an expression" if self.closed else "is not closed by }}"

    def refusal(self, columns: Sequence[str]) -> str:
        """Say that it is refused, with the column of a row that was most likely meant."""
        begun = re.match(r"row\s*[.\[]\s*['\"]?((\w*).*?)['\"\]\s.]*$", self.inner)
        column = (nearest(begun[1], columns) or nearest(begun[2], columns)) if begun else None
        meant = f"; write {{{{ {row_of(column)} }}}}" if column else ""
        return f"line {self.line}: {self.shown} {self.why}{meant} (to send braces as they are: {{{{ '{{{{ x }}}}' }}}})"


def row_of(column: str) -> str:
    r"""Return how an expression takes a column.

    Examples
    --------
    >>> row_of("ticket"), row_of("Ticket Text"), row_of("class"), row_of("__doc__")
    ('row.ticket', "row['Ticket Text']", "row['class']", "row['__doc__']")
    >>> row_of("\u00b5")  # as a name it would be folded to another letter
    "row['µ']"
    """
    is_plain = column.isidentifier() and not keyword.iskeyword(column) and not column.startswith("_")
    is_plain = is_plain and unicodedata.normalize("NFKC", column) == column
    return f"row.{column}" if is_plain else f"row[{column!r}]"


def doubts_in(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Doubt]:
    """Yield each ``{{`` that is in none of the `spans` of expressions, and looks like one."""
    expected = iter(spans)
    start, end = next(expected, (len(text), len(text)))
    for begun in _BEGINS.finditer(text):
        while end <= begun.start():
            start, end = next(expected, (len(text), len(text) + 1))
        inner, closing, _ = begun[1].partition("}}")
        word = re.match(r"\w*", inner)
        is_other = word is not None and keyword.iskeyword(word[0]) and "row" not in inner
        if start <= begun.start() or is_other:
            continue
        shown = text[begun.start() : begun.start(1)] + inner + closing
        shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
        line = text.count("\n", 0, begun.start()) + 1
        yield Doubt(line, shown.strip(), inner.strip(), bool(closing))
