"""Number formatting: scores, differences, seconds, shares and p values as text; and the columns of tables. Pure.

A column of a table is one value: its name in the DataFrame, its heading and its text in displays and reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fh_notebook.core.text.formatting import ROUNDING_ERROR, figures, figures_form, seconds_digits

MEDIAN_TIME: Final = "median time (s)"
"""The heading of the median seconds of calls: a median alone is that of scores."""
P95_TIME: Final = "95th percentile of time (s)"
"""The heading of the seconds within which 95 % of calls were answered: 95 % alone is an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportColumn:
    """A column of a table with one line a variant or one line a pair."""

    name: str
    """Its name in the DataFrame."""
    head: str
    """Its heading in displays and reports."""
    note: str = ""
    """What it is, in a sentence for who reads the table."""
    format: Callable[[Sequence[Any]], Callable[[Any], str]] = lambda values: str
    """Returns the format of its texts in displays and reports, which is one for all values of the column."""
    dtype: str | None = "float64"
    value: Callable[[Any], Any] | None = None
    """Its value, from the line; by default the field of its name."""
    of_scores: bool = False
    """Whether it is left out of a display where nothing is scored."""

    def texts(self, values: Sequence[Any]) -> list[str]:
        """Return the texts of the values in displays and reports."""
        return list(map(self.format(values), values))

    def of(self, lines: Sequence[Any]) -> pd.Series[Any]:
        """Return the values of the column for these lines."""
        return pd.Series([(self.value or attrgetter(self.name))(line) for line in lines], dtype=self.dtype)


def table_of(columns: Sequence[ReportColumn], lines: Sequence[Any]) -> pd.DataFrame:
    """Return lines as a table."""
    return pd.DataFrame({column.name: column.of(lines) for column in columns})


def same(text: Callable[[Any], str]) -> Callable[[Sequence[Any]], Callable[[Any], str]]:
    """Return the format of a column whose values do not depend on each other, such as counts."""
    return lambda values: text


def figure(value: float) -> str:
    """Return a score that stands alone.

    Examples
    --------
    >>> figure(0.7512), figure(float("nan")), figure(123.456), figure(1.0)
    ('0.751', '', '123', '1.000')
    """
    return figures([value])(value)


def signed(value: float) -> str:
    """Return a difference as it is read, with its sign.

    Examples
    --------
    >>> signed(0.25), signed(-0.25), signed(0.0), signed(1e160)
    ('+0.250', '-0.250', '+0.000', '+1e+160')
    """
    return figure(value) if value < 0 or value != value else f"+{figure(abs(value))}"


def axis_ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis on which values are drawn: round numbers around them.

    Examples
    --------
    >>> axis_ends([0.693, 0.893]), axis_ends([12, 31, 20]), axis_ends([0.5]), axis_ends([])
    ((0.6, 0.9), (10.0, 40.0), (0.45, 0.55), (0.0, 1.0))
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    least = (high - low) / 3 or max(abs(low), abs(high)) / 10 or 0.5
    decade = math.floor(math.log10(least))
    step = next(size for size in (1, 2, 5, 10) if size * 10.0**decade >= least * (1 - TOUCH)) * 10.0**decade
    ends = math.floor(low / step + TOUCH) * step, math.ceil(high / step - TOUCH) * step
    low, high = (round(end, max(0, 1 - decade)) + 0.0 for end in ends)
    return (low, high) if high > low else (low - step, high + step)


TOUCH: Final = 1e-9
"""Part of a step by which a value may lie beyond a round number that it is meant to be."""


def count_text(value: int) -> str:
    """Return a number of rows or runs as text."""
    return f"{value:,}"


def seconds_format(values: Iterable[float], intervals: Iterable[tuple[float, float]] = ()) -> Callable[[float], str]:
    """Return one format for seconds that stand below each other; missing as nothing.

    It has as many digits as the ends of each of the `intervals` need to be told apart.

    Examples
    --------
    >>> list(map(seconds_format([0.0052, 0.5]), [0.0052, 0.5, math.nan]))
    ['0.005', '0.500', '']
    >>> list(map(seconds_format([0.005], [(0.00494, 0.00506), (0.007, 0.007)]), [0.00494, 0.00506]))
    ['0.0049', '0.0051']
    """
    values = [value for value in values if math.isfinite(value)]
    if max(values, default=0.0) >= LARGE_S:
        return lambda value: "" if value != value else f"{value:.3g}"
    digits = seconds_digits(values)
    ends = [(low, high) for low, high in intervals if math.isfinite(low) and math.isfinite(high) and low != high]
    while digits < SECOND_DIGITS and any(f"{low:.{digits}f}" == f"{high:.{digits}f}" for low, high in ends):
        digits += 1
    return lambda value: "" if value != value else f"{value:,.{digits}f}"


LARGE_S: Final = 1e6
"""Seconds that are written with an exponent."""
SECOND_DIGITS: Final = 6
"""Digits behind the point that seconds have at most."""


def seconds(value: float) -> str:
    """Return seconds that stand alone."""
    return seconds_format([value])(value)


MANY: Final = 1_000
"""A share of so many rows has a digit more: a row is less than a tenth of a percent."""


def percents(rows: int) -> Callable[[float], str]:
    """Return one format for shares of so many `rows`; missing as nothing.

    Examples
    --------
    >>> percents(286)(0.914), percents(8_000)(0.914)
    ('91 %', '91.4 %')
    """
    digits = 1 if rows >= MANY else 0
    return lambda share: "" if share != share else f"{100 * share:.{digits}f} %"


