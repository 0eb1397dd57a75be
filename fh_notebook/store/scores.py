"""Table ``scores``: what scorers said of answers, so that scoring again costs nothing.

Rule of this file: a score belongs to the line of its answer, to the version of its scorer, and to the hash of what else
was read (``of``: the job, its time and the row's columns). It leaves with its answer, whoever removes that: a trigger
sees to it. What raised is not kept: it is tried again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from fh_notebook.store import bulk
from fh_notebook.store.damage import INT, REAL_OR_NONE, TEXT, TEXT_OR_NONE, checked

__all__ = ["CREATE", "LEAVE", "ScoreLine", "known", "lines_of", "of_answers", "write"]

LEAVE: Final = "CREATE TRIGGER scores_leave AFTER DELETE ON answers BEGIN DELETE FROM scores WHERE answer = old.id; END"
CREATE: Final = (
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


class ScoreLine(NamedTuple):
    """One score as it is kept."""

    answer: int
    """The line of the answer."""
    of: str
    """The hash of what else was read."""
    score: float | None
    """``None``: there was nothing to score by."""
    parts: str | None
    """JSON: what the score is made of."""


def write(connection: sqlite3.Connection, scorer: str, lines: Sequence[ScoreLine], *, now: float) -> None:
    """Keep scores in the place of earlier ones; those of answers that were forgotten meanwhile are left out."""
    (there,) = connection.execute(
        "SELECT json_group_array(id) FROM answers WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([line.answer for line in lines]),),
    ).fetchone()
    still = set(json.loads(there))
    into = "INSERT OR REPLACE INTO scores (scored_at, scorer, answer, of, score, parts)"
    bulk.insert(connection, into, [line for line in lines if line.answer in still], first=(now, scorer))


def known(
    connection: sqlite3.Connection, scorer: str, answers: Iterable[int]
) -> Iterator[tuple[list[tuple[int, str]], float | None, str | None]]:
    """Yield what one scorer said of these answers: (answer, of) of those that have it in common, the score, its parts.

    Scores of yes and no are so few lines, and every line lets the interpreter go and waits for it again.
    """
    found = connection.execute(
        "SELECT json_group_array(answer), json_group_array(of), score, parts FROM json_each(?) AS wanted"
        " CROSS JOIN scores ON scores.answer = wanted.value AND scorer = ? GROUP BY score, parts",
        (json.dumps(list(answers)), scorer),
    )
    return (
        (list(zip(json.loads(those), json.loads(of), strict=True)), score, parts)
        for those, of, score, parts in checked(found, (TEXT, TEXT, REAL_OR_NONE, TEXT_OR_NONE), "a score")
    )


def of_answers(connection: sqlite3.Connection, answers: Iterable[int]) -> Iterator[tuple[int, str, float | None, str]]:
    """Yield (answer, scorer, score, parts as JSON) for all scores of these answers, by answer and scorer."""
    found = connection.execute(
        "SELECT answer, scorer, score, coalesce(parts, 'null') FROM json_each(?) AS wanted CROSS JOIN scores"
        " ON scores.answer = wanted.value ORDER BY answer, scorer, of",
        (json.dumps(list(answers)),),
    )
    return checked(found.fetchall(), (INT, TEXT, REAL_OR_NONE, TEXT), "a score")


def lines_of(connection: sqlite3.Connection, answers: Iterable[int]) -> Iterator[tuple[int, str, ScoreLine]]:
    """Yield (answer, scorer, its line) for all scores of these answers, as they are kept."""
    found = connection.execute(
        "SELECT scorer, answer, of, score, parts FROM json_each(?) AS wanted CROSS JOIN scores"
        " ON scores.answer = wanted.value",
        (json.dumps(list(answers)),),
    )
    lines = checked(found.fetchall(), (TEXT, INT, TEXT, REAL_OR_NONE, TEXT_OR_NONE), "a score")
    return ((line[1], line[0], ScoreLine(*line[1:])) for line in lines)
