"""Bringing a store to the present version: what it costs, who waits for whom, and what is there
when it is cut short.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.errors import StoreError
from fh_notebook.scaling.protocol import BatchSpec
from fh_notebook.scaling.storage.files import open_partition_batch
from fh_notebook.store import database
from fh_notebook.store.database import MIGRATIONS, open_connection
from fh_notebook.store.store import Store
from tests import environment
from tests.store.test_earlier_versions import restored
from tests.told import facts, tells

V7 = 7
ANSWER = "the parcel is late " * 100
LONG = pytest.mark.long


def key_of(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def filled(path: Path, answers: int) -> None:
    """Make a store of version 7 with two batches and single runs."""
    with closing(open_connection(path, migrations=MIGRATIONS[:V7])) as old:
        old.execute("BEGIN")
        for name, at in (("first", 10.0), ("second", 20.0)):
            old.execute(
                "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan)"
                " VALUES (?, 'w', 'd', '[\"v\"]', ?, '{}')",
                (name, at),
            )
        old.executemany(
            "INSERT INTO answers (key, batch, workspace, deployment, variant, status, run, kept_at)"
            " VALUES (?, ?, 'w', 'd', 'v', 'completed', ?, ?)",
            ((key_of(n), ("first", "second", None)[n % 3], json.dumps(run_of(n)), 30.0 + n) for n in range(answers)),
        )
        old.execute("COMMIT")


def run_of(number: int) -> dict[str, object]:
    return {"status": "completed", "output": f"{number} {ANSWER}", "inputs": {"n": number}, "elapsed_s": 1.5}


def test_a_new_store_is_what_an_old_one_becomes(tmp_path: Path) -> None:
    """It is created by the schema that all migrations lead to, without them: the same schema, and no row."""

    def content(path: Path) -> tuple[list[Any], list[str]]:
        with closing(open_connection(path)) as store:
            schema = store.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
            # Copying a table leaves its sequence at 0, which is where an absent one begins.
            rows = [line for line in store.iterdump() if line.startswith("INSERT") and "sqlite_sequence" not in line]
            return sorted(schema, key=str), rows

    open_connection(tmp_path / "old.sqlite3", migrations=MIGRATIONS[:1]).close()
    assert content(tmp_path / "old.sqlite3") == content(tmp_path / "new.sqlite3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite3"


@pytest.fixture
def old_root(tmp_path: Path) -> Iterator[Path]:
    """The store of d287664, in a folder of its own."""
    (tmp_path / "old").mkdir()
    restored(tmp_path / "old")
    with closing(sqlite3.connect(tmp_path / "old" / "old.sqlite3")) as old:
        old.execute("PRAGMA journal_mode=WAL")  # as that code left it
    return tmp_path / "old"


def dumped(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [f"version {version}", *connection.iterdump()]


@pytest.mark.parametrize("answers", [200, pytest.param(200_000, marks=LONG)])
def test_answers_stay_where_they_lie(path: Path, answers: int) -> None:
    """Neither the file nor its log grows by what was said; each line has its number, its batch and its run still."""
    filled(path, answers)
    before = path.stat().st_size
    biggest_log = 0

    def look(connection: sqlite3.Connection) -> None:
        nonlocal biggest_log
        biggest_log = Path(f"{path}-wal").stat().st_size

    with closing(open_connection(path, migrations=(*MIGRATIONS, (look,)))) as here:
        assert path.stat().st_size < 1.1 * before + 200_000
        assert biggest_log < 0.3 * before + 200_000
        assert Path(f"{path}-wal").stat().st_size == 0
        (kept,) = here.execute("SELECT count(*) FROM answers WHERE batch IS ((id - 1) % 3 + 1)").fetchone()
        assert (
            kept
            == here.execute("SELECT count(*) FROM answers WHERE batch IS NOT NULL").fetchone()[0]
            == answers - answers // 3
        )
        here.execute(f"PRAGMA user_version={len(MIGRATIONS)}")  # this version does not know the step above
    with Store(path).closing() as store:
        wanted = [1, 2, 3, answers // 2, answers]
        found = store.answers.by_ids(wanted)
        assert {n: (one.key, one.run.output) for n, one in found.items()} == {
            n: (key_of(n - 1), run_of(n - 1)["output"]) for n in wanted
        }


def test_numbers_go_on_behind_those_of_the_earlier_version(path: Path) -> None:
    """Also where the last lines were forgotten since: no number is given twice."""
    filled(path, 6)
    with closing(open_connection(path)) as here:
        here.execute("DELETE FROM answers WHERE id > 4")
        here.execute(
            "INSERT INTO answers (key, workspace, deployment, status, run, kept_at) VALUES ('k', 'w', 'd', 'failed', '{}', 1.0)"
        )
        assert here.execute("SELECT max(id) FROM answers").fetchone() == (7,)


def test_what_is_forgotten_is_removed_from_where_it_lay(path: Path) -> None:
    """An answer of an earlier version is nowhere in the file after it was removed."""
    filled(path, 60)
    with closing(open_connection(path)) as here:
        assert b"59 the parcel" in path.read_bytes()
        here.execute("DELETE FROM answers WHERE id > 30")
        here.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        there = path.read_bytes()
        assert b"10 the parcel" in there
        assert b"59 the parcel" not in there


def test_a_store_of_version_8_is_opened_with_its_answers(path: Path) -> None:
    """It was made before answers of version 7 stayed where they lie."""
    with closing(open_connection(path, migrations=MIGRATIONS[:8])) as eight:
        eight.execute(
            "INSERT INTO answers (key, workspace, deployment, status, run, kept_at) VALUES (?, 'w', 'd', 'completed', ?, 1.0)",
            (key_of(0), json.dumps(run_of(0))),
        )
    with Store(path).closing() as store:
        assert [kept.run.output for kept in store.answers.single_runs()] == [run_of(0)["output"]]


@pytest.mark.parametrize("version", [7, 8, 9])
def test_the_index_by_batch_is_in_the_order_of_rows(path: Path, version: int) -> None:
    """Whatever version a store is of: each answer of a commit would else change a page of its own."""
    with closing(open_connection(path, migrations=MIGRATIONS[:version])):
        pass
    with closing(open_connection(path)) as here:
        columns = [name for _, _, name in here.execute("PRAGMA index_info(answers_by_batch)")]
    assert columns == ["batch", "id", "key"]


# --- who waits for whom


def test_another_kernel_waits_as_long_as_it_takes_and_says_so(path: Path) -> None:
    """Longer than it waits for any other write; then it opens what the first one made."""
    filled(path, 5)
    is_at_it, is_told, go_on = threading.Event(), threading.Event(), threading.Event()
    lines: list[str] = []

    def stay(connection: sqlite3.Connection) -> None:
        is_at_it.set()
        assert go_on.wait(60)

    def tell(line: str) -> None:
        lines.append(line)
        is_told.set()

    def first() -> None:
        open_connection(path, migrations=(*MIGRATIONS[:-1], (*MIGRATIONS[-1], stay))).close()

    versions = []

    def second() -> None:
        with closing(open_connection(path, busy_timeout_s=0.05, tell=tell)) as here:
            versions.append(here.execute("PRAGMA user_version").fetchone()[0])

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert is_at_it.wait(60)
    threads[1].start()
    assert is_told.wait(60)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert versions == [len(MIGRATIONS)]
    [line] = lines
    assert tells(line, path)
    assert not list(path.with_name(f"{path.name}-owners").iterdir())


def test_a_migration_that_ends_while_the_lock_is_asked_for_is_no_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock was refused before it ended, and nobody has it after: it is asked for once more."""
    filled(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        seen = [True, False]

        def is_alive(folder: Path, name: str) -> bool:
            if not seen[0]:
                other.execute("ROLLBACK")
            return seen.pop(0)

        monkeypatch.setattr(database, "is_alive", is_alive)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0.01)) as here:
            database.begin(here, path, lambda line: None)
    assert seen == []


