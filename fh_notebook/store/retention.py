"""Removal of stored answers and batches over all tables, and table ``forgotten``, which marks the jobs removed.

Rules of this file:

1. A mark is a hash of a batch's name and a job's key. It says nothing of either to whoever reads it.
2. What is removed is gone from the file, too (``secure_delete``): inputs and outputs lie there in plain text. Nothing
   is removed outside of the workspace that is named, and a batch that somebody is running is not touched.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from fh_notebook.store import writer
from fh_notebook.store.tables import batches, plans, ratings, scores
from fh_notebook.store.writer import Transactions

__all__ = [
    "CREATE_FORGOTTEN",
    "Forgotten",
    "ForgottenJobs",
    "Which",
    "forget",
    "inherit_parts",
    "part_paths",
    "running",
    "write_marks",
]


CREATE_FORGOTTEN: Final = ("CREATE TABLE forgotten (mark TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",)


def _mark_of(batch: str, key: str) -> str:
    return sha256(f"{batch}\0{key}".encode()).hexdigest()[:32]


def write_marks(connection: sqlite3.Connection, jobs: Iterable[tuple[str, str]]) -> None:
    """Note jobs, each by the name of its batch and its key."""
    writer.insert(connection, "INSERT OR IGNORE INTO forgotten", [(_mark_of(batch, key),) for batch, key in jobs])


class ForgottenJobs:
    """Repository of the marks."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def count(self, batch: str, keys: Iterable[str]) -> int:
        """Return of how many of these jobs of a batch, by its name, the answers were removed."""
        sql = "SELECT count(*) FROM forgotten WHERE mark IN (SELECT value FROM json_each(?))"
        marks = json.dumps([_mark_of(batch, key) for key in keys])
        return int(self._database.read(lambda c: c.execute(sql, (marks,)).fetchone())[0])


Condition = tuple[str, tuple[object, ...]]
"""SQL that holds for a line, and the values for its marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """What is to be removed: everything that fits all of what is given."""

    batch: str | None = None
    """The name of a batch."""
    deployment: str | None = None
    before: datetime | None = None
    """Answers that were kept earlier, UTC."""
    workspace: str | None = None
    """Where; ``None`` is every workspace of the file."""
    spared: tuple[int, ...] = ()
    """The numbers of the batches that are left alone."""

    @property
    def is_one_batch(self) -> bool:
        """Whether it is a batch that is named, rather than answers: then what others use of it stays with them."""
        return self.batch is not None and self.deployment is None and self.before is None

    def of_answers(self) -> Condition:
        """Return the condition on lines of ``answers``."""
        return self._condition(
            "answers.batch IN (SELECT id FROM batches WHERE name = ?)",
            "answers.deployment = ?",
            "answers.kept_at < ?",
            "answers.workspace = ?",
            "coalesce(answers.batch, 0) NOT IN (SELECT value FROM json_each(?))",
        )

    def of_parts(self) -> Condition:
        """Return the condition on lines of ``parts``: files of answers of batches over partitions."""
        batch = "SELECT 1 FROM batches WHERE batches.name = parts.batch AND batches.workspace = parts.workspace"
        return self._condition(
            "parts.batch = ?",
            f"EXISTS ({batch} AND batches.deployment = ?)",
            "parts.kept_at < ?",
            "parts.workspace = ?",
            f"NOT EXISTS ({batch} AND batches.id IN (SELECT value FROM json_each(?)))",
        )

    def of_pending(self) -> Condition:
        """Return the condition on lines of ``pending``."""
        return self._condition(
            "pending.batch IN (SELECT id FROM batches WHERE name = ?)",
            "pending.deployment = ?",
            "pending.submitted_at < ?",
            "pending.workspace = ?",
            "coalesce(pending.batch, 0) NOT IN (SELECT value FROM json_each(?))",
        )

    def of_batches(self) -> Condition:
        """Return the condition on lines of ``batches``."""
        return self._condition(
            "batches.name = ?",
            "batches.deployment = ?",
            "batches.created_at < ?",
            "batches.workspace = ?",
            "batches.id NOT IN (SELECT value FROM json_each(?))",
        )

    def _condition(self, batch: str, deployment: str, before: str, workspace: str, spared: str) -> Condition:
        """Return what holds for a line of a table where all of what is given fits, and the values for its marks."""
        given = (
            (batch, self.batch),
            (deployment, self.deployment),
            (before, self.before.timestamp() if self.before is not None else None),
            (workspace, self.workspace),
            (spared, json.dumps(self.spared) if self.spared else None),
        )
        asked = [(condition, value) for condition, value in given if value is not None]
        return " AND ".join(["1", *(condition for condition, _ in asked)]), tuple(value for _, value in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was removed, and what was kept for other batches."""

    answers: int = 0
    batches: int = 0
    kept: int = 0
    """Answers that stay, since other batches use them."""
    kept_by: tuple[str, ...] = ()
    """The names of those batches."""
    borrowed: int = 0
    """Answers that the batches showed and others had paid for; they stay."""


