"""Removal of saved answers and batches over all tables, and table ``forgotten``, which marks the jobs removed.

Rules of this file:

1. A mark is a hash of a batch's name and a job's key, so it reveals neither.
2. Removed rows are overwritten in the file, too (``secure_delete``): it holds inputs and outputs in plain text. Nothing
   is removed outside the named workspace, and a batch that a live process runs is left alone.
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
from fh_notebook.store.tables import batches, corrections, plans, profiles, ratings, scores
from fh_notebook.store.writer import Transactions

CREATE_FORGOTTEN: Final = ("CREATE TABLE forgotten (mark TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",)


def _mark_of(batch: str, key: str) -> str:
    return sha256(f"{batch}\0{key}".encode()).hexdigest()[:32]


def write_marks(connection: sqlite3.Connection, jobs: Iterable[tuple[str, str]]) -> None:
    """Mark jobs, each by the name of its batch and its key."""
    writer.insert(connection, "INSERT OR IGNORE INTO forgotten", [(_mark_of(batch, key),) for batch, key in jobs])


class ForgottenJobs:
    """Repository of the marks."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def count(self, batch: str, keys: Iterable[str]) -> int:
        """Return for how many of these jobs of a batch, by its name, the answers were removed."""
        if not self._database.read(lambda c: c.execute("SELECT EXISTS (SELECT 1 FROM forgotten)").fetchone())[0]:
            return 0  # as nearly always: hashing the keys of 5,000 jobs takes longer than the rest of the look
        sql = "SELECT count(*) FROM forgotten WHERE mark IN (SELECT value FROM json_each(?))"
        marks = json.dumps([_mark_of(batch, key) for key in keys])
        return int(self._database.read(lambda c: c.execute(sql, (marks,)).fetchone())[0])


