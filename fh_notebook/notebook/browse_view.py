"""How a table of rows is looked at: what is searched, filtered, sorted and opened. Pure values.

Rule of this file: a page may say anything, and an old page something old, so what does not fit is left as it was; a
person in a cell is told what there is. A filter goes back to the first page; to turn the page closes no row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from fh_notebook.arguments import is_finite
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError

__all__ = ["LARGEST_PAGE", "ONLY", "View", "checked", "heard", "sorts"]

ONLY: Final = {
    "": "all rows",
    "different": "outputs differ",
    "scores": "scores differ",
    "tied": "scores tie",
    "failed": "failed",
    "unknown": "may have run",
    "pending": "pending",
    "unscored": "a score is missing",
}
"""Which rows are shown, and in words."""
LARGEST_PAGE: Final = 100
SEARCH_CAP: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a table is looked at."""

    search: str = ""
    """Rows of which a column, an output or an error has this text in it, in any case."""
    only: str = ""
    """One of :data:`ONLY`."""
    won: str = ""
    """Rows that this variant won: it alone has the best score."""
    low: float | None = None
    """Rows with a score no better than this."""
    low_of: str = ""
    """The variant whose score that is; empty for any."""
    where: tuple[tuple[str, str], ...] = ()
    """Columns of the rows, and the value that each must have, as text."""
    sort: str = ""
    """Empty for the plan's order, ``row``, ``apart``, ``score:<variant>``, ``seconds:<variant>``, ``column:<name>``."""
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
        return (self.search, self.only, self.won, self.low, self.low_of, self.where, self.sort, self.down)


def sorts(variants: Sequence[str], columns: Sequence[str], *, scored: bool, seconds: bool) -> dict[str, str]:
    """Return by what can be sorted, and its name.

    Examples
    --------
    >>> list(sorts(["a"], ["ticket"], scored=True, seconds=False))
    ['', 'row', 'apart', 'score:a', 'column:ticket']
    """
    found = {"": "plan order", "row": "row"}
    if scored:
        found["apart"] = "scores apart"
        found |= {f"score:{variant}": f"{variant}: score" for variant in variants}
    if seconds:
        found |= {f"seconds:{variant}": f"{variant}: seconds" for variant in variants}
    return found | {f"column:{name}": name for name in columns}


def heard(view: View, said: Mapping[str, Any], *, variants: Sequence[str], columns: Sequence[str]) -> View:
    """Return the view after what a page said; what does not fit is left as it was.

    Examples
    --------
    >>> view = heard(View(page=3), {"search": "late", "won": "nobody"}, variants=["a"], columns=[])
    >>> view.search, view.won, view.page
    ('late', '', 0)
    """
    fits: dict[str, Callable[[Any], bool]] = {
        "search": lambda v: isinstance(v, str) and len(v) <= SEARCH_CAP,
        "only": lambda v: isinstance(v, str) and v in ONLY,
        "won": lambda v: v == "" or v in variants,
        "low": lambda v: v is None or is_finite(v),
        "low_of": lambda v: v == "" or v in variants,
        "where": lambda v: isinstance(v, list | tuple) and all(_is_value(item, columns) for item in v),
        "sort": lambda v: isinstance(v, str) and v in sorts(variants, columns, scored=True, seconds=True),
        "down": lambda v: isinstance(v, bool),
        "page": lambda v: _is_whole(v) and v >= 0,
        "size": lambda v: _is_whole(v) and 1 <= v <= LARGEST_PAGE,
        "open": lambda v: v is None or (_is_whole(v) and v >= 0),
        "baseline": lambda v: v == "" or v in variants,
        "facet": lambda v: v == "" or v in columns,
    }
    changes = {name: said[name] for name, does_fit in fits.items() if name in said and does_fit(said[name])}
    if "where" in changes:
        changes["where"] = tuple((column, value) for column, value in changes["where"])
    after = replace(view, **changes)
    if "page" not in changes and (after.found_by != view.found_by or after.size != view.size):
        after = replace(after, page=0)
    return after


def checked(view: View, asked: Mapping[str, Any], *, variants: Sequence[str], columns: Sequence[str]) -> View:
    """Return the view after what a person asked for in a cell.

    Raises
    ------
    InputError
        There is no such thing.
    """
    known = [field.name for field in fields(View)]
    choices: dict[str, Sequence[str]] = {
        "only": list(ONLY), "won": ["", *variants], "low_of": ["", *variants], "baseline": ["", *variants],
        "sort": list(sorts(variants, columns, scored=True, seconds=True)), "facet": ["", *columns],
    }  # fmt: skip
    for name, value in asked.items():
        if name not in known:
            raise InputError(_none("option", name, known))
        if name in choices and value not in choices[name]:
            raise InputError(f"{name} is {short(value)}; {_hint(value, choices[name])}")
    given = dict(asked)
    if isinstance(where := given.get("where"), Mapping):
        for column in where:
            if column not in columns:
                raise InputError(_none("column", column, columns))
        given["where"] = tuple((column, "" if value is None else str(value)) for column, value in where.items())
    after = heard(view, given, variants=variants, columns=columns)
    for name, value in given.items():
        if getattr(after, name) != value:
            raise InputError(f"{name} is {short(value)}; {EXAMPLES.get(name, 'give another value')}")
    return after


EXAMPLES: Final = {
    "search": f"give a text of at most {SEARCH_CAP} characters",
    "low": "give a score, or None",
    "where": 'give columns and values, such as {"language": "de"}',
    "down": "give True or False",
    "page": "give a whole number from 0",
    "size": f"give a whole number from 1 to {LARGEST_PAGE}",
    "open": "give the place of a row in the plan, from 0, or None",
}


def _none(what: str, name: Any, names: Sequence[str]) -> str:
    return f"there is no {what} {short(name)}; {_hint(name, names)}"


def _hint(value: Any, names: Sequence[str]) -> str:
    close = nearest(value, [name for name in names if name])
    return f"did you mean {close!r}?" if close else f"there are {listed([n for n in names if n], 'and') or 'none'}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_value(item: Any, columns: Sequence[str]) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and item[0] in columns and isinstance(item[1], str)
