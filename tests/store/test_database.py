"""Opening the store: what is made, what is refused, and what is left alone."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.contract.run import Run
from fh_notebook.errors import StoreError
from fh_notebook.store.database import APPLICATION_ID, MIGRATIONS, open_connection
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import Answers
from fh_notebook.store.tables.batches import BatchRecord
from fh_notebook.store.tables.pending import Pending
from fh_notebook.store.workspace_copy import _existing
from tests.store.kept import answers_in, batch_in
from tests.told import facts

RUN = Run(status="completed", output="hi", deployment="d", variant="v", inputs={"x": 1})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "answers.sqlite3"


def test_nothing_is_made_before_the_first_use(path: Path) -> None:
    """A store that was only named leaves no trace."""
    Store(path)
    assert not path.parent.exists()


def test_the_files_are_for_their_owner_only(path: Path) -> None:
    """Inputs and outputs lie in plain text: the file, its log and its folder are closed to others."""
    before = os.umask(0)
    try:
        with Store(path).closing() as store:
            store.answers.keep(RUN, "w").result()
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [path.parent, *path.parent.iterdir()]}
    finally:
        os.umask(before)
    assert modes.pop("kept") == 0o700
    assert set(modes) == {"answers.sqlite3", "answers.sqlite3-wal", "answers.sqlite3-shm"}
    assert set(modes.values()) == {0o600}


def test_a_copy_is_for_its_owner_only(path: Path, tmp_path: Path) -> None:
    """From its first byte on, and not only once it is written."""
    with Store(path).closing() as store:
        store.answers.keep(RUN, "w").result()
        store.copy_to(tmp_path / "copy.sqlite3")
    assert stat.S_IMODE((tmp_path / "copy.sqlite3").stat().st_mode) == 0o600
    with Store(tmp_path / "copy.sqlite3").closing() as copy:
        assert [kept.run.output for kept in copy.answers.single_runs()] == ["hi"]


def test_it_keeps_in_wal_mode_and_says_whose_file_it_is(path: Path) -> None:
    """A killed process loses nothing that was committed; another program is told that the file is not its own."""
    connection = open_connection(path)
    pragmas = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "application_id", "user_version")
    }
    connection.close()
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 1,
        "application_id": APPLICATION_ID,
        "user_version": len(MIGRATIONS),
    }


@pytest.fixture(params=["no database", "cut off", "of another program", "of a newer version", "a folder"])
def unusable(request: pytest.FixtureRequest, path: Path) -> Path:
    """A path at which no store of ours can be opened."""
    path.parent.mkdir()
    if request.param == "no database":
        path.write_bytes(b"these are somebody's notes\n" * 100)
    elif request.param == "a folder":
        path.mkdir()
    elif request.param == "of another program":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE songs (name)")
        connection.close()
    else:
        with Store(path).closing() as store:
            store.answers.keep(RUN, "w").result()
        if request.param == "cut off":
            path.write_bytes(path.read_bytes()[:5000])
        else:
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA user_version=99")
            connection.close()
    return path


def _use(store: Store) -> None:
    store.answers.keep(RUN, "w").result()
    store.answers.single_runs()


def test_a_file_that_is_not_a_store_of_ours_is_refused_and_left_as_it_is(unusable: Path) -> None:
    """One clear error with the path and the cure; not a byte of somebody's file changes."""
    before = unusable.read_bytes() if unusable.is_file() else None
    store = Store(unusable)
    with pytest.raises(StoreError) as caught:
        _use(store)
    store.close()
    assert str(unusable) in str(caught.value)
    assert "fh.configure(store=...)" in str(caught.value)
    assert (unusable.read_bytes() if unusable.is_file() else None) == before


def test_a_newer_version_says_to_upgrade(path: Path) -> None:
    """The cure is an upgrade, not another path."""
    open_connection(path, migrations=(*MIGRATIONS, ("CREATE TABLE later (x)",))).close()
    with pytest.raises(StoreError, match=facts("fh_notebook", "fh-notebook")):
        open_connection(path)


def test_an_older_version_is_brought_up_with_its_answers(path: Path) -> None:
    """A step adds a column; what was kept before is still there."""
    with Store(path).closing() as store:
        store.answers.keep(RUN, "w").result()
    newer = (*MIGRATIONS, ("ALTER TABLE answers ADD COLUMN cost REAL", "CREATE TABLE later (x)"))
    connection = open_connection(path, migrations=newer)
    assert connection.execute("SELECT deployment, cost FROM answers").fetchall() == [("d", None)]
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(newer)
    connection.close()


