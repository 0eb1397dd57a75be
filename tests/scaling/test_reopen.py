"""Batches over partitions in the store: listed, opened by their name, and forgotten with every file."""

from __future__ import annotations

import gc
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.contract.job_key import job_key
from fh_notebook.scaling.protocol import PartitionTask
from fh_notebook.scaling.storage import parts
from fh_notebook.scaling.storage.files import scratch, store_path
from fh_notebook.scaling.storage.parts import failure_of
from fh_notebook.session import session
from fh_notebook.store.database import MIGRATIONS, open_connection
from tests.scaling.counting import KEY, Counting, texts, until
from tests.told import facts

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
    assert "15 of 20 " in repr(opened)
    for ask in (opened.resume, opened.retry_failed, lambda: opened.pending):
        with pytest.raises(fh.SettingsError, match=facts("'shouts'", "fh.batch(...)")):
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


def test_a_part_that_cannot_be_written_elsewhere_leaves_no_half() -> None:
    """On a file system that is not of this machine: nothing lies beside the parts that came."""
    from fsspec import register_implementation
    from fsspec.implementations.memory import MemoryFileSystem

    class Breaks(MemoryFileSystem):  # type: ignore[misc]  # fsspec says nothing of its types
        protocol = "breaks"
        store: dict[str, Any] = {}
        pseudo_dirs = [""]
        is_broken = False

        def mv(self, path1: str, path2: str, **options: Any) -> None:
            if self.is_broken:
                raise OSError("the line is dead")
            super().mv(path1, path2, **options)

    register_implementation("breaks", Breaks, clobber=True)
    frame = pd.DataFrame({"output": ["A"], "text": ["a"]})
    parts.write_part("breaks://parts/one.parquet", frame, {})
    Breaks.is_broken = True
    with pytest.raises(OSError, match="the line is dead"):
        parts.write_part("breaks://parts/two.parquet", frame, {})
    assert [name.rsplit("/", 1)[-1] for name in Breaks.store] == ["one.parquet"]


def test_a_batch_over_partitions_that_is_being_run_is_not_forgotten(tmp_path: Path) -> None:
    """It is told, and goes on; a file that cannot be removed is told, too, and known still."""
    counting = Counting(takes_s=0.02)
    batch = _batch(counting, texts(200), 2, tmp_path, wait=False, max_concurrency=2)
    until(lambda: counting.calls >= 4)
    client = counting.hive.client()
    with pytest.raises(fh.SettingsError, match="'shouts'"):
        fh.forget("shouts", client=client)
    batch.cancel()
    batch.wait()
    assert batch.counts.done > 0
    if os.geteuid() != 0:  # root removes whatever it likes
        folder = tmp_path / "shouts"
        folder.chmod(0o500)
        with pytest.raises(fh.StoreError, match="shouts"):
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
    with pytest.raises(fh.InputError, match="'both' .*replace=True"):
        fh.batch(parted, "shout", **asked)
    many = fh.batch(parted, "shout", replace=True, **asked)
    assert (many.counts.done, many.counts.calls) == (4, 2)
    assert fh.open_batch("both", client=client).counts.planned == 4
    with pytest.raises(fh.SettingsError, match=r"\bboth\b.*\bbatch\.to_parquet\("):
        many.to_fhb(tmp_path / "both.fhb")
    with pytest.raises(fh.InputError, match="'both' .*replace=True"):
        fh.batch(texts(2), "shout", **asked)
    assert fh.batch(texts(2), "shout", replace=True, **asked).counts.calls == 0
    assert len(fh.open_batch("both", client=client).frame) == 2
    earlier = sorted(fh.history()["name"].dropna())[1:]
    assert sorted(fh.open_batch(name, client=client).counts.done for name in earlier) == [2, 4]


def test_another_table_over_partitions_is_refused_under_a_kept_name(tmp_path: Path) -> None:
    """The same rows cut otherwise, more of them, fewer, and other variants and repeats go on."""
    counting = Counting()
    frame = texts(20)
    _batch(counting, frame, 2, tmp_path)
    for other in (texts(20, "other"), pd.concat([frame.iloc[1:], texts(1, "new")], ignore_index=True)):
        with pytest.raises(fh.InputError, match=r"'shouts' .*replace=True"):
            _batch(counting, other, 2, tmp_path)
    assert counting.calls == 20
    assert _batch(counting, frame.iloc[::-1], 3, tmp_path).counts.calls == 0
    assert _batch(counting, frame.iloc[:5], 1, tmp_path).counts.calls == 0
    client = counting.hive.client()
    assert fh.open_batch("shouts", client=client).counts.planned == 20
    more = pd.concat([frame, texts(4, "new")], ignore_index=True)
    assert _batch(counting, more, 2, tmp_path, repeats=2).counts.calls == 28
    assert _batch(counting, texts(30).iloc[20:], 2, tmp_path, replace=True).counts.calls == 10


