"""Calls with unknown outcome: ask the service for their runs.

Rule of this file: nothing is called again. What the service does not know, or does not say, stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from fh_notebook.batching.model import Job
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.planning.work_queue import WorkQueue
from fh_notebook.contract.run import Run
from fh_notebook.core.text.messages import counted

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client

__all__ = ["resolution_text", "resolved_calls"]


async def resolved_calls(
    windows: Iterable[list[tuple[Job, Run]]], work_queue: WorkQueue, stored: StoredBatch, client: Client
) -> tuple[int, int]:
    """Look up every run that has a request id, one after the other, and keep what is final.

    Returns
    -------
    (int, int)
        How many are known now, and how many are not.

    Raises
    ------
    AuthError
        The service refused the key.
    """
    known = left = 0
    for window in windows:
        for job, run in window:
            answer = await _asked(client, job, run)
            if answer is None:
                left += 1
                continue
            line, _ = await stored.store.claims.answer(answer, key=job.key, batch=stored.id, workspace=client.workspace)
            work_queue.finished(job, answer, line=line, reused=False)
            known += 1
    return known, left


async def _asked(client: Client, job: Job, run: Run) -> Run | None:
    """Return what became of a call, or nothing where the service does not say."""
    if not run.request_id:
        return None
    found = await client.aclient.retrieve(run.request_id, run_id=run.run_id)
    if found.status not in ("completed", "failed") or (
        found.status == "failed" and found.output is None and not found.error
    ):
        return None
    return replace(
        found,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=run.metadata,
        elapsed_s=run.elapsed_s,
        attempts=run.attempts,
        started_at=found.started_at or run.started_at,
    )


def resolution_text(known: int, left: int) -> str:
    """Say what came of the questions.

    Examples
    --------
    >>> resolution_text(2, 1)
    '2 calls are known now; 1 is still unknown: batch.resume(retry_unknown=True) calls it again, and may pay twice'
    >>> resolution_text(0, 0)
    'No call is unknown.'
    """
    if not known and not left:
        return "No call is unknown."
    parts = [f"{counted(known, 'call')} {'is' if known == 1 else 'are'} known now"] if known else []
    if left:
        it = "it" if left == 1 else "them"
        parts.append(
            f"{left:,} {'is' if left == 1 else 'are'} still unknown: batch.resume(retry_unknown=True) calls {it} "
            "again, and may pay twice"
        )
    return "; ".join(parts)
