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
    assert opened.frame.compute()["reused"].all()
    assert not made.frame.compute()["reused"].any()
    pd.testing.assert_frame_equal(
        opened.frame.compute().drop(columns="reused"), made.frame.compute().drop(columns="reused")
    )
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
    client = counting.hive.client()
    assert fh.forget("shouts", client=client) == 20
    assert not folder.exists()
    assert "shouts" not in set(fh.history()["name"].dropna())
    with pytest.raises(fh.InputError, match="shouts"):
        fh.open_batch("shouts", client=counting.hive.client())
    assert len(list((tmp_path / "others").glob("*.parquet"))) == 2
    again = _batch(counting, texts(20), 2, tmp_path)
    assert (again.counts.reused, again.counts.calls) == (0, 20)
    assert fh.forget(before=timedelta(days=1), client=client) == 0
    assert fh.forget(deployment="shout", client=client) == 28
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_batch_over_partitions_that_is_being_run_is_not_forgotten(tmp_path: Path) -> None:
    """It is told, and goes on; a file that cannot be removed is told, too, and known still."""
    counting = Counting(takes_s=0.02)
    batch = _batch(counting, texts(200), 2, tmp_path, wait=False, max_concurrency=2)
    until(lambda: counting.calls >= 4)
    client = counting.hive.client()
    with pytest.raises(fh.SettingsError, match="being run"):
        fh.forget("shouts", client=client)
    batch.cancel()
    batch.wait()
    assert batch.counts.done > 0
    if os.geteuid() != 0:  # root removes whatever it likes
        folder = tmp_path / "shouts"
        folder.chmod(0o500)
        with pytest.raises(fh.StoreError, match="cannot remove"):
            fh.forget("shouts", client=client)
        folder.chmod(0o700)
    assert fh.forget("shouts", client=client) == batch.counts.done + batch.counts.unknown


def test_a_batch_over_partitions_and_one_in_memory_do_not_share_a_name(tmp_path: Path) -> None:
    """Either way round it is refused before any call; with `replace=True` both are kept, under two names."""
    counting = Counting()
    client = counting.hive.client()
    asked: dict[str, Any] = {"variants": "loud", "client": client, "progress": False, "name": "both"}
    parted = dask.from_pandas(texts(4), npartitions=2)
    fh.batch(texts(2), "shout", **asked)
    with pytest.raises(fh.InputError, match="'both' was not run over partitions.*replace=True"):
        fh.batch(parted, "shout", **asked)
    many = fh.batch(parted, "shout", replace=True, **asked)
    assert many.counts.done == 4
    assert fh.open_batch("both", client=client).counts.planned == 4
    with pytest.raises(fh.SettingsError, match="was run over partitions"):
        many.to_fhb(tmp_path / "both.fhb")
    with pytest.raises(fh.InputError, match="'both' was run over partitions"):
        fh.batch(texts(2), "shout", **asked)
    fh.batch(texts(2), "shout", replace=True, **asked)
    assert len(fh.open_batch("both", client=client).frame) == 2
    earlier = sorted(fh.history()["name"].dropna())[1:]
    assert sorted(fh.open_batch(name, client=client).counts.done for name in earlier) == [2, 4]


def test_another_table_over_partitions_is_refused_under_a_kept_name(tmp_path: Path) -> None:
    """The same rows cut otherwise, more of them, fewer, and other variants and repeats go on."""
    counting = Counting()
    frame = texts(20)
    _batch(counting, frame, 2, tmp_path)
    for other in (texts(20, "other"), pd.concat([frame.iloc[1:], texts(1, "new")], ignore_index=True)):
        with pytest.raises(fh.InputError, match=r"has other rows.*replace=True"):
            _batch(counting, other, 2, tmp_path)
    assert counting.calls == 20
    assert _batch(counting, frame.iloc[::-1], 3, tmp_path).counts.calls == 0
    assert _batch(counting, frame.iloc[:5], 1, tmp_path).counts.calls == 0
    client = counting.hive.client()
    assert fh.open_batch("shouts", client=client).counts.planned == 20
    more = pd.concat([frame, texts(4, "new")], ignore_index=True)
    assert _batch(counting, more, 2, tmp_path, repeats=2).counts.calls == 28
    assert _batch(counting, texts(30).iloc[20:], 2, tmp_path, replace=True).counts.calls == 10