_KINDS = {
    "in memory": lambda frame: frame,
    "an iterator": lambda frame: iter(frame.to_dict("records")),
    "over partitions": lambda frame: dask.from_pandas(frame, npartitions=2),
}


_WAYS: list[dict[str, Any]] = [{"replace": True, "name": "x"}, {"reuse": "store"}, {"reuse": timedelta(hours=1)}]


def _crossings() -> Iterator[Any]:
    """Every two kinds in every way; between memory and partitions, one way each, in the default tier."""
    default = {("in memory", "over partitions"), ("over partitions", "in memory")}
    for earlier, kind in product(_KINDS, repeat=2):
        for number, how in enumerate(_WAYS):
            is_default = (earlier, kind) in default and number == (earlier == "in memory")
            yield pytest.param(earlier, kind, how, marks=() if is_default else pytest.mark.long)


@pytest.mark.parametrize(("earlier", "kind", "how"), list(_crossings()))
def test_answers_are_taken_by_whatever_kind_of_batch(
    earlier: str, kind: str, how: dict[str, Any], tmp_path: Path
) -> None:
    """In memory, from an iterator and over partitions: equal jobs cost no call, the plan says so, each is forgotten
    without the other, and opened again with all of its answers."""
    counting = Counting()
    client = counting.hive.client()
    asked: dict[str, Any] = {"variants": "loud", "client": client, "progress": False, "inputs": {"text": "text"}}
    first = texts(6)
    first.loc[2, "text"] = "bad 2"
    fh.batch(_KINDS[earlier](first), "shout", **asked, name="x")
    rows = pd.concat([first.iloc[[5, 2, 1, 0]].assign(n=1), texts(2, "new")], ignore_index=True)
    how = {"name": "y", **how}
    planned = fh.batch(_KINDS[kind](rows), "shout", **asked, **how, dry_run=True).plan()
    assert (planned.answered, planned.calls) == ((0, 0) if kind == "an iterator" else (4, 2))
    assert not list(tmp_path.rglob("given_*"))
    assert counting.calls == 6
    made = fh.batch(_KINDS[kind](rows), "shout", **asked, **how)
    assert counting.calls == 8
    assert (made.counts.done, made.counts.failed, made.counts.calls, made.counts.reused) == (5, 1, 2, 4)
    assert fh.batch(_KINDS[kind](rows), "shout", **asked, **{**how, "replace": False}).counts.calls == 0
    old = next(name for name in fh.history()["name"].dropna() if name.startswith("x") and name != how["name"])
    assert fh.open_batch(old, client=client).counts.done == 5
    fh.forget(old, client=client)
    for batch in (made, fh.open_batch(how["name"], client=client)):
        frame = batch.frame.compute() if kind == "over partitions" else batch.frame
        assert (batch.counts.done, batch.counts.failed) == (5, 1)
        assert frame["output"].dropna().tolist() == ["T5", "T1", "T0", "NEW0", "NEW1"]
        assert frame["text"].tolist() == rows["text"].tolist()
    assert fh.batch(_KINDS[kind](rows), "shout", **asked, **{**how, "replace": False}).counts.calls == 0
    fh.forget(how["name"], client=client)
    again = fh.batch(_KINDS[kind](rows), "shout", **asked, name="z", reuse="store")
    assert (again.counts.calls, counting.calls) == (6, 14)
    assert not list(tmp_path.rglob("given_*"))