def test_a_store_of_the_first_version_keeps_its_batches_and_answers(path: Path) -> None:
    """Every batch gets a number, the oldest first, and every answer counts as one call."""
    old = open_connection(path, migrations=MIGRATIONS[:1])
    for name, at in (("second", 20.0), ("first", 10.0)):
        old.execute("INSERT INTO batches VALUES (?, 'w', 'd', '[\"v\"]', ?, '{\"rows\": 2}')", (name, at))
    old.execute(
        "INSERT INTO answers (key, batch, workspace, deployment, variant, status, run, kept_at)"
        " VALUES ('k', 'first', 'w', 'd', 'v', 'completed', '{\"status\": \"completed\", \"output\": 1}', 30.0)"
    )
    old.close()
    with Store(path).closing() as store:
        assert [(record.name, record.id, record.plan) for record in store.batches.every()] == [
            ("second", 2, {"rows": 2}),
            ("first", 1, {"rows": 2}),
        ]
        assert [kept.run.output for kept in answers_in(store, "first")] == [1]
        assert [kept.batch for kept in store.answers.every()] == [1]
        assert store.requests.on_day("w", datetime.fromtimestamp(0, UTC)) == store.requests.total() == 1
        again = store.batches.keep(BatchRecord(**{**_fields(store.batches.every()[0]), "plan": {"rows": 3}})).result()
        assert again == 2


def _fields(record: BatchRecord) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def test_a_step_that_fails_leaves_the_version_before_it(path: Path) -> None:
    """All of a step or nothing: the older program still reads the file."""
    with Store(path).closing() as store:
        store.answers.keep(RUN, "w").result()
    with pytest.raises(StoreError):
        open_connection(path, migrations=(*MIGRATIONS, ("CREATE TABLE later (x)", "this is no SQL")))
    with Store(path).closing() as store:
        assert len(store.answers.single_runs()) == 1
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone()[0] == 0
    connection.close()


def test_several_may_open_a_new_store_at_once(path: Path) -> None:
    """Ten kernels start together: each of them gets a store, made once."""
    with ThreadPoolExecutor(10) as pool:
        for connection in pool.map(lambda _: open_connection(path), range(10)):
            connection.close()
    connection = open_connection(path)
    assert connection.execute("SELECT count(*) FROM answers").fetchone()[0] == 0
    connection.close()


@pytest.fixture
def locked(path: Path) -> Iterator[Path]:
    """A store in which another program has begun to write, and does not end."""
    open_connection(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield path
    other.execute("ROLLBACK")
    other.close()


def test_a_store_that_stays_locked_is_an_error_with_its_cure(locked: Path) -> None:
    """Reading goes on; a write says who is in the way, and nothing is half-written."""
    with Store(locked, busy_timeout_s=0.05).closing() as store:
        assert store.answers.single_runs() == []
        with pytest.raises(StoreError, match="locked"):
            store.answers.keep(RUN, "w").result()
        assert store.answers.single_runs() == []


def test_a_full_disk_is_an_error_and_what_was_committed_is_safe(path: Path) -> None:
    """No half of an answer is there, and with room again the store goes on."""
    with Store(path).closing() as store:
        store.answers.keep(RUN, "w").result()
        pages = store.database.put(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
        store.database.put(lambda c: c.execute(f"PRAGMA max_page_count={pages + 2}").fetchone()).result()
        with pytest.raises(StoreError, match=facts(path)):
            store.answers.keep(Run(status="completed", output="x" * 100_000, deployment="d"), "w").result()
        store.database.put(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchone()).result()
        store.answers.keep(RUN, "w").result()
        assert [kept.run.output for kept in store.answers.single_runs()] == ["hi", "hi"]


@pytest.mark.skipif(os.name == "nt", reason="modes of folders are POSIX")
def test_a_folder_that_cannot_be_written_is_an_error_with_its_cure() -> None:
    """One line, and no traceback of SQLite's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        user = os.geteuid()
        if user == 0:  # root may write anywhere: be somebody else meanwhile
            os.seteuid(65534)
        try:
            with pytest.raises(StoreError, match="Permission denied.*fh.configure"):
                Store(Path(folder) / "answers.sqlite3").answers.single_runs()
        finally:
            os.seteuid(user)


class Directly:
    """Transactions over one connection, without the writer's thread: its statements can be traced."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def read(self, function: Callable[[sqlite3.Connection], Any]) -> Any:
        return function(self.connection)

    put = read


@pytest.mark.parametrize(
    "find",
    [
        lambda directly: Pending(directly).prune(1),
        lambda directly: Answers(directly).waiting_of(["k"], without=()),
        lambda directly: _existing(directly.connection, 1, ["k"]),
    ],
    ids=["pending runs are pruned", "runs that wait for a person", "answers of a job in a copy"],
)
def test_the_answers_of_a_job_in_a_batch_are_found_by_its_key(path: Path, find: Callable[[Directly], object]) -> None:
    """By the batch, all its answers would be read for each job: minutes in a batch of 100,000."""
    store = Store(path)
    batch_in(store)
    store.close()
    connection, statements = sqlite3.connect(path), list[str]()
    connection.set_trace_callback(statements.append)
    find(Directly(connection))
    connection.set_trace_callback(None)
    asked = [statement for statement in statements if "answers" in statement]
    plans = [line for one in asked for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {one}")]
    connection.close()
    assert any("answers_by_key (key=?" in line for line in plans), plans
    assert not any("answers_by_batch" in line for line in plans), plans
