"""The writer: a future is done after the commit, and commits are grouped by themselves."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fh_notebook.errors import StoreError
from fh_notebook.store.database import open_connection
from fh_notebook.store.writer import GROUP_MAX, Writer
from tests.told import facts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "answers.sqlite3"
    connection = open_connection(path)
    connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    connection.close()
    return path


@pytest.fixture
def statements() -> list[str]:
    """What SQLite was told by the writer."""
    return []


@pytest.fixture
def writer(path: Path, statements: list[str]) -> Iterator[Writer]:
    connection = open_connection(path)
    connection.set_trace_callback(statements.append)
    made = Writer(connection, path)
    yield made
    made.close()


def _insert(x: int) -> object:
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (x,)).lastrowid


def _hold(writer: Writer) -> tuple[threading.Event, threading.Event]:
    """Let the writer stand inside a transaction until it is told to go on."""
    begun, go = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        begun.set()
        go.wait()

    writer.put(hold)
    assert begun.wait(60)
    return begun, go


def _rows(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]
    finally:
        connection.close()


def test_a_future_is_done_after_the_commit(writer: Writer, path: Path) -> None:
    """Whoever has the result finds the line through any other connection, and gets what the function returned."""
    for x in range(50):
        assert writer.put(_insert(x)).result() == x  # type: ignore[arg-type]
        assert x in _rows(path)


def test_what_came_during_a_commit_is_the_next_commit(writer: Writer, path: Path, statements: list[str]) -> None:
    """No timer: a hundred writes that waited are one transaction."""
    _, go = _hold(writer)
    futures = [writer.put(_insert(x)) for x in range(100)]  # type: ignore[arg-type]
    assert not any(future.done() for future in futures)
    assert _rows(path) == []
    go.set()
    for future in futures:
        future.result()
    assert statements.count("COMMIT") == 2
    assert _rows(path) == list(range(100))


def test_a_group_has_a_bound(writer: Writer, statements: list[str]) -> None:
    """Others wait for the lock while a group is written."""
    _, go = _hold(writer)
    futures = [writer.put(_insert(x)) for x in range(2 * GROUP_MAX)]  # type: ignore[arg-type]
    go.set()
    for future in futures:
        future.result()
    assert statements.count("COMMIT") == 3


def test_a_write_that_is_wrong_fails_alone(writer: Writer, path: Path) -> None:
    """The others of its group are written; its own future has its error."""
    _, go = _hold(writer)

    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (1000)")
        raise ValueError("of its own")

    before, bad, after = writer.put(_insert(1)), writer.put(wrong), writer.put(_insert(2))  # type: ignore[arg-type]
    go.set()
    assert (before.result(), after.result()) == (1, 2)
    with pytest.raises(ValueError, match="of its own"):
        bad.result()
    assert _rows(path) == [1, 2]


def test_a_write_that_sqlite_refuses_is_a_store_error(writer: Writer) -> None:
    """No error of SQLite's leaves the room."""
    with pytest.raises(StoreError, match=facts("no such table: nowhere")):
        writer.put(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)")).result()
    assert writer.put(_insert(1)).result() == 1  # type: ignore[arg-type]


def test_closing_commits_what_was_put(path: Path) -> None:
    """And afterwards a write is refused, not lost."""
    writer = Writer(open_connection(path), path)
    _, go = _hold(writer)
    for x in range(10):
        writer.put(_insert(x))  # type: ignore[arg-type]
    closing = threading.Thread(target=writer.close)
    closing.start()
    go.set()
    closing.join()
    assert _rows(path) == list(range(10))
    with pytest.raises(StoreError, match=facts(path)):
        writer.put(_insert(11))  # type: ignore[arg-type]
    writer.close()
