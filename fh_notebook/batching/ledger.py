"""A batch's answers and claims in the store: what the engine asks before a call, and tells after it.

Rule of this file: a job is claimed before it is sent and its claim leaves with its answer. So what a killed process
leaves claimed may have run: it becomes `unknown`, and is called again only when the user says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from fh_notebook.batching.outcomes import Outcome, is_reusable
from fh_notebook.batching.plan import Job
from fh_notebook.contract.run import Run
from fh_notebook.store.answers import Kept
from fh_notebook.store.owners import Owner
from fh_notebook.store.store import Store

__all__ = ["Ledger", "NoLedger", "Reuse", "StoreLedger", "Turn", "look_up", "lost_run"]

Reuse = Literal["batch", "store"] | timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether a job may be sent now."""

    go: bool = False
    answer: Run | None = None
    """Not needed any more: somebody else has this answer."""


GO: Final = Turn(go=True)
HELD: Final = Turn()
"""Somebody else is calling it; ask again later."""


class Ledger(Protocol):
    """What the engine needs of whatever keeps answers."""

    async def claim(self, job: Job) -> Turn:
        """Ask whether `job` may be sent."""
        ...

    async def release(self, job: Job) -> None:
        """Give back a job that was not sent, or did not run."""
        ...

    async def keep(self, job: Job, run: Run) -> None:
        """Return when the answer is kept for good."""
        ...


class NoLedger:
    """Keeps nothing (``store=None``)."""

    async def claim(self, job: Job) -> Turn:
        """Every job may be sent."""
        return GO

    async def release(self, job: Job) -> None:
        """Nothing to give back."""

    async def keep(self, job: Job, run: Run) -> None:
        """Nothing to keep."""


class StoreLedger:
    """The ledger of one start of a batch.

    Parameters
    ----------
    store : Store
        Where answers and claims lie.
    batch, workspace : str
        Whose they are.
    owner : Owner
        Who claims; alive as long as this start.
    seen_id : int
        The store's newest line when the answers were looked up: later ones are somebody else's news.
    call_lost : bool
        Whether jobs of owners that ended are called again (``retry_unknown=True``, ``fresh=True``).
    """

    def __init__(
        self, store: Store, *, batch: str, workspace: str, owner: Owner, seen_id: int, call_lost: bool = False
    ) -> None:
        self._store = store
        self._batch = batch
        self._workspace = workspace
        self._owner = owner
        self._seen_id = seen_id
        self._call_lost = call_lost

    async def claim(self, job: Job) -> Turn:
        """Ask for a job; see :class:`Turn`."""
        claim = await self._store.claim(self._batch, job.key, self._owner, seen_id=self._seen_id)
        if claim.mine:
            return GO
        if claim.answered is not None:
            return Turn(answer=claim.answered.run)
        return await self._claim_from(job, claim.owner or "")

    async def _claim_from(self, job: Job, holder: str) -> Turn:
        """Somebody has it: wait while they live, and else say that it may have run, or take it over."""
        if self._store.is_alive(holder):
            return HELD
        if self._call_lost:
            taken = await self._store.take_over(self._batch, job.key, from_owner=holder, owner=self._owner)
            return GO if taken else HELD
        run = lost_run(job)
        settled = await self._store.settle(
            run, key=job.key, batch=self._batch, workspace=self._workspace, from_owner=holder
        )
        return Turn(answer=run) if settled else HELD

    async def release(self, job: Job) -> None:
        """Give a job back, committed."""
        await self._store.release(self._batch, job.key, self._owner)

    async def keep(self, job: Job, run: Run) -> None:
        """Keep an answer, committed."""
        await self._store.keep_answer(run, key=job.key, batch=self._batch, workspace=self._workspace, owner=self._owner)


def lost_run(job: Job) -> Run:
    """Return the run of a job whose process ended while it was out."""
    return Run(
        status="unknown",
        error="the process that called it ended before the answer came; it may have run",
        error_code="process_ended",
        attempts=1,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=job.metadata,
    )


def look_up(
    store: Store,
    jobs: Iterable[Job],
    *,
    batch: str,
    workspace: str,
    reuse: Reuse,
    after_id: int,
    now: datetime,
    call_lost: bool = False,
) -> dict[str, Outcome]:
    """Return what is known already of `jobs`, by key.

    Parameters
    ----------
    reuse : {"batch", "store"}, timedelta or None
        Which answers count: of this batch, of any, any that young, or only this batch's since `after_id`.
    after_id : int
        Where a batch that calls anew began; 0 takes all.
    call_lost : bool
        Whether what may have run is to be called again, so that it is no outcome.

    Returns
    -------
    dict of str to Outcome
        For each key the newest answer that is reused; else, where this batch's newest is unknown, that. A failure that
        is older than this batch's unknown is not reused: what may have run since would be called again with it.
    """
    wanted = {job.key: job for job in jobs}
    own = [kept for kept in store.answers_of_batch(batch, after_id=after_id) if kept.key in wanted]
    since = now - reuse if isinstance(reuse, timedelta) else None
    found = _newest_reusable((kept for kept in own if since is None or kept.kept_at >= since), batch)
    if reuse == "store" or since is not None:
        others = store.answers_of_keys([key for key in wanted if key not in found], since=since)
        found |= _newest_reusable(others, batch)
    if call_lost:
        return found
    newest: dict[str, Kept] = {}
    for kept in own:
        newest.setdefault(kept.key, kept)
    for key, kept in newest.items():
        if key not in found and kept.status not in ("completed", "failed"):
            found[key] = Outcome(run=kept.run, kept_at=kept.kept_at)
    return found | _lost(store, wanted, found, batch=batch, workspace=workspace)


def _newest_reusable(kept: Iterable[Kept], batch: str) -> dict[str, Outcome]:
    """Return the newest answer of each key that is reused, from lines that come newest first."""
    found: dict[str, Outcome] = {}
    may_have_run: set[str] = set()
    for one in kept:
        if one.key in found:
            continue
        if one.status not in ("completed", "failed"):
            may_have_run |= {one.key} if one.batch == batch else set()
        elif (one.status == "completed" or one.key not in may_have_run) and is_reusable(one.run):
            found[one.key] = Outcome(run=one.run, reused=True, kept_at=one.kept_at)
    return found


def _lost(
    store: Store, wanted: dict[str, Job], found: dict[str, Outcome], *, batch: str, workspace: str
) -> dict[str, Outcome]:
    """Settle the claims of owners that ended: those jobs may have run."""
    alive: dict[str, bool] = {}
    lost: dict[str, Outcome] = {}
    for key, holder in store.claims_of_batch(batch).items():
        if key not in wanted or key in found:
            continue
        if holder not in alive:
            alive[holder] = store.is_alive(holder)
        if not alive[holder]:
            run = lost_run(wanted[key])
            store.settle(run, key=key, batch=batch, workspace=workspace, from_owner=holder).result()
            lost[key] = Outcome(run=run)
    return lost
