"""Several processes on one store, and processes that end badly."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import traceback
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.contract.run import Run
from fh_notebook.store import database
from fh_notebook.store.store import Store
from fh_notebook.store.tables import requests
from tests import environment
from tests.store.kept import answers_in, batch_in

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork and SIGKILL are POSIX")

RUN = Run(status="completed", output="hi", deployment="d")


def _program(text: str, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    head = (
        "import sys\nfrom datetime import UTC, datetime\nfrom fh_notebook.store.tables.batches import BatchRecord\n"
        "from fh_notebook.store.store import Store\nfrom fh_notebook.contract.run import Run\n"
        "RECORD = BatchRecord(name='b', workspace='w', deployment='d', variants=(), created_at=datetime.now(UTC))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-c", head + text, *map(str, arguments)],
        env=environment.for_process(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


WRITING = """
store = Store(sys.argv[1])
batch = store.batches.keep(RECORD).result()
for i in range(int(sys.argv[3])):
    store.claims.answer(Run(status="completed", output=i), key=f"{sys.argv[2]}-{i}", batch=batch, workspace="w").result()
    print(i)
"""


def test_several_processes_write_into_one_store(tmp_path: Path) -> None:
    """Four kernels at once: every answer of each is there, and the file is whole."""
    path = tmp_path / "answers.sqlite3"
    writing = [_program(WRITING, tmp_path, path, name, 100) for name in "abcd"]
    for process in writing:
        process.communicate(timeout=60)
    assert [process.returncode for process in writing] == [0] * 4
    with Store(path).closing() as store:
        assert {kept.key for kept in answers_in(store, "b")} == {f"{n}-{i}" for n in "abcd" for i in range(100)}
        assert len(store.batches.every()) == 1


def test_a_killed_process_loses_no_answer_that_was_committed(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing: what was acknowledged is there, and the file is whole."""
    path = tmp_path / "answers.sqlite3"
    process = _program(WRITING, tmp_path, path, "a", 1_000_000)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 200:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.communicate()
    acknowledged = int(rest[-1]) if rest else 200
    with Store(path).closing() as store:
        kept = {int(kept.run.output) for kept in answers_in(store, "b")}
        assert store.database.put(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]).result() == "ok"
    assert set(range(acknowledged + 1)) <= kept
    assert len(kept) <= acknowledged + 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_keep(tmp_path: Path) -> None:
    """The child opens the file anew; neither closes the other's connection, nor drops its locks."""
    with Store(tmp_path / "answers.sqlite3").closing() as store:
        store.answers.keep(RUN, "parent").result()
        child = os.fork()
        if child == 0:
            try:
                assert len(store.answers.single_runs()) >= 1
                for _ in range(20):
                    store.answers.keep(RUN, "child").result(timeout=60)
                store.close()
            except BaseException:
                traceback.print_exc()  # the parent's output is captured: shown when the test fails
                os._exit(1)
            os._exit(0)
        for _ in range(20):
            store.answers.keep(RUN, "parent").result(timeout=60)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(store.answers.single_runs()) == 41


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_write_leaves_the_child_free(tmp_path: Path) -> None:
    """Locks that the parent's threads held at the fork are not the child's."""
    with Store(tmp_path / "answers.sqlite3").closing() as store:
        store.answers.keep(RUN, "parent").result()
        waiting = []
        children = []
        for _ in range(5):
            waiting += [store.answers.keep(RUN, "parent") for _ in range(100)]
            child = os.fork()  # the writer's thread is inside SQLite
            if child == 0:
                try:
                    store.answers.keep(RUN, "child").result(timeout=60)
                except BaseException:
                    traceback.print_exc()  # the parent's output is captured: shown when the test fails
                    os._exit(1)
                os._exit(0)
            children.append(child)
        for future in waiting:
            future.result()
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 5
        assert len(store.answers.single_runs(1000)) == 506


