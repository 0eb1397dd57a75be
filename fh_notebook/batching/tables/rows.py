"""`Rows`: plain rows, each with its label, made of a DataFrame or of dicts.

- The source is not changed, and nothing is dropped.
- Each row has a label, by which it is shown and later paired: the frame's own index where that is unique, or the
  position from 0. A label is one number or text, whatever the index is; the index itself is restored from what is
  stored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.tables.safe_text import without_halves
from fh_notebook.batching.tables.values import dtype_to_json, object_series, plain, series_of_dtype
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.text.formatting import listed, one_line, short
from fh_notebook.errors import InputError


def labels_of(index: pd.Index) -> tuple[tuple[Any, ...], str]:
    """Return the index as labels; places from 0, and why, where it does not tell rows apart."""
    if isinstance(index, pd.RangeIndex):
        return tuple(index), ""
    labels = [label_from(value) for value in index.tolist()]
    places = tuple(range(len(labels)))
    # 1, 1.0 and True are one to whoever pairs by them.
    if any(is_missing(value) for value in index.tolist()) or len(set(labels)) < len(labels):
        return places, "the frame's index does not identify its rows, so rows are named by their position from 0"
    return tuple(labels), ""


def own_index(index: pd.Index) -> pd.Index | None:
    """Return an index that somebody has chosen: any but 0, 1, 2, ... without a name."""
    if index.name is None and index.nlevels == 1 and index.equals(pd.RangeIndex(len(index))):
        return None
    chosen: pd.Index = index
    return pd.Index(chosen.to_numpy(), name=chosen.name) if isinstance(chosen, pd.RangeIndex) else chosen


def index_of(labels: Sequence[Any], names: Sequence[Any] | None, dtypes: Sequence[Any] | None = None) -> pd.Index:
    """Return the index of :attr:`Rows.stored_labels` and :attr:`Rows.index_names`; without one, an index from 0.

    Without the :attr:`Rows.index_dtypes`, values are what JSON keeps of them: a moment is its text.
    """
    levels = list(names or ())
    if not levels or any(isinstance(label, list) != (len(levels) > 1) for label in labels):
        return pd.RangeIndex(len(labels))
    kinds = list(dtypes or ()) if len(dtypes or ()) == len(levels) else [None] * len(levels)
    if len(levels) == 1:
        return _level(labels, kinds[0]).rename(levels[0])
    columns = [_level([label[level] for label in labels], kind) for level, kind in enumerate(kinds)]
    return pd.MultiIndex.from_arrays(columns, names=levels)


def _level(values: Sequence[Any], dtype: Any) -> pd.Index:
    column = series_of_dtype(values, dtype)
    level: pd.Index = pd.Index(list(values) if column is None else column)
    return level


def label_of(stored_label: Any) -> Any:
    """Return a row's label for a person, from its stored label."""
    return " / ".join(map(str, stored_label)) if isinstance(stored_label, list) else stored_label


def label_from(value: Any) -> Any:
    """Return the label of the row that has this value in the frame's index."""
    if isinstance(value, tuple):  # one row of a MultiIndex
        return label_of([plain(part) for part in value])
    simple = plain(value)
    return simple if isinstance(simple, str | int | float) else str(simple)


LABEL_SHOWN: Final = 30
"""Characters of one value in a label of several."""


def label_part(value: Any) -> str:
    """Return the text of a value within a label that is made of several.

    Examples
    --------
    >>> label_part(60), label_part("Where is my parcel? It should have come.")
    ('60', 'Where is my parcel? It should…')
    """
    return without_halves(one_line(value if isinstance(value, str) else short(value), LABEL_SHOWN))


def distinct_labels(labels: Iterable[Any]) -> list[Any]:
    """Return labels such that those of different kinds differ: 1, 1.0 and True are equal in Python, and three rows.

    Of equal ones, the kind that comes first stays as it is; the others become texts.

    Examples
    --------
    >>> distinct_labels([1, True, 1, 1.0]), distinct_labels([0, 1.5, "a"])
    ([1, 'True (bool)', 1, '1.0 (float)'], [0, 1.5, 'a'])
    """
    values = list(labels)
    first: dict[Any, type] = {}
    for label in values:
        first.setdefault(label, type(label))
    return [x if type(x) is first[x] else f"{x!r} ({type(x).__name__})" for x in values]


EXPECTED: Final = "expected_output"

METADATA_PREFIX: Final = "metadata."
"""The service's own dataset convention (CONTRACT section 8): plain columns are inputs, these two kinds are not."""


Factors = tuple[tuple[str, int], ...]
"""The factors of a table that is their product, each with the number of its values."""

TABLE_FACTOR: Final = "row"
"""The name of the factor that is the rows of a table."""

FACTORS: Final = "fh_notebook.factors"
"""The name in ``frame.attrs``, which pandas keeps in a Parquet file, too."""


def note_factors(frame: pd.DataFrame, factors: Factors) -> None:
    """Note in ``frame.attrs`` that a table is the product of these factors."""
    frame.attrs[FACTORS] = [list(factor) for factor in factors]


