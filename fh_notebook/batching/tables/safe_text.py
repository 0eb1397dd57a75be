"""Text for spreadsheet cells: no formulas, no control characters, limited length. Pure.

Rule of this file: hostile text costs time in its length only, so no pattern here looks at a letter more than twice.

What a spreadsheet takes for a formula is OWASP's list (https://owasp.org/www-community/attacks/CSV_Injection): a cell
that begins with ``=``, ``+``, ``-``, ``@``, their full-width forms, a tab or a line end, also behind blanks and quotes;
and in a CSV also what follows a line end or a separator of another country inside of a text: a program that splits the
line there begins a cell there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.core.text.formatting import short

EXCEL_CELL: Final = 32_767
"""What a cell of Excel holds, in UTF-16 units (support.microsoft.com, "Excel specifications and limits"): a file with a
longer one is called damaged."""

PLACES_NAMED: Final = 3

_ALWAYS: Final = "=@＝＠﹦﹫"
_SIGNS: Final = "+\\-＋－﹢﹣−"
"""These two begin a formula as well, and numbers and the items of a list, too."""
_INVISIBLE: Final = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_QUOTES: Final = "'\"`´“”„‟‘’‚‛«»‹›＇＂"
_NO_FORMULA: Final = "'"

_STARTS: Final = re.compile(rf"[\t\r\n]|[\s{_INVISIBLE}{_QUOTES}]*[{_ALWAYS}{_SIGNS}]")
_NUMBER: Final = re.compile(r"[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BLANK: Final = rf"[ \f\v\u00a0\u2000-\u200a\u3000{_INVISIBLE}{_QUOTES}]"
# A minus inside of a text is mostly the item of a list: it is one of a formula where a call or a DDE link follows.
_BREAKS: Final = {
    separator: re.compile(rf"([\r\n{others}])(?={_BLANK}*(?:[{_ALWAYS}]|[{_SIGNS}][^\r\n{others}]*?(?:[\w.]\(|\|)))")
    for separator, others in ((",", ";\t"), ("\t", ",;"))
}
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 has no place for (its section 2.2), and half characters, which no encoding can say."""
_HALVES: Final = re.compile("[\ud800-\udfff]")
_LOST: Final = "\ufffd"


def neutralised(text: str) -> str:
    """Return `text` as one that no spreadsheet takes for a formula: with an apostrophe before it where it might.

    Examples
    --------
    >>> neutralised("=1+1"), neutralised("  @SUM(A1)"), neutralised("-2.5e3"), neutralised("fine")
    ("'=1+1", "'  @SUM(A1)", '-2.5e3', 'fine')
    """
    return _NO_FORMULA + text if _STARTS.match(text) and not _NUMBER.fullmatch(text) else text


def neutralised_inside(text: str, separator: str = ",") -> str:
    r"""Return `text` with an apostrophe also where a program would begin a cell that takes other separators.

    Examples
    --------
    >>> neutralised_inside("late;=cmd|' /C calc'!A0"), neutralised_inside("two:\n- late (a day)\n- broken")
    ("late;'=cmd|' /C calc'!A0", 'two:\n- late (a day)\n- broken')
    """
    return _BREAKS[separator].sub(rf"\1{_NO_FORMULA}", text)


def cleaned(text: str) -> str:
    r"""Return `text` without control characters, and with ``\ufffd`` for half characters.

    Examples
    --------
    >>> cleaned("a\x00b\tc"), cleaned("\ud800") == "\ufffd"
    ('ab\tc', True)
    """
    return _ILLEGAL.sub(lambda found: _LOST if "\ud800" <= found[0] <= "\udfff" else "", text)


def without_halves(text: str) -> str:
    r"""Return `text` with ``\ufffd`` for half characters, which UTF-8 cannot say."""
    return text if text.isascii() else _HALVES.sub(_LOST, text)


def cut(text: str, most: int) -> str:
    """Return `text` in at most `most` UTF-16 units, with ``…`` at its end where it was cut. Half characters: none.

    Examples
    --------
    >>> cut("abcdef", 4), cut("abcd", 4), cut("😀😀😀", 4)
    ('abc…', 'abcd', '😀…')
    """
    if len(text) * 2 <= most:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * most:
        return text
    return units[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"


@dataclass(slots=True)
class SafeTextCounter:
    """Makes texts safe for one file, and counts where it had to."""

    most: int | None = None
    """UTF-16 units of a cell."""
    inside: Callable[[str], str] | None = None
    """What is done to the inside of a text, besides its beginning."""
    neutralised: int = 0
    cut: int = 0
    cleaned: int = 0
    places: dict[str, list[str]] = field(default_factory=dict)
    """Where the first few were: by ``neutralised``, ``cut``, ``cleaned``."""

    def of(self, text: str, row: Any, column: str) -> str:
        """Return a text as it may stand in a cell; `row` and `column` are where it stands."""
        if text.isalnum() and (self.most is None or len(text) * 2 <= self.most):
            return text  # most cells are: nothing to look for
        clean = cleaned(text)
        if clean != text:
            self.cleaned += 1
            self._note("cleaned", row, column)
        safe = neutralised(clean)
        if self.inside is not None:
            safe = self.inside(safe)
        if safe != clean:
            self.neutralised += 1
            self._note("neutralised", row, column)
        if self.most is None or (short_enough := cut(safe, self.most)) == safe:
            return safe
        self.cut += 1
        self._note("cut", row, column)
        return short_enough

    def halves(self, text: str, row: Any, column: str) -> str:
        """Return a text as UTF-8 can say it."""
        repaired = without_halves(text)
        if repaired != text:
            self.cleaned += 1
            self._note("cleaned", row, column)
        return repaired

    def _note(self, change: str, row: Any, column: str) -> None:
        noted = self.places.setdefault(change, [])
        if len(noted) < PLACES_NAMED:
            label = str(row) if isinstance(row, int) else short(row, 20)
            cell = f"the name {short(column, 30)}" if row is None else f"row {label} {short(column, 30)}"
            if cell not in noted:  # the variants of a row have the same source
                noted.append(cell)