def part_paths(connection: sqlite3.Connection, which: Which) -> list[str]:
    """Return the paths of the files of answers in question."""
    condition, values = which.of_parts()
    return [path for (path,) in connection.execute(f"SELECT path FROM parts WHERE {condition}", values)]


def inherit_parts(connection: sqlite3.Connection, which: Which) -> None:
    """Give the files of a batch that another batch shows to that one: they stay when the batch is removed."""
    condition, values = which.of_batches()
    gone = connection.execute(f"SELECT name, workspace FROM batches WHERE {condition}", values).fetchall()
    for record in list(batches.every(connection)) if gone and which.is_one_batch else ():
        kept = record.plan.get("parts")
        if not kept or not kept["anywhere"]:
            continue
        plans = json.dumps([plan for plan, *_ in kept["partitions"]])
        for name, workspace in gone:
            if (name, workspace) != (record.name, record.workspace) and workspace == record.workspace:
                connection.execute(
                    "UPDATE parts SET batch = ? WHERE batch = ? AND workspace = ?"
                    " AND lower(hex(plan)) IN (SELECT value FROM json_each(?))",
                    (record.name, name, workspace, plans),
                )


def running(connection: sqlite3.Connection, which: Which, is_alive: Callable[[str], bool]) -> dict[int, str]:
    """Return the batches in question, or with answers in question, that somebody who lives is running: number, name."""
    of_batches, named = which.of_batches()
    of_answers, answered = which.of_answers()
    found = connection.execute(
        "SELECT claims.batch, batches.name, claims.owner FROM (SELECT DISTINCT batch, owner FROM claims) AS claims"
        f" JOIN batches ON batches.id = claims.batch WHERE {of_batches}"
        f" OR EXISTS (SELECT 1 FROM answers WHERE answers.batch = claims.batch AND {of_answers})",
        (*named, *answered),
    ).fetchall()
    return {number: name for number, name, owner in found if is_alive(owner)}


def forget(connection: sqlite3.Connection, which: Which) -> Forgotten:
    """Remove what is in question; return what was removed and what was kept."""
    return _forget_batch(connection, which) if which.is_one_batch else _forget_answers(connection, which)


