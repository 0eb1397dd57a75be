"""What is written of a batch before any of its calls: its record, rows and jobs, and which kept answers it uses.

Rule of this file: a plan is written in one transaction or not at all, and only over the state that it was made for:
of two kernels that plan the same batch at once, the second one compares again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fh_notebook.store import answers, batches, claims, jobs, rows, uses
from fh_notebook.store.answer_lines import Line
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.jobs import JobLine
from fh_notebook.store.rows import RowLine

__all__ = ["RUNNING", "BatchPlan", "revision_of", "write"]

RUNNING: Final = -1
"""In place of a batch's number: the batch that was to be replaced is running, and one of both is over partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """One write of a batch."""

    record: BatchRecord
    seen: tuple[int, int] = (0, 0)
    """Number and revision of the batch that had the name when this was planned; zeros: none had."""
    rows: Sequence[RowLine] = ()
    jobs: Sequence[JobLine] = ()
    used: Sequence[int] = ()
    """The answers of other batches, and of single runs, that stand for its jobs."""
    copies: Sequence[Line] = ()
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
    told: dict[str, Any] = {**plan.record.plan, "revision": plan.seen[1] + 1}
    record = replace(plan.record, plan=told)
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
    rows.write(connection, batch_id, plan.rows)
    jobs.write(connection, batch_id, plan.jobs)
    uses.write(connection, batch_id, plan.used)
    answers.append_all(connection, [replace(line, batch=batch_id) for line in plan.copies])
    if plan.owner:
        claims.start(connection, batch_id, plan.owner, now=plan.now)
    return batch_id
