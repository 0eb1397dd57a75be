"""Variables of the user's namespace: which hold rows or text, and the columns of the rows.

Rule of this file: a value is told by its type alone, and only pandas' own frames and Python's own lists and dicts are
looked into, by the methods of those types. ``isinstance`` would ask a value's ``__class__``, a property that may run
the user's code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

__all__ = ["columns", "is_rows", "row_names", "texts"]

_ROWS_LOOKED_AT: Final = 100
"""Rows of a list whose keys are offered: later rows seldom have others, and Tab must not wait."""


def _is(value: object, *kinds: type) -> bool:
    return issubclass(type(value), kinds)


def _is_frame(value: object) -> bool:
    pandas = sys.modules.get("pandas")  # not imported: then there is no frame
    return pandas is not None and _is(value, pandas.DataFrame)


def is_rows(value: object) -> bool:
    """Return whether ``--over`` can take `value`: a DataFrame, or a list of dicts."""
    if _is_frame(value):
        return True
    # Past whatever a class of the user's makes of its length: a person is typing.
    held: Any = value
    return _is(held, list) and list.__len__(held) > 0 and all(_is(row, dict) for row in _first(held))


def _first(rows: Any) -> Iterator[Any]:
    return islice(list.__iter__(rows), _ROWS_LOOKED_AT)


def columns(value: object) -> list[str]:
    """Return the names that one row of `value` has: a frame's columns, the keys of a list's dicts.

    Examples
    --------
    >>> columns([{"ticket": "a"}, {"ticket": "b", "case": 2}]), columns("ticket")
    (['ticket', 'case'], [])
    """
    if not is_rows(value):
        return []
    found = _frame_columns(value) if _is_frame(value) else (key for row in _first(value) for key in dict.keys(row))
    return list(dict.fromkeys(name for name in found if type(name) is str))


def _frame_columns(frame: Any) -> Iterator[Any]:
    # The property of pandas itself: a subclass may have put its own in its place.
    axis: Any = sys.modules["pandas"].DataFrame.__dict__["columns"]
    return iter(axis.__get__(frame, type(frame)))


def row_names(names: Mapping[str, Any]) -> list[str]:
    """Return the variables that ``--over`` can take; those that begin with ``_`` come last."""
    found = [name for name, value in names.items() if name.isidentifier() and is_rows(value)]
    return sorted(found, key=lambda name: (name.startswith("_"), name))


def texts(names: Mapping[str, Any]) -> list[str]:
    """Return the variables that hold a text."""
    return sorted(n for n, v in names.items() if n.isidentifier() and not n.startswith("_") and _is(v, str))
