"""`fh.grid`: the product of factors as a table of rows, each with a label that a person can read.

Rule of this file: the result is a plain DataFrame. Its factors are noted in ``frame.attrs``; the note counts only where
the product of their numbers is the number of rows, so a filtered grid is a table as any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import (
    TABLE_FACTOR,
    Factors,
    Rows,
    frame_of_records,
    label_part,
    note_factors,
)
from fh_notebook.batching.tables.values import object_series, plain
from fh_notebook.core import arguments
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import is_iterable
from fh_notebook.errors import InputError

MAX_ROWS: Final = 1_000_000
"""Every row is a call of each variant: more is taken for a mistake."""


@arguments.public
def grid(rows: Any = None, /, **factors: Any) -> pd.DataFrame:
    """Return every combination of some values as a table for ``fh.batch``, ``fh.race`` or ``fh.form(over=)``.

    The last factor varies fastest. The index has a label for each row, such as ``calm / 60``. The plan of a batch says
    how its calls come about (``2 tone x 2 max_words x 2 variants``), and ``fh.compare(batch).slice(by="tone")``
    compares by a factor.

    Parameters
    ----------
    rows : DataFrame, list of dicts, path, or None
        A table whose rows are each combined with the values; whatever ``fh.batch`` takes as rows.
    **factors
        The values of each column, as a list. ``None`` is a cell without a value, which is not sent.

    Returns
    -------
    DataFrame
        The columns of `rows`, then one column a factor.

    Raises
    ------
    InputError
        A factor has no value or one of them twice, is no list, or is a column of `rows`; or there are more than a
        million combinations.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> fh.grid(tone=["calm", "brief"], max_words=[60, 120])
                  tone  max_words
    calm / 60     calm         60
    calm / 120    calm        120
    brief / 60   brief         60
    brief / 120  brief        120
    >>> len(fh.grid([{"ticket": "late"}, {"ticket": "broken"}], tone=["calm", "brief"]))
    4
    """
    arguments.check(grid, locals(), but={"factors"})
    if not factors:
        raise InputError("grid needs at least one factor and its values: fh.grid(tone=['calm', 'brief'])")
    table = None if rows is None else read_rows(rows)
    values: dict[str, list[Any]] = {}
    problems: list[str] = []
    for name, given in factors.items():
        read = _values(given)
        problems += _problems(name, given, read, table)
        values[name] = read or []
    if problems:
        raise InputError(problems)
    of_table: Factors = () if table is None else ((TABLE_FACTOR, len(table)),)
    counts = (*of_table, *((name, len(of)) for name, of in values.items()))
    total = math.prod(count for _, count in counts)
    if total > MAX_ROWS:
        product = " x ".join(f"{count:,} {name}" for name, count in counts)
        raise InputError(f"{product} = {total:,} rows, more than {MAX_ROWS:,}; give fewer values")
    places = _places([count for _, count in counts])
    blocks = [] if table is None else [(table.frame, _texts(table.labels))]
    blocks += [(_column(name, of), _texts(of)) for name, of in values.items()]
    columns: dict[str, Any] = {}
    for (frame, _), at in zip(blocks, places, strict=True):
        columns |= {name: frame[name].take(at).reset_index(drop=True) for name in frame.columns}
    of_each = [[texts[place] for place in at] for (_, texts), at in zip(blocks, places, strict=True)]
    product_frame = pd.DataFrame(columns, index=pd.RangeIndex(total))
    labels = [" / ".join(texts) for texts in zip(*of_each, strict=True)]
    if len(set(labels)) < total:  # "x / y" and "z", "x" and "y / z"
        labels = [" / ".join(map(str, at)) for at in zip(*places, strict=True)]
    product_frame.index = pd.Index(labels)
    note_factors(product_frame, counts)
    return product_frame


def _values(given: Any) -> list[Any] | None:
    """Return the values of a factor, one more than there may be of an endless iterator; ``None`` of what is no list."""
    if not is_iterable(given) or isinstance(given, str | bytes | Mapping | pd.DataFrame):
        return None
    values = given.to_pylist() if hasattr(given, "to_pylist") else given  # of Arrow, whose items are no values
    return list(islice(values, MAX_ROWS + 1))


def _problems(name: str, given: Any, values: Sequence[Any] | None, table: Rows | None) -> list[str]:
    if table is not None and name in table.columns:
        return [f"{name} is a column of the rows, too; rename one of them"]
    if values is None:
        return [f"{name} is {short(given)}; give a list of its values"]
    if name == "rows" and any(isinstance(value, Mapping) for value in values):
        return ["rows is a list of dicts; give a table first, without a name: fh.grid(tickets, tone=[...])"]
    if not values:
        return [f"{name} has no value; give at least one"]
    if len(values) > MAX_ROWS:
        return [f"{name} has more than {MAX_ROWS:,} values; give fewer"]
    first: dict[str, int] = {}
    for place, value in enumerate(values):
        if first.setdefault(_identity(value), place) != place:
            return [f"{name} has {short(value)} twice; give it once (fh.batch(..., repeats=2) runs each row again)"]
    return []


def _column(name: str, values: Sequence[Any]) -> pd.DataFrame:
    """Return the values as a column, of their dtype; as they are where one is missing: 60 beside it stays 60."""
    if any(value is None for value in values):
        return pd.DataFrame({name: object_series(values)})
    return frame_of_records([{name: value} for value in values], [name])


def _identity(value: Any) -> str:
    """Return a text that equal values share: 1, 1.0 and True differ, as they do in JSON."""
    try:
        return canonical_json([plain(value)])
    except (ValueError, TypeError, RecursionError):  # no JSON value: the check of the batch's inputs names it
        return f"[{id(value)}]"


def _places(counts: Sequence[int]) -> list[np.ndarray[Any, Any]]:
    """Return of each factor the place of its value in every combination, the last one varying fastest."""
    places, rows = [], np.arange(math.prod(counts))
    for count in reversed(counts):
        rows, at = np.divmod(rows, count)
        places.append(at)
    return places[::-1]


def _texts(values: Sequence[Any]) -> list[str]:
    """Return the values for labels; their places, where the texts do not tell them apart."""
    simple = [plain(value) for value in values]  # a date is its ISO 8601 text
    texts = [*map(label_part, simple)]
    return texts if len(set(texts)) == len(texts) else [str(place) for place in range(len(texts))]