@pytest.mark.parametrize("how", [{"replace": True, "name": "x"}, {"reuse": "store"}])
@pytest.mark.parametrize("kind", ["in memory", pytest.param("over partitions", marks=pytest.mark.long)])
@pytest.mark.parametrize("earlier", ["in memory", pytest.param("over partitions", marks=pytest.mark.long)])
def test_where_nothing_is_kept_answers_are_taken_from_batches_that_are_held(
    earlier: str, kind: str, how: dict[str, Any], tmp_path: Path
) -> None:
    """With `store=None`, on demand only: the same cell calls again, and of a batch that is gone nothing is there."""
    fh.configure(store=None)
    counting = Counting()
    client = counting.hive.client()
    asked: dict[str, Any] = {"variants": "loud", "client": client, "progress": False}
    held = [fh.batch(_KINDS[earlier](texts(4)), "shout", **asked, name="x")]
    rows = pd.concat([texts(4).iloc[[3, 1]], texts(1, "new")], ignore_index=True)
    how = {"name": "y", **how}
    planned = fh.batch(_KINDS[kind](rows), "shout", **asked, **how, dry_run=True).plan()
    assert (planned.answered, planned.calls, counting.calls) == (2, 1, 4)
    made = fh.batch(_KINDS[kind](rows), "shout", **asked, **how)
    assert (made.counts.reused, made.counts.calls) == (2, 1)
    frame = made.frame.compute() if kind == "over partitions" else made.frame
    assert frame["output"].tolist() == ["T3", "T1", "NEW0"]
    assert fh.batch(_KINDS[kind](rows), "shout", **asked, name=how["name"]).counts.calls == 3
    if "replace" in how:
        assert fh.batch(_KINDS[kind](rows), "shout", **asked, name="z", replace=True).counts.calls == 3
    fh.batch(_KINDS[kind](texts(1, "last")), "shout", **asked)  # the process holds the last one
    held.clear()
    del made, frame
    gc.collect()
    before = counting.calls
    assert fh.batch(_KINDS[kind](rows), "shout", **asked, **how).counts.calls == 3 == counting.calls - before
    assert not list(tmp_path.rglob("*.sqlite3"))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["in memory", "over partitions"])
def test_what_may_have_run_is_not_repeated_by_the_other_kind_of_batch(kind: str, tmp_path: Path) -> None:
    """It is unknown there, too, until `retry_unknown=True`; a completed answer that comes later stands for it."""
    counting = Counting()
    other = next(name for name in ("in memory", "over partitions") if name != kind)
    counting.held = threading.Event()
    with counting.hive.serve() as server:
        fh.configure(workspace="mine")
        clients = [fh.Client(api_key=KEY, base_url=server.url, timeout=seconds) for seconds in (2, 60)]
        asked: dict[str, Any] = {"variants": "loud", "progress": False, "reuse": "store"}
        rows = [_KINDS[name](texts(1)) for name in (other, kind)]
        assert fh.batch(rows[0], "shout", **asked, name="one", client=clients[0]).counts.unknown == 1
        counting.held.set()
        until(lambda: counting.now == 0)
        two = fh.batch(rows[1], "shout", **asked, name="two", client=clients[1])
        assert (two.counts.unknown, two.counts.calls, two.plan().calls) == (1, 0, 0)
        paid = fh.batch(rows[0], "shout", **asked, name="one", client=clients[1], retry_unknown=True)
        assert (paid.counts.done, paid.counts.calls) == (1, 1)
        two = fh.batch(rows[1], "shout", **asked, name="two", client=clients[1])
        assert (two.counts.done, two.counts.reused, two.counts.calls) == (1, 1, 0)
    assert counting.calls == 2


def test_what_another_batch_has_out_is_left_pending_over_partitions(tmp_path: Path) -> None:
    """It is not paid for twice: the next run takes its answer."""
    counting = Counting()
    client = counting.hive.client()
    counting.held = threading.Event()
    first = fh.batch(
        texts(2), "shout", variants="loud", client=client, progress=False, name="one", wait=False, max_concurrency=2
    )
    until(lambda: counting.now == 2)
    second = _batch(counting, texts(5), 2, tmp_path, name="two", reuse="store", wait=False, max_concurrency=1)
    until(lambda: counting.calls == 3)
    counting.held.set()
    second.wait()
    first.wait()
    assert second.pending.compute()["text"].tolist() == ["t0", "t1"]
    assert _batch(counting, texts(5), 2, tmp_path, name="two", reuse="store").counts.done == 5
    assert counting.calls == 5


