"""Table ``requests``: how many requests were sent to each workspace on each day (UTC), by kind.

Rule of this file: it counts requests that may count against the subscription's daily cap (CONTRACT sections 2 and 10),
and forgetting answers does not change it. A call of a batch is counted with its claim, which is committed before the
call: so kernels that share a store see each other's calls, and the calls of a killed process are counted.

Each batch of which nothing is saved has a store of its own in memory. All stores in memory of a process use one table
(:func:`share_in_process`), so that such batches and single calls share the daily cap, until the last of these stores is
closed.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from fh_notebook.errors import StoreError
from fh_notebook.store.writer import IN_MEMORY, Committed, Transactions

Kind = Literal["invoke", "lookup", "probe", "upload"]
"""A call of a workflow; a look-up of a run; a check of the key; a file that was sent."""

_COLUMNS: Final = """(
        workspace TEXT NOT NULL,
        day TEXT NOT NULL,
        kind TEXT NOT NULL,
        requests INTEGER NOT NULL,
        PRIMARY KEY (workspace, day, kind)
    ) STRICT, WITHOUT ROWID"""

CREATE: Final = (
    f"CREATE TABLE requests {_COLUMNS}",
    # Requests from before this table existed, as far as their answers are still stored.
    "INSERT INTO requests SELECT workspace, day, 'invoke', sum(calls) FROM"
    " (SELECT workspace, date(kept_at, 'unixepoch') AS day, calls FROM answers"
    " UNION ALL SELECT workspace, date(kept_at, 'unixepoch'), calls FROM parts)"
    " WHERE day IS NOT NULL GROUP BY workspace, day HAVING sum(calls) > 0",
)


def share_in_process(connection: sqlite3.Connection) -> None:
    """Have a store in memory use the table of this process in place of its own one.

    SQLite has a database in memory with a name (``memdb``, since 3.36; strict tables need 3.37) for all connections of
    one process, with the locks of a file. A child after a fork has another name: it counts by itself. Where SQLite was
    built without such databases (``SQLITE_OMIT_DESERIALIZE``), so does each store.
    """
    try:
        connection.execute("ATTACH ? AS process", (f"file:/fh-notebook-{os.getpid()}?vfs=memdb",))
    except sqlite3.OperationalError as exc:
        if "vfs" not in str(exc):
            raise
        return
    connection.execute(f"CREATE TABLE IF NOT EXISTS process.requests {_COLUMNS}")
    connection.execute("DROP TABLE main.requests")  # without it the name means the other table in every statement


def add(connection: sqlite3.Connection, workspace: str, now: datetime, requests: int, *, kind: Kind = "invoke") -> None:
    """Count requests sent at `now`; a negative number subtracts requests counted then and not sent."""
    if requests:
        connection.execute(
            "INSERT INTO requests VALUES (?1, ?2, ?3, max(0, ?4))"
            " ON CONFLICT DO UPDATE SET requests = max(0, requests + ?4)",
            (workspace, _day(now), kind, requests),
        )


def on_day(connection: sqlite3.Connection, workspace: str, now: datetime) -> int:
    """Return how many requests were sent to a workspace on the day of `now`, of every kind."""
    cursor = connection.execute(
        "SELECT coalesce(sum(requests), 0) FROM requests WHERE workspace = ? AND day = ?", (workspace, _day(now))
    )
    return int(cursor.fetchone()[0])


def _remove_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM requests")


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


PATIENCE_S: Final = 1.0
"""As long a reader waits for a commit, which takes milliseconds: it may be the event loop."""

_Place = tuple[int, str, str]
"""Process, workspace and day: in a child after a fork, what its parent has not written is the parent's."""


def _place(workspace: str, now: datetime) -> _Place:
    return os.getpid(), workspace, _day(now)


@dataclass(slots=True)
class _Count:
    """What `Requests.count` was told."""

    place: _Place
    requests: int
    is_begun: bool = False
    """Whether its transaction has begun: from then on a reader cannot tell whether the file has it."""


_Unwritten = dict[Committed[None], _Count]
"""What is not known to be written."""

_unwritten_in_memory: Final[_Unwritten] = {}
"""Of all stores in memory, which have one table."""


class Requests:
    """Repository of the counts of requests."""

    def __init__(self, database: Transactions) -> None:
        self._database = database
        self._unwritten = _unwritten_in_memory if database.path == IN_MEMORY else {}

    def count(
        self, workspace: str, requests: int, *, kind: Kind = "invoke", at: datetime | None = None
    ) -> Committed[None]:
        """Count requests sent now; a negative number subtracts requests counted `at` that time and not sent."""
        now = at or self._database.now()
        count = _Count(_place(workspace, now), requests)

        def write(connection: sqlite3.Connection) -> None:
            count.is_begun = True
            add(connection, workspace, now, requests, kind=kind)

        written = self._database.put(write)
        self._unwritten[written] = count
        written.add_done_callback(lambda _: self._unwritten.pop(written, None))
        return written

    def forget(self) -> Committed[None]:
        """Remove all counts."""
        return self._database.put(_remove_all)

    def written(self) -> Committed[None]:
        """Return what is done when everything that was counted before is written."""
        return self._database.put(lambda connection: None)

    def on_day(self, workspace: str, now: datetime) -> int:
        """Return how many requests were sent to a workspace on the day (UTC) of `now`, by any kernel.

        What :meth:`count` was told counts at once, and once. A count that is being committed is waited for; where that
        takes longer than :data:`PATIENCE_S`, it may count twice.
        """
        place, until = _place(workspace, now), time.monotonic() + PATIENCE_S
        while True:
            unwritten = {w: count for w, count in list(self._unwritten.items()) if count.place == place}
            total = self._database.read(lambda c: on_day(c, workspace, now))
            total += sum(count.requests for count in unwritten.values())
            left_s = until - time.monotonic()
            begun = [written for written, count in unwritten.items() if count.is_begun]
            if not begun or left_s <= 0:
                return total
            with suppress(StoreError, TimeoutError):  # what was not written is not counted then
                begun[-1].result(left_s)

    def total(self) -> int:
        """Return how many requests were ever sent, to any workspace."""
        sql = "SELECT coalesce(sum(requests), 0) FROM requests"
        return int(self._database.read(lambda c: c.execute(sql).fetchone())[0])
