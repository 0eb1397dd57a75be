"""Table ``jobs``: what a batch's name stands for, job by job, so that a frame too large for memory is read back, and a
batch is opened again without its rows.

Rule of this file: a job is found by its place (row, repeat, arm); the same place planned again takes the new key, and
places that a later plan does not name stay. What was masked is marked: it cannot be sent from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from fh_notebook.store import bulk
from fh_notebook.store.damage import INT, TEXT, checked

__all__ = ["CREATE", "JobLine", "at_positions", "count", "of_batch", "sent", "write"]

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


_KINDS: Final = (INT, INT, INT, TEXT, TEXT, TEXT, TEXT, INT)


def write(connection: sqlite3.Connection, batch: int, lines: Sequence[JobLine]) -> None:
    """Write jobs of one batch."""
    bulk.insert(connection, "INSERT OR REPLACE INTO jobs", lines, first=(batch,))


def of_batch(
    connection: sqlite3.Connection, batch: int, *, after: tuple[int, int, int] = (-1, 0, 0), limit: int = 1_000
) -> Iterator[JobLine]:
    """Yield up to `limit` jobs of one batch behind a place (position, repeat, arm), in the plan's order."""
    found = connection.execute(
        "SELECT position, repeat, arm, key, inputs, metadata, problems, whole FROM jobs"
        " WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?) ORDER BY position, repeat, arm LIMIT ?",
        (batch, *after, limit),
    )
    return map(JobLine._make, checked(found, _KINDS, "a job"))


def sent(
    connection: sqlite3.Connection, batch: int, *, after: tuple[int, int, int] = (-1, 0, 0), limit: int = 10_000
) -> list[tuple[int, int, int, str]]:
    """Return position, repeat, arm and inputs of up to `limit` jobs of one batch behind a place, in their order."""
    found = connection.execute(
        "SELECT position, repeat, arm, inputs FROM jobs"
        " WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?) ORDER BY position, repeat, arm LIMIT ?",
        (batch, *after, limit),
    )
    return list(checked(found, (INT, INT, INT, TEXT), "a job"))


def at_positions(connection: sqlite3.Connection, batch: int, positions: Iterable[int]) -> Iterator[JobLine]:
    """Yield the jobs of the rows at these places of one batch, in the plan's order."""
    found = connection.execute(
        "SELECT position, repeat, arm, key, inputs, metadata, problems, whole FROM jobs"
        " WHERE batch = ? AND position IN (SELECT value FROM json_each(?)) ORDER BY position, repeat, arm",
        (batch, json.dumps(list(positions))),
    )
    return map(JobLine._make, checked(found, _KINDS, "a job"))


def count(connection: sqlite3.Connection, batch: int) -> int:
    """Return how many jobs of one batch there are."""
    return int(connection.execute("SELECT count(*) FROM jobs WHERE batch = ?", (batch,)).fetchone()[0])
