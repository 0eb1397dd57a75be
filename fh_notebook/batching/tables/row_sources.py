"""Sources of rows: which objects are read as rows, and how each is recognised.

Rules of this file:

1. A source is recognised by what it can do, in the order of :data:`SOURCES`; no other library is imported for it.
2. A table gives a frame, whose types survive; one that is large is a stream, where the caller can read windows. A list
   gives its items.
3. What is accepted is one sentence, :data:`~fh_notebook.batching.tables.accepted.ACCEPTED`, for errors and help.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.tables.accepted import ACCEPTED
from fh_notebook.batching.tables.arrow_tables import (
    CORRECT_QUERY,
    LARGE_ROWS,
    PROBLEM_CAP,
    FrameStream,
    is_arrow,
    read_exported,
)
from fh_notebook.batching.tables.row_files import FilePath, is_readable, read_file
from fh_notebook.batching.tables.rows import Items, Rows, rows_of_frame, rows_of_items, typed_column
from fh_notebook.batching.tables.values import object_series
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.text_variables import single_text
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import listed, one_line, short, type_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import is_iterable
from fh_notebook.errors import InputError

UNKNOWN_ROWS: Final = (
    f"which are not known in advance for an iterator, or for an Arrow or Parquet table of more than {LARGE_ROWS:,} rows"
)
"""Of which sources not all rows are known, for the messages of what needs them."""


def read_rows(source: Any, deployment: Deployment | None = None) -> Rows:
    """Return the rows of `source`, all of them.

    Examples
    --------
    >>> rows = read_rows([{"text": "a"}, {"text": "b", "expected_output": "B"}])
    >>> rows.labels, rows.plain_columns
    ((0, 1), ['text'])
    >>> read_rows({"text": ["a", "b"], "n": [1, None]}).records
    ({'text': 'a', 'n': 1}, {'text': 'b'})
    """
    reading = _Reading(whole=True, deployment=deployment)
    return reading.rows(reading.content(source))


def read_frame(source: Any) -> pd.DataFrame:
    """Return what is read as rows as a frame: a DataFrame as it is, other tables with the types that they have."""
    reading = _Reading(whole=True)
    content = reading.content(source)
    return content if isinstance(content, pd.DataFrame) else reading.rows(content).frame


def open_rows(source: Any, deployment: Deployment | None = None) -> Rows | RowStream:
    """Return the rows of `source`, or a stream where they come one by one or are many.

    An iterator is a stream; so are Arrow tables and files of more than
    :data:`~fh_notebook.batching.tables.arrow_tables.LARGE_ROWS` rows.
    """
    reading = _Reading(whole=False, deployment=deployment)
    if isinstance(source, Iterator) and not (is_arrow(source) or _is_open_file(source)):
        return RowStream(source, reading)
    content = reading.content(source)
    return RowStream(content, reading) if isinstance(content, FrameStream) else reading.rows(content)


def is_table(source: Any) -> bool:
    """Whether `source` is a table of columns, and no list, text or file; nothing of it is read for that."""
    return next((kind.is_table for kind in SOURCES if kind.matches(source)), False)


def is_columns(source: Mapping[Any, Any], *, but: type) -> bool:
    """Whether a mapping is a dict of columns, and not one of lists of rows by name.

    Examples
    --------
    >>> is_columns({"row": [0, 1], "output": ["a", {}]}, but=float), is_columns({"monday": [{"row": 0}]}, but=float)
    (True, False)
    """
    are_columns = bool(source) and all(map(_is_column, source.values()))
    return are_columns and any(len(v) and not isinstance(next(iter(v)), Mapping | but) for v in source.values())


class RowStream:
    """Rows that are read window by window, once, and never held whole.

    Parameters
    ----------
    source : iterator of mapping or of str, or FrameStream
        Where they come from.
    reading : _Reading
        How a window is read.
    """

    def __init__(self, source: Iterator[Any] | FrameStream, reading: _Reading) -> None:
        self._source = source
        self._reading = reading

    def windows(self, rows: int, *, first: int | None = None) -> Iterator[pd.DataFrame | Items]:
        """Yield so many rows each, unread, as far as the first ones need.

        Of an iterator no row behind the `first` is taken; a table has whole windows.
        """
        if isinstance(self._source, FrameStream):
            windows = self._source.windows(rows)
            yield from windows if first is None else islice(windows, -(-first // rows))
            return
        source = self._source if first is None else islice(self._source, first)
        while values := list(islice(source, rows)):
            yield Items(values=values)

    def read(self, window: pd.DataFrame | Items) -> Rows:
        """Return the rows of a window."""
        return self._reading.rows(window)


Content = Rows | pd.DataFrame | FrameStream | Items


@dataclass(frozen=True, slots=True)
class _Reading:
    """How sources are read: whether all rows are wanted at once, and whom texts are for."""

    whole: bool
    deployment: Deployment | None = None

    def content(self, source: Any) -> Content:
        """Return what a source holds."""
        for kind in SOURCES:
            if kind.matches(source):
                return kind.read(source, self)
        raise InputError(f"rows are given as {type_text(source)}; give {ACCEPTED}")

    def rows(self, content: Any) -> Rows:
        """Return the rows of a content."""
        if isinstance(content, Rows):
            return content
        if isinstance(content, Items) and content.values and all(map(_is_path, content.values)):
            raise InputError(
                "rows are paths of files; give one path, a pattern of Parquet files, or what you read from them: "
                "pd.concat(map(pd.read_csv, paths))"
            )
        return rows_of_frame(content) if isinstance(content, pd.DataFrame) else rows_of_items(content, self.text_column)

    def text_column(self) -> str:
        """Return the column of texts without a name."""
        if self.deployment is None:
            raise InputError(f"rows are strings, and their column is not set; give {_BY_NAME.format('text')}")
        name = single_text(self.deployment.inputs)
        if name is None:
            raise InputError(f"rows are strings, {_why_not_single(self.deployment)}", where=self.deployment.name)
        return name


_BY_NAME: Final = "[{{{0!r}: t}} for t in texts]"


def _why_not_single(deployment: Deployment) -> str:
    needed: list[str] = deployment.inputs.get("required", [])
    names = deployment.variable_names
    if not names:
        return f"and no Start variable is declared for them; give {_BY_NAME.format('text')}, by its name"
    if len(needed) > 1:
        record = ", ".join(f"{name!r}: ..." for name in needed[:5])
        return f"and the Start variables {listed(needed, 'and')} are required; give dicts such as {{{record}}}"
    name = needed[0] if needed else names[0]
    why = f"{listed(needed, 'and')} is required and takes no text" if needed else f"for one of {listed(names, 'and')}"
    return f"and {why}; give dicts of the variables: {_BY_NAME.format(name)}"


# --- what is recognised


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """A kind of source."""

    matches: Callable[[Any], bool]
    """By its type: nothing of it is run."""
    read: Callable[[Any, _Reading], Content] = field(repr=False)
    is_table: bool = False
    """Whether it is a table of columns."""


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda source: not isinstance(source, type) and all(hasattr(type(source), name) for name in names)


def _is_of(*kinds: type) -> Callable[[Any], bool]:
    return lambda source: isinstance(source, kinds)


def _read_path(path: str | PathLike[str], reading: _Reading) -> Content:
    if path == "":  # which is the working folder to whoever opens files
        raise InputError(f"rows are given as an empty string; give {ACCEPTED}")
    return read_file(Path(path), whole=reading.whole)


def _refuse_dask(source: Any, _: _Reading) -> Content:
    raise InputError(
        f"rows are {type_text(source)} of Dask; fh.batch takes a dask.dataframe (Series.to_frame(), "
        "Bag.to_dataframe(), dd.from_delayed(...)), other functions take the result of its compute()"
    )


def _read_series(source: Any, reading: _Reading) -> Content:
    """Read a Series of pandas or Polars: a column of its name; texts without a name are for the one text variable."""
    if source.name is not None and source.name != "":
        return reading.content(source.to_frame())
    values = source.to_list()
    if values and all(isinstance(value, str) for value in values):
        return reading.content(source.rename(reading.text_column()).to_frame())
    return Items(values=values)


def _is_open_file(source: Any) -> bool:
    return isinstance(source, io.IOBase)


def _refuse_awaitable(source: Any, _: _Reading) -> Content:
    raise InputError(f"rows are {type_text(source)}, which has not run yet; give what it returns: await it first")


def _refuse_open_file(source: Any, _: _Reading) -> Content:
    name = getattr(source, "name", None)
    cure = f"its path, {name!r}" if isinstance(name, str) else "the path of a file"
    raise InputError(f"rows are an open file, whose lines are not rows; give {cure}")


def _is_path(item: Any) -> bool:
    """Whether an item is the path of a file: as a row, its name would be called."""
    if not isinstance(item, str):
        return isinstance(item, PathLike)
    return is_readable(Path(item)) and os.path.isfile(FilePath.of(item).path)


def _collected(query: Any) -> Any:
    problem = ""
    try:
        return query.collect()
    except Exception as exc:  # the other library's: a query failed
        problem = one_line(error_text(exc), PROBLEM_CAP)
    raise InputError(f"rows are {type_text(query)} that cannot be read: {problem}; {CORRECT_QUERY}")


def _is_record_array(source: Any) -> bool:
    return isinstance(source, np.ndarray) and source.dtype.names is not None and source.ndim == 1


def _frame_of_columns(source: Mapping[Any, Any]) -> pd.DataFrame:
    if tables := [name for name, values in source.items() if is_table(values)]:
        raise InputError(f"rows are {counted(len(tables), 'table')} by name; give one of them: {listed(tables, 'or')}")
    problems = [
        f"the column {short(name)} is {type_text(values)}, not a list of values; give a list for each column, or "
        "for one row a list of one dict"
        for name, values in source.items()
        if not _is_column(values)
    ]
    if problems:
        raise InputError(problems)
    columns = {name: _column(values) for name, values in source.items()}
    if len({len(column) for column in columns.values()}) > 1:
        parts = ", ".join(f"{short(name)}: {counted(len(column), 'value')}" for name, column in columns.items())
        raise InputError(f"the columns are of different lengths ({parts}); give each as many values as there are rows")
    return pd.DataFrame(columns)


def _is_column(values: Any) -> bool:
    is_other = isinstance(values, str | bytes | Mapping | set | frozenset | Iterator)
    return is_iterable(values) and hasattr(values, "__len__") and not is_other and not is_table(values)


def _column(values: Any) -> pd.Series[Any]:
    if isinstance(values, pd.Series | pd.Index):
        return pd.Series(values.array)  # by place, whatever its own index is
    if isinstance(values, np.ndarray | pd.api.extensions.ExtensionArray):
        return pd.Series(values) if values.ndim == 1 else object_series(values)
    return typed_column(values.to_pylist() if hasattr(values, "to_pylist") else list(values))


SOURCES: Final = (
    SourceKind(matches=_is_of(Rows), read=lambda rows, _: rows),
    SourceKind(matches=_is_of(pd.DataFrame), read=lambda frame, _: frame, is_table=True),
    SourceKind(matches=_is_of(str, PathLike), read=_read_path),
    SourceKind(matches=_is_open_file, read=_refuse_open_file),
    SourceKind(matches=_has("__dask_graph__"), read=_refuse_dask),  # some of Dask can be awaited, too
    SourceKind(matches=_has("__await__"), read=_refuse_awaitable),
    SourceKind(matches=_has("to_frame", "to_list", "rename", "name"), read=_read_series),
    SourceKind(matches=_has("to_pylist", "type"), read=lambda array, _: Items(values=array.to_pylist())),
    SourceKind(
        matches=is_arrow,
        read=lambda table, reading: read_exported(table, whole=reading.whole),
        is_table=True,
    ),
    SourceKind(matches=_has("as_table", "get_name"), read=lambda column, reading: reading.content(column.as_table())),
    SourceKind(  # a lazy frame of Polars
        matches=_has("collect", "collect_schema"),
        read=lambda query, reading: reading.content(_collected(query)),
        is_table=True,
    ),
    SourceKind(  # a dataset of Hugging Face
        matches=_has("column_names", "to_pandas", "__getitem__"),
        read=lambda dataset, _: Items(values=list(dataset)),
        is_table=True,
    ),
    SourceKind(
        matches=_is_record_array,
        read=lambda array, _: _frame_of_columns({name: array[name] for name in array.dtype.names}),
        is_table=True,
    ),
    SourceKind(matches=_is_of(Mapping), read=lambda columns, _: _frame_of_columns(columns)),
    SourceKind(
        matches=lambda source: is_iterable(source) and not isinstance(source, bytes | bytearray | memoryview),
        read=lambda items, _: Items(values=list(items)),
    ),
)
"""In the order of recognition."""