def test_the_file_of_answers_that_a_killed_kernel_left_is_no_part(tmp_path: Path) -> None:
    """What was copied out of the store for workers is removed by the next start, and by `forget`; nothing is read of it
    when it was forgotten in the store."""
    counting = Counting()
    client = counting.hive.client()
    left: list[Path] = []

    def copy(_: Any) -> None:  # as SIGKILL leaves it, in the middle of the calls
        for given in () if left else tmp_path.rglob("given_*.parquet"):
            left.append(given.with_name(f"{given.stem}x.parquet"))
            left[0].write_bytes(given.read_bytes())

    fh.batch(texts(2), "shout", variants="loud", client=client, progress=False, name="one")
    asked: dict[str, Any] = {"reuse": "store", "name": "two"}
    assert _batch(counting, texts(4), 1, tmp_path, **asked, on_event=copy).counts.calls == 2
    assert [path.name for path in tmp_path.rglob("given_*")] == [left[0].name]
    assert fh.open_batch("two", client=client).counts.done == 4
    for name in ("one", "two"):
        kept = left[0].read_bytes()
        fh.forget(name, client=client)
    assert not left[0].exists()
    left[0].parent.mkdir(exist_ok=True)
    left[0].write_bytes(kept)
    assert _batch(counting, texts(4), 1, tmp_path, **asked).counts.calls == 4
    assert not left[0].exists()