def _forget_batch(connection: sqlite3.Connection, which: Which) -> Forgotten:
    condition, values = which.of_batches()
    gone = connection.execute(f"SELECT id, name, workspace FROM batches WHERE {condition}", values).fetchall()
    removed = kept = borrowed = 0
    kept_by: dict[str, None] = {}
    for number, _, _ in gone:
        users = connection.execute(
            "SELECT DISTINCT batches.name FROM answers JOIN uses ON uses.answer = answers.id"
            " JOIN batches ON batches.id = uses.batch WHERE answers.batch = ? ORDER BY 1",
            (number,),
        )
        kept_by |= dict.fromkeys(name for (name,) in users)
        kept += plans.inherit_uses(connection, number)
        borrowed += connection.execute("SELECT count(*) FROM uses WHERE batch = ?", (number,)).fetchone()[0]
        removed += connection.execute("DELETE FROM answers WHERE batch = ?", (number,)).rowcount
        connection.execute("DELETE FROM pending WHERE batch = ?", (number,))
    removed += _forget_parts(connection, which)
    _remove_batches(connection, gone)
    return Forgotten(answers=removed, batches=len(gone), kept=kept, kept_by=tuple(kept_by), borrowed=borrowed)


def _forget_answers(connection: sqlite3.Connection, which: Which) -> Forgotten:
    """Remove answers from every batch, and the batches of which none is left with their rows."""
    condition, values = which.of_answers()
    _mark_jobs(connection, condition, values)
    removed = connection.execute(f"DELETE FROM answers WHERE {condition}", values).rowcount
    removed += _forget_parts(connection, which)
    of_pending, asked = which.of_pending()
    connection.execute(f"DELETE FROM pending WHERE {of_pending}", asked)  # their inputs lie there, too
    if which.batch is None and which.deployment is None and which.workspace is None:
        # Scores and ratings of tables from elsewhere are of no workspace.
        scores.forget_plain_scores(connection, before=which.before.timestamp() if which.before is not None else None)
        if which.before is None:
            ratings.forget(connection, None)
    of_batches, named = which.of_batches()
    emptied = connection.execute(
        f"SELECT id, name, workspace FROM batches WHERE {of_batches}"
        " AND NOT EXISTS (SELECT 1 FROM answers WHERE answers.batch = batches.id)"
        " AND NOT EXISTS (SELECT 1 FROM uses WHERE uses.batch = batches.id) AND NOT EXISTS (SELECT 1"
        " FROM parts WHERE parts.batch = batches.name AND parts.workspace = batches.workspace)"
        # Calls of later than that may have run, or are still to be answered.
        " AND (? IS NULL OR NOT EXISTS (SELECT 1 FROM claims WHERE claims.batch = batches.id AND claimed_at >= ?)"
        " AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.batch = batches.id AND submitted_at >= ?))",
        (*named, *[which.before.timestamp() if which.before is not None else None] * 3),
    ).fetchall()
    _remove_batches(connection, emptied)
    return Forgotten(answers=removed, batches=len(emptied))


def _mark_jobs(connection: sqlite3.Connection, condition: str, values: tuple[object, ...]) -> None:
    """Note the jobs whose answers are about to be removed, under the name of each batch that shows them."""
    found = connection.execute(
        f"SELECT batches.name, answers.key FROM answers JOIN batches ON batches.id = answers.batch WHERE {condition}"
        " UNION SELECT batches.name, answers.key FROM answers JOIN uses ON uses.answer = answers.id"
        f" JOIN batches ON batches.id = uses.batch WHERE {condition}",
        (*values, *values),
    )
    write_marks(connection, found.fetchall())


def _forget_parts(connection: sqlite3.Connection, which: Which) -> int:
    condition, values = which.of_parts()
    lost = f"SELECT coalesce(sum(done + failed + unknown), 0) FROM parts WHERE {condition}"
    answers = int(connection.execute(lost, values).fetchone()[0])
    connection.execute(f"DELETE FROM parts WHERE {condition}", values)
    return answers


def _remove_batches(connection: sqlite3.Connection, gone: Iterable[tuple[int, str, str]]) -> None:
    for number, name, workspace in gone:
        for table in ("jobs", "rows", "planned_rows", "claims", "uses"):
            connection.execute(f"DELETE FROM {table} WHERE batch = ?", (number,))
        ratings.forget(connection, name, workspace)
        connection.execute("DELETE FROM batches WHERE id = ?", (number,))
