"""The plan of a batch, written in one transaction before its calls; table ``uses``: saved answers that it reuses.

Rules of this file:

1. An answer belongs to the batch that paid for it, or to none (a single run). Another batch that uses it
   (``reuse="store"``, a race, ``replace=True``) has a row here, which a trigger deletes with the answer. An answer in a
   Parquet file has no id: the batch that uses it gets a copy.
2. A plan is written in one transaction or not at all, and only over the state that it was made for: of two kernels
   that plan the same batch at once, the second one compares again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fh_notebook.store.tables import answers, batches, claims
from fh_notebook.store.tables.answers import AnswerRow, append_all
from fh_notebook.store.tables.batches import BatchRecord, JobRow, StoredRow
from fh_notebook.store.writer import Committed, Transactions

CREATE_USES: Final = (
    """CREATE TABLE uses (
        batch INTEGER NOT NULL,
        answer INTEGER NOT NULL,
        PRIMARY KEY (batch, answer)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX uses_by_answer ON uses (answer)",
    "CREATE TRIGGER uses_leave AFTER DELETE ON answers BEGIN DELETE FROM uses WHERE answer = old.id; END",
)


def write_uses(connection: sqlite3.Connection, batch: int, answer_ids: Iterable[int]) -> None:
    """Record that a batch uses these answers; its own and forgotten ones are left out."""
    connection.execute(
        "INSERT OR IGNORE INTO uses SELECT ?1, id FROM answers WHERE id IN (SELECT value FROM json_each(?2))"
        " AND batch IS NOT ?1",
        (batch, json.dumps(list(answer_ids))),
    )


def inherit_uses(connection: sqlite3.Connection, batch: int) -> int:
    """Move the answers of a batch that others use to the first of those batches; return how many that were.

    They are that batch's own then, and stay when `batch` is removed.
    """
    moved = connection.execute(
        "UPDATE answers SET batch = (SELECT min(uses.batch) FROM uses WHERE uses.answer = answers.id)"
        " WHERE batch = ? AND EXISTS (SELECT 1 FROM uses WHERE uses.answer = answers.id)",
        (batch,),
    ).rowcount
    connection.execute(
        "DELETE FROM uses WHERE EXISTS (SELECT 1 FROM answers WHERE answers.id = uses.answer"
        " AND answers.batch = uses.batch)"
    )
    return moved


class Uses:
    """Repository of the answers of others that batches use."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, batch: int, answer_ids: Sequence[int], copies: Sequence[AnswerRow] = ()) -> Committed[None]:
        """Record that a batch uses these answers of others, and store copies of answers in Parquet files."""

        def write_both(connection: sqlite3.Connection) -> None:
            write_uses(connection, batch, answer_ids)
            append_all(connection, [row._replace(batch=batch) for row in copies])

        return self._database.put(write_both)

    def of_batch(self, batch: int) -> list[int]:
        """Return the ids of the answers of others that one batch uses."""
        sql = "SELECT answer FROM uses WHERE batch = ?"
        return [number for (number,) in self._database.read(lambda c: c.execute(sql, (batch,)).fetchall())]


RUNNING: Final = -1
"""In place of a batch's id: the batch to be replaced is running, and one of both is over partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """The plan of a batch, to be written in one transaction."""

    record: BatchRecord
    seen: tuple[int, int] = (0, 0)
    """Id and revision of the batch that had the name when this was planned; zeros without one."""
    rows: Sequence[StoredRow] = ()
    jobs: Sequence[JobRow] = ()
    used: Sequence[int] = ()
    """Ids of answers of other batches, and of single runs, for its jobs."""
    copies: Sequence[AnswerRow] = ()
    """Copies of reused answers that have no row in the store (in Parquet files, for example)."""
    earlier_name: str = ""
    """The new name of the batch that had the name, where a new batch begins."""
    owner: str = ""
    """The owner that runs it, where that is known before it is written (an iterator's windows)."""
    now: float
    """Seconds since 1970, UTC."""


def revision_of(record: BatchRecord | None) -> tuple[int, int]:
    """Return id and revision of a batch; zeros without one."""
    return (record.id, int(record.plan.get("revision") or 0)) if record is not None else (0, 0)


def write(connection: sqlite3.Connection, plan: BatchPlan, is_alive: Callable[[str], bool]) -> int:
    """Write a plan and return the batch's id.

    It is 0 where the batch has changed since the plan was made, and `RUNNING` where the batch that it replaces is over
    partitions and is running.
    """
    plan_values: dict[str, Any] = {**plan.record.plan, "revision": plan.seen[1] + 1}
    record = replace(plan.record, plan=plan_values)
    is_continued = plan.seen[0] and not plan.earlier_name
    if is_continued:
        current = batches.by_id(connection, plan.seen[0])  # it may have been renamed
    else:
        current = batches.find(connection, record.name, record.workspace)
    if revision_of(current) != plan.seen:
        return 0
    if is_continued:
        batch_id = plan.seen[0]
        batches.update(connection, batch_id, record)
    else:
        if plan.earlier_name:
            if current is not None and "parts" in current.plan and claims.is_run(connection, current.id, is_alive):
                return RUNNING
            batches.rename(connection, plan.seen[0], plan.earlier_name)
        batch_id = batches.write(connection, record)
        if plan.earlier_name:
            batches.note_replaced(connection, record.plan.get("replaced", ()), by=batch_id)
    batches.write_rows(connection, batch_id, plan.rows)
    batches.write_jobs(connection, batch_id, plan.jobs)
    write_uses(connection, batch_id, plan.used)
    answers.append_all(connection, [row._replace(batch=batch_id) for row in plan.copies])
    if plan.owner:
        claims.start(connection, batch_id, plan.owner, now=plan.now)
    return batch_id