def test_a_store_that_nobody_holds_any_more_during_a_fork_is_closed_after_it(tmp_path: Path) -> None:
    """Closed between the two halves of a fork, it would wait for a lock that the forking thread itself holds."""
    stores = [Store(tmp_path / "answers.sqlite3")]
    stores[0].answers.keep(RUN, "parent").result()

    def fork() -> None:
        database._before_fork()
        stores.clear()
        gc.collect()
        database._after_fork_in_parent()

    forking = threading.Thread(target=fork, daemon=True)
    forking.start()
    forking.join(timeout=60)
    assert not forking.is_alive()
    with Store(tmp_path / "answers.sqlite3").closing() as again:
        assert len(again.answers.single_runs()) == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_stores_in_memory_count_requests_for_their_own_process() -> None:
    """All of one process together, also before it is written; a forked child begins at 0."""
    now = datetime.now(UTC)
    with Store.in_memory().closing() as one, Store.in_memory().closing() as two:
        written = one.requests.count("forking", 3, at=now)
        assert two.requests.on_day("forking", now) >= 3
        written.result()
        child = os.fork()
        if child == 0:
            try:
                two.requests.count("forking", 1, at=now).result(timeout=60)
                assert (one.requests.on_day("forking", now), one.requests.total()) == (1, 1)
            except BaseException:
                traceback.print_exc()  # the parent's output is captured: shown when the test fails
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert two.requests.on_day("forking", now) == 3
        one.requests.forget().result()


def test_a_store_in_memory_counts_for_itself_where_sqlite_has_no_named_ones() -> None:
    """It is a matter of how SQLite was built; any other error is one."""

    class Other(sqlite3.Connection):
        says = "no such vfs: memdb"

        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            if sql.startswith("ATTACH"):
                raise sqlite3.OperationalError(self.says)
            return super().execute(sql, parameters)

    with closing(sqlite3.connect(":memory:", factory=Other)) as connection:
        connection.execute("CREATE TABLE requests (own)")
        requests.share_in_process(connection)
        connection.execute("SELECT own FROM main.requests")
        Other.says = "unable to open database"
        with pytest.raises(sqlite3.OperationalError, match="unable"):
            requests.share_in_process(connection)


OWNING = """
store = Store(sys.argv[1])
batch = store.batches.keep(RECORD).result()
owner = store.owners.new()
print(store.claims.take(batch, "k", owner, workspace="w", seen_id=0).result().mine, owner.name)
sys.stdin.read()
"""


def test_an_owner_lives_as_long_as_its_process_and_no_longer(tmp_path: Path) -> None:
    """While it runs its job is its own; killed, it is known to be dead at once, and its job can be settled once."""
    path = tmp_path / "answers.sqlite3"
    process = _program(OWNING, tmp_path, path)
    assert process.stdout is not None
    mine, name = process.stdout.readline().split()
    with Store(path).closing() as store:
        owner, batch = store.owners.new(), batch_in(store)
        assert mine == "True"
        assert store.owners.is_alive(name)
        assert store.claims.take(batch, "k", owner, workspace="w", seen_id=0).result().owner == name
        process.kill()
        process.communicate()
        assert not store.owners.is_alive(name)
        assert store.claims.of_batch(batch) == {"k": name}
        lost = Run(status="unknown", error_code="process_ended")
        settled = [
            store.claims.settle(lost, key="k", batch=batch, workspace="w", from_owner=name).result() for _ in range(2)
        ]
        assert store.claims.of_batch(batch) == {}
        [kept] = answers_in(store, "b")
        assert (kept.status, settled) == ("unknown", [kept.id, 0])
        owner.end()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_does_not_keep_its_parents_owner_alive(tmp_path: Path) -> None:
    """The lock goes with the process that took it, whatever children are left."""
    path = tmp_path / "answers.sqlite3"
    program = """
import os, time
store = Store(sys.argv[1])
owner = store.owners.new()
ready, begun = os.pipe()
child = os.fork()
if child:
    os.read(ready, 1)  # what a fork has to do in the child is done
    print(owner.name, child)
else:
    os.close(1)
    os.write(begun, b"x")
sys.stdin.read()
"""
    process = _program(program, tmp_path, path)
    assert process.stdout is not None
    name, child = process.stdout.readline().split()
    with Store(path).closing() as store:
        assert store.owners.is_alive(name)
        process.kill()
        process.wait()
        os.kill(int(child), 0)  # the child is still there
        assert not store.owners.is_alive(name)
    process.communicate()