def percent(share: float) -> str:
    """Return a share that stands alone; missing as nothing."""
    return percents(0)(share)


def share_head(*, lower: bool) -> str:
    """Return what a score that is true says of an output: where less is better, it does not say that it is right.

    Examples
    --------
    >>> share_head(lower=False), share_head(lower=True)
    ('right', 'true')
    """
    return "true" if lower else "right"


def share_text(text: Callable[[float], str], share: float, rows: int) -> str:
    """Return a share in the format of its column, and how many of how many rows it is; nothing where there is none.

    Examples
    --------
    >>> share_text(percent, 0.9091, 286), share_text(percent, math.nan, 0)
    ('91 % (260 of 286)', '')
    """
    return f"{text(share)} ({round(share * rows):,} of {rows:,})" if rows else ""


def interval_text(text: Callable[[float], str], low: float, high: float) -> str:
    """Return the limits of an interval in the format of its value; nothing where there is none.

    Examples
    --------
    >>> interval_text(percent, 0.84, 0.91), interval_text(figure, 0.5, 1.25), interval_text(figure, math.nan, math.nan)
    ('84 to 91 %', '0.500 to 1.250', '')
    """
    return f"{text(low).removesuffix(' %')} to {text(high)}" if low == low else ""


def points(difference: float) -> str:
    """Return the size of a difference of two shares in percentage points.

    Examples
    --------
    >>> points(0.1739), points(-0.0042), points(0.0)
    ('17', '-0.42', '0')
    """
    size = 100 * difference
    return f"{size:.0f}" if abs(size) >= 1 or size == 0 else f"{size:.2g}"


def difference_size(difference: float, *, share: bool) -> str:
    """Return a difference, or an end of its interval, as it is written in a sentence, without its unit.

    Of shares of rows (``share``) that is a number of percentage points, everywhere.
    """
    return points(difference) if share else size_text(difference)


def difference_unit(size: str, *, share: bool) -> str:
    """Return the unit behind a difference of that `size`: that of a score has none."""
    return f" point{'' if size.lstrip('-') == '1' else 's'}" if share else ""


def difference_text(difference: float, *, share: bool) -> str:
    """Return a difference with its unit, as it is written in a sentence.

    Examples
    --------
    >>> difference_text(0.174, share=True), difference_text(0.01, share=True), difference_text(0.174, share=False)
    ('17 points', '1 point', '0.17')
    """
    size = difference_size(difference, share=share)
    return f"{size}{difference_unit(size, share=share)}"


def points_format(differences: Sequence[float]) -> Callable[[float], str]:
    """Return one format for differences of shares, in percentage points, that stand below each other.

    There are decimals only where one of them is smaller than a point; missing as nothing.

    Examples
    --------
    >>> list(map(points_format([0.174, -0.02]), [0.174, -0.02, math.nan])), points_format([0.174, 0.003])(0.174)
    (['17', '-2', ''], '17.4')
    """
    sizes = [abs(size) for value in differences if math.isfinite(value) and (size := round(100 * value, POINT_DIGITS))]
    form = figures_form(sizes) if min(sizes, default=1) < 1 else ".0f"
    return lambda value: "" if value != value else f"{round(100 * value, POINT_DIGITS) + 0.0:{form}}"


POINT_DIGITS: Final = 9
"""Digits behind the point below which a number of points is what is left of a sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreText:
    """The text of a score under an output, in one format for all outputs of a comparison.

    Examples
    --------
    >>> text = ScoreText.of([0.75, 12.0, float("nan")], yes_no=False)
    >>> text(0.75), text(12.0), text(float("nan")), text.alone(12.0)
    ('0.8', '12.0', 'no score', 'score 12.0')
    >>> marks = ScoreText.of([1.0, 0.0, 0.5], yes_no=True)
    >>> marks(1.0), marks.alone(0.0), marks(0.5), ScoreText.of([1.0, 0.0], yes_no=True, lower=True)(0.0)
    ('✓ right', '✗ wrong', '0.500', 'false')
    """

    form: str
    """The format specification of a number."""
    yes_no: bool
    """Whether all scores are true or false; only the mean of repeats is a number then."""
    lower: bool = False
    """Whether a lower score is the better one: then what is true is not right."""

    @classmethod
    def of(cls, scores: ArrayLike, *, yes_no: bool, lower: bool = False) -> ScoreText:
        """Return the format of all `scores` that stand under outputs."""
        values = np.asarray(scores, dtype="float64")
        known = values[np.isfinite(values)]
        are_whole = not yes_no and bool((known == np.floor(known)).all())
        # The ends tell the format of all: a comparison may have a million scores.
        sizes = np.abs(known)
        largest = sizes.max(initial=0.0)
        smallest = sizes[sizes > largest * ROUNDING_ERROR].min(initial=largest)
        form = figures_form([float(largest), float(smallest)], are_whole=are_whole)
        return cls(form=form, yes_no=yes_no, lower=lower)

    def __call__(self, score: float) -> str:
        """Return a score: right and wrong as marks that need no colour."""
        if score != score:
            return "no score"
        return self._mark(score) or f"{score:{self.form}}"

    def alone(self, score: float) -> str:
        """Return a score that stands beside other numbers: one that is a number says that it is a score."""
        text = self(score)
        return text if score != score or self._mark(score) else f"score {text}"

    def _mark(self, score: float) -> str:
        marks = {1.0: "true", 0.0: "false"} if self.lower else {1.0: "✓ right", 0.0: "✗ wrong"}
        return marks.get(score, "") if self.yes_no else ""


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