def test_a_store_that_somebody_else_writes_to_is_not_waited_for_for_ever(path: Path) -> None:
    """A program that holds the write lock and brings nothing up is told as before."""
    filled(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=facts(path)):
            open_connection(path, busy_timeout_s=0.05, tell=pytest.fail)
        other.execute("ROLLBACK")
    open_connection(path, tell=pytest.fail).close()


@LONG
def test_what_takes_longer_than_a_second_is_told_once(path: Path) -> None:
    """One line with the store, its size and the versions."""
    filled(path, 5)
    lines: list[str] = []

    def work(connection: sqlite3.Connection) -> None:
        rounds = 0
        while not lines or (rounds := rounds + 1) < 20:  # and a while longer
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT max(i) FROM n"
            ).fetchone()

    open_connection(path, migrations=(*MIGRATIONS, (work,)), tell=lines.append).close()
    [line] = lines
    assert "\n" not in line
    assert tells(line, path, "1 MB", 7, len(MIGRATIONS) + 1)


# --- cut short

CUT = """
import sys
from pathlib import Path
from fh_notebook.store.database import MIGRATIONS, open_connection

path, step = Path(sys.argv[1]), int(sys.argv[2])

def stay(connection):
    print("here", flush=True)
    sys.stdin.read()

missing = [statement for steps in MIGRATIONS[7:] for statement in steps]
open_connection(path, migrations=(*MIGRATIONS[:7], (*missing[:step], stay), *MIGRATIONS[8:]))
"""
STEPS = sum(map(len, MIGRATIONS[V7:]))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("step", [STEPS // 2, STEPS, *(pytest.param(step, marks=LONG) for step in range(1, STEPS, 4))])
def test_a_kill_on_the_way_leaves_the_earlier_version(old_root: Path, step: int) -> None:
    """With every line of it, readable by the code that wrote it; the next kernel brings it up."""
    path = old_root / "old.sqlite3"
    before = dumped(path)
    with subprocess.Popen(
        [sys.executable, "-c", CUT, str(path), str(step)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment.for_process(old_root),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert dumped(path) == before
    with closing(sqlite3.connect(path)) as old:
        runs = dict(old.execute("SELECT id, run FROM answers"))
    with Store(path).closing() as store:
        found = store.answers.by_ids(runs)
        assert {n: one.run.output for n, one in found.items()} == {
            n: json.loads(run).get("output") for n, run in runs.items()
        }
        assert {record.name for record in store.batches.every()} >= {"tickets", "killed", "queued", "parted", "broken"}
    assert not list(path.with_name(f"{path.name}-owners").glob("migration"))


FULL = """
import resource, sys
from pathlib import Path
from fh_notebook.errors import StoreError
from fh_notebook.store.database import open_connection

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    open_connection(Path(sys.argv[1]))
except StoreError as told:
    print(told)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of files are POSIX")
def test_a_full_disk_on_the_way_leaves_the_earlier_version(old_root: Path) -> None:
    """One error that says what was done, how much room it takes and that nothing changed; the log
    gives its room back.
    """
    path = old_root / "old.sqlite3"
    before = dumped(path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), "50000"],
        capture_output=True,
        text=True,
        env=environment.for_process(old_root),
        timeout=60,
    )
    assert tells(done.stdout, path, 7, len(MIGRATIONS), "1 MB"), done.stderr
    assert dumped(path) == before
    open_connection(path).close()


# --- a worker's own store


def test_a_call_that_was_out_in_a_workers_store_may_have_run(path: Path) -> None:
    """Of a worker that was killed before anything came of its first call there is a claim, and no
    record of the batch.
    """
    with closing(open_connection(path, migrations=MIGRATIONS[:V7])) as old:
        old.execute("INSERT INTO claims VALUES ('parted', ?, 'gone', 10.0)", (key_of(1),))
    spec = BatchSpec(run="r", name="parted", workspace="w", batch_variants=(), folder="nowhere")
    with Store(path).closing() as store:
        assert store.claims.of_batch(open_partition_batch(store, spec).id) == {key_of(1): "gone"}
        assert [(record.name, record.workspace) for record in store.batches.every()] == [("parted", "w")]
