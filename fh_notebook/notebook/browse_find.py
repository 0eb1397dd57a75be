"""A view of a table -> the rows that it shows, in their order. Pure, on whole arrays.

Rule of this file: 100,000 rows x 4 variants take a fraction of a second, and what was found is kept until something
else is asked for: to turn a page looks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fh_notebook.notebook.browse_table import Table
from fh_notebook.notebook.browse_view import View, heard

__all__ = ["Finder", "after", "stepped"]


class Finder:
    """Finds the rows of views of one table.

    Parameters
    ----------
    table : Table
        Where.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._last: tuple[Any, Any] | None = None

    def order(self, view: View) -> Any:
        """Return the rows that `view` shows, by their places in the plan, in the order in which it shows them."""
        if self._last is None or self._last[0] != view.found_by:
            with self.table.making:
                places = np.flatnonzero(self._wanted(view))
                self._last = (view.found_by, self._sorted(places, view))
        return self._last[1]

    def _wanted(self, view: View) -> Any:
        table = self.table
        wanted = np.ones(table.rows, dtype=bool)
        if view.only:
            wanted &= _only(table, view.only)
        if view.won in table.variants:
            wanted &= table.winners == table.variants.index(view.won)
        if view.low is not None:
            wanted &= self._low(view.low, view.low_of)
        for column, value in view.where:
            codes, texts = table.values(column)
            wanted &= codes == (texts.index(value) if value in texts else -2)
        text = view.search.strip().casefold()
        return wanted & self.table.rows_with(text) if text else wanted

    def _low(self, bound: float, of: str) -> Any:
        scores = self.table.scores
        if of in self.table.variants:
            scores = scores[:, [self.table.variants.index(of)]]
        with np.errstate(invalid="ignore"):
            return (scores >= bound if self.table.lower else scores <= bound).any(axis=1)

    def _sorted(self, places: Any, view: View) -> Any:
        keys = self._keys(view)
        if keys is None:
            return places[::-1] if view.down and not view.sort else places
        own = keys[places]
        missing = np.isnan(own)
        ordered = np.argsort(-own[~missing] if view.down else own[~missing], kind="stable")
        return np.concatenate([places[~missing][ordered], places[missing]])  # what is missing is last, either way

    def _keys(self, view: View) -> Any:
        kind, _, name = view.sort.partition(":")
        table = self.table
        if kind == "apart":
            return table.apart
        if kind in ("score", "seconds") and name in table.variants:
            return (table.scores if kind == "score" else table.seconds)[:, table.variants.index(name)]
        if kind == "row":
            return _ranks([str(label) for label in table.labels])
        if kind == "column":
            codes, texts = table.values(name)
            return _ranks(texts)[codes]
        return None


def _only(table: Table, only: str) -> Any:
    if only == "different":
        return table.different
    if only == "scores":
        return table.apart > 0
    if only == "tied":
        return (table.winners < 0) & ((~np.isnan(table.scores)).sum(axis=1) > 1)
    if only == "unscored":
        return np.isnan(table.scores).any(axis=1)
    return table.with_status(*({"pending", "missing"} if only == "pending" else {only}))


def _ranks(texts: list[str]) -> Any:
    """Return numbers to sort texts by: as numbers where all are, else by letters, in any case; an empty one is NaN."""
    try:
        return np.array([float(text) if text else np.nan for text in texts], dtype="float64")
    except ValueError:
        folded = np.array([text.casefold() for text in texts], dtype=object)
    known = sorted({text for text in folded.tolist() if text})
    places: dict[str, float] = {text: float(place) for place, text in enumerate(known)}
    return np.array([places.get(text, np.nan) for text in folded.tolist()], dtype="float64")


def after(view: View, said: Mapping[str, Any], finder: Finder) -> View:
    """Return the view after what a page said: changes of it, and steps from where it is.

    Steps are counted here and not on the page, which may be some keys behind: ``step`` opens the next row (1) or the
    one before (-1), ``turn`` turns to the next page or the one before, ``compare`` takes the next variant as baseline.
    """
    table = finder.table
    changes = said.get("view")
    if isinstance(changes, Mapping):
        view = heard(view, changes, variants=table.variants, columns=table.columns)
    step, turn, compare = (_one(said.get(name)) for name in ("step", "turn", "compare"))
    if step:
        view = stepped(view, finder.order(view), step)
    if turn:
        last = max(-(-len(finder.order(view)) // view.size) - 1, 0)
        view = replace(view, page=min(max(min(view.page, last) + turn, 0), last))
    if compare:
        at = table.variants.index(view.baseline) if view.baseline in table.variants else 0
        view = replace(view, baseline=table.variants[(at + compare) % len(table.variants)])
    return view


def _one(step: Any) -> int:
    return step if type(step) is int and step in (1, -1) else 0


def stepped(view: View, order: Any, step: int) -> View:
    """Return the view with the next row opened, or the one before, and its page turned to.

    Examples
    --------
    >>> stepped(View(open=7, size=2), [5, 7, 9], 1)  # doctest: +ELLIPSIS
    View(...page=1, size=2, open=9...)
    """
    rows = list(map(int, order))
    if not rows:
        return replace(view, open=None)
    at = rows.index(view.open) + step if view.open in rows else 0
    at = min(max(at, 0), len(rows) - 1)
    return replace(view, open=rows[at], page=at // view.size)
