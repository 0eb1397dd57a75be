"""Number formatting: scores, differences, seconds, shares and p values as text; and the columns of tables. Pure.

A column of a table is one value: its name in the DataFrame, its heading and its text in displays and reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import pandas as pd

__all__ = [
    "ReportColumn",
    "about",
    "count_text",
    "figure",
    "p_text",
    "percent",
    "score_text",
    "seconds",
    "signed",
    "size_text",
    "table_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportColumn:
    """A column of a table with one line a variant or one line a pair."""

    name: str
    """Its name in the DataFrame."""
    head: str
    """Its heading in displays and reports."""
    text: Callable[[Any], str] = str
    """The text of a value in displays and reports."""
    dtype: str | None = "float64"
    value: Callable[[Any], Any] | None = None
    """Its value, from the line; by default the field of its name."""
    of_scores: bool = False
    """Whether it is left out of a display where nothing is scored."""

    def of(self, lines: Sequence[Any]) -> pd.Series[Any]:
        """Return the values of the column for these lines."""
        return pd.Series([(self.value or attrgetter(self.name))(line) for line in lines], dtype=self.dtype)


def table_of(columns: Sequence[ReportColumn], lines: Sequence[Any]) -> pd.DataFrame:
    """Return lines as a table."""
    return pd.DataFrame({column.name: column.of(lines) for column in columns})


def figure(value: float) -> str:
    """Return a score as it is read: three digits, missing as nothing.

    Examples
    --------
    >>> figure(0.7512), figure(float("nan")), figure(123.456), figure(1.0)
    ('0.751', '', '123', '1.000')
    """
    if value != value:
        return ""
    size = abs(value)
    if size >= 1e6 or 0 < size < 0.0005:
        return f"{value:.3g}"
    return f"{value:,.3f}" if size < 10 else f"{value:,.1f}" if size < 100 else f"{value:,.0f}"


def signed(value: float) -> str:
    """Return a difference as it is read, with its sign.

    Examples
    --------
    >>> signed(0.25), signed(-0.25), signed(0.0), signed(1e160)
    ('+0.250', '-0.250', '+0.000', '+1e+160')
    """
    return figure(value) if value < 0 or value != value else f"+{figure(abs(value))}"


def count_text(value: int) -> str:
    """Return a number of rows or runs as text."""
    return f"{value:,}"


def seconds(value: float) -> str:
    """Return seconds as they are read."""
    if value != value:
        return ""
    return f"{value:.3f}" if value < 1 else f"{value:.1f}" if value < 1e6 else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share as it is read: missing as nothing."""
    return "" if share != share else f"{100 * share:.0f} %"


def score_text(score: float, yes_no: bool) -> str:
    """Return a score under an output: right and wrong as marks that need no colour."""
    if score != score:
        return "no score"
    if yes_no and score in (0.0, 1.0):
        return "✓ 1" if score else "✗ 0"
    return figure(score)


LONG_FROM: Final = 1e9
"""A number of more digits is written with an exponent."""


def about(number: float) -> int:
    """Return an estimated number of rows, rounded up to two digits: it has no more.

    Examples
    --------
    >>> about(0.3), about(98.2), about(1_234)
    (1, 99, 1300)
    """
    unit: int = 10 ** max(0, int(math.log10(max(number, 1))) - 1)
    return math.ceil(number / unit) * unit


def p_text(p: float) -> str:
    """Return a p as it is written in a sentence.

    Examples
    --------
    >>> p_text(0.0043), p_text(0.00002), p_text(0.46)
    ('p = 0.004', 'p < 0.001', 'p = 0.46')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def size_text(value: float) -> str:
    """Return a score or a difference as it is written in a sentence: two digits behind the point, more for small ones.

    Examples
    --------
    >>> size_text(0.1739), size_text(-0.0042), size_text(1234.5), size_text(1.234e160), size_text(-0.0)
    ('0.17', '-0.0042', '1,234.50', '1.23e+160', '0.00')
    """
    if 0.01 <= abs(value) < LONG_FROM:
        return f"{value:,.2f}"
    return "0.00" if value == 0 else f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