def factors_of(noted: Any, rows: int) -> Factors:
    """Return the factors as they were noted, of a table of so many rows; none where it is not their product.

    Examples
    --------
    >>> factors_of([["tone", 2], ["max_words", 3]], 6), factors_of([["tone", 2], ["max_words", 3]], 5)
    ((('tone', 2), ('max_words', 3)), ())
    """
    match noted:
        case [*pairs] if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            factors = tuple((str(name), count) for name, count in pairs if type(count) is int)
            return factors if factors and math.prod(count for _, count in factors) == rows else ()
    return ()


def metadata_columns(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of metadata; what is nested is JSON text, since the service takes only plain values.

    Examples
    --------
    >>> metadata_columns({"case": 7, "tags": ["late"]})
    {'metadata.case': 7, 'metadata.tags': '["late"]'}
    """
    return {
        f"{METADATA_PREFIX}{name}": value
        if value is None or isinstance(value, str | int | float | bool)
        else json.dumps(value, ensure_ascii=False, default=str)
        for name, value in metadata.items()
    }


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows as they will be called."""

    labels: tuple[Any, ...]
    """One a row, each once: a number or a text."""
    columns: tuple[str, ...]
    records: tuple[dict[str, Any], ...] = field(repr=False)
    """JSON values by column. What is missing in a table is left out; a null that a list of dicts gives is ``None``."""
    make_frame: Callable[[], pd.DataFrame] = field(repr=False)
    """Makes :attr:`frame`: a batch that is never looked at needs none."""
    tabular: bool
    """Whether cells came out of a table, where a number may be text or a float; a list of dicts says what it means."""
    note: str = ""
    """What a person should know of how the rows were read."""
    index: pd.Index[Any] | None = field(default=None, repr=False)
    """Of a frame with an index of its own that tells its rows apart: never a ``RangeIndex``, which is nobody's own."""
    factors: Factors = ()
    """Of a table that is a product (``fh.grid``)."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The source columns with their own dtypes, one line a row."""
        return self.make_frame()

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of the rows at `positions`, under the source's own index, or one from 0."""
        frame = self.frame.take(positions).reset_index(drop=True)
        return frame if self.index is None else frame.set_axis(self.index.take(positions), axis=0)

    def head(self, count: int) -> Rows:
        """Return the first rows; these ones where there are no more."""
        if count >= len(self):
            return self
        index = None if self.index is None else self.index[:count]
        return replace(
            self,
            labels=self.labels[:count],
            records=self.records[:count],
            make_frame=lambda: self.frame.iloc[:count],
            index=index,
        )

    @property
    def stored_labels(self) -> Sequence[Any]:
        """The labels as they are saved: of several levels a list each, so that the index can be made again."""
        if isinstance(self.index, pd.MultiIndex):
            return [[plain(part) for part in levels] for levels in self.index.tolist()]
        return self.labels

    @property
    def index_names(self) -> list[Any] | None:
        """The names of :attr:`index`, level by level; ``None`` without one."""
        return None if self.index is None else [None if n is None else str(n) for n in self.index.names]

    @property
    def index_dtypes(self) -> list[Any] | None:
        """The dtypes of :attr:`index`, level by level, as they are saved; ``None`` without one."""
        index = self.index
        return None if index is None else [dtype_to_json(index.get_level_values(n).dtype) for n in range(index.nlevels)]

    @property
    def dtypes(self) -> dict[str, Any]:
        """The dtypes of the source columns as they are saved, those that can be."""
        by_column = {name: dtype_to_json(dtype) for name, dtype in self.make_frame().dtypes.items()}
        return {str(name): dtype for name, dtype in by_column.items() if dtype is not None}

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `positions` as JSON values, a missing cell as ``None``."""
        return [{column: self.records[position].get(column) for column in self.columns} for position in positions]

    @property
    def plain_columns(self) -> list[str]:
        """The columns that are neither the expected output nor metadata."""
        return [c for c in self.columns if c != EXPECTED and not c.startswith(METADATA_PREFIX)]


def rows_of_frame(source: pd.DataFrame) -> Rows:
    """Return the rows of a DataFrame, which is copied."""
    if isinstance(source.columns, pd.MultiIndex):
        raise InputError("the frame's columns have several levels; flatten them to one name a column")
    names = column_names(source.columns)
    frame = source.copy()
    frame.columns = pd.Index(names)
    labels, about_labels = labels_of(source.index)
    frame.index = pd.RangeIndex(len(frame))
    source_index = None if about_labels else own_index(source.index)
    records: list[dict[str, Any]] = [{} for _ in labels]
    for name in names:
        for record, value in zip(records, frame[name].tolist(), strict=True):
            if type(value) is str:  # as most are
                record[name] = value
            elif not is_missing(value):
                record[name] = plain(value)
    return Rows(
        labels=labels,
        columns=tuple(names),
        records=tuple(records),
        make_frame=lambda: frame,
        tabular=True,
        note=about_labels,
        index=source_index,
        factors=factors_of(source.attrs.get(FACTORS), len(labels)),
    )


def column_names(columns: Iterable[Any]) -> list[str]:
    """Return the names of columns as texts."""
    names = [str(c) for c in columns]
    _check_names(names)
    if doubled := sorted({n for n in names if names.count(n) > 1}):
        raise InputError(repeated_columns(doubled))
    return names


def _check_names(names: Iterable[str]) -> None:
    """Raise for a name with half a character: neither a store nor a file could hold it, nor an Arrow column."""
    for name in dict.fromkeys(names):
        if not name.isascii() and any("\ud800" <= char <= "\udfff" for char in name):
            raise InputError(f"the column name {short(name)} has a lone surrogate (a cut emoji); rename it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Rows one by one: dicts, or texts of one Start variable."""

    values: list[Any]
    where: Callable[[int], str] = "row {}".format
    """How a place among them is named."""
    source: str = ""
    """The file that they come from."""


def rows_of_items(items: Items, text_column: Callable[[], str]) -> Rows:
    """Return the rows of dicts, or of texts."""
    if items.values and all(isinstance(item, str) for item in items.values):
        name = text_column()
        items = replace(items, values=[{name: item} for item in items.values])
    try:
        return _rows_of_records(items.values, items.where)
    except InputError as exc:
        problems = exc.problems
    raise InputError(problems, where=items.source)


def repeated_columns(names: Sequence[str]) -> str:
    """Return the problem of columns that have the same name, and what to do.

    Examples
    --------
    >>> repeated_columns(["a", "b"])
    "the columns 'a' and 'b' occur more than once; rename one of each"
    """
    if len(names) == 1:
        return f"the column {listed(names)} occurs more than once; rename one of them"
    return f"the columns {listed(names, 'and')} occur more than once; rename one of each"


def _rows_of_records(records: list[Any], where: Callable[[int], str]) -> Rows:
    others = [i for i, record in enumerate(records) if not isinstance(record, Mapping)]
    hint = "give a dict, or leave it out"
    if len(others) == len(records):  # one problem, however many there are
        others, hint = others[:1], "give a list of dicts, such as [{'text': 'late'}], or a DataFrame"
    problems = [f"{where(i)}: {short(records[i])} is not a dict of column names to values; {hint}" for i in others]
    problems = problems or [
        f"{where(i)}: the column name {short(name)} is not a string; write it as one"
        for i, record in enumerate(records)
        for name in record
        if not isinstance(name, str)
    ]
    if problems:
        raise InputError(first_problems(problems))
    _check_names(name for record in records for name in record)
    # Copies: what the caller does to his own dicts afterwards changes no row.
    copies = [dict(record) for record in records]
    read = tuple({name: plain(value) for name, value in record.items()} for record in copies)
    columns = tuple(dict.fromkeys(name for record in read for name in record))
    return Rows(
        labels=tuple(range(len(read))),
        columns=columns,
        records=read,
        make_frame=lambda: frame_of_records(copies, columns),
        tabular=False,
    )


def frame_of_records(
    records: Sequence[Mapping[str, Any]], columns: Iterable[str], dtypes: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return `columns` of `records` as a frame, each with the dtype of its values, lists and dicts as they are.

    What `dtypes` (as from `dtype_to_json`) say of a column holds before, where its values fit.
    """
    series = {}
    for name in columns:
        values = [record.get(name) for record in records]
        column = series_of_dtype(values, dtypes[name]) if dtypes and name in dtypes else None
        series[name] = typed_column(values) if column is None else column
    return pd.DataFrame(series, index=pd.RangeIndex(len(records)))


def typed_column(values: list[Any]) -> pd.Series[Any]:
    """Return a column of values as :func:`column_of` does, where whole numbers stay what they are beside ``None``.

    Examples
    --------
    >>> typed_column([1, None]).dtype, typed_column([0.5, None]).dtype
    (Int64Dtype(), dtype('float64'))
    """
    present = [value for value in values if value is not None]
    are_whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in present)
    if not present or len(present) == len(values) or not are_whole:
        return column_of(values)
    try:
        return pd.Series(values, dtype="Int64")  # never by way of floats, which do not have each large number
    except (OverflowError, TypeError, ValueError):
        return object_series(values)


def first_problems(problems: list[str], cap: int = 20) -> list[str]:
    """Return as many problems as a person reads, and how many there are besides."""
    return problems if len(problems) <= cap else [*problems[:cap], f"and {len(problems) - cap:,} more"]


def column_of(values: list[Any]) -> pd.Series[Any]:
    """Return a column of values that may be lists and dicts: pandas must not take those for rows.

    Examples
    --------
    >>> column_of([1, 2]).dtype, column_of([[1], None]).tolist()
    (dtype('int64'), [[1], None])
    """
    if any(isinstance(v, list | tuple | dict) for v in values):
        return object_series(values)
    try:
        return pd.Series(values, dtype=object).infer_objects()
    except UnicodeEncodeError:  # half a character: Arrow, which pandas keeps texts in, has only whole ones
        return object_series(values)