def test_rows_over_partitions_are_compared_by_their_inputs_also_those_without_an_answer(tmp_path: Path) -> None:
    """As in memory, and in its words: the answered rows among foreign ones are another table, refused before a call."""
    counting = Counting()
    client = counting.hive.client()
    frame = texts(10)
    _batch(counting, frame, 2, tmp_path, max_calls=3)
    assert counting.calls == 3
    answered = [text for _, text in counting.ran]
    other = pd.concat([pd.DataFrame({"text": answered}), texts(4, "foreign")], ignore_index=True)
    with pytest.raises(fh.InputError) as over_partitions:
        _batch(counting, other, 2, tmp_path)
    assert counting.calls == 3
    asked: dict[str, Any] = {"variants": "loud", "progress": False, "client": client, "dry_run": True}
    fh.batch(frame, "shout", name="shouts in memory", **{**asked, "dry_run": False, "max_calls": 3})
    with pytest.raises(fh.InputError) as in_memory:
        fh.batch(other, "shout", name="shouts in memory", **asked)
    said = "has other rows (10 rows, 7 of which this table does not have; of the 7 rows here, 4 are new)"
    assert said in str(over_partitions.value)
    assert str(over_partitions.value) == str(in_memory.value).replace("shouts in memory", "shouts")
    before = counting.calls
    turned = frame.iloc[::-1].reset_index(drop=True).assign(n=1)
    assert _batch(counting, turned, 3, tmp_path, inputs={"text": "text"}).counts.calls == 7
    assert _batch(counting, other.iloc[:3], 1, tmp_path).counts.calls == 0
    for variants, repeats, calls in (("parts", 1, 10), (["loud", "parts"], 2, 20)):  # of the same rows
        assert _batch(counting, frame, 2, tmp_path, variants=variants, repeats=repeats).counts.calls == calls
    with pytest.raises(fh.InputError, match=r"10 rows, 7 of which"):
        _batch(counting, other, 2, tmp_path, variants=["parts", "loud"])
    assert counting.calls == before + 37


def test_a_pilot_over_partitions_is_compared_with_all_rows_of_its_table(tmp_path: Path) -> None:
    """As in memory: its own rows may be among the kept ones, and the table is another one all the same."""
    counting = Counting()
    frame = texts(10)
    _batch(counting, frame, 2, tmp_path, first=4)
    other = pd.concat([frame.iloc[:2], texts(4, "foreign")], ignore_index=True)
    with pytest.raises(fh.InputError, match=r"4 rows, 2 of which this table does not have; of the 6 rows here, 4"):
        _batch(counting, other, 2, tmp_path, first=2)
    assert _batch(counting, frame, 2, tmp_path, first=2).counts.calls == 0
    assert (
        _batch(counting, frame.iloc[::-1].reset_index(drop=True), 2, tmp_path, first=3).counts.calls == 3
    )  # beside those that are kept
    with pytest.raises(fh.InputError, match=r"7 rows, 5 of which"):
        _batch(counting, other, 2, tmp_path)
    assert _batch(counting, frame, 2, tmp_path).counts.calls == 3


def test_a_replaced_batch_over_partitions_keeps_its_files_and_gives_its_answers(tmp_path: Path) -> None:
    """Equal jobs cost no call; each batch can be forgotten without the other."""
    counting = Counting()
    client = counting.hive.client()
    _batch(counting, texts(20), 2, tmp_path)
    changed = pd.concat([texts(20).iloc[:15], texts(3, "new")], ignore_index=True)
    batch = _batch(counting, changed, 2, tmp_path, replace=True)
    assert (batch.counts.done, batch.counts.calls) == (18, 3)
    (earlier,) = set(fh.history()["name"].dropna()) - {"shouts"}
    assert earlier.startswith("shouts@20")
    assert fh.open_batch(earlier, client=client).counts.done == 20
    assert len(fh.open_batch(earlier, client=client).frame.compute()) == 20
    assert _batch(counting, changed, 2, tmp_path).counts.calls == 0
    assert fh.forget(earlier, client=client) > 0
    opened = fh.open_batch("shouts", client=client)
    assert len(opened.frame.compute()) == opened.counts.done == 18
    assert _batch(counting, changed, 2, tmp_path).counts.calls == 0


def test_files_that_another_batch_shows_stay_with_it(tmp_path: Path) -> None:
    """Forgetting the batch that paid for them removes neither its files nor its answers."""
    counting = Counting()
    client = counting.hive.client()
    _batch(counting, texts(6), 2, tmp_path, name="one")
    two = _batch(counting, texts(6), 2, tmp_path, name="two", reuse="store")
    fh.forget("one", client=client)
    assert len(two.frame.compute()) == 6
    assert fh.open_batch("two", client=client).counts.done == 6
    assert _batch(counting, texts(6), 2, tmp_path, name="two", reuse="store").counts.calls == 0


def test_what_was_there_before_is_reused_in_the_table_of_a_re_run(tmp_path: Path) -> None:
    """As in `counts`: no call of this batch object brought it."""
    counting = Counting()
    first = _batch(counting, texts(12), 3, tmp_path, max_calls=8)
    assert not first.frame.compute()["reused"].any()
    again = _batch(counting, texts(12), 3, tmp_path)
    assert again.counts.reused == 8
    assert int(again.frame.compute()["reused"].sum()) == 8
    whole = _batch(counting, texts(12), 3, tmp_path)
    assert whole.frame.compute()["reused"].all()
    assert all(outcome.reused for _, outcome, _ in whole.entries() if outcome is not None)


def test_a_forgotten_batch_over_partitions_says_so(tmp_path: Path) -> None:
    """Its lazy table is empty, and it is not gone on with."""
    counting = Counting()
    batch = _batch(counting, texts(6), 2, tmp_path)
    assert fh.forget("shouts", client=counting.hive.client()) == 6
    assert len(batch.frame.compute()) == 0
    assert "forgotten" in repr(batch)
    with pytest.raises(fh.SettingsError, match="was forgotten"):
        batch.resume()
