"""Tables of other libraries -> frames whose types survive, whole or in windows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fh_notebook as fh
from fh_notebook.batching.tables import arrow_tables
from fh_notebook.batching.tables.arrow_tables import FrameStream, frame_of_arrow, is_arrow, read_batches, read_exported
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.errors import InputError
from tests.told import facts

KINDS: dict[str, tuple[Any, Any, str]] = {
    # A value, what is sent of it, and the dtype of its column beside a null.
    "text": ("a", "a", "str"),
    "integer": (2**60, 2**60, "Int64"),
    "small": (pl.Series([3], dtype=pl.UInt8), 3, "UInt8"),
    "number": (1.5, 1.5, "float64"),
    "truth": (True, True, "boolean"),
    "date": (dt.date(2026, 5, 1), "2026-05-01", "object"),
    "moment": (dt.datetime(2026, 5, 1, 8, 30), "2026-05-01T08:30:00", "datetime64[us]"),
    "time": (dt.time(8, 30), "08:30:00", "object"),
    "duration": (dt.timedelta(hours=1), "P0DT1H0M0S", "timedelta64[us]"),
    "decimal": (Decimal("1.50"), 1.5, "object"),
    "list": ([1, None], [1, None], "object"),
    "struct": ({"a": 1, "b": ["x"]}, {"a": 1, "b": ["x"]}, "object"),
    "category": (pl.Series(["x"], dtype=pl.Categorical), "x", "category"),
    "enum": (pl.Series(["x"], dtype=pl.Enum(["x", "y"])), "x", "category"),
}


def _column(value: Any) -> pl.Series:
    given = value if isinstance(value, pl.Series) else pl.Series([value])
    return pl.concat([given, pl.Series([None], dtype=given.dtype)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_type_survives_and_a_null_is_a_missing_cell(kind: str) -> None:
    """Of Polars: nothing becomes a text or a float that was none, and a null is left out."""
    value, sent, dtype = KINDS[kind]
    rows = read_rows(pl.DataFrame({"a": _column(value)}))
    assert rows.records == ({"a": sent}, {})
    assert type(rows.records[0]["a"]) is type(sent)
    expected = {dtype, "object"} if kind == "text" else {dtype}  # before pandas 3 a text is an object
    assert str(rows.frame["a"].dtype) in expected


def test_a_query_of_duckdb_is_rows() -> None:
    """Maps are objects, UUIDs texts, moments with a time zone have it."""
    query = duckdb.sql(
        "select 4007::bigint as \"case\", map {'k': 1} as parts, 'a'::enum('a', 'b') as tone, [1, 2] as sizes, "
        "timestamptz '2026-05-01 08:30:00+00' as at, uuid '00000000-0000-0000-0000-000000000001' as id, null::int as n"
    )
    (record,) = read_rows(query).records
    moment = record.pop("at")
    assert dt.datetime.fromisoformat(moment) == dt.datetime(2026, 5, 1, 8, 30, tzinfo=dt.UTC)
    assert record == {"case": 4007, "parts": {"k": 1}, "tone": "a", "sizes": [1, 2], "id": f"{'0' * 8}-0000-0000-0000-{'0' * 11}1"}  # fmt: skip


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # by Ibis, of what is new in DuckDB
def test_an_expression_of_ibis_is_rows() -> None:
    """A query, also one with nulls and lists, and a column by its name; one that fails is one line."""
    ibis = pytest.importorskip("ibis")
    connection = ibis.duckdb.connect()
    connection.con.execute(
        "create table tickets as select * from (values ('late', 1, date '2026-05-01', 1.50::decimal(4, 2), ['a']), "
        "('lost', null, null, null, null), ('broken', 3, date '2026-05-02', 2.50::decimal(4, 2), [])) "
        "tickets(ticket, n, day, price, tags)"
    )
    tickets = connection.table("tickets")
    hive = fh.local.LocalHive()

    @hive.workflow("shout", variant="v")
    def shout(ticket: str) -> str:
        return ticket.upper()

    with hive.client() as client:
        chosen = tickets.filter(tickets.ticket != "late").mutate(double=tickets.n * 2).order_by("ticket")
        frame = fh.batch(chosen, "shout", client=client, progress=False).frame
        assert frame["output"].tolist() == ["BROKEN", "LOST"]
        assert frame.loc[0, ["n", "day", "price", "tags", "double"]].tolist() == [3, dt.date(2026, 5, 2), Decimal("2.50"), [], 6]  # fmt: skip
        assert frame.loc[1, ["n", "day", "price", "tags", "double"]].isna().all()
        assert fh.batch(tickets.ticket, "shout", client=client, progress=False).frame["output"].tolist()[0] == "LATE"
        assert fh.form("shout", over=chosen, client=client).mapping.columns == {"ticket": "ticket"}
        for failing in (tickets.mutate(n=tickets.ticket.cast("int")), ibis.table({"ticket": "string"}, name="nowhere")):
            with pytest.raises(InputError, match="a Table.*: .*; ") as caught:
                fh.batch(failing, "shout", client=client, progress=False)
            assert "\n" not in str(caught.value)


def test_maps_within_lists_and_structs_are_objects() -> None:
    """As one that is a column."""
    of_texts = pa.map_(pa.string(), pa.int64())
    table = pa.table(
        {
            "maps": pa.array([[("k", 1)], None], of_texts),
            "lists": pa.array([[[("k", 1)], None], []], pa.list_(of_texts)),
            "structs": pa.array([{"m": [("k", 1)]}, {"m": None}], pa.struct({"m": of_texts})),
            "of structs": pa.array([[("k", {"x": 1})], []], pa.map_(pa.string(), pa.struct({"x": pa.int64()}))),
        }
    )
    assert read_rows(table).records == (
        {"maps": {"k": 1}, "lists": [{"k": 1}, None], "structs": {"m": {"k": 1}}, "of structs": {"k": {"x": 1}}},
        {"lists": [], "structs": {"m": None}, "of structs": {}},
    )


def test_an_integer_without_a_null_has_the_dtype_of_a_pandas_frame() -> None:
    """So that the same table is the same batch, whichever library holds it."""
    frame = frame_of_arrow(pa.table({"a": [1, 2], "b": [True, False]}))
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "bool"]


def test_the_index_that_pandas_has_noted_is_that_of_the_rows() -> None:
    """Also beside columns whose values are objects."""
    source = pd.DataFrame({"tags": [["a"], None], "n": [1, 2]}, index=pd.Index(["r", "s"], name="key"))
    rows = read_rows(pa.Table.from_pandas(source))
    assert rows.labels == ("r", "s")
    assert rows.columns == ("tags", "n")
    assert rows.records == ({"tags": ["a"], "n": 1}, {"n": 2})


def test_a_query_that_fails_is_one_line() -> None:
    """Of DuckDB while it is read, of Polars before."""
    for failing, source in (
        (duckdb.sql("select cast(x as int) as a from (values ('1'), ('no')) as t(x)"), "DuckDBPyRelation"),
        (pl.LazyFrame({"a": ["no"]}).select(pl.col("a").cast(pl.Int64)), "LazyFrame"),
        (pl.LazyFrame({"a": ["no"]}).select("b"), "LazyFrame"),
    ):
        with pytest.raises(InputError, match=facts(source)) as caught:
            read_rows(failing)
        assert "\n" not in str(caught.value)
        assert caught.value.__context__ is None


def test_two_columns_of_one_name_are_refused() -> None:
    """One of them would be lost."""
    with pytest.raises(InputError, match=facts("'a'")):
        read_rows(pa.table([[1], [2]], names=["a", "a"]))


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> int:
    """More rows than these are many: a table of a hundred thousand takes its time."""
    monkeypatch.setattr(arrow_tables, "LARGE_ROWS", 25)
    return 25


def test_windows_have_so_many_rows_whatever_the_batches_are(large: int) -> None:
    """So that a batch has one name, however its table lies in memory."""
    schema = pa.schema({"a": pa.int64()})

    def batches() -> Iterator[pa.RecordBatch]:
        for start, size in ((0, 7), (7, 0), (7, 30), (37, 1), (38, 12)):
            yield pa.record_batch({"a": pa.array(range(start, start + size), pa.int64())})

    stream = read_batches(schema, batches(), whole=False)
    assert isinstance(stream, FrameStream)
    windows = [frame["a"].tolist() for frame in stream.windows(10)]
    assert [len(window) for window in windows] == [10] * 5
    assert sum(windows, []) == list(range(50))  # noqa: RUF017


def test_a_table_is_read_whole_where_it_is_small_or_its_rows_have_labels(large: int) -> None:
    """Or where the caller wants so."""
    many = pd.DataFrame({"a": range(large + 1)})
    assert isinstance(read_exported(pl.DataFrame({"a": range(large)}), whole=False), pd.DataFrame)
    assert isinstance(read_exported(pl.from_pandas(many), whole=False), FrameStream)
    assert isinstance(read_exported(pl.from_pandas(many), whole=True), pd.DataFrame)
    labelled = pa.Table.from_pandas(many.set_axis([f"r{n}" for n in many.index], axis=0))
    assert isinstance(read_exported(labelled, whole=False), pd.DataFrame)


def test_rows_that_cannot_be_read_later_are_an_error_of_theirs(large: int, tmp_path: Path) -> None:
    """A file that was cut while it was written, say."""
    schema = pa.schema({"a": pa.int64()})

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": pa.array(range(large + 1), pa.int64())})
        raise OSError("the disk went away")

    stream = read_batches(schema, batches(), whole=False)
    assert isinstance(stream, FrameStream)
    with pytest.raises(InputError, match=facts("the disk went away")):
        list(stream.windows(1_000))


def test_what_has_the_interface_is_known_by_its_type() -> None:
    """Nothing of it is run."""

    class Attributes:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    assert is_arrow(pl.DataFrame())
    assert is_arrow(pa.table({}))
    assert not is_arrow(Attributes())
