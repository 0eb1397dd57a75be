"""Arrow tables to frames, whole or in windows. pyarrow is imported only for an Arrow table.

Rules of this file:

1. A type survives: dates, times, decimals, lists and structs are Python's own values, dictionaries are categories,
   integers and truths with a null stay what they are (pandas' nullable dtypes), and a null is a missing cell.
2. What has more than :data:`LARGE_ROWS` rows is read window by window and never held whole, unless its rows have labels
   of their own: whether those are distinct is known of all rows only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from fh_notebook.batching.tables.rows import column_names
from fh_notebook.batching.tables.values import object_series
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import one_line, short, type_text
from fh_notebook.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

LARGE_ROWS: Final = 100_000
"""Arrow tables of more rows are read in windows: as jobs, so many take about 200 MB."""
PROBLEM_CAP: Final = 300
"""Characters of what another library says: a failed query repeats itself."""
CORRECT_QUERY: Final = "correct the query or the file that they come from"


def is_arrow(source: Any) -> bool:
    """Whether `source` has the Arrow PyCapsule interface, as Polars, PyArrow, DuckDB and Ibis have."""
    return hasattr(type(source), "__arrow_c_stream__")


@dataclass(frozen=True, slots=True)
class FrameStream:
    """A large table, which is read once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    where: str = ""
    """The file that it is read from, for errors."""

    def windows(self, rows: int) -> Iterator[pd.DataFrame]:
        """Yield frames of so many rows each, whatever the sizes of the batches are."""
        import pyarrow as pa

        parts: list[pa.RecordBatch] = []
        count = 0
        for batch in _readable(self.batches, self.where):
            left = batch
            while left.num_rows:
                part = left.slice(0, rows - count)
                left = left.slice(part.num_rows)
                parts.append(part)
                count += part.num_rows
                if count == rows:
                    yield frame_of_arrow(pa.Table.from_batches(parts, self.schema), may_have_null=True)
                    parts, count = [], 0
        if parts:
            yield frame_of_arrow(pa.Table.from_batches(parts, self.schema), may_have_null=True)


def read_exported(source: Any, *, whole: bool) -> pd.DataFrame | FrameStream:
    """Return what a source with the Arrow PyCapsule interface holds; see :func:`read_batches`."""
    ensure_installed("pyarrow", "Polars, DuckDB and other Arrow tables need")
    import pyarrow as pa

    problem = ""
    try:  # the other library's own code runs here, perhaps a whole query: any error is its
        reader = pa.RecordBatchReader.from_stream(source)
    except Exception as exc:
        problem = _reason(exc)
    if problem:
        raise InputError(f"rows are {type_text(source)} that cannot be read: {problem}; {CORRECT_QUERY}")
    return read_batches(reader.schema, reader, whole=whole)


def read_batches(schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, whole: bool) -> pd.DataFrame | FrameStream:
    """Return Arrow batches as a frame, or as a stream of frames."""
    import pyarrow as pa

    column_names(schema.names)
    coming, held, count = _readable(batches), [], 0
    for batch in coming:
        held.append(batch)
        count += batch.num_rows
        if count > LARGE_ROWS and not (whole or _index_columns(schema)):
            return FrameStream(schema, chain(_emptied(held), coming))
    return frame_of_arrow(pa.Table.from_batches(held, schema))


