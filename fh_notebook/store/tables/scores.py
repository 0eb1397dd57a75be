"""Tables ``scores`` and ``plain_scores``: scorers' results for saved answers and for rows of plain tables.

Rules of this file:

1. A score of an answer is identified by the answer, the version of its scorer, and the hash of the other values that
   the scorer read (``of``: the job, its time and the row's columns). A trigger deletes it with the answer. An error of
   a scorer is not stored, so that it scores again.
2. A score of a row of a plain table is identified by the hash of all that a scorer may read of the row; only that hash
   is stored. So the same row in another table, or in another order, has its score at once. These scores are deleted
   by their age, and with everything.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from fh_notebook.store import writer
from fh_notebook.store.codec import INT, REAL_OR_NONE, TEXT, TEXT_OR_NONE, check_rows
from fh_notebook.store.writer import Committed, Transactions

LEAVE: Final = "CREATE TRIGGER scores_leave AFTER DELETE ON answers BEGIN DELETE FROM scores WHERE answer = old.id; END"

CREATE_SCORES: Final = (
    """CREATE TABLE scores (
        answer INTEGER NOT NULL,
        scorer TEXT NOT NULL,
        of TEXT NOT NULL,
        score REAL,
        parts TEXT,
        scored_at REAL NOT NULL,
        PRIMARY KEY (answer, scorer, of)
    ) STRICT, WITHOUT ROWID""",
    LEAVE,
)


class ScoreRow(NamedTuple):
    """One stored score of an answer."""

    answer: int
    """The id of the answer."""
    of: str
    """The hash of the other values that were read."""
    score: float | None
    """``None``: the row has no value to score by."""
    parts: str | None
    """JSON: the components of the score."""


def write_scores(connection: sqlite3.Connection, scorer: str, rows: Sequence[ScoreRow], *, now: float) -> None:
    """Write scores in place of earlier ones; scores of forgotten answers are left out."""
    (existing,) = connection.execute(
        "SELECT json_group_array(id) FROM answers WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([row.answer for row in rows]),),
    ).fetchone()
    existing_ids = set(json.loads(existing))
    into = "INSERT OR REPLACE INTO scores (scored_at, scorer, answer, of, score, parts)"
    writer.insert(connection, into, [row for row in rows if row.answer in existing_ids], first=(now, scorer))


def rows_of(connection: sqlite3.Connection, answers: Iterable[int]) -> Iterator[tuple[int, str, ScoreRow]]:
    """Yield (answer, scorer, row) for all scores of these answers."""
    cursor = connection.execute(
        "SELECT scorer, answer, of, score, parts FROM json_each(?) AS wanted CROSS JOIN scores"
        " ON scores.answer = wanted.value",
        (json.dumps(list(answers)),),
    )
    rows = check_rows(cursor, (TEXT, INT, TEXT, REAL_OR_NONE, TEXT_OR_NONE), "a score")
    return ((row[1], row[0], ScoreRow(*row[1:])) for row in rows)


class Scores:
    """Repository of the scores of answers."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, scorer: str, rows: Sequence[ScoreRow]) -> Committed[None]:
        """Store the scores of one version of a scorer for answers."""
        now = self._database.now().timestamp()
        return self._database.put(lambda c: write_scores(c, scorer, rows, now=now))

    def of_scorer(
        self, scorer: str, answers: Iterable[int]
    ) -> list[tuple[list[tuple[int, str]], float | None, str | None]]:
        """Return the scores of one version of a scorer for these answers.

        Each item has (answer, of) of the answers that share a score, the score, and its parts as JSON. Scores of yes
        and no make few rows, and every row releases the interpreter lock and waits for it again.
        """
        sql = (
            "SELECT json_group_array(answer), json_group_array(of), score, parts FROM json_each(?) AS wanted"
            " CROSS JOIN scores ON scores.answer = wanted.value AND scorer = ? GROUP BY score, parts"
        )
        values, kinds = (json.dumps(list(answers)), scorer), (TEXT, TEXT, REAL_OR_NONE, TEXT_OR_NONE)
        return self._database.read(
            lambda c: [
                (list(zip(json.loads(answers_json), json.loads(of), strict=True)), score, parts)
                for answers_json, of, score, parts in check_rows(c.execute(sql, values), kinds, "a score")
            ]
        )

    def of_answers(self, answers: Iterable[int]) -> list[tuple[int, str, float | None, str]]:
        """Return (answer, scorer, score, parts as JSON) for all scores of these answers, by answer and scorer."""
        sql = (
            "SELECT answer, scorer, score, coalesce(parts, 'null') FROM json_each(?) AS wanted CROSS JOIN scores"
            " ON scores.answer = wanted.value ORDER BY answer, scorer, of"
        )
        values, kinds = (json.dumps(list(answers)),), (INT, TEXT, REAL_OR_NONE, TEXT)
        return self._database.read(lambda c: check_rows(c.execute(sql, values), kinds, "a score"))

    def rows_of(self, answers: Iterable[int]) -> list[tuple[int, str, ScoreRow]]:
        """Return (answer, scorer, row) for all scores of these answers."""
        answer_ids = list(answers)
        return self._database.read(lambda c: list(rows_of(c, answer_ids)))


CREATE_PLAIN_SCORES: Final = (
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
    """One stored score of a row of a plain table."""

    content: str
    """The hash of the scored row."""
    score: float | None
    """``None``: the row has no value to score by."""
    parts: str | None
    """JSON: the components of the score."""


def write_plain_scores(connection: sqlite3.Connection, scorer: str, rows: Sequence[PlainScore], *, now: float) -> None:
    """Write scores in place of earlier ones."""
    into = "INSERT OR REPLACE INTO plain_scores (scored_at, scorer, content, score, parts)"
    writer.insert(connection, into, rows, first=(now, scorer))


def forget_plain_scores(connection: sqlite3.Connection, *, before: float | None = None) -> None:
    """Delete all plain scores, or those that were scored before."""
    connection.execute("DELETE FROM plain_scores WHERE ?1 IS NULL OR scored_at < ?1", (before,))


class PlainScores:
    """Repository of the scores of rows of plain tables."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, scorer: str, rows: Sequence[PlainScore]) -> Committed[None]:
        """Store the scores of one version of a scorer for rows of tables."""
        now = self._database.now().timestamp()
        return self._database.put(lambda c: write_plain_scores(c, scorer, rows, now=now))

    def of_scorer(self, scorer: str, contents: Iterable[str]) -> list[tuple[list[str], float | None, str | None]]:
        """Return the scores of one version of a scorer for these rows of tables.

        Each item has the contents that share a score, the score, and its parts as JSON.
        """
        sql = (
            "SELECT json_group_array(content), score, parts FROM json_each(?) AS wanted CROSS JOIN plain_scores"
            " ON plain_scores.content = wanted.value AND scorer = ? GROUP BY score, parts"
        )
        values, kinds = (json.dumps(list(contents)), scorer), (TEXT, REAL_OR_NONE, TEXT_OR_NONE)
        return self._database.read(
            lambda c: [
                (json.loads(contents_json), score, parts)
                for contents_json, score, parts in check_rows(c.execute(sql, values), kinds, "a score")
            ]
        )
