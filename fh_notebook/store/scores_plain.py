"""Table ``plain_scores``: what scorers said of lines of a table, which are no answers of the service.

Rule of this file: such a line is known by the hash of all that a scorer may read of it, and nothing of it is kept but
that hash; so the same line in another table, or in another order, has its score at once. These scores leave by their
age, and with everything.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fh_notebook.store import bulk
from fh_notebook.store.damage import REAL_OR_NONE, TEXT, TEXT_OR_NONE, checked
from fh_notebook.store.writer import Committed, Transactions

__all__ = ["CREATE", "PlainScore", "PlainScores", "forget", "write"]

CREATE: Final = (
    """CREATE TABLE plain_scores (
        content TEXT NOT NULL,
        scorer TEXT NOT NULL,
        score REAL,
        parts TEXT,
        scored_at REAL NOT NULL,
        PRIMARY KEY (content, scorer)
    ) STRICT, WITHOUT ROWID""",
)


class PlainScore(NamedTuple):
    """One score as it is kept."""

    content: str
    """The hash of what was scored."""
    score: float | None
    """``None``: there was nothing to score by."""
    parts: str | None
    """JSON: what the score is made of."""


def write(connection: sqlite3.Connection, scorer: str, lines: Sequence[PlainScore], *, now: float) -> None:
    """Keep scores in the place of earlier ones."""
    into = "INSERT OR REPLACE INTO plain_scores (scored_at, scorer, content, score, parts)"
    bulk.insert(connection, into, lines, first=(now, scorer))


def forget(connection: sqlite3.Connection, *, before: float | None = None) -> None:
    """Remove all of them, or those that were scored before."""
    connection.execute("DELETE FROM plain_scores WHERE ?1 IS NULL OR scored_at < ?1", (before,))


class PlainScores:
    """Repository of the scores of lines of tables."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, scorer: str, lines: Sequence[PlainScore]) -> Committed[None]:
        """Keep what one version of a scorer said of lines of tables."""
        now = self._database.now().timestamp()
        return self._database.put(lambda c: write(c, scorer, lines, now=now))

    def known(self, scorer: str, contents: Iterable[str]) -> list[tuple[list[str], float | None, str | None]]:
        """Return what one version of a scorer said of these lines of tables.

        Each line has the contents that have a score in common, the score, and its parts as JSON.
        """
        sql = (
            "SELECT json_group_array(content), score, parts FROM json_each(?) AS wanted CROSS JOIN plain_scores"
            " ON plain_scores.content = wanted.value AND scorer = ? GROUP BY score, parts"
        )
        values, kinds = (json.dumps(list(contents)), scorer), (TEXT, REAL_OR_NONE, TEXT_OR_NONE)
        return self._database.read(
            lambda c: [
                (json.loads(those), score, parts)
                for those, score, parts in checked(c.execute(sql, values), kinds, "a score")
            ]
        )
