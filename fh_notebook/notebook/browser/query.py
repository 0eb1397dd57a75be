"""`TableQuery`: search, filter, sort order, page and opened row, and the rows that match. Pure.

- A page may send anything, and an old page something outdated: what does not fit is ignored. An invalid argument in a
  cell is an error with the valid values.
- A filter returns to the first page; turning the page keeps the opened row.
- 100,000 rows x 4 variants take a fraction of a second, and matches are kept until the query changes: turning the page
  searches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.report.row_filters import FILTERS
from fh_notebook.comparing.stats.classes import OTHER
from fh_notebook.core.arguments import is_finite
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.errors import InputError
from fh_notebook.notebook.browser.table import BrowserTable

LARGEST_PAGE: Final = 100

SEARCH_CAP: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """How a table is looked at."""

    search: str = ""
    """Rows of which a column, an output or an error has this text in it, in any case."""
    only: str = ""
    """One of ``row_filters.FILTERS``."""
    won: str = ""
    """Rows that this variant won: it alone has the best score."""
    low: float | None = None
    """Rows with a score no better than this."""
    low_of: str = ""
    """The variant whose score that is; empty for any."""
    where: tuple[tuple[str, str], ...] = ()
    """Columns of the rows, and the value that each must have, as text."""
    confusion: tuple[str, ...] = ()
    """Rows with an expected label to which a variant answers another: the variant, the expected label, the answered
    one (``(other)`` for no label)."""
    sort: str = ""
    """Empty for the plan's order, ``row``, ``apart``, ``score:<variant>``, ``seconds:<variant>``, ``expected``,
    ``column:<name>``."""
    down: bool = False
    """Whether the largest is first."""
    page: int = 0
    size: int = 25
    open: int | None = None
    """The row that is opened, by its place in the plan."""
    baseline: str = ""
    """The variant that others are compared to; empty for the first."""
    facet: str = ""
    """The column whose values are offered as a filter."""

    @property
    def found_by(self) -> tuple[Any, ...]:
        """What decides which rows there are, and in which order."""
        filters = (self.search, self.only, self.won, self.low, self.low_of, self.where, self.confusion)
        return (*filters, self.sort, self.down)


def sorts(
    variants: Sequence[str], columns: Sequence[str], *, scored: bool, seconds: bool, expected: bool
) -> dict[str, str]:
    """Return by what can be sorted, and its name.

    Examples
    --------
    >>> list(sorts(["a"], ["ticket"], scored=True, seconds=False, expected=True))
    ['', 'row', 'apart', 'score:a', 'expected', 'column:ticket']
    """
    names = {"": "plan order", "row": "row"}
    if scored:
        names["apart"] = "difference of scores"
        names |= {f"score:{variant}": f"{variant}: score" for variant in variants}
    if seconds:
        names |= {f"seconds:{variant}": f"{variant}: seconds" for variant in variants}
    if expected:
        names["expected"] = "expected"
    return names | {f"column:{name}": name for name in columns}


def _all_sorts(variants: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    return sorts(variants, columns, scored=True, seconds=True, expected=True)


def query_from_message(
    view: TableQuery,
    message: Mapping[str, Any],
    *,
    variants: Sequence[str],
    columns: Sequence[str],
    labels: Sequence[str] = (),
) -> TableQuery:
    """Return the view after what a page said; what does not fit is left as it was.

    Examples
    --------
    >>> view = query_from_message(TableQuery(page=3), {"search": "late", "won": "nobody"}, variants=["a"], columns=[])
    >>> view.search, view.won, view.page
    ('late', '', 0)
    """
    fits: dict[str, Callable[[Any], bool]] = {
        "search": lambda v: isinstance(v, str) and len(v) <= SEARCH_CAP,
        "only": lambda v: isinstance(v, str) and v in FILTERS,
        "won": lambda v: v == "" or v in variants,
        "low": lambda v: v is None or is_finite(v),
        "low_of": lambda v: v == "" or v in variants,
        "where": lambda v: isinstance(v, list | tuple) and all(_is_value(item, columns) for item in v),
        "confusion": lambda v: _is_confusion(v, variants, labels),
        "sort": lambda v: isinstance(v, str) and v in _all_sorts(variants, columns),
        "down": lambda v: isinstance(v, bool),
        "page": lambda v: _is_whole(v) and v >= 0,
        "size": lambda v: _is_whole(v) and 1 <= v <= LARGEST_PAGE,
        "open": lambda v: v is None or (_is_whole(v) and v >= 0),
        "baseline": lambda v: v == "" or v in variants,
        "facet": lambda v: v == "" or v in columns,
    }
    changes = {name: message[name] for name, does_fit in fits.items() if name in message and does_fit(message[name])}
    if "where" in changes:
        changes["where"] = tuple((column, value) for column, value in changes["where"])
    if "confusion" in changes:
        changes["confusion"] = tuple(changes["confusion"])
    after = replace(view, **changes)
    if "page" not in changes and (after.found_by != view.found_by or after.size != view.size):
        after = replace(after, page=0)
    return after


def checked_query(
    view: TableQuery,
    options: Mapping[str, Any],
    *,
    variants: Sequence[str],
    columns: Sequence[str],
    labels: Sequence[str] = (),
) -> TableQuery:
    """Return the view after what a person asked for in a cell."""
    names = [field.name for field in fields(TableQuery)]
    choices: dict[str, Sequence[str]] = {
        "only": list(FILTERS), "won": ["", *variants], "low_of": ["", *variants], "baseline": ["", *variants],
        "sort": list(_all_sorts(variants, columns)), "facet": ["", *columns],
    }  # fmt: skip
    for name, value in options.items():
        if name not in names:
            raise InputError(_unknown_text("option", name, names))
        if name in choices and value not in choices[name]:
            raise InputError(f"{name} is {short(value)}; {_hint(value, choices[name])}")
    changes = dict(options)
    if isinstance(where := changes.get("where"), Mapping):
        for column in where:
            if column not in columns:
                raise InputError(_unknown_text("column", column, columns))
        changes["where"] = tuple((column, "" if value is None else str(value)) for column, value in where.items())
    if isinstance(changes.get("confusion"), list):
        changes["confusion"] = tuple(changes["confusion"])
    after = query_from_message(view, changes, variants=variants, columns=columns, labels=labels)
    for name, value in changes.items():
        if getattr(after, name) != value:
            hint = EXAMPLES.get(name, "give another value")
            if name == "confusion":
                hint = _confusion_hint(variants, labels)
            raise InputError(f"{name} is {short(value)}; {hint}")
    return after


EXAMPLES: Final = {
    "search": f"give a string of at most {SEARCH_CAP} characters",
    "low": "give a score, or None",
    "where": 'give columns and values, such as {"language": "de"}',
    "down": "give True or False",
    "page": "give a whole number, at least 0",
    "size": f"give a whole number from 1 to {LARGEST_PAGE}",
    "open": "give the place of a row in the plan, from 0, or None",
}


def _confusion_hint(variants: Sequence[str], labels: Sequence[str]) -> str:
    if not labels:
        return "the expected outputs are not labels, so they cannot be a filter"
    example = (variants[0], labels[0], labels[1] if len(labels) > 1 else OTHER)
    return f"give a variant, an expected label and an answered one, such as {example}; labels: {listed(labels, 'and')}"


def _unknown_text(what: str, name: Any, names: Sequence[str]) -> str:
    return f"no {what} is named {short(name)}; {_hint(name, names)}"


def _hint(value: Any, names: Sequence[str]) -> str:
    close = nearest(value, [name for name in names if name])
    return f"did you mean {close!r}?" if close else f"there are {listed([n for n in names if n], 'and') or 'none'}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_value(item: Any, columns: Sequence[str]) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and item[0] in columns and isinstance(item[1], str)


def _is_confusion(item: Any, variants: Sequence[str], labels: Sequence[str]) -> bool:
    if not isinstance(item, list | tuple):
        return False
    if not item:
        return True
    return len(item) == 3 and item[0] in variants and item[1] in labels and (item[2] in labels or item[2] == OTHER)


class RowFinder:
    """Finds the rows of views of one table.

    Parameters
    ----------
    table : BrowserTable
        Where.
    """

    def __init__(self, table: BrowserTable) -> None:
        self.table = table
        self._last: tuple[Any, Any] | None = None

    def order(self, view: TableQuery) -> Any:
        """Return the rows that `view` shows, by their places in the plan, in the order in which it shows them."""
        if self._last is None or self._last[0] != view.found_by:
            with self.table.making:
                places = np.flatnonzero(self._matching_rows(view))
                self._last = (view.found_by, self._sorted(places, view))
        return self._last[1]

    def _matching_rows(self, view: TableQuery) -> Any:
        table = self.table
        matches = np.ones(table.rows, dtype=bool)
        if view.only:
            matches &= _only(table, view.only)
        if view.won in table.variants:
            matches &= table.winners == table.variants.index(view.won)
        if view.low is not None:
            matches &= self._low(view.low, view.low_of)
        for column, value in view.where:
            codes, texts = table.values(column)
            matches &= codes == (texts.index(value) if value in texts else -2)
        if view.confusion:
            matches &= table.rows_confused(*view.confusion)
        text = view.search.strip().casefold()
        return matches & self.table.rows_with(text) if text else matches

    def _low(self, bound: float, of: str) -> Any:
        scores = self.table.scores
        if of in self.table.variants:
            scores = scores[:, [self.table.variants.index(of)]]
        with np.errstate(invalid="ignore"):
            return (scores >= bound if self.table.lower else scores <= bound).any(axis=1)

    def _sorted(self, places: Any, view: TableQuery) -> Any:
        keys = self._keys(view)
        if keys is None:
            return places[::-1] if view.down and not view.sort else places
        row_keys = keys[places]
        missing = np.isnan(row_keys)
        ordered = np.argsort(-row_keys[~missing] if view.down else row_keys[~missing], kind="stable")
        return np.concatenate([places[~missing][ordered], places[missing]])  # what is missing is last, either way

    def _keys(self, view: TableQuery) -> Any:
        kind, _, name = view.sort.partition(":")
        table = self.table
        if kind == "apart":
            return table.score_range
        if kind in ("score", "seconds") and name in table.variants:
            return (table.scores if kind == "score" else table.seconds)[:, table.variants.index(name)]
        if kind == "row":
            return _ranks([str(label) for label in table.labels])
        if kind == "expected" and table.has_expected:
            codes, texts = table.values(EXPECTED)
            return _ranks(texts)[codes]
        if kind == "column":
            codes, texts = table.values(name)
            return _ranks(texts)[codes]
        return None


def _only(table: BrowserTable, only: str) -> Any:
    if only == "different":
        return table.different
    if only == "scores":
        return table.score_range > 0
    if only == "tied":
        return (table.winners < 0) & ((~np.isnan(table.scores)).sum(axis=1) > 1)
    if only == "unscored":
        return np.isnan(table.scores).any(axis=1)
    return table.with_status(*({"pending", "missing"} if only == "pending" else {only.replace("_", " ")}))


def _ranks(texts: list[str]) -> Any:
    """Return numbers to sort texts by: as numbers where all are, else by letters, in any case; an empty one is NaN."""
    try:
        return np.array([float(text) if text else np.nan for text in texts], dtype="float64")
    except ValueError:
        folded = np.array([text.casefold() for text in texts], dtype=object)
    ordered = sorted({text for text in folded.tolist() if text})
    places: dict[str, float] = {text: float(rank) for rank, text in enumerate(ordered)}
    return np.array([places.get(text, np.nan) for text in folded.tolist()], dtype="float64")


def query_after(view: TableQuery, message: Mapping[str, Any], finder: RowFinder) -> TableQuery:
    """Return the view after what a page said: changes of it, and steps from where it is.

    Steps are counted here and not on the page, which may be some keys behind: ``step`` opens the next row (1) or the
    one before (-1), ``turn`` turns to the next page or the one before, ``compare`` takes the next variant as baseline.
    """
    table = finder.table
    changes = message.get("view")
    if isinstance(changes, Mapping):
        view = query_from_message(
            view, changes, variants=table.variants, columns=table.columns, labels=table.labels_expected
        )
    step, turn, compare = (_unit_step(message.get(name)) for name in ("step", "turn", "compare"))
    if step:
        view = stepped(view, finder.order(view), step)
    if turn:
        last = max(-(-len(finder.order(view)) // view.size) - 1, 0)
        view = replace(view, page=min(max(min(view.page, last) + turn, 0), last))
    if compare:
        at = table.variants.index(view.baseline) if view.baseline in table.variants else 0
        view = replace(view, baseline=table.variants[(at + compare) % len(table.variants)])
    return view


def _unit_step(step: Any) -> int:
    return step if type(step) is int and step in (1, -1) else 0


def stepped(view: TableQuery, order: Any, step: int) -> TableQuery:
    """Return the view with the next row opened, or the one before, and its page turned to.

    Examples
    --------
    >>> stepped(TableQuery(open=7, size=2), [5, 7, 9], 1)  # doctest: +ELLIPSIS
    TableQuery(...page=1, size=2, open=9...)
    """
    rows = list(map(int, order))
    if not rows:
        return replace(view, open=None)
    at = rows.index(view.open) + step if view.open in rows else 0
    at = min(max(at, 0), len(rows) - 1)
    return replace(view, open=rows[at], page=at // view.size)
