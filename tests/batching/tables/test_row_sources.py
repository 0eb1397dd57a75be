"""What is read as rows, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fh_notebook as fh
from fh_notebook.batching.tables.accepted import ACCEPTED
from fh_notebook.batching.tables.row_sources import RowStream, is_columns, open_rows, read_frame, read_rows
from fh_notebook.errors import InputError

RECORDS = ({"ticket": "late", "n": 1}, {"ticket": "broken", "n": 2})
FRAME = pd.DataFrame(RECORDS)


class Stream:
    """What has the Arrow interface and nothing else, as Ibis' tables have."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return pa.Table.from_pandas(FRAME).__arrow_c_stream__(requested_schema)


SOURCES: dict[str, Any] = {
    "pandas": lambda: FRAME,
    "Polars": lambda: pl.DataFrame(RECORDS),
    "a lazy frame": lambda: pl.LazyFrame(RECORDS).filter(pl.col("n") > 0),
    "pyarrow": lambda: pa.Table.from_pylist(list(RECORDS)),
    "a batch of pyarrow": lambda: pa.RecordBatch.from_pylist(list(RECORDS)),
    "a reader of pyarrow": lambda: pa.Table.from_pylist(list(RECORDS)).to_reader(),
    "structs of pyarrow": lambda: pa.array(RECORDS),
    "DuckDB": lambda: duckdb.from_arrow(pa.Table.from_pylist(list(RECORDS))),
    "the interface alone": Stream,
    "a record array": lambda: FRAME.astype({"ticket": object}).to_records(index=False),
    "a structured array": lambda: np.array([("late", 1), ("broken", 2)], dtype=[("ticket", "U10"), ("n", "i8")]),
    "lists": lambda: {"ticket": ["late", "broken"], "n": (1, 2)},
    "arrays": lambda: {"ticket": np.array(["late", "broken"]), "n": pd.array([1, 2], dtype="Int64")},
    "Series": lambda: {"ticket": pl.Series(["late", "broken"]), "n": pd.Series([1, 2], index=[7, 9])},
    "arrays of pyarrow": lambda: {"ticket": pa.array(["late", "broken"]), "n": pa.chunked_array([[1], [2]])},
    "dicts": lambda: list(RECORDS),
    "a tuple": lambda: RECORDS,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_each_source_gives_the_same_rows(kind: str) -> None:
    """Of the same types, under the same labels; and the same frame."""
    rows = read_rows(SOURCES[kind]())
    assert rows.records == RECORDS
    assert [type(value) for value in rows.records[0].values()] == [str, int]
    assert rows.labels == (0, 1)
    assert rows.columns == ("ticket", "n")
    assert read_frame(SOURCES[kind]()).to_dict("records") == list(RECORDS)


TEXTS: dict[str, Any] = {
    "a list": ["late", "broken"],
    "an array": np.array(["late", "broken"]),
    "an array of pyarrow": pa.array(["late", "broken"]),
    "a Series without a name": pd.Series(["late", "broken"]),
    "one of Polars": pl.Series(["late", "broken"]),
    "a Series of its name": pd.Series(["late", "broken"], name="ticket"),
    "one of Polars of its name": pl.Series("ticket", ["late", "broken"]),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    "inputs",
    [
        {"ticket": fh.text()},
        {"ticket": fh.text(), "tone": fh.text(default="calm", required=False)},
        {"ticket": fh.text(), "n": fh.integer(required=False)},
    ],
)
def test_texts_are_for_the_one_text_variable(kind: str, inputs: dict[str, Any]) -> None:
    """The one that must be given, where another one may be."""
    rows = read_rows(TEXTS[kind], fh.Deployment("triage", inputs=inputs))
    assert rows.records == ({"ticket": "late"}, {"ticket": "broken"})


def test_a_series_keeps_its_labels_and_its_name() -> None:
    """A column that is called otherwise is no variable: the batch says so."""
    deployment = fh.Deployment("triage", inputs={"ticket": fh.text()})
    index = pd.Index(["r", "s"])
    assert read_rows(pd.Series(["late", "broken"], index=index), deployment).labels == ("r", "s")
    assert read_rows(pd.Series(["late", "broken"], index=index, name="body"), deployment).columns == ("body",)


def test_a_missing_cell_of_a_column_is_left_out() -> None:
    """A dict of columns is a table; a dict of a list says null."""
    assert read_rows({"a": [1, None], "b": ["x", "y"]}).records == ({"a": 1, "b": "x"}, {"b": "y"})
    assert read_rows([{"a": None}]).records == ({"a": None},)


@pytest.mark.parametrize(
    "source",
    [3, object(), np.array(0), b"a", np.zeros((), dtype=[("a", "i8")])],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_told_with_all_that_is_accepted(source: Any) -> None:
    """In one line."""
    with pytest.raises(InputError) as caught:
        read_rows(source)
    assert str(caught.value).endswith(f"; give {ACCEPTED}")
    for name in (
        "pandas",
        "Polars",
        "DuckDB",
        "dict of columns",
        "list of dicts",
        "list of texts",
        ".parquet",
        ".xlsx",
    ):
        assert name in ACCEPTED


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"a": FRAME}, "the column 'a' is a DataFrame, not a list of values"),
        ({"a": {1, 2}}, "the column 'a' is a set, not a list of values"),
        ({"a": 1}, "the column 'a' is an int, not a list of values; give a list for each column, or for one row"),
        ({("a", "b"): [1], ("a", "c"): [2]}, "several levels"),
        (pl.Series([1, 2]), "row 0: 1 is not a dict"),
        (["a", None], "row 0: 'a' is not a dict"),
    ],
)
def test_what_does_not_fit_in_a_source_is_said(source: Any, said: str) -> None:
    """With its place."""
    with pytest.raises(InputError) as caught:
        read_rows(source, fh.Deployment("triage", inputs={"ticket": fh.text()}))
    assert said in str(caught.value)


def test_an_iterator_is_a_stream_and_a_reader_of_arrow_is_a_table() -> None:
    """Unless it is large: it is read once either way."""

    def texts() -> Iterator[str]:
        yield from ["late", "broken", "lost"]

    stream = open_rows(texts(), fh.Deployment("triage", inputs={"ticket": fh.text()}))
    assert isinstance(stream, RowStream)
    assert [stream.read(window).records for window in stream.windows(2)] == [
        ({"ticket": "late"}, {"ticket": "broken"}),
        ({"ticket": "lost"},),
    ]
    assert not isinstance(open_rows(pa.table({"a": [1]}).to_reader()), RowStream)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"row": [0], "variant": ["a"], "output": [{"x": 1}]}, True),
        ({"monday": [{"row": 0}], "today": [{"row": 0}]}, False),
        ({"monday": FRAME, "today": FRAME}, False),
        ({"monday": [fh.Run(status="completed")]}, False),
        ({}, False),
    ],
)
def test_a_dict_of_columns_is_told_from_tables_by_name(source: dict[str, Any], expected: bool) -> None:
    """By what its lists hold."""
    assert is_columns(source, but=fh.Run) == expected
