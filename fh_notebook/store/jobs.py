"""Table ``jobs``: what a batch's name stands for, job by job, so that a frame too large for memory is read back, and a
batch is opened again without its rows.

Rule of this file: a job is found by its place (row, repeat, arm); the same place planned again takes the new key, and
places that a later plan does not name stay. What was masked is marked: it cannot be sent from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import Final, NamedTuple

from fh_notebook.store import bulk
from fh_notebook.store.damage import INT, TEXT, checked
from fh_notebook.store.writer import Transactions

__all__ = ["CREATE", "JobLine", "Jobs", "of_batch", "write"]

CREATE: Final = (
    """CREATE TABLE jobs (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        repeat INTEGER NOT NULL,
        arm INTEGER NOT NULL,
        key TEXT NOT NULL,
        inputs TEXT NOT NULL,
        metadata TEXT NOT NULL,
        problems TEXT NOT NULL,
        whole INTEGER NOT NULL,
        PRIMARY KEY (batch, position, repeat, arm)
    ) STRICT, WITHOUT ROWID""",
)


class JobLine(NamedTuple):
    """One job as it is kept; a tuple, since there may be millions."""

    position: int
    repeat: int
    arm: int
    """Its place among the batch's arms."""
    key: str
    inputs: str
    """JSON, secrets masked."""
    metadata: str
    """JSON: the user's own."""
    problems: str
    """JSON: why it cannot be called; an empty list when it can."""
    whole: int
    """1 where the inputs are as they are sent, 0 where something in them is masked."""

    def with_key(self, key: str) -> JobLine:
        """Return it with another key."""
        return JobLine(self.position, self.repeat, self.arm, key, self.inputs, self.metadata, self.problems, self.whole)

    def at(self, *, position: int, arm: int) -> JobLine:
        """Return it at another place."""
        return JobLine(position, self.repeat, arm, *self[3:])


_COLUMNS: Final = "position, repeat, arm, key, inputs, metadata, problems, whole"
_KINDS: Final = (INT, INT, INT, TEXT, TEXT, TEXT, TEXT, INT)


def write(connection: sqlite3.Connection, batch: int, lines: Sequence[JobLine]) -> None:
    """Write jobs of one batch."""
    bulk.insert(connection, "INSERT OR REPLACE INTO jobs", lines, first=(batch,))


def of_batch(
    connection: sqlite3.Connection, batch: int, *, after: tuple[int, int, int] = (-1, 0, 0), limit: int = 1_000
) -> Iterator[JobLine]:
    """Yield up to `limit` jobs of one batch behind a place (position, repeat, arm), in the plan's order."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?)"
        " ORDER BY position, repeat, arm LIMIT ?",
        (batch, *after, limit),
    )
    return starmap(JobLine, checked(found, _KINDS, "a job"))


class Jobs:
    """Repository of what batches are made of."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def windows(self, batch: int, *, window: int = 1_000) -> Iterator[list[JobLine]]:
        """Yield the jobs of one batch in the plan's order, `window` at a time."""
        after = (-1, 0, 0)
        while found := self._database.read(
            lambda c, after=after: list(of_batch(c, batch, after=after, limit=window))  # type: ignore[misc]  # bound at once
        ):
            yield found
            after = (found[-1].position, found[-1].repeat, found[-1].arm)

    def sent(self, batch: int, *, window: int = 10_000) -> Iterator[tuple[int, int, str]]:
        """Yield position, arm and inputs of the jobs of one batch, in the plan's order."""
        sql = (
            "SELECT position, repeat, arm, inputs FROM jobs"
            " WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?) ORDER BY position, repeat, arm LIMIT ?"
        )
        kinds = (INT, INT, INT, TEXT)
        after = (-1, 0, 0)
        while found := self._database.read(
            lambda c, after=after: list(checked(c.execute(sql, (batch, *after, window)), kinds, "a job"))  # type: ignore[misc]  # bound at once
        ):
            yield from ((position, arm, inputs) for position, _, arm, inputs in found)
            after = found[-1][:3]

    def at(self, batch: int, positions: Iterable[int]) -> list[JobLine]:
        """Return the jobs of the rows at these places of one batch, in the plan's order."""
        sql = (
            f"SELECT {_COLUMNS} FROM jobs"
            " WHERE batch = ? AND position IN (SELECT value FROM json_each(?)) ORDER BY position, repeat, arm"
        )
        values = (batch, json.dumps(list(positions)))
        return self._database.read(lambda c: list(starmap(JobLine, checked(c.execute(sql, values), _KINDS, "a job"))))

    def count(self, batch: int) -> int:
        """Return how many jobs of one batch are kept."""
        sql = "SELECT count(*) FROM jobs WHERE batch = ?"
        return int(self._database.read(lambda c: c.execute(sql, (batch,)).fetchone())[0])
