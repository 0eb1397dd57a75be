"""Table ``rows``: the source columns of a batch's rows, so that its frame can be made again in another kernel.

Rule of this file: as they may be shown: a column that a password is taken from is masked before it comes here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from fh_notebook.store import bulk
from fh_notebook.store.damage import INT, TEXT, checked

__all__ = ["CREATE", "RowLine", "count", "labels", "of_positions", "write"]

CREATE: Final = (
    """CREATE TABLE rows (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        label TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (batch, position)
    ) STRICT, WITHOUT ROWID""",
)


class RowLine(NamedTuple):
    """One row as it is kept."""

    position: int
    label: str
    """JSON."""
    record: str
    """JSON: column to value."""


def write(connection: sqlite3.Connection, batch: int, lines: Sequence[RowLine]) -> None:
    """Write rows of one batch."""
    bulk.insert(connection, "INSERT OR REPLACE INTO rows", lines, first=(batch,))


def count(connection: sqlite3.Connection, batch: int) -> int:
    """Return how many rows of one batch there are."""
    return int(connection.execute("SELECT count(*) FROM rows WHERE batch = ?", (batch,)).fetchone()[0])


def labels(connection: sqlite3.Connection, batch: int) -> dict[int, str]:
    """Return the labels of one batch's rows, by place."""
    found = connection.execute("SELECT position, label FROM rows WHERE batch = ? ORDER BY position", (batch,))
    return dict(checked(found, (INT, TEXT), "a row"))


def of_positions(connection: sqlite3.Connection, batch: int, positions: Iterable[int]) -> Iterator[RowLine]:
    """Yield the rows at these places of one batch, in no order."""
    found = connection.execute(
        "SELECT position, label, record FROM rows WHERE batch = ? AND position IN (SELECT value FROM json_each(?))",
        (batch, json.dumps(list(positions))),
    )
    return map(RowLine._make, checked(found, (INT, TEXT, TEXT), "a row"))