@pytest.mark.parametrize("version", [7, 8])
def test_the_store_of_a_partition_that_an_earlier_version_left_is_gone_on_with(
    version: int, tmp_path: Path, monkeypatch: Any
) -> None:
    """What a killed worker had answered is in it, and is not paid for again."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    counting = Counting()
    planned = _batch(counting, texts(3), 1, tmp_path, dry_run=True)
    control: Any = planned._control
    spec, found = control.work.spec, control.work.index.entries[0].survey
    task = PartitionTask(number=0, start=0, rows=3, plan=found.plan)
    path = store_path(scratch(), spec, task)
    with closing(open_connection(path, migrations=MIGRATIONS[:version])) as old:
        batch: Any = "shouts"
        if version >= 8:
            batch = old.execute(
                "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan)"
                " VALUES ('shouts', ?, '', '[]', 1.0, '{}') RETURNING id",
                (spec.workspace,),
            ).fetchone()[0]
        key = job_key(spec.workspace, "shout", "loud", {"text": "t1"})
        run = fh.Run(status="completed", output="from before", deployment="shout", variant="loud", attempts=1)
        old.execute(
            "INSERT INTO answers (key, batch, workspace, deployment, variant, status, run, kept_at, calls)"
            " VALUES (?, ?, ?, 'shout', 'loud', 'completed', ?, 1.0, 1)",
            (key, batch, spec.workspace, json.dumps(run.to_dict())),
        )
    done = _batch(counting, texts(3), 1, tmp_path)
    assert done.frame.compute()["output"].tolist() == ["T0", "from before", "T2"]
    assert counting.calls == 2
    assert not path.exists()


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
    assert re.search(r"\(10 rows, 7 .* 7 rows \w+, 4 ", str(over_partitions.value))
    assert str(over_partitions.value) == str(in_memory.value).replace("shouts in memory", "shouts")
    before = counting.calls
    turned = frame.iloc[::-1].reset_index(drop=True).assign(n=1)
    assert _batch(counting, turned, 3, tmp_path, inputs={"text": "text"}).counts.calls == 7
    assert _batch(counting, other.iloc[:3], 1, tmp_path).counts.calls == 0
    for variants, repeats, calls in (("parts", 1, 10), (["loud", "parts"], 2, 20)):  # of the same rows
        assert _batch(counting, frame, 2, tmp_path, variants=variants, repeats=repeats).counts.calls == calls
    with pytest.raises(fh.InputError, match=r"\b10 rows, 7 "):
        _batch(counting, other, 2, tmp_path, variants=["parts", "loud"])
    assert counting.calls == before + 37


def test_a_plan_over_partitions_is_compared_again_with_what_took_its_name_meanwhile(tmp_path: Path) -> None:
    """Another table refuses its start before any call, also that of a batch whose name was taken;
    more rows extend it.
    """
    counting = Counting()
    planned = _batch(counting, texts(4), 2, tmp_path, dry_run=True)
    replacing = _batch(counting, texts(2, "last"), 1, tmp_path, dry_run=True, replace=True)
    begun = _batch(counting, texts(4, "other"), 2, tmp_path)
    for late in (planned, replacing):
        with pytest.raises(fh.InputError, match=r"\b4 rows, 4 "):
            late.resume()
    assert _batch(counting, texts(4), 2, tmp_path, replace=True).counts.calls == 4
    with pytest.raises(fh.InputError, match="'shouts' "):
        begun.resume()
    part = _batch(counting, texts(4), 2, tmp_path, dry_run=True)
    assert _batch(counting, texts(6), 3, tmp_path).counts.calls == 2
    part.resume()
    client = counting.hive.client()
    assert fh.open_batch("shouts", client=client).counts.planned == 6
    assert counting.calls == 10


def test_a_pilot_over_partitions_is_compared_with_all_rows_of_its_table(tmp_path: Path) -> None:
    """As in memory: its own rows may be among the kept ones, and the table is another one all the same."""
    counting = Counting()
    frame = texts(10)
    _batch(counting, frame, 2, tmp_path, first=4)
    other = pd.concat([frame.iloc[:2], texts(4, "foreign")], ignore_index=True)
    with pytest.raises(fh.InputError, match=r"\(4 rows, 2 .* 6 rows \w+, 4 "):
        _batch(counting, other, 2, tmp_path, first=2)
    assert _batch(counting, frame, 2, tmp_path, first=2).counts.calls == 0
    assert (
        _batch(counting, frame.iloc[::-1].reset_index(drop=True), 2, tmp_path, first=3).counts.calls == 3
    )  # beside those that are kept
    with pytest.raises(fh.InputError, match=r"\b7 rows, 5 "):
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
    with pytest.raises(fh.SettingsError, match="^'?shouts"):
        batch.resume()


@pytest.mark.parametrize("first", ["in memory", "over partitions"])
def test_a_running_batch_is_not_replaced_where_one_of_both_is_over_partitions(tmp_path: Path, first: str) -> None:
    """What its workers have out nobody sees: it would be paid for twice. Once it has ended, all of it is taken."""
    counting = Counting()
    counting.held = threading.Event()
    client = counting.hive.client()
    how: dict[str, Any] = {"variants": "loud", "progress": False, "name": "shouts", "client": client}

    def other(**more: Any) -> Any:
        table = pd.concat([texts(3), texts(2, "other ")], ignore_index=True)
        if first == "in memory":
            return _batch(counting, table, 2, tmp_path, replace=True, **more)
        return fh.batch(table, "shout", replace=True, **how, **more)

    if first == "in memory":
        running = fh.batch(texts(4), "shout", wait=False, **how)
    else:
        running = _batch(counting, texts(4), 2, tmp_path, wait=False)
    try:
        until(lambda: counting.now > 0)
        with pytest.raises(fh.InputError, match=r"'shouts' (?!.*@)"):
            other()
    finally:
        counting.held.set()
        running.wait()
    assert counting.calls == 4
    assert other().counts.calls == 2


@pytest.mark.parametrize("first", ["in memory", "over partitions"])
def test_a_batch_that_began_after_the_plan_was_made_is_not_replaced(tmp_path: Path, first: str) -> None:
    """Whether the earlier batch is running is looked for as the replacement is written, and not only before."""
    counting = Counting()
    client = counting.hive.client()
    how: dict[str, Any] = {"variants": "loud", "progress": False, "name": "shouts", "client": client}
    table = pd.concat([texts(3), texts(2, "other ")], ignore_index=True)
    if first == "in memory":
        earlier = fh.batch(texts(4), "shout", dry_run=True, **how)
        earlier.resume()
        planned = _batch(counting, table, 2, tmp_path, replace=True, dry_run=True)
    else:
        earlier = _batch(counting, texts(4), 2, tmp_path, max_calls=1)
        planned = fh.batch(table, "shout", replace=True, dry_run=True, **how)
    stored = session.store()
    assert stored is not None
    owner = stored.owners.new()  # another kernel, which begins between plan and start
    (record,) = stored.batches.named("shouts")
    assert stored.claims.begin_start(record.id, owner).result() == (True, "")
    calls = counting.calls
    with pytest.raises(fh.InputError, match=r"'shouts' (?!.*@)"):
        planned.resume()
    assert counting.calls == calls
    stored.claims.end_start(record.id, owner).result()
    owner.end()
    assert planned.resume().counts.pending == 0


@pytest.mark.parametrize("runs", ["earlier", "later"])
def test_a_batch_and_what_replaced_it_over_partitions_do_not_run_at_the_same_time(tmp_path: Path, runs: str) -> None:
    """Whoever begins second is refused before any call, also where both kernels begin at the same moment."""
    counting = Counting()
    client = counting.hive.client()
    how: dict[str, Any] = {"variants": "loud", "progress": False, "name": "shouts", "client": client}
    fh.batch(texts(4), "shout", max_calls=1, **how)
    table = pd.concat([texts(4), texts(2, "other ")], ignore_index=True).iloc[1:]
    later = _batch(counting, table, 2, tmp_path, replace=True, max_calls=1)
    (name,) = [name for name in fh.history("shout")["name"].dropna() if name.startswith("shouts@")]
    earlier = fh.open_batch(name, client=client)
    stored = session.store()
    assert stored is not None
    numbers = {record.name: record.id for record in stored.batches.every()}
    running, second = (name, later) if runs == "earlier" else ("shouts", earlier)
    owner = stored.owners.new()
    assert stored.claims.begin_start(numbers[running], owner).result() == (True, "")
    calls = counting.calls
    with pytest.raises(fh.InputError, match=f"'{running}' "):
        second.resume()
    assert counting.calls == calls
    stored.claims.end_start(numbers[running], owner).result()
    owner.end()
    second.resume()
    assert counting.calls > calls


def test_a_batch_that_is_replaced_over_partitions_knows_its_successor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What that has answered is not called again by what goes on under the earlier name."""
    counting = Counting()
    client = counting.hive.client()
    fh.batch(texts(4), "shout", variants="loud", progress=False, name="shouts", client=client, max_calls=2)
    table = pd.concat([texts(4), texts(1, "other ")], ignore_index=True).iloc[1:]
    _batch(counting, table, 2, tmp_path, replace=True)
    assert re.search(r" 'shouts' .* 'shouts@", capsys.readouterr().err)
    calls = counting.calls
    (earlier,) = [name for name in fh.history("shout")["name"].dropna() if name.startswith("shouts@")]
    resumed = fh.open_batch(earlier, client=client).resume()
    assert (resumed.counts.done, counting.calls) == (4, calls)


