"""Batches over partitions in the store: listed, opened by their name, and forgotten with every file."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from tests.scaling.counting import Counting, texts, until

dask = pytest.importorskip("dask.dataframe")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")


def _batch(counting: Counting, frame: pd.DataFrame, n: int, folder: Path, **more: Any) -> Any:
    rows = dask.from_pandas(frame, npartitions=n)
    asked: dict[str, Any] = {"variants": "loud", "progress": False, "name": "shouts", "parts": folder, **more}
    return fh.batch(rows, "shout", client=counting.hive.client(), **asked)


def _line() -> dict[str, Any]:
    lines = fh.history("shout")
    found: dict[str, Any] = lines[lines["name"] == "shouts"].iloc[0].to_dict()
    return found


def test_history_lists_a_batch_over_partitions_by_what_is_in_its_parts(tmp_path: Path) -> None:
    """As it stands: cut short, whole, and cut into other partitions, where no answer counts twice."""
    counting = Counting()
    frame = texts(30)
    frame.loc[3, "text"] = "bad 3"
    _batch(counting, frame, 3, tmp_path, max_calls=12)
    line = _line()
    assert (line["kind"], line["variants"], line["planned"]) == ("batch", "loud", 30)
    assert line["done"] + line["failed"] == 12
    _batch(counting, frame, 3, tmp_path)
    _batch(counting, frame, 2, tmp_path)
    line = _line()
    assert (line["done"], line["failed"], line["unknown"]) == (29, 1, 0)
    assert line["at"] >= line["at"].now(tz="UTC") - timedelta(minutes=10)


def test_a_batch_over_partitions_is_opened_by_its_name(tmp_path: Path) -> None:
    """With its lazy table, of the same dtypes, and nothing called; its rows are asked for where they are needed."""
    counting = Counting()
    made = _batch(counting, texts(20).assign(n=range(20)), 3, tmp_path, max_calls=15)
    calls = counting.calls
    opened = fh.open_batch("shouts", client=counting.hive.client())
    assert (opened.counts.planned, opened.counts.done, opened.counts.pending) == (20, 15, 5)
    assert opened.counts.reused == 15
    pd.testing.assert_frame_equal(opened.frame.compute(), made.frame.compute())
    opened.to_csv(tmp_path / "answers.csv")
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 15
    assert "15 of 20 done" in repr(opened)
    for ask in (opened.resume, opened.retry_failed, lambda: opened.pending):
        with pytest.raises(fh.SettingsError, match="run its cell again"):
            ask()
    assert counting.calls == calls == 15
    scored = fh.compare(opened, score=lambda run, row: float(len(row["text"])))
    of_made = fh.compare(made, score=lambda run, row: float(len(row["text"])))
    assert scored.summary()["n"].tolist() == of_made.summary()["n"].tolist() == [15]


def test_forget_removes_every_file_of_a_batch_and_no_other(tmp_path: Path) -> None:
    """Its parts, those that no line tells of, halves, and stores on this machine; then the folder and its name."""
    counting = Counting()
    _batch(counting, texts(20), 2, tmp_path)
    _batch(counting, texts(8, "other"), 2, tmp_path, name="others")
    folder = tmp_path / "shouts"
    first, *_ = sorted(folder.glob("*.parquet"))
    (folder / f"unnoted-{first.name}").write_bytes(first.read_bytes())
    (folder / "part.parquet.0badcafe.tmp").write_bytes(b"T1")
    assert fh.forget("shouts") == 20
    assert not folder.exists()
    assert "shouts" not in set(fh.history()["name"].dropna())
    with pytest.raises(fh.InputError, match="shouts"):
        fh.open_batch("shouts", client=counting.hive.client())
    assert len(list((tmp_path / "others").glob("*.parquet"))) == 2
    again = _batch(counting, texts(20), 2, tmp_path)
    assert (again.counts.reused, again.counts.calls) == (0, 20)
    assert fh.forget(before=timedelta(days=1)) == 0
    assert fh.forget(deployment="shout") == 28
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_batch_over_partitions_that_is_being_run_is_not_forgotten(tmp_path: Path) -> None:
    """It is told, and goes on; a file that cannot be removed is told, too, and known still."""
    counting = Counting(takes_s=0.02)
    batch = _batch(counting, texts(200), 2, tmp_path, wait=False, max_concurrency=2)
    until(lambda: counting.calls >= 4)
    with pytest.raises(fh.SettingsError, match="being run"):
        fh.forget("shouts")
    batch.cancel()
    batch.wait()
    assert batch.counts.done > 0
    if os.geteuid() != 0:  # root removes whatever it likes
        folder = tmp_path / "shouts"
        folder.chmod(0o500)
        with pytest.raises(fh.StoreError, match="cannot remove"):
            fh.forget("shouts")
        folder.chmod(0o700)
    assert fh.forget("shouts") == batch.counts.done + batch.counts.unknown


def test_a_batch_over_partitions_with_the_name_of_one_in_memory_is_no_one_file(tmp_path: Path) -> None:
    """The name stays that of the other one; what lies in files is not written as if it were that."""
    counting = Counting()
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False, "name": "both"}
    fh.batch(texts(2), "shout", **asked)
    many = fh.batch(dask.from_pandas(texts(4, "u"), npartitions=2), "shout", **asked)
    with pytest.raises(fh.SettingsError, match="was run over partitions"):
        many.to_fhb(tmp_path / "both.fhb")
