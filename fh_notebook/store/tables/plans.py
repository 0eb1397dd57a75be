"""The plan of a batch, written in one transaction before its calls; table ``uses``: stored answers that it reuses.

Rules of this file:

1. An answer belongs to the batch that paid for it, or to none (a single run); another batch that takes it
   (``reuse="store"``, a race, ``replace=True``) is noted here. A line leaves with its answer: a trigger sees to it.
   What lies in a Parquet file has no number: the batch that takes it has a copy of its own.
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

__all__ = ["CREATE_USES", "RUNNING", "BatchPlan", "Uses", "inherit_uses", "revision_of", "write", "write_uses"]


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
    """Note that a batch uses these answers; its own, and those that were forgotten meanwhile, are left out."""
    connection.execute(
        "INSERT OR IGNORE INTO uses SELECT ?1, id FROM answers WHERE id IN (SELECT value FROM json_each(?2))"
        " AND batch IS NOT ?1",
        (batch, json.dumps(list(answer_ids))),
    )


def inherit_uses(connection: sqlite3.Connection, batch: int) -> int:
    """Give the answers of a batch that others use to the first of those; return how many that were.

    They are then that batch's own, and stay when `batch` is removed.
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
    """Repository of what batches show and did not pay for."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, batch: int, lines: Sequence[int], copies: Sequence[AnswerRow] = ()) -> Committed[None]:
        """Keep that a batch shows these answers of others; of those that lie in Parquet files it has copies."""

        def write_both(connection: sqlite3.Connection) -> None:
            write_uses(connection, batch, lines)
            append_all(connection, [replace(line, batch=batch) for line in copies])

        return self._database.put(write_both)

    def of_batch(self, batch: int) -> list[int]:
        """Return the numbers of the answers of others that one batch uses."""
        sql = "SELECT answer FROM uses WHERE batch = ?"
        return [number for (number,) in self._database.read(lambda c: c.execute(sql, (batch,)).fetchall())]


RUNNING: Final = -1
"""In place of a batch's number: the batch that was to be replaced is running, and one of both is over partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """One write of a batch."""

    record: BatchRecord
    seen: tuple[int, int] = (0, 0)
    """Number and revision of the batch that had the name when this was planned; zeros: none had."""
    rows: Sequence[StoredRow] = ()
    jobs: Sequence[JobRow] = ()
    used: Sequence[int] = ()
    """The answers of other batches, and of single runs, that stand for its jobs."""
    copies: Sequence[AnswerRow] = ()
    """Those among them that lie in no table of the store (in Parquet files, say): they become the batch's own."""
    earlier_name: str = ""
    """The batch that had the name keeps all that it has under this name, and a new one begins."""
    owner: str = ""
    """Who runs it, where that is known before it is written (an iterator's windows)."""
    now: float
    """Seconds since 1970, UTC."""


def revision_of(record: BatchRecord | None) -> tuple[int, int]:
    """Return number and revision of a batch; zeros for none."""
    return (record.id, int(record.plan.get("revision") or 0)) if record is not None else (0, 0)


def write(connection: sqlite3.Connection, plan: BatchPlan, is_alive: Callable[[str], bool]) -> int:
    """Write a plan and return the batch's number.

    It is 0 where the batch is another one than the plan was made for, and `RUNNING` where the batch that it replaces is
    over partitions and is running.
    """
    plan_values: dict[str, Any] = {**plan.record.plan, "revision": plan.seen[1] + 1}
    record = replace(plan.record, plan=plan_values)
    goes_on = plan.seen[0] and not plan.earlier_name
    if goes_on:
        current = batches.by_id(connection, plan.seen[0])  # it may have another name by now
    else:
        current = batches.find(connection, record.name, record.workspace)
    if revision_of(current) != plan.seen:
        return 0
    if goes_on:
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
    answers.append_all(connection, [replace(line, batch=batch_id) for line in plan.copies])
    if plan.owner:
        claims.start(connection, batch_id, plan.owner, now=plan.now)
    return batch_id
