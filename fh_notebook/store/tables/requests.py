"""Table ``requests``: how many requests were sent to each workspace on each day (UTC), by kind.

Rule of this file: it counts requests that may count against the subscription's daily cap (CONTRACT sections 2 and 10),
and forgetting answers does not change it. A call of a batch is counted with its claim, which is committed before the
call: so kernels that share a store see each other's calls, and the calls of a killed process are counted.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

from fh_notebook.store.writer import Committed, Transactions

__all__ = ["CREATE", "Kind", "Requests", "add", "on_day"]

Kind = Literal["invoke", "lookup", "probe", "upload"]
"""A call of a workflow; a look-up of a run; a check of the key; a file that was sent."""

CREATE: Final = (
    """CREATE TABLE requests (
        workspace TEXT NOT NULL,
        day TEXT NOT NULL,
        kind TEXT NOT NULL,
        requests INTEGER NOT NULL,
        PRIMARY KEY (workspace, day, kind)
    ) STRICT, WITHOUT ROWID""",
    # Requests from before this table existed, as far as their answers are still stored.
    "INSERT INTO requests SELECT workspace, day, 'invoke', sum(calls) FROM"
    " (SELECT workspace, date(kept_at, 'unixepoch') AS day, calls FROM answers"
    " UNION ALL SELECT workspace, date(kept_at, 'unixepoch'), calls FROM parts)"
    " WHERE day IS NOT NULL GROUP BY workspace, day HAVING sum(calls) > 0",
)


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


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


class Requests:
    """Repository of the counts of requests."""

    def __init__(self, database: Transactions) -> None:
        self._database = database
        self._unwritten: dict[Committed[None], tuple[str, str, int]] = {}
        """Workspace, day and requests of what :meth:`count` was told and is not known to be written."""
        self._process = os.getpid()

    def count(
        self, workspace: str, requests: int, *, kind: Kind = "invoke", at: datetime | None = None
    ) -> Committed[None]:
        """Count requests sent now; a negative number subtracts requests counted `at` that time and not sent."""
        now = at or self._database.now()
        unwritten = self._unwritten_here()
        written = self._database.put(partial(add, workspace=workspace, now=now, requests=requests, kind=kind))
        unwritten[written] = workspace, _day(now), requests
        written.add_done_callback(lambda _: unwritten.pop(written, None))
        return written

    def written(self) -> Committed[None]:
        """Return what is done when everything that was counted before is written."""
        return self._database.put(lambda connection: None)

    def _unwritten_here(self) -> dict[Committed[None], tuple[str, str, int]]:
        """Return :attr:`_unwritten`, without what the parent of a fork writes."""
        if self._process != os.getpid():
            self._unwritten, self._process = {}, os.getpid()
        return self._unwritten

    def on_day(self, workspace: str, now: datetime) -> int:
        """Return how many requests were sent to a workspace on the day (UTC) of `now`, by any kernel.

        What :meth:`count` was told counts at once; for a moment, while it is written, it counts twice.
        """
        place = workspace, _day(now)
        unwritten = sum(requests for *of, requests in list(self._unwritten_here().values()) if tuple(of) == place)
        return self._database.read(lambda c: on_day(c, workspace, now)) + unwritten

    def total(self) -> int:
        """Return how many requests were ever sent, to any workspace."""
        sql = "SELECT coalesce(sum(requests), 0) FROM requests"
        return int(self._database.read(lambda c: c.execute(sql).fetchone())[0])
