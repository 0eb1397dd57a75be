"""One workspace copied into another, as the store does it: each batch whole or not at all, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.contract.job_key import job_key
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.errors import StoreError
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import BatchRecord
from fh_notebook.store.workspace_copy import BatchCopy
from tests.store.kept import answers_in

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(tmp_path / "s.sqlite3", now=clock)


def single(store: Store, workspace: str, text: str, *, status: str = "completed", output: str = "") -> int:
    run = Run(status=status, output=output or text, deployment="d", variant="v", inputs={"text": text})  # type: ignore[arg-type]
    return store.answers.keep(run, workspace).result()


def outputs(store: Store, workspace: str) -> list[object]:
    return [kept.run.output for kept in store.answers.single_runs(workspace=workspace)][::-1]


def copy_all(store: Store, source: str, target: str) -> int:
    copied = store.workspaces.copy_runs(source, target, 0).result()
    return copied.answers


# --- single runs


@pytest.mark.parametrize(
    ("old", "new", "copied"),
    [
        ([("completed", 0)], [], 1),
        ([("failed", 0), ("completed", 1)], [], 2),
        ([("completed", 0)], [("completed", 1)], 0),
        ([("completed", 1)], [("completed", 0)], 1),
        ([("completed", 0)], [("failed", 1)], 1),
        ([("failed", 1)], [("completed", 0)], 0),
        ([("unknown", 1)], [("failed", 0)], 1),
        ([("failed", 0)], [("unknown", 1)], 0),
    ],
)
def test_an_answer_is_copied_where_it_says_more_than_the_targets_own(
    store: Store, clock: Clock, old: list[tuple[str, int]], new: list[tuple[str, int]], copied: int
) -> None:
    """A newer completed one, or what there is where none is completed; and never twice."""
    with store.closing():
        for workspace, lines in (("h#old", old), ("h#new", new)):
            for status, hours in lines:
                clock.now = NOON + timedelta(hours=hours)
                single(store, workspace, "a", status=status, output=f"{workspace} {status}")
        assert copy_all(store, "h#old", "h#new") == copied
        assert copy_all(store, "h#old", "h#new") == 0
        assert len(outputs(store, "h#old")) == len(old)


def test_single_runs_are_found_by_the_key_of_the_target(store: Store) -> None:
    """With time, output and requests as they were; one whose inputs are masked is counted and left."""
    with store.closing():
        single(store, "h#old", "a")
        masked = Run(status="completed", output="x", deployment="d", variant="v", inputs={"token": "s3cret"})
        secrets = Secrets(names=frozenset({"token"}))
        store.answers.keep(masked, "h#old", secrets=secrets).result()
        copied = store.workspaces.copy_runs("h#old", "h#new", 0).result()
        assert (copied.answers, copied.lost) == (1, 1)
        [seen] = store.answers.of_jobs([job_key("h#new", "d", "v", {"text": "a"})], batches=None)
        assert (seen.status, seen.kept_at) == ("completed", NOON.timestamp())
        assert outputs(store, "h#new") == ["a"]
        assert store.requests.total() == 0


def test_many_single_runs_are_copied_window_by_window(store: Store) -> None:
    """In their order."""
    with store.closing():
        for i in range(1_203):
            single(store, "h#old", str(i))
        after, windows = 0, 0
        while (copied := store.workspaces.copy_runs("h#old", "h#new", after).result()).last:
            after, windows = copied.last, windows + 1
        assert windows == 3
        assert [kept.run.output for kept in store.answers.single_runs(5_000, workspace="h#new")] == [
            str(i) for i in range(1_203)
        ][::-1]


# --- batches


def test_a_copy_that_was_planned_for_another_state_writes_nothing(store: Store) -> None:
    """Of the source, or of the target: whoever planned it looks again."""
    record = BatchRecord(
        name="b", workspace="h#old", deployment="d", variants=(), created_at=NOON, plan={"revision": 1}
    )
    with store.closing():
        source = replace(record, id=store.batches.keep(record).result())
        key = job_key("h#old", "d", "v", {})
        run = Run(status="completed", output="x", deployment="d", variant="v")
        store.claims.answer(run, key=key, batch=source.id, workspace="h#old").result()
        copy = BatchCopy(source=source, record=replace(record, workspace="h#new"))
        store.batches.keep(replace(record, plan={"revision": 2})).result()
        assert store.workspaces.copy_batch(copy).result() is None
        copy = replace(copy, source=replace(source, plan={"revision": 2}))
        target = store.batches.keep(replace(record, workspace="h#new")).result()
        assert store.workspaces.copy_batch(copy).result() is None
        assert len(answers_in(store, "b")) == 1
        copied = store.workspaces.copy_batch(replace(copy, seen=(target, 1))).result()
        assert copied is not None
        assert copied.answers == 1
        assert len(answers_in(store, "b")) == 2


def test_a_full_disk_leaves_whole_batches_and_a_second_join_copies_the_rest() -> None:
    """Nothing of the batch that did not fit is there."""
    hive = LocalHive(name="old")

    @hive.workflow("echo", variant="v")
    def echo(text: str) -> str:
        return text

    for name in ("one", "two", "three"):
        source = [{"text": f"{name} {i} " + "x" * 2_000} for i in range(20)]
        fh.batch(source, "echo", variants="v", client=hive.client(), name=name, progress=False)
    LocalHive(name="new").client()
    store = session.store()
    assert store is not None
    before = store.database.put(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
    store.database.put(lambda c: c.execute(f"PRAGMA max_page_count={before + before // 2}").fetchone()).result()
    with pytest.raises(StoreError, match="full"):
        fh.store.join("local#old", "local#new")
    copied = [record for record in store.batches.every() if record.workspace == "local#new"]
    assert 0 < len(copied) < 3
    for record in copied:
        assert (
            store.jobs.count(record.id) == store.rows.count(record.id) == store.answers.counts_of(record)["completed"]
        )
    store.database.put(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone()).result()
    assert fh.store.join("local#old", "local#new").answers == 60 - 20 * len(copied)


# --- workspaces of one host


def test_workspaces_of_a_host_are_those_of_its_very_name(store: Store, clock: Clock) -> None:
    """Not of a longer one; with answers of the deployment; the newest first, and no more than asked for."""
    with store.closing():
        for hours, workspace in enumerate(("a.com#1", "a.com#2", "a.com:80#3", "a.com.evil#4", "a.co#5", "a.com#6")):
            clock.now = NOON + timedelta(hours=hours)
            single(store, workspace, "a")
        found: Callable[..., list[str]] = store.workspaces.of_host
        assert found("a.com", ["d"], without="a.com#2", limit=5) == ["a.com#6", "a.com#1"]
        assert found("a.com", ["d"], without="a.com#9", limit=2) == ["a.com#6", "a.com#2"]
        assert found("a.com", ["other"], without="", limit=5) == []
        assert found("b.com", ["d"], without="", limit=5) == []
