"""Columns of an export: the kind of each column over all parts of a batch.

- A column has one kind in the whole file. Where its values have no common kind it is text: texts as they are,
  everything else as JSON (as ``run.text`` shows an output).
- At most three parts are held at once: the first two and the current one. A table of several parts is read twice, once
  for its columns and once to be written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from pandas.api import types

from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.tables.frames import ATTRS, INSTANT, TEXT
from fh_notebook.batching.tables.values import plain

Kind = Any
"""A dtype, or its name; ``None`` is a column without any value so far."""


ALWAYS_TEXT: Final = frozenset({"output"})
"""An output is what a model says: its column must not be one of numbers because the answers of today are."""


def text_of(value: Any) -> str:
    """Return a text as it is, and any other value as JSON.

    Examples
    --------
    >>> text_of("hi"), text_of({"a": [1, None]}), text_of(pd.Timestamp("2026-11-25", tz="UTC"))
    ('hi', '{"a": [1, null]}', '2026-11-25T00:00:00+00:00')
    """
    simple = plain(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False, default=str)


def shape_of(parts: Iterable[pd.DataFrame]) -> dict[str, Kind]:
    """Return every column of all parts with its kind, in the order of their first coming.

    Examples
    --------
    >>> shape_of([pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [0.5], "b": ["x"]})])
    {'a': 'Float64', 'b': 'string[python]'}
    """
    shape: dict[str, Kind] = {}
    for number, part in enumerate(parts):
        for name in dict.fromkeys((*shape, *part.columns)):
            kind = None if name not in part.columns else TEXT if name in ALWAYS_TEXT else _kind_of(part[name])
            # A column that only later parts have is missing in the first one.
            shape[name] = _common(shape.get(name), kind) if name in shape or number else kind
    return {name: TEXT if kind is None else kind for name, kind in shape.items()}


def _kind_of(column: pd.Series[Any]) -> Kind:
    dtype = column.dtype
    if isinstance(dtype, pd.StringDtype):
        return TEXT
    if isinstance(dtype, pd.CategoricalDtype):
        are_texts = all(isinstance(category, str) for category in dtype.categories)
        return dtype if are_texts else _kind_of(column.astype("object"))
    if types.is_object_dtype(dtype):
        return _kind_of_values(column[column.notna()].tolist())
    simple = types.is_bool_dtype(dtype) or types.is_any_real_numeric_dtype(dtype) or dtype.kind in "Mm"
    return dtype if simple and not isinstance(dtype, pd.SparseDtype) else TEXT


def _kind_of_values(values: list[Any]) -> Kind:
    kinds = {type(value) for value in values}
    if not kinds:
        return None
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int, float} and all(abs(value) < 2**63 for value in values if isinstance(value, int)):
        return "Float64" if float in kinds else "Int64"
    return TEXT


def _nullable(kind: Kind) -> Kind:
    """Return the kind that has a place for missing values, too: numpy's own truths and whole numbers have none."""
    if kind is None or isinstance(kind, str):
        return kind
    if types.is_bool_dtype(kind):
        return "boolean"
    if isinstance(kind, np.dtype) and kind.kind in "iu":
        return "Int64" if kind.kind == "i" else "UInt64"
    return kind


def _common(one: Kind, other: Kind) -> Kind:
    if one is None or other is None:
        return _nullable(other if one is None else one)
    if one == other:
        return one
    pair = [types.pandas_dtype(kind) for kind in (one, other)]
    if all(map(types.is_bool_dtype, pair)):
        return "boolean"
    if all(types.is_any_real_numeric_dtype(kind) for kind in pair):
        unsigned = any(map(types.is_unsigned_integer_dtype, pair))
        if all(map(types.is_integer_dtype, pair)):
            return TEXT if unsigned else "Int64"
        return "Float64"
    return INSTANT if all(isinstance(kind, pd.DatetimeTZDtype) for kind in pair) else TEXT


def as_shaped(part: pd.DataFrame, shape: dict[str, Kind]) -> pd.DataFrame:
    """Return `part` with the columns of `shape`, each of its kind; columns that it has not are missing values."""
    lines = range(len(part))
    part = part.reset_index(drop=True)
    columns = {
        name: _cast(part[name] if name in part.columns else pd.Series([None] * len(part), dtype=object), kind)
        for name, kind in shape.items()
    }
    return pd.DataFrame(columns, index=lines)


