"""Table ``ratings``: blind ratings of outputs by people.

Rule of this file: a rating is one row, and only its ``undone_at`` ever changes, when it is taken back. Its ``uid`` is
made where the key was pressed, so a rating that arrives twice (sent again, merged from two files) is one row. It names
the outputs by their hash (``item``): after a change of an output its rating does not apply any more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

from fh_notebook.store.codec import REAL, REAL_OR_NONE, TEXT, TEXT_OR_NONE, check_rows, seconds_of_moment
from fh_notebook.store.writer import Committed, Transactions

CREATE: Final = (
    """CREATE TABLE ratings (
        uid TEXT PRIMARY KEY,
        rater TEXT NOT NULL,
        kind TEXT NOT NULL,
        item TEXT NOT NULL,
        batch TEXT NOT NULL,
        workspace TEXT NOT NULL,
        row TEXT NOT NULL,
        a TEXT NOT NULL,
        b TEXT,
        shown TEXT NOT NULL,
        choice TEXT NOT NULL,
        seconds REAL NOT NULL,
        rated_at REAL NOT NULL,
        undone_at REAL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX ratings_by_item ON ratings (item)",
    "CREATE INDEX ratings_by_batch ON ratings (batch, workspace)",
)


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One stored rating."""

    uid: str
    rater: str
    kind: str
    """``pair``, ``scale 5``, or ``labels`` with their names as JSON."""
    item: str
    """The hash of the row and of the rated outputs."""
    batch: str
    """The batch of the outputs; empty for outputs of a table."""
    workspace: str
    row: str
    """JSON: the label of the row."""
    a: str
    b: str | None
    """The variants; an output that was rated alone has the first only."""
    shown: str
    """``ab`` or ``ba``: which was on the left; ``a`` of an output alone."""
    choice: str
    """``a``, ``b``, ``tie`` or ``skip``; of an output alone its number or its label, or ``skip``."""
    seconds: float
    """From the display of the outputs to the key."""
    rated_at: float
    """Seconds since 1970, UTC."""
    undone_at: float | None = None
    """When it was taken back, after which it does not count."""


_NAMES: Final = tuple(part.name for part in fields(RatingRow))
_COLUMNS: Final = ", ".join(_NAMES)
_values: Final = attrgetter(*_NAMES)
_KINDS: Final = (*[TEXT] * 8, TEXT_OR_NONE, TEXT, TEXT, REAL, REAL, REAL_OR_NONE)
_INSERT: Final = f"INSERT OR IGNORE INTO ratings ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"


def merge(connection: sqlite3.Connection, ratings: Iterable[RatingRow]) -> tuple[int, int]:
    """Merge ratings of another store; return how many were new, and how many were taken back by them."""
    new = undone = 0
    for rating in ratings:
        new += connection.execute(f"{_INSERT} RETURNING 1", _values(rating)).fetchone() is not None
        if rating.undone_at is not None:
            undone += connection.execute(
                "UPDATE ratings SET undone_at = ? WHERE uid = ? AND undone_at IS NULL", (rating.undone_at, rating.uid)
            ).rowcount
    return new, undone


def of_batch(connection: sqlite3.Connection, batch: str | None, workspace: str | None) -> Iterator[RatingRow]:
    """Yield the ratings of one batch's outputs, or (``None``) all of them, the oldest first."""
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM ratings WHERE (?1 IS NULL OR batch = ?1) AND (?2 IS NULL OR workspace = ?2)"
        " ORDER BY rated_at, uid",
        (batch, workspace),
    )
    return _ratings(cursor)


def _ratings(cursor: sqlite3.Cursor) -> Iterator[RatingRow]:
    for values in check_rows(cursor, _KINDS, "a rating"):
        rating = RatingRow(*values)
        seconds_of_moment(rating.rated_at, "a rating")
        yield rating


def forget(connection: sqlite3.Connection, batch: str | None, workspace: str | None = None) -> int:
    """Remove the ratings of one batch's outputs, or (``None``) all of them; return how many there were."""
    return connection.execute(
        "DELETE FROM ratings WHERE (?1 IS NULL OR batch = ?1) AND (?2 IS NULL OR workspace = ?2)", (batch, workspace)
    ).rowcount


class StoredRatings:
    """Repository of ratings."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, ratings: Sequence[RatingRow], undone: Sequence[str] = ()) -> Committed[None]:
        """Store a person's ratings, and take back the ratings of these uids, in one transaction.

        A rating whose `uid` exists already, and one that was taken back before, stay as they are.
        """
        now = self._database.now().timestamp()

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, map(_values, ratings))
            connection.executemany(
                "UPDATE ratings SET undone_at = ? WHERE uid = ? AND undone_at IS NULL", ((now, uid) for uid in undone)
            )

        return self._database.put(write)

    def merge(self, ratings: Sequence[RatingRow]) -> Committed[tuple[int, int]]:
        """Merge ratings of another store; the future has how many were new, and how many were taken back."""
        return self._database.put(lambda c: merge(c, ratings))

    def of_items(self, items: Iterable[str]) -> list[RatingRow]:
        """Return the ratings of these items, also those taken back, the oldest first."""
        sql = f"SELECT {_COLUMNS} FROM ratings WHERE item IN (SELECT value FROM json_each(?)) ORDER BY rated_at, uid"
        items_json = json.dumps(list(items))
        return self._database.read(lambda c: list(_ratings(c.execute(sql, (items_json,)))))

    def of_batch(self, batch: str | None = None, workspace: str | None = None) -> list[RatingRow]:
        """Return the ratings of one batch's outputs, or all of them, the oldest first."""
        return self._database.read(lambda c: list(of_batch(c, batch, workspace)))