Condition = tuple[str, tuple[object, ...]]
"""An SQL condition, and the values of its placeholders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetFilter:
    """Filter of what is to be removed: answers and batches that meet every criterion that is set."""

    batch: str | None = None
    """The name of a batch."""
    deployment: str | None = None
    before: datetime | None = None
    """Answers that were stored before, UTC."""
    workspace: str | None = None
    """``None`` is every workspace of the file."""
    spared: tuple[int, ...] = ()
    """The ids of batches that are left alone."""

    @property
    def is_one_batch(self) -> bool:
        """Whether it names a batch rather than answers: then answers that other batches use stay with those."""
        return self.batch is not None and self.deployment is None and self.before is None

    @property
    def is_everything(self) -> bool:
        """Whether it is all of a workspace, or of the file: then corrections, which are of no batch, go too."""
        return self.batch is None and self.deployment is None and self.before is None

    def of_answers(self) -> Condition:
        """Return the condition on rows of ``answers``."""
        return self._condition(
            "answers.batch IN (SELECT id FROM batches WHERE name = ?)",
            "answers.deployment = ?",
            "answers.kept_at < ?",
            "answers.workspace = ?",
            "coalesce(answers.batch, 0) NOT IN (SELECT value FROM json_each(?))",
        )

    def of_parts(self) -> Condition:
        """Return the condition on rows of ``parts``: files of answers of batches over partitions."""
        batch = "SELECT 1 FROM batches WHERE batches.name = parts.batch AND batches.workspace = parts.workspace"
        return self._condition(
            "parts.batch = ?",
            f"EXISTS ({batch} AND batches.deployment = ?)",
            "parts.kept_at < ?",
            "parts.workspace = ?",
            f"NOT EXISTS ({batch} AND batches.id IN (SELECT value FROM json_each(?)))",
        )

    def of_pending(self) -> Condition:
        """Return the condition on rows of ``pending``."""
        return self._condition(
            "pending.batch IN (SELECT id FROM batches WHERE name = ?)",
            "pending.deployment = ?",
            "pending.submitted_at < ?",
            "pending.workspace = ?",
            "coalesce(pending.batch, 0) NOT IN (SELECT value FROM json_each(?))",
        )

    def of_batches(self) -> Condition:
        """Return the condition on rows of ``batches``."""
        return self._condition(
            "batches.name = ?",
            "batches.deployment = ?",
            "batches.created_at < ?",
            "batches.workspace = ?",
            "batches.id NOT IN (SELECT value FROM json_each(?))",
        )

    def _condition(self, batch: str, deployment: str, before: str, workspace: str, spared: str) -> Condition:
        """Return the condition on rows of a table that meet every criterion that is set."""
        criteria = (
            (batch, self.batch),
            (deployment, self.deployment),
            (before, self.before.timestamp() if self.before is not None else None),
            (workspace, self.workspace),
            (spared, json.dumps(self.spared) if self.spared else None),
        )
        used = [(condition, value) for condition, value in criteria if value is not None]
        return " AND ".join(["1", *(condition for condition, _ in used)]), tuple(value for _, value in used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """Counts of what was removed, and of what was left for other batches."""

    answers: int = 0
    batches: int = 0
    kept: int = 0
    """Answers that stay, since other batches use them."""
    kept_by: tuple[str, ...] = ()
    """The names of those batches."""
    borrowed: int = 0
    """Answers that the batches used and other batches own; they stay."""


def part_paths(connection: sqlite3.Connection, criteria: ForgetFilter) -> list[str]:
    """Return the paths of the matching files of answers."""
    condition, values = criteria.of_parts()
    return [path for (path,) in connection.execute(f"SELECT path FROM parts WHERE {condition}", values)]


def inherit_parts(connection: sqlite3.Connection, criteria: ForgetFilter) -> None:
    """Assign the files of a batch that another batch uses to that one, so that they stay when the batch is removed."""
    condition, values = criteria.of_batches()
    removed = connection.execute(f"SELECT name, workspace FROM batches WHERE {condition}", values).fetchall()
    for record in list(batches.every(connection)) if removed and criteria.is_one_batch else ():
        parts = record.plan.get("parts")
        if not parts or not parts["anywhere"]:
            continue
        plans = json.dumps([plan for plan, *_ in parts["partitions"]])
        for name, workspace in removed:
            if (name, workspace) != (record.name, record.workspace) and workspace == record.workspace:
                connection.execute(
                    "UPDATE parts SET batch = ? WHERE batch = ? AND workspace = ?"
                    " AND lower(hex(plan)) IN (SELECT value FROM json_each(?))",
                    (record.name, name, workspace, plans),
                )


def running(connection: sqlite3.Connection, criteria: ForgetFilter, is_alive: Callable[[str], bool]) -> dict[int, str]:
    """Return the matching batches, and those with matching answers, that a live process runs: id -> name."""
    of_batches, batch_values = criteria.of_batches()
    of_answers, answer_values = criteria.of_answers()
    rows = connection.execute(
        "SELECT claims.batch, batches.name, claims.owner FROM (SELECT DISTINCT batch, owner FROM claims) AS claims"
        f" JOIN batches ON batches.id = claims.batch WHERE {of_batches}"
        f" OR EXISTS (SELECT 1 FROM answers WHERE answers.batch = claims.batch AND {of_answers})",
        (*batch_values, *answer_values),
    ).fetchall()
    return {number: name for number, name, owner in rows if is_alive(owner)}


def forget(connection: sqlite3.Connection, criteria: ForgetFilter) -> Forgotten:
    """Remove everything that matches; return counts of what was removed and what was left."""
    return _forget_batch(connection, criteria) if criteria.is_one_batch else _forget_answers(connection, criteria)


def _forget_batch(connection: sqlite3.Connection, criteria: ForgetFilter) -> Forgotten:
    condition, values = criteria.of_batches()
    batch_rows = connection.execute(f"SELECT id, name, workspace FROM batches WHERE {condition}", values).fetchall()
    removed = inherited = borrowed = 0
    kept_by: dict[str, None] = {}
    for number, _, _ in batch_rows:
        users = connection.execute(
            "SELECT DISTINCT batches.name FROM answers JOIN uses ON uses.answer = answers.id"
            " JOIN batches ON batches.id = uses.batch WHERE answers.batch = ? ORDER BY 1",
            (number,),
        )
        kept_by |= dict.fromkeys(name for (name,) in users)
        inherited += plans.inherit_uses(connection, number)
        borrowed += connection.execute("SELECT count(*) FROM uses WHERE batch = ?", (number,)).fetchone()[0]
        removed += connection.execute("DELETE FROM answers WHERE batch = ?", (number,)).rowcount
        connection.execute("DELETE FROM pending WHERE batch = ?", (number,))
    removed += _forget_parts(connection, criteria)
    _remove_batches(connection, batch_rows)
    return Forgotten(
        answers=removed, batches=len(batch_rows), kept=inherited, kept_by=tuple(kept_by), borrowed=borrowed
    )


def _forget_answers(connection: sqlite3.Connection, criteria: ForgetFilter) -> Forgotten:
    """Remove answers from every batch, and the batches, with their rows, that have none left."""
    before_s = criteria.before.timestamp() if criteria.before is not None else None
    condition, values = criteria.of_answers()
    _mark_jobs(connection, condition, values)
    removed = connection.execute(f"DELETE FROM answers WHERE {condition}", values).rowcount
    removed += _forget_parts(connection, criteria)
    of_pending, pending_values = criteria.of_pending()
    connection.execute(f"DELETE FROM pending WHERE {of_pending}", pending_values)  # it has their inputs, too
    if criteria.is_everything:
        corrections.forget(connection, criteria.workspace)
        profiles.forget(connection, criteria.workspace)
    if criteria.batch is None and criteria.deployment is None and criteria.workspace is None:
        # Scores and ratings of the user's own tables belong to no workspace.
        scores.forget_plain_scores(connection, before=before_s)
        if criteria.is_everything:
            ratings.forget(connection, None)
    of_batches, batch_values = criteria.of_batches()
    emptied = connection.execute(
        f"SELECT id, name, workspace FROM batches WHERE {of_batches}"
        " AND NOT EXISTS (SELECT 1 FROM answers WHERE answers.batch = batches.id)"
        " AND NOT EXISTS (SELECT 1 FROM uses WHERE uses.batch = batches.id) AND NOT EXISTS (SELECT 1"
        " FROM parts WHERE parts.batch = batches.name AND parts.workspace = batches.workspace)"
        # Later calls may have run, or have no answer yet.
        " AND (? IS NULL OR NOT EXISTS (SELECT 1 FROM claims WHERE claims.batch = batches.id AND claimed_at >= ?)"
        " AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.batch = batches.id AND submitted_at >= ?))",
        (*batch_values, *[before_s] * 3),
    ).fetchall()
    _remove_batches(connection, emptied)
    return Forgotten(answers=removed, batches=len(emptied))


def _mark_jobs(connection: sqlite3.Connection, condition: str, values: tuple[object, ...]) -> None:
    """Mark the jobs whose answers are about to be removed, under the name of each batch that uses them."""
    jobs = connection.execute(
        f"SELECT batches.name, answers.key FROM answers JOIN batches ON batches.id = answers.batch WHERE {condition}"
        " UNION SELECT batches.name, answers.key FROM answers JOIN uses ON uses.answer = answers.id"
        f" JOIN batches ON batches.id = uses.batch WHERE {condition}",
        (*values, *values),
    )
    write_marks(connection, jobs.fetchall())


def _forget_parts(connection: sqlite3.Connection, criteria: ForgetFilter) -> int:
    condition, values = criteria.of_parts()
    sql = f"SELECT coalesce(sum(done + failed + unknown), 0) FROM parts WHERE {condition}"
    answers = int(connection.execute(sql, values).fetchone()[0])
    connection.execute(f"DELETE FROM parts WHERE {condition}", values)
    return answers


def _remove_batches(connection: sqlite3.Connection, batch_rows: Iterable[tuple[int, str, str]]) -> None:
    for number, name, workspace in batch_rows:
        for table in ("jobs", "rows", "planned_rows", "claims", "uses"):
            connection.execute(f"DELETE FROM {table} WHERE batch = ?", (number,))
        ratings.forget(connection, name, workspace)
        connection.execute("DELETE FROM batches WHERE id = ?", (number,))