def _emptied(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches, and hold none that was yielded."""
    batches.reverse()
    while batches:
        yield batches.pop()


def _readable(batches: Iterable[pa.RecordBatch], where: str = "") -> Iterator[pa.RecordBatch]:
    """Yield batches; what goes wrong when the next one is made is an error of the rows, in the file `where`."""
    import pyarrow as pa

    coming = iter(batches)
    while True:
        try:
            batch = next(coming, None)
        except InputError as exc:  # from an inner reader, which does not know the file
            problems: tuple[Any, ...] = exc.problems
        except (pa.ArrowException, OSError) as exc:
            problems = (f"the rows cannot be read: {_reason(exc)}; {CORRECT_QUERY}",)
        else:
            if batch is None:
                return
            yield batch
            continue
        raise InputError(problems, where=where)


def frame_of_arrow(table: pa.Table, *, may_have_null: bool = False) -> pd.DataFrame:
    """Return an Arrow table as a frame, under the index that pandas has noted in it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> frame = frame_of_arrow(pa.table({"case": [4007, None], "tags": [["late"], []]}))
    >>> frame.dtypes["case"], frame["tags"].tolist()
    (Int64Dtype(), [['late'], []])
    """
    problems = []
    try:
        return _converted(table, may_have_null=may_have_null)
    except _unreadable() as exc:
        problems = [*_column_problems(table)] or [_reason(exc)]
    raise InputError(problems)


def _column_problems(table: pa.Table) -> Iterator[str]:
    for name in table.column_names:
        try:
            _converted(table.select([name]).replace_schema_metadata(None))
        except _unreadable() as exc:
            yield (
                f"the column {short(name)} cannot be read ({_reason(exc)}); leave it out, or convert its values "
                "to strings"
            )


def _unreadable() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, KeyError, ValueError, OverflowError)  # a date beyond the year 9999, say


def _reason(exc: Exception) -> str:
    return one_line(error_text(exc), PROBLEM_CAP)


def _converted(table: pa.Table, *, may_have_null: bool = False) -> pd.DataFrame:
    import pyarrow as pa

    nullable = _nullable_dtypes()
    with_null = {column.type for column in table.columns if may_have_null or column.null_count}
    # In the order of the frame's columns, where a place may have a name of another kind.
    places = [name for name in table.column_names if name not in _index_columns(table.schema)]
    objects = {name: _values(table[name]) for name in places if _is_object(table.schema.field(name).type)}
    for name in objects:
        table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table)))
    frame: pd.DataFrame = table.to_pandas(
        types_mapper=lambda kind: nullable.get(kind) if kind in with_null else None, maps_as_pydicts="strict"
    )
    for name, values in objects.items():
        frame.isetitem(places.index(name), object_series(values).array)
    return frame


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column, with a dict for each map, also within lists and structs."""
    values = column.to_pylist()
    return [_with_dicts(value, column.type) for value in values] if _has_map(column.type) else values


def _has_map(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_map(kind) or any(_has_map(kind.field(place).type) for place in range(kind.num_fields))


def _with_dicts(value: Any, kind: pa.DataType) -> Any:
    """Return a value in which pairs of keys and values are dicts, where its type says that they are a map.

    ``to_pylist(maps_as_pydicts=)`` does it too, but not in the oldest pyarrow that we work with.
    """
    import pyarrow as pa

    if value is None or not _has_map(kind):
        return value
    if pa.types.is_map(kind):
        return {key: _with_dicts(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {name: _with_dicts(item, kind.field(name).type) for name, item in value.items()}
    return [_with_dicts(item, kind.value_type) for item in value]


def _index_columns(schema: pa.Schema) -> frozenset[str]:
    """Return the columns that are the index of the pandas frame that was written."""
    about = (schema.metadata or {}).get(b"pandas")
    columns = json.loads(about).get("index_columns", []) if about else []
    return frozenset(name for name in columns if isinstance(name, str))  # a RangeIndex is an object, and no column


@cache
def _nullable_dtypes() -> dict[Any, Any]:
    import pyarrow as pa

    kinds = {getattr(pa, f"{u}int{bits}")(): f"{u[:1].upper()}Int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)}
    return {arrow: pd.api.types.pandas_dtype(name) for arrow, name in {**kinds, pa.bool_(): "boolean"}.items()}


def _is_object(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are read one by one: pandas would make arrays of lists, and bytes of a UUID."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return not kind.extension_name.startswith("pandas.")
    return bool(pa.types.is_nested(kind)) and not pa.types.is_map(kind)
