"""The dtypes of the table that was run come back with it in another kernel, column by column and in the index."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.tables.values import CHOICES_MAX, dtype_to_json, plain, series_of_dtype
from fh_notebook.session import session
from tests.batching.hives import Shouting

DAYS = ["2026-03-28 23:30:00", "2026-03-29 03:00:00.123456", None]
COLUMNS: dict[str, pd.Series[Any]] = {
    "naive": pd.Series(pd.to_datetime(DAYS, format="ISO8601")),
    "nanoseconds": pd.Series([pd.Timestamp("2026-03-29 03:00:00.123456789"), pd.NaT, pd.NaT], dtype="datetime64[ns]"),
    "seconds": pd.Series(pd.to_datetime(DAYS[:1] * 3)).astype("datetime64[s]"),
    "midnights": pd.Series(pd.to_datetime(["2026-03-28", "2026-03-29", None])),
    "utc": pd.Series(pd.to_datetime(DAYS, format="ISO8601", utc=True)),
    "over a change of the clock": pd.Series(pd.to_datetime(DAYS, format="ISO8601", utc=True)).dt.tz_convert(
        "Europe/Berlin"
    ),
    "an offset": pd.Series(pd.to_datetime(["2026-03-28T23:30:00+02:00"] * 3)),
    "timedelta": pd.Series([pd.Timedelta(days=-1, seconds=3, microseconds=5), pd.Timedelta(0), pd.NaT]),
    "category": pd.Series(["b", None, "b"], dtype=pd.CategoricalDtype(["c", "b"], ordered=True)),
    "category of numbers": pd.Series([3, 1, 3], dtype="category"),
    "category of moments": pd.Series(pd.to_datetime(["2026-03-28", "2026-03-29", "2026-03-28"])).astype("category"),
    "bool": pd.Series([True, False, True]),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "int8": pd.Series([1, -128, 127], dtype="int8"),
    "Int64": pd.Series([1, None, 2**62], dtype="Int64"),
    "uint64": pd.Series([1, 2**64 - 1, 0], dtype="uint64"),
    "float with NaN": pd.Series([1.0, np.nan, 0.1]),
    "float of whole numbers": pd.Series([1.0, 2.0, 3.0]),
    "float32": pd.Series([0.5, np.nan, 2.0], dtype="float32"),
    "Float64": pd.Series([0.5, None, 2.0], dtype="Float64"),
    "str": pd.Series(["a", "b", "c"]),
    "string": pd.Series(["a", None, "c"], dtype="string[python]"),
    "object": pd.Series(["a", 1, [2]], dtype="object"),
    "nothing": pd.Series([np.nan] * 3),
}
each = pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())


def _reopened(frame: pd.DataFrame, **options: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a batch of a frame; return its table, and that of another kernel."""
    client = Shouting(name="lasting").hive.client()
    inputs = {"text": fh.const("a")}
    batch = fh.batch(frame, "shout", variants="loud", inputs=inputs, name="x", client=client, progress=False, **options)
    shown = batch.frame
    session.reset()
    return shown, fh.open_batch("x", client=Shouting(name="lasting").hive.client()).frame


def test_a_batch_that_is_opened_shows_the_dtypes_of_the_table_that_was_run(tmp_path: Path) -> None:
    """All of them in one table, a moment as a moment; also out of the file that somebody is handed."""
    frame = pd.DataFrame(COLUMNS).reset_index(drop=True)
    shown, again = _reopened(frame)
    pd.testing.assert_frame_equal(again.drop(columns="reused"), shown.drop(columns="reused"))
    fh.open_batch("x", client=Shouting(name="lasting").hive.client()).to_fhb(tmp_path / "x.fhb")
    handed = fh.open_batch(tmp_path / "x.fhb").frame
    pd.testing.assert_frame_equal(handed.drop(columns="reused"), shown.drop(columns="reused"))


@pytest.mark.parametrize("name", ["naive", "utc", "over a change of the clock", "timedelta", "category", "string"])
def test_an_index_comes_back_with_its_dtype(name: str) -> None:
    """Of one level, and as a level of several."""
    values = COLUMNS[name].dropna().iloc[:1]
    for index in (
        pd.Index(values, name="at"),
        pd.MultiIndex.from_arrays([values, pd.Index([1], dtype="int32")], names=["at", "n"]),
    ):
        shown, again = _reopened(pd.DataFrame({"text": ["a"]}, index=index))
        pd.testing.assert_index_equal(again.index, shown.index, exact="equiv")
        fh.forget("x", client=Shouting(name="lasting").hive.client())


