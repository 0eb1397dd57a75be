"""The index of the frame that was run comes back: in the table, in its parts, in Parquet, and in another kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.export import columns
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import index_of
from fh_notebook.session import session
from tests.batching.hives import Shouting

TEXTS = ["a", "b", "c", "d"]
OWN: dict[str, pd.Index[Any]] = {
    "names": pd.Index(["p", "q", "r", "s"]),
    "named": pd.Index([7, 3, 9, 1], name="ticket"),
    "the name of a column": pd.Index([7, 3, 9, 1], name="status"),
    "a slice": pd.RangeIndex(10, 14),
    "a named range": pd.RangeIndex(4, name="ticket"),
    "levels": pd.MultiIndex.from_product([["north", "south"], [1, 2]], names=["region", "number"]),
    "levels without names": pd.MultiIndex.from_product([["x", "y"], [0.5, 1.5]]),
}
own = pytest.mark.parametrize("index", OWN.values(), ids=OWN.keys())


def _batch(index: Any, **options: Any) -> fh.Batch:
    frame = pd.DataFrame({"text": TEXTS}, index=index)
    options = {"client": Shouting(name="lasting").hive.client(), "progress": False, **options}
    return fh.batch(frame, "shout", inputs={"text": "text"}, **options)


@own
def test_each_line_has_the_index_of_its_row(index: pd.Index[Any]) -> None:
    """With its levels and names, for every variant; the table joins the one that was run."""
    batch = _batch(index)
    pd.testing.assert_index_equal(batch.frame.index, index.repeat(2), exact="equiv")
    assert batch.pending.index.names == batch.frame.index.names
    loud = batch.frame[batch.frame["variant"] == "loud"]
    joined = pd.DataFrame({"text": TEXTS}, index=index).join(loud[["output"]])
    assert joined["output"].tolist() == ["A", "B", "C", "D"]
    parts = list(batch.iter_frames(3))
    pd.testing.assert_index_equal(parts[1].index, index.repeat(2)[3:6], exact="equiv")


@own
def test_another_kernel_has_it_too(index: pd.Index[Any]) -> None:
    """With the labels by which rows are told."""
    batch = _batch(index, name="mine", max_calls=5, max_concurrency=1)
    session.reset()
    opened = fh.open_batch("mine", client=Shouting(name="lasting").hive.client())
    pd.testing.assert_index_equal(opened.frame.index, batch.frame.index, exact="equiv")
    assert opened.frame["row"].tolist() == batch.frame["row"].tolist()
    pd.testing.assert_index_equal(opened.pending.index, batch.pending.index, exact="equiv")


@own
@pytest.mark.parametrize("part", [2_000, 3])
def test_parquet_has_it_too(index: pd.Index[Any], part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written at once or in parts; the columns are the same ones."""
    monkeypatch.setattr(columns, "PART", part)
    batch = _batch(index)
    written = batch.to_parquet(tmp_path / "a.parquet")
    read = pd.read_parquet(tmp_path / "a.parquet")
    pd.testing.assert_index_equal(read.index, batch.frame.index, exact="equiv")
    assert list(read.columns) == list(batch.frame.columns)
    assert (written.rows, written.columns) == read.shape
    assert read["output"].tolist() == batch.frame["output"].tolist()


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_spreadsheet_says_it_in_the_column_row(ending: str, tmp_path: Path) -> None:
    """And every cell is in its place."""
    path = tmp_path / f"a.{ending}"
    from fh_notebook.batching.export.export import export

    export(_batch(OWN["levels"]), path)
    read = pd.read_csv(path) if ending == "csv" else pd.read_excel(path, engine="openpyxl")
    assert read["row"].tolist()[::2] == ["north / 1", "north / 2", "south / 1", "south / 2"]
    assert read["text"].tolist()[::2] == TEXTS


@pytest.mark.parametrize("index", [None, ["q", "q", "r", "s"], ["q", None, "r", "s"]])
def test_lines_are_counted_where_the_index_is_nobodys_or_does_not_tell_rows_apart(index: Any) -> None:
    """As for every other source."""
    batch = _batch(index)
    assert batch.frame.index.equals(pd.RangeIndex(8))
    assert batch.frame["row"].tolist()[::2] == [0, 1, 2, 3]


def test_moments_come_back_as_moments() -> None:
    """In the same kernel, and in another one."""
    index = pd.date_range("2026-11-25", periods=4, tz="UTC", name="day")
    batch = _batch(index, name="mine")
    pd.testing.assert_index_equal(batch.frame.index, index.repeat(2), check_exact=True)
    opened = fh.open_batch("mine", client=Shouting(name="lasting").hive.client())
    pd.testing.assert_index_equal(opened.frame.index, batch.frame.index, check_exact=True)


def test_labels_that_are_not_of_these_levels_are_no_index() -> None:
    """As where a batch was extended by a frame of another kind."""
    assert index_of([["a", 1], 2], ["x", "y"]).equals(pd.RangeIndex(2))
    assert read_rows([{"text": "a"}]).index_names is None


@pytest.mark.parametrize("labels", [[True, 1], [1, 1.0], [0, False], [True, 1, 1.0, "True (bool)"]])
def test_labels_that_python_takes_for_one_are_different_rows(labels: list[object]) -> None:
    """As the index of a frame, as a column that pairs, and in a table from elsewhere."""
    shouting = Shouting()
    rows = pd.DataFrame({"text": [f"t{place}" for place in range(len(labels))]}, index=pd.Index(labels, dtype="object"))
    batch = fh.batch(rows, "shout", client=shouting.hive.client(), progress=False)
    assert len(set(batch.frame["row"])) == len(labels)
    assert fh.compare(batch).wide()["row"].nunique() == len(labels)
    asked = [{"text": f"c{place}", "case": label} for place, label in enumerate(labels)]
    paired = fh.compare(
        fh.batch(asked, "shout", client=shouting.hive.client(), progress=False), pair_on="case",
        score=lambda run: float(run.variant == "loud"),
    )  # fmt: skip
    assert paired.pairs()["n"].tolist() == [len(labels)]
    records = [{"row": label, "variant": name, "s": name == "a"} for label in labels for name in "ab"]
    assert fh.compare(records, score="s").pairs()["n"].tolist() == [len(labels)]
    held = pd.DataFrame({name: pd.Series([r[name] for r in records], dtype="object") for name in ("row", "variant")})
    assert fh.compare(held.assign(s=1.0), score="s").summary()["n"].tolist() == [len(labels)] * 2
    assert fh.compare(held.assign(s=1.0), score="s").wide()["row"].nunique() == len(labels)