def test_a_failure_in_a_part_has_no_code_where_it_had_none() -> None:
    """A table has NaN there, beside the codes of others."""
    made = [failure_of(code, at) for code, at in ((float("nan"), pd.NA), (None, 503), ("bad_input", 422))]
    assert [(run.error_code, run.status_code) for run in made] == [(None, None), (None, 503), ("bad_input", 422)]


def test_an_answer_in_a_part_is_as_old_as_its_call(tmp_path: Path) -> None:
    """A part that is written anew, with one answer more, makes the others no younger."""
    counting = Counting()
    _batch(counting, texts(3), 1, tmp_path, max_calls=2)
    begun = datetime.now(UTC)
    _batch(counting, texts(3), 1, tmp_path)
    how: dict[str, Any] = {"variants": "loud", "progress": False, "name": "again", "client": counting.hive.client()}
    young = fh.batch(texts(3), "shout", reuse=datetime.now(UTC) - begun, dry_run=True, **how)
    assert young.plan().answered == 1


def test_the_plan_says_what_another_key_of_this_host_has_run_over_partitions(tmp_path: Path) -> None:
    """A join does not copy files, so it names the workspace: with that the new key finds them and calls nothing."""
    counting = Counting()

    def planned(key: str, **more: Any) -> Any:
        client = fh.Client(base_url=server.url, api_key=key)
        rows = dask.from_pandas(texts(6), npartitions=2)
        asked: dict[str, Any] = {"variants": "loud", "progress": False, "parts": tmp_path, **more}
        return fh.batch(rows, "shout", client=client, **asked)

    counting.hive.configure(api_key=None)
    with counting.hive.serve() as server:
        first = planned("fhk_0123456789abcdef", max_calls=4)
        assert "fh.configure(" not in str(first.plan())
        old = fh.Client(base_url=server.url, api_key="fhk_0123456789abcdef").workspace
        told = str(planned("fhk_fedcba9876543210", dry_run=True).plan())
        command = f'fh.configure(workspace="{old.partition("#")[2]}")'
        assert re.search(rf"\b4 of 6 rows .*: {re.escape(command)} ", told)
        assert "fh.configure(" not in str(planned("fhk_fedcba9876543210", dry_run=True, reuse=None).plan())
        eval(command)
        again = planned("fhk_fedcba9876543210")
        assert "fh.configure(" not in str(again.plan())
        assert (again.counts.calls, again.counts.done, counting.calls) == (2, 6, 6)
