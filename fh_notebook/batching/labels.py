"""By what a row is told and paired: its label, which is the frame's own index where that tells rows apart.

Rule of this file: a label is one number or text, whatever the index is; the index itself is made again of what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from fh_notebook.batching.cells import is_missing, plain
from fh_notebook.batching.dtypes import restored

__all__ = ["index_of", "label_from", "label_of", "labels_of", "own_index", "told_apart"]


def labels_of(index: pd.Index) -> tuple[tuple[Any, ...], str]:
    """Return the index as labels; places from 0, and why, where it does not tell rows apart."""
    found = [label_from(value) for value in index.tolist()]
    places = tuple(range(len(found)))
    # 1, 1.0 and True are one to whoever pairs by them.
    if any(is_missing(value) for value in index.tolist()) or len(set(found)) < len(found):
        return places, "the frame's index does not tell its rows apart, so rows are named by their place from 0"
    return tuple(found), ""


def own_index(index: pd.Index) -> pd.Index | None:
    """Return an index that somebody has chosen: any but 0, 1, 2, ... without a name."""
    if index.name is None and index.nlevels == 1 and index.equals(pd.RangeIndex(len(index))):
        return None
    chosen: pd.Index = index
    return pd.Index(chosen.to_numpy(), name=chosen.name) if isinstance(chosen, pd.RangeIndex) else chosen


def index_of(kept_labels: Sequence[Any], names: Sequence[Any] | None, dtypes: Sequence[Any] | None = None) -> pd.Index:
    """Return the index that :attr:`Rows.kept_labels` and :attr:`Rows.index_names` were; one from 0 where there is none.

    Without the :attr:`Rows.index_dtypes`, values are what JSON keeps of them: a moment is its text.
    """
    levels = list(names or ())
    if not levels or any(isinstance(label, list) != (len(levels) > 1) for label in kept_labels):
        return pd.RangeIndex(len(kept_labels))
    of_kinds = list(dtypes or ()) if len(dtypes or ()) == len(levels) else [None] * len(levels)
    if len(levels) == 1:
        return _level(kept_labels, of_kinds[0]).rename(levels[0])
    made = [_level([label[place] for label in kept_labels], kind) for place, kind in enumerate(of_kinds)]
    return pd.MultiIndex.from_arrays(made, names=levels)


def _level(values: Sequence[Any], dtype: Any) -> pd.Index:
    column = restored(values, dtype)
    made: pd.Index = pd.Index(list(values) if column is None else column)
    return made


def label_of(kept_label: Any) -> Any:
    """Return a row's label, by which it is told to a person, of what is kept of it."""
    return " / ".join(map(str, kept_label)) if isinstance(kept_label, list) else kept_label


def label_from(value: Any) -> Any:
    """Return the label of the row that has this value in the frame's index."""
    if isinstance(value, tuple):  # one row of a MultiIndex
        return label_of([plain(part) for part in value])
    simple = plain(value)
    return simple if isinstance(simple, str | int | float) else str(simple)


def told_apart(labels: Iterable[Any]) -> list[Any]:
    """Return labels such that those of different kinds differ: 1, 1.0 and True are equal in Python, and three rows.

    Of equal ones, the kind that comes first stays as it is; the others become texts.

    Examples
    --------
    >>> told_apart([1, True, 1, 1.0]), told_apart([0, 1.5, "a"])
    ([1, 'True (bool)', 1, '1.0 (float)'], [0, 1.5, 'a'])
    """
    given = list(labels)
    first: dict[Any, type] = {}
    for label in given:
        first.setdefault(label, type(label))
    return [x if type(x) is first[x] else f"{x!r} ({type(x).__name__})" for x in given]
