"""Sources of rows, and the message for anything else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
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
from tests.told import tells

RECORDS = ({"ticket": "late", "n": 1}, {"ticket": "broken", "n": 2})
FRAME = pd.DataFrame(RECORDS)


class Stream:
    """What has the Arrow interface and nothing else, as Ibis' tables have."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return pa.Table.from_pandas(FRAME).__arrow_c_stream__(requested_schema)


class Dataset:
    """As those of Hugging Face: a list of dicts that says its columns."""

    column_names = ("ticket", "n")

    def __len__(self) -> int:
        return len(RECORDS)

    def __getitem__(self, place: int) -> Any:
        return RECORDS[place]

    def to_pandas(self) -> pd.DataFrame:
        return FRAME


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
    "a dataset": Dataset,
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
    [3, None, object(), np, np.array(0), b"a", bytearray(b"a"), np.zeros((), dtype=[("a", "i8")]), pl.col("a"), fh.Run],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_told_with_all_that_is_accepted(source: Any) -> None:
    """In one line."""
    with pytest.raises(InputError) as caught:
        read_rows(source)
    assert tells(str(caught.value), ACCEPTED)
    for name in (
        "Polars",
        "DuckDB",
        ".parquet",
        ".xlsx",
    ):
        assert name in ACCEPTED


class Later:
    """What is awaited, as what an async function returns."""

    def __await__(self) -> Iterator[Any]:
        yield


NO_ROWS: list[Any] = [
    [1, 2],
    range(1_000),
    (number for number in range(3)),
    [["ticket", "n"], ["late", 1]],
    [[1, 2], [3, 4]],
    {frozenset({1})},
    np.zeros((2, 2)),
    [None],
    [FRAME],
    FRAME.groupby("ticket"),
]


def test_an_open_file_and_paths_in_a_list_are_told(tmp_path: Path) -> None:
    """Their lines and names would be called; whole or window by window."""
    path = tmp_path / "a.csv"
    path.write_text("ticket\nlate\n")
    deployment = fh.Deployment("triage", inputs={"ticket": fh.text()})

    def first_window(source: Any) -> Any:
        opened = open_rows(source, deployment)
        return opened.read(next(opened.windows(2))) if isinstance(opened, RowStream) else opened

    with path.open() as file:
        for make, said in (
            (lambda: file, repr(str(path))),
            (lambda: io.StringIO("ticket"), "path"),
            (lambda: [str(path)] * 2, "pd.concat(map(pd.read_csv, paths))"),
            (lambda: iter([str(path)]), "pd.concat(map(pd.read_csv, paths))"),
        ):
            for read in (lambda source: read_rows(source, deployment), first_window):
                with pytest.raises(InputError) as caught:
                    read(make())
                assert tells(caught.value, said)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"a": FRAME}, ("1", "'a'")),
        (
            {"train": Dataset(), "test": Dataset()},
            ("2", "'train'", "'test'"),
        ),
        ({"a": {1, 2}}, ("'a'", "a set")),
        ({"a": 1}, ("'a'", "an int")),
        ({("a", "b"): [1], ("a", "c"): [2]}, ()),
        (pl.Series([1, 2]), ("0", "1")),
        (["a", None], ("0", "'a'")),
        ([{"a": 1}, 5], ("1", "5")),
        ({"a": [1], "b": [1, 2]}, ("'a'", "1", "'b'", "2")),
        ([{1: "a"}], ("0", "1")),
        *((rows, ("DataFrame",)) for rows in NO_ROWS),
        ([Path("a.csv"), Path("b.csv")], ("pd.concat(map(pd.read_csv, paths))",)),
        (Later(), ("Later",)),
        ("", ("DataFrame", ".xlsx")),
        ("https://user:secret@example.com/a.csv?key=secret", ("https:/...",)),
        ("s3://bucket/a.parquet", ("s3:/...",)),
    ],
)
def test_what_does_not_fit_in_a_source_is_said(source: Any, said: tuple[str, ...]) -> None:
    """With its place, and then what to do; in one line, however many rows there are."""
    with pytest.raises(InputError) as caught:
        read_rows(source, fh.Deployment("triage", inputs={"ticket": fh.text()}))
    assert tells(caught.value, *said)
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 700


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