def _cast(column: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    if column.dtype == kind:
        return column
    if kind == TEXT:
        is_missing = column.isna().tolist()
        values = [None if missing else text_of(v) for v, missing in zip(column.tolist(), is_missing, strict=True)]
        return pd.Series(values, dtype=TEXT)
    if types.is_object_dtype(column.dtype) and not isinstance(types.pandas_dtype(kind), pd.DatetimeTZDtype):
        typed: pd.Series[Any] = pd.Series(column.tolist(), dtype=kind)
        return typed
    # By way of to_datetime: a column of nothing but None has no time zone to convert from.
    times: pd.Series[Any] = pd.to_datetime(column, utc=True) if types.is_object_dtype(column.dtype) else column
    cast: pd.Series[Any] = times.astype(kind)
    return cast


_LEVEL: Final = "__index_{}__"


def index_as_columns(part: pd.DataFrame) -> pd.DataFrame:
    """Return `part` with the levels of its own index as its first columns, so that they have one kind in all parts."""
    if isinstance(part.index, pd.RangeIndex):  # nobody's own: see `rows.Rows.index`
        return part
    frame = part.reset_index(drop=True)
    for level in range(part.index.nlevels):
        frame.insert(level, _LEVEL.format(level), part.index.get_level_values(level))
    frame.attrs = part.attrs
    return frame


def columns_as_index(part: pd.DataFrame, names: list[Any]) -> pd.DataFrame:
    """Return `part` as it was before :func:`index_as_columns`; `names` are those of the levels, none without them."""
    if not names:
        return part
    return part.set_index([_LEVEL.format(level) for level in range(len(names))]).rename_axis(names)


PART: Final = 2_000
"""Lines that are held at once: of outputs of 3 kB some 6 MB."""


class ExportSource(Protocol):
    """What an export needs of a batch."""

    @property
    def name(self) -> str:
        """The batch's name."""
        ...

    @property
    def running(self) -> bool:
        """Whether calls are being made."""
        ...

    @property
    def counts(self) -> JobCounts:
        """How far it is."""
        ...

    def iter_frames(self, n: int = ...) -> Iterator[pd.DataFrame]:
        """Yield its lines in parts, at least one."""
        ...


@dataclass(frozen=True)
class FrameSource:
    """A table in memory, as an export takes it."""

    frame: pd.DataFrame
    name: str = "the table"
    running: bool = False

    @property
    def counts(self) -> JobCounts:
        """The number of its lines."""
        return JobCounts(planned=len(self.frame), done=len(self.frame))

    def iter_frames(self, n: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yield its lines in parts, at least one."""
        for begin in range(0, max(1, len(self.frame)), n):
            part = self.frame.iloc[begin : begin + n]
            part.attrs = self.frame.attrs
            yield part


@dataclass(frozen=True, kw_only=True)
class ExportSurvey:
    """What a first look at all parts has found."""

    shape: dict[str, Any]
    attrs: dict[Any, Any]
    template: pd.DataFrame
    """All columns with their kinds, and no line."""
    parts: Callable[[], Iterable[pd.DataFrame]]
    """Gives all of them anew."""
    index_names: list[Any]
    """Of the levels of the table's own index, which are its first columns here; none without one, or not asked for."""

    @classmethod
    def of(cls, source: ExportSource, *, with_index: bool = False) -> ExportSurvey:
        """Look at all parts of `source`."""
        read = index_as_columns if with_index else _unchanged
        stream = source.iter_frames(PART)
        came, second = next(stream), next(stream, None)
        first, attrs = read(came), came.attrs
        names = list(came.index.names) if first is not came else []
        if second is None:
            only, shape = first, shape_of([first])
            template = _empty_like(first, shape)
            return cls(shape=shape, attrs=attrs, template=template, parts=lambda: [only], index_names=names)
        head = first.iloc[:0]
        shape = shape_of(chain([first, read(second)], map(read, stream)))
        return cls(
            shape=shape,
            attrs=attrs,
            template=_empty_like(head, shape),
            parts=lambda: map(read, source.iter_frames(PART)),
            index_names=names,
        )

    def shaped(self) -> Iterator[pd.DataFrame]:
        """Yield the parts with all columns, each of its kind."""
        return (as_shaped(part, self.shape) for part in self.parts())

    @property
    def about(self) -> dict[str, Any]:
        """Where the lines are from, if they say so."""
        about = self.attrs.get(ATTRS)
        return about if isinstance(about, dict) else {}


def _unchanged(part: pd.DataFrame) -> pd.DataFrame:
    return part


def _empty_like(part: pd.DataFrame, shape: dict[str, Any]) -> pd.DataFrame:
    return as_shaped(part.iloc[:0], shape)