def test_rows_of_a_list_and_of_a_later_table_come_back_as_they_are_shown() -> None:
    """Moments of a list of dicts; what a later run of the same table says of its columns holds for all rows."""
    rows = [{"text": "a", "at": datetime(2026, 3, 28, 23), "for": timedelta(hours=n)} for n in range(2)]
    shown, again = _reopened(rows)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(again.drop(columns="reused"), shown.drop(columns="reused"))
    shown, again = _reopened(pd.DataFrame({"text": ["a", "a"], "at": [1, None], "for": [0.5, None]}))
    pd.testing.assert_frame_equal(again.drop(columns="reused"), shown.drop(columns="reused"))


def test_a_part_of_the_table_has_the_dtypes_of_its_own_columns() -> None:
    """Rows that are kept from before, and do not fit what the newer table has, are shown as what they are."""
    client = Shouting(name="lasting").hive.client()
    how: dict[str, Any] = {"variants": "loud", "inputs": {"text": "text"}, "name": "x", "client": client}
    fh.batch(pd.DataFrame({"text": ["a", "b"], "n": ["one", "two"]}), "shout", progress=False, **how)
    fh.batch(pd.DataFrame({"text": ["b"], "n": [2]}), "shout", progress=False, **how)
    assert fh.open_batch("x", client=client).frame["n"].tolist() == ["one", 2]


@each
def test_a_dtype_is_told_as_json_and_gives_the_column_again(column: pd.Series[Any]) -> None:
    """By itself, and of no values at all."""
    as_told = json.loads(json.dumps(dtype_to_json(column.dtype)))
    values = [plain(value) for value in column.tolist()]
    made = series_of_dtype(json.loads(json.dumps(values)), as_told)
    assert made is not None
    pd.testing.assert_series_equal(made, column.reset_index(drop=True), check_names=False)
    empty = series_of_dtype([], as_told)
    assert empty is not None
    assert (empty.dtype, len(empty)) == (column.dtype, 0)


@pytest.mark.parametrize(
    ("values", "as_told"),
    [
        ([1, None], "int64"), ([2**53 + 1], "float64"), ([0.1], "float32"), ([1.5], "int64"), ([True], "int64"), ([300], "int8"), ([1], "bool"), ([None], "bool"),
        (["soon"], "datetime64[us]"), ([5], "datetime64[us]"), (["2026-01-01"], "datetime64[us, Nowhere/At all]"),
        (["2026-01-01"], "datetime64[us, ../../etc/passwd]"), (["2026-01-01"], "datetime64[us, Nowhere]"),
        (["x"], "timedelta64[s]"), ([1], "string[python]"), (["a"], {"choices": ["b"], "of": "str", "ordered": False}),
        ([1], {"choices": [True], "of": "bool", "ordered": False}), ([[1]], {"choices": [1], "of": "int64"}),
        (["a"], {"choices": ["a", "a"], "of": "str"}), (["a"], {"choices": "a", "of": "str"}), (["a"], {}),
        (["a"], {"choices": ["a"], "of": {"choices": ["a"], "of": "str"}}), (["a"], ["str"]), (["a"], 5), (["a"], None),
        (["a"], "period[D]"), ([1], "Sparse[int64]"), ([1], "int64[pyarrow]"), (["a"], "x" * 100_000),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_not_restored(values: list[Any], as_told: Any) -> None:
    """The values are shown as what they are then: a file may be a stranger's, and rows may be from before."""
    assert series_of_dtype(values, as_told) is None


def test_many_categories_are_not_kept() -> None:
    """A batch's record is read for every look."""
    few = pd.CategoricalDtype(list(range(CHOICES_MAX)))
    assert dtype_to_json(few) is not None
    assert dtype_to_json(pd.CategoricalDtype(list(range(CHOICES_MAX + 1)))) is None


@given(
    st.lists(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5), max_size=5),
    st.data(),
)
def test_no_value_is_changed_by_a_dtype(values: list[Any], data: st.DataObject) -> None:
    """Whatever is said of whatever values: they are what they were, or it is no such column."""
    names = [
        "bool",
        "boolean",
        "int8",
        "Int64",
        "uint16",
        "float32",
        "Float64",
        "str",
        "string[python]",
        "datetime64[ns, UTC]",
    ]
    made = series_of_dtype(values, data.draw(st.sampled_from(names)))
    if made is not None and not str(made.dtype).startswith("datetime64"):
        assert [plain(value) for value in made.tolist()] == [plain(value) for value in values]


@pytest.mark.parametrize("dtype", ["datetime64[s]", "datetime64[s, UTC]", "timedelta64[s]"])
def test_digits_that_a_unit_does_not_have_are_not_cut(dtype: str) -> None:
    """Two moments would become one, and each line lie under another's label."""
    told_of = ["0 days 00:00:00.1"] if dtype.startswith("timedelta") else ["2026-01-01T00:00:00.1"]
    assert series_of_dtype(told_of, dtype) is None
